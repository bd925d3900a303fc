#include "base/check.h"
#include "sale/seat_import.h"

#include <stdarg.h>
#include <stdio.h>

enum { COLUMNS = 4, LINES_CAPACITY_FIRST = 1024 };
enum column { COLUMN_SECTION, COLUMN_ROW, COLUMN_NUMBER, COLUMN_PRICE };

static const char *const COLUMN_NAMES[COLUMNS] = {"section", "row", "number", "price"};

struct field {
  struct bytes text;
  size_t at; /* offset of its first byte, a quote's too */
};

/* A seat in the order of its line. */
struct csv_seat {
  struct bytes number;
  uint32_t row; /* index in rows */
};

struct csv_row {
  struct bytes label;
  uint32_t section;
  uint32_t seats;
  uint32_t filled;
  struct bytes *numbers; /* of the seats, once all lines are read */
};

struct csv_section {
  struct bytes id;
  int64_t price;
  uint32_t place; /* of its first line */
  uint32_t row_count;
  uint32_t capacity; /* 0: reserved seating */
};

struct csv_import {
  struct bytes input;
  size_t offset;
  struct arena *arena; /* of the plan */
  struct arena scratch;
  struct seat_names groups; /* sections by their id, rows as "section/row" */
  struct seat_names seat_ids;
  struct error *error;
  uint32_t section_count;
  uint32_t row_count;
  uint32_t seat_count; /* lines in `seats` */
  uint32_t places;     /* with those of general admission */
  uint32_t seat_capacity;
  uint32_t row_capacity;
  struct csv_seat *seats;
  struct csv_row *rows;
  struct csv_section sections[SEAT_SECTIONS_MAX];
};

