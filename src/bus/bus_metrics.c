#include "bus/bus_metrics.h"

#include "bus/bus_state.h"

static const struct metric_definition DEFINITIONS[] = {
    {"tacos_bus_events_total", METRIC_COUNTER, "Events put, replayed ones included.",
     offsetof(struct bus_metrics, events)},
    {"tacos_bus_matched_events_total", METRIC_COUNTER, "Events that a rule matched.",
     offsetof(struct bus_metrics, matched)},
    {"tacos_bus_invocations_total", METRIC_COUNTER, "Rules invoked by events and schedules.",
     offsetof(struct bus_metrics, invocations)},
    {"tacos_bus_queued_total", METRIC_COUNTER, "Messages sent to queues.",
     offsetof(struct bus_metrics, queued)},
    {"tacos_bus_deliveries_total", METRIC_COUNTER, "Deliveries to webhooks begun.",
     offsetof(struct bus_metrics, deliveries)},
    {"tacos_bus_logged_total", METRIC_COUNTER, "Events written to the log.",
     offsetof(struct bus_metrics, logged)},
    {"tacos_bus_archived_total", METRIC_COUNTER, "Events written to archives.",
     offsetof(struct bus_metrics, archived)},
    {"tacos_bus_dead_lettered_total", METRIC_COUNTER, "Events sent to dead-letter queues.",
     offsetof(struct bus_metrics, dead_lettered)},
    {"tacos_bus_dropped_total", METRIC_COUNTER,
     "Events given up that had no dead-letter queue to go to.",
     offsetof(struct bus_metrics, dropped)},
    {"tacos_bus_fanouts_total", METRIC_COUNTER, "Events told to their rules in several slices.",
     offsetof(struct bus_metrics, fanouts)},
    {"tacos_bus_replayed_total", METRIC_COUNTER, "Events replayed from archives.",
     offsetof(struct bus_metrics, replayed)},
    {"tacos_bus_scheduled_total", METRIC_COUNTER, "Schedules fired.",
     offsetof(struct bus_metrics, fired)},
};

/* Ends of attempts. */
static const struct {
  const char *outcome;
  size_t offset;
} OUTCOMES[] = {
    {"delivered", offsetof(struct bus_metrics, delivered)},
    {"retried", offsetof(struct bus_metrics, retried)},
    {"failed", offsetof(struct bus_metrics, failed)},
};

static void write_outcomes(const struct bus_metrics *metrics, struct metrics_writer *writer)
{
  static const char NAME[] = "tacos_bus_attempts_total";
  metrics_family(writer, NAME, METRIC_COUNTER, "Attempts to reach webhooks, by what followed.");
  for (size_t i = 0; i < sizeof OUTCOMES / sizeof OUTCOMES[0]; i++) {
    const uint8_t *at = (const uint8_t *)metrics + OUTCOMES[i].offset;
    const struct metric_label label = {"outcome", bytes_of_text(OUTCOMES[i].outcome)};
    metrics_sample(writer, NAME, &label, 1, metric_read((const uint64_t *)at));
  }
}

static void write_rules(const struct buses *buses, struct metrics_writer *writer)
{
  static const char NAME[] = "tacos_bus_rule_invocations_total";
  metrics_family(writer, NAME, METRIC_COUNTER, "Events and schedules that came to a rule.");
  for (const struct bus *bus = buses->list; bus != NULL; bus = bus->next)
    for (struct subscriber *rule = bus->rules; rule != NULL; rule = rule->next) {
      const struct metric_label labels[] = {{"bus", bus->name}, {"rule", rule->name}};
      metrics_sample(writer, NAME, labels, 2, rule_of(rule)->invocations);
    }
}

void buses_write_metrics(struct buses *buses, struct metrics_writer *writer)
{
  static const char IN_FLIGHT[] = "tacos_bus_in_flight_deliveries";
  const void *shard = &buses->metrics;
  metrics_write_table(writer, DEFINITIONS, sizeof DEFINITIONS / sizeof DEFINITIONS[0], &shard, 1);
  write_outcomes(&buses->metrics, writer);
  metrics_family(writer, IN_FLIGHT, METRIC_GAUGE, "Requests to webhooks under way.");
  metrics_sample(writer, IN_FLIGHT, NULL, 0, buses->in_flight);
  write_rules(buses, writer);
}
