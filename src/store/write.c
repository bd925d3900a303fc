#include "base/check.h"
#include "store/engine.h"

#include <stdio.h>

/* Everything one action came to before anything is changed. */
struct evaluation {
  struct commit_item item;
  bool changes; /* false: a check, or a delete of nothing */
  struct store_reason reason;
};

static struct value copy_value(struct arena *arena, struct value value)
{
  struct bytes copy = arena_copy(arena, bytes_of(value.data, value.size));
  return (struct value){copy.data, copy.size};
}

static bool set_no_memory(struct error *error)
{
  return error_set(error, ERROR_NO_MEMORY,
                   "No memory for this request; nothing was changed, retry later");
}

/*
 * What is wrong with an action whatever the items are: DynamoDB refuses the whole request for it.
 */
static bool check_action(const struct store_action *action, struct error *error)
{
  if (action->kind == ACTION_CHECK && action->condition == NULL)
    return error_set(error, ERROR_INVALID, "A ConditionCheck needs a ConditionExpression");
  if (action->update == NULL) return true;
  CHECK(action->kind == ACTION_UPDATE);
  const struct keyspace *primary = &action->table->primary;
  const struct bytes *touched;
  size_t count = expression_touched(action->update, &touched);
  for (size_t i = 0; i < count; i++) {
    if (bytes_equal(touched[i], primary->partition.name) ||
        bytes_equal(touched[i], primary->sort.name))
      return error_set(error, ERROR_INVALID,
                       "One or more parameter values were invalid: Cannot update attribute %.*s. "
                       "This attribute is part of the key",
                       BYTES_FORMAT(touched[i]));
  }
  return true;
}

static bool check_action_key(const struct store_action *action, struct item_key *key,
                             struct error *error)
{
  if (action->kind == ACTION_PUT) return table_check_item(action->table, action->item, key, error);
  return table_check_key(action->table, action->item, key, error);
}

/* The new image of a put or update; the checks of the result are the item's. */
static bool new_image(const struct store_action *action, struct arena *arena,
                      struct commit_item *item, struct error *error)
{
  struct value *image = &item->image;
  struct value old = item_value(item->old_item);
  *image = action->item; /* a put's item; an update without expression makes just the key */
  if (action->kind == ACTION_PUT) return true; /* checked with its key */
  struct value base = value_present(old) ? old : action->item;
  if (action->update == NULL)
    *image = base;
  else if (!expression_update(action->update, base, action->values, arena, image, error))
    return false;
  if (table_check_item(action->table, *image, &item->key, error)) return true;
  if (image->size > ITEM_SIZE_MAX / 5 && item_size(*image) > ITEM_SIZE_MAX)
    return error_set(error, ERROR_INVALID,
                     "Item size to update has exceeded the maximum allowed size");
  return false;
}

/* Fills the reason of a failed condition. */
static bool set_condition_failed(const struct store_action *action, struct value old,
                                 struct arena *arena, struct evaluation *evaluation,
                                 struct error *error)
{
  evaluation->reason = (struct store_reason){.code = REASON_CONDITION_FAILED,
                                             .message = "The conditional request failed"};
  if (!action->return_old_on_failure || !value_present(old)) return true;
  evaluation->reason.item = copy_value(arena, old);
  return evaluation->reason.item.data != NULL || set_no_memory(error);
}

/* Checks the action's key (a put's whole item) and has its place in the index fetched. */
static bool locate(const struct store_action *action, struct evaluation *evaluation,
                   struct error *error)
{
  struct commit_item *item = &evaluation->item;
  item->table = action->table;
  if (!check_action_key(action, &item->key, error)) return false;
  item->hash = table_hash(action->table, item->key);
  index_prefetch(&action->table->primary.index, item->hash);
  return true;
}

/*
 * Tests and evaluates one located action. True also when it is refused with a reason; false with
 * *error when it is wrong (ERROR_INVALID) or memory ran out.
 */
