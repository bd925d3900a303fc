variable "name" {
  description = "Prefix of the names."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,60}$", var.name))
    error_message = "The name has up to 60 letters, digits, _ and -."
  }
}

variable "monthly_limit_usd" {
  description = "What a month may cost, in US dollars."
  type        = number

  validation {
    condition     = var.monthly_limit_usd > 0
    error_message = "The limit is more than nothing."
  }
}

variable "anomaly_usd" {
  description = "What an anomaly costs before somebody is told, in US dollars."
  type        = number
  default     = 100

  validation {
    condition     = var.anomaly_usd > 0
    error_message = "The amount is more than nothing."
  }
}

variable "anomaly_monitor_arn" {
  description = "The account's monitor of services, when Cost Explorer has made one already. Null: one is made."
  type        = string
  default     = null

  validation {
    condition     = var.anomaly_monitor_arn == null || can(regex("^arn:[a-z-]+:ce:", var.anomaly_monitor_arn))
    error_message = "The monitor is given by its ARN: aws ce get-anomaly-monitors."
  }
}

variable "topic_arn" {
  description = "Topic told, which budgets and cost anomaly detection may publish to."
  type        = string

  validation {
    condition     = startswith(var.topic_arn, "arn:")
    error_message = "The topic is given by its ARN."
  }
}
