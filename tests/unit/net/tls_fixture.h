/*
 * What the tests of TLS share: certificates in a directory, and connections of an OpenSSL client
 * with a tls_stream through the simulated network.
 *
 * The server's side of a connection is driven by readiness alone, exactly as tls.h tells its
 * callers to; so a test that gets its bytes shows that no edge was missed.
 */
#ifndef TACOS_UNIT_NET_TLS_FIXTURE_H
#define TACOS_UNIT_NET_TLS_FIXTURE_H

#include "base/world_linux.h"
#include "net/tls.h"
#include "sim/random.h"
#include "sim/world_sim.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- files ---- */

enum { TLS_FILES_PATH_BYTES = 160 };

struct tls_files {
  struct world_linux linux_world;
  struct world_operations operations; /* of `world`: a test may replace some */
  struct world *world;
  char directory[64];
  char certificate[TLS_FILES_PATH_BYTES]; /* of localhost, signed by itself */
  char key[TLS_FILES_PATH_BYTES];
};

/* An empty directory, and with `pair` the two files. */
void tls_files_begin(struct tls_files *files, bool pair);

/* Removes the directory; nothing of the world's memory may be in use. */
void tls_files_end(struct tls_files *files);

void tls_files_path(const struct tls_files *files, const char *name, char *path);
void tls_files_write(const char *path, const void *data, size_t size);

/* The file with a zero behind it; *size without it. The caller frees it. */
char *tls_files_read(const char *path, size_t *size);

EVP_PKEY *tls_files_make_key(int rsa_bits); /* 0: P-256 */

/* A certificate of `subject`, signed by issuer_key (NULL: by its own). Times relative to now. */
X509 *tls_files_make_certificate(EVP_PKEY *key, const char *subject, const char *issuer,
                                 EVP_PKEY *issuer_key, long from_seconds, long until_seconds);

/* Any of the three may be NULL; mode 0600. */
void tls_files_write_pem(const char *path, EVP_PKEY *key, X509 *certificate, X509 *chain);

/* A new pair in these files. */
void tls_files_make_pair(const char *certificate, const char *key, const char *subject,
                         long until_seconds);

struct tls_options tls_files_options(const struct tls_files *files);

/* ---- connections ---- */

struct tls_net {
  struct world_sim *sim;
  struct world *server;
  struct world *client;
  int listener;
  BIO_METHOD *method; /* of clients */
};

void tls_net_begin(struct tls_net *net, uint64_t seed);

/* Nothing of the server's memory may be in use. */
void tls_net_end(struct tls_net *net);

/* What a client wants; zeros: anything, nothing to resume. */
struct tls_client_options {
  int version;           /* TLS1_2_VERSION and so on, alone */
  const char *protocols; /* of ALPN, each with its length before it */
  SSL_SESSION *resume;
  bool raw; /* no TLS: the test writes what it likes to the handle */
};

/* Bytes of one side. */
struct tls_flow {
  uint8_t *data; /* to send */
  size_t size;
  size_t sent;
  uint8_t *received;
  size_t received_size;
  int64_t read_result;  /* of the server's last read, write */
  int64_t write_result; /* -EAGAIN while it waits */
};

struct tls_link {
  struct tls_net *net;
  struct tls *tls;
  int server_handle; /* -1: not accepted */
  struct tls_stream *stream;
  struct tls_flow server;
  int client_handle;
  SSL_CTX *context;
  SSL *ssl; /* NULL: raw */
  struct tls_flow client;
  int client_error;             /* SSL_get_error of the last that was no success */
  int client_reason;            /* of SSL_ERROR_SSL */
  int transport_error;          /* of the client */
  bool client_ended;            /* its network said 0 */
  bool server_paused;           /* reads nothing */
  bool moving;                  /* writes from another address each time */
  SSL_SESSION *session;         /* the last ticket; freed at the end */
  uint32_t tickets;             /* that came */
  struct world_address address; /* of the client */
};

void tls_link_begin(struct tls_link *link, struct tls_net *net, struct tls *tls,
                    const struct tls_client_options *options);
void tls_link_end(struct tls_link *link);

/* Lets both sides work until nothing is under way any more. */
void tls_link_settle(struct tls_link *link);

/* Has `size` bytes of a pattern sent, behind what was given before. */
void tls_link_send(struct tls_link *link, bool from_server, size_t size);

/* All that one side was to send has arrived at the other unchanged. */
void tls_link_assert_arrived(const struct tls_link *link, bool from_server);

/* The handshake succeeds; the client sends 100 bytes and the server 200. */
void tls_link_exchange(struct tls_link *link);

/*
 * A whole connection of a client that may come with `resume`: whether it was resumed; *session, if
 * not NULL, is the ticket it got (the caller's).
 */
bool tls_link_once(struct tls_net *net, struct tls *tls, int version, SSL_SESSION *resume,
                   SSL_SESSION **session);

#endif
