#include "room/waiters.h"

#include "sim/random.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t add(struct waiters *waiters, uint64_t hash, int64_t arrival_ms, uint32_t seen_s)
{
  assert_true(waiters_reserve(waiters));
  return waiters_add(waiters, hash, arrival_ms, seen_s);
}

static void fill(struct waiters *waiters, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) add(waiters, i, i, 0);
}

static void test_numbers_and_states(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct waiters waiters;
  waiters_init(&waiters, &memory);
  assert_int_equal(waiters_state(&waiters, 0), WAITER_ABSENT);
  for (uint32_t i = 0; i < 3000; i++) assert_int_equal(add(&waiters, i * 3, i, i), i);
  assert_int_equal(waiters.counts[WAITER_WAITING], 3000);
  assert_int_equal(waiters.chunks_kept, 3);
  assert_int_equal(waiters.entries_chunk, 2);
  assert_int_equal(waiters.entries->hashes[2999 % ROOM_CHUNK], 2999 * 3);
  for (enum waiter_state i = WAITER_WAITING; i < WAITER_STATES; i++) {
    waiters_set_state(&waiters, 1500, i);
    assert_int_equal(waiters_state(&waiters, 1500), i);
    assert_int_equal(waiters.counts[i], i == WAITER_WAITING ? 3000 : 1);
    assert_int_equal(waiters.chunks[1]->gone, i == WAITER_EXPIRED || i == WAITER_LEFT);
    /* A state says nothing of when somebody was seen. */
    assert_int_equal(waiters_silence_s(&waiters, 1500, 1510), 10);
  }
  assert_int_equal(waiters_state(&waiters, 3000), WAITER_ABSENT);
  waiters_free(&waiters);
  assert_int_equal(memory.in_use, 0);
}

static void test_silences_below_two_hours_are_told_apart(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct waiters waiters;
  waiters_init(&waiters, &memory);
  for (uint32_t now_s = 0; now_s < 100000; now_s += 1237) {
    uint32_t number = add(&waiters, 0, 0, now_s);
    for (uint32_t silence_s = 0; silence_s <= ROOM_FORGET_S + 60; silence_s += 45)
      assert_int_equal(waiters_silence_s(&waiters, number, now_s + silence_s), silence_s);
    waiters_set_state(&waiters, number, WAITER_GHOST);
    waiters_touch(&waiters, number, now_s + 500);
    assert_int_equal(waiters_silence_s(&waiters, number, now_s + 501), 1);
    assert_int_equal(waiters_state(&waiters, number), WAITER_GHOST);
  }
  waiters_free(&waiters);
}

static void test_numbers_are_taken_back(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct waiters waiters;
  waiters_init(&waiters, &memory);
  fill(&waiters, ROOM_CHUNK + 2);
  for (int i = 0; i < 3; i++) waiters_undo(&waiters);
  assert_int_equal(waiters.next, ROOM_CHUNK - 1);
  assert_int_equal(waiters.counts[WAITER_WAITING], ROOM_CHUNK - 1);
  assert_int_equal(waiters.counts[WAITER_ABSENT], 0);
  assert_int_equal(waiters_state(&waiters, ROOM_CHUNK - 1), WAITER_ABSENT);
  assert_int_equal(add(&waiters, 9, 9, 9), ROOM_CHUNK - 1);
  assert_int_equal(add(&waiters, 9, 9, 9), ROOM_CHUNK);
  assert_int_equal(waiters.chunks_kept, 2);
  waiters_free(&waiters);
  assert_int_equal(memory.in_use, 0);
}

static void test_a_chunk_of_the_gone_is_forgotten(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct waiters waiters;
  waiters_init(&waiters, &memory);
  fill(&waiters, 2 * ROOM_CHUNK + 1);
  for (uint32_t i = 0; i < ROOM_CHUNK; i++) {
    assert_false(waiters_is_gone(&waiters, 1));
    waiters_set_state(&waiters, ROOM_CHUNK + i, i % 2 == 0 ? WAITER_LEFT : WAITER_EXPIRED);
  }
  assert_true(waiters_is_gone(&waiters, 1));
  waiters_set_state(&waiters, ROOM_CHUNK, WAITER_WAITING);
  assert_false(waiters_is_gone(&waiters, 1));
  waiters_set_state(&waiters, ROOM_CHUNK, WAITER_LEFT);
  waiters_set_state(&waiters, 2 * ROOM_CHUNK, WAITER_LEFT);
  assert_false(waiters_is_gone(&waiters, 2)); /* not full */
  size_t before = memory.in_use;
  waiters_forget(&waiters, 1);
  assert_int_equal(before - memory.in_use, sizeof(struct waiter_chunk));
  assert_false(waiters_is_gone(&waiters, 1));
  assert_int_equal(waiters_state(&waiters, ROOM_CHUNK + 5), WAITER_EXPIRED);
  assert_int_equal(waiters.counts[WAITER_LEFT], 1);
  assert_int_equal(waiters.counts[WAITER_EXPIRED], 0);
  waiters_free(&waiters);
  assert_int_equal(memory.in_use, 0);
}

