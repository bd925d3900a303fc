#include "sale/provider_http.h"

#include "base/world_linux.h"
#include "net/client_driver.h"
#include "net/server.h"
#include "unit/sale/provider_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
  LAPSED_MS = 60000 + SALE_EXTENSION_MS,
  ACCOUNTS_MAX = 16,
  KEYS_MAX = 64,
  KEPT_MAX = 64,
  TIMEOUT_MS = 60, /* of one attempt: a bank that does not answer is waited for so long */
  QUIET_MS = 7200000,
};

#define SECRET "s3cret-of-the-bank"

static const struct bytes NONE = {NULL, 0};

/* One authorisation at the bank. */
struct bank_account {
  char intent[64];
  char payment_id[64];
  const char *status;
  int64_t amount;
  int64_t refunded;
  uint32_t refunds;
  bool captured;
};

/* What the bank does with the next requests of a kind: one letter each; then it behaves. */
enum bank_verb { BANK_AUTHORISE, BANK_QUERY, BANK_CANCEL, BANK_CAPTURE, BANK_REFUND, BANK_VERBS };

struct fixture {
  /* The bank, and the loop of both sides. */
  struct world_linux linux_world;
  struct loop loop;
  struct server *server;
  struct client_driver driver;
  struct bank_account accounts[ACCOUNTS_MAX];
  uint32_t account_count;
  char keys[KEYS_MAX][PROVIDER_KEY_BYTES + 1]; /* that were taken, for each POST but of refusals */
  uint32_t key_count;
  struct exchange *kept[KEPT_MAX]; /* that are never answered */
  uint32_t kept_count;
  const char *word; /* how authorisations end: "approved", ... */
  const char *script[BANK_VERBS];
  uint32_t requests[BANK_VERBS];
  /* Us. */
  struct sale_fixture *sale;
  struct provider_fixture provider;
  struct provider_http *http;
  char secret_file[64];
  char url[64];
};

/* ---- the bank ---- */

static struct bank_account *find_account(struct fixture *fixture, struct bytes id)
{
  for (uint32_t i = 0; i < fixture->account_count; i++) {
    struct bank_account *account = &fixture->accounts[i];
    if (bytes_equal(id, bytes_of_text(account->intent)) ||
        bytes_equal(id, bytes_of_text(account->payment_id)))
      return account;
  }
  return NULL;
}

static void copy_text(char *to, size_t size, struct bytes text)
{
  assert_true(text.size < size);
  memcpy(to, text.data, text.size);
  to[text.size] = 0;
}

static void say(struct exchange *exchange, uint16_t status, const char *format, ...)
{
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  struct bytes body = arena_copy(&exchange->arena, bytes_of_text(text));
  exchange_reply_json(exchange, status, body);
  exchange_send(exchange);
}

static void say_account(struct exchange *exchange, const struct bank_account *account)
{
  say(exchange, 200,
      "{\"payment_id\":\"%s\",\"status\":\"%s\",\"amount\":%lld,\"currency\":\"KRW\"}",
      account->payment_id, account->status, (long long)account->amount);
}

/* True when the key is new: it is taken. */
static bool take_key(struct fixture *fixture, const struct exchange *exchange)
{
  struct bytes key = http_head_find(&exchange->head, BYTES("idempotency-key"));
  assert_true(key.size > 0);
  for (uint32_t i = 0; i < fixture->key_count; i++)
    if (bytes_equal(key, bytes_of_text(fixture->keys[i]))) return false;
  assert_true(fixture->key_count < KEYS_MAX);
  copy_text(fixture->keys[fixture->key_count++], sizeof fixture->keys[0], key);
  return true;
}

/*
 * The next letter of the script: 5 = 500, nothing done; t = never answered, nothing done;
 * d = done, never answered; e = done, then 500; r = refused (422); g = garbage. 0: behaves.
 */
