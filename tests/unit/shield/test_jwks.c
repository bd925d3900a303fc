#include "shield/jwks.h"

#include "base/encode.h"
#include "sim/world_sim.h"
#include "unit/shield/jwk_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* RFC 7515 A.2: an RSA key of 2,048 bits, and a signature of its. */
#define RSA_N                                                                                  \
  "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0B" \
  "m4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5" \
  "z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7" \
  "aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RSA_KEY "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\""
#define CLAIMS \
  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RSA_INPUT "eyJhbGciOiJSUzI1NiJ9." CLAIMS
#define RSA_SIGNATURE                                                                          \
  "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2F" \
  "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQB" \
  "MHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeY" \
  "I2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"

/* RFC 7515 A.3: a P-256 key, and a signature of its. */
#define EC_X     "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y     "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_KEY   "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\""
#define EC_INPUT "eyJhbGciOiJFUzI1NiJ9." CLAIMS
#define EC_SIGNATURE \
  "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

#define SET(keys) "{\"keys\":[" keys "]}"

struct fixture {
  struct memory memory;
  struct error error;
  uint8_t signature[1024];
};

static struct jwks *parse(struct fixture *fixture, const char *json)
{
  return jwks_parse(&fixture->memory, bytes_of_text(json), &fixture->error);
}

static struct bytes decode(struct fixture *fixture, const char *text)
{
  size_t size = 0;
  assert_true(encode_from_base64url(bytes_of_text(text), fixture->signature, &size));
  return bytes_of(fixture->signature, size);
}

static const struct bytes NO_KID = {NULL, 0};

/* Also: changed by one bit, neither input nor signature passes. */
static void expect_vector(struct fixture *fixture, const struct jwks_key *key, const char *input,
                          const char *signature_text)
{
  assert_non_null(key);
  struct bytes signature = decode(fixture, signature_text);
  assert_true(jwks_verify(key, bytes_of_text(input), signature));
  for (size_t i = 0; i < signature.size * 8; i += 7) {
    fixture->signature[i / 8] ^= (uint8_t)(1 << i % 8);
    assert_false(jwks_verify(key, bytes_of_text(input), signature));
    fixture->signature[i / 8] ^= (uint8_t)(1 << i % 8);
  }
  assert_false(jwks_verify(key, bytes_of(input, strlen(input) - 1), signature));
  for (size_t size = 0; size < signature.size; size++)
    assert_false(jwks_verify(key, bytes_of_text(input), bytes_of(signature.data, size)));
  assert_true(jwks_verify(key, bytes_of_text(input), signature));
}

static void test_vectors_of_rfc_7515(void **state)
{
  (void)state;
  struct fixture fixture = {0};
  struct jwks *keys = parse(&fixture, SET("{" RSA_KEY "},{" EC_KEY "}"));
  if (keys == NULL) fail_msg("%s", fixture.error.message);
  assert_int_equal(jwks_count(keys), 2);
  const struct jwks_key *rsa = jwks_find(keys, JWKS_RS256, NO_KID);
  const struct jwks_key *ec = jwks_find(keys, JWKS_ES256, NO_KID);
  expect_vector(&fixture, rsa, RSA_INPUT, RSA_SIGNATURE);
  expect_vector(&fixture, ec, EC_INPUT, EC_SIGNATURE);
  assert_false(jwks_verify(ec, bytes_of_text(RSA_INPUT), decode(&fixture, RSA_SIGNATURE)));
  assert_false(jwks_verify(rsa, bytes_of_text(EC_INPUT), decode(&fixture, EC_SIGNATURE)));
  /* R = S = 0 (CVE-2022-21449), and R and S of the group's order. */
  uint8_t zeros[JWKS_ES256_BYTES] = {0};
  assert_false(jwks_verify(ec, bytes_of_text(EC_INPUT), bytes_of(zeros, sizeof zeros)));
  memset(zeros, 0xFF, sizeof zeros);
  assert_false(jwks_verify(ec, bytes_of_text(EC_INPUT), bytes_of(zeros, sizeof zeros)));
  jwks_free(keys);
  assert_int_equal(fixture.memory.in_use, 0);
}

