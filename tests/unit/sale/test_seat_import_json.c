#include "unit/sale/seat_fixture.h"

static void test_demo_events(void **state)
{
  (void)state;
  static const struct {
    const char *event_id;
    uint32_t seats;
    uint32_t sections;
    uint32_t general;
  } events[] = {
      {"evt_2025_1001", 2658, 9, 0}, {"evt_2025_1002", 2658, 9, 0},
      {"evt_2025_1004", 2658, 9, 0}, {"evt_2025_1005", 2658, 9, 0},
      {"evt_2025_1006", 2658, 9, 0}, {"evt_2025_stadium", 50000, 118, 2},
  };
  static const char *const ids[] = {"VIP", "R", "S", "A", "B", "C", "D", "E", "F"};
  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
    struct seat_fixture fixture;
    char path[64];
    (void)snprintf(path, sizeof path, "examples/%s.json", events[i].event_id);
    seat_fixture_open_file(&fixture, path);
    const struct seat_plan *plan = &fixture.plan;
    assert_true(bytes_equal(plan->event.event_id, bytes_of_text(events[i].event_id)));
    assert_true(bytes_equal(plan->event.currency, BYTES("KRW")));
    assert_int_equal(plan->seat_count, events[i].seats);
    assert_int_equal(fixture.map->seat_count, events[i].seats);
    assert_int_equal(fixture.map->counts.of[SEAT_FREE], events[i].seats);
    assert_int_equal(plan->section_count, events[i].sections);
    assert_int_equal(plan->row_count, fixture.map->row_count);
    uint32_t general = 0;
    for (uint32_t s = 0; s < plan->section_count; s++) {
      general += plan->sections[s].row_count == 0;
      if (events[i].sections != 9) continue;
      assert_true(bytes_equal(plan->sections[s].id, bytes_of_text(ids[s])));
      if (s > 0) assert_true(plan->sections[s].price < plan->sections[s - 1].price);
    }
    assert_int_equal(general, events[i].general);
    seat_fixture_close(&fixture);
  }
}

static bool import(const char *json, struct memory *memory, struct error *error)
{
  struct arena arena;
  struct seat_plan plan;
  error->code = ERROR_NONE;
  arena_init(&arena, memory);
  bool good = seat_import_json(bytes_of_text(json), 3, &arena, &plan, error);
  arena_free(&arena);
  assert_int_equal(memory->in_use, 0);
  return good;
}

/* The document must be refused with a message that contains both texts. */
static void assert_refused(const char *json, const char *place, const char *what)
{
  struct memory memory = {0};
  struct error error;
  if (import(json, &memory, &error)) fail_msg("accepted %s", json);
  assert_int_equal(error.code, ERROR_INVALID);
  if (strstr(error.message, place) == NULL || strstr(error.message, what) == NULL)
    fail_msg("%s: expected \"%s\" and \"%s\"", error.message, place, what);
}

#define EVENT SEAT_FIXTURE_EVENT
/* The sections stand in line 2 of the document. */
#define WITH(sections) EVENT ",\"sections\":[\n" sections "]}"
#define A(rest)        "{\"id\":\"A\",\"name\":\"n\",\"price\":1," rest "}"
#define ROW(rest)      WITH(A("\"rows\":[{" rest "}]"))

static void test_refuses_sections_with_their_place(void **state)
{
  (void)state;
  assert_refused(WITH(""), "line 1, column", "at least one section");
  assert_refused(WITH("7"), "line 2, column 1", "expected an object");
  assert_refused(WITH("{\"id\":\"A\",\"price\":1,\"rows\":[]}"), "line 2", "\"rows\" is empty");
  assert_refused(WITH("{\"id\":\"A\",\"price\":1,\"capacity\":1}"), "line 2, column 1", "\"name\"");
  assert_refused(WITH("{\"name\":\"A\",\"price\":1,\"capacity\":1}"), "line 2, column 1", "\"id\"");
  assert_refused(WITH("{\"name\":\"A\",\"id\":\"A\",\"capacity\":1}"), "line 2, column 1",
                 "\"price\"");
  assert_refused(WITH(A("\"more\":1")), "line 2, column 32", "unknown key \"more\"");
  assert_refused(WITH("{\"id\":\"A\",\"name\":\"n\",\"price\":1}"), "line 2", "\"rows\", or");
  assert_refused(WITH(A("\"capacity\":0")), "line 2, column 43", "1 to 200000");
  assert_refused(WITH(A("\"capacity\":200001")), "line 2, column 43", "1 to 200000");
  assert_refused(WITH(A("\"capacity\":1,\"rows\":[{\"row\":\"1\",\"seats\":1}]")), "column 43",
                 "not both");
  assert_refused(WITH(A("\"capacity\":200000") ",\n{\"id\":\"B\",\"name\":\"n\",\"price\":1,"
                                               "\"capacity\":1}"),
                 "line 3, column 43", "more than 200000 seats");
  assert_refused(WITH("{\"id\":\"A b\"}"), "line 2, column 7", "1 to 32 of A-Z");
  assert_refused(WITH("{\"price\":-1}"), "line 2, column 10", "must be 0 to");
  assert_refused(WITH("{\"price\":1.5}"), "line 2, column 10", "integer");
  assert_refused(WITH("{\"id\":\"A\",\"name\":\"\",\"price\":1,\"capacity\":1}"),
                 "line 2, column 18", "1 to 200 bytes");
  assert_refused(WITH(A("\"capacity\":1") ",\n" A("\"capacity\":1")), "line 3, column 7",
                 "section A is there twice: the first is at line 2, column 7");
}

