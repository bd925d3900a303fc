/*
 * What the files of event patterns share; nobody else includes this. See pattern.h for the
 * language.
 *
 *   pattern text --pattern_parse--> branches of fields --machine_add--> states
 *   event text ---event_read-----> tree, and values by path --machine_match--> rules
 *
 * A pattern is multiplied out: each choice of alternatives of its $or is a branch, a list of fields
 * that all must hold. A field is a path and the tests of which one value must pass one.
 *
 * The machine is a trie of branches, fields ordered from the rarest to the most common:
 *
 *            detail.id = "evt_1"            source = "tickets"
 *     root --------------------> state 1 ----------------------> state 2: rule 1
 *       |    detail.id = "evt_2"            source = "tickets"
 *       +---------------------> state 3 ----------------------> state 4: rule 2
 *
 * The edges of a state that test one path are a group; a group of many tests has an index
 * (pattern_index.c). Whether branches hold with rule 2 of pattern.h (elements of arrays) the
 * machine does not know: for an event that has arrays of objects each branch it found is looked at
 * again by branch_holds.
 *
 * All structs here live in an arena.
 */
#ifndef TACOS_BUS_PATTERN_PARTS_H
#define TACOS_BUS_PATTERN_PARTS_H

#include "base/json.h"
#include "bus/pattern.h"

/* --- Values: pattern_value.c --- */

/* A number of JSON, made comparable. */
struct number {
  struct bytes canonical; /* equal bytes, equal numbers */
  /* Twice the number of millionths, and one more (away from zero) for a fraction of a millionth:
     ordered like the numbers themselves. */
  int64_t order;
  bool in_range; /* -5e9 to 5e9; else `order` is not set */
};

enum {
  NUMBER_UNIT = 2000000, /* of `order`, for 1 */
};

/* `text` has the grammar of JSON. False without memory. */
bool number_read(struct bytes text, struct arena *arena, struct number *number);

/* The text with letters in one case; as many bytes as before. `folded` has room for them. */
void text_fold(struct bytes text, uint8_t *folded);

/* An address as 16 bytes, IPv4 in the first four and zeros. Returns 4 or 16, or 0: no address. */
size_t address_read(struct bytes text, uint8_t address[16]);
void address_mask(uint8_t address[16], unsigned bits);

enum value_kind { VALUE_NULL, VALUE_FALSE, VALUE_TRUE, VALUE_NUMBER, VALUE_STRING };

/* A scalar of an event, with what was worked out about it so far. */
struct value {
  enum value_kind kind;
  bool have_folded;
  bool have_hash;
  bool have_address;
  uint8_t address_size; /* 0: the text is no address */
  uint8_t address[16];
  struct bytes text;    /* a string decoded, a number as written */
  struct number number; /* of VALUE_NUMBER */
  const uint8_t *folded;
  uint64_t hash; /* pattern_index.c: of text, or of the canonical number */
};

enum test_kind {
  TEST_NULL,
  TEST_FALSE,
  TEST_TRUE,
  TEST_NUMBER, /* text: canonical */
  TEST_STRING,
  TEST_PREFIX,
  TEST_SUFFIX,
  TEST_EQUALS_FOLDED, /* this and the next two: text is folded */
  TEST_PREFIX_FOLDED,
  TEST_SUFFIX_FOLDED,
  TEST_WILDCARD,
  TEST_NUMERIC,
  TEST_CIDR4, /* text: 16 bytes, masked */
  TEST_CIDR6,
  TEST_PRESENT,
  TEST_ABSENT,
  TEST_ANYTHING_BUT,
};

/* One element of a field's array in a pattern. */
struct test {
  enum test_kind kind;
  uint32_t bits;         /* of a CIDR */
  struct bytes text;     /* what is compared, see test_kind */
  struct bytes written;  /* of a string, number or CIDR, for people */
  int64_t low, high;     /* of TEST_NUMERIC, both included, as number.order */
  struct bytes *pieces;  /* of a wildcard: the literals between its stars */
  struct test *excluded; /* of anything-but */
  uint32_t count;        /* of pieces or excluded */
};

/* Whether a value passes; TEST_ABSENT: never. False without memory, with *failed set. */
bool test_passes(const struct test *test, struct value *value, struct arena *arena, bool *failed);

