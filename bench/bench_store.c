/*
 * The store's rows of docs/benchmarks.md. Writes Markdown to stdout; tools/bench puts it in its
 * place.
 *
 *     bench_store [--dir DIR] [row ...]      rows: hold get recovery stall
 */
#include "base/check.h"
#include "base/histogram.h"
#include "base/world_linux.h"
#include "peer_rocksdb.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
  ROUNDS = 5,
  GROUP = 64, /* holds that share one sync: 64 clients that wait for theirs */
  HOLDS_PER_ROUND = 16384,
  HOLD_TICKETS = 250000,
  GETS_PER_ROUND = 1000000,
};

struct bench {
  struct world_linux linux_world;
  struct world *world;
  const char *directory;
  char path[512];
  struct store *store;
  struct hold_tables tables;
  struct hold_expressions expressions;
  struct arena arena;    /* of one transaction */
  struct arena compiled; /* of the expressions */
};

static const char *bench_path(struct bench *bench, const char *name)
{
  snprintf(bench->path, sizeof bench->path, "%s/%s", bench->directory, name);
  return bench->path;
}

static void remove_tree(struct bench *bench, const char *name)
{
  char command[600];
  snprintf(command, sizeof command, "rm -rf '%s'", bench_path(bench, name));
  CHECK(system(command) == 0);
}

static void print_report(void *context, const char *message)
{
  (void)context;
  fprintf(stderr, "store: %s\n", message);
}

static void open_store(struct bench *bench, uint64_t snapshot_log_bytes)
{
  struct error error;
  struct store_options options = {
      .directory = bench_path(bench, "store"),
      .threads = true,
      .snapshot_log_bytes = snapshot_log_bytes,
      .report = print_report,
  };
  bench->store = store_open(bench->world, &options, &error);
  if (bench->store == NULL) fprintf(stderr, "%s\n", error.message);
  CHECK(bench->store != NULL);
}

static void prepare(struct bench *bench, uint64_t snapshot_log_bytes)
{
  remove_tree(bench, "store");
  open_store(bench, snapshot_log_bytes);
  hold_tables_open(bench->store, &bench->tables);
  arena_init(&bench->arena, &bench->world->memory);
  arena_init(&bench->compiled, &bench->world->memory);
  hold_compile(&bench->compiled, &bench->expressions);
}

static void finish(struct bench *bench)
{
  struct error error;
  arena_free(&bench->arena);
  arena_free(&bench->compiled);
  CHECK(store_close(bench->store, &error));
  remove_tree(bench, "store");
}

/* ---- hold: the transaction of six items, durable ---- */

/*
 * Holds per second over `holds` holds in groups, each made durable by one sync while the next one
 * is executed: 128 clients, of which 64 wait for the disk.
 */
static double run_holds(struct bench *bench, uint64_t first, uint64_t holds)
{
  struct error error;
  uint64_t sequence = 0;
  uint64_t syncing = 0;
  int64_t begin_ns = report_now_ns();
  for (uint64_t i = 0; i < holds; i++) {
    arena_reset(&bench->arena);
    CHECK(hold_run(bench->store, &bench->tables, &bench->expressions, first + i, &bench->arena,
                   &sequence));
    if (i % GROUP != GROUP - 1) continue;
    CHECK(store_wait(bench->store, syncing, &error));
    (void)store_tick(bench->store);
    syncing = sequence;
  }
  CHECK(store_wait(bench->store, syncing, &error));
  return (double)holds * 1e9 / (double)(report_now_ns() - begin_ns);
}

static double run_peer_holds(struct peer_rocksdb *peer, struct arena *arena, uint64_t first,
                             uint64_t holds)
{
  int64_t begin_ns = report_now_ns();
  for (uint64_t i = 0; i < holds; i++) {
    arena_reset(arena);
    peer_rocksdb_hold(peer, first + i, arena);
    if (i % GROUP != GROUP - 1) continue;
    peer_rocksdb_wait(peer);
    peer_rocksdb_sync_begin(peer);
  }
  peer_rocksdb_wait(peer);
  return (double)holds * 1e9 / (double)(report_now_ns() - begin_ns);
}

