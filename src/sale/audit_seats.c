#include "sale/audit_parts.h"

#include "sale/seat_import.h"

#include <stdio.h>

/* ---- reading: pk TICKET#{ticketId} and EVENT#{eventId}, each with sk METADATA ---- */

static bool read_event(struct audit *audit, struct bytes id, struct value item)
{
  static const struct bytes names[] = {{(const uint8_t *)"currency", 8},
                                       {(const uint8_t *)"maxPerBuyer", 11},
                                       {(const uint8_t *)"planPieces", 10}};
  enum { CURRENCY, BUYER_MAX, PIECES, FIELDS };
  struct value values[FIELDS];
  uint32_t number;
  if (!audit_refer(audit, &audit->events, id, &number)) return false;
  audit_pick(item, names, FIELDS, values);
  struct audit_event *event = audit_event(audit, number);
  event->present = true;
  event->currency = audit_text(values[CURRENCY]);
  event->buyer_max = audit_integer(values[BUYER_MAX], 0);
  event->plan_pieces = audit_integer(values[PIECES], 0);
  audit_law(audit, AUDIT_EVENTS)->count++;
  return true;
}

enum { EVENT_ID, EXPIRES, PRICE, RESERVATION_ID, SEAT_NUMBER, STATUS, TICKET_ID, VERSION, FIELDS };

static const struct bytes TICKET_NAMES[FIELDS] = {
    [EVENT_ID] = {(const uint8_t *)"eventId", 7},
    [EXPIRES] = {(const uint8_t *)"holdExpiresAt", 13},
    [PRICE] = {(const uint8_t *)"price", 5},
    [RESERVATION_ID] = {(const uint8_t *)"reservationId", 13},
    [SEAT_NUMBER] = {(const uint8_t *)"seatNumber", 10},
    [STATUS] = {(const uint8_t *)"status", 6},
    [TICKET_ID] = {(const uint8_t *)"ticketId", 8},
    [VERSION] = {(const uint8_t *)"version", 7},
};

/* A ticket's id is its event and seat: "{eventId}:{seatNumber}". */
static bool is_id_of(struct bytes id, struct bytes event_id, struct bytes seat)
{
  return event_id.size > 0 && seat.size > 0 && id.size == event_id.size + 1 + seat.size &&
         memcmp(id.data, event_id.data, event_id.size) == 0 && id.data[event_id.size] == ':' &&
         memcmp(id.data + event_id.size + 1, seat.data, seat.size) == 0;
}

/* The members that belong to each state. */
static void check_state(struct audit *audit, struct bytes id, const struct audit_ticket *ticket,
                        const struct value *values)
{
  bool held = ticket->hold_expires_ms > 0;
  bool owned = ticket->reservation != 0;
  const char *wrong = NULL;
  switch (ticket->status) {
  case TICKET_IS_AVAILABLE:
    if (held || owned) wrong = "is AVAILABLE, but has a reservation or the end of a hold";
    break;
  case TICKET_IS_RESERVED:
    if (!held || !owned) wrong = "is RESERVED without a reservation or the end of its hold";
    break;
  case TICKET_IS_SOLD:
    if (held || !owned) wrong = "is SOLD with the end of a hold, or without a reservation";
    break;
  default:
    audit_find(audit, AUDIT_TICKETS, "ticket %.*s: its status is '%.*s'", BYTES_FORMAT(id),
               BYTES_FORMAT(audit_text(values[STATUS])));
  }
  if (wrong != NULL) audit_find(audit, AUDIT_TICKETS, "ticket %.*s %s", BYTES_FORMAT(id), wrong);
}

