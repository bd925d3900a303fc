#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

/* The tokens of `input` as one line: {k"name" i12 ...}, "!" and the message on error. */
static const char *tokens_of(struct bytes input, char line[2000])
{
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  struct json_reader reader;
  json_reader_init(&reader, input, &arena);
  size_t size = 0;
  enum json_token token;
  do {
    token = json_next(&reader);
    static const char *const MARKS[] = {"!", "{", "}", "[", "]", "k", "s",
                                        "i", "n", "T", "F", "N", ""};
    size += (size_t)sprintf(line + size, "%s", MARKS[token]);
    if (token == JSON_ERROR) size += (size_t)sprintf(line + size, "%s", reader.error.message);
    if (token == JSON_INTEGER) size += (size_t)sprintf(line + size, "%ld ", (long)reader.integer);
    if (token == JSON_KEY || token == JSON_STRING || token == JSON_NUMBER)
      size += (size_t)sprintf(line + size, "%.*s ", BYTES_FORMAT(reader.text));
  } while (token != JSON_ERROR && token != JSON_END);
  assert_int_equal(json_next(&reader), token);
  assert_int_equal(json_next(&reader), token);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
  return line;
}

static void assert_tokens(const char *input, const char *expected)
{
  char line[2000];
  /* An exact heap copy, so that the sanitizer sees a read past the end. */
  size_t size = strlen(input);
  char *copy = malloc(size > 0 ? size : 1);
  assert_non_null(copy);
  memcpy(copy, input, size);
  assert_string_equal(tokens_of(bytes_of(copy, size), line), expected);
  free(copy);
}

static void test_valid_documents(void **unused)
{
  (void)unused;
  static const char *const CASES[][2] = {
      {"{}", "{}"},
      {"[]", "[]"},
      {" \t\r\n[ ] \n", "[]"},
      {"0", "i0 "},
      {"-0", "i0 "},
      {"\"\"", "s "},
      {"true", "T"},
      {"false", "F"},
      {"null", "N"},
      {"[true,false,null]", "[TFN]"},
      {"[[],{},[[]]]", "[[]{}[[]]]"},
      {"{\"a\":1,\"b\":[2,{\"c\":\"x\"}]}", "{ka i1 kb [i2 {kc sx }]}"},
      {"{ \"a\" : 1 , \"b\" : 2 }", "{ka i1 kb i2 }"},
      {"{\"\":0}", "{k i0 }"},
      {"{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":2}}", "{ka {ka {ka i1 }}kb {ka i2 }}"},
      {"[{\"a\":1},{\"a\":2}]", "[{ka i1 }{ka i2 }]"},
      {"[9223372036854775807,-9223372036854775808]",
       "[i9223372036854775807 i-9223372036854775808 ]"},
      {"[9223372036854775808,-9223372036854775809]",
       "[n9223372036854775808 n-9223372036854775809 ]"},
      {"[1.5,-0.0,1e5,1E+5,1e-5,12.5E01,123456789012345678901234567890]",
       "[n1.5 n-0.0 n1e5 n1E+5 n1e-5 n12.5E01 n123456789012345678901234567890 ]"},
      {"\"\\\"\\\\\\/\\u0041\\u00e9\\u20AC\\ud83c\\udf2e!\"",
       "s\"\\/A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\xAE! "},
      {"\"\\b\\f\\n\\r\\t\"", "s\b\f\n\r\t "},
      {"\"\x7F\xC2\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF\"",
       "s\x7F\xC2\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF "},
      {"[\"a\\n\",\"b\\n\"]", "[sa\n sb\n ]"},
  };
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
    assert_tokens(CASES[i][0], CASES[i][1]);
}

