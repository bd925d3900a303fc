#include "sale/sale_parts.h"

#include "base/check.h"
#include "sale/seat_import.h"

#include <stdio.h>

enum {
  PLAN_PIECE_BYTES = 300000,    /* of a plan's text in one item: below ITEM_SIZE_MAX */
  TICKETS_PER_TRANSACTION = 33, /* three actions each */
  TRANSACTIONS_PER_TICK = 2,    /* of a creation: about 0.2 ms */
  PIECES_MAX = SEAT_IMPORT_BYTES / PLAN_PIECE_BYTES + 1,
  /* 2 million changes a second; and the version is exact in a browser's doubles until 2109. */
  VERSIONS_PER_MS_BITS = 11,
};

static const struct bytes STATUS_NAMES[SALE_STATUSES] = {
    [SALE_SCHEDULED] = {(const uint8_t *)"SCHEDULED", 9},
    [SALE_ON_SALE] = {(const uint8_t *)"ON_SALE", 7},
    [SALE_PAUSED] = {(const uint8_t *)"PAUSED", 6},
    [SALE_ENDED] = {(const uint8_t *)"CLOSED", 6},
};

struct bytes sale_status_name(enum sale_status status)
{
  CHECK(status < SALE_STATUSES);
  return STATUS_NAMES[status];
}

enum sale_status sale_event_status(const struct sale_event *event, int64_t now_ms)
{
  if (event->status == SALE_PAUSED || event->status == SALE_ENDED) return event->status;
  if (now_ms >= event->sale_closes_ms || now_ms >= event->starts_ms) return SALE_ENDED;
  return now_ms < event->sale_opens_ms ? SALE_SCHEDULED : SALE_ON_SALE;
}

/* ---- in memory ---- */

