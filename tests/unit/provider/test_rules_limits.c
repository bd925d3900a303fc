#include "provider/rules.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Enumerations and ranges; what is not known is not refused. */
static const struct {
  const char *type;
  const char *arguments;
  const char *error; /* "summary|path"; "": accepted */
} CASES[] = {
    {"aws_sqs_queue", "{'visibility_timeout_seconds': 43200}", ""},
    {"aws_sqs_queue", "{'visibility_timeout_seconds': 43201}",
     "Out of range|visibility_timeout_seconds"},
    {"aws_sqs_queue", "{'visibility_timeout_seconds': -1}",
     "Out of range|visibility_timeout_seconds"},
    {"aws_sqs_queue", "{'visibility_timeout_seconds': 1.5}",
     "Out of range|visibility_timeout_seconds"},
    {"aws_sqs_queue", "{'visibility_timeout_seconds': '?'}", ""},
    {"aws_sqs_queue", "{'message_retention_seconds': 59}",
     "Out of range|message_retention_seconds"},
    {"aws_sqs_queue", "{'message_retention_seconds': 1209601}",
     "Out of range|message_retention_seconds"},
    {"aws_sqs_queue", "{'message_retention_seconds': 1209600}", ""},
    {"aws_lb_target_group", "{'deregistration_delay': '30'}", ""},
    {"aws_lb_target_group", "{'deregistration_delay': 'soon'}",
     "Out of range|deregistration_delay"},
    {"aws_dynamodb_table",
     "{'name': 't', 'hash_key': 'k', 'billing_mode': 'PAY_PER_REQUEST', 'attribute': "
     "[{'name': 'k', 'type': 'X'}]}",
     "Unknown value|attribute[0].type"},
    {"aws_eks_cluster", "{'enabled_cluster_log_types': ['api', 'apx']}",
     "Unknown value|enabled_cluster_log_types[1]"},
    {"aws_eks_node_group", "{'capacity_type': 'FREE'}", "Unknown value|capacity_type"},
    {"aws_cloudwatch_log_group", "{'retention_in_days': 31}", "Unknown value|retention_in_days"},
    {"aws_wafv2_ip_set", "{'scope': '?'}", ""},
    {"aws_network_acl", "{'ingress': [{'action': 'alow'}]}", "Unknown value|ingress[0].action"},
    {"aws_lb_target_group", "{'protocol': 'HTPS'}", "Unknown value|protocol"},
    {"aws_cloudfront_distribution",
     "{'default_cache_behavior': [{'allowed_methods': ['GET', 'HED']}]}",
     "Unknown value|default_cache_behavior[0].allowed_methods[1]"},
    {"aws_grafana_workspace", "{'data_sources': ['PROMETHEUS', 'XRAY']}", ""},
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
