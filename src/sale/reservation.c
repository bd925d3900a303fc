#include "sale/sale_parts.h"

#include "base/check.h"

static const struct bytes STATUS_NAMES[RESERVATION_STATUSES] = {
    [RESERVATION_PENDING] = {(const uint8_t *)"PENDING", 7},
    [RESERVATION_CONFIRMED] = {(const uint8_t *)"CONFIRMED", 9},
    [RESERVATION_EXPIRED] = {(const uint8_t *)"EXPIRED", 7},
    [RESERVATION_CANCELLED] = {(const uint8_t *)"CANCELLED", 9},
};

struct bytes reservation_status_name(enum reservation_status status)
{
  CHECK(status < RESERVATION_STATUSES);
  return STATUS_NAMES[status];
}

/* The seats of a list of seat ids; what the event's map knows of each. */
static bool read_seats(struct arena *arena, struct value item, struct sale_reservation *reservation)
{
  struct value list = value_attribute(item, BYTES("seatIds"));
  if (value_type(list) != VALUE_LIST || value_count(list) > SALE_SEATS_MAX) return false;
  struct value_iterator iterator = value_iterate(list);
  struct value element;
  reservation->quantity = 0;
  while (value_next(&iterator, NULL, &element)) {
    struct sale_seat *seat = &reservation->seats[reservation->quantity++];
    if (!seats_read(arena, reservation->event, value_bytes(element), seat)) return false;
  }
  return true;
}

bool reservation_read(struct sale *sale, struct arena *arena, struct value item,
                      struct sale_reservation *reservation)
{
  *reservation = (struct sale_reservation){
      .id = arena_copy(arena, record_get_text(item, BYTES("reservationId"))),
      .user_id = arena_copy(arena, record_get_text(item, BYTES("userId"))),
      .payment_intent_id = arena_copy(arena, record_get_text(item, BYTES("paymentIntentId"))),
      .order_id = arena_copy(arena, record_get_text(item, BYTES("orderId"))),
      .event = sale_event_find(sale, record_get_text(item, BYTES("eventId"))),
      .amount = record_get_integer(item, BYTES("totalAmount"), 0),
      .created_ms = record_get_instant(item, BYTES("createdAt"), 0),
      .updated_ms = record_get_instant(item, BYTES("updatedAt"), 0),
      .hold_expires_ms = record_get_integer(item, BYTES("expiresAt"), 0),
      .extended = record_get_integer(item, BYTES("extended"), 0) != 0,
      .shopper = (uint32_t)record_get_integer(item, BYTES("shopper"), ROOM_NOBODY),
  };
  struct bytes status = record_get_text(item, BYTES("status"));
  reservation->status = RESERVATION_STATUSES;
  for (enum reservation_status i = 0; i < RESERVATION_STATUSES; i++)
    if (bytes_equal(status, STATUS_NAMES[i])) reservation->status = i;
  bool whole = reservation->id.data != NULL && reservation->user_id.data != NULL &&
               reservation->payment_intent_id.data != NULL && reservation->order_id.data != NULL;
  return whole && reservation->event != NULL && reservation->status < RESERVATION_STATUSES &&
         read_seats(arena, item, reservation);
}

