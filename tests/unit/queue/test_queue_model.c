/*
 * The queues beside a naive model of them (queue_model.h): random sends, receives, deletes, changes
 * of visibility, plans over several queues, purges and move tasks, with restarts and crashes in
 * between. TACOS_STEPS says how many steps (default: about two seconds), TACOS_SEED which.
 *
 * A crash leaves some of what was not synced: how far the log came is read from the store, and the
 * model goes back to what it was at that record. What was acknowledged is never behind it.
 */
#include "sim/random.h"
#include "unit/queue/queue_fixture.h"
#include "unit/queue/queue_model.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { STEPS_DEFAULT = 2500, GROUPS = 4, DEDUPLICATIONS = 48, CROWD = 60, HISTORY = 48 };

struct run {
  struct queue_fixture fixture;
  struct random random;
  struct model model;
  int history_count;
  struct {
    uint64_t sequence; /* newest record of this state */
    struct model model;
  } history[HISTORY]; /* since the last sync, oldest first */
};

static int below(struct run *run, int limit)
{
  return (int)random_below(&run->random, (uint64_t)limit);
}

static bool chance(struct run *run, int percent)
{
  return below(run, 100) < percent;
}

static struct queue *real(struct run *run, int queue)
{
  return queue_fixture_find(&run->fixture, model_queues[queue].name);
}

static struct model_message *random_message(struct run *run)
{
  if (run->model.message_count == 0) return NULL;
  struct model_message *message = &run->model.messages[below(run, run->model.message_count)];
  return message->alive ? message : NULL;
}

/* ---- what a crash can go back to ---- */

static void sync_all(struct run *run)
{
  store_fixture_settle(&run->fixture.store);
  run->history_count = 0;
}

/* The state after the newest record. Records in the background do not change the model. */
static void remember(struct run *run)
{
  if (run->history_count == HISTORY) sync_all(run);
  run->history[run->history_count].sequence = store_appended(run->fixture.store.store);
  run->history[run->history_count++].model = run->model;
}

static void go_back(struct run *run, uint64_t sequence)
{
  int at = run->history_count - 1;
  while (at >= 0 && run->history[at].sequence > sequence) at--;
  assert_true(at >= 0);
  run->model = run->history[at].model;
  run->history_count = 0;
}

/* ---- what the real queues know of a message ---- */

static const struct message_node *node_of(struct run *run, const struct id *id)
{
  const struct queues *queues = run->fixture.queues;
  uint32_t number = queue_index_find(&queues->node_index, id->bytes);
  return number == 0 ? NULL : node_at(queues, number);
}

static bool is_in(struct run *run, const struct model_message *message, int queue)
{
  const struct message_node *node = node_of(run, &message->id);
  return node != NULL && node->contents == real(run, queue)->contents->slot;
}

static void expect_everything(struct run *run)
{
  uint64_t alive = 0;
  for (int i = 0; i < run->model.message_count; i++) {
    const struct model_message *message = &run->model.messages[i];
    if (!message->alive) continue;
    alive++;
    const struct message_node *node = node_of(run, &message->id);
    if (node == NULL) fail_msg("message %d of %s is lost", i, model_queues[message->queue].name);
    assert_true(is_in(run, message, message->queue));
    assert_int_equal(node->receives - node->receives_before, message->receives);
    assert_int_equal(node->sent_ms, message->sent_ms);
  }
  assert_int_equal(run->fixture.queues->node_index.count, alive);
  for (int queue = 0; queue < MODEL_QUEUES; queue++) {
    struct queue_counts counts;
    queue_counts(real(run, queue), run->model.now_ms, &counts);
    assert_int_equal(counts.visible, model_count(&run->model, queue, MODEL_VISIBLE));
    assert_int_equal(counts.in_flight, model_count(&run->model, queue, MODEL_IN_FLIGHT));
    assert_int_equal(counts.delayed, model_count(&run->model, queue, MODEL_DELAYED));
  }
}

/* ---- sending ---- */

static size_t random_size(struct run *run)
{
  if (chance(run, 1)) return 400000 + (size_t)below(run, 600000);
  return chance(run, 10) ? 1500 + (size_t)below(run, 3000) : 1 + (size_t)below(run, 60);
}

/* A body is told by its size: every byte is the lowest one of that. */
static struct bytes make_body(struct run *run, size_t size)
{
  uint8_t *body = arena_alloc(&run->fixture.store.answers, size);
  assert_non_null(body);
  memset(body, 'a' + (int)(size % 26), size);
  return bytes_of(body, size);
}

static const char *number_text(struct run *run, const char *prefix, int number)
{
  char *text = arena_alloc(&run->fixture.store.answers, 32);
  assert_non_null(text);
  snprintf(text, 32, "%s%d", prefix, number);
  return text;
}

