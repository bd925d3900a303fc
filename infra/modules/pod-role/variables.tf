variable "name" {
  description = "Name of the role."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "A role's name has up to 64 letters, digits and +=,.@_-."
  }
}

variable "description" {
  description = "What the workload does with the role."
  type        = string

  validation {
    condition     = length(var.description) > 0
    error_message = "The description is not empty."
  }
}

variable "cluster_name" {
  description = "EKS cluster of the pods."
  type        = string

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "The cluster's name is not empty."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the service account."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]{1,63}$", var.namespace))
    error_message = "A namespace has up to 63 lower-case letters, digits and hyphens."
  }
}

variable "service_account" {
  description = "Kubernetes service account whose pods get the role."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]{1,253}$", var.service_account))
    error_message = "A service account has up to 253 lower-case letters, digits, dots and hyphens."
  }
}

variable "policies" {
  description = "Inline policies by name, as JSON."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.policies) : can(jsondecode(policy))])
    error_message = "Each policy is JSON."
  }
}

variable "managed_policies" {
  description = "Names of policies that AWS keeps, with their path, such as service-role/AmazonEBSCSIDriverPolicy."
  type        = set(string)
  default     = []

  validation {
    condition     = !contains(var.managed_policies, "AdministratorAccess")
    error_message = "No workload is an administrator."
  }
}

variable "associate" {
  description = "Associate the role with the service account. False where an add-on brings its own association."
  type        = bool
  default     = true
}
