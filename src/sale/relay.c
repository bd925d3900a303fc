#include "sale/relay.h"

#include "sale/sale_parts.h"
#include "sale/wiring.h"

#include <stdlib.h>

enum {
  ROWS_PER_TICK = 64, /* about a millisecond */
  BATCH_ROWS = 16,    /* of one transaction, if they fit: a row takes three actions or more */
  RETRY_MS = 100,     /* after a refusal: no memory, disk full */
};

/* A row that was there at the start and not published. */
struct relay_row {
  struct bytes key; /* "pk sk", in `old` */
};

struct relay {
  struct sale *sale;
  struct buses *buses;
  struct stream *stream;
  struct arena old;
  struct relay_row *rows;
  size_t row_count, row_capacity, next_row;
  struct arena arena; /* of one transaction */
  int64_t retry_ms;
  struct relay_counts counts;
  const struct expression *mark;
  struct arena compiled;
  /* Rows that were taken from the start's or the stream and wait for their transaction. */
  struct arena taken;
  struct value batch[BATCH_ROWS];
  uint32_t batch_count, batch_next;
  struct stream_record record; /* the stream's newest */
  bool held;                   /* it was not taken yet */
};

/* ---- rows into transactions ---- */

/* Marks the row, and lets it go after a while (SALE_OUTBOX_MS). */
static bool add_mark(struct relay *relay, struct plan *plan, struct value row, struct bytes refused,
                     int64_t now_ms)
{
  enum { TRUE, TTL, REFUSED, MARK_VALUES };
  struct value *values = arena_alloc_array(plan->arena, MARK_VALUES, sizeof *values);
  if (values == NULL) return false;
  values[TRUE] = value_make_bool(plan->arena, true);
  values[TTL] = value_make_integer(plan->arena, (now_ms + SALE_OUTBOX_MS) / 1000);
  values[REFUSED] = value_make_string(plan->arena, refused);
  const struct store_action action = {
      .kind = ACTION_UPDATE,
      .table = relay->sale->outbox,
      .item = sale_key(relay->sale, plan->arena, record_get_text(row, BYTES("pk")),
                       record_get_text(row, BYTES("sk"))),
      .update = relay->mark,
      .values = values,
  };
  for (size_t i = 0; i < MARK_VALUES; i++)
    if (!value_present(values[i])) return false;
  if (!value_present(action.item)) return false;
  plan_add(plan, &action);
  return true;
}

/* An event that no bus is for, or that none can take, is marked all the same. */
static enum bus_status put(struct relay *relay, struct plan *plan, struct value row, int64_t now_ms,
                           uint32_t *refusals)
{
  struct error error;
  struct bytes refused = {NULL, 0};
  const struct wiring_route *route = wiring_route_of(record_get_text(row, BYTES("eventType")));
  struct bus *bus = route == NULL ? NULL : bus_find(relay->buses, bytes_of_text(route->bus));
  const struct bus_event event = {
      .id = record_get_text(row, BYTES("eventId")),
      .detail_type = record_get_text(row, BYTES("eventType")),
      .source = route == NULL ? (struct bytes){NULL, 0} : bytes_of_text(route->source),
      .detail = record_get_text(row, BYTES("eventData")),
      .time_ms = record_get_instant(row, BYTES("createdAt"), now_ms),
  };
  if (bus != NULL) {
    enum bus_status status = bus_put(bus, plan, &event, now_ms, &error);
    if (status == BUS_INVALID)
      refused = arena_copy(plan->arena, bytes_of_text(error.message));
    else if (status != BUS_OK)
      return status;
  }
  if (plan_room(plan) == 0) return BUS_PLAN_FULL;
  if (!add_mark(relay, plan, row, refused, now_ms)) return BUS_UNAVAILABLE;
  if (refused.size > 0) (*refusals)++;
  return BUS_OK;
}

static bool is_published(struct value row)
{
  struct value published = value_attribute(row, BYTES("published"));
  return value_type(published) == VALUE_BOOL && value_bool(published);
}

/* Publishes as much of the batch as fits into one transaction; false when it is to be tried again.
 */
