#include "shield/users.h"

#include "base/check.h"
#include "base/instant.h"
#include "shield/user_fields.h"

enum {
  /* Of a new account's plan, before what `extend` adds. */
  ACTION_GUARD,
  ACTION_ACCOUNT,
  OWN_ACTIONS,
};

#define GUARD_PREFIX "USERNAME#"

enum { GUARD_BYTES_MAX = sizeof GUARD_PREFIX - 1 + USER_NAME_BYTES_MAX };

struct users {
  struct world *world;
  struct store *store;
  struct table *table;
  struct password_pool *pool;
  struct id_generator ids;
  struct arena arena;                 /* of the expressions */
  const struct expression *absent;    /* there is no such item */
  const struct expression *same_hash; /* the hash is still :old, slot 0 */
  const struct expression *exists;    /* the account is there */
  const struct expression *set_hash;  /* to :new, slot 1 */
  const struct expression *set_role;  /* to :role, slot 0 */
};

static const struct user_refusal_row ROWS[USER_REFUSALS] = {
    [USER_INVALID] = {400, "INVALID_REQUEST", "some fields are not as they should be: see details"},
    [USER_EXISTS] = {409, "USERNAME_EXISTS", "the user name is taken: choose another one"},
    [USER_CREDENTIALS] = {401, "INVALID_CREDENTIALS",
                          "the user name or the password is wrong: check both"},
    [USER_NOT_FOUND] = {404, "USER_NOT_FOUND", "there is no such user"},
    [USER_BUSY] = {503, "SERVER_BUSY", "many people log in right now: try again in a moment"},
    [USER_UNAVAILABLE] = {503, "SERVER_BUSY", "this cannot be done now: try again in a moment"},
};

const struct user_refusal_row *user_refusal_row(enum user_refusal refusal)
{
  CHECK(refusal >= USER_OK && refusal < USER_REFUSALS);
  return &ROWS[refusal];
}

/* ---- life ---- */

static bool compile(struct users *users, struct error *error)
{
  static const struct expression_name names[] = {
      {{(const uint8_t *)"#role", 5}, {(const uint8_t *)"role", 4}}};
  static const struct bytes hashes[] = {{(const uint8_t *)":old", 4}, {(const uint8_t *)":new", 4}};
  static const struct bytes roles[] = {{(const uint8_t *)":role", 5}};
  const struct expression_placeholders of_hash = {.values = hashes, .value_count = 2};
  const struct expression_placeholders of_role = {
      .names = names, .name_count = 1, .values = roles, .value_count = 1};
  struct arena *arena = &users->arena;
  users->absent = expression_compile(arena, EXPRESSION_CONDITION,
                                     BYTES("attribute_not_exists(user_id)"), NULL, error);
  users->exists = expression_compile(arena, EXPRESSION_CONDITION,
                                     BYTES("attribute_exists(username)"), NULL, error);
  users->same_hash = expression_compile(arena, EXPRESSION_CONDITION, BYTES("password_hash = :old"),
                                        &of_hash, error);
  users->set_hash = expression_compile(arena, EXPRESSION_UPDATE, BYTES("SET password_hash = :new"),
                                       &of_hash, error);
  users->set_role = expression_compile(arena, EXPRESSION_UPDATE, BYTES("SET #role = :role"),
                                       &of_role, error);
  bool compiled = users->absent != NULL && users->exists != NULL && users->same_hash != NULL &&
                  users->set_hash != NULL && users->set_role != NULL;
  CHECK(compiled || error->code == ERROR_NO_MEMORY);
  return compiled;
}

struct users *users_open(struct world *world, struct store *store, struct password_pool *pool,
                         struct error *error)
{
  struct table *table = store_table(store, BYTES("ticket-users"));
  if (table == NULL) {
    error_set(error, ERROR_NOT_FOUND, "the store has no table ticket-users");
    return NULL;
  }
  struct users *users = memory_alloc_zeroed(&world->memory, sizeof *users);
  if (users == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for accounts");
    return NULL;
  }
  users->world = world;
  users->store = store;
  users->table = table;
  users->pool = pool;
  id_generator_init(&users->ids, world);
  arena_init(&users->arena, &world->memory);
  if (compile(users, error)) return users;
  users_close(users);
  return NULL;
}