struct send {
  int queue;
  int group;
  int deduplication;
  int32_t delay_s;
  size_t size;
  struct queue_sent sent;
};

static void plan_send(struct run *run, struct plan *plan, struct send *send)
{
  send->queue = below(run, MODEL_QUEUES);
  bool fifo = model_queues[send->queue].fifo;
  send->group = below(run, GROUPS);
  send->deduplication = below(run, DEDUPLICATIONS);
  send->delay_s = !fifo && chance(run, 20) ? below(run, 20) : -1;
  send->size = random_size(run);
  const struct queue_draft draft = {
      .body = make_body(run, send->size),
      .delay_s = send->delay_s,
      .group = bytes_of_text(fifo ? number_text(run, "g", send->group) : ""),
      .deduplication = bytes_of_text(fifo ? number_text(run, "d", send->deduplication) : ""),
  };
  enum queue_status status = queue_send(real(run, send->queue), plan, &draft, run->model.now_ms,
                                        &send->sent);
  assert_int_equal(status, QUEUE_OK);
}

static void model_take_send(struct run *run, const struct send *send)
{
  if (model_queues[send->queue].fifo) {
    const struct model_seen *seen = model_find_seen(&run->model, send->queue, send->group,
                                                    send->deduplication);
    assert_int_equal(send->sent.duplicate, seen != NULL);
    if (seen != NULL) {
      assert_int_equal(id_compare(&seen->id, &send->sent.id), 0);
      return;
    }
  }
  model_send(&run->model, send->queue, &send->sent.id, send->group, send->deduplication,
             send->delay_s, send->size);
}

/* ---- deleting ---- */

struct removal {
  struct model_message *message; /* NULL: none */
  enum queue_status status;
};

/* What SQS says of a receipt of this age. */
static enum queue_status expected_delete(const struct run *run, const struct model_message *message,
                                         uint32_t age)
{
  if (!model_queues[message->queue].fifo) return QUEUE_OK;
  bool current = age == 0 && model_place(&run->model, message) == MODEL_IN_FLIGHT;
  return current ? QUEUE_OK : QUEUE_EXPIRED_RECEIPT;
}

static void plan_delete(struct run *run, struct plan *plan, struct removal *removal)
{
  removal->message = random_message(run);
  if (removal->message == NULL || removal->message->receipt_count == 0) {
    removal->message = NULL;
    return;
  }
  uint32_t age = (uint32_t)below(run, (int)removal->message->receipt_count);
  struct bytes receipt = bytes_of(removal->message->receipts[age].text, QUEUE_RECEIPT_TEXT);
  removal->status = queue_delete(real(run, removal->message->queue), plan, receipt,
                                 run->model.now_ms);
  assert_int_equal(removal->status, expected_delete(run, removal->message, age));
}

/* One record: messages of several queues, and one deleted; or none, when it is not committed. */
static void step_plan(struct run *run)
{
  struct plan plan;
  struct send sends[3];
  struct removal removal;
  plan_init(&plan, run->fixture.store.store, &run->fixture.store.answers);
  int count = 1 + below(run, 3);
  plan_delete(run, &plan, &removal);
  /* Duplicates within the plan are told from each other by what came before in it. */
  struct model *before = malloc(sizeof *before);
  assert_non_null(before);
  *before = run->model;
  for (int i = 0; i < count; i++) {
    plan_send(run, &plan, &sends[i]);
    model_take_send(run, &sends[i]);
  }
  if (chance(run, 10)) {
    run->model = *before;
  } else {
    struct store_transact_result result;
    enum store_status status = plan_commit(&plan, &result, &run->fixture.error);
    store_fixture_expect(&run->fixture.store, status, STORE_OK, NULL);
    if (removal.message != NULL && removal.status == QUEUE_OK) removal.message->alive = false;
  }
  free(before);
}

static void step_visibility(struct run *run)
{
  struct plan plan;
  struct model_message *message = random_message(run);
  if (message == NULL || message->receipt_count == 0) return;
  plan_init(&plan, run->fixture.store.store, &run->fixture.store.answers);
  uint32_t age = (uint32_t)below(run, (int)message->receipt_count);
  int32_t visibility_s = chance(run, 50) ? 0 : below(run, 20);
  enum queue_status expected = age > 0 ? QUEUE_EXPIRED_RECEIPT
                               : model_place(&run->model, message) == MODEL_IN_FLIGHT
                                   ? QUEUE_OK
                                   : QUEUE_NOT_IN_FLIGHT;
  struct bytes receipt = bytes_of(message->receipts[age].text, QUEUE_RECEIPT_TEXT);
  enum queue_status status = queue_change_visibility(real(run, message->queue), &plan, receipt,
                                                     visibility_s, run->model.now_ms);
  assert_int_equal(status, expected);
  if (status != QUEUE_OK) return;
  struct store_transact_result result;
  assert_int_equal(plan_commit(&plan, &result, &run->fixture.error), STORE_OK);
  message->visible_ms = run->model.now_ms + (int64_t)visibility_s * 1000;
}

