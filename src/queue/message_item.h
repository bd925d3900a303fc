/*
 * Messages as items of the table "tacos-queue-messages". Its key "i" is binary: a letter that says
 * what the item is, 16 bytes of an id, and the number of a part.
 *
 *     'M' id            a message:
 *                         "s"  its state: struct message_state
 *                         "b"  body                            } only when it is small enough
 *                         "a"  attributes: name -> [type, value] } (QUEUE_INLINE_BYTES)
 *                         "g" group, "d" deduplication id, "t" trace header: when there is one
 *     'P' id number     contents of a larger message: "c" is a piece of the encoded map of "a" and
 *                       "b"; number is 0, 1, ... up to state.parts - 1
 *     'D' digest        a deduplication id that is remembered: "e" until when (ms), "m" the id and
 *                       "n" the sequence number of its message
 *
 * Names are one letter because each item carries them. A receive copies the item and changes the
 * state, which has a fixed size: its cost does not depend on the size of the message.
 *
 * Memory: results lie in arenas; what is read from an item points into it. Engine thread.
 */
#ifndef TACOS_QUEUE_MESSAGE_ITEM_H
#define TACOS_QUEUE_MESSAGE_ITEM_H

#include "queue/queue.h"

#define QUEUE_MESSAGES_TABLE "tacos-queue-messages"

enum { MESSAGE_KEY_BYTES_MAX = 1 + ID_BYTES + 1 };

enum message_kind { MESSAGE_KIND_MESSAGE = 'M', MESSAGE_KIND_PART = 'P', MESSAGE_KIND_SEEN = 'D' };

/* As it lies in the item, little-endian. */
struct message_state {
  uint32_t queue;  /* number of the contents it is in: changes with a purge (state.h) */
  uint32_t source; /* id of the queue that it was dead-lettered from; 0: none */
  uint64_t sequence;
  int64_t sent_ms;
  int64_t visible_ms;
  int64_t first_received_ms; /* in this queue; 0: never */
  uint32_t receives;         /* of all its life */
  uint32_t receives_before;  /* of these, before it came to this queue */
  uint32_t parts;
  uint32_t unused; /* 0 */
};

_Static_assert(sizeof(struct message_state) == 56 &&
                   offsetof(struct message_state, sent_ms) == 16 &&
                   offsetof(struct message_state, receives) == 40,
               "the state has no padding");

/* A key as the store encodes it, for look-ups without an arena. */
struct message_key {
  uint8_t encoded[2 + MESSAGE_KEY_BYTES_MAX];
  uint8_t size;
};

struct message_key message_key(enum message_kind kind, const uint8_t id[ID_BYTES], uint32_t part);
static inline struct value message_key_value(const struct message_key *key)
{
  return (struct value){key->encoded, key->size};
}

/* The kind of an item of the table, and its id; false when its key is none of ours. */
bool message_item_kind(struct value item, enum message_kind *kind, struct bytes *id);

/* The key map of an item, for a delete; VALUE_NONE without memory. */
struct value message_key_map(struct arena *arena, const struct message_key *key);

/*
 * The items of a new message: items[0] is its own, the others its parts; state->parts is set.
 * `scratch` is overwritten. 0 when there is no memory.
 */
uint32_t message_items_make(const struct queue_draft *draft, const struct id *id,
                            struct message_state *state, struct buffer *scratch,
                            struct arena *arena, struct value items[1 + QUEUE_PARTS_MAX]);

/* False when the item has no state of the right size. */
bool message_state_read(struct value item, struct message_state *state);

/* A copy of the item with another state; VALUE_NONE without memory. */
struct value message_item_change(struct value item, const struct message_state *state,
                                 struct arena *arena);

/* Fills what a receiver sees of the contents from an item that lies in the arena, and its parts. */
bool message_contents_read(struct value item, const struct id *id,
                           const struct message_state *state, const struct table *table,
                           struct arena *arena, struct queue_message *message);

/* ---- deduplication records ---- */

struct message_seen {
  int64_t until_ms;
  struct id message;
  uint64_t sequence;
};

struct value message_seen_make(struct arena *arena, const uint8_t digest[ID_BYTES],
                               const struct message_seen *seen, struct buffer *scratch);
bool message_seen_read(struct value item, struct message_seen *seen);

#endif
