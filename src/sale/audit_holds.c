#include "sale/audit_parts.h"

/* ---- reading: pk RESERVATION#{reservationId} and BUYER#{eventId}#{userId} ---- */

static bool read_counter(struct audit *audit, struct bytes buyer, struct value item)
{
  static const struct bytes names[] = {{(const uint8_t *)"seats", 5}};
  struct value seats;
  uint32_t number;
  if (!audit_refer(audit, &audit->buyers, buyer, &number)) return false;
  audit_pick(item, names, 1, &seats);
  struct audit_buyer *row = audit_buyer(audit, number);
  row->counted = true;
  row->counter = audit_integer(seats, -1);
  return true;
}

enum {
  CONFIRMED_AT,
  CREATED_AT,
  CURRENCY,
  EVENT_ID,
  EXPIRES_AT,
  ORDER_ID,
  INTENT_ID,
  RESERVATION_ID,
  STATUS,
  TICKET_IDS,
  AMOUNT,
  UPDATED_AT,
  USER_ID,
  FIELDS,
};

static const struct bytes NAMES[FIELDS] = {
    [CONFIRMED_AT] = {(const uint8_t *)"confirmedAt", 11},
    [CREATED_AT] = {(const uint8_t *)"createdAt", 9},
    [CURRENCY] = {(const uint8_t *)"currency", 8},
    [EVENT_ID] = {(const uint8_t *)"eventId", 7},
    [EXPIRES_AT] = {(const uint8_t *)"expiresAt", 9},
    [ORDER_ID] = {(const uint8_t *)"orderId", 7},
    [INTENT_ID] = {(const uint8_t *)"paymentIntentId", 15},
    [RESERVATION_ID] = {(const uint8_t *)"reservationId", 13},
    [STATUS] = {(const uint8_t *)"status", 6},
    [TICKET_IDS] = {(const uint8_t *)"ticketIds", 9},
    [AMOUNT] = {(const uint8_t *)"totalAmount", 11},
    [UPDATED_AT] = {(const uint8_t *)"updatedAt", 9},
    [USER_ID] = {(const uint8_t *)"userId", 6},
};

/* What is wrong with a reservation's own members. */
static void check_members(struct audit *audit, struct bytes id, const struct audit_hold *hold,
                          const struct value *values, bool whole)
{
  const char *wrong = NULL;
  if (!bytes_equal(audit_text(values[RESERVATION_ID]), id)) wrong = "its reservationId is another";
  if (hold->event == 0 || hold->user_id.size == 0) wrong = "it has no eventId or userId";
  if (!whole) wrong = "its ticketIds are not 1 to 10 different ones";
  if (hold->created_ms == INT64_MIN || hold->updated_ms == INT64_MIN || hold->expires_ms <= 0)
    wrong = "createdAt, updatedAt or expiresAt are no times";
  bool confirmed = audit_instant(values[CONFIRMED_AT], INT64_MIN) != INT64_MIN;
  if (confirmed != (hold->status == HOLD_CONFIRMED))
    wrong = "confirmedAt is for those that are CONFIRMED";
  if (wrong != NULL)
    audit_find(audit, AUDIT_RESERVATIONS, "reservation %.*s: %s", BYTES_FORMAT(id), wrong);
  if (hold->status == HOLD_ODD)
    audit_find(audit, AUDIT_RESERVATIONS, "reservation %.*s: its status is '%.*s'",
               BYTES_FORMAT(id), BYTES_FORMAT(audit_text(values[STATUS])));
}

static bool read_reservation(struct audit *audit, struct bytes id, struct value item)
{
  struct value values[FIELDS];
  uint32_t number;
  bool whole;
  audit_pick(item, NAMES, FIELDS, values);
  struct audit_hold read = {
      .present = true,
      .status = audit_status(values[STATUS], audit_hold_statuses, HOLD_ODD),
      .user_id = audit_text(values[USER_ID]),
      .currency = audit_text(values[CURRENCY]),
      .amount = audit_integer(values[AMOUNT], -1),
      .expires_ms = audit_integer(values[EXPIRES_AT], 0),
      .created_ms = audit_instant(values[CREATED_AT], INT64_MIN),
      .updated_ms = audit_instant(values[UPDATED_AT], INT64_MIN),
  };
  struct bytes none = {NULL, 0};
  if (!audit_refer(audit, &audit->holds, id, &number) ||
      !audit_refer(audit, &audit->events, audit_text(values[EVENT_ID]), &read.event) ||
      !audit_refer(audit, &audit->payments, audit_text(values[INTENT_ID]), &read.intent) ||
      !audit_refer(audit, &audit->orders, audit_text(values[ORDER_ID]), &read.order) ||
      !audit_read_list(audit, values[TICKET_IDS], none, &read.tickets, &whole))
    return false;
  *audit_hold(audit, number) = read;
  audit_law(audit, AUDIT_RESERVATIONS)->count++;
  check_members(audit, id, &read, values, whole);
  return true;
}

