#include "base/check.h"
#include "bus/bus_state.h"

#include <stdlib.h>

/* ---- what happens once it is in the log ---- */

static void log_effect(const struct effects *effects, const struct effect *effect)
{
  struct logger *logger = effects->buses->logger;
  bool dropped = effect->kind == EFFECT_DROPPED;
  enum logger_level level = dropped ? LOGGER_WARNING : LOGGER_INFO;
  if (logger == NULL) return;
  LOGGER_WRITE(logger, level, "bus", dropped ? "event_dropped" : "event",
               dropped ? "an event could not be delivered and has no dead-letter queue"
                       : "an event for a log target",
               logger_text("rule", effect->rule->arn),
               logger_text("target", effect->target->shown->id),
               logger_text("event_id", effects->head.id),
               logger_text("detail_type", effects->head.detail_type),
               logger_text(dropped ? "reason" : "input", effect->text));
}

static void run_effect(struct effects *effects, const struct effect *effect)
{
  struct bus_metrics *metrics = &effects->buses->metrics;
  switch (effect->kind) {
  case EFFECT_INVOKED:
    effect->rule->invocations++;
    metric_add(&metrics->invocations, 1);
    break;
  case EFFECT_LOGGED:
    log_effect(effects, effect);
    metric_add(&metrics->logged, 1);
    break;
  case EFFECT_QUEUED:
    metric_add(&metrics->queued, 1);
    break;
  case EFFECT_PENDING:
    lane_due(effect->target->lane, effects->now_ms);
    metric_add(&metrics->deliveries, 1);
    break;
  case EFFECT_ARCHIVED:
    metric_add(&metrics->archived, 1);
    break;
  case EFFECT_DEAD_LETTERED:
    metric_add(&metrics->dead_lettered, 1);
    break;
  case EFFECT_DROPPED:
    log_effect(effects, effect);
    metric_add(&metrics->dropped, 1);
    break;
  }
}

static void happened(void *context, uint64_t sequence)
{
  (void)sequence;
  struct effects *effects = context;
  struct buses *buses = effects->buses;
  CHECK_THAT(effects->turn, ==, buses->turn); /* B2 */
  if (effects->is_event) metric_add(&buses->metrics.events, 1);
  if (effects->is_replay) metric_add(&buses->metrics.replayed, 1);
  if (effects->is_event && effects->is_matched) metric_add(&buses->metrics.matched, 1);
  if (effects->is_fanout) {
    metric_add(&buses->metrics.fanouts, 1);
    buses->have_fanouts = true;
  }
  for (const struct effect *effect = effects->first; effect != NULL; effect = effect->next)
    run_effect(effects, effect);
}

enum bus_status put_begin(struct put *put, bool is_event)
{
  if (put->plan->hook_count == PLAN_HOOKS_MAX) return BUS_PLAN_FULL;
  put->effects = arena_alloc(put->plan->arena, sizeof *put->effects);
  if (put->effects == NULL) return BUS_UNAVAILABLE;
  *put->effects = (struct effects){
      .buses = put->buses,
      .turn = put->buses->turn,
      .head = put->head,
      .now_ms = put->now_ms,
      .is_event = is_event,
      .is_replay = is_event && put->replay.size > 0,
  };
  put->effects->last = &put->effects->first;
  plan_after(put->plan, happened, put->effects);
  return BUS_OK;
}

struct effect *put_effect(struct put *put, enum effect_kind kind, struct rule *rule,
                          const struct target *target)
{
  struct effect *effect = arena_alloc(put->plan->arena, sizeof *effect);
  if (effect == NULL) return NULL;
  *effect = (struct effect){.kind = kind, .rule = rule, .target = target};
  *put->effects->last = effect;
  put->effects->last = &effect->next;
  return effect;
}

/* ---- room in the plan ---- */

bool put_is_full(const struct put *put)
{
  const struct plan *plan = put->plan;
  size_t bytes = 0;
  for (size_t i = 0; i < plan->action_count; i++) bytes += plan->actions[i].item.size;
  return plan_room(plan) < BUS_OWN_ACTIONS || bytes > BUS_PLAN_BYTES ||
         plan->hook_count + BUS_OWN_ACTIONS > PLAN_HOOKS_MAX;
}

struct put_mark put_mark(const struct put *put)
{
  return (struct put_mark){
      .action_count = put->plan->action_count,
      .hook_count = put->plan->hook_count,
      .overflow = put->plan->overflow,
      .last = put->effects == NULL ? NULL : put->effects->last,
  };
}

