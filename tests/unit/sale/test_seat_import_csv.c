#include "unit/sale/seat_fixture.h"

static const struct seat_event EVENT = {
    .event_id = {(const uint8_t *)"evt_1", 5},
    .name = {(const uint8_t *)"N", 1},
    .venue = {(const uint8_t *)"V", 1},
    .currency = {(const uint8_t *)"KRW", 3},
    .starts_at_ms = INT64_C(2051222400000),
    .sale_opens_at_ms = INT64_C(1893456000000),
    .sale_closes_at_ms = SEAT_NEVER_MS,
    .max_per_buyer = 4,
    .hold_seconds = 300,
};

#define HEADER "section,row,number,price\n"

/* The plan of the CSV, written as JSON without its event's head. */
static void assert_plan(const char *csv, const char *sections)
{
  struct memory memory = {0};
  struct arena arena;
  struct buffer written;
  struct seat_plan plan;
  struct error error;
  arena_init(&arena, &memory);
  buffer_init(&written, &memory);
  if (!seat_import_csv(bytes_of_text(csv), &EVENT, 3, &arena, &plan, &error))
    fail_msg("%s", error.message);
  assert_true(seat_plan_write(&plan, &written));
  assert_true(buffer_append_byte(&written, 0));
  const char *found = strstr((const char *)written.data, "\"sections\":[");
  assert_non_null(found);
  assert_string_equal(found + strlen("\"sections\":["), sections);
  struct seat_map *map = seat_map_create(&memory, &plan, 1, 1, &error);
  assert_non_null(map);
  assert_int_equal(map->row_count, plan.row_count);
  seat_map_destroy(map);
  buffer_free(&written);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

static void test_reads_seats(void **state)
{
  (void)state;
  assert_plan(
      HEADER "A,1,1,900\nA,1,2,900\nA,1,3,900\n",
      "{\"id\":\"A\",\"name\":\"A\",\"price\":900,\"rows\":[{\"row\":\"1\",\"seats\":3}]}]}");
  /* CRLF, quotes, no line end at the end. */
  assert_plan("\"section\",row,number,price\r\n\"A\",\"1\",5,\"0\"\r\nA,1,2A,0",
              "{\"id\":\"A\",\"name\":\"A\",\"price\":0,\"rows\":["
              "{\"row\":\"1\",\"seats\":[\"5\",\"2A\"]}]}]}");
  /* Order of first lines; lines of a row need not stand together. */
  assert_plan(HEADER "B,2,7,1\nA,1,1,2\nB,1,1,1\nST,,500,3\nB,2,8,1\nA,1,2,2\n",
              "{\"id\":\"B\",\"name\":\"B\",\"price\":1,\"rows\":[{\"row\":\"2\",\"first\":7,"
              "\"seats\":2},{\"row\":\"1\",\"seats\":1}]},"
              "{\"id\":\"A\",\"name\":\"A\",\"price\":2,\"rows\":[{\"row\":\"1\",\"seats\":2}]},"
              "{\"id\":\"ST\",\"name\":\"ST\",\"price\":3,\"capacity\":500}]}");
  /* A section whose id looks like a seat's. */
  assert_plan(
      HEADER "A-1-1,x,1,5\nA,1,1,900\n",
      "{\"id\":\"A-1-1\",\"name\":\"A-1-1\",\"price\":5,\"rows\":[{\"row\":\"x\",\"seats\":1}]}"
      ",{\"id\":\"A\",\"name\":\"A\",\"price\":900,\"rows\":[{\"row\":\"1\",\"seats\":1}]}]}");
}

static bool import(struct bytes csv, struct memory *memory, struct error *error)
{
  struct arena arena;
  struct seat_plan plan;
  arena_init(&arena, memory);
  bool good = seat_import_csv(csv, &EVENT, 3, &arena, &plan, error);
  arena_free(&arena);
  assert_int_equal(memory->in_use, 0);
  return good;
}

/* The whole message. */
static void assert_refused(const char *csv, const char *message)
{
  struct memory memory = {0};
  struct error error;
  if (import(bytes_of_text(csv), &memory, &error)) fail_msg("accepted %s", csv);
  assert_int_equal(error.code, ERROR_INVALID);
  assert_string_equal(error.message, message);
}

static void test_refuses_what_is_no_csv(void **state)
{
  (void)state;
  assert_refused("", "line 1, column 1: 1 fields, expected 4");
  assert_refused("\xEF\xBB\xBF" HEADER "A,1,1,9\n",
                 "line 1, column 1: a byte order mark: save the file as UTF-8 without one");
  assert_refused("section,number,row,price\n",
                 "line 1, column 9: the first line must be section,row,number,price");
  assert_refused(HEADER, "line 2, column 1: there are no seats");
  assert_refused(HEADER "A,1,1\n", "line 2, column 6: 3 fields, expected 4");
  assert_refused(HEADER "A,1,1,5,\n", "line 2, column 8: more than 4 fields");
  assert_refused(HEADER "A,1,1,5\n\n", "line 3, column 1: 1 fields, expected 4");
  assert_refused(HEADER "A,1,1\r,5\n", "line 2, column 6: a carriage return without a line feed");
  assert_refused(HEADER "A,1\",1,5\n",
                 "line 2, column 4: a quote inside a field that does not begin with one");
  assert_refused(HEADER "A,\"1,1,5\n", "line 2, column 3: the quoted field does not end");
  assert_refused(HEADER "A,\"1\"2,1,5\n",
                 "line 2, column 6: expected a comma or the end of the line after the quote");
}

static void test_refuses_bad_values(void **state)
{
  (void)state;
  static const char price[] = "price must be 0 to 1000000000000, in minor units, digits only";
  char message[200];
  assert_refused(HEADER ",1,1,5\n",
                 "line 2, column 1: section must be 1 to 32 of A-Z a-z 0-9 - _ .");
  assert_refused(HEADER "A,1,1,5\nA\xC3\xA9,1,1,5\n",
                 "line 3, column 1: section must be 1 to 32 of A-Z a-z 0-9 - _ .");
  assert_refused(HEADER "A,\"a\"\"b\",1,5\n",
                 "line 2, column 3: row must be 1 to 16 of A-Z a-z 0-9 - _ .");
  assert_refused(HEADER "A,\"a\nb\",1,5\n",
                 "line 2, column 3: row must be 1 to 16 of A-Z a-z 0-9 - _ .");
  assert_refused(HEADER "A,1,,5\n",
                 "line 2, column 5: number must be 1 to 16 of A-Z a-z 0-9 - _ .");
  static const char *const prices[] = {"", "-1", "1.5", "01", "1000000000001", "99999999999999",
                                       "x"};
  for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++) {
    char csv[100];
    (void)snprintf(csv, sizeof csv, HEADER "A,1,1,%s\n", prices[i]);
    (void)snprintf(message, sizeof message, "line 2, column 7: %s", price);
    assert_refused(csv, message);
  }
  assert_refused(HEADER "A,1,1,5\nB,1,1,6\nA,1,2,6\n",
                 "line 4, column 7: section A has the price 5 since line 2");
  assert_refused(HEADER "A,1,1,5\nA,1,2,5\nA,1,1,5\n",
                 "line 4, column 5: seat A-1-1 is there twice: the first is at line 2");
  assert_refused(HEADER "A,,0,5\n",
                 "line 2, column 4: the capacity of general admission must be 1 to 200000");
  assert_refused(HEADER "A,,200001,5\n",
                 "line 2, column 4: the capacity of general admission must be 1 to 200000");
  assert_refused(HEADER "A,,200000,5\nB,1,1,5\n",
                 "line 3, column 5: with these the event has more than 200000 seats");
  assert_refused(HEADER "A,,5,5\nA,1,1,5\n",
                 "line 3, column 3: section A is general admission since line 2");
  assert_refused(HEADER "A,,5,5\nA,,5,5\n",
                 "line 3, column 3: section A has lines before this one: general admission is one "
                 "line");
  assert_refused(HEADER "A,1-2,3,5\nA-1,2,3,5\n",
                 "line 3, column 7: seat A-1-2-3 is there twice: the first is at line 2");
}

