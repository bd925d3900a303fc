#include "store/table.h"

#include "base/check.h"
#include "base/hash.h"

static bool copy_key(struct arena *arena, struct table_key from, struct table_key *to)
{
  *to = (struct table_key){.type = from.type};
  if (from.name.size == 0) return true;
  to->name = arena_copy(arena, from.name);
  return to->name.data != NULL;
}

static bool copy_index_definition(struct arena *arena, const struct table_index_definition *from,
                                  struct table_index_definition *to)
{
  *to = *from;
  to->name = arena_copy(arena, from->name);
  struct bytes *include = arena_alloc_array(arena, from->include_count, sizeof *include);
  if (to->name.data == NULL || include == NULL) return false;
  for (uint32_t i = 0; i < from->include_count; i++) {
    include[i] = arena_copy(arena, from->include[i]);
    if (include[i].data == NULL) return false;
  }
  to->include = include;
  return copy_key(arena, from->partition, &to->partition) && copy_key(arena, from->sort, &to->sort);
}

void table_index_free(struct table_index *index, struct memory *memory)
{
  keyspace_walk_free(&index->fill);
  if (index->keyspace.index.directory != NULL) keyspace_free(&index->keyspace);
  arena_free(&index->arena);
  memory_free(memory, index, sizeof *index);
}

bool table_add_index(struct table *table, const struct table_index_definition *definition,
                     bool active)
{
  CHECK_THAT(table->index_count, <, TABLE_INDEXES_MAX);
  struct table_index *index = memory_alloc_zeroed(table->memory, sizeof *index);
  if (index == NULL) return false;
  arena_init(&index->arena, table->memory);
  keyspace_walk_init(&index->fill, table->memory, 0, UINT64_MAX);
  index->active = active;
  /*
   * A seed of its own: it is filled in the order of the table's hashes, which must not be its own.
   */
  uint64_t hash_seed = hash_bytes(definition->name, table->hash_seed);
  if (!copy_index_definition(&index->arena, definition, &index->definition) ||
      !keyspace_init(&index->keyspace, table->memory, table->heap, hash_seed,
                     index->definition.partition, index->definition.sort, &table->primary)) {
    table_index_free(index, table->memory);
    return false;
  }
  table_put_index(table, index, table->index_count);
  return true;
}

struct table_index *table_take_index(struct table *table, uint32_t position)
{
  CHECK_THAT(position, <, table->index_count);
  struct table_index *index = table->indexes[position];
  table->index_count--;
  for (uint32_t i = position; i < table->index_count; i++) {
    table->indexes[i] = table->indexes[i + 1];
    table->index_definitions[i] = table->index_definitions[i + 1];
  }
  return index;
}

void table_put_index(struct table *table, struct table_index *index, uint32_t position)
{
  CHECK_THAT(table->index_count, <, TABLE_INDEXES_MAX);
  CHECK_THAT(position, <=, table->index_count);
  for (uint32_t i = table->index_count; i > position; i--) {
    table->indexes[i] = table->indexes[i - 1];
    table->index_definitions[i] = table->index_definitions[i - 1];
  }
  table->indexes[position] = index;
  table->index_definitions[position] = index->definition;
  table->index_count++;
}

int table_find_index(const struct table *table, struct bytes name)
{
  for (uint32_t i = 0; i < table->index_count; i++) {
    if (bytes_equal(table->indexes[i]->definition.name, name)) return (int)i;
  }
  return -1;
}

void table_set(struct table *table, const struct table_settings *settings)
{
  CHECK_THAT(settings->ttl_attribute.size, <=, sizeof table->ttl_name);
  table->ttl_name_size = settings->ttl_attribute.size;
  if (table->ttl_name_size > 0)
    memmove(table->ttl_name, settings->ttl_attribute.data, table->ttl_name_size);
  table->stream = settings->stream;
  table->deletion_protection = settings->deletion_protection;
}

