#include "bus/pattern_parts.h"

#include "base/check.h"

#include <stdlib.h>

enum {
  SLOTS_FIRST = 16,
  MATCHES_FIRST = 16,
  REMOVED_KEPT = 64, /* removed rules that a machine carries along, at least */
};

struct rule_slot {
  uint8_t *text; /* NULL: no rule of this number */
  uint32_t text_size;
  uint32_t generation; /* counts the rules that had the number */
  uint64_t matched;    /* the set's newest match that found it */
};

/* A machine with the memory it is in. */
struct built {
  struct arena arena;
  struct paths paths;
  struct machine *machine;
};

/*
 * Invariants: unless `stale`, each rule is either in the machine or among the recent ones; either
 * may also have rules that were removed since, known by their generation.
 */
struct pattern_set {
  struct memory *memory;
  uint64_t seed;
  struct rule_slot *slots;
  uint32_t slots_count;
  uint32_t count;   /* rules */
  uint32_t removed; /* since the machine was built */
  uint64_t matches; /* made so far */
  struct built *built;
  bool trusted; /* events are well-formed */
  bool stale;   /* the machine must be built anew before it is used */
  uint32_t recent_count;
  struct machine_rule recent[PATTERN_RECENT_MAX]; /* patterns in built->arena */
  struct arena scratch;                           /* of a check and of a build */
};

/* --- Building --- */

static void free_built(struct pattern_set *set, struct built *built)
{
  if (built == NULL) return;
  arena_free(&built->arena);
  memory_free(set->memory, built, sizeof(*built));
}

static struct bytes slot_text(const struct rule_slot *slot)
{
  return bytes_of(slot->text, slot->text_size);
}

/* A rule's pattern with its paths in `built`; NULL without memory. */
static struct pattern *parse_into(struct built *built, const struct rule_slot *slot)
{
  struct error error;
  struct pattern *pattern = pattern_parse(slot_text(slot), &built->arena, &error);
  CHECK(pattern != NULL || error.code == ERROR_NO_MEMORY); /* it was checked when added */
  if (pattern == NULL || !paths_resolve(&built->paths, pattern)) return NULL;
  return pattern;
}

static bool build_into(struct pattern_set *set, struct built *built)
{
  if (!paths_init(&built->paths, &built->arena, set->seed)) return false;
  struct machine_rule *rules = arena_alloc_array(&set->scratch, set->count, sizeof(*rules));
  if (rules == NULL) return false;
  uint32_t count = 0;
  for (uint32_t rule = 0; rule < set->slots_count; rule++) {
    const struct rule_slot *slot = &set->slots[rule];
    if (slot->text == NULL) continue;
    struct pattern *pattern = parse_into(built, slot);
    if (pattern == NULL) return false;
    rules[count++] = (struct machine_rule){rule, slot->generation, pattern};
  }
  CHECK_THAT(count, ==, set->count);
  built->machine = machine_build(rules, count, &built->paths);
  return built->machine != NULL;
}

/* Replaces the machine; false without memory, and the set is as before. */
static bool build(struct pattern_set *set)
{
  struct built *built = memory_alloc_zeroed(set->memory, sizeof(*built));
  if (built == NULL) return false;
  arena_init(&built->arena, set->memory);
  arena_reset(&set->scratch);
  if (!build_into(set, built)) {
    free_built(set, built);
    return false;
  }
  free_built(set, set->built);
  set->built = built;
  set->stale = false;
  set->recent_count = 0;
  set->removed = 0;
  return true;
}

struct pattern_set *pattern_set_new(struct memory *memory, uint64_t seed)
{
  struct pattern_set *set = memory_alloc_zeroed(memory, sizeof(*set));
  if (set == NULL) return NULL;
  set->memory = memory;
  set->seed = seed;
  arena_init(&set->scratch, memory);
  if (build(set)) return set;
  pattern_set_free(set);
  return NULL;
}

void pattern_set_free(struct pattern_set *set)
{
  if (set == NULL) return;
  free_built(set, set->built);
  for (uint32_t i = 0; i < set->slots_count; i++)
    memory_free(set->memory, set->slots[i].text, set->slots[i].text_size);
  memory_free(set->memory, set->slots, set->slots_count * sizeof(*set->slots));
  arena_free(&set->scratch);
  memory_free(set->memory, set, sizeof(*set));
}

/* --- Rules --- */

static struct rule_slot *find_rule(const struct pattern_set *set, uint32_t rule)
{
  if (rule >= set->slots_count || set->slots[rule].text == NULL) return NULL;
  return &set->slots[rule];
}

/* Makes room for rule numbers up to `rule`. */
static bool grow_slots(struct pattern_set *set, uint32_t rule)
{
  if (rule < set->slots_count) return true;
  uint32_t count = set->slots_count == 0 ? SLOTS_FIRST : set->slots_count;
  while (count <= rule) count *= 2;
  size_t old_size = set->slots_count * sizeof(*set->slots);
  size_t new_size = count * sizeof(*set->slots);
  struct rule_slot *slots = memory_resize(set->memory, set->slots, old_size, new_size);
  if (slots == NULL) return false;
  memset((uint8_t *)slots + old_size, 0, new_size - old_size);
  set->slots = slots;
  set->slots_count = count;
  return true;
}

