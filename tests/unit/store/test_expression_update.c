#include "unit/store/expression_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/limits.h"

#include <stdlib.h>

static void test_set(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"SET a = :v", "{a=9, b='old', m={x=1, y={z=2}}, z=5}"},
      {"SET c = :s, aa = :v, #d = :v", "{a=1, a.b=9, aa=9, b='old', c='x', m={x=1, y={z=2}}, z=5}"},
      {"SET zz = b, a = z, z = a", "{a=5, b='old', m={x=1, y={z=2}}, z=1, zz='old'}"},
      {"REMOVE b SET c = b", "{a=1, c='old', m={x=1, y={z=2}}, z=5}"},
      {"SET m.x = :v, m.n = :m, m.y.a = :s",
       "{a=1, b='old', m={n={k=1}, x=9, y={a='x', z=2}}, z=5}"},
      {"SET m = :s", "{a=1, b='old', m='x', z=5}"},
      {"SET c = m.y.z", "{a=1, b='old', c=2, m={x=1, y={z=2}}, z=5}"},
      {"SET c = :v, d = c",
       "The provided expression refers to an attribute that does not exist in the item"},
      {"SET c = m.q",
       "The provided expression refers to an attribute that does not exist in the item"},
      {"SET c = a.q",
       "The provided expression refers to an attribute that does not exist in the item"},
      {"SET a.c = :v", "The document path provided in the update expression is invalid for update"},
      {"SET m.x.c = :v",
       "The document path provided in the update expression is invalid for update"},
      {"SET q.c = :v", "The document path provided in the update expression is invalid for update"},
      {"SET m[0] = :v",
       "The document path provided in the update expression is invalid for update"},
      {"SET m.q.r = :v",
       "The document path provided in the update expression is invalid for update"},
      {"SET q[0] = :v",
       "The document path provided in the update expression is invalid for update"},
  };
  fixture_placeholders(fixture, "{#d='a.b'}", "{:v=9, :s='x', :m={k=1}}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{a=1, b='old', m={x=1, y={z=2}}, z=5}", cases);
}

static void test_lists(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"SET a[1] = :v", "{a=[0, 'v', 2, 3, 4, 5], e=[], n=[[1], {k=[2]}]}"},
      {"REMOVE a[1] SET a[3] = :v", "{a=[0, 2, 'v', 4, 5], e=[], n=[[1], {k=[2]}]}"},
      {"REMOVE a[0], a[5], a[2], a[17]", "{a=[1, 3, 4], e=[], n=[[1], {k=[2]}]}"},
      {"SET a[84] = :v, a[37] = :w, a[9] = :x, a[50] = :y",
       "{a=[0, 1, 2, 3, 4, 5, 'x', 'w', 'y', 'v'], e=[], n=[[1], {k=[2]}]}"},
      {"SET e[3] = :v REMOVE a", "{e=['v'], n=[[1], {k=[2]}]}"},
      {"SET n[0][0] = :v, n[1].k[1] = :w REMOVE a, e", "{n=[['v'], {k=[2, 'w']}]}"},
      {"REMOVE n[0][0], n[1].k, a, e", "{n=[[], {}]}"},
      {"SET a = list_append(e, :l), e = list_append(:l, n) REMOVE n",
       "{a=[7, 8], e=[7, 8, [1], {k=[2]}]}"},
      {"SET a = list_append(q, :l)",
       "The provided expression refers to an attribute that does not exist in the item"},
      {"SET a = list_append(n[1], :l)",
       "An operand in the update expression has an incorrect data type"},
      {"SET a[7].x = :v",
       "The document path provided in the update expression is invalid for update"},
      {"SET a[0].x = :v",
       "The document path provided in the update expression is invalid for update"},
      {"REMOVE a[0].x",
       "The document path provided in the update expression is invalid for update"},
      {"SET a.x = :v", "The document path provided in the update expression is invalid for update"},
  };
  fixture_placeholders(fixture, NULL, "{:v='v', :w='w', :x='x', :y='y', :l=[7, 8]}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{a=[0, 1, 2, 3, 4, 5], e=[], n=[[1], {k=[2]}]}", cases);
}