static bool fill_table(struct table *table, const struct table_definition *definition)
{
  struct table_key partition;
  struct table_key sort;
  table->name = arena_copy(&table->arena, definition->name);
  if (table->name.data == NULL || !copy_key(&table->arena, definition->partition, &partition) ||
      !copy_key(&table->arena, definition->sort, &sort) ||
      !keyspace_init(&table->primary, table->memory, table->heap, table->hash_seed, partition, sort,
                     NULL))
    return false;
  for (uint32_t i = 0; i < definition->index_count; i++) {
    if (!table_add_index(table, &definition->indexes[i], true)) return false;
  }
  return true;
}

struct table *table_make(const struct table_origin *origin, uint32_t id,
                         const struct table_definition *definition)
{
  struct table *table = memory_alloc_zeroed(origin->memory, sizeof *table);
  if (table == NULL) return NULL;
  table->memory = origin->memory;
  table->heap = origin->heap;
  /*
   * A seed for each table: a client that copies one table into another in the order of a scan,
   * which is the order of hashes, must not write the copy in the order of its own.
   */
  table->hash_seed = hash_bytes(bytes_of(&id, sizeof id), origin->hash_seed);
  table->id = id;
  table->state = TABLE_ACTIVE;
  arena_init(&table->arena, origin->memory);
  keyspace_walk_init(&table->sweep, origin->memory, 0, UINT64_MAX);
  if (!fill_table(table, definition)) {
    table_free(table);
    return NULL;
  }
  table_set(table,
            &(struct table_settings){.ttl_attribute = definition->ttl_attribute,
                                     .stream = definition->stream,
                                     .deletion_protection = definition->deletion_protection});
  return table;
}

void table_free(struct table *table)
{
  while (table->index_count > 0)
    table_index_free(table_take_index(table, table->index_count - 1), table->memory);
  keyspace_walk_free(&table->sweep);
  if (table->primary.index.directory != NULL) keyspace_free(&table->primary);
  arena_free(&table->arena);
  memory_free(table->memory, table, sizeof *table);
}

struct item_key table_key(const struct table *table, struct value map)
{
  const struct keyspace *primary = &table->primary;
  struct item_key key = {.partition = value_attribute(map, primary->partition.name)};
  if (primary->sort.name.size > 0) key.sort = value_attribute(map, primary->sort.name);
  return key;
}

uint64_t table_hash(const struct table *table, struct item_key key)
{
  return keyspace_hash(&table->primary, key.partition);
}

struct item *table_find(const struct table *table, uint64_t hash, struct item_key key)
{
  return keyspace_find(&table->primary, hash, key.partition, key.sort);
}

struct item *table_make_item(const struct table *table, struct value value, struct item_key key)
{
  CHECK(key.partition.data > value.data && key.partition.data < value.data + value.size);
  CHECK(value_present(key.sort) == (table->primary.sort.name.size > 0));
  struct item *item = heap_alloc(table->heap, item_block_size(value.size));
  if (item == NULL) return NULL;
  memcpy(item->data, value.data, value.size);
  item->size = (uint32_t)value.size;
  item->partition = (uint32_t)(key.partition.data - value.data);
  item->sort = value_present(key.sort) ? (uint32_t)(key.sort.data - value.data) : 0;
  return item;
}

void table_free_item(const struct table *table, struct item *item)
{
  heap_free(table->heap, item, item_block_size(item->size));
}

/* How a change looks in one secondary index. */
struct index_change {
  bool old_in;
  bool new_in;
  bool same_key;
  uint64_t old_hash;
  uint64_t new_hash;
};

/* The key values of an item in a secondary index; false when it is not in it. */
static bool index_key(const struct keyspace *keyspace, const struct item *item,
                      struct value *partition, struct value *sort)
{
  *sort = VALUE_NONE;
  if (item == NULL) return false;
  *partition = keyspace_partition_of(keyspace, item);
  if (!value_present(*partition)) return false;
  if (keyspace->sort.name.size == 0) return true;
  *sort = keyspace_sort_of(keyspace, item);
  return value_present(*sort);
}

