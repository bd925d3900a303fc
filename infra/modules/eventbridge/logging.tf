# The eighth rule, on both buses: every event is in the archive (main.tf) and, readable, in a log group.

resource "aws_cloudwatch_log_group" "events" {
  for_each = var.buses

  name              = "/aws/events/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
}

locals {
  log_dlq     = "traffic-tacos-everything-dlq"
  log_dlq_arn = "arn:${local.partition}:sqs:${local.region}:${local.account}:${local.log_dlq}"

  log_arns  = [for name in sort(var.buses) : "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/events/${name}"]
  log_rules = [for name in sort(var.buses) : "arn:${local.partition}:events:${local.region}:${local.account}:rule/${name}/everything"]
}

data "aws_iam_policy_document" "events_log" {
  statement {
    sid       = "OpenStreams"
    actions   = ["logs:CreateLogStream"]
    resources = [for arn in local.log_arns : "${arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com", "events.amazonaws.com"]
    }
  }

  # Here the rule is known, above it is not.
  statement {
    sid       = "RulesLog"
    actions   = ["logs:PutLogEvents"]
    resources = [for arn in local.log_arns : "${arn}:*:*"]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com", "events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = local.log_rules
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "events" {
  policy_name     = "event-buses-log"
  policy_document = data.aws_iam_policy_document.events_log.json
}

resource "aws_cloudwatch_event_rule" "everything" {
  for_each = var.buses

  name           = "everything"
  description    = "Every event, to the log"
  event_bus_name = aws_cloudwatch_event_bus.this[each.key].name
  event_pattern  = jsonencode({ account = [local.account] }) # true of all: a pattern cannot be empty
}

resource "aws_cloudwatch_event_target" "log" {
  for_each = var.buses

  rule           = aws_cloudwatch_event_rule.everything[each.key].name
  event_bus_name = aws_cloudwatch_event_bus.this[each.key].name
  target_id      = "log"
  arn            = aws_cloudwatch_log_group.events[each.key].arn

  dead_letter_config {
    arn = local.log_dlq_arn
  }

  retry_policy {
    maximum_event_age_in_seconds = local.retry_seconds
    maximum_retry_attempts       = local.retry_attempts
  }

  depends_on = [aws_cloudwatch_log_resource_policy.events, aws_sqs_queue_policy.log_dead_letter]
}

data "aws_iam_policy_document" "log_dead_letter" {
  statement {
    sid       = "RulesBury"
    actions   = ["sqs:SendMessage"]
    resources = [local.log_dlq_arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = local.log_rules
    }
  }
}

resource "aws_sqs_queue" "log_dead_letter" {
  name                      = local.log_dlq
  message_retention_seconds = 1209600 # 14 days, the longest
  receive_wait_time_seconds = 20
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_sqs_queue_policy" "log_dead_letter" {
  queue_url = aws_sqs_queue.log_dead_letter.url
  policy    = data.aws_iam_policy_document.log_dead_letter.json
}
