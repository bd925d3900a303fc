output "environment" {
  description = "Environment of this state."
  value       = var.environment

  # Values of one environment in the state of another would replace what runs there.
  precondition {
    condition     = contains(["default", var.environment], terraform.workspace)
    error_message = "Workspace ${terraform.workspace} is not for ${var.environment}: terraform workspace select ${var.environment}"
  }
}

output "cluster" {
  description = "The cluster: its name, and where Karpenter finds its own."
  value = {
    name                       = module.eks.name
    endpoint                   = module.eks.endpoint
    karpenter_queue            = module.karpenter.queue_name
    karpenter_instance_profile = module.karpenter.instance_profile
    addons                     = module.eks.addons
  }
}

output "role_arns" {
  description = "ARNs of the pods' roles by workload."
  value = merge(
    { for name, role in module.workload_role : name => role.arn },
    { for signal, arn in module.otel.role_arns : "otel-${signal}" => arn },
    {
      karpenter                = module.karpenter.controller_role_arn
      keda                     = module.keda.role_arn
      load-balancer-controller = module.load_balancer_controller_role.arn
    },
  )
}

output "role_policies" {
  description = "Inline policies of the binary's roles, as JSON."
  value       = { for name, workload in local.workloads : name => workload.policies }
}

output "tables" {
  description = "ARN of each table by name."
  value       = module.dynamodb.arns
}

output "queues" {
  description = "URL of each queue by name."
  value       = module.sqs.urls
}

output "dead_letter_queues" {
  description = "Name of the dead-letter queue of each queue."
  value       = module.sqs.dead_letter_queues
}

output "rules" {
  description = "Names of the rules by bus."
  value       = module.eventbridge.rules
}

output "outbox_stream_arn" {
  description = "ARN of the stream that the relay follows."
  value       = module.dynamodb.outbox_stream_arn
}

output "redis_endpoint" {
  description = "Host name that Redis clients start from."
  value       = module.redis.configuration_endpoint
}

output "secret_arns" {
  description = "ARN of each secret by name."
  value       = module.secrets.arns
}

output "target_group_arn" {
  description = "Target group for the TargetGroupBinding of the API."
  value       = module.alb.target_group_arn
}

output "repositories" {
  description = "URL of each repository of images by name."
  value       = module.ecr.urls
}

output "name_servers" {
  description = "Name servers to enter at the registrar; empty for a zone that was there already."
  value       = module.route53.name_servers
}

output "pages" {
  description = "Where the pages go: bucket, and distribution to invalidate."
  value       = { bucket = module.pages.bucket, distribution = module.cloudfront.id }
}

output "observability" {
  description = "Where metrics are written to and looked at."
  value = {
    prometheus = module.prometheus.endpoint
    grafana    = module.grafana.endpoint
    alerts     = module.prometheus.alerts
  }
}

output "bastion_instance_id" {
  description = "For aws ssm start-session --target."
  value       = module.bastion.instance_id
}

output "profile" {
  description = "In what environments differ: the table of infra/README.md."
  value = {
    nat_gateways        = module.vpc.nat_gateway_count
    interface_endpoints = length(var.interface_endpoints)
    protected           = module.dynamodb.deletion_protection
    redis               = merge(module.redis.shards, { node_type = var.redis.node_type })
    node_groups         = module.eks.node_groups
    table_max_units     = var.table_max_units
    bot_control         = var.bot_control
    rules_of_web_acl    = module.waf_cloudfront.rule_names
    log_retention_days  = var.log_retention_days
    trail_lock_days     = var.trail_lock_days
    backup_monthly_days = var.backup_monthly_days
    monthly_budget_usd  = var.monthly_budget_usd
  }
}
