/*
 * Arguments that take one of a few words, or a number of a range: two tables, from the reference of
 * each service's API.
 */
#include "provider/rules_check.h"
#include "provider/text.h"

#include <inttypes.h>

struct words {
  const char *type;
  const char *path;
  const char *allowed;
};

struct range {
  const char *type;
  const char *path;
  int64_t least;
  int64_t most;
};

static const struct words WORDS[] = {
    {"aws_acm_certificate", "validation_method", "DNS EMAIL NONE"},
    {"aws_acm_certificate", "key_algorithm",
     "RSA_1024 RSA_2048 RSA_3072 RSA_4096 EC_prime256v1 EC_secp384r1 EC_secp521r1"},
    {"aws_appautoscaling_policy", "policy_type",
     "StepScaling TargetTrackingScaling PredictiveScaling"},
    {"aws_appautoscaling_policy", "service_namespace",
     "appstream cassandra comprehend custom-resource dynamodb ec2 ecs elasticache "
     "elasticmapreduce kafka lambda neptune rds sagemaker workspaces"},
    {"aws_appautoscaling_policy",
     "target_tracking_scaling_policy_configuration.predefined_metric_specification."
     "predefined_metric_type",
     "ALBRequestCountPerTarget AppStreamAverageCapacityUtilization "
     "CassandraReadCapacityUtilization CassandraWriteCapacityUtilization "
     "ComprehendInferenceUtilization DynamoDBReadCapacityUtilization "
     "DynamoDBWriteCapacityUtilization EC2SpotFleetRequestAverageCPUUtilization "
     "EC2SpotFleetRequestAverageNetworkIn EC2SpotFleetRequestAverageNetworkOut "
     "ECSServiceAverageCPUUtilization ECSServiceAverageMemoryUtilization "
     "ElastiCacheDatabaseCapacityUsageCountedForEvictPercentage "
     "ElastiCacheDatabaseMemoryUsageCountedForEvictPercentage "
     "ElastiCacheDatabaseMemoryUsagePercentage ElastiCacheEngineCPUUtilization "
     "ElastiCachePrimaryEngineCPUUtilization ElastiCacheReplicaEngineCPUUtilization "
     "KafkaBrokerStorageUtilization LambdaProvisionedConcurrencyUtilization "
     "NeptuneReaderAverageCPUUtilization RDSReaderAverageCPUUtilization "
     "RDSReaderAverageDatabaseConnections "
     "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution "
     "SageMakerInferenceComponentInvocationsPerCopy "
     "SageMakerVariantConcurrentRequestsPerModelHighResolution "
     "SageMakerVariantInvocationsPerInstance "
     "SageMakerVariantProvisionedConcurrencyUtilization "
     "WorkSpacesAverageUserSessionsCapacityUtilization"},
    {"aws_appautoscaling_target", "service_namespace",
     "appstream cassandra comprehend custom-resource dynamodb ec2 ecs elasticache "
     "elasticmapreduce kafka lambda neptune rds sagemaker workspaces"},
    {"aws_budgets_budget", "budget_type",
     "USAGE COST RI_UTILIZATION RI_COVERAGE SAVINGS_PLANS_UTILIZATION SAVINGS_PLANS_COVERAGE"},
    {"aws_budgets_budget", "time_unit", "DAILY MONTHLY QUARTERLY ANNUALLY CUSTOM"},
    {"aws_budgets_budget", "notification.notification_type", "ACTUAL FORECASTED"},
    {"aws_budgets_budget", "notification.threshold_type", "PERCENTAGE ABSOLUTE_VALUE"},
    {"aws_budgets_budget", "notification.comparison_operator", "GREATER_THAN LESS_THAN EQUAL_TO"},
    {"aws_ce_anomaly_monitor", "monitor_type", "DIMENSIONAL CUSTOM"},
    {"aws_ce_anomaly_monitor", "monitor_dimension", "SERVICE LINKED_ACCOUNT TAG COST_CATEGORY"},
    {"aws_ce_anomaly_subscription", "frequency", "DAILY IMMEDIATE WEEKLY"},
    {"aws_ce_anomaly_subscription", "subscriber.type", "EMAIL SNS"},
    {"aws_cloudfront_distribution", "http_version", "http1.1 http2 http2and3 http3"},
    {"aws_cloudfront_distribution", "price_class",
     "PriceClass_100 PriceClass_200 PriceClass_All None"},
    {"aws_cloudfront_distribution", "viewer_certificate.minimum_protocol_version",
     "SSLv3 TLSv1 TLSv1_2016 TLSv1.1_2016 TLSv1.2_2018 TLSv1.2_2019 TLSv1.2_2021 TLSv1.2_2025 "
     "TLSv1.3_2025"},
    {"aws_cloudfront_distribution", "viewer_certificate.ssl_support_method",
     "sni-only vip static-ip"},
    {"aws_cloudfront_distribution", "default_cache_behavior.viewer_protocol_policy",
     "allow-all https-only redirect-to-https"},
    {"aws_cloudfront_distribution", "ordered_cache_behavior.viewer_protocol_policy",
     "allow-all https-only redirect-to-https"},
    {"aws_cloudfront_distribution", "origin.custom_origin_config.origin_protocol_policy",
     "http-only https-only match-viewer"},
    {"aws_cloudfront_distribution", "default_cache_behavior.allowed_methods",
     "DELETE GET HEAD OPTIONS PATCH POST PUT"},
    {"aws_cloudfront_distribution", "default_cache_behavior.cached_methods",
     "DELETE GET HEAD OPTIONS PATCH POST PUT"},
    {"aws_cloudfront_distribution", "ordered_cache_behavior.allowed_methods",
     "DELETE GET HEAD OPTIONS PATCH POST PUT"},
    {"aws_cloudfront_distribution", "ordered_cache_behavior.cached_methods",
     "DELETE GET HEAD OPTIONS PATCH POST PUT"},
    {"aws_cloudfront_distribution", "default_cache_behavior.function_association.event_type",
     "viewer-request viewer-response"},
    {"aws_cloudfront_distribution", "ordered_cache_behavior.function_association.event_type",
     "viewer-request viewer-response"},
    {"aws_cloudfront_distribution", "origin.custom_origin_config.origin_ssl_protocols",
     "SSLv3 TLSv1 TLSv1.1 TLSv1.2"},
    {"aws_cloudfront_distribution", "restrictions.geo_restriction.restriction_type",
     "blacklist none whitelist"},
    {"aws_cloudfront_function", "runtime", "cloudfront-js-1.0 cloudfront-js-2.0"},
    {"aws_cloudfront_origin_access_control", "origin_access_control_origin_type",
     "s3 mediastore lambda mediapackagev2"},
    {"aws_cloudfront_origin_access_control", "signing_behavior", "always never no-override"},
    {"aws_cloudfront_origin_access_control", "signing_protocol", "sigv4"},
    {"aws_cloudfront_response_headers_policy", "security_headers_config.frame_options.frame_option",
     "DENY SAMEORIGIN"},
    {"aws_cloudfront_response_headers_policy",
     "security_headers_config.referrer_policy.referrer_policy",
     "no-referrer no-referrer-when-downgrade origin origin-when-cross-origin same-origin "
     "strict-origin strict-origin-when-cross-origin unsafe-url"},
    {"aws_cloudwatch_event_rule", "state",
     "ENABLED DISABLED ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"},
    {"aws_cloudwatch_log_group", "log_group_class", "STANDARD INFREQUENT_ACCESS DELIVERY"},
    {"aws_cloudwatch_log_group", "retention_in_days",
     "0 1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653"},
    {"aws_cloudwatch_metric_alarm", "comparison_operator",
     "GreaterThanOrEqualToThreshold GreaterThanThreshold LessThanThreshold "
     "LessThanOrEqualToThreshold LessThanLowerOrGreaterThanUpperThreshold LessThanLowerThreshold "
     "GreaterThanUpperThreshold"},
    {"aws_cloudwatch_metric_alarm", "statistic", "SampleCount Average Sum Minimum Maximum"},
    {"aws_cloudwatch_metric_alarm", "treat_missing_data", "missing ignore breaching notBreaching"},
    {"aws_dynamodb_table", "billing_mode", "PROVISIONED PAY_PER_REQUEST"},
    {"aws_dynamodb_table", "attribute.type", "S N B"},
    {"aws_dynamodb_table", "stream_view_type", "KEYS_ONLY NEW_IMAGE OLD_IMAGE NEW_AND_OLD_IMAGES"},
    {"aws_dynamodb_table", "table_class", "STANDARD STANDARD_INFREQUENT_ACCESS"},
    {"aws_dynamodb_table", "global_secondary_index.projection_type", "ALL KEYS_ONLY INCLUDE"},
    {"aws_dynamodb_table", "local_secondary_index.projection_type", "ALL KEYS_ONLY INCLUDE"},
    {"aws_ecr_repository", "image_tag_mutability",
     "MUTABLE IMMUTABLE IMMUTABLE_WITH_EXCLUSION MUTABLE_WITH_EXCLUSION"},
    {"aws_ecr_repository", "encryption_configuration.encryption_type", "AES256 KMS KMS_DSSE"},
    {"aws_eip", "domain", "vpc standard"},
    {"aws_eks_access_entry", "type",
     "STANDARD EC2 EC2_LINUX EC2_WINDOWS FARGATE_LINUX HYBRID_LINUX HYPERPOD_LINUX"},
    {"aws_eks_access_policy_association", "access_scope.type", "cluster namespace"},
    {"aws_eks_addon", "resolve_conflicts_on_create", "NONE OVERWRITE"},
    {"aws_eks_addon", "resolve_conflicts_on_update", "NONE OVERWRITE PRESERVE"},
    {"aws_eks_cluster", "access_config.authentication_mode", "API API_AND_CONFIG_MAP CONFIG_MAP"},
    {"aws_eks_cluster", "enabled_cluster_log_types",
     "api audit authenticator controllerManager scheduler"},
    {"aws_eks_cluster", "encryption_config.resources", "secrets"},
    {"aws_eks_cluster", "kubernetes_network_config.ip_family", "ipv4 ipv6"},
    {"aws_eks_cluster", "upgrade_policy.support_type", "EXTENDED STANDARD"},
    {"aws_eks_node_group", "ami_type",
     "AL2_x86_64 AL2_x86_64_GPU AL2_ARM_64 CUSTOM BOTTLEROCKET_ARM_64 BOTTLEROCKET_x86_64 "
     "BOTTLEROCKET_ARM_64_FIPS BOTTLEROCKET_x86_64_FIPS BOTTLEROCKET_ARM_64_NVIDIA "
     "BOTTLEROCKET_x86_64_NVIDIA AL2023_x86_64_STANDARD AL2023_ARM_64_STANDARD "
     "AL2023_x86_64_NEURON AL2023_x86_64_NVIDIA AL2023_ARM_64_NVIDIA"},
    {"aws_eks_node_group", "capacity_type", "ON_DEMAND SPOT CAPACITY_BLOCK"},
    {"aws_eks_node_group", "taint.effect", "NO_SCHEDULE NO_EXECUTE PREFER_NO_SCHEDULE"},
    {"aws_elasticache_replication_group", "engine", "redis valkey"},
    {"aws_elasticache_replication_group", "transit_encryption_mode", "preferred required"},
    {"aws_elasticache_replication_group", "cluster_mode", "enabled disabled compatible"},
    {"aws_elasticache_replication_group", "log_delivery_configuration.destination_type",
     "cloudwatch-logs kinesis-firehose"},
    {"aws_elasticache_replication_group", "log_delivery_configuration.log_type",
     "slow-log engine-log"},
    {"aws_elasticache_replication_group", "log_delivery_configuration.log_format", "json text"},
    {"aws_elasticache_user", "authentication_mode.type", "iam no-password-required password"},
    {"aws_flow_log", "traffic_type", "ACCEPT REJECT ALL"},
    {"aws_flow_log", "log_destination_type", "cloud-watch-logs s3 kinesis-data-firehose"},
    {"aws_flow_log", "max_aggregation_interval", "60 600"},
    {"aws_grafana_role_association", "role", "ADMIN EDITOR VIEWER"},
    {"aws_grafana_workspace", "account_access_type", "CURRENT_ACCOUNT ORGANIZATION"},
    {"aws_grafana_workspace", "authentication_providers", "AWS_SSO SAML"},
    {"aws_grafana_workspace", "permission_type", "CUSTOMER_MANAGED SERVICE_MANAGED"},
    {"aws_grafana_workspace", "data_sources",
     "AMAZON_OPENSEARCH_SERVICE ATHENA CLOUDWATCH PROMETHEUS REDSHIFT SITEWISE TIMESTREAM "
     "TWINMAKER XRAY"},
    {"aws_instance", "metadata_options.http_tokens", "optional required"},
    {"aws_instance", "metadata_options.http_endpoint", "enabled disabled"},
    {"aws_instance", "tenancy", "default dedicated host"},
    {"aws_instance", "root_block_device.volume_type", "gp2 gp3 io1 io2 sc1 st1 standard"},
    {"aws_kms_key", "key_usage", "ENCRYPT_DECRYPT SIGN_VERIFY GENERATE_VERIFY_MAC KEY_AGREEMENT"},
    {"aws_launch_template", "metadata_options.http_tokens", "optional required"},
    {"aws_launch_template", "block_device_mappings.ebs.volume_type",
     "standard io1 io2 gp2 gp3 sc1 st1"},
    {"aws_launch_template", "metadata_options.http_endpoint", "disabled enabled"},
    {"aws_launch_template", "metadata_options.instance_metadata_tags", "disabled enabled"},
    {"aws_lb", "load_balancer_type", "application network gateway"},
    {"aws_lb", "ip_address_type", "ipv4 dualstack dualstack-without-public-ipv4"},
    {"aws_lb", "desync_mitigation_mode", "defensive monitor strictest"},
    {"aws_lb", "xff_header_processing_mode", "append preserve remove"},
    {"aws_lb_listener", "protocol", "HTTP HTTPS TCP UDP TLS TCP_UDP GENEVE QUIC TCP_QUIC"},
    {"aws_lb_listener", "default_action.type",
     "forward redirect fixed-response authenticate-cognito authenticate-oidc jwt-validation"},
    {"aws_lb_listener", "default_action.redirect.protocol", "#{protocol} HTTP HTTPS"},
    {"aws_lb_listener", "default_action.redirect.status_code", "HTTP_301 HTTP_302"},
    {"aws_lb_listener_rule", "action.type",
     "authenticate-cognito authenticate-oidc fixed-response forward jwt-validation redirect"},
    {"aws_lb_target_group", "target_type", "instance ip lambda alb"},
    {"aws_lb_target_group", "protocol_version", "HTTP1 HTTP2 GRPC"},
    {"aws_lb_target_group", "load_balancing_algorithm_type",
     "least_outstanding_requests round_robin weighted_random"},
    {"aws_lb_target_group", "protocol", "GENEVE HTTP HTTPS QUIC TCP TCP_QUIC TCP_UDP TLS UDP"},
    {"aws_nat_gateway", "connectivity_type", "public private"},
    {"aws_network_acl", "egress.action", "allow deny"},
    {"aws_network_acl", "ingress.action", "allow deny"},
    {"aws_route53_record", "type",
     "A AAAA CAA CNAME DS HTTPS MX NAPTR NS PTR SOA SPF SRV SSHFP SVCB TLSA TXT"},
    {"aws_s3_bucket_lifecycle_configuration", "rule.status", "Disabled Enabled"},
    {"aws_s3_bucket_object_lock_configuration", "rule.default_retention.mode",
     "COMPLIANCE GOVERNANCE"},
    {"aws_s3_bucket_ownership_controls", "rule.object_ownership",
     "BucketOwnerPreferred ObjectWriter BucketOwnerEnforced"},
    {"aws_s3_bucket_server_side_encryption_configuration",
     "rule.apply_server_side_encryption_by_default.sse_algorithm",
     "AES256 aws:kms aws:kms:dsse aws:fsx"},
    {"aws_s3_bucket_versioning", "versioning_configuration.status", "Enabled Suspended Disabled"},
    {"aws_security_group_rule", "type", "ingress egress"},
    {"aws_sns_topic_subscription", "protocol",
     "application email email-json firehose http https lambda sms sqs"},
    {"aws_sqs_queue", "deduplication_scope", "messageGroup queue"},
    {"aws_sqs_queue", "fifo_throughput_limit", "perQueue perMessageGroupId"},
    {"aws_vpc", "instance_tenancy", "default dedicated"},
    {"aws_vpc_endpoint", "vpc_endpoint_type",
     "Gateway GatewayLoadBalancer Interface Resource ServiceNetwork"},
    {"aws_wafv2_ip_set", "ip_address_version", "IPV4 IPV6"},
    {"aws_wafv2_ip_set", "scope", "CLOUDFRONT REGIONAL"},
    {"aws_wafv2_regex_pattern_set", "scope", "CLOUDFRONT REGIONAL"},
    {"aws_wafv2_web_acl", "scope", "CLOUDFRONT REGIONAL"},
    {"aws_wafv2_web_acl", "rule.statement.rate_based_statement.aggregate_key_type",
     "CONSTANT CUSTOM_KEYS FORWARDED_IP IP"},
    {"aws_wafv2_web_acl", "rule.statement.rate_based_statement.evaluation_window_sec",
     "60 120 300 600"},
    {"aws_wafv2_web_acl_logging_configuration", "logging_filter.default_behavior", "DROP KEEP"},
    {"aws_wafv2_web_acl_logging_configuration", "logging_filter.filter.behavior", "DROP KEEP"},
    {"aws_wafv2_web_acl_logging_configuration", "logging_filter.filter.requirement",
     "MEETS_ALL MEETS_ANY"},
};

