output "configuration_endpoint" {
  description = "Host name that clients of the cluster start from."
  value       = aws_elasticache_replication_group.this.configuration_endpoint_address
}

output "replication_group_id" {
  description = "Id of the replication group."
  value       = aws_elasticache_replication_group.this.replication_group_id
}

output "shards" {
  description = "Shards at the start, and the bounds of auto scaling."
  value = {
    start = aws_elasticache_replication_group.this.num_node_groups
    min   = one(aws_appautoscaling_target.shards[*].min_capacity)
    max   = one(aws_appautoscaling_target.shards[*].max_capacity)
  }
}

output "connect_policy" {
  description = "IAM policy of pods that sign in by IAM, as JSON."
  value       = data.aws_iam_policy_document.connect.json
}
