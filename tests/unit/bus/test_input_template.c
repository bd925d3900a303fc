#include "bus/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEAD \
  "\"version\":\"0\",\"id\":\"7b\",\"source\":\"aws.ec2\",\"time\":\"2015-11-11T21:29:54Z\""
#define DETAIL                                                    \
  "{\"instance-id\":\"i-0123\",\"state\":\"RUNNING\",\"n\":4.50," \
  "\"quoted\":\"a \\\"b\\\" \\u0041\","                           \
  "\"object\":{\"k\":\"v\\n\"},\"list\":[1,\"2\"],\"null\":null}"

static const char EVENT[] = "{" HEAD ",\"detail\":" DETAIL "}";

static const struct bus_variable VARIABLES[] = {
    {{(const uint8_t *)"instance", 8}, {(const uint8_t *)"$.detail.instance-id", 20}},
    {{(const uint8_t *)"state", 5}, {(const uint8_t *)"$.detail.state", 14}},
    {{(const uint8_t *)"n", 1}, {(const uint8_t *)"$.detail.n", 10}},
    {{(const uint8_t *)"quoted", 6}, {(const uint8_t *)"$.detail.quoted", 15}},
    {{(const uint8_t *)"object", 6}, {(const uint8_t *)"$.detail.object", 15}},
    {{(const uint8_t *)"list", 4}, {(const uint8_t *)"$.detail.list", 13}},
    {{(const uint8_t *)"null", 4}, {(const uint8_t *)"$.detail.null", 13}},
    {{(const uint8_t *)"missing", 7}, {(const uint8_t *)"$.detail.missing", 16}},
};
enum { VARIABLE_COUNT = sizeof VARIABLES / sizeof VARIABLES[0] };

/* Those of the user guide first. */
static const struct {
  const char *template;
  const char *filled;
} CASES[] = {
    {"\"instance <instance> is in <state>\"", "\"instance i-0123 is in RUNNING\""},
    {"\"instance \\\"<instance>\\\" is in <state>\"", "\"instance \\\"i-0123\\\" is in RUNNING\""},
    {"{\n \"instance\" : <instance>,\n \"state\": <state>\n}",
     "{\"instance\":\"i-0123\",\"state\":\"RUNNING\"}"},
    {"{\"instance\" : <instance>, \"state\": \"<state>\", \"is\": \"\\\"<instance>\\\" is\"}",
     "{\"instance\":\"i-0123\",\"state\":\"RUNNING\",\"is\":\"\\\"i-0123\\\" is\"}"},
    {"{\"state\": [ 9, <state>, true ], \"Transformed\" : \"Yes\"}",
     "{\"state\":[9,\"RUNNING\",true],\"Transformed\":\"Yes\"}"},
    {"{\"arn\" : <aws.events.rule-arn>, \"name\" : <aws.events.rule-name>, "
     "\"event\" : <aws.events.event>}",
     "{\"arn\":\"arn:aws:events:r:0:rule/b/example\",\"name\":\"example\",\"event\":{" HEAD "}}"},
    {"\"<aws.events.rule-name> triggered\"", "\"example triggered\""},
    {"{\"whole\":<aws.events.event.json>}", "{\"whole\":{" HEAD ",\"detail\":" DETAIL "}}"},
    {"{\"at\":<aws.events.event.ingestion-time>}", "{\"at\":\"2026-11-23T05:12:00Z\"}"},
    /* Values as the event has them. */
    {"[<n>,<null>,<list>,<object>,<quoted>]",
     "[4.50,null,[1,\"2\"],{\"k\":\"v\\n\"},\"a \\\"b\\\" \\u0041\"]"},
    {"<object>", "{\"k\":\"v\\n\"}"},
    /* Within strings. */
    {"\"<n>|<null>|<quoted>\"", "\"4.50|null|a \\\"b\\\" \\u0041\""},
    {"\"<object> <list>\"", "\"{\\\"k\\\":\\\"v\\\\n\\\"} [1,\\\"2\\\"]\""},
    /* What is not there. */
    {"{\"a\":<missing>,\"b\":\"<missing>!\"}", "{\"a\":\"\",\"b\":\"!\"}"},
    /* Several lines. */
    {"\"<instance>\"\n\"is in <state>\"", "\"i-0123\"\n\"is in RUNNING\""},
    /* No variables at all. */
    {"{ \"a\" : \"x < y > z <>\" }", "{\"a\":\"x < y > z <>\"}"},
    {"\"<not a name>\"", "\"<not a name>\""},
};

