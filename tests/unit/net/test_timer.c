#include "net/timer.h"

#include "sim/random.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TURN_MS = TIMER_STEP_MS * TIMER_SLOTS, FIRED_MAX = 16, START_MS = 1234567 };

/* Timers and a record of those that fired. */
struct fixture {
  struct timers timers;
  struct timer some[FIRED_MAX];
  struct timer *fired[FIRED_MAX];
  size_t fired_count;
  int64_t now_ms;
  int64_t again_ms; /* added to now for a timer that fires, unless 0 */
  bool clear_others;
};

static void record(void *context, struct timer *timer, int64_t now_ms)
{
  struct fixture *fixture = context;
  assert_false(timer_is_set(timer));
  assert_true(timer->deadline_ms <= now_ms);
  assert_int_equal(now_ms, fixture->now_ms);
  assert_true(fixture->fired_count < FIRED_MAX);
  fixture->fired[fixture->fired_count++] = timer;
  if (fixture->clear_others)
    for (int i = 0; i < FIRED_MAX; i++) timers_clear(&fixture->timers, &fixture->some[i]);
  if (fixture->again_ms != 0) timers_set(&fixture->timers, timer, now_ms + fixture->again_ms);
}

static int set_up(void **state)
{
  struct fixture *fixture = test_calloc(1, sizeof *fixture);
  timers_init(&fixture->timers, START_MS, record, fixture);
  fixture->now_ms = START_MS;
  *state = fixture;
  return 0;
}

static int tear_down(void **state)
{
  test_free(*state);
  return 0;
}

static size_t run_at(struct fixture *fixture, int64_t now_ms)
{
  fixture->now_ms = now_ms;
  fixture->fired_count = 0;
  timers_run(&fixture->timers, now_ms);
  return fixture->fired_count;
}

/* Waits and runs as a loop does until something fires; returns the number of runs. */
static int run_until_fired(struct fixture *fixture)
{
  for (int runs = 1;; runs++) {
    int wait_ms = timers_wait_ms(&fixture->timers, fixture->now_ms, INT_MAX);
    assert_true(wait_ms > 0 || runs == 1);
    if (run_at(fixture, fixture->now_ms + wait_ms) > 0) return runs;
    assert_true(runs < 1000);
  }
}

static void test_fires_at_its_time(void **state)
{
  struct fixture *fixture = *state;
  struct timer *timer = &fixture->some[0];
  static const int64_t delays_ms[] = {1, 7, 8, 9, 1000, TURN_MS - 1, TURN_MS, TURN_MS + 1};
  for (size_t i = 0; i < sizeof delays_ms / sizeof delays_ms[0]; i++) {
    int64_t deadline_ms = fixture->now_ms + delays_ms[i];
    timers_set(&fixture->timers, timer, deadline_ms);
    assert_true(timer_is_set(timer));
    int wait_ms = timers_wait_ms(&fixture->timers, fixture->now_ms, INT_MAX);
    assert_in_range(wait_ms, delays_ms[i], delays_ms[i] + TIMER_STEP_MS - 1);
    assert_int_equal(timers_wait_ms(&fixture->timers, fixture->now_ms, 1), 1);
    assert_int_equal(run_at(fixture, deadline_ms - 1), 0);
    assert_int_equal(run_at(fixture, deadline_ms), 1);
    assert_ptr_equal(fixture->fired[0], timer);
    assert_int_equal(fixture->timers.count, 0);
    assert_int_equal(timers_wait_ms(&fixture->timers, deadline_ms, 777), 777);
  }
}

static void test_past_fires_at_the_next_run(void **state)
{
  struct fixture *fixture = *state;
  static const int64_t deadlines_ms[] = {START_MS, START_MS - 1, START_MS - 3 * TURN_MS, 0,
                                         INT64_MIN};
  for (size_t i = 0; i < sizeof deadlines_ms / sizeof deadlines_ms[0]; i++) {
    timers_set(&fixture->timers, &fixture->some[i], deadlines_ms[i]);
    assert_int_equal(timers_wait_ms(&fixture->timers, START_MS, 100), 0);
    assert_int_equal(run_at(fixture, START_MS), 1);
    assert_int_equal(run_at(fixture, START_MS), 0);
  }
}

