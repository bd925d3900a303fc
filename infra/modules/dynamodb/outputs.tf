output "arns" {
  description = "ARN of each table by name."
  value       = { for name, table in aws_dynamodb_table.this : name => table.arn }
}

output "names" {
  description = "Names of the tables."
  value       = sort([for table in aws_dynamodb_table.this : table.name])
}

output "outbox_stream_arn" {
  description = "ARN of the outbox's stream, which the relay follows."
  value       = aws_dynamodb_table.this["ticket-reservation-outbox"].stream_arn
}

output "deletion_protection" {
  description = "Whether every table is protected from deletion."
  value       = alltrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled])
}

output "service_policies" {
  description = "IAM policy of each role of the binary (api, worker, relay), as JSON."
  value       = { for service, policy in data.aws_iam_policy_document.service : service => policy.json }
}
