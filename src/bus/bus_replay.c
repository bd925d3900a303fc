/*
 * Replays: a row that says how far one has come, and slices of events that move it on, each a plan
 * of the events' consequences and of the row. So an event is replayed once, whatever happens.
 */
#include "base/check.h"
#include "bus/bus_state.h"

enum { ENDED_KEPT_S = 90 * 86400 };

static const char *const STATES[] = {
    [BUS_REPLAY_RUNNING] = "RUNNING",
    [BUS_REPLAY_COMPLETED] = "COMPLETED",
    [BUS_REPLAY_CANCELLED] = "CANCELLED",
    [BUS_REPLAY_FAILED] = "FAILED",
};

/* ---- rows ---- */

struct replay_row {
  struct bus_replay shown;
  struct bytes partition; /* of the archive */
  struct bytes after;     /* sk of the last event */
};

static struct bytes partition_of(enum bus_replay_state state)
{
  return state == BUS_REPLAY_RUNNING ? BYTES(BUS_PK_REPLAY_RUNNING) : BYTES(BUS_PK_REPLAY_ENDED);
}

static struct value write_row(struct buses *buses, const struct replay_row *row,
                              struct arena *arena)
{
  const struct bus_replay *shown = &row->shown;
  struct bus_item item;
  bus_item_begin(&item, &buses->scratch);
  bus_item_key(&item, partition_of(shown->state), shown->name);
  bus_item_text(&item, BYTES("description"), shown->description);
  bus_item_text(&item, BYTES("archiveBus"), shown->archive_bus);
  bus_item_text(&item, BYTES("archive"), shown->archive);
  bus_item_text(&item, BYTES("bus"), shown->bus);
  bus_item_integer(&item, BYTES("from"), shown->from_ms);
  bus_item_integer(&item, BYTES("to"), shown->to_ms);
  bus_item_texts(&item, BYTES("rules"), shown->rules, shown->rule_count);
  bus_item_text(&item, BYTES("state"), bytes_of_text(STATES[shown->state]));
  bus_item_integer(&item, BYTES("events"), (int64_t)shown->events);
  bus_item_integer(&item, BYTES("reached"), shown->reached_ms);
  bus_item_integer(&item, BYTES("started"), shown->started_ms);
  bus_item_integer(&item, BYTES("ended"), shown->ended_ms);
  bus_item_text(&item, BYTES("partition"), row->partition);
  bus_item_text(&item, BYTES("after"), row->after);
  if (shown->state != BUS_REPLAY_RUNNING)
    bus_item_integer(&item, BYTES("ttl"), shown->ended_ms / 1000 + ENDED_KEPT_S);
  return bus_item_end(&item, arena);
}

static bool read_rules(struct value list, struct arena *arena, struct bus_replay *shown)
{
  uint32_t count = value_type(list) == VALUE_LIST ? value_count(list) : 0;
  struct bytes *rules = arena_alloc_array(arena, count, sizeof *rules);
  if (rules == NULL || count == 0) return rules != NULL;
  struct value_iterator iterator = value_iterate(list);
  struct value name;
  for (uint32_t i = 0; i < count; i++) {
    value_next(&iterator, NULL, &name);
    rules[i] = value_bytes(name);
  }
  shown->rules = rules;
  shown->rule_count = count;
  return true;
}

static bool read_row(struct value item, struct arena *arena, struct replay_row *row)
{
  struct bytes copy = arena_copy(arena, bytes_of(item.data, item.size));
  if (copy.data == NULL) return false;
  item = (struct value){copy.data, copy.size};
  row->shown = (struct bus_replay){
      .name = bus_item_get_text(item, BYTES("sk")),
      .description = bus_item_get_text(item, BYTES("description")),
      .archive_bus = bus_item_get_text(item, BYTES("archiveBus")),
      .archive = bus_item_get_text(item, BYTES("archive")),
      .bus = bus_item_get_text(item, BYTES("bus")),
      .from_ms = bus_item_get_integer(item, BYTES("from"), 0),
      .to_ms = bus_item_get_integer(item, BYTES("to"), 0),
      .events = (uint64_t)bus_item_get_integer(item, BYTES("events"), 0),
      .reached_ms = bus_item_get_integer(item, BYTES("reached"), 0),
      .started_ms = bus_item_get_integer(item, BYTES("started"), 0),
      .ended_ms = bus_item_get_integer(item, BYTES("ended"), 0),
  };
  struct bytes state = bus_item_get_text(item, BYTES("state"));
  while (row->shown.state < BUS_REPLAY_FAILED &&
         !bytes_equal(state, bytes_of_text(STATES[row->shown.state])))
    row->shown.state++;
  row->partition = bus_item_get_text(item, BYTES("partition"));
  row->after = bus_item_get_text(item, BYTES("after"));
  return read_rules(value_attribute(item, BYTES("rules")), arena, &row->shown);
}

