/*
 * Seat plans from what organisers have: JSON, or CSV out of a spreadsheet.
 *
 * Strict: nothing is guessed. The first error refuses the whole input, with ERROR_INVALID, or
 * ERROR_LIMIT where it is too big, and a message that names line and column and says what is wrong.
 * All limits are those of seat_plan.h.
 *
 * JSON
 *
 *     {"event_id": "evt_1", "name": "...", "venue": "...", "starts_at": "2026-05-01T10:00:00Z",
 *      "sale_opens_at": "...", "sale_closes_at": "...", "currency": "KRW", "max_per_buyer": 4,
 *      "hold_seconds": 300, "sections": [
 *        {"id": "A", "name": "Stalls", "price": 99000, "rows": [
 *          {"row": "1", "seats": 24}, {"row": "2", "first": 101, "seats": 24},
 *          {"row": "3", "seats": ["1", "2", "2A"]}]},
 *        {"id": "ST", "name": "Standing", "price": 66000, "capacity": 5000}]}
 *
 * sale_closes_at may be left out, and `first` (1). Unknown keys are refused, so that a misspelt one
 * is not a silent default.
 *
 * CSV (RFC 4180; lines end with CRLF or LF; no byte order mark)
 *
 *     section,row,number,price
 *     A,1,1,99000
 *     A,1,2,99000
 *     ST,,5000,66000
 *
 * The header is required as it stands. Sections and rows have the order of their first lines, seats
 * of a row that of theirs; lines of one row need not stand together. All seats of a section have
 * one price. A line without a row is a general admission section: its number is the capacity, and
 * it is the only line of its section. The name of a section is its id. The event's own fields come
 * from the caller: from options, or from JSON as above without `sections`.
 *
 * Memory: the plan points into the input, the caller's event and the arena, all of which it
 * must not outlive. What is needed on the way is taken from arena->memory and given back. Any
 * thread that owns the arena.
 */
#ifndef TACOS_SALE_SEAT_IMPORT_H
#define TACOS_SALE_SEAT_IMPORT_H

#include "sale/seat_plan.h"

/*
 * hash_seed is of the world's entropy. False with *error (also ERROR_NO_MEMORY); *plan is undefined
 * then.
 */
bool seat_import_json(struct bytes json, uint64_t hash_seed, struct arena *arena,
                      struct seat_plan *plan, struct error *error);

/* The event's own fields alone, of JSON without `sections`. */
bool seat_import_event(struct bytes json, struct arena *arena, struct seat_event *event,
                       struct error *error);

/* `event` is checked too (seat_event_check). */
bool seat_import_csv(struct bytes csv, const struct seat_event *event, uint64_t hash_seed,
                     struct arena *arena, struct seat_plan *plan, struct error *error);

#endif
