/*
 * The whole store beside a naive model of it (store_naive.h): random operations, every answer
 * compared, with restarts, crashes and snapshots in between. TACOS_STEPS says how many (default:
 * about two seconds), TACOS_SEED which.
 */
#include "sim/random.h"
#include "unit/store/store_fixture.h"
#include "unit/store/store_naive.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TOKENS = 6, ACTIONS_MAX = 8, STEPS_DEFAULT = 12000 };

struct known_token {
  uint64_t hash; /* 0: never used */
  int64_t time_ms;
};

struct run {
  struct store_fixture fixture;
  struct random random;
  struct naive_table tables[NAIVE_TABLES];
  struct known_token tokens[TOKENS];
};

static int below(struct run *run, int limit)
{
  return (int)random_below(&run->random, (uint64_t)limit);
}

static bool chance(struct run *run, int percent)
{
  return below(run, 100) < percent;
}

static struct table *real(struct run *run, const struct naive_table *table)
{
  const char *line = table->schema->line;
  return store_table(run->fixture.store, bytes_of(line, strcspn(line, " ")));
}

static struct value item_of(struct run *run, const struct naive_table *table,
                            const struct naive_item *item, unsigned attributes)
{
  struct buffer json;
  buffer_init(&json, &run->fixture.memory);
  naive_item_json(table, item, attributes, &json);
  struct value value = store_fixture_item(&run->fixture, "%.*s", (int)json.size,
                                          (const char *)json.data);
  buffer_free(&json);
  return value;
}

static void expect(struct run *run, struct value value, const struct naive_table *table,
                   const struct naive_item *item, unsigned attributes)
{
  struct value expected = item == NULL ? VALUE_NONE : item_of(run, table, item, attributes);
  if (value_equal(value, expected)) return;
  struct buffer text;
  buffer_init(&text, &run->fixture.memory);
  if (value_present(value)) item_to_json(&text, value);
  buffer_append_format(&text, " is not ");
  if (value_present(expected)) item_to_json(&text, expected);
  fail_msg("%.*s", (int)text.size, (const char *)text.data);
}

static struct naive_item random_key(struct run *run, const struct naive_table *table)
{
  const int *limits = table->schema->limits;
  return (struct naive_item){{below(run, limits[NAIVE_P]), below(run, limits[NAIVE_S]), NAIVE_NONE,
                              NAIVE_NONE, NAIVE_NONE}};
}

/* ---- writing ---- */

static struct naive_action random_action(struct run *run)
{
  struct naive_table *table = &run->tables[below(run, NAIVE_TABLES)];
  const int *limits = table->schema->limits;
  struct naive_action action = {
      .kind = (enum store_action_kind)below(run, 3),
      .table = table,
      .item = random_key(run, table),
      .condition = chance(run, 50) ? 0 : below(run, NAIVE_CONDITIONS),
      .update = below(run, NAIVE_UPDATES),
      .q = below(run, limits[NAIVE_Q]),
      .v = below(run, limits[NAIVE_R]),
  };
  for (int i = NAIVE_Q; i < NAIVE_ATTRIBUTES && action.kind == ACTION_PUT; i++)
    if (chance(run, 70)) action.item.values[i] = below(run, limits[i]);
  return action;
}

static struct store_action make_action(struct run *run, const struct naive_action *action)
{
  char values[100];
  snprintf(values, sizeof values, "{':q':{'S':'q%d'},':v':{'N':'%d'},':one':{'N':'1'}}", action->q,
           action->v);
  struct store_fixture *fixture = &run->fixture;
  struct store_fixture_values operands = store_fixture_values(fixture, values);
  const char *update = action->kind == ACTION_UPDATE ? naive_updates[action->update] : NULL;
  return (struct store_action){
      .kind = action->kind,
      .table = real(run, action->table),
      .item = item_of(run, action->table, &action->item, NAIVE_ALL),
      .condition = store_fixture_expression(fixture, EXPRESSION_CONDITION,
                                            naive_conditions[action->condition], &operands),
      .update = store_fixture_expression(fixture, EXPRESSION_UPDATE, update, &operands),
      .values = operands.values,
      .return_old_on_failure = chance(run, 50),
  };
}

static void check_returned(struct run *run, const struct naive_action *action,
                           const struct naive_outcome *outcome, enum store_return returns,
                           struct value item)
{
  bool old = returns == RETURN_ALL_OLD || returns == RETURN_UPDATED_OLD;
  bool all = returns == RETURN_ALL_OLD || returns == RETURN_ALL_NEW;
  bool present = returns != RETURN_NONE && (old ? outcome->old_present : outcome->new_present);
  expect(run, item, action->table,
         !present ? NULL
         : old    ? &outcome->old_item
                  : &outcome->new_item,
         all ? (unsigned)NAIVE_ALL : outcome->touched);
}

