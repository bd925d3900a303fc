#include "queue/state.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* A loaded thing and what it is put in order by. */
struct ordered {
  uint64_t key;
  uint32_t number;
  struct group_key group;
};

struct loader {
  struct queues *queues;
  struct error *error;
  struct buffer messages; /* of struct ordered, by sequence */
  struct buffer seen;     /* of struct loaded_seen, by time */
  uint32_t *slots;        /* of each number that was given out */
  uint32_t slot_count;
};

struct loaded_seen {
  uint8_t digest[ID_BYTES];
  struct message_seen seen;
};

static bool no_memory(struct error *error)
{
  return error_set(error, ERROR_NO_MEMORY, "no memory for the queues' messages");
}

static bool corrupt(struct error *error, const char *table, const char *what)
{
  return error_set(error, ERROR_CORRUPT, "table %s: %s; restore it as of an earlier time", table,
                   what);
}

static bool scan(struct loader *loader, const struct table *table, store_visit *load)
{
  const struct store_query all = {.table = table};
  return store_each(loader->queues->store, &all, load, loader, loader->error);
}

/* ---- tacos-queues ---- */

static bool load_queue(struct loader *loader, struct value item)
{
  struct queues *queues = loader->queues;
  struct queue_record record;
  if (!queue_record_read(item, &record))
    return corrupt(loader->error, QUEUE_QUEUES_TABLE, "a queue's item is not one");
  struct queue *queue = queues_reserve_name(queues) ? queues_make_queue(queues, item) : NULL;
  if (queue == NULL) return no_memory(loader->error);
  queues_insert(queues, queue);
  return true;
}

static bool load_record(void *context, struct value item, struct error *error)
{
  struct loader *loader = context;
  struct task_record task;
  switch (record_name_of(item)) {
  case RECORD_QUEUE:
    return load_queue(loader, item);
  case RECORD_NUMBERS:
    return numbers_record_read(item, &loader->queues->next_number) ||
           corrupt(error, QUEUE_QUEUES_TABLE, "#numbers has no number");
  case RECORD_TASK:
    if (!task_record_read(item, &task))
      return corrupt(error, QUEUE_QUEUES_TABLE, "a task's item is not one");
    return queues_load_task(loader->queues, &task) || no_memory(error);
  case RECORD_SECRET:
  case RECORD_UNKNOWN:
    break;
  }
  return true;
}

/* ---- tacos-queue-messages ---- */

static bool index_contents(struct loader *loader)
{
  const struct queues *queues = loader->queues;
  loader->slot_count = queues->next_number;
  loader->slots = memory_alloc_zeroed(queues->memory, loader->slot_count * sizeof *loader->slots);
  if (loader->slots == NULL) {
    loader->slot_count = 0;
    return no_memory(loader->error);
  }
  for (uint32_t slot = 1; slot < queues->slot_capacity; slot++)
    if (queues->slots[slot] != NULL && queues->slots[slot]->number < loader->slot_count)
      loader->slots[queues->slots[slot]->number] = slot;
  return true;
}

/* The contents a message says it is in; doomed ones when they were purged or dropped. */
static struct contents *find_contents(struct loader *loader, uint32_t number)
{
  struct queues *queues = loader->queues;
  if (number >= loader->slot_count) number = 0; /* never given out: no queue has it */
  if (loader->slots[number] != 0) return queues->slots[loader->slots[number]];
  struct contents *contents = contents_make(queues, number, false);
  if (contents == NULL) return NULL;
  contents_doom(queues, contents);
  loader->slots[number] = contents->slot;
  return contents;
}

