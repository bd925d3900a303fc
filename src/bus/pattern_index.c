/*
 * The tests of a large group, found by the value instead of one after the other:
 *
 *   strings, numbers, true ...   one lookup of the value's hash
 *   prefix, suffix               one lookup for each length that some test has, by a polynomial
 *                                hash that grows byte by byte
 *   wildcard                     by the rarest of its literals: one at an end like a prefix or
 *                                suffix, one in the middle by a window that slides over the value
 *   cidr                         one lookup for each number of mask bits that some test has
 *   numeric                      intervals ordered by their lower bound, in a tree that has the
 *                                greatest upper bound of each part
 *   anything-but, exists: true   one after the other
 *
 * All lookups are in one table, keyed by group, kind, length and text. A hit is only a candidate:
 * the test itself decides.
 *
 * The polynomial hash of b[0..n) is b[0] base^(n-1) + ... + b[n-1] modulo 2^61 - 1, with a base
 * that depends on the set's seed: nobody who does not know it can make texts collide (Carter and
 * Wegman, "Universal classes of hash functions", 1979).
 */
#include "bus/pattern_parts.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>

enum {
  WINDOW_BYTES_MAX =
      16, /* of a literal in the middle of a wildcard: bounds the passes over a value */
};

#define MODULUS (((uint64_t)1 << 61) - 1)

/* Kinds of lookups that have several lengths; of a CIDR it is the number of bits. */
enum length_kind {
  BY_PREFIX,
  BY_SUFFIX,
  BY_PREFIX_FOLDED,
  BY_SUFFIX_FOLDED,
  BY_WINDOW,
  BY_CIDR4,
  BY_CIDR6,
  LENGTH_KINDS,
};

/* And those that have one. They count on from there: both are kinds in a key. */
enum whole_kind {
  BY_LITERAL = LENGTH_KINDS, /* null, false, true */
  BY_NUMBER,
  BY_STRING,
  BY_EQUALS_FOLDED,
};

struct lengths {
  uint16_t *each; /* ascending, different */
  uint32_t count;
};

struct interval {
  int64_t low, high;
  int64_t greatest; /* high of the part whose middle this is */
  struct edge *edge;
};

struct group_index {
  struct lengths lengths[LENGTH_KINDS];
  bool has_equals_folded;
  struct interval *intervals; /* ascending by low */
  uint32_t intervals_count;
  struct index_entry *plain; /* tried for each value */
};

/* How one test is found. */
struct lookup {
  unsigned kind; /* length_kind or whole_kind; PLAIN, INTERVAL */
  uint32_t length;
  uint64_t hash;
};

enum { PLAIN = 100, INTERVAL };

/* --- Hashes --- */

static uint64_t multiply(uint64_t left, uint64_t right)
{
  unsigned __int128 product = (unsigned __int128)left * right;
  uint64_t sum = (uint64_t)(product & MODULUS) + (uint64_t)(product >> 61);
  return sum >= MODULUS ? sum - MODULUS : sum;
}

static uint64_t add(uint64_t left, uint64_t right)
{
  uint64_t sum = left + right;
  return sum >= MODULUS ? sum - MODULUS : sum;
}

static uint64_t polynomial(const struct index_table *table, struct bytes text)
{
  uint64_t hash = 0;
  for (size_t i = 0; i < text.size; i++) hash = add(multiply(hash, table->base), text.data[i]);
  return hash;
}

/* The key of a lookup in a group. */
static uint64_t key_of(const struct group *group, unsigned kind, uint64_t length, uint64_t hash)
{
  uint64_t key = hash ^ ((uint64_t)group->state << 32 | group->path) * 0x9e3779b97f4a7c15;
  key = (key ^ key >> 32) * 0xd6e8feb86659fd93;
  key ^= (length << 8 | kind) * 0xff51afd7ed558ccd;
  key = (key ^ key >> 32) * 0xd6e8feb86659fd93;
  return key ^ key >> 32;
}

