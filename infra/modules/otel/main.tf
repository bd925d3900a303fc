# One collector for each kind of signal, each with the rights of that signal only.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  log_group = "/traffic-tacos/${var.cluster_name}/pods"
  log_arn = join(":", [
    "arn", data.aws_partition.current.partition, "logs", data.aws_region.current.region,
    data.aws_caller_identity.current.account_id, "log-group", local.log_group,
  ])
}

resource "aws_cloudwatch_log_group" "pods" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
}

data "aws_iam_policy_document" "metrics" {
  statement {
    sid       = "WriteMetrics"
    actions   = ["aps:RemoteWrite"]
    resources = [var.prometheus_workspace_arn]
  }
}

data "aws_iam_policy_document" "traces" {
  statement {
    sid       = "WriteTraces"
    actions   = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"] # wildcard: X-Ray's actions know no resource
  }
}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = [local.log_arn, "${local.log_arn}:log-stream:*"]
  }
}

module "role" {
  source = "../pod-role"
  for_each = {
    metrics = data.aws_iam_policy_document.metrics.json
    traces  = data.aws_iam_policy_document.traces.json
    logs    = data.aws_iam_policy_document.logs.json
  }

  name            = "${var.cluster_name}-otel-${each.key}"
  description     = "OpenTelemetry collector of ${each.key}"
  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = "otel-${each.key}"
  policies        = { write = each.value }
}
