# Outside in: names, certificates, web ACLs, distribution and pages, load balancer.

# In the state, as a value that CloudFront and WAF must have in clear; it opens nothing but the count of requests.
data "aws_secretsmanager_secret_version" "origin_verify" {
  secret_id  = module.secrets.arns["origin-verify"]
  version_id = module.secrets.version_ids["origin-verify"]
}

module "route53" {
  source = "../modules/route53"

  domain_name      = var.domain_name
  existing_zone_id = var.existing_zone_id
  aliases = {
    ""    = { target_name = module.cloudfront.domain_name, target_zone_id = module.cloudfront.zone_id, ipv6 = true }
    "www" = { target_name = module.cloudfront.domain_name, target_zone_id = module.cloudfront.zone_id, ipv6 = true }
    "api" = { target_name = module.alb.dns_name, target_zone_id = module.alb.zone_id, evaluate_health = true }
  }
}

# The same names for both: CloudFront passes the viewer's Host on, and the load balancer must have it.
module "acm_region" {
  source = "../modules/acm"

  domain_name       = var.domain_name
  alternative_names = ["www.${var.domain_name}", "api.${var.domain_name}"]
  zone_id           = module.route53.zone_id
}

module "acm_cloudfront" {
  source    = "../modules/acm"
  providers = { aws = aws.us_east_1 }

  domain_name       = var.domain_name
  alternative_names = ["www.${var.domain_name}", "api.${var.domain_name}"]
  zone_id           = module.route53.zone_id
  create_records    = false # acm_region's prove it for the whole account
}

module "waf_cloudfront" {
  source    = "../modules/waf"
  providers = { aws = aws.us_east_1 }

  name               = "${local.name}-cloudfront"
  scope              = "CLOUDFRONT"
  bot_control        = var.bot_control
  load_test          = var.load_test
  log_retention_days = var.log_retention_days
}

# What comes by our CloudFront was limited there, by the buyer's address: it is not counted here.
module "waf_regional" {
  source = "../modules/waf"

  name               = "${local.name}-regional"
  scope              = "REGIONAL"
  behind_proxy       = true
  proxy_secret       = data.aws_secretsmanager_secret_version.origin_verify.secret_string
  bot_control        = var.bot_control
  load_test          = var.load_test
  log_retention_days = var.log_retention_days
}

module "alb" {
  source = "../modules/alb"

  name                  = local.name
  vpc_id                = module.vpc.vpc_id
  vpc_cidr              = module.vpc.cidr
  subnet_ids            = module.vpc.public_subnet_ids
  certificate_arn       = module.acm_region.arn
  web_acl_arn           = module.waf_regional.arn
  pod_security_group_id = module.eks.security_group_id
  log_bucket            = module.access_logs.id
  deletion_protection   = var.protect
  alarm_topic_arns      = [module.sns.arns["critical"]]
}

module "pages" {
  source = "../modules/s3-static"

  name             = "${local.bucket_prefix}-pages"
  distribution_arn = module.cloudfront.arn
  force_destroy    = !var.protect
}

module "cloudfront" {
  source    = "../modules/cloudfront"
  providers = { aws = aws.us_east_1 }

  name               = local.name
  aliases            = [var.domain_name, "www.${var.domain_name}"]
  certificate_arn    = module.acm_cloudfront.arn
  web_acl_arn        = module.waf_cloudfront.arn
  bucket_domain_name = module.pages.domain_name
  api_domain_name    = "api.${var.domain_name}"
  api_secret         = data.aws_secretsmanager_secret_version.origin_verify.secret_string
  log_bucket_arn     = module.access_logs.arn
}
