/*
 * A seat plan: an event and the seats it sells, as an organiser describes them. Made by an import
 * (seat_import.h), turned into a live seat map (seat_map.h), kept as the JSON seat_plan_write
 * gives.
 *
 *   plan -> section (id, name, price) -> row (label) -> seat (number)       reserved seating
 *        -> section (id, name, price, capacity)                            general admission
 *
 * The id of a seat is `{section}-{row}-{number}`. A place of a general admission section has no
 * number that means anything to its buyer, but a ticket is one item and needs a key: places are
 * counted from 1 in one row named SEAT_GENERAL_ROW, so that the rest of the platform knows one kind
 * of ticket only.
 *
 * Sections and rows stand in the order of their worth: the best section first, in it the best row
 * first. Seats of a row stand in their order from one side to the other.
 *
 * Memory: all texts and arrays belong to the input and the arena the plan was made from. Any thread
 * that owns those.
 */
#ifndef TACOS_SALE_SEAT_PLAN_H
#define TACOS_SALE_SEAT_PLAN_H

#include "base/arena.h"
#include "base/error.h"

enum {
  SEAT_EVENT_ID_BYTES = 64,     /* stands in table keys and paths; A-Z a-z 0-9 _ - */
  SEAT_NAME_BYTES = 200,        /* names of events, venues and sections: a line on a screen */
  SEAT_SECTION_BYTES = 32,      /* id of a section; ids are of A-Z a-z 0-9 - _ . */
  SEAT_ROW_BYTES = 16,          /* label of a row */
  SEAT_NUMBER_BYTES = 16,       /* number of a seat, which may be "2A" */
  SEAT_ID_BYTES = 66,           /* of a seat: the three with their dashes */
  SEAT_SECTIONS_MAX = 256,      /* the largest stadiums have about 200 blocks */
  SEAT_ROW_SEATS_MAX = 1000,    /* of one row: bounds the work of one change to it */
  SEAT_SEATS_MAX = 200000,      /* places of one event: twice the largest stadium with its pitch */
  SEAT_FIRST_MAX = 999999,      /* where the numbers of a row may begin */
  SEAT_BUYER_MAX = 100,         /* max_per_buyer: what one transaction can change */
  SEAT_HOLD_SECONDS_MIN = 10,   /* below, nobody can pay */
  SEAT_HOLD_SECONDS_MAX = 3600, /* above, seats are gone that nobody buys */
  SEAT_IMPORT_BYTES = 16 << 20, /* input of an import: 80 bytes for each of the most seats */
};

/* Of one seat, in minor units: 100 of them are still exact in the doubles of a browser. */
#define SEAT_PRICE_MAX INT64_C(1000000000000)

/* sale_closes_at_ms of a sale that only its organiser closes. */
#define SEAT_NEVER_MS INT64_MAX

/* The one row of a general admission section. */
#define SEAT_GENERAL_ROW "GA"

_Static_assert(SEAT_ID_BYTES == SEAT_SECTION_BYTES + 1 + SEAT_ROW_BYTES + 1 + SEAT_NUMBER_BYTES,
               "the longest seat id");

struct seat_event {
  struct bytes event_id;
  struct bytes name;
  struct bytes venue;
  struct bytes currency; /* three upper-case letters (ISO 4217) */
  int64_t starts_at_ms;  /* UTC milliseconds since 1970, as the two below */
  int64_t sale_opens_at_ms;
  int64_t sale_closes_at_ms; /* or SEAT_NEVER_MS */
  uint32_t max_per_buyer;
  uint32_t hold_seconds;
};

struct seat_plan_row {
  struct bytes label;
  const struct bytes *numbers; /* of each seat; NULL: consecutive from `first` */
  uint32_t first;
  uint32_t seats;
};

struct seat_plan_section {
  struct bytes id;
  struct bytes name;
  int64_t price;
  struct seat_plan_row *rows;
  uint32_t row_count; /* 0: general admission */
  uint32_t capacity;  /* of general admission; 0: reserved seating */
};

struct seat_plan {
  struct seat_event event;
  struct seat_plan_section *sections;
  uint32_t section_count;
  uint32_t row_count;  /* with the one row of each general admission section */
  uint32_t seat_count; /* places of all sections */
};

/*
 * What is wrong with the event's own fields, as "max_per_buyer must be 1 to 100": ERROR_INVALID.
 * *field is the name of the offending field, as in the JSON.
 */
bool seat_event_check(const struct seat_event *event, const char **field, struct error *error);

/* Whether text is an id of 1 to `most` bytes of A-Z a-z 0-9 - _ . */
bool seat_name_is_valid(struct bytes text, size_t most);

/* Decimal digits without leading zeros, at most nine. */
bool seat_number_parse(struct bytes text, uint32_t *value);

/* Sets a row's numbers; those that count up by one are kept as `first` alone. */
void seat_plan_row_number(struct seat_plan_row *row, const struct bytes *numbers, uint32_t seats);

/* Writes the id of a seat and returns its size. The parts are within their limits. */
size_t seat_id_format(struct bytes section, struct bytes row, struct bytes number,
                      char text[SEAT_ID_BYTES]);

/* Appends the plan as the JSON seat_import_json reads; false when there is no memory. */
bool seat_plan_write(const struct seat_plan *plan, struct buffer *buffer);

/* ---- Names that must differ, with the place where each was first seen ---- */

struct seat_name {
  struct bytes text;
  uint32_t hash;
  uint32_t place; /* the caller's: a byte offset of the input */
  uint32_t value; /* the caller's */
};

struct seat_names {
  struct arena *arena;
  struct seat_name **slots; /* open addressing; NULL: empty */
  uint32_t capacity;        /* a power of two */
  uint32_t count;
  uint64_t hash_seed;
};

void seat_names_init(struct seat_names *names, struct arena *arena, uint64_t hash_seed);

/*
 * The name with this text; a copy of it is added when there is none, *added then. NULL when there
 * is no memory.
 */
struct seat_name *seat_names_add(struct seat_names *names, struct bytes text, uint32_t place,
                                 bool *added);

/* Line and column (in characters) of a byte offset, both from 1. */
struct seat_place {
  unsigned line;
  unsigned column;
};

struct seat_place seat_place_of(struct bytes input, size_t offset);

#endif
