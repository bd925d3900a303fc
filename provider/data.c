#include "provider/data.h"

#include "base/check.h"
#include "base/encode.h"
#include "provider/computed.h"
#include "provider/data_lookup.h"
#include "provider/facts.h"
#include "provider/plan.h"
#include "provider/policy.h"
#include "provider/text.h"

#include <sys/random.h>

/* One question while it is answered. */
struct question {
  struct provider *provider;
  struct arena *arena;
  struct bytes type;
  const struct type *block;
  const struct value *config;
  struct value *state; /* the arguments; answers go into it */
  struct diagnostics *diagnostics;
};

static void set(struct question *question, const char *name, struct bytes text)
{
  value_set(question->state, bytes_of_text(name), value_string(text));
}

static struct bytes argument(const struct question *question, const char *name)
{
  return value_text(value_get(question->config, name));
}

static struct bytes region_of(const struct question *question)
{
  return provider_region(question->provider, question->config);
}

static void refuse(struct question *question, const char *name, const char *why)
{
  struct path path = path_attribute(NULL, name);
  diagnostics_add(question->diagnostics, DIAGNOSTIC_ERROR, &path, "Not found in AWS",
                  "%.*s: \"%.*s\" %s", BYTES_FORMAT(question->type),
                  BYTES_FORMAT(argument(question, name)), why);
}

/* --- who and where --- */

static void answer_caller(struct question *question)
{
  struct bytes account = question->provider->account;
  set(question, "account_id", account);
  set(question, "id", account);
  set(question, "user_id", BYTES("AIDAREHEARSALOFTACOS"));
  set(question, "arn",
      text_format(question->arena, "arn:%.*s:iam::%.*s:user/rehearsal",
                  BYTES_FORMAT(question->provider->partition), BYTES_FORMAT(account)));
}

static void answer_partition(struct question *question)
{
  struct bytes partition = question->provider->partition;
  bool is_china = bytes_equal(partition, BYTES("aws-cn"));
  set(question, "id", partition);
  set(question, "partition", partition);
  set(question, "dns_suffix", is_china ? BYTES("amazonaws.com.cn") : BYTES("amazonaws.com"));
  set(question, "reverse_dns_prefix",
      is_china ? BYTES("cn.com.amazonaws") : BYTES("com.amazonaws"));
}

static void answer_region(struct question *question)
{
  struct bytes region = argument(question, "region");
  if (region.size == 0) region = argument(question, "name");
  if (region.size == 0) region = question->provider->region;
  const char *description = fact_find("region", region);
  if (description == NULL) {
    refuse(question, "region", "is no region");
    return;
  }
  set(question, "id", region);
  set(question, "name", region);
  set(question, "region", region);
  set(question, "description", bytes_of_text(description));
  set(question, "endpoint",
      text_format(question->arena, "ec2.%.*s.amazonaws.com", BYTES_FORMAT(region)));
}

static bool is_excluded(const struct value *list, struct bytes text)
{
  for (size_t i = 0; list->kind == VALUE_LIST && i < list->count; i++) {
    if (bytes_equal(value_text(&list->items[i]), text)) return true;
  }
  return false;
}

/* "apne2-az1" for "ap-northeast-2": two letters, the first of each direction, the number. */
static struct bytes zone_id(struct question *question, struct bytes region, size_t index)
{
  struct bytes rest = region;
  struct bytes area = text_next_part(&rest, '-');
  struct bytes direction = text_next_part(&rest, '-');
  static const char *const DIRECTIONS[][2] = {
      {"northeast", "ne"}, {"southeast", "se"}, {"north", "n"},   {"south", "s"},
      {"east", "e"},       {"west", "w"},       {"central", "c"},
  };
  const char *letters = "";
  for (size_t i = 0; i < sizeof(DIRECTIONS) / sizeof(DIRECTIONS[0]); i++) {
    if (bytes_equal(direction, bytes_of_text(DIRECTIONS[i][0]))) letters = DIRECTIONS[i][1];
  }
  return text_format(question->arena, "%.*s%s%.*s-az%zu", BYTES_FORMAT(area), letters,
                     BYTES_FORMAT(rest), index + 1);
}

