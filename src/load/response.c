#include "load/response.h"

#include "base/check.h"
#include "net/http_text.h"

#include <stdint.h>
#include <string.h>

enum { LENGTH_DIGITS_MAX = 18 };

void response_init(struct response *response, struct memory *memory)
{
  *response = (struct response){.state = RESPONSE_DONE};
  buffer_init(&response->rest, memory);
}

void response_free(struct response *response)
{
  buffer_free(&response->rest);
}

void response_begin(struct response *response, bool wants_body, bool to_head)
{
  response->state = RESPONSE_HEAD;
  response->wants_body = wants_body;
  response->to_head = to_head;
  response->status = 0;
  response->bytes = 0;
  response->body = (struct bytes){NULL, 0};
  buffer_clear(&response->rest);
}

static bool is_digit(uint8_t byte)
{
  return http_byte_is(byte, HTTP_CLASS_DIGIT);
}

/* "HTTP/1.1 200 OK" without its line end (RFC 9112 4). */
static const char *read_status_line(struct response *response, struct bytes line)
{
  struct bytes version = BYTES("HTTP/1.");
  if (!bytes_starts_with(line, version) || line.size < 12) return "no HTTP/1.1 status line";
  const uint8_t *at = line.data + version.size;
  if ((at[0] != '0' && at[0] != '1') || at[1] != ' ') return "no HTTP/1.1 status line";
  if (!is_digit(at[2]) || !is_digit(at[3]) || !is_digit(at[4])) return "no status of three digits";
  if (line.size > 12 && at[5] != ' ') return "no status of three digits";
  for (size_t i = 12; i < line.size; i++)
    if (!http_byte_is(line.data[i], HTTP_CLASS_VALUE)) return "a control byte in the status line";
  response->status = (uint16_t)((at[2] - '0') * 100 + (at[3] - '0') * 10 + (at[4] - '0'));
  response->keep_alive = at[0] == '1';
  return response->status < 100 ? "a status below 100" : NULL;
}

struct framing {
  bool has_length, chunked;
  uint64_t length;
};

static const char *read_length(struct framing *framing, struct bytes value)
{
  if (framing->has_length) return "two lengths";
  if (value.size == 0 || value.size > LENGTH_DIGITS_MAX) return "a length that is no number";
  framing->has_length = true;
  framing->length = 0;
  for (size_t i = 0; i < value.size; i++) {
    if (!is_digit(value.data[i])) return "a length that is no number";
    framing->length = framing->length * 10 + (uint64_t)(value.data[i] - '0');
  }
  return NULL;
}

/* "name: value" without its line end (RFC 9112 5). */
static const char *read_field(struct response *response, struct framing *framing, struct bytes line)
{
  size_t colon = 0;
  while (colon < line.size && http_byte_is(line.data[colon], HTTP_CLASS_TOKEN)) colon++;
  if (colon == 0 || colon == line.size || line.data[colon] != ':') return "a line that is no field";
  size_t begin = colon + 1, end = line.size;
  while (begin < end && (line.data[begin] == ' ' || line.data[begin] == '\t')) begin++;
  while (end > begin && (line.data[end - 1] == ' ' || line.data[end - 1] == '\t')) end--;
  for (size_t i = begin; i < end; i++)
    if (!http_byte_is(line.data[i], HTTP_CLASS_VALUE)) return "a control byte in a field";
  struct bytes value = bytes_of(line.data + begin, end - begin);
  switch (http_field_of(bytes_of(line.data, colon))) {
  case HTTP_CONTENT_LENGTH:
    return read_length(framing, value);
  case HTTP_TRANSFER_ENCODING:
    if (framing->chunked || !http_text_same(value, BYTES("chunked")))
      return "a transfer coding other than chunked";
    framing->chunked = true;
    return NULL;
  case HTTP_CONNECTION:
    if (http_list_has(value, BYTES("close"))) response->keep_alive = false;
    return NULL;
  default:
    return NULL;
  }
}

/* What follows the head (RFC 9112 6.3). */
static const char *judge(struct response *response, const struct framing *framing)
{
  if (framing->has_length && framing->chunked) return "two lengths";
  if (response->status < 200) {
    response->state = RESPONSE_HEAD;
    return response->status == 101 ? "a switch of protocols" : NULL;
  }
  bool none = response->to_head || response->status == 204 || response->status == 304;
  if (none || (framing->has_length && framing->length == 0)) {
    response->state = RESPONSE_DONE;
  } else if (framing->chunked) {
    response->state = RESPONSE_CHUNKED;
    memset(&response->chunks, 0, sizeof response->chunks);
  } else if (framing->has_length) {
    response->state = RESPONSE_LENGTH;
    response->left = framing->length;
  } else {
    response->state = RESPONSE_CLOSE;
    response->keep_alive = false;
  }
  return NULL;
}

