#include "bus/pattern_parts.h"

typedef bool read_operator(struct pattern_parser *parser, const char *name, struct test *test);

struct operator
{
  const char *name;
  read_operator *read;
};

#define NUMBER_ORDER_MAX ((int64_t)5000000000 * NUMBER_UNIT)

/* --- Texts and numbers --- */

static bool set_number(struct pattern_parser *parser, struct test *test, struct number *number)
{
  struct bytes text = parser->reader->text;
  if (!number_read(text, parser->arena, number)) {
    parser_refuse_memory(parser);
    return false;
  }
  *test = (struct test){.kind = TEST_NUMBER, .text = number->canonical, .written = text};
  return true;
}

/* A number that "numeric" and "anything-but" can compare. */
static bool set_limited_number(struct pattern_parser *parser, const char *name, struct test *test,
                               struct number *number)
{
  if (!set_number(parser, test, number)) return false;
  if (!number->in_range)
    return parser_refuse(parser, ERROR_INVALID, "%s: %.*s is not between -5e9 and 5e9", name,
                         BYTES_FORMAT(test->written));
  if (number->order % 2 != 0)
    return parser_refuse(parser, ERROR_INVALID,
                         "%s: %.*s has more than 6 digits after the decimal point", name,
                         BYTES_FORMAT(test->written));
  return true;
}

static bool set_folded(struct pattern_parser *parser, enum test_kind kind, struct test *test)
{
  struct bytes text = parser->reader->text;
  uint8_t *folded = arena_alloc(parser->arena, text.size);
  if (folded == NULL) return parser_refuse_memory(parser);
  text_fold(text, folded);
  *test = (struct test){.kind = kind, .text = bytes_of(folded, text.size), .written = text};
  return true;
}

/* Divides text at its stars and takes escapes out, into test->pieces, which have room. */
static bool split_wildcard(struct pattern_parser *parser, struct bytes text, uint8_t *literal,
                           struct test *test)
{
  struct bytes piece = {literal, 0};
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    if (byte == '*') {
      if (i + 1 < text.size && text.data[i + 1] == '*')
        return parser_refuse(parser, ERROR_INVALID, "wildcard: consecutive '*' at byte %zu", i);
      test->pieces[test->count++] = piece;
      piece = bytes_of(literal, 0);
      continue;
    }
    if (byte == '\\') {
      if (i + 1 == text.size || (text.data[i + 1] != '*' && text.data[i + 1] != '\\'))
        return parser_refuse(parser, ERROR_INVALID,
                             "wildcard: a backslash at byte %zu escapes neither '*' nor '\\'", i);
      byte = text.data[++i];
    }
    *literal++ = byte;
    piece.size++;
  }
  test->pieces[test->count++] = piece;
  return true;
}

static bool set_wildcard(struct pattern_parser *parser, struct test *test)
{
  struct bytes text = parser->reader->text;
  uint32_t stars = 0;
  for (size_t i = 0; i < text.size; i++) stars += text.data[i] == '*';
  *test = (struct test){.kind = TEST_WILDCARD, .written = text};
  uint8_t *literal = arena_alloc(parser->arena, text.size);
  test->pieces = arena_alloc_array(parser->arena, stars + 1, sizeof(*test->pieces));
  if (literal == NULL || test->pieces == NULL) return parser_refuse_memory(parser);
  if (!split_wildcard(parser, text, literal, test)) return false;
  if (test->count > PATTERN_WILDCARDS_MAX + 1)
    return parser_refuse(parser, ERROR_LIMIT, "wildcard: more than %d '*' in one value",
                         PATTERN_WILDCARDS_MAX);
  test->text = text;
  return true;
}

static bool set_string(struct pattern_parser *parser, enum test_kind kind, struct test *test)
{
  struct bytes text = parser->reader->text;
  switch (kind) {
  case TEST_WILDCARD:
    return set_wildcard(parser, test);
  case TEST_EQUALS_FOLDED:
  case TEST_PREFIX_FOLDED:
  case TEST_SUFFIX_FOLDED:
    return set_folded(parser, kind, test);
  default:
    *test = (struct test){.kind = kind, .text = text, .written = text};
    return true;
  }
}

/* The string that an operator needs as its next token. */
static bool read_string(struct pattern_parser *parser, const char *name, enum test_kind kind,
                        struct test *test)
{
  if (parser_next(parser) != JSON_STRING)
    return parser_refuse(parser, ERROR_INVALID, "%s needs a string", name);
  return set_string(parser, kind, test);
}

