#include "sale/ticket_code.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"

#include <openssl/evp.h>

/* As the bytes of a code begin; see the layout in ticket_code.h. */
struct head {
  uint8_t version;
  uint8_t key_id[TICKET_KEY_ID_BYTES];
  uint8_t order[ID_BYTES];
  uint8_t issue[4];
  uint8_t issued_at[4];
  uint8_t event_size;
};

_Static_assert(sizeof(struct head) == TICKET_CODE_HEAD_BYTES, "no padding");
_Static_assert(offsetof(struct head, key_id) == 1, "layout of version 1");
_Static_assert(offsetof(struct head, order) == 5, "layout of version 1");
_Static_assert(offsetof(struct head, issue) == 21, "layout of version 1");
_Static_assert(offsetof(struct head, issued_at) == 25, "layout of version 1");
_Static_assert(offsetof(struct head, event_size) == 29, "layout of version 1");
_Static_assert(TICKET_CODE_BYTES_MIN == 96 && TICKET_CODE_BYTES_MAX == 224,
               "the sizes that ticket_code.h tells scanners");
_Static_assert(SEAT_EVENT_ID_BYTES <= UINT8_MAX, "its size is one byte");

static const struct bytes PREFIX = {(const uint8_t *)"TT1:", TICKET_CODE_PREFIX_BYTES};

