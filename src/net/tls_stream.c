/*
 * One connection: an SSL over a BIO over world->net.
 *
 *               handshake                    close_notify read
 *     fresh ---------------> handshaken -------------------------> ended
 *       |   SSL_do_handshake     |                                   |
 *       '--------------------.   |   .-------------------------------'
 *                            v   v   v     settle()
 *                             failed: every call gives the same error
 *
 * shut (close_notify sent) is independent of ended: each direction closes on its own.
 */
#include "base/check.h"
#include "net/tls_parts.h"

#include <errno.h>
#include <openssl/err.h>

struct tls_stream {
  struct tls *tls;
  struct tls_context *context;
  struct world *world;
  struct memory *memory;
  SSL *ssl;
  int stream;           /* the handle */
  int transport_error;  /* negative: what the network said, after which it is dead */
  int failure;          /* negative: what every call gives from now on */
  unsigned int reason;  /* OpenSSL's error code of -EPROTO, 0: none */
  uint32_t silent;      /* bytes since the last content, see TLS_SILENT_BYTES */
  uint32_t pending;     /* bytes that the next write must have at least */
  bool heard;           /* the peer has sent something */
  bool transport_ended; /* its end of the stream was read */
  bool handshaken;
  bool ended;
  bool shut;
  bool flooded;
  bool reading; /* we are in tls_stream_read */
  bool wants_write;
};

static void assert_state(const struct tls_stream *stream)
{
  CHECK_THAT(stream->failure, <=, 0);
  CHECK_THAT(stream->pending, <=, TLS_RECORD_BYTES);
  CHECK(stream->handshaken || (stream->pending == 0 && !stream->shut));
  CHECK(stream->reason == 0 || stream->failure == -EPROTO);
}

/* ---- the network as a BIO ---- */

/* OpenSSL looks at errno when a client left before its ticket was sent, and forgives it. */
static int transport_failed(struct tls_stream *stream, int64_t result)
{
  stream->transport_error = (int)result;
  errno = (int)-result;
  return -1;
}

/*
 * Only tls_stream_read takes bytes from the network. If a write did (OpenSSL would, to finish what
 * it is about), they would wait in OpenSSL while the kernel has no readiness left to tell of.
 */
static int transport_read(BIO *bio, char *to, int size)
{
  struct tls_stream *stream = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0 || stream->transport_ended) return 0;
  if (stream->transport_error != 0) return transport_failed(stream, stream->transport_error);
  if (!stream->reading) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (stream->silent >= TLS_SILENT_BYTES) {
    stream->flooded = true;
    return transport_failed(stream, -EPROTO);
  }
  int64_t got = stream->world->net->read(stream->world, stream->stream, to, (size_t)size);
  if (got == -EAGAIN) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (got < 0) return transport_failed(stream, got);
  stream->heard = stream->heard || got > 0;
  stream->transport_ended = got == 0;
  stream->silent += (uint32_t)got;
  return (int)got;
}

static int transport_write(BIO *bio, const char *from, int size)
{
  struct tls_stream *stream = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  if (stream->transport_error != 0) return transport_failed(stream, stream->transport_error);
  int64_t sent = stream->world->net->write(stream->world, stream->stream, from, (size_t)size);
  if (sent == -EAGAIN) {
    BIO_set_retry_write(bio);
    return -1;
  }
  if (sent < 0) return transport_failed(stream, sent);
  return (int)sent;
}

static long transport_control(BIO *bio, int command, long number, void *pointer)
{
  (void)number;
  (void)pointer;
  const struct tls_stream *stream = BIO_get_data(bio);
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return stream->transport_ended;
  return 0;
}

BIO_METHOD *tls_transport_new(void)
{
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "world");
  if (method == NULL) return NULL;
  if (BIO_meth_set_read(method, transport_read) == 1 &&
      BIO_meth_set_write(method, transport_write) == 1 &&
      BIO_meth_set_ctrl(method, transport_control) == 1)
    return method;
  BIO_meth_free(method);
  return NULL;
}

struct tls *tls_stream_owner(const SSL *ssl, int64_t *now_ns)
{
  const struct tls_stream *stream = BIO_get_data(SSL_get_rbio(ssl));
  *now_ns = world_monotonic_ns(stream->world);
  return stream->tls;
}

/* ---- life ---- */

static SSL *make_ssl(struct tls_stream *stream)
{
  ERR_clear_error();
  SSL *ssl = SSL_new(stream->context->ssl_context);
  BIO *bio = ssl != NULL ? BIO_new(stream->tls->transport) : NULL;
  if (bio == NULL) {
    SSL_free(ssl);
    ERR_clear_error();
    return NULL;
  }
  BIO_set_data(bio, stream);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_accept_state(ssl);
  return ssl;
}

struct tls_stream *tls_stream_new(struct tls *tls, struct world *world, int stream,
                                  struct memory *memory)
{
  struct tls_stream *made = memory_alloc_zeroed(memory, sizeof *made);
  if (made == NULL) return NULL;
  made->tls = tls;
  made->world = world;
  made->memory = memory;
  made->stream = stream;
  made->context = tls_context_acquire(tls);
  made->ssl = make_ssl(made);
  if (made->ssl != NULL) return made;
  tls_stream_free(made);
  return NULL;
}