/* Where an id is, or would be. */
static size_t place_of(const struct sale *sale, struct bytes id, bool *found)
{
  size_t low = 0;
  size_t high = sale->event_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = bytes_compare(sale->events[middle]->id, id);
    if (order == 0) {
      *found = true;
      return middle;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *found = false;
  return low;
}

struct sale_event *sale_event_find(struct sale *sale, struct bytes id)
{
  bool found;
  size_t place = place_of(sale, id, &found);
  return found ? sale->events[place] : NULL;
}

struct sale_event *sale_event_next(struct sale *sale, struct bytes after)
{
  bool found;
  size_t place = place_of(sale, after, &found);
  if (found) place++;
  return place < sale->event_count ? sale->events[place] : NULL;
}

/* An event with its texts in one block behind it. */
struct loaded_event {
  struct sale_event event;
  struct memory *memory;
  size_t size;
};

static void free_event(struct sale_event *event)
{
  struct loaded_event *loaded = (struct loaded_event *)event;
  seat_map_destroy(event->map);
  memory_free(loaded->memory, loaded, loaded->size);
}

static struct bytes take_text(uint8_t **next, struct bytes text)
{
  struct bytes copy = bytes_of(*next, text.size);
  if (text.size > 0) memcpy(*next, text.data, text.size);
  *next += text.size;
  return copy;
}

static struct sale_event *new_event(struct sale *sale, const struct seat_plan *plan,
                                    struct error *error)
{
  const struct seat_event *from = &plan->event;
  size_t text_size = from->event_id.size + from->name.size + from->venue.size + from->currency.size;
  struct loaded_event *loaded = memory_alloc_zeroed(sale->memory, sizeof *loaded + text_size);
  if (loaded == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for an event");
    return NULL;
  }
  loaded->memory = sale->memory;
  loaded->size = sizeof *loaded + text_size;
  struct sale_event *event = &loaded->event;
  uint8_t *next = (uint8_t *)(loaded + 1);
  event->id = take_text(&next, from->event_id);
  event->name = take_text(&next, from->name);
  event->venue = take_text(&next, from->venue);
  event->currency = take_text(&next, from->currency);
  event->starts_ms = from->starts_at_ms;
  event->sale_opens_ms = from->sale_opens_at_ms;
  event->sale_closes_ms = from->sale_closes_at_ms;
  event->max_per_buyer = from->max_per_buyer;
  event->hold_seconds = from->hold_seconds;
  event->status = SALE_ON_SALE;
  uint64_t seed;
  world_entropy(sale->options.world, &seed, sizeof seed);
  /* Versions of this life are greater than those of an earlier one: they begin at the clock. */
  uint64_t version = (uint64_t)world_clock_ms(sale->options.world) << VERSIONS_PER_MS_BITS;
  event->map = seat_map_create(sale->memory, plan, seed, version, error);
  if (event->map != NULL) return event;
  free_event(event);
  return NULL;
}

static bool make_room(struct sale *sale)
{
  if (sale->event_count < sale->event_capacity) return true;
  size_t capacity = sale->event_capacity == 0 ? 16 : 2 * sale->event_capacity;
  struct sale_event **grown = memory_resize(
      sale->memory, sale->events, sale->event_capacity * sizeof *grown, capacity * sizeof *grown);
  if (grown == NULL) return false;
  sale->events = grown;
  sale->event_capacity = capacity;
  return true;
}

/* There is room. */
static void insert_event(struct sale *sale, struct sale_event *event)
{
  bool found;
  size_t place = place_of(sale, event->id, &found);
  CHECK(!found && sale->event_count < sale->event_capacity);
  memmove(sale->events + place + 1, sale->events + place,
          (sale->event_count - place) * sizeof *sale->events);
  sale->events[place] = event;
  if (sale->options.lobby != NULL) event->room = lobby_room(sale->options.lobby, event->id);
  sale->event_count++;
}

/* ---- as items: pk EVENT#{id}; sk METADATA, and PLAN#nnn with the seats ---- */

static struct value event_item(struct sale *sale, struct arena *arena,
                               const struct sale_event *event, size_t pieces)
{
  struct record_writer *writer = &sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), record_key(arena, BYTES("EVENT#"), event->id));
  record_text(writer, BYTES("sk"), BYTES("METADATA"));
  record_text(writer, BYTES("eventId"), event->id);
  record_text(writer, BYTES("name"), event->name);
  record_text(writer, BYTES("venue"), event->venue);
  record_text(writer, BYTES("currency"), event->currency);
  record_text(writer, BYTES("status"), sale_status_name(event->status));
  record_instant(writer, BYTES("startsAt"), event->starts_ms);
  record_instant(writer, BYTES("saleOpensAt"), event->sale_opens_ms);
  if (event->sale_closes_ms != SEAT_NEVER_MS)
    record_instant(writer, BYTES("saleClosesAt"), event->sale_closes_ms);
  record_integer(writer, BYTES("maxPerBuyer"), event->max_per_buyer);
  record_integer(writer, BYTES("holdSeconds"), event->hold_seconds);
  record_integer(writer, BYTES("planPieces"), (int64_t)pieces);
  record_instant(writer, BYTES("createdAt"), event->created_ms);
  record_instant(writer, BYTES("updatedAt"), event->updated_ms);
  return record_end(writer, arena);
}

static struct bytes piece_key(struct arena *arena, size_t piece)
{
  char text[16];
  int size = snprintf(text, sizeof text, "%03zu", piece);
  return record_key(arena, BYTES("PLAN#"), bytes_of(text, (size_t)size));
}

static struct value piece_item(struct sale *sale, struct arena *arena, struct bytes event_id,
                               size_t piece, struct bytes text)
{
  struct record_writer *writer = &sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), record_key(arena, BYTES("EVENT#"), event_id));
  record_text(writer, BYTES("sk"), piece_key(arena, piece));
  value_write_name(&writer->writer, BYTES("json"));
  value_write_binary(&writer->writer, text);
  return record_end(writer, arena);
}

/* ---- making ---- */

struct sale_creation {
  struct sale_creation *next;
  struct sale_event *event;
  struct buffer text; /* of the plan */
  size_t pieces, piece;
  uint32_t place; /* of the next ticket */
  int64_t now_ms;
  uint64_t sequence;
  sale_created *created;
  void *context;
};

static struct bytes piece_of(const struct sale_creation *creation, size_t piece)
{
  size_t from = piece * PLAN_PIECE_BYTES;
  size_t left = creation->text.size - from;
  return bytes_of(creation->text.data + from, left < PLAN_PIECE_BYTES ? left : PLAN_PIECE_BYTES);
}

