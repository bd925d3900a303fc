#include "net/ring.h"

#include "sim/random.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAPACITY = 8 };

static void *pointer_of(uint64_t number)
{
  return (void *)(uintptr_t)number;
}

static void init_ring(struct ring *ring, struct memory *memory, uint32_t capacity)
{
  *memory = (struct memory){0};
  assert_true(ring_init(ring, memory, capacity));
}

static void free_ring(struct ring *ring)
{
  struct memory *memory = ring->memory;
  ring_free(ring);
  assert_int_equal(memory->in_use, 0);
}

/* Takes up to limit, and expects the numbers from first on. */
static void assert_takes(struct ring *ring, uint32_t limit, uint64_t first, uint32_t count)
{
  void *taken[2 * CAPACITY];
  assert_true(limit <= 2 * CAPACITY);
  assert_int_equal(ring_take(ring, taken, limit), count);
  for (uint32_t i = 0; i < count; i++) assert_ptr_equal(taken[i], pointer_of(first + i));
}

static void push_numbers(struct ring *ring, uint64_t first, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) assert_true(ring_push(ring, pointer_of(first + i)));
}

static void test_publishes_all_at_once(void **state)
{
  (void)state;
  struct memory memory;
  struct ring ring;
  init_ring(&ring, &memory, CAPACITY);
  assert_takes(&ring, CAPACITY, 0, 0);
  push_numbers(&ring, 1, 3);
  assert_takes(&ring, CAPACITY, 0, 0);
  assert_false(ring_publish(&ring));
  push_numbers(&ring, 4, 1);
  assert_takes(&ring, 0, 0, 0);
  assert_takes(&ring, 2, 1, 2);
  assert_takes(&ring, CAPACITY, 3, 1);
  assert_false(ring_publish(&ring));
  assert_takes(&ring, 2 * CAPACITY, 4, 1);
  assert_takes(&ring, 2 * CAPACITY, 0, 0);
  free_ring(&ring);
}

static void test_full(void **state)
{
  (void)state;
  struct memory memory;
  struct ring ring;
  init_ring(&ring, &memory, CAPACITY);
  push_numbers(&ring, 0, CAPACITY);
  assert_false(ring_push(&ring, pointer_of(99)));
  (void)ring_publish(&ring);
  assert_false(ring_push(&ring, pointer_of(99)));
  assert_takes(&ring, 3, 0, 3);
  push_numbers(&ring, CAPACITY, 3);
  assert_false(ring_push(&ring, pointer_of(99)));
  (void)ring_publish(&ring);
  assert_takes(&ring, 2 * CAPACITY, 3, CAPACITY);
  free_ring(&ring);
  /* The smallest there is. */
  init_ring(&ring, &memory, 1);
  for (uint64_t i = 0; i < 5; i++) {
    push_numbers(&ring, i, 1);
    assert_false(ring_push(&ring, pointer_of(99)));
    (void)ring_publish(&ring);
    assert_takes(&ring, 1, i, 1);
  }
  free_ring(&ring);
}

/* Positions that are about to wrap, with a random load between empty and full. */
static void test_positions_wrap(void **state)
{
  (void)state;
  struct memory memory;
  struct ring ring;
  struct random random;
  random_init(&random, 1);
  init_ring(&ring, &memory, CAPACITY);
  uint32_t start = UINT32_MAX - 500;
  ring.pushed = ring.seen_taken = ring.seen_published = ring.taking = start;
  atomic_store(&ring.published, start);
  atomic_store(&ring.taken, start);
  uint64_t pushed = 0, published = 0, taken = 0;
  while (taken < 2000) {
    for (uint64_t left = random_below(&random, CAPACITY + 2); left > 0; left--) {
      bool fits = pushed - taken < CAPACITY;
      assert_int_equal(ring_push(&ring, pointer_of(pushed)), fits);
      pushed += fits;
    }
    if (random_below(&random, 3) > 0) {
      assert_false(ring_publish(&ring));
      published = pushed;
    }
    uint32_t limit = (uint32_t)random_below(&random, CAPACITY + 2);
    uint64_t ready = published - taken;
    uint32_t count = ready < limit ? (uint32_t)ready : limit;
    assert_takes(&ring, limit, taken, count);
    taken += count;
  }
  assert_true(ring.pushed < start);
  free_ring(&ring);
}