bool index_table_init(struct index_table *table, struct arena *arena, uint64_t seed, uint64_t count)
{
  *table = (struct index_table){.seed = seed};
  if (count == 0) return true; /* no group will look anything up */
  uint64_t slots = 16;
  while (slots < 2 * count) slots *= 2;
  uint64_t *powers = arena_alloc_array(arena, PATTERN_BYTES_MAX + 1, sizeof(*powers));
  *table = (struct index_table){.seed = seed, .powers = powers, .mask = slots - 1};
  table->slots = arena_alloc_array(arena, slots, sizeof(struct index_entry *));
  if (powers == NULL || table->slots == NULL) return false;
  memset(table->slots, 0, slots * sizeof(struct index_entry *));
  table->base = 256 + hash_bytes(BYTES("base"), seed) % (MODULUS - 512);
  powers[0] = 1;
  for (int i = 0; i < PATTERN_BYTES_MAX; i++) powers[i + 1] = multiply(powers[i], table->base);
  return true;
}

/* --- Building --- */

static struct lookup by_text(const struct index_table *table, unsigned kind, struct bytes text)
{
  return (struct lookup){kind, (uint32_t)text.size, polynomial(table, text)};
}

static struct lookup by_whole(const struct index_table *table, unsigned kind, struct bytes text)
{
  return (struct lookup){kind, 0, hash_bytes(text, table->seed)};
}

/* How often each literal of the group's wildcards is there; equal hashes count as one. */
struct counts {
  uint32_t *slots;
  uint64_t mask;
};

static uint32_t *count_of(const struct counts *counts, const struct lookup *lookup)
{
  uint64_t mixed = (lookup->hash + lookup->kind) * 0x9e3779b97f4a7c15;
  return &counts->slots[(mixed >> 32) & counts->mask];
}

/* The lookup for piece i of a wildcard. */
static struct lookup by_piece(const struct index_table *table, const struct test *test, uint32_t i)
{
  struct bytes piece = test->pieces[i];
  if (i == 0) return by_text(table, BY_PREFIX, piece);
  if (i + 1 == test->count) return by_text(table, BY_SUFFIX, piece);
  if (piece.size > WINDOW_BYTES_MAX) piece.size = WINDOW_BYTES_MAX;
  return by_text(table, BY_WINDOW, piece);
}

/* The rarest piece; among those at an end, then the longest. PLAIN when all are empty. */
static struct lookup rarest_piece(const struct index_table *table, const struct counts *counts,
                                  const struct test *test)
{
  struct lookup best = {.kind = PLAIN};
  uint64_t best_cost = UINT64_MAX;
  for (uint32_t i = 0; i < test->count; i++) {
    if (test->pieces[i].size == 0) continue;
    struct lookup lookup = by_piece(table, test, i);
    uint64_t cost = (uint64_t)*count_of(counts, &lookup) << 32 |
                    (uint64_t)(lookup.kind == BY_WINDOW) << 16 |
                    (uint64_t)(PATTERN_BYTES_MAX - lookup.length);
    if (cost >= best_cost) continue;
    best = lookup;
    best_cost = cost;
  }
  return best;
}

static struct lookup lookup_of(const struct index_table *table, const struct counts *counts,
                               const struct test *test)
{
  switch (test->kind) {
  case TEST_NULL:
  case TEST_FALSE:
  case TEST_TRUE:
    return (struct lookup){BY_LITERAL, 0, test->kind};
  case TEST_NUMBER:
    return by_whole(table, BY_NUMBER, test->text);
  case TEST_STRING:
    return by_whole(table, BY_STRING, test->text);
  case TEST_EQUALS_FOLDED:
    return by_whole(table, BY_EQUALS_FOLDED, test->text);
  case TEST_PREFIX:
    return by_text(table, BY_PREFIX, test->text);
  case TEST_SUFFIX:
    return by_text(table, BY_SUFFIX, test->text);
  case TEST_PREFIX_FOLDED:
    return by_text(table, BY_PREFIX_FOLDED, test->text);
  case TEST_SUFFIX_FOLDED:
    return by_text(table, BY_SUFFIX_FOLDED, test->text);
  case TEST_WILDCARD:
    return rarest_piece(table, counts, test);
  case TEST_CIDR4:
  case TEST_CIDR6:
    return (struct lookup){test->kind == TEST_CIDR4 ? BY_CIDR4 : BY_CIDR6, test->bits,
                           hash_bytes(test->text, table->seed)};
  case TEST_NUMERIC:
    return (struct lookup){.kind = INTERVAL};
  default:
    return (struct lookup){.kind = PLAIN};
  }
}

