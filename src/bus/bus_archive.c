#include "base/check.h"
#include "bus/bus_state.h"

/* ---- items ---- */

static struct value write_archive(const struct bus *bus, const struct bus_archive *archive,
                                  struct bytes partition, struct arena *arena, struct error *error)
{
  struct bus_item item;
  struct bytes pk = bus_join(arena, BYTES(BUS_PK_BUS), bus->name, BYTES(""), BYTES(""));
  struct bytes sk = bus_join(arena, BYTES("ARCHIVE#"), archive->name, BYTES(""), BYTES(""));
  error_set(error, ERROR_NO_MEMORY, "no memory for an archive");
  if (pk.data == NULL || sk.data == NULL) return VALUE_NONE;
  bus_item_begin(&item, &bus->buses->scratch);
  bus_item_key(&item, pk, sk);
  bus_item_text(&item, BYTES("name"), archive->name);
  bus_item_text(&item, BYTES("description"), archive->description);
  bus_item_text(&item, BYTES("pattern"), archive->pattern);
  bus_item_integer(&item, BYTES("retentionDays"), archive->retention_days);
  bus_item_integer(&item, BYTES("created"), archive->created_ms);
  bus_item_text(&item, BYTES("partition"), partition);
  struct value value = bus_item_end(&item, arena);
  if (item.writer.error.code != ERROR_NONE) *error = item.writer.error;
  return value;
}

static bool read_archive(struct archive *archive, struct value item)
{
  struct bytes copy = arena_copy(&archive->subscriber.arena, bytes_of(item.data, item.size));
  if (copy.data == NULL) return false;
  item = (struct value){copy.data, copy.size};
  archive->shown = (struct bus_archive){
      .name = bus_item_get_text(item, BYTES("name")),
      .description = bus_item_get_text(item, BYTES("description")),
      .pattern = bus_item_get_text(item, BYTES("pattern")),
      .retention_days = (int32_t)bus_item_get_integer(item, BYTES("retentionDays"), -1),
      .created_ms = bus_item_get_integer(item, BYTES("created"), 0),
  };
  archive->partition = bus_item_get_text(item, BYTES("partition"));
  archive->subscriber.name = archive->shown.name;
  return true;
}

static bool check(const struct bus_archive *archive, struct error *error)
{
  if (!bus_name_is_valid(archive->name, BUS_ARCHIVE_NAME_MAX, false))
    return error_set(error, ERROR_INVALID, "name: 1 to %d letters, digits and . - _ are needed",
                     BUS_ARCHIVE_NAME_MAX);
  if (archive->description.size > BUS_DESCRIPTION_MAX)
    return error_set(error, ERROR_INVALID, "description: at most %d bytes", BUS_DESCRIPTION_MAX);
  if (archive->retention_days < 0 || archive->retention_days > BUS_RETENTION_DAYS_MAX)
    return error_set(error, ERROR_INVALID, "retention_days: 0 (for ever) to %d",
                     BUS_RETENTION_DAYS_MAX);
  return true;
}

static struct archive *make(struct bus *bus, struct value item, struct error *error)
{
  struct buses *buses = bus->buses;
  struct archive *archive = memory_alloc_zeroed(buses->memory, sizeof *archive);
  if (archive == NULL) {
    (void)bus_no_memory(error);
    return NULL;
  }
  archive->subscriber = (struct subscriber){
      .kind = SUBSCRIBER_ARCHIVE, .number = BUS_NO_NUMBER, .turn = buses->turn, .bus = bus};
  arena_init(&archive->subscriber.arena, buses->memory);
  bool read = read_archive(archive, item);
  if (!read) (void)bus_no_memory(error);
  if (read && check(&archive->shown, error)) {
    if (subscriber_enlist(&archive->subscriber, archive->shown.pattern, error)) return archive;
    error_set(error, error->code == ERROR_NO_MEMORY ? ERROR_NO_MEMORY : ERROR_INVALID,
              "pattern: %s", error->message);
  }
  subscriber_free(buses, &archive->subscriber);
  return NULL;
}

bool archive_load(struct bus *bus, struct value item, struct error *error)
{
  struct archive *archive = make(bus, item, error);
  if (archive == NULL) {
    if (error->code == ERROR_NO_MEMORY) return false;
    return error_set(error, ERROR_CORRUPT, "table %s, bus %.*s, %.*s: %s", BUS_BUSES_TABLE,
                     BYTES_FORMAT(bus->name), BYTES_FORMAT(bus_item_get_text(item, BYTES("sk"))),
                     error->message);
  }
  subscriber_insert(&archive->subscriber);
  return true;
}

/* ---- changing ---- */

static void committed(void *context, uint64_t sequence)
{
  (void)sequence;
  subscriber_commit(context);
}

/* Each archive has a partition of its own, also one that is made after another of its name. */
static struct bytes new_partition(struct bus *bus, struct bytes name, struct arena *arena)
{
  char generation[ID_TEXT_BYTES];
  struct id id = id_generate(&bus->buses->ids);
  id_format(&id, generation);
  struct bytes of_bus = bus_join(arena, BYTES("ARCHIVE#"), bus->name, BYTES("#"), name);
  if (of_bus.data == NULL) return of_bus;
  return bus_join(arena, of_bus, BYTES("#"), bytes_of(generation, sizeof generation), BYTES(""));
}

