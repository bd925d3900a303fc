data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  name      = "traffic-tacos"
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  notifications = "${local.name}-notifications"

  # Names of buckets are the world's: the account makes them ours.
  bucket_prefix = "${local.name}-${local.account}"

  keys = {
    data = {
      description  = "Tables, Redis, secrets, images, metrics, backups"
      via_services = ["aps", "backup", "dynamodb", "ecr", "elasticache", "secretsmanager"]
    }
    messaging = {
      description  = "Queues and topics"
      via_services = ["sns", "sqs"]
      services = [
        "aps.amazonaws.com", "budgets.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com",
        "events.amazonaws.com", "sns.amazonaws.com",
      ]
      # By name: the topic is made with the key.
      event_topic_arns = ["arn:${local.partition}:sns:${var.region}:${local.account}:${local.notifications}"]
    }
    cluster = {
      description = "Secrets of Kubernetes"
    }
    logs = {
      description     = "Log groups and the audit trail"
      cloudwatch_logs = true
      services        = ["cloudtrail.amazonaws.com"]
      via_services    = ["s3"]
    }
  }

  # By what a change of it costs: a new JWT key signs everybody out, a new webhook key is agreed with the
  # payment provider, a new Redis token is taken up while the old one still works.
  secrets = {
    jwt-signing     = { description = "HS256 key of the tokens of buyers and operators" }
    webhook-signing = { description = "HMAC key of the payment provider's webhooks" }
    redis-auth      = { description = "AUTH token of Redis" }
    origin-verify   = { description = "What CloudFront says to the load balancer's web ACL" }
  }
}

module "kms" {
  source   = "../modules/kms"
  for_each = local.keys

  alias                = "${local.name}/${each.key}"
  description          = each.value.description
  via_services         = lookup(each.value, "via_services", [])
  services             = lookup(each.value, "services", [])
  event_topic_arns     = lookup(each.value, "event_topic_arns", [])
  cloudwatch_logs      = lookup(each.value, "cloudwatch_logs", false)
  deletion_window_days = var.protect ? 30 : 7
}

module "secrets" {
  source = "../modules/secrets"

  prefix               = local.name
  secrets              = { for name, secret in local.secrets : name => merge(secret, { version = lookup(var.secret_versions, name, 1) }) }
  values               = var.secret_values
  kms_key_arn          = module.kms["data"].arn
  recovery_window_days = var.protect ? 30 : 0
}

module "cloudtrail" {
  source = "../modules/cloudtrail"

  name                  = local.name
  bucket_name           = "${local.bucket_prefix}-trail"
  lock_days             = var.trail_lock_days
  force_destroy         = !var.protect
  data_event_table_arns = var.protect ? [module.dynamodb.arns["ticket-users"]] : []
  kms_key_arn           = module.kms["logs"].arn
  logs_kms_key_arn      = module.kms["logs"].arn
}

# Access logs of load balancer and distribution. S3's own key: load balancers take no other.
module "access_logs" {
  source = "../modules/log-bucket"

  name           = "${local.bucket_prefix}-access-logs"
  retention_days = var.protect ? 365 : 30
  force_destroy  = !var.protect
  writers = {
    LoadBalancer            = { principal = "logdelivery.elasticloadbalancing.amazonaws.com", prefix = "alb/AWSLogs/${local.account}", says_account = false }
    LoadBalancerConnections = { principal = "logdelivery.elasticloadbalancing.amazonaws.com", prefix = "alb-connections/AWSLogs/${local.account}", says_account = false }
    Distribution            = { principal = "delivery.logs.amazonaws.com", prefix = "cloudfront", reads_acl = true }
  }
}
