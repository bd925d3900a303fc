#include "base/decimal.h"

#include "base/check.h"

typedef unsigned __int128 coefficient;

enum {
  UINT64_SAFE_DIGITS = 18, /* any number of so many digits fits into 63 bits */
  PARSED_EXPONENT_MAX =
      1000000000, /* an explicit exponent saturates here: range errors either way */
  SORTABLE_NEGATIVE = 0x40,
  SORTABLE_ZERO = 0x80,
  SORTABLE_POSITIVE = 0xC0,
};

#define OVERFLOW_MESSAGE \
  "Number overflow. Attempting to store a number with magnitude larger than supported range"
#define UNDERFLOW_MESSAGE \
  "Number underflow. Attempting to store a number with magnitude smaller than supported range"

#define TEN_TO_19 ((coefficient)10000000000000000000U)
/* clang-format off */
#define POWERS_0_TO_18(unit) \
  (unit) * 1, (unit) * 10, (unit) * 100, (unit) * 1000, (unit) * 10000, (unit) * 100000, \
  (unit) * 1000000, (unit) * 10000000, (unit) * 100000000, (unit) * 1000000000, \
  (unit) * 10000000000, (unit) * 100000000000, (unit) * 1000000000000, \
  (unit) * 10000000000000, (unit) * 100000000000000, (unit) * 1000000000000000, \
  (unit) * 10000000000000000, (unit) * 100000000000000000, (unit) * 1000000000000000000
/* clang-format on */

static const coefficient POWERS_OF_TEN[DECIMAL_DIGITS_MAX + 1] = {
    POWERS_0_TO_18((coefficient)1),
    POWERS_0_TO_18(TEN_TO_19),
    TEN_TO_19 *TEN_TO_19,
};

#define COEFFICIENT_END (POWERS_OF_TEN[DECIMAL_DIGITS_MAX])

static int count_digits(coefficient value)
{
  uint64_t high = (uint64_t)(value >> 64);
  uint64_t low = (uint64_t)value;
  int bits = high != 0 ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll(low | 1);
  /* 1233 / 4096 is just above log10(2): floor(bits * log10(2)) for every bits <= 128. */
  int digits = (bits * 1233) >> 12;
  return digits + (digits <= DECIMAL_DIGITS_MAX && value >= POWERS_OF_TEN[digits]) + (value == 0);
}

/* Exponent of the leading digit. */
static int magnitude(const struct decimal *number)
{
  return number->exponent + count_digits(number->coefficient) - 1;
}

/* Normalised and in range: what every function here is given and gives. */
static void assert_valid(const struct decimal *number)
{
  CHECK(number->coefficient < COEFFICIENT_END);
  if (number->coefficient == 0) {
    CHECK(number->exponent == 0 && !number->negative);
  } else {
    CHECK_SLOW(number->coefficient % 10 != 0);
    CHECK_SLOW(magnitude(number) <= DECIMAL_MAGNITUDE_MAX);
    CHECK_SLOW(magnitude(number) >= DECIMAL_MAGNITUDE_MIN);
  }
}

/* Takes the factors of ten out of value, which is not 0; returns how many there were. */
static int strip_zeros(coefficient *value)
{
  int zeros = 0;
  while (*value >> 64 != 0 && *value % 10 == 0) {
    *value /= 10;
    zeros++;
  }
  if (*value >> 64 != 0) return zeros;
  uint64_t low = (uint64_t)*value;
  for (; low % 10 == 0; low /= 10) zeros++;
  *value = low;
  return zeros;
}

static struct decimal from_magnitude(uint64_t value, bool negative)
{
  if (value == 0) return (struct decimal){0};
  struct decimal number = {.coefficient = value, .negative = negative};
  if (value % 10 == 0) number.exponent = (int16_t)strip_zeros(&number.coefficient);
  return number;
}

struct decimal decimal_from_integer(int64_t value)
{
  uint64_t absolute = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  return from_magnitude(absolute, value < 0);
}

