#include "sale/checkin.h"

#include "sale/sale_parts.h"
#include "sale/seat_import.h"
#include "sim/random.h"
#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
  struct store_fixture store;
  struct sale *sale;
  struct ticket_signer signer;
  struct ticket_keys keys;
  int64_t now_ms;
  bool created;
};

#define START_MS INT64_C(1795464000000)

static const char *const TABLES[] = {
    "ticket-tickets pk:S sk:S | GSI1 gsi1pk:S gsi1sk:S",
    "ticket-ticket-events pk:S sk:S",
    "ticket-reservation-reservations pk:S sk:S | GSI1 gsi1pk:S gsi1sk:S",
    "ticket-reservation-orders pk:S sk:S | GSI1 gsi1pk:S gsi1sk:S",
    "ticket-reservation-idempotency pk:S | ttl ttl",
    "ticket-reservation-outbox pk:S sk:S | stream NEW",
};

static void note_created(void *context, enum sale_refusal refusal, uint64_t sequence)
{
  struct fixture *fixture = context;
  (void)sequence;
  assert_int_equal(refusal, SALE_OK);
  fixture->created = true;
}

static void make_event(struct fixture *fixture, const char *id)
{
  char json[1000];
  struct seat_plan plan;
  int size = snprintf(
      json, sizeof json,
      "{\"event_id\":\"%s\",\"name\":\"N\",\"venue\":\"V\",\"starts_at\":\"2099-01-01T00:00:00Z\","
      "\"sale_opens_at\":\"2020-01-01T00:00:00Z\",\"currency\":\"KRW\",\"max_per_buyer\":100,"
      "\"hold_seconds\":60,\"sections\":[{\"id\":\"A\",\"name\":\"A\",\"price\":1000,\"rows\":["
      "{\"row\":\"1\",\"seats\":4}]}]}",
      id);
  if (!seat_import_json(bytes_of(json, (size_t)size), 1, &fixture->store.arena, &plan,
                        &fixture->store.error))
    fail_msg("%s", fixture->store.error.message);
  fixture->created = false;
  assert_int_equal(sale_event_create(fixture->sale, &plan, note_created, fixture, fixture->now_ms),
                   SALE_OK);
  while (sale_tick(fixture->sale, fixture->now_ms)) continue;
  assert_true(fixture->created);
}

static void open_sale(struct fixture *fixture)
{
  const struct sale_options options = {.world = fixture->store.world,
                                       .store = fixture->store.store};
  fixture->sale = sale_open(&options, &fixture->store.error);
  if (fixture->sale == NULL) fail_msg("%s", fixture->store.error.message);
}

static int setup(void **state)
{
  struct fixture *fixture = calloc(1, sizeof *fixture);
  if (fixture == NULL) return -1;
  static const uint8_t key[TICKET_KEY_BYTES] = {1};
  store_fixture_open(&fixture->store, 1);
  for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++)
    store_fixture_table(&fixture->store, TABLES[i]);
  fixture->now_ms = START_MS;
  open_sale(fixture);
  make_event(fixture, "evt_1");
  make_event(fixture, "evt_2");
  assert_true(ticket_signer_init(&fixture->signer, key, &fixture->store.error));
  assert_true(ticket_keys_add(&fixture->keys, fixture->signer.public_key, &fixture->store.error));
  *state = fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  ticket_keys_free(&fixture->keys);
  ticket_signer_free(&fixture->signer);
  sale_close(fixture->sale);
  store_fixture_close(&fixture->store);
  free(fixture);
  return 0;
}

static struct plan *new_plan(struct fixture *fixture)
{
  struct plan *plan = arena_alloc(&fixture->store.answers, sizeof *plan);
  assert_non_null(plan);
  plan_init(plan, fixture->store.store, &fixture->store.answers);
  return plan;
}

