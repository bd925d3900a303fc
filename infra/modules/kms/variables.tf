variable "alias" {
  description = "Alias of the key, without the prefix alias/."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9/_-]{1,250}$", var.alias)) && !startswith(var.alias, "aws/")
    error_message = "An alias has letters, digits, / _ -, and does not start with aws/."
  }
}

variable "description" {
  description = "What the key encrypts."
  type        = string

  validation {
    condition     = length(var.description) > 0
    error_message = "The description is not empty."
  }
}

variable "services" {
  description = "AWS services that use the key for this account: their principals."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.services : endswith(service, ".amazonaws.com")])
    error_message = "A service's principal ends in .amazonaws.com."
  }
}

variable "event_topic_arns" {
  description = "Topics encrypted with the key that rules of EventBridge publish to."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.event_topic_arns : startswith(arn, "arn:")])
    error_message = "A topic is given by its ARN."
  }
}

variable "cloudwatch_logs" {
  description = "CloudWatch Logs may encrypt this account's log groups of the region with the key."
  type        = bool
  default     = false
}

variable "via_services" {
  description = "Services through which principals of this account may use the key, such as dynamodb; no other way is open to them by this policy."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for service in var.via_services : can(regex("^[a-z0-9.-]+$", service))])
    error_message = "A service is named by the first part of its host, such as dynamodb."
  }
}

variable "deletion_window_days" {
  description = "Days between the order to delete the key and its end."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "KMS waits 7 to 30 days."
  }
}
