/*
 * Invariants, for a struct with deadline d in a slot of level l, digit s, and the wheel's time t:
 *
 * 1. d and t are equal in all digits above l, and d's digit of l is s and greater than t's.
 * 2. So the slots of a lower level come before those of a higher one, and t only ever moves to the
 *    beginning of the first slot that is filled, or to less.
 * 3. Bit s of filled[l] is set exactly when the slot has a struct.
 * 4. What is not in a slot is in `due` (d <= t) or in `moving` (d >= t).
 */
#include "queue/wheel.h"

#include "base/check.h"

#include <string.h>

static const int64_t TIME_MAX_MS = ((int64_t)1 << WHEEL_LEVELS * WHEEL_DIGIT_BITS) - 1;

void queue_wheel_init(struct queue_wheel *wheel, const struct queue_pool *pool, size_t link_offset,
                      size_t key_offset, int64_t time_ms)
{
  *wheel = (struct queue_wheel){
      .pool = pool,
      .link_offset = link_offset,
      .key_offset = key_offset,
      .time_ms = time_ms < 0             ? 0
                 : time_ms < TIME_MAX_MS ? time_ms
                                         : TIME_MAX_MS,
  };
}

static int64_t deadline_of(const struct queue_wheel *wheel, uint32_t number)
{
  int64_t deadline_ms;
  const uint8_t *at = queue_pool_at(wheel->pool, number);
  memcpy(&deadline_ms, at + wheel->key_offset, sizeof deadline_ms);
  return deadline_ms < TIME_MAX_MS ? deadline_ms : TIME_MAX_MS;
}

static void find_slot(const struct queue_wheel *wheel, int64_t deadline_ms, uint32_t *level,
                      uint32_t *slot)
{
  uint64_t different = (uint64_t)(deadline_ms ^ wheel->time_ms);
  *level = (63 - (uint32_t)__builtin_clzll(different)) / WHEEL_DIGIT_BITS;
  *slot = (uint32_t)(deadline_ms >> *level * WHEEL_DIGIT_BITS) & (WHEEL_SLOTS - 1);
}

void queue_wheel_add(struct queue_wheel *wheel, uint32_t number)
{
  int64_t deadline_ms = deadline_of(wheel, number);
  if (deadline_ms <= wheel->time_ms) {
    queue_ring_append(wheel->pool, wheel->link_offset, &wheel->due, number);
    return;
  }
  uint32_t level, slot;
  find_slot(wheel, deadline_ms, &level, &slot);
  CHECK_THAT(level, <, WHEEL_LEVELS);
  queue_ring_append(wheel->pool, wheel->link_offset, &wheel->slots[level][slot], number);
  wheel->filled[level] |= (uint64_t)1 << slot;
}

void queue_wheel_remove(struct queue_wheel *wheel, uint32_t number)
{
  /* Only the head of a ring needs to be known: that it is the head tells which ring it is. */
  uint32_t none = 0;
  uint32_t *head = wheel->due == number      ? &wheel->due
                   : wheel->moving == number ? &wheel->moving
                                             : &none;
  int64_t deadline_ms = deadline_of(wheel, number);
  uint32_t level = 0, slot = 0;
  if (head == &none && deadline_ms > wheel->time_ms) {
    find_slot(wheel, deadline_ms, &level, &slot);
    if (wheel->slots[level][slot] == number) head = &wheel->slots[level][slot];
  }
  queue_ring_remove(wheel->pool, wheel->link_offset, head, number);
  if (wheel->slots[level][slot] == 0) wheel->filled[level] &= ~((uint64_t)1 << slot);
}

/* The first filled slot, and when it begins; false when there is none. */
static bool first_slot(const struct queue_wheel *wheel, uint32_t *level, uint32_t *slot,
                       int64_t *begin_ms)
{
  for (*level = 0; *level < WHEEL_LEVELS; (*level)++) {
    if (wheel->filled[*level] == 0) continue;
    *slot = (uint32_t)__builtin_ctzll(wheel->filled[*level]);
    int64_t above = wheel->time_ms >> (*level + 1) * WHEEL_DIGIT_BITS;
    *begin_ms = (above << WHEEL_DIGIT_BITS | *slot) << *level * WHEEL_DIGIT_BITS;
    CHECK_THAT(*begin_ms, >, wheel->time_ms);
    return true;
  }
  return false;
}

bool queue_wheel_advance(struct queue_wheel *wheel, int64_t now_ms, uint32_t *steps)
{
  if (now_ms > TIME_MAX_MS) now_ms = TIME_MAX_MS;
  for (;;) {
    while (wheel->moving != 0) {
      if (*steps == 0) return false;
      (*steps)--;
      uint32_t number = wheel->moving;
      queue_ring_remove(wheel->pool, wheel->link_offset, &wheel->moving, number);
      queue_wheel_add(wheel, number);
    }
    uint32_t level, slot;
    int64_t begin_ms;
    bool found = first_slot(wheel, &level, &slot, &begin_ms);
    if (!found || begin_ms > now_ms) {
      if (now_ms > wheel->time_ms) wheel->time_ms = now_ms;
      return true;
    }
    wheel->time_ms = begin_ms;
    wheel->moving = wheel->slots[level][slot];
    wheel->slots[level][slot] = 0;
    wheel->filled[level] &= ~((uint64_t)1 << slot);
  }
}

int64_t queue_wheel_next_ms(const struct queue_wheel *wheel)
{
  if (wheel->due != 0 || wheel->moving != 0) return INT64_MIN;
  uint32_t level, slot;
  int64_t begin_ms;
  return first_slot(wheel, &level, &slot, &begin_ms) ? begin_ms : INT64_MAX;
}

uint32_t queue_wheel_first(const struct queue_wheel *wheel)
{
  if (wheel->due != 0) return wheel->due;
  uint32_t level, slot;
  int64_t begin_ms;
  uint32_t first = first_slot(wheel, &level, &slot, &begin_ms) ? wheel->slots[level][slot] : 0;
  if (first == 0 || wheel->moving == 0) return first != 0 ? first : wheel->moving;
  return deadline_of(wheel, first) <= deadline_of(wheel, wheel->moving) ? first : wheel->moving;
}
