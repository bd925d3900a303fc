#include "store/verify.h"

#include "base/instant.h"
#include "store/checkpoint.h"
#include "store/identity.h"
#include "store/log_format.h"
#include "store/record.h"
#include "store/snapshot.h"
#include "unit/store/log_fixture.h"
#include "unit/store/store_fixture.h"

#define SEGMENT_PATH "/data/log-0000000000000001.seg"

enum { FINDINGS_MAX = 16 };

struct findings {
  int count;
  char messages[FINDINGS_MAX][ERROR_MESSAGE_BYTES];
  struct world *world; /* remove `path` at the first finding */
  const char *path;
};

static void keep(void *context, const char *message)
{
  struct findings *findings = context;
  if (findings->count < FINDINGS_MAX)
    snprintf(findings->messages[findings->count], ERROR_MESSAGE_BYTES, "%s", message);
  if (findings->count++ == 0 && findings->path != NULL)
    assert_int_equal(findings->world->operations->file_remove(findings->world, findings->path), 0);
}

static bool verify_with(struct world *world, const uint8_t *key, struct findings *findings,
                        struct verify_result *result, struct error *error)
{
  struct verify_options options = {
      .directory = "/data", .key = key, .finding = keep, .finding_context = findings};
  findings->count = 0;
  bool done = verify_run(world, &options, result, error);
  if (done) assert_int_equal(result->findings, findings->count);
  return done;
}

static struct verify_result verify(struct world *world, const uint8_t *key,
                                   struct findings *findings)
{
  struct verify_result result;
  struct error error;
  if (!verify_with(world, key, findings, &result, &error)) fail_msg("%s", error.message);
  return result;
}

static void expect_nothing_wrong(const struct findings *findings)
{
  if (findings->count != 0) fail_msg("found: %s", findings->messages[0]);
}

static void expect_one(const struct findings *findings, const char *message)
{
  assert_int_equal(findings->count, 1);
  assert_string_equal(findings->messages[0], message);
}

/* ---- whole stores ---- */

