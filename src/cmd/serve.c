#include "api/api.h"
#include "base/check.h"
#include "base/logger.h"
#include "base/world_linux.h"
#include "cmd/commands.h"
#include "cmd/key_file.h"
#include "cmd/rooms.h"
#include "cmd/systemd.h"
#include "sale/platform_tables.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
  IDLE_MS = 100,         /* between looks at the clock when nothing is to be done: TTL, tokens */
  BUSY_MS = 1,           /* while the file thread is about to make room for the engine */
  OWN_DESCRIPTORS = 256, /* log, snapshot, listeners, pollers, outgoing connections */
  TLS_DIRECTORY_BYTES = 4096,
};

/* The running platform: one engine thread, which owns all of this. */
struct platform {
  struct world_linux linux_world;
  struct world *world;
  struct logger logger;
  int log_descriptor;
  struct serve_options options;
  struct loop loop;
  struct store *store;
  /* What it had when it was opened, before anything of this life was added. */
  struct store_statistics opened;
  uint32_t tables, tables_made;
  struct rooms rooms;
  bool rooms_began;
  struct server *server;
  struct tls *tls;
  struct static_files *web;
  struct api api;
  int signals; /* signalfd */
  struct watch signal_watch;
  bool stopping;
  char tls_directory[TLS_DIRECTORY_BYTES];
};

static void report(void *context, const char *message)
{
  struct platform *platform = context;
  LOGGER_WRITE(&platform->logger, LOGGER_WARNING, "store", "report", message);
}

static void warn(struct platform *platform, const char *event, const char *message)
{
  LOGGER_WRITE(&platform->logger, LOGGER_WARNING, "serve", event, message);
}

/* Log thread: replies may leave. */
static void wake(void *context)
{
  loop_wake(context);
}

/* ---- signals ---- */

static void reload_jwks(struct platform *platform)
{
  struct error error;
  if (platform->options.jwks_file == NULL) return;
  if (!rooms_read_jwks(&platform->rooms, &error))
    LOGGER_WRITE(&platform->logger, LOGGER_ERROR, "shield", "keys_kept", error.message);
  else
    LOGGER_WRITE(&platform->logger, LOGGER_INFO, "shield", "keys_reloaded",
                 "tokens are verified with the keys that were read now");
}

static void reload_certificate(struct platform *platform)
{
  struct error error;
  if (platform->tls == NULL) return;
  if (!tls_reload(platform->tls, &error)) {
    LOGGER_WRITE(&platform->logger, LOGGER_ERROR, "net", "certificate_kept", error.message);
    return;
  }
  LOGGER_WRITE(&platform->logger, LOGGER_INFO, "net", "certificate_reloaded",
               "new connections get the certificate that was read now");
}

static void begin_to_stop(struct platform *platform)
{
  struct error error;
  platform->stopping = true;
  health_set(&platform->api.health, HEALTH_DRAINING, true);
  if (!systemd_notify("STOPPING=1", &error)) warn(platform, "notify_failed", error.message);
  server_drain(platform->server);
}

static void on_signal(struct watch *watch, uint32_t ready)
{
  (void)ready;
  struct platform *platform = (struct platform *)((uint8_t *)watch -
                                                  offsetof(struct platform, signal_watch));
  struct signalfd_siginfo signal;
  while (read(platform->signals, &signal, sizeof signal) == (ssize_t)sizeof signal) {
    if (signal.ssi_signo == SIGHUP) {
      reload_certificate(platform);
      reload_jwks(platform);
    } else if (!platform->stopping)
      begin_to_stop(platform);
  }
}

/* Before any thread starts, so that none of them is killed by what the loop waits for. */
static bool catch_signals(struct platform *platform, struct error *error)
{
  sigset_t signals;
  CHECK(sigemptyset(&signals) == 0 && sigaddset(&signals, SIGINT) == 0 &&
        sigaddset(&signals, SIGTERM) == 0 && sigaddset(&signals, SIGHUP) == 0);
  CHECK(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
  /* A reader of our log that went away is no reason to stop. */
  CHECK(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) == 0);
  platform->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (platform->signals == -1) return error_set_errno(error, errno, "cannot wait for signals");
  platform->signal_watch.ready = on_signal;
  int watched = loop_watch(&platform->loop, platform->signals, WORLD_READ, &platform->signal_watch);
  return watched == 0 || error_set_errno(error, -watched, "cannot wait for signals");
}

/* ---- opening ---- */

