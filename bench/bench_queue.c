/*
 * The queues' rows of docs/benchmarks.md. Writes Markdown to stdout; tools/bench puts it in its
 * place.
 *
 *     bench_queue [--dir DIR] [row ...]      rows: durable growth fifo
 *
 * Everything but the growth rows is durable: groups share one sync while the next is executed.
 */
#include "base/check.h"
#include "base/world_linux.h"
#include "queue/state.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
  ROUNDS = 5,
  GROUP = 64,                 /* operations that share one sync: 64 clients that wait for theirs */
  MESSAGES_PER_ROUND = 20480, /* a multiple of GROUP and of QUEUE_BATCH_MAX */
  BODY_BYTES = 300,           /* an event with its envelope */
  MILLION = 1000000,
  SAMPLES = 100000, /* operations timed at each size of the queue */
};

struct bench {
  struct world_linux linux_world;
  struct world *world;
  const char *directory;
  char path[512];
  struct store *store;
  struct memory memory; /* of the queues */
  struct queues *queues;
  struct queue *queue;
  struct arena arena;
  int64_t now_ms;
  uint64_t sent;
  uint64_t appended; /* newest sequence */
  uint64_t syncing;
  int64_t queues_open_ns;
  char body[BODY_BYTES];
};

static void remove_store(struct bench *bench)
{
  char command[600];
  snprintf(bench->path, sizeof bench->path, "%s/queue", bench->directory);
  snprintf(command, sizeof command, "rm -rf '%s'", bench->path);
  CHECK(system(command) == 0);
}

static void print_report(void *context, const char *message)
{
  (void)context;
  fprintf(stderr, "store: %s\n", message);
}

static void open_all(struct bench *bench)
{
  struct error error;
  struct store_options options = {
      .directory = bench->path,
      .threads = true,
      .snapshot_log_bytes = UINT64_MAX / 2,
      .report = print_report,
  };
  bench->store = store_open(bench->world, &options, &error);
  if (bench->store == NULL) fprintf(stderr, "%s\n", error.message);
  CHECK(bench->store != NULL);
  bench->now_ms = world_clock_ms(bench->world);
  int64_t begin_ns = report_now_ns();
  bench->queues = queues_open(bench->store, &bench->memory, bench->world, bench->now_ms, &error);
  if (bench->queues == NULL) fprintf(stderr, "%s\n", error.message);
  CHECK(bench->queues != NULL);
  bench->queues_open_ns = report_now_ns() - begin_ns;
  arena_init(&bench->arena, &bench->world->memory);
}

static void make_queue(struct bench *bench, bool fifo)
{
  struct error error;
  struct queue_settings settings;
  queue_settings_init(&settings, fifo);
  struct bytes name = fifo ? BYTES("bench.fifo") : BYTES("bench");
  CHECK(queue_create(bench->queues, name, &settings, NULL, 0, bench->now_ms, &bench->queue,
                     &bench->appended, &error) == QUEUE_OK);
}

static void prepare(struct bench *bench, bool fifo)
{
  remove_store(bench);
  bench->appended = bench->syncing = bench->sent = 0;
  open_all(bench);
  make_queue(bench, fifo);
  memset(bench->body, 'x', sizeof bench->body);
}

static void close_all(struct bench *bench)
{
  struct error error;
  arena_free(&bench->arena);
  queues_close(bench->queues);
  CHECK(store_close(bench->store, &error));
}

static void finish(struct bench *bench)
{
  close_all(bench);
  remove_store(bench);
}

/* Lets the disk write a group while the next one is executed. */
static void end_group(struct bench *bench)
{
  struct error error;
  CHECK(store_wait(bench->store, bench->syncing, &error));
  (void)store_tick(bench->store);
  store_flush(bench->store);
  (void)queues_tick(bench->queues, bench->now_ms);
  bench->syncing = bench->appended;
}

static void end_all(struct bench *bench)
{
  end_group(bench);
  end_group(bench);
}

/* ---- operations ---- */

static void commit(struct bench *bench, struct plan *plan)
{
  struct error error;
  struct store_transact_result result;
  CHECK(plan_commit(plan, &result, &error) == STORE_OK);
  bench->appended = result.sequence;
}