static bool count_literals(const struct index_table *table, const struct group *group,
                           struct counts *counts, struct arena *scratch)
{
  uint64_t pieces = 0;
  for (const struct edge *edge = group->edges; edge != NULL; edge = edge->next)
    for (uint32_t i = 0; i < edge->field->tests_count; i++)
      if (edge->field->tests[i].kind == TEST_WILDCARD) pieces += edge->field->tests[i].count;
  uint64_t slots = 1;
  while (slots < 4 * pieces) slots *= 2;
  *counts = (struct counts){arena_alloc_array(scratch, slots, sizeof(uint32_t)), slots - 1};
  if (counts->slots == NULL) return false;
  memset(counts->slots, 0, slots * sizeof(uint32_t));
  for (const struct edge *edge = group->edges; edge != NULL && pieces > 0; edge = edge->next) {
    for (uint32_t i = 0; i < edge->field->tests_count; i++) {
      const struct test *test = &edge->field->tests[i];
      for (uint32_t piece = 0; test->kind == TEST_WILDCARD && piece < test->count; piece++) {
        struct lookup lookup = by_piece(table, test, piece);
        ++*count_of(counts, &lookup);
      }
    }
  }
  return true;
}

/* Which lengths there are, one bit each. */
struct length_sets {
  uint64_t bits[LENGTH_KINDS][PATTERN_BYTES_MAX / 64 + 1];
};

static bool list_lengths(struct group_index *index, const struct length_sets *sets,
                         struct arena *arena)
{
  for (int kind = 0; kind < LENGTH_KINDS; kind++) {
    struct lengths *lengths = &index->lengths[kind];
    const uint64_t *bits = sets->bits[kind];
    for (int word = 0; word <= PATTERN_BYTES_MAX / 64; word++)
      lengths->count += (uint32_t)__builtin_popcountll(bits[word]);
    if (lengths->count == 0) continue;
    lengths->each = arena_alloc_array(arena, lengths->count, sizeof(uint16_t));
    if (lengths->each == NULL) return false;
    uint32_t count = 0;
    for (uint32_t length = 0; length <= PATTERN_BYTES_MAX; length++)
      if (bits[length / 64] >> (length % 64) & 1) lengths->each[count++] = (uint16_t)length;
  }
  return true;
}

static int compare_intervals(const void *left, const void *right)
{
  int64_t a = ((const struct interval *)left)->low;
  int64_t b = ((const struct interval *)right)->low;
  return (a > b) - (a < b);
}

/* Sets `greatest` of the part [first, end); returns it. */
static int64_t set_greatest(struct interval *intervals, uint32_t first, uint32_t end)
{
  if (first == end) return INT64_MIN;
  uint32_t middle = first + (end - first) / 2;
  int64_t below = set_greatest(intervals, first, middle);
  int64_t above = set_greatest(intervals, middle + 1, end);
  int64_t greatest = intervals[middle].high;
  if (below > greatest) greatest = below;
  if (above > greatest) greatest = above;
  intervals[middle].greatest = greatest;
  return greatest;
}

struct building {
  struct index_table *table;
  struct group *group;
  struct group_index *index;
  struct length_sets *sets;
  struct counts counts;
  struct arena *arena;
};

static bool add_test(struct building *building, struct edge *edge, const struct test *test)
{
  struct group_index *index = building->index;
  struct lookup lookup = lookup_of(building->table, &building->counts, test);
  if (lookup.kind == INTERVAL) {
    index->intervals[index->intervals_count++] = (struct interval){
        .low = test->low, .high = test->high, .edge = edge};
    return true;
  }
  struct index_entry *entry = arena_alloc(building->arena, sizeof(*entry));
  if (entry == NULL) return false;
  *entry = (struct index_entry){.test = test, .edge = edge};
  struct index_entry **list = &index->plain;
  if (lookup.kind != PLAIN) {
    if (lookup.kind < LENGTH_KINDS)
      building->sets->bits[lookup.kind][lookup.length / 64] |= (uint64_t)1 << (lookup.length % 64);
    index->has_equals_folded |= lookup.kind == BY_EQUALS_FOLDED;
    entry->hash = key_of(building->group, lookup.kind, lookup.length, lookup.hash);
    list = &building->table->slots[entry->hash & building->table->mask];
  }
  entry->next = *list;
  *list = entry;
  return true;
}