struct value reservation_item(struct sale *sale, struct arena *arena,
                              const struct sale_reservation *reservation)
{
  struct bytes seat_ids[SALE_SEATS_MAX];
  struct bytes ticket_ids[SALE_SEATS_MAX];
  for (uint32_t i = 0; i < reservation->quantity; i++) {
    seat_ids[i] = reservation->seats[i].id;
    ticket_ids[i] = ticket_id(arena, reservation->event->id, seat_ids[i]);
  }
  char created[INSTANT_TEXT_BYTES];
  instant_format(reservation->created_ms, created);
  struct record_writer *writer = &sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), record_key(arena, BYTES("RESERVATION#"), reservation->id));
  record_text(writer, BYTES("sk"), BYTES("METADATA"));
  record_text(writer, BYTES("gsi1pk"), record_key(arena, BYTES("USER#"), reservation->user_id));
  /* The id behind the time keeps those of one millisecond apart, and in order. */
  struct bytes sort = record_key(arena, BYTES("CREATED#"), bytes_of(created, sizeof created));
  record_text(writer, BYTES("gsi1sk"), sort);
  record_text(writer, BYTES("reservationId"), reservation->id);
  record_text(writer, BYTES("userId"), reservation->user_id);
  record_text(writer, BYTES("eventId"), reservation->event->id);
  record_texts(writer, BYTES("seatIds"), seat_ids, reservation->quantity);
  record_texts(writer, BYTES("ticketIds"), ticket_ids, reservation->quantity);
  record_text(writer, BYTES("status"), reservation_status_name(reservation->status));
  record_integer(writer, BYTES("totalAmount"), reservation->amount);
  record_text(writer, BYTES("currency"), reservation->event->currency);
  record_integer(writer, BYTES("expiresAt"), reservation->hold_expires_ms);
  record_integer(writer, BYTES("extended"), reservation->extended ? 1 : 0);
  if (reservation->shopper != ROOM_NOBODY)
    record_integer(writer, BYTES("shopper"), reservation->shopper);
  record_instant(writer, BYTES("createdAt"), reservation->created_ms);
  record_instant(writer, BYTES("updatedAt"), reservation->updated_ms);
  if (reservation->status == RESERVATION_CONFIRMED)
    record_instant(writer, BYTES("confirmedAt"), reservation->updated_ms);
  if (reservation->payment_intent_id.size > 0)
    record_text(writer, BYTES("paymentIntentId"), reservation->payment_intent_id);
  if (reservation->order_id.size > 0) record_text(writer, BYTES("orderId"), reservation->order_id);
  return record_end(writer, arena);
}

struct value reservation_load(struct sale *sale, struct arena *arena, struct bytes id)
{
  return sale_find(sale->reservations, arena, record_key(arena, BYTES("RESERVATION#"), id),
                   BYTES("METADATA"));
}

void reservation_write_ids(struct json_writer *writer, struct arena *arena,
                           const struct sale_reservation *reservation)
{
  json_write_key(writer, BYTES("reservationId"));
  json_write_string(writer, reservation->id);
  json_write_key(writer, BYTES("userId"));
  json_write_string(writer, reservation->user_id);
  json_write_key(writer, BYTES("eventId"));
  json_write_string(writer, reservation->event->id);
  json_write_key(writer, BYTES("ticketIds"));
  json_write_array_begin(writer);
  for (uint32_t i = 0; i < reservation->quantity; i++)
    json_write_string(writer, ticket_id(arena, reservation->event->id, reservation->seats[i].id));
  json_write_array_end(writer);
}

/* What a hold that is over is, though nobody has written it down yet. */
static void show_lapsed(struct sale_reservation *reservation, int64_t now_ms)
{
  if (reservation->status == RESERVATION_PENDING && now_ms >= reservation->hold_expires_ms)
    reservation->status = RESERVATION_EXPIRED;
}

enum sale_refusal sale_reservation_find(struct sale *sale, struct arena *arena, struct bytes id,
                                        struct bytes user_id, int64_t now_ms,
                                        struct sale_reservation *reservation)
{
  struct value item;
  struct bytes key = record_key(arena, BYTES("RESERVATION#"), id);
  if (!sale_look_up(sale->reservations, arena, key, BYTES("METADATA"), &item))
    return SALE_UNAVAILABLE;
  if (!value_present(item)) return SALE_RESERVATION_NOT_FOUND;
  if (!reservation_read(sale, arena, item, reservation)) return SALE_UNAVAILABLE;
  if (user_id.size > 0 && !bytes_equal(user_id, reservation->user_id))
    return SALE_RESERVATION_NOT_FOUND;
  show_lapsed(reservation, now_ms);
  return SALE_OK;
}

/* ---- lists: index GSI1, newest first; a cursor is "{createdAt}~{reservationId}" ---- */

static bool cursor_read(struct bytes cursor, struct bytes *created, struct bytes *id)
{
  if (cursor.size <= INSTANT_TEXT_BYTES + 1 || cursor.data[INSTANT_TEXT_BYTES] != '~') return false;
  *created = bytes_of(cursor.data, INSTANT_TEXT_BYTES);
  *id = bytes_of(cursor.data + INSTANT_TEXT_BYTES + 1, cursor.size - INSTANT_TEXT_BYTES - 1);
  return true;
}

