output "arn" {
  description = "ARN of the key."
  value       = aws_kms_key.this.arn
}

output "alias" {
  description = "Alias of the key, with its prefix."
  value       = aws_kms_alias.this.name
}

output "policy" {
  description = "Policy of the key as JSON."
  value       = data.aws_iam_policy_document.key.json
}
