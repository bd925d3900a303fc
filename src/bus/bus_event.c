#include "base/json.h"
#include "bus/bus_state.h"

void bus_format_second(int64_t time_ms, char text[BUS_SECOND_BYTES])
{
  char whole[INSTANT_TEXT_BYTES];
  instant_format(time_ms, whole);
  memcpy(text, whole, BUS_SECOND_BYTES - 1);
  text[BUS_SECOND_BYTES - 1] = 'Z';
}

static bool has_text(const char *name, struct bytes text, size_t most, struct error *error)
{
  if (text.size > 0 && text.size <= most && bytes_is_utf8(text)) return true;
  return error_set(error, ERROR_INVALID, "%s: 1 to %zu bytes of text are needed", name, most);
}

/* Whether it is a JSON object; ERROR_NO_MEMORY when that cannot be told. */
static bool check_detail(struct bytes detail, struct arena *arena, struct error *error)
{
  struct json_reader *reader = arena_alloc(arena, sizeof *reader);
  if (reader == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for an event");
  json_reader_init(reader, detail, arena);
  if (json_next(reader) == JSON_OBJECT_BEGIN) {
    enum json_token token = JSON_OBJECT_BEGIN;
    while (token != JSON_END && token != JSON_ERROR) token = json_next(reader);
    if (token == JSON_END) return true;
  } else {
    json_refuse(reader, "an object is needed");
  }
  return error_set(error, reader->error.code == ERROR_NO_MEMORY ? ERROR_NO_MEMORY : ERROR_INVALID,
                   "detail: %s", reader->error.message);
}

static bool check(const struct bus_event *event, struct arena *arena, struct error *error)
{
  if (!has_text("id", event->id, BUS_EVENT_ID_MAX, error) ||
      !has_text("detail-type", event->detail_type, BUS_SOURCE_MAX, error) ||
      !has_text("source", event->source, BUS_SOURCE_MAX, error))
    return false;
  if (event->time_ms < INSTANT_MIN_MS || event->time_ms > INSTANT_MAX_MS)
    return error_set(error, ERROR_INVALID, "time: a year from 0 to 9999 is needed");
  if (event->resource_count > BUS_RESOURCES_MAX)
    return error_set(error, ERROR_INVALID, "resources: at most %d", BUS_RESOURCES_MAX);
  for (uint32_t i = 0; i < event->resource_count; i++)
    if (!has_text("resources", event->resources[i], BUS_SOURCE_MAX, error)) return false;
  if (event->detail.size > BUS_EVENT_BYTES_MAX)
    return error_set(error, ERROR_INVALID, "detail: at most %d bytes", BUS_EVENT_BYTES_MAX);
  return check_detail(event->detail, arena, error);
}

static void write_text(struct json_writer *writer, struct bytes name, struct bytes text)
{
  json_write_key(writer, name);
  json_write_string(writer, text);
}

static void write_envelope(const struct buses *buses, const struct bus_event *event,
                           struct json_writer *writer)
{
  char time[BUS_SECOND_BYTES];
  bus_format_second(event->time_ms, time);
  json_write_object_begin(writer);
  write_text(writer, BYTES("version"), BYTES("0"));
  write_text(writer, BYTES("id"), event->id);
  write_text(writer, BYTES("detail-type"), event->detail_type);
  write_text(writer, BYTES("source"), event->source);
  write_text(writer, BYTES("account"), buses->account);
  write_text(writer, BYTES("time"), bytes_of(time, sizeof time));
  write_text(writer, BYTES("region"), buses->region);
  json_write_key(writer, BYTES("resources"));
  json_write_array_begin(writer);
  for (uint32_t i = 0; i < event->resource_count; i++)
    json_write_string(writer, event->resources[i]);
  json_write_array_end(writer);
  json_write_key(writer, BYTES("detail"));
  json_write_raw(writer, event->detail);
  json_write_object_end(writer);
}

enum bus_status bus_event_write(struct buses *buses, const struct bus_event *event,
                                struct arena *arena, struct bytes *envelope, struct error *error)
{
  struct json_writer writer;
  arena_reset(&buses->match);
  if (!check(event, &buses->match, error))
    return error->code == ERROR_NO_MEMORY ? BUS_UNAVAILABLE : BUS_INVALID;
  buffer_clear(&buses->scratch);
  json_writer_init(&writer, &buses->scratch);
  write_envelope(buses, event, &writer);
  if (!json_writer_finish(&writer)) return bus_no_memory(error);
  if (buses->scratch.size > BUS_EVENT_BYTES_MAX) {
    error_set(error, ERROR_INVALID, "an event has at most %d bytes", BUS_EVENT_BYTES_MAX);
    return BUS_INVALID;
  }
  *envelope = arena_copy(arena, buffer_bytes(&buses->scratch));
  return envelope->data == NULL ? bus_no_memory(error) : BUS_OK;
}

struct bytes bus_event_mark_replayed(struct bytes envelope, struct bytes replay,
                                     struct arena *arena)
{
  struct bytes open = bytes_of(envelope.data, envelope.size - 1);
  return bus_join(arena, open, BYTES(",\"replay-name\":\""), replay, BYTES("\"}"));
}

bool bus_event_read(struct bytes envelope, struct arena *arena, struct bus_event_head *head)
{
  struct json_reader *reader = arena_alloc(arena, sizeof *reader);
  struct bytes key, time = {NULL, 0};
  struct error error;
  *head = (struct bus_event_head){0};
  if (reader == NULL) return false;
  json_reader_init(reader, envelope, arena);
  json_read_object(reader);
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("id")))
      json_read_string(reader, &head->id);
    else if (bytes_equal(key, BYTES("detail-type")))
      json_read_string(reader, &head->detail_type);
    else if (bytes_equal(key, BYTES("time")))
      json_read_string(reader, &time);
    else
      json_skip(reader);
  }
  return json_read_end(reader) && head->id.size > 0 && head->detail_type.size > 0 &&
         instant_parse(time, &head->time_ms, &error);
}