static bool read_ticket(struct audit *audit, struct bytes id, struct value item)
{
  struct value values[FIELDS];
  struct audit_ticket read = {.present = true};
  uint32_t number;
  audit_pick(item, TICKET_NAMES, FIELDS, values);
  struct bytes event_id = audit_text(values[EVENT_ID]);
  if (!audit_refer(audit, &audit->tickets, id, &number) ||
      !audit_refer(audit, &audit->events, event_id, &read.event) ||
      !audit_refer(audit, &audit->holds, audit_text(values[RESERVATION_ID]), &read.reservation))
    return false;
  int64_t version = audit_integer(values[VERSION], 0);
  read.status = audit_status(values[STATUS], audit_ticket_statuses, TICKET_IS_ODD);
  read.price = audit_integer(values[PRICE], -1);
  read.hold_expires_ms = audit_integer(values[EXPIRES], 0);
  read.version = version > 0 && version < UINT32_MAX ? (uint32_t)version : 0;
  *audit_ticket(audit, number) = read;
  audit_law(audit, AUDIT_TICKETS)->count++;
  if (!bytes_equal(audit_text(values[TICKET_ID]), id) ||
      !is_id_of(id, event_id, audit_text(values[SEAT_NUMBER])))
    audit_find(audit, AUDIT_TICKETS, "ticket %.*s: ticketId, eventId or seatNumber are another's",
               BYTES_FORMAT(id));
  if (read.version == 0)
    audit_find(audit, AUDIT_TICKETS, "ticket %.*s: its version is no number from 1 on",
               BYTES_FORMAT(id));
  check_state(audit, id, &read, values);
  return true;
}

bool audit_read_ticket(struct audit *audit, struct value item)
{
  static const struct bytes names[] = {{(const uint8_t *)"pk", 2}, {(const uint8_t *)"sk", 2}};
  struct value keys[2];
  struct bytes id;
  audit_pick(item, names, 2, keys);
  struct bytes pk = audit_text(keys[0]);
  if (!bytes_equal(audit_text(keys[1]), BYTES("METADATA"))) return true;
  if (audit_after(pk, BYTES("TICKET#"), &id)) return read_ticket(audit, id, item);
  if (audit_after(pk, BYTES("EVENT#"), &id)) return read_event(audit, id, item);
  return true;
}

/* ---- the plan of an event: sk PLAN#000, PLAN#001, ... ---- */

static struct value find_piece(struct audit *audit, struct arena *arena, struct bytes event_id,
                               int64_t piece)
{
  struct buffer text;
  char sort[32];
  int size = snprintf(sort, sizeof sort, "PLAN#%03lld", (long long)piece);
  buffer_init(&text, arena->memory);
  struct value partition = VALUE_NONE;
  if (buffer_append(&text, BYTES("EVENT#")) && buffer_append(&text, event_id))
    partition = value_make_string(arena, buffer_bytes(&text));
  buffer_free(&text);
  struct value key = value_make_string(arena, bytes_of(sort, (size_t)size));
  if (!value_present(partition) || !value_present(key)) {
    audit_no_memory(audit);
    return VALUE_NONE;
  }
  return store_find(audit->tables[AUDIT_TABLE_TICKETS], partition, key);
}

/* False with audit->error: it is not whole, or there is no memory. */
static bool read_plan(struct audit *audit, struct arena *arena, struct bytes event_id,
                      int64_t pieces, struct seat_plan *plan)
{
  struct buffer text;
  buffer_init(&text, arena->memory);
  audit->error->code = ERROR_NONE;
  bool whole = pieces > 0;
  for (int64_t i = 0; whole && i < pieces; i++) {
    struct value piece = find_piece(audit, arena, event_id, i);
    struct value json = value_attribute(piece, BYTES("json"));
    whole = value_type(json) == VALUE_BINARY;
    if (whole && !buffer_append(&text, value_bytes(json))) whole = audit_no_memory(audit);
  }
  struct bytes copy = {NULL, 0};
  if (whole) copy = arena_copy(arena, buffer_bytes(&text));
  buffer_free(&text);
  if (whole && copy.data == NULL) return audit_no_memory(audit);
  return whole && seat_import_json(copy, audit->hash_seed, arena, plan, audit->error);
}

/* ---- each seat has its ticket ---- */