bool decimal_to_integer(const struct decimal *number, int64_t *value)
{
  /* Normalised, so a negative exponent means a fraction; 10^19 is above every 64-bit integer. */
  if (number->exponent < 0 || number->exponent > UINT64_SAFE_DIGITS) return false;
  if (number->coefficient >> 64 != 0) return false;
  coefficient absolute = number->coefficient * POWERS_OF_TEN[number->exponent];
  coefficient limit = (coefficient)INT64_MAX + number->negative;
  if (absolute > limit) return false;
  uint64_t low = (uint64_t)absolute;
  *value = (int64_t)(number->negative ? 0 - low : low);
  return true;
}

static bool is_digit(uint8_t byte)
{
  return byte >= '0' && byte <= '9';
}

/* What the grammar of a number yields before its range is looked at. */
struct parsed {
  coefficient coefficient; /* meaningless when digits > DECIMAL_DIGITS_MAX */
  int64_t digits;          /* significant ones, 0 for zero */
  int64_t exponent;        /* of the last significant digit */
};

/* Digits, point, digits: at least one digit. Returns the offset after them, or SIZE_MAX. */
static size_t parse_digits(struct bytes text, size_t offset, struct parsed *parsed)
{
  bool point = false;
  size_t seen = 0;
  int64_t zeros = 0; /* after the last digit that is not zero: significant only if one follows */
  for (; offset < text.size; offset++) {
    uint8_t byte = text.data[offset];
    if (byte == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(byte)) break;
    seen++;
    if (point) parsed->exponent--;
    if (byte == '0') {
      if (parsed->digits > 0) zeros++;
      continue;
    }
    parsed->digits += zeros + 1;
    if (parsed->digits <= DECIMAL_DIGITS_MAX) {
      coefficient digit = (coefficient)(byte - '0');
      parsed->coefficient = parsed->coefficient * POWERS_OF_TEN[zeros + 1] + digit;
    }
    zeros = 0;
  }
  parsed->exponent += zeros;
  return seen > 0 ? offset : SIZE_MAX;
}

/* (e|E)[+-]digits to the end of text, added to the exponent. */
static bool parse_exponent(struct bytes text, size_t offset, struct parsed *parsed)
{
  if (text.data[offset] != 'e' && text.data[offset] != 'E') return false;
  offset++;
  bool negative = false;
  if (offset < text.size && (text.data[offset] == '-' || text.data[offset] == '+'))
    negative = text.data[offset++] == '-';
  if (offset == text.size) return false;
  int64_t exponent = 0;
  for (; offset < text.size; offset++) {
    if (!is_digit(text.data[offset])) return false;
    exponent = exponent * 10 + (text.data[offset] - '0');
    if (exponent > PARSED_EXPONENT_MAX) exponent = PARSED_EXPONENT_MAX;
  }
  parsed->exponent += negative ? -exponent : exponent;
  return true;
}

static bool refuse_text(struct bytes text, struct error *error)
{
  if (text.size == 0)
    return error_set(error, ERROR_INVALID, "The parameter cannot be converted to a numeric value");
  return error_set(error, ERROR_INVALID,
                   "The parameter cannot be converted to a numeric value: %.*s",
                   text.size < ERROR_MESSAGE_BYTES ? (int)text.size : ERROR_MESSAGE_BYTES,
                   (const char *)text.data);
}

/* Everything parse_plain does not take. */
static bool parse_general(struct bytes text, struct decimal *number, struct error *error)
{
  struct parsed parsed = {0};
  size_t offset = 0;
  bool negative = false;
  if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+'))
    negative = text.data[offset++] == '-';
  offset = parse_digits(text, offset, &parsed);
  if (offset == SIZE_MAX) return refuse_text(text, error);
  if (offset < text.size && !parse_exponent(text, offset, &parsed)) return refuse_text(text, error);

  if (parsed.digits == 0) {
    *number = (struct decimal){0};
    return true;
  }
  int64_t leading = parsed.exponent + parsed.digits - 1;
  if (leading > DECIMAL_MAGNITUDE_MAX) return error_set(error, ERROR_INVALID, OVERFLOW_MESSAGE);
  if (leading < DECIMAL_MAGNITUDE_MIN) return error_set(error, ERROR_INVALID, UNDERFLOW_MESSAGE);
  if (parsed.digits > DECIMAL_DIGITS_MAX)
    return error_set(error, ERROR_INVALID,
                     "Attempting to store more than 38 significant digits in a Number");
  *number = (struct decimal){parsed.coefficient, (int16_t)parsed.exponent, negative};
  assert_valid(number);
  return true;
}

