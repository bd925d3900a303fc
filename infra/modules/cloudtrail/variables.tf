variable "name" {
  description = "Name of the trail."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{1,60}$", var.name))
    error_message = "The name has 2 to 61 letters, digits, dots, _ and -."
  }
}

variable "bucket_name" {
  description = "Bucket of the trail, which is made here; unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "retention_days" {
  description = "Days that the trail is kept in the bucket."
  type        = number
  default     = 365

  validation {
    condition     = var.retention_days >= 90 && var.retention_days <= 3650
    error_message = "A trail is kept 90 to 3,650 days."
  }
}

variable "lock_days" {
  description = "Days in which nobody can delete a file of the trail; 0: no lock."
  type        = number
  default     = 0

  validation {
    condition     = var.lock_days >= 0 && var.lock_days <= 3650
    error_message = "A lock is 0 to 3,650 days."
  }
}

variable "data_event_table_arns" {
  description = "DynamoDB tables whose every change is recorded too; costs by event, so those with accounts only."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.data_event_table_arns : startswith(arn, "arn:")])
    error_message = "A table is given by its ARN."
  }
}

variable "force_destroy" {
  description = "Delete the bucket with its files; for environments that come and go."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "KMS key of the trail's files, which CloudTrail may use."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key of the trail's log group."
  type        = string

  validation {
    condition     = startswith(var.logs_kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}
