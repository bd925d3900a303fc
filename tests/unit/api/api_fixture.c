#include "unit/api/api_fixture.h"

#include "sale/sale_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
  MS_PER_S = 1000,
  NS_PER_MS = 1000000,
  TURNS = 2000,
  REQUEST_BYTES = 65536,
  PATH_BYTES = 256
};

static const uint8_t SECRET[32] = {7};

/* Rates that nobody meets. */
static const struct rate_row RATES[RATE_KINDS] = {
    [RATE_LOGIN_USER] = {"login_user", 1, 60, 3, 64},
};

static bool admit(struct exchange *exchange)
{
  struct api_fixture *fixture = (struct api_fixture *)((uint8_t *)exchange->context -
                                                       offsetof(struct api_fixture, api));
  if (!api_admit(exchange)) return false;
  if (fixture->fail_at > 0) {
    struct memory *memory = &fixture->sale->store.world->memory;
    memory->calls = 0;
    memory->fail_at = fixture->fail_at;
  }
  uint64_t nth = fixture->exchange_fail_at;
  exchange->memory.fail_at = nth == 0 ? 0 : exchange->memory.calls + nth;
  return true;
}

static void open_server(struct api_fixture *fixture)
{
  struct world *world = fixture->sale->store.world;
  struct server_endpoint endpoint = {
      .name = "http",
      .address = {.host = "0.0.0.0", .port = 80},
      .inherited = -1,
      .routes = api_routes[API_HTTP].routes,
      .route_count = api_routes[API_HTTP].count,
  };
  const struct server_options options = {
      .endpoints = &endpoint,
      .endpoint_count = 1,
      .limits = net_limits_default(),
      .context = &fixture->api,
      .admit = admit,
  };
  fixture->server = server_open(world, &fixture->loop, &options, &fixture->sale->error);
  if (fixture->server == NULL) fail_msg("%s", fixture->sale->error.message);
  fixture->api.server = fixture->server;
}

static void open_provider(struct api_fixture *fixture)
{
  struct world *world = fixture->sale->store.world;
  const struct provider_simulator_settings settings = {.delay_ms = 500};
  fixture->simulator = provider_simulator_open(world, &settings, &fixture->sale->error);
  assert_non_null(fixture->simulator);
  const struct provider_options options = {
      .sale = fixture->sale->sale,
      .world = world,
      .channel = provider_simulator_channel(fixture->simulator),
  };
  fixture->provider = provider_open(&options, &fixture->sale->error);
  assert_non_null(fixture->provider);
  fixture->api.simulator = fixture->simulator;
}

static int64_t mono_ms(const struct api_fixture *fixture)
{
  return world_monotonic_ns(fixture->sale->store.world) / NS_PER_MS;
}

static void open_lobby(struct api_fixture *fixture)
{
  const struct lobby_options options = {.world = fixture->sale->store.world,
                                        .store = fixture->sale->store.store,
                                        .key = SECRET,
                                        .capacity = API_FIXTURE_PLACES};
  fixture->lobby = lobby_open(&options, mono_ms(fixture), &fixture->sale->error);
  if (fixture->lobby == NULL) fail_msg("%s", fixture->sale->error.message);
  /* The sale is the other fixture's, and has none. */
  fixture->sale->sale->options.lobby = fixture->lobby;
}

int api_fixture_setup(void **state)
{
  struct api_fixture *fixture = calloc(1, sizeof *fixture);
  assert_non_null(fixture);
  assert_int_equal(sale_fixture_setup(state), 0);
  fixture->sale = *state;
  *state = fixture;
  fixture->client.stream = -1;
  struct world *world = fixture->sale->store.world;
  struct error *error = &fixture->sale->error;
  struct world_sim_settings *settings = world_sim_settings(fixture->sale->store.sim);
  settings->slow_delay_per_million = 0;
  settings->slow_sync_per_million = 0;
  settings->partial_per_million = 0;
  loop_init(&fixture->loop, world);
  open_lobby(fixture);
  assert_true(ticket_signer_init(&fixture->signer, SECRET, error));
  assert_true(ticket_keys_add(&fixture->keys, fixture->signer.public_key, error));
  struct api *api = &fixture->api;
  const struct password_pool_options pool = {.jobs = 4, .cost = {8, 1, 1}};
  struct bytes secret = bytes_of(SECRET, sizeof SECRET);
  *api = (struct api){
      .world = world,
      .loop = &fixture->loop,
      .store = fixture->sale->store.store,
      .sale = fixture->sale->sale,
      .lobby = fixture->lobby,
      .webhook_secret = secret,
      .ticket_signer = &fixture->signer,
      .ticket_keys = &fixture->keys,
      .version = "test",
  };
  api->shield = shield_open(world, &fixture->loop, secret, RATES, error);
  api->passwords = password_pool_open(world, &pool, error);
  api->users = users_open(world, api->store, api->passwords, error);
  assert_true(api->shield != NULL && api->passwords != NULL && api->users != NULL);
  open_provider(fixture);
  api_open(api);
  open_server(fixture);
  sale_fixture_settle(fixture->sale);
  fixture->text = calloc(1, REQUEST_BYTES);
  return 0;
}

