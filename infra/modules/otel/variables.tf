variable "cluster_name" {
  description = "EKS cluster of the collectors."
  type        = string

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "The cluster's name is not empty."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the collectors."
  type        = string
  default     = "observability"

  validation {
    condition     = can(regex("^[a-z0-9-]{1,63}$", var.namespace))
    error_message = "A namespace has up to 63 lower-case letters, digits and hyphens."
  }
}

variable "prometheus_workspace_arn" {
  description = "Prometheus workspace that metrics are written to."
  type        = string

  validation {
    condition     = startswith(var.prometheus_workspace_arn, "arn:")
    error_message = "The workspace is given by its ARN."
  }
}

variable "log_retention_days" {
  description = "Days that the pods' logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365], var.log_retention_days)
    error_message = "CloudWatch keeps logs 7, 14, 30, 60, 90, 180 or 365 days."
  }
}

variable "logs_kms_key_arn" {
  description = "KMS key of the logs."
  type        = string

  validation {
    condition     = startswith(var.logs_kms_key_arn, "arn:")
    error_message = "The key is given by its ARN."
  }
}
