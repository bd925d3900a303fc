#include "net/reply.h"

#include "base/check.h"
#include "net/conditional.h"
#include "net/cors.h"
#include "net/security_headers.h"

#include <stdio.h>

struct status_row {
  uint16_t status;
  const char *reason; /* RFC 9110 section 15 */
};

/* The first row stands for every other status. */
static const struct status_row STATUSES[] = {
    {0, "Unknown"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

enum { STATUS_COUNT = sizeof STATUSES / sizeof STATUSES[0] };

size_t reply_status_index(uint16_t status)
{
  if (status == 200) return 1;
  for (size_t i = 1; i < STATUS_COUNT; i++)
    if (STATUSES[i].status == status) return i;
  return 0;
}

uint16_t reply_status_at(size_t index)
{
  return index < STATUS_COUNT ? STATUSES[index].status : 0;
}

bool reply_has_length(const struct exchange *exchange)
{
  /* RFC 9110 8.6: none with 204; with 304 it may be told, but nobody needs it. */
  uint16_t status = exchange->reply.status;
  return status != 204 && status != 304 && !reply_is_stream(&exchange->reply);
}

bool reply_has_body(const struct exchange *exchange)
{
  return exchange->head.method != HTTP_HEAD && reply_has_length(exchange) &&
         exchange->reply.body.size > 0;
}

static bool is_not_modified(const struct exchange *exchange)
{
  const struct reply *reply = &exchange->reply;
  return reply->etag.size > 0 && reply->status == 200 &&
         (exchange->head.method == HTTP_GET || exchange->head.method == HTTP_HEAD) &&
         etag_matches(exchange->head.fields[HTTP_IF_NONE_MATCH], reply->etag);
}

/* The same content under another coding is another representation (RFC 9110 8.8.3.3). */
static void mark_etag(struct exchange *exchange)
{
  struct bytes etag = exchange->reply.etag;
  if (etag.size < 2) return;
  uint8_t *marked = arena_alloc(&exchange->arena, etag.size + 3);
  if (marked == NULL) {
    exchange->reply.etag = (struct bytes){NULL, 0};
    return;
  }
  memcpy(marked, etag.data, etag.size - 1);
  memcpy(marked + etag.size - 1, "-gz\"", 4);
  exchange->reply.etag = bytes_of(marked, etag.size + 3);
}

static void compress(struct exchange *exchange, struct compressor *compressor)
{
  struct reply *reply = &exchange->reply;
  if (reply->encoded || reply->body.size < NET_COMPRESS_BYTES ||
      !compress_type_allowed(reply->content_type))
    return;
  exchange_add_header(exchange, BYTES("vary"), BYTES("accept-encoding"));
  if (!accepts_gzip(exchange->head.fields[HTTP_ACCEPT_ENCODING])) return;
  struct buffer packed;
  buffer_init(&packed, &exchange->memory);
  if (compress_gzip(compressor, reply->body, COMPRESS_LEVEL_REPLY, &packed)) {
    struct bytes copy = arena_copy(&exchange->arena, buffer_bytes(&packed));
    if (copy.data != NULL) {
      reply->body = copy;
      exchange_add_header(exchange, BYTES("content-encoding"), BYTES("gzip"));
      mark_etag(exchange);
    }
  }
  buffer_free(&packed);
}

/* Milliseconds; not negative where two threads have read the clock at different times. */
static double between_ms(int64_t begin_ns, int64_t end_ns)
{
  return end_ns > begin_ns ? (double)(end_ns - begin_ns) / 1e6 : 0;
}

/* For an operator behind a trusted proxy who asks: where the time of a handler's reply went. */
static void add_timing(struct exchange *exchange)
{
  if (!exchange->trusted || exchange->refused ||
      !http_list_has(exchange->head.fields[HTTP_DEBUG], BYTES("timing")))
    return;
  enum { TEXT_BYTES = 128 };
  char *text = arena_alloc(&exchange->arena, TEXT_BYTES);
  if (text == NULL) return;
  double queue_ms = between_ms(exchange->received_ns, exchange->handled_ns);
  double handle_ms = between_ms(exchange->handled_ns, exchange->replied_ns);
  double commit_ms = between_ms(exchange->replied_ns, exchange->durable_ns);
  int size = snprintf(text, TEXT_BYTES, "queue;dur=%.3f, handle;dur=%.3f, commit;dur=%.3f",
                      queue_ms, handle_ms, commit_ms);
  exchange_add_header(exchange, BYTES("server-timing"), bytes_of(text, (size_t)size));
}

static void add_cors(struct exchange *exchange, const struct cors *cors)
{
  static const struct cors OWN_ORIGIN = {0};
  const struct http_head *head = &exchange->head;
  struct bytes origin = head->fields[HTTP_ORIGIN];
  if (origin.size == 0) return;
  if (cors == NULL) cors = &OWN_ORIGIN;
  struct bytes scheme = exchange->secure ? BYTES("https") : BYTES("http");
  if (!cors_allows(cors, origin, scheme, head->authority)) origin = (struct bytes){NULL, 0};
  bool preflight = head->method == HTTP_OPTIONS && head->fields[HTTP_REQUEST_METHOD].size > 0;
  struct http_header headers[CORS_HEADERS_MAX];
  size_t count = cors_headers(preflight ? CORS_PREFLIGHT : CORS_REPLY, origin, headers);
  for (size_t i = 0; i < count; i++)
    exchange_add_header(exchange, headers[i].name, headers[i].value);
}

void reply_prepare(struct exchange *exchange, const struct reply_context *context)
{
  struct reply *reply = &exchange->reply;
  compress(exchange, context->compressor);
  if (is_not_modified(exchange)) {
    reply->status = 304;
    reply->content_type = (struct bytes){NULL, 0};
    reply->body = (struct bytes){NULL, 0};
  }
  add_cors(exchange, context->cors);
  add_timing(exchange);
}

static enum security_when security_kind(const struct exchange *exchange)
{
  return exchange->reply.kind == REPLY_PAGE ? SECURITY_PAGE : SECURITY_API;
}

/* Answers of the API are about now: nobody keeps them, unless they carry a tag to ask with. */
static struct bytes cache_control(const struct exchange *exchange)
{
  if (exchange->reply.kind == REPLY_PAGE) return (struct bytes){NULL, 0};
  return exchange->reply.etag.size > 0 ? BYTES("no-cache") : BYTES("no-store");
}

static size_t format_number(uint64_t value, char text[REPLY_NUMBER_BYTES])
{
  char digits[REPLY_NUMBER_BYTES];
  size_t count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  for (size_t i = 0; i < count; i++) text[i] = digits[count - 1 - i];
  return count;
}

static inline uint8_t *put(uint8_t *at, struct bytes slice)
{
  if (slice.size > 0) memcpy(at, slice.data, slice.size);
  return at + slice.size;
}

/* One look for room instead of four: a quarter of the instructions of a small request. */
static inline void append_field(struct buffer *out, struct bytes name, struct bytes value)
{
  size_t size = name.size + 2 + value.size + 2;
  if (out->failed || !buffer_reserve(out, size)) {
    out->failed = true;
    return;
  }
  uint8_t *at = put(out->data + out->size, name);
  at = put(at, BYTES(": "));
  at = put(at, value);
  put(at, BYTES("\r\n"));
  out->size += size;
}

static void append_status_line(struct buffer *out, uint16_t status)
{
  if (status == 200) {
    buffer_append(out, BYTES("HTTP/1.1 200 OK\r\n"));
    return;
  }
  const char *reason = STATUSES[reply_status_index(status)].reason;
  buffer_append_format(out, "HTTP/1.1 %u %s\r\n", status, reason);
}

void reply_write_head(const struct exchange *exchange, const struct reply_context *context,
                      bool close, bool chunked, struct buffer *out)
{
  const struct reply *reply = &exchange->reply;
  append_status_line(out, reply->status);
  append_field(out, BYTES("date"), context->date);
  if (reply->content_type.size > 0) append_field(out, BYTES("content-type"), reply->content_type);
  if (reply_has_length(exchange)) {
    char number[REPLY_NUMBER_BYTES];
    size_t size = format_number(reply->body.size, number);
    append_field(out, BYTES("content-length"), bytes_of(number, size));
  }
  if (chunked) buffer_append(out, BYTES("transfer-encoding: chunked\r\n"));
  append_field(out, BYTES("x-request-id"), exchange->trace_id);
  if (reply->etag.size > 0) append_field(out, BYTES("etag"), reply->etag);
  struct bytes cache = cache_control(exchange);
  if (cache.size > 0) append_field(out, BYTES("cache-control"), cache);
  for (uint32_t i = 0; i < reply->header_count; i++)
    append_field(out, reply->headers[i].name, reply->headers[i].value);
  buffer_append(out, security_headers_block(security_kind(exchange), exchange->secure));
  if (close)
    buffer_append(out, BYTES("connection: close\r\n"));
  else if (exchange->head.minor_version == 0)
    buffer_append(out, BYTES("connection: keep-alive\r\n"));
  buffer_append(out, BYTES("\r\n"));
}

struct field_list {
  struct http_header *fields;
  size_t count;
};

static void add_field(struct field_list *list, struct bytes name, struct bytes value)
{
  CHECK_THAT(list->count, <, REPLY_FIELDS_MAX);
  list->fields[list->count++] = (struct http_header){name, value};
}

size_t reply_fields(const struct exchange *exchange, const struct reply_context *context,
                    struct http_header fields[REPLY_FIELDS_MAX], char number[REPLY_NUMBER_BYTES])
{
  const struct reply *reply = &exchange->reply;
  struct field_list list = {fields, 0};
  add_field(&list, BYTES("date"), context->date);
  if (reply->content_type.size > 0) add_field(&list, BYTES("content-type"), reply->content_type);
  if (reply_has_length(exchange)) {
    size_t size = format_number(reply->body.size, number);
    add_field(&list, BYTES("content-length"), bytes_of(number, size));
  }
  add_field(&list, BYTES("x-request-id"), exchange->trace_id);
  if (reply->etag.size > 0) add_field(&list, BYTES("etag"), reply->etag);
  struct bytes cache = cache_control(exchange);
  if (cache.size > 0) add_field(&list, BYTES("cache-control"), cache);
  for (uint32_t i = 0; i < reply->header_count; i++)
    add_field(&list, reply->headers[i].name, reply->headers[i].value);
  for (size_t i = 0; i < SECURITY_HEADER_COUNT; i++) {
    const struct security_header *header = &security_headers[i];
    if (security_header_applies(header, security_kind(exchange), exchange->secure))
      add_field(&list, header->name, header->value);
  }
  return list.count;
}
