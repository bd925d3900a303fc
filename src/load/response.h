/*
 * HTTP/1.1 replies as bytes, for the load generator's client (RFC 9112, RFC 9110): strict, and
 * without a copy when a reply comes whole.
 *
 *     HEAD --> LENGTH --\                      1xx: HEAD again
 *        \---> CHUNKED --+--> DONE             204, 304, to HEAD, length 0: DONE at once
 *         \--> CLOSE ---/                      CLOSE: no length, the content ends with the stream
 *
 * What a reply to a request of ours may not be is refused: another version, both lengths, a coding
 * other than chunked, control bytes in a field.
 *
 * Memory: `rest` holds what came in pieces, on the struct memory given; a whole reply's body points
 * into the caller's input. Content that nobody wants is counted, never kept. One thread.
 */
#ifndef TACOS_LOAD_RESPONSE_H
#define TACOS_LOAD_RESPONSE_H

#include "net/http.h"

enum {
  RESPONSE_HEAD_BYTES = 16384,
  RESPONSE_KEPT_BYTES = 64 << 20, /* of content that is wanted: the order list of a stadium */
};

enum response_state {
  RESPONSE_HEAD,
  RESPONSE_LENGTH,
  RESPONSE_CHUNKED,
  RESPONSE_CLOSE,
  RESPONSE_DONE,
};

struct response {
  /* For the caller, once it is DONE. */
  uint16_t status;
  bool keep_alive;
  struct bytes body; /* when it was wanted: valid until the next call or the input's end */
  uint64_t bytes;    /* of this reply, head and content */

  /* response.c only. */
  enum response_state state;
  bool wants_body;
  bool to_head; /* replies to HEAD have no content */
  uint64_t left;
  struct http_chunks chunks;
  struct buffer rest;
};

void response_init(struct response *response, struct memory *memory);
void response_free(struct response *response);

/* Before the reply to each request. */
void response_begin(struct response *response, bool wants_body, bool to_head);

/*
 * Takes bytes: *used of the input were of this reply. MORE: call again with what comes next; all of
 * the input was used. REFUSED: *why says in a few words what is wrong with it.
 */
enum http_parse response_read(struct response *response, struct bytes input, size_t *used,
                              const char **why);

/* The stream has ended: whether the reply is whole now. */
bool response_end(struct response *response);

#endif