void users_close(struct users *users)
{
  if (users == NULL) return;
  arena_free(&users->arena);
  memory_free(&users->world->memory, users, sizeof *users);
}

/* ---- items ---- */

/* A map of strings in the arena; VALUE_NONE when there is no memory, as for all values below. */
struct text_attribute {
  struct bytes name;
  struct bytes text;
};

static struct value make_item(struct arena *arena, const struct text_attribute *attributes,
                              size_t count)
{
  struct buffer buffer;
  struct value_writer writer;
  struct value item;
  struct error error;
  buffer_init(&buffer, arena->memory);
  value_writer_init(&writer, &buffer);
  value_write_begin(&writer, VALUE_MAP);
  for (size_t i = 0; i < count; i++) {
    value_write_name(&writer, attributes[i].name);
    value_write_string(&writer, attributes[i].text);
  }
  value_write_end(&writer);
  struct bytes copy = {NULL, 0};
  if (value_writer_finish(&writer, &item, &error))
    copy = arena_copy(arena, bytes_of(item.data, item.size));
  else
    CHECK(error.code == ERROR_NO_MEMORY);
  buffer_free(&buffer);
  return copy.data == NULL ? VALUE_NONE : (struct value){copy.data, copy.size};
}

static struct value make_key(struct arena *arena, struct bytes user_id)
{
  const struct text_attribute key = {BYTES("user_id"), user_id};
  return make_item(arena, &key, 1);
}

static struct bytes guard_of(struct bytes username, uint8_t to[GUARD_BYTES_MAX])
{
  size_t prefix = sizeof GUARD_PREFIX - 1;
  memcpy(to, GUARD_PREFIX, prefix);
  struct bytes folded = user_name_fold(username, to + prefix);
  return bytes_of(to, prefix + folded.size);
}

static struct bytes text_of(struct value item, struct bytes name)
{
  struct value value = value_attribute(item, name);
  return value_type(value) == VALUE_STRING ? value_bytes(value) : (struct bytes){NULL, 0};
}

/*
 * VALUE_NONE when there is none. *no_memory: there may be one. An item of the table that is no
 * account (a guard) has no user name.
 */
static struct value find_item(const struct users *users, struct bytes user_id, struct arena *arena,
                              bool *no_memory)
{
  struct value key = value_make_string(arena, user_id);
  *no_memory = !value_present(key);
  return *no_memory ? VALUE_NONE : store_find(users->table, key, VALUE_NONE);
}

static struct value find_account(const struct users *users, struct bytes user_id,
                                 struct arena *arena, bool *no_memory)
{
  struct value item = find_item(users, user_id, arena, no_memory);
  return text_of(item, BYTES("username")).data == NULL ? VALUE_NONE : item;
}

static struct value find_by_name(const struct users *users, struct bytes username,
                                 struct arena *arena, bool *no_memory)
{
  uint8_t text[GUARD_BYTES_MAX];
  *no_memory = false;
  if (!user_name_is_valid(username)) return VALUE_NONE;
  struct value guard = find_item(users, guard_of(username, text), arena, no_memory);
  struct bytes user_id = text_of(guard, BYTES("account"));
  return user_id.data == NULL ? VALUE_NONE : find_account(users, user_id, arena, no_memory);
}

static bool copy_text(struct arena *arena, struct bytes text, struct bytes *copy)
{
  *copy = arena_copy(arena, text);
  return copy->data != NULL;
}

/* False when there is no memory. */
static bool read_account(struct value item, struct arena *arena, struct user_account *account)
{
  account->role = ROLE_USER;
  (void)identity_role_parse(text_of(item, BYTES("role")), &account->role);
  return copy_text(arena, text_of(item, BYTES("user_id")), &account->user_id) &&
         copy_text(arena, text_of(item, BYTES("username")), &account->username) &&
         copy_text(arena, text_of(item, BYTES("email")), &account->email) &&
         copy_text(arena, text_of(item, BYTES("display_name")), &account->display_name);
}

