/*
 * Texts with variables: paths, headers and bodies of a scenario's requests.
 *
 *     "/api/v1/queue/status?token=${waiting}"       {"seat_ids": "${json seats}", "no": "${uuid}"}
 *
 *     ${event} ${user} ${token} ${address}   of the run and of the buyer
 *     ${uuid}            a new UUID (RFC 9562 version 4) each time
 *     ${number}          1, 2, 3 ... of the journey
 *     ${random 1 6}      an integer from 1 to 6
 *     ${choice a|b|c}    one of them
 *     ${hot_seat}        a JSON list of one seat, the same for all of the run
 *     ${some_seats 1-4}  a JSON list of one to four neighbouring seats of the event, free or not
 *     ${NAME}            what a step took from a reply or set
 *     ${json NAME}       in a body, alone in its string: the JSON value itself, without the quotes
 *
 * Where a value goes decides how it is written: percent-encoded in a path (RFC 3986 2.1), escaped
 * in a body's strings (RFC 8259 7), as it is in a header without control bytes.
 *
 * Memory: a compiled template and its texts are in the arena and point into the source text. Pure;
 * one thread per source of values.
 */
#ifndef TACOS_LOAD_TEMPLATE_H
#define TACOS_LOAD_TEMPLATE_H

#include "base/arena.h"
#include "base/error.h"
#include "load/field.h"

enum {
  LOAD_NAMES_MAX = 32,     /* variables of one scenario */
  LOAD_PARTS_MAX = 64,     /* pieces of one template */
  LOAD_SEATS_MAX = 10,     /* of one ${some_seats}: as many as one reservation takes */
  LOAD_ADDRESS_BYTES = 16, /* "10.255.255.255" */
};

enum template_use { TEMPLATE_HEADER, TEMPLATE_PATH, TEMPLATE_BODY };

enum part_kind {
  PART_TEXT,
  PART_VARIABLE,
  PART_EVENT,
  PART_USER,
  PART_TOKEN,
  PART_ADDRESS,
  PART_UUID,
  PART_NUMBER,
  PART_RANDOM,
  PART_CHOICE,
  PART_SEATS,
  PART_HOT_SEAT,
};

struct template_part {
  enum part_kind kind;
  bool json;         /* the value itself */
  uint32_t variable; /* its place among the names */
  int64_t low, high; /* of RANDOM and SEATS */
  struct bytes text; /* of TEXT, and of CHOICE the words between bars */
};

struct template
{
  enum template_use use;
  uint32_t count;
  const struct template_part *parts;
};

/* The variables of a scenario; a bit in `set` for each that some step sets. */
struct template_names {
  uint32_t count;
  struct bytes names[LOAD_NAMES_MAX];
  uint32_t set;
};

/* The place of a name, which is added when it is new; -1 when there are too many. */
int template_name(struct template_names *names, struct bytes name);

/* Whether it may name a variable: letters, digits and _, not a built-in one. */
bool template_name_is_valid(struct bytes name);

/* False with *error saying what is wrong with it. */
bool template_compile(struct template *template, enum template_use use, struct bytes text,
                      struct template_names *names, struct arena *arena, struct error *error);

/* Whether it has the part, so that what it needs can be made before a run. */
bool template_has(const struct template *template, enum part_kind kind);

/* Rows of an event's seats that stand side by side, for ${some_seats}. */
struct seat_row {
  uint32_t first; /* in ids */
  uint32_t count;
};

struct seat_list {
  struct bytes *ids;
  uint32_t count;
  struct seat_row *rows;
  uint32_t row_count;
};

/* Where the values of one rendering come from. */
struct template_source {
  uint64_t *random;
  struct bytes event;
  const struct seat_list *seats; /* NULL: none are known */
  uint64_t run;                  /* any number, the same for all of a run */
  struct bytes user;
  struct bytes token;
  const char *address;
  uint64_t number;
  const struct load_value *variables;
};

/* Appends; false when there is no memory. */
bool template_render(const struct template *template, const struct template_source *source,
                     struct buffer *to);

#endif
