#include "unit/room/room_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct shopping {
  struct room_place place;
  struct room_entry entry;
};

static struct shopping entered(struct room_fixture *fixture, const char *user)
{
  struct shopping shopping = {.place = room_fixture_join(fixture, user)};
  room_fixture_pass(fixture, 150);
  assert_int_equal(room_fixture_enter(fixture, &shopping.place, &shopping.entry), ROOM_OK);
  return shopping;
}

static uint32_t holds_of(const struct room_fixture *fixture, uint32_t number)
{
  const struct shopper *shopper = shoppers_find(&fixture->room->shoppers, number);
  assert_non_null(shopper);
  return shopper->holds;
}

static void test_the_first_hold_binds_the_token(void **state)
{
  struct room_fixture *fixture = *state;
  struct shopping shopping = entered(fixture, "u");
  /* Until then whoever has it may use it. */
  assert_true(room_fixture_admits(fixture, &shopping.entry, "u"));
  assert_true(room_fixture_admits(fixture, &shopping.entry, "v"));
  room_fixture_hold(fixture, 0, "v");
  for (int life = 0; life < 2; life++) {
    assert_true(room_fixture_admits(fixture, &shopping.entry, "v"));
    assert_false(room_fixture_admits(fixture, &shopping.entry, "u"));
    assert_false(room_fixture_admits(fixture, &shopping.entry, ""));
    room_fixture_reopen(fixture);
  }
  /* For good: also when the hold is over. */
  room_fixture_end(fixture, 0, ROOM_HOLD_RELEASED);
  room_fixture_reopen(fixture);
  assert_true(room_fixture_admits(fixture, &shopping.entry, "v"));
  assert_false(room_fixture_admits(fixture, &shopping.entry, "u"));
}

static void test_a_released_hold_lets_choose_again(void **state)
{
  struct room_fixture *fixture = *state;
  struct shopping shopping = entered(fixture, "u");
  for (int i = 0; i < 3; i++) {
    assert_true(room_fixture_admits(fixture, &shopping.entry, "u"));
    room_fixture_hold(fixture, 0, "u");
    room_fixture_hold(fixture, 0, "u");
    assert_int_equal(holds_of(fixture, 0), 2);
    assert_int_equal(fixture->room->unheld, 0);
    room_fixture_end(fixture, 0, ROOM_HOLD_RELEASED);
    assert_int_equal(fixture->room->unheld, 0);
    room_fixture_reopen(fixture);
    room_fixture_end(fixture, 0, ROOM_HOLD_RELEASED);
    assert_int_equal(fixture->room->unheld, 1);
    room_fixture_pass(fixture, 500);
    assert_int_equal(room_fixture_counts(fixture).shoppers, 1);
  }
}

static void test_who_has_bought_is_done(void **state)
{
  struct room_fixture *fixture = *state;
  struct shopping shopping = entered(fixture, "u");
  room_fixture_hold(fixture, 0, "u");
  room_fixture_hold(fixture, 0, "u");
  room_fixture_end(fixture, 0, ROOM_HOLD_BOUGHT);
  assert_false(room_fixture_admits(fixture, &shopping.entry, "u"));
  /* The other hold still counts, for its seats do. */
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 1);
  room_fixture_reopen(fixture);
  assert_false(room_fixture_admits(fixture, &shopping.entry, "u"));
  room_fixture_end(fixture, 0, ROOM_HOLD_BOUGHT);
  room_fixture_pass(fixture, 500);
  struct room_counts counts = room_fixture_counts(fixture);
  assert_int_equal(counts.shoppers, 0);
  assert_int_equal(counts.expired, 0); /* nobody's time was over */
  assert_int_equal(room_fixture_look(fixture, &shopping.place).standing, STANDING_EXPIRED);
}

static void test_a_late_purchase_is_one(void **state)
{
  struct room_fixture *fixture = *state;
  struct shopping shopping = entered(fixture, "u");
  room_fixture_hold(fixture, 0, "u");
  room_fixture_end(fixture, 0, ROOM_HOLD_RELEASED);
  room_fixture_end(fixture, 0, ROOM_HOLD_BOUGHT_LATE);
  assert_false(room_fixture_admits(fixture, &shopping.entry, "u"));
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 0);
  /* Later still, or without a shopper at all, it changes nothing. */
  uint64_t before = store_appended(fixture->store.store);
  struct plan *plan = room_fixture_plan(fixture);
  assert_true(room_hold_ends(fixture->room, plan, 0, ROOM_HOLD_BOUGHT_LATE));
  assert_true(room_hold_ends(fixture->room, plan, ROOM_NOBODY, ROOM_HOLD_BOUGHT));
  assert_true(room_hold_ends(NULL, plan, 0, ROOM_HOLD_BOUGHT));
  assert_true(room_hold_begins(fixture->room, plan, 0, BYTES("u")));
  assert_true(room_hold_begins(fixture->room, plan, ROOM_NOBODY, BYTES("u")));
  assert_true(room_hold_begins(NULL, plan, 0, BYTES("u")));
  room_fixture_commit(fixture);
  assert_int_equal(store_appended(fixture->store.store), before);
}

