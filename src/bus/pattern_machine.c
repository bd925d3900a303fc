#include "bus/pattern_parts.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>

enum {
  GROUP_TESTS_MAX = 8, /* tests of a group that are tried one after the other; above: an index */
};

/* What a field's tests find, from the rarest to what most events have. */
enum field_class { EXACT, PARTIAL, COMMON, ABSENT };

/* --- What fields are alike --- */

static uint64_t mix(uint64_t left, uint64_t right)
{
  uint64_t mixed = (left ^ right) * 0x9e3779b97f4a7c15;
  return mixed ^ mixed >> 32;
}

static uint64_t test_hash(const struct test *test, uint64_t seed)
{
  uint64_t hash = hash_bytes(test->text, seed + test->kind);
  hash = mix(hash, test->bits);
  hash = mix(mix(hash, (uint64_t)test->low), (uint64_t)test->high);
  if (test->kind == TEST_ANYTHING_BUT)
    for (uint32_t i = 0; i < test->count; i++)
      hash = mix(hash, test_hash(&test->excluded[i], seed));
  return hash;
}

static bool tests_equal(const struct test *left, const struct test *right, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    const struct test *a = &left[i];
    const struct test *b = &right[i];
    if (a->kind != b->kind || a->bits != b->bits || a->low != b->low || a->high != b->high ||
        a->count != b->count || !bytes_equal(a->text, b->text))
      return false;
    if (a->kind == TEST_ANYTHING_BUT && !tests_equal(a->excluded, b->excluded, a->count))
      return false;
  }
  return true;
}

static uint32_t own_path(const struct field *field)
{
  return field->path[field->depth - 1];
}

static bool fields_equal(const struct field *left, const struct field *right)
{
  return own_path(left) == own_path(right) && left->tests_count == right->tests_count &&
         tests_equal(left->tests, right->tests, left->tests_count);
}

static enum field_class class_of_test(const struct test *test)
{
  switch (test->kind) {
  case TEST_PREFIX:
  case TEST_SUFFIX:
  case TEST_PREFIX_FOLDED:
  case TEST_SUFFIX_FOLDED:
  case TEST_WILDCARD:
  case TEST_NUMERIC:
  case TEST_CIDR4:
  case TEST_CIDR6:
    return PARTIAL;
  case TEST_PRESENT:
  case TEST_ANYTHING_BUT:
    return COMMON;
  case TEST_ABSENT:
    return ABSENT;
  default:
    return EXACT;
  }
}

/* --- Building --- */

struct builder {
  struct machine *machine;
  struct arena *arena;
  struct arena *scratch;
  uint32_t *counts; /* how many fields have a test, by its hash; equal hashes count as one */
  uint64_t counts_mask;
  struct field **fields; /* by hash, one for each id */
  uint64_t *fields_hashes;
  uint64_t fields_mask;
  struct edge **edges; /* by state and field id */
  uint64_t edges_mask;
  uint32_t fields_count;
  uint32_t states_count;
};

/* A table for `count` elements: `slots` times two or more, a power of two, zeroed. */
static void *make_table(struct arena *arena, uint64_t count, size_t size, uint64_t *mask)
{
  uint64_t slots = 16;
  while (slots < 2 * count) slots *= 2;
  void *table = arena_alloc_array(arena, slots, size);
  if (table != NULL) memset(table, 0, slots * size);
  *mask = slots - 1;
  return table;
}

static uint64_t pair_hash(uint32_t left, uint32_t right)
{
  return mix(mix((uint64_t)left << 32 | right, 0xa0761d6478bd642f), 0xe7037ed1a0b428db);
}

static struct state *add_state(struct builder *builder)
{
  struct state *state = arena_alloc(builder->arena, sizeof(*state));
  if (state != NULL) *state = (struct state){.number = builder->states_count++};
  return state;
}

