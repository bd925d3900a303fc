#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char OVERFLOW[] =
    "Number overflow. Attempting to store a number with magnitude larger than supported range";
static const char UNDERFLOW[] =
    "Number underflow. Attempting to store a number with magnitude smaller than supported range";
static const char PRECISION[] = "Attempting to store more than 38 significant digits in a Number";

#define NOT_NUMBER "The parameter cannot be converted to a numeric value"
#define NINES_38   "99999999999999999999999999999999999999"

/*
 * The model: a number as a row of digits, one per power of ten from 10^-170 to 10^149, and a sign.
 * Slow, and shares nothing with the code under test but the text form.
 */
enum { LOWEST = -170, PLACES = 320 };

struct model {
  int8_t digits[PLACES]; /* digits[i] counts 10^(LOWEST + i) */
  bool negative;
};

static bool model_is_zero(const struct model *model)
{
  for (int i = 0; i < PLACES; i++)
    if (model->digits[i] != 0) return false;
  return true;
}

static int model_compare_absolute(const struct model *left, const struct model *right)
{
  for (int i = PLACES - 1; i >= 0; i--)
    if (left->digits[i] != right->digits[i]) return left->digits[i] < right->digits[i] ? -1 : 1;
  return 0;
}

static int model_compare(const struct model *left, const struct model *right)
{
  bool left_negative = left->negative && !model_is_zero(left);
  bool right_negative = right->negative && !model_is_zero(right);
  if (left_negative != right_negative) return left_negative ? -1 : 1;
  int order = model_compare_absolute(left, right);
  return left_negative ? -order : order;
}

static struct model model_add(const struct model *left, const struct model *right)
{
  struct model result = {.negative = left->negative};
  if (left->negative != right->negative && model_compare_absolute(left, right) < 0) {
    const struct model *swap = left;
    left = right;
    right = swap;
    result.negative = left->negative;
  }
  int direction = left->negative == right->negative ? 1 : -1;
  int carry = 0;
  for (int i = 0; i < PLACES; i++) {
    int digit = left->digits[i] + direction * right->digits[i] + carry;
    carry = digit < 0 ? -1 : digit / 10;
    result.digits[i] = (int8_t)(digit < 0 ? digit + 10 : digit % 10);
  }
  assert_int_equal(carry, 0);
  return result;
}

/* The plain text, or the message that refuses it. */
static const char *model_format(const struct model *model, char text[PLACES + 4])
{
  int first = PLACES - 1;
  int last = 0;
  while (first >= 0 && model->digits[first] == 0) first--;
  if (first < 0) return "0";
  while (model->digits[last] == 0) last++;
  if (first + LOWEST > 125) return OVERFLOW;
  if (first + LOWEST < -130) return UNDERFLOW;
  if (first - last + 1 > 38) return PRECISION;
  int from = first + LOWEST < 0 ? -LOWEST : first;
  int to = last + LOWEST > 0 ? -LOWEST : last;
  int size = 0;
  if (model->negative) text[size++] = '-';
  for (int i = from; i >= to; i--) {
    text[size++] = (char)('0' + model->digits[i]);
    if (i == -LOWEST && i > to) text[size++] = '.';
  }
  text[size] = 0;
  return text;
}

static uint64_t seed_of_test(void)
{
  const char *text = getenv("TACOS_SEED");
  return text == NULL ? 20240 : strtoull(text, NULL, 0);
}

