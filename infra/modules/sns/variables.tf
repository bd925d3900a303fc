variable "topics" {
  description = "Alarm topics: what each is for, and the e-mail addresses that it tells. Each address confirms once by a link."
  type = map(object({
    description = string
    emails      = optional(set(string), [])
  }))

  validation {
    condition     = alltrue([for name in keys(var.topics) : can(regex("^[A-Za-z0-9_-]{1,256}$", name))])
    error_message = "A topic's name has letters, digits, _ and -, up to 256."
  }

  validation {
    condition = alltrue(flatten([
      for topic in values(var.topics) : [for email in topic.emails : can(regex("^[^@ ]+@[^@ ]+$", email))]
    ]))
    error_message = "Each subscriber is an e-mail address."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the messages; the publishing services may use it."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "publishers" {
  description = "AWS services that may publish, by principal."
  type        = set(string)
  default     = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com", "aps.amazonaws.com"]

  validation {
    condition     = alltrue([for service in var.publishers : endswith(service, ".amazonaws.com")])
    error_message = "A service's principal ends in .amazonaws.com."
  }
}
