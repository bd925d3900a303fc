/*
 * The HTTP server's rows of docs/benchmarks.md, against nginx. Writes Markdown to stdout;
 * tools/bench puts it in its place. Servers run on core 0, clients on core 1.
 *
 *     bench_net [row ...]
 *
 *     rows: get headers post handshakes bulk bulk-tls idle fanout threads
 *     BENCH_SECONDS=N: of one round of one side; 4 unless set
 *
 * Runs in the root of the repository, where build/release/tests/api/net_server is.
 */
#include "base/check.h"
#include "base/histogram.h"
#include "fanout.h"
#include "handshakes.h"
#include "peer_nginx.h"
#include "probe.h"
#include "report.h"
#include "tested_server.h"
#include "wrk.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  ROUNDS = 5,
  SECONDS = 4,
  CONNECTIONS = 64,
  BULK_BYTES = 1 << 20,
  IDLE_CONNECTIONS = 50000,
  IDLE_LOOKS = 1000, /* single requests while all are open */
  POLL_MS = 2000,    /* each of them asks so often */
  STREAMS = 50000,
  STREAM_EVENTS = 15,
  PROBES = 16,                /* connections that ask during the fan-out */
  PROBE_INTERVAL_NS = 500000, /* between their requests */
  LATENCY_US_MAX = 10000000,
};

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* What net_server answers to /hello. */
#define HELLO                                                                       \
  "{\"status\":\"waiting\",\"position\":12345,\"eta_sec\":420,\"waiting_time\":17," \
  "\"ready_for_entry\":false}  "

/* 365 bytes: algorithm and key, issuer, audience, subject, times and scope, an ES256 signature. */
#define TOKEN                                                                                \
  "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjIwMjYtMTEifQ."                              \
  "eyJpc3MiOiJodHRwczovL3RyYWZmaWMtdGFjb3MuZXhhbXBsZSIsImF1ZCI6InRyYWZmaWMtdGFjb3MiLCJzdWIi" \
  "OiIwZjhiMmMxZS01ZDNhLTRlNzctOWE1MS03YjNjOTBkMWUyZjQiLCJpYXQiOjE3OTU3NTIwMDAsImV4cCI6MTc5" \
  "NTc1NTYwMCwic2NvcGUiOiJxdWV1ZSByZXNlcnZlIn0."                                             \
  "_E-ztuJHh5LMYpSBXKSp5ZQ1am-dzfKfSk9gqPJQdpl0HBIrx23mRAVdFVhRVqRSmtZRe3IOisGluXAPtAq01Q"

#define CLIENT_FIELDS                                                                      \
  "wrk.headers['User-Agent'] = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 " \
  "Firefox/128.0'\n"                                                                       \
  "wrk.headers['Accept'] = 'application/json, text/plain, */*'\n"                          \
  "wrk.headers['Accept-Encoding'] = 'gzip, deflate, br'\n"                                 \
  "wrk.headers['Authorization'] = 'Bearer " TOKEN "'\n"

/* A body of 50 bytes. */
static const char POST_SCRIPT[] =
    "wrk.method = 'POST'\n"
    "wrk.body = '{\"event_id\":\"evt_2026_1001\",\"seats\":[\"A-12\",\"A-13\"]}'\n"
    "wrk.headers['Content-Type'] = 'application/json'\n"
    "wrk.headers['Idempotency-Key'] = '6f1c9a52-0b7d-4c3e-8a41-d2f59e7b6c10'\n" CLIENT_FIELDS;

struct bench {
  char directory[64];
  char certificate[128], key[128], files[128];
  char tls_setting[300];
  int seconds;
  struct peer_nginx nginx;
  struct tested_server server;
};

/* ---- ours and the peer in turn ---- */

enum { OURS, THEIRS, SIDES };

struct measured {
  double figure;
  double requests;
};

struct comparison {
  struct report_series figures[SIDES];
  struct report_series cpu_us[SIDES]; /* of the server, per request */
  struct report_series busy[SIDES];   /* the server's part of its core, in percent */
  struct report_series ratios, cpu_ratios;
};

/* Measures one side: a load on the port. */
typedef struct measured measure_side(const struct bench *bench, const void *what, uint16_t port);

