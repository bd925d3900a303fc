/*
 * The data directory for a command that works on it while no server does: store and tables, opened
 * as `tacos serve` opens them, with its threads.
 *
 * Memory: the caller's struct, which may not move. The process's only thread.
 */
#ifndef TACOS_CMD_OFFLINE_H
#define TACOS_CMD_OFFLINE_H

#include "base/world_linux.h"
#include "cmd/options.h"
#include "store/store.h"

struct offline {
  struct world_linux linux_world;
  struct world *world;
  struct store *store;
};

/* ERROR_LOCKED, with what to do, while a server has the directory. Closes itself on failure. */
bool offline_open(struct offline *offline, const struct arguments *arguments, struct error *error);

/* All that was written is durable when this returns true. */
bool offline_close(struct offline *offline, struct error *error);

/* Reads a whole file of at most `most` bytes into the buffer. */
bool offline_read_file(struct offline *offline, const char *path, size_t most,
                       struct buffer *buffer, struct error *error);

#endif