/* ---- receiving ---- */

static bool must_die(const struct model_message *message)
{
  const struct model_queue *queue = &model_queues[message->queue];
  return queue->dead_letter != MODEL_NONE && message->receives >= (uint32_t)queue->receives_max;
}

/* Takes over what went to the dead-letter queue: oldest first, as their order has to be there. */
static void take_dead_letters(struct run *run, int queue)
{
  int dead = model_queues[queue].dead_letter;
  if (dead == MODEL_NONE) return;
  for (;;) {
    struct model_message *next = NULL;
    uint64_t sequence = UINT64_MAX;
    for (int i = 0; i < run->model.message_count; i++) {
      struct model_message *message = &run->model.messages[i];
      if (!message->alive || message->queue != queue || !is_in(run, message, dead)) continue;
      if (node_of(run, &message->id)->sequence >= sequence) continue;
      next = message;
      sequence = node_of(run, &message->id)->sequence;
    }
    if (next == NULL) return;
    assert_true(must_die(next));
    assert_true(model_may_receive(&run->model, next));
    model_move(&run->model, next, dead, true);
  }
}

static void expect_received(struct run *run, int queue, const struct queue_message *received,
                            struct model_message *message)
{
  assert_int_equal(message->queue, queue);
  assert_false(must_die(message));
  assert_int_equal(received->body.size, message->body_size);
  assert_int_equal(received->body.data[message->body_size - 1],
                   'a' + (int)(message->body_size % 26));
  assert_int_equal(received->receive_count, message->receives + 1);
  assert_int_equal(received->sent_ms, message->sent_ms);
  (void)run;
}

/*
 * Messages of a batch one after the other: each must be the first of its group that is left, those
 * of the batch itself not counting as in flight until its end.
 */
static void step_receive(struct run *run)
{
  int queue = below(run, MODEL_QUEUES);
  const struct queue_request request = {
      .max = 1 + (uint32_t)below(run, QUEUE_BATCH_MAX),
      .visibility_s = chance(run, 30) ? below(run, 15) : -1,
      .now_ms = run->model.now_ms,
  };
  struct queue_batch *batch = &run->fixture.batch;
  enum queue_status status = queue_receive(real(run, queue), &request, &run->fixture.store.answers,
                                           batch, &run->fixture.error);
  assert_int_equal(status, QUEUE_OK);
  take_dead_letters(run, queue);
  struct model_message *messages[QUEUE_BATCH_MAX];
  for (uint32_t i = 0; i < batch->count; i++) {
    messages[i] = model_find(&run->model, &batch->messages[i].id);
    assert_non_null(messages[i]);
    assert_true(model_may_receive(&run->model, messages[i]));
    expect_received(run, queue, &batch->messages[i], messages[i]);
    messages[i]->alive = false; /* out of the way of what is behind it */
  }
  for (int i = 0; i < run->model.message_count && batch->count < request.max; i++) {
    const struct model_message *left = &run->model.messages[i];
    bool blocked = false;
    for (uint32_t k = 0; k < batch->count; k++)
      blocked = blocked || (model_queues[queue].fifo && messages[k]->group == left->group);
    if (left->queue == queue && !blocked && model_may_receive(&run->model, left))
      fail_msg("%s: %u of %u messages, and there was another", model_queues[queue].name,
               batch->count, request.max);
  }
  for (uint32_t i = 0; i < batch->count; i++) {
    messages[i]->alive = true;
    model_receive(&run->model, messages[i], &batch->messages[i], request.visibility_s);
  }
}

/* ---- the rest ---- */

static void step_pass(struct run *run)
{
  int64_t ms = chance(run, 20) ? 0 : below(run, chance(run, 10) ? 60000 : 3000);
  queue_fixture_pass(&run->fixture, ms);
  run->model.now_ms = run->fixture.now_ms;
  model_expire(&run->model);
  expect_everything(run);
}

static void step_purge(struct run *run)
{
  int queue = below(run, MODEL_QUEUES);
  uint64_t sequence;
  assert_int_equal(queue_purge(real(run, queue), &sequence, &run->fixture.error), QUEUE_OK);
  model_purge(&run->model, queue);
  remember(run);
  if (chance(run, 50)) step_pass(run);
}

