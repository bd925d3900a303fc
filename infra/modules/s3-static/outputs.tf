output "bucket" {
  description = "Name of the bucket, where the pages are uploaded to."
  value       = aws_s3_bucket.this.id
}

output "domain_name" {
  description = "Regional host name of the bucket, CloudFront's origin."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}