static uint64_t random_next(uint64_t *state)
{
  *state += 0x9E3779B97F4A7C15u;
  uint64_t mixed = (*state ^ (*state >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  return mixed ^ (mixed >> 31);
}

static int random_below(uint64_t *state, int end)
{
  return (int)(random_next(state) % (uint64_t)end);
}

/*
 * A random number as a text with an exponent and in the model. Mostly few digits and near
 * magnitudes, so that sums carry, cancel and fit; sometimes beyond every limit.
 */
static void random_number(uint64_t *state, struct model *model, char text[128])
{
  static const int WIDEST[] = {1, 3, 9, 19, 38, 40};
  static const int EXPONENTS[] = {1, 4, 40, 100};
  int count = 1 + random_below(state, WIDEST[random_below(state, 6)]);
  int spread = EXPONENTS[random_below(state, 4)];
  int exponent = random_below(state, 2 * spread) - spread;
  int place = random_below(state, 8);
  if (place == 0) exponent = 125 - count + random_below(state, 4);
  if (place == 1) exponent = -132 + random_below(state, 4);
  bool same = random_below(state, 4) == 0;
  *model = (struct model){.negative = random_below(state, 2) == 0};
  int size = 0;
  if (model->negative) text[size++] = '-';
  for (int i = count - 1; i >= 0; i--) {
    int digit = same ? 9 : random_below(state, 10);
    model->digits[exponent - LOWEST + i] = (int8_t)digit;
    text[size++] = (char)('0' + digit);
    if (i == 2) text[size++] = '.';
  }
  sprintf(text + size, "e%d", count > 2 ? exponent + 2 : exponent);
}

static const char *format(const struct decimal *number, char text[DECIMAL_TEXT_BYTES + 1])
{
  text[decimal_format(number, text)] = 0;
  return text;
}

static struct decimal parse(const char *text)
{
  struct decimal number;
  struct error error = {0};
  if (!decimal_parse(bytes_of_text(text), &number, &error)) fail_msg("%s: %s", text, error.message);
  return number;
}

static int sign_of(int order)
{
  return (order > 0) - (order < 0);
}

static int sortable_order(const struct decimal *left, const struct decimal *right)
{
  uint8_t left_bytes[DECIMAL_SORTABLE_BYTES];
  uint8_t right_bytes[DECIMAL_SORTABLE_BYTES];
  size_t left_size = decimal_sortable(left, left_bytes);
  size_t right_size = decimal_sortable(right, right_bytes);
  assert_true(left_size <= DECIMAL_SORTABLE_BYTES && right_size <= DECIMAL_SORTABLE_BYTES);
  size_t shared = left_size < right_size ? left_size : right_size;
  int order = memcmp(left_bytes, right_bytes, shared);
  /* No encoding is the start of another, so the shared bytes always decide. */
  if (order == 0) assert_int_equal(left_size, right_size);
  return sign_of(order);
}

static void assert_same(const struct decimal *left, const struct decimal *right)
{
  assert_true(left->coefficient == right->coefficient);
  assert_int_equal(left->exponent, right->exponent);
  assert_int_equal(left->negative, right->negative);
}

static void check_sum(const struct model *expected, bool done, const struct decimal *sum,
                      const struct error *error)
{
  char wanted[PLACES + 4];
  char got[DECIMAL_TEXT_BYTES + 1];
  const char *text = model_format(expected, wanted);
  if (text == OVERFLOW || text == UNDERFLOW || text == PRECISION) {
    assert_false(done);
    assert_int_equal(error->code, ERROR_INVALID);
    /* DynamoDB calls a sum of too many digits an overflow. */
    assert_string_equal(error->message, text == UNDERFLOW ? UNDERFLOW : OVERFLOW);
  } else {
    assert_true(done);
    assert_string_equal(format(sum, got), text);
  }
}

/* One random pair: parse, format, compare, sortable order, sum and difference. */
static void check_pair(uint64_t *state)
{
  struct model models[2];
  struct decimal numbers[2];
  char texts[2][128];
  char wanted[PLACES + 4];
  char got[DECIMAL_TEXT_BYTES + 1];
  bool parsed = true;
  for (int i = 0; i < 2; i++) {
    random_number(state, &models[i], texts[i]);
    struct error error = {0};
    bool done = decimal_parse(bytes_of_text(texts[i]), &numbers[i], &error);
    const char *expected = model_format(&models[i], wanted);
    assert_string_equal(done ? format(&numbers[i], got) : error.message, expected);
    if (done) {
      struct decimal again = parse(got);
      assert_same(&numbers[i], &again);
    }
    parsed = parsed && done;
  }
  if (!parsed) return;
  int order = model_compare(&models[0], &models[1]);
  assert_int_equal(sign_of(decimal_compare(&numbers[0], &numbers[1])), order);
  assert_int_equal(sign_of(decimal_compare(&numbers[1], &numbers[0])), -order);
  assert_int_equal(sortable_order(&numbers[0], &numbers[1]), order);

  struct error error;
  struct decimal result;
  struct model expected = model_add(&models[0], &models[1]);
  bool done = decimal_add(&numbers[0], &numbers[1], &result, &error);
  check_sum(&expected, done, &result, &error);
  models[1].negative = !models[1].negative;
  expected = model_add(&models[0], &models[1]);
  done = decimal_subtract(&numbers[0], &numbers[1], &result, &error);
  check_sum(&expected, done, &result, &error);
}

static void test_agrees_with_model(void **unused)
{
  (void)unused;
  uint64_t seed = seed_of_test();
  uint64_t state = seed;
  print_message("TACOS_SEED=%" PRIu64 " build/asan/tests/unit/base/test_decimal\n", seed);
  for (int i = 0; i < 40000; i++) check_pair(&state);
}

static void test_parse_and_format(void **unused)
{
  (void)unused;
  static const char *const CASES[][2] = {
      {"0", "0"},
      {"-0", "0"},
      {"0.000", "0"},
      {"0e1000", "0"},
      {"-0e99999999999999999999", "0"},
      {"1", "1"},
      {"+3", "3"},
      {"0001.2300", "1.23"},
      {".123", "0.123"},
      {"5.", "5"},
      {"-.5e1", "-5"},
      {"1e+5", "100000"},
      {"12E-3", "0.012"},
      {"-17.4E3", "-17400"},
      {"123456789012345678", "123456789012345678"},
      {"1234567890123456789", "1234567890123456789"},
      {"100000000000000000000000", "100000000000000000000000"},
      {NINES_38, NINES_38},
      {"0." NINES_38, "0." NINES_38},
      {"1" NINES_38 "00e-3", NULL},
      {"0.0000000000000000000000000000000000000000000000001e49", "1"},
      {"10000000000000000000000000000000000000000000000000e-49", "1"},
      {"10000000000000000000", "10000000000000000000"},
      {"9999999999999999999.9999999999999999999", "9999999999999999999.9999999999999999999"},
  };
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    char text[DECIMAL_TEXT_BYTES + 1];
    struct decimal number;
    struct error error;
    bool done = decimal_parse(bytes_of_text(CASES[i][0]), &number, &error);
    assert_string_equal(done ? format(&number, text) : error.message,
                        CASES[i][1] != NULL ? CASES[i][1] : PRECISION);
  }
}

static void test_limits_of_range(void **unused)
{
  (void)unused;
  char text[DECIMAL_TEXT_BYTES + 1];
  struct decimal number = parse("-9.9999999999999999999999999999999999999E125");
  assert_int_equal(strlen(format(&number, text)), 127);
  assert_int_equal(decimal_digits(&number), 38);
  number = parse("-1.2345678901234567890123456789012345678E-130");
  assert_string_equal(
      format(&number, text),
      "-0.00000000000000000000000000000000000000000000000000000000000000000000000000"
      "000000000000000000000000000000000000000000000000000000012345678901234567890"
      "123456789012345678");
  uint8_t bytes[DECIMAL_SORTABLE_BYTES];
  assert_int_equal(decimal_sortable(&number, bytes), 22);

  static const char *const REFUSED[][2] = {
      {"1e126", OVERFLOW},
      {"-11e125", OVERFLOW},
      {"1e99999999999999999999", OVERFLOW},
      {"1e-131", UNDERFLOW},
      {"0.9e-130", UNDERFLOW},
      {"-1e-99999999999999999999", UNDERFLOW},
      {"123456789012345678901234567890123456789", PRECISION},
      {"1.00000000000000000000000000000000000001", PRECISION},
      {"1000000000000000000000000000000000000000000000000000000001", PRECISION},
  };
  for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
    struct error error = {0};
    assert_false(decimal_parse(bytes_of_text(REFUSED[i][0]), &number, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_string_equal(error.message, REFUSED[i][1]);
  }
}

static void test_refuses_what_is_no_number(void **unused)
{
  (void)unused;
  static const char *const CASES[] = {
      "-",  "+",     ".",   "-.",  "e5",  ".e5", "1e",    "1e+",  "1e-",      "--1", "+-1",   " 1",
      "1 ", "1.2.3", "1,5", "0x1", "NaN", "dog", "1e1.5", "1e 5", "Infinity", "1_0", "1e5e5", "٣",
  };
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct decimal number;
    struct error error = {0};
    char expected[128];
    sprintf(expected, NOT_NUMBER ": %s", CASES[i]);
    assert_false(decimal_parse(bytes_of_text(CASES[i]), &number, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_string_equal(error.message, expected);
  }
  struct decimal number;
  struct error error = {0};
  assert_false(decimal_parse(bytes_of(NULL, 0), &number, &error));
  assert_string_equal(error.message, NOT_NUMBER);

  char endless[2000];
  memset(endless, 'x', sizeof(endless));
  assert_false(decimal_parse(bytes_of(endless, sizeof(endless)), &number, &error));
  assert_int_equal(strlen(error.message), ERROR_MESSAGE_BYTES - 1);
}

static void test_integers(void **unused)
{
  (void)unused;
  static const int64_t CASES[] = {0,
                                  1,
                                  -1,
                                  10,
                                  -10,
                                  255,
                                  1000000,
                                  42,
                                  -700,
                                  INT64_MAX,
                                  INT64_MIN,
                                  INT64_MAX - 7,
                                  INT64_MIN + 8,
                                  1000000000000000000,
                                  -9000000000000000000};
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    char text[32];
    char formatted[DECIMAL_TEXT_BYTES + 1];
    struct decimal number = decimal_from_integer(CASES[i]);
    int64_t value = ~CASES[i];
    assert_true(decimal_to_integer(&number, &value));
    assert_int_equal(value, CASES[i]);
    sprintf(text, "%" PRId64, CASES[i]);
    assert_string_equal(format(&number, formatted), text);
    struct decimal parsed = parse(text);
    assert_same(&number, &parsed);
  }
  static const char *const NOT_INTEGERS[] = {
      "0.5",    "9223372036854775808", "-9223372036854775809", "1e19", "1e125",
      "1e-130", "18446744073709551616"};
  for (size_t i = 0; i < sizeof(NOT_INTEGERS) / sizeof(NOT_INTEGERS[0]); i++) {
    struct decimal number = parse(NOT_INTEGERS[i]);
    int64_t value;
    assert_false(decimal_to_integer(&number, &value));
  }
}

static void test_digits(void **unused)
{
  (void)unused;
  struct decimal zero = parse("0");
  assert_int_equal(decimal_digits(&zero), 1);
  char text[DECIMAL_DIGITS_MAX + 1] = "";
  for (int digits = 1; digits <= DECIMAL_DIGITS_MAX; digits++) {
    text[digits - 1] = '9';
    struct decimal nines = parse(text);
    assert_int_equal(decimal_digits(&nines), digits);
  }
  /* 10^n is one digit once normalised. */
  struct decimal power = parse("100000000000000000000000000000000000000");
  assert_int_equal(decimal_digits(&power), 1);
}

static void test_sums_at_the_edge(void **unused)
{
  (void)unused;
  static const char *const CASES[][3] = {
      {"1e38", "-1", NINES_38},
      {"1e38", "1", OVERFLOW},
      {"2e38", "-1", OVERFLOW},
      {"1e39", "-1", OVERFLOW},
      {"1e50", "1", OVERFLOW},
      {"9e125", "9e125", OVERFLOW},
      {"-9e125", "-9e125", OVERFLOW},
      {NINES_38, "1", "100000000000000000000000000000000000000"},
      {NINES_38, "2", OVERFLOW},
      {"1.1e-130", "-1e-130", UNDERFLOW},
      {"1e-130", "-1e-130", "0"},
      {"0", "0", "0"},
      {"0", "-7.5", "-7.5"},
      {"-7.5", "0", "-7.5"},
      {"0.1", "0.2", "0.3"},
      {"0.5", "0.5", "1"},
      {"-5", "3", "-2"},
      {"1e125", "-1e-130", OVERFLOW},
  };
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct decimal left = parse(CASES[i][0]);
    struct decimal right = parse(CASES[i][1]);
    struct decimal sum;
    struct error error;
    char text[DECIMAL_TEXT_BYTES + 1];
    bool done = decimal_add(&left, &right, &sum, &error);
    assert_string_equal(done ? format(&sum, text) : error.message, CASES[i][2]);
    done = decimal_add(&right, &left, &sum, &error);
    assert_string_equal(done ? format(&sum, text) : error.message, CASES[i][2]);
  }
}

static void test_sortable_layout(void **unused)
{
  (void)unused;
  uint8_t bytes[DECIMAL_SORTABLE_BYTES];
  struct decimal number = parse("1230");
  assert_int_equal(decimal_sortable(&number, bytes), 5);
  assert_memory_equal(bytes, "\xC0\x85\x0D\x1F\x00", 5);
  number = parse("-1230");
  assert_int_equal(decimal_sortable(&number, bytes), 5);
  assert_memory_equal(bytes, "\x40\x7A\xF2\xE0\xFF", 5);
  number = parse("0");
  assert_int_equal(decimal_sortable(&number, bytes), 1);
  assert_memory_equal(bytes, "\x80", 1);

  static const char *const ASCENDING[] = {
      "-1e125",  "-1000", "-999.5", "-10.01", "-10", "-9.99", "-1.01", "-1",  "-0.5",
      "-1e-130", "0",     "1e-130", "0.05",   "0.5", "1",     "1.01",  "1.1", "9.99",
      "10",      "10.01", "11",     "100",    "101", "999.5", "1e125"};
  for (size_t i = 0; i < sizeof(ASCENDING) / sizeof(ASCENDING[0]); i++) {
    for (size_t j = 0; j < sizeof(ASCENDING) / sizeof(ASCENDING[0]); j++) {
      struct decimal left = parse(ASCENDING[i]);
      struct decimal right = parse(ASCENDING[j]);
      assert_int_equal(sortable_order(&left, &right), (i > j) - (i < j));
      assert_int_equal(sign_of(decimal_compare(&left, &right)), (i > j) - (i < j));
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parse_and_format),
      cmocka_unit_test(test_limits_of_range),
      cmocka_unit_test(test_refuses_what_is_no_number),
      cmocka_unit_test(test_integers),
      cmocka_unit_test(test_digits),
      cmocka_unit_test(test_sums_at_the_edge),
      cmocka_unit_test(test_sortable_layout),
      cmocka_unit_test(test_agrees_with_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