/* Refused documents, each with where (byte, line, column) and why, after the tokens before it. */
static const char *const REFUSED[][2] = {
    {"", "!0 (1, 1): expected a value, found the end of the input"},
    {"  ", "!2 (1, 3): expected a value, found the end of the input"},
    {"[", "[!1 (1, 2): expected a value, found the end of the input"},
    {"{", "{!1 (1, 2): expected a key in double quotes, found the end of the input"},
    {"]", "!0 (1, 1): expected a value, found ']'"},
    {"[1,]", "[i1 !3 (1, 4): expected a value, found ']'"},
    {"[,1]", "[!1 (1, 2): expected a value, found ','"},
    {"[1,,2]", "[i1 !3 (1, 4): expected a value, found ','"},
    {"[1 2]", "[i1 !3 (1, 4): expected ',' or ']', found '2'"},
    {"[1}", "[i1 !2 (1, 3): expected ',' or ']', found '}'"},
    {"[1:2]", "[i1 !2 (1, 3): expected ',' or ']', found ':'"},
    {"{\"a\":1,}", "{ka i1 !7 (1, 8): expected a key in double quotes, found '}'"},
    {"{\"a\"}", "{!4 (1, 5): expected ':' after the key, found '}'"},
    {"{\"a\":}", "{ka !5 (1, 6): expected a value, found '}'"},
    {"{\"a\":1 \"b\"}", "{ka i1 !7 (1, 8): expected ',' or '}', found '\"'"},
    {"{\"a\":1]", "{ka i1 !6 (1, 7): expected ',' or '}', found ']'"},
    {"{a:1}", "{!1 (1, 2): expected a key in double quotes, found 'a'"},
    {"{'a':1}", "{!1 (1, 2): expected a key in double quotes, found '''"},
    {"{1:1}", "{!1 (1, 2): expected a key in double quotes, found '1'"},
    {"1 2", "i1 !2 (1, 3): expected the end of the document, found '2'"},
    {"[]]", "[]!2 (1, 3): expected the end of the document, found ']'"},
    {"{}//", "{}!2 (1, 3): expected the end of the document, found '/'"},
    {"/**/1", "!0 (1, 1): expected a value, found '/'"},
    {"tru", "!0 (1, 1): expected a value, found 't'"},
    {"True", "!0 (1, 1): expected a value, found 'T'"},
    {"nullx", "N!4 (1, 5): expected the end of the document, found 'x'"},
    {"NaN", "!0 (1, 1): expected a value, found 'N'"},
    {"[\n1,\n  ?]", "[i1 !7 (3, 3): expected a value, found '?'"},
    {"\"abc", "!4 (1, 5): expected '\"' at the end of the string, found the end of the input"},
    {"\"abc\\", "!5 (1, 6): expected '\"' at the end of the string, found the end of the input"},
    {"\"abc\\\"", "!6 (1, 7): expected '\"' at the end of the string, found the end of the input"},
    {"\"a\nb\"", "!2 (1, 3): control character 0x0A in a string, escape it"},
    {"\"a\\n\tb\"", "!4 (1, 5): control character 0x09 in a string, escape it"},
    {"\"\\x41\"", "!2 (1, 3): expected one of \"\\/bfnrtu after a backslash, found 'x'"},
    {"\"\\\xC3\xA9\"", "!2 (1, 3): expected one of \"\\/bfnrtu after a backslash, found byte 0xC3"},
    {"\"\\U0041\"", "!2 (1, 3): expected one of \"\\/bfnrtu after a backslash, found 'U'"},
    {"\"\\u00g1\"", "!1 (1, 2): expected four hexadecimal digits after \\u"},
    {"\"\\u004\"", "!1 (1, 2): expected four hexadecimal digits after \\u"},
    {"\"\\u 041\"", "!1 (1, 2): expected four hexadecimal digits after \\u"},
    {"\"\\ud83c\"", "!1 (1, 2): \\uD83C is half of a surrogate pair"},
    {"\"\\udf2e\"", "!1 (1, 2): \\uDF2E is half of a surrogate pair"},
    {"\"\\ud83c\\n\"", "!1 (1, 2): \\uD83C is half of a surrogate pair"},
    {"\"\\ud83c\\ud83c\"", "!1 (1, 2): \\uD83C is half of a surrogate pair"},
    {"\"\\udf2e\\ud83c\"", "!1 (1, 2): \\uDF2E is half of a surrogate pair"},
    {"\"x\\ud83c\\u00e9\"", "!2 (1, 3): \\uD83C is half of a surrogate pair"},
    {"\"\\ud83c\\udf2\"", "!1 (1, 2): \\uD83C is half of a surrogate pair"},
    {"\"\xC3\xA9\n\"", "!3 (1, 3): control character 0x0A in a string, escape it"},
    {"\xEF\xBB\xBF{}", "!0 (1, 1): expected a value, found byte 0xEF"},
    {"\"\xFF\"", "!1 (1, 2): not UTF-8"},
    {"[\"ok\",\"\xC0\x80\"]", "!7 (1, 8): not UTF-8"},
    {"\"\xED\xA0\x80\"", "!1 (1, 2): not UTF-8"},
    {"\"\xE2\x82\"", "!1 (1, 2): not UTF-8"},
    {"{\"a\":1,\"a\":2}", "{ka i1 !7 (1, 8): key \"a\" twice in one object"},
    {"{\"a\":1,\"b\":{\"b\":1},\"\\u0061\":2}",
     "{ka i1 kb {kb i1 }!19 (1, 20): key \"\\u0061\" twice in one object"},
    {"{\"\":1,\"\":2}", "{k i1 !6 (1, 7): key \"\" twice in one object"},
};

