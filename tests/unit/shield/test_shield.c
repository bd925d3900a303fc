#include "shield/shield.h"

#include "sim/world_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CLOCK_S = 1800000000 };

static const uint8_t SECRET[32] = {5};

/* Rates that nobody meets, until a test sets others. */
static const struct rate_row RATES[RATE_KINDS] = {
    [RATE_API_ADDRESS] = {"api_address", 10, 10, 1000, 64},
    [RATE_API_USER] = {"api_user", 10, 10, 500, 64},
    [RATE_LOGIN_USER] = {"login_user", 1, 60, 2, 64},
    [RATE_LOGIN_ADDRESS] = {"login_address", 1, 60, 3, 64},
};

static void handler(struct exchange *exchange)
{
  (void)exchange;
}

static const struct route ROUTES[] = {
    {HTTP_BIT(HTTP_GET), "/api/v1/open", AUTH_NONE, KEY_NONE, 0, handler},
    {HTTP_BIT(HTTP_GET), "/api/v1/optional", AUTH_OPTIONAL, KEY_NONE, 0, handler},
    {HTTP_BIT(HTTP_GET), "/api/v1/user", AUTH_USER, KEY_NONE, 0, handler},
    {HTTP_BIT(HTTP_GET), "/api/v1/admin", AUTH_ADMIN, KEY_NONE, 0, handler},
    {HTTP_BIT(HTTP_GET), "/api/v1/signed", AUTH_SIGNATURE, KEY_NONE, 0, handler},
    {HTTP_BIT(HTTP_GET), "/healthz", AUTH_NONE, KEY_NONE, 0, handler},
    {HTTP_BIT(HTTP_GET), "/private", AUTH_USER, KEY_NONE, 0, handler},
};

struct fixture {
  struct world_sim *sim;
  struct world *world;
  struct loop loop;
  struct route_index *routes;
  struct shield *shield;
  struct exchange *exchange;
  struct memory memory; /* of the exchange */
  struct error error;
  char request[8192];
  struct arena arena; /* of tokens */
  const char *client;
};

static void setup_with(struct fixture *fixture, const struct rate_row rates[RATE_KINDS])
{
  memset(fixture, 0, sizeof *fixture);
  fixture->sim = world_sim_new(1);
  fixture->world = world_sim_world(fixture->sim);
  fixture->loop = (struct loop){
      .world = fixture->world, .now_ms = 1000, .clock_ms = (int64_t)CLOCK_S * 1000};
  fixture->routes = route_index_new(ROUTES, sizeof ROUTES / sizeof ROUTES[0],
                                    &fixture->world->memory, &fixture->error);
  assert_non_null(fixture->routes);
  fixture->shield = shield_open(fixture->world, &fixture->loop, bytes_of(SECRET, sizeof SECRET),
                                rates, &fixture->error);
  assert_non_null(fixture->shield);
  fixture->exchange = exchange_new(&fixture->memory);
  assert_non_null(fixture->exchange);
  arena_init(&fixture->arena, &fixture->world->memory);
  fixture->client = "192.0.2.1";
}

static void setup(struct fixture *fixture)
{
  setup_with(fixture, RATES);
}