/* The place of a group in the machine's table, or where it belongs. */
static struct group **group_slot(const struct machine *machine, uint32_t state, uint32_t path)
{
  uint64_t slot = pair_hash(state, path) & machine->groups_mask;
  for (;; slot = (slot + 1) & machine->groups_mask) {
    struct group *group = machine->groups[slot];
    if (group == NULL || (group->state == state && group->path == path))
      return &machine->groups[slot];
  }
}

static struct group *find_or_add_group(struct builder *builder, struct state *state, uint32_t path)
{
  struct group **slot = group_slot(builder->machine, state->number, path);
  if (*slot != NULL) return *slot;
  struct group *group = arena_alloc(builder->arena, sizeof(*group));
  if (group == NULL) return NULL;
  *group = (struct group){.state = state->number, .path = path, .next = state->groups};
  state->groups = group;
  state->groups_count++;
  *slot = group;
  return group;
}

static struct edge *add_edge(struct builder *builder, struct state *state,
                             const struct field *field)
{
  struct group *group = find_or_add_group(builder, state, own_path(field));
  struct edge *edge = arena_alloc(builder->arena, sizeof(*edge));
  struct state *to = add_state(builder);
  if (group == NULL || edge == NULL || to == NULL) return NULL;
  *edge = (struct edge){.from = state->number, .field = field, .to = to, .next = group->edges};
  group->edges = edge;
  group->tests_count += field->tests_count;
  if (field->may_be_absent) {
    if (group->absent == NULL) {
      group->next_absent = state->absent_groups;
      state->absent_groups = group;
    }
    edge->next_absent = group->absent;
    group->absent = edge;
  }
  return edge;
}

/* Where the field leads to from a state; NULL without memory. */
static struct state *step(struct builder *builder, struct state *state, const struct field *field)
{
  uint64_t slot = pair_hash(state->number, field->id) & builder->edges_mask;
  for (; builder->edges[slot] != NULL; slot = (slot + 1) & builder->edges_mask) {
    const struct edge *edge = builder->edges[slot];
    if (edge->from == state->number && edge->field->id == field->id) return edge->to;
  }
  struct edge *edge = add_edge(builder, state, field);
  if (edge == NULL) return NULL;
  builder->edges[slot] = edge;
  return edge->to;
}

static uint32_t *count_of(const struct builder *builder, const struct field *field,
                          const struct test *test)
{
  uint64_t hash = mix(test_hash(test, builder->machine->paths->seed), own_path(field));
  return &builder->counts[hash & builder->counts_mask];
}

/*
 * By class, then by how many fields share the commonest of the tests, in powers of two so that
 * fields of much the same rarity come in one order for all rules, then by path.
 */
static uint64_t order_of(const struct builder *builder, const struct field *field)
{
  uint64_t class = EXACT;
  uint32_t count = 1;
  for (uint32_t i = 0; i < field->tests_count; i++) {
    uint64_t test_class = class_of_test(&field->tests[i]);
    uint32_t test_count = *count_of(builder, field, &field->tests[i]);
    if (test_class > class) class = test_class;
    if (test_count > count) count = test_count;
  }
  uint64_t log_count = 31 - (uint64_t)__builtin_clz(count);
  return class << 48 | log_count << 32 | own_path(field);
}

/* Gives equal fields one id. */
static void identify(struct builder *builder, struct field *field)
{
  uint64_t hash = own_path(field);
  for (uint32_t i = 0; i < field->tests_count; i++)
    hash = mix(hash, test_hash(&field->tests[i], builder->machine->paths->seed));
  uint64_t slot = hash & builder->fields_mask;
  for (; builder->fields[slot] != NULL; slot = (slot + 1) & builder->fields_mask) {
    if (builder->fields_hashes[slot] != hash) continue;
    if (!fields_equal(builder->fields[slot], field)) continue;
    field->id = builder->fields[slot]->id;
    return;
  }
  field->id = builder->fields_count++;
  builder->fields[slot] = field;
  builder->fields_hashes[slot] = hash;
}