static char next_letter(struct fixture *fixture, struct exchange *exchange, enum bank_verb verb)
{
  fixture->requests[verb]++;
  assert_true(bytes_equal(http_head_find(&exchange->head, BYTES("authorization")),
                          BYTES("Bearer " SECRET)));
  const char **script = &fixture->script[verb];
  if (*script == NULL || **script == 0) return 0;
  return *(*script)++;
}

static bool refuses(struct fixture *fixture, struct exchange *exchange, char letter)
{
  switch (letter) {
  case '5':
    say(exchange, 500, "{\"error\":{\"code\":\"OOPS\"}}");
    return true;
  case 'r':
    say(exchange, 422, "{\"error\":{\"code\":\"NO\"}}");
    return true;
  case 'g':
    say(exchange, 200, "{\"payment_id\":\"x\",\"status\":\"appro");
    return true;
  case 't':
    assert_true(fixture->kept_count < KEPT_MAX);
    fixture->kept[fixture->kept_count++] = exchange;
    return true;
  default:
    return false;
  }
}

/* The same after it was done. */
static bool is_lost(struct fixture *fixture, struct exchange *exchange, char letter)
{
  return refuses(fixture, exchange, letter == 'd' ? 't' : letter == 'e' ? '5' : 0);
}

static struct bytes text_member(struct exchange *exchange, const char *name)
{
  struct json_reader json;
  struct bytes key;
  struct bytes value = NONE;
  json_reader_init(&json, exchange->body, &exchange->arena);
  assert_true(json_read_object(&json));
  while (json_read_key(&json, &key))
    if (bytes_equal(key, bytes_of_text(name)))
      assert_true(json_read_string(&json, &value));
    else
      json_skip(&json);
  assert_true(json_read_end(&json));
  return value;
}

static int64_t amount_member(struct exchange *exchange)
{
  struct json_reader json;
  struct bytes key;
  int64_t value = -1;
  json_reader_init(&json, exchange->body, &exchange->arena);
  assert_true(json_read_object(&json));
  while (json_read_key(&json, &key))
    if (bytes_equal(key, BYTES("amount")))
      assert_true(json_read_integer(&json, &value));
    else
      json_skip(&json);
  return value;
}

static void on_authorise(struct exchange *exchange)
{
  struct fixture *fixture = exchange->context;
  char letter = next_letter(fixture, exchange, BANK_AUTHORISE);
  if (refuses(fixture, exchange, letter)) return;
  struct bytes intent = text_member(exchange, "intent_id");
  assert_true(text_member(exchange, "reference").size > 0);
  assert_true(bytes_equal(text_member(exchange, "currency"), BYTES("KRW")));
  if (take_key(fixture, exchange)) {
    assert_null(find_account(fixture, intent));
    assert_true(fixture->account_count < ACCOUNTS_MAX);
    struct bank_account *account = &fixture->accounts[fixture->account_count++];
    copy_text(account->intent, sizeof account->intent, intent);
    snprintf(account->payment_id, sizeof account->payment_id, "ch_%u", fixture->account_count);
    account->amount = amount_member(exchange);
    account->status = fixture->word;
  }
  if (is_lost(fixture, exchange, letter)) return;
  say_account(exchange, find_account(fixture, intent));
}

static void on_query(struct exchange *exchange)
{
  struct fixture *fixture = exchange->context;
  if (refuses(fixture, exchange, next_letter(fixture, exchange, BANK_QUERY))) return;
  const struct bank_account *account = find_account(fixture, exchange_parameter(exchange, 0));
  if (account == NULL)
    say(exchange, 404, "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"who?\"}}");
  else
    say_account(exchange, account);
}

