data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  queue_name = "${var.cluster_name}-karpenter"
  queue_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${local.queue_name}"
  node_role  = "${var.cluster_name}-karpenter-node"
  node_arn   = "arn:${local.partition}:iam::${local.account}:role/${local.node_role}"
  ec2        = "arn:${local.partition}:ec2:${local.region}"
  owned_tag  = "kubernetes.io/cluster/${var.cluster_name}"
}

# --- the controller ---

module "controller_role" {
  source = "../pod-role"

  name            = "${var.cluster_name}-karpenter-controller"
  description     = "Karpenter starts and ends nodes of ${var.cluster_name}"
  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = "karpenter"
  policies        = { karpenter = data.aws_iam_policy_document.controller.json }
}

# --- the nodes it makes ---

data "aws_iam_policy_document" "node_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "node" {
  name               = local.node_role
  description        = "Nodes that Karpenter makes for ${var.cluster_name}"
  assume_role_policy = data.aws_iam_policy_document.node_trust.json
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonSSMManagedInstanceCore"])

  role       = aws_iam_role.node.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.key}"
}

# EC2NodeClass names it in spec.instanceProfile, so the controller need not make any.
resource "aws_iam_instance_profile" "node" {
  name = local.node_role
  role = aws_iam_role.node.name
}

resource "aws_eks_access_entry" "node" {
  cluster_name  = var.cluster_name
  principal_arn = aws_iam_role.node.arn
  type          = "EC2_LINUX"
}

# --- interruptions: two minutes' notice in which pods move ---

resource "aws_sqs_queue" "interruption" {
  name                      = local.queue_name
  message_retention_seconds = 300 # older news of a node is of no use
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "interruption_queue" {
  statement {
    sid       = "RulesSend"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for name in sort(keys(local.interruptions)) : "arn:${local.partition}:events:${local.region}:${local.account}:rule/${local.queue_name}-${name}"]
    }
  }

  statement {
    sid    = "TlsOnly"
    effect = "Deny"
    # wildcard: a refusal of everything that is not encrypted on its way.
    actions   = ["sqs:*"]
    resources = [local.queue_arn]

    principals {
      type        = "*"   # wildcard: a refusal concerns everybody
      identifiers = ["*"] # wildcard: as above
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "interruption" {
  queue_url = aws_sqs_queue.interruption.url
  policy    = data.aws_iam_policy_document.interruption_queue.json
}

locals {
  interruptions = {
    health            = { source = "aws.health", type = "AWS Health Event" }
    spot-interruption = { source = "aws.ec2", type = "EC2 Spot Instance Interruption Warning" }
    rebalance         = { source = "aws.ec2", type = "EC2 Instance Rebalance Recommendation" }
    state-change      = { source = "aws.ec2", type = "EC2 Instance State-change Notification" }
  }
}

resource "aws_cloudwatch_event_rule" "interruption" {
  for_each = local.interruptions

  name        = "${local.queue_name}-${each.key}"
  description = "${each.value.type} to Karpenter"
  event_pattern = jsonencode({
    source        = [each.value.source]
    "detail-type" = [each.value.type]
  })
}

resource "aws_cloudwatch_event_target" "interruption" {
  for_each = local.interruptions

  rule      = aws_cloudwatch_event_rule.interruption[each.key].name
  target_id = "karpenter"
  arn       = aws_sqs_queue.interruption.arn
}
