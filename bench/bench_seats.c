/*
 * The seat map's rows of docs/benchmarks.md: a stadium of 50,000 seats at several fill levels.
 * Writes Markdown to stdout; tools/bench puts it in its place.
 *
 *     bench_seats        run from the root of the tree: it reads examples/evt_2025_stadium.json
 */
#include "base/check.h"
#include "report.h"
#include "sale/seat_choose.h"
#include "sale/seat_import.h"
#include "sale/seat_json.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  ROUNDS = 5,
  CALLS = 20000,   /* of one round, of what takes nanoseconds */
  LONG_CALLS = 50, /* of what takes longer */
  REPEATS = 3,     /* the fastest of so many is the time of one call for "slowest" */
};

struct bench {
  struct memory memory;
  struct arena arena;
  struct buffer text;
  struct seat_plan plan;
  struct seat_map *map;
  uint64_t random;
};

static uint64_t next_random(struct bench *bench)
{
  bench->random ^= bench->random << 13;
  bench->random ^= bench->random >> 7;
  bench->random ^= bench->random << 17;
  return bench->random;
}

static uint32_t below(struct bench *bench, uint32_t limit)
{
  return (uint32_t)(next_random(bench) % limit);
}

static struct id reservation_of(uint32_t number)
{
  struct id id = {{0}};
  bytes_put_u32(id.bytes, number);
  return id;
}

static void make_map(struct bench *bench)
{
  struct error error;
  seat_map_destroy(bench->map);
  bench->map = seat_map_create(&bench->memory, &bench->plan, 1, 1, &error);
  CHECK(bench->map != NULL);
}

static void open_stadium(struct bench *bench)
{
  uint8_t part[65536];
  struct error error;
  arena_init(&bench->arena, &bench->memory);
  buffer_init(&bench->text, &bench->memory);
  FILE *file = fopen("examples/evt_2025_stadium.json", "rb");
  CHECK(file != NULL);
  for (size_t size; (size = fread(part, 1, sizeof part, file)) > 0;)
    CHECK(buffer_append(&bench->text, bytes_of(part, size)));
  CHECK(fclose(file) == 0);
  CHECK(seat_import_json(buffer_bytes(&bench->text), 1, &bench->arena, &bench->plan, &error));
  make_map(bench);
}

/*
 * Sells seats at random, so that what is left are holes everywhere, until permille of the house is
 * sold; standing first, which would answer at once.
 */
static void fill(struct bench *bench, uint32_t permille)
{
  struct id buyer = reservation_of(1);
  make_map(bench);
  struct seat_map *map = bench->map;
  uint32_t wanted = (uint32_t)((uint64_t)map->seat_count * permille / 1000);
  for (uint32_t seat = 0; seat < map->seat_count && map->counts.of[SEAT_SOLD] < wanted; seat++)
    if (seat_map_section(map, seat)->general) seat_map_sell(map, &seat, 1, &buyer);
  while (map->counts.of[SEAT_SOLD] < wanted) {
    uint32_t seat = below(bench, map->seat_count);
    if (seat_map_state(map, seat) == SEAT_FREE) seat_map_sell(map, &seat, 1, &buyer);
  }
}

struct times {
  struct report_series mean;
  struct report_series slowest;
};

static void print_times(const struct times *times, const char *what, double mean_ns,
                        double worst_ns)
{
  char text[128];
  char name[160];
  char bar[64];
  snprintf(name, sizeof name, "%s, ns", what);
  snprintf(bar, sizeof bar, "under %.0f", mean_ns);
  report_row(name, report_text(&times->mean, text), "", "", bar,
             report_median(&times->mean) < mean_ns);
  report_raw(name, &times->mean);
  snprintf(name, sizeof name, "%s, slowest call, ns", what);
  snprintf(bar, sizeof bar, "under %.0f", worst_ns);
  report_row(name, report_text(&times->slowest, text), "", "", bar,
             report_median(&times->slowest) < worst_ns);
  report_raw(name, &times->slowest);
}

/* ---- Choosing ---- */

static bool choose_any(struct bench *bench, struct seat_choice *choice)
{
  return seat_choose_best(bench->map, 1 + below(bench, SEAT_CHOICE_MAX), SEAT_NONE, false, choice);
}

static bool choose_section(struct bench *bench, struct seat_choice *choice)
{
  uint32_t section = below(bench, bench->map->section_count);
  return seat_choose_best(bench->map, 1 + below(bench, 4), section, false, choice);
}

static bool choose_instead(struct bench *bench, struct seat_choice *choice)
{
  uint32_t count = 1 + below(bench, 4);
  uint32_t first = below(bench, bench->map->seat_count - count);
  const uint32_t wanted[] = {first, first + 1, first + 2, first + 3};
  return seat_choose_alternative(bench->map, wanted, count, choice);
}

typedef bool choose_function(struct bench *bench, struct seat_choice *choice);

/*
 * Each call finds the house a little different: the seats are held, and released after it. A call
 * is made again at once, because a slow one is most often one in which the machine did something
 * else.
 */
