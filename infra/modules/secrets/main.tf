data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # Secrets Manager adds six characters of its own to a name.
  arn_patterns = {
    for name in keys(var.secrets) : name => join(":", [
      "arn", data.aws_partition.current.partition, "secretsmanager", data.aws_region.current.region,
      data.aws_caller_identity.current.account_id, "secret", "${var.prefix}/${name}-??????",
    ])
  }
}

resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets

  name                    = "${var.prefix}/${each.key}"
  description             = each.value.description
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_window_days
}

# Made anew in every run, used only when a version changes, and never in plan or state.
ephemeral "aws_secretsmanager_random_password" "this" {
  for_each = var.secrets

  password_length     = each.value.length
  exclude_punctuation = true # Redis and HTTP headers take it without quoting
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = var.secrets

  secret_id = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo = lookup(
    var.values, each.key, ephemeral.aws_secretsmanager_random_password.this[each.key].random_password
  )
  secret_string_wo_version = each.value.version

  lifecycle {
    create_before_destroy = true # there is always a value
  }
}

data "aws_iam_policy_document" "read" {
  for_each = var.secrets

  statement {
    sid       = "ReadSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.arn_patterns[each.key]]
  }
}
