/*
 * The id that a request is found by, in logs and in the reply.
 *
 * A client or proxy may bring its own; the first of these that is well-formed is taken:
 *
 *     X-Request-ID   X-Trace-Id   the trace-id of traceparent (W3C Trace Context 3.2)   a new one
 *
 * It goes into logs and reply headers, so it is 1 to NET_TRACE_ID_BYTES bytes of
 * A-Z a-z 0-9 - _ . : and nothing else.
 */
#ifndef TACOS_NET_TRACE_H
#define TACOS_NET_TRACE_H

#include "base/id.h"
#include "net/http.h"

_Static_assert((int)ID_TEXT_BYTES <= (int)NET_TRACE_ID_BYTES, "an id of ours fits");

/*
 * Copies the id of a request to `buffer` and returns it there, so that it outlives the head. The
 * generator belongs to the calling thread.
 */
struct bytes trace_id_choose(const struct http_head *head, struct id_generator *ids,
                             char buffer[NET_TRACE_ID_BYTES]);

#endif
