#include "base/check.h"
#include "base/instant.h"
#include "base/json.h"
#include "sale/seat_import.h"

#include <stdarg.h>
#include <stdio.h>

enum { LIST_CAPACITY_FIRST = 16 };

/* A row as it was read, with the places of its tokens for what is found out later. */
struct parsed_row {
  struct bytes label;
  size_t label_at; /* 0: not there, as for all places: a document begins with its brace */
  size_t first_at;
  size_t seats_at;
  int64_t first;
  int64_t seats;
  struct bytes *numbers; /* NULL: consecutive */
  uint32_t *numbers_at;
};

struct parsed_section {
  struct bytes id;
  struct bytes name;
  int64_t price;
  int64_t capacity;
  size_t id_at;
  size_t name_at;
  size_t price_at;
  size_t capacity_at;
  size_t rows_at;
  struct parsed_row *rows;
  uint32_t row_count;
};

enum event_field {
  FIELD_EVENT_ID,
  FIELD_NAME,
  FIELD_VENUE,
  FIELD_STARTS_AT,
  FIELD_SALE_OPENS_AT,
  FIELD_SALE_CLOSES_AT,
  FIELD_CURRENCY,
  FIELD_MAX_PER_BUYER,
  FIELD_HOLD_SECONDS,
  FIELDS,
};

static const char *const FIELD_NAMES[FIELDS] = {
    "event_id",       "name",     "venue",         "starts_at",    "sale_opens_at",
    "sale_closes_at", "currency", "max_per_buyer", "hold_seconds",
};

struct import {
  struct json_reader reader;
  struct bytes input;
  struct arena *arena;      /* of the plan */
  struct arena *scratch;    /* given back when the import is done */
  struct seat_names groups; /* sections by their id, rows as "section/row" */
  struct seat_names seat_ids;
  struct seat_event *event;
  struct seat_plan *plan; /* NULL: only the event is wanted */
  uint32_t section_capacity;
  size_t fields_at[FIELDS];
  size_t sections_at;
};