bool audit_read_reservation(struct audit *audit, struct value item)
{
  static const struct bytes names[] = {{(const uint8_t *)"pk", 2}, {(const uint8_t *)"sk", 2}};
  struct value keys[2];
  struct bytes id;
  audit_pick(item, names, 2, keys);
  struct bytes pk = audit_text(keys[0]);
  struct bytes sk = audit_text(keys[1]);
  if (bytes_equal(sk, BYTES("METADATA")) && audit_after(pk, BYTES("RESERVATION#"), &id))
    return read_reservation(audit, id, item);
  if (bytes_equal(sk, BYTES("COUNTER")) && audit_after(pk, BYTES("BUYER#"), &id))
    return read_counter(audit, id, item);
  return true;
}

bool audit_hold_is_live(const struct audit *audit, const struct audit_hold *hold)
{
  if (!hold->present) return false;
  if (hold->status == HOLD_PENDING) return true;
  return hold->status == HOLD_CONFIRMED &&
         audit_order(audit, hold->order_found)->status != ORDER_IS_REFUNDED;
}

/* ---- who has the tickets ---- */

static void mark_holds(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->holds.count; i++) {
    const struct audit_hold *hold = audit_hold(audit, i);
    if (!audit_hold_is_live(audit, hold)) continue;
    for (uint32_t j = 0; j < hold->tickets.count; j++) {
      uint32_t number = audit->pool[hold->tickets.first + j];
      struct audit_ticket *ticket = audit_ticket(audit, number);
      if (ticket->named_by != 0)
        audit_find(audit, AUDIT_HOLDERS, "ticket %.*s: reservations %.*s and %.*s both have it",
                   AUDIT_NAME(audit->tickets, number), AUDIT_NAME(audit->holds, ticket->named_by),
                   AUDIT_NAME(audit->holds, i));
      /* Of two, the one that the ticket says is not wrong as well. */
      if (ticket->named_by == 0 || ticket->reservation == i) ticket->named_by = i;
    }
  }
}

static void mark_orders(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->orders.count; i++) {
    const struct audit_order *order = audit_order(audit, i);
    if (!order->present || order->status != ORDER_IS_PAID) continue;
    for (uint32_t j = 0; j < order->tickets.count; j++) {
      uint32_t number = audit->pool[order->tickets.first + j];
      struct audit_ticket *ticket = audit_ticket(audit, number);
      if (ticket->sold_by != 0)
        audit_find(audit, AUDIT_HOLDERS, "ticket %.*s was sold twice: orders %.*s and %.*s",
                   AUDIT_NAME(audit->tickets, number), AUDIT_NAME(audit->orders, ticket->sold_by),
                   AUDIT_NAME(audit->orders, i));
      if (ticket->sold_by == 0 || ticket->reservation == order->reservation) ticket->sold_by = i;
    }
  }
}

static void check_reserved(struct audit *audit, uint32_t number, const struct audit_ticket *ticket)
{
  const struct audit_hold *hold = audit_hold(audit, ticket->reservation);
  struct bytes id = audit_names_text(&audit->tickets, number);
  struct bytes hold_id = audit_names_text(&audit->holds, ticket->reservation);
  audit_law(audit, AUDIT_HOLDERS)->count++;
  if (!hold->present)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is RESERVED by %.*s, which is not there",
               BYTES_FORMAT(id), BYTES_FORMAT(hold_id));
  else if (hold->status != HOLD_PENDING)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is RESERVED by %.*s, which is %.*s",
               BYTES_FORMAT(id), BYTES_FORMAT(hold_id),
               BYTES_FORMAT(audit_hold_statuses[hold->status]));
  else if (ticket->named_by != ticket->reservation)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is RESERVED by %.*s, which does not name it",
               BYTES_FORMAT(id), BYTES_FORMAT(hold_id));
  else if (ticket->hold_expires_ms != hold->expires_ms)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is held until %lld, its reservation %.*s %lld",
               BYTES_FORMAT(id), (long long)ticket->hold_expires_ms, BYTES_FORMAT(hold_id),
               (long long)hold->expires_ms);
  else if (hold->expires_ms <= audit->options->now_ms)
    audit_law(audit, AUDIT_HOLDERS)->pending++;
  if (ticket->sold_by != 0)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is RESERVED, but order %.*s is paid for it",
               BYTES_FORMAT(id), AUDIT_NAME(audit->orders, ticket->sold_by));
}

