#include "sale/sale_parts.h"

#include "base/check.h"

static const struct bytes STATUS_NAMES[PAYMENT_STATUSES] = {
    [PAYMENT_PENDING] = {(const uint8_t *)"PENDING", 7},
    [PAYMENT_COMPLETED] = {(const uint8_t *)"COMPLETED", 9},
    [PAYMENT_FAILED] = {(const uint8_t *)"FAILED", 6},
    [PAYMENT_REFUNDED] = {(const uint8_t *)"REFUNDED", 8},
};

struct bytes payment_status_name(enum payment_status status)
{
  CHECK(status < PAYMENT_STATUSES);
  return STATUS_NAMES[status];
}

/* pk PAYMENT#{intentId}, sk METADATA, beside the orders. */
bool payment_read(struct arena *arena, struct value item, struct sale_payment *payment)
{
  struct bytes status = record_get_text(item, BYTES("status"));
  *payment = (struct sale_payment){
      .intent_id = arena_copy(arena, record_get_text(item, BYTES("paymentIntentId"))),
      .payment_id = arena_copy(arena, record_get_text(item, BYTES("paymentId"))),
      .reservation_id = arena_copy(arena, record_get_text(item, BYTES("reservationId"))),
      .order_id = arena_copy(arena, record_get_text(item, BYTES("orderId"))),
      .user_id = arena_copy(arena, record_get_text(item, BYTES("userId"))),
      .currency = arena_copy(arena, record_get_text(item, BYTES("currency"))),
      .scenario = arena_copy(arena, record_get_text(item, BYTES("scenario"))),
      .command_id = arena_copy(arena, record_get_text(item, BYTES("commandId"))),
      .status = PAYMENT_STATUSES,
      .amount = record_get_integer(item, BYTES("amount"), 0),
      .created_ms = record_get_instant(item, BYTES("createdAt"), 0),
      .updated_ms = record_get_instant(item, BYTES("updatedAt"), 0),
  };
  for (enum payment_status i = 0; i < PAYMENT_STATUSES; i++)
    if (bytes_equal(status, STATUS_NAMES[i])) payment->status = i;
  /* A copy that there was no memory for has no address: it would be written back as nothing. */
  bool whole = payment->intent_id.data != NULL && payment->payment_id.data != NULL &&
               payment->reservation_id.data != NULL && payment->order_id.data != NULL &&
               payment->user_id.data != NULL && payment->currency.data != NULL &&
               payment->scenario.data != NULL && payment->command_id.data != NULL;
  return whole && payment->status < PAYMENT_STATUSES && payment->intent_id.size > 0;
}

static struct value payment_item(struct sale *sale, struct arena *arena,
                                 const struct sale_payment *payment)
{
  struct record_writer *writer = &sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), record_key(arena, BYTES("PAYMENT#"), payment->intent_id));
  record_text(writer, BYTES("sk"), BYTES("METADATA"));
  record_text(writer, BYTES("paymentIntentId"), payment->intent_id);
  record_text(writer, BYTES("reservationId"), payment->reservation_id);
  record_text(writer, BYTES("userId"), payment->user_id);
  record_text(writer, BYTES("status"), payment_status_name(payment->status));
  record_integer(writer, BYTES("amount"), payment->amount);
  record_text(writer, BYTES("currency"), payment->currency);
  if (payment->scenario.size > 0) record_text(writer, BYTES("scenario"), payment->scenario);
  if (payment->payment_id.size > 0) record_text(writer, BYTES("paymentId"), payment->payment_id);
  if (payment->order_id.size > 0) record_text(writer, BYTES("orderId"), payment->order_id);
  if (payment->command_id.size > 0) record_text(writer, BYTES("commandId"), payment->command_id);
  record_instant(writer, BYTES("createdAt"), payment->created_ms);
  record_instant(writer, BYTES("updatedAt"), payment->updated_ms);
  return record_end(writer, arena);
}

