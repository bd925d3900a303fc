#include "bus/bus_state.h"

bool buses_compile(struct buses *buses, struct error *error)
{
  static const char *const texts[RANGES] = {
      [RANGE_ALL] = "pk = :pk",
      [RANGE_PREFIX] = "pk = :pk AND begins_with(sk, :sk)",
      [RANGE_AFTER] = "pk = :pk AND sk > :sk",
  };
  const struct bytes values[] = {BYTES(":pk"), BYTES(":sk")};
  const struct expression_name names[] = {{BYTES("#s"), BYTES("state")}};
  const struct expression_placeholders placeholders = {names, 1, values, 2, NULL, NULL};
  for (enum bus_range i = 0; i < RANGES; i++) {
    buses->ranges[i] = expression_compile(&buses->compiled, EXPRESSION_KEY_CONDITION,
                                          bytes_of_text(texts[i]), &placeholders, error);
    if (buses->ranges[i] == NULL) return false;
  }
  buses->of_state = expression_compile(&buses->compiled, EXPRESSION_KEY_CONDITION,
                                       BYTES("#s = :pk"), &placeholders, error);
  if (buses->of_state == NULL) return false;
  buses->of_lane = expression_compile(&buses->compiled, EXPRESSION_KEY_CONDITION,
                                      BYTES("lane = :pk"), &placeholders, error);
  return buses->of_lane != NULL;
}

bool buses_query(struct buses *buses, const struct bus_query *query, struct arena *arena,
                 struct store_page *page, struct error *error)
{
  *page = (struct store_page){0};
  struct value values[] = {value_make_string(arena, query->pk),
                           value_make_string(arena, query->sk)};
  if (!value_present(values[0]) || !value_present(values[1]))
    return error_set(error, ERROR_NO_MEMORY, "no memory for a query");
  const struct store_query ask = {
      .table = query->table,
      .key_condition = buses->ranges[query->range],
      .values = values,
      .limit = query->limit,
      .start_key = VALUE_NONE,
  };
  return store_query(buses->store, &ask, arena, page, error) == STORE_OK;
}

/* One page; *last is the sk of its last item, empty when there is none behind it. */
static bool visit_page(struct buses *buses, const struct bus_query *query, struct bytes prefix,
                       bus_visit *visit, void *context, struct buffer *last, struct error *error)
{
  struct store_page page;
  if (!buses_query(buses, query, &buses->arena, &page, error)) return false;
  buffer_clear(last);
  for (uint32_t i = 0; i < page.count; i++) {
    struct bytes sk = bus_item_get_text(page.items[i], BYTES("sk"));
    if (!bytes_starts_with(sk, prefix)) return true;
    if (!visit(context, page.items[i], error)) return false;
    if (i + 1 == page.count && value_present(page.last_key) && !buffer_append(last, sk))
      return error_set(error, ERROR_NO_MEMORY, "no memory for a query");
  }
  return true;
}

bool buses_each(struct buses *buses, struct bytes pk, struct bytes prefix, bus_visit *visit,
                void *context, struct error *error)
{
  struct buffer last;
  struct bus_query query = {.table = buses->table, .range = RANGE_PREFIX, .pk = pk, .sk = prefix};
  if (prefix.size == 0) query.range = RANGE_ALL;
  buffer_init(&last, buses->memory);
  bool done = true;
  do {
    arena_reset(&buses->arena);
    done = visit_page(buses, &query, prefix, visit, context, &last, error);
    query.range = RANGE_AFTER;
    query.sk = buffer_bytes(&last);
  } while (done && last.size > 0);
  buffer_free(&last);
  arena_reset(&buses->arena);
  return done;
}

struct value buses_find(const struct table *table, struct arena *arena, struct bytes pk,
                        struct bytes sk)
{
  struct value partition = value_make_string(arena, pk);
  struct value sort = value_make_string(arena, sk);
  if (!value_present(partition) || !value_present(sort)) return VALUE_NONE;
  return store_find(table, partition, sort);
}

bool bus_plan_put(struct plan *plan, struct table *table, struct value item)
{
  if (!value_present(item)) return false;
  const struct store_action action = {.kind = ACTION_PUT, .table = table, .item = item};
  plan_add(plan, &action);
  return true;
}

bool bus_plan_delete(struct plan *plan, struct table *table, struct value key)
{
  if (!value_present(key)) return false;
  const struct store_action action = {.kind = ACTION_DELETE, .table = table, .item = key};
  plan_add(plan, &action);
  return true;
}

bool bus_plan_fits(const struct plan *plan, size_t actions, size_t hooks)
{
  return plan_room(plan) >= actions && plan->hook_count + hooks <= PLAN_HOOKS_MAX;
}

enum bus_status bus_no_memory(struct error *error)
{
  error_set(error, ERROR_NO_MEMORY, "no memory; nothing was changed, retry later");
  return BUS_UNAVAILABLE;
}
