/*
 * Document paths: order, overlap, look-up, and the sorting of update and projection targets by
 * path.
 *
 * In sorted order a path comes right before those that start with it, and steps of different kind
 * at the same place are neighbours. So two targets overlap or conflict exactly when two neighbours
 * do.
 */
#include "store/expression_tree.h"

#include <stdio.h>

static int step_compare(const struct path_step *left, const struct path_step *right)
{
  bool left_index = path_step_is_index(left);
  bool right_index = path_step_is_index(right);
  if (left_index != right_index) return left_index ? -1 : 1;
  if (left_index) return (left->index > right->index) - (left->index < right->index);
  return bytes_compare(left->name, right->name);
}

int path_compare(const struct path *left, const struct path *right)
{
  for (uint32_t i = 0; i < left->count && i < right->count; i++) {
    int order = step_compare(&left->steps[i], &right->steps[i]);
    if (order != 0) return order;
  }
  return (left->count > right->count) - (left->count < right->count);
}

bool path_equal(const struct path *left, const struct path *right)
{
  return left->count == right->count && path_compare(left, right) == 0;
}

const char *path_format(const struct path *path, char text[PATH_TEXT_BYTES])
{
  size_t used = (size_t)snprintf(text, PATH_TEXT_BYTES, "[");
  for (uint32_t i = 0; i < path->count && used + sizeof(", ") < PATH_TEXT_BYTES; i++) {
    const struct path_step *step = &path->steps[i];
    const char *comma = i == 0 ? "" : ", ";
    size_t room = PATH_TEXT_BYTES - used;
    struct bytes name = text_cut(step->name, room - sizeof(", "));
    int printed = path_step_is_index(step)
                      ? snprintf(text + used, room, "%s[%u]", comma, step->index)
                      : snprintf(text + used, room, "%s%.*s", comma, BYTES_FORMAT(name));
    CHECK_THAT(printed, >=, 0);
    used += (size_t)printed < room ? (size_t)printed : room - 1;
  }
  if (used + 2 <= PATH_TEXT_BYTES) memcpy(text + used, "]", 2);
  return text;
}

struct value path_resolve(const struct path *path, struct value item)
{
  CHECK_THAT(path->count, >, 0);
  struct value value = item;
  for (uint32_t i = 0; i < path->count && value_present(value); i++) {
    const struct path_step *step = &path->steps[i];
    uint8_t wanted = path_step_is_index(step) ? VALUE_TAG_LIST : VALUE_TAG_MAP;
    if (value.data[0] != wanted) return VALUE_NONE;
    if (path_step_is_index(step))
      value = value_element(value, step->index);
    else
      value = value_attribute(value, step->name);
  }
  return value;
}

/* ---- targets ---- */

/* Lets targets[root] sink below larger ones in the heap targets[0..count). */
static void sift_down(struct target *targets, uint32_t root, uint32_t count)
{
  for (;;) {
    uint32_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && path_compare(&targets[child].path, &targets[child + 1].path) < 0)
      child++;
    if (path_compare(&targets[root].path, &targets[child].path) >= 0) return;
    struct target swap = targets[root];
    targets[root] = targets[child];
    targets[child] = swap;
    root = child;
  }
}

/* Heap sort: in place, and no worse for hostile input. */
static void sort_targets(struct target *targets, uint32_t count)
{
  for (uint32_t root = count / 2; root-- > 0;) sift_down(targets, root, count);
  for (uint32_t last = count; last-- > 1;) {
    struct target swap = targets[0];
    targets[0] = targets[last];
    targets[last] = swap;
    sift_down(targets, 0, last);
  }
}

enum clash { CLASH_NONE, CLASH_OVERLAP, CLASH_CONFLICT };

/* Overlap: one path is the other or begins it. Conflict: a name and an index at the same place. */
static enum clash path_clash(const struct path *one, const struct path *two)
{
  for (uint32_t i = 0; i < one->count && i < two->count; i++) {
    if (path_step_is_index(&one->steps[i]) != path_step_is_index(&two->steps[i]))
      return CLASH_CONFLICT;
    if (step_compare(&one->steps[i], &two->steps[i]) != 0) return CLASH_NONE;
  }
  return CLASH_OVERLAP;
}

static bool refuse_clash(struct parser *parser, enum clash clash, const struct target *one,
                         const struct target *two)
{
  bool in_order = one->order < two->order;
  char first[PATH_TEXT_BYTES];
  char second[PATH_TEXT_BYTES];
  return error_set(
      parser->error, ERROR_INVALID,
      "Invalid %s: Two document paths %s with each other; must remove or rewrite one of "
      "these paths; path one: %s, path two: %s",
      expression_kind_name(parser->kind), clash == CLASH_OVERLAP ? "overlap" : "conflict",
      path_format(in_order ? &one->path : &two->path, first),
      path_format(in_order ? &two->path : &one->path, second));
}

/* DynamoDB reports overlaps before conflicts. */
static bool check_clashes(struct parser *parser, const struct target *targets, uint32_t count)
{
  for (enum clash clash = CLASH_OVERLAP; clash <= CLASH_CONFLICT; clash++) {
    for (uint32_t i = 1; i < count; i++) {
      if (path_clash(&targets[i - 1].path, &targets[i].path) == clash)
        return refuse_clash(parser, clash, &targets[i - 1], &targets[i]);
    }
  }
  return true;
}

/* In sorted order equal first steps are neighbours, so one look back finds repetitions. */
static bool list_touched(struct parser *parser, struct expression *expression)
{
  struct bytes *touched = parser_alloc(parser, expression->target_count, sizeof(*touched));
  if (touched == NULL) return false;
  uint32_t count = 0;
  for (uint32_t i = 0; i < expression->target_count; i++) {
    struct bytes name = expression->targets[i].path.steps[0].name;
    if (count == 0 || !bytes_equal(touched[count - 1], name)) touched[count++] = name;
  }
  expression->touched = touched;
  expression->touched_count = count;
  return true;
}

bool expression_sort_targets(struct parser *parser, struct expression *expression)
{
  uint32_t count = parser->target_count;
  struct target *targets = parser_alloc(parser, count, sizeof(*targets));
  if (targets == NULL) return false;
  uint32_t copied = 0;
  for (struct target_link *link = parser->first_target; link != NULL; link = link->next)
    targets[copied++] = link->target;
  CHECK_THAT(copied, ==, count);

  sort_targets(targets, count);
  if (!check_clashes(parser, targets, count)) return false;
  expression->targets = targets;
  expression->target_count = count;
  return list_touched(parser, expression);
}

uint32_t targets_group_end(const struct target *targets, uint32_t first, uint32_t end,
                           uint32_t depth)
{
  CHECK_THAT(first, <, end);
  CHECK_THAT(depth, <, targets[first].path.count);
  const struct path_step *step = &targets[first].path.steps[depth];
  uint32_t next = first + 1;
  while (next < end && step_compare(step, &targets[next].path.steps[depth]) == 0) next++;
  return next;
}