static void step_write(struct run *run)
{
  struct naive_action naive = random_action(run);
  struct naive_outcome outcome = naive_evaluate(&naive);
  struct store_action action = make_action(run, &naive);
  enum store_return returns = naive.kind == ACTION_UPDATE ? (enum store_return)below(run, 5)
                              : chance(run, 50)           ? RETURN_ALL_OLD
                                                          : RETURN_NONE;
  struct store_write_result result;
  uint64_t before = store_appended(run->fixture.store);
  enum store_status status = store_write(run->fixture.store, &action, returns,
                                         &run->fixture.answers, &result, &run->fixture.error);
  store_fixture_expect(&run->fixture, status, outcome.status, NULL);
  bool changes = status == STORE_OK && (outcome.new_present || outcome.old_present);
  assert_int_equal(result.sequence, before + changes);
  if (status == STORE_CONDITION_FAILED)
    expect(run, result.item, naive.table,
           action.return_old_on_failure && outcome.old_present ? &outcome.old_item : NULL,
           NAIVE_ALL);
  if (status != STORE_OK) return;
  check_returned(run, &naive, &outcome, returns, result.item);
  naive_apply(&naive, &outcome);
}

/* What the store must say to a transaction with this token. */
static enum store_status check_token(struct run *run, const struct known_token *token,
                                     uint64_t hash, bool *replayed)
{
  int64_t age_ms = world_clock_ms(run->fixture.world) - token->time_ms;
  bool known = token->hash != 0 && age_ms < TRANSACTION_TOKEN_MS;
  *replayed = known && token->hash == hash;
  return known && token->hash != hash ? STORE_TOKEN_MISMATCH : STORE_OK;
}

static bool has_duplicates(const struct naive_action *actions, int count)
{
  for (int i = 0; i < count; i++) {
    for (int k = 0; k < i; k++)
      if (actions[i].table == actions[k].table &&
          memcmp(actions[i].item.values, actions[k].item.values, 2 * sizeof(int)) == 0)
        return true;
  }
  return false;
}

static void check_reasons(struct run *run, const struct naive_action *actions,
                          const struct store_action *sent, const struct naive_outcome *outcomes,
                          int count, const struct store_reason *reasons)
{
  for (int i = 0; i < count; i++) {
    enum store_reason_code code = outcomes[i].status == STORE_OK ? REASON_NONE
                                  : outcomes[i].status == STORE_VALIDATION
                                      ? REASON_VALIDATION
                                      : REASON_CONDITION_FAILED;
    assert_int_equal(reasons[i].code, code);
    bool shown = code == REASON_CONDITION_FAILED && outcomes[i].old_present &&
                 sent[i].return_old_on_failure;
    expect(run, reasons[i].item, actions[i].table, shown ? &outcomes[i].old_item : NULL, NAIVE_ALL);
  }
}

static void step_transact(struct run *run)
{
  struct naive_action actions[ACTIONS_MAX];
  struct naive_outcome outcomes[ACTIONS_MAX];
  struct store_action sent[ACTIONS_MAX];
  int count = 1 + below(run, ACTIONS_MAX);
  bool refused = false;
  for (int i = 0; i < count; i++) {
    actions[i] = random_action(run);
    if (chance(run, 70)) actions[i].condition = 0;
    if (actions[i].update == 1 && chance(run, 70)) actions[i].update = 0;
    outcomes[i] = naive_evaluate(&actions[i]);
    refused = refused || outcomes[i].status != STORE_OK;
    sent[i] = make_action(run, &actions[i]);
  }
  char text[] = {(char)('a' + below(run, TOKENS))};
  struct known_token *known = &run->tokens[text[0] - 'a'];
  struct store_token token = {bytes_of(text, chance(run, 60) ? 1 : 0),
                              1 + random_coin(&run->random)};
  bool replayed = false;
  enum store_status expected = STORE_OK;
  if (token.text.size > 0) expected = check_token(run, known, token.request_hash, &replayed);
  if (expected == STORE_OK && !replayed) {
    if (refused) expected = STORE_CANCELED;
    if (has_duplicates(actions, count)) expected = STORE_VALIDATION;
  }
  struct store_transact_result result;
  int64_t now_ms = world_clock_ms(run->fixture.world);
  enum store_status status = store_transact_write(run->fixture.store, sent, (size_t)count, token,
                                                  &run->fixture.answers, &result,
                                                  &run->fixture.error);
  store_fixture_expect(&run->fixture, status, expected, NULL);
  assert_int_equal(result.replayed, replayed);
  if (status == STORE_CANCELED) check_reasons(run, actions, sent, outcomes, count, result.reasons);
  if (status != STORE_OK || replayed) return;
  for (int i = 0; i < count; i++) naive_apply(&actions[i], &outcomes[i]);
  if (token.text.size > 0) *known = (struct known_token){token.request_hash, now_ms};
}

