# For pods that sign in by IAM.
data "aws_iam_policy_document" "connect" {
  statement {
    sid     = "Connect"
    actions = ["elasticache:Connect"]
    resources = concat(
      [join(":", [
        "arn", data.aws_partition.current.partition, "elasticache", data.aws_region.current.region,
        data.aws_caller_identity.current.account_id, "replicationgroup", var.name,
      ])],
      [for user in sort(keys(var.iam_users)) : join(":", [
        "arn", data.aws_partition.current.partition, "elasticache", data.aws_region.current.region,
        data.aws_caller_identity.current.account_id, "user", user,
      ])],
    )
  }
}