static void measure_round(const struct bench *bench, struct comparison *into, measure_side *measure,
                          const void *what, const uint16_t ports[SIDES])
{
  const pid_t servers[SIDES] = {bench->server.child.pid, bench->nginx.worker};
  double figures[SIDES];
  double cpu_us[SIDES];
  for (int side = 0; side < SIDES; side++) {
    int64_t begin_ns = report_now_ns();
    int64_t cpu_begin_ns = process_cpu_ns(servers[side]);
    struct measured measured = measure(bench, what, ports[side]);
    double cpu_ns = (double)(process_cpu_ns(servers[side]) - cpu_begin_ns);
    figures[side] = measured.figure;
    cpu_us[side] = cpu_ns / measured.requests / 1e3;
    report_add(&into->figures[side], figures[side]);
    report_add(&into->cpu_us[side], cpu_us[side]);
    report_add(&into->busy[side], 100 * cpu_ns / (double)(report_now_ns() - begin_ns));
  }
  report_add(&into->ratios, figures[OURS] / figures[THEIRS]);
  report_add(&into->cpu_ratios, cpu_us[THEIRS] / cpu_us[OURS]);
}

static void compare(const struct bench *bench, struct comparison *into, measure_side *measure,
                    const void *what, const uint16_t ports[SIDES])
{
  struct comparison warm_up = {0};
  *into = (struct comparison){0};
  measure_round(bench, &warm_up, measure, what, ports);
  for (int round = 0; round < ROUNDS; round++) measure_round(bench, into, measure, what, ports);
}

static void raw_pair(const char *name, const char *what, const struct report_series pair[SIDES])
{
  char text[128];
  snprintf(text, sizeof text, "%s: %s", name, what);
  report_raw(text, &pair[OURS]);
  snprintf(text, sizeof text, "%s: %s, nginx", name, what);
  report_raw(text, &pair[THEIRS]);
}

static void raw_comparison(const char *name, const char *unit, const struct comparison *comparison)
{
  raw_pair(name, unit, comparison->figures);
  raw_pair(name, "server's CPU per request, us", comparison->cpu_us);
  raw_pair(name, "of the core, percent", comparison->busy);
}

/* ---- rows under wrk ---- */

struct wrk_row {
  const char *name; /* in the raw lines */
  const char *what;
  const char *script;
  const char *scheme;
  const char *path;
  bool bulk;  /* megabytes count, not requests */
  double bar; /* of the ratio; 0: none */
  const char *bar_text;
};

static struct measured measure_wrk(const struct bench *bench, const void *what, uint16_t port)
{
  const struct wrk_row *row = what;
  struct wrk_load load = {.directory = bench->directory,
                          .script = row->script,
                          .scheme = row->scheme,
                          .port = port,
                          .path = row->path,
                          .connections = CONNECTIONS,
                          .seconds = bench->seconds};
  struct wrk_result result = wrk_run(&load);
  return (struct measured){row->bulk ? result.bytes_per_s / 1e6 : result.requests_per_s,
                           result.requests};
}

static void run_wrk_row(struct bench *bench, const struct wrk_row *row, uint32_t cores,
                        const char *setting)
{
  char text[3][128];
  struct comparison comparison;
  bool tls = strcmp(row->scheme, "https") == 0;
  tested_server_start(&bench->server, cores, bench->files,
                      (const char *const[TESTED_SERVER_SETTINGS]){setting});
  uint16_t ports[SIDES] = {bench->server.port, tls ? bench->nginx.tls_port : bench->nginx.port};
  compare(bench, &comparison, measure_wrk, row, ports);
  tested_server_stop(&bench->server);
  report_text(&comparison.figures[OURS], text[0]);
  report_text(&comparison.figures[THEIRS], text[1]);
  report_text(&comparison.ratios, text[2]);
  if (row->bar > 0)
    report_row(row->what, text[0], text[1], text[2], row->bar_text,
               report_median(&comparison.ratios) >= row->bar);
  else
    report_note(row->what, text[0], text[1], text[2]);
  raw_comparison(row->name, row->bulk ? "MB/s" : "per second", &comparison);
}

static void row_get(struct bench *bench)
{
  static const struct wrk_row row = {
      "GET",         "GET, 95 bytes of JSON, per second", NULL, "http", "/hello", false, 0.95,
      "0.95 x nginx"};
  run_wrk_row(bench, &row, CHILD_CORE_SERVER, NULL);
}

static void row_headers(struct bench *bench)
{
  static const struct wrk_row row = {"GET, browser",
                                     "the same with a token and a browser's fields",
                                     CLIENT_FIELDS,
                                     "http",
                                     "/hello",
                                     false,
                                     0,
                                     NULL};
  run_wrk_row(bench, &row, CHILD_CORE_SERVER, NULL);
}

