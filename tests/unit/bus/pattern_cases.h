/*
 * The cases of pattern_cases.json, read from the root of the tree: patterns with events that they
 * match and that they do not, and patterns that are refused with how the message begins. Written
 * from EventBridge's documentation and pattern.h.
 */
#ifndef TACOS_TESTS_UNIT_BUS_PATTERN_CASES_H
#define TACOS_TESTS_UNIT_BUS_PATTERN_CASES_H

#include "base/arena.h"

struct pattern_case {
  struct bytes about;
  struct bytes pattern;
  struct bytes event;   /* size 0: the pattern is invalid */
  struct bytes message; /* how the refusal begins */
  bool matches;
};

struct pattern_cases {
  struct pattern_case *cases;
  size_t count;
};

/* Everything is in the arena. */
struct pattern_cases pattern_cases_read(struct arena *arena);

#endif