static void test_says_when_to_wake(void **state)
{
  (void)state;
  struct memory memory;
  struct ring ring;
  init_ring(&ring, &memory, CAPACITY);
  assert_true(ring_sleep(&ring));
  assert_false(ring_publish(&ring)); /* nothing new */
  push_numbers(&ring, 1, 2);
  assert_true(ring_publish(&ring));
  push_numbers(&ring, 3, 1);
  assert_false(ring_publish(&ring)); /* it is being woken */
  assert_false(ring_sleep(&ring));   /* and finds that before it waits again */
  push_numbers(&ring, 4, 1);
  assert_false(ring_publish(&ring));
  assert_takes(&ring, CAPACITY, 1, 4);
  assert_true(ring_sleep(&ring));
  ring_awake(&ring); /* for another reason */
  push_numbers(&ring, 5, 1);
  assert_false(ring_publish(&ring));
  assert_false(ring_sleep(&ring));
  /* A part of what is there: the rest keeps it awake. */
  push_numbers(&ring, 6, 1);
  assert_false(ring_publish(&ring));
  assert_takes(&ring, 1, 5, 1);
  assert_false(ring_sleep(&ring));
  assert_takes(&ring, 1, 6, 1);
  /* What was only pushed does not count. */
  push_numbers(&ring, 7, 1);
  assert_true(ring_sleep(&ring));
  assert_true(ring_publish(&ring));
  free_ring(&ring);
}

static void test_allocation_may_fail(void **state)
{
  (void)state;
  struct memory memory = {.fail_at = 1};
  struct ring ring;
  assert_false(ring_init(&ring, &memory, CAPACITY));
  assert_int_equal(memory.in_use, 0);
  ring_free(&ring); /* harmless */
  assert_true(ring_init(&ring, &memory, CAPACITY));
  free_ring(&ring);
}

static void test_sides_do_not_share_lines(void **state)
{
  (void)state;
  size_t starts[] = {offsetof(struct ring, slots),          offsetof(struct ring, pushed),
                     offsetof(struct ring, seen_published), offsetof(struct ring, published),
                     offsetof(struct ring, taken),          offsetof(struct ring, sleeping)};
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
    assert_int_equal(starts[i], i * RING_LINE_BYTES);
}

/* --- two threads --- */

enum { MESSAGES = 200000, RACES = 20000, POOL = 64, SPINS = 300, SILENCE_MS = 10000 };

struct message {
  uint64_t number; /* written by the producer without any lock */
  uint64_t square;
};

/* Messages go out by one ring and come back by the other; both sides sleep when they must wait. */
struct side {
  struct ring *in;
  struct ring *out;
  int wake_in; /* eventfds */
  int wake_out;
  uint64_t seed;
  uint64_t sleeps;
  uint64_t wakes;
  const char *failure;
};

static void wake(struct side *side)
{
  uint64_t one = 1;
  side->wakes++;
  if (write(side->wake_out, &one, sizeof one) != sizeof one) side->failure = "write";
}

/* Waits as a reactor does; false when nobody wakes it though there is something to do. */
static bool wait_for_wake(struct side *side)
{
  struct pollfd event = {.fd = side->wake_in, .events = POLLIN};
  uint64_t count;
  side->sleeps++;
  if (poll(&event, 1, SILENCE_MS) != 1) side->failure = "lost wake-up";
  if (side->failure == NULL && read(side->wake_in, &count, sizeof count) != sizeof count)
    side->failure = "read";
  return side->failure == NULL;
}

/* A moment of any length, so that two threads meet at every step of each other. */
static void spin(struct random *random)
{
  for (uint64_t left = random_below(random, SPINS); left > 0; left--)
    atomic_signal_fence(memory_order_seq_cst);
}

/* Takes a batch, after a sleep when there is none; 0: failed. */
static uint32_t take_some(struct side *side, struct random *random, void **taken)
{
  for (;;) {
    uint32_t count = ring_take(side->in, taken, (uint32_t)random_between(random, 1, POOL));
    if (count > 0) return count;
    spin(random);
    if (!ring_sleep(side->in)) continue;
    bool ok = wait_for_wake(side);
    ring_awake(side->in);
    if (!ok) return 0;
  }
}

/* Sends back what comes, in order, by batches of its own. */
static void *echo(void *context)
{
  struct side *side = context;
  struct random random;
  void *taken[POOL];
  random_init(&random, side->seed);
  for (uint64_t expected = 0; expected < MESSAGES;) {
    uint32_t count = take_some(side, &random, taken);
    if (count == 0) return NULL;
    for (uint32_t i = 0; i < count; i++, expected++) {
      struct message *message = taken[i];
      if (message->number != expected || message->square != expected * expected)
        side->failure = "out of order";
      message->square++;
      if (!ring_push(side->out, message)) side->failure = "full"; /* it has room for the pool */
      if (random_below(&random, 8) == 0 && ring_publish(side->out)) wake(side);
    }
    if (ring_publish(side->out)) wake(side);
  }
  return NULL;
}

