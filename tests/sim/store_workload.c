#include "base/check.h"
#include "sim/store_run.h"

#include <stdio.h>
#include <string.h>

/* ---- expressions ---- */

static const struct expression *compile(struct store_run *run, enum expression_kind kind,
                                        const char *text)
{
  static const char *const names[SLOTS] = {":x", ":z", ":g", ":r", ":t", ":d", ":p"};
  struct bytes values[SLOTS];
  struct error error;
  for (int i = 0; i < SLOTS; i++) values[i] = bytes_of_text(names[i]);
  struct expression_placeholders placeholders = {.values = values, .value_count = SLOTS};
  const struct expression *expression = expression_compile(
      &run->constant, kind, bytes_of_text(text), &placeholders, &error);
  if (expression == NULL) store_run_fail(run, "'%s': %s", text, error.message);
  return expression;
}

void store_workload_compile(struct store_run *run)
{
  static const char *const updates[UPDATES] = {
      [UPDATE_ADD] = "SET cnt = if_not_exists(cnt, :z) + :x",
      [UPDATE_INDEX] = "SET grp = :g, rnk = :r",
      [UPDATE_LEAVE] = "REMOVE grp",
      [UPDATE_REMOVE] = "REMOVE rnk, txt",
      [UPDATE_TEXT] = "SET txt = :t",
      [UPDATE_DUE] = "SET due = :d ADD cnt :x",
  };
  static const char *const conditions[CONDITIONS] = {
      [CONDITION_EXISTS] = "attribute_exists(pk)",
      [CONDITION_ABSENT] = "attribute_not_exists(pk)",
      [CONDITION_BELOW] = "cnt < :x",
  };
  for (int i = 0; i < UPDATES; i++) run->updates[i] = compile(run, EXPRESSION_UPDATE, updates[i]);
  for (int i = 0; i < CONDITIONS; i++)
    run->conditions[i] = compile(run, EXPRESSION_CONDITION, conditions[i]);
  run->by_partition = compile(run, EXPRESSION_KEY_CONDITION, "pk = :p");
  run->by_group = compile(run, EXPRESSION_KEY_CONDITION, "grp = :g");
}

/* ---- one action and what it must do ---- */

struct prediction {
  struct store_action action;
  uint32_t table;
  uint32_t key;
  bool holds;   /* the condition */
  bool changes; /* a record is written */
  struct model_item before, after;
};

static uint32_t random_text(struct random *random)
{
  /* Never empty: two empty texts are equal, whatever their letter. */
  uint64_t size = random_between(random, 1, 120);
  if (random_below(random, 12) == 0) size = random_between(random, 1, 8000);
  return (uint32_t)(size | random_below(random, 26) << 13);
}

static struct model_item random_item(struct store_run *run)
{
  struct random *random = &run->random;
  struct model_item item = {.present = true, .attributes = (uint8_t)random_below(random, 32)};
  if (random_below(random, 3) > 0) item.attributes &= (uint8_t)~MODEL_DUE;
  if (item.attributes & MODEL_COUNT) item.count = (int32_t)random_below(random, 20) - 5;
  if (item.attributes & MODEL_TEXT) item.text = random_text(random);
  if (item.attributes & MODEL_GROUP) item.group = (uint8_t)random_below(random, MODEL_GROUPS);
  if (item.attributes & MODEL_RANK) item.rank = (int32_t)random_below(random, 10);
  if (item.attributes & MODEL_DUE)
    item.due_s = store_run_now_ms(run) / 1000 + (int64_t)random_below(random, 300) - 20;
  return item;
}

static struct model_item updated(const struct model_item *before, enum store_run_update update,
                                 const struct model_item *random)
{
  struct model_item item = *before;
  item.present = true;
  switch (update) {
  case UPDATE_DUE:
    item.due_s = random->due_s;
    item.attributes |= MODEL_DUE | MODEL_COUNT;
    item.count += random->count;
    break;
  case UPDATE_ADD:
    item.attributes |= MODEL_COUNT;
    item.count += random->count;
    break;
  case UPDATE_INDEX:
    item.attributes |= MODEL_GROUP | MODEL_RANK;
    item.group = random->group;
    item.rank = random->rank;
    break;
  case UPDATE_LEAVE:
    item.attributes &= (uint8_t)~MODEL_GROUP;
    item.group = 0;
    break;
  case UPDATE_REMOVE:
    item.attributes &= (uint8_t) ~(MODEL_RANK | MODEL_TEXT);
    item.rank = 0;
    item.text = 0;
    break;
  case UPDATE_TEXT:
    item.attributes |= MODEL_TEXT;
    item.text = random->text;
    break;
  case UPDATES:
    CHECK(false);
  }
  return item;
}

