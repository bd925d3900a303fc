#include "sale/seat_choose.h"

enum {
  /* A row away is as far as two seats sideways: rows are about 0.9 m apart, seats 0.5 m. Distances
     are in half seats, because the middle of an even number of seats lies between two. */
  ROW_HALF_SEATS = 4,
};

/* How seats must fit into their row. */
enum fit { FIT_CLEAN, FIT_ANY, FITS };

/* ---- Seats side by side in one row ---- */

/* 64 bits of a row from bit `at` on, which may be before its begin or past its end: zeros there. */
static uint64_t bits_at(const uint64_t *words, uint32_t word_count, int64_t at)
{
  int64_t index = at >> 6;
  uint32_t shift = (uint32_t)(at & 63);
  uint64_t low = index >= 0 && index < word_count ? words[index] : 0;
  if (shift == 0) return low;
  uint64_t high = index + 1 >= 0 && index + 1 < word_count ? words[index + 1] : 0;
  return low >> shift | high << (64 - shift);
}

/* Of the 64 seats from `at` on, those that `quantity` free seats can begin with. */
static uint64_t starts_at(const uint64_t *words, uint32_t word_count, int64_t at, uint32_t quantity,
                          enum fit fit)
{
  uint64_t starts = bits_at(words, word_count, at);
  for (uint32_t i = 1; i < quantity && starts != 0; i++)
    starts &= bits_at(words, word_count, at + i);
  if (fit == FIT_ANY || starts == 0) return starts;
  int64_t end = at + quantity;
  uint64_t left = bits_at(words, word_count, at - 1) & ~bits_at(words, word_count, at - 2);
  uint64_t right = bits_at(words, word_count, end) & ~bits_at(words, word_count, end + 1);
  return starts & ~left & ~right;
}

/* Where in a row, and how far from where it was wanted, in half seats. */
struct spot {
  uint32_t start;
  int64_t distance;
};

/* Keeps the nearer of two; seats are looked at from the first one on, so the lower one wins. */
static void take_nearer(struct spot *best, int64_t start, int64_t target)
{
  int64_t distance = 2 * start > target ? 2 * start - target : target - 2 * start;
  if (distance < best->distance || (distance == best->distance && start < best->start))
    *best = (struct spot){.start = (uint32_t)start, .distance = distance};
}

/*
 * The place for quantity free seats whose middle is nearest to `middle`, in half seats from the
 * row's begin; false when they fit nowhere.
 */
static bool find_spot(const struct seat_map *map, const struct seat_row *row, uint32_t quantity,
                      int64_t middle, enum fit fit, struct spot *spot)
{
  const uint64_t *words = map->words + row->first_word;
  uint32_t word_count = seat_row_words(row);
  int64_t target = middle - quantity; /* twice the wanted start */
  *spot = (struct spot){.start = UINT32_MAX, .distance = INT64_MAX};
  for (int64_t base = 0; base < row->seat_count; base += 64) {
    uint64_t starts = starts_at(words, word_count, base, quantity, fit);
    if (starts == 0) continue;
    int64_t below = (target >> 1) - base; /* the last start not after the wanted one */
    uint64_t low = below < 0 ? 0 : (below >= 63 ? UINT64_MAX : (UINT64_C(2) << below) - 1);
    if ((starts & low) != 0) take_nearer(spot, base + 63 - __builtin_clzll(starts & low), target);
    if ((starts & ~low) != 0) take_nearer(spot, base + __builtin_ctzll(starts & ~low), target);
  }
  return spot->start != UINT32_MAX;
}

static void choose_seats(struct seat_choice *choice, uint32_t first, uint32_t quantity)
{
  CHECK_THAT(choice->count + quantity, <=, SEAT_CHOICE_MAX);
  for (uint32_t i = 0; i < quantity; i++) choice->seats[choice->count++] = first + i;
}