int api_fixture_teardown(void **state)
{
  struct api_fixture *fixture = *state;
  fixture->held = false;
  api_fixture_run(fixture, 20);
  api_stop(&fixture->api);
  password_pool_close(fixture->api.passwords);
  server_close(fixture->server);
  users_close(fixture->api.users);
  shield_close(fixture->api.shield);
  provider_close(fixture->provider);
  provider_simulator_close(fixture->simulator);
  api_close(&fixture->api);
  fixture->sale->sale->options.lobby = NULL;
  lobby_close(fixture->lobby);
  ticket_keys_free(&fixture->keys);
  ticket_signer_free(&fixture->signer);
  net_client_free(&fixture->client);
  fixture->sale->now_ms = world_clock_ms(fixture->sale->store.world);
  *state = fixture->sale;
  free(fixture->text);
  free(fixture);
  return sale_fixture_teardown(state);
}

void api_fixture_as(struct api_fixture *fixture, const char *user, enum identity_role role)
{
  struct arena arena;
  struct bytes token;
  fixture->token[0] = 0;
  if (user == NULL) return;
  const struct identity identity = {bytes_of_text(user), bytes_of_text(user), role};
  arena_init(&arena, &fixture->sale->store.memory);
  int64_t now_s = world_clock_ms(fixture->sale->store.world) / MS_PER_S;
  assert_true(jwt_issue(shield_jwt(fixture->api.shield), &identity, now_s, &arena, &token));
  snprintf(fixture->token, sizeof fixture->token, "Authorization: Bearer %.*s\r\n",
           BYTES_FORMAT(token));
  arena_free(&arena);
}

static void tick_lobby(struct api_fixture *fixture)
{
  int64_t now_ms = world_clock_ms(fixture->api.world);
  sale_supply_rooms(fixture->api.sale, now_ms);
  (void)lobby_tick(fixture->lobby, now_ms, mono_ms(fixture));
  lobby_flush(fixture->lobby);
}

static void turn(struct api_fixture *fixture)
{
  server_turn(fixture->server, 1);
  tick_lobby(fixture);
  if (!fixture->resting) {
    (void)api_tick(&fixture->api);
    (void)provider_tick(fixture->provider, world_clock_ms(fixture->api.world));
  }
  if (!fixture->held) sale_fixture_settle(fixture->sale);
  server_release(fixture->server, store_durable(fixture->api.store));
}

void api_fixture_run(struct api_fixture *fixture, int64_t ms)
{
  struct world *world = fixture->sale->store.world;
  int64_t end_ns = world_monotonic_ns(world) + ms * 1000000;
  do turn(fixture);
  while (world_monotonic_ns(world) < end_ns);
}

/* ' for ". */
static void quote(char *text)
{
  for (; *text != 0; text++)
    if (*text == '\'') *text = '"';
}

void api_fixture_send(struct api_fixture *fixture, struct net_client *client, const char *method,
                      const char *path, const char *body)
{
  char *request = fixture->text;
  char key[64] = "";
  struct world_address address = {.host = "192.0.2.80", .port = 80};
  net_client_free(client);
  assert_true(net_client_open(client, world_sim_client(fixture->sale->store.sim), &address,
                              &fixture->sale->store.memory));
  if (strcmp(method, "GET") != 0 && strcmp(method, "DELETE") != 0) {
    snprintf(key, sizeof key, "00000000-0000-4000-8000-%012x", ++fixture->keys_drawn);
    if (fixture->key != NULL) snprintf(key, sizeof key, "%s", fixture->key);
  }
  int size = snprintf(request, REQUEST_BYTES, "%s %s HTTP/1.1\r\nHost: a\r\n%s%s%s%s%s", method,
                      path, fixture->token, fixture->headers == NULL ? "" : fixture->headers,
                      key[0] == 0 ? "" : "Idempotency-Key: ", key, key[0] == 0 ? "" : "\r\n");
  size += snprintf(request + size, REQUEST_BYTES - (size_t)size, "Content-Length: %zu\r\n\r\n",
                   body == NULL ? 0 : strlen(body));
  if (body != NULL) {
    snprintf(request + size, REQUEST_BYTES - (size_t)size, "%s", body);
    quote(request + size);
    size += (int)strlen(body);
  }
  size_t sent = 0;
  for (int i = 0; i < TURNS && sent < (size_t)size; i++) {
    sent += net_client_write(client, bytes_of(request + sent, (size_t)size - sent));
    if (sent < (size_t)size) turn(fixture);
  }
  assert_int_equal(sent, size);
}

bool api_fixture_receive(struct api_fixture *fixture, struct net_client *client)
{
  net_client_read(client);
  return net_reply_parse(buffer_bytes(&client->in), false, &fixture->reply) == NET_REPLY_DONE;
}

