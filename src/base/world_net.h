/*
 * The network part of the injected world: stream sockets that never block, and one readiness wait.
 *
 * A stream handle is an int >= 0 in the number space of file handles. Every call returns at once;
 * only `wait` sleeps. Readiness is edge-triggered: it is told when it begins, so whoever is told
 * READ reads until -EAGAIN, and whoever was told -EAGAIN for a write waits for WRITE. A report may
 * be spurious (the next call gives -EAGAIN).
 *
 *     connect --- WRITE ---> open <--- accept <--- READ --- listen
 *                             | read 0: the peer shut its direction down; ours still works
 *                             | any error but -EAGAIN: dead, only close is left
 *
 * Threads: all calls belong to the thread that owns the struct world (a reactor has its own),
 * except `wake`, which any thread may call. Hosts are numeric; no name is ever looked up here.
 *
 * Calls that can fail return a negative errno.
 */
#ifndef TACOS_BASE_WORLD_NET_H
#define TACOS_BASE_WORLD_NET_H

#include "base/world.h"

enum {
  WORLD_HOST_BYTES = 46, /* longest IPv6 text with its zero (RFC 4291 2.2, INET6_ADDRSTRLEN) */
};

struct world_address {
  char host[WORLD_HOST_BYTES]; /* "127.0.0.1", "::1", "0.0.0.0" */
  uint16_t port;
};

enum world_ready {
  WORLD_READ = 1,  /* bytes, the end of the stream, an error, or a connection to accept */
  WORLD_WRITE = 2, /* room for bytes, the connection made, or an error */
  WORLD_END = 4,   /* with READ: the peer's end is behind the bytes. Told where short reads drain */
};

struct world_event {
  uint64_t user_data; /* as given to watch */
  uint32_t ready;     /* of WORLD_READ, WORLD_WRITE and WORLD_END */
};

struct world_net_operations {
  /*
   * Whether a read of less than was asked for has found all there was, so that the next bytes are
   * told by READ and the end by END: unless END was told, the reader may save the call that would
   * give -EAGAIN (epoll(7), Q9).
   */
  bool short_read_drains;

  /* A listening handle. Port 0 takes a free one, which `local` tells. -EADDRINUSE, -EINVAL. */
  int (*listen)(struct world *world, const struct world_address *address, int backlog);
  /*
   * The same for an address that several handles share: each new connection goes to one of them.
   * All of them must be made by this call. NULL: this world cannot.
   */
  int (*listen_shared)(struct world *world, const struct world_address *address, int backlog);
  /* The next connection's handle, or -EAGAIN. *peer (may be NULL) is who connected. */
  int (*accept)(struct world *world, int listener, struct world_address *peer);
  /*
   * A handle whose connection is being made: -EAGAIN from read and write until WRITE is told. A
   * refusal is told by the first call after that (-ECONNREFUSED, -ETIMEDOUT).
   */
  int (*connect)(struct world *world, const struct world_address *address);
  /* Fills *address with the handle's own end. */
  int (*local)(struct world *world, int handle, struct world_address *address);

  /* Bytes read or written (1 up to `size`, which is not 0); read returns 0 at the peer's end. */
  int64_t (*read)(struct world *world, int stream, void *to, size_t size);
  int64_t (*write)(struct world *world, int stream, const void *from, size_t size);
  /* No more will be written: the peer reads what was sent, then 0. Later writes give -EPIPE. */
  int (*shutdown)(struct world *world, int stream);
  /* Ends a stream or listener and its watch; what was written is still delivered if it can be. */
  int (*close)(struct world *world, int handle);

  /*
   * Reports readiness of `interest` (of WORLD_READ and WORLD_WRITE) from now on, and at the next
   * wait what is ready already. Watching again replaces interest and user_data. An error is
   * reported whatever the interest. user_data is anything but UINT64_MAX.
   */
  int (*watch)(struct world *world, int handle, uint32_t interest, uint64_t user_data);
  int (*unwatch)(struct world *world, int handle);
  /*
   * Fills up to `capacity` (at least 1) events and returns their number; at most one per handle.
   * Waits timeout_ms (0: not at all, -1: without limit); may return 0 before that, always after
   * a wake.
   */
  int (*wait)(struct world *world, struct world_event *events, int capacity, int timeout_ms);
  /* Makes the wait going on, or the next one, return soon. Any thread. */
  void (*wake)(struct world *world);
};

#endif
