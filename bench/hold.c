#include "hold.h"

#include "base/check.h"

#include <stdio.h>

enum { LOAD_BATCH = 100 };

static const char NOW_TEXT[] = "2026-11-23T20:00:00.000Z";
static const int64_t NOW_S = 1795464000;
static const int64_t EXPIRES_S = 1795464060;

static void check_ok(enum store_status status, const struct error *error)
{
  if (status == STORE_OK) return;
  fprintf(stderr, "%s: %s\n", store_status_name(status), error->message);
  CHECK(status == STORE_OK);
}

static struct table *open_table(struct store *store, const char *name,
                                const struct table_index_definition *index,
                                enum table_stream stream)
{
  struct error error;
  struct table *table = store_table(store, bytes_of_text(name));
  if (table != NULL) return table;
  struct table_definition definition = {
      .name = bytes_of_text(name),
      .partition = {BYTES("pk"), VALUE_STRING},
      .sort = {BYTES("sk"), VALUE_STRING},
      .indexes = index,
      .index_count = index == NULL ? 0 : 1,
      .stream = stream,
  };
  check_ok(store_table_create(store, &definition, &table, &error), &error);
  return table;
}

void hold_tables_open(struct store *store, struct hold_tables *tables)
{
  const struct table_index_definition index = {
      .name = BYTES("GSI1"),
      .partition = {BYTES("gsi1pk"), VALUE_STRING},
      .sort = {BYTES("gsi1sk"), VALUE_STRING},
  };
  tables->tickets = open_table(store, "ticket-tickets", &index, STREAM_OFF);
  tables->events = open_table(store, "ticket-ticket-events", NULL, STREAM_OFF);
  tables->reservations = open_table(store, "ticket-reservation-reservations", &index, STREAM_OFF);
  tables->outbox = open_table(store, "ticket-reservation-outbox", NULL, STREAM_NEW_IMAGE);
}

/* Slots of the values, in the order of hold_compile's placeholders. */
enum { AVAILABLE, RESERVED, NOW, EXPIRES, RESERVATION, ONE, NOW_AS_TEXT, VALUE_SLOTS };

void hold_compile(struct arena *arena, struct hold_expressions *expressions)
{
  static const struct bytes values[VALUE_SLOTS] = {
      {(const uint8_t *)":available", 10},   {(const uint8_t *)":reserved", 9},
      {(const uint8_t *)":now", 4},          {(const uint8_t *)":expires", 8},
      {(const uint8_t *)":reservation", 12}, {(const uint8_t *)":one", 4},
      {(const uint8_t *)":now_text", 9},
  };
  const struct expression_name names[] = {{BYTES("#s"), BYTES("status")}};
  const struct expression_placeholders placeholders = {names, 1, values, VALUE_SLOTS, NULL, NULL};
  struct error error;
  expressions->condition = expression_compile(arena, EXPRESSION_CONDITION,
                                              BYTES("attribute_exists(pk) AND (#s = :available OR "
                                                    "(#s = :reserved AND holdExpiresAt <= :now))"),
                                              &placeholders, &error);
  expressions->update = expression_compile(
      arena, EXPRESSION_UPDATE,
      BYTES("SET #s = :reserved, holdExpiresAt = :expires, "
            "reservationId = :reservation, version = version + :one, "
            "updatedAt = :now_text"),
      &placeholders, &error);
  CHECK(expressions->condition != NULL && expressions->update != NULL);
}

/* ---- items ---- */

static void write_text(struct value_writer *writer, struct bytes name, const char *text)
{
  value_write_name(writer, name);
  value_write_string(writer, bytes_of_text(text));
}

static void write_integer(struct value_writer *writer, struct bytes name, int64_t integer)
{
  value_write_name(writer, name);
  value_write_integer(writer, integer);
}

/* An item under construction in an arena. */
struct draft {
  struct buffer buffer;
  struct value_writer writer;
};

