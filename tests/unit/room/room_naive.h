/*
 * A naive model of a waiting room, written from the rules of room.h: an array of people in order of
 * arrival, looked through from end to end. It says who is the next, where everybody is in line, and
 * what each token is worth.
 */
#ifndef TACOS_TESTS_UNIT_ROOM_ROOM_NAIVE_H
#define TACOS_TESTS_UNIT_ROOM_ROOM_NAIVE_H

#include "room/room.h"

enum { MODEL_PEOPLE = 1500, MODEL_NOBODY = -1 };

enum model_state { MODEL_WAITING, MODEL_ADMITTED, MODEL_ENTERED, MODEL_EXPIRED, MODEL_LEFT };

/* One place in line, by number. */
struct model_person {
  int who; /* the name that has the place; several places may have been theirs */
  enum model_state state;
  int64_t seen_ms;
  bool ghost;         /* was silent for longer than the grace when the room looked */
  uint32_t place;     /* by lot or by number, once it is open */
  int64_t expires_ms; /* to enter, or of the reservation token */
  uint32_t holds;
  bool finished;
  int buyer; /* MODEL_NOBODY: not bound yet */
};

struct room_naive {
  bool open;
  int count;
  struct model_person people[MODEL_PEOPLE];
};

void room_naive_init(struct room_naive *model);

/* The number that a name has and has not given up, or MODEL_NOBODY. */
int room_naive_find(const struct room_naive *model, int who, int64_t now_ms);
int room_naive_join(struct room_naive *model, int who, int64_t now_ms);

/* Places by lot, of all who are there. */
void room_naive_open(struct room_naive *model, const uint8_t seed[SHUFFLE_SEED_BYTES]);

/* Somebody shows a token. */
void room_naive_touch(struct room_naive *model, int number, int64_t now_ms);

/* In line: waiting and alive. Before the opening everybody is as far as the last. */
uint32_t room_naive_waiting(const struct room_naive *model);
uint32_t room_naive_position(const struct room_naive *model, int number);

/*
 * Who is admitted when somebody is: the first in line who has not been quiet for longer than so
 * many ms; MODEL_NOBODY.
 */
int room_naive_next(const struct room_naive *model, int64_t quiet_ms, int64_t now_ms);

/* Admitted or entered and not done: the time or a hold is on. */
bool room_naive_shops(const struct model_person *person, int64_t now_ms);

#endif