static void teardown(struct fixture *fixture)
{
  exchange_free(fixture->exchange, &fixture->memory);
  shield_close(fixture->shield);
  route_index_free(fixture->routes);
  arena_free(&fixture->arena);
  assert_int_equal(fixture->world->memory.in_use, 0);
  assert_int_equal(fixture->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

static void make_request(struct fixture *fixture, const char *method, const char *path,
                         const char *authorization)
{
  struct exchange *exchange = fixture->exchange;
  size_t scanned = 0;
  size_t head_size;
  enum refusal refusal;
  snprintf(fixture->request, sizeof fixture->request, "%s %s HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n",
           method, path, authorization == NULL ? "" : "Authorization: ",
           authorization == NULL ? "" : authorization, authorization == NULL ? "" : "\r\n");
  exchange_reset(exchange);
  assert_int_equal(http_head_parse(bytes_of_text(fixture->request), &scanned, &exchange->head,
                                   &head_size, &refusal),
                   HTTP_PARSE_DONE);
  exchange->trace_id = BYTES("trace");
  snprintf(exchange->client, sizeof exchange->client, "%s", fixture->client);
  route_match(fixture->routes, exchange->head.method, exchange->head.path, &exchange->match);
}

static bool ask(struct fixture *fixture, const char *path, const char *authorization)
{
  make_request(fixture, "GET", path, authorization);
  return shield_admit(fixture->shield, fixture->exchange);
}

/* "" when the reply lacks it; CHECKs that it is there once. */
static struct bytes header(const struct fixture *fixture, const char *name)
{
  struct bytes value = BYTES("");
  uint32_t count = 0;
  const struct reply *reply = &fixture->exchange->reply;
  for (uint32_t i = 0; i < reply->header_count; i++) {
    if (!bytes_equal(reply->headers[i].name, bytes_of_text(name))) continue;
    value = reply->headers[i].value;
    count++;
  }
  assert_true(count <= 1);
  return value;
}

static void expect_header(const struct fixture *fixture, const char *name, const char *expected)
{
  struct bytes value = header(fixture, name);
  if (!bytes_equal(value, bytes_of_text(expected)))
    fail_msg("%s: '%.*s' and not '%s'", name, BYTES_FORMAT(value), expected);
}

static void expect_refused(const struct fixture *fixture, int status, const char *code)
{
  const struct reply *reply = &fixture->exchange->reply;
  assert_int_equal(reply->status, status);
  char expected[64];
  snprintf(expected, sizeof expected, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
  assert_true(bytes_starts_with(reply->body, bytes_of_text(expected)));
  assert_null(shield_identity(fixture->exchange));
}

/* "Bearer <token>" */
static const char *bearer(struct fixture *fixture, const char *user_id, enum identity_role role)
{
  struct identity identity = {bytes_of_text(user_id), BYTES("Alice"), role};
  struct bytes token;
  assert_true(jwt_issue(shield_jwt(fixture->shield), &identity, CLOCK_S, &fixture->arena, &token));
  char *text = arena_alloc(&fixture->arena, token.size + 16);
  assert_non_null(text);
  snprintf(text, token.size + 16, "Bearer %.*s", BYTES_FORMAT(token));
  return text;
}

/* ---- who may call ---- */

enum bearer_kind { NOBODY, BAD, USER, ADMIN, BEARERS };

static void test_the_table_of_rows_and_bearers(void **state)
{
  (void)state;
  static const struct {
    const char *path;
    int status[BEARERS]; /* 0: admitted */
  } cases[] = {
      {"/api/v1/open", {0, 0, 0, 0}},     {"/api/v1/optional", {0, 401, 0, 0}},
      {"/api/v1/user", {401, 401, 0, 0}}, {"/api/v1/admin", {401, 401, 403, 0}},
      {"/api/v1/signed", {0, 0, 0, 0}},   {"/healthz", {0, 0, 0, 0}},
      {"/private", {401, 401, 0, 0}},
  };
  struct fixture fixture;
  setup(&fixture);
  const char *const bearers[BEARERS] = {NULL, "Bearer a.b.c", bearer(&fixture, "u1", ROLE_USER),
                                        bearer(&fixture, "u2", ROLE_ADMIN)};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (enum bearer_kind j = NOBODY; j < BEARERS; j++) {
      int status = cases[i].status[j];
      bool admitted = ask(&fixture, cases[i].path, bearers[j]);
      if (admitted != (status == 0)) fail_msg("%s with bearer %d", cases[i].path, (int)j);
      if (status == 401) expect_refused(&fixture, 401, "UNAUTHORIZED");
      if (status == 403) expect_refused(&fixture, 403, "FORBIDDEN");
      struct bytes challenge = header(&fixture, "www-authenticate");
      assert_int_equal(bytes_starts_with(challenge, BYTES("Bearer realm=")), status == 401);
      assert_int_equal(bytes_find(challenge, BYTES("invalid_token")) < challenge.size,
                       status == 401 && j == BAD);
      bool api = strncmp(cases[i].path, "/api", 4) == 0;
      assert_int_equal(header(&fixture, "x-ratelimit-limit").size > 0,
                       api || shield_identity(fixture.exchange) != NULL);
    }
  }
  teardown(&fixture);
}

static void test_handlers_see_who_calls(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  static const char *const paths[] = {"/api/v1/optional", "/api/v1/user", "/api/v1/admin"};
  for (size_t i = 0; i < 3; i++) {
    for (int round = 0; round < 2; round++) {
      assert_true(ask(&fixture, paths[i], bearer(&fixture, "u2", ROLE_ADMIN)));
      const struct identity *identity = shield_identity(fixture.exchange);
      assert_non_null(identity);
      assert_true(bytes_equal(identity->user_id, BYTES("u2")));
      assert_true(bytes_equal(identity->username, BYTES("Alice")));
      assert_int_equal(identity->role, ROLE_ADMIN);
    }
  }
  assert_true(ask(&fixture, "/api/v1/optional", NULL));
  assert_null(shield_identity(fixture.exchange));
  /* Where a token is not asked for, what it says does not count. */
  assert_true(ask(&fixture, "/api/v1/open", bearer(&fixture, "u2", ROLE_ADMIN)));
  assert_null(shield_identity(fixture.exchange));
  teardown(&fixture);
}

static void test_spellings_of_the_field(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  const char *token = bearer(&fixture, "u1", ROLE_USER) + strlen("Bearer ");
  static const struct {
    const char *prefix;
    const char *suffix;
    bool admitted;
  } cases[] = {
      {"Bearer ", "", true},    {"bearer ", "", true},  {"BEARER   ", "", true},
      {"Bearer\t", "", false},  {"Bearer", "", false},  {"Basic ", "", false},
      {"", "", false},          {"Bearer ", " ", true}, {"Bearer ", ",", false},
      {"Bearer ", " x", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char field[2048];
    snprintf(field, sizeof field, "%s%s%s", cases[i].prefix, token, cases[i].suffix);
    if (ask(&fixture, "/api/v1/user", field) != cases[i].admitted) fail_msg("%s", field);
  }
  static const char *const others[] = {"", "Bearer", "Bearer ", "Bear", "Basic dTpw", "Bearer ."};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_false(ask(&fixture, "/api/v1/optional", others[i]));
    expect_refused(&fixture, 401, "UNAUTHORIZED");
  }
  teardown(&fixture);
}

static void test_tokens_expire(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  const char *field = bearer(&fixture, "u1", ROLE_USER);
  assert_true(ask(&fixture, "/api/v1/user", field));
  fixture.loop.clock_ms += (int64_t)(JWT_LIFETIME_S + JWT_LEEWAY_S) * 1000 - 1;
  assert_true(ask(&fixture, "/api/v1/user", field));
  fixture.loop.clock_ms += 1;
  assert_false(ask(&fixture, "/api/v1/user", field));
  expect_refused(&fixture, 401, "UNAUTHORIZED");
  struct bytes body = fixture.exchange->reply.body;
  assert_true(bytes_find(body, BYTES("the token has expired: log in again")) < body.size);
  assert_int_equal(fixture.exchange->reply.refusal, REFUSAL_UNAUTHORIZED);
  teardown(&fixture);
}

/* ---- how often ---- */

static void with_rate(struct rate_row rates[RATE_KINDS], enum rate_kind kind, uint32_t burst)
{
  rates[kind] = (struct rate_row){"x", 1, 10, burst, 64}; /* one in 10 s */
}

static void test_rate_of_an_address(void **state)
{
  (void)state;
  struct fixture fixture;
  struct rate_row rates[RATE_KINDS];
  memcpy(rates, RATES, sizeof rates);
  with_rate(rates, RATE_API_ADDRESS, 3);
  setup_with(&fixture, rates);
  static const char *const remaining[] = {"2", "1", "0"};
  static const char *const reset[] = {"1800000010", "1800000020", "1800000030"};
  for (int i = 0; i < 3; i++) {
    assert_true(ask(&fixture, "/api/v1/open", NULL));
    expect_header(&fixture, "x-ratelimit-limit", "3");
    expect_header(&fixture, "x-ratelimit-remaining", remaining[i]);
    expect_header(&fixture, "x-ratelimit-reset", reset[i]);
    expect_header(&fixture, "retry-after", "");
  }
  fixture.loop.now_ms += 1500;
  for (int i = 0; i < 2; i++) {
    assert_false(ask(&fixture, "/api/v1/open", NULL));
    expect_refused(&fixture, 429, "RATE_LIMITED");
    expect_header(&fixture, "x-ratelimit-limit", "3");
    expect_header(&fixture, "x-ratelimit-remaining", "0");
    expect_header(&fixture, "retry-after", "9");
    assert_int_equal(fixture.exchange->reply.refusal, REFUSAL_RATE_LIMITED);
  }
  /* Paths that are none, and methods: counted too. Pages, probes and preflights: not. */
  assert_false(ask(&fixture, "/api/v1/nothing", NULL));
  make_request(&fixture, "DELETE", "/api/v1/open", NULL);
  assert_false(shield_admit(fixture.shield, fixture.exchange));
  assert_true(ask(&fixture, "/healthz", NULL));
  expect_header(&fixture, "x-ratelimit-limit", "");
  assert_true(ask(&fixture, "/index.html", NULL));
  make_request(&fixture, "OPTIONS", "/api/v1/open", NULL);
  assert_true(shield_admit(fixture.shield, fixture.exchange));
  fixture.client = "192.0.2.2";
  assert_true(ask(&fixture, "/api/v1/nothing", NULL));
  expect_header(&fixture, "x-ratelimit-remaining", "2");
  teardown(&fixture);
}

static void test_addresses_of_one_customer_are_one(void **state)
{
  (void)state;
  struct fixture fixture;
  struct rate_row rates[RATE_KINDS];
  memcpy(rates, RATES, sizeof rates);
  with_rate(rates, RATE_API_ADDRESS, 2);
  setup_with(&fixture, rates);
  static const struct {
    const char *client;
    bool admitted;
  } cases[] = {
      {"2001:db8:1:1::1", true}, {"2001:db8:1:1::2", true}, {"2001:db8:1:1:f::3", false},
      {"2001:db8:1:2::1", true}, {"192.0.2.1", true},       {"::ffff:192.0.2.1", true},
      {"192.0.2.1", false},      {"192.0.2.2", true},       {"not-an-address", true},
      {"not-an-address", true},  {"not-an-address", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture.client = cases[i].client;
    if (ask(&fixture, "/api/v1/open", NULL) != cases[i].admitted) fail_msg("%s", cases[i].client);
  }
  teardown(&fixture);
}

static void test_rate_of_a_user(void **state)
{
  (void)state;
  struct fixture fixture;
  struct rate_row rates[RATE_KINDS];
  memcpy(rates, RATES, sizeof rates);
  with_rate(rates, RATE_API_USER, 2);
  setup_with(&fixture, rates);
  const char *alice = bearer(&fixture, "u1", ROLE_USER);
  const char *bob = bearer(&fixture, "u2", ROLE_USER);
  assert_true(ask(&fixture, "/api/v1/open", NULL));
  expect_header(&fixture, "x-ratelimit-limit", "1000");
  assert_true(ask(&fixture, "/api/v1/user", alice));
  expect_header(&fixture, "x-ratelimit-limit", "2"); /* the tighter one is told */
  expect_header(&fixture, "x-ratelimit-remaining", "1");
  fixture.client = "192.0.2.77"; /* wherever she is */
  assert_true(ask(&fixture, "/api/v1/optional", alice));
  assert_false(ask(&fixture, "/api/v1/user", alice));
  expect_refused(&fixture, 429, "RATE_LIMITED");
  expect_header(&fixture, "x-ratelimit-limit", "2");
  expect_header(&fixture, "x-ratelimit-remaining", "0");
  expect_header(&fixture, "retry-after", "10");
  assert_true(ask(&fixture, "/api/v1/user", bob));
  fixture.loop.now_ms += 10000;
  assert_true(ask(&fixture, "/api/v1/user", alice));
  teardown(&fixture);
}

static void test_limits_that_handlers_take(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  struct exchange *exchange = fixture.exchange;
  static const struct {
    const char *client;
    const char *name;
    bool allowed;
  } cases[] = {
      {"192.0.2.1", "alice", true}, {"192.0.2.1", "ALICE", true}, {"192.0.2.1", "Alice", false},
      {"192.0.2.1", "bob", true},   {"192.0.2.2", "alice", true}, {"192.0.2.1", "", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture.client = cases[i].client;
    assert_true(ask(&fixture, "/api/v1/open", NULL));
    bool allowed = shield_limit(fixture.shield, exchange, RATE_LOGIN_USER,
                                bytes_of_text(cases[i].name));
    assert_int_equal(allowed, cases[i].allowed);
    expect_header(&fixture, "x-ratelimit-limit", allowed ? "1000" : "2");
    if (!allowed) expect_refused(&fixture, 429, "RATE_LIMITED");
    expect_header(&fixture, "retry-after", allowed ? "" : "60");
  }
  char longest[300];
  memset(longest, 'x', sizeof longest);
  struct bytes name = bytes_of(longest, sizeof longest);
  assert_true(shield_limit(fixture.shield, exchange, RATE_LOGIN_USER, name));
  assert_true(ask(&fixture, "/api/v1/open", NULL));
  for (int i = 0; i < 3; i++)
    assert_true(shield_limit(fixture.shield, exchange, RATE_LOGIN_ADDRESS, BYTES("")));
  assert_false(shield_limit(fixture.shield, exchange, RATE_LOGIN_ADDRESS, BYTES("")));
  assert_true(shield_limit(fixture.shield, exchange, RATE_JOIN_ADDRESS, BYTES(""))); /* no row */
  teardown(&fixture);
}

/* ---- memory ---- */

static void test_without_memory(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  struct memory *memory = &fixture.memory;
  const char *alice = bearer(&fixture, "u1", ROLE_USER);
  for (uint64_t nth = 1, done = 0; !done; nth++) {
    /* A new exchange, whose arena has no chunk yet. */
    exchange_free(fixture.exchange, memory);
    fixture.exchange = exchange_new(memory);
    assert_non_null(fixture.exchange);
    struct memory *own = &fixture.exchange->memory;
    make_request(&fixture, "GET", "/api/v1/user", alice);
    own->fail_at = own->calls + nth;
    bool admitted = shield_admit(fixture.shield, fixture.exchange);
    done = own->calls < own->fail_at;
    own->fail_at = 0;
    if (!admitted) assert_int_equal(fixture.exchange->reply.status, 503);
    assert_int_equal(admitted, shield_identity(fixture.exchange) != NULL);
    assert_true(nth < 50);
  }
  shield_close(fixture.shield);
  fixture.shield = NULL;
  struct memory *all = &fixture.world->memory;
  for (uint64_t nth = 1; fixture.shield == NULL; nth++) {
    all->fail_at = all->calls + nth;
    fixture.shield = shield_open(fixture.world, &fixture.loop, bytes_of(SECRET, sizeof SECRET),
                                 RATES, &fixture.error);
    if (fixture.shield == NULL) assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_true(nth < 50);
  }
  all->fail_at = 0;
  shield_close(NULL);
  teardown(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_table_of_rows_and_bearers),
      cmocka_unit_test(test_handlers_see_who_calls),
      cmocka_unit_test(test_spellings_of_the_field),
      cmocka_unit_test(test_tokens_expire),
      cmocka_unit_test(test_rate_of_an_address),
      cmocka_unit_test(test_addresses_of_one_customer_are_one),
      cmocka_unit_test(test_rate_of_a_user),
      cmocka_unit_test(test_limits_that_handlers_take),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
