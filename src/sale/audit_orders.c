#include "sale/audit_parts.h"

/* ---- reading: pk ORDER#{orderId} and PAYMENT#{paymentIntentId} ---- */

enum {
  O_CURRENCY,
  O_EVENT_ID,
  O_ORDER_ID,
  O_PAYMENT_ID,
  O_INTENT_ID,
  O_REFUNDED,
  O_RESERVATION_ID,
  O_SEAT_IDS,
  O_STATUS,
  O_AMOUNT,
  O_USER_ID,
  O_FIELDS,
};

static const struct bytes ORDER_NAMES[O_FIELDS] = {
    [O_CURRENCY] = {(const uint8_t *)"currency", 8},
    [O_EVENT_ID] = {(const uint8_t *)"eventId", 7},
    [O_ORDER_ID] = {(const uint8_t *)"orderId", 7},
    [O_PAYMENT_ID] = {(const uint8_t *)"paymentId", 9},
    [O_INTENT_ID] = {(const uint8_t *)"paymentIntentId", 15},
    [O_REFUNDED] = {(const uint8_t *)"refundedAmount", 14},
    [O_RESERVATION_ID] = {(const uint8_t *)"reservationId", 13},
    [O_SEAT_IDS] = {(const uint8_t *)"seatIds", 7},
    [O_STATUS] = {(const uint8_t *)"status", 6},
    [O_AMOUNT] = {(const uint8_t *)"totalAmount", 11},
    [O_USER_ID] = {(const uint8_t *)"userId", 6},
};

static bool read_order(struct audit *audit, struct bytes id, struct value item)
{
  struct value values[O_FIELDS];
  uint32_t number;
  bool whole;
  audit_pick(item, ORDER_NAMES, O_FIELDS, values);
  struct audit_order read = {
      .present = true,
      .status = audit_status(values[O_STATUS], audit_order_statuses, ORDER_IS_ODD),
      .user_id = audit_text(values[O_USER_ID]),
      .payment_id = audit_text(values[O_PAYMENT_ID]),
      .currency = audit_text(values[O_CURRENCY]),
      .amount = audit_integer(values[O_AMOUNT], -1),
      .refunded = audit_integer(values[O_REFUNDED], 0),
  };
  struct bytes event_id = audit_text(values[O_EVENT_ID]);
  if (!audit_refer(audit, &audit->orders, id, &number) ||
      !audit_refer(audit, &audit->events, event_id, &read.event) ||
      !audit_refer(audit, &audit->holds, audit_text(values[O_RESERVATION_ID]), &read.reservation) ||
      !audit_refer(audit, &audit->payments, audit_text(values[O_INTENT_ID]), &read.intent) ||
      !audit_read_list(audit, values[O_SEAT_IDS], event_id, &read.tickets, &whole))
    return false;
  read.payments = audit_order(audit, number)->payments;
  *audit_order(audit, number) = read;
  audit_law(audit, AUDIT_ORDERS)->count++;
  if (read.reservation != 0) {
    struct audit_hold *hold = audit_hold(audit, read.reservation);
    if (hold->orders++ == 0 || hold->order == number) hold->order_found = number;
  }
  if (read.status == ORDER_IS_ODD)
    audit_find(audit, AUDIT_ORDERS, "order %.*s: its status is '%.*s'", BYTES_FORMAT(id),
               BYTES_FORMAT(audit_text(values[O_STATUS])));
  if (!whole || !bytes_equal(audit_text(values[O_ORDER_ID]), id))
    audit_find(audit, AUDIT_ORDERS,
               "order %.*s: its orderId is another, or its seats are not whole", BYTES_FORMAT(id));
  return true;
}

enum {
  P_AMOUNT,
  P_CREATED_AT,
  P_CURRENCY,
  P_ORDER_ID,
  P_PAYMENT_ID,
  P_INTENT_ID,
  P_RESERVATION_ID,
  P_STATUS,
  P_UPDATED_AT,
  P_FIELDS,
};

static const struct bytes PAYMENT_NAMES[P_FIELDS] = {
    [P_AMOUNT] = {(const uint8_t *)"amount", 6},
    [P_CREATED_AT] = {(const uint8_t *)"createdAt", 9},
    [P_CURRENCY] = {(const uint8_t *)"currency", 8},
    [P_ORDER_ID] = {(const uint8_t *)"orderId", 7},
    [P_PAYMENT_ID] = {(const uint8_t *)"paymentId", 9},
    [P_INTENT_ID] = {(const uint8_t *)"paymentIntentId", 15},
    [P_RESERVATION_ID] = {(const uint8_t *)"reservationId", 13},
    [P_STATUS] = {(const uint8_t *)"status", 6},
    [P_UPDATED_AT] = {(const uint8_t *)"updatedAt", 9},
};

