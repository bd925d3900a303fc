# WAF writes only to log groups of this prefix.
resource "aws_cloudwatch_log_group" "this" {
  name              = "aws-waf-logs-${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.this.arn]

  # Nobody signs in as somebody else by reading a log.
  dynamic "redacted_fields" {
    for_each = ["authorization", "cookie", "x-load-test", "x-webhook-signature"]

    content {
      single_header {
        name = redacted_fields.value
      }
    }
  }

  # What was let through without a word is in the access logs already.
  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      dynamic "condition" {
        for_each = ["BLOCK", "CAPTCHA", "COUNT"]

        content {
          action_condition {
            action = condition.value
          }
        }
      }
    }
  }
}
