module "vpc" {
  source = "../modules/vpc"

  name                    = local.name
  cluster_name            = var.cluster_name
  single_nat_gateway      = var.single_nat_gateway
  interface_endpoints     = var.interface_endpoints
  flow_log_retention_days = var.log_retention_days
  logs_kms_key_arn        = module.kms["logs"].arn
  ssh_allowed_cidrs       = var.bastion_ssh_cidrs
}

module "bastion" {
  source = "../modules/ec2"

  name              = "${local.name}-bastion"
  vpc_id            = module.vpc.vpc_id
  vpc_cidr          = module.vpc.cidr
  subnet_id         = length(var.bastion_ssh_cidrs) > 0 ? module.vpc.public_subnet_ids[0] : module.vpc.app_subnet_ids[0]
  ssh_allowed_cidrs = var.bastion_ssh_cidrs
  # By name, not by attribute: the cluster's rules name the bastion's security group.
  cluster_arn = "arn:${local.partition}:eks:${var.region}:${local.account}:cluster/${var.cluster_name}"
}
