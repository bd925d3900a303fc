data "aws_region" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/prometheus/${var.name}"
  retention_in_days = 30
  kms_key_id        = var.logs_kms_key_arn
}

resource "aws_prometheus_workspace" "this" {
  alias       = var.name
  kms_key_arn = var.kms_key_arn

  logging_configuration {
    log_group_arn = "${aws_cloudwatch_log_group.this.arn}:*"
  }
}

resource "aws_prometheus_workspace_configuration" "this" {
  workspace_id             = aws_prometheus_workspace.this.id
  retention_period_in_days = var.retention_days
}

resource "aws_prometheus_rule_group_namespace" "this" {
  workspace_id = aws_prometheus_workspace.this.id
  name         = "traffic-tacos"
  data         = file("${path.module}/rules.yaml")
}

resource "aws_prometheus_alert_manager_definition" "this" {
  workspace_id = aws_prometheus_workspace.this.id
  definition = templatefile("${path.module}/alertmanager.yaml.tftpl", {
    region = data.aws_region.current.region
    topics = var.alarm_topic_arns
  })
}
