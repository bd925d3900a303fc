#include "unit/queue/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct id ID = {"0123456789abcdef"};

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

/* Made by hand and by copying: what the store would find in its log must be canonical. */
static void assert_canonical(struct bench *bench, struct value value)
{
  if (!value_validate(bytes_of(value.data, value.size), &bench->error))
    fail_msg("%s", bench->error.message);
}

static void test_keys_are_encoded_values(void **state)
{
  struct bench *bench = *state;
  const enum message_kind kinds[] = {MESSAGE_KIND_MESSAGE, MESSAGE_KIND_PART, MESSAGE_KIND_SEEN};
  for (int i = 0; i < 3; i++) {
    struct message_key key = message_key(kinds[i], ID.bytes, 2);
    struct value map = message_key_map(&bench->arena, &key);
    assert_canonical(bench, message_key_value(&key));
    assert_canonical(bench, map);
    assert_int_equal(value_count(map), 1);
    assert_true(value_equal(value_attribute(map, BYTES("i")), message_key_value(&key)));
    enum message_kind kind;
    struct bytes id;
    assert_true(message_item_kind(map, &kind, &id));
    assert_int_equal(kind, kinds[i]);
    assert_memory_equal(id.data, ID.bytes, ID_BYTES);
  }
}

static void test_a_small_message_is_one_item(void **state)
{
  struct bench *bench = *state;
  const struct queue_attribute attributes[] = {
      {BYTES("z"), BYTES("String"), BYTES("last")},
      {BYTES("b"), BYTES("Binary.png"), BYTES("\x00\xFF")},
  };
  const struct queue_draft draft = {.body = BYTES("body"),
                                    .attributes = attributes,
                                    .attribute_count = 2,
                                    .group = BYTES("g"),
                                    .deduplication = BYTES("d"),
                                    .trace = BYTES("t")};
  struct message_state made = {.queue = 3, .sequence = 4, .sent_ms = 5, .visible_ms = 6};
  struct message_state read;
  struct value items[1 + QUEUE_PARTS_MAX];
  assert_int_equal(message_items_make(&draft, &ID, &made, &bench->scratch, &bench->arena, items),
                   1);
  assert_canonical(bench, items[0]);
  assert_true(message_state_read(items[0], &read));
  assert_memory_equal(&read, &made, sizeof read);
  read.receives = 9;
  struct value changed = message_item_change(items[0], &read, &bench->arena);
  assert_canonical(bench, changed);
  assert_int_equal(changed.size, items[0].size);
  assert_true(message_state_read(changed, &made));
  assert_int_equal(made.receives, 9);
  struct queue_message message = {0};
  assert_true(message_contents_read(changed, &ID, &made, NULL, &bench->arena, &message));
  assert_true(bytes_equal(message.body, BYTES("body")));
  assert_true(bytes_equal(message.group, BYTES("g")));
  assert_true(bytes_equal(message.deduplication, BYTES("d")));
  assert_true(bytes_equal(message.trace, BYTES("t")));
  assert_int_equal(message.attribute_count, 2);
  assert_true(bytes_equal(message.attributes[0].type, BYTES("Binary.png")));
  assert_true(bytes_equal(message.attributes[1].value, BYTES("last")));
}

/* The greatest message with the longest names fits into the parts, each of which is an item. */
static void test_the_greatest_message_is_cut_into_parts(void **state)
{
  struct bench *bench = *state;
  static uint8_t text[QUEUE_MESSAGE_BYTES_MAX];
  memset(text, 'x', sizeof text);
  struct queue_attribute attributes[QUEUE_ATTRIBUTES_MAX];
  char names[QUEUE_ATTRIBUTES_MAX][QUEUE_ATTRIBUTE_NAME_MAX];
  memset(names, 'n', sizeof names);
  for (int i = 0; i < QUEUE_ATTRIBUTES_MAX; i++) {
    names[i][0] = (char)('a' + i);
    attributes[i] = (struct queue_attribute){bytes_of(names[i], QUEUE_ATTRIBUTE_NAME_MAX),
                                             BYTES("String"), bytes_of(text, 1)};
  }
  struct queue_draft draft = {
      .body = bytes_of(text, 1), .attributes = attributes, .attribute_count = QUEUE_ATTRIBUTES_MAX};
  struct message_state made = {0};
  struct value items[1 + QUEUE_PARTS_MAX];
  size_t rest = QUEUE_MESSAGE_BYTES_MAX - 3 * (QUEUE_ATTRIBUTE_NAME_MAX * QUEUE_ATTRIBUTES_MAX);
  draft.body.size = rest;
  assert_int_equal(message_items_make(&draft, &ID, &made, &bench->scratch, &bench->arena, items),
                   4);
  assert_int_equal(made.parts, 3);
  for (int i = 0; i < 4; i++) {
    assert_canonical(bench, items[i]);
    assert_true(item_size(items[i]) <= ITEM_SIZE_MAX);
  }
  assert_true(items[0].size < 200);
  draft = (struct queue_draft){.body = bytes_of(text, QUEUE_INLINE_BYTES + 1)};
  assert_int_equal(message_items_make(&draft, &ID, &made, &bench->scratch, &bench->arena, items),
                   2);
  draft.body.size = QUEUE_INLINE_BYTES;
  assert_int_equal(message_items_make(&draft, &ID, &made, &bench->scratch, &bench->arena, items),
                   1);
}

static void test_records_of_what_was_seen(void **state)
{
  struct bench *bench = *state;
  const struct message_seen seen = {.until_ms = 1767225600000, .message = ID, .sequence = 1 << 30};
  struct message_seen back;
  struct value item = message_seen_make(&bench->arena, ID.bytes, &seen, &bench->scratch);
  assert_canonical(bench, item);
  assert_true(message_seen_read(item, &back));
  assert_memory_equal(&back, &seen, sizeof back);
  assert_false(message_state_read(item, &(struct message_state){0}));
}

static void test_no_memory_makes_no_item(void **state)
{
  struct bench *bench = *state;
  static uint8_t text[900000];
  memset(text, 'x', sizeof text);
  const struct queue_draft draft = {.body = bytes_of(text, sizeof text)};
  struct message_state made = {0};
  struct value items[1 + QUEUE_PARTS_MAX];
  uint32_t count = 0;
  int failures = 0;
  for (uint64_t n = 1; count == 0; n++) {
    arena_free(&bench->arena);
    buffer_free(&bench->scratch);
    bench->memory.fail_at = bench->memory.calls + n;
    count = message_items_make(&draft, &ID, &made, &bench->scratch, &bench->arena, items);
    failures += count == 0;
  }
  bench->memory.fail_at = 0;
  assert_int_equal(count, 4);
  assert_true(failures >= 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_keys_are_encoded_values),
      TEST(test_a_small_message_is_one_item),
      TEST(test_the_greatest_message_is_cut_into_parts),
      TEST(test_records_of_what_was_seen),
      TEST(test_no_memory_makes_no_item),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