static void row_hold(struct bench *bench)
{
  struct report_series ours = {0};
  struct report_series theirs = {0};
  struct report_series ratios = {0};
  char text[3][128];
  prepare(bench, 0);
  remove_tree(bench, "rocksdb");
  struct peer_rocksdb *peer = peer_rocksdb_open(bench_path(bench, "rocksdb"));
  hold_load_tickets(bench->store, &bench->tables, 0, HOLD_TICKETS);
  peer_rocksdb_load_tickets(peer, 0, HOLD_TICKETS);
  uint64_t first = 0;
  for (int round = -1; round < ROUNDS; round++, first += HOLDS_PER_ROUND) {
    double our = run_holds(bench, first, HOLDS_PER_ROUND);
    double their = run_peer_holds(peer, &bench->arena, first, HOLDS_PER_ROUND);
    if (round < 0) continue; /* warm-up */
    report_add(&ours, our);
    report_add(&theirs, their);
    report_add(&ratios, our / their);
  }
  peer_rocksdb_close(peer);
  finish(bench);
  remove_tree(bench, "rocksdb");
  report_row("transaction of 6 items, durable, groups of 64, per second",
             report_text(&ours, text[0]), report_text(&theirs, text[1]),
             report_text(&ratios, text[2]), "8 x RocksDB", report_median(&ratios) >= 8);
}