/* As many descriptors as we may have; connections get what we do not need ourselves. */
static void take_descriptors(struct platform *platform)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  rlim_t own = limit.rlim_cur / 2 < OWN_DESCRIPTORS ? limit.rlim_cur / 2 : OWN_DESCRIPTORS;
  rlim_t left = limit.rlim_cur - own;
  uint32_t allowed = left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
  uint32_t *connections = &platform->options.limits.connections;
  if (*connections == 0) *connections = allowed;
  if (*connections > allowed)
    LOGGER_WRITE(&platform->logger, LOGGER_WARNING, "net", "few_descriptors",
                 "fewer connections are possible than asked for: raise the limit of open files",
                 logger_unsigned("asked", *connections), logger_unsigned("possible", allowed));
}

static bool open_tls(struct platform *platform, const char *data_directory, struct error *error)
{
  const struct serve_options *options = &platform->options;
  struct tls_options tls = {
      .certificate_file = options->tls_certificate, .key_file = options->tls_key, .http2 = true};
  if (options->tls_self) {
    snprintf(platform->tls_directory, sizeof platform->tls_directory, "%s/tls", data_directory);
    tls.self_directory = platform->tls_directory;
  } else if (options->tls_certificate == NULL) {
    return true;
  }
  platform->tls = tls_open(&tls, platform->world, error);
  if (platform->tls == NULL) return false;
  struct tls_certificate certificate;
  tls_describe(platform->tls, &certificate);
  if (certificate.warning[0] != 0) warn(platform, "certificate", certificate.warning);
  return true;
}

static bool open_web(struct platform *platform, struct error *error)
{
  if (platform->options.web_directory == NULL) return true;
  struct static_files_options options = static_files_options_default();
  platform->web = static_files_load(platform->world, platform->options.web_directory, &options,
                                    &platform->world->memory, error);
  platform->api.web = platform->web;
  return platform->web != NULL;
}

static bool open_server(struct platform *platform, struct error *error)
{
  const struct serve_options *options = &platform->options;
  const struct server_endpoint endpoints[API_ENDPOINTS] = {
      [API_HTTP] = {.address = options->http, .fallback = api_web, .tls = platform->tls},
      [API_OPERATIONS] = {.address = options->operations, .stays_in_drain = true},
  };
  struct server_endpoint named[API_ENDPOINTS];
  for (enum api_endpoint i = 0; i < API_ENDPOINTS; i++) {
    named[i] = endpoints[i];
    named[i].name = api_routes[i].endpoint;
    named[i].routes = api_routes[i].routes;
    named[i].route_count = api_routes[i].count;
    named[i].inherited = systemd_socket(named[i].name);
  }
  const struct server_options server = {
      .endpoints = named,
      .endpoint_count = API_ENDPOINTS,
      .reactors = options->reactors,
      .limits = options->limits,
      .cors = &platform->options.cors,
      .proxies = &platform->options.proxies,
      .context = &platform->api,
      .admit = api_admit,
      .logger = &platform->logger,
  };
  platform->server = server_open(platform->world, &platform->loop, &server, error);
  platform->api.server = platform->server;
  return platform->server != NULL;
}

static uint32_t count_tables(const struct store *store)
{
  uint32_t count = 0;
  struct bytes name = {NULL, 0};
  struct table *table;
  while ((table = store_table_next(store, name)) != NULL) {
    struct table_description description;
    store_table_describe(table, &description);
    name = description.definition.name;
    count++;
  }
  return count;
}

static bool open_store(struct platform *platform, const char *directory, const struct key *key,
                       struct error *error)
{
  struct store_options options = {
      .directory = directory,
      .key = key_file_bytes(key),
      .threads = true,
      .ready_bytes = (size_t)platform->options.memory_ready_mib << 20,
      .notify = wake,
      .notify_context = &platform->loop,
      .report = report,
      .report_context = platform,
  };
  platform->store = store_open(platform->world, &options, error);
  platform->api.store = platform->store;
  if (platform->store == NULL ||
      !platform_tables_create(platform->store, &platform->tables_made, error))
    return false;
  platform->tables = count_tables(platform->store);
  store_statistics(platform->store, &platform->opened);
  return true;
}

static bool open_rooms(struct platform *platform, const char *directory, struct error *error)
{
  platform->rooms = (struct rooms){
      .world = platform->world,
      .loop = &platform->loop,
      .logger = &platform->logger,
      .store = platform->store,
      .options = &platform->options,
  };
  platform->rooms_began = true;
  if (!rooms_open(&platform->rooms, directory, error)) return false;
  rooms_lend(&platform->rooms, &platform->api);
  api_open(&platform->api);
  return true;
}

/* Brackets around an address with colons (RFC 3986 3.2.2). */
static void print_address(const char *scheme, const struct world_address *address)
{
  bool v6 = strchr(address->host, ':') != NULL;
  printf("%s://%s%s%s:%u", scheme, v6 ? "[" : "", address->host, v6 ? "]" : "", address->port);
}

