#include "sale/sale_parts.h"

#include "base/check.h"
#include "base/hash.h"
#include "sale/due.h"

#include <stddef.h>

enum {
  BUCKETS = 4096,
  NEW_AT_A_TIME = 32,   /* rows read in one slice */
  SCAN_AT_A_TIME = 64,  /* rows looked at for open intents in one slice */
  SEND_AT_A_TIME = 16,  /* requests in one slice */
  ORDER_PAUSE_MS = 100, /* until a command looks again whether the one before it is done */
  POLL_DOUBLINGS_MAX = 31,
};

/* One open row. */
struct provider_entry {
  struct due due; /* when to look at it: first, so that one is the other */
  struct provider_entry *next;
  uint64_t sequence; /* the row is durable from here on */
  uint32_t attempts; /* since something was learnt */
  uint32_t refusals;
  bool in_flight;
  bool asks; /* QUERY before anything else */
  uint8_t id_bytes;
  char id[SALE_ID_BYTES];
};

struct provider {
  struct provider_options options;
  struct sale *sale;
  struct world *world;
  struct memory *memory;
  struct provider_channel *channel;
  int64_t now_ms; /* of the last tick */
  uint32_t in_flight;
  uint64_t hash_seed;
  struct due_heap heap;
  struct provider_entry **buckets;
  /* Where to read new rows from. */
  char from[SALE_ID_BYTES + 1];
  size_t from_bytes;
  bool reads;   /* there may be rows from there on */
  bool started; /* what was there at the start has been read */
  /* Where the search for open intents without a row goes on: a key, and the one after its page. */
  bool scans;
  struct buffer scan_from, scan_next;
  struct provider_metrics metrics;
};

#define METRIC(field) offsetof(struct provider_metrics, field)

const struct metric_definition provider_metric_definitions[PROVIDER_METRICS] = {
    {"tacos_provider_requests_total", METRIC_COUNTER, "Requests sent to the payment provider.",
     METRIC(sent)},
    {"tacos_provider_answers_total", METRIC_COUNTER, "Answers of the payment provider.",
     METRIC(answered)},
    {"tacos_provider_unclear_total", METRIC_COUNTER,
     "Requests without an answer, or with one that says nothing.", METRIC(unclear)},
    {"tacos_provider_payments_approved_total", METRIC_COUNTER, "Payments approved.",
     METRIC(approved)},
    {"tacos_provider_payments_failed_total", METRIC_COUNTER, "Payments declined or cancelled.",
     METRIC(failed)},
    {"tacos_provider_payments_unknown_total", METRIC_COUNTER,
     "Payments failed because the provider did not know them.", METRIC(unknown)},
    {"tacos_provider_captured_total", METRIC_COUNTER, "Payments captured.", METRIC(captured)},
    {"tacos_provider_refunded_total", METRIC_COUNTER, "Refunds made.", METRIC(refunded)},
    {"tacos_provider_refused_total", METRIC_COUNTER, "Captures and refunds refused, each time.",
     METRIC(refused)},
    {"tacos_provider_given_up_total", METRIC_COUNTER,
     "Captures and refunds given up: an operator has to look at them.", METRIC(given_up)},
    {"tacos_provider_reconciled_total", METRIC_COUNTER,
     "Open intents without a command, found at the start.", METRIC(reconciled)},
    {"tacos_provider_commands_open", METRIC_GAUGE, "Commands not carried out yet.", METRIC(open)},
};

/* ---- entries ---- */

static struct bytes entry_id(const struct provider_entry *entry)
{
  return bytes_of(entry->id, entry->id_bytes);
}

static struct provider_entry **bucket_of(const struct provider *provider, struct bytes id)
{
  return &provider->buckets[hash_bytes(id, provider->hash_seed) % BUCKETS];
}

static struct provider_entry *find_entry(const struct provider *provider, struct bytes id)
{
  struct provider_entry *entry = *bucket_of(provider, id);
  while (entry != NULL && !bytes_equal(entry_id(entry), id)) entry = entry->next;
  return entry;
}

