/*
 * DynamoDB: keys and attribute definitions have to match one another exactly.
 */
#include "provider/rules_check.h"

enum { INDEXES_MAX = 20, PROVISIONED_UNITS_LEAST = 1 };

static bool is_defined(const struct value *config, struct bytes name)
{
  const struct value *attributes = value_get(config, "attribute");
  for (size_t i = 0; attributes->kind == VALUE_LIST && i < attributes->count; i++) {
    if (bytes_equal(value_text(value_get(&attributes->items[i], "name")), name)) return true;
  }
  return false;
}

static void check_key(struct check *check, const struct value *value, const struct path *path,
                      const void *context)
{
  struct bytes name = value_text(value);
  (void)context;
  if (value_is_known(value_get(check->config, "attribute")) && !is_defined(check->config, name))
    check_refuse(check, path, "Key without a definition",
                 "the key \"%.*s\" has no attribute block that states its type.",
                 BYTES_FORMAT(name));
}

/* The paths of all arguments that name a key. */
static const char *const KEYS[] = {
    "hash_key",
    "range_key",
    "global_secondary_index.hash_key",
    "global_secondary_index.range_key",
    "local_secondary_index.range_key",
};

struct use {
  struct bytes name;
  bool is_used;
};

static void note_use(struct check *check, const struct value *value, const struct path *path,
                     const void *context)
{
  struct use *use = *(struct use *const *)context;
  (void)check;
  (void)path;
  if (bytes_equal(value_text(value), use->name)) use->is_used = true;
}

static bool indexes_are_known(const struct value *config)
{
  return value_is_known(value_get(config, "global_secondary_index")) &&
         value_is_known(value_get(config, "local_secondary_index")) &&
         value_is_known(value_get(config, "hash_key")) &&
         value_is_known(value_get(config, "range_key"));
}

/* AWS refuses a definition that no key uses: attributes other than keys have no schema. */
static void check_definition(struct check *check, const struct value *value,
                             const struct path *path, const void *context)
{
  (void)context;
  struct use use = {.name = value_text(value)};
  struct use *pointer = &use;
  if (!indexes_are_known(check->config)) return;
  for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++)
    check_each(check, KEYS[i], note_use, &pointer);
  if (!use.is_used)
    check_refuse(check, path, "Definition without a key",
                 "no key of the table or of an index is \"%.*s\"; only keys are defined.",
                 BYTES_FORMAT(use.name));
}

static void check_index_names(struct check *check)
{
  const struct value *indexes = value_get(check->config, "global_secondary_index");
  if (indexes->kind != VALUE_LIST) return;
  struct path path = path_attribute(NULL, "global_secondary_index");
  if (indexes->count > INDEXES_MAX)
    check_refuse(check, &path, "Too many indexes", "%zu, and a table has %d at most.",
                 indexes->count, INDEXES_MAX);
  for (size_t i = 0; i < indexes->count; i++) {
    struct bytes name = value_text(value_get(&indexes->items[i], "name"));
    for (size_t j = 0; j < i && name.size > 0; j++) {
      if (bytes_equal(name, value_text(value_get(&indexes->items[j], "name"))))
        check_refuse(check, &path, "Index twice", "two indexes are called \"%.*s\".",
                     BYTES_FORMAT(name));
    }
  }
}

static void check_capacity(struct check *check)
{
  static const char *const UNITS[] = {"read_capacity", "write_capacity"};
  struct bytes mode = value_text(value_get(check->config, "billing_mode"));
  if (value_get(check->config, "billing_mode")->kind == VALUE_UNKNOWN) return;
  bool is_on_demand = bytes_equal(mode, BYTES("PAY_PER_REQUEST"));
  for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
    int64_t units = 0;
    struct path path = path_attribute(NULL, UNITS[i]);
    bool is_given = check_integer(check->config, UNITS[i], &units);
    if (is_on_demand && is_given && units > 0)
      check_refuse(check, &path, "Capacity of an on-demand table",
                   "billing_mode is PAY_PER_REQUEST, which takes no capacity.");
    if (!is_on_demand && units < PROVISIONED_UNITS_LEAST &&
        value_get(check->config, UNITS[i])->kind != VALUE_UNKNOWN)
      check_refuse(check, &path, "No capacity",
                   "billing_mode is PROVISIONED, which needs at least %d.",
                   PROVISIONED_UNITS_LEAST);
  }
}

static void check_stream(struct check *check)
{
  const struct value *enabled = value_get(check->config, "stream_enabled");
  const struct value *view = value_get(check->config, "stream_view_type");
  struct path path = path_attribute(NULL, "stream_view_type");
  if (value_is_true(enabled) && view->kind == VALUE_NULL)
    check_refuse(check, &path, "Stream without a view", "stream_enabled needs stream_view_type.");
}

void rules_check_table(struct check *check)
{
  if (!bytes_equal(check->type, BYTES("aws_dynamodb_table"))) return;
  for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++)
    check_each(check, KEYS[i], check_key, NULL);
  check_each(check, "attribute.name", check_definition, NULL);
  check_index_names(check);
  check_capacity(check);
  check_stream(check);
}
