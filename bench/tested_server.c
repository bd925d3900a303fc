#include "tested_server.h"

#include "base/check.h"

#include <stdio.h>

#define PROGRAM "build/release/tests/api/net_server"

void tested_server_start(struct tested_server *server, uint32_t cores, const char *files,
                         const char *const settings[TESTED_SERVER_SETTINGS])
{
  enum { FIXED = 7 };
  char web[512];
  char line[128];
  char *arguments[FIXED + TESTED_SERVER_SETTINGS + 2] = {PROGRAM,
                                                         "port=0",
                                                         "ops=0",
                                                         "connections_per_address=1000000",
                                                         "requests_per_connection=4000000000",
                                                         "idle_ms=600000",
                                                         "stream_ping_ms=600000"};
  int count = FIXED;
  if (files != NULL) {
    snprintf(web, sizeof web, "web=%s", files);
    arguments[count++] = web;
  }
  for (int i = 0; i < TESTED_SERVER_SETTINGS && settings != NULL && settings[i] != NULL; i++)
    arguments[count++] = (char *)(uintptr_t)settings[i];
  child_start(&server->child, cores, arguments);
  child_read(&server->child, true, line, sizeof line);
  CHECK(sscanf(line, "listening %hu", &server->port) == 1);
}

void tested_server_stop(struct tested_server *server)
{
  child_stop(&server->child);
}
