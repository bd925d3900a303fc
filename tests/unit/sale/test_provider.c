#include "unit/sale/provider_fixture.h"

#include "sale/sale_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
  SENT_MAX = 256,
  HOLD_MS = 60000,
  LAPSED_MS = HOLD_MS + SALE_EXTENSION_MS,
  GRACE_MS = 600000,
  PATIENCE_MS = 900000,
};

static const struct bytes NONE = {NULL, 0};

struct sent {
  enum provider_verb verb;
  int64_t amount;
  struct bytes command_id, key, intent_id, payment_id; /* as long as the sale fixture */
};

/* A channel that takes everything and says nothing: the test answers. */
struct fixture {
  struct provider_channel channel; /* first */
  struct sale_fixture *sale;
  struct provider_fixture provider;
  struct sent sent[SENT_MAX];
  uint32_t count;
  uint32_t seen; /* that the test has looked at */
  bool takes_nothing;
  struct logger logger;
  char line[LOGGER_LINE_BYTES]; /* the last one */
};

static bool keep_line(void *context, struct bytes line)
{
  struct fixture *fixture = context;
  snprintf(fixture->line, sizeof fixture->line, "%.*s", BYTES_FORMAT(line));
  return true;
}

static bool take(struct provider_channel *channel, const struct provider_request *request,
                 int64_t now_ms)
{
  struct fixture *fixture = (struct fixture *)channel;
  struct arena *arena = &fixture->sale->store.arena;
  assert_int_equal(now_ms, fixture->sale->now_ms);
  if (fixture->takes_nothing) return false;
  assert_true(fixture->count < SENT_MAX);
  assert_true(request->key.size > 0 && request->key.size <= PROVIDER_KEY_BYTES);
  fixture->sent[fixture->count++] = (struct sent){
      .verb = request->verb,
      .amount = request->amount,
      .command_id = arena_copy(arena, request->command_id),
      .key = arena_copy(arena, request->key),
      .intent_id = arena_copy(arena, request->intent_id),
      .payment_id = arena_copy(arena, request->payment_id),
  };
  return true;
}

static const struct provider_channel_operations OPERATIONS = {"test", take, NULL};

static int setup(void **state)
{
  struct fixture *fixture = calloc(1, sizeof *fixture);
  void *sale;
  assert_non_null(fixture);
  assert_int_equal(sale_fixture_setup(&sale), 0);
  fixture->sale = sale;
  fixture->channel.operations = &OPERATIONS;
  fixture->logger = (struct logger){
      .world = fixture->sale->store.world, .sink = keep_line, .sink_context = fixture};
  fixture->provider = (struct provider_fixture){
      .sale = sale, .channel = &fixture->channel, .options.logger = &fixture->logger};
  provider_fixture_open(&fixture->provider);
  /* What was there at the start is read: nothing. */
  provider_fixture_turn(&fixture->provider, 1);
  *state = fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  void *sale = fixture->sale;
  provider_fixture_close(&fixture->provider);
  free(fixture);
  return sale_fixture_teardown(&sale);
}

/* Time passes until something is sent that was not looked at yet. */
static struct sent *await(struct fixture *fixture, enum provider_verb verb)
{
  for (int i = 0; i < 2000 && fixture->seen == fixture->count; i++)
    provider_fixture_turn(&fixture->provider, 500);
  assert_true(fixture->seen < fixture->count);
  struct sent *sent = &fixture->sent[fixture->seen++];
  if (sent->verb != verb) fail_msg("%.*s was sent", BYTES_FORMAT(provider_verb_name(sent->verb)));
  return sent;
}

static void await_nothing(struct fixture *fixture, int64_t time_ms)
{
  provider_fixture_run(&fixture->provider, time_ms, 1000);
  assert_int_equal(fixture->seen, fixture->count);
}

static void answer(struct fixture *fixture, const struct sent *sent, enum provider_outcome outcome)
{
  bool named = outcome != PROVIDER_UNKNOWN && outcome != PROVIDER_UNCLEAR;
  const struct provider_answer told = {
      .verb = sent->verb,
      .outcome = outcome,
      .command_id = sent->command_id,
      .intent_id = sent->intent_id,
      .payment_id = named ? BYTES("ch_1") : NONE,
  };
  provider_told(fixture->provider.provider, &told);
}

