/*
 * VPCs, subnets, routes, network ACLs and security groups, each by itself. What they are to one
 * another: walk.c.
 */
#include "provider/cidr.h"
#include "provider/rules_check.h"
#include "provider/text.h"

#include <inttypes.h>

enum {
  VPC_BITS_LEAST = 16, /* of VPCs and subnets (VPC user guide, "VPC CIDR blocks") */
  VPC_BITS_MOST = 28,
  PORT_MAX = 65535,
  ICMP_ANY = -1,
};

static void check_block(struct check *check, const struct value *value, const struct path *path,
                        const void *context)
{
  struct cidr cidr;
  struct bytes text = value_text(value);
  (void)context;
  if (!cidr_parse(text, &cidr)) {
    check_refuse(check, path, "Not a network",
                 "\"%.*s\" is no IPv4 network in CIDR notation without host bits.",
                 BYTES_FORMAT(text));
  } else if (cidr.bits < VPC_BITS_LEAST || cidr.bits > VPC_BITS_MOST) {
    check_refuse(check, path, "Size of a network", "\"%.*s\" is not between /%d and /%d.",
                 BYTES_FORMAT(text), VPC_BITS_LEAST, VPC_BITS_MOST);
  }
}

static void check_range(struct check *check, const struct value *value, const struct path *path,
                        const void *context)
{
  struct cidr cidr;
  (void)context;
  if (value_text(value).size > 0 && !cidr_parse(value_text(value), &cidr))
    check_refuse(check, path, "Not a range of addresses",
                 "\"%.*s\" is no IPv4 range in CIDR notation without host bits.",
                 BYTES_FORMAT(value_text(value)));
}

/* --- ports --- */

static bool is_any_protocol(struct bytes protocol)
{
  return text_is_word_of(protocol, "-1 all");
}

static bool is_icmp(struct bytes protocol)
{
  return text_is_word_of(protocol, "icmp icmpv6 1 58");
}

/* `from` and `to` of one rule, with what its protocol allows. */
static void check_ports(struct check *check, const struct value *rule, const char *protocol_name,
                        const struct path *path)
{
  const struct value *protocol = value_get(rule, protocol_name);
  struct bytes word = value_text(protocol);
  int64_t from = 0;
  int64_t to = 0;
  bool has_from = check_integer(rule, "from_port", &from);
  bool has_to = check_integer(rule, "to_port", &to);
  struct path where = path_attribute(path, "from_port");
  if (protocol->kind != VALUE_STRING || is_icmp(word)) return;
  if (is_any_protocol(word)) {
    if ((has_from && from != 0 && from != ICMP_ANY) || (has_to && to != 0 && to != ICMP_ANY))
      check_refuse(check, &where, "Ports of all protocols",
                   "the protocol is \"%.*s\", so the rule is for every port; ports %" PRId64
                   " to %" PRId64 " contradict it.",
                   BYTES_FORMAT(word), from, to);
    return;
  }
  if (has_from && (from < 0 || from > PORT_MAX))
    check_refuse(check, &where, "Not a port", "%" PRId64 " is not from 0 to %d.", from, PORT_MAX);
  where = path_attribute(path, "to_port");
  if (has_to && (to < 0 || to > PORT_MAX))
    check_refuse(check, &where, "Not a port", "%" PRId64 " is not from 0 to %d.", to, PORT_MAX);
  if (has_from && has_to && from > to)
    check_refuse(check, &where, "Ports in the wrong order",
                 "the range starts at %" PRId64 " and ends before it, at %" PRId64 ".", from, to);
}

/* --- security groups --- */

static void check_rule_peers(struct check *check)
{
  static const char *const PEERS[] = {"cidr_ipv4", "cidr_ipv6", "prefix_list_id",
                                      "referenced_security_group_id"};
  size_t count = 0;
  for (size_t i = 0; i < sizeof(PEERS) / sizeof(PEERS[0]); i++)
    count += check_is_given(check->config, PEERS[i]);
  if (count != 1)
    check_refuse(check, NULL, "Whom a rule is for",
                 "exactly one of cidr_ipv4, cidr_ipv6, prefix_list_id and "
                 "referenced_security_group_id says it; here are %zu.",
                 count);
}

/* A rule of the older type may list ranges, or name one group, or say self. */
static void check_old_rule_peers(struct check *check)
{
  bool has_ranges = check_is_given(check->config, "cidr_blocks") ||
                    check_is_given(check->config, "ipv6_cidr_blocks");
  bool has_group = check_is_given(check->config, "source_security_group_id");
  bool is_self = value_is_true(value_get(check->config, "self"));
  bool has_list = check_is_given(check->config, "prefix_list_ids");
  struct path path = path_attribute(NULL, "source_security_group_id");
  if (has_group && (has_ranges || is_self))
    check_refuse(check, &path, "Whom a rule is for",
                 "a rule names a group, or itself, or ranges of addresses: one of them.");
  if (!has_ranges && !has_group && !is_self && !has_list)
    check_refuse(check, NULL, "Whom a rule is for",
                 "one of cidr_blocks, ipv6_cidr_blocks, prefix_list_ids, self and "
                 "source_security_group_id has to say it.");
}