static void test_refused_documents(void **unused)
{
  (void)unused;
  for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
    char expected[600];
    const char *mark = strchr(REFUSED[i][1], '!');
    unsigned offset, line, column;
    int used;
    assert_int_equal(sscanf(mark, "!%u (%u, %u)%n", &offset, &line, &column, &used), 3);
    sprintf(expected, "%.*s!invalid JSON at byte %u (line %u, column %u)%s",
            (int)(mark - REFUSED[i][1]), REFUSED[i][1], offset, line, column, mark + used);
    assert_tokens(REFUSED[i][0], expected);
  }
}

static void test_refused_numbers(void **unused)
{
  (void)unused;
  static const char *const CASES[] = {"-",  "-a",  "01",  "-01",  "00",  "1.",   "1.e5",
                                      "1e", "1e+", "1E-", "1.5e", "-.5", "0.e1", "--1"};
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    assert_tokens(CASES[i], "!invalid JSON at byte 0 (line 1, column 1): not a number: digits are "
                            "missing, or it starts with 0");
  }
  static const char *const OTHERS[] = {"+1",    ".5", "Infinity", "0x1", "1_0",
                                       "1e5.5", "1a", "1 e5",     "- 1"};
  for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
    char line[2000];
    assert_non_null(strchr(tokens_of(bytes_of_text(OTHERS[i]), line), '!'));
  }
}

static void test_bytes_of_zero(void **unused)
{
  (void)unused;
  char line[2000];
  assert_string_equal(tokens_of(BYTES("[1]\0"), line),
                      "[i1 ]!invalid JSON at byte 3 (line 1, column 4): expected the end of the "
                      "document, found byte 0x00");
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  struct json_reader reader;
  json_reader_init(&reader, BYTES("\"a\\u0000b\""), &arena);
  assert_int_equal(json_next(&reader), JSON_STRING);
  assert_true(bytes_equal(reader.text, BYTES("a\0b")));
  arena_free(&arena);
}

static const char SAMPLE[] =
    "{\"event\":\"Caf\xC3\xA9 \\u20ac \\ud83c\\udf2e\",\"seats\":[{\"row\":7,\"price\":-12.50e1},"
    "true,false,null,[]],\"n\\n\":9223372036854775807,\"empty\":{},\"s\":\"\"}";

/* Reads until the end or an error. */
static enum json_token read_all(struct json_reader *reader)
{
  for (;;) {
    enum json_token token = json_next(reader);
    if (token == JSON_END || token == JSON_ERROR) return token;
  }
}

