/*
 * Limits of the waiting room: each with its unit and its reason.
 */
#ifndef TACOS_ROOM_LIMITS_H
#define TACOS_ROOM_LIMITS_H

enum {
  /* A place in a slot of the identities is 24 bits (identities.h). */
  ROOM_PLACES_MAX = 1 << 24,
  /* Waiters of one room, unless an operator says otherwise: 16 MiB. */
  ROOM_CAPACITY = 1000000,
  ROOM_CAPACITY_MIN = 1024,
  ROOM_CAPACITY_MAX = ROOM_PLACES_MAX - 1024,

  /* Waiters of one item in the store: 8 bytes each, a few thousandths of overhead. */
  ROOM_CHUNK = 1024,
  /* Joins gathered in one small item before the next is begun: what a join rewrites at most. */
  ROOM_PIECE = 32,

  ROOM_RATE_MAX = 10000,        /* admissions a second */
  ROOM_SHOPPERS_MAX = 200000,   /* at the same time: some 100 bytes and an item each */
  ROOM_TOKEN_TTL_S_MIN = 10,    /* less than a page takes to load helps nobody */
  ROOM_TOKEN_TTL_S_MAX = 86400, /* no admission outlives the day */
  ROOM_TOKEN_TTL_S = 300,
  ROOM_GRACE_S_MIN = 5, /* two polls of the usual two seconds may be lost */
  ROOM_GRACE_S_MAX = 3600,
  ROOM_GRACE_S = 300,
  ROOM_ENTRY_S_MIN = 5,
  ROOM_ENTRY_S_MAX = 3600,
  ROOM_ENTRY_S = 60,
  ROOM_TARGET_MS_MAX = 60000,
  ROOM_TARGET_MS = 200, /* two thirds of the platform's p99 of 300 ms */

  /* A silence after which a place is given up for good, beyond the longest grace. */
  ROOM_FORGET_S = 7200,
  /* Silences are counted in 13 bits of seconds; the sweep meets everybody far more often. */
  ROOM_SEEN_BITS = 13,

  ROOM_TICK_MS = 50,          /* between two looks at who may come in */
  ROOM_SWEEP_MS = 5000,       /* in which everybody is looked at once for being silent */
  ROOM_ADMIT_PER_PLAN = 30,   /* of one transaction: three actions each at most */
  ROOM_SHUFFLE_SLICE = 20000, /* places drawn in one turn: 2 ms */
  ROOM_USER_BYTES = 128,      /* of a user's id (shield/identity.h) */
};

_Static_assert(ROOM_FORGET_S + 60 < 1 << ROOM_SEEN_BITS, "silences are told apart");
_Static_assert(ROOM_GRACE_S_MAX < ROOM_FORGET_S, "the grace is over before the place is given up");
_Static_assert(3 * ROOM_ADMIT_PER_PLAN <= 96, "fits in a transaction");

#endif