static void test_keys_by_kid(void **state)
{
  (void)state;
  struct fixture fixture = {0};
  struct jwks *keys = parse(&fixture, SET("{\"kid\":\"r\"," RSA_KEY "},"
                                          "{\"kid\":\"e\",\"alg\":\"ES256\",\"use\":\"sig\"," EC_KEY
                                          "},{\"kid\":\"\",\"key_ops\":[\"verify\"]," EC_KEY "}"));
  if (keys == NULL) fail_msg("%s", fixture.error.message);
  const struct jwks_key *rsa = jwks_find(keys, JWKS_RS256, BYTES("r"));
  assert_non_null(rsa);
  assert_ptr_equal(jwks_find(keys, JWKS_RS256, NO_KID), rsa);
  assert_non_null(jwks_find(keys, JWKS_ES256, BYTES("e")));
  assert_non_null(jwks_find(keys, JWKS_ES256, BYTES("")));
  assert_ptr_not_equal(jwks_find(keys, JWKS_ES256, BYTES("")),
                       jwks_find(keys, JWKS_ES256, BYTES("e")));
  assert_null(jwks_find(keys, JWKS_ES256, NO_KID)); /* which one? */
  assert_null(jwks_find(keys, JWKS_ES256, BYTES("r")));
  assert_null(jwks_find(keys, JWKS_RS256, BYTES("e")));
  assert_null(jwks_find(keys, JWKS_RS256, BYTES("x")));
  assert_null(jwks_find(keys, JWKS_RS256, BYTES("")));
  jwks_free(keys);
}

static void test_other_keys_are_passed_over(void **state)
{
  (void)state;
  struct fixture fixture = {0};
  static const char *const others[] = {
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
      "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}",
      "{\"kty\":\"EC\",\"x\":\"AA\",\"y\":\"AA\"}",
      "{\"kty\":\"future\",\"z\":{\"x\":[1,2.5e3,null]}}",
      "{\"use\":\"enc\"," RSA_KEY "}",
      "{\"alg\":\"RS512\"," RSA_KEY "}",
      "{\"alg\":\"PS256\"," RSA_KEY "}",
      "{\"alg\":\"HS256\"," RSA_KEY "}",
      "{\"alg\":\"ES256\"," RSA_KEY "}",
      "{\"key_ops\":[\"encrypt\"]," RSA_KEY "}",
      "{\"key_ops\":[]," RSA_KEY "}",
      "{\"alg\":\"RS256\"," EC_KEY "}",
  };
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    char json[4096];
    snprintf(json, sizeof json, SET("%s"), others[i]);
    struct jwks *keys = parse(&fixture, json);
    assert_null(keys);
    assert_string_equal(fixture.error.message, "the JWK Set has no key for RS256 or ES256");
    snprintf(json, sizeof json, SET("%s,{" EC_KEY "}"), others[i]);
    keys = parse(&fixture, json);
    assert_non_null(keys);
    assert_int_equal(jwks_count(keys), 1);
    jwks_free(keys);
  }
  assert_int_equal(fixture.memory.in_use, 0);
}

static void test_what_is_wrong_is_told(void **state)
{
  (void)state;
  struct fixture fixture = {0};
  static const struct {
    const char *json;
    const char *message; /* a part of it */
  } cases[] = {
      {"", "the JWK Set: "},
      {"[]", "the JWK Set: "},
      {"{}", "has no \"keys\""},
      {"{\"keys\":{}}", "the JWK Set: "},
      {"{\"keys\":[1]}", "the JWK Set: "},
      {SET("") "x", "the JWK Set: "},
      {SET(""), "has no key for"},
      {SET("{\"x\":\"" EC_X "\"}"), "key 1 of the JWK Set has no kty"},
      {SET("{\"kty\":1}"), "the JWK Set: "},
      {SET("{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}"), "symmetric"},
      {SET("{" EC_KEY "},{" RSA_KEY ",\"d\":\"AQAB\"}"), "key 2 of the JWK Set is a private"},
      {SET("{" EC_KEY "},{" EC_KEY "}"), "key 2 of the JWK Set has the kid of another"},
      {SET("{\"kid\":\"a\"," EC_KEY "},{\"kid\":\"a\"," RSA_KEY "}"), "key 2 of the JWK Set has"},
      {SET("{\"kid\":\"a\",\"kid\":\"b\"," EC_KEY "}"), "the JWK Set: "},
      {SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}"), "key 1 of the JWK Set: n and e"},
      {SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}"), "n and e"},
      {SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AAEAAQ\"}"), "n and e"},
      {SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"Ag\"}"), "n and e"},
      {SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "=\",\"e\":\"AQAB\"}"), "n and e"},
      {SET("{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNw\",\"e\":\"AQAB\"}"), "n and e"},
      {SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}"), "x and y"},
      {SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_X "\"}"), "x and y"},
      {SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"" EC_Y "\"}"), "x and y"},
      {SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "A\"}"), "x and y"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct jwks *keys = parse(&fixture, cases[i].json);
    if (keys != NULL) fail_msg("taken: %s", cases[i].json);
    assert_int_equal(fixture.error.code, ERROR_INVALID);
    if (strstr(fixture.error.message, cases[i].message) == NULL)
      fail_msg("%s: %s", cases[i].json, fixture.error.message);
  }
  assert_int_equal(fixture.memory.in_use, 0);
}