/* ---- answers ---- */

static enum user_refusal refuse(struct user_answer *answer, enum user_refusal refusal)
{
  answer->refusal = refusal;
  if (refusal != USER_OK) answer->account = (struct user_account){0};
  return refusal;
}

static void finish(struct user_request *request, enum user_refusal refusal)
{
  refuse(&request->answer, refusal);
  request->done(request->context, &request->answer);
}

/* Answers with the account of an item: what was read may not be durable yet. */
static enum user_refusal answer_item(const struct users *users, struct value item, bool no_memory,
                                     struct arena *arena, struct user_answer *answer)
{
  answer->sequence = store_appended(users->store);
  if (no_memory) return refuse(answer, USER_UNAVAILABLE);
  if (!value_present(item)) return refuse(answer, USER_NOT_FOUND);
  return refuse(answer, read_account(item, arena, &answer->account) ? USER_OK : USER_UNAVAILABLE);
}

enum user_refusal user_find(const struct users *users, struct bytes user_id, struct arena *arena,
                            struct user_answer *answer)
{
  bool no_memory;
  *answer = (struct user_answer){0};
  struct value item = find_account(users, user_id, arena, &no_memory);
  return answer_item(users, item, no_memory, arena, answer);
}

enum user_refusal user_find_by_name(const struct users *users, struct bytes username,
                                    struct arena *arena, struct user_answer *answer)
{
  bool no_memory;
  *answer = (struct user_answer){0};
  struct value item = find_by_name(users, username, arena, &no_memory);
  return answer_item(users, item, no_memory, arena, answer);
}

/* ---- new accounts ---- */

/* Writes the details of what is wrong. */
static enum user_refusal check_fields(const struct user_registration *registration,
                                      struct arena *arena, struct user_answer *answer)
{
  struct buffer details;
  buffer_init(&details, arena->memory);
  enum user_refusal refusal = USER_OK;
  if (!user_fields_check(registration, &details)) {
    refusal = USER_INVALID;
    bool copied = !details.failed && copy_text(arena, buffer_bytes(&details), &answer->details);
    if (!copied) refusal = USER_UNAVAILABLE;
  }
  buffer_free(&details);
  return refusal;
}

/* Who it is about to be, in the arena; refused when the name is taken already. */
static enum user_refusal prepare(struct users *users, const struct user_registration *registration,
                                 enum identity_role role, struct arena *arena,
                                 struct user_answer *answer)
{
  *answer = (struct user_answer){0};
  enum user_refusal refusal = check_fields(registration, arena, answer);
  if (refusal != USER_OK) return refusal;
  bool no_memory;
  struct value item = find_by_name(users, registration->username, arena, &no_memory);
  answer->sequence = store_appended(users->store);
  if (no_memory) return USER_UNAVAILABLE;
  if (value_present(item)) return USER_EXISTS;
  char id[ID_TEXT_BYTES];
  struct id made = id_generate(&users->ids);
  id_format(&made, id);
  struct user_account *account = &answer->account;
  account->role = role;
  bool copied = copy_text(arena, bytes_of(id, sizeof id), &account->user_id) &&
                copy_text(arena, registration->username, &account->username) &&
                copy_text(arena, registration->email, &account->email) &&
                copy_text(arena, registration->display_name, &account->display_name);
  return copied ? USER_OK : USER_UNAVAILABLE;
}

