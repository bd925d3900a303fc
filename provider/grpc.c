#include "provider/grpc.h"

#include "base/check.h"
#include "provider/text.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

enum {
  WINDOW_BYTES = 1 << 20,
  STREAMS_MAX = 128, /* core walks with ten nodes at a time; -parallelism raises that */
  PATH_BYTES_MAX = 256,
  STATUS_BYTES = 4,
};

struct stream {
  struct stream *next;
  int32_t id;
  char path[PATH_BYTES_MAX];
  size_t path_size;
  struct buffer body;  /* of the request */
  struct buffer reply; /* with its prefix */
  size_t sent;
  bool is_open_end; /* the reply has no end: a stream of go-plugin's own */
  enum grpc_status status;
  struct buffer detail;
};

struct grpc_session {
  nghttp2_session *http2;
  const struct grpc_handler *handler;
  struct memory *memory;
  struct arena arena; /* of the request that is being answered */
  struct stream *streams;
};

enum grpc_status grpc_read_message(struct bytes body, struct bytes *message)
{
  if (body.size < GRPC_PREFIX_BYTES) return GRPC_INVALID_ARGUMENT;
  if (body.data[0] != 0) return GRPC_UNIMPLEMENTED; /* compressed, which nobody offered */
  size_t size = (size_t)body.data[1] << 24 | (size_t)body.data[2] << 16 |
                (size_t)body.data[3] << 8 | body.data[4];
  if (size != body.size - GRPC_PREFIX_BYTES) return GRPC_INVALID_ARGUMENT;
  *message = bytes_of(body.data + GRPC_PREFIX_BYTES, size);
  return GRPC_OK;
}

/* --- streams --- */

static struct stream *add_stream(struct grpc_session *session, int32_t id)
{
  struct stream *stream = memory_alloc_zeroed(session->memory, sizeof(*stream));
  CHECK(stream != NULL);
  stream->id = id;
  buffer_init(&stream->body, session->memory);
  buffer_init(&stream->reply, session->memory);
  buffer_init(&stream->detail, session->memory);
  stream->next = session->streams;
  session->streams = stream;
  return stream;
}

static void remove_stream(struct grpc_session *session, struct stream *stream)
{
  struct stream **link = &session->streams;
  while (*link != stream) link = &(*link)->next;
  *link = stream->next;
  buffer_free(&stream->body);
  buffer_free(&stream->reply);
  buffer_free(&stream->detail);
  memory_free(session->memory, stream, sizeof(*stream));
}

/* --- replies --- */

static nghttp2_nv header(const char *name, struct bytes value)
{
  return (nghttp2_nv){.name = (uint8_t *)name,
                      .namelen = strlen(name),
                      .value = (uint8_t *)value.data,
                      .valuelen = value.size};
}

static void submit_trailer(nghttp2_session *http2, struct stream *stream)
{
  char status[STATUS_BYTES];
  int size = snprintf(status, sizeof(status), "%d", (int)stream->status);
  nghttp2_nv trailer[] = {header("grpc-status", bytes_of(status, (size_t)size)),
                          header("grpc-message", buffer_bytes(&stream->detail))};
  size_t count = stream->detail.size > 0 ? 2 : 1;
  CHECK(nghttp2_submit_trailer(http2, stream->id, trailer, count) == 0);
}

/* nghttp2 asks for the reply's body. */
static ssize_t read_reply(nghttp2_session *http2, int32_t id, uint8_t *to, size_t size,
                          uint32_t *flags, nghttp2_data_source *source, void *context)
{
  (void)id;
  (void)context;
  struct stream *stream = source->ptr;
  size_t left = stream->reply.size - stream->sent;
  if (left == 0 && stream->is_open_end) return NGHTTP2_ERR_DEFERRED;
  size_t part = left < size ? left : size;
  if (part > 0) memcpy(to, stream->reply.data + stream->sent, part);
  stream->sent += part;
  if (part == left && !stream->is_open_end) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    submit_trailer(http2, stream);
  }
  return (ssize_t)part;
}

static void submit_reply(struct grpc_session *session, struct stream *stream)
{
  nghttp2_nv headers[] = {header(":status", BYTES("200")),
                          header("content-type", BYTES("application/grpc"))};
  nghttp2_data_provider provider = {.source = {.ptr = stream}, .read_callback = read_reply};
  CHECK(nghttp2_submit_response(session->http2, stream->id, headers, 2, &provider) == 0);
}

/* grpc-message is percent-encoded where it is not printable ASCII. */
static void set_detail(struct stream *stream, struct bytes detail)
{
  for (size_t i = 0; i < detail.size; i++) {
    uint8_t byte = detail.data[i];
    if (byte >= ' ' && byte <= '~' && byte != '%') {
      buffer_append_byte(&stream->detail, byte);
    } else {
      buffer_append_format(&stream->detail, "%%%02X", byte);
    }
  }
  CHECK(!stream->detail.failed);
}

