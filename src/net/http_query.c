#include "net/http.h"
#include "net/http_text.h"

/*
 * One decoded byte of [*at, end), or -1 where an escape is not well-formed or that of a zero byte,
 * which text cannot hold.
 */
static int decode_byte(const uint8_t **at, const uint8_t *end)
{
  uint8_t byte = *(*at)++;
  if (byte == '+') return ' ';
  if (byte != '%') return byte == 0 ? -1 : byte;
  if (end - *at < 2 || !http_byte_is((*at)[0], HTTP_CLASS_HEX) ||
      !http_byte_is((*at)[1], HTTP_CLASS_HEX))
    return -1;
  int decoded = http_hex_value((*at)[0]) << 4 | http_hex_value((*at)[1]);
  *at += 2;
  return decoded == 0 ? -1 : decoded;
}

/* Names are compared decoded: "n%61me" is another spelling of "name", not another parameter. */
static bool is_name(const uint8_t *at, const uint8_t *end, struct bytes name)
{
  for (size_t i = 0; i < name.size; i++) {
    if (at == end || decode_byte(&at, end) != name.data[i]) return false;
  }
  return at == end;
}

static bool decode_value(const uint8_t *at, const uint8_t *end, uint8_t *to, size_t capacity,
                         size_t *size)
{
  size_t count = 0;
  while (at < end) {
    int byte = decode_byte(&at, end);
    if (byte < 0 || count == capacity) return false;
    to[count++] = (uint8_t)byte;
  }
  *size = count;
  return true;
}

bool http_query_get(struct bytes query, struct bytes name, uint8_t *to, size_t capacity,
                    struct bytes *value, bool *present)
{
  bool good = false;
  size_t size = 0;
  *value = (struct bytes){0};
  *present = false;
  for (size_t offset = 0; offset < query.size;) {
    const uint8_t *at = query.data + offset;
    size_t left = query.size - offset;
    const uint8_t *end = memchr(at, '&', left);
    if (end == NULL) end = at + left;
    offset += (size_t)(end - at) + 1;
    if (end == at) continue;
    const uint8_t *equals = memchr(at, '=', (size_t)(end - at));
    if (!is_name(at, equals == NULL ? end : equals, name)) continue;
    if (*present) return false;
    *present = true;
    good = equals == NULL || decode_value(equals + 1, end, to, capacity, &size);
  }
  if (good) *value = bytes_of(to, size);
  return good;
}
