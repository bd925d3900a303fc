/*
 * A server with the door of the product and routes made for tests and benchmarks of it.
 *
 *     net_server [name=value]...
 *
 *     port=N ops=N reactors=N tls=self:DIR|CERT,KEY web=DIR proxies=LIST origins=LIST, and the
 *     settings
 *     of struct net_limits by their names
 *
 * Prints "listening <port> <operations port>" when it is ready; SIGTERM drains and stops it, SIGHUP
 * reloads the certificate.
 */
#include "base/check.h"
#include "base/logger.h"
#include "net/reactor.h"
#include "net/static_reply.h"
#include "ops/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { IDLE_MS = 1000, STOPPING_MS = 10, ECHO_BYTES = 1 << 20, SIZE_MAX_BYTES = 64 << 20 };

/* An exchange that is answered by a timer, or at the end. */
struct later {
  struct loop_timer timer;
  struct exchange *exchange;
  struct later *next, *previous;
};

struct test_server {
  struct world_linux linux_world;
  struct loop loop;
  struct server *server;
  struct topic *topic;
  struct later *laters;
  struct tls *tls;
  struct static_files *files;
  struct cors cors;
  struct trusted_proxies proxies;
  struct watch signal_watch;
  int signals;
  uint64_t appended; /* a log that is durable one turn later */
  uint64_t durable;
  char *block; /* SIZE_MAX_BYTES of text */
  bool stopping;
  struct server_options options;
  const char *tls_text, *web, *proxies_text, *origins_text;
  uint16_t port, operations_port;
};

/* 95 bytes, as BENCH.md says of nginx's reply. */
static const struct bytes HELLO = {
    (const uint8_t *)"{\"status\":\"waiting\",\"position\":12345,\"eta_sec\":420,\"waiting_time\":"
                     "17,\"ready_for_entry\":false}  ",
    95};

static void hello(struct exchange *exchange)
{
  exchange_reply_json(exchange, 200, HELLO);
  exchange_send(exchange);
}

static void echo(struct exchange *exchange)
{
  struct bytes copy = arena_copy(&exchange->arena, exchange->body);
  CHECK(copy.data != NULL);
  exchange_reply(exchange, 200, BYTES("application/octet-stream"), copy);
  exchange_send(exchange);
}

static int64_t number_of(struct bytes text)
{
  char digits[16] = {0};
  if (text.size >= sizeof digits) return -1;
  memcpy(digits, text.data, text.size);
  return strtoll(digits, NULL, 10);
}

static void size(struct exchange *exchange)
{
  const struct test_server *self = exchange->context;
  int64_t bytes = number_of(exchange_parameter(exchange, 0));
  if (bytes < 0 || bytes > SIZE_MAX_BYTES) {
    exchange_refuse(exchange, REFUSAL_NOT_FOUND);
  } else {
    exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, bytes_of(self->block, (size_t)bytes));
    exchange->reply.etag = BYTES("\"block\"");
  }
  exchange_send(exchange);
}

static void answer_later(struct test_server *self, struct later *later)
{
  struct exchange *exchange = later->exchange;
  loop_timer_clear(&self->loop, &later->timer);
  if (later->previous != NULL)
    later->previous->next = later->next;
  else
    self->laters = later->next;
  if (later->next != NULL) later->next->previous = later->previous;
  exchange_reply_json(exchange, 200, HELLO);
  exchange_send(exchange);
}

static void on_later(struct loop_timer *timer, int64_t now_ms)
{
  (void)now_ms;
  struct later *later = (struct later *)timer;
  answer_later(later->exchange->context, later);
}

static void later(struct exchange *exchange)
{
  struct test_server *self = exchange->context;
  struct later *later = arena_alloc(&exchange->arena, sizeof *later);
  CHECK(later != NULL);
  *later = (struct later){.exchange = exchange, .timer.fire = on_later, .next = self->laters};
  if (later->next != NULL) later->next->previous = later;
  self->laters = later;
  loop_timer_set(&self->loop, &later->timer,
                 self->loop.now_ms + number_of(exchange_parameter(exchange, 0)));
}

static void durable(struct exchange *exchange)
{
  struct test_server *self = exchange->context;
  exchange_reply_json(exchange, 201, HELLO);
  exchange_wait_for(exchange, ++self->appended);
  exchange_send(exchange);
}

