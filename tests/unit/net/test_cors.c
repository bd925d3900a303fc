#include "net/cors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct cors configure(const char *text)
{
  struct cors cors;
  struct error error;
  if (!cors_parse(&cors, bytes_of_text(text), &error)) fail_msg("%s", error.message);
  return cors;
}

static bool allows(const char *configured, const char *origin, const char *scheme,
                   const char *authority)
{
  struct cors cors = configure(configured);
  return cors_allows(&cors, bytes_of_text(origin), bytes_of_text(scheme), bytes_of_text(authority));
}

/* A request to http://127.0.0.1:8000. */
static bool allows_here(const char *configured, const char *origin)
{
  return allows(configured, origin, "http", "127.0.0.1:8000");
}

static void test_configured_origins_match_exactly(void **state)
{
  (void)state;
  const char *const two = "https://a.example,\thttp://localhost:3000 ";
  assert_true(allows_here(two, "https://a.example"));
  assert_true(allows_here(two, "http://localhost:3000"));
  static const char *const others[] = {
      "",
      "null",
      "http://a.example",
      "https://a.example.evil.example",
      "https://a.exampl",
      "https://xa.example",
      "https://sub.a.example",
      "https://a.example:8443",
      "https://a.example:443",
      "https://a.example/",
      "https://A.example",
      "HTTPS://a.example",
      "https://a.example http://localhost:3000",
      "https://a.example\r\nX-Evil: 1",
      "http://localhost",
      "http://localhost:30000",
  };
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    if (allows_here(two, others[i])) fail_msg("let in %s", others[i]);
  assert_false(allows_here("", "https://a.example"));
  assert_false(allows_here(" ", "null"));
}

static void test_own_origin_is_allowed(void **state)
{
  (void)state;
  assert_true(allows("", "http://127.0.0.1:8000", "http", "127.0.0.1:8000"));
  assert_true(allows("", "https://tacos.example", "https", "tacos.example"));
  assert_true(allows("", "https://tacos.example", "https", "tacos.example:443"));
  assert_true(allows("", "http://tacos.example", "http", "Tacos.EXAMPLE:80"));
  assert_true(allows("", "http://[::1]:8000", "http", "[::1]:8000"));
  assert_true(allows("", "https://[2001:db8::1]", "https", "[2001:db8::1]:443"));
  assert_false(allows("", "http://tacos.example", "https", "tacos.example"));
  assert_false(allows("", "https://tacos.example", "http", "tacos.example"));
  assert_false(allows("", "https://tacos.example", "https", "tacos.example:80"));
  assert_false(allows("", "https://tacos.example:80", "https", "tacos.example"));
  assert_false(allows("", "https://tacos.example:443", "https", "tacos.example:443"));
  assert_false(allows("", "https://tacos.example", "https", "tacos.exampl"));
  assert_false(allows("", "https://tacos.example", "https", ""));
  assert_false(allows("", "https://", "https", ""));
}

/* What is echoed is an origin, whatever a client sends as its Host. */
static void test_own_origin_cannot_inject(void **state)
{
  (void)state;
  assert_false(allows("", "http://a\r\nb", "http", "a\r\nb"));
  assert_false(allows("", "http://a b", "http", "a b"));
  assert_false(allows("", "http://a,b", "http", "a,b"));
  assert_false(allows("", "http://u@a", "http", "u@a"));
  assert_false(allows("", "http://*", "http", "*"));
  assert_false(allows("", "http://[::1", "http", "[::1"));
  assert_false(allows("", "http://[x]", "http", "[x]"));
  assert_false(allows("", "ftp://a", "ftp", "a"));
}