static struct bytes created_detail(struct sale_step *step, struct bytes id, struct bytes event_id,
                                   int64_t price)
{
  struct sale_detail detail;
  sale_detail_begin(step, &detail);
  json_write_key(&detail.json, BYTES("ticketId"));
  json_write_string(&detail.json, id);
  json_write_key(&detail.json, BYTES("eventId"));
  json_write_string(&detail.json, event_id);
  json_write_key(&detail.json, BYTES("price"));
  json_write_integer(&detail.json, price);
  json_write_key(&detail.json, BYTES("status"));
  json_write_string(&detail.json, ticket_status_names[TICKET_AVAILABLE]);
  return sale_detail_end(step, &detail);
}

/* A new ticket, the first row of its history, and its event. */
static void add_ticket(struct sale_step *step, const struct sale_event *event, uint32_t place)
{
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  struct sale_seat seat;
  char created[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, created);
  struct bytes time = bytes_of(created, sizeof created);
  if (!seats_describe(arena, event, place, &seat)) {
    step->failed = true;
    return;
  }
  struct bytes id = ticket_id(arena, event->id, seat.id);
  struct record_writer *writer = &sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), record_key(arena, BYTES("TICKET#"), id));
  record_text(writer, BYTES("sk"), BYTES("METADATA"));
  record_text(writer, BYTES("gsi1pk"), record_key(arena, BYTES("EVENT#"), event->id));
  record_text(writer, BYTES("gsi1sk"), record_key(arena, BYTES("TICKET#"), time));
  record_text(writer, BYTES("ticketId"), id);
  record_text(writer, BYTES("eventId"), event->id);
  record_text(writer, BYTES("seatNumber"), seat.id);
  record_integer(writer, BYTES("price"), seat.price);
  record_text(writer, BYTES("status"), ticket_status_names[TICKET_AVAILABLE]);
  record_integer(writer, BYTES("version"), 1);
  record_integer(writer, BYTES("holdExpiresAt"), 0);
  record_text(writer, BYTES("reservationId"), (struct bytes){NULL, 0});
  record_text(writer, BYTES("createdAt"), time);
  record_text(writer, BYTES("updatedAt"), time);
  sale_step_put(step, sale->tickets, record_end(writer, arena), NULL, NULL);
  struct bytes detail = created_detail(step, id, event->id, seat.price);
  if (step->failed) return;
  ticket_add_history(step, id, BYTES("TicketCreated"), (struct bytes){NULL, 0}, 1, detail);
  outbox_add(step, BYTES("TicketCreated"), BYTES("ticket"), id, detail);
}

/* One transaction of a creation; *done with the one that makes the event. */
static enum sale_refusal create_step(struct sale *sale, struct sale_creation *creation, bool *done)
{
  struct arena arena;
  struct error error;
  struct store_transact_result result;
  arena_init(&arena, sale->memory);
  struct plan *plan = arena_alloc(&arena, sizeof *plan);
  enum sale_refusal refusal = SALE_UNAVAILABLE;
  if (plan == NULL) goto end;
  plan_init(plan, sale->store, &arena);
  struct sale_step step = {sale, plan, creation->now_ms, false};
  struct sale_event *event = creation->event;
  size_t piece = creation->piece;
  uint32_t place = creation->place;
  if (piece < creation->pieces) {
    sale_step_put(&step, sale->tickets,
                  piece_item(sale, &arena, event->id, piece, piece_of(creation, piece)), NULL,
                  NULL);
    piece++;
  } else if (place < event->map->seat_count) {
    for (int i = 0; i < TICKETS_PER_TRANSACTION && place < event->map->seat_count; i++)
      add_ticket(&step, event, place++);
  } else {
    sale_step_put(&step, sale->tickets, event_item(sale, &arena, event, creation->pieces),
                  sale->expressions.absent, NULL);
    *done = true;
  }
  if (step.failed || plan_commit(plan, &result, &error) != STORE_OK) goto end;
  creation->piece = piece;
  creation->place = place;
  creation->sequence = result.sequence;
  refusal = SALE_OK;
end:
  arena_free(&arena);
  return refusal;
}