/* Puts the row as it is now; one that has ended leaves those that run. */
static bool add_row(struct buses *buses, struct plan *plan, const struct replay_row *row)
{
  struct value item = write_row(buses, row, plan->arena);
  if (!value_present(item)) return false;
  if (row->shown.state != BUS_REPLAY_RUNNING) {
    struct value key = bus_item_key_map(&buses->scratch, plan->arena,
                                        partition_of(BUS_REPLAY_RUNNING), row->shown.name);
    if (!bus_plan_delete(plan, buses->table, key)) return false;
  }
  return bus_plan_put(plan, buses->table, item);
}

/* All that run, in order of names; in the arena. */
static bool query_running(struct buses *buses, struct arena *arena, struct store_page *page,
                          struct error *error)
{
  const struct bus_query query = {.table = buses->table,
                                  .range = RANGE_ALL,
                                  .pk = partition_of(BUS_REPLAY_RUNNING),
                                  .limit = BUS_REPLAYS_MAX + 1};
  return buses_query(buses, &query, arena, page, error);
}

bool replays_read(struct buses *buses, struct bytes bus, struct bytes archive, bool *running,
                  struct error *error)
{
  struct store_page page;
  *running = false;
  bool done = query_running(buses, &buses->arena, &page, error);
  for (uint32_t i = 0; done && i < page.count; i++)
    if (bytes_equal(bus_item_get_text(page.items[i], BYTES("archiveBus")), bus) &&
        bytes_equal(bus_item_get_text(page.items[i], BYTES("archive")), archive))
      *running = true;
  arena_reset(&buses->arena);
  return done;
}

/* ---- start and cancel ---- */

static void started(void *context, uint64_t sequence)
{
  (void)sequence;
  struct buses *buses = context;
  buses->have_replays = true;
}

static bool check(const struct bus_replay *replay, struct error *error)
{
  if (!bus_name_is_valid(replay->name, BUS_REPLAY_NAME_MAX, false))
    return error_set(error, ERROR_INVALID, "name: 1 to %d letters, digits and . - _ are needed",
                     BUS_REPLAY_NAME_MAX);
  if (replay->description.size > BUS_DESCRIPTION_MAX || !bytes_is_utf8(replay->description))
    return error_set(error, ERROR_INVALID, "description: at most %d bytes of text",
                     BUS_DESCRIPTION_MAX);
  if (replay->rule_count > BUS_REPLAY_RULES_MAX)
    return error_set(error, ERROR_INVALID, "rules: at most %d", BUS_REPLAY_RULES_MAX);
  for (uint32_t i = 0; i < replay->rule_count; i++)
    if (!bus_name_is_valid(replay->rules[i], BUS_RULE_NAME_MAX, false))
      return error_set(error, ERROR_INVALID, "rules[%u]: no name of a rule", i);
  if (replay->from_ms < INSTANT_MIN_MS || replay->to_ms > INSTANT_MAX_MS ||
      replay->from_ms >= replay->to_ms)
    return error_set(error, ERROR_INVALID, "from and to: a time and a later one are needed");
  return true;
}

static bool is_known(const struct buses *buses, struct bytes name, struct arena *arena)
{
  return value_present(buses_find(buses->table, arena, partition_of(BUS_REPLAY_RUNNING), name)) ||
         value_present(buses_find(buses->table, arena, partition_of(BUS_REPLAY_COMPLETED), name));
}

