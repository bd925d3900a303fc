/*
 * One branch and one event, without a machine.
 *
 * The fields of a branch stand in the order of their paths, so those below one name are a range of
 * them; the event's tree is walked with such ranges. A part of the event can meet a range in two
 * ways, and sometimes in both:
 *
 *   CHOSEN  every field holds, and one at least with a value: whatever arrays the values are in
 *           have their element chosen (rule 2 of pattern.h).
 *   EMPTY   every field holds because it has no value in this part (rule 3).
 *
 * An array is CHOSEN when one of its elements is, and EMPTY when all of them are: as long as no
 * element is chosen, each of them counts. An object is met when each of its names is, in whatever
 * way. Since all fields that an array can concern are in one range, no choice has to be taken back,
 * and the time is linear in the event times the depth of the branch's fields.
 */
#include "bus/pattern_parts.h"

#include "base/check.h"

enum { NOT_MET = 0, CHOSEN = 1, EMPTY = 2 };

struct evaluation {
  const struct branch *branch;
  struct arena *arena;
  bool failed;
};

/* Fields first to end - 1 of the branch, alike in the first `depth` names. */
struct range {
  uint32_t first;
  uint32_t end;
  uint32_t depth;
};

static unsigned meet(struct evaluation *evaluation, struct range range, struct event_node *node);

static bool field_takes(const struct field *field, struct value *value, struct arena *arena,
                        bool *failed)
{
  for (uint32_t i = 0; i < field->tests_count && !*failed; i++)
    if (test_passes(&field->tests[i], value, arena, failed)) return true;
  return false;
}

bool field_has_value(const struct field *field, const struct event_path *values,
                     struct arena *arena, bool *failed)
{
  if (values == NULL) return false;
  for (struct event_node *node = values->first; node != NULL && !*failed; node = node->next_value)
    if (field_takes(field, &node->value, arena, failed)) return true;
  return false;
}

/* A part of the event that has no values for the range. */
static unsigned meet_nothing(const struct evaluation *evaluation, struct range range)
{
  for (uint32_t i = range.first; i < range.end; i++)
    if (!evaluation->branch->fields[i]->may_be_absent) return NOT_MET;
  return EMPTY;
}

static unsigned meet_array(struct evaluation *evaluation, struct range range,
                           struct event_node *array)
{
  unsigned ways = meet_nothing(evaluation, range);
  for (struct event_node *node = array->child; node != NULL; node = node->next) {
    unsigned met = meet(evaluation, range, node);
    if (evaluation->failed) return NOT_MET;
    ways = (ways & met & EMPTY) | ((ways | met) & CHOSEN);
  }
  return ways;
}

static struct event_node *find_child(struct event_node *object, uint32_t path)
{
  struct event_node *node = object->child;
  while (node != NULL && node->path != path) node = node->next;
  return node;
}

static unsigned meet_object(struct evaluation *evaluation, struct range range,
                            struct event_node *object)
{
  struct field **fields = evaluation->branch->fields;
  unsigned empty = EMPTY;
  unsigned chosen = NOT_MET;
  for (uint32_t first = range.first; first < range.end;) {
    uint32_t path = fields[first]->path[range.depth];
    struct range part = {first, first + 1, range.depth + 1};
    while (part.end < range.end && fields[part.end]->path[range.depth] == path) part.end++;
    struct event_node *child = find_child(object, path);
    unsigned met = child == NULL ? meet_nothing(evaluation, part) : meet(evaluation, part, child);
    if (met == NOT_MET) return NOT_MET;
    chosen |= met & CHOSEN;
    empty &= met;
    first = part.end;
  }
  return chosen | empty;
}

/* `node` is what the event has at the first range.depth names. */
static unsigned meet(struct evaluation *evaluation, struct range range, struct event_node *node)
{
  const struct field *field = evaluation->branch->fields[range.first];
  bool is_field = field->depth == range.depth;
  CHECK(!is_field || range.end == range.first + 1);
  switch (node->kind) {
  case EVENT_ARRAY:
    return meet_array(evaluation, range, node);
  case EVENT_OBJECT:
    if (!is_field) return meet_object(evaluation, range, node);
    return meet_nothing(evaluation, range);
  case EVENT_VALUE:
    if (!is_field) return meet_nothing(evaluation, range);
    if (field_takes(field, &node->value, evaluation->arena, &evaluation->failed)) return CHOSEN;
    break;
  }
  return NOT_MET;
}

bool branch_holds(const struct branch *branch, const struct event *event, struct arena *arena,
                  bool *failed)
{
  struct evaluation evaluation = {branch, arena, false};
  struct range range = {0, branch->count, 0};
  bool holds = meet(&evaluation, range, event->root) != NOT_MET;
  if (evaluation.failed) *failed = true;
  return holds && !evaluation.failed;
}

bool pattern_holds(const struct pattern *pattern, const struct event *event, struct arena *arena,
                   bool *failed)
{
  for (uint32_t i = 0; i < pattern->branches_count && !*failed; i++)
    if (branch_holds(&pattern->branches[i], event, arena, failed)) return true;
  return false;
}

bool pattern_check(struct bytes text, struct arena *arena, struct error *error)
{
  return pattern_parse(text, arena, error) != NULL;
}

enum pattern_answer pattern_read_both(struct bytes text, struct bytes event_text,
                                      struct arena *arena, struct pattern_and_event *both,
                                      struct error *error)
{
  both->pattern = pattern_parse(text, arena, error);
  if (both->pattern == NULL)
    return error->code == ERROR_NO_MEMORY ? PATTERN_NO_MEMORY : PATTERN_INVALID;
  if (!paths_init(&both->paths, arena, (uint64_t)(uintptr_t)arena) ||
      !paths_resolve(&both->paths, both->pattern)) {
    error_set(error, ERROR_NO_MEMORY, "out of memory");
    return PATTERN_NO_MEMORY;
  }
  if (!event_read(&both->event, event_text, false, &both->paths, arena, error))
    return error->code == ERROR_NO_MEMORY ? PATTERN_NO_MEMORY : PATTERN_INVALID_EVENT;
  bool failed = false;
  bool holds = pattern_holds(both->pattern, &both->event, arena, &failed);
  if (!failed) return holds ? PATTERN_MATCH : PATTERN_NO_MATCH;
  error_set(error, ERROR_NO_MEMORY, "out of memory");
  return PATTERN_NO_MEMORY;
}

enum pattern_answer pattern_test(struct bytes pattern, struct bytes event, struct arena *arena,
                                 struct error *error)
{
  struct pattern_and_event both;
  return pattern_read_both(pattern, event, arena, &both, error);
}
