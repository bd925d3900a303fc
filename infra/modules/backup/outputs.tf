output "vault" {
  description = "Name of the vault."
  value       = aws_backup_vault.this.name
}

output "role_arn" {
  description = "ARN of the role for restores by hand."
  value       = aws_iam_role.this.arn
}
