#include "sale/provider_simulator.h"
#include "unit/sale/provider_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
  HOLD_MS = 60000,
  LAPSED_MS = HOLD_MS + SALE_EXTENSION_MS,
  BUYERS = 6,
  STEPS = 60, /* turns of a whole story, and moments at which it crashes */
  QUIET_MS = 7200000,
};

static const struct bytes NONE = {NULL, 0};

struct fixture {
  struct sale_fixture *sale;
  struct provider_fixture provider;
  struct provider_simulator *simulator;
  struct provider_simulator_settings settings;
};

static void begin(struct fixture *fixture, const struct provider_simulator_settings *settings)
{
  struct error error;
  void *sale;
  *fixture = (struct fixture){.settings = *settings};
  assert_int_equal(sale_fixture_setup(&sale), 0);
  fixture->sale = sale;
  fixture->simulator = provider_simulator_open(fixture->sale->store.world, settings, &error);
  assert_non_null(fixture->simulator);
  fixture->provider = (struct provider_fixture){
      .sale = sale, .channel = provider_simulator_channel(fixture->simulator), .captures = true};
  provider_fixture_open(&fixture->provider);
  provider_fixture_turn(&fixture->provider, 1);
}

static void finish(struct fixture *fixture)
{
  void *sale = fixture->sale;
  provider_fixture_close(&fixture->provider);
  provider_simulator_close(fixture->simulator);
  sale_fixture_teardown(&sale);
}

static struct bytes intend(struct fixture *fixture, const char *user, const char *seat,
                           const char *scenario)
{
  return provider_fixture_intend(&fixture->provider, sale_fixture_hold(fixture->sale, user, seat),
                                 scenario);
}

static enum payment_status status_of(struct fixture *fixture, struct bytes intent)
{
  return provider_fixture_payment(&fixture->provider, intent).status;
}

/* An intent that the simulator never heard of was not approved. */
static void check(struct fixture *fixture, struct bytes intent)
{
  struct provider_simulator_account books = {.outcome = PROVIDER_FAILED};
  provider_simulator_account(fixture->simulator, intent, &books);
  const struct provider_fixture_account account = {
      .approved = books.outcome == PROVIDER_APPROVED,
      .refunded = books.refunded,
      .refunds = books.refunds,
  };
  provider_fixture_check(&fixture->provider, intent, &account);
  if (status_of(fixture, intent) == PAYMENT_COMPLETED) assert_true(books.captured);
}

static void test_scenarios_end_by_themselves(void **state)
{
  struct fixture fixture;
  const struct provider_simulator_settings settings = {.unattended = true, .answer_ms = 100};
  (void)state;
  begin(&fixture, &settings);
  struct bytes approve = intend(&fixture, "a", "A-1-1", "approve");
  struct bytes fail = intend(&fixture, "b", "A-1-2", "fail");
  struct bytes delay = intend(&fixture, "c", "A-1-3", "delay");
  struct bytes open = intend(&fixture, "d", "A-1-4", "");
  provider_fixture_run(&fixture.provider, 400, 100);
  assert_int_equal(status_of(&fixture, approve), PAYMENT_COMPLETED);
  assert_int_equal(status_of(&fixture, fail), PAYMENT_FAILED);
  assert_int_equal(status_of(&fixture, delay), PAYMENT_PENDING);
  provider_fixture_run(&fixture.provider, 2000, 100);
  assert_int_equal(status_of(&fixture, delay), PAYMENT_COMPLETED);
  assert_int_equal(status_of(&fixture, open), PAYMENT_PENDING);
  check(&fixture, approve);
  check(&fixture, fail);
  check(&fixture, delay);
  finish(&fixture);
}

static void test_a_coin_falls_on_both_sides(void **state)
{
  struct fixture fixture;
  const struct provider_simulator_settings settings = {.unattended = true};
  static const char *const seats[] = {"A-1-1", "A-1-2", "A-1-3", "A-1-4", "A-1-5",
                                      "A-1-6", "A-1-7", "A-1-8", "A-1-9", "A-1-10",
                                      "A-2-1", "A-2-2", "A-2-3", "A-2-4"};
  enum { COUNT = sizeof seats / sizeof seats[0] };
  struct bytes intents[COUNT];
  uint32_t of[PAYMENT_STATUSES] = {0};
  (void)state;
  begin(&fixture, &settings);
  for (int i = 0; i < COUNT; i++) {
    const char user[] = {(char)('a' + i), 0};
    intents[i] = intend(&fixture, user, seats[i], "random");
  }
  provider_fixture_run(&fixture.provider, 5000, 100);
  for (int i = 0; i < COUNT; i++) {
    of[status_of(&fixture, intents[i])]++;
    check(&fixture, intents[i]);
  }
  assert_true(of[PAYMENT_COMPLETED] > 0 && of[PAYMENT_FAILED] > 0);
  assert_int_equal(of[PAYMENT_COMPLETED] + of[PAYMENT_FAILED], COUNT);
  finish(&fixture);
}

