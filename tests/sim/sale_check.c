#include "sim/sale_run.h"

#include "sale/audit.h"
#include "sale/sale_parts.h"
#include "sale/wiring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- seats ---- */

static struct bytes seat_id(const struct sale_event *event, uint32_t seat, char id[SEAT_ID_BYTES])
{
  return bytes_of(id, seat_map_format_id(event->map, seat, id));
}

static struct value ticket_of(struct sale_run *run, const struct sale_event *event, uint32_t seat)
{
  char id[SEAT_ID_BYTES];
  struct bytes ticket = ticket_id(&run->arena, event->id, seat_id(event, seat, id));
  return sale_find(run->sale->tickets, &run->arena,
                   record_key(&run->arena, BYTES("TICKET#"), ticket), BYTES("METADATA"));
}

/* What the store says of a seat that is `state` by the model, and whose it is. */
static void check_ticket(struct sale_run *run, const struct sale_event *event, uint32_t seat,
                         enum seat_state state, const struct model_reservation *owner)
{
  struct value ticket = ticket_of(run, event, seat);
  struct bytes status = record_get_text(ticket, BYTES("status"));
  struct bytes holder = record_get_text(ticket, BYTES("reservationId"));
  int64_t until_ms = record_get_integer(ticket, BYTES("holdExpiresAt"), 0);
  bool right = false;
  switch (state) {
  case SEAT_SOLD:
    right = bytes_equal(status, BYTES("SOLD")) && bytes_equal(holder, bytes_of_text(owner->id));
    break;
  case SEAT_HELD:
    right = bytes_equal(status, BYTES("RESERVED")) && until_ms == owner->until_ms &&
            bytes_equal(holder, bytes_of_text(owner->id));
    break;
  default:
    /* A hold that is over may still be written there, as nobody's. */
    right = bytes_equal(status, BYTES("AVAILABLE")) ||
            (bytes_equal(status, BYTES("RESERVED")) && until_ms <= run->now_ms);
    break;
  }
  if (right) return;
  sale_run_fail(run, "ticket %u of %.*s is %.*s of '%.*s' until %lld; expected: %s, %s", seat,
                BYTES_FORMAT(event->id), BYTES_FORMAT(status), BYTES_FORMAT(holder),
                (long long)until_ms,
                state == SEAT_SOLD   ? "SOLD"
                : state == SEAT_HELD ? "RESERVED"
                                     : "AVAILABLE",
                owner == NULL ? "nobody's" : owner->id);
}

static void check_seat(struct sale_run *run, uint32_t number, const struct sale_event *event,
                       uint32_t seat)
{
  const struct model_event *wanted = &run->model.events[number];
  const struct model_reservation *owner = NULL;
  enum seat_state state = SEAT_FREE;
  if (sale_model_taken(&run->model, number, seat, run->now_ms)) {
    owner = &run->model.reservations[wanted->owner[seat]];
    state = owner->state == MODEL_BOUGHT ? SEAT_SOLD : SEAT_HELD;
  }
  if (seat_map_state(event->map, seat) != state)
    sale_run_fail(run, "seat %u of %s is %d in the map, not %d", seat, wanted->id,
                  (int)seat_map_state(event->map, seat), (int)state);
  check_ticket(run, event, seat, state, owner);
}

void sale_check_seats(struct sale_run *run)
{
  arena_reset(&run->arena);
  for (uint32_t i = 0; i < run->model.event_count; i++) {
    struct sale_event *event = sale_process_event(run, i);
    RUN_CHECK(run, event != NULL);
    RUN_CHECK(run, event->max_per_buyer == run->model.events[i].setting.limit);
    RUN_CHECK(run, event->hold_seconds == run->model.events[i].setting.hold_s);
    RUN_CHECK(run, (event->status == SALE_PAUSED) == run->model.events[i].setting.paused);
    seat_map_advance(event->map, run->now_ms);
    for (uint32_t seat = 0; seat < run->model.events[i].seat_count; seat++)
      check_seat(run, i, event, seat);
  }
}

