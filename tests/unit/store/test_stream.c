#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

enum { TEXT_BYTES = 4096 };

static struct stream *open_stream(struct store_fixture *fixture, const struct table *table,
                                  uint64_t after)
{
  struct stream *stream = store_stream_open(fixture->store, table, after, &fixture->error);
  if (stream == NULL) fail_msg("no stream: %s", fixture->error.message);
  return stream;
}

static void append_json(struct buffer *buffer, const char *before, struct value item)
{
  if (!value_present(item)) return;
  buffer_append_format(buffer, "%s", before);
  item_to_json(buffer, item);
}

/* All records that are there now, a line each: event, keys, new image, old image. */
static const char *read_stream(struct store_fixture *fixture, struct stream *stream)
{
  static const char *const events[] = {"INSERT ", "MODIFY ", "REMOVE "};
  struct buffer buffer;
  struct stream_record record;
  buffer_init(&buffer, &fixture->memory);
  int status;
  while ((status = store_stream_next(stream, &record, &fixture->error)) == 1) {
    append_json(&buffer, events[record.event], record.keys);
    append_json(&buffer, " new ", record.new_image);
    append_json(&buffer, " old ", record.old_image);
    buffer_append_format(&buffer, record.by_ttl ? " by TTL\n" : "\n");
  }
  if (status < 0) buffer_append_format(&buffer, "%s", fixture->error.message);
  buffer_append_byte(&buffer, 0);
  for (size_t i = 0; i < buffer.size; i++)
    if (buffer.data[i] == '"') buffer.data[i] = '\'';
  struct bytes copy = arena_copy(&fixture->arena, buffer_bytes(&buffer));
  assert_non_null(copy.data);
  buffer_free(&buffer);
  return (const char *)copy.data;
}

/* The same from a new reader. */
static const char *stream_text(struct store_fixture *fixture, const struct table *table,
                               uint64_t after)
{
  struct stream *stream = open_stream(fixture, table, after);
  const char *text = read_stream(fixture, stream);
  store_stream_close(stream);
  return text;
}

static void test_views(void **state)
{
  struct store_fixture *fixture = *state;
  static const struct {
    const char *stream;
    const char *text;
  } cases[] = {
      {"KEYS", "INSERT {'id':{'S':'a'}}\nMODIFY {'id':{'S':'a'}}\nREMOVE {'id':{'S':'a'}}\n"},
      {"NEW", "INSERT {'id':{'S':'a'}} new {'id':{'S':'a'},'n':{'N':'1'}}\n"
              "MODIFY {'id':{'S':'a'}} new {'id':{'S':'a'},'n':{'N':'2'}}\n"
              "REMOVE {'id':{'S':'a'}}\n"},
      {"OLD", "INSERT {'id':{'S':'a'}}\n"
              "MODIFY {'id':{'S':'a'}} old {'id':{'S':'a'},'n':{'N':'1'}}\n"
              "REMOVE {'id':{'S':'a'}} old {'id':{'S':'a'},'n':{'N':'2'}}\n"},
      {"NEW_AND_OLD", "INSERT {'id':{'S':'a'}} new {'id':{'S':'a'},'n':{'N':'1'}}\n"
                      "MODIFY {'id':{'S':'a'}} new {'id':{'S':'a'},'n':{'N':'2'}} old "
                      "{'id':{'S':'a'},'n':{'N':'1'}}\n"
                      "REMOVE {'id':{'S':'a'}} old {'id':{'S':'a'},'n':{'N':'2'}}\n"},
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    char line[64];
    snprintf(line, sizeof line, "items%zu id:S | stream %s", i, cases[i].stream);
    struct table *table = store_fixture_table(fixture, line);
    struct store_fixture_action update = {.kind = ACTION_UPDATE,
                                          .table = table,
                                          .item = "{'id':{'S':'a'}}",
                                          .update = "SET n = :n",
                                          .values = "{':n':{'N':'2'}}"};
    store_fixture_put(fixture, table, "{'id':{'S':'a'},'n':{'N':'1'}}");
    store_fixture_put(fixture, table, "{'id':{'S':'a'},'n':{'N':'1.0'}}"); /* no change */
    for (int twice = 0; twice < 2; twice++)
      assert_int_equal(store_fixture_write(fixture, &update, RETURN_NONE, NULL), STORE_OK);
    store_fixture_delete(fixture, table, "{'id':{'S':'a'}}");
    store_fixture_delete(fixture, table, "{'id':{'S':'a'}}");
    store_fixture_settle(fixture);
    assert_string_equal(stream_text(fixture, table, 0), cases[i].text);
  }
}

