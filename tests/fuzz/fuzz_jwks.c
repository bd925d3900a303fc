/*
 * Any bytes as a JWK Set: refused with a message, or a set within its limits, whose keys are found
 * only for their algorithm and verify nothing that nobody signed.
 */
#include "base/check.h"
#include "shield/jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct jwks *keys, struct bytes kid)
{
  static const enum jwks_algorithm algorithms[] = {JWKS_RS256, JWKS_ES256};
  const struct jwks_key *found[2];
  for (size_t i = 0; i < 2; i++) {
    found[i] = jwks_find(keys, algorithms[i], kid);
    if (found[i] == NULL) continue;
    uint8_t signature[1024] = {0};
    static const size_t sizes[] = {0, 1, JWKS_ES256_BYTES, 256, sizeof signature};
    for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
      signature[0] = (uint8_t)j;
      CHECK(!jwks_verify(found[i], BYTES("a.b"), bytes_of(signature, sizes[j])));
    }
  }
  CHECK(found[0] == NULL || found[0] != found[1]);
  CHECK(kid.data == NULL || found[0] == NULL || found[1] == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct error error = {0};
  struct jwks *keys = jwks_parse(&memory, bytes_of(data, size), &error);
  if (keys == NULL) {
    CHECK(error.code == ERROR_INVALID && error.message[0] != 0);
  } else {
    CHECK(jwks_count(keys) > 0 && jwks_count(keys) <= JWKS_KEYS_MAX);
    use(keys, (struct bytes){NULL, 0});
    use(keys, BYTES("a"));
    use(keys, BYTES(""));
  }
  jwks_free(keys);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
