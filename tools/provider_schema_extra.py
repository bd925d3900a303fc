"""What tools/provider-schema cannot read in the npm package, and which types it writes.

Sources: the public documentation of hashicorp/aws 6.x, pages of the named types.
"""

import re

RESOURCES = """
acm_certificate acm_certificate_validation appautoscaling_policy appautoscaling_scheduled_action
appautoscaling_target autoscaling_group autoscaling_policy backup_plan backup_selection
backup_vault backup_vault_lock_configuration backup_vault_notifications backup_vault_policy
budgets_budget ce_anomaly_monitor ce_anomaly_subscription ce_cost_allocation_tag
cloudfront_cache_policy cloudfront_distribution cloudfront_function
cloudfront_origin_access_control cloudfront_origin_request_policy cloudfront_monitoring_subscription
cloudfront_response_headers_policy cloudfront_vpc_origin cloudtrail cloudtrail_event_data_store
cloudwatch_composite_alarm cloudwatch_dashboard cloudwatch_event_archive cloudwatch_event_bus
cloudwatch_event_bus_policy cloudwatch_event_permission cloudwatch_event_rule
cloudwatch_event_target cloudwatch_log_delivery cloudwatch_log_delivery_destination
cloudwatch_log_delivery_source cloudwatch_log_group cloudwatch_log_metric_filter
cloudwatch_log_resource_policy cloudwatch_log_subscription_filter cloudwatch_metric_alarm
cloudwatch_query_definition default_network_acl default_route_table default_security_group
dynamodb_contributor_insights dynamodb_resource_policy dynamodb_table dynamodb_table_item
ebs_encryption_by_default ebs_volume ec2_instance_connect_endpoint ec2_managed_prefix_list
ec2_tag ecr_lifecycle_policy ecr_pull_through_cache_rule ecr_registry_policy
ecr_registry_scanning_configuration ecr_replication_configuration ecr_repository
ecr_repository_policy egress_only_internet_gateway eip eip_association eks_access_entry
eks_access_policy_association eks_addon eks_cluster eks_fargate_profile
eks_identity_provider_config eks_node_group eks_pod_identity_association elasticache_cluster
elasticache_parameter_group elasticache_replication_group elasticache_subnet_group
elasticache_user elasticache_user_group elasticache_user_group_association flow_log
grafana_license_association grafana_role_association grafana_workspace
grafana_workspace_api_key grafana_workspace_saml_configuration grafana_workspace_service_account
grafana_workspace_service_account_token guardduty_detector guardduty_detector_feature
iam_access_key iam_account_alias iam_account_password_policy iam_group iam_instance_profile
iam_openid_connect_provider iam_policy iam_role iam_role_policies_exclusive iam_role_policy
iam_role_policy_attachment iam_role_policy_attachments_exclusive iam_service_linked_role iam_user
iam_user_policy iam_user_policy_attachment instance internet_gateway key_pair kms_alias kms_grant
kms_key kms_key_policy kms_replica_key launch_template lb lb_listener lb_listener_certificate
lb_listener_rule lb_target_group lb_target_group_attachment main_route_table_association
nat_gateway network_acl network_acl_association network_acl_rule network_interface
placement_group prometheus_alert_manager_definition prometheus_query_logging_configuration
prometheus_rule_group_namespace prometheus_scraper prometheus_workspace
prometheus_workspace_configuration route route53_health_check route53_hosted_zone_dnssec
route53_key_signing_key route53_query_log route53_record route53_zone
route53_zone_association route_table route_table_association s3_account_public_access_block
s3_bucket s3_bucket_acl s3_bucket_cors_configuration
s3_bucket_intelligent_tiering_configuration s3_bucket_lifecycle_configuration s3_bucket_logging
s3_bucket_metric s3_bucket_notification s3_bucket_object_lock_configuration
s3_bucket_ownership_controls s3_bucket_policy s3_bucket_public_access_block
s3_bucket_replication_configuration s3_bucket_request_payment_configuration
s3_bucket_server_side_encryption_configuration s3_bucket_versioning
s3_bucket_website_configuration s3_object scheduler_schedule scheduler_schedule_group
schemas_discoverer schemas_registry schemas_schema secretsmanager_secret
secretsmanager_secret_policy secretsmanager_secret_rotation secretsmanager_secret_version
security_group security_group_rule sns_topic sns_topic_data_protection_policy sns_topic_policy
sns_topic_subscription sqs_queue sqs_queue_policy sqs_queue_redrive_allow_policy
sqs_queue_redrive_policy ssm_document ssm_parameter subnet volume_attachment vpc
vpc_block_public_access_options vpc_dhcp_options vpc_dhcp_options_association vpc_endpoint
vpc_endpoint_policy vpc_endpoint_route_table_association
vpc_endpoint_security_group_association vpc_endpoint_subnet_association
vpc_ipv4_cidr_block_association vpc_peering_connection vpc_security_group_egress_rule
vpc_security_group_ingress_rule wafv2_ip_set wafv2_regex_pattern_set wafv2_web_acl
wafv2_web_acl_association wafv2_web_acl_logging_configuration
"""

