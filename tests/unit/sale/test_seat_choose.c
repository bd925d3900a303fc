#include "sale/seat_choose.h"

#include "sim/random.h"
#include "unit/sale/seat_fixture.h"

/*
 * The oracle looks at every possible choice, seat by seat, and knows nothing of bits, runs or
 * counters; only the order in which choices are preferred is the same, that of the header.
 */
static bool is_free(const struct seat_map *map, const struct seat_row *row, int64_t at)
{
  return at >= 0 && at < row->seat_count &&
         seat_map_state(map, row->first_seat + (uint32_t)at) == SEAT_FREE;
}

static bool oracle_fits(const struct seat_map *map, const struct seat_row *row, int64_t start,
                        uint32_t quantity)
{
  for (uint32_t i = 0; i < quantity; i++)
    if (!is_free(map, row, start + i)) return false;
  return true;
}

/* Whether seats start .. start + quantity - 1 leave a single free seat at their left or right. */
static bool oracle_orphans(const struct seat_map *map, const struct seat_row *row, int64_t start,
                           uint32_t quantity)
{
  int64_t end = start + quantity;
  bool left = is_free(map, row, start - 1) && !is_free(map, row, start - 2);
  bool right = is_free(map, row, end) && !is_free(map, row, end + 1);
  return left || right;
}

static int64_t absolute(int64_t value)
{
  return value < 0 ? -value : value;
}

static uint32_t free_in(const struct seat_map *map, const struct seat_row *row)
{
  uint32_t free = 0;
  for (int64_t at = 0; at < row->seat_count; at++) free += is_free(map, row, at);
  return free;
}

static uint32_t free_in_section(const struct seat_map *map, const struct seat_section *section)
{
  uint32_t free = 0;
  for (uint32_t r = 0; r < section->row_count; r++)
    free += free_in(map, &map->rows[section->first_row + r]);
  return free;
}

/* The first seat of the best place in a row of those that leave orphans or not; SEAT_NONE. */
static uint32_t oracle_row(const struct seat_map *map, const struct seat_row *row,
                           uint32_t quantity, bool orphans, int64_t middle, int64_t *distance)
{
  uint32_t best = SEAT_NONE;
  for (int64_t at = 0; at < row->seat_count; at++) {
    if (!oracle_fits(map, row, at, quantity)) continue;
    if (!orphans && oracle_orphans(map, row, at, quantity)) continue;
    int64_t away = absolute(2 * at + quantity - middle);
    if (best != SEAT_NONE && away >= *distance) continue;
    *distance = away;
    best = row->first_seat + (uint32_t)at;
  }
  return best;
}

static bool oracle_together(const struct seat_map *map, const bool *scope, uint32_t quantity,
                            uint32_t *first)
{
  for (int orphans = 0; orphans < 2; orphans++) {
    for (uint32_t s = 0; s < map->section_count; s++) {
      const struct seat_section *section = &map->sections[s];
      if (!scope[s]) continue;
      if (section->general) {
        if (free_in_section(map, section) < quantity) continue;
        for (*first = section->first_seat; seat_map_state(map, *first) != SEAT_FREE;) ++*first;
        return true;
      }
      for (uint32_t r = 0; r < section->row_count; r++) {
        const struct seat_row *row = &map->rows[section->first_row + r];
        int64_t distance;
        *first = oracle_row(map, row, quantity, orphans, row->seat_count, &distance);
        if (*first != SEAT_NONE) return true;
      }
    }
  }
  return false;
}

/* ---- Checks of what was chosen ---- */

static void check_free_and_ascending(const struct seat_map *map, const struct seat_choice *choice,
                                     uint32_t quantity)
{
  assert_int_equal(choice->count, quantity);
  for (uint32_t i = 0; i < quantity; i++) {
    assert_int_equal(seat_map_state(map, choice->seats[i]), SEAT_FREE);
    if (i > 0) assert_true(choice->seats[i] > choice->seats[i - 1]);
    assert_int_equal(seat_map_row(map, choice->seats[i])->section,
                     seat_map_row(map, choice->seats[0])->section);
  }
}

