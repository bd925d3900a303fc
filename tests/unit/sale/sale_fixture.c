#include "unit/sale/sale_fixture.h"

#include "sale/platform_tables.h"
#include "sale/sale_parts.h"
#include "sale/seat_import.h"
#include "sale/wiring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NAMES_MAX = 16 };

static const char PLAN[] =
    "{\"event_id\":\"evt\",\"name\":\"A night\",\"venue\":\"Hall\","
    "\"starts_at\":\"2040-03-01T19:00:00Z\",\"sale_opens_at\":\"2001-01-01T00:00:00Z\","
    "\"currency\":\"KRW\",\"max_per_buyer\":4,\"hold_seconds\":60,\"sections\":["
    "{\"id\":\"A\",\"name\":\"Floor\",\"price\":1000,\"rows\":["
    "{\"row\":\"1\",\"seats\":10},{\"row\":\"2\",\"seats\":10}]},"
    "{\"id\":\"B\",\"name\":\"Circle\",\"price\":500,\"rows\":[{\"row\":\"1\",\"seats\":5}]},"
    "{\"id\":\"G\",\"name\":\"Standing\",\"price\":300,\"capacity\":20}]}";

static void on_seats_changed(void *context, struct sale_event *event)
{
  struct sale_fixture *fixture = context;
  (void)event;
  fixture->told++;
}

static void open_lobby(struct sale_fixture *fixture)
{
  static const uint8_t key[TOKEN_KEY_BYTES] = "a key of the tests";
  const struct lobby_options options = {
      .world = fixture->store.world, .store = fixture->store.store, .key = key};
  fixture->lobby = lobby_open(&options, fixture->now_ms, &fixture->error);
  if (fixture->lobby == NULL) fail_msg("%s", fixture->error.message);
}

static void open_sale(struct sale_fixture *fixture)
{
  if (fixture->has_rooms) open_lobby(fixture);
  const struct sale_options options = {.world = fixture->store.world,
                                       .store = fixture->store.store,
                                       .seats_changed = on_seats_changed,
                                       .context = fixture,
                                       .lobby = fixture->lobby};
  fixture->sale = sale_open(&options, &fixture->error);
  if (fixture->sale == NULL) fail_msg("%s", fixture->error.message);
  fixture->event = sale_event_find(fixture->sale, BYTES("evt"));
}

static void close_sale(struct sale_fixture *fixture)
{
  sale_close(fixture->sale);
  if (fixture->lobby != NULL) lobby_close(fixture->lobby);
  fixture->lobby = NULL;
}

void sale_fixture_rooms(struct sale_fixture *fixture)
{
  close_sale(fixture);
  fixture->has_rooms = true;
  open_sale(fixture);
}

static void on_created(void *context, enum sale_refusal refusal, uint64_t sequence)
{
  enum sale_refusal *outcome = context;
  (void)sequence;
  *outcome = refusal;
}

static void create_event(struct sale_fixture *fixture)
{
  struct seat_plan plan;
  struct arena arena;
  enum sale_refusal outcome = SALE_REFUSALS;
  arena_init(&arena, &fixture->store.memory);
  if (!seat_import_json(bytes_of_text(PLAN), 1, &arena, &plan, &fixture->error))
    fail_msg("%s", fixture->error.message);
  assert_int_equal(sale_event_create(fixture->sale, &plan, on_created, &outcome, fixture->now_ms),
                   SALE_OK);
  assert_int_equal(sale_event_create(fixture->sale, &plan, on_created, &outcome, fixture->now_ms),
                   SALE_EVENT_EXISTS);
  arena_free(&arena);
  while (sale_tick(fixture->sale, fixture->now_ms)) continue;
  assert_int_equal(outcome, SALE_OK);
  fixture->event = sale_event_find(fixture->sale, BYTES("evt"));
  assert_non_null(fixture->event);
}

