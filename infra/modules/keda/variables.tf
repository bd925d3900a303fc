variable "cluster_name" {
  description = "EKS cluster of the operator."
  type        = string

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "The cluster's name is not empty."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the operator."
  type        = string
  default     = "keda"

  validation {
    condition     = can(regex("^[a-z0-9-]{1,63}$", var.namespace))
    error_message = "A namespace has up to 63 lower-case letters, digits and hyphens."
  }
}

variable "queue_policy" {
  description = "IAM policy that reads the lengths of the queues that workers scale by, as JSON."
  type        = string

  validation {
    condition     = can(jsondecode(var.queue_policy))
    error_message = "The policy is JSON."
  }
}

variable "prometheus_workspace_arn" {
  description = "Prometheus workspace that scalers query."
  type        = string

  validation {
    condition     = startswith(var.prometheus_workspace_arn, "arn:")
    error_message = "The workspace is given by its ARN."
  }
}