/* Two tables, 20 items, one deletion with its old image, a token, a snapshot in the middle. */
static void fill(struct store_fixture *fixture)
{
  struct table *seats = store_fixture_table(fixture, "seats id:S | by_row row:N | stream OLD");
  struct table *users = store_fixture_table(fixture, "users id:S");
  for (int i = 0; i < 10; i++) {
    store_fixture_put(fixture, seats, "{'id':{'S':'a%d'},'row':{'N':'%d'}}", i, i);
    if (i == 4) store_fixture_snapshot(fixture);
    world_sim_advance_ms(fixture->sim, 10);
    store_fixture_put(fixture, users, "{'id':{'S':'u%d'},'list':{'L':[{'N':'1.5'}]}}", i);
  }
  store_fixture_delete(fixture, seats, "{'id':{'S':'a3'}}");
  struct store_action check = store_fixture_action(
      fixture, &(struct store_fixture_action){
                   .kind = ACTION_PUT, .table = users, .item = "{'id':{'S':'new'}}"});
  struct store_transact_result result;
  enum store_status status = store_transact_write(fixture->store, &check, 1,
                                                  (struct store_token){BYTES("token"), 7},
                                                  &fixture->answers, &result, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  store_fixture_settle(fixture);
}

static void test_counts_what_a_store_holds(void **state)
{
  struct store_fixture *fixture = *state;
  struct findings findings = {0};
  struct identity identity;
  fill(fixture);
  assert_true(identity_read(fixture->world, "/data", &identity, &fixture->error));
  struct verify_result result = verify(fixture->world, NULL, &findings);
  expect_nothing_wrong(&findings);
  assert_int_equal(result.snapshots, 1);
  /* The head, two tables, five seats and four users. */
  assert_int_equal(result.snapshot_records, 1 + 2 + 5 + 4);
  assert_int_equal(result.log_records, 2 + 20 + 1 + 1);
  assert_int_equal(result.first_sequence, 1);
  assert_int_equal(result.last_sequence, 24);
  assert_int_equal(result.segments, 1);
  /* In the log: two definitions, 20 puts, a key with an old item, a put. */
  assert_int_equal(result.images, (2 + 9) + (2 + 20 + 2 + 1));
  assert_int_equal(result.earliest_ms, identity.created_ms);
  assert_true(result.latest_ms >= identity.created_ms + 100);
  assert_true(result.latest_ms <= world_clock_ms(fixture->world));
}

static void test_an_empty_store_is_well(void **state)
{
  struct store_fixture *fixture = *state;
  struct findings findings = {0};
  struct verify_result result = verify(fixture->world, NULL, &findings);
  expect_nothing_wrong(&findings);
  assert_int_equal(result.log_records, 0);
  assert_int_equal(result.first_sequence, 0);
  assert_true(result.latest_ms < result.earliest_ms);
}

static void test_reopened_and_crashed_stores_are_well(void **state)
{
  struct store_fixture *fixture = *state;
  struct findings findings = {0};
  fill(fixture);
  store_fixture_reopen(fixture);
  struct table *users = store_table(fixture->store, BYTES("users"));
  store_fixture_put(fixture, users, "{'id':{'S':'lost'}}");
  store_fixture_crash(fixture);
  users = store_table(fixture->store, BYTES("users"));
  store_fixture_put(fixture, users, "{'id':{'S':'later'}}");
  store_fixture_settle(fixture);
  struct verify_result result = verify(fixture->world, NULL, &findings);
  expect_nothing_wrong(&findings);
  /* The segment that lost its only record was made anew. */
  assert_int_equal(result.segments, 2);
  assert_int_equal(result.last_sequence, 25);
}

static void test_no_store_no_check(void **state)
{
  struct store_fixture *fixture = *state;
  struct verify_options options = {.directory = "/nowhere", .finding = keep};
  struct verify_result result;
  struct error error;
  assert_false(verify_run(fixture->world, &options, &result, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  assert_string_equal(error.message,
                      "there is no store in '/nowhere' (no file 'identity'): name the data "
                      "directory of a store, or start one there with 'tacos serve'");
}

static void test_a_sealed_store_needs_its_key(void **state)
{
  (void)state;
  struct store_fixture fixture;
  struct findings findings = {0};
  struct verify_result result;
  struct error error;
  uint8_t other[LOG_KEY_BYTES] = {1};
  struct store_options options = {
      .key = fixture_key, .segment_bytes = 1 << 20, .region_bytes = 256 << 10};
  store_fixture_open_with(&fixture, 1, &options);
  fill(&fixture);
  result = verify(fixture.world, fixture_key, &findings);
  expect_nothing_wrong(&findings);
  assert_int_equal(result.last_sequence, 24);
  assert_false(verify_with(fixture.world, NULL, &findings, &result, &error));
  assert_int_equal(error.code, ERROR_KEY);
  assert_false(verify_with(fixture.world, other, &findings, &result, &error));
  assert_int_equal(error.code, ERROR_KEY);
  assert_int_equal(findings.count, 0);
  store_fixture_close(&fixture);
}

/* ---- damage ---- */

static void flip(struct store_fixture *fixture, const char *path, uint64_t offset, unsigned bit)
{
  assert_int_equal(world_sim_flip(fixture->sim, path, offset, bit), 0);
}

/* Every flipped bit is found, or it was in bytes that mean nothing: then all is still there. */
static void check_every_byte(struct store_fixture *fixture, const char *path)
{
  struct findings findings = {0};
  struct verify_result clean = verify(fixture->world, NULL, &findings);
  expect_nothing_wrong(&findings);
  struct world *world = fixture->world;
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  uint64_t size = (uint64_t)world->operations->file_size(world, file);
  world->operations->file_close(world, file);
  int found = 0;
  for (uint64_t offset = 0; offset < size; offset += offset < 96 || offset >= 4096 ? 5 : 250) {
    flip(fixture, path, offset, offset % 8);
    struct verify_result result;
    struct error error;
    assert_true(verify_with(world, NULL, &findings, &result, &error));
    if (findings.count > 0) {
      found++;
      assert_non_null(strstr(findings.messages[0], path));
    } else {
      assert_int_equal(result.log_records, clean.log_records);
      assert_int_equal(result.snapshot_records, clean.snapshot_records);
      assert_int_equal(result.images, clean.images);
    }
    flip(fixture, path, offset, offset % 8);
  }
  /* Most bytes mean something. */
  assert_true(found > 100);
}

static void test_flipped_bits_are_found(void **state)
{
  (void)state;
  struct store_fixture fixture;
  struct store_options options = {.segment_bytes = 64 << 10, .region_bytes = 256 << 10};
  store_fixture_open_with(&fixture, 1, &options);
  fill(&fixture);
  struct store_file_list list = {0};
  assert_true(snapshot_list(&list, fixture.world, "/data", &fixture.error));
  assert_int_equal(list.count, 1);
  char path[64];
  snprintf(path, sizeof path, "/data/snapshot-%016" PRIx64 ".snap", list.sequences[0]);
  store_file_list_free(&list);
  /* The second opening cuts the segment behind its last frame. */
  store_fixture_reopen(&fixture);
  store_fixture_settle(&fixture);
  check_every_byte(&fixture, SEGMENT_PATH);
  check_every_byte(&fixture, path);
  store_fixture_close(&fixture);
}

static void test_damage_does_not_hide_other_damage(void **state)
{
  struct store_fixture *fixture = *state;
  struct findings findings = {0};
  struct table *users = store_fixture_table(fixture, "users id:S");
  for (int i = 0; i < 3; i++) {
    store_fixture_put(fixture, users, "{'id':{'S':'u%d'}}", i);
    store_fixture_reopen(fixture);
    users = store_table(fixture->store, BYTES("users"));
  }
  /* Of the segments that begin with records 1, 3, 4 and 5: a record, and a head. */
  flip(fixture, SEGMENT_PATH, STORE_FILE_BLOCK_BYTES + LOG_FRAME_HEADER_BYTES, 0);
  flip(fixture, "/data/log-0000000000000003.seg", 40, 0);
  struct verify_result result = verify(fixture->world, NULL, &findings);
  assert_int_equal(findings.count, 2);
  assert_non_null(strstr(findings.messages[0], SEGMENT_PATH " at offset 4096: "));
  assert_non_null(strstr(findings.messages[1], "/data/log-0000000000000003.seg"));
  assert_int_equal(result.segments, 4);
  assert_int_equal(result.last_sequence, 4);
}

static void test_a_damaged_head_counts_once(void **state)
{
  struct store_fixture *fixture = *state;
  struct findings findings = {0};
  struct table *users = store_fixture_table(fixture, "users id:S");
  store_fixture_put(fixture, users, "{'id':{'S':'u'}}");
  store_fixture_reopen(fixture);
  flip(fixture, "/data/log-0000000000000003.seg", 40, 0);
  struct verify_result result = verify(fixture->world, NULL, &findings);
  assert_int_equal(findings.count, 1);
  assert_non_null(strstr(findings.messages[0], "/data/log-0000000000000003.seg"));
  assert_int_equal(result.log_records, 2);
}

/* Takes `count` snapshots with a change before each; their names sort by age. */
static void take_snapshots(struct store_fixture *fixture, int count, char paths[][64])
{
  struct table *users = store_fixture_table(fixture, "users id:S");
  for (int i = 0; i < count; i++) {
    store_fixture_put(fixture, users, "{'id':{'S':'u%d'}}", i);
    world_sim_advance_ms(fixture->sim, 1000);
    store_fixture_snapshot(fixture);
  }
  struct store_file_list list = {0};
  assert_true(snapshot_list(&list, fixture->world, "/data", &fixture->error));
  assert_int_equal(list.count, count);
  for (int i = 0; i < count; i++)
    snprintf(paths[i], 64, "/data/snapshot-%016" PRIx64 ".snap", list.sequences[i]);
  store_file_list_free(&list);
}

static void test_what_retires_meanwhile_is_no_finding(void **state)
{
  struct store_fixture *fixture = *state;
  char paths[2][64];
  take_snapshots(fixture, 2, paths);
  flip(fixture, paths[0], 4096, 0);
  struct findings findings = {.world = fixture->world, .path = paths[1]};
  struct verify_result result = verify(fixture->world, NULL, &findings);
  assert_int_equal(findings.count, 1);
  assert_non_null(strstr(findings.messages[0], paths[0]));
  assert_int_equal(result.snapshots, 0);
}

static void test_a_lost_log_is_found(void **state)
{
  struct store_fixture *fixture = *state;
  char paths[1][64];
  char expected[ERROR_MESSAGE_BYTES];
  struct findings findings = {0};
  take_snapshots(fixture, 1, paths);
  /* Two more segments; the snapshot is of record 2. */
  store_fixture_reopen(fixture);
  store_fixture_put(fixture, store_table(fixture->store, BYTES("users")), "{'id':{'S':'v'}}");
  store_fixture_reopen(fixture);
  struct world *world = fixture->world;
  assert_int_equal(world->operations->file_remove(world, SEGMENT_PATH), 0);
  struct verify_result result = verify(world, NULL, &findings);
  expect_nothing_wrong(&findings);
  assert_int_equal(result.first_sequence, 3);
  assert_true(result.earliest_ms > 0 && result.earliest_ms != INT64_MAX);

  assert_int_equal(world->operations->file_remove(world, "/data/log-0000000000000003.seg"), 0);
  result = verify(world, NULL, &findings);
  assert_int_equal(findings.count, 2);
  snprintf(expected, sizeof expected, "%s needs the log from record 3 on, but it begins with 4",
           paths[0]);
  assert_string_equal(findings.messages[0], expected);
  assert_string_equal(findings.messages[1],
                      "the log in /data begins with record 4, and no undamaged snapshot reaches "
                      "it: restore from a backup");
  assert_int_equal(result.earliest_ms, INT64_MAX);
}

/* ---- records that are wrong although their checksums are right ---- */

static void make_identity(struct log_fixture *fixture)
{
  struct identity identity = identity_make(fixture->world);
  memcpy(identity.store_id, fixture->options.store_id, STORE_ID_BYTES);
  assert_true(identity_write(fixture->world, "/data", &identity, &fixture->error));
}

/* A log of one record, and its findings. */
static void verify_record(uint16_t type, int64_t time_ms, struct bytes payload,
                          struct findings *findings)
{
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  make_identity(&fixture);
  struct log *log = log_open(fixture.world, &fixture.options, 1, &fixture.error);
  uint8_t *to = log_reserve(log, payload.size, &fixture.error);
  memcpy(to, payload.data, payload.size);
  log_append(log, type, time_ms, payload.size);
  assert_true(log_close(log, &fixture.error));
  struct verify_result result = verify(fixture.world, NULL, findings);
  assert_int_equal(result.log_records, 1);
  log_fixture_close(&fixture);
}

#define HERE SEGMENT_PATH " at offset 4160: "

static void expect_part(enum part_kind kind, struct bytes image, struct bytes old,
                        const char *message)
{
  uint8_t payload[256];
  struct part part = {.kind = kind, .table_id = 1, .image = image, .old = old};
  uint8_t *end = part_write(payload, &part);
  struct findings findings = {0};
  verify_record(RECORD_TRANSACTION, 5, bytes_of(payload, (size_t)(end - payload)), &findings);
  if (message == NULL)
    expect_nothing_wrong(&findings);
  else
    expect_one(&findings, message);
}

static void test_parts_are_looked_into(void **state)
{
  (void)state;
  const struct bytes none = {NULL, 0};
  const struct bytes map = bytes_of("\x08\0\0\0\0\0\0\0\0", 9);
  const struct bytes text = bytes_of("\x05\x01x", 3);
  const struct bytes cut = bytes_of("\x05\x02x", 3);
  const struct bytes hash = bytes_of("12345678", 8);
  expect_part(PART_PUT, map, none, NULL);
  expect_part(PART_PUT, map, map, NULL);
  expect_part(PART_DELETE, map, none, NULL);
  expect_part(PART_TOKEN, BYTES("token"), hash, NULL);
  expect_part(PART_PUT, text, none, HERE "a new item is not a map");
  expect_part(PART_DELETE, text, none, HERE "a deleted item's key is not a map");
  expect_part(PART_PUT, map, text, HERE "an old item is not a map");
  expect_part(PART_TOKEN, none, hash, HERE "a client request token has 0 characters");
  expect_part(PART_TOKEN, BYTES("token"), none,
              HERE "a client request token has no hash of its request");
  struct findings findings = {0};
  struct error error;
  char expected[2 * ERROR_MESSAGE_BYTES];
  assert_false(value_validate(cut, &error));
  snprintf(expected, sizeof expected, HERE "a new item is malformed: %s", error.message);
  expect_part(PART_PUT, cut, none, expected);
  verify_record(RECORD_TRANSACTION, 5, BYTES("short"), &findings);
  expect_one(&findings, HERE "a part of a transaction is malformed");
}

static void test_records_are_looked_into(void **state)
{
  (void)state;
  struct findings findings = {0};
  verify_record(RECORD_TABLE_DELETE, 5, BYTES("1234"), &findings);
  expect_nothing_wrong(&findings);
  verify_record(RECORD_TABLE_DELETE, 5, BYTES("123"), &findings);
  expect_one(&findings, HERE "a table's deletion has 3 bytes");
  verify_record(99, 5, BYTES("x"), &findings);
  expect_one(&findings, HERE "record of type 99, which this build does not know");
  verify_record(RECORD_TABLE_DELETE, INSTANT_MAX_MS + 1, BYTES("1234"), &findings);
  expect_one(&findings, HERE "record 1 has an impossible time");
  verify_record(RECORD_TABLE, 5, bytes_of("\x08\0\0\0\0\0\0\0\0", 9), &findings);
  expect_one(&findings, HERE "a table's definition is malformed");
}

static void test_time_may_not_go_back(void **state)
{
  (void)state;
  struct log_fixture fixture;
  struct findings findings = {0};
  log_fixture_open(&fixture, 1);
  make_identity(&fixture);
  /* Within one log the writer refuses it: two, one after the other. */
  for (uint64_t i = 1; i <= 2; i++) {
    struct log *log = log_open(fixture.world, &fixture.options, i, &fixture.error);
    memcpy(log_reserve(log, 4, &fixture.error), "1234", 4);
    log_append(log, RECORD_TABLE_DELETE, 100 - (int64_t)i, 4);
    assert_true(log_close(log, &fixture.error));
  }
  struct verify_result result = verify(fixture.world, NULL, &findings);
  expect_one(&findings, "/data/log-0000000000000002.seg at offset 4160: record 2 is older than the "
                        "one before it");
  assert_int_equal(result.latest_ms, 99);
  log_fixture_close(&fixture);
}

struct crafted {
  uint16_t type;
  struct bytes payload;
};

/* A snapshot of such records behind a log of none, and the findings. */
static void verify_snapshot(const struct crafted *records, size_t count, struct findings *findings)
{
  struct log_fixture fixture;
  bool idle;
  log_fixture_open(&fixture, 1);
  make_identity(&fixture);
  struct snapshot_options options = {.directory = "/data"};
  memcpy(options.store_id, fixture.options.store_id, STORE_ID_BYTES);
  struct snapshot_writer *writer = snapshot_writer_open(fixture.world, &options, 9, &fixture.error);
  for (size_t i = 0; i < count; i++) {
    assert_true(snapshot_writer_room(writer));
    struct bytes payload = records[i].payload;
    memcpy(snapshot_writer_put(writer, records[i].type, payload.size, &fixture.error), payload.data,
           payload.size);
  }
  snapshot_writer_finish(writer, 9, 1000);
  while (snapshot_writer_state(writer, &fixture.error) == SNAPSHOT_WRITING)
    snapshot_writer_step(writer, &idle);
  snapshot_writer_close(writer);
  struct log *log = log_open(fixture.world, &fixture.options, 10, &fixture.error);
  assert_true(log_close(log, &fixture.error));
  struct verify_result result = verify(fixture.world, NULL, findings);
  assert_int_equal(result.snapshots, 1);
  assert_int_equal(result.snapshot_records, count);
  assert_int_equal(result.earliest_ms, 1000);
  assert_int_equal(result.latest_ms, 1000);
  log_fixture_close(&fixture);
}

#define SNAPSHOT_HERE(offset) "/data/snapshot-0000000000000009.snap at offset " offset ": "

static void test_snapshots_are_looked_into(void **state)
{
  (void)state;
  const struct crafted head = {CHECKPOINT_HEAD, BYTES("123456789012")};
  const struct crafted item = {CHECKPOINT_ITEM, bytes_of("\1\0\0\0\x08\0\0\0\0\0\0\0\0", 13)};
  const struct crafted token = {CHECKPOINT_TOKEN, BYTES("1234567812345678token")};
  struct findings findings = {0};
  verify_snapshot((struct crafted[]){head, token}, 2, &findings);
  expect_nothing_wrong(&findings);
  verify_snapshot((struct crafted[]){head, item}, 2, &findings);
  expect_one(&findings, SNAPSHOT_HERE("4188") "an item belongs to table 1, which is not there");
  verify_snapshot((struct crafted[]){head, {CHECKPOINT_ITEM, BYTES("123")}}, 2, &findings);
  expect_one(&findings, SNAPSHOT_HERE("4188") "an item has no table");
  verify_snapshot((struct crafted[]){head, {CHECKPOINT_TOKEN, BYTES("short")}}, 2, &findings);
  expect_one(&findings, SNAPSHOT_HERE("4188") "a client request token has 0 characters");
  verify_snapshot((struct crafted[]){{CHECKPOINT_HEAD, BYTES("1")}}, 1, &findings);
  expect_one(&findings, SNAPSHOT_HERE("4160") "the head has 1 bytes");
  verify_snapshot((struct crafted[]){head, head}, 2, &findings);
  expect_one(&findings, SNAPSHOT_HERE("4188") "record of type 1: the head comes first and once");
  verify_snapshot((struct crafted[]){head, {77, BYTES("x")}}, 2, &findings);
  expect_one(&findings, SNAPSHOT_HERE("4188") "record of type 77, which this build does not know");
}

/* ---- running out of memory ---- */

static void test_memory_that_runs_out_is_told(void **state)
{
  struct store_fixture *fixture = *state;
  struct findings findings = {0};
  fill(fixture);
  struct memory *memory = &fixture->world->memory;
  size_t in_use = memory->in_use;
  bool done = false;
  uint64_t failures = 0;
  for (uint64_t n = 1; !done; n++) {
    struct verify_result result;
    struct error error;
    memory->calls = 0;
    memory->fail_at = n;
    done = verify_with(fixture->world, NULL, &findings, &result, &error) && memory->calls < n;
    memory->fail_at = 0;
    assert_int_equal(memory->in_use, in_use);
    assert_int_equal(findings.count, 0);
    if (done) break;
    assert_int_equal(error.code, ERROR_NO_MEMORY);
    failures++;
  }
  assert_true(failures > 10);
}

#define STORE_TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      STORE_TEST(test_counts_what_a_store_holds),
      STORE_TEST(test_an_empty_store_is_well),
      STORE_TEST(test_reopened_and_crashed_stores_are_well),
      STORE_TEST(test_no_store_no_check),
      cmocka_unit_test(test_a_sealed_store_needs_its_key),
      cmocka_unit_test(test_flipped_bits_are_found),
      STORE_TEST(test_damage_does_not_hide_other_damage),
      STORE_TEST(test_a_damaged_head_counts_once),
      STORE_TEST(test_what_retires_meanwhile_is_no_finding),
      STORE_TEST(test_a_lost_log_is_found),
      cmocka_unit_test(test_parts_are_looked_into),
      cmocka_unit_test(test_records_are_looked_into),
      cmocka_unit_test(test_time_may_not_go_back),
      cmocka_unit_test(test_snapshots_are_looked_into),
      STORE_TEST(test_memory_that_runs_out_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
