#include "room/room_item.h"

#include "room/waiters.h"
#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct bench {
  struct store_fixture store;
  struct record_writer writer;
};

static int setup(void **state)
{
  struct bench *bench = calloc(1, sizeof *bench);
  assert_non_null(bench);
  store_fixture_open(&bench->store, 1);
  record_writer_init(&bench->writer, &bench->store.memory);
  *state = bench;
  return 0;
}

static int teardown(void **state)
{
  struct bench *bench = *state;
  record_writer_free(&bench->writer);
  store_fixture_close(&bench->store);
  free(bench);
  return 0;
}

static void test_sort_keys(void **state)
{
  struct bench *bench = *state;
  static const struct {
    enum room_item_kind kind;
    uint32_t number, offset;
    const char *text;
  } cases[] = {
      {ROOM_ITEM_SETTINGS, 0, 0, "SETTINGS"},
      {ROOM_ITEM_WAITERS, 7, 0, "WAITERS#00007"},
      {ROOM_ITEM_PIECE, 7, 0, "WAITERS#00007#0000"},
      {ROOM_ITEM_PIECE, 16383, 1023, "WAITERS#16383#1023"},
      {ROOM_ITEM_STATES, 0, 0, "STATES#00000"},
      {ROOM_ITEM_SHOPPER, 16777215, 0, "SHOPPER#16777215"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint32_t number;
    uint32_t offset;
    struct bytes text = room_sort_key(&bench->store.arena, cases[i].kind, cases[i].number,
                                      cases[i].offset);
    assert_true(bytes_equal(text, bytes_of_text(cases[i].text)));
    assert_int_equal(room_sort_key_read(text, &number, &offset), cases[i].kind);
    assert_int_equal(number, cases[i].number);
    assert_int_equal(offset, cases[i].offset);
  }
}

static void test_sort_keys_that_are_none(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "",
      "SETTING",
      "SETTINGS#",
      "SETTINGS#1",
      "WAITERS",
      "WAITERS#",
      "WAITERS#x",
      "WAITERS#1#",
      "WAITERS#1#2#",
      "WAITERS#1#2#3",
      "WAITERS#16384",
      "WAITERS#1#1024",
      "WAITERS#-1",
      "WAITERS#000000001",
      "STATES#1#2",
      "STATES#16384",
      "STATES##1",
      "SHOPPER#16777216",
      "SHOPPER#99999999",
      "SHOPPER#123456789",
      "SHOPPER#1 ",
      "shopper#1",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    uint32_t number;
    uint32_t offset;
    if (room_sort_key_read(bytes_of_text(texts[i]), &number, &offset) != ROOM_ITEM_KINDS)
      fail_msg("'%s' was read", texts[i]);
  }
}

static struct room_record some_record(bool opened)
{
  struct room_record record = {.id = 3, .event_id = BYTES("evt"), .opened = opened};
  room_settings_init(&record.settings);
  record.settings.mode = ROOM_PAUSED;
  record.settings.entry_s = 33;
  for (uint8_t i = 0; i < SHUFFLE_SEED_BYTES; i++) record.seed[i] = (uint8_t)(200 + i);
  if (opened) {
    record.opened_ms = 1700000000123;
    record.drawn = 0;
  }
  return record;
}

static void test_settings_are_read_as_written(void **state)
{
  struct bench *bench = *state;
  for (int opened = 0; opened < 2; opened++) {
    struct room_record back;
    struct room_record record = some_record(opened);
    struct value item = room_settings_item(&bench->writer, &bench->store.arena, &record);
    assert_true(room_settings_read(item, &back));
    assert_int_equal(back.id, 3);
    assert_true(bytes_equal(back.event_id, BYTES("evt")));
    assert_memory_equal(&back.settings, &record.settings, sizeof back.settings);
    assert_memory_equal(back.seed, record.seed, sizeof back.seed);
    assert_int_equal(back.opened, opened);
    assert_int_equal(back.opened_ms, record.opened_ms);
    assert_int_equal(back.drawn, 0);
  }
}

