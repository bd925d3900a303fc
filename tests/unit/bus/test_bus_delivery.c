#include "unit/bus/bus_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char SALE[] = "{\"detail-type\":[\"Sale\"]}";

/* A rule with a webhook; `retries` and `age_s` as given. */
static void make_hook(struct bus_fixture *fixture, int32_t retries, int32_t age_s)
{
  struct bus_target target = bus_fixture_target(BUS_TARGET_WEBHOOK, "https://h.example/in");
  target.retries = retries;
  target.age_s = age_s;
  target.dead_letter = BYTES("dlq");
  bus_fixture_queue(fixture, "dlq");
  bus_fixture_rule(fixture, "hook", SALE, &target, 1);
}

/* The one delivery of a state. */
static struct bus_delivery only(struct bus_fixture *fixture, enum bus_delivery_state state)
{
  struct bus_delivery list[BUS_PAGE_MAX];
  struct bytes cursor = {NULL, 0};
  uint32_t count;
  assert_int_equal(bus_delivery_list(fixture->buses, state, &cursor, 0, &fixture->store.arena, list,
                                     &count, &fixture->error),
                   BUS_OK);
  assert_int_equal(count, 1);
  assert_int_equal(cursor.size, 0);
  return list[0];
}

static void test_a_delivery_that_is_taken(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, 3, 3600);
  bus_fixture_put(fixture, "Sale", "{\"n\":1}");
  assert_int_equal(fixture->sent_count, 0);
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, 1);
  const struct bus_fixture_sent *sent = &fixture->sent[0];
  assert_string_equal(sent->url, "https://h.example/in");
  assert_string_equal(sent->event_id, "e1");
  assert_non_null(strstr(sent->body, "\"detail\":{\"n\":1}"));
  bus_fixture_answer(fixture, 0, 204, "");
  bus_fixture_tick(fixture);
  struct bus_delivery delivery = only(fixture, BUS_DELIVERED);
  assert_int_equal(delivery.attempts, 1);
  assert_int_equal(delivery.last_status, 204);
  assert_true(bytes_equal(delivery.event_id, BYTES("e1")));
  assert_int_equal(delivery.body.size, 0);
  assert_int_equal(bus_delivery_find(fixture->buses, delivery.id, &fixture->store.arena, &delivery),
                   BUS_OK);
  assert_int_equal(delivery.body.size, strlen(sent->body));
  assert_int_equal(fixture->buses->metrics.delivered, 1);
  assert_int_equal(bus_fixture_count(fixture, "dlq"), 0);
  bus_fixture_pass(fixture, 86400000);
  assert_int_equal(fixture->sent_count, 1);
}

static void test_a_failed_one_comes_again_until_no_attempts_are_left(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, 2, 3600);
  bus_fixture_put(fixture, "Sale", "{}");
  bus_fixture_tick(fixture);
  for (uint32_t attempt = 1; attempt <= 3; attempt++) {
    assert_int_equal(fixture->sent_count, attempt);
    bus_fixture_answer(fixture, attempt - 1, 404, "");
    bus_fixture_tick(fixture);
    assert_int_equal(fixture->sent_count, attempt);
    if (attempt == 3) break;
    struct bus_delivery delivery = only(fixture, BUS_PENDING);
    assert_int_equal(delivery.attempts, attempt);
    assert_int_equal(delivery.last_status, 404);
    assert_true(delivery.next_ms > fixture->now_ms);
    assert_true(delivery.next_ms <= fixture->now_ms + (1000 << (attempt - 1)));
    bus_fixture_pass(fixture, delivery.next_ms - fixture->now_ms - 1);
    assert_int_equal(fixture->sent_count, attempt);
    bus_fixture_pass(fixture, 1);
  }
  struct bus_delivery delivery = only(fixture, BUS_FAILED);
  assert_int_equal(delivery.attempts, 3);
  assert_true(bytes_equal(delivery.last_error, BYTES("no attempts are left: HTTP 404")));
  assert_int_equal(bus_fixture_count(fixture, "dlq"), 1);
  assert_non_null(strstr(bus_fixture_take(fixture, "dlq"), "\"id\":\"e1\""));
  assert_int_equal(fixture->buses->metrics.failed, 1);
  assert_int_equal(fixture->buses->metrics.retried, 2);
}

static void test_its_time_ends_it_too(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, 185, 60);
  bus_fixture_put(fixture, "Sale", "{}");
  int64_t begin_ms = fixture->now_ms;
  for (uint32_t i = 0; i < 185; i++) {
    bus_fixture_tick(fixture);
    if (fixture->sent_count == i + 1) bus_fixture_answer(fixture, i, 0, "h.example: no connection");
    bus_fixture_tick(fixture);
    if (fixture->buses->metrics.failed > 0) break;
    while (fixture->sent_count == i + 1) bus_fixture_pass(fixture, 250);
  }
  struct bus_delivery delivery = only(fixture, BUS_FAILED);
  assert_true(fixture->now_ms - begin_ms <= 60000);
  assert_non_null(strstr((const char *)arena_copy(&fixture->store.arena, delivery.last_error).data,
                         "its time is over: h.example"));
  assert_int_equal(bus_fixture_count(fixture, "dlq"), 1);
}

