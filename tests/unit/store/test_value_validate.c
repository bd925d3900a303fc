#include "store/item.h"
#include "unit/store/value_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MUTATION_ROUNDS = 1500, MUTATIONS_PER_VALUE = 40 };

struct sample {
  const char *bytes;
  size_t size;
  const char *message; /* NULL: accepted */
};

#define SAMPLE(literal, message)          \
  {                                       \
    literal, sizeof(literal) - 1, message \
  }

static const struct sample samples[] = {
    SAMPLE("", "value: value cut off at offset 0"),
    SAMPLE("\x00", NULL),
    SAMPLE("\x00\x00", "value: more bytes than the value has at offset 1"),
    SAMPLE("\x0C", "value: unknown tag at offset 0"),
    SAMPLE("\x03", "value: number cut off at offset 1"),
    SAMPLE("\x03\x80", "value: number cut off at offset 1"),
    SAMPLE("\x03\x80\x00", "value: number not in its shortest form at offset 1"),
    SAMPLE("\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", NULL),
    SAMPLE("\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02",
           "value: number above 64 bits at offset 1"),
    SAMPLE("\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x81\x01",
           "value: number above 64 bits at offset 1"),
    SAMPLE("\x04\x01\x81\x0F", NULL),
    SAMPLE("\x04\x01", "value: decimal cut off at offset 1"),
    SAMPLE("\x04\x01\x80", "value: decimal with a wrong size at offset 1"),
    SAMPLE("\x04\x01\x91\x0F", "value: decimal with a wrong size at offset 1"),
    SAMPLE("\x04\x01\x82\x0F", "value: decimal with a wrong size at offset 1"),
    SAMPLE("\x04\x01\x82\x0F\x00", "value: decimal not normalised at offset 1"),
    SAMPLE("\x04\x01\x81\x0A", "value: decimal not normalised at offset 1"),
    SAMPLE("\x04\x00\x01\x0F", "value: integer written as a decimal at offset 1"),
    SAMPLE("\x04\x24\x01\x01", "value: integer written as a decimal at offset 1"), /* 1E18 */
    SAMPLE("\x04\x26\x01\x01", NULL),                                              /* 1E19 */
    SAMPLE("\x04\xFA\x01\x01\x01", NULL),                                          /* 1E125 */
    SAMPLE("\x04\xFC\x01\x01\x01", "value: decimal out of range at offset 1"),
    SAMPLE("\x04\xFA\x01\x01\x0B", "value: decimal out of range at offset 1"), /* 1.1E126 */
    SAMPLE("\x04\x83\x02\x01\x01", NULL),                                      /* 1E-130 */
    SAMPLE("\x04\x85\x02\x01\x01", "value: decimal out of range at offset 1"),
    SAMPLE("\x04\x85\x02\x01\x0B", NULL), /* 11E-131 = 1.1E-130 */
    SAMPLE("\x04\xFF\xFF\xFF\xFF\xFF\x01\x01\x01", "value: decimal out of range at offset 1"),
    /* 10^38 - 1 has 38 digits, 10^38 + 1 has 39. */
    SAMPLE("\x04\x01\x10\xFF\xFF\xFF\xFF\x3F\x22\x8A\x09\x7A\xC4\x86\x5A\xA8\x4C\x3B\x4B", NULL),
    SAMPLE("\x04\x01\x10\x01\x00\x00\x00\x40\x22\x8A\x09\x7A\xC4\x86\x5A\xA8\x4C\x3B\x4B",
           "value: decimal out of range at offset 1"),
    SAMPLE("\x05\x02x", "value: text cut off at offset 1"),
    SAMPLE("\x05\x02\xC3\xA9", NULL),
    SAMPLE("\x05\x02\xC3\x28", "value: text not UTF-8 at offset 2"),
    SAMPLE("\x06\x02\xC3\x28", NULL),
    SAMPLE("\x05\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01x", "value: text cut off at offset 1"),
    SAMPLE("\x07\x00\x00\x00\x00\x00\x00\x00", "value: container cut off at offset 1"),
    SAMPLE("\x07\x01\x00\x00\x00\x00\x00\x00\x00", "value: container cut off at offset 1"),
    SAMPLE("\x07\x00\x00\x00\x00\x01\x00\x00\x00",
           "value: container with a wrong count at offset 1"),
    SAMPLE("\x07\x01\x00\x00\x00\x01\x00\x00\x00\x03\x02", "value: number cut off at offset 10"),
    SAMPLE("\x08\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00",
           "value: name with a wrong size at offset 9"),
    SAMPLE("\x08\x03\x00\x00\x00\x01\x00\x00\x00\x01\xFF\x00", "value: name not UTF-8 at offset 9"),
    SAMPLE("\x08\x02\x00\x00\x00\x01\x00\x00\x00\x01\x61", "value: value cut off at offset 11"),
    SAMPLE("\x08\x06\x00\x00\x00\x02\x00\x00\x00\x01\x62\x00\x01\x61\x00",
           "value: names not ascending at offset 12"),
    SAMPLE("\x08\x06\x00\x00\x00\x02\x00\x00\x00\x01\x61\x00\x01\x61\x00",
           "value: names not ascending at offset 12"),
    SAMPLE("\x08\x06\x00\x00\x00\x02\x00\x00\x00\x01\x61\x00\x01\x62\x00", NULL),
    SAMPLE("\x09\x00\x00\x00\x00\x00\x00\x00\x00", "value: empty set at offset 1"),
    SAMPLE("\x0A\x04\x00\x00\x00\x02\x00\x00\x00\x03\x01\x03\x02", NULL),
    SAMPLE("\x0A\x04\x00\x00\x00\x02\x00\x00\x00\x03\x02\x03\x01",
           "value: set not ascending at offset 11"),
    SAMPLE("\x0A\x02\x00\x00\x00\x01\x00\x00\x00\x05\x00",
           "value: set element of another type at offset 9"),
    SAMPLE("\x0B\x04\x00\x00\x00\x02\x00\x00\x00\x06\x00\x06\x00",
           "value: set not ascending at offset 11"),
};

