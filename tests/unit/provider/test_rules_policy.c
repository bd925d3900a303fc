#include "provider/rules.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Policies of identities, of resources and of trust. */
static const struct {
  const char *type;
  const char *arguments;
  const char *error; /* "summary|path"; "": accepted */
} CASES[] = {
    {"aws_iam_policy", "{'policy': '?'}", ""},
    {"aws_iam_policy", "{'policy': '{'}", "Policy does not parse|policy"},
    {"aws_iam_policy", "{'policy': '[]'}", "Policy is not valid|policy"},
    {"aws_iam_policy", "{'policy': '{}'}", "Policy is not valid|policy"},
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