static void test_a_hold_outlives_the_token(void **state)
{
  struct room_fixture *fixture = *state;
  struct shopping shopping = entered(fixture, "u");
  room_fixture_hold(fixture, 0, "u");
  room_fixture_leap(fixture, ROOM_TOKEN_TTL_S * 1000);
  room_fixture_pass(fixture, 500);
  assert_false(room_fixture_admits(fixture, &shopping.entry, "u"));
  assert_int_equal(room_fixture_counts(fixture).shoppers, 1);
  room_fixture_reopen(fixture);
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 1);
  room_fixture_end(fixture, 0, ROOM_HOLD_RELEASED);
  room_fixture_pass(fixture, 500);
  assert_int_equal(room_fixture_counts(fixture).shoppers, 0);
  assert_int_equal(room_fixture_counts(fixture).expired, 1);
}

static bool admits(struct room_fixture *fixture, struct room *room, struct bytes token)
{
  uint32_t number = 77;
  bool does = room_admits(room, token, BYTES("u"), fixture->now_ms, &number);
  assert_true(does || number == 77);
  return does;
}

static void test_tokens_that_admit_nobody(void **state)
{
  struct room_fixture *fixture = *state;
  struct shopping shopping = entered(fixture, "u");
  struct bytes token = bytes_of(shopping.entry.token, TOKEN_TEXT_BYTES);
  struct room *other = lobby_make_room(fixture->lobby, BYTES("other"));
  char text[TOKEN_TEXT_BYTES];
  assert_true(admits(fixture, fixture->room, token));
  assert_false(admits(fixture, other, token));
  assert_false(admits(fixture, fixture->room, room_token(&shopping.place)));
  assert_false(admits(fixture, fixture->room, (struct bytes){NULL, 0}));
  /* Well signed, but this shopper has another time. */
  token_sign(fixture->lobby->signer, TOKEN_RESERVATION,
             &(struct token){0, 0, shopping.entry.expires_ms + 1}, text);
  assert_false(admits(fixture, fixture->room, bytes_of(text, sizeof text)));
  /* Admitted is not entered. */
  struct room_place place = room_fixture_join(fixture, "v");
  room_fixture_pass(fixture, 150);
  const struct shopper *shopper = shoppers_find(&fixture->room->shoppers, 1);
  assert_non_null(shopper);
  token_sign(fixture->lobby->signer, TOKEN_RESERVATION, &(struct token){0, 1, shopper->expires_ms},
             text);
  assert_false(admits(fixture, fixture->room, bytes_of(text, sizeof text)));
  assert_int_equal(place.joined.number, 1);
}

/* Each allocation fails once, in making the plan or in its commit. */
static void test_without_memory_nothing_changes(void **state)
{
  struct room_fixture *fixture = *state;
  struct memory *memory = &fixture->store.world->memory;
  struct shopping shopping = entered(fixture, "u");
  for (uint32_t step = 0; step < 3; step++) {
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
      struct store_transact_result result;
      struct arena arena;
      arena_init(&arena, memory);
      plan_init(&fixture->plan, fixture->store.store, &arena);
      memory->fail_at = memory->calls + n;
      done = step < 2 ? room_hold_begins(fixture->room, &fixture->plan, 0, BYTES("u"))
                      : room_hold_ends(fixture->room, &fixture->plan, 0, ROOM_HOLD_BOUGHT);
      done = done && plan_commit(&fixture->plan, &result, &fixture->error) == STORE_OK;
      memory->fail_at = 0;
      arena_free(&arena);
      uint32_t before = step == 2 ? 2 : step;
      uint32_t after = step == 2 ? 1 : step + 1;
      assert_int_equal(holds_of(fixture, 0), done ? after : before);
      room_fixture_check(fixture);
    }
  }
  assert_false(room_fixture_admits(fixture, &shopping.entry, "u"));
  room_fixture_end(fixture, 0, ROOM_HOLD_BOUGHT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOM(test_the_first_hold_binds_the_token),
      WITH_ROOM(test_a_released_hold_lets_choose_again),
      WITH_ROOM(test_who_has_bought_is_done),
      WITH_ROOM(test_a_late_purchase_is_one),
      WITH_ROOM(test_a_hold_outlives_the_token),
      WITH_ROOM(test_tokens_that_admit_nobody),
      WITH_ROOM(test_without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
