/* net_server, the HTTP server with routes for benchmarks, as a child. */
#ifndef TACOS_BENCH_TESTED_SERVER_H
#define TACOS_BENCH_TESTED_SERVER_H

#include "child.h"

struct tested_server {
  struct child child;
  uint16_t port;
};

enum { TESTED_SERVER_SETTINGS = 4 };

/*
 * Starts it with limits that never bind here, and further settings "name=value" up to a NULL; files
 * of `files` below /files/, unless that is NULL.
 */
void tested_server_start(struct tested_server *server, uint32_t cores, const char *files,
                         const char *const settings[TESTED_SERVER_SETTINGS]);
void tested_server_stop(struct tested_server *server);

#endif
