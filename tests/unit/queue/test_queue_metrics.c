#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_everything_is_counted(void **state)
{
  struct queue_fixture *fixture = *state;
  struct queue *queue = queue_fixture_redriven(fixture, "work.fifo", "dead.fifo", 1);
  queue_fixture_send_group(fixture, queue, "a", "g", "1");
  queue_fixture_send_group(fixture, queue, "a", "g", "1");
  queue_fixture_send_group(fixture, queue, "b", "h", "2");
  queue_fixture_receive(fixture, queue, 2);
  queue_fixture_receive(fixture, queue, 2);
  fixture->now_ms += 1500;
  struct buffer text;
  struct metrics_writer writer;
  buffer_init(&text, &fixture->memory);
  metrics_writer_init(&writer, &text);
  queues_write_metrics(fixture->queues, &writer, fixture->now_ms);
  buffer_append_byte(&text, 0);
  static const char *const lines[] = {
      "\ntacos_queue_sent_total 2\n",
      "\ntacos_queue_duplicates_total 1\n",
      "\ntacos_queue_received_total 2\n",
      "\ntacos_queue_empty_receives_total 1\n",
      "\ntacos_queue_deleted_total 0\n",
      "\ntacos_queue_in_flight_messages{queue=\"work.fifo\"} 2\n",
      "\ntacos_queue_visible_messages{queue=\"dead.fifo\"} 0\n",
      "\ntacos_queue_oldest_age_seconds{queue=\"work.fifo\"} 1.500000000\n",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    if (strstr((const char *)text.data, lines[i]) == NULL)
      fail_msg("no%s in\n%s", lines[i], (const char *)text.data);
  buffer_free(&text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_everything_is_counted, queue_fixture_setup,
                                      queue_fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
