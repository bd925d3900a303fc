locals {
  # Daemons without which no node becomes ready; the agent first, it gives the CNI its role.
  addons_before_nodes = ["eks-pod-identity-agent", "kube-proxy", "vpc-cni"]

  # Deployments, which need nodes.
  addons_after_nodes = [
    "aws-ebs-csi-driver", "cert-manager", "coredns", "eks-node-monitoring-agent", "kube-state-metrics",
    "metrics-server", "prometheus-node-exporter",
  ]

  addon_roles = {
    vpc-cni = {
      service_account = "aws-node"
      managed_policy  = "AmazonEKS_CNI_Policy"
    }
    aws-ebs-csi-driver = {
      service_account = "ebs-csi-controller-sa"
      managed_policy  = "service-role/AmazonEBSCSIDriverPolicy"
    }
  }

  addon_configuration = {
    # Prefixes: an xlarge node has room for more pods than for addresses. Network policies are enforced.
    vpc-cni = jsonencode({
      enableNetworkPolicy = "true"
      env                 = { ENABLE_PREFIX_DELEGATION = "true", WARM_PREFIX_TARGET = "1" }
    })
    coredns = jsonencode({
      autoScaling = { enabled = true, minReplicas = 2, maxReplicas = 10 }
    })
  }
}

module "addon_role" {
  source   = "../pod-role"
  for_each = local.addon_roles

  name             = "${var.name}-${each.key}"
  description      = "Add-on ${each.key} of ${var.name}"
  cluster_name     = var.name
  namespace        = "kube-system"
  service_account  = each.value.service_account
  managed_policies = [each.value.managed_policy]
  associate        = false # the add-on itself does
}

resource "aws_eks_addon" "before_nodes" {
  for_each = toset(local.addons_before_nodes)

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = lookup(local.addon_configuration, each.key, null)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = contains(keys(local.addon_roles), each.key) ? [local.addon_roles[each.key]] : []

    content {
      service_account = pod_identity_association.value.service_account
      role_arn        = module.addon_role[each.key].arn
    }
  }
}

resource "aws_eks_addon" "after_nodes" {
  for_each = toset(local.addons_after_nodes)

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = lookup(local.addon_configuration, each.key, null)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = contains(keys(local.addon_roles), each.key) ? [local.addon_roles[each.key]] : []

    content {
      service_account = pod_identity_association.value.service_account
      role_arn        = module.addon_role[each.key].arn
    }
  }

  depends_on = [aws_eks_node_group.this]
}
