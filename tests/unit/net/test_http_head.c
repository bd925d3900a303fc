#include "net/http.h"
#include "sim/random.h"
#include "unit/net/http_oracle.h"
#include "unit/net/smuggling_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TEXT_BYTES = 20000, STEP_COUNT = 30000 };

static struct oracle_outcome outcome;

static void parse(struct bytes input)
{
  oracle_parse(input, &(size_t){0}, &outcome);
}

static void assert_done(const char *text)
{
  struct bytes input = bytes_of_text(text);
  oracle_check_input(input, 3);
  parse(input);
  if (outcome.parse != HTTP_PARSE_DONE)
    fail_msg("%s: \"%s\"",
             outcome.parse == HTTP_PARSE_MORE ? "more" : refusal_row(outcome.refusal)->name, text);
  assert_int_equal(outcome.head_size, input.size);
}

static void assert_refused(struct bytes input, enum refusal refusal)
{
  oracle_check_cuts(input, 1 + input.size / 500);
  parse(input);
  if (outcome.parse != HTTP_PARSE_REFUSED || outcome.refusal != refusal)
    fail_msg("%d %d instead of %d: \"%.*s\"", (int)outcome.parse, (int)outcome.refusal,
             (int)refusal, (int)(input.size < 100 ? input.size : 100), (const char *)input.data);
}

static void assert_text(struct bytes slice, const char *expected)
{
  assert_non_null(slice.data);
  assert_int_equal(slice.size, strlen(expected));
  assert_memory_equal(slice.data, expected, slice.size);
}

static void test_reads_a_request(void **state)
{
  (void)state;
  assert_done("POST /api/v1/holds?event=e%201 HTTP/1.1\r\n"
              "Host: tickets.example:8443\r\n"
              "content-length:  12 \t\r\n"
              "X-Other:\r\n"
              "AUTHORIZATION:Bearer a.b.c\r\n"
              "Cookie: a=b\r\n"
              "cookie: c=\xff\r\n\r\n");
  const struct http_head *head = &outcome.head;
  assert_int_equal(head->method, HTTP_POST);
  assert_text(head->method_name, "POST");
  assert_text(head->path, "/api/v1/holds");
  assert_text(head->query, "event=e%201");
  assert_text(head->authority, "tickets.example:8443");
  assert_int_equal(head->minor_version, 1);
  assert_true(head->keep_alive);
  assert_false(head->expect_continue);
  assert_int_equal(head->framing, HTTP_BODY_LENGTH);
  assert_int_equal(head->content_length, 12);
  assert_int_equal(head->header_count, 6);
  assert_text(head->headers[2].name, "X-Other");
  assert_text(head->headers[2].value, "");
  assert_text(head->fields[HTTP_AUTHORIZATION], "Bearer a.b.c");
  assert_null(head->fields[HTTP_EXPECT].data);
  assert_text(http_head_find(head, BYTES("cookie")), "a=b");
  assert_text(http_head_find(head, BYTES("x-other")), "");
  assert_null(http_head_find(head, BYTES("x-othe")).data);
}

