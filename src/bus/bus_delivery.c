/*
 * Rows of deliveries. A pending one has `lane` and `next`, which is when it is due; one that is
 * over has `ttl`.
 *
 *     delivery_add --> PENDING --- delivery_settle: 2xx ---> DELIVERED ---.
 *                      ^  ^  '---- given up ----------------> FAILED -----+-- ttl --> gone
 *                      |  '-- another attempt --'               |         |
 *                      '------------- bus_delivery_replay ------'---------'
 */
#include "base/check.h"
#include "bus/bus_state.h"

#include <stdio.h>

enum {
  BACKOFF_MS = 1000,            /* the first wait is shorter than this, each further one doubles */
  BACKOFF_MAX_MS = 15 * 60000,  /* at least: see backoff_ms */
  BACKOFF_DOUBLINGS = 20,       /* beyond any maximum */
  RETRY_AFTER_MAX_MS = 3600000, /* an hour, whatever the receiver asks for */
  DELIVERED_KEPT_S = 86400,     /* for operators who look */
  FAILED_KEPT_S = 14 * 86400,   /* as long as messages of dead-letter queues */
  REASON_BYTES = CLIENT_TEXT_BYTES + 64,
};

struct bytes bus_delivery_state_name(enum bus_delivery_state state)
{
  static const char *const names[] = {"PENDING", "DELIVERED", "FAILED"};
  CHECK(state < BUS_DELIVERY_STATES);
  return bytes_of_text(names[state]);
}

struct value delivery_load(const struct buses *buses, struct arena *arena, struct bytes id)
{
  struct value key = value_make_string(arena, id);
  return value_present(key) ? store_find(buses->deliveries, key, VALUE_NONE) : VALUE_NONE;
}

/* ---- making ---- */

enum bus_status delivery_add(struct put *put, const struct rule *rule, const struct target *target,
                             struct bytes body)
{
  struct buses *buses = put->buses;
  const struct bus_target *shown = target->shown;
  char text[ID_TEXT_BYTES];
  struct bus_item item;
  struct id id = id_generate(&buses->ids);
  id_format(&id, text);
  bus_item_begin(&item, &buses->scratch);
  bus_item_text(&item, BYTES("id"), bytes_of(text, sizeof text));
  bus_item_text(&item, BYTES("bus"), put->bus->name);
  bus_item_text(&item, BYTES("rule"), rule->shown.name);
  bus_item_text(&item, BYTES("ruleArn"), rule->arn);
  bus_item_text(&item, BYTES("target"), shown->id);
  bus_item_text(&item, BYTES("url"), shown->address);
  bus_item_text(&item, BYTES("eventId"), put->head.id);
  bus_item_text(&item, BYTES("detailType"), put->head.detail_type);
  bus_item_text(&item, BYTES("body"), body);
  if (shown->input != BUS_INPUT_EVENT) bus_item_text(&item, BYTES("envelope"), put->envelope);
  bus_item_text(&item, BYTES("deadLetter"), shown->dead_letter);
  bus_item_integer(&item, BYTES("retries"), shown->retries);
  bus_item_integer(&item, BYTES("age"), shown->age_s);
  bus_item_integer(&item, BYTES("created"), put->now_ms);
  bus_item_integer(&item, BYTES("updated"), put->now_ms);
  bus_item_integer(&item, BYTES("end"), put->now_ms + (int64_t)shown->age_s * 1000);
  bus_item_integer(&item, BYTES("attempts"), 0);
  bus_item_integer(&item, BYTES("earlier"), 0);
  bus_item_integer(&item, BYTES("lastStatus"), 0);
  bus_item_text(&item, BYTES("lastError"), BYTES(""));
  bus_item_text(&item, BYTES("state"), bus_delivery_state_name(BUS_PENDING));
  bus_item_text(&item, BYTES("lane"), lane_key(target->lane));
  bus_item_integer(&item, BYTES("next"), put->now_ms);
  return bus_plan_put(put->plan, buses->deliveries, bus_item_end(&item, put->plan->arena))
             ? BUS_OK
             : BUS_UNAVAILABLE;
}

