/*
 * Uses a data directory from a process of its own, so that the tests beside this file can kill it.
 *
 *     store_writer write DIR [KEY]   writes transactions 1, 2, 3, ... at full speed, goes on behind
 *                                    those that are there; prints each number once it is durable
 *     store_writer fill DIR [KEY]    writes 1,000 more, takes a snapshot, prints how many there are
 *     store_writer read DIR [KEY]    prints how many transactions there are; fails when one is torn
 *     store_writer tables DIR        prints each table's definition as a line of JSON
 *
 * Transaction n puts n into two partitions, "left" and "right", with the same text. KEY is 64 hex
 * digits.
 */
#include "base/check.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/world_linux.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  FILL = 1000,
  GROUP = 64, /* transactions between two turns of the loop */
  TEXT_BYTES = 100,
  /* Small, so that segments and snapshots come and go within a test's second. */
  SEGMENT_BYTES = 1 << 20,
  SNAPSHOT_LOG_BYTES = 2 << 20,
};

static const char *const SIDES[] = {"left", "right"};

struct writer {
  struct store *store;
  struct table *table;
  struct arena arena;
  struct buffer buffer;
  int64_t number; /* of the next transaction */
};

_Noreturn static void die(const char *what, const struct error *error)
{
  fprintf(stderr, "store_writer: %s: %s\n", what, error->message);
  exit(1);
}

static void text_of(int64_t number, char text[TEXT_BYTES])
{
  snprintf(text, TEXT_BYTES, "%090lld", (long long)number);
}

static struct value make_item(struct writer *writer, const char *side)
{
  struct value_writer values;
  struct value item;
  struct error error;
  char text[TEXT_BYTES];
  text_of(writer->number, text);
  value_writer_init(&values, &writer->buffer);
  value_write_begin(&values, VALUE_MAP);
  value_write_name(&values, BYTES("side"));
  value_write_string(&values, bytes_of_text(side));
  value_write_name(&values, BYTES("number"));
  value_write_integer(&values, writer->number);
  value_write_name(&values, BYTES("text"));
  value_write_string(&values, bytes_of_text(text));
  value_write_end(&values);
  if (!value_writer_finish(&values, &item, &error)) die("item", &error);
  return item;
}

/* Whether a transaction is there; stops when it is there in part. */
static bool is_there(struct writer *writer, int64_t number)
{
  bool there[2];
  char text[TEXT_BYTES];
  text_of(number, text);
  arena_reset(&writer->arena);
  for (int i = 0; i < 2; i++) {
    struct value side = value_make_string(&writer->arena, bytes_of_text(SIDES[i]));
    struct value sort = value_make_integer(&writer->arena, number);
    struct value item = store_find(writer->table, side, sort);
    there[i] = value_present(item);
    if (there[i])
      CHECK(bytes_equal(value_bytes(value_attribute(item, BYTES("text"))), bytes_of_text(text)));
  }
  CHECK(there[0] == there[1]);
  return there[0];
}

static void open_table(struct writer *writer)
{
  struct error error;
  writer->table = store_table(writer->store, BYTES("writes"));
  if (writer->table != NULL) return;
  struct table_definition definition = {
      .name = BYTES("writes"),
      .partition = {BYTES("side"), VALUE_STRING},
      .sort = {BYTES("number"), VALUE_NUMBER},
      .stream = STREAM_NEW_AND_OLD_IMAGES,
  };
  if (store_table_create(writer->store, &definition, &writer->table, &error) != STORE_OK)
    die("create", &error);
}

/* One transaction; its sequence. */
static uint64_t write_next(struct writer *writer)
{
  struct store_transact_result result;
  struct error error;
  arena_reset(&writer->arena);
  buffer_clear(&writer->buffer);
  /* Both items lie in one buffer, which must not move between them. */
  CHECK(buffer_reserve(&writer->buffer, 1024));
  struct store_action actions[2];
  for (int i = 0; i < 2; i++)
    actions[i] = (struct store_action){
        .kind = ACTION_PUT, .table = writer->table, .item = make_item(writer, SIDES[i])};
  if (store_transact_write(writer->store, actions, 2, (struct store_token){0}, &writer->arena,
                           &result, &error) != STORE_OK)
    die("write", &error);
  writer->number++;
  return result.sequence;
}

/* Writes until it is killed. */
_Noreturn static void write_all(struct writer *writer)
{
  struct error error;
  char lines[GROUP * 24];
  for (;;) {
    size_t size = 0;
    for (int i = 0; i < GROUP; i++) {
      size += (size_t)snprintf(lines + size, sizeof lines - size, "%lld\n",
                               (long long)writer->number);
      write_next(writer);
    }
    if (!store_sync(writer->store, &error)) die("sync", &error);
    for (size_t done = 0; done < size;) {
      ssize_t written = write(STDOUT_FILENO, lines + done, size - done);
      CHECK_THAT(written, >, 0);
      done += (size_t)written;
    }
    for (int i = 0; i < 1000 && store_tick(writer->store); i++) continue;
  }
}

