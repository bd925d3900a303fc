#include "room/room_parts.h"

/* ---- plans of its own ---- */

struct plan *lobby_plan(struct lobby *lobby)
{
  arena_reset(&lobby->arena);
  plan_init(lobby->plan, lobby->store, &lobby->arena);
  return lobby->plan;
}

bool lobby_commit(struct lobby *lobby, uint64_t *sequence)
{
  struct error error;
  struct store_transact_result result;
  if (plan_commit(lobby->plan, &result, &error) != STORE_OK) return false;
  *sequence = result.sequence;
  return true;
}

bool room_plan_put(struct room *room, struct plan *plan, struct value item)
{
  const struct store_action action = {
      .kind = ACTION_PUT, .table = room->lobby->table, .item = item};
  if (!value_present(item)) return false;
  plan_add(plan, &action);
  return true;
}

bool room_plan_delete(struct room *room, struct plan *plan, enum room_item_kind kind,
                      uint32_t number, uint32_t offset)
{
  const struct store_action action = {
      .kind = ACTION_DELETE,
      .table = room->lobby->table,
      .item = room_item_key(&room->lobby->writer, plan->arena,
                            room_key(plan->arena, room->record.event_id), kind, number, offset),
  };
  if (!value_present(action.item)) return false;
  plan_add(plan, &action);
  return true;
}

bool room_look_up(const struct room *room, struct arena *arena, enum room_item_kind kind,
                  uint32_t number, struct value *item)
{
  struct value partition = value_make_string(arena, room_key(arena, room->record.event_id));
  struct value sort = value_make_string(arena, room_sort_key(arena, kind, number, 0));
  if (!value_present(partition) || !value_present(sort)) return false;
  *item = store_find(room->lobby->table, partition, sort);
  return true;
}

/* ---- rooms ---- */

static void free_room(struct room *room)
{
  struct memory *memory = room->lobby->memory;
  struct bytes id = room->record.event_id;
  /* Who joined in the last turn is told, before the room is gone. */
  CHECK(room->joining == NULL);
  ranks_free(&room->line);
  ranks_free(&room->drawn);
  waiters_free(&room->waiters);
  identities_free(&room->identities);
  shoppers_free(&room->shoppers);
  if (id.data != NULL) memory_free(memory, (void *)(uintptr_t)id.data, id.size);
  memory_free(memory, room, sizeof *room);
}

/* A room as its record says, without anybody in it. */
static struct room *new_room(struct lobby *lobby, const struct room_record *record)
{
  struct room *room = memory_alloc_zeroed(lobby->memory, sizeof *room);
  if (room == NULL) return NULL;
  room->lobby = lobby;
  ranks_init(&room->line, lobby->memory);
  ranks_init(&room->drawn, lobby->memory);
  waiters_init(&room->waiters, lobby->memory);
  shoppers_init(&room->shoppers, lobby->memory);
  pace_init(&room->pace, record->settings.admit_per_second, record->settings.target_ms);
  room->joining_end = &room->joining;
  room->record = *record;
  room->ticked_ms = lobby->mono_ms;
  for (uint32_t i = 0; i < ROOM_PROBES; i++) room->probes[i].number = ROOM_NOBODY;
  hash_sha256(bytes_of(record->seed, sizeof record->seed), room->commitment);
  if (record->opened) {
    room->phase = PHASE_LINE;
    shuffle_init(&room->shuffle, record->seed, record->drawn);
  }
  uint8_t *id = memory_alloc(lobby->memory, record->event_id.size);
  if (id != NULL) memcpy(id, record->event_id.data, record->event_id.size);
  room->record.event_id = (struct bytes){id, id == NULL ? 0 : record->event_id.size};
  if (id != NULL && identities_init(&room->identities, lobby->memory, lobby->options.capacity))
    return room;
  free_room(room);
  return NULL;
}

static bool make_place(struct lobby *lobby, uint32_t count)
{
  if (count <= lobby->room_capacity) return true;
  uint32_t capacity = lobby->room_capacity * 2 > count ? lobby->room_capacity * 2 : count;
  struct room **rooms = memory_resize(lobby->memory, lobby->rooms,
                                      lobby->room_capacity * sizeof(struct room *),
                                      capacity * sizeof(struct room *));
  if (rooms == NULL) return false;
  for (uint32_t i = lobby->room_capacity; i < capacity; i++) rooms[i] = NULL;
  lobby->rooms = rooms;
  lobby->room_capacity = capacity;
  return true;
}

struct room *lobby_room(const struct lobby *lobby, struct bytes event_id)
{
  for (uint32_t i = 0; i < lobby->room_count; i++)
    if (bytes_equal(lobby->rooms[i]->record.event_id, event_id)) return lobby->rooms[i];
  return NULL;
}

struct room *lobby_room_at(const struct lobby *lobby, uint32_t index)
{
  return index < lobby->room_count ? lobby->rooms[index] : NULL;
}