/* ---- reading ---- */

static void step_get(struct run *run)
{
  struct naive_table *table = &run->tables[below(run, NAIVE_TABLES)];
  struct naive_item key = random_key(run, table);
  struct store_get get = {.table = real(run, table), .key = item_of(run, table, &key, NAIVE_ALL)};
  struct value item;
  uint64_t sequence;
  enum store_status status = store_get(run->fixture.store, &get, &run->fixture.answers, &item,
                                       &sequence, &run->fixture.error);
  store_fixture_expect(&run->fixture, status, STORE_OK, NULL);
  expect(run, item, table, naive_find(table, &key), NAIVE_ALL);
}

static const struct naive_index *random_index(struct run *run, const struct naive_table *table)
{
  int place = below(run, NAIVE_INDEXES_MAX + 1);
  return place == 0 ? &table->schema->own : &table->schema->indexes[place - 1];
}

struct range {
  int partition;
  int low, high; /* both inclusive */
};

/* A query and the sort values that it selects. */
static struct store_query random_query(struct run *run, const struct naive_table *table,
                                       const struct naive_index *index, const char *filter,
                                       struct range *range)
{
  static const char *const forms[] = {"= :a", "< :a",  "<= :a",
                                      "> :a", ">= :a", "BETWEEN :a AND :b"};
  const struct naive_schema *schema = table->schema;
  int limit = index->sort == NAIVE_ATTRIBUTES ? 1 : schema->limits[index->sort];
  int a = below(run, limit);
  int b = a + below(run, limit - a);
  int form = index->sort == NAIVE_ATTRIBUTES ? 6 : below(run, 7);
  range->partition = below(run, schema->limits[index->partition]);
  range->low = form == 0 || form >= 4 ? a : form == 3 ? a + 1 : 0;
  range->high = form == 0 || form == 2 ? a : form == 1 ? a - 1 : form == 5 ? b : 1 << 20;
  if (form == 6) range->low = 0;
  char condition[100];
  snprintf(condition, sizeof condition, "%s = :p", schema->names[index->partition]);
  if (form < 6)
    snprintf(condition + strlen(condition), sizeof condition - strlen(condition), " AND %s %s",
             schema->names[index->sort], forms[form]);
  struct buffer values;
  buffer_init(&values, &run->fixture.memory);
  buffer_append_format(&values, "{':v':{'N':'3'},':p':");
  naive_value_json(table, index->partition, range->partition, &values);
  for (int i = 0; i < 2 && index->sort != NAIVE_ATTRIBUTES; i++) {
    buffer_append_format(&values, ",':%c':", "ab"[i]);
    naive_value_json(table, index->sort, i == 0 ? a : b, &values);
  }
  buffer_append(&values, bytes_of("}", 2));
  struct store_query query = store_fixture_query(
      &run->fixture, &(struct store_fixture_query){.table = real(run, table),
                                                   .index = index->name,
                                                   .key_condition = condition,
                                                   .filter = filter,
                                                   .values = (const char *)values.data});
  buffer_free(&values);
  return query;
}

static bool passes(const struct naive_index *index, const struct naive_item *item, bool filtered)
{
  return !filtered || ((index->attributes & 1 << NAIVE_V) != 0 && item->values[NAIVE_V] > 3);
}

/* All pages of a query against the items selected, from the first or from the last. */
static void step_query(struct run *run)
{
  struct naive_table *table = &run->tables[below(run, NAIVE_TABLES)];
  const struct naive_index *index = random_index(run, table);
  const struct naive_item *selected[NAIVE_ITEMS_MAX];
  struct range range;
  bool filtered = index->partition != NAIVE_V && index->sort != NAIVE_V && chance(run, 30);
  struct store_query query = random_query(run, table, index, filtered ? "v > :v" : NULL, &range);
  query.backward = chance(run, 50);
  size_t count = naive_select(table, index, range.partition, range.low, range.high, selected);
  size_t place = 0;
  do {
    struct store_page page;
    query.limit = chance(run, 30) ? 0 : 1 + (uint32_t)below(run, 5);
    enum store_status status = store_query(run->fixture.store, &query, &run->fixture.answers, &page,
                                           &run->fixture.error);
    store_fixture_expect(&run->fixture, status, STORE_OK, NULL);
    size_t rest = count - place;
    bool full = query.limit > 0 && rest >= query.limit;
    assert_int_equal(page.scanned, full ? query.limit : rest);
    assert_int_equal(value_present(page.last_key), full);
    uint32_t shown = 0;
    for (uint32_t i = 0; i < page.scanned; i++, place++) {
      const struct naive_item *item = selected[query.backward ? count - 1 - place : place];
      if (!passes(index, item, filtered)) continue;
      assert_true(shown < page.count);
      expect(run, page.items[shown++], table, item, index->attributes);
    }
    assert_int_equal(page.count, shown);
    query.start_key = page.last_key;
  } while (value_present(query.start_key));
  assert_int_equal(place, count);
}

