#include "cmd/rooms.h"

#include "sale/wiring.h"

enum {
  CLIENT_CONNECTIONS = 64, /* of outgoing HTTP, to all hosts */
  CLIENT_PER_HOST = 16,
};

/* ---- opening ---- */

bool rooms_read_jwks(struct rooms *rooms, struct error *error)
{
  const char *path = rooms->options->jwks_file;
  if (path == NULL) return true;
  struct jwks *keys = jwks_read(rooms->world, path, error);
  if (keys == NULL)
    return error_set(error, error->code, "--jwks-file %s: %s", path, error->message);
  jwt_use_keys(shield_jwt(rooms->shield), keys);
  jwks_free(rooms->jwks);
  rooms->jwks = keys;
  return true;
}

/* What signs tickets, and what their signatures are checked with. */
static bool open_tickets(struct rooms *rooms, struct error *error)
{
  struct bytes secret = secrets_get(&rooms->secrets, SECRET_TICKET);
  return ticket_signer_init(&rooms->signer, secret.data, error) &&
         ticket_keys_add(&rooms->ticket_keys, rooms->signer.public_key, error);
}

static bool open_client(struct rooms *rooms, struct error *error)
{
  const struct client_options options = {.connections = CLIENT_CONNECTIONS,
                                         .connections_per_host = CLIENT_PER_HOST};
  if (!client_global_init(error)) return false;
  rooms->has_client = client_driver_open(&rooms->driver, rooms->loop, &options, error);
  return rooms->has_client;
}

/* Queues, buses, and the platform's own among them. */
static bool open_messages(struct rooms *rooms, int64_t now_ms, struct error *error)
{
  struct memory *memory = &rooms->world->memory;
  const struct bus_sender sender = bus_client_sender(rooms->driver.client);
  const struct buses_options options = {
      .store = rooms->store,
      .world = rooms->world,
      .memory = memory,
      .sender = &sender,
      .logger = rooms->logger,
      .account = BYTES("000000000000"),
      .region = BYTES("ap-northeast-2"),
      .signing_key = secrets_get(&rooms->secrets, SECRET_WEBHOOK),
  };
  struct buses_options with_queues = options;
  rooms->queues = queues_open(rooms->store, memory, rooms->world, now_ms, error);
  if (rooms->queues == NULL) return false;
  with_queues.queues = rooms->queues;
  rooms->buses = buses_open(&with_queues, now_ms, error);
  if (rooms->buses == NULL || !wiring_make(rooms->queues, rooms->buses, now_ms, error))
    return false;
  const char *url = rooms->options->notification_url;
  return url == NULL || wiring_notify(rooms->buses, bytes_of_text(url), now_ms, error);
}

static int64_t mono_ms(const struct rooms *rooms)
{
  enum { NS_PER_MS = 1000000 };
  return world_monotonic_ns(rooms->world) / NS_PER_MS;
}

static bool open_sale(struct rooms *rooms, struct error *error)
{
  const struct lobby_options lobby = {
      .world = rooms->world,
      .store = rooms->store,
      .key = secrets_get(&rooms->secrets, SECRET_ADMISSION).data,
      .capacity = rooms->options->room_capacity,
  };
  rooms->lobby = lobby_open(&lobby, mono_ms(rooms), error);
  if (rooms->lobby == NULL) return false;
  const struct sale_options options = {
      .world = rooms->world, .store = rooms->store, .lobby = rooms->lobby};
  rooms->sale = sale_open(&options, error);
  if (rooms->sale == NULL) return false;
  rooms->relay = relay_open(rooms->sale, rooms->buses, error);
  if (rooms->relay == NULL) return false;
  rooms->has_workers = workers_open(&rooms->workers, rooms->sale, rooms->queues, error);
  return rooms->has_workers;
}

