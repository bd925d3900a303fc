#include "net/http2.h"

#include "base/check.h"
#include "net/http2_parts.h"

#include <errno.h>
#include <stddef.h>

enum {
  PREFACE_BYTES = 24,
  FRAME_HEAD_BYTES = 9,
  WINDOW_BYTES = 1 << 20,      /* that all streams of a connection may send ahead */
  STREAM_WINDOW_BYTES = 65536, /* and one of them: as much as a usual route takes */
  READS_PER_RUN = 16,          /* before other connections have their turn */
  LEAVE_MS = 1000,             /* between two GOAWAYs, should the peer not answer our PING */
  CREDIT_PER_REQUEST = 3,      /* frames around a request: window, priority, continuation */
  CREDIT_PER_DATA = 2,         /* a DATA frame of ours opens the stream's window and another */
  CREDIT_PER_RESET = 8,        /* DATA that was on its way when we reset a stream */
  CREDIT_MAX = 65536,          /* so that nobody saves up for a flood */
};

/* ---- memory ---- */

/*
 * Each block of nghttp2's knows its size and its neighbours: a session that ran out of memory is
 * not trusted to free itself (1.52 frees a DATA item twice when its queue cannot grow).
 */
struct http2_block {
  struct http2_block *next, *previous;
  size_t size; /* with this head */
};

enum { BLOCK_HEAD_BYTES = 32 };

_Static_assert(BLOCK_HEAD_BYTES >= sizeof(struct http2_block) &&
                   BLOCK_HEAD_BYTES % _Alignof(max_align_t) == 0,
               "what follows the head is aligned for any type");

static struct http2_block *block_of(void *given)
{
  return (struct http2_block *)((uint8_t *)given - BLOCK_HEAD_BYTES);
}

static void link_block(struct http2 *http2, struct http2_block *block)
{
  block->previous = NULL;
  block->next = http2->blocks;
  if (block->next != NULL) block->next->previous = block;
  http2->blocks = block;
}

static void unlink_block(struct http2 *http2, struct http2_block *block)
{
  if (block->previous != NULL)
    block->previous->next = block->next;
  else
    http2->blocks = block->next;
  if (block->next != NULL) block->next->previous = block->previous;
}

/* What nghttp2 gets; without memory the connection ends, whatever nghttp2 makes of it. */
static void *give(struct http2 *http2, struct http2_block *block, size_t size)
{
  if (block == NULL) {
    http2_fail(http2, REFUSAL_MEMORY);
    http2->starved = true;
    return NULL;
  }
  block->size = size;
  link_block(http2, block);
  return (uint8_t *)block + BLOCK_HEAD_BYTES;
}

static struct memory *memory_of(const struct http2 *http2)
{
  return http2->connection->reactor->memory;
}

static void *mem_alloc(size_t size, void *context)
{
  struct http2 *http2 = context;
  size_t total;
  if (__builtin_add_overflow(size, BLOCK_HEAD_BYTES, &total)) return NULL;
  return give(http2, memory_alloc(memory_of(http2), total), total);
}

static void *mem_alloc_zeroed(size_t count, size_t size, void *context)
{
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return NULL;
  void *given = mem_alloc(total, context);
  if (given != NULL) memset(given, 0, total);
  return given;
}

static void mem_free(void *given, void *context)
{
  struct http2 *http2 = context;
  if (given == NULL) return;
  struct http2_block *block = block_of(given);
  unlink_block(http2, block);
  memory_free(memory_of(http2), block, block->size);
}

static void *mem_resize(void *given, size_t size, void *context)
{
  struct http2 *http2 = context;
  size_t total;
  if (given == NULL) return mem_alloc(size, context);
  if (__builtin_add_overflow(size, BLOCK_HEAD_BYTES, &total)) return NULL;
  struct http2_block *block = block_of(given);
  unlink_block(http2, block);
  struct http2_block *resized = memory_resize(memory_of(http2), block, block->size, total);
  if (resized == NULL) link_block(http2, block);
  return give(http2, resized, total);
}

