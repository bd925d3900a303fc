#include "store/table.h"

#include "sim/random.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { REGION_BYTES = 256 << 10, RANDOM_DEFINITIONS = 150, MUTATIONS = 20000 };

struct fixture {
  struct memory memory;
  struct heap heap;
  struct arena arena;
  struct random random;
};

static void fixture_open(struct fixture *fixture, uint64_t seed)
{
  *fixture = (struct fixture){0};
  heap_init(&fixture->heap, &fixture->memory, REGION_BYTES);
  arena_init(&fixture->arena, &fixture->memory);
  random_init(&fixture->random, seed);
}

static void fixture_close(struct fixture *fixture)
{
  arena_free(&fixture->arena);
  assert_int_equal(fixture->heap.in_use, 0);
  heap_free_all(&fixture->heap);
  assert_int_equal(fixture->memory.in_use, 0);
}

static struct table_origin origin_of(struct fixture *fixture)
{
  return (struct table_origin){&fixture->memory, &fixture->heap, 7};
}

/* In the arena. */
static struct value encode(struct fixture *fixture, const struct table *table)
{
  struct buffer buffer;
  struct value encoded;
  buffer_init(&buffer, &fixture->memory);
  assert_true(table_encode(table, &buffer, &encoded));
  struct bytes copy = arena_copy(&fixture->arena, bytes_of(encoded.data, encoded.size));
  buffer_free(&buffer);
  return (struct value){copy.data, copy.size};
}

static struct table *decode(struct fixture *fixture, struct value encoded, struct error *error)
{
  struct table_origin origin = origin_of(fixture);
  return table_decode(&origin, encoded, error);
}

/* ---- random definitions ---- */

static struct bytes random_name(struct fixture *fixture, const char *prefix, int number)
{
  uint8_t text[ATTRIBUTE_KEY_NAME_MAX];
  size_t size = (size_t)snprintf((char *)text, 32, "%s%d", prefix, number);
  if (random_below(&fixture->random, 8) == 0) {
    memset(text + size, 'x', sizeof text - size);
    size = sizeof text;
  }
  return arena_copy(&fixture->arena, bytes_of(text, size));
}

/* The type of a key follows from its number, so that one name has one type. */
static struct table_key random_key(struct fixture *fixture, int number)
{
  return (struct table_key){random_name(fixture, "key", number),
                            (enum value_type)(VALUE_STRING + number % 3)};
}

static void random_index(struct fixture *fixture, int number, struct table_index_definition *index)
{
  struct random *random = &fixture->random;
  int partition = (int)random_below(random, 30);
  *index = (struct table_index_definition){
      .name = random_name(fixture, "index", number),
      .partition = random_key(fixture, partition),
      .projection = (enum table_projection)random_below(random, 3),
  };
  if (random_coin(random)) index->sort = random_key(fixture, partition + 1);
  if (index->projection != PROJECTION_INCLUDE) return;
  index->include_count = (uint32_t)random_between(random, 1, 5);
  struct bytes *include = arena_alloc_array(&fixture->arena, index->include_count, sizeof *include);
  for (uint32_t i = 0; i < index->include_count; i++)
    include[i] = random_name(fixture, "attribute", (int)i);
  index->include = include;
}

static struct table *random_table(struct fixture *fixture)
{
  struct random *random = &fixture->random;
  struct table_index_definition indexes[TABLE_INDEXES_MAX];
  int partition = (int)random_below(random, 30);
  struct table_definition definition = {
      .name = random_name(fixture, "table", 0),
      .partition = random_key(fixture, partition),
      .indexes = indexes,
      .index_count = random_coin(random) ? 0 : (uint32_t)random_between(random, 1, 20),
      .stream = (enum table_stream)random_below(random, 5),
      .deletion_protection = random_coin(random),
  };
  if (random_coin(random)) definition.sort = random_key(fixture, partition + 1);
  if (random_coin(random)) definition.ttl_attribute = random_name(fixture, "ttl", 0);
  for (uint32_t i = 0; i < definition.index_count; i++) random_index(fixture, (int)i, &indexes[i]);
  struct error error = {.message = ""};
  if (!table_check_definition(&definition, &error)) fail_msg("%s", error.message);
  struct table_origin origin = origin_of(fixture);
  struct table *table = table_make(&origin, (uint32_t)random_between(random, 1, UINT32_MAX),
                                   &definition);
  assert_non_null(table);
  table->state = random_coin(random) ? TABLE_ACTIVE : TABLE_CREATING;
  table->restoring = random_coin(random);
  table->created_ms = (int64_t)(random_u64(random) >> 1);
  table->stream_since = random_u64(random) >> (1 + random_below(random, 60));
  for (uint32_t i = 0; i < table->index_count; i++) table->indexes[i]->active = random_coin(random);
  return table;
}

