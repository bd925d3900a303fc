/* What tests of the log share: a simulated world with a data directory, and numbered records. */
#ifndef TACOS_UNIT_STORE_LOG_FIXTURE_H
#define TACOS_UNIT_STORE_LOG_FIXTURE_H

#include "sim/random.h"
#include "sim/world_sim.h"
#include "store/log.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t fixture_key[LOG_KEY_BYTES] = "an AES-256 key of 32 bytes, fix";

struct log_fixture {
  struct world_sim *sim;
  struct world *world;
  struct log_options options;
  struct error error;
};

static inline void log_fixture_open(struct log_fixture *fixture, uint64_t seed)
{
  memset(fixture, 0, sizeof *fixture);
  fixture->sim = world_sim_new(seed);
  fixture->world = world_sim_world(fixture->sim);
  fixture->options = (struct log_options){.directory = "/data",
                                          .segment_bytes = LOG_SEGMENT_BYTES_MIN};
  memcpy(fixture->options.store_id, "store-id-16bytes", STORE_ID_BYTES);
  assert_int_equal(fixture->world->operations->dir_make(fixture->world, "/data"), 0);
  assert_int_equal(fixture->world->operations->dir_sync(fixture->world, "/"), 0);
}

static inline void log_fixture_close(struct log_fixture *fixture)
{
  assert_int_equal(fixture->world->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

/*
 * The payload of record `sequence` is a function of its number: 0 to 299 bytes, or `size` of them.
 */
static inline size_t record_size(uint64_t sequence)
{
  return (size_t)(sequence * 37 % 300);
}

static inline void record_fill(uint64_t sequence, uint8_t *to, size_t size)
{
  for (size_t i = 0; i < size; i++) to[i] = (uint8_t)(sequence * 31 + i * 7);
}

static inline bool append_sized(struct log *log, size_t size, struct error *error)
{
  uint8_t *payload = log_reserve(log, size, error);
  if (payload == NULL) return false;
  uint64_t sequence = log_appended(log) + 1;
  record_fill(sequence, payload, size);
  assert_int_equal(log_append(log, (uint16_t)(sequence % 7), (int64_t)sequence * 10, size),
                   sequence);
  return true;
}

static inline bool append_next(struct log *log, struct error *error)
{
  return append_sized(log, record_size(log_appended(log) + 1), error);
}

static inline void assert_record_sized(const struct log_record *record, uint64_t sequence,
                                       size_t size)
{
  assert_int_equal(record->sequence, sequence);
  assert_int_equal(record->type, sequence % 7);
  assert_int_equal(record->time_ms, sequence * 10);
  assert_int_equal(record->payload.size, size);
  for (size_t i = 0; i < size; i++)
    assert_int_equal(record->payload.data[i], (uint8_t)(sequence * 31 + i * 7));
}

static inline void assert_record(const struct log_record *record, uint64_t sequence)
{
  assert_record_sized(record, sequence, record_size(sequence));
}

/*
 * Reads from `from` to the end and checks every record. The sequence of the last one (from - 1 when
 * there is none), or UINT64_MAX with *error.
 */
static inline uint64_t read_all(struct world *world, const struct log_options *options,
                                uint64_t from, enum log_tail tail, struct error *error)
{
  struct log_reader *reader = log_reader_open(world, options, from, tail, error);
  if (reader == NULL) return UINT64_MAX;
  struct log_record record;
  uint64_t last = from - 1;
  int more;
  while ((more = log_reader_next(reader, &record, error)) == 1) assert_record(&record, ++last);
  log_reader_close(reader);
  return more < 0 ? UINT64_MAX : last;
}

/* Steps until nothing is left to do. */
static inline bool step_all(struct log *log, struct error *error)
{
  bool idle = false;
  while (!idle)
    if (!log_step(log, &idle, error)) return false;
  return true;
}

static inline bool prepare_all(struct log *log, struct error *error)
{
  bool idle = false;
  while (!idle)
    if (!log_prepare_step(log, &idle, error)) return false;
  return true;
}

#endif
