#include "net/refusal.h"

#include "base/check.h"

#define BAD       400, "BAD_REQUEST"
#define NO_REPLY  0, NULL, NULL, true
#define TIMED_OUT 408, "REQUEST_TIMEOUT"
#define BUSY      503, "SERVER_BUSY"

static const struct refusal_row ROWS[REFUSAL_COUNT] = {
    [REFUSAL_REQUEST_LINE] = {"request_line", BAD,
                              "the request line is not 'METHOD target HTTP/1.1'", true},
    [REFUSAL_VERSION] = {"version", 505, "HTTP_VERSION_NOT_SUPPORTED",
                         "use HTTP/1.1, HTTP/1.0 or HTTP/2", true},
    [REFUSAL_TARGET] = {"target", BAD,
                        "the request target is not a valid path: percent-encode what RFC 3986 "
                        "does not allow",
                        true},
    [REFUSAL_FIELD_NAME] = {"field_name", BAD, "a header name is not a token (RFC 9110 5.1)", true},
    [REFUSAL_FIELD_SPACE] = {"field_space", BAD,
                             "there is white space before the colon of a header (RFC 9112 5.1)",
                             true},
    [REFUSAL_FIELD_FOLDED] = {"field_folded", BAD,
                              "a header goes on in a second line: send it in one (RFC 9112 5.2)",
                              true},
    [REFUSAL_FIELD_VALUE] = {"field_value", BAD, "a header value has a control character", true},
    [REFUSAL_BARE_CR] = {"bare_cr", BAD, "lines end with CR LF (RFC 9112 2.2)", true},
    [REFUSAL_HOST_MISSING] = {"host_missing", BAD, "send one Host header (RFC 9112 3.2)", true},
    [REFUSAL_HOST_INVALID] = {"host_invalid", BAD, "Host is not a host name with optional port",
                              true},
    [REFUSAL_HOST_MISMATCH] = {"host_mismatch", BAD,
                               "the target names another host than the Host header", true},
    [REFUSAL_LENGTH_INVALID] = {"length_invalid", BAD, "Content-Length is not a plain number",
                                true},
    [REFUSAL_LENGTH_CONFLICT] = {"length_conflict", BAD,
                                 "send Content-Length once, and never with Transfer-Encoding",
                                 true},
    [REFUSAL_TRANSFER_ENCODING] = {"transfer_encoding", BAD,
                                   "Transfer-Encoding may only be 'chunked', once, in HTTP/1.1",
                                   true},
    [REFUSAL_TRANSFER_UNKNOWN] = {"transfer_unknown", 501, "NOT_IMPLEMENTED",
                                  "the only transfer coding known here is 'chunked'", true},
    [REFUSAL_EXPECTATION] = {"expectation", 417, "EXPECTATION_FAILED",
                             "the only expectation known here is '100-continue'", true},
    [REFUSAL_FIELD_TWICE] = {"field_twice", BAD,
                             "send Authorization and Idempotency-Key once: it is not clear which "
                             "one counts",
                             true},
    [REFUSAL_REQUEST_LINE_LONG] = {"request_line_long", 414, "URI_TOO_LONG",
                                   "the request line is longer than 8,192 bytes", true},
    [REFUSAL_HEAD_LARGE] = {"head_large", 431, "HEADERS_TOO_LARGE",
                            "the headers are longer than 16,384 bytes: send fewer cookies", true},
    [REFUSAL_HEADERS_MANY] = {"headers_many", 431, "HEADERS_TOO_LARGE",
                              "there are more than 64 headers", true},
    [REFUSAL_CHUNK] = {"chunk", BAD, "the chunked body is not well-formed (RFC 9112 7.1)", true},
    [REFUSAL_TRAILER] = {"trailer", BAD, "the trailer of the chunked body is not well-formed",
                         true},
    [REFUSAL_BODY_LARGE] = {"body_large", 413, "BODY_TOO_LARGE",
                            "the body is larger than this route takes", true},
    [REFUSAL_FIRST_BYTE_TIMEOUT] = {"first_byte_timeout", TIMED_OUT,
                                    "nothing was sent on this connection: connect when you have "
                                    "a request",
                                    true},
    [REFUSAL_HEAD_TIMEOUT] = {"head_timeout", TIMED_OUT,
                              "the request's head did not arrive in time: send it again", true},
    [REFUSAL_BODY_TIMEOUT] = {"body_timeout", TIMED_OUT,
                              "the request's body arrived too slowly: send it again", true},
    [REFUSAL_CONNECTIONS] = {"connections", BUSY,
                             "all connections are in use: try again in a moment", true},
    [REFUSAL_CONNECTIONS_ADDRESS] = {"connections_address", BUSY,
                                     "too many connections from this address: close some, or try "
                                     "again in a moment",
                                     true},
    [REFUSAL_DESCRIPTORS] = {"descriptors", BUSY,
                             "no file descriptor is free: try again in a moment", true},
    [REFUSAL_MEMORY] = {"memory", BUSY, "no memory is free: try again in a moment", true},
    [REFUSAL_DRAINING] = {"draining", 503, "SERVER_STOPPING",
                          "the server is about to stop: try again, another one will answer", true},
    [REFUSAL_NOT_FOUND] = {"not_found", 404, "NOT_FOUND", "there is nothing at this path", false},
    [REFUSAL_METHOD] = {"method", 405, "METHOD_NOT_ALLOWED",
                        "this path does not take this method: see the Allow header", false},
    [REFUSAL_UNAUTHORIZED] = {"unauthorized", 401, "UNAUTHORIZED",
                              "log in, and send the token as 'Authorization: Bearer ...'", false},
    [REFUSAL_FORBIDDEN] = {"forbidden", 403, "FORBIDDEN",
                           "this is for administrators: log in as one", false},
    [REFUSAL_RATE_LIMITED] = {"rate_limited", 429, "RATE_LIMITED",
                              "too many requests: wait as long as Retry-After says", false},
    [REFUSAL_KEY_MISSING] = {"key_missing", 400, "IDEMPOTENCY_KEY_REQUIRED",
                             "send an Idempotency-Key header with a UUID, a new one for each "
                             "attempt to do something new",
                             false},
    [REFUSAL_IDLE] = {"idle", NO_REPLY},
    [REFUSAL_WRITE_STALL] = {"write_stall", NO_REPLY},
    [REFUSAL_SLOW_STREAM] = {"slow_stream", NO_REPLY},
    [REFUSAL_TLS] = {"tls", NO_REPLY},
    [REFUSAL_HTTP2_FLOOD] = {"http2_flood", NO_REPLY},
    [REFUSAL_HTTP2_PROTOCOL] = {"http2_protocol", NO_REPLY},
};

const struct refusal_row *refusal_row(enum refusal refusal)
{
  CHECK(refusal > REFUSAL_NONE && refusal < REFUSAL_COUNT);
  return &ROWS[refusal];
}