static int compare_orders(const void *left, const void *right)
{
  const struct field *a = *(struct field *const *)left;
  const struct field *b = *(struct field *const *)right;
  if (a->order != b->order) return a->order > b->order ? 1 : -1;
  return (a->id > b->id) - (a->id < b->id);
}

/* The states of a branch; `fields` has room for its fields. */
static bool add_branch(struct builder *builder, const struct machine_rule *rule,
                       const struct branch *branch, struct field **fields)
{
  memcpy(fields, branch->fields, branch->count * sizeof(struct field *));
  qsort(fields, branch->count, sizeof(struct field *), compare_orders);
  struct state *state = builder->machine->root;
  for (uint32_t i = 0; i < branch->count && state != NULL; i++)
    state = step(builder, state, fields[i]);
  struct state_end *end = arena_alloc(builder->arena, sizeof(*end));
  if (state == NULL || end == NULL) return false;
  *end = (struct state_end){
      .rule = rule->rule, .generation = rule->generation, .branch = branch, .next = state->ends};
  state->ends = end;
  return true;
}

/* How much there is of what tables are made for. */
struct totals {
  uint64_t fields;
  uint64_t tests;
  uint64_t uses;        /* fields of all branches: no more edges, groups and states than these */
  uint32_t branch_most; /* fields of one branch */
};

static struct totals count_totals(const struct machine_rule *rules, uint32_t count)
{
  struct totals totals = {0};
  for (uint32_t i = 0; i < count; i++) {
    const struct pattern *pattern = rules[i].pattern;
    totals.fields += pattern->fields_count;
    for (uint32_t j = 0; j < pattern->fields_count; j++)
      totals.tests += pattern->fields[j]->tests_count;
    for (uint32_t j = 0; j < pattern->branches_count; j++) {
      uint32_t fields = pattern->branches[j].count;
      totals.uses += fields;
      if (fields > totals.branch_most) totals.branch_most = fields;
    }
  }
  return totals;
}

static bool make_tables(struct builder *builder, const struct totals *totals)
{
  struct arena *scratch = builder->scratch;
  struct machine *machine = builder->machine;
  builder->counts = make_table(scratch, totals->tests, sizeof(uint32_t), &builder->counts_mask);
  builder->fields = make_table(scratch, totals->fields, sizeof(struct field *),
                               &builder->fields_mask);
  builder->fields_hashes = make_table(scratch, totals->fields, sizeof(uint64_t),
                                      &builder->fields_mask);
  builder->edges = make_table(scratch, totals->uses, sizeof(struct edge *), &builder->edges_mask);
  machine->groups = make_table(builder->arena, totals->uses, sizeof(struct group *),
                               &machine->groups_mask);
  machine->root = add_state(builder);
  return builder->counts != NULL && builder->fields != NULL && builder->fields_hashes != NULL &&
         builder->edges != NULL && machine->groups != NULL && machine->root != NULL;
}

static bool add_rules(struct builder *builder, const struct machine_rule *rules, uint32_t count,
                      uint32_t branch_most)
{
  struct field **fields = arena_alloc_array(builder->scratch, branch_most, sizeof(*fields));
  if (fields == NULL) return false;
  for (uint32_t i = 0; i < count; i++) {
    struct pattern *pattern = rules[i].pattern;
    for (uint32_t j = 0; j < pattern->fields_count; j++)
      for (uint32_t k = 0; k < pattern->fields[j]->tests_count; k++)
        ++*count_of(builder, pattern->fields[j], &pattern->fields[j]->tests[k]);
  }
  for (uint32_t i = 0; i < count; i++) {
    struct pattern *pattern = rules[i].pattern;
    for (uint32_t j = 0; j < pattern->fields_count; j++) {
      identify(builder, pattern->fields[j]);
      pattern->fields[j]->order = order_of(builder, pattern->fields[j]);
    }
    for (uint32_t j = 0; j < pattern->branches_count; j++)
      if (!add_branch(builder, &rules[i], &pattern->branches[j], fields)) return false;
  }
  return true;
}