static bool publish(struct relay *relay, int64_t now_ms)
{
  struct store_transact_result result;
  struct error error;
  uint32_t next = relay->batch_next;
  uint32_t refusals = 0;
  enum bus_status status = BUS_OK;
  arena_reset(&relay->arena);
  struct plan *plan = arena_alloc(&relay->arena, sizeof *plan);
  if (plan == NULL) return false;
  plan_init(plan, relay->sale->store, &relay->arena);
  while (next < relay->batch_count && status == BUS_OK) {
    size_t actions = plan->action_count, hooks = plan->hook_count;
    status = put(relay, plan, relay->batch[next], now_ms, &refusals);
    if (status == BUS_OK) {
      next++;
      continue;
    }
    plan->action_count = actions;
    plan->hook_count = hooks;
  }
  if (next == relay->batch_next || plan_commit(plan, &result, &error) != STORE_OK) return false;
  relay->counts.published += next - relay->batch_next;
  relay->counts.refused += refusals;
  relay->batch_next = next;
  return true;
}

/* ---- rows of before the start ---- */

static int compare_rows(const void *left, const void *right)
{
  return bytes_compare(((const struct relay_row *)left)->key,
                       ((const struct relay_row *)right)->key);
}

/* The key of a row is its id and time; both are kept as one text, "pk sk". */
static bool keep_row(struct relay *relay, struct value item)
{
  if (relay->row_count == relay->row_capacity) {
    size_t capacity = relay->row_capacity == 0 ? 64 : 2 * relay->row_capacity;
    struct relay_row *rows = memory_resize(relay->sale->memory, relay->rows,
                                           relay->row_capacity * sizeof *rows,
                                           capacity * sizeof *rows);
    if (rows == NULL) return false;
    relay->rows = rows;
    relay->row_capacity = capacity;
  }
  struct bytes pk = record_key(&relay->old, record_get_text(item, BYTES("pk")), BYTES(" "));
  struct bytes key = record_key(&relay->old, pk, record_get_text(item, BYTES("sk")));
  if (key.data == NULL) return false;
  relay->rows[relay->row_count++].key = key;
  return true;
}

static bool visit_row(void *context, struct value item, struct error *error)
{
  if (is_published(item) || keep_row(context, item)) return true;
  return error_set(error, ERROR_NO_MEMORY, "no memory for the rows of the outbox");
}

static bool find_old(struct relay *relay, struct error *error)
{
  const struct store_query query = {.table = relay->sale->outbox, .start_key = VALUE_NONE};
  bool done = store_each(relay->sale->store, &query, visit_row, relay, error);
  if (done && relay->row_count > 0)
    qsort(relay->rows, relay->row_count, sizeof *relay->rows, compare_rows);
  return done;
}

/* False without memory; VALUE_NONE when it is gone. */
static bool load_row(struct relay *relay, struct bytes key, struct value *row)
{
  size_t space = bytes_find(key, BYTES(" "));
  struct value partition = value_make_string(&relay->taken, bytes_of(key.data, space));
  struct value sort = value_make_string(&relay->taken,
                                        bytes_of(key.data + space + 1, key.size - space - 1));
  if (!value_present(partition) || !value_present(sort)) return false;
  *row = store_find(relay->sale->outbox, partition, sort);
  return true;
}

/* ---- life ---- */

static bool compile(struct relay *relay, struct error *error)
{
  const struct bytes values[] = {BYTES(":true"), BYTES(":ttl"), BYTES(":refused")};
  const struct expression_name names[] = {{BYTES("#t"), BYTES("ttl")}};
  const struct expression_placeholders placeholders = {names, 1, values, 3, NULL, NULL};
  relay->mark = expression_compile(&relay->compiled, EXPRESSION_UPDATE,
                                   BYTES("SET published = :true, #t = :ttl, refused = :refused"),
                                   &placeholders, error);
  return relay->mark != NULL;
}

