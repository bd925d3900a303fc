/*
 * Invariants:
 *
 * 1. A timer that is set lies in the slot of its filed_ms, or among those that a run is at.
 * 2. filed_ms is not before now_ms, and not after deadline_ms unless that is past: a run that looks
 *    at the slots from now_ms on meets all that is due.
 * 3. Bit i of `filled` is set exactly when slot i has a timer.
 * 4. No timer is due before next_ms, unless it was past when it was set.
 */
#include "net/timer.h"

#include "base/check.h"

enum { WORD_BITS = 64, WORDS = TIMER_SLOTS / WORD_BITS };

_Static_assert((TIMER_SLOTS & (TIMER_SLOTS - 1)) == 0, "slots are a power of two");
_Static_assert(TIMER_SLOTS % WORD_BITS == 0, "slots are whole words of bits");

static uint32_t slot_of(int64_t filed_ms)
{
  return (uint32_t)(filed_ms / TIMER_STEP_MS) & (TIMER_SLOTS - 1);
}

static void list_init(struct timer *head)
{
  head->next = head;
  head->previous = head;
}

static bool list_is_empty(const struct timer *head)
{
  return head->next == head;
}

static void list_append(struct timer *head, struct timer *timer)
{
  timer->next = head;
  timer->previous = head->previous;
  head->previous->next = timer;
  head->previous = timer;
}

/* Moves all of a ring that is not empty to the end of another. */
static void list_move_all(struct timer *from, struct timer *to)
{
  from->next->previous = to->previous;
  from->previous->next = to;
  to->previous->next = from->next;
  to->previous = from->previous;
  list_init(from);
}

static void set_filled(struct timers *timers, uint32_t slot)
{
  timers->filled[slot / WORD_BITS] |= (uint64_t)1 << slot % WORD_BITS;
}

static void clear_filled(struct timers *timers, uint32_t slot)
{
  timers->filled[slot / WORD_BITS] &= ~((uint64_t)1 << slot % WORD_BITS);
}

/* How many slots behind `slot`, round the wheel, the first is that has a timer; or TIMER_SLOTS. */
static uint32_t distance_to_filled(const struct timers *timers, uint32_t slot)
{
  uint32_t word = slot / WORD_BITS, bit = slot % WORD_BITS;
  uint64_t ahead = timers->filled[word] >> bit;
  if (ahead != 0) return (uint32_t)__builtin_ctzll(ahead);
  for (uint32_t i = 1; i <= WORDS; i++) {
    uint64_t bits = timers->filled[(word + i) % WORDS];
    if (bits != 0) return i * WORD_BITS - bit + (uint32_t)__builtin_ctzll(bits);
  }
  return TIMER_SLOTS;
}

void timers_init(struct timers *timers, int64_t now_ms, timer_fire *fire, void *context)
{
  CHECK_THAT(now_ms, >=, 0);
  for (int slot = 0; slot < TIMER_SLOTS; slot++) list_init(&timers->slots[slot]);
  for (int word = 0; word < WORDS; word++) timers->filled[word] = 0;
  timers->now_ms = now_ms;
  timers->next_ms = INT64_MAX;
  timers->count = 0;
  timers->fire = fire;
  timers->context = context;
}

/* Puts a timer that is in no ring where its deadline wants it; what is past, into the next run. */
static void file(struct timers *timers, struct timer *timer)
{
  timer->filed_ms = timer->deadline_ms > timers->now_ms ? timer->deadline_ms : timers->now_ms;
  uint32_t slot = slot_of(timer->filed_ms);
  list_append(&timers->slots[slot], timer);
  set_filled(timers, slot);
}

static void unlink_timer(struct timers *timers, struct timer *timer)
{
  timer->next->previous = timer->previous;
  timer->previous->next = timer->next;
  timer->next = NULL;
  /* It may have been in the ring of a run; then its slot's bit is as it was. */
  uint32_t slot = slot_of(timer->filed_ms);
  if (list_is_empty(&timers->slots[slot])) clear_filled(timers, slot);
}

static void note_deadline(struct timers *timers, int64_t deadline_ms)
{
  if (deadline_ms < timers->next_ms) timers->next_ms = deadline_ms;
}

void timers_set(struct timers *timers, struct timer *timer, int64_t deadline_ms)
{
  if (timer_is_set(timer))
    unlink_timer(timers, timer);
  else
    timers->count++;
  timer->deadline_ms = deadline_ms;
  file(timers, timer);
  note_deadline(timers, deadline_ms);
}

void timers_push_back(struct timer *timer, int64_t deadline_ms)
{
  CHECK(timer_is_set(timer));
  CHECK_THAT(deadline_ms, >=, timer->deadline_ms);
  timer->deadline_ms = deadline_ms;
}

void timers_clear(struct timers *timers, struct timer *timer)
{
  if (!timer_is_set(timer)) return;
  unlink_timer(timers, timer);
  timers->count--;
  if (timers->count == 0) timers->next_ms = INT64_MAX;
}

/* Takes all timers out of the slots from now_ms's to that of `until_ms`, each slot once. */
static void take_slots(struct timers *timers, int64_t until_ms, struct timer *taken)
{
  int64_t slots = until_ms / TIMER_STEP_MS - timers->now_ms / TIMER_STEP_MS + 1;
  if (slots > TIMER_SLOTS) slots = TIMER_SLOTS;
  uint32_t first = slot_of(timers->now_ms);
  for (int64_t i = distance_to_filled(timers, first); i < slots;) {
    uint32_t slot = (first + (uint32_t)i) & (TIMER_SLOTS - 1);
    list_move_all(&timers->slots[slot], taken);
    clear_filled(timers, slot);
    i += distance_to_filled(timers, slot);
  }
}

/* When the first slot behind that of now_ms begins that has a timer, be it of a later turn. */
static int64_t next_slot_ms(const struct timers *timers)
{
  int64_t next = timers->now_ms / TIMER_STEP_MS + 1;
  uint32_t distance = distance_to_filled(timers, (uint32_t)next & (TIMER_SLOTS - 1));
  return distance == TIMER_SLOTS ? INT64_MAX : (next + distance) * TIMER_STEP_MS;
}

void timers_run(struct timers *timers, int64_t now_ms)
{
  CHECK_THAT(now_ms, >=, timers->now_ms);
  if (now_ms < timers->next_ms) return;
  /* Taken before anything fires, so that what a call sets is not met in this run. */
  struct timer taken;
  list_init(&taken);
  take_slots(timers, now_ms, &taken);
  timers->now_ms = now_ms;
  timers->next_ms = INT64_MAX;
  while (!list_is_empty(&taken)) {
    struct timer *timer = taken.next;
    unlink_timer(timers, timer);
    if (timer->deadline_ms > now_ms) {
      file(timers, timer);
      note_deadline(timers, timer->deadline_ms);
      continue;
    }
    timers->count--;
    timers->fire(timers->context, timer, now_ms);
  }
  /* In the slot of now_ms is only what was filed above and by the calls: that is noted. */
  note_deadline(timers, next_slot_ms(timers));
}

int timers_wait_ms(const struct timers *timers, int64_t now_ms, int limit_ms)
{
  CHECK_THAT(limit_ms, >=, 0);
  if (timers->next_ms <= now_ms) return 0;
  /* To the end of its slot, so that all timers of a slot share one wake-up. */
  int64_t slot_ms = timers->next_ms / TIMER_STEP_MS * TIMER_STEP_MS;
  int64_t wait_ms = slot_ms + (TIMER_STEP_MS - 1) - now_ms;
  return wait_ms < limit_ms ? (int)wait_ms : limit_ms;
}