static bool refuse(struct import *import, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Refuses what stands at a byte of the input. Keeps an earlier error. Returns false. */
static bool refuse(struct import *import, size_t offset, const char *format, ...)
{
  char message[ERROR_MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  import->reader.token_offset = offset;
  return json_refuse(&import->reader, "%s", message);
}

/* Whether a loop over keys or elements ended because of an error. */
static bool has_failed(const struct import *import)
{
  return import->reader.error.code != ERROR_NONE;
}

static bool refuse_memory(struct import *import)
{
  (void)json_refuse(&import->reader, "out of memory");
  import->reader.error.code = ERROR_NO_MEMORY;
  return false;
}

/* The array with room for one more element than `count`; NULL when there is no memory. */
static void *list_grow(struct arena *arena, void *list, uint32_t count, uint32_t *capacity,
                       size_t size)
{
  if (count < *capacity) return list;
  uint32_t larger = *capacity == 0 ? LIST_CAPACITY_FIRST : 2 * *capacity;
  void *copy = arena_alloc_array(arena, larger, size);
  if (copy == NULL) return NULL;
  if (count > 0) memcpy(copy, list, count * size);
  *capacity = larger;
  return copy;
}

/* ---- Values ---- */

static bool read_string(struct import *import, struct bytes *text, size_t *at)
{
  if (!json_read_string(&import->reader, text)) return false;
  *at = import->reader.token_offset;
  return true;
}

static bool read_name(struct import *import, size_t most, struct bytes *text, size_t *at)
{
  if (!read_string(import, text, at)) return false;
  return seat_name_is_valid(*text, most) ||
         refuse(import, *at, "must be 1 to %zu of A-Z a-z 0-9 - _ .", most);
}

static bool read_between(struct import *import, int64_t least, int64_t most, int64_t *value,
                         size_t *at)
{
  if (!json_read_integer(&import->reader, value)) return false;
  *at = import->reader.token_offset;
  return (*value >= least && *value <= most) ||
         refuse(import, *at, "must be %lld to %lld", (long long)least, (long long)most);
}

static bool unknown_key(struct import *import, struct bytes key)
{
  return refuse(import, import->reader.token_offset, "unknown key \"%.*s\"", BYTES_FORMAT(key));
}

/* ---- Rows ---- */

static bool read_numbers(struct import *import, struct parsed_row *row)
{
  uint32_t capacity = 0;
  uint32_t places_capacity = 0;
  uint32_t count = 0;
  while (json_read_element(&import->reader)) {
    struct bytes number;
    size_t at;
    if (!read_name(import, SEAT_NUMBER_BYTES, &number, &at)) return false;
    if (count == SEAT_ROW_SEATS_MAX)
      return refuse(import, at, "a row has at most %d seats", SEAT_ROW_SEATS_MAX);
    row->numbers = list_grow(import->arena, row->numbers, count, &capacity, sizeof(struct bytes));
    if (row->numbers == NULL) return refuse_memory(import);
    row->numbers_at = list_grow(import->scratch, row->numbers_at, count, &places_capacity,
                                sizeof(uint32_t));
    if (row->numbers_at == NULL) return refuse_memory(import);
    row->numbers[count] = number;
    row->numbers_at[count++] = (uint32_t)at;
  }
  if (has_failed(import)) return false;
  row->seats = count;
  return count > 0 || refuse(import, row->seats_at, "a row has at least one seat");
}

static bool read_seats(struct import *import, struct parsed_row *row)
{
  enum json_token token = json_next(&import->reader);
  row->seats_at = import->reader.token_offset;
  row->seats = import->reader.integer;
  if (token == JSON_ARRAY_BEGIN) return read_numbers(import, row);
  if (token != JSON_INTEGER || row->seats < 1 || row->seats > SEAT_ROW_SEATS_MAX)
    return refuse(import, row->seats_at, "must be 1 to %d, or the list of the seats' numbers",
                  SEAT_ROW_SEATS_MAX);
  return true;
}

static bool read_row(struct import *import, struct parsed_row *row)
{
  struct bytes key;
  *row = (struct parsed_row){.first = 1};
  if (!json_read_object(&import->reader)) return false;
  size_t begin = import->reader.token_offset;
  while (json_read_key(&import->reader, &key)) {
    bool good = true;
    if (bytes_equal(key, BYTES("row")))
      good = read_name(import, SEAT_ROW_BYTES, &row->label, &row->label_at);
    else if (bytes_equal(key, BYTES("first")))
      good = read_between(import, 0, SEAT_FIRST_MAX, &row->first, &row->first_at);
    else if (bytes_equal(key, BYTES("seats")))
      good = read_seats(import, row);
    else
      good = unknown_key(import, key);
    if (!good) return false;
  }
  if (has_failed(import)) return false;
  if (row->label_at == 0) return refuse(import, begin, "a row needs \"row\"");
  if (row->seats_at == 0) return refuse(import, begin, "a row needs \"seats\"");
  if (row->first_at > 0 && row->numbers != NULL)
    return refuse(import, row->first_at, "\"first\" goes with a count of seats, not with a list");
  return true;
}

static bool read_rows(struct import *import, struct parsed_section *section)
{
  uint32_t capacity = 0;
  if (!json_read_array(&import->reader)) return false;
  section->rows_at = import->reader.token_offset;
  while (json_read_element(&import->reader)) {
    if (section->row_count == SEAT_SEATS_MAX)
      return refuse(import, section->rows_at, "an event has at most %d seats", SEAT_SEATS_MAX);
    section->rows = list_grow(import->scratch, section->rows, section->row_count, &capacity,
                              sizeof(struct parsed_row));
    if (section->rows == NULL) return refuse_memory(import);
    if (!read_row(import, &section->rows[section->row_count])) return false;
    section->row_count++;
  }
  if (has_failed(import)) return false;
  return section->row_count > 0 || refuse(import, section->rows_at, "\"rows\" is empty");
}

/* ---- What must differ ---- */

static bool add_name(struct import *import, struct seat_names *names, struct bytes text, size_t at,
                     const char *what)
{
  bool added;
  struct seat_name *name = seat_names_add(names, text, (uint32_t)at, &added);
  if (name == NULL) return refuse_memory(import);
  if (added) return true;
  struct seat_place place = seat_place_of(import->input, name->place);
  return refuse(import, at, "%s %.*s is there twice: the first is at line %u, column %u", what,
                BYTES_FORMAT(text), place.line, place.column);
}

/* The slash is in no id, so a row's name is that of no section. */
static bool add_row_name(struct import *import, struct bytes section, const struct parsed_row *row)
{
  char text[SEAT_SECTION_BYTES + 1 + SEAT_ROW_BYTES];
  memcpy(text, section.data, section.size);
  text[section.size] = '/';
  memcpy(text + section.size + 1, row->label.data, row->label.size);
  return add_name(import, &import->groups, bytes_of(text, section.size + 1 + row->label.size),
                  row->label_at, "row");
}

static bool add_seat_names(struct import *import, struct bytes section, struct bytes row,
                           const struct bytes *numbers, const uint32_t *numbers_at, size_t at,
                           uint32_t first, uint32_t seats)
{
  for (uint32_t i = 0; i < seats; i++) {
    char id[SEAT_ID_BYTES];
    char digits[16];
    struct bytes number;
    if (numbers != NULL)
      number = numbers[i];
    else
      number = bytes_of(digits, (size_t)snprintf(digits, sizeof digits, "%u", first + i));
    size_t size = seat_id_format(section, row, number, id);
    size_t place = numbers != NULL ? numbers_at[i] : at;
    if (!add_name(import, &import->seat_ids, bytes_of(id, size), place, "seat")) return false;
  }
  return true;
}

/* ---- Sections ---- */

static bool check_section(struct import *import, const struct parsed_section *section, size_t begin)
{
  if (section->id_at == 0) return refuse(import, begin, "a section needs \"id\"");
  if (section->name_at == 0) return refuse(import, begin, "a section needs \"name\"");
  if (section->price_at == 0) return refuse(import, begin, "a section needs \"price\"");
  if (section->rows_at == 0 && section->capacity_at == 0)
    return refuse(import, begin, "a section needs \"rows\", or \"capacity\" if it has no seats");
  if (section->rows_at > 0 && section->capacity_at > 0)
    return refuse(import, section->capacity_at, "a section has \"rows\" or \"capacity\", not both");
  if (section->name.size == 0 || section->name.size > SEAT_NAME_BYTES)
    return refuse(import, section->name_at, "must be 1 to %d bytes", SEAT_NAME_BYTES);
  return true;
}

/* Counts the seats of a row or section, which stand at `at`. */
static bool count_seats(struct import *import, int64_t seats, size_t at)
{
  struct seat_plan *plan = import->plan;
  if (seats > SEAT_SEATS_MAX - (int64_t)plan->seat_count)
    return refuse(import, at, "with these the event has more than %d seats", SEAT_SEATS_MAX);
  plan->seat_count += (uint32_t)seats;
  plan->row_count++;
  return true;
}

static bool add_row(struct import *import, struct bytes section, const struct parsed_row *from,
                    struct seat_plan_row *row)
{
  uint32_t seats = (uint32_t)from->seats;
  if (!count_seats(import, from->seats, from->seats_at) || !add_row_name(import, section, from))
    return false;
  *row = (struct seat_plan_row){
      .label = from->label, .first = (uint32_t)from->first, .seats = seats};
  if (from->numbers != NULL) seat_plan_row_number(row, from->numbers, seats);
  return add_seat_names(import, section, from->label, from->numbers, from->numbers_at,
                        from->label_at, row->first, seats);
}

static bool add_section(struct import *import, const struct parsed_section *from)
{
  struct seat_plan *plan = import->plan;
  if (plan->section_count == SEAT_SECTIONS_MAX)
    return refuse(import, from->id_at, "an event has at most %d sections", SEAT_SECTIONS_MAX);
  if (!add_name(import, &import->groups, from->id, from->id_at, "section")) return false;
  plan->sections = list_grow(import->arena, plan->sections, plan->section_count,
                             &import->section_capacity, sizeof(struct seat_plan_section));
  if (plan->sections == NULL) return refuse_memory(import);
  struct seat_plan_section *section = &plan->sections[plan->section_count++];
  *section = (struct seat_plan_section){.id = from->id, .name = from->name, .price = from->price};
  if (from->row_count == 0) {
    section->capacity = (uint32_t)from->capacity;
    return count_seats(import, from->capacity, from->capacity_at) &&
           add_seat_names(import, from->id, BYTES(SEAT_GENERAL_ROW), NULL, NULL, from->id_at, 1,
                          section->capacity);
  }
  section->row_count = from->row_count;
  section->rows = arena_alloc_array(import->arena, from->row_count, sizeof *section->rows);
  if (section->rows == NULL) return refuse_memory(import);
  for (uint32_t i = 0; i < from->row_count; i++)
    if (!add_row(import, from->id, &from->rows[i], &section->rows[i])) return false;
  return true;
}

static bool read_section(struct import *import)
{
  struct parsed_section section = {0};
  struct bytes key;
  if (!json_read_object(&import->reader)) return false;
  size_t begin = import->reader.token_offset;
  while (json_read_key(&import->reader, &key)) {
    bool good = true;
    if (bytes_equal(key, BYTES("id")))
      good = read_name(import, SEAT_SECTION_BYTES, &section.id, &section.id_at);
    else if (bytes_equal(key, BYTES("name")))
      good = read_string(import, &section.name, &section.name_at);
    else if (bytes_equal(key, BYTES("price")))
      good = read_between(import, 0, SEAT_PRICE_MAX, &section.price, &section.price_at);
    else if (bytes_equal(key, BYTES("capacity")))
      good = read_between(import, 1, SEAT_SEATS_MAX, &section.capacity, &section.capacity_at);
    else if (bytes_equal(key, BYTES("rows")))
      good = read_rows(import, &section);
    else
      good = unknown_key(import, key);
    if (!good) return false;
  }
  return !has_failed(import) && check_section(import, &section, begin) &&
         add_section(import, &section);
}

static bool read_sections(struct import *import)
{
  if (!json_read_array(&import->reader)) return false;
  import->sections_at = import->reader.token_offset;
  while (json_read_element(&import->reader))
    if (!read_section(import)) return false;
  if (has_failed(import)) return false;
  return import->plan->section_count > 0 ||
         refuse(import, import->sections_at, "an event has at least one section");
}

/* ---- The event ---- */

static bool read_instant(struct import *import, int64_t *time_ms, size_t *at)
{
  struct bytes text;
  struct error error;
  if (!read_string(import, &text, at)) return false;
  return instant_parse(text, time_ms, &error) || refuse(import, *at, "%s", error.message);
}

static bool read_count(struct import *import, uint32_t *value, size_t *at)
{
  int64_t wide;
  if (!read_between(import, 0, UINT32_MAX, &wide, at)) return false;
  *value = (uint32_t)wide;
  return true;
}

static bool read_field(struct import *import, enum event_field field)
{
  struct seat_event *event = import->event;
  size_t *at = &import->fields_at[field];
  switch (field) {
  case FIELD_EVENT_ID:
    return read_string(import, &event->event_id, at);
  case FIELD_NAME:
    return read_string(import, &event->name, at);
  case FIELD_VENUE:
    return read_string(import, &event->venue, at);
  case FIELD_STARTS_AT:
    return read_instant(import, &event->starts_at_ms, at);
  case FIELD_SALE_OPENS_AT:
    return read_instant(import, &event->sale_opens_at_ms, at);
  case FIELD_SALE_CLOSES_AT:
    return read_instant(import, &event->sale_closes_at_ms, at);
  case FIELD_CURRENCY:
    return read_string(import, &event->currency, at);
  case FIELD_MAX_PER_BUYER:
    return read_count(import, &event->max_per_buyer, at);
  case FIELD_HOLD_SECONDS:
    return read_count(import, &event->hold_seconds, at);
  case FIELDS:
    break;
  }
  CHECK(false);
}

static enum event_field field_of(struct bytes name)
{
  enum event_field field = 0;
  while (field < FIELDS && !bytes_equal(name, bytes_of_text(FIELD_NAMES[field]))) field++;
  return field;
}

static bool check_event(struct import *import, size_t begin)
{
  const char *name;
  struct error error;
  for (enum event_field field = 0; field < FIELDS; field++)
    if (import->fields_at[field] == 0 && field != FIELD_SALE_CLOSES_AT)
      return refuse(import, begin, "an event needs \"%s\"", FIELD_NAMES[field]);
  if (import->plan != NULL && import->sections_at == 0)
    return refuse(import, begin, "an event needs \"sections\"");
  if (seat_event_check(import->event, &name, &error)) return true;
  return refuse(import, import->fields_at[field_of(bytes_of_text(name))], "%s", error.message);
}

static bool read_event(struct import *import)
{
  struct bytes key;
  *import->event = (struct seat_event){.sale_closes_at_ms = SEAT_NEVER_MS};
  if (!json_read_object(&import->reader)) return false;
  size_t begin = import->reader.token_offset;
  while (json_read_key(&import->reader, &key)) {
    enum event_field field = field_of(key);
    bool good = true;
    if (field < FIELDS)
      good = read_field(import, field);
    else if (import->plan != NULL && bytes_equal(key, BYTES("sections")))
      good = read_sections(import);
    else
      good = unknown_key(import, key);
    if (!good) return false;
  }
  return json_read_end(&import->reader) && check_event(import, begin);
}

static bool read_document(struct bytes json, uint64_t hash_seed, struct arena *arena,
                          struct seat_event *event, struct seat_plan *plan, struct error *error)
{
  if (json.size > SEAT_IMPORT_BYTES)
    return error_set(error, ERROR_LIMIT, "%zu bytes of JSON: an event has at most %d", json.size,
                     SEAT_IMPORT_BYTES);
  struct arena scratch;
  struct import import = {
      .input = json, .arena = arena, .scratch = &scratch, .event = event, .plan = plan};
  arena_init(&scratch, arena->memory);
  seat_names_init(&import.groups, &scratch, hash_seed);
  seat_names_init(&import.seat_ids, &scratch, hash_seed);
  json_reader_init(&import.reader, json, arena);
  bool good = read_event(&import);
  if (!good) *error = import.reader.error;
  arena_free(&scratch);
  return good;
}

bool seat_import_json(struct bytes json, uint64_t hash_seed, struct arena *arena,
                      struct seat_plan *plan, struct error *error)
{
  *plan = (struct seat_plan){0};
  return read_document(json, hash_seed, arena, &plan->event, plan, error);
}

bool seat_import_event(struct bytes json, struct arena *arena, struct seat_event *event,
                       struct error *error)
{
  return read_document(json, 0, arena, event, NULL, error);
}
