#include "sale/sale_parts.h"

#include "base/check.h"

static const struct bytes STATUS_NAMES[] = {
    [ORDER_PAID] = {(const uint8_t *)"PAID", 4},
    [ORDER_REFUNDED] = {(const uint8_t *)"REFUNDED", 8},
};

enum { RESERVATION_PREFIX_BYTES = 4 }; /* "rsv_" */

struct bytes order_status_name(enum order_status status)
{
  CHECK(status <= ORDER_REFUNDED);
  return STATUS_NAMES[status];
}

/*
 * A reservation has one order, and its id follows from the reservation's: making it twice is
 * impossible by its key.
 */
static struct bytes order_id_of(struct arena *arena, struct bytes reservation_id)
{
  CHECK_THAT(reservation_id.size, >, RESERVATION_PREFIX_BYTES);
  return record_key(arena, BYTES("ord_"),
                    bytes_of(reservation_id.data + RESERVATION_PREFIX_BYTES,
                             reservation_id.size - RESERVATION_PREFIX_BYTES));
}

/* The issue of each ticket, beside its seat. */
static void read_issues(struct value item, struct sale_order *order)
{
  struct value list = value_attribute(item, BYTES("issues"));
  if (value_type(list) != VALUE_LIST) return;
  struct value_iterator iterator = value_iterate(list);
  struct value element;
  for (uint32_t i = 0; i < order->quantity && value_next(&iterator, NULL, &element); i++)
    if (!value_integer(element, &order->issues[i])) order->issues[i] = 0;
}

static bool order_read(struct sale *sale, struct arena *arena, struct value item,
                       struct sale_order *order)
{
  *order = (struct sale_order){
      .id = arena_copy(arena, record_get_text(item, BYTES("orderId"))),
      .reservation_id = arena_copy(arena, record_get_text(item, BYTES("reservationId"))),
      .user_id = arena_copy(arena, record_get_text(item, BYTES("userId"))),
      .payment_id = arena_copy(arena, record_get_text(item, BYTES("paymentId"))),
      .intent_id = arena_copy(arena, record_get_text(item, BYTES("paymentIntentId"))),
      .currency = arena_copy(arena, record_get_text(item, BYTES("currency"))),
      .event = sale_event_find(sale, record_get_text(item, BYTES("eventId"))),
      .status = bytes_equal(record_get_text(item, BYTES("status")), STATUS_NAMES[ORDER_REFUNDED])
                    ? ORDER_REFUNDED
                    : ORDER_PAID,
      .amount = record_get_integer(item, BYTES("totalAmount"), 0),
      .refunded = record_get_integer(item, BYTES("refundedAmount"), 0),
      .created_ms = record_get_instant(item, BYTES("createdAt"), 0),
      .updated_ms = record_get_instant(item, BYTES("updatedAt"), 0),
  };
  struct value list = value_attribute(item, BYTES("seatIds"));
  if (order->event == NULL || value_type(list) != VALUE_LIST) return false;
  struct value_iterator iterator = value_iterate(list);
  struct value element;
  while (order->quantity < SALE_SEATS_MAX && value_next(&iterator, NULL, &element)) {
    uint32_t place = order->quantity++;
    if (!seats_read(arena, order->event, value_bytes(element), &order->seats[place])) return false;
    order->ticket_ids[place] = ticket_id(arena, order->event->id, order->seats[place].id);
    if (order->ticket_ids[place].data == NULL) return false;
  }
  read_issues(item, order);
  return order->id.data != NULL && order->reservation_id.data != NULL &&
         order->user_id.data != NULL && order->payment_id.data != NULL &&
         order->intent_id.data != NULL && order->currency.data != NULL;
}

static struct value order_item(struct sale *sale, struct arena *arena,
                               const struct sale_order *order)
{
  struct bytes seat_ids[SALE_SEATS_MAX];
  for (uint32_t i = 0; i < order->quantity; i++) seat_ids[i] = order->seats[i].id;
  char created[INSTANT_TEXT_BYTES];
  instant_format(order->created_ms, created);
  struct record_writer *writer = &sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), record_key(arena, BYTES("ORDER#"), order->id));
  record_text(writer, BYTES("sk"), BYTES("METADATA"));
  record_text(writer, BYTES("gsi1pk"),
              record_key(arena, BYTES("RESERVATION#"), order->reservation_id));
  record_text(writer, BYTES("gsi1sk"),
              record_key(arena, BYTES("CREATED#"), bytes_of(created, sizeof created)));
  record_text(writer, BYTES("orderId"), order->id);
  record_text(writer, BYTES("reservationId"), order->reservation_id);
  record_text(writer, BYTES("eventId"), order->event->id);
  record_text(writer, BYTES("userId"), order->user_id);
  record_text(writer, BYTES("paymentId"), order->payment_id);
  record_text(writer, BYTES("paymentIntentId"), order->intent_id);
  record_texts(writer, BYTES("seatIds"), seat_ids, order->quantity);
  record_integers(writer, BYTES("issues"), order->issues, order->quantity);
  record_integer(writer, BYTES("totalAmount"), order->amount);
  record_integer(writer, BYTES("refundedAmount"), order->refunded);
  record_text(writer, BYTES("currency"), order->currency);
  record_text(writer, BYTES("status"), order_status_name(order->status));
  record_instant(writer, BYTES("createdAt"), order->created_ms);
  record_instant(writer, BYTES("updatedAt"), order->updated_ms);
  return record_end(writer, arena);
}