/* All slots at once, and no timer of a later turn. */
static void test_a_sleep_of_many_turns(void **state)
{
  struct fixture *fixture = *state;
  for (int i = 0; i < 8; i++)
    timers_set(&fixture->timers, &fixture->some[i], START_MS + (int64_t)i * 5 * TURN_MS / 8);
  timers_set(&fixture->timers, &fixture->some[8], START_MS + (int64_t)100 * TURN_MS);
  timers_set(&fixture->timers, &fixture->some[9], INT64_MAX);
  assert_int_equal(run_at(fixture, START_MS + (int64_t)50 * TURN_MS + 3), 8);
  assert_int_equal(fixture->timers.count, 2);
  assert_int_equal(run_at(fixture, START_MS + (int64_t)100 * TURN_MS), 1);
  assert_int_equal(run_at(fixture, START_MS + (int64_t)1000000 * TURN_MS), 0);
  assert_true(timer_is_set(&fixture->some[9]));
}

/* What was set long after the last run is found, though now_ms of the wheel is old. */
static void test_set_after_a_long_silence(void **state)
{
  struct fixture *fixture = *state;
  fixture->now_ms = START_MS + (int64_t)10 * TURN_MS + 5;
  assert_int_equal(run_at(fixture, fixture->now_ms), 0);
  for (int i = 0; i < 4; i++) {
    timers_set(&fixture->timers, &fixture->some[i], fixture->now_ms + 100);
    assert_int_equal(run_until_fired(fixture), 1);
    fixture->now_ms += (int64_t)3 * TURN_MS + i;
  }
}

static void test_moves_and_clears(void **state)
{
  struct fixture *fixture = *state;
  struct timer *timer = &fixture->some[0];
  timers_clear(&fixture->timers, timer);
  timers_set(&fixture->timers, timer, START_MS + 100);
  timers_set(&fixture->timers, timer, START_MS + 50);
  assert_int_equal(fixture->timers.count, 1);
  assert_int_equal(run_at(fixture, START_MS + 50), 1);
  timers_set(&fixture->timers, timer, START_MS + 100);
  timers_set(&fixture->timers, timer, START_MS + 200);
  assert_int_equal(run_at(fixture, START_MS + 199), 0);
  assert_int_equal(run_at(fixture, START_MS + 200), 1);
  timers_set(&fixture->timers, timer, START_MS + 300);
  timers_clear(&fixture->timers, timer);
  assert_false(timer_is_set(timer));
  assert_int_equal(timers_wait_ms(&fixture->timers, START_MS + 200, INT_MAX), INT_MAX);
  assert_int_equal(run_at(fixture, START_MS + 400), 0);
}

static void test_pushing_back(void **state)
{
  struct fixture *fixture = *state;
  struct timer *timer = &fixture->some[0];
  timers_set(&fixture->timers, timer, START_MS + 100);
  for (int64_t at_ms = 100; at_ms < 2000; at_ms += 10) {
    timers_push_back(timer, START_MS + at_ms);
    timers_push_back(timer, START_MS + at_ms); /* to where it is */
  }
  assert_int_equal(run_at(fixture, START_MS + 1989), 0);
  assert_int_equal(run_at(fixture, START_MS + 1990), 1);
  /* It is not filed where it was: after one look it waits for its own slot. */
  timers_set(&fixture->timers, timer, START_MS + 2000);
  timers_push_back(timer, START_MS + 9000);
  assert_int_equal(run_until_fired(fixture), 2);
  assert_in_range(fixture->now_ms, START_MS + 9000, START_MS + 9000 + TIMER_STEP_MS);
}

static void test_calls_may_set_themselves(void **state)
{
  struct fixture *fixture = *state;
  for (int64_t again_ms = -3; again_ms <= 3; again_ms++) {
    if (again_ms == 0) continue;
    fixture->again_ms = again_ms;
    for (int i = 0; i < 3; i++)
      timers_set(&fixture->timers, &fixture->some[i], fixture->now_ms + i * 100);
    /* Each once in a run, also when it is set to a slot that is yet to be looked at. */
    assert_int_equal(run_at(fixture, fixture->now_ms + 300), 3);
    assert_int_equal(fixture->timers.count, 3);
    if (again_ms < 0) assert_int_equal(timers_wait_ms(&fixture->timers, fixture->now_ms, 99), 0);
    fixture->again_ms = 0;
    assert_int_equal(run_at(fixture, fixture->now_ms + 3), 3);
    assert_int_equal(fixture->timers.count, 0);
  }
}

