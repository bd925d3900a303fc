/*
 * What the files of the engine share; see run.h.
 *
 *     run.c      schedule, time, the loop          -> journey_begin, journey_ready
 *     journey.c  steps                             -> run_later, run_slot, link_take
 *     link.c     connections, requests on the wire -> journey_reply, journey_failed
 */
#ifndef TACOS_LOAD_RUN_PARTS_H
#define TACOS_LOAD_RUN_PARTS_H

#include "load/random.h"
#include "load/response.h"
#include "load/run.h"

/* A person on the way. In one list at a time, in the heap, or on a link. */
struct journey {
  struct journey *next;
  int64_t due_ns; /* when the request is meant to be sent */
  const struct load_scenario *scenario;
  uint32_t step; /* of the scenario */
  uint32_t tries;
  uint32_t repeats;
  bool refreshed;
  uint32_t buyer;
  uint64_t number;
  uint32_t capacities[LOAD_NAMES_MAX];
  struct load_value values[]; /* as many as the file has names; texts are the journey's */
};

struct journey_list {
  struct journey *first;
  struct journey *last;
};

/* A request that is on a link; journey NULL: nobody waits for its reply. */
struct request {
  struct journey *journey;
  const struct load_step *step; /* NULL: the probe */
  int64_t due_ns;
  int64_t sent_ns;
};

/*
 *     CLOSED --> CONNECTING --> IDLE <--> BUSY          any of them --> CLOSED
 *                                 '--> LEAVING: closed, but still in the ring of idle ones
 */
enum link_state { LINK_CLOSED, LINK_CONNECTING, LINK_IDLE, LINK_BUSY, LINK_LEAVING };

struct link {
  int socket; /* -1: closed */
  enum link_state state;
  bool ending;      /* the peer has said that it sends no more */
  int64_t since_ns; /* when it was closed, or began to connect */
  struct request request;
  struct response response;
  struct buffer unsent;
};

struct run {
  struct load load; /* first: a struct load is the start of its run */
  const struct load_file *file;
  int poller;
  int64_t now_ns;
  int64_t begin_ns;
  int64_t end_ns;   /* of the stages */
  int64_t tick_ns;  /* the next one */
  int64_t point_ns; /* begin of the current second */
  bool over;        /* nobody new begins */
  struct schedule schedule;
  int64_t arrival_ns;
  double weights; /* sum */
  uint64_t random;
  uint64_t next_number;
  /* Heap of journeys that think, the earliest first. */
  struct journey **heap;
  uint32_t heap_count, heap_capacity;
  struct journey_list slots;   /* that wait for a slot of the schedule */
  struct journey_list waiting; /* that wait for a link */
  struct journey *unused;
  uint64_t closed_loop; /* people who are under way, with virtual users */
  struct link *links;
  uint32_t *idle; /* ring of links, longest idle first */
  uint32_t idle_first, idle_count;
  uint32_t connecting, connect_next;
  uint64_t connect_errors;
  int64_t connect_pause_ns; /* no look for closed ones before */
  int connect_errno;
  struct buffer head, body;
  struct arena arena;
  uint8_t *input;
  bool probe_due;
};

enum { RUN_INPUT_BYTES = 262144 };

int64_t run_clock_ns(void);

static inline bool list_is_empty(const struct journey_list *list)
{
  return list->first == NULL;
}

void list_push(struct journey_list *list, struct journey *journey);
void list_push_front(struct journey_list *list, struct journey *journey);
struct journey *list_pop(struct journey_list *list);

/* Whether something with this chance happens. */
static inline bool run_happens(struct run *run, double chance)
{
  if (chance <= 0) return false;
  return chance >= 1 || load_random_unit(&run->random) < chance;
}

/* run.c: puts a journey away until its due_ns. */
void run_later(struct run *run, struct journey *journey);

/* journey.c */

/* Somebody begins, whose first request was meant for due_ns. */
void journey_begin(struct run *run, int64_t due_ns);

/* The thinking is over: sends, or waits for a slot or a link. */
void journey_ready(struct run *run, struct journey *journey);

/* Sends it now, or when a link is idle. */
void journey_dispatch(struct run *run, struct journey *journey);

/* The reply of a request, whose link is not idle yet. Counts it. */
void journey_reply(struct run *run, const struct request *request, const struct response *response);

/* A request that has no reply. Counts it. */
void journey_failed(struct run *run, const struct request *request, enum load_failure failure);

/* The run is over: counts and frees it. */
void journey_cut(struct run *run, struct journey *journey);

/* Writes the request of the journey's step to run->head. False without memory. */
bool journey_render(struct run *run, struct journey *journey);

void journey_free_unused(struct run *run);

/* link.c */

bool links_init(struct run *run, struct error *error);
void links_free(struct run *run);

/* Begins connections as far as there are not too many at once. */
void links_connect(struct run *run);

/* Sends a journey's request on the longest idle link; false when there is none. */
bool links_send(struct run *run, struct journey *journey);

/* Sends what run->head holds as the probe, unless no link is idle. */
void links_probe(struct run *run);

/* Readiness of a link, as epoll tells it. */
void link_ready(struct run *run, struct link *link, uint32_t events);

/* Ends requests that take too long. */
void links_expire(struct run *run);

#endif