static void events(struct exchange *exchange)
{
  struct test_server *self = exchange->context;
  exchange_reply_stream(exchange, self->topic, BYTES("event: hello\ndata: {}\n\n"));
  exchange_send(exchange);
}

/* What is kept with a stream that is asked. */
struct asked {
  int64_t number, last;
  char name[64];
};

/*
 * The next number with the stream's name; names that begin with d wait for the log, those that
 * begin with q are told nothing.
 */
static void ask(struct exchange *exchange)
{
  struct test_server *self = exchange->context;
  CHECK_THAT(exchange->note.size, ==, sizeof(struct asked));
  struct asked *asked = arena_alloc(&exchange->arena, sizeof *asked);
  char *text = arena_alloc(&exchange->arena, 128);
  CHECK(asked != NULL && text != NULL);
  memcpy(asked, exchange->note.data, sizeof *asked);
  asked->number++;
  int size = snprintf(text, 128, "event: count\nid: %lld\ndata: %s\n\n", (long long)asked->number,
                      asked->name);
  if (asked->number == asked->last)
    exchange_end_stream(exchange, bytes_of(text, (size_t)size));
  else
    exchange_reply_event(exchange, bytes_of(asked, sizeof *asked),
                         bytes_of(text, asked->name[0] == 'q' ? 0 : (size_t)size));
  if (asked->name[0] == 'd') exchange_wait_for(exchange, ++self->appended);
  exchange_send(exchange);
}

/* /asked/{ms}/{last}/{name}; last 0: none */
static void asked(struct exchange *exchange)
{
  struct bytes name = exchange_parameter(exchange, 2);
  struct asked asked = {.last = number_of(exchange_parameter(exchange, 1))};
  CHECK_THAT(name.size, <, sizeof asked.name);
  memcpy(asked.name, name.data, name.size);
  struct bytes note = arena_copy(&exchange->arena, bytes_of(&asked, sizeof asked));
  int64_t period_ms = number_of(exchange_parameter(exchange, 0));
  CHECK(note.data != NULL && period_ms > 0);
  exchange_reply_asked_stream(exchange, ask, (uint32_t)period_ms, note,
                              BYTES("event: hello\ndata: {}\n\n"));
  exchange_send(exchange);
}

static void publish(struct exchange *exchange)
{
  struct test_server *self = exchange->context;
  if (exchange->body.size > 0) server_publish(self->server, self->topic, exchange->body);
  exchange_reply_empty(exchange, 204);
  exchange_send(exchange);
}

static void file(struct exchange *exchange)
{
  const struct test_server *self = exchange->context;
  struct bytes path = exchange_parameter(exchange, 0);
  /* With the slash before it. */
  static_reply(exchange, self->files, bytes_of(path.data - 1, path.size + 1));
  exchange_send(exchange);
}

/* Who the door thinks is asking. */
static void who(struct exchange *exchange)
{
  struct buffer body;
  struct json_writer writer;
  buffer_init(&body, &exchange->memory);
  json_writer_init(&writer, &body);
  json_write_object_begin(&writer);
  json_write_key(&writer, BYTES("client"));
  json_write_string(&writer, bytes_of_text(exchange->client));
  json_write_key(&writer, BYTES("secure"));
  json_write_bool(&writer, exchange->secure);
  json_write_key(&writer, BYTES("trusted"));
  json_write_bool(&writer, exchange->trusted);
  json_write_object_end(&writer);
  CHECK(json_writer_finish(&writer));
  exchange_reply_json(exchange, 200, arena_copy(&exchange->arena, buffer_bytes(&body)));
  buffer_free(&body);
  exchange_send(exchange);
}

static void metrics(struct exchange *exchange)
{
  struct test_server *self = exchange->context;
  struct buffer text;
  struct metrics_writer writer;
  buffer_init(&text, &exchange->memory);
  metrics_writer_init(&writer, &text);
  server_metrics(self->server, &writer);
  struct process process;
  process_init(&process);
  process_write_metrics(&process, &writer);
  exchange_reply(exchange, 200, BYTES(METRICS_CONTENT_TYPE),
                 arena_copy(&exchange->arena, buffer_bytes(&text)));
  buffer_free(&text);
  exchange_send(exchange);
}

