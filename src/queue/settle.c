#include "queue/state.h"

#include "base/check.h"

/* The node that a receipt is of, while it is in this queue. */
static enum queue_status find(struct queue *queue, struct bytes text, struct receipt *receipt,
                              uint32_t *number)
{
  const struct queues *queues = queue->queues;
  if (!receipt_parse(queues->secret, queue->record.id, text, receipt)) return QUEUE_INVALID_RECEIPT;
  *number = queue_index_find(&queues->node_index, receipt->id.bytes);
  if (*number == 0) return QUEUE_GONE;
  const struct message_node *node = node_at(queues, *number);
  /* Of a plan that was not committed. */
  if (receipt->number > node->receives) return QUEUE_INVALID_RECEIPT;
  /* Moved away, or moved away and back: an old receipt is of another stay. */
  if (node->contents != queue->contents->slot || receipt->number <= node->receives_before)
    return QUEUE_GONE;
  if (contents_expiry_ms(queue->contents, node->sent_ms) <= queues->now_ms) return QUEUE_GONE;
  return QUEUE_OK;
}

static bool in_flight(const struct queue *queue, const struct message_node *node)
{
  return node->place == PLACE_IN_FLIGHT && node->visible_ms > queue->queues->now_ms;
}

/* What the plan does with the message already. */
static const struct store_action *planned(const struct queue *queue, const struct plan *plan,
                                          const struct receipt *receipt)
{
  struct message_key key = message_key(MESSAGE_KIND_MESSAGE, receipt->id.bytes, 0);
  return queues_planned(queue->queues, plan, &key);
}

enum queue_status queue_delete(struct queue *queue, struct plan *plan, struct bytes receipt_text,
                               int64_t now_ms)
{
  struct queues *queues = queue->queues;
  struct receipt receipt;
  uint32_t number;
  (void)queues_now(queues, now_ms);
  enum queue_status status = find(queue, receipt_text, &receipt, &number);
  if (status != QUEUE_OK) return status;
  const struct store_action *action = planned(queue, plan, &receipt);
  if (action != NULL) return action->kind == ACTION_DELETE ? QUEUE_GONE : QUEUE_PLAN_FULL;
  const struct message_node *node = node_at(queues, number);
  if (queue->record.settings.fifo && (receipt.number != node->receives || !in_flight(queue, node)))
    return QUEUE_EXPIRED_RECEIPT;
  struct changes *changes = changes_begin(queues, plan, 1);
  return changes == NULL ? QUEUE_UNAVAILABLE : changes_remove(changes, number, CHANGE_DELETED);
}

enum queue_status queue_change_visibility(struct queue *queue, struct plan *plan,
                                          struct bytes receipt_text, int32_t visibility_s,
                                          int64_t now_ms)
{
  struct queues *queues = queue->queues;
  struct receipt receipt;
  uint32_t number;
  if (visibility_s < 0 || visibility_s > QUEUE_VISIBILITY_S_MAX) return QUEUE_INVALID_VISIBILITY;
  now_ms = queues_now(queues, now_ms);
  enum queue_status status = find(queue, receipt_text, &receipt, &number);
  if (status != QUEUE_OK) return status;
  const struct message_node *node = node_at(queues, number);
  if (receipt.number != node->receives) return QUEUE_EXPIRED_RECEIPT;
  if (!in_flight(queue, node)) return QUEUE_NOT_IN_FLIGHT;
  const struct store_action *action = planned(queue, plan, &receipt);
  if (action != NULL) return action->kind == ACTION_DELETE ? QUEUE_GONE : QUEUE_PLAN_FULL;
  struct value item = queues_item_of(queues, number);
  struct message_state state;
  CHECK(message_state_read(item, &state));
  state.visible_ms = now_ms + (int64_t)visibility_s * 1000;
  struct changes *changes = changes_begin(queues, plan, 1);
  if (changes == NULL) return QUEUE_UNAVAILABLE;
  struct value image;
  return changes_set(changes, number, CHANGE_VISIBILITY, item, &state, &image);
}