static void row_post(struct bench *bench)
{
  static const struct wrk_row row = {
      "POST",      "POST of 50 bytes with token and idempotency key, per second",
      POST_SCRIPT, "http",
      "/hello",    false,
      0.9,         "0.9 x nginx"};
  run_wrk_row(bench, &row, CHILD_CORE_SERVER, NULL);
}

static void row_threads(struct bench *bench)
{
  static const struct wrk_row row = {"GET, reactor",
                                     "GET, a thread for sockets beside the engine's; both cores "
                                     "shared with the load",
                                     NULL,
                                     "http",
                                     "/hello",
                                     false,
                                     0,
                                     NULL};
  run_wrk_row(bench, &row, CHILD_CORE_SERVER | CHILD_CORE_LOAD, "reactors=1");
}

static void row_bulk(struct bench *bench)
{
  static const struct wrk_row row = {
      "1 MB", "GET of a file of 1 MB, MB per second", NULL, "http", "/files/block.bin", true, 0,
      NULL};
  run_wrk_row(bench, &row, CHILD_CORE_SERVER, NULL);
}

static void row_bulk_tls(struct bench *bench)
{
  static const struct wrk_row row = {
      "1 MB, TLS", "the same over TLS 1.3", NULL, "https", "/files/block.bin", true, 0, NULL};
  run_wrk_row(bench, &row, CHILD_CORE_SERVER, bench->tls_setting);
}

/* ---- handshakes ---- */

static struct measured measure_handshakes(const struct bench *bench, const void *what,
                                          uint16_t port)
{
  (void)what;
  uint64_t count;
  double per_s = handshakes_run(port, CONNECTIONS, bench->seconds, &count);
  return (struct measured){per_s, (double)count};
}

/* A client's part takes as long as the server's, so it is the server's CPU that counts. */
static void row_handshakes(struct bench *bench)
{
  char text[3][128];
  struct comparison comparison;
  tested_server_start(&bench->server, CHILD_CORE_SERVER, NULL,
                      (const char *const[TESTED_SERVER_SETTINGS]){bench->tls_setting});
  const uint16_t ports[SIDES] = {bench->server.port, bench->nginx.tls_port};
  compare(bench, &comparison, measure_handshakes, NULL, ports);
  tested_server_stop(&bench->server);
  struct report_series rates[SIDES] = {0};
  for (int side = 0; side < SIDES; side++)
    for (int i = 0; i < ROUNDS; i++)
      report_add(&rates[side], 1e6 / comparison.cpu_us[side].rounds[i]);
  report_row("TLS 1.3 handshakes, full, each with one request, per second of the server's CPU",
             report_text(&rates[OURS], text[0]), report_text(&rates[THEIRS], text[1]),
             report_text(&comparison.cpu_ratios, text[2]), "0.9 x nginx",
             report_median(&comparison.cpu_ratios) >= 0.9);
  raw_comparison("handshakes", "per second", &comparison);
}

/* ---- latency at fixed times ---- */

static void *run_probe(void *probe)
{
  /* Before whatever else runs on the load's core: its work is no latency of the server's. */
  struct sched_param first = {.sched_priority = 1};
  (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
  probe_run(probe);
  return NULL;
}

static pthread_t begin_probe(struct probe *probe)
{
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, run_probe, probe) == 0);
  return thread;
}

/* ---- many connections ---- */

static void latencies_open(struct histogram *latencies, struct memory *memory)
{
  struct error error;
  CHECK(histogram_init(latencies, memory, LATENCY_US_MAX, &error));
}

static double percentile_ms(const struct histogram *latencies, double percent)
{
  return (double)histogram_percentile(latencies, percent) / 1e3;
}

