#include "api/report.h"

#include "api/answer.h"
#include "api/handlers.h"
#include "api/render.h"
#include "base/instant.h"
#include "sale/seat_map.h"

struct totals {
  int64_t orders[ORDER_REFUNDED + 1];
  int64_t tickets;
  int64_t charged, refunded;
};

/* One that is being made: in the exchange's arena. */
struct report {
  struct report *next;
  struct exchange *exchange;
  const struct sale_event *event;
  bool table;             /* CSV */
  struct buffer position; /* of the scan */
  struct totals totals;
  struct buffer text; /* the table so far */
};

#define TABLE_HEAD                                                \
  "order_id,reservation_id,user_id,status,seats,amount,refunded," \
  "currency,created_at\r\n"

static void add_order(void *context, const struct sale_order *order)
{
  struct totals *totals = context;
  totals->orders[order->status]++;
  if (order->status == ORDER_PAID) totals->tickets += order->quantity;
  totals->charged += order->amount;
  totals->refunded += order->refunded;
}

static void render_counts(struct json_writer *json, const struct seat_counts *counts)
{
  render_integer(json, BYTES("available"), counts->of[SEAT_FREE]);
  render_integer(json, BYTES("reserved"), counts->of[SEAT_HELD]);
  render_integer(json, BYTES("sold"), counts->of[SEAT_SOLD]);
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
    render_counts(json, &section->counts);
    json_write_object_end(json);
  }
  json_write_array_end(json);
}

static void reply_json(const struct report *report, int64_t now_ms)
{
  struct exchange *exchange = report->exchange;
  const struct sale_event *event = report->event;
  const struct seat_map *map = event->map;
  const struct totals *totals = &report->totals;
  struct render render;
  struct json_writer *json = &render.json;
  render_begin(&render, exchange);
  render_text(json, BYTES("event_id"), event->id);
  render_text(json, BYTES("status"), sale_status_name(sale_event_status(event, now_ms)));
  render_time(json, BYTES("as_of"), now_ms);
  render_integer(json, BYTES("total"), map->seat_count);
  json_write_key(json, BYTES("seats"));
  json_write_object_begin(json);
  render_counts(json, &map->counts);
  json_write_object_end(json);
  render_sections(json, map);
  render_money(json, BYTES("revenue"), totals->charged - totals->refunded, event->currency);
  render_money(json, BYTES("refunded"), totals->refunded, event->currency);
  render_integer(json, BYTES("holds"), map->heap_count);
  json_write_key(json, BYTES("orders"));
  json_write_object_begin(json);
  render_integer(json, BYTES("paid"), totals->orders[ORDER_PAID]);
  render_integer(json, BYTES("refunded"), totals->orders[ORDER_REFUNDED]);
  render_integer(json, BYTES("tickets"), totals->tickets);
  json_write_object_end(json);
  answer_json(exchange, render_end(&render));
}

/* ---- CSV (RFC 4180) ---- */

/*
 * A field in quotes. One that a spreadsheet would take for a formula begins with an apostrophe then
 * (OWASP, CSV injection).
 */
static void write_field(struct buffer *text, struct bytes field)
{
  buffer_append_byte(text, '"');
  if (field.size > 0 && memchr("=+-@\t\r", field.data[0], 6) != NULL)
    buffer_append_byte(text, '\'');
  for (size_t i = 0; i < field.size; i++) {
    if (field.data[i] == '"') buffer_append_byte(text, '"');
    buffer_append_byte(text, field.data[i]);
  }
  buffer_append_byte(text, '"');
}

static void write_seats(struct buffer *text, const struct sale_order *order)
{
  buffer_append_byte(text, '"');
  for (uint32_t i = 0; i < order->quantity; i++) {
    if (i > 0) buffer_append_byte(text, ' ');
    buffer_append(text, order->seats[i].id);
  }
  buffer_append_byte(text, '"');
}

static void write_order(void *context, const struct sale_order *order)
{
  struct buffer *text = context;
  const struct bytes fields[] = {order->id, order->reservation_id, order->user_id,
                                 order_status_name(order->status)};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    write_field(text, fields[i]);
    buffer_append_byte(text, ',');
  }
  char created[INSTANT_TEXT_BYTES];
  instant_format(order->created_ms, created);
  write_seats(text, order);
  buffer_append_format(text, ",%lld,%lld,%.*s,%.*s\r\n", (long long)order->amount,
                       (long long)order->refunded, BYTES_FORMAT(order->currency),
                       INSTANT_TEXT_BYTES, created);
}

static void reply_table(const struct report *report)
{
  struct exchange *exchange = report->exchange;
  struct bytes copy = {NULL, 0};
  if (!report->text.failed) copy = arena_copy(&exchange->arena, buffer_bytes(&report->text));
  if (copy.data == NULL) {
    answer_refusal(exchange, SALE_UNAVAILABLE);
    return;
  }
  exchange_reply(exchange, 200, BYTES("text/csv; charset=utf-8; header=present"), copy);
  answer_send(exchange);
}

/* ---- making one, a slice at a time ---- */

static void finish(struct api *api, struct report *report, enum sale_refusal refusal)
{
  struct exchange *exchange = report->exchange;
  api->reports = report->next;
  buffer_free(&report->position);
  int64_t now_ms = world_clock_ms(api->world);
  seat_map_advance(report->event->map, now_ms);
  if (refusal != SALE_OK) {
    buffer_free(&report->text);
    answer_refusal(exchange, refusal);
    return;
  }
  /* The exchange, and with it the report, is gone once it is sent. */
  struct buffer text = report->text;
  if (report->table)
    reply_table(report);
  else
    reply_json(report, now_ms);
  buffer_free(&text);
}

bool report_tick(struct api *api)
{
  struct report *report = api->reports;
  if (report == NULL) return false;
  bool done = false;
  enum sale_refusal refusal = sale_order_scan(
      api->sale, report->event, &report->position, report->table ? write_order : add_order,
      report->table ? (void *)&report->text : (void *)&report->totals, &done);
  if (refusal != SALE_OK || done) finish(api, report, refusal);
  return api->reports != NULL;
}

void api_admin_report(struct exchange *exchange)
{
  struct api *api = exchange->context;
  const struct sale_event *event = sale_event_find(api->sale, exchange_parameter(exchange, 0));
  if (event == NULL) {
    answer_refusal(exchange, SALE_EVENT_NOT_FOUND);
    return;
  }
  struct report *report = arena_alloc(&exchange->arena, sizeof *report);
  if (report == NULL || !exchange_keep_head(exchange)) {
    answer_refusal(exchange, SALE_UNAVAILABLE);
    return;
  }
  *report = (struct report){
      .exchange = exchange,
      .event = event,
      .table = http_list_has(exchange->head.fields[HTTP_ACCEPT], BYTES("text/csv")),
  };
  buffer_init(&report->position, &api->world->memory);
  buffer_init(&report->text, &api->world->memory);
  if (report->table) buffer_append(&report->text, BYTES(TABLE_HEAD));
  struct report **last = &api->reports;
  while (*last != NULL) last = &(*last)->next;
  *last = report;
}
