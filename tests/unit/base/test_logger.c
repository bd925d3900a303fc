#include "base/logger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define TIME_MS INT64_C(1795410720123)
#define START   "{\"time\":\"2026-11-23T05:12:00.123Z\","
#define HEAD    START "\"level\":\"info\",\"room\":\"store\",\"event\":\"e\","

/* A logger whose clock stands still and whose sink keeps the last line, or refuses. */
struct fixture {
  struct world world;
  struct logger logger;
  int64_t now_ms;
  bool refuse;
  int lines;
  char line[LOGGER_LINE_BYTES + 1];
};

static int64_t fixture_clock_ms(struct world *world)
{
  return ((struct fixture *)world)->now_ms;
}

static const struct world_operations fixture_operations = {.clock_ms = fixture_clock_ms};

static bool keep_line(void *context, struct bytes line)
{
  struct fixture *fixture = context;
  if (fixture->refuse) return false;
  assert_in_range(line.size, 1, LOGGER_LINE_BYTES);
  assert_true(bytes_is_utf8(line));
  memcpy(fixture->line, line.data, line.size);
  fixture->line[line.size] = 0;
  assert_ptr_equal(strchr(fixture->line, '\n'), fixture->line + line.size - 1);
  fixture->lines++;
  return true;
}

static void set_up(struct fixture *fixture)
{
  memset(fixture, 0, sizeof(*fixture));
  fixture->now_ms = TIME_MS;
  fixture->world.operations = &fixture_operations;
  fixture->logger = (struct logger){.world = &fixture->world,
                                    .threshold = LOGGER_INFO,
                                    .sink = keep_line,
                                    .sink_context = fixture};
}

static void test_line_has_head_and_typed_fields(void **state)
{
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  LOGGER_WRITE(&fixture.logger, LOGGER_ERROR, "store", "recovered", "done in 5 ms",
               logger_integer("least", INT64_MIN), logger_integer("zero", 0),
               logger_unsigned("most", UINT64_MAX), logger_boolean("clean", true),
               logger_boolean("torn", false), logger_text("file", BYTES("log.1")));
  assert_string_equal(fixture.line,
                      START "\"level\":\"error\",\"room\":\"store\",\"event\":\"recovered\","
                            "\"message\":\"done in 5 ms\",\"least\":-9223372036854775808,"
                            "\"zero\":0,\"most\":18446744073709551615,\"clean\":true,"
                            "\"torn\":false,\"file\":\"log.1\"}\n");
}

static void test_line_without_fields(void **state)
{
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "");
  assert_string_equal(fixture.line, HEAD "\"message\":\"\"}\n");
}

static struct logger_field never(void)
{
  fail_msg("a field below the threshold was evaluated");
  return logger_boolean("never", true);
}

static void test_threshold_drops_lower_levels(void **state)
{
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  LOGGER_WRITE(&fixture.logger, LOGGER_DEBUG, "store", "e", "m", never());
  logger_write(&fixture.logger, LOGGER_DEBUG, "store", "e", "m", NULL, 0);
  assert_int_equal(fixture.lines, 0);
  LOGGER_WRITE(&fixture.logger, LOGGER_WARNING, "store", "e", "m");
  assert_int_equal(fixture.lines, 1);
  fixture.logger.threshold = LOGGER_DEBUG;
  LOGGER_WRITE(&fixture.logger, LOGGER_DEBUG, "store", "e", "m");
  assert_int_equal(fixture.lines, 2);
  assert_non_null(strstr(fixture.line, "\"level\":\"debug\""));
}

static void assert_escaped(struct bytes text, const char *expected)
{
  struct fixture fixture;
  set_up(&fixture);
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "", logger_text("t", text));
  char line[LOGGER_LINE_BYTES];
  snprintf(line, sizeof(line), HEAD "\"message\":\"\",\"t\":\"%s\"}\n", expected);
  assert_string_equal(fixture.line, line);
}

static void test_text_is_escaped(void **state)
{
  (void)state;
  assert_escaped(BYTES("a\"b\\c/\n\r\t\b"), "a\\\"b\\\\c/\\n\\r\\t\\u0008");
  assert_escaped(bytes_of("\0\x1f\x7f", 3), "\\u0000\\u001f\\u007f");
  assert_escaped(BYTES("Zürich \xe2\x82\xac \xf0\x9f\x8c\xae"),
                 "Zürich \xe2\x82\xac \xf0\x9f\x8c\xae");
  assert_escaped(bytes_of(NULL, 0), "");
}

static void test_bytes_that_are_not_utf8_are_replaced(void **state)
{
  (void)state;
#define BAD "\xef\xbf\xbd"
  assert_escaped(BYTES("a\xff"
                       "b"),
                 "a" BAD "b");
  assert_escaped(BYTES("\xe2\x82"), BAD BAD);
  assert_escaped(BYTES("\x80\xc3("), BAD BAD "(");
  assert_escaped(BYTES("\xed\xa0\x80"), BAD BAD BAD);
  assert_escaped(BYTES("\xf0\x9f\x8c"
                       "a"),
                 BAD BAD BAD "a");
}

