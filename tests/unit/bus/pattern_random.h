/*
 * Random patterns and events over few names and values, so that they often meet. A pattern may turn
 * out to be invalid (the same field twice through $or): the caller checks.
 */
#ifndef TACOS_TESTS_UNIT_BUS_PATTERN_RANDOM_H
#define TACOS_TESTS_UNIT_BUS_PATTERN_RANDOM_H

#include "base/bytes.h"
#include "sim/random.h"

/* The first ones are more likely. */
static inline const char *pattern_random_of(struct random *random, const char *const *texts,
                                            size_t count)
{
  return texts[random_below(random, random_between(random, 1, count))];
}

#define PATTERN_RANDOM_OF(random, texts) \
  pattern_random_of(random, texts, sizeof(texts) / sizeof((texts)[0]))

static inline const char *pattern_random_string(struct random *random)
{
  static const char *const strings[] = {"\"\"",
                                        "\"a\"",
                                        "\"b\"",
                                        "\"ab\"",
                                        "\"ba\"",
                                        "\"aba\"",
                                        "\"abab\"",
                                        "\"A\"",
                                        "\"Ab\"",
                                        "\"aB\"",
                                        "\"bab\"",
                                        "\"aab\"",
                                        "\"é\"",
                                        "\"É\"",
                                        "\"aé\"",
                                        "\"5\"",
                                        "\"null\"",
                                        "\"\\u0061b\"",
                                        "\"a*b\"",
                                        "\"a\\\\b\"",
                                        "\"10.0.0.1\"",
                                        "\"10.0.0.200\"",
                                        "\"10.1.0.1\"",
                                        "\"::1\"",
                                        "\"2001:db8::1\"",
                                        "\"abcabcabcabcabcabcab\"",
                                        "\"abcabcabcabcabcabcba\""};
  return PATTERN_RANDOM_OF(random, strings);
}

static inline const char *pattern_random_number(struct random *random)
{
  static const char *const numbers[] = {"0",   "5",    "5.0", "-1",  "-1.5",     "0.5e1", "50E-1",
                                        "7",   "10",   "-0",  "2.5", "2.500001", "1e3",   "100",
                                        "1e9", "-5e9", "5e9", "3",   "0.000001"};
  return PATTERN_RANDOM_OF(random, numbers);
}

static inline void pattern_random_scalar(struct random *random, struct buffer *to)
{
  static const char *const words[] = {"null", "true", "false"};
  static const char *const only_events[] = {"5.0000001", "6e9", "1e400", "-1e-9"};
  uint64_t kind = random_below(random, 12);
  const char *text = pattern_random_string(random);
  if (kind < 4) text = pattern_random_number(random);
  if (kind == 4) text = PATTERN_RANDOM_OF(random, words);
  if (kind == 5) text = PATTERN_RANDOM_OF(random, only_events);
  buffer_append(to, bytes_of_text(text));
}

static inline void pattern_random_value(struct random *random, int depth, struct buffer *to);

static inline void pattern_random_object(struct random *random, int depth, struct buffer *to)
{
  static const char *const names[] = {"a", "b", "c", "d", "e"};
  const char *separator = "{";
  for (size_t i = 0; i < 5; i++) {
    if (random_below(random, 4) == 0) continue;
    buffer_append_format(to, "%s\"%s\":", separator, names[i]);
    pattern_random_value(random, depth - 1, to);
    separator = ",";
  }
  buffer_append(to, bytes_of_text(separator[0] == '{' ? "{}" : "}"));
}

static inline void pattern_random_value(struct random *random, int depth, struct buffer *to)
{
  uint64_t kind = depth <= 0 ? 9 : random_below(random, 10);
  if (kind < 2) {
    pattern_random_object(random, depth, to);
  } else if (kind < 4) {
    uint64_t count = random_below(random, 4);
    buffer_append_byte(to, '[');
    for (uint64_t i = 0; i < count; i++) {
      if (i > 0) buffer_append_byte(to, ',');
      pattern_random_value(random, depth - 1, to);
    }
    buffer_append_byte(to, ']');
  } else {
    pattern_random_scalar(random, to);
  }
}

/* A value, or a list of up to three. */
static inline void pattern_random_list(struct random *random, bool numbers, struct buffer *to)
{
  uint64_t count = random_below(random, 3);
  if (count > 0) buffer_append_byte(to, '[');
  for (uint64_t i = 0; i <= count; i++) {
    const char *text = numbers ? pattern_random_number(random) : pattern_random_string(random);
    if (text[1] == '"') text = "\"ab\""; /* anything-but: no empty prefix */
    if (i > 0) buffer_append_byte(to, ',');
    buffer_append(to, bytes_of_text(text));
  }
  if (count > 0) buffer_append_byte(to, ']');
}