static enum store_status commit(struct fixture *fixture, struct plan *plan)
{
  struct store_transact_result result;
  return plan_commit(plan, &result, &fixture->store.error);
}

/* Sells seats of an event to u1: reserve, pay, confirm. */
static struct sale_order buy(struct fixture *fixture, const char *event,
                             const struct bytes *seat_ids, uint32_t count)
{
  const struct sale_reserve ask = {.event_id = bytes_of_text(event),
                                   .user_id = BYTES("u1"),
                                   .seat_ids = seat_ids,
                                   .seat_count = count};
  struct sale_reserve_result reserved;
  struct sale_payment payment;
  struct sale_order order;
  bool refunded;
  const struct bytes none = {NULL, 0};
  struct plan *plan = new_plan(fixture);
  assert_int_equal(
      sale_reserve(fixture->sale, plan, &ask, fixture->now_ms, &reserved, &fixture->store.error),
      SALE_OK);
  assert_int_equal(commit(fixture, plan), STORE_OK);
  struct bytes id = reserved.reservation.id;
  plan = new_plan(fixture);
  assert_int_equal(sale_payment_intend(fixture->sale, plan, id, BYTES("u1"),
                                       reserved.reservation.amount, none, none, fixture->now_ms,
                                       &payment),
                   SALE_OK);
  assert_int_equal(commit(fixture, plan), STORE_OK);
  plan = new_plan(fixture);
  assert_int_equal(sale_payment_settle(fixture->sale, plan, payment.intent_id, true, none,
                                       fixture->now_ms, &payment),
                   SALE_OK);
  assert_int_equal(commit(fixture, plan), STORE_OK);
  plan = new_plan(fixture);
  assert_int_equal(
      sale_confirm(fixture->sale, plan, id, none, none, fixture->now_ms, &order, &refunded),
      SALE_OK);
  assert_int_equal(commit(fixture, plan), STORE_OK);
  return order;
}

static struct sale_order buy_one(struct fixture *fixture, const char *event, const char *seat)
{
  struct bytes id = bytes_of_text(seat);
  return buy(fixture, event, &id, 1);
}

static void refund(struct fixture *fixture, struct bytes order_id, int64_t amount)
{
  struct sale_order order;
  struct plan *plan = new_plan(fixture);
  assert_int_equal(
      sale_refund(fixture->sale, plan, order_id, amount, BYTES("test"), fixture->now_ms, &order),
      SALE_OK);
  assert_int_equal(commit(fixture, plan), STORE_OK);
}

struct code {
  char text[TICKET_CODE_TEXT_MAX];
  size_t size;
};

static struct code code_of(struct fixture *fixture, const struct sale_order *order, uint32_t place)
{
  struct code code;
  code.size = sale_ticket_code(order, place, &fixture->signer, code.text);
  assert_true(code.size > 0);
  return code;
}

static enum sale_refusal plan_checkin(struct fixture *fixture, struct plan *plan,
                                      const struct code *code, const char *gate,
                                      struct sale_checkin_result *result)
{
  const struct sale_checkin ask = {.code = bytes_of(code->text, code->size),
                                   .gate = bytes_of_text(gate)};
  return sale_checkin(fixture->sale, plan, &fixture->keys, &ask, fixture->now_ms, result,
                      &fixture->store.error);
}

/* With its commit when it is allowed. */
static enum sale_refusal checkin(struct fixture *fixture, const struct code *code, const char *gate,
                                 struct sale_checkin_result *result)
{
  struct plan *plan = new_plan(fixture);
  enum sale_refusal refusal = plan_checkin(fixture, plan, code, gate, result);
  if (refusal == SALE_OK)
    assert_int_equal(commit(fixture, plan), STORE_OK);
  else
    assert_int_equal(plan->action_count, 0);
  return refusal;
}

static void assert_text(struct bytes text, const char *expected)
{
  assert_int_equal(text.size, strlen(expected));
  assert_memory_equal(text.data, expected, text.size);
}