/* ---- buyers ---- */

static void check_reservation(struct sale_run *run, const struct model_reservation *wanted,
                              const struct sale_reservation *seen)
{
  if (!bytes_equal(seen->id, bytes_of_text(wanted->id)))
    sale_run_fail(run, "a list has reservation %.*s where %s is expected", BYTES_FORMAT(seen->id),
                  wanted->id);
  RUN_CHECK(run, seen->status == sale_model_status(wanted, run->now_ms));
  RUN_CHECK(run, seen->amount == wanted->amount && seen->quantity == wanted->quantity);
  RUN_CHECK(run, seen->hold_expires_ms == wanted->until_ms);
  RUN_CHECK(run, seen->extended == wanted->extended);
  RUN_CHECK(run, (seen->order_id.size > 0) == (wanted->state == MODEL_BOUGHT));
  if (wanted->payment == MODEL_NONE)
    RUN_CHECK(run, seen->payment_intent_id.size == 0);
  else
    RUN_CHECK(run, bytes_equal(seen->payment_intent_id,
                               bytes_of_text(run->model.payments[wanted->payment].id)));
}

void sale_check_buyer(struct sale_run *run, uint32_t buyer)
{
  enum { PAGE = 3 };
  struct sale_reservation list[PAGE];
  struct bytes cursor = {NULL, 0};
  char user[16];
  uint32_t wanted = run->model.newest[buyer];
  snprintf(user, sizeof user, "user-%u", buyer);
  arena_reset(&run->arena);
  do {
    uint32_t count = 0;
    RUN_CHECK(run, sale_reservation_list(run->sale, &run->arena, bytes_of_text(user), &cursor, PAGE,
                                         run->now_ms, list, &count) == SALE_OK);
    for (uint32_t i = 0; i < count; i++) {
      if (wanted == MODEL_NONE) sale_run_fail(run, "buyer %u has too many reservations", buyer);
      check_reservation(run, &run->model.reservations[wanted], &list[i]);
      wanted = run->model.reservations[wanted].before;
    }
  } while (cursor.size > 0);
  if (wanted != MODEL_NONE) sale_run_fail(run, "buyer %u misses a reservation", buyer);
}

/* The counter that limits rest on. */
static void check_counter(struct sale_run *run, uint32_t number, uint32_t buyer)
{
  char user[16];
  snprintf(user, sizeof user, "user-%u", buyer);
  int64_t seats = buyer_seats(run->sale, &run->arena, sale_process_event(run, number),
                              bytes_of_text(user));
  uint32_t wanted = sale_model_seats_of(&run->model, number, buyer, run->now_ms);
  if (seats != wanted)
    sale_run_fail(run, "the counter of buyer %u is %lld, not %u", buyer, (long long)seats, wanted);
}

/* ---- everything that was told ---- */

enum told {
  TOLD_TICKET_CREATED,
  TOLD_TICKET_CHANGED,
  TOLD_TICKET_CHECKED_IN,
  TOLD_RESERVATION_CREATED,
  TOLD_RESERVATION_EXPIRED,
  TOLD_RESERVATION_CONFIRMED,
  TOLD_RESERVATION_CANCELLED,
  TOLD_PAYMENT_APPROVED,
  TOLD_PAYMENT_FAILED,
  TOLD_PAYMENT_REFUNDED,
  TOLD,
};

static const char *const TOLD_NAMES[TOLD] = {
    "TicketCreated",      "TicketStatusChanged",  "TicketCheckedIn",      "ReservationCreated",
    "ReservationExpired", "ReservationConfirmed", "ReservationCancelled", "PaymentApproved",
    "PaymentFailed",      "PaymentRefunded",
};

typedef void visit(struct sale_run *run, void *context, struct value item);

