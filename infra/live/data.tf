module "dynamodb" {
  source = "../modules/dynamodb"

  kms_key_arn         = module.kms["data"].arn
  deletion_protection = var.protect
  max_units           = var.table_max_units
  alarm_topic_arns    = [module.sns.arns["critical"]]
}

module "redis" {
  source = "../modules/elasticache"

  name                      = local.name
  vpc_id                    = module.vpc.vpc_id
  subnet_ids                = module.vpc.db_subnet_ids
  client_security_group_ids = { cluster = module.eks.security_group_id, bastion = module.bastion.security_group_id }
  node_type                 = var.redis.node_type
  shards                    = var.redis.shards
  replicas_per_shard        = var.redis.replicas
  scaling                   = var.redis.scaling
  snapshot_retention_days   = var.redis.snapshot_days
  final_snapshot            = var.protect
  authentication            = var.redis.authentication
  auth_secret_id            = module.secrets.arns["redis-auth"]
  auth_secret_version_id    = module.secrets.version_ids["redis-auth"]
  kms_key_arn               = module.kms["data"].arn
  logs_kms_key_arn          = module.kms["logs"].arn
  alarm_topic_arns          = [module.sns.arns["critical"]]
}

module "backup" {
  source = "../modules/backup"

  name             = local.name
  table_arns       = [for name in sort(keys(module.dynamodb.arns)) : module.dynamodb.arns[name]]
  monthly_days     = var.backup_monthly_days
  lock             = var.protect
  force_destroy    = !var.protect
  kms_key_arn      = module.kms["data"].arn
  alarm_topic_arns = [module.sns.arns["critical"]]
}
