/*
 * A seat map: which seats of one event are free, held or sold.
 *
 * It is a cache of the engine thread in front of the durable tickets: derived from them when the
 * server starts, changed after each commit that changes one. It knows no store and no clock. What
 * decides is the transaction; the map answers in nanoseconds what the transaction will find, and
 * CHECKs that what it is told is possible.
 *
 *           hold                 sell
 *     FREE -------> HELD(until) -------> SOLD          sell also takes FREE seats: a payment that
 *      ^             |      ^ |            |           came after its hold has lapsed
 *      |  release,   |      +-+ extend     |
 *      +-------------+                     |
 *      |  advance (now >= until)           |
 *      +-----------------------------------+  refund
 *
 * Time. seat_map_advance(map, now) frees every hold that is over at `now`; all other functions
 * speak of the state at the latest such time. It never goes back: a hold that has lapsed once stays
 * lapsed when the clock is set back.
 *
 * Versions. Each visible change (FREE, HELD, SOLD of one seat) makes the next version; the last
 * SEAT_CHANGES of them are kept for event streams. Extending a hold is not visible.
 *
 * Layout. One block of memory for everything: 25 bytes for a seat of a stadium, and besides 36 for
 * each hold when there were the most of them (touched only then). Nothing allocates after
 * seat_map_create, so nothing can fail after a commit.
 *
 *     rows, row_of   where a seat is           words    one bit a seat, 1 is free; a row starts at
 *     holder         0 free, ~0 sold, else              a word of its own
 *                    the hold's number + 1     fits     of each row, which quantities fit
 *     next           next seat of its hold     slots    seat by hash of its id
 *     claims, heap   the holds, the one that ends first on top
 *
 * Owner: the engine thread. Fields are for seat_choose and seat_json to read and for nobody else to
 * change.
 */
#ifndef TACOS_SALE_SEAT_MAP_H
#define TACOS_SALE_SEAT_MAP_H

#include "base/check.h"
#include "base/id.h"
#include "base/memory.h"
#include "sale/seat_plan.h"

enum {
  SEAT_CHOICE_MAX = 10, /* seats of one reservation (REST contract) */
  SEAT_HOLD_MAX = 100,  /* seats of one call: actions of one transaction */
  SEAT_CHANGES = 4096,  /* kept for streams: a second of changes at the highest rate */
};

#define SEAT_NONE UINT32_MAX

enum seat_state { SEAT_FREE, SEAT_HELD, SEAT_SOLD, SEAT_STATES };

struct seat_counts {
  uint32_t of[SEAT_STATES];
};

struct seat_section {
  struct bytes id;
  struct bytes name;
  int64_t price;
  uint32_t first_row;
  uint32_t row_count;
  uint32_t first_seat;
  uint32_t seat_count;
  struct seat_counts counts;
  bool general;
  /* Reserved seating: rows in which q seats fit side by side, and those where they fit so that no
     single free seat is left beside them. */
  uint32_t fit_rows[SEAT_CHOICE_MAX + 1];
  uint32_t clean_rows[SEAT_CHOICE_MAX + 1];
};

struct seat_row {
  uint32_t first_seat;
  uint32_t seat_count;
  uint32_t first_word;
  uint32_t free;
  uint32_t text;    /* offset of "{section}-{row}-" in the map's text */
  uint32_t first;   /* number of the first seat, when they are consecutive */
  uint32_t numbers; /* index of the first seat in number_at, or SEAT_NONE: consecutive */
  uint16_t section;
  uint8_t text_size;
  uint8_t label_at; /* offset of the label in the text, whose last byte is the dash */
};

/* What fits into a row of reserved seats. */
struct seat_fit {
  uint16_t fit;   /* bit q: q seats side by side */
  uint16_t clean; /* bit q: without leaving a single free seat beside them */
  /* How many free runs of exactly 1, 2, ... 9 seats there are, SEAT_GAP_BITS each, at most
     SEAT_GAPS_COUNTED: the sums of ten rows do not run over. */
  uint64_t gaps;
};

enum { SEAT_GAP_BITS = 7, SEAT_GAPS_COUNTED = 12 };

_Static_assert(SEAT_GAP_BITS *(SEAT_CHOICE_MAX - 1) <= 64, "counts of all lengths in one word");
_Static_assert((int)SEAT_GAPS_COUNTED >= (int)SEAT_CHOICE_MAX, "no choice needs more gaps");
_Static_assert(SEAT_CHOICE_MAX *SEAT_GAPS_COUNTED < 1 << SEAT_GAP_BITS, "sums of ten rows");

struct seat_slot {
  uint32_t tag;
  uint32_t seat; /* + 1; 0: empty */
};

/* The seats that one call held, as long as they are held. */
struct seat_claim {
  struct id reservation;
  int64_t until_ms;
  uint32_t first;   /* its seats, chained by `next`; a free claim: the next free one + 1 */
  uint32_t heap_at; /* its place in the heap */
};

struct seat_change {
  uint32_t seat;
  enum seat_state state; /* what it became */
};