static const struct range RANGES[] = {
    {"aws_autoscaling_group", "max_size", 0, 10000},
    {"aws_cloudwatch_event_archive", "retention_days", 0, 36500},
    {"aws_cloudwatch_event_target", "retry_policy.maximum_event_age_in_seconds", 60, 86400},
    {"aws_cloudwatch_event_target", "retry_policy.maximum_retry_attempts", 0, 185},
    {"aws_cloudwatch_metric_alarm", "evaluation_periods", 1, 1000000},
    {"aws_dynamodb_table", "point_in_time_recovery.recovery_period_in_days", 1, 35},
    {"aws_eks_node_group", "scaling_config.max_size", 1, 10000},
    {"aws_eks_node_group", "scaling_config.min_size", 0, 10000},
    {"aws_elasticache_replication_group", "replicas_per_node_group", 0, 5},
    {"aws_elasticache_replication_group", "num_node_groups", 1, 500},
    {"aws_elasticache_replication_group", "snapshot_retention_limit", 0, 35},
    {"aws_iam_role", "max_session_duration", 3600, 43200},
    {"aws_kms_key", "deletion_window_in_days", 7, 30},
    {"aws_kms_key", "rotation_period_in_days", 90, 2560},
    {"aws_lb", "idle_timeout", 1, 4000},
    {"aws_lb_listener", "port", 1, 65535},
    {"aws_lb_target_group", "deregistration_delay", 0, 3600},
    {"aws_lb_target_group", "health_check.healthy_threshold", 2, 10},
    {"aws_lb_target_group", "health_check.interval", 5, 300},
    {"aws_lb_target_group", "health_check.timeout", 2, 120},
    {"aws_lb_target_group", "health_check.unhealthy_threshold", 2, 10},
    {"aws_network_acl", "egress.rule_no", 1, 32766},
    {"aws_network_acl", "ingress.rule_no", 1, 32766},
    {"aws_network_acl_rule", "rule_number", 1, 32766},
    {"aws_route53_record", "ttl", 0, 2147483647},
    {"aws_sqs_queue", "delay_seconds", 0, 900},
    {"aws_sqs_queue", "kms_data_key_reuse_period_seconds", 60, 86400},
    {"aws_sqs_queue", "max_message_size", 1024, 1048576},
    {"aws_sqs_queue", "message_retention_seconds", 60, 1209600},
    {"aws_sqs_queue", "receive_wait_time_seconds", 0, 20},
    {"aws_sqs_queue", "visibility_timeout_seconds", 0, 43200},
    {"aws_wafv2_web_acl", "rule.statement.rate_based_statement.limit", 10, 2000000000},
};