void put_return(struct put *put, const struct put_mark *mark)
{
  put->plan->action_count = mark->action_count;
  put->plan->hook_count = mark->hook_count;
  put->plan->overflow = mark->overflow;
  if (mark->last == NULL) {
    put->effects = NULL;
    return;
  }
  put->effects->last = mark->last;
  *mark->last = NULL;
}

/* ---- who gets it ---- */

static int compare_names(const void *left, const void *right)
{
  const struct rule *first = *(struct rule *const *)left;
  const struct rule *second = *(struct rule *const *)right;
  return bytes_compare(first->subscriber.name, second->subscriber.name);
}

static bool is_wanted(const struct put *put, struct bytes rule)
{
  for (uint32_t i = 0; i < put->only_count; i++)
    if (bytes_equal(put->only[i], rule)) return true;
  return put->only_count == 0;
}

static void add_match(const struct put *put, struct put_matches *matches,
                      struct subscriber *subscriber)
{
  if (!subscriber->live) return; /* B3 */
  if (subscriber->kind == SUBSCRIBER_ARCHIVE) {
    CHECK_THAT(matches->archive_count, <, BUS_ARCHIVES_MAX);
    if (put->replay.size == 0) matches->archives[matches->archive_count++] = archive_of(subscriber);
  } else if (!rule_of(subscriber)->shown.disabled && is_wanted(put, subscriber->name)) {
    matches->rules[matches->rule_count++] = rule_of(subscriber);
  }
}

enum bus_status put_match(const struct put *put, struct put_matches *matches, struct error *error)
{
  struct bus *bus = put->bus;
  struct arena *arena = &put->buses->match;
  struct pattern_matches found = {0};
  *matches = (struct put_matches){0};
  arena_reset(arena);
  if (pattern_set_count(bus->patterns) > 0 &&
      !pattern_set_match(bus->patterns, put->envelope, arena, &found, error))
    return error->code == ERROR_NO_MEMORY ? BUS_UNAVAILABLE : BUS_INVALID;
  matches->rules = arena_alloc_array(arena, found.count, sizeof(struct rule *));
  if (matches->rules == NULL) return bus_no_memory(error);
  for (uint32_t i = 0; i < found.count; i++)
    add_match(put, matches, bus->by_number[found.rules[i]]);
  /* Those without a pattern have everything. */
  for (struct subscriber *archive = bus->archives; archive != NULL; archive = archive->next)
    if (archive->number == BUS_NO_NUMBER) add_match(put, matches, archive);
  if (matches->rule_count > 1)
    qsort(matches->rules, matches->rule_count, sizeof(struct rule *), compare_names);
  return BUS_OK;
}

/* ---- archives ---- */

/* {time}#{id}: in order of time; the same event is one row however often it is put. */
static struct bytes archive_key(struct put *put)
{
  char time[INSTANT_TEXT_BYTES];
  instant_format(put->head.time_ms, time);
  return bus_join(put->plan->arena, bytes_of(time, sizeof time), BYTES("#"), put->head.id,
                  BYTES(""));
}

static enum bus_status put_archive(struct put *put, const struct archive *archive)
{
  struct bus_item item;
  struct buses *buses = put->buses;
  struct bytes sk = archive_key(put);
  if (sk.data == NULL) return BUS_UNAVAILABLE;
  bus_item_begin(&item, &buses->scratch);
  bus_item_key(&item, archive->partition, sk);
  bus_item_text(&item, BYTES("event"), put->envelope);
  if (archive->shown.retention_days > 0)
    bus_item_integer(&item, BYTES("ttl"),
                     put->now_ms / 1000 + (int64_t)archive->shown.retention_days * 86400);
  if (put_effect(put, EFFECT_ARCHIVED, NULL, NULL) == NULL) return BUS_UNAVAILABLE;
  if (!bus_plan_put(put->plan, buses->archive, bus_item_end(&item, put->plan->arena)))
    return BUS_UNAVAILABLE;
  return put_is_full(put) ? BUS_PLAN_FULL : BUS_OK;
}

static enum bus_status put_archives(struct put *put, const struct put_matches *matches)
{
  enum bus_status status = BUS_OK;
  for (uint32_t i = 0; i < matches->archive_count && status == BUS_OK; i++)
    status = put_archive(put, matches->archives[i]);
  return status;
}