enum bus_status bus_archive_put(struct bus *bus, struct plan *plan, const struct bus_archive *given,
                                int64_t now_ms, struct error *error)
{
  struct bus_archive archive = *given;
  if (!check(&archive, error)) return BUS_INVALID;
  struct subscriber *found = subscriber_find(bus->archives, archive.name);
  const struct archive *old = found == NULL ? NULL : archive_of(found);
  if (old == NULL && bus->archive_count >= BUS_ARCHIVES_MAX) {
    error_set(error, ERROR_LIMIT, "the bus has %d archives", BUS_ARCHIVES_MAX);
    return BUS_LIMIT;
  }
  if (!bus_plan_fits(plan, 1, 1)) return BUS_PLAN_FULL;
  archive.created_ms = old == NULL ? now_ms : old->shown.created_ms;
  struct bytes partition = old == NULL ? new_partition(bus, archive.name, plan->arena)
                                       : old->partition;
  if (partition.data == NULL) return bus_no_memory(error);
  struct value item = write_archive(bus, &archive, partition, plan->arena, error);
  struct archive *made = value_present(item) ? make(bus, item, error) : NULL;
  if (made == NULL) return error->code == ERROR_NO_MEMORY ? BUS_UNAVAILABLE : BUS_INVALID;
  subscriber_made(&made->subscriber);
  bus_plan_put(plan, bus->buses->table, item);
  plan_after(plan, committed, &made->subscriber);
  return BUS_OK;
}

static void removed(void *context, uint64_t sequence)
{
  (void)sequence;
  struct archive *archive = context;
  if (!archive->subscriber.live) return;
  archive->subscriber.bus->buses->have_purges = true;
  subscriber_remove(&archive->subscriber);
}

enum bus_status bus_archive_delete(struct bus *bus, struct plan *plan, struct bytes name,
                                   struct error *error)
{
  struct buses *buses = bus->buses;
  struct arena *arena = plan->arena;
  bool running;
  struct subscriber *found = subscriber_find(bus->archives, name);
  if (found == NULL) {
    error_set(error, ERROR_NOT_FOUND, "there is no archive %.*s", BYTES_FORMAT(name));
    return BUS_NOT_FOUND;
  }
  if (!replays_read(buses, bus->name, name, &running, error)) return bus_no_memory(error);
  if (running) {
    error_set(error, ERROR_INVALID, "the archive %.*s is replayed: cancel that first",
              BYTES_FORMAT(name));
    return BUS_IN_USE;
  }
  if (!bus_plan_fits(plan, 2, 1)) return BUS_PLAN_FULL;
  struct bytes pk = bus_join(arena, BYTES(BUS_PK_BUS), bus->name, BYTES(""), BYTES(""));
  struct bytes sk = bus_join(arena, BYTES("ARCHIVE#"), name, BYTES(""), BYTES(""));
  if (pk.data == NULL || sk.data == NULL) return bus_no_memory(error);
  struct value key = bus_item_key_map(&buses->scratch, arena, pk, sk);
  struct value purge = bus_item_key_map(&buses->scratch, arena, BYTES(BUS_PK_PURGE),
                                        archive_of(found)->partition);
  if (!value_present(key) || !value_present(purge)) return bus_no_memory(error);
  bus_plan_delete(plan, buses->table, key);
  bus_plan_put(plan, buses->table, purge);
  plan_after(plan, removed, archive_of(found));
  return BUS_OK;
}

const struct bus_archive *bus_archive_find(const struct bus *bus, struct bytes name)
{
  struct subscriber *found = subscriber_find(bus->archives, name);
  return found == NULL ? NULL : &archive_of(found)->shown;
}

const struct bus_archive *bus_archive_next(const struct bus *bus, struct bytes after)
{
  struct subscriber *next = subscriber_next(bus->archives, after);
  return next == NULL ? NULL : &archive_of(next)->shown;
}

/* ---- emptying ---- */

/* The key of a purge row is the partition; it goes with the last of its rows. */
static bool purge_slice(struct buses *buses, struct bytes partition, struct error *error)
{
  struct arena *arena = &buses->arena;
  struct store_page page;
  struct store_transact_result result;
  struct plan *plan = arena_alloc(arena, sizeof *plan);
  const struct bus_query query = {
      .table = buses->archive, .range = RANGE_ALL, .pk = partition, .limit = BUS_SLICE_ACTIONS};
  if (plan == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a purge");
  if (!buses_query(buses, &query, arena, &page, error)) return false;
  plan_init(plan, buses->store, arena);
  for (uint32_t i = 0; i < page.count; i++) {
    struct value key = bus_item_key_map(&buses->scratch, arena, partition,
                                        bus_item_get_text(page.items[i], BYTES("sk")));
    if (!bus_plan_delete(plan, buses->archive, key))
      return error_set(error, ERROR_NO_MEMORY, "no memory for a purge");
  }
  if (!value_present(page.last_key)) {
    struct value key = bus_item_key_map(&buses->scratch, arena, BYTES(BUS_PK_PURGE), partition);
    if (!bus_plan_delete(plan, buses->table, key))
      return error_set(error, ERROR_NO_MEMORY, "no memory for a purge");
  }
  return plan_commit(plan, &result, error) == STORE_OK;
}

bool buses_purge(struct buses *buses, struct error *error)
{
  struct store_page page;
  const struct bus_query query = {
      .table = buses->table, .range = RANGE_ALL, .pk = BYTES(BUS_PK_PURGE), .limit = 1};
  if (!buses->have_purges) return true;
  if (!buses_query(buses, &query, &buses->arena, &page, error)) return false;
  if (page.count == 0) {
    buses->have_purges = false;
    return true;
  }
  return purge_slice(buses, bus_item_get_text(page.items[0], BYTES("sk")), error);
}
