#include "room/waiters.h"

#include "base/check.h"

#include <string.h>

enum {
  SEEN_MASK = (1 << ROOM_SEEN_BITS) - 1,
  CHUNKS_FIRST = 8,
};

void waiters_init(struct waiters *waiters, struct memory *memory)
{
  *waiters = (struct waiters){.memory = memory};
}

void waiters_free(struct waiters *waiters)
{
  for (uint32_t i = 0; i < waiters->chunk_count; i++)
    if (waiters->chunks[i] != NULL)
      memory_free(waiters->memory, waiters->chunks[i], sizeof *waiters->chunks[i]);
  if (waiters->chunks != NULL)
    memory_free(waiters->memory, waiters->chunks,
                waiters->chunk_capacity * sizeof(struct waiter_chunk *));
  if (waiters->entries != NULL)
    memory_free(waiters->memory, waiters->entries, sizeof *waiters->entries);
  if (waiters->spare != NULL) memory_free(waiters->memory, waiters->spare, sizeof *waiters->spare);
  waiters_init(waiters, waiters->memory);
}

static bool grow(struct waiters *waiters)
{
  size_t size = waiters->chunk_capacity * sizeof(struct waiter_chunk *);
  uint32_t capacity = waiters->chunk_capacity * 2 + CHUNKS_FIRST;
  struct waiter_chunk **chunks = memory_resize(waiters->memory, waiters->chunks, size,
                                               capacity * sizeof(struct waiter_chunk *));
  if (chunks == NULL) return false;
  waiters->chunks = chunks;
  waiters->chunk_capacity = capacity;
  return true;
}

bool waiters_reserve(struct waiters *waiters)
{
  if (waiters->chunk_count == WAITERS_CHUNKS_MAX) return false;
  if (waiters->chunk_count == waiters->chunk_capacity && !grow(waiters)) return false;
  if (waiters->entries == NULL)
    waiters->entries = memory_alloc(waiters->memory, sizeof *waiters->entries);
  if (waiters->spare == NULL)
    waiters->spare = memory_alloc_zeroed(waiters->memory, sizeof *waiters->spare);
  return waiters->entries != NULL && waiters->spare != NULL;
}

/* ---- numbers ---- */

static uint16_t flags_of(enum waiter_state state, uint32_t seen_s)
{
  return (uint16_t)((uint32_t)state << ROOM_SEEN_BITS | (seen_s & SEEN_MASK));
}

static bool is_gone(enum waiter_state state)
{
  return state == WAITER_EXPIRED || state == WAITER_LEFT;
}

static void begin_chunk(struct waiters *waiters)
{
  CHECK(waiters->spare != NULL);
  waiters->chunks[waiters->chunk_count++] = waiters->spare;
  waiters->chunks_kept++;
  waiters->spare = NULL;
}

uint32_t waiters_add(struct waiters *waiters, uint64_t hash, int64_t arrival_ms, uint32_t seen_s)
{
  uint32_t number = waiters->next++;
  uint32_t offset = number % ROOM_CHUNK;
  if (number / ROOM_CHUNK == waiters->chunk_count) begin_chunk(waiters);
  waiters->chunks[number / ROOM_CHUNK]->flags[offset] = flags_of(WAITER_WAITING, seen_s);
  waiters->entries->hashes[offset] = hash;
  waiters->entries->arrivals_ms[offset] = arrival_ms;
  waiters->counts[WAITER_WAITING]++;
  return number;
}

void waiters_undo(struct waiters *waiters)
{
  CHECK_THAT(waiters->next, >, 0);
  waiters_set_state(waiters, waiters->next - 1, WAITER_ABSENT);
  waiters->counts[WAITER_ABSENT]--;
  waiters->next--;
}

bool waiters_load(struct waiters *waiters, uint32_t chunk, uint32_t count, uint32_t seen_s)
{
  CHECK(count > 0 && count <= ROOM_CHUNK && chunk >= waiters->chunk_count);
  while (waiters->chunk_count < chunk) {
    if (!waiters_reserve(waiters)) return false;
    waiters->chunks[waiters->chunk_count++] = NULL;
  }
  if (!waiters_reserve(waiters)) return false;
  begin_chunk(waiters);
  for (uint32_t i = 0; i < count; i++)
    waiters->chunks[chunk]->flags[i] = flags_of(WAITER_WAITING, seen_s);
  waiters->counts[WAITER_WAITING] += count;
  waiters->next = chunk * ROOM_CHUNK + count;
  return true;
}

/* ---- states ---- */

void waiters_set_state(struct waiters *waiters, uint32_t number, enum waiter_state state)
{
  struct waiter_chunk *chunk = waiters->chunks[number / ROOM_CHUNK];
  CHECK(chunk != NULL && number < waiters->next);
  uint16_t *flags = &chunk->flags[number % ROOM_CHUNK];
  enum waiter_state old = (enum waiter_state)(*flags >> ROOM_SEEN_BITS);
  chunk->gone = (uint16_t)(chunk->gone + is_gone(state) - is_gone(old));
  waiters->counts[old]--;
  waiters->counts[state]++;
  *flags = flags_of(state, *flags);
}

uint32_t waiters_silence_s(const struct waiters *waiters, uint32_t number, uint32_t now_s)
{
  uint32_t seen = waiters->chunks[number / ROOM_CHUNK]->flags[number % ROOM_CHUNK];
  return (now_s - seen) & SEEN_MASK;
}

void waiters_touch(struct waiters *waiters, uint32_t number, uint32_t now_s)
{
  uint16_t *flags = &waiters->chunks[number / ROOM_CHUNK]->flags[number % ROOM_CHUNK];
  *flags = flags_of((enum waiter_state)(*flags >> ROOM_SEEN_BITS), now_s);
}

