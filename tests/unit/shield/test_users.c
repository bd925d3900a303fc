#include "shield/users.h"

#include "unit/store/store_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct password_cost CHEAP = {.memory_kib = 16, .passes = 1, .lanes = 1};
static const struct password_cost CHEAPER = {.memory_kib = 8, .passes = 1, .lanes = 1};

enum { JOBS = 4 };

struct fixture {
  struct store_fixture store;
  struct table *table;
  struct password_pool *pool;
  struct users *users;
  struct error error;
};

/* One request, and its answer as it was when it came. */
struct request {
  struct user_request request;
  uint32_t answers;
  struct user_answer answer;
  uint32_t extended;
  bool conflicting; /* `extend` adds an action that is refused */
  struct fixture *fixture;
};

static void open_users(struct fixture *fixture)
{
  struct world *world = fixture->store.world;
  const struct password_pool_options options = {.jobs = JOBS, .cost = CHEAP};
  fixture->pool = password_pool_open(world, &options, &fixture->error);
  assert_non_null(fixture->pool);
  fixture->users = users_open(world, fixture->store.store, fixture->pool, &fixture->error);
  if (fixture->users == NULL) fail_msg("%s", fixture->error.message);
}

static void close_users(struct fixture *fixture)
{
  password_pool_close(fixture->pool);
  users_close(fixture->users);
}

static void setup(struct fixture *fixture)
{
  memset(fixture, 0, sizeof *fixture);
  store_fixture_open(&fixture->store, 1);
  fixture->table = store_fixture_table(&fixture->store,
                                       "ticket-users user_id:S | username-index username:S");
  open_users(fixture);
}

static void teardown(struct fixture *fixture)
{
  close_users(fixture);
  store_fixture_close(&fixture->store);
}

static void keep(void *context, const struct user_answer *answer)
{
  struct request *request = context;
  request->answers++;
  request->answer = *answer;
}

static void extend(void *context, struct plan *plan, const struct user_answer *answer)
{
  struct request *request = context;
  struct store_fixture *store = &request->fixture->store;
  char item[128];
  request->extended++;
  assert_true(answer->account.user_id.size > 0);
  snprintf(item, sizeof item, "{'user_id':{'S':'extra-%.*s'}}",
           BYTES_FORMAT(answer->account.username));
  const struct store_action action = store_fixture_action(
      store, &(struct store_fixture_action){
                 .kind = request->conflicting ? ACTION_CHECK : ACTION_PUT,
                 .table = request->fixture->table,
                 .item = item,
                 .condition = request->conflicting ? "attribute_exists(user_id)" : NULL,
             });
  plan_add(plan, &action);
}

static void begin(struct fixture *fixture, struct request *request)
{
  request->fixture = fixture;
  request->request.arena = &fixture->store.answers;
  request->request.done = keep;
  request->request.context = request;
}

static struct user_registration registration_of(const char *username, const char *password)
{
  return (struct user_registration){bytes_of_text(username), bytes_of_text(password),
                                    BYTES("a@example.com"), BYTES("Somebody")};
}

static struct request register_user(struct fixture *fixture, const char *username,
                                    const char *password)
{
  struct request request = {0};
  struct user_registration registration = registration_of(username, password);
  begin(fixture, &request);
  user_register(fixture->users, &request.request, &registration);
  password_pool_collect(fixture->pool);
  assert_int_equal(request.answers, 1);
  return request;
}

static struct request login(struct fixture *fixture, const char *username, const char *password)
{
  struct request request = {0};
  begin(fixture, &request);
  user_login(fixture->users, &request.request, bytes_of_text(username), bytes_of_text(password));
  assert_int_equal(request.answers, 0); /* whoever it is, a hash is computed */
  assert_int_equal(password_pool_collect(fixture->pool), 1);
  assert_int_equal(request.answers, 1);
  return request;
}

static uint64_t items(const struct fixture *fixture)
{
  struct table_description description;
  store_table_describe(fixture->table, &description);
  return description.item_count;
}

static void expect_account(const struct user_answer *answer, const char *username,
                           enum identity_role role)
{
  assert_int_equal(answer->refusal, USER_OK);
  assert_int_equal(answer->account.user_id.size, ID_TEXT_BYTES);
  assert_true(bytes_equal(answer->account.username, bytes_of_text(username)));
  assert_true(bytes_equal(answer->account.email, BYTES("a@example.com")));
  assert_true(bytes_equal(answer->account.display_name, BYTES("Somebody")));
  assert_int_equal(answer->account.role, role);
}

