variable "name" {
  description = "Name of the replication group."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "The name has up to 40 lower-case letters, digits and single hyphens, a letter first."
  }
}

variable "vpc_id" {
  description = "VPC of the security group."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "The VPC is given by its id."
  }
}

variable "subnet_ids" {
  description = "Subnets of the nodes, in at least two zones: the db tier."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "Multi-AZ needs two subnets."
  }
}

variable "client_security_group_ids" {
  description = "Security groups that may connect, by a name of your own."
  type        = map(string)

  validation {
    condition     = length(var.client_security_group_ids) > 0
    error_message = "Somebody has to connect."
  }
}

variable "node_type" {
  description = "Type of the nodes."
  type        = string
  default     = "cache.m7g.xlarge"

  validation {
    condition     = can(regex("^cache\\.[a-z0-9]+\\.[a-z0-9]+$", var.node_type))
    error_message = "A node type looks like cache.m7g.xlarge."
  }
}

variable "shards" {
  description = "Shards at the start; auto scaling changes them from then on."
  type        = number
  default     = 8

  validation {
    condition     = var.shards >= 1 && var.shards <= 500
    error_message = "A cluster has 1 to 500 shards."
  }
}

variable "replicas_per_shard" {
  description = "Replicas of each shard, in other zones."
  type        = number
  default     = 1

  validation {
    condition     = var.replicas_per_shard >= 1 && var.replicas_per_shard <= 5
    error_message = "Failover needs 1 to 5 replicas."
  }
}

variable "scaling" {
  description = "Bounds of the auto scaling of shards, and the CPU percentage it keeps. Null: none; small node types cannot."
  type = object({
    min_shards  = number
    max_shards  = number
    cpu_percent = number
  })
  default = {
    min_shards  = 8
    max_shards  = 20
    cpu_percent = 70
  }

  validation {
    condition = var.scaling == null || try(
      var.scaling.min_shards >= 1 && var.scaling.max_shards >= var.scaling.min_shards && var.scaling.max_shards <= 500, false
    )
    error_message = "Bounds are 1 to 500 shards, the lower one first."
  }

  validation {
    condition     = var.scaling == null || try(var.scaling.cpu_percent >= 35 && var.scaling.cpu_percent <= 70, false)
    error_message = "ElastiCache keeps a CPU of 35 to 70 %."
  }
}

variable "authentication" {
  description = "token: AUTH with the secret below. iam: users of the group sign in by IAM, and there is no secret at all."
  type        = string
  default     = "token"

  validation {
    condition     = contains(["token", "iam"], var.authentication)
    error_message = "The authentication is token or iam."
  }
}

variable "auth_secret_id" {
  description = "Secret in Secrets Manager with the AUTH token."
  type        = string

  validation {
    condition     = length(var.auth_secret_id) > 0
    error_message = "The secret is given by its ARN or name."
  }
}

variable "auth_secret_version_id" {
  description = "Version of the secret to read. Null: the current one, which a plan takes from before a new one is made."
  type        = string
  default     = null
}

variable "iam_users" {
  description = "Users that sign in by IAM, when the authentication is iam, with their access string."
  type        = map(string)
  default = {
    tacos = "on ~* &* +@all -@admin -@dangerous"
  }

  validation {
    condition     = alltrue([for access in values(var.iam_users) : startswith(access, "on ")])
    error_message = "An access string starts with on."
  }
}

variable "snapshot_retention_days" {
  description = "Days that daily snapshots are kept; 0: none."
  type        = number
  default     = 7

  validation {
    condition     = var.snapshot_retention_days >= 0 && var.snapshot_retention_days <= 35
    error_message = "ElastiCache keeps snapshots 0 to 35 days."
  }
}

variable "final_snapshot" {
  description = "Take a snapshot before the group is deleted."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "KMS key of data at rest."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key of the logs."
  type        = string

  validation {
    condition     = startswith(var.logs_kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "alarm_topic_arns" {
  description = "Topics told of alarms and of their end."
  type        = list(string)

  validation {
    condition     = length(var.alarm_topic_arns) > 0
    error_message = "An alarm without an action wakes nobody."
  }
}
