/*
 * gRPC over HTTP/2, as bytes in and bytes out: no socket is touched here.
 *
 *   request   HEADERS (:path = /package.Service/Method)  DATA: 0 | size (4, big-endian) | message
 *   reply     HEADERS (:status 200)  DATA as above  HEADERS (grpc-status, grpc-message)
 *
 * One session per connection, owned by the thread that made it. A handler is called once per
 * request, when its one message is whole, and answers at once. Streams that the peer keeps open for
 * nothing (go-plugin's broker and stdio) get a header and stay open: grpc_handler.is_stream.
 */
#ifndef TACOS_PROVIDER_GRPC_H
#define TACOS_PROVIDER_GRPC_H

#include "base/arena.h"
#include "base/bytes.h"

enum {
  /* A reply with all schemas has half a megabyte; core itself sends one resource at a time. */
  GRPC_MESSAGE_BYTES_MAX = 16 << 20,
  GRPC_PREFIX_BYTES = 5,
};

/* The codes of gRPC that are used here (grpc/doc/statuscodes.md). */
enum grpc_status {
  GRPC_OK = 0,
  GRPC_INVALID_ARGUMENT = 3,
  GRPC_RESOURCE_EXHAUSTED = 8,
  GRPC_UNIMPLEMENTED = 12,
  GRPC_INTERNAL = 13,
};

struct grpc_reply {
  enum grpc_status status;
  struct bytes message;       /* in the arena of the request */
  struct bytes status_detail; /* for a person; empty when status is GRPC_OK */
};

struct grpc_handler {
  void *context;
  /* Answers one request; `arena` is emptied after the reply has been copied. */
  void (*call)(void *context, struct bytes path, struct bytes message, struct arena *arena,
               struct grpc_reply *reply);
  bool (*is_stream)(void *context, struct bytes path);
};

struct grpc_session;

/* NULL when nghttp2 has no memory. Handler and memory must outlive it. */
struct grpc_session *grpc_session_new(const struct grpc_handler *handler, struct memory *memory);
void grpc_session_free(struct grpc_session *session);

/* Bytes from the peer. False when the connection cannot go on (what is pending may be sent). */
bool grpc_session_feed(struct grpc_session *session, struct bytes input);

/* The next bytes for the peer, valid until the next call; empty when there are none. */
struct bytes grpc_session_output(struct grpc_session *session);

/* Neither side wants to say anything more. */
bool grpc_session_is_done(struct grpc_session *session);

/* The one message of a request's body. */
enum grpc_status grpc_read_message(struct bytes body, struct bytes *message);

#endif
