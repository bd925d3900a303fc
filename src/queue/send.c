#include "queue/state.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"
#include "queue/message_check.h"

#include <string.h>

static const size_t SEEN_LINK = offsetof(struct seen_node, link);

enum { DIGEST_TEXT_BYTES = 2 * HASH_SHA256_BYTES };

/* What the hook of a send needs, in the plan's arena. */
struct sending {
  struct queues *queues;
  uint64_t turn;
  struct message_node node;
  struct group_key group;
  bool fifo;
  uint8_t digest[ID_BYTES];
  struct message_seen seen;
};

/* ---- deduplication ---- */

/* The id a FIFO queue knows the message by; by content it is written to `text`. */
static struct bytes deduplication_of(const struct queue_draft *draft, char text[DIGEST_TEXT_BYTES])
{
  if (draft->deduplication.size > 0) return draft->deduplication;
  uint8_t digest[HASH_SHA256_BYTES];
  hash_sha256(draft->body, digest);
  (void)encode_to_hex(bytes_of(digest, sizeof digest), text);
  return bytes_of(text, DIGEST_TEXT_BYTES);
}

/* Of everything within which an id is unique, sizes before texts. */
static void make_digest(const struct queue *queue, const struct queue_draft *draft,
                        uint8_t digest[ID_BYTES])
{
  uint8_t input[6 + 2 * QUEUE_GROUP_MAX];
  uint8_t whole[HASH_SHA256_BYTES];
  struct bytes group = BYTES("");
  if (queue->record.settings.deduplicate_by_group) group = draft->group;
  CHECK_THAT(group.size + draft->deduplication.size, <=, sizeof input - 6);
  bytes_put_u32(input, queue->record.id);
  bytes_put_u16(input + 4, (uint16_t)group.size);
  if (group.size > 0) memcpy(input + 6, group.data, group.size);
  memcpy(input + 6 + group.size, draft->deduplication.data, draft->deduplication.size);
  hash_sha256(bytes_of(input, 6 + group.size + draft->deduplication.size), whole);
  memcpy(digest, whole, ID_BYTES);
}

/* The record of a message with this digest that still counts, in memory or earlier in the plan. */
static bool find_seen(const struct queues *queues, const struct plan *plan,
                      const uint8_t digest[ID_BYTES], struct message_seen *seen)
{
  uint32_t number = queue_index_find(&queues->seen_index, digest);
  if (number != 0 && seen_at(queues, number)->seen.until_ms > queues->now_ms) {
    *seen = seen_at(queues, number)->seen;
    return true;
  }
  struct message_key key = message_key(MESSAGE_KIND_SEEN, digest, 0);
  const struct store_action *action = queues_planned(queues, plan, &key);
  return action != NULL && message_seen_read(action->item, seen);
}

/* Into memory, in place of one that is over; the pool has a reserved struct. */
static void remember(struct queues *queues, const uint8_t digest[ID_BYTES],
                     const struct message_seen *seen)
{
  uint32_t number = queue_index_find(&queues->seen_index, digest);
  if (number == 0) {
    number = queue_pool_take(&queues->seen);
    memcpy(seen_at(queues, number)->entry.key, digest, ID_BYTES);
    queue_index_insert(&queues->seen_index, number);
  } else {
    queue_ring_remove(&queues->seen, SEEN_LINK, &queues->seen_first, number);
  }
  seen_at(queues, number)->seen = *seen;
  queue_ring_append(&queues->seen, SEEN_LINK, &queues->seen_first, number);
}

bool queues_load_seen(struct queues *queues, const uint8_t digest[ID_BYTES],
                      const struct message_seen *seen)
{
  if (!queue_pool_reserve(&queues->seen)) return false;
  remember(queues, digest, seen);
  return true;
}

/* ---- forgetting ---- */

struct forgetting {
  struct queues *queues;
  uint32_t count;
  uint32_t numbers[QUEUE_SLICE_ACTIONS];
};

static void forget(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct forgetting *forgetting = context;
  struct queues *queues = forgetting->queues;
  for (uint32_t i = 0; i < forgetting->count; i++) {
    uint32_t number = forgetting->numbers[i];
    queue_ring_remove(&queues->seen, SEEN_LINK, &queues->seen_first, number);
    queue_index_remove(&queues->seen_index, number);
    queue_pool_release(&queues->seen, number);
  }
}

static bool is_over(const struct queues *queues, uint32_t number)
{
  return number != 0 && seen_at(queues, number)->seen.until_ms <= queues->now_ms;
}

static bool forget_slice(struct queues *queues, struct error *error)
{
  struct plan *plan = arena_alloc(&queues->arena, sizeof *plan);
  struct forgetting *forgetting = arena_alloc(&queues->arena, sizeof *forgetting);
  if (plan == NULL || forgetting == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory");
  plan_init(plan, queues->store, &queues->arena);
  forgetting->queues = queues;
  forgetting->count = 0;
  uint32_t number = queues->seen_first;
  while (is_over(queues, number) && forgetting->count < QUEUE_SLICE_ACTIONS) {
    struct message_key key = message_key(MESSAGE_KIND_SEEN, seen_at(queues, number)->entry.key, 0);
    struct store_action action = {.kind = ACTION_DELETE,
                                  .table = queues->messages_table,
                                  .item = message_key_map(&queues->arena, &key)};
    if (!value_present(action.item)) return error_set(error, ERROR_NO_MEMORY, "no memory");
    plan_add(plan, &action);
    forgetting->numbers[forgetting->count++] = number;
    number = queue_ring_next(&queues->seen, SEEN_LINK, queues->seen_first, number);
  }
  plan_after(plan, forget, forgetting);
  uint64_t sequence;
  return queues_commit(plan, &sequence, error) == QUEUE_OK;
}

bool queues_forget_seen(struct queues *queues, bool *more, struct error *error)
{
  *more = false;
  if (!is_over(queues, queues->seen_first)) return true;
  bool done = forget_slice(queues, error);
  arena_reset(&queues->arena);
  *more = is_over(queues, queues->seen_first);
  return done;
}

/* ---- sending ---- */

/* Past the point of no return. */
static void sent_hook(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct sending *sending = context;
  struct queues *queues = sending->queues;
  CHECK_THAT(sending->turn, ==, queues->turn); /* Q4 */
  uint32_t number = queue_pool_take(&queues->nodes);
  *node_at(queues, number) = sending->node;
  queue_index_insert(&queues->node_index, number);
  contents_attach(queues, number, &sending->group);
  if (sending->fifo) remember(queues, sending->digest, &sending->seen);
  metric_add(&queues->metrics.sent, 1);
}

static struct id new_id(struct queues *queues)
{
  /* As a UUID of version 7 (RFC 9562, section 5.7), which is what the ids of SQS look like. */
  struct id id = id_generate(&queues->ids);
  id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0F));
  id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3F));
  return id;
}

