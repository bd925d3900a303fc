variable "queues" {
  description = "Queues by name: what each is for, the delay of its messages, and the rules that may send to it as bus/rule."
  type = map(object({
    description   = string
    delay_seconds = optional(number, 0)
    rules         = optional(set(string), [])
  }))

  validation {
    condition     = alltrue([for name in keys(var.queues) : can(regex("^[A-Za-z0-9_-]{1,76}$", name))])
    error_message = "A queue's name has letters, digits, _ and -, up to 76, so that -dlq fits behind it."
  }

  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.delay_seconds >= 0 && queue.delay_seconds <= 900])
    error_message = "SQS delays messages by 0 to 900 seconds."
  }

  validation {
    condition     = alltrue(flatten([for queue in values(var.queues) : [for rule in queue.rules : length(split("/", rule)) == 2]]))
    error_message = "A rule is written bus/rule."
  }
}

variable "visibility_timeout_seconds" {
  description = "How long a received message stays hidden from other workers."
  type        = number
  default     = 30

  validation {
    condition     = var.visibility_timeout_seconds >= 0 && var.visibility_timeout_seconds <= 43200
    error_message = "A message is hidden for 0 seconds to 12 hours."
  }
}

variable "retention_seconds" {
  description = "How long messages are kept, also in dead-letter queues."
  type        = number
  default     = 1209600 # 14 days

  validation {
    condition     = var.retention_seconds >= 60 && var.retention_seconds <= 1209600
    error_message = "SQS keeps messages 60 seconds to 14 days."
  }
}

variable "max_receive_count" {
  description = "Receives after which a message goes to the dead-letter queue."
  type        = number
  default     = 3

  validation {
    condition     = var.max_receive_count >= 1 && var.max_receive_count <= 1000
    error_message = "The count is 1 to 1,000."
  }
}

variable "max_age_alarm_seconds" {
  description = "Age of the oldest message, beyond the queue's delay, that raises an alarm."
  type        = number
  default     = 300

  validation {
    condition     = var.max_age_alarm_seconds >= 60
    error_message = "The alarm's period is a minute: the age is at least that."
  }
}

variable "kms_key_arn" {
  description = "KMS key of the messages, which EventBridge may use."
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