static void test_a_ticket_admits_once(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  const struct bytes seats[] = {BYTES("A-1-1"), BYTES("A-1-2")};
  struct sale_order order = buy(fixture, "evt_1", seats, 2);
  struct code first = code_of(fixture, &order, 0);
  struct code second = code_of(fixture, &order, 1);
  fixture->now_ms += 1000;
  assert_int_equal(checkin(fixture, &first, "North", &result), SALE_OK);
  assert_text(result.ticket_id, "evt_1:A-1-1");
  assert_text(result.seat.id, "A-1-1");
  assert_text(result.user_id, "u1");
  assert_true(bytes_equal(result.order_id, order.id));
  assert_int_equal(result.issue, 3);
  assert_int_equal(result.admitted_ms, START_MS + 1000);
  fixture->now_ms += 1000;
  assert_int_equal(checkin(fixture, &first, "South", &result), SALE_ALREADY_ADMITTED);
  assert_int_equal(result.admitted_ms, START_MS + 1000);
  assert_text(result.gate, "North");
  assert_text(result.seat.id, "A-1-1");
  assert_int_equal(checkin(fixture, &second, "", &result), SALE_OK);
  assert_int_equal(checkin(fixture, &second, "", &result), SALE_ALREADY_ADMITTED);
  assert_text(result.gate, "");
  /* The order gives the same codes for ever, whoever reads it. */
  struct sale_order again;
  assert_int_equal(
      sale_order_find(fixture->sale, &fixture->store.answers, order.id, BYTES("u1"), &again),
      SALE_OK);
  struct code same = code_of(fixture, &again, 1);
  assert_memory_equal(same.text, second.text, second.size);
}

static void test_what_is_written(void **state)
{
  struct fixture *fixture = *state;
  struct store_fixture *store = &fixture->store;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  /* In the millisecond of the sale: its own row of history stays. */
  assert_int_equal(checkin(fixture, &code, "N\"1", &result), SALE_OK);
  char json[1000];
  snprintf(json, sizeof json,
           "{'pk':{'S':'CHECKIN#evt_1:A-1-1'},'sk':{'S':'3'},'gsi1pk':{'S':'CHECKINS#evt_1'},"
           "'gsi1sk':{'S':'CHECKIN#2026-11-23T20:00:00.000Z'},'ticketId':{'S':'evt_1:A-1-1'},"
           "'eventId':{'S':'evt_1'},'seatNumber':{'S':'A-1-1'},'orderId':{'S':'%.*s'},"
           "'issue':{'N':'3'},'gate':{'S':'N\\u00221'},"
           "'checkedInAt':{'S':'2026-11-23T20:00:00.000Z'}}",
           BYTES_FORMAT(order.id));
  store_fixture_expect_stored(store, fixture->sale->tickets,
                              "{'pk':{'S':'CHECKIN#evt_1:A-1-1'},'sk':{'S':'3'}}", json);
  struct arena *arena = &store->answers;
  static const char *const rows[][2] = {
      {"EVENT#2026-11-23T20:00:00.000Z#3", "TicketSold"},
      {"EVENT#2026-11-23T20:00:00.000Z#3#CHECKIN", "TicketCheckedIn"},
  };
  struct value row = VALUE_NONE;
  for (size_t i = 0; i < 2; i++) {
    row = sale_find(fixture->sale->ticket_events, arena, BYTES("TICKET#evt_1:A-1-1"),
                    bytes_of_text(rows[i][0]));
    assert_text(record_get_text(row, BYTES("eventType")), rows[i][1]);
    assert_int_equal(record_get_integer(row, BYTES("aggregateVersion"), 0), 3);
  }
  snprintf(json, sizeof json,
           "{\"ticketId\":\"evt_1:A-1-1\",\"eventId\":\"evt_1\",\"orderId\":\"%.*s\","
           "\"reservationId\":\"%.*s\",\"userId\":\"u1\",\"issue\":3,\"gate\":\"N\\\"1\","
           "\"checkedInAt\":\"2026-11-23T20:00:00.000Z\"}",
           BYTES_FORMAT(order.id), BYTES_FORMAT(order.reservation_id));
  assert_text(record_get_text(row, BYTES("eventData")), json);
  struct store_page page;
  const struct store_query scan = {.table = fixture->sale->outbox, .start_key = VALUE_NONE};
  assert_int_equal(store_scan(store->store, &scan, arena, &page, &store->error), STORE_OK);
  uint32_t told = 0;
  for (uint32_t i = 0; i < page.count; i++) {
    struct value event = page.items[i];
    if (!bytes_equal(record_get_text(event, BYTES("eventType")), BYTES("TicketCheckedIn")))
      continue;
    assert_text(record_get_text(event, BYTES("eventData")), json);
    assert_text(record_get_text(event, BYTES("aggregateId")), "evt_1:A-1-1");
    told++;
  }
  assert_int_equal(told, 1);
}

