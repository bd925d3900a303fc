#include "bus/pattern_parts.h"

#include "base/check.h"

enum {
  SHOWN_VALUES_MAX = 3, /* of an event's array */
  SHOWN_TESTS_MAX = 5,  /* of a pattern's */
  SHOWN_TEXT_BYTES = 80,
  MILLIONTHS = 1000000,
};

#define NUMBER_ORDER_MAX ((int64_t)5000000000 * NUMBER_UNIT)

static void show_text(struct bytes text, struct buffer *why)
{
  struct json_writer writer;
  bool is_long = text.size > SHOWN_TEXT_BYTES;
  if (is_long) text.size = bytes_utf8_prefix(bytes_of(text.data, SHOWN_TEXT_BYTES));
  json_writer_init(&writer, why);
  json_write_string(&writer, text);
  if (is_long) buffer_append(why, BYTES("..."));
}

static void show_number(struct bytes text, struct buffer *why)
{
  bool is_long = text.size > SHOWN_TEXT_BYTES;
  buffer_append(why, bytes_of(text.data, is_long ? SHOWN_TEXT_BYTES : text.size));
  if (is_long) buffer_append(why, BYTES("..."));
}

static void show_value(const struct value *value, struct buffer *why)
{
  switch (value->kind) {
  case VALUE_NULL:
    buffer_append(why, BYTES("null"));
    break;
  case VALUE_FALSE:
    buffer_append(why, BYTES("false"));
    break;
  case VALUE_TRUE:
    buffer_append(why, BYTES("true"));
    break;
  case VALUE_NUMBER:
    show_number(value->text, why);
    break;
  case VALUE_STRING:
    show_text(value->text, why);
    break;
  }
}

/* A bound of "numeric": number.order of a whole number of millionths. */
static void show_bound(const char *comparison, int64_t order, struct buffer *why)
{
  int64_t absolute = (order < 0 ? -order : order) / 2;
  buffer_append_format(why, "%s %s%lld", comparison, order < 0 ? "-" : "",
                       (long long)(absolute / MILLIONTHS));
  int64_t fraction = absolute % MILLIONTHS;
  if (fraction == 0) return;
  int digits = 6;
  for (; fraction % 10 == 0; digits--) fraction /= 10;
  buffer_append_format(why, ".%0*lld", digits, (long long)fraction);
}

static void show_numeric(const struct test *test, struct buffer *why)
{
  bool has_low = test->low > -NUMBER_ORDER_MAX;
  if (has_low && test->low % 2 != 0)
    show_bound(">", test->low - 1, why);
  else if (has_low)
    show_bound(">=", test->low, why);
  if (has_low && test->high == NUMBER_ORDER_MAX) return;
  if (has_low) buffer_append(why, BYTES(" and "));
  if (test->high % 2 != 0)
    show_bound("<", test->high + 1, why);
  else
    show_bound("<=", test->high, why);
}

static void show_tests(const struct test *tests, uint32_t count, struct buffer *why);

static void show_test(const struct test *test, struct buffer *why)
{
  static const char *const operators[] = {
      [TEST_PREFIX] = "a text that begins with ",
      [TEST_SUFFIX] = "a text that ends with ",
      [TEST_EQUALS_FOLDED] = "in any case ",
      [TEST_PREFIX_FOLDED] = "a text that begins, in any case, with ",
      [TEST_SUFFIX_FOLDED] = "a text that ends, in any case, with ",
      [TEST_WILDCARD] = "a text like ",
      [TEST_CIDR4] = "an address in ",
      [TEST_CIDR6] = "an address in ",
  };
  switch (test->kind) {
  case TEST_NULL:
    buffer_append(why, BYTES("null"));
    break;
  case TEST_FALSE:
    buffer_append(why, BYTES("false"));
    break;
  case TEST_TRUE:
    buffer_append(why, BYTES("true"));
    break;
  case TEST_NUMBER:
    show_number(test->written, why);
    break;
  case TEST_STRING:
    show_text(test->written, why);
    break;
  case TEST_NUMERIC:
    show_numeric(test, why);
    break;
  case TEST_PRESENT:
    buffer_append(why, BYTES("any value"));
    break;
  case TEST_ABSENT:
    buffer_append(why, BYTES("absent"));
    break;
  case TEST_ANYTHING_BUT:
    buffer_append(why, BYTES("anything but "));
    show_tests(test->excluded, test->count, why);
    break;
  default:
    buffer_append(why, bytes_of_text(operators[test->kind]));
    show_text(test->written, why);
  }
}

static void show_tests(const struct test *tests, uint32_t count, struct buffer *why)
{
  for (uint32_t i = 0; i < count && i < SHOWN_TESTS_MAX; i++) {
    if (i > 0) buffer_append(why, i + 1 == count ? BYTES(" or ") : BYTES(", "));
    show_test(&tests[i], why);
  }
  if (count > SHOWN_TESTS_MAX)
    buffer_append_format(why, " or %u more", (unsigned)(count - SHOWN_TESTS_MAX));
}

