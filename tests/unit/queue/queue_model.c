#include "unit/queue/queue_model.h"

#include <string.h>

const struct model_queue model_queues[MODEL_QUEUES] = {
    {"work", 1, 2, 10, 0, 120, false, false},
    {"work-dead", MODEL_NONE, 0, 10, 0, 200, false, false},
    {"order.fifo", 3, 2, 12, 0, 120, true, false},
    {"order-dead.fifo", MODEL_NONE, 0, 12, 0, 90, true, false},
    {"late.fifo", MODEL_NONE, 0, 8, 7, 300, true, true},
    {"late", MODEL_NONE, 0, 8, 5, 60, false, false},
};

void model_compact(struct model *model)
{
  int kept = 0;
  for (int i = 0; i < model->message_count; i++)
    if (model->messages[i].alive) model->messages[kept++] = model->messages[i];
  model->message_count = kept;
  kept = 0;
  for (int i = 0; i < model->seen_count; i++)
    if (model->seen[i].until_ms > model->now_ms) model->seen[kept++] = model->seen[i];
  model->seen_count = kept;
}

enum model_place model_place(const struct model *model, const struct model_message *message)
{
  if (message->visible_ms <= model->now_ms) return MODEL_VISIBLE;
  return message->delayed_or_new ? MODEL_DELAYED : MODEL_IN_FLIGHT;
}

void model_expire(struct model *model)
{
  for (int i = 0; i < model->message_count; i++) {
    struct model_message *message = &model->messages[i];
    int64_t retention_ms = (int64_t)model_queues[message->queue].retention_s * 1000;
    if (message->sent_ms + retention_ms <= model->now_ms) message->alive = false;
  }
}

struct model_message *model_find(struct model *model, const struct id *id)
{
  for (int i = 0; i < model->message_count; i++)
    if (model->messages[i].alive && id_compare(&model->messages[i].id, id) == 0)
      return &model->messages[i];
  return NULL;
}

const struct model_seen *model_find_seen(const struct model *model, int queue, int group,
                                         int deduplication)
{
  if (!model_queues[queue].by_group) group = MODEL_NONE;
  for (int i = 0; i < model->seen_count; i++) {
    const struct model_seen *seen = &model->seen[i];
    if (seen->queue == queue && seen->group == group && seen->deduplication == deduplication &&
        seen->until_ms > model->now_ms)
      return seen;
  }
  return NULL;
}

void model_send(struct model *model, int queue, const struct id *id, int group, int deduplication,
                int32_t delay_s, size_t body_size)
{
  const struct model_queue *kind = &model_queues[queue];
  if (delay_s < 0) delay_s = kind->delay_s;
  model->messages[model->message_count++] = (struct model_message){
      .alive = true,
      .queue = queue,
      .source = MODEL_NONE,
      .id = *id,
      .order = model->next_order++,
      .group = group,
      .body_size = body_size,
      .sent_ms = model->now_ms,
      .visible_ms = model->now_ms + (int64_t)delay_s * 1000,
      .delayed_or_new = true,
  };
  if (!kind->fifo) return;
  model->seen[model->seen_count++] = (struct model_seen){
      .queue = queue,
      .group = kind->by_group ? group : MODEL_NONE,
      .deduplication = deduplication,
      .until_ms = model->now_ms + 300000,
      .id = *id,
  };
}

bool model_is_first(const struct model *model, const struct model_message *message)
{
  for (int i = 0; i < model->message_count; i++) {
    const struct model_message *other = &model->messages[i];
    if (!other->alive || other->queue != message->queue || other->group != message->group) continue;
    enum model_place place = model_place(model, other);
    if (place == MODEL_IN_FLIGHT) return false;
    if (place == MODEL_VISIBLE && other->order < message->order) return false;
  }
  return true;
}

bool model_may_receive(const struct model *model, const struct model_message *message)
{
  if (!message->alive || model_place(model, message) != MODEL_VISIBLE) return false;
  return !model_queues[message->queue].fifo || model_is_first(model, message);
}

void model_receive(struct model *model, struct model_message *message,
                   const struct queue_message *received, int32_t visibility_s)
{
  if (visibility_s < 0) visibility_s = model_queues[message->queue].visibility_s;
  message->receives++;
  message->delayed_or_new = false;
  message->visible_ms = model->now_ms + (int64_t)visibility_s * 1000;
  memmove(message->receipts + 1, message->receipts,
          sizeof message->receipts - sizeof *message->receipts);
  memcpy(message->receipts[0].text, received->receipt, QUEUE_RECEIPT_TEXT);
  if (message->receipt_count < MODEL_RECEIPTS) message->receipt_count++;
}

void model_move(struct model *model, struct model_message *message, int queue, bool dead_letter)
{
  message->source = dead_letter ? message->queue : MODEL_NONE;
  message->queue = queue;
  message->order = model->next_order++;
  message->receives = 0;
  message->receipt_count = 0;
  message->delayed_or_new = true;
  if (model_queues[queue].fifo || !dead_letter) message->sent_ms = model->now_ms;
  message->visible_ms = model->now_ms;
  if (model_queues[queue].fifo) message->visible_ms += (int64_t)model_queues[queue].delay_s * 1000;
}

void model_purge(struct model *model, int queue)
{
  for (int i = 0; i < model->message_count; i++)
    if (model->messages[i].queue == queue) model->messages[i].alive = false;
}

uint64_t model_count(const struct model *model, int queue, enum model_place place)
{
  uint64_t count = 0;
  for (int i = 0; i < model->message_count; i++)
    count += model->messages[i].alive && model->messages[i].queue == queue &&
             model_place(model, &model->messages[i]) == place;
  return count;
}
