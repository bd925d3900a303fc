#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/client_parts.h"
#include "unit/net/client_fixture.h"

/* --- lines and pieces, without a connection --- */

struct gathering {
  struct memory memory;
  uint64_t progress;
  struct client_reply reply;
};

static void begin(struct gathering *gathering, size_t body_bytes_max)
{
  *gathering = (struct gathering){0};
  client_reply_init(&gathering->reply, &gathering->memory, body_bytes_max, &gathering->progress);
}

static void end(struct gathering *gathering)
{
  client_reply_free(&gathering->reply);
  assert_int_equal(gathering->memory.in_use, 0);
}

static bool take_line(struct gathering *gathering, const char *line)
{
  char copy[256];
  size_t size = strlen(line);
  memcpy(copy, line, size);
  bool taken = client_reply_take_header(copy, 1, size, &gathering->reply) == size;
  assert_int_equal(taken, gathering->reply.refused == CLIENT_OK);
  return taken;
}

static void assert_header(struct gathering *gathering, const char *name, const char *value)
{
  struct http_header headers[CLIENT_REPLY_HEADERS_MAX];
  client_reply_headers(&gathering->reply, headers);
  struct client_response response = {.headers = headers,
                                     .header_count = gathering->reply.field_count};
  struct bytes found = client_response_header(&response, bytes_of_text(name));
  if (value == NULL) {
    assert_null(found.data);
    return;
  }
  assert_non_null(found.data);
  assert_true(bytes_equal(found, bytes_of_text(value)));
}

static void test_lines_become_headers(void **state)
{
  (void)state;
  struct gathering gathering;
  begin(&gathering, 10);
  assert_true(take_line(&gathering, "HTTP/1.1 103 Early Hints\r\n"));
  assert_true(take_line(&gathering, "Link: early\r\n"));
  assert_true(take_line(&gathering, "\r\n"));
  assert_int_equal(client_outcome_of(CURLE_OK, &gathering.reply, true), CLIENT_PROTOCOL);
  assert_true(take_line(&gathering, "HTTP/2 200 \r\n"));
  assert_true(take_line(&gathering, "Content-Type:\t text/plain; a=\"b: c\" \t\r\n"));
  assert_true(take_line(&gathering, "EMPTY:\r\n"));
  assert_true(take_line(&gathering, "twice:1\n"));
  assert_true(take_line(&gathering, "Twice: 2\r\n"));
  assert_int_equal(client_outcome_of(CURLE_OK, &gathering.reply, true), CLIENT_PROTOCOL);
  assert_true(take_line(&gathering, "\r\n"));
  assert_true(take_line(&gathering, "Trailer: late\r\n"));
  assert_true(take_line(&gathering, "HTTP/1.1 500 in a trailer\r\n"));
  assert_int_equal(client_outcome_of(CURLE_OK, &gathering.reply, true), CLIENT_OK);
  assert_int_equal(gathering.reply.status, 200);
  assert_int_equal(gathering.reply.field_count, 4);
  assert_header(&gathering, "link", NULL);
  assert_header(&gathering, "content-type", "text/plain; a=\"b: c\"");
  assert_header(&gathering, "empty", "");
  assert_header(&gathering, "twice", "1");
  assert_header(&gathering, "trailer", NULL);
  client_reply_clear(&gathering.reply);
  assert_int_equal(gathering.reply.field_count, 0);
  assert_true(take_line(&gathering, "HTTP/1.1 204 No Content\r\n"));
  end(&gathering);
}

static void test_malformed_lines_are_refused(void **state)
{
  (void)state;
  static const char *const wrong[] = {" folded\r\n",  "\tfolded: x\r\n", "Name : x\r\n",
                                      "no colon\r\n", ": no name\r\n",   "A: b\rc\r\n",
                                      "A: \x01\r\n",  "A: \x7f\r\n",     "A\x02: b\r\n"};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    struct gathering gathering;
    begin(&gathering, 10);
    assert_true(take_line(&gathering, "HTTP/1.1 200 OK\r\n"));
    if (take_line(&gathering, wrong[i])) fail_msg("accepted \"%s\"", wrong[i]);
    assert_int_equal(client_outcome_of(CURLE_WRITE_ERROR, &gathering.reply, true), CLIENT_PROTOCOL);
    end(&gathering);
  }
  static const char *const statuses[] = {"HTTP/1.1\r\n", "HTTP/1.1 2x0 OK\r\n", "HTTP/1.1 20\r\n",
                                         "HTTP/1.1 099 No\r\n"};
  for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
    struct gathering gathering;
    begin(&gathering, 10);
    if (take_line(&gathering, statuses[i])) fail_msg("accepted \"%s\"", statuses[i]);
    end(&gathering);
  }
}

