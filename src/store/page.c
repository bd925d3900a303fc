#include "store/page.h"

#include "base/check.h"
#include "store/table.h"

enum store_status page_keyspace(const struct store_query *query, const struct keyspace **keyspace,
                                struct error *error)
{
  const struct table *table = query->table;
  enum store_status status = table_check_active(table, error);
  if (status != STORE_OK) return status;
  *keyspace = &table->primary;
  if (query->index.size == 0) return STORE_OK;
  int position = table_find_index(table, query->index);
  if (position < 0) {
    error_set(error, ERROR_INVALID, "The table does not have the specified index: %.*s",
              BYTES_FORMAT(query->index));
    return STORE_VALIDATION;
  }
  if (!table->indexes[position]->active) {
    error_set(error, ERROR_INVALID,
              "Cannot read from backfilling global secondary index: %.*s; try again later",
              BYTES_FORMAT(query->index));
    return STORE_VALIDATION;
  }
  *keyspace = &table->indexes[position]->keyspace;
  return STORE_OK;
}

bool page_check_filter(const struct store_query *query, const struct keyspace *keyspace,
                       struct error *error)
{
  const struct bytes names[] = {keyspace->partition.name, keyspace->sort.name};
  for (int i = 0; i < 2 && query->filter != NULL && names[i].size > 0; i++) {
    if (expression_mentions(query->filter, names[i]))
      return error_set(error, ERROR_INVALID,
                       "Filter Expression can only contain non-primary key attributes: Primary key "
                       "attribute: %.*s",
                       BYTES_FORMAT(names[i]));
  }
  return true;
}

/* Whether the map has this key attribute with its type; counts each name once. */
static bool has_key(struct value map, struct table_key key, const struct table_key *before,
                    uint32_t before_count, uint32_t *distinct)
{
  if (key.name.size == 0) return true;
  if (value_type(value_attribute(map, key.name)) != key.type) return false;
  for (uint32_t i = 0; i < before_count; i++) {
    if (bytes_equal(before[i].name, key.name)) return true;
  }
  (*distinct)++;
  return true;
}

bool page_check_start_key(const struct keyspace *keyspace, struct value start_key,
                          struct error *error)
{
  const struct keyspace *primary = keyspace->primary == NULL ? keyspace : keyspace->primary;
  const struct table_key keys[] = {keyspace->partition, keyspace->sort, primary->partition,
                                   primary->sort};
  uint32_t distinct = 0;
  bool right = value_type(start_key) == VALUE_MAP;
  for (uint32_t i = 0; i < 4 && right; i++) right = has_key(start_key, keys[i], keys, i, &distinct);
  if (right && value_count(start_key) == distinct) return true;
  return error_set(error, ERROR_INVALID,
                   "The provided starting key is invalid: The provided key element does not match "
                   "the schema");
}

void page_builder_init(struct page_builder *builder, const struct store_query *query,
                       const struct keyspace *keyspace, struct arena *arena,
                       struct store_page *page, struct error *error)
{
  *builder = (struct page_builder){
      .query = query, .keyspace = keyspace, .arena = arena, .page = page, .error = error};
  if (query->index.size > 0) {
    int position = table_find_index(query->table, query->index);
    CHECK_THAT(position, >=, 0);
    builder->index = &query->table->indexes[position]->definition;
  }
  error->code = ERROR_NONE;
}

static bool no_memory(struct page_builder *builder)
{
  return error_set(builder->error, ERROR_NO_MEMORY, "No memory for this page; retry later");
}

static bool is_projected(const struct page_builder *builder, struct bytes name)
{
  const struct keyspace *primary = &builder->query->table->primary;
  const struct keyspace *keyspace = builder->keyspace;
  if (bytes_equal(name, keyspace->partition.name) || bytes_equal(name, keyspace->sort.name) ||
      bytes_equal(name, primary->partition.name) || bytes_equal(name, primary->sort.name))
    return true;
  for (uint32_t i = 0; i < builder->index->include_count; i++) {
    if (bytes_equal(name, builder->index->include[i])) return true;
  }
  return false;
}

/* What the index holds of an item: all, or its keys and the attributes it includes. */
static bool index_image(struct page_builder *builder, struct value item, struct value *image)
{
  *image = item;
  if (builder->index == NULL || builder->index->projection == PROJECTION_ALL) return true;
  struct buffer buffer;
  buffer_init(&buffer, builder->arena->memory);
  struct value_writer writer;
  value_writer_init(&writer, &buffer);
  value_write_begin(&writer, VALUE_MAP);
  struct value_iterator iterator = value_iterate(item);
  struct bytes name;
  struct value value;
  while (value_next(&iterator, &name, &value)) {
    if (!is_projected(builder, name)) continue;
    value_write_name(&writer, name);
    value_write_value(&writer, value);
  }
  value_write_end(&writer);
  struct error error;
  bool written = value_writer_finish(&writer, image, &error);
  struct bytes copy = {NULL, 0};
  if (written) copy = arena_copy(builder->arena, bytes_of(image->data, image->size));
  buffer_free(&buffer);
  *image = (struct value){copy.data, copy.size};
  return copy.data != NULL || no_memory(builder);
}

/* Appends to page->items, which doubles. */
static bool keep(struct page_builder *builder, struct value item)
{
  struct store_page *page = builder->page;
  if (page->count == builder->capacity) {
    uint32_t capacity = builder->capacity == 0 ? 16 : 2 * builder->capacity;
    struct value *items = arena_alloc_array(builder->arena, capacity, sizeof *items);
    if (items == NULL) return no_memory(builder);
    if (page->count > 0) memcpy(items, page->items, page->count * sizeof *items);
    page->items = items;
    builder->capacity = capacity;
  }
  page->items[page->count++] = item;
  return true;
}

static bool filter_and_keep(struct page_builder *builder, struct value item)
{
  const struct store_query *query = builder->query;
  bool passes = true;
  if (query->filter != NULL &&
      !expression_test(query->filter, item, query->values, builder->arena, &passes, builder->error))
    return false;
  if (!passes) return true;
  if (query->count_only) {
    builder->page->count++;
    return true;
  }
  if (query->projection != NULL &&
      !expression_project(query->projection, item, builder->arena, &item, builder->error))
    return false;
  return keep(builder, item);
}

bool page_add(struct page_builder *builder, struct item *item)
{
  struct store_page *page = builder->page;
  struct value image;
  if (builder->full) return false;
  if (!index_image(builder, item_value(item), &image)) return false;
  page->scanned++;
  page->scanned_bytes += item_size(image);
  builder->last = item;
  if (!filter_and_keep(builder, image)) return false;
  uint32_t limit = builder->query->limit;
  builder->full = page->scanned_bytes >= PAGE_SIZE_MAX || (limit > 0 && page->scanned == limit);
  return !builder->full;
}

enum store_status page_finish(struct page_builder *builder, bool read)
{
  if (!read) return builder->error->code == ERROR_NO_MEMORY ? STORE_UNAVAILABLE : STORE_VALIDATION;
  if (!builder->full) return STORE_OK;
  struct buffer buffer;
  buffer_init(&buffer, builder->arena->memory);
  struct value place;
  struct bytes copy = {NULL, 0};
  if (keyspace_write_place(builder->keyspace, item_value(builder->last), &buffer, &place))
    copy = arena_copy(builder->arena, bytes_of(place.data, place.size));
  buffer_free(&buffer);
  if (copy.data == NULL) {
    no_memory(builder);
    return STORE_UNAVAILABLE;
  }
  builder->page->last_key = (struct value){copy.data, copy.size};
  return STORE_OK;
}
