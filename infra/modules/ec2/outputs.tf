output "instance_id" {
  description = "Id of the bastion, for aws ssm start-session."
  value       = aws_instance.this.id
}

output "security_group_id" {
  description = "Security group of the bastion."
  value       = aws_security_group.this.id
}

output "role_arn" {
  description = "ARN of the bastion's role."
  value       = aws_iam_role.this.arn
}
