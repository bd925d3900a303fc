/* The auditor as a whole: a healthy life, what is pending, limits, missing tables, no memory. */
#include "unit/sale/audit_fixture.h"

#include "sale/sale_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_healthy_life(void **state)
{
  struct audit_fixture *fixture = *state;
  audit_fixture_expect_healthy(fixture);
  const struct audit_law_result *laws = fixture->result.laws;
  assert_int_equal(laws[AUDIT_EVENTS].count, 1);
  assert_int_equal(laws[AUDIT_SEATS].count, 45);
  assert_int_equal(laws[AUDIT_TICKETS].count, 45);
  assert_int_equal(laws[AUDIT_HOLDERS].count, 9);
  assert_int_equal(laws[AUDIT_RESERVATIONS].count, 11);
  assert_int_equal(laws[AUDIT_BUYERS].count, 11);
  assert_int_equal(laws[AUDIT_ORDERS].count, 5);
  assert_int_equal(laws[AUDIT_PAYMENTS].count, 8);
  assert_int_equal(laws[AUDIT_MONEY].count, 1);
  assert_int_equal(laws[AUDIT_IDEMPOTENCY].count, 1);
  /* What is under way. */
  assert_int_equal(laws[AUDIT_HOLDERS].pending, 1);
  assert_int_equal(laws[AUDIT_PAYMENTS].pending, 1);
  assert_int_equal(laws[AUDIT_BUYERS].pending, 0);
  assert_int_equal(laws[AUDIT_OUTBOX].pending, laws[AUDIT_OUTBOX].count);
  assert_int_equal(fixture->note_count, 1);
  assert_non_null(strstr(fixture->notes[0], audit_fixture_text(fixture, "{pi_waiting}")));
}

static void test_after_a_restart(void **state)
{
  struct audit_fixture *fixture = *state;
  sale_fixture_reopen(fixture->sale);
  audit_fixture_expect_healthy(fixture);
}

/* The same when rows of the outbox are gone that were published more than a day ago. */
static void test_days_later(void **state)
{
  struct audit_fixture *fixture = *state;
  const struct audit_mutation mutations[] = {
      {"outbox", "aggregateId", "evt:A-1-3", "eventType", "TicketCreated", {{0}}, "", ""},
      {"outbox", "aggregateId", "{rsv_paid}", "eventType", "ReservationConfirmed", {{0}}, "", ""},
      {"outbox", "aggregateId", "{pi_paid}", "eventType", "PaymentApproved", {{0}}, "", ""},
  };
  for (size_t i = 0; i < sizeof mutations / sizeof mutations[0]; i++)
    audit_fixture_apply(fixture, &mutations[i]);
  audit_fixture_run(fixture);
  assert_int_equal(fixture->result.findings, 3);
  fixture->sale->now_ms += 86400000;
  audit_fixture_expect_healthy(fixture);
  assert_int_equal(fixture->result.laws[AUDIT_HOLDERS].pending, 4);
  assert_int_equal(fixture->result.laws[AUDIT_IDEMPOTENCY].pending, 0);
  fixture->sale->now_ms += 1000;
  audit_fixture_expect_healthy(fixture);
  assert_int_equal(fixture->result.laws[AUDIT_IDEMPOTENCY].pending, 1);
}

/* A buyer may have more than a limit that was lowered. */
static void test_limit_is_lowered(void **state)
{
  struct audit_fixture *fixture = *state;
  const struct audit_mutation lower = {
      "tickets", "pk", "EVENT#evt", "sk", "METADATA", {{"maxPerBuyer", "{'N':'1'}"}}, "", ""};
  audit_fixture_apply(fixture, &lower);
  audit_fixture_expect_healthy(fixture);
  assert_int_equal(fixture->result.laws[AUDIT_BUYERS].pending, 2);
  assert_int_equal(fixture->note_count, 3);
}

/* A payment that was said to have failed is approved after all, when another one has paid. */
static void test_paid_twice(void **state)
{
  struct audit_fixture *fixture = *state;
  sale_fixture_approve(fixture->sale, bytes_of_text(audit_fixture_text(fixture, "{pi_failed}")));
  audit_fixture_expect_healthy(fixture);
  assert_int_equal(fixture->result.laws[AUDIT_PAYMENTS].pending, 2);
  fixture->sale->now_ms += 601000;
  audit_fixture_run(fixture);
  assert_int_equal(fixture->result.findings, 1);
  assert_true(audit_fixture_found(fixture, "payments",
                                  "payment {pi_failed} is COMPLETED, but reservation {rsv_paid}"));
}