static void show_path(const struct field *field, struct buffer *why)
{
  for (uint32_t i = 0; i < field->depth; i++) {
    if (i > 0) buffer_append_byte(why, '.');
    buffer_append(why, field->names[i]);
  }
}

static void show_rejection(const struct field *field, const struct event_path *values,
                           struct buffer *why)
{
  show_path(field, why);
  buffer_append(why, BYTES(": "));
  if (values == NULL) {
    buffer_append(why, BYTES("the event has no value there, it must be "));
    show_tests(field->tests, field->tests_count, why);
    return;
  }
  bool is_one = values->first->next_value == NULL;
  if (!is_one) buffer_append(why, BYTES("none of "));
  int shown = 0;
  for (struct event_node *node = values->first; node != NULL; node = node->next_value) {
    if (shown > 0) buffer_append(why, BYTES(", "));
    if (shown++ == SHOWN_VALUES_MAX) {
      buffer_append(why, BYTES("..."));
      break;
    }
    show_value(&node->value, why);
  }
  buffer_append(why, is_one ? BYTES(" is not ") : BYTES(" is "));
  show_tests(field->tests, field->tests_count, why);
}

/* Whether a field holds when elements of arrays are not looked at. */
static bool holds_alone(const struct field *field, const struct event_path *values,
                        struct arena *arena, bool *failed)
{
  if (field_has_value(field, values, arena, failed)) return true;
  return field->may_be_absent && (values == NULL || values->in_element);
}

/* How many fields of a branch hold alone, and the first that does not. */
static uint32_t count_holding(const struct branch *branch, const struct paths *paths,
                              struct arena *arena, const struct field **rejecting, bool *failed)
{
  uint32_t count = 0;
  *rejecting = NULL;
  for (uint32_t i = 0; i < branch->count; i++) {
    const struct field *field = branch->fields[i];
    const struct event_path *values = event_values(paths, field->path[field->depth - 1]);
    if (holds_alone(field, values, arena, failed))
      count++;
    else if (*rejecting == NULL)
      *rejecting = field;
  }
  return count;
}

/* Each field holds somewhere, but not all of them in one element. */
static void show_elements(const struct branch *branch, const struct paths *paths,
                          struct buffer *why)
{
  bool is_first = true;
  buffer_append(why, BYTES("no element of an array has all of "));
  for (uint32_t i = 0; i < branch->count; i++) {
    const struct field *field = branch->fields[i];
    const struct event_path *values = event_values(paths, field->path[field->depth - 1]);
    if (values == NULL || !values->in_element) continue;
    if (!is_first) buffer_append(why, BYTES(", "));
    is_first = false;
    show_path(field, why);
  }
}

static bool show_no_match(const struct pattern_and_event *both, struct arena *arena,
                          struct buffer *why)
{
  const struct pattern *pattern = both->pattern;
  const struct field *rejecting = NULL;
  const struct branch *closest = NULL;
  uint32_t most = 0;
  bool failed = false;
  for (uint32_t i = 0; i < pattern->branches_count; i++) {
    const struct field *first;
    const struct branch *branch = &pattern->branches[i];
    uint32_t count = count_holding(branch, &both->paths, arena, &first, &failed);
    if (closest != NULL && (rejecting == NULL || (first != NULL && count <= most))) continue;
    closest = branch;
    rejecting = first;
    most = count;
  }
  if (failed) return false;
  CHECK(closest != NULL);
  if (rejecting == NULL)
    show_elements(closest, &both->paths, why);
  else
    show_rejection(rejecting, event_values(&both->paths, rejecting->path[rejecting->depth - 1]),
                   why);
  if (pattern->branches_count > 1)
    buffer_append_format(why, " (the closest of %u combinations of $or)",
                         (unsigned)pattern->branches_count);
  return !why->failed;
}

enum pattern_answer pattern_explain(struct bytes pattern, struct bytes event, struct arena *arena,
                                    struct buffer *why)
{
  struct error error;
  struct pattern_and_event both;
  enum pattern_answer answer = pattern_read_both(pattern, event, arena, &both, &error);
  switch (answer) {
  case PATTERN_MATCH:
    return answer;
  case PATTERN_NO_MATCH:
    return show_no_match(&both, arena, why) ? answer : PATTERN_NO_MEMORY;
  case PATTERN_NO_MEMORY:
    return answer;
  case PATTERN_INVALID:
  case PATTERN_INVALID_EVENT:
    buffer_append(why, bytes_of_text(error.message));
    break;
  }
  return why->failed ? PATTERN_NO_MEMORY : answer;
}