static void test_every_truncation_is_refused(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  for (size_t size = 0; size < sizeof(SAMPLE); size++) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, SAMPLE, size);
    struct json_reader reader;
    json_reader_init(&reader, bytes_of(copy, size), &arena);
    bool whole = size == sizeof(SAMPLE) - 1;
    assert_int_equal(read_all(&reader), whole ? JSON_END : JSON_ERROR);
    assert_int_equal(reader.error.code, whole ? ERROR_NONE : ERROR_INVALID);
    assert_true(reader.offset <= size);
    arena_reset(&arena);
    free(copy);
  }
  arena_free(&arena);
}

/* A control character outside and inside of strings is refused wherever it stands. */
static void test_every_inserted_control_is_refused(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  uint8_t text[sizeof(SAMPLE)];
  for (size_t at = 0; at < sizeof(SAMPLE); at++) {
    memcpy(text, SAMPLE, at);
    text[at] = 0x01;
    memcpy(text + at + 1, SAMPLE + at, sizeof(SAMPLE) - 1 - at);
    struct json_reader reader;
    json_reader_init(&reader, bytes_of(text, sizeof(text)), &arena);
    assert_int_equal(read_all(&reader), JSON_ERROR);
    arena_reset(&arena);
  }
  arena_free(&arena);
}

/* A special byte is seen at every distance from the 8-byte steps. */
static void test_plain_size(void **unused)
{
  (void)unused;
  static const uint8_t PLAIN[] = {' ', '!', '#', '[', ']', 'z', 0x7F, 0x80, 0x9F, 0xDC, 0xA2, 0xFF};
  for (size_t p = 0; p < sizeof(PLAIN); p++) {
    uint8_t text[40];
    memset(text, PLAIN[p], sizeof(text));
    assert_int_equal(json_plain_size(bytes_of(text, sizeof(text))), sizeof(text));
    for (size_t at = 0; at < sizeof(text); at++) {
      for (int special = 0; special < 34; special++) {
        text[at] = (uint8_t)(special < 32 ? special : special == 32 ? '"' : '\\');
        assert_int_equal(json_plain_size(bytes_of(text, sizeof(text))), at);
        assert_int_equal(json_plain_size(bytes_of(text, at)), at);
      }
      text[at] = PLAIN[p];
    }
  }
  assert_int_equal(json_plain_size(bytes_of(NULL, 0)), 0);
}

static void test_depth_limit(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  for (int extra = 0; extra < 2; extra++) {
    for (int objects = 0; objects < 2; objects++) {
      char text[8 * JSON_DEPTH_MAX];
      size_t size = 0;
      for (int i = 0; i < JSON_DEPTH_MAX + extra; i++)
        size += (size_t)sprintf(text + size, "%s", objects ? "{\"k\":" : "[");
      text[size++] = '1';
      for (int i = 0; i < JSON_DEPTH_MAX + extra; i++) text[size++] = objects ? '}' : ']';
      struct json_reader reader;
      json_reader_init(&reader, bytes_of(text, size), &arena);
      assert_int_equal(read_all(&reader), extra ? JSON_ERROR : JSON_END);
      if (extra == 0) continue;
      assert_int_equal(reader.error.code, ERROR_LIMIT);
      assert_non_null(strstr(reader.error.message, "nested deeper than 128 levels"));
    }
  }
  arena_free(&arena);
}

/* An object of `count` keys, the last one equal to key `twice` unless that is negative. */
static size_t make_object(char *text, int count, int twice)
{
  size_t size = (size_t)sprintf(text, "{");
  for (int i = 0; i < count; i++)
    size += (size_t)sprintf(text + size, "%s\"key-%d\":{\"key-1\":%d}", i > 0 ? "," : "",
                            i == count - 1 && twice >= 0 ? twice : i, i);
  return size + (size_t)sprintf(text + size, "}");
}

