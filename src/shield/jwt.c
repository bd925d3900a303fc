#include "shield/jwt.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "shield/jwt_cache.h"

enum {
  MAC_BYTES = HASH_SHA256_BYTES,
  MAC_TEXT_BYTES = 43,    /* of its base64url */
  SIGNATURE_BYTES = 1024, /* RSA of 8,192 bits */
};

/* What jwt_issue writes, and what nearly all tokens begin with: {"alg":"HS256","typ":"JWT"}. */
static const struct bytes OUR_HEADER = {(const uint8_t *)"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
                                        36};

struct jwt {
  struct memory *memory;
  struct hash_key *key;
  const struct jwks *keys;
  struct jwt_cache *cache;
};

static const struct {
  const char *name;
  const char *message;
} REFUSALS[JWT_REFUSALS] = {
    [JWT_OK] = {"ok", ""},
    [JWT_SIZE] = {"size", "the token is longer than 4,096 bytes: it is none of ours"},
    [JWT_MALFORMED] = {"malformed", "the token is not a JSON Web Token: log in to get one"},
    [JWT_ALGORITHM] = {"algorithm", "the token is signed in a way that is not taken here: use "
                                    "HS256, RS256 or ES256"},
    [JWT_KEY] = {"key", "the token is signed with a key that is not known here: log in again"},
    [JWT_SIGNATURE] = {"signature", "the token's signature is wrong: log in again"},
    [JWT_CLAIMS] = {"claims", "the token lacks a claim, or has one that is not as it should be: "
                              "log in again"},
    [JWT_ISSUER_WRONG] = {"issuer", "the token is from another issuer: log in here"},
    [JWT_AUDIENCE_WRONG] = {"audience", "the token is for another service: log in here"},
    [JWT_EXPIRED] = {"expired", "the token has expired: log in again"},
    [JWT_NOT_YET] = {"not_yet", "the token is not valid yet: try again later"},
    [JWT_NO_MEMORY] = {"no_memory", "no memory is free: try again in a moment"},
};

const char *jwt_refusal_name(enum jwt_refusal refusal)
{
  CHECK(refusal >= JWT_OK && refusal < JWT_REFUSALS);
  return REFUSALS[refusal].name;
}

const char *jwt_refusal_message(enum jwt_refusal refusal)
{
  CHECK(refusal >= JWT_OK && refusal < JWT_REFUSALS);
  return REFUSALS[refusal].message;
}

/* ---- life ---- */

struct jwt *jwt_new(struct world *world, struct bytes secret, struct error *error)
{
  CHECK_THAT(secret.size, >=, JWT_SECRET_BYTES_MIN);
  struct jwt *jwt = memory_alloc_zeroed(&world->memory, sizeof *jwt);
  if (jwt != NULL) {
    jwt->memory = &world->memory;
    jwt->cache = jwt_cache_new(world);
    if (jwt->cache != NULL) jwt->key = hash_key_new(secret);
    if (jwt->key != NULL) return jwt;
    jwt_free(jwt);
  }
  error_set(error, ERROR_NO_MEMORY, "no memory to verify tokens");
  return NULL;
}

void jwt_free(struct jwt *jwt)
{
  if (jwt == NULL) return;
  hash_key_free(jwt->key);
  jwt_cache_free(jwt->cache);
  memory_free(jwt->memory, jwt, sizeof *jwt);
}

void jwt_use_keys(struct jwt *jwt, const struct jwks *keys)
{
  jwt->keys = keys;
  jwt_cache_clear(jwt->cache);
}

/* ---- issuing ---- */

static void write_text(struct json_writer *writer, struct bytes name, struct bytes text)
{
  json_write_key(writer, name);
  json_write_string(writer, text);
}

