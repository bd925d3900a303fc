#include "shield/jwks.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/json.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum {
  P256_BYTES = 32, /* of a coordinate */
  DER_BYTES = 80,  /* of an ES256 signature: at most 72 */
  RSA_MODULUS_BYTES = JWKS_RSA_BITS_MAX / 8,
  RSA_EXPONENT_BYTES = 4, /* 65537 nearly everywhere */
};

struct jwks_key {
  struct bytes kid; /* data NULL: none */
  enum jwks_algorithm algorithm;
  EVP_PKEY *key;
};

struct jwks {
  struct memory *memory;
  struct arena arena; /* kids */
  size_t count;
  struct jwks_key keys[JWKS_KEYS_MAX];
};

/* A key's members as they are written. */
enum member {
  MEMBER_KTY,
  MEMBER_KID,
  MEMBER_USE,
  MEMBER_ALG,
  MEMBER_CRV,
  MEMBER_X,
  MEMBER_Y,
  MEMBER_N,
  MEMBER_E,
  MEMBER_D, /* RFC 7518 6.2.2 and 6.3.2: what makes it a private key */
  MEMBER_K, /* 6.4: a symmetric one */
  MEMBER_COUNT,
};

static const char *const MEMBERS[MEMBER_COUNT] = {"kty", "kid", "use", "alg", "crv", "x",
                                                  "y",   "n",   "e",   "d",   "k"};

struct jwk {
  struct bytes members[MEMBER_COUNT]; /* data NULL: absent */
  bool has_operations;
  bool may_verify; /* key_ops has "verify" */
};

/* ---- reading ---- */

static bool read_operations(struct json_reader *reader, struct jwk *jwk)
{
  struct bytes operation;
  jwk->has_operations = true;
  if (!json_read_array(reader)) return false;
  while (json_read_element(reader)) {
    if (!json_read_string(reader, &operation)) return false;
    if (bytes_equal(operation, BYTES("verify"))) jwk->may_verify = true;
  }
  return reader->error.code == ERROR_NONE;
}

static bool read_member(struct json_reader *reader, struct bytes name, struct jwk *jwk)
{
  if (bytes_equal(name, BYTES("key_ops"))) return read_operations(reader, jwk);
  for (enum member i = 0; i < MEMBER_COUNT; i++)
    if (bytes_equal(name, bytes_of_text(MEMBERS[i])))
      return json_read_string(reader, &jwk->members[i]);
  return json_skip(reader);
}

static bool member_is(const struct jwk *jwk, enum member member, const char *text)
{
  return bytes_equal(jwk->members[member], bytes_of_text(text));
}

/* Absent, or this. */
static bool member_allows(const struct jwk *jwk, enum member member, const char *text)
{
  return jwk->members[member].data == NULL || member_is(jwk, member, text);
}

/* Whether it is a key that verifies tokens in one of our ways, and in which. */
static bool is_ours(const struct jwk *jwk, enum jwks_algorithm *algorithm)
{
  if (!member_allows(jwk, MEMBER_USE, "sig")) return false;
  if (jwk->has_operations && !jwk->may_verify) return false;
  if (member_is(jwk, MEMBER_KTY, "RSA")) {
    *algorithm = JWKS_RS256;
    return member_allows(jwk, MEMBER_ALG, "RS256");
  }
  *algorithm = JWKS_ES256;
  return member_is(jwk, MEMBER_KTY, "EC") && member_is(jwk, MEMBER_CRV, "P-256") &&
         member_allows(jwk, MEMBER_ALG, "ES256");
}

/* ---- keys ---- */

/* A number (RFC 7518 2: Base64urlUInt without leading zeros), or a coordinate of fixed size. */
static bool decode(struct bytes text, uint8_t *to, size_t capacity, size_t *size)
{
  if (text.size == 0 || text.size > encode_base64url_size(capacity)) return false;
  return encode_from_base64url(text, to, size) && *size > 0 && *size <= capacity;
}

