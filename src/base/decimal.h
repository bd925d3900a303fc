/*
 * Decimal numbers as DynamoDB has them: 38 significant digits, magnitude 1E-130 to
 * 9.9999999999999999999999999999999999999E+125, and zero.
 *
 * value = (negative ? -1 : 1) * coefficient * 10^exponent
 *
 * Always normalised: the coefficient is not divisible by ten; zero is {0, 0, false}. So two
 * numbers are equal exactly when their fields are. Pure functions, any thread.
 * Source: DynamoDB developer guide, "Supported data types: Number".
 */
#ifndef TACOS_BASE_DECIMAL_H
#define TACOS_BASE_DECIMAL_H

#include "base/bytes.h"
#include "base/error.h"

enum {
  DECIMAL_DIGITS_MAX = 38,
  DECIMAL_MAGNITUDE_MAX = 125, /* exponent of the leading digit */
  DECIMAL_MAGNITUDE_MIN = -130,
  DECIMAL_TEXT_BYTES = 192, /* enough for any plain form: sign, "0.", 129 zeros, 38 digits */
  DECIMAL_SORTABLE_BYTES = 24,
};

struct decimal {
  unsigned __int128 coefficient; /* below 10^38 */
  int16_t exponent;
  bool negative;
};

struct decimal decimal_from_integer(int64_t value);

/* Whether the number is an integer of 64 bits, and which. */
bool decimal_to_integer(const struct decimal *number, int64_t *value);

/*
 * Parses [+-]digits[.digits][(e|E)[+-]digits], as DynamoDB accepts in "N"; the digits before or
 * after the point may be missing (".5", "5."). Refuses with ERROR_INVALID and DynamoDB's own
 * messages: not a number, magnitude too large or too small, more than 38 significant digits.
 */
bool decimal_parse(struct bytes text, struct decimal *number, struct error *error);

/*
 * Plain notation without exponent ("0.001", "-1200"), not terminated. Returns the length, at most
 * DECIMAL_TEXT_BYTES.
 */
size_t decimal_format(const struct decimal *number, char text[DECIMAL_TEXT_BYTES]);

/* Negative, 0 or positive. */
int decimal_compare(const struct decimal *left, const struct decimal *right);

/*
 * Exact sum and difference; ERROR_INVALID when it needs more than 38 digits or leaves the range.
 * Too many digits are an overflow too ("Number overflow. ..."), as DynamoDB answers 1e50 + 1.
 */
bool decimal_add(const struct decimal *left, const struct decimal *right, struct decimal *sum,
                 struct error *error);
bool decimal_subtract(const struct decimal *left, const struct decimal *right,
                      struct decimal *difference, struct error *error);

/*
 * Bytes whose memcmp order is the order of numbers (for sort keys). Injective, and no encoding is
 * the start of another, so more bytes may follow. Returns the length, at most
 * DECIMAL_SORTABLE_BYTES: two digits per byte, 4 bytes for a number of two digits.
 */
size_t decimal_sortable(const struct decimal *number, uint8_t bytes[DECIMAL_SORTABLE_BYTES]);

/* Number of significant decimal digits; 1 for zero. */
int decimal_digits(const struct decimal *number);

#endif
