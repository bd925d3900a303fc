#include "load/on_sale.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the event ---- */

struct event_row {
  struct bytes id, name, status;
  int64_t max_per_buyer;
};

static bool read_event(struct json_reader *reader, struct event_row *row)
{
  struct bytes key;
  *row = (struct event_row){0};
  if (!json_read_object(reader)) return false;
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("event_id")))
      json_read_string(reader, &row->id);
    else if (bytes_equal(key, BYTES("name")))
      json_read_string(reader, &row->name);
    else if (bytes_equal(key, BYTES("status")))
      json_read_string(reader, &row->status);
    else if (bytes_equal(key, BYTES("max_per_buyer")))
      json_read_integer(reader, &row->max_per_buyer);
    else
      json_skip(reader);
  }
  return reader->error.code == ERROR_NONE;
}

static void use_event(struct on_sale *on_sale, const struct event_row *row)
{
  on_sale->event_id = row->id;
  on_sale->name = row->name;
  on_sale->max_per_buyer = row->max_per_buyer;
  snprintf(on_sale->probe, sizeof on_sale->probe, "/api/v1/events/%.*s/availability",
           BYTES_FORMAT(row->id));
}

/* The first of a list that is on sale. */
static bool find_first(struct bytes json, struct arena *arena, struct on_sale *on_sale, bool *found,
                       struct error *error)
{
  struct json_reader reader;
  struct bytes key;
  struct event_row row;
  *found = false;
  json_reader_init(&reader, json, arena);
  (void)json_read_object(&reader);
  while (json_read_key(&reader, &key)) {
    if (!bytes_equal(key, BYTES("events"))) {
      json_skip(&reader);
      continue;
    }
    (void)json_read_array(&reader);
    while (reader.error.code == ERROR_NONE && json_read_element(&reader)) {
      if (!read_event(&reader, &row)) break;
      if (*found || !bytes_equal(row.status, BYTES("ON_SALE"))) continue;
      *found = true;
      use_event(on_sale, &row);
    }
  }
  if (json_read_end(&reader)) return true;
  return error_set(error, ERROR_CORRUPT, "the list of events: %s", reader.error.message);
}

static bool ask(const struct target *target, const char *path, struct arena *arena,
                struct bytes *body, struct error *error)
{
  struct control_reply reply;
  if (!control_get(target, path, "application/json", (struct bytes){NULL, 0}, arena, &reply, error))
    return false;
  *body = reply.body;
  if (reply.status == 200) return true;
  return error_set(error, ERROR_NOT_FOUND, "GET http://%s%s answers %u: %.*s", target->host, path,
                   reply.status, (int)(reply.body.size < 200 ? reply.body.size : 200),
                   (const char *)reply.body.data);
}

bool on_sale_find(const struct target *target, const char *event_id, struct arena *arena,
                  struct on_sale *on_sale, struct error *error)
{
  char path[ON_SALE_PATH_BYTES];
  struct bytes body;
  *on_sale = (struct on_sale){0};
  if (event_id == NULL) {
    bool found;
    if (!ask(target, "/api/v1/events?limit=100", arena, &body, error) ||
        !find_first(body, arena, on_sale, &found, error))
      return false;
    return found || error_set(error, ERROR_NOT_FOUND,
                              "no event is on sale at http://%s: make one with 'tacos event "
                              "import', or name one with --event",
                              target->host);
  }
  int size = snprintf(path, sizeof path, "/api/v1/events/%s", event_id);
  if (size < 0 || (size_t)size >= sizeof path)
    return error_set(error, ERROR_INVALID, "'%s' is too long for an event's id", event_id);
  struct json_reader reader;
  struct event_row row;
  if (!ask(target, path, arena, &body, error)) return false;
  json_reader_init(&reader, body, arena);
  if (!read_event(&reader, &row) || row.id.size == 0)
    return error_set(error, ERROR_CORRUPT, "the event %s: %s", event_id, reader.error.message);
  use_event(on_sale, &row);
  return true;
}

/* ---- its seats ---- */

/* A row as it is read: numbers by name, or counted from `first`. */
struct row {
  struct bytes name;
  int64_t first, count;
  struct bytes *numbers;
  uint32_t number_count;
};

struct reading {
  struct arena *arena;
  struct seat_list *list;
  uint32_t capacity, row_capacity;
};

enum { SEATS_MAX = 4000000, ROW_SEATS_MAX = 100000 };

/* A larger array with the old one's elements. */
static void *grow(struct arena *arena, void *old, uint32_t count, uint32_t *capacity, size_t size)
{
  uint32_t wanted = *capacity == 0 ? 1024 : 2 * *capacity;
  void *block = arena_alloc_array(arena, wanted, size);
  if (block == NULL) return NULL;
  if (count > 0) memcpy(block, old, count * size);
  *capacity = wanted;
  return block;
}

