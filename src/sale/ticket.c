#include "sale/sale_parts.h"

#include "base/check.h"

#include <stdio.h>

const struct bytes ticket_status_names[TICKET_STATUSES] = {
    [TICKET_AVAILABLE] = {(const uint8_t *)"AVAILABLE", 9},
    [TICKET_RESERVED] = {(const uint8_t *)"RESERVED", 8},
    [TICKET_SOLD] = {(const uint8_t *)"SOLD", 4},
};

/* What a change is called in the ticket's history, by the state it leads to. */
static const struct bytes HISTORY_NAMES[TICKET_STATUSES][TICKET_STATUSES] = {
    [TICKET_AVAILABLE][TICKET_RESERVED] = {(const uint8_t *)"TicketReserved", 14},
    [TICKET_RESERVED][TICKET_AVAILABLE] = {(const uint8_t *)"TicketReleased", 14},
    [TICKET_RESERVED][TICKET_SOLD] = {(const uint8_t *)"TicketSold", 10},
    [TICKET_AVAILABLE][TICKET_SOLD] = {(const uint8_t *)"TicketSold", 10},
    [TICKET_SOLD][TICKET_AVAILABLE] = {(const uint8_t *)"TicketRefunded", 14},
};

struct bytes ticket_id(struct arena *arena, struct bytes event_id, struct bytes seat_id)
{
  uint8_t *id = arena_alloc(arena, event_id.size + 1 + seat_id.size);
  if (id == NULL) return (struct bytes){NULL, 0};
  memcpy(id, event_id.data, event_id.size);
  id[event_id.size] = ':';
  memcpy(id + event_id.size + 1, seat_id.data, seat_id.size);
  return bytes_of(id, event_id.size + 1 + seat_id.size);
}

/* {"ticketId","eventId","status","previousStatus","reservationId","userId","version"} */
static struct bytes detail_of(struct sale_step *step, const struct ticket_change *change,
                              int64_t version)
{
  struct sale_detail detail;
  sale_detail_begin(step, &detail);
  json_write_key(&detail.json, BYTES("ticketId"));
  json_write_string(&detail.json, change->ticket_id);
  json_write_key(&detail.json, BYTES("eventId"));
  json_write_string(&detail.json, change->event_id);
  json_write_key(&detail.json, BYTES("status"));
  json_write_string(&detail.json, ticket_status_names[change->to]);
  json_write_key(&detail.json, BYTES("previousStatus"));
  json_write_string(&detail.json, ticket_status_names[change->from]);
  json_write_key(&detail.json, BYTES("reservationId"));
  json_write_string(&detail.json, change->reservation_id);
  json_write_key(&detail.json, BYTES("userId"));
  json_write_string(&detail.json, change->user_id);
  json_write_key(&detail.json, BYTES("price"));
  json_write_integer(&detail.json, change->price);
  json_write_key(&detail.json, BYTES("version"));
  json_write_integer(&detail.json, version);
  return sale_detail_end(step, &detail);
}

/* One row for every change, never updated: pk TICKET#{ticketId}, sk EVENT#{timestamp}#{version}. */
void ticket_add_history(struct sale_step *step, struct bytes id, struct bytes type,
                        struct bytes user_id, int64_t version, struct bytes detail)
{
  struct arena *arena = step->plan->arena;
  char sort[INSTANT_TEXT_BYTES + 32];
  char time[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, time);
  int size = snprintf(sort, sizeof sort, "EVENT#%.*s#%lld", INSTANT_TEXT_BYTES, time,
                      (long long)version);
  struct record_writer *writer = &step->sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), record_key(arena, BYTES("TICKET#"), id));
  record_text(writer, BYTES("sk"), bytes_of(sort, (size_t)size));
  record_text(writer, BYTES("eventType"), type);
  record_text(writer, BYTES("eventData"), detail);
  record_text(writer, BYTES("userId"), user_id);
  record_integer(writer, BYTES("aggregateVersion"), version);
  sale_step_put(step, step->sale->ticket_events, record_end(writer, arena), NULL, NULL);
}