static bool plan_account(const struct users *users, const struct user_account *account,
                         const char *hash, struct plan *plan)
{
  uint8_t guard_text[GUARD_BYTES_MAX];
  char created[INSTANT_TEXT_BYTES];
  instant_format(world_clock_ms(users->world), created);
  const struct text_attribute guard[] = {
      {BYTES("user_id"), guard_of(account->username, guard_text)},
      {BYTES("account"), account->user_id},
  };
  const struct text_attribute item[] = {
      {BYTES("user_id"), account->user_id},
      {BYTES("username"), account->username},
      {BYTES("password_hash"), bytes_of_text(hash)},
      {BYTES("email"), account->email},
      {BYTES("display_name"), account->display_name},
      {BYTES("role"), identity_role_name(account->role)},
      {BYTES("created_at"), bytes_of(created, sizeof created)},
  };
  struct store_action action = {
      .kind = ACTION_PUT,
      .table = users->table,
      .condition = users->absent,
      .item = make_item(plan->arena, guard, sizeof guard / sizeof guard[0]),
  };
  if (!value_present(action.item)) return false;
  CHECK_THAT(plan_add(plan, &action), ==, ACTION_GUARD);
  action.item = make_item(plan->arena, item, sizeof item / sizeof item[0]);
  if (!value_present(action.item)) return false;
  CHECK_THAT(plan_add(plan, &action), ==, ACTION_ACCOUNT);
  return true;
}

static struct plan *new_plan(const struct users *users, struct arena *arena)
{
  struct plan *plan = arena_alloc(arena, sizeof *plan);
  if (plan != NULL) plan_init(plan, users->store, arena);
  return plan;
}

/* What a commit came to. The first `own` actions are ours, the others those of `extend`. */
static enum user_refusal commit(struct plan *plan, size_t own, struct user_answer *answer)
{
  struct store_transact_result result = {0};
  struct error error;
  enum store_status status = plan_commit(plan, &result, &error);
  if (status == STORE_OK) {
    answer->sequence = result.sequence;
    return USER_OK;
  }
  if (status != STORE_CANCELED) return USER_UNAVAILABLE;
  answer->sequence = store_appended(plan->store);
  /* The guard is the first: who came first has the name, whatever else is wrong. */
  if (own > 0 && result.reasons[ACTION_GUARD].code == REASON_CONDITION_FAILED) return USER_EXISTS;
  for (size_t i = 0; i < own; i++)
    if (result.reasons[i].code != REASON_NONE) return USER_UNAVAILABLE;
  answer->reasons = result.reasons + own;
  return USER_REFUSED;
}

/* The commit of a new account, with what the request adds to it (NULL: nothing). */
static enum user_refusal create(const struct users *users, const char *hash,
                                struct user_request *request, struct arena *arena,
                                struct user_answer *answer)
{
  struct plan *plan = new_plan(users, arena);
  if (plan == NULL || !plan_account(users, &answer->account, hash, plan)) return USER_UNAVAILABLE;
  CHECK_THAT(plan->action_count, ==, OWN_ACTIONS);
  if (request != NULL && request->extend != NULL) request->extend(request->context, plan, answer);
  return commit(plan, OWN_ACTIONS, answer);
}

static void on_hashed(void *context, enum password_outcome outcome, const char *text)
{
  struct user_request *request = context;
  enum user_refusal refusal = USER_UNAVAILABLE;
  if (outcome == PASSWORD_HASHED)
    refusal = create(request->users, text, request, request->arena, &request->answer);
  finish(request, refusal);
}

void user_register(struct users *users, struct user_request *request,
                   const struct user_registration *registration)
{
  request->users = users;
  enum user_refusal refusal = prepare(users, registration, ROLE_USER, request->arena,
                                      &request->answer);
  if (refusal == USER_OK) {
    if (password_pool_hash(users->pool, registration->password, on_hashed, request)) return;
    refusal = USER_BUSY;
  }
  finish(request, refusal);
}

enum user_refusal user_add(struct users *users, const struct user_registration *registration,
                           enum identity_role role, const struct password_cost *cost,
                           struct arena *arena, struct user_answer *answer)
{
  uint8_t salt[PASSWORD_SALT_BYTES];
  char hash[PASSWORD_TEXT_BYTES];
  enum user_refusal refusal = prepare(users, registration, role, arena, answer);
  if (refusal != USER_OK) return refuse(answer, refusal);
  world_entropy(users->world, salt, sizeof salt);
  refusal = USER_UNAVAILABLE;
  if (password_hash(&users->world->memory, cost, registration->password, salt, hash))
    refusal = create(users, hash, NULL, arena, answer);
  explicit_bzero(hash, sizeof hash);
  return refuse(answer, refusal);
}