static enum payment_status status_of(struct fixture *fixture, struct bytes intent)
{
  return provider_fixture_payment(&fixture->provider, intent).status;
}

static uint32_t open_rows(struct fixture *fixture)
{
  return provider_fixture_rows(&fixture->provider, "PENDING");
}

static struct bytes intend(struct fixture *fixture, const char *user, const char *seat)
{
  return provider_fixture_intend(&fixture->provider, sale_fixture_hold(fixture->sale, user, seat),
                                 "approve");
}

static void test_an_intent_is_authorised_and_settled(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  /* Not before it is durable. */
  provider_tick(fixture->provider.provider, fixture->sale->now_ms);
  assert_int_equal(fixture->count, 0);
  struct sent *sent = await(fixture, PROVIDER_AUTHORISE);
  assert_true(bytes_equal(sent->intent_id, intent));
  assert_int_equal(sent->amount, 1000);
  answer(fixture, sent, PROVIDER_APPROVED);
  assert_int_equal(status_of(fixture, intent), PAYMENT_COMPLETED);
  assert_int_equal(open_rows(fixture), 0);
  struct sale_payment payment = provider_fixture_payment(&fixture->provider, intent);
  assert_true(bytes_equal(payment.payment_id, BYTES("ch_1")));
  /* The same again, and the opposite: nothing. */
  uint64_t before = store_appended(fixture->sale->store.store);
  answer(fixture, sent, PROVIDER_APPROVED);
  answer(fixture, sent, PROVIDER_FAILED);
  answer(fixture, sent, PROVIDER_PENDING);
  answer(fixture, sent, PROVIDER_UNKNOWN);
  assert_int_equal(store_appended(fixture->sale->store.store), before);
  await_nothing(fixture, 2 * PATIENCE_MS);
  const struct provider_fixture_account account = {.approved = true};
  provider_fixture_check(&fixture->provider, intent, &account);
  assert_int_equal(provider_get_metrics(fixture->provider.provider)->approved, 1);
  assert_int_equal(provider_get_metrics(fixture->provider.provider)->open, 0);
}

static void test_a_declined_one_fails(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  answer(fixture, await(fixture, PROVIDER_AUTHORISE), PROVIDER_FAILED);
  assert_int_equal(status_of(fixture, intent), PAYMENT_FAILED);
  assert_int_equal(open_rows(fixture), 0);
  await_nothing(fixture, PATIENCE_MS);
}

static void test_what_is_not_clear_is_asked_for(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  struct sent *first = await(fixture, PROVIDER_AUTHORISE);
  answer(fixture, first, PROVIDER_UNCLEAR);
  assert_int_equal(status_of(fixture, intent), PAYMENT_PENDING);
  struct sent *question = await(fixture, PROVIDER_QUERY);
  /* It never arrived: the same again, under the same key. */
  answer(fixture, question, PROVIDER_UNKNOWN);
  struct sent *second = await(fixture, PROVIDER_AUTHORISE);
  assert_true(bytes_equal(first->key, second->key));
  /* No answer at all. */
  answer(fixture, await(fixture, PROVIDER_QUERY), PROVIDER_APPROVED);
  assert_int_equal(status_of(fixture, intent), PAYMENT_COMPLETED);
  assert_int_equal(provider_get_metrics(fixture->provider.provider)->unclear, 2);
}