/* A scan in segments and pages gives every item of an index once, in whatever order. */
static void step_scan(struct run *run)
{
  struct naive_table *table = &run->tables[below(run, NAIVE_TABLES)];
  const struct naive_index *index = random_index(run, table);
  const struct naive_item *selected[NAIVE_ITEMS_MAX];
  size_t count = naive_select(table, index, NAIVE_NONE, 0, 0, selected);
  struct store_query query = {.table = real(run, table),
                              .segment_count = (uint32_t)below(run, 4),
                              .index = bytes_of_text(index->name == NULL ? "" : index->name)};
  size_t left = count;
  do {
    struct store_page page;
    query.start_key = VALUE_NONE;
    do {
      query.limit = chance(run, 30) ? 0 : 1 + (uint32_t)below(run, 20);
      enum store_status status = store_scan(run->fixture.store, &query, &run->fixture.answers,
                                            &page, &run->fixture.error);
      store_fixture_expect(&run->fixture, status, STORE_OK, NULL);
      for (uint32_t i = 0; i < page.count; i++) {
        size_t k = 0;
        while (k < left &&
               !value_equal(page.items[i], item_of(run, table, selected[k], index->attributes)))
          k++;
        assert_true(k < left);
        selected[k] = selected[--left];
      }
      query.start_key = page.last_key;
    } while (value_present(query.start_key));
  } while (++query.segment < query.segment_count);
  assert_int_equal(left, 0);
}

/* ---- what happens to a store ---- */

static void step_life(struct run *run)
{
  struct store_fixture *fixture = &run->fixture;
  switch (below(run, 8)) {
  case 0:
    store_fixture_reopen(fixture);
    break;
  case 1: /* what was synced survives a crash, and that is all there is */
    assert_true(store_sync(fixture->store, &fixture->error));
    store_fixture_crash(fixture);
    break;
  case 2:
    if (!store_snapshot_busy(fixture->store)) store_fixture_snapshot(fixture);
    break;
  case 3: /* goes on in the background, over changes and restarts */
    assert_int_equal(store_snapshot_begin(fixture->store, &fixture->error), STORE_OK);
    break;
  case 4:
    world_sim_advance_ms(fixture->sim, below(run, TRANSACTION_TOKEN_MS));
    break;
  default:
    store_fixture_settle(fixture);
  }
  struct store_statistics statistics;
  store_statistics(fixture->store, &statistics);
  uint64_t items = 0;
  for (int i = 0; i < NAIVE_TABLES; i++) items += run->tables[i].count;
  assert_int_equal(statistics.items, items);
}

static void step(struct run *run)
{
  bool idle;
  int dice = below(run, 1000);
  if (dice < 450)
    step_write(run);
  else if (dice < 600)
    step_transact(run);
  else if (dice < 700)
    step_get(run);
  else if (dice < 940)
    step_query(run);
  else if (dice < 990)
    step_scan(run);
  else
    step_life(run);
  if (chance(run, 30)) store_tick(run->fixture.store);
  if (chance(run, 30)) assert_true(store_step(run->fixture.store, &idle, &run->fixture.error));
  store_fixture_clear(&run->fixture);
}

static void test_model(void **state)
{
  (void)state;
  uint64_t seed = random_seed(1);
  const char *text = getenv("TACOS_STEPS");
  uint64_t steps = text == NULL ? STEPS_DEFAULT : strtoull(text, NULL, 0);
  static struct run run;
  random_init(&run.random, seed);
  print_message("replay: TACOS_SEED=%" PRIu64 " TACOS_STEPS=%" PRIu64
                " build/asan/tests/unit/store/test_store_model\n",
                seed, steps);
  /* A short history, so that old files go and long runs do not fill the simulated disk. */
  const struct store_options options = {.segment_bytes = 256 << 10,
                                        .region_bytes = 256 << 10,
                                        .snapshot_log_bytes = 1 << 20,
                                        .history_ms = 3600 * 1000};
  store_fixture_open_with(&run.fixture, seed, &options);
  for (int i = 0; i < NAIVE_TABLES; i++) {
    run.tables[i].schema = &naive_schemas[i];
    store_fixture_table(&run.fixture, naive_schemas[i].line);
  }
  for (uint64_t i = 0; i < steps; i++) step(&run);
  store_fixture_close(&run.fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