int sale_fixture_setup(void **state)
{
  struct sale_fixture *fixture = calloc(1, sizeof *fixture);
  uint32_t made;
  assert_non_null(fixture);
  store_fixture_open(&fixture->store, 1);
  arena_init(&fixture->arena, &fixture->store.memory);
  fixture->now_ms = world_clock_ms(fixture->store.world);
  store_fixture_settle(&fixture->store);
  assert_true(platform_tables_create(fixture->store.store, &made, &fixture->error));
  store_fixture_settle(&fixture->store);
  open_sale(fixture);
  create_event(fixture);
  *state = fixture;
  return 0;
}

/* ---- with everything around it ---- */

static void open_wires(struct sale_fixture *fixture)
{
  struct memory *memory = &fixture->store.world->memory;
  fixture->queues = queues_open(fixture->store.store, memory, fixture->store.world, fixture->now_ms,
                                &fixture->error);
  if (fixture->queues == NULL) fail_msg("%s", fixture->error.message);
  const struct buses_options options = {.store = fixture->store.store,
                                        .queues = fixture->queues,
                                        .world = fixture->store.world,
                                        .memory = memory,
                                        .sender = fixture->sender,
                                        .account = BYTES("000000000000"),
                                        .region = BYTES("ap-northeast-2"),
                                        .signing_key = BYTES("secret")};
  fixture->buses = buses_open(&options, fixture->now_ms, &fixture->error);
  if (fixture->buses == NULL) fail_msg("%s", fixture->error.message);
  if (!wiring_make(fixture->queues, fixture->buses, fixture->now_ms, &fixture->error))
    fail_msg("%s", fixture->error.message);
  fixture->relay = relay_open(fixture->sale, fixture->buses, &fixture->error);
  if (fixture->relay == NULL) fail_msg("%s", fixture->error.message);
  assert_true(workers_open(&fixture->workers, fixture->sale, fixture->queues, &fixture->error));
}

static void close_wires(struct sale_fixture *fixture)
{
  workers_close(&fixture->workers);
  relay_close(fixture->relay);
  buses_close(fixture->buses);
  queues_close(fixture->queues);
}

void sale_fixture_wire(struct sale_fixture *fixture)
{
  open_wires(fixture);
  fixture->wired = true;
  sale_fixture_settle(fixture);
}

bool sale_fixture_turn(struct sale_fixture *fixture)
{
  bool more = queues_tick(fixture->queues, fixture->now_ms);
  if (buses_tick(fixture->buses, fixture->now_ms)) more = true;
  if (relay_tick(fixture->relay, fixture->now_ms)) more = true;
  if (workers_tick(&fixture->workers, fixture->now_ms)) more = true;
  return more;
}

void sale_fixture_run(struct sale_fixture *fixture)
{
  for (int idle = 0, turns = 0; idle < 2; turns++) {
    assert_true(turns < 10000);
    uint64_t before = store_appended(fixture->store.store);
    bool more = sale_fixture_turn(fixture);
    sale_fixture_settle(fixture);
    idle = more || store_appended(fixture->store.store) != before ? 0 : idle + 1;
  }
}

void sale_fixture_pass(struct sale_fixture *fixture, int64_t ms)
{
  fixture->now_ms += ms;
  sale_fixture_run(fixture);
}

uint64_t sale_fixture_messages(struct sale_fixture *fixture, const char *name)
{
  struct queue_counts counts;
  struct queue *queue = queue_find(fixture->queues, bytes_of_text(name));
  assert_non_null(queue);
  queue_counts(queue, fixture->now_ms, &counts);
  return counts.visible + counts.in_flight + counts.delayed;
}

/* How many rows of a table have this type of key, and (unless "") not this flag. */
static uint32_t count_rows(struct sale_fixture *fixture, const struct table *table,
                           const char *prefix, const char *flag)
{
  struct store_query query = {.table = table, .start_key = VALUE_NONE};
  struct store_page page;
  uint32_t count = 0;
  do {
    assert_int_equal(
        store_scan(fixture->store.store, &query, &fixture->store.answers, &page, &fixture->error),
        STORE_OK);
    for (uint32_t i = 0; i < page.count; i++) {
      if (!bytes_starts_with(record_get_text(page.items[i], BYTES("pk")), bytes_of_text(prefix)))
        continue;
      struct value value = value_attribute(page.items[i], bytes_of_text(flag));
      if (*flag == 0 || !value_bool(value)) count++;
    }
    query.start_key = page.last_key;
  } while (value_present(page.last_key));
  return count;
}