static void test_register_then_log_in(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  struct request made = register_user(&fixture, "Alice1", "secret");
  expect_account(&made.answer, "Alice1", ROLE_USER);
  assert_int_equal(made.answer.sequence, store_appended(fixture.store.store));
  assert_int_equal(items(&fixture), 2);
  static const char *const spellings[] = {"Alice1", "alice1", "ALICE1"};
  for (size_t i = 0; i < 3; i++) {
    struct request request = login(&fixture, spellings[i], "secret");
    expect_account(&request.answer, "Alice1", ROLE_USER);
    assert_true(bytes_equal(request.answer.account.user_id, made.answer.account.user_id));
    assert_true(request.answer.sequence >= made.answer.sequence);
  }
  /* What is stored, but for the hash's text. */
  struct user_answer found;
  assert_int_equal(
      user_find_by_name(fixture.users, BYTES("aLICE1"), &fixture.store.answers, &found), USER_OK);
  expect_account(&found, "Alice1", ROLE_USER);
  struct value key = value_make_string(&fixture.store.arena, found.account.user_id);
  struct value item = store_find(fixture.table, key, VALUE_NONE);
  assert_int_equal(value_count(item), 7);
  struct bytes hash = value_bytes(value_attribute(item, BYTES("password_hash")));
  assert_true(bytes_starts_with(hash, BYTES("$argon2id$v=19$m=16,t=1,p=1$")));
  assert_int_equal(value_bytes(value_attribute(item, BYTES("created_at"))).size, 24);
  teardown(&fixture);
}

static void test_wrong_credentials(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  register_user(&fixture, "alice1", "secret");
  static const char *const cases[][2] = {
      {"alice1", "Secret"},
      {"alice1", ""},
      {"alice1", "secret "},
      {"bob", "secret"},
      {"", "secret"},
      {"alice1 ", "secret"},
      {"USERNAME#alice1", "secret"},
      {"alice1alice1alice1alice1alice1", "secret"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct request request = login(&fixture, cases[i][0], cases[i][1]);
    assert_int_equal(request.answer.refusal, USER_CREDENTIALS);
    assert_null(request.answer.account.user_id.data);
  }
  char password[200];
  memset(password, 'x', sizeof password);
  password[sizeof password - 1] = 0;
  assert_int_equal(login(&fixture, "alice1", password).answer.refusal, USER_CREDENTIALS);
  teardown(&fixture);
}

static void test_a_name_belongs_to_one(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  register_user(&fixture, "alice1", "secret");
  static const char *const spellings[] = {"alice1", "ALICE1", "Alice1"};
  for (size_t i = 0; i < 3; i++) {
    struct request request = register_user(&fixture, spellings[i], "another");
    assert_int_equal(request.answer.refusal, USER_EXISTS);
    assert_null(request.answer.account.user_id.data);
  }
  assert_int_equal(items(&fixture), 2);
  assert_int_equal(login(&fixture, "alice1", "secret").answer.refusal, USER_OK);

  /* Two at once: both found it free, and the guard lets the first in. */
  struct request requests[2] = {0};
  struct user_registration registration = registration_of("Bobby", "secret");
  for (int i = 0; i < 2; i++) {
    begin(&fixture, &requests[i]);
    user_register(fixture.users, &requests[i].request, &registration);
    registration.username = BYTES("bobbY");
  }
  assert_int_equal(password_pool_collect(fixture.pool), 2);
  expect_account(&requests[0].answer, "Bobby", ROLE_USER);
  assert_int_equal(requests[1].answer.refusal, USER_EXISTS);
  assert_int_equal(items(&fixture), 4);
  teardown(&fixture);
}

static void test_invalid_fields_have_details(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  struct request request = register_user(&fixture, "a", "12345");
  assert_int_equal(request.answer.refusal, USER_INVALID);
  assert_true(bytes_equal(request.answer.details,
                          BYTES("{\"username\":\"must be 3 to 20 letters (A-Z, a-z) and digits\","
                                "\"password\":\"must be 6 to 72 bytes long\"}")));
  assert_int_equal(items(&fixture), 0);
  assert_int_equal(password_pool_jobs(fixture.pool), 0);
  teardown(&fixture);
}

static void test_busy(void **state)
{
  (void)state;
  struct fixture fixture;
  struct request requests[JOBS] = {0};
  struct request late[2] = {0};
  struct user_registration registration = registration_of("alice1", "secret");
  setup(&fixture);
  for (int i = 0; i < JOBS; i++) {
    begin(&fixture, &requests[i]);
    user_login(fixture.users, &requests[i].request, BYTES("x"), BYTES("y"));
  }
  begin(&fixture, &late[0]);
  begin(&fixture, &late[1]);
  user_login(fixture.users, &late[0].request, BYTES("x"), BYTES("y"));
  user_register(fixture.users, &late[1].request, &registration);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(late[i].answers, 1);
    assert_int_equal(late[i].answer.refusal, USER_BUSY);
  }
  assert_int_equal(password_pool_collect(fixture.pool), JOBS);
  teardown(&fixture);
}