static void test_order_in_a_transaction(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:N | stream KEYS");
  struct table *other = store_fixture_table(fixture, "other id:N | stream KEYS");
  struct store_action actions[10];
  for (size_t i = 0; i < LENGTH_OF(actions); i++)
    actions[i] = (struct store_action){
        .table = i % 3 == 0 ? other : table,
        .item = store_fixture_item(fixture, "{'id':{'N':'%zu'}}", LENGTH_OF(actions) - i)};
  int64_t now_ms = world_clock_ms(fixture->world);
  struct store_transact_result result;
  enum store_status status = store_transact_write(fixture->store, actions, LENGTH_OF(actions),
                                                  (struct store_token){BYTES("token"), 1},
                                                  &fixture->answers, &result, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  uint64_t first = result.sequence;
  store_fixture_put(fixture, table, "{'id':{'N':'0'}}");
  store_fixture_settle(fixture);
  struct stream *stream = open_stream(fixture, table, 0);
  struct stream_record record;
  uint32_t last = 0;
  for (size_t i = 0; i < LENGTH_OF(actions); i++) {
    if (i % 3 == 0) continue;
    assert_int_equal(store_stream_next(stream, &record, &fixture->error), 1);
    assert_int_equal(record.sequence, first);
    assert_int_equal(record.time_ms, now_ms);
    assert_true(record.ordinal > last);
    last = record.ordinal;
    int64_t id;
    assert_true(value_integer(value_attribute(record.keys, BYTES("id")), &id));
    assert_int_equal(id, LENGTH_OF(actions) - i);
  }
  assert_int_equal(store_stream_next(stream, &record, &fixture->error), 1);
  assert_int_equal(record.sequence, first + 1);
  assert_int_equal(store_stream_next(stream, &record, &fixture->error), 0);
  store_stream_close(stream);
  /* On from what was read whole. */
  assert_string_equal(stream_text(fixture, table, first), "INSERT {'id':{'N':'0'}}\n");
  assert_string_equal(stream_text(fixture, table, first + 1), "");
}

static void test_durable_only(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:S | stream KEYS");
  struct stream *stream = open_stream(fixture, table, 0);
  assert_string_equal(read_stream(fixture, stream), "");
  for (int i = 0; i < 3; i++) {
    char text[64];
    store_fixture_put(fixture, table, "{'id':{'S':'%d'}}", i);
    assert_string_equal(read_stream(fixture, stream), "");
    store_flush(fixture->store);
    bool idle = false;
    /* Between the write of the frame and its sync the record is in the file. */
    while (store_durable(fixture->store) < store_appended(fixture->store)) {
      assert_string_equal(read_stream(fixture, stream), "");
      assert_true(store_step(fixture->store, &idle, &fixture->error));
    }
    snprintf(text, sizeof text, "INSERT {'id':{'S':'%d'}}\n", i);
    assert_string_equal(read_stream(fixture, stream), text);
  }
  store_stream_close(stream);
  store_fixture_put(fixture, table, "{'id':{'S':'lost'}}");
  store_fixture_crash(fixture);
  table = store_table(fixture->store, BYTES("items"));
  store_fixture_put(fixture, table, "{'id':{'S':'kept'}}");
  store_fixture_settle(fixture);
  assert_string_equal(stream_text(fixture, table, 0),
                      "INSERT {'id':{'S':'0'}}\nINSERT {'id':{'S':'1'}}\nINSERT {'id':{'S':'2'}}\n"
                      "INSERT {'id':{'S':'kept'}}\n");
}

/* One look passes over a bounded part of what is of no interest; the position tells how far. */
static void test_bounded_look(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:S | stream KEYS");
  struct table *other = store_fixture_table(fixture, "others id:S");
  for (int i = 0; i < STREAM_LOOK_RECORDS + 100; i++) {
    store_fixture_put(fixture, other, "{'id':{'S':'%d'}}", i);
    if (i % 256 == 0) store_fixture_settle(fixture);
    if (i % 256 == 0) store_fixture_clear(fixture);
  }
  store_fixture_put(fixture, table, "{'id':{'S':'last'}}");
  store_fixture_settle(fixture);
  struct stream *stream = open_stream(fixture, table, 0);
  assert_string_equal(read_stream(fixture, stream), "");
  assert_true(store_stream_position(stream) < store_durable(fixture->store));
  assert_true(store_stream_is_behind(stream));
  assert_string_equal(read_stream(fixture, stream), "INSERT {'id':{'S':'last'}}\n");
  assert_int_equal(store_stream_position(stream), store_durable(fixture->store));
  assert_false(store_stream_is_behind(stream));
  store_stream_close(stream);
}

static void test_by_ttl(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:S | ttl until | stream OLD");
  int64_t now_s = world_clock_ms(fixture->world) / 1000;
  store_fixture_put(fixture, table, "{'id':{'S':'a'},'until':{'N':'%lld'}}",
                    (long long)now_s + 3600);
  store_fixture_put(fixture, table, "{'id':{'S':'b'},'until':{'N':'%lld'}}",
                    (long long)now_s + 7200);
  store_fixture_settle(fixture);
  uint64_t after = store_appended(fixture->store);
  world_sim_advance_ms(fixture->sim, 3700 * 1000);
  store_fixture_settle(fixture);
  char text[200];
  snprintf(text, sizeof text,
           "REMOVE {'id':{'S':'a'}} old {'id':{'S':'a'},'until':{'N':'%lld'}} "
           "by TTL\n",
           (long long)now_s + 3600);
  assert_string_equal(stream_text(fixture, table, after), text);
}

static void test_a_day(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:S | stream KEYS");
  store_fixture_put(fixture, table, "{'id':{'S':'a'}}");
  store_fixture_settle(fixture);
  /* The time of the record, whatever the syncs took. */
  struct stream *stream = open_stream(fixture, table, 0);
  struct stream_record record;
  assert_int_equal(store_stream_next(stream, &record, &fixture->error), 1);
  store_stream_close(stream);
  world_sim_advance_ms(fixture->sim,
                       record.time_ms + STREAM_RETENTION_MS - 1 - world_clock_ms(fixture->world));
  assert_string_equal(stream_text(fixture, table, 0), "INSERT {'id':{'S':'a'}}\n");
  world_sim_advance_ms(fixture->sim, 1);
  assert_string_equal(stream_text(fixture, table, 0), "");
  store_fixture_put(fixture, table, "{'id':{'S':'b'}}");
  store_fixture_settle(fixture);
  assert_string_equal(stream_text(fixture, table, 0), "INSERT {'id':{'S':'b'}}\n");
}

/* A stream that begins where the log has been removed goes on with what is kept. */
static void test_removed_log(void **state)
{
  (void)state;
  struct store_fixture fixture;
  const struct store_options options = {
      .segment_bytes = 64 << 10, .region_bytes = 256 << 10, .history_ms = 26 * 3600 * 1000};
  store_fixture_open_with(&fixture, 4, &options);
  struct table *table = store_fixture_table(&fixture, "items id:N | stream KEYS");
  struct stream *idle = open_stream(&fixture, table, 0);
  static char text[20000];
  memset(text, 'x', sizeof text);
  for (int hour = 0; hour < 60; hour++) {
    store_fixture_put(&fixture, table, "{'id':{'N':'%d'},'t':{'S':'%.*s'}}", hour, (int)sizeof text,
                      text);
    if (hour % 10 == 9) store_fixture_snapshot(&fixture);
    store_fixture_settle(&fixture);
    world_sim_advance_ms(fixture.sim, 3600 * 1000);
  }
  char expected[TEXT_BYTES];
  size_t length = 0;
  for (int hour = 37; hour < 60; hour++)
    length += (size_t)snprintf(expected + length, sizeof expected - length,
                               "INSERT {'id':{'N':'%d'}}\n", hour);
  int64_t earliest_ms, latest_ms;
  store_restore_window(fixture.store, &earliest_ms, &latest_ms);
  assert_true(latest_ms - earliest_ms < (int64_t)50 * 3600 * 1000); /* the log was removed */
  assert_string_equal(stream_text(&fixture, table, 0), expected);
  assert_string_equal(read_stream(&fixture, idle), expected);
  store_stream_close(idle);
  store_fixture_close(&fixture);
}

static void test_table_deleted(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:S | stream KEYS");
  store_fixture_put(fixture, table, "{'id':{'S':'a'}}");
  store_fixture_settle(fixture);
  struct stream *stream = open_stream(fixture, table, 0);
  struct stream *begun = open_stream(fixture, table, 0);
  struct stream_record record;
  assert_int_equal(store_stream_next(begun, &record, &fixture->error), 1);
  assert_int_equal(store_table_delete(fixture->store, table, &fixture->error), STORE_OK);
  table = store_fixture_table(fixture, "items id:S | stream KEYS");
  store_fixture_put(fixture, table, "{'id':{'S':'b'}}");
  store_fixture_settle(fixture);
  assert_int_equal(store_stream_next(stream, &record, &fixture->error), -1);
  assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
  assert_string_equal(fixture->error.message, "The table of this stream was deleted");
  assert_int_equal(store_stream_next(begun, &record, &fixture->error), -1);
  assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
  store_stream_close(stream);
  store_stream_close(begun);
  /* The new table of the name has a stream of its own. */
  assert_string_equal(stream_text(fixture, table, 0), "INSERT {'id':{'S':'b'}}\n");
}

static void set_stream(struct store_fixture *fixture, struct table *table, enum table_stream view)
{
  const struct table_settings settings = {.stream = view};
  enum store_status status = store_table_update(fixture->store, table, &settings, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
}

static void test_switched(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:S");
  assert_null(store_stream_open(fixture->store, table, 0, &fixture->error));
  assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
  assert_string_equal(fixture->error.message, "Table items has no stream");
  store_fixture_put(fixture, table, "{'id':{'S':'before'}}");
  set_stream(fixture, table, STREAM_NEW_AND_OLD_IMAGES);
  store_fixture_put(fixture, table, "{'id':{'S':'a'}}");
  store_fixture_settle(fixture);
  struct stream *stream = open_stream(fixture, table, 1);
  assert_string_equal(read_stream(fixture, stream),
                      "INSERT {'id':{'S':'a'}} new {'id':{'S':'a'}}\n");
  store_fixture_put(fixture, table, "{'id':{'S':'b'}}");
  set_stream(fixture, table, STREAM_OFF);
  store_fixture_put(fixture, table, "{'id':{'S':'unseen'}}");
  store_fixture_settle(fixture);
  assert_string_equal(read_stream(fixture, stream),
                      "INSERT {'id':{'S':'b'}} new {'id':{'S':'b'}}\n"
                      "The stream of table items was switched off or changed");
  store_stream_close(stream);
  set_stream(fixture, table, STREAM_KEYS_ONLY);
  store_fixture_put(fixture, table, "{'id':{'S':'c'}}");
  store_fixture_settle(fixture);
  assert_string_equal(stream_text(fixture, table, 0), "INSERT {'id':{'S':'c'}}\n");
}

/* Over segments, a snapshot and a restart. */
static void test_after_reopen(void **state)
{
  (void)state;
  struct store_fixture fixture;
  const struct store_options options = {.segment_bytes = 64 << 10, .region_bytes = 256 << 10};
  store_fixture_open_with(&fixture, 5, &options);
  struct table *table = store_fixture_table(&fixture, "items id:N | stream NEW_AND_OLD");
  static char filler[5000];
  memset(filler, 'x', sizeof filler);
  for (int i = 0; i < 50; i++) {
    store_fixture_put(&fixture, table, "{'id':{'N':'%d'},'t':{'S':'%.*s'}}", i % 7, i * 97, filler);
    if (i % 3 == 0) store_fixture_settle(&fixture);
    if (i == 25) store_fixture_snapshot(&fixture);
  }
  store_fixture_settle(&fixture);
  const char *before = stream_text(&fixture, table, 0);
  assert_true(strlen(before) > 150000);
  for (int i = 0; i < 2; i++) {
    store_fixture_reopen(&fixture);
    table = store_table(fixture.store, BYTES("items"));
    assert_string_equal(stream_text(&fixture, table, 0), before);
  }
  store_fixture_close(&fixture);
}

static void test_no_memory(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "items id:S | stream NEW");
  store_fixture_put(fixture, table, "{'id':{'S':'a'}}");
  store_fixture_settle(fixture);
  struct memory *memory = &fixture->world->memory;
  size_t before = memory->in_use;
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    memory->fail_at = memory->calls + n;
    struct stream *stream = store_stream_open(fixture->store, table, 0, &fixture->error);
    struct stream_record record;
    int status = stream == NULL ? -1 : store_stream_next(stream, &record, &fixture->error);
    done = status == 1 && memory->calls < memory->fail_at;
    memory->fail_at = 0;
    if (status != 1) assert_int_equal(fixture->error.code, ERROR_NO_MEMORY);
    /* What failed works when it is asked again. */
    if (stream != NULL && status < 0) {
      assert_int_equal(store_stream_next(stream, &record, &fixture->error), 1);
      store_fixture_expect_item(fixture, record.new_image, "{'id':{'S':'a'}}");
    }
    store_stream_close(stream);
    assert_int_equal(memory->in_use, before);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_views),
      TEST(test_order_in_a_transaction),
      TEST(test_durable_only),
      TEST(test_bounded_look),
      TEST(test_by_ttl),
      TEST(test_a_day),
      cmocka_unit_test(test_removed_log),
      TEST(test_table_deleted),
      TEST(test_switched),
      cmocka_unit_test(test_after_reopen),
      TEST(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
