#include "provider/provider.h"

#include "base/check.h"
#include "provider/rules.h"
#include "provider/text.h"

#include <stdio.h>
#include <sys/stat.h>

/* The account that AWS' documentation uses in its examples. */
const char PROVIDER_ACCOUNT_DEFAULT[] = "123456789012";

/* Terraform runs a provider in its working directory and keeps .terraform/ out of version control
   and of every module. */
static const char *default_state_path(void)
{
  struct stat status;
  bool has_directory = stat(".terraform", &status) == 0 && S_ISDIR(status.st_mode);
  return has_directory ? ".terraform/rehearsal.json" : "rehearsal.json";
}

bool provider_init(struct provider *provider, const struct provider_environment *environment,
                   struct memory *memory, struct error *error)
{
  *provider = (struct provider){0};
  arena_init(&provider->arena, memory);
  const char *path = environment->state_path;
  provider->cloud = cloud_new(path != NULL ? path : default_state_path(), memory);
  provider->walk = walk_new(memory);
  const char *account = environment->account;
  provider->account = bytes_of_text(account != NULL ? account : PROVIDER_ACCOUNT_DEFAULT);
  provider->partition = BYTES("aws");
  if (environment->region != NULL) provider->region = bytes_of_text(environment->region);
  return schemas_open(&provider->schemas, &provider->arena, schema_data(), error);
}

void provider_free(struct provider *provider)
{
  walk_free(provider->walk);
  cloud_free(provider->cloud);
  arena_free(&provider->arena);
}

/* --- configuration --- */

static struct bytes keep(struct provider *provider, struct bytes text)
{
  return arena_copy(&provider->arena, text);
}

static void set_region(struct provider *provider, const struct value *config,
                       struct diagnostics *diagnostics)
{
  struct bytes region = value_text(value_get(config, "region"));
  if (region.size > 0) provider->region = keep(provider, region);
  if (bytes_starts_with(provider->region, BYTES("cn-"))) provider->partition = BYTES("aws-cn");
  if (bytes_starts_with(provider->region, BYTES("us-gov-")))
    provider->partition = BYTES("aws-us-gov");
  struct path path = path_attribute(NULL, "region");
  if (provider->region.size == 0) {
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &path, "Region is missing",
                    "Set the argument region of the provider, or AWS_REGION.");
  } else if (!rules_is_region(provider->region)) {
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &path, "Region does not exist",
                    "\"%.*s\" is not a region of AWS.", BYTES_FORMAT(provider->region));
  }
}

static void set_account(struct provider *provider, const struct value *config,
                        struct diagnostics *diagnostics)
{
  const struct value *allowed = value_get(config, "allowed_account_ids");
  if (allowed->kind != VALUE_LIST || allowed->count == 0 || !value_is_known(allowed)) return;
  bool is_default = bytes_equal(provider->account, bytes_of_text(PROVIDER_ACCOUNT_DEFAULT));
  for (size_t i = 0; i < allowed->count; i++) {
    if (bytes_equal(value_text(&allowed->items[i]), provider->account)) return;
  }
  if (is_default) {
    provider->account = keep(provider, value_text(&allowed->items[0]));
    return;
  }
  struct path path = path_attribute(NULL, "allowed_account_ids");
  diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, &path, "AWS account is not allowed",
                  "The rehearsed account %.*s (TACOS_REHEARSAL_ACCOUNT) is not one of those that "
                  "the provider's configuration allows.",
                  BYTES_FORMAT(provider->account));
}

static void set_default_tags(struct provider *provider, const struct value *config)
{
  const struct value *block = value_first(value_get(config, "default_tags"));
  const struct value *tags = value_get(block, "tags");
  provider->default_tags = VALUE_NOTHING;
  if (tags->kind != VALUE_MAP) {
    provider->default_tags.kind = tags->kind;
    return;
  }
  provider->default_tags = value_map(&provider->arena, tags->count);
  for (size_t i = 0; i < tags->count; i++) {
    struct value item = tags->items[i];
    item.text = keep(provider, item.text);
    provider->default_tags.keys[i] = keep(provider, tags->keys[i]);
    provider->default_tags.items[i] = item;
  }
}

void provider_announce(const struct provider *provider, struct diagnostics *diagnostics)
{
  diagnostics_add(
      diagnostics, DIAGNOSTIC_WARNING, NULL, "This is a rehearsal: nothing is created",
      "The provider hashicorp/aws in use is the offline rehearsal of Traffic Tacos, not "
      "the one that talks to AWS. What it applies exists in %s only.",
      cloud_path(provider->cloud));
}

void provider_configure(struct provider *provider, const struct value *config,
                        struct diagnostics *diagnostics)
{
  provider_announce(provider, diagnostics);
  set_region(provider, config, diagnostics);
  set_account(provider, config, diagnostics);
  set_default_tags(provider, config);
  walk_clear(provider->walk);
}

/* --- keys --- */

struct bytes provider_region(const struct provider *provider, const struct value *resource)
{
  struct bytes region = value_text(value_get(resource, "region"));
  return region.size > 0 ? region : provider->region;
}

/* Types without an id are known by their ARN or name, and a few by all that is required. */
static struct bytes identity_of(struct arena *arena, const struct type *block,
                                const struct value *resource)
{
  static const char *const NAMES[] = {"id", "arn", "name"};
  for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
    struct bytes text = value_text(value_get(resource, NAMES[i]));
    if (text.size > 0) return text;
  }
  struct bytes identity = bytes_of(NULL, 0);
  for (size_t i = 0; i < block->count; i++) {
    const struct field *field = &block->fields[i];
    struct bytes text = value_text(value_get_bytes(resource, field->name));
    if ((field->flags & FIELD_REQUIRED) == 0 || text.size == 0) continue;
    identity = text_format(arena, "%.*s%s%.*s", BYTES_FORMAT(identity),
                           identity.size > 0 ? "," : "", BYTES_FORMAT(text));
  }
  return identity;
}

struct cloud_key provider_key(const struct provider *provider, struct arena *arena,
                              struct bytes type, const struct type *block,
                              const struct value *resource)
{
  bool has_region = schema_field(block, BYTES("region")) != NULL;
  struct bytes region = has_region ? provider_region(provider, resource) : bytes_of(NULL, 0);
  return (struct cloud_key){type, region, identity_of(arena, block, resource)};
}
