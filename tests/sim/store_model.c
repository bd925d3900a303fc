#include "sim/store_model.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE_BITS = 13 }; /* of model_item.text; the rest chooses the letter */

static void *grow(void *block, size_t *capacity, size_t element)
{
  *capacity = *capacity == 0 ? 256 : *capacity * 2;
  void *grown = realloc(block, *capacity * element);
  CHECK(grown != NULL);
  return grown;
}

static struct model_table *copy_table(const struct model_table *table)
{
  struct model_table *copy = malloc(sizeof *copy);
  CHECK(copy != NULL);
  *copy = *table;
  return copy;
}

static void drop_changes(struct store_model *model, size_t count)
{
  while (model->change_count > count) {
    struct model_change *change = &model->changes[--model->change_count];
    free(change->table_before);
    free(change->table_after);
  }
}

void store_model_free(struct store_model *model)
{
  drop_changes(model, 0);
  free(model->changes);
  free(model->records);
  *model = (struct store_model){0};
}

/* ---- the journal ---- */

struct model_record *store_model_record(const struct store_model *model, uint64_t sequence)
{
  CHECK(sequence >= 1 && sequence <= model->appended);
  return &model->records[sequence - 1];
}

uint64_t store_model_append(struct store_model *model, int64_t time_ms, int64_t time_high_ms)
{
  CHECK_THAT(time_ms, <=, time_high_ms);
  if (model->appended == model->record_capacity)
    model->records = grow(model->records, &model->record_capacity, sizeof *model->records);
  uint64_t sequence = ++model->appended;
  model->records[sequence - 1] = (struct model_record){time_ms, time_high_ms, sequence, sequence};
  return sequence;
}

static struct model_change *add_change(struct store_model *model, enum model_change_kind kind)
{
  CHECK_THAT(model->appended, >, 0);
  if (model->change_count == model->change_capacity)
    model->changes = grow(model->changes, &model->change_capacity, sizeof *model->changes);
  struct model_change *change = &model->changes[model->change_count++];
  *change = (struct model_change){.kind = kind, .sequence = model->appended};
  return change;
}

void store_model_change_item(struct store_model *model, uint32_t table, uint32_t key,
                             const struct model_item *after, bool by_ttl)
{
  struct model_item *item = &model->tables[table].items[key];
  struct model_change *change = add_change(model, CHANGE_ITEM);
  change->table = table;
  change->key = key;
  change->by_ttl = by_ttl;
  change->before = *item;
  change->after = *after;
  *item = *after;
}

void store_model_change_table(struct store_model *model, uint32_t table,
                              const struct model_table *after)
{
  struct model_change *change = add_change(model, CHANGE_TABLE);
  change->table = table;
  change->table_before = copy_table(&model->tables[table]);
  change->table_after = copy_table(after);
  model->tables[table] = *after;
  if (after->exists && after->id > model->table_id_max) model->table_id_max = after->id;
}

void store_model_add_token(struct store_model *model, uint32_t token, uint64_t request_hash)
{
  struct model_change *change = add_change(model, CHANGE_TOKEN);
  change->token = token;
  change->request_hash = request_hash;
}

void store_model_group(struct store_model *model, uint64_t first)
{
  for (uint64_t sequence = first; sequence <= model->appended; sequence++) {
    model->records[sequence - 1].group_first = first;
    model->records[sequence - 1].group_last = model->appended;
  }
}

void store_model_state_at(const struct store_model *model, uint64_t sequence,
                          struct model_table *tables)
{
  if (tables != model->tables) memcpy(tables, model->tables, sizeof model->tables);
  for (size_t i = model->change_count; i > 0 && model->changes[i - 1].sequence > sequence; i--) {
    const struct model_change *change = &model->changes[i - 1];
    if (change->kind == CHANGE_ITEM) tables[change->table].items[change->key] = change->before;
    if (change->kind == CHANGE_TABLE) tables[change->table] = *change->table_before;
  }
}

void store_model_rewind(struct store_model *model, uint64_t sequence)
{
  CHECK_THAT(sequence, <=, model->appended);
  store_model_state_at(model, sequence, model->tables);
  size_t count = model->change_count;
  while (count > 0 && model->changes[count - 1].sequence > sequence) count--;
  drop_changes(model, count);
  model->appended = sequence;
  model->table_id_max = 0;
  for (size_t i = 0; i < count; i++) {
    const struct model_change *change = &model->changes[i];
    if (change->kind == CHANGE_TABLE && change->table_after->exists &&
        change->table_after->id > model->table_id_max)
      model->table_id_max = change->table_after->id;
  }
  for (uint64_t i = sequence; i > 0 && model->records[i - 1].group_last > sequence; i--)
    model->records[i - 1].group_last = sequence;
}