/* Two doors read the same code before either has committed. */
static void test_two_doors_at_the_same_time(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  struct plan *north = new_plan(fixture);
  struct plan *south = new_plan(fixture);
  assert_int_equal(plan_checkin(fixture, north, &code, "North", &result), SALE_OK);
  assert_int_equal(plan_checkin(fixture, south, &code, "South", &result), SALE_OK);
  assert_int_equal(commit(fixture, south), STORE_OK);
  assert_int_equal(commit(fixture, north), STORE_CANCELED);
  assert_int_equal(checkin(fixture, &code, "North", &result), SALE_ALREADY_ADMITTED);
  assert_text(result.gate, "South");
}

/* The refund is committed between the look at the ticket and the admission. */
static void test_refund_at_the_same_time(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  struct plan *plan = new_plan(fixture);
  assert_int_equal(plan_checkin(fixture, plan, &code, "North", &result), SALE_OK);
  refund(fixture, order.id, 0);
  assert_int_equal(commit(fixture, plan), STORE_CANCELED);
  assert_int_equal(checkin(fixture, &code, "North", &result), SALE_TICKET_REFUNDED);
  /* Sold again, to the same buyer: another reservation, another issue. */
  struct sale_order next = buy_one(fixture, "evt_1", "A-1-1");
  assert_int_equal(commit(fixture, plan), STORE_CANCELED);
  assert_int_equal(checkin(fixture, &code, "North", &result), SALE_TICKET_REFUNDED);
  struct code good = code_of(fixture, &next, 0);
  assert_int_equal(checkin(fixture, &good, "North", &result), SALE_OK);
  assert_int_equal(result.issue, 6);
  assert_int_equal(checkin(fixture, &code, "North", &result), SALE_TICKET_REFUNDED);
}

/* Some money back, for a broken seat: the ticket stays one. */
static void test_a_partial_refund_admits(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  refund(fixture, order.id, 400);
  assert_int_equal(checkin(fixture, &code, "", &result), SALE_OK);
  refund(fixture, order.id, 600);
  assert_int_equal(checkin(fixture, &code, "", &result), SALE_TICKET_REFUNDED);
}

static void test_forged_and_foreign_codes(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  struct code bad = code;
  bad.text[bad.size - 9] = bad.text[bad.size - 9] == 'A' ? 'B' : 'A';
  assert_int_equal(checkin(fixture, &bad, "", &result), SALE_TICKET_INVALID);
  assert_int_equal(result.verdict, TICKET_CODE_BAD_SIGNATURE);
  bad.size = 20;
  assert_int_equal(checkin(fixture, &bad, "", &result), SALE_TICKET_INVALID);
  assert_int_equal(result.verdict, TICKET_CODE_MALFORMED);
  struct ticket_signer other;
  static const uint8_t key[TICKET_KEY_BYTES] = {2};
  assert_true(ticket_signer_init(&other, key, &fixture->store.error));
  bad.size = sale_ticket_code(&order, 0, &other, bad.text);
  assert_int_equal(checkin(fixture, &bad, "", &result), SALE_TICKET_INVALID);
  assert_int_equal(result.verdict, TICKET_CODE_UNKNOWN_KEY);
  ticket_signer_free(&other);
  assert_int_equal(checkin(fixture, &code, "", &result), SALE_OK);
}