struct room *lobby_make_room(struct lobby *lobby, struct bytes event_id)
{
  uint64_t sequence;
  struct room *room = lobby_room(lobby, event_id);
  if (room != NULL) return room;
  struct room_record record = {.id = lobby->room_count, .event_id = event_id};
  room_settings_init(&record.settings);
  world_entropy(lobby->options.world, record.seed, sizeof record.seed);
  if (!make_place(lobby, lobby->room_count + 1)) return NULL;
  room = new_room(lobby, &record);
  if (room == NULL) return NULL;
  struct plan *plan = lobby_plan(lobby);
  struct value item = room_settings_item(&lobby->writer, plan->arena, &record);
  if (!room_plan_put(room, plan, item) || !lobby_commit(lobby, &sequence)) {
    free_room(room);
    return NULL;
  }
  lobby->rooms[lobby->room_count++] = room;
  return room;
}

/* ---- loading ---- */

static bool damaged(struct error *error, struct value item)
{
  return error_set(error, ERROR_CORRUPT, "table " ROOM_TABLE ": the item %.*s %.*s is damaged",
                   BYTES_FORMAT(record_get_text(item, BYTES("pk"))),
                   BYTES_FORMAT(record_get_text(item, BYTES("sk"))));
}

/* Rooms come in any order; their ids are places in the list. */
static bool load_settings(struct lobby *lobby, struct value item, struct error *error)
{
  struct room_record record;
  if (!room_settings_read(item, &record) || record.id >= ROOM_PLACES_MAX)
    return damaged(error, item);
  if (!make_place(lobby, record.id + 1))
    return error_set(error, ERROR_NO_MEMORY, "no memory for waiting rooms");
  if (lobby->rooms[record.id] != NULL) return damaged(error, item);
  lobby->rooms[record.id] = new_room(lobby, &record);
  if (lobby->rooms[record.id] == NULL)
    return error_set(error, ERROR_NO_MEMORY, "no memory for waiting rooms");
  if (record.id >= lobby->room_count) lobby->room_count = record.id + 1;
  return true;
}

static bool load_shopper(struct room *room, uint32_t number, struct value item, struct error *error)
{
  struct shopper shopper = {.number = number};
  struct bytes user_id;
  if (!room_shopper_read(item, &shopper, &user_id) ||
      waiters_state(&room->waiters, number) == WAITER_ABSENT)
    return damaged(error, item);
  if (!shoppers_reserve(&room->shoppers, 1))
    return error_set(error, ERROR_NO_MEMORY, "no memory for a room's shoppers");
  shopper.bound = user_id.size > 0;
  shopper.buyer = shopping_name(room, user_id);
  shopping_add(room, &shopper);
  return true;
}

/* Waiters first, then what became of them. */
static bool load_item(struct room *room, bool waiters, struct value item, struct error *error)
{
  uint32_t number;
  uint32_t offset;
  struct bytes sort = record_get_text(item, BYTES("sk"));
  enum room_item_kind kind = room_sort_key_read(sort, &number, &offset);
  bool is_waiters = kind == ROOM_ITEM_WAITERS || kind == ROOM_ITEM_PIECE;
  if (kind == ROOM_ITEM_KINDS) return damaged(error, item);
  if (kind == ROOM_ITEM_SETTINGS || is_waiters != waiters) return true;
  if (is_waiters) return join_load(room, kind, number, offset, item, error);
  if (kind == ROOM_ITEM_SHOPPER) return load_shopper(room, number, item, error);
  struct bytes image = record_get_binary(item, BYTES("states"));
  if (image.size != WAITERS_IMAGE_BYTES || number >= room->waiters.chunk_count ||
      room->waiters.chunks[number] == NULL)
    return damaged(error, item);
  waiters_read_image(&room->waiters, number, image.data);
  return true;
}

/* Places of all who wait; who has entered, which a state in the store does not tell. */
static bool load_line(struct room *room, struct error *error)
{
  struct waiters *waiters = &room->waiters;
  if (room->record.drawn > waiters->next)
    return error_set(error, ERROR_CORRUPT, "room of event %.*s: waiters are missing",
                     BYTES_FORMAT(room->record.event_id));
  if (!ranks_reserve(&room->line, waiters->next))
    return error_set(error, ERROR_NO_MEMORY, "no memory for a room's line");
  for (uint32_t number = 0; number < waiters->next; number++) {
    enum waiter_state state = waiters_state(waiters, number);
    if (state == WAITER_WAITING) ranks_add(&room->line, line_place(room, number));
    if (state != WAITER_ADMITTED) continue;
    const struct shopper *shopper = shoppers_find(&room->shoppers, number);
    if (shopper == NULL)
      return error_set(error, ERROR_CORRUPT, "room of event %.*s: no shopper %u",
                       BYTES_FORMAT(room->record.event_id), number);
    if (shopper->entered_ms > 0) waiters_set_state(waiters, number, WAITER_ENTERED);
  }
  room->durable_next = waiters->next;
  return true;
}

/* Of one room, in order of their keys. */
struct loading {
  struct room *room;
  bool waiters; /* these now; or what became of them */
};

static bool visit_item(void *context, struct value item, struct error *error)
{
  const struct loading *loading = context;
  return load_item(loading->room, loading->waiters, item, error);
}

