#include "net/topic.h"

#include "base/check.h"

#include <stdio.h>

_Static_assert(TOPIC_EVENT_BYTES <= 0xffff, "a frame has four hex digits");
_Static_assert(2 * TOPIC_EVENT_BYTES < NET_TOPIC_BYTES, "the ring holds more than one event");

enum { TRAILER_BYTES = 2 };

struct topic *topic_new(struct memory *memory, uint32_t shards)
{
  struct topic *topic = memory_alloc_zeroed(memory,
                                            sizeof *topic + shards * sizeof(struct topic_shard));
  if (topic != NULL) topic->shard_count = shards;
  return topic;
}

void topic_free(struct topic *topic, struct memory *memory)
{
  for (uint32_t i = 0; i < topic->shard_count; i++) CHECK(topic->shards[i].ring == NULL);
  memory_free(memory, topic, sizeof *topic + topic->shard_count * sizeof(struct topic_shard));
}

void topic_free_shard(struct topic_shard *shard, struct memory *memory)
{
  CHECK(shard->first == NULL);
  if (shard->ring != NULL) memory_free(memory, shard->ring, NET_TOPIC_BYTES);
  shard->ring = NULL;
}

bool topic_subscribe(struct topic_shard *shard, struct subscriber *subscriber,
                     struct memory *memory)
{
  if (shard->ring == NULL) {
    shard->ring = memory_alloc(memory, NET_TOPIC_BYTES);
    if (shard->ring == NULL) return false;
  }
  subscriber->shard = shard;
  subscriber->position = shard->head;
  if (shard->first == NULL) {
    subscriber->next = subscriber->previous = subscriber;
    shard->first = subscriber;
  } else {
    subscriber->next = shard->first;
    subscriber->previous = shard->first->previous;
    subscriber->previous->next = subscriber;
    subscriber->next->previous = subscriber;
  }
  shard->count++;
  return true;
}

void topic_unsubscribe(struct subscriber *subscriber)
{
  struct topic_shard *shard = subscriber->shard;
  CHECK(shard != NULL);
  if (shard->first == subscriber) shard->first = subscriber->next;
  if (shard->first == subscriber) shard->first = NULL;
  subscriber->previous->next = subscriber->next;
  subscriber->next->previous = subscriber->previous;
  subscriber->shard = NULL;
  shard->count--;
  if (shard->round > shard->count) shard->round = shard->count;
}

static void copy_in(struct topic_shard *shard, uint64_t position, const void *from, size_t size)
{
  size_t at = position % NET_TOPIC_BYTES;
  size_t first = size < NET_TOPIC_BYTES - at ? size : NET_TOPIC_BYTES - at;
  memcpy(shard->ring + at, from, first);
  memcpy(shard->ring, (const uint8_t *)from + first, size - first);
}

/* The size of the event whose frame is at a position. */
static size_t event_size(const struct topic_shard *shard, uint64_t position)
{
  size_t size = 0;
  for (size_t i = 0; i < TOPIC_FRAME_BYTES - TRAILER_BYTES; i++) {
    uint8_t digit = shard->ring[(position + i) % NET_TOPIC_BYTES];
    size = size * 16 + (size_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  CHECK_THAT(size, <=, TOPIC_EVENT_BYTES);
  return size;
}

void topic_put(struct topic_shard *shard, struct bytes event)
{
  CHECK(event.size > 0 && event.size <= TOPIC_EVENT_BYTES);
  if (shard->first == NULL) {
    /* Who subscribes later begins at the head: nobody will read what is in the ring. */
    shard->tail = shard->head;
    return;
  }
  uint64_t size = TOPIC_FRAME_BYTES + event.size + TRAILER_BYTES;
  while (shard->head + size - shard->tail > NET_TOPIC_BYTES)
    shard->tail += TOPIC_FRAME_BYTES + event_size(shard, shard->tail) + TRAILER_BYTES;
  char frame[TOPIC_FRAME_BYTES + 1];
  snprintf(frame, sizeof frame, "%04zx\r\n", event.size);
  copy_in(shard, shard->head, frame, TOPIC_FRAME_BYTES);
  copy_in(shard, shard->head + TOPIC_FRAME_BYTES, event.data, event.size);
  copy_in(shard, shard->head + TOPIC_FRAME_BYTES + event.size, "\r\n", TRAILER_BYTES);
  shard->head += size;
  shard->round = shard->count;
}

bool topic_lost(const struct subscriber *subscriber)
{
  return subscriber->position < subscriber->shard->tail;
}

struct bytes topic_pending(const struct subscriber *subscriber)
{
  const struct topic_shard *shard = subscriber->shard;
  CHECK(!topic_lost(subscriber));
  size_t at = subscriber->position % NET_TOPIC_BYTES;
  uint64_t size = shard->head - subscriber->position;
  if (size > NET_TOPIC_BYTES - at) size = NET_TOPIC_BYTES - at;
  return bytes_of(shard->ring + at, size);
}

bool topic_has_all(const struct subscriber *subscriber)
{
  return subscriber->position == subscriber->shard->head;
}

size_t topic_event(const struct subscriber *subscriber, struct bytes pieces[2])
{
  const struct topic_shard *shard = subscriber->shard;
  CHECK(!topic_lost(subscriber));
  pieces[0] = pieces[1] = (struct bytes){NULL, 0};
  if (topic_has_all(subscriber)) return 0;
  size_t size = event_size(shard, subscriber->position);
  size_t at = (subscriber->position + TOPIC_FRAME_BYTES) % NET_TOPIC_BYTES;
  size_t first = size < NET_TOPIC_BYTES - at ? size : NET_TOPIC_BYTES - at;
  pieces[0] = bytes_of(shard->ring + at, first);
  pieces[1] = bytes_of(shard->ring, size - first);
  return TOPIC_FRAME_BYTES + size + TRAILER_BYTES;
}

struct subscriber *topic_turn(struct topic_shard *shard)
{
  if (shard->round == 0) return NULL;
  shard->round--;
  struct subscriber *subscriber = shard->first;
  shard->first = subscriber->next;
  return subscriber;
}
