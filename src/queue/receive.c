#include "queue/state.h"

#include "base/check.h"

enum {
  /* Messages that one commit looks at: those received, and those it moves or finds expired. */
  CANDIDATES_MAX = 80,
  /* Commits of one receive that only move or delete, before it answers that nothing is ready. */
  ROUNDS_MAX = 8,
};

/* A receive under way. */
struct receiving {
  struct queue *queue;
  const struct queue_request *request;
  struct plan *plan;
  struct changes *changes;
  struct queue_batch *batch;
  struct queue *dead_letter; /* NULL: none, or not there */
  bool shared;               /* the plan is the caller's: others' actions may be in it */
  int64_t now_ms;
};

static enum queue_status check(const struct queue_request *request)
{
  if (request->max < 1 || request->max > QUEUE_BATCH_MAX) return QUEUE_INVALID_COUNT;
  if (request->visibility_s < -1 || request->visibility_s > QUEUE_VISIBILITY_S_MAX)
    return QUEUE_INVALID_VISIBILITY;
  return QUEUE_OK;
}

static bool must_die(const struct receiving *receiving, const struct message_node *node)
{
  if (receiving->dead_letter == NULL) return false;
  uint32_t most = (uint32_t)receiving->queue->record.settings.receives_max;
  return node->receives - node->receives_before >= most;
}

static void fill_message(const struct receiving *receiving, const struct message_node *node,
                         const struct message_state *state, struct queue_message *message)
{
  const struct queues *queues = receiving->queue->queues;
  struct receipt receipt = {.number = state->receives};
  memcpy(receipt.id.bytes, node->entry.key, ID_BYTES);
  message->id = receipt.id;
  receipt_format(queues->secret, receiving->queue->record.id, &receipt, message->receipt);
  message->receive_count = state->receives - state->receives_before;
  message->sent_ms = state->sent_ms;
  message->first_received_ms = state->first_received_ms;
  message->sequence_number = receiving->queue->record.settings.fifo ? state->sequence : 0;
}

/* The name of the queue a message was dead-lettered from, copied: the queue may be dropped. */
static bool fill_source(const struct receiving *receiving, uint32_t source,
                        struct queue_message *message)
{
  const struct queue *queue = queues_by_id(receiving->queue->queues, source);
  if (queue == NULL) return true;
  message->dead_letter_source = arena_copy(receiving->plan->arena, queue->record.name);
  return message->dead_letter_source.data != NULL;
}

static enum queue_status deliver(struct receiving *receiving, uint32_t number, struct value item)
{
  struct queues *queues = receiving->queue->queues;
  const struct message_node *node = node_at(queues, number);
  const struct queue_settings *settings = &receiving->queue->record.settings;
  int32_t visibility_s = receiving->request->visibility_s;
  if (visibility_s < 0) visibility_s = settings->visibility_s;
  struct message_state state;
  CHECK(message_state_read(item, &state));
  state.receives++;
  state.visible_ms = receiving->now_ms + (int64_t)visibility_s * 1000;
  if (state.first_received_ms == 0) state.first_received_ms = receiving->now_ms;
  struct queue_message *message = &receiving->batch->messages[receiving->batch->count];
  *message = (struct queue_message){0};
  fill_message(receiving, node, &state, message);
  size_t action_count = receiving->plan->action_count;
  struct value image;
  enum queue_status status = changes_set(receiving->changes, number, CHANGE_RECEIVED, item, &state,
                                         &image);
  if (status != QUEUE_OK) return status;
  CHECK_THAT(receiving->plan->action_count, ==, action_count + 1);
  if (!message_contents_read(image, &message->id, &state, queues->messages_table,
                             receiving->plan->arena, message) ||
      !fill_source(receiving, state.source, message))
    return QUEUE_UNAVAILABLE;
  receiving->batch->count++;
  return QUEUE_OK;
}

/* One ready message: delivered, moved to the dead-letter queue, or found to be expired. */
static enum queue_status take(struct receiving *receiving, uint32_t number)
{
  const struct queues *queues = receiving->queue->queues;
  const struct message_node *node = node_at(queues, number);
  if (contents_expiry_ms(receiving->queue->contents, node->sent_ms) <= receiving->now_ms)
    return changes_remove(receiving->changes, number, CHANGE_EXPIRED);
  struct value item = queues_item_of(queues, number);
  if (must_die(receiving, node))
    return changes_move(receiving->changes, number, CHANGE_DEAD_LETTERED, item,
                        receiving->dead_letter, receiving->now_ms);
  return deliver(receiving, number, item);
}