/* Lets background work come to its end. */
static void settle(struct bench *bench)
{
  while (store_tick(bench->store) || store_snapshot_busy(bench->store))
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void take_snapshot(struct bench *bench)
{
  struct error error;
  CHECK(store_snapshot_begin(bench->store, &error) == STORE_OK);
  settle(bench);
}

static void row_hold_growth(struct bench *bench)
{
  char text[3][128];
  struct report_series small = {0};
  struct report_series large = {0};
  prepare(bench, 0);
  hold_load_tickets(bench->store, &bench->tables, 0, HOLD_TICKETS);
  uint64_t first = 0;
  for (int round = 0; round < ROUNDS; round++, first += HOLDS_PER_ROUND)
    report_add(&small, run_holds(bench, first, HOLDS_PER_ROUND));
  hold_load_tickets(bench->store, &bench->tables, HOLD_TICKETS, (uint64_t)9 * HOLD_TICKETS);
  settle(bench); /* the snapshot that so much new data brought about */
  for (int round = 0; round < ROUNDS; round++, first += HOLDS_PER_ROUND)
    report_add(&large, run_holds(bench, HOLD_TICKETS + first, HOLDS_PER_ROUND));
  finish(bench);
  double ratio = report_median(&large) / report_median(&small);
  snprintf(text[2], sizeof text[2], "%.2f", ratio);
  report_row("the same with 10 x the tickets (2.5 million)", report_text(&large, text[0]),
             report_text(&small, text[1]), text[2], "no less than log n: 0.8", ratio >= 0.8);
  report_raw("transactions per second, 2.5 million tickets", &large);
  report_raw("transactions per second, 250,000 tickets", &small);
}

/* ---- get: by key, in process ---- */

static uint64_t next_random(uint64_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* Nanoseconds per get of random tickets; keys are made beforehand, in chunks outside the time. */
static double run_gets(struct bench *bench, uint64_t tickets)
{
  enum { CHUNK = 10000 };
  struct value *keys = calloc(CHUNK, 2 * sizeof *keys);
  CHECK(keys != NULL);
  uint64_t random = 0x9e3779b97f4a7c15;
  uint64_t found = 0;
  int64_t spent_ns = 0;
  for (int done = 0; done < GETS_PER_ROUND; done += CHUNK) {
    arena_reset(&bench->arena);
    for (int i = 0; i < CHUNK; i++)
      hold_ticket_key(&bench->arena, next_random(&random) % tickets, &keys[2 * i],
                      &keys[2 * i + 1]);
    int64_t begin_ns = report_now_ns();
    for (int i = 0; i < CHUNK; i++)
      found += store_find(bench->tables.tickets, keys[2 * i], keys[2 * i + 1]).size > 0;
    spent_ns += report_now_ns() - begin_ns;
  }
  CHECK_THAT(found, ==, GETS_PER_ROUND);
  free(keys);
  return (double)spent_ns / GETS_PER_ROUND;
}

static void get_rows(struct bench *bench, uint64_t tickets, const char *what, double bar_ns)
{
  char text[128];
  char bar[32];
  struct report_series rounds = {0};
  (void)run_gets(bench, tickets);
  for (int round = 0; round < ROUNDS; round++) report_add(&rounds, run_gets(bench, tickets));
  snprintf(bar, sizeof bar, "under %.0f ns", bar_ns);
  report_row(what, report_text(&rounds, text), "", "", bar, report_median(&rounds) < bar_ns);
  report_raw(what, &rounds);
}

static void row_get(struct bench *bench)
{
  prepare(bench, UINT64_MAX / 2);
  hold_load_tickets(bench->store, &bench->tables, 0, 1000000);
  get_rows(bench, 1000000, "get by key, 1 million items, ns", 400);
  hold_load_tickets(bench->store, &bench->tables, 1000000, 9000000);
  get_rows(bench, 10000000, "get by key, 10 million items, ns", 400);
  struct store_statistics statistics;
  store_statistics(bench->store, &statistics);
  struct report_series bytes = {0};
  report_add(&bytes, (double)statistics.mapped_bytes / (double)statistics.items);
  report_raw("bytes of memory per ticket: 14 attributes, one index", &bytes);
  finish(bench);
}

/* ---- recovery: restart with a million tickets and a million reservations ---- */

static double reopen(struct bench *bench)
{
  struct error error;
  CHECK(store_close(bench->store, &error));
  int64_t begin_ns = report_now_ns();
  open_store(bench, UINT64_MAX / 2);
  return (double)(report_now_ns() - begin_ns) / 1e6;
}

static void row_recovery(struct bench *bench)
{
  char text[128];
  struct report_series from_log = {0};
  struct report_series from_snapshot = {0};
  prepare(bench, UINT64_MAX / 2);
  hold_load_tickets(bench->store, &bench->tables, 0, 1000000);
  hold_load_reservations(bench->store, &bench->tables, 0, 1000000);
  for (int round = 0; round < ROUNDS; round++) report_add(&from_log, reopen(bench));
  take_snapshot(bench);
  for (int round = 0; round < ROUNDS; round++) report_add(&from_snapshot, reopen(bench));
  report_row("restart, 1 million tickets and 1 million reservations, from a snapshot, ms",
             report_text(&from_snapshot, text), "", "", "under 2,000 ms",
             report_median(&from_snapshot) < 2000);
  report_row("the same from the log alone, ms", report_text(&from_log, text), "", "",
             "under 2,000 ms", report_median(&from_log) < 2000);
  report_raw("restart from a snapshot, ms", &from_snapshot);
  report_raw("restart from the log, ms", &from_log);
  finish(bench);
}

/* ---- stall: the longest the engine is kept from work while a snapshot of 1 GB is taken ---- */

/*
 * Runs holds and ticks until the snapshot is done; records how long each turn of the loop took,
 * without waiting for a sync.
 */
static void run_through_snapshot(struct bench *bench, struct histogram *turns, uint64_t first)
{
  struct error error;
  uint64_t sequence;
  CHECK(store_snapshot_begin(bench->store, &error) == STORE_OK);
  for (uint64_t i = 0; store_snapshot_busy(bench->store); i++) {
    int64_t begin_ns = report_now_ns();
    arena_reset(&bench->arena);
    CHECK(hold_run(bench->store, &bench->tables, &bench->expressions, first + i, &bench->arena,
                   &sequence));
    (void)store_tick(bench->store);
    histogram_record(turns, (uint64_t)(report_now_ns() - begin_ns));
    if (i % GROUP == GROUP - 1) CHECK(store_sync(bench->store, &error));
  }
}

static void row_stall(struct bench *bench)
{
  enum { TICKETS = 3200000 };
  char text[128];
  struct error error;
  struct histogram turns;
  struct store_statistics statistics;
  prepare(bench, UINT64_MAX / 2);
  hold_load_tickets(bench->store, &bench->tables, 0, TICKETS);
  CHECK(histogram_init(&turns, &bench->world->memory, (uint64_t)10000000000, &error));
  run_through_snapshot(bench, &turns, 0);
  store_statistics(bench->store, &statistics);
  double longest_ms = (double)turns.greatest / 1e6;
  snprintf(text, sizeof text, "%.2f (p99.9 %.3f)", longest_ms,
           (double)histogram_percentile(&turns, 99.9) / 1e6);
  report_row("longest turn of the loop while a 1 GB snapshot is taken under load, ms", text, "", "",
             "under 5 ms", longest_ms < 5);
  CHECK_THAT(statistics.snapshots, ==, 1);
  histogram_free(&turns);
  finish(bench);
}

struct row {
  const char *name;
  void (*run)(struct bench *bench);
};

static const struct row ROWS[] = {
    {"hold", row_hold},         {"growth", row_hold_growth}, {"get", row_get},
    {"recovery", row_recovery}, {"stall", row_stall},
};

static bool wanted(const char *name, int count, char **names)
{
  for (int i = 0; i < count; i++) {
    if (strcmp(names[i], name) == 0) return true;
  }
  return count == 0;
}

int main(int count, char **arguments)
{
  struct bench bench = {.directory = "build/bench"};
  int first = 1;
  if (count > 2 && strcmp(arguments[1], "--dir") == 0) {
    bench.directory = arguments[2];
    first = 3;
  }
  char command[600];
  snprintf(command, sizeof command, "mkdir -p '%s'", bench.directory);
  CHECK(system(command) == 0);
  world_linux_init(&bench.linux_world);
  bench.world = &bench.linux_world.world;
  report_table();
  for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
    if (wanted(ROWS[i].name, count - first, arguments + first)) ROWS[i].run(&bench);
  }
  return 0;
}
