output "arn" {
  description = "ARN of the web ACL."
  value       = aws_wafv2_web_acl.this.arn
}

output "rule_names" {
  description = "Names of the rules in the order in which they are met."
  # Not read back from the ACL: all of it is sensitive while a load test's header is in it.
  value = concat(
    local.load_test ? ["load-test"] : [],
    [for key in local.limits_in_order : "rate-${split(" ", key)[1]}"],
    ["common", "known-bad-inputs"],
    var.bot_control ? ["bot-control", "suspicious-captcha"] : [],
  )
}

output "log_group" {
  description = "Log group of what was blocked, asked or counted."
  value       = aws_cloudwatch_log_group.this.name
}