static void test_many_keys(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  /* One key of the limit is for the inner objects. */
  static const int COUNTS[] = {31, 32, 33, 65, 1000, JSON_KEYS_MAX - 1};
  char *text = malloc(JSON_KEYS_MAX * 40);
  assert_non_null(text);
  struct json_reader reader;
  for (size_t i = 0; i < sizeof(COUNTS) / sizeof(COUNTS[0]); i++) {
    json_reader_init(&reader, bytes_of(text, make_object(text, COUNTS[i], -1)), &arena);
    assert_int_equal(read_all(&reader), JSON_END);
    static const int TWICE[] = {0, 1, 17, 29};
    for (size_t j = 0; j < 4; j++) {
      json_reader_init(&reader, bytes_of(text, make_object(text, COUNTS[i], TWICE[j])), &arena);
      assert_int_equal(read_all(&reader), JSON_ERROR);
      char expected[40];
      sprintf(expected, "key \"key-%d\" twice in one object", TWICE[j]);
      assert_non_null(strstr(reader.error.message, expected));
    }
    arena_reset(&arena);
  }
  json_reader_init(&reader, bytes_of(text, make_object(text, JSON_KEYS_MAX, -1)), &arena);
  assert_int_equal(read_all(&reader), JSON_ERROR);
  assert_int_equal(reader.error.code, ERROR_LIMIT);
  assert_non_null(strstr(reader.error.message, "more than 8192 keys in open objects"));
  free(text);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
}

static void test_plain_strings_are_slices(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  static const char TEXT[] = "{\"name\":\"seat \xC3\xA9\",\"price\":12.50}";
  struct json_reader reader;
  json_reader_init(&reader, bytes_of_text(TEXT), &arena);
  assert_int_equal(json_next(&reader), JSON_OBJECT_BEGIN);
  assert_int_equal(json_next(&reader), JSON_KEY);
  assert_ptr_equal(reader.text.data, TEXT + 2);
  assert_int_equal(reader.token_offset, 1);
  assert_int_equal(json_next(&reader), JSON_STRING);
  assert_ptr_equal(reader.text.data, TEXT + 9);
  assert_int_equal(reader.token_offset, 8);
  assert_int_equal(json_next(&reader), JSON_KEY);
  assert_int_equal(json_next(&reader), JSON_NUMBER);
  assert_true(bytes_equal(reader.text, BYTES("12.50")));
  assert_int_equal(json_next(&reader), JSON_OBJECT_END);
  assert_int_equal(memory.calls, 0);
  arena_free(&arena);
}

struct seat {
  int64_t row;
  struct bytes name;
  bool taken;
  struct bytes extra;
  int64_t prices[4];
  size_t price_count;
};

/* How a handler reads: the error is looked at once, at the end. */
static bool read_seat(struct json_reader *reader, struct seat *seat)
{
  struct bytes key;
  json_read_object(reader);
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("row"))) {
      if (json_read_integer(reader, &seat->row) && seat->row < 1)
        json_refuse(reader, "row must be positive, not %d", (int)seat->row);
    } else if (bytes_equal(key, BYTES("name"))) {
      json_read_string(reader, &seat->name);
    } else if (bytes_equal(key, BYTES("taken"))) {
      json_read_bool(reader, &seat->taken);
    } else if (bytes_equal(key, BYTES("extra"))) {
      json_read_raw(reader, &seat->extra);
    } else if (bytes_equal(key, BYTES("prices"))) {
      json_read_array(reader);
      while (json_read_element(reader)) {
        assert_true(seat->price_count < 4);
        json_read_integer(reader, &seat->prices[seat->price_count++]);
      }
    } else {
      json_skip(reader);
    }
  }
  return json_read_end(reader);
}

static void test_handler_reads_an_object(void **unused)
{
  (void)unused;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  static const char *const TEXTS[] = {
      "{\"row\":7,\"name\":\"A\\t1\",\"taken\":true,\"extra\":{\"a\":[1,{}]},\"prices\":[1,2,3]}",
      " { \"other\" : [ {\"row\":1} , 2 ] , \"prices\" : [ 1 , 2 , 3 ] , "
      "\"extra\" : {\"a\":[1,{}]} "
      ", \"taken\" : true , \"name\" : \"A\\t1\" , \"row\" : 7 , \"x\" : null } ",
  };
  for (size_t i = 0; i < 2; i++) {
    struct json_reader reader;
    struct seat seat = {0};
    json_reader_init(&reader, bytes_of_text(TEXTS[i]), &arena);
    assert_true(read_seat(&reader, &seat));
    assert_int_equal(seat.row, 7);
    assert_true(bytes_equal(seat.name, BYTES("A\t1")));
    assert_true(seat.taken);
    assert_true(bytes_equal(seat.extra, BYTES("{\"a\":[1,{}]}")));
    assert_int_equal(seat.price_count, 3);
    assert_int_equal(seat.prices[0] * 100 + seat.prices[1] * 10 + seat.prices[2], 123);
  }
  struct json_reader reader;
  struct seat seat = {0};
  json_reader_init(&reader, BYTES("{\"prices\":[]}"), &arena);
  assert_true(read_seat(&reader, &seat));
  assert_int_equal(seat.price_count, 0);
  arena_free(&arena);
}

