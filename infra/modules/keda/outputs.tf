output "role_arn" {
  description = "ARN of the operator's role."
  value       = module.role.arn
}