static const struct input_event GIVEN = {
    .envelope = {(const uint8_t *)EVENT, sizeof EVENT - 1},
    .rule_name = {(const uint8_t *)"example", 7},
    .rule_arn = {(const uint8_t *)"arn:aws:events:r:0:rule/b/example", 33},
    .ingested_ms = INT64_C(1795410720789),
};

static void test_templates(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  arena_init(&arena, &memory);
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    const struct input_template *template = input_template_compile(
        bytes_of_text(CASES[i].template), VARIABLES, VARIABLE_COUNT, &arena, &error);
    if (template == NULL) fail_msg("%s: %s", CASES[i].template, error.message);
    struct bytes filled = input_template_fill(template, &GIVEN, &arena);
    if (!bytes_equal(filled, bytes_of_text(CASES[i].filled)))
      fail_msg("%s: %.*s", CASES[i].template, BYTES_FORMAT(filled));
  }
  arena_free(&arena);
}

static void test_what_is_no_template(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "",
      "instance <instance>",
      "{\"a\":<unknown>}",
      "\"<unknown>\"",
      "{<instance>:1}",
      "{\"<instance>\":1}",
      "1<n>",
      "-<n>",
      "<n>1",
      "<n><n>",
      "\"a\"<n>",
      "<n>\"a\"",
      "\"\\<n>\"",
      "\"\\ud83d<n>\\ude00\"",
      "\"\\u00<n>41\"",
      "{\"a\":<n>",
      "{\"a\":1,}",
      "\"a\"\n1",
      "\"a",
  };
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct error error;
    if (input_template_compile(bytes_of_text(texts[i]), VARIABLES, VARIABLE_COUNT, &arena,
                               &error) != NULL)
      fail_msg("%s is taken", texts[i]);
    assert_int_equal(error.code, ERROR_INVALID);
  }
  arena_free(&arena);
}

static void test_variables_are_checked(void **state)
{
  (void)state;
  const struct bus_variable bad[][2] = {
      {{BYTES("a"), BYTES("$.a")}, {BYTES("a"), BYTES("$.b")}},
      {{BYTES("a"), BYTES("$.a")}, {BYTES("b c"), BYTES("$.b")}},
      {{BYTES("a"), BYTES("$.a")}, {BYTES(""), BYTES("$.b")}},
      {{BYTES("a"), BYTES("$.a")}, {BYTES("aws.events.event"), BYTES("$.b")}},
      {{BYTES("a"), BYTES("$.a")}, {BYTES("b"), BYTES("b")}},
  };
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  arena_init(&arena, &memory);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_null(input_template_compile(BYTES("{}"), bad[i], 2, &arena, &error));
  assert_null(input_template_compile(BYTES("{}"), bad[0], BUS_VARIABLES_MAX + 1, &arena, &error));
  arena_free(&arena);
}

static void test_no_memory(void **state)
{
  (void)state;
  struct memory memory = {0};
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    struct arena arena;
    struct error error;
    arena_init(&arena, &memory);
    memory.fail_at = memory.calls + nth;
    const struct input_template *template = input_template_compile(
        BYTES("{\"a\":<n>,\"b\":<aws.events.event>,\"c\":\"<object>\"}"), VARIABLES, VARIABLE_COUNT,
        &arena, &error);
    if (template == NULL)
      assert_int_equal(error.code, ERROR_NO_MEMORY);
    else
      done = input_template_fill(template, &GIVEN, &arena).data != NULL;
    arena_free(&arena);
  }
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_templates),
      cmocka_unit_test(test_what_is_no_template),
      cmocka_unit_test(test_variables_are_checked),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
