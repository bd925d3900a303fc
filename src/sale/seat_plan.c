#include "sale/seat_plan.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/json.h"

enum { NAMES_CAPACITY_FIRST = 256 };

static bool is_letter_or_digit(uint8_t byte)
{
  uint8_t lower = byte | 0x20;
  return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
}

bool seat_name_is_valid(struct bytes text, size_t most)
{
  if (text.size == 0 || text.size > most) return false;
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    if (!is_letter_or_digit(byte) && byte != '-' && byte != '_' && byte != '.') return false;
  }
  return true;
}

bool seat_number_parse(struct bytes text, uint32_t *value)
{
  if (text.size == 0 || text.size > 9 || (text.data[0] == '0' && text.size > 1)) return false;
  uint32_t parsed = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    parsed = parsed * 10 + (uint32_t)(text.data[i] - '0');
  }
  *value = parsed;
  return true;
}

/* ---- The event's own fields ---- */

static bool event_id_is_valid(struct bytes text)
{
  if (text.size == 0 || text.size > SEAT_EVENT_ID_BYTES) return false;
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    if (!is_letter_or_digit(byte) && byte != '-' && byte != '_') return false;
  }
  return true;
}

static bool currency_is_valid(struct bytes text)
{
  if (text.size != 3) return false;
  for (size_t i = 0; i < 3; i++)
    if (text.data[i] < 'A' || text.data[i] > 'Z') return false;
  return true;
}

static bool line_is_valid(struct bytes text)
{
  return text.size > 0 && text.size <= SEAT_NAME_BYTES;
}

static bool instant_is_valid(int64_t time_ms)
{
  return time_ms >= INSTANT_MIN_MS && time_ms <= INSTANT_MAX_MS;
}

static bool refuse_field(const char **field, const char *name, struct error *error,
                         const char *must)
{
  *field = name;
  return error_set(error, ERROR_INVALID, "%s must be %s", name, must);
}

bool seat_event_check(const struct seat_event *event, const char **field, struct error *error)
{
  if (!event_id_is_valid(event->event_id))
    return refuse_field(field, "event_id", error, "1 to 64 of A-Z a-z 0-9 _ -");
  if (!line_is_valid(event->name)) return refuse_field(field, "name", error, "1 to 200 bytes");
  if (!line_is_valid(event->venue)) return refuse_field(field, "venue", error, "1 to 200 bytes");
  if (!instant_is_valid(event->starts_at_ms))
    return refuse_field(field, "starts_at", error, "in the years 0000 to 9999");
  if (!instant_is_valid(event->sale_opens_at_ms) || event->sale_opens_at_ms >= event->starts_at_ms)
    return refuse_field(field, "sale_opens_at", error, "before starts_at");
  if (event->sale_closes_at_ms != SEAT_NEVER_MS &&
      (!instant_is_valid(event->sale_closes_at_ms) ||
       event->sale_closes_at_ms <= event->sale_opens_at_ms))
    return refuse_field(field, "sale_closes_at", error, "after sale_opens_at");
  if (!currency_is_valid(event->currency))
    return refuse_field(field, "currency", error, "three upper-case letters, such as KRW");
  if (event->max_per_buyer < 1 || event->max_per_buyer > SEAT_BUYER_MAX)
    return refuse_field(field, "max_per_buyer", error, "1 to 100");
  if (event->hold_seconds < SEAT_HOLD_SECONDS_MIN || event->hold_seconds > SEAT_HOLD_SECONDS_MAX)
    return refuse_field(field, "hold_seconds", error, "10 to 3600");
  return true;
}

_Static_assert(SEAT_EVENT_ID_BYTES == 64 && SEAT_NAME_BYTES == 200 && SEAT_BUYER_MAX == 100 &&
                   SEAT_HOLD_SECONDS_MIN == 10 && SEAT_HOLD_SECONDS_MAX == 3600,
               "the messages above say these");

/* ---- Rows ---- */

void seat_plan_row_number(struct seat_plan_row *row, const struct bytes *numbers, uint32_t seats)
{
  CHECK_THAT(seats, >, 0);
  uint32_t value;
  row->seats = seats;
  row->numbers = NULL;
  if (seat_number_parse(numbers[0], &row->first) && row->first <= SEAT_FIRST_MAX) {
    uint32_t same = 1;
    while (same < seats && seat_number_parse(numbers[same], &value) && value == row->first + same)
      same++;
    if (same == seats) return;
  }
  row->first = 0;
  row->numbers = numbers;
}

static size_t put(char *to, size_t at, struct bytes slice)
{
  memcpy(to + at, slice.data, slice.size);
  return at + slice.size;
}

size_t seat_id_format(struct bytes section, struct bytes row, struct bytes number,
                      char text[SEAT_ID_BYTES])
{
  CHECK(section.size <= SEAT_SECTION_BYTES && row.size <= SEAT_ROW_BYTES &&
        number.size <= SEAT_NUMBER_BYTES);
  size_t at = put(text, 0, section);
  text[at++] = '-';
  at = put(text, at, row);
  text[at++] = '-';
  return put(text, at, number);
}

/* ---- The plan as JSON ---- */

static void write_text(struct json_writer *writer, const char *key, struct bytes text)
{
  json_write_key(writer, bytes_of_text(key));
  json_write_string(writer, text);
}