void payment_put(struct sale_step *step, struct sale_payment *payment)
{
  payment->updated_ms = step->now_ms;
  sale_step_put(step, step->sale->orders, payment_item(step->sale, step->plan->arena, payment),
                NULL, NULL);
}

enum sale_refusal sale_payment_find(struct sale *sale, struct arena *arena, struct bytes intent_id,
                                    struct sale_payment *payment)
{
  struct value item;
  struct bytes key = record_key(arena, BYTES("PAYMENT#"), intent_id);
  if (!sale_look_up(sale->orders, arena, key, BYTES("METADATA"), &item)) return SALE_UNAVAILABLE;
  if (!value_present(item)) return SALE_PAYMENT_NOT_FOUND;
  return payment_read(arena, item, payment) ? SALE_OK : SALE_UNAVAILABLE;
}

/* The hold's one extension: nobody loses the seat while typing a card number (DESIGN 8). */
static void extend(struct sale_step *step, struct sale_reservation *reservation)
{
  reservation->hold_expires_ms += SALE_EXTENSION_MS;
  reservation->extended = true;
  for (uint32_t i = 0; i < reservation->quantity; i++)
    ticket_add_extension(step, reservation, reservation->seats[i].id);
  seats_after(step, reservation->event, SEATS_EXTENDED, reservation->id, reservation->seats,
              reservation->quantity, reservation->hold_expires_ms);
}

/* The open intent of a reservation, if it is the same one; refused when it differs. */
static enum sale_refusal find_open(struct sale *sale, struct arena *arena,
                                   const struct sale_reservation *reservation, int64_t amount,
                                   struct bytes currency, struct sale_payment *payment, bool *found)
{
  *found = false;
  if (reservation->payment_intent_id.size == 0) return SALE_OK;
  enum sale_refusal refusal = sale_payment_find(sale, arena, reservation->payment_intent_id,
                                                payment);
  if (refusal != SALE_OK) return refusal;
  /* One that failed makes room for another attempt. */
  if (payment->status == PAYMENT_FAILED) return SALE_OK;
  if (payment->amount != amount || !bytes_equal(payment->currency, currency))
    return SALE_AMOUNT_MISMATCH;
  *found = true;
  return SALE_OK;
}

static enum sale_refusal check_intent(const struct sale_reservation *reservation, int64_t amount,
                                      struct bytes currency)
{
  if (reservation->status == RESERVATION_CANCELLED) return SALE_CANCELLED;
  if (reservation->status == RESERVATION_EXPIRED) return SALE_EXPIRED;
  if (reservation->amount != amount || !bytes_equal(currency, reservation->event->currency))
    return SALE_AMOUNT_MISMATCH;
  if (reservation->status == RESERVATION_CONFIRMED) return SALE_ALREADY_CONFIRMED;
  return SALE_OK;
}

enum sale_refusal sale_payment_intend(struct sale *sale, struct plan *plan,
                                      struct bytes reservation_id, struct bytes user_id,
                                      int64_t amount, struct bytes currency, struct bytes scenario,
                                      int64_t now_ms, struct sale_payment *payment)
{
  struct arena *arena = plan->arena;
  struct sale_reservation reservation;
  if (reservation_id.size == 0) return SALE_MISSING_RESERVATION_ID;
  if (amount <= 0) return SALE_INVALID_AMOUNT;
  enum sale_refusal refusal = sale_reservation_find(sale, arena, reservation_id, user_id, now_ms,
                                                    &reservation);
  if (refusal != SALE_OK) return refusal;
  if (currency.size == 0) currency = reservation.event->currency;
  refusal = check_intent(&reservation, amount, currency);
  if (refusal != SALE_OK) return refusal;
  bool found;
  refusal = find_open(sale, arena, &reservation, amount, currency, payment, &found);
  if (refusal != SALE_OK || found) return refusal;
  struct sale_step step = {sale, plan, now_ms, false};
  *payment = (struct sale_payment){
      .intent_id = sale_new_id(sale, arena, BYTES("pi_")),
      .reservation_id = reservation.id,
      .user_id = reservation.user_id,
      .currency = currency,
      .scenario = scenario,
      .status = PAYMENT_PENDING,
      .amount = amount,
      .created_ms = now_ms,
  };
  reservation.payment_intent_id = payment->intent_id;
  reservation.updated_ms = now_ms;
  if (!reservation.extended) extend(&step, &reservation);
  provider_command_add(&step, PROVIDER_AUTHORISE, payment, amount);
  payment_put(&step, payment);
  sale_step_put(&step, sale->reservations, reservation_item(sale, arena, &reservation), NULL, NULL);
  return step.failed ? SALE_UNAVAILABLE : SALE_OK;
}

