#include "store/engine.h"
#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

enum { ACTIONS = 6 };

static const char *const table_line =
    "items p:S s:N | by_q q:S r:N | by_r r:N INCLUDE t | stream NEW_AND_OLD";

/* Partitions on the edge between one item and several, in the table and in both indexes. */
static struct table *prepare(struct store_fixture *fixture)
{
  struct table *table = store_fixture_table(fixture, table_line);
  store_fixture_put(fixture, table, "{'p':{'S':'a'},'s':{'N':'1'},'q':{'S':'x'},'r':{'N':'1'}}");
  store_fixture_put(fixture, table, "{'p':{'S':'a'},'s':{'N':'2'},'q':{'S':'x'},'r':{'N':'2'}}");
  store_fixture_put(fixture, table, "{'p':{'S':'b'},'s':{'N':'1'},'q':{'S':'y'},'r':{'N':'1'}}");
  store_fixture_put(fixture, table, "{'p':{'S':'c'},'s':{'N':'1'}}");
  store_fixture_settle(fixture);
  return table;
}

static void make_actions(struct store_fixture *fixture, struct table *table,
                         struct store_action actions[ACTIONS])
{
  static char filler[50000]; /* two items come from memory_alloc, the others from the heap */
  memset(filler, 'f', sizeof filler - 1);
  char large[sizeof filler + 100];
  snprintf(large, sizeof large, "{'p':{'S':'d'},'s':{'N':'1'},'q':{'S':'y'},'t':{'S':'%s'}}",
           filler);
  const struct store_fixture_action texts[ACTIONS] = {
      {.item = "{'p':{'S':'b'},'s':{'N':'2'},'q':{'S':'x'},'r':{'N':'3'}}"},
      {.kind = ACTION_UPDATE,
       .item = "{'p':{'S':'a'},'s':{'N':'1'}}",
       .update = "SET q = :y, t = :y REMOVE u",
       .condition = "q = :x",
       .values = "{':x':{'S':'x'},':y':{'S':'y'}}"},
      {.kind = ACTION_DELETE, .item = "{'p':{'S':'a'},'s':{'N':'2'}}"},
      {.item = large},
      {.kind = ACTION_UPDATE,
       .item = "{'p':{'S':'e'},'s':{'N':'1'}}",
       .update = "SET r = :r, t = if_not_exists(t, :r)",
       .values = "{':r':{'N':'1'}}"},
      {.kind = ACTION_CHECK,
       .item = "{'p':{'S':'c'},'s':{'N':'1'}}",
       .condition = "attribute_not_exists(q)"},
  };
  for (size_t i = 0; i < ACTIONS; i++) {
    struct store_fixture_action text = texts[i];
    text.table = table;
    actions[i] = store_fixture_action(fixture, &text);
  }
}

/* Each allocation fails once: the transaction is refused with nothing changed, then it works. */
static void test_every_allocation_fails(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = prepare(fixture);
  struct memory *memory = &fixture->world->memory;
  const struct store_token token = {BYTES("token"), 7};
  enum store_status status = STORE_UNAVAILABLE;
  const char *before = store_fixture_dump(fixture);
  uint64_t appended = store_appended(fixture->store);
  struct store_statistics start;
  store_statistics(fixture->store, &start);
  uint64_t refused = 0;
  for (uint64_t n = 1; status != STORE_OK; n++) {
    struct store_action actions[ACTIONS];
    struct store_transact_result result;
    make_actions(fixture, table, actions);
    arena_free(&fixture->answers);
    memory->fail_at = memory->calls + n;
    status = store_transact_write(fixture->store, actions, ACTIONS, token, &fixture->answers,
                                  &result, &fixture->error);
    bool hit = memory->calls >= memory->fail_at;
    memory->fail_at = 0;
    assert_int_equal(hit, status != STORE_OK);
    if (status == STORE_OK) {
      assert_false(result.replayed); /* no refused one left its token */
      break;
    }
    refused++;
    assert_int_equal(status, STORE_UNAVAILABLE);
    assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
    assert_int_equal(store_appended(fixture->store), appended);
    struct store_statistics now;
    store_statistics(fixture->store, &now);
    assert_int_equal(now.item_bytes, start.item_bytes);
    assert_string_equal(store_fixture_dump(fixture), before);
  }
  assert_true(refused >= 8);
  const char *after = store_fixture_dump(fixture);
  assert_int_equal(store_appended(fixture->store), appended + 1);
  store_fixture_reopen(fixture);
  assert_string_equal(store_fixture_dump(fixture), after);
}

