#include "sale/sale_parts.h"
#include "unit/sale/provider_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LAPSED_MS = 60000 + SALE_EXTENSION_MS };

static const struct bytes NONE = {NULL, 0};

/* The pending commands, oldest first: their number. */
static uint32_t pending(struct sale_fixture *fixture, struct provider_command *commands)
{
  struct bytes ids[16];
  uint32_t count;
  bool more;
  struct arena *arena = &fixture->store.answers;
  assert_true(provider_command_list(fixture->sale, arena, BYTES("!"), 16, ids, &count, &more));
  assert_false(more);
  for (uint32_t i = 0; i < count; i++)
    assert_true(provider_command_find(fixture->sale, arena, ids[i], &commands[i]));
  return count;
}

static void expect(const struct provider_command *command, enum provider_verb verb,
                   struct bytes intent, int64_t amount)
{
  assert_int_equal(command->verb, verb);
  assert_true(bytes_equal(command->intent_id, intent));
  assert_int_equal(command->amount, amount);
  assert_true(bytes_equal(command->currency, BYTES("KRW")));
}

static void test_each_change_has_its_command(void **state)
{
  struct sale_fixture *fixture = *state;
  struct provider_command commands[16];
  struct sale_order order;
  bool refunded;
  fixture->sale->options.captures = true;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1 A-1-2");
  struct bytes intent = sale_fixture_intend(fixture, id);
  assert_int_equal(pending(fixture, commands), 1);
  expect(&commands[0], PROVIDER_AUTHORISE, intent, 2000);
  assert_int_equal(commands[0].created_ms, fixture->now_ms);
  /* Settled: nobody needs to ask any more. */
  sale_fixture_approve(fixture, intent);
  assert_int_equal(pending(fixture, commands), 0);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  struct bytes order_id = arena_copy(&fixture->store.arena, order.id);
  assert_int_equal(pending(fixture, commands), 1);
  expect(&commands[0], PROVIDER_CAPTURE, intent, 2000);
  assert_int_equal(commands[0].after.size, 0);
  /* Refunds come one after the other. */
  for (int i = 0; i < 2; i++) {
    assert_int_equal(sale_refund(fixture->sale, sale_fixture_plan(fixture), order_id,
                                 i == 0 ? 500 : 0, NONE, fixture->now_ms, &order),
                     SALE_OK);
    sale_fixture_commit(fixture);
  }
  assert_int_equal(pending(fixture, commands), 3);
  expect(&commands[1], PROVIDER_REFUND, intent, 500);
  expect(&commands[2], PROVIDER_REFUND, intent, 1500);
  assert_true(bytes_equal(commands[1].after, commands[0].id));
  assert_true(bytes_equal(commands[2].after, commands[1].id));
  assert_true(commands[1].payment_id.size > 0);
}

static void test_a_late_payment_is_refunded_in_one_record(void **state)
{
  struct sale_fixture *fixture = *state;
  struct provider_command commands[16];
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes intent = sale_fixture_intend(fixture, id);
  fixture->now_ms += LAPSED_MS;
  sale_fixture_hold(fixture, "bob", "A-1-1");
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_tidy(fixture->sale, id, fixture->now_ms), SALE_OK);
  uint64_t before = store_appended(fixture->store.store);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_EXPIRED);
  assert_true(refunded);
  assert_int_equal(store_appended(fixture->store.store), before + 1);
  assert_int_equal(pending(fixture, commands), 1);
  expect(&commands[0], PROVIDER_REFUND, intent, 1000);
}

/* Two intents, both approved: one buys, the other one's money goes back. */
static void test_what_was_paid_twice_is_refunded_once(void **state)
{
  struct sale_fixture *fixture = *state;
  struct provider_command commands[16];
  struct sale_payment payment;
  struct sale_order order;
  bool refunded;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes first = sale_fixture_intend(fixture, id);
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(
      sale_payment_settle(fixture->sale, plan, first, false, NONE, fixture->now_ms, &payment),
      SALE_OK);
  sale_fixture_commit(fixture);
  struct bytes second = sale_fixture_intend(fixture, id);
  sale_fixture_approve(fixture, second);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  assert_false(refunded);
  sale_fixture_approve(fixture, first);
  for (int i = 0; i < 2; i++) {
    plan = sale_fixture_plan(fixture);
    assert_int_equal(
        sale_confirm(fixture->sale, plan, id, NONE, first, fixture->now_ms, &order, &refunded),
        SALE_OK);
    assert_int_equal(refunded, i == 0);
    assert_true(bytes_equal(order.intent_id, second));
    sale_fixture_commit(fixture);
  }
  assert_int_equal(pending(fixture, commands), 1);
  expect(&commands[0], PROVIDER_REFUND, first, 1000);
}