static void assert_key_equal(struct table_key left, struct table_key right)
{
  assert_true(bytes_equal(left.name, right.name));
  if (left.name.size > 0) assert_int_equal(left.type, right.type);
}

static void assert_index_equal(const struct table_index *left, const struct table_index *right)
{
  assert_int_equal(left->active, right->active);
  assert_true(bytes_equal(left->definition.name, right->definition.name));
  assert_key_equal(left->definition.partition, right->definition.partition);
  assert_key_equal(left->definition.sort, right->definition.sort);
  assert_int_equal(left->definition.projection, right->definition.projection);
  assert_int_equal(left->definition.include_count, right->definition.include_count);
  for (uint32_t i = 0; i < left->definition.include_count; i++)
    assert_true(bytes_equal(left->definition.include[i], right->definition.include[i]));
}

static void assert_table_equal(const struct table *left, const struct table *right)
{
  assert_int_equal(left->id, right->id);
  assert_true(bytes_equal(left->name, right->name));
  assert_int_equal(left->state, right->state);
  assert_int_equal(left->restoring, right->restoring);
  assert_int_equal(left->created_ms, right->created_ms);
  assert_int_equal(left->stream_since, right->stream_since);
  assert_true(bytes_equal(table_ttl(left), table_ttl(right)));
  assert_int_equal(left->stream, right->stream);
  assert_int_equal(left->deletion_protection, right->deletion_protection);
  assert_key_equal(left->primary.partition, right->primary.partition);
  assert_key_equal(left->primary.sort, right->primary.sort);
  assert_int_equal(left->index_count, right->index_count);
  for (uint32_t i = 0; i < left->index_count; i++)
    assert_index_equal(left->indexes[i], right->indexes[i]);
}

static uint64_t print_seed(uint64_t fixed)
{
  uint64_t seed = random_seed(fixed);
  print_message("replay: TACOS_SEED=%" PRIu64 " build/asan/tests/unit/store/test_table_codec\n",
                seed);
  return seed;
}

static void test_round_trip(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, print_seed(51));
  for (int i = 0; i < RANDOM_DEFINITIONS; i++) {
    struct error error = {.message = ""};
    struct table *table = random_table(&fixture);
    struct value encoded = encode(&fixture, table);
    assert_true(value_validate(bytes_of(encoded.data, encoded.size), &error));
    struct table *again = decode(&fixture, encoded, &error);
    if (again == NULL) fail_msg("%s", error.message);
    assert_table_equal(again, table);
    assert_int_equal(again->item_count, 0);
    assert_true(value_equal(encode(&fixture, again), encoded));
    table_free(table);
    table_free(again);
    arena_reset(&fixture.arena);
  }
  fixture_close(&fixture);
}

/* ---- what is malformed ---- */

/* A whole definition as JSON with one part replaced; ' for ". */
static struct value patched(struct fixture *fixture, const char *old_text, const char *new_text)
{
  static const char whole[] =
      "{'id':{'N':'3'},'name':{'S':'seats'},'state':{'N':'1'},"
      "'restoring':{'BOOL':false},'created':{'N':'5'},'since':{'N':'6'},'ttl':{'S':''},"
      "'stream':{'N':'0'},'protection':{'BOOL':true},"
      "'keys':{'L':[{'L':[{'S':'id'},{'N':'1'}]},{'L':[{'S':'at'},{'N':'2'}]}]},"
      "'indexes':{'L':[{'M':{'name':{'S':'owners'},'projection':{'N':'2'},'active':{'BOOL':true},"
      "'keys':{'L':[{'L':[{'S':'owner'},{'N':'3'}]}]},'include':{'L':[{'S':'row'}]}}}]}}";
  char text[8192];
  const char *place = strstr(whole, old_text);
  assert_non_null(place);
  snprintf(text, sizeof text, "%.*s%s%s", (int)(place - whole), whole, new_text,
           place + strlen(old_text));
  for (char *c = text; *c != 0; c++)
    if (*c == '\'') *c = '"';
  struct value value;
  struct error error = {.message = ""};
  if (!item_from_json(&fixture->arena, bytes_of_text(text), &value, &error))
    fail_msg("%s: %s", text, error.message);
  return value;
}

static void expect_corrupt(struct fixture *fixture, struct value encoded, const char *message)
{
  struct error error;
  assert_null(decode(fixture, encoded, &error));
  assert_int_equal(error.code, ERROR_CORRUPT);
  assert_string_equal(error.message, message);
}