static void free_creation(struct sale *sale, struct sale_creation *creation)
{
  buffer_free(&creation->text);
  memory_free(sale->memory, creation, sizeof *creation);
}

bool sale_tick(struct sale *sale, int64_t now_ms)
{
  (void)now_ms;
  struct sale_creation *creation = sale->creations;
  if (creation == NULL) return false;
  bool done = false;
  enum sale_refusal refusal = SALE_OK;
  for (int i = 0; i < TRANSACTIONS_PER_TICK && refusal == SALE_OK && !done; i++)
    refusal = create_step(sale, creation, &done);
  if (refusal == SALE_OK && !done) return true;
  sale->creations = creation->next;
  if (refusal == SALE_OK)
    insert_event(sale, creation->event);
  else
    free_event(creation->event);
  creation->created(creation->context, refusal, creation->sequence);
  free_creation(sale, creation);
  return sale->creations != NULL;
}

static bool is_being_made(const struct sale *sale, struct bytes id)
{
  for (const struct sale_creation *i = sale->creations; i != NULL; i = i->next)
    if (bytes_equal(i->event->id, id)) return true;
  return false;
}

enum sale_refusal sale_event_create(struct sale *sale, const struct seat_plan *plan,
                                    sale_created *created, void *context, int64_t now_ms)
{
  struct error error;
  if (sale_event_find(sale, plan->event.event_id) != NULL ||
      is_being_made(sale, plan->event.event_id))
    return SALE_EVENT_EXISTS;
  struct sale_creation *creation = memory_alloc_zeroed(sale->memory, sizeof *creation);
  if (creation == NULL) return SALE_UNAVAILABLE;
  buffer_init(&creation->text, sale->memory);
  creation->now_ms = now_ms;
  creation->created = created;
  creation->context = context;
  if (make_room(sale) && seat_plan_write(plan, &creation->text))
    creation->event = new_event(sale, plan, &error);
  if (creation->event == NULL) {
    free_creation(sale, creation);
    return SALE_UNAVAILABLE;
  }
  creation->event->created_ms = creation->event->updated_ms = now_ms;
  creation->pieces = (creation->text.size + PLAN_PIECE_BYTES - 1) / PLAN_PIECE_BYTES;
  struct sale_creation **last = &sale->creations;
  while (*last != NULL) last = &(*last)->next;
  *last = creation;
  return SALE_OK;
}

/* ---- changing ---- */

struct event_hook {
  struct sale_event *event;
  struct sale_event changed;
};

static void after_change(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct event_hook *hook = context;
  struct sale_event *event = hook->event;
  event->status = hook->changed.status;
  event->sale_opens_ms = hook->changed.sale_opens_ms;
  event->max_per_buyer = hook->changed.max_per_buyer;
  event->hold_seconds = hook->changed.hold_seconds;
  event->updated_ms = hook->changed.updated_ms;
}

static bool check_change(const struct sale_event *changed, struct error *error)
{
  const char *field;
  const struct seat_event event = {
      .event_id = changed->id,
      .name = changed->name,
      .venue = changed->venue,
      .currency = changed->currency,
      .starts_at_ms = changed->starts_ms,
      .sale_opens_at_ms = changed->sale_opens_ms,
      .sale_closes_at_ms = changed->sale_closes_ms,
      .max_per_buyer = changed->max_per_buyer,
      .hold_seconds = changed->hold_seconds,
  };
  return seat_event_check(&event, &field, error);
}