static void answer(struct grpc_session *session, struct stream *stream)
{
  struct bytes path = bytes_of(stream->path, stream->path_size);
  struct bytes message;
  struct grpc_reply reply = {.status = grpc_read_message(buffer_bytes(&stream->body), &message)};
  if (reply.status == GRPC_OK) {
    session->handler->call(session->handler->context, path, message, &session->arena, &reply);
  } else {
    reply.status_detail = BYTES("the request is not one uncompressed message");
  }
  stream->status = reply.status;
  set_detail(stream, reply.status_detail);
  if (reply.status == GRPC_OK) {
    uint32_t size = __builtin_bswap32((uint32_t)reply.message.size);
    buffer_append_byte(&stream->reply, 0);
    buffer_append(&stream->reply, bytes_of(&size, sizeof(size)));
    buffer_append(&stream->reply, reply.message);
    CHECK(!stream->reply.failed);
  }
  arena_reset(&session->arena);
  submit_reply(session, stream);
}

/* --- what nghttp2 reports --- */

static int on_begin_headers(nghttp2_session *http2, const nghttp2_frame *frame, void *context)
{
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    struct stream *stream = add_stream(context, frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(http2, frame->hd.stream_id, stream);
  }
  return 0;
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
  (void)flags;
  (void)context;
  struct stream *stream = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
  if (stream != NULL && bytes_equal(bytes_of(name, name_size), BYTES(":path")) &&
      value_size < PATH_BYTES_MAX) {
    memcpy(stream->path, value, value_size);
    stream->path_size = value_size;
  }
  return 0;
}

static int on_data(nghttp2_session *http2, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *context)
{
  (void)flags;
  (void)context;
  struct stream *stream = nghttp2_session_get_stream_user_data(http2, id);
  if (stream == NULL || stream->is_open_end) return 0;
  if (stream->body.size + size > GRPC_MESSAGE_BYTES_MAX + GRPC_PREFIX_BYTES)
    return nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK(buffer_append(&stream->body, bytes_of(data, size)));
  return 0;
}

static int on_frame(nghttp2_session *http2, const nghttp2_frame *frame, void *context)
{
  struct grpc_session *session = context;
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  struct stream *stream = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
  if (stream == NULL || stream->is_open_end) return 0;
  struct bytes path = bytes_of(stream->path, stream->path_size);
  if (frame->hd.type == NGHTTP2_HEADERS &&
      session->handler->is_stream(session->handler->context, path)) {
    stream->is_open_end = true;
    submit_reply(session, stream);
  } else if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
    answer(session, stream);
  }
  return 0;
}

static int on_close(nghttp2_session *http2, int32_t id, uint32_t error_code, void *context)
{
  (void)error_code;
  struct stream *stream = nghttp2_session_get_stream_user_data(http2, id);
  if (stream != NULL) remove_stream(context, stream);
  return 0;
}

static nghttp2_session *new_http2(struct grpc_session *session)
{
  nghttp2_session_callbacks *callbacks;
  nghttp2_session *http2 = NULL;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return NULL;
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  (void)nghttp2_session_server_new(&http2, callbacks, session);
  nghttp2_session_callbacks_del(callbacks);
  return http2;
}

struct grpc_session *grpc_session_new(const struct grpc_handler *handler, struct memory *memory)
{
  struct grpc_session *session = memory_alloc_zeroed(memory, sizeof(*session));
  if (session == NULL) return NULL;
  *session = (struct grpc_session){.handler = handler, .memory = memory};
  arena_init(&session->arena, memory);
  session->http2 = new_http2(session);
  nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
  };
  if (session->http2 == NULL ||
      nghttp2_submit_settings(session->http2, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
      nghttp2_session_set_local_window_size(session->http2, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES)) {
    grpc_session_free(session);
    return NULL;
  }
  return session;
}

void grpc_session_free(struct grpc_session *session)
{
  if (session == NULL) return;
  nghttp2_session_del(session->http2);
  while (session->streams != NULL) remove_stream(session, session->streams);
  arena_free(&session->arena);
  memory_free(session->memory, session, sizeof(*session));
}

bool grpc_session_feed(struct grpc_session *session, struct bytes input)
{
  return nghttp2_session_mem_recv(session->http2, input.data, input.size) == (ssize_t)input.size;
}

struct bytes grpc_session_output(struct grpc_session *session)
{
  const uint8_t *data = NULL;
  ssize_t size = nghttp2_session_mem_send(session->http2, &data);
  return bytes_of(data, size > 0 ? (size_t)size : 0);
}

bool grpc_session_is_done(struct grpc_session *session)
{
  return !nghttp2_session_want_read(session->http2) && !nghttp2_session_want_write(session->http2);
}