static void scan(struct sale_run *run, struct table *table, visit *each, void *context)
{
  struct store_query query = {.table = table, .start_key = VALUE_NONE};
  struct store_page page;
  arena_reset(&run->arena);
  do {
    if (store_scan(run->store, &query, &run->arena, &page, &run->error) != STORE_OK)
      sale_run_fail(run, "a scan: %s", run->error.message);
    for (uint32_t i = 0; i < page.count; i++) each(run, context, page.items[i]);
    query.start_key = page.last_key;
  } while (value_present(page.last_key));
}

static void count_told(struct sale_run *run, void *context, struct value row)
{
  uint64_t *counts = context;
  struct bytes type = record_get_text(row, BYTES("eventType"));
  struct value published = value_attribute(row, BYTES("published"));
  if (value_type(published) != VALUE_BOOL || !value_bool(published))
    sale_run_fail(run, "%.*s is not published", BYTES_FORMAT(type));
  RUN_CHECK(run, record_get_text(row, BYTES("refused")).size == 0);
  for (enum told i = 0; i < TOLD; i++)
    if (bytes_equal(type, bytes_of_text(TOLD_NAMES[i]))) counts[i]++;
}

static void expect_payments(const struct sale_run *run, uint64_t wanted[TOLD])
{
  for (uint32_t i = 0; i < run->model.payment_count; i++) {
    const struct model_payment *payment = &run->model.payments[i];
    const struct model_reservation *paid = &run->model.reservations[payment->reservation];
    if (payment->approved) wanted[TOLD_PAYMENT_APPROVED]++;
    if (payment->failed_before) wanted[TOLD_PAYMENT_FAILED]++;
    if (paid->paid_by != i && payment->status == PAYMENT_REFUNDED) wanted[TOLD_PAYMENT_REFUNDED]++;
  }
}

static void expect_reservation(const struct model_reservation *held, uint64_t wanted[TOLD])
{
  wanted[TOLD_RESERVATION_CREATED]++;
  if (held->state == MODEL_CANCELLED) wanted[TOLD_RESERVATION_CANCELLED]++;
  if (held->state == MODEL_BOUGHT) wanted[TOLD_RESERVATION_CONFIRMED]++;
  if (held->state == MODEL_HELD || held->late) wanted[TOLD_RESERVATION_EXPIRED]++;
  wanted[TOLD_TICKET_CHECKED_IN] += (uint64_t)__builtin_popcount(held->admitted);
  wanted[TOLD_PAYMENT_REFUNDED] += held->refunds;
}

/* How often each of its seats changed because of it. */
static uint32_t changes_of(const struct model_reservation *held)
{
  return 2u + (held->late ? 1u : 0u) + (held->given_back ? 1u : 0u);
}