static void test_what_cannot_be_sent_fails_at_once(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, 185, 3600);
  fixture->invalid = true;
  bus_fixture_put(fixture, "Sale", "{}");
  bus_fixture_tick(fixture);
  struct bus_delivery delivery = only(fixture, BUS_FAILED);
  assert_true(bytes_equal(delivery.last_error, BYTES("it cannot be sent: the URL has no host")));
  assert_int_equal(bus_fixture_count(fixture, "dlq"), 1);
}

static void test_an_operator_replays_it(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, 0, 3600);
  bus_fixture_put(fixture, "Sale", "{}");
  bus_fixture_tick(fixture);
  struct bytes id = only(fixture, BUS_PENDING).id;
  struct plan *plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_delivery_replay(fixture->buses, plan, id, fixture->now_ms, &fixture->error),
                   BUS_IN_USE);
  bus_fixture_answer(fixture, 0, 500, "");
  bus_fixture_pass(fixture, 7200000);
  assert_int_equal(only(fixture, BUS_FAILED).attempts, 1);
  plan = bus_fixture_plan(fixture);
  assert_int_equal(bus_delivery_replay(fixture->buses, plan, id, fixture->now_ms, &fixture->error),
                   BUS_OK);
  bus_fixture_commit(fixture);
  bus_fixture_tick(fixture);
  assert_int_equal(fixture->sent_count, 2);
  assert_string_equal(fixture->sent[1].event_id, "e1");
  bus_fixture_answer(fixture, 1, 200, "");
  bus_fixture_tick(fixture);
  assert_int_equal(only(fixture, BUS_DELIVERED).attempts, 2);
  plan = bus_fixture_plan(fixture);
  assert_int_equal(
      bus_delivery_replay(fixture->buses, plan, BYTES("none"), fixture->now_ms, &fixture->error),
      BUS_NOT_FOUND);
}

static void test_lists_are_pages_newest_first(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_delivery list[2];
  struct bytes cursor = {NULL, 0};
  uint32_t count;
  make_hook(fixture, 0, 3600);
  for (int i = 0; i < 5; i++) {
    bus_fixture_put(fixture, "Sale", "{}");
    bus_fixture_tick(fixture);
  }
  static const char *const expected[] = {"e5", "e4", "e3", "e2", "e1"};
  for (uint32_t seen = 0; seen < 5; seen += count) {
    assert_int_equal(bus_delivery_list(fixture->buses, BUS_PENDING, &cursor, 2,
                                       &fixture->store.arena, list, &count, &fixture->error),
                     BUS_OK);
    assert_int_equal(count, seen == 4 ? 1 : 2);
    for (uint32_t i = 0; i < count; i++)
      assert_true(bytes_equal(list[i].event_id, bytes_of_text(expected[seen + i])));
  }
  assert_int_equal(cursor.size, 0);
  cursor = BYTES("no cursor");
  assert_int_equal(bus_delivery_list(fixture->buses, BUS_PENDING, &cursor, 2, &fixture->store.arena,
                                     list, &count, &fixture->error),
                   BUS_INVALID);
}

/* What the target is given is not the event: the dead-letter queue has the event all the same. */
static void test_the_dead_letter_is_the_event(void **state)
{
  struct bus_fixture *fixture = *state;
  struct bus_target target = bus_fixture_target(BUS_TARGET_WEBHOOK, "http://h/");
  target.retries = 0;
  target.dead_letter = BYTES("dlq");
  target.input = BUS_INPUT_PATH;
  target.input_text = BYTES("$.detail.n");
  bus_fixture_queue(fixture, "dlq");
  bus_fixture_rule(fixture, "hook", SALE, &target, 1);
  bus_fixture_put(fixture, "Sale", "{\"n\":5}");
  bus_fixture_tick(fixture);
  assert_string_equal(fixture->sent[0].body, "5");
  bus_fixture_answer(fixture, 0, 500, "");
  bus_fixture_tick(fixture);
  assert_non_null(strstr(bus_fixture_take(fixture, "dlq"), "\"detail\":{\"n\":5}"));
}

/* Each allocation of an answer's record fails once: it is recorded a second later, and once. */
static void test_no_memory(void **state)
{
  struct bus_fixture *fixture = *state;
  make_hook(fixture, 0, 3600);
  bool done = false;
  uint64_t failed = 0;
  for (uint64_t nth = 1; !done; nth++) {
    bus_fixture_put(fixture, "Sale", "{}");
    bus_fixture_tick(fixture);
    bus_fixture_answer(fixture, fixture->sent_count - 1, 404, "");
    arena_free(&fixture->buses->arena);
    arena_init(&fixture->buses->arena, &fixture->memory);
    queues_tick(fixture->queues, fixture->now_ms);
    fixture->memory.fail_at = fixture->memory.calls + nth;
    buses_tick(fixture->buses, fixture->now_ms);
    done = fixture->memory.calls < fixture->memory.fail_at;
    fixture->memory.fail_at = 0;
    bus_fixture_pass(fixture, 1000);
    assert_int_equal(fixture->buses->metrics.failed, ++failed);
    assert_int_equal(bus_fixture_count(fixture, "dlq"), failed);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BUS(test_a_delivery_that_is_taken),
      WITH_BUS(test_a_failed_one_comes_again_until_no_attempts_are_left),
      WITH_BUS(test_its_time_ends_it_too),
      WITH_BUS(test_what_cannot_be_sent_fails_at_once),
      WITH_BUS(test_an_operator_replays_it),
      WITH_BUS(test_lists_are_pages_newest_first),
      WITH_BUS(test_the_dead_letter_is_the_event),
      WITH_BUS(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