static void test_arithmetic(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"SET n = n + :one", "{d=0.2, n=6, s='x'}"},
      {"SET n = :one - n", "{d=0.2, n=-4, s='x'}"},
      {"SET n = n + :max", "{d=0.2, n=9223372036854775812, s='x'}"},
      {"SET n = :min - :one", "{d=0.2, n=-9223372036854775809, s='x'}"},
      {"SET n = :max - :max", "{d=0.2, n=0, s='x'}"},
      {"SET d = d + :tenth", "{d=0.3, n=5, s='x'}"},
      {"SET d = d - d", "{d=0, n=5, s='x'}"},
      {"SET n = if_not_exists(c, :one) + :one", "{d=0.2, n=2, s='x'}"},
      {"ADD n :tenth, c :one", "{c=1, d=0.2, n=5.1, s='x'}"},
      {"SET n = n + s", "An operand in the update expression has an incorrect data type"},
      {"SET n = s - :one", "An operand in the update expression has an incorrect data type"},
      {"SET n = q + :one",
       "The provided expression refers to an attribute that does not exist in the item"},
      {"ADD s :one", "An operand in the update expression has an incorrect data type"},
      {"SET n = :big + :big", "...Number overflow. Attempting to store a number with magnitude "
                              "larger than supported range"},
  };
  fixture_placeholders(fixture, NULL,
                       "{:one=1, :max=9223372036854775807, :min=-9223372036854775808, :tenth=0.1, "
                       ":s='s', :big=9.9E125, :tiny=1E-130}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{n=5, d=0.2, s='x'}", cases);
}

static void test_sets(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"ADD s :a REMOVE n, x, l, k", "{s=<'a', 'b', 'c', 'e'>}"},
      {"ADD n :m REMOVE s, x, l, k", "{n=<-1.5, 1, 2, 3, 10>}"},
      {"ADD q :x REMOVE s, n, l, k", "{q=<b'x'>, x=<b'x'>}"},
      {"DELETE s :a, n :m, x :x REMOVE l, k", "{n=<1, 3>, s=<'b'>}"},
      {"DELETE s :b, q :b REMOVE n, x, l, k", "{s=<'a'>}"},
      {"ADD k.s :a, l[5] :one, k.n :one REMOVE s, n, x",
       "{k={n=1, s=<'a', 'b', 'c', 'e'>}, l=[1, 1]}"},
      {"DELETE k.s :b REMOVE s, n, x, l", "{k={}}"},
      {"ADD s :n", "An operand in the update expression has an incorrect data type"},
      {"DELETE s :n", "An operand in the update expression has an incorrect data type"},
      {"ADD l :n", "An operand in the update expression has an incorrect data type"},
      {"ADD s :one", "An operand in the update expression has an incorrect data type"},
      {"ADD q.s :a", "The document path provided in the update expression is invalid for update"},
      {"DELETE q.s :a",
       "The document path provided in the update expression is invalid for update"},
  };
  fixture_placeholders(
      fixture, NULL,
      "{:a=<'a', 'c', 'e'>, :b=<'b'>, :n=<1, 2>, :m=<-1.5, 2, 10>, :x=<b'x'>, :one=1}");
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE,
              "{s=<'a', 'b'>, n=<1, 2, 3>, x=<b'x'>, l=[1], k={s=<'b'>}}", cases);
}

static void test_remove(void **state)
{
  struct expression_fixture *fixture = *state;
  static const struct fixture_case cases[] = {
      {"REMOVE a, b, c", "{}"},
      {"REMOVE a.x, b[0], d", "{a={}, b=[], c=1}"},
      {"REMOVE a.y, b[7]", "{a={x=3}, b=['hi'], c=1}"},
      {"REMOVE c.x", "The document path provided in the update expression is invalid for update"},
      {"REMOVE d.x", "The document path provided in the update expression is invalid for update"},
      {"REMOVE d[0]", "The document path provided in the update expression is invalid for update"},
      {"REMOVE b.x", "The document path provided in the update expression is invalid for update"},
      {"REMOVE a[0]", "The document path provided in the update expression is invalid for update"},
      {"REMOVE a.y.z", "The document path provided in the update expression is invalid for update"},
  };
  fixture_placeholders(fixture, NULL, NULL);
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{a={x=3}, b=['hi'], c=1}", cases);
}

/* The deepest nesting an item may have is reached, not passed. */
static void test_depth(void **state)
{
  struct expression_fixture *fixture = *state;
  char deep[256] = "{:v=";
  for (int i = 0; i < ITEM_DEPTH_MAX - 1; i++) strcat(deep, "[");
  for (int i = 0; i < ITEM_DEPTH_MAX - 1; i++) strcat(deep, "]");
  strcat(deep, "}");
  fixture_placeholders(fixture, NULL, deep);
  static const struct fixture_case cases[] = {
      {"SET m.x[2] = :v", "Nesting Levels have exceeded supported limits: Attributes of the item "
                          "have nesting levels beyond supported limit"},
      {"SET m.x = :v REMOVE m.x", "...path one: [m, x], path two: [m, x]"},
  };
  FIXTURE_RUN(fixture, EXPRESSION_UPDATE, "{m={x=[]}}", cases);
  const char *fits = fixture_run(fixture, EXPRESSION_UPDATE, "SET m.x = :v", "{m={x=[]}}");
  assert_non_null(strstr(fits, "{m={x=[[[["));
}