static void check_together(const struct seat_map *map, const struct seat_choice *choice,
                           uint32_t quantity, uint32_t first)
{
  check_free_and_ascending(map, choice, quantity);
  assert_true(choice->together);
  assert_int_equal(choice->seats[0], first);
  const struct seat_row *row = seat_map_row(map, first);
  if (map->sections[row->section].general) {
    assert_false(choice->orphan);
    return;
  }
  for (uint32_t i = 0; i < quantity; i++) assert_int_equal(choice->seats[i], first + i);
  assert_int_equal(choice->orphan, oracle_orphans(map, row, first - row->first_seat, quantity));
}

/* Groups of a choice: seats that follow each other in one row. */
struct groups {
  uint32_t first[SEAT_CHOICE_MAX];
  uint32_t size[SEAT_CHOICE_MAX];
  uint32_t count;
};

static struct groups groups_of(const struct seat_map *map, const struct seat_choice *choice)
{
  struct groups groups = {.count = 0};
  for (uint32_t i = 0; i < choice->count; i++) {
    uint32_t seat = choice->seats[i];
    if (i > 0 && seat == choice->seats[i - 1] + 1 && map->row_of[seat] == map->row_of[seat - 1]) {
      groups.size[groups.count - 1]++;
      continue;
    }
    groups.first[groups.count] = seat;
    groups.size[groups.count++] = 1;
  }
  return groups;
}

/* Lengths of the gaps of some rows, the longest first; their number. */
static uint32_t gaps_of(const struct seat_map *map, uint32_t first, uint32_t rows, uint32_t *gaps)
{
  uint32_t count = 0;
  for (uint32_t r = first; r < first + rows; r++) {
    uint32_t length = 0;
    for (int64_t at = 0; at <= map->rows[r].seat_count; at++) {
      if (is_free(map, &map->rows[r], at)) {
        length++;
        continue;
      }
      if (length > 0) gaps[count++] = length;
      length = 0;
    }
  }
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t j = i + 1; j < count; j++)
      if (gaps[j] > gaps[i]) {
        uint32_t other = gaps[i];
        gaps[i] = gaps[j];
        gaps[j] = other;
      }
  return count;
}

/* The least sum of squares of shares of the gaps that make quantity: how equal they can be. */
static uint32_t least_squares(const uint32_t *gaps, uint32_t count, uint32_t quantity)
{
  if (count == 0) return quantity == 0 ? 0 : UINT32_MAX / 2;
  uint32_t best = UINT32_MAX / 2;
  for (uint32_t share = 1; share <= gaps[0] && share <= quantity; share++) {
    uint32_t squares = share * share + least_squares(gaps + 1, count - 1, quantity - share);
    if (squares < best) best = squares;
  }
  return best;
}

/* The rows the seats should come from, and in how many groups. */
struct window {
  uint32_t first;
  uint32_t rows;
  uint32_t groups;
};

static struct window oracle_window(const struct seat_map *map, const struct seat_section *section,
                                   uint32_t quantity)
{
  uint32_t gaps[1024];
  for (uint32_t most = 1; most <= quantity; most++) {
    uint32_t rows = most < section->row_count ? most : section->row_count;
    for (uint32_t r = 0; r + rows <= section->row_count; r++) {
      uint32_t count = gaps_of(map, section->first_row + r, rows, gaps);
      uint32_t seats = 0;
      for (uint32_t i = 0; i < count && i < most; i++) {
        seats += gaps[i];
        if (seats >= quantity) return (struct window){section->first_row + r, rows, i + 1};
      }
    }
  }
  for (uint32_t rows = 1; rows <= section->row_count; rows++)
    for (uint32_t r = 0; r + rows <= section->row_count; r++) {
      uint32_t count = gaps_of(map, section->first_row + r, rows, gaps);
      uint32_t seats = 0;
      for (uint32_t i = 0; i < count; i++) {
        seats += gaps[i];
        if (seats >= quantity) return (struct window){section->first_row + r, rows, i + 1};
      }
    }
  fail_msg("not enough seats");
  return (struct window){0};
}

