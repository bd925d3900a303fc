variable "name" {
  description = "Alias of the workspace."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,100}$", var.name))
    error_message = "The alias has up to 100 letters, digits, _ and -."
  }
}

variable "retention_days" {
  description = "Days that metrics are kept."
  type        = number
  default     = 150

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 1095
    error_message = "Metrics are kept 1 to 1,095 days."
  }
}

variable "alarm_topic_arns" {
  description = "Topics of alerts by severity: critical and warning."
  type        = map(string)

  validation {
    condition     = alltrue([for severity in ["critical", "warning"] : contains(keys(var.alarm_topic_arns), severity)])
    error_message = "There is a topic for critical and one for warning."
  }
}

variable "kms_key_arn" {
  description = "KMS key of the metrics."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key of the workspace's log."
  type        = string

  validation {
    condition     = startswith(var.logs_kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}