/* The common case, [-]digits of 18 digits at most; false when text is anything else. */
static bool parse_plain(struct bytes text, struct decimal *number)
{
  if (text.size == 0) return false;
  bool negative = text.data[0] == '-';
  size_t digits = text.size - negative;
  if (digits == 0 || digits > UINT64_SAFE_DIGITS) return false;
  uint64_t value = 0;
  for (size_t i = negative; i < text.size; i++) {
    if (!is_digit(text.data[i])) return false;
    value = value * 10 + (uint64_t)(text.data[i] - '0');
  }
  *number = from_magnitude(value, negative);
  return true;
}

bool decimal_parse(struct bytes text, struct decimal *number, struct error *error)
{
  return parse_plain(text, number) || parse_general(text, number, error);
}

/* Writes the last `count` digits of value, leading zeros included. */
static void put_digits(char *to, coefficient value, int count)
{
  CHECK_THAT(count, <=, DECIMAL_DIGITS_MAX);
  uint64_t part = (uint64_t)(value % TEN_TO_19);
  for (int i = count - 1; i >= 0; i--) {
    if (count - 1 - i == 19) part = (uint64_t)(value / TEN_TO_19);
    to[i] = (char)('0' + part % 10);
    part /= 10;
  }
}

size_t decimal_format(const struct decimal *number, char text[DECIMAL_TEXT_BYTES])
{
  assert_valid(number);
  int digits = count_digits(number->coefficient);
  int exponent = number->exponent;
  char *to = text;
  if (number->negative) *to++ = '-';
  if (exponent >= 0) {
    put_digits(to, number->coefficient, digits);
    memset(to + digits, '0', (size_t)exponent);
    to += digits + exponent;
  } else if (digits > -exponent) {
    int whole = digits + exponent;
    put_digits(to + 1, number->coefficient, digits);
    memmove(to, to + 1, (size_t)whole);
    to[whole] = '.';
    to += digits + 1;
  } else {
    int zeros = -exponent - digits;
    to[0] = '0';
    to[1] = '.';
    memset(to + 2, '0', (size_t)zeros);
    put_digits(to + 2 + zeros, number->coefficient, digits);
    to += 2 + zeros + digits;
  }
  CHECK_THAT(to - text, <=, DECIMAL_TEXT_BYTES);
  return (size_t)(to - text);
}

static int compare_coefficients(coefficient left, coefficient right)
{
  return (left > right) - (left < right);
}

/* Order of the absolute values of two numbers that are not zero. */
static int compare_absolute(const struct decimal *left, const struct decimal *right)
{
  if (left->exponent == right->exponent)
    return compare_coefficients(left->coefficient, right->coefficient);
  int order = magnitude(left) - magnitude(right);
  if (order != 0) return order;
  /* Leading digits are aligned, so scaling to the smaller exponent gives the digits of the longer
     coefficient: below 10^38. */
  int shift = left->exponent - right->exponent;
  CHECK_THAT(shift, <, DECIMAL_DIGITS_MAX);
  CHECK_THAT(shift, >, -DECIMAL_DIGITS_MAX);
  if (shift > 0)
    return compare_coefficients(left->coefficient * POWERS_OF_TEN[shift], right->coefficient);
  return compare_coefficients(left->coefficient, right->coefficient * POWERS_OF_TEN[-shift]);
}

static int sign(const struct decimal *number)
{
  return number->negative ? -1 : number->coefficient != 0;
}

int decimal_compare(const struct decimal *left, const struct decimal *right)
{
  int left_sign = sign(left);
  int right_sign = sign(right);
  if (left_sign != right_sign) return left_sign - right_sign;
  if (left_sign == 0) return 0;
  return left_sign * compare_absolute(left, right);
}

static bool refuse_overflow(struct error *error)
{
  return error_set(error, ERROR_INVALID, OVERFLOW_MESSAGE);
}

/*
 * The sum of two numbers that are not zero, high->exponent >= low->exponent. When the exponents
 * differ, the last digit of low stays the last of the result, so its digits can be counted
 * beforehand: more than 39 after scaling high is too many even if a subtraction borrows the first.
 */
