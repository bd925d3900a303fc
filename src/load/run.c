#include "load/run.h"

#include "base/check.h"
#include "load/run_parts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
  EVENTS_PER_WAIT = 512,
  BEGINS_PER_TURN = 64, /* before replies have their turn */
};

static const int64_t NS_PER_S = 1000000000;
static const int64_t NS_PER_MS = 1000000;
static const int64_t TICK_NS = 100000000;
static const int64_t POINT_NS = 1000000000;
static const int64_t POLL_NS = 60000; /* before something is due the wait is a poll */
static const int64_t CONNECT_PATIENCE_NS = INT64_C(5000000000); /* for the first connection */

int64_t run_clock_ns(void)
{
  struct timespec now;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- lists, heap ---- */

void list_push(struct journey_list *list, struct journey *journey)
{
  journey->next = NULL;
  if (list->first == NULL)
    list->first = journey;
  else
    list->last->next = journey;
  list->last = journey;
}

void list_push_front(struct journey_list *list, struct journey *journey)
{
  journey->next = list->first;
  if (list->first == NULL) list->last = journey;
  list->first = journey;
}

struct journey *list_pop(struct journey_list *list)
{
  struct journey *journey = list->first;
  CHECK(journey != NULL);
  list->first = journey->next;
  journey->next = NULL;
  return journey;
}

void run_later(struct run *run, struct journey *journey)
{
  if (run->heap_count == run->heap_capacity) {
    uint32_t capacity = run->heap_capacity == 0 ? 1024 : 2 * run->heap_capacity;
    struct journey **heap = memory_resize(run->load.options->memory, run->heap,
                                          run->heap_capacity * sizeof heap[0],
                                          capacity * sizeof heap[0]);
    if (heap == NULL) {
      stats_failure(&run->load.stats, journey->scenario->first_step + journey->step, FAILURE_ROOM);
      journey_cut(run, journey);
      return;
    }
    run->heap = heap;
    run->heap_capacity = capacity;
  }
  uint32_t at = run->heap_count++;
  while (at > 0 && run->heap[(at - 1) / 2]->due_ns > journey->due_ns) {
    run->heap[at] = run->heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  run->heap[at] = journey;
}

static struct journey *heap_pop(struct run *run)
{
  CHECK_THAT(run->heap_count, >, 0);
  struct journey *first = run->heap[0];
  struct journey *moved = run->heap[--run->heap_count];
  uint32_t at = 0;
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= run->heap_count) break;
    if (child + 1 < run->heap_count && run->heap[child + 1]->due_ns < run->heap[child]->due_ns)
      child++;
    if (run->heap[child]->due_ns >= moved->due_ns) break;
    run->heap[at] = run->heap[child];
    at = child;
  }
  if (run->heap_count > 0) run->heap[at] = moved;
  return first;
}

/* ---- what is due ---- */

static int64_t next_arrival(struct run *run)
{
  int64_t at_ns = load_schedule_next(&run->schedule);
  return at_ns == SCHEDULE_OVER ? SCHEDULE_OVER : run->begin_ns + at_ns;
}

/* A slot of the schedule: somebody who waits to send, else somebody new. */
static void use_slot(struct run *run)
{
  int64_t due_ns = run->arrival_ns;
  run->arrival_ns = next_arrival(run);
  if (!run->file->counts_requests || list_is_empty(&run->slots)) {
    journey_begin(run, due_ns);
    return;
  }
  struct journey *journey = list_pop(&run->slots);
  journey->due_ns = due_ns;
  journey_dispatch(run, journey);
}

/* As many people as there are to be now; those who are too many leave at their journey's end. */
static void keep_people(struct run *run)
{
  const struct load_file *file = run->file;
  double wanted = load_schedule_value(file->stages, file->stage_count, run->now_ns - run->begin_ns);
  for (int i = 0; i < BEGINS_PER_TURN && (double)run->closed_loop < wanted; i++)
    journey_begin(run, run->now_ns);
}

/* False when there is more to do at once. */
static bool do_due(struct run *run)
{
  int left = BEGINS_PER_TURN;
  while (left > 0 && run->heap_count > 0 && run->heap[0]->due_ns <= run->now_ns) {
    journey_ready(run, heap_pop(run));
    left--;
  }
  if (run->over) return left > 0;
  if (run->file->has_people) {
    keep_people(run);
    return left > 0;
  }
  while (left > 0 && run->arrival_ns <= run->now_ns) {
    use_slot(run);
    left--;
  }
  return left > 0;
}

/* ---- time ---- */