static bool row_fits(const struct seat_map *map, uint32_t row, uint32_t quantity, enum fit fit)
{
  const struct seat_fit *fits = &map->fits[row];
  return ((fit == FIT_CLEAN ? fits->clean : fits->fit) >> quantity & 1) != 0;
}

static bool section_fits(const struct seat_section *section, uint32_t quantity, enum fit fit)
{
  if (section->general) return section->counts.of[SEAT_FREE] >= quantity;
  return (fit == FIT_CLEAN ? section->clean_rows : section->fit_rows)[quantity] > 0;
}

/* The first free places: they are all alike. */
static void choose_general(const struct seat_map *map, const struct seat_section *section,
                           uint32_t quantity, struct seat_choice *choice)
{
  const struct seat_row *row = &map->rows[section->first_row];
  const uint64_t *words = map->words + row->first_word;
  for (uint32_t i = 0; choice->count < quantity; i++) {
    CHECK_THAT(i, <, seat_row_words(row));
    for (uint64_t word = words[i]; word != 0 && choice->count < quantity; word &= word - 1)
      choice->seats[choice->count++] = row->first_seat + i * 64 + (uint32_t)__builtin_ctzll(word);
  }
}

/* The best row of a section, in it nearest to the middle. */
static bool choose_in_section(const struct seat_map *map, const struct seat_section *section,
                              uint32_t quantity, enum fit fit, struct seat_choice *choice)
{
  if (!section_fits(section, quantity, fit)) return false;
  *choice = (struct seat_choice){.together = true, .orphan = fit == FIT_ANY && !section->general};
  if (section->general) {
    choose_general(map, section, quantity, choice);
    return true;
  }
  uint32_t index = section->first_row;
  while (!row_fits(map, index, quantity, fit)) index++;
  CHECK_THAT(index, <, section->first_row + section->row_count);
  const struct seat_row *row = &map->rows[index];
  struct spot spot;
  CHECK(find_spot(map, row, quantity, row->seat_count, fit, &spot));
  choose_seats(choice, row->first_seat + spot.start, quantity);
  return true;
}

/* ---- Split over rows and gaps ---- */

/* A run of free seats between taken ones or the ends of the row. */
struct gap {
  uint32_t row;
  uint32_t start;
  uint32_t seats;
};

/* The longest gaps, the longest first, of equal ones the earlier first. */
struct gaps {
  struct gap of[SEAT_CHOICE_MAX];
  uint32_t count;
  uint32_t most;
};

static void keep_gap(struct gaps *gaps, struct gap gap)
{
  if (gaps->count == gaps->most && gaps->of[gaps->count - 1].seats >= gap.seats) return;
  uint32_t at = gaps->count < gaps->most ? gaps->count++ : gaps->count - 1;
  for (; at > 0 && gaps->of[at - 1].seats < gap.seats; at--) gaps->of[at] = gaps->of[at - 1];
  gaps->of[at] = gap;
}

/* The first free (or taken) seat from `at` on; the row's end when there is none. */
static uint32_t next_seat(const struct seat_map *map, const struct seat_row *row, uint32_t at,
                          bool free)
{
  const uint64_t *words = map->words + row->first_word;
  while (at < row->seat_count) {
    uint64_t word = (free ? words[at / 64] : ~words[at / 64]) >> at % 64;
    if (word != 0) {
      at += (uint32_t)__builtin_ctzll(word);
      return at < row->seat_count ? at : row->seat_count;
    }
    at = (at / 64 + 1) * 64;
  }
  return row->seat_count;
}

static void keep_gaps_of_row(const struct seat_map *map, uint32_t index, struct gaps *gaps)
{
  const struct seat_row *row = &map->rows[index];
  for (uint32_t at = next_seat(map, row, 0, true); at < row->seat_count;) {
    uint32_t end = next_seat(map, row, at, false);
    keep_gap(gaps, (struct gap){.row = index, .start = at, .seats = end - at});
    at = next_seat(map, row, end, true);
  }
}

/*
 * How many seats each gap gives: quantity in all, as equal as possible, none more than it has.
 * The longest gaps come first and get no fewer than the later ones.
 */
