/* Names to numbers and rows: against what was put in, while it grows, and without memory. */
#include "sale/audit_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MANY = 5000, TEXT_BYTES = 16 };

struct row {
  uint64_t value;
};

static struct bytes text_of(char texts[][TEXT_BYTES], uint32_t i)
{
  int size = snprintf(texts[i], TEXT_BYTES, "name-%u", (unsigned)i);
  return bytes_of(texts[i], (size_t)size);
}

static void test_numbers_and_rows(void **state)
{
  (void)state;
  static char texts[MANY][TEXT_BYTES];
  struct memory memory = {0};
  struct audit_names names;
  audit_names_init(&names, &memory, 7, sizeof(struct row));
  assert_int_equal(audit_names_find(&names, BYTES("x")), 0);
  for (uint32_t i = 0; i < MANY; i++) {
    struct bytes text = text_of(texts, i);
    assert_int_equal(audit_names_find(&names, text), 0);
    assert_int_equal(audit_names_add(&names, text), i + 1);
    struct row *row = audit_names_row(&names, i + 1);
    assert_int_equal(row->value, 0);
    row->value = i;
  }
  for (uint32_t i = 0; i < MANY; i++) {
    struct bytes text = text_of(texts, i);
    assert_int_equal(audit_names_add(&names, text), i + 1);
    assert_int_equal(audit_names_find(&names, text), i + 1);
    assert_true(bytes_equal(audit_names_text(&names, i + 1), text));
    assert_int_equal(((struct row *)audit_names_row(&names, i + 1))->value, i);
  }
  assert_int_equal(names.count, MANY + 1);
  assert_true(bytes_equal(audit_names_text(&names, 0), BYTES("(none)")));
  assert_int_equal(((struct row *)audit_names_row(&names, 0))->value, 0);
  audit_names_free(&names);
  assert_int_equal(memory.in_use, 0);
}

static void test_room_is_made_once(void **state)
{
  (void)state;
  static char texts[MANY][TEXT_BYTES];
  struct memory memory = {0};
  struct audit_names names;
  audit_names_init(&names, &memory, 7, sizeof(struct row));
  assert_true(audit_names_reserve(&names, MANY));
  uint64_t calls = memory.calls;
  for (uint32_t i = 0; i < MANY; i++)
    assert_int_equal(audit_names_add(&names, text_of(texts, i)), i + 1);
  assert_int_equal(memory.calls, calls);
  assert_false(audit_names_reserve(&names, UINT32_MAX));
  audit_names_free(&names);
  assert_int_equal(memory.in_use, 0);
}

/* A name that there was no memory for can be added later; those before are as they were. */
static void test_no_memory(void **state)
{
  (void)state;
  static char texts[MANY][TEXT_BYTES];
  struct memory memory = {0};
  struct audit_names names;
  audit_names_init(&names, &memory, 7, sizeof(struct row));
  int failures = 0;
  for (uint32_t i = 0; i < MANY; i++) {
    struct bytes text = text_of(texts, i);
    for (uint64_t n = 1; n <= 4; n++) {
      memory.fail_at = memory.calls + n;
      uint32_t number = audit_names_add(&names, text);
      if (number != 0) break;
      failures++;
      assert_int_equal(audit_names_find(&names, text), 0);
      if (i > 0) assert_int_equal(audit_names_find(&names, text_of(texts, i / 2)), i / 2 + 1);
    }
    memory.fail_at = 0;
    assert_int_equal(audit_names_add(&names, text), i + 1);
  }
  assert_true(failures > 10);
  audit_names_free(&names);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_numbers_and_rows),
      cmocka_unit_test(test_room_is_made_once),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
