/*
 * Which seats to offer: the best free ones, or those nearest to seats that are gone.
 *
 * Called inside the transaction that holds them, on the engine thread, after seat_map_advance; only
 * reads the map and allocates nothing. Rows that are too full are passed over by what the map keeps
 * for each row and section, so the time does not depend on how full the house is.
 *
 * What counts as good, in this order:
 *   1. seats side by side in one row;
 *   2. no single free seat left beside them: one with a taken seat, or the end of the row, on both
 *      sides. A choice that leaves one is made only when there is no other in the same scope;
 *   3. the better section, in it the better row (both in the order of the map);
 *   4. nearest to the middle of the row, of two equally near the one with the lower numbers.
 * A general admission section that has enough places counts as side by side.
 *
 * When no row has room for all, they are split inside one section, the first that has enough free
 * seats: into as few groups as possible, each group in a row of its own or in another gap of the
 * same row, the rows next to each other (as many rows as groups), from the best row on; the groups
 * as equal as the gaps allow. If even so many neighbouring rows have not enough, over the fewest
 * neighbouring rows that do.
 */
#ifndef TACOS_SALE_SEAT_CHOOSE_H
#define TACOS_SALE_SEAT_CHOOSE_H

#include "sale/seat_map.h"

struct seat_choice {
  uint32_t seats[SEAT_CHOICE_MAX]; /* ascending */
  uint32_t count;
  bool together; /* side by side, or of a general admission section */
  bool orphan;   /* leaves a single free seat beside them, or beside one of the groups */
};

/*
 * The best `quantity` (1 to SEAT_CHOICE_MAX) free seats. `section` is an index or SEAT_NONE. With
 * one, all of the above is tried in it first, also split; then, unless only_section, in the others.
 * False when there are not enough free seats in any one section that may be used.
 */
bool seat_choose_best(const struct seat_map *map, uint32_t quantity, uint32_t section,
                      bool only_section, struct seat_choice *choice);

/*
 * As many seats as wanted (1 to SEAT_CHOICE_MAX indexes), near them, instead of them; a wanted seat
 * that is free may be among them. First in the section of the first wanted seat: nearest to the
 * middle of the wanted seats of its row, where going one row away counts as much as two seats
 * sideways and rows are aligned at their middles; of equally near ones the first in the map. Then
 * the best in sections of the same price, then in any, then split, in the same order of sections.
 * False when there are not enough free seats in any one section.
 */
bool seat_choose_alternative(const struct seat_map *map, const uint32_t *wanted, uint32_t count,
                             struct seat_choice *choice);

#endif