static uint32_t count_kind(const struct group *group, enum test_kind kind)
{
  uint32_t count = 0;
  for (const struct edge *edge = group->edges; edge != NULL; edge = edge->next)
    for (uint32_t i = 0; i < edge->field->tests_count; i++)
      count += edge->field->tests[i].kind == kind;
  return count;
}

bool index_build(struct index_table *table, struct group *group, struct arena *arena,
                 struct arena *scratch)
{
  struct group_index *index = arena_alloc(arena, sizeof(*index));
  struct length_sets *sets = arena_alloc(scratch, sizeof(*sets));
  if (index == NULL || sets == NULL) return false;
  *index = (struct group_index){0};
  memset(sets, 0, sizeof(*sets));
  struct building building = {
      .table = table, .group = group, .index = index, .sets = sets, .arena = arena};
  index->intervals = arena_alloc_array(arena, count_kind(group, TEST_NUMERIC),
                                       sizeof(struct interval));
  if (index->intervals == NULL) return false;
  if (!count_literals(table, group, &building.counts, scratch)) return false;
  for (struct edge *edge = group->edges; edge != NULL; edge = edge->next) {
    for (uint32_t i = 0; i < edge->field->tests_count; i++) {
      const struct test *test = &edge->field->tests[i];
      if (test->kind != TEST_ABSENT && !add_test(&building, edge, test)) return false;
    }
  }
  qsort(index->intervals, index->intervals_count, sizeof(struct interval), compare_intervals);
  set_greatest(index->intervals, 0, index->intervals_count);
  if (!list_lengths(index, sets, arena)) return false;
  group->index = index;
  return true;
}

/* --- Matching --- */

struct matching {
  const struct index_table *table;
  const struct group *group;
  struct value *value;
  struct machine_walk *walk;
};

static void try_entry(const struct matching *matching, const struct index_entry *entry)
{
  struct machine_walk *walk = matching->walk;
  if (entry->edge->to->stamp == walk->paths->stamp) return;
  if (test_passes(entry->test, matching->value, walk->arena, &walk->failed))
    walk_reach(walk, entry->edge->to);
}

static void look_up(const struct matching *matching, unsigned kind, uint64_t length, uint64_t hash)
{
  uint64_t key = key_of(matching->group, kind, length, hash);
  const struct index_entry *entry = matching->table->slots[key & matching->table->mask];
  for (; entry != NULL; entry = entry->next)
    if (entry->hash == key) try_entry(matching, entry);
}

static void look_up_prefixes(const struct matching *matching, unsigned kind, struct bytes text)
{
  const struct lengths *lengths = &matching->group->index->lengths[kind];
  uint64_t hash = 0;
  size_t hashed = 0;
  for (uint32_t i = 0; i < lengths->count && lengths->each[i] <= text.size; i++) {
    for (; hashed < lengths->each[i]; hashed++)
      hash = add(multiply(hash, matching->table->base), text.data[hashed]);
    look_up(matching, kind, hashed, hash);
  }
}

/* From the end: one more byte in front of n others adds byte * base^n. */
static void look_up_suffixes(const struct matching *matching, unsigned kind, struct bytes text)
{
  const struct lengths *lengths = &matching->group->index->lengths[kind];
  const uint64_t *powers = matching->table->powers;
  uint64_t hash = 0;
  size_t hashed = 0;
  for (uint32_t i = 0; i < lengths->count && lengths->each[i] <= text.size; i++) {
    for (; hashed < lengths->each[i]; hashed++)
      hash = add(hash, multiply(text.data[text.size - 1 - hashed], powers[hashed]));
    look_up(matching, kind, hashed, hash);
  }
}

