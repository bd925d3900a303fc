#include "sim/net_run.h"

#include "base/check.h"
#include "net/reactor.h"
#include "sim/net_app.h"
#include "sim/net_script.h"
#include "sim/world_sim.h"

#include <stdlib.h>

enum {
  CLIENTS = 250,      /* of one run */
  AT_A_TIME = 60,     /* of them */
  STEP_MS = 5,        /* at most, between two looks at everything */
  HOLD_MS = 150,      /* a handler answers at the latest after so long */
  PATIENCE_MS = 8000, /* within which a client that keeps to the rules is told something */
  STOP_MS = 40000,    /* the same for one that stopped in a body: 64 KiB buy 33 s */
  STREAM_MS = 1500,   /* a stream is listened to */
  GONE_MS = 90000,    /* until silence is noticed and everything is over */
};

/* How a client behaves. */
enum manner {
  MANNER_ORDERLY,     /* says all it can, reads at once */
  MANNER_SPLIT,       /* in pieces, with pauses */
  MANNER_ONE_BY_ONE,  /* waits for each reply */
  MANNER_HALF_CLOSE,  /* says that it is done */
  MANNER_SLOW_READER, /* reads now and then */
  MANNER_STOPS,       /* says a part, and no more */
  MANNER_ABANDONS,    /* goes at any time */
  MANNER_DEAF,        /* never reads */
  MANNER_COUNT,
};

struct sim_client {
  struct net_client client;
  struct net_script script;
  struct random random;
  enum manner manner;
  size_t sent;
  size_t say; /* of the script, at most: less than all for one that stops */
  bool finished;
  uint32_t answered;
  bool over;      /* the last reply was met: only the end is awaited */
  bool stream;    /* events follow */
  uint64_t event; /* the last number seen; 0: none */
  int64_t pause_until_ms;
  int64_t progress_ms; /* when something was said or heard */
  int64_t stream_ms;
  int64_t leave_ms;
};

/* What may go wrong in this run without it being the server's fault. */
struct accidents {
  bool network; /* resets, silence */
  bool memory;
  bool limited; /* fewer connections than clients */
  bool drains;
};

struct run {
  struct random random;
  struct world_sim *sim;
  struct world *world;
  struct loop loop;
  struct net_app app;
  struct server *server;
  struct memory memory; /* of the clients */
  struct accidents accidents;
  struct net_run_totals *totals;
  struct sim_client *clients[AT_A_TIME];
  uint32_t started;
  uint64_t durable;
  uint64_t published;
  int64_t release_ms;
  bool draining;
};

static int64_t now_ms(const struct run *run)
{
  return world_monotonic_ns(run->world) / 1000000;
}

/* ---- the server ---- */

static struct net_limits limits_of(struct run *run)
{
  struct net_limits limits = net_limits_default();
  limits.first_byte_ms = 3000;
  limits.head_ms = 4000;
  limits.body_grace_ms = 4000;
  limits.body_rate_bytes = 2000;
  limits.idle_ms = 5000;
  limits.write_stall_ms = 6000;
  limits.stream_ping_ms = 700;
  limits.drain_ms = 20000;
  if (run->accidents.limited) limits.connections = 20;
  return limits;
}

static void open_server(struct run *run)
{
  const struct server_endpoint endpoint = {.name = "http",
                                           .address = {.host = "0.0.0.0", .port = 80},
                                           .inherited = -1,
                                           .routes = net_app_routes,
                                           .route_count = NET_APP_ROUTES};
  struct server_options options = {
      .endpoints = &endpoint, .endpoint_count = 1, .limits = limits_of(run), .context = &run->app};
  struct error error;
  run->server = server_open(run->world, &run->loop, &options, &error);
  CHECK(run->server != NULL);
  run->app.topic = server_topic(run->server);
  CHECK(run->app.topic != NULL);
}

static void choose_accidents(struct run *run)
{
  struct world_sim_settings *settings = world_sim_settings(run->sim);
  struct random *random = &run->random;
  run->accidents = (struct accidents){
      .network = random_chance(random, 400000),
      .memory = random_chance(random, 200000),
      .limited = random_chance(random, 150000),
      .drains = random_chance(random, 200000),
  };
  settings->partial_per_million = (uint32_t)random_below(random, 900000);
  settings->delay_us = (uint32_t)random_between(random, 20, 3000);
  settings->slow_delay_us = 200000;
  settings->stream_bytes = random_coin(random) ? 65536
                                               : (uint32_t)random_between(random, 300, 9000);
  if (!run->accidents.network) return;
  settings->reset_per_million = (uint32_t)random_below(random, 3000);
  settings->silence_per_million = (uint32_t)random_below(random, 3000);
}

