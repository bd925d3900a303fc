/*
 * Tokens. The first byte says what the rest is:
 *
 *   0  a token from a stranger: it is taken only if its last part is the HMAC of what stands before
 *   1  claims that we sign: the signature is never what is wrong with them, and with one bit
 *      changed they are never taken
 *   2  the same for a header
 */
#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"
#include "shield/jwt.h"
#include "sim/world_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1800000000, TEXT_BYTES = 3 * JWT_BYTES_MAX };

static const uint8_t SECRET[JWT_SECRET_BYTES_MIN] = {7};

static const char HEADER[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
static const char CLAIMS[] = "{\"sub\":\"u\",\"exp\":1800000100,\"iss\":\"traffic-tacos\","
                             "\"aud\":\"traffic-tacos-api\"}";

/* The oracle: whether the text behind the last dot is the MAC of all before it. */
static bool is_signed(struct bytes token)
{
  size_t dot = token.size;
  while (dot > 0 && token.data[dot - 1] != '.') dot--;
  uint8_t mac[HASH_SHA256_BYTES];
  char text[HASH_SHA256_BYTES * 2];
  if (dot == 0) return false;
  hash_hmac_sha256(bytes_of(SECRET, sizeof SECRET), bytes_of(token.data, dot - 1), mac);
  size_t size = encode_to_base64url(bytes_of(mac, sizeof mac), text);
  return bytes_equal(bytes_of(text, size), bytes_of(token.data + dot, token.size - dot));
}

struct fuzz {
  struct jwt *jwt;
  struct arena arena;
  struct identity identity;
};

static enum jwt_refusal verify(struct fuzz *fuzz, struct bytes token)
{
  enum jwt_refusal refusal = jwt_verify(fuzz->jwt, token, NOW_S, &fuzz->arena, &fuzz->identity);
  CHECK(refusal >= JWT_OK && refusal < JWT_REFUSALS && refusal != JWT_NO_MEMORY);
  if (refusal == JWT_OK) {
    CHECK(is_signed(token));
    CHECK(fuzz->identity.user_id.size > 0);
    CHECK_THAT(fuzz->identity.user_id.size, <=, IDENTITY_USER_ID_BYTES);
    CHECK(bytes_is_utf8(fuzz->identity.user_id) && bytes_is_utf8(fuzz->identity.username));
  }
  return refusal;
}

static void run_stranger(struct fuzz *fuzz, struct bytes token)
{
  enum jwt_refusal first = verify(fuzz, token);
  CHECK(verify(fuzz, token) == first); /* also out of the cache */
}

static size_t sign(struct bytes header, struct bytes claims, char *text)
{
  size_t size = encode_to_base64url(header, text);
  text[size++] = '.';
  size += encode_to_base64url(claims, text + size);
  uint8_t mac[HASH_SHA256_BYTES];
  hash_hmac_sha256(bytes_of(SECRET, sizeof SECRET), bytes_of(text, size), mac);
  text[size++] = '.';
  return size + encode_to_base64url(bytes_of(mac, sizeof mac), text + size);
}

/* Where a bit is changed depends on the input, so that the fuzzer chooses. */
static void run_signed(struct fuzz *fuzz, struct bytes header, struct bytes claims)
{
  char text[TEXT_BYTES];
  if (header.size + claims.size > JWT_BYTES_MAX) return;
  size_t size = sign(header, claims, text);
  enum jwt_refusal refusal = verify(fuzz, bytes_of(text, size));
  CHECK(refusal != JWT_SIGNATURE);
  run_stranger(fuzz, bytes_of(text, size));
  size_t bit = hash_bytes(claims, header.size) % (size * 8);
  text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
  CHECK(verify(fuzz, bytes_of(text, size)) != JWT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0) return 0;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  struct fuzz fuzz = {0};
  struct error error;
  struct bytes input = bytes_of(data + 1, size - 1);
  arena_init(&fuzz.arena, &world->memory);
  fuzz.jwt = jwt_new(world, bytes_of(SECRET, sizeof SECRET), &error);
  CHECK(fuzz.jwt != NULL);
  if (data[0] % 3 == 0) run_stranger(&fuzz, input);
  if (data[0] % 3 == 1) run_signed(&fuzz, bytes_of_text(HEADER), input);
  if (data[0] % 3 == 2) run_signed(&fuzz, input, bytes_of_text(CLAIMS));
  jwt_free(fuzz.jwt);
  arena_free(&fuzz.arena);
  CHECK_THAT(world->memory.in_use, ==, 0);
  world_sim_free(sim);
  return 0;
}
