/*
 * A topic: events that are sent to every stream subscribed to it, without a copy for each.
 *
 *     ring of NET_TOPIC_BYTES:   ... | "0016\r\n" event "\r\n" | "0021\r\n" event "\r\n" | free
 *                                      ^                        ^                         ^
 *                                      tail                     a subscriber              head
 *
 * Events lie in the ring once, framed as HTTP/1.1 chunks (RFC 9112 7.1) of a fixed frame, so that
 * one write sends all that a subscriber lacks; HTTP/2 skips the frame. A subscriber is a position.
 * One that falls behind the tail is dropped: nothing is buffered for slow readers.
 *
 * A topic has one shard per reactor, which only that reactor's thread touches.
 */
#ifndef TACOS_NET_TOPIC_H
#define TACOS_NET_TOPIC_H

#include "base/bytes.h"
#include "net/limits.h"

enum {
  TOPIC_FRAME_BYTES = 6, /* "ffff\r\n" */
  TOPIC_EVENT_BYTES = 16384,
};

struct connection;

struct topic_shard {
  uint8_t *ring;            /* NET_TOPIC_BYTES; made at the first subscriber */
  uint64_t head;            /* bytes ever published */
  uint64_t tail;            /* the oldest whole event still in the ring begins here */
  struct subscriber *first; /* ring of subscribers in the order of their next turn; NULL: none */
  uint32_t count;
  uint32_t round; /* subscribers that were not looked at since the last event */
  struct topic_shard *next_dirty;
  bool dirty;
};

struct topic {
  struct topic *next;
  uint32_t shard_count;
  struct topic_shard shards[];
};

struct subscriber {
  struct subscriber *next, *previous;
  struct topic_shard *shard; /* NULL: not subscribed */
  struct connection *connection;
  uint64_t position;    /* of the next byte to send */
  int32_t http2_stream; /* 0: HTTP/1.1 */
  bool chunked;         /* HTTP/1.1; an HTTP/1.0 client gets the events bare */
};

struct topic *topic_new(struct memory *memory, uint32_t shards);
/* Its shards were freed before. */
void topic_free(struct topic *topic, struct memory *memory);

/* Frees a shard's ring, with the memory it was made of: that of its reactor. Nobody subscribes. */
void topic_free_shard(struct topic_shard *shard, struct memory *memory);

/* Subscribes from now on; false when there is no memory for the ring. */
bool topic_subscribe(struct topic_shard *shard, struct subscriber *subscriber,
                     struct memory *memory);
void topic_unsubscribe(struct subscriber *subscriber);

/* Puts an event into the ring, if anybody is subscribed; everybody has a turn again. */
void topic_put(struct topic_shard *shard, struct bytes event);

/* Whether the subscriber lost events; it must be dropped then. */
bool topic_lost(const struct subscriber *subscriber);

/* Bytes the subscriber lacks, up to the ring's edge: framed. Empty: it has all. */
struct bytes topic_pending(const struct subscriber *subscriber);

/* Whether there is nothing to send, so that something else may be said between two events. */
bool topic_has_all(const struct subscriber *subscriber);

/*
 * The next whole event without its frame, in one or two pieces, for readers that do not chunk;
 * returns what to add to the position when it was sent, 0 when there is none.
 */
size_t topic_event(const struct subscriber *subscriber, struct bytes pieces[2]);

/* The subscriber whose turn it is, moved to the end; NULL when the round is over. */
struct subscriber *topic_turn(struct topic_shard *shard);

#endif
