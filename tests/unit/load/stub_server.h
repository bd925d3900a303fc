/*
 * An HTTP server of exactly known latency, in a thread: each reply leaves `delay_ns` after its
 * request came, and during a stall none leaves at all.
 *
 * Memory: the stub's own, until stub_stop. `answer` is called in the stub's thread.
 */
#ifndef TACOS_TESTS_UNIT_LOAD_STUB_SERVER_H
#define TACOS_TESTS_UNIT_LOAD_STUB_SERVER_H

#include "base/bytes.h"

enum { STUB_REQUEST_BYTES = 8192 };

struct stub_options {
  int64_t delay_ns;
  int64_t stall_at_ns; /* after the first request; 0: there is no stall */
  int64_t stall_ns;
  /* Appends a whole reply to a request; NULL: 200 with {"ok":true}. False: hang up instead. */
  bool (*answer)(void *context, struct bytes request, struct buffer *reply);
  void *context;
};

struct stub;

struct stub *stub_start(const struct stub_options *options);
uint16_t stub_port(const struct stub *stub);

/* Requests that came. */
uint64_t stub_requests(const struct stub *stub);
void stub_stop(struct stub *stub);

/* Appends a reply with a length. */
bool stub_reply(struct buffer *reply, int status, const char *body);

#endif
