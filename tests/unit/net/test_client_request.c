#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/client_parts.h"
#include "unit/net/client_fixture.h"

#include <stdlib.h>

/* --- what is refused --- */

static void assert_refused(struct client_fixture *fixture, const struct client_request *request,
                           enum error_code code)
{
  struct error error = {0};
  struct client_handle handle;
  size_t before = fixture->memory.in_use;
  struct client_result result = {0};
  if (client_send(fixture->client, request, client_fixture_record, &result, &handle, &error)) {
    client_cancel(fixture->client, handle);
    fail_msg("accepted: %.*s %.*s", BYTES_FORMAT(request->method), BYTES_FORMAT(request->url));
  }
  if (error.code != code) fail_msg("%d: %s", error.code, error.message);
  assert_null(strstr(error.message, "secret"));
  assert_int_equal(fixture->memory.in_use, before);
}

static void test_malformed_methods_and_urls_are_refused(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  static const struct {
    const char *method, *url;
  } wrong[] = {
      {"", "http://a/"},
      {"get", "http://a/"},
      {"TRACE", "http://a/"},
      {"CONNECT", "http://a/"},
      {"GET /x HTTP/1.1\r\nA: b\r\n\r\nGET", "http://a/"},
      {"GET", ""},
      {"GET", "a/secret"},
      {"GET", "/secret"},
      {"GET", "//a/secret"},
      {"GET", "ftp://a/secret"},
      {"GET", "file:///etc/secret"},
      {"GET", "http:///secret"},
      {"GET", "http://"},
      {"GET", "http:// a/secret"},
      {"GET", "http://a/ secret"},
      {"GET", "http://a/secret\r\nX: y"},
      {"GET", "http://a/\tsecret"},
      {"GET", "http://a/\x7fsecret"},
      {"GET", "http://a/\xc3\xa4secret"},
      {"GET", "http://a:99999/secret"},
      {"GET", "http://a:b/secret"},
      {"GET", "http://[::1/secret"},
      {"GET", "http://user:secret@a/"},
      {"GET", "https://secret@a/"},
  };
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    struct client_request request = {.method = bytes_of_text(wrong[i].method),
                                     .url = bytes_of_text(wrong[i].url)};
    assert_refused(fixture, &request, ERROR_INVALID);
  }
  struct client_request request = {.method = BYTES("GET"), .url = BYTES("http://a/\0secret")};
  assert_refused(fixture, &request, ERROR_INVALID);
  request = (struct client_request){.method = BYTES("GET\0"), .url = BYTES("http://a/")};
  assert_refused(fixture, &request, ERROR_INVALID);
}

static void test_headers_that_would_be_read_differently_are_refused(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  static const struct http_header wrong[] = {
      {BYTES(""), BYTES("secret")},
      {BYTES("A B"), BYTES("secret")},
      {BYTES("A:"), BYTES("secret")},
      {BYTES("A\r\nB"), BYTES("secret")},
      {BYTES("A\0B"), BYTES("secret")},
      {BYTES("\xc3\xa4"), BYTES("secret")},
      {BYTES("A"), BYTES("secret\r\nB: c")},
      {BYTES("A"), BYTES("secret\n")},
      {BYTES("A"), BYTES("secret\r")},
      {BYTES("A"), BYTES("\0secret")},
      {BYTES("A"), BYTES("\x01secret")},
      {BYTES("A"), BYTES("\x7fsecret")},
      {BYTES("A"), BYTES(" secret")},
      {BYTES("A"), BYTES("secret\t")},
      {BYTES("A"), BYTES(" ")},
      {BYTES("host"), BYTES("secret")},
      {BYTES("Content-length"), BYTES("0")},
      {BYTES("TRANSFER-ENCODING"), BYTES("chunked")},
      {BYTES("Connection"), BYTES("close")},
      {BYTES("Expect"), BYTES("100-continue")},
      {BYTES("Upgrade"), BYTES("h2c")},
      {BYTES("te"), BYTES("trailers")},
  };
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    struct http_header headers[] = {{BYTES("Good"), BYTES("value")}, wrong[i]};
    struct client_request request = {
        .method = BYTES("GET"), .url = BYTES("http://a/"), .headers = headers, .header_count = 2};
    assert_refused(fixture, &request, ERROR_INVALID);
  }
}

