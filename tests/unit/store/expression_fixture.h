/*
 * For tests of expressions: values in a short notation, expressions compiled and run in one call.
 *
 *     12  -0.5  1E100  'text'  b'bytes'  true  false  null  [1, 'x']  {name=1, b=[]}  <'set', 'of'>
 *
 * Names of maps are runs of anything but blanks, '=', ',' and '}': {:v=1}, {a.b=1}.
 */
#ifndef TACOS_TESTS_UNIT_STORE_EXPRESSION_FIXTURE_H
#define TACOS_TESTS_UNIT_STORE_EXPRESSION_FIXTURE_H

#include "store/expression.h"

enum { FIXTURE_PLACEHOLDERS_MAX = 16, FIXTURE_TEXT_BYTES = 8192 };

struct expression_fixture {
  struct memory memory;
  struct arena arena;
  struct buffer buffer;
  struct error error;
  struct expression_placeholders placeholders;
  struct expression_name names[FIXTURE_PLACEHOLDERS_MAX];
  struct bytes value_names[FIXTURE_PLACEHOLDERS_MAX];
  struct value values[FIXTURE_PLACEHOLDERS_MAX];
  bool names_used[FIXTURE_PLACEHOLDERS_MAX];
  bool values_used[FIXTURE_PLACEHOLDERS_MAX];
  char text[FIXTURE_TEXT_BYTES]; /* of the last fixture_print or run */
};

/* cmocka's setup and teardown: *state is the fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* A value from the notation, in the arena. */
struct value fixture_value(struct expression_fixture *fixture, const char *notation);

/* The notation of a value; valid until the next call. */
const char *fixture_print(struct expression_fixture *fixture, struct value value);

/* Sets the placeholders: maps such as "{#a='status'}" and "{:v=1}", or NULL for none. */
void fixture_placeholders(struct expression_fixture *fixture, const char *names,
                          const char *values);

/* NULL with fixture->error when refused. */
const struct expression *fixture_compile(struct expression_fixture *fixture,
                                         enum expression_kind kind, const char *text);

/*
 * Compiles, checks the values, and runs: "true" or "false" for conditions, the notation of the
 * result for updates and projections; the error's message when refused.
 */
const char *fixture_run(struct expression_fixture *fixture, enum expression_kind kind,
                        const char *text, const char *item);

struct fixture_case {
  const char *text;
  const char *expected; /* of fixture_run, or the end of it after "..." */
};

/* Runs every case on the same item and fails the test at the first other answer. */
void fixture_run_cases(struct expression_fixture *fixture, enum expression_kind kind,
                       const char *item, const struct fixture_case *cases, size_t count);

#define FIXTURE_RUN(fixture, kind, item, cases) \
  fixture_run_cases(fixture, kind, item, cases, sizeof(cases) / sizeof((cases)[0]))

#endif
