/*
 * Seat maps for tests: made from the JSON of their sections, or from a file of examples/. The
 * fixture owns all memory; every failure of the making fails the test.
 */
#ifndef TACOS_UNIT_SALE_SEAT_FIXTURE_H
#define TACOS_UNIT_SALE_SEAT_FIXTURE_H

#include "sale/seat_import.h"
#include "sale/seat_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SEAT_FIXTURE_EVENT                                                             \
  "{\"event_id\":\"evt_1\",\"name\":\"N\",\"venue\":\"V\","                            \
  "\"starts_at\":\"2035-01-01T00:00:00Z\",\"sale_opens_at\":\"2030-01-01T00:00:00Z\"," \
  "\"currency\":\"KRW\",\"max_per_buyer\":4,\"hold_seconds\":300"

struct seat_fixture {
  struct memory memory;
  struct arena arena;
  struct buffer json;
  struct seat_plan plan;
  struct seat_map *map;
};

static inline void seat_fixture_import(struct seat_fixture *fixture)
{
  struct error error;
  if (!seat_import_json(buffer_bytes(&fixture->json), 1, &fixture->arena, &fixture->plan, &error))
    fail_msg("%s", error.message);
  fixture->map = seat_map_create(&fixture->memory, &fixture->plan, 2, 100, &error);
  assert_non_null(fixture->map);
}

static inline void seat_fixture_init(struct seat_fixture *fixture)
{
  *fixture = (struct seat_fixture){.map = NULL};
  arena_init(&fixture->arena, &fixture->memory);
  buffer_init(&fixture->json, &fixture->memory);
}

/* sections: the elements of the JSON array. */
static inline void seat_fixture_open(struct seat_fixture *fixture, const char *sections)
{
  seat_fixture_init(fixture);
  assert_true(
      buffer_append_format(&fixture->json, "%s,\"sections\":[%s]}", SEAT_FIXTURE_EVENT, sections));
  seat_fixture_import(fixture);
}

static inline void seat_fixture_read(struct buffer *buffer, const char *path)
{
  uint8_t part[4096];
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("%s: run from the root of the tree", path);
  for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;)
    assert_true(buffer_append(buffer, bytes_of(part, size)));
  assert_int_equal(fclose(file), 0);
}

static inline void seat_fixture_open_file(struct seat_fixture *fixture, const char *path)
{
  seat_fixture_init(fixture);
  seat_fixture_read(&fixture->json, path);
  seat_fixture_import(fixture);
}

static inline void seat_fixture_close(struct seat_fixture *fixture)
{
  seat_map_destroy(fixture->map);
  buffer_free(&fixture->json);
  arena_free(&fixture->arena);
  assert_int_equal(fixture->memory.in_use, 0);
}

static inline struct id seat_fixture_reservation(uint32_t number)
{
  struct id id = {{0}};
  bytes_put_u32(id.bytes, number);
  return id;
}

static inline uint32_t seat_fixture_find(const struct seat_fixture *fixture, const char *id)
{
  uint32_t seat = seat_map_find(fixture->map, bytes_of_text(id));
  if (seat == SEAT_NONE) fail_msg("no seat %s", id);
  return seat;
}

#endif
