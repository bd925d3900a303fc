/*
 * For tests of waiting rooms: a lobby over a store in the simulated world (store_fixture.h), the
 * room of the event `evt`, clocks that the test moves, and short ways to say what people do.
 *
 * Lobby and store share the memory of the world: a failing allocation may be of either.
 */
#ifndef TACOS_TESTS_UNIT_ROOM_ROOM_FIXTURE_H
#define TACOS_TESTS_UNIT_ROOM_ROOM_FIXTURE_H

#include "room/room_parts.h"
#include "unit/store/store_fixture.h"

struct room_fixture {
  struct store_fixture store;
  struct lobby *lobby;
  struct room *room;
  uint32_t capacity;         /* for the next open; 0: the default */
  int64_t opens_in_ms;       /* the same: 0: the sale is open */
  struct room_supply supply; /* told before each tick */
  struct plan plan;
  struct arena arena; /* of plans */
  int64_t now_ms;     /* wall clock */
  int64_t mono_ms;
  struct error error;
};

/* A room in which people wait; 1,000 seats, 100 a second, 50 shoppers. */
void room_fixture_open(struct room_fixture *fixture, uint64_t seed);
void room_fixture_close(struct room_fixture *fixture);

/* cmocka's setup and teardown: *state is the fixture. */
int room_fixture_setup(void **state);
int room_fixture_teardown(void **state);

#define WITH_ROOM(test) \
  cmocka_unit_test_setup_teardown(test, room_fixture_setup, room_fixture_teardown)

/* Makes all durable and opens it again; or after the process died: what was synced is there. */
void room_fixture_reopen(struct room_fixture *fixture);
void room_fixture_crash(struct room_fixture *fixture, enum world_sim_crash mode);

/* All that was committed is durable. */
void room_fixture_settle(struct room_fixture *fixture);

/* Ticks until there is nothing to do now; of the second, time passes in steps of a tick. */
void room_fixture_tick(struct room_fixture *fixture);
void room_fixture_pass(struct room_fixture *fixture, int64_t ms);
/* Time passes at once. */
void room_fixture_leap(struct room_fixture *fixture, int64_t ms);

/* Settings of the room changed, the others left as they are. */
void room_fixture_set(struct room_fixture *fixture, enum room_mode mode, uint32_t admit_per_second,
                      uint32_t max_shoppers);
void room_fixture_settings(struct room_fixture *fixture, const struct room_settings *settings);

/* What became of somebody who joined. */
struct room_place {
  struct room_joining joining;
  int answers;
  enum room_status status;
  struct room_joined joined;
  uint64_t sequence;
};

/* By user, without the flush; then with it, and with the success it must have. */
enum room_status room_fixture_ask(struct room_fixture *fixture, const char *user,
                                  struct room_place *place);
enum room_status room_fixture_try_join(struct room_fixture *fixture, const char *user,
                                       struct room_place *place);
struct room_place room_fixture_join(struct room_fixture *fixture, const char *user);
/* The same of so many, "<prefix>0" and so on, in one turn; places are the caller's. */
void room_fixture_crowd(struct room_fixture *fixture, const char *prefix, uint32_t count,
                        struct room_place *places);

struct room_view room_fixture_look(struct room_fixture *fixture, const struct room_place *place);
/* Committed when it is ROOM_OK. */
enum room_status room_fixture_enter(struct room_fixture *fixture, const struct room_place *place,
                                    struct room_entry *entry);
enum room_status room_fixture_leave(struct room_fixture *fixture, const struct room_place *place);

/* Whether the entry's token admits a user now; a hold of theirs begins, ends. */
bool room_fixture_admits(struct room_fixture *fixture, const struct room_entry *entry,
                         const char *user);
void room_fixture_hold(struct room_fixture *fixture, uint32_t number, const char *user);
void room_fixture_end(struct room_fixture *fixture, uint32_t number, enum room_hold_end end);

struct room_counts room_fixture_counts(const struct room_fixture *fixture);

/* A new plan in an empty arena; its commit, which must succeed. */
struct plan *room_fixture_plan(struct room_fixture *fixture);
void room_fixture_commit(struct room_fixture *fixture);

/* Everything that a room keeps twice is the same twice. */
void room_fixture_check(const struct room_fixture *fixture);

static inline struct bytes room_token(const struct room_place *place)
{
  return bytes_of(place->joined.token, TOKEN_TEXT_BYTES);
}

#endif
