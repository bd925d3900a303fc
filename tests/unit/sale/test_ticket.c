#include "sale/sale_parts.h"
#include "unit/sale/sale_fixture.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Types and versions of a ticket's history, oldest first. */
static const char *history(struct sale_fixture *fixture, const char *seat)
{
  struct arena *arena = &fixture->store.answers;
  struct store_query query = {.table = fixture->sale->ticket_events, .start_key = VALUE_NONE};
  struct store_page page;
  char key[64];
  snprintf(key, sizeof key, "TICKET#evt:%s", seat);
  assert_int_equal(store_scan(fixture->store.store, &query, arena, &page, &fixture->error),
                   STORE_OK);
  char *text = arena_alloc(arena, 1024);
  size_t size = 0;
  text[0] = 0;
  for (int64_t version = 1; version < 20; version++)
    for (uint32_t i = 0; i < page.count; i++)
      if (bytes_equal(record_get_text(page.items[i], BYTES("pk")), bytes_of_text(key)) &&
          record_get_integer(page.items[i], BYTES("aggregateVersion"), 0) == version)
        size += (size_t)snprintf(text + size, 1024 - size, "%lld:%.*s ", (long long)version,
                                 BYTES_FORMAT(record_get_text(page.items[i], BYTES("eventType"))));
  return text;
}

static void test_every_change_has_a_row(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_order order;
  bool refunded;
  sale_fixture_hold(fixture, "ann", "A-1-1");
  fixture->now_ms += 60000;
  struct bytes id = sale_fixture_hold(fixture, "bob", "A-1-1");
  sale_fixture_approve(fixture, sale_fixture_intend(fixture, id));
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  assert_string_equal(history(fixture, "A-1-1"), "1:TicketCreated 2:TicketReserved "
                                                 "3:TicketReleased 4:TicketReserved 5:TicketSold ");
  assert_string_equal(history(fixture, "A-1-2"), "1:TicketCreated ");
}

static void test_ids_follow_from_event_and_seat(void **state)
{
  struct sale_fixture *fixture = *state;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_true(
      bytes_equal(ticket_id(plan->arena, BYTES("evt"), BYTES("A-1-1")), BYTES("evt:A-1-1")));
}

/* What the caller expects is said again in the transaction. */
static void test_a_change_from_another_state_is_refused(void **state)
{
  struct sale_fixture *fixture = *state;
  struct store_transact_result result;
  struct plan *plan = sale_fixture_plan(fixture);
  struct sale_step step = {fixture->sale, plan, fixture->now_ms, false};
  const struct ticket_change change = {.ticket_id = BYTES("evt:A-1-1"),
                                       .event_id = BYTES("evt"),
                                       .reservation_id = BYTES("rsv_1"),
                                       .user_id = BYTES("ann"),
                                       .from = TICKET_RESERVED,
                                       .to = TICKET_SOLD};
  ticket_add_change(&step, &change);
  assert_int_equal(plan_commit(plan, &result, &fixture->error), STORE_CANCELED);
  assert_string_equal(sale_fixture_ticket(fixture, "A-1-1"), "AVAILABLE");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_every_change_has_a_row),
      WITH_SALE(test_ids_follow_from_event_and_seat),
      WITH_SALE(test_a_change_from_another_state_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
