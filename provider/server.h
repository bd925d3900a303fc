/*
 * The plugin's server: one thread, one poll loop, connections on a unix socket.
 *
 * Terraform opens one connection; a reattached one may come and go. Requests are answered one after
 * the other in the order in which they are whole: each takes microseconds.
 */
#ifndef TACOS_PROVIDER_SERVER_H
#define TACOS_PROVIDER_SERVER_H

#include "base/error.h"
#include "provider/grpc.h"

#include <openssl/ssl.h>
#include <signal.h>

struct server {
  int listener;
  SSL_CTX *tls; /* NULL: the socket's permissions are the protection (reattach) */
  const struct grpc_handler *handler;
  struct memory *memory;
  volatile sig_atomic_t *stop; /* set by a signal or a request: answer what is pending, return */
  bool until_idle; /* return when the last connection is gone: Terraform died without a word */
};

/* Listens on `path`, for this user only. Returns the descriptor, or -1 with *error. */
int server_listen(const char *path, struct error *error);

void server_run(struct server *server);

#endif
