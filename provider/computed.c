#include "provider/computed.h"

#include "base/check.h"
#include "base/hash.h"
#include "provider/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  PREFIX_DIGITS = 12, /* hexadecimal digits of an id that a plan knows */
  DEPTH_MAX = 8,      /* patterns that name attributes with patterns */
  COPIES_MAX = 1000,  /* resources with the same arguments */
  WIDTH_MAX = 64,
};

/* One resource while its unknowns are filled. */
struct filling {
  struct provider *provider;
  struct arena *arena;
  struct bytes type;
  const struct type *block;
  struct value *root;
  const struct value *near; /* the object that is being filled */
  uint64_t seed;
  uint64_t copy; /* so many resources have the same seed already */
  unsigned depth;
  bool is_data;
};

/* --- patterns --- */

static int compare_pattern(const void *left, const void *right)
{
  const struct computed_pattern *a = left;
  const struct computed_pattern *b = right;
  int order = strcmp(a->type, b->type);
  return order != 0 ? order : strcmp(a->path, b->path);
}

static const char *find_pattern(const char *type, const char *path)
{
  struct computed_pattern key = {.type = type, .path = path};
  const struct computed_pattern *found = bsearch(&key, COMPUTED_PATTERNS, COMPUTED_PATTERN_COUNT,
                                                 sizeof(key), compare_pattern);
  return found == NULL ? NULL : found->pattern;
}

const char *computed_find(struct bytes type, struct bytes path)
{
  char type_text[128];
  char path_text[256];
  if (type.size >= sizeof(type_text) || path.size >= sizeof(path_text)) return NULL;
  memcpy(type_text, type.data, type.size);
  type_text[type.size] = '\0';
  memcpy(path_text, path.data, path.size);
  path_text[path.size] = '\0';
  return find_pattern(type_text, path_text);
}

/* --- digits --- */

static uint64_t draw(const struct filling *filling, const char *path, unsigned round)
{
  uint64_t salt = hash_bytes(bytes_of_text(path), filling->seed + round);
  return filling->copy == 0 ? salt : hash_bytes(bytes_of(&filling->copy, 8), salt);
}

static void append_digits(const struct filling *filling, struct buffer *to, const char *path,
                          const char *alphabet, size_t width)
{
  size_t letters = strlen(alphabet);
  for (size_t i = 0; i < width; i++) {
    struct filling part = *filling;
    /* What a plan knows of an id cannot depend on how many there are. */
    if (strcmp(path, "id") == 0 && i < PREFIX_DIGITS) part.copy = 0;
    uint64_t bits = draw(&part, path, (unsigned)(i / 8));
    buffer_append_byte(to, (uint8_t)alphabet[(bits >> (i % 8 * 8) & 0xff) % letters]);
  }
}

