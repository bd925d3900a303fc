#include "api/render.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct exchange *new_exchange(struct memory *memory)
{
  struct exchange *exchange = exchange_new(memory);
  assert_non_null(exchange);
  exchange->trace_id = BYTES("trace");
  return exchange;
}

static void expect(struct bytes got, const char *wanted)
{
  if (!bytes_equal(got, bytes_of_text(wanted)))
    fail_msg("%s wanted, got %.*s", wanted, BYTES_FORMAT(got));
}

static void test_members(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct exchange *exchange = new_exchange(&memory);
  struct render render;
  render_begin(&render, exchange);
  render_text(&render.json, BYTES("text"), BYTES("a\"b"));
  render_text_if(&render.json, BYTES("none"), (struct bytes){NULL, 0});
  render_integer(&render.json, BYTES("integer"), -5);
  render_time(&render.json, BYTES("time"), 1795756800123);
  render_money(&render.json, BYTES("money"), 1000, BYTES("KRW"));
  render_cursor(&render.json, (struct bytes){NULL, 0});
  expect(render_end(&render),
         "{\"text\":\"a\\\"b\",\"integer\":-5,\"time\":\"2026-11-27T05:20:00.123Z\","
         "\"money\":{\"amount\":1000,\"currency\":\"KRW\"},\"next_cursor\":null}");
  exchange_free(exchange, &memory);
  assert_int_equal(memory.in_use, 0);
}

static void test_seconds_left(void **state)
{
  (void)state;
  assert_int_equal(render_seconds_left(300000, 0), 300);
  assert_int_equal(render_seconds_left(300000, 1), 299);
  assert_int_equal(render_seconds_left(1999, 1000), 0);
  assert_int_equal(render_seconds_left(1000, 1000), 0);
  assert_int_equal(render_seconds_left(1000, 5000), 0);
}

static void test_a_reservation(void **state)
{
  struct api_fixture *fixture = *state;
  struct memory memory = {0};
  struct exchange *exchange = new_exchange(&memory);
  struct render render;
  const struct sale_reservation reservation = {
      .id = BYTES("rsv_1"),
      .user_id = BYTES("alice"),
      .order_id = BYTES("ord_1"),
      .event = fixture->sale->event,
      .status = RESERVATION_EXPIRED,
      .quantity = 1,
      .seats =
          {{.id = BYTES("A-1-2"), .section = BYTES("A"), .row = BYTES("1"), .number = BYTES("2")}},
      .amount = 1000,
      .hold_expires_ms = 60000,
  };
  render_begin(&render, exchange);
  render_reservation(&render.json, &reservation, 0);
  expect(render_end(&render),
         "{\"reservation_id\":\"rsv_1\",\"event_id\":\"evt\",\"user_id\":\"alice\","
         "\"status\":\"EXPIRED\",\"seats\":[{\"id\":\"A-1-2\",\"section\":\"A\",\"row\":\"1\","
         "\"number\":\"2\"}],\"quantity\":1,\"total_amount\":{\"amount\":1000,\"currency\":"
         "\"KRW\"},\"created_at\":\"1970-01-01T00:00:00.000Z\",\"updated_at\":"
         "\"1970-01-01T00:00:00.000Z\",\"hold_expires_at\":\"1970-01-01T00:01:00.000Z\","
         "\"expires_in\":0,\"order_id\":\"ord_1\"}");
  exchange_free(exchange, &memory);
}

/* Every refusal of the domain has a reply; those that say to try again say when. */
static void test_refusals(void **state)
{
  (void)state;
  struct memory memory = {0};
  for (enum sale_refusal i = SALE_OK + 1; i < SALE_REFUSALS; i++) {
    struct exchange *exchange = new_exchange(&memory);
    render_refusal(exchange, i, NULL, (struct bytes){NULL, 0});
    assert_int_equal(exchange->reply.status, sale_refusal_row(i)->status);
    assert_true(bytes_find(exchange->reply.body, bytes_of_text(sale_refusal_row(i)->code)) !=
                SIZE_MAX);
    assert_int_equal(exchange->reply.header_count, exchange->reply.status == 503);
    exchange_free(exchange, &memory);
  }
}

static void test_words_of_a_refusal(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"seat_ids: too many", "\"details\":{\"field\":\"seat_ids\",\"reason\":\"too many\"}"},
      {"max_per_buyer must be 1 to 100",
       "\"details\":{\"field\":\"max_per_buyer\",\"reason\":\"must be 1 to 100\"}"},
      {"Nothing", "\"message\":\"Nothing\",\"trace_id\":\"trace\"}"},
  };
  struct memory memory = {0};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct exchange *exchange = new_exchange(&memory);
    struct error error;
    error_set(&error, ERROR_INVALID, "%s", cases[i][0]);
    render_refusal(exchange, SALE_INVALID, &error, (struct bytes){NULL, 0});
    if (bytes_find(exchange->reply.body, bytes_of_text(cases[i][1])) == SIZE_MAX)
      fail_msg("%s wanted, got %.*s", cases[i][1], BYTES_FORMAT(exchange->reply.body));
    exchange_free(exchange, &memory);
  }
}

static void test_no_memory(void **state)
{
  struct api_fixture *fixture = *state;
  struct memory memory = {0};
  struct exchange *exchange = new_exchange(&memory);
  for (uint64_t n = 1;; n++) {
    struct render render;
    exchange->memory.calls = 0;
    exchange->memory.fail_at = n;
    render_begin(&render, exchange);
    render_event(&render.json, fixture->sale->event, true, 0);
    struct bytes body = render_end(&render);
    if (exchange->memory.calls < n) break;
    if (body.data != NULL) assert_int_equal(body.data[body.size - 1], '}');
    assert_true(n < 100);
  }
  exchange_free(exchange, &memory);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_members),  WITH_API(test_seconds_left),       WITH_API(test_a_reservation),
      WITH_API(test_refusals), WITH_API(test_words_of_a_refusal), WITH_API(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
