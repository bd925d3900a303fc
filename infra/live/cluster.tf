module "eks" {
  source = "../modules/eks"

  name                = var.cluster_name
  subnet_ids          = module.vpc.app_subnet_ids
  node_groups         = var.node_groups
  deletion_protection = var.protect
  log_retention_days  = var.log_retention_days
  kms_key_arn         = module.kms["cluster"].arn
  logs_kms_key_arn    = module.kms["logs"].arn

  access = merge(var.cluster_access, {
    bastion = { principal_arn = module.bastion.role_arn, policy = "AmazonEKSViewPolicy" }
  })
  api_client_security_group_ids = { bastion = module.bastion.security_group_id }
}

module "karpenter" {
  source = "../modules/karpenter"

  cluster_name = module.eks.name
}

module "keda" {
  source = "../modules/keda"

  cluster_name             = module.eks.name
  queue_policy             = module.sqs.observe_policy
  prometheus_workspace_arn = module.prometheus.arn
}

module "ecr" {
  source = "../modules/ecr"

  repositories = ["traffic-tacos/tacos", "traffic-tacos/load"]
  kms_key_arn  = module.kms["data"].arn
  force_delete = !var.protect
}