static bool load_message(struct loader *loader, struct value item, struct bytes id)
{
  struct queues *queues = loader->queues;
  struct message_state state;
  if (!message_state_read(item, &state))
    return corrupt(loader->error, QUEUE_MESSAGES_TABLE, "a message has no state");
  struct contents *contents = find_contents(loader, state.queue);
  if (contents == NULL || !queue_pool_reserve(&queues->nodes)) return no_memory(loader->error);
  uint32_t number = queue_pool_take(&queues->nodes);
  struct message_node *node = node_at(queues, number);
  memcpy(node->entry.key, id.data, ID_BYTES);
  node->contents = contents->slot;
  node->visible_ms = state.visible_ms;
  node->sent_ms = state.sent_ms;
  node->sequence = state.sequence;
  node->receives = state.receives;
  node->receives_before = state.receives_before;
  node->parts = (uint8_t)state.parts;
  if (state.sequence > queues->last_sequence) queues->last_sequence = state.sequence;
  /* A clock that went back over a restart would hold back what was ready. */
  (void)queues_now(queues, state.sent_ms);
  struct ordered ordered = {.key = state.sequence, .number = number};
  if (contents->fifo) {
    struct value group = value_attribute(item, BYTES("g"));
    ordered.group = group_key_of(
        queues, contents, value_type(group) == VALUE_STRING ? value_bytes(group) : BYTES(""));
  }
  return buffer_append(&loader->messages, bytes_of(&ordered, sizeof ordered)) ||
         no_memory(loader->error);
}

static bool load_seen(struct loader *loader, struct value item, struct bytes digest)
{
  struct loaded_seen loaded;
  memcpy(loaded.digest, digest.data, ID_BYTES);
  if (!message_seen_read(item, &loaded.seen))
    return corrupt(loader->error, QUEUE_MESSAGES_TABLE, "a deduplication record is not one");
  /* Also of messages that are gone: their numbers were given out. */
  if (loaded.seen.sequence > loader->queues->last_sequence)
    loader->queues->last_sequence = loaded.seen.sequence;
  return buffer_append(&loader->seen, bytes_of(&loaded, sizeof loaded)) || no_memory(loader->error);
}

static bool load_any(void *context, struct value item, struct error *error)
{
  struct loader *loader = context;
  enum message_kind kind;
  struct bytes id;
  if (!message_item_kind(item, &kind, &id))
    return corrupt(error, QUEUE_MESSAGES_TABLE, "an item has a key that none has");
  switch (kind) {
  case MESSAGE_KIND_MESSAGE:
    return load_message(loader, item, id);
  case MESSAGE_KIND_SEEN:
    return load_seen(loader, item, id);
  case MESSAGE_KIND_PART:
    break;
  }
  return true;
}

/* ---- into order ---- */

static int compare_ordered(const void *left, const void *right)
{
  uint64_t a = ((const struct ordered *)left)->key;
  uint64_t b = ((const struct ordered *)right)->key;
  return (a > b) - (a < b);
}

static int compare_seen(const void *left, const void *right)
{
  int64_t a = ((const struct loaded_seen *)left)->seen.until_ms;
  int64_t b = ((const struct loaded_seen *)right)->seen.until_ms;
  return (a > b) - (a < b);
}

static bool place_messages(struct loader *loader)
{
  struct queues *queues = loader->queues;
  struct ordered *list = (struct ordered *)loader->messages.data;
  size_t count = loader->messages.size / sizeof *list;
  if (count > 0) qsort(list, count, sizeof *list, compare_ordered);
  for (size_t i = 0; i < count; i++) {
    const struct contents *contents = queues->slots[node_at(queues, list[i].number)->contents];
    if (!contents_reserve_group(queues, contents)) return no_memory(loader->error);
    queue_index_insert(&queues->node_index, list[i].number);
    contents_attach(queues, list[i].number, contents->fifo ? &list[i].group : NULL);
    queue_pool_unreserve(&queues->groups);
  }
  return true;
}

static bool place_seen(struct loader *loader)
{
  struct loaded_seen *list = (struct loaded_seen *)loader->seen.data;
  size_t count = loader->seen.size / sizeof *list;
  if (count > 0) qsort(list, count, sizeof *list, compare_seen);
  for (size_t i = 0; i < count; i++)
    if (!queues_load_seen(loader->queues, list[i].digest, &list[i].seen))
      return no_memory(loader->error);
  return true;
}

bool queues_load(struct queues *queues, struct error *error)
{
  struct loader loader = {.queues = queues, .error = error};
  buffer_init(&loader.messages, queues->memory);
  buffer_init(&loader.seen, queues->memory);
  bool loaded = scan(&loader, queues->queues_table, load_record) && index_contents(&loader) &&
                scan(&loader, queues->messages_table, load_any) && place_messages(&loader) &&
                place_seen(&loader);
  buffer_free(&loader.messages);
  buffer_free(&loader.seen);
  memory_free(queues->memory, loader.slots, loader.slot_count * sizeof *loader.slots);
  return loaded;
}
