#include "sale/seat_json.h"

#include "base/json.h"
#include "unit/sale/seat_fixture.h"

static const char SECTIONS[] =
    "{\"id\":\"A\",\"name\":\"St\\\"alls\",\"price\":900,\"rows\":["
    "{\"row\":\"1\",\"first\":7,\"seats\":5},{\"row\":\"2\",\"seats\":[\"1\",\"2A\"]}]},"
    "{\"id\":\"ST\",\"name\":\"Standing\",\"price\":500,\"capacity\":70}";

static void assert_text(struct buffer *buffer, const char *expected)
{
  assert_true(buffer_append_byte(buffer, 0));
  assert_string_equal((const char *)buffer->data, expected);
  buffer_clear(buffer);
}

static void sell_and_hold(struct seat_map *map)
{
  struct id mine = seat_fixture_reservation(1);
  seat_map_sell(map, (const uint32_t[]){1, 6, 10}, 3, &mine);
  seat_map_hold(map, (const uint32_t[]){4, 11}, 2, &mine, 1000);
}

static void test_seats(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  struct buffer buffer;
  seat_fixture_open(&fixture, SECTIONS);
  buffer_init(&buffer, &fixture.memory);
  sell_and_hold(fixture.map);
  assert_true(seat_json_write_seats(fixture.map, &buffer));
  assert_text(&buffer,
              "{\"event_id\":\"evt_1\",\"version\":105,\"sections\":["
              "{\"id\":\"A\",\"name\":\"St\\\"alls\",\"price\":900,\"rows\":["
              "{\"row\":\"1\",\"first\":7,\"count\":5,\"states\":\"asaar\"},"
              "{\"row\":\"2\",\"numbers\":[\"1\",\"2A\"],\"states\":\"as\"}]},"
              "{\"id\":\"ST\",\"name\":\"Standing\",\"price\":500,\"total\":70,\"remain\":68}]}");
  buffer_free(&buffer);
  seat_fixture_close(&fixture);
}

static void test_availability_and_changes(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  struct buffer buffer;
  seat_fixture_open(&fixture, SECTIONS);
  struct seat_map *map = fixture.map;
  buffer_init(&buffer, &fixture.memory);
  sell_and_hold(map);
  const char *head = "{\"event_id\":\"evt_1\",\"remaining\":72,\"total\":77,\"version\":105,"
                     "\"sections\":[{\"id\":\"A\",\"name\":\"St\\\"alls\",\"price\":900,"
                     "\"total\":7,\"remain\":4},{\"id\":\"ST\",\"name\":\"Standing\","
                     "\"price\":500,\"total\":70,\"remain\":68}]";
  char expected[512];
  assert_true(seat_json_write_availability(map, NULL, 0, &buffer));
  (void)snprintf(expected, sizeof expected, "%s}", head);
  assert_text(&buffer, expected);
  const struct bytes ids[] = {BYTES("A-1-8"), BYTES("no\"such")};
  assert_true(seat_json_write_availability(map, ids, 0, &buffer));
  (void)snprintf(expected, sizeof expected, "%s,\"unavailable_seats\":[]}", head);
  assert_text(&buffer, expected);
  assert_true(seat_json_write_availability(map, ids, 2, &buffer));
  (void)snprintf(expected, sizeof expected, "%s,\"unavailable_seats\":[\"A-1-8\",\"no\\\"such\"]}",
                 head);
  assert_text(&buffer, expected);
  assert_true(seat_json_write_change(map, seat_map_change(map, 102), &buffer));
  assert_text(&buffer, "{\"seat_id\":\"A-2-2A\",\"state\":\"s\"}");
  assert_true(seat_json_write_change(map, seat_map_change(map, 105), &buffer));
  assert_text(&buffer, "{\"seat_id\":\"ST-GA-5\",\"state\":\"r\"}");
  buffer_free(&buffer);
  seat_fixture_close(&fixture);
}

static uint32_t count_states(struct bytes states, char letter)
{
  uint32_t count = 0;
  for (size_t i = 0; i < states.size; i++) count += states.data[i] == letter;
  return count;
}

/* All of a stadium is a document, and its letters are as many as its seats. */
static void test_stadium_reads_back(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  struct buffer buffer;
  seat_fixture_open_file(&fixture, "examples/evt_2025_stadium.json");
  struct seat_map *map = fixture.map;
  struct id mine = seat_fixture_reservation(1);
  buffer_init(&buffer, &fixture.memory);
  for (uint32_t seat = 8000; seat < map->seat_count; seat += 3) seat_map_sell(map, &seat, 1, &mine);
  for (uint32_t seat = 8001; seat < map->seat_count; seat += 9)
    seat_map_hold(map, &seat, 1, &mine, 1000);
  assert_true(seat_json_write_seats(map, &buffer));
  struct json_reader reader;
  enum json_token token;
  uint32_t counts[3] = {0};
  bool states = false;
  json_reader_init(&reader, buffer_bytes(&buffer), &fixture.arena);
  while ((token = json_next(&reader)) != JSON_END && token != JSON_ERROR) {
    if (token == JSON_STRING && states)
      for (int i = 0; i < 3; i++) counts[i] += count_states(reader.text, "ars"[i]);
    states = token == JSON_KEY && bytes_equal(reader.text, BYTES("states"));
  }
  assert_int_equal(token, JSON_END);
  assert_int_equal(counts[0] + counts[1] + counts[2], 42000);
  assert_int_equal(counts[0] + 8000, map->counts.of[SEAT_FREE]);
  assert_int_equal(counts[1], map->counts.of[SEAT_HELD]);
  assert_int_equal(counts[2], map->counts.of[SEAT_SOLD]);
  buffer_free(&buffer);
  seat_fixture_close(&fixture);
}

static void test_says_when_there_is_no_memory(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture, SECTIONS);
  const struct bytes ids[] = {BYTES("A-1-8"), BYTES("A-1-9")};
  for (int what = 0; what < 3; what++)
    for (uint64_t n = 1;; n++) {
      struct memory memory = {.fail_at = n};
      struct buffer buffer;
      buffer_init(&buffer, &memory);
      bool good;
      if (what == 0)
        good = seat_json_write_seats(fixture.map, &buffer);
      else if (what == 1)
        good = seat_json_write_availability(fixture.map, ids, 2, &buffer);
      else
        good = seat_json_write_change(fixture.map, (struct seat_change){0, SEAT_SOLD}, &buffer);
      buffer_free(&buffer);
      assert_int_equal(memory.in_use, 0);
      if (good) break;
    }
  seat_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_seats),
      cmocka_unit_test(test_availability_and_changes),
      cmocka_unit_test(test_stadium_reads_back),
      cmocka_unit_test(test_says_when_there_is_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
