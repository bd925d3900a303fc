#include "sale/provider_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct memory memory;
static char id[PROVIDER_PAYMENT_ID_BYTES + 1]; /* of the last reply, "" for none */

static enum provider_outcome read_as(enum provider_verb verb, uint16_t status, const char *body)
{
  struct arena arena;
  struct bytes payment_id;
  const struct provider_reply_asked asked = {verb, BYTES("pi_1"), BYTES("KRW"), 1000};
  arena_init(&arena, &memory);
  enum provider_outcome outcome = provider_reply_read(&asked, status, bytes_of_text(body), &arena,
                                                      &payment_id);
  snprintf(id, sizeof id, "%.*s", BYTES_FORMAT(payment_id));
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
  return outcome;
}

#define A PROVIDER_APPROVED
#define F PROVIDER_FAILED
#define P PROVIDER_PENDING
#define U PROVIDER_UNCLEAR

static void test_the_table_of_words(void **state)
{
  static const struct {
    const char *word;
    enum provider_outcome of[PROVIDER_VERBS];
  } rows[] = {
      {"approved", {A, A, A, P, U}}, {"captured", {A, A, A, A, U}}, {"pending", {P, P, P, P, P}},
      {"declined", {F, F, F, F, F}}, {"failed", {F, F, F, F, F}},   {"cancelled", {F, F, F, F, U}},
      {"expired", {F, F, F, F, U}},  {"refunded", {F, F, F, F, A}}, {"Approved", {U, U, U, U, U}},
      {"", {U, U, U, U, U}},         {"approve", {U, U, U, U, U}},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (enum provider_verb verb = 0; verb < PROVIDER_VERBS; verb++) {
      char body[128];
      snprintf(body, sizeof body, "{\"payment_id\":\"ch_1\",\"status\":\"%s\"}", rows[i].word);
      assert_int_equal(read_as(verb, 200, body), rows[i].of[verb]);
      assert_int_equal(read_as(verb, 201, body), rows[i].of[verb]);
      assert_int_equal(read_as(verb, 409, body), rows[i].of[verb]);
      assert_string_equal(id, rows[i].of[verb] == U ? "" : "ch_1");
      assert_int_equal(read_as(verb, 500, body), U);
      assert_int_equal(read_as(verb, 302, body), U);
      assert_int_equal(read_as(verb, 429, body), U);
      assert_int_equal(read_as(verb, 401, body), U);
      assert_int_equal(read_as(verb, 402, body), F);
    }
}

static void test_the_table_of_statuses(void **state)
{
  static const uint16_t refusals[] = {400, 403, 404, 410, 422};
  const char *unknown = "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no\"}}";
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    assert_int_equal(read_as(PROVIDER_AUTHORISE, refusals[i], unknown), U);
    assert_int_equal(read_as(PROVIDER_CAPTURE, refusals[i], unknown), F);
    assert_int_equal(read_as(PROVIDER_REFUND, refusals[i], unknown), F);
    bool says = refusals[i] == 404;
    assert_int_equal(read_as(PROVIDER_QUERY, refusals[i], unknown), says ? PROVIDER_UNKNOWN : U);
    assert_int_equal(read_as(PROVIDER_CANCEL, refusals[i], unknown), says ? PROVIDER_UNKNOWN : U);
    /* Somebody else's 404: the path leads nowhere. */
    assert_int_equal(read_as(PROVIDER_QUERY, refusals[i], "<h1>Not found</h1>"), U);
    assert_int_equal(read_as(PROVIDER_QUERY, refusals[i], "{\"error\":\"NOT_FOUND\"}"), U);
    assert_int_equal(read_as(PROVIDER_QUERY, refusals[i], ""), U);
  }
}

static void test_a_reply_is_about_what_was_asked(void **state)
{
  (void)state;
  assert_int_equal(read_as(PROVIDER_QUERY, 200,
                           "{\"payment_id\":\"a.b-c_d~1\",\"status\":\"approved\",\"amount\":1000,"
                           "\"currency\":\"KRW\",\"intent_id\":\"pi_1\",\"more\":[{}]}"),
                   A);
  assert_string_equal(id, "a.b-c_d~1");
  static const char *const unclear[] = {
      "{\"payment_id\":\"x\",\"status\":\"approved\",\"amount\":999}",
      "{\"payment_id\":\"x\",\"status\":\"approved\",\"amount\":\"1000\"}",
      "{\"payment_id\":\"x\",\"status\":\"approved\",\"amount\":1000.5}",
      "{\"payment_id\":\"x\",\"status\":\"approved\",\"currency\":\"USD\"}",
      "{\"payment_id\":\"x\",\"status\":\"approved\",\"intent_id\":\"pi_2\"}",
      "{\"payment_id\":\"x/../y\",\"status\":\"approved\"}",
      "{\"payment_id\":\"..\",\"status\":\"approved\"}",
      "{\"payment_id\":\"\",\"status\":\"approved\"}",
      "{\"status\":\"approved\"}",
      "{\"payment_id\":\"x\",\"status\":\"approved\"} and more",
      "{\"payment_id\":\"x\",\"status\":\"approved\"",
      "{\"payment_id\":\"x\",\"status\":\"approved\",\"status\":\"declined\"}",
      "[]",
      "",
  };
  for (size_t i = 0; i < sizeof unclear / sizeof unclear[0]; i++) {
    assert_int_equal(read_as(PROVIDER_AUTHORISE, 200, unclear[i]), U);
    assert_string_equal(id, "");
  }
}

static void test_without_memory_it_is_unclear(void **state)
{
  (void)state;
  memory.fail_at = memory.calls + 1;
  assert_int_equal(
      read_as(PROVIDER_QUERY, 200, "{\"payment_id\":\"\\u0041\",\"status\":\"approved\"}"), U);
  memory.fail_at = 0;
  assert_int_equal(
      read_as(PROVIDER_QUERY, 200, "{\"payment_id\":\"\\u0041\",\"status\":\"approved\"}"), A);
  assert_string_equal(id, "A");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_table_of_words),
      cmocka_unit_test(test_the_table_of_statuses),
      cmocka_unit_test(test_a_reply_is_about_what_was_asked),
      cmocka_unit_test(test_without_memory_it_is_unclear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
