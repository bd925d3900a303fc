/*
 * What the files of TLS share (tls.h is for everybody else).
 *
 *     tls_self.c  makes a file --> tls_credentials.c  reads files --> tls.c  contexts, ticket keys
 *                                                                      `--> tls_stream.c
 *
 * OpenSSL keeps its errors in a queue per thread. Whoever looks at an error clears the queue before
 * the call, and nobody leaves one filled.
 */
#ifndef TACOS_NET_TLS_PARTS_H
#define TACOS_NET_TLS_PARTS_H

#include "net/tls.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- tls_credentials.c ---- */

struct tls_credentials {
  X509 *certificate;
  STACK_OF(X509) * chain; /* what the file has after the certificate; may be empty */
  EVP_PKEY *key;
};

/*
 * Reads certificate, chain and key; they belong together. Freed by tls_credentials_free. When a
 * file does not exist, error->os_errno is ENOENT.
 */
bool tls_credentials_read(struct world *world, const char *certificate_file, const char *key_file,
                          struct tls_credentials *credentials, struct error *error);
void tls_credentials_free(struct tls_credentials *credentials);

/* What a person should know of it at `now_ms`. */
void tls_credentials_describe(const struct tls_credentials *credentials, int64_t now_ms,
                              struct tls_certificate *to);

/*
 * The reason of the first error in OpenSSL's queue of this thread, which is cleared; a constant. A
 * queue without a reason gives "unknown reason".
 */
const char *tls_take_reason(void);

/* ---- tls_self.c ---- */

enum { TLS_SELF_PATH_BYTES = 4096 };

/*
 * Makes sure that the directory has a file with a certificate of ours and its key, valid for
 * TLS_SELF_DAYS_LEFT more days, and writes its path. A file of that name that is not ours is an
 * error, never overwritten. The directory is made when absent (its parent is not).
 */
bool tls_self_prepare(struct world *world, const char *directory, char path[TLS_SELF_PATH_BYTES],
                      struct error *error);

/* ---- tls.c ---- */

enum {
  TLS_TICKET_NAME_BYTES = 16, /* so OpenSSL has it */
  TLS_TICKET_CIPHER_BYTES = 32,
  TLS_TICKET_MAC_BYTES = 32,
};

/* Tickets are encrypted with AES-256-CBC and then authenticated by HMAC-SHA256 (RFC 5077 4). */
struct tls_ticket_key {
  bool present;
  int64_t made_ns; /* monotonic, of the world whose stream needed it */
  uint8_t name[TLS_TICKET_NAME_BYTES];
  uint8_t cipher[TLS_TICKET_CIPHER_BYTES];
  uint8_t mac[TLS_TICKET_MAC_BYTES];
};

/*
 * An SSL_CTX with the number of streams that use it. Only the thread of struct tls frees one, and
 * only when it is no more the current one and has no stream: struct memory allows no other.
 */
struct tls_context {
  struct tls_context *next; /* older */
  SSL_CTX *ssl_context;
  _Atomic uint64_t streams;
  struct tls_certificate certificate;
};

struct tls {
  /* Constant. */
  struct tls_options options;
  struct world *world;
  BIO_METHOD *transport; /* tls_stream.c */
  EVP_CIPHER *ticket_cipher;
  /* Under the lock; only the thread of `world` changes contexts. */
  pthread_mutex_t lock;
  struct tls_context *contexts; /* the current one, then those that still have streams */
  struct tls_ticket_key current;
  struct tls_ticket_key previous;
};

/* The current context, with one more stream; and one less. Any thread. */
struct tls_context *tls_context_acquire(struct tls *tls);
void tls_context_release(struct tls_context *context);

/*
 * Tickets: the key that makes them at now_ns, or the one of this name (then *renew says whether
 * the ticket should be replaced); false when there is none. The caller wipes *key. Any thread.
 */
bool tls_ticket_key_to_make(struct tls *tls, int64_t now_ns, struct tls_ticket_key *key);
bool tls_ticket_key_to_open(struct tls *tls, int64_t now_ns,
                            const uint8_t name[TLS_TICKET_NAME_BYTES], struct tls_ticket_key *key,
                            bool *renew);

/* ---- tls_stream.c ---- */

/* The network as a BIO, whose data is a struct tls_stream; NULL when there is no memory. */
BIO_METHOD *tls_transport_new(void);

/* The struct tls and monotonic clock of the stream that OpenSSL calls back for. */
struct tls *tls_stream_owner(const SSL *ssl, int64_t *now_ns);

#endif
