#include "sale/idempotency.h"

#include "unit/sale/sale_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct idempotency of(const char *who, const char *path, const char *key, const char *body)
{
  struct idempotency idempotency;
  const struct idempotency_request request = {bytes_of_text(who), BYTES("POST"),
                                              bytes_of_text(path), bytes_of_text(key),
                                              bytes_of_text(body)};
  idempotency_init(&idempotency, &request);
  return idempotency;
}

static enum idempotency_outcome find(struct sale_fixture *fixture,
                                     const struct idempotency *idempotency,
                                     struct idempotency_answer *answer)
{
  struct plan *plan = sale_fixture_plan(fixture);
  return idempotency_find(fixture->sale, plan->arena, idempotency, fixture->now_ms, answer);
}

static void keep(struct sale_fixture *fixture, const struct idempotency *idempotency)
{
  struct plan *plan = sale_fixture_plan(fixture);
  assert_true(
      idempotency_add(fixture->sale, plan, idempotency, 201, BYTES("{\"a\":1}"), fixture->now_ms));
  sale_fixture_commit(fixture);
}

static void test_the_answer_is_kept_for_a_day(void **state)
{
  struct sale_fixture *fixture = *state;
  struct idempotency_answer answer;
  struct idempotency first = of("ann", "/p", "k", "{}");
  assert_int_equal(find(fixture, &first, &answer), IDEMPOTENCY_NEW);
  keep(fixture, &first);
  assert_int_equal(find(fixture, &first, &answer), IDEMPOTENCY_REPLAY);
  assert_int_equal(answer.status, 201);
  assert_true(bytes_equal(answer.body, BYTES("{\"a\":1}")));
  sale_fixture_settle(fixture);
  sale_fixture_crash(fixture);
  fixture->now_ms += SALE_IDEMPOTENCY_MS - 1;
  assert_int_equal(find(fixture, &first, &answer), IDEMPOTENCY_REPLAY);
  fixture->now_ms += 1001;
  assert_int_equal(find(fixture, &first, &answer), IDEMPOTENCY_NEW);
}

static void test_scopes_do_not_meet(void **state)
{
  struct sale_fixture *fixture = *state;
  struct idempotency_answer answer;
  struct idempotency first = of("ann", "/p", "k", "{}");
  keep(fixture, &first);
  const struct idempotency others[] = {of("bob", "/p", "k", "{}"), of("ann", "/q", "k", "{}"),
                                       of("ann", "/p", "l", "{}"), of("an", "n/p", "k", "{}"),
                                       of("annPOST", "/p", "k", "{}")};
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(find(fixture, &others[i], &answer), IDEMPOTENCY_NEW);
  struct idempotency changed = of("ann", "/p", "k", "{ }");
  assert_int_equal(find(fixture, &changed, &answer), IDEMPOTENCY_MISMATCH);
}

static void test_long_parts_have_scopes_too(void **state)
{
  (void)state;
  char path[4096];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = 0;
  struct idempotency first = of("ann", path, "k", "{}");
  struct idempotency same = of("ann", path, "k", "{}");
  path[0] = 'q';
  struct idempotency other = of("ann", path, "k", "{}");
  assert_memory_equal(first.id, same.id, sizeof first.id);
  assert_memory_not_equal(first.id, other.id, sizeof first.id);
}

static void test_what_is_under_way_is_told(void **state)
{
  struct sale_fixture *fixture = *state;
  struct idempotency_answer answer;
  struct idempotency first = of("ann", "/p", "k", "{}");
  struct idempotency second = of("ann", "/p", "l", "{}");
  assert_true(idempotency_begin(fixture->sale, &first));
  assert_true(idempotency_begin(fixture->sale, &second));
  assert_int_equal(find(fixture, &first, &answer), IDEMPOTENCY_IN_FLIGHT);
  idempotency_end(fixture->sale, &first);
  assert_int_equal(find(fixture, &first, &answer), IDEMPOTENCY_NEW);
  assert_int_equal(find(fixture, &second, &answer), IDEMPOTENCY_IN_FLIGHT);
  idempotency_end(fixture->sale, &second);
  idempotency_end(fixture->sale, &second);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_SALE(test_the_answer_is_kept_for_a_day),
      WITH_SALE(test_scopes_do_not_meet),
      cmocka_unit_test(test_long_parts_have_scopes_too),
      WITH_SALE(test_what_is_under_way_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
