#include "sale/sale_parts.h"

/* How a pending reservation ends without an order. */
struct ending {
  enum reservation_status status;
  struct bytes type; /* of the event */
  struct bytes time; /* its name for the time */
};

static const struct ending EXPIRY = {
    RESERVATION_EXPIRED,
    {(const uint8_t *)"ReservationExpired", 18},
    {(const uint8_t *)"expiredAt", 9},
};
static const struct ending CANCELLATION = {
    RESERVATION_CANCELLED,
    {(const uint8_t *)"ReservationCancelled", 20},
    {(const uint8_t *)"cancelledAt", 11},
};

/* {"reservationId","userId","eventId","ticketIds","expiredAt"} */
static struct bytes detail_of(struct sale_step *step, const struct sale_reservation *reservation,
                              const struct ending *ending)
{
  struct sale_detail detail;
  char time[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, time);
  sale_detail_begin(step, &detail);
  reservation_write_ids(&detail.json, step->plan->arena, reservation);
  json_write_key(&detail.json, ending->time);
  json_write_string(&detail.json, bytes_of(time, sizeof time));
  return sale_detail_end(step, &detail);
}

/* Ends a pending reservation: its seats that are still its own become free. */
static enum sale_refusal end(struct sale_step *step, struct sale_reservation *reservation,
                             const struct ending *ending)
{
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  for (uint32_t i = 0; i < reservation->quantity; i++) {
    const struct sale_seat *seat = &reservation->seats[i];
    const struct ticket_change change = {
        .ticket_id = ticket_id(arena, reservation->event->id, seat->id),
        .event_id = reservation->event->id,
        .reservation_id = reservation->id,
        .user_id = reservation->user_id,
        .from = TICKET_RESERVED,
        .to = TICKET_AVAILABLE,
        .price = seat->price,
    };
    ticket_add_change(step, &change);
  }
  reservation->status = ending->status;
  reservation->updated_ms = step->now_ms;
  sale_step_put(step, sale->reservations, reservation_item(sale, arena, reservation), NULL, NULL);
  buyer_add_seats(step, reservation->event, reservation->user_id, -(int64_t)reservation->quantity,
                  0);
  admission_hold_ends(step, reservation, ROOM_HOLD_RELEASED);
  struct bytes detail = detail_of(step, reservation, ending);
  if (step->failed) return SALE_UNAVAILABLE;
  outbox_add(step, ending->type, BYTES("reservation"), reservation->id, detail);
  if (step->failed) return SALE_UNAVAILABLE;
  seats_after(step, reservation->event, SEATS_RELEASED, reservation->id, reservation->seats,
              reservation->quantity, 0);
  return step->failed ? SALE_UNAVAILABLE : SALE_OK;
}

enum sale_refusal sale_expire(struct sale *sale, struct plan *plan, struct bytes id, int64_t now_ms,
                              int64_t *wait_ms)
{
  struct sale_reservation reservation;
  const struct bytes anybody = {NULL, 0};
  *wait_ms = 0;
  /* As of the beginning of time, when no hold had lapsed: what is written there. */
  enum sale_refusal refusal = sale_reservation_find(sale, plan->arena, id, anybody, INT64_MIN,
                                                    &reservation);
  if (refusal != SALE_OK) return refusal;
  if (reservation.status != RESERVATION_PENDING) return SALE_OK;
  if (now_ms < reservation.hold_expires_ms) {
    *wait_ms = reservation.hold_expires_ms - now_ms;
    return SALE_OK;
  }
  struct sale_step step = {sale, plan, now_ms, false};
  return end(&step, &reservation, &EXPIRY);
}

enum sale_refusal sale_tidy(struct sale *sale, struct bytes reservation_id, int64_t now_ms)
{
  struct arena arena;
  struct error error;
  struct store_transact_result result;
  int64_t wait_ms;
  arena_init(&arena, sale->memory);
  struct plan *plan = arena_alloc(&arena, sizeof *plan);
  enum sale_refusal refusal = SALE_UNAVAILABLE;
  if (plan != NULL) {
    plan_init(plan, sale->store, &arena);
    refusal = sale_expire(sale, plan, reservation_id, now_ms, &wait_ms);
  }
  if (refusal == SALE_OK && plan_commit(plan, &result, &error) != STORE_OK)
    refusal = SALE_UNAVAILABLE;
  arena_free(&arena);
  return refusal;
}

