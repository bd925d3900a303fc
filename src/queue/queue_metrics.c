#include "queue/queue_metrics.h"

#include "queue/state.h"

static const struct metric_definition DEFINITIONS[] = {
    {"tacos_queue_sent_total", METRIC_COUNTER, "Messages sent.",
     offsetof(struct queue_metrics, sent)},
    {"tacos_queue_duplicates_total", METRIC_COUNTER, "Sends that were known already.",
     offsetof(struct queue_metrics, duplicates)},
    {"tacos_queue_received_total", METRIC_COUNTER, "Messages received.",
     offsetof(struct queue_metrics, received)},
    {"tacos_queue_empty_receives_total", METRIC_COUNTER, "Receives that gave no message.",
     offsetof(struct queue_metrics, empty_receives)},
    {"tacos_queue_deleted_total", METRIC_COUNTER, "Messages deleted by a receiver.",
     offsetof(struct queue_metrics, deleted)},
    {"tacos_queue_dead_lettered_total", METRIC_COUNTER, "Messages moved to a dead-letter queue.",
     offsetof(struct queue_metrics, dead_lettered)},
    {"tacos_queue_moved_total", METRIC_COUNTER, "Messages moved by tasks.",
     offsetof(struct queue_metrics, moved)},
    {"tacos_queue_expired_total", METRIC_COUNTER, "Messages whose retention ended.",
     offsetof(struct queue_metrics, expired)},
    {"tacos_queue_purged_total", METRIC_COUNTER, "Messages removed by purges and dropped queues.",
     offsetof(struct queue_metrics, purged)},
};

/* What there is of one queue. */
static const struct {
  const char *name;
  const char *help;
  size_t offset; /* of a uint64_t in struct queue_counts */
} GAUGES[] = {
    {"tacos_queue_visible_messages", "Messages that can be received.",
     offsetof(struct queue_counts, visible)},
    {"tacos_queue_in_flight_messages", "Messages received and not yet deleted.",
     offsetof(struct queue_counts, in_flight)},
    {"tacos_queue_delayed_messages", "Messages whose delay is not over.",
     offsetof(struct queue_counts, delayed)},
};

static struct metric_label label_of(const struct queue *queue)
{
  return (struct metric_label){.name = "queue", .value = queue->record.name};
}

static void write_ages(struct queues *queues, struct metrics_writer *writer, int64_t now_ms)
{
  static const char NAME[] = "tacos_queue_oldest_age_seconds";
  metrics_family(writer, NAME, METRIC_GAUGE, "Age of the oldest message.");
  for (uint32_t i = 0; i < queues->list_count; i++) {
    struct queue_counts counts;
    queue_counts(queues->list[i], now_ms, &counts);
    const struct metric_label label = label_of(queues->list[i]);
    metrics_sample_ns(writer, NAME, &label, 1, (uint64_t)counts.oldest_age_ms * 1000000);
  }
}

void queues_write_metrics(struct queues *queues, struct metrics_writer *writer, int64_t now_ms)
{
  const void *shard = &queues->metrics;
  metrics_write_table(writer, DEFINITIONS, sizeof DEFINITIONS / sizeof DEFINITIONS[0], &shard, 1);
  for (size_t i = 0; i < sizeof GAUGES / sizeof GAUGES[0]; i++) {
    metrics_family(writer, GAUGES[i].name, METRIC_GAUGE, GAUGES[i].help);
    for (uint32_t k = 0; k < queues->list_count; k++) {
      struct queue_counts counts;
      uint64_t value;
      queue_counts(queues->list[k], now_ms, &counts);
      memcpy(&value, (const uint8_t *)&counts + GAUGES[i].offset, sizeof value);
      const struct metric_label label = label_of(queues->list[k]);
      metrics_sample(writer, GAUGES[i].name, &label, 1, value);
    }
  }
  write_ages(queues, writer, now_ms);
}
