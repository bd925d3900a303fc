#include "base/encode.h"

#include "base/check.h"

/* Value of a digit plus one, so that every character not named is 0: not a digit. */
#define BASE64_LETTERS                                                                            \
  ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,         \
  ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,  \
  ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, \
  ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, \
  ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, \
  ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, \
  ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, \
  ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62

/* clang-format off */
static const uint8_t base64_values[256] = {BASE64_LETTERS, ['+'] = 63, ['/'] = 64};
static const uint8_t base64url_values[256] = {BASE64_LETTERS, ['-'] = 63, ['_'] = 64};

static const uint8_t hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* No 0, 1, 8 and 9. */
static const uint8_t base32_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['2'] = 27, ['3'] = 28, ['4'] = 29, ['5'] = 30, ['6'] = 31, ['7'] = 32,
};
/* clang-format on */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t encode_to_hex(struct bytes slice, char *text)
{
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < slice.size; i++) {
    text[2 * i] = digits[slice.data[i] >> 4];
    text[2 * i + 1] = digits[slice.data[i] & 15];
  }
  return encode_hex_size(slice.size);
}

bool encode_from_hex(struct bytes text, uint8_t *to, size_t *size)
{
  if (text.size % 2 != 0) return false;
  for (size_t i = 0; i < text.size / 2; i++) {
    unsigned int high = hex_values[text.data[2 * i]];
    unsigned int low = hex_values[text.data[2 * i + 1]];
    if (high == 0 || low == 0) return false;
    to[i] = (uint8_t)((high - 1) << 4 | (low - 1));
  }
  *size = text.size / 2;
  return true;
}

/* Writes all digits without padding. */
static size_t to_digits(struct bytes slice, const char digits[64], char *text)
{
  const uint8_t *from = slice.data;
  char *next = text;
  size_t left = slice.size;
  for (; left >= 3; left -= 3, from += 3) {
    uint32_t group = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
    *next++ = digits[group >> 18];
    *next++ = digits[group >> 12 & 63];
    *next++ = digits[group >> 6 & 63];
    *next++ = digits[group & 63];
  }
  if (left > 0) {
    uint32_t group = (uint32_t)from[0] << 16 | (left == 2 ? (uint32_t)from[1] << 8 : 0);
    *next++ = digits[group >> 18];
    *next++ = digits[group >> 12 & 63];
    if (left == 2) *next++ = digits[group >> 6 & 63];
  }
  return (size_t)(next - text);
}

size_t encode_to_base64(struct bytes slice, char *text)
{
  size_t size = to_digits(slice, base64_digits, text);
  while (size % 4 != 0) text[size++] = '=';
  CHECK_THAT(size, ==, encode_base64_size(slice.size));
  return size;
}

size_t encode_to_base64url(struct bytes slice, char *text)
{
  size_t size = to_digits(slice, base64url_digits, text);
  CHECK_THAT(size, ==, encode_base64url_size(slice.size));
  return size;
}

/* The last two or three digits: one or two bytes, and bits that must be zero. */
static bool from_last_digits(const uint8_t *from, size_t count, const uint8_t values[256],
                             uint8_t *to)
{
  CHECK_THAT(count, <=, 3);
  if (count == 0) return true;
  if (count == 1) return false;
  uint32_t group = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t value = values[from[i]];
    if (value == 0) return false;
    group = group << 6 | (value - 1);
  }
  if (count == 2) {
    to[0] = (uint8_t)(group >> 4);
    return (group & 15) == 0;
  }
  to[0] = (uint8_t)(group >> 10);
  to[1] = (uint8_t)(group >> 2);
  return (group & 3) == 0;
}

/* Digits only. Each group is read whole before it is written, so `to` may be the text's memory. */
static bool from_digits(struct bytes text, const uint8_t values[256], uint8_t *to, size_t *size)
{
  const uint8_t *from = text.data;
  uint8_t *next = to;
  for (size_t groups = text.size / 4; groups > 0; groups--, from += 4, next += 3) {
    uint32_t first = values[from[0]], second = values[from[1]];
    uint32_t third = values[from[2]], fourth = values[from[3]];
    if (first == 0 || second == 0 || third == 0 || fourth == 0) return false;
    uint32_t group = (first - 1) << 18 | (second - 1) << 12 | (third - 1) << 6 | (fourth - 1);
    next[0] = (uint8_t)(group >> 16);
    next[1] = (uint8_t)(group >> 8);
    next[2] = (uint8_t)group;
  }
  size_t rest = text.size % 4;
  if (!from_last_digits(from, rest, values, next)) return false;
  *size = (size_t)(next - to) + (rest > 0 ? rest - 1 : 0);
  return true;
}

bool encode_from_base64(struct bytes text, uint8_t *to, size_t *size)
{
  if (text.size % 4 != 0) return false;
  for (int padding = 0; padding < 2; padding++)
    if (text.size > 0 && text.data[text.size - 1] == '=') text.size--;
  return from_digits(text, base64_values, to, size);
}

bool encode_from_base64url(struct bytes text, uint8_t *to, size_t *size)
{
  return from_digits(text, base64url_values, to, size);
}

size_t encode_to_base32(struct bytes slice, char *text)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  uint32_t bits = 0;
  unsigned int count = 0; /* of bits not written yet, below 5 before each byte */
  char *next = text;
  for (size_t i = 0; i < slice.size; i++) {
    bits = (bits << 8 | slice.data[i]) & 0xFFF;
    for (count += 8; count >= 5; count -= 5) *next++ = digits[bits >> (count - 5) & 31];
  }
  if (count > 0) *next++ = digits[bits << (5 - count) & 31];
  size_t size = (size_t)(next - text);
  CHECK_THAT(size, ==, encode_base32_size(slice.size));
  return size;
}

/* A byte is written when its last digit has been read: never beyond what was read. */
bool encode_from_base32(struct bytes text, uint8_t *to, size_t *size)
{
  uint32_t bits = 0;
  unsigned int count = 0; /* of bits that make no byte yet, below 8 */
  size_t written = 0;
  for (size_t i = 0; i < text.size; i++) {
    uint32_t value = base32_values[text.data[i]];
    if (value == 0) return false;
    bits = (bits << 5 | (value - 1)) & 0xFFF;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    to[written++] = (uint8_t)(bits >> count);
  }
  /* Five bits or more are a digit too many; fewer fill the last digit up and are zero. */
  if (count >= 5 || (bits & ((1U << count) - 1)) != 0) return false;
  *size = written;
  return true;
}