static void end_point(struct run *run)
{
  struct load *load = &run->load;
  load->elapsed_s = (double)(run->now_ns - run->begin_ns) / (double)NS_PER_S;
  double span_s = (double)(run->now_ns - run->point_ns) / (double)NS_PER_S;
  stats_point(&load->stats, load->elapsed_s, span_s);
  run->point_ns = run->now_ns;
}

/* What is asked of the server each second beside the run, for the seats that are left. */
static void probe(struct run *run)
{
  const struct load_options *options = run->load.options;
  if (options->probe == NULL) return;
  buffer_clear(&run->head);
  if (buffer_append_format(&run->head, "GET %s HTTP/1.1\r\nhost: %s\r\n\r\n", options->probe,
                           options->host))
    links_probe(run);
}

/* False when the caller wants the run to end. */
static bool tick(struct run *run)
{
  run->tick_ns = run->now_ns + TICK_NS;
  links_expire(run);
  if (run->now_ns < run->point_ns + POINT_NS) return true;
  end_point(run);
  const struct load_file *file = run->file;
  struct load *load = &run->load;
  load->asked = run->over ? 0
                          : load_schedule_value(file->stages, file->stage_count,
                                                run->now_ns - run->begin_ns);
  probe(run);
  return load->options->tick == NULL || load->options->tick(load->options->context, load);
}

static int64_t next_due(const struct run *run)
{
  int64_t due_ns = run->tick_ns;
  if (run->heap_count > 0 && run->heap[0]->due_ns < due_ns) due_ns = run->heap[0]->due_ns;
  if (!run->over && run->arrival_ns < due_ns) due_ns = run->arrival_ns;
  if (!run->over && run->end_ns < due_ns) due_ns = run->end_ns;
  return due_ns;
}

/* Waits rest_ns at most; Linux before 5.11 knows only milliseconds, and the rest is polled. */
static int wait_for_events(int poller, struct epoll_event events[EVENTS_PER_WAIT], int64_t rest_ns)
{
  if (rest_ns < 0) rest_ns = 0;
  const struct timespec span = {.tv_sec = rest_ns / NS_PER_S, .tv_nsec = rest_ns % NS_PER_S};
  int count = epoll_pwait2(poller, events, EVENTS_PER_WAIT, &span, NULL);
  if (count != -1 || errno != ENOSYS) return count;
  return epoll_wait(poller, events, EVENTS_PER_WAIT, (int)(rest_ns / NS_PER_MS));
}

/* Waits for readiness, at most until due_ns, and has it handled. */
static void wait(struct run *run, int64_t due_ns)
{
  struct epoll_event events[EVENTS_PER_WAIT];
  int count = wait_for_events(run->poller, events, due_ns - run_clock_ns() - POLL_NS);
  CHECK(count >= 0 || errno == EINTR);
  run->now_ns = run_clock_ns();
  for (int i = 0; i < count; i++)
    link_ready(run, &run->links[events[i].data.u64], events[i].events);
}

/* Whoever was to come comes, also when the generator is late. */
static bool stages_are_over(const struct run *run)
{
  return run->now_ns >= run->end_ns && (run->file->has_people || run->arrival_ns == SCHEDULE_OVER);
}

static bool is_done(const struct run *run)
{
  if (!run->over) return false;
  return run->load.stats.people == 0 || run->now_ns >= run->end_ns + run->load.options->drain_ns;
}

/* The stages are over: nobody new begins, and nobody waits for slots. */
static void end_stages(struct run *run)
{
  run->over = true;
  run->load.stats.seconds = (double)(run->now_ns - run->begin_ns) / (double)NS_PER_S;
  while (!list_is_empty(&run->slots)) {
    struct journey *journey = list_pop(&run->slots);
    journey->due_ns = run->now_ns;
    journey_dispatch(run, journey);
  }
}

static void loop(struct run *run)
{
  run->now_ns = run_clock_ns();
  while (!is_done(run)) {
    bool idle = do_due(run);
    links_connect(run);
    if (run->now_ns >= run->tick_ns && !tick(run)) {
      /* Stopped from outside: what is under way is cut short. */
      if (!run->over) end_stages(run);
      break;
    }
    wait(run, idle ? next_due(run) : 0);
    if (!run->over && stages_are_over(run)) end_stages(run);
  }
}

/* ---- begin and end ---- */