static void answer_zones(struct question *question)
{
  struct bytes region = region_of(question);
  const char *letters = fact_zone_letters(region);
  if (letters == NULL) {
    refuse(question, "region", "is no region");
    return;
  }
  struct value names = value_list(question->arena, strlen(letters));
  struct value ids = value_list(question->arena, strlen(letters));
  size_t count = 0;
  for (size_t i = 0; letters[i] != '\0'; i++) {
    struct bytes name = text_format(question->arena, "%.*s%c", BYTES_FORMAT(region), letters[i]);
    struct bytes id = zone_id(question, region, i);
    if (is_excluded(value_get(question->config, "exclude_names"), name) ||
        is_excluded(value_get(question->config, "exclude_zone_ids"), id))
      continue;
    names.items[count] = value_string(name);
    ids.items[count++] = value_string(id);
  }
  names.count = count;
  ids.count = count;
  struct value groups = value_list(question->arena, 1);
  groups.items[0] = value_string(region);
  value_set(question->state, BYTES("names"), names);
  value_set(question->state, BYTES("zone_ids"), ids);
  value_set(question->state, BYTES("group_names"), groups);
  set(question, "id", region);
}

static void answer_default_tags(struct question *question)
{
  set(question, "id", BYTES("aws"));
  value_set(question->state, BYTES("tags"),
            plan_tags_all(question->provider, question->arena, &VALUE_NOTHING));
}

static void answer_service_principal(struct question *question)
{
  struct bytes name = text_format(question->arena, "%.*s.amazonaws.com",
                                  BYTES_FORMAT(argument(question, "service_name")));
  set(question, "name", name);
  set(question, "id", name);
  set(question, "suffix", BYTES("amazonaws.com"));
}

static void answer_session_context(struct question *question)
{
  struct bytes arn = argument(question, "arn");
  set(question, "id", arn);
  set(question, "issuer_arn", arn);
}

/* arn:partition:service:region:account:resource */
static void answer_arn(struct question *question)
{
  static const char *const PARTS[] = {"partition", "service", "region", "account"};
  struct bytes rest = argument(question, "arn");
  set(question, "id", rest);
  if (!bytes_equal(text_next_part(&rest, ':'), BYTES("arn"))) {
    refuse(question, "arn", "is no ARN");
    return;
  }
  for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++)
    set(question, PARTS[i], text_next_part(&rest, ':'));
  set(question, "resource", rest);
}

/* --- what AWS publishes --- */

static void answer_policy_document(struct question *question)
{
  policy_render(question->arena, question->state, question->diagnostics);
}

/* Managed policies of CloudFront, by name or id. */
static void answer_managed(struct question *question)
{
  struct bytes id = argument(question, "id");
  struct bytes name = argument(question, "name");
  const char *topic = text_zero_ended(question->arena, question->type);
  const char *known = name.size > 0 ? fact_find(topic, name) : NULL;
  if (known != NULL) id = bytes_of_text(known);
  if (id.size == 0) {
    refuse(question, "name", "is no policy that AWS manages");
    return;
  }
  set(question, "id", id);
}

static void answer_elb_account(struct question *question)
{
  const char *account = fact_find("aws_elb_service_account", region_of(question));
  if (account == NULL) {
    refuse(question, "region", "has no account of load balancers that is known here");
    return;
  }
  set(question, "id", bytes_of_text(account));
  set(question, "arn", text_format(question->arena, "arn:aws:iam::%s:root", account));
}

static void answer_lb_zone(struct question *question)
{
  struct bytes kind = argument(question, "load_balancer_type");
  if (kind.size == 0) kind = BYTES("application");
  struct bytes key = text_format(question->arena, "%.*s %.*s", BYTES_FORMAT(region_of(question)),
                                 BYTES_FORMAT(kind));
  const char *zone = fact_find("lb_zone", key);
  if (zone == NULL) {
    refuse(question, "region", "has no zone of load balancers that is known here");
    return;
  }
  set(question, "id", bytes_of_text(zone));
}

static void answer_addon_version(struct question *question)
{
  const char *version = fact_find("addon", argument(question, "addon_name"));
  if (version == NULL) {
    refuse(question, "addon_name", "is no add-on of EKS that is known here");
    return;
  }
  set(question, "version", bytes_of_text(version));
  set(question, "id", argument(question, "addon_name"));
}

/* Ranges that CloudFront's servers speak to origins from: some of those that AWS publishes. */
static void answer_prefix_list(struct question *question)
{
  static const char *const RANGES[] = {"13.124.199.0/24", "130.176.0.0/17", "15.158.0.0/16",
                                       "52.46.0.0/18", "64.252.64.0/18"};
  enum { COUNT = sizeof(RANGES) / sizeof(RANGES[0]) };
  const struct field *entries = schema_field(question->block, BYTES("entries"));
  if (!bytes_equal(argument(question, "name"),
                   BYTES("com.amazonaws.global.cloudfront.origin-facing")) ||
      entries == NULL)
    return;
  struct value list = value_list(question->arena, COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    struct value entry = value_map(question->arena, 2);
    entry.keys[0] = BYTES("cidr");
    entry.keys[1] = BYTES("description");
    entry.items[0] = value_string(bytes_of_text(RANGES[i]));
    entry.items[1] = value_string(BYTES("CloudFront"));
    list.items[i] = entry;
  }
  value_set(question->state, BYTES("entries"), list);
}

