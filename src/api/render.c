#include "api/render.h"

#include "api/body.h"
#include "base/check.h"
#include "base/instant.h"
#include "sale/seat_map.h"

enum { RENDER_BYTES = 1024, MS_PER_S = 1000 };

void render_begin(struct render *render, struct exchange *exchange)
{
  render->exchange = exchange;
  buffer_init(&render->buffer, &exchange->memory);
  (void)buffer_reserve(&render->buffer, RENDER_BYTES);
  json_writer_init(&render->json, &render->buffer);
  json_write_object_begin(&render->json);
}

struct bytes render_end(struct render *render)
{
  struct bytes copy = {NULL, 0};
  json_write_object_end(&render->json);
  if (json_writer_finish(&render->json))
    copy = arena_copy(&render->exchange->arena, buffer_bytes(&render->buffer));
  buffer_free(&render->buffer);
  return copy;
}

void render_text(struct json_writer *json, struct bytes key, struct bytes text)
{
  json_write_key(json, key);
  json_write_string(json, text);
}

void render_text_if(struct json_writer *json, struct bytes key, struct bytes text)
{
  if (text.size > 0) render_text(json, key, text);
}

void render_integer(struct json_writer *json, struct bytes key, int64_t integer)
{
  json_write_key(json, key);
  json_write_integer(json, integer);
}

void render_bool(struct json_writer *json, struct bytes key, bool boolean)
{
  json_write_key(json, key);
  json_write_bool(json, boolean);
}

void render_time(struct json_writer *json, struct bytes key, int64_t time_ms)
{
  char text[INSTANT_TEXT_BYTES];
  instant_format(time_ms, text);
  render_text(json, key, bytes_of(text, sizeof text));
}

void render_money(struct json_writer *json, struct bytes key, int64_t amount, struct bytes currency)
{
  json_write_key(json, key);
  json_write_object_begin(json);
  render_integer(json, BYTES("amount"), amount);
  render_text(json, BYTES("currency"), currency);
  json_write_object_end(json);
}

void render_cursor(struct json_writer *json, struct bytes cursor)
{
  json_write_key(json, BYTES("next_cursor"));
  if (cursor.size > 0)
    json_write_string(json, cursor);
  else
    json_write_null(json);
}

void render_seat(struct json_writer *json, const struct sale_seat *seat)
{
  render_text(json, BYTES("id"), seat->id);
  render_text(json, BYTES("section"), seat->section);
  render_text(json, BYTES("row"), seat->row);
  render_text(json, BYTES("number"), seat->number);
}

void render_seats(struct json_writer *json, struct bytes key, const struct sale_seat *seats,
                  uint32_t count)
{
  json_write_key(json, key);
  json_write_array_begin(json);
  for (uint32_t i = 0; i < count; i++) {
    json_write_object_begin(json);
    render_seat(json, &seats[i]);
    json_write_object_end(json);
  }
  json_write_array_end(json);
}

void render_seat_ids(struct json_writer *json, struct bytes key, const struct sale_seat *seats,
                     uint32_t count)
{
  json_write_key(json, key);
  json_write_array_begin(json);
  for (uint32_t i = 0; i < count; i++) json_write_string(json, seats[i].id);
  json_write_array_end(json);
}

void render_ids(struct json_writer *json, struct bytes key, const struct bytes *ids, uint32_t count)
{
  json_write_key(json, key);
  json_write_array_begin(json);
  for (uint32_t i = 0; i < count; i++) json_write_string(json, ids[i]);
  json_write_array_end(json);
}

void render_tickets(struct json_writer *json, struct bytes key, const struct sale_order *order,
                    const struct ticket_signer *signer)
{
  char code[TICKET_CODE_TEXT_MAX];
  json_write_key(json, key);
  json_write_array_begin(json);
  for (uint32_t i = 0; i < order->quantity; i++) {
    json_write_object_begin(json);
    render_text(json, BYTES("ticket_id"), order->ticket_ids[i]);
    render_text(json, BYTES("seat_id"), order->seats[i].id);
    size_t size = sale_ticket_code(order, i, signer, code);
    render_text_if(json, BYTES("qr"), bytes_of(code, size));
    json_write_object_end(json);
  }
  json_write_array_end(json);
}

int64_t render_seconds_left(int64_t until_ms, int64_t now_ms)
{
  return until_ms > now_ms ? (until_ms - now_ms) / MS_PER_S : 0;
}

void render_reservation(struct json_writer *json, const struct sale_reservation *reservation,
                        int64_t now_ms)
{
  bool pending = reservation->status == RESERVATION_PENDING;
  render_text(json, BYTES("reservation_id"), reservation->id);
  render_text(json, BYTES("event_id"), reservation->event->id);
  render_text(json, BYTES("user_id"), reservation->user_id);
  render_text(json, BYTES("status"), reservation_status_name(reservation->status));
  render_seats(json, BYTES("seats"), reservation->seats, reservation->quantity);
  render_integer(json, BYTES("quantity"), reservation->quantity);
  render_money(json, BYTES("total_amount"), reservation->amount, reservation->event->currency);
  render_time(json, BYTES("created_at"), reservation->created_ms);
  render_time(json, BYTES("updated_at"), reservation->updated_ms);
  render_time(json, BYTES("hold_expires_at"), reservation->hold_expires_ms);
  render_integer(json, BYTES("expires_in"),
                 pending ? render_seconds_left(reservation->hold_expires_ms, now_ms) : 0);
  render_text_if(json, BYTES("payment_intent_id"), reservation->payment_intent_id);
  render_text_if(json, BYTES("order_id"), reservation->order_id);
}