bool waiters_is_gone(const struct waiters *waiters, uint32_t chunk)
{
  if (waiters->chunks[chunk] == NULL || (chunk + 1) * ROOM_CHUNK > waiters->next) return false;
  return waiters->chunks[chunk]->gone == ROOM_CHUNK;
}

void waiters_forget(struct waiters *waiters, uint32_t chunk)
{
  CHECK(waiters_is_gone(waiters, chunk));
  const struct waiter_chunk *gone = waiters->chunks[chunk];
  for (uint32_t i = 0; i < ROOM_CHUNK; i++) waiters->counts[gone->flags[i] >> ROOM_SEEN_BITS]--;
  memory_free(waiters->memory, waiters->chunks[chunk], sizeof *gone);
  waiters->chunks[chunk] = NULL;
  waiters->chunks_kept--;
}

/* ---- images ---- */

static const uint8_t IMAGE_OF[WAITER_STATES] = {
    [WAITER_ABSENT] = 3,  [WAITER_WAITING] = 0, [WAITER_GHOST] = 0, [WAITER_ADMITTED] = 1,
    [WAITER_ENTERED] = 1, [WAITER_EXPIRED] = 2, [WAITER_LEFT] = 3,
};

static const enum waiter_state STATE_OF[] = {WAITER_WAITING, WAITER_ADMITTED, WAITER_EXPIRED,
                                             WAITER_LEFT};

void waiters_write_image(const struct waiters *waiters, uint32_t chunk, uint32_t number,
                         enum waiter_state state, uint8_t image[WAITERS_IMAGE_BYTES])
{
  memset(image, 0, WAITERS_IMAGE_BYTES);
  for (uint32_t i = 0; i < ROOM_CHUNK; i++) {
    enum waiter_state of = (enum waiter_state)(waiters->chunks[chunk]->flags[i] >> ROOM_SEEN_BITS);
    if (chunk * ROOM_CHUNK + i == number) of = state;
    image[i / 4] |= (uint8_t)(IMAGE_OF[of] << (i % 4 * 2));
  }
}

void waiters_read_image(struct waiters *waiters, uint32_t chunk,
                        const uint8_t image[WAITERS_IMAGE_BYTES])
{
  for (uint32_t i = 0; i < ROOM_CHUNK && chunk * ROOM_CHUNK + i < waiters->next; i++) {
    enum waiter_state state = STATE_OF[image[i / 4] >> (i % 4 * 2) & 3];
    waiters_set_state(waiters, chunk * ROOM_CHUNK + i, state);
  }
}

/* ---- as bytes ---- */

static size_t put_offset(uint64_t offset_ms, uint8_t *to)
{
  size_t size = 0;
  for (; offset_ms > 0x7f; offset_ms >>= 7) to[size++] = (uint8_t)(offset_ms | 0x80);
  to[size++] = (uint8_t)offset_ms;
  return size;
}

size_t waiters_encode(const struct waiter_entries *entries, uint32_t from, uint32_t to,
                      int64_t base_ms, uint8_t bytes[WAITERS_BYTES_MAX])
{
  size_t size = 0;
  for (uint32_t i = from; i < to; i++) {
    uint64_t hash = entries->hashes[i];
    memcpy(bytes + size, &hash, WAITER_HASH_BYTES);
    size += WAITER_HASH_BYTES;
  }
  for (uint32_t i = from; i < to; i++) {
    CHECK(entries->arrivals_ms[i] >= base_ms);
    size += put_offset((uint64_t)(entries->arrivals_ms[i] - base_ms), bytes + size);
    base_ms = entries->arrivals_ms[i];
  }
  return size;
}

/* Behind the hashes are as many offsets, each of which ends with a byte below 0x80. */
bool waiters_encoded_valid(struct bytes encoded, uint32_t count)
{
  size_t ends = 0;
  size_t size = 0;
  size_t at = (size_t)count * WAITER_HASH_BYTES;
  if (count == 0 || count > ROOM_CHUNK || encoded.size <= at) return false;
  for (; at < encoded.size; at++) {
    if (++size > WAITER_OFFSET_BYTES) return false;
    if (encoded.data[at] >= 0x80) continue;
    ends++;
    size = 0;
  }
  return ends == count && size == 0;
}

uint64_t waiters_encoded_hash(struct bytes encoded, uint32_t index)
{
  uint64_t hash = 0;
  memcpy(&hash, encoded.data + (size_t)index * WAITER_HASH_BYTES, WAITER_HASH_BYTES);
  return hash;
}

/* The offset that begins at *at, which is moved behind it. */
static int64_t take_offset(struct bytes encoded, size_t *at)
{
  uint64_t offset_ms = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t byte = encoded.data[(*at)++];
    offset_ms |= (uint64_t)(byte & 0x7f) << (shift & 63);
    if (byte < 0x80) return (int64_t)offset_ms;
  }
}

int64_t waiters_encoded_arrival_ms(struct bytes encoded, uint32_t count, uint32_t index,
                                   int64_t base_ms)
{
  size_t at = (size_t)count * WAITER_HASH_BYTES;
  for (uint32_t i = 0; i <= index; i++) base_ms += take_offset(encoded, &at);
  return base_ms;
}

void waiters_decode(struct bytes encoded, uint32_t count, int64_t base_ms,
                    struct waiter_entries *entries, uint32_t from)
{
  size_t at = (size_t)count * WAITER_HASH_BYTES;
  for (uint32_t i = 0; i < count; i++) {
    base_ms += take_offset(encoded, &at);
    entries->hashes[from + i] = waiters_encoded_hash(encoded, i);
    entries->arrivals_ms[from + i] = base_ms;
  }
}
