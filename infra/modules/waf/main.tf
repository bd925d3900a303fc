locals {
  load_test = nonsensitive(var.load_test != null)

  # The longest path first, so that the rule that names a request best is met first.
  limits_in_order = reverse(sort([
    for name, limit in var.rate_limits : format("%04d %s", length(limit.path), name)
  ]))
  limits = {
    for position, key in local.limits_in_order : split(" ", key)[1] => merge(
      var.rate_limits[split(" ", key)[1]], { priority = 10 + position }
    )
  }

  # Where seats are taken and accounts are guessed; Bot Control is paid by request.
  bot_paths = ["/api/v1/auth/", "/api/v1/queue/", "/api/v1/reservations"]
}

resource "aws_wafv2_ip_set" "load_test" {
  count = local.load_test ? 1 : 0

  name               = "${var.name}-load-test"
  description        = "Where load tests come from"
  scope              = var.scope
  ip_address_version = "IPV4"
  addresses          = nonsensitive(var.load_test.cidrs)
}

resource "aws_wafv2_web_acl" "this" {
  name        = var.name
  description = "In front of Traffic Tacos, ${var.scope}"
  scope       = var.scope

  default_action {
    allow {}
  }

  # --- 0: a load test, both by header and by range ---

  dynamic "rule" {
    for_each = local.load_test ? [1] : []

    content {
      name     = "load-test"
      priority = 0

      action {
        allow {}
      }

      statement {
        and_statement {
          statement {
            # In the state: a value for one test, changed after it.
            byte_match_statement {
              search_string         = var.load_test.header_value
              positional_constraint = "EXACTLY"

              field_to_match {
                single_header {
                  name = "x-load-test"
                }
              }

              text_transformation {
                priority = 0
                type     = "NONE"
              }
            }
          }

          statement {
            ip_set_reference_statement {
              arn = aws_wafv2_ip_set.load_test[0].arn
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-load-test"
        sampled_requests_enabled   = true
      }
    }
  }

  # --- 10 and on: rates, before anything that costs more ---

  dynamic "rule" {
    for_each = local.limits

    content {
      name     = "rate-${rule.key}"
      priority = rule.value.priority

      action {
        block {
          custom_response {
            response_code            = 429
            custom_response_body_key = "rate-limited"

            response_header {
              name  = "Retry-After"
              value = "60"
            }
          }
        }
      }

      statement {
        rate_based_statement {
          limit                 = rule.value.limit
          evaluation_window_sec = 60
          aggregate_key_type    = rule.value.per_path ? "CUSTOM_KEYS" : "IP"

          dynamic "custom_key" {
            for_each = rule.value.per_path ? [1] : []

            content {
              ip {}
            }
          }

          dynamic "custom_key" {
            for_each = rule.value.per_path ? [1] : []

            content {
              uri_path {
                text_transformation {
                  priority = 0
                  type     = "NORMALIZE_PATH"
                }
              }
            }
          }

          scope_down_statement {
            # With a proxy before us: the path, and not from the proxy. Else the path alone.
            dynamic "and_statement" {
              for_each = var.behind_proxy ? [1] : []

              content {
                statement {
                  byte_match_statement {
                    search_string         = rule.value.path
                    positional_constraint = "STARTS_WITH"

                    field_to_match {
                      uri_path {}
                    }

                    text_transformation {
                      priority = 0
                      type     = "NORMALIZE_PATH"
                    }
                  }
                }

                statement {
                  not_statement {
                    statement {
                      byte_match_statement {
                        search_string         = var.proxy_secret
                        positional_constraint = "EXACTLY"

                        field_to_match {
                          single_header {
                            name = "x-origin-verify"
                          }
                        }

                        text_transformation {
                          priority = 0
                          type     = "NONE"
                        }
                      }
                    }
                  }
                }
              }
            }

            dynamic "byte_match_statement" {
              for_each = var.behind_proxy ? [] : [1]

              content {
                search_string         = rule.value.path
                positional_constraint = "STARTS_WITH"

                field_to_match {
                  uri_path {}
                }

                text_transformation {
                  priority = 0
                  type     = "NORMALIZE_PATH"
                }
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-rate-${rule.key}"
        sampled_requests_enabled   = true
      }
    }
  }

  # --- 100: what AWS knows to be bad ---

  rule {
    name     = "common"
    priority = 100

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesCommonRuleSet"

        # Seat maps that an organiser uploads are larger than 8 KB; the server has limits of its own.
        rule_action_override {
          name = "SizeRestrictions_BODY"

          action_to_use {
            count {}
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-common"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "known-bad-inputs"
    priority = 110

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesKnownBadInputsRuleSet"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-known-bad-inputs"
      sampled_requests_enabled   = true
    }
  }

  # --- 200: bots are labelled, and only the suspicious ones asked to prove themselves ---

  dynamic "rule" {
    for_each = var.bot_control ? [1] : []

    content {
      name     = "bot-control"
      priority = 200

      override_action {
        count {} # labels only; the next rule acts
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = "AWSManagedRulesBotControlRuleSet"

          managed_rule_group_configs {
            aws_managed_rules_bot_control_rule_set {
              inspection_level = "COMMON"
            }
          }

          scope_down_statement {
            or_statement {
              dynamic "statement" {
                for_each = local.bot_paths

                content {
                  byte_match_statement {
                    search_string         = statement.value
                    positional_constraint = "STARTS_WITH"

                    field_to_match {
                      uri_path {}
                    }

                    text_transformation {
                      priority = 0
                      type     = "NORMALIZE_PATH"
                    }
                  }
                }
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-bot-control"
        sampled_requests_enabled   = true
      }
    }
  }

  dynamic "rule" {
    for_each = var.bot_control ? [1] : []

    content {
      name     = "suspicious-captcha"
      priority = 210

      action {
        captcha {}
      }

      captcha_config {
        immunity_time_property {
          immunity_time = 900 # one proof is good for an on-sale's first quarter of an hour
        }
      }

      statement {
        or_statement {
          dynamic "statement" {
            for_each = sort(var.suspicious_labels)

            content {
              label_match_statement {
                scope = "LABEL"
                key   = "awswaf:managed:aws:bot-control:${statement.value}"
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-suspicious-captcha"
        sampled_requests_enabled   = true
      }
    }
  }

  custom_response_body {
    key          = "rate-limited"
    content_type = "APPLICATION_JSON"
    content      = jsonencode({ error = { code = "RATE_LIMITED", message = "Too many requests from this address: wait a minute", trace_id = "" } })
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = true
  }
}
