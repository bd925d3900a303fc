variable "domain_name" {
  description = "Domain of the certificate."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "A domain has lower-case labels with dots between them."
  }
}

variable "alternative_names" {
  description = "Further names that the certificate is for."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.alternative_names : can(regex("^(\\*\\.)?([a-z0-9-]+\\.)+[a-z]{2,}$", name))])
    error_message = "A name is a domain, or *. and a domain."
  }
}

variable "zone_id" {
  description = "Route 53 zone in which the names are proven."
  type        = string

  validation {
    condition     = length(var.zone_id) > 0
    error_message = "The zone is given by its id."
  }
}

variable "create_records" {
  description = "Write the proving records. False where another certificate of the same names does: the records are the same."
  type        = bool
  default     = true
}
