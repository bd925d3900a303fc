#include "room/room_parts.h"

/*
 * Joins. What joins in one turn of the loop is one item and one record of the log:
 *
 *     turn 1   WAITERS#00007#0000   12 numbers
 *     turn 2   WAITERS#00007#0000   12 + 25 numbers, and so full (ROOM_PIECE)
 *     turn 3   WAITERS#00007#0037   ...
 *     ...      WAITERS#00007        all 1,024, and the pieces are deleted in the same transaction
 *
 * so that a join at a quiet hour rewrites some hundred bytes, and a crowd's costs a few bytes each.
 */

static const uint64_t HASH_MASK = ((uint64_t)1 << IDENTITY_HASH_BITS) - 1;

/* ---- who it is ---- */

static uint64_t hash_of(struct room *room, const struct room_joiner *joiner)
{
  struct token_signer *signer = room->lobby->signer;
  struct token_name name = joiner->user_id.size > 0
                               ? token_name_of(signer, BYTES("user"), room->record.event_id,
                                               joiner->user_id)
                               : token_name_of(signer, BYTES("key"), joiner->client, joiner->key);
  return name.high & HASH_MASK;
}

/* Of a full chunk. */
static bool find_chunk(struct room *room, uint32_t chunk, int64_t *base_ms, uint32_t *count,
                       struct bytes *entries)
{
  struct value item;
  struct arena *arena = &room->lobby->arena;
  arena_reset(arena);
  return room_look_up(room, arena, ROOM_ITEM_WAITERS, chunk, &item) && value_present(item) &&
         room_waiters_read(item, base_ms, count, entries);
}

/* The hash and arrival of a number; false without memory to look. */
static bool entry_of(struct room *room, uint32_t number, uint64_t *hash, int64_t *arrival_ms)
{
  int64_t base_ms;
  uint32_t count;
  struct bytes entries;
  uint32_t offset = number % ROOM_CHUNK;
  if (number / ROOM_CHUNK == room->waiters.entries_chunk) {
    *hash = room->waiters.entries->hashes[offset];
    *arrival_ms = room->waiters.entries->arrivals_ms[offset];
    return true;
  }
  if (!find_chunk(room, number / ROOM_CHUNK, &base_ms, &count, &entries) || offset >= count)
    return false;
  *hash = waiters_encoded_hash(entries, offset);
  *arrival_ms = waiters_encoded_arrival_ms(entries, count, offset, base_ms);
  return true;
}

/* Who has finished shopping may wait again, though the sweep has not met them yet. */
static bool is_alive(void *context, uint32_t number)
{
  const struct room *room = context;
  enum waiter_state state = waiters_state(&room->waiters, number);
  if (state != WAITER_ADMITTED && state != WAITER_ENTERED)
    return state == WAITER_WAITING || state == WAITER_GHOST;
  const struct shopper *shopper = shoppers_find(&room->shoppers, number);
  return shopper != NULL && !shopper->finished && room->lobby->wall_ms < shopper->expires_ms;
}

/*
 * The number that this hash has and has not given up; ROOM_NOBODY: none. False without memory to
 * look: whoever cannot be found must not get a second place.
 */
static bool find_number(struct room *room, uint64_t hash, uint32_t *number)
{
  struct identity_search search = {hash, 0};
  while ((*number = identities_next(&room->identities, &search)) != IDENTITIES_NONE) {
    uint64_t other;
    int64_t arrival_ms;
    if (!is_alive(room, *number)) continue;
    if (!entry_of(room, *number, &other, &arrival_ms)) return false;
    if (other == hash) return true;
  }
  *number = ROOM_NOBODY;
  return true;
}

/* ---- joining ---- */

static uint32_t places_kept(const struct room *room)
{
  const struct waiters *waiters = &room->waiters;
  uint32_t rest = waiters->chunk_count * ROOM_CHUNK - waiters->next;
  uint32_t kept = waiters->chunks_kept * ROOM_CHUNK - rest;
  /* The last chunk is forgotten with the first number of the next. */
  bool waits = waiters->next > 0 && waiters_is_gone(waiters, (waiters->next - 1) / ROOM_CHUNK);
  return waits ? kept - ROOM_CHUNK : kept;
}