/* False without memory. */
static bool add_entry(struct provider *provider, struct bytes id)
{
  if (find_entry(provider, id) != NULL) return true;
  CHECK_THAT(id.size, <=, SALE_ID_BYTES);
  if (!due_heap_reserve(&provider->heap)) return false;
  struct provider_entry *entry = memory_alloc_zeroed(provider->memory, sizeof *entry);
  if (entry == NULL) return false;
  memcpy(entry->id, id.data, id.size);
  entry->id_bytes = (uint8_t)id.size;
  entry->sequence = store_appended(provider->sale->store);
  /* Whether it was sent before we started, nobody knows. */
  entry->asks = !provider->started;
  struct provider_entry **bucket = bucket_of(provider, id);
  entry->next = *bucket;
  *bucket = entry;
  due_set(&provider->heap, &entry->due, provider->now_ms);
  metric_set(&provider->metrics.open, provider->heap.count);
  return true;
}

static void land(struct provider *provider, struct provider_entry *entry)
{
  if (!entry->in_flight) return;
  entry->in_flight = false;
  provider->in_flight--;
}

static void drop_entry(struct provider *provider, struct provider_entry *entry)
{
  struct provider_entry **link = bucket_of(provider, entry_id(entry));
  while (*link != entry) link = &(*link)->next;
  *link = entry->next;
  land(provider, entry);
  due_clear(&provider->heap, &entry->due);
  memory_free(provider->memory, entry, sizeof *entry);
  metric_set(&provider->metrics.open, provider->heap.count);
}

/* base, doubled with every attempt, and half of it by chance so that they do not come at once. */
static void put_off(struct provider *provider, struct provider_entry *entry, int64_t base_ms)
{
  uint32_t chance;
  int64_t pause_ms = base_ms;
  for (uint32_t i = 0; i < entry->attempts && pause_ms < provider->options.retry_max_ms; i++)
    pause_ms *= 2;
  if (pause_ms > provider->options.retry_max_ms) pause_ms = provider->options.retry_max_ms;
  if (entry->attempts < POLL_DOUBLINGS_MAX) entry->attempts++;
  world_entropy(provider->world, &chance, sizeof chance);
  pause_ms = pause_ms / 2 + (int64_t)(chance % (uint64_t)(pause_ms / 2 + 1));
  due_set(&provider->heap, &entry->due, provider->now_ms + pause_ms);
}

/* ---- one transaction ---- */

struct change {
  struct arena arena;
  struct plan *plan;
  struct sale_step step;
};

static bool change_begin(struct provider *provider, struct change *change)
{
  struct sale *sale = provider->sale;
  arena_init(&change->arena, sale->memory);
  change->plan = arena_alloc(&change->arena, sizeof *change->plan);
  if (change->plan == NULL) return false;
  plan_init(change->plan, sale->store, &change->arena);
  change->step = (struct sale_step){sale, change->plan, provider->now_ms, false};
  return true;
}

/* Commits if `good`, and frees. Whether it is in the log. */
static bool change_end(struct change *change, bool good)
{
  struct store_transact_result result;
  struct error error;
  good = good && !change->step.failed && plan_commit(change->plan, &result, &error) == STORE_OK;
  arena_free(&change->arena);
  return good;
}

/* ---- what is said about an intent ---- */

static void report(struct provider *provider, enum logger_level level, const char *event,
                   const char *message, struct bytes intent_id)
{
  if (provider->options.logger == NULL) return;
  LOGGER_WRITE(provider->options.logger, level, "provider", event, message,
               logger_text("payment_intent_id", intent_id),
               logger_text("channel", bytes_of_text(provider->channel->operations->name)));
}

/* Whether it is in the log, or was there before. */
static bool settle(struct provider *provider, const struct provider_answer *answer, bool approved)
{
  struct change change;
  struct sale_payment payment;
  enum sale_refusal refusal = SALE_UNAVAILABLE;
  bool changes = false;
  if (change_begin(provider, &change)) {
    refusal = sale_payment_settle(provider->sale, change.plan, answer->intent_id, approved,
                                  answer->payment_id, provider->now_ms, &payment);
    changes = change.plan->action_count > 0;
  }
  if (!change_end(&change, refusal == SALE_OK)) return false;
  if (!changes) return true;
  metric_add(approved ? &provider->metrics.approved : &provider->metrics.failed, 1);
  return true;
}

/* The provider's own id of a payment that is still open: a webhook or a CANCEL may name it. */
static void note_payment_id(struct provider *provider, const struct provider_answer *answer)
{
  struct change change;
  struct sale_payment payment;
  if (answer->payment_id.size == 0) return;
  bool good = change_begin(provider, &change) &&
              sale_payment_find(provider->sale, &change.arena, answer->intent_id, &payment) ==
                  SALE_OK &&
              payment.status == PAYMENT_PENDING && payment.payment_id.size == 0;
  if (good) {
    payment.payment_id = answer->payment_id;
    payment_put(&change.step, &payment);
  }
  /* When it cannot be written now, the next answer tells it again. */
  (void)change_end(&change, good);
}

