#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_modes_have_names(void **state)
{
  (void)state;
  assert_true(bytes_equal(room_mode_name(ROOM_OPEN), BYTES("open")));
  assert_true(bytes_equal(room_mode_name(ROOM_WAITING), BYTES("waiting")));
  assert_true(bytes_equal(room_mode_name(ROOM_PAUSED), BYTES("paused")));
}

static void test_bounds(void **state)
{
  (void)state;
  struct error error;
  struct room_settings usual;
  room_settings_init(&usual);
  assert_true(room_settings_check(&usual, &error));
  assert_int_equal(usual.mode, ROOM_OPEN);
  struct room_settings settings = usual;
  const struct {
    uint32_t *member;
    uint32_t least, most;
    const char *message;
  } cases[] = {
      {&settings.admit_per_second, 1, 10000,
       "admit_per_second: must be a whole number from 1 to 10000"},
      {&settings.max_shoppers, 1, 200000, "max_shoppers: must be a whole number from 1 to 200000"},
      {&settings.token_ttl_s, 10, 86400, "token_ttl_sec: must be a whole number from 10 to 86400"},
      {&settings.grace_s, 5, 3600, "grace_sec: must be a whole number from 5 to 3600"},
      {&settings.entry_s, 5, 3600, "entry_sec: must be a whole number from 5 to 3600"},
      {&settings.target_ms, 1, 60000, "latency_target_ms: must be a whole number from 1 to 60000"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const uint32_t wrong[] = {cases[i].least - 1, cases[i].most + 1, UINT32_MAX};
    const uint32_t right[] = {cases[i].least, cases[i].most};
    for (int j = 0; j < 3; j++) {
      settings = usual;
      *cases[i].member = wrong[j];
      assert_false(room_settings_check(&settings, &error));
      assert_int_equal(error.code, ERROR_INVALID);
      assert_string_equal(error.message, cases[i].message);
    }
    for (int j = 0; j < 2; j++) {
      settings = usual;
      *cases[i].member = right[j];
      assert_true(room_settings_check(&settings, &error));
    }
  }
  settings = usual;
  settings.mode = ROOM_MODES;
  assert_false(room_settings_check(&settings, &error));
  assert_string_equal(error.message, "mode: must be open, waiting or paused");
}

static void test_settings_are_in_force_once_committed(void **state)
{
  struct room_fixture *fixture = *state;
  const struct room_settings old = *room_settings(fixture->room);
  const struct room_settings changed = {.mode = ROOM_PAUSED,
                                        .admit_per_second = 7,
                                        .max_shoppers = 8,
                                        .token_ttl_s = 90,
                                        .grace_s = 10,
                                        .entry_s = 11,
                                        .target_ms = 12};
  struct plan *plan = room_fixture_plan(fixture);
  assert_int_equal(room_set(fixture->room, plan, &changed, &fixture->error), ROOM_OK);
  assert_memory_equal(room_settings(fixture->room), &old, sizeof old);
  room_fixture_commit(fixture);
  assert_memory_equal(room_settings(fixture->room), &changed, sizeof changed);
  assert_true(fixture->room->pace.limit > 6.9 && fixture->room->pace.limit < 7.1);
  room_fixture_reopen(fixture);
  assert_memory_equal(room_settings(fixture->room), &changed, sizeof changed);
  struct room_settings wrong = changed;
  wrong.grace_s = 0;
  plan = room_fixture_plan(fixture);
  assert_int_equal(room_set(fixture->room, plan, &wrong, &fixture->error), ROOM_INVALID);
  assert_int_equal(plan->action_count + plan->hook_count, 0);
  assert_true(bytes_equal(room_event_id(fixture->room), BYTES("evt")));
}

static void test_without_memory_nothing_changes(void **state)
{
  struct room_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  struct room_settings changed = *room_settings(fixture->room);
  changed.max_shoppers = 99;
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    struct store_transact_result result;
    struct arena arena;
    arena_init(&arena, memory);
    plan_init(&fixture->plan, fixture->store.store, &arena);
    memory->fail_at = memory->calls + n;
    enum room_status status = room_set(fixture->room, &fixture->plan, &changed, &fixture->error);
    assert_true(status == ROOM_OK || status == ROOM_UNAVAILABLE);
    done = status == ROOM_OK && plan_commit(&fixture->plan, &result, &fixture->error) == STORE_OK;
    memory->fail_at = 0;
    arena_free(&arena);
    assert_int_equal(room_settings(fixture->room)->max_shoppers, done ? 99 : 50);
  }
}

static void test_who_needs_a_token(void **state)
{
  struct room_fixture *fixture = *state;
  assert_false(room_needs_admission(NULL));
  assert_true(room_needs_admission(fixture->room));
  room_fixture_set(fixture, ROOM_PAUSED, 100, 50);
  assert_true(room_needs_admission(fixture->room));
  room_fixture_set(fixture, ROOM_OPEN, 100, 50);
  assert_false(room_needs_admission(fixture->room));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_modes_have_names),
      cmocka_unit_test(test_bounds),
      WITH_ROOM(test_settings_are_in_force_once_committed),
      WITH_ROOM(test_without_memory_nothing_changes),
      WITH_ROOM(test_who_needs_a_token),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