uint32_t sale_fixture_unpublished(struct sale_fixture *fixture)
{
  return count_rows(fixture, fixture->sale->outbox, "OUTBOX#", "published");
}

uint32_t sale_fixture_orders(struct sale_fixture *fixture)
{
  return count_rows(fixture, fixture->sale->orders, "ORDER#", "");
}

int sale_fixture_teardown(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_check(fixture);
  if (fixture->wired) close_wires(fixture);
  close_sale(fixture);
  arena_free(&fixture->arena);
  store_fixture_close(&fixture->store);
  free(fixture);
  return 0;
}

void sale_fixture_reopen(struct sale_fixture *fixture)
{
  if (fixture->wired) close_wires(fixture);
  close_sale(fixture);
  store_fixture_reopen(&fixture->store);
  open_sale(fixture);
  if (fixture->wired) open_wires(fixture);
}

void sale_fixture_crash(struct sale_fixture *fixture)
{
  if (fixture->wired) close_wires(fixture);
  close_sale(fixture);
  store_fixture_crash(&fixture->store);
  open_sale(fixture);
  if (fixture->wired) open_wires(fixture);
}

void sale_fixture_settle(struct sale_fixture *fixture)
{
  store_fixture_settle(&fixture->store);
}

struct plan *sale_fixture_plan(struct sale_fixture *fixture)
{
  arena_reset(&fixture->arena);
  plan_init(&fixture->plan, fixture->store.store, &fixture->arena);
  return &fixture->plan;
}

void sale_fixture_commit(struct sale_fixture *fixture)
{
  struct store_transact_result result;
  enum store_status status = plan_commit(&fixture->plan, &result, &fixture->error);
  if (status == STORE_CANCELED)
    for (size_t i = 0; i < fixture->plan.action_count; i++)
      if (result.reasons[i].code != REASON_NONE)
        print_error("action %zu: %s\n", i, result.reasons[i].message);
  assert_int_equal(status, STORE_OK);
}

/* Splits at spaces. */
static uint32_t split(const char *text, struct bytes names[NAMES_MAX])
{
  uint32_t count = 0;
  while (*text != 0) {
    size_t size = strcspn(text, " ");
    assert_true(count < NAMES_MAX);
    names[count++] = bytes_of(text, size);
    text += size + (text[size] == ' ');
  }
  return count;
}

enum sale_refusal sale_fixture_reserve(struct sale_fixture *fixture, const char *user,
                                       const char *seats, struct sale_reserve_result *result)
{
  struct bytes names[NAMES_MAX];
  struct sale_reserve ask = {
      .event_id = BYTES("evt"), .user_id = bytes_of_text(user), .seat_ids = names};
  ask.seat_count = split(seats, names);
  struct plan *plan = sale_fixture_plan(fixture);
  *result = (struct sale_reserve_result){0};
  enum sale_refusal refusal = sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, result,
                                           &fixture->error);
  if (refusal == SALE_OK) sale_fixture_commit(fixture);
  return refusal;
}

/* A copy that lives as long as the fixture. */
static struct bytes keep(struct sale_fixture *fixture, struct bytes text)
{
  return arena_copy(&fixture->store.arena, text);
}

struct bytes sale_fixture_hold(struct sale_fixture *fixture, const char *user, const char *seats)
{
  struct sale_reserve_result result;
  assert_int_equal(sale_fixture_reserve(fixture, user, seats, &result), SALE_OK);
  return keep(fixture, result.reservation.id);
}

