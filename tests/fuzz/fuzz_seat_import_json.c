/*
 * Any bytes as an event's JSON: refused with a place, or a plan that makes a map, whose JSON reads
 * as the same plan.
 */
#include "base/check.h"
#include "sale/seat_choose.h"
#include "sale/seat_import.h"
#include "sale/seat_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_map(const struct seat_plan *plan, struct memory *memory)
{
  struct error error;
  struct buffer json;
  struct seat_choice choice;
  char id[SEAT_ID_BYTES];
  struct seat_map *map = seat_map_create(memory, plan, 7, 0, &error);
  CHECK(map != NULL);
  CHECK_THAT(map->counts.of[SEAT_FREE], ==, plan->seat_count);
  uint32_t last = map->seat_count - 1;
  CHECK_THAT(seat_map_find(map, bytes_of(id, seat_map_format_id(map, last, id))), ==, last);
  CHECK(seat_choose_best(map, 1, SEAT_NONE, false, &choice));
  buffer_init(&json, memory);
  CHECK(seat_json_write_seats(map, &json));
  buffer_free(&json);
  seat_map_destroy(map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct arena arena;
  struct buffer written[2];
  struct seat_plan plan;
  struct error error = {0};
  arena_init(&arena, &memory);
  buffer_init(&written[0], &memory);
  buffer_init(&written[1], &memory);
  if (!seat_import_json(bytes_of(data, size), 5, &arena, &plan, &error)) {
    CHECK(error.code == ERROR_INVALID && strstr(error.message, "line ") != NULL);
  } else {
    use_map(&plan, &memory);
    CHECK(seat_plan_write(&plan, &written[0]));
    CHECK(seat_import_json(buffer_bytes(&written[0]), 6, &arena, &plan, &error));
    CHECK(seat_plan_write(&plan, &written[1]));
    CHECK(bytes_equal(buffer_bytes(&written[0]), buffer_bytes(&written[1])));
  }
  buffer_free(&written[0]);
  buffer_free(&written[1]);
  arena_free(&arena);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