static void append_uuid(const struct filling *filling, struct buffer *to, const char *path)
{
  uint64_t high = draw(filling, path, 0);
  uint64_t low = draw(filling, path, 1);
  buffer_append_format(to, "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(high >> 32),
                       (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff),
                       (unsigned)(low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffff);
}

/* --- expansion --- */

static void fill_field(struct filling *filling, const struct field *field, struct value *item,
                       const char *path);
static void fill_block(struct filling *filling, const struct type *block, struct value *object,
                       const char *path);

static bool append_drawn(const struct filling *filling, struct buffer *to, struct bytes word,
                         const char *path)
{
  static const struct {
    const char *name;
    const char *alphabet;
  } DRAWN[] = {
      {"hex", "0123456789abcdef"},
      {"num", "123456789"},
      {"up", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
  };
  if (bytes_equal(word, BYTES("uuid"))) {
    append_uuid(filling, to, path);
    return true;
  }
  for (size_t i = 0; i < sizeof(DRAWN) / sizeof(DRAWN[0]); i++) {
    struct bytes name = bytes_of_text(DRAWN[i].name);
    int64_t width;
    if (bytes_starts_with(word, name) &&
        text_to_integer(bytes_of(word.data + name.size, word.size - name.size), &width)) {
      CHECK(width > 0 && width <= WIDTH_MAX);
      append_digits(filling, to, path, DRAWN[i].alphabet, (size_t)width);
      return true;
    }
  }
  return false;
}

static bool append_fixed(const struct filling *filling, struct buffer *to, struct bytes word)
{
  const struct provider *provider = filling->provider;
  if (bytes_equal(word, BYTES("A"))) {
    buffer_append_format(to, "arn:%.*s:", BYTES_FORMAT(provider->partition));
  } else if (bytes_equal(word, BYTES("P"))) {
    buffer_append(to, provider->partition);
  } else if (bytes_equal(word, BYTES("R"))) {
    buffer_append(to, provider_region(provider, filling->root));
  } else if (bytes_equal(word, BYTES("N"))) {
    buffer_append(to, provider->account);
  } else if (bytes_equal(word, BYTES("kind"))) {
    size_t skip = sizeof("aws_") - 1;
    CHECK_THAT(filling->type.size, >, skip);
    buffer_append(to, bytes_of(filling->type.data + skip, filling->type.size - skip));
  } else {
    return false;
  }
  return true;
}

/* The text of an attribute, computed now if it is not yet. */
static struct bytes attribute_text(struct filling *filling, struct bytes name)
{
  for (size_t i = 0; i < filling->block->count; i++) {
    const struct field *field = &filling->block->fields[i];
    if (!bytes_equal(field->name, name)) continue;
    struct value *item = &filling->root->items[i];
    if (item->kind == VALUE_UNKNOWN && filling->depth < DEPTH_MAX)
      fill_field(filling, field, item, text_zero_ended(filling->arena, name));
    return value_text(item);
  }
  return bytes_of(NULL, 0);
}

static struct bytes after(struct bytes word, struct bytes mark)
{
  return bytes_of(word.data + mark.size, word.size - mark.size);
}

static struct bytes tail_of(struct bytes text)
{
  if (text.size == 0) return text;
  size_t start = text.size;
  while (start > 0 && text.data[start - 1] != '/' && text.data[start - 1] != ':') start--;
  return bytes_of(text.data + start, text.size - start);
}

static struct bytes bare(struct bytes url)
{
  size_t at = bytes_find(url, BYTES("://"));
  return at == SIZE_MAX ? url : bytes_of(url.data + at + 3, url.size - at - 3);
}

/* Words that change the text of an attribute. */
static bool append_changed(struct filling *filling, struct buffer *to, struct bytes word)
{
  struct bytes text;
  if (bytes_starts_with(word, BYTES("tail:"))) {
    text = tail_of(attribute_text(filling, after(word, BYTES("tail:"))));
  } else if (bytes_starts_with(word, BYTES("bare:"))) {
    text = bare(attribute_text(filling, after(word, BYTES("bare:"))));
  } else if (bytes_starts_with(word, BYTES("waf:"))) {
    text = attribute_text(filling, after(word, BYTES("waf:")));
    text = bytes_equal(text, BYTES("CLOUDFRONT")) ? BYTES("global") : BYTES("regional");
  } else if (bytes_starts_with(word, BYTES("."))) {
    text = value_text(value_get_bytes(filling->near, after(word, BYTES("."))));
    if (bytes_starts_with(text, BYTES("*."))) text = after(text, BYTES("*."));
  } else if (bytes_equal(word, BYTES("path"))) {
    text = attribute_text(filling, word);
    if (text.size == 0) text = BYTES("/");
  } else {
    return false;
  }
  buffer_append(to, text);
  return true;
}

static void append_word(struct filling *filling, struct buffer *to, struct bytes word,
                        const char *path)
{
  if (append_fixed(filling, to, word) || append_drawn(filling, to, word, path) ||
      append_changed(filling, to, word))
    return;
  if (schema_field(filling->block, word) == NULL) {
    buffer_append_format(to, "{%.*s}", BYTES_FORMAT(word)); /* JSON, say */
  } else {
    buffer_append(to, attribute_text(filling, word));
  }
}

static struct bytes expand(struct filling *filling, const char *pattern, const char *path)
{
  struct buffer buffer;
  buffer_init(&buffer, filling->arena->memory);
  struct bytes rest = bytes_of_text(pattern);
  filling->depth++;
  while (rest.size > 0) {
    buffer_append(&buffer, text_next_part(&rest, '{'));
    struct bytes word = text_next_part(&rest, '}');
    if (word.size > 0) append_word(filling, &buffer, word, path);
  }
  filling->depth--;
  CHECK(!buffer.failed);
  struct bytes text = arena_copy(filling->arena, buffer_bytes(&buffer));
  buffer_free(&buffer);
  return text;
}

/* --- values --- */

/* A name that AWS makes up: after the prefix that was asked for, if there is one. */
static const char *made_up_name(struct filling *filling, const char *path)
{
  if (strcmp(path, "name") != 0 && strcmp(path, "bucket") != 0 && strcmp(path, "identifier") != 0)
    return NULL;
  char prefix[64];
  size_t size = (size_t)snprintf(prefix, sizeof(prefix), "%s_prefix", path);
  if (schema_field(filling->block, bytes_of(prefix, size)) == NULL) return NULL;
  bool is_asked = attribute_text(filling, bytes_of(prefix, size)).size > 0;
  struct bytes pattern = is_asked ? text_format(filling->arena, "{%s}{num20}{hex6}", prefix)
                                  : bytes_of_text("terraform-{num20}{hex6}");
  return text_zero_ended(filling->arena, pattern);
}

static const char *pattern_of(struct filling *filling, const char *path)
{
  const char *pattern = find_pattern(text_zero_ended(filling->arena, filling->type), path);
  if (pattern == NULL) pattern = made_up_name(filling, path);
  if (pattern == NULL && strcmp(path, "id") == 0 &&
      schema_field(filling->block, BYTES("name")) == NULL)
    pattern = "{hex17}";
  if (pattern == NULL) pattern = find_pattern("*", path);
  if (pattern == NULL) {
    const char *last = strrchr(path, '.');
    if (last != NULL) pattern = find_pattern("*", last + 1);
  }
  return pattern;
}

static struct value list_of(struct filling *filling, struct bytes text)
{
  size_t count = text.size > 0;
  for (size_t i = 0; i < text.size; i++) count += text.data[i] == '|';
  struct value list = value_list(filling->arena, count);
  for (size_t i = 0; i < count; i++) list.items[i] = value_string(text_next_part(&text, '|'));
  return list;
}

static struct value object_of(struct filling *filling, const struct type *type, const char *path)
{
  struct value object = value_map(filling->arena, type->count);
  for (size_t i = 0; i < type->count; i++) {
    object.keys[i] = type->fields[i].name;
    object.items[i] = value_unknown(bytes_of(NULL, 0));
  }
  fill_block(filling, type, &object, path);
  return object;
}

/* Lists of objects that AWS computes have one element as a rule (certificate_authority, identity,
   domain_validation_options). A set that could have had arguments has none. */
static struct value collection_of(struct filling *filling, const struct field *field,
                                  const char *path)
{
  bool is_argument = (field->flags & FIELD_OPTIONAL) != 0;
  if (field->type->element->kind != TYPE_OBJECT || is_argument)
    return value_list(filling->arena, 0);
  struct value list = value_list(filling->arena, 1);
  list.items[0] = object_of(filling, field->type->element, path);
  return list;
}

static struct value value_of(struct filling *filling, const struct field *field, const char *path)
{
  const char *pattern = pattern_of(filling, path);
  struct bytes text = pattern == NULL ? bytes_of(NULL, 0) : expand(filling, pattern, path);
  switch (field->type->kind) {
  case TYPE_STRING:
    return value_string(text);
  case TYPE_BOOL:
    return value_bool(bytes_equal(text, BYTES("true")));
  case TYPE_NUMBER:
    return (struct value){.kind = VALUE_NUMBER, .text = text.size > 0 ? text : BYTES("0")};
  case TYPE_LIST:
  case TYPE_SET:
    return text.size > 0 && field->type->element->kind == TYPE_STRING
               ? list_of(filling, text)
               : collection_of(filling, field, path);
  case TYPE_MAP:
    return value_map(filling->arena, 0);
  case TYPE_OBJECT:
    return object_of(filling, field->type, path);
  }
  return VALUE_NOTHING;
}

static void fill_block(struct filling *filling, const struct type *block, struct value *object,
                       const char *path)
{
  if (object->kind != VALUE_MAP) return;
  const struct value *around = filling->near;
  filling->near = object;
  for (size_t i = 0; i < block->count; i++) {
    const struct field *field = &block->fields[i];
    struct bytes inner = path[0] == '\0' ? field->name
                                         : text_format(filling->arena, "%s.%.*s", path,
                                                       BYTES_FORMAT(field->name));
    fill_field(filling, field, &object->items[i], text_zero_ended(filling->arena, inner));
  }
  filling->near = around;
}

static void fill_field(struct filling *filling, const struct field *field, struct value *item,
                       const char *path)
{
  bool is_wanted = item->kind == VALUE_UNKNOWN ||
                   (filling->is_data && item->kind == VALUE_NULL &&
                    (field->flags & FIELD_COMPUTED) != 0 && filling->depth < DEPTH_MAX);
  if (is_wanted) {
    *item = VALUE_NOTHING; /* so that a pattern that leads back here finds an end */
    filling->depth++;
    *item = value_of(filling, field, path);
    filling->depth--;
    return;
  }
  if (field->type->kind == TYPE_OBJECT) {
    fill_block(filling, field->type, item, path);
    return;
  }
  if (field->type->element == NULL || field->type->element->kind != TYPE_OBJECT) return;
  for (size_t i = 0; item->kind == VALUE_LIST && i < item->count; i++)
    fill_block(filling, field->type->element, &item->items[i], path);
}

/* --- seeds --- */

/* The arguments that the start of an id follows from, of types whose plan knows it. A name that AWS
   makes up is not among them: it is not known when the plan is made. */
static const char *prefix_arguments(struct bytes type, const struct value *resource)
{
  if (bytes_equal(type, BYTES("aws_vpc"))) return "cidr_block tags";
  if (!bytes_equal(type, BYTES("aws_security_group"))) return NULL;
  bool has_name = value_is_string(value_get(resource, "name"));
  return has_name ? "name description tags" : "name_prefix description tags";
}

static uint64_t seed_of(struct arena *arena, struct bytes type, const struct value *resource)
{
  const char *arguments = prefix_arguments(type, resource);
  if (arguments == NULL) return hash_bytes(value_to_json(arena, resource), hash_bytes(type, 0));
  uint64_t seed = hash_bytes(type, 0);
  struct bytes rest = bytes_of_text(arguments);
  while (rest.size > 0) {
    const struct value *argument = value_get_bytes(resource, text_next_part(&rest, ' '));
    seed = hash_bytes(value_to_json(arena, argument), seed);
  }
  return seed;
}

struct bytes computed_id_prefix(struct arena *arena, struct bytes type, const struct value *planned)
{
  const char *arguments = prefix_arguments(type, planned);
  if (arguments == NULL) return bytes_of(NULL, 0);
  struct bytes rest = bytes_of_text(arguments);
  while (rest.size > 0) {
    const struct value *argument = value_get_bytes(planned, text_next_part(&rest, ' '));
    if (!value_is_known(argument)) return bytes_of(NULL, 0);
  }
  struct filling filling = {.arena = arena, .type = type, .seed = seed_of(arena, type, planned)};
  struct buffer buffer;
  buffer_init(&buffer, arena->memory);
  buffer_append(&buffer, bytes_equal(type, BYTES("aws_vpc")) ? BYTES("vpc-") : BYTES("sg-"));
  append_digits(&filling, &buffer, "id", "0123456789abcdef", PREFIX_DIGITS);
  struct bytes prefix = arena_copy(arena, buffer_bytes(&buffer));
  buffer_free(&buffer);
  return prefix;
}

/* --- ids that are taken --- */

/* Names that AWS gives to one resource only; a second one is an error there, no second owner. */
static bool is_unique(struct bytes type)
{
  static const char TYPES[] =
      "aws_dynamodb_table aws_sqs_queue aws_iam_role aws_iam_policy aws_iam_instance_profile "
      "aws_iam_user aws_s3_bucket aws_kms_alias aws_eks_cluster aws_eks_node_group aws_eks_addon "
      "aws_cloudwatch_event_bus aws_cloudwatch_log_group aws_elasticache_replication_group "
      "aws_elasticache_subnet_group aws_elasticache_parameter_group aws_elasticache_user "
      "aws_elasticache_user_group aws_ecr_repository aws_backup_vault aws_route "
      "aws_scheduler_schedule_group aws_cloudwatch_event_archive aws_budgets_budget aws_cloudtrail "
      "aws_key_pair aws_ssm_parameter";
  return text_is_word_of(type, TYPES);
}

static bool is_taken(struct filling *filling, const struct value *resource, bool *failed,
                     struct diagnostics *diagnostics)
{
  struct error error;
  struct bytes state;
  struct cloud_key key = provider_key(filling->provider, filling->arena, filling->type,
                                      filling->block, resource);
  if (!cloud_find(filling->provider->cloud, &key, filling->arena, &state, &error)) {
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, NULL, "Rehearsal state", "%s", error.message);
    *failed = true;
    return false;
  }
  return state.size > 0;
}

bool computed_fill(struct provider *provider, struct arena *arena, struct bytes type,
                   const struct type *block, struct value *resource,
                   struct diagnostics *diagnostics)
{
  struct filling filling = {.provider = provider, .arena = arena, .type = type, .block = block};
  filling.seed = seed_of(arena, type, resource);
  bool is_new = value_get(resource, "id")->kind == VALUE_UNKNOWN ||
                schema_field(block, BYTES("id")) == NULL;
  filling.root = resource;
  const char *pattern = pattern_of(&filling, "id");
  bool is_drawn = pattern != NULL &&
                  (strstr(pattern, "{hex") != NULL || strstr(pattern, "{up") != NULL ||
                   strstr(pattern, "{uuid") != NULL);
  for (;; filling.copy++) {
    struct value copy = value_copy(arena, resource);
    bool failed = false;
    filling.root = &copy;
    fill_block(&filling, block, &copy, "");
    bool taken = is_new && is_taken(&filling, &copy, &failed, diagnostics);
    if (failed) return false;
    if (taken && is_drawn && filling.copy < COPIES_MAX) continue;
    if (taken && is_unique(type)) {
      diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, NULL, "Already exists",
                      "%.*s: there is one with this name (%.*s) in the rehearsed account already, "
                      "in %s. AWS refuses a second one.",
                      BYTES_FORMAT(type), BYTES_FORMAT(value_text(value_get(&copy, "id"))),
                      cloud_path(provider->cloud));
      return false;
    }
    *resource = copy;
    return true;
  }
}

void computed_fill_data(struct provider *provider, struct arena *arena, struct bytes type,
                        const struct type *block, struct value *state)
{
  struct filling filling = {.provider = provider,
                            .arena = arena,
                            .type = type,
                            .block = block,
                            .root = state,
                            .seed = seed_of(arena, type, state),
                            .is_data = true};
  fill_block(&filling, block, state, "");
}
