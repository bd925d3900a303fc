#include "sale/wiring.h"

#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_every_event_has_a_bus(void **state)
{
  (void)state;
  const struct wiring_route *route = wiring_route_of(BYTES("TicketCreated"));
  assert_string_equal(route->bus, "ticket-ticket-events");
  assert_string_equal(route->source, "ticket.service");
  assert_string_equal(wiring_route_of(BYTES("PaymentApproved"))->bus, "ticket-reservation-events");
  assert_string_equal(wiring_route_of(BYTES("PaymentApproved"))->source, "payment.service");
  assert_string_equal(wiring_route_of(BYTES("TicketCheckedIn"))->bus, "ticket-ticket-events");
  assert_null(wiring_route_of(BYTES("Nothing")));
}

static void test_queues_are_those_of_the_contract(void **state)
{
  struct sale_fixture *fixture = *state;
  static const char *const names[] = {WIRING_INVENTORY, WIRING_EXPIRY, WIRING_RESERVATION_EVENTS,
                                      WIRING_PAYMENTS};
  sale_fixture_wire(fixture);
  for (size_t i = 0; i < 4; i++) {
    struct queue *queue = queue_find(fixture->queues, bytes_of_text(names[i]));
    assert_non_null(queue);
    const struct queue_settings *settings = queue_settings(queue);
    assert_int_equal(settings->visibility_s, 30);
    assert_int_equal(settings->retention_s, 14 * 86400);
    assert_int_equal(settings->wait_s, 20);
    assert_int_equal(settings->receives_max, 3);
    assert_int_equal(settings->delay_s, i == 1 ? 60 : 0);
    assert_int_equal(settings->dead_letter.size, strlen(names[i]) + 4);
    assert_non_null(queue_find(fixture->queues, settings->dead_letter));
  }
}

/* "rule,rule," of a bus. */
static struct bytes list_rules(struct sale_fixture *fixture, const char *name)
{
  struct bus *bus = bus_find(fixture->buses, bytes_of_text(name));
  struct buffer text;
  struct bytes after = {NULL, 0};
  const struct bus_rule *rule;
  assert_non_null(bus);
  buffer_init(&text, &fixture->store.memory);
  while ((rule = bus_rule_next(bus, after)) != NULL) {
    buffer_append(&text, rule->name);
    buffer_append_byte(&text, ',');
    after = rule->name;
  }
  buffer_append_byte(&text, 0);
  struct bytes copy = arena_copy(&fixture->store.arena, buffer_bytes(&text));
  buffer_free(&text);
  return copy;
}

static void test_rules_and_archives_are_made_once(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  for (int i = 0; i < 2; i++) {
    assert_string_equal((const char *)list_rules(fixture, WIRING_TICKET_BUS).data,
                        "ticket-created,ticket-status-changed,");
    assert_string_equal((const char *)list_rules(fixture, WIRING_RESERVATION_BUS).data,
                        "payment-settled,reservation-cancelled,reservation-confirmed,"
                        "reservation-created,reservation-expired,");
    const struct bus_archive *archive = bus_archive_find(
        bus_find(fixture->buses, BYTES(WIRING_TICKET_BUS)), BYTES("everything"));
    assert_int_equal(archive->retention_days, 365);
    uint64_t before = store_appended(fixture->store.store);
    assert_true(wiring_make(fixture->queues, fixture->buses, fixture->now_ms, &fixture->error));
    assert_int_equal(store_appended(fixture->store.store), before);
    sale_fixture_settle(fixture);
    sale_fixture_crash(fixture);
  }
}

static void test_what_an_operator_changed_stays(void **state)
{
  struct sale_fixture *fixture = *state;
  struct bus_target target;
  sale_fixture_wire(fixture);
  struct bus *bus = bus_find(fixture->buses, BYTES(WIRING_RESERVATION_BUS));
  struct bus_rule rule = *bus_rule_find(bus, BYTES("reservation-confirmed"));
  assert_int_equal(rule.targets[0].kind, BUS_TARGET_LOG);
  bus_target_init(&target, BYTES("tickets"), BUS_TARGET_WEBHOOK, BYTES("https://mail.example/"));
  rule.targets = &target;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(bus_rule_put(bus, plan, &rule, fixture->now_ms, &fixture->error), BUS_OK);
  sale_fixture_commit(fixture);
  sale_fixture_settle(fixture);
  sale_fixture_reopen(fixture);
  bus = bus_find(fixture->buses, BYTES(WIRING_RESERVATION_BUS));
  const struct bus_rule *found = bus_rule_find(bus, BYTES("reservation-confirmed"));
  assert_int_equal(found->targets[0].kind, BUS_TARGET_WEBHOOK);
}

/* ---- notifications ---- */

static const struct bus_target *notification(struct sale_fixture *fixture, const char *bus,
                                             const char *rule)
{
  const struct bus_rule *found = bus_rule_find(bus_find(fixture->buses, bytes_of_text(bus)),
                                               bytes_of_text(rule));
  assert_non_null(found);
  for (uint32_t i = 0; i < found->target_count; i++)
    if (bytes_equal(found->targets[i].id, BYTES("notification"))) return &found->targets[i];
  return NULL;
}

