#include "shield/jwt.h"

#include "base/encode.h"
#include "sim/world_sim.h"
#include "unit/shield/jwk_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/x509.h>

enum { NOW_S = 1800000000 };

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define ISS   "\"iss\":\"traffic-tacos\""
#define AUD   "\"aud\":\"traffic-tacos-api\""
#define EXP   "\"exp\":1800000100"
#define GOOD  "\"sub\":\"u1\"," EXP "," ISS "," AUD

static const uint8_t SECRET[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

struct fixture {
  struct world_sim *sim;
  struct world *world;
  struct jwt *jwt;
  struct arena arena;
  struct identity identity;
  struct error error;
};

static void setup_with(struct fixture *fixture, struct bytes secret)
{
  *fixture = (struct fixture){.sim = world_sim_new(1)};
  fixture->world = world_sim_world(fixture->sim);
  arena_init(&fixture->arena, &fixture->world->memory);
  fixture->jwt = jwt_new(fixture->world, secret, &fixture->error);
  assert_non_null(fixture->jwt);
}

static void setup(struct fixture *fixture)
{
  setup_with(fixture, bytes_of(SECRET, sizeof SECRET));
}

static void teardown(struct fixture *fixture)
{
  jwt_free(fixture->jwt);
  arena_free(&fixture->arena);
  assert_int_equal(fixture->world->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

static enum jwt_refusal verify(struct fixture *fixture, const char *token, int64_t now_s)
{
  return jwt_verify(fixture->jwt, bytes_of_text(token), now_s, &fixture->arena, &fixture->identity);
}

/* Verified twice: by hand and, when it is good, out of the cache. */
static void expect(struct fixture *fixture, const char *token, enum jwt_refusal expected)
{
  for (int i = 0; i < 2; i++) {
    enum jwt_refusal refusal = verify(fixture, token, NOW_S);
    if (refusal != expected)
      fail_msg("%s and not %s: %s", jwt_refusal_name(refusal), jwt_refusal_name(expected), token);
    if (refusal != JWT_OK) assert_null(fixture->identity.user_id.data);
  }
}

/* A token signed with our secret. */
static void expect_ours(struct fixture *fixture, const char *header, const char *claims,
                        enum jwt_refusal expected)
{
  char *token = jwk_fixture_hmac_token(bytes_of(SECRET, sizeof SECRET), header, claims);
  expect(fixture, token, expected);
  free(token);
}

static void expect_identity(const struct fixture *fixture, const char *user_id,
                            const char *username, enum identity_role role)
{
  assert_true(bytes_equal(fixture->identity.user_id, bytes_of_text(user_id)));
  assert_true(bytes_equal(fixture->identity.username, bytes_of_text(username)));
  assert_int_equal(fixture->identity.role, role);
}

/* ---- what is issued ---- */

static char *issue(struct fixture *fixture, enum identity_role role)
{
  struct identity identity = {BYTES("01J8Y"), BYTES("Alice1"), role};
  struct bytes token;
  assert_true(jwt_issue(fixture->jwt, &identity, NOW_S, &fixture->arena, &token));
  char *text = strndup((const char *)token.data, token.size);
  assert_non_null(text);
  return text;
}

static void test_issued_tokens_are_as_the_contract_says(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  char *token = issue(&fixture, ROLE_ADMIN);
  char *expected = jwk_fixture_hmac_token(
      bytes_of(SECRET, sizeof SECRET), HS256,
      "{\"sub\":\"01J8Y\",\"user_id\":\"01J8Y\",\"username\":\"Alice1\",\"role\":\"admin\","
      "\"iat\":1800000000,\"exp\":1800086400,\"iss\":\"traffic-tacos\","
      "\"aud\":\"traffic-tacos-api\"}");
  assert_string_equal(token, expected);
  expect(&fixture, token, JWT_OK);
  expect_identity(&fixture, "01J8Y", "Alice1", ROLE_ADMIN);
  free(expected);
  free(token);
  token = issue(&fixture, ROLE_USER);
  expect(&fixture, token, JWT_OK);
  expect_identity(&fixture, "01J8Y", "Alice1", ROLE_USER);
  free(token);
  teardown(&fixture);
}

static void test_expiry_to_the_second(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  char *token = issue(&fixture, ROLE_USER);
  int64_t last_s = NOW_S + JWT_LIFETIME_S + JWT_LEEWAY_S - 1;
  assert_int_equal(verify(&fixture, token, last_s + 1), JWT_EXPIRED); /* not in the cache */
  assert_int_equal(verify(&fixture, token, last_s), JWT_OK);
  assert_int_equal(verify(&fixture, token, last_s), JWT_OK);
  assert_int_equal(verify(&fixture, token, last_s + 1), JWT_EXPIRED); /* in the cache */
  assert_int_equal(verify(&fixture, token, NOW_S), JWT_OK);
  free(token);
  teardown(&fixture);
}

static void test_no_bit_may_change(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  char *token = issue(&fixture, ROLE_USER);
  expect(&fixture, token, JWT_OK);
  size_t size = strlen(token);
  for (size_t i = 0; i < size * 8; i++) {
    token[i / 8] = (char)(token[i / 8] ^ 1 << i % 8);
    if (jwt_verify(fixture.jwt, bytes_of(token, size), NOW_S, &fixture.arena, &fixture.identity) ==
        JWT_OK)
      fail_msg("taken with bit %zu changed", i);
    token[i / 8] = (char)(token[i / 8] ^ 1 << i % 8);
    arena_reset(&fixture.arena);
  }
  for (size_t i = 0; i < size; i++)
    assert_int_not_equal(
        jwt_verify(fixture.jwt, bytes_of(token, i), NOW_S, &fixture.arena, &fixture.identity),
        JWT_OK);
  expect(&fixture, token, JWT_OK);
  free(token);
  teardown(&fixture);
}

static void test_another_secret(void **state)
{
  (void)state;
  static const uint8_t other[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11};
  struct fixture fixture;
  setup(&fixture);
  char *token = issue(&fixture, ROLE_ADMIN);
  teardown(&fixture);
  setup_with(&fixture, bytes_of(other, sizeof other));
  expect(&fixture, token, JWT_SIGNATURE);
  free(token);
  teardown(&fixture);
}

/* ---- what others may send ---- */

/* RFC 7515 A.1: another spelling of the header, a key of 64 bytes. */
static void test_vector_of_rfc_7515(void **state)
{
  (void)state;
  static const char KEY[] =
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgU"
      "uTwjAzZr1Z9CAow";
  char token[] =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkz"
      "ODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1"
      "p1r_wW1gFWFOEjXk";
  uint8_t key[70];
  size_t size = 0;
  struct fixture fixture;
  assert_true(encode_from_base64url(bytes_of_text(KEY), key, &size));
  setup_with(&fixture, bytes_of(key, size));
  expect(&fixture, token, JWT_ISSUER_WRONG); /* the signature is right */
  token[sizeof token - 2] = 'l';             /* a bit behind the last byte */
  expect(&fixture, token, JWT_MALFORMED);
  token[sizeof token - 3] = 'W';
  token[sizeof token - 2] = 'k';
  expect(&fixture, token, JWT_SIGNATURE);
  teardown(&fixture);
}

static void test_headers(void **state)
{
  (void)state;
  static const struct {
    const char *header;
    enum jwt_refusal refusal;
  } cases[] = {
      {HS256, JWT_OK},
      {"{\"alg\":\"HS256\"}", JWT_OK},
      {" { \"typ\" : \"jwt\", \"x\":[1,{}], \"\\u0061lg\":\"HS25\\u0036\" } ", JWT_OK},
      {"{\"alg\":\"HS256\",\"kid\":\"any\",\"typ\":\"at+jwt\"}", JWT_OK},
      {"{\"alg\":\"HS256\",\"typ\":\"application/at+JWT\"}", JWT_OK},
      {"{\"alg\":\"HS256\",\"typ\":\"secevent+jwt\"}", JWT_MALFORMED},
      {"{\"alg\":\"HS256\",\"typ\":\"\"}", JWT_MALFORMED},
      {"{\"alg\":\"HS256\",\"typ\":1}", JWT_MALFORMED},
      {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", JWT_MALFORMED},
      {"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", JWT_MALFORMED},
      {"{\"alg\":\"HS256\"}{}", JWT_MALFORMED},
      {"{\"alg\":\"HS256\"", JWT_MALFORMED},
      {"{\"alg\":[\"HS256\"]}", JWT_MALFORMED},
      {"{\"typ\":\"JWT\"}", JWT_MALFORMED},
      {"[]", JWT_MALFORMED},
      {"\"HS256\"", JWT_MALFORMED},
      {"{\"alg\":\"none\"}", JWT_ALGORITHM},
      {"{\"alg\":\"None\"}", JWT_ALGORITHM},
      {"{\"alg\":\"\"}", JWT_ALGORITHM},
      {"{\"alg\":\"hs256\"}", JWT_ALGORITHM},
      {"{\"alg\":\"HS384\"}", JWT_ALGORITHM},
      {"{\"alg\":\"PS256\"}", JWT_ALGORITHM},
      {"{\"alg\":\"RS256\"}", JWT_KEY},
      {"{\"alg\":\"ES256\"}", JWT_KEY},
  };
  struct fixture fixture;
  setup(&fixture);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_ours(&fixture, cases[i].header, "{" GOOD "}", cases[i].refusal);
  char *header = NULL;
  assert_true(asprintf(&header, "{\"alg\":\"HS256\",\"x\":\"%01000d\"}", 0) > 0);
  expect_ours(&fixture, header, "{" GOOD "}", JWT_MALFORMED);
  free(header);
  teardown(&fixture);
}

static void test_unsigned_tokens(void **state)
{
  (void)state;
  /* {"alg":"none"} and the claims of an admin, in the ways that were once taken somewhere. */
  static const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"nOnE\"}", HS256,
                                        "{\"alg\":\"HS256\"}"};
  struct fixture fixture;
  setup(&fixture);
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    char *token = jwk_fixture_hmac_token(BYTES(""), headers[i], "{" GOOD ",\"role\":\"admin\"}");
    assert_int_not_equal(verify(&fixture, token, NOW_S), JWT_OK);
    char *signature = strrchr(token, '.') + 1;
    *signature = 0; /* "header.claims." */
    assert_int_not_equal(verify(&fixture, token, NOW_S), JWT_OK);
    signature[-1] = 0; /* "header.claims" */
    assert_int_equal(verify(&fixture, token, NOW_S), JWT_MALFORMED);
    free(token);
  }
  teardown(&fixture);
}

static void test_shapes(void **state)
{
  (void)state;
  static const char *const texts[] = {"",     ".",    "..",      "...",     "a",        "a.b",
                                      ".b.c", "a..c", "a.b.c.d", "a b.c.d", "eyJ.eyJ.a"};
  struct fixture fixture;
  setup(&fixture);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    expect(&fixture, texts[i], JWT_MALFORMED);
  char *token = issue(&fixture, ROLE_USER);
  char longer[JWT_BYTES_MAX + 2];
  snprintf(longer, sizeof longer, "%s.", token);
  expect(&fixture, longer, JWT_SIGNATURE);
  snprintf(longer, sizeof longer, "%s=", token);
  expect(&fixture, longer, JWT_SIGNATURE);
  memset(longer, 'a', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  expect(&fixture, longer, JWT_SIZE);
  longer[sizeof longer - 2] = 0;
  expect(&fixture, longer, JWT_MALFORMED);
  free(token);
  teardown(&fixture);
}

static void test_claims(void **state)
{
  (void)state;
  static const struct {
    const char *claims;
    enum jwt_refusal refusal;
    const char *user_id; /* with JWT_OK */
  } cases[] = {
      {"{" GOOD "}", JWT_OK, "u1"},
      {"{" GOOD ",\"user_id\":\"u2\"}", JWT_OK, "u2"},
      {"{" GOOD ",\"user_id\":\"\"}", JWT_CLAIMS, NULL},
      {"{" GOOD ",\"user_id\":7}", JWT_CLAIMS, NULL},
      {"{" EXP "," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"a\\nb\"," EXP "," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"a\\u0000\"," EXP "," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{\"sub\":null," EXP "," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{" GOOD ",\"role\":\"root\"}", JWT_CLAIMS, NULL},
      {"{" GOOD ",\"role\":\"ADMIN\"}", JWT_CLAIMS, NULL},
      {"{" GOOD ",\"role\":[\"admin\"]}", JWT_CLAIMS, NULL},
      {"{" GOOD ",\"sub\":\"u1\"}", JWT_CLAIMS, NULL},
      {"{" GOOD "} ", JWT_OK, "u1"},
      {"{" GOOD "}x", JWT_CLAIMS, NULL},
      {"[]", JWT_CLAIMS, NULL},
      {"\x80", JWT_CLAIMS, NULL},
      {"{\"sub\":\"u1\"," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"u1\",\"exp\":\"1800000100\"," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"u1\",\"exp\":-1," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"u1\",\"exp\":1e99," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"u1\",\"exp\":18446744073709551616," ISS "," AUD "}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"u1\",\"exp\":9223372036854775807," ISS "," AUD "}", JWT_OK, "u1"},
      {"{\"sub\":\"u1\",\"exp\":1800000100.75," ISS "," AUD "}", JWT_OK, "u1"},
      {"{\"sub\":\"u1\",\"exp\":1799999971," ISS "," AUD "}", JWT_OK, "u1"},
      {"{\"sub\":\"u1\",\"exp\":1799999970," ISS "," AUD "}", JWT_EXPIRED, NULL},
      {"{\"sub\":\"u1\",\"exp\":0," ISS "," AUD "}", JWT_EXPIRED, NULL},
      {"{" GOOD ",\"nbf\":1800000030}", JWT_OK, "u1"},
      {"{" GOOD ",\"nbf\":1800000031}", JWT_NOT_YET, NULL},
      {"{" GOOD ",\"nbf\":\"x\"}", JWT_CLAIMS, NULL},
      {"{" GOOD ",\"iat\":true}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"u1\"," EXP "," AUD "}", JWT_ISSUER_WRONG, NULL},
      {"{\"sub\":\"u1\"," EXP "," AUD ",\"iss\":\"traffic-taco\"}", JWT_ISSUER_WRONG, NULL},
      {"{\"sub\":\"u1\"," EXP "," ISS "}", JWT_AUDIENCE_WRONG, NULL},
      {"{\"sub\":\"u1\"," EXP "," ISS ",\"aud\":\"x\"}", JWT_AUDIENCE_WRONG, NULL},
      {"{\"sub\":\"u1\"," EXP "," ISS ",\"aud\":[]}", JWT_AUDIENCE_WRONG, NULL},
      {"{\"sub\":\"u1\"," EXP "," ISS ",\"aud\":[\"x\",\"traffic-tacos-api\"]}", JWT_OK, "u1"},
      {"{\"sub\":\"u1\"," EXP "," ISS ",\"aud\":[\"traffic-tacos-api\",1]}", JWT_CLAIMS, NULL},
      {"{\"sub\":\"u1\"," EXP "," ISS ",\"aud\":{\"traffic-tacos-api\":1}}", JWT_CLAIMS, NULL},
  };
  struct fixture fixture;
  setup(&fixture);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    expect_ours(&fixture, HS256, cases[i].claims, cases[i].refusal);
    if (cases[i].refusal == JWT_OK) expect_identity(&fixture, cases[i].user_id, "", ROLE_USER);
  }
  for (int size = IDENTITY_USER_ID_BYTES; size <= IDENTITY_USER_ID_BYTES + 1; size++) {
    char *claims = NULL;
    assert_true(asprintf(&claims, "{\"sub\":\"%0*d\"," EXP "," ISS "," AUD "}", size, 0) > 0);
    expect_ours(&fixture, HS256, claims, size <= IDENTITY_USER_ID_BYTES ? JWT_OK : JWT_CLAIMS);
    free(claims);
  }
  teardown(&fixture);
}

/* ---- keys of others ---- */

static struct jwks *parse_keys(struct fixture *fixture, EVP_PKEY *rsa, EVP_PKEY *ec)
{
  char *first = jwk_fixture_json(rsa, "\"kid\":\"r\",");
  char *second = jwk_fixture_json(ec, "\"kid\":\"e\",");
  char *json = NULL;
  assert_true(asprintf(&json, "{\"keys\":[%s,%s]}", first, second) > 0);
  struct jwks *keys = jwks_parse(&fixture->world->memory, bytes_of_text(json), &fixture->error);
  assert_non_null(keys);
  free(json);
  free(second);
  free(first);
  return keys;
}

static void test_keys_of_others(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  EVP_PKEY *rsa = jwk_fixture_rsa(2048);
  EVP_PKEY *ec = jwk_fixture_p256();
  struct jwks *keys = parse_keys(&fixture, rsa, ec);
  const struct {
    EVP_PKEY *key;
    const char *header;
    enum jwt_refusal refusal;
  } cases[] = {
      {rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}", JWT_OK},
      {rsa, "{\"alg\":\"RS256\"}", JWT_OK},
      {ec, "{\"alg\":\"ES256\",\"kid\":\"e\"}", JWT_OK},
      {ec, "{\"alg\":\"ES256\"}", JWT_OK},
      {rsa, "{\"alg\":\"RS256\",\"kid\":\"e\"}", JWT_KEY},
      {rsa, "{\"alg\":\"RS256\",\"kid\":\"x\"}", JWT_KEY},
      {ec, "{\"alg\":\"RS256\",\"kid\":\"r\"}", JWT_SIGNATURE},
      {rsa, "{\"alg\":\"ES256\",\"kid\":\"e\"}", JWT_SIGNATURE},
      {ec, "{\"alg\":\"ES256\",\"kid\":\"r\"}", JWT_KEY},
      {rsa, "{\"alg\":\"PS256\",\"kid\":\"r\"}", JWT_ALGORITHM},
      {rsa, HS256, JWT_SIGNATURE},
  };
  char *token = jwk_fixture_token(rsa, cases[0].header, "{" GOOD "}");
  expect(&fixture, token, JWT_KEY);
  jwt_use_keys(fixture.jwt, keys);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *other = jwk_fixture_token(cases[i].key, cases[i].header, "{" GOOD "}");
    expect(&fixture, other, cases[i].refusal);
    free(other);
  }
  char *ours = issue(&fixture, ROLE_USER);
  expect(&fixture, ours, JWT_OK);
  free(ours);
  /* A key that is gone verifies nothing any more, whatever was verified with it. */
  expect(&fixture, token, JWT_OK);
  jwt_use_keys(fixture.jwt, NULL);
  expect(&fixture, token, JWT_KEY);
  free(token);
  jwks_free(keys);
  EVP_PKEY_free(ec);
  EVP_PKEY_free(rsa);
  teardown(&fixture);
}

/* CVE-2015-9235 and kin: the public key, which everybody has, as the secret of an HMAC. */
static void test_a_public_key_is_no_secret(void **state)
{
  (void)state;
  struct fixture fixture;
  setup(&fixture);
  EVP_PKEY *rsa = jwk_fixture_rsa(2048);
  EVP_PKEY *ec = jwk_fixture_p256();
  struct jwks *keys = parse_keys(&fixture, rsa, ec);
  jwt_use_keys(fixture.jwt, keys);
  char *jwk = jwk_fixture_json(rsa, "");
  uint8_t *der = NULL;
  int der_size = i2d_PUBKEY(rsa, &der);
  assert_true(der_size > 0);
  const struct bytes secrets[] = {bytes_of_text(jwk), bytes_of(der, (size_t)der_size)};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    char *token = jwk_fixture_hmac_token(secrets[i], "{\"alg\":\"HS256\",\"kid\":\"r\"}",
                                         "{" GOOD ",\"role\":\"admin\"}");
    expect(&fixture, token, JWT_SIGNATURE);
    free(token);
  }
  OPENSSL_free(der);
  free(jwk);
  jwt_free(fixture.jwt);
  fixture.jwt = NULL;
  jwks_free(keys);
  EVP_PKEY_free(ec);
  EVP_PKEY_free(rsa);
  teardown(&fixture);
}

/* ---- memory ---- */

static void test_without_memory(void **state)
{
  (void)state;
  struct fixture fixture;
  struct identity identity = {BYTES("u1"), BYTES("n"), ROLE_USER};
  struct bytes token;
  setup(&fixture);
  struct memory *memory = &fixture.world->memory;
  uint64_t nth = 1;
  for (;; nth++) {
    arena_free(&fixture.arena);
    arena_init(&fixture.arena, memory);
    memory->fail_at = memory->calls + nth;
    if (jwt_issue(fixture.jwt, &identity, NOW_S, &fixture.arena, &token)) break;
    assert_true(nth < 100);
  }
  assert_true(nth > 2);
  char *text = jwk_fixture_hmac_token(bytes_of(SECRET, sizeof SECRET), "{\"alg\":\"HS256\"}",
                                      "{\"\\u0073ub\":\"\\u0075\"," EXP "," ISS "," AUD "}");
  for (int round = 0; round < 2; round++) { /* by hand, then out of the cache */
    arena_free(&fixture.arena);
    arena_init(&fixture.arena, memory);
    memory->fail_at = memory->calls + 1;
    assert_int_equal(verify(&fixture, text, NOW_S), JWT_NO_MEMORY);
    memory->fail_at = 0;
    assert_int_equal(verify(&fixture, text, NOW_S), JWT_OK);
    expect_identity(&fixture, "u", "", ROLE_USER);
  }
  free(text);
  teardown(&fixture);

  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct jwt *jwt = NULL;
  struct error error;
  for (nth = 1; jwt == NULL; nth++) {
    world->memory.fail_at = world->memory.calls + nth;
    jwt = jwt_new(world, bytes_of(SECRET, sizeof SECRET), &error);
    if (jwt == NULL) assert_int_equal(error.code, ERROR_NO_MEMORY);
    if (jwt == NULL) assert_int_equal(world->memory.in_use, 0);
  }
  jwt_free(jwt);
  jwt_free(NULL);
  world_sim_free(sim);
}

static void test_refusals_say_what_to_do(void **state)
{
  (void)state;
  for (enum jwt_refusal i = JWT_OK + 1; i < JWT_REFUSALS; i++) {
    assert_true(strlen(jwt_refusal_name(i)) > 2);
    assert_true(strlen(jwt_refusal_message(i)) > 20);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_issued_tokens_are_as_the_contract_says),
      cmocka_unit_test(test_expiry_to_the_second),
      cmocka_unit_test(test_no_bit_may_change),
      cmocka_unit_test(test_another_secret),
      cmocka_unit_test(test_vector_of_rfc_7515),
      cmocka_unit_test(test_headers),
      cmocka_unit_test(test_unsigned_tokens),
      cmocka_unit_test(test_shapes),
      cmocka_unit_test(test_claims),
      cmocka_unit_test(test_keys_of_others),
      cmocka_unit_test(test_a_public_key_is_no_secret),
      cmocka_unit_test(test_without_memory),
      cmocka_unit_test(test_refusals_say_what_to_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