static void on_cancel(struct exchange *exchange)
{
  struct fixture *fixture = exchange->context;
  char letter = next_letter(fixture, exchange, BANK_CANCEL);
  if (refuses(fixture, exchange, letter)) return;
  struct bank_account *account = find_account(fixture, exchange_parameter(exchange, 0));
  assert_non_null(account);
  if (take_key(fixture, exchange) && strcmp(account->status, "pending") == 0)
    account->status = "cancelled";
  if (is_lost(fixture, exchange, letter)) return;
  say_account(exchange, account);
}

static void on_capture(struct exchange *exchange)
{
  struct fixture *fixture = exchange->context;
  char letter = next_letter(fixture, exchange, BANK_CAPTURE);
  if (refuses(fixture, exchange, letter)) return;
  struct bank_account *account = find_account(fixture, exchange_parameter(exchange, 0));
  assert_non_null(account);
  assert_int_equal(amount_member(exchange), account->amount);
  if (take_key(fixture, exchange)) {
    assert_string_equal(account->status, "approved");
    assert_false(account->captured);
    account->captured = true;
  }
  if (is_lost(fixture, exchange, letter)) return;
  say(exchange, 200, "{\"payment_id\":\"%s\",\"status\":\"captured\"}", account->payment_id);
}

static void on_refund(struct exchange *exchange)
{
  struct fixture *fixture = exchange->context;
  char letter = next_letter(fixture, exchange, BANK_REFUND);
  if (refuses(fixture, exchange, letter)) return;
  struct bank_account *account = find_account(fixture, text_member(exchange, "payment_id"));
  assert_non_null(account);
  bool is_new = take_key(fixture, exchange);
  if (is_new) {
    assert_string_equal(account->status, "approved");
    account->refunded += amount_member(exchange);
    account->refunds++;
    assert_true(account->refunded <= account->amount);
  }
  if (is_lost(fixture, exchange, letter)) return;
  say(exchange, is_new ? 201 : 409, "{\"status\":\"refunded\"}");
}

static const struct route ROUTES[] = {
    {HTTP_BIT(HTTP_POST), "/v1/authorizations", AUTH_NONE, KEY_NONE, 4096, on_authorise},
    {HTTP_BIT(HTTP_GET), "/v1/authorizations/by-reference/{id}", AUTH_NONE, KEY_NONE, 0, on_query},
    {HTTP_BIT(HTTP_POST), "/v1/authorizations/{id}/cancel", AUTH_NONE, KEY_NONE, 4096, on_cancel},
    {HTTP_BIT(HTTP_POST), "/v1/authorizations/{id}/capture", AUTH_NONE, KEY_NONE, 4096, on_capture},
    {HTTP_BIT(HTTP_POST), "/v1/refunds", AUTH_NONE, KEY_NONE, 4096, on_refund},
};

/* ---- both sides ---- */

