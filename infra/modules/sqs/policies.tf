# For the roles of workers; KEDA and dashboards need only to look.

data "aws_iam_policy_document" "consume" {
  statement {
    sid = "Consume"
    actions = [
      "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
      "sqs:ReceiveMessage",
    ]
    resources = [for name in sort(keys(var.queues)) : local.arns[name]]
  }

  # A hold that was extended meanwhile: the message is sent again with the rest as its delay.
  dynamic "statement" {
    for_each = length([for queue in values(var.queues) : queue if queue.delay_seconds > 0]) > 0 ? [1] : []

    content {
      sid       = "SendAgain"
      actions   = ["sqs:SendMessage"]
      resources = [for name in sort(keys(var.queues)) : local.arns[name] if var.queues[name].delay_seconds > 0]
    }
  }
}

data "aws_iam_policy_document" "observe" {
  statement {
    sid       = "QueueLengths"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = [for name in sort(keys(var.queues)) : local.arns[name]]
  }
}
