/* What people do, step by step, against a stub that plays the platform. */
#include "unit/load/run_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { SEEN_MAX = 200 };

/* Requests as they came, and what is answered to each. */
struct platform {
  uint32_t count;
  char requests[SEEN_MAX][1024];
  bool (*answer)(struct platform *platform, const char *request, struct buffer *reply);
};

static bool answer(void *context, struct bytes request, struct buffer *reply)
{
  struct platform *platform = context;
  assert_true(platform->count < SEEN_MAX);
  char *kept = platform->requests[platform->count++];
  snprintf(kept, sizeof platform->requests[0], "%.*s", BYTES_FORMAT(request));
  return platform->answer(platform, kept, reply);
}

static struct platform platform;

/* One person (or `people` of them) through the steps. */
static const struct load_stats *run(struct run_fixture *fixture, const char *steps, int people,
                                    bool (*reply)(struct platform *, const char *, struct buffer *))
{
  static char text[4096];
  platform = (struct platform){.answer = reply};
  snprintf(text, sizeof text,
           "{\"stages\":[{\"rate\":%d,\"seconds\":0.1}],\"scenarios\":[{\"name\":\"a\","
           "\"order\":\"order\",\"set\":{\"order\":\"\"},\"steps\":[%s]}]}",
           people * 10, steps);
  const struct stub_options stub = {.answer = answer, .context = &platform};
  run_fixture_begin(fixture, text, &stub);
  const struct load_stats *stats = run_fixture_go(fixture);
  assert_int_equal(stats->journeys, people);
  return stats;
}

static bool starts(const char *text, const char *with)
{
  return strncmp(text, with, strlen(with)) == 0;
}

static bool answer_line(struct platform *self, const char *request, struct buffer *reply)
{
  if (starts(request, "POST /join ")) return stub_reply(reply, 202, "{\"waiting\":\"a b/c\"}");
  if (starts(request, "GET /line?"))
    return stub_reply(reply, 200, self->count < 5 ? "{\"ready\":false}" : "{\"ready\":true}");
  return stub_reply(reply, 200, "{\"order_id\":\"ord_1\"}");
}

/* Takes a field, polls until, and keeps the order at the end. */
static void test_poll(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct load_stats *stats = run(
      &fixture,
      "{\"name\":\"join\",\"method\":\"POST\",\"path\":\"/join\",\"expect\":[202],"
      "\"headers\":{\"Authorization\":\"Bearer ${token}\",\"Idempotency-Key\":\"${uuid}\"},"
      "\"body\":{\"event_id\":\"${event}\"},\"take\":{\"w\":\"waiting\"}},"
      "{\"name\":\"line\",\"path\":\"/line?t=${w}\",\"repeat\":{\"every\":\"50ms\",\"until\":"
      "{\"ready\":\"true\"},\"at_most\":10}},"
      "{\"name\":\"end\",\"path\":\"/end\",\"take\":{\"order\":\"order_id\"}}",
      1, answer_line);
  assert_int_equal(platform.count, 6);
  assert_non_null(strstr(platform.requests[0], "\r\nhost: 127.0.0.1\r\n"));
  assert_non_null(strstr(platform.requests[0], "\r\nAuthorization: Bearer eyJ"));
  assert_non_null(strstr(platform.requests[0],
                         "content-type: application/json\r\ncontent-length: 20\r\n\r\n"
                         "{\"event_id\":\"evt_1\"}"));
  for (int i = 1; i < 5; i++) assert_true(starts(platform.requests[i], "GET /line?t=a%20b%2Fc "));
  assert_int_equal(stats->steps[1].requests, 4);
  assert_int_equal(stats->ends[END_FINISHED], 1);
  assert_true(stats->total_s >= 0.15);
  assert_int_equal(fixture.load->order_count, 1);
  assert_true(fixture.load->orders[0] == load_order_hash(BYTES("ord_1")));
  run_fixture_end(&fixture);
}

static void test_poll_in_vain(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const char *steps = "{\"name\":\"line\",\"path\":\"/line?\",\"repeat\":{\"every\":\"10ms\","
                      "\"until\":{\"ready\":\"never\"},\"at_most\":3}}";
  const struct load_stats *stats = run(&fixture, steps, 1, answer_line);
  assert_int_equal(stats->requests, 3);
  assert_int_equal(stats->failures[FAILURE_REPEAT], 1);
  assert_int_equal(stats->ends[END_FAILED], 1);
  run_fixture_end(&fixture);
  steps = "{\"name\":\"line\",\"path\":\"/line?\",\"repeat\":{\"every\":\"10ms\","
          "\"until\":{\"ready\":\"never\"},\"at_most\":3,\"else\":\"leave\"}}";
  stats = run(&fixture, steps, 1, answer_line);
  assert_int_equal(stats->errors, 0);
  assert_int_equal(stats->ends[END_LEFT], 1);
  run_fixture_end(&fixture);
}

static bool answer_conflicts(struct platform *self, const char *request, struct buffer *reply)
{
  if (strstr(request, "[\"B-1\"]") != NULL)
    return stub_reply(reply, 201, "{\"status\":\"PENDING\"}");
  return stub_reply(reply, 409,
                    self->count == 1 ? "{\"error\":{\"code\":\"TAKEN\",\"details\":{\"other\":[]}}}"
                                     : "{\"error\":{\"code\":\"TAKEN\",\"details\":{\"other\":"
                                       "[\"B-1\"]}}}");
}