/* The folded text of a string, worked out once. NULL without memory. */
const uint8_t *value_folded(struct value *value, struct arena *arena);

/* Whether a string is an address; then value->address is set. */
bool value_is_address(struct value *value);

/* --- Patterns: pattern_parse.c, pattern_operator.c --- */

struct field {
  struct bytes *names;
  uint32_t depth;
  uint32_t rank;  /* in the order of names */
  uint32_t *path; /* paths_resolve: the id of each start of the path; path[depth - 1] is its own */
  struct test *tests;
  uint32_t tests_count;
  bool may_be_absent; /* one of the tests is TEST_ABSENT */
  /* pattern_machine.c */
  uint32_t id;    /* equal for fields with the same path and tests */
  uint64_t order; /* in which the machine asks: rarest first */
};

/* Invariant: ordered by names, so that fields that start alike stand together; no field's path is
   the start of another's. */
struct branch {
  struct field **fields;
  uint32_t count;
};

struct pattern {
  struct field **fields;
  uint32_t fields_count;
  struct branch *branches;
  uint32_t branches_count;
};

/* What reads a pattern: pattern_parse.c begins, pattern_operator.c reads a field's array. */
struct pattern_parser {
  struct json_reader *reader;
  struct arena *arena;
  struct error *error;
  struct bytes names[PATTERN_DEPTH_MAX];
  uint32_t depth;
};

