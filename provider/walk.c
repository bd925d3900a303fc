/*
 * Rules about several resources of one run. An id that does not exist yet is known by the prefix
 * that computed_id_prefix gave it in its own plan, which references carry along; so a network is
 * named by the start of its VPC's id, whether that exists or not.
 */
#include "provider/cidr.h"
#include "provider/rules.h"
#include "provider/rules_check.h"
#include "provider/text.h"

#include "base/check.h"

enum {
  VPC_KEY_BYTES = sizeof("vpc-") - 1 + 12,
  GROUP_KEY_BYTES = sizeof("sg-") - 1 + 12,
};

/* A range of a VPC, of a subnet in one, or a rule of a security group. */
struct noted {
  struct noted *next;
  struct bytes key; /* of the VPC or group */
  struct cidr cidr;
  struct bytes text; /* for people: the range, or the rule in canonical form */
};

struct walk {
  struct memory *memory;
  struct arena arena;
  struct noted *networks;
  struct noted *subnets;
  struct noted *rules;
};

struct walk *walk_new(struct memory *memory)
{
  struct walk *walk = memory_alloc_zeroed(memory, sizeof(*walk));
  CHECK(walk != NULL);
  walk->memory = memory;
  arena_init(&walk->arena, memory);
  return walk;
}

void walk_free(struct walk *walk)
{
  if (walk == NULL) return;
  arena_free(&walk->arena);
  memory_free(walk->memory, walk, sizeof(*walk));
}

void walk_clear(struct walk *walk)
{
  arena_reset(&walk->arena);
  walk->networks = NULL;
  walk->subnets = NULL;
  walk->rules = NULL;
}

static void note(struct walk *walk, struct noted **list, const struct noted *from)
{
  struct noted *noted = text_alloc(&walk->arena, 1, sizeof(*noted));
  *noted = *from;
  noted->key = arena_copy(&walk->arena, from->key);
  noted->text = arena_copy(&walk->arena, from->text);
  noted->next = *list;
  *list = noted;
}

/* The start of an id, known or promised; empty when nothing is known of it. */
static struct bytes key_of(const struct value *id, size_t size)
{
  bool has_text = id->kind == VALUE_STRING || id->kind == VALUE_UNKNOWN;
  if (!has_text || id->text.size < size) return bytes_of(NULL, 0);
  return bytes_of(id->text.data, size);
}

/* --- VPCs and subnets --- */

static void note_network(struct walk *walk, const struct value *planned, const char *id_name)
{
  struct noted noted = {.key = key_of(value_get(planned, id_name), VPC_KEY_BYTES),
                        .text = value_text(value_get(planned, "cidr_block"))};
  if (noted.key.size > 0 && cidr_parse(noted.text, &noted.cidr))
    note(walk, &walk->networks, &noted);
}

/* A VPC that an earlier run has made and this one does not plan. */
static void note_from_cloud(struct provider *provider, struct arena *arena, struct bytes key)
{
  struct cloud_resource *resources;
  size_t count;
  struct error error;
  if (!cloud_list(provider->cloud, BYTES("aws_vpc"), arena, &resources, &count, &error)) return;
  for (size_t i = 0; i < count; i++) {
    struct value vpc;
    if (bytes_starts_with(resources[i].key.id, key) &&
        value_from_json(arena, resources[i].state, &vpc, &error))
      note_network(provider->walk, &vpc, "id");
  }
}

static bool has_network(const struct walk *walk, struct bytes key)
{
  for (const struct noted *at = walk->networks; at != NULL; at = at->next) {
    if (bytes_equal(at->key, key)) return true;
  }
  return false;
}

static void check_inside(struct check *check, const struct walk *walk, const struct noted *subnet)
{
  struct bytes ranges = bytes_of(NULL, 0);
  for (const struct noted *at = walk->networks; at != NULL; at = at->next) {
    if (!bytes_equal(at->key, subnet->key)) continue;
    if (cidr_contains(at->cidr, subnet->cidr)) return;
    ranges = text_format(check->arena, "%.*s %.*s", BYTES_FORMAT(ranges), BYTES_FORMAT(at->text));
  }
  struct path path = path_attribute(NULL, "cidr_block");
  if (ranges.size > 0)
    check_refuse(check, &path, "Subnet outside of its VPC",
                 "%.*s is not inside of the VPC, which has%.*s.", BYTES_FORMAT(subnet->text),
                 BYTES_FORMAT(ranges));
}

