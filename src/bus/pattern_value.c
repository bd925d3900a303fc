#include "bus/pattern_parts.h"

#include "base/check.h"

#include <arpa/inet.h>

/* --- Numbers --- */

enum {
  INTEGER_DIGITS_MAX = 10,  /* of 5e9 */
  FRACTION_DIGITS = 6,      /* Numeric matching of the EventBridge user guide */
  EXPONENT_DIGITS_MAX = 18, /* of an exponent that fits into 64 bits with room for additions */
  CANONICAL_HEAD_BYTES = 9, /* sign, exponent */
};

#define NUMBER_ORDER_MAX ((int64_t)5000000000 * NUMBER_UNIT)

/* 0.digits * 10^magnitude, digits without zeros at either end; none of them: zero. */
struct digits {
  uint8_t *text;
  size_t size;
  int64_t magnitude;
  bool negative;
};

/* The exponent behind 'e', false when it is beyond any use. */
static bool read_exponent(struct bytes text, int64_t *exponent)
{
  size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
  bool negative = at == 1 && text.data[0] == '-';
  while (at < text.size && text.data[at] == '0') at++;
  if (text.size - at > EXPONENT_DIGITS_MAX) return false;
  int64_t value = 0;
  for (; at < text.size; at++) value = value * 10 + (text.data[at] - '0');
  *exponent = negative ? -value : value;
  return true;
}

/* Splits a number of JSON's grammar; digits->text has room for all of it. */
static bool read_digits(struct bytes text, struct digits *digits)
{
  size_t at = text.data[0] == '-';
  size_t point = SIZE_MAX; /* digits before it */
  size_t size = 0;
  digits->negative = at == 1;
  digits->magnitude = 0;
  for (; at < text.size && (text.data[at] | 0x20) != 'e'; at++) {
    if (text.data[at] == '.')
      point = size;
    else
      digits->text[size++] = text.data[at];
  }
  if (point == SIZE_MAX) point = size;
  if (at < text.size &&
      !read_exponent(bytes_of(text.data + at + 1, text.size - at - 1), &digits->magnitude))
    return false;
  size_t zeros = 0;
  while (zeros < size && digits->text[zeros] == '0') zeros++;
  while (size > zeros && digits->text[size - 1] == '0') size--;
  digits->magnitude += (int64_t)point - (int64_t)zeros;
  digits->text += zeros;
  digits->size = size - zeros;
  return true;
}

/* Millionths, and whether something is left behind them. */
static void set_order(const struct digits *digits, struct number *number)
{
  number->in_range = digits->magnitude <= INTEGER_DIGITS_MAX;
  if (!number->in_range) return;
  int64_t millionths = 0;
  int64_t taken = digits->magnitude + FRACTION_DIGITS;
  for (int64_t i = 0; i < taken; i++)
    millionths = millionths * 10 + (i < (int64_t)digits->size ? digits->text[i] - '0' : 0);
  bool has_rest = taken < (int64_t)digits->size;
  int64_t order = 2 * millionths + has_rest;
  number->in_range = order <= NUMBER_ORDER_MAX;
  number->order = digits->negative ? -order : order;
}

bool number_read(struct bytes text, struct arena *arena, struct number *number)
{
  uint8_t *canonical = arena_alloc(arena, CANONICAL_HEAD_BYTES + text.size);
  if (canonical == NULL) return false;
  struct digits digits = {.text = canonical + CANONICAL_HEAD_BYTES};
  *number = (struct number){0};
  if (!read_digits(text, &digits)) {
    /* An exponent of 19 digits: equal only to what is written alike. */
    canonical[0] = 'x';
    memcpy(canonical + 1, text.data, text.size);
    number->canonical = bytes_of(canonical, 1 + text.size);
    return true;
  }
  if (digits.size == 0) {
    number->canonical = BYTES("0");
    number->in_range = true;
    return true;
  }
  set_order(&digits, number);
  uint8_t *head = digits.text - CANONICAL_HEAD_BYTES; /* leading zeros made no harm: in the block */
  head[0] = digits.negative ? '-' : '+';
  bytes_put_u64(head + 1, (uint64_t)digits.magnitude);
  number->canonical = bytes_of(head, CANONICAL_HEAD_BYTES + digits.size);
  return true;
}