DATA_SOURCES = """
acm_certificate ami arn availability_zone availability_zones caller_identity canonical_user_id
cloudfront_cache_policy cloudfront_log_delivery_canonical_user_id cloudfront_origin_request_policy
cloudfront_response_headers_policy cloudtrail_service_account cloudwatch_event_bus
cloudwatch_log_group default_tags dynamodb_table ebs_default_kms_key ec2_instance_type
ec2_managed_prefix_list ecr_authorization_token ecr_lifecycle_policy_document ecr_repository eip
eks_addon_version eks_cluster eks_cluster_auth elasticache_replication_group
elb_service_account iam_openid_connect_provider iam_policy iam_policy_document iam_role
iam_session_context instance internet_gateway ip_ranges kms_alias kms_key lb lb_hosted_zone_id
nat_gateway organizations_organization partition prefix_list prometheus_workspace
region regions route53_zone route_table s3_bucket secretsmanager_secret
secretsmanager_secret_version security_group service service_principal sns_topic sqs_queue
ssm_parameter ssoadmin_instances subnet subnets vpc vpc_endpoint vpc_endpoint_service vpcs
wafv2_ip_set wafv2_web_acl
"""

# Interfaces of provider blocks that have arguments of their own: none so far.
PROVIDER_BLOCKS = frozenset()

# Attributes whose value is a secret. The bindings do not say which ones are sensitive.
SENSITIVE = re.compile(r"""
    (^|\.)(password|passwords|auth_token|auth_pass|secret_string|secret_binary|secret_key|
    client_secret|private_key|access_key|secret|ses_smtp_password_v4|authorization_token|
    encrypted_secret|random_password|session_token|token)$
    """, re.VERBOSE)
# Names that mean no secret there.
NOT_SENSITIVE = re.compile(r"^(data\.)?(sns_topic|lb|lb_listener|wafv2)")
SENSITIVE_PATHS = frozenset((
    "grafana_workspace_api_key.key", "grafana_workspace_service_account_token.key",
    "ssm_parameter.value", "data.ssm_parameter.value", "elasticache_user.authentication_mode",
))


def flags(path):
    """`w` for write-only, `s` for sensitive, of an attribute named by its path from the type."""
    last = path.rsplit(".", 1)[-1]
    if last.endswith("_wo") and not last.startswith("has_"):
        return "ws"
    if path in SENSITIVE_PATHS or (SENSITIVE.search(path) and not NOT_SENSITIVE.match(path)):
        return "s" if not path.startswith("provider.") else ""
    return ""


def folder(_kind, name):
    return name.replace("_", "-")


# --- WAF ---
# Bindings type `statement` as anything, because it contains itself. hashicorp/aws unrolls it to
# three levels below the root, each with everything in it, and Terraform compares those types for
# every pair of rules: a plan of two web ACLs took 20 s longer. So levels below the root have the
# statements that rules are usually narrowed by, and two levels of and/or/not.

