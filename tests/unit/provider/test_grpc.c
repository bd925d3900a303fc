#include "provider/grpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nghttp2/nghttp2.h>
#include <string.h>

struct peer {
  struct memory memory;
  struct grpc_session *server;
  nghttp2_session *client;
  struct buffer reply; /* DATA that the client got */
  char status[8];      /* grpc-status */
  bool has_status;
};

static void answer(void *context, struct bytes path, struct bytes message, struct arena *arena,
                   struct grpc_reply *reply)
{
  (void)context;
  reply->message = arena_copy(arena, message);
  if (bytes_equal(path, BYTES("/fail"))) {
    reply->status = GRPC_INVALID_ARGUMENT;
    reply->status_detail = BYTES("50% \n");
  }
}

static bool is_stream(void *context, struct bytes path)
{
  (void)context;
  return bytes_equal(path, BYTES("/stream"));
}

static const struct grpc_handler HANDLER = {NULL, answer, is_stream};

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
  (void)session;
  (void)frame;
  (void)flags;
  struct peer *peer = context;
  if (bytes_equal(bytes_of(name, name_size), BYTES("grpc-status"))) {
    peer->has_status = true;
    memcpy(peer->status, value, value_size);
    peer->status[value_size] = '\0';
  }
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *context)
{
  (void)session;
  (void)flags;
  (void)id;
  buffer_append(&((struct peer *)context)->reply, bytes_of(data, size));
  return 0;
}

static void open_peer(struct peer *peer)
{
  nghttp2_session_callbacks *callbacks;
  *peer = (struct peer){0};
  buffer_init(&peer->reply, &peer->memory);
  peer->server = grpc_session_new(&HANDLER, &peer->memory);
  assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  assert_int_equal(nghttp2_session_client_new(&peer->client, callbacks, peer), 0);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(peer->client, NGHTTP2_FLAG_NONE, NULL, 0);
}

static void close_peer(struct peer *peer)
{
  nghttp2_session_del(peer->client);
  grpc_session_free(peer->server);
  buffer_free(&peer->reply);
  assert_int_equal(peer->memory.in_use, 0);
}

/* Hands bytes to and fro until both are silent; to the server in the smallest of pieces. */
static void exchange(struct peer *peer)
{
  for (bool busy = true; busy;) {
    const uint8_t *data;
    ssize_t size;
    busy = false;
    while ((size = nghttp2_session_mem_send(peer->client, &data)) > 0) {
      for (ssize_t i = 0; i < size; i++)
        assert_true(grpc_session_feed(peer->server, bytes_of(data + i, 1)));
      busy = true;
    }
    struct bytes output;
    while ((output = grpc_session_output(peer->server)).size > 0) {
      assert_true(nghttp2_session_mem_recv(peer->client, output.data, output.size) >= 0);
      busy = true;
    }
  }
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
  (void)session;
  (void)id;
  (void)context;
  struct bytes *body = source->ptr;
  size_t part = body->size < size ? body->size : size;
  if (part > 0) memcpy(to, body->data, part);
  *body = bytes_of(body->data + part, body->size - part);
  if (body->size == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)part;
}

static void request(struct peer *peer, const char *path, struct bytes body)
{
  nghttp2_nv headers[] = {
      {(uint8_t *)":method", (uint8_t *)"POST", 7, 4, 0},
      {(uint8_t *)":scheme", (uint8_t *)"http", 7, 4, 0},
      {(uint8_t *)":authority", (uint8_t *)"x", 10, 1, 0},
      {(uint8_t *)":path", (uint8_t *)path, 5, strlen(path), 0},
  };
  nghttp2_data_provider provider = {.source = {.ptr = &body}, .read_callback = read_body};
  peer->has_status = false;
  buffer_clear(&peer->reply);
  assert_true(nghttp2_submit_request(peer->client, NULL, headers, 4, &provider, NULL) > 0);
  exchange(peer);
}

static void test_a_call(void **state)
{
  (void)state;
  struct peer peer;
  open_peer(&peer);
  request(&peer, "/echo", BYTES("\0\0\0\0\2hi"));
  assert_string_equal(peer.status, "0");
  assert_true(bytes_equal(buffer_bytes(&peer.reply), BYTES("\0\0\0\0\2hi")));
  request(&peer, "/fail", BYTES("\0\0\0\0\0"));
  assert_string_equal(peer.status, "3");
  assert_int_equal(peer.reply.size, 0);
  close_peer(&peer);
}

static void test_a_large_reply_waits_for_the_window(void **state)
{
  (void)state;
  enum { SIZE = 300000 };
  static uint8_t body[GRPC_PREFIX_BYTES + SIZE] = {0, 0, SIZE >> 16, SIZE >> 8 & 0xff, SIZE & 0xff};
  struct peer peer;
  open_peer(&peer);
  request(&peer, "/echo", bytes_of(body, sizeof(body)));
  assert_string_equal(peer.status, "0");
  assert_int_equal(peer.reply.size, sizeof(body));
  close_peer(&peer);
}

static void test_wrong_framing(void **state)
{
  (void)state;
  struct peer peer;
  open_peer(&peer);
  request(&peer, "/echo", BYTES("\0\0\0\0\3hi"));
  assert_string_equal(peer.status, "3");
  request(&peer, "/echo", BYTES("\1\0\0\0\2hi"));
  assert_string_equal(peer.status, "12");
  request(&peer, "/echo", BYTES("\0"));
  assert_string_equal(peer.status, "3");
  close_peer(&peer);
}

static void test_a_stream_stays_open(void **state)
{
  (void)state;
  struct peer peer;
  open_peer(&peer);
  request(&peer, "/stream", BYTES(""));
  assert_false(peer.has_status);
  request(&peer, "/echo", BYTES("\0\0\0\0\0"));
  assert_true(peer.has_status);
  close_peer(&peer);
}

static void test_what_is_no_http2(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct grpc_session *session = grpc_session_new(&HANDLER, &memory);
  assert_false(grpc_session_feed(session, BYTES("GET / HTTP/1.1\r\n\r\n")));
  grpc_session_free(session);
  assert_int_equal(memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_call),
      cmocka_unit_test(test_a_large_reply_waits_for_the_window),
      cmocka_unit_test(test_wrong_framing),
      cmocka_unit_test(test_a_stream_stays_open),
      cmocka_unit_test(test_what_is_no_http2),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