static void test_bad_origins_are_named(void **state)
{
  (void)state;
  static const char *const bad[] = {"*",
                                    "null",
                                    "a.example",
                                    "//a.example",
                                    "https:a.example",
                                    "https:/a.example",
                                    "https://",
                                    "https://*.a.example",
                                    "https://a.example/",
                                    "https://a.example/path",
                                    "https://a.example?x",
                                    "https://A.example",
                                    "https://a..example",
                                    "https://.example",
                                    "https://a.example:",
                                    "https://a.example:0",
                                    "https://a.example:080",
                                    "https://a.example:65536",
                                    "https://a.example:123456",
                                    "https://a.example:8x",
                                    "https://a.example:443",
                                    "http://a.example:80",
                                    "https://a.example:80:80",
                                    "https://user@a.example",
                                    "https://m\xc3\xbcsli.example",
                                    "https://a example",
                                    "HTTPS://a.example",
                                    "ws://a.example",
                                    "file://",
                                    "http://[::1",
                                    "http://[::1]x",
                                    "http://[::1]:",
                                    "http://[]",
                                    "http://[::0]",
                                    "http://[1.2.3.4]",
                                    "http://::1",
                                    "http://[2001:DB8::1]",
                                    ""};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct cors cors;
    struct error error = {0};
    char text[128], quoted[128];
    snprintf(text, sizeof(text), "https://a.example, %s ,http://b.example", bad[i]);
    snprintf(quoted, sizeof(quoted), "'%s' is not", bad[i]);
    if (cors_parse(&cors, bytes_of_text(text), &error)) fail_msg("took '%s'", bad[i]);
    assert_int_equal(error.code, ERROR_INVALID);
    if (strstr(error.message, quoted) == NULL) fail_msg("%s", error.message);
  }
}

static void test_good_origins_are_kept(void **state)
{
  (void)state;
  static const char *const good[] = {
      "http://localhost",      "https://xn--msli-0ra.example:8443",
      "http://127.0.0.1:1",    "http://[::1]:65535",
      "https://[2001:db8::1]", "https://a_b.c-d.example",
      "https://a.example:80",  "http://a.example:443",
      "https://a.example.",
  };
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    struct cors cors = configure(good[i]);
    assert_int_equal(cors.count, 1);
    assert_true(allows_here(good[i], good[i]));
  }
}

static void test_limits(void **state)
{
  (void)state;
  char text[2048] = "http://a:1", host[CORS_HOST_BYTES + 16];
  struct cors cors;
  struct error error;
  for (int i = 1; i < CORS_ORIGINS_MAX; i++) strcat(text, ",http://a:1");
  assert_true(cors_parse(&cors, bytes_of_text(text), &error));
  assert_int_equal(cors.count, CORS_ORIGINS_MAX);
  strcat(text, ",http://a:1");
  assert_false(cors_parse(&cors, bytes_of_text(text), &error));
  assert_int_equal(error.code, ERROR_LIMIT);
  memcpy(host, "http://", 7);
  memset(host + 7, 'a', CORS_HOST_BYTES + 1);
  assert_true(cors_parse(&cors, bytes_of(host, 7 + CORS_HOST_BYTES), &error));
  assert_false(cors_parse(&cors, bytes_of(host, 7 + CORS_HOST_BYTES + 1), &error));
}

static void assert_headers(enum cors_reply reply, const char *origin, const char *expected)
{
  struct http_header headers[CORS_HEADERS_MAX];
  char text[1024] = "";
  size_t used = 0, count = cors_headers(reply, bytes_of_text(origin), headers);
  assert_in_range(count, 1, CORS_HEADERS_MAX);
  for (size_t i = 0; i < count; i++)
    used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s: %.*s\n",
                             BYTES_FORMAT(headers[i].name), BYTES_FORMAT(headers[i].value));
  assert_string_equal(text, expected);
}

static void test_headers_are_those_of_the_contract(void **state)
{
  (void)state;
  assert_headers(CORS_PREFLIGHT, "https://a.example",
                 "Access-Control-Allow-Origin: https://a.example\n"
                 "Access-Control-Allow-Credentials: true\n"
                 "Access-Control-Allow-Methods: GET,POST,HEAD,PUT,DELETE,PATCH,OPTIONS\n"
                 "Access-Control-Allow-Headers: Origin,Content-Type,Accept,Authorization,"
                 "X-Requested-With,Idempotency-Key,X-Trace-Id,X-Request-ID\n"
                 "Access-Control-Max-Age: 86400\n"
                 "Vary: Origin\n");
  assert_headers(CORS_REPLY, "https://a.example",
                 "Access-Control-Allow-Origin: https://a.example\n"
                 "Access-Control-Allow-Credentials: true\n"
                 "Access-Control-Expose-Headers: X-Request-ID,X-Idempotency-Cached,Retry-After,"
                 "X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset\n"
                 "Vary: Origin\n");
  assert_headers(CORS_REPLY, "", "Vary: Origin\n");
  assert_headers(CORS_PREFLIGHT, "", "Vary: Origin\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_configured_origins_match_exactly),
      cmocka_unit_test(test_own_origin_is_allowed),
      cmocka_unit_test(test_own_origin_cannot_inject),
      cmocka_unit_test(test_bad_origins_are_named),
      cmocka_unit_test(test_good_origins_are_kept),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_headers_are_those_of_the_contract),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