static bool refuse(struct csv_import *import, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Refuses what stands at a byte of the input. Returns false. */
static bool refuse(struct csv_import *import, size_t offset, const char *format, ...)
{
  char message[ERROR_MESSAGE_BYTES];
  struct seat_place place = seat_place_of(import->input, offset);
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return error_set(import->error, ERROR_INVALID, "line %u, column %u: %s", place.line, place.column,
                   message);
}

static bool refuse_memory(struct csv_import *import)
{
  return error_set(import->error, ERROR_NO_MEMORY, "out of memory");
}

/* ---- Fields and records (RFC 4180 section 2) ---- */

static bool at_end(const struct csv_import *import)
{
  return import->offset == import->input.size;
}

static uint8_t byte_at(const struct csv_import *import, size_t offset)
{
  return offset < import->input.size ? import->input.data[offset] : 0;
}

/* Whether a field may end here: a comma, a line's end or the input's. */
static bool at_field_end(const struct csv_import *import)
{
  uint8_t byte = byte_at(import, import->offset);
  return at_end(import) || byte == ',' || byte == '\n' ||
         (byte == '\r' && byte_at(import, import->offset + 1) == '\n');
}

/* From the opening quote to behind the closing one; two quotes inside are one. */
static bool read_quoted(struct csv_import *import, struct field *field)
{
  size_t begin = ++import->offset;
  size_t size = 0;
  bool doubled = false;
  for (;; import->offset++, size++) {
    if (at_end(import)) return refuse(import, field->at, "the quoted field does not end");
    if (byte_at(import, import->offset) != '"') continue;
    if (byte_at(import, import->offset + 1) != '"') break;
    import->offset++;
    doubled = true;
  }
  size_t end = import->offset++;
  field->text = bytes_of(import->input.data + begin, end - begin);
  if (!doubled) return true;
  uint8_t *text = arena_alloc(import->arena, size);
  if (text == NULL) return refuse_memory(import);
  field->text = bytes_of(text, size);
  for (size_t from = begin; from < end; from++) {
    *text++ = import->input.data[from];
    if (import->input.data[from] == '"') from++;
  }
  return true;
}

static bool read_field(struct csv_import *import, struct field *field)
{
  field->at = import->offset;
  if (byte_at(import, import->offset) == '"') {
    if (!read_quoted(import, field)) return false;
    return at_field_end(import) ||
           refuse(import, import->offset,
                  "expected a comma or the end of the line after the quote");
  }
  while (!at_field_end(import)) {
    uint8_t byte = byte_at(import, import->offset);
    if (byte == '"')
      return refuse(import, import->offset, "a quote inside a field that does not begin with one");
    if (byte == '\r')
      return refuse(import, import->offset, "a carriage return without a line feed");
    import->offset++;
  }
  field->text = bytes_of(import->input.data + field->at, import->offset - field->at);
  return true;
}

/* One line of exactly COLUMNS fields, with the end of the line. */
static bool read_record(struct csv_import *import, struct field *fields)
{
  for (uint32_t i = 0; i < COLUMNS; i++) {
    if (!read_field(import, &fields[i])) return false;
    bool comma = byte_at(import, import->offset) == ',' && !at_end(import);
    if (comma != (i + 1 < COLUMNS))
      return comma ? refuse(import, import->offset, "more than %d fields", COLUMNS)
                   : refuse(import, import->offset, "%u fields, expected %d", i + 1, COLUMNS);
    if (comma) import->offset++;
  }
  if (byte_at(import, import->offset) == '\r') import->offset++;
  if (!at_end(import)) import->offset++;
  return true;
}

static bool read_header(struct csv_import *import)
{
  struct field fields[COLUMNS] = {0};
  if (import->input.size >= 3 && memcmp(import->input.data, "\xEF\xBB\xBF", 3) == 0)
    return refuse(import, 0, "a byte order mark: save the file as UTF-8 without one");
  if (!read_record(import, fields)) return false;
  for (uint32_t i = 0; i < COLUMNS; i++)
    if (!bytes_equal(fields[i].text, bytes_of_text(COLUMN_NAMES[i])))
      return refuse(import, fields[i].at, "the first line must be section,row,number,price");
  return true;
}

/* ---- Lines ---- */

static bool check_name(struct csv_import *import, const struct field *field, enum column column,
                       size_t most)
{
  return seat_name_is_valid(field->text, most) ||
         refuse(import, field->at, "%s must be 1 to %zu of A-Z a-z 0-9 - _ .", COLUMN_NAMES[column],
                most);
}

static bool parse_price(struct csv_import *import, const struct field *field, int64_t *price)
{
  struct bytes text = field->text;
  int64_t value = 0;
  bool good = text.size > 0 && text.size <= 13 && (text.data[0] != '0' || text.size == 1);
  for (size_t i = 0; good && i < text.size; i++) {
    good = text.data[i] >= '0' && text.data[i] <= '9';
    value = value * 10 + (text.data[i] - '0');
  }
  *price = value;
  return (good && value <= SEAT_PRICE_MAX) ||
         refuse(import, field->at, "price must be 0 to %lld, in minor units, digits only",
                (long long)SEAT_PRICE_MAX);
}

/* The section of a line, which is a new one when this is its first. */
static struct csv_section *section_of(struct csv_import *import, const struct field *fields,
                                      bool *added)
{
  const struct field *field = &fields[COLUMN_SECTION];
  int64_t price;
  if (!check_name(import, field, COLUMN_SECTION, SEAT_SECTION_BYTES) ||
      !parse_price(import, &fields[COLUMN_PRICE], &price))
    return NULL;
  struct seat_name *name = seat_names_add(&import->groups, field->text, (uint32_t)field->at, added);
  if (name == NULL) {
    refuse_memory(import);
    return NULL;
  }
  if (*added && import->section_count == SEAT_SECTIONS_MAX) {
    refuse(import, field->at, "an event has at most %d sections", SEAT_SECTIONS_MAX);
    return NULL;
  }
  if (*added) {
    name->value = import->section_count++;
    import->sections[name->value] = (struct csv_section){
        .id = field->text, .price = price, .place = (uint32_t)field->at};
  }
  struct csv_section *section = &import->sections[name->value];
  if (section->price != price) {
    refuse(import, fields[COLUMN_PRICE].at, "section %.*s has the price %lld since line %u",
           BYTES_FORMAT(field->text), (long long)section->price,
           seat_place_of(import->input, section->place).line);
    return NULL;
  }
  return section;
}

static bool count_places(struct csv_import *import, uint32_t places, size_t at)
{
  if (places > SEAT_SEATS_MAX - import->places)
    return refuse(import, at, "with these the event has more than %d seats", SEAT_SEATS_MAX);
  import->places += places;
  return true;
}

static bool refuse_twice(struct csv_import *import, const struct field *field,
                         const struct seat_name *name)
{
  return refuse(import, field->at, "seat %.*s is there twice: the first is at line %u",
                BYTES_FORMAT(name->text), seat_place_of(import->input, name->place).line);
}

static bool add_seat_name(struct csv_import *import, struct bytes section, struct bytes row,
                          struct bytes number, const struct field *field)
{
  bool added;
  char id[SEAT_ID_BYTES];
  size_t size = seat_id_format(section, row, number, id);
  struct seat_name *name = seat_names_add(&import->seat_ids, bytes_of(id, size),
                                          (uint32_t)field->at, &added);
  if (name == NULL) return refuse_memory(import);
  return added || refuse_twice(import, field, name);
}

static bool add_general(struct csv_import *import, struct csv_section *section, bool first,
                        const struct field *fields)
{
  const struct field *number = &fields[COLUMN_NUMBER];
  uint32_t capacity;
  if (!first)
    return refuse(import, fields[COLUMN_ROW].at,
                  "section %.*s has lines before this one: general admission is one line",
                  BYTES_FORMAT(section->id));
  if (!seat_number_parse(number->text, &capacity) || capacity < 1 || capacity > SEAT_SEATS_MAX)
    return refuse(import, number->at, "the capacity of general admission must be 1 to %d",
                  SEAT_SEATS_MAX);
  section->capacity = capacity;
  if (!count_places(import, capacity, number->at)) return false;
  for (uint32_t i = 1; i <= capacity; i++) {
    char digits[16];
    struct bytes text = bytes_of(digits, (size_t)snprintf(digits, sizeof digits, "%u", i));
    if (!add_seat_name(import, section->id, BYTES(SEAT_GENERAL_ROW), text, number)) return false;
  }
  return true;
}

/* The array with room for one more element than `count`; NULL when there is no memory. */
static void *list_grow(struct arena *arena, void *list, uint32_t count, uint32_t *capacity,
                       size_t size)
{
  if (count < *capacity) return list;
  uint32_t larger = *capacity == 0 ? LINES_CAPACITY_FIRST : 2 * *capacity;
  void *copy = arena_alloc_array(arena, larger, size);
  if (copy == NULL) return NULL;
  if (count > 0) memcpy(copy, list, count * size);
  *capacity = larger;
  return copy;
}

/* The row of a line; a slash is in no id, so its name is that of no section. */
static bool find_row(struct csv_import *import, struct csv_section *section,
                     const struct field *field, uint32_t *row)
{
  char text[SEAT_SECTION_BYTES + 1 + SEAT_ROW_BYTES];
  bool added;
  memcpy(text, section->id.data, section->id.size);
  text[section->id.size] = '/';
  memcpy(text + section->id.size + 1, field->text.data, field->text.size);
  struct seat_name *name = seat_names_add(&import->groups,
                                          bytes_of(text, section->id.size + 1 + field->text.size),
                                          (uint32_t)field->at, &added);
  if (name == NULL) return refuse_memory(import);
  if (added) {
    import->rows = list_grow(&import->scratch, import->rows, import->row_count,
                             &import->row_capacity, sizeof(struct csv_row));
    if (import->rows == NULL) return refuse_memory(import);
    name->value = import->row_count++;
    import->rows[name->value] = (struct csv_row){.label = field->text,
                                                 .section = (uint32_t)(section - import->sections)};
    section->row_count++;
  }
  *row = name->value;
  return true;
}

static bool add_seat(struct csv_import *import, struct csv_section *section,
                     const struct field *fields)
{
  const struct field *number = &fields[COLUMN_NUMBER];
  uint32_t row = 0;
  if (section->capacity > 0)
    return refuse(import, fields[COLUMN_ROW].at, "section %.*s is general admission since line %u",
                  BYTES_FORMAT(section->id), seat_place_of(import->input, section->place).line);
  if (!check_name(import, &fields[COLUMN_ROW], COLUMN_ROW, SEAT_ROW_BYTES) ||
      !check_name(import, number, COLUMN_NUMBER, SEAT_NUMBER_BYTES) ||
      !count_places(import, 1, number->at) ||
      !find_row(import, section, &fields[COLUMN_ROW], &row) ||
      !add_seat_name(import, section->id, fields[COLUMN_ROW].text, number->text, number))
    return false;
  if (++import->rows[row].seats > SEAT_ROW_SEATS_MAX)
    return refuse(import, number->at, "a row has at most %d seats", SEAT_ROW_SEATS_MAX);
  import->seats = list_grow(&import->scratch, import->seats, import->seat_count,
                            &import->seat_capacity, sizeof(struct csv_seat));
  if (import->seats == NULL) return refuse_memory(import);
  import->seats[import->seat_count++] = (struct csv_seat){.number = number->text, .row = row};
  return true;
}

static bool read_lines(struct csv_import *import)
{
  while (!at_end(import)) {
    struct field fields[COLUMNS] = {0};
    bool added = false;
    if (!read_record(import, fields)) return false;
    struct csv_section *section = section_of(import, fields, &added);
    if (section == NULL) return false;
    if (!(fields[COLUMN_ROW].text.size == 0 ? add_general(import, section, added, fields)
                                            : add_seat(import, section, fields)))
      return false;
  }
  return import->section_count > 0 || refuse(import, import->offset, "there are no seats");
}

/* ---- The plan ---- */

/* Gives each row its numbers, in the order of the lines. */
static bool sort_seats(struct csv_import *import)
{
  for (uint32_t i = 0; i < import->row_count; i++) {
    struct csv_row *row = &import->rows[i];
    row->numbers = arena_alloc_array(import->arena, row->seats, sizeof(struct bytes));
    if (row->numbers == NULL) return refuse_memory(import);
  }
  for (uint32_t i = 0; i < import->seat_count; i++) {
    struct csv_row *row = &import->rows[import->seats[i].row];
    row->numbers[row->filled++] = import->seats[i].number;
  }
  return true;
}

static bool make_plan(struct csv_import *import, struct seat_plan *plan)
{
  plan->sections = arena_alloc_array(import->arena, import->section_count, sizeof *plan->sections);
  if (plan->sections == NULL || !sort_seats(import)) return refuse_memory(import);
  plan->section_count = import->section_count;
  plan->seat_count = import->places;
  for (uint32_t i = 0; i < import->section_count; i++) {
    const struct csv_section *from = &import->sections[i];
    struct seat_plan_section *section = &plan->sections[i];
    *section = (struct seat_plan_section){
        .id = from->id, .name = from->id, .price = from->price, .capacity = from->capacity};
    plan->row_count += from->capacity > 0 ? 1 : from->row_count;
    if (from->capacity > 0) continue;
    section->rows = arena_alloc_array(import->arena, from->row_count, sizeof *section->rows);
    if (section->rows == NULL) return refuse_memory(import);
  }
  for (uint32_t i = 0; i < import->row_count; i++) {
    const struct csv_row *from = &import->rows[i];
    struct seat_plan_section *section = &plan->sections[from->section];
    struct seat_plan_row *row = &section->rows[section->row_count++];
    row->label = from->label;
    seat_plan_row_number(row, from->numbers, from->seats);
  }
  return true;
}

static bool run_import(struct csv_import *import, struct seat_plan *plan)
{
  return read_header(import) && read_lines(import) && make_plan(import, plan);
}

bool seat_import_csv(struct bytes csv, const struct seat_event *event, uint64_t hash_seed,
                     struct arena *arena, struct seat_plan *plan, struct error *error)
{
  const char *field;
  *plan = (struct seat_plan){.event = *event};
  if (!seat_event_check(event, &field, error)) return false;
  if (csv.size > SEAT_IMPORT_BYTES)
    return error_set(error, ERROR_LIMIT, "%zu bytes of CSV: an event has at most %d", csv.size,
                     SEAT_IMPORT_BYTES);
  struct csv_import import = {.input = csv, .arena = arena, .error = error};
  arena_init(&import.scratch, arena->memory);
  seat_names_init(&import.groups, &import.scratch, hash_seed);
  seat_names_init(&import.seat_ids, &import.scratch, hash_seed);
  bool good = run_import(&import, plan);
  arena_free(&import.scratch);
  return good;
}
