/*
 * nginx as the peer of the HTTP server: one worker, no access log, its answers without any work of
 * an application (`return 200`), sendfile and tcp_nopush on as Debian sets them, and over TLS the
 * settings of ours (TLS 1.3, the same suites and groups, one ticket).
 *
 *     GET, POST /hello       the JSON that it is given
 *     GET /files/<name>      files of the directory `files` below its own
 */
#ifndef TACOS_BENCH_PEER_NGINX_H
#define TACOS_BENCH_PEER_NGINX_H

#include "child.h"

struct peer_nginx {
  struct child master;
  pid_t worker;
  uint16_t port, tls_port;
};

/* Writes its configuration into an absolute directory and starts it; certificate.pem and key.pem
   are there. */
void peer_nginx_start(struct peer_nginx *peer, const char *directory, const char *json);
void peer_nginx_stop(struct peer_nginx *peer);

#endif