/* The same as single writes, which need other blocks each time. */
static void test_every_write_survives_failures(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, table_line);
  struct memory *memory = &fixture->world->memory;
  uint64_t refused = 0;
  for (int i = 0; i < 400; i++) {
    struct store_action action = {
        .kind = i % 4 == 3 ? ACTION_DELETE : ACTION_PUT,
        .table = table,
        .item = i % 4 == 3 ? store_fixture_item(fixture, "{'p':{'S':'%d'},'s':{'N':'%d'}}",
                                                (i - 1) % 5, i - 1)
                           : store_fixture_item(fixture,
                                                "{'p':{'S':'%d'},'s':{'N':'%d'},'q':{'S':'%d'},"
                                                "'r':{'N':'%d'}}",
                                                i % 5, i, i % 7, i % 3)};
    enum store_status status = STORE_UNAVAILABLE;
    for (uint64_t n = 1; status != STORE_OK; n++) {
      struct store_write_result result;
      uint64_t appended = store_appended(fixture->store);
      memory->fail_at = memory->calls + n;
      status = store_write(fixture->store, &action, RETURN_ALL_OLD, &fixture->answers, &result,
                           &fixture->error);
      memory->fail_at = 0;
      if (status == STORE_OK) break;
      refused++;
      assert_int_equal(status, STORE_UNAVAILABLE);
      assert_int_equal(store_appended(fixture->store), appended);
    }
  }
  assert_true(refused > 10);
  struct table_description description;
  store_table_describe(table, &description);
  assert_int_equal(description.item_count, 200);
  const char *after = store_fixture_dump(fixture);
  store_fixture_reopen(fixture);
  assert_string_equal(store_fixture_dump(fixture), after);
}

/* What a commit needs for itself is free again after it. */
static void test_steady_memory(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = prepare(fixture);
  size_t in_use = 0;
  char text[2000];
  memset(text, 'z', sizeof text);
  for (int i = 0; i < 200; i++) {
    struct store_action action = {.table = table,
                                  .item = store_fixture_item(fixture,
                                                             "{'p':{'S':'%.*s'},'s':{'N':'1'}}",
                                                             (int)sizeof text, text)};
    struct store_write_result result;
    for (int kind = ACTION_PUT; kind <= ACTION_DELETE; kind += ACTION_DELETE) {
      action.kind = (enum store_action_kind)kind;
      enum store_status status = store_write(fixture->store, &action, RETURN_NONE,
                                             &fixture->answers, &result, &fixture->error);
      store_fixture_expect(fixture, status, STORE_OK, NULL);
    }
    store_fixture_settle(fixture);
    if (i < 20) in_use = fixture->world->memory.in_use;
    assert_true(fixture->world->memory.in_use <= in_use);
  }
}

static void test_nothing_to_commit(void **state)
{
  struct store_fixture *fixture = *state;
  uint64_t appended = store_appended(fixture->store);
  struct commit commit = {0};
  uint64_t sequence = 0;
  assert_int_equal(commit_run(fixture->store, &commit, &sequence, &fixture->error), STORE_OK);
  assert_int_equal(sequence, appended);
  assert_int_equal(store_appended(fixture->store), appended);
}

/* E3: the clock of the records never goes back, whatever the wall clock does. */
static void test_clock_goes_back(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:S");
  int64_t before_ms = store_now_ms(fixture->store);
  store_fixture_put(fixture, table, "{'id':{'S':'a'}}");
  world_sim_jump_clock_ms(fixture->sim, -3600 * 1000);
  assert_true(store_now_ms(fixture->store) >= before_ms);
  store_fixture_put(fixture, table, "{'id':{'S':'b'}}");
  store_fixture_reopen(fixture);
  assert_true(store_now_ms(fixture->store) >= before_ms);
  store_fixture_put(fixture, store_table(fixture->store, BYTES("items")), "{'id':{'S':'c'}}");
  world_sim_advance_ms(fixture->sim, 2 * 3600 * 1000);
  assert_true(store_now_ms(fixture->store) > before_ms + 1800 * 1000);
  store_fixture_reopen(fixture);
  store_fixture_expect_stored(fixture, store_table(fixture->store, BYTES("items")),
                              "{'id':{'S':'c'}}", "{'id':{'S':'c'}}");
}

/* A record that no segment can hold is refused like a full log. */
static void test_larger_than_a_segment(void **state)
{
  (void)state;
  struct store_fixture fixture;
  const struct store_options options = {.segment_bytes = 64 << 10, .region_bytes = 256 << 10};
  store_fixture_open_with(&fixture, 6, &options);
  struct table *table = store_fixture_table(&fixture, "items id:S");
  static char filler[70000];
  memset(filler, 'f', sizeof filler);
  struct store_action put = {.table = table,
                             .item = store_fixture_item(&fixture,
                                                        "{'id':{'S':'a'},'t':{'S':'%.*s'}}",
                                                        (int)sizeof filler, filler)};
  struct store_write_result result;
  enum store_status status = store_write(fixture.store, &put, RETURN_NONE, &fixture.answers,
                                         &result, &fixture.error);
  assert_int_equal(status, STORE_UNAVAILABLE);
  assert_int_equal(fixture.error.code, ERROR_LIMIT);
  store_fixture_expect_stored(&fixture, table, "{'id':{'S':'a'}}", NULL);
  store_fixture_put(&fixture, table, "{'id':{'S':'a'}}");
  store_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_every_allocation_fails), TEST(test_every_write_survives_failures),
      TEST(test_steady_memory),          TEST(test_nothing_to_commit),
      TEST(test_clock_goes_back),        cmocka_unit_test(test_larger_than_a_segment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