static void test_waiters_are_read_as_written(void **state)
{
  struct bench *bench = *state;
  static struct waiter_entries entries;
  static uint8_t bytes[WAITERS_BYTES_MAX];
  int64_t base_ms;
  uint32_t count;
  struct bytes encoded;
  for (uint32_t i = 0; i < ROOM_CHUNK; i++) {
    entries.hashes[i] = i * 77;
    entries.arrivals_ms[i] = 1700000000000 + i * 100;
  }
  size_t size = waiters_encode(&entries, 0, ROOM_CHUNK, 1700000000000, bytes);
  struct value item = room_waiters_item(&bench->writer, &bench->store.arena, BYTES("ROOM#evt"),
                                        ROOM_ITEM_WAITERS, 2, 0, 1700000000000, ROOM_CHUNK,
                                        bytes_of(bytes, size));
  assert_true(room_waiters_read(item, &base_ms, &count, &encoded));
  assert_int_equal(base_ms, 1700000000000);
  assert_int_equal(count, ROOM_CHUNK);
  assert_true(bytes_equal(encoded, bytes_of(bytes, size)));
  assert_true(bytes_equal(record_get_text(item, BYTES("sk")), BYTES("WAITERS#00002")));
  /* Times that fit in no token; the greatest that does. */
  static const uint8_t late[WAITER_HASH_BYTES + 1] = {[WAITER_HASH_BYTES] = 1};
  const int64_t most_ms = ((int64_t)1 << 48) - 1;
  for (int64_t base = most_ms - 1; base <= most_ms + 1; base++) {
    item = room_waiters_item(&bench->writer, &bench->store.arena, BYTES("ROOM#evt"),
                             ROOM_ITEM_PIECE, 2, 0, base, 1, bytes_of(late, sizeof late));
    assert_int_equal(room_waiters_read(item, &base_ms, &count, &encoded), base < most_ms);
  }
}

static void test_shoppers_are_read_as_written(void **state)
{
  struct bench *bench = *state;
  const struct shopper shopper = {.number = 9,
                                  .admitted_ms = 1,
                                  .entered_ms = 2,
                                  .expires_ms = 3,
                                  .holds = 4,
                                  .finished = true};
  static const char *const users[] = {"", "somebody"};
  for (int i = 0; i < 2; i++) {
    struct shopper back = {0};
    struct bytes user_id;
    struct value item = room_shopper_item(&bench->writer, &bench->store.arena, BYTES("ROOM#evt"),
                                          &shopper, bytes_of_text(users[i]));
    assert_true(room_shopper_read(item, &back, &user_id));
    assert_int_equal(back.admitted_ms, 1);
    assert_int_equal(back.entered_ms, 2);
    assert_int_equal(back.expires_ms, 3);
    assert_int_equal(back.holds, 4);
    assert_true(back.finished);
    assert_true(bytes_equal(user_id, bytes_of_text(users[i])));
  }
}