/* --- Operators --- */

static bool read_object_end(struct pattern_parser *parser, const char *name)
{
  if (parser_next(parser) == JSON_OBJECT_END) return true;
  return parser_refuse(parser, ERROR_INVALID, "%s: only one operator is allowed in an object",
                       name);
}

/* {"equals-ignore-case": string} inside of prefix or suffix, after its '{'. */
static bool read_inner_folded(struct pattern_parser *parser, const char *name, enum test_kind kind,
                              struct test *test)
{
  if (parser_next(parser) != JSON_KEY ||
      !bytes_equal(parser->reader->text, BYTES("equals-ignore-case")))
    return parser_refuse(parser, ERROR_INVALID,
                         "%s needs a string or {\"equals-ignore-case\": string}", name);
  return read_string(parser, "equals-ignore-case", kind, test) && read_object_end(parser, name);
}

static bool read_end(struct pattern_parser *parser, const char *name, enum test_kind kind,
                     enum test_kind folded_kind, struct test *test)
{
  enum json_token token = parser_next(parser);
  if (token == JSON_OBJECT_BEGIN) return read_inner_folded(parser, name, folded_kind, test);
  if (token != JSON_STRING)
    return parser_refuse(parser, ERROR_INVALID,
                         "%s needs a string or {\"equals-ignore-case\": string}", name);
  return set_string(parser, kind, test);
}

static bool read_prefix(struct pattern_parser *parser, const char *name, struct test *test)
{
  return read_end(parser, name, TEST_PREFIX, TEST_PREFIX_FOLDED, test);
}

static bool read_suffix(struct pattern_parser *parser, const char *name, struct test *test)
{
  return read_end(parser, name, TEST_SUFFIX, TEST_SUFFIX_FOLDED, test);
}

static bool read_equals_ignore_case(struct pattern_parser *parser, const char *name,
                                    struct test *test)
{
  return read_string(parser, name, TEST_EQUALS_FOLDED, test);
}

static bool read_wildcard(struct pattern_parser *parser, const char *name, struct test *test)
{
  return read_string(parser, name, TEST_WILDCARD, test);
}

static bool read_exists(struct pattern_parser *parser, const char *name, struct test *test)
{
  enum json_token token = parser_next(parser);
  if (token != JSON_TRUE && token != JSON_FALSE)
    return parser_refuse(parser, ERROR_INVALID, "%s needs true or false", name);
  *test = (struct test){.kind = token == JSON_TRUE ? TEST_PRESENT : TEST_ABSENT};
  return true;
}

/* The bits after the slash, at most `most`; -1 when they are none. */
static int read_bits(struct bytes text, int most)
{
  int bits = 0;
  if (text.size == 0 || text.size > 3) return -1;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return -1;
    bits = bits * 10 + (text.data[i] - '0');
  }
  return bits <= most ? bits : -1;
}

static bool read_cidr(struct pattern_parser *parser, const char *name, struct test *test)
{
  if (!read_string(parser, name, TEST_CIDR4, test)) return false;
  struct bytes text = test->written;
  const uint8_t *slash = text.size == 0 ? NULL : memchr(text.data, '/', text.size);
  if (slash == NULL)
    return parser_refuse(parser, ERROR_INVALID, "%s: \"%.*s\" has no '/'", name,
                         BYTES_FORMAT(text));
  uint8_t *address = arena_alloc(parser->arena, 16);
  if (address == NULL) return parser_refuse_memory(parser);
  size_t before = (size_t)(slash - text.data);
  size_t size = address_read(bytes_of(text.data, before), address);
  if (size == 0)
    return parser_refuse(parser, ERROR_INVALID, "%s: \"%.*s\" has no IPv4 or IPv6 address", name,
                         BYTES_FORMAT(text));
  int most = size == 4 ? 32 : 128;
  int bits = read_bits(bytes_of(slash + 1, text.size - before - 1), most);
  if (bits < 0)
    return parser_refuse(parser, ERROR_INVALID, "%s: the mask bits of \"%.*s\" are not 0 to %d",
                         name, BYTES_FORMAT(text), most);
  address_mask(address, (unsigned)bits);
  test->kind = size == 4 ? TEST_CIDR4 : TEST_CIDR6;
  test->bits = (uint32_t)bits;
  test->text = bytes_of(address, 16);
  return true;
}

/* --- numeric --- */

enum comparison { LESS, LESS_EQUAL, EQUAL, GREATER_EQUAL, GREATER, NO_COMPARISON };

