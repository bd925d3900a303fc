/*
 * HTTP/1.1 requests as bytes (RFC 9110, RFC 9112): strict, without allocation, without a copy.
 *
 *     +---------------------------- head -----------------------------+------ body ------+
 *     | METHOD SP target SP HTTP/1.x CRLF | name: OWS value CRLF ... CRLF | Content-Length   |
 *     |                                   |                               | bytes or chunked |
 *     +---------------------------------------------------------------+------------------+
 *
 * http_head_parse gives a `struct http_head` whose slices point into its input. What two readers
 * could understand differently is refused, never repaired: that is what request smuggling lives
 * on. The outcome depends on the bytes only, not on how they were cut into reads.
 *
 * Memory: everything is the caller's; slices are valid as long as the input. Any thread.
 */
#ifndef TACOS_NET_HTTP_H
#define TACOS_NET_HTTP_H

#include "base/bytes.h"
#include "net/limits.h"
#include "net/refusal.h"

/* Methods as bits of a set (route.h, Allow). HTTP_OTHER is any other token. */
enum http_method {
  HTTP_GET,
  HTTP_HEAD,
  HTTP_POST,
  HTTP_PUT,
  HTTP_PATCH,
  HTTP_DELETE,
  HTTP_OPTIONS,
  HTTP_OTHER,
  HTTP_METHOD_COUNT = HTTP_OTHER,
};

/* The method of a token; names are case-sensitive (RFC 9110 9.1). */
enum http_method http_method_of(struct bytes name);

/* "GET"; not for HTTP_OTHER. */
struct bytes http_method_name(enum http_method method);

/* Fields that our code looks at: found while parsing, so that nobody searches for them again. */
enum http_field {
  HTTP_HOST,
  HTTP_CONTENT_LENGTH,
  HTTP_TRANSFER_ENCODING,
  HTTP_CONNECTION,
  HTTP_EXPECT,
  HTTP_CONTENT_TYPE,
  HTTP_ACCEPT,
  HTTP_ACCEPT_ENCODING,
  HTTP_AUTHORIZATION,
  HTTP_IDEMPOTENCY_KEY,
  HTTP_IF_NONE_MATCH,
  HTTP_IF_RANGE,
  HTTP_RANGE,
  HTTP_ORIGIN,
  HTTP_REQUEST_METHOD, /* Access-Control-Request-Method */
  HTTP_REQUEST_ID,     /* X-Request-ID */
  HTTP_TRACE_ID,       /* X-Trace-Id */
  HTTP_TRACEPARENT,
  HTTP_FORWARDED_FOR, /* X-Forwarded-For */
  HTTP_DEBUG,         /* X-Tacos-Debug */
  HTTP_LAST_EVENT_ID,
  HTTP_FIELD_COUNT,
  HTTP_FIELD_UNKNOWN = HTTP_FIELD_COUNT,
};

/* The field of a name, in any case. */
enum http_field http_field_of(struct bytes name);

/* Its name in lower case, as HTTP/2 sends it. */
struct bytes http_field_name(enum http_field field);

struct http_header {
  struct bytes name;
  struct bytes value; /* without white space around it */
};

enum http_framing { HTTP_NO_BODY, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_head {
  enum http_method method;
  struct bytes method_name;
  struct bytes path;      /* begins with '/', as sent; "*" of OPTIONS */
  struct bytes query;     /* behind the '?'; data NULL: there was none */
  struct bytes authority; /* Host, or that of an absolute target: they are the same */
  uint8_t minor_version;  /* of HTTP/1.x; 1 for HTTP/2 */
  bool keep_alive;        /* RFC 9112 9.3 */
  bool expect_continue;   /* a body is announced, and held back until it is asked for */
  enum http_framing framing;
  uint64_t content_length; /* with HTTP_BODY_LENGTH */
  uint32_t header_count;
  struct bytes fields[HTTP_FIELD_COUNT]; /* value of the first of that name; data NULL: absent */
  struct http_header headers[NET_HEADERS_MAX];
};

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_DONE, HTTP_PARSE_REFUSED };

