# What the world meets: web ACLs, load balancer, distribution, pages, certificates, names.

provider "aws" {
  region = "ap-northeast-2"
}

provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"
}

variables {
  name             = "traffic-tacos"
  alarm_topic_arns = ["arn:aws:sns:ap-northeast-2:123456789012:critical"]
}

run "web_acl" {
  command = plan

  module {
    source = "../modules/waf"
  }

  providers = {
    aws = aws.us_east_1
  }

  variables {
    scope = "CLOUDFRONT"
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this.default_action[0].allow) == 1
    error_message = "Whoever breaks no rule comes through."
  }

  assert {
    condition     = length(distinct([for rule in aws_wafv2_web_acl.this.rule : rule.priority])) == length(aws_wafv2_web_acl.this.rule)
    error_message = "No two rules have the same priority."
  }

  assert {
    condition     = length([for rule in aws_wafv2_web_acl.this.rule : rule if rule.name == "load-test"]) == 0
    error_message = "No load test is let through unless asked for."
  }

  assert {
    condition = toset(flatten([
      for rule in aws_wafv2_web_acl.this.rule : [for group in rule.statement[0].managed_rule_group_statement : group.name]
      ])) == toset([
      "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesBotControlRuleSet",
    ])
    error_message = "The managed rules are common, known bad inputs and Bot Control."
  }

  assert {
    condition = one(flatten([
      for rule in aws_wafv2_web_acl.this.rule : [for rate in rule.statement[0].rate_based_statement : rate.limit] if rule.name == "rate-any"
    ])) == 1000
    error_message = "An address may make 1,000 requests a minute of one endpoint."
  }

  assert {
    condition = flatten([
      for rule in aws_wafv2_web_acl.this.rule : [
        for rate in rule.statement[0].rate_based_statement : [for key in rate.custom_key : length(key.ip) > 0 ? "ip" : length(key.uri_path) > 0 ? "path" : "?"]
      ] if rule.name == "rate-any"
    ]) == ["ip", "path"]
    error_message = "Each address and endpoint counts by itself."
  }

  assert {
    condition = one(flatten([
      for rule in aws_wafv2_web_acl.this.rule : [for rate in rule.statement[0].rate_based_statement : rate.limit] if rule.name == "rate-login"
    ])) < 100
    error_message = "An address may try far fewer logins."
  }

  assert {
    condition = alltrue(flatten([
      for rule in aws_wafv2_web_acl.this.rule : [for rate in rule.statement[0].rate_based_statement : rate.evaluation_window_sec == 60]
    ]))
    error_message = "Rates are by minute."
  }

  assert {
    condition = [for rule in aws_wafv2_web_acl.this.rule : rule.name if try(length(rule.action[0].captcha) > 0, false)] == ["suspicious-captcha"] && alltrue(flatten([
      for rule in aws_wafv2_web_acl.this.rule : [
        for statement in rule.statement[0].or_statement[0].statement : startswith(statement.label_match_statement[0].key, "awswaf:managed:aws:bot-control:")
      ] if rule.name == "suspicious-captcha"
    ]))
    error_message = "Only requests with a suspicious label get a CAPTCHA."
  }

  assert {
    condition     = contains([for field in aws_wafv2_web_acl_logging_configuration.this.redacted_fields : field.single_header[0].name], "authorization")
    error_message = "Tokens are not logged."
  }

  assert {
    condition     = startswith(aws_cloudwatch_log_group.this.name, "aws-waf-logs-")
    error_message = "WAF writes to log groups of this prefix only."
  }
}

run "web_acl_with_load_test" {
  command = plan

  module {
    source = "../modules/waf"
  }

  variables {
    scope        = "REGIONAL"
    behind_proxy = true
    proxy_secret = "fedcba9876543210fedcba9876543210"
    bot_control  = false
    load_test    = { cidrs = ["198.51.100.0/24"], header_value = "0123456789abcdef0123456789abcdef" }
  }

  assert {
    condition     = output.rule_names[0] == "load-test" && !contains(output.rule_names, "suspicious-captcha")
    error_message = "The load test's rule comes first; without Bot Control there is no CAPTCHA."
  }

  assert {
    condition     = toset(aws_wafv2_ip_set.load_test[0].addresses) == toset(["198.51.100.0/24"])
    error_message = "A load test comes from its ranges."
  }

  assert {
    condition = alltrue(flatten([
      for rule in aws_wafv2_web_acl.this.rule : [
        for rate in rule.statement[0].rate_based_statement :
        rate.scope_down_statement[0].and_statement[0].statement[1].not_statement[0].statement[0].byte_match_statement[0].field_to_match[0].single_header[0].name == "x-origin-verify"
      ]
    ]))
    error_message = "What our own CloudFront passed is not limited again; its addresses alone prove nothing."
  }
}

