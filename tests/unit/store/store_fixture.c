#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LINE_WORDS_MAX = 64, LINE_INDEXES_MAX = 4 };

static void keep_report(void *context, const char *message)
{
  struct store_fixture *fixture = context;
  snprintf(fixture->report, sizeof fixture->report, "%s", message);
}

static void open_store(struct store_fixture *fixture)
{
  fixture->store = store_open(fixture->world, &fixture->options, &fixture->error);
  if (fixture->store == NULL) fail_msg("the store does not open: %s", fixture->error.message);
}

void store_fixture_open_with(struct store_fixture *fixture, uint64_t seed,
                             const struct store_options *options)
{
  memset(fixture, 0, sizeof *fixture);
  fixture->sim = world_sim_new(seed);
  fixture->world = world_sim_world(fixture->sim);
  fixture->options = *options;
  fixture->options.directory = "/data";
  fixture->options.report = keep_report;
  fixture->options.report_context = fixture;
  arena_init(&fixture->arena, &fixture->memory);
  arena_init(&fixture->answers, &fixture->world->memory);
  open_store(fixture);
}

void store_fixture_open(struct store_fixture *fixture, uint64_t seed)
{
  /* Segments that hold a transaction of 4 MB and its old images. */
  const struct store_options options = {.segment_bytes = 16 << 20, .region_bytes = 256 << 10};
  store_fixture_open_with(fixture, seed, &options);
}