static bool holds(enum store_run_condition condition, const struct model_item *item, int32_t number)
{
  if (condition == CONDITION_EXISTS) return item->present;
  if (condition == CONDITION_ABSENT) return !item->present;
  return (item->attributes & MODEL_COUNT) != 0 && item->count < number;
}

static struct value *make_values(struct store_run *run, const struct model_item *item)
{
  struct arena *arena = &run->arena;
  struct value *values = arena_alloc_array(arena, SLOTS, sizeof *values);
  CHECK(values != NULL);
  values[SLOT_NUMBER] = value_make_integer(arena, item->count);
  values[SLOT_ZERO] = value_make_integer(arena, 0);
  values[SLOT_GROUP] = store_model_group_name(item->group, arena);
  values[SLOT_RANK] = value_make_integer(arena, item->rank);
  values[SLOT_TEXT] = store_model_text(item->text, arena);
  values[SLOT_DUE] = value_make_integer(arena, item->due_s);
  values[SLOT_PARTITION] = VALUE_NONE;
  return values;
}

/* Which kind, and what becomes of the item when the condition holds. */
static void predict_change(struct store_run *run, struct prediction *prediction,
                           struct model_item random)
{
  const struct model_table *table = &run->model.tables[prediction->table];
  struct store_action *action = &prediction->action;
  uint64_t chance = random_below(&run->random, 10);
  prediction->changes = true;
  if (chance < 4) {
    action->kind = ACTION_PUT;
    prediction->after = random;
    action->item = store_model_item(table, prediction->key, &random, MODEL_ALL, &run->arena);
    return;
  }
  action->item = store_model_key(table, prediction->key, &run->arena);
  if (chance < 7) {
    enum store_run_update update = (enum store_run_update)random_below(&run->random, UPDATES);
    random.attributes = MODEL_ALL;
    random.text = random_text(&run->random);
    random.rank = (int32_t)random_below(&run->random, 10);
    random.group = (uint8_t)random_below(&run->random, MODEL_GROUPS);
    random.due_s = store_run_now_ms(run) / 1000 + (int64_t)random_below(&run->random, 300);
    action->kind = ACTION_UPDATE;
    action->update = run->updates[update];
    action->values = make_values(run, &random);
    prediction->after = updated(&prediction->before, update, &random);
    /* What only removes makes no item. */
    if (prediction->before.present || (update != UPDATE_LEAVE && update != UPDATE_REMOVE)) return;
    prediction->changes = false;
    prediction->after = prediction->before;
    return;
  }
  action->kind = chance < 9 ? ACTION_DELETE : ACTION_CHECK;
  prediction->changes = action->kind == ACTION_DELETE && prediction->before.present;
  prediction->after = prediction->changes ? (struct model_item){0} : prediction->before;
}

static void predict(struct store_run *run, uint32_t position, uint32_t key,
                    struct prediction *prediction)
{
  struct model_item random = random_item(run);
  *prediction = (struct prediction){
      .table = position,
      .key = key,
      .holds = true,
      .before = run->model.tables[position].items[key],
  };
  struct store_action *action = &prediction->action;
  action->table = store_run_table(run, position);
  action->values = make_values(run, &random);
  predict_change(run, prediction, random);
  if (action->kind != ACTION_CHECK && random_below(&run->random, 3) > 0) return;
  enum store_run_condition condition = (enum store_run_condition)random_below(&run->random,
                                                                              CONDITIONS);
  int64_t number = 0;
  CHECK(value_integer(action->values[SLOT_NUMBER], &number));
  action->condition = run->conditions[condition];
  prediction->holds = holds(condition, &prediction->before, (int32_t)number);
}

/* A random table that can be used, or MODEL_TABLES. */
static uint32_t choose_table(struct store_run *run)
{
  uint32_t start = (uint32_t)random_below(&run->random, MODEL_TABLES);
  for (uint32_t i = 0; i < MODEL_TABLES; i++) {
    uint32_t position = (start + i) % MODEL_TABLES;
    if (store_run_table(run, position) != NULL) return position;
  }
  return MODEL_TABLES;
}

/* A refusal is right only where something is in the way, and it changes nothing. */
static void refused(struct store_run *run, enum store_status status, bool memory_hit,
                    const struct error *error)
{
  if (status != STORE_UNAVAILABLE)
    store_run_fail(run, "unexpected %s: %s", store_status_name(status), error->message);
  RUN_CHECK(run, store_appended(run->store) == run->model.appended);
  run->totals->refused++;
  store_run_tell(run, "refused: %s", error->message);
  if (random_below(&run->random, 4) == 0) store_check_some(run);
  if (random_below(&run->random, 20) == 0) store_check_state(run, run->store, run->model.tables);
  if (memory_hit || run->full || store_run_troubled(run)) return;
  /* The log is behind: once it has caught up, writing must work again. */
  store_run_settle(run);
  if (!store_run_dead(run)) store_workload_put(run);
}

