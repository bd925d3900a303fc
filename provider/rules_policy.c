/*
 * IAM policies in arguments: JSON that parses, and the grammar of a policy as far as every service
 * wants it (IAM user guide, "Grammar of the IAM JSON policy language").
 */
#include "provider/rules_check.h"
#include "provider/text.h"

#include <stdio.h>

enum {
  ROLE_POLICY_BYTES_MAX = 10240,   /* inline policies of a role, without white space */
  MANAGED_POLICY_BYTES_MAX = 6144, /* a managed policy */
};

struct policy_argument {
  const char *type;
  const char *path;
  size_t bytes_max; /* 0: not checked */
  bool is_trust;    /* has principals, no resources */
};

static const struct policy_argument POLICIES[] = {
    {"aws_backup_vault_policy", "policy", 0, false},
    {"aws_cloudwatch_event_bus_policy", "policy", 0, false},
    {"aws_cloudwatch_log_resource_policy", "policy_document", 5120, false},
    {"aws_dynamodb_resource_policy", "policy", 0, false},
    {"aws_ecr_registry_policy", "policy", 0, false},
    {"aws_ecr_repository_policy", "policy", 0, false},
    {"aws_iam_policy", "policy", MANAGED_POLICY_BYTES_MAX, false},
    {"aws_iam_role", "assume_role_policy", 0, true},
    {"aws_iam_role", "inline_policy.policy", ROLE_POLICY_BYTES_MAX, false},
    {"aws_iam_role_policy", "policy", ROLE_POLICY_BYTES_MAX, false},
    {"aws_iam_user_policy", "policy", 2048, false},
    {"aws_kms_key", "policy", 32768, false},
    {"aws_kms_key_policy", "policy", 32768, false},
    {"aws_s3_bucket_policy", "policy", 20480, false},
    {"aws_secretsmanager_secret", "policy", 20480, false},
    {"aws_secretsmanager_secret_policy", "policy", 20480, false},
    {"aws_sns_topic", "policy", 0, false},
    {"aws_sns_topic_policy", "policy", 30720, false},
    {"aws_sqs_queue", "policy", 0, false},
    {"aws_sqs_queue_policy", "policy", 0, false},
    {"aws_vpc_endpoint", "policy", 20480, false},
    {"aws_vpc_endpoint_policy", "policy", 20480, false},
};

static const char RULE[] = "Policy is not valid";

static bool has(const struct value *statement, const char *name)
{
  return value_get(statement, name)->kind != VALUE_NULL;
}

static void check_statement(struct check *check, const struct value *statement, size_t index,
                            const struct policy_argument *argument, const struct path *path)
{
  if (statement->kind != VALUE_MAP) {
    check_refuse(check, path, RULE, "statement %zu is no object.", index + 1);
    return;
  }
  struct bytes effect = value_text(value_get(statement, "Effect"));
  if (!text_is_word_of(effect, "Allow Deny"))
    check_refuse(check, path, RULE, "statement %zu: Effect must be Allow or Deny, not \"%.*s\".",
                 index + 1, BYTES_FORMAT(effect));
  if (has(statement, "Action") == has(statement, "NotAction"))
    check_refuse(check, path, RULE, "statement %zu must have one of Action and NotAction.",
                 index + 1);
  if (argument->is_trust) {
    if (!has(statement, "Principal") && !has(statement, "NotPrincipal"))
      check_refuse(check, path, RULE, "statement %zu of a trust policy names no Principal.",
                   index + 1);
    if (has(statement, "Resource"))
      check_refuse(check, path, RULE, "statement %zu: a trust policy has no Resource.", index + 1);
  }
  bool is_identity = bytes_starts_with(check->type, BYTES("aws_iam_")) && !argument->is_trust;
  if (is_identity && has(statement, "Principal"))
    check_refuse(check, path, RULE, "statement %zu: a policy of an identity names no Principal.",
                 index + 1);
  if (is_identity && has(statement, "Resource") == has(statement, "NotResource"))
    check_refuse(check, path, RULE, "statement %zu must have one of Resource and NotResource.",
                 index + 1);
}

static size_t size_without_space(struct bytes json)
{
  size_t size = 0;
  for (size_t i = 0; i < json.size; i++) size += strchr(" \n\r\t", json.data[i]) == NULL;
  return size;
}

static void check_policy(struct check *check, const struct value *value, const struct path *path,
                         const void *context)
{
  const struct policy_argument *argument = context;
  struct bytes json = value_text(value);
  struct value policy;
  struct error error;
  if (json.size == 0) return;
  if (!value_from_json(check->arena, json, &policy, &error)) {
    check_refuse(check, path, "Policy does not parse", "not JSON: %s.", error.message);
    return;
  }
  const struct value *statements = value_get(&policy, "Statement");
  if (policy.kind != VALUE_MAP ||
      (statements->kind != VALUE_LIST && statements->kind != VALUE_MAP)) {
    check_refuse(check, path, RULE, "a policy is an object with a Statement.");
    return;
  }
  const struct value *version = value_get(&policy, "Version");
  if (version->kind != VALUE_NULL && !text_is_word_of(value_text(version), "2012-10-17 2008-10-17"))
    check_refuse(check, path, RULE, "Version must be 2012-10-17 or 2008-10-17, not \"%.*s\".",
                 BYTES_FORMAT(value_text(version)));
  if (argument->bytes_max > 0 && size_without_space(json) > argument->bytes_max)
    check_refuse(check, path, RULE, "%zu characters, and AWS takes %zu.", size_without_space(json),
                 argument->bytes_max);
  if (statements->kind == VALUE_MAP) check_statement(check, statements, 0, argument, path);
  for (size_t i = 0; statements->kind == VALUE_LIST && i < statements->count; i++)
    check_statement(check, &statements->items[i], i, argument, path);
}

void rules_check_policies(struct check *check)
{
  for (size_t i = 0; i < sizeof(POLICIES) / sizeof(POLICIES[0]); i++) {
    if (bytes_equal(check->type, bytes_of_text(POLICIES[i].type)))
      check_each(check, POLICIES[i].path, check_policy, &POLICIES[i]);
  }
}