/* The payment page: decided once, and settled by whoever asked. */
static void test_somebody_decides(void **state)
{
  struct fixture fixture;
  const struct provider_simulator_settings settings = {0};
  struct sale_payment payment;
  struct bytes payment_id;
  (void)state;
  begin(&fixture, &settings);
  struct bytes intent = intend(&fixture, "a", "A-1-1", "approve");
  provider_fixture_run(&fixture.provider, 20000, 1000);
  assert_int_equal(status_of(&fixture, intent), PAYMENT_PENDING);
  payment = provider_fixture_payment(&fixture.provider, intent);
  struct arena *arena = &fixture.sale->store.arena;
  for (int i = 0; i < 2; i++)
    assert_int_equal(provider_simulator_decide(fixture.simulator, arena, &payment,
                                               i == 0 ? BYTES("fail") : BYTES("approve"),
                                               &payment_id),
                     PROVIDER_FAILED);
  assert_true(bytes_starts_with(payment_id, BYTES("pay_")));
  /* Nobody settled it: it is found by asking. */
  provider_fixture_run(&fixture.provider, 60000, 1000);
  assert_int_equal(status_of(&fixture, intent), PAYMENT_FAILED);
  /* Before the intent arrived at the provider. */
  struct bytes early = intend(&fixture, "b", "A-1-2", "");
  payment = provider_fixture_payment(&fixture.provider, early);
  assert_int_equal(provider_simulator_decide(fixture.simulator, arena, &payment, NONE, &payment_id),
                   PROVIDER_APPROVED);
  provider_fixture_run(&fixture.provider, 60000, 1000);
  check(&fixture, early);
  assert_int_equal(status_of(&fixture, early), PAYMENT_COMPLETED);
  finish(&fixture);
}

static void test_the_oldest_are_forgotten(void **state)
{
  struct fixture fixture;
  struct provider_simulator_account account;
  const struct provider_simulator_settings settings = {.unattended = true, .intents_max = 2};
  struct bytes intents[3];
  static const char *const seats[] = {"A-1-1", "A-1-2", "A-1-3"};
  (void)state;
  begin(&fixture, &settings);
  for (int i = 0; i < 3; i++) {
    intents[i] = intend(&fixture, "a", seats[i], "approve");
    provider_fixture_run(&fixture.provider, 5000, 1000);
  }
  assert_false(provider_simulator_account(fixture.simulator, intents[0], &account));
  assert_true(provider_simulator_account(fixture.simulator, intents[2], &account));
  assert_int_equal(provider_fixture_rows(&fixture.provider, "PENDING"), 0);
  finish(&fixture);
}

/*
 * A story of six buyers: in time; too late, and somebody else has the seat; failing; delayed;
 * cancelled while paying; refunded after buying. `step` is called between all its steps.
 */
struct story {
  struct fixture *fixture;
  uint32_t steps;
  uint32_t crash_at; /* 0: never */
};

static void step(struct story *story, int64_t pass_ms)
{
  struct provider_fixture *provider = &story->fixture->provider;
  struct sale_fixture *sale = story->fixture->sale;
  for (int part = 0; part < 4; part++) {
    story->steps++;
    if (story->steps == story->crash_at) provider_fixture_crash(provider);
    if (part == 0) provider_tick(provider->provider, sale->now_ms);
    if (part == 1) sale_fixture_settle(sale);
    if (part == 2) provider_fixture_work(provider);
    if (part == 3) sale->now_ms += pass_ms;
  }
  arena_reset(&sale->store.answers);
}

static void cancel(struct story *story, struct bytes id)
{
  struct sale_fixture *sale = story->fixture->sale;
  struct sale_reservation reservation;
  struct plan *plan = sale_fixture_plan(sale);
  if (sale_cancel(sale->sale, plan, id, NONE, sale->now_ms, &reservation) == SALE_OK)
    sale_fixture_commit(sale);
}

static void refund_if_bought(struct story *story, struct bytes intent)
{
  struct sale_fixture *sale = story->fixture->sale;
  struct sale_order order;
  struct sale_payment payment = provider_fixture_payment(&story->fixture->provider, intent);
  if (payment.order_id.size == 0) return;
  struct bytes id = arena_copy(&sale->store.arena, payment.order_id);
  struct plan *plan = sale_fixture_plan(sale);
  if (sale_refund(sale->sale, plan, id, 0, NONE, sale->now_ms, &order) == SALE_OK)
    sale_fixture_commit(sale);
}