/* Has the rule tried beside the machine, or the machine built anew. Cannot fail. */
static void make_recent(struct pattern_set *set, uint32_t rule)
{
  if (set->stale) return;
  set->stale = true;
  if (set->recent_count == PATTERN_RECENT_MAX) return;
  const struct rule_slot *slot = &set->slots[rule];
  struct pattern *pattern = parse_into(set->built, slot);
  if (pattern == NULL) return;
  set->recent[set->recent_count++] = (struct machine_rule){rule, slot->generation, pattern};
  set->stale = false;
}

bool pattern_set_add(struct pattern_set *set, uint32_t rule, struct bytes text, struct error *error)
{
  if (rule >= PATTERN_RULES_MAX)
    return error_set(error, ERROR_LIMIT, "rule number %u is not below %d", (unsigned)rule,
                     PATTERN_RULES_MAX);
  if (find_rule(set, rule) != NULL)
    return error_set(error, ERROR_EXISTS, "there is a rule with number %u", (unsigned)rule);
  arena_reset(&set->scratch);
  if (!pattern_check(text, &set->scratch, error)) return false;
  uint8_t *copy = memory_alloc(set->memory, text.size);
  if (copy == NULL || !grow_slots(set, rule)) {
    memory_free(set->memory, copy, copy == NULL ? 0 : text.size);
    return error_set(error, ERROR_NO_MEMORY, "out of memory");
  }
  /* Past this line nothing can fail. */
  memcpy(copy, text.data, text.size);
  struct rule_slot *slot = &set->slots[rule];
  slot->text = copy;
  slot->text_size = (uint32_t)text.size;
  set->count++;
  make_recent(set, rule);
  return true;
}

bool pattern_set_remove(struct pattern_set *set, uint32_t rule)
{
  struct rule_slot *slot = find_rule(set, rule);
  if (slot == NULL) return false;
  memory_free(set->memory, slot->text, slot->text_size);
  slot->text = NULL;
  slot->text_size = 0;
  slot->generation++;
  set->count--;
  set->removed++;
  if (set->removed > REMOVED_KEPT + set->count) set->stale = true;
  return true;
}

void pattern_set_trust(struct pattern_set *set)
{
  set->trusted = true;
}

uint32_t pattern_set_count(const struct pattern_set *set)
{
  return set->count;
}

struct bytes pattern_set_text(const struct pattern_set *set, uint32_t rule)
{
  const struct rule_slot *slot = find_rule(set, rule);
  return slot == NULL ? bytes_of(NULL, 0) : slot_text(slot);
}

/* --- Matching --- */

struct search {
  struct pattern_set *set;
  const struct event *event;
  struct arena *arena;
  uint32_t *rules;
  uint32_t count;
  uint32_t capacity;
  bool failed; /* no memory */
};

static bool add_match(struct search *search, uint32_t rule)
{
  if (search->count == search->capacity) {
    uint32_t capacity = search->capacity == 0 ? MATCHES_FIRST : 2 * search->capacity;
    uint32_t *rules = arena_alloc_array(search->arena, capacity, sizeof(*rules));
    if (rules == NULL) return false;
    if (search->count > 0) memcpy(rules, search->rules, search->count * sizeof(*rules));
    search->rules = rules;
    search->capacity = capacity;
  }
  search->rules[search->count++] = rule;
  search->set->slots[rule].matched = search->set->matches;
  return true;
}

/* Whether a rule of the machine is still that rule, and was not found yet. */
static bool is_open(const struct search *search, uint32_t rule, uint32_t generation)
{
  const struct rule_slot *slot = find_rule(search->set, rule);
  return slot != NULL && slot->generation == generation && slot->matched != search->set->matches;
}

static bool found(void *context, const struct state_end *end)
{
  struct search *search = context;
  if (!is_open(search, end->rule, end->generation)) return true;
  if (search->event->has_elements &&
      !branch_holds(end->branch, search->event, search->arena, &search->failed))
    return !search->failed;
  return add_match(search, end->rule);
}

static bool match_recent(struct search *search)
{
  const struct pattern_set *set = search->set;
  for (uint32_t i = 0; i < set->recent_count; i++) {
    const struct machine_rule *recent = &set->recent[i];
    if (!is_open(search, recent->rule, recent->generation)) continue;
    bool holds = pattern_holds(recent->pattern, search->event, search->arena, &search->failed);
    if (search->failed || (holds && !add_match(search, recent->rule))) return false;
  }
  return true;
}

static int compare_rules(const void *left, const void *right)
{
  uint32_t a = *(const uint32_t *)left;
  uint32_t b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

bool pattern_set_match(struct pattern_set *set, struct bytes event_text, struct arena *arena,
                       struct pattern_matches *matches, struct error *error)
{
  struct event event;
  if (set->stale && !build(set)) return error_set(error, ERROR_NO_MEMORY, "out of memory");
  struct built *built = set->built;
  if (!event_read(&event, event_text, set->trusted, &built->paths, arena, error)) return false;
  struct search search = {.set = set, .event = &event, .arena = arena};
  set->matches++;
  if (!machine_match(built->machine, &event, arena, found, &search) || !match_recent(&search))
    return error_set(error, ERROR_NO_MEMORY, "out of memory");
  if (search.count > 1) qsort(search.rules, search.count, sizeof(uint32_t), compare_rules);
  *matches = (struct pattern_matches){search.rules, search.count};
  return true;
}