static bool check_group(const struct seat_map *map, uint32_t first, uint32_t size)
{
  const struct seat_row *row = seat_map_row(map, first);
  int64_t begin = first - row->first_seat;
  int64_t end = begin + 1;
  while (is_free(map, row, begin - 1)) begin--;
  while (is_free(map, row, end)) end++;
  int64_t best = INT64_MAX;
  for (int orphans = 0; orphans < 2 && best == INT64_MAX; orphans++)
    for (int64_t at = begin; at + size <= end; at++)
      if (orphans || !oracle_orphans(map, row, at, size)) {
        int64_t away = absolute(2 * at + size - row->seat_count);
        if (away < best) best = away;
      }
  int64_t chosen = first - row->first_seat;
  assert_int_equal(absolute(2 * chosen + size - row->seat_count), best);
  return oracle_orphans(map, row, chosen, size);
}

static void check_split(const struct seat_map *map, const struct seat_section *section,
                        const struct seat_choice *choice, uint32_t quantity)
{
  uint32_t gaps[1024];
  check_free_and_ascending(map, choice, quantity);
  assert_false(choice->together);
  assert_ptr_equal(seat_map_section(map, choice->seats[0]), section);
  struct window window = oracle_window(map, section, quantity);
  struct groups groups = groups_of(map, choice);
  assert_int_equal(groups.count, window.groups);
  (void)gaps_of(map, window.first, window.rows, gaps);
  uint32_t squares = 0;
  bool orphan = false;
  for (uint32_t i = 0; i < groups.count; i++) {
    uint32_t row = map->row_of[groups.first[i]];
    assert_true(row >= window.first && row < window.first + window.rows);
    squares += groups.size[i] * groups.size[i];
    orphan = check_group(map, groups.first[i], groups.size[i]) || orphan;
  }
  assert_int_equal(squares, least_squares(gaps, window.groups, quantity));
  assert_int_equal(choice->orphan, orphan);
}

static const struct seat_section *oracle_split_section(const struct seat_map *map,
                                                       const bool *scope, uint32_t quantity)
{
  for (uint32_t s = 0; s < map->section_count; s++)
    if (scope[s] && !map->sections[s].general &&
        free_in_section(map, &map->sections[s]) >= quantity)
      return &map->sections[s];
  return NULL;
}

/* Whether something can be chosen in the scope; if so, that the choice is the right one. */
static bool check_scope(const struct seat_map *map, const bool *scope, uint32_t quantity, bool good,
                        const struct seat_choice *choice)
{
  uint32_t first;
  if (oracle_together(map, scope, quantity, &first)) {
    assert_true(good);
    check_together(map, choice, quantity, first);
    return true;
  }
  const struct seat_section *section = oracle_split_section(map, scope, quantity);
  if (section == NULL) return false;
  assert_true(good);
  check_split(map, section, choice, quantity);
  return true;
}

static void check_best(const struct seat_map *map, uint32_t quantity, uint32_t section, bool only)
{
  struct seat_choice choice;
  bool scope[SEAT_SECTIONS_MAX];
  bool good = seat_choose_best(map, quantity, section, only, &choice);
  if (section != SEAT_NONE) {
    for (uint32_t s = 0; s < map->section_count; s++) scope[s] = s == section;
    if (check_scope(map, scope, quantity, good, &choice)) return;
  }
  for (uint32_t s = 0; s < map->section_count; s++) scope[s] = s != section && !only;
  if (!check_scope(map, scope, quantity, good, &choice)) assert_false(good);
}

/* ---- Alternatives ---- */

