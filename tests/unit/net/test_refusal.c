#include "net/refusal.h"

#include "net/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* One word in the alphabet of a metric's label or an error code. */
static bool is_word(const char *text, char first, char last)
{
  if (text == NULL || text[0] == 0) return false;
  for (const char *at = text; *at != 0; at++)
    if (!(*at >= first && *at <= last) && *at != '_' && !(*at >= '0' && *at <= '9')) return false;
  return true;
}

static void test_every_row_is_whole(void **state)
{
  (void)state;
  for (enum refusal refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
    const struct refusal_row *row = refusal_row(refusal);
    if (!is_word(row->name, 'a', 'z')) fail_msg("refusal %d has no name", refusal);
    if (row->status == 0) {
      assert_null(row->code);
      assert_null(row->message);
      assert_true(row->close);
      continue;
    }
    if (!is_word(row->code, 'A', 'Z')) fail_msg("%s has no code", row->name);
    assert_non_null(row->message);
    if (strlen(row->message) < 10) fail_msg("%s says nothing", row->name);
    if (reply_status_index(row->status) == 0) fail_msg("%s: status unknown", row->name);
    assert_in_range(row->status, 400, 599);
    for (const char *at = row->message; *at != 0; at++)
      if (*at < ' ' || *at > '~') fail_msg("%s: no plain text", row->name);
  }
}

static void test_names_are_unique(void **state)
{
  (void)state;
  for (enum refusal left = REFUSAL_NONE + 1; left < REFUSAL_COUNT; left++)
    for (enum refusal right = left + 1; right < REFUSAL_COUNT; right++)
      assert_string_not_equal(refusal_row(left)->name, refusal_row(right)->name);
}

/* One code has one status, so that clients can go by either. */
static void test_a_code_has_one_status(void **state)
{
  (void)state;
  for (enum refusal left = REFUSAL_NONE + 1; left < REFUSAL_COUNT; left++)
    for (enum refusal right = left + 1; right < REFUSAL_COUNT; right++) {
      const struct refusal_row *a = refusal_row(left);
      const struct refusal_row *b = refusal_row(right);
      if (a->code != NULL && b->code != NULL && strcmp(a->code, b->code) == 0)
        assert_int_equal(a->status, b->status);
    }
}

/* What makes the rest of a stream doubtful ends it; what a route says does not. */
static void test_who_closes(void **state)
{
  (void)state;
  for (enum refusal refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
    bool of_a_route = refusal >= REFUSAL_NOT_FOUND && refusal <= REFUSAL_KEY_MISSING;
    assert_int_equal(refusal_row(refusal)->close, !of_a_route);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_row_is_whole),
      cmocka_unit_test(test_names_are_unique),
      cmocka_unit_test(test_a_code_has_one_status),
      cmocka_unit_test(test_who_closes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