static void check_seat(struct audit *audit, uint32_t event, struct bytes seat, int64_t price)
{
  char id[SEAT_EVENT_ID_BYTES + 1 + SEAT_ID_BYTES];
  struct bytes event_id = audit_names_text(&audit->events, event);
  int size = snprintf(id, sizeof id, "%.*s:%.*s", BYTES_FORMAT(event_id), BYTES_FORMAT(seat));
  if (size < 0 || (size_t)size >= sizeof id) size = 0;
  struct bytes ticket_id = bytes_of(id, (size_t)size);
  uint32_t number = audit_names_find(&audit->tickets, ticket_id);
  struct audit_ticket *ticket = audit_ticket(audit, number);
  audit_law(audit, AUDIT_SEATS)->count++;
  if (number == 0 || !ticket->present || ticket->event != event) {
    audit_find(audit, AUDIT_SEATS, "event %.*s: seat %.*s has no ticket", BYTES_FORMAT(event_id),
               BYTES_FORMAT(seat));
    return;
  }
  ticket->planned = true;
  if (ticket->price != price)
    audit_find(audit, AUDIT_SEATS, "ticket %.*s costs %lld, but its section %lld",
               BYTES_FORMAT(ticket_id), (long long)ticket->price, (long long)price);
}

/* Seats are numbered one after the other, unless they have numbers of their own. */
static void check_row(struct audit *audit, uint32_t event, const struct seat_plan_section *section,
                      const struct seat_plan_row *row)
{
  char seat[SEAT_ID_BYTES];
  char counted[16];
  for (uint32_t i = 0; i < row->seats; i++) {
    int size = snprintf(counted, sizeof counted, "%u", (unsigned)(row->first + i));
    struct bytes number = row->numbers == NULL ? bytes_of(counted, (size_t)size) : row->numbers[i];
    size_t seat_size = seat_id_format(section->id, row->label, number, seat);
    check_seat(audit, event, bytes_of(seat, seat_size), section->price);
  }
}

static void check_section(struct audit *audit, uint32_t event,
                          const struct seat_plan_section *section)
{
  if (section->row_count == 0) {
    const struct seat_plan_row places = {
        .label = BYTES(SEAT_GENERAL_ROW), .first = 1, .seats = section->capacity};
    check_row(audit, event, section, &places);
  }
  for (uint32_t i = 0; i < section->row_count; i++)
    check_row(audit, event, section, &section->rows[i]);
}

static bool check_event(struct audit *audit, uint32_t number)
{
  struct audit_event *event = audit_event(audit, number);
  struct bytes id = audit_names_text(&audit->events, number);
  struct arena arena;
  struct seat_plan plan = {0};
  if (!event->present) {
    audit_law(audit, AUDIT_EVENTS)->pending++;
    return true;
  }
  arena_init(&arena, audit->memory);
  event->has_plan = read_plan(audit, &arena, id, event->plan_pieces, &plan) &&
                    bytes_equal(plan.event.event_id, id);
  if (event->has_plan)
    for (uint32_t i = 0; i < plan.section_count; i++)
      check_section(audit, number, &plan.sections[i]);
  arena_free(&arena);
  if (event->has_plan) return true;
  if (audit->error->code == ERROR_NO_MEMORY) return audit_no_memory(audit);
  audit_find(audit, AUDIT_EVENTS, "event %.*s: its plan of seats is not whole", BYTES_FORMAT(id));
  return true;
}

/* No ticket is beside the plans. One whose event was cut short by a crash was never to be had. */
static void check_beside(struct audit *audit, uint32_t number)
{
  const struct audit_ticket *ticket = audit_ticket(audit, number);
  if (!ticket->present || ticket->planned) return;
  const struct audit_event *event = audit_event(audit, ticket->event);
  if (event->has_plan)
    audit_find(audit, AUDIT_SEATS, "ticket %.*s: its event has no such seat",
               AUDIT_NAME(audit->tickets, number));
  else if (!event->present && (ticket->status != TICKET_IS_AVAILABLE || ticket->version > 1))
    audit_find(audit, AUDIT_SEATS, "ticket %.*s: its event is not there",
               AUDIT_NAME(audit->tickets, number));
}

bool audit_check_seats(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->events.count; i++)
    if (!check_event(audit, i)) return false;
  for (uint32_t i = 1; i < audit->tickets.count; i++) check_beside(audit, i);
  return true;
}