static void write_secret(struct fixture *fixture, const char *text)
{
  FILE *file = fopen(fixture->secret_file, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void open_bank(struct fixture *fixture)
{
  struct error error;
  world_linux_init(&fixture->linux_world);
  assert_int_equal(world_linux_open_net(&fixture->linux_world), 0);
  loop_init(&fixture->loop, &fixture->linux_world.world);
  const struct server_endpoint endpoint = {
      .name = "bank",
      .address = {"127.0.0.1", 0},
      .inherited = -1,
      .routes = ROUTES,
      .route_count = sizeof ROUTES / sizeof ROUTES[0],
  };
  const struct server_options options = {.endpoints = &endpoint,
                                         .endpoint_count = 1,
                                         .limits = net_limits_default(),
                                         .context = fixture};
  fixture->server = server_open(&fixture->linux_world.world, &fixture->loop, &options, &error);
  if (fixture->server == NULL) fail_msg("%s", error.message);
  snprintf(fixture->url, sizeof fixture->url, "http://127.0.0.1:%u/v1/",
           server_address(fixture->server, 0)->port);
  const struct client_options none = {0};
  assert_true(client_driver_open(&fixture->driver, &fixture->loop, &none, &error));
}

static struct provider_http *open_http(struct fixture *fixture, struct error *error)
{
  const struct provider_http_options options = {
      .base_url = fixture->url,
      .secret_file = fixture->secret_file,
      .files_have_modes = true,
      .timeout_ms = TIMEOUT_MS,
      .total_ms = 10 * TIMEOUT_MS,
  };
  return provider_http_open(&fixture->linux_world.world, fixture->driver.client, &options, error);
}

static int setup(void **state)
{
  struct fixture *fixture = calloc(1, sizeof *fixture);
  struct error error;
  void *sale;
  assert_non_null(fixture);
  assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  fixture->word = "approved";
  open_bank(fixture);
  snprintf(fixture->secret_file, sizeof fixture->secret_file, "/tmp/test_provider.XXXXXX");
  int file = mkstemp(fixture->secret_file);
  assert_true(file >= 0);
  close(file);
  write_secret(fixture, SECRET "\n");
  fixture->http = open_http(fixture, &error);
  if (fixture->http == NULL) fail_msg("%s", error.message);
  assert_int_equal(sale_fixture_setup(&sale), 0);
  fixture->sale = sale;
  fixture->provider = (struct provider_fixture){
      .sale = sale, .channel = provider_http_channel(fixture->http), .captures = true};
  provider_fixture_open(&fixture->provider);
  provider_fixture_turn(&fixture->provider, 1);
  *state = fixture;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *fixture = *state;
  void *sale = fixture->sale;
  provider_fixture_close(&fixture->provider);
  provider_http_close(fixture->http);
  sale_fixture_teardown(&sale);
  for (uint32_t i = 0; i < fixture->kept_count; i++) {
    exchange_reply_empty(fixture->kept[i], 204);
    exchange_send(fixture->kept[i]);
  }
  client_driver_close(&fixture->driver);
  server_close(fixture->server);
  size_t left = fixture->linux_world.world.memory.in_use;
  world_linux_close(&fixture->linux_world);
  unlink(fixture->secret_file);
  free(fixture);
  return left != 0;
}

/* What is under way comes to its end. */
static void exchange_all(struct fixture *fixture)
{
  struct client_counts counts;
  for (int i = 0; i < 1000; i++) {
    server_turn(fixture->server, 1);
    counts = client_counts(fixture->driver.client);
    if (counts.queued + counts.running + counts.waiting == 0) return;
  }
  fail_msg("requests do not end");
}

/* As provider_fixture_turn, and answers arrive within it. */
static void turn(struct fixture *fixture, int64_t pass_ms)
{
  provider_fixture_turn(&fixture->provider, 2);
  provider_tick(fixture->provider.provider, fixture->sale->now_ms);
  exchange_all(fixture);
  provider_fixture_turn(&fixture->provider, pass_ms);
}

/* Until no command is open. */
static void run(struct fixture *fixture)
{
  int64_t end_ms = fixture->sale->now_ms + QUIET_MS;
  do turn(fixture, 2000);
  while (provider_fixture_rows(&fixture->provider, "PENDING") > 0 &&
         fixture->sale->now_ms < end_ms);
  assert_int_equal(provider_fixture_rows(&fixture->provider, "PENDING"), 0);
}

static struct bytes intend(struct fixture *fixture, const char *user, const char *seat)
{
  return provider_fixture_intend(&fixture->provider, sale_fixture_hold(fixture->sale, user, seat),
                                 "");
}

static enum payment_status status_of(struct fixture *fixture, struct bytes intent)
{
  return provider_fixture_payment(&fixture->provider, intent).status;
}

static void check(struct fixture *fixture, struct bytes intent)
{
  struct provider_fixture_account books = {0};
  const struct bank_account *account = find_account(fixture, intent);
  if (account != NULL)
    books = (struct provider_fixture_account){.approved = strcmp(account->status, "approved") == 0,
                                              .refunded = account->refunded,
                                              .refunds = account->refunds};
  provider_fixture_check(&fixture->provider, intent, &books);
  if (status_of(fixture, intent) == PAYMENT_COMPLETED) assert_true(account->captured);
}

/* ---- tests ---- */

static void test_approved_and_captured(void **state)
{
  struct fixture *fixture = *state;
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  run(fixture);
  assert_int_equal(status_of(fixture, intent), PAYMENT_COMPLETED);
  check(fixture, intent);
  assert_int_equal(fixture->requests[BANK_AUTHORISE], 1);
  assert_int_equal(fixture->requests[BANK_CAPTURE], 1);
  assert_int_equal(fixture->requests[BANK_QUERY], 0);
}

static void test_declined(void **state)
{
  struct fixture *fixture = *state;
  fixture->word = "declined";
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  run(fixture);
  assert_int_equal(status_of(fixture, intent), PAYMENT_FAILED);
  check(fixture, intent);
}

/* Whatever the bank does with single requests, it comes to the same end, once. */
static void test_a_bad_day_at_the_bank(void **state)
{
  static const char *const scripts[][BANK_VERBS] = {
      {"d", NULL, NULL, NULL, NULL}, /* approved, and we never hear of it */
      {"t", NULL, NULL, NULL, NULL}, /* never arrived */
      {"5", NULL, NULL, NULL, NULL}, /* 500, then 200 */
      {"e", NULL, NULL, NULL, NULL}, /* approved, then 500 */
      {"g", "5g", NULL, NULL, NULL}, /* half a reply */
      {"dd", "t5", NULL, "d", NULL}, /* and the capture is lost */
      {"r", "r", NULL, "r5g", NULL}, /* refusals that are none for good */
      {"5", "555", NULL, "e", NULL},
  };
  struct fixture *fixture = *state;
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    char seat[16];
    char user[16];
    snprintf(user, sizeof user, "u%zu", i);
    snprintf(seat, sizeof seat, "A-1-%zu", i + 1);
    memcpy(fixture->script, scripts[i], sizeof fixture->script);
    struct bytes intent = intend(fixture, user, seat);
    run(fixture);
    assert_int_equal(status_of(fixture, intent), PAYMENT_COMPLETED);
    check(fixture, intent);
    assert_int_equal(fixture->account_count, i + 1);
  }
}

static void test_pending_is_asked_about_and_cancelled(void **state)
{
  struct fixture *fixture = *state;
  fixture->word = "pending";
  struct bytes first = intend(fixture, "ann", "A-1-1");
  struct bytes second = intend(fixture, "ann", "A-1-2");
  turn(fixture, 1000);
  find_account(fixture, first)->status = "approved";
  fixture->script[BANK_CANCEL] = "d5";
  run(fixture);
  assert_int_equal(status_of(fixture, first), PAYMENT_COMPLETED);
  assert_int_equal(status_of(fixture, second), PAYMENT_FAILED);
  assert_string_equal(find_account(fixture, second)->status, "cancelled");
  check(fixture, first);
}

/* Approved too late; the refund is lost once, answered with 500 once, and made once. */
static void test_a_refund_is_made_once(void **state)
{
  struct fixture *fixture = *state;
  fixture->word = "pending";
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  turn(fixture, LAPSED_MS);
  sale_fixture_hold(fixture->sale, "bob", "A-1-1");
  find_account(fixture, intent)->status = "approved";
  fixture->script[BANK_REFUND] = "te5";
  run(fixture);
  assert_int_equal(status_of(fixture, intent), PAYMENT_REFUNDED);
  check(fixture, intent);
  assert_int_equal(fixture->requests[BANK_REFUND], 4);
  assert_int_equal(provider_fixture_rows(&fixture->provider, "DONE"), 1);
}

static void test_a_refused_refund_is_given_up(void **state)
{
  struct fixture *fixture = *state;
  fixture->word = "pending";
  struct bytes intent = intend(fixture, "ann", "A-1-1");
  turn(fixture, LAPSED_MS);
  sale_fixture_hold(fixture->sale, "bob", "A-1-1");
  find_account(fixture, intent)->status = "approved";
  fixture->script[BANK_REFUND] = "rrrrrrrrrrrr";
  run(fixture);
  assert_int_equal(fixture->requests[BANK_REFUND], 8);
  assert_int_equal(provider_fixture_rows(&fixture->provider, "FAILED"), 1);
}

/* One turn in single steps; a crash before one of them loses what was not durable. */
static void step_all(struct fixture *fixture, uint32_t *steps, uint32_t crash_at)
{
  for (int part = 0; part < 5; part++) {
    if (++*steps == crash_at) provider_fixture_crash(&fixture->provider);
    if (part == 0) provider_tick(fixture->provider.provider, fixture->sale->now_ms);
    if (part == 1) sale_fixture_settle(fixture->sale);
    if (part == 2) provider_tick(fixture->provider.provider, fixture->sale->now_ms += 2);
    if (part == 3) exchange_all(fixture);
    if (part == 4) provider_fixture_work(&fixture->provider);
  }
  arena_reset(&fixture->sale->store.answers);
  fixture->sale->now_ms += 1500;
}

/* One buyer in time, one too late, one declined; the bank loses answers on the way. */
static uint32_t tell_story(struct fixture *fixture, uint32_t crash_at)
{
  struct bytes intents[3];
  uint32_t steps = 0;
  intents[0] = intend(fixture, "ann", "A-1-1");
  sale_fixture_settle(fixture->sale);
  fixture->script[BANK_CAPTURE] = "e";
  for (int i = 0; i < 2; i++) step_all(fixture, &steps, crash_at);
  fixture->word = "pending";
  intents[1] = intend(fixture, "bob", "A-1-2");
  sale_fixture_settle(fixture->sale);
  step_all(fixture, &steps, crash_at);
  fixture->word = "declined";
  intents[2] = intend(fixture, "cat", "A-1-3");
  sale_fixture_settle(fixture->sale);
  step_all(fixture, &steps, crash_at);
  fixture->sale->now_ms += LAPSED_MS;
  struct sale_reserve_result result;
  (void)sale_fixture_reserve(fixture->sale, "dan", "A-1-2", &result);
  sale_fixture_settle(fixture->sale);
  struct bank_account *account = find_account(fixture, intents[1]);
  if (account != NULL && strcmp(account->status, "pending") == 0) account->status = "approved";
  fixture->script[BANK_REFUND] = "e";
  for (int i = 0; i < 5; i++) step_all(fixture, &steps, crash_at);
  fixture->word = "approved";
  run(fixture);
  for (int i = 0; i < 3; i++) check(fixture, intents[i]);
  assert_int_equal(provider_fixture_rows(&fixture->provider, "FAILED"), 0);
  return steps;
}

static void test_money_is_conserved_over_a_crash_at_any_moment(void **state)
{
  struct fixture *fixture = *state;
  uint32_t steps = tell_story(fixture, 0);
  assert_int_equal(status_of(fixture, bytes_of_text(fixture->accounts[1].intent)),
                   PAYMENT_REFUNDED);
  for (uint32_t at = 1; at <= steps; at++) {
    void *another;
    assert_int_equal(setup(&another), 0);
    tell_story(another, at);
    assert_int_equal(teardown(&another), 0);
  }
}

static void refuse_url(struct fixture *fixture, const char *url)
{
  struct error error;
  snprintf(fixture->url, sizeof fixture->url, "%s", url);
  assert_null(open_http(fixture, &error));
  assert_int_equal(error.code, ERROR_INVALID);
}

static void test_what_it_does_not_open(void **state)
{
  struct fixture *fixture = *state;
  struct error error;
  char url[64];
  snprintf(url, sizeof url, "%s", fixture->url);
  static const char *const urls[] = {"",
                                     "ftp://localhost/",
                                     "http://bank.example/v1",
                                     "http://localhost.bank.example/",
                                     "http://127.0.0.1.bank.example/",
                                     "https://user:word@bank.example/",
                                     "https://bank.example/?key=1",
                                     "https://bank example/"};
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) refuse_url(fixture, urls[i]);
  static const char *const good[] = {"https://bank.example/v1", "http://localhost",
                                     "http://[::1]:1/x"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    snprintf(fixture->url, sizeof fixture->url, "%s", good[i]);
    struct provider_http *http = open_http(fixture, &error);
    assert_non_null(http);
    provider_http_close(http);
  }
  static const char *const secrets[] = {"", "short\n", "two words\n", "two-lines\nof-secret\n"};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    write_secret(fixture, secrets[i]);
    assert_null(open_http(fixture, &error));
    assert_int_equal(error.code, ERROR_KEY);
    assert_null(strstr(error.message, "two"));
  }
  write_secret(fixture, SECRET);
  assert_int_equal(chmod(fixture->secret_file, 0640), 0);
  assert_null(open_http(fixture, &error));
  assert_int_equal(error.code, ERROR_KEY);
  assert_non_null(strstr(error.message, "chmod 600"));
  assert_int_equal(chmod(fixture->secret_file, 0600), 0);
  struct provider_http *http = open_http(fixture, &error);
  assert_non_null(http);
  provider_http_close(http);
}