static bool read_payment(struct audit *audit, struct bytes id, struct value item)
{
  struct value values[P_FIELDS];
  uint32_t number;
  audit_pick(item, PAYMENT_NAMES, P_FIELDS, values);
  struct audit_payment read = {
      .present = true,
      .status = audit_status(values[P_STATUS], audit_payment_statuses, PAID_ODD),
      .payment_id = audit_text(values[P_PAYMENT_ID]),
      .currency = audit_text(values[P_CURRENCY]),
      .amount = audit_integer(values[P_AMOUNT], -1),
      .created_ms = audit_instant(values[P_CREATED_AT], INT64_MIN),
      .updated_ms = audit_instant(values[P_UPDATED_AT], INT64_MIN),
  };
  if (!audit_refer(audit, &audit->payments, id, &number) ||
      !audit_refer(audit, &audit->holds, audit_text(values[P_RESERVATION_ID]), &read.reservation) ||
      !audit_refer(audit, &audit->orders, audit_text(values[P_ORDER_ID]), &read.order))
    return false;
  *audit_payment(audit, number) = read;
  audit_law(audit, AUDIT_PAYMENTS)->count++;
  if (read.order != 0) audit_order(audit, read.order)->payments++;
  if (read.status == PAID_ODD)
    audit_find(audit, AUDIT_PAYMENTS, "payment %.*s: its status is '%.*s'", BYTES_FORMAT(id),
               BYTES_FORMAT(audit_text(values[P_STATUS])));
  if (!bytes_equal(audit_text(values[P_INTENT_ID]), id) || read.created_ms == INT64_MIN ||
      read.updated_ms == INT64_MIN)
    audit_find(audit, AUDIT_PAYMENTS,
               "payment %.*s: its paymentIntentId is another, or its times are none",
               BYTES_FORMAT(id));
  return true;
}

bool audit_read_order(struct audit *audit, struct value item)
{
  static const struct bytes names[] = {{(const uint8_t *)"pk", 2}, {(const uint8_t *)"sk", 2}};
  struct value keys[2];
  struct bytes id;
  audit_pick(item, names, 2, keys);
  struct bytes pk = audit_text(keys[0]);
  if (!bytes_equal(audit_text(keys[1]), BYTES("METADATA"))) return true;
  if (audit_after(pk, BYTES("PAYMENT#"), &id)) return read_payment(audit, id, item);
  if (audit_after(pk, BYTES("ORDER#"), &id)) return read_order(audit, id, item);
  return true;
}

/* ---- orders ---- */

static bool names_same_tickets(const struct audit *audit, struct audit_list left,
                               struct audit_list right)
{
  if (left.count != right.count) return false;
  for (uint32_t i = 0; i < left.count; i++) {
    bool found = false;
    for (uint32_t j = 0; j < right.count && !found; j++)
      found = audit->pool[left.first + i] == audit->pool[right.first + j];
    if (!found) return false;
  }
  return true;
}

static const char *compare_to_hold(const struct audit *audit, const struct audit_order *order)
{
  const struct audit_hold *hold = audit_hold(audit, order->reservation);
  if (!hold->present || hold->status != HOLD_CONFIRMED) return "its reservation is not CONFIRMED";
  if (order->event != hold->event || !bytes_equal(order->user_id, hold->user_id))
    return "event or buyer are not its reservation's";
  if (!names_same_tickets(audit, order->tickets, hold->tickets))
    return "its seats are not its reservation's";
  if (order->amount != hold->amount || !bytes_equal(order->currency, hold->currency))
    return "its amount is not its reservation's";
  return NULL;
}

static const char *compare_to_payment(const struct audit *audit, uint32_t number,
                                      const struct audit_order *order)
{
  const struct audit_payment *payment = audit_payment(audit, order->intent);
  bool refunded = order->status == ORDER_IS_REFUNDED;
  if (!payment->present) return "its payment is not there";
  if (payment->order != number || order->payments != 1) return "it is not that of one payment";
  if (!bytes_equal(payment->payment_id, order->payment_id)) return "its paymentId is another";
  if (payment->amount != order->amount || !bytes_equal(payment->currency, order->currency))
    return "its amount is not its payment's";
  if (payment->status != (refunded ? PAID_REFUNDED : PAID_COMPLETED))
    return refunded ? "is REFUNDED, but its payment is not"
                    : "is PAID, but its payment is not COMPLETED";
  if (order->refunded < 0 || order->refunded > order->amount ||
      refunded != (order->refunded == order->amount))
    return "its status and its refundedAmount do not agree";
  return NULL;
}

bool audit_check_orders(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->orders.count; i++) {
    const struct audit_order *order = audit_order(audit, i);
    if (!order->present) continue;
    const char *wrong = compare_to_hold(audit, order);
    if (wrong != NULL)
      audit_find(audit, AUDIT_ORDERS, "order %.*s of reservation %.*s: %s",
                 AUDIT_NAME(audit->orders, i), AUDIT_NAME(audit->holds, order->reservation), wrong);
    wrong = compare_to_payment(audit, i, order);
    if (wrong != NULL)
      audit_find(audit, AUDIT_ORDERS, "order %.*s of payment %.*s: %s",
                 AUDIT_NAME(audit->orders, i), AUDIT_NAME(audit->payments, order->intent), wrong);
  }
  return true;
}