static void test_reads_other_forms(void **state)
{
  (void)state;
  assert_done("PURGE /a HTTP/1.0\r\n\r\n");
  assert_int_equal(outcome.head.method, HTTP_OTHER);
  assert_text(outcome.head.method_name, "PURGE");
  assert_null(outcome.head.query.data);
  assert_null(outcome.head.authority.data);
  assert_int_equal(outcome.head.framing, HTTP_NO_BODY);
  assert_done("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  assert_text(outcome.head.path, "*");
  assert_done("\r\nGET http://a?b HTTP/1.1\r\nHost: A\r\n\r\n");
  assert_text(outcome.head.path, "/");
  assert_text(outcome.head.query, "b");
  assert_text(outcome.head.authority, "A");
  assert_done("GET https://a/b HTTP/1.0\r\n\r\n");
  assert_text(outcome.head.path, "/b");
  assert_text(outcome.head.authority, "a");
}

/* What follows a head is not looked at, not even a byte that no head may have. */
static void test_ends_with_its_empty_line(void **state)
{
  (void)state;
  static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\0\n\r\x80\r\n";
  oracle_check_input(bytes_of(text, sizeof(text) - 1), 1);
  parse(bytes_of(text, sizeof(text) - 1));
  assert_int_equal(outcome.parse, HTTP_PARSE_DONE);
  assert_int_equal(outcome.head_size, sizeof(text) - 1 - 6);
}

static void test_keep_alive(void **state)
{
  (void)state;
  static const struct {
    const char *line, *fields;
    bool kept;
  } cases[] = {
      {"GET / HTTP/1.1", "", true},
      {"GET / HTTP/1.1", "Connection: keep-alive\r\n", true},
      {"GET / HTTP/1.1", "Connection: upgrade\r\n", true},
      {"GET / HTTP/1.1", "Connection: closed\r\n", true},
      {"GET / HTTP/1.1", "Connection:\r\n", true},
      {"GET / HTTP/1.1", "Connection: CLOSE\r\n", false},
      {"GET / HTTP/1.1", "Connection: te, close\r\n", false},
      {"GET / HTTP/1.1", "Connection: keep-alive, close\r\n", false},
      {"GET / HTTP/1.1", "Connection: te\r\nA: b\r\nconnection: close\r\n", false},
      {"GET / HTTP/1.1", "Connection: te\r\nA: close\r\nconnection: a\r\n", true},
      {"GET / HTTP/1.0", "", false},
      {"GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true},
      {"GET / HTTP/1.0", "Connection: te\r\nConnection: keep-alive\r\n", true},
      {"GET / HTTP/1.0", "Connection: close\r\nConnection: keep-alive\r\n", false},
      {"GET / HTTP/1.0", "Connection: te\r\n", false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char text[256];
    snprintf(text, sizeof(text), "%s\r\nHost: a\r\n%s\r\n", cases[i].line, cases[i].fields);
    assert_done(text);
    if (outcome.head.keep_alive != cases[i].kept) fail_msg("%s", text);
  }
}

static void test_expectations(void **state)
{
  (void)state;
  assert_done("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
  assert_true(outcome.head.expect_continue);
  assert_done("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
              "\r\n");
  assert_true(outcome.head.expect_continue);
  assert_done("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
  assert_false(outcome.head.expect_continue);
  assert_done("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
  assert_false(outcome.head.expect_continue);
  assert_done("PUT / HTTP/1.0\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n");
  assert_false(outcome.head.expect_continue);
  static const char *const bad[] = {
      "Expect: 200-ok\r\n", "Expect:\r\n", "Expect: 100-continue, x\r\n",
      "Expect: 100-continue\r\nExpect: 100-continue\r\n", "Expect: 100-continue\r\nExpect: x\r\n"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    char text[256];
    snprintf(text, sizeof(text), "PUT / HTTP/1.1\r\nHost: a\r\n%s\r\n", bad[i]);
    assert_refused(bytes_of_text(text), REFUSAL_EXPECTATION);
  }
}

static void test_smuggling(void **state)
{
  (void)state;
  for (size_t i = 0; i < SMUGGLING_CASE_COUNT; i++) {
    const struct smuggling_case *one = &SMUGGLING_CASES[i];
    struct bytes input = bytes_of(one->text, one->size);
    oracle_check_input(input, 1);
    parse(input);
    enum refusal refusal = outcome.refusal;
    if (outcome.parse == HTTP_PARSE_MORE) fail_msg("%s: waits for more", one->what);
    if (outcome.parse == HTTP_PARSE_DONE && outcome.head.framing == HTTP_BODY_CHUNKED) {
      uint8_t content[256];
      struct oracle_body body = {.content = content};
      struct bytes rest = bytes_of(input.data + outcome.head_size, input.size - outcome.head_size);
      oracle_check_body(rest);
      oracle_read_body(rest, SIZE_MAX, &body);
      if (body.parse == HTTP_PARSE_MORE) fail_msg("%s: its body waits for more", one->what);
      refusal = body.refusal;
    }
    if (refusal != one->refusal)
      fail_msg("%s: %s", one->what,
               refusal == REFUSAL_NONE ? "accepted" : refusal_row(refusal)->name);
  }
}

/* Several problems: the first line decides, then the order of the header. */
static void test_precedence(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    enum refusal refusal;
  } cases[] = {
      {"GET /\" HTTP/2.0\r\nA : b\r\n\r\n", REFUSAL_TARGET},
      {"GET / HTTP/2.0\r\nA : b\r\n\r\n", REFUSAL_VERSION},
      {"GET / HTTP/1.1\r\nA : b\r\nB: \1\r\n\r\n", REFUSAL_FIELD_SPACE},
      {"GET / HTTP/1.1\r\nB: \1\r\nA : b\r\n\r\n", REFUSAL_FIELD_VALUE},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nA: \n\r\n\r\n", REFUSAL_BARE_CR},
      {"GET / HTTP/1.1\r\nContent-Length: x\r\nExpect: y\r\n\r\n", REFUSAL_HOST_MISSING},
      {"GET http://a/ HTTP/1.1\r\nHost: b/\r\n\r\n", REFUSAL_HOST_INVALID},
      {"GET http://a/ HTTP/1.1\r\nHost: b\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
       REFUSAL_HOST_MISMATCH},
      {"GET / HTTP/1.1\r\nHost: b\r\nContent-Length: x\r\nAuthorization: a\r\nAuthorization: b\r\n"
       "\r\n",
       REFUSAL_FIELD_TWICE},
      {"GET / HTTP/1.1\r\nExpect: x\r\nHost: b\r\nContent-Length: x\r\n\r\n",
       REFUSAL_LENGTH_INVALID},
      {"GET / HTTP/1.1\r\nExpect: x\r\nHost: b\r\nTransfer-Encoding: x\r\n\r\n",
       REFUSAL_TRANSFER_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_refused(bytes_of_text(cases[i].text), cases[i].refusal);
}

/* A bad line is refused when it is whole; one that never ends, when it is too long. */
static void test_when_it_refuses(void **state)
{
  (void)state;
  assert_refused(BYTES("\x16\x03\x01"), REFUSAL_REQUEST_LINE);
  assert_refused(BYTES("\r\n "), REFUSAL_REQUEST_LINE);
  assert_refused(BYTES("GET /\r\n"), REFUSAL_REQUEST_LINE);
  assert_refused(BYTES("GET / HTTP/1.1\r\nA b\r\n"), REFUSAL_FIELD_NAME);
  assert_refused(BYTES("GET / HTTP/1.1\r\nA: b\n"), REFUSAL_BARE_CR);
  static const char *const waiting[] = {"",
                                        "\r",
                                        "\r\n",
                                        "\r\n\r",
                                        "G",
                                        "GET \"",
                                        "GET / HTTP/1.1",
                                        "GET / HTTP/1.1\r",
                                        "GET / HTTP/1.1\r\n",
                                        "GET / HTTP/1.1\r\nA b\r",
                                        "GET / HTTP/1.1\r\nHost: a\r\n\r"};
  for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
    oracle_check_cuts(bytes_of_text(waiting[i]), 1);
    parse(bytes_of_text(waiting[i]));
    assert_int_equal(outcome.parse, HTTP_PARSE_MORE);
  }
}

static char text[TEXT_BYTES + 64];

/* A request line of `line_size` bytes (without CR LF); returns its size with CR LF. */
static size_t write_line(size_t line_size)
{
  memset(text, 'a', sizeof(text));
  memcpy(text, "GET /", 5);
  memcpy(text + line_size - 9, " HTTP/1.1\r\n", 11);
  return line_size + 2;
}

static void test_request_line_has_a_limit(void **state)
{
  (void)state;
  size_t size = write_line(NET_REQUEST_LINE_BYTES);
  memcpy(text + size, "Host: a\r\n\r\n", 11);
  oracle_check_input(bytes_of(text, size + 11), 512);
  parse(bytes_of(text, size + 11));
  assert_int_equal(outcome.parse, HTTP_PARSE_DONE);

  size = write_line(NET_REQUEST_LINE_BYTES + 1);
  memcpy(text + size, "Host: a\r\n\r\n", 11);
  assert_refused(bytes_of(text, size + 11), REFUSAL_REQUEST_LINE_LONG);
  /* As soon as it is certain, and whatever else is wrong with the line. */
  parse(bytes_of(text, NET_REQUEST_LINE_BYTES + 1));
  assert_int_equal(outcome.parse, HTTP_PARSE_MORE);
  assert_refused(bytes_of(text, NET_REQUEST_LINE_BYTES + 2), REFUSAL_REQUEST_LINE_LONG);
  text[10] = '"';
  assert_refused(bytes_of(text, size + 11), REFUSAL_REQUEST_LINE_LONG);
  memset(text, 'a', sizeof(text));
  assert_refused(bytes_of(text, TEXT_BYTES), REFUSAL_REQUEST_LINE_LONG);
  /* An empty line before it does not count. */
  size = write_line(NET_REQUEST_LINE_BYTES);
  memcpy(text + size, "Host: a\r\n\r\n", 11);
  memmove(text + 2, text, size + 11);
  memcpy(text, "\r\n", 2);
  parse(bytes_of(text, size + 13));
  assert_int_equal(outcome.parse, HTTP_PARSE_DONE);
}

static void test_head_has_a_limit(void **state)
{
  (void)state;
  static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  memset(text, 'a', sizeof(text));
  memcpy(text, start, sizeof(start) - 1);
  memcpy(text + NET_HEAD_BYTES - 4, "\r\n\r\n", 4);
  oracle_check_input(bytes_of(text, TEXT_BYTES), 700);
  parse(bytes_of(text, NET_HEAD_BYTES));
  assert_int_equal(outcome.parse, HTTP_PARSE_DONE);
  assert_int_equal(outcome.head_size, NET_HEAD_BYTES);

  memcpy(text + NET_HEAD_BYTES - 4, "a\r\n\r\n", 5);
  parse(bytes_of(text, NET_HEAD_BYTES - 1));
  assert_int_equal(outcome.parse, HTTP_PARSE_MORE);
  assert_refused(bytes_of(text, NET_HEAD_BYTES), REFUSAL_HEAD_LARGE);
  assert_refused(bytes_of(text, TEXT_BYTES), REFUSAL_HEAD_LARGE);
  /* A bad line that ends behind the limit is never seen, one that ends before it is. */
  text[200] = 1;
  memset(text + NET_HEAD_BYTES - 4, 'a', 8);
  text[NET_HEAD_BYTES - 1] = '\n';
  assert_refused(bytes_of(text, TEXT_BYTES), REFUSAL_FIELD_VALUE);
  memcpy(text + NET_HEAD_BYTES - 1, "a\n", 2);
  assert_refused(bytes_of(text, TEXT_BYTES), REFUSAL_HEAD_LARGE);
}

static void test_fields_have_a_limit(void **state)
{
  (void)state;
  size_t size = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
  for (int i = 1; i < NET_HEADERS_MAX; i++) {
    memcpy(text + size, "A:b\r\n", 5);
    size += 5;
  }
  memcpy(text + size, "\r\n", 3);
  assert_done(text);
  assert_int_equal(outcome.head.header_count, NET_HEADERS_MAX);
  memcpy(text + size, "\1\r\n\r\n", 6);
  assert_refused(bytes_of(text, size + 3), REFUSAL_HEADERS_MANY);
  assert_refused(bytes_of(text, size + 5), REFUSAL_HEADERS_MANY);
}

/* Every byte value at every place of a head and at every place of the words that are scanned. */
static void test_every_byte_everywhere(void **state)
{
  (void)state;
  static const char head[] =
      "GET /abc?d HTTP/1.1\r\nHost: a\r\nX: 0123456789abcdef0123456789ab\r\n\r\n";
  char copy[sizeof(head)];
  for (size_t at = 0; at < sizeof(head) - 1; at++) {
    for (unsigned int byte = 0; byte < 256; byte++) {
      memcpy(copy, head, sizeof(head));
      copy[at] = (char)byte;
      oracle_check_input(bytes_of(copy, sizeof(head) - 1), 8);
      parse(bytes_of(copy, sizeof(head) - 1));
      bool in_value = at >= 34 && at < sizeof(head) - 5;
      bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
      if (in_value) assert_int_equal(outcome.parse == HTTP_PARSE_DONE, !control);
    }
  }
}

/* Pieces of good and bad heads in random order: all that the oracle knows holds. */
static void test_random_heads(void **state)
{
  (void)state;
  static const char *const pieces[] = {"GET / HTTP/1.1\r\n",
                                       "GET ",
                                       "/",
                                       "/a?b",
                                       " HTTP/1.1",
                                       " HTTP/1.0",
                                       "\r\n",
                                       "\r\n\r\n",
                                       "Host: a\r\n",
                                       "Host: b\r\n",
                                       "Content-Length: 5\r\n",
                                       "Transfer-Encoding: chunked\r\n",
                                       "Connection: close\r\n",
                                       "Expect: 100-continue\r\n",
                                       "Authorization: x\r\n",
                                       "A: b\r\n",
                                       "http://a/",
                                       "*",
                                       "OPTIONS ",
                                       "\r",
                                       "\n",
                                       " ",
                                       "\t",
                                       ":",
                                       "%41",
                                       "%",
                                       "x",
                                       "\x80",
                                       "\x01"};
  struct random random;
  uint64_t seed = random_seed(42);
  print_message("replay: TACOS_SEED=%llu build/asan/tests/unit/net/test_http_head\n",
                (unsigned long long)seed);
  random_init(&random, seed);
  for (int step = 0; step < STEP_COUNT; step++) {
    char input[1024] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t size = random_coin(&random) ? strlen(input) : 0;
    for (uint64_t count = random_below(&random, 12); count > 0; count--) {
      const char *piece = pieces[random_below(&random, sizeof(pieces) / sizeof(pieces[0]))];
      memcpy(input + size, piece, strlen(piece));
      size += strlen(piece);
    }
    memcpy(input + size, "\r\n", 2);
    oracle_check_input(bytes_of(input, size + 2), 1 + random_below(&random, 20));
  }
}

static void test_moves(void **state)
{
  (void)state;
  static const char head_text[] = "GET http://a?b HTTP/1.1\r\nHost: a\r\nAccept: x\r\nY:\r\n\r\n";
  static struct http_head moved;
  static uint8_t copy[sizeof(head_text)];
  struct bytes input = bytes_of(head_text, sizeof(head_text) - 1);
  memcpy(copy, head_text, sizeof(head_text));
  parse(input);
  assert_int_equal(outcome.parse, HTTP_PARSE_DONE);
  moved = outcome.head;
  http_head_move(&moved, input.data, copy);
  oracle_same_head(&outcome.head, input.data, &moved, copy);
  assert_ptr_equal(moved.fields[HTTP_HOST].data,
                   copy + (outcome.head.fields[HTTP_HOST].data - input.data));
  assert_null(moved.fields[HTTP_EXPECT].data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_a_request),
      cmocka_unit_test(test_reads_other_forms),
      cmocka_unit_test(test_ends_with_its_empty_line),
      cmocka_unit_test(test_keep_alive),
      cmocka_unit_test(test_expectations),
      cmocka_unit_test(test_smuggling),
      cmocka_unit_test(test_precedence),
      cmocka_unit_test(test_when_it_refuses),
      cmocka_unit_test(test_request_line_has_a_limit),
      cmocka_unit_test(test_head_has_a_limit),
      cmocka_unit_test(test_fields_have_a_limit),
      cmocka_unit_test(test_every_byte_everywhere),
      cmocka_unit_test(test_random_heads),
      cmocka_unit_test(test_moves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
