#include "store/tokens.h"

#include "sim/random.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { REGION_BYTES = 64 << 10, MODEL_STEPS = 20000, MODEL_TEXTS = 60 };

struct fixture {
  struct memory memory;
  struct heap heap;
  struct tokens tokens;
};

static void fixture_open(struct fixture *fixture)
{
  *fixture = (struct fixture){0};
  heap_init(&fixture->heap, &fixture->memory, REGION_BYTES);
  assert_true(tokens_init(&fixture->tokens, &fixture->memory, &fixture->heap, 5));
}

static void fixture_close(struct fixture *fixture)
{
  tokens_free(&fixture->tokens);
  assert_int_equal(fixture->heap.in_use, 0);
  heap_free_all(&fixture->heap);
  assert_int_equal(fixture->memory.in_use, 0);
}

static void add(struct fixture *fixture, const char *text, uint64_t request_hash, int64_t time_ms)
{
  struct store_token token = {bytes_of_text(text), request_hash};
  struct token *made = tokens_prepare(&fixture->tokens, token);
  assert_non_null(made);
  tokens_add(&fixture->tokens, made, time_ms);
}

static const struct token *find(const struct fixture *fixture, const char *text, int64_t now_ms)
{
  return tokens_find(&fixture->tokens, bytes_of_text(text), now_ms);
}

static void test_is_remembered_for_ten_minutes(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  add(&fixture, "buy-1", 77, 1000);
  const struct token *token = find(&fixture, "buy-1", 1000);
  assert_non_null(token);
  assert_int_equal(token->request_hash, 77);
  assert_int_equal(token->time_ms, 1000);
  assert_null(find(&fixture, "buy-2", 1000));
  assert_null(find(&fixture, "buy-", 1000));
  assert_null(find(&fixture, "", 1000));
  assert_ptr_equal(find(&fixture, "buy-1", 1000 + 600000 - 1), token);
  assert_null(find(&fixture, "buy-1", 1000 + 600000));
  tokens_expire(&fixture.tokens, 1000 + 600000 - 1, 10);
  assert_ptr_equal(fixture.tokens.oldest, token);
  tokens_expire(&fixture.tokens, 1000 + 600000, 10);
  assert_null(fixture.tokens.oldest);
  assert_null(fixture.tokens.newest);
  assert_int_equal(fixture.tokens.index.count, 0);
  fixture_close(&fixture);
}

static void test_same_text_is_replaced(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  add(&fixture, "again", 1, 0);
  add(&fixture, "other", 2, 5);
  add(&fixture, "again", 3, 600000);
  assert_int_equal(find(&fixture, "again", 600000)->request_hash, 3);
  /* The old block leaves without taking the new one's place. */
  tokens_expire(&fixture.tokens, 600000, 1);
  assert_int_equal(find(&fixture, "again", 600000)->request_hash, 3);
  assert_int_equal(find(&fixture, "other", 600000)->request_hash, 2);
  tokens_expire(&fixture.tokens, 600005, 100);
  assert_null(find(&fixture, "other", 600000));
  assert_int_equal(find(&fixture, "again", 600005)->request_hash, 3);
  fixture_close(&fixture);
}

static void test_expires_at_most_the_limit(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  char text[16];
  for (int i = 0; i < 10; i++) {
    snprintf(text, sizeof text, "t%d", i);
    add(&fixture, text, 0, i);
  }
  tokens_expire(&fixture.tokens, 10000000, 0);
  assert_int_equal(fixture.tokens.oldest->time_ms, 0);
  tokens_expire(&fixture.tokens, 10000000, 3);
  assert_int_equal(fixture.tokens.oldest->time_ms, 3);
  tokens_expire(&fixture.tokens, 600005, 100);
  assert_int_equal(fixture.tokens.oldest->time_ms, 6);
  tokens_clear(&fixture.tokens);
  assert_int_equal(fixture.tokens.index.count, 0);
  add(&fixture, "new", 0, 20);
  assert_non_null(find(&fixture, "new", 20));
  fixture_close(&fixture);
}

