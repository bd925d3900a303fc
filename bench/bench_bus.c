/*
 * The event bus's rows of docs/benchmarks.md. Writes Markdown to stdout; tools/bench puts it in its
 * place.
 *
 *     bench_bus [row ...]      rows: none some mixed build
 *
 * The peer of a match is what a bus without a machine does: the event is read once, then the parsed
 * pattern of each rule is held against it.
 */
#include "base/check.h"
#include "bus/pattern_parts.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

enum {
  ROUNDS = 5,
  EVENTS = 1000, /* different ones */
  OUR_MATCHES = 100000,
  PEER_EVALUATIONS = 5000000, /* rules tried in a round of the peer */
  RULES_MOST = 10000,
  TEXT_BYTES = 768,
};

struct bench {
  struct memory memory;
  struct arena arena; /* of one match */
  struct arena peer_arena;
  struct pattern_set *set;
  struct paths paths; /* the peer's */
  struct pattern *patterns[RULES_MOST];
  uint32_t count;
  char events[EVENTS][TEXT_BYTES];
};

typedef void write_rule(uint32_t rule, char text[TEXT_BYTES]);

/* What a subscriber to one event's reservations asks for; all rules share a field. */
static void write_reservation_rule(uint32_t rule, char text[TEXT_BYTES])
{
  snprintf(text, TEXT_BYTES,
           "{\"source\":[\"reservation.service\"],\"detail\":{\"eventId\":[\"evt_%u\"]}}", rule);
}

/* One of everything the language has. */
static void write_mixed_rule(uint32_t rule, char text[TEXT_BYTES])
{
  static const char *const formats[] = {
      "{\"detail\":{\"eventId\":[{\"prefix\":\"evt_%u-\"}]}}",
      "{\"detail\":{\"seat\":[{\"suffix\":\"-%u\"}],\"status\":[{\"anything-but\":\"sold\"}]}}",
      "{\"detail\":{\"user\":[{\"wildcard\":\"*-%u-*@example.com\"}]}}",
      "{\"source\":[\"reservation.service\"],\"detail\":{\"price\":[{\"numeric\":[\"=\",%u.5]}]}}",
      "{\"detail\":{\"eventId\":[{\"equals-ignore-case\":\"EVT_%u\"}],\"x\":[{\"exists\":false}]}}",
      "{\"detail-type\":[\"reservation.held\"],\"detail\":{\"reservationId\":[\"rsv_%u\"]}}",
      "{\"$or\":[{\"account\":[\"%u\"]},{\"detail\":{\"seat\":[\"X-%u\"]}}]}"};
  snprintf(text, TEXT_BYTES, formats[rule % 7], rule, rule);
}

/* About 600 bytes, as the reservation service publishes. */
static void write_event(uint32_t number, char text[TEXT_BYTES])
{
  int size = snprintf(
      text, TEXT_BYTES,
      "{\"version\":\"0\",\"id\":\"6a7e8feb-b491-4cf7-a9f1-%012u\",\"detail-type\":"
      "\"reservation.held\",\"source\":\"reservation.service\",\"account\":\"000000000000\","
      "\"time\":\"2026-01-02T03:04:05Z\",\"region\":\"local\",\"resources\":[\"tacos:event/%u\"],"
      "\"detail\":{\"eventId\":\"evt_%u\",\"reservationId\":\"rsv_01J0000000000000000000%u\","
      "\"user\":\"someone-%u@example.org\",\"status\":\"held\",\"price\":120000.25,"
      "\"currency\":\"KRW\",\"seat\":\"A-%u-x\",\"quantity\":2,\"expiresAt\":1767323045,"
      "\"items\":[\"A-1\",\"A-2\"],\"trace\":{\"id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
      "\"sampled\":true}}}",
      number, number, number, number, number, number);
  CHECK(size > 0 && size < TEXT_BYTES);
}

static void prepare(struct bench *bench, write_rule *write, uint32_t rules, uint32_t first_event)
{
  char text[TEXT_BYTES];
  struct error error;
  memset(bench, 0, sizeof(*bench));
  arena_init(&bench->arena, &bench->memory);
  arena_init(&bench->peer_arena, &bench->memory);
  bench->set = pattern_set_new(&bench->memory, 1);
  CHECK(bench->set != NULL && paths_init(&bench->paths, &bench->peer_arena, 1));
  for (uint32_t rule = 0; rule < rules; rule++) {
    write(rule, text);
    CHECK(pattern_set_add(bench->set, rule, bytes_of_text(text), &error));
    struct pattern *pattern = pattern_parse(bytes_of_text(text), &bench->peer_arena, &error);
    CHECK(pattern != NULL && paths_resolve(&bench->paths, pattern));
    bench->patterns[bench->count++] = pattern;
  }
  /* A removed rule's worth of additions behind it, the machine is built by the first match. */
  for (uint32_t rule = 0; rule <= PATTERN_RECENT_MAX; rule++)
    CHECK(pattern_set_add(bench->set, RULES_MOST + rule, BYTES("{\"x\":[1]}"), &error));
  for (uint32_t rule = 0; rule <= PATTERN_RECENT_MAX; rule++)
    CHECK(pattern_set_remove(bench->set, RULES_MOST + rule));
  for (uint32_t i = 0; i < EVENTS; i++) write_event(first_event + i, bench->events[i]);
}