/* --- Case --- */

/* Letters of which the capital is followed by the small one, for capitals from `first` on. */
static bool is_pair(uint32_t code, uint32_t first, uint32_t last)
{
  return code >= first && code <= last && (code - first) % 2 == 0;
}

static bool is_within(uint32_t code, uint32_t first, uint32_t last)
{
  return code >= first && code <= last;
}

/* The small letter of a capital above ASCII, of the same size in UTF-8. Source: the simple case
   foldings of CaseFolding.txt of the Unicode Character Database. */
static uint32_t fold_letter(uint32_t code)
{
  if (is_within(code, 0xC0, 0xDE)) return code == 0xD7 ? code : code + 0x20;
  if (is_pair(code, 0x100, 0x12F) || is_pair(code, 0x132, 0x137) || is_pair(code, 0x139, 0x148) ||
      is_pair(code, 0x14A, 0x177) || is_pair(code, 0x179, 0x17E))
    return code + 1;
  if (code == 0x178) return 0xFF;
  if (code == 0x386) return 0x3AC;
  if (is_within(code, 0x388, 0x38A)) return code + 0x25;
  if (code == 0x38C) return 0x3CC;
  if (is_within(code, 0x38E, 0x38F)) return code + 0x3F;
  if (is_within(code, 0x391, 0x3AB) && code != 0x3A2) return code + 0x20;
  if (is_within(code, 0x400, 0x40F)) return code + 0x50;
  if (is_within(code, 0x410, 0x42F)) return code + 0x20;
  if (code == 0x4C0) return 0x4CF;
  if (is_pair(code, 0x460, 0x481) || is_pair(code, 0x48A, 0x4BF) || is_pair(code, 0x4C1, 0x4CE) ||
      is_pair(code, 0x4D0, 0x52F))
    return code + 1;
  if (is_within(code, 0x531, 0x556)) return code + 0x30;
  if (is_pair(code, 0x1E00, 0x1E95) || is_pair(code, 0x1EA0, 0x1EFF)) return code + 1;
  return code;
}

void text_fold(struct bytes text, uint8_t *folded)
{
  for (size_t i = 0; i < text.size;) {
    uint8_t byte = text.data[i];
    size_t left = text.size - i;
    if (byte < 0xC0 || byte >= 0xF0) {
      folded[i++] = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
    } else if (byte < 0xE0 && left >= 2) {
      uint32_t code = fold_letter((uint32_t)(byte & 0x1F) << 6 | (text.data[i + 1] & 0x3F));
      folded[i++] = (uint8_t)(0xC0 | code >> 6);
      folded[i++] = (uint8_t)(0x80 | (code & 0x3F));
    } else if (byte >= 0xE0 && left >= 3) {
      uint32_t code = fold_letter((uint32_t)(byte & 0x0F) << 12 |
                                  (uint32_t)(text.data[i + 1] & 0x3F) << 6 |
                                  (text.data[i + 2] & 0x3F));
      folded[i++] = (uint8_t)(0xE0 | code >> 12);
      folded[i++] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
      folded[i++] = (uint8_t)(0x80 | (code & 0x3F));
    } else {
      folded[i++] = byte;
    }
  }
}

const uint8_t *value_folded(struct value *value, struct arena *arena)
{
  CHECK(value->kind == VALUE_STRING);
  if (value->folded == NULL) {
    uint8_t *folded = arena_alloc(arena, value->text.size);
    if (folded == NULL) return NULL;
    text_fold(value->text, folded);
    value->folded = folded;
  }
  return value->folded;
}

/* --- Addresses --- */

size_t address_read(struct bytes text, uint8_t address[16])
{
  char terminated[INET6_ADDRSTRLEN];
  if (text.size == 0 || text.size >= sizeof(terminated)) return 0;
  if (memchr(text.data, 0, text.size) != NULL) return 0;
  memcpy(terminated, text.data, text.size);
  terminated[text.size] = 0;
  memset(address, 0, 16);
  if (inet_pton(AF_INET, terminated, address) == 1) return 4;
  if (inet_pton(AF_INET6, terminated, address) == 1) return 16;
  return 0;
}

