variable "name" {
  description = "Name of the workspace."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._~-]{1,60}$", var.name))
    error_message = "The name has up to 60 letters, digits and . _ ~ -, so that its role can be named by it."
  }
}

variable "grafana_version" {
  description = "Version of Grafana."
  type        = string
  default     = "10.4"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+$", var.grafana_version))
    error_message = "A version looks like 10.4."
  }
}

variable "prometheus_workspace_arn" {
  description = "Prometheus workspace that dashboards query."
  type        = string

  validation {
    condition     = startswith(var.prometheus_workspace_arn, "arn:")
    error_message = "The workspace is given by its ARN."
  }
}

variable "role_groups" {
  description = "Groups of IAM Identity Center by Grafana's role: ADMIN, EDITOR, VIEWER. Their ids."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = alltrue([for role in keys(var.role_groups) : contains(["ADMIN", "EDITOR", "VIEWER"], role)])
    error_message = "A role is ADMIN, EDITOR or VIEWER."
  }
}
