output "arns" {
  description = "ARN of each topic by its name; usable once the topic's policy is in place."
  value       = { for name, policy in aws_sns_topic_policy.this : name => policy.arn }
}
