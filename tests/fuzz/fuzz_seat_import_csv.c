/*
 * Any bytes as a CSV of seats: refused with a place, or a plan that makes a map and that, written
 * as JSON, reads as the same plan.
 */
#include "base/check.h"
#include "sale/seat_import.h"
#include "sale/seat_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct seat_event event_of_seats(void)
{
  return (struct seat_event){.event_id = BYTES("evt_1"),
                             .name = BYTES("N"),
                             .venue = BYTES("V"),
                             .currency = BYTES("KRW"),
                             .starts_at_ms = 2000,
                             .sale_opens_at_ms = 1000,
                             .sale_closes_at_ms = SEAT_NEVER_MS,
                             .max_per_buyer = 4,
                             .hold_seconds = 300};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct arena arena;
  struct buffer written[2];
  struct seat_plan plan;
  struct error error = {0};
  struct seat_event event = event_of_seats();
  arena_init(&arena, &memory);
  buffer_init(&written[0], &memory);
  buffer_init(&written[1], &memory);
  if (!seat_import_csv(bytes_of(data, size), &event, 5, &arena, &plan, &error)) {
    CHECK(error.code == ERROR_INVALID && strstr(error.message, "line ") != NULL);
  } else {
    struct seat_map *map = seat_map_create(&memory, &plan, 7, 0, &error);
    CHECK(map != NULL);
    CHECK_THAT(map->row_count, ==, plan.row_count);
    seat_map_destroy(map);
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