static void free_session(struct http2 *http2)
{
  if (http2->session != NULL && !http2->starved) nghttp2_session_del(http2->session);
  while (http2->blocks != NULL) {
    struct http2_block *block = http2->blocks;
    unlink_block(http2, block);
    memory_free(memory_of(http2), block, block->size);
  }
}

/* ---- frames without use ---- */

static struct http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
  return nghttp2_session_get_stream_user_data(session, id);
}

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
    if (++http2->frame_head_bytes < FRAME_HEAD_BYTES) continue;
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
  return http2->failure == REFUSAL_NONE ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
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
    struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
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
  struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
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
  struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
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
  struct http2_stream *stream = stream_of(session, id);
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

/* No new streams from here on; the peer has heard of it. */
static void leave_now(struct http2 *http2)
{
  if (!http2->leaving || http2->left) return;
  http2->left = true;
  int32_t last = nghttp2_session_get_last_proc_stream_id(http2->session);
  if (nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0) !=
      0)
    http2_fail(http2, REFUSAL_MEMORY);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
  struct http2 *http2 = context;
  const nghttp2_frame_hd *head = &frame->hd;
  bool ended = (head->flags & NGHTTP2_FLAG_END_STREAM) != 0;
  struct http2_stream *stream = head->stream_id == 0 ? NULL : stream_of(session, head->stream_id);
  if (head->type == NGHTTP2_DATA && !ended && head->length > 0 &&
      head->length == frame->data.padlen)
    count_odd(http2);
  if (head->type == NGHTTP2_PING && (head->flags & NGHTTP2_FLAG_ACK) != 0) leave_now(http2);
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
  struct http2_stream *stream = stream_of(session, id);
  if (stream != NULL) http2_stream_close(stream);
  return 0;
}

/* ---- what nghttp2 tells of our frames ---- */

