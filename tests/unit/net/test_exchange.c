#include "net/exchange.h"

#include "unit/net/server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char REQUEST[] = "POST /api/seats/A-12?x=1 HTTP/1.1\r\nHost: tacos.example\r\n"
                              "X-Request-ID: r-1\r\nContent-Length: 4\r\n\r\nbody";

/* An exchange whose head and body lie in `input`. */
static struct exchange *read_exchange(struct memory *memory, uint8_t *input)
{
  struct exchange *exchange = exchange_new(memory);
  if (exchange == NULL) return NULL;
  memcpy(input, REQUEST, sizeof REQUEST - 1);
  size_t scanned = 0;
  size_t head_size;
  enum refusal refusal;
  enum http_parse parse = http_head_parse(bytes_of(input, sizeof REQUEST - 1), &scanned,
                                          &exchange->head, &head_size, &refusal);
  assert_int_equal(parse, HTTP_PARSE_DONE);
  exchange->raw_head = bytes_of(input, head_size);
  exchange->body = bytes_of(input + head_size, 4);
  exchange->match.parameter_count = 1;
  exchange->match.parameters[0] = bytes_of(exchange->head.path.data + 11, 4);
  exchange->trace_id = BYTES("r-1");
  return exchange;
}

static void check_request(const struct exchange *exchange)
{
  assert_true(bytes_equal(exchange->head.path, BYTES("/api/seats/A-12")));
  assert_true(bytes_equal(exchange->head.query, BYTES("x=1")));
  assert_true(bytes_equal(exchange->head.authority, BYTES("tacos.example")));
  assert_true(bytes_equal(exchange->head.fields[HTTP_REQUEST_ID], BYTES("r-1")));
  assert_true(bytes_equal(exchange_parameter(exchange, 0), BYTES("A-12")));
  assert_true(bytes_equal(exchange->body, BYTES("body")));
}

static void test_a_kept_request_outlives_its_bytes(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  struct exchange *exchange = read_exchange(&memory, input);
  check_request(exchange);
  assert_true(exchange_keep_request(exchange));
  memset(input, '?', sizeof input);
  check_request(exchange);
  exchange_free(exchange, &memory);
  assert_int_equal(memory.in_use, 0);
}

static void test_keeping_without_memory(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  struct exchange *exchange = read_exchange(&memory, input);
  exchange->memory.fail_at = exchange->memory.calls + 1;
  assert_false(exchange_keep_head(exchange));
  check_request(exchange);
  assert_true(exchange_keep_head(exchange));
  exchange_free(exchange, &memory);
  memory.fail_at = memory.calls + 1;
  assert_null(exchange_new(&memory));
  assert_int_equal(memory.in_use, 0);
}

static void answer(struct exchange *exchange)
{
  exchange_send(exchange);
}

static void test_reset_forgets_everything(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  struct exchange *exchange = read_exchange(&memory, input);
  assert_true(exchange_keep_request(exchange));
  assert_true(buffer_append(&exchange->received, BYTES("pieces")));
  exchange->trusted = true;
  exchange->http2_stream = 5;
  exchange_refuse(exchange, REFUSAL_MEMORY);
  exchange_add_header(exchange, BYTES("x"), BYTES("y"));
  exchange_wait_for(exchange, 12);
  exchange->reply.etag = BYTES("\"e\"");
  exchange->ask = answer;
  exchange->note = BYTES("note");
  exchange_end_stream(exchange, BYTES("data: 1\n\n"));
  exchange->reply.ask = answer;
  exchange_reset(exchange);
  assert_true(exchange->ask == NULL && exchange->asked == NULL);
  assert_int_equal(exchange->note.size, 0);
  assert_null(exchange->connection);
  assert_null(exchange->received.data);
  assert_int_equal(exchange->http2_stream, 0);
  assert_false(exchange->trusted);
  assert_false(exchange->sent);
  assert_int_equal(exchange->match.parameter_count, 0);
  assert_int_equal(exchange->body.size, 0);
  const struct reply *reply = &exchange->reply;
  assert_int_equal(reply->status, 0);
  assert_int_equal(reply->sequence, 0);
  assert_int_equal(reply->header_count, 0);
  assert_int_equal(reply->refusal, REFUSAL_NONE);
  assert_int_equal(reply->etag.size, 0);
  assert_int_equal(reply->body.size, 0);
  assert_false(reply->close);
  assert_false(reply->told || reply->last || reply_is_stream(reply));
  assert_int_equal(reply->note.size, 0);
  exchange_free(exchange, &memory);
  assert_int_equal(memory.in_use, 0);
}

static void test_cleared_head(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  struct exchange *exchange = read_exchange(&memory, input);
  exchange_clear_head(exchange);
  assert_int_equal(exchange->head.method, HTTP_OTHER);
  assert_int_equal(exchange->head.path.size, 0);
  assert_int_equal(exchange->head.header_count, 0);
  assert_int_equal(exchange->head.framing, HTTP_NO_BODY);
  assert_false(exchange->head.keep_alive);
  for (size_t i = 0; i < HTTP_FIELD_COUNT; i++) assert_null(exchange->head.fields[i].data);
  assert_true(exchange_keep_request(exchange));
  exchange_free(exchange, &memory);
}