static void check_inline_rule(struct check *check, const struct value *rule,
                              const struct path *path, const void *context)
{
  (void)context;
  check_ports(check, rule, "protocol", path);
}

static void check_inline_rules_twice(struct check *check, const char *direction)
{
  const struct value *rules = value_get(check->config, direction);
  struct path path = path_attribute(NULL, direction);
  for (size_t i = 0; rules->kind == VALUE_LIST && i < rules->count; i++) {
    for (size_t j = 0; j < i; j++) {
      struct value left = value_copy(check->arena, &rules->items[i]);
      struct value right = value_copy(check->arena, &rules->items[j]);
      if (left.kind != VALUE_MAP || right.kind != VALUE_MAP) continue;
      value_set(&left, BYTES("description"), VALUE_NOTHING);
      value_set(&right, BYTES("description"), VALUE_NOTHING);
      if (value_equal_unordered(&left, &right))
        check_refuse(check, &path, "Rule twice",
                     "two rules are the same but for their description; AWS takes one.");
    }
  }
}

static void check_security_group(struct check *check)
{
  static const char *const DIRECTIONS[] = {"ingress", "egress"};
  for (size_t i = 0; i < sizeof(DIRECTIONS) / sizeof(DIRECTIONS[0]); i++) {
    check_each(check, DIRECTIONS[i], check_inline_rule, NULL);
    check_inline_rules_twice(check, DIRECTIONS[i]);
  }
}

/* --- network ACLs --- */

static void check_acl_rules(struct check *check, const char *direction)
{
  const struct value *rules = value_get(check->config, direction);
  struct path list = path_attribute(NULL, direction);
  for (size_t i = 0; rules->kind == VALUE_LIST && i < rules->count; i++) {
    const struct value *rule = &rules->items[i];
    struct path path = path_element(&list, i);
    int64_t number = 0;
    check_ports(check, rule, "protocol", &path);
    if (!check_integer(rule, "rule_no", &number)) continue;
    for (size_t j = 0; j < i; j++) {
      int64_t other = 0;
      struct path where = path_attribute(&path, "rule_no");
      if (check_integer(&rules->items[j], "rule_no", &other) && other == number)
        check_refuse(check, &where, "Number of a rule twice",
                     "two %s rules have the number %" PRId64 ".", direction, number);
    }
  }
}

/* --- routes --- */

static void check_route(struct check *check)
{
  static const char *const DESTINATIONS[] = {
      "destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"};
  static const char *const TARGETS[] = {"carrier_gateway_id",     "core_network_arn",
                                        "egress_only_gateway_id", "gateway_id",
                                        "local_gateway_id",       "nat_gateway_id",
                                        "network_interface_id",   "transit_gateway_id",
                                        "vpc_endpoint_id",        "vpc_peering_connection_id"};
  size_t destinations = 0;
  size_t targets = 0;
  for (size_t i = 0; i < sizeof(DESTINATIONS) / sizeof(DESTINATIONS[0]); i++)
    destinations += check_is_given(check->config, DESTINATIONS[i]);
  for (size_t i = 0; i < sizeof(TARGETS) / sizeof(TARGETS[0]); i++)
    targets += check_is_given(check->config, TARGETS[i]);
  if (destinations != 1)
    check_refuse(check, NULL, "Destination of a route", "a route has one; here are %zu.",
                 destinations);
  if (targets != 1)
    check_refuse(check, NULL, "Target of a route", "a route has one; here are %zu.", targets);
}

void rules_check_network(struct check *check)
{
  static const char BLOCK_TYPES[] = "aws_vpc aws_subnet aws_vpc_ipv4_cidr_block_association";
  static const char RULE_TYPES[] =
      "aws_vpc_security_group_ingress_rule aws_vpc_security_group_egress_rule";
  if (text_is_word_of(check->type, BLOCK_TYPES)) {
    check_each(check, "cidr_block", check_block, NULL);
  } else if (text_is_word_of(check->type, RULE_TYPES)) {
    check_each(check, "cidr_ipv4", check_range, NULL);
    check_ports(check, check->config, "ip_protocol", NULL);
    check_rule_peers(check);
  } else if (bytes_equal(check->type, BYTES("aws_security_group_rule"))) {
    check_each(check, "cidr_blocks", check_range, NULL);
    check_ports(check, check->config, "protocol", NULL);
    check_old_rule_peers(check);
  } else if (text_is_word_of(check->type, "aws_security_group aws_default_security_group")) {
    check_each(check, "ingress.cidr_blocks", check_range, NULL);
    check_each(check, "egress.cidr_blocks", check_range, NULL);
    check_security_group(check);
  } else if (text_is_word_of(check->type, "aws_network_acl aws_default_network_acl")) {
    check_each(check, "ingress.cidr_block", check_range, NULL);
    check_each(check, "egress.cidr_block", check_range, NULL);
    check_acl_rules(check, "ingress");
    check_acl_rules(check, "egress");
  } else if (bytes_equal(check->type, BYTES("aws_route"))) {
    check_each(check, "destination_cidr_block", check_range, NULL);
    check_route(check);
  }
}
