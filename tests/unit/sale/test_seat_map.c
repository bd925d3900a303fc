#include "sale/seat_map.h"

#include "sim/random.h"
#include "unit/sale/seat_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char SECTIONS[] =
    "{\"id\":\"A\",\"name\":\"Stalls\",\"price\":900,\"rows\":["
    "{\"row\":\"1\",\"seats\":5},{\"row\":\"2\",\"first\":98,\"seats\":7},"
    "{\"row\":\"3\",\"seats\":[\"1\",\"2\",\"2A\",\"10\"]}]},"
    "{\"id\":\"ST\",\"name\":\"Standing\",\"price\":500,\"capacity\":70},"
    "{\"id\":\"B.x\",\"name\":\"Balcony\",\"price\":1200,\"rows\":["
    "{\"row\":\"a-b\",\"seats\":130},{\"row\":\"Z\",\"seats\":64}]}";
enum { SEATS = 5 + 7 + 4 + 70 + 130 + 64 };

static void test_ids_and_places(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture, SECTIONS);
  struct seat_map *map = fixture.map;
  assert_int_equal(map->seat_count, SEATS);
  static const struct {
    const char *id;
    uint32_t seat;
  } cases[] = {
      {"A-1-1", 0},      {"A-1-5", 4},         {"A-2-98", 5},           {"A-2-104", 11},
      {"A-3-2A", 14},    {"A-3-10", 15},       {"ST-GA-1", 16},         {"ST-GA-70", 85},
      {"B.x-a-b-1", 86}, {"B.x-a-b-130", 215}, {"B.x-Z-64", SEATS - 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(seat_fixture_find(&fixture, cases[i].id), cases[i].seat);
  static const char *const unknown[] = {"",      "A",        "A-1",    "A-1-6",
                                        "A-1-0", "A-1-01",   "A-2-97", "a-1-1",
                                        "A-3-3", "ST-GA-71", "A-1-1 ", "B.x-Z-65"};
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
    assert_int_equal(seat_map_find(map, bytes_of_text(unknown[i])), SEAT_NONE);
  char longest[200];
  memset(longest, 'A', sizeof longest);
  for (size_t size = 0; size < sizeof longest; size++)
    assert_int_equal(seat_map_find(map, bytes_of(longest, size)), SEAT_NONE);
  for (uint32_t seat = 0; seat < SEATS; seat++) {
    char id[SEAT_ID_BYTES];
    size_t size = seat_map_format_id(map, seat, id);
    assert_int_equal(seat_map_find(map, bytes_of(id, size)), seat);
    struct bytes label = seat_map_row_label(map, seat_map_row(map, seat));
    char number[SEAT_NUMBER_BYTES];
    char again[SEAT_ID_BYTES];
    size_t number_size = seat_map_format_number(map, seat, number);
    size_t again_size = seat_id_format(seat_map_section(map, seat)->id, label,
                                       bytes_of(number, number_size), again);
    assert_true(bytes_equal(bytes_of(again, again_size), bytes_of(id, size)));
  }
  assert_int_equal(seat_map_find_section(map, BYTES("B.x")), 2);
  assert_int_equal(seat_map_find_section(map, BYTES("B")), SEAT_NONE);
  assert_int_equal(map->price_min, 500);
  assert_int_equal(map->price_max, 1200);
  assert_true(bytes_equal(map->event_id, BYTES("evt_1")));
  seat_fixture_close(&fixture);
}

/* now >= until: free. A clock that goes back revives nothing. */
static void test_hold_ends_exactly(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture, SECTIONS);
  struct seat_map *map = fixture.map;
  struct id mine = seat_fixture_reservation(1);
  struct id other = seat_fixture_reservation(2);
  const uint32_t seats[] = {0, 1};
  seat_map_advance(map, 1000);
  seat_map_hold(map, seats, 2, &mine, 2000);
  assert_int_equal(seat_map_next_lapse_ms(map), 2000);
  seat_map_advance(map, 1999);
  assert_int_equal(seat_map_test(map, seats, 2, &mine, NULL), 0);
  uint32_t taken[2];
  assert_int_equal(seat_map_test(map, seats, 2, &other, taken), 2);
  assert_int_equal(taken[1], 1);
  struct id holder;
  int64_t until_ms;
  assert_true(seat_map_hold_of(map, 1, &holder, &until_ms));
  assert_int_equal(until_ms, 2000);
  assert_int_equal(id_compare(&holder, &mine), 0);
  seat_map_advance(map, 2000);
  assert_int_equal(seat_map_state(map, 0), SEAT_FREE);
  assert_int_equal(map->counts.of[SEAT_FREE], SEATS);
  assert_int_equal(seat_map_next_lapse_ms(map), INT64_MAX);
  seat_map_advance(map, 500);
  assert_int_equal(map->now_ms, 2000);
  assert_false(seat_map_hold_of(map, 1, &holder, &until_ms));
  seat_fixture_close(&fixture);
}

