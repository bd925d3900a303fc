/*
 * Scenarios: what people do, as data (docs/load.md is the manual of the format).
 *
 *     file
 *       stages      how many begin per second, or how many people there are, over time
 *       scenarios   by weight: each arrival is somebody who goes through one of them
 *         set         variables at the begin
 *         steps       one request each
 *
 *     step:  [chance] -> think -> request -> reply -- retry on ----> think, request
 *                                              |----- end_on ------> the end, refused
 *                                              |----- expect ------> take, check
 *                                              |                      |- until does not hold: every
 *                                              |                      |- again, leave, next step
 *                                              '----- anything else -> the end, an error
 *
 * Memory: all is in the arena of the file, texts as slices of the source or copies there. It is
 * read-only once read.
 */
#ifndef TACOS_LOAD_SCENARIO_H
#define TACOS_LOAD_SCENARIO_H

#include "load/schedule.h"
#include "load/template.h"
#include "net/http.h"

enum {
  LOAD_SCENARIOS_MAX = 16,
  LOAD_STEPS_MAX = 64, /* of all scenarios of a file */
  LOAD_HEADERS_MAX = 16,
  LOAD_LIST_MAX = 8, /* conditions, checks, takes of a step */
  SCENARIO_FILE_BYTES = 1 << 20,
};

/* Nanoseconds, drawn evenly from low to high. */
struct load_span {
  int64_t low_ns, high_ns;
};

/* A reply that is meant: by its status, or by the code of its error body. */
struct load_condition {
  uint16_t status;   /* 0: by the code */
  struct bytes code; /* "SOLD_OUT" */
};

struct load_conditions {
  uint32_t count;
  struct load_condition items[LOAD_LIST_MAX];
};

/* A field of the reply that is to have a value; `any`: that is to be there. */
struct load_match {
  struct bytes path;
  bool any;
  struct template is;
};

struct load_matches {
  uint32_t count;
  struct load_match items[LOAD_LIST_MAX];
};

/* A field of the reply that becomes a variable. */
struct load_take {
  uint32_t variable;
  struct bytes path;
};

struct load_takes {
  uint32_t count;
  struct load_take items[LOAD_LIST_MAX];
};

/* A variable that is set to a text. */
struct load_set {
  uint32_t variable;
  bool is_json;
  struct template value;
};

struct load_sets {
  uint32_t count;
  struct load_set items[LOAD_LIST_MAX];
};

struct load_repeat {
  uint32_t at_most; /* requests; 0: there is no repeat */
  int64_t every_ns; /* between two of them */
  struct load_matches until;
  bool leave; /* when it never holds: they leave, instead of an error */
};

struct load_retry {
  uint32_t at_most; /* further requests; 0: there is no retry */
  struct load_conditions on;
  struct load_span after;
  struct load_takes take;
};

struct load_step {
  struct bytes name;
  enum http_method method;
  struct template path;
  uint32_t header_count;
  struct template headers[LOAD_HEADERS_MAX]; /* "name: value" lines without their ends */
  bool has_type;                             /* a content-type is among the headers */
  bool has_body;
  struct template body;
  struct load_sets set; /* before each try */
  struct load_span think;
  double chance;                 /* that it is done at all */
  double leave;                  /* that who did it goes away */
  double again;                  /* that it is done once more: a refresh */
  double twice;                  /* that the same request is sent a second time at once */
  struct load_conditions expect; /* none: any 2xx and 304 */
  struct load_conditions end_on;
  struct load_matches check;
  struct load_takes take;
  struct load_repeat repeat;
  struct load_retry retry;
  uint32_t index; /* among the steps of the file */
  bool wants_body;
  bool wants_code;
};

struct load_scenario {
  struct bytes name;
  double weight;
  struct load_sets set;
  uint32_t first_step, step_count;
  /* The variable with an order's id; -1: there is none. Those who finish have bought. */
  int order_variable;
};

struct load_file {
  struct arena *arena;
  const char *path; /* for messages */
  struct bytes about;
  bool reconcile;       /* with the server's report, after the run */
  bool counts_requests; /* the rate is of requests: an arrival only where nobody has one to send */
  bool has_people;      /* stages of virtual users */
  uint32_t stage_count;
  struct stage stages[SCHEDULE_STAGES_MAX];
  uint32_t fail_if_count;
  const char *fail_if[LOAD_LIST_MAX]; /* in the arena, with a zero */
  struct template_names names;
  uint32_t scenario_count;
  struct load_scenario scenarios[LOAD_SCENARIOS_MAX];
  uint32_t step_count;
  struct load_step steps[LOAD_STEPS_MAX];
};

/*
 * Reads a scenario file. On failure *error names path, line and field: "my.json line 12:
 * scenarios[0].steps[2].think: ...". The text must outlive the file.
 */
bool scenario_read(struct load_file *file, const char *path, struct bytes text, struct arena *arena,
                   struct error *error);

/* Whether any of its texts has such a part. */
bool scenario_has(const struct load_file *file, enum part_kind kind);

/* The variable with this name, or -1. */
int scenario_variable(const struct load_file *file, struct bytes name);

/* "500ms", "2s", "1m", "1.5s", or a range "1s-3s". False when it is none. */
bool scenario_span(struct bytes text, struct load_span *span);

#endif