/* A reply that is whole before its request is: the rest is not wanted (RFC 9113 8.1). */
static void end_early(struct http2 *http2, const nghttp2_frame_hd *head)
{
  struct http2_stream *stream = stream_of(http2->session, head->stream_id);
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

/* ---- the end ---- */

static uint32_t error_code_of(enum refusal why)
{
  switch (why) {
  case REFUSAL_IDLE:
    return NGHTTP2_NO_ERROR;
  case REFUSAL_HTTP2_FLOOD:
  case REFUSAL_HEAD_TIMEOUT:
    return NGHTTP2_ENHANCE_YOUR_CALM;
  default:
    return NGHTTP2_PROTOCOL_ERROR;
  }
}

/* nghttp2 has nothing more to say: streams that are left are given up. */
static void finish(struct connection *connection)
{
  CHECK(connection->out == NULL);
  http2_free(connection);
  connection->closing = true;
  connection_linger(connection);
}

/* Tells the peer why it ends, where it listens; false when the connection is closed now. */
static bool settle_failure(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  enum refusal why = http2->failure;
  if (why == REFUSAL_NONE || http2->terminated) return true;
  http2->terminated = true;
  if (why == REFUSAL_MEMORY || why == REFUSAL_WRITE_STALL ||
      nghttp2_session_terminate_session(http2->session, error_code_of(why)) != 0) {
    connection_abort(connection, why);
    return false;
  }
  metric_add(&connection->reactor->metrics.refusals[why], 1);
  return true;
}

/* Gathers frames; false when there is no memory. */
static bool gather(struct http2 *http2, struct buffer *out)
{
  while (out->size < NET_READ_BYTES) {
    const uint8_t *data;
    ssize_t size = nghttp2_session_mem_send(http2->session, &data);
    if (size < 0) return false;
    /* It also returns 0 where http2_stream_send_data let it pause. */
    if (size == 0) break;
    if (!buffer_append(out, bytes_of(data, (size_t)size))) return false;
  }
  return true;
}

/*
 * Sends as long as there is something and the socket takes it. False when nothing is to be read
 * now: it blocks, or the connection ended.
 */
static bool send_some(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  struct buffer *out = &connection->reactor->out;
  while (connection->out == NULL) {
    CHECK_THAT(out->size, ==, 0);
    if (!settle_failure(connection)) return false;
    if (!gather(http2, out)) {
      buffer_clear(out);
      connection_abort(connection, REFUSAL_MEMORY);
      return false;
    }
    if (out->size > 0) {
      if (!connection_flush(connection)) return false;
    } else if (http2->failure == REFUSAL_NONE || http2->terminated) {
      break;
    }
  }
  if (connection->out != NULL) return false;
  if (nghttp2_session_want_read(http2->session) != 0 ||
      nghttp2_session_want_write(http2->session) != 0)
    return true;
  finish(connection);
  return false;
}

/* ---- working ---- */

void http2_wake(struct http2 *http2)
{
  struct connection *connection = http2->connection;
  /* While it is being worked on, or blocked, whoever does that comes by anyway. */
  if (http2->work || connection->processing || connection->out != NULL) return;
  http2->work = true;
  connection_restart_clock(connection);
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

static void feed(struct http2 *http2, struct bytes input)
{
  count_frames(http2, input);
  ssize_t used = nghttp2_session_mem_recv(http2->session, input.data, input.size);
  if (used < 0)
    http2_fail(http2, why_of(used));
  else
    count_ignored(http2);
}

/* Reads and works once; false when there is nothing to read, or the connection is closed. */
static bool receive(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  int64_t got = connection_read(connection, reactor->input, NET_READ_BYTES);
  if (got == -EAGAIN) return false;
  if (got <= 0) {
    /* The peer is gone, and nobody is left to take a reply. */
    connection_close(connection);
    return false;
  }
  feed(connection->http2, bytes_of(reactor->input, (size_t)got));
  return true;
}

/* Lets it wait for its next turn, with the timer set. */
static void rest(struct connection *connection, bool more)
{
  if (connection->state == CONNECTION_CLOSED) return;
  connection->processing = false;
  if (connection->http2 == NULL) return;
  if (more)
    http2_wake(connection->http2);
  else
    connection_flush(connection);
}

void http2_run(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  if (http2 == NULL || connection->processing) return;
  /* Called by a handler, while the output of another connection is being gathered. */
  if (connection->reactor->out.size > 0) {
    http2_wake(http2);
    return;
  }
  connection->processing = true;
  http2->work = false;
  int reads = 0;
  bool more = send_some(connection);
  while (more && connection->readable && reads++ < READS_PER_RUN)
    more = receive(connection) && send_some(connection);
  rest(connection, more && connection->readable);
}

void http2_deliver(struct connection *connection, struct exchange *exchange)
{
  struct http2 *http2 = connection->http2;
  struct http2_stream *stream = stream_of(http2->session, exchange->http2_stream);
  CHECK(stream != NULL && stream->exchange == exchange && stream->phase == HTTP2_HANDLING);
  if (http2->starved) return; /* it ends, with all of its streams */
  /* A refusal closes where the next request cannot be found, which is another stream here. */
  bool closes = exchange->reply.close && exchange->reply.refusal == REFUSAL_NONE;
  http2_stream_reply(stream);
  if (closes) http2_leave(http2);
  http2_wake(http2);
}

void http2_pump(struct subscriber *subscriber)
{
  http2_stream_pump(
      (struct http2_stream *)((uint8_t *)subscriber - offsetof(struct http2_stream, subscriber)));
}

/* ---- time ---- */

int64_t http2_deadline(const struct http2 *http2, int64_t since_ms, const struct net_limits *limits)
{
  if (http2 == NULL) return since_ms + limits->write_stall_ms;
  if (http2->work) return since_ms;
  if (http2->stream_count > 0) return http2->look_ms;
  int64_t idle_ms = http2->idle_since_ms + limits->idle_ms;
  return idle_ms < http2->look_ms ? idle_ms : http2->look_ms;
}

/* Looks at what may be late, and finds when to look again. */
static void look(struct http2 *http2)
{
  int64_t now_ms = http2_now_ms(http2);
  if (http2->leaving && now_ms >= http2->leave_ms) leave_now(http2);
  if (http2->stream_count == 0 && now_ms >= http2->idle_since_ms + http2_limits(http2)->idle_ms)
    http2_fail(http2, REFUSAL_IDLE);
  http2->look_ms = http2->leaving && !http2->left ? http2->leave_ms : INT64_MAX;
  for (struct http2_stream *stream = http2->streams; stream != NULL && !http2->starved;
       stream = stream->next) {
    if (now_ms >= http2_stream_deadline(stream)) http2_stream_out_of_patience(stream);
    http2_look_by(http2, http2_stream_deadline(stream));
  }
}

void http2_out_of_patience(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  if (http2 == NULL) {
    connection_abort(connection, REFUSAL_WRITE_STALL);
    return;
  }
  if (!http2->work) {
    connection->processing = true;
    look(http2);
    connection->processing = false;
  }
  http2_run(connection);
}

/* ---- life ---- */

void http2_leave(struct http2 *http2)
{
  if (http2->leaving) return;
  http2->leaving = true;
  http2->leave_ms = http2_now_ms(http2) + LEAVE_MS;
  http2_look_by(http2, http2->leave_ms);
  /* RFC 9113 6.8: requests on their way are still taken, for about a round trip. */
  if (nghttp2_submit_shutdown_notice(http2->session) != 0 ||
      nghttp2_submit_ping(http2->session, NGHTTP2_FLAG_NONE, NULL) != 0)
    http2_fail(http2, REFUSAL_MEMORY);
}

void http2_drain(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  if (http2 == NULL) return;
  http2_leave(http2);
  /* What an idle client may be sending now it sends again, elsewhere. */
  if (http2->stream_count == 0) leave_now(http2);
  for (struct http2_stream *stream = http2->streams; stream != NULL; stream = stream->next)
    http2_stream_end_events(stream);
  http2_wake(http2);
}

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

static bool make_session(struct http2 *http2)
{
  nghttp2_session_callbacks *callbacks = make_callbacks();
  nghttp2_option *option = NULL;
  bool made = callbacks != NULL && nghttp2_option_new(&option) == 0;
  if (made) {
    nghttp2_mem mem = {http2, mem_alloc, mem_free, mem_alloc_zeroed, mem_resize};
    nghttp2_option_set_no_closed_streams(option, 1);
    made = nghttp2_session_server_new3(&http2->session, callbacks, http2, option, &mem) == 0;
    if (!made) http2->session = NULL;
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return made;
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

void http2_begin(struct connection *connection)
{
  struct reactor *reactor = connection->reactor;
  struct http2 *http2 = memory_alloc_zeroed(reactor->memory, sizeof *http2);
  if (http2 == NULL) {
    connection_abort(connection, REFUSAL_MEMORY);
    return;
  }
  http2->connection = connection;
  http2->look_ms = INT64_MAX;
  http2->idle_since_ms = http2->odd_since_ms = reactor->loop->now_ms;
  http2->credit = CREDIT_PER_REQUEST;
  http2->payload_left = PREFACE_BYTES;
  connection->http2 = http2;
  connection_enter(connection, CONNECTION_HTTP2);
  metric_add(&reactor->metrics.connections_http2, 1);
  if (!make_session(http2) || !submit_settings(http2)) {
    connection_abort(connection, REFUSAL_MEMORY);
    return;
  }
  if (connection->kept != NULL) {
    connection->processing = true;
    feed(http2, bytes_of(connection->kept, connection->kept_size));
    connection->processing = false;
    connection_keep(connection, (struct bytes){NULL, 0});
  }
  http2_run(connection);
}

void http2_free(struct connection *connection)
{
  struct http2 *http2 = connection->http2;
  connection->http2 = NULL;
  while (http2->streams != NULL) http2_stream_close(http2->streams);
  free_session(http2);
  memory_free(connection->reactor->memory, http2, sizeof *http2);
}