static bool add_seat(struct reading *reading, struct bytes id)
{
  struct seat_list *list = reading->list;
  if (list->count == SEATS_MAX) return false;
  if (list->count == reading->capacity) {
    list->ids = grow(reading->arena, list->ids, list->count, &reading->capacity,
                     sizeof list->ids[0]);
    if (list->ids == NULL) return false;
  }
  struct bytes copy = arena_copy(reading->arena, id);
  list->ids[list->count++] = copy;
  return copy.data != NULL;
}

/* "A-12-7" for each seat of a row. */
static bool add_row(struct reading *reading, struct bytes section, const struct row *row)
{
  struct seat_list *list = reading->list;
  uint32_t count = row->numbers != NULL ? row->number_count : (uint32_t)row->count;
  char id[200];
  if (row->count < 0 || row->count > ROW_SEATS_MAX) return false;
  if (count == 0) return true;
  if (list->row_count == reading->row_capacity) {
    list->rows = grow(reading->arena, list->rows, list->row_count, &reading->row_capacity,
                      sizeof list->rows[0]);
    if (list->rows == NULL) return false;
  }
  list->rows[list->row_count++] = (struct seat_row){list->count, count};
  for (uint32_t i = 0; i < count; i++) {
    int size = row->numbers != NULL
                   ? snprintf(id, sizeof id, "%.*s-%.*s-%.*s", BYTES_FORMAT(section),
                              BYTES_FORMAT(row->name), BYTES_FORMAT(row->numbers[i]))
                   : snprintf(id, sizeof id, "%.*s-%.*s-%" PRId64, BYTES_FORMAT(section),
                              BYTES_FORMAT(row->name), row->first + i);
    if (size < 0 || (size_t)size >= sizeof id || !add_seat(reading, bytes_of(id, (size_t)size)))
      return false;
  }
  return true;
}

static bool read_numbers(struct json_reader *reader, struct arena *arena, struct row *row)
{
  uint32_t capacity = 0;
  if (!json_read_array(reader)) return false;
  while (json_read_element(reader)) {
    if (row->number_count == capacity)
      row->numbers = grow(arena, row->numbers, row->number_count, &capacity,
                          sizeof row->numbers[0]);
    if (row->numbers == NULL || !json_read_string(reader, &row->numbers[row->number_count]))
      return false;
    row->number_count++;
  }
  return true;
}

static bool read_row(struct json_reader *reader, struct reading *reading, struct bytes section)
{
  struct row row = {0};
  struct bytes key;
  if (!json_read_object(reader)) return false;
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("row")))
      json_read_string(reader, &row.name);
    else if (bytes_equal(key, BYTES("first")))
      json_read_integer(reader, &row.first);
    else if (bytes_equal(key, BYTES("count")))
      json_read_integer(reader, &row.count);
    else if (bytes_equal(key, BYTES("numbers")))
      read_numbers(reader, reading->arena, &row);
    else
      json_skip(reader);
  }
  if (reader->error.code != ERROR_NONE) return false;
  return add_row(reading, section, &row) || json_refuse(reader, "a row cannot be understood");
}

static bool read_section(struct json_reader *reader, struct reading *reading)
{
  struct bytes key, id = BYTES("");
  if (!json_read_object(reader)) return false;
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("id"))) {
      json_read_string(reader, &id);
    } else if (bytes_equal(key, BYTES("rows"))) {
      (void)json_read_array(reader);
      while (reader->error.code == ERROR_NONE && json_read_element(reader))
        if (!read_row(reader, reading, id)) return false;
    } else {
      json_skip(reader);
    }
  }
  return reader->error.code == ERROR_NONE;
}

bool on_sale_read_seats(struct bytes json, struct arena *arena, struct seat_list *list,
                        struct error *error)
{
  struct json_reader reader;
  struct reading reading = {.arena = arena, .list = list};
  struct bytes key;
  *list = (struct seat_list){0};
  json_reader_init(&reader, json, arena);
  (void)json_read_object(&reader);
  while (json_read_key(&reader, &key)) {
    if (!bytes_equal(key, BYTES("sections"))) {
      json_skip(&reader);
      continue;
    }
    (void)json_read_array(&reader);
    while (reader.error.code == ERROR_NONE && json_read_element(&reader))
      if (!read_section(&reader, &reading)) break;
  }
  if (json_read_end(&reader)) return true;
  return error_set(error, ERROR_CORRUPT, "the seat map: %s", reader.error.message);
}

bool on_sale_seats(const struct target *target, struct arena *arena, struct on_sale *on_sale,
                   struct error *error)
{
  char path[ON_SALE_PATH_BYTES];
  struct bytes body;
  snprintf(path, sizeof path, "/api/v1/events/%.*s/seats", BYTES_FORMAT(on_sale->event_id));
  return ask(target, path, arena, &body, error) &&
         on_sale_read_seats(body, arena, &on_sale->seats, error);
}