/* A head up to and with its empty line. */
static const char *parse_head(struct response *response, struct bytes head)
{
  struct framing framing = {0};
  const uint8_t *at = head.data;
  const uint8_t *end = head.data + head.size - 2; /* the empty line */
  bool first = true;
  while (at < end) {
    const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
    CHECK(stop != NULL);
    if (stop == at || stop[-1] != '\r') return "a line that ends without CR";
    struct bytes line = bytes_of(at, (size_t)(stop - at) - 1);
    const char *why = first ? read_status_line(response, line)
                            : read_field(response, &framing, line);
    if (why != NULL) return why;
    first = false;
    at = stop + 1;
  }
  return judge(response, &framing);
}

static enum http_parse refuse(const char **why, const char *reason)
{
  *why = reason;
  return HTTP_PARSE_REFUSED;
}

/* The head is in `text` with its empty line at the end; NULL: it is not whole. */
static const uint8_t *head_end(struct bytes text)
{
  const uint8_t *at = text.data;
  const uint8_t *end = text.data + text.size;
  for (;;) {
    at = memchr(at, '\n', (size_t)(end - at));
    if (at == NULL || end - at < 3) return NULL;
    if (at[1] == '\r' && at[2] == '\n' && at > text.data && at[-1] == '\r') return at + 3;
    at++;
  }
}

static enum http_parse take_head(struct response *response, struct bytes input, size_t *used,
                                 const char **why)
{
  struct bytes text = input;
  size_t before = response->rest.size;
  if (before > 0) {
    if (!buffer_append(&response->rest, input)) return refuse(why, "no memory for a head");
    text = buffer_bytes(&response->rest);
  }
  const uint8_t *end = head_end(text);
  size_t size = end == NULL ? text.size : (size_t)(end - text.data);
  if (size > RESPONSE_HEAD_BYTES) return refuse(why, "a head that does not end");
  if (end == NULL) {
    if (before == 0 && !buffer_append(&response->rest, input))
      return refuse(why, "no memory for a head");
    *used = input.size;
    response->bytes += input.size;
    return HTTP_PARSE_MORE;
  }
  CHECK_THAT(size, >, before);
  *used = size - before;
  response->bytes += *used;
  const char *reason = parse_head(response, bytes_of(text.data, size));
  buffer_clear(&response->rest);
  if (reason != NULL) return refuse(why, reason);
  return response->state == RESPONSE_DONE ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}

static bool keep(struct response *response, struct bytes piece)
{
  if (!response->wants_body) return true;
  if (piece.size > RESPONSE_KEPT_BYTES - response->rest.size) return false;
  return buffer_append(&response->rest, piece);
}

static enum http_parse finish(struct response *response)
{
  response->state = RESPONSE_DONE;
  if (response->wants_body && response->body.data == NULL)
    response->body = buffer_bytes(&response->rest);
  return HTTP_PARSE_DONE;
}

static enum http_parse take_length(struct response *response, struct bytes input, size_t *used,
                                   const char **why)
{
  size_t size = input.size < response->left ? input.size : (size_t)response->left;
  struct bytes piece = bytes_of(input.data, size);
  *used = size;
  response->bytes += size;
  response->left -= size;
  if (response->left == 0 && response->rest.size == 0) {
    response->body = piece;
    return finish(response);
  }
  if (!keep(response, piece)) return refuse(why, "more content than is kept");
  return response->left == 0 ? finish(response) : HTTP_PARSE_MORE;
}

static enum http_parse take_chunks(struct response *response, struct bytes input, size_t *used,
                                   const char **why)
{
  *used = 0;
  for (;;) {
    size_t step;
    struct bytes data;
    enum refusal refusal;
    enum http_parse parse = http_chunks_read(&response->chunks,
                                             bytes_of(input.data + *used, input.size - *used),
                                             &step, &data, &refusal);
    if (parse == HTTP_PARSE_REFUSED) return refuse(why, "a malformed chunk");
    *used += step;
    response->bytes += step;
    if (!keep(response, data)) return refuse(why, "more content than is kept");
    if (parse == HTTP_PARSE_DONE) return finish(response);
    if (*used == input.size) return HTTP_PARSE_MORE;
  }
}

static enum http_parse take(struct response *response, struct bytes input, size_t *used,
                            const char **why)
{
  switch (response->state) {
  case RESPONSE_HEAD:
    return take_head(response, input, used, why);
  case RESPONSE_LENGTH:
    return take_length(response, input, used, why);
  case RESPONSE_CHUNKED:
    return take_chunks(response, input, used, why);
  default:
    CHECK_THAT(response->state, ==, RESPONSE_CLOSE);
    *used = input.size;
    response->bytes += input.size;
    return keep(response, input) ? HTTP_PARSE_MORE : refuse(why, "more content than is kept");
  }
}

enum http_parse response_read(struct response *response, struct bytes input, size_t *used,
                              const char **why)
{
  *used = 0;
  CHECK_THAT(response->state, !=, RESPONSE_DONE);
  while (*used < input.size) {
    size_t step = 0;
    enum http_parse parse = take(response, bytes_of(input.data + *used, input.size - *used), &step,
                                 why);
    *used += step;
    if (parse != HTTP_PARSE_MORE) return parse;
  }
  return HTTP_PARSE_MORE;
}

bool response_end(struct response *response)
{
  if (response->state != RESPONSE_CLOSE) return false;
  finish(response);
  return true;
}
