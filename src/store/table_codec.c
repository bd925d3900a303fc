#include "base/check.h"
#include "store/table.h"

/*
 * A definition on disk is a MAP value, so that it can gain attributes without a new format:
 *   id, name, state, created, since, ttl, stream, protection, keys: [[name, type], ...]
 *   indexes: [{name, keys, projection, include, active}, ...]
 */

static void write_text(struct value_writer *writer, struct bytes name, struct bytes text)
{
  value_write_name(writer, name);
  value_write_string(writer, text);
}

static void write_integer(struct value_writer *writer, struct bytes name, int64_t integer)
{
  value_write_name(writer, name);
  value_write_integer(writer, integer);
}

static void write_flag(struct value_writer *writer, struct bytes name, bool flag)
{
  value_write_name(writer, name);
  value_write_bool(writer, flag);
}

static void write_keys(struct value_writer *writer, struct table_key partition,
                       struct table_key sort)
{
  const struct table_key keys[] = {partition, sort};
  value_write_name(writer, BYTES("keys"));
  value_write_begin(writer, VALUE_LIST);
  for (int i = 0; i < 2 && keys[i].name.size > 0; i++) {
    value_write_begin(writer, VALUE_LIST);
    value_write_string(writer, keys[i].name);
    value_write_integer(writer, keys[i].type);
    value_write_end(writer);
  }
  value_write_end(writer);
}

static void write_index(struct value_writer *writer, const struct table_index *index)
{
  const struct table_index_definition *definition = &index->definition;
  value_write_begin(writer, VALUE_MAP);
  write_text(writer, BYTES("name"), definition->name);
  write_keys(writer, definition->partition, definition->sort);
  write_integer(writer, BYTES("projection"), definition->projection);
  write_flag(writer, BYTES("active"), index->active);
  value_write_name(writer, BYTES("include"));
  value_write_begin(writer, VALUE_LIST);
  for (uint32_t i = 0; i < definition->include_count; i++)
    value_write_string(writer, definition->include[i]);
  value_write_end(writer);
  value_write_end(writer);
}

bool table_encode(const struct table *table, struct buffer *buffer, struct value *encoded)
{
  struct value_writer writer;
  value_writer_init(&writer, buffer);
  value_write_begin(&writer, VALUE_MAP);
  write_integer(&writer, BYTES("id"), table->id);
  write_text(&writer, BYTES("name"), table->name);
  write_integer(&writer, BYTES("state"), table->state);
  write_flag(&writer, BYTES("restoring"), table->restoring);
  write_integer(&writer, BYTES("created"), table->created_ms);
  write_integer(&writer, BYTES("since"), (int64_t)table->stream_since);
  write_text(&writer, BYTES("ttl"), table_ttl(table));
  write_integer(&writer, BYTES("stream"), table->stream);
  write_flag(&writer, BYTES("protection"), table->deletion_protection);
  write_keys(&writer, table->primary.partition, table->primary.sort);
  value_write_name(&writer, BYTES("indexes"));
  value_write_begin(&writer, VALUE_LIST);
  for (uint32_t i = 0; i < table->index_count; i++) write_index(&writer, table->indexes[i]);
  value_write_end(&writer);
  value_write_end(&writer);
  struct error error;
  return value_writer_finish(&writer, encoded, &error);
}

/* ---- decoding: what came from disk is checked, field by field ---- */

struct decoder {
  struct value map;
  bool failed;
};

static struct value read_value(struct decoder *decoder, struct bytes name, enum value_type type)
{
  struct value value = value_attribute(decoder->map, name);
  if (value_type(value) != type) decoder->failed = true;
  return decoder->failed ? VALUE_NONE : value;
}

static int64_t read_integer(struct decoder *decoder, struct bytes name, int64_t low, int64_t high)
{
  int64_t integer = 0;
  struct value value = read_value(decoder, name, VALUE_NUMBER);
  if (decoder->failed) return low;
  if (!value_integer(value, &integer) || integer < low || integer > high) decoder->failed = true;
  return integer;
}

static struct bytes read_text(struct decoder *decoder, struct bytes name)
{
  struct value value = read_value(decoder, name, VALUE_STRING);
  return decoder->failed ? (struct bytes){NULL, 0} : value_bytes(value);
}

static bool read_flag(struct decoder *decoder, struct bytes name)
{
  struct value value = read_value(decoder, name, VALUE_BOOL);
  return !decoder->failed && value_bool(value);
}

static struct table_key read_key(struct decoder *decoder, struct value keys, uint32_t position)
{
  struct table_key key = {0};
  struct value pair = value_element(keys, position);
  if (value_type(pair) != VALUE_LIST || value_count(pair) != 2) {
    decoder->failed = true;
    return key;
  }
  int64_t type = 0;
  struct value name = value_element(pair, 0);
  struct value number = value_element(pair, 1);
  if (value_type(name) != VALUE_STRING || value_type(number) != VALUE_NUMBER ||
      !value_integer(number, &type) || type < VALUE_STRING || type > VALUE_BINARY) {
    decoder->failed = true;
    return key;
  }
  return (struct table_key){value_bytes(name), (enum value_type)type};
}