static void answer_cluster_auth(struct question *question)
{
  struct bytes name = argument(question, "name");
  char *token = text_alloc(question->arena, encode_base64url_size(name.size), 1);
  size_t size = encode_to_base64url(name, token);
  set(question, "token", text_format(question->arena, "k8s-aws-v1.%.*s", (int)size, token));
  if (schema_field(question->block, BYTES("id")) != NULL) set(question, "id", name);
}

/* --- what the configuration has created --- */

/* Copies what the found resource has under the same names. */
static void take_over(struct question *question, const struct value *found)
{
  for (size_t i = 0; i < question->block->count; i++) {
    const struct field *field = &question->block->fields[i];
    const struct value *item = value_get_bytes(found, field->name);
    struct value conformed;
    struct error error;
    if (item->kind == VALUE_NULL || (field->flags & FIELD_COMPUTED) == 0) continue;
    if (schema_conform(question->arena, field->type, item, &conformed, &error))
      question->state->items[i] = conformed;
  }
}

/* False when there is none, which is for the caller to say. */
static bool find_resource(struct question *question)
{
  struct value found;
  lookup_one(question->provider, question->arena, question->type, question->config, &found,
             question->diagnostics);
  if (found.kind == VALUE_MAP) take_over(question, &found);
  return found.kind == VALUE_MAP || question->diagnostics->errors > 0;
}

static void answer_lookup(struct question *question)
{
  if (find_resource(question)) return;
  diagnostics_add(question->diagnostics, DIAGNOSTIC_ERROR, NULL, "Not found in AWS",
                  "No %.*s in the rehearsed cloud (%s, region %.*s) has what is asked for.",
                  BYTES_FORMAT(question->type), cloud_path(question->provider->cloud),
                  BYTES_FORMAT(region_of(question)));
}

/* Things that an account has before Terraform comes: made up when the rehearsal has none. */
static void answer_lookup_or_fact(struct question *question)
{
  (void)find_resource(question);
}

static void answer_ids(struct question *question)
{
  bool is_vpcs = bytes_equal(question->type, BYTES("aws_vpcs"));
  struct value ids;
  lookup_ids(question->provider, question->arena, is_vpcs ? BYTES("aws_vpc") : BYTES("aws_subnet"),
             question->config, &ids, question->diagnostics);
  value_set(question->state, BYTES("ids"), ids);
  set(question, "id", region_of(question));
}

/* A write-only secret is in no state, not even ours; its place is taken by a text that says so. */
static void answer_secret(struct question *question)
{
  answer_lookup(question);
  if (question->diagnostics->errors == 0 &&
      value_text(value_get(question->state, "secret_string")).size == 0)
    set(question, "secret_string", BYTES("rehearsal-of-a-write-only-secret"));
}

/* AWS publishes image ids and the like under this prefix; the table of patterns has their form. */
static void answer_parameter(struct question *question)
{
  struct bytes name = argument(question, "name");
  if (name.size == 0) {
    struct bytes arn = argument(question, "arn");
    size_t start = bytes_find(arn, BYTES(":parameter"));
    if (start != SIZE_MAX) {
      size_t skip = start + sizeof(":parameter") - 1;
      name = bytes_of(arn.data + skip, arn.size - skip);
    }
  }
  if (!bytes_starts_with(name, BYTES("/aws/service/"))) answer_lookup(question);
}

/* --- ephemeral resources --- */

static bool wants(const struct question *question, const char *name)
{
  return !value_is_true(value_get(question->config, name));
}

static size_t add_class(char *alphabet, size_t size, const char *letters, struct bytes excluded)
{
  for (; *letters != '\0'; letters++) {
    if (excluded.size == 0 || memchr(excluded.data, *letters, excluded.size) == NULL)
      alphabet[size++] = *letters;
  }
  return size;
}

enum { PASSWORD_BYTES_DEFAULT = 32, PASSWORD_BYTES_MAX = 4096, ALPHABET_BYTES = 128 };