run "web_acl_refuses_a_guessable_header" {
  command = plan

  module {
    source = "../modules/waf"
  }

  variables {
    scope     = "REGIONAL"
    load_test = { cidrs = ["198.51.100.0/24"], header_value = "guess" }
  }

  expect_failures = [var.load_test]
}

run "load_balancer" {
  command = plan

  module {
    source = "../modules/alb"
  }

  variables {
    vpc_id                = "vpc-1"
    vpc_cidr              = "10.180.0.0/20"
    subnet_ids            = ["subnet-1", "subnet-2"]
    certificate_arn       = "arn:aws:acm:ap-northeast-2:123456789012:certificate/1"
    web_acl_arn           = "arn:aws:wafv2:ap-northeast-2:123456789012:regional/webacl/traffic-tacos/1"
    pod_security_group_id = "sg-1"
    log_bucket            = "traffic-tacos-123456789012-access-logs"
  }

  assert {
    condition = toset([for rule in aws_vpc_security_group_ingress_rule.public : "${rule.from_port}-${rule.to_port} ${rule.cidr_ipv4}"]) == toset([
      "80-80 0.0.0.0/0", "443-443 0.0.0.0/0"
    ])
    error_message = "The world reaches ports 80 and 443, nothing else."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.pods.from_port == 8000 && aws_vpc_security_group_egress_rule.pods.cidr_ipv4 == "10.180.0.0/20"
    error_message = "The load balancer calls the API's port inside the VPC, nothing else."
  }

  assert {
    condition     = startswith(aws_lb_listener.https.ssl_policy, "ELBSecurityPolicy-TLS13-")
    error_message = "The listener speaks TLS 1.3."
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS"
    error_message = "HTTP is answered by a redirect."
  }

  assert {
    condition     = aws_lb.this.access_logs[0].enabled && aws_lb.this.drop_invalid_header_fields && aws_lb.this.desync_mitigation_mode == "strictest"
    error_message = "Requests are logged, ambiguous ones refused."
  }

  assert {
    condition     = aws_lb_target_group.api.health_check[0].path == "/readyz" && aws_lb_target_group.api.target_type == "ip"
    error_message = "Pods get requests while they are ready."
  }

  assert {
    condition     = flatten([for condition in aws_lb_listener_rule.api.condition : [for pattern in condition.path_pattern : tolist(pattern.values)]]) == ["/api/*"]
    error_message = "Only the API is behind the load balancer: no metrics, no probes."
  }

  assert {
    condition     = aws_wafv2_web_acl_association.this.web_acl_arn == var.web_acl_arn
    error_message = "The web ACL stands before the load balancer."
  }
}

