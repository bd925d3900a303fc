data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
}

data "aws_iam_policy_document" "key" {
  # Without this statement nobody could administer the key, and a policy gone wrong would lock it for
  # ever. It gives no one anything: it lets the account's IAM policies decide.
  statement {
    sid = "AccountDelegatesToIam"
    # wildcard: the statement that KMS itself writes for every key, see above.
    actions   = ["kms:*"]
    resources = ["*"] # wildcard: in a key's policy it means this key

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  dynamic "statement" {
    for_each = length(var.services) > 0 ? [1] : []

    content {
      sid = "Services"
      # wildcard: a data key with and without its plain form
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"]
      resources = ["*"] # wildcard: in a key's policy it means this key

      principals {
        type        = "Service"
        identifiers = sort(var.services)
      }

      # For this account's events, topics and trails only (confused deputy).
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }

  # EventBridge does not say for whom it publishes to an encrypted topic: no aws:Source* key is there to
  # ask for. SNS does say for which topic it encrypts.
  dynamic "statement" {
    for_each = length(var.event_topic_arns) > 0 ? [1] : []

    content {
      sid = "EventsToTopics"
      # wildcard: a data key with and without its plain form
      actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
      resources = ["*"] # wildcard: in a key's policy it means this key

      principals {
        type        = "Service"
        identifiers = ["events.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:aws:sns:topicArn"
        values   = sort(var.event_topic_arns)
      }
    }
  }

  dynamic "statement" {
    for_each = var.cloudwatch_logs ? [1] : []

    content {
      sid = "CloudWatchLogs"
      # wildcard: data keys as above; from and to of one new encryption
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      resources = ["*"] # wildcard: in a key's policy it means this key

      principals {
        type        = "Service"
        identifiers = ["logs.${local.region}.amazonaws.com"]
      }

      condition {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:aws:logs:arn"
        values   = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:*"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.via_services) > 0 ? [1] : []

    content {
      sid = "AccountThroughServices"
      actions = [
        "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt",
        "kms:GenerateDataKey*", "kms:ReEncrypt*", # wildcard: data keys and new encryptions as above
      ]
      resources = ["*"] # wildcard: in a key's policy it means this key

      principals {
        type        = "AWS"
        identifiers = ["*"] # wildcard: limited to this account and these services by the conditions
      }

      condition {
        test     = "StringEquals"
        variable = "kms:CallerAccount"
        values   = [local.account]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = [for service in sort(var.via_services) : "${service}.${local.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  description             = var.description
  enable_key_rotation     = true
  rotation_period_in_days = 365
  deletion_window_in_days = var.deletion_window_days
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.alias}"
  target_key_id = aws_kms_key.this.key_id
}