static void write_integer(struct json_writer *writer, const char *key, int64_t value)
{
  json_write_key(writer, bytes_of_text(key));
  json_write_integer(writer, value);
}

static void write_instant(struct json_writer *writer, const char *key, int64_t time_ms)
{
  char text[INSTANT_TEXT_BYTES];
  instant_format(time_ms, text);
  write_text(writer, key, bytes_of(text, sizeof text));
}

static void write_row(struct json_writer *writer, const struct seat_plan_row *row)
{
  json_write_object_begin(writer);
  write_text(writer, "row", row->label);
  if (row->numbers == NULL) {
    if (row->first != 1) write_integer(writer, "first", row->first);
    write_integer(writer, "seats", row->seats);
  } else {
    json_write_key(writer, BYTES("seats"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < row->seats; i++) json_write_string(writer, row->numbers[i]);
    json_write_array_end(writer);
  }
  json_write_object_end(writer);
}

static void write_section(struct json_writer *writer, const struct seat_plan_section *section)
{
  json_write_object_begin(writer);
  write_text(writer, "id", section->id);
  write_text(writer, "name", section->name);
  write_integer(writer, "price", section->price);
  if (section->row_count == 0) {
    write_integer(writer, "capacity", section->capacity);
  } else {
    json_write_key(writer, BYTES("rows"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < section->row_count; i++) write_row(writer, &section->rows[i]);
    json_write_array_end(writer);
  }
  json_write_object_end(writer);
}

bool seat_plan_write(const struct seat_plan *plan, struct buffer *buffer)
{
  const struct seat_event *event = &plan->event;
  struct json_writer writer;
  json_writer_init(&writer, buffer);
  json_write_object_begin(&writer);
  write_text(&writer, "event_id", event->event_id);
  write_text(&writer, "name", event->name);
  write_text(&writer, "venue", event->venue);
  write_instant(&writer, "starts_at", event->starts_at_ms);
  write_instant(&writer, "sale_opens_at", event->sale_opens_at_ms);
  if (event->sale_closes_at_ms != SEAT_NEVER_MS)
    write_instant(&writer, "sale_closes_at", event->sale_closes_at_ms);
  write_text(&writer, "currency", event->currency);
  write_integer(&writer, "max_per_buyer", event->max_per_buyer);
  write_integer(&writer, "hold_seconds", event->hold_seconds);
  json_write_key(&writer, BYTES("sections"));
  json_write_array_begin(&writer);
  for (uint32_t i = 0; i < plan->section_count; i++) write_section(&writer, &plan->sections[i]);
  json_write_array_end(&writer);
  json_write_object_end(&writer);
  return json_writer_finish(&writer);
}

/* ---- Names that must differ ---- */

void seat_names_init(struct seat_names *names, struct arena *arena, uint64_t hash_seed)
{
  *names = (struct seat_names){.arena = arena, .hash_seed = hash_seed};
}

/* The slot of the text, or the empty one where it belongs. */
static struct seat_name **names_slot(struct seat_names *names, struct bytes text, uint32_t hash)
{
  uint32_t at = hash & (names->capacity - 1);
  while (names->slots[at] != NULL) {
    struct seat_name *name = names->slots[at];
    if (name->hash == hash && bytes_equal(name->text, text)) break;
    at = (at + 1) & (names->capacity - 1);
  }
  return &names->slots[at];
}

static bool names_grow(struct seat_names *names)
{
  struct seat_name **old = names->slots;
  uint32_t old_capacity = names->capacity;
  uint32_t capacity = old_capacity == 0 ? NAMES_CAPACITY_FIRST : 2 * old_capacity;
  struct seat_name **slots = arena_alloc_array(names->arena, capacity, sizeof(struct seat_name *));
  if (slots == NULL) return false;
  memset(slots, 0, capacity * sizeof(struct seat_name *));
  names->slots = slots;
  names->capacity = capacity;
  for (uint32_t i = 0; i < old_capacity; i++)
    if (old[i] != NULL) *names_slot(names, old[i]->text, old[i]->hash) = old[i];
  return true;
}

struct seat_name *seat_names_add(struct seat_names *names, struct bytes text, uint32_t place,
                                 bool *added)
{
  *added = false;
  if (4 * (uint64_t)names->count >= 3 * (uint64_t)names->capacity && !names_grow(names))
    return NULL;
  uint32_t hash = (uint32_t)hash_bytes(text, names->hash_seed);
  struct seat_name **slot = names_slot(names, text, hash);
  if (*slot != NULL) return *slot;
  struct seat_name *name = arena_alloc(names->arena, sizeof *name);
  if (name == NULL) return NULL;
  *name = (struct seat_name){.hash = hash, .place = place};
  name->text = arena_copy(names->arena, text);
  if (name->text.data == NULL) return NULL;
  *slot = name;
  names->count++;
  *added = true;
  return name;
}

struct seat_place seat_place_of(struct bytes input, size_t offset)
{
  struct seat_place place = {1, 1};
  for (size_t i = 0; i < offset && i < input.size; i++) {
    uint8_t byte = input.data[i];
    place.column += (byte & 0xC0) != 0x80;
    if (byte != '\n') continue;
    place.line++;
    place.column = 1;
  }
  return place;
}