/* An item of exactly the largest size may be made, one byte more may not. */
static void test_size(void **state)
{
  struct expression_fixture *fixture = *state;
  size_t room = ITEM_SIZE_MAX - 1 - 3; /* "a" and "b" with "b"'s value of one byte, see below */
  char *notation = malloc(ITEM_SIZE_MAX + 64);
  assert_non_null(notation);
  strcpy(notation, "{:v='");
  memset(notation + 5, 'x', room);
  strcpy(notation + 5 + room, "', :w='y', :ww='yy'}");
  fixture_placeholders(fixture, NULL, notation);
  free(notation);
  struct value item = fixture_value(fixture, "{}");
  struct value result;
  const struct expression *fits = fixture_compile(fixture, EXPRESSION_UPDATE,
                                                  "SET a = :v, b = :ww");
  const struct expression *small = fixture_compile(fixture, EXPRESSION_UPDATE,
                                                   "SET a = :v, b = :w");
  assert_true(
      expression_update(small, item, fixture->values, &fixture->arena, &result, &fixture->error));
  assert_int_equal(item_size(result), ITEM_SIZE_MAX - 1);
  assert_true(
      expression_update(fits, item, fixture->values, &fixture->arena, &result, &fixture->error));
  assert_int_equal(item_size(result), ITEM_SIZE_MAX);
  const struct expression *large = fixture_compile(fixture, EXPRESSION_UPDATE,
                                                   "SET a = :v, bb = :ww");
  assert_false(
      expression_update(large, item, fixture->values, &fixture->arena, &result, &fixture->error));
  assert_string_equal(fixture->error.message,
                      "Item size to update has exceeded the maximum allowed size");
}

/* Every allocation of an update fails once: an error each time, and the old item is as it was. */
static void test_out_of_memory(void **state)
{
  struct expression_fixture *fixture = *state;
  fixture_placeholders(fixture, NULL, "{:v=0.5, :l=[1], :s=<1>}");
  struct value item = fixture_value(fixture, "{a=1, l=[2], s=<2>, m={x=1}}");
  struct bytes before = arena_copy(&fixture->arena, bytes_of(item.data, item.size));
  const struct expression *expression = fixture_compile(
      fixture, EXPRESSION_UPDATE, "SET a = a + :v, l = list_append(l, :l), m.x = :v ADD s :s");
  assert_non_null(expression);
  uint64_t failures = 0;
  for (uint64_t fail = 1;; fail++) {
    /* An arena takes chunks: the small ones are used up first, so that each call is a chunk. */
    struct arena arena;
    struct memory memory = {.fail_at = fail};
    struct value result = VALUE_NONE;
    arena_init(&arena, &memory);
    bool done = expression_update(expression, item, fixture->values, &arena, &result,
                                  &fixture->error);
    if (!done) {
      failures++;
      assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
      assert_false(value_present(result));
    }
    bool hit = memory.calls >= fail;
    arena_free(&arena);
    assert_int_equal(memory.in_use, 0);
    assert_true(done != hit);
    if (!hit) break;
  }
  assert_true(failures >= 1);
  assert_true(bytes_equal(before, bytes_of(item.data, item.size)));
}

static void test_touched(void **state)
{
  struct expression_fixture *fixture = *state;
  fixture_placeholders(fixture, "{#s='status'}", "{:v=1}");
  const struct expression *expression = fixture_compile(
      fixture, EXPRESSION_UPDATE, "SET m.b = more, m.a = :v, #s = :v REMOVE a[1]");
  assert_non_null(expression);
  const struct bytes *names;
  assert_int_equal(expression_touched(expression, &names), 3);
  assert_true(bytes_equal(names[0], BYTES("a")));
  assert_true(bytes_equal(names[1], BYTES("m")));
  assert_true(bytes_equal(names[2], BYTES("status")));
  assert_true(expression_mentions(expression, BYTES("more")));
  assert_true(expression_mentions(expression, BYTES("status")));
  assert_false(expression_mentions(expression, BYTES("b")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_set, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_lists, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_arithmetic, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_sets, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_remove, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_depth, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_size, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_out_of_memory, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(test_touched, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
