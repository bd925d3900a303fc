#include "queue/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct bench {
  struct memory memory;
  struct arena arena;
  struct buffer scratch;
  struct error error;
};

static int setup(void **state)
{
  struct bench *bench = calloc(1, sizeof *bench);
  if (bench == NULL) return -1;
  arena_init(&bench->arena, &bench->memory);
  buffer_init(&bench->scratch, &bench->memory);
  *state = bench;
  return 0;
}

static int teardown(void **state)
{
  struct bench *bench = *state;
  buffer_free(&bench->scratch);
  arena_free(&bench->arena);
  assert_int_equal(bench->memory.in_use, 0);
  free(bench);
  return 0;
}

static struct queue_settings full_settings(void)
{
  return (struct queue_settings){
      .fifo = true,
      .deduplicate_by_content = true,
      .deduplicate_by_group = true,
      .limit_by_group = true,
      .visibility_s = 1,
      .delay_s = 2,
      .retention_s = 60,
      .wait_s = 4,
      .message_bytes_max = 2048,
      .dead_letter = BYTES("dead.fifo"),
      .receives_max = 5,
      .allow = QUEUE_ALLOW_LISTED,
      .allowed = {BYTES("a.fifo"), BYTES("b.fifo")},
      .allowed_count = 2,
  };
}

static void test_a_queue_comes_back(void **state)
{
  struct bench *bench = *state;
  const struct queue_tag tags[] = {{BYTES("team"), BYTES("sale")}, {BYTES("env"), BYTES("")}};
  struct queue_record record = {.name = BYTES("work.fifo"),
                                .id = 7,
                                .number = 9,
                                .created_ms = 11,
                                .changed_ms = 12,
                                .settings = full_settings()};
  assert_int_equal(queue_tags_encode(tags, 2, &bench->scratch, &bench->arena, &record.tags),
                   QUEUE_OK);
  struct value item = queue_record_make(&record, &bench->scratch, &bench->arena);
  assert_true(value_validate(bytes_of(item.data, item.size), &bench->error));
  struct queue_record back;
  assert_int_equal(record_name_of(item), RECORD_QUEUE);
  assert_true(queue_record_read(item, &back));
  assert_true(bytes_equal(back.name, record.name));
  assert_int_equal(back.id, 7);
  assert_int_equal(back.number, 9);
  assert_int_equal(back.created_ms, 11);
  assert_int_equal(back.changed_ms, 12);
  struct value again = queue_record_make(&back, &bench->scratch, &bench->arena);
  assert_true(value_equal(item, again));
  assert_true(value_equal(back.encoded_settings,
                          queue_settings_encode(&record.settings, &bench->scratch, &bench->arena)));
  assert_true(bytes_equal(value_bytes(value_attribute(back.tags, BYTES("team"))), BYTES("sale")));
}

static void test_other_records_come_back(void **state)
{
  struct bench *bench = *state;
  uint8_t key[RECEIPT_KEY_BYTES] = "secret", key_back[RECEIPT_KEY_BYTES];
  struct value item = secret_record_make(key, &bench->scratch, &bench->arena);
  assert_int_equal(record_name_of(item), RECORD_SECRET);
  assert_true(secret_record_read(item, key_back));
  assert_memory_equal(key, key_back, sizeof key);
  uint32_t next;
  item = numbers_record_make(4000000000, &bench->scratch, &bench->arena);
  assert_int_equal(record_name_of(item), RECORD_NUMBERS);
  assert_true(numbers_record_read(item, &next));
  assert_int_equal(next, 4000000000);
  const struct task_record task = {.id = {"0123456789abcdef"},
                                   .source = 1,
                                   .destination = 2,
                                   .rate = 3,
                                   .status = QUEUE_TASK_FAILED,
                                   .to_move = 5,
                                   .moved = 4,
                                   .started_ms = 6};
  struct task_record back = {0};
  item = task_record_make(&task, &bench->scratch, &bench->arena);
  assert_int_equal(record_name_of(item), RECORD_TASK);
  assert_true(task_record_read(item, &back));
  assert_memory_equal(&back, &task, sizeof back);
  struct value map = task_record_key(&task.id, &bench->scratch, &bench->arena);
  assert_true(
      value_equal(value_attribute(map, BYTES("name")), value_attribute(item, BYTES("name"))));
}

