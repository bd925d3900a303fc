locals {
  names = setunion([var.domain_name], var.alternative_names)

  # By name, which is known before the certificate is.
  validation = {
    for option in aws_acm_certificate.this.domain_validation_options : option.domain_name => option
  }
}

resource "aws_acm_certificate" "this" {
  domain_name               = var.domain_name
  subject_alternative_names = var.alternative_names
  validation_method         = "DNS"
  key_algorithm             = "EC_prime256v1"

  lifecycle {
    create_before_destroy = true # a listener never stands without one
  }
}

resource "aws_route53_record" "validation" {
  for_each = var.create_records ? local.names : toset([])

  zone_id         = var.zone_id
  name            = local.validation[each.key].resource_record_name
  type            = local.validation[each.key].resource_record_type
  records         = [local.validation[each.key].resource_record_value]
  ttl             = 300
  allow_overwrite = true # a renewed certificate has the same record
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for name in local.names : local.validation[name].resource_record_name]

  depends_on = [aws_route53_record.validation]
}
