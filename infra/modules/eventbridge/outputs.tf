output "bus_arns" {
  description = "ARN of each bus by name."
  value       = { for name, bus in aws_cloudwatch_event_bus.this : name => bus.arn }
}

output "rules" {
  description = "Names of all rules by bus."
  value = {
    for bus in var.buses : bus => sort(concat([for name, rule in var.rules : name if rule.bus == bus], ["everything"]))
  }
}

output "notification_topic_arn" {
  description = "ARN of the topic of notifications."
  value       = aws_sns_topic.notifications.arn
}

output "publish_policy" {
  description = "IAM policy for whoever puts events on the buses, as JSON."
  value       = data.aws_iam_policy_document.publish.json
}