static inline const char *pattern_random_wildcard(struct random *random)
{
  static const char *const wildcards[] = {"\"*\"",
                                          "\"a*\"",
                                          "\"*b\"",
                                          "\"a*b\"",
                                          "\"*a*\"",
                                          "\"*b*b*\"",
                                          "\"a*a*\"",
                                          "\"\"",
                                          "\"ab\"",
                                          "\"*ab*\"",
                                          "\"a\\\\*b\"",
                                          "\"*\\\\\\\\*\"",
                                          "\"é*\"",
                                          "\"*0.0*\"",
                                          "\"10.*.1\"",
                                          "\"*b*a*\"",
                                          "\"*abcabcabcabcabcab*\"",
                                          "\"*abcabcabcabcabcabcb*\""};
  return PATTERN_RANDOM_OF(random, wildcards);
}

static inline void pattern_random_anything_but(struct random *random, struct buffer *to)
{
  static const char *const inner[] = {"prefix", "suffix", "equals-ignore-case"};
  buffer_append(to, BYTES("{\"anything-but\":"));
  uint64_t kind = random_below(random, 6);
  if (kind < 4) {
    pattern_random_list(random, kind == 0, to);
  } else if (kind == 4) {
    buffer_append_format(to, "{\"wildcard\":%s}", pattern_random_wildcard(random));
  } else {
    buffer_append_format(to, "{\"%s\":", PATTERN_RANDOM_OF(random, inner));
    pattern_random_list(random, false, to);
    buffer_append_byte(to, '}');
  }
  buffer_append_byte(to, '}');
}

static inline void pattern_random_numeric(struct random *random, struct buffer *to)
{
  static const char *const ranges[] = {"[\"<\",5]",
                                       "[\"<=\",5]",
                                       "[\">\",2.5]",
                                       "[\">=\",5.0]",
                                       "[\"=\",5e0]",
                                       "[\">\",0,\"<\",5]",
                                       "[\">=\",0,\"<=\",5]",
                                       "[\">\",-5e9,\"<\",5e9]",
                                       "[\"<\",-1]",
                                       "[\">\",5,\"<=\",10]",
                                       "[\">=\",2.5,\"<\",7]",
                                       "[\">\",-2,\"<\",0]",
                                       "[\">=\",3,\"<\",100]"};
  buffer_append_format(to, "{\"numeric\":%s}", PATTERN_RANDOM_OF(random, ranges));
}

static inline void pattern_random_test(struct random *random, struct buffer *to)
{
  static const char *const formats[] = {
      "{\"prefix\":%s}", "{\"suffix\":%s}", "{\"prefix\":{\"equals-ignore-case\":%s}}",
      "{\"suffix\":{\"equals-ignore-case\":%s}}", "{\"equals-ignore-case\":%s}"};
  static const char *const others[] = {"{\"exists\":true}",
                                       "{\"exists\":false}",
                                       "{\"exists\":false}",
                                       "{\"cidr\":\"10.0.0.0/24\"}",
                                       "{\"cidr\":\"10.0.0.0/8\"}",
                                       "{\"cidr\":\"10.0.0.128/25\"}",
                                       "{\"cidr\":\"2001:db8::/32\"}",
                                       "{\"cidr\":\"::/0\"}"};
  uint64_t kind = random_below(random, 16);
  if (kind < 5)
    pattern_random_scalar(random, to);
  else if (kind < 8)
    buffer_append_format(to, PATTERN_RANDOM_OF(random, formats), pattern_random_string(random));
  else if (kind < 10)
    buffer_append(to, bytes_of_text(PATTERN_RANDOM_OF(random, others)));
  else if (kind < 12)
    pattern_random_anything_but(random, to);
  else if (kind < 14)
    pattern_random_numeric(random, to);
  else
    buffer_append_format(to, "{\"wildcard\":%s}", pattern_random_wildcard(random));
}

static inline void pattern_random_tests(struct random *random, uint64_t most, struct buffer *to)
{
  uint64_t count = random_between(random, 1, most);
  buffer_append_byte(to, '[');
  for (uint64_t i = 0; i < count; i++) {
    if (i > 0) buffer_append_byte(to, ',');
    pattern_random_test(random, to);
  }
  buffer_append_byte(to, ']');
}

/* An object of a pattern. */
static inline void pattern_random_pattern(struct random *random, int depth, struct buffer *to)
{
  static const char *const names[] = {"a", "b", "c", "d"};
  size_t wanted = random_below(random, 4); /* one name at least */
  const char *separator = "{";
  for (size_t i = 0; i < 4; i++) {
    if (i != wanted && random_below(random, 4) != 0) continue;
    buffer_append_format(to, "%s\"%s\":", separator, names[i]);
    separator = ",";
    if (depth > 0 && random_below(random, 3) == 0)
      pattern_random_pattern(random, depth - 1, to);
    else
      pattern_random_tests(random, 5, to);
  }
  if (depth > 0 && random_below(random, 8) == 0) {
    uint64_t count = random_between(random, 2, 3);
    buffer_append_format(to, "%s\"$or\":[", separator);
    for (uint64_t i = 0; i < count; i++) {
      if (i > 0) buffer_append_byte(to, ',');
      pattern_random_pattern(random, depth - 1, to);
    }
    buffer_append_byte(to, ']');
  }
  buffer_append_byte(to, '}');
}

#endif
