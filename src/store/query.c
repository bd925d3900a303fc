#include "base/check.h"
#include "store/engine.h"
#include "store/page.h"

/* The interval of sort keys a query reads, as bytes; with no sort key everything is in it. */
struct interval {
  const struct keyspace *keyspace;
  enum expression_range range;
  struct bytes low;
  struct bytes high;
  uint8_t low_scratch[TREE_KEY_SCRATCH_BYTES];
  uint8_t high_scratch[TREE_KEY_SCRATCH_BYTES];
};

static void interval_init(struct interval *interval, const struct keyspace *keyspace,
                          const struct expression_keys *keys)
{
  interval->keyspace = keyspace;
  interval->range = keys->range;
  interval->low = keyspace_sort_bytes(keys->low, interval->low_scratch);
  interval->high = keyspace_sort_bytes(keys->high, interval->high_scratch);
}

/* Negative: the key is before the interval; 0: in it; positive: after it. */
static int interval_compare(const struct interval *interval, struct bytes key)
{
  switch (interval->range) {
  case EXPRESSION_RANGE_ALL:
    return 0;
  case EXPRESSION_RANGE_EQUAL:
    return bytes_compare(key, interval->low);
  case EXPRESSION_RANGE_LESS:
    return bytes_compare(key, interval->low) < 0 ? 0 : 1;
  case EXPRESSION_RANGE_LESS_EQUAL:
    return bytes_compare(key, interval->low) <= 0 ? 0 : 1;
  case EXPRESSION_RANGE_GREATER:
    return bytes_compare(key, interval->low) > 0 ? 0 : -1;
  case EXPRESSION_RANGE_GREATER_EQUAL:
    return bytes_compare(key, interval->low) >= 0 ? 0 : -1;
  case EXPRESSION_RANGE_BETWEEN:
    if (bytes_compare(key, interval->low) < 0) return -1;
    return bytes_compare(key, interval->high) <= 0 ? 0 : 1;
  case EXPRESSION_RANGE_BEGINS_WITH:
    return bytes_starts_with(key, interval->low) ? 0 : bytes_compare(key, interval->low);
  }
  CHECK(false); /* every range is above */
}

static int interval_compare_item(const struct interval *interval, const struct item *item)
{
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  if (interval->range == EXPRESSION_RANGE_ALL) return 0;
  struct value sort = keyspace_sort_of(interval->keyspace, item);
  return interval_compare(interval, keyspace_sort_bytes(sort, scratch));
}

/* ---- where to start in a tree ---- */

/* The first key after all that begin with a prefix: false when there is none (all bytes 255). */
static bool prefix_end(struct bytes prefix, uint8_t end[SORT_KEY_MAX], size_t *size)
{
  size_t length = prefix.size;
  while (length > 0 && prefix.data[length - 1] == UINT8_MAX) length--;
  if (length == 0 || length > SORT_KEY_MAX) return false;
  memcpy(end, prefix.data, length);
  end[length - 1]++;
  *size = length;
  return true;
}

static struct tree_cursor seek_first(const struct tree *tree, const struct interval *interval)
{
  struct tree_probe probe = {.key = interval->low};
  switch (interval->range) {
  case EXPRESSION_RANGE_ALL:
  case EXPRESSION_RANGE_LESS:
  case EXPRESSION_RANGE_LESS_EQUAL:
    return tree_first(tree);
  case EXPRESSION_RANGE_GREATER:
    probe.tie = tree_probe_after;
    break;
  case EXPRESSION_RANGE_EQUAL:
  case EXPRESSION_RANGE_GREATER_EQUAL:
  case EXPRESSION_RANGE_BETWEEN:
  case EXPRESSION_RANGE_BEGINS_WITH:
    break;
  }
  return tree_seek(tree, &interval->keyspace->order, &probe);
}

static struct tree_cursor seek_last(const struct tree *tree, const struct interval *interval)
{
  uint8_t end[SORT_KEY_MAX];
  struct tree_probe probe = {.key = interval->low, .tie = tree_probe_after};
  switch (interval->range) {
  case EXPRESSION_RANGE_ALL:
  case EXPRESSION_RANGE_GREATER:
  case EXPRESSION_RANGE_GREATER_EQUAL:
    return tree_last(tree);
  case EXPRESSION_RANGE_LESS:
    probe.tie = NULL;
    break;
  case EXPRESSION_RANGE_BETWEEN:
    probe.key = interval->high;
    break;
  case EXPRESSION_RANGE_BEGINS_WITH:
    if (!prefix_end(interval->low, end, &probe.key.size)) return tree_last(tree);
    probe.key.data = end;
    probe.tie = NULL;
    break;
  case EXPRESSION_RANGE_EQUAL:
  case EXPRESSION_RANGE_LESS_EQUAL:
    break;
  }
  return tree_seek_before(tree, &interval->keyspace->order, &probe);
}

