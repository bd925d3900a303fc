/*
 * For tests of queues: a store in the simulated world (store_fixture.h) with queues on it, a clock
 * that the test moves, and short ways to send and receive.
 *
 * What is received lives in fixture->store.answers until queue_fixture_clear.
 */
#ifndef TACOS_TESTS_UNIT_QUEUE_QUEUE_FIXTURE_H
#define TACOS_TESTS_UNIT_QUEUE_QUEUE_FIXTURE_H

#include "queue/state.h"
#include "unit/store/store_fixture.h"

struct queue_fixture {
  struct store_fixture store;
  struct memory memory; /* of the queues */
  struct queues *queues;
  struct queue_batch batch; /* the last one received */
  struct error error;
  int64_t now_ms;
};

void queue_fixture_open(struct queue_fixture *fixture, uint64_t seed);
void queue_fixture_close(struct queue_fixture *fixture);

/* cmocka's setup and teardown: *state is the fixture. */
int queue_fixture_setup(void **state);
int queue_fixture_teardown(void **state);

/* Makes all durable and opens it again; or after the process died: what was synced is there. */
void queue_fixture_reopen(struct queue_fixture *fixture);
void queue_fixture_crash(struct queue_fixture *fixture, enum world_sim_crash mode);

/* Lets time pass, then ticks until there is nothing to do now; checks the structures. */
void queue_fixture_pass(struct queue_fixture *fixture, int64_t ms);

void queue_fixture_clear(struct queue_fixture *fixture);

/* A queue of this name, FIFO when it ends in .fifo; NULL settings: the defaults. */
struct queue *queue_fixture_queue(struct queue_fixture *fixture, const char *name,
                                  const struct queue_settings *settings);
struct queue *queue_fixture_find(struct queue_fixture *fixture, const char *name);

/* A queue with a dead-letter queue, which is made when it is not there. */
struct queue *queue_fixture_redriven(struct queue_fixture *fixture, const char *name,
                                     const char *dead_letter, int32_t receives_max);

/* Sends one and commits; the second form with group and deduplication id. */
struct queue_sent queue_fixture_send(struct queue_fixture *fixture, struct queue *queue,
                                     const char *body);
struct queue_sent queue_fixture_send_group(struct queue_fixture *fixture, struct queue *queue,
                                           const char *body, const char *group,
                                           const char *deduplication);

/* The status of a send of this draft, committed when it is QUEUE_OK. */
enum queue_status queue_fixture_try(struct queue_fixture *fixture, struct queue *queue,
                                    const struct queue_draft *draft, struct queue_sent *sent);

/* Receives up to max with the queue's visibility; the bodies, "a b c", or "". */
const char *queue_fixture_receive(struct queue_fixture *fixture, struct queue *queue, uint32_t max);

/* Deletes or changes the message at a place of the last batch. */
enum queue_status queue_fixture_delete(struct queue_fixture *fixture, struct queue *queue,
                                       uint32_t place);
enum queue_status queue_fixture_visibility(struct queue_fixture *fixture, struct queue *queue,
                                           uint32_t place, int32_t visibility_s);

/* The same with a receipt that was kept. */
enum queue_status queue_fixture_delete_receipt(struct queue_fixture *fixture, struct queue *queue,
                                               struct bytes receipt);

/* "visible in_flight delayed". */
const char *queue_fixture_counts(struct queue_fixture *fixture, struct queue *queue);

#endif
