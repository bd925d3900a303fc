# Nodes come and go with auto scaling, so each alarm asks for the worst of all of them (Metrics Insights)
# instead of naming one. There is one Redis per account and region.

locals {
  alarms = {
    engine-cpu = {
      metric      = "EngineCPUUtilization"
      threshold   = 90
      description = "One core does all commands of a shard: a hot key, or auto scaling at its bound."
    }
    memory = {
      metric      = "DatabaseMemoryUsageCountedForEvictPercentage"
      threshold   = 80
      description = "Keys will be evicted soon."
    }
    evictions = {
      metric      = "Evictions"
      threshold   = 0
      description = "Counters were thrown away: limits forget."
    }
    replication-lag = {
      metric      = "ReplicationLag"
      threshold   = 5
      description = "A failover would lose this many seconds."
    }
    connections = {
      metric      = "CurrConnections"
      threshold   = 50000
      description = "Of 65,000 that a node can have."
    }
    auth-failures = {
      metric      = "AuthenticationFailures"
      threshold   = 10
      description = "Somebody has the wrong token."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  metric_query {
    id          = "worst"
    label       = each.value.metric
    expression  = "SELECT MAX(${each.value.metric}) FROM \"AWS/ElastiCache\""
    period      = 60
    return_data = true
  }
}