static EVP_PKEY *key_of(const char *type, OSSL_PARAM *parameters)
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
  EVP_PKEY *key = NULL;
  if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
    key = NULL;
  EVP_PKEY_CTX_free(context);
  return key;
}

/* The modulus is odd and the exponent is odd and above 1, or nothing could be signed with it. */
static EVP_PKEY *make_rsa(const struct jwk *jwk, const char **wrong)
{
  uint8_t modulus[RSA_MODULUS_BYTES + 2];
  uint8_t exponent[RSA_EXPONENT_BYTES + 2];
  size_t modulus_size = 0;
  size_t exponent_size = 0;
  *wrong = "n and e must be base64url of an RSA key of 2,048 to 8,192 bits";
  if (!decode(jwk->members[MEMBER_N], modulus, RSA_MODULUS_BYTES, &modulus_size) ||
      !decode(jwk->members[MEMBER_E], exponent, RSA_EXPONENT_BYTES, &exponent_size) ||
      modulus[0] == 0 || exponent[0] == 0 || (modulus[modulus_size - 1] & 1) == 0 ||
      (exponent[exponent_size - 1] & 1) == 0 || (exponent_size == 1 && exponent[0] == 1))
    return NULL;
  BIGNUM *n = BN_bin2bn(modulus, (int)modulus_size, NULL);
  BIGNUM *e = BN_bin2bn(exponent, (int)exponent_size, NULL);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM *parameters = NULL;
  EVP_PKEY *key = NULL;
  bool long_enough = n == NULL || BN_num_bits(n) >= JWKS_RSA_BITS_MIN;
  if (n != NULL && e != NULL && builder != NULL && long_enough &&
      OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
      OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
    parameters = OSSL_PARAM_BLD_to_param(builder);
  if (parameters != NULL) key = key_of("RSA", parameters);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  BN_free(e);
  BN_free(n);
  return key;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *make_p256(const struct jwk *jwk, const char **wrong)
{
  /* SEC 1 2.3.3: an uncompressed point; decoding may write two bytes more. */
  uint8_t point[1 + 2 * P256_BYTES + 2] = {POINT_CONVERSION_UNCOMPRESSED};
  size_t x_size = 0;
  size_t y_size = 0;
  *wrong = "x and y must be base64url of a point on P-256, 32 bytes each";
  if (!decode(jwk->members[MEMBER_X], point + 1, P256_BYTES, &x_size) || x_size != P256_BYTES ||
      !decode(jwk->members[MEMBER_Y], point + 1 + P256_BYTES, P256_BYTES, &y_size) ||
      y_size != P256_BYTES)
    return NULL;
  char group[] = "prime256v1";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * P256_BYTES),
      OSSL_PARAM_construct_end(),
  };
  return key_of("EC", parameters);
}

static EVP_PKEY *make_key(const struct jwk *jwk, enum jwks_algorithm algorithm, const char **wrong)
{
  EVP_PKEY *key = algorithm == JWKS_RS256 ? make_rsa(jwk, wrong) : make_p256(jwk, wrong);
  /* Reasons of OpenSSL's own are not asked for, and would be found by the next who asks. */
  if (key == NULL) ERR_clear_error();
  return key;
}

/* Whether a token could mean both: the same kid, or none for the same algorithm. */
static bool is_ambiguous(const struct jwks *keys, struct bytes kid, enum jwks_algorithm algorithm)
{
  for (size_t i = 0; i < keys->count; i++) {
    const struct jwks_key *other = &keys->keys[i];
    if (kid.data == NULL && other->kid.data == NULL && other->algorithm == algorithm) return true;
    if (kid.data != NULL && other->kid.data != NULL && bytes_equal(other->kid, kid)) return true;
  }
  return false;
}