/* The changes of the group that a record belongs to: from *first up to before *end. */
static void find_group(const struct store_model *model, const struct model_record *record,
                       size_t *first, size_t *end)
{
  *first = model->change_count;
  while (*first > 0 && model->changes[*first - 1].sequence >= record->group_first) (*first)--;
  *end = *first;
  while (*end < model->change_count && model->changes[*end].sequence <= record->group_last)
    (*end)++;
}

static bool is_taken(const struct store_model *model, size_t first, size_t end, uint64_t sequence)
{
  for (size_t i = first; i < end; i++)
    if (model->changes[i].streamed && model->changes[i].sequence == sequence) return true;
  return false;
}

static void sort_changes(struct model_change *changes, size_t count)
{
  for (size_t i = 1; i < count; i++) {
    struct model_change change = changes[i];
    size_t place = i;
    for (; place > 0 && changes[place - 1].sequence > change.sequence; place--)
      changes[place] = changes[place - 1];
    changes[place] = change;
  }
}

bool store_model_settle(struct store_model *model, uint64_t sequence,
                        bool (*seen)(void *context, const struct model_change *change),
                        void *context)
{
  if (sequence == 0 || sequence >= model->appended) return true;
  const struct model_record record = model->records[sequence - 1];
  if (record.group_last <= sequence) return true;
  size_t first;
  size_t end;
  find_group(model, &record, &first, &end);
  uint64_t next = record.group_first;
  uint64_t next_lost = sequence + 1;
  for (size_t i = first; i < end; i++) {
    struct model_change *change = &model->changes[i];
    bool kept = seen(context, change);
    if (change->streamed && (!kept || change->sequence > sequence)) return false;
    if (change->streamed) continue;
    while (kept && is_taken(model, first, end, next)) next++;
    change->sequence = kept ? next++ : next_lost++;
  }
  sort_changes(&model->changes[first], end - first);
  return next <= sequence + 1 && next_lost <= record.group_last + 1;
}

bool store_model_sequence_at(const struct store_model *model, int64_t at_ms, uint64_t *sequence)
{
  *sequence = model->appended;
  while (*sequence > 0 && model->records[*sequence - 1].time_ms > at_ms) (*sequence)--;
  if (*sequence == 0) return true;
  const struct model_record *record = &model->records[*sequence - 1];
  return record->time_high_ms <= at_ms && record->group_last == *sequence;
}

const struct model_change *store_model_token(const struct store_model *model, uint32_t token,
                                             int64_t now_ms)
{
  for (size_t i = model->change_count; i > 0; i--) {
    const struct model_change *change = &model->changes[i - 1];
    if (now_ms - store_model_record(model, change->sequence)->time_high_ms >= TRANSACTION_TOKEN_MS)
      return NULL;
    if (change->kind == CHANGE_TOKEN && change->token == token) return change;
  }
  return NULL;
}

/* ---- items ---- */

bool store_model_same(const struct model_item *left, const struct model_item *right)
{
  return left->present == right->present && left->attributes == right->attributes &&
         left->group == right->group && left->count == right->count && left->text == right->text &&
         left->rank == right->rank && left->due_s == right->due_s;
}

bool store_model_in_index(const struct model_item *item, const struct model_index *index)
{
  unsigned needed = MODEL_GROUP | (index->has_sort ? MODEL_RANK : 0);
  return item->present && (item->attributes & needed) == needed;
}

uint32_t store_model_count(const struct model_table *table)
{
  uint32_t count = 0;
  for (uint32_t key = 0; key < MODEL_ITEMS; key++) count += table->items[key].present;
  return count;
}

uint32_t store_model_sorts(const struct model_table *table)
{
  return table->sort_type == VALUE_ABSENT ? 1 : MODEL_SORTS;
}

uint32_t store_model_partitions(const struct model_table *table)
{
  return MODEL_ITEMS / store_model_sorts(table);
}

struct value store_model_key_value(enum value_type type, uint32_t number, struct arena *arena)
{
  char text[16];
  uint8_t binary[2] = {(uint8_t)(number * 5), 0xFE};
  if (type == VALUE_NUMBER) return value_make_integer(arena, (int64_t)number * 7 - 100);
  if (type == VALUE_BINARY) return value_make_binary(arena, bytes_of(binary, sizeof binary));
  snprintf(text, sizeof text, "k%02u", number);
  return value_make_string(arena, bytes_of_text(text));
}

