#include "peer_nginx.h"

#include "base/check.h"
#include "clients.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
  START_LOOKS = 500, /* with START_LOOK_NS between: five seconds */
  START_LOOK_NS = 10000000,
};

/* The directory twice for each %s that is a path; then the ports and the reply. */
static const char HEAD[] = "daemon off;\n"
                           "worker_processes 1;\n"
                           "pid %1$s/nginx.pid;\n"
                           "error_log %1$s/nginx.log;\n"
                           "events { worker_connections 4096; }\n"
                           "http {\n"
                           "  access_log off;\n"
                           "  sendfile on;\n"
                           "  tcp_nopush on;\n"
                           "  keepalive_requests 4000000000;\n"
                           "  keepalive_timeout 600s;\n"
                           "  default_type application/octet-stream;\n"
                           "  client_body_temp_path %1$s/body;\n"
                           "  proxy_temp_path %1$s/proxy;\n"
                           "  fastcgi_temp_path %1$s/fastcgi;\n"
                           "  uwsgi_temp_path %1$s/uwsgi;\n"
                           "  scgi_temp_path %1$s/scgi;\n";

static const char SERVER[] = "  server {\n"
                             "    listen 127.0.0.1:%2$u reuseport;\n"
                             "    listen 127.0.0.1:%3$u ssl reuseport;\n"
                             "    ssl_certificate %1$s/certificate.pem;\n"
                             "    ssl_certificate_key %1$s/key.pem;\n"
                             "    ssl_protocols TLSv1.3;\n"
                             "    ssl_ecdh_curve X25519:P-256;\n"
                             "    ssl_session_tickets on;\n"
                             "    ssl_conf_command NumTickets 1;\n"
                             "    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:"
                             "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256;\n"
                             "    location = /hello {\n"
                             "      default_type \"application/json; charset=utf-8\";\n"
                             "      return 200 '%4$s';\n"
                             "    }\n"
                             "    location /files/ { root %1$s; }\n"
                             "  }\n"
                             "}\n";

static void write_configuration(const struct peer_nginx *peer, const char *path,
                                const char *directory, const char *json)
{
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  CHECK(fprintf(file, HEAD, directory) > 0);
  CHECK(fprintf(file, SERVER, directory, peer->port, peer->tls_port, json) > 0);
  CHECK(fclose(file) == 0);
}

void peer_nginx_start(struct peer_nginx *peer, const char *directory, const char *json)
{
  char path[512];
  snprintf(path, sizeof path, "%s/nginx.conf", directory);
  peer->port = process_free_port();
  peer->tls_port = process_free_port();
  write_configuration(peer, path, directory, json);
  char *arguments[] = {"nginx", "-c", path, "-e", "stderr", NULL};
  child_start(&peer->master, CHILD_CORE_SERVER, arguments);
  int stream = -1;
  for (int i = 0; i < START_LOOKS && stream < 0; i++) {
    nanosleep(&(struct timespec){.tv_nsec = START_LOOK_NS}, NULL);
    stream = client_try_connect(peer->port, 0);
  }
  CHECK_THAT(stream, >=, 0);
  char reply[CLIENT_REPLY_BYTES];
  /* Its answer tells that the worker is there. */
  client_ask(stream, BYTES("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"), reply);
  close(stream);
  peer->worker = process_child_of(peer->master.pid);
}

void peer_nginx_stop(struct peer_nginx *peer)
{
  child_stop(&peer->master);
}