static void test_closed_with_requests_under_way(void **state)
{
  (void)state;
  struct fixture fixture;
  struct request requests[2] = {0};
  struct user_registration registration = registration_of("alice1", "secret");
  setup(&fixture);
  begin(&fixture, &requests[0]);
  begin(&fixture, &requests[1]);
  user_register(fixture.users, &requests[0].request, &registration);
  user_login(fixture.users, &requests[1].request, BYTES("alice1"), BYTES("secret"));
  password_pool_close(fixture.pool);
  fixture.pool = NULL;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(requests[i].answers, 1);
    assert_int_equal(requests[i].answer.refusal, USER_UNAVAILABLE);
  }
  teardown(&fixture);
}

static void test_extended_in_the_same_commit(void **state)
{
  (void)state;
  struct fixture fixture;
  struct user_registration registration = registration_of("alice1", "secret");
  setup(&fixture);
  struct request request = {.conflicting = true};
  begin(&fixture, &request);
  request.request.extend = extend;
  user_register(fixture.users, &request.request, &registration);
  password_pool_collect(fixture.pool);
  assert_int_equal(request.answer.refusal, USER_REFUSED);
  assert_int_equal(request.answer.reasons[0].code, REASON_CONDITION_FAILED);
  assert_int_equal(items(&fixture), 0);

  request.conflicting = false;
  user_register(fixture.users, &request.request, &registration);
  password_pool_collect(fixture.pool);
  expect_account(&request.answer, "alice1", ROLE_USER);
  assert_int_equal(items(&fixture), 3);

  request.extended = 0;
  user_login(fixture.users, &request.request, BYTES("alice1"), BYTES("wrong!"));
  password_pool_collect(fixture.pool);
  assert_int_equal(request.answer.refusal, USER_CREDENTIALS);
  assert_int_equal(request.extended, 0);
  user_login(fixture.users, &request.request, BYTES("alice1"), BYTES("secret"));
  password_pool_collect(fixture.pool);
  expect_account(&request.answer, "alice1", ROLE_USER);
  assert_int_equal(request.extended, 1);
  teardown(&fixture);
}

static void test_a_weak_hash_is_replaced_at_login(void **state)
{
  (void)state;
  struct fixture fixture;
  struct user_registration registration = registration_of("alice1", "secret");
  struct user_answer answer;
  setup(&fixture);
  struct arena *arena = &fixture.store.answers;
  assert_int_equal(user_add(fixture.users, &registration, ROLE_ADMIN, &CHEAPER, arena, &answer),
                   USER_OK);
  expect_account(&answer, "alice1", ROLE_ADMIN);
  struct value key = value_make_string(&fixture.store.arena, answer.account.user_id);
  for (int i = 0; i < 3; i++) {
    struct bytes hash = value_bytes(
        value_attribute(store_find(fixture.table, key, VALUE_NONE), BYTES("password_hash")));
    assert_true(bytes_starts_with(hash, i == 0 ? BYTES("$argon2id$v=19$m=8,")
                                               : BYTES("$argon2id$v=19$m=16,")));
    struct request request = login(&fixture, "alice1", "secret");
    expect_account(&request.answer, "alice1", ROLE_ADMIN);
  }
  assert_int_equal(login(&fixture, "alice1", "secreT").answer.refusal, USER_CREDENTIALS);
  teardown(&fixture);
}

static void test_roles_and_finding(void **state)
{
  (void)state;
  struct fixture fixture;
  struct user_answer answer;
  struct user_registration registration = registration_of("Alice1", "secret");
  setup(&fixture);
  struct arena *arena = &fixture.store.answers;
  assert_int_equal(user_set_role(fixture.users, BYTES("alice1"), ROLE_ADMIN, arena, &answer),
                   USER_NOT_FOUND);
  struct request made = register_user(&fixture, "alice1", "secret");
  assert_int_equal(user_add(fixture.users, &registration, ROLE_ADMIN, &CHEAP, arena, &answer),
                   USER_EXISTS);
  registration.username = BYTES("?");
  assert_int_equal(user_add(fixture.users, &registration, ROLE_ADMIN, &CHEAP, arena, &answer),
                   USER_INVALID);
  assert_true(answer.details.size > 0);
  assert_int_equal(user_set_role(fixture.users, BYTES("ALICE1"), ROLE_ADMIN, arena, &answer),
                   USER_OK);
  expect_account(&answer, "alice1", ROLE_ADMIN);
  assert_int_equal(answer.sequence, store_appended(fixture.store.store));
  struct request request = login(&fixture, "alice1", "secret");
  expect_account(&request.answer, "alice1", ROLE_ADMIN);

  struct bytes user_id = made.answer.account.user_id;
  assert_int_equal(user_find(fixture.users, user_id, arena, &answer), USER_OK);
  expect_account(&answer, "alice1", ROLE_ADMIN);
  assert_int_equal(user_find(fixture.users, BYTES("nobody"), arena, &answer), USER_NOT_FOUND);
  /* The guard is an item of the table, and no account. */
  assert_int_equal(user_find(fixture.users, BYTES("USERNAME#alice1"), arena, &answer),
                   USER_NOT_FOUND);
  assert_int_equal(user_find_by_name(fixture.users, BYTES("x"), arena, &answer), USER_NOT_FOUND);
  teardown(&fixture);
}