/* Seats whose holds end by then, counted one by one. */
static uint32_t count_lapsing(const struct seat_map *map, int64_t until_ms)
{
  uint32_t count = 0;
  for (uint32_t seat = 0; seat < SEATS; seat++) {
    struct id holder;
    int64_t ends_ms;
    if (seat_map_hold_of(map, seat, &holder, &ends_ms) && ends_ms <= until_ms) count++;
  }
  return count;
}

static void test_holds_that_end_soon(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  struct random random;
  random_init(&random, 3);
  seat_fixture_open(&fixture, SECTIONS);
  struct seat_map *map = fixture.map;
  assert_int_equal(seat_map_lapsing(map, INT64_MAX, 10), 0);
  uint32_t next = 0;
  for (uint32_t number = 1; next + 4 < SEATS && number < 100; number++) {
    uint32_t seats[4];
    struct id id = seat_fixture_reservation(number);
    uint32_t count = (uint32_t)random_between(&random, 1, 4);
    for (uint32_t i = 0; i < count; i++) seats[i] = next++;
    seat_map_hold(map, seats, count, &id, (int64_t)random_between(&random, 100, 150));
    for (int64_t until_ms = 95; until_ms < 155; until_ms += 3) {
      uint32_t all = count_lapsing(map, until_ms);
      assert_int_equal(seat_map_lapsing(map, until_ms, UINT32_MAX), all);
      for (uint32_t most = 0; most < 8; most++)
        assert_int_equal(seat_map_lapsing(map, until_ms, most), all < most ? all : most);
    }
  }
  for (int64_t now_ms = 100; now_ms <= 150; now_ms += 5) {
    seat_map_advance(map, now_ms);
    assert_int_equal(seat_map_lapsing(map, now_ms, UINT32_MAX), 0);
    assert_int_equal(seat_map_lapsing(map, now_ms + 10, UINT32_MAX),
                     count_lapsing(map, now_ms + 10));
  }
  seat_fixture_close(&fixture);
}

static void test_life_of_a_seat(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture, SECTIONS);
  struct seat_map *map = fixture.map;
  struct id mine = seat_fixture_reservation(1);
  const uint32_t seats[] = {3, 4, 20};
  seat_map_hold(map, seats, 3, &mine, 1000);
  assert_int_equal(map->version, 103);
  seat_map_extend(map, seats, 2, &mine, 5000);
  assert_int_equal(map->version, 103); /* not visible */
  seat_map_advance(map, 1000);         /* the third was not extended */
  assert_int_equal(seat_map_state(map, 20), SEAT_FREE);
  assert_int_equal(seat_map_state(map, 4), SEAT_HELD);
  seat_map_sell(map, seats, 3, &mine); /* two of the hold, one free */
  assert_int_equal(map->counts.of[SEAT_SOLD], 3);
  assert_int_equal(map->sections[1].counts.of[SEAT_SOLD], 1);
  assert_int_equal(map->heap_count, 0);
  seat_map_refund(map, seats, 1);
  assert_int_equal(seat_map_state(map, 3), SEAT_FREE);
  struct seat_change change = seat_map_change(map, map->version);
  assert_int_equal(change.seat, 3);
  assert_int_equal(change.state, SEAT_FREE);
  /* Named twice: as once. */
  const uint32_t twice[] = {0, 1, 0};
  seat_map_hold(map, twice, 3, &mine, 9000);
  assert_int_equal(map->counts.of[SEAT_HELD], 2);
  seat_map_release(map, twice, 3, &mine);
  seat_map_sell(map, twice, 3, &mine);
  seat_map_refund(map, twice, 3);
  assert_int_equal(map->counts.of[SEAT_FREE], SEATS - 2);
  assert_int_equal(map->claims_used, 2); /* used again */
  seat_fixture_close(&fixture);
}

