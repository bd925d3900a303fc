#include "shield/jwt_cache.h"

#include "sim/world_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { NOW_S = 1000 };

struct fixture {
  struct world_sim *sim;
  struct world *world;
  struct jwt_cache *cache;
};

static void setup(struct fixture *fixture)
{
  fixture->sim = world_sim_new(1);
  fixture->world = world_sim_world(fixture->sim);
  fixture->cache = jwt_cache_new(fixture->world);
  assert_non_null(fixture->cache);
}

static void teardown(struct fixture *fixture)
{
  jwt_cache_free(fixture->cache);
  assert_int_equal(fixture->world->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

static void put(struct fixture *fixture, const char *token, int64_t until_s, const char *user_id)
{
  struct identity identity = {bytes_of_text(user_id), BYTES("name"), ROLE_ADMIN};
  jwt_cache_put(fixture->cache, bytes_of_text(token), until_s, &identity);
}

static bool finds(struct fixture *fixture, const char *token, int64_t now_s, const char *user_id)
{
  struct identity identity;
  if (!jwt_cache_find(fixture->cache, bytes_of_text(token), now_s, &identity)) return false;
  assert_true(bytes_equal(identity.user_id, bytes_of_text(user_id)));
  assert_true(bytes_equal(identity.username, BYTES("name")));
  assert_int_equal(identity.role, ROLE_ADMIN);
  return true;
}

static void test_found_until_it_expires(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  assert_false(finds(&fixture, "a.b.c", NOW_S, "u"));
  put(&fixture, "a.b.c", NOW_S + 10, "u");
  assert_true(finds(&fixture, "a.b.c", NOW_S, "u"));
  assert_true(finds(&fixture, "a.b.c", NOW_S + 9, "u"));
  assert_false(finds(&fixture, "a.b.c", NOW_S + 10, "u"));
  assert_false(finds(&fixture, "a.b.d", NOW_S, "u"));
  assert_false(finds(&fixture, "a.b.", NOW_S, "u"));
  assert_false(finds(&fixture, "", NOW_S, "u"));
  put(&fixture, "a.b.c", NOW_S + 20, "v");
  assert_true(finds(&fixture, "a.b.c", NOW_S + 10, "v"));
  jwt_cache_clear(fixture.cache);
  assert_false(finds(&fixture, "a.b.c", NOW_S, "v"));
  teardown(&fixture);
}

static void test_what_is_too_long_is_not_kept(void **state)
{
  (void)state;
  struct fixture fixture;
  char token[JWT_CACHE_SLOT_BYTES + 1] = {0};
  setup(&fixture);
  bool kept = true;
  size_t size = 1;
  for (; size < JWT_CACHE_SLOT_BYTES && kept; size++) {
    token[size - 1] = 'x';
    put(&fixture, token, NOW_S + 10, "user");
    kept = finds(&fixture, token, NOW_S, "user");
  }
  assert_false(kept);
  assert_true(size > JWT_CACHE_SLOT_BYTES - 64);
  teardown(&fixture);
}

/* More tokens than slots: what is found is right, and most of the newest are. */
static void test_a_full_cache(void **state)
{
  (void)state;
  enum { TOKENS = 3 * JWT_CACHE_SLOTS, NEWEST = JWT_CACHE_SLOTS / 4 };
  struct fixture fixture;
  char token[32];
  char user_id[32];
  int found = 0;
  setup(&fixture);
  size_t in_use = fixture.world->memory.in_use;
  for (int i = 0; i < TOKENS; i++) {
    snprintf(token, sizeof token, "token-%d", i);
    snprintf(user_id, sizeof user_id, "user-%d", i);
    put(&fixture, token, NOW_S + 10, user_id);
    assert_true(finds(&fixture, token, NOW_S, user_id));
  }
  for (int i = 0; i < TOKENS; i++) {
    snprintf(token, sizeof token, "token-%d", i);
    snprintf(user_id, sizeof user_id, "user-%d", i);
    if (finds(&fixture, token, NOW_S, user_id) && i >= TOKENS - NEWEST) found++;
  }
  assert_true(found > NEWEST / 2);
  assert_int_equal(fixture.world->memory.in_use, in_use);
  teardown(&fixture);
}

static void test_without_memory(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  world->memory.fail_at = world->memory.calls + 1;
  assert_null(jwt_cache_new(world));
  jwt_cache_free(NULL);
  world_sim_free(sim);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_found_until_it_expires),
      cmocka_unit_test(test_what_is_too_long_is_not_kept),
      cmocka_unit_test(test_a_full_cache),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