/* ---- all of it ---- */

enum bus_status put_rule(struct put *put, struct rule *rule)
{
  if (put_effect(put, EFFECT_INVOKED, rule, NULL) == NULL) return BUS_UNAVAILABLE;
  for (uint32_t i = 0; i < rule->shown.target_count; i++) {
    enum bus_status status = put_target(put, rule, &rule->targets[i]);
    if (status != BUS_OK) return status;
    if (put_is_full(put)) return BUS_PLAN_FULL;
  }
  return BUS_OK;
}

static enum bus_status put_whole(struct put *put, const struct put_matches *matches)
{
  enum bus_status status = put_begin(put, true);
  if (status == BUS_OK) {
    put->effects->is_matched = matches->rule_count > 0;
    status = put_archives(put, matches);
  }
  for (uint32_t i = 0; i < matches->rule_count && status == BUS_OK; i++)
    status = put_rule(put, matches->rules[i]);
  return status;
}

/* Archives now, the rules later. */
static enum bus_status put_in_parts(struct put *put, const struct put_matches *matches)
{
  enum bus_status status = put_begin(put, true);
  if (status == BUS_OK) {
    put->effects->is_matched = true;
    put->effects->is_fanout = true;
    status = put_archives(put, matches);
  }
  return status == BUS_OK ? fanout_add(put) : status;
}

static enum bus_status run(struct put *put, struct error *error)
{
  struct put_matches matches;
  enum bus_status status = put_match(put, &matches, error);
  if (status != BUS_OK) return status;
  const struct put_mark mark = put_mark(put);
  status = put_whole(put, &matches);
  if (status != BUS_OK) put_return(put, &mark);
  if (status == BUS_PLAN_FULL && mark.action_count <= BUS_OWN_ACTIONS) {
    status = put_in_parts(put, &matches);
    if (status != BUS_OK) put_return(put, &mark);
  }
  if (status == BUS_UNAVAILABLE) (void)bus_no_memory(error);
  if (status == BUS_PLAN_FULL) error_set(error, ERROR_LIMIT, "the plan is full");
  return status;
}

enum bus_status bus_put(struct bus *bus, struct plan *plan, const struct bus_event *event,
                        int64_t now_ms, struct error *error)
{
  struct put put = {
      .buses = bus->buses, .bus = bus, .plan = plan, .now_ms = now_ms, .ingested_ms = now_ms};
  enum bus_status status = bus_event_write(bus->buses, event, plan->arena, &put.envelope, error);
  if (status != BUS_OK) return status;
  put.head = (struct bus_event_head){
      .id = arena_copy(plan->arena, event->id),
      .detail_type = arena_copy(plan->arena, event->detail_type),
      .time_ms = event->time_ms,
  };
  if (put.head.id.data == NULL || put.head.detail_type.data == NULL) return bus_no_memory(error);
  return run(&put, error);
}

enum bus_status bus_put_again(struct bus *bus, struct plan *plan, struct bytes envelope,
                              const struct bus_replay *replay, int64_t now_ms, struct error *error)
{
  struct put put = {.buses = bus->buses,
                    .bus = bus,
                    .plan = plan,
                    .replay = replay->name,
                    .only = replay->rules,
                    .only_count = replay->rule_count,
                    .now_ms = now_ms,
                    .ingested_ms = now_ms};
  put.envelope = bus_event_mark_replayed(envelope, replay->name, plan->arena);
  if (put.envelope.data == NULL) return bus_no_memory(error);
  if (!bus_event_read(put.envelope, plan->arena, &put.head)) {
    error_set(error, ERROR_CORRUPT, "an archived event is no envelope");
    return BUS_INVALID;
  }
  return run(&put, error);
}

enum bus_status bus_put_to(struct rule *rule, struct plan *plan, const struct bus_event *event,
                           int64_t now_ms, struct error *error)
{
  struct bus *bus = rule->subscriber.bus;
  struct put put = {
      .buses = bus->buses, .bus = bus, .plan = plan, .now_ms = now_ms, .ingested_ms = now_ms};
  enum bus_status status = bus_event_write(bus->buses, event, plan->arena, &put.envelope, error);
  if (status != BUS_OK) return status;
  put.head = (struct bus_event_head){event->id, event->detail_type, event->time_ms};
  status = put_begin(&put, true);
  if (status != BUS_OK) return status;
  put.effects->is_matched = true;
  return put_rule(&put, rule);
}
