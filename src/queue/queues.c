#include "queue/state.h"

#include "base/check.h"

#include <string.h>

enum { FIRST_NAMES = 16 };

static struct table *open_table(struct store *store, struct bytes name, struct bytes key,
                                enum value_type type, struct error *error)
{
  struct table *table = store_table(store, name);
  if (table != NULL) return table;
  const struct table_definition definition = {
      .name = name,
      .partition = {.name = key, .type = type},
      .deletion_protection = true,
  };
  return store_table_create(store, &definition, &table, error) == STORE_OK ? table : NULL;
}

static bool open_tables(struct queues *queues, struct error *error)
{
  queues->queues_table = open_table(queues->store, BYTES(QUEUE_QUEUES_TABLE), BYTES("name"),
                                    VALUE_STRING, error);
  if (queues->queues_table == NULL) return false;
  queues->messages_table = open_table(queues->store, BYTES(QUEUE_MESSAGES_TABLE), BYTES("i"),
                                      VALUE_BINARY, error);
  return queues->messages_table != NULL;
}

static bool compile(struct queues *queues, struct error *error)
{
  const struct bytes slot = BYTES(":s");
  const struct expression_placeholders placeholders = {.values = &slot, .value_count = 1};
  queues->unchanged = expression_compile(&queues->compiled, EXPRESSION_CONDITION, BYTES("s = :s"),
                                         &placeholders, error);
  return queues->unchanged != NULL;
}

static bool init_indexes(struct queues *queues, struct error *error)
{
  return (queue_index_init(&queues->node_index, &queues->nodes, queues->memory) &&
          queue_index_init(&queues->group_index, &queues->groups, queues->memory) &&
          queue_index_init(&queues->seen_index, &queues->seen, queues->memory)) ||
         error_set(error, ERROR_NO_MEMORY, "no memory for the queues");
}

/* The key of receipts is drawn once in the life of a store. */
static bool make_secret(struct queues *queues, struct error *error)
{
  world_entropy(queues->world, queues->secret, sizeof queues->secret);
  struct store_action action = {
      .kind = ACTION_PUT,
      .table = queues->queues_table,
      .item = secret_record_make(queues->secret, &queues->scratch, &queues->arena)};
  struct store_write_result result;
  if (!value_present(action.item)) return error_set(error, ERROR_NO_MEMORY, "no memory");
  return store_write(queues->store, &action, RETURN_NONE, &queues->arena, &result, error) ==
         STORE_OK;
}

static bool open_secret(struct queues *queues, struct error *error)
{
  struct value name = value_make_string(&queues->arena, BYTES("#secret"));
  if (!value_present(name)) return error_set(error, ERROR_NO_MEMORY, "no memory");
  struct value item = store_find(queues->queues_table, name, VALUE_NONE);
  bool opened = value_present(item)
                    ? secret_record_read(item, queues->secret) ||
                          error_set(error, ERROR_CORRUPT, "table %s, item #secret: no key in it",
                                    QUEUE_QUEUES_TABLE)
                    : make_secret(queues, error);
  arena_reset(&queues->arena);
  return opened;
}

static void init(struct queues *queues, struct store *store, struct memory *memory,
                 struct world *world, int64_t now_ms)
{
  queues->store = store;
  queues->memory = memory;
  queues->world = world;
  queues->now_ms = now_ms;
  queues->next_number = 1;
  arena_init(&queues->compiled, memory);
  arena_init(&queues->arena, memory);
  buffer_init(&queues->scratch, memory);
  id_generator_init(&queues->ids, world);
  world_entropy(world, queues->hash_seed, sizeof queues->hash_seed);
  queue_pool_init(&queues->nodes, memory, sizeof(struct message_node));
  queue_pool_init(&queues->groups, memory, sizeof(struct group_node));
  queue_pool_init(&queues->seen, memory, sizeof(struct seen_node));
  queues->alarm.kind = ALARM_BACKGROUND;
  timers_init(&queues->timers, now_ms, queues_fire, queues);
}

struct queues *queues_open(struct store *store, struct memory *memory, struct world *world,
                           int64_t now_ms, struct error *error)
{
  struct queues *queues = memory_alloc_zeroed(memory, sizeof *queues);
  if (queues == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the queues");
    return NULL;
  }
  init(queues, store, memory, world, now_ms);
  if (init_indexes(queues, error) && compile(queues, error) && open_tables(queues, error) &&
      open_secret(queues, error) && queues_load(queues, error))
    return queues;
  queues_close(queues);
  return NULL;
}

