#include "shield/password.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"

#include <argon2.h>
#include <stdio.h>

const struct password_cost password_cost_today = {.memory_kib = 19456, .passes = 2, .lanes = 1};

/* A PHC string, taken apart. */
struct phc {
  struct password_cost cost;
  size_t salt_size;
  size_t hash_size;
  uint8_t salt[PASSWORD_STORED_BYTES_MAX + 2];
  uint8_t hash[PASSWORD_STORED_BYTES_MAX + 2];
};

/* Fills hash[hash_size]. False when there is no memory. */
static bool derive(struct memory *memory, const struct phc *phc, struct bytes password,
                   uint8_t *hash, size_t hash_size)
{
  if (!memory_permit(memory)) return false;
  argon2_context context = {
      .out = hash,
      .outlen = (uint32_t)hash_size,
      .pwd = (uint8_t *)(uintptr_t)password.data, /* only read: the flags do not say to clear it */
      .pwdlen = (uint32_t)password.size,
      .salt = (uint8_t *)(uintptr_t)phc->salt,
      .saltlen = (uint32_t)phc->salt_size,
      .t_cost = phc->cost.passes,
      .m_cost = phc->cost.memory_kib,
      .lanes = phc->cost.lanes,
      .threads = 1,
      .version = ARGON2_VERSION_13,
      .flags = ARGON2_DEFAULT_FLAGS,
  };
  int status = argon2id_ctx(&context);
  CHECK(status == ARGON2_OK || status == ARGON2_MEMORY_ALLOCATION_ERROR);
  return status == ARGON2_OK;
}

/* ---- base64 without padding: base64url but for two characters ---- */

static void respell(char *text, size_t size, char minus, char underline, char plus, char slash)
{
  for (size_t i = 0; i < size; i++) {
    if (text[i] == minus) text[i] = plus;
    if (text[i] == underline) text[i] = slash;
  }
}

static size_t write_base64(struct bytes bytes, char *text)
{
  size_t size = encode_to_base64url(bytes, text);
  respell(text, size, '-', '_', '+', '/');
  return size;
}

static bool read_base64(struct bytes text, uint8_t to[PASSWORD_STORED_BYTES_MAX + 2], size_t *size)
{
  char copy[PASSWORD_STORED_BYTES_MAX * 2];
  if (text.size > encode_base64url_size(PASSWORD_STORED_BYTES_MAX)) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == '-' || text.data[i] == '_') return false;
    copy[i] = (char)text.data[i];
  }
  respell(copy, text.size, '+', '/', '-', '_');
  return encode_from_base64url(bytes_of(copy, text.size), to, size);
}

/* ---- PHC strings ---- */

static bool take(struct bytes *text, struct bytes prefix)
{
  if (!bytes_starts_with(*text, prefix)) return false;
  *text = bytes_of(text->data + prefix.size, text->size - prefix.size);
  return true;
}

/* A decimal number without leading zeros, up to a million. */
static bool take_number(struct bytes *text, uint32_t *number)
{
  size_t i = 0;
  *number = 0;
  for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9' && i < 6; i++)
    *number = *number * 10 + (uint32_t)(text->data[i] - '0');
  if (i == 0 || (i > 1 && text->data[0] == '0')) return false;
  *text = bytes_of(text->data + i, text->size - i);
  return true;
}

static bool is_bounded(const struct phc *phc)
{
  const struct password_cost *cost = &phc->cost;
  return cost->passes >= 1 && cost->passes <= PASSWORD_PASSES_MAX && cost->lanes >= 1 &&
         cost->lanes <= PASSWORD_LANES_MAX && cost->memory_kib >= 8 * cost->lanes &&
         cost->memory_kib <= PASSWORD_MEMORY_KIB_MAX &&
         phc->salt_size >= PASSWORD_STORED_SALT_MIN &&
         phc->salt_size <= PASSWORD_STORED_BYTES_MAX &&
         phc->hash_size >= PASSWORD_STORED_BYTES_MIN && phc->hash_size <= PASSWORD_STORED_BYTES_MAX;
}

static bool parse(struct bytes text, struct phc *phc)
{
  if (text.size >= PASSWORD_TEXT_BYTES) return false;
  if (!take(&text, BYTES("$argon2id$v=19$m=")) || !take_number(&text, &phc->cost.memory_kib) ||
      !take(&text, BYTES(",t=")) || !take_number(&text, &phc->cost.passes) ||
      !take(&text, BYTES(",p=")) || !take_number(&text, &phc->cost.lanes) ||
      !take(&text, BYTES("$")))
    return false;
  size_t salt_size = bytes_find(text, BYTES("$"));
  if (salt_size > text.size) return false;
  struct bytes salt = bytes_of(text.data, salt_size);
  struct bytes hash = bytes_of(text.data + salt_size + 1, text.size - salt_size - 1);
  return read_base64(salt, phc->salt, &phc->salt_size) &&
         read_base64(hash, phc->hash, &phc->hash_size) && is_bounded(phc);
}

bool password_hash(struct memory *memory, const struct password_cost *cost, struct bytes password,
                   const uint8_t salt[PASSWORD_SALT_BYTES], char text[PASSWORD_TEXT_BYTES])
{
  struct phc phc = {
      .cost = *cost, .salt_size = PASSWORD_SALT_BYTES, .hash_size = PASSWORD_HASH_BYTES};
  CHECK(is_bounded(&phc));
  memcpy(phc.salt, salt, PASSWORD_SALT_BYTES);
  if (!derive(memory, &phc, password, phc.hash, PASSWORD_HASH_BYTES)) return false;
  int size = snprintf(text, PASSWORD_TEXT_BYTES, "$argon2id$v=19$m=%u,t=%u,p=%u$", cost->memory_kib,
                      cost->passes, cost->lanes);
  CHECK(size > 0 && size < PASSWORD_TEXT_BYTES);
  char *next = text + size;
  next += write_base64(bytes_of(phc.salt, phc.salt_size), next);
  *next++ = '$';
  next += write_base64(bytes_of(phc.hash, phc.hash_size), next);
  *next = 0;
  explicit_bzero(&phc, sizeof phc);
  return true;
}

enum password_verdict password_verify(struct memory *memory, struct bytes password,
                                      struct bytes text)
{
  struct phc phc;
  uint8_t hash[PASSWORD_STORED_BYTES_MAX];
  if (!parse(text, &phc)) return PASSWORD_VERDICT_UNREADABLE;
  enum password_verdict verdict = PASSWORD_VERDICT_NO_MEMORY;
  if (derive(memory, &phc, password, hash, phc.hash_size)) {
    bool equal = hash_equal_constant_time(bytes_of(hash, phc.hash_size),
                                          bytes_of(phc.hash, phc.hash_size));
    verdict = equal ? PASSWORD_VERDICT_MATCHES : PASSWORD_VERDICT_DIFFERS;
  }
  explicit_bzero(hash, sizeof hash);
  explicit_bzero(&phc, sizeof phc);
  return verdict;
}

bool password_is_weaker(struct bytes text, const struct password_cost *cost)
{
  struct phc phc;
  if (!parse(text, &phc)) return true;
  return phc.cost.memory_kib < cost->memory_kib || phc.cost.passes < cost->passes ||
         phc.salt_size < PASSWORD_SALT_BYTES || phc.hash_size < PASSWORD_HASH_BYTES;
}