void address_mask(uint8_t address[16], unsigned bits)
{
  CHECK_THAT(bits, <=, 128);
  unsigned whole = bits / 8;
  if (bits % 8 != 0) {
    address[whole] &= (uint8_t)(0xFF << (8 - bits % 8));
    whole++;
  }
  memset(address + whole, 0, 16 - whole);
}

bool value_is_address(struct value *value)
{
  if (!value->have_address) {
    value->have_address = true;
    value->address_size = (uint8_t)address_read(value->text, value->address);
  }
  return value->address_size != 0;
}

static bool address_passes(const struct test *test, struct value *value)
{
  if (!value_is_address(value)) return false;
  if (value->address_size != (test->kind == TEST_CIDR4 ? 4 : 16)) return false;
  uint8_t masked[16];
  memcpy(masked, value->address, sizeof(masked));
  address_mask(masked, test->bits);
  return bytes_equal(bytes_of(masked, sizeof(masked)), test->text);
}

/* --- Tests --- */

static bool ends_with(struct bytes text, struct bytes suffix)
{
  return text.size >= suffix.size &&
         bytes_equal(bytes_of(text.data + (text.size - suffix.size), suffix.size), suffix);
}

/* Each piece at its leftmost place after the one before: if any places fit, these do. */
static bool wildcard_passes(const struct test *test, struct bytes text)
{
  struct bytes first = test->pieces[0];
  struct bytes last = test->pieces[test->count - 1];
  if (test->count == 1) return bytes_equal(text, first);
  if (text.size < first.size + last.size) return false;
  if (!bytes_starts_with(text, first) || !ends_with(text, last)) return false;
  struct bytes rest = bytes_of(text.data + first.size, text.size - first.size - last.size);
  for (uint32_t i = 1; i + 1 < test->count; i++) {
    size_t at = bytes_find(rest, test->pieces[i]);
    if (at == SIZE_MAX) return false;
    at += test->pieces[i].size;
    rest = bytes_of(rest.data + at, rest.size - at);
  }
  return true;
}

static bool string_passes(const struct test *test, struct value *value, struct arena *arena,
                          bool *failed)
{
  struct bytes text = value->text;
  switch (test->kind) {
  case TEST_STRING:
    return bytes_equal(text, test->text);
  case TEST_PREFIX:
    return bytes_starts_with(text, test->text);
  case TEST_SUFFIX:
    return ends_with(text, test->text);
  case TEST_WILDCARD:
    return wildcard_passes(test, text);
  case TEST_CIDR4:
  case TEST_CIDR6:
    return address_passes(test, value);
  default:
    break;
  }
  if (text.size < test->text.size) return false;
  text.data = value_folded(value, arena);
  if (text.data == NULL) {
    *failed = true;
    return false;
  }
  if (test->kind == TEST_PREFIX_FOLDED) return bytes_starts_with(text, test->text);
  if (test->kind == TEST_SUFFIX_FOLDED) return ends_with(text, test->text);
  return bytes_equal(text, test->text);
}

bool test_passes(const struct test *test, struct value *value, struct arena *arena, bool *failed)
{
  switch (test->kind) {
  case TEST_NULL:
    return value->kind == VALUE_NULL;
  case TEST_FALSE:
    return value->kind == VALUE_FALSE;
  case TEST_TRUE:
    return value->kind == VALUE_TRUE;
  case TEST_NUMBER:
    return value->kind == VALUE_NUMBER && bytes_equal(value->number.canonical, test->text);
  case TEST_NUMERIC:
    return value->kind == VALUE_NUMBER && value->number.in_range &&
           value->number.order >= test->low && value->number.order <= test->high;
  case TEST_PRESENT:
    return true;
  case TEST_ABSENT:
    return false;
  case TEST_ANYTHING_BUT:
    for (uint32_t i = 0; i < test->count; i++)
      if (test_passes(&test->excluded[i], value, arena, failed) || *failed) return false;
    return true;
  default:
    return value->kind == VALUE_STRING && string_passes(test, value, arena, failed);
  }
}