static struct sale_reservation find(struct sale_fixture *fixture, struct bytes id)
{
  struct sale_reservation reservation;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_reservation_find(fixture->sale, plan->arena, id, (struct bytes){NULL, 0},
                                         fixture->now_ms, &reservation),
                   SALE_OK);
  return reservation;
}

struct bytes sale_fixture_intend(struct sale_fixture *fixture, struct bytes id)
{
  struct sale_payment payment;
  int64_t amount = find(fixture, id).amount;
  struct plan *plan = sale_fixture_plan(fixture);
  struct bytes none = {NULL, 0};
  assert_int_equal(sale_payment_intend(fixture->sale, plan, id, none, amount, none, none,
                                       fixture->now_ms, &payment),
                   SALE_OK);
  sale_fixture_commit(fixture);
  return keep(fixture, payment.intent_id);
}

void sale_fixture_approve(struct sale_fixture *fixture, struct bytes intent)
{
  struct sale_payment payment;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_payment_settle(fixture->sale, plan, intent, true, (struct bytes){NULL, 0},
                                       fixture->now_ms, &payment),
                   SALE_OK);
  sale_fixture_commit(fixture);
}

enum sale_refusal sale_fixture_confirm(struct sale_fixture *fixture, struct bytes reservation,
                                       struct sale_order *order, bool *refunded)
{
  struct bytes none = {NULL, 0};
  struct plan *plan = sale_fixture_plan(fixture);
  enum sale_refusal refusal = sale_confirm(fixture->sale, plan, reservation, none, none,
                                           fixture->now_ms, order, refunded);
  if (refusal == SALE_OK || *refunded) sale_fixture_commit(fixture);
  return refusal;
}

enum reservation_status sale_fixture_status(struct sale_fixture *fixture, struct bytes reservation)
{
  return find(fixture, reservation).status;
}

static struct value ticket_item(struct sale_fixture *fixture, struct bytes seat)
{
  struct arena *arena = &fixture->store.answers;
  struct bytes id = ticket_id(arena, BYTES("evt"), seat);
  return sale_find(fixture->sale->tickets, arena, record_key(arena, BYTES("TICKET#"), id),
                   BYTES("METADATA"));
}

const char *sale_fixture_ticket(struct sale_fixture *fixture, const char *seat)
{
  struct bytes status = record_get_text(ticket_item(fixture, bytes_of_text(seat)), BYTES("status"));
  char *text = arena_alloc(&fixture->store.answers, status.size + 1);
  memcpy(text, status.data, status.size);
  text[status.size] = 0;
  return text;
}

const char *sale_fixture_outbox(struct sale_fixture *fixture)
{
  struct store_query query = {.table = fixture->sale->outbox, .start_key = VALUE_NONE};
  struct store_page page;
  struct arena *arena = &fixture->store.answers;
  assert_int_equal(store_scan(fixture->store.store, &query, arena, &page, &fixture->error),
                   STORE_OK);
  /* Ids are in order of their making. */
  struct value *items = page.items;
  for (uint32_t i = 1; i < page.count; i++)
    for (uint32_t j = i; j > 0; j--) {
      struct bytes left = record_get_text(items[j - 1], BYTES("eventId"));
      struct bytes right = record_get_text(items[j], BYTES("eventId"));
      if (bytes_compare(left, right) <= 0) break;
      struct value swapped = items[j];
      items[j] = items[j - 1];
      items[j - 1] = swapped;
    }
  struct buffer text;
  buffer_init(&text, &fixture->store.memory);
  for (uint32_t i = 0; i < page.count; i++) {
    struct bytes type = record_get_text(items[i], BYTES("eventType"));
    if (bytes_equal(type, BYTES("TicketCreated"))) continue;
    buffer_append(&text, type);
    buffer_append_byte(&text, ' ');
  }
  buffer_append_byte(&text, 0);
  struct bytes copy = arena_copy(arena, buffer_bytes(&text));
  buffer_free(&text);
  return (const char *)copy.data;
}

/* ---- the law ---- */

