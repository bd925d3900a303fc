/*
 * Any bytes as an event for a fixed set of patterns: refused with a message, or exactly those rules
 * match that match by definition.
 */
#include "unit/bus/pattern_naive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
  EVENT_BYTES_MAX = 300, /* the definition takes exponential time */
  VALUES_MAX = 24,
};

static const char *const PATTERNS[] = {
    "{\"a\":[\"ab\"]}",
    "{\"a\":[\"x\",5,null]}",
    "{\"a\":[{\"prefix\":\"a\"}]}",
    "{\"a\":[{\"suffix\":\"b\"},true]}",
    "{\"a\":[{\"prefix\":{\"equals-ignore-case\":\"aé\"}}]}",
    "{\"a\":[{\"suffix\":{\"equals-ignore-case\":\"Éb\"}}]}",
    "{\"a\":[{\"equals-ignore-case\":\"Ab\"}]}",
    "{\"a\":[{\"wildcard\":\"a*b*\"}]}",
    "{\"a\":[{\"wildcard\":\"*ab*\"}]}",
    "{\"a\":[{\"anything-but\":[\"ab\",\"x\"]}]}",
    "{\"a\":[{\"anything-but\":{\"suffix\":\"b\"}}]}",
    "{\"a\":[{\"anything-but\":5}]}",
    "{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}",
    "{\"a\":[{\"numeric\":[\"<\",2.5]}]}",
    "{\"a\":[{\"cidr\":\"10.0.0.0/9\"}]}",
    "{\"a\":[{\"cidr\":\"::/1\"}]}",
    "{\"a\":[{\"exists\":true}]}",
    "{\"a\":[{\"exists\":false}]}",
    "{\"a\":{\"b\":[1],\"c\":[2]}}",
    "{\"a\":{\"b\":[{\"exists\":false}],\"c\":[{\"exists\":true}]}}",
    "{\"a\":{\"b\":[{\"exists\":false},1],\"c\":[{\"exists\":false},2]}}",
    "{\"a\":{\"b\":{\"c\":[1]},\"c\":{\"b\":[{\"anything-but\":1}]}},\"b\":[{\"exists\":false}]}",
    "{\"a\":{\"b\":[1]},\"$or\":[{\"a\":{\"c\":[1]}},{\"b\":[1]}]}",
    "{\"$or\":[{\"a\":[1]},{\"a\":{\"b\":[1]}},{\"b\":{\"$or\":[{\"a\":[1]},{\"c\":[1]}]}}]}",
    "{\"b\":[{\"prefix\":\"\"}],\"c\":[0]}",
    "{\"b\":[1],\"c\":[1,{\"exists\":false}]}",
};

enum { PATTERNS_COUNT = sizeof(PATTERNS) / sizeof(PATTERNS[0]) };

/* The machine once, and rules that are tried beside it. */
static struct pattern_set *make_set(struct memory *memory, bool is_recent)
{
  struct error error;
  struct pattern_set *set = pattern_set_new(memory, 1);
  CHECK(set != NULL);
  for (uint32_t rule = 0; rule < PATTERNS_COUNT; rule++)
    CHECK(pattern_set_add(set, rule, bytes_of_text(PATTERNS[rule]), &error));
  for (uint32_t i = 0; !is_recent && i < PATTERN_RECENT_MAX; i++)
    CHECK(pattern_set_add(set, 100 + i, BYTES("{\"\":[\"\\u0000\"]}"), &error));
  return set;
}

static bool contains(const struct pattern_matches *matches, uint32_t rule)
{
  for (uint32_t i = 0; i < matches->count; i++)
    if (matches->rules[i] == rule) return true;
  return false;
}

static void check_match(struct pattern_set *set, struct bytes event, struct memory *memory)
{
  struct arena arena;
  struct error error = {0};
  struct pattern_matches matches;
  arena_init(&arena, memory);
  if (!pattern_set_match(set, event, &arena, &matches, &error)) {
    CHECK(error.code == ERROR_INVALID || error.code == ERROR_LIMIT);
    CHECK(error.message[0] != 0);
  } else if (event.size <= EVENT_BYTES_MAX) {
    struct naive naive;
    naive_event(&naive, event, &arena);
    for (uint32_t rule = 0; rule < PATTERNS_COUNT && naive.values_count <= VALUES_MAX; rule++)
      CHECK(naive_matches(&naive, bytes_of_text(PATTERNS[rule])) == contains(&matches, rule));
  }
  arena_free(&arena);
  CHECK_THAT(memory->in_use, ==, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  /* Made once: they take a hundred times as long as a match. */
  static struct memory sets_memory;
  static struct pattern_set *sets[2];
  struct memory memory = {0};
  for (int i = 0; i < 2; i++) {
    if (sets[i] == NULL) sets[i] = make_set(&sets_memory, i == 1);
    check_match(sets[i], bytes_of(data, size), &memory);
  }
  return 0;
}
