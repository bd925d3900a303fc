#include "store/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INVALID   "One or more parameter values were invalid: "
#define NOT_VALID "One or more parameter values are not valid. "

static struct table_key key(const char *name, enum value_type type)
{
  return (struct table_key){bytes_of_text(name), type};
}

static struct table_index_definition index_of(const char *name, struct table_key partition,
                                              struct table_key sort)
{
  return (struct table_index_definition){
      .name = bytes_of_text(name), .partition = partition, .sort = sort};
}

static struct table_definition definition_of(void)
{
  return (struct table_definition){.name = BYTES("seats"),
                                   .partition = key("id", VALUE_STRING),
                                   .sort = key("at", VALUE_NUMBER)};
}

/* NULL: no refusal. */
static void expect(bool passed, const struct error *error, const char *message)
{
  if (message == NULL) {
    assert_true(passed);
    return;
  }
  assert_false(passed);
  assert_int_equal(error->code, ERROR_INVALID);
  assert_string_equal(error->message, message);
}

static void expect_definition(const struct table_definition *definition, const char *message)
{
  struct error error = {.code = ERROR_NONE};
  bool passed = table_check_definition(definition, &error);
  expect(passed, &error, message);
}

/* The definition above with one index. */
static void expect_index(const struct table_index_definition *index, const char *message)
{
  struct table_definition definition = definition_of();
  struct error error = {.code = ERROR_NONE};
  expect(table_check_index(&definition, index, &error), &error, message);
  definition.indexes = index;
  definition.index_count = 1;
  expect_definition(&definition, message);
}

/* ---- definitions ---- */