static struct index_change change_in(const struct keyspace *keyspace,
                                     const struct table_change *change)
{
  struct value old_partition;
  struct value old_sort;
  struct value new_partition;
  struct value new_sort;
  struct index_change in = {
      .old_in = index_key(keyspace, change->old_item, &old_partition, &old_sort),
      .new_in = index_key(keyspace, change->new_item, &new_partition, &new_sort),
  };
  if (in.old_in) in.old_hash = keyspace_hash(keyspace, old_partition);
  if (in.new_in) in.new_hash = keyspace_hash(keyspace, new_partition);
  in.same_key = in.old_in && in.new_in && value_equal(old_partition, new_partition) &&
                value_equal(old_sort, new_sort);
  return in;
}

bool table_prepare(const struct table_change *change, uint32_t count)
{
  struct table *table = change->table;
  if (change->new_item == NULL) return true;
  if (change->old_item == NULL && !keyspace_prepare(&table->primary, change->hash, count))
    return false;
  for (uint32_t i = 0; i < table->index_count && !table->recovering; i++) {
    struct table_index *index = table->indexes[i];
    struct index_change in = change_in(&index->keyspace, change);
    /*
     * An index that is being filled may not know the old item: even an equal key is then an insert.
     */
    if (!in.new_in || (in.same_key && index->active)) continue;
    if (!keyspace_prepare(&index->keyspace, in.new_hash, count)) return false;
  }
  return true;
}

uint32_t table_inserts(const struct table_change *change)
{
  return change->new_item == NULL ? 0 : 1 + change->table->index_count;
}

static void apply_to_index(struct table_index *index, const struct table_change *change)
{
  struct keyspace *keyspace = &index->keyspace;
  struct index_change in = change_in(keyspace, change);
  /* While an index is being filled it may not know the old item yet. */
  if (in.old_in && !index->active)
    in.old_in = keyspace_holds(keyspace, in.old_hash, change->old_item);
  if (in.old_in && in.same_key) {
    keyspace_replace(keyspace, in.old_hash, change->old_item, change->new_item);
    return;
  }
  if (in.old_in) keyspace_remove(keyspace, in.old_hash, change->old_item);
  if (in.new_in) keyspace_insert(keyspace, in.new_hash, change->new_item);
}

void table_apply(const struct table_change *change)
{
  struct table *table = change->table;
  for (uint32_t i = 0; i < table->index_count && !table->recovering; i++)
    apply_to_index(table->indexes[i], change);
  if (change->old_item == NULL) {
    keyspace_insert(&table->primary, change->hash, change->new_item);
    table->item_count++;
    return;
  }
  if (change->new_item == NULL) {
    keyspace_remove(&table->primary, change->hash, change->old_item);
    CHECK_THAT(table->item_count, >, 0);
    table->item_count--;
  } else {
    keyspace_replace(&table->primary, change->hash, change->old_item, change->new_item);
  }
  table_free_item(table, change->old_item);
}

bool table_build_indexes(struct table *table)
{
  for (uint32_t i = 0; i < table->index_count; i++) {
    if (!keyspace_build(&table->indexes[i]->keyspace, table->memory, table->item_count))
      return false;
  }
  table->recovering = false;
  index_expect_order(&table->primary.index, false);
  return true;
}

bool table_fill_index(struct table *table, struct table_index *index, struct item *item)
{
  struct keyspace *keyspace = &index->keyspace;
  if (!keyspace_covers(keyspace, item)) return true;
  uint64_t hash = keyspace_hash(keyspace, keyspace_partition_of(keyspace, item));
  if (keyspace_holds(keyspace, hash, item)) return true;
  if (!keyspace_reserve(table->heap, 1) || !keyspace_prepare(keyspace, hash, 1)) return false;
  keyspace_insert(keyspace, hash, item);
  return true;
}
