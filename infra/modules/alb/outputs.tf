output "arn" {
  description = "ARN of the load balancer."
  value       = aws_lb.this.arn
}

output "dns_name" {
  description = "Host name of the load balancer."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "Hosted zone of the load balancer's name, for aliases."
  value       = aws_lb.this.zone_id
}

output "target_group_arn" {
  description = "Target group for the TargetGroupBinding of the API's pods."
  value       = aws_lb_target_group.api.arn
}

output "register_policy" {
  description = "IAM policy of the load balancer controller, as JSON."
  value       = data.aws_iam_policy_document.register.json
}