static uint32_t oracle_nearest(const struct seat_map *map, const uint32_t *wanted, uint32_t count)
{
  const struct seat_row *row = seat_map_row(map, wanted[0]);
  int64_t sum = 0;
  int64_t in_row = 0;
  for (uint32_t i = 0; i < count; i++)
    if (seat_map_row(map, wanted[i]) == row) {
      sum += 2 * (int64_t)(wanted[i] - row->first_seat) + 1;
      in_row++;
    }
  int64_t offset = sum / in_row - row->seat_count;
  const struct seat_section *section = &map->sections[row->section];
  for (int orphans = 0; orphans < 2; orphans++) {
    int64_t best = INT64_MAX;
    uint32_t seat = SEAT_NONE;
    for (uint32_t r = section->first_row; r < section->first_row + section->row_count; r++) {
      int64_t away;
      const struct seat_row *other = &map->rows[r];
      uint32_t first = oracle_row(map, other, count, orphans, other->seat_count + offset, &away);
      if (first == SEAT_NONE) continue;
      away += 4 * absolute((int64_t)r - (row - map->rows));
      if (away >= best) continue;
      best = away;
      seat = first;
    }
    if (seat != SEAT_NONE) return seat;
  }
  return SEAT_NONE;
}

static void check_alternative(const struct seat_map *map, const uint32_t *wanted, uint32_t count)
{
  struct seat_choice choice;
  uint32_t first;
  bool scopes[3][SEAT_SECTIONS_MAX];
  bool good = seat_choose_alternative(map, wanted, count, &choice);
  const struct seat_section *section = seat_map_section(map, wanted[0]);
  for (uint32_t s = 0; s < map->section_count; s++) {
    const struct seat_section *other = &map->sections[s];
    scopes[0][s] = other == section;
    scopes[1][s] = other != section && other->price == section->price;
    scopes[2][s] = other != section;
  }
  if (!section->general) {
    first = oracle_nearest(map, wanted, count);
    if (first != SEAT_NONE) {
      assert_true(good);
      check_together(map, &choice, count, first);
      return;
    }
  }
  for (uint32_t i = 0; i < 3; i++)
    if (oracle_together(map, scopes[i], count, &first)) {
      assert_true(good);
      check_together(map, &choice, count, first);
      return;
    }
  for (uint32_t i = 0; i < 3; i++)
    if (check_scope(map, scopes[i], count, good, &choice)) return;
  assert_false(good);
}

/* ---- Random houses ---- */

static void random_house(struct random *random, struct seat_fixture *fixture, uint32_t row_most)
{
  char text[8192];
  size_t size = 0;
  uint32_t sections = (uint32_t)random_between(random, 1, 4);
  for (uint32_t s = 0; s < sections; s++) {
    size += (size_t)snprintf(text + size, sizeof text - size,
                             "%s{\"id\":\"%c\",\"name\":\"n\",\"price\":%u,", s > 0 ? "," : "",
                             'A' + s, (unsigned)random_below(random, 2));
    if (random_below(random, 5) == 0) {
      size += (size_t)snprintf(text + size, sizeof text - size, "\"capacity\":%u}",
                               (unsigned)random_between(random, 1, 80));
      continue;
    }
    uint32_t rows = (uint32_t)random_between(random, 1, 6);
    size += (size_t)snprintf(text + size, sizeof text - size, "\"rows\":[");
    for (uint32_t r = 0; r < rows; r++)
      size += (size_t)snprintf(text + size, sizeof text - size, "%s{\"row\":\"%u\",\"seats\":%u}",
                               r > 0 ? "," : "", r + 1,
                               (unsigned)random_between(random, 1, row_most));
    size += (size_t)snprintf(text + size, sizeof text - size, "]}");
  }
  seat_fixture_open(fixture, text);
}

static void sell_some(struct random *random, struct seat_map *map)
{
  struct id somebody = seat_fixture_reservation(1);
  uint64_t percent = random_below(random, 101);
  for (uint32_t seat = 0; seat < map->seat_count; seat++)
    if (random_below(random, 100) < percent) seat_map_sell(map, &seat, 1, &somebody);
}

static void check_house(struct random *random, const struct seat_map *map)
{
  for (uint32_t quantity = 1; quantity <= SEAT_CHOICE_MAX; quantity++) {
    uint32_t section = (uint32_t)random_below(random, map->section_count);
    check_best(map, quantity, SEAT_NONE, false);
    check_best(map, quantity, section, false);
    check_best(map, quantity, section, true);
    uint32_t wanted[SEAT_CHOICE_MAX];
    uint32_t first = (uint32_t)random_below(random, map->seat_count);
    for (uint32_t i = 0; i < quantity; i++)
      wanted[i] = random_below(random, 4) > 0 && first + i < map->seat_count
                      ? first + i
                      : (uint32_t)random_below(random, map->seat_count);
    check_alternative(map, wanted, quantity);
  }
}