enum sale_refusal sale_event_update(struct sale *sale, struct plan *plan, struct sale_event *event,
                                    const struct sale_event_change *change, int64_t now_ms,
                                    struct error *error)
{
  struct event_hook *hook = arena_alloc(plan->arena, sizeof *hook);
  if (hook == NULL) return SALE_UNAVAILABLE;
  hook->event = event;
  hook->changed = *event;
  if (change->has_status) hook->changed.status = change->status;
  if (change->has_sale_opens) hook->changed.sale_opens_ms = change->sale_opens_ms;
  if (change->has_max_per_buyer) hook->changed.max_per_buyer = change->max_per_buyer;
  if (change->has_hold_seconds) hook->changed.hold_seconds = change->hold_seconds;
  hook->changed.updated_ms = now_ms;
  if (!check_change(&hook->changed, error)) return SALE_INVALID;
  struct value old = sale_find(sale->tickets, plan->arena,
                               record_key(plan->arena, BYTES("EVENT#"), event->id),
                               BYTES("METADATA"));
  /* It is there: without memory its plan must not be forgotten. */
  if (!value_present(old)) return SALE_UNAVAILABLE;
  size_t pieces = (size_t)record_get_integer(old, BYTES("planPieces"), 0);
  struct sale_step step = {sale, plan, now_ms, false};
  sale_step_put(&step, sale->tickets, event_item(sale, plan->arena, &hook->changed, pieces), NULL,
                NULL);
  plan_after(plan, after_change, hook);
  return step.failed ? SALE_UNAVAILABLE : SALE_OK;
}

/* ---- loading ---- */

static bool load_plan(struct sale *sale, struct arena *arena, struct value item,
                      struct seat_plan *plan, struct error *error)
{
  struct bytes id = record_get_text(item, BYTES("eventId"));
  struct bytes key = record_key(arena, BYTES("EVENT#"), id);
  int64_t pieces = record_get_integer(item, BYTES("planPieces"), 0);
  struct buffer text;
  buffer_init(&text, sale->memory);
  bool whole = pieces > 0 && pieces <= PIECES_MAX;
  for (int64_t i = 0; whole && i < pieces; i++) {
    struct value piece = sale_find(sale->tickets, arena, key, piece_key(arena, (size_t)i));
    struct value json = value_attribute(piece, BYTES("json"));
    whole = value_type(json) == VALUE_BINARY && buffer_append(&text, value_bytes(json));
  }
  if (!whole)
    error_set(error, ERROR_CORRUPT, "event %.*s: a piece of its plan is missing", BYTES_FORMAT(id));
  else
    whole = seat_import_json(arena_copy(arena, buffer_bytes(&text)), sale->hash_seed, arena, plan,
                             error);
  buffer_free(&text);
  return whole;
}

static bool load_event(struct sale *sale, struct value item, struct error *error)
{
  struct arena arena;
  struct seat_plan plan;
  arena_init(&arena, sale->memory);
  struct sale_event *event = NULL;
  if (!make_room(sale))
    error_set(error, ERROR_NO_MEMORY, "no memory for events");
  else if (load_plan(sale, &arena, item, &plan, error))
    event = new_event(sale, &plan, error);
  arena_free(&arena);
  if (event == NULL) return false;
  struct bytes status = record_get_text(item, BYTES("status"));
  for (enum sale_status i = 0; i < SALE_STATUSES; i++)
    if (bytes_equal(status, STATUS_NAMES[i])) event->status = i;
  event->sale_opens_ms = record_get_instant(item, BYTES("saleOpensAt"), event->sale_opens_ms);
  event->max_per_buyer = (uint32_t)record_get_integer(item, BYTES("maxPerBuyer"), 1);
  event->hold_seconds = (uint32_t)record_get_integer(item, BYTES("holdSeconds"), 60);
  event->created_ms = record_get_instant(item, BYTES("createdAt"), 0);
  event->updated_ms = record_get_instant(item, BYTES("updatedAt"), 0);
  insert_event(sale, event);
  return true;
}

/* Whether the ticket of a seat is held by this reservation. */
static bool is_held_by(struct sale *sale, struct arena *arena, const struct sale_event *event,
                       const struct sale_seat *seat, struct bytes reservation_id)
{
  struct bytes key = record_key(arena, BYTES("TICKET#"), ticket_id(arena, event->id, seat->id));
  struct value item = sale_find(sale->tickets, arena, key, BYTES("METADATA"));
  return bytes_equal(record_get_text(item, BYTES("status")),
                     ticket_status_names[TICKET_RESERVED]) &&
         bytes_equal(record_get_text(item, BYTES("reservationId")), reservation_id);
}

/*
 * A hold with all of its seats, when the first of their tickets is met: it is one hold in the map,
 * as it was when they were reserved.
 */