void queues_close(struct queues *queues)
{
  for (uint32_t i = 0; i < queues->list_count; i++) {
    CHECK(queues->list[i]->waiters == NULL);
    queues_free_queue(queues, queues->list[i]);
  }
  memory_free(queues->memory, queues->list, queues->list_capacity * sizeof(struct queue *));
  for (uint32_t slot = 1; slot < queues->slot_capacity; slot++)
    if (queues->slots[slot] != NULL) contents_free(queues, queues->slots[slot]);
  memory_free(queues->memory, queues->slots, queues->slot_capacity * sizeof(struct contents *));
  queues_free_tasks(queues);
  queue_index_free(&queues->node_index);
  queue_index_free(&queues->group_index);
  queue_index_free(&queues->seen_index);
  queue_pool_free(&queues->nodes);
  queue_pool_free(&queues->groups);
  queue_pool_free(&queues->seen);
  buffer_free(&queues->scratch);
  arena_free(&queues->arena);
  arena_free(&queues->compiled);
  memory_free(queues->memory, queues, sizeof *queues);
}

/* ---- one queue in memory ---- */

struct value queues_copy_image(struct queues *queues, struct value image)
{
  uint8_t *block = memory_alloc(queues->memory, image.size);
  if (block == NULL) return VALUE_NONE;
  memcpy(block, image.data, image.size);
  return (struct value){block, image.size};
}

void queues_free_image(struct queues *queues, struct value image)
{
  memory_free(queues->memory, (void *)(uintptr_t)image.data, image.size);
}

void queues_set_image(struct queue *queue, struct value block)
{
  queues_free_image(queue->queues, queue->image);
  queue->image = block;
  CHECK(queue_record_read(block, &queue->record));
}

struct queue *queues_make_queue(struct queues *queues, struct value image)
{
  struct queue *queue = memory_alloc_zeroed(queues->memory, sizeof *queue);
  if (queue == NULL) return NULL;
  queue->queues = queues;
  queue->alarm.kind = ALARM_QUEUE;
  struct value block = queues_copy_image(queues, image);
  if (value_present(block)) {
    queues_set_image(queue, block);
    queue->contents = contents_make(queues, queue->record.number, queue->record.settings.fifo);
  }
  if (queue->contents == NULL) {
    queues_free_image(queues, queue->image);
    memory_free(queues->memory, queue, sizeof *queue);
    return NULL;
  }
  queue->contents->queue = queue;
  return queue;
}

void queues_free_queue(struct queues *queues, struct queue *queue)
{
  timers_clear(&queues->timers, &queue->alarm.timer);
  queues_free_image(queues, queue->image);
  memory_free(queues->memory, queue, sizeof *queue);
}

/* ---- names ---- */