static const struct route ROUTES[] = {
    {HTTP_BIT(HTTP_GET), "/hello", AUTH_NONE, KEY_NONE, 0, hello},
    {HTTP_BIT(HTTP_POST), "/hello", AUTH_NONE, KEY_NONE, 4096, hello},
    {HTTP_BIT(HTTP_POST) | HTTP_BIT(HTTP_PUT), "/echo", AUTH_NONE, KEY_NONE, ECHO_BYTES, echo},
    {HTTP_BIT(HTTP_GET), "/size/{bytes}", AUTH_NONE, KEY_NONE, 0, size},
    {HTTP_BIT(HTTP_GET), "/later/{ms}", AUTH_NONE, KEY_NONE, 0, later},
    {HTTP_BIT(HTTP_POST), "/durable", AUTH_NONE, KEY_NONE, 4096, durable},
    {HTTP_BIT(HTTP_GET), "/events", AUTH_NONE, KEY_NONE, 0, events},
    {HTTP_BIT(HTTP_GET), "/asked/{ms}/{last}/{name}", AUTH_NONE, KEY_NONE, 0, asked},
    {HTTP_BIT(HTTP_POST), "/publish", AUTH_NONE, KEY_NONE, TOPIC_EVENT_BYTES, publish},
    {HTTP_BIT(HTTP_GET), "/files/{path...}", AUTH_NONE, KEY_NONE, 0, file},
    {HTTP_BIT(HTTP_GET), "/who", AUTH_NONE, KEY_NONE, 0, who},
    {HTTP_BIT(HTTP_GET), "/user", AUTH_USER, KEY_NONE, 0, hello},
    {HTTP_BIT(HTTP_POST), "/keyed", AUTH_NONE, KEY_REQUIRED, 4096, hello},
};

static const struct route OPERATIONS[] = {
    {HTTP_BIT(HTTP_GET), "/metrics", AUTH_NONE, KEY_NONE, 0, metrics},
    {HTTP_BIT(HTTP_GET), "/hello", AUTH_NONE, KEY_NONE, 0, hello},
};

struct setting {
  const char *name;
  size_t offset;
};

#define LIMIT(name)                          \
  {                                          \
#name, offsetof(struct net_limits, name) \
  }

static const struct setting LIMITS[] = {
    LIMIT(connections),
    LIMIT(connections_per_address),
    LIMIT(requests_per_connection),
    LIMIT(first_byte_ms),
    LIMIT(head_ms),
    LIMIT(body_rate_bytes),
    LIMIT(body_grace_ms),
    LIMIT(idle_ms),
    LIMIT(write_stall_ms),
    LIMIT(stream_ping_ms),
    LIMIT(drain_ms),
};

static bool set_limit(struct net_limits *limits, const char *name, const char *value)
{
  for (size_t i = 0; i < sizeof LIMITS / sizeof LIMITS[0]; i++) {
    if (strcmp(LIMITS[i].name, name) != 0) continue;
    *(uint32_t *)((uint8_t *)limits + LIMITS[i].offset) = (uint32_t)strtoul(value, NULL, 10);
    return true;
  }
  return false;
}

static void set(struct test_server *self, char *word)
{
  char *equals = strchr(word, '=');
  CHECK(equals != NULL);
  *equals = 0;
  const char *value = equals + 1;
  if (strcmp(word, "port") == 0)
    self->port = (uint16_t)strtoul(value, NULL, 10);
  else if (strcmp(word, "ops") == 0)
    self->operations_port = (uint16_t)strtoul(value, NULL, 10);
  else if (strcmp(word, "reactors") == 0)
    self->options.reactors = (uint32_t)strtoul(value, NULL, 10);
  else if (strcmp(word, "tls") == 0)
    self->tls_text = value;
  else if (strcmp(word, "web") == 0)
    self->web = value;
  else if (strcmp(word, "proxies") == 0)
    self->proxies_text = value;
  else if (strcmp(word, "origins") == 0)
    self->origins_text = value;
  else
    CHECK(set_limit(&self->options.limits, word, value));
}

static void require(bool done, const struct error *error)
{
  if (done) return;
  fprintf(stderr, "net_server: %s\n", error->message);
  exit(1);
}

static void open_tls(struct test_server *self)
{
  if (self->tls_text == NULL) return;
  struct error error;
  static char files[2][512];
  struct tls_options options = {.http2 = true};
  if (strncmp(self->tls_text, "self:", 5) == 0) {
    options.self_directory = self->tls_text + 5;
  } else {
    CHECK(sscanf(self->tls_text, "%511[^,],%511s", files[0], files[1]) == 2);
    options.certificate_file = files[0];
    options.key_file = files[1];
  }
  self->tls = tls_open(&options, &self->linux_world.world, &error);
  require(self->tls != NULL, &error);
}