static void time_choices(struct bench *bench, choose_function *choose, int calls,
                         struct times *times)
{
  struct seat_choice choice;
  struct id buyer = reservation_of(2);
  for (int round = -1; round < ROUNDS; round++) {
    int64_t sum_ns = 0;
    int64_t slowest_ns = 0;
    for (int i = 0; i < calls; i++) {
      uint64_t random = bench->random;
      int64_t least_ns = INT64_MAX;
      bool good = false;
      for (int repeat = 0; repeat < REPEATS; repeat++) {
        bench->random = random;
        int64_t begin_ns = report_now_ns();
        good = choose(bench, &choice);
        int64_t spent_ns = report_now_ns() - begin_ns;
        if (repeat == 0) sum_ns += spent_ns;
        if (spent_ns < least_ns) least_ns = spent_ns;
      }
      if (least_ns > slowest_ns) slowest_ns = least_ns;
      if (!good || i % 2 == 0) continue;
      seat_map_hold(bench->map, choice.seats, choice.count, &buyer, 1000);
      seat_map_release(bench->map, choice.seats, choice.count, &buyer);
    }
    if (round < 0) continue; /* warm-up */
    report_add(&times->mean, (double)sum_ns / calls);
    report_add(&times->slowest, (double)slowest_ns);
  }
}

static void rows_choose(struct bench *bench)
{
  static const uint32_t levels[] = {0, 500, 950, 999};
  static const struct {
    const char *what;
    choose_function *choose;
  } ways[] = {{"best of 1 to 10 seats", choose_any},
              {"best of 1 to 4 seats, a section asked for", choose_section},
              {"alternative to 1 to 4 seats", choose_instead}};
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
    fill(bench, levels[i]);
    for (size_t j = 0; j < sizeof ways / sizeof ways[0]; j++) {
      struct times times = {0};
      char what[100];
      snprintf(what, sizeof what, "%s, %g %% sold at random", ways[j].what, levels[i] / 10.0);
      time_choices(bench, ways[j].choose, CALLS, &times);
      print_times(&times, what, 20000, 200000);
    }
  }
}

static bool choose_ten(struct bench *bench, struct seat_choice *choice)
{
  return seat_choose_best(bench->map, SEAT_CHOICE_MAX, SEAT_NONE, false, choice);
}

/*
 * The worst we know: one section of 1,250 rows in which every second seat is sold, and one hole of
 * five seats at its end. Ten seats in two, three, four and five groups are looked for in vain.
 */
static void row_chequered(struct bench *bench)
{
  enum { ROWS = 1250, SEATS = 40 };
  static struct seat_plan_row rows[ROWS];
  static char labels[ROWS][8];
  struct times times = {0};
  struct id buyer = reservation_of(1);
  struct error error;
  struct seat_plan_section section = {
      .id = BYTES("A"), .name = BYTES("A"), .rows = rows, .row_count = ROWS};
  struct seat_plan plan = {.event = bench->plan.event,
                           .sections = &section,
                           .section_count = 1,
                           .row_count = ROWS,
                           .seat_count = ROWS * SEATS};
  for (int i = 0; i < ROWS; i++) {
    size_t size = (size_t)snprintf(labels[i], sizeof labels[i], "%d", i);
    rows[i] = (struct seat_plan_row){
        .label = bytes_of(labels[i], size), .first = 1, .seats = SEATS};
  }
  seat_map_destroy(bench->map);
  bench->map = seat_map_create(&bench->memory, &plan, 1, 1, &error);
  CHECK(bench->map != NULL);
  for (uint32_t seat = 0; seat < bench->map->seat_count - 5; seat++)
    if (seat % 2 == 0) seat_map_sell(bench->map, &seat, 1, &buyer);
  time_choices(bench, choose_ten, CALLS / 20, &times);
  print_times(&times, "best of 10 seats, every second one of 1,250 rows sold", 200000, 200000);
}

/* ---- Changing and finding ---- */

static void report_ns(const char *what, const struct report_series *series, double bar_ns)
{
  char text[128];
  char bar[32];
  snprintf(bar, sizeof bar, "under %.0f", bar_ns);
  report_row(what, report_text(series, text), "", "", bar, report_median(series) < bar_ns);
  report_raw(what, series);
}

static void row_find(struct bench *bench)
{
  enum { IDS = 1 << 16 };
  static char ids[IDS][SEAT_ID_BYTES];
  static size_t sizes[IDS];
  struct report_series series = {0};
  make_map(bench);
  for (int i = 0; i < IDS; i++)
    sizes[i] = seat_map_format_id(bench->map, below(bench, bench->map->seat_count), ids[i]);
  for (int round = -1; round < ROUNDS; round++) {
    int64_t begin_ns = report_now_ns();
    for (int i = 0; i < IDS; i++)
      CHECK(seat_map_find(bench->map, bytes_of(ids[i], sizes[i])) != SEAT_NONE);
    if (round >= 0) report_add(&series, (double)(report_now_ns() - begin_ns) / IDS);
  }
  report_ns("find a seat by its id, ns", &series, 200);
}