static void put_u32(uint8_t *to, uint32_t number)
{
  for (int i = 0; i < 4; i++) to[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t *from)
{
  return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static bool is_zero(const uint8_t key[TICKET_KEY_BYTES])
{
  static const uint8_t zeros[TICKET_KEY_BYTES] = {0};
  return hash_equal_constant_time(bytes_of(key, TICKET_KEY_BYTES),
                                  bytes_of(zeros, TICKET_KEY_BYTES));
}

static void key_id_of(const uint8_t public_key[TICKET_KEY_BYTES],
                      uint8_t key_id[TICKET_KEY_ID_BYTES])
{
  uint8_t digest[HASH_SHA256_BYTES];
  hash_sha256(bytes_of(public_key, TICKET_KEY_BYTES), digest);
  memcpy(key_id, digest, TICKET_KEY_ID_BYTES);
}

/* ---- signing ---- */

bool ticket_signer_init(struct ticket_signer *signer, const uint8_t private_key[TICKET_KEY_BYTES],
                        struct error *error)
{
  *signer = (struct ticket_signer){0};
  if (is_zero(private_key))
    return error_set(error, ERROR_KEY, "the key that signs tickets is all zero: draw a new one");
  signer->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, TICKET_KEY_BYTES);
  size_t size = TICKET_KEY_BYTES;
  if (signer->key == NULL ||
      EVP_PKEY_get_raw_public_key(signer->key, signer->public_key, &size) != 1) {
    ticket_signer_free(signer);
    return error_set(error, ERROR_NO_MEMORY, "no memory for the key that signs tickets");
  }
  CHECK_THAT(size, ==, TICKET_KEY_BYTES);
  key_id_of(signer->public_key, signer->key_id);
  return true;
}

void ticket_signer_free(struct ticket_signer *signer)
{
  EVP_PKEY_free(signer->key);
  *signer = (struct ticket_signer){0};
}

/* A context of OpenSSL is bound to its first key: each call has one of its own. */
static void sign(EVP_PKEY *key, struct bytes message, uint8_t signature[TICKET_SIGNATURE_BYTES])
{
  size_t size = TICKET_SIGNATURE_BYTES;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  CHECK(context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
  CHECK(EVP_DigestSign(context, signature, &size, message.data, message.size) == 1);
  CHECK_THAT(size, ==, TICKET_SIGNATURE_BYTES);
  EVP_MD_CTX_free(context);
}

size_t ticket_code_sign(const struct ticket_signer *signer, const struct ticket_code *code,
                        char text[TICKET_CODE_TEXT_MAX])
{
  CHECK(signer->key != NULL);
  CHECK(code->event_id.size >= 1 && code->event_id.size <= SEAT_EVENT_ID_BYTES);
  CHECK(code->seat_id.size >= 1 && code->seat_id.size <= SEAT_ID_BYTES);
  uint8_t bytes[TICKET_CODE_BYTES_MAX];
  struct head head = {.version = TICKET_CODE_VERSION, .event_size = (uint8_t)code->event_id.size};
  memcpy(head.key_id, signer->key_id, sizeof head.key_id);
  memcpy(head.order, code->order.bytes, sizeof head.order);
  put_u32(head.issue, code->issue);
  put_u32(head.issued_at, code->issued_at_s);
  memcpy(bytes, &head, sizeof head);
  size_t size = sizeof head;
  memcpy(bytes + size, code->event_id.data, code->event_id.size);
  size += code->event_id.size;
  memcpy(bytes + size, code->seat_id.data, code->seat_id.size);
  size += code->seat_id.size;
  sign(signer->key, bytes_of(bytes, size), bytes + size);
  size += TICKET_SIGNATURE_BYTES;
  memcpy(text, PREFIX.data, PREFIX.size);
  return PREFIX.size + encode_to_base32(bytes_of(bytes, size), text + PREFIX.size);
}

/* ---- verifying ---- */

static const struct ticket_key *find_key(const struct ticket_keys *keys,
                                         const uint8_t key_id[TICKET_KEY_ID_BYTES])
{
  for (uint32_t i = 0; i < keys->count; i++)
    if (memcmp(keys->keys[i].key_id, key_id, TICKET_KEY_ID_BYTES) == 0) return &keys->keys[i];
  return NULL;
}

bool ticket_keys_add(struct ticket_keys *keys, const uint8_t public_key[TICKET_KEY_BYTES],
                     struct error *error)
{
  struct ticket_key added;
  key_id_of(public_key, added.key_id);
  memcpy(added.public_key, public_key, TICKET_KEY_BYTES);
  /* It is a point of order 4, for which a signature can be found by trying. */
  if (is_zero(public_key))
    return error_set(error, ERROR_KEY, "a public key of tickets is all zero: that is no key");
  if (find_key(keys, added.key_id) != NULL)
    return error_set(error, ERROR_EXISTS, "a public key of tickets with this id is there already");
  if (keys->count == TICKET_KEYS_MAX)
    return error_set(error, ERROR_LIMIT, "at most %d keys of tickets: remove the oldest",
                     TICKET_KEYS_MAX);
  added.key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, TICKET_KEY_BYTES);
  if (added.key == NULL)
    return error_set(error, ERROR_NO_MEMORY, "no memory for a public key of tickets");
  keys->keys[keys->count++] = added;
  return true;
}

void ticket_keys_free(struct ticket_keys *keys)
{
  for (uint32_t i = 0; i < keys->count; i++) EVP_PKEY_free(keys->keys[i].key);
  *keys = (struct ticket_keys){0};
}

bool ticket_keys_write(const struct ticket_keys *keys, struct buffer *buffer)
{
  struct json_writer writer;
  json_writer_init(&writer, buffer);
  json_write_object_begin(&writer);
  json_write_key(&writer, BYTES("keys"));
  json_write_array_begin(&writer);
  for (uint32_t i = 0; i < keys->count; i++) {
    const struct ticket_key *key = &keys->keys[i];
    char x[TICKET_KEY_BYTES / 3 * 4 + 3];
    char kid[2 * TICKET_KEY_ID_BYTES];
    size_t x_size = encode_to_base64url(bytes_of(key->public_key, TICKET_KEY_BYTES), x);
    size_t kid_size = encode_to_hex(bytes_of(key->key_id, TICKET_KEY_ID_BYTES), kid);
    CHECK(x_size <= sizeof x && kid_size <= sizeof kid);
    json_write_object_begin(&writer);
    json_write_key(&writer, BYTES("kty"));
    json_write_string(&writer, BYTES("OKP"));
    json_write_key(&writer, BYTES("crv"));
    json_write_string(&writer, BYTES("Ed25519"));
    json_write_key(&writer, BYTES("x"));
    json_write_string(&writer, bytes_of(x, x_size));
    json_write_key(&writer, BYTES("kid"));
    json_write_string(&writer, bytes_of(kid, kid_size));
    json_write_key(&writer, BYTES("use"));
    json_write_string(&writer, BYTES("sig"));
    json_write_key(&writer, BYTES("alg"));
    json_write_string(&writer, BYTES("EdDSA"));
    json_write_object_end(&writer);
  }
  json_write_array_end(&writer);
  json_write_object_end(&writer);
  return json_writer_finish(&writer);
}

const char *ticket_code_verdict_name(enum ticket_code_verdict verdict)
{
  static const char *const names[TICKET_CODE_VERDICTS] = {
      [TICKET_CODE_VALID] = "valid",
      [TICKET_CODE_MALFORMED] = "malformed",
      [TICKET_CODE_UNKNOWN_KEY] = "unknown_key",
      [TICKET_CODE_BAD_SIGNATURE] = "bad_signature",
  };
  CHECK(verdict < TICKET_CODE_VERDICTS);
  return names[verdict];
}

static bool is_signed(EVP_PKEY *key, struct bytes message,
                      const uint8_t signature[TICKET_SIGNATURE_BYTES])
{
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  CHECK(context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1);
  bool good = EVP_DigestVerify(context, signature, TICKET_SIGNATURE_BYTES, message.data,
                               message.size) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

/* The bytes of a code; false when they are too few, too many, or not spelled as we spell them. */
static bool decode(struct bytes text, uint8_t room[TICKET_CODE_BYTES_MAX], size_t *size)
{
  if (text.size > TICKET_CODE_TEXT_MAX || !bytes_starts_with(text, PREFIX)) return false;
  struct bytes digits = bytes_of(text.data + PREFIX.size, text.size - PREFIX.size);
  return encode_from_base32(digits, room, size) && *size >= TICKET_CODE_BYTES_MIN;
}

enum ticket_code_verdict ticket_code_verify(const struct ticket_keys *keys, struct bytes text,
                                            uint8_t room[TICKET_CODE_BYTES_MAX],
                                            struct ticket_code *code)
{
  size_t size;
  struct head head;
  if (!decode(text, room, &size)) return TICKET_CODE_MALFORMED;
  memcpy(&head, room, sizeof head);
  size_t signed_size = size - TICKET_SIGNATURE_BYTES;
  size_t ids_size = signed_size - sizeof head;
  if (head.version != TICKET_CODE_VERSION) return TICKET_CODE_MALFORMED;
  if (head.event_size < 1 || head.event_size > SEAT_EVENT_ID_BYTES) return TICKET_CODE_MALFORMED;
  if (ids_size <= head.event_size || ids_size - head.event_size > SEAT_ID_BYTES)
    return TICKET_CODE_MALFORMED;
  const struct ticket_key *key = find_key(keys, head.key_id);
  if (key == NULL) return TICKET_CODE_UNKNOWN_KEY;
  if (!is_signed(key->key, bytes_of(room, signed_size), room + signed_size))
    return TICKET_CODE_BAD_SIGNATURE;
  const uint8_t *ids = room + sizeof head;
  *code = (struct ticket_code){
      .issue = get_u32(head.issue),
      .issued_at_s = get_u32(head.issued_at),
      .event_id = bytes_of(ids, head.event_size),
      .seat_id = bytes_of(ids + head.event_size, ids_size - head.event_size),
  };
  memcpy(code->order.bytes, head.order, ID_BYTES);
  return TICKET_CODE_VALID;
}
