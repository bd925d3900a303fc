/*
 * Event patterns: which events a rule is for, in the language of Amazon EventBridge.
 *
 *   {"source": ["tickets"],                                  any of the values of a field,
 *    "detail": {"price": [{"numeric": [">", 0, "<=", 99.5]}],      all of the fields,
 *               "seat": [{"prefix": "A-"}, {"exists": false}]},
 *    "$or": [{"region": ["eu"]}, {"detail-type": [{"wildcard": "*.sold"}]}]}
 *
 * Operators: prefix, suffix (both also with equals-ignore-case), equals-ignore-case, wildcard,
 * anything-but, numeric, cidr, exists, $or. Source: EventBridge user guide, "Comparison operators
 * for use in event patterns"; corner cases as aws/event-ruler has them, and where those depend on
 * the order of names, as the rules below say.
 *
 *   1. A field matches when one of its values does. The scalars of an array, and of arrays in it,
 *      are values of the field; the objects in an array are reached by the same names as if they
 *      stood alone ({"items": {"id": [7]}} looks into each element of "items").
 *   2. Two fields may not take their values from different elements of one array of the event.
 *   3. {"exists": false} holds when the field has no value: it is missing, an object, or an array
 *      without scalars. Beside fields that chose an element of an array, only that element counts.
 *      {"exists": true} holds for any value, null too. Every other operator needs a value.
 *   4. Kinds differ: 5 is not "5", null is not missing. anything-but holds for every value of any
 *      kind that is not listed.
 *   5. Numbers are compared as numbers, exactly: 5, 5.0 and 5e0 are one. In "numeric" and
 *      "anything-but" a pattern may have -5e9 to 5e9 with 6 digits after the point, and an event's
 *      number outside of that range meets no "numeric".
 *   6. Case is ignored for the letters of Latin (ASCII, Latin-1, Extended-A, Additional), Greek,
 *      Cyrillic and Armenian whose two cases are one letter each.
 *   7. A name with a dot is one name: {"a.b": [1]} is not {"a": {"b": [1]}}.
 *
 * A set compiles its rules into one machine whose states are "these fields of some rules hold";
 * pattern_parts.h draws it. An event goes from state to state only along fields that it satisfies,
 * the rarest first, so rules that it does not match cost nothing unless they match in part:
 *
 *   time of a match = reading the event + the number of states it reaches, each of which costs a
 *   few hash lookups for each of its fields in the event (for a text of n bytes under
 *   prefix/suffix, also O(n); under "*x*", O(16 n)).
 *
 * Worst cases: rules that have nothing but anything-but on one field are looked at one by one, and
 * so are wildcards whose rarest literal occurs in the value although they do not match. An event
 * whose array has n elements can reach n times the states, each of which looks at n values.
 *
 * Memory: a set owns copies of its patterns and its machine, on the struct memory it was made
 * with. Results and the event's form are in the caller's arena. One thread per set: a match writes
 * to it.
 */
#ifndef TACOS_BUS_PATTERN_H
#define TACOS_BUS_PATTERN_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

enum {
  PATTERN_BYTES_MAX = 4096,    /* the length limit of EventPattern in EventBridge's API */
  PATTERN_DEPTH_MAX = 32,      /* names of a path; an event of EventBridge rarely has six */
  PATTERN_BRANCHES_MAX = 1000, /* EventBridge's limit of combinations that $or makes */
  /* Fields of all these combinations together: bounds a rule's states in the machine. */
  PATTERN_FIELDS_MAX = 16384,
  PATTERN_WILDCARDS_MAX = 16, /* '*' in one value: each costs a search through the event's text */
  PATTERN_RULES_MAX = 65536,  /* rule numbers of a set are below this */
  /* Rules added since the machine was built are tried one by one up to this many, 0.1 us each: an
     added rule rarely delays the next event by the time of a build. */
  PATTERN_RECENT_MAX = 32,
};

enum pattern_answer {
  PATTERN_NO_MATCH,
  PATTERN_MATCH,
  PATTERN_INVALID,       /* the pattern; error->message names the field ("detail.state: ...") */
  PATTERN_INVALID_EVENT, /* not JSON as base/json.h has it, or not an object */
  PATTERN_NO_MEMORY,
};

/*
 * Whether a pattern is valid: ERROR_INVALID with the reason behind AWS's "Event pattern is not
 * valid. Reason: ", ERROR_LIMIT when it exceeds one of the limits above, ERROR_NO_MEMORY.
 */
bool pattern_check(struct bytes text, struct arena *arena, struct error *error);

/* One pattern and one event, for TestEventPattern. `error` is set when it is neither match nor no
   match. */
enum pattern_answer pattern_test(struct bytes pattern, struct bytes event, struct arena *arena,
                                 struct error *error);

/*
 * As pattern_test, and appends one line that says why: which field rejected the event
 * ("detail.price: 12 is not > 100"), or the error. With $or it is about the combination that came
 * furthest. Nothing is appended for a match.
 */
enum pattern_answer pattern_explain(struct bytes pattern, struct bytes event, struct arena *arena,
                                    struct buffer *why);

struct pattern_set; /* pattern_set.c */

/* `seed` from the world's entropy, so that nobody can aim at one bucket. NULL without memory. */
struct pattern_set *pattern_set_new(struct memory *memory, uint64_t seed);
void pattern_set_free(struct pattern_set *set);

/* Errors of pattern_check; ERROR_EXISTS when the number is taken, ERROR_LIMIT when too high. */
bool pattern_set_add(struct pattern_set *set, uint32_t rule, struct bytes text,
                     struct error *error);

/* False when there is no such rule. */
bool pattern_set_remove(struct pattern_set *set, uint32_t rule);

/* Its events are well-formed JSON: who wrote them has looked. */
void pattern_set_trust(struct pattern_set *set);

uint32_t pattern_set_count(const struct pattern_set *set);

/* The pattern as it was added, until the rule is removed; data is NULL when there is no such. */
struct bytes pattern_set_text(const struct pattern_set *set, uint32_t rule);

struct pattern_matches {
  const uint32_t *rules; /* ascending; in the arena */
  uint32_t count;
};

/*
 * Which rules an event matches. After more than PATTERN_RECENT_MAX additions the first call builds
 * the machine anew, 1 to 2 us for each rule. Errors: ERROR_INVALID or ERROR_LIMIT when the event
 * is not a JSON object, ERROR_NO_MEMORY; the set is as before.
 */
bool pattern_set_match(struct pattern_set *set, struct bytes event, struct arena *arena,
                       struct pattern_matches *matches, struct error *error);

#endif
