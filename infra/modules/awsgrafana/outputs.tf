output "endpoint" {
  description = "Host name of Grafana."
  value       = aws_grafana_workspace.this.endpoint
}

output "id" {
  description = "Id of the workspace."
  value       = aws_grafana_workspace.this.id
}
