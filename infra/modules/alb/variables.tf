variable "name" {
  description = "Name of the load balancer."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9-]{0,28}[a-zA-Z0-9]$", var.name)) && !startswith(var.name, "internal-")
    error_message = "The name has up to 30 letters, digits and hyphens."
  }
}

variable "vpc_id" {
  description = "VPC of the load balancer."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "The VPC is given by its id."
  }
}

variable "vpc_cidr" {
  description = "Address range of the pods: the load balancer calls nobody else."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0))
    error_message = "The range is IPv4 CIDR notation."
  }
}

variable "subnet_ids" {
  description = "Public subnets, in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "A load balancer needs subnets in two zones."
  }
}

variable "certificate_arn" {
  description = "Certificate of the region."
  type        = string

  validation {
    condition     = startswith(var.certificate_arn, "arn:")
    error_message = "The certificate is given by its ARN."
  }
}

variable "web_acl_arn" {
  description = "Regional web ACL in front of it."
  type        = string

  validation {
    condition     = startswith(var.web_acl_arn, "arn:")
    error_message = "The web ACL is given by its ARN."
  }
}

variable "pod_security_group_id" {
  description = "Security group of the pods, which lets the load balancer in."
  type        = string

  validation {
    condition     = startswith(var.pod_security_group_id, "sg-")
    error_message = "The group is given by its id."
  }
}

variable "pod_port" {
  description = "Port that the pods serve clients at."
  type        = number
  default     = 8000

  validation {
    condition     = var.pod_port >= 1024 && var.pod_port <= 65535
    error_message = "A pod without privileges serves at 1024 to 65535."
  }
}

variable "allowed_cidrs" {
  description = "Ranges that may reach ports 80 and 443."
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for range in var.allowed_cidrs : can(cidrhost(range, 0))])
    error_message = "There is at least one range, in IPv4 CIDR notation."
  }
}

variable "log_bucket" {
  description = "Bucket of access and connection logs."
  type        = string

  validation {
    condition     = length(var.log_bucket) > 0
    error_message = "The bucket is given by its name."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer until the protection is taken away."
  type        = bool
  default     = false
}

variable "alarm_topic_arns" {
  description = "Topics told of alarms and of their end."
  type        = list(string)

  validation {
    condition     = length(var.alarm_topic_arns) > 0
    error_message = "An alarm without an action wakes nobody."
  }
}