/* Makes the connections before the clock starts. */
static bool connect_all(struct run *run, struct error *error)
{
  const struct load_options *options = run->load.options;
  int64_t begin_ns = run_clock_ns();
  int64_t progress_ns = begin_ns;
  uint32_t before = 0;
  run->now_ns = begin_ns;
  while (run->load.connected < options->connections) {
    links_connect(run);
    wait(run, run->now_ns + TICK_NS / 10);
    links_expire(run);
    if (run->load.connected > before) progress_ns = run->now_ns;
    before = run->load.connected;
    if (run->connect_errors > 0 && run->load.connected == 0 && run->connecting == 0)
      return error_set_errno(error, run->connect_errno,
                             "cannot connect to %s port %u: is the "
                             "server running?",
                             options->target.host, options->target.port);
    if (run->now_ns - progress_ns > CONNECT_PATIENCE_NS)
      return error_set_errno(error, run->connect_errno == 0 ? ETIMEDOUT : run->connect_errno,
                             "only %u of %u connections could be made: does the server take so "
                             "many (--connections-per-address)?",
                             run->load.connected, options->connections);
  }
  return true;
}

static bool prepare(struct run *run, struct error *error)
{
  const struct load_options *options = run->load.options;
  const struct load_file *file = options->file;
  run->file = file;
  run->poller = -1;
  run->random = options->seed;
  run->load.stats = (struct load_stats){.memory = options->memory};
  buffer_init(&run->head, options->memory);
  buffer_init(&run->body, options->memory);
  arena_init(&run->arena, options->memory);
  for (uint32_t i = 0; i < file->scenario_count; i++) run->weights += file->scenarios[i].weight;
  run->input = memory_alloc(options->memory, RUN_INPUT_BYTES);
  if (run->input == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a read");
  run->poller = epoll_create1(EPOLL_CLOEXEC);
  if (run->poller == -1) return error_set_errno(error, errno, "cannot make an epoll descriptor");
  /* The default of 50 us is as long as a reply takes. */
  (void)prctl(PR_SET_TIMERSLACK, 1000UL);
  return stats_init(&run->load.stats, options->memory, file->step_count, error) &&
         links_init(run, error) && connect_all(run, error);
}

static void begin(struct run *run)
{
  const struct load_file *file = run->file;
  run->now_ns = run->begin_ns = run->point_ns = run_clock_ns();
  run->tick_ns = run->begin_ns + TICK_NS;
  int64_t length_ns = load_schedule_length_ns(file->stages, file->stage_count);
  run->end_ns = run->begin_ns + length_ns;
  run->load.length_s = (double)length_ns / (double)NS_PER_S;
  run->load.asked = file->stages[0].from;
  load_schedule_init(&run->schedule, file->stages, file->stage_count);
  run->arrival_ns = file->has_people ? SCHEDULE_OVER : next_arrival(run);
}

/* Those who are still under way; their requests get no reply any more. */
static void cut(struct run *run)
{
  while (!list_is_empty(&run->slots)) journey_cut(run, list_pop(&run->slots));
  while (!list_is_empty(&run->waiting)) journey_cut(run, list_pop(&run->waiting));
  while (run->heap_count > 0) journey_cut(run, heap_pop(run));
  for (uint32_t i = 0; i < run->load.options->connections; i++) {
    struct link *link = &run->links[i];
    if (link->state == LINK_BUSY && link->request.journey != NULL)
      journey_cut(run, link->request.journey);
    link->request.journey = NULL;
  }
  CHECK_THAT(run->load.stats.people, ==, 0);
}

static void finish(struct run *run)
{
  struct load_stats *stats = &run->load.stats;
  run->now_ns = run_clock_ns();
  cut(run);
  end_point(run);
  stats->total_s = run->load.elapsed_s;
  for (uint32_t i = 0; i < stats->step_count; i++)
    histogram_merge(&stats->service, &stats->steps[i].service);
}

struct load *load_run(const struct load_options *options, struct error *error)
{
  CHECK(options->connections > 0 && options->connections <= LOAD_CONNECTIONS_MAX);
  struct run *run = memory_alloc_zeroed(options->memory, sizeof *run);
  if (run == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for a run");
    return NULL;
  }
  run->load.options = options;
  if (!prepare(run, error)) {
    load_close(&run->load);
    return NULL;
  }
  begin(run);
  loop(run);
  finish(run);
  return &run->load;
}

void load_close(struct load *load)
{
  struct run *run = (struct run *)load;
  struct memory *memory = load->options->memory;
  links_free(run);
  journey_free_unused(run);
  if (run->poller != -1) close(run->poller);
  memory_free(memory, run->heap, run->heap_capacity * sizeof run->heap[0]);
  memory_free(memory, run->input, run->input == NULL ? 0 : RUN_INPUT_BYTES);
  memory_free(memory, load->orders, load->order_capacity * sizeof load->orders[0]);
  buffer_free(&run->head);
  buffer_free(&run->body);
  arena_free(&run->arena);
  stats_free(&load->stats);
  memory_free(memory, run, sizeof *run);
}

_Static_assert(offsetof(struct run, load) == 0, "a struct load is the start of its run");
