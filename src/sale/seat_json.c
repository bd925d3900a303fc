#include "sale/seat_json.h"

#include "base/json.h"

/* Room for a row's frame and the numbers in it: reserved once, so that nothing is checked after. */
enum { ROW_FRAME_BYTES = 96 + SEAT_ROW_BYTES, ROW_NUMBER_BYTES = SEAT_NUMBER_BYTES + 3 };

static uint8_t *put(uint8_t *to, struct bytes slice)
{
  if (slice.size > 0) memcpy(to, slice.data, slice.size);
  return to + slice.size;
}

static uint8_t *put_decimal(uint8_t *to, uint64_t value)
{
  uint8_t digits[20];
  size_t count = 0;
  do {
    digits[count++] = (uint8_t)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (count > 0) *to++ = digits[--count];
  return to;
}

static uint8_t *put_numbers(const struct seat_map *map, const struct seat_row *row, uint8_t *to)
{
  if (row->numbers == SEAT_NONE) {
    to = put_decimal(put(to, BYTES("\"first\":")), row->first);
    return put_decimal(put(to, BYTES(",\"count\":")), row->seat_count);
  }
  to = put(to, BYTES("\"numbers\":["));
  for (uint32_t i = 0; i < row->seat_count; i++) {
    if (i > 0) *to++ = ',';
    *to++ = '"';
    to += seat_map_format_number(map, row->first_seat + i, (char *)to);
    *to++ = '"';
  }
  *to++ = ']';
  return to;
}

/* Labels and numbers are of an alphabet that JSON does not escape (seat_name_is_valid). */
static bool write_row(const struct seat_map *map, const struct seat_row *row, struct buffer *buffer)
{
  size_t most = ROW_FRAME_BYTES + row->seat_count +
                (row->numbers == SEAT_NONE ? 0 : (size_t)row->seat_count * ROW_NUMBER_BYTES);
  if (!buffer_reserve(buffer, most)) return false;
  uint8_t *begin = buffer->data + buffer->size;
  uint8_t *to = put(begin, BYTES("{\"row\":\""));
  to = put(put(to, seat_map_row_label(map, row)), BYTES("\","));
  to = put(put_numbers(map, row, to), BYTES(",\"states\":\""));
  const uint32_t *holders = map->holder + row->first_seat;
  for (uint32_t i = 0; i < row->seat_count; i++)
    *to++ = holders[i] == 0 ? 'a' : (holders[i] == UINT32_MAX ? 's' : 'r');
  to = put(to, BYTES("\"}"));
  CHECK_THAT((size_t)(to - begin), <=, most);
  buffer->size += (size_t)(to - begin);
  return true;
}

static bool append_integer(struct buffer *buffer, struct bytes key, uint64_t value)
{
  uint8_t digits[20];
  return buffer_append(buffer, key) &&
         buffer_append(buffer, bytes_of(digits, (size_t)(put_decimal(digits, value) - digits)));
}

static bool append_string(struct buffer *buffer, struct bytes key, struct bytes text)
{
  if (!buffer_append(buffer, key)) return false;
  struct json_writer writer;
  json_writer_init(&writer, buffer);
  json_write_string(&writer, text);
  return json_writer_finish(&writer);
}

/* {"id":...,"name":...,"price":..., without its end. */
static bool write_section_head(const struct seat_section *section, struct buffer *buffer)
{
  return append_string(buffer, BYTES("{\"id\":"), section->id) &&
         append_string(buffer, BYTES(",\"name\":"), section->name) &&
         append_integer(buffer, BYTES(",\"price\":"), (uint64_t)section->price);
}

static bool write_section_counts(const struct seat_section *section, struct buffer *buffer)
{
  return append_integer(buffer, BYTES(",\"total\":"), section->seat_count) &&
         append_integer(buffer, BYTES(",\"remain\":"), section->counts.of[SEAT_FREE]) &&
         buffer_append_byte(buffer, '}');
}

static bool write_section_seats(const struct seat_map *map, const struct seat_section *section,
                                struct buffer *buffer)
{
  if (!write_section_head(section, buffer)) return false;
  if (section->general) return write_section_counts(section, buffer);
  if (!buffer_append(buffer, BYTES(",\"rows\":["))) return false;
  for (uint32_t i = 0; i < section->row_count; i++) {
    if (i > 0 && !buffer_append_byte(buffer, ',')) return false;
    if (!write_row(map, &map->rows[section->first_row + i], buffer)) return false;
  }
  return buffer_append(buffer, BYTES("]}"));
}

bool seat_json_write_seats(const struct seat_map *map, struct buffer *buffer)
{
  if (!append_string(buffer, BYTES("{\"event_id\":"), map->event_id) ||
      !append_integer(buffer, BYTES(",\"version\":"), map->version) ||
      !buffer_append(buffer, BYTES(",\"sections\":[")))
    return false;
  for (uint32_t i = 0; i < map->section_count; i++) {
    if (i > 0 && !buffer_append_byte(buffer, ',')) return false;
    if (!write_section_seats(map, &map->sections[i], buffer)) return false;
  }
  return buffer_append(buffer, BYTES("]}"));
}

static bool write_unavailable(const struct bytes *unavailable, size_t count, struct buffer *buffer)
{
  if (!buffer_append(buffer, BYTES(",\"unavailable_seats\":["))) return false;
  for (size_t i = 0; i < count; i++)
    if (!append_string(buffer, i > 0 ? BYTES(",") : BYTES(""), unavailable[i])) return false;
  return buffer_append_byte(buffer, ']');
}

bool seat_json_write_availability(const struct seat_map *map, const struct bytes *unavailable,
                                  size_t unavailable_count, struct buffer *buffer)
{
  if (!append_string(buffer, BYTES("{\"event_id\":"), map->event_id) ||
      !append_integer(buffer, BYTES(",\"remaining\":"), map->counts.of[SEAT_FREE]) ||
      !append_integer(buffer, BYTES(",\"total\":"), map->seat_count) ||
      !append_integer(buffer, BYTES(",\"version\":"), map->version) ||
      !buffer_append(buffer, BYTES(",\"sections\":[")))
    return false;
  for (uint32_t i = 0; i < map->section_count; i++) {
    if (i > 0 && !buffer_append_byte(buffer, ',')) return false;
    if (!write_section_head(&map->sections[i], buffer) ||
        !write_section_counts(&map->sections[i], buffer))
      return false;
  }
  if (!buffer_append_byte(buffer, ']')) return false;
  if (unavailable != NULL && !write_unavailable(unavailable, unavailable_count, buffer))
    return false;
  return buffer_append_byte(buffer, '}');
}

bool seat_json_write_change(const struct seat_map *map, struct seat_change change,
                            struct buffer *buffer)
{
  char id[SEAT_ID_BYTES];
  char state[] = "\",\"state\":\"?\"}";
  state[sizeof state - 4] = seat_state_letter(change.state);
  return buffer_append(buffer, BYTES("{\"seat_id\":\"")) &&
         buffer_append(buffer, bytes_of(id, seat_map_format_id(map, change.seat, id))) &&
         buffer_append(buffer, bytes_of(state, sizeof state - 1));
}
