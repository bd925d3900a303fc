variable "prefix" {
  description = "First part of the secrets' names, before the slash."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,64}$", var.prefix))
    error_message = "The prefix has up to 64 letters, digits, _, . and -."
  }
}

variable "secrets" {
  description = "Secrets by name. Raise `version` to have a new value made; `length` is that of a generated value."
  type = map(object({
    description = string
    version     = optional(number, 1)
    length      = optional(number, 64)
  }))

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.version >= 1 && secret.length >= 32 && secret.length <= 128])
    error_message = "Versions count from 1; a value has 32 to 128 characters."
  }
}

variable "values" {
  description = "Values of secrets that somebody else made, such as a payment provider; all others are generated. Never stored."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = alltrue([for value in values(var.values) : length(value) >= 16])
    error_message = "A secret of fewer than 16 characters can be guessed."
  }
}

variable "recovery_window_days" {
  description = "Days in which a deleted secret can be had back; 0: none, for environments that come and go."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "The window is 0, or 7 to 30 days."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the values."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}
