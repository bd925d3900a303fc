#include "shield/password_pool.h"

#include "base/world_linux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

static const struct password_cost CHEAP = {.memory_kib = 64, .passes = 1, .lanes = 1};
static const struct password_cost CHEAPER = {.memory_kib = 32, .passes = 1, .lanes = 1};

struct fixture {
  struct world_linux linux_world;
  struct password_pool *pool;
  struct error error;
  atomic_uint wakes;
};

static void count_wake(void *context)
{
  struct fixture *fixture = context;
  atomic_fetch_add(&fixture->wakes, 1);
}

static void setup(struct fixture *fixture, uint32_t threads, uint32_t jobs)
{
  memset(fixture, 0, sizeof *fixture);
  world_linux_init(&fixture->linux_world);
  const struct password_pool_options options = {
      .threads = threads, .jobs = jobs, .cost = CHEAP, .wake = count_wake, .wake_context = fixture};
  fixture->pool = password_pool_open(&fixture->linux_world.world, &options, &fixture->error);
  assert_non_null(fixture->pool);
}

static void teardown(struct fixture *fixture)
{
  password_pool_close(fixture->pool);
  assert_int_equal(fixture->linux_world.world.memory.in_use, 0);
}

/* What a job came to. */
struct result {
  uint32_t calls;
  enum password_outcome outcome;
  bool has_text;
  char text[PASSWORD_TEXT_BYTES];
};

static void keep(void *context, enum password_outcome outcome, const char *text)
{
  struct result *result = context;
  result->calls++;
  result->outcome = outcome;
  result->has_text = text != NULL;
  if (text != NULL) snprintf(result->text, sizeof result->text, "%s", text);
}

static void collect_all(struct fixture *fixture)
{
  for (int i = 0; i < PATIENCE_MS && password_pool_jobs(fixture->pool) > 0; i++) {
    if (password_pool_collect(fixture->pool) > 0) continue;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  assert_int_equal(password_pool_jobs(fixture->pool), 0);
}

static struct result hash(struct fixture *fixture, struct bytes password)
{
  struct result result = {0};
  assert_true(password_pool_hash(fixture->pool, password, keep, &result));
  assert_int_equal(result.calls, 0); /* never in the call */
  collect_all(fixture);
  assert_int_equal(result.calls, 1);
  return result;
}

static struct result verify(struct fixture *fixture, struct bytes password, const char *stored)
{
  struct result result = {0};
  struct bytes text = stored == NULL ? (struct bytes){NULL, 0} : bytes_of_text(stored);
  assert_true(password_pool_verify(fixture->pool, password, text, keep, &result));
  assert_int_equal(result.calls, 0);
  collect_all(fixture);
  assert_int_equal(result.calls, 1);
  return result;
}

static void check_outcomes(struct fixture *fixture)
{
  char longest[PASSWORD_BYTES_MAX + 1];
  memset(longest, 'x', sizeof longest);
  struct bytes password = bytes_of(longest, PASSWORD_BYTES_MAX);
  struct result hashed = hash(fixture, password);
  assert_int_equal(hashed.outcome, PASSWORD_HASHED);
  assert_true(hashed.has_text);
  struct result again = hash(fixture, password);
  assert_string_not_equal(again.text, hashed.text); /* another salt */

  struct result result = verify(fixture, password, hashed.text);
  assert_int_equal(result.outcome, PASSWORD_MATCHES);
  assert_false(result.has_text);
  struct bytes others[] = {bytes_of(longest, PASSWORD_BYTES_MAX - 1),
                           bytes_of(longest, PASSWORD_BYTES_MAX + 1), BYTES("")};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    result = verify(fixture, others[i], hashed.text);
    assert_int_equal(result.outcome, PASSWORD_DIFFERS);
    assert_false(result.has_text);
  }
  char large[2 * PASSWORD_TEXT_BYTES];
  memset(large, '$', sizeof large);
  large[sizeof large - 1] = 0;
  static const char *const texts[] = {NULL, "", "$argon2id$"};
  for (size_t i = 0; i < 4; i++) {
    result = verify(fixture, password, i == 3 ? large : texts[i]);
    assert_int_equal(result.outcome, PASSWORD_DIFFERS);
    assert_false(result.has_text);
  }
}

static void test_outcomes_without_threads(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture, 0, 1);
  check_outcomes(&fixture);
  assert_int_equal(fixture.wakes, 0);
  teardown(&fixture);
}

static void test_outcomes_with_threads(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture, 2, 4);
  check_outcomes(&fixture);
  assert_true(fixture.wakes > 0);
  teardown(&fixture);
}

