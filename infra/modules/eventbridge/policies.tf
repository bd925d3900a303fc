# For the role of the relay, which takes the outbox to the buses.
data "aws_iam_policy_document" "publish" {
  statement {
    sid       = "Publish"
    actions   = ["events:PutEvents"]
    resources = [for name in sort(var.buses) : local.bus_arns[name]]

    # Nobody speaks for a source that no rule knows.
    condition {
      test     = "StringEquals"
      variable = "events:source"
      values   = sort(distinct([for rule in values(var.rules) : rule.source]))
    }
  }
}
