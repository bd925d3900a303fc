#include "sale/worker.h"

#include "sale/sale_parts.h"
#include "sale/wiring.h"

enum { DELAY_MAX_S = 900, MS_PER_S = 1000 };

/* The members of a message's detail that workers look at. */
struct worker_detail {
  struct bytes type;
  struct bytes reservation_id;
  struct bytes intent_id;
};

/* What a message causes, added to the plan; false: not now, it is to come again. */
typedef bool worker_effect(struct workers *workers, struct plan *plan,
                           const struct queue_message *message, const struct worker_detail *detail,
                           int64_t now_ms);

static bool read_detail(struct json_reader *reader, struct worker_detail *detail)
{
  struct bytes key;
  if (!json_read_object(reader)) return false;
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("reservationId")))
      json_read_string(reader, &detail->reservation_id);
    else if (bytes_equal(key, BYTES("paymentIntentId")))
      json_read_string(reader, &detail->intent_id);
    else
      json_skip(reader);
  }
  return reader->error.code == ERROR_NONE;
}

/* An event's envelope (EventBridge's). */
static bool read_message(struct bytes body, struct arena *arena, struct worker_detail *detail)
{
  struct json_reader *reader = arena_alloc(arena, sizeof *reader);
  struct bytes key;
  *detail = (struct worker_detail){0};
  if (reader == NULL) return false;
  json_reader_init(reader, body, arena);
  if (!json_read_object(reader)) return false;
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("detail-type")))
      json_read_string(reader, &detail->type);
    else if (bytes_equal(key, BYTES("detail")))
      read_detail(reader, detail);
    else
      json_skip(reader);
  }
  return json_read_end(reader);
}

/* The hold is over, or its message goes back into the queue with what is left as its delay. */
static bool expire(struct workers *workers, struct plan *plan, const struct queue_message *message,
                   const struct worker_detail *detail, int64_t now_ms)
{
  int64_t wait_ms;
  enum sale_refusal refusal = sale_expire(workers->sale, plan, detail->reservation_id, now_ms,
                                          &wait_ms);
  if (refusal == SALE_RESERVATION_NOT_FOUND) return true;
  if (refusal != SALE_OK) return false;
  if (wait_ms == 0) return true;
  int64_t delay_s = (wait_ms + MS_PER_S - 1) / MS_PER_S;
  struct queue_sent sent;
  const struct queue_draft draft = {
      .body = message->body,
      .attributes = message->attributes,
      .attribute_count = message->attribute_count,
      .delay_s = (int32_t)(delay_s > DELAY_MAX_S ? DELAY_MAX_S : delay_s),
  };
  return queue_send(workers->queues[WORKER_EXPIRY], plan, &draft, now_ms, &sent) == QUEUE_OK;
}

static bool confirm(struct workers *workers, struct plan *plan, const struct queue_message *message,
                    const struct worker_detail *detail, int64_t now_ms)
{
  (void)message;
  struct sale_order *order = arena_alloc(plan->arena, sizeof *order);
  bool refunded;
  if (order == NULL) return false;
  if (!bytes_equal(detail->type, BYTES("PaymentApproved"))) return true;
  enum sale_refusal refusal = sale_confirm(workers->sale, plan, detail->reservation_id,
                                           (struct bytes){NULL, 0}, detail->intent_id, now_ms,
                                           order, &refunded);
  /* Refused for good: it was confirmed, refunded or cancelled before, and the money is where it is
     to be. Only what may come out otherwise later is tried again. */
  return refusal != SALE_UNAVAILABLE;
}

static bool nothing(struct workers *workers, struct plan *plan, const struct queue_message *message,
                    const struct worker_detail *detail, int64_t now_ms)
{
  (void)workers;
  (void)plan;
  (void)message;
  (void)detail;
  (void)now_ms;
  return true;
}

static const struct {
  const char *name;
  const char *queue;
  worker_effect *effect;
} WORKERS[WORKER_KINDS] = {
    [WORKER_EXPIRY] = {"expiry", WIRING_EXPIRY, expire},
    [WORKER_PAYMENT] = {"payment", WIRING_PAYMENTS, confirm},
    [WORKER_INVENTORY] = {"inventory", WIRING_INVENTORY, nothing},
    [WORKER_RESERVATION_EVENTS] = {"reservation_events", WIRING_RESERVATION_EVENTS, nothing},
};

const char *worker_name(enum worker_kind kind)
{
  return WORKERS[kind].name;
}

bool workers_open(struct workers *workers, struct sale *sale, struct queues *queues,
                  struct error *error)
{
  *workers = (struct workers){.sale = sale};
  arena_init(&workers->arena, sale->memory);
  for (enum worker_kind i = 0; i < WORKER_KINDS; i++) {
    workers->queues[i] = queue_find(queues, bytes_of_text(WORKERS[i].queue));
    if (workers->queues[i] == NULL)
      return error_set(error, ERROR_NOT_FOUND, "there is no queue %s", WORKERS[i].queue);
  }
  return true;
}

void workers_close(struct workers *workers)
{
  arena_free(&workers->arena);
}

/* Effect and deletion in one transaction. */
static bool handle(struct workers *workers, enum worker_kind kind,
                   const struct queue_message *message, int64_t now_ms)
{
  struct store_transact_result result;
  struct error error;
  struct worker_detail detail;
  struct plan *plan = arena_alloc(&workers->arena, sizeof *plan);
  if (plan == NULL || !read_message(message->body, &workers->arena, &detail)) return false;
  plan_init(plan, workers->sale->store, &workers->arena);
  if (!WORKERS[kind].effect(workers, plan, message, &detail, now_ms)) return false;
  enum queue_status deleted = queue_delete(workers->queues[kind], plan,
                                           bytes_of(message->receipt, QUEUE_RECEIPT_TEXT), now_ms);
  if (deleted != QUEUE_OK && deleted != QUEUE_GONE) return false;
  return plan_commit(plan, &result, &error) == STORE_OK;
}

static bool tick(struct workers *workers, enum worker_kind kind, int64_t now_ms)
{
  struct error error;
  arena_reset(&workers->arena);
  struct queue_batch *batch = arena_alloc(&workers->arena, sizeof *batch);
  const struct queue_request request = {
      .max = QUEUE_BATCH_MAX, .visibility_s = -1, .now_ms = now_ms};
  if (batch == NULL ||
      queue_receive(workers->queues[kind], &request, &workers->arena, batch, &error) != QUEUE_OK)
    return false;
  for (uint32_t i = 0; i < batch->count; i++) {
    if (handle(workers, kind, &batch->messages[i], now_ms))
      workers->counts[kind].done++;
    else
      workers->counts[kind].refused++;
  }
  return batch->count == QUEUE_BATCH_MAX;
}

bool workers_tick(struct workers *workers, int64_t now_ms)
{
  bool more = false;
  for (enum worker_kind i = 0; i < WORKER_KINDS; i++)
    if (tick(workers, i, now_ms)) more = true;
  return more;
}
