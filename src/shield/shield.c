#include "shield/shield.h"

#include "base/check.h"
#include "net/address.h"

#include <stdio.h>

enum {
  V6_CUSTOMER_BITS = 64,
  NAME_BYTES = 64, /* of a name that is limited; longer ones are nobody's */
  NUMBER_BYTES = 24,
  MS_PER_S = 1000,
};

struct shield {
  struct memory *memory;
  const struct loop *loop;
  struct jwt *jwt;
  struct rate_limits *limits;
};

struct shield *shield_open(struct world *world, const struct loop *loop, struct bytes jwt_secret,
                           const struct rate_row rows[RATE_KINDS], struct error *error)
{
  struct shield *shield = memory_alloc_zeroed(&world->memory, sizeof *shield);
  if (shield == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the shield");
    return NULL;
  }
  shield->memory = &world->memory;
  shield->loop = loop;
  shield->jwt = jwt_new(world, jwt_secret, error);
  if (shield->jwt != NULL) {
    shield->limits = rate_limits_new(world, rows);
    if (shield->limits != NULL) return shield;
    error_set(error, ERROR_NO_MEMORY, "no memory for rate limits: give them fewer keys");
  }
  shield_close(shield);
  return NULL;
}

void shield_close(struct shield *shield)
{
  if (shield == NULL) return;
  jwt_free(shield->jwt);
  rate_limits_free(shield->limits);
  memory_free(shield->memory, shield, sizeof *shield);
}

struct jwt *shield_jwt(struct shield *shield)
{
  return shield->jwt;
}

/* ---- rates ---- */

/* Sets a header to a number, also if it is there already. Without memory the reply lacks it. */
static void set_number(struct exchange *exchange, struct bytes name, uint64_t number)
{
  char *text = arena_alloc(&exchange->arena, NUMBER_BYTES);
  if (text == NULL) return;
  int size = snprintf(text, NUMBER_BYTES, "%llu", (unsigned long long)number);
  struct bytes value = bytes_of(text, (size_t)size);
  for (uint32_t i = 0; i < exchange->reply.header_count; i++) {
    struct http_header *header = &exchange->reply.headers[i];
    if (!bytes_equal(header->name, name)) continue;
    header->value = value;
    return;
  }
  exchange_add_header(exchange, name, value);
}

static void tell_rate(const struct shield *shield, struct exchange *exchange,
                      const struct rate_decision *decision)
{
  uint64_t now_s = (uint64_t)(shield->loop->clock_ms / MS_PER_S);
  set_number(exchange, BYTES("x-ratelimit-limit"), decision->limit);
  set_number(exchange, BYTES("x-ratelimit-remaining"), decision->remaining);
  set_number(exchange, BYTES("x-ratelimit-reset"), now_s + decision->reset_s);
}

/* Takes one, and remembers the tightest decision of the exchange. False: it is refused. */
static bool take(struct shield *shield, struct exchange *exchange, enum rate_kind kind,
                 struct bytes key, struct rate_decision *tightest)
{
  struct rate_decision decision;
  bool allowed = rate_take(shield->limits, kind, key, shield->loop->now_ms, &decision);
  if (decision.limited &&
      (!allowed || !tightest->limited || decision.remaining < tightest->remaining))
    *tightest = decision;
  if (allowed) return true;
  tell_rate(shield, exchange, tightest);
  exchange_refuse(exchange, REFUSAL_RATE_LIMITED);
  set_number(exchange, BYTES("retry-after"), decision.retry_after_s);
  return false;
}

/* What counts as one client. */
static struct bytes client_key(const struct exchange *exchange, struct address *address)
{
  struct bytes text = bytes_of_text(exchange->client);
  if (!address_parse(text, address)) return text;
  if (!address_is_v4(address)) *address = address_prefix(address, V6_CUSTOMER_BITS);
  return bytes_of(address->bytes, ADDRESS_BYTES);
}

bool shield_limit(struct shield *shield, struct exchange *exchange, enum rate_kind kind,
                  struct bytes name)
{
  CHECK(kind == RATE_LOGIN_USER || name.size == 0);
  struct address address;
  struct bytes client = client_key(exchange, &address);
  uint8_t key[WORLD_HOST_BYTES + NAME_BYTES];
  size_t size = client.size;
  memcpy(key, client.data, client.size);
  for (size_t i = 0; i < name.size && i < NAME_BYTES; i++) {
    uint8_t byte = name.data[i];
    key[size++] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 'a' - 'A') : byte;
  }
  struct rate_decision tightest = {0};
  return take(shield, exchange, kind, bytes_of(key, size), &tightest);
}