static void test_a_weaker_hash_is_upgraded(void **state)
{
  (void)state;
  struct fixture fixture;
  struct memory memory = {0};
  char weak[PASSWORD_TEXT_BYTES];
  static const uint8_t salt[PASSWORD_SALT_BYTES] = {1};
  setup(&fixture, 1, 2);
  assert_true(password_hash(&memory, &CHEAPER, BYTES("password"), salt, weak));
  struct result result = verify(&fixture, BYTES("passwore"), weak);
  assert_int_equal(result.outcome, PASSWORD_DIFFERS);
  assert_false(result.has_text);
  result = verify(&fixture, BYTES("password"), weak);
  assert_int_equal(result.outcome, PASSWORD_MATCHES);
  assert_true(result.has_text);
  assert_false(password_is_weaker(bytes_of_text(result.text), &CHEAP));
  struct result better = verify(&fixture, BYTES("password"), result.text);
  assert_int_equal(better.outcome, PASSWORD_MATCHES);
  assert_false(better.has_text);
  teardown(&fixture);
}

static void test_full_is_busy(void **state)
{
  (void)state;
  enum { JOBS = 8 };
  for (uint32_t threads = 0; threads <= 2; threads++) {
    struct fixture fixture;
    struct result results[JOBS] = {0};
    struct result refused = {0};
    setup(&fixture, threads, JOBS);
    for (int round = 1; round <= 3; round++) {
      for (int i = 0; i < JOBS; i++)
        assert_true(password_pool_hash(fixture.pool, BYTES("password"), keep, &results[i]));
      assert_int_equal(password_pool_jobs(fixture.pool), JOBS);
      assert_false(password_pool_hash(fixture.pool, BYTES("password"), keep, &refused));
      assert_false(
          password_pool_verify(fixture.pool, BYTES("password"), BYTES("x"), keep, &refused));
      collect_all(&fixture);
      for (int i = 0; i < JOBS; i++) assert_int_equal(results[i].calls, round);
    }
    assert_int_equal(refused.calls, 0);
    teardown(&fixture);
  }
}

/* A callback that asks for the next job, in the place that its own has just left. */
struct chain {
  struct password_pool *pool;
  int left;
};

static void go_on(void *context, enum password_outcome outcome, const char *text)
{
  struct chain *chain = context;
  assert_int_equal(outcome, chain->left == 20 ? PASSWORD_HASHED : PASSWORD_MATCHES);
  if (--chain->left == 0) return;
  static char first[PASSWORD_TEXT_BYTES];
  if (text != NULL) snprintf(first, sizeof first, "%s", text);
  assert_true(
      password_pool_verify(chain->pool, BYTES("password"), bytes_of_text(first), go_on, chain));
}

static void test_a_callback_asks_for_more(void **state)
{
  (void)state;
  for (uint32_t threads = 0; threads <= 1; threads++) {
    struct fixture fixture;
    setup(&fixture, threads, 1);
    struct chain chain = {fixture.pool, 20};
    assert_true(password_pool_hash(fixture.pool, BYTES("password"), go_on, &chain));
    collect_all(&fixture);
    assert_int_equal(chain.left, 0);
    teardown(&fixture);
  }
}

static void test_closed_with_jobs_waiting(void **state)
{
  (void)state;
  enum { JOBS = 16 };
  for (uint32_t threads = 0; threads <= 2; threads++) {
    struct fixture fixture;
    struct result results[JOBS] = {0};
    setup(&fixture, threads, JOBS);
    for (int i = 0; i < JOBS; i++)
      assert_true(password_pool_hash(fixture.pool, BYTES("password"), keep, &results[i]));
    teardown(&fixture);
    for (int i = 0; i < JOBS; i++) {
      assert_int_equal(results[i].calls, 1);
      assert_true(results[i].outcome == PASSWORD_HASHED || results[i].outcome == PASSWORD_STOPPED);
      assert_int_equal(results[i].has_text, results[i].outcome == PASSWORD_HASHED);
      if (threads == 0) assert_int_equal(results[i].outcome, PASSWORD_STOPPED);
    }
  }
}

static void test_without_memory(void **state)
{
  (void)state;
  struct world_linux linux_world;
  struct error error;
  struct password_pool *pool = NULL;
  world_linux_init(&linux_world);
  struct world *world = &linux_world.world;
  const struct password_pool_options options = {.threads = 1, .jobs = 4, .cost = CHEAP};
  for (uint64_t nth = 1; pool == NULL; nth++) {
    world->memory.fail_at = world->memory.calls + nth;
    pool = password_pool_open(world, &options, &error);
    if (pool == NULL) assert_int_equal(error.code, ERROR_NO_MEMORY);
    if (pool == NULL) assert_int_equal(world->memory.in_use, 0);
  }
  password_pool_close(pool);
  password_pool_close(NULL);
  assert_int_equal(world->memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_outcomes_without_threads),
      cmocka_unit_test(test_outcomes_with_threads),
      cmocka_unit_test(test_a_weaker_hash_is_upgraded),
      cmocka_unit_test(test_full_is_busy),
      cmocka_unit_test(test_a_callback_asks_for_more),
      cmocka_unit_test(test_closed_with_jobs_waiting),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
