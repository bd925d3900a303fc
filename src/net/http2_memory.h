/*
 * Memory of one nghttp2 session, from a struct memory.
 *
 *     +------------------------------+-------------+
 *     | neighbours and size, 32 bytes | nghttp2's   |
 *     +------------------------------+-------------+
 *
 * nghttp2 frees without a size, and a session that ran out of memory is not trusted to free itself
 * (1.52 frees a DATA item twice when its queue cannot grow). So each block knows its size, and all
 * of them are in a list.
 *
 * The blocks are nghttp2's until http2_memory_free. Threads: that of the struct memory.
 */
#ifndef TACOS_NET_HTTP2_MEMORY_H
#define TACOS_NET_HTTP2_MEMORY_H

#include "base/memory.h"

#include <nghttp2/nghttp2.h>

struct http2_block; /* http2_memory.c */

struct http2_memory {
  struct memory *memory;
  struct http2_block *blocks; /* NULL: none */
  bool starved; /* an allocation failed: the session is neither to be used any more nor deleted */
};

/* What nghttp2_session_server_new3 takes; *memory stays where it is as long as the session. */
nghttp2_mem http2_memory_interface(struct http2_memory *memory);

/* Frees what is left: all of the session when it starved, otherwise it was deleted before. */
void http2_memory_free(struct http2_memory *memory);

#endif
