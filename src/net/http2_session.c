/*
 * The session of nghttp2: what it tells of frames both ways, and what a peer may send for nothing.
 *
 * Frames that ask for work and carry nothing are odd. A connection may send NET_HTTP2_ODD_FRAMES of
 * them in NET_HTTP2_WINDOW_MS: resets, PING, SETTINGS, empty DATA, what nghttp2 ignores, and also
 * what makes us reset a stream. WINDOW_UPDATE, priorities and CONTINUATION are odd only when there
 * are more of them than requests and DATA frames of ours give a reason for, which is `credit`.
 */
#include "base/check.h"
#include "net/http2_parts.h"

enum {
  PREFACE_BYTES = 24,          /* RFC 9113 3.4 */
  WINDOW_BYTES = 1 << 20,      /* that all streams of a connection may send ahead */
  STREAM_WINDOW_BYTES = 65536, /* and one of them: as much as a usual route takes */
  CREDIT_PER_REQUEST = 3,      /* frames around a request: window, priority, continuation */
  CREDIT_PER_DATA = 2,         /* a DATA frame of ours opens the stream's window and another */
  CREDIT_PER_RESET = 8,        /* DATA that was on its way when we reset a stream */
  CREDIT_MAX = 8192,           /* so that nobody saves up for a flood */
};

/* ---- frames without use ---- */

static void give_credit(struct http2 *http2, uint32_t frames)
{
  http2->credit = http2->credit + frames < CREDIT_MAX ? http2->credit + frames : CREDIT_MAX;
}

static void count_odd(struct http2 *http2)
{
  int64_t now_ms = http2_now_ms(http2);
  if (now_ms - http2->odd_since_ms >= NET_HTTP2_WINDOW_MS) {
    http2->odd_since_ms = now_ms;
    http2->odd_frames = 0;
  }
  if (++http2->odd_frames > NET_HTTP2_ODD_FRAMES) http2_fail(http2, REFUSAL_HTTP2_FLOOD);
}

static bool is_odd(struct http2 *http2, const nghttp2_frame_hd *head)
{
  switch (head->type) {
  case NGHTTP2_HEADERS:
    give_credit(http2, CREDIT_PER_REQUEST);
    return false;
  case NGHTTP2_DATA:
    return head->length == 0 && (head->flags & NGHTTP2_FLAG_END_STREAM) == 0;
  case NGHTTP2_RST_STREAM:
  case NGHTTP2_PING:
  case NGHTTP2_SETTINGS:
  case NGHTTP2_GOAWAY:
    return true;
  default:
    /* WINDOW_UPDATE, priorities, CONTINUATION: as many as there is a reason for. */
    if (http2->credit == 0) return true;
    http2->credit--;
    return false;
  }
}

/*
 * nghttp2 tells nothing of frames it ignores: those of unknown types, and of closed streams. So
 * frames are counted by their lengths (RFC 9113 4.1), and what it did not tell is one of them.
 */
static void count_frames(struct http2 *http2, struct bytes input)
{
  size_t at = 0;
  while (at < input.size) {
    size_t left = input.size - at;
    if (http2->payload_left > 0) {
      size_t step = left < http2->payload_left ? left : http2->payload_left;
      http2->payload_left -= (uint32_t)step;
      at += step;
      continue;
    }
    uint8_t byte = input.data[at++];
    if (http2->frame_head_bytes < 3) http2->payload_bytes = http2->payload_bytes << 8 | byte;
    if (++http2->frame_head_bytes < HTTP2_FRAME_HEAD_BYTES) continue;
    http2->payload_left = http2->payload_bytes;
    http2->payload_bytes = 0;
    http2->frame_head_bytes = 0;
    http2->frames_seen++;
  }
}

static void count_ignored(struct http2 *http2)
{
  for (; http2->frames_told < http2->frames_seen; http2->frames_told++) {
    if (http2->credit == 0)
      count_odd(http2);
    else
      http2->credit--;
  }
}

/* What a callback returns: nghttp2 stops where the connection is to end. */
static int go_on(const struct http2 *http2)
{
  return http2->failure == REFUSAL_NONE && !http2->memory.starved ? 0
                                                                  : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *context)
{
  (void)session;
  struct http2 *http2 = context;
  http2->frames_told++;
  if (is_odd(http2, head)) count_odd(http2);
  return go_on(http2);
}

