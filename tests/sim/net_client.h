/*
 * The other end of a connection to the door, for tests: a stream of a world's network, and a
 * reader of HTTP/1.1 replies that knows nothing of the writer and stops at what a client could
 * misunderstand.
 *
 * Memory: the client's buffer is on the struct memory it was opened with. One thread.
 */
#ifndef TACOS_SIM_NET_CLIENT_H
#define TACOS_SIM_NET_CLIENT_H

#include "base/bytes.h"
#include "base/world_net.h"

struct net_client {
  struct world *world;
  int stream;       /* -1: closed */
  bool paused;      /* net_client_read does nothing */
  bool ended;       /* the server sends no more */
  int error;        /* positive errno of the first call that failed, 0: none */
  struct buffer in; /* what came and was not taken */
};

bool net_client_open(struct net_client *client, struct world *world,
                     const struct world_address *address, struct memory *memory);
/* Closes the stream; the buffer stays. */
void net_client_close(struct net_client *client);
void net_client_free(struct net_client *client);

/* Bytes the network took now. */
size_t net_client_write(struct net_client *client, struct bytes bytes);
/* Says that no more will be written. */
void net_client_finish(struct net_client *client);
/* Reads all that is here. */
void net_client_read(struct net_client *client);

/* ---- replies ---- */

struct net_reply {
  uint16_t status;
  bool chunked;
  bool close;        /* "connection: close" */
  struct bytes head; /* with its empty line; all slices point into the input */
  struct bytes body; /* of a chunked reply: nothing, its chunks follow the head */
  size_t size;       /* of the input, head and body */
};

enum net_reply_parse {
  NET_REPLY_MORE,
  NET_REPLY_DONE,
  NET_REPLY_BAD,
};

/* The reply that input begins with; to_head: its request was a HEAD. */
enum net_reply_parse net_reply_parse(struct bytes input, bool to_head, struct net_reply *reply);

/* The value of its first header of a name in lower case; data NULL: there is none. */
struct bytes net_reply_header(const struct net_reply *reply, struct bytes lower_name);

/* Forgets the first bytes of what came. */
void net_client_take(struct net_client *client, size_t size);

#endif