/* ---- logging in ---- */

/* Best effort: the old hash is as good as it was, and the next login tries again. */
static void replace_hash(const struct users *users, struct value item, struct arena *arena,
                         const char *text)
{
  struct value values[] = {
      value_attribute(item, BYTES("password_hash")),
      value_make_string(arena, bytes_of_text(text)),
  };
  struct store_action action = {
      .kind = ACTION_UPDATE,
      .table = users->table,
      .item = make_key(arena, text_of(item, BYTES("user_id"))),
      .condition = users->same_hash,
      .update = users->set_hash,
      .values = values,
  };
  struct store_write_result result;
  struct error error;
  if (!value_present(values[0]) || !value_present(values[1]) || !value_present(action.item)) return;
  (void)store_write(users->store, &action, RETURN_NONE, arena, &result, &error);
}

/* The account as it is now: it may have changed while the password was looked at. */
static enum user_refusal log_in(struct user_request *request, const char *better_hash)
{
  struct users *users = request->users;
  struct user_answer *answer = &request->answer;
  struct bytes user_id = answer->account.user_id;
  bool no_memory;
  struct value item = find_account(users, user_id, request->arena, &no_memory);
  if (no_memory) return USER_UNAVAILABLE;
  if (!value_present(item)) return USER_CREDENTIALS;
  if (!read_account(item, request->arena, &answer->account)) return USER_UNAVAILABLE;
  if (better_hash != NULL) replace_hash(users, item, request->arena, better_hash);
  answer->sequence = store_appended(users->store);
  if (request->extend == NULL) return USER_OK;
  struct plan *plan = new_plan(users, request->arena);
  if (plan == NULL) return USER_UNAVAILABLE;
  request->extend(request->context, plan, answer);
  return commit(plan, 0, answer);
}

static void on_verified(void *context, enum password_outcome outcome, const char *text)
{
  struct user_request *request = context;
  switch (outcome) {
  case PASSWORD_MATCHES:
    finish(request, log_in(request, text));
    return;
  case PASSWORD_DIFFERS:
    finish(request, USER_CREDENTIALS);
    return;
  case PASSWORD_HASHED:
  case PASSWORD_FAILED:
  case PASSWORD_STOPPED:
    break;
  }
  finish(request, USER_UNAVAILABLE);
}

void user_login(struct users *users, struct user_request *request, struct bytes username,
                struct bytes password)
{
  bool no_memory;
  request->users = users;
  request->answer = (struct user_answer){0};
  struct value item = find_by_name(users, username, request->arena, &no_memory);
  if (!no_memory)
    no_memory = !copy_text(request->arena, text_of(item, BYTES("user_id")),
                           &request->answer.account.user_id);
  if (no_memory) {
    finish(request, USER_UNAVAILABLE);
    return;
  }
  request->answer.sequence = store_appended(users->store);
  struct bytes hash = text_of(item, BYTES("password_hash"));
  if (!password_pool_verify(users->pool, password, hash, on_verified, request))
    finish(request, USER_BUSY);
}

/* ---- roles ---- */

enum user_refusal user_set_role(struct users *users, struct bytes username, enum identity_role role,
                                struct arena *arena, struct user_answer *answer)
{
  enum user_refusal refusal = user_find_by_name(users, username, arena, answer);
  if (refusal != USER_OK) return refusal;
  struct value value = value_make_string(arena, identity_role_name(role));
  struct store_action action = {
      .kind = ACTION_UPDATE,
      .table = users->table,
      .item = make_key(arena, answer->account.user_id),
      .condition = users->exists,
      .update = users->set_role,
      .values = &value,
  };
  struct store_write_result result;
  struct error error;
  if (!value_present(value) || !value_present(action.item)) return refuse(answer, USER_UNAVAILABLE);
  enum store_status status = store_write(users->store, &action, RETURN_NONE, arena, &result,
                                         &error);
  if (status != STORE_OK) return refuse(answer, USER_UNAVAILABLE);
  answer->account.role = role;
  answer->sequence = result.sequence;
  return USER_OK;
}
