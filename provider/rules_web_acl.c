/*
 * WAF: rules of one web ACL, each with a priority, a name and one action of its own.
 */
#include "provider/rules_check.h"

#include <inttypes.h>

static size_t count_given(const struct value *object)
{
  size_t count = 0;
  for (size_t i = 0; object->kind == VALUE_MAP && i < object->count; i++) {
    const struct value *item = &object->items[i];
    count += item->kind == VALUE_UNKNOWN || (item->kind == VALUE_LIST && item->count > 0);
  }
  return count;
}

static bool is_group(const struct value *statement)
{
  return check_is_given(statement, "managed_rule_group_statement") ||
         check_is_given(statement, "rule_group_reference_statement");
}

/* A group's rules have actions; a rule with a group may only override them. */
static void check_action(struct check *check, const struct value *rule, const struct path *path)
{
  const struct value *statement = value_first(value_get(rule, "statement"));
  bool has_action = check_is_given(rule, "action");
  bool has_override = check_is_given(rule, "override_action");
  struct path action = path_attribute(path, "action");
  struct path override = path_attribute(path, "override_action");
  if (statement->kind != VALUE_MAP) return;
  if (is_group(statement) && (has_action || !has_override))
    check_refuse(check, &override, "Action of a rule group",
                 "a rule with a rule group has override_action, and no action.");
  if (!is_group(statement) && (!has_action || has_override))
    check_refuse(check, &action, "Action of a rule",
                 "a rule without a rule group has action, and no override_action.");
  struct path inner = path_attribute(path, "statement");
  if (count_given(statement) != 1)
    check_refuse(check, &inner, "Statement of a rule",
                 "a statement has exactly one kind, and this one has %zu.", count_given(statement));
}

static void check_twice(struct check *check, const struct value *rules, size_t index,
                        const struct path *path)
{
  const struct value *rule = &rules->items[index];
  int64_t priority = 0;
  bool has_priority = check_integer(rule, "priority", &priority);
  struct bytes name = value_text(value_get(rule, "name"));
  for (size_t i = 0; i < index; i++) {
    int64_t other = 0;
    struct bytes other_name = value_text(value_get(&rules->items[i], "name"));
    struct path where = path_attribute(path, "priority");
    if (has_priority && check_integer(&rules->items[i], "priority", &other) && other == priority)
      check_refuse(check, &where, "Priority twice",
                   "the rules \"%.*s\" and \"%.*s\" have the priority %" PRId64 ".",
                   BYTES_FORMAT(other_name), BYTES_FORMAT(name), priority);
    where = path_attribute(path, "name");
    if (name.size > 0 && bytes_equal(name, other_name))
      check_refuse(check, &where, "Name twice", "two rules are called \"%.*s\".",
                   BYTES_FORMAT(name));
  }
}

void rules_check_web_acl(struct check *check)
{
  if (!bytes_equal(check->type, BYTES("aws_wafv2_web_acl"))) return;
  const struct value *rules = value_get(check->config, "rule");
  struct path list = path_attribute(NULL, "rule");
  for (size_t i = 0; rules->kind == VALUE_LIST && i < rules->count; i++) {
    struct path path = path_element(&list, i);
    check_action(check, &rules->items[i], &path);
    check_twice(check, rules, i, &path);
  }
}