/* What of a state survives in an image. */
static const enum waiter_state KEPT[WAITER_STATES] = {
    [WAITER_ABSENT] = WAITER_WAITING,   [WAITER_WAITING] = WAITER_WAITING,
    [WAITER_GHOST] = WAITER_WAITING,    [WAITER_ADMITTED] = WAITER_ADMITTED,
    [WAITER_ENTERED] = WAITER_ADMITTED, [WAITER_EXPIRED] = WAITER_EXPIRED,
    [WAITER_LEFT] = WAITER_LEFT,
};

static void test_states_survive_as_an_image(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct waiters waiters;
  struct waiters again;
  uint8_t image[WAITERS_IMAGE_BYTES];
  waiters_init(&waiters, &memory);
  waiters_init(&again, &memory);
  fill(&waiters, ROOM_CHUNK + 50);
  for (uint32_t i = 0; i < 50; i++)
    waiters_set_state(&waiters, ROOM_CHUNK + i,
                      (enum waiter_state)(WAITER_WAITING + i % (WAITER_STATES - 1)));
  waiters_write_image(&waiters, 1, ROOM_CHUNK + 7, WAITER_LEFT, image);
  assert_true(waiters_load(&again, 0, ROOM_CHUNK, 0));
  /* Two came after it was written: they wait. */
  assert_true(waiters_load(&again, 1, 52, 0));
  waiters_read_image(&again, 1, image);
  for (uint32_t i = 0; i < 50; i++) {
    enum waiter_state kept = KEPT[waiters_state(&waiters, ROOM_CHUNK + i)];
    assert_int_equal(waiters_state(&again, ROOM_CHUNK + i), i == 7 ? WAITER_LEFT : kept);
  }
  assert_int_equal(waiters_state(&again, ROOM_CHUNK + 50), WAITER_WAITING);
  assert_int_equal(waiters_state(&again, ROOM_CHUNK + 51), WAITER_WAITING);
  waiters_write_image(&waiters, 0, UINT32_MAX, WAITER_LEFT, image);
  for (size_t i = 0; i < sizeof image; i++) assert_int_equal(image[i], 0);
  waiters_free(&waiters);
  waiters_free(&again);
  assert_int_equal(memory.in_use, 0);
}

static void test_chunks_that_are_missing_are_gone(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct waiters waiters;
  waiters_init(&waiters, &memory);
  assert_true(waiters_load(&waiters, 3, 10, 77));
  assert_int_equal(waiters.next, 3 * ROOM_CHUNK + 10);
  assert_int_equal(waiters.chunks_kept, 1);
  assert_int_equal(waiters.chunk_count, 4);
  assert_int_equal(waiters_state(&waiters, 5), WAITER_EXPIRED);
  assert_int_equal(waiters_state(&waiters, 3 * ROOM_CHUNK), WAITER_WAITING);
  assert_int_equal(waiters_silence_s(&waiters, 3 * ROOM_CHUNK, 80), 3);
  assert_false(waiters_is_gone(&waiters, 0));
  assert_int_equal(add(&waiters, 1, 1, 1), 3 * ROOM_CHUNK + 10);
  waiters_free(&waiters);
  assert_int_equal(memory.in_use, 0);
}

/* ---- as bytes ---- */

static void random_entries(struct random *random, struct waiter_entries *entries)
{
  int64_t at_ms = 1700000000000;
  for (uint32_t i = 0; i < ROOM_CHUNK; i++) {
    static const uint64_t gaps[] = {1, 2, 127, 129, 20000, 5000000, 100000000000};
    at_ms += (int64_t)random_below(random, gaps[random_below(random, 7)]);
    entries->hashes[i] = random_u64(random) >> 8;
    entries->arrivals_ms[i] = at_ms;
  }
}