static void test_ended_commands_are_kept_or_not(void **state)
{
  struct sale_fixture *fixture = *state;
  struct provider_fixture provider = {.sale = fixture};
  struct provider_command commands[16];
  for (int i = 0; i < 3; i++) {
    static const char *const seats[] = {"A-1-1", "A-1-2", "A-1-3"};
    sale_fixture_intend(fixture, sale_fixture_hold(fixture, "ann", seats[i]));
  }
  assert_int_equal(pending(fixture, commands), 3);
  struct plan *plan = sale_fixture_plan(fixture);
  struct sale_step step = {fixture->sale, plan, fixture->now_ms, false};
  provider_command_remove(&step, commands[0].id);
  provider_command_keep(&step, &commands[1], true);
  provider_command_keep(&step, &commands[2], false);
  assert_false(step.failed);
  sale_fixture_commit(fixture);
  assert_int_equal(pending(fixture, commands), 0);
  assert_int_equal(provider_fixture_rows(&provider, "DONE"), 1);
  assert_int_equal(provider_fixture_rows(&provider, "FAILED"), 1);
  assert_true(provider_command_is_over(fixture->sale, &fixture->arena, commands[1].id));
}

/* A plan that was not committed is no command. */
static void test_only_what_was_committed_is_fresh(void **state)
{
  struct sale_fixture *fixture = *state;
  struct sale_payment payment;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct plan *plan = sale_fixture_plan(fixture);
  assert_int_equal(sale_payment_intend(fixture->sale, plan, id, NONE, 1000, NONE, NONE,
                                       fixture->now_ms, &payment),
                   SALE_OK);
  assert_int_equal(fixture->sale->fresh_command_bytes, 0);
  sale_fixture_commit(fixture);
  struct bytes fresh = bytes_of(fixture->sale->fresh_command, fixture->sale->fresh_command_bytes);
  assert_true(bytes_equal(fresh, payment.command_id));
}

static void test_without_memory_there_is_no_refund_without_its_command(void **state)
{
  struct sale_fixture *fixture = *state;
  struct memory *memory = &fixture->store.memory;
  struct provider_command commands[16];
  struct sale_order order;
  struct store_transact_result outcome;
  bool refunded;
  bool done = false;
  struct bytes id = sale_fixture_hold(fixture, "ann", "A-1-1");
  struct bytes intent = sale_fixture_intend(fixture, id);
  sale_fixture_approve(fixture, intent);
  assert_int_equal(sale_fixture_confirm(fixture, id, &order, &refunded), SALE_OK);
  struct bytes order_id = arena_copy(&fixture->store.arena, order.id);
  for (uint64_t n = 1; !done; n++) {
    arena_free(&fixture->arena);
    arena_init(&fixture->arena, memory);
    plan_init(&fixture->plan, fixture->store.store, &fixture->arena);
    memory->fail_at = memory->calls + n;
    enum sale_refusal refusal = sale_refund(fixture->sale, &fixture->plan, order_id, 0, NONE,
                                            fixture->now_ms, &order);
    done = refusal == SALE_OK && plan_commit(&fixture->plan, &outcome, &fixture->error) == STORE_OK;
    memory->fail_at = 0;
    assert_int_equal(pending(fixture, commands), done ? 1 : 0);
    assert_true(n < 1000);
  }
  expect(&commands[0], PROVIDER_REFUND, intent, 1000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_each_change_has_its_command),
      WITH_SALE(test_a_late_payment_is_refunded_in_one_record),
      WITH_SALE(test_what_was_paid_twice_is_refunded_once),
      WITH_SALE(test_ended_commands_are_kept_or_not),
      WITH_SALE(test_only_what_was_committed_is_fresh),
      WITH_SALE(test_without_memory_there_is_no_refund_without_its_command),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