void store_fixture_close(struct store_fixture *fixture)
{
  bool closed = fixture->store == NULL || store_close(fixture->store, &fixture->error);
  if (!closed) fail_msg("the store does not close: %s", fixture->error.message);
  arena_free(&fixture->answers);
  arena_free(&fixture->arena);
  assert_int_equal(fixture->world->memory.in_use, 0);
  assert_int_equal(fixture->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

int store_fixture_setup(void **state)
{
  struct store_fixture *fixture = malloc(sizeof *fixture);
  if (fixture == NULL) return -1;
  store_fixture_open(fixture, 1);
  *state = fixture;
  return 0;
}

int store_fixture_teardown(void **state)
{
  store_fixture_close(*state);
  free(*state);
  return 0;
}

void store_fixture_reopen(struct store_fixture *fixture)
{
  arena_reset(&fixture->answers);
  if (!store_close(fixture->store, &fixture->error))
    fail_msg("the store does not close: %s", fixture->error.message);
  open_store(fixture);
}

void store_fixture_crash(struct store_fixture *fixture)
{
  world_sim_crash(fixture->sim, WORLD_SIM_CRASH_DROP);
  (void)store_close(fixture->store, &fixture->error);
  arena_reset(&fixture->answers);
  open_store(fixture);
}

void store_fixture_settle(struct store_fixture *fixture)
{
  bool more = true;
  while (more) {
    bool idle = false;
    more = store_tick(fixture->store);
    store_flush(fixture->store); /* what the tick itself wrote */
    for (;;) {
      if (!store_step(fixture->store, &idle, &fixture->error))
        fail_msg("the log failed: %s", fixture->error.message);
      if (idle) break;
      more = true;
    }
  }
}

void store_fixture_snapshot(struct store_fixture *fixture)
{
  enum store_status status = store_snapshot_begin(fixture->store, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  struct store_statistics before;
  store_statistics(fixture->store, &before);
  while (store_snapshot_busy(fixture->store)) store_fixture_settle(fixture);
  struct store_statistics after;
  store_statistics(fixture->store, &after);
  if (after.snapshots != before.snapshots + 1) fail_msg("no snapshot: %s", fixture->report);
}

void store_fixture_clear(struct store_fixture *fixture)
{
  arena_reset(&fixture->arena);
  arena_reset(&fixture->answers);
}

/* ---- tables ---- */

struct line {
  struct store_fixture *fixture;
  const char *words[LINE_WORDS_MAX];
  size_t count;
  size_t next;
};

static char *copy_text(struct store_fixture *fixture, const char *text)
{
  struct bytes copy = arena_copy(&fixture->arena, bytes_of(text, strlen(text) + 1));
  assert_non_null(copy.data);
  return (char *)(uintptr_t)copy.data;
}

static struct line split_line(struct store_fixture *fixture, const char *text)
{
  struct line line = {.fixture = fixture};
  char *rest = copy_text(fixture, text);
  for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
    if (*word == '\0') continue;
    assert_true(line.count < LINE_WORDS_MAX);
    line.words[line.count++] = word;
  }
  return line;
}

static const char *peek_word(const struct line *line)
{
  return line->next < line->count ? line->words[line->next] : "|";
}

static bool at_bar(const struct line *line)
{
  return strcmp(peek_word(line), "|") == 0;
}

/* "name:T"; an empty key where the next word is none. */
static struct table_key read_key(struct line *line)
{
  const char *word = peek_word(line);
  const char *colon = strchr(word, ':');
  if (colon == NULL) return (struct table_key){0};
  line->next++;
  enum value_type type = colon[1] == 'N'   ? VALUE_NUMBER
                         : colon[1] == 'B' ? VALUE_BINARY
                                           : VALUE_STRING;
  return (struct table_key){bytes_of(word, (size_t)(colon - word)), type};
}

static void read_index(struct line *line, const char *name, struct table_index_definition *index)
{
  *index = (struct table_index_definition){.name = bytes_of_text(name)};
  index->partition = read_key(line);
  index->sort = read_key(line);
  if (at_bar(line)) return;
  bool include = strcmp(line->words[line->next++], "INCLUDE") == 0;
  index->projection = include ? PROJECTION_INCLUDE : PROJECTION_KEYS_ONLY;
  struct bytes *names = arena_alloc_array(&line->fixture->arena, LINE_WORDS_MAX, sizeof *names);
  assert_non_null(names);
  while (!at_bar(line)) names[index->include_count++] = bytes_of_text(line->words[line->next++]);
  index->include = names;
}

static enum table_stream read_stream(struct line *line)
{
  static const char *const names[] = {"OFF", "KEYS", "NEW", "OLD", "NEW_AND_OLD"};
  const char *word = line->words[line->next++];
  for (int i = 0; i < 5; i++) {
    if (strcmp(word, names[i]) == 0) return (enum table_stream)i;
  }
  fail_msg("no stream is called %s", word);
  return STREAM_OFF;
}

struct table *store_fixture_table(struct store_fixture *fixture, const char *text)
{
  struct line line = split_line(fixture, text);
  struct table_index_definition indexes[LINE_INDEXES_MAX];
  struct table_definition definition = {.indexes = indexes};
  definition.name = bytes_of_text(line.words[line.next++]);
  definition.partition = read_key(&line);
  definition.sort = read_key(&line);
  while (line.next < line.count) {
    assert_true(at_bar(&line));
    line.next++;
    const char *word = line.words[line.next++];
    if (strcmp(word, "stream") == 0) {
      definition.stream = read_stream(&line);
    } else if (strcmp(word, "ttl") == 0) {
      definition.ttl_attribute = bytes_of_text(line.words[line.next++]);
    } else {
      assert_true(definition.index_count < LINE_INDEXES_MAX);
      read_index(&line, word, &indexes[definition.index_count++]);
    }
  }
  struct table *table = NULL;
  enum store_status status = store_table_create(fixture->store, &definition, &table,
                                                &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  return table;
}

/* ---- values and expressions ---- */

static struct value parse_item(struct store_fixture *fixture, char *json)
{
  for (char *c = json; *c != '\0'; c++)
    if (*c == '\'') *c = '"';
  struct value item;
  if (!item_from_json(&fixture->arena, bytes_of_text(json), &item, &fixture->error))
    fail_msg("%s: %s", json, fixture->error.message);
  return item;
}

static struct value format_item(struct store_fixture *fixture, const char *format, va_list list)
{
  char *json = NULL;
  if (vasprintf(&json, format, list) < 0) fail_msg("no memory");
  struct bytes copy = arena_copy(&fixture->arena, bytes_of(json, strlen(json) + 1));
  free(json);
  assert_non_null(copy.data);
  return parse_item(fixture, (char *)(uintptr_t)copy.data);
}

struct value store_fixture_item(struct store_fixture *fixture, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  struct value item = format_item(fixture, format, list);
  va_end(list);
  return item;
}

static struct value item_of_text(struct store_fixture *fixture, const char *json)
{
  return parse_item(fixture, copy_text(fixture, json));
}

struct store_fixture_values store_fixture_values(struct store_fixture *fixture, const char *json)
{
  struct store_fixture_values values = {0};
  if (json == NULL) return values;
  struct value map = item_of_text(fixture, json);
  uint32_t count = value_count(map);
  struct bytes *names = arena_alloc_array(&fixture->arena, count, sizeof *names);
  struct value *list = arena_alloc_array(&fixture->arena, count, sizeof *list);
  assert_non_null(names);
  assert_non_null(list);
  struct value_iterator iterator = value_iterate(map);
  for (uint32_t i = 0; value_next(&iterator, &names[i], &list[i]);) i++;
  values.placeholders = (struct expression_placeholders){.values = names, .value_count = count};
  values.values = list;
  return values;
}

const struct expression *store_fixture_expression(struct store_fixture *fixture,
                                                  enum expression_kind kind, const char *text,
                                                  const struct store_fixture_values *values)
{
  if (text == NULL) return NULL;
  const struct expression *expression = expression_compile(&fixture->arena, kind,
                                                           bytes_of_text(copy_text(fixture, text)),
                                                           &values->placeholders, &fixture->error);
  if (expression == NULL || !expression_check_values(expression, values->values, &fixture->error))
    fail_msg("%s: %s", text, fixture->error.message);
  return expression;
}

/* ---- writing ---- */

struct store_action store_fixture_action(struct store_fixture *fixture,
                                         const struct store_fixture_action *texts)
{
  struct store_fixture_values values = store_fixture_values(fixture, texts->values);
  return (struct store_action){
      .kind = texts->kind,
      .table = texts->table,
      .item = item_of_text(fixture, texts->item),
      .condition = store_fixture_expression(fixture, EXPRESSION_CONDITION, texts->condition,
                                            &values),
      .update = store_fixture_expression(fixture, EXPRESSION_UPDATE, texts->update, &values),
      .values = values.values,
      .return_old_on_failure = texts->return_old,
  };
}

enum store_status store_fixture_write(struct store_fixture *fixture,
                                      const struct store_fixture_action *texts,
                                      enum store_return returns, struct store_write_result *result)
{
  struct store_write_result unused;
  struct store_action action = store_fixture_action(fixture, texts);
  return store_write(fixture->store, &action, returns, &fixture->answers,
                     result == NULL ? &unused : result, &fixture->error);
}

static void write_whole(struct store_fixture *fixture, enum store_action_kind kind,
                        struct table *table, struct value item)
{
  struct store_write_result result;
  struct store_action action = {.kind = kind, .table = table, .item = item};
  enum store_status status = store_write(fixture->store, &action, RETURN_NONE, &fixture->answers,
                                         &result, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
}

void store_fixture_put(struct store_fixture *fixture, struct table *table, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  write_whole(fixture, ACTION_PUT, table, format_item(fixture, format, list));
  va_end(list);
}

void store_fixture_delete(struct store_fixture *fixture, struct table *table, const char *format,
                          ...)
{
  va_list list;
  va_start(list, format);
  write_whole(fixture, ACTION_DELETE, table, format_item(fixture, format, list));
  va_end(list);
}

/* ---- reading ---- */

struct store_query store_fixture_query(struct store_fixture *fixture,
                                       const struct store_fixture_query *texts)
{
  struct store_fixture_values values = store_fixture_values(fixture, texts->values);
  const char *index = texts->index == NULL ? "" : copy_text(fixture, texts->index);
  return (struct store_query){
      .table = texts->table,
      .index = bytes_of_text(index),
      .key_condition = store_fixture_expression(fixture, EXPRESSION_KEY_CONDITION,
                                                texts->key_condition, &values),
      .filter = store_fixture_expression(fixture, EXPRESSION_FILTER, texts->filter, &values),
      .projection = store_fixture_expression(fixture, EXPRESSION_PROJECTION, texts->projection,
                                             &values),
      .values = values.values,
  };
}

void store_fixture_expect(struct store_fixture *fixture, enum store_status status,
                          enum store_status expected, const char *message)
{
  const char *said = status == STORE_OK ? "" : fixture->error.message;
  if (status != expected)
    fail_msg("status %s (%s), not %s", store_status_name(status), said,
             store_status_name(expected));
  if (message != NULL) assert_string_equal(said, message);
}

static const char *to_text(struct store_fixture *fixture, struct value item)
{
  struct buffer buffer;
  buffer_init(&buffer, &fixture->memory);
  if (value_present(item)) item_to_json(&buffer, item);
  buffer_append_byte(&buffer, 0);
  assert_false(buffer.failed);
  const char *text = copy_text(fixture, (const char *)buffer.data);
  buffer_free(&buffer);
  return text;
}

void store_fixture_expect_item(struct store_fixture *fixture, struct value item, const char *json)
{
  struct value expected = json == NULL ? VALUE_NONE : item_of_text(fixture, json);
  if (value_equal(item, expected)) return;
  fail_msg("item %s, not %s", to_text(fixture, item), to_text(fixture, expected));
}

void store_fixture_expect_stored(struct store_fixture *fixture, const struct table *table,
                                 const char *key, const char *json)
{
  struct store_get get = {.table = table, .key = item_of_text(fixture, key)};
  struct value item;
  uint64_t sequence;
  enum store_status status = store_get(fixture->store, &get, &fixture->answers, &item, &sequence,
                                       &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  store_fixture_expect_item(fixture, item, json);
}

const char *store_fixture_list(struct store_fixture *fixture, const struct store_page *page,
                               const char *attribute)
{
  struct buffer buffer;
  buffer_init(&buffer, &fixture->memory);
  for (uint32_t i = 0; i < page->count; i++) {
    struct value value = value_attribute(page->items[i], bytes_of_text(attribute));
    if (i > 0) buffer_append_byte(&buffer, ' ');
    if (value_type(value) == VALUE_STRING || value_type(value) == VALUE_BINARY) {
      buffer_append(&buffer, value_bytes(value));
    } else if (value_type(value) == VALUE_NUMBER) {
      struct decimal number = value_number(value);
      char text[DECIMAL_TEXT_BYTES];
      size_t size = decimal_format(&number, text);
      buffer_append(&buffer, bytes_of(text, size));
    } else {
      buffer_append_byte(&buffer, '-');
    }
  }
  buffer_append_byte(&buffer, 0);
  assert_false(buffer.failed);
  const char *text = copy_text(fixture, (const char *)buffer.data);
  buffer_free(&buffer);
  return text;
}

/* ---- the whole state ---- */

static void dump_scan(struct store_fixture *fixture, const struct table *table, struct bytes index,
                      struct buffer *buffer)
{
  struct store_query query = {.table = table, .index = index};
  struct store_page page;
  do {
    enum store_status status = store_scan(fixture->store, &query, &fixture->answers, &page,
                                          &fixture->error);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
    for (uint32_t i = 0; i < page.count; i++) {
      buffer_append_format(buffer, "  ");
      item_to_json(buffer, page.items[i]);
      buffer_append_byte(buffer, '\n');
    }
    query.start_key = page.last_key;
  } while (value_present(page.last_key));
}

const char *store_fixture_dump(struct store_fixture *fixture)
{
  struct buffer buffer;
  buffer_init(&buffer, &fixture->memory);
  struct bytes after = BYTES("");
  for (struct table *table = store_table_next(fixture->store, after); table != NULL;
       table = store_table_next(fixture->store, after)) {
    struct table_description description;
    store_table_describe(table, &description);
    const struct table_definition *definition = &description.definition;
    after = definition->name;
    buffer_append_format(
        &buffer, "table %.*s id %u items %llu stream %d since %llu ttl %.*s\n", BYTES_FORMAT(after),
        description.id, (unsigned long long)description.item_count, (int)definition->stream,
        (unsigned long long)description.stream_since, BYTES_FORMAT(definition->ttl_attribute));
    dump_scan(fixture, table, BYTES(""), &buffer);
    for (uint32_t i = 0; i < definition->index_count; i++) {
      buffer_append_format(&buffer, " index %.*s\n", BYTES_FORMAT(definition->indexes[i].name));
      dump_scan(fixture, table, definition->indexes[i].name, &buffer);
    }
  }
  buffer_append_byte(&buffer, 0);
  assert_false(buffer.failed);
  const char *text = copy_text(fixture, (const char *)buffer.data);
  buffer_free(&buffer);
  arena_reset(&fixture->answers);
  return text;
}