/* Not known to the provider: failed when the grace is over, and until then to be begun again. */
static bool give_up_unknown(struct provider *provider, const struct provider_answer *answer)
{
  struct change change;
  struct sale_payment payment;
  bool over = change_begin(provider, &change) &&
              sale_payment_find(provider->sale, &change.arena, answer->intent_id, &payment) ==
                  SALE_OK &&
              payment.status == PAYMENT_PENDING &&
              provider->now_ms - payment.created_ms >= provider->options.grace_ms;
  (void)change_end(&change, false);
  if (!over || !settle(provider, answer, false)) return false;
  metric_add(&provider->metrics.unknown, 1);
  report(provider, LOGGER_WARNING, "intent_unknown",
         "the provider does not know the intent: the payment failed", answer->intent_id);
  return true;
}

static void told_of_intent(struct provider *provider, struct provider_entry *entry,
                           const struct provider_answer *answer)
{
  bool settled = false;
  switch (answer->outcome) {
  case PROVIDER_APPROVED:
  case PROVIDER_FAILED:
    settled = settle(provider, answer, answer->outcome == PROVIDER_APPROVED);
    break;
  case PROVIDER_PENDING:
    note_payment_id(provider, answer);
    if (entry != NULL) {
      entry->asks = true;
      put_off(provider, entry, provider->options.poll_ms);
    }
    return;
  case PROVIDER_UNKNOWN:
    /* Only an answer to a question says so: an unasked one would be about something else. */
    if (entry == NULL || answer->verb == PROVIDER_AUTHORISE) break;
    settled = give_up_unknown(provider, answer);
    entry->asks = false;
    break;
  case PROVIDER_UNCLEAR:
  case PROVIDER_OUTCOMES:
    if (entry != NULL) entry->asks = true;
    break;
  }
  if (entry == NULL) return;
  if (settled)
    drop_entry(provider, entry);
  else
    put_off(provider, entry, provider->options.retry_ms);
}

/* ---- what is said about a capture or refund ---- */

/* Ends the row: done, or given up. Whether it is ended. */
static bool end_command(struct provider *provider, struct bytes id, bool done)
{
  struct change change;
  struct provider_command command;
  bool found = change_begin(provider, &change) &&
               provider_command_find(provider->sale, &change.arena, id, &command);
  enum provider_verb verb = found ? command.verb : PROVIDER_VERBS;
  if (found && done && verb == PROVIDER_CAPTURE)
    provider_command_remove(&change.step, command.id);
  else if (found)
    provider_command_keep(&change.step, &command, done);
  if (found && !done)
    report(provider, LOGGER_ERROR, "given_up",
           verb == PROVIDER_REFUND
               ? "the provider refuses a refund: make it by hand, PROVIDER#FAILED has the row"
               : "the provider refuses a capture: look at it, PROVIDER#FAILED has the row",
           command.intent_id);
  if (!change_end(&change, found)) return false;
  if (!done)
    metric_add(&provider->metrics.given_up, 1);
  else
    metric_add(verb == PROVIDER_CAPTURE ? &provider->metrics.captured : &provider->metrics.refunded,
               1);
  return true;
}

static void told_of_command(struct provider *provider, struct provider_entry *entry,
                            const struct provider_answer *answer, bool awaited)
{
  bool ended = false;
  /* Without an entry it ended before, or the row is read later and sent again. */
  if (entry == NULL) return;
  /* A refusal that is told twice counts once. */
  if (!awaited && answer->outcome != PROVIDER_APPROVED) return;
  switch (answer->outcome) {
  case PROVIDER_APPROVED:
    ended = end_command(provider, answer->command_id, true);
    break;
  case PROVIDER_FAILED:
    metric_add(&provider->metrics.refused, 1);
    entry->refusals++;
    if (entry->refusals >= provider->options.refund_attempts)
      ended = end_command(provider, answer->command_id, false);
    break;
  case PROVIDER_PENDING:
    put_off(provider, entry, provider->options.poll_ms);
    return;
  case PROVIDER_UNKNOWN:
  case PROVIDER_UNCLEAR:
  case PROVIDER_OUTCOMES:
    break;
  }
  if (ended)
    drop_entry(provider, entry);
  else
    put_off(provider, entry, provider->options.retry_ms);
}