static void test_entries_survive_as_bytes(void **state)
{
  (void)state;
  struct random random;
  static struct waiter_entries entries;
  static struct waiter_entries back;
  static uint8_t bytes[WAITERS_BYTES_MAX];
  random_init(&random, 8);
  for (int round = 0; round < 30; round++) {
    random_entries(&random, &entries);
    uint32_t from = round == 0 ? 0 : (uint32_t)random_below(&random, ROOM_CHUNK);
    uint32_t to = round == 0 ? ROOM_CHUNK : (uint32_t)random_between(&random, from + 1, ROOM_CHUNK);
    int64_t base_ms = entries.arrivals_ms[from];
    size_t size = waiters_encode(&entries, from, to, base_ms, bytes);
    struct bytes encoded = bytes_of(bytes, size);
    assert_true(waiters_encoded_valid(encoded, to - from));
    assert_false(waiters_encoded_valid(encoded, to - from + 1));
    assert_false(waiters_encoded_valid(encoded, to - from - 1));
    assert_false(waiters_encoded_valid(bytes_of(bytes, size - 1), to - from));
    memset(&back, 0, sizeof back);
    waiters_decode(encoded, to - from, base_ms, &back, from);
    for (uint32_t i = from; i < to; i++) {
      assert_int_equal(back.hashes[i], entries.hashes[i]);
      assert_int_equal(back.arrivals_ms[i], entries.arrivals_ms[i]);
      assert_int_equal(waiters_encoded_hash(encoded, i - from), entries.hashes[i]);
      assert_int_equal(waiters_encoded_arrival_ms(encoded, to - from, i - from, base_ms),
                       entries.arrivals_ms[i]);
    }
  }
}

static void test_bytes_that_are_no_entries(void **state)
{
  (void)state;
  static const uint8_t none[WAITER_HASH_BYTES + WAITER_OFFSET_BYTES + 1] = {0};
  uint8_t longest[WAITER_HASH_BYTES + WAITER_OFFSET_BYTES + 1];
  assert_false(waiters_encoded_valid((struct bytes){NULL, 0}, 0));
  assert_false(waiters_encoded_valid((struct bytes){NULL, 0}, 1));
  assert_false(waiters_encoded_valid(bytes_of(none, WAITER_HASH_BYTES), 1));
  assert_true(waiters_encoded_valid(bytes_of(none, WAITER_HASH_BYTES + 1), 1));
  assert_false(waiters_encoded_valid(bytes_of(none, sizeof none), ROOM_CHUNK + 1));
  /* An offset of seven bytes, of eight, and one that does not end. */
  memset(longest, 0xff, sizeof longest);
  longest[WAITER_HASH_BYTES + WAITER_OFFSET_BYTES - 1] = 0x7f;
  assert_true(waiters_encoded_valid(bytes_of(longest, WAITER_HASH_BYTES + WAITER_OFFSET_BYTES), 1));
  longest[WAITER_HASH_BYTES + WAITER_OFFSET_BYTES - 1] = 0xff;
  assert_false(
      waiters_encoded_valid(bytes_of(longest, WAITER_HASH_BYTES + WAITER_OFFSET_BYTES), 1));
  longest[WAITER_HASH_BYTES + WAITER_OFFSET_BYTES] = 0;
  assert_false(waiters_encoded_valid(bytes_of(longest, sizeof longest), 1));
}

static void test_without_memory_nothing_changes(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct waiters waiters;
  waiters_init(&waiters, &memory);
  for (uint64_t n = 1; n <= 3; n++) {
    memory.fail_at = memory.calls + 1;
    assert_false(waiters_reserve(&waiters));
  }
  memory.fail_at = 0;
  fill(&waiters, ROOM_CHUNK);
  memory.fail_at = memory.calls + 1;
  assert_false(waiters_load(&waiters, 20, 3, 0));
  assert_int_equal(waiters.next, ROOM_CHUNK);
  memory.fail_at = 0;
  waiters_free(&waiters);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_numbers_and_states),
      cmocka_unit_test(test_silences_below_two_hours_are_told_apart),
      cmocka_unit_test(test_numbers_are_taken_back),
      cmocka_unit_test(test_a_chunk_of_the_gone_is_forgotten),
      cmocka_unit_test(test_states_survive_as_an_image),
      cmocka_unit_test(test_chunks_that_are_missing_are_gone),
      cmocka_unit_test(test_entries_survive_as_bytes),
      cmocka_unit_test(test_bytes_that_are_no_entries),
      cmocka_unit_test(test_without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
