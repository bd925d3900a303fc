# Redis, keys, secrets, backups, the audit trail, images.

provider "aws" {
  region = "ap-northeast-2"
}

variables {
  name             = "traffic-tacos"
  kms_key_arn      = "arn:aws:kms:ap-northeast-2:123456789012:key/data"
  logs_kms_key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/logs"
  alarm_topic_arns = ["arn:aws:sns:ap-northeast-2:123456789012:critical"]
}

run "redis" {
  command = plan

  module {
    source = "../modules/elasticache"
  }

  variables {
    vpc_id                    = "vpc-1"
    subnet_ids                = ["subnet-1", "subnet-2"]
    client_security_group_ids = { cluster = "sg-1" }
    auth_secret_id            = "traffic-tacos/redis-auth"
  }

  # The secret is of another module.
  override_data {
    target = data.aws_secretsmanager_secret_version.auth[0]
    values = { secret_string = "0123456789abcdef0123456789abcdef" }
  }

  assert {
    condition     = aws_elasticache_replication_group.this.engine == "redis" && aws_elasticache_replication_group.this.engine_version == "7.1"
    error_message = "Redis is 7.1."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.num_node_groups == 8 && aws_elasticache_replication_group.this.replicas_per_node_group == 1
    error_message = "There are eight shards with one replica each."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.node_type == "cache.m7g.xlarge"
    error_message = "Nodes are cache.m7g.xlarge."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.multi_az_enabled && aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "A zone's failure is survived."
  }

  assert {
    condition = aws_elasticache_replication_group.this.transit_encryption_enabled && (
      aws_elasticache_replication_group.this.transit_encryption_mode == "required" && aws_elasticache_replication_group.this.auth_token != null
    )
    error_message = "Clients need TLS and the token."
  }

  assert {
    condition     = tobool(aws_elasticache_replication_group.this.at_rest_encryption_enabled) && aws_elasticache_replication_group.this.kms_key_id == var.kms_key_arn
    error_message = "Data at rest is encrypted with our key."
  }

  assert {
    condition     = contains([for parameter in aws_elasticache_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "cluster-enabled=yes")
    error_message = "Redis is in cluster mode."
  }

  assert {
    condition     = aws_appautoscaling_target.shards[0].min_capacity == 8 && aws_appautoscaling_target.shards[0].max_capacity == 20
    error_message = "Shards scale from 8 to 20."
  }

  assert {
    condition = aws_appautoscaling_policy.shards[0].target_tracking_scaling_policy_configuration[0].target_value == 70 && (
      aws_appautoscaling_policy.shards[0].target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "ElastiCachePrimaryEngineCPUUtilization"
    )
    error_message = "Shards scale at a CPU of 70 %."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.clients : rule.from_port == 6379 && rule.to_port == 6379 && rule.cidr_ipv4 == null && rule.referenced_security_group_id == "sg-1"])
    error_message = "Redis is open to security groups, never to addresses."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit == 7 && aws_elasticache_replication_group.this.final_snapshot_identifier != null
    error_message = "Snapshots are kept for a week, and one at the end."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_actions) > 0]) && length(aws_cloudwatch_metric_alarm.this) == 6
    error_message = "Six alarms, each tells somebody."
  }
}

run "redis_by_iam" {
  command = plan

  module {
    source = "../modules/elasticache"
  }

  variables {
    vpc_id                    = "vpc-1"
    subnet_ids                = ["subnet-1", "subnet-2"]
    client_security_group_ids = { cluster = "sg-1" }
    auth_secret_id            = "traffic-tacos/redis-auth"
    authentication            = "iam"
    scaling                   = null
  }

  assert {
    condition     = aws_elasticache_replication_group.this.auth_token == null && length(data.aws_secretsmanager_secret_version.auth) == 0
    error_message = "By IAM there is no token, in the state or anywhere."
  }

  assert {
    condition     = aws_elasticache_user.default[0].access_string == "off -@all" && aws_elasticache_user.iam["tacos"].authentication_mode[0].type == "iam"
    error_message = "The default user can do nothing, ours signs in by IAM."
  }

  assert {
    condition     = length(aws_appautoscaling_target.shards) == 0
    error_message = "Without bounds there is no auto scaling."
  }
}