static void check_word(struct check *check, const struct value *value, const struct path *path,
                       const void *context)
{
  const struct words *words = context;
  struct bytes text = value_text(value);
  if (!text_is_word_of(text, words->allowed))
    check_refuse(check, path, "Unknown value", "\"%.*s\" is none of: %s.", BYTES_FORMAT(text),
                 words->allowed);
}

static void check_range(struct check *check, const struct value *value, const struct path *path,
                        const void *context)
{
  const struct range *range = context;
  int64_t number;
  if (!text_to_integer(value_text(value), &number) || number < range->least || number > range->most)
    check_refuse(check, path, "Out of range",
                 "%.*s is not an integer from %" PRId64 " to %" PRId64 ".",
                 BYTES_FORMAT(value_text(value)), range->least, range->most);
}

void rules_check_limits(struct check *check)
{
  for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
    if (bytes_equal(check->type, bytes_of_text(WORDS[i].type)))
      check_each(check, WORDS[i].path, check_word, &WORDS[i]);
  }
  for (size_t i = 0; i < sizeof(RANGES) / sizeof(RANGES[0]); i++) {
    if (bytes_equal(check->type, bytes_of_text(RANGES[i].type)))
      check_each(check, RANGES[i].path, check_range, &RANGES[i]);
  }
}
