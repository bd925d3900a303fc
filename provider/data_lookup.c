#include "provider/data_lookup.h"

#include "provider/text.h"

/* Arguments that say how to look, not what to find. */
static bool is_no_criterion(struct bytes name)
{
  return text_is_word_of(name, "region timeouts filter tags most_recent with_decryption "
                               "version_stage private_zone include_deprecated");
}

static bool has_tags(const struct value *resource, const struct value *tags)
{
  const struct value *own = value_get(resource, "tags_all");
  if (own->kind == VALUE_NULL) own = value_get(resource, "tags");
  for (size_t i = 0; tags->kind == VALUE_MAP && i < tags->count; i++) {
    if (!value_equal(value_get_bytes(own, tags->keys[i]), &tags->items[i])) return false;
  }
  return true;
}

static const struct value *filtered_attribute(struct arena *arena, const struct value *resource,
                                              struct bytes name)
{
  struct bytes tag = BYTES("tag:");
  if (bytes_starts_with(name, tag))
    return value_get_bytes(value_get(resource, "tags_all"),
                           bytes_of(name.data + tag.size, name.size - tag.size));
  struct bytes attribute = arena_copy(arena, name);
  for (size_t i = 0; i < attribute.size; i++) {
    if (attribute.data[i] == '-') ((uint8_t *)attribute.data)[i] = '_';
  }
  return value_get_bytes(resource, attribute);
}

/* Filters that name no attribute of ours are taken as met. */
static bool meets_filter(struct arena *arena, const struct value *resource,
                         const struct value *filter)
{
  const struct value *values = value_get(filter, "values");
  const struct value *own = filtered_attribute(arena, resource,
                                               value_text(value_get(filter, "name")));
  bool is_tag = bytes_starts_with(value_text(value_get(filter, "name")), BYTES("tag:"));
  if (own->kind == VALUE_NULL) return !is_tag;
  for (size_t i = 0; i < values->count; i++) {
    if (bytes_equal(value_text(own), value_text(&values->items[i]))) return true;
  }
  return false;
}

/* Names of zones are asked for with and without their last dot. */
static bool texts_match(struct bytes left, struct bytes right)
{
  if (left.size > 0 && left.data[left.size - 1] == '.') left.size--;
  if (right.size > 0 && right.data[right.size - 1] == '.') right.size--;
  return bytes_equal(left, right);
}

static bool has_argument(const struct value *resource, struct bytes name,
                         const struct value *wanted)
{
  const struct value *own = value_get_bytes(resource, name);
  if (bytes_equal(name, BYTES("secret_id")))
    return texts_match(value_text(own), value_text(wanted)) ||
           texts_match(value_text(value_get(resource, "arn")), value_text(wanted));
  if (bytes_equal(name, BYTES("zone_id"))) own = value_get(resource, "id");
  if (own->kind == VALUE_NULL) return !bytes_equal(name, BYTES("name"));
  if (own->kind == VALUE_BOOL) return own->boolean == wanted->boolean;
  return texts_match(value_text(own), value_text(wanted));
}

static bool matches(struct arena *arena, const struct value *resource, const struct value *config)
{
  for (size_t i = 0; i < config->count; i++) {
    const struct value *wanted = &config->items[i];
    bool is_simple = wanted->kind == VALUE_STRING || wanted->kind == VALUE_NUMBER ||
                     wanted->kind == VALUE_BOOL;
    if (!is_simple || is_no_criterion(config->keys[i])) continue;
    if (!has_argument(resource, config->keys[i], wanted)) return false;
  }
  const struct value *filters = value_get(config, "filter");
  for (size_t i = 0; filters->kind == VALUE_LIST && i < filters->count; i++) {
    if (!meets_filter(arena, resource, &filters->items[i])) return false;
  }
  return has_tags(resource, value_get(config, "tags"));
}

/* Calls for every match in the region; false when the state cannot be read. */
static bool find_all(struct provider *provider, struct arena *arena, struct bytes resource_type,
                     const struct value *config, struct value *matching,
                     struct diagnostics *diagnostics)
{
  struct cloud_resource *resources;
  size_t count;
  struct error error;
  *matching = value_list(arena, 0);
  if (!cloud_list(provider->cloud, resource_type, arena, &resources, &count, &error)) {
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, NULL, "Rehearsal state", "%s", error.message);
    return false;
  }
  struct value all = value_list(arena, count);
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    struct bytes region = resources[i].key.region;
    struct value resource;
    if (region.size > 0 && !bytes_equal(region, provider_region(provider, config))) continue;
    if (value_from_json(arena, resources[i].state, &resource, &error) &&
        matches(arena, &resource, config))
      all.items[found++] = resource;
  }
  all.count = found;
  *matching = all;
  return true;
}

void lookup_one(struct provider *provider, struct arena *arena, struct bytes resource_type,
                const struct value *config, struct value *found, struct diagnostics *diagnostics)
{
  struct value matching;
  *found = VALUE_NOTHING;
  if (!find_all(provider, arena, resource_type, config, &matching, diagnostics)) return;
  if (matching.count == 1) *found = matching.items[0];
  if (matching.count > 1)
    diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, NULL, "More than one matches",
                    "%zu resources %.*s match; AWS wants arguments that one matches.",
                    matching.count, BYTES_FORMAT(resource_type));
}

void lookup_ids(struct provider *provider, struct arena *arena, struct bytes resource_type,
                const struct value *config, struct value *ids, struct diagnostics *diagnostics)
{
  struct value matching;
  *ids = value_list(arena, 0);
  if (!find_all(provider, arena, resource_type, config, &matching, diagnostics)) return;
  *ids = value_list(arena, matching.count);
  for (size_t i = 0; i < matching.count; i++) ids->items[i] = *value_get(&matching.items[i], "id");
}
