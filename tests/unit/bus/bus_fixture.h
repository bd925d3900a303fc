/*
 * For tests of the buses: store, queues and buses in the simulated world, a clock of the test's
 * own, a sender that answers what the test wants, and short ways to say what is put and got.
 */
#ifndef TACOS_TESTS_UNIT_BUS_BUS_FIXTURE_H
#define TACOS_TESTS_UNIT_BUS_BUS_FIXTURE_H

#include "bus/bus_state.h"
#include "unit/store/store_fixture.h"

enum { BUS_FIXTURE_SENT_MAX = 4096 };

/* A request that the buses made. */
struct bus_fixture_sent {
  char url[256];
  char body[1024];
  char event_id[64];
  char signature[80];
  const struct bus_reply *reply; /* NULL: answered */
};

struct bus_fixture {
  struct store_fixture store;
  struct memory memory; /* of queues and buses */
  struct queues *queues;
  struct buses *buses;
  struct bus *bus; /* "main" */
  struct logger logger;
  char log[8192];
  int64_t now_ms;
  struct plan plan;
  struct arena arena; /* of the plan */
  struct error error;
  struct bus_sender sender;
  bool refuses; /* the sender takes nothing */
  bool invalid; /* and never will */
  struct bus_fixture_sent sent[BUS_FIXTURE_SENT_MAX];
  uint32_t sent_count;
  uint32_t events; /* put by bus_fixture_put, for their ids */
};

int bus_fixture_setup(void **state);
int bus_fixture_teardown(void **state);

void bus_fixture_reopen(struct bus_fixture *fixture);
void bus_fixture_crash(struct bus_fixture *fixture);
void bus_fixture_settle(struct bus_fixture *fixture);

/* Time passes, and what it does is done. */
void bus_fixture_pass(struct bus_fixture *fixture, int64_t ms);
/* Ticks until nothing is left to do now. */
void bus_fixture_tick(struct bus_fixture *fixture);

struct plan *bus_fixture_plan(struct bus_fixture *fixture);
void bus_fixture_commit(struct bus_fixture *fixture);

struct queue *bus_fixture_queue(struct bus_fixture *fixture, const char *name);
/* A rule on the bus "main" with these targets; must succeed. */
void bus_fixture_rule(struct bus_fixture *fixture, const char *name, const char *pattern,
                      const struct bus_target *targets, uint32_t count);
void bus_fixture_schedule(struct bus_fixture *fixture, const char *name, const char *schedule,
                          const struct bus_target *targets, uint32_t count);
void bus_fixture_archive(struct bus_fixture *fixture, const char *name, const char *pattern,
                         int32_t days);
struct bus_target bus_fixture_target(enum bus_target_kind kind, const char *address);

/* An event of source "test" with the id "e1", "e2", ...; committed. */
void bus_fixture_put(struct bus_fixture *fixture, const char *type, const char *detail);
struct bus_event bus_fixture_event(const char *id, const char *type, const char *detail,
                                   int64_t time_ms);

/* What a queue can give now, each body followed by '\n'; it is deleted. */
const char *bus_fixture_take(struct bus_fixture *fixture, const char *queue);
/* How many messages it has, whatever they wait for. */
uint64_t bus_fixture_count(struct bus_fixture *fixture, const char *queue);
/* Rows of a table. */
uint64_t bus_fixture_rows(struct bus_fixture *fixture, const char *table);

/* Answers a request that was sent. */
void bus_fixture_answer(struct bus_fixture *fixture, uint32_t index, uint16_t status,
                        const char *text);

#define WITH_BUS(test) \
  cmocka_unit_test_setup_teardown(test, bus_fixture_setup, bus_fixture_teardown)

#endif