static void fail_some_allocations(struct run *run)
{
  struct memory *memory = &run->world->memory;
  if (!run->accidents.memory || memory->fail_at > memory->calls) return;
  if (memory->fail_at > 0) run->totals->failed_allocations++;
  memory->fail_at = memory->calls + random_between(&run->random, 1, 60);
}

static void publish(struct run *run)
{
  char event[32];
  snprintf(event, sizeof event, "data: %llu\n\n", (unsigned long long)++run->published);
  CHECK(server_publish(run->server, run->app.topic, bytes_of_text(event)));
}

static void step_server(struct run *run)
{
  struct random *random = &run->random;
  fail_some_allocations(run);
  server_turn(run->server, 0);
  if (random_coin(random)) run->durable = run->app.sequence;
  server_release(run->server, run->durable);
  while (run->app.held_count > 0 &&
         (random_chance(random, 100000) || now_ms(run) >= run->release_ms))
    net_app_release(&run->app, (uint32_t)random_below(random, run->app.held_count));
  if (now_ms(run) >= run->release_ms) run->release_ms = now_ms(run) + HOLD_MS;
  if (random_chance(random, 8000)) publish(run);
  if (run->accidents.drains && !run->draining && run->started > CLIENTS / 2 &&
      random_chance(random, 5000)) {
    run->draining = true;
    run->totals->drains++;
    server_drain(run->server);
  }
}

/* ---- clients ---- */

static void start_client(struct run *run, uint32_t place)
{
  struct sim_client *client = calloc(1, sizeof *client);
  CHECK(client != NULL);
  random_init(&client->random, random_u64(&run->random));
  struct world_address address = {.host = "192.0.2.80", .port = 80};
  CHECK(net_client_open(&client->client, world_sim_client(run->sim), &address, &run->memory));
  net_script_make(&client->script, &client->random, &run->memory);
  client->manner = (enum manner)random_below(&client->random, MANNER_COUNT);
  client->say = client->script.bytes.size;
  if (client->manner == MANNER_STOPS)
    client->say = (size_t)random_below(&client->random, client->say);
  client->progress_ms = now_ms(run);
  client->leave_ms = now_ms(run) + (int64_t)random_below(&client->random, 3000);
  run->clients[place] = client;
  run->started++;
  run->totals->connections++;
}

static void end_client(struct run *run, uint32_t place)
{
  struct sim_client *client = run->clients[place];
  net_client_free(&client->client);
  net_script_free(&client->script);
  free(client);
  run->clients[place] = NULL;
}

/* How far it may speak now. */
static size_t speaks_up_to(const struct sim_client *client)
{
  size_t limit = client->say;
  if (client->manner != MANNER_ONE_BY_ONE) return limit;
  const struct net_expectation *next = &client->script.expectations[client->answered];
  if (client->answered < client->script.count && next->ends < limit) limit = next->ends;
  return limit;
}

static void speak(struct run *run, struct sim_client *client)
{
  bool splits = client->manner == MANNER_SPLIT || client->manner == MANNER_STOPS;
  if (client->over || client->client.error != 0) return;
  if (splits && now_ms(run) < client->pause_until_ms) return;
  size_t limit = speaks_up_to(client);
  if (splits && limit > client->sent)
    limit = client->sent +
            (size_t)random_between(&client->random, 1,
                                   limit - client->sent < 200 ? limit - client->sent : 200);
  if (limit > client->sent) {
    size_t sent = net_client_write(
        &client->client, bytes_of(client->script.bytes.data + client->sent, limit - client->sent));
    client->sent += sent;
    if (sent > 0) client->progress_ms = now_ms(run);
  }
  if (splits) client->pause_until_ms = now_ms(run) + (int64_t)random_below(&client->random, 15);
  if (client->manner == MANNER_HALF_CLOSE && !client->finished &&
      client->sent == client->script.bytes.size) {
    net_client_finish(&client->client);
    client->finished = true;
  }
}

static void listen(struct run *run, struct sim_client *client)
{
  if (client->manner == MANNER_DEAF) return;
  if (client->manner == MANNER_SLOW_READER) {
    if (now_ms(run) < client->pause_until_ms) return;
    client->pause_until_ms = now_ms(run) + (int64_t)random_below(&client->random, 400);
  }
  size_t before = client->client.in.size;
  net_client_read(&client->client);
  if (client->client.in.size > before || client->client.ended) client->progress_ms = now_ms(run);
}

/* Whether a reply that is not the script's may still be right. */
static bool is_excused(const struct run *run, const struct sim_client *client,
                       const struct net_reply *reply)
{
  if (reply->status == 503) return run->accidents.memory || run->accidents.limited;
  if (reply->status == 408) {
    CHECK(client->manner == MANNER_STOPS || run->accidents.network || run->accidents.memory);
    return true;
  }
  return false;
}

