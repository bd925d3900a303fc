variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens."
  }
}

variable "distribution_arn" {
  description = "CloudFront distribution that alone may read."
  type        = string

  validation {
    condition     = startswith(var.distribution_arn, "arn:")
    error_message = "The distribution is given by its ARN."
  }
}

variable "old_version_days" {
  description = "Days that replaced files are kept, to go back to."
  type        = number
  default     = 30

  validation {
    condition     = var.old_version_days >= 1
    error_message = "At least a day."
  }
}

variable "force_destroy" {
  description = "Delete the bucket with its objects; for environments that come and go."
  type        = bool
  default     = false
}