static void test_a_reply_is_bounded(void **state)
{
  (void)state;
  struct gathering gathering;
  begin(&gathering, 10);
  assert_true(take_line(&gathering, "HTTP/1.1 200 OK\r\n"));
  for (int i = 0; i < CLIENT_REPLY_HEADERS_MAX; i++) assert_true(take_line(&gathering, "A: b\r\n"));
  assert_false(take_line(&gathering, "A: b\r\n"));
  assert_int_equal(gathering.reply.refused, CLIENT_TOO_LARGE);
  end(&gathering);

  /* Bytes of lines count for all replies of one attempt together. */
  begin(&gathering, 10);
  size_t rounds = 0;
  while (gathering.reply.refused == CLIENT_OK) {
    if (take_line(&gathering, "HTTP/1.1 100 Continue\r\n")) take_line(&gathering, "\r\n");
    rounds++;
  }
  assert_int_equal(gathering.reply.refused, CLIENT_TOO_LARGE);
  assert_in_range(rounds, CLIENT_REPLY_HEADER_BYTES / 26, CLIENT_REPLY_HEADER_BYTES / 25 + 1);
  end(&gathering);

  begin(&gathering, 10);
  char body[] = "0123456789";
  assert_int_equal(client_reply_take_body(body, 1, 4, &gathering.reply), 4);
  assert_int_equal(client_reply_take_body(body + 4, 1, 6, &gathering.reply), 6);
  assert_int_equal(client_reply_take_body(body, 1, 1, &gathering.reply), 0);
  assert_int_equal(client_outcome_of(CURLE_WRITE_ERROR, &gathering.reply, true), CLIENT_TOO_LARGE);
  assert_true(bytes_equal(buffer_bytes(&gathering.reply.body), BYTES("0123456789")));
  end(&gathering);
}

static void test_errors_are_told_apart(void **state)
{
  (void)state;
  static const struct {
    CURLcode code;
    enum client_outcome before, after; /* a byte of a reply */
  } cases[] = {
      {CURLE_COULDNT_RESOLVE_HOST, CLIENT_CONNECT, CLIENT_CONNECT},
      {CURLE_COULDNT_CONNECT, CLIENT_CONNECT, CLIENT_CONNECT},
      {CURLE_GOT_NOTHING, CLIENT_CONNECT, CLIENT_CONNECT},
      {CURLE_RECV_ERROR, CLIENT_CONNECT, CLIENT_PROTOCOL},
      {CURLE_SEND_ERROR, CLIENT_CONNECT, CLIENT_PROTOCOL},
      {CURLE_HTTP2_STREAM, CLIENT_CONNECT, CLIENT_PROTOCOL},
      {CURLE_OPERATION_TIMEDOUT, CLIENT_TIMEOUT, CLIENT_TIMEOUT},
      {CURLE_PEER_FAILED_VERIFICATION, CLIENT_TLS, CLIENT_TLS},
      {CURLE_SSL_CACERT_BADFILE, CLIENT_TLS, CLIENT_TLS},
      {CURLE_FILESIZE_EXCEEDED, CLIENT_TOO_LARGE, CLIENT_TOO_LARGE},
      {CURLE_OUT_OF_MEMORY, CLIENT_MEMORY, CLIENT_MEMORY},
      {CURLE_PARTIAL_FILE, CLIENT_PROTOCOL, CLIENT_PROTOCOL},
      {CURLE_WEIRD_SERVER_REPLY, CLIENT_PROTOCOL, CLIENT_PROTOCOL},
      {CURLE_OK, CLIENT_PROTOCOL, CLIENT_PROTOCOL}, /* without a status line */
  };
  struct gathering gathering;
  begin(&gathering, 10);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    assert_int_equal(client_outcome_of(cases[i].code, &gathering.reply, false), cases[i].before);
    assert_int_equal(client_outcome_of(cases[i].code, &gathering.reply, true), cases[i].after);
  }
  end(&gathering);
}

