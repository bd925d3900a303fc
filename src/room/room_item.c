#include "room/room_item.h"

#include "room/waiters.h"

#include <stdio.h>
#include <stdlib.h>

enum { SORT_KEY_BYTES = 40 };

struct table *room_table(struct store *store, struct error *error)
{
  struct table *table = store_table(store, BYTES(ROOM_TABLE));
  if (table != NULL) return table;
  const struct table_definition definition = {
      .name = BYTES(ROOM_TABLE),
      .partition = {BYTES("pk"), VALUE_STRING},
      .sort = {BYTES("sk"), VALUE_STRING},
  };
  if (store_table_create(store, &definition, &table, error) != STORE_OK) return NULL;
  return store_sync(store, error) ? table : NULL;
}

/* ---- keys ---- */

struct bytes room_key(struct arena *arena, struct bytes event_id)
{
  return record_key(arena, BYTES("ROOM#"), event_id);
}

static const char *const FORMATS[ROOM_ITEM_KINDS] = {
    [ROOM_ITEM_SETTINGS] = "SETTINGS",       [ROOM_ITEM_WAITERS] = "WAITERS#%05u",
    [ROOM_ITEM_PIECE] = "WAITERS#%05u#%04u", [ROOM_ITEM_STATES] = "STATES#%05u",
    [ROOM_ITEM_SHOPPER] = "SHOPPER#%08u",
};

static size_t write_sort_key(char text[SORT_KEY_BYTES], enum room_item_kind kind, uint32_t number,
                             uint32_t offset)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  return (size_t)snprintf(text, SORT_KEY_BYTES, FORMATS[kind], number, offset);
#pragma GCC diagnostic pop
}

struct bytes room_sort_key(struct arena *arena, enum room_item_kind kind, uint32_t number,
                           uint32_t offset)
{
  char text[SORT_KEY_BYTES];
  return arena_copy(arena, bytes_of(text, write_sort_key(text, kind, number, offset)));
}

/* Digits behind a '#', all of them up to the next '#' or the end. */
static bool take_number(struct bytes *rest, uint32_t *number)
{
  size_t digits = 0;
  *number = 0;
  if (rest->size == 0 || rest->data[0] != '#') return false;
  while (1 + digits < rest->size && rest->data[1 + digits] != '#') {
    uint8_t digit = (uint8_t)(rest->data[1 + digits] - '0');
    if (digit > 9 || ++digits > 8) return false;
    *number = *number * 10 + digit;
  }
  *rest = bytes_of(rest->data + 1 + digits, rest->size - 1 - digits);
  return digits > 0;
}

static bool take_word(struct bytes *rest, struct bytes word)
{
  if (!bytes_starts_with(*rest, word)) return false;
  *rest = bytes_of(rest->data + word.size, rest->size - word.size);
  return true;
}

enum room_item_kind room_sort_key_read(struct bytes sort, uint32_t *number, uint32_t *offset)
{
  *number = *offset = 0;
  enum room_item_kind kind = ROOM_ITEM_KINDS;
  if (take_word(&sort, BYTES("SETTINGS")))
    kind = ROOM_ITEM_SETTINGS;
  else if (take_word(&sort, BYTES("WAITERS")))
    kind = ROOM_ITEM_WAITERS;
  else if (take_word(&sort, BYTES("STATES")))
    kind = ROOM_ITEM_STATES;
  else if (take_word(&sort, BYTES("SHOPPER")))
    kind = ROOM_ITEM_SHOPPER;
  if (kind == ROOM_ITEM_KINDS || kind == ROOM_ITEM_SETTINGS)
    return sort.size == 0 ? kind : ROOM_ITEM_KINDS;
  if (!take_number(&sort, number)) return ROOM_ITEM_KINDS;
  if (kind == ROOM_ITEM_WAITERS && sort.size > 0) {
    kind = ROOM_ITEM_PIECE;
    if (!take_number(&sort, offset)) return ROOM_ITEM_KINDS;
  }
  uint32_t most = kind == ROOM_ITEM_SHOPPER ? ROOM_PLACES_MAX : ROOM_PLACES_MAX / ROOM_CHUNK;
  return sort.size == 0 && *number < most && *offset < ROOM_CHUNK ? kind : ROOM_ITEM_KINDS;
}

static void begin(struct record_writer *writer, struct bytes pk, enum room_item_kind kind,
                  uint32_t number, uint32_t offset)
{
  char text[SORT_KEY_BYTES];
  size_t size = write_sort_key(text, kind, number, offset);
  record_begin(writer);
  record_text(writer, BYTES("pk"), pk);
  record_text(writer, BYTES("sk"), bytes_of(text, size));
}

struct value room_item_key(struct record_writer *writer, struct arena *arena, struct bytes pk,
                           enum room_item_kind kind, uint32_t number, uint32_t offset)
{
  if (pk.data == NULL) return VALUE_NONE;
  begin(writer, pk, kind, number, offset);
  return record_end(writer, arena);
}

/* ---- settings ---- */

struct value room_settings_item(struct record_writer *writer, struct arena *arena,
                                const struct room_record *record)
{
  struct bytes pk = room_key(arena, record->event_id);
  if (pk.data == NULL) return VALUE_NONE;
  begin(writer, pk, ROOM_ITEM_SETTINGS, 0, 0);
  record_integer(writer, BYTES("id"), record->id);
  record_text(writer, BYTES("eventId"), record->event_id);
  record_text(writer, BYTES("mode"), room_mode_name(record->settings.mode));
  for (size_t i = 0; i < ROOM_SETTINGS; i++) {
    const struct room_setting *row = &room_setting_rows[i];
    record_integer(writer, bytes_of_text(row->attribute), room_setting_get(&record->settings, row));
  }
  record_binary(writer, BYTES("seed"), bytes_of(record->seed, sizeof record->seed));
  if (record->opened) {
    record_integer(writer, BYTES("openedAt"), record->opened_ms);
    record_integer(writer, BYTES("drawn"), record->drawn);
  }
  return record_end(writer, arena);
}