static void test_malformed_fields_are_refused(void **state)
{
  (void)state;
  struct fixture fixture;
  struct error error;
  fixture_open(&fixture, 1);
  struct table *table = decode(&fixture, patched(&fixture, "'id'", "'id'"), &error);
  assert_non_null(table);
  assert_int_equal(table->id, 3);
  assert_true(bytes_equal(table->indexes[0]->definition.include[0], BYTES("row")));
  table_free(table);
  static const char *const patches[][2] = {
      {"'id'", "'no'"},
      {"'id':{'N':'3'}", "'id':{'N':'0'}"},
      {"'id':{'N':'3'}", "'id':{'N':'4294967296'}"},
      {"'id':{'N':'3'}", "'id':{'N':'1.5'}"},
      {"'id':{'N':'3'}", "'id':{'S':'3'}"},
      {"'name':{'S':'seats'}", "'name':{'S':'se'}"},
      {"'name':{'S':'seats'}", "'name':{'B':'AAAA'}"},
      {"'state':{'N':'1'}", "'state':{'N':'2'}"},
      {"'state':{'N':'1'}", "'state':{'N':'-1'}"},
      {"'restoring':{'BOOL':false}", "'restoring':{'N':'0'}"},
      {"'created':{'N':'5'}", "'created':{'N':'-5'}"},
      {"'since':{'N':'6'}", "'since':{'N':'9223372036854775808'}"},
      {"'ttl':{'S':''}", "'ttl':{'NULL':true}"},
      {"'stream':{'N':'0'}", "'stream':{'N':'5'}"},
      {"'protection':{'BOOL':true}", "'protection':{'L':[]}"},
      {"'keys'", "'no'"},
      {"{'L':[{'S':'id'},{'N':'1'}]},{'L':[{'S':'at'},{'N':'2'}]}", ""},
      {"{'S':'id'},{'N':'1'}", "{'S':'id'},{'N':'0'}"},
      {"{'S':'id'},{'N':'1'}", "{'S':'id'},{'N':'4'}"},
      {"{'S':'id'},{'N':'1'}", "{'S':'id'}"},
      {"{'S':'id'},{'N':'1'}", "{'N':'1'},{'S':'id'}"},
      {"{'S':'id'},{'N':'1'}", "{'S':''},{'N':'1'}"},
      {"{'S':'at'},{'N':'2'}", "{'S':'id'},{'N':'1'}"},
      {"{'L':[{'S':'at'},{'N':'2'}]}", "{'S':'at'}"},
      {"'indexes'", "'no'"},
  };
  for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
    expect_corrupt(&fixture, patched(&fixture, patches[i][0], patches[i][1]),
                   "a table's definition is malformed");
  }
  expect_corrupt(&fixture, VALUE_NONE, "a table's definition is not a map");
  expect_corrupt(&fixture, value_make_string(&fixture.arena, BYTES("id")),
                 "a table's definition is not a map");
  fixture_close(&fixture);
}

static void test_malformed_indexes_are_refused(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, 1);
  static const char index[] =
      "{'M':{'name':{'S':'owners'},'projection':{'N':'2'},'active':{'BOOL':true},"
      "'keys':{'L':[{'L':[{'S':'owner'},{'N':'3'}]}]},'include':{'L':[{'S':'row'}]}}}";
  char twice[1024];
  snprintf(twice, sizeof twice, "%s,%s", index, index);
  const char *const patches[][2] = {
      {index, twice},
      {index, "{'S':'owners'}"},
      {"'name':{'S':'owners'}", "'name':{'S':'o'}"},
      {"'name':{'S':'owners'}", "'name':{'N':'1'}"},
      {"'projection':{'N':'2'}", "'projection':{'N':'3'}"},
      {"'projection':{'N':'2'}", "'projection':{'N':'0'}"},
      {"'active':{'BOOL':true}", "'active':{'NULL':true}"},
      {"{'S':'owner'},{'N':'3'}", "{'S':'owner'},{'N':'9'}"},
      {"{'S':'owner'},{'N':'3'}", "{'S':''},{'N':'3'}"},
      {"{'S':'owner'},{'N':'3'}", "{'S':'at'},{'N':'3'}"},
      {"{'L':[{'S':'owner'},{'N':'3'}]}",
       "{'L':[{'S':'owner'},{'N':'3'}]},{'L':[{'S':'owner'},{'N':'3'}]}"},
      {"{'S':'row'}", "{'N':'1'}"},
      {"{'S':'row'}", ""},
      {"'include':{'L'", "'included':{'L'"},
  };
  for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
    expect_corrupt(&fixture, patched(&fixture, patches[i][0], patches[i][1]),
                   "table 'seats': index definition is malformed");
  }
  fixture_close(&fixture);
}