#define SECTION_A_1                                \
  ",\n{\"id\":\"A-1\",\"name\":\"n\",\"price\":1," \
  "\"rows\":[{\"row\":\"2\",\"seats\":3}]}"

static void test_refuses_rows_with_their_place(void **state)
{
  (void)state;
  assert_refused(ROW("\"row\":\"1\""), "line 2", "\"seats\"");
  assert_refused(ROW("\"seats\":1"), "line 2", "\"row\"");
  assert_refused(ROW("\"seats\":0"), "line 2, column 49", "1 to 1000");
  assert_refused(ROW("\"seats\":1001"), "line 2, column 49", "1 to 1000");
  assert_refused(ROW("\"seats\":\"1\""), "line 2, column 49", "list");
  assert_refused(ROW("\"seats\":[]"), "line 2, column 49", "at least one seat");
  assert_refused(ROW("\"seats\":[1]"), "line 2, column 50", "expected a string");
  assert_refused(ROW("\"seats\":[\"a/b\"]"), "line 2, column 50", "1 to 16 of");
  assert_refused(ROW("\"row\":\"1\",\"seats\":[\"1\"],\"first\":2"), "line 2, column 73", "count");
  assert_refused(ROW("\"row\":\"1\",\"seats\":1,\"first\":1000000"), "line 2", "0 to 999999");
  assert_refused(ROW("\"row\":\"1\",\"row\":\"1\""), "line 2", "twice");
  assert_refused(ROW("\"row\":\"1\",\"seats\":[\"1\",\n\"2\",\"1\"]"), "line 3, column 5",
                 "seat A-1-1 is there twice: the first is at line 2, column 60");
  assert_refused(ROW("\"row\":\"1\",\"seats\":1},\n{\"row\":\"1\",\"first\":2,\"seats\":1"),
                 "line 3, column 8", "row A/1 is there twice: the first is at line 2, column 47");
  /* Two ways to cut one id: section A, row 1-2 and section A-1, row 2. */
  assert_refused(WITH(A("\"rows\":[{\"row\":\"1-2\",\"seats\":3}]") SECTION_A_1), "line 3",
                 "seat A-1-2-1 is there twice");
}

#define TIMES "\"starts_at\":\"2035-01-01T00:00:00Z\",\"sale_opens_at\":\"2030-01-01T00:00:00Z\""
#define TAIL  "\"sections\":[" A("\"capacity\":1") "]}"

static void test_refuses_event_fields_with_their_place(void **state)
{
  (void)state;
  assert_refused("", "line 1, column 1", "");
  assert_refused("[]", "line 1, column 1", "expected an object");
  assert_refused("\xEF\xBB\xBF{}", "line 1, column 1", "");
  assert_refused("{}", "line 1, column 1", "needs \"event_id\"");
  assert_refused(EVENT "}", "line 1, column 1", "needs \"sections\"");
  assert_refused(EVENT ",\n\"color\":1}", "line 2, column 1", "unknown key \"color\"");
  assert_refused(WITH(A("\"capacity\":1")) "x", "line 2", "");
  assert_refused("{\"event_id\":\"a#b\",\"name\":\"n\",\"venue\":\"v\",\"currency\":\"KRW\","
                 "\"max_per_buyer\":1,\"hold_seconds\":10," TIMES "," TAIL,
                 "line 1, column 13", "event_id must be");
  assert_refused("{\"event_id\":\"a\",\"name\":\"n\",\"venue\":\"v\",\"currency\":\"KRW\",\n"
                 "\"max_per_buyer\":1,\"hold_seconds\":9," TIMES "," TAIL,
                 "line 2, column 34", "hold_seconds must be 10 to 3600");
  assert_refused("{\"starts_at\":\"2035-02-30T00:00:00Z\"}", "line 1, column 14", "");
  assert_refused("{\"max_per_buyer\":\"4\"}", "line 1, column 18", "expected an integer");
  assert_refused("{\"max_per_buyer\":-4}", "line 1, column 18", "must be");
  assert_refused("{\"event_id\":\"a\",\"name\":\"n\",\"venue\":\"v\",\"currency\":\"KRW\","
                 "\"max_per_buyer\":1,\"hold_seconds\":10," TIMES
                 ",\n\"sale_closes_at\":\"2029-01-01T00:00:00Z\"," TAIL,
                 "line 2, column 18", "sale_closes_at must be after");
}