static void tell(struct story *story, struct bytes intents[BUYERS])
{
  static const char *const seats[BUYERS] = {"A-1-1", "A-1-2", "A-1-3", "A-1-4", "A-1-5", "A-1-6"};
  static const char *const scenarios[BUYERS] = {"approve", "delay", "fail",
                                                "delay",   "delay", "approve"};
  static const char *const users[BUYERS] = {"a", "b", "c", "d", "e", "f"};
  struct sale_fixture *sale = story->fixture->sale;
  struct bytes holds[BUYERS];
  for (int i = 0; i < BUYERS; i++) {
    holds[i] = sale_fixture_hold(sale, users[i], seats[i]);
    intents[i] = provider_fixture_intend(&story->fixture->provider, holds[i], scenarios[i]);
  }
  /* The buyers have their answers: all of it is durable. */
  sale_fixture_settle(sale);
  for (int i = 0; i < 4; i++) step(story, 100);
  cancel(story, holds[4]);
  sale_fixture_settle(sale);
  for (int i = 0; i < 3; i++) step(story, 300);
  sale->now_ms += LAPSED_MS;
  /* Whose payment did not arrive yet lost the seat. */
  struct sale_reserve_result result;
  (void)sale_fixture_reserve(sale, "z", "A-1-2", &result);
  sale_fixture_settle(sale);
  for (int i = 0; i < 4; i++) step(story, 2500);
  refund_if_bought(story, intents[5]);
  sale_fixture_settle(sale);
  for (int i = 0; i < 4; i++) step(story, 2500);
}

/* The story, with a crash; then all is quiet for long enough, and the books are the same. */
static uint32_t run(const struct provider_simulator_settings *settings, uint32_t crash_at)
{
  struct fixture fixture;
  struct bytes intents[BUYERS];
  begin(&fixture, settings);
  struct story story = {.fixture = &fixture, .crash_at = crash_at};
  tell(&story, intents);
  const struct provider_simulator_settings well = {.unattended = true};
  provider_simulator_set(fixture.simulator, &well);
  provider_fixture_run(&fixture.provider, QUIET_MS, 60000);
  for (int i = 0; i < BUYERS; i++) check(&fixture, intents[i]);
  assert_int_equal(provider_fixture_rows(&fixture.provider, "PENDING"), 0);
  assert_int_equal(provider_fixture_rows(&fixture.provider, "FAILED"), 0);
  finish(&fixture);
  return story.steps;
}

static void test_money_is_conserved_over_a_crash_at_any_moment(void **state)
{
  const struct provider_simulator_settings settings = {.unattended = true};
  (void)state;
  uint32_t steps = run(&settings, 0);
  assert_true(steps >= STEPS);
  for (uint32_t at = 1; at <= steps; at++) run(&settings, at);
}

static void test_money_is_conserved_by_a_bad_provider(void **state)
{
  const struct provider_simulator_settings settings = {
      .unattended = true,
      .jitter_ms = 4000,
      .lose_percent = 40,
      .twice_percent = 50,
      .refuse_percent = 30,
  };
  (void)state;
  for (uint32_t at = 0; at <= STEPS; at += 3) run(&settings, at);
}

/* The Nth allocation of the simulator fails: its answer is lost, no more. */
static void test_without_memory_an_answer_is_lost(void **state)
{
  struct fixture fixture;
  struct error error;
  const struct provider_simulator_settings settings = {.unattended = true};
  (void)state;
  begin(&fixture, &settings);
  struct memory *memory = &fixture.sale->store.world->memory;
  for (uint64_t n = 1; n <= 2; n++) {
    memory->fail_at = memory->calls + n;
    assert_null(provider_simulator_open(fixture.sale->store.world, &settings, &error));
    memory->fail_at = 0;
  }
  bool clean = false;
  for (uint64_t n = 1; !clean; n++) {
    const char user[] = {(char)('A' + n % 50), 0};
    struct bytes intent = intend(&fixture, user, "A-1-1", "fail");
    sale_fixture_settle(fixture.sale);
    uint64_t end = memory->calls + n;
    memory->fail_at = end;
    for (int i = 0; i < 3; i++) provider_tick(fixture.provider.provider, fixture.sale->now_ms);
    clean = memory->calls < end;
    memory->fail_at = 0;
    provider_fixture_run(&fixture.provider, LAPSED_MS, 1000);
    check(&fixture, intent);
    assert_int_equal(status_of(&fixture, intent), PAYMENT_FAILED);
    assert_true(n < 300);
  }
  finish(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scenarios_end_by_themselves),
      cmocka_unit_test(test_a_coin_falls_on_both_sides),
      cmocka_unit_test(test_somebody_decides),
      cmocka_unit_test(test_the_oldest_are_forgotten),
      cmocka_unit_test(test_money_is_conserved_over_a_crash_at_any_moment),
      cmocka_unit_test(test_money_is_conserved_by_a_bad_provider),
      cmocka_unit_test(test_without_memory_an_answer_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