static void share_out(const struct gaps *gaps, uint32_t quantity, uint32_t *shares)
{
  for (uint32_t left = gaps->count; left > 0; left--) {
    uint32_t even = quantity / left; /* what the shortest of those left gives at most */
    uint32_t seats = gaps->of[left - 1].seats;
    shares[left - 1] = seats < even ? seats : even;
    quantity -= shares[left - 1];
  }
  CHECK_THAT(quantity, ==, 0);
}

/* Seats of one gap: where they leave no single seat if that is possible, nearest to the middle. */
static void choose_in_gap(const struct seat_map *map, const struct gap *gap, uint32_t quantity,
                          struct seat_choice *choice)
{
  const struct seat_row *row = &map->rows[gap->row];
  uint32_t last = gap->seats - quantity;
  struct spot best[FITS] = {{.start = UINT32_MAX, .distance = INT64_MAX},
                            {.start = UINT32_MAX, .distance = INT64_MAX}};
  for (uint32_t offset = 0; offset <= last; offset++) {
    enum fit fit = offset == 1 || last - offset == 1 ? FIT_ANY : FIT_CLEAN;
    take_nearer(&best[fit], gap->start + offset, (int64_t)row->seat_count - quantity);
  }
  bool clean = best[FIT_CLEAN].start != UINT32_MAX;
  if (!clean) choice->orphan = true;
  choose_seats(choice, row->first_seat + best[clean ? FIT_CLEAN : FIT_ANY].start, quantity);
}

static void sort_seats(struct seat_choice *choice)
{
  for (uint32_t i = 1; i < choice->count; i++) {
    uint32_t seat = choice->seats[i];
    uint32_t at = i;
    for (; at > 0 && choice->seats[at - 1] > seat; at--) choice->seats[at] = choice->seats[at - 1];
    choice->seats[at] = seat;
  }
}

/* Takes quantity seats from as few of the gaps as give so many; false when all do not. */
static bool choose_in_gaps(const struct seat_map *map, struct gaps *gaps, uint32_t quantity,
                           struct seat_choice *choice)
{
  uint32_t shares[SEAT_CHOICE_MAX];
  uint32_t used = 0;
  uint32_t seats = 0;
  while (used < gaps->count && seats < quantity) seats += gaps->of[used++].seats;
  if (seats < quantity) return false;
  gaps->count = used;
  share_out(gaps, quantity, shares);
  *choice = (struct seat_choice){.together = used == 1};
  for (uint32_t i = 0; i < used; i++) choose_in_gap(map, &gaps->of[i], shares[i], choice);
  sort_seats(choice);
  return true;
}

/* The seats of the `most` longest gaps, of counts by length as in struct seat_fit. */
static uint32_t seats_of_longest(uint64_t gaps, uint32_t most)
{
  uint32_t seats = 0;
  for (uint32_t length = SEAT_CHOICE_MAX - 1; length > 0 && most > 0; length--) {
    uint32_t count = gaps >> (length - 1) * SEAT_GAP_BITS & ((1 << SEAT_GAP_BITS) - 1);
    if (count > most) count = most;
    seats += count * length;
    most -= count;
  }
  return seats;
}

/*
 * The best rows next to each other, as many as groups, that give quantity in so many groups. No row
 * has a longer gap than those counted: quantity seats would fit side by side.
 */
static bool choose_groups(const struct seat_map *map, const struct seat_section *section,
                          uint32_t quantity, uint32_t groups, struct seat_choice *choice)
{
  uint32_t end = section->first_row + section->row_count;
  uint32_t span = groups < section->row_count ? groups : section->row_count;
  uint64_t counts = 0; /* of the gaps of `span` rows */
  for (uint32_t i = 0; i + 1 < span; i++) counts += map->fits[section->first_row + i].gaps;
  for (uint32_t first = section->first_row; first + span <= end; first++) {
    counts += map->fits[first + span - 1].gaps;
    if (seats_of_longest(counts, groups) >= quantity) {
      struct gaps gaps = {.most = groups};
      for (uint32_t i = first; i < first + span; i++) keep_gaps_of_row(map, i, &gaps);
      CHECK(choose_in_gaps(map, &gaps, quantity, choice));
      return true;
    }
    counts -= map->fits[first].gaps;
  }
  return false;
}

