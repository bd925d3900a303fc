variable "environment" {
  description = "Environment, which is also the name of the workspace. Each has an AWS account of its own: names are the same everywhere."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment is dev, staging or prod."
  }
}

variable "region" {
  description = "AWS region of everything but what CloudFront needs in us-east-1."
  type        = string
  default     = "ap-northeast-2"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region looks like ap-northeast-2."
  }
}

variable "account_id" {
  description = "AWS account that the environment is for: with any other's credentials Terraform refuses. Null: no such check."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account's id has twelve digits."
  }
}

variable "cluster_name" {
  description = "Name of the EKS cluster."
  type        = string
  default     = "ticket-cluster"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,39}$", var.cluster_name))
    error_message = "The name has up to 40 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "domain_name" {
  description = "Domain of the shop: pages at it and at www, the API's load balancer at api."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "A domain has lower-case labels with dots between them."
  }
}

variable "existing_zone_id" {
  description = "Route 53 zone of the domain, when there is one already. Null: one is made."
  type        = string
  default     = null

  validation {
    condition     = var.existing_zone_id == null || can(regex("^Z[A-Z0-9]+$", var.existing_zone_id))
    error_message = "A zone's id looks like Z0123456789ABC."
  }
}

variable "protect" {
  description = "Refuse to delete tables, cluster and load balancer, keep buckets, secrets and backups: for environments with data of people."
  type        = bool
}

# --- network ---

variable "single_nat_gateway" {
  description = "One NAT gateway for all zones: cheaper, but a zone's failure cuts off the others."
  type        = bool
}

variable "interface_endpoints" {
  description = "Services with a private interface endpoint. Without one their traffic goes through NAT."
  type        = set(string)
  default     = ["sqs", "events", "ecr.api", "ecr.dkr", "sts", "secretsmanager", "logs"]

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9.-]+$", service))])
    error_message = "A service is the last part of its endpoint's name, such as sqs or ecr.api."
  }
}

variable "bastion_ssh_cidrs" {
  description = "Ranges that may open SSH to the bastion. None: sessions go through SSM."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.bastion_ssh_cidrs : can(cidrhost(range, 0))])
    error_message = "A range is in IPv4 CIDR notation."
  }
}

# --- cluster ---

variable "node_groups" {
  description = "Managed node groups of the cluster by name."
  type = map(object({
    instance_types = list(string)
    capacity_type  = optional(string, "ON_DEMAND")
    min_size       = number
    max_size       = number
    desired_size   = number
    disk_gib       = optional(number, 50)
    labels         = optional(map(string), {})
    taints         = optional(map(string), {})
  }))

  validation {
    condition     = alltrue([for name in ["ondemand", "mix", "monitoring", "loadtest"] : contains(keys(var.node_groups), name)])
    error_message = "The groups are ondemand, mix, monitoring and loadtest; more are possible."
  }
}

variable "cluster_access" {
  description = "Who may use the Kubernetes API, by a name of your own."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(set(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for entry in values(var.cluster_access) : startswith(entry.principal_arn, "arn:")])
    error_message = "A principal is given by its ARN."
  }
}

# --- data ---

variable "redis" {
  description = "Size of Redis: node type, shards at the start, replicas of each, bounds of auto scaling (null: none), days of snapshots, and token or iam."
  type = object({
    node_type      = string
    shards         = number
    replicas       = optional(number, 1)
    snapshot_days  = optional(number, 7)
    authentication = optional(string, "token")
    scaling = optional(object({
      min_shards  = number
      max_shards  = number
      cpu_percent = number
    }))
  })

  validation {
    condition     = startswith(var.redis.node_type, "cache.")
    error_message = "A node type looks like cache.m7g.xlarge."
  }
}

variable "table_max_units" {
  description = "Cap on request units a second of each on-demand table, so that a mistake cannot cost without end. Null: none."
  type = object({
    read  = number
    write = number
  })
  default = null

  validation {
    condition     = var.table_max_units == null || try(var.table_max_units.read >= 1 && var.table_max_units.write >= 1, false)
    error_message = "A cap is at least one unit of each."
  }
}

variable "hold_seconds" {
  description = "How long seats are held: the delay of the queue that expires them."
  type        = number
  default     = 60

  validation {
    condition     = var.hold_seconds >= 1 && var.hold_seconds <= 900
    error_message = "SQS delays messages by at most 900 seconds."
  }
}

variable "backup_monthly_days" {
  description = "Days that monthly backups are kept; 0: none."
  type        = number
  default     = 0

  validation {
    condition     = var.backup_monthly_days == 0 || var.backup_monthly_days >= 60
    error_message = "It is 0, or 60 and more."
  }
}

variable "secret_values" {
  description = "Values of secrets that somebody else made, by name (webhook-signing). All others are generated. Never stored."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.secret_values) : contains(["jwt-signing", "webhook-signing", "redis-auth"], name)])
    error_message = "The secrets are jwt-signing, webhook-signing and redis-auth."
  }
}

variable "secret_versions" {
  description = "Raise a secret's number to have it made anew."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : version >= 1])
    error_message = "Versions count from 1."
  }
}

# --- edge ---

variable "bot_control" {
  description = "AWS's Bot Control in front of CloudFront and of the load balancer; costs by request."
  type        = bool
}

variable "load_test" {
  description = "Lets a load test through the web ACLs by header and range. Null (the default): nobody."
  type = object({
    cidrs        = set(string)
    header_value = string
  })
  default   = null
  sensitive = true

  validation {
    condition     = var.load_test == null || try(length(var.load_test.header_value) >= 32, false)
    error_message = "The value has 32 characters or more."
  }
}

variable "notification_webhooks" {
  description = "HTTPS endpoints that are told of status changes and confirmed reservations."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for url in var.notification_webhooks : startswith(url, "https://")])
    error_message = "A webhook is an https:// URL."
  }
}

# --- people and money ---

variable "alarm_emails" {
  description = "E-mail addresses that alarms tell, by severity: critical and warning."
  type = object({
    critical = optional(set(string), [])
    warning  = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = alltrue([for email in setunion(var.alarm_emails.critical, var.alarm_emails.warning) : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "Each is an e-mail address."
  }
}

variable "grafana_groups" {
  description = "Groups of IAM Identity Center by Grafana's role: ADMIN, EDITOR, VIEWER."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = alltrue([for role in keys(var.grafana_groups) : contains(["ADMIN", "EDITOR", "VIEWER"], role)])
    error_message = "A role is ADMIN, EDITOR or VIEWER."
  }
}

variable "monthly_budget_usd" {
  description = "What a month may cost, in US dollars."
  type        = number

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "The budget is more than nothing."
  }
}

variable "anomaly_monitor_arn" {
  description = "The account's monitor of costs by service, when there is one already. Null: one is made."
  type        = string
  default     = null

  validation {
    condition     = var.anomaly_monitor_arn == null || can(regex("^arn:[a-z-]+:ce:", var.anomaly_monitor_arn))
    error_message = "The monitor is given by its ARN: aws ce get-anomaly-monitors."
  }
}

variable "log_retention_days" {
  description = "Days that logs in CloudWatch are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365], var.log_retention_days)
    error_message = "CloudWatch keeps logs 7, 14, 30, 60, 90, 180 or 365 days."
  }
}

variable "trail_lock_days" {
  description = "Days in which nobody can delete a file of the audit trail; 0: no lock."
  type        = number
  default     = 0

  validation {
    condition     = var.trail_lock_days >= 0 && var.trail_lock_days <= 3650
    error_message = "A lock is 0 to 3,650 days."
  }
}