static bool evaluate(const struct store_action *action, struct arena *arena,
                     struct evaluation *evaluation, struct error *error)
{
  struct commit_item *item = &evaluation->item;
  item->old_item = table_find(action->table, item->hash, item->key);
  struct value old = item_value(item->old_item);
  if (action->condition != NULL) {
    bool holds = false;
    if (!expression_test(action->condition, old, action->values, arena, &holds, error))
      return false;
    if (!holds) return set_condition_failed(action, old, arena, evaluation, error);
  }
  if (action->kind == ACTION_CHECK) return true;
  bool removes = action->kind == ACTION_DELETE ||
                 (action->update != NULL && expression_only_removes(action->update));
  evaluation->changes = !removes || item->old_item != NULL;
  if (!evaluation->changes || action->kind == ACTION_DELETE) return true;
  return new_image(action, arena, item, error);
}

/* ---- one action ---- */

/* What the caller wants back; `touched` parts of it for the UPDATED variants. */
static bool returned_item(const struct store_action *action, enum store_return returns,
                          const struct evaluation *evaluation, struct arena *arena,
                          struct value *returned, struct error *error)
{
  bool old = returns == RETURN_ALL_OLD || returns == RETURN_UPDATED_OLD;
  struct value source = old ? item_value(evaluation->item.old_item) : evaluation->item.image;
  *returned = VALUE_NONE;
  if (returns == RETURN_NONE || !value_present(source)) return true;
  if (returns == RETURN_UPDATED_OLD || returns == RETURN_UPDATED_NEW)
    return action->update == NULL ||
           expression_project(action->update, source, arena, returned, error);
  /* Only what an expression built lies in the arena already. */
  bool built = !old && action->update != NULL;
  *returned = built ? source : copy_value(arena, source);
  return returned->data != NULL || set_no_memory(error);
}

static enum store_status error_status(const struct error *error)
{
  return error->code == ERROR_NO_MEMORY ? STORE_UNAVAILABLE : STORE_VALIDATION;
}

enum store_status store_write(struct store *store, const struct store_action *action,
                              enum store_return returns, struct arena *arena,
                              struct store_write_result *result, struct error *error)
{
  CHECK(action->kind == ACTION_UPDATE || returns == RETURN_NONE || returns == RETURN_ALL_OLD);
  *result = (struct store_write_result){.sequence = log_appended(store->log)};
  enum store_status status = table_check_active(action->table, error);
  if (status != STORE_OK) return status;
  struct evaluation evaluation = {0};
  if (!check_action(action, error) || !locate(action, &evaluation, error) ||
      !evaluate(action, arena, &evaluation, error))
    return error_status(error);
  if (evaluation.reason.code == REASON_CONDITION_FAILED) {
    result->item = evaluation.reason.item;
    error_set(error, ERROR_INVALID, "The conditional request failed");
    return STORE_CONDITION_FAILED;
  }
  if (!returned_item(action, returns, &evaluation, arena, &result->item, error))
    return error_status(error);
  struct commit commit = {.items = &evaluation.item, .count = evaluation.changes ? 1 : 0};
  return commit_run(store, &commit, &result->sequence, error);
}

enum store_status store_batch_write(struct store *store, const struct store_action *actions,
                                    size_t count, struct arena *arena, size_t *done,
                                    uint64_t *sequence, struct error *error)
{
  *done = 0;
  *sequence = log_appended(store->log);
  if (count == 0 || count > BATCH_WRITE_MAX) {
    error_set(error, ERROR_INVALID,
              "Too many items requested for the BatchWriteItem call: %zu, "
              "at least 1 and at most %d are allowed",
              count, BATCH_WRITE_MAX);
    return STORE_VALIDATION;
  }
  for (size_t i = 0; i < count; i++) {
    CHECK(actions[i].kind == ACTION_PUT || actions[i].kind == ACTION_DELETE);
    enum store_status status = table_check_active(actions[i].table, error);
    if (status != STORE_OK) return status;
    struct item_key key;
    if (!check_action_key(&actions[i], &key, error)) return error_status(error);
    for (size_t k = 0; k < i; k++) {
      if (actions[k].table != actions[i].table ||
          !table_same_key(actions[i].table, actions[k].item, actions[i].item))
        continue;
      error_set(error, ERROR_INVALID, "Provided list of item keys contains duplicates");
      return STORE_VALIDATION;
    }
  }
  for (; *done < count; (*done)++) {
    struct store_write_result result;
    enum store_status status = store_write(store, &actions[*done], RETURN_NONE, arena, &result,
                                           error);
    *sequence = result.sequence;
    if (status == STORE_UNAVAILABLE && *done > 0) return STORE_OK;
    if (status != STORE_OK) return status;
  }
  return STORE_OK;
}

