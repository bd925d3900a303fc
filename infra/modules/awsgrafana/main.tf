data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["grafana.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "QueryMetrics"
    actions   = ["aps:DescribeWorkspace", "aps:GetLabels", "aps:GetMetricMetadata", "aps:GetSeries", "aps:QueryMetrics"]
    resources = [var.prometheus_workspace_arn]
  }

  statement {
    sid = "ReadCloudWatch"
    actions = [
      "aps:ListWorkspaces", "cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmsForMetric",
      "cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "ec2:DescribeRegions", "tag:GetResources",
      "xray:BatchGetTraces", "xray:GetTraceSummaries",
    ]
    resources = ["*"] # wildcard: none of these knows a resource
  }

  statement {
    sid       = "ReadLogs"
    actions   = ["logs:DescribeLogGroups", "logs:GetLogEvents", "logs:GetLogGroupFields", "logs:StartQuery"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:*"]
  }

  statement {
    sid       = "ReadQueries"
    actions   = ["logs:GetQueryResults", "logs:StopQuery"]
    resources = ["*"] # wildcard: a running query is no resource
  }
}

resource "aws_iam_role" "this" {
  name               = "${var.name}-grafana"
  description        = "Grafana reads metrics, logs and traces"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "read" {
  name   = "read"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_grafana_workspace" "this" {
  name                     = var.name
  description              = "Dashboards of Traffic Tacos"
  grafana_version          = var.grafana_version
  account_access_type      = "CURRENT_ACCOUNT"
  authentication_providers = ["AWS_SSO"]
  permission_type          = "CUSTOMER_MANAGED" # the role above, not one that Grafana makes itself
  role_arn                 = aws_iam_role.this.arn
  data_sources             = ["CLOUDWATCH", "PROMETHEUS", "XRAY"]

  configuration = jsonencode({
    plugins         = { pluginAdminEnabled = false }
    unifiedAlerting = { enabled = true }
  })
}

resource "aws_grafana_role_association" "this" {
  for_each = var.role_groups

  workspace_id = aws_grafana_workspace.this.id
  role         = each.key
  group_ids    = each.value
}