static void check_houses(int houses, uint32_t row_most, uint64_t fixed)
{
  uint64_t seed = random_seed(fixed);
  struct random random;
  random_init(&random, seed);
  print_message("seed %llu\n", (unsigned long long)seed);
  for (int house = 0; house < houses; house++) {
    struct seat_fixture fixture;
    random_house(&random, &fixture, row_most);
    sell_some(&random, fixture.map);
    check_house(&random, fixture.map);
    seat_fixture_close(&fixture);
  }
}

static void test_small_houses(void **state)
{
  (void)state;
  check_houses(8000, 12, 1);
}

/* Rows over several words. */
static void test_long_rows(void **state)
{
  (void)state;
  check_houses(400, 150, 2);
}

/* ---- Named cases ---- */

/* x taken, . free: takes seats of the first rows of section A after this picture. */
static void paint(const struct seat_map *map, const char *picture)
{
  struct id somebody = seat_fixture_reservation(1);
  uint32_t seat = 0;
  for (; *picture != 0; picture++) {
    if (*picture == ' ') continue;
    if (*picture == 'x') seat_map_sell((struct seat_map *)map, &seat, 1, &somebody);
    seat++;
  }
  assert_int_equal(seat, map->seat_count);
}

static void expect_seats(const char *sections, const char *picture, uint32_t quantity,
                         const char *expected, bool together)
{
  struct seat_fixture fixture;
  struct seat_choice choice;
  char text[256] = "";
  seat_fixture_open(&fixture, sections);
  paint(fixture.map, picture);
  assert_true(seat_choose_best(fixture.map, quantity, SEAT_NONE, false, &choice));
  for (uint32_t i = 0; i < choice.count; i++) {
    char id[SEAT_ID_BYTES];
    size_t size = seat_map_format_id(fixture.map, choice.seats[i], id);
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%s%.*s", i > 0 ? " " : "", (int)size, id);
  }
  assert_string_equal(text, expected);
  assert_int_equal(choice.together, together);
  seat_fixture_close(&fixture);
}

#define ROWS_OF_8                                       \
  "{\"id\":\"A\",\"name\":\"n\",\"price\":1,\"rows\":[" \
  "{\"row\":\"1\",\"seats\":8},{\"row\":\"2\",\"seats\":8}]}"

static void test_named_cases(void **state)
{
  (void)state;
  /* The middle of the best row. */
  expect_seats(ROWS_OF_8, "........ ........", 2, "A-1-4 A-1-5", true);
  /* Seats 3, 4 would be nearer to the middle and leave seat 5 alone. */
  expect_seats(ROWS_OF_8, "....xxxx ........", 2, "A-1-3 A-1-4", true);
  expect_seats(ROWS_OF_8, ".....xxx ........", 2, "A-1-4 A-1-5", true);
  expect_seats(ROWS_OF_8, "...xxxxx ........", 2, "A-2-4 A-2-5", true);
  /* No other choice than to leave one alone. */
  expect_seats(ROWS_OF_8, "...xxxxx xxxxxxxx", 2, "A-1-2 A-1-3", true);
  /* A single seat for one person, rather than a new hole. */
  expect_seats(ROWS_OF_8, "xx.xx..x ........", 1, "A-1-3", true);
  /* Split evenly over neighbouring rows. */
  expect_seats(ROWS_OF_8, "x...xxxx xx...xxx", 4, "A-1-3 A-1-4 A-2-4 A-2-5", false);
  expect_seats(ROWS_OF_8, "xx..x..x xxxxxxxx", 4, "A-1-3 A-1-4 A-1-6 A-1-7", false);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_named_cases),
      cmocka_unit_test(test_small_houses),
      cmocka_unit_test(test_long_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