static void test_walk_meets_what_stays(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  tokens_walk_begin(&fixture.tokens);
  assert_null(tokens_walk_next(&fixture.tokens));
  char text[16];
  for (int i = 0; i < 6; i++) {
    snprintf(text, sizeof text, "t%d", i);
    add(&fixture, text, (uint64_t)i, i);
  }
  /* The walk above was at its end: a new one starts at the oldest. */
  assert_null(tokens_walk_next(&fixture.tokens));
  tokens_walk_begin(&fixture.tokens);
  assert_int_equal(tokens_walk_next(&fixture.tokens)->request_hash, 0);
  /* 0 was met, 1 and 2 go before they are. */
  tokens_expire(&fixture.tokens, 600002, 100);
  assert_int_equal(tokens_walk_next(&fixture.tokens)->request_hash, 3);
  tokens_expire(&fixture.tokens, 600003, 100);
  add(&fixture, "late", 6, 600003);
  for (uint64_t hash = 4; hash < 7; hash++)
    assert_int_equal(tokens_walk_next(&fixture.tokens)->request_hash, hash);
  assert_null(tokens_walk_next(&fixture.tokens));
  tokens_walk_begin(&fixture.tokens);
  tokens_clear(&fixture.tokens);
  assert_null(tokens_walk_next(&fixture.tokens));
  fixture_close(&fixture);
}

static void test_model(void **state)
{
  (void)state;
  uint64_t seed = random_seed(8);
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/test_tokens\n", seed);
  struct random random;
  random_init(&random, seed);
  struct fixture fixture;
  fixture_open(&fixture);
  int64_t times[MODEL_TEXTS];
  uint64_t hashes[MODEL_TEXTS] = {0};
  for (int i = 0; i < MODEL_TEXTS; i++) times[i] = -TRANSACTION_TOKEN_MS;
  int64_t now_ms = 0;
  for (int step = 0; step < MODEL_STEPS; step++) {
    char text[TRANSACTION_TOKEN_MAX + 1];
    uint64_t chosen = random_below(&random, MODEL_TEXTS);
    snprintf(text, sizeof text, "token-%" PRIu64, chosen);
    now_ms += (int64_t)random_below(&random, 20000);
    const struct token *found = find(&fixture, text, now_ms);
    if (now_ms - times[chosen] < TRANSACTION_TOKEN_MS) {
      assert_non_null(found);
      assert_int_equal(found->request_hash, hashes[chosen]);
      assert_int_equal(found->time_ms, times[chosen]);
    } else {
      assert_null(found);
    }
    if (random_coin(&random)) {
      times[chosen] = now_ms;
      hashes[chosen] = random_u64(&random);
      add(&fixture, text, hashes[chosen], now_ms);
    }
    if (random_below(&random, 4) == 0)
      tokens_expire(&fixture.tokens, now_ms, (uint32_t)random_below(&random, 5));
  }
  fixture_close(&fixture);
}

static void test_every_allocation_can_fail(void **state)
{
  (void)state;
  bool done = false;
  uint64_t n = 1;
  for (; !done; n++) {
    struct memory memory = {.fail_at = n};
    struct heap heap;
    struct tokens tokens;
    heap_init(&heap, &memory, REGION_BYTES);
    if (tokens_init(&tokens, &memory, &heap, 1)) {
      size_t in_use = heap.in_use;
      struct store_token token = {BYTES("a-token"), 1};
      struct token *made = tokens_prepare(&tokens, token);
      done = memory.calls < n;
      assert_int_equal(made != NULL, done);
      if (made == NULL) assert_int_equal(heap.in_use, in_use);
      memory.fail_at = memory.calls + 1;
      if (made != NULL) tokens_add(&tokens, made, 5);
      assert_int_equal(tokens_find(&tokens, BYTES("a-token"), 5) != NULL, done);
      tokens_free(&tokens);
    }
    assert_int_equal(heap.in_use, 0);
    heap_free_all(&heap);
    assert_int_equal(memory.in_use, 0);
  }
  assert_true(n > 3);
}

static void test_discard_gives_the_block_back(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  size_t in_use = fixture.heap.in_use;
  struct store_token token = {BYTES("unused"), 1};
  tokens_discard(&fixture.tokens, tokens_prepare(&fixture.tokens, token));
  assert_int_equal(fixture.heap.in_use, in_use);
  assert_null(find(&fixture, "unused", 0));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_is_remembered_for_ten_minutes),
      cmocka_unit_test(test_same_text_is_replaced),
      cmocka_unit_test(test_expires_at_most_the_limit),
      cmocka_unit_test(test_walk_meets_what_stays),
      cmocka_unit_test(test_model),
      cmocka_unit_test(test_every_allocation_can_fail),
      cmocka_unit_test(test_discard_gives_the_block_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
