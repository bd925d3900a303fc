/*
 * Any bytes as what the waiting room reads from its table: a sort key is read only when writing it
 * again gives one that says the same, and a value that is no item of the room is refused without
 * reading beyond it. What is accepted can be used: times fit in a token, every entry can be read,
 * one by one and all together.
 */
#include "base/check.h"
#include "room/room_item.h"
#include "room/waiters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sort_key(struct bytes text)
{
  struct memory memory = {0};
  struct arena arena;
  uint32_t number, offset, number_again, offset_again;
  enum room_item_kind kind = room_sort_key_read(text, &number, &offset);
  if (kind == ROOM_ITEM_KINDS) return;
  arena_init(&arena, &memory);
  struct bytes again = room_sort_key(&arena, kind, number, offset);
  CHECK(room_sort_key_read(again, &number_again, &offset_again) == kind);
  CHECK(number_again == number && offset_again == offset);
  arena_free(&arena);
}

static bool is_time(int64_t time_ms)
{
  return time_ms >= 0 && time_ms < (int64_t)1 << TOKEN_TIME_BITS;
}

static void check_waiters(struct value item)
{
  static struct waiter_entries entries;
  int64_t base_ms;
  uint32_t count;
  struct bytes encoded;
  if (!room_waiters_read(item, &base_ms, &count, &encoded)) return;
  CHECK(count > 0 && count <= ROOM_CHUNK);
  waiters_decode(encoded, count, base_ms, &entries, 0);
  for (uint32_t i = 0; i < count; i++) {
    CHECK(is_time(entries.arrivals_ms[i]));
    CHECK(i == 0 || entries.arrivals_ms[i] >= entries.arrivals_ms[i - 1]);
    if (i % 64 > 0) continue;
    CHECK(waiters_encoded_hash(encoded, i) == entries.hashes[i]);
    CHECK(waiters_encoded_arrival_ms(encoded, count, i, base_ms) == entries.arrivals_ms[i]);
  }
}

static void check_settings(struct value item)
{
  struct memory memory = {0};
  struct arena arena;
  struct record_writer writer;
  struct room_record record, again;
  if (!room_settings_read(item, &record)) return;
  struct error error;
  CHECK(room_settings_check(&record.settings, &error));
  arena_init(&arena, &memory);
  record_writer_init(&writer, &memory);
  struct value written = room_settings_item(&writer, &arena, &record);
  /* An id that is longer than an item may be is none that a room could have been made for. */
  if (value_present(written)) {
    CHECK(room_settings_read(written, &again));
    CHECK(again.id == record.id && again.drawn == record.drawn && again.opened == record.opened);
    CHECK(memcmp(&again.settings, &record.settings, sizeof again.settings) == 0);
  }
  record_writer_free(&writer);
  arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct error error;
  struct value item = {data, size};
  check_sort_key(bytes_of(data, size));
  if (!value_validate(bytes_of(data, size), &error) || value_type(item) != VALUE_MAP) return 0;
  check_waiters(item);
  check_settings(item);
  struct shopper shopper = {0};
  struct bytes user_id;
  if (room_shopper_read(item, &shopper, &user_id))
    CHECK(is_time(shopper.admitted_ms) && is_time(shopper.entered_ms) &&
          is_time(shopper.expires_ms));
  return 0;
}