enum sale_refusal sale_tidy_seats(struct sale *sale, const struct sale_event *event,
                                  const struct sale_seat *seats, uint32_t count, int64_t now_ms)
{
  struct arena arena;
  enum sale_refusal refusal = SALE_OK;
  arena_init(&arena, sale->memory);
  for (uint32_t i = 0; refusal == SALE_OK && i < count; i++) {
    struct bytes key = record_key(&arena, BYTES("TICKET#"),
                                  ticket_id(&arena, event->id, seats[i].id));
    struct value ticket;
    if (!sale_look_up(sale->tickets, &arena, key, BYTES("METADATA"), &ticket)) {
      refusal = SALE_UNAVAILABLE;
      break;
    }
    if (!bytes_equal(record_get_text(ticket, BYTES("status")),
                     ticket_status_names[TICKET_RESERVED]))
      continue;
    struct bytes owner = arena_copy(&arena, record_get_text(ticket, BYTES("reservationId")));
    refusal = sale_tidy(sale, owner, now_ms);
  }
  arena_free(&arena);
  return refusal;
}

enum sale_refusal sale_tidy_buyer(struct sale *sale, struct bytes user_id, int64_t now_ms)
{
  enum { AT_A_TIME = 20 };
  struct arena arena;
  struct bytes cursor = {NULL, 0};
  enum sale_refusal refusal = SALE_OK;
  arena_init(&arena, sale->memory);
  do {
    struct sale_reservation *list = arena_alloc_array(&arena, AT_A_TIME, sizeof *list);
    uint32_t count = 0;
    if (list == NULL) refusal = SALE_UNAVAILABLE;
    if (refusal == SALE_OK)
      refusal = sale_reservation_list(sale, &arena, user_id, &cursor, AT_A_TIME, now_ms, list,
                                      &count);
    for (uint32_t i = 0; refusal == SALE_OK && i < count; i++)
      if (list[i].status == RESERVATION_EXPIRED) refusal = sale_tidy(sale, list[i].id, now_ms);
  } while (refusal == SALE_OK && cursor.size > 0);
  arena_free(&arena);
  return refusal;
}

/*
 * What was paid for a reservation that is cancelled goes back with it: no worker may be on its way
 * any more. A payment that is approved afterwards goes back in sale_confirm.
 */
static enum sale_refusal give_back(struct sale_step *step,
                                   const struct sale_reservation *reservation)
{
  struct sale_payment payment;
  if (reservation->payment_intent_id.size == 0 ||
      sale_payment_find(step->sale, step->plan->arena, reservation->payment_intent_id, &payment) !=
          SALE_OK ||
      payment.status != PAYMENT_COMPLETED)
    return SALE_OK;
  payment_give_back(step, &payment);
  return step->failed ? SALE_UNAVAILABLE : SALE_OK;
}

enum sale_refusal sale_cancel(struct sale *sale, struct plan *plan, struct bytes id,
                              struct bytes user_id, int64_t now_ms,
                              struct sale_reservation *reservation)
{
  enum sale_refusal refusal = sale_reservation_find(sale, plan->arena, id, user_id, now_ms,
                                                    reservation);
  if (refusal != SALE_OK) return refusal;
  struct sale_step step = {sale, plan, now_ms, false};
  switch (reservation->status) {
  case RESERVATION_CONFIRMED:
    return SALE_ALREADY_CONFIRMED;
  case RESERVATION_EXPIRED:
    return SALE_EXPIRED;
  case RESERVATION_CANCELLED: /* the same answer again */
    return SALE_OK;
  case RESERVATION_PENDING:
  case RESERVATION_STATUSES:
    break;
  }
  refusal = end(&step, reservation, &CANCELLATION);
  return refusal == SALE_OK ? give_back(&step, reservation) : refusal;
}