/* Sets the error, with the path in front, unless there is one already. Returns false. */
bool parser_refuse(struct pattern_parser *parser, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool parser_refuse_memory(struct pattern_parser *parser);

/* The next token; the reader's error becomes the parser's. */
enum json_token parser_next(struct pattern_parser *parser);

/* Makes room for one more element in an array that doubles. False without memory. */
bool parser_grow(struct pattern_parser *parser, void **elements, uint32_t count, size_t size);

/* Reads the array of tests whose '[' was read. */
bool parser_read_tests(struct pattern_parser *parser, struct field *field);

struct pattern *pattern_parse(struct bytes text, struct arena *arena, struct error *error);

/* --- Paths and events: pattern_event.c --- */

struct event_path;

/* A name below another path that some pattern has. */
struct path {
  uint32_t parent;
  uint64_t hash;
  struct bytes name;
  uint64_t stamp; /* of the event that `values` is of */
  struct event_path *values;
};

/* Path 0 is the whole event. Grows in its arena. */
struct paths {
  struct arena *arena;
  uint64_t seed;
  struct path *paths;
  uint32_t count;
  uint32_t capacity;
  uint32_t *slots; /* path + 0; 0: empty. Twice the capacity, a power of two */
  uint64_t stamp;  /* of the newest event */
};

bool paths_init(struct paths *paths, struct arena *arena, uint64_t seed);

/* Gives the fields of a pattern their paths; false without memory. */
bool paths_resolve(struct paths *paths, struct pattern *pattern);

enum event_node_kind { EVENT_VALUE, EVENT_OBJECT, EVENT_ARRAY };

/* What an event has at paths that some pattern has. */
struct event_node {
  enum event_node_kind kind;
  uint32_t path; /* of a member of an object its own, of an element its array's */
  struct event_node *next;
  struct event_node *child;
  struct event_node *next_value; /* of the same path */
  struct value value;
};

/* The values of one path. */
struct event_path {
  uint32_t path;
  bool in_element; /* one of the values is inside an object or array that is an array's element */
  struct event_node *first;
  struct event_node *last;
  struct event_path *next;
};

struct event {
  struct event_node *root;
  struct event_path *paths; /* those with values */
  uint32_t paths_count;
  bool has_elements; /* some path has in_element */
};

/* False with ERROR_INVALID or ERROR_LIMIT (not a JSON object) or ERROR_NO_MEMORY. The values of a
   path are found in `paths` until the next event is read. trusted: as json_reader_trust. */
bool event_read(struct event *event, struct bytes text, bool trusted, struct paths *paths,
                struct arena *arena, struct error *error);

/* The values of a path in the newest event; NULL when there are none. */
static inline struct event_path *event_values(const struct paths *paths, uint32_t path)
{
  const struct path *found = &paths->paths[path];
  return found->stamp == paths->stamp ? found->values : NULL;
}

/* --- One branch and an event: pattern_evaluate.c --- */

/* Whether a value of the path passes a test of the field. */
bool field_has_value(const struct field *field, const struct event_path *values,
                     struct arena *arena, bool *failed);

/* Whether the branch holds, by all rules of pattern.h. False without memory, with *failed set. */
bool branch_holds(const struct branch *branch, const struct event *event, struct arena *arena,
                  bool *failed);
bool pattern_holds(const struct pattern *pattern, const struct event *event, struct arena *arena,
                   bool *failed);

struct pattern_and_event {
  struct pattern *pattern;
  struct paths paths;
  struct event event;
};

/* Reads both and compares them; `error` is set when it is neither match nor no match. */
enum pattern_answer pattern_read_both(struct bytes text, struct bytes event_text,
                                      struct arena *arena, struct pattern_and_event *both,
                                      struct error *error);

/* --- The machine: pattern_machine.c, pattern_index.c --- */

struct state;
struct group_index; /* pattern_index.c */

struct edge {
  uint32_t from; /* the state's number */
  const struct field *field;
  struct state *to;
  struct edge *next;        /* of the group */
  struct edge *next_absent; /* of the group, those that hold when the path has no value */
};

/* The edges of a state that test one path. */
struct group {
  uint32_t state;
  uint32_t path;
  uint32_t tests_count;
  struct edge *edges;
  struct edge *absent;
  struct group_index *index; /* NULL: few tests, tried one after the other */
  struct group *next;        /* of the state */
  struct group *next_absent; /* of the state, those with `absent` */
};

/* A rule's branch that ends in a state. */
struct state_end {
  uint32_t rule;
  uint32_t generation; /* of the rule's number: stale when it was removed since */
  const struct branch *branch;
  struct state_end *next;
};

struct state {
  uint32_t number;
  uint32_t groups_count;
  struct group *groups;
  struct group *absent_groups;
  struct state_end *ends;
  uint64_t stamp; /* of the newest event that reached it */
  struct state *next_reached;
};

/* What waits to be looked at, of one event. */
struct machine_walk {
  const struct event *event;
  const struct paths *paths;
  struct arena *arena;
  struct state *reached;
  bool failed; /* no memory */
};

/* Adds a state that the event reaches, once. */
static inline void walk_reach(struct machine_walk *walk, struct state *state)
{
  if (state->stamp == walk->paths->stamp) return;
  state->stamp = walk->paths->stamp;
  state->next_reached = walk->reached;
  walk->reached = state;
}

/* A test of some group that may pass when the hash is met. */
struct index_entry {
  uint64_t hash;
  const struct test *test;
  struct edge *edge;
  struct index_entry *next;
};

/* The hashed tests of all groups. */
struct index_table {
  uint64_t seed;
  uint64_t base;          /* of polynomial hashes */
  const uint64_t *powers; /* of base, up to PATTERN_BYTES_MAX */
  uint64_t mask;
  struct index_entry **slots;
};

/* Room for `count` tests. False without memory. */
bool index_table_init(struct index_table *table, struct arena *arena, uint64_t seed,
                      uint64_t count);

/* Gives a group an index; `scratch` may be reset afterwards. False without memory. */
bool index_build(struct index_table *table, struct group *group, struct arena *arena,
                 struct arena *scratch);

/* Reaches what the edges of a group with an index lead to for one value of its path. */
void index_match(const struct index_table *table, const struct group *group, struct value *value,
                 struct machine_walk *walk);

struct machine_rule {
  uint32_t rule;
  uint32_t generation;
  struct pattern *pattern;
};

struct machine {
  struct arena *arena;
  struct paths *paths;
  struct state *root;
  struct index_table table;
  struct group **groups; /* hash table by state and path, open addressing */
  uint64_t groups_mask;
};

/*
 * Builds a machine of rules whose patterns are resolved in `paths`, all of it in the arena of
 * `paths`. NULL without memory.
 */
struct machine *machine_build(const struct machine_rule *rules, uint32_t count,
                              struct paths *paths);

/* Is told of each branch whose fields hold, each by itself; false stops the match. */
typedef bool machine_found(void *context, const struct state_end *end);

/* `event` is the newest of the machine's paths. False without memory, or when `found` said so. */
bool machine_match(struct machine *machine, const struct event *event, struct arena *arena,
                   machine_found *found, void *context);

#endif