static void test_what_is_unknown_fails_after_the_grace(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  int64_t begin_ms = fixture->sale->now_ms;
  uint32_t authorised = 0;
  while (status_of(fixture, intent) == PAYMENT_PENDING) {
    for (; fixture->seen < fixture->count; fixture->seen++) {
      const struct sent *sent = &fixture->sent[fixture->seen];
      bool asked = sent->verb == PROVIDER_QUERY;
      /* Nothing is begun in the second half: what is under way has arrived at its end. */
      if (!asked) assert_true(fixture->sale->now_ms - begin_ms <= GRACE_MS / 2 + 1000);
      authorised += !asked;
      answer(fixture, sent, asked ? PROVIDER_UNKNOWN : PROVIDER_UNCLEAR);
    }
    provider_fixture_turn(&fixture->provider, 1000);
    assert_true(fixture->sale->now_ms - begin_ms < 3 * GRACE_MS);
  }
  assert_true(fixture->sale->now_ms - begin_ms >= GRACE_MS);
  assert_true(authorised > 1);
  assert_int_equal(status_of(fixture, intent), PAYMENT_FAILED);
  assert_int_equal(provider_get_metrics(fixture->provider.provider)->unknown, 1);
  /* Approved after all: it is money we have, and it buys or goes back. */
  sale_fixture_hold(fixture->sale, "bob", "A-1-1");
  const struct provider_answer late = {.verb = PROVIDER_QUERY,
                                       .outcome = PROVIDER_APPROVED,
                                       .intent_id = intent,
                                       .payment_id = BYTES("ch_9")};
  provider_told(fixture->provider.provider, &late);
  fixture->seen = fixture->count;
  struct sent *sent = await(fixture, PROVIDER_REFUND);
  assert_true(bytes_equal(sent->payment_id, BYTES("ch_9")));
  assert_int_equal(sent->amount, 1000);
}

static void test_a_pending_one_is_asked_about_with_growing_pauses(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  answer(fixture, await(fixture, PROVIDER_AUTHORISE), PROVIDER_PENDING);
  struct sale_payment payment = provider_fixture_payment(&fixture->provider, intent);
  assert_int_equal(payment.status, PAYMENT_PENDING);
  assert_true(bytes_equal(payment.payment_id, BYTES("ch_1")));
  int64_t begin_ms = fixture->sale->now_ms;
  uint32_t questions = 0;
  for (; fixture->sale->now_ms - begin_ms < PATIENCE_MS - 10000; questions++) {
    provider_fixture_turn(&fixture->provider, 1000);
    if (fixture->seen == fixture->count) continue;
    answer(fixture, await(fixture, PROVIDER_QUERY), PROVIDER_PENDING);
  }
  uint32_t asked = fixture->count - 1;
  assert_in_range(asked, 5, 20);
  /* The buyer is not coming back. */
  while (fixture->sale->now_ms - begin_ms < PATIENCE_MS)
    provider_fixture_turn(&fixture->provider, 1000);
  while (fixture->seen < fixture->count) fixture->seen++;
  struct sent *sent = await(fixture, PROVIDER_CANCEL);
  assert_true(bytes_equal(sent->payment_id, BYTES("ch_1")));
  assert_false(bytes_equal(sent->key, sent->command_id));
  answer(fixture, sent, PROVIDER_FAILED);
  assert_int_equal(status_of(fixture, intent), PAYMENT_FAILED);
  assert_int_equal(open_rows(fixture), 0);
}

static void test_a_cancelled_reservation_cancels_its_payment(void **state)
{
  struct fixture *fixture = *state;
  struct sale_reservation reservation;
  struct bytes id = sale_fixture_hold(fixture->sale, "ann", "A-1-1");
  struct bytes intent = provider_fixture_intend(&fixture->provider, id, "");
  answer(fixture, await(fixture, PROVIDER_AUTHORISE), PROVIDER_PENDING);
  struct plan *plan = sale_fixture_plan(fixture->sale);
  assert_int_equal(
      sale_cancel(fixture->sale->sale, plan, id, NONE, fixture->sale->now_ms, &reservation),
      SALE_OK);
  sale_fixture_commit(fixture->sale);
  /* Too late: the buyer has paid, and gets it back. */
  answer(fixture, await(fixture, PROVIDER_CANCEL), PROVIDER_APPROVED);
  answer(fixture, await(fixture, PROVIDER_REFUND), PROVIDER_APPROVED);
  assert_int_equal(status_of(fixture, intent), PAYMENT_REFUNDED);
  assert_int_equal(provider_fixture_rows(&fixture->provider, "DONE"), 1);
}

/* Approved, but its seats are gone: refunded. */
static struct bytes refunded(struct fixture *fixture)
{
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  struct sent *sent = await(fixture, PROVIDER_AUTHORISE);
  fixture->sale->now_ms += LAPSED_MS;
  sale_fixture_hold(fixture->sale, "bob", "A-1-1");
  answer(fixture, sent, PROVIDER_APPROVED);
  provider_fixture_work(&fixture->provider);
  assert_int_equal(status_of(fixture, intent), PAYMENT_REFUNDED);
  return intent;
}

