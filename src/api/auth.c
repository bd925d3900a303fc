#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/render.h"
#include "base/check.h"
#include "base/json.h"

enum {
  FIELD_BYTES = 1024, /* what is looked at at all; the fields' own limits are those of users.h */
  MS_PER_S = 1000,
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* A registration or login whose password is being hashed. */
struct entry {
  struct user_request request;
  struct effect *effect;
  uint16_t status; /* of success */
  bool stored;     /* the answer is part of the commit */
  struct bytes body;
};

static struct bytes render_entry(struct exchange *exchange, const struct user_account *account,
                                 struct bytes token)
{
  struct render render;
  render_begin(&render, exchange);
  struct json_writer *json = &render.json;
  render_text(json, BYTES("token"), token);
  render_text(json, BYTES("token_type"), BYTES("Bearer"));
  render_text(json, BYTES("user_id"), account->user_id);
  render_text(json, BYTES("username"), account->username);
  render_text(json, BYTES("display_name"), account->display_name);
  render_text(json, BYTES("role"), identity_role_name(account->role));
  render_integer(json, BYTES("expires_in"), JWT_LIFETIME_S);
  return render_end(&render);
}

/* Renders the answer, which becomes part of the commit. */
static void extend(void *context, struct plan *plan, const struct user_answer *answer)
{
  struct entry *entry = context;
  struct effect *effect = entry->effect;
  struct exchange *exchange = effect->exchange;
  const struct identity identity = {
      .user_id = answer->account.user_id,
      .username = answer->account.username,
      .role = answer->account.role,
  };
  struct bytes token;
  effect_resume(effect);
  if (!jwt_issue(shield_jwt(effect->api->shield), &identity, effect->now_ms / MS_PER_S,
                 &exchange->arena, &token))
    return;
  entry->body = render_entry(exchange, &answer->account, token);
  entry->stored = entry->body.data != NULL &&
                  (!effect->keyed || idempotency_add(effect->api->sale, plan, &effect->idempotency,
                                                     entry->status, entry->body, effect->now_ms));
}

/* {"field","reason","fields":{...}} of {name: reason, ...}. */
static struct bytes field_details(struct exchange *exchange, struct bytes fields)
{
  struct json_reader reader;
  struct bytes field;
  struct bytes reason;
  json_reader_init(&reader, fields, &exchange->arena);
  if (!json_read_object(&reader) || !json_read_key(&reader, &field) ||
      !json_read_string(&reader, &reason))
    return (struct bytes){NULL, 0};
  struct render render;
  render_begin(&render, exchange);
  render_text(&render.json, BYTES("field"), field);
  render_text(&render.json, BYTES("reason"), reason);
  json_write_key(&render.json, BYTES("fields"));
  json_write_raw(&render.json, fields);
  return render_end(&render);
}

static void refuse(struct effect *effect, const struct user_answer *answer)
{
  struct exchange *exchange = effect->exchange;
  const struct user_refusal_row *row = user_refusal_row(answer->refusal);
  if (row->status == 0) {
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, (struct bytes){NULL, 0});
    return;
  }
  struct bytes details = answer->refusal == USER_INVALID ? field_details(exchange, answer->details)
                                                         : (struct bytes){NULL, 0};
  exchange_reply_error(exchange, row->status, row->code, bytes_of_text(row->message), details);
  if (row->status == 503) exchange_add_header(exchange, BYTES("retry-after"), BYTES("1"));
  effect_abandon(effect);
}

static void done(void *context, const struct user_answer *answer)
{
  struct entry *entry = context;
  struct effect *effect = entry->effect;
  struct exchange *exchange = effect->exchange;
  if (answer->refusal != USER_OK) {
    refuse(effect, answer);
    return;
  }
  if (!entry->stored) {
    /* The account is there; whoever registered it logs in. */
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, (struct bytes){NULL, 0});
    return;
  }
  exchange_reply_json(exchange, entry->status, entry->body);
  exchange_wait_for(exchange, answer->sequence);
  effect_abandon(effect);
}

/* NULL: refused. */
static struct entry *begin(struct effect *effect, uint16_t status)
{
  if (!effect_defer(effect)) return NULL;
  struct entry *entry = arena_alloc(&effect->exchange->arena, sizeof *entry);
  if (entry == NULL) {
    effect_refuse(effect, SALE_UNAVAILABLE, NULL, (struct bytes){NULL, 0});
    return NULL;
  }
  *entry = (struct entry){
      .request = {.arena = &effect->exchange->arena, .extend = extend, .done = done},
      .effect = effect,
      .status = status,
  };
  entry->request.context = entry;
  return entry;
}

/* ---- register ---- */

static const struct body_field REGISTER_FIELDS[] = {
    {"username", BODY_TEXT, offsetof(struct user_registration, username), 0, FIELD_BYTES,
     BODY_OPTIONAL},
    {"password", BODY_TEXT, offsetof(struct user_registration, password), 0, FIELD_BYTES,
     BODY_OPTIONAL},
    {"email", BODY_TEXT, offsetof(struct user_registration, email), 0, FIELD_BYTES, BODY_OPTIONAL},
    {"display_name", BODY_TEXT, offsetof(struct user_registration, display_name), 0, FIELD_BYTES,
     BODY_OPTIONAL},
};

/* A refused rate changes nothing and is not kept. */
static bool limit(struct effect *effect, enum rate_kind kind, struct bytes name)
{
  if (shield_limit(effect->api->shield, effect->exchange, kind, name)) return true;
  effect_abandon(effect);
  return false;
}

void api_register(struct exchange *exchange)
{
  struct user_registration registration;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL ||
      !body_read(exchange, REGISTER_FIELDS, COUNT(REGISTER_FIELDS), &registration) ||
      !limit(effect, RATE_REGISTER_ADDRESS, (struct bytes){NULL, 0}))
    return;
  struct entry *entry = begin(effect, 201);
  if (entry != NULL) user_register(effect->api->users, &entry->request, &registration);
}

/* ---- login ---- */

struct login_body {
  struct bytes username, password;
};

static const struct body_field LOGIN_FIELDS[] = {
    {"username", BODY_TEXT, offsetof(struct login_body, username), 1, FIELD_BYTES, BODY_REQUIRED},
    {"password", BODY_TEXT, offsetof(struct login_body, password), 1, FIELD_BYTES, BODY_REQUIRED},
};

void api_login(struct exchange *exchange)
{
  struct login_body body;
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, LOGIN_FIELDS, COUNT(LOGIN_FIELDS), &body) ||
      !limit(effect, RATE_LOGIN_ADDRESS, (struct bytes){NULL, 0}) ||
      !limit(effect, RATE_LOGIN_USER, body.username))
    return;
  struct entry *entry = begin(effect, 200);
  if (entry != NULL) user_login(effect->api->users, &entry->request, body.username, body.password);
}
