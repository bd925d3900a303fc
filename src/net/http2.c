#include "net/http2.h"

void http2_begin(struct connection *connection)
{
  connection_abort(connection, REFUSAL_HTTP2_PROTOCOL);
}

void http2_free(struct connection *connection)
{
  (void)connection;
}

void http2_run(struct connection *connection)
{
  (void)connection;
}

void http2_deliver(struct connection *connection, struct exchange *exchange)
{
  (void)connection;
  (void)exchange;
}

int64_t http2_deadline(const struct http2 *http2, int64_t since_ms, const struct net_limits *limits)
{
  (void)http2;
  return since_ms + limits->idle_ms;
}

void http2_out_of_patience(struct connection *connection)
{
  connection_abort(connection, REFUSAL_IDLE);
}

void http2_drain(struct connection *connection)
{
  connection_close(connection);
}

void http2_pump(struct subscriber *subscriber)
{
  (void)subscriber;
}
