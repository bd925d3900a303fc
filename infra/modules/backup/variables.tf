variable "name" {
  description = "Name of vault and plan."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{2,50}$", var.name))
    error_message = "The name has 2 to 50 letters, digits, _ and -."
  }
}

variable "table_arns" {
  description = "DynamoDB tables that are backed up."
  type        = list(string)

  validation {
    condition     = length(var.table_arns) > 0
    error_message = "There is something to back up."
  }
}

variable "daily_days" {
  description = "Days that daily backups are kept."
  type        = number
  default     = 35

  validation {
    condition     = var.daily_days >= 1
    error_message = "At least a day."
  }
}

variable "monthly_days" {
  description = "Days that monthly backups are kept; 0: none."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_days == 0 || var.monthly_days >= 60
    error_message = "It is 0, or more than a daily backup's time: 60 and more."
  }
}

variable "lock" {
  description = "Nobody can delete a backup before its time, or shorten that time."
  type        = bool
  default     = false
}

variable "force_destroy" {
  description = "Delete the vault with its backups; for environments that come and go."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "KMS key of the backups."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
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