static void test_limits(void **state)
{
  (void)state;
  struct fixture fixture = {0};
  char *json = malloc(JWKS_FILE_BYTES + 2);
  assert_non_null(json);
  for (int count = JWKS_KEYS_MAX; count <= JWKS_KEYS_MAX + 1; count++) {
    size_t size = (size_t)sprintf(json, "{\"keys\":[");
    for (int i = 0; i < count; i++)
      size += (size_t)sprintf(json + size, "%s{\"kid\":\"%d\"," EC_KEY "}", i == 0 ? "" : ",", i);
    sprintf(json + size, "]}");
    struct jwks *keys = parse(&fixture, json);
    assert_int_equal(keys != NULL, count <= JWKS_KEYS_MAX);
    jwks_free(keys);
  }
  memset(json, ' ', JWKS_FILE_BYTES + 1);
  json[JWKS_FILE_BYTES + 1] = 0;
  assert_null(parse(&fixture, json));
  assert_non_null(strstr(fixture.error.message, "is larger than"));
  free(json);

  static const struct {
    unsigned int bits;
    bool taken;
  } sizes[] = {{1024, false}, {2040, false}, {3072, true}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    EVP_PKEY *key = jwk_fixture_rsa(sizes[i].bits);
    char *jwk = jwk_fixture_json(key, "");
    char set[4096];
    snprintf(set, sizeof set, SET("%s"), jwk);
    struct jwks *keys = parse(&fixture, set);
    assert_int_equal(keys != NULL, sizes[i].taken);
    jwks_free(keys);
    free(jwk);
    EVP_PKEY_free(key);
  }
}

static void test_read_from_a_file(void **state)
{
  (void)state;
  static const char JSON[] = SET("{" EC_KEY "}");
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct error error;
  assert_null(jwks_read(world, "/keys.json", &error));
  assert_int_equal(error.code, ERROR_IO);
  int file = world->operations->file_open(world, "/keys.json", WORLD_OPEN_CREATE);
  assert_true(file >= 0);
  assert_int_equal(world->operations->file_write(world, file, JSON, strlen(JSON), 0), 0);
  world->operations->file_close(world, file);
  struct jwks *keys = jwks_read(world, "/keys.json", &error);
  assert_non_null(keys);
  jwks_free(keys);
  world_sim_fail(sim, WORLD_SIM_READ, 1, EIO, false);
  assert_null(jwks_read(world, "/keys.json", &error));
  assert_int_equal(error.code, ERROR_IO);
  assert_int_equal(world->memory.in_use, 0);
  world_sim_free(sim);
}

static void test_without_memory(void **state)
{
  (void)state;
  struct fixture fixture = {0};
  struct jwks *keys = NULL;
  uint64_t nth = 1;
  for (; keys == NULL; nth++) {
    fixture.memory.fail_at = fixture.memory.calls + nth;
    keys = parse(&fixture, SET("{\"kid\":\"\\u0061\"," RSA_KEY "},{\"kid\":\"b\"," EC_KEY "}"));
    if (keys != NULL) break;
    assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_int_equal(fixture.memory.in_use, 0);
    assert_true(nth < 100);
  }
  assert_true(nth > 2);
  jwks_free(keys);
  assert_int_equal(fixture.memory.in_use, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_vectors_of_rfc_7515),
      cmocka_unit_test(test_keys_by_kid),
      cmocka_unit_test(test_other_keys_are_passed_over),
      cmocka_unit_test(test_what_is_wrong_is_told),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_read_from_a_file),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