static void answer_password(struct question *question)
{
  char alphabet[ALPHABET_BYTES];
  struct bytes excluded = argument(question, "exclude_characters");
  size_t size = 0;
  int64_t length = PASSWORD_BYTES_DEFAULT;
  if (wants(question, "exclude_lowercase"))
    size = add_class(alphabet, size, "abcdefghijklmnopqrstuvwxyz", excluded);
  if (wants(question, "exclude_uppercase"))
    size = add_class(alphabet, size, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", excluded);
  if (wants(question, "exclude_numbers")) size = add_class(alphabet, size, "0123456789", excluded);
  if (wants(question, "exclude_punctuation"))
    size = add_class(alphabet, size, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", excluded);
  if (!wants(question, "include_space")) size = add_class(alphabet, size, " ", excluded);
  (void)value_to_integer(value_get(question->config, "password_length"), &length);
  if (length < 1 || length > PASSWORD_BYTES_MAX || size == 0) {
    struct path path = path_attribute(NULL, size == 0 ? "exclude_characters" : "password_length");
    diagnostics_add(question->diagnostics, DIAGNOSTIC_ERROR, &path, "No such password",
                    "AWS makes passwords of 1 to %d characters of those that are not excluded.",
                    PASSWORD_BYTES_MAX);
    return;
  }
  uint8_t *password = text_alloc(question->arena, (size_t)length, 1);
  for (int64_t i = 0; i < length; i++) {
    uint32_t random = 0;
    CHECK(getrandom(&random, sizeof(random), 0) == sizeof(random));
    password[i] = (uint8_t)alphabet[random % size];
  }
  set(question, "random_password", bytes_of(password, (size_t)length));
}

/* --- the table --- */

static const struct {
  const char *type;
  void (*answer)(struct question *question);
} ANSWERS[] = {
    {"aws_arn", answer_arn},
    {"aws_availability_zones", answer_zones},
    {"aws_caller_identity", answer_caller},
    {"aws_cloudfront_cache_policy", answer_managed},
    {"aws_cloudfront_origin_request_policy", answer_managed},
    {"aws_cloudfront_response_headers_policy", answer_managed},
    {"aws_cloudwatch_event_bus", answer_lookup_or_fact},
    {"aws_cloudwatch_log_group", answer_lookup},
    {"aws_default_tags", answer_default_tags},
    {"aws_dynamodb_table", answer_lookup},
    {"aws_ec2_managed_prefix_list", answer_prefix_list},
    {"aws_ecr_repository", answer_lookup},
    {"aws_eip", answer_lookup},
    {"aws_eks_addon_version", answer_addon_version},
    {"aws_eks_cluster", answer_lookup},
    {"aws_eks_cluster_auth", answer_cluster_auth},
    {"aws_elasticache_replication_group", answer_lookup},
    {"aws_elb_service_account", answer_elb_account},
    {"aws_iam_openid_connect_provider", answer_lookup},
    {"aws_iam_policy", answer_lookup_or_fact},
    {"aws_iam_policy_document", answer_policy_document},
    {"aws_iam_role", answer_lookup_or_fact},
    {"aws_iam_session_context", answer_session_context},
    {"aws_instance", answer_lookup},
    {"aws_internet_gateway", answer_lookup},
    {"aws_kms_alias", answer_lookup_or_fact},
    {"aws_kms_key", answer_lookup_or_fact},
    {"aws_lb", answer_lookup},
    {"aws_lb_hosted_zone_id", answer_lb_zone},
    {"aws_nat_gateway", answer_lookup},
    {"aws_partition", answer_partition},
    {"aws_prometheus_workspace", answer_lookup},
    {"aws_region", answer_region},
    {"aws_route53_zone", answer_lookup_or_fact},
    {"aws_route_table", answer_lookup},
    {"aws_s3_bucket", answer_lookup},
    {"aws_secretsmanager_random_password", answer_password},
    {"aws_secretsmanager_secret", answer_lookup},
    {"aws_secretsmanager_secret_version", answer_secret},
    {"aws_security_group", answer_lookup},
    {"aws_service_principal", answer_service_principal},
    {"aws_sns_topic", answer_lookup},
    {"aws_sqs_queue", answer_lookup},
    {"aws_ssm_parameter", answer_parameter},
    {"aws_subnet", answer_lookup},
    {"aws_subnets", answer_ids},
    {"aws_vpc", answer_lookup},
    {"aws_vpc_endpoint", answer_lookup},
    {"aws_vpcs", answer_ids},
    {"aws_wafv2_ip_set", answer_lookup},
    {"aws_wafv2_web_acl", answer_lookup},
};

void data_read(struct provider *provider, struct arena *arena, struct bytes type,
               const struct type *block, const struct value *config, struct value *state,
               struct diagnostics *diagnostics)
{
  *state = value_copy(arena, config);
  if (config->kind != VALUE_MAP) return;
  struct question question = {provider, arena, type, block, config, state, diagnostics};
  for (size_t i = 0; i < sizeof(ANSWERS) / sizeof(ANSWERS[0]); i++) {
    if (bytes_equal(bytes_of_text(ANSWERS[i].type), type)) ANSWERS[i].answer(&question);
  }
  if (diagnostics->errors > 0) {
    *state = VALUE_NOTHING;
    return;
  }
  computed_fill_data(provider, arena, type, block, state);
}
