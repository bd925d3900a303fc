# The operator looks at queue lengths and metrics; it touches no message.

data "aws_iam_policy_document" "metrics" {
  statement {
    sid       = "QueryMetrics"
    actions   = ["aps:GetLabels", "aps:GetMetricMetadata", "aps:GetSeries", "aps:QueryMetrics"]
    resources = [var.prometheus_workspace_arn]
  }
}

module "role" {
  source = "../pod-role"

  name            = "${var.cluster_name}-keda-operator"
  description     = "KEDA scales workers by the queues' lengths"
  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = "keda-operator"
  policies = {
    queues  = var.queue_policy
    metrics = data.aws_iam_policy_document.metrics.json
  }
}