static bool write_claims(const struct identity *identity, int64_t now_s, struct buffer *claims)
{
  struct json_writer writer;
  json_writer_init(&writer, claims);
  json_write_object_begin(&writer);
  write_text(&writer, BYTES("sub"), identity->user_id);
  write_text(&writer, BYTES("user_id"), identity->user_id);
  write_text(&writer, BYTES("username"), identity->username);
  write_text(&writer, BYTES("role"), identity_role_name(identity->role));
  json_write_key(&writer, BYTES("iat"));
  json_write_integer(&writer, now_s);
  json_write_key(&writer, BYTES("exp"));
  json_write_integer(&writer, now_s + JWT_LIFETIME_S);
  write_text(&writer, BYTES("iss"), BYTES(JWT_ISSUER));
  write_text(&writer, BYTES("aud"), BYTES(JWT_AUDIENCE));
  json_write_object_end(&writer);
  return json_writer_finish(&writer);
}

bool jwt_issue(const struct jwt *jwt, const struct identity *identity, int64_t now_s,
               struct arena *arena, struct bytes *token)
{
  CHECK(identity->user_id.size > 0 && identity->user_id.size <= IDENTITY_USER_ID_BYTES);
  CHECK(identity->username.size <= IDENTITY_USERNAME_BYTES);
  struct buffer claims;
  buffer_init(&claims, arena->memory);
  char *text = NULL;
  size_t size = 0;
  if (write_claims(identity, now_s, &claims))
    text = arena_alloc(arena, OUR_HEADER.size + 1 + encode_base64url_size(claims.size) + 1 +
                                  MAC_TEXT_BYTES);
  if (text != NULL) {
    memcpy(text, OUR_HEADER.data, OUR_HEADER.size);
    size = OUR_HEADER.size;
    text[size++] = '.';
    size += encode_to_base64url(buffer_bytes(&claims), text + size);
    uint8_t mac[MAC_BYTES];
    hash_key_mac(jwt->key, &(struct bytes){(const uint8_t *)text, size}, 1, mac);
    text[size++] = '.';
    size += encode_to_base64url(bytes_of(mac, sizeof mac), text + size);
    CHECK_THAT(size, <=, JWT_BYTES_MAX);
  }
  buffer_free(&claims);
  *token = bytes_of(text, size);
  return text != NULL;
}

/* ---- the parts of a token ---- */

/* RFC 7515 7.1: header . payload . signature, each in base64url. */
struct parts {
  struct bytes header;
  struct bytes payload;
  struct bytes signature;
  struct bytes signed_input; /* header . payload */
};

/* What the header says about the signature. */
struct header {
  struct bytes algorithm;
  struct bytes kid; /* data NULL: absent */
};

static bool split(struct bytes token, struct parts *parts)
{
  const uint8_t *end = token.data + token.size;
  const uint8_t *first = memchr(token.data, '.', token.size);
  if (first == NULL) return false;
  const uint8_t *second = memchr(first + 1, '.', (size_t)(end - first - 1));
  if (second == NULL) return false;
  parts->header = bytes_of(token.data, (size_t)(first - token.data));
  parts->payload = bytes_of(first + 1, (size_t)(second - first - 1));
  parts->signature = bytes_of(second + 1, (size_t)(end - second - 1));
  parts->signed_input = bytes_of(token.data, (size_t)(second - token.data));
  /* A third dot is no character of base64url. */
  return parts->header.size > 0 && parts->payload.size > 0;
}

/* Decodes into the arena. */
static enum jwt_refusal decode(struct bytes text, struct arena *arena, struct bytes *decoded)
{
  uint8_t *to = arena_alloc(arena, text.size / 4 * 3 + 2);
  size_t size = 0;
  if (to == NULL) return JWT_NO_MEMORY;
  if (!encode_from_base64url(text, to, &size)) return JWT_MALFORMED;
  *decoded = bytes_of(to, size);
  return JWT_OK;
}

static enum jwt_refusal refuse_json(const struct json_reader *reader, enum jwt_refusal refusal)
{
  return reader->error.code == ERROR_NO_MEMORY ? JWT_NO_MEMORY : refusal;
}