/* Signed by us, and yet not of this store: an older copy of it, or a test of before. */
static void test_codes_of_what_is_not_there(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct id id;
  assert_true(id_parse(bytes_of(order.id.data + 4, ID_TEXT_BYTES), &id));
  const struct ticket_code good = {.order = id,
                                   .issue = 3,
                                   .issued_at_s = START_MS / 1000,
                                   .event_id = BYTES("evt_1"),
                                   .seat_id = BYTES("A-1-1")};
  struct ticket_code bad[6];
  for (size_t i = 0; i < 6; i++) bad[i] = good;
  bad[0].order.bytes[15] ^= 1;
  bad[1].issue = 2;
  bad[2].issue = 6;
  bad[3].event_id = BYTES("evt_2");
  bad[4].event_id = BYTES("evt_3");
  bad[5].seat_id = BYTES("A-1-2");
  struct code code;
  for (size_t i = 0; i < 6; i++) {
    code.size = ticket_code_sign(&fixture->signer, &bad[i], code.text);
    assert_int_equal(checkin(fixture, &code, "", &result), SALE_TICKET_NOT_FOUND);
    assert_int_equal(result.verdict, TICKET_CODE_VALID);
  }
  code.size = ticket_code_sign(&fixture->signer, &good, code.text);
  assert_int_equal(checkin(fixture, &code, "", &result), SALE_OK);
}

static void test_the_door_of_another_event(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  struct sale_checkin ask = {.code = bytes_of(code.text, code.size), .event_id = BYTES("evt_2")};
  struct plan *plan = new_plan(fixture);
  assert_int_equal(sale_checkin(fixture->sale, plan, &fixture->keys, &ask, fixture->now_ms, &result,
                                &fixture->store.error),
                   SALE_TICKET_OTHER_EVENT);
  assert_int_equal(plan->action_count, 0);
  ask.event_id = BYTES("evt_1");
  assert_int_equal(sale_checkin(fixture->sale, plan, &fixture->keys, &ask, fixture->now_ms, &result,
                                &fixture->store.error),
                   SALE_OK);
}

