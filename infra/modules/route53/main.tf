resource "aws_route53_zone" "this" {
  count = var.existing_zone_id == null ? 1 : 0

  name    = var.domain_name
  comment = "Traffic Tacos"
}

locals {
  zone_id = var.existing_zone_id == null ? aws_route53_zone.this[0].zone_id : var.existing_zone_id
  names   = { for label in keys(var.aliases) : label => label == "" ? var.domain_name : "${label}.${var.domain_name}" }
}

resource "aws_route53_record" "a" {
  for_each = var.aliases

  zone_id = local.zone_id
  name    = local.names[each.key]
  type    = "A"

  alias {
    name                   = each.value.target_name
    zone_id                = each.value.target_zone_id
    evaluate_target_health = each.value.evaluate_health
  }
}

resource "aws_route53_record" "aaaa" {
  for_each = { for label, alias in var.aliases : label => alias if alias.ipv6 }

  zone_id = local.zone_id
  name    = local.names[each.key]
  type    = "AAAA"

  alias {
    name                   = each.value.target_name
    zone_id                = each.value.target_zone_id
    evaluate_target_health = each.value.evaluate_health
  }
}

resource "aws_route53_record" "caa" {
  zone_id = local.zone_id
  name    = var.domain_name
  type    = "CAA"
  ttl     = 3600
  records = [for authority in sort(var.certificate_authorities) : "0 issue \"${authority}\""]
}