static void test_handler_refuses(void **unused)
{
  (void)unused;
  static const char *const CASES[][2] = {
      {"[]", "byte 0 (line 1, column 1): expected an object, found an array"},
      {"{\"row\":\"7\"}", "byte 7 (line 1, column 8): expected an integer, found a string"},
      {"{\"row\":7.0}",
       "byte 7 (line 1, column 8): expected an integer, found a number that is not a 64-bit "
       "integer"},
      {"{\"row\":-3}", "byte 7 (line 1, column 8): row must be positive, not -3"},
      {"{\"name\":null}", "byte 8 (line 1, column 9): expected a string, found null"},
      {"{\"taken\":1}", "byte 9 (line 1, column 10): expected true or false, found an integer"},
      {"{\"prices\":{}}", "byte 10 (line 1, column 11): expected an array, found an object"},
      {"{\"prices\":[1,]}", "byte 13 (line 1, column 14): expected a value, found ']'"},
      {"{\"prices\":[1 2]}", "byte 13 (line 1, column 14): expected ',' or ']', found '2'"},
      {"{\"prices\":[",
       "byte 11 (line 1, column 12): expected a value, found the end of the input"},
      {"{\"x\":[{\"b\":1,\"b\":2}]}", "byte 13 (line 1, column 14): key \"b\" twice in one object"},
      {"{\"x\":}", "byte 5 (line 1, column 6): expected a value, found '}'"},
      {"{}1", "byte 2 (line 1, column 3): expected the end of the document, found '1'"},
  };
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    struct json_reader reader;
    struct seat seat = {0};
    char expected[300];
    sprintf(expected, "invalid JSON at %s", CASES[i][1]);
    json_reader_init(&reader, bytes_of_text(CASES[i][0]), &arena);
    assert_false(read_seat(&reader, &seat));
    assert_int_equal(reader.error.code, ERROR_INVALID);
    assert_string_equal(reader.error.message, expected);
    assert_false(json_refuse(&reader, "later"));
    assert_string_equal(reader.error.message, expected);
  }
  /* A value is needed where the array ends. */
  struct json_reader reader;
  json_reader_init(&reader, BYTES("[]"), &arena);
  assert_true(json_read_array(&reader));
  assert_false(json_skip(&reader));
  assert_non_null(strstr(reader.error.message, "expected a value, found the end of the array"));
  arena_free(&arena);
}

static void test_long_key_is_cut_in_the_message(void **unused)
{
  (void)unused;
  char text[700] = "{\"x";
  for (int copy = 0; copy < 2; copy++) {
    if (copy == 1) strcat(text, ",\"x");
    for (int i = 0; i < 100; i++) strcat(text, "\xC3\xA9");
    strcat(text, "\":1");
  }
  strcat(text, "}");
  char line[2000];
  const char *message = strstr(tokens_of(bytes_of_text(text), line), "key \"x");
  assert_non_null(message);
  /* The quote, the x and 39 of the two-byte characters are the first 80 bytes. */
  assert_int_equal(strstr(message, " twice") - message, 4 + 80);
}

