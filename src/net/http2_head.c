/*
 * A request's head from the fields of HEADERS and CONTINUATION (RFC 9113 8.3).
 *
 * nghttp2 has already refused what is malformed: pseudo-fields that are missing, unknown, doubled
 * or late, names in upper case, fields of a connection, two lengths. What is left is judged as
 * http_head.c judges it, in the same order, so that a request is refused with the same words
 * whichever version it comes in. Everything that is kept lies in the exchange's arena.
 */
#include "base/check.h"
#include "net/http2_parts.h"
#include "net/http_text.h"

enum {
  FIELD_BYTES = 4,        /* what HTTP/1.1 has besides name and value: ": " and CR LF */
  LINE_BYTES = 10,        /* and a request line besides method and target: "  HTTP/1.1" */
  COOKIE_BYTES = 256,     /* the first capacity of a joined Cookie */
  LENGTH_DIGITS_MAX = 18, /* of a Content-Length: no overflow */
};

static void refuse(struct http2_stream *stream, enum refusal refusal)
{
  if (stream->refusal == REFUSAL_NONE) stream->refusal = refusal;
}

void http2_head_begin(struct http2_stream *stream)
{
  struct http_head *head = &stream->exchange->head;
  exchange_clear_head(stream->exchange);
  head->keep_alive = true;
  head->content_length = 0;
  stream->cookie = NET_HEADERS_MAX;
}

/* A copy in the arena; data NULL, and refused, without memory. */
static struct bytes keep(struct http2_stream *stream, struct bytes text)
{
  struct bytes copy = arena_copy(&stream->exchange->arena, text);
  if (copy.data == NULL) refuse(stream, REFUSAL_MEMORY);
  return copy;
}

static void add_pseudo(struct http2_stream *stream, struct bytes name, struct bytes value)
{
  struct http_head *head = &stream->exchange->head;
  if (bytes_equal(name, BYTES(":method"))) {
    head->method = http_method_of(value);
    head->method_name = head->method == HTTP_OTHER ? keep(stream, value)
                                                   : http_method_name(head->method);
  } else if (bytes_equal(name, BYTES(":path"))) {
    head->path = keep(stream, value);
  } else if (bytes_equal(name, BYTES(":authority"))) {
    head->authority = keep(stream, value);
  }
  /* :scheme is the proxy's affair; whether it came over TLS we know better. */
}

/*
 * Cookie may come in pieces (RFC 9113 8.2.3), which are one field again before anybody counts or
 * reads it. Its value doubles, so that many small pieces cost no more than their bytes.
 */
static void add_cookie(struct http2_stream *stream, struct bytes value)
{
  struct http_head *head = &stream->exchange->head;
  struct bytes *joined = &head->headers[stream->cookie].value;
  size_t size = joined->size + 2 + value.size;
  if (size > stream->cookie_capacity) {
    size_t capacity = stream->cookie_capacity < COOKIE_BYTES ? COOKIE_BYTES
                                                             : stream->cookie_capacity;
    while (capacity < size) capacity *= 2;
    uint8_t *larger = arena_alloc(&stream->exchange->arena, capacity);
    if (larger == NULL) {
      refuse(stream, REFUSAL_MEMORY);
      return;
    }
    memcpy(larger, joined->data, joined->size);
    joined->data = larger;
    stream->cookie_capacity = (uint32_t)capacity;
  }
  uint8_t *to = (uint8_t *)joined->data + joined->size;
  memcpy(to, "; ", 2);
  memcpy(to + 2, value.data, value.size);
  joined->size = size;
}

static void add_field(struct http2_stream *stream, struct bytes name, struct bytes value)
{
  struct http_head *head = &stream->exchange->head;
  bool cookie = bytes_equal(name, BYTES("cookie"));
  if (cookie && stream->cookie < NET_HEADERS_MAX) {
    add_cookie(stream, value);
    return;
  }
  if (head->header_count == NET_HEADERS_MAX) {
    refuse(stream, REFUSAL_HEADERS_MANY);
    return;
  }
  enum http_field field = http_field_of(name);
  struct http_header header = {
      .name = field == HTTP_FIELD_UNKNOWN ? keep(stream, name) : http_field_name(field),
      .value = keep(stream, value),
  };
  if (stream->refusal != REFUSAL_NONE) return;
  if (cookie) stream->cookie = head->header_count;
  head->headers[head->header_count++] = header;
  if (field == HTTP_FIELD_UNKNOWN) return;
  if (head->fields[field].data == NULL)
    head->fields[field] = header.value;
  else
    stream->twice |= (uint32_t)1 << field;
}

