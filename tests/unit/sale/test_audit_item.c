/* How the auditor reads attributes. */
#include "sale/audit_parts.h"
#include "sim/world_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item_fixture {
  struct memory memory;
  struct arena arena;
  struct error error;
  struct audit audit;
};

static int setup(void **state)
{
  static struct item_fixture fixture;
  fixture = (struct item_fixture){0};
  arena_init(&fixture.arena, &fixture.memory);
  fixture.audit.memory = &fixture.memory;
  fixture.audit.error = &fixture.error;
  arena_init(&fixture.audit.texts, &fixture.memory);
  audit_names_init(&fixture.audit.tickets, &fixture.memory, 1, sizeof(struct audit_ticket));
  *state = &fixture;
  return 0;
}

static int teardown(void **state)
{
  struct item_fixture *fixture = *state;
  audit_names_free(&fixture->audit.tickets);
  memory_free(&fixture->memory, fixture->audit.pool,
              fixture->audit.pool_capacity * sizeof(uint32_t));
  arena_free(&fixture->audit.texts);
  arena_free(&fixture->arena);
  assert_int_equal(fixture->memory.in_use, 0);
  return 0;
}

static struct value item_of(struct item_fixture *fixture, const char *json)
{
  struct value item;
  if (!item_from_json(&fixture->arena, bytes_of_text(json), &item, &fixture->error))
    fail_msg("%s", fixture->error.message);
  return item;
}

static void test_pick(void **state)
{
  const struct bytes names[] = {BYTES("a"), BYTES("b"), BYTES("bb"), BYTES("d")};
  struct value values[4];
  struct value item = item_of(*state,
                              "{\"d\":{\"S\":\"x\"},\"b\":{\"N\":\"7\"},\"c\":{\"N\":\"1\"},"
                              "\"e\":{\"NULL\":true}}");
  audit_pick(item, names, 4, values);
  assert_false(value_present(values[0]));
  assert_int_equal(audit_integer(values[1], 0), 7);
  assert_false(value_present(values[2]));
  assert_true(bytes_equal(audit_text(values[3]), BYTES("x")));
  assert_int_equal(audit_text(values[1]).size, 0);
  assert_int_equal(audit_integer(values[3], -1), -1);
  assert_int_equal(audit_integer(values[0], -1), -1);
  assert_int_equal(audit_instant(values[3], -1), -1);
  assert_int_equal(audit_instant(values[1], -1), -1);
}

static void test_status(void **state)
{
  struct value item = item_of(*state, "{\"s\":{\"S\":\"SOLD\"},\"t\":{\"S\":\"SOLDX\"}}");
  struct value sold = value_attribute(item, BYTES("s"));
  struct value odd = value_attribute(item, BYTES("t"));
  assert_int_equal(audit_status(sold, audit_ticket_statuses, TICKET_IS_ODD), TICKET_IS_SOLD);
  assert_int_equal(audit_status(odd, audit_ticket_statuses, TICKET_IS_ODD), TICKET_IS_ODD);
  assert_int_equal(audit_status(VALUE_NONE, audit_ticket_statuses, TICKET_IS_ODD), TICKET_IS_ODD);
}

static void test_detail(void **state)
{
  struct item_fixture *fixture = *state;
  static const struct {
    const char *json;
    struct audit_detail detail;
  } cases[] = {
      {"{\"status\":\"SOLD\",\"previousStatus\":\"RESERVED\",\"x\":[1],\"version\":3}",
       {true, 3, TICKET_IS_SOLD, TICKET_IS_RESERVED}},
      {"{}", {true, 0, TICKET_IS_ODD, TICKET_IS_ODD}},
      {"{\"status\":\"PAID\"}", {true, 0, TICKET_IS_ODD, TICKET_IS_ODD}},
      {"{\"status\":1}", {false, 0, TICKET_IS_ODD, TICKET_IS_ODD}},
      {"[]", {false, 0, TICKET_IS_ODD, TICKET_IS_ODD}},
      {"", {false, 0, TICKET_IS_ODD, TICKET_IS_ODD}},
      {"{\"version\":1", {false, 1, TICKET_IS_ODD, TICKET_IS_ODD}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct audit_detail detail;
    bool whole;
    assert_true(audit_read_detail(&fixture->audit, bytes_of_text(cases[i].json), &detail));
    assert_int_equal(detail.whole, cases[i].detail.whole);
    assert_int_equal(detail.version, cases[i].detail.version);
    assert_int_equal(detail.status, cases[i].detail.status);
    assert_int_equal(detail.previous, cases[i].detail.previous);
    assert_true(audit_read_json(&fixture->audit, bytes_of_text(cases[i].json), &whole));
    assert_int_equal(whole, cases[i].json[0] == '{' && cases[i].json[1] != 0 &&
                                cases[i].json[strlen(cases[i].json) - 1] == '}');
  }
}

static void test_lists(void **state)
{
  struct item_fixture *fixture = *state;
  struct audit *audit = &fixture->audit;
  struct audit_list list;
  bool whole;
  struct bytes none = {NULL, 0};
  struct value item = item_of(fixture, "{\"t\":{\"L\":[{\"S\":\"e:a\"},{\"S\":\"e:b\"}]},"
                                       "\"s\":{\"L\":[{\"S\":\"b\"},{\"S\":\"c\"},{\"S\":\"b\"}]},"
                                       "\"n\":{\"L\":[{\"N\":\"1\"}]},\"o\":{\"L\":[]}}");
  assert_true(audit_read_list(audit, value_attribute(item, BYTES("t")), none, &list, &whole));
  assert_true(whole);
  assert_int_equal(list.count, 2);
  assert_int_equal(audit->pool[list.first + 1], audit_names_find(&audit->tickets, BYTES("e:b")));
  /* Seats of an event are its tickets; one that no ticket has gets a name, one that is there twice
     counts once. */
  assert_true(audit_read_list(audit, value_attribute(item, BYTES("s")), BYTES("e"), &list, &whole));
  assert_false(whole);
  assert_int_equal(list.count, 2);
  assert_int_equal(audit->pool[list.first], audit_names_find(&audit->tickets, BYTES("e:b")));
  assert_true(audit_names_find(&audit->tickets, BYTES("e:c")) != 0);
  assert_true(audit_read_list(audit, value_attribute(item, BYTES("n")), none, &list, &whole));
  assert_true(!whole && list.count == 0);
  assert_true(audit_read_list(audit, value_attribute(item, BYTES("o")), none, &list, &whole));
  assert_true(!whole && list.count == 0);
  assert_true(audit_read_list(audit, VALUE_NONE, none, &list, &whole));
  assert_true(!whole && list.count == 0);
}

static void test_mix(void **state)
{
  (void)state;
  for (uint64_t i = 1; i < 100; i++)
    for (uint64_t j = 0; j < 4; j++)
      assert_true(audit_mix(i, j) != audit_mix(i + 1, j) &&
                  audit_mix(i, j) != audit_mix(i, (j + 1) % 4));
}

#define WITH_ITEM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ITEM(test_pick),  WITH_ITEM(test_status), WITH_ITEM(test_detail),
      WITH_ITEM(test_lists), WITH_ITEM(test_mix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
