#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_text(struct bytes slice, const char *expected)
{
  if (expected == NULL) {
    assert_null(slice.data);
    return;
  }
  assert_non_null(slice.data);
  assert_int_equal(slice.size, strlen(expected));
  assert_memory_equal(slice.data, expected, slice.size);
}

static void test_reads_every_form(void **state)
{
  (void)state;
  static const struct {
    const char *text, *path, *query, *authority;
  } cases[] = {
      {"/", "/", NULL, NULL},
      {"/a/b", "/a/b", NULL, NULL},
      {"/a?", "/a", "", NULL},
      {"/a?b=c&d", "/a", "b=c&d", NULL},
      {"/a?b?c", "/a", "b?c", NULL},
      {"//a/..", "//a/..", NULL, NULL},
      {"/%41%fF?%20", "/%41%fF", "%20", NULL},
      {"/!$&'()*+,-./:;=@[]^_`{|}~", "/!$&'()*+,-./:;=@[]^_`{|}~", NULL, NULL},
      {"http://a", "/", NULL, "a"},
      {"http://a/", "/", NULL, "a"},
      {"https://a.b:443/c?d", "/c", "d", "a.b:443"},
      {"http://a?b", "/", "b", "a"},
      {"HTTPS://[::1]:1//", "//", NULL, "[::1]:1"},
      {"http://a/http://b", "/http://b", NULL, "a"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct http_target target;
    struct bytes text = bytes_of_text(cases[i].text);
    if (!http_target_read(text, HTTP_GET, &target)) fail_msg("refused %s", cases[i].text);
    assert_text(target.path, cases[i].path);
    assert_text(target.query, cases[i].query);
    assert_text(target.authority, cases[i].authority);
    assert_true(target.path.data >= text.data && target.path.data < text.data + text.size);
  }
}

static void test_asterisk_is_for_options(void **state)
{
  (void)state;
  struct http_target target;
  assert_true(http_target_read(BYTES("*"), HTTP_OPTIONS, &target));
  assert_text(target.path, "*");
  assert_text(target.query, NULL);
  assert_false(http_target_read(BYTES("*"), HTTP_GET, &target));
  assert_false(http_target_read(BYTES("*"), HTTP_OTHER, &target));
  assert_false(http_target_read(BYTES("**"), HTTP_OPTIONS, &target));
}

static void test_refuses_other_targets(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "",        "a",        "?a",         "a:80",       "a/b",        "%2f",         "/ ",
      "/\t",     "/\"",      "/<",         "/>",         "/\\",        "/#",          "/%",
      "/%4",     "/%4g",     "/%g4",       "/%%41",      "/%00",       "/a?%00",      "/a?%",
      "/\x7f",   "/\x80",    "/\xff",      "/\x01",      "/a?\"",      "http:",       "http:/",
      "http://", "http:///", "http://?a",  "http://a b", "http://a#",  "http://u@a/", "ftp://a/",
      "http//a", "https:/a", "http://a:/", "http://a:b", "http://a/%", "http://[::1", "httpx://a"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct http_target target;
    if (http_target_read(bytes_of_text(bad[i]), HTTP_GET, &target)) fail_msg("took %s", bad[i]);
  }
  struct http_target target;
  assert_false(http_target_read(bytes_of("/\0", 2), HTTP_GET, &target));
  /* What lies behind the text is no part of an escape, and is not read. */
  uint8_t *exact = malloc(3);
  assert_non_null(exact);
  memcpy(exact, "/%4", 3);
  assert_false(http_target_read(bytes_of(exact, 3), HTTP_GET, &target));
  free(exact);
}

static void test_hosts(void **state)
{
  (void)state;
  static const char *const good[] = {"a",
                                     "a.b",
                                     "A.B:80",
                                     "127.0.0.1",
                                     "127.0.0.1:8080",
                                     "a-b_c~d",
                                     "a:0",
                                     "a:65535",
                                     "a:00080",
                                     "[::]",
                                     "[::1]:80",
                                     "a.",
                                     "[fe80::1]",
                                     "xn--caf-dma",
                                     "[::ffff:1.2.3.4]",
                                     "[1:2:3:4:5:6:7:8]",
                                     "1"};
  static const char *const bad[] = {"",
                                    ":",
                                    ":80",
                                    "a:",
                                    "a:65536",
                                    "a:000080",
                                    "a:8o",
                                    "a:-1",
                                    "a:80:80",
                                    "a b",
                                    " a",
                                    "a ",
                                    "a/",
                                    "u@a",
                                    "a,b",
                                    "a%41",
                                    "a!",
                                    "a*",
                                    "[",
                                    "[]",
                                    "[:]",
                                    "[::1",
                                    "::1",
                                    "[::1]a",
                                    "[::1]:",
                                    "[::1]:x",
                                    "[1.2.3.4]",
                                    "[v1.a]",
                                    "[g::]",
                                    "[::1%25eth0]",
                                    "[[::1]]",
                                    "a[::1]",
                                    "[1:2:3:4:5:6:7:8:9]",
                                    "\xc3\xa9",
                                    "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]",
                                    "a\x7f",
                                    "a?",
                                    "a#",
                                    "a\\b"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    if (!http_host_is_valid(bytes_of_text(good[i]))) fail_msg("refused %s", good[i]);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (http_host_is_valid(bytes_of_text(bad[i]))) fail_msg("took %s", bad[i]);
  assert_false(http_host_is_valid(bytes_of("[::1\0]", 6)));
  assert_false(http_host_is_valid(bytes_of("a\0", 2)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_every_form),
      cmocka_unit_test(test_asterisk_is_for_options),
      cmocka_unit_test(test_refuses_other_targets),
      cmocka_unit_test(test_hosts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