static void test_names_of_gates(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  char gate[CHECKIN_GATE_BYTES + 2];
  memset(gate, 'x', sizeof gate);
  gate[sizeof gate - 1] = '\0';
  static const char *const bad[] = {"a\nb", "\x7f", "\xff", "\xc3"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(checkin(fixture, &code, bad[i], &result), SALE_INVALID);
  assert_int_equal(checkin(fixture, &code, gate, &result), SALE_INVALID);
  assert_non_null(strstr(fixture->store.error.message, "gate"));
  gate[CHECKIN_GATE_BYTES] = '\0';
  assert_int_equal(checkin(fixture, &code, gate, &result), SALE_OK);
  assert_int_equal(checkin(fixture, &code, "\xeb\xb6\x81", &result), SALE_ALREADY_ADMITTED);
  assert_text(result.gate, gate);
}

static void test_orders_of_before_issues(void **state)
{
  struct fixture *fixture = *state;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  char text[TICKET_CODE_TEXT_MAX];
  order.issues[0] = 0;
  assert_int_equal(sale_ticket_code(&order, 0, &fixture->signer, text), 0);
}

/* Admissions are in the log like everything else. */
static void test_after_a_crash(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  assert_int_equal(checkin(fixture, &code, "North", &result), SALE_OK);
  store_fixture_settle(&fixture->store);
  sale_close(fixture->sale);
  store_fixture_crash(&fixture->store);
  open_sale(fixture);
  assert_int_equal(checkin(fixture, &code, "South", &result), SALE_ALREADY_ADMITTED);
  assert_int_equal(result.admitted_ms, START_MS);
  assert_text(result.gate, "North");
}

enum { PLENTY = 65536, NEEDED = 8192 }; /* bytes of an arena */

/*
 * One look at the code with `left` bytes in the arena before it asks for a chunk, which it gets at
 * the second time, and with the nth of the store's allocations failing.
 */
static enum sale_refusal checkin_with(struct fixture *fixture, const struct code *code, size_t left,
                                      uint64_t nth)
{
  struct memory *memory = &fixture->store.world->memory;
  struct memory of_arena = {0};
  struct arena arena;
  arena_init(&arena, &of_arena);
  struct plan *plan = arena_alloc(&arena, sizeof *plan);
  assert_non_null(plan);
  plan_init(plan, fixture->store.store, &arena);
  assert_non_null(arena_alloc_chunk(&arena, left));
  arena.next = arena.end - left;
  of_arena.fail_at = of_arena.calls + 1;
  memory->calls = 0;
  memory->fail_at = nth;
  struct sale_checkin_result result;
  const struct sale_checkin ask = {.code = bytes_of(code->text, code->size),
                                   .gate = BYTES("North")};
  enum sale_refusal refusal = sale_checkin(fixture->sale, plan, &fixture->keys, &ask,
                                           fixture->now_ms, &result, &fixture->store.error);
  memory->fail_at = 0;
  if (refusal == SALE_ALREADY_ADMITTED) assert_text(result.gate, "North");
  if (left == PLENTY) assert_true(arena.end - arena.next > PLENTY - NEEDED);
  arena_free(&arena);
  assert_int_equal(of_arena.in_use, 0);
  return refusal;
}

/* Without memory nothing is admitted, nor refused for a wrong reason. */
static void test_without_memory(void **state)
{
  struct fixture *fixture = *state;
  struct sale_checkin_result result;
  struct sale_order order = buy_one(fixture, "evt_1", "A-1-1");
  struct code code = code_of(fixture, &order, 0);
  for (int round = 0; round < 2; round++) {
    enum sale_refusal expected = round == 0 ? SALE_OK : SALE_ALREADY_ADMITTED;
    int failed = 0;
    /* Some failures do no harm: texts of the order that no row has. */
    for (size_t left = 0; left <= NEEDED; left += 8) {
      enum sale_refusal refusal = checkin_with(fixture, &code, left, 0);
      if (refusal != expected) assert_int_equal(refusal, SALE_UNAVAILABLE);
      failed += refusal != expected;
    }
    assert_true(failed > 50);
    assert_int_equal(checkin_with(fixture, &code, PLENTY, 0), expected);
    for (uint64_t nth = 1; round == 0 && checkin_with(fixture, &code, PLENTY, nth) != expected;
         nth++)
      assert_true(nth < 100);
    assert_int_equal(checkin(fixture, &code, "North", &result), expected);
  }
}

/* ---- a model of the door ---- */

enum { MODEL_SEATS = 4, MODEL_SALES = 300, MODEL_STEPS = 3000 };

struct model_sale {
  struct code code;
  char order_id[SALE_ID_BYTES];
  size_t order_id_size;
  uint32_t seat;
  bool refunded;
  bool admitted;
  int64_t admitted_ms;
  char gate[8];
};

struct model {
  struct fixture *fixture;
  struct random random;
  struct model_sale sales[MODEL_SALES];
  uint32_t count;
  int current[MODEL_SEATS]; /* the sale that has the seat, or -1 */
};

static void model_buy(struct model *model, uint32_t seat)
{
  if (model->count == MODEL_SALES || model->current[seat] >= 0) return;
  static const char *const seats[] = {"A-1-1", "A-1-2", "A-1-3", "A-1-4"};
  struct sale_order order = buy_one(model->fixture, "evt_1", seats[seat]);
  struct model_sale *sale = &model->sales[model->count];
  *sale = (struct model_sale){.code = code_of(model->fixture, &order, 0), .seat = seat};
  sale->order_id_size = order.id.size;
  memcpy(sale->order_id, order.id.data, order.id.size);
  for (uint32_t i = 0; i < model->count; i++)
    assert_true(model->sales[i].code.size != sale->code.size ||
                memcmp(model->sales[i].code.text, sale->code.text, sale->code.size) != 0);
  model->current[seat] = (int)model->count++;
}

static void model_refund(struct model *model, uint32_t seat)
{
  if (model->current[seat] < 0) return;
  struct model_sale *sale = &model->sales[model->current[seat]];
  refund(model->fixture, bytes_of(sale->order_id, sale->order_id_size), 0);
  sale->refunded = true;
  model->current[seat] = -1;
}

/* Any code that was ever given out, the newest ones more often. */
static void model_scan(struct model *model)
{
  if (model->count == 0) return;
  uint64_t back = random_below(&model->random, random_below(&model->random, model->count) + 1);
  struct model_sale *sale = &model->sales[model->count - 1 - back];
  struct sale_checkin_result result;
  char gate[8];
  snprintf(gate, sizeof gate, "G%u", (unsigned)random_below(&model->random, 5));
  enum sale_refusal expected = sale->refunded   ? SALE_TICKET_REFUNDED
                               : sale->admitted ? SALE_ALREADY_ADMITTED
                                                : SALE_OK;
  assert_int_equal(checkin(model->fixture, &sale->code, gate, &result), expected);
  if (expected == SALE_OK) {
    sale->admitted = true;
    sale->admitted_ms = model->fixture->now_ms;
    memcpy(sale->gate, gate, sizeof gate);
  }
  if (expected == SALE_TICKET_REFUNDED) return;
  assert_int_equal(result.admitted_ms, sale->admitted_ms);
  assert_text(result.gate, sale->gate);
}

static void test_model(void **state)
{
  uint64_t seed = random_seed(1);
  struct model *model = calloc(1, sizeof *model);
  assert_non_null(model);
  model->fixture = *state;
  random_init(&model->random, seed);
  for (uint32_t i = 0; i < MODEL_SEATS; i++) model->current[i] = -1;
  print_message("replay: TACOS_SEED=%llu build/asan/tests/unit/sale/test_checkin\n",
                (unsigned long long)seed);
  for (int step = 0; step < MODEL_STEPS; step++) {
    uint32_t seat = (uint32_t)random_below(&model->random, MODEL_SEATS);
    switch (random_below(&model->random, 8)) {
    case 0:
      model_buy(model, seat);
      break;
    case 1:
      model_refund(model, seat);
      break;
    case 2: /* most of what happens is in the same millisecond */
      model->fixture->now_ms += (int64_t)random_below(&model->random, 3);
      break;
    default:
      model_scan(model);
      break;
    }
    arena_reset(&model->fixture->store.answers);
    if (step % 100 == 0) store_fixture_settle(&model->fixture->store);
  }
  assert_true(model->count > 50);
  free(model);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_a_ticket_admits_once),
      TEST(test_what_is_written),
      TEST(test_two_doors_at_the_same_time),
      TEST(test_refund_at_the_same_time),
      TEST(test_a_partial_refund_admits),
      TEST(test_forged_and_foreign_codes),
      TEST(test_codes_of_what_is_not_there),
      TEST(test_the_door_of_another_event),
      TEST(test_names_of_gates),
      TEST(test_orders_of_before_issues),
      TEST(test_after_a_crash),
      TEST(test_without_memory),
      TEST(test_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
