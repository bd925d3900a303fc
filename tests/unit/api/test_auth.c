#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char REGISTER[] = "/api/v1/auth/register";
static const char LOGIN[] = "/api/v1/auth/login";
static const char ALICE[] = "{'username':'Alice1','password':'secret12','email':'a@b.example',"
                            "'display_name':'Alice'}";

static void use_token(struct api_fixture *fixture)
{
  snprintf(fixture->token, sizeof fixture->token, "Authorization: Bearer %s\r\n",
           api_fixture_text(fixture, "token"));
}

static void test_register_and_login(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_post(fixture, 201, REGISTER, ALICE);
  assert_true(api_fixture_has(fixture, "'username':'Alice1'"));
  assert_true(api_fixture_has(fixture, "'role':'user','expires_in':86400"));
  assert_false(api_fixture_has(fixture, "secret12"));
  use_token(fixture);
  api_fixture_get(fixture, 200, "/api/v1/reservations");
  fixture->token[0] = 0;
  api_fixture_post(fixture, 200, LOGIN, "{'username':'alice1','password':'secret12'}");
  use_token(fixture);
  api_fixture_get(fixture, 200, "/api/v1/reservations");
}

static void test_refused(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", REGISTER,
                      "{'username':'a','password':'secret12','email':'a@b.example'}");
  assert_true(api_fixture_has(fixture, "'details':{'field':'username','reason':'"));
  assert_true(api_fixture_has(fixture, "'display_name':'"));
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", REGISTER, "{'username':7}");
  api_fixture_post(fixture, 201, REGISTER, ALICE);
  api_fixture_refused(fixture, 409, "USERNAME_EXISTS", "POST", REGISTER, ALICE);
  api_fixture_refused(fixture, 400, "INVALID_REQUEST", "POST", LOGIN, "{'username':'alice1'}");
}

static void test_guessing(void **state)
{
  struct api_fixture *fixture = *state;
  api_fixture_post(fixture, 201, REGISTER, ALICE);
  for (int i = 0; i < 3; i++)
    api_fixture_refused(fixture, 401, "INVALID_CREDENTIALS", "POST", LOGIN,
                        "{'username':'alice1','password':'wrong-one'}");
  api_fixture_refused(fixture, 429, "RATE_LIMITED", "POST", LOGIN,
                      "{'username':'alice1','password':'secret12'}");
  assert_non_null(net_reply_header(&fixture->reply, BYTES("retry-after")).data);
  /* Another name is another matter. */
  api_fixture_refused(fixture, 401, "INVALID_CREDENTIALS", "POST", LOGIN,
                      "{'username':'nobody','password':'wrong-one'}");
}

/* The pool has four places; a refusal gives its key back. */
static void test_busy(void **state)
{
  struct api_fixture *fixture = *state;
  struct net_client clients[5];
  uint32_t busy = 0;
  fixture->resting = true;
  for (int i = 0; i < 5; i++) {
    char body[128];
    clients[i] = (struct net_client){.stream = -1};
    snprintf(body, sizeof body, "{'username':'name%d','password':'secret12'}", i);
    api_fixture_send(fixture, &clients[i], "POST", LOGIN, body);
  }
  api_fixture_run(fixture, 50);
  fixture->resting = false;
  api_fixture_run(fixture, 50);
  for (int i = 0; i < 5; i++) {
    assert_true(api_fixture_receive(fixture, &clients[i]));
    busy += fixture->reply.status == 503;
    if (fixture->reply.status == 503) api_fixture_expect_header(fixture, "retry-after", "1");
    net_client_free(&clients[i]);
  }
  assert_int_equal(busy, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_register_and_login),
      WITH_API(test_refused),
      WITH_API(test_guessing),
      WITH_API(test_busy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