/* ---- transactions ---- */

static bool check_token(struct store_token token, struct error *error)
{
  if (token.text.size <= TRANSACTION_TOKEN_MAX) return true;
  return error_set(error, ERROR_INVALID,
                   "ClientRequestToken must have length less than or equal to %d",
                   TRANSACTION_TOKEN_MAX);
}

static enum store_status check_transaction(const struct store_action *actions, size_t count,
                                           struct store_token token, struct error *error)
{
  if (count == 0 || count > TRANSACTION_ACTIONS_MAX) {
    error_set(error, ERROR_INVALID,
              "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
              "Member must have length less than or equal to %d and at least 1; it has %zu",
              TRANSACTION_ACTIONS_MAX, count);
    return STORE_VALIDATION;
  }
  if (!check_token(token, error)) return STORE_VALIDATION;
  for (size_t i = 0; i < count; i++) {
    if (!check_action(&actions[i], error)) return STORE_VALIDATION;
  }
  for (size_t i = 0; i < count; i++) {
    enum store_status status = table_check_active(actions[i].table, error);
    if (status != STORE_OK) return status;
  }
  return STORE_OK;
}

/* Two actions on one item: quadratic over at most 100 hashes, which is cheaper than a set. */
static bool check_distinct(const struct store_action *actions, const struct evaluation *evaluations,
                           size_t count, struct error *error)
{
  for (size_t i = 1; i < count; i++) {
    for (size_t k = 0; k < i; k++) {
      if (evaluations[i].item.hash != evaluations[k].item.hash ||
          actions[i].table != actions[k].table ||
          !table_same_key(actions[i].table, actions[i].item, actions[k].item))
        continue;
      return error_set(error, ERROR_INVALID,
                       "Transaction request cannot include multiple operations on one item");
    }
  }
  return true;
}

/* Keeps the error as the reason of one action; false when even that finds no memory. */
static bool set_invalid(struct evaluation *evaluation, struct arena *arena, struct error *error)
{
  if (error->code == ERROR_NO_MEMORY) return false;
  struct bytes message = arena_copy(arena, bytes_of(error->message, strlen(error->message) + 1));
  if (message.data == NULL) return set_no_memory(error);
  evaluation->reason = (struct store_reason){.code = REASON_VALIDATION,
                                             .message = (const char *)message.data};
  return true;
}

/*
 * Evaluates every action, also after one was refused: each failure has its own reason. *refused
 * counts them. All are located first: their cache misses come together instead of in a row.
 */
static enum store_status evaluate_all(const struct store_action *actions,
                                      struct evaluation *evaluations, size_t count,
                                      struct arena *arena, size_t *refused, struct error *error)
{
  *refused = 0;
  for (size_t i = 0; i < count; i++) {
    evaluations[i] = (struct evaluation){0};
    if (locate(&actions[i], &evaluations[i], error)) continue;
    /* An empty key is the request's fault, any other fault of a key the action's. */
    struct error empty;
    if (!table_check_key_filled(actions[i].table, actions[i].item, &empty)) {
      *error = empty;
      return STORE_VALIDATION;
    }
    if (!set_invalid(&evaluations[i], arena, error)) return STORE_UNAVAILABLE;
  }
  for (size_t i = 0; i < count; i++) {
    struct evaluation *evaluation = &evaluations[i];
    if (evaluation->reason.code == REASON_NONE &&
        !evaluate(&actions[i], arena, evaluation, error) && !set_invalid(evaluation, arena, error))
      return STORE_UNAVAILABLE;
    if (evaluation->reason.code != REASON_NONE) (*refused)++;
  }
  return STORE_OK;
}