static struct value_writer *draft_begin(struct draft *draft, struct arena *arena)
{
  enum { DRAFT_BYTES = 640 };
  draft->buffer = (struct buffer){
      .data = arena_alloc(arena, DRAFT_BYTES), .capacity = DRAFT_BYTES, .memory = arena->memory};
  CHECK(draft->buffer.data != NULL);
  value_writer_init(&draft->writer, &draft->buffer);
  value_write_begin(&draft->writer, VALUE_MAP);
  return &draft->writer;
}

static struct value draft_end(struct draft *draft)
{
  struct value value;
  struct error error;
  const uint8_t *place = draft->buffer.data;
  value_write_end(&draft->writer);
  CHECK(value_writer_finish(&draft->writer, &value, &error));
  CHECK(draft->buffer.data == place); /* it did not outgrow the arena's block */
  return value;
}

static void ticket_id(uint64_t number, char text[64])
{
  snprintf(text, 64, "TICKET#evt_2025_%04u:S-%03u-%05u", (unsigned)(1001 + number / 50000),
           (unsigned)(number / 100 % 500), (unsigned)(number % 50000));
}

static void reservation_id(uint64_t number, char text[64])
{
  snprintf(text, 64, "RESERVATION#01JD9Q%020llu", (unsigned long long)number);
}

struct value hold_ticket_image(struct arena *arena, uint64_t number, bool reserved)
{
  char id[64];
  char event[32];
  char created[64];
  char reservation[64];
  struct draft draft;
  ticket_id(number, id);
  reservation_id(number / 2, reservation);
  snprintf(event, sizeof event, "EVENT#evt_2025_%04u", (unsigned)(1001 + number / 50000));
  snprintf(created, sizeof created, "TICKET#2026-11-01T09:%02u:%02u.%03uZ",
           (unsigned)(number / 60000 % 60), (unsigned)(number / 1000 % 60),
           (unsigned)(number % 1000));
  struct value_writer *writer = draft_begin(&draft, arena);
  write_text(writer, BYTES("createdAt"), created + 7);
  write_text(writer, BYTES("eventId"), event + 6);
  write_text(writer, BYTES("gsi1pk"), event);
  write_text(writer, BYTES("gsi1sk"), created);
  if (reserved) write_integer(writer, BYTES("holdExpiresAt"), EXPIRES_S);
  write_text(writer, BYTES("pk"), id);
  write_integer(writer, BYTES("price"), 154000);
  if (reserved) write_text(writer, BYTES("reservationId"), reservation);
  write_text(writer, BYTES("seatNumber"), id + 22);
  write_text(writer, BYTES("sk"), "METADATA");
  write_text(writer, BYTES("status"), reserved ? "RESERVED" : "AVAILABLE");
  write_text(writer, BYTES("ticketId"), id + 7);
  write_text(writer, BYTES("updatedAt"), reserved ? NOW_TEXT : created + 7);
  write_integer(writer, BYTES("version"), reserved ? 2 : 1);
  return draft_end(&draft);
}

static struct value event_image(struct arena *arena, uint64_t ticket)
{
  char id[64];
  char reservation[64];
  char data[160];
  struct draft draft;
  ticket_id(ticket, id);
  reservation_id(ticket / 2, reservation);
  snprintf(data, sizeof data,
           "{\"from\":\"AVAILABLE\",\"to\":\"RESERVED\",\"reservationId\":\"%s\"}", reservation);
  struct value_writer *writer = draft_begin(&draft, arena);
  write_integer(writer, BYTES("aggregateVersion"), 2);
  write_text(writer, BYTES("eventData"), data);
  write_text(writer, BYTES("eventType"), "TicketStatusChanged");
  write_text(writer, BYTES("pk"), id);
  write_text(writer, BYTES("sk"), "EVENT#2026-11-23T20:00:00.000Z#0000000002");
  write_text(writer, BYTES("userId"), "user_01JD9QZ6T1V7W3N5M8K2");
  return draft_end(&draft);
}

