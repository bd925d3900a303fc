/*
 *      SIZE ---- ';' ----> EXTENSION
 *      ^   |                   |
 *      |   CR                  CR
 *      |   v                   |
 *      |  SIZE_LF <------------+
 *      |   |    |
 *      |   |    +-- LF, size > 0 --> DATA -- its last byte --> DATA_CR -- CR --> DATA_LF
 *      |   |                                                                        |
 *      +---|------------------------------- LF -------------------------------------+
 *          |
 *          +-- LF, size 0 --> TRAILER -- CR --> END_LF -- LF --> DONE
 *                              ^   |
 *                              LF  token
 *                              |   v
 *     TRAILER_LF <- CR - TRAILER_VALUE <- ':' - TRAILER_NAME      (TRAILER_LF -- LF --> TRAILER)
 *
 * take_trailer_byte follows the arrows from TRAILER on, take_data that of DATA, take_frame_byte the
 * others. What has no arrow is refused: white space around a size, which some readers skip and
 * others do not; a line that ends with LF alone; a trailer line that is no field.
 */
#include "base/check.h"
#include "net/http.h"
#include "net/http_text.h"

enum { SIZE_DIGITS_MAX = 8 };

/* Takes one byte of a size line or of what ends a chunk; false: it may not be there. */
static bool take_frame_byte(struct http_chunks *chunks, uint8_t byte)
{
  if (byte != '\r' && byte != '\n' && ++chunks->line_bytes > NET_CHUNK_LINE_BYTES) return false;
  switch (chunks->state) {
  case HTTP_CHUNK_SIZE:
    if (http_byte_is(byte, HTTP_CLASS_HEX)) {
      if (chunks->digits == SIZE_DIGITS_MAX) return false;
      chunks->digits++;
      chunks->left = chunks->left << 4 | http_hex_value(byte);
      return true;
    }
    if (chunks->digits == 0 || (byte != ';' && byte != '\r')) return false;
    chunks->state = byte == ';' ? HTTP_CHUNK_EXTENSION : HTTP_CHUNK_SIZE_LF;
    return true;
  case HTTP_CHUNK_EXTENSION:
    if (byte == '\r') {
      chunks->state = HTTP_CHUNK_SIZE_LF;
      return chunks->line_bytes > chunks->digits + 1; /* an extension has a name */
    }
    return http_byte_is(byte, HTTP_CLASS_VALUE);
  case HTTP_CHUNK_SIZE_LF:
    chunks->state = chunks->left > 0 ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
    chunks->digits = 0;
    chunks->line_bytes = 0;
    return byte == '\n';
  case HTTP_CHUNK_DATA_CR:
    chunks->state = HTTP_CHUNK_DATA_LF;
    return byte == '\r';
  default:
    CHECK_THAT(chunks->state, ==, HTTP_CHUNK_DATA_LF);
    chunks->state = HTTP_CHUNK_SIZE;
    return byte == '\n';
  }
}

/* Takes one byte of the trailer section; false: it may not be there, or is one too many. */
static bool take_trailer_byte(struct http_chunks *chunks, uint8_t byte)
{
  if (chunks->trailer_bytes == NET_TRAILER_BYTES) return false;
  chunks->trailer_bytes++;
  switch (chunks->state) {
  case HTTP_CHUNK_TRAILER:
    chunks->state = byte == '\r' ? HTTP_CHUNK_END_LF : HTTP_CHUNK_TRAILER_NAME;
    return byte == '\r' || http_byte_is(byte, HTTP_CLASS_TOKEN);
  case HTTP_CHUNK_TRAILER_NAME:
    if (byte == ':') chunks->state = HTTP_CHUNK_TRAILER_VALUE;
    return byte == ':' || http_byte_is(byte, HTTP_CLASS_TOKEN);
  case HTTP_CHUNK_TRAILER_VALUE:
    if (byte == '\r') chunks->state = HTTP_CHUNK_TRAILER_LF;
    return byte == '\r' || http_byte_is(byte, HTTP_CLASS_VALUE);
  case HTTP_CHUNK_TRAILER_LF:
    chunks->state = HTTP_CHUNK_TRAILER;
    return byte == '\n';
  default:
    CHECK_THAT(chunks->state, ==, HTTP_CHUNK_END_LF);
    chunks->state = HTTP_CHUNK_DONE;
    return byte == '\n';
  }
}

static size_t take_data(struct http_chunks *chunks, struct bytes rest)
{
  size_t size = rest.size < chunks->left ? rest.size : chunks->left;
  chunks->left -= (uint32_t)size;
  if (chunks->left == 0) chunks->state = HTTP_CHUNK_DATA_CR;
  return size;
}

enum http_parse http_chunks_read(struct http_chunks *chunks, struct bytes input, size_t *used,
                                 struct bytes *data, enum refusal *refusal)
{
  *data = (struct bytes){0};
  *used = 0;
  while (*used < input.size && chunks->state != HTTP_CHUNK_DONE) {
    const uint8_t *at = input.data + *used;
    if (chunks->state == HTTP_CHUNK_DATA) {
      *data = bytes_of(at, take_data(chunks, bytes_of(at, input.size - *used)));
      *used += data->size;
      return HTTP_PARSE_MORE;
    }
    bool in_trailer = chunks->state >= HTTP_CHUNK_TRAILER;
    if (in_trailer ? !take_trailer_byte(chunks, *at) : !take_frame_byte(chunks, *at)) {
      *refusal = in_trailer ? REFUSAL_TRAILER : REFUSAL_CHUNK;
      return HTTP_PARSE_REFUSED;
    }
    *used += 1;
  }
  return chunks->state == HTTP_CHUNK_DONE ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}

_Static_assert(SIZE_DIGITS_MAX * 4 <= 32, "a size fits into left");
_Static_assert(NET_TRAILER_BYTES <= UINT16_MAX, "a trailer fits into trailer_bytes");