run "distribution" {
  command = plan

  module {
    source = "../modules/cloudfront"
  }

  providers = {
    aws = aws.us_east_1
  }

  variables {
    aliases            = ["tickets.example", "www.tickets.example"]
    certificate_arn    = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    web_acl_arn        = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/traffic-tacos/1"
    bucket_domain_name = "pages.s3.ap-northeast-2.amazonaws.com"
    api_domain_name    = "api.tickets.example"
    api_secret         = "fedcba9876543210fedcba9876543210"
    log_bucket_arn     = "arn:aws:s3:::logs"
  }

  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021"
    error_message = "Viewers need TLS 1.2 of 2021."
  }

  assert {
    condition = aws_cloudfront_distribution.this.ordered_cache_behavior[0].path_pattern == "/api/*" && (
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].cache_policy_id == data.aws_cloudfront_cache_policy.disabled.id
    )
    error_message = "The API is not cached."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.ordered_cache_behavior[0].origin_request_policy_id == data.aws_cloudfront_origin_request_policy.all.id
    error_message = "The API gets all of the viewer's headers."
  }

  assert {
    condition     = toset(aws_cloudfront_distribution.this.ordered_cache_behavior[0].allowed_methods) == toset(["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"])
    error_message = "The API gets all methods."
  }

  assert {
    condition     = length(aws_cloudfront_distribution.this.custom_error_response) == 0
    error_message = "An error of the API stays what it is."
  }

  assert {
    condition     = aws_cloudfront_origin_access_control.pages.signing_behavior == "always"
    error_message = "CloudFront signs what it reads from the bucket."
  }

  assert {
    condition     = aws_cloudfront_response_headers_policy.security.security_headers_config[0].strict_transport_security[0].access_control_max_age_sec >= 31536000
    error_message = "Browsers remember HTTPS for a year or more."
  }

  assert {
    condition     = toset(aws_cloudfront_distribution.this.aliases) == toset(["tickets.example", "www.tickets.example"])
    error_message = "The domain itself and www are served."
  }
}

run "pages" {
  command = plan

  module {
    source = "../modules/s3-static"
  }

  variables {
    distribution_arn = "arn:aws:cloudfront::123456789012:distribution/E1"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "The bucket cannot be made public."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Replaced files can be had back."
  }

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.this.json).Statement : statement.Condition["StringEquals"]["aws:SourceArn"]
      if statement.Effect == "Allow"
    ] == [var.distribution_arn]
    error_message = "One distribution reads, nobody else."
  }
}

run "certificate" {
  command = plan

  module {
    source = "../modules/acm"
  }

  variables {
    domain_name       = "tickets.example"
    alternative_names = ["www.tickets.example"]
    zone_id           = "Z0123456789ABC"
  }

  assert {
    condition     = aws_acm_certificate.this.validation_method == "DNS" && length(aws_route53_record.validation) == 2
    error_message = "Every name is proven by a record."
  }
}

run "names" {
  command = plan

  module {
    source = "../modules/route53"
  }

  variables {
    domain_name = "tickets.example"
    aliases = {
      ""    = { target_name = "d1.cloudfront.net", target_zone_id = "Z2FDTNDATAQYW2", ipv6 = true }
      "api" = { target_name = "lb.example", target_zone_id = "Z1", evaluate_health = true }
    }
  }

  assert {
    condition     = toset([for record in aws_route53_record.a : record.name]) == toset(["tickets.example", "api.tickets.example"])
    error_message = "Names are the domain's."
  }

  assert {
    condition     = alltrue([for record in aws_route53_record.caa.records : strcontains(record, "issue") && can(regex("amazon|awstrust", record))])
    error_message = "Only Amazon issues certificates."
  }
}

run "grafana" {
  command = plan

  module {
    source = "../modules/awsgrafana"
  }

  variables {
    prometheus_workspace_arn = "arn:aws:aps:ap-northeast-2:123456789012:workspace/ws-1"
    role_groups              = { ADMIN = ["group-1"] }
  }

  assert {
    condition     = aws_grafana_workspace.this.authentication_providers == tolist(["AWS_SSO"]) || toset(aws_grafana_workspace.this.authentication_providers) == toset(["AWS_SSO"])
    error_message = "People sign in by SSO."
  }
}

run "prometheus" {
  command = plan

  module {
    source = "../modules/awsprometheus"
  }

  variables {
    alarm_topic_arns = { critical = "arn:aws:sns:ap-northeast-2:123456789012:critical", warning = "arn:aws:sns:ap-northeast-2:123456789012:warning" }
    kms_key_arn      = "arn:aws:kms:ap-northeast-2:123456789012:key/data"
    logs_kms_key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/logs"
  }

  assert {
    condition     = length(output.alerts) >= 12 && contains(output.alerts, "ApiErrors") && contains(output.alerts, "DeadLetters")
    error_message = "There are alert rules."
  }

  assert {
    condition = toset([
      for receiver in yamldecode(yamldecode(aws_prometheus_alert_manager_definition.this.definition).alertmanager_config).receivers : receiver.sns_configs[0].topic_arn
    ]) == toset(values(var.alarm_topic_arns))
    error_message = "Alerts tell both topics."
  }
}