/* Each room's waiters, then what became of them, then the line. */
static bool load_room(struct room *room, const struct expression *of_room, struct arena *arena,
                      struct error *error)
{
  struct lobby *lobby = room->lobby;
  struct loading waiters = {room, true};
  struct loading states = {room, false};
  struct value values[] = {value_make_string(arena, room_key(arena, room->record.event_id))};
  const struct store_query query = {
      .table = lobby->table, .key_condition = of_room, .values = values, .start_key = VALUE_NONE};
  if (!value_present(values[0]))
    return error_set(error, ERROR_NO_MEMORY, "no memory for a room's waiters");
  return store_each(lobby->store, &query, visit_item, &waiters, error) &&
         store_each(lobby->store, &query, visit_item, &states, error) && load_line(room, error);
}

static bool load_rooms(struct lobby *lobby, struct error *error)
{
  const struct bytes values[] = {BYTES(":pk")};
  const struct expression_placeholders placeholders = {NULL, 0, values, 1, NULL, NULL};
  struct arena compiled;
  bool done = true;
  arena_init(&compiled, lobby->memory);
  const struct expression *of_room = expression_compile(&compiled, EXPRESSION_KEY_CONDITION,
                                                        BYTES("pk = :pk"), &placeholders, error);
  if (of_room == NULL) done = false;
  for (uint32_t i = 0; done && i < lobby->room_count; i++) {
    struct room *room = lobby->rooms[i];
    if (room == NULL)
      done = error_set(error, ERROR_CORRUPT, "table " ROOM_TABLE ": room %u is missing", i);
    else
      done = load_room(room, of_room, &compiled, error);
  }
  arena_free(&compiled);
  return done;
}

static bool visit_settings(void *context, struct value item, struct error *error)
{
  bool is_settings = bytes_equal(record_get_text(item, BYTES("sk")), BYTES("SETTINGS"));
  return !is_settings || load_settings(context, item, error);
}

static bool load(struct lobby *lobby, struct error *error)
{
  const struct store_query query = {.table = lobby->table, .start_key = VALUE_NONE};
  return store_each(lobby->store, &query, visit_settings, lobby, error) && load_rooms(lobby, error);
}

/* ---- life ---- */

struct lobby *lobby_open(const struct lobby_options *options, int64_t mono_ms, struct error *error)
{
  struct memory *memory = &options->world->memory;
  struct lobby *lobby = memory_alloc_zeroed(memory, sizeof *lobby);
  if (lobby == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the waiting rooms");
    return NULL;
  }
  lobby->options = *options;
  if (options->capacity == 0) lobby->options.capacity = ROOM_CAPACITY;
  CHECK(lobby->options.capacity <= ROOM_CAPACITY_MAX);
  lobby->store = options->store;
  lobby->memory = memory;
  lobby->mono_ms = mono_ms;
  record_writer_init(&lobby->writer, memory);
  arena_init(&lobby->arena, memory);
  lobby->plan = memory_alloc(memory, sizeof *lobby->plan);
  lobby->signer = token_signer_new(memory, options->key, error);
  if (lobby->plan == NULL)
    error_set(error, ERROR_NO_MEMORY, "no memory for the waiting rooms");
  else if (lobby->signer != NULL && (lobby->table = room_table(lobby->store, error)) != NULL &&
           load(lobby, error))
    return lobby;
  lobby_close(lobby);
  return NULL;
}

void lobby_close(struct lobby *lobby)
{
  struct memory *memory = lobby->memory;
  for (uint32_t i = 0; i < lobby->room_capacity; i++)
    if (lobby->rooms[i] != NULL) free_room(lobby->rooms[i]);
  if (lobby->rooms != NULL)
    memory_free(memory, lobby->rooms, lobby->room_capacity * sizeof(struct room *));
  token_signer_free(lobby->signer);
  if (lobby->plan != NULL) memory_free(memory, lobby->plan, sizeof *lobby->plan);
  record_writer_free(&lobby->writer);
  arena_free(&lobby->arena);
  memory_free(memory, lobby, sizeof *lobby);
}

bool lobby_tick(struct lobby *lobby, int64_t wall_ms, int64_t mono_ms)
{
  bool more = false;
  if (mono_ms > lobby->mono_ms) lobby->mono_ms = mono_ms;
  lobby->wall_ms = wall_ms;
  bool due = lobby->mono_ms >= lobby->next_ms;
  if (due) lobby->next_ms = lobby->mono_ms + ROOM_TICK_MS;
  for (uint32_t i = 0; i < lobby->room_count; i++) {
    if (line_tick(lobby->rooms[i], wall_ms)) more = true;
    if (due) admit_tick(lobby->rooms[i], wall_ms);
  }
  return more;
}

void lobby_flush(struct lobby *lobby)
{
  for (uint32_t i = 0; i < lobby->room_count; i++) join_flush(lobby->rooms[i]);
}

int lobby_wait_ms(const struct lobby *lobby, int64_t mono_ms, int limit_ms)
{
  int64_t wait_ms = lobby->next_ms - mono_ms;
  if (lobby->room_count == 0 || wait_ms >= limit_ms) return limit_ms;
  return wait_ms > 0 ? (int)wait_ms : 0;
}