static void test_limits(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct memory scratch = {0};
  struct error error;
  struct buffer csv;
  buffer_init(&csv, &memory);
  for (uint32_t most = SEAT_ROW_SEATS_MAX; most <= SEAT_ROW_SEATS_MAX + 1; most++) {
    buffer_clear(&csv);
    assert_true(buffer_append(&csv, BYTES(HEADER)));
    for (uint32_t i = 1; i <= most; i++) assert_true(buffer_append_format(&csv, "A,1,%u,5\n", i));
    assert_int_equal(import(buffer_bytes(&csv), &scratch, &error), most == SEAT_ROW_SEATS_MAX);
  }
  assert_string_equal(error.message, "line 1002, column 5: a row has at most 1000 seats");
  for (uint32_t most = SEAT_SECTIONS_MAX; most <= SEAT_SECTIONS_MAX + 1; most++) {
    buffer_clear(&csv);
    assert_true(buffer_append(&csv, BYTES(HEADER)));
    for (uint32_t i = 1; i <= most; i++) assert_true(buffer_append_format(&csv, "%u,1,1,5\n", i));
    assert_int_equal(import(buffer_bytes(&csv), &scratch, &error), most == SEAT_SECTIONS_MAX);
  }
  assert_string_equal(error.message, "line 258, column 1: an event has at most 256 sections");
  buffer_clear(&csv);
  assert_true(buffer_reserve(&csv, SEAT_IMPORT_BYTES + 1));
  memset(csv.data, 'x', SEAT_IMPORT_BYTES + 1);
  assert_false(import(bytes_of(csv.data, SEAT_IMPORT_BYTES + 1), &scratch, &error));
  assert_int_equal(error.code, ERROR_LIMIT);
  buffer_free(&csv);
}

static void test_checks_the_event(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  struct seat_plan plan;
  struct error error;
  struct seat_event event = EVENT;
  event.hold_seconds = 5;
  arena_init(&arena, &memory);
  assert_false(seat_import_csv(BYTES(HEADER "A,1,1,5\n"), &event, 3, &arena, &plan, &error));
  assert_string_equal(error.message, "hold_seconds must be 10 to 3600");
  arena_free(&arena);
}

static void test_says_when_there_is_no_memory(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct error error;
  struct buffer csv;
  buffer_init(&csv, &memory);
  assert_true(buffer_append(&csv, BYTES(HEADER "B,\"a\"\"\",1,1\n")));
  csv.size -= sizeof("B,\"a\"\"\",1,1\n") - 1;
  for (uint32_t i = 0; i < 1500; i++)
    assert_true(buffer_append_format(&csv, "%u,%u,\"%u\",5\n", i % 7, i % 31, i));
  for (uint64_t n = 1;; n++) {
    struct memory failing = {.fail_at = n};
    if (import(buffer_bytes(&csv), &failing, &error)) break;
    assert_int_equal(error.code, ERROR_NO_MEMORY);
    assert_true(n < 1000);
  }
  buffer_free(&csv);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_seats),
      cmocka_unit_test(test_refuses_what_is_no_csv),
      cmocka_unit_test(test_refuses_bad_values),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_checks_the_event),
      cmocka_unit_test(test_says_when_there_is_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