static void finish(struct bench *bench)
{
  pattern_set_free(bench->set);
  arena_free(&bench->arena);
  arena_free(&bench->peer_arena);
  CHECK_THAT(bench->memory.in_use, ==, 0);
}

/* Nanoseconds per event. */
static double run_ours(struct bench *bench, uint64_t expected)
{
  struct error error;
  struct pattern_matches matches;
  uint64_t found = 0;
  int64_t begin_ns = report_now_ns();
  for (uint32_t i = 0; i < OUR_MATCHES; i++) {
    arena_reset(&bench->arena);
    CHECK(pattern_set_match(bench->set, bytes_of_text(bench->events[i % EVENTS]), &bench->arena,
                            &matches, &error));
    found += matches.count;
  }
  CHECK_THAT(found, ==, expected * OUR_MATCHES);
  return (double)(report_now_ns() - begin_ns) / OUR_MATCHES;
}

static double run_peer(struct bench *bench, uint64_t expected)
{
  struct error error;
  struct event event;
  uint64_t found = 0;
  bool failed = false;
  uint32_t matches = PEER_EVALUATIONS / bench->count;
  if (matches > OUR_MATCHES) matches = OUR_MATCHES;
  int64_t begin_ns = report_now_ns();
  for (uint32_t i = 0; i < matches; i++) {
    arena_reset(&bench->arena);
    CHECK(event_read(&event, bytes_of_text(bench->events[i % EVENTS]), &bench->paths, &bench->arena,
                     &error));
    for (uint32_t rule = 0; rule < bench->count; rule++)
      found += pattern_holds(bench->patterns[rule], &event, &bench->arena, &failed);
  }
  CHECK(!failed);
  CHECK_THAT(found, ==, expected * matches);
  return (double)(report_now_ns() - begin_ns) / matches;
}

static double row_match(struct bench *bench, const char *what, uint64_t expected, const char *bar,
                        double bar_ns)
{
  char text[3][128];
  struct report_series ours = {0};
  struct report_series theirs = {0};
  struct report_series ratios = {0};
  (void)run_ours(bench, expected);
  for (int round = 0; round < ROUNDS; round++) {
    double our = run_ours(bench, expected);
    double their = run_peer(bench, expected);
    report_add(&ours, our);
    report_add(&theirs, their);
    report_add(&ratios, their / our);
  }
  report_row(what, report_text(&ours, text[0]), report_text(&theirs, text[1]),
             report_text(&ratios, text[2]), bar, report_median(&ours) <= bar_ns);
  report_raw(what, &ours);
  return report_median(&ours);
}

static void row_none(struct bench *bench)
{
  prepare(bench, write_reservation_rule, 1, 1000000);
  double one_ns = row_match(bench, "event against 1 rule, no match, ns", 0, "under 4,000 ns", 4000);
  finish(bench);
  prepare(bench, write_reservation_rule, 100, 1000000);
  row_match(bench, "event against 100 rules, no match, ns", 0, "1.5 x of 1 rule", 1.5 * one_ns);
  finish(bench);
  prepare(bench, write_reservation_rule, RULES_MOST, 1000000);
  row_match(bench, "event against 10,000 rules, no match, ns", 0, "1.5 x of 1 rule", 1.5 * one_ns);
  finish(bench);
}

/* Each event is asked for by ten rules. */
static void write_shared_rule(uint32_t rule, char text[TEXT_BYTES])
{
  write_reservation_rule(rule / 10, text);
}

static void row_some(struct bench *bench)
{
  prepare(bench, write_shared_rule, RULES_MOST, 0);
  row_match(bench, "event against 10,000 rules of which 10 match, ns", 10, "under 6,000 ns", 6000);
  finish(bench);
}

static void row_mixed(struct bench *bench)
{
  prepare(bench, write_mixed_rule, RULES_MOST, 1000000);
  row_match(bench, "event against 10,000 rules of all operators, no match, ns", 0, "under 8,000 ns",
            8000);
  finish(bench);
}

static void row_build(struct bench *bench)
{
  static const struct {
    const char *what;
    write_rule *write;
  } shapes[] = {{"building the machine of 10,000 rules, ms", write_reservation_rule},
                {"the same with all operators, ms", write_mixed_rule}};
  for (size_t i = 0; i < 2; i++) {
    char text[128];
    struct report_series rounds = {0};
    for (int round = 0; round < ROUNDS; round++) {
      struct error error;
      struct pattern_matches matches;
      prepare(bench, shapes[i].write, RULES_MOST, 1000000);
      int64_t begin_ns = report_now_ns();
      CHECK(pattern_set_match(bench->set, BYTES("{}"), &bench->arena, &matches, &error));
      report_add(&rounds, (double)(report_now_ns() - begin_ns) / 1e6);
      finish(bench);
    }
    report_row(shapes[i].what, report_text(&rounds, text), "", "", "under 50 ms",
               report_median(&rounds) < 50);
  }
}

struct row {
  const char *name;
  void (*run)(struct bench *bench);
};

static const struct row ROWS[] = {
    {"none", row_none}, {"some", row_some}, {"mixed", row_mixed}, {"build", row_build}};

static bool wanted(const char *name, int count, char **names)
{
  for (int i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0) return true;
  return count == 0;
}

int main(int count, char **arguments)
{
  static struct bench bench;
  report_table();
  for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
    if (wanted(ROWS[i].name, count - 1, arguments + 1)) ROWS[i].run(&bench);
  return 0;
}
