#include "unit/api/api_fixture.h"

#include "base/encode.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char WEBHOOK[] = "/api/v1/payments/webhook";

struct case_of {
  char reservation[64];
  char intent[64];
  char headers[512];
};

static struct case_of begin(struct api_fixture *fixture)
{
  struct case_of it;
  char body[256];
  api_fixture_as(fixture, "alice", ROLE_USER);
  snprintf(it.reservation, sizeof it.reservation, "%s", api_fixture_reserve(fixture, "'A-1-1'"));
  snprintf(body, sizeof body, "{'reservation_id':'%s','amount':1000}", it.reservation);
  api_fixture_post(fixture, 200, "/api/v1/payments/intent", body);
  snprintf(it.intent, sizeof it.intent, "%s", api_fixture_text(fixture, "payment_intent_id"));
  api_fixture_as(fixture, NULL, ROLE_USER);
  return it;
}

/* The signature of the body as it is sent, and maybe the id of the notification. */
static void sign(struct api_fixture *fixture, struct case_of *it, const char *body, const char *id)
{
  char raw[512];
  uint8_t mac[HASH_SHA256_BYTES];
  char hex[2 * HASH_SHA256_BYTES];
  snprintf(raw, sizeof raw, "%s", body);
  for (char *i = raw; *i != 0; i++)
    if (*i == '\'') *i = '"';
  hash_hmac_sha256(fixture->api.webhook_secret, bytes_of_text(raw), mac);
  encode_to_hex(bytes_of(mac, sizeof mac), hex);
  snprintf(it->headers, sizeof it->headers, "X-Webhook-Signature: sha256=%.*s\r\n%s%s%s",
           (int)sizeof hex, hex, id == NULL ? "" : "X-Webhook-Id: ", id == NULL ? "" : id,
           id == NULL ? "" : "\r\n");
  fixture->headers = it->headers;
}

static void write_body(const struct case_of *it, const char *status, int amount, char text[512])
{
  snprintf(text, 512,
           "{'payment_id':'prov_1','reservation_id':'%s','status':'%s','amount':%d,"
           "'currency':'KRW','timestamp':'2026-11-27T05:00:00Z','event_type':'x'}",
           it->reservation, status, amount);
}

static void expect_status(struct api_fixture *fixture, const struct case_of *it, const char *status)
{
  char path[128];
  char wanted[64];
  snprintf(path, sizeof path, "/api/v1/payments/%s/status", it->intent);
  snprintf(wanted, sizeof wanted, "'status':'%s'", status);
  api_fixture_get(fixture, 200, path);
  assert_true(api_fixture_has(fixture, wanted));
}

static void test_approved(void **state)
{
  struct api_fixture *fixture = *state;
  struct case_of it = begin(fixture);
  char body[512];
  write_body(&it, "COMPLETED", 1000, body);
  sign(fixture, &it, body, "n-1");
  api_fixture_post(fixture, 200, WEBHOOK, body);
  assert_true(api_fixture_has(fixture, "{'received':true}"));
  expect_status(fixture, &it, "COMPLETED");
  assert_true(api_fixture_has(fixture, "'payment_id':'prov_1'"));
}

/* The id is part of the effect's commit: the second is 200 and nothing else. */
static void test_twice(void **state)
{
  struct api_fixture *fixture = *state;
  struct case_of it = begin(fixture);
  char body[512];
  write_body(&it, "FAILED", 1000, body);
  for (int i = 0; i < 2; i++) {
    sign(fixture, &it, body, "n-1");
    api_fixture_post(fixture, 200, WEBHOOK, body);
  }
  write_body(&it, "COMPLETED", 1000, body);
  sign(fixture, &it, body, "n-1");
  api_fixture_post(fixture, 200, WEBHOOK, body);
  expect_status(fixture, &it, "FAILED");
  sign(fixture, &it, body, "n-2");
  api_fixture_post(fixture, 200, WEBHOOK, body);
  expect_status(fixture, &it, "COMPLETED");
}

static void test_signatures(void **state)
{
  struct api_fixture *fixture = *state;
  struct case_of it = begin(fixture);
  static const char *const bad[] = {"", "X-Webhook-Signature: sha256=\r\n",
                                    "X-Webhook-Signature: x\r\n"};
  char body[512];
  write_body(&it, "COMPLETED", 1000, body);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    fixture->headers = bad[i];
    api_fixture_refused(fixture, 401, "BAD_SIGNATURE", "POST", WEBHOOK, body);
  }
  sign(fixture, &it, "{}", NULL);
  api_fixture_refused(fixture, 401, "BAD_SIGNATURE", "POST", WEBHOOK, body);
  sign(fixture, &it, body, NULL);
  char *last = strstr(it.headers, "\r\n") - 1;
  *last = *last == '0' ? '1' : '0';
  api_fixture_refused(fixture, 401, "BAD_SIGNATURE", "POST", WEBHOOK, body);
  expect_status(fixture, &it, "PENDING");
  /* Nothing is signed with no secret. */
  fixture->api.webhook_secret = (struct bytes){NULL, 0};
  sign(fixture, &it, body, NULL);
  api_fixture_refused(fixture, 401, "BAD_SIGNATURE", "POST", WEBHOOK, body);
}

static void test_refused(void **state)
{
  struct api_fixture *fixture = *state;
  struct case_of it = begin(fixture);
  char body[512];
  write_body(&it, "MAYBE", 1000, body);
  sign(fixture, &it, body, NULL);
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", WEBHOOK, body);
  write_body(&it, "COMPLETED", 999, body);
  sign(fixture, &it, body, NULL);
  api_fixture_refused(fixture, 400, "INVALID_AMOUNT", "POST", WEBHOOK, body);
  snprintf(it.reservation, sizeof it.reservation, "rsv_none");
  write_body(&it, "COMPLETED", 1000, body);
  sign(fixture, &it, body, NULL);
  api_fixture_refused(fixture, 404, "RESERVATION_NOT_FOUND", "POST", WEBHOOK, body);
  expect_status(fixture, &it, "PENDING");
}

/* DESIGN 8: approved after the hold lapsed is 200; what becomes of the money is not its affair. */
static void test_too_late_is_200(void **state)
{
  struct api_fixture *fixture = *state;
  struct case_of it = begin(fixture);
  char body[512];
  world_sim_jump_clock_ms(fixture->sale->store.sim, 60000 + SALE_EXTENSION_MS);
  write_body(&it, "COMPLETED", 1000, body);
  sign(fixture, &it, body, "n-1");
  api_fixture_post(fixture, 200, WEBHOOK, body);
  expect_status(fixture, &it, "COMPLETED");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_approved), WITH_API(test_twice),           WITH_API(test_signatures),
      WITH_API(test_refused),  WITH_API(test_too_late_is_200),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