static void test_a_refund_is_repeated_under_one_key(void **state)
{
  struct fixture *fixture = *state;
  refunded(fixture);
  struct sent *first = await(fixture, PROVIDER_REFUND);
  answer(fixture, first, PROVIDER_UNCLEAR);
  struct sent *second = await(fixture, PROVIDER_REFUND);
  answer(fixture, second, PROVIDER_PENDING);
  struct sent *third = await(fixture, PROVIDER_REFUND);
  assert_true(bytes_equal(first->key, second->key) && bytes_equal(first->key, third->key));
  assert_int_equal(third->amount, 1000);
  assert_true(bytes_equal(third->payment_id, BYTES("ch_1")));
  provider_fixture_crash(&fixture->provider);
  struct sent *fourth = await(fixture, PROVIDER_REFUND);
  assert_true(bytes_equal(first->key, fourth->key));
  answer(fixture, fourth, PROVIDER_APPROVED);
  answer(fixture, fourth, PROVIDER_FAILED);
  assert_int_equal(open_rows(fixture), 0);
  assert_int_equal(provider_fixture_rows(&fixture->provider, "DONE"), 1);
  await_nothing(fixture, PATIENCE_MS);
}

static void test_a_refund_that_is_refused_is_left_for_an_operator(void **state)
{
  struct fixture *fixture = *state;
  refunded(fixture);
  for (int i = 0; i < 8; i++) {
    assert_int_equal(provider_fixture_rows(&fixture->provider, "FAILED"), 0);
    struct sent *sent = await(fixture, PROVIDER_REFUND);
    answer(fixture, sent, PROVIDER_FAILED);
    answer(fixture, sent, PROVIDER_FAILED); /* told twice: it counts once */
  }
  assert_int_equal(open_rows(fixture), 0);
  assert_int_equal(provider_fixture_rows(&fixture->provider, "FAILED"), 1);
  const struct provider_metrics *metrics = provider_get_metrics(fixture->provider.provider);
  assert_int_equal(metrics->given_up, 1);
  assert_int_equal(metrics->refused, 8);
  assert_non_null(strstr(fixture->line, "given_up"));
  assert_non_null(strstr(fixture->line, "\"level\":\"error\""));
  await_nothing(fixture, PATIENCE_MS);
}

static void test_a_refund_waits_for_the_capture(void **state)
{
  struct fixture *fixture = *state;
  struct sale_order order;
  fixture->sale->sale->options.captures = true;
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  answer(fixture, await(fixture, PROVIDER_AUTHORISE), PROVIDER_APPROVED);
  struct sent *capture = await(fixture, PROVIDER_CAPTURE);
  struct sale_payment payment = provider_fixture_payment(&fixture->provider, intent);
  struct bytes order_id = arena_copy(&fixture->sale->store.arena, payment.order_id);
  for (int i = 0; i < 2; i++) {
    struct plan *plan = sale_fixture_plan(fixture->sale);
    assert_int_equal(sale_refund(fixture->sale->sale, plan, order_id, i == 0 ? 400 : 0, NONE,
                                 fixture->sale->now_ms, &order),
                     SALE_OK);
    sale_fixture_commit(fixture->sale);
  }
  await_nothing(fixture, 10000);
  answer(fixture, capture, PROVIDER_APPROVED);
  struct sent *part = await(fixture, PROVIDER_REFUND);
  assert_int_equal(part->amount, 400);
  await_nothing(fixture, 10000);
  answer(fixture, part, PROVIDER_APPROVED);
  struct sent *rest = await(fixture, PROVIDER_REFUND);
  assert_int_equal(rest->amount, 600);
  assert_false(bytes_equal(part->key, rest->key));
  answer(fixture, rest, PROVIDER_APPROVED);
  assert_int_equal(provider_fixture_rows(&fixture->provider, "DONE"), 2);
}

