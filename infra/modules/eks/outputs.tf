output "name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "URL of the Kubernetes API, reachable from inside the VPC."
  value       = aws_eks_cluster.this.endpoint
}

output "certificate_authority" {
  description = "Certificate of the cluster's authority, base64."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "security_group_id" {
  description = "Security group that EKS gives control plane, nodes and their pods."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "oidc_provider_arn" {
  description = "ARN of the OIDC provider for roles of service accounts."
  value       = aws_iam_openid_connect_provider.this.arn
}

output "node_role_arn" {
  description = "ARN of the nodes' role."
  value       = aws_iam_role.node.arn
}

output "node_groups" {
  description = "Size, capacity type and instance types of each node group."
  value = {
    for name, group in aws_eks_node_group.this : name => {
      min            = group.scaling_config[0].min_size
      max            = group.scaling_config[0].max_size
      capacity_type  = group.capacity_type
      instance_types = group.instance_types
    }
  }
}

output "addons" {
  description = "Names of the add-ons."
  value       = sort(concat(local.addons_before_nodes, local.addons_after_nodes))
}