#define RESERVE                                                             \
  "{\"name\":\"reserve\",\"method\":\"POST\",\"path\":\"/r\","              \
  "\"set\":{\"seats\":\"${hot_seat}\"},\"body\":{\"s\":\"${json seats}\"}," \
  "\"expect\":[201],\"end_on\":[\"TAKEN\"],\"retry\":{\"on\":[\"TAKEN\"],"  \
  "\"at_most\":%d,\"take\":{\"seats\":\"error.details.other\"}},\"check\":{\"status\":\"%s\"}}"

/* An offer is taken; an empty one leaves what was asked for before. */
static void test_retry_with_what_is_offered(void **state)
{
  (void)state;
  struct run_fixture fixture;
  char steps[1024];
  snprintf(steps, sizeof steps, RESERVE, 3, "PENDING");
  const struct load_stats *stats = run(&fixture, steps, 1, answer_conflicts);
  assert_int_equal(platform.count, 3);
  assert_non_null(strstr(platform.requests[1], "{\"s\":[]}"));
  assert_non_null(strstr(platform.requests[2], "{\"s\":[\"B-1\"]}"));
  assert_int_equal(stats->steps[0].retries, 2);
  assert_int_equal(stats->steps[0].refused, 2);
  assert_int_equal(stats->steps[0].succeeded, 1);
  assert_int_equal(stats->steps[0].checks_passed, 1);
  assert_int_equal(stats->ends[END_FINISHED], 1);
  run_fixture_end(&fixture);
  snprintf(steps, sizeof steps, RESERVE, 1, "PENDING");
  stats = run(&fixture, steps, 1, answer_conflicts);
  assert_int_equal(platform.count, 2);
  assert_int_equal(stats->errors, 0);
  assert_int_equal(stats->ends[END_REFUSED], 1);
  run_fixture_end(&fixture);
}

static void test_check_that_fails(void **state)
{
  (void)state;
  struct run_fixture fixture;
  char steps[1024];
  snprintf(steps, sizeof steps, RESERVE, 3, "SOLD");
  const struct load_stats *stats = run(&fixture, steps, 1, answer_conflicts);
  assert_int_equal(stats->failures[FAILURE_CHECK], 1);
  assert_int_equal(stats->steps[0].checks_failed, 1);
  assert_int_equal(stats->ends[END_FAILED], 1);
  assert_string_equal(stats->example, "reserve: a check failed on 201 {\"status\":\"PENDING\"}");
  run_fixture_end(&fixture);
}

static bool answer_badly(struct platform *self, const char *request, struct buffer *reply)
{
  (void)self;
  (void)request;
  return stub_reply(reply, 500, "{\"error\":{\"code\":\"BROKEN\"}}");
}

static void test_unexpected_status(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct load_stats *stats = run(
      &fixture, "{\"name\":\"one\",\"path\":\"/\"},{\"name\":\"two\",\"path\":\"/\"}", 3,
      answer_badly);
  assert_int_equal(stats->failures[FAILURE_STATUS], 3);
  assert_int_equal(stats->statuses[500], 3);
  assert_int_equal(stats->steps[1].requests, 0);
  assert_true(starts(stats->example, "one: unexpected status 500"));
  run_fixture_end(&fixture);
}

static bool answer_well(struct platform *self, const char *request, struct buffer *reply)
{
  (void)self;
  (void)request;
  return stub_reply(reply, 200, "{}");
}

/* A double click is the same bytes again; a refresh is a request of its own. */
static void test_twice_again_leave_chance(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct load_stats *stats = run(
      &fixture,
      "{\"name\":\"click\",\"method\":\"POST\",\"path\":\"/\",\"headers\":{\"Key\":\"${uuid}\"},"
      "\"twice\":1},"
      "{\"name\":\"never\",\"path\":\"/never\",\"chance\":0},"
      "{\"name\":\"page\",\"path\":\"/${uuid}\",\"again\":1,\"leave\":1},"
      "{\"name\":\"after\",\"path\":\"/after\"}",
      1, answer_well);
  assert_int_equal(platform.count, 4);
  assert_string_equal(platform.requests[0], platform.requests[1]);
  assert_string_not_equal(platform.requests[2], platform.requests[3]);
  assert_int_equal(stats->twice, 1);
  assert_int_equal(stats->steps[0].succeeded, 2);
  assert_int_equal(stats->steps[1].requests, 0);
  assert_int_equal(stats->steps[2].requests, 2);
  assert_int_equal(stats->ends[END_LEFT], 1);
  run_fixture_end(&fixture);
}

/* Weights decide how many take which way. */
static void test_weights(void **state)
{
  (void)state;
  struct run_fixture fixture;
  const struct stub_options stub = {0};
  run_fixture_begin(&fixture,
                    "{\"stages\":[{\"rate\":1000,\"seconds\":1}],\"scenarios\":["
                    "{\"name\":\"a\",\"weight\":3,\"steps\":[{\"name\":\"x\",\"path\":\"/x\"}]},"
                    "{\"name\":\"b\",\"steps\":[{\"name\":\"y\",\"path\":\"/y\"}]}]}",
                    &stub);
  const struct load_stats *stats = run_fixture_go(&fixture);
  assert_int_equal(stats->steps[0].requests + stats->steps[1].requests, 1000);
  assert_in_range(stats->steps[0].requests, 700, 800);
  run_fixture_end(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_poll),
      cmocka_unit_test(test_poll_in_vain),
      cmocka_unit_test(test_retry_with_what_is_offered),
      cmocka_unit_test(test_check_that_fails),
      cmocka_unit_test(test_unexpected_status),
      cmocka_unit_test(test_twice_again_leave_chance),
      cmocka_unit_test(test_weights),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