_Static_assert(HTTP_FIELD_COUNT <= 32, "fields fit into the bits of twice");

void http2_head_add(struct http2_stream *stream, struct bytes name, struct bytes value)
{
  bool pseudo = name.size > 0 && name.data[0] == ':';
  stream->head_bytes += name.size + value.size + FIELD_BYTES;
  if (pseudo && bytes_equal(name, BYTES(":path")) && value.size > NET_REQUEST_LINE_BYTES)
    refuse(stream, REFUSAL_REQUEST_LINE_LONG);
  if (stream->head_bytes > NET_HEAD_BYTES) refuse(stream, REFUSAL_HEAD_LARGE);
  if (stream->refusal != REFUSAL_NONE) return;
  if (pseudo)
    add_pseudo(stream, name, value);
  else
    add_field(stream, name, value);
}

/* RFC 9113 8.3.1; CONNECT has no path and finds none here. */
static enum refusal judge_target(struct http_head *head)
{
  struct bytes path = head->path;
  struct http_target target;
  if (head->method_name.size + path.size + LINE_BYTES > NET_REQUEST_LINE_BYTES)
    return REFUSAL_REQUEST_LINE_LONG;
  bool formed = path.size > 0 && (path.data[0] == '/' || path.data[0] == '*');
  if (!formed || !http_target_read(path, head->method, &target)) return REFUSAL_TARGET;
  head->path = target.path;
  head->query = target.query;
  return REFUSAL_NONE;
}

static enum refusal judge_host(struct http_head *head)
{
  struct bytes host = head->fields[HTTP_HOST];
  if (head->authority.data == NULL) head->authority = host;
  if (head->authority.data == NULL) return REFUSAL_HOST_MISSING;
  if (!http_host_is_valid(head->authority)) return REFUSAL_HOST_INVALID;
  if (host.data != NULL && !http_text_same(host, head->authority)) return REFUSAL_HOST_MISMATCH;
  return REFUSAL_NONE;
}

/* Without a length the body ends where the stream does, as a chunked one ends by itself. */
static enum refusal judge_framing(struct http_head *head, bool ended)
{
  struct bytes length = head->fields[HTTP_CONTENT_LENGTH];
  if (length.data == NULL) {
    head->framing = ended ? HTTP_NO_BODY : HTTP_BODY_CHUNKED;
    return REFUSAL_NONE;
  }
  if (length.size == 0 || length.size > LENGTH_DIGITS_MAX) return REFUSAL_LENGTH_INVALID;
  uint64_t value = 0;
  for (size_t i = 0; i < length.size; i++) {
    if (!http_byte_is(length.data[i], HTTP_CLASS_DIGIT)) return REFUSAL_LENGTH_INVALID;
    value = value * 10 + (uint64_t)(length.data[i] - '0');
  }
  head->framing = HTTP_BODY_LENGTH;
  head->content_length = value;
  return REFUSAL_NONE;
}

static bool is_twice(const struct http2_stream *stream, enum http_field field)
{
  return (stream->twice >> field & 1) != 0;
}

static enum refusal judge_expectation(const struct http2_stream *stream, bool ended)
{
  struct http_head *head = &stream->exchange->head;
  struct bytes expect = head->fields[HTTP_EXPECT];
  if (expect.data == NULL) return REFUSAL_NONE;
  if (is_twice(stream, HTTP_EXPECT) || !http_text_same(expect, BYTES("100-continue")))
    return REFUSAL_EXPECTATION;
  head->expect_continue = !ended;
  return REFUSAL_NONE;
}

static enum refusal judge(struct http2_stream *stream, bool ended)
{
  struct http_head *head = &stream->exchange->head;
  enum refusal refusal = judge_target(head);
  if (refusal == REFUSAL_NONE) refusal = judge_host(head);
  if (refusal != REFUSAL_NONE) return refusal;
  if (is_twice(stream, HTTP_AUTHORIZATION) || is_twice(stream, HTTP_IDEMPOTENCY_KEY))
    return REFUSAL_FIELD_TWICE;
  refusal = judge_framing(head, ended);
  return refusal == REFUSAL_NONE ? judge_expectation(stream, ended) : refusal;
}

enum refusal http2_head_end(struct http2_stream *stream, bool ended)
{
  if (stream->refusal == REFUSAL_NONE) stream->refusal = judge(stream, ended);
  return stream->refusal;
}