static void test_settings_have_ranges(void **state)
{
  struct bench *bench = *state;
  struct queue_settings settings = full_settings();
  assert_true(queue_settings_check(&settings, BYTES("work.fifo"), &bench->error));
  static const struct {
    size_t offset;
    int32_t least, most;
  } ranges[] = {
      {offsetof(struct queue_settings, visibility_s), 0, 43200},
      {offsetof(struct queue_settings, delay_s), 0, 900},
      {offsetof(struct queue_settings, retention_s), 60, 1209600},
      {offsetof(struct queue_settings, wait_s), 0, 20},
      {offsetof(struct queue_settings, message_bytes_max), 1024, 1048576},
      {offsetof(struct queue_settings, receives_max), 1, 1000},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    const int32_t values[] = {ranges[i].least, ranges[i].most, ranges[i].least - 1,
                              ranges[i].most + 1};
    for (int k = 0; k < 4; k++) {
      settings = full_settings();
      memcpy((uint8_t *)&settings + ranges[i].offset, &values[k], sizeof values[k]);
      assert_int_equal(queue_settings_check(&settings, BYTES("work.fifo"), &bench->error), k < 2);
    }
  }
}

static void expect_refused(struct bench *bench, const struct queue_settings *settings)
{
  assert_false(queue_settings_check(settings, BYTES("work"), &bench->error));
  assert_int_equal(bench->error.code, ERROR_INVALID);
}

static void test_settings_have_rules(void **state)
{
  struct bench *bench = *state;
  struct queue_settings settings;
  queue_settings_init(&settings, false);
  assert_true(queue_settings_check(&settings, BYTES("work"), &bench->error));
  assert_int_equal(settings.message_bytes_max, 1 << 20);
  settings.deduplicate_by_content = true;
  expect_refused(bench, &settings);
  queue_settings_init(&settings, true);
  settings.limit_by_group = true;
  expect_refused(bench, &settings);
  queue_settings_init(&settings, false);
  settings.dead_letter = BYTES("work");
  settings.receives_max = 3;
  expect_refused(bench, &settings); /* its own */
  settings.dead_letter = BYTES("");
  expect_refused(bench, &settings); /* a count without a queue */
  queue_settings_init(&settings, false);
  settings.allow = QUEUE_ALLOW_LISTED;
  expect_refused(bench, &settings);
  settings.allowed[settings.allowed_count++] = BYTES("a");
  assert_true(queue_settings_check(&settings, BYTES("work"), &bench->error));
  settings.allow = QUEUE_ALLOW_ALL;
  expect_refused(bench, &settings);
}

static void test_tags_have_rules(void **state)
{
  struct bench *bench = *state;
  struct queue_tag tags[51];
  char keys[51][2];
  struct value encoded;
  for (int i = 0; i < 51; i++) {
    keys[i][0] = (char)('0' + i / 10);
    keys[i][1] = (char)('0' + i % 10);
    tags[i] = (struct queue_tag){bytes_of(keys[i], 2), BYTES("v")};
  }
  assert_int_equal(queue_tags_encode(tags, 50, &bench->scratch, &bench->arena, &encoded), QUEUE_OK);
  assert_int_equal(value_count(encoded), 50);
  assert_int_equal(queue_tags_encode(tags, 51, &bench->scratch, &bench->arena, &encoded),
                   QUEUE_INVALID_TAG);
  tags[1].key = tags[0].key;
  assert_int_equal(queue_tags_encode(tags, 2, &bench->scratch, &bench->arena, &encoded),
                   QUEUE_INVALID_TAG);
  tags[1].key = BYTES("");
  assert_int_equal(queue_tags_encode(tags, 2, &bench->scratch, &bench->arena, &encoded),
                   QUEUE_INVALID_TAG);
}

static void test_a_damaged_item_is_not_read(void **state)
{
  struct bench *bench = *state;
  struct value item = numbers_record_make(1, &bench->scratch, &bench->arena);
  assert_false(queue_record_read(item, &(struct queue_record){0}));
  assert_false(task_record_read(item, &(struct task_record){0}));
  assert_false(secret_record_read(item, (uint8_t[RECEIPT_KEY_BYTES]){0}));
  item = queue_record_key(BYTES("#other"), &bench->scratch, &bench->arena);
  assert_int_equal(record_name_of(item), RECORD_UNKNOWN);
  assert_false(numbers_record_read(item, &(uint32_t){0}));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_queue_comes_back),   TEST(test_other_records_come_back),
      TEST(test_settings_have_ranges), TEST(test_settings_have_rules),
      TEST(test_tags_have_rules),      TEST(test_a_damaged_item_is_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