void provider_told(struct provider *provider, const struct provider_answer *answer)
{
  struct provider_entry *entry = NULL;
  if (answer->command_id.size > 0) {
    entry = find_entry(provider, answer->command_id);
    metric_add(answer->outcome == PROVIDER_UNCLEAR ? &provider->metrics.unclear
                                                   : &provider->metrics.answered,
               1);
  }
  bool awaited = entry != NULL && entry->in_flight;
  if (awaited) land(provider, entry);
  switch (answer->verb) {
  case PROVIDER_AUTHORISE:
  case PROVIDER_QUERY:
  case PROVIDER_CANCEL:
    told_of_intent(provider, entry, answer);
    return;
  case PROVIDER_CAPTURE:
  case PROVIDER_REFUND:
  case PROVIDER_VERBS:
    told_of_command(provider, entry, answer, awaited);
    return;
  }
}

/* ---- sending ---- */

/* What an open intent needs now. */
static enum provider_verb next_verb(struct provider *provider, struct arena *arena,
                                    const struct provider_entry *entry,
                                    const struct provider_command *command,
                                    const struct sale_payment *payment)
{
  struct sale_reservation reservation;
  int64_t age_ms = provider->now_ms - payment->created_ms;
  bool cancelled = sale_reservation_find(provider->sale, arena, payment->reservation_id,
                                         (struct bytes){NULL, 0}, provider->now_ms,
                                         &reservation) == SALE_OK &&
                   reservation.status == RESERVATION_CANCELLED;
  bool ends = cancelled || age_ms >= provider->options.patience_ms;
  if (command->verb == PROVIDER_AUTHORISE && !entry->asks && !ends &&
      age_ms < provider->options.grace_ms / 2)
    return PROVIDER_AUTHORISE;
  /* A CANCEL names the provider's own id, which a QUERY finds out. */
  return ends && payment->payment_id.size > 0 ? PROVIDER_CANCEL : PROVIDER_QUERY;
}

/* A row about a payment that is settled: settling takes it away, so somebody wrote here by hand. */
static void remove_row(struct provider *provider, struct bytes id)
{
  struct change change;
  bool good = change_begin(provider, &change);
  if (good) provider_command_remove(&change.step, id);
  (void)change_end(&change, good);
}

/* Fills the request of a row; false when there is nothing to send: *drop, or later. */
static bool make_request(struct provider *provider, struct arena *arena,
                         struct provider_entry *entry, struct provider_request *request, bool *drop)
{
  struct provider_command command;
  struct sale_payment payment;
  *drop = provider_command_is_over(provider->sale, arena, entry_id(entry));
  if (*drop || !provider_command_find(provider->sale, arena, entry_id(entry), &command))
    return false;
  *request = (struct provider_request){
      .verb = command.verb,
      .command_id = command.id,
      .key = command.id,
      .intent_id = command.intent_id,
      .reservation_id = command.reservation_id,
      .payment_id = command.payment_id,
      .currency = command.currency,
      .scenario = command.scenario,
      .amount = command.amount,
  };
  if (command.verb == PROVIDER_CAPTURE || command.verb == PROVIDER_REFUND)
    return command.after.size == 0 ||
           provider_command_is_over(provider->sale, arena, command.after);
  if (sale_payment_find(provider->sale, arena, command.intent_id, &payment) != SALE_OK)
    return false;
  if (payment.status != PAYMENT_PENDING) {
    remove_row(provider, command.id);
    return false;
  }
  request->payment_id = payment.payment_id;
  request->verb = next_verb(provider, arena, entry, &command, &payment);
  if (request->verb == PROVIDER_CANCEL)
    request->key = record_key(arena, command.id, BYTES("-cancel"));
  return request->key.size > 0;
}

