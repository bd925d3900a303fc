#include "queue/state.h"

#include "base/check.h"

enum {
  TICK_STEPS = 512, /* deadlines of one queue that one tick looks at: about 30 us */
  RETRY_MS = 1000,  /* after a commit in the background failed: disk full, no memory */
};

#define QUEUE_OF(alarm_pointer) \
  ((struct queue *)((uint8_t *)(alarm_pointer)-offsetof(struct queue, alarm)))
#define WAITER_OF(alarm_pointer) \
  ((struct queue_waiter *)((uint8_t *)(alarm_pointer)-offsetof(struct queue_waiter, alarm)))

void queues_set_alarm(struct queues *queues, struct queue_alarm *alarm, int64_t deadline_ms)
{
  timers_set(&queues->timers, &alarm->timer, deadline_ms);
}

static void set_retry(struct queues *queues)
{
  queues->retry_ms = queues->now_ms + RETRY_MS;
  queues_set_alarm(queues, &queues->alarm, queues->retry_ms);
}

static bool can_write(const struct queues *queues)
{
  return queues->now_ms >= queues->retry_ms;
}

/* ---- removing slices of messages ---- */

/* The next one to remove, 0: none. */
typedef uint32_t next_to_remove(const struct queues *queues, const struct contents *contents,
                                uint32_t after);

static uint32_t next_in_ages(const struct queues *queues, uint32_t first, uint32_t after)
{
  return queue_ring_next(&queues->nodes, offsetof(struct message_node, age), first, after);
}

/* Those of the wheel's due ones whose retention is over. */
static uint32_t next_expired(const struct queues *queues, const struct contents *contents,
                             uint32_t after)
{
  uint32_t first = contents->ages.due;
  uint32_t number = after == 0 || first == 0 ? first : next_in_ages(queues, first, after);
  if (number == 0) return 0;
  bool over = contents_expiry_ms(contents, node_at(queues, number)->sent_ms) <= queues->now_ms;
  return over ? number : 0;
}

/* Any ring of the wheel does: all of them go. */
static uint32_t next_doomed(const struct queues *queues, const struct contents *contents,
                            uint32_t after)
{
  uint32_t first = queue_wheel_first(&contents->ages);
  return after == 0 || first == 0 ? first : next_in_ages(queues, first, after);
}

/* One transaction of removals; false when it failed. */
static bool remove_slice(struct queues *queues, const struct contents *contents,
                         enum change_kind kind, next_to_remove *next, struct error *error)
{
  struct plan *plan = arena_alloc(&queues->arena, sizeof *plan);
  if (plan == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory");
  plan_init(plan, queues->store, &queues->arena);
  struct changes *changes = changes_begin(queues, plan, QUEUE_SLICE_ACTIONS);
  if (changes == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory");
  enum queue_status status = QUEUE_OK;
  uint32_t number = next(queues, contents, 0);
  while (number != 0 && status == QUEUE_OK) {
    status = changes_remove(changes, number, kind);
    number = next(queues, contents, number);
  }
  if (status == QUEUE_UNAVAILABLE) return error_set(error, ERROR_NO_MEMORY, "no memory");
  uint64_t sequence;
  return queues_commit(plan, &sequence, error) == QUEUE_OK;
}

static void expire(struct queues *queues, struct contents *contents)
{
  struct error error;
  uint32_t steps = TICK_STEPS;
  int64_t retention_ms = (int64_t)contents->queue->record.settings.retention_s * 1000;
  (void)queue_wheel_advance(&contents->ages, queues->now_ms - retention_ms, &steps);
  if (!can_write(queues) || next_expired(queues, contents, 0) == 0) return;
  if (!remove_slice(queues, contents, CHANGE_EXPIRED, next_expired, &error)) set_retry(queues);
  arena_reset(&queues->arena);
}

/* A slice of what was purged or dropped; false when that failed. */
static bool empty_doomed(struct queues *queues, struct error *error)
{
  struct contents *contents = queues->doomed;
  if (contents == NULL) return true;
  bool done = true;
  if (contents_total(contents) > 0) {
    done = remove_slice(queues, contents, CHANGE_PURGED, next_doomed, error);
    arena_reset(&queues->arena);
  }
  if (contents_total(contents) > 0) return done;
  queues->doomed = contents->next_doomed;
  contents_free(queues, contents);
  return done;
}

/* ---- the tick ---- */

void queues_fire(void *context, struct timer *timer, int64_t now_ms)
{
  (void)now_ms; /* queues->now_ms is it */
  struct queues *queues = context;
  struct queue_alarm *alarm = (struct queue_alarm *)timer; /* its first member */
  if (alarm->kind == ALARM_WAITER) {
    queue_waiter_timeout(WAITER_OF(alarm));
  } else if (alarm->kind == ALARM_QUEUE) {
    struct contents *contents = QUEUE_OF(alarm)->contents;
    (void)contents_advance(queues, contents, UINT64_MAX, TICK_STEPS);
    expire(queues, contents);
    contents_schedule(queues, contents);
  }
}

/* Slices of what is not of one queue; true while there is more to do now. */
static bool work(struct queues *queues)
{
  struct error error;
  bool more_seen = false;
  int64_t next_task_ms = INT64_MAX;
  if (!can_write(queues)) return false;
  bool done = empty_doomed(queues, &error) && queues_forget_seen(queues, &more_seen, &error) &&
              queues_run_tasks(queues, &next_task_ms, &error);
  if (!done) {
    set_retry(queues);
    return false;
  }
  int64_t next_ms = next_task_ms;
  if (queues->seen_first != 0) {
    int64_t over_ms = seen_at(queues, queues->seen_first)->seen.until_ms;
    if (over_ms < next_ms) next_ms = over_ms;
  }
  if (next_ms == INT64_MAX)
    timers_clear(&queues->timers, &queues->alarm.timer);
  else
    queues_set_alarm(queues, &queues->alarm, next_ms);
  return queues->doomed != NULL || more_seen || next_task_ms <= queues->now_ms;
}

bool queues_tick(struct queues *queues, int64_t now_ms)
{
  now_ms = queues_now(queues, now_ms);
  queues->turn++;
  queue_pool_unreserve(&queues->nodes);
  queue_pool_unreserve(&queues->groups);
  queue_pool_unreserve(&queues->seen);
  timers_run(&queues->timers, now_ms);
  bool more = work(queues);
  queues_wake_waiters(queues);
  return more || queues->woken != NULL || timers_wait_ms(&queues->timers, now_ms, 1) == 0;
}

int queues_wait_ms(const struct queues *queues, int64_t now_ms, int limit_ms)
{
  return timers_wait_ms(&queues->timers, now_ms, limit_ms);
}