static enum store_status canceled(const struct evaluation *evaluations, size_t count,
                                  struct arena *arena, struct store_transact_result *result,
                                  struct error *error)
{
  static const char *const names[] = {"None", "ConditionalCheckFailed", "ValidationError"};
  result->reasons = arena_alloc_array(arena, count, sizeof *result->reasons);
  if (result->reasons == NULL) return store_no_memory(error);
  char list[ERROR_MESSAGE_BYTES];
  size_t length = 0;
  for (size_t i = 0; i < count; i++) {
    result->reasons[i] = evaluations[i].reason;
    if (length < sizeof list)
      length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "",
                                 names[evaluations[i].reason.code]);
  }
  error_set(error, ERROR_INVALID,
            "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]",
            list);
  return STORE_CANCELED;
}

/* The commit of all actions that change something. */
static enum store_status commit_all(struct store *store, const struct evaluation *evaluations,
                                    size_t count, struct store_token token, uint64_t *sequence,
                                    struct error *error)
{
  struct commit_item items[TRANSACTION_ACTIONS_MAX];
  struct commit commit = {.items = items, .token = token};
  size_t size = 0;
  for (size_t i = 0; i < count; i++) {
    if (!evaluations[i].changes) continue;
    items[commit.count++] = evaluations[i].item;
    size += evaluations[i].item.image.size;
  }
  /* An item's DynamoDB size is less than five times its encoded size (table_check_item). */
  if (size > TRANSACTION_SIZE_MAX / 5) {
    size = 0;
    for (size_t i = 0; i < commit.count; i++)
      size += value_present(items[i].image) ? item_size(items[i].image) : 0;
    if (size > TRANSACTION_SIZE_MAX) {
      error_set(error, ERROR_INVALID,
                "The items of the transaction have %zu bytes together, at most %d are allowed",
                size, TRANSACTION_SIZE_MAX);
      return STORE_VALIDATION;
    }
  }
  return commit_run(store, &commit, sequence, error);
}

/* STORE_OK with *known true when the token's transaction is done already. */
static enum store_status check_replay(struct store *store, struct store_token token, bool *known,
                                      struct error *error)
{
  *known = false;
  if (token.text.size == 0) return STORE_OK;
  const struct token *found = tokens_find(&store->tokens, token.text, store_now_ms(store));
  if (found == NULL) return STORE_OK;
  *known = found->request_hash == token.request_hash;
  if (*known) return STORE_OK;
  error_set(error, ERROR_INVALID,
            "The provided ClientRequestToken was used with another request in the last 10 minutes: "
            "send a new token with a new request");
  return STORE_TOKEN_MISMATCH;
}

enum store_status store_transact_write(struct store *store, const struct store_action *actions,
                                       size_t count, struct store_token token, struct arena *arena,
                                       struct store_transact_result *result, struct error *error)
{
  *result = (struct store_transact_result){.sequence = log_appended(store->log)};
  enum store_status status = check_transaction(actions, count, token, error);
  if (status != STORE_OK) return status;
  status = check_replay(store, token, &result->replayed, error);
  if (status != STORE_OK || result->replayed) return status;
  struct evaluation evaluations[TRANSACTION_ACTIONS_MAX];
  size_t refused;
  status = evaluate_all(actions, evaluations, count, arena, &refused, error);
  if (status != STORE_OK) return status;
  if (!check_distinct(actions, evaluations, count, error)) return STORE_VALIDATION;
  if (refused > 0) return canceled(evaluations, count, arena, result, error);
  return commit_all(store, evaluations, count, token, &result->sequence, error);
}