/* The fewest neighbouring rows that have quantity free seats; there are such. */
static bool choose_widely(const struct seat_map *map, const struct seat_section *section,
                          uint32_t quantity, struct seat_choice *choice)
{
  uint32_t begin = section->first_row;
  uint32_t end = begin + section->row_count;
  uint32_t best_begin = begin;
  uint32_t best_end = end;
  uint64_t free = 0;
  for (uint32_t next = begin; next < end;) {
    free += map->rows[next++].free;
    while (free - map->rows[begin].free >= quantity) free -= map->rows[begin++].free;
    if (free < quantity || next - begin >= best_end - best_begin) continue;
    best_begin = begin;
    best_end = next;
  }
  struct gaps gaps = {.most = quantity};
  for (uint32_t i = best_begin; i < best_end; i++) keep_gaps_of_row(map, i, &gaps);
  return choose_in_gaps(map, &gaps, quantity, choice);
}

static bool choose_split(const struct seat_map *map, const struct seat_section *section,
                         uint32_t quantity, struct seat_choice *choice)
{
  if (section->general || section->counts.of[SEAT_FREE] < quantity) return false;
  uint32_t longest = quantity;
  while (longest > 1 && section->fit_rows[longest] == 0) longest--;
  /* Fewer groups than this cannot give enough. */
  for (uint32_t groups = (quantity + longest - 1) / longest; groups <= quantity; groups++)
    if (choose_groups(map, section, quantity, groups, choice)) return true;
  return choose_widely(map, section, quantity, choice);
}

/* ---- Over sections ---- */

/* Which sections may be used. */
struct scope {
  uint32_t only;        /* a section, or SEAT_NONE: all */
  uint32_t except;      /* a section, or SEAT_NONE */
  const int64_t *price; /* only those of this price, or NULL */
};

static bool in_scope(const struct seat_map *map, const struct scope *scope, uint32_t section)
{
  if (scope->only != SEAT_NONE) return section == scope->only;
  if (section == scope->except) return false;
  return scope->price == NULL || map->sections[section].price == *scope->price;
}

static bool choose_together(const struct seat_map *map, const struct scope *scope,
                            uint32_t quantity, struct seat_choice *choice)
{
  for (enum fit fit = FIT_CLEAN; fit < FITS; fit++)
    for (uint32_t i = 0; i < map->section_count; i++)
      if (in_scope(map, scope, i) &&
          choose_in_section(map, &map->sections[i], quantity, fit, choice))
        return true;
  return false;
}

static bool choose_apart(const struct seat_map *map, const struct scope *scope, uint32_t quantity,
                         struct seat_choice *choice)
{
  for (uint32_t i = 0; i < map->section_count; i++)
    if (in_scope(map, scope, i) && choose_split(map, &map->sections[i], quantity, choice))
      return true;
  return false;
}

static bool choose_in_scope(const struct seat_map *map, const struct scope *scope,
                            uint32_t quantity, struct seat_choice *choice)
{
  return choose_together(map, scope, quantity, choice) ||
         choose_apart(map, scope, quantity, choice);
}

bool seat_choose_best(const struct seat_map *map, uint32_t quantity, uint32_t section,
                      bool only_section, struct seat_choice *choice)
{
  CHECK(quantity >= 1 && quantity <= SEAT_CHOICE_MAX);
  CHECK(section == SEAT_NONE ? !only_section : section < map->section_count);
  struct scope others = {.only = SEAT_NONE, .except = section};
  if (section != SEAT_NONE) {
    struct scope asked = {.only = section, .except = SEAT_NONE};
    if (choose_in_scope(map, &asked, quantity, choice)) return true;
    if (only_section) return false;
  }
  return choose_in_scope(map, &others, quantity, choice);
}

