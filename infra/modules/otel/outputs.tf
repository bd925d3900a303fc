output "role_arns" {
  description = "ARN of each collector's role by signal: metrics, traces, logs."
  value       = { for signal, role in module.role : signal => role.arn }
}

output "log_group" {
  description = "Log group of the pods' logs."
  value       = aws_cloudwatch_log_group.pods.name
}