static void test_replies(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  struct exchange *exchange = read_exchange(&memory, input);
  struct reply *reply = &exchange->reply;
  exchange_reply_json(exchange, 201, BYTES("{}"));
  assert_int_equal(reply->status, 201);
  assert_true(bytes_equal(reply->content_type, BYTES("application/json; charset=utf-8")));
  assert_true(bytes_equal(reply->body, BYTES("{}")));
  exchange_reply_empty(exchange, 204);
  assert_int_equal(reply->status, 204);
  assert_int_equal(reply->content_type.size, 0);
  assert_int_equal(reply->body.size, 0);
  /* The greatest sequence counts. */
  exchange_wait_for(exchange, 7);
  exchange_wait_for(exchange, 3);
  assert_int_equal(reply->sequence, 7);
  exchange_free(exchange, &memory);
}

static void expect_body(const struct exchange *exchange, const char *wanted)
{
  if (!bytes_equal(exchange->reply.body, bytes_of_text(wanted)))
    fail_msg("wanted %s, got %.*s", wanted, BYTES_FORMAT(exchange->reply.body));
}

static void test_error_bodies(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  struct exchange *exchange = read_exchange(&memory, input);
  exchange_reply_error(exchange, 409, "SEAT_TAKEN", BYTES("seat A-12 is taken"),
                       (struct bytes){NULL, 0});
  assert_int_equal(exchange->reply.status, 409);
  assert_true(bytes_equal(exchange->reply.content_type, CONTENT_TYPE_JSON));
  expect_body(exchange, "{\"error\":{\"code\":\"SEAT_TAKEN\",\"message\":\"seat A-12 is taken\","
                        "\"trace_id\":\"r-1\"}}");
  exchange_reply_error(exchange, 400, "ODD", BYTES("a \"quote\", a \\, a \n and a \x01 & \xc3\xa4"),
                       BYTES("{\"field\":[1,2]}"));
  expect_body(exchange, "{\"error\":{\"code\":\"ODD\",\"message\":\"a \\\"quote\\\", a \\\\, a "
                        "\\n and a \\u0001 & \xc3\xa4\",\"trace_id\":\"r-1\","
                        "\"details\":{\"field\":[1,2]}}}");
  exchange_free(exchange, &memory);
  assert_int_equal(memory.in_use, 0);
}

static void test_refusals(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  for (enum refusal refusal = REFUSAL_NONE + 1; refusal < REFUSAL_COUNT; refusal++) {
    const struct refusal_row *row = refusal_row(refusal);
    if (row->status == 0) continue;
    struct exchange *exchange = read_exchange(&memory, input);
    exchange_refuse(exchange, refusal);
    assert_int_equal(exchange->reply.status, row->status);
    assert_int_equal(exchange->reply.close, row->close);
    assert_int_equal(exchange->reply.refusal, refusal);
    assert_int_equal(exchange->reply.header_count, row->status == 503);
    struct arena arena;
    struct memory reader_memory = {0};
    struct json_reader reader;
    arena_init(&arena, &reader_memory);
    json_reader_init(&reader, exchange->reply.body, &arena);
    assert_true(json_skip(&reader) && json_read_end(&reader));
    arena_free(&arena);
    exchange_free(exchange, &memory);
  }
}

/* An error always has its status, or it is a plain 503; and nothing leaks. */
static void test_errors_without_memory(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  bool failed = true;
  for (uint64_t n = 1; failed; n++) {
    struct exchange *exchange = read_exchange(&memory, input);
    exchange->memory.fail_at = n;
    exchange_refuse(exchange, REFUSAL_NOT_FOUND);
    failed = exchange->memory.calls >= n;
    assert_int_equal(exchange->reply.status, failed ? 503 : 404);
    assert_int_equal(exchange->reply.body.size > 0, !failed);
    exchange_free(exchange, &memory);
    assert_int_equal(memory.in_use, 0);
  }
}

/* The last reply that is set is the one that counts. */
static void test_replies_of_streams(void **state)
{
  (void)state;
  struct memory memory = {0};
  uint8_t input[sizeof REQUEST];
  struct exchange *exchange = read_exchange(&memory, input);
  const struct reply *reply = &exchange->reply;
  assert_false(reply_is_stream(reply));
  exchange_reply_asked_stream(exchange, answer, 500, BYTES("note"), BYTES("data: 0\n\n"));
  assert_true(reply_is_stream(reply) && reply->ask == answer && reply->encoded);
  assert_int_equal(reply->status, 200);
  assert_int_equal(reply->period_ms, 500);
  assert_true(bytes_equal(reply->note, BYTES("note")));
  assert_true(bytes_equal(reply->body, BYTES("data: 0\n\n")));
  exchange_refuse(exchange, REFUSAL_NOT_FOUND);
  assert_false(reply_is_stream(reply));
  exchange->ask = answer;
  exchange->note = BYTES("kept");
  exchange_reply_event(exchange, BYTES("new"), BYTES("data: 1\n\n"));
  assert_true(reply->told && !reply->last && bytes_equal(reply->note, BYTES("new")));
  exchange_end_stream(exchange, (struct bytes){NULL, 0});
  assert_true(reply->told && reply->last && bytes_equal(reply->note, BYTES("kept")));
  assert_int_equal(reply->body.size, 0);
  exchange_refuse(exchange, REFUSAL_MEMORY);
  assert_false(reply->told || reply->last);
  exchange_free(exchange, &memory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_kept_request_outlives_its_bytes),
      cmocka_unit_test(test_keeping_without_memory),
      cmocka_unit_test(test_reset_forgets_everything),
      cmocka_unit_test(test_cleared_head),
      cmocka_unit_test(test_replies),
      cmocka_unit_test(test_error_bodies),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_errors_without_memory),
      cmocka_unit_test(test_replies_of_streams),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