/* The places of ticket_is and ticket_set. */
enum { FROM, TO, EXPIRES, RESERVATION, OWNER, VERSION, UPDATED, WAS, TICKET_VALUES };

int64_t ticket_add_change(struct sale_step *step, const struct ticket_change *change)
{
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  struct bytes key = record_key(arena, BYTES("TICKET#"), change->ticket_id);
  struct value now = sale_find(sale->tickets, arena, key, BYTES("METADATA"));
  int64_t version = record_get_integer(now, BYTES("version"), 0) + 1;
  /* Every ticket is there; what is missing is memory. */
  if (!value_present(now)) step->failed = true;
  bool keeps = change->to != TICKET_AVAILABLE;
  char updated[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, updated);
  struct value *values = arena_alloc_array(arena, TICKET_VALUES, sizeof *values);
  if (values == NULL) {
    step->failed = true;
    return version;
  }
  values[FROM] = value_make_string(arena, ticket_status_names[change->from]);
  values[TO] = value_make_string(arena, ticket_status_names[change->to]);
  values[EXPIRES] = value_make_integer(arena,
                                       change->to == TICKET_RESERVED ? change->hold_expires_ms : 0);
  values[RESERVATION] = value_make_string(arena,
                                          keeps ? change->reservation_id : (struct bytes){NULL, 0});
  values[OWNER] = value_make_string(
      arena, change->from == TICKET_AVAILABLE ? (struct bytes){NULL, 0} : change->reservation_id);
  values[VERSION] = value_make_integer(arena, version);
  values[WAS] = value_make_integer(arena, version - 1);
  values[UPDATED] = value_make_string(arena, bytes_of(updated, sizeof updated));
  for (size_t i = 0; i < TICKET_VALUES; i++)
    if (!value_present(values[i])) step->failed = true;
  const struct store_action action = {
      .kind = ACTION_UPDATE,
      .table = sale->tickets,
      .item = sale_key(sale, arena, key, BYTES("METADATA")),
      .condition = sale->expressions.ticket_is,
      .update = sale->expressions.ticket_set,
      .values = values,
  };
  if (!value_present(action.item)) step->failed = true;
  plan_add(step->plan, &action);
  struct bytes detail = detail_of(step, change, version);
  if (step->failed) return version;
  struct bytes type = HISTORY_NAMES[change->from][change->to];
  CHECK(type.size > 0);
  ticket_add_history(step, change->ticket_id, type, change->user_id, version, detail);
  outbox_add(step, BYTES("TicketStatusChanged"), BYTES("ticket"), change->ticket_id, detail);
  return version;
}

void ticket_add_extension(struct sale_step *step, const struct sale_reservation *reservation,
                          struct bytes seat_id)
{
  enum { STATUS, UNTIL, HOLDER, WHEN, EXTENSION_VALUES };
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  struct bytes key = record_key(arena, BYTES("TICKET#"),
                                ticket_id(arena, reservation->event->id, seat_id));
  char updated[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, updated);
  struct value *values = arena_alloc_array(arena, EXTENSION_VALUES, sizeof *values);
  if (values == NULL) {
    step->failed = true;
    return;
  }
  values[STATUS] = value_make_string(arena, ticket_status_names[TICKET_RESERVED]);
  values[UNTIL] = value_make_integer(arena, reservation->hold_expires_ms);
  values[HOLDER] = value_make_string(arena, reservation->id);
  values[WHEN] = value_make_string(arena, bytes_of(updated, sizeof updated));
  const struct store_action action = {
      .kind = ACTION_UPDATE,
      .table = sale->tickets,
      .item = sale_key(sale, arena, key, BYTES("METADATA")),
      .condition = sale->expressions.ticket_held,
      .update = sale->expressions.ticket_extend,
      .values = values,
  };
  for (size_t i = 0; i < EXTENSION_VALUES; i++)
    if (!value_present(values[i])) step->failed = true;
  if (!value_present(action.item)) step->failed = true;
  plan_add(step->plan, &action);
}
