/*
 * Readers of change streams: every durable change of the last 24 hours comes exactly once and in
 * order, also over crashes.
 */
#include "base/check.h"
#include "sim/store_run.h"

#include <stdlib.h>

static void close_stream(struct store_run_stream *reader)
{
  store_stream_close(reader->stream);
  reader->stream = NULL;
}

void store_stream_close_all(struct store_run *run)
{
  for (uint32_t i = 0; i < MODEL_TABLES; i++) close_stream(&run->streams[i]);
}

/* Whether a change is one that the stream of this table (as it is now) shows. */
static bool is_shown(const struct store_run *run, uint32_t position,
                     const struct model_change *change)
{
  const struct model_table *table = &run->model.tables[position];
  return change->kind == CHANGE_ITEM && change->table == position &&
         change->sequence >= table->stream_since &&
         !store_model_same(&change->before, &change->after);
}

static void check_images(struct store_run *run, uint32_t position,
                         const struct model_change *change, const struct stream_record *record)
{
  const struct model_table *table = &run->model.tables[position];
  enum stream_event event = STREAM_MODIFY;
  if (!change->before.present) event = STREAM_INSERT;
  if (!change->after.present) event = STREAM_REMOVE;
  RUN_CHECK(run, record->event == event);
  RUN_CHECK(run, record->by_ttl == change->by_ttl);
  struct value keys = store_model_key(table, change->key, &run->arena);
  RUN_CHECK(run, value_equal(keys, record->keys));
  bool both = table->stream == STREAM_NEW_AND_OLD_IMAGES;
  struct value image = VALUE_NONE;
  if (change->after.present && (both || table->stream == STREAM_NEW_IMAGE))
    image = store_model_item(table, change->key, &change->after, MODEL_ALL, &run->arena);
  RUN_CHECK(run, value_equal(image, record->new_image));
  image = VALUE_NONE;
  if (change->before.present && (both || table->stream == STREAM_OLD_IMAGE))
    image = store_model_item(table, change->key, &change->before, MODEL_ALL, &run->arena);
  RUN_CHECK(run, value_equal(image, record->old_image));
  arena_reset(&run->arena);
}

static const struct model_record *record_of(const struct store_run *run,
                                            const struct model_change *change)
{
  return store_model_record(&run->model, change->sequence);
}

/* What the stream of one table has to give from a position on. */
struct expected {
  uint32_t position;
  size_t *changes; /* in the model's changes[] */
  size_t count;
  size_t taken; /* all before this one */
};

static struct expected expect(const struct store_run *run, uint32_t position, uint64_t after)
{
  const struct store_model *model = &run->model;
  struct expected expected = {.position = position};
  expected.changes = malloc((model->change_count + 1) * sizeof expected.changes[0]);
  CHECK(expected.changes != NULL);
  for (size_t i = 0; i < model->change_count; i++) {
    const struct model_change *change = &model->changes[i];
    if (!is_shown(run, position, change)) continue;
    uint64_t latest = change->streamed ? change->sequence : record_of(run, change)->group_last;
    if (latest > after) expected.changes[expected.count++] = i;
  }
  return expected;
}

/* The first of what is expected, or of its group the one with this key, comes to the front. */
static struct model_change *choose(struct store_run *run, struct expected *expected,
                                   const struct stream_record *record)
{
  struct model_change *changes = run->model.changes;
  uint32_t key = store_model_find_key(&run->model.tables[expected->position], record->keys);
  size_t first = expected->changes[expected->taken];
  uint64_t group_last = record_of(run, &changes[first])->group_last;
  for (size_t i = expected->taken; i < expected->count; i++) {
    size_t chosen = expected->changes[i];
    if (changes[chosen].sequence > group_last) break;
    if (changes[chosen].key != key) continue;
    expected->changes[i] = first;
    return &changes[chosen];
  }
  store_run_fail(run, "the stream of table %u gives key %u with record %llu, not key %u of %llu",
                 expected->position, key, (unsigned long long)record->sequence, changes[first].key,
                 (unsigned long long)changes[first].sequence);
}