/* The first that fires clears all others: of its slot, of slots taken and of slots to come. */
static void test_calls_may_clear_others(void **state)
{
  struct fixture *fixture = *state;
  fixture->clear_others = true;
  for (int i = 0; i < FIRED_MAX; i++)
    timers_set(&fixture->timers, &fixture->some[i], START_MS + 8 + i / 4 * 100);
  assert_int_equal(run_at(fixture, START_MS + 250), 1);
  assert_int_equal(fixture->timers.count, 0);
  for (int i = 0; i < FIRED_MAX; i++) assert_false(timer_is_set(&fixture->some[i]));
  assert_int_equal(run_at(fixture, START_MS + 5000), 0);
  /* And then sets itself, among the ones it cleared. */
  fixture->again_ms = 1;
  for (int i = 0; i < FIRED_MAX; i++)
    timers_set(&fixture->timers, &fixture->some[i], START_MS + 5001);
  assert_int_equal(run_at(fixture, START_MS + 5010), 1);
  assert_int_equal(run_at(fixture, START_MS + 5020), 1);
}

/* A loop that waits for one timer far away wakes when it is due, or once a turn when misled. */
static void test_waits_for_a_far_timer_without_spinning(void **state)
{
  struct fixture *fixture = *state;
  for (int64_t phase_ms = 0; phase_ms < TIMER_STEP_MS; phase_ms++) {
    timers_set(&fixture->timers, &fixture->some[0], fixture->now_ms + 3600 * 1000 + phase_ms);
    assert_int_equal(run_until_fired(fixture), 1);
    /* Another one was earlier and was cleared. */
    timers_set(&fixture->timers, &fixture->some[0], fixture->now_ms + TURN_MS - 1000 + phase_ms);
    timers_set(&fixture->timers, &fixture->some[1], fixture->now_ms + 10);
    timers_clear(&fixture->timers, &fixture->some[1]);
    assert_true(run_until_fired(fixture) <= 2);
    /* It is in the slot of now, turns away, in every place of its slot. */
    int64_t slot_ms = fixture->now_ms / TIMER_STEP_MS * TIMER_STEP_MS + TURN_MS;
    timers_set(&fixture->timers, &fixture->some[0], slot_ms + 9 * (int64_t)TURN_MS + phase_ms);
    timers_set(&fixture->timers, &fixture->some[1], slot_ms + phase_ms);
    assert_int_equal(run_until_fired(fixture), 1);
    assert_true(run_until_fired(fixture) <= 1 + 10);
    assert_int_equal(fixture->timers.count, 0);
  }
}

/* --- against a model, many timers --- */

enum { MODEL_TIMERS = 100000, MODEL_RUNS = 4000, MODEL_CHANGES = 150 };

struct model {
  struct timers timers;
  struct random random;
  struct timer *all;
  int64_t *due_ms;     /* INT64_MAX: not set; not before the time of the call that set it */
  uint32_t *set_phase; /* when it was set: odd during a run, even between */
  uint32_t phase;
  size_t count; /* of timers set */
  size_t fired;
  int64_t now_ms;
  bool in_time; /* runs come when timers_wait_ms says */
};

static int64_t random_delay(struct random *random)
{
  switch (random_below(random, 8)) {
  case 0:
    return (int64_t)random_below(random, 20) - 5;
  case 1:
    return (int64_t)random_below(random, (uint64_t)3 * TURN_MS);
  default:
    return (int64_t)random_below(random, 20000);
  }
}

/* One operation on any timer. */
static void change(struct model *model)
{
  size_t i = random_below(&model->random, MODEL_TIMERS);
  struct timer *timer = &model->all[i];
  int64_t delay_ms = random_delay(&model->random);
  bool is_set = model->due_ms[i] != INT64_MAX;
  assert_int_equal(timer_is_set(timer), is_set);
  uint64_t kind = random_below(&model->random, 8);
  if (kind == 0) {
    timers_clear(&model->timers, timer);
    model->count -= is_set;
    model->due_ms[i] = INT64_MAX;
  } else if (kind < 4 && is_set && delay_ms >= 0) {
    timers_push_back(timer, timer->deadline_ms + delay_ms);
    if (timer->deadline_ms > model->due_ms[i]) model->due_ms[i] = timer->deadline_ms;
  } else {
    timers_set(&model->timers, timer, model->now_ms + delay_ms);
    model->due_ms[i] = model->now_ms + (delay_ms > 0 ? delay_ms : 0);
    model->set_phase[i] = model->phase;
    model->count += !is_set;
  }
  assert_int_equal(model->timers.count, model->count);
}

