/*
 * Whether the process should get requests, and why not.
 *
 * A set of conditions, each a row of a table; the process is ready while none holds. It is alive as
 * long as it answers at all: nothing here makes /healthz fail, since a restart by itself mends none
 * of it.
 *
 * Threads: set by any (mostly the engine), read by any. Nothing to free.
 */
#ifndef TACOS_OPS_HEALTH_H
#define TACOS_OPS_HEALTH_H

#include "base/bytes.h"

/* In the order in which they are told. */
enum health_reason {
  HEALTH_STARTING,
  HEALTH_DRAINING,
  HEALTH_LOG_FAILED,
  HEALTH_DISK_FULL,
  HEALTH_OUT_OF_MEMORY,
  HEALTH_REASON_COUNT,
};

struct health {
  uint32_t reasons; /* bit of each enum health_reason that holds */
};

/* Starts with HEALTH_STARTING. */
void health_init(struct health *health);

/* Whether the reason holds from now on. */
void health_set(struct health *health, enum health_reason reason, bool holds);

bool health_is_ready(const struct health *health);

/* "disk_full": for logs and metrics. */
const char *health_reason_name(enum health_reason reason);

/* The body of /healthz, which is always answered with 200. */
struct bytes health_alive_body(void);

/*
 * Appends the body of /readyz and returns its status, 200 or 503:
 *     {"status":"ready"}
 *     {"status":"not_ready","reasons":["draining: the server is about to stop"]}
 */
uint16_t health_write_ready(const struct health *health, struct buffer *buffer);

#endif
