#include "provider/rules.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Networks, rules of security groups, network ACLs and routes. */
static const struct {
  const char *type;
  const char *arguments;
  const char *error; /* "summary|path"; "": accepted */
} CASES[] = {
    {"aws_vpc", "{'cidr_block': '10.180.0.0/20'}", ""},
    {"aws_vpc", "{'cidr_block': '10.180.0.1/20'}", "Not a network|cidr_block"},
    {"aws_vpc", "{'cidr_block': '10.0.0.0/8'}", "Size of a network|cidr_block"},
    {"aws_subnet", "{'cidr_block': '10.180.0.0/29'}", "Size of a network|cidr_block"},
    {"aws_subnet", "{'cidr_block': '?'}", ""},
    {"aws_vpc_security_group_ingress_rule",
     "{'ip_protocol': 'tcp', 'from_port': 443, 'to_port': 443, 'cidr_ipv4': '0.0.0.0/0'}", ""},
    {"aws_vpc_security_group_ingress_rule",
     "{'ip_protocol': 'tcp', 'from_port': 443, 'to_port': 80, 'cidr_ipv4': '0.0.0.0/0'}",
     "Ports in the wrong order|to_port"},
    {"aws_vpc_security_group_ingress_rule",
     "{'ip_protocol': '-1', 'from_port': 443, 'to_port': 443, 'cidr_ipv4': '0.0.0.0/0'}",
     "Ports of all protocols|from_port"},
    {"aws_vpc_security_group_ingress_rule",
     "{'ip_protocol': 'tcp', 'from_port': 1, 'to_port': 70000, 'cidr_ipv4': '0.0.0.0/0'}",
     "Not a port|to_port"},
    {"aws_vpc_security_group_egress_rule", "{'ip_protocol': '-1'}", "Whom a rule is for|"},
    {"aws_vpc_security_group_egress_rule",
     "{'ip_protocol': '-1', 'cidr_ipv4': '0.0.0.0/0', 'prefix_list_id': '?'}",
     "Whom a rule is for|"},
    {"aws_vpc_security_group_egress_rule", "{'ip_protocol': '-1', 'cidr_ipv4': '0.0.0.1/0'}",
     "Not a range of addresses|cidr_ipv4"},
    {"aws_security_group_rule",
     "{'protocol': 'tcp', 'from_port': 1, 'to_port': 1, 'self': true, "
     "'source_security_group_id': '?'}",
     "Whom a rule is for|source_security_group_id"},
    {"aws_security_group_rule", "{'protocol': 'tcp', 'from_port': 1, 'to_port': 1}",
     "Whom a rule is for|"},
    {"aws_security_group",
     "{'ingress': [{'protocol': 'tcp', 'from_port': 1, 'to_port': 1, 'description': 'a'}, "
     "{'protocol': 'tcp', 'from_port': 1, 'to_port': 1, 'description': 'b'}]}",
     "Rule twice|ingress"},
    {"aws_network_acl",
     "{'ingress': [{'protocol': '-1', 'from_port': 0, 'to_port': 0, 'rule_no': 100}, "
     "{'protocol': '-1', 'from_port': 0, 'to_port': 0, 'rule_no': 100}]}",
     "Number of a rule twice|ingress[1].rule_no"},
    {"aws_network_acl_rule", "{'rule_number': 40000}", "Out of range|rule_number"},
    {"aws_route", "{'destination_cidr_block': '0.0.0.0/0', 'gateway_id': '?'}", ""},
    {"aws_route", "{'destination_cidr_block': '0.0.0.0/0'}", "Target of a route|"},
    {"aws_route", "{'gateway_id': '?'}", "Destination of a route|"},
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
