/*
 * Who waits in a room: a state and a last sign of life for each number, and who it is.
 *
 *     number = 1024 * chunk + offset          given out in order of arrival, never twice
 *
 *     in memory, for each number             in the store, for each chunk of 1024 numbers
 *     | state 3 bits | seen 13 bits |        | hashes, 7 bytes each | milliseconds from the one
 *                                              before, 7 bits a byte, the lowest first (LEB128) |
 *
 * What never changes (who it is, when they came) lies in the store alone, but for the chunk that is
 * being filled; what changes with every poll lies in memory alone. `seen` is in seconds of the
 * caller's clock, modulo 2^13: it tells silences below two hours apart.
 *
 *              .----- silent -----> GHOST ---- too long ----.
 *              |  <-- a sign ------'                        |
 *     WAITING -+----- its turn ---> ADMITTED -- too late ---+--> EXPIRED
 *              |                      |                     |
 *              |                      `--> ENTERED -- over -'
 *              `----- from all of them: leaves ----------------> LEFT
 *
 * Memory: of the struct memory given; one thread.
 */
#ifndef TACOS_ROOM_WAITERS_H
#define TACOS_ROOM_WAITERS_H

#include "base/bytes.h"
#include "room/limits.h"

enum waiter_state {
  WAITER_ABSENT, /* the number was never given out, or is forgotten */
  WAITER_WAITING,
  WAITER_GHOST,
  WAITER_ADMITTED,
  WAITER_ENTERED,
  WAITER_EXPIRED,
  WAITER_LEFT,
  WAITER_STATES,
};

_Static_assert(WAITER_STATES <= 1 << (16 - ROOM_SEEN_BITS), "a state fits beside seen");

struct waiter_chunk {
  uint16_t flags[ROOM_CHUNK];
  uint16_t gone; /* EXPIRED or LEFT */
};

/* Who came when, of the chunk that is being filled. */
struct waiter_entries {
  uint64_t hashes[ROOM_CHUNK]; /* 56 bits */
  int64_t arrivals_ms[ROOM_CHUNK];
};

enum { WAITERS_CHUNKS_MAX = ROOM_PLACES_MAX / ROOM_CHUNK };

struct waiters {
  struct memory *memory;
  struct waiter_chunk **chunks; /* NULL: all of it is gone */
  uint32_t chunk_count, chunk_capacity;
  uint32_t chunks_kept;           /* not NULL */
  struct waiter_chunk *spare;     /* to begin with */
  uint32_t next;                  /* number */
  struct waiter_entries *entries; /* of the last chunk; NULL before the first */
  uint32_t counts[WAITER_STATES];
};

void waiters_init(struct waiters *waiters, struct memory *memory);
void waiters_free(struct waiters *waiters);

/* Makes room for the next number; false without memory or at ROOM_PLACES_MAX. */
bool waiters_reserve(struct waiters *waiters);

/* Gives out the next number, WAITING. The caller has reserved. */
uint32_t waiters_add(struct waiters *waiters, uint64_t hash, int64_t arrival_ms, uint32_t seen_s);

/* Takes the last number back, as if it had never been given out. */
void waiters_undo(struct waiters *waiters);

/*
 * A chunk as it was, `count` numbers given out of it and all of them WAITING, seen now; its entries
 * are the caller's to fill when it is the last. Chunks come in order; one that is missing is gone.
 * False without memory.
 */
bool waiters_load(struct waiters *waiters, uint32_t chunk, uint32_t count, uint32_t seen_s);

static inline enum waiter_state waiters_state(const struct waiters *waiters, uint32_t number)
{
  if (number >= waiters->next) return WAITER_ABSENT;
  const struct waiter_chunk *chunk = waiters->chunks[number / ROOM_CHUNK];
  if (chunk == NULL) return WAITER_EXPIRED;
  return (enum waiter_state)(chunk->flags[number % ROOM_CHUNK] >> ROOM_SEEN_BITS);
}

/* Counts follow. The number's chunk is there. */
void waiters_set_state(struct waiters *waiters, uint32_t number, enum waiter_state state);

/* Seconds since the last sign of life. */
uint32_t waiters_silence_s(const struct waiters *waiters, uint32_t number, uint32_t now_s);
void waiters_touch(struct waiters *waiters, uint32_t number, uint32_t now_s);

/* Whether a chunk may be forgotten: full, and everybody in it is gone. */
bool waiters_is_gone(const struct waiters *waiters, uint32_t chunk);
void waiters_forget(struct waiters *waiters, uint32_t chunk);

enum { WAITERS_IMAGE_BYTES = ROOM_CHUNK / 4 };

/*
 * The states of a chunk that must survive, 2 bits each: 0 waits, 1 admitted or entered, 2 expired,
 * 3 left or absent. `number` counts as in `state`; UINT32_MAX: none is
 * different.
 */
void waiters_write_image(const struct waiters *waiters, uint32_t chunk, uint32_t number,
                         enum waiter_state state, uint8_t image[WAITERS_IMAGE_BYTES]);
/* Admitted or entered: ADMITTED. */
void waiters_read_image(struct waiters *waiters, uint32_t chunk,
                        const uint8_t image[WAITERS_IMAGE_BYTES]);

/* ---- as bytes ---- */

enum {
  WAITER_HASH_BYTES = 7,
  WAITER_OFFSET_BYTES = 10, /* at most, of 64 bits */
  WAITERS_BYTES_MAX = ROOM_CHUNK * (WAITER_HASH_BYTES + WAITER_OFFSET_BYTES),
};

/* Entries [from, to) of a chunk, times from base_ms on; returns the size. */
size_t waiters_encode(const struct waiter_entries *entries, uint32_t from, uint32_t to,
                      int64_t base_ms, uint8_t bytes[WAITERS_BYTES_MAX]);

/* Whether the bytes are so many entries. The others are for such bytes. */
bool waiters_encoded_valid(struct bytes encoded, uint32_t count);

/* One entry, at `index` below count. */
uint64_t waiters_encoded_hash(struct bytes encoded, uint32_t index);
int64_t waiters_encoded_arrival_ms(struct bytes encoded, uint32_t count, uint32_t index,
                                   int64_t base_ms);

/* All of them, into the places from `from` on. */
void waiters_decode(struct bytes encoded, uint32_t count, int64_t base_ms,
                    struct waiter_entries *entries, uint32_t from);

#endif
