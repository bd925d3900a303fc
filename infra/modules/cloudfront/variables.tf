variable "name" {
  description = "Prefix of the names of policies and logs."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9-]{1,40}$", var.name))
    error_message = "The name has up to 40 letters, digits and hyphens."
  }
}

variable "aliases" {
  description = "Names that the distribution answers to."
  type        = set(string)

  validation {
    condition     = length(var.aliases) > 0
    error_message = "There is at least one name."
  }
}

variable "api_secret" {
  description = "What the distribution says to the API in `x-origin-verify`, whatever a viewer sent there."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.api_secret) >= 32
    error_message = "The value has 32 characters or more."
  }
}

variable "certificate_arn" {
  description = "Certificate of the names, in us-east-1."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:acm:us-east-1:", var.certificate_arn))
    error_message = "CloudFront takes certificates of us-east-1 only."
  }
}

variable "web_acl_arn" {
  description = "Web ACL of scope CLOUDFRONT."
  type        = string

  validation {
    condition     = strcontains(var.web_acl_arn, ":global/webacl/")
    error_message = "CloudFront takes a web ACL of its own scope only."
  }
}

variable "bucket_domain_name" {
  description = "Regional host name of the bucket of pages."
  type        = string

  validation {
    condition     = length(var.bucket_domain_name) > 0
    error_message = "The host name is not empty."
  }
}

variable "api_domain_name" {
  description = "Name of the load balancer that its certificate has, such as api.tickets.example."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.api_domain_name))
    error_message = "A domain has lower-case labels with dots between them."
  }
}

variable "price_class" {
  description = "Which of CloudFront's locations serve: PriceClass_100, PriceClass_200 (with Korea) or PriceClass_All."
  type        = string
  default     = "PriceClass_200"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "The class is PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "log_bucket_arn" {
  description = "Bucket of access logs, which delivery.logs.amazonaws.com may write to."
  type        = string

  validation {
    condition     = startswith(var.log_bucket_arn, "arn:")
    error_message = "The bucket is given by its ARN."
  }
}

variable "content_security_policy" {
  description = "What the pages may load and call."
  type        = string
  default     = "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

  validation {
    condition     = strcontains(var.content_security_policy, "default-src")
    error_message = "The policy has a default-src."
  }
}
