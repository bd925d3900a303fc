#include "provider/plan.h"

#include "base/check.h"
#include "provider/computed.h"
#include "provider/rules.h"
#include "provider/text.h"

/* --- what is computed --- */

static struct value plan_block(struct arena *arena, const struct type *block,
                               const struct value *proposed);

static struct value plan_nested(struct arena *arena, const struct field *field,
                                const struct value *proposed)
{
  if (field->type->kind == TYPE_OBJECT) return plan_block(arena, field->type, proposed);
  if (proposed->kind != VALUE_LIST) return *proposed;
  struct value list = value_list(arena, proposed->count);
  for (size_t i = 0; i < proposed->count; i++)
    list.items[i] = plan_block(arena, field->type->element, &proposed->items[i]);
  return list;
}

/*
 * A computed attribute that has no value gets one from AWS. Core has carried the prior value over
 * already where there was one; after an apply none is null (computed.c fills them all), so a second
 * plan finds nothing to do.
 */
static struct value plan_field(struct arena *arena, const struct field *field,
                               const struct value *proposed)
{
  if (field->is_block) return plan_nested(arena, field, proposed);
  if (field->flags & FIELD_WRITE_ONLY) return VALUE_NOTHING;
  if (proposed->kind == VALUE_NULL && (field->flags & FIELD_COMPUTED))
    return value_unknown(bytes_of(NULL, 0));
  return *proposed;
}

static struct value plan_block(struct arena *arena, const struct type *block,
                               const struct value *proposed)
{
  if (proposed->kind != VALUE_MAP) return *proposed;
  struct value planned = value_map(arena, block->count);
  for (size_t i = 0; i < block->count; i++) {
    planned.keys[i] = block->fields[i].name;
    planned.items[i] = plan_field(arena, &block->fields[i], &proposed->items[i]);
  }
  return planned;
}

/* --- what is known now --- */

static size_t count_other_keys(const struct value *map, const struct value *than)
{
  size_t count = 0;
  for (size_t i = 0; map->kind == VALUE_MAP && i < map->count; i++) {
    bool is_there = false;
    for (size_t j = 0; than->kind == VALUE_MAP && j < than->count; j++)
      is_there = is_there || bytes_equal(map->keys[i], than->keys[j]);
    count += !is_there;
  }
  return count;
}

struct value plan_tags_all(const struct provider *provider, struct arena *arena,
                           const struct value *tags)
{
  const struct value *defaults = &provider->default_tags;
  if (tags->kind == VALUE_UNKNOWN || defaults->kind == VALUE_UNKNOWN)
    return value_unknown(bytes_of(NULL, 0));
  size_t own = tags->kind == VALUE_MAP ? tags->count : 0;
  struct value all = value_map(arena, own + count_other_keys(defaults, tags));
  for (size_t i = 0; i < own; i++) {
    all.keys[i] = tags->keys[i];
    all.items[i] = tags->items[i];
  }
  size_t next = own;
  for (size_t i = 0; defaults->kind == VALUE_MAP && i < defaults->count; i++) {
    struct value one = {
        .kind = VALUE_MAP, .count = 1, .items = &defaults->items[i], .keys = &defaults->keys[i]};
    if (count_other_keys(&one, tags) == 0) continue;
    all.keys[next] = defaults->keys[i];
    all.items[next++] = defaults->items[i];
  }
  CHECK_THAT(next, ==, all.count);
  return all;
}

/*
 * Which records prove a domain to ACM is computed, but not for which domains: configurations loop
 * over them by name in the same plan.
 */
static struct value validation_options(struct arena *arena, const struct type *option,
                                       const struct value *planned)
{
  const struct value *names = value_get(planned, "subject_alternative_names");
  const struct value *domain = value_get(planned, "domain_name");
  bool has_names = names->kind == VALUE_LIST;
  size_t count = 1 + (has_names ? names->count : 0);
  struct value options = value_list(arena, count);
  size_t next = 0;
  for (size_t i = 0; i < count; i++) {
    const struct value *name = i == 0 ? domain : &names->items[i - 1];
    if (i > 0 && value_equal(name, domain)) continue;
    struct value one = value_map(arena, option->count);
    for (size_t j = 0; j < option->count; j++) {
      one.keys[j] = option->fields[j].name;
      one.items[j] = value_unknown(bytes_of(NULL, 0));
    }
    value_set(&one, BYTES("domain_name"), *name);
    options.items[next++] = one;
  }
  options.count = next;
  return options;
}

