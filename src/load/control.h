/*
 * Questions to the server before and after a run: one connection each, waiting for the answer.
 *
 * Memory: a body is in the arena given. One thread.
 */
#ifndef TACOS_LOAD_CONTROL_H
#define TACOS_LOAD_CONTROL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/world_net.h"

enum { TARGET_HOST_BYTES = 300 };

/* Where the server is. */
struct target {
  struct world_address address; /* numeric */
  char host[TARGET_HOST_BYTES]; /* for the Host field: "127.0.0.1:8000" */
};

/* Reads "http://host:port", whose name is looked up. */
bool target_parse(const char *url, struct target *target, struct error *error);

struct control_reply {
  uint16_t status;
  struct bytes body;
};

/*
 * GET. token empty: without one. A status of any kind is a reply; false with *error when there is
 * none.
 */
bool control_get(const struct target *target, const char *path, const char *accept,
                 struct bytes token, struct arena *arena, struct control_reply *reply,
                 struct error *error);

#endif
