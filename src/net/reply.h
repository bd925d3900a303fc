/*
 * Replies as bytes: what every reply carries is added here, for HTTP/1.1 and HTTP/2 alike.
 *
 *     handler's reply -> reply_prepare: 304, gzip, trace id, CORS, timing -> head and body
 *
 * Belongs to the thread of the exchange's reactor.
 */
#ifndef TACOS_NET_REPLY_H
#define TACOS_NET_REPLY_H

#include "net/compress.h"
#include "net/exchange.h"

enum {
  /* Headers that reply_prepare and reply_fields may add beyond the reply's own. */
  REPLY_FIELDS_MAX = REPLY_HEADERS_MAX + 32,
  REPLY_NUMBER_BYTES = 20,
};

struct cors;

/* What the door knows besides the exchange. */
struct reply_context {
  struct compressor *compressor;
  const struct cors *cors; /* NULL: only the own origin */
  struct bytes date;       /* of the Date header */
};

/* Makes the reply final. */
void reply_prepare(struct exchange *exchange, const struct reply_context *context);

/* Whether the reply has a body on the wire, and whether its length is told. */
bool reply_has_body(const struct exchange *exchange);
bool reply_has_length(const struct exchange *exchange);

/* Appends an HTTP/1.1 head. close: "connection: close"; stream: its body is chunked. */
void reply_write_head(const struct exchange *exchange, const struct reply_context *context,
                      bool close, bool chunked, struct buffer *out);

/*
 * All header fields but :status, for HTTP/2; their number. Numbers are written to `number`.
 */
size_t reply_fields(const struct exchange *exchange, const struct reply_context *context,
                    struct http_header fields[REPLY_FIELDS_MAX], char number[REPLY_NUMBER_BYTES]);

/* The place of a status in the table of those we send, 0 for others: for metrics. */
size_t reply_status_index(uint16_t status);
/* The status at a place, 0 behind the last. */
uint16_t reply_status_at(size_t index);

#endif