/* Indexes for the groups that have many tests. */
static bool add_indexes(struct builder *builder)
{
  struct machine *machine = builder->machine;
  uint64_t tests = 0;
  for (uint64_t slot = 0; slot <= machine->groups_mask; slot++) {
    const struct group *group = machine->groups[slot];
    if (group != NULL && group->tests_count > GROUP_TESTS_MAX) tests += group->tests_count;
  }
  if (!index_table_init(&machine->table, machine->arena, machine->paths->seed, tests)) return false;
  for (uint64_t slot = 0; slot <= machine->groups_mask; slot++) {
    struct group *group = machine->groups[slot];
    if (group == NULL || group->tests_count <= GROUP_TESTS_MAX) continue;
    arena_reset(builder->scratch); /* nothing of the tables is needed any more */
    if (!index_build(&machine->table, group, machine->arena, builder->scratch)) return false;
  }
  return true;
}

struct machine *machine_build(const struct machine_rule *rules, uint32_t count, struct paths *paths)
{
  struct machine *machine = arena_alloc(paths->arena, sizeof(*machine));
  if (machine == NULL) return NULL;
  *machine = (struct machine){.arena = paths->arena, .paths = paths};
  struct arena scratch;
  arena_init(&scratch, paths->arena->memory);
  struct builder builder = {.machine = machine, .arena = paths->arena, .scratch = &scratch};
  struct totals totals = count_totals(rules, count);
  bool good = make_tables(&builder, &totals) &&
              add_rules(&builder, rules, count, totals.branch_most) && add_indexes(&builder);
  arena_free(&scratch);
  return good ? machine : NULL;
}

/* --- Matching --- */

static void match_group(const struct machine *machine, const struct group *group,
                        const struct event_path *values, struct machine_walk *walk)
{
  if (group->index == NULL) {
    for (const struct edge *edge = group->edges; edge != NULL; edge = edge->next)
      if (edge->to->stamp != walk->paths->stamp &&
          field_has_value(edge->field, values, walk->arena, &walk->failed))
        walk_reach(walk, edge->to);
    return;
  }
  for (struct event_node *node = values->first; node != NULL; node = node->next_value)
    index_match(&machine->table, group, &node->value, walk);
}

/* Follows the edges of a state, by its groups or by the event's paths, whichever are fewer. */
static void leave_state(const struct machine *machine, const struct state *state,
                        struct machine_walk *walk)
{
  if (state->groups_count <= walk->event->paths_count) {
    for (const struct group *group = state->groups; group != NULL; group = group->next) {
      const struct event_path *values = event_values(walk->paths, group->path);
      if (values != NULL) match_group(machine, group, values, walk);
    }
  } else {
    for (const struct event_path *values = walk->event->paths; values != NULL;
         values = values->next) {
      const struct group *group = *group_slot(machine, state->number, values->path);
      if (group != NULL) match_group(machine, group, values, walk);
    }
  }
  /* A value in an element may be in another one than those that other fields choose. */
  for (const struct group *group = state->absent_groups; group != NULL;
       group = group->next_absent) {
    const struct event_path *values = event_values(walk->paths, group->path);
    if (values != NULL && !values->in_element) continue;
    for (const struct edge *edge = group->absent; edge != NULL; edge = edge->next_absent)
      walk_reach(walk, edge->to);
  }
}

bool machine_match(struct machine *machine, const struct event *event, struct arena *arena,
                   machine_found *found, void *context)
{
  struct machine_walk walk = {.event = event, .paths = machine->paths, .arena = arena};
  walk_reach(&walk, machine->root);
  while (walk.reached != NULL && !walk.failed) {
    struct state *state = walk.reached;
    walk.reached = state->next_reached;
    for (const struct state_end *end = state->ends; end != NULL; end = end->next)
      if (!found(context, end)) return false;
    leave_state(machine, state, &walk);
  }
  return !walk.failed;
}