static void test_findings_are_bounded(void **state)
{
  struct audit_fixture *fixture = *state;
  char seat[48];
  for (int i = 1; i <= 20; i++) {
    snprintf(seat, sizeof seat, "TICKET#evt:G-GA-%d", i);
    const struct audit_mutation odd = {
        "tickets", "pk", seat, NULL, NULL, {{"status", "{'S':'?\\u0001'}"}}, "", ""};
    audit_fixture_apply(fixture, &odd);
  }
  const struct audit_mutation more = {
      "tickets", "pk", "TICKET#evt:A-1-9", NULL, NULL, {{"status", NULL}}, "", ""};
  audit_fixture_apply(fixture, &more);
  audit_fixture_run(fixture);
  assert_int_equal(fixture->result.laws[AUDIT_TICKETS].findings, 21);
  size_t told = 0;
  for (size_t i = 0; i < fixture->finding_count; i++) {
    told += strncmp(fixture->findings[i], "tickets:", 8) == 0;
    assert_null(strchr(fixture->findings[i], 1));
  }
  assert_int_equal(told, AUDIT_SHOWN_MAX);
}

/* Tables that do not exist: what needs them is not looked at. */
static void test_missing_tables(void **state)
{
  struct audit_fixture *fixture = *state;
  struct store *store = fixture->sale->store.store;
  static const struct {
    const char *table;
    unsigned looked; /* a bit for each law */
  } steps[] = {
      {"ticket-reservation-outbox", ~(1u << AUDIT_OUTBOX)},
      {"ticket-reservation-orders", 1u << AUDIT_EVENTS | 1u << AUDIT_SEATS | 1u << AUDIT_TICKETS |
                                        1u << AUDIT_HISTORY | 1u << AUDIT_IDEMPOTENCY},
      {"ticket-tickets", 1u << AUDIT_IDEMPOTENCY},
      {"ticket-reservation-idempotency", 0},
  };
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    struct table *table = store_table(store, bytes_of_text(steps[i].table));
    assert_int_equal(store_table_delete(store, table, &fixture->sale->error), STORE_OK);
    audit_fixture_run(fixture);
    assert_int_equal(fixture->result.findings, 0);
    for (enum audit_law j = 0; j < AUDIT_LAWS; j++)
      assert_int_equal(fixture->result.laws[j].looked, steps[i].looked >> j & 1);
  }
}

static void test_no_memory(void **state)
{
  struct audit_fixture *fixture = *state;
  struct memory *memory = &fixture->sale->store.world->memory;
  const struct audit_options options = {.world = fixture->sale->store.world,
                                        .store = fixture->sale->store.store,
                                        .now_ms = fixture->sale->now_ms};
  struct audit_result result;
  struct error error;
  size_t in_use = memory->in_use;
  bool done = false;
  int failures = 0;
  for (uint64_t n = 1; !done; n++) {
    memory->fail_at = memory->calls + n;
    done = audit_run(&options, &result, &error);
    assert_int_equal(memory->in_use, in_use);
    if (done) {
      assert_int_equal(result.findings, 0);
      continue;
    }
    assert_int_equal(error.code, ERROR_NO_MEMORY);
    failures++;
  }
  memory->fail_at = 0;
  assert_true(failures > 30);
}

static void test_every_law_is_described(void **state)
{
  (void)state;
  for (enum audit_law i = 0; i < AUDIT_LAWS; i++) {
    assert_non_null(audit_law_row(i)->name);
    assert_non_null(audit_law_row(i)->holds);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_AUDIT(test_healthy_life),
      WITH_AUDIT(test_after_a_restart),
      WITH_AUDIT(test_days_later),
      WITH_AUDIT(test_limit_is_lowered),
      WITH_AUDIT(test_findings_are_bounded),
      WITH_AUDIT(test_missing_tables),
      WITH_AUDIT(test_paid_twice),
      WITH_AUDIT(test_no_memory),
      cmocka_unit_test(test_every_law_is_described),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
