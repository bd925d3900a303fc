variable "kms_key_arn" {
  description = "KMS key that encrypts the tables."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete a table until the protection is taken away."
  type        = bool
  default     = false
}

variable "recovery_days" {
  description = "Days to any second of which a table can be restored."
  type        = number
  default     = 35

  validation {
    condition     = var.recovery_days >= 1 && var.recovery_days <= 35
    error_message = "Point-in-time recovery reaches back 1 to 35 days."
  }
}

variable "max_units" {
  description = "Most read and write request units a second that on-demand tables and indexes may use: a cap on the bill. Null: no cap."
  type = object({
    read  = number
    write = number
  })
  default = null

  validation {
    condition     = var.max_units == null || try(var.max_units.read >= 1 && var.max_units.write >= 1, false)
    error_message = "A cap is at least one unit of each."
  }
}

variable "throttle_alarm_threshold" {
  description = "Throttled requests of a table in a minute that raise an alarm."
  type        = number
  default     = 10

  validation {
    condition     = var.throttle_alarm_threshold >= 0
    error_message = "The threshold is not negative."
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
