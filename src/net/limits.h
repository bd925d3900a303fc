/*
 * What a stranger can make the door hold or wait for: every limit has a name, a unit and a reason.
 *
 * Sizes are fixed when the program is built, since buffers are laid out after them. Times and
 * counts are settings (struct net_limits), so that an operator can change them and a test can wait
 * for them. What happens at each limit is a row of refusal.h.
 */
#ifndef TACOS_NET_LIMITS_H
#define TACOS_NET_LIMITS_H

#include <stdint.h>

enum {
  /* A request line; RFC 9112 section 3 wants at least 8,000. Then 414. */
  NET_REQUEST_LINE_BYTES = 8192,
  /* Request line and fields together, with a JWT and cookies of a common domain. Then 431. */
  NET_HEAD_BYTES = 16384,
  /* Fields of one request: browsers send about 20. Then 431. */
  NET_HEADERS_MAX = 64,
  /* A chunk-size line with its extensions, which nobody uses. Then 400. */
  NET_CHUNK_LINE_BYTES = 256,
  /* The trailer section of a chunked request, which is read and forgotten. Then 400. */
  NET_TRAILER_BYTES = 4096,
  /* The body a route takes unless its row says otherwise: ten times the largest JSON we expect. */
  NET_BODY_BYTES = 65536,
  /* X-Request-ID and its kin; longer ones are replaced by an id of ours. */
  NET_TRACE_ID_BYTES = 64,
  /* One read from a socket, into memory that all connections of a reactor share. */
  NET_READ_BYTES = 65536,
  /* Reads from one connection before the others have their turn. */
  NET_READS_PER_TURN = 8,
  /* Bodies up to here are copied behind their head and sent with it; larger ones are sent from
     where they lie. */
  NET_COPY_BYTES = 16384,
  /* Bodies from here on are compressed for clients that take it: below, a packet is a packet. */
  NET_COMPRESS_BYTES = 1024,
  /* Streams of one HTTP/2 connection at a time; browsers use up to 100. */
  NET_HTTP2_STREAMS = 100,
  /* Frames without use (SETTINGS, PING, PRIORITY, empty DATA) and resets of one HTTP/2 connection
     in NET_HTTP2_WINDOW_MS; then GOAWAY with ENHANCE_YOUR_CALM (CVE-2023-44487 and kin). */
  NET_HTTP2_ODD_FRAMES = 200,
  NET_HTTP2_WINDOW_MS = 10000,
  /* Bytes of an event stream's topic that a slow reader may lag behind; then it is dropped. */
  NET_TOPIC_BYTES = 262144,
};

/* Settings; net_limits_default fills them. Times in milliseconds. */
struct net_limits {
  uint32_t connections;             /* in total; 0: what the descriptor limit allows. 503 */
  uint32_t connections_per_address; /* mobile carriers and campuses share one. 503 */
  uint32_t requests_per_connection; /* so that load balancing can even out. Then it is closed */
  uint32_t first_byte_ms;           /* from accept to the first byte. 408 */
  uint32_t head_ms;                 /* from the first byte to the whole head. 408 */
  uint32_t body_rate_bytes;         /* per second, at least, after body_grace_ms. 408 */
  uint32_t body_grace_ms;           /* before the rate is looked at */
  uint32_t idle_ms;                 /* between requests; browsers keep 60 to 300 s. Closed */
  uint32_t write_stall_ms;          /* without one byte of a reply taken. Closed */
  uint32_t stream_ping_ms;          /* between comments on a silent event stream */
  uint32_t drain_ms;                /* for requests under way when the server is to stop */
};

static inline struct net_limits net_limits_default(void)
{
  return (struct net_limits){
      .connections = 0,
      .connections_per_address = 4096,
      .requests_per_connection = 1000000,
      .first_byte_ms = 10000,
      .head_ms = 10000,
      .body_rate_bytes = 256,
      .body_grace_ms = 5000,
      .idle_ms = 75000,
      .write_stall_ms = 30000,
      .stream_ping_ms = 15000,
      .drain_ms = 10000,
  };
}

_Static_assert(NET_REQUEST_LINE_BYTES < NET_HEAD_BYTES, "a request line fits into its head");
_Static_assert(NET_HEAD_BYTES <= NET_READ_BYTES, "a whole head fits into one read");

#endif