struct seat_map {
  struct memory *memory;
  size_t block_bytes; /* of the one block that this struct opens */
  uint64_t hash_seed;
  struct bytes event_id;
  int64_t now_ms;
  uint64_t version;
  uint64_t first_version;
  int64_t price_min;
  int64_t price_max;
  struct seat_counts counts;
  uint32_t section_count;
  uint32_t row_count;
  uint32_t seat_count;
  uint32_t slot_mask;
  uint32_t changes_mask;
  uint32_t claims_used; /* claims ever taken; those above are untouched */
  uint32_t claims_free; /* first of the chain of free ones + 1 */
  uint32_t heap_count;
  uint32_t stale_row; /* whose `fits` are to be counted again, or SEAT_NONE */
  struct seat_section *sections;
  struct seat_row *rows;
  struct seat_fit *fits;
  uint64_t *words;
  uint32_t *row_of;
  uint32_t *holder;
  uint32_t *next;
  struct seat_slot *slots;
  uint32_t *changes;   /* seat << 2 | state, of version v at v & changes_mask */
  uint32_t *number_at; /* offsets in text; each number ends where the next one begins */
  char *text;
  struct seat_claim *claims;
  uint32_t *heap;
};

/*
 * The map of a plan, all seats free, as of the beginning of time: whoever loads tickets into it
 * tells it of holds that may be over by now, and advances it to now after that.
 *
 * hash_seed is of the world's entropy; first_version is greater than any version that clients may
 * remember of an earlier life. NULL with ERROR_NO_MEMORY.
 */
struct seat_map *seat_map_create(struct memory *memory, const struct seat_plan *plan,
                                 uint64_t hash_seed, uint64_t first_version, struct error *error);

/* map may be NULL. */
void seat_map_destroy(struct seat_map *map);

/*
 * Frees the holds that are over at now_ms, in the order in which they ended: O(log holds) for each,
 * once in its life. Does nothing when now_ms is before the latest one.
 */
void seat_map_advance(struct seat_map *map, int64_t now_ms);

/* The time at which the next hold ends; INT64_MAX: none. */
int64_t seat_map_next_lapse_ms(const struct seat_map *map);

/* How many seats' holds end at until_ms or before; no more than `most` of them are counted. */
uint32_t seat_map_lapsing(const struct seat_map *map, int64_t until_ms, uint32_t most);

/* The seat with this id, or SEAT_NONE. */
uint32_t seat_map_find(const struct seat_map *map, struct bytes id);

/* The section with this id, or SEAT_NONE. O(sections). */
uint32_t seat_map_find_section(const struct seat_map *map, struct bytes id);

/* Write the id, or the number, of a seat; return its size. */
size_t seat_map_format_id(const struct seat_map *map, uint32_t seat, char text[SEAT_ID_BYTES]);
size_t seat_map_format_number(const struct seat_map *map, uint32_t seat,
                              char text[SEAT_NUMBER_BYTES]);

/* Who holds a seat and until when; false when it is not held. */
bool seat_map_hold_of(const struct seat_map *map, uint32_t seat, struct id *reservation,
                      int64_t *until_ms);

/*
 * How many of the seats this reservation cannot have: those that are sold or held by another one.
 * Their places in seats[] go to taken[] (room for `count`), which may be NULL.
 */
uint32_t seat_map_test(const struct seat_map *map, const uint32_t *seats, uint32_t count,
                       const struct id *reservation, uint32_t *taken);

/*
 * What a commit did, after it. Seats are 1 to SEAT_HOLD_MAX indexes; that a buyer names none twice
 * is the caller's affair, here it changes nothing. CHECKed:
 *   hold     each free or held by this reservation; until_ms is after the map's time. Seats that
 *            were held already are held until until_ms now.
 *   extend   each held by this reservation. until_ms may also be earlier than before.
 *   sell     each free or held by this reservation
 *   release  each held by this reservation
 *   refund   each sold
 */
void seat_map_hold(struct seat_map *map, const uint32_t *seats, uint32_t count,
                   const struct id *reservation, int64_t until_ms);
void seat_map_extend(struct seat_map *map, const uint32_t *seats, uint32_t count,
                     const struct id *reservation, int64_t until_ms);
void seat_map_sell(struct seat_map *map, const uint32_t *seats, uint32_t count,
                   const struct id *reservation);
void seat_map_release(struct seat_map *map, const uint32_t *seats, uint32_t count,
                      const struct id *reservation);
void seat_map_refund(struct seat_map *map, const uint32_t *seats, uint32_t count);

/*
 * The lowest version from which all changes are kept: whoever is at that version or a later one can
 * follow with seat_map_change, others fetch the whole map.
 */
uint64_t seat_map_oldest_version(const struct seat_map *map);

/* The change that made this version: above the oldest, up to map->version. */
struct seat_change seat_map_change(const struct seat_map *map, uint64_t version);

static inline enum seat_state seat_map_state(const struct seat_map *map, uint32_t seat)
{
  CHECK_THAT(seat, <, map->seat_count);
  uint32_t holder = map->holder[seat];
  if (holder == 0) return SEAT_FREE;
  return holder == UINT32_MAX ? SEAT_SOLD : SEAT_HELD;
}

static inline const struct seat_row *seat_map_row(const struct seat_map *map, uint32_t seat)
{
  CHECK_THAT(seat, <, map->seat_count);
  return &map->rows[map->row_of[seat]];
}

static inline const struct seat_section *seat_map_section(const struct seat_map *map, uint32_t seat)
{
  return &map->sections[seat_map_row(map, seat)->section];
}

static inline struct bytes seat_map_row_label(const struct seat_map *map,
                                              const struct seat_row *row)
{
  return bytes_of(map->text + row->text + row->label_at, row->text_size - row->label_at - 1u);
}

/* Words of a row's bits. */
static inline uint32_t seat_row_words(const struct seat_row *row)
{
  return (row->seat_count + 63) / 64;
}

#endif
