/* Events, seats and tickets: each way to be wrong is found. */
#include "unit/sale/audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct audit_mutation EVENTS[] = {
    {"tickets",
     "pk",
     "EVENT#evt",
     "sk",
     "METADATA",
     {{"planPieces", "{'N':'2'}"}},
     "events",
     "event evt: its plan"},
    {"tickets",
     "pk",
     "EVENT#evt",
     "sk",
     "METADATA",
     {{"planPieces", NULL}},
     "events",
     "event evt: its plan"},
    {"tickets", "pk", "EVENT#evt", "sk", "PLAN#000", {{0}}, "events", "event evt: its plan"},
    {"tickets",
     "pk",
     "EVENT#evt",
     "sk",
     "PLAN#000",
     {{"json", "{'B':'e30='}"}},
     "events",
     "event evt: its plan"},
    {"tickets",
     "pk",
     "EVENT#evt",
     "sk",
     "METADATA",
     {{0}},
     "seats",
     "ticket evt:A-1-3: its event is not there"},
};

static void test_events(void **state)
{
  MUTATE(*state, EVENTS);
}

static const struct audit_mutation SEATS[] = {
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{0}},
     "seats",
     "event evt: seat A-1-9 has no ticket"},
    {"tickets",
     "pk",
     "TICKET#evt:G-GA-20",
     NULL,
     NULL,
     {{0}},
     "seats",
     "event evt: seat G-GA-20 has no ticket"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"eventId", "{'S':'other'}"}},
     "seats",
     "event evt: seat A-1-9 has no ticket"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"pk", "{'S':'TICKET#evt:A-1-11'}"},
      {"ticketId", "{'S':'evt:A-1-11'}"},
      {"seatNumber", "{'S':'A-1-11'}"}},
     "seats",
     "ticket evt:A-1-11: its event has no such seat"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"price", "{'N':'999'}"}},
     "seats",
     "ticket evt:A-1-9 costs 999, but its section 1000"},
};

static void test_seats(void **state)
{
  MUTATE(*state, SEATS);
}

static const struct audit_mutation TICKETS[] = {
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"status", "{'S':'HELD'}"}},
     "tickets",
     "ticket evt:A-1-9: its status is 'HELD'"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"status", NULL}},
     "tickets",
     "ticket evt:A-1-9: its status is ''"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"ticketId", "{'S':'evt:A-1-8'}"}},
     "tickets",
     "ticket evt:A-1-9: ticketId"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"seatNumber", "{'S':'A-1-8'}"}},
     "tickets",
     "ticket evt:A-1-9: ticketId"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"version", "{'N':'0'}"}},
     "tickets",
     "ticket evt:A-1-9: its version"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"version", "{'S':'1'}"}},
     "tickets",
     "ticket evt:A-1-9: its version"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"reservationId", "{'S':'{rsv_paid}'}"}},
     "tickets",
     "ticket evt:A-1-9 is AVAILABLE, but has"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"holdExpiresAt", "{'N':'5'}"}},
     "tickets",
     "ticket evt:A-1-9 is AVAILABLE, but has"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-1",
     NULL,
     NULL,
     {{"holdExpiresAt", "{'N':'0'}"}},
     "tickets",
     "ticket evt:A-1-1 is RESERVED without"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-1",
     NULL,
     NULL,
     {{"reservationId", "{'S':''}"}},
     "tickets",
     "ticket evt:A-1-1 is RESERVED without"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-3",
     NULL,
     NULL,
     {{"holdExpiresAt", "{'N':'5'}"}},
     "tickets",
     "ticket evt:A-1-3 is SOLD with"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-3",
     NULL,
     NULL,
     {{"reservationId", NULL}},
     "tickets",
     "ticket evt:A-1-3 is SOLD with"},
};

static void test_tickets(void **state)
{
  MUTATE(*state, TICKETS);
}

/* Tickets of an event that a crash cut short were never to be had. */
static void test_never_finished(void **state)
{
  struct audit_fixture *fixture = *state;
  static const struct audit_mutation other = {"tickets",
                                              "pk",
                                              "TICKET#evt:A-1-9",
                                              NULL,
                                              NULL,
                                              {{"eventId", "{'S':'half'}"},
                                               {"pk", "{'S':'TICKET#half:A-1-9'}"},
                                               {"ticketId", "{'S':'half:A-1-9'}"}},
                                              "",
                                              ""};
  audit_fixture_apply(fixture, &other);
  audit_fixture_run(fixture);
  assert_int_equal(fixture->result.laws[AUDIT_EVENTS].pending, 1);
  assert_int_equal(fixture->result.laws[AUDIT_SEATS].findings, 0);
  assert_int_equal(fixture->result.laws[AUDIT_TICKETS].findings, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_AUDIT(test_events),
      WITH_AUDIT(test_seats),
      WITH_AUDIT(test_tickets),
      WITH_AUDIT(test_never_finished),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