/* The Nth allocation of the channel and its client fails: sent again, and once at the bank. */
static void test_without_memory_it_is_only_later(void **state)
{
  struct fixture *fixture = *state;
  struct memory *memory = &fixture->linux_world.world.memory;
  bool clean = false;
  for (uint64_t n = 1; !clean; n++) {
    struct bytes intent = intend(fixture, "ann", "A-1-1");
    sale_fixture_settle(fixture->sale);
    fixture->word = "declined";
    fixture->account_count = 0;
    provider_tick(fixture->provider.provider, fixture->sale->now_ms - 1);
    memory->fail_at = memory->calls + n;
    uint64_t end = memory->fail_at;
    provider_tick(fixture->provider.provider, fixture->sale->now_ms);
    clean = memory->calls < end;
    memory->fail_at = 0;
    exchange_all(fixture);
    run(fixture);
    assert_int_equal(status_of(fixture, intent), PAYMENT_FAILED);
    check(fixture, intent);
    fixture->sale->now_ms += LAPSED_MS;
    fixture->key_count = 0;
    assert_true(n < 100);
  }
}

/* Closed with requests under way. */
static void test_closing_ends_what_is_under_way(void **state)
{
  struct fixture *fixture = *state;
  fixture->script[BANK_AUTHORISE] = "t";
  intend(fixture, "ann", "A-1-1");
  sale_fixture_settle(fixture->sale);
  provider_tick(fixture->provider.provider, fixture->sale->now_ms);
  for (int i = 0; i < 20 && fixture->kept_count == 0; i++) server_turn(fixture->server, 1);
  assert_int_equal(fixture->kept_count, 1);
}

#define WITH_BANK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_BANK(test_approved_and_captured),
      WITH_BANK(test_declined),
      WITH_BANK(test_a_bad_day_at_the_bank),
      WITH_BANK(test_pending_is_asked_about_and_cancelled),
      WITH_BANK(test_a_refund_is_made_once),
      WITH_BANK(test_a_refused_refund_is_given_up),
      WITH_BANK(test_money_is_conserved_over_a_crash_at_any_moment),
      WITH_BANK(test_what_it_does_not_open),
      WITH_BANK(test_without_memory_it_is_only_later),
      WITH_BANK(test_closing_ends_what_is_under_way),
  };
  struct error error;
  if (!client_global_init(&error)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  client_global_cleanup();
  return failed;
}