/* A real provider when there is one, else the simulator. */
static bool open_provider(struct rooms *rooms, struct error *error)
{
  const struct serve_options *options = rooms->options;
  struct provider_channel *channel = NULL;
  if (options->payment_provider != NULL) {
    const struct provider_http_options http = {.base_url = options->payment_provider,
                                               .secret_file = options->payment_secret_file,
                                               .files_have_modes = true};
    rooms->http = provider_http_open(rooms->world, rooms->driver.client, &http, error);
    if (rooms->http != NULL) channel = provider_http_channel(rooms->http);
  } else {
    const struct provider_simulator_settings simulator = {.delay_ms = options->payment_delay_ms};
    rooms->simulator = provider_simulator_open(rooms->world, &simulator, error);
    if (rooms->simulator != NULL) channel = provider_simulator_channel(rooms->simulator);
  }
  if (channel == NULL) return false;
  const struct provider_options provider = {
      .sale = rooms->sale, .world = rooms->world, .channel = channel, .logger = rooms->logger};
  rooms->provider = provider_open(&provider, error);
  return rooms->provider != NULL;
}

static void wake(void *context)
{
  loop_wake(context);
}

static bool open_shield(struct rooms *rooms, struct error *error)
{
  struct world *world = rooms->world;
  struct rate_row rows[RATE_KINDS];
  memcpy(rows, rate_rows_default, sizeof rows);
  serve_options_limit(rooms->options, rows);
  const struct password_pool_options passwords = {
      .threads = PASSWORD_THREADS,
      .jobs = PASSWORD_JOBS,
      .cost = password_cost_today,
      .wake = wake,
      .wake_context = rooms->loop,
  };
  rooms->shield = shield_open(world, rooms->loop, secrets_get(&rooms->secrets, SECRET_JWT), rows,
                              error);
  if (rooms->shield == NULL || !rooms_read_jwks(rooms, error)) return false;
  rooms->passwords = password_pool_open(world, &passwords, error);
  if (rooms->passwords == NULL) return false;
  rooms->users = users_open(world, rooms->store, rooms->passwords, error);
  return rooms->users != NULL;
}

bool rooms_open(struct rooms *rooms, const char *data_directory, struct error *error)
{
  uint32_t made;
  return secrets_open(rooms->world, data_directory, true, &rooms->secrets, &made, error) &&
         open_tickets(rooms, error) && open_client(rooms, error) &&
         open_messages(rooms, world_clock_ms(rooms->world), error) && open_sale(rooms, error) &&
         open_provider(rooms, error) && open_shield(rooms, error);
}

static void write_metrics(void *context, struct metrics_writer *writer)
{
  rooms_write_metrics(context, writer);
}

void rooms_lend(struct rooms *rooms, struct api *api)
{
  api->world = rooms->world;
  api->loop = rooms->loop;
  api->sale = rooms->sale;
  api->lobby = rooms->lobby;
  api->buses = rooms->buses;
  api->simulator = rooms->simulator;
  api->shield = rooms->shield;
  api->passwords = rooms->passwords;
  api->users = rooms->users;
  api->webhook_secret = secrets_get(&rooms->secrets, SECRET_WEBHOOK);
  api->ticket_signer = &rooms->signer;
  api->ticket_keys = &rooms->ticket_keys;
  api->write_metrics = write_metrics;
  api->metrics_context = rooms;
}

/* ---- running ---- */

static bool tick_lobby(struct rooms *rooms, int64_t now_ms)
{
  int64_t now_mono_ms = mono_ms(rooms);
  if (lobby_wait_ms(rooms->lobby, now_mono_ms, 1) == 0) sale_supply_rooms(rooms->sale, now_ms);
  bool more = lobby_tick(rooms->lobby, now_ms, now_mono_ms);
  lobby_flush(rooms->lobby);
  return more;
}

bool rooms_tick(struct rooms *rooms, int64_t now_ms)
{
  bool more = relay_tick(rooms->relay, now_ms);
  if (tick_lobby(rooms, now_ms)) more = true;
  if (workers_tick(&rooms->workers, now_ms)) more = true;
  if (provider_tick(rooms->provider, now_ms)) more = true;
  if (buses_tick(rooms->buses, now_ms)) more = true;
  if (queues_tick(rooms->queues, now_ms)) more = true;
  return more;
}

