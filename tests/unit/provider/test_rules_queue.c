#include "provider/rules.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Queues. */
static const struct {
  const char *type;
  const char *arguments;
  const char *error; /* "summary|path"; "": accepted */
} CASES[] = {
    {"aws_sqs_queue", "{'name': 'q'}", ""},
    {"aws_sqs_queue", "{'name': 'q', 'fifo_queue': true}", "Name of a queue|name"},
    {"aws_sqs_queue", "{'name': 'q.fifo'}", "Name of a queue|name"},
    {"aws_sqs_queue", "{'name': 'q', 'content_based_deduplication': true}",
     "Deduplication of a standard queue|content_based_deduplication"},
    {"aws_sqs_queue", "{'name': 'q', 'sqs_managed_sse_enabled': true, 'kms_master_key_id': 'k'}",
     "Two kinds of encryption|sqs_managed_sse_enabled"},
    {"aws_sqs_queue", "{'name': 'q', 'redrive_policy': '{'}",
     "Redrive policy does not parse|redrive_policy"},
    {"aws_sqs_queue", "{'name': 'q', 'redrive_policy': '{}'}",
     "Redrive policy is not valid|redrive_policy"},
    {"aws_sqs_queue_redrive_policy", "{'redrive_policy': '{}'}",
     "Redrive policy is not valid|redrive_policy"},
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