static enum room_status add(struct room *room, uint64_t hash, int64_t wall_ms, uint32_t *number)
{
  struct lobby *lobby = room->lobby;
  if (places_kept(room) >= lobby->options.capacity || room->waiters.next >= ROOM_PLACES_MAX - 1) {
    metric_add(&room->metrics.refused_full, 1);
    return ROOM_IS_FULL;
  }
  /* A full chunk leaves memory for the next one's entries. */
  if (room->waiters.next % ROOM_CHUNK == 0) join_flush(room);
  if (!waiters_reserve(&room->waiters) || !line_reserve(room, room->waiters.next + 1) ||
      !identities_reserve(&room->identities, hash, is_alive, room))
    return ROOM_UNAVAILABLE;
  if (wall_ms > room->arrival_ms) room->arrival_ms = wall_ms;
  *number = waiters_add(&room->waiters, hash, room->arrival_ms, lobby_now_s(lobby));
  identities_add(&room->identities, hash, *number);
  line_set_state(room, *number, WAITER_WAITING);
  return ROOM_OK;
}

enum room_status room_join(struct room *room, const struct room_joiner *joiner, int64_t wall_ms,
                           struct room_joining *joining)
{
  uint64_t hash = hash_of(room, joiner);
  uint32_t number;
  if (!find_number(room, hash, &number)) return ROOM_UNAVAILABLE;
  joining->again = number != ROOM_NOBODY;
  if (joining->again) {
    (void)room_touch(room, number);
  } else {
    enum room_status status = add(room, hash, wall_ms, &number);
    if (status != ROOM_OK) return status;
  }
  joining->room = room;
  joining->number = number;
  joining->next = NULL;
  *room->joining_end = joining;
  room->joining_end = &joining->next;
  return ROOM_OK;
}

/* ---- committing ---- */

static bool plan_pieces_away(struct room *room, struct plan *plan, uint32_t chunk)
{
  for (uint32_t i = 0; i < room->piece_count; i++)
    if (!room_plan_delete(room, plan, ROOM_ITEM_PIECE, chunk, room->pieces[i])) return false;
  return true;
}

/* The numbers of this turn are all of the last chunk. */
static bool plan_numbers(struct room *room, struct plan *plan)
{
  uint8_t bytes[WAITERS_BYTES_MAX];
  struct lobby *lobby = room->lobby;
  const struct waiter_entries *entries = room->waiters.entries;
  uint32_t chunk = (room->waiters.next - 1) / ROOM_CHUNK;
  uint32_t end = room->waiters.next - chunk * ROOM_CHUNK;
  bool full = end == ROOM_CHUNK;
  uint32_t from = full || room->piece_count == 0 ? 0 : room->pieces[room->piece_count - 1];
  int64_t base_ms = entries->arrivals_ms[from];
  size_t size = waiters_encode(entries, from, end, base_ms, bytes);
  struct value item = room_waiters_item(&lobby->writer, plan->arena,
                                        room_key(plan->arena, room->record.event_id),
                                        full ? ROOM_ITEM_WAITERS : ROOM_ITEM_PIECE, chunk, from,
                                        base_ms, end - from, bytes_of(bytes, size));
  return room_plan_put(room, plan, item) && (!full || plan_pieces_away(room, plan, chunk));
}

/* What the last piece is, for the next numbers. */
static void note_pieces(struct room *room)
{
  uint32_t end = room->waiters.next % ROOM_CHUNK;
  if (end == 0)
    room->piece_count = 0;
  else if (room->piece_count == 0)
    room->pieces[room->piece_count++] = 0;
  if (end > 0 && end - room->pieces[room->piece_count - 1] >= ROOM_PIECE)
    room->pieces[room->piece_count++] = (uint16_t)end;
}

static bool commit_numbers(struct room *room, uint64_t *sequence)
{
  struct lobby *lobby = room->lobby;
  *sequence = store_appended(lobby->store);
  if (room->durable_next == room->waiters.next) return true;
  struct plan *plan = lobby_plan(lobby);
  if (!plan_numbers(room, plan) || !lobby_commit(lobby, sequence)) return false;
  room->durable_next = room->waiters.next;
  note_pieces(room);
  return true;
}

