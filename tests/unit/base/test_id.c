#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A clock that is set by hand, and entropy of one repeated byte that counts its calls. */
struct fake {
  struct world world;
  int64_t now_ms;
  uint8_t next;
  int entropy_calls;
};

static int64_t fake_clock_ms(struct world *world)
{
  return ((struct fake *)world)->now_ms;
}

static void fake_entropy(struct world *world, void *to, size_t size)
{
  struct fake *fake = (struct fake *)world;
  fake->entropy_calls++;
  for (size_t i = 0; i < size; i++) ((uint8_t *)to)[i] = fake->next++;
}

static const struct world_operations fake_operations = {
    .clock_ms = fake_clock_ms,
    .entropy = fake_entropy,
};

static struct fake make_fake(int64_t now_ms)
{
  return (struct fake){.world = {.operations = &fake_operations}, .now_ms = now_ms};
}

static void assert_text(const struct id *id, const char *expected)
{
  char text[ID_TEXT_BYTES + 1] = {0};
  id_format(id, text);
  assert_string_equal(text, expected);
}

static void test_id_is_time_then_random(void **state)
{
  (void)state;
  struct fake fake = make_fake(1469918176385); /* the example of the ULID specification */
  struct id_generator generator;
  id_generator_init(&generator, &fake.world);
  struct id id = id_generate(&generator);
  assert_int_equal(id_time_ms(&id), 1469918176385);
  static const uint8_t random[] = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
  assert_memory_equal(id.bytes + 6, random, sizeof(random));
  char text[ID_TEXT_BYTES];
  id_format(&id, text);
  assert_memory_equal(text, "01ARYZ6S41", 10);
}

static void test_same_millisecond_increments(void **state)
{
  (void)state;
  struct fake fake = make_fake(1000);
  struct id_generator generator;
  id_generator_init(&generator, &fake.world);
  struct id first = id_generate(&generator);
  struct id second = id_generate(&generator);
  first.bytes[15]++;
  assert_memory_equal(first.bytes, second.bytes, ID_BYTES);
}

static void test_clock_going_back_keeps_the_order(void **state)
{
  (void)state;
  struct fake fake = make_fake(1000);
  struct id_generator generator;
  id_generator_init(&generator, &fake.world);
  struct id last = id_generate(&generator);
  for (int64_t now_ms = 999; now_ms >= -5; now_ms--) {
    fake.now_ms = now_ms;
    struct id id = id_generate(&generator);
    assert_true(id_compare(&id, &last) > 0);
    assert_int_equal(id_time_ms(&id), 1000);
    last = id;
  }
  fake.now_ms = 1001;
  struct id id = id_generate(&generator);
  assert_true(id_compare(&id, &last) > 0);
  assert_int_equal(id_time_ms(&id), 1001);
}

static void test_clock_before_1970_still_gives_random_ids(void **state)
{
  (void)state;
  struct fake fake = make_fake(-1);
  fake.next = 100;
  struct id_generator generator;
  id_generator_init(&generator, &fake.world);
  struct id id = id_generate(&generator);
  assert_int_equal(id_time_ms(&id), 0);
  assert_int_equal(id.bytes[6], 100);
  assert_int_equal(id.bytes[15], 110);
}

static void test_carry_runs_through_the_random_part_into_the_time(void **state)
{
  (void)state;
  struct fake fake = make_fake(1000);
  struct id_generator generator;
  id_generator_init(&generator, &fake.world);
  id_generate(&generator);
  memset(generator.last.bytes + 7, 0xff, 9);
  generator.last.bytes[6] = 3;
  struct id id = id_generate(&generator);
  static const uint8_t carried[10] = {4};
  assert_memory_equal(id.bytes + 6, carried, 10);
  memset(generator.last.bytes + 6, 0xff, 10);
  id = id_generate(&generator);
  static const uint8_t zeros[10];
  assert_memory_equal(id.bytes + 6, zeros, 10);
  assert_int_equal(id_time_ms(&id), 1001);
  /* The clock reaches the time that was borrowed: still no id twice. */
  fake.now_ms = 1001;
  struct id next = id_generate(&generator);
  assert_true(id_compare(&next, &id) > 0);
}

static void test_entropy_is_asked_in_batches(void **state)
{
  (void)state;
  struct fake fake = make_fake(1);
  struct id_generator generator;
  id_generator_init(&generator, &fake.world);
  assert_int_equal(fake.entropy_calls, 1);
  for (int i = 0; i < 63; i++, fake.now_ms++) id_generate(&generator);
  assert_int_equal(fake.entropy_calls, 1);
  id_generate(&generator);
  assert_int_equal(fake.entropy_calls, 2);
  for (int i = 0; i < 1000; i++) id_generate(&generator);
  assert_int_equal(fake.entropy_calls, 2);
}

static void test_text_order_is_byte_order(void **state)
{
  (void)state;
  struct fake fake = make_fake(0);
  struct id_generator generator;
  id_generator_init(&generator, &fake.world);
  char last[ID_TEXT_BYTES] = {0};
  for (int64_t i = 0; i < 5000; i++) {
    fake.now_ms = i * i * i / 7 * 2003;
    struct id id = id_generate(&generator), back;
    char text[ID_TEXT_BYTES];
    id_format(&id, text);
    assert_true(memcmp(text, last, ID_TEXT_BYTES) > 0);
    assert_true(id_parse(bytes_of(text, sizeof(text)), &back));
    assert_memory_equal(back.bytes, id.bytes, ID_BYTES);
    memcpy(last, text, ID_TEXT_BYTES);
  }
}

static void test_ends_of_the_range(void **state)
{
  (void)state;
  struct id id = {{0}}, back;
  assert_text(&id, "00000000000000000000000000");
  memset(id.bytes, 0xff, ID_BYTES);
  assert_text(&id, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  assert_true(id_parse(BYTES("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), &back));
  assert_memory_equal(back.bytes, id.bytes, ID_BYTES);
  assert_int_equal(id_time_ms(&id), (INT64_C(1) << 48) - 1);
}

static void test_parse_refuses_other_spellings(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "",
      "0000000000000000000000000",
      "000000000000000000000000000",
      "80000000000000000000000000",
      "Z0000000000000000000000000",
      "0000000000000000000000000a",
      "0000000000000000000000000I",
      "0000000000000000000000000L",
      "0000000000000000000000000O",
      "0000000000000000000000000U",
      "0000000000000 000000000000",
      "0000000000000-000000000000",
  };
  struct id id;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (id_parse(bytes_of_text(bad[i]), &id)) fail_msg("accepted \"%s\"", bad[i]);
  assert_false(id_parse(bytes_of("0000000000000000000000000\0", ID_TEXT_BYTES), &id));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_id_is_time_then_random),
      cmocka_unit_test(test_same_millisecond_increments),
      cmocka_unit_test(test_clock_going_back_keeps_the_order),
      cmocka_unit_test(test_clock_before_1970_still_gives_random_ids),
      cmocka_unit_test(test_carry_runs_through_the_random_part_into_the_time),
      cmocka_unit_test(test_entropy_is_asked_in_batches),
      cmocka_unit_test(test_text_order_is_byte_order),
      cmocka_unit_test(test_ends_of_the_range),
      cmocka_unit_test(test_parse_refuses_other_spellings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
