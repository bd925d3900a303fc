/*
 * An event that causes more than fits into one transaction.
 *
 *     bus_put: archives and a row (pk FANOUT)                                      each one plan
 *     tick:    messages of some rules, in order of names, and the row with the last name
 *     tick:    messages of the last rules, and the row is gone
 *
 * The rules are those that are there when their turn comes: one that is deleted meanwhile gets
 * nothing, one that is made behind the last one's name does get it.
 */
#include "base/check.h"
#include "bus/bus_state.h"

struct fanout {
  struct bytes key; /* sk */
  struct bytes bus;
  struct bytes after; /* the rule that was last served */
};

static struct value write_row(const struct put *put, const struct fanout *fanout)
{
  struct bus_item item;
  bus_item_begin(&item, &put->buses->scratch);
  bus_item_key(&item, BYTES(BUS_PK_FANOUT), fanout->key);
  bus_item_text(&item, BYTES("bus"), fanout->bus);
  bus_item_text(&item, BYTES("after"), fanout->after);
  bus_item_text(&item, BYTES("event"), put->envelope);
  bus_item_text(&item, BYTES("replay"), put->replay);
  bus_item_texts(&item, BYTES("only"), put->only, put->only_count);
  bus_item_integer(&item, BYTES("ingested"), put->ingested_ms);
  return bus_item_end(&item, put->plan->arena);
}

enum bus_status fanout_add(struct put *put)
{
  char key[ID_TEXT_BYTES];
  struct id id = id_generate(&put->buses->ids);
  id_format(&id, key);
  const struct fanout fanout = {.key = bytes_of(key, sizeof key), .bus = put->bus->name};
  return bus_plan_put(put->plan, put->buses->table, write_row(put, &fanout)) ? BUS_OK
                                                                             : BUS_UNAVAILABLE;
}

/* ---- going on ---- */

static bool read_only(struct put *put, struct value list, struct arena *arena)
{
  uint32_t count = value_type(list) == VALUE_LIST ? value_count(list) : 0;
  struct bytes *only = arena_alloc_array(arena, count, sizeof *only);
  if (only == NULL || count == 0) return only != NULL;
  struct value_iterator iterator = value_iterate(list);
  struct value name;
  for (uint32_t i = 0; i < count; i++) {
    value_next(&iterator, NULL, &name);
    only[i] = value_bytes(name);
  }
  put->only = only;
  put->only_count = count;
  return true;
}

/* `row` is a copy in the arena. */
static bool read_row(struct put *put, struct fanout *fanout, struct value row)
{
  *fanout = (struct fanout){
      .key = bus_item_get_text(row, BYTES("sk")),
      .bus = bus_item_get_text(row, BYTES("bus")),
      .after = bus_item_get_text(row, BYTES("after")),
  };
  put->envelope = bus_item_get_text(row, BYTES("event"));
  put->replay = bus_item_get_text(row, BYTES("replay"));
  put->ingested_ms = bus_item_get_integer(row, BYTES("ingested"), 0);
  put->bus = bus_find(put->buses, fanout->bus);
  return bus_event_read(put->envelope, put->plan->arena, &put->head) &&
         read_only(put, value_attribute(row, BYTES("only")), put->plan->arena);
}

static bool drop_row(struct put *put, const struct fanout *fanout)
{
  return bus_plan_delete(
      put->plan, put->buses->table,
      bus_item_key_map(&put->buses->scratch, put->plan->arena, BYTES(BUS_PK_FANOUT), fanout->key));
}

/* As many rules as fit, then the row as it is to be. */
static enum bus_status add_slice(struct put *put, struct fanout *fanout, struct error *error)
{
  struct put_matches matches;
  enum bus_status status = put_match(put, &matches, error);
  if (status != BUS_OK) return status;
  status = put_begin(put, false);
  if (status != BUS_OK) return bus_no_memory(error);
  uint32_t i = 0;
  while (i < matches.rule_count &&
         bytes_compare(matches.rules[i]->subscriber.name, fanout->after) <= 0)
    i++;
  uint32_t first = i;
  for (; i < matches.rule_count && status == BUS_OK; i++) {
    const struct put_mark mark = put_mark(put);
    status = put_rule(put, matches.rules[i]);
    if (status == BUS_UNAVAILABLE) return bus_no_memory(error);
    if (status == BUS_OK) {
      fanout->after = matches.rules[i]->subscriber.name;
      continue;
    }
    CHECK_THAT(i, >, first); /* one rule fits into any plan: limits.h */
    put_return(put, &mark);
    break;
  }
  bool more = i < matches.rule_count;
  bool added = more ? bus_plan_put(put->plan, put->buses->table, write_row(put, fanout))
                    : drop_row(put, fanout);
  return added ? BUS_OK : bus_no_memory(error);
}

static bool run_row(struct buses *buses, struct value row, struct error *error)
{
  struct store_transact_result result;
  struct fanout fanout;
  struct plan *plan = arena_alloc(&buses->arena, sizeof *plan);
  if (plan == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for an event");
  plan_init(plan, buses->store, &buses->arena);
  struct put put = {.buses = buses, .plan = plan, .now_ms = buses->now_ms};
  if (!read_row(&put, &fanout, row))
    return error_set(error, ERROR_NO_MEMORY, "no memory for an event");
  /* The bus may be deleted; then nobody is left to be told. */
  if (put.bus == NULL) {
    if (!drop_row(&put, &fanout))
      return error_set(error, ERROR_NO_MEMORY, "no memory for an event");
  } else if (add_slice(&put, &fanout, error) != BUS_OK) {
    return false;
  }
  return plan_commit(plan, &result, error) == STORE_OK;
}

bool buses_fan_out(struct buses *buses, struct error *error)
{
  struct store_page page;
  const struct bus_query query = {
      .table = buses->table, .range = RANGE_ALL, .pk = BYTES(BUS_PK_FANOUT), .limit = 1};
  if (!buses->have_fanouts) return true;
  if (!buses_query(buses, &query, &buses->arena, &page, error)) return false;
  if (page.count == 0) {
    buses->have_fanouts = false;
    return true;
  }
  return run_row(buses, page.items[0], error);
}