static bool is_planned(const struct receiving *receiving, uint32_t number)
{
  if (!receiving->shared) return false;
  const struct queues *queues = receiving->queue->queues;
  struct message_key key = message_key(MESSAGE_KIND_MESSAGE, node_at(queues, number)->entry.key, 0);
  return queues_planned(queues, receiving->plan, &key) != NULL;
}

/* Adds changes of ready messages to the plan until there are as many as were asked for. */
static enum queue_status collect(struct receiving *receiving)
{
  const struct queues *queues = receiving->queue->queues;
  struct ready_walk walk;
  uint32_t number = ready_walk_first(&walk, queues, receiving->queue->contents);
  while (number != 0 && receiving->batch->count < receiving->request->max &&
         changes_count(receiving->changes) < CANDIDATES_MAX) {
    /* What this plan receives blocks its group, too. */
    if (is_planned(receiving, number)) {
      number = ready_walk_next_group(&walk);
      continue;
    }
    enum queue_status status = take(receiving, number);
    if (status == QUEUE_PLAN_FULL && changes_count(receiving->changes) > 0) return QUEUE_OK;
    if (status != QUEUE_OK) return status;
    number = ready_walk_next(&walk);
  }
  return QUEUE_OK;
}

static enum queue_status begin(struct receiving *receiving)
{
  struct queue *queue = receiving->queue;
  struct queues *queues = queue->queues;
  const struct queue_settings *settings = &queue->record.settings;
  receiving->now_ms = queues_now(queues, receiving->request->now_ms);
  (void)contents_advance(queues, queue->contents, receiving->request->max, QUEUE_ADVANCE_STEPS);
  if (settings->dead_letter.size > 0)
    receiving->dead_letter = queue_find(queues, settings->dead_letter);
  receiving->changes = changes_begin(queues, receiving->plan, CANDIDATES_MAX);
  return receiving->changes == NULL ? QUEUE_UNAVAILABLE : QUEUE_OK;
}

enum queue_status queue_receive_into(struct queue *queue, const struct queue_request *request,
                                     struct plan *plan, struct queue_batch *batch)
{
  enum queue_status status = check(request);
  batch->count = 0;
  batch->sequence = store_appended(queue->queues->store);
  if (status != QUEUE_OK) return status;
  struct receiving receiving = {
      .queue = queue, .request = request, .plan = plan, .batch = batch, .shared = true};
  size_t action_count = plan->action_count;
  size_t hook_count = plan->hook_count;
  status = begin(&receiving);
  if (status == QUEUE_OK) status = collect(&receiving);
  if (status == QUEUE_OK) return status;
  /* All or nothing: what was added so far goes out of the plan again. */
  plan->action_count = action_count;
  plan->hook_count = hook_count;
  batch->count = 0;
  return status;
}

/* One commit; *again: it only moved or deleted, and there may be more. */
static enum queue_status receive_round(struct receiving *receiving, struct arena *arena,
                                       bool *again, struct error *error)
{
  const struct queues *queues = receiving->queue->queues;
  *again = false;
  plan_init(receiving->plan, queues->store, arena);
  enum queue_status status = begin(receiving);
  if (status == QUEUE_OK) status = collect(receiving);
  if (status != QUEUE_OK) {
    receiving->batch->count = 0;
    error_set(error, ERROR_NO_MEMORY, "no memory; nothing was changed, retry later");
    return QUEUE_UNAVAILABLE;
  }
  status = queues_commit(receiving->plan, &receiving->batch->sequence, error);
  if (status != QUEUE_OK) receiving->batch->count = 0;
  *again = status == QUEUE_OK && receiving->batch->count == 0 &&
           changes_count(receiving->changes) > 0;
  return status;
}

enum queue_status queue_receive(struct queue *queue, const struct queue_request *request,
                                struct arena *arena, struct queue_batch *batch, struct error *error)
{
  enum queue_status status = check(request);
  batch->count = 0;
  batch->sequence = store_appended(queue->queues->store);
  if (status != QUEUE_OK) {
    error_set(error, ERROR_INVALID, "up to %d messages, visible again within %d s", QUEUE_BATCH_MAX,
              QUEUE_VISIBILITY_S_MAX);
    return status;
  }
  struct plan *plan = arena_alloc(arena, sizeof *plan);
  if (plan == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory; nothing was changed, retry later");
    return QUEUE_UNAVAILABLE;
  }
  struct receiving receiving = {.queue = queue, .request = request, .plan = plan, .batch = batch};
  bool again = true;
  for (int round = 0; round < ROUNDS_MAX && again && status == QUEUE_OK; round++)
    status = receive_round(&receiving, arena, &again, error);
  if (status == QUEUE_OK && batch->count == 0)
    metric_add(&queue->queues->metrics.empty_receives, 1);
  return status;
}