static struct message_state new_state(struct queue *queue, const struct queue_draft *draft,
                                      int64_t now_ms)
{
  int32_t delay_s = draft->delay_s;
  if (delay_s < 0 || queue->record.settings.fifo) delay_s = queue->record.settings.delay_s;
  return (struct message_state){
      .queue = queue->contents->number,
      .sequence = queues_next_sequence(queue->queues),
      .sent_ms = now_ms,
      .visible_ms = now_ms + (int64_t)delay_s * 1000,
  };
}

/* All that the commit and its hook will need; false when there is no memory. */
static bool reserve(struct queues *queues, const struct contents *contents)
{
  return queue_pool_reserve(&queues->nodes) && contents_reserve_group(queues, contents) &&
         (!contents->fifo || queue_pool_reserve(&queues->seen));
}

static void fill_node(struct message_node *node, const struct id *id,
                      const struct message_state *state, uint32_t slot)
{
  *node = (struct message_node){
      .contents = slot,
      .visible_ms = state->visible_ms,
      .sent_ms = state->sent_ms,
      .sequence = state->sequence,
      .parts = (uint8_t)state->parts,
  };
  memcpy(node->entry.key, id->bytes, ID_BYTES);
}

static void add_put(struct queues *queues, struct plan *plan, struct value item)
{
  struct store_action action = {.kind = ACTION_PUT, .table = queues->messages_table, .item = item};
  plan_add(plan, &action);
}

/* digest: of what is remembered of it in a FIFO queue; NULL: a standard one. */
static enum queue_status add_message(struct queue *queue, struct plan *plan,
                                     const struct queue_draft *draft, const uint8_t *digest,
                                     struct queue_sent *sent)
{
  struct queues *queues = queue->queues;
  struct contents *contents = queue->contents;
  struct value items[2 + QUEUE_PARTS_MAX];
  struct message_state state = new_state(queue, draft, queues->now_ms);
  *sent = (struct queue_sent){.id = new_id(queues)};
  queue_index_prefetch(&queues->node_index, sent->id.bytes);
  struct sending *sending = arena_alloc(plan->arena, sizeof *sending);
  if (sending == NULL) return QUEUE_UNAVAILABLE;
  *sending = (struct sending){.queues = queues, .turn = queues->turn, .fifo = contents->fifo};
  uint32_t count = message_items_make(draft, &sent->id, &state, &queues->scratch, plan->arena,
                                      items);
  if (count == 0) return QUEUE_UNAVAILABLE;
  fill_node(&sending->node, &sent->id, &state, contents->slot);
  if (digest != NULL) {
    sent->sequence_number = state.sequence;
    memcpy(sending->digest, digest, ID_BYTES);
    sending->seen = (struct message_seen){
        .until_ms = queues->now_ms + QUEUE_DEDUPLICATION_MS,
        .message = sent->id,
        .sequence = state.sequence,
    };
    sending->group = group_key_of(queues, contents, draft->group);
    items[count] = message_seen_make(plan->arena, digest, &sending->seen, &queues->scratch);
    if (!value_present(items[count++])) return QUEUE_UNAVAILABLE;
  }
  if (plan_room(plan) < count || plan->hook_count == PLAN_HOOKS_MAX) return QUEUE_PLAN_FULL;
  if (!reserve(queues, contents)) return QUEUE_UNAVAILABLE;
  for (uint32_t i = 0; i < count; i++) add_put(queues, plan, items[i]);
  plan_after(plan, sent_hook, sending);
  return QUEUE_OK;
}

enum queue_status queue_send(struct queue *queue, struct plan *plan,
                             const struct queue_draft *draft, int64_t now_ms,
                             struct queue_sent *sent)
{
  struct queues *queues = queue->queues;
  (void)queues_now(queues, now_ms);
  enum queue_status status = queue_draft_check(&queue->record.settings, draft);
  if (status != QUEUE_OK) return status;
  if (!queue->record.settings.fifo) return add_message(queue, plan, draft, NULL, sent);
  char text[DIGEST_TEXT_BYTES];
  uint8_t digest[ID_BYTES];
  struct message_seen seen;
  struct queue_draft known = *draft;
  known.deduplication = deduplication_of(draft, text);
  make_digest(queue, &known, digest);
  if (!find_seen(queues, plan, digest, &seen))
    return add_message(queue, plan, &known, digest, sent);
  *sent = (struct queue_sent){
      .id = seen.message, .sequence_number = seen.sequence, .duplicate = true};
  metric_add(&queues->metrics.duplicates, 1);
  return QUEUE_OK;
}