static void maybe_fail_memory(struct store_run *run)
{
  if (random_below(&run->random, 25) == 0) store_run_fail_memory(run);
}

/* ---- single writes ---- */

static void check_returned(struct store_run *run, const struct prediction *prediction,
                           enum store_return returns, struct value returned)
{
  const struct model_table *table = &run->model.tables[prediction->table];
  const struct model_item *item = returns == RETURN_ALL_OLD ? &prediction->before
                                                            : &prediction->after;
  struct value wanted = VALUE_NONE;
  if (returns != RETURN_NONE && item->present)
    wanted = store_model_item(table, prediction->key, item, MODEL_ALL, &run->arena);
  RUN_CHECK(run, value_equal(wanted, returned));
}

static void write_one(struct store_run *run)
{
  struct prediction prediction;
  struct store_write_result result;
  struct error error;
  uint32_t position = choose_table(run);
  if (position == MODEL_TABLES) return;
  do {
    predict(run, position, (uint32_t)random_below(&run->random, MODEL_ITEMS), &prediction);
  } while (prediction.action.kind == ACTION_CHECK);
  enum store_return returns = RETURN_NONE;
  if (random_below(&run->random, 4) == 0)
    returns = prediction.action.kind == ACTION_UPDATE ? RETURN_ALL_NEW : RETURN_ALL_OLD;
  maybe_fail_memory(run);
  enum store_status status = store_write(run->store, &prediction.action, returns, &run->arena,
                                         &result, &error);
  bool hit = store_run_heal_memory(run);
  if (status == STORE_CONDITION_FAILED) {
    RUN_CHECK(run, !prediction.holds);
  } else if (status == STORE_OK) {
    RUN_CHECK(run, prediction.holds);
    check_returned(run, &prediction, returns, result.item);
    if (prediction.changes) {
      store_run_appended(run);
      store_model_change_item(&run->model, position, prediction.key, &prediction.after, false);
    }
    RUN_CHECK(run, result.sequence == run->model.appended);
  } else {
    refused(run, status, hit, &error);
  }
  RUN_CHECK(run, store_appended(run->store) == run->model.appended);
}

void store_workload_put(struct store_run *run)
{
  struct store_write_result result;
  struct error error;
  uint32_t position = choose_table(run);
  if (position == MODEL_TABLES || store_run_dead(run)) return;
  uint32_t key = (uint32_t)random_below(&run->random, MODEL_ITEMS);
  struct model_item item = random_item(run);
  struct store_action action = {
      .kind = ACTION_PUT,
      .table = store_run_table(run, position),
      .item = store_model_item(&run->model.tables[position], key, &item, MODEL_ALL, &run->arena),
  };
  if (store_write(run->store, &action, RETURN_NONE, &run->arena, &result, &error) != STORE_OK)
    store_run_fail(run, "nothing is in the way, yet a put fails: %s", error.message);
  store_run_appended(run);
  store_model_change_item(&run->model, position, key, &item, false);
  arena_reset(&run->arena);
}

static void write_batch(struct store_run *run)
{
  enum { BATCH = 8 };
  struct store_action actions[BATCH];
  struct prediction predictions[BATCH];
  struct error error;
  size_t count = 0;
  size_t done;
  uint64_t sequence;
  uint32_t position = choose_table(run);
  uint32_t key = (uint32_t)random_below(&run->random, MODEL_ITEMS);
  for (size_t tries = random_between(&run->random, 1, 24); tries > 0 && count < BATCH; tries--) {
    if (position == MODEL_TABLES) return;
    struct prediction *prediction = &predictions[count];
    predict(run, position, key, prediction);
    bool fits = prediction->action.condition == NULL && prediction->action.update == NULL;
    if (!fits || prediction->action.kind == ACTION_CHECK) continue;
    actions[count++] = prediction->action;
    key = (key + 1) % MODEL_ITEMS;
  }
  if (count == 0) return;
  maybe_fail_memory(run);
  enum store_status status = store_batch_write(run->store, actions, count, &run->arena, &done,
                                               &sequence, &error);
  bool hit = store_run_heal_memory(run);
  RUN_CHECK(run, done <= count && (done == count || hit || status == STORE_OK || done == 0));
  for (size_t i = 0; i < done; i++) {
    if (!predictions[i].changes) continue;
    store_run_appended(run);
    store_model_change_item(&run->model, position, predictions[i].key, &predictions[i].after,
                            false);
  }
  RUN_CHECK(run, store_appended(run->store) == run->model.appended);
  if (status != STORE_OK) refused(run, status, hit, &error);
}

/* ---- transactions ---- */

enum { TRANSACTION_MAX = 10 };