/* ---- what nghttp2 tells of the peer's frames ---- */

static bool begins_request(const nghttp2_frame *frame)
{
  return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
  struct http2 *http2 = context;
  if (!begins_request(frame)) {
    struct http2_stream *stream = http2_stream_of(session, frame->hd.stream_id);
    if (stream != NULL) stream->head_bytes = 0;
    return 0;
  }
  struct http2_stream *stream = http2_stream_open(http2, frame->hd.stream_id);
  if (stream == NULL) {
    metric_add(&http2->connection->reactor->metrics.refusals[REFUSAL_MEMORY], 1);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
  return 0;
}

/* Read and forgotten, as HTTP/1.1 does (RFC 9110 6.5.1). */
static void count_trailer(struct http2_stream *stream, size_t size)
{
  stream->head_bytes += size;
  if (stream->phase == HTTP2_BODY && stream->head_bytes > NET_TRAILER_BYTES)
    http2_stream_refuse(stream, REFUSAL_TRAILER);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
  (void)flags;
  struct http2 *http2 = context;
  struct http2_stream *stream = http2_stream_of(session, frame->hd.stream_id);
  if (stream == NULL) return 0;
  if (begins_request(frame))
    http2_head_add(stream, bytes_of(name, name_size), bytes_of(value, value_size));
  else
    count_trailer(stream, name_size + value_size);
  return go_on(http2);
}

/* A field whose name or value has bytes that no field has: answered, instead of left out. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_size, const uint8_t *value,
                             size_t value_size, uint8_t flags, void *context)
{
  (void)value;
  (void)value_size;
  (void)flags;
  struct http2 *http2 = context;
  struct http2_stream *stream = http2_stream_of(session, frame->hd.stream_id);
  if (stream == NULL) return 0;
  bool named = nghttp2_check_header_name(name, name_size) != 0;
  if (!begins_request(frame))
    count_trailer(stream, NET_TRAILER_BYTES + 1);
  else if (stream->refusal == REFUSAL_NONE)
    stream->refusal = named ? REFUSAL_FIELD_VALUE : REFUSAL_FIELD_NAME;
  return go_on(http2);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *context)
{
  (void)flags;
  struct http2 *http2 = context;
  struct http2_stream *stream = http2_stream_of(session, id);
  if (stream != NULL) http2_stream_take_data(stream, bytes_of(data, size));
  return go_on(http2);
}

static bool is_served_up(const struct http2 *http2)
{
  const struct connection *connection = http2->connection;
  return connection->requests >= http2_limits(http2)->requests_per_connection ||
         (connection->reactor->draining && !connection->listener->endpoint->stays_in_drain);
}

static void take_request(struct http2 *http2, struct http2_stream *stream, bool ended)
{
  http2->connection->requests++;
  http2_stream_take_head(stream, ended);
  if (is_served_up(http2)) http2_leave(http2);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
  struct http2 *http2 = context;
  const nghttp2_frame_hd *head = &frame->hd;
  bool ended = (head->flags & NGHTTP2_FLAG_END_STREAM) != 0;
  struct http2_stream *stream = head->stream_id == 0 ? NULL
                                                     : http2_stream_of(session, head->stream_id);
  if (head->type == NGHTTP2_DATA && !ended && head->length > 0 &&
      head->length == frame->data.padlen)
    count_odd(http2);
  if (head->type == NGHTTP2_PING && (head->flags & NGHTTP2_FLAG_ACK) != 0) http2_leave_now(http2);
  if (stream != NULL && begins_request(frame))
    take_request(http2, stream, ended);
  else if (stream != NULL && ended && (head->type == NGHTTP2_DATA || head->type == NGHTTP2_HEADERS))
    http2_stream_end_request(stream);
  return go_on(http2);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *context)
{
  (void)error_code;
  (void)context;
  struct http2_stream *stream = http2_stream_of(session, id);
  if (stream != NULL) http2_stream_close(stream);
  return 0;
}

/* ---- what nghttp2 tells of our frames ---- */

/* A reply that is whole before its request is: the rest is not wanted (RFC 9113 8.1). */
static void end_early(struct http2 *http2, const nghttp2_frame_hd *head)
{
  struct http2_stream *stream = http2_stream_of(http2->session, head->stream_id);
  if ((head->flags & NGHTTP2_FLAG_END_STREAM) == 0 || stream == NULL || stream->request_ended)
    return;
  if (nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE, head->stream_id,
                                NGHTTP2_NO_ERROR) != 0)
    http2_fail(http2, REFUSAL_MEMORY);
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
  (void)session;
  struct http2 *http2 = context;
  uint64_t *refusals = http2->connection->reactor->metrics.refusals;
  switch (frame->hd.type) {
  case NGHTTP2_DATA:
    give_credit(http2, CREDIT_PER_DATA);
    end_early(http2, &frame->hd);
    break;
  case NGHTTP2_HEADERS:
    end_early(http2, &frame->hd);
    break;
  case NGHTTP2_RST_STREAM:
    /* Those of other codes are ours. That a peer makes us reset is as if it did (CVE-2025-8671). */
    if (frame->rst_stream.error_code == NGHTTP2_NO_ERROR ||
        frame->rst_stream.error_code == NGHTTP2_INTERNAL_ERROR) {
      give_credit(http2, CREDIT_PER_RESET);
      break;
    }
    metric_add(&refusals[REFUSAL_HTTP2_PROTOCOL], 1);
    count_odd(http2);
    break;
  case NGHTTP2_GOAWAY:
    if (frame->goaway.error_code == NGHTTP2_NO_ERROR || http2->failure != REFUSAL_NONE) break;
    http2->failure = REFUSAL_HTTP2_PROTOCOL;
    http2->terminated = true;
    metric_add(&refusals[REFUSAL_HTTP2_PROTOCOL], 1);
    break;
  default:
    break;
  }
  return 0;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_head,
                        size_t size, nghttp2_data_source *source, void *context)
{
  (void)session;
  (void)frame;
  (void)context;
  return http2_stream_send_data(source->ptr, frame_head, size);
}

