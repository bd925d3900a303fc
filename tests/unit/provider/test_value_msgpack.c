#include "provider/value.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_round(struct fixture *fixture, const char *json)
{
  struct error error;
  struct value value = fixture_value(fixture, json);
  struct bytes packed = value_to_msgpack(&fixture->arena, &value);
  struct value back;
  assert_true(value_from_msgpack(&fixture->arena, packed, &back, &error));
  struct bytes again = value_to_msgpack(&fixture->arena, &back);
  if (!bytes_equal(packed, again)) fail_msg("%s came back as another", json);
  if (value_is_known(&value)) assert_true(value_equal(&value, &back));
}

static void test_round_trips(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  assert_round(&fixture, "null");
  assert_round(&fixture, "[true, false, -1, 0, 127, 128, 65536, 4294967296, '']");
  assert_round(&fixture, "{'a': {'b': ['c']}, 'd': [], 'e': {}}");
  assert_round(&fixture, "['?', '?vpc-0123']");
  fixture_close(&fixture);
}

/* 2^64 - 1, floats of both sizes, a negative number. */
static void test_numbers_keep_their_digits(void **state)
{
  (void)state;
  static const uint8_t PACKED[] = {
      0x94,                                                 /* a list of four */
      0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* uint 64 */
      0xcb, 0x3f, 0xe0, 0,    0,    0,    0,    0,    0,    /* float 64 */
      0xca, 0x3f, 0,    0,    0,                            /* float 32 */
      0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, /* int 64 */
  };
  struct fixture fixture;
  struct error error;
  struct value value;
  fixture_open(&fixture);
  struct bytes packed = bytes_of(PACKED, sizeof(PACKED));
  assert_true(value_from_msgpack(&fixture.arena, packed, &value, &error));
  assert_true(bytes_equal(value.items[0].text, BYTES("18446744073709551615")));
  assert_true(bytes_equal(value.items[1].text, BYTES("0.5")));
  assert_true(bytes_equal(value.items[2].text, BYTES("0.5")));
  assert_true(bytes_equal(value.items[3].text, BYTES("-2")));
  fixture_close(&fixture);
}

/* Refinements as core writes them: not null (1), prefix (2). */
static void test_refined_unknowns(void **state)
{
  (void)state;
  static const uint8_t PACKED[] = {0xc7, 9, 12, 0x82, 1, 0xc2, 2, 0xa4, 'v', 'p', 'c', '-'};
  static const uint8_t OTHER[] = {0xd4, 99, 0};
  struct fixture fixture;
  struct error error;
  struct value value;
  fixture_open(&fixture);
  assert_true(value_from_msgpack(&fixture.arena, bytes_of(PACKED, sizeof(PACKED)), &value, &error));
  assert_int_equal(value.kind, VALUE_UNKNOWN);
  assert_true(bytes_equal(value.text, BYTES("vpc-")));
  struct bytes packed = value_to_msgpack(&fixture.arena, &value);
  assert_true(bytes_equal(packed, bytes_of(PACKED, sizeof(PACKED))));
  assert_true(value_from_msgpack(&fixture.arena, bytes_of(OTHER, sizeof(OTHER)), &value, &error));
  assert_int_equal(value.kind, VALUE_UNKNOWN);
  fixture_close(&fixture);
}

static void test_refusals(void **state)
{
  (void)state;
  static const struct {
    uint8_t bytes[8];
    size_t size;
  } REFUSED[] = {
      {{0}, 0},                                /* nothing */
      {{0xc0, 0xc0}, 2},                       /* two documents */
      {{0xdd, 0xff, 0xff, 0xff, 0xff}, 5},     /* a list of 4 billion */
      {{0xdf, 0xff, 0xff, 0xff, 0xff}, 5},     /* a map of as many */
      {{0xdb, 0xff, 0xff, 0xff, 0xff}, 5},     /* a text of 4 GB */
      {{0xc9, 0xff, 0xff, 0xff, 0xff, 12}, 6}, /* an extension of 4 GB */
      {{0xa2, 'x'}, 2},                        /* a text cut off */
      {{0xa1, 0xff}, 2},                       /* no UTF-8 */
      {{0x81, 0x01, 0xc0}, 3},                 /* a key that is a number */
      {{0xc4, 0x01, 0x00}, 3},                 /* binary */
      {{0xc1}, 1},                             /* the type that is never used */
      {{0x91}, 1},                             /* a list without its item */
  };
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
    struct error error;
    struct value value;
    struct bytes input = bytes_of(REFUSED[i].bytes, REFUSED[i].size);
    if (value_from_msgpack(&fixture.arena, input, &value, &error)) fail_msg("accepted %zu", i);
  }
  fixture_close(&fixture);
}

static void test_depth(void **state)
{
  (void)state;
  uint8_t nested[VALUE_DEPTH_MAX + 2];
  struct fixture fixture;
  struct error error;
  struct value value;
  memset(nested, 0x91, sizeof(nested));
  fixture_open(&fixture);
  nested[VALUE_DEPTH_MAX] = 0xc0;
  assert_true(
      value_from_msgpack(&fixture.arena, bytes_of(nested, VALUE_DEPTH_MAX + 1), &value, &error));
  nested[VALUE_DEPTH_MAX] = 0x91;
  nested[VALUE_DEPTH_MAX + 1] = 0xc0;
  assert_false(
      value_from_msgpack(&fixture.arena, bytes_of(nested, sizeof(nested)), &value, &error));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trips),
      cmocka_unit_test(test_numbers_keep_their_digits),
      cmocka_unit_test(test_refined_unknowns),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_depth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