/* Every place of the text, for each length: the byte that leaves had the power length - 1. */
static void look_up_windows(const struct matching *matching, struct bytes text)
{
  const struct index_table *table = matching->table;
  const struct lengths *lengths = &matching->group->index->lengths[BY_WINDOW];
  for (uint32_t i = 0; i < lengths->count && lengths->each[i] <= text.size; i++) {
    size_t length = lengths->each[i];
    CHECK(length > 0 && length <= WINDOW_BYTES_MAX);
    uint64_t hash = polynomial(table, bytes_of(text.data, length));
    look_up(matching, BY_WINDOW, length, hash);
    for (size_t end = length; end < text.size; end++) {
      uint64_t leaving = multiply(text.data[end - length], table->powers[length - 1]);
      hash = add(multiply(add(hash, MODULUS - leaving), table->base), text.data[end]);
      look_up(matching, BY_WINDOW, length, hash);
    }
  }
}

static void look_up_networks(const struct matching *matching, unsigned kind)
{
  const struct lengths *lengths = &matching->group->index->lengths[kind];
  uint8_t masked[16];
  memcpy(masked, matching->value->address, sizeof(masked));
  for (uint32_t i = lengths->count; i > 0; i--) { /* descending: each mask leaves less */
    address_mask(masked, lengths->each[i - 1]);
    look_up(matching, kind, lengths->each[i - 1],
            hash_bytes(bytes_of(masked, sizeof(masked)), matching->table->seed));
  }
}

static void match_string(const struct matching *matching)
{
  const struct group_index *index = matching->group->index;
  const struct lengths *lengths = index->lengths;
  struct value *value = matching->value;
  if (!value->have_hash) value->hash = hash_bytes(value->text, matching->table->seed);
  value->have_hash = true;
  look_up(matching, BY_STRING, 0, value->hash);
  look_up_prefixes(matching, BY_PREFIX, value->text);
  look_up_suffixes(matching, BY_SUFFIX, value->text);
  look_up_windows(matching, value->text);
  if (lengths[BY_CIDR4].count + lengths[BY_CIDR6].count > 0 && value_is_address(value))
    look_up_networks(matching, value->address_size == 4 ? BY_CIDR4 : BY_CIDR6);
  if (!index->has_equals_folded &&
      lengths[BY_PREFIX_FOLDED].count + lengths[BY_SUFFIX_FOLDED].count == 0)
    return;
  struct bytes folded = {value_folded(value, matching->walk->arena), value->text.size};
  if (folded.data == NULL) {
    matching->walk->failed = true;
    return;
  }
  if (index->has_equals_folded)
    look_up(matching, BY_EQUALS_FOLDED, 0, hash_bytes(folded, matching->table->seed));
  look_up_prefixes(matching, BY_PREFIX_FOLDED, folded);
  look_up_suffixes(matching, BY_SUFFIX_FOLDED, folded);
}

/* Reaches what the intervals of the part [first, end) that have `order` lead to. */
static void stab(const struct matching *matching, uint32_t first, uint32_t end, int64_t order)
{
  const struct interval *intervals = matching->group->index->intervals;
  while (first < end) {
    uint32_t middle = first + (end - first) / 2;
    const struct interval *interval = &intervals[middle];
    if (interval->greatest < order) return;
    stab(matching, first, middle, order);
    if (interval->low > order) return; /* and all above it */
    if (interval->high >= order) walk_reach(matching->walk, interval->edge->to);
    first = middle + 1;
  }
}

static void match_number(const struct matching *matching)
{
  struct value *value = matching->value;
  if (!value->have_hash) value->hash = hash_bytes(value->number.canonical, matching->table->seed);
  value->have_hash = true;
  look_up(matching, BY_NUMBER, 0, value->hash);
  if (value->number.in_range)
    stab(matching, 0, matching->group->index->intervals_count, value->number.order);
}

void index_match(const struct index_table *table, const struct group *group, struct value *value,
                 struct machine_walk *walk)
{
  _Static_assert(VALUE_NULL == (int)TEST_NULL && VALUE_FALSE == (int)TEST_FALSE &&
                     VALUE_TRUE == (int)TEST_TRUE,
                 "BY_LITERAL hashes either");
  struct matching matching = {table, group, value, walk};
  if (value->kind == VALUE_STRING)
    match_string(&matching);
  else if (value->kind == VALUE_NUMBER)
    match_number(&matching);
  else
    look_up(&matching, BY_LITERAL, 0, value->kind);
  for (const struct index_entry *entry = group->index->plain; entry != NULL; entry = entry->next)
    try_entry(&matching, entry);
}
