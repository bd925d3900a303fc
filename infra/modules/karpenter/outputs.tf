output "controller_role_arn" {
  description = "ARN of the controller's role."
  value       = module.controller_role.arn
}

output "node_role_arn" {
  description = "ARN of the role of Karpenter's nodes."
  value       = aws_iam_role.node.arn
}

output "instance_profile" {
  description = "Instance profile for spec.instanceProfile of an EC2NodeClass."
  value       = aws_iam_instance_profile.node.name
}

output "queue_name" {
  description = "Queue of interruptions, for Karpenter's setting interruptionQueue."
  value       = aws_sqs_queue.interruption.name
}
