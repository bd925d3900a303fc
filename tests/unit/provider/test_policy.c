#include "provider/policy.h"

#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct value render(struct fixture *fixture, const char *json)
{
  struct value state = fixture_config(fixture, SCHEMA_DATA, "aws_iam_policy_document", json);
  policy_render(&fixture->arena, &state, &fixture->diagnostics);
  return state;
}

static void assert_policy(const char *arguments, const char *minified)
{
  struct fixture fixture;
  fixture_open(&fixture);
  struct value state = render(&fixture, arguments);
  assert_string_equal(fixture_text(&fixture, &state, "minified_json"), minified);
  assert_string_equal(fixture_error(&fixture), "");
  fixture_close(&fixture);
}

static void test_statements(void **state)
{
  (void)state;
  assert_policy("{}", "{\"Version\":\"2012-10-17\"}");
  assert_policy("{'statement': [{'actions': ['s3:Get'], 'resources': ['*']}]}",
                "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                "\"Action\":\"s3:Get\",\"Resource\":\"*\"}]}");
  assert_policy("{'policy_id': 'p', 'version': '2008-10-17', 'statement': [{'sid': 'One',"
                " 'effect': 'Deny', 'not_actions': ['b', 'a', 'c'],"
                " 'not_resources': ['arn:&{aws:username}']}]}",
                "{\"Version\":\"2008-10-17\",\"Id\":\"p\",\"Statement\":[{\"Sid\":\"One\","
                "\"Effect\":\"Deny\",\"NotAction\":[\"c\",\"b\",\"a\"],"
                "\"NotResource\":\"arn:${aws:username}\"}]}");
}

static void test_principals(void **state)
{
  (void)state;
  assert_policy("{'statement': [{'principals': [{'type': '*', 'identifiers': ['*']}]}]}",
                "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                "\"Principal\":\"*\"}]}");
  assert_policy("{'statement': [{'principals': [{'type': 'Service', 'identifiers': ['b']},"
                " {'type': 'AWS', 'identifiers': ['*']},"
                " {'type': 'Service', 'identifiers': ['a']}]}]}",
                "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                "\"Principal\":{\"AWS\":\"*\",\"Service\":[\"b\",\"a\"]}}]}");
}

static void test_conditions(void **state)
{
  (void)state;
  assert_policy("{'statement': [{'condition': ["
                "{'test': 'StringLike', 'variable': 'z', 'values': ['1']},"
                "{'test': 'Bool', 'variable': 'y', 'values': ['true']},"
                "{'test': 'StringLike', 'variable': 'x', 'values': ['2', '3']}]}]}",
                "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Condition\":"
                "{\"Bool\":{\"y\":\"true\"},\"StringLike\":{\"x\":[\"3\",\"2\"],\"z\":\"1\"}}}]}");
}

static void test_json_has_lines(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value policy = render(&fixture, "{'statement': [{'actions': ['a']}]}");
  assert_string_equal(fixture_text(&fixture, &policy, "json"),
                      "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n"
                      "      \"Effect\": \"Allow\",\n      \"Action\": \"a\"\n    }\n  ]\n}");
  fixture_close(&fixture);
}

/* A document is merged by Sid; in the arguments a Sid stands once. */
static void test_merging(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct value base = render(&fixture, "{'statement': [{'sid': 'A', 'actions': ['old']}]}");
  struct value state_ = fixture_config(
      &fixture, SCHEMA_DATA, "aws_iam_policy_document",
      "{'source_policy_documents': ['x'], 'statement': [{'sid': 'A', 'actions': ['new']}]}");
  struct value *documents = (struct value *)value_get(&state_, "source_policy_documents");
  documents->items[0] = *value_get(&base, "json");
  policy_render(&fixture.arena, &state_, &fixture.diagnostics);
  assert_string_equal(fixture_text(&fixture, &state_, "minified_json"),
                      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"A\","
                      "\"Effect\":\"Allow\",\"Action\":\"new\"}]}");
  fixture_close(&fixture);
}

static void test_refusals(void **state)
{
  (void)state;
  static const struct {
    const char *arguments;
    const char *error;
  } CASES[] = {
      {"{'statement': [{'sid': 'A'}, {'sid': 'A'}]}", "Duplicate Sid|statement[1].sid"},
      {"{'statement': [{'effect': 'Maybe'}]}", "Effect of a statement|statement[0].effect"},
      {"{'override_policy_documents': ['{']}", "Policy does not parse|override_policy_documents"},
      {"{'source_json': '[]'}", "Policy does not parse|source_json"},
  };
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct fixture fixture;
    fixture_open(&fixture);
    render(&fixture, CASES[i].arguments);
    assert_string_equal(fixture_error(&fixture), CASES[i].error);
    fixture_close(&fixture);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_statements), cmocka_unit_test(test_principals),
      cmocka_unit_test(test_conditions), cmocka_unit_test(test_json_has_lines),
      cmocka_unit_test(test_merging),    cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