static enum comparison comparison_of(struct bytes text)
{
  static const char *const names[] = {"<", "<=", "=", ">=", ">"};
  for (int i = 0; i < NO_COMPARISON; i++)
    if (bytes_equal(text, bytes_of_text(names[i]))) return (enum comparison)i;
  return NO_COMPARISON;
}

/* A comparison and its number, after the comparison's token was read. */
static bool read_comparison(struct pattern_parser *parser, const char *name, enum json_token token,
                            enum comparison *comparison, struct test *equal, int64_t *order)
{
  *comparison = token == JSON_STRING ? comparison_of(parser->reader->text) : NO_COMPARISON;
  if (*comparison == NO_COMPARISON)
    return parser_refuse(parser, ERROR_INVALID,
                         "%s needs one of \"<\", \"<=\", \"=\", \">=\", \">\" before a number",
                         name);
  enum json_token number_token = parser_next(parser);
  if (number_token != JSON_INTEGER && number_token != JSON_NUMBER)
    return parser_refuse(parser, ERROR_INVALID, "%s needs a number after each comparison", name);
  struct number number;
  if (!set_limited_number(parser, name, equal, &number)) return false;
  *order = number.order;
  return true;
}

static void narrow(struct test *test, enum comparison comparison, int64_t order)
{
  if (comparison == LESS) test->high = order - 1;
  if (comparison == LESS_EQUAL) test->high = order;
  if (comparison == GREATER_EQUAL) test->low = order;
  if (comparison == GREATER) test->low = order + 1;
}

static bool read_numeric(struct pattern_parser *parser, const char *name, struct test *test)
{
  if (parser_next(parser) != JSON_ARRAY_BEGIN)
    return parser_refuse(parser, ERROR_INVALID, "%s needs an array", name);
  enum comparison first = NO_COMPARISON, second = NO_COMPARISON;
  struct test equal = {0};
  int64_t order = 0, top = 0;
  if (!read_comparison(parser, name, parser_next(parser), &first, &equal, &order)) return false;
  *test = (struct test){.kind = TEST_NUMERIC, .low = -NUMBER_ORDER_MAX, .high = NUMBER_ORDER_MAX};
  narrow(test, first, order);
  enum json_token token = parser_next(parser);
  if (token == JSON_ARRAY_END) {
    if (first == EQUAL) *test = equal;
    return true;
  }
  if (first != GREATER && first != GREATER_EQUAL)
    return parser_refuse(parser, ERROR_INVALID,
                         "%s: only \">\" and \">=\" may be followed by an upper bound", name);
  if (!read_comparison(parser, name, token, &second, &equal, &top)) return false;
  if (second != LESS && second != LESS_EQUAL)
    return parser_refuse(parser, ERROR_INVALID, "%s: an upper bound is \"<\" or \"<=\"", name);
  if (order >= top)
    return parser_refuse(parser, ERROR_INVALID, "%s: the lower bound is not less than the upper",
                         name);
  narrow(test, second, top);
  if (parser_next(parser) != JSON_ARRAY_END)
    return parser_refuse(parser, ERROR_INVALID, "%s: more than two comparisons", name);
  return true;
}

/* --- anything-but --- */

static bool add_excluded(struct pattern_parser *parser, struct test *test,
                         const struct test *excluded)
{
  if (!parser_grow(parser, (void **)&test->excluded, test->count, sizeof(*excluded))) return false;
  test->excluded[test->count++] = *excluded;
  return true;
}

/* A value of anything-but, or of an operator in it, whose token was read. */
static bool exclude_value(struct pattern_parser *parser, const char *name, enum json_token token,
                          enum test_kind kind, struct test *test)
{
  struct test excluded;
  struct number number;
  if (token == JSON_STRING) {
    if (parser->reader->text.size == 0 && (kind == TEST_PREFIX || kind == TEST_SUFFIX))
      return parser_refuse(parser, ERROR_INVALID, "%s: an empty string excludes everything", name);
    return set_string(parser, kind, &excluded) && add_excluded(parser, test, &excluded);
  }
  if (kind == TEST_STRING && (token == JSON_INTEGER || token == JSON_NUMBER))
    return set_limited_number(parser, name, &excluded, &number) &&
           add_excluded(parser, test, &excluded);
  if (kind == TEST_STRING)
    return parser_refuse(parser, ERROR_INVALID, "%s needs strings or numbers", name);
  return parser_refuse(parser, ERROR_INVALID, "%s needs strings", name);
}

