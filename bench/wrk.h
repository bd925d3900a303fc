/*
 * The load generator wrk with one thread on the load's core. What it is to send is a Lua script;
 * the script is completed with a line that prints exact figures.
 */
#ifndef TACOS_BENCH_WRK_H
#define TACOS_BENCH_WRK_H

#include <stdint.h>

struct wrk_load {
  const char *directory; /* for the script */
  const char *script;    /* in Lua, run once; NULL: a plain GET */
  const char *scheme;    /* "http" or "https" */
  uint16_t port;
  const char *path;
  int connections;
  int seconds;
};

struct wrk_result {
  double requests_per_s;
  double bytes_per_s; /* heads included */
  double requests;
};

/* Any error and any status but 2xx and 3xx is a CHECK. */
struct wrk_result wrk_run(const struct wrk_load *load);

#endif