_HEADERS = "all@L01{} excluded_headers:o=L(s) included_headers:o=L(s)"
_COOKIES = "all@L01{} excluded_cookies:o=L(s) included_cookies:o=L(s)"
_FIELD = (
    "field_to_match@L01{all_query_arguments@L01{} body@L01{oversize_handling:o=s} "
    f"cookies@L01{{match_scope:r=s oversize_handling:r=s match_pattern@L11{{{_COOKIES}}}}} "
    "header_order@L00{oversize_handling:r=s} "
    f"headers@L00{{match_scope:r=s oversize_handling:r=s match_pattern@L11{{{_HEADERS}}}}} "
    "ja3_fingerprint@L01{fallback_behavior:r=s} ja4_fingerprint@L01{fallback_behavior:r=s} "
    "json_body@L01{invalid_fallback_behavior:o=s match_scope:r=s oversize_handling:o=s "
    "match_pattern@L11{included_paths:o=L(s) all@L01{}}} "
    "method@L01{} query_string@L01{} single_header@L01{name:r=s} "
    "single_query_argument@L01{name:r=s} uri_fragment@L01{fallback_behavior:o=s} uri_path@L01{}}"
)
_TRANSFORM = "text_transformation@S10{priority:r=n type:r=s}"
_FORWARDED = "forwarded_ip_config@L01{fallback_behavior:r=s header_name:r=s}"
_ACTION = (
    "allow@L01{%s} block@L01{custom_response@L01{custom_response_body_key:o=s response_code:r=n "
    "response_header@S00{name:r=s value:r=s}}} captcha@L01{%s} challenge@L01{%s} count@L01{%s}"
    % (("custom_request_handling@L01{insert_header@S10{name:r=s value:r=s}}",) * 4)
)
_RESPONSE = (
    "response_inspection@L01{body_contains@L01{failure_strings:r=S(s) success_strings:r=S(s)} "
    "header@L01{failure_values:r=S(s) name:r=s success_values:r=S(s)} "
    "json@L01{failure_values:r=S(s) identifier:r=s success_values:r=S(s)} "
    "status_code@L01{failure_codes:r=S(n) success_codes:r=S(n)}}"
)
_MANAGED_CONFIGS = (
    "managed_rule_group_configs@L00{login_path:o=s payload_type:o=s "
    "aws_managed_rules_acfp_rule_set@L01{creation_path:r=s enable_regex_in_path:o=b "
    "registration_page_path:r=s request_inspection@L01{payload_type:r=s "
    "address_fields@L01{identifiers:r=L(s)} email_field@L01{identifier:r=s} "
    "password_field@L01{identifier:r=s} phone_number_fields@L01{identifiers:r=L(s)} "
    "username_field@L01{identifier:r=s}} " + _RESPONSE + "} "
    "aws_managed_rules_anti_ddos_rule_set@L01{sensitivity_to_block:o=s "
    "client_side_action_config@L11{challenge@L11{sensitivity:o=s usage_of_action:r=s "
    "exempt_uri_regular_expression@L00{regex_string:o=s}}}} "
    "aws_managed_rules_atp_rule_set@L01{enable_regex_in_path:o=b login_path:r=s "
    "request_inspection@L01{payload_type:r=s password_field@L11{identifier:r=s} "
    "username_field@L11{identifier:r=s}} " + _RESPONSE + "} "
    "aws_managed_rules_bot_control_rule_set@L01{enable_machine_learning:o=b inspection_level:r=s} "
    "password_field@L01{identifier:r=s} username_field@L01{identifier:r=s}}"
)
_CUSTOM_KEY = (
    "custom_key@L00{asn@L01{} cookie@L01{name:r=s %(t)s} forwarded_ip@L01{} header@L01{name:r=s "
    "%(t)s} http_method@L01{} ip@L01{} ja3_fingerprint@L01{fallback_behavior:r=s} "
    "ja4_fingerprint@L01{fallback_behavior:r=s} label_namespace@L01{namespace:r=s} "
    "query_argument@L01{name:r=s %(t)s} query_string@L01{%(t)s} uri_path@L01{%(t)s}}"
    % {"t": _TRANSFORM}
)
_LEAVES = (
    f"asn_match_statement@L01{{asn_list:r=L(n) {_FORWARDED}}} "
    f"byte_match_statement@L01{{positional_constraint:r=s search_string:r=s {_FIELD} {_TRANSFORM}}}"
    f" geo_match_statement@L01{{country_codes:r=L(s) {_FORWARDED}}} "
    "ip_set_reference_statement@L01{arn:r=s ip_set_forwarded_ip_config@L01{fallback_behavior:r=s "
    "header_name:r=s position:r=s}} label_match_statement@L01{key:r=s scope:r=s} "
    f"regex_match_statement@L01{{regex_string:r=s {_FIELD} {_TRANSFORM}}} "
    f"regex_pattern_set_reference_statement@L01{{arn:r=s {_FIELD} {_TRANSFORM}}} "
    f"size_constraint_statement@L01{{comparison_operator:r=s size:r=n {_FIELD} {_TRANSFORM}}} "
    f"sqli_match_statement@L01{{sensitivity_level:o=s {_FIELD} {_TRANSFORM}}} "
    f"xss_match_statement@L01{{{_FIELD} {_TRANSFORM}}}"
)

