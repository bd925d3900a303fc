#include "queue/state.h"

#include "base/check.h"

#include <string.h>

/* One message's change, as the hook applies it. */
struct change {
  struct id id;
  enum change_kind kind;
  uint32_t to; /* moved: slot of its new contents */
  struct message_state state;
  struct group_key group;
};

struct changes {
  struct queues *queues;
  struct plan *plan;
  uint64_t turn;
  uint32_t count;
  uint32_t capacity;
  struct change list[];
};

static bool removes(enum change_kind kind)
{
  return kind == CHANGE_DELETED || kind == CHANGE_EXPIRED || kind == CHANGE_PURGED;
}

static bool moves(enum change_kind kind)
{
  return kind == CHANGE_DEAD_LETTERED || kind == CHANGE_MOVED;
}

/* ---- past the point of no return ---- */

static void count_change(struct queue_metrics *metrics, enum change_kind kind)
{
  uint64_t *counters[] = {
      [CHANGE_DELETED] = &metrics->deleted, [CHANGE_EXPIRED] = &metrics->expired,
      [CHANGE_PURGED] = &metrics->purged,   [CHANGE_RECEIVED] = &metrics->received,
      [CHANGE_VISIBILITY] = NULL,           [CHANGE_DEAD_LETTERED] = &metrics->dead_lettered,
      [CHANGE_MOVED] = &metrics->moved,
  };
  if (counters[kind] != NULL) metric_add(counters[kind], 1);
}

static void take_state(struct message_node *node, const struct message_state *state)
{
  node->visible_ms = state->visible_ms;
  node->sequence = state->sequence;
  node->receives = state->receives;
  node->receives_before = state->receives_before;
}

static void apply(struct queues *queues, const struct change *change)
{
  uint32_t number = queue_index_find(&queues->node_index, change->id.bytes);
  /* A delete of the same turn may have been first; a changed item would have refused the plan. */
  if (number == 0) return;
  struct message_node *node = node_at(queues, number);
  count_change(&queues->metrics, change->kind);
  if (removes(change->kind)) {
    contents_detach(queues, number);
    queue_index_remove(&queues->node_index, number);
    queue_pool_release(&queues->nodes, number);
  } else if (moves(change->kind)) {
    contents_detach(queues, number);
    take_state(node, &change->state);
    node->sent_ms = change->state.sent_ms;
    node->contents = change->to;
    contents_attach(queues, number, &change->group);
  } else {
    contents_unplace(queues, number);
    take_state(node, &change->state);
    contents_place(queues, number);
  }
}

static void apply_all(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct changes *changes = context;
  CHECK_THAT(changes->turn, ==, changes->queues->turn); /* Q4 */
  for (uint32_t i = 0; i < changes->count; i++) apply(changes->queues, &changes->list[i]);
}

/* ---- before it ---- */

struct changes *changes_begin(struct queues *queues, struct plan *plan, uint32_t capacity)
{
  struct changes *changes = arena_alloc(plan->arena,
                                        sizeof *changes + capacity * sizeof changes->list[0]);
  if (changes == NULL) return NULL;
  changes->queues = queues;
  changes->plan = plan;
  changes->turn = queues->turn;
  changes->count = 0;
  changes->capacity = capacity;
  return changes;
}

uint32_t changes_count(const struct changes *changes)
{
  return changes->count;
}

/* The hook comes with the first change, so that a plan without any has none. */
static void add_change(struct changes *changes, const struct change *change)
{
  CHECK_THAT(changes->count, <, changes->capacity);
  if (changes->count == 0) plan_after(changes->plan, apply_all, changes);
  changes->list[changes->count++] = *change;
}

static bool has_room(const struct changes *changes, size_t actions)
{
  return plan_room(changes->plan) >= actions && changes->count < changes->capacity &&
         (changes->count > 0 || changes->plan->hook_count < PLAN_HOOKS_MAX);
}

static struct id id_of(const struct message_node *node)
{
  struct id id;
  memcpy(id.bytes, node->entry.key, ID_BYTES);
  return id;
}

enum queue_status changes_remove(struct changes *changes, uint32_t number, enum change_kind kind)
{
  const struct message_node *node = node_at(changes->queues, number);
  struct change change = {.id = id_of(node), .kind = kind};
  struct value maps[1 + QUEUE_PARTS_MAX];
  size_t count = 1U + node->parts;
  if (!has_room(changes, count)) return QUEUE_PLAN_FULL;
  for (uint32_t i = 0; i < count; i++) {
    struct message_key key = message_key(i == 0 ? MESSAGE_KIND_MESSAGE : MESSAGE_KIND_PART,
                                         change.id.bytes, i - 1);
    maps[i] = message_key_map(changes->plan->arena, &key);
    if (!value_present(maps[i])) return QUEUE_UNAVAILABLE;
  }
  for (uint32_t i = 0; i < count; i++) {
    struct store_action action = {
        .kind = ACTION_DELETE, .table = changes->queues->messages_table, .item = maps[i]};
    plan_add(changes->plan, &action);
  }
  add_change(changes, &change);
  return QUEUE_OK;
}

