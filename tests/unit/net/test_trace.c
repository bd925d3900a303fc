#include "net/trace.h"

#include "sim/world_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PARENT   "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"

struct fixture {
  struct world_sim *sim;
  struct id_generator ids;
};

static void fixture_open(struct fixture *fixture)
{
  fixture->sim = world_sim_new(6);
  id_generator_init(&fixture->ids, world_sim_world(fixture->sim));
}

static void fixture_close(struct fixture *fixture)
{
  world_sim_free(fixture->sim);
}

static struct bytes field(const char *text)
{
  return text == NULL ? (struct bytes){NULL, 0} : bytes_of_text(text);
}

/* expected NULL: a new id. */
static void assert_chosen(struct fixture *fixture, const char *request_id, const char *trace_id,
                          const char *traceparent, const char *expected)
{
  static struct http_head head;
  head.fields[HTTP_REQUEST_ID] = field(request_id);
  head.fields[HTTP_TRACE_ID] = field(trace_id);
  head.fields[HTTP_TRACEPARENT] = field(traceparent);
  char buffer[NET_TRACE_ID_BYTES];
  struct id last = fixture->ids.last;
  struct bytes chosen = trace_id_choose(&head, &fixture->ids, buffer);
  assert_ptr_equal(chosen.data, buffer);
  if (expected != NULL) {
    if (!bytes_equal(chosen, bytes_of_text(expected))) fail_msg("%.*s", BYTES_FORMAT(chosen));
    assert_int_equal(id_compare(&last, &fixture->ids.last), 0);
    return;
  }
  struct id id;
  assert_true(id_parse(chosen, &id));
  assert_true(id_compare(&id, &last) > 0);
}

static void test_sources_have_an_order(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  assert_chosen(&fixture, "one", "two", PARENT, "one");
  assert_chosen(&fixture, NULL, "two", PARENT, "two");
  assert_chosen(&fixture, NULL, NULL, PARENT, TRACE_ID);
  assert_chosen(&fixture, NULL, NULL, NULL, NULL);
  assert_chosen(&fixture, NULL, NULL, NULL, NULL);
  assert_chosen(&fixture, "", "two", PARENT, "two");
  assert_chosen(&fixture, "a b", "", PARENT, TRACE_ID);
  assert_chosen(&fixture, "a b", "c/d", "e", NULL);
  fixture_close(&fixture);
}

static void test_ids_have_a_size(void **state)
{
  (void)state;
  struct fixture fixture;
  char text[NET_TRACE_ID_BYTES + 2];
  fixture_open(&fixture);
  memset(text, 'x', sizeof(text));
  text[NET_TRACE_ID_BYTES + 1] = 0;
  assert_chosen(&fixture, text, NULL, NULL, NULL);
  text[NET_TRACE_ID_BYTES] = 0;
  assert_chosen(&fixture, text, NULL, NULL, text);
  assert_chosen(&fixture, "x", NULL, NULL, "x");
  fixture_close(&fixture);
}

static void test_ids_have_an_alphabet(void **state)
{
  (void)state;
  static const char *const known = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                   "-_.:";
  struct fixture fixture;
  fixture_open(&fixture);
  for (int byte = 1; byte < 256; byte++) {
    for (size_t at = 0; at < 3; at++) {
      char text[] = "abc";
      text[at] = (char)byte;
      assert_chosen(&fixture, text, NULL, NULL, strchr(known, byte) != NULL ? text : NULL);
    }
  }
  static struct http_head head;
  char buffer[NET_TRACE_ID_BYTES];
  head.fields[HTTP_REQUEST_ID] = bytes_of("a\0b", 3);
  assert_int_equal(trace_id_choose(&head, &fixture.ids, buffer).size, ID_TEXT_BYTES);
  fixture_close(&fixture);
}

static void test_traceparent_is_strict(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "",
      "00",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
      "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902bG-01",
      "00-4bf92f3577b34da6a3ce929d0e0e47-6-00f067aa0ba902b7-01",
  };
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_chosen(&fixture, NULL, NULL, bad[i], NULL);
  assert_chosen(&fixture, NULL, NULL, "00-00000000000000000000000000000001-1000000000000000-00",
                "00000000000000000000000000000001");
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sources_have_an_order),
      cmocka_unit_test(test_ids_have_a_size),
      cmocka_unit_test(test_ids_have_an_alphabet),
      cmocka_unit_test(test_traceparent_is_strict),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
