#include "net/peers.h"

#include "sim/random.h"
#include "sim/world_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MODEL_STEPS = 60000, MODEL_ADDRESSES = 500, MODEL_SLOTS = 3000, NO_LIMIT = 1000000 };

struct fixture {
  struct world_sim *sim;
  struct world *world;
  struct peers peers;
};

static void fixture_open(struct fixture *fixture)
{
  fixture->sim = world_sim_new(random_seed(4));
  fixture->world = world_sim_world(fixture->sim);
  peers_init(&fixture->peers, fixture->world);
}

static void fixture_close(struct fixture *fixture)
{
  peers_free(&fixture->peers);
  assert_int_equal(fixture->world->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

static struct peer *enter(struct fixture *fixture, const char *address)
{
  struct peer *slot = NULL;
  assert_int_equal(peers_enter(&fixture->peers, bytes_of_text(address), NO_LIMIT, &slot), PEERS_OK);
  assert_non_null(slot);
  return slot;
}

static uint32_t connections(const struct fixture *fixture, const char *address)
{
  return peers_connections(&fixture->peers, bytes_of_text(address));
}

static void test_limit_is_for_each_address(void **state)
{
  (void)state;
  struct fixture fixture;
  struct peer *slot, *first;
  fixture_open(&fixture);
  assert_int_equal(connections(&fixture, "10.0.0.1"), 0);
  assert_int_equal(peers_enter(&fixture.peers, BYTES("10.0.0.1"), 0, &slot), PEERS_LIMIT);
  assert_int_equal(peers_enter(&fixture.peers, BYTES("10.0.0.1"), 2, &first), PEERS_OK);
  assert_int_equal(peers_enter(&fixture.peers, BYTES("10.0.0.1"), 2, &slot), PEERS_OK);
  assert_int_equal(peers_enter(&fixture.peers, BYTES("10.0.0.1"), 2, &slot), PEERS_LIMIT);
  assert_int_equal(peers_enter(&fixture.peers, BYTES("10.0.0.2"), 2, &slot), PEERS_OK);
  assert_int_equal(fixture.peers.count, 2);
  peers_leave(&fixture.peers, first);
  assert_int_equal(connections(&fixture, "10.0.0.1"), 1);
  assert_int_equal(peers_enter(&fixture.peers, BYTES("10.0.0.1"), 2, &slot), PEERS_OK);
  fixture_close(&fixture);
}

static void test_ipv6_counts_by_its_first_half(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  enter(&fixture, "2001:db8:1:2::1");
  enter(&fixture, "2001:db8:1:2:ffff:ffff:ffff:ffff");
  enter(&fixture, "2001:db8:1:3::1");
  assert_int_equal(connections(&fixture, "2001:db8:1:2::99"), 2);
  assert_int_equal(connections(&fixture, "2001:db8:1:3::99"), 1);
  assert_int_equal(fixture.peers.count, 2);
  fixture_close(&fixture);
}

static void test_mapped_ipv4_is_ipv4(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  enter(&fixture, "192.0.2.1");
  enter(&fixture, "::ffff:192.0.2.1");
  enter(&fixture, "::1");
  assert_int_equal(connections(&fixture, "192.0.2.1"), 2);
  assert_int_equal(connections(&fixture, "192.0.2.2"), 0);
  fixture_close(&fixture);
}

static void test_other_texts_count_whole(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  enter(&fixture, "fe80::1%eth0");
  enter(&fixture, "fe80::1%eth0");
  enter(&fixture, "fe80::2%eth0");
  enter(&fixture, "");
  assert_int_equal(connections(&fixture, "fe80::1%eth0"), 2);
  assert_int_equal(connections(&fixture, "fe80::2%eth0"), 1);
  assert_int_equal(connections(&fixture, ""), 1);
  fixture_close(&fixture);
}

static void test_memory_follows_the_addresses(void **state)
{
  (void)state;
  struct fixture fixture;
  static struct peer *slots[20000];
  fixture_open(&fixture);
  const struct memory *memory = &fixture.world->memory;
  enter(&fixture, "127.0.0.1");
  size_t with_one = memory->in_use;
  for (unsigned int i = 0; i < 20000; i++) {
    char text[WORLD_HOST_BYTES];
    snprintf(text, sizeof(text), "10.0.%u.%u", i / 200, i % 200);
    slots[i] = enter(&fixture, text);
    assert_true(fixture.peers.bucket_count >= fixture.peers.count);
  }
  assert_int_equal(fixture.peers.count, 20001);
  assert_true(memory->in_use < (size_t)20001 * 72);
  for (size_t i = 0; i < 20000; i++) {
    peers_leave(&fixture.peers, slots[i]);
    assert_true(fixture.peers.bucket_count < 4 * fixture.peers.count + 64 + 1);
  }
  assert_int_equal(memory->in_use, with_one);
  assert_int_equal(connections(&fixture, "127.0.0.1"), 1);
  fixture_close(&fixture);
}

static void model_text(unsigned int number, char text[WORLD_HOST_BYTES])
{
  if (number % 3 == 0)
    snprintf(text, WORLD_HOST_BYTES, "10.1.%u.%u", number / 256, number % 256);
  else if (number % 3 == 1)
    snprintf(text, WORLD_HOST_BYTES, "2001:db8:%x::1", number);
  else
    snprintf(text, WORLD_HOST_BYTES, "::ffff:172.16.%u.%u", number / 256, number % 256);
}

static void test_model(void **state)
{
  (void)state;
  static struct peer *slots[MODEL_SLOTS];
  static unsigned int owners[MODEL_SLOTS];
  static uint32_t counts[MODEL_ADDRESSES];
  size_t used = 0, present = 0;
  struct fixture fixture;
  struct random random;
  fixture_open(&fixture);
  random_init(&random, random_seed(5));
  for (int step = 0; step < MODEL_STEPS; step++) {
    /* Now filling, now emptying; few addresses have most connections. */
    bool filling = step / 4000 % 2 == 0;
    if (used < MODEL_SLOTS && random_chance(&random, filling ? 700000 : 300000)) {
      unsigned int owner = (unsigned int)random_below(&random, MODEL_ADDRESSES);
      if (random_coin(&random)) owner %= 7;
      uint32_t limit = (uint32_t)random_between(&random, 1, 40);
      char text[WORLD_HOST_BYTES];
      struct peer *slot;
      model_text(owner, text);
      enum peers_outcome expected = counts[owner] >= limit ? PEERS_LIMIT : PEERS_OK;
      assert_int_equal(peers_enter(&fixture.peers, bytes_of_text(text), limit, &slot), expected);
      if (expected == PEERS_OK) {
        present += counts[owner]++ == 0;
        slots[used] = slot;
        owners[used++] = owner;
      }
      assert_int_equal(connections(&fixture, text), counts[owner]);
    } else if (used > 0) {
      size_t at = random_below(&random, used);
      peers_leave(&fixture.peers, slots[at]);
      present -= --counts[owners[at]] == 0;
      used--;
      slots[at] = slots[used];
      owners[at] = owners[used];
    }
    assert_int_equal(fixture.peers.count, present);
  }
  for (unsigned int owner = 0; owner < MODEL_ADDRESSES; owner++) {
    char text[WORLD_HOST_BYTES];
    model_text(owner, text);
    assert_int_equal(connections(&fixture, text), counts[owner]);
  }
  fixture_close(&fixture);
}

/* 200 come, every third goes, all go: with the Nth allocation failing nobody is counted wrongly. */
static bool run_with_failure(uint64_t fail_at)
{
  struct fixture fixture;
  struct peer *slots[200] = {0};
  uint32_t entered = 0;
  fixture_open(&fixture);
  struct memory *memory = &fixture.world->memory;
  memory->fail_at = memory->calls + fail_at;
  for (unsigned int i = 0; i < 200; i++) {
    char text[WORLD_HOST_BYTES];
    snprintf(text, sizeof(text), "10.0.0.%u", i);
    size_t before = memory->in_use;
    enum peers_outcome outcome = peers_enter(&fixture.peers, bytes_of_text(text), NO_LIMIT,
                                             &slots[i]);
    if (outcome == PEERS_NO_MEMORY) {
      assert_true(memory->in_use - before <= 64 * sizeof(void *));
      slots[i] = NULL;
    }
    entered += outcome == PEERS_OK;
    assert_int_equal(connections(&fixture, text), outcome == PEERS_OK);
  }
  assert_true(entered >= 199);
  assert_int_equal(fixture.peers.count, entered);
  for (unsigned int i = 0; i < 400; i++) {
    if ((i < 200 && i % 3 != 0) || slots[i % 200] == NULL) continue;
    peers_leave(&fixture.peers, slots[i % 200]);
    slots[i % 200] = NULL;
  }
  assert_int_equal(fixture.peers.count, 0);
  bool reached = memory->calls >= memory->fail_at;
  fixture_close(&fixture);
  return reached;
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  uint64_t fail_at = 1;
  while (run_with_failure(fail_at)) fail_at++;
  assert_true(fail_at > 200);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_limit_is_for_each_address),
      cmocka_unit_test(test_ipv6_counts_by_its_first_half),
      cmocka_unit_test(test_mapped_ipv4_is_ipv4),
      cmocka_unit_test(test_other_texts_count_whole),
      cmocka_unit_test(test_memory_follows_the_addresses),
      cmocka_unit_test(test_model),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
