data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

# --- network ---

resource "aws_elasticache_subnet_group" "this" {
  name        = var.name
  description = "The db tier, for ${var.name}"
  subnet_ids  = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-redis"
  description = "Redis from the cluster's nodes and pods"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-redis" }
}

# No rule for egress: nodes answer, they do not call.
resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "Redis from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = each.value
}

# --- who may connect ---

# The provider has no write-only argument for the token: it is in the state, which is encrypted and whose
# readers the backend's policy names. `authentication = "iam"` avoids that.
data "aws_secretsmanager_secret_version" "auth" {
  count = var.authentication == "token" ? 1 : 0

  secret_id  = var.auth_secret_id
  version_id = var.auth_secret_version_id
}

# Every group needs a user named default; this one can do nothing.
resource "aws_elasticache_user" "default" {
  count = var.authentication == "iam" ? 1 : 0

  user_id       = "${var.name}-default"
  user_name     = "default"
  engine        = "redis"
  access_string = "off -@all"

  authentication_mode {
    type = "no-password-required"
  }
}

resource "aws_elasticache_user" "iam" {
  for_each = var.authentication == "iam" ? var.iam_users : {}

  user_id       = each.key # by IAM, id and name are the same
  user_name     = each.key
  engine        = "redis"
  access_string = each.value

  authentication_mode {
    type = "iam"
  }
}

resource "aws_elasticache_user_group" "this" {
  count = var.authentication == "iam" ? 1 : 0

  user_group_id = var.name
  engine        = "redis"
  user_ids      = concat([aws_elasticache_user.default[0].user_id], [for user in aws_elasticache_user.iam : user.user_id])
}

# --- the cluster ---

resource "aws_elasticache_parameter_group" "this" {
  name        = "${var.name}-redis7"
  description = "Redis 7 in cluster mode for counters and the waiting room"
  family      = "redis7"

  parameter {
    name  = "cluster-enabled"
    value = "yes"
  }

  # What has a time to live may go when memory is short; what has none is never lost silently.
  parameter {
    name  = "maxmemory-policy"
    value = "volatile-lru"
  }

  # Connections of pods that died are noticed before their successors fill the table.
  parameter {
    name  = "timeout"
    value = "300"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["slow-log", "engine-log"])

  name              = "/aws/elasticache/${var.name}/${each.key}"
  retention_in_days = 30
  kms_key_id        = var.logs_kms_key_arn
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "Counters, rate limits and the waiting room of Traffic Tacos"
  engine               = "redis"
  engine_version       = "7.1"
  node_type            = var.node_type
  port                 = 6379
  parameter_group_name = aws_elasticache_parameter_group.this.name

  num_node_groups            = var.shards
  replicas_per_node_group    = var.replicas_per_shard
  automatic_failover_enabled = true
  multi_az_enabled           = true

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.this.id]

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  auth_token                 = one(data.aws_secretsmanager_secret_version.auth[*].secret_string)
  # Old and new token are both good until the next change: clients can follow one by one.
  auth_token_update_strategy = var.authentication == "token" ? "ROTATE" : null
  user_group_ids             = var.authentication == "iam" ? [aws_elasticache_user_group.this[0].user_group_id] : null

  snapshot_retention_limit   = var.snapshot_retention_days
  snapshot_window            = "18:00-19:00" # 03:00 in Seoul
  maintenance_window         = "mon:19:30-mon:20:30"
  final_snapshot_identifier  = var.final_snapshot ? "${var.name}-final" : null
  auto_minor_version_upgrade = true
  apply_immediately          = false

  dynamic "log_delivery_configuration" {
    for_each = aws_cloudwatch_log_group.this

    content {
      log_type         = log_delivery_configuration.key
      log_format       = "json"
      destination_type = "cloudwatch-logs"
      destination      = log_delivery_configuration.value.name
    }
  }

  lifecycle {
    ignore_changes = [num_node_groups] # auto scaling's
  }
}

# --- shards follow load ---

resource "aws_appautoscaling_target" "shards" {
  count = var.scaling == null ? 0 : 1

  service_namespace  = "elasticache"
  scalable_dimension = "elasticache:replication-group:NodeGroups"
  resource_id        = "replication-group/${aws_elasticache_replication_group.this.replication_group_id}"
  min_capacity       = var.scaling.min_shards
  max_capacity       = var.scaling.max_shards
}

resource "aws_appautoscaling_policy" "shards" {
  count = var.scaling == null ? 0 : 1

  name               = "${var.name}-shards-by-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.shards[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.shards[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.shards[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.scaling.cpu_percent
    scale_out_cooldown = 600
    scale_in_cooldown  = 1800 # moving slots costs what it saves when done too eagerly

    predefined_metric_specification {
      predefined_metric_type = "ElastiCachePrimaryEngineCPUUtilization"
    }
  }
}
