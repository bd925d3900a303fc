#include "base/check.h"
#include "store/engine.h"

const char *store_status_name(enum store_status status)
{
  static const char *const names[] = {
      [STORE_OK] = "OK",
      [STORE_VALIDATION] = "ValidationException",
      [STORE_NOT_FOUND] = "ResourceNotFoundException",
      [STORE_IN_USE] = "ResourceInUseException",
      [STORE_LIMIT] = "LimitExceededException",
      [STORE_TOKEN_MISMATCH] = "IdempotentParameterMismatchException",
      [STORE_CONDITION_FAILED] = "ConditionalCheckFailedException",
      [STORE_CANCELED] = "TransactionCanceledException",
      [STORE_UNAVAILABLE] = "ServiceUnavailable",
  };
  CHECK((size_t)status < sizeof names / sizeof names[0]);
  return names[status];
}

struct value store_find(const struct table *table, struct value partition, struct value sort)
{
  const struct keyspace *primary = &table->primary;
  if (value_type(partition) != primary->partition.type ||
      (primary->sort.name.size > 0 && value_type(sort) != primary->sort.type))
    return VALUE_NONE;
  uint64_t hash = keyspace_hash(primary, partition);
  return item_value(keyspace_find(primary, hash, partition, sort));
}

static enum store_status check_get(const struct store_get *get, struct error *error)
{
  struct item_key key;
  if (!table_check_key(get->table, get->key, &key, error)) return STORE_VALIDATION;
  return table_check_active(get->table, error);
}

static struct value find_item(const struct store_get *get)
{
  struct item_key key = table_key(get->table, get->key);
  return item_value(table_find(get->table, table_hash(get->table, key), key));
}

static enum store_status project(const struct store_get *get, struct value whole,
                                 struct arena *arena, struct value *item, struct error *error)
{
  *item = whole;
  if (get->projection == NULL || !value_present(whole)) return STORE_OK;
  if (expression_project(get->projection, whole, arena, item, error)) return STORE_OK;
  return store_no_memory(error);
}

enum store_status store_get(struct store *store, const struct store_get *get, struct arena *arena,
                            struct value *item, uint64_t *sequence, struct error *error)
{
  *item = VALUE_NONE;
  *sequence = store_appended(store);
  enum store_status status = check_get(get, error);
  return status == STORE_OK ? project(get, find_item(get), arena, item, error) : status;
}

/* Every key valid, and no item asked for twice, which `twice` tells. */
static enum store_status check_gets(const struct store_get *gets, size_t count, const char *twice,
                                    struct error *error)
{
  for (size_t i = 0; i < count; i++) {
    enum store_status status = check_get(&gets[i], error);
    if (status != STORE_OK) return status;
    for (size_t k = 0; k < i; k++) {
      if (gets[k].table != gets[i].table ||
          !table_same_key(gets[i].table, gets[i].key, gets[k].key))
        continue;
      error_set(error, ERROR_INVALID, "%s", twice);
      return STORE_VALIDATION;
    }
  }
  return STORE_OK;
}

enum store_status store_batch_get(struct store *store, const struct store_get *gets, size_t count,
                                  struct arena *arena, struct value *items, size_t *done,
                                  uint64_t *sequence, struct error *error)
{
  *done = 0;
  *sequence = store_appended(store);
  if (count == 0 || count > BATCH_GET_MAX) {
    error_set(error, ERROR_INVALID,
              "Too many items requested for the BatchGetItem call: %zu, "
              "at least 1 and at most %d are allowed",
              count, BATCH_GET_MAX);
    return STORE_VALIDATION;
  }
  enum store_status status = check_gets(gets, count,
                                        "Provided list of item keys contains duplicates", error);
  size_t size = 0;
  while (status == STORE_OK && *done < count) {
    struct value whole = find_item(&gets[*done]);
    size += value_present(whole) ? item_size(whole) : 0;
    if (size > BATCH_GET_SIZE_MAX && *done > 0) return STORE_OK; /* the rest is unprocessed */
    status = project(&gets[*done], whole, arena, &items[*done], error);
    if (status == STORE_OK) (*done)++;
  }
  return status;
}

enum store_status store_transact_get(struct store *store, const struct store_get *gets,
                                     size_t count, struct arena *arena, struct value *items,
                                     uint64_t *sequence, struct error *error)
{
  *sequence = store_appended(store);
  if (count == 0 || count > TRANSACTION_ACTIONS_MAX) {
    error_set(error, ERROR_INVALID,
              "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
              "Member must have length less than or equal to %d and at least 1; it has %zu",
              TRANSACTION_ACTIONS_MAX, count);
    return STORE_VALIDATION;
  }
  enum store_status status = check_gets(
      gets, count, "Transaction request cannot include multiple operations on one item", error);
  size_t size = 0;
  for (size_t i = 0; i < count && status == STORE_OK; i++) {
    struct value whole = find_item(&gets[i]);
    size += value_present(whole) ? item_size(whole) : 0;
    status = project(&gets[i], whole, arena, &items[i], error);
    if (size <= TRANSACTION_SIZE_MAX) continue;
    error_set(error, ERROR_INVALID,
              "The items of the transaction have more than %d bytes together: ask for fewer",
              TRANSACTION_SIZE_MAX);
    return STORE_VALIDATION;
  }
  return status;
}
