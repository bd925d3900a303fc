output "arn" {
  description = "ARN of the workspace."
  value       = aws_prometheus_workspace.this.arn
}

output "id" {
  description = "Id of the workspace."
  value       = aws_prometheus_workspace.this.id
}

output "endpoint" {
  description = "URL of the workspace: remote write is below it at api/v1/remote_write."
  value       = aws_prometheus_workspace.this.prometheus_endpoint
}

output "alerts" {
  description = "Names of the alert rules."
  value = sort(flatten([
    for group in yamldecode(file("${path.module}/rules.yaml")).groups : [for rule in group.rules : rule.alert if can(rule.alert)]
  ]))
}
