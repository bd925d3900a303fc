data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  bus_arns = {
    for name in var.buses : name => "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/${name}"
  }
  rule_arns = {
    for name, rule in var.rules :
    name => "arn:${local.partition}:events:${local.region}:${local.account}:rule/${rule.bus}/${name}"
  }

  to_queues     = { for name, rule in var.rules : name => rule if rule.queue != null }
  notifications = { for name, rule in var.rules : name => rule if rule.queue == null }

  # EventBridge gives up after a day or 185 attempts, whichever is first; then the dead-letter queue.
  retry_seconds  = 86400
  retry_attempts = 185
}

resource "aws_cloudwatch_event_bus" "this" {
  for_each = var.buses

  name = each.key
  # No key of our own: schema discovery does not work on such a bus. AWS encrypts it with one of its keys.
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = var.rules

  name           = each.key
  description    = "${join(", ", sort(each.value.detail_types))} to ${coalesce(each.value.queue, "the notification target")}"
  event_bus_name = aws_cloudwatch_event_bus.this[each.value.bus].name
  event_pattern = jsonencode({
    source        = [each.value.source]
    "detail-type" = sort(each.value.detail_types)
  })
}

resource "aws_cloudwatch_event_target" "queue" {
  for_each = local.to_queues

  rule           = aws_cloudwatch_event_rule.this[each.key].name
  event_bus_name = aws_cloudwatch_event_bus.this[each.value.bus].name
  target_id      = "queue"
  arn            = var.queue_arns[each.value.queue]

  dead_letter_config {
    arn = var.queue_arns["${each.value.queue}-dlq"]
  }

  retry_policy {
    maximum_event_age_in_seconds = local.retry_seconds
    maximum_retry_attempts       = local.retry_attempts
  }
}

resource "aws_cloudwatch_event_archive" "everything" {
  for_each = var.buses

  name             = "${each.key}-everything"
  description      = "All events of ${each.key}, to be replayed"
  event_source_arn = aws_cloudwatch_event_bus.this[each.key].arn
  retention_days   = var.archive_days
}

resource "aws_schemas_discoverer" "this" {
  for_each = var.discover_schemas ? var.buses : toset([])

  source_arn  = aws_cloudwatch_event_bus.this[each.key].arn
  description = "Schemas of the events of ${each.key}"
}

# --- alarms ---

resource "aws_cloudwatch_metric_alarm" "failed" {
  for_each = merge(
    { for name, rule in var.rules : name => { bus = rule.bus, rule = name } },
    { for bus in var.buses : "${bus}-everything" => { bus = bus, rule = "everything" } },
  )

  alarm_name          = "${each.key}-failed-invocations"
  alarm_description   = "EventBridge cannot deliver what ${each.value.rule} matched: its target or a policy is wrong."
  namespace           = "AWS/Events"
  metric_name         = "FailedInvocations"
  dimensions          = { EventBusName = each.value.bus, RuleName = each.value.rule }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