static void pause_ms(int64_t ms)
{
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* One request after another, each on a connection that has been silent. */
static void look_at_some(const struct crowd *crowd, struct histogram *latencies)
{
  char reply[CLIENT_REPLY_BYTES];
  for (int i = 0; i < IDLE_LOOKS; i++) {
    int at = (int)((int64_t)i * crowd->count / IDLE_LOOKS);
    int64_t begin_ns = report_now_ns();
    client_ask(crowd->streams[at], BYTES(GET_HELLO), reply);
    histogram_record(latencies, (uint64_t)(report_now_ns() - begin_ns) / 1000);
  }
}

static void report_memory(int count, int64_t bytes)
{
  char what[128];
  char text[128];
  struct report_series each = {0};
  report_add(&each, (double)bytes / count);
  snprintf(what, sizeof what, "memory of an idle connection, %d open, bytes", count);
  report_row(what, report_text(&each, text), "", "", "under 2,048", report_median(&each) < 2048);
}

static void report_look(const struct histogram *latencies)
{
  char text[128];
  snprintf(text, sizeof text, "%.3f (p99 %.3f)", percentile_ms(latencies, 50),
           percentile_ms(latencies, 99));
  report_note("reply on one of them, ms", text, "", "");
}

/* Every connection asks every POLL_MS. */
static void report_polling(const struct bench *bench, const struct crowd *crowd,
                           struct histogram *latencies)
{
  char what[128];
  char text[128];
  crowd_stop_waiting(crowd);
  struct probe probe = {.crowd = crowd,
                        .request = BYTES(GET_HELLO),
                        .interval_ns = (int64_t)POLL_MS * 1000000 / crowd->count,
                        .duration_ns = (int64_t)2 * bench->seconds * 1000000000,
                        .latencies = latencies};
  histogram_reset(latencies);
  CHECK(pthread_join(begin_probe(&probe), NULL) == 0);
  snprintf(what, sizeof what, "all of them ask every %d ms: p99, ms", POLL_MS);
  snprintf(text, sizeof text, "%.3f (p50 %.3f, longest %.3f)", percentile_ms(latencies, 99),
           percentile_ms(latencies, 50), (double)histogram_max(latencies) / 1e3);
  report_row(what, text, "", "", "under 10 ms, none unanswered",
             probe.unanswered == 0 && percentile_ms(latencies, 99) < 10);
}

static void row_idle(struct bench *bench)
{
  struct crowd crowd;
  struct memory memory = {0};
  struct histogram latencies;
  int count = client_descriptors(IDLE_CONNECTIONS);
  latencies_open(&latencies, &memory);
  tested_server_start(&bench->server, CHILD_CORE_SERVER, NULL, NULL);
  crowd_open(&crowd, bench->server.port, CONNECTIONS, BYTES(GET_HELLO), BYTES(""));
  crowd_close(&crowd);
  pause_ms(200);
  int64_t before = process_resident_bytes(bench->server.child.pid);
  crowd_open(&crowd, bench->server.port, count, BYTES(GET_HELLO), BYTES(""));
  pause_ms(200);
  report_memory(count, process_resident_bytes(bench->server.child.pid) - before);
  look_at_some(&crowd, &latencies);
  report_look(&latencies);
  report_polling(bench, &crowd, &latencies);
  crowd_close(&crowd);
  tested_server_stop(&bench->server);
  histogram_free(&latencies);
}

/* ---- one event to many ---- */

static double publish_and_probe(struct fanout *fanout, const struct crowd *asking, int number,
                                struct histogram *latencies)
{
  struct probe probe = {.crowd = asking,
                        .request = BYTES(GET_HELLO),
                        .interval_ns = PROBE_INTERVAL_NS,
                        .duration_ns = (int64_t)60 * 1000000000,
                        .latencies = latencies};
  pthread_t thread = begin_probe(&probe);
  double took_ms = fanout_publish(fanout, number);
  probe.stop = true;
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK_THAT(probe.unanswered, ==, 0);
  return took_ms;
}

static void report_fanout(int count, const struct report_series *took_ms,
                          const struct histogram *latencies)
{
  char what[128];
  char text[128];
  snprintf(what, sizeof what, "one event to %d streams, until the last client has read it, ms",
           count);
  report_note(what, report_text(took_ms, text), "", "");
  report_raw("fan-out, ms", took_ms);
  snprintf(text, sizeof text, "%.3f (p50 %.3f, longest %.3f, of %llu)",
           percentile_ms(latencies, 99), percentile_ms(latencies, 50),
           (double)histogram_max(latencies) / 1e3, (unsigned long long)latencies->count);
  report_row("GET on another connection meanwhile: p99, ms", text, "", "", "under 10 ms",
             percentile_ms(latencies, 99) < 10);
}

static void row_fanout(struct bench *bench)
{
  struct fanout fanout;
  struct crowd asking;
  struct memory memory = {0};
  struct histogram latencies;
  struct report_series took_ms = {0};
  int count = client_descriptors(STREAMS + PROBES) - PROBES;
  latencies_open(&latencies, &memory);
  tested_server_start(&bench->server, CHILD_CORE_SERVER, NULL, NULL);
  crowd_open(&asking, bench->server.port, PROBES, BYTES(GET_HELLO), BYTES(""));
  crowd_stop_waiting(&asking);
  fanout_open(&fanout, bench->server.port, count);
  (void)publish_and_probe(&fanout, &asking, 0, &latencies); /* warm-up */
  histogram_reset(&latencies);
  for (int i = 1; i <= STREAM_EVENTS; i++)
    report_add(&took_ms, publish_and_probe(&fanout, &asking, i, &latencies));
  report_fanout(count, &took_ms, &latencies);
  fanout_close(&fanout);
  crowd_close(&asking);
  tested_server_stop(&bench->server);
  histogram_free(&latencies);
}

/* ---- the whole ---- */

static void make_credentials(struct bench *bench)
{
  char output[256];
  snprintf(bench->certificate, sizeof bench->certificate, "%s/certificate.pem", bench->directory);
  snprintf(bench->key, sizeof bench->key, "%s/key.pem", bench->directory);
  char *make_key[] = {"openssl", "genpkey",  "-algorithm",
                      "EC",      "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-out",    bench->key, NULL};
  char *make_certificate[] = {"openssl",
                              "req",
                              "-x509",
                              "-key",
                              bench->key,
                              "-subj",
                              "/CN=localhost",
                              "-addext",
                              "subjectAltName=DNS:localhost,IP:127.0.0.1",
                              "-days",
                              "2",
                              "-out",
                              bench->certificate,
                              NULL};
  child_run(CHILD_CORE_LOAD, make_key, output, sizeof output);
  child_run(CHILD_CORE_LOAD, make_certificate, output, sizeof output);
  snprintf(bench->tls_setting, sizeof bench->tls_setting, "tls=%s,%s", bench->certificate,
           bench->key);
}

/* A file that no compression makes smaller. */
static void make_block(struct bench *bench)
{
  char path[160];
  uint64_t random = 0x9e3779b97f4a7c15;
  snprintf(bench->files, sizeof bench->files, "%s/files", bench->directory);
  snprintf(path, sizeof path, "%s/block.bin", bench->files);
  CHECK(mkdir(bench->files, 0755) == 0);
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  for (size_t i = 0; i < BULK_BYTES / sizeof random; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    CHECK(fwrite(&random, sizeof random, 1, file) == 1);
  }
  CHECK(fclose(file) == 0);
}

/* Both answer with the same bytes. */
static void check_same(struct bench *bench)
{
  tested_server_start(&bench->server, CHILD_CORE_SERVER, NULL, NULL);
  const uint16_t ports[SIDES] = {bench->server.port, bench->nginx.port};
  for (int side = 0; side < SIDES; side++) {
    char reply[CLIENT_REPLY_BYTES];
    int stream = client_connect(ports[side], 0);
    client_ask(stream, BYTES(GET_HELLO), reply);
    CHECK(strcmp(client_body(reply), HELLO) == 0);
    close(stream);
  }
  tested_server_stop(&bench->server);
}

static void prepare(struct bench *bench)
{
  const char *seconds = getenv("BENCH_SECONDS");
  bench->seconds = seconds == NULL ? SECONDS : (int)strtol(seconds, NULL, 10);
  CHECK_THAT(bench->seconds, >, 0);
  CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR); /* whoever ignores it gets no status to wait for */
  child_bind_self(CHILD_CORE_LOAD);
  snprintf(bench->directory, sizeof bench->directory, "/tmp/bench-net-XXXXXX");
  CHECK(mkdtemp(bench->directory) != NULL);
  /* nginx's worker is another user. */
  CHECK(chmod(bench->directory, 0755) == 0);
  make_credentials(bench);
  make_block(bench);
  peer_nginx_start(&bench->nginx, bench->directory, HELLO);
  check_same(bench);
}

static void finish(struct bench *bench)
{
  char output[256];
  peer_nginx_stop(&bench->nginx);
  char *arguments[] = {"rm", "-rf", bench->directory, NULL};
  child_run(CHILD_CORE_LOAD, arguments, output, sizeof output);
}

struct row {
  const char *name;
  void (*run)(struct bench *bench);
};

static const struct row ROWS[] = {
    {"get", row_get},         {"headers", row_headers},
    {"post", row_post},       {"handshakes", row_handshakes},
    {"bulk", row_bulk},       {"bulk-tls", row_bulk_tls},
    {"idle", row_idle},       {"fanout", row_fanout},
    {"threads", row_threads},
};

static bool wanted(const char *name, int count, char **names)
{
  for (int i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0) return true;
  return count == 0;
}

int main(int count, char **arguments)
{
  struct bench bench = {0};
  prepare(&bench);
  report_table();
  for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
    if (wanted(ROWS[i].name, count - 1, arguments + 1)) ROWS[i].run(&bench);
  finish(&bench);
  return 0;
}
