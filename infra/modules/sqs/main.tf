data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  # ARNs follow from names, so that plans show policies in full before anything exists.
  arns = {
    for name in concat(keys(var.queues), [for name in keys(var.queues) : "${name}-dlq"]) :
    name => "arn:${local.partition}:sqs:${local.region}:${local.account}:${name}"
  }
}

resource "aws_sqs_queue" "dead_letter" {
  for_each = var.queues

  name                       = "${each.key}-dlq"
  message_retention_seconds  = var.retention_seconds
  receive_wait_time_seconds  = 20
  visibility_timeout_seconds = var.visibility_timeout_seconds
  kms_master_key_id          = var.kms_key_arn

  # Only its own queue may name it as its dead-letter queue.
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.arns[each.key]]
  })
}

resource "aws_sqs_queue" "this" {
  for_each = var.queues

  name                       = each.key
  delay_seconds              = each.value.delay_seconds
  visibility_timeout_seconds = var.visibility_timeout_seconds
  message_retention_seconds  = var.retention_seconds
  receive_wait_time_seconds  = 20
  kms_master_key_id          = var.kms_key_arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = local.arns["${each.key}-dlq"]
    maxReceiveCount     = var.max_receive_count
  })

  tags = { Purpose = each.value.description }

  # SQS looks the dead-letter queue up when the policy is set.
  depends_on = [aws_sqs_queue.dead_letter]
}

# --- who may send: EventBridge, for exactly the rules that the contract names ---

data "aws_iam_policy_document" "queue" {
  for_each = var.queues

  dynamic "statement" {
    for_each = length(each.value.rules) > 0 ? [1] : []

    content {
      sid       = "RulesSend"
      actions   = ["sqs:SendMessage"]
      resources = [local.arns[each.key]]

      principals {
        type        = "Service"
        identifiers = ["events.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values = [
          for rule in sort(each.value.rules) :
          "arn:${local.partition}:events:${local.region}:${local.account}:rule/${rule}"
        ]
      }
    }
  }

  statement {
    sid    = "TlsOnly"
    effect = "Deny"
    # wildcard: a refusal of everything that is not encrypted on its way.
    actions   = ["sqs:*"]
    resources = [local.arns[each.key]]

    principals {
      type        = "*"   # wildcard: a refusal concerns everybody
      identifiers = ["*"] # wildcard: as above
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

# What a rule could not deliver goes to the queue's dead-letter queue too.
data "aws_iam_policy_document" "dead_letter" {
  for_each = { for name, queue in var.queues : name => queue if length(queue.rules) > 0 }

  statement {
    sid       = "RulesBury"
    actions   = ["sqs:SendMessage"]
    resources = [local.arns["${each.key}-dlq"]]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values = [
        for rule in sort(each.value.rules) :
        "arn:${local.partition}:events:${local.region}:${local.account}:rule/${rule}"
      ]
    }
  }
}

resource "aws_sqs_queue_policy" "this" {
  for_each = var.queues

  queue_url = aws_sqs_queue.this[each.key].url
  policy    = data.aws_iam_policy_document.queue[each.key].json
}

resource "aws_sqs_queue_policy" "dead_letter" {
  for_each = data.aws_iam_policy_document.dead_letter

  queue_url = aws_sqs_queue.dead_letter[each.key].url
  policy    = each.value.json
}

# --- alarms ---

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = var.queues

  alarm_name          = "${each.key}-dlq-not-empty"
  alarm_description   = "Messages of ${each.key} failed ${var.max_receive_count} times: look at them, then redrive."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = "${each.key}-dlq" }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "age" {
  for_each = var.queues

  alarm_name          = "${each.key}-old-messages"
  alarm_description   = "Workers of ${each.key} do not keep up."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.key }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.delay_seconds + var.max_age_alarm_seconds
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
