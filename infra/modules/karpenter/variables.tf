variable "cluster_name" {
  description = "EKS cluster that Karpenter gives nodes."
  type        = string

  validation {
    condition     = length(var.cluster_name) > 0 && length(var.cluster_name) <= 40
    error_message = "The cluster's name has 1 to 40 characters, so that roles can be named by it."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the controller."
  type        = string
  default     = "kube-system"

  validation {
    condition     = can(regex("^[a-z0-9-]{1,63}$", var.namespace))
    error_message = "A namespace has up to 63 lower-case letters, digits and hyphens."
  }
}