static struct value start_of(struct sale *sale, struct arena *arena, struct bytes user_id,
                             struct bytes cursor)
{
  struct bytes created;
  struct bytes id;
  if (!cursor_read(cursor, &created, &id)) return VALUE_NONE;
  record_begin(&sale->writer);
  record_text(&sale->writer, BYTES("pk"), record_key(arena, BYTES("RESERVATION#"), id));
  record_text(&sale->writer, BYTES("sk"), BYTES("METADATA"));
  record_text(&sale->writer, BYTES("gsi1pk"), record_key(arena, BYTES("USER#"), user_id));
  record_text(&sale->writer, BYTES("gsi1sk"), record_key(arena, BYTES("CREATED#"), created));
  return record_end(&sale->writer, arena);
}

static struct bytes cursor_of(struct arena *arena, const struct sale_reservation *reservation)
{
  char created[INSTANT_TEXT_BYTES + 1];
  instant_format(reservation->created_ms, created);
  created[INSTANT_TEXT_BYTES] = '~';
  return record_key(arena, bytes_of(created, sizeof created), reservation->id);
}

enum sale_refusal sale_reservation_list(struct sale *sale, struct arena *arena,
                                        struct bytes user_id, struct bytes *cursor, uint32_t limit,
                                        int64_t now_ms, struct sale_reservation *list,
                                        uint32_t *count)
{
  struct error error;
  struct store_page page;
  struct value values[] = {value_make_string(arena, record_key(arena, BYTES("USER#"), user_id))};
  struct store_query query = {
      .table = sale->reservations,
      .index = BYTES("GSI1"),
      .key_condition = sale->expressions.of_user,
      .values = values,
      .backward = true,
      .limit = limit,
      .start_key = cursor->size > 0 ? start_of(sale, arena, user_id, *cursor) : VALUE_NONE,
  };
  if (cursor->size > 0 && !value_present(query.start_key)) return SALE_INVALID;
  *count = 0;
  if (store_query(sale->store, &query, arena, &page, &error) != STORE_OK) return SALE_UNAVAILABLE;
  for (uint32_t i = 0; i < page.count; i++) {
    struct sale_reservation *reservation = &list[*count];
    if (!reservation_read(sale, arena, page.items[i], reservation)) return SALE_UNAVAILABLE;
    show_lapsed(reservation, now_ms);
    (*count)++;
  }
  *cursor = (struct bytes){NULL, 0};
  if (value_present(page.last_key) && *count > 0) *cursor = cursor_of(arena, &list[*count - 1]);
  return SALE_OK;
}

/* ---- the buyer's counter: pk BUYER#{eventId}#{userId}, sk COUNTER ---- */

static struct bytes buyer_key(struct arena *arena, const struct sale_event *event,
                              struct bytes user_id)
{
  struct bytes head = record_key(arena, BYTES("BUYER#"), event->id);
  struct bytes with_mark = record_key(arena, head, BYTES("#"));
  return record_key(arena, with_mark, user_id);
}

int64_t buyer_seats(struct sale *sale, struct arena *arena, const struct sale_event *event,
                    struct bytes user_id)
{
  struct value item = sale_find(sale->reservations, arena, buyer_key(arena, event, user_id),
                                BYTES("COUNTER"));
  return record_get_integer(item, BYTES("seats"), 0);
}

void buyer_add_seats(struct sale_step *step, const struct sale_event *event, struct bytes user_id,
                     int64_t seats, int64_t limit)
{
  enum { SEATS, MOST, BUYER_VALUES };
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  struct value *values = arena_alloc_array(arena, BUYER_VALUES, sizeof *values);
  if (values == NULL) {
    step->failed = true;
    return;
  }
  values[SEATS] = value_make_integer(arena, seats);
  values[MOST] = value_make_integer(arena, limit - seats);
  const struct store_action action = {
      .kind = ACTION_UPDATE,
      .table = sale->reservations,
      .item = sale_key(sale, arena, buyer_key(arena, event, user_id), BYTES("COUNTER")),
      .condition = limit > 0 ? sale->expressions.buyer_below : NULL,
      .update = sale->expressions.buyer_add,
      .values = values,
  };
  if (!value_present(action.item) || !value_present(values[SEATS]) || !value_present(values[MOST]))
    step->failed = true;
  plan_add(step->plan, &action);
}