/* ---- tokens ---- */

/* RFC 6750 3: with an error only when there were credentials. */
static bool challenge(struct exchange *exchange, enum jwt_refusal refusal)
{
  struct bytes no_details = {NULL, 0};
  if (refusal == JWT_NO_MEMORY) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    return false;
  }
  exchange_reply_error(exchange, 401, "UNAUTHORIZED", bytes_of_text(jwt_refusal_message(refusal)),
                       no_details);
  exchange->reply.refusal = REFUSAL_UNAUTHORIZED;
  exchange_add_header(exchange, BYTES("www-authenticate"),
                      BYTES("Bearer realm=\"traffic-tacos\", error=\"invalid_token\""));
  return false;
}

static bool ask_for_token(struct exchange *exchange)
{
  exchange_refuse(exchange, REFUSAL_UNAUTHORIZED);
  exchange_add_header(exchange, BYTES("www-authenticate"), BYTES("Bearer realm=\"traffic-tacos\""));
  return false;
}

/* RFC 6750 2.1 and RFC 9110 11.4: "Bearer" in any case, spaces, the token. */
static bool read_bearer(struct bytes field, struct bytes *token)
{
  static const char SCHEME[] = "bearer";
  size_t size = sizeof SCHEME - 1;
  if (field.size <= size || strncasecmp((const char *)field.data, SCHEME, size) != 0 ||
      field.data[size] != ' ')
    return false;
  while (size < field.size && field.data[size] == ' ') size++;
  *token = bytes_of(field.data + size, field.size - size);
  return token->size > 0;
}

static bool identify(struct shield *shield, struct exchange *exchange, struct bytes field)
{
  struct bytes token;
  if (!read_bearer(field, &token)) return challenge(exchange, JWT_MALFORMED);
  struct identity *identity = arena_alloc(&exchange->arena, sizeof *identity);
  if (identity == NULL) return challenge(exchange, JWT_NO_MEMORY);
  int64_t now_s = shield->loop->clock_ms / MS_PER_S;
  enum jwt_refusal refusal = jwt_verify(shield->jwt, token, now_s, &exchange->arena, identity);
  if (refusal != JWT_OK) return challenge(exchange, refusal);
  exchange->identity = identity;
  return true;
}

/* Whoever is not named here is refused. */
static bool check_auth(struct shield *shield, struct exchange *exchange, enum route_auth auth,
                       struct rate_decision *tightest)
{
  struct bytes field = exchange->head.fields[HTTP_AUTHORIZATION];
  switch (auth) {
  case AUTH_NONE:
  case AUTH_SIGNATURE:
    return true;
  case AUTH_OPTIONAL:
    if (field.data == NULL) return true;
    break;
  case AUTH_USER:
  case AUTH_ADMIN:
    break;
  }
  if (field.data == NULL) return ask_for_token(exchange);
  if (!identify(shield, exchange, field)) return false;
  const struct identity *identity = shield_identity(exchange);
  if (!take(shield, exchange, RATE_API_USER, identity->user_id, tightest)) return false;
  if (auth != AUTH_ADMIN || identity->role == ROLE_ADMIN) return true;
  exchange_refuse(exchange, REFUSAL_FORBIDDEN);
  return false;
}

static bool is_counted(const struct exchange *exchange)
{
  return exchange->head.method != HTTP_OPTIONS &&
         bytes_starts_with(exchange->head.path, BYTES("/api/"));
}

bool shield_admit(struct shield *shield, struct exchange *exchange)
{
  struct rate_decision tightest = {0};
  struct address address;
  exchange->identity = NULL;
  if (is_counted(exchange) &&
      !take(shield, exchange, RATE_API_ADDRESS, client_key(exchange, &address), &tightest))
    return false;
  const struct route *route = exchange->match.route;
  bool admitted = route == NULL || check_auth(shield, exchange, route->auth, &tightest);
  /* A refusal for its rate has told already. */
  if (tightest.limited && tightest.allowed) tell_rate(shield, exchange, &tightest);
  if (!admitted) exchange->identity = NULL;
  return admitted;
}
