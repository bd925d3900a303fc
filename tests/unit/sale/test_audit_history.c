/* The history of tickets: each way to be wrong is found. */
#include "unit/sale/audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct audit_mutation HISTORY[] = {
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "1",
     {{0}},
     "history",
     "ticket evt:A-1-3: of its versions 1 to 3 some"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "2",
     {{0}},
     "history",
     "ticket evt:A-1-3: of its versions 1 to 3 some"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "3",
     {{0}},
     "history",
     "ticket evt:A-1-3 has version 3, its history ends with 2"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-9",
     "aggregateVersion",
     "1",
     {{0}},
     "history",
     "ticket evt:A-1-9 has version 1, its history ends with 0"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "2",
     {{"sk", "{'S':'EVENT#2026-01-01T00:00:00.000Z#2'}"}},
     "history",
     "ticket evt:A-1-3: of its versions 1 to 3 some are missing or there twice"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-3",
     NULL,
     NULL,
     {{"version", "{'N':'4'}"}},
     "history",
     "ticket evt:A-1-3 has version 4, its history ends with 3"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-9",
     NULL,
     NULL,
     {{"status", "{'S':'SOLD'}"}},
     "history",
     "ticket evt:A-1-9 is SOLD, its history says AVAILABLE"},
    {"tickets",
     "pk",
     "TICKET#evt:A-1-3",
     NULL,
     NULL,
     {{0}},
     "history",
     "ticket evt:A-1-3 has a history, but is not there"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "2",
     {{"eventData", "{'S':'{'}"}},
     "history",
     "of its history is not whole"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "2",
     {{"aggregateVersion", "{'N':'5'}"}},
     "history",
     "of its history is not whole"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "2",
     {{"aggregateVersion", "{'N':'0'}"}},
     "history",
     "of its history is not whole"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "2",
     {{"sk", "{'S':'EVENT#now#2'}"}},
     "history",
     "the row EVENT#now#2 of its history is not whole"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "2",
     {{"eventData",
       "{'S':'{\\\"status\\\":\\\"RESERVED\\\",\\\"previousStatus\\\":\\\"SOLD\\\"}'}"}},
     "history",
     "ticket evt:A-1-3: no way leads to its version 2"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "1",
     {{"eventData", "{'S':'{\\\"status\\\":\\\"SOLD\\\"}'}"}},
     "history",
     "ticket evt:A-1-3: no way leads to its version 1"},
    {"ticket-events",
     "pk",
     "TICKET#evt:A-1-3",
     "aggregateVersion",
     "3",
     {{"eventData",
       "{'S':'{\\\"status\\\":\\\"SOLD\\\",\\\"previousStatus\\\":\\\"AVAILABLE\\\"}'}"}},
     "history",
     "ticket evt:A-1-3: a version does not begin where"},
};

static void test_history(void **state)
{
  MUTATE(*state, HISTORY);
}

/* A ticket that was scanned at the door got no new version by that. */
static void test_other_rows(void **state)
{
  static const struct audit_mutation scanned = {
      "ticket-events",
      "pk",
      "TICKET#evt:A-1-3",
      "aggregateVersion",
      "3",
      {{"sk", "{'S':'EVENT#2026-01-01T00:00:00.000Z#3#CHECKIN'}"},
       {"eventType", "{'S':'TicketCheckedIn'}"},
       {"eventData", "{'S':'{}'}"}},
      "",
      ""};
  audit_fixture_apply(*state, &scanned);
  audit_fixture_expect_healthy(*state);
}

/* An event that a crash cut short, and that was made again: its tickets were made twice. */
static void test_made_again(void **state)
{
  struct audit_fixture *fixture = *state;
  char sort[96];
  char time[INSTANT_TEXT_BYTES];
  instant_format(fixture->sale->now_ms, time);
  snprintf(sort, sizeof sort, "{'S':'EVENT#%.*s#1'}", INSTANT_TEXT_BYTES, time);
  const struct audit_mutation row = {
      "ticket-events", "pk", "TICKET#evt:A-1-3", "aggregateVersion", "1", {{"sk", sort}}, "", ""};
  const struct audit_mutation event = {"outbox",
                                       "aggregateId",
                                       "evt:A-1-3",
                                       "eventType",
                                       "TicketCreated",
                                       {{"pk", "{'S':'OUTBOX#ev_x'}"}, {"eventId", "{'S':'ev_x'}"}},
                                       "",
                                       ""};
  audit_fixture_apply(fixture, &row);
  audit_fixture_apply(fixture, &event);
  audit_fixture_expect_healthy(fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_AUDIT(test_history),
      WITH_AUDIT(test_other_rows),
      WITH_AUDIT(test_made_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