static void send_one(struct bench *bench)
{
  struct plan plan;
  struct queue_sent sent;
  char group[16], deduplication[24];
  bool fifo = queue_settings(bench->queue)->fifo;
  struct queue_draft draft = {.body = bytes_of(bench->body, sizeof bench->body), .delay_s = -1};
  uint64_t number = bench->sent++;
  if (fifo) {
    int size = snprintf(group, sizeof group, "g%u", (unsigned)(number % 1000));
    draft.group = bytes_of(group, (size_t)size);
    size = snprintf(deduplication, sizeof deduplication, "d%llu", (unsigned long long)number);
    draft.deduplication = bytes_of(deduplication, (size_t)size);
  }
  arena_reset(&bench->arena);
  plan_init(&plan, bench->store, &bench->arena);
  CHECK(queue_send(bench->queue, &plan, &draft, bench->now_ms, &sent) == QUEUE_OK);
  commit(bench, &plan);
}

/* Receives up to ten; how many. */
static uint32_t receive(struct bench *bench, struct queue_batch *batch)
{
  struct error error;
  const struct queue_request request = {
      .max = QUEUE_BATCH_MAX, .visibility_s = -1, .now_ms = bench->now_ms};
  arena_reset(&bench->arena);
  CHECK(queue_receive(bench->queue, &request, &bench->arena, batch, &error) == QUEUE_OK);
  bench->appended = batch->sequence;
  return batch->count;
}

static void delete_batch(struct bench *bench, const struct queue_batch *batch)
{
  struct plan plan;
  plan_init(&plan, bench->store, &bench->arena);
  for (uint32_t i = 0; i < batch->count; i++) {
    struct bytes receipt = bytes_of(batch->messages[i].receipt, QUEUE_RECEIPT_TEXT);
    CHECK(queue_delete(bench->queue, &plan, receipt, bench->now_ms) == QUEUE_OK);
  }
  commit(bench, &plan);
}

/* ---- durable rates ---- */

static double per_second(uint64_t count, int64_t begin_ns)
{
  return (double)count * 1e9 / (double)(report_now_ns() - begin_ns);
}

static double run_sends(struct bench *bench)
{
  int64_t begin_ns = report_now_ns();
  for (int i = 1; i <= MESSAGES_PER_ROUND; i++) {
    send_one(bench);
    if (i % GROUP == 0) end_group(bench);
  }
  end_all(bench);
  return per_second(MESSAGES_PER_ROUND, begin_ns);
}

/* Receives of ten and a delete of each ten. */
static double run_receives(struct bench *bench)
{
  struct queue_batch batch;
  int64_t begin_ns = report_now_ns();
  uint32_t done = 0;
  for (int i = 1; done < MESSAGES_PER_ROUND; i++) {
    uint32_t count = receive(bench, &batch);
    CHECK_THAT(count, >, 0);
    delete_batch(bench, &batch);
    done += count;
    if (i % (GROUP / QUEUE_BATCH_MAX) == 0) end_group(bench);
  }
  end_all(bench);
  return per_second(MESSAGES_PER_ROUND, begin_ns);
}

static void durable_rows(struct bench *bench, bool fifo)
{
  char text[128];
  const char *what[2] = {
      fifo ? "FIFO send, 300 bytes, a thousand groups, durable, per second"
           : "send, 300 bytes, durable, groups of 64, per second",
      fifo ? "FIFO receive and delete, ten at a time, durable, messages per second"
           : "receive and delete, ten at a time, durable, messages per second",
  };
  struct report_series series[2] = {0};
  prepare(bench, fifo);
  for (int round = -1; round < ROUNDS; round++) {
    double rates[2];
    rates[0] = run_sends(bench);
    rates[1] = run_receives(bench);
    for (int i = 0; i < 2 && round >= 0; i++) report_add(&series[i], rates[i]);
  }
  finish(bench);
  for (int i = 0; i < 2; i++) {
    report_row(what[i], report_text(&series[i], text), "", "", "over 50,000",
               report_median(&series[i]) > 50000);
    report_raw(what[i], &series[i]);
  }
}

static void row_durable(struct bench *bench)
{
  durable_rows(bench, false);
}

static void row_fifo(struct bench *bench)
{
  durable_rows(bench, true);
}

/* ---- growth: what an operation costs, and a message weighs ---- */

enum operation { SEND, RECEIVE, DELETE, OPERATIONS };

struct measured {
  double ns[OPERATIONS]; /* per message */
  double bytes;          /* of a message over its body */
  double beside;         /* of these, beside the store */
  double open_ms;
  double queues_open_ms; /* of these, after the store's */
};

static void fill(struct bench *bench, uint64_t count)
{
  for (uint64_t i = 0; i < count; i++) {
    send_one(bench);
    if (i % 1024 == 0) end_group(bench);
  }
  end_all(bench);
}