static void plan_certificate(struct arena *arena, const struct plan_request *request,
                             struct value *planned)
{
  const struct field *field = schema_field(request->block, BYTES("domain_validation_options"));
  const struct value *names = value_get(planned, "subject_alternative_names");
  bool is_asked = bytes_equal(value_text(value_get(planned, "validation_method")), BYTES("DNS"));
  if (field == NULL || !is_asked || !value_is_known(value_get(planned, "domain_name"))) return;
  if (names->kind == VALUE_UNKNOWN &&
      value_get(&request->config, "subject_alternative_names")->kind == VALUE_NULL) {
    /* AWS lists the domain itself when no other is asked for. */
    struct value list = value_list(arena, 1);
    list.items[0] = *value_get(planned, "domain_name");
    value_set(planned, BYTES("subject_alternative_names"), list);
  } else if (!value_is_known(names)) {
    return;
  }
  if (value_get(planned, "domain_validation_options")->kind == VALUE_UNKNOWN)
    value_set(planned, BYTES("domain_validation_options"),
              validation_options(arena, field->type->element, planned));
}

static void plan_known(struct provider *provider, struct arena *arena,
                       const struct plan_request *request, struct value *planned)
{
  const struct field *tags_all = schema_field(request->block, BYTES("tags_all"));
  if (tags_all != NULL && (tags_all->flags & FIELD_COMPUTED) &&
      schema_field(request->block, BYTES("tags")) != NULL &&
      value_get(&request->config, "tags_all")->kind == VALUE_NULL)
    value_set(planned, BYTES("tags_all"),
              plan_tags_all(provider, arena, value_get(planned, "tags")));
  const struct field *region = schema_field(request->block, BYTES("region"));
  if (region != NULL && (region->flags & FIELD_COMPUTED) &&
      value_get(planned, "region")->kind == VALUE_UNKNOWN)
    value_set(planned, BYTES("region"), value_string(provider->region));
  if (bytes_equal(request->type, BYTES("aws_acm_certificate")))
    plan_certificate(arena, request, planned);
  const struct value *id = value_get(planned, "id");
  if (id->kind == VALUE_UNKNOWN && id->text.size == 0 &&
      schema_field(request->block, BYTES("id")) != NULL)
    value_set(planned, BYTES("id"),
              value_unknown(computed_id_prefix(arena, request->type, planned)));
}

/* --- changes --- */

static bool differs(const struct value *left, const struct value *right)
{
  return !value_equal_unordered(left, right);
}

static void plan_update(struct arena *arena, const struct plan_request *request, struct plan *plan)
{
  const struct type *block = request->block;
  bool changed = false;
  plan->replace = text_alloc(arena, block->count, sizeof(*plan->replace));
  for (size_t i = 0; i < block->count; i++) {
    const struct field *field = &block->fields[i];
    if (!differs(&request->prior.items[i], &plan->planned.items[i])) continue;
    changed = true;
    if (plan_forces_new(request->type, field->name))
      plan->replace[plan->replace_count++] = field->name;
  }
  for (size_t i = 0; changed && i < block->count; i++) {
    const struct field *field = &block->fields[i];
    if ((field->flags & FIELD_COMPUTED) && plan_is_volatile(request->type, field->name) &&
        value_get_bytes(&request->config, field->name)->kind == VALUE_NULL)
      plan->planned.items[i] = value_unknown(bytes_of(NULL, 0));
  }
}

void plan_change(struct provider *provider, struct arena *arena, const struct plan_request *request,
                 struct plan *plan, struct diagnostics *diagnostics)
{
  *plan = (struct plan){.planned = request->proposed};
  if (request->proposed.kind != VALUE_MAP) return;
  plan->planned = plan_block(arena, request->block, &request->proposed);
  plan_known(provider, arena, request, &plan->planned);
  if (request->prior.kind == VALUE_MAP) plan_update(arena, request, plan);
  /* What has to be replaced is planned once more, as new. */
  if (plan->replace_count == 0)
    walk_check(provider, arena, request->type, &plan->planned, diagnostics);
}