run "secrets" {
  command = plan

  module {
    source = "../modules/secrets"
  }

  variables {
    prefix  = "traffic-tacos"
    secrets = { redis-auth = { description = "AUTH token of Redis" }, jwt = { description = "Key", version = 3 } }
  }

  assert {
    condition     = alltrue([for version in aws_secretsmanager_secret_version.this : version.secret_string == null && version.secret_string_wo == null])
    error_message = "No value is in plan or state."
  }

  assert {
    condition     = aws_secretsmanager_secret_version.this["jwt"].secret_string_wo_version == 3
    error_message = "A raised version makes a value anew."
  }

  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.kms_key_id == var.kms_key_arn])
    error_message = "Secrets are encrypted with our key."
  }

  assert {
    condition = flatten([for statement in jsondecode(output.read_policies["redis-auth"]).Statement : statement.Action]) == ["secretsmanager:GetSecretValue"] && (
      endswith(jsondecode(output.read_policies["redis-auth"]).Statement[0].Resource, ":secret:traffic-tacos/redis-auth-??????")
    )
    error_message = "A reader reads one secret."
  }
}

run "key" {
  command = plan

  module {
    source = "../modules/kms"
  }

  variables {
    alias       = "traffic-tacos/messaging"
    description = "Queues and topics"
    services    = ["events.amazonaws.com"]

    event_topic_arns = ["arn:aws:sns:ap-northeast-2:123456789012:notifications"]
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "Keys rotate, and wait a month before they go."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this.policy).Statement : [statement.Principal.Service, can(statement.Condition["StringEquals"]["aws:SourceAccount"])]
      if statement.Sid == "Services"
    ] == [["events.amazonaws.com", true]]
    error_message = "EventBridge may use the key, for this account."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Condition
      if statement.Sid == "EventsToTopics"
    ] == [{ StringEquals = { "kms:EncryptionContext:aws:sns:topicArn" = "arn:aws:sns:ap-northeast-2:123456789012:notifications" } }]
    error_message = "EventBridge may use the key for this topic, without saying for whom."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_kms_key.this.policy).Statement : !contains(flatten([try(statement.Principal.AWS, [])]), "*") || can(statement.Condition)])
    error_message = "Nobody has the key without a condition."
  }
}

run "backups" {
  command = plan

  module {
    source = "../modules/backup"
  }

  variables {
    table_arns   = ["arn:aws:dynamodb:ap-northeast-2:123456789012:table/ticket-tickets"]
    monthly_days = 365
    lock         = true
  }

  assert {
    condition     = toset([for rule in aws_backup_plan.this.rule : rule.rule_name]) == toset(["daily", "monthly"])
    error_message = "There are daily and monthly backups."
  }

  assert {
    condition     = aws_backup_vault_lock_configuration.this[0].min_retention_days == 35
    error_message = "Nobody deletes a backup before its time."
  }
}

run "trail" {
  command = plan

  module {
    source = "../modules/cloudtrail"
  }

  variables {
    bucket_name = "traffic-tacos-123456789012-trail"
  }

  assert {
    condition     = aws_cloudtrail.this.is_multi_region_trail && aws_cloudtrail.this.enable_log_file_validation && aws_cloudtrail.this.kms_key_id == var.kms_key_arn
    error_message = "The trail is of all regions, validated and encrypted."
  }
}

run "images" {
  command = plan

  module {
    source = "../modules/ecr"
  }

  variables {
    repositories = ["traffic-tacos/tacos"]
  }

  assert {
    condition = alltrue([
      for repository in aws_ecr_repository.this :
      repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push && repository.encryption_configuration[0].encryption_type == "KMS"
    ])
    error_message = "Tags are immutable, images scanned and encrypted."
  }

  assert {
    condition     = length(jsondecode(aws_ecr_lifecycle_policy.this["traffic-tacos/tacos"].policy).rules) == 2
    error_message = "Old images go."
  }
}

run "budget" {
  command = plan

  module {
    source = "../modules/budgets"
  }

  variables {
    monthly_limit_usd = 1000
    topic_arn         = "arn:aws:sns:ap-northeast-2:123456789012:warning"
  }

  assert {
    condition     = aws_budgets_budget.month.limit_amount == "1000.00" && length(aws_budgets_budget.month.notification) == 3
    error_message = "The budget tells at half, four fifths, and when the whole is foreseen."
  }

  assert {
    condition     = aws_ce_anomaly_monitor.services[0].monitor_type == "DIMENSIONAL" && one(aws_ce_anomaly_subscription.this.subscriber).type == "SNS"
    error_message = "Anomalies of any service tell the topic."
  }
}

run "costs_with_a_monitor_of_the_account" {
  command = plan

  module {
    source = "../modules/budgets"
  }

  variables {
    name                = "traffic-tacos"
    monthly_limit_usd   = 1000
    topic_arn           = "arn:aws:sns:ap-northeast-2:123456789012:warning"
    anomaly_monitor_arn = "arn:aws:ce::123456789012:anomalymonitor/1"
  }

  assert {
    condition     = length(aws_ce_anomaly_monitor.services) == 0 && aws_ce_anomaly_subscription.this.monitor_arn_list == tolist(["arn:aws:ce::123456789012:anomalymonitor/1"])
    error_message = "A monitor that is there already is used."
  }
}
