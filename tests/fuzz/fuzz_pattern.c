/*
 * Any bytes as an event pattern: refused with a message, or it matches the events below as its
 * definition says, alone and in a set with others.
 */
#include "unit/bus/pattern_naive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAIVE_BYTES_MAX = 600 }; /* the definition takes exponential time */

static const char *const EVENTS[] = {
    "{}",
    "{\"a\":\"ab\",\"b\":5,\"c\":null,\"d\":{\"a\":true,\"b\":[1.5,\"x\"]}}",
    "{\"a\":[{\"b\":\"ab\",\"c\":1},{\"b\":\"AB\",\"c\":[2]},\"a\"],\"b\":{\"c\":[[],{}]}}",
    "{\"a\":\"10.0.0.7\",\"b\":\"2001:db8::1\",\"c\":-5e9,\"d\":0.000001}",
    "{\"a\":[[{\"a\":[1,{\"a\":\"\"}]}],[{\"a\":2}]],\"b\":\"a*b\\\\c\",\"c\":\"\\u00c9\"}",
};

/* So that the field "a" of a set's first state has an index. */
static const char *const OTHERS[] = {
    "{\"a\":[\"a\",\"b\",\"ab\",1,2,3,null,true,{\"prefix\":\"a\"}]}",
    "{\"a\":[{\"suffix\":\"b\"},{\"wildcard\":\"*a*\"}],\"b\":[{\"exists\":false},5]}",
    "{\"a\":{\"b\":[{\"anything-but\":\"x\"}],\"c\":[{\"numeric\":[\"<\",2]}]}}",
};

enum { FUZZED_RULE = 7 };

static struct pattern_set *make_set(struct memory *memory, struct bytes text)
{
  struct error error;
  struct pattern_set *set = pattern_set_new(memory, 1);
  CHECK(set != NULL && pattern_set_add(set, FUZZED_RULE, text, &error));
  for (uint32_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
    CHECK(pattern_set_add(set, i, bytes_of_text(OTHERS[i]), &error));
  /* The machine is built when enough others came and went. */
  for (uint32_t i = 0; i < PATTERN_RECENT_MAX; i++)
    CHECK(pattern_set_add(set, 100 + i, BYTES("{\"z\":[1]}"), &error));
  return set;
}

static bool set_matches(struct pattern_set *set, struct bytes event, struct arena *arena)
{
  struct error error;
  struct pattern_matches matches;
  CHECK(pattern_set_match(set, event, arena, &matches, &error));
  for (uint32_t i = 0; i < matches.count; i++)
    if (matches.rules[i] == FUZZED_RULE) return true;
  return false;
}

static void check_event(struct pattern_set *set, struct bytes text, struct bytes event,
                        struct memory *memory)
{
  struct arena arena;
  struct buffer why;
  struct error error;
  arena_init(&arena, memory);
  buffer_init(&why, memory);
  enum pattern_answer answer = pattern_test(text, event, &arena, &error);
  CHECK(answer == PATTERN_MATCH || answer == PATTERN_NO_MATCH);
  CHECK(pattern_explain(text, event, &arena, &why) == answer);
  CHECK((why.size > 0) == (answer == PATTERN_NO_MATCH));
  CHECK(set_matches(set, event, &arena) == (answer == PATTERN_MATCH));
  if (text.size <= NAIVE_BYTES_MAX) {
    struct naive naive;
    naive_event(&naive, event, &arena);
    CHECK(naive_matches(&naive, text) == (answer == PATTERN_MATCH));
  }
  buffer_free(&why);
  arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct arena arena;
  struct error error = {0};
  struct bytes text = bytes_of(data, size);
  arena_init(&arena, &memory);
  bool valid = pattern_check(text, &arena, &error);
  arena_free(&arena);
  if (!valid) {
    CHECK(error.code == ERROR_INVALID || error.code == ERROR_LIMIT);
    CHECK(error.message[0] != 0);
    CHECK_THAT(memory.in_use, ==, 0);
    return 0;
  }
  struct pattern_set *set = make_set(&memory, text);
  for (size_t i = 0; i < sizeof(EVENTS) / sizeof(EVENTS[0]); i++)
    check_event(set, text, bytes_of_text(EVENTS[i]), &memory);
  pattern_set_free(set);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