static enum bus_status check_place(struct buses *buses, struct plan *plan,
                                   const struct bus_replay *replay, struct archive **archive,
                                   struct error *error)
{
  struct store_page page;
  const struct bus *source = bus_find(buses, replay->archive_bus);
  struct subscriber *found = source == NULL ? NULL
                                            : subscriber_find(source->archives, replay->archive);
  if (found == NULL || bus_find(buses, replay->bus) == NULL) {
    error_set(error, ERROR_NOT_FOUND,
              found == NULL ? "there is no such archive" : "there is no such bus");
    return BUS_NOT_FOUND;
  }
  *archive = archive_of(found);
  if (is_known(buses, replay->name, plan->arena)) {
    error_set(error, ERROR_EXISTS, "there is a replay %.*s", BYTES_FORMAT(replay->name));
    return BUS_EXISTS;
  }
  bool done = query_running(buses, &buses->arena, &page, error);
  arena_reset(&buses->arena);
  if (!done) return BUS_UNAVAILABLE;
  if (page.count < BUS_REPLAYS_MAX) return BUS_OK;
  error_set(error, ERROR_LIMIT, "%d replays run: wait for one to end", BUS_REPLAYS_MAX);
  return BUS_LIMIT;
}

enum bus_status bus_replay_start(struct buses *buses, struct plan *plan,
                                 const struct bus_replay *replay, int64_t now_ms,
                                 struct error *error)
{
  char from[INSTANT_TEXT_BYTES];
  struct archive *archive;
  if (!check(replay, error)) return BUS_INVALID;
  enum bus_status status = check_place(buses, plan, replay, &archive, error);
  if (status != BUS_OK) return status;
  if (!bus_plan_fits(plan, 1, 1)) return BUS_PLAN_FULL;
  /* Keys of events are a time and more: all from this time on are behind it. */
  instant_format(replay->from_ms, from);
  struct replay_row row = {
      .shown = *replay, .partition = archive->partition, .after = bytes_of(from, sizeof from)};
  row.shown.state = BUS_REPLAY_RUNNING;
  row.shown.events = 0;
  row.shown.reached_ms = replay->from_ms;
  row.shown.started_ms = now_ms;
  row.shown.ended_ms = 0;
  if (!add_row(buses, plan, &row)) return bus_no_memory(error);
  plan_after(plan, started, buses);
  return BUS_OK;
}

enum bus_status bus_replay_cancel(struct buses *buses, struct plan *plan, struct bytes name,
                                  int64_t now_ms, struct error *error)
{
  struct replay_row row;
  struct value item = buses_find(buses->table, plan->arena, partition_of(BUS_REPLAY_RUNNING), name);
  if (!value_present(item)) {
    error_set(error, ERROR_NOT_FOUND, "no replay %.*s runs", BYTES_FORMAT(name));
    return BUS_NOT_FOUND;
  }
  if (!bus_plan_fits(plan, 2, 0)) return BUS_PLAN_FULL;
  if (!read_row(item, plan->arena, &row)) return bus_no_memory(error);
  row.shown.state = BUS_REPLAY_CANCELLED;
  row.shown.ended_ms = now_ms;
  return add_row(buses, plan, &row) ? BUS_OK : bus_no_memory(error);
}

/* ---- looking ---- */

enum bus_status bus_replay_find(struct buses *buses, struct bytes name, struct arena *arena,
                                struct bus_replay *replay)
{
  struct replay_row row;
  struct value item = buses_find(buses->table, arena, partition_of(BUS_REPLAY_RUNNING), name);
  if (!value_present(item))
    item = buses_find(buses->table, arena, partition_of(BUS_REPLAY_COMPLETED), name);
  if (!value_present(item)) return BUS_NOT_FOUND;
  if (!read_row(item, arena, &row)) return BUS_UNAVAILABLE;
  *replay = row.shown;
  return BUS_OK;
}