/* 21 indexes, and one that includes 101 names. */
static void test_too_many(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, 1);
  for (int kind = 0; kind < 2; kind++) {
    for (int over = 0; over < 2; over++) {
      struct buffer json;
      struct error error;
      buffer_init(&json, &fixture.memory);
      int count = (kind == 0 ? TABLE_INDEXES_MAX : INDEX_PROJECTED_MAX) + over;
      for (int i = 0; i < count; i++) {
        if (kind == 0)
          buffer_append_format(&json,
                               "%s{'M':{'name':{'S':'index%d'},'projection':{'N':'0'},"
                               "'active':{'BOOL':true},'keys':{'L':[{'L':[{'S':'owner'},"
                               "{'N':'3'}]}]},'include':{'L':[]}}}",
                               i == 0 ? "" : ",", i);
        else
          buffer_append_format(&json, "%s{'S':'row'}", i == 0 ? "" : ",");
      }
      buffer_append_byte(&json, 0);
      static const char index[] =
          "{'M':{'name':{'S':'owners'},'projection':{'N':'2'},'active':{'BOOL':true},"
          "'keys':{'L':[{'L':[{'S':'owner'},{'N':'3'}]}]},'include':{'L':[{'S':'row'}]}}}";
      struct value encoded = patched(&fixture, kind == 0 ? index : "{'S':'row'}",
                                     (const char *)json.data);
      struct table *table = decode(&fixture, encoded, &error);
      assert_int_equal(table == NULL, over);
      if (over) assert_string_equal(error.message, "table 'seats': index definition is malformed");
      if (table != NULL) table_free(table);
      buffer_free(&json);
    }
  }
  fixture_close(&fixture);
}

/* Any bytes that are a value: refused or a table that can be written again, never a crash. */
static void test_mutations_are_harmless(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, print_seed(52));
  struct error error;
  struct table *table = random_table(&fixture);
  while (table->index_count != 2) {
    table_free(table);
    table = random_table(&fixture);
  }
  struct value encoded = encode(&fixture, table);
  uint8_t *mutated = arena_alloc(&fixture.arena, encoded.size);
  int decoded = 0;
  int refused = 0;
  for (int i = 0; i < MUTATIONS; i++) {
    memcpy(mutated, encoded.data, encoded.size);
    for (uint64_t changes = random_between(&fixture.random, 1, 2); changes > 0; changes--)
      mutated[random_below(&fixture.random, encoded.size)] = (uint8_t)random_u64(&fixture.random);
    if (!value_validate(bytes_of(mutated, encoded.size), &error)) continue;
    error.code = ERROR_NONE;
    struct table *made = decode(&fixture, (struct value){mutated, encoded.size}, &error);
    decoded += made != NULL;
    refused += made == NULL;
    if (made == NULL) {
      assert_int_equal(error.code, ERROR_CORRUPT);
      continue;
    }
    (void)encode(&fixture, made);
    table_free(made);
  }
  for (size_t size = 0; size < encoded.size; size++)
    assert_false(value_validate(bytes_of(encoded.data, size), &error));
  assert_true(decoded > 100 && refused > 100);
  table_free(table);
  fixture_close(&fixture);
}

static void test_every_allocation_can_fail(void **state)
{
  (void)state;
  struct fixture fixture;
  struct error error;
  fixture_open(&fixture, 3);
  struct value encoded = patched(&fixture, "'id'", "'id'");
  struct table *table = NULL;
  uint64_t n = 1;
  for (; table == NULL; n++) {
    size_t in_use = fixture.heap.in_use;
    fixture.memory.fail_at = fixture.memory.calls + n;
    table = decode(&fixture, encoded, &error);
    assert_int_equal(table != NULL, fixture.memory.calls < fixture.memory.fail_at);
    if (table != NULL) continue;
    assert_int_equal(error.code, ERROR_NO_MEMORY);
    assert_string_equal(error.message, "no memory for table 'seats'");
    assert_int_equal(fixture.heap.in_use, in_use);
  }
  assert_true(n > 5);
  bool done = false;
  for (n = 1; !done; n++) {
    struct buffer buffer;
    struct value again;
    buffer_init(&buffer, &fixture.memory);
    fixture.memory.fail_at = fixture.memory.calls + n;
    done = table_encode(table, &buffer, &again);
    assert_int_equal(done, fixture.memory.calls < fixture.memory.fail_at);
    if (done) assert_true(value_equal(again, encoded));
    buffer_free(&buffer);
  }
  assert_true(n > 2);
  fixture.memory.fail_at = 0;
  table_free(table);
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_malformed_fields_are_refused),
      cmocka_unit_test(test_malformed_indexes_are_refused),
      cmocka_unit_test(test_too_many),
      cmocka_unit_test(test_mutations_are_harmless),
      cmocka_unit_test(test_every_allocation_can_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