/* A ticket that somebody has: its reservation names it, and is pending or confirmed. */
static void check_owned(struct sale_fixture *fixture, struct value ticket, struct bytes seat,
                        enum reservation_status expected)
{
  struct arena arena;
  struct sale_reservation reservation;
  arena_init(&arena, &fixture->store.memory);
  struct bytes owner = record_get_text(ticket, BYTES("reservationId"));
  struct value item = reservation_load(fixture->sale, &arena, owner);
  assert_true(reservation_read(fixture->sale, &arena, item, &reservation));
  assert_int_equal(reservation.status, expected);
  uint32_t named = 0;
  for (uint32_t i = 0; i < reservation.quantity; i++)
    if (bytes_equal(reservation.seats[i].id, seat)) named++;
  assert_int_equal(named, 1);
  arena_free(&arena);
}

static void check_seat(struct sale_fixture *fixture, uint32_t place)
{
  char id[SEAT_ID_BYTES];
  struct bytes seat = bytes_of(id, seat_map_format_id(fixture->event->map, place, id));
  struct value ticket = ticket_item(fixture, seat);
  struct bytes status = record_get_text(ticket, BYTES("status"));
  switch (seat_map_state(fixture->event->map, place)) {
  case SEAT_SOLD:
    assert_true(bytes_equal(status, BYTES("SOLD")));
    check_owned(fixture, ticket, seat, RESERVATION_CONFIRMED);
    break;
  case SEAT_HELD:
    assert_true(bytes_equal(status, BYTES("RESERVED")));
    check_owned(fixture, ticket, seat, RESERVATION_PENDING);
    break;
  default:
    /* Free in the map: or a hold that lapsed and that nobody has written down yet. */
    assert_false(bytes_equal(status, BYTES("SOLD")));
    if (bytes_equal(status, BYTES("RESERVED")))
      assert_true(record_get_integer(ticket, BYTES("holdExpiresAt"), 0) <= fixture->now_ms);
    break;
  }
}

/* A buyer's counter is the seats of their pending and confirmed reservations. */
static void check_counter(struct sale_fixture *fixture, struct value counter,
                          const struct value *all, uint32_t count)
{
  struct bytes key = record_get_text(counter, BYTES("pk"));
  struct bytes user = bytes_of(key.data + 10, key.size - 10); /* "BUYER#evt#" */
  int64_t seats = 0;
  for (uint32_t i = 0; i < count; i++) {
    struct bytes status = record_get_text(all[i], BYTES("status"));
    struct bytes order = record_get_text(all[i], BYTES("orderId"));
    struct sale_order bought;
    if (!bytes_equal(record_get_text(all[i], BYTES("userId")), user)) continue;
    bool refunded = order.size > 0 &&
                    sale_order_find(fixture->sale, &fixture->store.answers, order,
                                    (struct bytes){NULL, 0}, &bought) == SALE_OK &&
                    bought.status == ORDER_REFUNDED;
    if (bytes_equal(status, BYTES("PENDING")) ||
        (bytes_equal(status, BYTES("CONFIRMED")) && !refunded))
      seats += value_count(value_attribute(all[i], BYTES("seatIds")));
  }
  assert_int_equal(record_get_integer(counter, BYTES("seats"), -1), seats);
}

void sale_fixture_check(struct sale_fixture *fixture)
{
  struct store_query query = {.table = fixture->sale->reservations, .start_key = VALUE_NONE};
  struct store_page page;
  seat_map_advance(fixture->event->map, fixture->now_ms);
  for (uint32_t i = 0; i < fixture->event->map->seat_count; i++) check_seat(fixture, i);
  assert_int_equal(
      store_scan(fixture->store.store, &query, &fixture->store.answers, &page, &fixture->error),
      STORE_OK);
  for (uint32_t i = 0; i < page.count; i++)
    if (bytes_equal(record_get_text(page.items[i], BYTES("sk")), BYTES("COUNTER")))
      check_counter(fixture, page.items[i], page.items, page.count);
}