/* ---- Against an array of seats ---- */

struct naive_seat {
  enum seat_state state;
  uint32_t reservation;
  int64_t until_ms;
};

struct naive {
  struct naive_seat seats[SEATS];
  enum seat_state seen[SEATS]; /* by a client that follows the changes */
  uint64_t seen_version;
  int64_t now_ms;
};

static void naive_advance(struct naive *naive, int64_t now_ms)
{
  naive->now_ms = now_ms;
  for (uint32_t i = 0; i < SEATS; i++)
    if (naive->seats[i].state == SEAT_HELD && naive->seats[i].until_ms <= now_ms)
      naive->seats[i] = (struct naive_seat){.state = SEAT_FREE};
}

/* Free seats of a row as runs; the longest, and whether q fit without a single one left. */
static bool naive_clean(const struct naive *naive, const struct seat_row *row, uint32_t quantity,
                        bool *fits)
{
  bool clean = false;
  *fits = false;
  for (uint32_t at = 0; at + quantity <= row->seat_count; at++) {
    bool free = true;
    for (uint32_t i = 0; i < quantity; i++)
      free = free && naive->seats[row->first_seat + at + i].state == SEAT_FREE;
    if (!free) continue;
    *fits = true;
    uint32_t left = 0;
    uint32_t right = 0;
    while (left < at && naive->seats[row->first_seat + at - 1 - left].state == SEAT_FREE) left++;
    while (at + quantity + right < row->seat_count &&
           naive->seats[row->first_seat + at + quantity + right].state == SEAT_FREE)
      right++;
    clean = clean || (left != 1 && right != 1);
  }
  return clean;
}

/* Free runs of each length, as struct seat_fit counts them. */
static uint64_t naive_gaps(const struct naive *naive, const struct seat_row *row)
{
  uint32_t counts[SEAT_ROW_SEATS_MAX + 1] = {0};
  uint32_t length = 0;
  for (uint32_t at = 0; at < row->seat_count; at++) {
    if (naive->seats[row->first_seat + at].state == SEAT_FREE) {
      length++;
      continue;
    }
    counts[length]++;
    length = 0;
  }
  counts[length]++;
  uint64_t gaps = 0;
  for (uint32_t i = 1; i <= 9; i++)
    gaps |= (uint64_t)(counts[i] < 12 ? counts[i] : 12) << 7 * (i - 1);
  return gaps;
}

static void compare_fits(const struct naive *naive, const struct seat_map *map)
{
  for (uint32_t s = 0; s < map->section_count; s++) {
    const struct seat_section *section = &map->sections[s];
    if (section->general) continue;
    for (uint32_t r = section->first_row; r < section->first_row + section->row_count; r++)
      assert_int_equal(map->fits[r].gaps, naive_gaps(naive, &map->rows[r]));
    for (uint32_t quantity = 1; quantity <= SEAT_CHOICE_MAX; quantity++) {
      uint32_t fit_rows = 0;
      uint32_t clean_rows = 0;
      for (uint32_t r = section->first_row; r < section->first_row + section->row_count; r++) {
        bool fits;
        bool clean = naive_clean(naive, &map->rows[r], quantity, &fits);
        assert_int_equal(map->fits[r].fit >> quantity & 1, fits);
        assert_int_equal(map->fits[r].clean >> quantity & 1, clean);
        fit_rows += fits;
        clean_rows += clean;
      }
      assert_int_equal(section->fit_rows[quantity], fit_rows);
      assert_int_equal(section->clean_rows[quantity], clean_rows);
    }
  }
}

