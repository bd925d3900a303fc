/*
 * The Linux world: `struct world` over system calls.
 *
 * A file handle is a file descriptor, a stream handle is a socket: one number space. The caller
 * provides the struct and hands out &linux_world->world. One struct per thread that needs entropy
 * or network; clock and file calls work on any.
 */
#ifndef TACOS_BASE_WORLD_LINUX_H
#define TACOS_BASE_WORLD_LINUX_H

#include "base/world.h"

enum {
  WORLD_LINUX_POOL_BYTES = 1024, /* entropy fetched by one getrandom(2) */
};

struct world_linux {
  struct world world;
  size_t pool_left; /* the last bytes of the pool are unused yet; used ones are wiped */
  uint8_t pool[WORLD_LINUX_POOL_BYTES];
  int poller; /* epoll and eventfd, -1 without network */
  int waker;
};

/* Clock, entropy and files; acquires nothing, cannot fail. */
void world_linux_init(struct world_linux *self);

/* Adds the network: world.net is set. 0, or a negative errno with world.net still NULL. */
int world_linux_open_net(struct world_linux *self);

/* Gives back what world_linux_open_net acquired; streams and files still open stay open. */
void world_linux_close(struct world_linux *self);

#endif