/* Whether something was sent. */
static bool attend(struct provider *provider, struct provider_entry *entry)
{
  struct arena arena;
  struct provider_request request;
  const struct provider_options *options = &provider->options;
  bool drop = false;
  bool sent = false;
  if (entry->in_flight) {
    /* The answer was lost. */
    land(provider, entry);
    metric_add(&provider->metrics.unclear, 1);
    entry->asks = true;
    put_off(provider, entry, options->retry_ms);
    return false;
  }
  if (store_durable(provider->sale->store) < entry->sequence) {
    due_set(&provider->heap, &entry->due, provider->now_ms + 1);
    return false;
  }
  arena_init(&arena, provider->memory);
  bool ready = make_request(provider, &arena, entry, &request, &drop);
  if (ready)
    sent = options->channel->operations->send(options->channel, &request, provider->now_ms);
  arena_free(&arena);
  if (drop) {
    drop_entry(provider, entry);
  } else if (sent) {
    entry->in_flight = true;
    provider->in_flight++;
    metric_add(&provider->metrics.sent, 1);
    due_set(&provider->heap, &entry->due, provider->now_ms + options->answer_ms);
  } else if (ready) {
    put_off(provider, entry, options->retry_ms);
  } else {
    due_set(&provider->heap, &entry->due, provider->now_ms + ORDER_PAUSE_MS);
  }
  return sent;
}

static bool send_due(struct provider *provider)
{
  for (uint32_t i = 0; i < SEND_AT_A_TIME; i++) {
    struct due *due = due_first(&provider->heap, provider->now_ms);
    if (due == NULL) return false;
    struct provider_entry *entry = (struct provider_entry *)due;
    /* Those behind it wait for an answer; the oldest of which comes to its end by itself. */
    if (!entry->in_flight && provider->in_flight >= provider->options.in_flight) return false;
    attend(provider, entry);
  }
  return true;
}

/* ---- reading ---- */

static void read_from(struct provider *provider, struct bytes id, bool behind)
{
  memcpy(provider->from, id.data, id.size);
  provider->from_bytes = id.size;
  /* '!' is before every digit of an id: the place right behind this one. */
  if (behind) provider->from[provider->from_bytes++] = '!';
}

/* New rows; true while there are more. */
static bool read_new(struct provider *provider)
{
  struct sale *sale = provider->sale;
  struct arena arena;
  struct bytes ids[NEW_AT_A_TIME];
  uint32_t count = 0;
  bool more = true;
  if (sale->fresh_command_bytes > 0) {
    struct bytes fresh = bytes_of(sale->fresh_command, sale->fresh_command_bytes);
    if (!provider->reads ||
        bytes_compare(fresh, bytes_of(provider->from, provider->from_bytes)) < 0)
      read_from(provider, fresh, false);
    provider->reads = true;
    sale->fresh_command_bytes = 0;
  }
  if (!provider->reads) return false;
  arena_init(&arena, provider->memory);
  bool good = provider_command_list(sale, &arena, bytes_of(provider->from, provider->from_bytes),
                                    NEW_AT_A_TIME, ids, &count, &more);
  for (uint32_t i = 0; good && i < count; i++) {
    good = add_entry(provider, ids[i]);
    if (good) read_from(provider, ids[i], true);
  }
  arena_free(&arena);
  /* Without memory it goes on from here at the next tick. */
  if (!good || more) return good;
  provider->reads = false;
  provider->started = true;
  return false;
}

/* ---- open intents without a row ---- */

/* Whether an intent is open and nobody would ask about it. */
static bool is_forgotten(struct value item)
{
  return bytes_starts_with(record_get_text(item, BYTES("pk")), BYTES("PAYMENT#")) &&
         bytes_equal(record_get_text(item, BYTES("status")),
                     payment_status_name(PAYMENT_PENDING)) &&
         record_get_text(item, BYTES("commandId")).size == 0;
}

/* Gives it a row to ask by. */
static bool watch_intent(struct provider *provider, struct bytes intent_id)
{
  struct change change;
  struct sale_payment payment;
  bool good = change_begin(provider, &change) &&
              sale_payment_find(provider->sale, &change.arena, intent_id, &payment) == SALE_OK;
  if (good) {
    provider_command_add(&change.step, PROVIDER_QUERY, &payment, payment.amount);
    payment_put(&change.step, &payment);
  }
  if (!change_end(&change, good)) return false;
  metric_add(&provider->metrics.reconciled, 1);
  return true;
}

/* One page of the orders' table: the forgotten intents, and where to go on. */
static bool scan_page(struct provider *provider, struct arena *arena, struct bytes *ids,
                      uint32_t *count)
{
  struct store_page page;
  struct error error;
  struct store_query query = {
      .table = provider->sale->orders, .limit = SCAN_AT_A_TIME, .start_key = VALUE_NONE};
  if (provider->scan_from.size > 0)
    query.start_key = (struct value){provider->scan_from.data, provider->scan_from.size};
  if (store_scan(provider->sale->store, &query, arena, &page, &error) != STORE_OK) return false;
  /* Items are the store's until the next write: the ids are copied first. */
  for (uint32_t i = 0; i < page.count; i++) {
    if (!is_forgotten(page.items[i])) continue;
    ids[*count] = arena_copy(arena, record_get_text(page.items[i], BYTES("paymentIntentId")));
    if (ids[(*count)++].data == NULL) return false;
  }
  provider->scans = value_present(page.last_key);
  if (!provider->scans) return true;
  if (!buffer_reserve(&provider->scan_next, page.last_key.size)) return false;
  buffer_clear(&provider->scan_next);
  return buffer_append(&provider->scan_next, bytes_of(page.last_key.data, page.last_key.size));
}

