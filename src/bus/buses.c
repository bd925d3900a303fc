#include "base/check.h"
#include "bus/bus_state.h"

/* ---- tables ---- */

static struct table_key key_of(const char *name, enum value_type type)
{
  return (struct table_key){bytes_of_text(name), type};
}

static bool open_table(struct buses *buses, const struct table_definition *definition,
                       struct table **table, struct error *error)
{
  *table = store_table(buses->store, definition->name);
  return *table != NULL || store_table_create(buses->store, definition, table, error) == STORE_OK;
}

static bool open_tables(struct buses *buses, struct error *error)
{
  const struct bytes lane = BYTES("lane");
  const struct table_index_definition indexes[] = {
      {.name = BYTES("by_state"),
       .partition = key_of("state", VALUE_STRING),
       .sort = key_of("id", VALUE_STRING),
       .projection = PROJECTION_INCLUDE,
       .include = &lane,
       .include_count = 1},
      {.name = BYTES("by_lane"),
       .partition = key_of("lane", VALUE_STRING),
       .sort = key_of("next", VALUE_NUMBER),
       .projection = PROJECTION_KEYS_ONLY},
  };
  const struct table_definition of_buses = {.name = BYTES(BUS_BUSES_TABLE),
                                            .partition = key_of("pk", VALUE_STRING),
                                            .sort = key_of("sk", VALUE_STRING),
                                            .ttl_attribute = BYTES("ttl"),
                                            .deletion_protection = true};
  const struct table_definition of_archive = {.name = BYTES(BUS_ARCHIVE_TABLE),
                                              .partition = key_of("pk", VALUE_STRING),
                                              .sort = key_of("sk", VALUE_STRING),
                                              .ttl_attribute = BYTES("ttl"),
                                              .deletion_protection = true};
  const struct table_definition of_deliveries = {.name = BYTES(BUS_DELIVERIES_TABLE),
                                                 .partition = key_of("id", VALUE_STRING),
                                                 .indexes = indexes,
                                                 .index_count = 2,
                                                 .ttl_attribute = BYTES("ttl"),
                                                 .deletion_protection = true};
  return open_table(buses, &of_buses, &buses->table, error) &&
         open_table(buses, &of_archive, &buses->archive, error) &&
         open_table(buses, &of_deliveries, &buses->deliveries, error);
}

/* ---- loading ---- */