static void test_every_outcome_has_a_name_and_a_text(void **state)
{
  (void)state;
  CURL *easy = curl_easy_init();
  assert_non_null(easy);
  for (int outcome = CLIENT_OK; outcome <= CLIENT_CANCELLED; outcome++) {
    char text[CLIENT_TEXT_BYTES];
    assert_true(strlen(client_outcome_name((enum client_outcome)outcome)) > 1);
    client_describe(text, "http://a:80", (enum client_outcome)outcome, easy, CURLE_OK);
    if (outcome == CLIENT_OK)
      assert_string_equal(text, "");
    else
      assert_memory_equal(text, "http://a:80: ", 13);
  }
  curl_easy_cleanup(easy);
}

/* --- replies of a server --- */

struct expected {
  const char *path;
  enum client_outcome outcome;
  uint16_t status;
  const char *body, *test;
};

static void test_replies_of_all_kinds(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  static const struct expected cases[] = {
      {"/chunk", CLIENT_OK, 200, "hello world", "-"},
      {"/hints", CLIENT_OK, 200, "ok", "late"},
      {"/redirect", CLIENT_OK, 302, "moved", "-"},
      {"/status/404", CLIENT_OK, 404, "", "yes"},
      {"/status/503", CLIENT_OK, 503, "", "yes"},
      {"/close", CLIENT_CONNECT, 0, "", "-"},
      {"/half", CLIENT_PROTOCOL, 0, "", "-"},
      {"/garbage", CLIENT_PROTOCOL, 0, "", "-"},
      {"/folded", CLIENT_PROTOCOL, 0, "", "-"},
      {"/control", CLIENT_PROTOCOL, 0, "", "-"},
      {"/many-headers", CLIENT_TOO_LARGE, 0, "", "-"},
      {"/endless-head", CLIENT_TOO_LARGE, 0, "", "-"},
      {"/endless", CLIENT_TOO_LARGE, 0, "", "-"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct client_result result = {0};
    client_fixture_get(fixture, client_fixture_url(fixture, cases[i].path), NULL, &result);
    if (result.outcome != cases[i].outcome)
      fail_msg("%s: %s, %s", cases[i].path, client_outcome_name(result.outcome), result.text);
    assert_int_equal(result.status, cases[i].status);
    assert_string_equal(result.body, cases[i].body);
    assert_string_equal(result.test, cases[i].test);
    assert_int_equal(result.text[0] == '\0', result.outcome == CLIENT_OK);
  }
}

static void test_the_bound_of_a_body_is_exact(void **state)
{
  struct client_fixture *fixture = *state;
  client_fixture_start(fixture, NULL);
  struct client_request request = {.response_bytes_max = 100000};
  struct client_result result = {0};
  client_fixture_get(fixture, client_fixture_url(fixture, "/large/100000"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_int_equal(result.body_size, 100000);
  client_fixture_get(fixture, client_fixture_url(fixture, "/large/100001"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_TOO_LARGE);
  assert_int_equal(result.body_size, 0);
  /* What HEAD announces does not come. */
  request.method = BYTES("HEAD");
  client_fixture_get(fixture, client_fixture_url(fixture, "/large/100001"), &request, &result);
  assert_int_equal(result.outcome, CLIENT_OK);
  assert_int_equal(result.body_size, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_fixture_make, client_fixture_drop)

int main(void)
{
  struct error error = {0};
  if (!client_global_init(&error)) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lines_become_headers),
      cmocka_unit_test(test_malformed_lines_are_refused),
      cmocka_unit_test(test_a_reply_is_bounded),
      cmocka_unit_test(test_errors_are_told_apart),
      cmocka_unit_test(test_every_outcome_has_a_name_and_a_text),
      TEST(test_replies_of_all_kinds),
      TEST(test_the_bound_of_a_body_is_exact),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  client_global_cleanup();
  return failed;
}
