#include "sale/wiring.h"

#include "base/check.h"

enum {
  VISIBILITY_S = 30,
  RETENTION_S = 14 * 86400,
  RECEIVES_MAX = 3,
  WAIT_S = 20,
  HOLD_S = 60, /* the default hold: when an expiry message is first looked at */
  ARCHIVE_DAYS = 365,
};

#define TICKET_SOURCE      "ticket.service"
#define RESERVATION_SOURCE "reservation.service"
#define PAYMENT_SOURCE     "payment.service"
#define ROOM_SOURCE        "room.service"

static const struct wiring_route ROUTES[] = {
    {"TicketCreated", WIRING_TICKET_BUS, TICKET_SOURCE},
    {"TicketStatusChanged", WIRING_TICKET_BUS, TICKET_SOURCE},
    {"TicketCheckedIn", WIRING_TICKET_BUS, TICKET_SOURCE},
    {"ReservationCreated", WIRING_RESERVATION_BUS, RESERVATION_SOURCE},
    {"ReservationExpired", WIRING_RESERVATION_BUS, RESERVATION_SOURCE},
    {"ReservationConfirmed", WIRING_RESERVATION_BUS, RESERVATION_SOURCE},
    {"ReservationCancelled", WIRING_RESERVATION_BUS, RESERVATION_SOURCE},
    {"PaymentApproved", WIRING_RESERVATION_BUS, PAYMENT_SOURCE},
    {"PaymentFailed", WIRING_RESERVATION_BUS, PAYMENT_SOURCE},
    {"PaymentRefunded", WIRING_RESERVATION_BUS, PAYMENT_SOURCE},
    {"RoomChanged", WIRING_RESERVATION_BUS, ROOM_SOURCE},
};

/* Each with a dead-letter queue of its name and "-dlq". */
static const struct {
  const char *name;
  int32_t delay_s;
} QUEUES[] = {
    {WIRING_INVENTORY, 0},
    {WIRING_EXPIRY, HOLD_S},
    {WIRING_RESERVATION_EVENTS, 0},
    {WIRING_PAYMENTS, 0},
};

static const char *const BUSES[] = {WIRING_TICKET_BUS, WIRING_RESERVATION_BUS};

/* queue NULL: a notification, which goes to the log until an operator gives it a webhook. */
static const struct {
  const char *name;
  const char *bus;
  const char *source;
  const char *types; /* as JSON */
  const char *queue;
} RULES[] = {
    {"ticket-created", WIRING_TICKET_BUS, TICKET_SOURCE, "\"TicketCreated\"", WIRING_INVENTORY},
    {"ticket-status-changed", WIRING_TICKET_BUS, TICKET_SOURCE, "\"TicketStatusChanged\"", NULL},
    {"reservation-created", WIRING_RESERVATION_BUS, RESERVATION_SOURCE, "\"ReservationCreated\"",
     WIRING_EXPIRY},
    {"reservation-expired", WIRING_RESERVATION_BUS, RESERVATION_SOURCE, "\"ReservationExpired\"",
     WIRING_RESERVATION_EVENTS},
    {"reservation-confirmed", WIRING_RESERVATION_BUS, RESERVATION_SOURCE,
     "\"ReservationConfirmed\"", NULL},
    {"reservation-cancelled", WIRING_RESERVATION_BUS, RESERVATION_SOURCE,
     "\"ReservationCancelled\"", WIRING_RESERVATION_EVENTS},
    {"payment-settled", WIRING_RESERVATION_BUS, PAYMENT_SOURCE,
     "\"PaymentApproved\",\"PaymentFailed\"", WIRING_PAYMENTS},
};

static const char ARCHIVE[] = "everything";
static const char NOTIFICATION[] = "notification"; /* the target's id */

/* What the parts of one call share. */
struct wiring {
  struct queues *queues;
  struct buses *buses;
  struct plan plan;
  struct arena arena; /* of the plan */
  int64_t now_ms;
  struct error *error;
};

const struct wiring_route *wiring_route_of(struct bytes type)
{
  for (size_t i = 0; i < sizeof ROUTES / sizeof ROUTES[0]; i++)
    if (bytes_equal(type, bytes_of_text(ROUTES[i].type))) return &ROUTES[i];
  return NULL;
}

