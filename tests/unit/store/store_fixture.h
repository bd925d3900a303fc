/*
 * For tests of whole stores: one in the simulated world, without threads, and short ways to say
 * what is written and read.
 *
 * Everything in JSON is DynamoDB's, with ' for " and printf's directives: "{'id':{'S':'a%d'}}".
 * Expressions name attributes bare; the values of a request are a JSON object: "{':v':{'N':'1'}}".
 * What the helpers make lives in fixture->arena until store_fixture_clear; answers of the store are
 * built in fixture->answers, on the memory of the world.
 */
#ifndef TACOS_TESTS_UNIT_STORE_STORE_FIXTURE_H
#define TACOS_TESTS_UNIT_STORE_STORE_FIXTURE_H

#include "sim/world_sim.h"
#include "store/store.h"

struct store_fixture {
  struct world_sim *sim;
  struct world *world;
  struct store *store;
  struct store_options options; /* for the next open */
  struct memory memory;
  struct arena arena;
  struct arena answers;
  struct error error;
  char report[512]; /* the last line to the operator */
};

/* A store in /data of a new world; the second form takes sizes and limits from `options`. */
void store_fixture_open(struct store_fixture *fixture, uint64_t seed);
void store_fixture_open_with(struct store_fixture *fixture, uint64_t seed,
                             const struct store_options *options);
void store_fixture_close(struct store_fixture *fixture);

/* cmocka's setup and teardown: *state is the fixture. */
int store_fixture_setup(void **state);
int store_fixture_teardown(void **state);

/* Closes the store and opens it again. */
void store_fixture_reopen(struct store_fixture *fixture);

/* The same after the process died: nothing is flushed by a close. */
void store_fixture_crash(struct store_fixture *fixture);

/* Ticks and steps until there is nothing to do: all is durable, jobs are done. */
void store_fixture_settle(struct store_fixture *fixture);

/* Takes a snapshot, whole. */
void store_fixture_snapshot(struct store_fixture *fixture);

/* Frees what the arenas hold. */
void store_fixture_clear(struct store_fixture *fixture);

/*
 * A table from a line: name and keys, indexes with keys and projection, TTL attribute, stream:
 *     "seats id:S place:N | by_buyer buyer:S id:S KEYS | by_price price:N INCLUDE row | ttl until |
 *      stream NEW_AND_OLD"
 * An index without KEYS or INCLUDE has all; the stream is KEYS, NEW, OLD or NEW_AND_OLD.
 */
struct table *store_fixture_table(struct store_fixture *fixture, const char *line);

/* Values and compiled expressions in fixture->arena. */
struct value store_fixture_item(struct store_fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Expressions of one request share its values, as placeholders ":v" of a JSON object, or NULL. */
struct store_fixture_values {
  struct expression_placeholders placeholders;
  const struct value *values;
};

struct store_fixture_values store_fixture_values(struct store_fixture *fixture, const char *json);
const struct expression *store_fixture_expression(struct store_fixture *fixture,
                                                  enum expression_kind kind, const char *text,
                                                  const struct store_fixture_values *values);

/* An action in texts; NULL: none. */
struct store_fixture_action {
  enum store_action_kind kind;
  struct table *table;
  const char *item;
  const char *condition;
  const char *update;
  const char *values;
  bool return_old;
};

struct store_action store_fixture_action(struct store_fixture *fixture,
                                         const struct store_fixture_action *texts);

/* store_write of it; the answer in *result, which may be NULL. */
enum store_status store_fixture_write(struct store_fixture *fixture,
                                      const struct store_fixture_action *texts,
                                      enum store_return returns, struct store_write_result *result);

/* A put or delete that must succeed. */
void store_fixture_put(struct store_fixture *fixture, struct table *table, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void store_fixture_delete(struct store_fixture *fixture, struct table *table, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));

/* A query or scan in texts; NULL: none. */
struct store_fixture_query {
  const struct table *table;
  const char *index;
  const char *key_condition;
  const char *filter;
  const char *projection;
  const char *values;
};

struct store_query store_fixture_query(struct store_fixture *fixture,
                                       const struct store_fixture_query *texts);

/* Status and message of the last answer; message NULL: not looked at. */
void store_fixture_expect(struct store_fixture *fixture, enum store_status status,
                          enum store_status expected, const char *message);

/* A value against JSON; NULL: VALUE_NONE is expected. */
void store_fixture_expect_item(struct store_fixture *fixture, struct value item, const char *json);

/* The item with this key as store_get gives it. */
void store_fixture_expect_stored(struct store_fixture *fixture, const struct table *table,
                                 const char *key, const char *json);

/* Values of one attribute over a page's items, "a b c", numbers and strings as they are. */
const char *store_fixture_list(struct store_fixture *fixture, const struct store_page *page,
                               const char *attribute);

/*
 * All that can be seen: definitions, items of every table and index in the order of scans, as text
 * in fixture->arena.
 */
const char *store_fixture_dump(struct store_fixture *fixture);

#endif
