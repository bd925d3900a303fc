locals {
  alarms = {
    server-errors = {
      metric      = "HTTPCode_Target_5XX_Count"
      statistic   = "Sum"
      threshold   = 50
      description = "Pods answer with errors of their own."
    }
    no-pod = {
      metric      = "HTTPCode_ELB_503_Count"
      statistic   = "Sum"
      threshold   = 10
      description = "No pod is ready."
    }
    slow = {
      metric      = "TargetResponseTime"
      statistic   = "p99"
      threshold   = 1
      description = "One answer in a hundred takes longer than a second."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/ApplicationELB"
  metric_name         = each.value.metric
  dimensions          = { LoadBalancer = aws_lb.this.arn_suffix }
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
