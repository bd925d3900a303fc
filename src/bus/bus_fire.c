#include "base/check.h"
#include "bus/bus_state.h"

/* The rule that is due first, and when any is due after it. */
static struct rule *first_due(const struct buses *buses, int64_t *later_ms)
{
  struct rule *first = NULL;
  *later_ms = INT64_MAX;
  for (const struct bus *bus = buses->list; bus != NULL; bus = bus->next)
    for (struct subscriber *subscriber = bus->rules; subscriber != NULL;
         subscriber = subscriber->next) {
      struct rule *rule = rule_of(subscriber);
      if (rule->next_ms == INT64_MAX) continue;
      if (first == NULL || rule->next_ms < first->next_ms) {
        if (first != NULL && first->next_ms < *later_ms) *later_ms = first->next_ms;
        first = rule;
      } else if (rule->next_ms < *later_ms) {
        *later_ms = rule->next_ms;
      }
    }
  return first;
}

static struct value write_fired(const struct rule *rule, struct arena *arena)
{
  struct bus_item item;
  const struct bus *bus = rule->subscriber.bus;
  struct bytes pk = bus_join(arena, BYTES(BUS_PK_BUS), bus->name, BYTES(""), BYTES(""));
  struct bytes sk = bus_join(arena, BYTES("FIRED#"), rule->shown.name, BYTES(""), BYTES(""));
  if (pk.data == NULL || sk.data == NULL) return VALUE_NONE;
  bus_item_begin(&item, &bus->buses->scratch);
  bus_item_key(&item, pk, sk);
  bus_item_integer(&item, BYTES("fired"), bus->buses->now_ms);
  bus_item_integer(&item, BYTES("due"), rule->next_ms);
  return bus_item_end(&item, arena);
}

/*
 * The event of a schedule and the time it was fired are one transaction: once for each occurrence.
 * Of those that were missed, by a process that was not there, the first is told.
 */
static bool fire(struct buses *buses, struct rule *rule, struct error *error)
{
  char id[ID_TEXT_BYTES];
  struct store_transact_result result;
  struct arena *arena = &buses->arena;
  struct plan *plan = arena_alloc(arena, sizeof *plan);
  struct id number = id_generate(&buses->ids);
  id_format(&number, id);
  if (plan == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for a schedule");
  plan_init(plan, buses->store, arena);
  const struct bus_event event = {
      .id = bytes_of(id, sizeof id),
      .detail_type = BYTES("Scheduled Event"),
      .source = BYTES("aws.events"),
      .detail = BYTES("{}"),
      .resources = &rule->arn,
      .resource_count = 1,
      .time_ms = rule->next_ms,
  };
  enum bus_status status = bus_put_to(rule, plan, &event, buses->now_ms, error);
  CHECK(status == BUS_OK || status == BUS_UNAVAILABLE); /* one rule fits: limits.h */
  if (status != BUS_OK) return error_set(error, ERROR_NO_MEMORY, "no memory for a schedule");
  if (!bus_plan_put(plan, buses->table, write_fired(rule, arena)))
    return error_set(error, ERROR_NO_MEMORY, "no memory for a schedule");
  if (plan_commit(plan, &result, error) != STORE_OK) return false;
  metric_add(&buses->metrics.fired, 1);
  rule->fired_ms = buses->now_ms;
  return true;
}

bool buses_fire(struct buses *buses, struct error *error)
{
  int64_t later_ms;
  if (buses->next_fire_ms > buses->now_ms) return true;
  struct rule *rule = first_due(buses, &later_ms);
  buses->next_fire_ms = rule == NULL ? INT64_MAX : rule->next_ms;
  if (rule == NULL || rule->next_ms > buses->now_ms) return true;
  if (!fire(buses, rule, error)) return false;
  buses->next_fire_ms = later_ms;
  rule_set_next(rule); /* which may be sooner */
  return true;
}