static bool load_hold(struct sale *sale, struct sale_event *event, uint32_t place,
                      struct bytes reservation_id, const struct id *id, int64_t until_ms,
                      struct error *error)
{
  struct arena arena;
  uint32_t places[SALE_SEATS_MAX] = {place};
  uint32_t count = 1;
  if (seat_map_state(event->map, place) == SEAT_HELD) return true;
  arena_init(&arena, sale->memory);
  struct sale_reservation *reservation = arena_alloc(&arena, sizeof *reservation);
  if (reservation == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for holds");
  struct value item = reservation_load(sale, &arena, reservation_id);
  if (value_present(item) && reservation_read(sale, &arena, item, reservation) &&
      reservation->event == event) {
    for (uint32_t i = 0; i < reservation->quantity && count < SALE_SEATS_MAX; i++) {
      const struct sale_seat *seat = &reservation->seats[i];
      if (seat->place != place && is_held_by(sale, &arena, event, seat, reservation_id))
        places[count++] = seat->place;
    }
  }
  arena_free(&arena);
  seat_map_hold(event->map, places, count, id, until_ms);
  return true;
}

/*
 * One ticket's state into its event's map. Tickets of an event that was never finished have none.
 */
static bool load_ticket(struct sale *sale, struct value item, struct error *error)
{
  struct sale_event *event = sale_event_find(sale, record_get_text(item, BYTES("eventId")));
  struct bytes status = record_get_text(item, BYTES("status"));
  if (event == NULL || bytes_equal(status, ticket_status_names[TICKET_AVAILABLE])) return true;
  struct bytes seat_id = record_get_text(item, BYTES("seatNumber"));
  struct bytes reservation = record_get_text(item, BYTES("reservationId"));
  struct id id;
  uint32_t place = seat_map_find(event->map, seat_id);
  if (place == SEAT_NONE || !seats_number(reservation, &id))
    return error_set(error, ERROR_CORRUPT, "ticket %.*s: its seat or reservation is none",
                     BYTES_FORMAT(record_get_text(item, BYTES("ticketId"))));
  if (bytes_equal(status, ticket_status_names[TICKET_SOLD])) {
    seat_map_sell(event->map, &place, 1, &id);
    return true;
  }
  int64_t until_ms = record_get_integer(item, BYTES("holdExpiresAt"), 0);
  return until_ms <= event->map->now_ms ||
         load_hold(sale, event, place, reservation, &id, until_ms, error);
}

typedef bool load_item(struct sale *sale, struct value item, struct error *error);

/* Which rows of the tickets' table are loaded, and how. */
struct loading {
  struct sale *sale;
  struct bytes prefix; /* of their partition keys */
  load_item *load;
};

static bool visit_row(void *context, struct value item, struct error *error)
{
  const struct loading *loading = context;
  bool wanted = bytes_starts_with(record_get_text(item, BYTES("pk")), loading->prefix) &&
                bytes_equal(record_get_text(item, BYTES("sk")), BYTES("METADATA"));
  return !wanted || loading->load(loading->sale, item, error);
}

static bool scan_tickets(struct sale *sale, struct bytes prefix, load_item *load,
                         struct error *error)
{
  struct loading loading = {sale, prefix, load};
  const struct store_query query = {.table = sale->tickets, .start_key = VALUE_NONE};
  return store_each(sale->store, &query, visit_row, &loading, error);
}

bool catalogue_load(struct sale *sale, struct error *error)
{
  int64_t now_ms = world_clock_ms(sale->options.world);
  if (!scan_tickets(sale, BYTES("EVENT#"), load_event, error)) return false;
  for (size_t i = 0; i < sale->event_count; i++) seat_map_advance(sale->events[i]->map, now_ms);
  return scan_tickets(sale, BYTES("TICKET#"), load_ticket, error);
}

void catalogue_free(struct sale *sale)
{
  while (sale->creations != NULL) {
    struct sale_creation *creation = sale->creations;
    sale->creations = creation->next;
    free_event(creation->event);
    free_creation(sale, creation);
  }
  for (size_t i = 0; i < sale->event_count; i++) free_event(sale->events[i]);
  if (sale->events != NULL)
    memory_free(sale->memory, sale->events, sale->event_capacity * sizeof *sale->events);
  sale->events = NULL;
  sale->event_count = sale->event_capacity = 0;
}