static void announce(const struct platform *platform, const char *directory)
{
  printf("tacos serve: data in %s: %u tables (%u new), %llu items, opened in %lld ms\n", directory,
         platform->tables, platform->tables_made, (unsigned long long)platform->opened.items,
         (long long)platform->opened.open_ms);
  printf("tacos serve: ");
  print_address(platform->tls == NULL ? "http" : "https",
                server_address(platform->server, API_HTTP));
  printf(" for clients, ");
  print_address("http", server_address(platform->server, API_OPERATIONS));
  printf(" for operators; Ctrl-C stops it\n");
  fflush(stdout);
}

/* ---- running ---- */

static void run(struct platform *platform)
{
  struct store *store = platform->store;
  int wait_ms = 0;
  while (!platform->stopping || !server_drained(platform->server)) {
    server_turn(platform->server, wait_ms);
    int64_t now_ms = world_clock_ms(platform->world);
    bool more = api_tick(&platform->api);
    if (rooms_tick(&platform->rooms, now_ms)) more = true;
    store_flush(store);
    server_release(platform->server, store_durable(store));
    wait_ms = store_snapshot_busy(store) || store_restore_busy(store) ? BUSY_MS : IDLE_MS;
    wait_ms = rooms_wait_ms(&platform->rooms, now_ms, wait_ms);
    if (store_tick(store) || more) wait_ms = 0;
  }
}

/* Every login under way gets its answer. */
static void close_rooms(struct platform *platform)
{
  if (platform->api.world != NULL) api_close(&platform->api);
  if (platform->rooms_began) rooms_close(&platform->rooms);
}

static bool serve(struct platform *platform, const char *directory, const struct key *key,
                  struct error *error)
{
  if (!open_store(platform, directory, key, error) || !open_rooms(platform, directory, error) ||
      !open_tls(platform, directory, error) || !open_web(platform, error) ||
      !open_server(platform, error))
    return false;
  announce(platform, directory);
  health_set(&platform->api.health, HEALTH_STARTING, false);
  struct error ignored;
  if (!systemd_notify("READY=1", &ignored)) warn(platform, "notify_failed", ignored.message);
  run(platform);
  api_stop(&platform->api);
  rooms_stop(&platform->rooms);
  /* Replies under way leave once what they tell is on disk; nobody asks for more now. */
  if (!store_sync(platform->store, error)) return false;
  server_release(platform->server, store_durable(platform->store));
  return true;
}

static bool close_platform(struct platform *platform, struct error *error)
{
  bool closed = true;
  if (platform->server != NULL) server_close(platform->server);
  close_rooms(platform);
  if (platform->store != NULL) closed = store_close(platform->store, error);
  if (platform->web != NULL) static_files_free(platform->web);
  tls_close(platform->tls);
  if (platform->signals != -1) close(platform->signals);
  world_linux_close(&platform->linux_world);
  return closed;
}

static bool prepare(struct platform *platform, struct error *error)
{
  platform->world = &platform->linux_world.world;
  platform->log_descriptor = STDERR_FILENO;
  platform->signals = -1;
  platform->logger = (struct logger){
      .world = platform->world,
      .threshold = LOGGER_INFO,
      .sink = logger_to_descriptor,
      .sink_context = &platform->log_descriptor,
  };
  health_init(&platform->api.health);
  process_init(&platform->api.process);
  platform->api.version = command_version_text();
  world_linux_init(&platform->linux_world);
  int opened = world_linux_open_net(&platform->linux_world);
  if (opened != 0) return error_set_errno(error, -opened, "cannot use the network");
  loop_init(&platform->loop, platform->world);
  take_descriptors(platform);
  return catch_signals(platform, error);
}

int command_serve(const struct arguments *arguments)
{
  struct platform platform = {0};
  struct error error;
  struct key key;
  const char *directory = arguments->options[OPTION_DATA_DIR];
  if (!serve_options_parse(arguments, &platform.options, &error))
    return options_fail_usage(arguments->command, &error);
  if (!prepare(&platform, &error) ||
      !key_file_read(platform.world, arguments->options[OPTION_KEY_FILE], &key, &error))
    return options_fail(arguments, &error);
  bool served = serve(&platform, directory, &key, &error);
  key_file_forget(&key);
  struct error closing;
  bool closed = close_platform(&platform, &closing);
  if (!served) return options_fail(arguments, &error);
  if (!closed) return options_fail(arguments, &closing);
  printf("tacos serve: stopped, everything is on disk\n");
  return EXIT_DONE;
}
