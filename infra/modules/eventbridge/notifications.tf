# Rules without a queue notify: a topic, which any number of HTTPS endpoints subscribe to. SNS signs each
# message with a key pair of its own, so there is no secret to keep; it tries for most of an hour, the most
# that it can, then the message waits in the dead-letter queue for a redrive.

locals {
  topic_arn           = "arn:${local.partition}:sns:${local.region}:${local.account}:${var.notifications_name}"
  notifications_dlq   = "${var.notifications_name}-dlq"
  notifications_d_arn = "arn:${local.partition}:sqs:${local.region}:${local.account}:${local.notifications_dlq}"
}

# No condition: EventBridge's calls to a topic do not meet one. The topic carries nothing else.
data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "RulesNotify"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "notifications_dead_letter" {
  statement {
    sid       = "Bury"
    actions   = ["sqs:SendMessage"]
    resources = [local.notifications_d_arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = concat([for name in sort(keys(local.notifications)) : local.rule_arns[name]], [local.topic_arn])
    }
  }
}

resource "aws_sqs_queue" "notifications_dead_letter" {
  name                      = local.notifications_dlq
  message_retention_seconds = 1209600 # 14 days, the longest
  receive_wait_time_seconds = 20
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue_policy" "notifications_dead_letter" {
  queue_url = aws_sqs_queue.notifications_dead_letter.url
  policy    = data.aws_iam_policy_document.notifications_dead_letter.json
}

resource "aws_sns_topic" "notifications" {
  name              = var.notifications_name
  kms_master_key_id = var.kms_key_arn
  signature_version = 2 # SHA-256
}

resource "aws_sns_topic_policy" "notifications" {
  arn    = aws_sns_topic.notifications.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "webhook" {
  for_each = var.notification_webhooks

  topic_arn            = aws_sns_topic.notifications.arn
  protocol             = "https"
  endpoint             = each.key
  raw_message_delivery = false # the signature is in SNS's envelope
  delivery_policy = jsonencode({
    healthyRetryPolicy = {
      minDelayTarget     = 1
      maxDelayTarget     = 300
      numRetries         = 15
      numNoDelayRetries  = 0
      numMinDelayRetries = 2
      numMaxDelayRetries = 5
      backoffFunction    = "exponential"
    }
  })
  redrive_policy = jsonencode({ deadLetterTargetArn = local.notifications_d_arn })

  depends_on = [aws_sqs_queue_policy.notifications_dead_letter]
}

resource "aws_cloudwatch_event_target" "notification" {
  for_each = local.notifications

  rule           = aws_cloudwatch_event_rule.this[each.key].name
  event_bus_name = aws_cloudwatch_event_bus.this[each.value.bus].name
  target_id      = "notification"
  arn            = local.topic_arn

  dead_letter_config {
    arn = local.notifications_d_arn
  }

  retry_policy {
    maximum_event_age_in_seconds = local.retry_seconds
    maximum_retry_attempts       = local.retry_attempts
  }

  depends_on = [aws_sns_topic_policy.notifications]
}

resource "aws_cloudwatch_metric_alarm" "notifications_dead_letters" {
  alarm_name          = "${local.notifications_dlq}-not-empty"
  alarm_description   = "Notifications that no webhook took: mend the webhook, then redrive."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = local.notifications_dlq }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
