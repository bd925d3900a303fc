/*
 * Bytes of a connection, from the first one on: HTTP/2 and gRPC's framing. The first byte of the
 * input says in pieces of which size the rest arrives.
 */
#include "base/check.h"
#include "provider/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(void *context, struct bytes path, struct bytes message, struct arena *arena,
                   struct grpc_reply *reply)
{
  (void)context;
  CHECK(message.size <= GRPC_MESSAGE_BYTES_MAX);
  reply->message = arena_copy(arena, path);
}

static bool is_stream(void *context, struct bytes path)
{
  (void)context;
  return path.size % 2 == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct grpc_handler handler = {NULL, answer, is_stream};
  if (size == 0) return 0;
  struct grpc_session *session = grpc_session_new(&handler, &memory);
  CHECK(session != NULL);
  size_t piece = (size_t)data[0] + 1;
  bool good = true;
  for (size_t at = 1; good && at < size; at += piece) {
    size_t part = size - at < piece ? size - at : piece;
    good = grpc_session_feed(session, bytes_of(data + at, part));
    while (grpc_session_output(session).size > 0) continue;
  }
  grpc_session_free(session);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