static void read_keys(struct decoder *decoder, struct table_key *partition, struct table_key *sort)
{
  *partition = *sort = (struct table_key){0};
  struct value keys = read_value(decoder, BYTES("keys"), VALUE_LIST);
  if (decoder->failed) return;
  *partition = read_key(decoder, keys, 0);
  if (value_count(keys) > 1) *sort = read_key(decoder, keys, 1);
}

struct decoded_index {
  struct table_index_definition definition;
  bool active;
  struct bytes include[INDEX_PROJECTED_MAX];
};

static bool read_index(struct value map, struct decoded_index *index)
{
  struct decoder decoder = {.map = map, .failed = value_type(map) != VALUE_MAP};
  if (decoder.failed) return false;
  struct table_index_definition *definition = &index->definition;
  *definition = (struct table_index_definition){.include = index->include};
  definition->name = read_text(&decoder, BYTES("name"));
  read_keys(&decoder, &definition->partition, &definition->sort);
  definition->projection = (enum table_projection)read_integer(&decoder, BYTES("projection"),
                                                               PROJECTION_ALL, PROJECTION_INCLUDE);
  index->active = read_flag(&decoder, BYTES("active"));
  struct value include = read_value(&decoder, BYTES("include"), VALUE_LIST);
  if (decoder.failed || value_count(include) > INDEX_PROJECTED_MAX) return false;
  struct value_iterator iterator = value_iterate(include);
  struct value name;
  while (value_next(&iterator, NULL, &name)) {
    if (value_type(name) != VALUE_STRING) return false;
    index->include[definition->include_count++] = value_bytes(name);
  }
  return true;
}

static bool read_indexes(struct table *table, struct value indexes, struct error *error)
{
  struct table_definition so_far = {
      .partition = table->primary.partition,
      .sort = table->primary.sort,
      .indexes = table->index_definitions,
  };
  struct value_iterator iterator = value_iterate(indexes);
  struct value map;
  while (value_next(&iterator, NULL, &map)) {
    struct decoded_index index;
    so_far.index_count = table->index_count;
    if (!read_index(map, &index) || table->index_count == TABLE_INDEXES_MAX ||
        !table_check_index(&so_far, &index.definition, error))
      return error_set(error, ERROR_CORRUPT, "table '%.*s': index definition is malformed",
                       BYTES_FORMAT(table->name));
    if (!table_add_index(table, &index.definition, index.active))
      return error_set(error, ERROR_NO_MEMORY, "no memory for table '%.*s'",
                       BYTES_FORMAT(table->name));
  }
  return true;
}

struct table *table_decode(const struct table_origin *origin, struct value encoded,
                           struct error *error)
{
  struct decoder decoder = {.map = encoded, .failed = value_type(encoded) != VALUE_MAP};
  if (decoder.failed) {
    error_set(error, ERROR_CORRUPT, "a table's definition is not a map");
    return NULL;
  }
  struct table_definition definition = {0};
  uint32_t id = (uint32_t)read_integer(&decoder, BYTES("id"), 1, UINT32_MAX);
  int64_t state = read_integer(&decoder, BYTES("state"), TABLE_CREATING, TABLE_ACTIVE);
  bool restoring = read_flag(&decoder, BYTES("restoring"));
  int64_t created_ms = read_integer(&decoder, BYTES("created"), 0, INT64_MAX);
  int64_t since = read_integer(&decoder, BYTES("since"), 0, INT64_MAX);
  definition.name = read_text(&decoder, BYTES("name"));
  definition.ttl_attribute = read_text(&decoder, BYTES("ttl"));
  definition.stream = (enum table_stream)read_integer(&decoder, BYTES("stream"), STREAM_OFF,
                                                      STREAM_NEW_AND_OLD_IMAGES);
  definition.deletion_protection = read_flag(&decoder, BYTES("protection"));
  read_keys(&decoder, &definition.partition, &definition.sort);
  struct value indexes = read_value(&decoder, BYTES("indexes"), VALUE_LIST);
  if (decoder.failed || !table_check_definition(&definition, error)) {
    error_set(error, ERROR_CORRUPT, "a table's definition is malformed");
    return NULL;
  }
  struct table *table = table_make(origin, id, &definition);
  if (table == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for table '%.*s'", BYTES_FORMAT(definition.name));
    return NULL;
  }
  table->state = (enum table_state)state;
  table->restoring = restoring;
  table->created_ms = created_ms;
  table->stream_since = (uint64_t)since;
  if (read_indexes(table, indexes, error)) return table;
  table_free(table);
  return NULL;
}