struct transaction {
  size_t count;
  struct prediction predictions[TRANSACTION_MAX];
  struct store_action actions[TRANSACTION_MAX];
  bool holds;
  uint32_t token; /* 0: none */
  const struct model_change *known;
  char token_text[24];
  uint64_t request_hash;
};

static bool is_in(const struct transaction *transaction, uint32_t table, uint32_t key)
{
  for (size_t i = 0; i < transaction->count; i++) {
    const struct prediction *other = &transaction->predictions[i];
    if (other->table == table && other->key == key) return true;
  }
  return false;
}

/* Mostly none or a new one; sometimes one of the last ten. */
static void choose_token(struct store_run *run, struct transaction *transaction)
{
  enum { LAST = 10 };
  uint64_t chance = random_below(&run->random, 10);
  uint32_t token = run->token_max + 1;
  if (chance < 6) return;
  if (chance == 9 && run->token_max > 0) {
    bool clear;
    uint32_t first = run->token_max > LAST ? run->token_max - LAST : 1;
    token = (uint32_t)random_between(&run->random, first, run->token_max);
    transaction->known = store_run_token(run, token, &clear);
    if (!clear) return;
  }
  if (token > run->token_max) run->token_max = token;
  transaction->token = token;
  transaction->request_hash = random_below(&run->random, 3);
  snprintf(transaction->token_text, sizeof transaction->token_text, "token-%u", token);
}

static void make_transaction(struct store_run *run, struct transaction *transaction)
{
  *transaction = (struct transaction){.holds = true};
  for (uint64_t tries = random_between(&run->random, 1, TRANSACTION_MAX); tries > 0; tries--) {
    uint32_t position = choose_table(run);
    uint32_t key = (uint32_t)random_below(&run->random, MODEL_ITEMS);
    if (position == MODEL_TABLES || is_in(transaction, position, key)) continue;
    struct prediction *prediction = &transaction->predictions[transaction->count];
    predict(run, position, key, prediction);
    transaction->actions[transaction->count++] = prediction->action;
    transaction->holds = transaction->holds && prediction->holds;
  }
  choose_token(run, transaction);
}

static void check_reasons(struct store_run *run, const struct transaction *transaction,
                          const struct store_reason *reasons)
{
  RUN_CHECK(run, !transaction->holds);
  for (size_t i = 0; i < transaction->count; i++) {
    bool failed = reasons[i].code == REASON_CONDITION_FAILED;
    RUN_CHECK(run, failed == !transaction->predictions[i].holds);
    RUN_CHECK(run, failed || reasons[i].code == REASON_NONE);
  }
}

static void committed(struct store_run *run, const struct transaction *transaction)
{
  bool changes = transaction->token != 0;
  for (size_t i = 0; i < transaction->count; i++)
    changes = changes || transaction->predictions[i].changes;
  RUN_CHECK(run, transaction->holds);
  if (!changes) return;
  store_run_appended(run);
  for (size_t i = 0; i < transaction->count; i++) {
    const struct prediction *prediction = &transaction->predictions[i];
    if (prediction->changes)
      store_model_change_item(&run->model, prediction->table, prediction->key, &prediction->after,
                              false);
  }
  if (transaction->token != 0)
    store_model_add_token(&run->model, transaction->token, transaction->request_hash);
}

static void transact(struct store_run *run)
{
  struct transaction transaction;
  struct store_transact_result result;
  struct error error;
  make_transaction(run, &transaction);
  if (transaction.count == 0) return;
  const struct model_change *known = transaction.token != 0 ? transaction.known : NULL;
  struct store_token token = {bytes_of_text(transaction.token_text), transaction.request_hash};
  maybe_fail_memory(run);
  enum store_status status = store_transact_write(
      run->store, transaction.actions, transaction.count, token, &run->arena, &result, &error);
  bool hit = store_run_heal_memory(run);
  if (known != NULL) {
    bool same = known->request_hash == transaction.request_hash;
    RUN_CHECK(run, status == (same ? STORE_OK : STORE_TOKEN_MISMATCH));
    RUN_CHECK(run, !same || result.replayed);
  } else if (status == STORE_CANCELED) {
    check_reasons(run, &transaction, result.reasons);
  } else if (status == STORE_OK) {
    RUN_CHECK(run, !result.replayed);
    committed(run, &transaction);
    RUN_CHECK(run, result.sequence == run->model.appended);
  } else {
    refused(run, status, hit, &error);
  }
  RUN_CHECK(run, store_appended(run->store) == run->model.appended);
}

void store_workload_act(struct store_run *run)
{
  uint64_t chance = random_below(&run->random, 10);
  if (chance < 5)
    write_one(run);
  else if (chance < 6)
    write_batch(run);
  else
    transact(run);
  arena_reset(&run->arena);
}