static void test_after_a_start_everything_open_is_asked_about(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intents[3];
  static const char *const seats[] = {"A-1-1", "A-1-2", "A-1-3"};
  for (int i = 0; i < 3; i++) intents[i] = intend(fixture, "ann", seats[i]);
  sale_fixture_settle(fixture->sale);
  provider_tick(fixture->provider.provider, fixture->sale->now_ms);
  assert_int_equal(fixture->count, 3);
  fixture->seen = 3;
  provider_fixture_crash(&fixture->provider);
  static const enum provider_outcome outcomes[] = {PROVIDER_APPROVED, PROVIDER_FAILED,
                                                   PROVIDER_UNKNOWN};
  for (int i = 0; i < 3; i++) {
    struct sent *sent = await(fixture, PROVIDER_QUERY);
    int which = 0;
    while (!bytes_equal(sent->intent_id, intents[which])) which++;
    answer(fixture, sent, outcomes[which]);
  }
  assert_int_equal(status_of(fixture, intents[0]), PAYMENT_COMPLETED);
  assert_int_equal(status_of(fixture, intents[1]), PAYMENT_FAILED);
  assert_int_equal(status_of(fixture, intents[2]), PAYMENT_PENDING);
  assert_true(bytes_equal(await(fixture, PROVIDER_AUTHORISE)->intent_id, intents[2]));
}

/* Intents that were made before there were commands. */
static void test_open_intents_without_a_command_are_found(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intents[3];
  static const char *const seats[] = {"A-1-1", "A-1-2", "A-1-3"};
  provider_fixture_close(&fixture->provider);
  for (int i = 0; i < 3; i++) {
    intents[i] = intend(fixture, "ann", seats[i]);
    struct sale_payment payment = provider_fixture_payment(&fixture->provider, intents[i]);
    struct sale_step step = {fixture->sale->sale, &fixture->sale->plan, fixture->sale->now_ms,
                             false};
    provider_command_remove(&step, payment.command_id);
    payment.command_id = NONE;
    payment_put(&step, &payment);
    sale_fixture_commit(fixture->sale);
  }
  sale_fixture_approve(fixture->sale, intents[0]);
  assert_int_equal(open_rows(fixture), 0);
  provider_fixture_open(&fixture->provider);
  for (int i = 1; i < 3; i++) {
    struct sent *sent = await(fixture, PROVIDER_QUERY);
    bool approved = bytes_equal(sent->intent_id, intents[1]);
    answer(fixture, sent, approved ? PROVIDER_APPROVED : PROVIDER_UNKNOWN);
  }
  assert_int_equal(provider_get_metrics(fixture->provider.provider)->reconciled, 2);
  assert_int_equal(status_of(fixture, intents[1]), PAYMENT_COMPLETED);
  /* What the provider does not know is not begun by us: somebody else did, or nobody. */
  while (status_of(fixture, intents[2]) == PAYMENT_PENDING)
    answer(fixture, await(fixture, PROVIDER_QUERY), PROVIDER_UNKNOWN);
  assert_int_equal(status_of(fixture, intents[2]), PAYMENT_FAILED);
}

static void test_a_channel_that_is_busy_and_a_clock_that_is_set_back(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  fixture->takes_nothing = true;
  await_nothing(fixture, 3000);
  fixture->takes_nothing = false;
  answer(fixture, await(fixture, PROVIDER_AUTHORISE), PROVIDER_UNCLEAR);
  fixture->sale->now_ms -= 3600000;
  provider_fixture_run(&fixture->provider, 20000, 500);
  answer(fixture, await(fixture, PROVIDER_QUERY), PROVIDER_FAILED);
  assert_int_equal(status_of(fixture, intent), PAYMENT_FAILED);
}

static void test_so_many_at_a_time(void **state)
{
  struct fixture *fixture = *state;
  provider_fixture_close(&fixture->provider);
  fixture->provider.options.in_flight = 2;
  provider_fixture_open(&fixture->provider);
  provider_fixture_turn(&fixture->provider, 1);
  static const char *const seats[] = {"A-1-1", "A-1-2", "A-1-3", "A-1-4"};
  for (int i = 0; i < 4; i++) intend(fixture, "ann", seats[i]);
  provider_fixture_run(&fixture->provider, 5000, 500);
  assert_int_equal(fixture->count, 2);
  answer(fixture, await(fixture, PROVIDER_AUTHORISE), PROVIDER_APPROVED);
  provider_fixture_run(&fixture->provider, 1000, 500);
  assert_int_equal(fixture->count, 3);
}