/* ---- payments ---- */

/* Money that is there, and no order yet. */
static void check_waiting(struct audit *audit, uint32_t number, const struct audit_payment *payment)
{
  const struct audit_hold *hold = audit_hold(audit, payment->reservation);
  struct bytes id = audit_names_text(&audit->payments, number);
  struct bytes hold_id = audit_names_text(&audit->holds, payment->reservation);
  bool paid_before = hold->status == HOLD_CONFIRMED;
  if (paid_before && audit->options->now_ms - payment->updated_ms > AUDIT_WORKER_MS) {
    audit_find(audit, AUDIT_PAYMENTS,
               "payment %.*s is COMPLETED, but reservation %.*s was paid by another one",
               BYTES_FORMAT(id), BYTES_FORMAT(hold_id));
    return;
  }
  audit_law(audit, AUDIT_PAYMENTS)->pending++;
  audit_note(audit, AUDIT_PAYMENTS,
             "payment %.*s is COMPLETED and waits for its worker; reservation %.*s is %.*s",
             BYTES_FORMAT(id), BYTES_FORMAT(hold_id),
             BYTES_FORMAT(audit_hold_statuses[hold->status]));
}

static const char *compare_to_order(const struct audit *audit, uint32_t number,
                                    const struct audit_payment *payment)
{
  const struct audit_order *order = audit_order(audit, payment->order);
  if (payment->order == 0) return NULL;
  if (!order->present || order->intent != number) return "its order is not there or of another one";
  if (payment->status == PAID_PENDING || payment->status == PAID_FAILED)
    return "it is not COMPLETED, but has an order";
  if (payment->status == PAID_REFUNDED && order->status != ORDER_IS_REFUNDED)
    return "it is REFUNDED, but its order is not";
  return NULL;
}

bool audit_check_payments(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->payments.count; i++) {
    const struct audit_payment *payment = audit_payment(audit, i);
    const struct audit_hold *hold = audit_hold(audit, payment->reservation);
    if (!payment->present) continue;
    const char *wrong = compare_to_order(audit, i, payment);
    if (!hold->present)
      wrong = "its reservation is not there";
    else if (payment->amount <= 0 || payment->amount != hold->amount ||
             !bytes_equal(payment->currency, hold->currency))
      wrong = "its amount is not its reservation's";
    if (wrong != NULL)
      audit_find(audit, AUDIT_PAYMENTS, "payment %.*s of reservation %.*s: %s",
                 AUDIT_NAME(audit->payments, i), AUDIT_NAME(audit->holds, payment->reservation),
                 wrong);
    else if (payment->status == PAID_COMPLETED && payment->order == 0)
      check_waiting(audit, i, payment);
  }
  return true;
}

/* ---- money, by event ---- */

static void add_up(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->orders.count; i++) {
    const struct audit_order *order = audit_order(audit, i);
    if (!order->present || order->event == 0) continue;
    struct audit_event *event = audit_event(audit, order->event);
    event->has_orders = true;
    if (order->status == ORDER_IS_PAID) event->paid += (uint64_t)order->amount;
    if (order->status == ORDER_IS_REFUNDED) event->refunded += (uint64_t)order->amount;
  }
  for (uint32_t i = 1; i < audit->payments.count; i++) {
    const struct audit_payment *payment = audit_payment(audit, i);
    uint32_t number = audit_order(audit, payment->order)->event;
    if (!payment->present || number == 0) continue;
    struct audit_event *event = audit_event(audit, number);
    if (payment->status == PAID_COMPLETED) event->completed += (uint64_t)payment->amount;
    if (payment->status == PAID_REFUNDED) event->returned += (uint64_t)payment->amount;
  }
  for (uint32_t i = 1; i < audit->tickets.count; i++) {
    const struct audit_ticket *ticket = audit_ticket(audit, i);
    if (ticket->present && ticket->status == TICKET_IS_SOLD && ticket->event != 0)
      audit_event(audit, ticket->event)->sold_seats += (uint64_t)ticket->price;
  }
}

bool audit_check_money(struct audit *audit)
{
  add_up(audit);
  for (uint32_t i = 1; i < audit->events.count; i++) {
    const struct audit_event *event = audit_event(audit, i);
    struct bytes id = audit_names_text(&audit->events, i);
    if (!event->has_orders && event->sold_seats == 0) continue;
    audit_law(audit, AUDIT_MONEY)->count++;
    if (event->paid != event->completed || event->refunded != event->returned)
      audit_find(audit, AUDIT_MONEY,
                 "event %.*s: orders of %lld are paid and of %lld refunded, payments of %lld and "
                 "%lld",
                 BYTES_FORMAT(id), (long long)event->paid, (long long)event->refunded,
                 (long long)event->completed, (long long)event->returned);
    if (event->paid != event->sold_seats)
      audit_find(audit, AUDIT_MONEY, "event %.*s: orders of %lld are paid, seats of %lld are sold",
                 BYTES_FORMAT(id), (long long)event->paid, (long long)event->sold_seats);
  }
  return true;
}
