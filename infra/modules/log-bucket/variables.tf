variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "writers" {
  description = "AWS services that write objects: their principal, the prefix, whether they read the bucket's ACL first, and whether they say for which account they write."
  type = map(object({
    principal    = string
    prefix       = string
    reads_acl    = optional(bool, false)
    says_account = optional(bool, true)
  }))

  validation {
    condition     = alltrue([for writer in values(var.writers) : endswith(writer.principal, ".amazonaws.com")])
    error_message = "A writer's principal ends in .amazonaws.com."
  }
}

variable "kms_key_arn" {
  description = "KMS key of the objects. Null: the key of S3, for writers that take no other (load balancers)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || startswith(coalesce(var.kms_key_arn, "arn:"), "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "retention_days" {
  description = "Days after which logs are deleted."
  type        = number
  default     = 365

  validation {
    condition     = var.retention_days >= 30 && var.retention_days <= 3650
    error_message = "Logs are kept 30 to 3,650 days."
  }
}

variable "lock_days" {
  description = "Days in which nobody, not even the account's root, can delete an object; 0: no lock."
  type        = number
  default     = 0

  validation {
    condition     = var.lock_days >= 0 && var.lock_days <= 3650
    error_message = "A lock is 0 to 3,650 days."
  }
}

variable "force_destroy" {
  description = "Delete the bucket with its objects; for environments that come and go."
  type        = bool
  default     = false
}
