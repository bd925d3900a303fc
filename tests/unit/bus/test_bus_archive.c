#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The rows of an archive, in order. */
static struct store_page rows(struct bus_fixture *fixture, const char *archive)
{
  struct store_page page;
  struct subscriber *found = subscriber_find(fixture->bus->archives, bytes_of_text(archive));
  assert_non_null(found);
  const struct bus_query query = {
      .table = fixture->buses->archive, .range = RANGE_ALL, .pk = archive_of(found)->partition};
  assert_true(buses_query(fixture->buses, &query, &fixture->store.arena, &page, &fixture->error));
  return page;
}

static void test_rows_are_in_order_of_time_and_end(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_archive(fixture, "all", "", 30);
  static const char *const ids[] = {"b", "c", "a"};
  static const int64_t after_ms[] = {5, 1, 5};
  for (int i = 0; i < 3; i++) {
    const struct bus_event event = bus_fixture_event(ids[i], "T", "{}",
                                                     fixture->now_ms + after_ms[i]);
    struct plan *plan = bus_fixture_plan(fixture);
    assert_int_equal(bus_put(fixture->bus, plan, &event, fixture->now_ms, &fixture->error), BUS_OK);
    bus_fixture_commit(fixture);
  }
  struct store_page page = rows(fixture, "all");
  assert_int_equal(page.count, 3);
  static const char expected[] = "cab";
  for (uint32_t i = 0; i < 3; i++) {
    struct bytes sk = bus_item_get_text(page.items[i], BYTES("sk"));
    assert_int_equal(sk.data[sk.size - 1], expected[i]);
    assert_int_equal(bus_item_get_integer(page.items[i], BYTES("ttl"), 0),
                     fixture->now_ms / 1000 + 30 * 86400);
  }
}

static void test_changes_keep_what_it_has(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_archive(fixture, "all", "", 30);
  bus_fixture_put(fixture, "T", "{}");
  bus_fixture_archive(fixture, "all", "{\"source\":[\"other\"]}", 0);
  bus_fixture_put(fixture, "T", "{}");
  assert_int_equal(rows(fixture, "all").count, 1);
  bus_fixture_settle(fixture);
  bus_fixture_crash(fixture);
  assert_int_equal(rows(fixture, "all").count, 1);
  const struct bus_archive *archive = bus_archive_find(fixture->bus, BYTES("all"));
  assert_int_equal(archive->retention_days, 0);
  assert_true(bytes_equal(bus_archive_next(fixture->bus, BYTES(""))->name, BYTES("all")));
  assert_null(bus_archive_next(fixture->bus, BYTES("all")));
}

/* Deleted with all it has, in slices, also over a crash; another of its name is empty. */
static void test_deletion_empties_it(void **state)
{
  struct bus_fixture *fixture = *state;
  bus_fixture_archive(fixture, "all", "", 30);
  for (int i = 0; i < 150; i++) bus_fixture_put(fixture, "T", "{}");
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_archive_delete(fixture->bus, plan, BYTES("all"), &fixture->error), BUS_OK);
  bus_fixture_commit(fixture);
  assert_null(bus_archive_find(fixture->bus, BYTES("all")));
  bus_fixture_archive(fixture, "all", "", 30);
  bus_fixture_put(fixture, "T", "{}");
  assert_int_equal(rows(fixture, "all").count, 1);
  queues_tick(fixture->queues, fixture->now_ms);
  buses_tick(fixture->buses, fixture->now_ms);
  assert_int_equal(bus_fixture_rows(fixture, "tacos-archive"), 151 - BUS_SLICE_ACTIONS);
  bus_fixture_settle(fixture);
  bus_fixture_crash(fixture);
  bus_fixture_tick(fixture);
  assert_int_equal(bus_fixture_rows(fixture, "tacos-archive"), 1);
  assert_int_equal(rows(fixture, "all").count, 1);
}

static void test_what_is_refused(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_archive archive = {.name = BYTES("a b")};
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_archive_put(fixture->bus, plan, &archive, fixture->now_ms, &fixture->error),
                   BUS_INVALID);
  archive.name = BYTES("a");
  archive.retention_days = -1;
  assert_int_equal(bus_archive_put(fixture->bus, plan, &archive, fixture->now_ms, &fixture->error),
                   BUS_INVALID);
  archive.retention_days = 0;
  archive.pattern = BYTES("{}");
  assert_int_equal(bus_archive_put(fixture->bus, plan, &archive, fixture->now_ms, &fixture->error),
                   BUS_INVALID);
  assert_non_null(strstr(fixture->error.message, "pattern"));
  assert_int_equal(bus_archive_delete(fixture->bus, plan, BYTES("a"), &fixture->error),
                   BUS_NOT_FOUND);
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  for (int i = 0; i < BUS_ARCHIVES_MAX; i++) bus_fixture_archive(fixture, names[i], "", 1);
  archive.name = BYTES("more");
  archive.pattern = BYTES("");
  plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_archive_put(fixture->bus, plan, &archive, fixture->now_ms, &fixture->error),
                   BUS_LIMIT);
  bus_fixture_put(fixture, "T", "{}");
  assert_int_equal(bus_fixture_rows(fixture, "tacos-archive"), BUS_ARCHIVES_MAX);
}

static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  const struct bus_archive archive = {.name = BYTES("a"), .pattern = BYTES("{\"id\":[\"x\"]}")};
  enum bus_status status = BUS_UNAVAILABLE;
  for (uint64_t nth = 1; status != BUS_OK; nth++) {
    buffer_free(&fixture->buses->scratch);
    buffer_init(&fixture->buses->scratch, &fixture->memory);
    fixture->memory.fail_at = fixture->memory.calls + nth;
    struct plan *plan = bus_fixture_plan(fixture);
    status = bus_archive_put(fixture->bus, plan, &archive, fixture->now_ms, &fixture->error);
    fixture->memory.fail_at = 0;
    if (status == BUS_OK) break;
    assert_int_equal(status, BUS_UNAVAILABLE);
    assert_int_equal(plan->action_count + plan->hook_count, 0);
    bus_fixture_tick(fixture);
  }
  bus_fixture_commit(fixture);
  assert_int_equal(fixture->bus->archive_count, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_rows_are_in_order_of_time_and_end),
      WITH_BUS(test_changes_keep_what_it_has),
      WITH_BUS(test_deletion_empties_it),
      WITH_BUS(test_what_is_refused),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