/* Puts the item with another state, provided that it still has the one it was read with. */
static enum queue_status put_state(struct changes *changes, const struct change *change,
                                   struct value item, struct value *image)
{
  struct arena *arena = changes->plan->arena;
  if (!has_room(changes, 1)) return QUEUE_PLAN_FULL;
  struct value old = value_attribute(item, BYTES("s"));
  struct bytes copy = arena_copy(arena, bytes_of(old.data, old.size));
  struct value *values = arena_alloc(arena, sizeof *values);
  *image = message_item_change(item, &change->state, arena);
  if (copy.data == NULL || values == NULL || !value_present(*image)) return QUEUE_UNAVAILABLE;
  *values = (struct value){copy.data, copy.size};
  struct store_action action = {
      .kind = ACTION_PUT,
      .table = changes->queues->messages_table,
      .item = *image,
      .condition = changes->queues->unchanged,
      .values = values,
  };
  plan_add(changes->plan, &action);
  add_change(changes, change);
  return QUEUE_OK;
}

enum queue_status changes_set(struct changes *changes, uint32_t number, enum change_kind kind,
                              struct value item, const struct message_state *state,
                              struct value *image)
{
  struct change change = {
      .id = id_of(node_at(changes->queues, number)), .kind = kind, .state = *state};
  return put_state(changes, &change, item, image);
}

enum queue_status changes_move(struct changes *changes, uint32_t number, enum change_kind kind,
                               struct value item, struct queue *to, int64_t now_ms)
{
  struct queues *queues = changes->queues;
  const struct message_node *node = node_at(queues, number);
  const struct contents *from = queues->slots[node->contents];
  struct change change = {.id = id_of(node), .kind = kind, .to = to->contents->slot};
  struct message_state *state = &change.state;
  CHECK(message_state_read(item, state));
  if (!has_room(changes, 1)) return QUEUE_PLAN_FULL;
  if (!contents_reserve_group(queues, to->contents)) return QUEUE_UNAVAILABLE;
  state->queue = to->contents->number;
  state->source = kind == CHANGE_DEAD_LETTERED ? from->queue->record.id : 0;
  state->sequence = queues_next_sequence(queues);
  state->visible_ms = now_ms;
  state->first_received_ms = 0;
  state->receives_before = state->receives;
  /* A FIFO queue counts retention anew, a standard one from when the message was sent. */
  if (to->contents->fifo || kind == CHANGE_MOVED) state->sent_ms = now_ms;
  if (to->contents->fifo) {
    struct value group = value_attribute(item, BYTES("g"));
    change.group = group_key_of(queues, to->contents,
                                value_present(group) ? value_bytes(group) : BYTES(""));
  }
  struct value image;
  return put_state(changes, &change, item, &image);
}

/* ---- what all plans of this room need ---- */

struct value queues_item_of(const struct queues *queues, uint32_t number)
{
  struct message_key key = message_key(MESSAGE_KIND_MESSAGE, node_at(queues, number)->entry.key, 0);
  struct value item = store_find(queues->messages_table, message_key_value(&key), VALUE_NONE);
  CHECK(value_present(item)); /* Q1 */
  return item;
}

const struct store_action *queues_planned(const struct queues *queues, const struct plan *plan,
                                          const struct message_key *key)
{
  for (size_t i = 0; i < plan->action_count; i++) {
    const struct store_action *action = &plan->actions[i];
    if (action->table == queues->messages_table &&
        value_equal(value_attribute(action->item, BYTES("i")), message_key_value(key)))
      return action;
  }
  return NULL;
}

enum queue_status queues_commit(struct plan *plan, uint64_t *sequence, struct error *error)
{
  struct store_transact_result result;
  enum store_status status = plan_commit(plan, &result, error);
  *sequence = result.sequence;
  /* What this room writes alone is right in itself, and nothing came between. */
  CHECK(status == STORE_OK || status == STORE_UNAVAILABLE);
  return status == STORE_OK ? QUEUE_OK : QUEUE_UNAVAILABLE;
}

uint64_t queues_next_sequence(struct queues *queues)
{
  /*
   * The log's next sequence number, which no crash takes back, and room for the messages of one
   * record. last_sequence also covers the items found at open: a restored copy has another log.
   */
  uint64_t least = (store_appended(queues->store) + 1) << 20;
  queues->last_sequence = queues->last_sequence + 1 > least ? queues->last_sequence + 1 : least;
  return queues->last_sequence;
}