/* Fills the ring as long as there are messages; returns the number of the next one. */
static uint64_t send_some(struct side *side, struct random *random, uint64_t next, void **free_ones,
                          uint32_t *free_count)
{
  while (*free_count > 0 && next < MESSAGES) {
    struct message *message = free_ones[*free_count - 1];
    *message = (struct message){next, next * next};
    if (!ring_push(side->out, message)) break;
    (*free_count)--;
    next++;
    if (random_below(random, 4) == 0 && ring_publish(side->out)) wake(side);
  }
  if (ring_publish(side->out)) wake(side);
  return next;
}

static void send_and_receive(struct side *side, struct message *pool)
{
  struct random random;
  void *free_ones[POOL], *taken[POOL];
  uint32_t free_count = POOL;
  for (int i = 0; i < POOL; i++) free_ones[i] = &pool[i];
  random_init(&random, side->seed);
  uint64_t sent = 0;
  for (uint64_t back = 0; back < MESSAGES && side->failure == NULL;) {
    sent = send_some(side, &random, sent, free_ones, &free_count);
    uint32_t count = take_some(side, &random, taken);
    for (uint32_t i = 0; i < count; i++, back++) {
      const struct message *message = taken[i];
      if (message->number != back || message->square != back * back + 1)
        side->failure = "out of order on the way back";
      free_ones[free_count++] = taken[i];
    }
  }
}

static void test_two_threads_lose_nothing(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct ring there, back;
  static struct message pool[POOL];
  /* One is smaller than what is under way, so that it fills up. */
  assert_true(ring_init(&there, &memory, POOL / 4));
  assert_true(ring_init(&back, &memory, POOL));
  int wake_there = eventfd(0, EFD_CLOEXEC), wake_back = eventfd(0, EFD_CLOEXEC);
  assert_true(wake_there >= 0 && wake_back >= 0);
  struct side sender = {&back, &there, wake_back, wake_there, .seed = 1};
  struct side receiver = {&there, &back, wake_there, wake_back, .seed = 2};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, echo, &receiver), 0);
  send_and_receive(&sender, pool);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_null(sender.failure);
  assert_null(receiver.failure);
  print_message("sleeps %llu and %llu, wake-ups %llu and %llu\n", (unsigned long long)sender.sleeps,
                (unsigned long long)receiver.sleeps, (unsigned long long)receiver.wakes,
                (unsigned long long)sender.wakes);
  assert_true(sender.sleeps + receiver.sleeps > 0);
  close(wake_there);
  close(wake_back);
  ring_free(&there);
  ring_free(&back);
  assert_int_equal(memory.in_use, 0);
}

/* Takes one by one, and goes to sleep whenever there is none, as the next may be on its way. */
static void *take_all(void *context)
{
  struct side *side = context;
  struct random random;
  void *taken[POOL];
  random_init(&random, side->seed);
  for (uint64_t expected = 1; expected <= RACES;) {
    uint32_t count = take_some(side, &random, taken);
    if (count == 0) return NULL;
    for (uint32_t i = 0; i < count; i++, expected++)
      if (taken[i] != pointer_of(expected)) side->failure = "out of order";
  }
  return NULL;
}

/*
 * The producer publishes while the consumer is about to sleep, most of the time; and as the ring
 * has room for one, no later message makes good for a wake-up that was lost.
 */
static void test_two_threads_race_to_sleep(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct ring ring;
  struct random random;
  random_init(&random, 3);
  assert_true(ring_init(&ring, &memory, 1));
  int event = eventfd(0, EFD_CLOEXEC);
  assert_true(event >= 0);
  struct side sender = {.out = &ring, .wake_out = event};
  struct side receiver = {.in = &ring, .wake_in = event, .seed = 4};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, take_all, &receiver), 0);
  for (uint64_t i = 1; i <= RACES; i++) {
    for (uint64_t tries = 0; !ring_push(&ring, pointer_of(i)); tries++) {
      struct timespec pause = {.tv_nsec = 10000};
      if (tries > 1000) nanosleep(&pause, NULL);
      if (tries > 200000) fail_msg("the consumer sleeps");
    }
    spin(&random);
    if (ring_publish(&ring)) wake(&sender);
  }
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_null(sender.failure);
  assert_null(receiver.failure);
  print_message("sleeps %llu, wake-ups %llu\n", (unsigned long long)receiver.sleeps,
                (unsigned long long)sender.wakes);
  close(event);
  ring_free(&ring);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_publishes_all_at_once),
      cmocka_unit_test(test_full),
      cmocka_unit_test(test_positions_wrap),
      cmocka_unit_test(test_says_when_to_wake),
      cmocka_unit_test(test_allocation_may_fail),
      cmocka_unit_test(test_sides_do_not_share_lines),
      cmocka_unit_test(test_two_threads_lose_nothing),
      cmocka_unit_test(test_two_threads_race_to_sleep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
