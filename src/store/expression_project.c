/* Projections: the named parts of an item, in one pass over item and sorted targets. */
#include "store/expression_tree.h"

/*
 * Copies the named entries of a container into `out` (begun here at out->start); a container of
 * which nothing is named is left out by the caller.
 */
static void project_container(const struct target *targets, struct value old, uint32_t first,
                              uint32_t end, uint32_t depth, struct container *out)
{
  CHECK_THAT(first, <, end);
  CHECK_THAT(depth, <, ITEM_DEPTH_MAX);
  container_begin(out, out->start, out->limit, (enum value_tag)old.data[0]);
  bool indexed = path_step_is_index(&targets[first].path.steps[depth]);
  if (old.data[0] != (indexed ? VALUE_TAG_LIST : VALUE_TAG_MAP)) return;
  struct entry entry = entry_first(old);
  for (uint32_t group_end; first < end; first = group_end) {
    group_end = targets_group_end(targets, first, end, depth);
    const struct path *path = &targets[first].path;
    CHECK(path->steps != NULL);
    if (!entry_seek(&entry, &path->steps[depth])) continue;
    const struct bytes *name = indexed ? NULL : &path->steps[depth].name;
    if (path->count == depth + 1) {
      container_add(out, name, entry.value);
      continue;
    }
    if (entry.value.data[0] != VALUE_TAG_LIST && entry.value.data[0] != VALUE_TAG_MAP) continue;
    uint8_t *before = out->next;
    if (name != NULL) container_add_name(out, *name);
    struct container inner = {.start = out->next, .limit = out->limit};
    project_container(targets, entry.value, first, group_end, depth + 1, &inner);
    if (inner.count > 0)
      container_add_inner(out, &inner);
    else
      out->next = before;
  }
}

bool expression_project(const struct expression *expression, struct value item, struct arena *arena,
                        struct value *result, struct error *error)
{
  CHECK(expression->condition == NULL && expression->targets != NULL);
  CHECK_THAT(expression->target_count, >, 0);
  CHECK_THAT(value_type(item), ==, VALUE_MAP);
  /* What is named is a part of the item, so the result is never larger. */
  struct container out = {.start = arena_alloc(arena, item.size)};
  if (out.start == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a projection");
  out.limit = out.start + item.size;
  project_container(expression->targets, item, 0, expression->target_count, 0, &out);
  *result = container_end(&out);
  return true;
}
