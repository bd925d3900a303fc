#include "base/check.h"
#include "store/table.h"

/* ---- definitions ---- */

static bool is_name_character(uint8_t c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

/* `member` is the field as constraints of the wire's model spell it. */
static bool check_name(struct bytes name, const char *field, const char *member,
                       struct error *error)
{
  if (name.size < TABLE_NAME_MIN || name.size > TABLE_NAME_MAX)
    return error_set(error, ERROR_INVALID,
                     "%s must be at least %d characters long and at most %d characters long", field,
                     TABLE_NAME_MIN, TABLE_NAME_MAX);
  for (size_t i = 0; i < name.size; i++) {
    if (!is_name_character(name.data[i]))
      return error_set(error, ERROR_INVALID,
                       "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                       "constraint: Member must satisfy regular expression pattern: "
                       "[a-zA-Z0-9_.-]+",
                       BYTES_FORMAT(name), member);
  }
  return true;
}

static bool check_key_definition(struct table_key key, const char *what, struct error *error)
{
  if (key.name.size > ATTRIBUTE_KEY_NAME_MAX)
    return error_set(error, ERROR_INVALID, "The name of the %s may have at most %d bytes", what,
                     ATTRIBUTE_KEY_NAME_MAX);
  if (!bytes_is_utf8(key.name))
    return error_set(error, ERROR_INVALID, "The name of the %s is not UTF-8", what);
  if (key.type != VALUE_STRING && key.type != VALUE_NUMBER && key.type != VALUE_BINARY)
    return error_set(error, ERROR_INVALID, "The type of the %s '%.*s' must be S, N or B", what,
                     BYTES_FORMAT(key.name));
  return true;
}

static bool check_keys(struct table_key partition, struct table_key sort, struct error *error)
{
  if (partition.name.size == 0)
    return error_set(error, ERROR_INVALID,
                     "No Hash Key specified in schema.  All Dynamo DB tables must have exactly one "
                     "hash key");
  if (!check_key_definition(partition, "partition key", error)) return false;
  if (sort.name.size == 0) return true;
  if (!check_key_definition(sort, "sort key", error)) return false;
  if (bytes_equal(partition.name, sort.name))
    return error_set(error, ERROR_INVALID,
                     "Both the Hash Key and the Range Key element in the KeySchema have the same "
                     "name");
  return true;
}

/* One attribute name has one type in a table. */
static bool check_same_type(struct table_key left, struct table_key right, struct error *error)
{
  if (left.name.size == 0 || !bytes_equal(left.name, right.name) || left.type == right.type)
    return true;
  return error_set(error, ERROR_INVALID,
                   "One or more parameter values were invalid: attribute '%.*s' is defined with "
                   "two types, %s and %s",
                   BYTES_FORMAT(left.name), value_type_name(left.type),
                   value_type_name(right.type));
}

static bool check_types_against(const struct table_index_definition *index,
                                struct table_key partition, struct table_key sort,
                                struct error *error)
{
  return check_same_type(index->partition, partition, error) &&
         check_same_type(index->partition, sort, error) &&
         check_same_type(index->sort, partition, error) &&
         check_same_type(index->sort, sort, error);
}

static bool check_projection(const struct table_index_definition *index, struct error *error)
{
  bool include = index->projection == PROJECTION_INCLUDE;
  const char *projection = index->projection == PROJECTION_ALL ? "ALL" : "KEYS_ONLY";
  if (include && index->include_count == 0)
    return error_set(error, ERROR_INVALID,
                     "One or more parameter values were invalid: ProjectionType is INCLUDE, but "
                     "NonKeyAttributes is not specified");
  if (!include && index->include_count > 0)
    return error_set(error, ERROR_INVALID,
                     "One or more parameter values were invalid: ProjectionType is %s, but "
                     "NonKeyAttributes is specified",
                     projection);
  for (uint32_t i = 0; i < index->include_count; i++) {
    struct bytes name = index->include[i];
    if (name.size == 0 || name.size > ATTRIBUTE_KEY_NAME_MAX || !bytes_is_utf8(name))
      return error_set(error, ERROR_INVALID,
                       "NonKeyAttributes[%u] must have between 1 and %d bytes of UTF-8", i,
                       ATTRIBUTE_KEY_NAME_MAX);
  }
  return true;
}

bool table_check_index(const struct table_definition *definition,
                       const struct table_index_definition *index, struct error *error)
{
  if (!check_name(index->name, "IndexName", "indexName", error) ||
      !check_keys(index->partition, index->sort, error) ||
      !check_types_against(index, definition->partition, definition->sort, error) ||
      !check_projection(index, error))
    return false;
  uint32_t projected = index->include_count;
  for (uint32_t i = 0; i < definition->index_count; i++) {
    const struct table_index_definition *other = &definition->indexes[i];
    if (other == index) continue;
    if (bytes_equal(other->name, index->name))
      return error_set(error, ERROR_INVALID,
                       "One or more parameter values were invalid: Duplicate index name: %.*s",
                       BYTES_FORMAT(index->name));
    if (!check_types_against(index, other->partition, other->sort, error)) return false;
    projected += other->include_count;
  }
  if (projected > INDEX_PROJECTED_MAX)
    return error_set(error, ERROR_INVALID,
                     "One or more parameter values were invalid: the indexes project %u "
                     "attributes by name, at most %d are allowed",
                     projected, INDEX_PROJECTED_MAX);
  return true;
}

bool table_check_ttl(struct bytes name, struct error *error)
{
  if (name.size <= ATTRIBUTE_KEY_NAME_MAX && bytes_is_utf8(name)) return true;
  return error_set(error, ERROR_INVALID,
                   "The TTL attribute's name may have at most %d bytes of UTF-8",
                   ATTRIBUTE_KEY_NAME_MAX);
}

bool table_check_definition(const struct table_definition *definition, struct error *error)
{
  if (!check_name(definition->name, "TableName", "tableName", error) ||
      !check_keys(definition->partition, definition->sort, error))
    return false;
  if (definition->index_count > TABLE_INDEXES_MAX)
    return error_set(error, ERROR_INVALID,
                     "One or more parameter values were invalid: GlobalSecondaryIndex count "
                     "exceeds the per-table limit of %d",
                     TABLE_INDEXES_MAX);
  for (uint32_t i = 0; i < definition->index_count; i++) {
    if (!table_check_index(definition, &definition->indexes[i], error)) return false;
  }
  return table_check_ttl(definition->ttl_attribute, error);
}

enum store_status table_check_active(const struct table *table, struct error *error)
{
  if (table->state == TABLE_ACTIVE) return STORE_OK;
  error_set(error, ERROR_NOT_FOUND,
            "Requested resource not found: Table: %.*s is still being created",
            BYTES_FORMAT(table->name));
  return STORE_NOT_FOUND;
}

/* ---- items ---- */

#define INVALID_VALUES   "One or more parameter values were invalid: "
#define NOT_VALID_VALUES "One or more parameter values are not valid. "

/* Bytes of a key value as DynamoDB limits them; numbers are bounded by their digits. */
static size_t key_size(struct value value)
{
  return value_type(value) == VALUE_NUMBER ? 1 : value_bytes(value).size;
}

/* Of keys of the table or of an index, which may be absent. */
static bool check_key_size(struct value partition, struct value sort, struct error *error)
{
  if (value_present(partition) && key_size(partition) > PARTITION_KEY_MAX)
    return error_set(error, ERROR_INVALID,
                     INVALID_VALUES
                     "Size of hashkey has exceeded the maximum size limit of%d bytes",
                     PARTITION_KEY_MAX);
  if (value_present(sort) && key_size(sort) > SORT_KEY_MAX)
    return error_set(error, ERROR_INVALID,
                     INVALID_VALUES "Aggregated size of all range keys has exceeded the size limit "
                                    "of %d bytes",
                     SORT_KEY_MAX);
  return true;
}

static bool check_not_empty(struct table_key key, struct value value, struct error *error)
{
  if (key_size(value) > 0) return true;
  return error_set(error, ERROR_INVALID,
                   NOT_VALID_VALUES "The AttributeValue for a key attribute cannot contain an "
                                    "empty %s value. Key: %.*s",
                   key.type == VALUE_STRING ? "string" : "binary", BYTES_FORMAT(key.name));
}

bool table_check_key_filled(const struct table *table, struct value map, struct error *error)
{
  const struct table_key keys[] = {table->primary.partition, table->primary.sort};
  for (int i = 0; i < 2 && keys[i].name.size > 0 && value_type(map) == VALUE_MAP; i++) {
    struct value value = value_attribute(map, keys[i].name);
    if (value_type(value) == keys[i].type && !check_not_empty(keys[i], value, error)) return false;
  }
  return true;
}

bool table_same_key(const struct table *table, struct value left, struct value right)
{
  struct bytes partition = table->primary.partition.name;
  struct bytes sort = table->primary.sort.name;
  if (value_type(left) != VALUE_MAP || value_type(right) != VALUE_MAP) return false;
  struct value value = value_attribute(left, partition);
  if (!value_present(value) || !value_equal(value, value_attribute(right, partition))) return false;
  return sort.size == 0 || value_equal(value_attribute(left, sort), value_attribute(right, sort));
}

bool table_check_key(const struct table *table, struct value map, struct item_key *key,
                     struct error *error)
{
  const struct table_key keys[] = {table->primary.partition, table->primary.sort};
  uint32_t expected = keys[1].name.size > 0 ? 2 : 1;
  struct value values[2] = {VALUE_NONE, VALUE_NONE};
  if (value_type(map) != VALUE_MAP || value_count(map) != expected)
    return error_set(error, ERROR_INVALID, "The provided key element does not match the schema");
  for (uint32_t i = 0; i < expected; i++) {
    values[i] = value_attribute(map, keys[i].name);
    if (value_type(values[i]) != keys[i].type)
      return error_set(error, ERROR_INVALID, "The provided key element does not match the schema");
    if (!check_not_empty(keys[i], values[i], error)) return false;
  }
  *key = (struct item_key){values[0], values[1]};
  return check_key_size(values[0], values[1], error);
}

static bool check_item_key(struct table_key key, struct value value, struct error *error)
{
  if (!value_present(value))
    return error_set(error, ERROR_INVALID, INVALID_VALUES "Missing the key %.*s in the item",
                     BYTES_FORMAT(key.name));
  if (value_type(value) != key.type)
    return error_set(
        error, ERROR_INVALID, INVALID_VALUES "Type mismatch for key %.*s expected: %s actual: %s",
        BYTES_FORMAT(key.name), value_type_name(key.type), value_type_name(value_type(value)));
  return check_not_empty(key, value, error);
}

/* A key of a secondary index may be absent, but not of another type or empty. */
static bool check_index_key(const struct table_index_definition *index, struct table_key key,
                            struct value value, struct error *error)
{
  if (!value_present(value)) return true;
  if (value_type(value) != key.type)
    return error_set(error, ERROR_INVALID,
                     INVALID_VALUES "Type mismatch for Index Key %.*s Expected: %s Actual: %s "
                                    "IndexName: %.*s",
                     BYTES_FORMAT(key.name), value_type_name(key.type),
                     value_type_name(value_type(value)), BYTES_FORMAT(index->name));
  if (key_size(value) == 0)
    return error_set(error, ERROR_INVALID,
                     NOT_VALID_VALUES "A value specified for a secondary index key is not "
                                      "supported. The AttributeValue for a key attribute cannot "
                                      "contain an empty %s value. IndexName: %.*s, IndexKey: %.*s",
                     key.type == VALUE_STRING ? "string" : "binary", BYTES_FORMAT(index->name),
                     BYTES_FORMAT(key.name));
  return true;
}

static bool check_index_keys(const struct table_index_definition *index, struct value item,
                             struct error *error)
{
  struct value partition = value_attribute(item, index->partition.name);
  struct value sort = VALUE_NONE;
  if (index->sort.name.size > 0) sort = value_attribute(item, index->sort.name);
  return check_index_key(index, index->partition, partition, error) &&
         check_index_key(index, index->sort, sort, error) && check_key_size(partition, sort, error);
}

bool table_check_item(const struct table *table, struct value item, struct item_key *key,
                      struct error *error)
{
  if (value_type(item) != VALUE_MAP)
    return error_set(error, ERROR_INVALID, "An item must be a map of attributes");
  const struct keyspace *primary = &table->primary;
  *key = table_key(table, item);
  if (!check_item_key(primary->partition, key->partition, error) ||
      (primary->sort.name.size > 0 && !check_item_key(primary->sort, key->sort, error)) ||
      !check_key_size(key->partition, key->sort, error))
    return false;
  for (uint32_t i = 0; i < table->index_count; i++) {
    if (!check_index_keys(&table->indexes[i]->definition, item, error)) return false;
  }
  /*
   * DynamoDB's size is less than five times the encoded one (1E+125: 5 bytes against 21, and 1 as a
   * list's element), so most items need no exact count.
   */
  if (item.size > ITEM_SIZE_MAX / 5 && item_size(item) > ITEM_SIZE_MAX)
    return error_set(error, ERROR_INVALID, "Item size has exceeded the maximum allowed size");
  return true;
}