/* A text of the longest size passes whole, one more byte is cut, at a character. */
static void test_long_text_is_cut_at_a_character(void **state)
{
  (void)state;
  struct fixture fixture;
  char text[LOGGER_TEXT_BYTES + 1];
  memset(text, 'x', sizeof(text));
  set_up(&fixture);
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "",
               logger_text("t", bytes_of(text, LOGGER_TEXT_BYTES)));
  assert_null(strstr(fixture.line, "truncated"));
  assert_int_equal(strlen(fixture.line),
                   strlen(HEAD "\"message\":\"\",\"t\":\"\"}\n") + LOGGER_TEXT_BYTES);
  memcpy(text + LOGGER_TEXT_BYTES - 1, "\xc3\xbc", 2);
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "",
               logger_text("t", bytes_of(text, sizeof(text))));
  assert_int_equal(strspn(strchr(fixture.line, 'x'), "x"), LOGGER_TEXT_BYTES - 1);
  assert_non_null(strstr(fixture.line, "x\",\"truncated\":true}\n"));
}

/* Fields that do not fit are left out whole; a smaller one after them still goes in. */
static void test_line_is_bounded(void **state)
{
  (void)state;
  struct fixture fixture;
  char text[LOGGER_TEXT_BYTES];
  memset(text, 'x', sizeof(text));
  set_up(&fixture);
  struct bytes large = bytes_of(text, sizeof(text));
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "", logger_text("a", large),
               logger_text("b", large), logger_text("c", large), logger_text("d", large),
               logger_text("e", large), logger_integer("small", 7));
  assert_non_null(strstr(fixture.line, "\"c\":\"xxx"));
  assert_null(strstr(fixture.line, "\"d\""));
  assert_non_null(strstr(fixture.line, "x\",\"small\":7,\"truncated\":true}\n"));
  memset(text, 1, sizeof(text)); /* each byte six characters */
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "", logger_text("a", large));
  assert_string_equal(fixture.line, HEAD "\"message\":\"\",\"truncated\":true}\n");
}

/* Lines of every length around the bound: never too long, never broken. */
static void test_line_of_every_length_near_the_bound(void **state)
{
  (void)state;
  struct fixture fixture;
  char text[LOGGER_TEXT_BYTES];
  memset(text, 'x', sizeof(text));
  set_up(&fixture);
  struct bytes large = bytes_of(text, sizeof(text));
  size_t longest = 0;
  for (size_t size = 700; size < sizeof(text); size++) {
    LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "", logger_text("a", large),
                 logger_text("b", large), logger_text("c", large),
                 logger_text("d", bytes_of(text, size)));
    size_t line_size = strlen(fixture.line);
    bool truncated = strstr(fixture.line, "\"truncated\":true}\n") != NULL;
    assert_int_equal(truncated, strstr(fixture.line, "\"d\"") == NULL);
    if (line_size > longest) longest = line_size;
  }
  assert_in_range(longest, LOGGER_LINE_BYTES - 20, LOGGER_LINE_BYTES);
}

static void test_refused_lines_are_counted_in_the_next(void **state)
{
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  fixture.refuse = true;
  for (int i = 0; i < 3; i++) LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "lost");
  fixture.refuse = false;
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "m");
  assert_string_equal(fixture.line, HEAD "\"dropped\":3,\"message\":\"m\"}\n");
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "m");
  assert_string_equal(fixture.line, HEAD "\"message\":\"m\"}\n");
}

static void test_clock_out_of_range_is_clamped(void **state)
{
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  fixture.now_ms = INT64_MAX;
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "m");
  assert_non_null(strstr(fixture.line, "\"time\":\"9999-12-31T23:59:59.999Z\""));
  fixture.now_ms = INT64_MIN;
  LOGGER_WRITE(&fixture.logger, LOGGER_INFO, "store", "e", "m");
  assert_non_null(strstr(fixture.line, "\"time\":\"0000-01-01T00:00:00.000Z\""));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_line_has_head_and_typed_fields),
      cmocka_unit_test(test_line_without_fields),
      cmocka_unit_test(test_threshold_drops_lower_levels),
      cmocka_unit_test(test_text_is_escaped),
      cmocka_unit_test(test_bytes_that_are_not_utf8_are_replaced),
      cmocka_unit_test(test_long_text_is_cut_at_a_character),
      cmocka_unit_test(test_line_is_bounded),
      cmocka_unit_test(test_line_of_every_length_near_the_bound),
      cmocka_unit_test(test_refused_lines_are_counted_in_the_next),
      cmocka_unit_test(test_clock_out_of_range_is_clamped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
