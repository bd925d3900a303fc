variable "region" {
  description = "AWS region of the state."
  type        = string
  default     = "ap-northeast-2"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region looks like ap-northeast-2."
  }
}

variable "name" {
  description = "First part of the bucket's name; the account's id follows."
  type        = string
  default     = "traffic-tacos-state"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,40}$", var.name))
    error_message = "The name has 3 to 41 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "lock_table" {
  description = "Make a DynamoDB table for locks too, for tools that do not know S3's lock file (Terraform before 1.10)."
  type        = bool
  default     = false
}

variable "administrator_arns" {
  description = "IAM roles that alone may read and write the state: there are secrets in it. None: whoever the account's policies let."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.administrator_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/", arn))])
    error_message = "An administrator is a role, given by its ARN."
  }
}