static bool load_bus(void *context, struct value item, struct error *error)
{
  struct buses *buses = context;
  struct bus *bus = bus_make(buses, bus_item_get_text(item, BYTES("sk")),
                             bus_item_get_integer(item, BYTES("created"), 0));
  if (bus == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for the buses");
  bus_insert(bus);
  return true;
}

static bool load_rule(void *context, struct value item, struct error *error)
{
  return rule_load(context, item, error);
}

static bool load_fired(void *context, struct value item, struct error *error)
{
  return rule_load_fired(context, item, error);
}

static bool load_archive(void *context, struct value item, struct error *error)
{
  return archive_load(context, item, error);
}

static bool load_contents(struct bus *bus, struct error *error)
{
  struct buses *buses = bus->buses;
  struct arena arena;
  arena_init(&arena, buses->memory);
  struct bytes pk = bus_join(&arena, BYTES(BUS_PK_BUS), bus->name, BYTES(""), BYTES(""));
  bool loaded = pk.data != NULL || error_set(error, ERROR_NO_MEMORY, "no memory for the buses");
  loaded = loaded && buses_each(buses, pk, BYTES("ARCHIVE#"), load_archive, bus, error) &&
           buses_each(buses, pk, BYTES("RULE#"), load_rule, bus, error) &&
           buses_each(buses, pk, BYTES("FIRED#"), load_fired, bus, error);
  arena_free(&arena);
  return loaded;
}

static bool load(struct buses *buses, struct error *error)
{
  if (!buses_each(buses, BYTES(BUS_PK_BUSES), BYTES(""), load_bus, buses, error)) return false;
  for (struct bus *bus = buses->list; bus != NULL; bus = bus->next)
    if (!load_contents(bus, error)) return false;
  /* The first tick looks. */
  buses->have_fanouts = buses->have_purges = buses->have_replays = true;
  return lanes_load(buses, error);
}

/* ---- life ---- */

static bool copy_options(struct buses *buses, const struct buses_options *options,
                         struct error *error)
{
  buses->account = arena_copy(&buses->compiled, options->account);
  buses->region = arena_copy(&buses->compiled, options->region);
  buses->signing_key = arena_copy(&buses->compiled, options->signing_key);
  if (buses->account.data != NULL && buses->region.data != NULL && buses->signing_key.data != NULL)
    return true;
  return error_set(error, ERROR_NO_MEMORY, "no memory for the buses");
}

struct buses *buses_open(const struct buses_options *options, int64_t now_ms, struct error *error)
{
  struct buses *buses = memory_alloc_zeroed(options->memory, sizeof *buses);
  if (buses == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the buses");
    return NULL;
  }
  buses->store = options->store;
  buses->queues = options->queues;
  buses->world = options->world;
  buses->memory = options->memory;
  buses->logger = options->logger;
  buses->now_ms = now_ms;
  buses->next_fire_ms = INT64_MAX;
  if (options->sender != NULL) {
    buses->sender = *options->sender;
    buses->has_sender = true;
  }
  arena_init(&buses->compiled, options->memory);
  arena_init(&buses->arena, options->memory);
  arena_init(&buses->match, options->memory);
  buffer_init(&buses->scratch, options->memory);
  id_generator_init(&buses->ids, options->world);
  if (copy_options(buses, options, error) && buses_compile(buses, error) &&
      open_tables(buses, error) && load(buses, error))
    return buses;
  buses_close(buses);
  return NULL;
}

void buses_close(struct buses *buses)
{
  buses_free_subscribers(buses);
  buses_free_unused(buses);
  while (buses->list != NULL) {
    struct bus *bus = buses->list;
    buses->list = bus->next;
    bus_free(bus);
  }
  lanes_free(buses);
  buffer_free(&buses->scratch);
  arena_free(&buses->match);
  arena_free(&buses->arena);
  arena_free(&buses->compiled);
  memory_free(buses->memory, buses, sizeof *buses);
}

/* ---- time ---- */

bool buses_tick(struct buses *buses, int64_t now_ms)
{
  typedef bool piece(struct buses * buses, struct error * error);
  static piece *const pieces[] = {lanes_run, buses_fan_out, buses_replay, buses_fire, buses_purge};
  struct error error;
  if (now_ms > buses->now_ms) buses->now_ms = now_ms;
  buses->turn++;
  buses_free_subscribers(buses);
  buses_free_unused(buses);
  if (buses->now_ms < buses->retry_ms) return false;
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    arena_reset(&buses->arena);
    if (pieces[i](buses, &error)) continue;
    buses->retry_ms = buses->now_ms + BUS_RETRY_MS;
    return false;
  }
  arena_reset(&buses->arena);
  return buses_wait_ms(buses, buses->now_ms, 1) == 0;
}

int buses_wait_ms(const struct buses *buses, int64_t now_ms, int limit_ms)
{
  int64_t next_ms = buses->next_fire_ms;
  int64_t lanes_ms = lanes_next_ms(buses);
  if (lanes_ms < next_ms) next_ms = lanes_ms;
  if (buses->answered > 0 || buses->have_fanouts || buses->have_purges || buses->have_replays)
    next_ms = now_ms;
  if (next_ms < buses->retry_ms) next_ms = buses->retry_ms;
  if (next_ms <= now_ms) return 0;
  return next_ms - now_ms < limit_ms ? (int)(next_ms - now_ms) : limit_ms;
}

struct store *buses_store(const struct buses *buses)
{
  return buses->store;
}

struct memory *buses_memory(const struct buses *buses)
{
  return buses->memory;
}

const char *bus_status_name(enum bus_status status)
{
  static const char *const names[] = {
      [BUS_OK] = "BUS_OK",
      [BUS_INVALID] = "BUS_INVALID",
      [BUS_NOT_FOUND] = "BUS_NOT_FOUND",
      [BUS_EXISTS] = "BUS_EXISTS",
      [BUS_IN_USE] = "BUS_IN_USE",
      [BUS_LIMIT] = "BUS_LIMIT",
      [BUS_PLAN_FULL] = "BUS_PLAN_FULL",
      [BUS_UNAVAILABLE] = "BUS_UNAVAILABLE",
  };
  return names[status];
}