_NARROW_FIELD = (
    "field_to_match@L01{all_query_arguments@L01{} body@L01{oversize_handling:o=s} method@L01{} "
    "query_string@L01{} single_header@L01{name:r=s} single_query_argument@L01{name:r=s} "
    "uri_path@L01{}}"
)
_NARROW_LEAVES = (
    f"byte_match_statement@L01{{positional_constraint:r=s search_string:r=s {_NARROW_FIELD} "
    f"{_TRANSFORM}}} geo_match_statement@L01{{country_codes:r=L(s) {_FORWARDED}}} "
    "ip_set_reference_statement@L01{arn:r=s ip_set_forwarded_ip_config@L01{fallback_behavior:r=s "
    "header_name:r=s position:r=s}} label_match_statement@L01{key:r=s scope:r=s} "
    f"regex_match_statement@L01{{regex_string:r=s {_NARROW_FIELD} {_TRANSFORM}}}"
)


def _logic(level):
    return (f"and_statement@L01{{statement@L10{{&waf_inner_{level}}}}} "
            f"not_statement@L01{{statement@L10{{&waf_inner_{level}}}}} "
            f"or_statement@L01{{statement@L10{{&waf_inner_{level}}}}}")


_MANAGED = (
    f"managed_rule_group_statement@L01{{name:r=s vendor_name:r=s version:o=s {_MANAGED_CONFIGS} "
    f"rule_action_override@L00{{name:r=s action_to_use@L11{{{_ACTION}}}}} "
    "scope_down_statement@L01{&waf_inner_3}}"
)
_RATE = (
    "rate_based_statement@L01{aggregate_key_type:o=s evaluation_window_sec:o=n limit:r=n "
    f"{_CUSTOM_KEY} {_FORWARDED} scope_down_statement@L01{{&waf_inner_3}}}}"
)
_GROUP = (
    "rule_group_reference_statement@L01{arn:r=s rule_action_override@L00{name:r=s "
    f"action_to_use@L11{{{_ACTION}}}}}}}"
)

# Blocks that replace what the bindings say, by their path from the type.
BLOCKS = {"wafv2_web_acl.rule.statement": "statement@L11{&waf_root}"}

FURTHER_LINES = [
    # A block of its own, for `&name` in the lines above.
    f"block waf_inner_1 {_NARROW_LEAVES}",
    f"block waf_inner_2 {_NARROW_LEAVES} {_logic(1)}",
    f"block waf_inner_3 {_NARROW_LEAVES} {_logic(2)}",
    f"block waf_root {_LEAVES} {_logic(2)} {_MANAGED} {_RATE} {_GROUP}",
    "ephemeral aws_eks_cluster_auth name:r=s region:oc=s token:cs=s",
    "ephemeral aws_kms_secrets plaintext:cs=M(s) region:oc=s secret@S10{context:o=M(s) "
    "encryption_algorithm:o=s grant_tokens:o=L(s) key_id:o=s name:r=s payload:r=s}",
    "ephemeral aws_secretsmanager_random_password exclude_characters:o=s exclude_lowercase:o=b "
    "exclude_numbers:o=b exclude_punctuation:o=b exclude_uppercase:o=b include_space:o=b "
    "password_length:o=n random_password:cs=s region:oc=s require_each_included_type:o=b",
    "ephemeral aws_secretsmanager_secret_version arn:c=s created_date:c=s region:oc=s "
    "secret_binary:cs=s secret_id:r=s secret_string:cs=s version_id:oc=s version_stage:oc=s "
    "version_stages:c=L(s)",
    "ephemeral aws_ssm_parameter arn:r=s key_id:c=s name:c=s region:oc=s type:c=s value:cs=s "
    "version:c=n with_decryption:oc=b",
]
