output "arns" {
  description = "ARN of each secret by name, once it has a value."
  value       = { for name, version in aws_secretsmanager_secret_version.this : name => version.secret_id }
}

output "version_ids" {
  description = "Id of each secret's newest version by name: whoever reads the value by it has the new one in the same apply."
  value       = { for name, version in aws_secretsmanager_secret_version.this : name => version.version_id }
}

output "read_policies" {
  description = "IAM policy that reads one secret, by the secret's name, as JSON."
  value       = { for name, policy in data.aws_iam_policy_document.read : name => policy.json }
}