/* ---- changing ---- */

/* What changes of a row; the rest stays. */
struct change {
  enum bus_delivery_state state;
  int64_t attempts, earlier;
  int64_t status;
  struct bytes error;
  int64_t next_ms;   /* BUS_PENDING */
  struct bytes lane; /* BUS_PENDING */
  int64_t end_ms;
  int64_t ttl_s; /* otherwise */
};

static bool is_changed(struct bytes name)
{
  static const char *const names[] = {"attempts",   "earlier", "end",   "lane", "lastError",
                                      "lastStatus", "next",    "state", "ttl",  "updated"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (bytes_equal(name, bytes_of_text(names[i]))) return true;
  return false;
}

static struct value rewrite(struct buses *buses, struct value row, const struct change *change,
                            int64_t now_ms, struct arena *arena)
{
  struct bus_item item;
  struct bytes name;
  struct value value;
  struct value_iterator iterator = value_iterate(row);
  bus_item_begin(&item, &buses->scratch);
  while (value_next(&iterator, &name, &value)) {
    if (is_changed(name)) continue;
    value_write_name(&item.writer, name);
    value_write_value(&item.writer, value);
  }
  bus_item_text(&item, BYTES("state"), bus_delivery_state_name(change->state));
  bus_item_integer(&item, BYTES("attempts"), change->attempts);
  bus_item_integer(&item, BYTES("earlier"), change->earlier);
  bus_item_integer(&item, BYTES("lastStatus"), change->status);
  bus_item_text(&item, BYTES("lastError"), change->error);
  bus_item_integer(&item, BYTES("end"), change->end_ms);
  bus_item_integer(&item, BYTES("updated"), now_ms);
  if (change->state == BUS_PENDING) {
    bus_item_text(&item, BYTES("lane"), change->lane);
    bus_item_integer(&item, BYTES("next"), change->next_ms);
  } else {
    bus_item_integer(&item, BYTES("ttl"), change->ttl_s);
  }
  return bus_item_end(&item, arena);
}

/* ---- the end of an attempt ---- */

/*
 * Full jitter: anything up to a bound that doubles with each attempt. Its maximum is such that the
 * attempts of a target last for its age: on average half of the bound passes.
 */
static int64_t backoff_ms(struct buses *buses, int64_t attempts, int64_t retries, int64_t age_s)
{
  uint64_t random;
  int64_t most = 2 * age_s * 1000 / (retries + 1);
  if (most < BACKOFF_MAX_MS) most = BACKOFF_MAX_MS;
  int64_t doublings = attempts - 1 < BACKOFF_DOUBLINGS ? attempts - 1 : BACKOFF_DOUBLINGS;
  int64_t bound = (int64_t)BACKOFF_MS << doublings;
  if (bound > most) bound = most;
  world_entropy(buses->world, &random, sizeof random);
  return 1 + (int64_t)(random % (uint64_t)bound);
}

static bool is_delivered(const struct delivery_outcome *outcome)
{
  return outcome->status >= 200 && outcome->status < 300;
}

/* Why an attempt failed, and why it was the last. */
static struct bytes reason(const struct delivery_outcome *outcome, const char *last,
                           char text[REASON_BYTES])
{
  int size;
  if (outcome->status != 0)
    size = snprintf(text, REASON_BYTES, "%sHTTP %u", last, outcome->status);
  else
    size = snprintf(text, REASON_BYTES, "%s%s", last, outcome->text);
  size_t most = (size_t)size < REASON_BYTES ? (size_t)size : REASON_BYTES - 1;
  return bytes_of(text, bytes_utf8_prefix(bytes_of(text, most)));
}

/* Decides what becomes of the row; the text is for its error. */
static struct change decide(struct buses *buses, struct value row,
                            const struct delivery_outcome *outcome, char text[REASON_BYTES])
{
  int64_t now_ms = buses->now_ms;
  int64_t retries = bus_item_get_integer(row, BYTES("retries"), 0);
  struct change change = {
      .state = BUS_DELIVERED,
      .attempts = bus_item_get_integer(row, BYTES("attempts"), 0) + 1,
      .earlier = bus_item_get_integer(row, BYTES("earlier"), 0),
      .status = outcome->status,
      .end_ms = bus_item_get_integer(row, BYTES("end"), 0),
      .lane = bus_item_get_text(row, BYTES("lane")),
      .ttl_s = now_ms / 1000 + DELIVERED_KEPT_S,
  };
  if (is_delivered(outcome)) return change;
  int64_t wait_ms = backoff_ms(buses, change.attempts, retries,
                               bus_item_get_integer(row, BYTES("age"), BUS_AGE_S));
  int64_t asked_ms = outcome->retry_after_ms < RETRY_AFTER_MAX_MS ? outcome->retry_after_ms
                                                                  : RETRY_AFTER_MAX_MS;
  change.next_ms = now_ms + (wait_ms > asked_ms ? wait_ms : asked_ms);
  const char *last = "";
  if (outcome->is_permanent)
    last = "it cannot be sent: ";
  else if (change.attempts > retries)
    last = "no attempts are left: ";
  else if (change.next_ms >= change.end_ms)
    last = "its time is over: ";
  change.state = last[0] == 0 ? BUS_PENDING : BUS_FAILED;
  change.error = reason(outcome, last, text);
  if (change.state == BUS_FAILED) change.ttl_s = now_ms / 1000 + FAILED_KEPT_S;
  return change;
}

/* *kept: in the dead-letter queue. */
static enum bus_status add_dead_letter(struct buses *buses, struct plan *plan, struct value row,
                                       const struct change *change, bool *kept)
{
  struct bytes envelope = bus_item_get_text(row, BYTES("envelope"));
  if (envelope.size == 0) envelope = bus_item_get_text(row, BYTES("body"));
  const struct dead_letter letter = {
      .queue = bus_item_get_text(row, BYTES("deadLetter")),
      .envelope = envelope,
      .rule_arn = bus_item_get_text(row, BYTES("ruleArn")),
      .target = bus_item_get_text(row, BYTES("target")),
      .code = BYTES("WEBHOOK_FAILED"),
      .message = change->error,
      .attempts = (uint32_t)(change->attempts + change->earlier),
  };
  enum bus_status status = put_dead_letter(buses, plan, &letter, buses->now_ms);
  *kept = status == BUS_OK;
  return status == BUS_NOT_FOUND ? BUS_OK : status;
}

static void count(struct buses *buses, const struct change *change, bool kept)
{
  struct bus_metrics *metrics = &buses->metrics;
  if (change->state == BUS_DELIVERED) metric_add(&metrics->delivered, 1);
  if (change->state == BUS_PENDING) metric_add(&metrics->retried, 1);
  if (change->state != BUS_FAILED) return;
  metric_add(&metrics->failed, 1);
  metric_add(kept ? &metrics->dead_lettered : &metrics->dropped, 1);
}

bool delivery_settle(struct buses *buses, struct lane *lane, struct bytes id,
                     const struct delivery_outcome *outcome, struct error *error)
{
  char text[REASON_BYTES];
  struct arena *arena = &buses->arena;
  struct store_transact_result result;
  bool kept = false;
  struct plan *plan = arena_alloc(arena, sizeof *plan);
  struct value row = delivery_load(buses, arena, id);
  error_set(error, ERROR_NO_MEMORY, "no memory for a delivery");
  if (plan == NULL) return false;
  if (!bytes_equal(bus_item_get_text(row, BYTES("state")), bus_delivery_state_name(BUS_PENDING)))
    return true; /* somebody deleted it meanwhile */
  plan_init(plan, buses->store, arena);
  struct change change = decide(buses, row, outcome, text);
  struct value item = rewrite(buses, row, &change, buses->now_ms, arena);
  if (!bus_plan_put(plan, buses->deliveries, item)) return false;
  if (change.state == BUS_FAILED && add_dead_letter(buses, plan, row, &change, &kept) != BUS_OK)
    return false;
  if (plan_commit(plan, &result, error) != STORE_OK) return false;
  count(buses, &change, kept);
  if (change.state == BUS_PENDING) lane_due(lane, change.next_ms);
  return true;
}

/* ---- for operators ---- */

static bool read_row(struct value row, bool whole, struct arena *arena,
                     struct bus_delivery *delivery)
{
  struct bytes copy = arena_copy(arena, bytes_of(row.data, row.size));
  if (copy.data == NULL) return false;
  row = (struct value){copy.data, copy.size};
  *delivery = (struct bus_delivery){
      .id = bus_item_get_text(row, BYTES("id")),
      .bus = bus_item_get_text(row, BYTES("bus")),
      .rule = bus_item_get_text(row, BYTES("rule")),
      .target = bus_item_get_text(row, BYTES("target")),
      .url = bus_item_get_text(row, BYTES("url")),
      .event_id = bus_item_get_text(row, BYTES("eventId")),
      .detail_type = bus_item_get_text(row, BYTES("detailType")),
      .body = whole ? bus_item_get_text(row, BYTES("body")) : (struct bytes){NULL, 0},
      .attempts = (uint32_t)(bus_item_get_integer(row, BYTES("attempts"), 0) +
                             bus_item_get_integer(row, BYTES("earlier"), 0)),
      .last_status = (uint16_t)bus_item_get_integer(row, BYTES("lastStatus"), 0),
      .last_error = bus_item_get_text(row, BYTES("lastError")),
      .created_ms = bus_item_get_integer(row, BYTES("created"), 0),
      .updated_ms = bus_item_get_integer(row, BYTES("updated"), 0),
      .next_ms = bus_item_get_integer(row, BYTES("next"), 0),
      .end_ms = bus_item_get_integer(row, BYTES("end"), 0),
  };
  struct bytes state = bus_item_get_text(row, BYTES("state"));
  while (delivery->state < BUS_FAILED &&
         !bytes_equal(state, bus_delivery_state_name(delivery->state)))
    delivery->state++;
  return true;
}

/* The row without what lists do not show. */
static bool read_short(struct buses *buses, struct value row, struct arena *arena,
                       struct bus_delivery *delivery)
{
  struct bus_item item;
  struct bytes name;
  struct value value;
  struct value_iterator iterator = value_iterate(row);
  bus_item_begin(&item, &buses->scratch);
  while (value_next(&iterator, &name, &value)) {
    if (bytes_equal(name, BYTES("body")) || bytes_equal(name, BYTES("envelope"))) continue;
    value_write_name(&item.writer, name);
    value_write_value(&item.writer, value);
  }
  struct value kept = bus_item_end(&item, &buses->arena);
  return value_present(kept) && read_row(kept, false, arena, delivery);
}

/* Where a page of the index goes on: the keys of its last row. */
static bool start_key(struct buses *buses, enum bus_delivery_state state, struct bytes cursor,
                      struct arena *arena, struct value *key)
{
  struct bus_item item;
  *key = VALUE_NONE;
  if (cursor.size == 0) return true;
  bus_item_begin(&item, &buses->scratch);
  bus_item_text(&item, BYTES("id"), cursor);
  bus_item_text(&item, BYTES("state"), bus_delivery_state_name(state));
  *key = bus_item_end(&item, arena);
  return value_present(*key);
}

static bool query_page(struct buses *buses, enum bus_delivery_state state, struct bytes cursor,
                       uint32_t limit, struct arena *arena, struct store_page *page,
                       struct error *error)
{
  struct value values[] = {value_make_string(arena, bus_delivery_state_name(state)), VALUE_NONE};
  *page = (struct store_page){0};
  struct store_query query = {.table = buses->deliveries,
                              .index = BYTES("by_state"),
                              .key_condition = buses->of_state,
                              .values = values,
                              .backward = true,
                              .limit = limit};
  if (!value_present(values[0]) || !start_key(buses, state, cursor, arena, &query.start_key))
    return error_set(error, ERROR_NO_MEMORY, "no memory for a list of deliveries");
  return store_query(buses->store, &query, arena, page, error) == STORE_OK;
}

enum bus_status bus_delivery_list(struct buses *buses, enum bus_delivery_state state,
                                  struct bytes *cursor, uint32_t limit, struct arena *arena,
                                  struct bus_delivery *list, uint32_t *count, struct error *error)
{
  struct store_page page;
  struct id id;
  *count = 0;
  if (cursor->size > 0 && !id_parse(*cursor, &id)) {
    error_set(error, ERROR_INVALID, "the cursor is none of a list of deliveries");
    return BUS_INVALID;
  }
  if (limit == 0 || limit > BUS_PAGE_MAX) limit = BUS_PAGE_MAX;
  if (!query_page(buses, state, *cursor, limit, arena, &page, error)) return BUS_UNAVAILABLE;
  *cursor = (struct bytes){NULL, 0};
  bool done = true;
  for (uint32_t i = 0; i < page.count && done; i++) {
    struct value row = delivery_load(buses, arena, bus_item_get_text(page.items[i], BYTES("id")));
    done = value_present(row) && read_short(buses, row, arena, &list[*count]);
    if (done) (*count)++;
  }
  arena_reset(&buses->arena);
  if (!done) return bus_no_memory(error);
  if (value_present(page.last_key) && *count > 0) *cursor = list[*count - 1].id;
  return BUS_OK;
}

static enum bus_status not_found(struct bytes id, struct error *error)
{
  error_set(error, ERROR_NOT_FOUND, "there is no delivery %.*s", BYTES_FORMAT(id));
  return BUS_NOT_FOUND;
}

enum bus_status bus_delivery_find(struct buses *buses, struct bytes id, struct arena *arena,
                                  struct bus_delivery *delivery)
{
  if (id.size != ID_TEXT_BYTES) return BUS_NOT_FOUND;
  struct value key = value_make_string(arena, id);
  if (!value_present(key)) return BUS_UNAVAILABLE;
  struct value row = store_find(buses->deliveries, key, VALUE_NONE);
  if (!value_present(row)) return BUS_NOT_FOUND;
  return read_row(row, true, arena, delivery) ? BUS_OK : BUS_UNAVAILABLE;
}

struct replaying {
  struct lane *lane;
  int64_t now_ms;
};

static void replayed(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct replaying *replaying = context;
  lane_due(replaying->lane, replaying->now_ms);
}

enum bus_status bus_delivery_replay(struct buses *buses, struct plan *plan, struct bytes id,
                                    int64_t now_ms, struct error *error)
{
  if (id.size != ID_TEXT_BYTES) return not_found(id, error);
  struct value key = value_make_string(plan->arena, id);
  struct replaying *replaying = arena_alloc(plan->arena, sizeof *replaying);
  if (!value_present(key) || replaying == NULL) return bus_no_memory(error);
  struct value row = store_find(buses->deliveries, key, VALUE_NONE);
  if (!value_present(row)) return not_found(id, error);
  if (bytes_equal(bus_item_get_text(row, BYTES("state")), bus_delivery_state_name(BUS_PENDING))) {
    error_set(error, ERROR_INVALID, "the delivery is pending: it is tried anyway");
    return BUS_IN_USE;
  }
  if (!bus_plan_fits(plan, 1, 1)) return BUS_PLAN_FULL;
  *replaying = (struct replaying){lane_of(buses, bus_item_get_text(row, BYTES("url"))), now_ms};
  if (replaying->lane == NULL) return bus_no_memory(error);
  const struct change change = {
      .state = BUS_PENDING,
      .earlier = bus_item_get_integer(row, BYTES("earlier"), 0) +
                 bus_item_get_integer(row, BYTES("attempts"), 0),
      .status = bus_item_get_integer(row, BYTES("lastStatus"), 0),
      .error = bus_item_get_text(row, BYTES("lastError")),
      .next_ms = now_ms,
      .lane = lane_key(replaying->lane),
      .end_ms = now_ms + bus_item_get_integer(row, BYTES("age"), BUS_AGE_S) * 1000,
  };
  if (!bus_plan_put(plan, buses->deliveries, rewrite(buses, row, &change, now_ms, plan->arena)))
    return bus_no_memory(error);
  plan_after(plan, replayed, replaying);
  return BUS_OK;
}
