/*
 * SQS: what its numbers and JSON arguments have to be to one another. (Ranges: rules_limits.c.)
 */
#include "provider/rules_check.h"
#include "provider/text.h"

enum { RECEIVES_MAX = 1000 };

static void check_redrive(struct check *check, const struct value *value, const struct path *path,
                          const void *context)
{
  struct value policy;
  struct error error;
  int64_t receives = 0;
  (void)context;
  if (!value_from_json(check->arena, value_text(value), &policy, &error)) {
    check_refuse(check, path, "Redrive policy does not parse", "not JSON: %s.", error.message);
    return;
  }
  const struct value *count = value_get(&policy, "maxReceiveCount");
  /* SQS takes the number as text too. */
  bool is_number = text_to_integer(value_text(count), &receives);
  if (!is_number || receives < 1 || receives > RECEIVES_MAX)
    check_refuse(check, path, "Redrive policy is not valid",
                 "maxReceiveCount must be an integer from 1 to %d.", RECEIVES_MAX);
  if (!bytes_starts_with(value_text(value_get(&policy, "deadLetterTargetArn")), BYTES("arn:")))
    check_refuse(check, path, "Redrive policy is not valid",
                 "deadLetterTargetArn must be the ARN of a queue.");
}

static void check_fifo(struct check *check)
{
  const struct value *name = value_get(check->config, "name");
  const struct value *fifo = value_get(check->config, "fifo_queue");
  if (!value_is_string(name) || fifo->kind == VALUE_UNKNOWN) return;
  struct path path = path_attribute(NULL, "name");
  bool has_suffix = text_ends_with(name->text, BYTES(".fifo"));
  if (value_is_true(fifo) != has_suffix)
    check_refuse(check, &path, "Name of a queue",
                 "a FIFO queue's name ends in .fifo and no other's does.");
  path = path_attribute(NULL, "content_based_deduplication");
  if (!value_is_true(fifo) &&
      value_is_true(value_get(check->config, "content_based_deduplication")))
    check_refuse(check, &path, "Deduplication of a standard queue",
                 "only a FIFO queue deduplicates.");
}

static void check_encryption(struct check *check)
{
  struct path path = path_attribute(NULL, "sqs_managed_sse_enabled");
  if (value_is_true(value_get(check->config, "sqs_managed_sse_enabled")) &&
      value_text(value_get(check->config, "kms_master_key_id")).size > 0)
    check_refuse(check, &path, "Two kinds of encryption",
                 "a queue has either kms_master_key_id or SQS' own key.");
}

void rules_check_queue(struct check *check)
{
  if (bytes_equal(check->type, BYTES("aws_sqs_queue_redrive_policy")))
    check_each(check, "redrive_policy", check_redrive, NULL);
  if (!bytes_equal(check->type, BYTES("aws_sqs_queue"))) return;
  check_each(check, "redrive_policy", check_redrive, NULL);
  check_fifo(check);
  check_encryption(check);
}
