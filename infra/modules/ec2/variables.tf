variable "name" {
  description = "Name of the bastion."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}$", var.name))
    error_message = "The name has up to 41 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "vpc_id" {
  description = "VPC of the bastion."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "The VPC is given by its id."
  }
}

variable "subnet_id" {
  description = "Subnet of the bastion: of the app tier, or a public one when SSH is allowed."
  type        = string

  validation {
    condition     = startswith(var.subnet_id, "subnet-")
    error_message = "The subnet is given by its id."
  }
}

variable "vpc_cidr" {
  description = "Address range of the VPC, which the bastion may call."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0))
    error_message = "The range is IPv4 CIDR notation."
  }
}

variable "cluster_arn" {
  description = "EKS cluster whose API the bastion looks up."
  type        = string

  validation {
    condition     = startswith(var.cluster_arn, "arn:")
    error_message = "The cluster is given by its ARN."
  }
}

variable "instance_type" {
  description = "Type of the instance, an ARM one."
  type        = string
  default     = "t4g.small"

  validation {
    condition     = can(regex("^[a-z0-9]+g[a-z]*\\.[a-z0-9]+$", var.instance_type))
    error_message = "The image is for ARM: a type like t4g.small."
  }
}

variable "ssh_allowed_cidrs" {
  description = "Ranges that may open SSH. None by default: sessions go through SSM, which needs no open port."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for range in var.ssh_allowed_cidrs : can(cidrhost(range, 0)) && try(tonumber(split("/", range)[1]) >= 24, false)
    ])
    error_message = "A range is an office or a person, not the world: IPv4 CIDR notation with a prefix of 24 bits or more."
  }
}
