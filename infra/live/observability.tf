module "sns" {
  source = "../modules/sns"

  topics = {
    critical = { description = "Traffic Tacos: somebody acts now", emails = var.alarm_emails.critical }
    warning  = { description = "Traffic Tacos: somebody looks today", emails = var.alarm_emails.warning }
  }
  kms_key_arn = module.kms["messaging"].arn
}

module "prometheus" {
  source = "../modules/awsprometheus"

  name             = local.name
  alarm_topic_arns = module.sns.arns
  kms_key_arn      = module.kms["data"].arn
  logs_kms_key_arn = module.kms["logs"].arn
}

module "otel" {
  source = "../modules/otel"

  cluster_name             = module.eks.name
  prometheus_workspace_arn = module.prometheus.arn
  log_retention_days       = var.log_retention_days
  logs_kms_key_arn         = module.kms["logs"].arn
}

module "grafana" {
  source = "../modules/awsgrafana"

  name                     = local.name
  prometheus_workspace_arn = module.prometheus.arn
  role_groups              = var.grafana_groups
}

module "budgets" {
  source = "../modules/budgets"

  name                = local.name
  monthly_limit_usd   = var.monthly_budget_usd
  anomaly_monitor_arn = var.anomaly_monitor_arn
  topic_arn           = module.sns.arns["warning"]
}