/* ---- life ---- */

static nghttp2_session_callbacks *make_callbacks(void)
{
  nghttp2_session_callbacks *callbacks;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return NULL;
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
  return callbacks;
}

static bool submit_settings(struct http2 *http2)
{
  static const nghttp2_settings_entry SETTINGS[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, NET_HTTP2_STREAMS},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, NET_HEAD_BYTES},
      /* RFC 9218: the tree of priorities is work that a peer can make for nothing. */
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  return nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, SETTINGS,
                                 sizeof SETTINGS / sizeof SETTINGS[0]) == 0 &&
         nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0,
                                               WINDOW_BYTES) == 0;
}

bool http2_session_make(struct http2 *http2)
{
  nghttp2_session_callbacks *callbacks = make_callbacks();
  nghttp2_option *option = NULL;
  bool made = callbacks != NULL && nghttp2_option_new(&option) == 0;
  if (made) {
    nghttp2_mem mem = http2_memory_interface(&http2->memory);
    nghttp2_option_set_no_closed_streams(option, 1);
    made = nghttp2_session_server_new3(&http2->session, callbacks, http2, option, &mem) == 0;
    if (!made) http2->session = NULL;
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  http2->credit = CREDIT_PER_REQUEST;
  http2->payload_left = PREFACE_BYTES;
  return made && submit_settings(http2);
}

static enum refusal why_of(ssize_t result)
{
  switch (result) {
  case NGHTTP2_ERR_NOMEM:
    return REFUSAL_MEMORY;
  case NGHTTP2_ERR_FLOODED:
  case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
    return REFUSAL_HTTP2_FLOOD;
  default:
    return REFUSAL_HTTP2_PROTOCOL;
  }
}

void http2_session_feed(struct http2 *http2, struct bytes input)
{
  count_frames(http2, input);
  ssize_t used = nghttp2_session_mem_recv(http2->session, input.data, input.size);
  if (used < 0)
    http2_fail(http2, why_of(used));
  else
    count_ignored(http2);
}