/* Where the first name is that is not before this one. */
static uint32_t place_of(const struct queues *queues, struct bytes name)
{
  uint32_t low = 0, high = queues->list_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (bytes_compare(queues->list[middle]->record.name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct queue *queue_find(const struct queues *queues, struct bytes name)
{
  uint32_t place = place_of(queues, name);
  if (place == queues->list_count || !bytes_equal(queues->list[place]->record.name, name))
    return NULL;
  return queues->list[place];
}

struct queue *queue_next(const struct queues *queues, struct bytes after)
{
  uint32_t place = place_of(queues, after);
  if (place < queues->list_count && bytes_equal(queues->list[place]->record.name, after)) place++;
  return place < queues->list_count ? queues->list[place] : NULL;
}

struct queue *queues_by_id(const struct queues *queues, uint32_t id)
{
  for (uint32_t i = 0; i < queues->list_count && id != 0; i++)
    if (queues->list[i]->record.id == id) return queues->list[i];
  return NULL;
}

bool queues_reserve_name(struct queues *queues)
{
  if (queues->list_count < queues->list_capacity) return true;
  uint32_t capacity = queues->list_capacity == 0 ? FIRST_NAMES : 2 * queues->list_capacity;
  struct queue **list = memory_resize(
      queues->memory, queues->list, queues->list_capacity * sizeof *list, capacity * sizeof *list);
  if (list == NULL) return false;
  queues->list = list;
  queues->list_capacity = capacity;
  return true;
}

void queues_insert(struct queues *queues, struct queue *queue)
{
  CHECK_THAT(queues->list_count, <, queues->list_capacity);
  uint32_t place = place_of(queues, queue->record.name);
  memmove(queues->list + place + 1, queues->list + place,
          (queues->list_count - place) * sizeof *queues->list);
  queues->list[place] = queue;
  queues->list_count++;
}

void queues_remove(struct queues *queues, struct queue *queue)
{
  uint32_t place = place_of(queues, queue->record.name);
  CHECK(place < queues->list_count && queues->list[place] == queue);
  queues->list_count--;
  memmove(queues->list + place, queues->list + place + 1,
          (queues->list_count - place) * sizeof *queues->list);
}

/* ---- what a queue says about itself ---- */

struct bytes queue_name(const struct queue *queue)
{
  return queue->record.name;
}

const struct queue_settings *queue_settings(const struct queue *queue)
{
  return &queue->record.settings;
}

struct value queue_tags(const struct queue *queue)
{
  return queue->record.tags;
}

int64_t queue_created_ms(const struct queue *queue)
{
  return queue->record.created_ms;
}

int64_t queue_changed_ms(const struct queue *queue)
{
  return queue->record.changed_ms;
}

void queue_counts(struct queue *queue, int64_t now_ms, struct queue_counts *counts)
{
  struct queues *queues = queue->queues;
  const struct contents *contents = queue->contents;
  now_ms = queues_now(queues, now_ms);
  (void)contents_advance(queues, queue->contents, UINT64_MAX, QUEUE_ADVANCE_STEPS);
  *counts = (struct queue_counts){
      .visible = contents->counts[PLACE_READY],
      .in_flight = contents->counts[PLACE_IN_FLIGHT],
      .delayed = contents->counts[PLACE_DELAYED],
  };
  uint32_t oldest = queue_wheel_first(&contents->ages);
  if (oldest != 0) counts->oldest_age_ms = now_ms - node_at(queues, oldest)->sent_ms;
  if (counts->oldest_age_ms < 0) counts->oldest_age_ms = 0;
}

const char *queue_status_name(enum queue_status status)
{
  static const char *const names[] = {
      [QUEUE_OK] = "QUEUE_OK",
      [QUEUE_GONE] = "QUEUE_GONE",
      [QUEUE_INVALID_NAME] = "QUEUE_INVALID_NAME",
      [QUEUE_INVALID_SETTING] = "QUEUE_INVALID_SETTING",
      [QUEUE_INVALID_TAG] = "QUEUE_INVALID_TAG",
      [QUEUE_EXISTS] = "QUEUE_EXISTS",
      [QUEUE_NOT_FOUND] = "QUEUE_NOT_FOUND",
      [QUEUE_REDRIVE_REFUSED] = "QUEUE_REDRIVE_REFUSED",
      [QUEUE_LIMIT] = "QUEUE_LIMIT",
      [QUEUE_BUSY] = "QUEUE_BUSY",
      [QUEUE_NOT_RUNNING] = "QUEUE_NOT_RUNNING",
      [QUEUE_EMPTY_BODY] = "QUEUE_EMPTY_BODY",
      [QUEUE_INVALID_CHARACTERS] = "QUEUE_INVALID_CHARACTERS",
      [QUEUE_INVALID_ATTRIBUTE] = "QUEUE_INVALID_ATTRIBUTE",
      [QUEUE_TOO_LARGE] = "QUEUE_TOO_LARGE",
      [QUEUE_INVALID_DELAY] = "QUEUE_INVALID_DELAY",
      [QUEUE_MISSING_GROUP] = "QUEUE_MISSING_GROUP",
      [QUEUE_INVALID_GROUP] = "QUEUE_INVALID_GROUP",
      [QUEUE_MISSING_DEDUPLICATION] = "QUEUE_MISSING_DEDUPLICATION",
      [QUEUE_INVALID_DEDUPLICATION] = "QUEUE_INVALID_DEDUPLICATION",
      [QUEUE_INVALID_COUNT] = "QUEUE_INVALID_COUNT",
      [QUEUE_INVALID_VISIBILITY] = "QUEUE_INVALID_VISIBILITY",
      [QUEUE_INVALID_RATE] = "QUEUE_INVALID_RATE",
      [QUEUE_INVALID_RECEIPT] = "QUEUE_INVALID_RECEIPT",
      [QUEUE_EXPIRED_RECEIPT] = "QUEUE_EXPIRED_RECEIPT",
      [QUEUE_NOT_IN_FLIGHT] = "QUEUE_NOT_IN_FLIGHT",
      [QUEUE_PLAN_FULL] = "QUEUE_PLAN_FULL",
      [QUEUE_UNAVAILABLE] = "QUEUE_UNAVAILABLE",
  };
  return names[status];
}