enum bus_status bus_replay_list(struct buses *buses, bool ended, struct bytes after, uint32_t limit,
                                struct arena *arena, struct bus_replay *list, uint32_t *count,
                                struct error *error)
{
  struct store_page page;
  struct replay_row row;
  if (limit == 0 || limit > BUS_PAGE_MAX) limit = BUS_PAGE_MAX;
  const struct bus_query query = {
      .table = buses->table,
      .range = after.size == 0 ? RANGE_ALL : RANGE_AFTER,
      .pk = partition_of(ended ? BUS_REPLAY_COMPLETED : BUS_REPLAY_RUNNING),
      .sk = after,
      .limit = limit};
  *count = 0;
  if (!buses_query(buses, &query, arena, &page, error)) return BUS_UNAVAILABLE;
  for (uint32_t i = 0; i < page.count; i++) {
    if (!read_row(page.items[i], arena, &row)) return bus_no_memory(error);
    list[(*count)++] = row.shown;
  }
  return BUS_OK;
}

/* ---- going on ---- */

/* Adds one event; *stop: it waits for the next plan. */
static bool add_event(struct bus *bus, struct plan *plan, struct replay_row *row,
                      struct value archived, bool *stop, struct error *error)
{
  struct error instant_error;
  struct bytes sk = bus_item_get_text(archived, BYTES("sk"));
  enum bus_status status = bus_put_again(bus, plan, bus_item_get_text(archived, BYTES("event")),
                                         &row->shown, bus->buses->now_ms, error);
  *stop = status == BUS_PLAN_FULL;
  if (*stop) return true;
  if (status == BUS_UNAVAILABLE) return false;
  /* What no bus would take any more (BUS_INVALID) is passed over. */
  if (status == BUS_OK) row->shown.events++;
  (void)instant_parse(bytes_of(sk.data, INSTANT_TEXT_BYTES), &row->shown.reached_ms,
                      &instant_error);
  row->after = sk;
  return true;
}

/* The next events into the plan; *ended: there are no more. */
static bool add_events(struct bus *bus, struct plan *plan, struct replay_row *row, bool *ended,
                       struct error *error)
{
  char to[INSTANT_TEXT_BYTES];
  struct store_page page;
  struct buses *buses = bus->buses;
  const struct bus_query query = {.table = buses->archive,
                                  .range = RANGE_AFTER,
                                  .pk = row->partition,
                                  .sk = row->after,
                                  .limit = BUS_SLICE_EVENTS};
  instant_format(row->shown.to_ms, to);
  if (!buses_query(buses, &query, plan->arena, &page, error)) return false;
  bool stop = false;
  *ended = false;
  uint32_t i = 0;
  for (; i < page.count && !stop && !*ended; i++) {
    struct bytes sk = bus_item_get_text(page.items[i], BYTES("sk"));
    *ended = bytes_compare(sk, bytes_of(to, sizeof to)) >= 0;
    if (!*ended && !add_event(bus, plan, row, page.items[i], &stop, error)) return false;
  }
  if (!stop && !value_present(page.last_key)) *ended = true;
  return true;
}

static bool run_row(struct buses *buses, struct value item, struct error *error)
{
  struct store_transact_result result;
  struct replay_row row;
  struct arena *arena = &buses->arena;
  bool ended = true;
  struct plan *plan = arena_alloc(arena, sizeof *plan);
  error_set(error, ERROR_NO_MEMORY, "no memory for a replay");
  if (plan == NULL || !read_row(item, arena, &row)) return false;
  plan_init(plan, buses->store, arena);
  struct bus *bus = bus_find(buses, row.shown.bus);
  if (bus != NULL && !add_events(bus, plan, &row, &ended, error)) return false;
  if (ended) {
    row.shown.state = bus == NULL ? BUS_REPLAY_FAILED : BUS_REPLAY_COMPLETED;
    row.shown.ended_ms = buses->now_ms;
  }
  if (!add_row(buses, plan, &row)) return error_set(error, ERROR_NO_MEMORY, "no memory");
  return plan_commit(plan, &result, error) == STORE_OK;
}

bool buses_replay(struct buses *buses, struct error *error)
{
  struct store_page page;
  if (!buses->have_replays) return true;
  if (!query_running(buses, &buses->arena, &page, error)) return false;
  if (page.count == 0) {
    buses->have_replays = false;
    return true;
  }
  return run_row(buses, page.items[buses->next_replay++ % page.count], error);
}
