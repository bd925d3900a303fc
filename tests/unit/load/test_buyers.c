#include "load/buyers.h"

#include "shield/jwt.h"
#include "sim/world_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const uint8_t SECRET[BUYERS_SECRET_BYTES] = "0123456789abcdef0123456789abcdef";

/* The platform's own verification takes them for what they say. */
static void test_tokens_are_good(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct memory memory = {0};
  struct buyers buyers;
  struct error error;
  struct arena arena;
  arena_init(&arena, &memory);
  struct jwt *jwt = jwt_new(world, bytes_of(SECRET, sizeof SECRET), &error);
  assert_non_null(jwt);
  assert_true(buyers_make(&buyers, &memory, 1000, SECRET, 1700000000, 0xABCDEF0123, &error));
  for (uint32_t i = 0; i < 1000; i += 333) {
    struct identity identity;
    char id[BUYER_ID_BYTES];
    assert_int_equal(jwt_verify(jwt, buyer_token(&buyers, i), 1700000100, &arena, &identity),
                     JWT_OK);
    assert_true(bytes_equal(identity.user_id, buyer_id(&buyers, i, id)));
    assert_int_equal(identity.role, ROLE_USER);
  }
  char token[BUYER_TOKEN_BYTES];
  struct identity identity;
  size_t size = buyers_sign(SECRET, "boss", "admin", 1700000000, token);
  assert_int_equal(jwt_verify(jwt, bytes_of(token, size), 1700000100, &arena, &identity), JWT_OK);
  assert_int_equal(identity.role, ROLE_ADMIN);
  assert_true(jwt_verify(jwt, bytes_of(token, size), 1700086500, &arena, &identity) != JWT_OK);
  jwt_free(jwt);
  buyers_free(&buyers);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
  world_sim_free(sim);
}

static void test_ids_and_addresses_differ(void **state)
{
  (void)state;
  struct buyers buyers = {.count = BUYERS_MAX, .run = 5};
  char one[BUYER_ID_BYTES], other[BUYER_ID_BYTES];
  buyer_id(&buyers, 0, one);
  buyer_id(&buyers, BUYERS_MAX - 1, other);
  assert_string_equal(one, "load000000050000000");
  assert_string_equal(other, "load000000051999999");
  char address[LOAD_ADDRESS_BYTES];
  buyer_address(0, address);
  assert_string_equal(address, "10.0.0.1");
  buyer_address(65535 + 255, address);
  assert_string_equal(address, "10.1.0.255");
}

static void test_without_secret_and_memory(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct buyers buyers;
  struct error error;
  assert_true(buyers_make(&buyers, &memory, 10, NULL, 0, 0, &error));
  assert_int_equal(buyer_token(&buyers, 3).size, 0);
  buyers_free(&buyers);
  memory.fail_at = memory.calls + 1;
  assert_false(buyers_make(&buyers, &memory, 10, SECRET, 0, 0, &error));
  assert_string_equal(error.message, "no memory for the tokens of 10 users");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tokens_are_good),
      cmocka_unit_test(test_ids_and_addresses_differ),
      cmocka_unit_test(test_without_secret_and_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
