/*
 * Which arguments cannot be changed in place, and what AWS renews with every change: from the
 * documentation of each type ("Forces new resource").
 */
#include "provider/plan.h"
#include "provider/text.h"

struct row {
  const char *type;
  const char *attributes;
};

static const struct row FORCES_NEW[] = {
    {"aws_acm_certificate", "domain_name key_algorithm subject_alternative_names "
                            "validation_method"},
    {"aws_acm_certificate_validation", "certificate_arn validation_record_fqdns"},
    {"aws_appautoscaling_policy", "name resource_id scalable_dimension service_namespace"},
    {"aws_appautoscaling_target", "resource_id scalable_dimension service_namespace"},
    {"aws_backup_plan", "name"},
    {"aws_backup_selection", "condition iam_role_arn name not_resources plan_id resources "
                             "selection_tag"},
    {"aws_backup_vault", "kms_key_arn name"},
    {"aws_backup_vault_lock_configuration", "backup_vault_name changeable_for_days "
                                            "max_retention_days min_retention_days"},
    {"aws_backup_vault_policy", "backup_vault_name"},
    {"aws_budgets_budget", "budget_type name name_prefix"},
    {"aws_ce_anomaly_monitor", "monitor_dimension monitor_specification monitor_type"},
    {"aws_ce_anomaly_subscription", "account_id name"},
    {"aws_cloudfront_function", "name"},
    {"aws_cloudtrail", "name"},
    {"aws_cloudwatch_event_archive", "event_source_arn kms_key_identifier name"},
    {"aws_cloudwatch_event_bus", "event_source_name name"},
    {"aws_cloudwatch_event_rule", "event_bus_name name name_prefix"},
    {"aws_cloudwatch_event_target", "event_bus_name rule target_id"},
    {"aws_cloudwatch_log_delivery", "delivery_destination_arn delivery_source_name"},
    {"aws_cloudwatch_log_delivery_destination", "name"},
    {"aws_cloudwatch_log_delivery_source", "log_type name resource_arn"},
    {"aws_cloudwatch_log_group", "log_group_class name name_prefix"},
    {"aws_cloudwatch_log_metric_filter", "log_group_name name"},
    {"aws_cloudwatch_log_resource_policy", "policy_name"},
    {"aws_cloudwatch_metric_alarm", "alarm_name"},
    {"aws_default_security_group", "vpc_id"},
    {"aws_dynamodb_table", "hash_key import_table local_secondary_index name range_key"},
    {"aws_ebs_volume", "availability_zone encrypted kms_key_id snapshot_id"},
    {"aws_ecr_lifecycle_policy", "policy repository"},
    {"aws_ecr_repository", "encryption_configuration name"},
    {"aws_ecr_repository_policy", "repository"},
    {"aws_eip", "address customer_owned_ipv4_pool domain network_border_group public_ipv4_pool"},
    {"aws_eks_access_entry", "cluster_name principal_arn type"},
    {"aws_eks_access_policy_association", "access_scope cluster_name policy_arn principal_arn"},
    {"aws_eks_addon", "addon_name cluster_name"},
    {"aws_eks_cluster", "bootstrap_self_managed_addons encryption_config name outpost_config "
                        "role_arn"},
    {"aws_eks_node_group", "ami_type capacity_type cluster_name disk_size instance_types "
                           "node_group_name node_group_name_prefix node_role_arn remote_access "
                           "subnet_ids"},
    {"aws_eks_pod_identity_association", "cluster_name namespace service_account"},
    {"aws_elasticache_parameter_group", "description family name"},
    {"aws_elasticache_replication_group",
     "at_rest_encryption_enabled data_tiering_enabled global_replication_group_id kms_key_id "
     "network_type port preferred_cache_cluster_azs replication_group_id security_group_names "
     "snapshot_arns snapshot_name subnet_group_name"},
    {"aws_elasticache_subnet_group", "name"},
    {"aws_elasticache_user", "engine user_id user_name"},
    {"aws_elasticache_user_group", "user_group_id"},
    {"aws_flow_log", "eni_id destination_options iam_role_arn log_destination "
                     "log_destination_type log_format max_aggregation_interval subnet_id "
                     "traffic_type transit_gateway_id vpc_id"},
    {"aws_grafana_role_association", "role workspace_id"},
    {"aws_grafana_workspace", "account_access_type permission_type role_arn"},
    {"aws_iam_instance_profile", "name name_prefix path"},
    {"aws_iam_openid_connect_provider", "url"},
    {"aws_iam_policy", "description name name_prefix path"},
    {"aws_iam_role", "name name_prefix path"},
    {"aws_iam_role_policy", "name name_prefix role"},
    {"aws_iam_role_policy_attachment", "policy_arn role"},
    {"aws_iam_service_linked_role", "aws_service_name custom_suffix"},
    {"aws_instance", "ami availability_zone iam_instance_profile_arn key_name private_ip "
                     "subnet_id tenancy user_data_replace_on_change"},
    {"aws_key_pair", "key_name key_name_prefix public_key"},
    {"aws_kms_alias", "name name_prefix"},
    {"aws_kms_key", "custom_key_store_id customer_master_key_spec key_usage multi_region"},
    {"aws_launch_template", "name name_prefix"},
    {"aws_lb", "customer_owned_ipv4_pool internal load_balancer_type name name_prefix"},
    {"aws_lb_listener", "load_balancer_arn"},
    {"aws_lb_listener_certificate", "certificate_arn listener_arn"},
    {"aws_lb_listener_rule", "listener_arn"},
    {"aws_lb_target_group", "ip_address_type name name_prefix port protocol protocol_version "
                            "target_type vpc_id"},
    {"aws_lb_target_group_attachment", "availability_zone port target_group_arn target_id"},
    {"aws_nat_gateway", "allocation_id connectivity_type private_ip subnet_id"},
    {"aws_network_acl", "vpc_id"},
    {"aws_network_acl_rule", "cidr_block egress from_port icmp_code icmp_type ipv6_cidr_block "
                             "network_acl_id protocol rule_action rule_number to_port"},
    {"aws_prometheus_alert_manager_definition", "workspace_id"},
    {"aws_prometheus_rule_group_namespace", "name workspace_id"},
    {"aws_prometheus_workspace", "kms_key_arn"},
    {"aws_route", "destination_cidr_block destination_ipv6_cidr_block "
                  "destination_prefix_list_id route_table_id"},
    {"aws_route53_record", "name type zone_id set_identifier"},
    {"aws_route53_zone", "delegation_set_id name"},
    {"aws_route_table", "vpc_id"},
    {"aws_route_table_association", "gateway_id subnet_id"},
    {"aws_s3_bucket", "bucket bucket_prefix object_lock_enabled"},
    {"aws_s3_bucket_lifecycle_configuration", "bucket expected_bucket_owner"},
    {"aws_s3_bucket_logging", "bucket expected_bucket_owner"},
    {"aws_s3_bucket_object_lock_configuration", "bucket expected_bucket_owner"},
    {"aws_s3_bucket_ownership_controls", "bucket"},
    {"aws_s3_bucket_policy", "bucket"},
    {"aws_s3_bucket_public_access_block", "bucket"},
    {"aws_s3_bucket_server_side_encryption_configuration", "bucket expected_bucket_owner"},
    {"aws_s3_bucket_versioning", "bucket expected_bucket_owner"},
    {"aws_scheduler_schedule", "group_name name name_prefix"},
    {"aws_scheduler_schedule_group", "name name_prefix"},
    {"aws_schemas_discoverer", "source_arn"},
    {"aws_secretsmanager_secret", "name name_prefix"},
    {"aws_secretsmanager_secret_policy", "secret_arn"},
    {"aws_secretsmanager_secret_version", "secret_id secret_string secret_binary "
                                          "secret_string_wo_version"},
    {"aws_security_group", "description name name_prefix vpc_id"},
    {"aws_security_group_rule", "cidr_blocks from_port ipv6_cidr_blocks prefix_list_ids protocol "
                                "security_group_id self source_security_group_id to_port type"},
    {"aws_sns_topic", "fifo_topic name name_prefix"},
    {"aws_sns_topic_policy", "arn"},
    {"aws_sns_topic_subscription", "endpoint protocol topic_arn"},
    {"aws_sqs_queue", "fifo_queue name name_prefix"},
    {"aws_sqs_queue_policy", "queue_url"},
    {"aws_sqs_queue_redrive_allow_policy", "queue_url"},
    {"aws_ssm_parameter", "name"},
    {"aws_subnet", "availability_zone availability_zone_id cidr_block ipv6_native outpost_arn "
                   "vpc_id"},
    {"aws_vpc", "cidr_block ipv4_ipam_pool_id ipv4_netmask_length"},
    {"aws_vpc_endpoint", "service_name vpc_endpoint_type vpc_id"},
    {"aws_vpc_ipv4_cidr_block_association", "cidr_block vpc_id"},
    {"aws_vpc_security_group_egress_rule", "security_group_id"},
    {"aws_vpc_security_group_ingress_rule", "security_group_id"},
    {"aws_wafv2_ip_set", "ip_address_version name scope"},
    {"aws_wafv2_regex_pattern_set", "name scope"},
    {"aws_wafv2_web_acl", "name name_prefix scope"},
    {"aws_wafv2_web_acl_association", "resource_arn web_acl_arn"},
    {"aws_wafv2_web_acl_logging_configuration", "resource_arn"},
};

