data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  prefix  = "arn:${data.aws_partition.current.partition}:sns:${data.aws_region.current.region}:${local.account}"

  subscriptions = merge([
    for name, topic in var.topics : { for email in topic.emails : "${name}:${email}" => { topic = name, email = email } }
  ]...)
}

data "aws_iam_policy_document" "topic" {
  for_each = var.topics

  statement {
    sid = "AlarmsPublish"
    # The second is for the alert manager, which looks at its topic first.
    actions   = ["sns:GetTopicAttributes", "sns:Publish"]
    resources = ["${local.prefix}:${each.key}"]

    principals {
      type        = "Service"
      identifiers = sort(var.publishers)
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic" "this" {
  for_each = var.topics

  name              = each.key
  display_name      = each.value.description
  kms_master_key_id = var.kms_key_arn
  signature_version = 2 # SHA-256
}

resource "aws_sns_topic_policy" "this" {
  for_each = var.topics

  arn    = aws_sns_topic.this[each.key].arn
  policy = data.aws_iam_policy_document.topic[each.key].json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = local.subscriptions

  topic_arn = aws_sns_topic.this[each.value.topic].arn
  protocol  = "email"
  endpoint  = each.value.email
}