/* Every change is told once, published, and in the archive; workers had their share of it. */
static void check_told(struct sale_run *run)
{
  uint64_t told[TOLD] = {0};
  uint64_t wanted[TOLD] = {0};
  uint64_t archived = 0;
  struct table_description archive;
  scan(run, run->sale->outbox, count_told, told);
  for (uint32_t i = 0; i < run->model.event_count; i++)
    wanted[TOLD_TICKET_CREATED] += run->model.events[i].seat_count;
  for (uint32_t i = 0; i < run->model.reservation_count; i++) {
    const struct model_reservation *held = &run->model.reservations[i];
    expect_reservation(held, wanted);
    wanted[TOLD_TICKET_CHANGED] += (uint64_t)changes_of(held) * held->quantity;
  }
  expect_payments(run, wanted);
  for (enum told i = 0; i < TOLD; i++) {
    if (told[i] != wanted[i])
      sale_run_fail(run, "%s is told %llu times, not %llu", TOLD_NAMES[i],
                    (unsigned long long)told[i], (unsigned long long)wanted[i]);
    if (wiring_route_of(bytes_of_text(TOLD_NAMES[i])) != NULL) archived += told[i];
  }
  store_table_describe(store_table(run->store, BYTES("tacos-archive")), &archive);
  if (archive.item_count != archived)
    sale_run_fail(run, "%llu events in the archive, not %llu",
                  (unsigned long long)archive.item_count, (unsigned long long)archived);
  const uint64_t least[WORKER_KINDS] = {
      [WORKER_EXPIRY] = wanted[TOLD_RESERVATION_CREATED],
      [WORKER_PAYMENT] = wanted[TOLD_PAYMENT_APPROVED] + wanted[TOLD_PAYMENT_FAILED],
      [WORKER_INVENTORY] = wanted[TOLD_TICKET_CREATED],
      [WORKER_RESERVATION_EVENTS] = wanted[TOLD_RESERVATION_EXPIRED] +
                                    wanted[TOLD_RESERVATION_CANCELLED],
  };
  for (enum worker_kind i = 0; i < WORKER_KINDS; i++) {
    /* What was done and lost is done again; without a crash nothing is done twice. */
    uint64_t done = run->done[i] + run->workers.counts[i].done;
    bool exact = run->crashes == 0 && i != WORKER_EXPIRY;
    if (done < least[i] || (exact && done != least[i]))
      sale_run_fail(run, "worker %s did %llu messages, expected %llu", worker_name(i),
                    (unsigned long long)done, (unsigned long long)least[i]);
  }
}

/* ---- the whole state ---- */

/* Each change of a ticket made a version, and left a row of its history. */
static void check_versions(struct sale_run *run)
{
  uint32_t versions[MODEL_EVENTS][MODEL_SEATS] = {0};
  uint64_t rows = 0;
  struct table_description history;
  for (uint32_t i = 0; i < run->model.reservation_count; i++) {
    const struct model_reservation *held = &run->model.reservations[i];
    for (uint32_t j = 0; j < held->quantity; j++)
      versions[held->event][held->seats[j]] += changes_of(held);
    rows += (uint64_t)__builtin_popcount(held->admitted);
  }
  arena_reset(&run->arena);
  for (uint32_t i = 0; i < run->model.event_count; i++) {
    for (uint32_t seat = 0; seat < run->model.events[i].seat_count; seat++) {
      struct value ticket = ticket_of(run, sale_process_event(run, i), seat);
      int64_t version = record_get_integer(ticket, BYTES("version"), 0);
      if (version != versions[i][seat] + 1)
        sale_run_fail(run, "ticket %u is in version %lld, not %u", seat, (long long)version,
                      versions[i][seat] + 1);
      rows += versions[i][seat] + 1;
    }
  }
  store_table_describe(run->sale->ticket_events, &history);
  RUN_CHECK(run, history.item_count == rows);
}

/* Every hold has ended, in the store too. */
static void check_resolved(struct sale_run *run)
{
  static const char *const names[] = {"EXPIRED", "CONFIRMED", "CANCELLED"};
  arena_reset(&run->arena);
  for (uint32_t i = 0; i < run->model.reservation_count; i++) {
    const struct model_reservation *held = &run->model.reservations[i];
    struct value item = reservation_load(run->sale, &run->arena, bytes_of_text(held->id));
    struct bytes status = record_get_text(item, BYTES("status"));
    RUN_CHECK(run, sale_model_status(held, run->now_ms) != RESERVATION_PENDING);
    if (!bytes_equal(status, bytes_of_text(names[held->state])))
      sale_run_fail(run, "reservation %s is %.*s, not %s", held->id, BYTES_FORMAT(status),
                    names[held->state]);
    run->totals->orders += held->state == MODEL_BOUGHT;
    run->totals->late += held->late;
    run->totals->admitted += (uint64_t)__builtin_popcount(held->admitted);
  }
  run->totals->reservations += run->model.reservation_count;
}