static uint32_t key_number(struct value value)
{
  int64_t integer = 0;
  if (value_type(value) == VALUE_NUMBER)
    return value_integer(value, &integer) ? (uint32_t)((integer + 100) / 7) : UINT32_MAX;
  struct bytes bytes = value_bytes(value);
  if (value_type(value) == VALUE_BINARY) return bytes.size == 2 ? bytes.data[0] / 5 : UINT32_MAX;
  if (bytes.size != 3) return UINT32_MAX;
  return (uint32_t)(bytes.data[1] - '0') * 10 + (uint32_t)(bytes.data[2] - '0');
}

struct value store_model_text(uint32_t text, struct arena *arena)
{
  uint8_t letters[1 << TEXT_SIZE_BITS];
  size_t size = text & ((1 << TEXT_SIZE_BITS) - 1);
  memset(letters, 'a' + (int)((text >> TEXT_SIZE_BITS) % 26), size);
  return value_make_string(arena, bytes_of(letters, size));
}

struct value store_model_group_name(uint32_t group, struct arena *arena)
{
  uint8_t name[2] = {'g', (uint8_t)('0' + group)};
  return value_make_string(arena, bytes_of(name, sizeof name));
}

static void write_attribute(struct value_writer *writer, const char *name, struct value value)
{
  value_write_name(writer, bytes_of_text(name));
  value_write_value(writer, value);
}

static void write_attributes(struct value_writer *writer, const struct model_item *item,
                             unsigned mask, struct arena *arena)
{
  mask &= item->attributes;
  if (mask & MODEL_COUNT) {
    value_write_name(writer, BYTES("cnt"));
    value_write_integer(writer, item->count);
  }
  if (mask & MODEL_DUE) {
    value_write_name(writer, BYTES("due"));
    value_write_integer(writer, item->due_s);
  }
  if (mask & MODEL_GROUP)
    write_attribute(writer, "grp", store_model_group_name(item->group, arena));
  if (mask & MODEL_RANK) {
    value_write_name(writer, BYTES("rnk"));
    value_write_integer(writer, item->rank);
  }
  if (mask & MODEL_TEXT) write_attribute(writer, "txt", store_model_text(item->text, arena));
}

static struct value make_map(const struct model_table *table, uint32_t key,
                             const struct model_item *item, unsigned mask, struct arena *arena)
{
  struct buffer buffer;
  struct value_writer writer;
  struct value map;
  struct error error;
  uint32_t sorts = store_model_sorts(table);
  buffer_init(&buffer, arena->memory);
  value_writer_init(&writer, &buffer);
  value_write_begin(&writer, VALUE_MAP);
  write_attribute(&writer, "pk", store_model_key_value(table->partition_type, key / sorts, arena));
  if (sorts > 1)
    write_attribute(&writer, "sk", store_model_key_value(table->sort_type, key % sorts, arena));
  if (item != NULL) write_attributes(&writer, item, mask, arena);
  value_write_end(&writer);
  CHECK(value_writer_finish(&writer, &map, &error));
  struct bytes copy = arena_copy(arena, bytes_of(map.data, map.size));
  CHECK(copy.data != NULL);
  buffer_free(&buffer);
  return (struct value){copy.data, copy.size};
}

struct value store_model_key(const struct model_table *table, uint32_t key, struct arena *arena)
{
  return make_map(table, key, NULL, 0, arena);
}

struct value store_model_item(const struct model_table *table, uint32_t key,
                              const struct model_item *item, unsigned mask, struct arena *arena)
{
  return make_map(table, key, item, mask, arena);
}

uint32_t store_model_find_key(const struct model_table *table, struct value item)
{
  struct value partition = value_attribute(item, BYTES("pk"));
  struct value sort = value_attribute(item, BYTES("sk"));
  uint32_t sorts = store_model_sorts(table);
  if (value_type(partition) != table->partition_type || value_type(sort) != table->sort_type)
    return MODEL_ITEMS;
  uint32_t number = key_number(partition);
  uint32_t sort_number = sorts > 1 ? key_number(sort) : 0;
  if (number >= store_model_partitions(table) || sort_number >= sorts) return MODEL_ITEMS;
  return number * sorts + sort_number;
}