static void compare(struct naive *naive, const struct seat_map *map)
{
  struct seat_counts counts = {{0}};
  struct seat_counts sections[3] = {0};
  uint32_t row_free[8] = {0};
  int64_t next_ms = INT64_MAX;
  for (uint32_t i = 0; i < SEATS; i++) {
    const struct naive_seat *seat = &naive->seats[i];
    assert_int_equal(seat_map_state(map, i), seat->state);
    counts.of[seat->state]++;
    sections[seat_map_row(map, i)->section].of[seat->state]++;
    row_free[map->row_of[i]] += seat->state == SEAT_FREE;
    struct id holder;
    int64_t until_ms;
    assert_int_equal(seat_map_hold_of(map, i, &holder, &until_ms), seat->state == SEAT_HELD);
    if (seat->state != SEAT_HELD) continue;
    assert_int_equal(until_ms, seat->until_ms);
    assert_int_equal(bytes_get_u32(holder.bytes), seat->reservation);
    if (until_ms < next_ms) next_ms = until_ms;
  }
  assert_memory_equal(&counts, &map->counts, sizeof counts);
  for (uint32_t s = 0; s < 3; s++)
    assert_memory_equal(&sections[s], &map->sections[s].counts, sizeof counts);
  for (uint32_t r = 0; r < map->row_count; r++) assert_int_equal(map->rows[r].free, row_free[r]);
  assert_int_equal(seat_map_next_lapse_ms(map), next_ms);
  assert_true(naive->seen_version >= seat_map_oldest_version(map));
  while (naive->seen_version < map->version) {
    struct seat_change change = seat_map_change(map, ++naive->seen_version);
    assert_int_not_equal(naive->seen[change.seat], change.state);
    naive->seen[change.seat] = change.state;
  }
  for (uint32_t i = 0; i < SEATS; i++) assert_int_equal(naive->seen[i], naive->seats[i].state);
}

/* Up to ten seats near each other that are in the state and, when held, of one reservation. */
static uint32_t pick(struct random *random, const struct naive *naive, bool free_too,
                     enum seat_state state, uint32_t reservation, uint32_t *seats)
{
  uint32_t count = 0;
  uint32_t begin = (uint32_t)random_below(random, SEATS);
  uint32_t wanted = (uint32_t)random_between(random, 1, SEAT_CHOICE_MAX);
  for (uint32_t i = 0; i < SEATS && count < wanted; i++) {
    uint32_t seat = (begin + i) % SEATS;
    const struct naive_seat *it = &naive->seats[seat];
    bool fits = it->state == state && (state != SEAT_HELD || it->reservation == reservation);
    if ((fits || (free_too && it->state == SEAT_FREE)) && random_below(random, 4) > 0)
      seats[count++] = seat;
  }
  return count;
}

