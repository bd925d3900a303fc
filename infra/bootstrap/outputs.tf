output "bucket" {
  description = "Bucket of the state."
  value       = aws_s3_bucket.state.id
}

output "backend_config" {
  description = "What infra/live needs: terraform output -raw backend_config > ../live/backend.hcl"
  value = join("\n", concat(
    [
      "bucket     = \"${aws_s3_bucket.state.id}\"",
      "region     = \"${var.region}\"",
      "kms_key_id = \"${module.key.arn}\"",
    ],
    [for table in aws_dynamodb_table.lock : "dynamodb_table = \"${table.name}\""],
    [""],
  ))
}
