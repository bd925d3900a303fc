/*
 * For tests of the auditor: a sale in which everything has happened once, and ways to break it.
 *
 * What happened has names: "{rsv_paid}" in a text stands for the reservation's id, "{ord_paid}" for
 * its order's, "{pi_paid}" for its payment's.
 *
 *     name        seats            what happened
 *     expired     B-1-1            a hold that lapsed and was tidied
 *     late        B-1-2            paid after it lapsed; seats were still free
 *     lost        B-1-3            paid after it lapsed; `taker` had the seat, money went back
 *     taker       B-1-3            held, paid, confirmed
 *     cancelled   A-1-6            cancelled
 *     refunded    A-1-4            bought, all refunded
 *     partly      A-1-5            bought, partly refunded
 *     paid        A-1-3 A-1-7      bought; by the second payment, the first failed
 *     lapsed      A-2-1            over, not tidied
 *     waiting     A-2-2            paid, its worker has not come yet
 *     pending     A-1-1 A-1-2      held
 */
#ifndef TACOS_TESTS_UNIT_SALE_AUDIT_FIXTURE_H
#define TACOS_TESTS_UNIT_SALE_AUDIT_FIXTURE_H

#include "sale/audit.h"
#include "unit/sale/sale_fixture.h"

enum { AUDIT_FIXTURE_TOLD = 64, AUDIT_FIXTURE_CHANGES = 4 };

struct audit_fixture_names {
  struct bytes name, text;
};

struct audit_fixture {
  struct sale_fixture *sale;
  struct audit_fixture_names names[64];
  size_t name_count;
  /* Of the last run. */
  struct audit_result result;
  char findings[AUDIT_FIXTURE_TOLD][ERROR_MESSAGE_BYTES + 32]; /* "tickets: ticket ..." */
  size_t finding_count;
  char notes[AUDIT_FIXTURE_TOLD][ERROR_MESSAGE_BYTES + 32];
  size_t note_count;
};

/* cmocka's setup and teardown: *state is the fixture, in which all of the above has happened. */
int audit_fixture_setup(void **state);
int audit_fixture_teardown(void **state);

/* A text with its names replaced; lives as long as the fixture. */
const char *audit_fixture_text(struct audit_fixture *fixture, const char *text);

/* Audits; must succeed. */
void audit_fixture_run(struct audit_fixture *fixture);

/* Whether the last run told a finding of this law whose text has `text`, names replaced. */
bool audit_fixture_found(struct audit_fixture *fixture, const char *law, const char *text);

void audit_fixture_expect_healthy(struct audit_fixture *fixture);

/*
 * One direct change of one item: the first whose attribute `where` is `is` (and `where2` is `is2`)
 * in a table gets the attributes of `set`, or is deleted when there are none. A changed key makes a
 * copy.
 */
struct audit_mutation {
  const char *table; /* "tickets", "ticket-events", "reservations", "orders", ... */
  const char *where, *is;
  const char *where2, *is2; /* NULL: one condition */
  struct {
    const char *name;
    const char *json; /* DynamoDB's, with ' for "; NULL: without it */
  } set[AUDIT_FIXTURE_CHANGES];
  const char *law;  /* that must find it ... */
  const char *text; /* ... and say this */
};

/* Makes each change, audits, expects its finding, and takes the change back. */
void audit_fixture_mutate(struct audit_fixture *fixture, const struct audit_mutation *mutations,
                          size_t count);

/* Makes one change that stays. */
void audit_fixture_apply(struct audit_fixture *fixture, const struct audit_mutation *mutation);

#define WITH_AUDIT(test) \
  cmocka_unit_test_setup_teardown(test, audit_fixture_setup, audit_fixture_teardown)

#define MUTATE(fixture, mutations) \
  audit_fixture_mutate(fixture, mutations, sizeof(mutations) / sizeof(mutations)[0])

#endif
