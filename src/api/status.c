#include "api/handlers.h"

static const struct metric_definition STORE_METRICS[] = {
    {"tacos_store_items", METRIC_GAUGE, "Items in all tables.",
     offsetof(struct store_statistics, items)},
    {"tacos_store_item_bytes", METRIC_GAUGE, "Memory in use by items and indexes.",
     offsetof(struct store_statistics, item_bytes)},
    {"tacos_store_mapped_bytes", METRIC_GAUGE, "Memory mapped for items and indexes.",
     offsetof(struct store_statistics, mapped_bytes)},
    {"tacos_store_transactions_total", METRIC_COUNTER, "Transactions committed since the start.",
     offsetof(struct store_statistics, transactions)},
    {"tacos_store_log_bytes_total", METRIC_COUNTER, "Bytes appended to the log since the start.",
     offsetof(struct store_statistics, log_bytes)},
    {"tacos_store_snapshots_total", METRIC_COUNTER, "Snapshots finished since the start.",
     offsetof(struct store_statistics, snapshots)},
    {"tacos_store_snapshots_failed_total", METRIC_COUNTER, "Snapshots that failed.",
     offsetof(struct store_statistics, snapshots_failed)},
    {"tacos_store_ttl_deleted_total", METRIC_COUNTER, "Items deleted because their time was over.",
     offsetof(struct store_statistics, ttl_deleted)},
};

enum { STORE_METRIC_COUNT = sizeof STORE_METRICS / sizeof STORE_METRICS[0] };

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a size is read as a metric");

/* Replies with what was written to a buffer on the exchange's memory, and frees it. */
static void reply_buffer(struct exchange *exchange, uint16_t status, struct bytes content_type,
                         struct buffer *text)
{
  struct bytes copy = {NULL, 0};
  if (!text->failed) copy = arena_copy(&exchange->arena, buffer_bytes(text));
  buffer_free(text);
  if (copy.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply(exchange, status, content_type, copy);
}

void api_healthz(struct exchange *exchange)
{
  exchange_reply_json(exchange, 200, health_alive_body());
  exchange_send(exchange);
}

void api_readyz(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  struct buffer body;
  buffer_init(&body, &exchange->memory);
  uint16_t status = health_write_ready(&api->health, &body);
  reply_buffer(exchange, status, CONTENT_TYPE_JSON, &body);
  exchange_send(exchange);
}

void api_version(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  struct buffer body;
  struct json_writer writer;
  buffer_init(&body, &exchange->memory);
  json_writer_init(&writer, &body);
  json_write_object_begin(&writer);
  json_write_key(&writer, BYTES("name"));
  json_write_string(&writer, BYTES("traffic-tacos"));
  json_write_key(&writer, BYTES("version"));
  json_write_string(&writer, bytes_of_text(api->version));
  json_write_object_end(&writer);
  (void)json_writer_finish(&writer);
  reply_buffer(exchange, 200, CONTENT_TYPE_JSON, &body);
  exchange_send(exchange);
}

static void write_ready(const struct health *health, struct metrics_writer *writer)
{
  static const char NAME[] = "tacos_ready";
  metrics_family(writer, NAME, METRIC_GAUGE, "1 while the process should get requests.");
  metrics_sample(writer, NAME, NULL, 0, health_is_ready(health) ? 1 : 0);
}

void api_metrics(struct exchange *exchange)
{
  struct api *api = exchange->context;
  struct buffer text;
  struct metrics_writer writer;
  buffer_init(&text, &exchange->memory);
  metrics_writer_init(&writer, &text);
  write_ready(&api->health, &writer);
  server_metrics(api->server, &writer);
  struct store_statistics statistics;
  store_statistics(api->store, &statistics);
  const void *shards[] = {&statistics};
  metrics_write_table(&writer, STORE_METRICS, STORE_METRIC_COUNT, shards, 1);
  process_write_metrics(&api->process, &writer);
  if (api->write_metrics != NULL) api->write_metrics(api->metrics_context, &writer);
  reply_buffer(exchange, 200, BYTES(METRICS_CONTENT_TYPE), &text);
  exchange_send(exchange);
}
