#include "base/check.h"
#include "bus/bus_state.h"

bool bus_name_is_valid(struct bytes name, size_t most, bool slash)
{
  if (name.size == 0 || name.size > most) return false;
  for (size_t i = 0; i < name.size; i++) {
    uint8_t byte = name.data[i];
    bool letter = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                  (byte >= 'A' && byte <= 'Z') || byte == '.' || byte == '-' || byte == '_';
    if (!letter && !(slash && byte == '/')) return false;
  }
  return true;
}

struct bus *bus_make(struct buses *buses, struct bytes name, int64_t created_ms)
{
  struct bus *bus = memory_alloc_zeroed(buses->memory, sizeof *bus);
  uint8_t *text = memory_alloc(buses->memory, name.size);
  uint64_t seed;
  world_entropy(buses->world, &seed, sizeof seed);
  struct pattern_set *patterns = pattern_set_new(buses->memory, seed);
  if (bus == NULL || text == NULL || patterns == NULL) {
    pattern_set_free(patterns);
    memory_free(buses->memory, text, text == NULL ? 0 : name.size);
    memory_free(buses->memory, bus, bus == NULL ? 0 : sizeof *bus);
    return NULL;
  }
  /* An event is checked before its envelope is written (bus_event.c). */
  pattern_set_trust(patterns);
  memcpy(text, name.data, name.size);
  *bus = (struct bus){
      .buses = buses,
      .turn = buses->turn,
      .name = bytes_of(text, name.size),
      .created_ms = created_ms,
      .patterns = patterns,
  };
  return bus;
}

static void free_all(struct buses *buses, struct subscriber *list)
{
  while (list != NULL) {
    struct subscriber *next = list->next;
    subscriber_free(buses, list);
    list = next;
  }
}

void bus_free(struct bus *bus)
{
  struct buses *buses = bus->buses;
  free_all(buses, bus->rules);
  free_all(buses, bus->archives);
  pattern_set_free(bus->patterns);
  memory_free(buses->memory, bus->by_number, bus->number_capacity * sizeof(struct subscriber *));
  memory_free(buses->memory, (void *)(uintptr_t)bus->name.data, bus->name.size);
  memory_free(buses->memory, bus, sizeof *bus);
}

void bus_insert(struct bus *bus)
{
  struct bus **link = &bus->buses->list;
  while (*link != NULL && bytes_compare((*link)->name, bus->name) < 0) link = &(*link)->next;
  bus->next = *link;
  *link = bus;
  bus->live = true;
}

static void unlink_bus(struct bus **link, const struct bus *bus)
{
  while (*link != bus) {
    CHECK(*link != NULL);
    link = &(*link)->next;
  }
  *link = bus->next;
}

void buses_free_unused(struct buses *buses)
{
  while (buses->made != NULL) {
    struct bus *bus = buses->made;
    buses->made = bus->next;
    bus_free(bus);
  }
  while (buses->retired != NULL) {
    struct bus *bus = buses->retired;
    buses->retired = bus->next;
    bus_free(bus);
  }
}

/* ---- create and delete ---- */

static void created(void *context, uint64_t sequence)
{
  (void)sequence;
  struct bus *bus = context;
  CHECK_THAT(bus->turn, ==, bus->buses->turn); /* B2 */
  unlink_bus(&bus->buses->made, bus);
  bus_insert(bus);
}

static uint32_t count_buses(const struct buses *buses)
{
  uint32_t count = 0;
  for (const struct bus *bus = buses->list; bus != NULL; bus = bus->next) count++;
  return count;
}

enum bus_status bus_create(struct buses *buses, struct plan *plan, struct bytes name,
                           int64_t now_ms, struct error *error)
{
  struct bus_item item;
  if (!bus_name_is_valid(name, BUS_NAME_MAX, true)) {
    error_set(error, ERROR_INVALID, "a bus has a name of 1 to %d letters, digits and . - _ /",
              BUS_NAME_MAX);
    return BUS_INVALID;
  }
  if (bus_find(buses, name) != NULL) {
    error_set(error, ERROR_EXISTS, "there is a bus %.*s", BYTES_FORMAT(name));
    return BUS_EXISTS;
  }
  if (count_buses(buses) >= BUSES_MAX) {
    error_set(error, ERROR_LIMIT, "there are %d buses", BUSES_MAX);
    return BUS_LIMIT;
  }
  if (!bus_plan_fits(plan, 1, 1)) return BUS_PLAN_FULL;
  bus_item_begin(&item, &buses->scratch);
  bus_item_key(&item, BYTES(BUS_PK_BUSES), name);
  bus_item_integer(&item, BYTES("created"), now_ms);
  struct value value = bus_item_end(&item, plan->arena);
  struct bus *bus = value_present(value) ? bus_make(buses, name, now_ms) : NULL;
  if (bus == NULL) return bus_no_memory(error);
  bus_plan_put(plan, buses->table, value);
  plan_after(plan, created, bus);
  bus->next = buses->made;
  buses->made = bus;
  return BUS_OK;
}

static void deleted(void *context, uint64_t sequence)
{
  (void)sequence;
  struct bus *bus = context;
  unlink_bus(&bus->buses->list, bus);
  bus->live = false;
  bus->next = bus->buses->retired;
  bus->buses->retired = bus;
}

enum bus_status bus_delete(struct bus *bus, struct plan *plan, struct error *error)
{
  struct buses *buses = bus->buses;
  if (bus->rules != NULL || bus->archives != NULL) {
    error_set(error, ERROR_INVALID, "the bus %.*s has rules or archives: delete them first",
              BYTES_FORMAT(bus->name));
    return BUS_IN_USE;
  }
  if (!bus_plan_fits(plan, 1, 1)) return BUS_PLAN_FULL;
  struct value key = bus_item_key_map(&buses->scratch, plan->arena, BYTES(BUS_PK_BUSES), bus->name);
  if (!bus_plan_delete(plan, buses->table, key)) return bus_no_memory(error);
  plan_after(plan, deleted, bus);
  return BUS_OK;
}

/* ---- looking ---- */

struct bus *bus_find(const struct buses *buses, struct bytes name)
{
  for (struct bus *bus = buses->list; bus != NULL; bus = bus->next)
    if (bytes_equal(bus->name, name)) return bus;
  return NULL;
}

struct bus *bus_next(const struct buses *buses, struct bytes after)
{
  struct bus *bus = buses->list;
  while (bus != NULL && bytes_compare(bus->name, after) <= 0) bus = bus->next;
  return bus;
}

struct bytes bus_name(const struct bus *bus)
{
  return bus->name;
}

int64_t bus_created_ms(const struct bus *bus)
{
  return bus->created_ms;
}
