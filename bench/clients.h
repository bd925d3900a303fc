/*
 * Simple clients of an HTTP server at 127.0.0.1: one that waits for its answer, and a crowd of
 * connections that are held open. What goes wrong is a CHECK.
 */
#ifndef TACOS_BENCH_CLIENTS_H
#define TACOS_BENCH_CLIENTS_H

#include "base/bytes.h"

enum {
  CLIENT_REPLY_BYTES = 4096,
  CLIENT_PATIENCE_S = 5,       /* a reply that takes longer does not come */
  CLIENTS_PER_ADDRESS = 20000, /* connections of one source address: it has 28,000 ports */
};

/*
 * Raises the limit of descriptors to what may be had, for children too; how many of those `wanted`
 * connections a server and a client can then have.
 */
int client_descriptors(int wanted);

/* Connects from 127.0.0.<source>, or from where the system likes (0). -1 when nobody listens. */
int client_try_connect(uint16_t port, uint32_t source);
int client_connect(uint16_t port, uint32_t source);

void client_send(int stream, struct bytes request);

/* Reads until what came ends with these bytes; returns its size. text gets a zero. */
size_t client_read_until(int stream, struct bytes end, char text[CLIENT_REPLY_BYTES]);

/* Sends a request and reads its reply, of status 2xx and with a content-length; its size. */
size_t client_ask(int stream, struct bytes request, char reply[CLIENT_REPLY_BYTES]);

/* The body of a reply that client_ask read. */
const char *client_body(const char *reply);

struct crowd {
  int *streams;
  int count;
  size_t reply_bytes; /* of each reply; all have the same size */
};

/*
 * Opens connections, each of which asks once. end: what its answer ends with; empty: an answer with
 * a content-length.
 */
void crowd_open(struct crowd *crowd, uint16_t port, int count, struct bytes request,
                struct bytes end);
void crowd_close(struct crowd *crowd);

/* Makes its sockets return at once from now on. */
void crowd_stop_waiting(const struct crowd *crowd);

#endif
