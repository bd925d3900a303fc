#include "provider/rules.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Rules of a web ACL. */
static const struct {
  const char *type;
  const char *arguments;
  const char *error; /* "summary|path"; "": accepted */
} CASES[] = {
    {"aws_wafv2_web_acl",
     "{'rule': [{'name': 'a', 'priority': 1, 'action': [{}], 'visibility_config': [{}], "
     "'statement': [{'geo_match_statement': [{'country_codes': ['KR']}]}]}, {'name': 'b', "
     "'priority': 2, 'override_action': [{}], 'visibility_config': [{}], 'statement': "
     "[{'managed_rule_group_statement': [{'name': 'x', 'vendor_name': 'AWS'}]}]}]}",
     ""},
    {"aws_wafv2_web_acl",
     "{'rule': [{'name': 'a', 'priority': 1, 'action': [{}], 'visibility_config': [{}], "
     "'statement': [{'geo_match_statement': [{'country_codes': ['KR']}]}]}, {'name': 'b', "
     "'priority': 1, 'action': [{}], 'visibility_config': [{}], 'statement': "
     "[{'geo_match_statement': [{'country_codes': ['KR']}]}]}]}",
     "Priority twice|rule[1].priority"},
    {"aws_wafv2_web_acl",
     "{'rule': [{'name': 'a', 'priority': 1, 'action': [{}], 'visibility_config': [{}], "
     "'statement': [{'geo_match_statement': [{'country_codes': ['KR']}]}]}, {'name': 'a', "
     "'priority': 2, 'action': [{}], 'visibility_config': [{}], 'statement': "
     "[{'geo_match_statement': [{'country_codes': ['KR']}]}]}]}",
     "Name twice|rule[1].name"},
    {"aws_wafv2_web_acl",
     "{'rule': [{'name': 'a', 'priority': '?', 'action': [{}], 'visibility_config': [{}], "
     "'statement': [{'geo_match_statement': [{'country_codes': ['KR']}]}]}, {'name': 'b', "
     "'priority': 1, 'action': [{}], 'visibility_config': [{}], 'statement': "
     "[{'geo_match_statement': [{'country_codes': ['KR']}]}]}]}",
     ""},
    {"aws_wafv2_web_acl",
     "{'rule': [{'name': 'a', 'priority': 1, 'visibility_config': [{}], 'statement': "
     "[{'geo_match_statement': [{'country_codes': ['KR']}]}]}]}",
     "Action of a rule|rule[0].action"},
    {"aws_wafv2_web_acl",
     "{'rule': [{'name': 'a', 'priority': 1, 'action': [{}], 'visibility_config': [{}], "
     "'statement': [{'managed_rule_group_statement': [{'name': 'x', 'vendor_name': "
     "'AWS'}]}]}]}",
     "Action of a rule group|rule[0].override_action"},
    {"aws_wafv2_web_acl",
     "{'rule': [{'name': 'a', 'priority': 1, 'action': [{}], 'statement': [{}]}]}",
     "Statement of a rule|rule[0].statement"},
};

static void test_each_rule(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct value config = fixture_config(&fixture, SCHEMA_RESOURCE, CASES[i].type,
                                         CASES[i].arguments);
    fixture_clear(&fixture);
    rules_check_resource(&fixture.arena, bytes_of_text(CASES[i].type), &config,
                         &fixture.diagnostics);
    if (strcmp(fixture_error(&fixture), CASES[i].error) != 0)
      fail_msg("%s %s: \"%s\"", CASES[i].type, CASES[i].arguments, fixture_error(&fixture));
  }
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_rule),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
