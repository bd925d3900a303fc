#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/client_fixture.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

/* A reply of 'x' repeated, as long as the path "/large/N" says; others have none. */
struct stream {
  struct stream *next;
  size_t left;
  bool never;
};

struct client_fixture_http2 {
  struct client_fixture *fixture;
  nghttp2_session *session;
  struct stream *streams; /* all there were */
};

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
  struct client_fixture_http2 *http2 = context;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  struct stream *stream = calloc(1, sizeof(*stream));
  assert_non_null(stream);
  stream->next = http2->streams;
  http2->streams = stream;
  return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
  (void)flags;
  (void)context;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (stream == NULL || !bytes_equal(bytes_of(name, name_size), BYTES(":path"))) return 0;
  char path[64];
  snprintf(path, sizeof(path), "%.*s", (int)value_size, (const char *)value);
  stream->never = strcmp(path, "/never") == 0;
  if (strncmp(path, "/large/", 7) == 0) stream->left = strtoul(path + 7, NULL, 10);
  return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
  (void)session;
  (void)id;
  (void)context;
  struct stream *stream = source->ptr;
  size_t part = stream->left < size ? stream->left : size;
  memset(to, 'x', part);
  stream->left -= part;
  if (stream->left == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)part;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
  struct client_fixture_http2 *http2 = context;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (stream == NULL) return 0;
  http2->fixture->requests++;
  http2->fixture->http2_requests++;
  if (stream->never) return 0;
  nghttp2_nv headers[] = {{(uint8_t *)":status", (uint8_t *)"200", 7, 3, NGHTTP2_NV_FLAG_NONE},
                          {(uint8_t *)"x-test", (uint8_t *)"h2", 6, 2, NGHTTP2_NV_FLAG_NONE}};
  nghttp2_data_provider body = {.source.ptr = stream, .read_callback = read_body};
  return nghttp2_submit_response(session, frame->hd.stream_id, headers, 2, &body);
}

struct client_fixture_http2 *client_fixture_http2_new(struct client_fixture *fixture)
{
  struct client_fixture_http2 *http2 = calloc(1, sizeof(*http2));
  assert_non_null(http2);
  http2->fixture = fixture;
  nghttp2_session_callbacks *callbacks;
  assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  assert_int_equal(nghttp2_session_server_new(&http2->session, callbacks, http2), 0);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_settings_entry streams = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100};
  assert_int_equal(nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, &streams, 1), 0);
  return http2;
}

void client_fixture_http2_free(struct client_fixture_http2 *http2)
{
  if (http2 == NULL) return;
  nghttp2_session_del(http2->session);
  while (http2->streams != NULL) {
    struct stream *next = http2->streams->next;
    free(http2->streams);
    http2->streams = next;
  }
  free(http2);
}

void client_fixture_http2_run(struct client_fixture_http2 *http2, struct buffer *in,
                              struct buffer *out)
{
  if (in->size > 0) {
    assert_true(nghttp2_session_mem_recv(http2->session, in->data, in->size) >= 0);
    buffer_clear(in);
  }
  const uint8_t *data;
  ssize_t size;
  while ((size = nghttp2_session_mem_send(http2->session, &data)) > 0)
    assert_true(buffer_append(out, bytes_of(data, (size_t)size)));
  assert_int_equal(size, 0);
}
