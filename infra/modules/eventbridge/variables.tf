variable "buses" {
  description = "Names of the event buses."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.buses : can(regex("^[A-Za-z0-9._-]{1,37}$", name)) && name != "default"])
    error_message = "A bus has up to 37 letters, digits, dots, _ and -, so that its archive's name fits; default belongs to AWS."
  }
}

variable "rules" {
  description = "Rules by name: their bus, what they match, and the queue they send to; without a queue they notify."
  type = map(object({
    bus          = string
    source       = string
    detail_types = set(string)
    queue        = optional(string)
  }))

  validation {
    condition     = alltrue([for rule in values(var.rules) : length(rule.detail_types) > 0])
    error_message = "A rule matches at least one detail type."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : contains(var.buses, rule.bus)])
    error_message = "Each rule's bus is one of the buses."
  }
}

variable "queue_arns" {
  description = "ARN of every queue and dead-letter queue by name; the dead-letter queue of q is q-dlq."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.queue_arns) : endswith(name, "-dlq") || contains(keys(var.queue_arns), "${name}-dlq")])
    error_message = "Every queue has its dead-letter queue."
  }
}

variable "notifications_name" {
  description = "Name of the topic of notifications, and of their dead-letter queue before -dlq."
  type        = string
  default     = "traffic-tacos-notifications"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,76}$", var.notifications_name))
    error_message = "The name has letters, digits, _ and -, up to 76."
  }
}

variable "notification_webhooks" {
  description = "HTTPS endpoints that are told of status changes and confirmed reservations. Messages are signed by SNS."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for url in var.notification_webhooks : startswith(url, "https://")])
    error_message = "A webhook is an https:// URL."
  }
}

variable "archive_days" {
  description = "Days that every event can be replayed."
  type        = number
  default     = 365

  validation {
    condition     = var.archive_days >= 1 && var.archive_days <= 3650
    error_message = "Archives are kept 1 to 3,650 days."
  }
}

variable "log_retention_days" {
  description = "Days that the log of events is kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365], var.log_retention_days)
    error_message = "CloudWatch keeps logs 7, 14, 30, 60, 90, 180 or 365 days."
  }
}

variable "kms_key_arn" {
  description = "KMS key of the notifications."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key of the log of events."
  type        = string

  validation {
    condition     = startswith(var.logs_kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "discover_schemas" {
  description = "Derive schemas from the events that pass; costs by event beyond five million a month."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "Topics told of alarms and of their end."
  type        = list(string)

  validation {
    condition     = length(var.alarm_topic_arns) > 0
    error_message = "An alarm without an action wakes nobody."
  }
}