static void check_sold(struct audit *audit, uint32_t number, const struct audit_ticket *ticket)
{
  const struct audit_order *order = audit_order(audit, ticket->sold_by);
  struct bytes id = audit_names_text(&audit->tickets, number);
  struct bytes hold_id = audit_names_text(&audit->holds, ticket->reservation);
  audit_law(audit, AUDIT_HOLDERS)->count++;
  if (ticket->sold_by == 0)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is SOLD to %.*s, but no paid order names it",
               BYTES_FORMAT(id), BYTES_FORMAT(hold_id));
  else if (order->reservation != ticket->reservation)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is SOLD to %.*s, but paid by %.*s for %.*s",
               BYTES_FORMAT(id), BYTES_FORMAT(hold_id), AUDIT_NAME(audit->orders, ticket->sold_by),
               AUDIT_NAME(audit->holds, order->reservation));
  if (ticket->named_by != 0 && ticket->named_by != ticket->reservation)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is SOLD to %.*s, but reservation %.*s has it",
               BYTES_FORMAT(id), BYTES_FORMAT(hold_id), AUDIT_NAME(audit->holds, ticket->named_by));
}

static void check_available(struct audit *audit, uint32_t number, const struct audit_ticket *ticket)
{
  if (ticket->sold_by != 0)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is AVAILABLE, but order %.*s is paid for it",
               AUDIT_NAME(audit->tickets, number), AUDIT_NAME(audit->orders, ticket->sold_by));
  else if (ticket->named_by != 0)
    audit_find(audit, AUDIT_HOLDERS, "ticket %.*s is AVAILABLE, but reservation %.*s has it",
               AUDIT_NAME(audit->tickets, number), AUDIT_NAME(audit->holds, ticket->named_by));
}

bool audit_check_holders(struct audit *audit)
{
  mark_holds(audit);
  mark_orders(audit);
  for (uint32_t i = 1; i < audit->tickets.count; i++) {
    const struct audit_ticket *ticket = audit_ticket(audit, i);
    if (!ticket->present) continue; /* the reservation or order that names it is wrong */
    if (ticket->status == TICKET_IS_RESERVED) check_reserved(audit, i, ticket);
    if (ticket->status == TICKET_IS_SOLD) check_sold(audit, i, ticket);
    if (ticket->status == TICKET_IS_AVAILABLE) check_available(audit, i, ticket);
  }
  return true;
}

/* ---- reservations ---- */

/* Its tickets are there, of its event, and their prices make its amount. */
static void check_tickets(struct audit *audit, uint32_t number, const struct audit_hold *hold)
{
  uint64_t sum = 0;
  for (uint32_t i = 0; i < hold->tickets.count; i++) {
    uint32_t ticket_number = audit->pool[hold->tickets.first + i];
    const struct audit_ticket *ticket = audit_ticket(audit, ticket_number);
    sum += (uint64_t)ticket->price;
    if (!ticket->present || ticket->event != hold->event)
      audit_find(audit, AUDIT_RESERVATIONS,
                 "reservation %.*s: ticket %.*s is not there or of another event",
                 AUDIT_NAME(audit->holds, number), AUDIT_NAME(audit->tickets, ticket_number));
  }
  if (hold->amount < 0 || (uint64_t)hold->amount != sum)
    audit_find(audit, AUDIT_RESERVATIONS, "reservation %.*s costs %lld, its tickets %lld",
               AUDIT_NAME(audit->holds, number), (long long)hold->amount, (long long)sum);
  if (!bytes_equal(hold->currency, audit_event(audit, hold->event)->currency))
    audit_find(audit, AUDIT_RESERVATIONS, "reservation %.*s: its currency is not its event's",
               AUDIT_NAME(audit->holds, number));
}