void tls_stream_free(struct tls_stream *stream)
{
  SSL_free(stream->ssl);
  tls_context_release(stream->context);
  memory_free(stream->memory, stream, sizeof *stream);
}

/* ---- results ---- */

static int64_t fail(struct tls_stream *stream, int failure)
{
  stream->failure = failure;
  return failure;
}

static int64_t fail_by_queue(struct tls_stream *stream)
{
  unsigned long code = ERR_peek_error();
  bool ours = ERR_GET_LIB(code) == ERR_LIB_SSL;
  if (ours && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    return fail(stream, -ECONNRESET);
  if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) return fail(stream, -ENOMEM);
  stream->reason = (unsigned int)code;
  return fail(stream, -EPROTO);
}

/* What a call of OpenSSL that gave `result`, not a success, means to our caller. */
static int64_t settle(struct tls_stream *stream, int result)
{
  int kind = SSL_get_error(stream->ssl, result);
  int64_t outcome = -EAGAIN;
  if (stream->transport_error != 0) {
    outcome = fail(stream, stream->transport_error);
  } else if (kind == SSL_ERROR_ZERO_RETURN || (stream->transport_ended && !stream->heard)) {
    stream->ended = true;
    outcome = 0;
  } else if (kind == SSL_ERROR_WANT_WRITE) {
    stream->wants_write = stream->wants_write || stream->reading;
  } else if (kind == SSL_ERROR_SSL) {
    outcome = fail_by_queue(stream);
  } else if (kind != SSL_ERROR_WANT_READ) {
    outcome = fail(stream, -ECONNRESET);
  }
  ERR_clear_error();
  assert_state(stream);
  return outcome;
}

/* ---- reading and writing ---- */

static int64_t read_content(struct tls_stream *stream, void *to, size_t size)
{
  ERR_clear_error();
  if (!stream->handshaken) {
    int result = SSL_do_handshake(stream->ssl);
    if (result != 1) return settle(stream, result);
    stream->handshaken = true;
    stream->silent = 0;
  }
  size_t got = 0;
  int result = SSL_read_ex(stream->ssl, to, size, &got);
  if (result != 1) return settle(stream, result);
  stream->silent = 0;
  return (int64_t)got;
}

int64_t tls_stream_read(struct tls_stream *stream, void *to, size_t size)
{
  CHECK_THAT(size, >, 0);
  stream->wants_write = false;
  if (stream->failure != 0) return stream->failure;
  if (stream->ended) return 0;
  stream->reading = true;
  int64_t outcome = read_content(stream, to, size);
  stream->reading = false;
  return outcome;
}

int64_t tls_stream_write(struct tls_stream *stream, const void *from, size_t size)
{
  CHECK_THAT(size, >, 0);
  if (stream->failure != 0) return stream->failure;
  if (stream->shut) return -EPIPE;
  if (!stream->handshaken) return stream->ended ? -EPIPE : -EAGAIN;
  CHECK_THAT(size, >=, stream->pending);
  stream->pending = 0;
  size_t done = 0;
  while (done < size) {
    size_t sent = 0;
    ERR_clear_error();
    int result = SSL_write_ex(stream->ssl, (const uint8_t *)from + done, size - done, &sent);
    if (result == 1) {
      done += sent;
      continue;
    }
    int64_t outcome = settle(stream, result);
    size_t left = size - done;
    if (outcome == -EAGAIN)
      stream->pending = left < TLS_RECORD_BYTES ? (uint32_t)left : TLS_RECORD_BYTES;
    if (done == 0) return outcome != 0 ? outcome : -EPIPE;
    break;
  }
  return (int64_t)done;
}

bool tls_stream_wants_write(const struct tls_stream *stream)
{
  return stream->wants_write;
}

void tls_stream_shutdown(struct tls_stream *stream)
{
  if (!stream->handshaken || stream->shut || stream->failure != 0) return;
  stream->shut = true;
  /* A record of which the peer has a part must be finished before another can begin. */
  if (stream->pending > 0) return;
  ERR_clear_error();
  (void)SSL_shutdown(stream->ssl);
  ERR_clear_error();
}

/* ---- what was agreed ---- */

bool tls_stream_handshaken(const struct tls_stream *stream)
{
  return stream->handshaken;
}

struct bytes tls_stream_protocol(const struct tls_stream *stream)
{
  const unsigned char *name = NULL;
  unsigned int size = 0;
  SSL_get0_alpn_selected(stream->ssl, &name, &size);
  return bytes_of(name, size);
}

struct bytes tls_stream_version(const struct tls_stream *stream)
{
  return bytes_of_text(SSL_get_version(stream->ssl));
}

bool tls_stream_resumed(const struct tls_stream *stream)
{
  return SSL_session_reused(stream->ssl) == 1;
}

struct bytes tls_stream_failure(const struct tls_stream *stream)
{
  if (stream->flooded) return BYTES("too many bytes without content");
  if (stream->reason == 0) return bytes_of(NULL, 0);
  const char *reason = ERR_reason_error_string(stream->reason);
  return bytes_of_text(reason != NULL ? reason : "unknown reason");
}