static void test_accounts_survive(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  register_user(&fixture, "alice1", "secret");
  store_fixture_settle(&fixture.store);
  close_users(&fixture);
  store_fixture_reopen(&fixture.store);
  fixture.table = store_table(fixture.store.store, BYTES("ticket-users"));
  open_users(&fixture);
  struct request request = login(&fixture, "alice1", "secret");
  expect_account(&request.answer, "alice1", ROLE_USER);
  assert_int_equal(register_user(&fixture, "ALICE1", "secret").answer.refusal, USER_EXISTS);
  teardown(&fixture);
}

static void test_without_the_table(void **state)
{
  (void)state;
  struct store_fixture store;
  struct error error;
  store_fixture_open(&store, 1);
  assert_null(users_open(store.world, store.store, NULL, &error));
  assert_int_equal(error.code, ERROR_NOT_FOUND);
  users_close(NULL);
  store_fixture_close(&store);
}

/* The nth allocation fails, wherever it is: nothing is half done, and it works the next time. */
static void test_without_memory(void **state)
{
  (void)state;
  for (uint64_t nth = 1, done = 0; !done; nth++) {
    struct fixture fixture;
    setup(&fixture);
    struct memory *memory = &fixture.store.world->memory;
    arena_free(&fixture.store.answers);
    arena_init(&fixture.store.answers, memory);
    memory->fail_at = memory->calls + nth;
    struct request request = register_user(&fixture, "alice1", "secret");
    done = memory->calls < memory->fail_at;
    memory->fail_at = 0;
    assert_true(request.answer.refusal == USER_OK || request.answer.refusal == USER_UNAVAILABLE);
    assert_int_equal(items(&fixture), request.answer.refusal == USER_OK ? 2 : 0);
    if (request.answer.refusal != USER_OK)
      assert_int_equal(register_user(&fixture, "alice1", "secret").answer.refusal, USER_OK);
    memory->fail_at = memory->calls + nth;
    request = login(&fixture, "alice1", "secret");
    if (memory->calls >= memory->fail_at) done = 0;
    memory->fail_at = 0;
    assert_true(request.answer.refusal == USER_OK || request.answer.refusal == USER_UNAVAILABLE);
    teardown(&fixture);
    assert_true(nth < 200);
  }
  for (uint64_t nth = 1, done = 0; !done; nth++) {
    struct fixture fixture;
    setup(&fixture);
    struct memory *memory = &fixture.store.world->memory;
    memory->fail_at = memory->calls + nth;
    struct users *users = users_open(fixture.store.world, fixture.store.store, fixture.pool,
                                     &fixture.error);
    done = users != NULL;
    if (!done) assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    users_close(users);
    memory->fail_at = 0;
    teardown(&fixture);
  }
}

static void test_the_words_of_refusals(void **state)
{
  (void)state;
  for (enum user_refusal i = USER_INVALID; i < USER_REFUSED; i++) {
    assert_true(user_refusal_row(i)->status >= 400);
    assert_true(strlen(user_refusal_row(i)->message) > 10);
  }
  assert_int_equal(user_refusal_row(USER_OK)->status, 0);
  assert_int_equal(user_refusal_row(USER_EXISTS)->status, 409);
  assert_string_equal(user_refusal_row(USER_EXISTS)->code, "USERNAME_EXISTS");
  assert_string_equal(user_refusal_row(USER_CREDENTIALS)->code, "INVALID_CREDENTIALS");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_register_then_log_in),
      cmocka_unit_test(test_wrong_credentials),
      cmocka_unit_test(test_a_name_belongs_to_one),
      cmocka_unit_test(test_invalid_fields_have_details),
      cmocka_unit_test(test_busy),
      cmocka_unit_test(test_closed_with_requests_under_way),
      cmocka_unit_test(test_extended_in_the_same_commit),
      cmocka_unit_test(test_a_weak_hash_is_replaced_at_login),
      cmocka_unit_test(test_roles_and_finding),
      cmocka_unit_test(test_accounts_survive),
      cmocka_unit_test(test_without_the_table),
      cmocka_unit_test(test_without_memory),
      cmocka_unit_test(test_the_words_of_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