/* RFC 8725 3.11: tokens for other uses say so in their type; one for access is RFC 9068's. */
static bool is_type_for_access(struct bytes type)
{
  static const struct bytes prefix = {(const uint8_t *)"application/", 12};
  static const char *const types[] = {"jwt", "at+jwt"};
  if (type.size > prefix.size &&
      strncasecmp((const char *)type.data, (const char *)prefix.data, prefix.size) == 0)
    type = bytes_of(type.data + prefix.size, type.size - prefix.size);
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (type.size == strlen(types[i]) &&
        strncasecmp((const char *)type.data, types[i], type.size) == 0)
      return true;
  return false;
}

static enum jwt_refusal read_header(struct bytes text, struct arena *arena, struct header *header)
{
  if (text.size > JWT_HEADER_BYTES) return JWT_MALFORMED;
  struct bytes json;
  enum jwt_refusal refusal = decode(text, arena, &json);
  if (refusal != JWT_OK) return refusal;
  struct json_reader reader;
  struct bytes name;
  struct bytes type = {NULL, 0};
  json_reader_init(&reader, json, arena);
  (void)json_read_object(&reader);
  while (json_read_key(&reader, &name)) {
    if (bytes_equal(name, BYTES("alg")))
      (void)json_read_string(&reader, &header->algorithm);
    else if (bytes_equal(name, BYTES("kid")))
      (void)json_read_string(&reader, &header->kid);
    else if (bytes_equal(name, BYTES("typ")))
      (void)json_read_string(&reader, &type);
    else if (bytes_equal(name, BYTES("crit")))
      return JWT_MALFORMED; /* RFC 7515 4.1.11: it needs what is not understood here */
    else
      (void)json_skip(&reader);
  }
  if (!json_read_end(&reader)) return refuse_json(&reader, JWT_MALFORMED);
  if (type.data != NULL && !is_type_for_access(type)) return JWT_MALFORMED;
  return header->algorithm.data == NULL ? JWT_MALFORMED : JWT_OK;
}

/* ---- signatures ---- */

static enum jwt_refusal check_secret(const struct jwt *jwt, const struct parts *parts)
{
  uint8_t given[MAC_TEXT_BYTES / 4 * 3 + 2];
  uint8_t mac[MAC_BYTES];
  size_t size = 0;
  if (parts->signature.size != MAC_TEXT_BYTES) return JWT_SIGNATURE;
  if (!encode_from_base64url(parts->signature, given, &size)) return JWT_MALFORMED;
  CHECK_THAT(size, ==, MAC_BYTES);
  hash_key_mac(jwt->key, &parts->signed_input, 1, mac);
  bool equal = hash_equal_constant_time(bytes_of(given, size), bytes_of(mac, sizeof mac));
  return equal ? JWT_OK : JWT_SIGNATURE;
}

static enum jwt_refusal check_key(const struct jwt *jwt, const struct parts *parts,
                                  enum jwks_algorithm algorithm, struct bytes kid)
{
  uint8_t signature[SIGNATURE_BYTES + 2];
  size_t size = 0;
  const struct jwks_key *key = jwt->keys == NULL ? NULL : jwks_find(jwt->keys, algorithm, kid);
  if (key == NULL) return JWT_KEY;
  if (parts->signature.size > encode_base64url_size(SIGNATURE_BYTES)) return JWT_SIGNATURE;
  if (!encode_from_base64url(parts->signature, signature, &size)) return JWT_MALFORMED;
  return jwks_verify(key, parts->signed_input, bytes_of(signature, size)) ? JWT_OK : JWT_SIGNATURE;
}