/* All of a dead-letter queue to where it came from; what was sent to it itself stops the task. */
static void step_move(struct run *run)
{
  int dead = chance(run, 50) ? 1 : 3;
  struct id task;
  sync_all(run);
  uint64_t sequence;
  assert_int_equal(queue_move_start(real(run, dead), NULL, 0, run->model.now_ms, &task, &sequence,
                                    &run->fixture.error),
                   QUEUE_OK);
  queue_fixture_pass(&run->fixture, 0);
  struct queue_task listed;
  assert_int_equal(queue_move_list(real(run, dead), &listed, 1), 1);
  bool left = false;
  for (;;) {
    struct model_message *next = NULL;
    uint64_t sequence_number = UINT64_MAX;
    left = false;
    for (int i = 0; i < run->model.message_count; i++) {
      struct model_message *message = &run->model.messages[i];
      if (!message->alive || message->queue != dead) continue;
      if (is_in(run, message, dead)) {
        left = left || model_may_receive(&run->model, message);
        continue;
      }
      assert_int_not_equal(message->source, MODEL_NONE);
      assert_true(is_in(run, message, message->source));
      if (node_of(run, &message->id)->sequence >= sequence_number) continue;
      next = message;
      sequence_number = node_of(run, &message->id)->sequence;
    }
    if (next == NULL) break;
    assert_true(model_may_receive(&run->model, next));
    model_move(&run->model, next, next->source, false);
  }
  assert_int_equal(listed.status, left ? QUEUE_TASK_FAILED : QUEUE_TASK_COMPLETED);
  sync_all(run);
}

static void after_restart(struct run *run)
{
  queue_fixture_pass(&run->fixture, 0);
  run->model.now_ms = run->fixture.now_ms;
  model_expire(&run->model);
  expect_everything(run);
}

/* A few writes or syncs of the log: what is durable, or only on its way, when a crash comes. */
static void step_disk(struct run *run)
{
  struct store *store = run->fixture.store.store;
  bool idle;
  store_flush(store);
  for (int i = below(run, 4); i > 0; i--)
    assert_true(store_step(store, &idle, &run->fixture.error));
}

static void step_crash(struct run *run)
{
  step_disk(run);
  uint64_t acknowledged = store_durable(run->fixture.store.store);
  queue_fixture_crash(&run->fixture, WORLD_SIM_CRASH_RANDOM);
  uint64_t recovered = store_appended(run->fixture.store.store);
  assert_true(recovered >= acknowledged);
  go_back(run, recovered);
  remember(run);
  after_restart(run);
}

static void step_reopen(struct run *run)
{
  queue_fixture_reopen(&run->fixture);
  run->history_count = 0;
  remember(run);
  after_restart(run);
}

static void make_queues(struct run *run)
{
  for (int i = MODEL_QUEUES - 1; i >= 0; i--) { /* dead-letter queues first */
    const struct model_queue *kind = &model_queues[i];
    struct queue_settings settings;
    queue_settings_init(&settings, kind->fifo);
    settings.visibility_s = kind->visibility_s;
    settings.delay_s = kind->delay_s;
    settings.retention_s = kind->retention_s;
    settings.deduplicate_by_group = kind->by_group;
    if (kind->dead_letter != MODEL_NONE) {
      settings.dead_letter = bytes_of_text(model_queues[kind->dead_letter].name);
      settings.receives_max = kind->receives_max;
    }
    queue_fixture_queue(&run->fixture, kind->name, &settings);
  }
}

static void step(struct run *run)
{
  int choice = below(run, 1000);
  bool crowded = run->model.message_count > CROWD;
  if (choice < (crowded ? 100 : 350))
    step_plan(run);
  else if (choice < 700)
    step_receive(run);
  else if (choice < 780)
    step_visibility(run);
  else if (choice < 940)
    step_pass(run);
  else if (choice < 960)
    step_disk(run);
  else if (choice < 970)
    sync_all(run);
  else if (choice < 980)
    step_move(run);
  else if (choice < 984)
    step_purge(run);
  else if (choice < 992)
    step_crash(run);
  else
    step_reopen(run);
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
  const char *text = getenv(variable);
  return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static void test_queues_do_as_the_model(void **state)
{
  (void)state;
  uint64_t seed = number_of("TACOS_SEED", 7);
  uint64_t steps = number_of("TACOS_STEPS", STEPS_DEFAULT);
  struct run *run = calloc(1, sizeof *run);
  assert_non_null(run);
  queue_fixture_open(&run->fixture, seed);
  random_init(&run->random, seed);
  run->model.now_ms = run->fixture.now_ms;
  make_queues(run);
  sync_all(run);
  remember(run);
  for (uint64_t i = 0; i < steps; i++) {
    step(run);
    model_compact(&run->model);
    remember(run);
    queue_fixture_clear(&run->fixture);
  }
  print_message("%" PRIu64 " steps of seed %" PRIu64 ": %" PRIu64 " messages sent in this life\n",
                steps, seed, run->fixture.queues->metrics.sent);
  queue_fixture_close(&run->fixture);
  free(run);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_queues_do_as_the_model)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