struct relay *relay_open(struct sale *sale, struct buses *buses, struct error *error)
{
  struct relay *relay = memory_alloc_zeroed(sale->memory, sizeof *relay);
  if (relay == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the relay");
    return NULL;
  }
  relay->sale = sale;
  relay->buses = buses;
  arena_init(&relay->old, sale->memory);
  arena_init(&relay->arena, sale->memory);
  arena_init(&relay->taken, sale->memory);
  arena_init(&relay->compiled, sale->memory);
  uint64_t after = store_appended(sale->store);
  if (compile(relay, error) && find_old(relay, error))
    relay->stream = store_stream_open(sale->store, sale->outbox, after, error);
  if (relay->stream != NULL) return relay;
  relay_close(relay);
  return NULL;
}

void relay_close(struct relay *relay)
{
  if (relay->stream != NULL) store_stream_close(relay->stream);
  if (relay->rows != NULL)
    memory_free(relay->sale->memory, relay->rows, relay->row_capacity * sizeof *relay->rows);
  arena_free(&relay->old);
  arena_free(&relay->arena);
  arena_free(&relay->taken);
  arena_free(&relay->compiled);
  memory_free(relay->sale->memory, relay, sizeof *relay);
}

int relay_wait_ms(const struct relay *relay, int64_t now_ms, int limit_ms)
{
  int64_t wait_ms = relay->retry_ms - now_ms;
  bool waiting = relay->batch_next < relay->batch_count || relay->next_row < relay->row_count ||
                 relay->held;
  if (!waiting || wait_ms >= limit_ms) return limit_ms;
  return wait_ms > 0 ? (int)wait_ms : 0;
}

struct relay_counts relay_counts(const struct relay *relay)
{
  return relay->counts;
}

/* ---- what is next ---- */

/* The row's bytes move when the store changes: the batch has a copy. */
static bool take(struct relay *relay, struct value row)
{
  struct bytes copy = arena_copy(&relay->taken, bytes_of(row.data, row.size));
  if (copy.data == NULL) return false;
  relay->batch[relay->batch_count++] = (struct value){copy.data, copy.size};
  return true;
}

/* Rows of before the start go first; false without memory. */
static bool take_old(struct relay *relay)
{
  while (relay->next_row < relay->row_count && relay->batch_count < BATCH_ROWS) {
    struct value row;
    if (!load_row(relay, relay->rows[relay->next_row].key, &row)) return false;
    if (value_present(row) && !is_published(row) && !take(relay, row)) return false;
    relay->next_row++;
  }
  return true;
}

/*
 * Rows that were inserted since; *more: there may be further ones now. False when memory or the log
 * failed.
 */
static bool take_new(struct relay *relay, bool *more)
{
  struct error error;
  *more = true;
  for (int looked = 0; looked < ROWS_PER_TICK && relay->batch_count < BATCH_ROWS; looked++) {
    if (!relay->held) {
      int found = store_stream_next(relay->stream, &relay->record, &error);
      if (found < 0) return false;
      relay->held = found > 0;
      *more = relay->held || store_stream_is_behind(relay->stream);
    }
    if (!relay->held) return true;
    if (relay->record.event == STREAM_INSERT && !take(relay, relay->record.new_image)) return false;
    relay->held = false;
  }
  return true;
}

static bool fill(struct relay *relay, bool *more)
{
  *more = true;
  if (relay->batch_next < relay->batch_count) return true;
  arena_reset(&relay->taken);
  relay->batch_count = relay->batch_next = 0;
  if (relay->next_row < relay->row_count) return take_old(relay);
  return take_new(relay, more);
}

bool relay_tick(struct relay *relay, int64_t now_ms)
{
  bool more = true;
  if (now_ms < relay->retry_ms) return false;
  uint64_t until = relay->counts.published + ROWS_PER_TICK;
  while (more && relay->counts.published < until) {
    /* What was taken before memory ran out is a batch too. */
    bool filled = fill(relay, &more);
    bool empty = relay->batch_next == relay->batch_count;
    if (filled && empty) return more;
    if (!empty && publish(relay, now_ms)) continue;
    relay->counts.failed++;
    relay->retry_ms = now_ms + RETRY_MS;
    return false;
  }
  return more;
}
