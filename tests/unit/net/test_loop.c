#include "net/loop.h"

#include "base/world_linux.h"
#include "sim/world_sim.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct counted_watch {
  struct watch watch;
  int calls;
  uint32_t ready;
};

struct counted_timer {
  struct loop_timer timer;
  struct loop *loop;
  int calls;
  int64_t fired_ms;
  int64_t again_ms; /* set anew by so much; 0: not */
};

static void on_ready(struct watch *watch, uint32_t ready)
{
  struct counted_watch *counted = (struct counted_watch *)watch;
  counted->calls++;
  counted->ready |= ready;
}

static void on_timer(struct loop_timer *timer, int64_t now_ms)
{
  struct counted_timer *counted = (struct counted_timer *)timer;
  counted->calls++;
  counted->fired_ms = now_ms;
  if (counted->again_ms > 0) loop_timer_set(counted->loop, timer, now_ms + counted->again_ms);
}

static void test_watches(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct world *client = world_sim_client(sim);
  struct loop loop;
  loop_init(&loop, world);
  struct counted_watch watch = {.watch = {.ready = on_ready}};
  int listener = world->net->listen(world, &(struct world_address){"0.0.0.0", 80}, 10);
  assert_true(listener >= 0);
  assert_int_equal(loop_watch(&loop, listener, WORLD_READ, &watch.watch), 0);
  loop_turn(&loop, 0);
  assert_int_equal(watch.calls, 0);
  client->net->connect(client, &(struct world_address){"192.0.2.80", 80});
  loop_turn(&loop, 1000);
  assert_int_equal(watch.calls, 1);
  assert_int_equal(watch.ready, WORLD_READ);
  /* Told once, until it is watched again. */
  loop_turn(&loop, 10);
  assert_int_equal(watch.calls, 1);
  assert_int_equal(loop_watch(&loop, listener, WORLD_READ, &watch.watch), 0);
  loop_turn(&loop, 0);
  assert_int_equal(watch.calls, 2);
  assert_int_equal(loop_unwatch(&loop, listener), 0);
  client->net->connect(client, &(struct world_address){"192.0.2.80", 80});
  loop_turn(&loop, 1000);
  assert_int_equal(watch.calls, 2);
  assert_int_equal(loop_unwatch(&loop, listener), -ENOENT);
  assert_int_equal(loop_watch(&loop, 12345, WORLD_READ, &watch.watch), -EBADF);
  world_sim_free(sim);
}

static void test_timers(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct loop loop;
  loop_init(&loop, world_sim_world(sim));
  int64_t begin_ms = loop.now_ms;
  struct counted_timer once = {.timer = {.fire = on_timer}, .loop = &loop};
  struct counted_timer often = {.timer = {.fire = on_timer}, .loop = &loop, .again_ms = 50};
  struct counted_timer never = {.timer = {.fire = on_timer}, .loop = &loop};
  loop_timer_set(&loop, &once.timer, begin_ms + 500);
  loop_timer_set(&loop, &often.timer, begin_ms + 50);
  loop_timer_set(&loop, &never.timer, begin_ms + 100);
  loop_timer_clear(&loop, &never.timer);
  while (loop.now_ms < begin_ms + 1000) {
    int64_t before_ms = loop.now_ms;
    loop_turn(&loop, 100);
    assert_true(loop.now_ms <= before_ms + 100);
    assert_int_equal(loop.now_ns / 1000000, loop.now_ms);
  }
  assert_int_equal(once.calls, 1);
  assert_in_range(once.fired_ms, begin_ms + 500, begin_ms + 500 + TIMER_STEP_MS);
  assert_in_range(often.calls, 15, 20);
  assert_int_equal(never.calls, 0);
  loop_timer_clear(&loop, &often.timer);
  assert_int_equal(loop.timers.count, 0);
  world_sim_free(sim);
}

static void test_wall_clock(void **state)
{
  (void)state;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct loop loop;
  loop_init(&loop, world);
  assert_int_equal(loop.clock_ms, world_clock_ms(world));
  for (int i = 0; i < 100; i++) {
    world_sim_advance_ms(sim, 37);
    loop_turn(&loop, 0);
    int64_t late_ms = world_clock_ms(world) - loop.clock_ms;
    assert_in_range(late_ms, 0, LOOP_CLOCK_MS);
  }
  world_sim_jump_clock_ms(sim, -86400000);
  world_sim_advance_ms(sim, LOOP_CLOCK_MS);
  loop_turn(&loop, 0);
  assert_int_equal(loop.clock_ms, world_clock_ms(world));
  world_sim_free(sim);
}

static void *wake(void *context)
{
  loop_wake(context);
  return NULL;
}

static void test_wake(void **state)
{
  (void)state;
  struct world_linux linux_world;
  world_linux_init(&linux_world);
  assert_int_equal(world_linux_open_net(&linux_world), 0);
  struct loop loop;
  loop_init(&loop, &linux_world.world);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, wake, &loop), 0);
  int64_t begin_ms = loop.now_ms;
  loop_turn(&loop, 60000);
  assert_true(loop.now_ms < begin_ms + 30000);
  assert_int_equal(pthread_join(thread, NULL), 0);
  world_linux_close(&linux_world);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_watches),
      cmocka_unit_test(test_timers),
      cmocka_unit_test(test_wall_clock),
      cmocka_unit_test(test_wake),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
