variable "name" {
  description = "Name of the web ACL."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,100}$", var.name))
    error_message = "The name has up to 100 letters, digits, _ and -."
  }
}

variable "scope" {
  description = "CLOUDFRONT (with a provider of us-east-1) or REGIONAL."
  type        = string

  validation {
    condition     = contains(["CLOUDFRONT", "REGIONAL"], var.scope)
    error_message = "The scope is CLOUDFRONT or REGIONAL."
  }
}

variable "rate_limits" {
  description = "Requests that one address may make in a minute, by a name of your own: the start of the path, the limit, and whether each path below it counts by itself. Each is a rule of its own."
  type = map(object({
    path     = string
    limit    = number
    per_path = optional(bool, false)
  }))
  default = {
    login   = { path = "/api/v1/auth/", limit = 20 }
    payment = { path = "/api/v1/payment", limit = 100 }
    any     = { path = "/", limit = 1000, per_path = true }
    # Of all paths together: a page with its files, and a status every two seconds, are far below.
    total = { path = "/", limit = 5000 }
  }

  validation {
    condition     = alltrue([for limit in values(var.rate_limits) : limit.limit >= 10 && limit.limit <= 2000000000])
    error_message = "WAF limits to 10 requests or more."
  }

  validation {
    condition     = alltrue([for limit in values(var.rate_limits) : startswith(limit.path, "/")])
    error_message = "A path starts with /."
  }
}

variable "behind_proxy" {
  description = "Requests with `x-origin-verify` and the value of proxy_secret were limited by a web ACL before this one: rates do not count them."
  type        = bool
  default     = false
}

variable "proxy_secret" {
  description = "What CloudFront says in `x-origin-verify`. Its addresses prove nothing: anybody's distribution has them."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.proxy_secret == null || try(length(var.proxy_secret) >= 32, false)
    error_message = "The value has 32 characters or more."
  }
}

variable "bot_control" {
  description = "Bot Control of the level COMMON, on the paths that bots are after; costs by request."
  type        = bool
  default     = true
}

variable "suspicious_labels" {
  description = "Labels of Bot Control, without their namespace, whose requests get a CAPTCHA. Nobody else sees one."
  type        = set(string)
  default = [
    "signal:automated_browser",
    "signal:known_bot_data_center",
    "bot:category:http_library",
    "bot:category:scraping_framework",
  ]

  validation {
    condition     = length(var.suspicious_labels) >= 2
    error_message = "The rule joins at least two labels."
  }
}

variable "load_test" {
  description = "Lets a load test through when it comes from these ranges AND has the header `x-load-test` with this value. Null (the default): no such rule."
  type = object({
    cidrs        = set(string)
    header_value = string
  })
  default   = null
  sensitive = true

  validation {
    condition = var.load_test == null || try(
      length(var.load_test.header_value) >= 32 && length(var.load_test.cidrs) > 0 &&
      alltrue([for range in var.load_test.cidrs : tonumber(split("/", range)[1]) >= 16]), false
    )
    error_message = "The value has 32 characters or more, and there is a range, of /16 or smaller."
  }
}

variable "log_retention_days" {
  description = "Days that the log of requests is kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365], var.log_retention_days)
    error_message = "CloudWatch keeps logs 7, 14, 30, 60, 90, 180 or 365 days."
  }
}
