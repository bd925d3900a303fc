#include "bus/bus.h"

#include "sim/world_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct answers {
  uint32_t count;
  uint16_t status;
  bool has_text;
};

static void answered(void *context, const struct bus_answer *answer)
{
  struct answers *answers = context;
  answers->count++;
  answers->status = answer->status;
  answers->has_text = answer->text[0] != 0;
}

static int watch(void *context, int fd, uint32_t interest)
{
  (void)context;
  (void)fd;
  (void)interest;
  return 0;
}

static void unwatch(void *context, int fd)
{
  (void)context;
  (void)fd;
}

static void set_timer(void *context, int64_t at_ms)
{
  (void)context;
  (void)at_ms;
}

/* What is taken is answered once, also when it is cancelled; what is malformed is not taken. */
static void test_requests_over_a_client(void **state)
{
  (void)state;
  struct error error;
  struct client_handle handle;
  struct answers answers = {0};
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  const struct client_loop loop = {NULL, watch, unwatch, set_timer};
  const struct client_options options = {0};
  const struct bus_reply reply = {answered, &answers};
  assert_true(client_global_init(&error));
  struct client *client = client_new(&world->memory, world, &loop, &options, &error);
  assert_non_null(client);
  const struct bus_sender sender = bus_client_sender(client);
  struct bus_request request = {.url = BYTES("http://127.0.0.1:9/"),
                                .body = BYTES("{}"),
                                .event_id = BYTES("e1"),
                                .signature = BYTES("sha256=00")};
  assert_true(sender.send(sender.context, &request, &reply, &handle, &error));
  assert_int_equal(answers.count, 0);
  sender.cancel(sender.context, handle);
  assert_int_equal(answers.count, 1);
  assert_int_equal(answers.status, 0);
  assert_true(answers.has_text);
  request.url = BYTES("ftp://127.0.0.1/");
  assert_false(sender.send(sender.context, &request, &reply, &handle, &error));
  assert_int_equal(error.code, ERROR_INVALID);
  assert_int_equal(answers.count, 1);
  client_free(client);
  client_global_cleanup();
  world_sim_free(sim);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests_over_a_client)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