/* Two seats held, half of the holds sold, the others lapse; 5,000 holds are open at a time. */
static void row_hold(struct bench *bench)
{
  enum { HOLDS = 100000, OPEN = 5000 };
  struct report_series series = {0};
  for (int round = -1; round < ROUNDS; round++) {
    make_map(bench);
    struct seat_map *map = bench->map;
    uint32_t held = 0;
    int64_t begin_ns = report_now_ns();
    for (uint32_t i = 0; i < HOLDS; i++) {
      struct id buyer = reservation_of(i);
      uint32_t first = below(bench, map->seat_count - 1);
      const uint32_t seats[] = {first, first + 1};
      seat_map_advance(map, i);
      if (seat_map_test(map, seats, 2, &buyer, NULL) > 0) continue;
      held++;
      seat_map_hold(map, seats, 2, &buyer, i + OPEN + below(bench, 100));
      if (map->counts.of[SEAT_SOLD] < map->seat_count / 2 && i % 2 == 0)
        seat_map_sell(map, seats, 2, &buyer);
    }
    if (round >= 0) report_add(&series, (double)(report_now_ns() - begin_ns) / held);
  }
  report_ns("hold two seats, then sell or let lapse, conflicts included, ns", &series, 2000);
}

/* 25,000 holds that end in the same millisecond: the longest the engine can be kept. */
static void row_lapse(struct bench *bench)
{
  struct report_series series = {0};
  for (int round = -1; round < ROUNDS; round++) {
    make_map(bench);
    struct seat_map *map = bench->map;
    for (uint32_t seat = 0; seat < map->seat_count; seat += 2) {
      struct id buyer = reservation_of(seat);
      seat_map_hold(map, (const uint32_t[]){seat, seat + 1}, 2, &buyer, 1000);
    }
    int64_t begin_ns = report_now_ns();
    seat_map_advance(map, 1000);
    if (round >= 0) report_add(&series, (double)(report_now_ns() - begin_ns) / 1e3);
    CHECK_THAT(map->counts.of[SEAT_FREE], ==, map->seat_count);
  }
  report_ns("25,000 holds of two seats lapse at once, us", &series, 10000);
}

/* ---- Whole maps ---- */

static double build_us(struct bench *bench)
{
  int64_t begin_ns = report_now_ns();
  make_map(bench);
  return (double)(report_now_ns() - begin_ns) / 1e3;
}

static double import_us(struct bench *bench)
{
  struct error error;
  struct arena arena;
  struct seat_plan plan;
  arena_init(&arena, &bench->memory);
  int64_t begin_ns = report_now_ns();
  CHECK(seat_import_json(buffer_bytes(&bench->text), 1, &arena, &plan, &error));
  int64_t end_ns = report_now_ns();
  arena_free(&arena);
  return (double)(end_ns - begin_ns) / 1e3;
}

typedef bool write_function(const struct seat_map *map, struct buffer *buffer);

static bool write_availability(const struct seat_map *map, struct buffer *buffer)
{
  return seat_json_write_availability(map, NULL, 0, buffer);
}

static double write_us(struct bench *bench, write_function *write)
{
  struct buffer buffer;
  buffer_init(&buffer, &bench->memory);
  CHECK(write(bench->map, &buffer));
  int64_t begin_ns = report_now_ns();
  for (int i = 0; i < LONG_CALLS; i++) {
    buffer_clear(&buffer);
    CHECK(write(bench->map, &buffer));
  }
  int64_t end_ns = report_now_ns();
  buffer_free(&buffer);
  return (double)(end_ns - begin_ns) / 1e3 / LONG_CALLS;
}

static void rows_whole(struct bench *bench)
{
  struct report_series build = {0};
  struct report_series import = {0};
  struct report_series seats = {0};
  struct report_series availability = {0};
  for (int round = 0; round < ROUNDS; round++) {
    report_add(&build, build_us(bench));
    report_add(&import, import_us(bench));
  }
  fill(bench, 500);
  for (int round = 0; round < ROUNDS; round++) {
    report_add(&seats, write_us(bench, seat_json_write_seats));
    report_add(&availability, write_us(bench, write_availability));
  }
  report_ns("make the map of 50,000 seats, us", &build, 5000);
  report_ns("read its JSON, us", &import, 50000);
  report_ns("write all seats as JSON, us", &seats, 1000);
  report_ns("write the availability of 118 sections as JSON, us", &availability, 100);
  struct report_series bytes = {0};
  report_add(&bytes, (double)((uint8_t *)bench->map->heap - (uint8_t *)bench->map) /
                         bench->map->seat_count);
  report_ns("bytes of memory for a seat, texts included, holds not", &bytes, 32);
}

int main(void)
{
  struct bench bench = {.random = 0x9e3779b97f4a7c15};
  open_stadium(&bench);
  report_table();
  rows_whole(&bench);
  row_find(&bench);
  row_hold(&bench);
  row_lapse(&bench);
  rows_choose(&bench);
  row_chequered(&bench);
  seat_map_destroy(bench.map);
  buffer_free(&bench.text);
  arena_free(&bench.arena);
  CHECK_THAT(bench.memory.in_use, ==, 0);
  return 0;
}