/* ---- Alternatives ---- */

/* Where the wanted seats are. */
struct wish {
  uint32_t row;
  int64_t offset; /* of their middle from the row's middle, in half seats */
};

static struct wish wish_of(const struct seat_map *map, const uint32_t *wanted, uint32_t count)
{
  const struct seat_row *row = seat_map_row(map, wanted[0]);
  int64_t sum = 0; /* of twice the middles of the seats of this row */
  int64_t in_row = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (seat_map_row(map, wanted[i]) != row) continue;
    sum += 2 * (int64_t)(wanted[i] - row->first_seat) + 1;
    in_row++;
  }
  CHECK_THAT(in_row, >, 0);
  return (struct wish){.row = map->row_of[wanted[0]], .offset = sum / in_row - row->seat_count};
}

/* The nearest of all rows so far. */
struct nearest {
  int64_t distance;
  uint32_t seat;
};

static void try_row(const struct seat_map *map, const struct wish *wish, uint32_t index,
                    uint32_t quantity, enum fit fit, struct nearest *nearest)
{
  if (!row_fits(map, index, quantity, fit)) return;
  const struct seat_row *row = &map->rows[index];
  uint32_t rows = index > wish->row ? index - wish->row : wish->row - index;
  struct spot spot;
  CHECK(find_spot(map, row, quantity, row->seat_count + wish->offset, fit, &spot));
  int64_t distance = spot.distance + (int64_t)rows * ROW_HALF_SEATS;
  uint32_t seat = row->first_seat + spot.start;
  if (distance < nearest->distance || (distance == nearest->distance && seat < nearest->seat))
    *nearest = (struct nearest){.distance = distance, .seat = seat};
}

/* From the wanted row outwards, until rows are farther away than what was found. */
static bool choose_nearest(const struct seat_map *map, const struct wish *wish, uint32_t quantity,
                           enum fit fit, struct seat_choice *choice)
{
  const struct seat_section *section = &map->sections[map->rows[wish->row].section];
  if (section->general || !section_fits(section, quantity, fit))
    return choose_in_section(map, section, quantity, fit, choice);
  struct nearest nearest = {.distance = INT64_MAX};
  uint32_t before = wish->row - section->first_row;
  uint32_t after = section->row_count - 1 - before;
  for (uint32_t rows = 0; rows <= before || rows <= after; rows++) {
    if ((int64_t)rows * ROW_HALF_SEATS > nearest.distance) break;
    if (rows <= before) try_row(map, wish, wish->row - rows, quantity, fit, &nearest);
    if (rows > 0 && rows <= after) try_row(map, wish, wish->row + rows, quantity, fit, &nearest);
  }
  CHECK_THAT(nearest.distance, <, INT64_MAX);
  *choice = (struct seat_choice){.together = true, .orphan = fit == FIT_ANY};
  choose_seats(choice, nearest.seat, quantity);
  return true;
}

bool seat_choose_alternative(const struct seat_map *map, const uint32_t *wanted, uint32_t count,
                             struct seat_choice *choice)
{
  CHECK(count >= 1 && count <= SEAT_CHOICE_MAX);
  struct wish wish = wish_of(map, wanted, count);
  uint32_t section = map->rows[wish.row].section;
  if (choose_nearest(map, &wish, count, FIT_CLEAN, choice) ||
      choose_nearest(map, &wish, count, FIT_ANY, choice))
    return true;
  const struct scope scopes[] = {
      {.only = section, .except = SEAT_NONE},
      {.only = SEAT_NONE, .except = section, .price = &map->sections[section].price},
      {.only = SEAT_NONE, .except = section},
  };
  for (uint32_t i = 1; i < 3; i++)
    if (choose_together(map, &scopes[i], count, choice)) return true;
  for (uint32_t i = 0; i < 3; i++)
    if (choose_apart(map, &scopes[i], count, choice)) return true;
  return false;
}