void render_order(struct json_writer *json, const struct sale_order *order,
                  const struct ticket_signer *signer)
{
  render_text(json, BYTES("order_id"), order->id);
  render_text(json, BYTES("reservation_id"), order->reservation_id);
  render_text(json, BYTES("event_id"), order->event->id);
  render_text(json, BYTES("user_id"), order->user_id);
  render_text(json, BYTES("status"), order_status_name(order->status));
  render_seats(json, BYTES("seats"), order->seats, order->quantity);
  render_integer(json, BYTES("quantity"), order->quantity);
  render_money(json, BYTES("total_amount"), order->amount, order->currency);
  render_money(json, BYTES("refunded_amount"), order->refunded, order->currency);
  render_text_if(json, BYTES("payment_intent_id"), order->intent_id);
  render_text_if(json, BYTES("payment_id"), order->payment_id);
  render_time(json, BYTES("created_at"), order->created_ms);
  render_time(json, BYTES("updated_at"), order->updated_ms);
  render_tickets(json, BYTES("tickets"), order, signer);
}

static void render_sections(struct json_writer *json, const struct seat_map *map)
{
  json_write_key(json, BYTES("sections"));
  json_write_array_begin(json);
  for (uint32_t i = 0; i < map->section_count; i++) {
    const struct seat_section *section = &map->sections[i];
    json_write_object_begin(json);
    render_text(json, BYTES("id"), section->id);
    render_text(json, BYTES("name"), section->name);
    render_integer(json, BYTES("price"), section->price);
    render_integer(json, BYTES("total"), section->seat_count);
    render_integer(json, BYTES("remain"), section->counts.of[SEAT_FREE]);
    json_write_object_end(json);
  }
  json_write_array_end(json);
}

/* Of the whole event. */
static void render_totals(struct json_writer *json, const struct seat_map *map)
{
  render_integer(json, BYTES("price_min"), map->price_min);
  render_integer(json, BYTES("price_max"), map->price_max);
  render_integer(json, BYTES("total"), map->seat_count);
  render_integer(json, BYTES("remaining"), map->counts.of[SEAT_FREE]);
}

void render_seats_left(struct json_writer *json, const struct seat_map *map)
{
  render_totals(json, map);
  render_sections(json, map);
}

void render_event(struct json_writer *json, const struct sale_event *event, bool sections,
                  int64_t now_ms)
{
  const struct seat_map *map = event->map;
  render_text(json, BYTES("event_id"), event->id);
  render_text(json, BYTES("name"), event->name);
  render_text(json, BYTES("venue"), event->venue);
  render_time(json, BYTES("starts_at"), event->starts_ms);
  render_time(json, BYTES("sale_opens_at"), event->sale_opens_ms);
  render_integer(json, BYTES("sale_opens_in"), render_seconds_left(event->sale_opens_ms, now_ms));
  render_text(json, BYTES("status"), sale_status_name(sale_event_status(event, now_ms)));
  render_text(json, BYTES("currency"), event->currency);
  render_totals(json, map);
  render_integer(json, BYTES("max_per_buyer"), event->max_per_buyer);
  render_integer(json, BYTES("hold_seconds"), event->hold_seconds);
  render_bool(json, BYTES("needs_admission"), room_needs_admission(event->room));
  if (sections) render_sections(json, map);
}

void render_payment(struct json_writer *json, const struct sale_payment *payment)
{
  render_text(json, BYTES("payment_intent_id"), payment->intent_id);
  render_text_if(json, BYTES("payment_id"), payment->payment_id);
  render_text(json, BYTES("status"), payment_status_name(payment->status));
  render_integer(json, BYTES("amount"), payment->amount);
  render_text(json, BYTES("currency"), payment->currency);
  render_text(json, BYTES("reservation_id"), payment->reservation_id);
  render_text_if(json, BYTES("order_id"), payment->order_id);
}

/* The domain says "field: reason" or "field must be ..."; details have the two apart. */
static struct bytes details_of(struct exchange *exchange, struct bytes message)
{
  size_t size = 0;
  while (size < message.size &&
         ((message.data[size] >= 'a' && message.data[size] <= 'z') || message.data[size] == '_'))
    size++;
  if (size == 0 || size == message.size) return (struct bytes){NULL, 0};
  struct bytes field = bytes_of(message.data, size);
  struct bytes rest = bytes_of(message.data + size, message.size - size);
  while (rest.size > 0 && (rest.data[0] == ':' || rest.data[0] == ' '))
    rest = bytes_of(rest.data + 1, rest.size - 1);
  return body_details(exchange, field, rest);
}

void render_refusal(struct exchange *exchange, enum sale_refusal refusal, const struct error *error,
                    struct bytes details)
{
  const struct sale_refusal_row *row = sale_refusal_row(refusal);
  bool has_words = error != NULL && error->code != ERROR_NONE;
  struct bytes message = bytes_of_text(has_words ? error->message : row->message);
  if (refusal == SALE_INVALID && has_words && details.size == 0)
    details = details_of(exchange, message);
  exchange_reply_error(exchange, row->status, row->code, message, details);
  if (row->status == 503) exchange_add_header(exchange, BYTES("retry-after"), BYTES("1"));
}