static enum jwt_refusal check_signature(const struct jwt *jwt, const struct parts *parts,
                                        struct arena *arena)
{
  if (bytes_equal(parts->header, OUR_HEADER)) return check_secret(jwt, parts);
  struct header header = {0};
  enum jwt_refusal refusal = read_header(parts->header, arena, &header);
  if (refusal != JWT_OK) return refusal;
  /* RFC 8725 3.1: a name stands for one algorithm and its own kind of keys. */
  if (bytes_equal(header.algorithm, BYTES("HS256"))) return check_secret(jwt, parts);
  if (bytes_equal(header.algorithm, BYTES("RS256")))
    return check_key(jwt, parts, JWKS_RS256, header.kid);
  if (bytes_equal(header.algorithm, BYTES("ES256")))
    return check_key(jwt, parts, JWKS_ES256, header.kid);
  return JWT_ALGORITHM;
}

/* ---- claims ---- */

/* Data NULL: absent. */
struct claims {
  struct bytes subject;
  struct bytes user_id;
  struct bytes username;
  struct bytes role;
  struct bytes issuer;
  bool for_us; /* our audience is among its */
  bool has_expiry;
  int64_t expires_s;
  int64_t not_before_s;
  int64_t issued_s;
};

/* RFC 7519 2, NumericDate: seconds, maybe with a fraction, which is dropped. */
static bool read_date(struct json_reader *reader, int64_t *date_s)
{
  enum json_token token = json_next(reader);
  if (token == JSON_INTEGER) {
    *date_s = reader->integer;
    return true;
  }
  if (token != JSON_NUMBER) return json_refuse(reader, "must be a number of seconds");
  int64_t seconds = 0;
  size_t i = 0;
  for (; i < reader->text.size && reader->text.data[i] != '.'; i++) {
    uint8_t digit = (uint8_t)(reader->text.data[i] - '0');
    if (digit > 9 || seconds > INT64_MAX / 10 - 1)
      return json_refuse(reader, "must be a number of seconds");
    seconds = seconds * 10 + digit;
  }
  for (; i < reader->text.size; i++)
    if ((reader->text.data[i] | 0x20) == 'e')
      return json_refuse(reader, "must be a number of seconds");
  *date_s = seconds;
  return true;
}

/* RFC 7519 4.1.3: a string, or an array of them. */
static bool read_audience(struct json_reader *reader, struct claims *claims)
{
  enum json_token token = json_next(reader);
  bool one = token == JSON_STRING;
  if (!one && token != JSON_ARRAY_BEGIN) return json_refuse(reader, "must be a string or an array");
  if (!one) token = json_next(reader);
  for (; token == JSON_STRING; token = json_next(reader)) {
    if (bytes_equal(reader->text, BYTES(JWT_AUDIENCE))) claims->for_us = true;
    if (one) return true;
  }
  return token == JSON_ARRAY_END || json_refuse(reader, "must be an array of strings");
}

static bool read_claim(struct json_reader *reader, struct bytes name, struct claims *claims)
{
  const struct {
    struct bytes name;
    struct bytes *text;
  } texts[] = {
      {BYTES("sub"), &claims->subject},       {BYTES("user_id"), &claims->user_id},
      {BYTES("username"), &claims->username}, {BYTES("role"), &claims->role},
      {BYTES("iss"), &claims->issuer},
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (bytes_equal(name, texts[i].name)) return json_read_string(reader, texts[i].text);
  if (bytes_equal(name, BYTES("exp"))) {
    claims->has_expiry = true;
    return read_date(reader, &claims->expires_s);
  }
  if (bytes_equal(name, BYTES("nbf"))) return read_date(reader, &claims->not_before_s);
  if (bytes_equal(name, BYTES("iat"))) return read_date(reader, &claims->issued_s);
  if (bytes_equal(name, BYTES("aud"))) return read_audience(reader, claims);
  return json_skip(reader);
}

/* What becomes part of keys and logs: no control characters. */
static bool is_plain_text(struct bytes text, size_t max)
{
  if (text.size > max) return false;
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] < 0x20 || text.data[i] == 0x7F) return false;
  return true;
}