static void check_one_order(struct audit *audit, uint32_t number, const struct audit_hold *hold)
{
  struct bytes id = audit_names_text(&audit->holds, number);
  bool confirmed = hold->status == HOLD_CONFIRMED;
  if (hold->orders != (confirmed ? 1 : 0))
    audit_find(audit, AUDIT_RESERVATIONS, "reservation %.*s is %.*s and has %u orders",
               BYTES_FORMAT(id), BYTES_FORMAT(audit_hold_statuses[hold->status]),
               (unsigned)hold->orders);
  else if (hold->order != hold->order_found)
    audit_find(audit, AUDIT_RESERVATIONS, "reservation %.*s: its orderId is %.*s, its order %.*s",
               BYTES_FORMAT(id), AUDIT_NAME(audit->orders, hold->order),
               AUDIT_NAME(audit->orders, hold->order_found));
}

bool audit_check_reservations(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->holds.count; i++) {
    const struct audit_hold *hold = audit_hold(audit, i);
    if (!hold->present) continue;
    check_tickets(audit, i, hold);
    check_one_order(audit, i, hold);
    if (hold->intent != 0 && audit_payment(audit, hold->intent)->reservation != i)
      audit_find(audit, AUDIT_RESERVATIONS, "reservation %.*s: payment %.*s is not of it",
                 AUDIT_NAME(audit->holds, i), AUDIT_NAME(audit->payments, hold->intent));
  }
  return true;
}

/* ---- buyers ---- */

/* The number of a buyer in an event; a name that no counter has is kept. */
static bool find_buyer(struct audit *audit, const struct audit_hold *hold, uint32_t *buyer)
{
  struct buffer name;
  buffer_init(&name, audit->memory);
  buffer_append(&name, audit_names_text(&audit->events, hold->event));
  buffer_append(&name, BYTES("#"));
  buffer_append(&name, hold->user_id);
  *buyer = name.failed ? 0 : audit_names_find(&audit->buyers, buffer_bytes(&name));
  struct bytes copy = {NULL, 0};
  if (!name.failed && *buyer == 0) copy = arena_copy(&audit->texts, buffer_bytes(&name));
  buffer_free(&name);
  if (*buyer != 0) return true;
  if (copy.data == NULL) return audit_no_memory(audit);
  return audit_refer(audit, &audit->buyers, copy, buyer);
}

/* The event of "{eventId}#{userId}"; 0: none. */
static uint32_t event_of(const struct audit *audit, struct bytes buyer)
{
  size_t mark = bytes_find(buyer, BYTES("#"));
  return mark == SIZE_MAX ? 0 : audit_names_find(&audit->events, bytes_of(buyer.data, mark));
}

bool audit_check_buyers(struct audit *audit)
{
  struct audit_law_result *law = audit_law(audit, AUDIT_BUYERS);
  for (uint32_t i = 1; i < audit->holds.count; i++) {
    const struct audit_hold *hold = audit_hold(audit, i);
    uint32_t buyer;
    if (!audit_hold_is_live(audit, hold)) continue;
    if (!find_buyer(audit, hold, &buyer)) return false;
    audit_buyer(audit, buyer)->seats += hold->tickets.count;
  }
  for (uint32_t i = 1; i < audit->buyers.count; i++) {
    const struct audit_buyer *buyer = audit_buyer(audit, i);
    struct bytes name = audit_names_text(&audit->buyers, i);
    law->count++;
    if (buyer->counter != buyer->seats)
      audit_find(audit, AUDIT_BUYERS, "buyer %.*s: the counter says %lld, they have %lld seats",
                 BYTES_FORMAT(name), (long long)buyer->counter, (long long)buyer->seats);
    const struct audit_event *event = audit_event(audit, event_of(audit, name));
    if (!event->present || buyer->seats <= event->buyer_max) continue;
    /* The limit may have been lowered since: no finding. */
    law->pending++;
    audit_note(audit, AUDIT_BUYERS, "buyer %.*s has %lld seats, the limit is %lld now",
               BYTES_FORMAT(name), (long long)buyer->seats, (long long)event->buyer_max);
  }
  return true;
}