static bool no_memory(struct error *error)
{
  return error_set(error, ERROR_NO_MEMORY, "no memory for the platform's queues and buses");
}

/* ---- queues ---- */

static bool make_queue(struct wiring *wiring, struct bytes name,
                       const struct queue_settings *settings)
{
  struct queue *queue;
  uint64_t sequence;
  if (queue_find(wiring->queues, name) != NULL) return true;
  return queue_create(wiring->queues, name, settings, NULL, 0, wiring->now_ms, &queue, &sequence,
                      wiring->error) == QUEUE_OK;
}

static void set_defaults(struct queue_settings *settings)
{
  queue_settings_init(settings, false);
  settings->visibility_s = VISIBILITY_S;
  settings->retention_s = RETENTION_S;
  settings->wait_s = WAIT_S;
}

/* Notifications come from buses, so theirs is no queue's dead-letter queue. */
static bool make_notifications_queue(struct wiring *wiring)
{
  struct queue_settings settings;
  set_defaults(&settings);
  return make_queue(wiring, BYTES(WIRING_NOTIFICATIONS_DLQ), &settings);
}

static bool make_queues(struct wiring *wiring)
{
  for (size_t i = 0; i < sizeof QUEUES / sizeof QUEUES[0]; i++) {
    struct buffer dead_letter;
    struct queue_settings settings;
    set_defaults(&settings);
    buffer_init(&dead_letter, wiring->arena.memory);
    bool made = buffer_append_format(&dead_letter, "%s-dlq", QUEUES[i].name) ||
                no_memory(wiring->error);
    made = made && make_queue(wiring, buffer_bytes(&dead_letter), &settings);
    settings.delay_s = QUEUES[i].delay_s;
    settings.dead_letter = buffer_bytes(&dead_letter);
    settings.receives_max = RECEIVES_MAX;
    made = made && make_queue(wiring, bytes_of_text(QUEUES[i].name), &settings);
    buffer_free(&dead_letter);
    if (!made) return false;
  }
  return make_notifications_queue(wiring);
}

/* ---- buses ---- */

static struct plan *begin(struct wiring *wiring)
{
  arena_reset(&wiring->arena);
  plan_init(&wiring->plan, buses_store(wiring->buses), &wiring->arena);
  return &wiring->plan;
}

static bool commit(struct wiring *wiring, enum bus_status status)
{
  struct store_transact_result result;
  return status == BUS_OK && plan_commit(&wiring->plan, &result, wiring->error) == STORE_OK;
}

static bool make_archive(struct wiring *wiring, struct bus *bus)
{
  const struct bus_archive archive = {.name = bytes_of_text(ARCHIVE),
                                      .description = BYTES("All events of the bus"),
                                      .retention_days = ARCHIVE_DAYS};
  if (bus_archive_find(bus, archive.name) != NULL) return true;
  struct plan *plan = begin(wiring);
  return commit(wiring, bus_archive_put(bus, plan, &archive, wiring->now_ms, wiring->error));
}

static bool make_buses(struct wiring *wiring)
{
  for (size_t i = 0; i < sizeof BUSES / sizeof BUSES[0]; i++) {
    struct bytes name = bytes_of_text(BUSES[i]);
    if (bus_find(wiring->buses, name) == NULL) {
      struct plan *plan = begin(wiring);
      if (!commit(wiring, bus_create(wiring->buses, plan, name, wiring->now_ms, wiring->error)))
        return false;
    }
    if (!make_archive(wiring, bus_find(wiring->buses, name))) return false;
  }
  return true;
}

static bool make_rule(struct wiring *wiring, size_t i)
{
  struct bus *bus = bus_find(wiring->buses, bytes_of_text(RULES[i].bus));
  struct bus_target target;
  struct buffer pattern;
  if (bus_rule_find(bus, bytes_of_text(RULES[i].name)) != NULL) return true;
  buffer_init(&pattern, wiring->arena.memory);
  bool made = buffer_append_format(&pattern, "{\"source\":[\"%s\"],\"detail-type\":[%s]}",
                                   RULES[i].source, RULES[i].types) ||
              no_memory(wiring->error);
  if (RULES[i].queue != NULL)
    bus_target_init(&target, BYTES("queue"), BUS_TARGET_QUEUE, bytes_of_text(RULES[i].queue));
  else
    bus_target_init(&target, bytes_of_text(NOTIFICATION), BUS_TARGET_LOG, BYTES(""));
  const struct bus_rule rule = {.name = bytes_of_text(RULES[i].name),
                                .pattern = buffer_bytes(&pattern),
                                .targets = &target,
                                .target_count = 1};
  struct plan *plan = begin(wiring);
  made = made && commit(wiring, bus_rule_put(bus, plan, &rule, wiring->now_ms, wiring->error));
  buffer_free(&pattern);
  return made;
}

