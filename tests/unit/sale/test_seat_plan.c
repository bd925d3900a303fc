#include "sale/seat_plan.h"

#include "unit/sale/seat_fixture.h"

static struct seat_event good_event(void)
{
  return (struct seat_event){.event_id = BYTES("evt_1"),
                             .name = BYTES("Name"),
                             .venue = BYTES("Venue"),
                             .currency = BYTES("KRW"),
                             .starts_at_ms = 2000,
                             .sale_opens_at_ms = 1000,
                             .sale_closes_at_ms = SEAT_NEVER_MS,
                             .max_per_buyer = 4,
                             .hold_seconds = 300};
}

static void assert_event(const struct seat_event *event, const char *expected)
{
  const char *field = "";
  struct error error;
  bool good = seat_event_check(event, &field, &error);
  if (expected == NULL) {
    assert_true(good);
    return;
  }
  assert_false(good);
  assert_string_equal(field, expected);
  assert_int_equal(error.code, ERROR_INVALID);
  assert_non_null(strstr(error.message, expected));
}

static void test_checks_event_fields(void **state)
{
  (void)state;
  static const uint8_t long_text[SEAT_NAME_BYTES + 1] = "x";
  struct seat_event event = good_event();
  assert_event(&event, NULL);
#define WITH(member, value, expected) \
  event = good_event();               \
  event.member = (value);             \
  assert_event(&event, expected)
  WITH(event_id, BYTES(""), "event_id");
  WITH(event_id, BYTES("evt#1"), "event_id");
  WITH(event_id, BYTES("evt.1"), "event_id");
  WITH(event_id, bytes_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 65),
       "event_id");
  WITH(event_id, bytes_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 64),
       NULL);
  WITH(name, BYTES(""), "name");
  WITH(name, bytes_of(long_text, SEAT_NAME_BYTES), NULL);
  WITH(name, bytes_of(long_text, SEAT_NAME_BYTES + 1), "name");
  WITH(venue, BYTES(""), "venue");
  WITH(starts_at_ms, INT64_MAX, "starts_at");
  WITH(sale_opens_at_ms, 2000, "sale_opens_at");
  WITH(sale_opens_at_ms, INT64_MIN, "sale_opens_at");
  WITH(sale_closes_at_ms, 1000, "sale_closes_at");
  WITH(sale_closes_at_ms, 1001, NULL);
  WITH(currency, BYTES("KR"), "currency");
  WITH(currency, BYTES("krw"), "currency");
  WITH(max_per_buyer, 0, "max_per_buyer");
  WITH(max_per_buyer, 100, NULL);
  WITH(max_per_buyer, 101, "max_per_buyer");
  WITH(hold_seconds, 9, "hold_seconds");
  WITH(hold_seconds, 10, NULL);
  WITH(hold_seconds, 3600, NULL);
  WITH(hold_seconds, 3601, "hold_seconds");
#undef WITH
}