bool room_settings_read(struct value item, struct room_record *record)
{
  struct error error;
  *record = (struct room_record){.event_id = record_get_text(item, BYTES("eventId"))};
  room_settings_init(&record->settings);
  int64_t id = record_get_integer(item, BYTES("id"), -1);
  struct bytes mode = record_get_text(item, BYTES("mode"));
  struct bytes seed = record_get_binary(item, BYTES("seed"));
  int64_t drawn = record_get_integer(item, BYTES("drawn"), -1);
  record->settings.mode = room_mode_of(mode);
  for (size_t i = 0; i < ROOM_SETTINGS; i++) {
    const struct room_setting *row = &room_setting_rows[i];
    int64_t value = record_get_integer(item, bytes_of_text(row->attribute), -1);
    if (value < 0 || value > UINT32_MAX) return false;
    room_setting_put(&record->settings, row, (uint32_t)value);
  }
  if (id < 0 || id > UINT32_MAX || seed.size != sizeof record->seed || record->event_id.size == 0 ||
      drawn > ROOM_PLACES_MAX || record->settings.mode == ROOM_MODES ||
      !room_settings_check(&record->settings, &error))
    return false;
  record->id = (uint32_t)id;
  memcpy(record->seed, seed.data, sizeof record->seed);
  record->opened = drawn >= 0;
  record->opened_ms = record_get_integer(item, BYTES("openedAt"), 0);
  record->drawn = drawn < 0 ? 0 : (uint32_t)drawn;
  return true;
}

/* Times end up in tokens, which have 48 bits for them. */
static bool is_time(int64_t time_ms)
{
  return time_ms >= 0 && time_ms < (int64_t)1 << TOKEN_TIME_BITS;
}

/* ---- waiters ---- */

struct value room_waiters_item(struct record_writer *writer, struct arena *arena, struct bytes pk,
                               enum room_item_kind kind, uint32_t chunk, uint32_t offset,
                               int64_t base_ms, uint32_t count, struct bytes entries)
{
  if (pk.data == NULL) return VALUE_NONE;
  begin(writer, pk, kind, chunk, offset);
  record_integer(writer, BYTES("base"), base_ms);
  record_integer(writer, BYTES("count"), count);
  record_binary(writer, BYTES("entries"), entries);
  return record_end(writer, arena);
}

bool room_waiters_read(struct value item, int64_t *base_ms, uint32_t *count, struct bytes *entries)
{
  int64_t number = record_get_integer(item, BYTES("count"), 0);
  *base_ms = record_get_integer(item, BYTES("base"), -1);
  *entries = record_get_binary(item, BYTES("entries"));
  if (!is_time(*base_ms) || number < 1 || number > ROOM_CHUNK) return false;
  *count = (uint32_t)number;
  return waiters_encoded_valid(*entries, *count) &&
         is_time(waiters_encoded_arrival_ms(*entries, *count, *count - 1, *base_ms));
}

struct value room_states_item(struct record_writer *writer, struct arena *arena, struct bytes pk,
                              uint32_t chunk, struct bytes image)
{
  if (pk.data == NULL) return VALUE_NONE;
  begin(writer, pk, ROOM_ITEM_STATES, chunk, 0);
  record_binary(writer, BYTES("states"), image);
  return record_end(writer, arena);
}

/* ---- shoppers ---- */

struct value room_shopper_item(struct record_writer *writer, struct arena *arena, struct bytes pk,
                               const struct shopper *shopper, struct bytes user_id)
{
  if (pk.data == NULL) return VALUE_NONE;
  begin(writer, pk, ROOM_ITEM_SHOPPER, shopper->number, 0);
  record_integer(writer, BYTES("admittedAt"), shopper->admitted_ms);
  record_integer(writer, BYTES("enteredAt"), shopper->entered_ms);
  record_integer(writer, BYTES("expiresAt"), shopper->expires_ms);
  record_integer(writer, BYTES("holds"), shopper->holds);
  record_bool(writer, BYTES("finished"), shopper->finished);
  if (user_id.size > 0) record_text(writer, BYTES("userId"), user_id);
  return record_end(writer, arena);
}

bool room_shopper_read(struct value item, struct shopper *shopper, struct bytes *user_id)
{
  int64_t holds = record_get_integer(item, BYTES("holds"), -1);
  struct value finished = value_attribute(item, BYTES("finished"));
  shopper->admitted_ms = record_get_integer(item, BYTES("admittedAt"), -1);
  shopper->entered_ms = record_get_integer(item, BYTES("enteredAt"), -1);
  shopper->expires_ms = record_get_integer(item, BYTES("expiresAt"), -1);
  *user_id = record_get_text(item, BYTES("userId"));
  if (holds < 0 || holds > UINT32_MAX || !is_time(shopper->admitted_ms) ||
      !is_time(shopper->entered_ms) || !is_time(shopper->expires_ms) ||
      value_type(finished) != VALUE_BOOL)
    return false;
  shopper->holds = (uint32_t)holds;
  shopper->finished = value_bool(finished);
  return true;
}