static bool add_aligned(const struct decimal *high, const struct decimal *low, struct decimal *sum,
                        struct error *error)
{
  int shift = high->exponent - low->exponent;
  int digits = count_digits(high->coefficient);
  if (digits + shift > DECIMAL_DIGITS_MAX + 1) return refuse_overflow(error);
  /* With 39 digits, only 1.. can come below 10^38 by subtracting low, which is below 10^38. */
  if (digits + shift == DECIMAL_DIGITS_MAX + 1 &&
      high->coefficient >= 2 * POWERS_OF_TEN[digits - 1])
    return refuse_overflow(error);

  /* scaled < 2 * 10^38 and low < 10^38: the sum is below 2^128. */
  coefficient scaled = high->coefficient * POWERS_OF_TEN[shift];
  coefficient other = low->coefficient;
  struct decimal result = {.exponent = low->exponent, .negative = high->negative};
  if (high->negative == low->negative) {
    result.coefficient = scaled + other;
  } else if (scaled >= other) {
    result.coefficient = scaled - other;
  } else {
    result.coefficient = other - scaled;
    result.negative = low->negative;
  }
  if (result.coefficient == 0) {
    *sum = (struct decimal){0};
    return true;
  }
  result.exponent = (int16_t)(result.exponent + strip_zeros(&result.coefficient));
  if (result.coefficient >= COEFFICIENT_END) return refuse_overflow(error);
  if (magnitude(&result) > DECIMAL_MAGNITUDE_MAX) return refuse_overflow(error);
  if (magnitude(&result) < DECIMAL_MAGNITUDE_MIN)
    return error_set(error, ERROR_INVALID, UNDERFLOW_MESSAGE);
  assert_valid(&result);
  *sum = result;
  return true;
}

bool decimal_add(const struct decimal *left, const struct decimal *right, struct decimal *sum,
                 struct error *error)
{
  assert_valid(left);
  assert_valid(right);
  if (left->coefficient == 0) {
    *sum = *right;
    return true;
  }
  if (right->coefficient == 0) {
    *sum = *left;
    return true;
  }
  bool left_is_high = left->exponent >= right->exponent;
  const struct decimal *high = left_is_high ? left : right;
  const struct decimal *low = left_is_high ? right : left;
  return add_aligned(high, low, sum, error);
}

bool decimal_subtract(const struct decimal *left, const struct decimal *right,
                      struct decimal *difference, struct error *error)
{
  struct decimal negated = *right;
  negated.negative = negated.coefficient != 0 && !negated.negative;
  return decimal_add(left, &negated, difference, error);
}

/*
 * sign(1) [magnitude(1) pair(1)... end(1)]; zero is its sign alone. The magnitude is offset to
 * 0..255, a pair is two decimal digits + 1 from the leading one on, the end is 0. The bytes after
 * the sign of a negative number are inverted. The end sorts before every pair, so a number with
 * more digits comes later, and makes no encoding the start of another.
 */
size_t decimal_sortable(const struct decimal *number, uint8_t bytes[DECIMAL_SORTABLE_BYTES])
{
  assert_valid(number);
  if (number->coefficient == 0) {
    bytes[0] = SORTABLE_ZERO;
    return 1;
  }
  int digits = count_digits(number->coefficient);
  uint8_t flip = number->negative ? 0xFF : 0;
  bytes[0] = number->negative ? SORTABLE_NEGATIVE : SORTABLE_POSITIVE;
  bytes[1] = (uint8_t)(number->exponent + digits - 1 - DECIMAL_MAGNITUDE_MIN) ^ flip;

  char text[DECIMAL_DIGITS_MAX + 1];
  put_digits(text, number->coefficient, digits);
  text[digits] = '0';
  size_t size = 2;
  for (int i = 0; i < digits; i += 2) {
    int pair = (text[i] - '0') * 10 + (text[i + 1] - '0');
    bytes[size++] = (uint8_t)(pair + 1) ^ flip;
  }
  bytes[size++] = flip;
  CHECK_THAT(size, <=, DECIMAL_SORTABLE_BYTES);
  return size;
}

int decimal_digits(const struct decimal *number)
{
  return count_digits(number->coefficient);
}
