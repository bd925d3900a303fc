/*
 * What clients see of a seat map, as compact JSON.
 *
 * Pure writers: they read the map as of its time and append to the caller's buffer. False when
 * there is no memory (the buffer's `failed`). Engine thread.
 */
#ifndef TACOS_SALE_SEAT_JSON_H
#define TACOS_SALE_SEAT_JSON_H

#include "base/bytes.h"
#include "sale/seat_map.h"

/* The letter of a state in what clients see: a free, r held, s sold. */
static inline char seat_state_letter(enum seat_state state)
{
  return state == SEAT_FREE ? 'a' : (state == SEAT_HELD ? 'r' : 's');
}

/*
 * All seats, one letter each, in the order of their numbers:
 *
 *     {"event_id":"evt_1","version":7,"sections":[
 *       {"id":"A","name":"Stalls","price":99000,"rows":[
 *         {"row":"1","first":1,"count":5,"states":"aarrs"},
 *         {"row":"2","numbers":["1","2","2A"],"states":"aaa"}]},
 *       {"id":"ST","name":"Standing","price":66000,"total":5000,"remain":4321}]}
 *
 * `first` and `count` where numbers are consecutive, `numbers` where not; general admission has
 * counts instead of rows.
 */
bool seat_json_write_seats(const struct seat_map *map, struct buffer *buffer);

/*
 *     {"event_id":"evt_1","remaining":2658,"total":2658,"version":7,
 *      "sections":[{"id":"A","name":"Stalls","price":99000,"total":24,"remain":24}],
 *      "unavailable_seats":["A-1-1"]}
 *
 * unavailable_seats only when somebody asked for seats: ids of the caller; NULL when not.
 */
bool seat_json_write_availability(const struct seat_map *map, const struct bytes *unavailable,
                                  size_t unavailable_count, struct buffer *buffer);

/* {"seat_id":"A-1-1","state":"r"}: one change, for event streams. */
bool seat_json_write_change(const struct seat_map *map, struct seat_change change,
                            struct buffer *buffer);

#endif