void api_fixture_ask(struct api_fixture *fixture, uint16_t status, const char *method,
                     const char *path, const char *body)
{
  api_fixture_send(fixture, &fixture->client, method, path, body);
  for (int i = 0; i < TURNS && !api_fixture_receive(fixture, &fixture->client); i++) turn(fixture);
  assert_true(api_fixture_receive(fixture, &fixture->client));
  fixture->headers = NULL;
  if (fixture->reply.status != status)
    fail_msg("%s %s: %u wanted, got %u %.*s", method, path, status, fixture->reply.status,
             BYTES_FORMAT(fixture->reply.body));
}

void api_fixture_get(struct api_fixture *fixture, uint16_t status, const char *path)
{
  api_fixture_ask(fixture, status, "GET", path, NULL);
}

void api_fixture_post(struct api_fixture *fixture, uint16_t status, const char *path,
                      const char *body)
{
  api_fixture_ask(fixture, status, "POST", path, body);
}

void api_fixture_refused(struct api_fixture *fixture, uint16_t status, const char *code,
                         const char *method, const char *path, const char *body)
{
  char start[128];
  api_fixture_ask(fixture, status, method, path, body);
  snprintf(start, sizeof start, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
  if (!bytes_starts_with(fixture->reply.body, bytes_of_text(start)))
    fail_msg("%s wanted, got %.*s", code, BYTES_FORMAT(fixture->reply.body));
}

bool api_fixture_has(struct api_fixture *fixture, const char *text)
{
  char wanted[1024];
  snprintf(wanted, sizeof wanted, "%s", text);
  quote(wanted);
  return bytes_find(fixture->reply.body, bytes_of_text(wanted)) != SIZE_MAX;
}

const char *api_fixture_text(struct api_fixture *fixture, const char *name)
{
  char key[64];
  snprintf(key, sizeof key, "\"%s\":\"", name);
  size_t at = bytes_find(fixture->reply.body, bytes_of_text(key));
  if (at == SIZE_MAX) fail_msg("no %s in %.*s", name, BYTES_FORMAT(fixture->reply.body));
  const uint8_t *text = fixture->reply.body.data + at + strlen(key);
  const uint8_t *end = memchr(text, '"', fixture->reply.body.size - at - strlen(key));
  assert_non_null(end);
  size_t size = (size_t)(end - text);
  char *copy = arena_alloc(&fixture->sale->store.arena, size + 1);
  assert_non_null(copy);
  memcpy(copy, text, size);
  copy[size] = 0;
  return copy;
}

void api_fixture_expect_header(struct api_fixture *fixture, const char *name, const char *value)
{
  struct bytes got = net_reply_header(&fixture->reply, bytes_of_text(name));
  if (value == NULL)
    assert_null(got.data);
  else if (!bytes_equal(got, bytes_of_text(value)))
    fail_msg("%s: %s wanted, got %.*s", name, value, BYTES_FORMAT(got));
}

const char *api_fixture_reserve(struct api_fixture *fixture, const char *seats)
{
  char body[512];
  snprintf(body, sizeof body, "{'event_id':'evt','seat_ids':[%s]}", seats);
  api_fixture_post(fixture, 201, "/api/v1/reservations", body);
  return api_fixture_text(fixture, "reservation_id");
}

const char *api_fixture_pay(struct api_fixture *fixture, const char *reservation, int64_t amount)
{
  char body[512];
  snprintf(body, sizeof body, "{'reservation_id':'%s','amount':%lld}", reservation,
           (long long)amount);
  api_fixture_post(fixture, 200, "/api/v1/payments/intent", body);
  const char *intent = api_fixture_text(fixture, "payment_intent_id");
  snprintf(body, sizeof body, "{'payment_intent_id':'%s','action':'approve'}", intent);
  api_fixture_post(fixture, 200, "/api/v1/payments/process", body);
  assert_true(api_fixture_has(fixture, "'status':'COMPLETED'"));
  return intent;
}

const char *api_fixture_confirm(struct api_fixture *fixture, const char *reservation)
{
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "/api/v1/reservations/%s/confirm", reservation);
  api_fixture_post(fixture, 200, path, NULL);
  return api_fixture_text(fixture, "order_id");
}

void api_fixture_room(struct api_fixture *fixture, const char *settings)
{
  char body[512];
  snprintf(body, sizeof body, "{%s}", settings);
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_ask(fixture, 200, "PUT", "/api/v1/admin/events/evt/room", body);
  api_fixture_as(fixture, NULL, ROLE_USER);
}

const char *api_fixture_join(struct api_fixture *fixture)
{
  api_fixture_post(fixture, 202, "/api/v1/queue/join", "{'event_id':'evt'}");
  return api_fixture_text(fixture, "waiting_token");
}

const char *api_fixture_enter(struct api_fixture *fixture, const char *token)
{
  char body[256];
  snprintf(body, sizeof body, "{'waiting_token':'%s'}", token);
  api_fixture_post(fixture, 200, "/api/v1/queue/enter", body);
  return api_fixture_text(fixture, "reservation_token");
}