/* ---- reading ---- */

static bool read_tree(const struct store_query *query, const struct tree *tree,
                      const struct interval *interval, struct page_builder *builder)
{
  struct tree_cursor cursor;
  if (value_present(query->start_key))
    cursor = keyspace_seek_past(interval->keyspace, tree, query->start_key, !query->backward);
  else
    cursor = query->backward ? seek_last(tree, interval) : seek_first(tree, interval);
  for (; tree_entry(cursor) != NULL;
       cursor = query->backward ? tree_previous(cursor) : tree_next(cursor)) {
    struct item *item = tree_entry(cursor);
    if (interval_compare_item(interval, item) != 0) break;
    if (!page_add(builder, item)) break;
  }
  return builder->error->code == ERROR_NONE;
}

static bool read_single(const struct store_query *query, struct item *item,
                        const struct interval *interval, struct page_builder *builder)
{
  if (interval_compare_item(interval, item) != 0) return true;
  if (value_present(query->start_key)) {
    int order = keyspace_compare(interval->keyspace, query->start_key, item);
    if (query->backward ? order <= 0 : order >= 0) return true;
  }
  (void)page_add(builder, item);
  return builder->error->code == ERROR_NONE;
}

/* The start key must lie in the partition and, by its sort key, on the way through the interval. */
static bool check_start_key(const struct store_query *query, const struct expression_keys *keys,
                            const struct interval *interval, struct error *error)
{
  const struct keyspace *keyspace = interval->keyspace;
  if (!value_present(query->start_key)) return true;
  if (!page_check_start_key(keyspace, query->start_key, error)) return false;
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct bytes sort = {NULL, 0};
  if (keyspace->sort.name.size > 0)
    sort = keyspace_sort_bytes(value_attribute(query->start_key, keyspace->sort.name), scratch);
  struct value partition = value_attribute(query->start_key, keyspace->partition.name);
  if (value_equal(partition, keys->partition) && interval_compare(interval, sort) == 0) return true;
  return error_set(error, ERROR_INVALID,
                   "The provided starting key is outside query boundaries based on provided "
                   "conditions");
}

static bool check_key_types(const struct keyspace *keyspace, const struct expression_keys *keys,
                            struct error *error)
{
  const struct value sort[] = {keys->low, keys->high};
  bool right = value_type(keys->partition) == keyspace->partition.type;
  for (int i = 0; i < 2; i++)
    right = right && (!value_present(sort[i]) || value_type(sort[i]) == keyspace->sort.type);
  if (!right)
    return error_set(error, ERROR_INVALID,
                     "One or more parameter values were invalid: Condition parameter type does not "
                     "match schema type");
  if (keyspace->partition.type != VALUE_NUMBER && value_bytes(keys->partition).size == 0)
    return error_set(error, ERROR_INVALID,
                     "One or more parameter values are not valid. The AttributeValue for a key "
                     "attribute cannot contain an empty %s value. Key: %.*s",
                     keyspace->partition.type == VALUE_STRING ? "string" : "binary",
                     BYTES_FORMAT(keyspace->partition.name));
  return true;
}

enum store_status store_query(struct store *store, const struct store_query *query,
                              struct arena *arena, struct store_page *page, struct error *error)
{
  CHECK(query->key_condition != NULL);
  *page = (struct store_page){.sequence = store_appended(store)};
  const struct keyspace *keyspace;
  enum store_status status = page_keyspace(query, &keyspace, error);
  if (status != STORE_OK) return status;
  struct expression_keys keys;
  if (!expression_resolve_keys(query->key_condition, query->values, keyspace->partition.name,
                               keyspace->sort.name, &keys, error) ||
      !check_key_types(keyspace, &keys, error) || !page_check_filter(query, keyspace, error))
    return STORE_VALIDATION;
  struct interval interval;
  interval_init(&interval, keyspace, &keys);
  if (!check_start_key(query, &keys, &interval, error)) return STORE_VALIDATION;

  struct page_builder builder;
  page_builder_init(&builder, query, keyspace, arena, page, error);
  uint64_t hash = keyspace_hash(keyspace, keys.partition);
  struct keyspace_partition partition = keyspace_partition(keyspace, hash, keys.partition);
  bool read = true;
  if (partition.tree != NULL)
    read = read_tree(query, partition.tree, &interval, &builder);
  else if (partition.single != NULL)
    read = read_single(query, partition.single, &interval, &builder);
  return page_finish(&builder, read);
}