static struct value reservation_image(struct arena *arena, uint64_t number)
{
  char id[64];
  char tickets[HOLD_SEATS][64];
  char user[64];
  char created[64];
  struct draft draft;
  reservation_id(number, id);
  snprintf(created, sizeof created, "CREATED#2026-11-23T20:%02u:%02u.%03uZ",
           (unsigned)(number / 60000 % 60), (unsigned)(number / 1000 % 60),
           (unsigned)(number % 1000));
  snprintf(user, sizeof user, "USER#user_%016llu", (unsigned long long)number % 100000);
  for (unsigned i = 0; i < HOLD_SEATS; i++) ticket_id(HOLD_SEATS * number + i, tickets[i]);
  struct value_writer *writer = draft_begin(&draft, arena);
  write_text(writer, BYTES("createdAt"), created + 8);
  write_integer(writer, BYTES("expiresAt"), EXPIRES_S);
  write_text(writer, BYTES("gsi1pk"), user);
  write_text(writer, BYTES("gsi1sk"), created);
  write_text(writer, BYTES("pk"), id);
  write_text(writer, BYTES("reservationId"), id + 12);
  write_text(writer, BYTES("sk"), "METADATA");
  write_text(writer, BYTES("status"), "PENDING");
  value_write_name(writer, BYTES("ticketIds"));
  value_write_begin(writer, VALUE_LIST);
  for (unsigned i = 0; i < HOLD_SEATS; i++)
    value_write_string(writer, bytes_of_text(tickets[i] + 7));
  value_write_end(writer);
  write_integer(writer, BYTES("totalAmount"), 308000);
  write_text(writer, BYTES("userId"), user + 5);
  return draft_end(&draft);
}

static struct value outbox_image(struct arena *arena, uint64_t number)
{
  char id[64];
  char data[320];
  char tickets[HOLD_SEATS][64];
  struct draft draft;
  for (unsigned i = 0; i < HOLD_SEATS; i++) ticket_id(HOLD_SEATS * number + i, tickets[i]);
  snprintf(id, sizeof id, "OUTBOX#01JDAA%020llu", (unsigned long long)number);
  snprintf(data, sizeof data,
           "{\"reservationId\":\"01JD9Q%020llu\",\"userId\":\"user_%016llu\",\"ticketIds\":[\"%s\","
           "\"%s\"],\"expiresAt\":%lld}",
           (unsigned long long)number, (unsigned long long)number % 100000, tickets[0] + 7,
           tickets[1] + 7, (long long)EXPIRES_S);
  struct value_writer *writer = draft_begin(&draft, arena);
  write_text(writer, BYTES("aggregateId"), id + 7);
  write_text(writer, BYTES("aggregateType"), "Reservation");
  write_text(writer, BYTES("eventData"), data);
  write_text(writer, BYTES("eventType"), "ReservationCreated");
  write_text(writer, BYTES("pk"), id);
  value_write_name(writer, BYTES("published"));
  value_write_bool(writer, false);
  write_text(writer, BYTES("sk"), "CREATED#2026-11-23T20:00:00.000Z");
  return draft_end(&draft);
}

void hold_images(struct arena *arena, uint64_t number, struct value images[HOLD_ITEMS])
{
  for (unsigned i = 0; i < HOLD_SEATS; i++) {
    images[i] = hold_ticket_image(arena, HOLD_SEATS * number + i, true);
    images[HOLD_SEATS + i] = event_image(arena, HOLD_SEATS * number + i);
  }
  images[4] = reservation_image(arena, number);
  images[5] = outbox_image(arena, number);
}

/* ---- store ---- */

void hold_ticket_key(struct arena *arena, uint64_t number, struct value *partition,
                     struct value *sort)
{
  char id[64];
  ticket_id(number, id);
  *partition = value_make_string(arena, bytes_of_text(id));
  *sort = value_make_string(arena, BYTES("METADATA"));
}