static void test_counts_seats_and_sections(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct error error;
  struct buffer json;
  for (uint32_t sections = SEAT_SECTIONS_MAX; sections <= SEAT_SECTIONS_MAX + 1; sections++) {
    buffer_init(&json, &memory);
    assert_true(buffer_append(&json, BYTES(EVENT ",\"sections\":[")));
    for (uint32_t i = 0; i < sections; i++)
      assert_true(buffer_append_format(
          &json,
          "%s{\"id\":\"%u\",\"name\":\"n\",\"price\":1,\"rows\":[{\"row\":\"1\",\"seats\":2}]}",
          i > 0 ? "," : "", i));
    assert_true(buffer_append(&json, BYTES("]}")));
    struct arena arena;
    struct seat_plan plan;
    arena_init(&arena, &memory);
    bool good = seat_import_json(buffer_bytes(&json), 3, &arena, &plan, &error);
    assert_int_equal(good, sections == SEAT_SECTIONS_MAX);
    if (good) assert_int_equal(plan.seat_count, 2 * SEAT_SECTIONS_MAX);
    if (!good) assert_non_null(strstr(error.message, "at most 256 sections"));
    arena_free(&arena);
    buffer_free(&json);
  }
  struct arena arena;
  struct seat_plan plan;
  static uint8_t huge[SEAT_IMPORT_BYTES + 1];
  arena_init(&arena, &memory);
  assert_false(seat_import_json(bytes_of(huge, sizeof huge), 3, &arena, &plan, &error));
  assert_int_equal(error.code, ERROR_LIMIT);
  arena_free(&arena);
}

static void test_event_alone(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  struct seat_event event;
  struct error error;
  arena_init(&arena, &memory);
  assert_true(seat_import_event(BYTES(EVENT "}"), &arena, &event, &error));
  assert_true(bytes_equal(event.event_id, BYTES("evt_1")));
  assert_int_equal(event.max_per_buyer, 4);
  assert_int_equal(event.sale_closes_at_ms, SEAT_NEVER_MS);
  assert_false(seat_import_event(BYTES(WITH(A("\"capacity\":1"))), &arena, &event, &error));
  assert_non_null(strstr(error.message, "unknown key \"sections\""));
  arena_free(&arena);
}

static void test_says_when_there_is_no_memory(void **state)
{
  (void)state;
  static char text[40000];
  size_t size = (size_t)snprintf(text, sizeof text, EVENT ",\"sections\":[");
  for (int i = 0; i < 40; i++) {
    size += (size_t)snprintf(text + size, sizeof text - size,
                             "%s{\"id\":\"%d\",\"name\":\"n\\n\",\"price\":1,\"rows\":[",
                             i > 0 ? "," : "", i);
    for (int j = 0; j < 20; j++)
      size += (size_t)snprintf(text + size, sizeof text - size,
                               "%s{\"row\":\"%d\",\"seats\":[\"a\",\"b\"]}", j > 0 ? "," : "", j);
    size += (size_t)snprintf(text + size, sizeof text - size, "]}");
  }
  (void)snprintf(text + size, sizeof text - size, "]}");
  for (uint64_t n = 1;; n++) {
    struct memory memory = {.fail_at = n};
    struct error error;
    if (import(text, &memory, &error)) break;
    assert_int_equal(error.code, ERROR_NO_MEMORY);
    assert_true(n < 1000);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_demo_events),
      cmocka_unit_test(test_refuses_sections_with_their_place),
      cmocka_unit_test(test_refuses_rows_with_their_place),
      cmocka_unit_test(test_refuses_event_fields_with_their_place),
      cmocka_unit_test(test_counts_seats_and_sections),
      cmocka_unit_test(test_event_alone),
      cmocka_unit_test(test_says_when_there_is_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