/* A slice of the search; true while there is more. What is made anew meanwhile has its row. */
static bool scan(struct provider *provider)
{
  struct arena arena;
  struct bytes ids[SCAN_AT_A_TIME];
  uint32_t count = 0;
  if (!provider->scans) return false;
  arena_init(&arena, provider->memory);
  bool good = scan_page(provider, &arena, ids, &count);
  for (uint32_t i = 0; good && i < count; i++) good = watch_intent(provider, ids[i]);
  arena_free(&arena);
  /* Without memory or disk the same page is looked at again: what got its row is seen then. */
  if (!good) {
    provider->scans = true;
    return false;
  }
  struct buffer swapped = provider->scan_from;
  provider->scan_from = provider->scan_next;
  provider->scan_next = swapped;
  return provider->scans;
}

/* ---- the whole ---- */

bool provider_tick(struct provider *provider, int64_t now_ms)
{
  const struct provider_channel_operations *operations = provider->channel->operations;
  if (now_ms < provider->now_ms) due_shift(&provider->heap, now_ms - provider->now_ms);
  provider->now_ms = now_ms;
  bool more = operations->tick != NULL && operations->tick(provider->channel, now_ms);
  more |= read_new(provider);
  more |= scan(provider);
  more |= send_due(provider);
  return more;
}

const struct provider_metrics *provider_get_metrics(const struct provider *provider)
{
  return &provider->metrics;
}

static void take_default(int64_t *option, int64_t value)
{
  if (*option == 0) *option = value;
}

static void take_defaults(struct provider_options *options)
{
  if (options->in_flight == 0) options->in_flight = 64;
  if (options->refund_attempts == 0) options->refund_attempts = 8;
  take_default(&options->answer_ms, 30000);
  take_default(&options->retry_ms, 1000);
  take_default(&options->retry_max_ms, 300000);
  take_default(&options->poll_ms, 5000);
  take_default(&options->grace_ms, 600000);
  take_default(&options->patience_ms, 900000);
}

struct provider *provider_open(const struct provider_options *options, struct error *error)
{
  struct memory *memory = &options->world->memory;
  struct provider *provider = memory_alloc_zeroed(memory, sizeof *provider);
  struct provider_entry **buckets = memory_alloc_zeroed(memory, BUCKETS * sizeof *buckets);
  if (provider == NULL || buckets == NULL) {
    memory_free(memory, provider, provider == NULL ? 0 : sizeof *provider);
    memory_free(memory, buckets, buckets == NULL ? 0 : BUCKETS * sizeof *buckets);
    error_set(error, ERROR_NO_MEMORY, "no memory for the payment provider");
    return NULL;
  }
  provider->options = *options;
  take_defaults(&provider->options);
  provider->sale = options->sale;
  provider->world = options->world;
  provider->memory = memory;
  provider->channel = options->channel;
  provider->buckets = buckets;
  provider->reads = true;
  provider->scans = true;
  due_heap_init(&provider->heap, memory);
  buffer_init(&provider->scan_from, memory);
  buffer_init(&provider->scan_next, memory);
  world_entropy(options->world, &provider->hash_seed, sizeof provider->hash_seed);
  /* There is no sort key before this one. */
  read_from(provider, BYTES("!"), false);
  options->channel->provider = provider;
  return provider;
}

void provider_close(struct provider *provider)
{
  if (provider == NULL) return;
  provider->channel->provider = NULL;
  for (uint32_t i = 0; i < BUCKETS; i++)
    while (provider->buckets[i] != NULL) drop_entry(provider, provider->buckets[i]);
  due_heap_free(&provider->heap);
  buffer_free(&provider->scan_from);
  buffer_free(&provider->scan_next);
  memory_free(provider->memory, provider->buckets, BUCKETS * sizeof *provider->buckets);
  memory_free(provider->memory, provider, sizeof *provider);
}