static void test_names(void **state)
{
  (void)state;
  char longest[257];
  memset(longest, 'n', sizeof longest);
  static const char length[] = "TableName must be at least 3 characters long and at most 255 "
                               "characters long";
  const struct {
    struct bytes name;
    const char *message;
  } cases[] = {
      {BYTES("abc"), NULL},
      {BYTES("aZ09_-."), NULL},
      {bytes_of(longest, 255), NULL},
      {bytes_of(longest, 256), length},
      {BYTES("ab"), length},
      {BYTES("a;"), length},
      {{NULL, 0}, length},
      {BYTES("a b"), "1 validation error detected: Value 'a b' at 'tableName' failed to satisfy "
                     "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
      {BYTES("abc/"), "1 validation error detected: Value 'abc/' at 'tableName' failed to satisfy "
                      "constraint: Member must satisfy regular expression pattern: "
                      "[a-zA-Z0-9_.-]+"},
      {BYTES("\xC3\xA9t\xC3\xA9"),
       "1 validation error detected: Value '\xC3\xA9t\xC3\xA9' at 'tableName' failed to satisfy "
       "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct table_definition definition = definition_of();
    definition.name = cases[i].name;
    expect_definition(&definition, cases[i].message);
  }
}

static void test_keys(void **state)
{
  (void)state;
  char longest[257];
  memset(longest, 'k', sizeof longest);
  struct table_key none = {{NULL, 0}, 0};
  struct table_key at_limit = {bytes_of(longest, 255), VALUE_BINARY};
  struct table_key too_long = {bytes_of(longest, 256), VALUE_BINARY};
  const struct {
    struct table_key partition;
    struct table_key sort;
    const char *message;
  } cases[] = {
      {key("id", VALUE_STRING), none, NULL},
      {key("id", VALUE_NUMBER), key("at", VALUE_BINARY), NULL},
      {at_limit, none, NULL},
      {key("id", VALUE_STRING), at_limit, NULL},
      {none, none,
       "No Hash Key specified in schema.  All Dynamo DB tables must have exactly one hash key"},
      {none, key("at", VALUE_STRING),
       "No Hash Key specified in schema.  All Dynamo DB tables must have exactly one hash key"},
      {too_long, none, "The name of the partition key may have at most 255 bytes"},
      {key("id", VALUE_STRING), too_long, "The name of the sort key may have at most 255 bytes"},
      {key("\xFF", VALUE_STRING), none, "The name of the partition key is not UTF-8"},
      {key("id", VALUE_STRING), key("\xC0\x80", VALUE_STRING),
       "The name of the sort key is not UTF-8"},
      {key("id", VALUE_BOOL), none, "The type of the partition key 'id' must be S, N or B"},
      {key("id", VALUE_ABSENT), none, "The type of the partition key 'id' must be S, N or B"},
      {key("id", VALUE_STRING), key("at", VALUE_STRING_SET),
       "The type of the sort key 'at' must be S, N or B"},
      {key("id", VALUE_STRING), key("id", VALUE_STRING),
       "Both the Hash Key and the Range Key element in the KeySchema have the same name"},
      {key("id", VALUE_STRING), key("id", VALUE_NUMBER),
       "Both the Hash Key and the Range Key element in the KeySchema have the same name"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct table_definition definition = {
        .name = BYTES("seats"), .partition = cases[i].partition, .sort = cases[i].sort};
    expect_definition(&definition, cases[i].message);
    struct table_index_definition index = {
        .name = BYTES("index"), .partition = cases[i].partition, .sort = cases[i].sort};
    struct table_definition other = {.name = BYTES("seats"), .partition = key("x", VALUE_STRING)};
    struct error error;
    expect(table_check_index(&other, &index, &error), &error, cases[i].message);
  }
}

static void test_ttl_names(void **state)
{
  (void)state;
  char longest[256];
  struct table_definition definition = definition_of();
  memset(longest, 't', sizeof longest);
  definition.ttl_attribute = bytes_of(longest, 255);
  expect_definition(&definition, NULL);
  static const char message[] = "The TTL attribute's name may have at most 255 bytes of UTF-8";
  definition.ttl_attribute = bytes_of(longest, 256);
  expect_definition(&definition, message);
  definition.ttl_attribute = BYTES("\xED\xA0\x80");
  expect_definition(&definition, message);
}

static void test_index_names_and_types(void **state)
{
  (void)state;
  struct table_key none = {{NULL, 0}, 0};
  struct table_index_definition index = index_of("ab", key("owner", VALUE_STRING), none);
  expect_index(&index, "IndexName must be at least 3 characters long and at most 255 characters "
                       "long");
  index.name = BYTES("a!b");
  expect_index(&index, "1 validation error detected: Value 'a!b' at 'indexName' failed to satisfy "
                       "constraint: Member must satisfy regular expression pattern: "
                       "[a-zA-Z0-9_.-]+");
  index.name = BYTES("owners");
  expect_index(&index, NULL);
  index.partition = none;
  expect_index(&index, "No Hash Key specified in schema.  All Dynamo DB tables must have exactly "
                       "one hash key");
  /* Key attributes of the table may be keys of an index, with their own types. */
  index = index_of("owners", key("at", VALUE_NUMBER), key("id", VALUE_STRING));
  expect_index(&index, NULL);
  index.partition.type = VALUE_STRING;
  expect_index(&index, INVALID "attribute 'at' is defined with two types, S and N");
  index = index_of("owners", key("owner", VALUE_STRING), key("id", VALUE_BINARY));
  expect_index(&index, INVALID "attribute 'id' is defined with two types, B and S");
}

static void test_projections(void **state)
{
  (void)state;
  struct table_key none = {{NULL, 0}, 0};
  char longest[256];
  memset(longest, 'a', sizeof longest);
  struct bytes include[] = {BYTES("row"), bytes_of(longest, 255)};
  struct table_index_definition index = index_of("owners", key("owner", VALUE_STRING), none);
  index.include = include;
  index.projection = PROJECTION_INCLUDE;
  expect_index(&index, INVALID "ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
  index.include_count = 2;
  expect_index(&index, NULL);
  index.projection = PROJECTION_ALL;
  expect_index(&index, INVALID "ProjectionType is ALL, but NonKeyAttributes is specified");
  index.projection = PROJECTION_KEYS_ONLY;
  expect_index(&index, INVALID "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified");
  index.projection = PROJECTION_INCLUDE;
  const struct bytes wrong[] = {{NULL, 0}, bytes_of(longest, 256), BYTES("\x80")};
  for (int i = 0; i < 3; i++) {
    include[1] = wrong[i];
    expect_index(&index, "NonKeyAttributes[1] must have between 1 and 255 bytes of UTF-8");
  }
}

/* 100 names over all indexes. */
static void test_projected_names_are_counted_together(void **state)
{
  (void)state;
  struct table_key none = {{NULL, 0}, 0};
  struct bytes include[61];
  for (int i = 0; i < 61; i++) include[i] = BYTES("attribute");
  struct table_index_definition indexes[] = {
      index_of("one", key("a", VALUE_STRING), none),
      index_of("two", key("b", VALUE_STRING), none),
  };
  struct table_definition definition = definition_of();
  definition.indexes = indexes;
  definition.index_count = 2;
  for (int i = 0; i < 2; i++) {
    indexes[i].projection = PROJECTION_INCLUDE;
    indexes[i].include = include;
  }
  indexes[0].include_count = 40;
  indexes[1].include_count = 60;
  expect_definition(&definition, NULL);
  indexes[1].include_count = 61;
  expect_definition(&definition, INVALID "the indexes project 101 attributes by name, at most 100 "
                                         "are allowed");
  struct error error;
  struct table_index_definition third = indexes[1];
  third.name = BYTES("three");
  third.include_count = 1;
  indexes[1].include_count = 60;
  expect(table_check_index(&definition, &third, &error), &error,
         INVALID "the indexes project 101 attributes by name, at most 100 are allowed");
}

static void test_index_against_the_others(void **state)
{
  (void)state;
  struct table_key none = {{NULL, 0}, 0};
  struct table_index_definition indexes[] = {
      index_of("owners", key("owner", VALUE_STRING), key("price", VALUE_NUMBER)),
      index_of("owners", key("owner", VALUE_STRING), none),
  };
  struct table_definition definition = definition_of();
  definition.indexes = indexes;
  definition.index_count = 2;
  expect_definition(&definition, INVALID "Duplicate index name: owners");
  indexes[1].name = BYTES("Owners");
  expect_definition(&definition, NULL);
  indexes[1].partition.type = VALUE_NUMBER;
  expect_definition(&definition, INVALID "attribute 'owner' is defined with two types, S and N");
  indexes[1] = index_of("prices", key("id", VALUE_STRING), key("price", VALUE_BINARY));
  expect_definition(&definition, INVALID "attribute 'price' is defined with two types, N and B");
}

static void test_twenty_indexes(void **state)
{
  (void)state;
  struct table_index_definition indexes[TABLE_INDEXES_MAX + 1];
  char names[TABLE_INDEXES_MAX + 1][24];
  struct table_key none = {{NULL, 0}, 0};
  for (int i = 0; i <= TABLE_INDEXES_MAX; i++) {
    snprintf(names[i], sizeof names[i], "index-%d", i);
    indexes[i] = index_of(names[i], key("owner", VALUE_STRING), none);
  }
  struct table_definition definition = definition_of();
  definition.indexes = indexes;
  definition.index_count = 20;
  expect_definition(&definition, NULL);
  definition.index_count = 21;
  expect_definition(&definition, INVALID "GlobalSecondaryIndex count exceeds the per-table limit "
                                         "of 20");
}

/* ---- items and keys ---- */

struct fixture {
  struct memory memory;
  struct heap heap;
  struct arena arena;
  struct table *table; /* id S, at N; index owners: owner S, tag B; index times: at N */
  struct table *plain; /* id B */
};

static int setup(void **state)
{
  static struct fixture fixture;
  fixture = (struct fixture){0};
  heap_init(&fixture.heap, &fixture.memory, 256 << 10);
  arena_init(&fixture.arena, &fixture.memory);
  struct table_origin origin = {&fixture.memory, &fixture.heap, 1};
  const struct table_index_definition indexes[] = {
      index_of("owners", key("owner", VALUE_STRING), key("tag", VALUE_BINARY)),
      {.name = BYTES("times"), .partition = key("at", VALUE_NUMBER)},
  };
  struct table_definition definition = definition_of();
  definition.indexes = indexes;
  definition.index_count = 2;
  fixture.table = table_make(&origin, 1, &definition);
  struct table_definition plain = {.name = BYTES("plain"), .partition = key("id", VALUE_BINARY)};
  fixture.plain = table_make(&origin, 2, &plain);
  *state = &fixture;
  return fixture.table == NULL || fixture.plain == NULL;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  table_free(fixture->table);
  table_free(fixture->plain);
  arena_free(&fixture->arena);
  heap_free_all(&fixture->heap);
  return fixture->memory.in_use != 0;
}

static struct value item(struct fixture *fixture, const char *json)
{
  struct value value;
  struct error error = {.message = ""};
  char text[16 << 10];
  size_t size = strlen(json);
  assert_true(size < sizeof text);
  for (size_t i = 0; i <= size; i++) text[i] = json[i] == '\'' ? '"' : json[i];
  if (!item_from_json(&fixture->arena, bytes_of(text, size), &value, &error))
    fail_msg("%s: %s", json, error.message);
  return value;
}

/* `format` has one %s or %.*s: `size` letters, or the Base64 of as many bytes (size % 3 == 0). */
static struct value long_item(struct fixture *fixture, const char *format, int size)
{
  static char letters[8 << 10];
  char json[12 << 10];
  memset(letters, 'A', sizeof letters);
  snprintf(json, sizeof json, format, size, letters);
  return item(fixture, json);
}

static void expect_item(struct fixture *fixture, struct value value, const char *message)
{
  struct error error = {.code = ERROR_NONE};
  struct item_key key;
  expect(table_check_item(fixture->table, value, &key, &error), &error, message);
}

static void expect_key(const struct table *table, struct value value, const char *message)
{
  struct error error = {.code = ERROR_NONE};
  struct item_key key;
  expect(table_check_key(table, value, &key, &error), &error, message);
}

static void test_items(void **state)
{
  struct fixture *fixture = *state;
  static const struct {
    const char *json;
    const char *message;
  } cases[] = {
      {"{'id':{'S':'a'},'at':{'N':'1'}}", NULL},
      {"{'id':{'S':'a'},'at':{'N':'0'},'owner':{'S':'o'},'tag':{'B':'AA=='}}", NULL},
      {"{'id':{'S':'a'},'at':{'N':'1'},'other':{'S':''}}", NULL},
      {"{}", INVALID "Missing the key id in the item"},
      {"{'id':{'S':'a'}}", INVALID "Missing the key at in the item"},
      {"{'at':{'N':'1'}}", INVALID "Missing the key id in the item"},
      {"{'id':{'N':'1'},'at':{'N':'1'}}", INVALID "Type mismatch for key id expected: S actual: N"},
      {"{'id':{'S':'a'},'at':{'NULL':true}}",
       INVALID "Type mismatch for key at expected: N actual: NULL"},
      {"{'id':{'S':''},'at':{'N':'1'}}",
       NOT_VALID "The AttributeValue for a key attribute cannot contain an empty string value. "
                 "Key: id"},
      {"{'id':{'S':'a'},'at':{'N':'1'},'owner':{'BOOL':true}}",
       INVALID "Type mismatch for Index Key owner Expected: S Actual: BOOL IndexName: owners"},
      {"{'id':{'S':'a'},'at':{'N':'1'},'tag':{'S':'x'}}",
       INVALID "Type mismatch for Index Key tag Expected: B Actual: S IndexName: owners"},
      {"{'id':{'S':'a'},'at':{'N':'1'},'owner':{'S':''}}",
       NOT_VALID "A value specified for a secondary index key is not supported. The AttributeValue "
                 "for a key attribute cannot contain an empty string value. IndexName: owners, "
                 "IndexKey: owner"},
      {"{'id':{'S':'a'},'at':{'N':'1'},'tag':{'B':''}}",
       NOT_VALID "A value specified for a secondary index key is not supported. The AttributeValue "
                 "for a key attribute cannot contain an empty binary value. IndexName: owners, "
                 "IndexKey: tag"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_item(fixture, item(fixture, cases[i].json), cases[i].message);
  expect_item(fixture, value_make_string(&fixture->arena, BYTES("id")),
              "An item must be a map of attributes");
}

static void test_key_sizes(void **state)
{
  struct fixture *fixture = *state;
  static const char partition[] = INVALID
      "Size of hashkey has exceeded the maximum size limit of2048 bytes";
  static const char sort[] = INVALID
      "Aggregated size of all range keys has exceeded the size limit of 1024 bytes";
  static const char id[] = "{'id':{'S':'%.*s'},'at':{'N':'1'}}";
  static const char owner[] = "{'id':{'S':'a'},'at':{'N':'1'},'owner':{'S':'%.*s'}}";
  static const char tag[] = "{'id':{'S':'a'},'at':{'N':'1'},'tag':{'B':'%.*s'}}";
  expect_item(fixture, long_item(fixture, id, 2048), NULL);
  expect_item(fixture, long_item(fixture, id, 2049), partition);
  expect_key(fixture->table, long_item(fixture, id, 2048), NULL);
  expect_key(fixture->table, long_item(fixture, id, 2049), partition);
  expect_item(fixture, long_item(fixture, owner, 2048), NULL);
  expect_item(fixture, long_item(fixture, owner, 2049), partition);
  /* Four letters of Base64 are three bytes. */
  expect_item(fixture, long_item(fixture, tag, 1020 / 3 * 4), NULL);
  expect_item(fixture, long_item(fixture, tag, 1023 / 3 * 4), NULL);
  expect_item(fixture, long_item(fixture, tag, 1026 / 3 * 4), sort);
  expect_key(fixture->plain, long_item(fixture, "{'id':{'B':'%.*s'}}", 2046 / 3 * 4), NULL);
  expect_key(fixture->plain, long_item(fixture, "{'id':{'B':'%.*s'}}", 2049 / 3 * 4), partition);
}

/* The sort key's limit to the byte, on a table of its own. */
static void test_sort_key_size(void **state)
{
  struct fixture *fixture = *state;
  struct table_origin origin = {&fixture->memory, &fixture->heap, 1};
  struct table_definition definition = {.name = BYTES("sorted"),
                                        .partition = key("id", VALUE_NUMBER),
                                        .sort = key("at", VALUE_STRING)};
  struct table *table = table_make(&origin, 3, &definition);
  assert_non_null(table);
  static const char json[] = "{'id':{'N':'1'},'at':{'S':'%.*s'}}";
  expect_key(table, long_item(fixture, json, 1024), NULL);
  expect_key(table, long_item(fixture, json, 1025),
             INVALID "Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
  table_free(table);
}

static void test_item_size(void **state)
{
  struct fixture *fixture = *state;
  struct buffer buffer;
  buffer_init(&buffer, &fixture->memory);
  uint8_t *text = arena_alloc(&fixture->arena, ITEM_SIZE_MAX);
  memset(text, 'x', ITEM_SIZE_MAX);
  /* "id" 2 + "a" 1, "at" 2 + 1, "x" 1 */
  size_t others = 2 + 1 + 2 + 2 + 1;
  for (int over = 0; over < 2; over++) {
    struct value_writer writer;
    struct value value;
    struct error error;
    buffer_clear(&buffer);
    value_writer_init(&writer, &buffer);
    value_write_begin(&writer, VALUE_MAP);
    value_write_name(&writer, BYTES("id"));
    value_write_string(&writer, BYTES("a"));
    value_write_name(&writer, BYTES("at"));
    value_write_integer(&writer, 1);
    value_write_name(&writer, BYTES("x"));
    value_write_string(&writer, bytes_of(text, ITEM_SIZE_MAX - others + (size_t)over));
    value_write_end(&writer);
    assert_true(value_writer_finish(&writer, &value, &error));
    assert_int_equal(item_size(value), ITEM_SIZE_MAX + over);
    expect_item(fixture, value, over ? "Item size has exceeded the maximum allowed size" : NULL);
  }
  buffer_free(&buffer);
}

/* Values whose size is far above that of their encoding: no list is let through unmeasured. */
static void test_item_size_of_dense_values(void **state)
{
  struct fixture *fixture = *state;
  struct buffer buffer;
  buffer_init(&buffer, &fixture->memory);
  struct decimal decimal;
  struct error error;
  assert_true(decimal_parse(BYTES("1E+125"), &decimal, &error));
  for (int kind = 0; kind < 3; kind++) {
    struct value_writer writer;
    struct value value;
    bool over = false;
    for (uint32_t elements = 4000; !over; elements += elements / 8) {
      buffer_clear(&buffer);
      value_writer_init(&writer, &buffer);
      value_write_begin(&writer, VALUE_MAP);
      value_write_name(&writer, BYTES("id"));
      value_write_string(&writer, BYTES("a"));
      value_write_name(&writer, BYTES("at"));
      value_write_integer(&writer, 1);
      value_write_name(&writer, BYTES("x"));
      value_write_begin(&writer, VALUE_LIST);
      for (uint32_t i = 0; i < elements; i++) {
        if (kind == 0) value_write_number(&writer, &decimal);
        if (kind == 1) value_write_null(&writer);
        if (kind == 2) value_write_string(&writer, BYTES(""));
      }
      value_write_end(&writer);
      value_write_end(&writer);
      assert_true(value_writer_finish(&writer, &value, &error));
      over = item_size(value) > ITEM_SIZE_MAX;
      expect_item(fixture, value, over ? "Item size has exceeded the maximum allowed size" : NULL);
    }
  }
  buffer_free(&buffer);
}

static void test_keys_of_requests(void **state)
{
  struct fixture *fixture = *state;
  static const char mismatch[] = "The provided key element does not match the schema";
  static const struct {
    const char *json;
    const char *message;
  } cases[] = {
      {"{'id':{'S':'a'},'at':{'N':'-1.5'}}", NULL},
      {"{}", mismatch},
      {"{'id':{'S':'a'}}", mismatch},
      {"{'id':{'S':'a'},'at':{'S':'1'}}", mismatch},
      {"{'id':{'N':'1'},'at':{'N':'1'}}", mismatch},
      {"{'id':{'S':'a'},'when':{'N':'1'}}", mismatch},
      {"{'id':{'S':'a'},'at':{'N':'1'},'owner':{'S':'o'}}", mismatch},
      {"{'id':{'S':''},'at':{'N':'1'}}",
       NOT_VALID "The AttributeValue for a key attribute cannot contain an empty string value. "
                 "Key: id"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_key(fixture->table, item(fixture, cases[i].json), cases[i].message);
  expect_key(fixture->table, VALUE_NONE, mismatch);
  expect_key(fixture->table, value_make_string(&fixture->arena, BYTES("a")), mismatch);
  expect_key(fixture->plain, item(fixture, "{'id':{'B':'AA=='}}"), NULL);
  expect_key(fixture->plain, item(fixture, "{'id':{'B':'AA=='},'at':{'N':'1'}}"), mismatch);
  expect_key(fixture->plain, item(fixture, "{'id':{'B':''}}"),
             NOT_VALID "The AttributeValue for a key attribute cannot contain an empty binary "
                       "value. Key: id");
}

static void test_key_filled(void **state)
{
  struct fixture *fixture = *state;
  struct error error;
  /* Only emptiness is looked at: what else is wrong is told per action. */
  static const char *const fine[] = {"{'id':{'S':'a'},'at':{'N':'0'}}", "{}", "{'id':{'N':'1'}}",
                                     "{'id':{'B':''},'owner':{'S':''}}"};
  for (int i = 0; i < 4; i++)
    assert_true(table_check_key_filled(fixture->table, item(fixture, fine[i]), &error));
  assert_true(table_check_key_filled(fixture->table, VALUE_NONE, &error));
  bool passed = table_check_key_filled(fixture->table, item(fixture, "{'id':{'S':''}}"), &error);
  expect(passed, &error,
         NOT_VALID "The AttributeValue for a key attribute cannot contain an empty string value. "
                   "Key: id");
}

static void test_same_key(void **state)
{
  struct fixture *fixture = *state;
  struct value one = item(fixture, "{'id':{'S':'a'},'at':{'N':'1'}}");
  static const struct {
    const char *json;
    bool same;
  } cases[] = {
      {"{'id':{'S':'a'},'at':{'N':'1.0'},'owner':{'S':'o'}}", true},
      {"{'id':{'S':'a'},'at':{'N':'2'}}", false},
      {"{'id':{'S':'b'},'at':{'N':'1'}}", false},
      {"{'id':{'S':'a'}}", false},
      {"{'at':{'N':'1'}}", false},
      {"{}", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct value other = item(fixture, cases[i].json);
    assert_int_equal(table_same_key(fixture->table, one, other), cases[i].same);
    assert_int_equal(table_same_key(fixture->table, other, one), cases[i].same);
  }
  struct value empty = item(fixture, "{}");
  assert_false(table_same_key(fixture->table, empty, empty));
  assert_false(table_same_key(fixture->table, one, VALUE_NONE));
  struct value binary = item(fixture, "{'id':{'B':'AA=='},'at':{'N':'1'}}");
  struct value binary_key = item(fixture, "{'id':{'B':'AA=='}}");
  assert_true(table_same_key(fixture->plain, binary, binary_key));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_keys),
      cmocka_unit_test(test_ttl_names),
      cmocka_unit_test(test_index_names_and_types),
      cmocka_unit_test(test_projections),
      cmocka_unit_test(test_projected_names_are_counted_together),
      cmocka_unit_test(test_index_against_the_others),
      cmocka_unit_test(test_twenty_indexes),
      cmocka_unit_test_setup_teardown(test_items, setup, teardown),
      cmocka_unit_test_setup_teardown(test_key_sizes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_sort_key_size, setup, teardown),
      cmocka_unit_test_setup_teardown(test_item_size, setup, teardown),
      cmocka_unit_test_setup_teardown(test_item_size_of_dense_values, setup, teardown),
      cmocka_unit_test_setup_teardown(test_keys_of_requests, setup, teardown),
      cmocka_unit_test_setup_teardown(test_key_filled, setup, teardown),
      cmocka_unit_test_setup_teardown(test_same_key, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