static void random_step(struct random *random, struct naive *naive, struct seat_map *map)
{
  uint32_t seats[SEAT_CHOICE_MAX];
  uint32_t number = (uint32_t)random_below(random, 20);
  struct id reservation = seat_fixture_reservation(number);
  int64_t until_ms = naive->now_ms + (int64_t)random_between(random, 1, 50);
  uint32_t kind = (uint32_t)random_below(random, 10);
  uint32_t count;
  struct naive_seat becomes = {.state = SEAT_FREE};
  if (kind < 4) {
    count = pick(random, naive, true, SEAT_HELD, number, seats);
    becomes = (struct naive_seat){SEAT_HELD, number, until_ms};
    if (count > 0) seat_map_hold(map, seats, count, &reservation, until_ms);
  } else if (kind == 4) {
    count = pick(random, naive, false, SEAT_HELD, number, seats);
    becomes = (struct naive_seat){SEAT_HELD, number, until_ms};
    if (count > 0) seat_map_extend(map, seats, count, &reservation, until_ms);
  } else if (kind == 5) {
    count = pick(random, naive, true, SEAT_HELD, number, seats);
    becomes = (struct naive_seat){.state = SEAT_SOLD};
    if (count > 0) seat_map_sell(map, seats, count, &reservation);
  } else if (kind == 6) {
    count = pick(random, naive, false, SEAT_HELD, number, seats);
    if (count > 0) seat_map_release(map, seats, count, &reservation);
  } else if (kind == 7) {
    count = pick(random, naive, false, SEAT_SOLD, 0, seats);
    if (count > 0) seat_map_refund(map, seats, count);
  } else {
    naive_advance(naive, naive->now_ms + (int64_t)random_below(random, 12));
    seat_map_advance(map, naive->now_ms);
    return;
  }
  for (uint32_t i = 0; i < count; i++) naive->seats[seats[i]] = becomes;
}

static void test_is_like_an_array_of_seats(void **state)
{
  (void)state;
  uint64_t seed = random_seed(20251127);
  struct random random;
  random_init(&random, seed);
  print_message("seed %llu\n", (unsigned long long)seed);
  for (int life = 0; life < 6; life++) {
    struct seat_fixture fixture;
    struct naive *naive = calloc(1, sizeof *naive);
    assert_non_null(naive);
    seat_fixture_open(&fixture, SECTIONS);
    naive->seen_version = fixture.map->version;
    seat_map_advance(fixture.map, 0);
    for (int step = 0; step < 1500; step++) {
      random_step(&random, naive, fixture.map);
      compare(naive, fixture.map);
      if (step % 10 == 0) compare_fits(naive, fixture.map);
    }
    free(naive);
    seat_fixture_close(&fixture);
  }
}

/* Changes older than the ring are gone, and the map says so. */
static void test_keeps_the_last_changes(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture, SECTIONS);
  struct seat_map *map = fixture.map;
  struct id mine = seat_fixture_reservation(1);
  uint64_t kept = (uint64_t)map->changes_mask + 1;
  assert_int_equal(kept, 512); /* the power of two not below the number of seats */
  for (uint64_t i = 1; i <= 3 * kept; i++) {
    uint32_t seat = (uint32_t)(i * 7 % SEATS);
    if (seat_map_state(map, seat) == SEAT_FREE)
      seat_map_sell(map, &seat, 1, &mine);
    else
      seat_map_refund(map, &seat, 1);
    assert_int_equal(map->version, 100 + i);
    assert_int_equal(seat_map_oldest_version(map), i <= kept ? 100 : 100 + i - kept);
    assert_int_equal(seat_map_change(map, map->version).seat, seat);
    uint64_t oldest = seat_map_oldest_version(map) + 1;
    assert_int_equal(seat_map_change(map, oldest).seat, (oldest - 100) * 7 % SEATS);
  }
  seat_fixture_close(&fixture);
}

/* As many holds as there are seats, one more while a seat moves from its hold to another. */
static void test_one_hold_for_each_seat(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture, SECTIONS);
  struct seat_map *map = fixture.map;
  for (int turn = 0; turn < 3; turn++) {
    for (uint32_t seat = 0; seat < SEATS; seat++) {
      struct id reservation = seat_fixture_reservation(seat);
      seat_map_hold(map, &seat, 1, &reservation, 1000 + (int64_t)(seat * 37 % SEATS));
    }
  }
  assert_int_equal(map->heap_count, SEATS);
  for (int64_t i = 0; i < SEATS; i++) {
    assert_int_equal(seat_map_next_lapse_ms(map), 1000 + i);
    seat_map_advance(map, 1000 + i);
    assert_int_equal(map->counts.of[SEAT_FREE], i + 1);
  }
  seat_fixture_close(&fixture);
}