static void test_rows_are_read_in_slices(void **state)
{
  struct fixture *fixture = *state;
  char user[16];
  for (int i = 0; i < 45; i++) {
    snprintf(user, sizeof user, "u%d", i);
    struct sale_reserve_result result;
    struct sale_reserve ask = {
        .event_id = BYTES("evt"), .user_id = bytes_of_text(user), .quantity = 1};
    struct plan *plan = sale_fixture_plan(fixture->sale);
    assert_int_equal(sale_reserve(fixture->sale->sale, plan, &ask, fixture->sale->now_ms, &result,
                                  &fixture->sale->error),
                     SALE_OK);
    sale_fixture_commit(fixture->sale);
    provider_fixture_intend(&fixture->provider,
                            arena_copy(&fixture->sale->store.arena, result.reservation.id), "");
  }
  sale_fixture_settle(fixture->sale);
  while (provider_tick(fixture->provider.provider, fixture->sale->now_ms)) continue;
  assert_int_equal(fixture->count, 45);
  assert_int_equal(provider_get_metrics(fixture->provider.provider)->open, 45);
}

/* The Nth allocation fails, at whatever moment: it comes to the same end. */
static void test_without_memory_it_is_only_later(void **state)
{
  struct fixture *fixture = *state;
  struct memory *memory = &fixture->sale->store.world->memory;
  provider_fixture_close(&fixture->provider);
  struct error error;
  bool opened = false;
  for (uint64_t n = 1; !opened; n++) {
    memory->fail_at = memory->calls + n;
    struct provider *provider = provider_open(&fixture->provider.options, &error);
    memory->fail_at = 0;
    opened = provider != NULL;
    provider_close(provider);
  }
  provider_fixture_open(&fixture->provider);
  uint32_t seat = 1;
  bool clean = false;
  for (uint64_t n = 1; !clean; n++, seat = seat % 20 + 1) {
    char name[16];
    char user[16];
    snprintf(user, sizeof user, "u%u", (unsigned)n);
    snprintf(name, sizeof name, "A-%u-%u", (seat - 1) / 10 + 1, (seat - 1) % 10 + 1);
    struct bytes intent = intend(fixture, user, name);
    sale_fixture_settle(fixture->sale);
    uint64_t end = memory->calls + n;
    memory->fail_at = end;
    provider_tick(fixture->provider.provider, fixture->sale->now_ms);
    if (fixture->seen < fixture->count)
      answer(fixture, &fixture->sent[fixture->count - 1], PROVIDER_FAILED);
    clean = memory->calls < end;
    memory->fail_at = 0;
    fixture->seen = fixture->count;
    while (status_of(fixture, intent) == PAYMENT_PENDING) {
      provider_fixture_turn(&fixture->provider, 1000);
      if (fixture->seen == fixture->count) continue;
      answer(fixture, &fixture->sent[fixture->seen++], PROVIDER_FAILED);
    }
    assert_int_equal(status_of(fixture, intent), PAYMENT_FAILED);
    assert_int_equal(open_rows(fixture), 0);
    fixture->sale->now_ms += LAPSED_MS;
    fixture->count = fixture->seen = 0;
    assert_true(n < 300);
  }
}

#define WITH_PROVIDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_PROVIDER(test_an_intent_is_authorised_and_settled),
      WITH_PROVIDER(test_a_declined_one_fails),
      WITH_PROVIDER(test_what_is_not_clear_is_asked_for),
      WITH_PROVIDER(test_what_is_unknown_fails_after_the_grace),
      WITH_PROVIDER(test_a_pending_one_is_asked_about_with_growing_pauses),
      WITH_PROVIDER(test_a_cancelled_reservation_cancels_its_payment),
      WITH_PROVIDER(test_a_refund_is_repeated_under_one_key),
      WITH_PROVIDER(test_a_refund_that_is_refused_is_left_for_an_operator),
      WITH_PROVIDER(test_a_refund_waits_for_the_capture),
      WITH_PROVIDER(test_after_a_start_everything_open_is_asked_about),
      WITH_PROVIDER(test_open_intents_without_a_command_are_found),
      WITH_PROVIDER(test_a_channel_that_is_busy_and_a_clock_that_is_set_back),
      WITH_PROVIDER(test_so_many_at_a_time),
      WITH_PROVIDER(test_rows_are_read_in_slices),
      WITH_PROVIDER(test_without_memory_it_is_only_later),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