static enum sale_refusal order_load(struct sale *sale, struct arena *arena, struct bytes id,
                                    struct sale_order *order)
{
  struct value item;
  struct bytes key = record_key(arena, BYTES("ORDER#"), id);
  if (!sale_look_up(sale->orders, arena, key, BYTES("METADATA"), &item)) return SALE_UNAVAILABLE;
  if (!value_present(item)) return SALE_ORDER_NOT_FOUND;
  return order_read(sale, arena, item, order) ? SALE_OK : SALE_UNAVAILABLE;
}

enum sale_refusal sale_order_find(struct sale *sale, struct arena *arena, struct bytes id,
                                  struct bytes user_id, struct sale_order *order)
{
  enum sale_refusal refusal = order_load(sale, arena, id, order);
  if (refusal != SALE_OK) return refusal;
  if (user_id.size > 0 && !bytes_equal(user_id, order->user_id)) return SALE_ORDER_NOT_FOUND;
  return SALE_OK;
}

enum sale_refusal sale_order_list(struct sale *sale, struct arena *arena, struct bytes user_id,
                                  struct bytes *cursor, uint32_t limit, int64_t now_ms,
                                  struct sale_order *list, uint32_t *count)
{
  /* A buyer's orders are those of their reservations. */
  *count = 0;
  struct sale_reservation *reservations = arena_alloc_array(arena, limit, sizeof *reservations);
  if (reservations == NULL) return SALE_UNAVAILABLE;
  do {
    uint32_t found;
    enum sale_refusal refusal = sale_reservation_list(sale, arena, user_id, cursor, limit - *count,
                                                      now_ms, reservations, &found);
    if (refusal != SALE_OK) return refusal;
    for (uint32_t i = 0; refusal == SALE_OK && i < found; i++) {
      if (reservations[i].order_id.size == 0) continue;
      refusal = order_load(sale, arena, reservations[i].order_id, &list[*count]);
      if (refusal == SALE_OK) (*count)++;
    }
    if (refusal != SALE_OK) return refusal;
  } while (*count < limit && cursor->size > 0);
  return SALE_OK;
}

enum sale_refusal sale_order_scan(struct sale *sale, const struct sale_event *event,
                                  struct buffer *position, sale_order_visit *visit, void *context,
                                  bool *done)
{
  enum { SLICE_ITEMS = 400 }; /* orders and payments: about a millisecond */
  struct arena arena;
  struct error error;
  struct store_page page;
  struct store_query query = {
      .table = sale->orders,
      .start_key = {position->data, position->size},
      .limit = SLICE_ITEMS,
  };
  if (position->size == 0) query.start_key = VALUE_NONE;
  arena_init(&arena, sale->memory);
  enum sale_refusal refusal = SALE_UNAVAILABLE;
  if (store_scan(sale->store, &query, &arena, &page, &error) == STORE_OK) {
    bool whole = true;
    for (uint32_t i = 0; whole && i < page.count; i++) {
      struct sale_order order;
      if (!bytes_starts_with(record_get_text(page.items[i], BYTES("pk")), BYTES("ORDER#")) ||
          !bytes_equal(record_get_text(page.items[i], BYTES("eventId")), event->id))
        continue;
      whole = order_read(sale, &arena, page.items[i], &order);
      if (whole) visit(context, &order);
    }
    *done = !value_present(page.last_key);
    buffer_clear(position);
    if (whole &&
        (*done || buffer_append(position, bytes_of(page.last_key.data, page.last_key.size))))
      refusal = SALE_OK;
  }
  arena_free(&arena);
  return refusal;
}

/* ---- confirm ---- */

static bool change_seats(struct sale_step *step, struct sale_order *order, enum ticket_status from,
                         enum ticket_status to)
{
  for (uint32_t i = 0; i < order->quantity; i++) {
    const struct ticket_change change = {
        .ticket_id = order->ticket_ids[i],
        .event_id = order->event->id,
        .reservation_id = order->reservation_id,
        .user_id = order->user_id,
        .from = from,
        .to = to,
        .price = order->seats[i].price,
    };
    int64_t version = ticket_add_change(step, &change);
    if (to == TICKET_SOLD) order->issues[i] = version;
  }
  seats_after(step, order->event, to == TICKET_SOLD ? SEATS_SOLD : SEATS_REFUNDED,
              order->reservation_id, order->seats, order->quantity, 0);
  return !step->failed;
}