/* What an asked stream tells is its own, from 0 on. */
static void check_own(const struct sim_client *client, struct bytes event, uint64_t number)
{
  const struct net_expectation *stream = &client->script.expectations[client->answered - 1];
  if (!stream->asked) return;
  CHECK(number == client->event + 1 || number == 0);
  size_t at = bytes_find(event, bytes_of_text(stream->text));
  CHECK_THAT(at, <, 6 + 21);
  if (stream->text[0] == 'b' && !bytes_starts_with(event, BYTES("data: 0 ")))
    CHECK_THAT(event.size, >, NET_APP_BIG_BYTES);
}

/* Whether it ends by itself. */
static bool is_ending(const struct sim_client *client)
{
  const struct net_expectation *stream = &client->script.expectations[client->answered - 1];
  return stream->asked && (stream->text[0] == 'e' || stream->text[0] == 'f') &&
         client->event == NET_APP_LAST - (stream->text[0] == 'f');
}

/* Events in order, without a gap, with pings between them. */
static void follow_stream(struct run *run, struct sim_client *client)
{
  for (;;) {
    struct bytes in = buffer_bytes(&client->client.in);
    size_t line = bytes_find(in, BYTES("\r\n"));
    if (line == SIZE_MAX) return;
    size_t size = 0;
    for (size_t i = 0; i < line; i++) {
      uint8_t digit = in.data[i];
      CHECK((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'));
      size = size * 16 + (size_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    if (in.size < line + 2 + size + 2) return;
    struct bytes event = bytes_of(in.data + line + 2, size);
    CHECK(memcmp(event.data + size, "\r\n", 2) == 0);
    if (size == 0) {
      CHECK(run->draining || is_ending(client));
    } else if (bytes_starts_with(event, BYTES("data: "))) {
      uint64_t number = strtoull((const char *)event.data + 6, NULL, 10);
      CHECK(client->event == 0 || number == client->event + 1);
      check_own(client, event, number);
      client->event = number;
      run->totals->events++;
    } else {
      CHECK(bytes_equal(event, BYTES(": ping\n\n")) ||
            bytes_equal(event, BYTES(NET_APP_FIRST_EVENT)));
    }
    net_client_take(&client->client, line + 2 + size + 2);
  }
}

static void begin_stream(struct run *run, struct sim_client *client)
{
  client->stream = true;
  client->stream_ms = now_ms(run);
  run->totals->streams++;
}

/* One reply of those that came; false when there is none. */
static bool hear_reply(struct run *run, struct sim_client *client)
{
  struct net_reply reply;
  const struct net_script *script = &client->script;
  if (client->over || client->stream || client->client.in.size == 0) return false;
  /* More than was asked for comes only when the connection ends out of turn. */
  bool more = client->answered < script->count;
  const struct net_expectation *expectation = &script->expectations[client->answered];
  bool to_head = more && expectation->to_head;
  struct bytes in = buffer_bytes(&client->client.in);
  enum net_reply_parse parse = net_reply_parse(in, false, &reply);
  if (to_head && reply.status != 408 && reply.status != 503)
    parse = net_reply_parse(in, true, &reply);
  CHECK(parse != NET_REPLY_BAD);
  if (parse == NET_REPLY_MORE) return false;
  run->totals->replies++;
  if (reply.status == 100) {
    CHECK(more && expectation->interim_allowed);
    net_client_take(&client->client, reply.size);
    return true;
  }
  if (is_excused(run, client, &reply)) {
    CHECK(reply.close);
    client->over = true;
    run->totals->refused++;
  } else {
    CHECK(more);
    /* It was asked before it was answered. */
    CHECK(client->sent > expectation->begins);
    net_script_check(script, expectation, &reply);
    CHECK(reply.close == expectation->close || run->draining || run->accidents.memory);
    if (expectation->stream) begin_stream(run, client);
    if (expectation->status >= 400) run->totals->refused++;
    client->over = reply.close;
    client->answered++;
  }
  net_client_take(&client->client, reply.size);
  return true;
}

/* Before a CHECK fails. */
static void describe(const struct sim_client *client, const char *what)
{
  const struct net_expectation *next = &client->script.expectations[client->answered];
  fprintf(stderr,
          "sim_net: %s: manner %d, error %d, ended %d, over %d, stream %d, %u of %u answered, %zu "
          "of %zu said\n",
          what, client->manner, client->client.error, client->client.ended, client->over,
          client->stream, client->answered, client->script.count, client->sent, client->say);
  if (client->answered < client->script.count)
    fprintf(stderr, "next: %.*s\n", (int)(next->ends - next->begins),
            (const char *)client->script.bytes.data + next->begins);
  fprintf(stderr, "heard: %.*s\n", BYTES_FORMAT(buffer_bytes(&client->client.in)));
}

/* Whether it ended as it may; then it is over. */
static bool has_ended(struct run *run, const struct sim_client *client)
{
  const struct net_client *end = &client->client;
  const struct accidents *accidents = &run->accidents;
  if (end->error == 0 && !end->ended) return false;
  if (end->ended) CHECK(!client->over || end->in.size == 0 || accidents->network);
  bool all = client->answered == client->script.count || client->over;
  if (all) return true;
  /* Cut short. */
  bool may = accidents->network || accidents->memory || accidents->limited || run->draining ||
             client->manner == MANNER_STOPS || client->stream;
  if (!may) describe(client, "cut short");
  CHECK(may);
  run->totals->broken++;
  return true;
}

/* One that stops is told so, or its connection just ends when it was between two requests. */
static void check_patience(struct run *run, const struct sim_client *client)
{
  if (run->accidents.network || client->manner == MANNER_DEAF) return;
  /* What is refused may have been cut; a stream speaks by itself, with pings. */
  int64_t patience_ms = client->manner == MANNER_STOPS ? STOP_MS : PATIENCE_MS;
  if (now_ms(run) - client->progress_ms >= patience_ms) describe(client, "not served");
  CHECK_THAT(now_ms(run) - client->progress_ms, <, patience_ms);
}

static void step_client(struct run *run, uint32_t place)
{
  struct sim_client *client = run->clients[place];
  speak(run, client);
  listen(run, client);
  while (hear_reply(run, client)) continue;
  if (client->stream) follow_stream(run, client);
  bool leaves = (client->manner == MANNER_ABANDONS || client->manner == MANNER_DEAF) &&
                now_ms(run) >= client->leave_ms;
  if (leaves) run->totals->broken++;
  bool heard = client->stream ? now_ms(run) >= client->stream_ms + STREAM_MS
                              : client->answered == client->script.count && !client->over &&
                                    client->manner != MANNER_HALF_CLOSE;
  if (leaves || heard || has_ended(run, client))
    end_client(run, place);
  else
    check_patience(run, client);
}

/* ---- the run ---- */

static bool step_clients(struct run *run)
{
  bool any = false;
  for (uint32_t place = 0; place < AT_A_TIME; place++) {
    bool more = run->started < CLIENTS && !run->draining;
    if (run->clients[place] == NULL && more && random_chance(&run->random, 20000))
      start_client(run, place);
    if (run->clients[place] != NULL) step_client(run, place);
    if (run->clients[place] != NULL || more) any = true;
  }
  return any;
}

static void advance(struct run *run)
{
  if (!reactor_busy(&run->server->reactors[0])) world_sim_advance_to_delivery(run->sim, STEP_MS);
}

/* All clients are gone: so is everything that was held for them. */
static void check_nothing_is_left(struct run *run)
{
  const struct reactor *reactor = &run->server->reactors[0];
  int64_t end_ms = now_ms(run) + GONE_MS;
  run->world->memory.fail_at = 0;
  run->accidents.memory = false;
  while (now_ms(run) < end_ms && (reactor->connections != NULL || reactor->exchange_count > 0)) {
    step_server(run);
    advance(run);
  }
  CHECK(reactor->connections == NULL);
  CHECK_THAT(reactor->exchange_count, ==, 0);
  CHECK_THAT(reactor->peers.count, ==, 0);
  CHECK_THAT(run->app.topic->shards[0].count, ==, 0);
  CHECK_THAT(run->app.held_count, ==, 0);
  CHECK_THAT(metric_read(&reactor->metrics.streams_open), ==, 0);
  if (run->draining) CHECK(server_drained(run->server));
}

void net_run(uint64_t seed, bool verbose, struct net_run_totals *totals)
{
  struct run *run = calloc(1, sizeof *run);
  CHECK(run != NULL);
  random_init(&run->random, seed);
  run->totals = totals;
  run->sim = world_sim_new(random_u64(&run->random));
  run->world = world_sim_world(run->sim);
  choose_accidents(run);
  loop_init(&run->loop, run->world);
  open_server(run);
  uint64_t broken = totals->broken;
  for (;;) {
    step_server(run);
    if (!step_clients(run)) break;
    advance(run);
  }
  check_nothing_is_left(run);
  if (verbose)
    printf("  network %d, memory %d, limited %d, drains %d: %u clients, %llu broken, %lld ms\n",
           run->accidents.network, run->accidents.memory, run->accidents.limited, run->draining,
           run->started, (unsigned long long)(totals->broken - broken), (long long)now_ms(run));
  server_close(run->server);
  CHECK_THAT(run->world->memory.in_use, ==, 0);
  CHECK_THAT(run->memory.in_use, ==, 0);
  world_sim_free(run->sim);
  free(run);
}