static const struct row VOLATILE[] = {
    {"aws_backup_plan", "version"},
    {"aws_cloudfront_distribution", "etag last_modified_time"},
    {"aws_cloudfront_function", "etag live_stage_etag"},
    {"aws_eks_addon", "modified_at"},
    {"aws_launch_template", "latest_version"},
    {"aws_secretsmanager_secret_version", "version_id"},
    {"aws_ssm_parameter", "version"},
    {"aws_wafv2_ip_set", "lock_token"},
    {"aws_wafv2_regex_pattern_set", "lock_token"},
    {"aws_wafv2_web_acl", "lock_token"},
};

static bool has(const struct row *rows, size_t count, struct bytes type, struct bytes attribute)
{
  for (size_t i = 0; i < count; i++) {
    if (bytes_equal(bytes_of_text(rows[i].type), type))
      return text_is_word_of(attribute, rows[i].attributes);
  }
  return false;
}

bool plan_forces_new(struct bytes type, struct bytes attribute)
{
  /* A resource cannot move to another region, whatever it is. */
  if (bytes_equal(attribute, BYTES("region"))) return true;
  return has(FORCES_NEW, sizeof(FORCES_NEW) / sizeof(FORCES_NEW[0]), type, attribute);
}

bool plan_is_volatile(struct bytes type, struct bytes attribute)
{
  return has(VOLATILE, sizeof(VOLATILE) / sizeof(VOLATILE[0]), type, attribute);
}