/* As if nobody had come. */
static void take_back(struct room *room)
{
  while (room->waiters.next > room->durable_next) {
    uint32_t number = room->waiters.next - 1;
    uint64_t hash = room->waiters.entries->hashes[number % ROOM_CHUNK];
    identities_remove(&room->identities, hash, number);
    line_set_state(room, number, WAITER_ABSENT);
    waiters_undo(&room->waiters);
  }
}

static bool describe(struct room *room, const struct room_joining *joining,
                     struct room_joined *joined)
{
  uint64_t hash;
  struct token token = {room->record.id, joining->number, 0};
  if (!entry_of(room, joining->number, &hash, &token.time_ms)) return false;
  token_sign(room->lobby->signer, TOKEN_WAITING, &token, joined->token);
  joined->number = joining->number;
  joined->again = joining->again;
  bool waits = waiters_state(&room->waiters, joining->number) == WAITER_WAITING;
  joined->position = waits ? line_position(room, joining->number) : 0;
  return true;
}

void join_flush(struct room *room)
{
  uint64_t sequence;
  struct room_joining *joining = room->joining;
  if (joining == NULL) return;
  room->joining = NULL;
  room->joining_end = &room->joining;
  bool done = commit_numbers(room, &sequence);
  /* A place of before that is asked for again may be of this turn: it is gone too. */
  uint32_t durable = room->durable_next;
  if (!done) take_back(room);
  while (joining != NULL) {
    struct room_joining *next = joining->next;
    struct room_joined joined;
    if (joining->number < durable && describe(room, joining, &joined)) {
      if (!joining->again) metric_add(&room->metrics.joins, 1);
      joining->joined(joining->context, ROOM_OK, &joined, sequence);
    } else {
      joining->joined(joining->context, ROOM_UNAVAILABLE, NULL, 0);
    }
    joining = next;
  }
}

/* ---- loading ---- */

bool join_load(struct room *room, enum room_item_kind kind, uint32_t chunk, uint32_t offset,
               struct value item, struct error *error)
{
  int64_t base_ms;
  uint32_t count;
  struct bytes encoded;
  struct waiters *waiters = &room->waiters;
  uint32_t first = chunk * ROOM_CHUNK + offset;
  bool follows = kind == ROOM_ITEM_PIECE && offset > 0 ? waiters->next == first
                                                       : waiters->next <= first;
  if (!room_waiters_read(item, &base_ms, &count, &encoded) || !follows ||
      offset + count > ROOM_CHUNK || (kind == ROOM_ITEM_WAITERS && count != ROOM_CHUNK) ||
      (kind == ROOM_ITEM_PIECE && room->piece_count == ROOM_PIECES_MAX))
    return error_set(error, ERROR_CORRUPT, "room of event %.*s: waiters of chunk %u are damaged",
                     BYTES_FORMAT(room->record.event_id), chunk);
  if (offset == 0 ? !waiters_load(waiters, chunk, count, lobby_now_s(room->lobby))
                  : !waiters_reserve(waiters))
    return error_set(error, ERROR_NO_MEMORY, "no memory for a room's waiters");
  struct waiter_entries *entries = waiters->entries;
  waiters_decode(encoded, count, base_ms, entries, offset);
  for (uint32_t i = offset; i < offset + count; i++) {
    if (offset > 0)
      waiters_add(waiters, entries->hashes[i], entries->arrivals_ms[i], lobby_now_s(room->lobby));
    if (!identities_reserve(&room->identities, entries->hashes[i], is_alive, room))
      return error_set(error, ERROR_NO_MEMORY, "no memory for a room's waiters");
    identities_add(&room->identities, entries->hashes[i], chunk * ROOM_CHUNK + i);
  }
  room->arrival_ms = entries->arrivals_ms[offset + count - 1];
  if (kind == ROOM_ITEM_PIECE) room->pieces[room->piece_count++] = (uint16_t)offset;
  return true;
}