static void test_what_is_too_large_is_refused(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  const struct client_request good = {.method = BYTES("POST"), .url = BYTES("http://a/")};
  size_t size = CLIENT_BODY_BYTES + 1;
  char *text = malloc(size);
  assert_non_null(text);
  memset(text, 'a', size);
  struct client_request request = good;
  request.body = bytes_of(text, size);
  assert_refused(fixture, &request, ERROR_LIMIT);
  struct http_header headers[CLIENT_HEADERS_MAX + 1];
  for (int i = 0; i <= CLIENT_HEADERS_MAX; i++)
    headers[i] = (struct http_header){BYTES("A"), BYTES("b")};
  request = good;
  request.headers = headers;
  request.header_count = CLIENT_HEADERS_MAX + 1;
  assert_refused(fixture, &request, ERROR_LIMIT);
  request.header_count = 1;
  headers[0].value = bytes_of(text, CLIENT_HEADER_BYTES);
  assert_refused(fixture, &request, ERROR_LIMIT);
  memcpy(text, "http://a/", 9);
  request = good;
  request.url = bytes_of(text, CLIENT_URL_BYTES + 1);
  assert_refused(fixture, &request, ERROR_LIMIT);
  memcpy(text, "http://aaaaaaaaa", 16);
  request.url = bytes_of(text, 300);
  assert_refused(fixture, &request, ERROR_INVALID);
  free(text);
  request = good;
  request.attempts = CLIENT_ATTEMPTS_MAX + 1;
  assert_refused(fixture, &request, ERROR_LIMIT);
  request = good;
  request.total_ms = CLIENT_TIME_MS_MAX + 1;
  assert_refused(fixture, &request, ERROR_LIMIT);
  request = good;
  request.response_bytes_max = CLIENT_RESPONSE_BYTES_MAX + 1;
  assert_refused(fixture, &request, ERROR_LIMIT);
  request = (struct client_request){
      .method = BYTES("GET"), .url = BYTES("http://a/"), .body = BYTES("secret")};
  assert_refused(fixture, &request, ERROR_INVALID);
}

/* --- what is sent --- */

/* '@' in the expected text stands for the port. */
static void assert_sent(struct client_fixture *fixture, const struct client_request *request,
                        const char *path, const char *format)
{
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, path), request, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  char expected[1024];
  char port[8];
  snprintf(port, sizeof(port), "%u", fixture->ports[0]);
  const char *mark = strchr(format, '@');
  assert_non_null(mark);
  snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(mark - format), format, port, mark + 1);
  assert_string_equal(fixture->request, expected);
}

static void test_a_request_is_sent_as_given(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.user_agent = "tacos/1"});
  assert_sent(fixture, NULL, "/a/../b?c=d%2F&e#fragment",
              "GET /a/../b?c=d%2F&e HTTP/1.1\r\nHost: 127.0.0.1:@\r\nUser-Agent: tacos/1\r\n"
              "Accept: */*\r\n\r\n");
}

static void test_headers_are_sent_in_their_order(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.user_agent = "tacos/1"});
  struct http_header headers[] = {{BYTES("X-Signature"), BYTES("t=1;v=\"a: b\"")},
                                  {BYTES("X-Empty"), BYTES("")},
                                  {BYTES("content-type"), BYTES("application/json")},
                                  {BYTES("Accept"), BYTES("text/x")}};
  struct client_request request = {.method = BYTES("POST"),
                                   .headers = headers,
                                   .header_count = 4,
                                   .body = BYTES("{\"a\":\"\r\n\"}")};
  assert_sent(fixture, &request, "/echo",
              "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:@\r\nUser-Agent: tacos/1\r\n"
              "X-Signature: t=1;v=\"a: b\"\r\nX-Empty:\r\ncontent-type: application/json\r\n"
              "Accept: text/x\r\nContent-Length: 10\r\n\r\n{\"a\":\"\r\n\"}");
}