int rooms_wait_ms(const struct rooms *rooms, int64_t now_ms, int limit_ms)
{
  limit_ms = lobby_wait_ms(rooms->lobby, mono_ms(rooms), limit_ms);
  limit_ms = relay_wait_ms(rooms->relay, now_ms, limit_ms);
  limit_ms = queues_wait_ms(rooms->queues, now_ms, limit_ms);
  return buses_wait_ms(rooms->buses, now_ms, limit_ms);
}

static const struct metric_definition RELAY_METRICS[] = {
    {"tacos_relay_published_total", METRIC_COUNTER, "Events taken from the outbox to the buses.",
     offsetof(struct relay_counts, published)},
    {"tacos_relay_failed_total", METRIC_COUNTER, "Attempts that will be made again.",
     offsetof(struct relay_counts, failed)},
    {"tacos_relay_refused_total", METRIC_COUNTER, "Events that no bus can take.",
     offsetof(struct relay_counts, refused)},
};

static void write_workers(const struct workers *workers, struct metrics_writer *writer)
{
  static const char DONE[] = "tacos_worker_done_total";
  static const char REFUSED[] = "tacos_worker_refused_total";
  metrics_family(writer, DONE, METRIC_COUNTER, "Messages whose effect is in the log.");
  for (enum worker_kind i = 0; i < WORKER_KINDS; i++) {
    const struct metric_label label = {"worker", bytes_of_text(worker_name(i))};
    metrics_sample(writer, DONE, &label, 1, workers->counts[i].done);
  }
  metrics_family(writer, REFUSED, METRIC_COUNTER, "Messages left in their queue for later.");
  for (enum worker_kind i = 0; i < WORKER_KINDS; i++) {
    const struct metric_label label = {"worker", bytes_of_text(worker_name(i))};
    metrics_sample(writer, REFUSED, &label, 1, workers->counts[i].refused);
  }
}

void rooms_write_metrics(struct rooms *rooms, struct metrics_writer *writer)
{
  const struct relay_counts relay = relay_counts(rooms->relay);
  const void *relays[] = {&relay};
  const void *providers[] = {provider_get_metrics(rooms->provider)};
  metrics_write_table(writer, RELAY_METRICS, sizeof RELAY_METRICS / sizeof RELAY_METRICS[0], relays,
                      1);
  write_workers(&rooms->workers, writer);
  lobby_write_metrics(rooms->lobby, writer);
  metrics_write_table(writer, provider_metric_definitions, PROVIDER_METRICS, providers, 1);
  queues_write_metrics(rooms->queues, writer, world_clock_ms(rooms->world));
  buses_write_metrics(rooms->buses, writer);
}

/* ---- closing ---- */

void rooms_stop(struct rooms *rooms)
{
  if (rooms->passwords != NULL) password_pool_close(rooms->passwords);
  rooms->passwords = NULL;
}

void rooms_close(struct rooms *rooms)
{
  rooms_stop(rooms);
  if (rooms->users != NULL) users_close(rooms->users);
  shield_close(rooms->shield);
  jwks_free(rooms->jwks);
  provider_close(rooms->provider);
  provider_simulator_close(rooms->simulator);
  provider_http_close(rooms->http);
  if (rooms->has_workers) workers_close(&rooms->workers);
  if (rooms->relay != NULL) relay_close(rooms->relay);
  if (rooms->sale != NULL) sale_close(rooms->sale);
  if (rooms->lobby != NULL) lobby_close(rooms->lobby);
  if (rooms->buses != NULL) buses_close(rooms->buses);
  if (rooms->queues != NULL) queues_close(rooms->queues);
  if (rooms->has_client) client_driver_close(&rooms->driver);
  client_global_cleanup();
  ticket_keys_free(&rooms->ticket_keys);
  ticket_signer_free(&rooms->signer);
  secrets_close(&rooms->secrets);
}
