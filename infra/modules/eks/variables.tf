variable "name" {
  description = "Name of the cluster."
  type        = string
  default     = "ticket-cluster"

  validation {
    condition     = can(regex("^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$", var.name))
    error_message = "A cluster's name has up to 100 letters, digits, _ and -."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes version of the control plane and of the nodes."
  type        = string
  default     = "1.33"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "A version looks like 1.33."
  }
}

variable "subnet_ids" {
  description = "Subnets of control plane interfaces and nodes: the app tier."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "EKS needs subnets in two zones."
  }
}

variable "service_cidr" {
  description = "Addresses of Kubernetes services; nothing else may use them."
  type        = string
  default     = "172.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.service_cidr, 0))
    error_message = "The range is IPv4 CIDR notation."
  }
}

variable "kms_key_arn" {
  description = "KMS key of Kubernetes secrets."
  type        = string

  validation {
    condition     = startswith(var.kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key of the control plane's logs."
  type        = string

  validation {
    condition     = startswith(var.logs_kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}

variable "log_retention_days" {
  description = "Days that the control plane's logs are kept."
  type        = number
  default     = 90

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365], var.log_retention_days)
    error_message = "CloudWatch keeps logs 7, 14, 30, 60, 90, 180 or 365 days."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the cluster until the protection is taken away."
  type        = bool
  default     = false
}

variable "access" {
  description = "Who may use the Kubernetes API, by a name of your own: the IAM role, an EKS access policy, and the namespaces (none: the whole cluster)."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(set(string), [])
  }))
  default = {}

  validation {
    condition = alltrue([for entry in values(var.access) : contains([
      "AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy",
      "AmazonEKSAdminViewPolicy",
    ], entry.policy)])
    error_message = "The policy is one of EKS: ClusterAdmin, Admin, Edit, View or AdminView."
  }
}

variable "api_client_security_group_ids" {
  description = "Security groups that reach the private API, by a name of your own, such as the bastion's."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.api_client_security_group_ids) : length(name) > 0])
    error_message = "Each has a name."
  }
}

variable "node_groups" {
  description = "Managed node groups by name. Taints keep everything away that does not tolerate them."
  type = map(object({
    instance_types = list(string)
    capacity_type  = optional(string, "ON_DEMAND")
    min_size       = number
    max_size       = number
    desired_size   = number
    disk_gib       = optional(number, 50)
    labels         = optional(map(string), {})
    taints         = optional(map(string), {}) # key = value, effect NO_SCHEDULE
  }))

  validation {
    condition     = alltrue([for group in values(var.node_groups) : contains(["ON_DEMAND", "SPOT"], group.capacity_type)])
    error_message = "The capacity type is ON_DEMAND or SPOT."
  }

  validation {
    condition = alltrue([
      for group in values(var.node_groups) :
      0 <= group.min_size && group.min_size <= group.desired_size && group.desired_size <= group.max_size && group.max_size >= 1
    ])
    error_message = "Sizes are 0 <= min <= desired <= max, and max is at least 1."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.disk_gib >= 20])
    error_message = "A node's disk has at least 20 GiB."
  }
}

variable "addon_versions" {
  description = "Versions of add-ons by name; without one EKS takes its default for the Kubernetes version."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for version in values(var.addon_versions) : startswith(version, "v")])
    error_message = "A version looks like v1.19.0-eksbuild.1."
  }
}