static void match(struct store_run *run, struct expected *expected,
                  const struct stream_record *record)
{
  if (expected->taken == expected->count)
    store_run_fail(run, "the stream of table %u gives record %llu, which changed nothing",
                   expected->position, (unsigned long long)record->sequence);
  struct model_change *change = choose(run, expected, record);
  const struct model_record *group = record_of(run, change);
  bool right = change->streamed ? record->sequence == change->sequence
                                : record->sequence >= group->group_first &&
                                      record->sequence <= group->group_last;
  if (!right)
    store_run_fail(run, "the stream of table %u gives record %llu instead of %llu",
                   expected->position, (unsigned long long)record->sequence,
                   (unsigned long long)change->sequence);
  if (record->time_ms < group->time_ms || record->time_ms > group->time_high_ms)
    store_run_fail(run, "record %llu has the time %lld instead of %lld",
                   (unsigned long long)record->sequence, (long long)record->time_ms,
                   (long long)group->time_ms);
  change->streamed = true;
  change->sequence = record->sequence;
  expected->taken++;
  check_images(run, expected->position, change, record);
}

/* All that is certainly durable must have come. */
static void check_end(const struct store_run *run, const struct expected *expected)
{
  uint64_t durable = store_durable(run->store);
  for (size_t i = expected->taken; i < expected->count; i++) {
    const struct model_change *change = &run->model.changes[expected->changes[i]];
    if (record_of(run, change)->group_last > durable) continue;
    store_run_fail(run, "the stream of table %u ends before record %llu; %llu are durable",
                   expected->position, (unsigned long long)change->sequence,
                   (unsigned long long)durable);
  }
}

/* Reads to the end; false when a fault of the disk got in the way. */
static bool read_stream(struct store_run *run, struct expected *expected, struct stream *stream,
                        uint64_t *after)
{
  struct stream_record record;
  struct error error;
  uint64_t last = 0;
  uint32_t ordinal = 0;
  int status;
  while ((status = store_stream_next(stream, &record, &error)) == 1) {
    RUN_CHECK(run, record.sequence <= store_durable(run->store));
    RUN_CHECK(run, record.sequence > last || (record.sequence == last && record.ordinal > ordinal));
    match(run, expected, &record);
    last = record.sequence;
    ordinal = record.ordinal;
    run->totals->stream_records++;
  }
  /* What failed may have failed in the middle of a transaction: it is read again. */
  if (status < 0 && last > 0) last--;
  if (last > *after) *after = last;
  if (status == 0) {
    check_end(run, expected);
    return true;
  }
  if (!store_run_troubled(run))
    store_run_fail(run, "the stream of table %u fails: %s", expected->position, error.message);
  return false;
}

/* What is read from one open stream; the position survives, also over crashes. */
static void read_on(struct store_run *run, uint32_t position, struct store_run_stream *reader)
{
  /* Sequences up to this one are older than a stream keeps. */
  uint64_t old;
  uint64_t old_at_most;
  int64_t before_ms = store_run_now_ms(run) - STREAM_RETENTION_MS;
  int64_t before_max_ms = run->now_max_ms - STREAM_RETENTION_MS;
  if (!store_model_sequence_at(&run->model, before_ms, &old) ||
      !store_model_sequence_at(&run->model, before_max_ms, &old_at_most) || old_at_most > old)
    return;
  struct expected expected = expect(run, position, old > reader->after ? old : reader->after);
  bool whole = read_stream(run, &expected, reader->stream, &reader->after);
  free(expected.changes);
  if (!whole || random_coin(&run->random)) close_stream(reader);
}

static void check_stream(struct store_run *run, uint32_t position, bool again)
{
  struct store_run_stream *reader = &run->streams[position];
  const struct model_table *wanted = &run->model.tables[position];
  struct table *table = store_run_table(run, position);
  if (table == NULL || wanted->stream == STREAM_OFF) {
    close_stream(reader);
    return;
  }
  if (again || reader->table_id != wanted->id) {
    close_stream(reader);
    reader->after = 0;
    reader->table_id = wanted->id;
  }
  struct error error;
  if (reader->stream == NULL)
    reader->stream = store_stream_open(run->store, table, reader->after, &error);
  if (reader->stream != NULL)
    read_on(run, position, reader);
  else
    RUN_CHECK(run, store_run_troubled(run));
}

void store_stream_check(struct store_run *run, bool again)
{
  for (uint32_t position = 0; position < MODEL_TABLES; position++) {
    check_stream(run, position, again);
    if (store_run_dead(run)) return;
  }
}