static void test_alphabet_of_ids(void **state)
{
  (void)state;
  for (unsigned byte = 0; byte < 256; byte++) {
    uint8_t text[2] = {'a', (uint8_t)byte};
    bool known = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                 (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_' || byte == '.';
    assert_int_equal(seat_name_is_valid(bytes_of(text, 2), 2), known);
    assert_false(seat_name_is_valid(bytes_of(text, 2), 1));
  }
  assert_false(seat_name_is_valid(BYTES(""), 5));
}

static void test_numbers(void **state)
{
  (void)state;
  uint32_t value = 0;
  assert_true(seat_number_parse(BYTES("0"), &value));
  assert_true(seat_number_parse(BYTES("999999999"), &value));
  assert_int_equal(value, 999999999);
  static const char *const bad[] = {"", "01", "1000000000", "-1", "1a", " 1", "+1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(seat_number_parse(bytes_of_text(bad[i]), &value));
}

/* Numbers that count up are kept as the first alone. */
static void test_consecutive_rows(void **state)
{
  (void)state;
  struct seat_plan_row row;
  const struct bytes up[] = {BYTES("9"), BYTES("10"), BYTES("11")};
  seat_plan_row_number(&row, up, 3);
  assert_null(row.numbers);
  assert_int_equal(row.first, 9);
  assert_int_equal(row.seats, 3);
  const struct bytes others[][2] = {{BYTES("1"), BYTES("3")},
                                    {BYTES("2"), BYTES("1")},
                                    {BYTES("01"), BYTES("2")},
                                    {BYTES("1"), BYTES("2A")},
                                    {BYTES("1000000"), BYTES("1000001")}};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    seat_plan_row_number(&row, others[i], 2);
    assert_ptr_equal(row.numbers, others[i]);
  }
}

static void test_names_remember_their_places(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  struct seat_names names;
  arena_init(&arena, &memory);
  seat_names_init(&names, &arena, 5);
  for (uint32_t turn = 0; turn < 2; turn++)
    for (uint32_t i = 0; i < 5000; i++) {
      bool added;
      char text[16];
      size_t size = (size_t)snprintf(text, sizeof text, "%u", i);
      struct seat_name *name = seat_names_add(&names, bytes_of(text, size), i + turn, &added);
      assert_non_null(name);
      assert_int_equal(added, turn == 0);
      assert_int_equal(name->place, i);
      assert_true(bytes_equal(name->text, bytes_of(text, size)));
    }
  assert_int_equal(names.count, 5000);
  arena_free(&arena);
  for (uint64_t n = 1;; n++) {
    memory = (struct memory){.fail_at = n};
    arena_init(&arena, &memory);
    seat_names_init(&names, &arena, 5);
    bool added;
    bool good = true;
    for (uint32_t i = 0; good && i < 2000; i++)
      good = seat_names_add(&names, bytes_of(&i, sizeof i), 0, &added) != NULL;
    arena_free(&arena);
    assert_int_equal(memory.in_use, 0);
    if (good) break;
  }
}

static void test_places(void **state)
{
  (void)state;
  struct bytes text = BYTES("a\xC3\xA9"
                            "b\r\nc");
  static const struct seat_place places[] = {{1, 1}, {1, 2}, {1, 3}, {1, 3}, {1, 4},
                                             {1, 5}, {2, 1}, {2, 2}, {2, 2}};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    if (i == 3) continue; /* inside of a character */
    struct seat_place place = seat_place_of(text, i);
    assert_int_equal(place.line, places[i].line);
    if (i != 2) assert_int_equal(place.column, places[i].column);
  }
}

/* What is written reads as the same plan, written again it is the same text. */
static void test_written_plan_reads_the_same(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture,
                    "{\"id\":\"A\",\"name\":\"\xED\x95\x9C \\\"q\\\"\",\"price\":0,\"rows\":["
                    "{\"row\":\"1\",\"seats\":3},{\"first\":0,\"seats\":2,\"row\":\"2\"},"
                    "{\"row\":\"3\",\"seats\":[\"1\",\"2A\"]},{\"row\":\"4\",\"seats\":[\"7\","
                    "\"8\"]}]},{\"id\":\"G\",\"name\":\"g\",\"price\":5,\"capacity\":9}");
  struct buffer written;
  buffer_init(&written, &fixture.memory);
  assert_true(seat_plan_write(&fixture.plan, &written));
  const char *expected =
      "{\"event_id\":\"evt_1\",\"name\":\"N\",\"venue\":\"V\","
      "\"starts_at\":\"2035-01-01T00:00:00.000Z\",\"sale_opens_at\":\"2030-01-01T00:00:00.000Z\","
      "\"currency\":\"KRW\",\"max_per_buyer\":4,\"hold_seconds\":300,\"sections\":["
      "{\"id\":\"A\",\"name\":\"\xED\x95\x9C \\\"q\\\"\",\"price\":0,\"rows\":["
      "{\"row\":\"1\",\"seats\":3},{\"row\":\"2\",\"first\":0,\"seats\":2},"
      "{\"row\":\"3\",\"seats\":[\"1\",\"2A\"]},{\"row\":\"4\",\"first\":7,\"seats\":2}]},"
      "{\"id\":\"G\",\"name\":\"g\",\"price\":5,\"capacity\":9}]}";
  assert_int_equal(written.size, strlen(expected));
  assert_memory_equal(written.data, expected, written.size);
  struct seat_plan again;
  struct error error;
  assert_true(seat_import_json(buffer_bytes(&written), 1, &fixture.arena, &again, &error));
  struct buffer twice;
  buffer_init(&twice, &fixture.memory);
  assert_true(seat_plan_write(&again, &twice));
  assert_true(bytes_equal(buffer_bytes(&written), buffer_bytes(&twice)));
  buffer_free(&twice);
  buffer_free(&written);
  seat_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_checks_event_fields),
      cmocka_unit_test(test_alphabet_of_ids),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_consecutive_rows),
      cmocka_unit_test(test_names_remember_their_places),
      cmocka_unit_test(test_places),
      cmocka_unit_test(test_written_plan_reads_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
