data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
}

module "bucket" {
  source = "../log-bucket"

  name           = var.bucket_name
  kms_key_arn    = var.kms_key_arn
  retention_days = var.retention_days
  lock_days      = var.lock_days
  force_destroy  = var.force_destroy
  writers = {
    Trail = { principal = "cloudtrail.amazonaws.com", prefix = "AWSLogs/${local.account}", reads_acl = true }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/cloudtrail/${var.name}"
  retention_in_days = 90
  kms_key_id        = var.logs_kms_key_arn
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${var.name}"]
    }
  }
}

data "aws_iam_policy_document" "write" {
  statement {
    sid     = "WriteTrail"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [
      "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/cloudtrail/${var.name}:log-stream:*",
    ]
  }
}

resource "aws_iam_role" "this" {
  name               = "${var.name}-cloudtrail"
  description        = "CloudTrail writes to CloudWatch"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "write" {
  name   = "write-trail"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.write.json
}

resource "aws_cloudtrail" "this" {
  name                          = var.name
  s3_bucket_name                = module.bucket.id
  kms_key_id                    = var.kms_key_arn
  cloud_watch_logs_group_arn    = "${aws_cloudwatch_log_group.this.arn}:*"
  cloud_watch_logs_role_arn     = aws_iam_role.this.arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true

  advanced_event_selector {
    name = "Management"

    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }

  dynamic "advanced_event_selector" {
    for_each = length(var.data_event_table_arns) > 0 ? [1] : []

    content {
      name = "Tables with accounts"

      field_selector {
        field  = "eventCategory"
        equals = ["Data"]
      }

      field_selector {
        field  = "resources.type"
        equals = ["AWS::DynamoDB::Table"]
      }

      field_selector {
        field  = "resources.ARN"
        equals = var.data_event_table_arns
      }

      field_selector {
        field  = "readOnly"
        equals = ["false"]
      }
    }
  }

  depends_on = [aws_iam_role_policy.write]
}