/* Of this thread: what others do to the machine meanwhile is not the operation's cost. */
static int64_t processor_ns(void)
{
  struct timespec time;
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The time of the calls alone; the disk has its own rows. */
static void time_operations(struct bench *bench, struct measured *measured)
{
  struct queue_batch batch;
  int64_t spent_ns[OPERATIONS] = {0};
  for (int i = 0; i < SAMPLES; i += QUEUE_BATCH_MAX) {
    int64_t times[OPERATIONS + 1];
    times[0] = processor_ns();
    for (int k = 0; k < QUEUE_BATCH_MAX; k++) send_one(bench);
    times[1] = processor_ns();
    CHECK_THAT(receive(bench, &batch), ==, QUEUE_BATCH_MAX);
    times[2] = processor_ns();
    delete_batch(bench, &batch);
    times[3] = processor_ns();
    for (int k = 0; k < OPERATIONS; k++) spent_ns[k] += times[k + 1] - times[k];
    if (i % 1000 == 0) end_group(bench);
  }
  end_all(bench);
  for (int k = 0; k < OPERATIONS; k++) measured->ns[k] = (double)spent_ns[k] / SAMPLES;
}

static void measure(struct bench *bench, uint64_t count, struct measured *measured)
{
  struct store_statistics statistics;
  struct queue_counts counts;
  queue_counts(bench->queue, bench->now_ms, &counts);
  fill(bench, count - counts.visible);
  store_statistics(bench->store, &statistics);
  measured->beside = (double)bench->memory.in_use / (double)count;
  measured->bytes = (double)statistics.mapped_bytes / (double)count + measured->beside - BODY_BYTES;
  time_operations(bench, measured);
}

static void reopen(struct bench *bench, struct measured *measured)
{
  close_all(bench);
  int64_t begin_ns = report_now_ns();
  open_all(bench);
  measured->open_ms = (double)(report_now_ns() - begin_ns) / 1e6;
  measured->queues_open_ms = (double)bench->queues_open_ns / 1e6;
  bench->queue = queue_find(bench->queues, BYTES("bench"));
  CHECK(bench->queue != NULL);
}

static void print_number(const char *what, double number, const char *peer, double ratio,
                         const char *bar, bool reached)
{
  char text[64], ratio_text[32] = "";
  snprintf(text, sizeof text, "%.0f", number);
  if (ratio > 0) snprintf(ratio_text, sizeof ratio_text, "%.2f", ratio);
  report_row(what, text, peer, ratio_text, bar, reached);
}

static void row_growth(struct bench *bench)
{
  static const char *const names[] = {"send", "receive", "delete"};
  struct measured small, large;
  char what[128], peer[64];
  prepare(bench, false);
  measure(bench, MILLION, &small);
  reopen(bench, &small);
  measure(bench, (uint64_t)10 * MILLION, &large);
  finish(bench);
  print_number("memory of a message over its body, 1 million waiting, bytes", small.bytes, "", 0,
               "under 350", small.bytes < 350);
  print_number("of these, beside the store, bytes", small.beside, "", 0, "under 100",
               small.beside < 100);
  print_number("restart with 1 million messages, from the log, ms", small.open_ms, "", 0,
               "under 3,000", small.open_ms < 3000);
  print_number("of these, the queues' scan, ms", small.queues_open_ms, "", 0, "under 1,500",
               small.queues_open_ms < 1500);
  for (int i = 0; i < OPERATIONS; i++) {
    snprintf(what, sizeof what,
             "%s of a message, 10 million waiting, ns of processor (against 1 million)", names[i]);
    snprintf(peer, sizeof peer, "%.0f", small.ns[i]);
    double ratio = large.ns[i] / small.ns[i];
    print_number(what, large.ns[i], peer, ratio, "constant: under 1.5", ratio < 1.5);
  }
}

struct row {
  const char *name;
  void (*run)(struct bench *bench);
};

static const struct row ROWS[] = {
    {"durable", row_durable}, {"fifo", row_fifo}, {"growth", row_growth}};

static bool wanted(const char *name, int count, char **names)
{
  for (int i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0) return true;
  return count == 0;
}

int main(int count, char **arguments)
{
  static struct bench bench = {.directory = "build/bench"};
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
  for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
    if (wanted(ROWS[i].name, count - first, arguments + first)) ROWS[i].run(&bench);
  return 0;
}