/* Money that came is one order that is paid, or went back. */
static void check_money(struct sale_run *run)
{
  int64_t came = 0;
  int64_t kept = 0;
  int64_t back = 0;
  arena_reset(&run->arena);
  for (uint32_t i = 0; i < run->model.payment_count; i++) {
    const struct model_payment *wanted = &run->model.payments[i];
    const struct model_reservation *paid = &run->model.reservations[wanted->reservation];
    struct sale_payment payment;
    RUN_CHECK(run, sale_payment_find(run->sale, &run->arena, bytes_of_text(wanted->id), &payment) ==
                       SALE_OK);
    if (payment.status != wanted->status)
      sale_run_fail(run, "payment %s is %.*s, not %.*s", wanted->id,
                    BYTES_FORMAT(payment_status_name(payment.status)),
                    BYTES_FORMAT(payment_status_name(wanted->status)));
    if (!wanted->approved) continue;
    bool bought = paid->paid_by == i;
    if (!bought && payment.status != PAYMENT_REFUNDED)
      sale_run_fail(run, "payment %s is neither an order nor given back", wanted->id);
    came += wanted->amount;
    kept += bought ? wanted->amount - paid->refunded : 0;
    back += bought ? paid->refunded : wanted->amount;
    run->totals->refunds += back > 0;
  }
  RUN_CHECK(run, came == kept + back);
}

static void add_order(struct sale_run *run, void *context, struct value item)
{
  int64_t *sums = context;
  if (!bytes_starts_with(record_get_text(item, BYTES("pk")), BYTES("ORDER#"))) return;
  (void)run;
  sums[0]++;
  sums[1] += record_get_integer(item, BYTES("totalAmount"), 0) -
             record_get_integer(item, BYTES("refundedAmount"), 0);
}

static void check_orders(struct sale_run *run)
{
  int64_t sums[2] = {0};
  int64_t wanted[2] = {0};
  scan(run, run->sale->orders, add_order, sums);
  for (uint32_t i = 0; i < run->model.reservation_count; i++) {
    const struct model_reservation *held = &run->model.reservations[i];
    if (held->state != MODEL_BOUGHT) continue;
    wanted[0]++;
    wanted[1] += held->amount - held->refunded;
  }
  RUN_CHECK(run, sums[0] == wanted[0] && sums[1] == wanted[1]);
}

/* ---- the auditor, who knows neither the domain's code nor this model ---- */

static void hear_finding(void *context, enum audit_law law, const char *message)
{
  sale_run_fail(context, "the auditor, on %s: %s", audit_law_row(law)->name, message);
}

static void hear_note(void *context, enum audit_law law, const char *message)
{
  sale_run_tell(context, "the auditor notes, on %s: %s", audit_law_row(law)->name, message);
}

void sale_check_audit(struct sale_run *run)
{
  const struct audit_options options = {.world = run->world,
                                        .store = run->store,
                                        .now_ms = run->now_ms,
                                        .finding = hear_finding,
                                        .note = hear_note,
                                        .context = run};
  struct audit_result result;
  if (!audit_run(&options, &result, &run->error))
    sale_run_fail(run, "the auditor: %s", run->error.message);
  RUN_CHECK(run, result.findings == 0);
  if (!run->closing) return;
  /* Nothing is under way any more. */
  RUN_CHECK(run, result.laws[AUDIT_HOLDERS].pending == 0);
  RUN_CHECK(run, result.laws[AUDIT_PAYMENTS].pending == 0);
  RUN_CHECK(run, result.laws[AUDIT_OUTBOX].pending == 0);
}

void sale_check_end(struct sale_run *run)
{
  sale_check_seats(run);
  check_money(run);
  check_resolved(run);
  check_orders(run);
  check_versions(run);
  for (uint32_t i = 0; i < run->model.buyer_count; i++) {
    sale_check_buyer(run, i);
    for (uint32_t j = 0; j < run->model.event_count; j++) check_counter(run, j, i);
  }
  check_told(run);
  sale_check_audit(run);
}