/* ---- What it refuses to believe ---- */

static void dies(const struct seat_fixture *fixture, uint32_t what)
{
  struct seat_map *map = fixture->map;
  struct id other = seat_fixture_reservation(2);
  const uint32_t free = 0;
  const uint32_t held = 1;
  const uint32_t sold = 2;
  switch (what) {
  case 0:
    seat_map_hold(map, &held, 1, &other, 2000);
    break;
  case 1:
    seat_map_hold(map, &sold, 1, &other, 2000);
    break;
  case 2:
    seat_map_hold(map, &free, 1, &other, 10); /* over already */
    break;
  case 3:
    seat_map_extend(map, &free, 1, &other, 2000);
    break;
  case 4:
    seat_map_extend(map, &held, 1, &other, 2000);
    break;
  case 5:
    seat_map_sell(map, &held, 1, &other);
    break;
  case 6:
    seat_map_sell(map, &sold, 1, &other);
    break;
  case 7:
    seat_map_release(map, &free, 1, &other);
    break;
  case 8:
    seat_map_release(map, &held, 1, &other);
    break;
  case 9:
    seat_map_release(map, &sold, 1, &other);
    break;
  case 10:
    seat_map_refund(map, &free, 1);
    break;
  case 11:
    seat_map_refund(map, &held, 1);
    break;
  case 12:
    seat_map_sell(map, &(uint32_t){SEATS}, 1, &other);
    break;
  default:
    seat_map_change(map, map->version + 1);
    break;
  }
}

static void test_stops_at_the_impossible(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture, SECTIONS);
  struct id mine = seat_fixture_reservation(1);
  seat_map_advance(fixture.map, 10);
  seat_map_hold(fixture.map, &(uint32_t){1}, 1, &mine, 1000);
  seat_map_sell(fixture.map, &(uint32_t){2}, 1, &mine);
  for (uint32_t what = 0; what <= 13; what++) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      struct rlimit none = {0, 0};
      (void)setrlimit(RLIMIT_CORE, &none);
      (void)signal(SIGABRT, SIG_DFL);
      (void)close(STDERR_FILENO);
      dies(&fixture, what);
      _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) fail_msg("case %u went through", what);
  }
  seat_fixture_close(&fixture);
}

static void test_says_when_there_is_no_memory(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open(&fixture, SECTIONS);
  struct memory memory = {.fail_at = 1};
  struct error error;
  assert_null(seat_map_create(&memory, &fixture.plan, 1, 1, &error));
  assert_int_equal(error.code, ERROR_NO_MEMORY);
  assert_int_equal(memory.in_use, 0);
  seat_map_destroy(NULL);
  seat_fixture_close(&fixture);
}

/* Under 32 bytes for a seat of a stadium, its texts included; holds are beside it. */
static void test_is_compact(void **state)
{
  (void)state;
  struct seat_fixture fixture;
  seat_fixture_open_file(&fixture, "examples/evt_2025_stadium.json");
  size_t touched = (size_t)((uint8_t *)fixture.map->heap - (uint8_t *)fixture.map);
  assert_int_equal(fixture.map->seat_count, 50000);
  print_message("%.1f bytes a seat\n", (double)touched / 50000);
  assert_true(touched < (size_t)32 * 50000);
  seat_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ids_and_places),
      cmocka_unit_test(test_hold_ends_exactly),
      cmocka_unit_test(test_holds_that_end_soon),
      cmocka_unit_test(test_life_of_a_seat),
      cmocka_unit_test(test_is_like_an_array_of_seats),
      cmocka_unit_test(test_keeps_the_last_changes),
      cmocka_unit_test(test_one_hold_for_each_seat),
      cmocka_unit_test(test_stops_at_the_impossible),
      cmocka_unit_test(test_says_when_there_is_no_memory),
      cmocka_unit_test(test_is_compact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