static bool identify(const struct claims *claims, struct identity *identity)
{
  identity->user_id = claims->user_id.data != NULL ? claims->user_id : claims->subject;
  identity->username = claims->username;
  identity->role = ROLE_USER;
  return identity->user_id.size > 0 && is_plain_text(identity->user_id, IDENTITY_USER_ID_BYTES) &&
         is_plain_text(identity->username, IDENTITY_USERNAME_BYTES) &&
         (claims->role.data == NULL || identity_role_parse(claims->role, &identity->role));
}

static enum jwt_refusal check_claims(const struct claims *claims, int64_t now_s)
{
  if (!claims->has_expiry || claims->expires_s < 0) return JWT_CLAIMS;
  if (!bytes_equal(claims->issuer, BYTES(JWT_ISSUER))) return JWT_ISSUER_WRONG;
  if (!claims->for_us) return JWT_AUDIENCE_WRONG;
  /* RFC 7519 4.1.4: on or after exp it is not accepted. */
  if (now_s - JWT_LEEWAY_S >= claims->expires_s) return JWT_EXPIRED;
  if (claims->not_before_s > now_s + JWT_LEEWAY_S) return JWT_NOT_YET;
  return JWT_OK;
}

/* *until_s: when it begins to be refused. */
static enum jwt_refusal read_claims(struct bytes text, int64_t now_s, struct arena *arena,
                                    struct identity *identity, int64_t *until_s)
{
  struct bytes json;
  enum jwt_refusal refusal = decode(text, arena, &json);
  if (refusal != JWT_OK) return refusal;
  struct json_reader reader;
  struct claims claims = {0};
  struct bytes name;
  json_reader_init(&reader, json, arena);
  (void)json_read_object(&reader);
  while (json_read_key(&reader, &name))
    if (!read_claim(&reader, name, &claims)) break;
  if (!json_read_end(&reader)) return refuse_json(&reader, JWT_CLAIMS);
  refusal = check_claims(&claims, now_s);
  if (refusal != JWT_OK) return refusal;
  if (!identify(&claims, identity)) return JWT_CLAIMS;
  *until_s = claims.expires_s > INT64_MAX - JWT_LEEWAY_S ? INT64_MAX
                                                         : claims.expires_s + JWT_LEEWAY_S;
  return JWT_OK;
}

/* ---- verifying ---- */

static enum jwt_refusal find_verified(const struct jwt *jwt, struct bytes token, int64_t now_s,
                                      struct arena *arena, struct identity *identity, bool *found)
{
  struct identity kept;
  *found = jwt_cache_find(jwt->cache, token, now_s, &kept);
  if (!*found) return JWT_OK;
  identity->role = kept.role;
  identity->user_id = arena_copy(arena, kept.user_id);
  identity->username = arena_copy(arena, kept.username);
  bool copied = identity->user_id.data != NULL && identity->username.data != NULL;
  return copied ? JWT_OK : JWT_NO_MEMORY;
}

enum jwt_refusal jwt_verify(struct jwt *jwt, struct bytes token, int64_t now_s, struct arena *arena,
                            struct identity *identity)
{
  struct parts parts;
  bool found;
  int64_t until_s = 0;
  *identity = (struct identity){0};
  if (token.size > JWT_BYTES_MAX) return JWT_SIZE;
  if (token.size == 0) return JWT_MALFORMED;
  enum jwt_refusal refusal = find_verified(jwt, token, now_s, arena, identity, &found);
  if (found) return refusal;
  if (!split(token, &parts)) return JWT_MALFORMED;
  refusal = check_signature(jwt, &parts, arena);
  if (refusal != JWT_OK) return refusal;
  refusal = read_claims(parts.payload, now_s, arena, identity, &until_s);
  if (refusal == JWT_OK)
    jwt_cache_put(jwt->cache, token, until_s, identity);
  else
    *identity = (struct identity){0};
  return refusal;
}
