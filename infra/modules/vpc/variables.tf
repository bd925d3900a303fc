variable "name" {
  description = "Prefix of the names of everything in the network."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "The name is 2 to 31 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "cidr" {
  description = "Address range of the VPC."
  type        = string
  default     = "10.180.0.0/20"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) <= 24, false)
    error_message = "The range is IPv4 CIDR notation with a prefix of at most 24 bits."
  }
}

variable "subnets" {
  description = "Address ranges of the three tiers by letter of the availability zone."
  type = map(object({
    public = string
    app    = string
    db     = string
  }))
  default = {
    a = { public = "10.180.0.0/24", app = "10.180.4.0/22", db = "10.180.2.0/24" }
    c = { public = "10.180.1.0/24", app = "10.180.8.0/22", db = "10.180.3.0/24" }
  }

  validation {
    condition     = length(var.subnets) >= 2 && alltrue([for zone in keys(var.subnets) : can(regex("^[a-z]$", zone))])
    error_message = "There are at least two zones, each named by its letter."
  }

  validation {
    condition = alltrue(flatten([
      for zone in values(var.subnets) : [for range in values(zone) : can(cidrhost(range, 0))]
    ]))
    error_message = "Each subnet's range is IPv4 CIDR notation."
  }

  validation {
    condition = length(distinct(flatten([for zone in values(var.subnets) : values(zone)]))) == length(
      flatten([for zone in values(var.subnets) : values(zone)])
    )
    error_message = "No two subnets have the same range."
  }
}

variable "single_nat_gateway" {
  description = "One NAT gateway for all zones: cheaper, but a zone's failure cuts off the others."
  type        = bool
  default     = false
}

variable "cluster_name" {
  description = "EKS cluster whose load balancers and Karpenter nodes find their subnets by tag."
  type        = string

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "The cluster's name is not empty."
  }
}

variable "interface_endpoints" {
  description = "Services reached by a private interface endpoint in the app tier; each costs by zone and hour."
  type        = set(string)
  default     = ["sqs", "events", "ecr.api", "ecr.dkr", "sts", "secretsmanager", "logs"]

  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9.-]+$", service))])
    error_message = "A service is the last part of its endpoint's name, such as sqs or ecr.api."
  }
}

variable "flow_log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 90

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365], var.flow_log_retention_days)
    error_message = "CloudWatch keeps logs 7, 14, 30, 60, 90, 180 or 365 days."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key that encrypts the flow logs."
  type        = string

  validation {
    condition     = startswith(var.logs_kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "ssh_allowed_cidrs" {
  description = "Ranges whose SSH reaches the public tier, where a bastion with an allow-list is. None by default."
  type        = set(string)
  default     = []

  validation {
    condition = length(var.ssh_allowed_cidrs) <= 10 && alltrue([
      for range in var.ssh_allowed_cidrs : can(cidrhost(range, 0)) && try(tonumber(split("/", range)[1]) >= 24, false)
    ])
    error_message = "At most ten ranges, each in IPv4 CIDR notation with a prefix of 24 bits or more."
  }
}