static void test_samples(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
    struct error error = {.message = "accepted"};
    bool valid = value_validate(bytes_of(samples[i].bytes, samples[i].size), &error);
    if (valid != (samples[i].message == NULL)) fail_msg("sample %zu: %s", i, error.message);
    if (valid) continue;
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_string_equal(error.message, samples[i].message);
  }
}

static void test_depth_is_bounded(void **state)
{
  (void)state;
  enum { LEVELS = 1000 };
  uint8_t bytes[LEVELS * VALUE_HEADER_BYTES + 1];
  struct error error;
  for (uint32_t lists = 1; lists <= LEVELS; lists++) {
    for (uint32_t i = 0; i < lists; i++) {
      uint8_t *list = bytes + i * VALUE_HEADER_BYTES;
      list[0] = VALUE_TAG_LIST;
      bytes_put_u32(list + 1, (lists - 1 - i) * VALUE_HEADER_BYTES + 1);
      bytes_put_u32(list + 5, 1);
    }
    bytes[lists * VALUE_HEADER_BYTES] = VALUE_TAG_NULL;
    bool valid = value_validate(bytes_of(bytes, lists * VALUE_HEADER_BYTES + 1), &error);
    assert_int_equal(valid, lists <= ITEM_DEPTH_MAX);
  }
  assert_string_equal(error.message, "value: value nested too deeply at offset 297");
}

/* Accepted bytes are those that the writer makes of what is read from them. */
static void assert_canonical(struct bytes encoded, struct memory *memory)
{
  struct buffer buffer;
  buffer_init(&buffer, memory);
  struct value_writer writer;
  value_writer_init(&writer, &buffer);
  value_rewrite((struct value){encoded.data, encoded.size}, &writer);
  struct value again;
  struct error error;
  assert_true(value_writer_finish(&writer, &again, &error));
  assert_true(bytes_equal(encoded, bytes_of(again.data, again.size)));
  buffer_free(&buffer);
}

static void mutate(uint8_t *bytes, size_t size, struct fixture_random *random)
{
  size_t at = fixture_random_below(random, size);
  switch (fixture_random_below(random, 4)) {
  case 0:
    bytes[at] ^= (uint8_t)(1u << fixture_random_below(random, 8));
    break;
  case 1:
    bytes[at] = (uint8_t)fixture_random_below(random, 256);
    break;
  case 2:
    bytes[at]++;
    break;
  default:
    bytes[at] = bytes[fixture_random_below(random, size)];
  }
}

static uint64_t run_mutation_round(struct arena *arena, struct memory *memory,
                                   struct fixture_random *random)
{
  struct model model;
  struct buffer buffer;
  struct value_writer writer;
  struct value value;
  struct error error;
  model_random(&model, 3, arena, random);
  buffer_init(&buffer, memory);
  value_writer_init(&writer, &buffer);
  model_write(&model, &writer);
  assert_true(value_writer_finish(&writer, &value, &error));

  /* A copy of its own size, so that the sanitizer sees a read past the end. */
  size_t step = 1 + value.size / 64;
  for (size_t size = 0; size < value.size; size += step) {
    uint8_t *cut = test_malloc(size + 1);
    memcpy(cut + 1, value.data, size);
    assert_false(value_validate(bytes_of(cut + 1, size), &error));
    test_free(cut);
  }
  uint64_t accepted = 0;
  for (int i = 0; i < MUTATIONS_PER_VALUE; i++) {
    uint8_t *copy = test_malloc(value.size);
    memcpy(copy, value.data, value.size);
    for (uint64_t n = 1 + fixture_random_below(random, 2); n > 0; n--)
      mutate(copy, value.size, random);
    if (value_validate(bytes_of(copy, value.size), &error)) {
      assert_canonical(bytes_of(copy, value.size), memory);
      accepted++;
    }
    test_free(copy);
  }
  buffer_free(&buffer);
  return accepted;
}

static void test_mutations(void **state)
{
  (void)state;
  struct fixture_random random = fixture_random_init(2);
  print_message("replay: TACOS_SEED=%llu build/asan/tests/unit/store/test_value_validate\n",
                (unsigned long long)random.seed);
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  uint64_t accepted = 0;
  for (int round = 0; round < MUTATION_ROUNDS; round++) {
    accepted += run_mutation_round(&arena, &memory, &random);
    arena_reset(&arena);
  }
  /* Some mutations hit the inside of a text; were all refused, this would test nothing. */
  assert_true(accepted > MUTATION_ROUNDS);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_samples),
      cmocka_unit_test(test_depth_is_bounded),
      cmocka_unit_test(test_mutations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