/* One value or a list of them. */
static bool exclude_values(struct pattern_parser *parser, const char *name, enum json_token token,
                           enum test_kind kind, struct test *test)
{
  if (token != JSON_ARRAY_BEGIN) return exclude_value(parser, name, token, kind, test);
  while ((token = parser_next(parser)) != JSON_ARRAY_END) {
    if (!exclude_value(parser, name, token, kind, test)) return false;
    if ((test->excluded[0].kind == TEST_NUMBER) !=
        (test->excluded[test->count - 1].kind == TEST_NUMBER))
      return parser_refuse(parser, ERROR_INVALID, "%s: strings and numbers in one list", name);
  }
  if (test->count == 0) return parser_refuse(parser, ERROR_INVALID, "%s: the list is empty", name);
  return true;
}

static bool read_anything_but(struct pattern_parser *parser, const char *name, struct test *test)
{
  static const struct {
    const char *name;
    const char *full_name;
    enum test_kind kind;
  } inner[] = {{"prefix", "anything-but prefix", TEST_PREFIX},
               {"suffix", "anything-but suffix", TEST_SUFFIX},
               {"equals-ignore-case", "anything-but equals-ignore-case", TEST_EQUALS_FOLDED},
               {"wildcard", "anything-but wildcard", TEST_WILDCARD}};
  *test = (struct test){.kind = TEST_ANYTHING_BUT};
  enum json_token token = parser_next(parser);
  if (token != JSON_OBJECT_BEGIN) return exclude_values(parser, name, token, TEST_STRING, test);
  if (parser_next(parser) != JSON_KEY)
    return parser_refuse(parser, ERROR_INVALID, "%s: the object is empty", name);
  struct bytes key = parser->reader->text;
  for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
    if (!bytes_equal(key, bytes_of_text(inner[i].name))) continue;
    return exclude_values(parser, inner[i].full_name, parser_next(parser), inner[i].kind, test) &&
           read_object_end(parser, name);
  }
  return parser_refuse(parser, ERROR_INVALID, "%s: unknown operator \"%.*s\"", name,
                       BYTES_FORMAT(key));
}

/* --- A field's array --- */

static bool read_object(struct pattern_parser *parser, struct test *test)
{
  static const struct operator operators[] = {
      {"prefix", read_prefix},
      {"suffix", read_suffix},
      {"equals-ignore-case", read_equals_ignore_case},
      {"wildcard", read_wildcard},
      {"anything-but", read_anything_but},
      {"numeric", read_numeric},
      {"exists", read_exists},
      {"cidr", read_cidr},
  };
  if (parser_next(parser) != JSON_KEY)
    return parser_refuse(parser, ERROR_INVALID, "an object without an operator");
  struct bytes key = parser->reader->text;
  for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
    const char *name = operators[i].name;
    if (bytes_equal(key, bytes_of_text(name)))
      return operators[i].read(parser, name, test) && read_object_end(parser, name);
  }
  return parser_refuse(parser, ERROR_INVALID, "unknown operator \"%.*s\"", BYTES_FORMAT(key));
}

static bool read_test(struct pattern_parser *parser, enum json_token token, struct test *test)
{
  struct number number;
  switch (token) {
  case JSON_STRING:
    return set_string(parser, TEST_STRING, test);
  case JSON_INTEGER:
  case JSON_NUMBER:
    return set_number(parser, test, &number);
  case JSON_TRUE:
    *test = (struct test){.kind = TEST_TRUE};
    return true;
  case JSON_FALSE:
    *test = (struct test){.kind = TEST_FALSE};
    return true;
  case JSON_NULL:
    *test = (struct test){.kind = TEST_NULL};
    return true;
  case JSON_OBJECT_BEGIN:
    return read_object(parser, test);
  default:
    return parser_refuse(parser, ERROR_INVALID,
                         "a value is a string, a number, true, false, null or an operator");
  }
}

bool parser_read_tests(struct pattern_parser *parser, struct field *field)
{
  enum json_token token;
  while ((token = parser_next(parser)) != JSON_ARRAY_END) {
    struct test test = {0};
    if (!read_test(parser, token, &test)) return false;
    if (!parser_grow(parser, (void **)&field->tests, field->tests_count, sizeof(test)))
      return false;
    field->tests[field->tests_count++] = test;
    if (test.kind == TEST_ABSENT) field->may_be_absent = true;
  }
  if (field->tests_count == 0)
    return parser_refuse(parser, ERROR_INVALID, "the array of values is empty");
  return true;
}