static void test_every_method_has_the_body_it_should(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  static const struct {
    const char *method, *body, *length;
  } cases[] = {
      {"GET", "", NULL},      {"POST", "", "0"},     {"POST", "abc", "3"},  {"PUT", "", "0"},
      {"PUT", "abc", "3"},    {"PATCH", "", "0"},    {"PATCH", "abc", "3"}, {"DELETE", "", NULL},
      {"DELETE", "abc", "3"}, {"OPTIONS", "", NULL}, {"OPTIONS", "a", "1"}, {"HEAD", "", NULL},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct client_request request = {.method = bytes_of_text(cases[i].method),
                                     .body = bytes_of_text(cases[i].body)};
    char expected[256];
    snprintf(expected, sizeof(expected),
             "%s /x HTTP/1.1\r\nHost: 127.0.0.1:@\r\nUser-Agent: tacos\r\nAccept: */*\r\n%s%s%s"
             "\r\n%s",
             cases[i].method, cases[i].length != NULL ? "Content-Length: " : "",
             cases[i].length != NULL ? cases[i].length : "", cases[i].length != NULL ? "\r\n" : "",
             cases[i].body);
    assert_sent(fixture, &request, "/x", expected);
  }
}

/* The caller's memory may be gone as soon as client_send returns. */
static void test_everything_is_copied(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, &(struct client_options){.in_flight = 1});
  char method[] = "PUT", name[] = "X-Name", value[] = "value", body[] = "body";
  char url[64];
  snprintf(url, sizeof(url), "%s", client_fixture_url(fixture, "/echo"));
  struct http_header header = {bytes_of_text(name), bytes_of_text(value)};
  struct client_request request = {.method = bytes_of_text(method),
                                   .url = bytes_of_text(url),
                                   .headers = &header,
                                   .header_count = 1,
                                   .body = bytes_of_text(body)};
  struct client_result first = {0}, result = {0};
  struct error error = {0};
  client_fixture_send(fixture, client_fixture_url(fixture, "/slow"), NULL, &first);
  assert_true(client_send(fixture->client, &request, client_fixture_record, &result, NULL, &error));
  memset(method, '#', sizeof(method));
  memset(name, '#', sizeof(name));
  memset(value, '#', sizeof(value));
  memset(body, '#', sizeof(body));
  memset(url, '#', sizeof(url));
  memset(&header, '#', sizeof(header));
  client_fixture_await(fixture, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_non_null(strstr(result.body, "PUT /echo HTTP/1.1\r\n"));
  assert_non_null(strstr(result.body, "\r\nX-Name: value\r\n"));
  assert_non_null(strstr(result.body, "\r\n\r\nbody"));
}

static void test_the_environment_names_no_proxy(void **state)
{
  struct client_fixture *fixture = *state;
  assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
  assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
  client_fixture_start(fixture, NULL);
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/ok"), NULL, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
}

/*
 * A reused connection that ends without a reply: libcurl would send again by itself, so what may
 * not be repeated never goes over one.
 */
static void test_what_is_not_idempotent_is_sent_once(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_request request = {.method = BYTES("POST"), .attempts = 5, .backoff_ms = 1};
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/ok"), NULL, &result);
  assert_int_equal(fixture->accepted, 1);
  client_fixture_get(fixture, client_fixture_url(fixture, "/close"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_CONNECT);
  assert_int_equal(result.attempts, 1);
  assert_int_equal(fixture->requests, 2);
  assert_int_equal(fixture->accepted, 2);
  /* With a key it shares connections, and is tried again. */
  fixture->accepted = fixture->requests = 0;
  request.has_idempotency_key = true;
  client_fixture_get(fixture, client_fixture_url(fixture, "/ok"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_int_equal(fixture->accepted, 0);
  client_fixture_get(fixture, client_fixture_url(fixture, "/close"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_CONNECT);
  assert_int_equal(result.attempts, 5);
  assert_true(fixture->requests >= 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_fixture_make, client_fixture_drop)

int main(void)
{
  struct error error = {0};
  if (!client_global_init(&error)) return 1;
  const struct CMUnitTest tests[] = {
      TEST(test_malformed_methods_and_urls_are_refused),
      TEST(test_headers_that_would_be_read_differently_are_refused),
      TEST(test_what_is_too_large_is_refused),
      TEST(test_a_request_is_sent_as_given),
      TEST(test_headers_are_sent_in_their_order),
      TEST(test_every_method_has_the_body_it_should),
      TEST(test_everything_is_copied),
      TEST(test_the_environment_names_no_proxy),
      TEST(test_what_is_not_idempotent_is_sent_once),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  client_global_cleanup();
  return failed;
}
