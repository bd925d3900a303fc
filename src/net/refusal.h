/*
 * Why the door refused a request or ended a connection: one enum, one table.
 *
 * From the table come the reply (status, code and message of the contract's error body), the metric
 * (tacos_net_refusals_total{reason=name}) and the tests. Pure data, any thread.
 */
#ifndef TACOS_NET_REFUSAL_H
#define TACOS_NET_REFUSAL_H

#include "base/bytes.h"

enum refusal {
  REFUSAL_NONE,
  /* The request's head (RFC 9112 sections 3, 5 and 6, RFC 9110 sections 5 and 7). */
  REFUSAL_REQUEST_LINE,
  REFUSAL_VERSION,
  REFUSAL_TARGET,
  REFUSAL_FIELD_NAME,
  REFUSAL_FIELD_SPACE,
  REFUSAL_FIELD_FOLDED,
  REFUSAL_FIELD_VALUE,
  REFUSAL_BARE_CR,
  REFUSAL_HOST_MISSING,
  REFUSAL_HOST_INVALID,
  REFUSAL_HOST_MISMATCH,
  REFUSAL_LENGTH_INVALID,
  REFUSAL_LENGTH_CONFLICT,
  REFUSAL_TRANSFER_ENCODING,
  REFUSAL_TRANSFER_UNKNOWN,
  REFUSAL_EXPECTATION,
  REFUSAL_FIELD_TWICE,
  REFUSAL_REQUEST_LINE_LONG,
  REFUSAL_HEAD_LARGE,
  REFUSAL_HEADERS_MANY,
  /* Its body. */
  REFUSAL_CHUNK,
  REFUSAL_TRAILER,
  REFUSAL_BODY_LARGE,
  /* Time. */
  REFUSAL_FIRST_BYTE_TIMEOUT,
  REFUSAL_HEAD_TIMEOUT,
  REFUSAL_BODY_TIMEOUT,
  /* Room. */
  REFUSAL_CONNECTIONS,
  REFUSAL_CONNECTIONS_ADDRESS,
  REFUSAL_DESCRIPTORS,
  REFUSAL_MEMORY,
  REFUSAL_DRAINING,
  /* The route table. */
  REFUSAL_NOT_FOUND,
  REFUSAL_METHOD,
  REFUSAL_UNAUTHORIZED,
  REFUSAL_FORBIDDEN,
  REFUSAL_RATE_LIMITED,
  REFUSAL_KEY_MISSING,
  /* Ended without a reply: status 0. */
  REFUSAL_IDLE,
  REFUSAL_WRITE_STALL,
  REFUSAL_SLOW_STREAM,
  REFUSAL_TLS,
  REFUSAL_HTTP2_FLOOD,
  REFUSAL_HTTP2_PROTOCOL,
  REFUSAL_COUNT,
};

struct refusal_row {
  const char *name;    /* the metric's label: lower case, "head_timeout" */
  uint16_t status;     /* 0: the connection just ends */
  const char *code;    /* of the error body: "HEAD_TIMEOUT" */
  const char *message; /* says what to do next */
  bool close;          /* what follows on the connection cannot be trusted, or is not wanted */
};

/* The row of a refusal; REFUSAL_NONE has none. */
const struct refusal_row *refusal_row(enum refusal refusal);

#endif