static void test_failures(void **unused)
{
  (void)unused;
  char text[4000];
  size_t size = make_object(text, 100, -1);
  text[size - 1] = ',';
  size += (size_t)sprintf(text + size, "\"a\\n\":\"b\\u00e9\"}");
  for (uint64_t n = 1;; n++) {
    struct memory memory = {.fail_at = n};
    struct arena arena;
    arena_init(&arena, &memory);
    struct json_reader reader;
    json_reader_init(&reader, bytes_of(text, size), &arena);
    enum json_token token = read_all(&reader);
    assert_int_equal(token, memory.calls >= n ? JSON_ERROR : JSON_END);
    assert_int_equal(reader.error.code, token == JSON_ERROR ? ERROR_NO_MEMORY : ERROR_NONE);
    arena_free(&arena);
    assert_int_equal(memory.in_use, 0);
    if (token == JSON_ERROR) continue;
    assert_true(n > 1);
    break;
  }
}

/* What a trusted reader passes over is what one that looks would have read. */
static void test_trusted_skip(void **state)
{
  (void)state;
  static const char *const VALUES[] = {"1",
                                       "-0.5e3",
                                       "true",
                                       "null",
                                       "\"\"",
                                       "\"a\\\"b\\\\\"",
                                       "\"]}{[,\"",
                                       "[]",
                                       "{}",
                                       "[1,[2,{\"x\":\"}]\"}],\"\\\"\"]",
                                       "{\"a\":{\"b\":[{}]},\"c\":\"\\\\\"}",
                                       " { \"a\" : [ 1 , 2 ] } "};
  for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
    char text[256];
    struct arena arena;
    struct bytes key;
    struct memory memory = {0};
    struct json_reader reader;
    int64_t last;
    int size = snprintf(text, sizeof text, "{\"skip\":%s,\"list\":[%s,7],\"last\":%s}", VALUES[i],
                        VALUES[i], "9");
    arena_init(&arena, &memory);
    json_reader_init(&reader, bytes_of(text, (size_t)size), &arena);
    json_reader_trust(&reader);
    assert_true(json_read_object(&reader) && json_read_key(&reader, &key));
    assert_true(json_skip(&reader));
    assert_true(json_read_key(&reader, &key) && bytes_equal(key, BYTES("list")));
    assert_true(json_skip(&reader));
    assert_true(json_read_key(&reader, &key) && bytes_equal(key, BYTES("last")));
    assert_true(json_read_integer(&reader, &last) && last == 9);
    assert_false(json_read_key(&reader, &key));
    assert_true(json_read_end(&reader));
    arena_free(&arena);
  }
}

/* Whatever the text is, no byte behind its end is read. */
static void test_trusted_skip_stays_inside(void **state)
{
  (void)state;
  static const char *const VALUES[] = {"", "\"", "\"\\", "[", "{\"", "[\"\\\"", "]", "12"};
  for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
    size_t size = strlen(VALUES[i]);
    struct memory memory = {0};
    char *text = memory_alloc(&memory, size + 1);
    struct arena arena;
    struct json_reader reader;
    memcpy(text, VALUES[i], size);
    arena_init(&arena, &memory);
    json_reader_init(&reader, bytes_of(text, size), &arena);
    json_reader_trust(&reader);
    assert_true(json_skip(&reader));
    assert_true(reader.offset <= size);
    arena_free(&arena);
    memory_free(&memory, text, size + 1);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_valid_documents),
      cmocka_unit_test(test_refused_documents),
      cmocka_unit_test(test_refused_numbers),
      cmocka_unit_test(test_bytes_of_zero),
      cmocka_unit_test(test_every_truncation_is_refused),
      cmocka_unit_test(test_every_inserted_control_is_refused),
      cmocka_unit_test(test_plain_size),
      cmocka_unit_test(test_depth_limit),
      cmocka_unit_test(test_many_keys),
      cmocka_unit_test(test_plain_strings_are_slices),
      cmocka_unit_test(test_handler_reads_an_object),
      cmocka_unit_test(test_handler_refuses),
      cmocka_unit_test(test_long_key_is_cut_in_the_message),
      cmocka_unit_test(test_failures),
      cmocka_unit_test(test_trusted_skip),
      cmocka_unit_test(test_trusted_skip_stays_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
