variable "domain_name" {
  description = "Domain of the zone."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "A domain has lower-case labels with dots between them."
  }
}

variable "existing_zone_id" {
  description = "Zone that is there already. Null: one is made, and its name servers go to the registrar."
  type        = string
  default     = null

  validation {
    condition     = var.existing_zone_id == null || can(regex("^Z[A-Z0-9]+$", var.existing_zone_id))
    error_message = "A zone's id looks like Z0123456789ABC."
  }
}

variable "aliases" {
  description = "Names that lead to a distribution or a load balancer: the first label, empty for the domain itself."
  type = map(object({
    target_name     = string
    target_zone_id  = string
    evaluate_health = optional(bool, false)
    ipv6            = optional(bool, false)
  }))
  default = {}

  validation {
    condition     = alltrue([for label in keys(var.aliases) : can(regex("^[a-z0-9-]*$", label))])
    error_message = "A label has lower-case letters, digits and hyphens."
  }
}

variable "certificate_authorities" {
  description = "Authorities that may issue certificates for the domain (CAA)."
  type        = set(string)
  default     = ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"]

  validation {
    condition     = length(var.certificate_authorities) > 0
    error_message = "Somebody has to issue the certificates."
  }
}