/*
 * Parses the head that input begins with. *scanned is 0 for a new head and kept by the caller
 * between calls with ever longer input: bytes before it are not searched again for the end.
 *
 * DONE: *head is filled, *head_size bytes are its part of the input (with its empty line).
 * MORE: nothing is wrong so far and it is not whole. REFUSED: *refusal says why; a head that grows
 * beyond NET_REQUEST_LINE_BYTES or NET_HEAD_BYTES is refused without waiting for its end.
 *
 * One empty line before the request line is skipped (RFC 9112 2.2).
 *
 * Lines are looked at when they are whole, in order; what is wrong with a line is refused then, so
 * the first bad line decides. Limits belong to that order: a request line whose LF is not among its
 * first NET_REQUEST_LINE_BYTES + 2 bytes is too long whatever else it is, the line behind
 * NET_HEADERS_MAX fields is one too many, and what lies behind NET_HEAD_BYTES is never looked at.
 * Only the first byte of a request line is judged at once: a TLS hello gets its answer.
 * What concerns the head as a whole is judged behind its empty line, in this order: Host, fields
 * that stand twice, length and coding of the body, Expect.
 *
 * The outcome is a function of input alone; *scanned saves work. Once it is not MORE, it is the
 * same for every longer input.
 */
enum http_parse http_head_parse(struct bytes input, size_t *scanned, struct http_head *head,
                                size_t *head_size, enum refusal *refusal);

/* Makes the slices of a head that lay at `from` point to the same bytes at `to`. */
void http_head_move(struct http_head *head, const uint8_t *from, const uint8_t *to);

/*
 * The first field with this name (in lower case), or data NULL. For names without an http_field.
 */
struct bytes http_head_find(const struct http_head *head, struct bytes lower_name);

/*
 * Whether a comma-separated list has this token, in any case (RFC 9110 5.6.1). An element with
 * parameters is not that token; quoted strings are not known here.
 */
bool http_list_has(struct bytes list, struct bytes lower_token);

/* A request target (RFC 9112 3.2). */
struct http_target {
  struct bytes path;      /* "/" when an absolute target has none */
  struct bytes query;     /* behind the '?'; data NULL: there was none */
  struct bytes authority; /* of an absolute target; data NULL: it was another form */
};

/*
 * Reads a path with its query, an absolute http or https target, or the "*" of OPTIONS; false for
 * anything else. Bytes are visible ASCII without '"', '<', '>', '\' and '#'; a '%' begins an
 * escape of two hex digits, which is not that of a zero byte. The slices point into `text`.
 */
bool http_target_read(struct bytes text, enum http_method method, struct http_target *target);

/*
 * Whether this is a host as Host or :authority names it: letters, digits and "-._~", or an IPv6
 * address in brackets; then maybe ':' and a port. What RFC 3986 3.2.2 allows beyond that (escapes,
 * "!$&'()*+,;=", an empty name, an empty port) is read differently by different readers.
 */
bool http_host_is_valid(struct bytes host);

/*
 * Copies the value of a query parameter, percent-decoded and '+' as a space, to `to`. False when it
 * is absent, stands twice, is not well-formed or longer than capacity; *value is empty then, and
 * *present says whether its name was there.
 */
bool http_query_get(struct bytes query, struct bytes name, uint8_t *to, size_t capacity,
                    struct bytes *value, bool *present);

/* A chunked body (RFC 9112 7.1) on its way in: a few bytes of state between reads. */
enum http_chunk_state {
  HTTP_CHUNK_SIZE, /* in the size, which has at least one hex digit, at most 8 */
  HTTP_CHUNK_EXTENSION,
  HTTP_CHUNK_SIZE_LF,
  HTTP_CHUNK_DATA,
  HTTP_CHUNK_DATA_CR,
  HTTP_CHUNK_DATA_LF,
  HTTP_CHUNK_TRAILER, /* at the start of a trailer line */
  HTTP_CHUNK_TRAILER_NAME,
  HTTP_CHUNK_TRAILER_VALUE,
  HTTP_CHUNK_TRAILER_LF,
  HTTP_CHUNK_END_LF, /* of the empty line */
  HTTP_CHUNK_DONE,
};

/* All zero at the start of a body. */
struct http_chunks {
  enum http_chunk_state state;
  uint32_t left;       /* bytes of the chunk still to come, or its size so far */
  uint16_t line_bytes; /* of the size line so far */
  uint16_t trailer_bytes;
  uint8_t digits;
};

/*
 * Takes bytes of the body: *used of the input were read, and *data is the piece of content among
 * them (may be empty). Call again with the rest until it is DONE, REFUSED (REFUSAL_CHUNK or
 * REFUSAL_TRAILER in *refusal), or MORE with all of the input used.
 */
enum http_parse http_chunks_read(struct http_chunks *chunks, struct bytes input, size_t *used,
                                 struct bytes *data, enum refusal *refusal);

#endif