static bool add_key(struct jwks *keys, const struct jwk *jwk, size_t place, struct error *error)
{
  enum jwks_algorithm algorithm;
  if (jwk->members[MEMBER_KTY].data == NULL)
    return error_set(error, ERROR_INVALID, "key %zu of the JWK Set has no kty", place);
  /* Secrets do not belong into a file that is meant to be published. */
  if (jwk->members[MEMBER_D].data != NULL || jwk->members[MEMBER_K].data != NULL)
    return error_set(error, ERROR_INVALID,
                     "key %zu of the JWK Set is a private or symmetric one: give the file with "
                     "the public keys",
                     place);
  if (!is_ours(jwk, &algorithm)) return true;
  if (keys->count == JWKS_KEYS_MAX)
    return error_set(error, ERROR_INVALID, "the JWK Set has more than %d keys for RS256 and ES256",
                     JWKS_KEYS_MAX);
  struct bytes kid = jwk->members[MEMBER_KID];
  if (kid.size > JWKS_KID_BYTES)
    return error_set(error, ERROR_INVALID, "the kid of key %zu of the JWK Set is too long", place);
  if (is_ambiguous(keys, kid, algorithm))
    return error_set(error, ERROR_INVALID,
                     "key %zu of the JWK Set has the kid of another one, or like another one "
                     "none: it would not be clear which one counts",
                     place);
  struct jwks_key *key = &keys->keys[keys->count];
  *key = (struct jwks_key){.algorithm = algorithm};
  if (kid.data != NULL) {
    key->kid = arena_copy(&keys->arena, kid);
    if (key->kid.data == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for keys");
  }
  const char *wrong = NULL;
  key->key = make_key(jwk, algorithm, &wrong);
  if (key->key == NULL)
    return error_set(error, ERROR_INVALID, "key %zu of the JWK Set: %s", place, wrong);
  keys->count++;
  return true;
}

static bool read_keys(struct json_reader *reader, struct jwks *keys, struct error *error)
{
  if (!json_read_array(reader)) return false;
  for (size_t place = 1; json_read_element(reader); place++) {
    struct jwk jwk = {0};
    struct bytes name;
    if (!json_read_object(reader)) return false;
    while (json_read_key(reader, &name))
      if (!read_member(reader, name, &jwk)) return false;
    if (reader->error.code != ERROR_NONE || !add_key(keys, &jwk, place, error)) return false;
  }
  return reader->error.code == ERROR_NONE;
}

/* False with *error. */
static bool read_set(struct json_reader *reader, struct jwks *keys, struct error *error)
{
  struct bytes name;
  bool found = false;
  *error = (struct error){0};
  bool read = json_read_object(reader);
  while (read && json_read_key(reader, &name)) {
    bool is_keys = bytes_equal(name, BYTES("keys"));
    read = is_keys ? read_keys(reader, keys, error) : json_skip(reader);
    if (is_keys) found = true;
  }
  if (read && json_read_end(reader)) {
    if (!found) return error_set(error, ERROR_INVALID, "the JWK Set has no \"keys\" (RFC 7517 5)");
    if (keys->count > 0) return true;
    return error_set(error, ERROR_INVALID, "the JWK Set has no key for RS256 or ES256");
  }
  if (error->code != ERROR_NONE) return false;
  bool no_memory = reader->error.code == ERROR_NO_MEMORY;
  return error_set(error, no_memory ? ERROR_NO_MEMORY : ERROR_INVALID, "the JWK Set: %s",
                   reader->error.message);
}

struct jwks *jwks_parse(struct memory *memory, struct bytes json, struct error *error)
{
  if (json.size > JWKS_FILE_BYTES) {
    error_set(error, ERROR_INVALID, "the JWK Set is larger than %d bytes", JWKS_FILE_BYTES);
    return NULL;
  }
  struct jwks *keys = memory_alloc_zeroed(memory, sizeof *keys);
  if (keys == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for keys");
    return NULL;
  }
  keys->memory = memory;
  arena_init(&keys->arena, memory);
  struct arena scratch;
  struct json_reader reader;
  arena_init(&scratch, memory);
  json_reader_init(&reader, json, &scratch);
  bool read = read_set(&reader, keys, error);
  arena_free(&scratch);
  if (read) return keys;
  jwks_free(keys);
  return NULL;
}

struct jwks *jwks_read(struct world *world, const char *path, struct error *error)
{
  struct jwks *keys = NULL;
  int file = world->operations->file_open(world, path, WORLD_OPEN_READ);
  if (file < 0) {
    error_set_errno(error, -file, "cannot open the JWK Set %s", path);
    return NULL;
  }
  uint8_t *text = memory_alloc(&world->memory, JWKS_FILE_BYTES + 1);
  int64_t size = text == NULL
                     ? 0
                     : world->operations->file_read(world, file, text, JWKS_FILE_BYTES + 1, 0);
  if (text == NULL)
    error_set(error, ERROR_NO_MEMORY, "no memory to read %s", path);
  else if (size < 0)
    error_set_errno(error, (int)-size, "cannot read the JWK Set %s", path);
  else
    keys = jwks_parse(&world->memory, bytes_of(text, (size_t)size), error);
  if (text != NULL) memory_free(&world->memory, text, JWKS_FILE_BYTES + 1);
  world->operations->file_close(world, file);
  return keys;
}

void jwks_free(struct jwks *keys)
{
  if (keys == NULL) return;
  for (size_t i = 0; i < keys->count; i++) EVP_PKEY_free(keys->keys[i].key);
  arena_free(&keys->arena);
  memory_free(keys->memory, keys, sizeof *keys);
}

size_t jwks_count(const struct jwks *keys)
{
  return keys->count;
}

/* ---- verifying ---- */

const struct jwks_key *jwks_find(const struct jwks *keys, enum jwks_algorithm algorithm,
                                 struct bytes kid)
{
  const struct jwks_key *found = NULL;
  for (size_t i = 0; i < keys->count; i++) {
    const struct jwks_key *key = &keys->keys[i];
    if (kid.data != NULL && !bytes_equal(key->kid, kid)) continue;
    if (kid.data != NULL && key->kid.data == NULL) continue; /* an empty kid is one too */
    if (key->algorithm != algorithm) continue;
    if (found != NULL) return NULL;
    found = key;
  }
  return found;
}

/* RFC 7518 3.4: R and S with their leading zeros; OpenSSL wants them as DER. False: no memory. */
static bool encode_der(struct bytes signature, uint8_t der[DER_BYTES], size_t *size)
{
  ECDSA_SIG *pair = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(signature.data, P256_BYTES, NULL);
  BIGNUM *s = BN_bin2bn(signature.data + P256_BYTES, P256_BYTES, NULL);
  if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return false;
  }
  uint8_t *next = der;
  int written = i2d_ECDSA_SIG(pair, NULL);
  CHECK(written > 0 && written <= DER_BYTES);
  CHECK_THAT(i2d_ECDSA_SIG(pair, &next), ==, written);
  ECDSA_SIG_free(pair);
  *size = (size_t)written;
  return true;
}

bool jwks_verify(const struct jwks_key *key, struct bytes input, struct bytes signature)
{
  uint8_t der[DER_BYTES];
  if (key->algorithm == JWKS_ES256) {
    size_t size = 0;
    if (signature.size != JWKS_ES256_BYTES || !encode_der(signature, der, &size)) return false;
    signature = bytes_of(der, size);
  }
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  /* RSASSA-PKCS1-v1_5 is what OpenSSL takes for an RSA key unless it is told otherwise. */
  bool verified =
      context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->key) == 1 &&
      EVP_DigestVerify(context, signature.data, signature.size, input.data, input.size) == 1;
  EVP_MD_CTX_free(context);
  if (!verified) ERR_clear_error();
  return verified;
}