static void fire_in_model(void *context, struct timer *timer, int64_t now_ms)
{
  struct model *model = context;
  size_t i = (size_t)(timer - model->all);
  assert_false(timer_is_set(timer));
  assert_int_equal(now_ms, model->now_ms);
  assert_true(model->due_ms[i] <= now_ms);
  assert_true(model->set_phase[i] < model->phase);
  if (model->in_time) assert_true(now_ms - model->due_ms[i] < TIMER_STEP_MS);
  model->due_ms[i] = INT64_MAX;
  model->count--;
  model->fired++;
  for (uint64_t left = random_below(&model->random, 3); left > 0; left--) change(model);
}

/* The rings, their bits and their timers, one by one. */
static void assert_wheel(const struct timers *timers)
{
  size_t count = 0;
  for (size_t slot = 0; slot < TIMER_SLOTS; slot++) {
    const struct timer *head = &timers->slots[slot];
    bool filled = (timers->filled[slot / 64] >> slot % 64 & 1) != 0;
    assert_int_equal(filled, head->next != head);
    for (const struct timer *at = head->next; at != head; at = at->next, count++) {
      assert_ptr_equal(at->next->previous, at);
      assert_int_equal(at->filed_ms / TIMER_STEP_MS % TIMER_SLOTS, slot);
      assert_true(at->filed_ms >= timers->now_ms);
    }
  }
  assert_int_equal(count, timers->count);
}

static void assert_model(const struct model *model)
{
  assert_wheel(&model->timers);
  for (size_t i = 0; i < MODEL_TIMERS; i++) {
    int64_t due_ms = model->due_ms[i];
    assert_int_equal(timer_is_set(&model->all[i]), due_ms != INT64_MAX);
    /* What is due and still set was set in the last run or behind it. */
    if (due_ms <= model->now_ms) assert_true(model->set_phase[i] >= ((model->phase - 1) | 1));
  }
}

static void run_model(struct model *model, int64_t now_ms)
{
  model->now_ms = now_ms;
  model->phase++;
  timers_run(&model->timers, now_ms);
  if (model->phase % 100 == 1) assert_model(model);
  model->phase++;
}

/* Waits as told, for less, or longer than a turn. */
static int64_t random_sleep(struct model *model, int i)
{
  int limit_ms = random_below(&model->random, 30) == 0 ? 100 : 12;
  int wait_ms = timers_wait_ms(&model->timers, model->now_ms, limit_ms);
  model->in_time = i % 400 < 300;
  if (model->in_time) return wait_ms;
  if (random_below(&model->random, 50) == 0)
    return (int64_t)random_below(&model->random, (uint64_t)2 * TURN_MS);
  return wait_ms + (int64_t)random_below(&model->random, 100);
}

static void run_model_from(uint64_t seed)
{
  struct model *model = test_calloc(1, sizeof *model);
  model->all = test_calloc(MODEL_TIMERS, sizeof model->all[0]);
  model->due_ms = test_calloc(MODEL_TIMERS, sizeof model->due_ms[0]);
  model->set_phase = test_calloc(MODEL_TIMERS, sizeof model->set_phase[0]);
  for (size_t i = 0; i < MODEL_TIMERS; i++) model->due_ms[i] = INT64_MAX;
  random_init(&model->random, seed);
  model->now_ms = START_MS;
  timers_init(&model->timers, START_MS, fire_in_model, model);
  for (int i = 0; i < 2 * MODEL_TIMERS; i++) change(model);
  for (int i = 0; i < MODEL_RUNS; i++) {
    int64_t sleep_ms = random_sleep(model, i);
    run_model(model, model->now_ms + sleep_ms);
    for (uint64_t left = random_below(&model->random, MODEL_CHANGES); left > 0; left--)
      change(model);
  }
  assert_model(model);
  assert_true(model->fired > MODEL_TIMERS);
  test_free(model->set_phase);
  test_free(model->due_ms);
  test_free(model->all);
  test_free(model);
}

static void test_agrees_with_a_model(void **state)
{
  (void)state;
  const char *text = getenv("TACOS_SEED");
  uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/net/test_timer\n", seed);
  run_model_from(seed);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_fires_at_its_time, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_past_fires_at_the_next_run, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_a_sleep_of_many_turns, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_set_after_a_long_silence, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_moves_and_clears, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_pushing_back, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_calls_may_set_themselves, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_calls_may_clear_others, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_waits_for_a_far_timer_without_spinning, set_up,
                                      tear_down),
      cmocka_unit_test(test_agrees_with_a_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