static void fill(struct writer *writer)
{
  struct error error;
  for (int i = 0; i < FILL; i++) {
    write_next(writer);
    if (i % GROUP == GROUP - 1 && !store_sync(writer->store, &error)) die("sync", &error);
  }
  if (store_snapshot_begin(writer->store, &error) != STORE_OK) die("snapshot", &error);
  while (store_snapshot_busy(writer->store))
    if (!store_tick(writer->store)) usleep(1000);
  struct store_statistics statistics;
  store_statistics(writer->store, &statistics);
  CHECK_THAT(statistics.snapshots, ==, 1);
}

static void write_key(struct json_writer *json, const char *name, struct table_key key)
{
  if (key.name.size == 0) return;
  json_write_key(json, bytes_of_text(name));
  json_write_array_begin(json);
  json_write_string(json, key.name);
  json_write_string(json, bytes_of_text(value_type_name(key.type)));
  json_write_array_end(json);
}

static void print_table(struct writer *writer, const struct table_definition *table)
{
  struct json_writer json;
  buffer_clear(&writer->buffer);
  json_writer_init(&json, &writer->buffer);
  json_write_object_begin(&json);
  json_write_key(&json, BYTES("name"));
  json_write_string(&json, table->name);
  write_key(&json, "partition", table->partition);
  write_key(&json, "sort", table->sort);
  json_write_key(&json, BYTES("ttl"));
  json_write_string(&json, table->ttl_attribute);
  json_write_key(&json, BYTES("stream"));
  json_write_integer(&json, table->stream);
  json_write_key(&json, BYTES("indexes"));
  json_write_array_begin(&json);
  for (uint32_t i = 0; i < table->index_count; i++) {
    json_write_object_begin(&json);
    json_write_key(&json, BYTES("name"));
    json_write_string(&json, table->indexes[i].name);
    write_key(&json, "partition", table->indexes[i].partition);
    write_key(&json, "sort", table->indexes[i].sort);
    json_write_key(&json, BYTES("projection"));
    json_write_integer(&json, table->indexes[i].projection);
    json_write_object_end(&json);
  }
  json_write_array_end(&json);
  json_write_object_end(&json);
  CHECK(json_writer_finish(&json));
  printf("%.*s\n", BYTES_FORMAT(buffer_bytes(&writer->buffer)));
}

static void print_tables(struct writer *writer)
{
  struct bytes name = {NULL, 0};
  struct table *table;
  while ((table = store_table_next(writer->store, name)) != NULL) {
    struct table_description description;
    store_table_describe(table, &description);
    name = description.definition.name;
    print_table(writer, &description.definition);
  }
}

static void print_report(void *context, const char *message)
{
  fprintf(context, "store_writer: %s\n", message);
}

int main(int count, char **words)
{
  struct world_linux linux_world;
  struct error error;
  struct writer writer = {.number = 1};
  uint8_t key[LOG_KEY_BYTES];
  size_t size = 0;
  world_linux_init(&linux_world);
  CHECK_THAT(count, >=, 3);
  if (count > 3)
    CHECK(strlen(words[3]) == 2 * sizeof key &&
          encode_from_hex(bytes_of_text(words[3]), key, &size));
  struct store_options options = {
      .directory = words[2],
      .key = count > 3 ? key : NULL,
      .segment_bytes = SEGMENT_BYTES,
      .snapshot_log_bytes = SNAPSHOT_LOG_BYTES,
      .threads = true,
      .report = print_report,
      .report_context = stderr,
  };
  writer.store = store_open(&linux_world.world, &options, &error);
  if (writer.store == NULL) die("open", &error);
  arena_init(&writer.arena, &linux_world.world.memory);
  buffer_init(&writer.buffer, &linux_world.world.memory);
  if (strcmp(words[1], "tables") == 0) {
    print_tables(&writer);
  } else {
    open_table(&writer);
    while (is_there(&writer, writer.number)) writer.number++;
    /* Nothing may lie behind a hole. */
    for (int64_t i = 0; i < 2 * GROUP; i++) CHECK(!is_there(&writer, writer.number + i));
    if (strcmp(words[1], "write") == 0) write_all(&writer);
    if (strcmp(words[1], "fill") == 0) fill(&writer);
    printf("%lld\n", (long long)writer.number - 1);
  }
  buffer_free(&writer.buffer);
  arena_free(&writer.arena);
  if (!store_close(writer.store, &error)) die("close", &error);
  return 0;
}