/* {"orderId","reservationId","userId","eventId","ticketIds","amount","currency","at"} */
static struct bytes detail_of(struct sale_step *step, const struct sale_order *order,
                              const struct sale_reservation *reservation, struct bytes time_name)
{
  struct sale_detail detail;
  char time[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, time);
  sale_detail_begin(step, &detail);
  json_write_key(&detail.json, BYTES("orderId"));
  json_write_string(&detail.json, order->id);
  reservation_write_ids(&detail.json, step->plan->arena, reservation);
  json_write_key(&detail.json, BYTES("totalAmount"));
  json_write_integer(&detail.json, order->amount);
  json_write_key(&detail.json, BYTES("currency"));
  json_write_string(&detail.json, order->currency);
  json_write_key(&detail.json, time_name);
  json_write_string(&detail.json, bytes_of(time, sizeof time));
  return sale_detail_end(step, &detail);
}

/* The order of a reservation whose seats may be sold now: all of it in the plan. */
static enum sale_refusal sell(struct sale_step *step, struct sale_reservation *reservation,
                              struct sale_payment *payment, enum ticket_status from,
                              struct sale_order *order)
{
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  *order = (struct sale_order){
      .id = order_id_of(arena, reservation->id),
      .reservation_id = reservation->id,
      .user_id = reservation->user_id,
      .payment_id = payment->payment_id,
      .intent_id = payment->intent_id,
      .currency = payment->currency,
      .event = reservation->event,
      .status = ORDER_PAID,
      .quantity = reservation->quantity,
      .amount = payment->amount,
      .created_ms = step->now_ms,
      .updated_ms = step->now_ms,
  };
  for (uint32_t i = 0; i < order->quantity; i++) {
    order->seats[i] = reservation->seats[i];
    order->ticket_ids[i] = ticket_id(arena, order->event->id, order->seats[i].id);
  }
  if (!change_seats(step, order, from, TICKET_SOLD)) return SALE_UNAVAILABLE;
  reservation->status = RESERVATION_CONFIRMED;
  reservation->order_id = order->id;
  reservation->updated_ms = step->now_ms;
  payment->order_id = order->id;
  if (sale->options.captures)
    provider_command_add(step, PROVIDER_CAPTURE, payment, payment->amount);
  sale_step_put(step, sale->orders, order_item(sale, arena, order), sale->expressions.absent, NULL);
  sale_step_put(step, sale->reservations, reservation_item(sale, arena, reservation), NULL, NULL);
  payment_put(step, payment);
  admission_hold_ends(step, reservation,
                      from == TICKET_RESERVED ? ROOM_HOLD_BOUGHT : ROOM_HOLD_BOUGHT_LATE);
  struct bytes detail = detail_of(step, order, reservation, BYTES("confirmedAt"));
  if (!step->failed)
    outbox_add(step, BYTES("ReservationConfirmed"), BYTES("reservation"), reservation->id, detail);
  return step->failed ? SALE_UNAVAILABLE : SALE_OK;
}

/* The money goes back, since nothing can be had for it any more. */
static bool give_back(struct sale_step *step, struct sale_payment *payment, bool *refunded)
{
  payment_give_back(step, payment);
  *refunded = !step->failed;
  return !step->failed;
}

static bool is_within_limit(struct sale *sale, struct arena *arena,
                            const struct sale_reservation *reservation)
{
  int64_t has = buyer_seats(sale, arena, reservation->event, reservation->user_id);
  return has + reservation->quantity <= reservation->event->max_per_buyer;
}

/* Whether the seats of a reservation that is over are still there for its buyer. */
static bool can_have_again(struct sale *sale, struct arena *arena,
                           const struct sale_reservation *reservation, int64_t now_ms)
{
  if (!is_within_limit(sale, arena, reservation)) return false;
  seat_map_advance(reservation->event->map, now_ms);
  for (uint32_t i = 0; i < reservation->quantity; i++)
    if (seat_map_state(reservation->event->map, reservation->seats[i].place) != SEAT_FREE)
      return false;
  return true;
}