static struct value key_map(struct arena *arena, uint64_t number)
{
  char id[64];
  struct draft draft;
  ticket_id(number, id);
  struct value_writer *writer = draft_begin(&draft, arena);
  write_text(writer, BYTES("pk"), id);
  write_text(writer, BYTES("sk"), "METADATA");
  return draft_end(&draft);
}

bool hold_run(struct store *store, const struct hold_tables *tables,
              const struct hold_expressions *expressions, uint64_t number, struct arena *arena,
              uint64_t *sequence)
{
  char reservation[64];
  reservation_id(number, reservation);
  struct value values[VALUE_SLOTS] = {
      [AVAILABLE] = value_make_string(arena, BYTES("AVAILABLE")),
      [RESERVED] = value_make_string(arena, BYTES("RESERVED")),
      [NOW] = value_make_integer(arena, NOW_S),
      [EXPIRES] = value_make_integer(arena, EXPIRES_S),
      [RESERVATION] = value_make_string(arena, bytes_of_text(reservation)),
      [ONE] = value_make_integer(arena, 1),
      [NOW_AS_TEXT] = value_make_string(arena, bytes_of_text(NOW_TEXT)),
  };
  struct store_action actions[HOLD_ITEMS] = {
      [2] = {.kind = ACTION_PUT, .table = tables->events},
      [3] = {.kind = ACTION_PUT, .table = tables->events},
      [4] = {.kind = ACTION_PUT, .table = tables->reservations},
      [5] = {.kind = ACTION_PUT, .table = tables->outbox},
  };
  for (unsigned i = 0; i < HOLD_SEATS; i++) {
    actions[i] = (struct store_action){
        .kind = ACTION_UPDATE,
        .table = tables->tickets,
        .item = key_map(arena, HOLD_SEATS * number + i),
        .condition = expressions->condition,
        .update = expressions->update,
        .values = values,
    };
    actions[HOLD_SEATS + i].item = event_image(arena, HOLD_SEATS * number + i);
  }
  actions[4].item = reservation_image(arena, number);
  actions[5].item = outbox_image(arena, number);
  struct store_transact_result result;
  struct error error;
  enum store_status status = store_transact_write(store, actions, HOLD_ITEMS,
                                                  (struct store_token){0}, arena, &result, &error);
  *sequence = result.sequence;
  if (status != STORE_CANCELED) check_ok(status, &error);
  return status == STORE_OK;
}

/* ---- loading ---- */

static void put_all(struct store *store, struct store_action *actions, size_t count,
                    struct arena *arena)
{
  struct store_transact_result result;
  struct error error;
  check_ok(
      store_transact_write(store, actions, count, (struct store_token){0}, arena, &result, &error),
      &error);
  (void)store_tick(store);
}

static void load(struct store *store, struct table *table,
                 struct value (*image)(struct arena *, uint64_t), uint64_t first, uint64_t count)
{
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  arena_init(&arena, &memory);
  struct store_action actions[LOAD_BATCH];
  size_t filled = 0;
  for (uint64_t i = 0; i < count; i++) {
    actions[filled++] = (struct store_action){
        .kind = ACTION_PUT, .table = table, .item = image(&arena, first + i)};
    if (filled < LOAD_BATCH && i + 1 < count) continue;
    put_all(store, actions, filled, &arena);
    arena_reset(&arena);
    filled = 0;
  }
  arena_free(&arena);
  CHECK(store_sync(store, &error));
}

static struct value fresh_ticket(struct arena *arena, uint64_t number)
{
  return hold_ticket_image(arena, number, false);
}

void hold_load_tickets(struct store *store, const struct hold_tables *tables, uint64_t first,
                       uint64_t count)
{
  load(store, tables->tickets, fresh_ticket, first, count);
}

void hold_load_reservations(struct store *store, const struct hold_tables *tables, uint64_t first,
                            uint64_t count)
{
  load(store, tables->reservations, reservation_image, first, count);
}
