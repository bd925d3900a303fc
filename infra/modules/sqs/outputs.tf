output "arns" {
  description = "ARN of each queue, dead-letter queues included, by name."
  value       = local.arns
  # Whoever sends to a queue may: its policy and its dead-letter queue's are in place.
  depends_on = [aws_sqs_queue_policy.this, aws_sqs_queue_policy.dead_letter]
}

output "urls" {
  description = "URL of each queue by name."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.url }
}

output "dead_letter_queues" {
  description = "Name of the dead-letter queue of each queue."
  value       = { for name, queue in aws_sqs_queue.dead_letter : name => queue.name }
}

output "consume_policy" {
  description = "IAM policy for a worker that consumes the queues, as JSON."
  value       = data.aws_iam_policy_document.consume.json
}

output "observe_policy" {
  description = "IAM policy for whoever reads the queues' lengths, as JSON."
  value       = data.aws_iam_policy_document.observe.json
}