/* A payment that was approved after its hold lapsed (DESIGN 8). */
static enum sale_refusal confirm_late(struct sale_step *step, struct sale_reservation *reservation,
                                      struct sale_payment *payment, struct sale_order *order,
                                      bool *refunded)
{
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  /* What lapsed is resolved first, for each hold in a transaction of its own. */
  enum sale_refusal refusal = sale_tidy(sale, reservation->id, step->now_ms);
  if (refusal == SALE_OK && !is_within_limit(sale, arena, reservation))
    refusal = sale_tidy_buyer(sale, reservation->user_id, step->now_ms);
  if (refusal != SALE_OK) return refusal;
  bool cancelled = reservation->status == RESERVATION_CANCELLED;
  if (cancelled || !can_have_again(sale, arena, reservation, step->now_ms)) {
    if (!give_back(step, payment, refunded)) return SALE_UNAVAILABLE;
    return cancelled ? SALE_CANCELLED : SALE_EXPIRED;
  }
  refusal = sale_tidy_seats(sale, reservation->event, reservation->seats, reservation->quantity,
                            step->now_ms);
  if (refusal != SALE_OK) return refusal;
  buyer_add_seats(step, reservation->event, reservation->user_id, reservation->quantity,
                  reservation->event->max_per_buyer);
  return sell(step, reservation, payment, TICKET_AVAILABLE, order);
}

enum sale_refusal sale_confirm(struct sale *sale, struct plan *plan, struct bytes reservation_id,
                               struct bytes user_id, struct bytes intent_id, int64_t now_ms,
                               struct sale_order *order, bool *refunded)
{
  struct arena *arena = plan->arena;
  struct sale_reservation reservation;
  struct sale_payment payment;
  *refunded = false;
  enum sale_refusal refusal = sale_reservation_find(sale, arena, reservation_id, user_id, now_ms,
                                                    &reservation);
  if (refusal != SALE_OK) return refusal;
  if (intent_id.size == 0) intent_id = reservation.payment_intent_id;
  refusal = SALE_PAYMENT_NOT_FOUND;
  if (intent_id.size > 0) refusal = sale_payment_find(sale, arena, intent_id, &payment);
  if (refusal == SALE_UNAVAILABLE) return refusal;
  bool paid = refusal == SALE_OK && bytes_equal(payment.reservation_id, reservation.id) &&
              payment.status == PAYMENT_COMPLETED;
  struct sale_step step = {sale, plan, now_ms, false};
  if (reservation.status == RESERVATION_CONFIRMED) {
    refusal = order_load(sale, arena, reservation.order_id, order);
    if (refusal != SALE_OK) return refusal;
    /* Paid twice, by two intents: one of them bought it, the other one's money goes back. */
    if (paid && payment.order_id.size == 0 && !give_back(&step, &payment, refunded))
      return SALE_UNAVAILABLE;
    return SALE_OK;
  }
  if (reservation.status == RESERVATION_PENDING)
    return paid ? sell(&step, &reservation, &payment, TICKET_RESERVED, order)
                : SALE_PAYMENT_NOT_APPROVED;
  if (paid) return confirm_late(&step, &reservation, &payment, order, refunded);
  return reservation.status == RESERVATION_CANCELLED ? SALE_CANCELLED : SALE_EXPIRED;
}

/* ---- refund ---- */

enum sale_refusal sale_refund(struct sale *sale, struct plan *plan, struct bytes order_id,
                              int64_t amount, struct bytes reason, int64_t now_ms,
                              struct sale_order *order)
{
  struct arena *arena = plan->arena;
  struct sale_payment payment;
  struct sale_step step = {sale, plan, now_ms, false};
  enum sale_refusal refusal = order_load(sale, arena, order_id, order);
  if (refusal != SALE_OK) return refusal;
  if (amount < 0) return SALE_INVALID_AMOUNT;
  if (amount == 0) amount = order->amount - order->refunded;
  if (order->status == ORDER_REFUNDED || amount > order->amount - order->refunded)
    return SALE_NOT_REFUNDABLE;
  refusal = sale_payment_find(sale, arena, order->intent_id, &payment);
  if (refusal != SALE_OK) return refusal;
  order->refunded += amount;
  order->updated_ms = now_ms;
  if (order->refunded == order->amount) {
    /* All of it: the seats are free for others. */
    order->status = ORDER_REFUNDED;
    payment.status = PAYMENT_REFUNDED;
    if (!change_seats(&step, order, TICKET_SOLD, TICKET_AVAILABLE)) return SALE_UNAVAILABLE;
    buyer_add_seats(&step, order->event, order->user_id, -(int64_t)order->quantity, 0);
  }
  sale_step_put(&step, sale->orders, order_item(sale, arena, order), NULL, NULL);
  provider_command_add(&step, PROVIDER_REFUND, &payment, amount);
  payment_put(&step, &payment);
  struct sale_payment told = payment;
  told.amount = amount;
  (void)reason;
  payment_tell(&step, &told, BYTES("PaymentRefunded"));
  return step.failed ? SALE_UNAVAILABLE : SALE_OK;
}
