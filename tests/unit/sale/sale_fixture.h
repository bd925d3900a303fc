/*
 * For tests of the domain: a sale over a store in the simulated world, a small event, a clock of
 * the test's own, and short ways to say what a buyer does.
 *
 * The event `evt`: section A (price 1,000) with rows 1 and 2 of ten seats, section B (500) with one
 * row of five, general admission G (300) with 20 places; two months on sale, four seats a buyer, 60
 * s of hold.
 */
#ifndef TACOS_TESTS_UNIT_SALE_SALE_FIXTURE_H
#define TACOS_TESTS_UNIT_SALE_SALE_FIXTURE_H

#include "sale/relay.h"
#include "sale/sale.h"
#include "sale/worker.h"
#include "unit/store/store_fixture.h"

struct sale_fixture {
  struct store_fixture store;
  struct sale *sale;
  struct sale_event *event;
  struct plan plan;
  struct arena arena; /* of plans and results, until the next operation that begins one */
  int64_t now_ms;
  struct error error;
  uint32_t told; /* calls of seats_changed */
  /* With sale_fixture_rooms. */
  bool has_rooms;
  struct lobby *lobby;
  /* With sale_fixture_wire. */
  bool wired;
  const struct bus_sender *sender; /* of webhooks; NULL: they wait. Set before */
  struct queues *queues;
  struct buses *buses;
  struct relay *relay;
  struct workers workers;
};

int sale_fixture_setup(void **state);
int sale_fixture_teardown(void **state);

/* Closes store and sale and opens them again; after a crash what was not durable is gone. */
void sale_fixture_reopen(struct sale_fixture *fixture);
void sale_fixture_crash(struct sale_fixture *fixture);

/* Makes all that was committed durable. */
void sale_fixture_settle(struct sale_fixture *fixture);

/*
 * From now on the sale has queues, buses, relay and workers, also after a reopen or crash. Events
 * of before are told too.
 */
void sale_fixture_wire(struct sale_fixture *fixture);
/* From now on the sale has waiting rooms, also after a reopen or crash; before wires. */
void sale_fixture_rooms(struct sale_fixture *fixture);
/* One turn of the loop without its end: nothing becomes durable. */
bool sale_fixture_turn(struct sale_fixture *fixture);
/* Turns and makes durable until there is nothing to do; after the second form's time has passed. */
void sale_fixture_run(struct sale_fixture *fixture);
void sale_fixture_pass(struct sale_fixture *fixture, int64_t ms);
/* Messages of a queue, whatever they wait for. */
uint64_t sale_fixture_messages(struct sale_fixture *fixture, const char *queue);
/* Rows of the outbox that are not published, and how many orders there are. */
uint32_t sale_fixture_unpublished(struct sale_fixture *fixture);
uint32_t sale_fixture_orders(struct sale_fixture *fixture);

/* A new plan in an empty arena. */
struct plan *sale_fixture_plan(struct sale_fixture *fixture);
void sale_fixture_commit(struct sale_fixture *fixture);

/* Seats by name, separated by spaces ("A-1-1 A-1-2"); committed when it is SALE_OK. */
enum sale_refusal sale_fixture_reserve(struct sale_fixture *fixture, const char *user,
                                       const char *seats, struct sale_reserve_result *result);
/* The same that must succeed; its id, in memory that lives as long as the fixture. */
struct bytes sale_fixture_hold(struct sale_fixture *fixture, const char *user, const char *seats);

/* An intent over the right amount, and its approval; the intent's id as above. */
struct bytes sale_fixture_intend(struct sale_fixture *fixture, struct bytes reservation);
void sale_fixture_approve(struct sale_fixture *fixture, struct bytes intent);

enum sale_refusal sale_fixture_confirm(struct sale_fixture *fixture, struct bytes reservation,
                                       struct sale_order *order, bool *refunded);

enum reservation_status sale_fixture_status(struct sale_fixture *fixture, struct bytes reservation);

/* The ticket's state in the store, "AVAILABLE". */
const char *sale_fixture_ticket(struct sale_fixture *fixture, const char *seat);

/* What the outbox has, in order of its ids: "TicketStatusChanged TicketStatusChanged ..." */
const char *sale_fixture_outbox(struct sale_fixture *fixture);

/*
 * The law: each ticket's state in the store is that of the map, a held or sold ticket belongs to
 * exactly one pending or confirmed reservation that names it, buyers' counters are the seats they
 * have, paid orders have completed payments.
 */
void sale_fixture_check(struct sale_fixture *fixture);

#define WITH_SALE(test) \
  cmocka_unit_test_setup_teardown(test, sale_fixture_setup, sale_fixture_teardown)

#endif
