#include "store/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_part_equal(const struct part *left, const struct part *right)
{
  assert_int_equal(left->kind, right->kind);
  assert_int_equal(left->flags, right->flags);
  assert_int_equal(left->table_id, right->table_id);
  assert_true(bytes_equal(left->image, right->image));
  assert_true(bytes_equal(left->old, right->old));
}

static void test_layout(void **state)
{
  (void)state;
  const struct part part = {.kind = PART_DELETE,
                            .flags = PART_BY_TTL | PART_UNCHANGED,
                            .table_id = 0x01020304,
                            .image = BYTES("key"),
                            .old = BYTES("older")};
  static const uint8_t expected[] = {2, 5, 0, 0, 4,   3,   2,   1,   3,   0,   0,   0,
                                     5, 0, 0, 0, 'k', 'e', 'y', 'o', 'l', 'd', 'e', 'r'};
  uint8_t written[sizeof expected];
  assert_int_equal(part_size(3, 5), sizeof expected);
  assert_ptr_equal(part_write(written, &part), written + sizeof written);
  assert_memory_equal(written, expected, sizeof expected);
}

static void test_round_trip(void **state)
{
  (void)state;
  static const struct part parts[] = {
      {.kind = PART_PUT, .flags = PART_REPLACED, .table_id = 7, .image = {(const uint8_t *)"i", 1}},
      {.kind = PART_DELETE, .table_id = UINT32_MAX, .old = {(const uint8_t *)"old", 3}},
      {.kind = PART_TOKEN, .image = {(const uint8_t *)"t", 1}, .old = {(const uint8_t *)"h", 1}},
      {.kind = PART_PUT},
  };
  enum { COUNT = sizeof parts / sizeof parts[0] };
  uint8_t written[256];
  uint8_t *end = written;
  for (int i = 0; i < COUNT; i++) end = part_write(end, &parts[i]);
  struct bytes payload = bytes_of(written, (size_t)(end - written));
  struct part part;
  bool malformed = true;
  for (int i = 0; i < COUNT; i++) {
    assert_true(part_read(&payload, &part, &malformed));
    assert_false(malformed);
    assert_part_equal(&part, &parts[i]);
  }
  assert_int_equal(payload.size, 0);
  malformed = true;
  assert_false(part_read(&payload, &part, &malformed));
  assert_false(malformed);
}

/* A refused part leaves the payload where it was. */
static void assert_malformed(const uint8_t *data, size_t size)
{
  struct bytes payload = bytes_of(data, size);
  struct part part;
  bool malformed = false;
  assert_false(part_read(&payload, &part, &malformed));
  assert_true(malformed);
  assert_ptr_equal(payload.data, data);
  assert_int_equal(payload.size, size);
}

static void test_malformed_parts_are_refused(void **state)
{
  (void)state;
  const struct part part = {.kind = PART_PUT, .image = BYTES("image"), .old = BYTES("old")};
  uint8_t written[PART_HEADER_BYTES + 8];
  part_write(written, &part);
  for (size_t size = 1; size < sizeof written; size++) assert_malformed(written, size);
  for (int kind = 0; kind < 256; kind++) {
    written[0] = (uint8_t)kind;
    if (kind < PART_PUT || kind > PART_TOKEN) assert_malformed(written, sizeof written);
  }
  written[0] = PART_PUT;
  bytes_put_u32(written + 8, 6);
  assert_malformed(written, sizeof written);
  bytes_put_u32(written + 8, UINT32_MAX);
  bytes_put_u32(written + 12, UINT32_MAX);
  assert_malformed(written, sizeof written);
  /* Sizes whose sum is right modulo 2^32. */
  bytes_put_u32(written + 12, 9);
  assert_malformed(written, sizeof written);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_layout),
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_malformed_parts_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