static struct wiring *open_wiring(struct buses *buses, int64_t now_ms, struct error *error)
{
  struct memory *memory = buses_memory(buses);
  struct wiring *wiring = memory_alloc(memory, sizeof *wiring);
  if (wiring == NULL) {
    no_memory(error);
    return NULL;
  }
  wiring->queues = NULL;
  wiring->buses = buses;
  wiring->now_ms = now_ms;
  wiring->error = error;
  arena_init(&wiring->arena, memory);
  return wiring;
}

static void close_wiring(struct wiring *wiring)
{
  arena_free(&wiring->arena);
  memory_free(buses_memory(wiring->buses), wiring, sizeof *wiring);
}

bool wiring_make(struct queues *queues, struct buses *buses, int64_t now_ms, struct error *error)
{
  struct wiring *wiring = open_wiring(buses, now_ms, error);
  if (wiring == NULL) return false;
  wiring->queues = queues;
  bool made = make_queues(wiring) && make_buses(wiring);
  for (size_t i = 0; made && i < sizeof RULES / sizeof RULES[0]; i++) made = make_rule(wiring, i);
  close_wiring(wiring);
  return made;
}

/* ---- notifications ---- */

static bool is_webhook(const struct bus_target *target, struct bytes url)
{
  return target->kind == BUS_TARGET_WEBHOOK && bytes_equal(target->address, url) &&
         target->retries == BUS_RETRIES && target->age_s == BUS_AGE_S_MAX &&
         bytes_equal(target->dead_letter, BYTES(WIRING_NOTIFICATIONS_DLQ));
}

static bool notify_by(struct wiring *wiring, struct bus *bus, const struct bus_rule *rule,
                      struct bytes url)
{
  struct bus_target targets[BUS_TARGETS_MAX];
  struct bytes id = bytes_of_text(NOTIFICATION);
  struct bus_rule changed = *rule;
  uint32_t at = 0;
  for (uint32_t i = 0; i < rule->target_count; i++) targets[i] = rule->targets[i];
  while (at < rule->target_count && !bytes_equal(targets[at].id, id)) at++;
  if (at < rule->target_count && is_webhook(&targets[at], url)) return true;
  if (at == BUS_TARGETS_MAX)
    return error_set(wiring->error, ERROR_INVALID,
                     "rule %.*s has no room for a target '%s': take one of its %d away",
                     BYTES_FORMAT(rule->name), NOTIFICATION, BUS_TARGETS_MAX);
  if (at == rule->target_count) {
    bus_target_init(&targets[at], id, BUS_TARGET_WEBHOOK, url);
    changed.target_count++;
  }
  targets[at].kind = BUS_TARGET_WEBHOOK;
  targets[at].address = url;
  targets[at].group = BYTES("");
  targets[at].retries = BUS_RETRIES;
  targets[at].age_s = BUS_AGE_S_MAX;
  targets[at].dead_letter = BYTES(WIRING_NOTIFICATIONS_DLQ);
  changed.targets = targets;
  struct plan *plan = begin(wiring);
  return commit(wiring, bus_rule_put(bus, plan, &changed, wiring->now_ms, wiring->error));
}

bool wiring_notify(struct buses *buses, struct bytes url, int64_t now_ms, struct error *error)
{
  struct wiring *wiring = open_wiring(buses, now_ms, error);
  if (wiring == NULL) return false;
  bool done = true;
  for (size_t i = 0; done && i < sizeof RULES / sizeof RULES[0]; i++) {
    if (RULES[i].queue != NULL) continue;
    struct bus *bus = bus_find(buses, bytes_of_text(RULES[i].bus));
    CHECK(bus != NULL);
    const struct bus_rule *rule = bus_rule_find(bus, bytes_of_text(RULES[i].name));
    CHECK(rule != NULL);
    done = notify_by(wiring, bus, rule, url);
  }
  close_wiring(wiring);
  return done;
}