/* Whole items with one attribute that is wrong. */
static void test_damaged_items(void **state)
{
  struct bench *bench = *state;
  struct room_record record;
  struct shopper shopper;
  struct bytes text;
  int64_t base_ms;
  uint32_t count;
#define SETTINGS(id, seed, grace, mode)                                     \
  "{'id':{'N':'" id "'},'mode':{'S':'" mode "'},'grace':{'N':'" grace "'}," \
  "'eventId':{'S':'e'},'admitPerSecond':{'N':'1'},'maxShoppers':{'N':'1'}," \
  "'tokenTtl':{'N':'60'},'entry':{'N':'60'},'targetMs':{'N':'1'},"          \
  "'seed':{'B':'" seed "'}}"
#define SEED "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  static const char *const settings[] = {
      "{}",
      SETTINGS("-1", SEED, "5", "open"),
      SETTINGS("4294967296", SEED, "5", "open"),
      SETTINGS("1", "AAAA", "5", "open"),
      SETTINGS("1", SEED, "4", "open"),
      SETTINGS("1", SEED, "4294967301", "open"),
      SETTINGS("1", SEED, "5", "ajar"),
  };
  struct value good = store_fixture_item(&bench->store, "%s", SETTINGS("1", SEED, "5", "open"));
  assert_true(room_settings_read(good, &record));
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
    assert_false(room_settings_read(store_fixture_item(&bench->store, "%s", settings[i]), &record));
  static const char *const waiters[] = {
      "{}",
      "{'base':{'N':'1'},'count':{'N':'1'},'entries':{'B':'AAAA'}}",
      "{'base':{'N':'1'},'count':{'N':'0'},'entries':{'B':'AAAAAAAAAAA='}}",
      "{'base':{'N':'1'},'count':{'N':'2'},'entries':{'B':'AAAAAAAAAAA='}}",
      "{'base':{'N':'-1'},'count':{'N':'1'},'entries':{'B':'AAAAAAAAAAA='}}",
      "{'base':{'N':'1'},'count':{'N':'1'},'entries':{'S':'AAAAAAAA'}}",
  };
  good = store_fixture_item(&bench->store,
                            "{'base':{'N':'1'},'count':{'N':'1'},'entries':{'B':'AAAAAAAAAAA='}}");
  assert_true(room_waiters_read(good, &base_ms, &count, &text));
  for (size_t i = 0; i < sizeof waiters / sizeof waiters[0]; i++)
    assert_false(room_waiters_read(store_fixture_item(&bench->store, "%s", waiters[i]), &base_ms,
                                   &count, &text));
  for (int wrong = 0; wrong < 6; wrong++) {
    struct value item = store_fixture_item(
        &bench->store,
        "{'admittedAt':{'N':'%s'},'enteredAt':{'N':'%s'},'expiresAt':{'N':'%s'},'holds':{'N':'%s'},"
        "'finished':{'%s':%s}}",
        wrong == 1 ? "-1" : "1", wrong == 2 ? "-1" : "1",
        wrong == 3 ? "281474976710656" : "281474976710655", wrong == 4 ? "4294967296" : "0",
        wrong == 5 ? "N" : "BOOL", wrong == 5 ? "'1'" : "true");
    assert_int_equal(room_shopper_read(item, &shopper, &text), wrong == 0);
  }
}

static void test_without_memory_there_is_no_item(void **state)
{
  struct bench *bench = *state;
  struct room_record record = some_record(true);
  const struct shopper shopper = {.number = 1};
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    struct memory memory = {.fail_at = n};
    struct record_writer writer;
    struct arena arena;
    arena_init(&arena, &memory);
    record_writer_init(&writer, &memory);
    struct bytes pk = room_key(&arena, BYTES("evt"));
    const struct value items[] = {
        room_item_key(&writer, &arena, pk, ROOM_ITEM_STATES, 1, 0),
        room_settings_item(&writer, &arena, &record),
        room_waiters_item(&writer, &arena, pk, ROOM_ITEM_PIECE, 0, 0, 0, 1, BYTES("xxxxxxxx")),
        room_states_item(&writer, &arena, pk, 1, BYTES("x")),
        room_shopper_item(&writer, &arena, pk, &shopper, BYTES("u")),
    };
    done = true;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
      if (!value_present(items[i])) done = false;
    assert_true(done || memory.calls >= n);
    record_writer_free(&writer);
    arena_free(&arena);
    assert_int_equal(memory.in_use, 0);
  }
  (void)bench;
}

static void test_the_table_is_made_once(void **state)
{
  struct bench *bench = *state;
  struct table *table = room_table(bench->store.store, &bench->store.error);
  assert_non_null(table);
  assert_ptr_equal(room_table(bench->store.store, &bench->store.error), table);
  store_fixture_crash(&bench->store);
  assert_non_null(store_table(bench->store.store, BYTES(ROOM_TABLE)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_sort_keys, setup, teardown),
      cmocka_unit_test(test_sort_keys_that_are_none),
      cmocka_unit_test_setup_teardown(test_settings_are_read_as_written, setup, teardown),
      cmocka_unit_test_setup_teardown(test_waiters_are_read_as_written, setup, teardown),
      cmocka_unit_test_setup_teardown(test_shoppers_are_read_as_written, setup, teardown),
      cmocka_unit_test_setup_teardown(test_damaged_items, setup, teardown),
      cmocka_unit_test_setup_teardown(test_without_memory_there_is_no_item, setup, teardown),
      cmocka_unit_test_setup_teardown(test_the_table_is_made_once, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
