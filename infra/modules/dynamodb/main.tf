data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  prefix = "arn:${data.aws_partition.current.partition}:dynamodb:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:table"

  # ARNs follow from names, so that plans show policies in full before anything exists.
  arns = { for name in keys(local.tables) : name => "${local.prefix}/${name}" }

  key_attributes = {
    for name, table in local.tables : name => distinct(compact([
      table.hash, table.range, try(table.index.hash, null), try(table.index.range, null)
    ]))
  }
}

resource "aws_dynamodb_table" "this" {
  for_each = local.tables

  name                        = each.key
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.hash
  range_key                   = each.value.range
  deletion_protection_enabled = var.deletion_protection
  stream_enabled              = each.value.stream != null
  stream_view_type            = each.value.stream

  dynamic "attribute" {
    for_each = local.key_attributes[each.key]

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.index == null ? [] : [each.value.index]

    content {
      name            = global_secondary_index.value.name
      hash_key        = global_secondary_index.value.hash
      range_key       = global_secondary_index.value.range
      projection_type = "ALL"

      dynamic "on_demand_throughput" {
        for_each = var.max_units == null ? [] : [var.max_units]

        content {
          max_read_request_units  = on_demand_throughput.value.read
          max_write_request_units = on_demand_throughput.value.write
        }
      }
    }
  }

  dynamic "on_demand_throughput" {
    for_each = var.max_units == null ? [] : [var.max_units]

    content {
      max_read_request_units  = on_demand_throughput.value.read
      max_write_request_units = on_demand_throughput.value.write
    }
  }

  dynamic "ttl" {
    for_each = each.value.ttl == null ? [] : [each.value.ttl]

    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = var.recovery_days
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  tags = { Backup = "daily" }
}

# --- alarms ---

resource "aws_cloudwatch_metric_alarm" "throttled" {
  # A table's figures are without those of its index, whose throttled writes hold up the table's own.
  for_each = merge([
    for name, table in local.tables : merge([
      for kind in ["Read", "Write"] : {
        for where in concat([{}], table.index == null ? [] : [{ GlobalSecondaryIndexName = table.index.name }]) :
        lower(join("-", concat([name], values(where), [kind]))) => {
          what = join(" ", concat([name], values(where))), kind = kind, dimensions = merge({ TableName = name }, where)
        }
      }
    ]...)
  ]...)

  alarm_name          = "${each.key}-throttled"
  alarm_description   = "${each.value.kind} requests of ${each.value.what} are throttled: a hot key, or more load than it has seen."
  namespace           = "AWS/DynamoDB"
  metric_name         = "${each.value.kind}ThrottleEvents"
  dimensions          = each.value.dimensions
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.throttle_alarm_threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