static void check_subnet(struct provider *provider, struct check *check,
                         const struct value *planned)
{
  struct walk *walk = provider->walk;
  struct noted subnet = {.key = key_of(value_get(planned, "vpc_id"), VPC_KEY_BYTES),
                         .text = value_text(value_get(planned, "cidr_block"))};
  if (subnet.key.size == 0 || !cidr_parse(subnet.text, &subnet.cidr)) return;
  if (!has_network(walk, subnet.key)) note_from_cloud(provider, check->arena, subnet.key);
  check_inside(check, walk, &subnet);
  struct path path = path_attribute(NULL, "cidr_block");
  for (const struct noted *at = walk->subnets; at != NULL; at = at->next) {
    if (bytes_equal(at->key, subnet.key) && cidr_overlaps(at->cidr, subnet.cidr))
      check_refuse(check, &path, "Subnets overlap",
                   "%.*s overlaps %.*s, another subnet of the same VPC.", BYTES_FORMAT(subnet.text),
                   BYTES_FORMAT(at->text));
  }
  note(walk, &walk->subnets, &subnet);
}

/* --- rules of security groups --- */

/* A peer by what is known of it; false when that tells it from no other. */
static bool append_peer(struct arena *arena, const struct value *planned, struct bytes *text)
{
  static const char *const PEERS[] = {"cidr_ipv4", "cidr_ipv6", "prefix_list_id",
                                      "referenced_security_group_id"};
  for (size_t i = 0; i < sizeof(PEERS) / sizeof(PEERS[0]); i++) {
    const struct value *peer = value_get(planned, PEERS[i]);
    if (peer->kind == VALUE_NULL) continue;
    struct bytes known = peer->kind == VALUE_STRING ? peer->text : key_of(peer, GROUP_KEY_BYTES);
    if (known.size == 0) return false;
    if (i == 3 && known.size > GROUP_KEY_BYTES) known.size = GROUP_KEY_BYTES;
    *text = text_format(arena, "%.*s %.*s", BYTES_FORMAT(*text), BYTES_FORMAT(known));
  }
  return true;
}

static void check_group_rule(struct provider *provider, struct check *check,
                             const struct value *planned)
{
  struct walk *walk = provider->walk;
  struct noted rule = {.key = key_of(value_get(planned, "security_group_id"), GROUP_KEY_BYTES)};
  if (rule.key.size == 0) return;
  bool is_ingress = bytes_equal(check->type, BYTES("aws_vpc_security_group_ingress_rule"));
  rule.text = text_format(check->arena, "%s %.*s %.*s-%.*s", is_ingress ? "ingress" : "egress",
                          BYTES_FORMAT(value_text(value_get(planned, "ip_protocol"))),
                          BYTES_FORMAT(value_text(value_get(planned, "from_port"))),
                          BYTES_FORMAT(value_text(value_get(planned, "to_port"))));
  if (!append_peer(check->arena, planned, &rule.text)) return;
  struct path path = path_attribute(NULL, "security_group_id");
  for (const struct noted *at = walk->rules; at != NULL; at = at->next) {
    if (bytes_equal(at->key, rule.key) && bytes_equal(at->text, rule.text))
      check_refuse(check, &path, "Rule twice",
                   "the security group has the rule \"%.*s\" already; AWS refuses the second.",
                   BYTES_FORMAT(rule.text));
  }
  note(walk, &walk->rules, &rule);
}

void walk_check(struct provider *provider, struct arena *arena, struct bytes type,
                const struct value *planned, struct diagnostics *diagnostics)
{
  struct check check = {arena, type, planned, diagnostics};
  if (planned->kind != VALUE_MAP) return;
  if (bytes_equal(type, BYTES("aws_vpc"))) {
    note_network(provider->walk, planned, "id");
  } else if (bytes_equal(type, BYTES("aws_vpc_ipv4_cidr_block_association"))) {
    note_network(provider->walk, planned, "vpc_id");
  } else if (bytes_equal(type, BYTES("aws_subnet"))) {
    check_subnet(provider, &check, planned);
  } else if (text_is_word_of(type, "aws_vpc_security_group_ingress_rule "
                                   "aws_vpc_security_group_egress_rule")) {
    check_group_rule(provider, &check, planned);
  }
}