static void expect_webhook(struct sale_fixture *fixture, const char *bus, const char *rule,
                           const char *url)
{
  const struct bus_target *target = notification(fixture, bus, rule);
  assert_non_null(target);
  assert_int_equal(target->kind, BUS_TARGET_WEBHOOK);
  assert_true(bytes_equal(target->address, bytes_of_text(url)));
  assert_int_equal(target->age_s, 259200);
  assert_int_equal(target->retries, 185);
  assert_true(bytes_equal(target->dead_letter, BYTES(WIRING_NOTIFICATIONS_DLQ)));
  assert_non_null(queue_find(fixture->queues, target->dead_letter));
}

static bool notify(struct sale_fixture *fixture, const char *url)
{
  return wiring_notify(fixture->buses, bytes_of_text(url), fixture->now_ms, &fixture->error);
}

static void test_notifications_go_to_the_webhook(void **state)
{
  struct sale_fixture *fixture = *state;
  static const char *const urls[] = {"http://127.0.0.1:9/a?key=1", "https://mail.example/b"};
  sale_fixture_wire(fixture);
  for (size_t i = 0; i < 2; i++) {
    assert_true(notify(fixture, urls[i]));
    uint64_t before = store_appended(fixture->store.store);
    assert_true(notify(fixture, urls[i]));
    assert_int_equal(store_appended(fixture->store.store), before);
    sale_fixture_settle(fixture);
    sale_fixture_reopen(fixture);
    expect_webhook(fixture, WIRING_TICKET_BUS, "ticket-status-changed", urls[i]);
    expect_webhook(fixture, WIRING_RESERVATION_BUS, "reservation-confirmed", urls[i]);
    assert_null(notification(fixture, WIRING_TICKET_BUS, "ticket-created"));
  }
  assert_false(notify(fixture, "ftp://mail.example/"));
  assert_int_equal(fixture->error.code, ERROR_INVALID);
}

/* Gives the rule reservation-confirmed `count` targets of an operator's. */
static void put_targets(struct sale_fixture *fixture, uint32_t count)
{
  static const char *const ids[BUS_TARGETS_MAX] = {"a", "b", "c", "d", "e"};
  struct bus_target targets[BUS_TARGETS_MAX];
  struct bus *bus = bus_find(fixture->buses, BYTES(WIRING_RESERVATION_BUS));
  struct bus_rule rule = *bus_rule_find(bus, BYTES("reservation-confirmed"));
  for (uint32_t i = 0; i < count; i++)
    bus_target_init(&targets[i], bytes_of_text(ids[i]), BUS_TARGET_LOG, BYTES(""));
  rule.targets = targets;
  rule.target_count = count;
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(bus_rule_put(bus, plan, &rule, fixture->now_ms, &fixture->error), BUS_OK);
  sale_fixture_commit(fixture);
}

static void test_other_targets_stay(void **state)
{
  struct sale_fixture *fixture = *state;
  sale_fixture_wire(fixture);
  put_targets(fixture, BUS_TARGETS_MAX - 1);
  assert_true(notify(fixture, "https://mail.example/"));
  expect_webhook(fixture, WIRING_RESERVATION_BUS, "reservation-confirmed", "https://mail.example/");
  struct bus *bus = bus_find(fixture->buses, BYTES(WIRING_RESERVATION_BUS));
  const struct bus_rule *rule = bus_rule_find(bus, BYTES("reservation-confirmed"));
  assert_int_equal(rule->target_count, BUS_TARGETS_MAX);
  assert_true(bytes_equal(rule->targets[0].id, BYTES("a")));
  put_targets(fixture, BUS_TARGETS_MAX);
  assert_false(notify(fixture, "https://mail.example/"));
  assert_int_equal(fixture->error.code, ERROR_INVALID);
}

static void test_notify_without_memory(void **state)
{
  struct sale_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  sale_fixture_wire(fixture);
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    memory->fail_at = memory->calls + nth;
    done = notify(fixture, "https://mail.example/");
    memory->fail_at = 0;
    if (!done) assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
  }
  expect_webhook(fixture, WIRING_TICKET_BUS, "ticket-status-changed", "https://mail.example/");
  expect_webhook(fixture, WIRING_RESERVATION_BUS, "reservation-confirmed", "https://mail.example/");
}

/* Each allocation fails once; the next attempt makes what is missing. */
static void test_no_memory(void **state)
{
  struct sale_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  sale_fixture_wire(fixture);
  bool made = false;
  for (uint64_t nth = 1; !made; nth++) {
    struct bus *bus = bus_find(fixture->buses, BYTES(WIRING_TICKET_BUS));
    struct plan *plan = sale_fixture_plan(fixture);
    struct bus_rule rule = {.name = BYTES("ticket-created"), .pattern = BYTES("{\"a\":[1]}")};
    assert_int_equal(bus_rule_put(bus, plan, &rule, fixture->now_ms, &fixture->error), BUS_OK);
    sale_fixture_commit(fixture);
    plan = sale_fixture_plan(fixture);
    assert_int_equal(bus_rule_delete(bus, plan, rule.name, &fixture->error), BUS_OK);
    sale_fixture_commit(fixture);
    sale_fixture_turn(fixture);
    memory->fail_at = memory->calls + nth;
    made = wiring_make(fixture->queues, fixture->buses, fixture->now_ms, &fixture->error);
    memory->fail_at = 0;
    if (!made) assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_event_has_a_bus),
      WITH_SALE(test_queues_are_those_of_the_contract),
      WITH_SALE(test_rules_and_archives_are_made_once),
      WITH_SALE(test_what_an_operator_changed_stays),
      WITH_SALE(test_notifications_go_to_the_webhook),
      WITH_SALE(test_other_targets_stay),
      WITH_SALE(test_notify_without_memory),
      WITH_SALE(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