static void on_signal(struct watch *watch, uint32_t ready)
{
  (void)ready;
  struct test_server *self = (struct test_server *)((uint8_t *)watch -
                                                    offsetof(struct test_server, signal_watch));
  struct signalfd_siginfo info;
  struct error error;
  while (read(self->signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP && self->tls != NULL) {
      if (!tls_reload(self->tls, &error)) fprintf(stderr, "%s\n", error.message);
    } else if (info.ssi_signo != SIGHUP && !self->stopping) {
      self->stopping = true;
      server_drain(self->server);
    }
  }
}

static void watch_signals(struct test_server *self)
{
  sigset_t set;
  CHECK(sigemptyset(&set) == 0 && sigaddset(&set, SIGTERM) == 0 && sigaddset(&set, SIGINT) == 0 &&
        sigaddset(&set, SIGHUP) == 0);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
  self->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(self->signals >= 0);
  self->signal_watch.ready = on_signal;
  CHECK(loop_watch(&self->loop, self->signals, WORLD_READ, &self->signal_watch) == 0);
}

static void open_server(struct test_server *self)
{
  struct error error;
  struct world *world = &self->linux_world.world;
  open_tls(self);
  if (self->web != NULL) {
    struct static_files_options options = static_files_options_default();
    self->files = static_files_load(world, self->web, &options, &world->memory, &error);
    require(self->files != NULL, &error);
  }
  if (self->proxies_text != NULL)
    require(trusted_proxies_parse(&self->proxies, bytes_of_text(self->proxies_text), &error),
            &error);
  if (self->origins_text != NULL)
    require(cors_parse(&self->cors, bytes_of_text(self->origins_text), &error), &error);
  const struct server_endpoint endpoints[] = {
      {.name = "http",
       .address = {"127.0.0.1", self->port},
       .inherited = -1,
       .routes = ROUTES,
       .route_count = sizeof ROUTES / sizeof ROUTES[0],
       .tls = self->tls},
      {.name = "operations",
       .address = {"127.0.0.1", self->operations_port},
       .inherited = -1,
       .routes = OPERATIONS,
       .route_count = sizeof OPERATIONS / sizeof OPERATIONS[0],
       .stays_in_drain = true},
  };
  self->options.endpoints = endpoints;
  self->options.endpoint_count = sizeof endpoints / sizeof endpoints[0];
  self->options.context = self;
  self->options.cors = &self->cors;
  self->options.proxies = &self->proxies;
  self->server = server_open(world, &self->loop, &self->options, &error);
  require(self->server != NULL, &error);
  self->topic = server_topic(self->server);
  CHECK(self->topic != NULL);
}

static int wait_ms(const struct test_server *self)
{
  if (server_waiting(self->server) > 0) return 0;
  /* The threads of reactors do not tell that they are done. */
  return self->stopping ? STOPPING_MS : IDLE_MS;
}

int main(int argc, char **argv)
{
  static struct test_server self = {.options.limits = {0}};
  self.options.limits = net_limits_default();
  for (int i = 1; i < argc; i++) set(&self, argv[i]);
  self.block = malloc(SIZE_MAX_BYTES);
  CHECK(self.block != NULL);
  memset(self.block, 'x', SIZE_MAX_BYTES);
  world_linux_init(&self.linux_world);
  CHECK(world_linux_open_net(&self.linux_world) == 0);
  loop_init(&self.loop, &self.linux_world.world);
  watch_signals(&self);
  open_server(&self);
  printf("listening %u %u\n", server_address(self.server, 0)->port,
         server_address(self.server, 1)->port);
  fflush(stdout);
  while (!self.stopping || !server_drained(self.server)) {
    server_turn(self.server, wait_ms(&self));
    server_release(self.server, self.durable);
    self.durable = self.appended;
  }
  while (self.laters != NULL) answer_later(&self, self.laters);
  server_close(self.server);
  if (self.files != NULL) static_files_free(self.files);
  tls_close(self.tls);
  close(self.signals);
  CHECK_THAT(self.linux_world.world.memory.in_use, ==, 0);
  world_linux_close(&self.linux_world);
  free(self.block);
  return 0;
}