/* {"paymentId","paymentIntentId","reservationId","userId","amount","currency","status"} */
static struct bytes detail_of(struct sale_step *step, const struct sale_payment *payment)
{
  struct sale_detail detail;
  sale_detail_begin(step, &detail);
  json_write_key(&detail.json, BYTES("paymentId"));
  json_write_string(&detail.json, payment->payment_id);
  json_write_key(&detail.json, BYTES("paymentIntentId"));
  json_write_string(&detail.json, payment->intent_id);
  json_write_key(&detail.json, BYTES("reservationId"));
  json_write_string(&detail.json, payment->reservation_id);
  json_write_key(&detail.json, BYTES("userId"));
  json_write_string(&detail.json, payment->user_id);
  json_write_key(&detail.json, BYTES("amount"));
  json_write_integer(&detail.json, payment->amount);
  json_write_key(&detail.json, BYTES("currency"));
  json_write_string(&detail.json, payment->currency);
  json_write_key(&detail.json, BYTES("status"));
  json_write_string(&detail.json, payment_status_name(payment->status));
  return sale_detail_end(step, &detail);
}

void payment_tell(struct sale_step *step, const struct sale_payment *payment, struct bytes type)
{
  struct bytes detail = detail_of(step, payment);
  if (!step->failed) outbox_add(step, type, BYTES("payment"), payment->intent_id, detail);
}

void payment_give_back(struct sale_step *step, struct sale_payment *payment)
{
  payment->status = PAYMENT_REFUNDED;
  provider_command_add(step, PROVIDER_REFUND, payment, payment->amount);
  payment_put(step, payment);
  payment_tell(step, payment, BYTES("PaymentRefunded"));
}

enum sale_refusal sale_payment_settle(struct sale *sale, struct plan *plan, struct bytes intent_id,
                                      bool approved, struct bytes payment_id, int64_t now_ms,
                                      struct sale_payment *payment)
{
  enum sale_refusal refusal = sale_payment_find(sale, plan->arena, intent_id, payment);
  if (refusal != SALE_OK) return refusal;
  /* The first word counts; a payment that failed and is approved after all is money we have. */
  if (payment->status == PAYMENT_COMPLETED || payment->status == PAYMENT_REFUNDED) return SALE_OK;
  if (payment->status == PAYMENT_FAILED && !approved) return SALE_OK;
  struct sale_step step = {sale, plan, now_ms, false};
  payment->status = approved ? PAYMENT_COMPLETED : PAYMENT_FAILED;
  if (payment_id.size > 0)
    payment->payment_id = payment_id;
  else if (payment->payment_id.size == 0)
    payment->payment_id = sale_new_id(sale, plan->arena, BYTES("pay_"));
  /* The provider need not be asked about it any more. */
  if (payment->command_id.size > 0) provider_command_remove(&step, payment->command_id);
  payment->command_id = (struct bytes){NULL, 0};
  payment_put(&step, payment);
  payment_tell(&step, payment, approved ? BYTES("PaymentApproved") : BYTES("PaymentFailed"));
  return step.failed ? SALE_UNAVAILABLE : SALE_OK;
}
