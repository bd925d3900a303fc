/*
 * TLS 1.3 and 1.2 at the door, by OpenSSL 3 over the injected network.
 *
 *     struct tls            certificate, key, settings, ticket keys: one for the process
 *       `- context          what new connections begin with; tls_reload puts a new one in its place
 *            `- tls_stream  one connection: what world->net->read and write are to a plain one
 *
 * Offered: TLS 1.3, and 1.2 with ECDHE and an AEAD; X25519 and P-256; ALPN "h2" and "http/1.1".
 * Not offered: renegotiation, compression, early data (its requests can be replayed, RFC 8446 8),
 * sessions kept here. Resumption is by tickets alone, whose keys live in struct tls, so that a
 * reload forgets nobody; a key makes tickets for TLS_TICKET_KEY_HOURS and opens them for as long
 * again.
 *
 * Memory: struct tls is from the memory of its world, a stream from the memory it is given.
 * OpenSSL's own allocations do not pass through struct memory: it has one allocator for the whole
 * process, which no test could make fail for one of several owners. Running out there is an error
 * like any other.
 *
 * Threads: tls_open, tls_reload and tls_close belong to the thread of `world`; tls_stream_new and
 * tls_describe may be called by any; a stream belongs to the thread of its own world.
 *
 * In the simulator OpenSSL's random numbers are real ones: a run repeats in what it does, not in
 * its bytes.
 */
#ifndef TACOS_NET_TLS_H
#define TACOS_NET_TLS_H

#include "base/error.h"
#include "base/world.h"
#include "base/world_net.h"

enum {
  /* A certificate chain or key; real ones are below 10 KB. */
  TLS_FILE_BYTES = 1 << 20,
  /* How long one key makes tickets. The fewer tickets a stolen key opens the better. */
  TLS_TICKET_KEY_HOURS = 12,
  /* A self-made certificate's life: the longest that Apple's platforms accept is 398 days. */
  TLS_SELF_DAYS = 397,
  /* One that ends sooner is made anew. */
  TLS_SELF_DAYS_LEFT = 7,
  /* Bytes from a peer without one of content among them, then the connection ends: more than any
     handshake or four records that carry something. Bounds what a flood of empty records or key
     updates can cost between two calls. */
  TLS_SILENT_BYTES = 65536,
  /* The plaintext of one record (RFC 8446 5.1). */
  TLS_RECORD_BYTES = 16384,
  TLS_SUBJECT_BYTES = 128,
  TLS_WARNING_BYTES = 256,
};

struct tls;
struct tls_stream;

/* The strings outlive the struct tls. Either the two files or self_directory. */
struct tls_options {
  const char *certificate_file; /* PEM: the server's certificate first, then its chain */
  const char *key_file;         /* PEM, without passphrase; may be the same file */
  const char *self_directory;   /* a certificate is made here, and used again while it is valid */
  bool http2;                   /* offer "h2" before "http/1.1" */
};

/* The certificate in use, for the log and metrics. */
struct tls_certificate {
  int64_t not_before_ms; /* UTC since 1970 */
  int64_t not_after_ms;
  char subject[TLS_SUBJECT_BYTES]; /* its common name; may be empty */
  char warning[TLS_WARNING_BYTES]; /* when it was loaded: expired, chain out of order; or empty */
};

/*
 * NULL, with a message that names the file and says what to do, when the certificate or key cannot
 * be used: absent, no PEM, encrypted, not belonging together, too weak, a key that everybody can
 * read. A certificate that expired is used nevertheless, see tls_describe. `world` must be Linux's
 * (a handle is a descriptor, whose mode is looked at).
 */
struct tls *tls_open(const struct tls_options *options, struct world *world, struct error *error);

/*
 * Reads the same files again. Connections made from now on use what was read; those that are there
 * keep theirs. On an error all stays as it was.
 */
bool tls_reload(struct tls *tls, struct error *error);

/* No stream may be left. `tls` may be NULL. */
void tls_close(struct tls *tls);

void tls_describe(struct tls *tls, struct tls_certificate *to);

/*
 * The server's side of a connection whose stream handle was accepted by `world`. The handle stays
 * the caller's, who closes it after tls_stream_free. NULL when there is no memory.
 */
struct tls_stream *tls_stream_new(struct tls *tls, struct world *world, int stream,
                                  struct memory *memory);
void tls_stream_free(struct tls_stream *stream);

/*
 * As world->net->read and write, with TLS in between; reading makes the handshake. Readiness of the
 * handle (edge-triggered, world_net.h) is turned into calls like this:
 *
 *     READ   read until -EAGAIN; then repeat a write that gave -EAGAIN
 *     WRITE  if tls_stream_wants_write, read until -EAGAIN; then repeat a write that gave -EAGAIN
 *
 * So a handle is watched for both from the beginning, and until the handshake is done nobody stops
 * reading. Later a caller that has no use for more input may leave READ aside, but comes back by
 * itself: without an -EAGAIN from read no other READ is told, and bytes may wait here that the
 * kernel does not know of.
 *
 * read: at most one record at a time; 0 once the peer has said that no more will come
 * (close_notify), or when it went without ever having sent anything; we may still write.
 * write: bytes taken, as many whole records as the network took; -EAGAIN before the handshake is
 * done. After -EAGAIN a part of a record may be under way: the next write must begin with the same
 * bytes and have at least min(size, TLS_RECORD_BYTES) of them, at any address.
 *
 * Errors are final, the same one comes again:
 *   -ECONNRESET  the peer went without close_notify: what was read may be cut short (RFC 8446 6.1)
 *   -EPROTO      the peer does not speak TLS as we do; tls_stream_failure says more
 *   -EPIPE       write after tls_stream_shutdown, or after the peer left during the handshake
 *   -ENOMEM      OpenSSL had no memory
 *   others       from the network
 */
int64_t tls_stream_read(struct tls_stream *stream, void *to, size_t size);
int64_t tls_stream_write(struct tls_stream *stream, const void *from, size_t size);

/* The last read gave -EAGAIN because the network did not take what has to be sent first. */
bool tls_stream_wants_write(const struct tls_stream *stream);

/*
 * Sends close_notify, as far as the network takes it now: nothing more will be written, reading
 * goes on. After a write that gave -EAGAIN, or before the end of the handshake, nothing is sent:
 * the peer sees that the connection was cut.
 */
void tls_stream_shutdown(struct tls_stream *stream);

bool tls_stream_handshaken(const struct tls_stream *stream);

/* After the handshake: "h2", "http/1.1", or empty when the client did not say; then it is 1.1. */
struct bytes tls_stream_protocol(const struct tls_stream *stream);

/* After the handshake: "TLSv1.3" or "TLSv1.2". */
struct bytes tls_stream_version(const struct tls_stream *stream);

/* After the handshake: whether the client came with a ticket of ours. */
bool tls_stream_resumed(const struct tls_stream *stream);

/* Why it failed with -EPROTO, as OpenSSL words it ("http request"); empty otherwise. */
struct bytes tls_stream_failure(const struct tls_stream *stream);

#endif
