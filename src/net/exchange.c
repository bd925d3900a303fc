#include "net/exchange.h"

#include "base/check.h"
#include "net/server.h"

const struct bytes CONTENT_TYPE_JSON = {(const uint8_t *)"application/json; charset=utf-8", 31};
const struct bytes CONTENT_TYPE_TEXT = {(const uint8_t *)"text/plain; charset=utf-8", 25};

static const struct bytes CONTENT_TYPE_EVENTS = {(const uint8_t *)"text/event-stream", 17};

struct exchange *exchange_new(struct memory *memory)
{
  struct exchange *exchange = memory_alloc_zeroed(memory, sizeof *exchange);
  if (exchange == NULL) return NULL;
  arena_init(&exchange->arena, &exchange->memory);
  buffer_init(&exchange->received, &exchange->memory);
  return exchange;
}

void exchange_free(struct exchange *exchange, struct memory *memory)
{
  arena_free(&exchange->arena);
  buffer_free(&exchange->received);
  CHECK_THAT(exchange->memory.in_use, ==, 0);
  memory_free(memory, exchange, sizeof *exchange);
}

void exchange_reset(struct exchange *exchange)
{
  arena_reset(&exchange->arena);
  /* A body that came in pieces is rare and may be large. */
  if (exchange->received.data != NULL) buffer_free(&exchange->received);
  exchange->next = NULL;
  exchange->connection = NULL;
  exchange->http2_stream = 0;
  exchange->sent = false;
  exchange->refused = false;
  exchange->trusted = false;
  exchange->identity = NULL;
  exchange->ask = NULL;
  exchange->asked = NULL;
  exchange->note = (struct bytes){NULL, 0};
  exchange->body = (struct bytes){NULL, 0};
  exchange->raw_head = (struct bytes){NULL, 0};
  exchange->body_sent = 0;
  exchange->durable_ns = 0;
  exchange->match.route = NULL;
  exchange->match.parameter_count = 0;
  exchange->match.allowed = 0;
  exchange->reply.status = 0;
  exchange->reply.kind = REPLY_API;
  exchange->reply.close = false;
  exchange->reply.encoded = false;
  exchange->reply.refusal = REFUSAL_NONE;
  exchange->reply.content_type = (struct bytes){NULL, 0};
  exchange->reply.etag = (struct bytes){NULL, 0};
  exchange->reply.body = (struct bytes){NULL, 0};
  exchange->reply.topic = NULL;
  exchange->reply.ask = NULL;
  exchange->reply.note = (struct bytes){NULL, 0};
  exchange->reply.told = false;
  exchange->reply.last = false;
  exchange->reply.sequence = 0;
  exchange->reply.header_count = 0;
}

bool exchange_keep_head(struct exchange *exchange)
{
  struct bytes head = exchange->raw_head;
  if (head.size == 0) return true;
  struct bytes copy = arena_copy(&exchange->arena, head);
  if (copy.data == NULL) return false;
  http_head_move(&exchange->head, head.data, copy.data);
  /* What was matched are slices of the path. */
  for (uint32_t i = 0; i < exchange->match.parameter_count; i++) {
    struct bytes *parameter = &exchange->match.parameters[i];
    parameter->data = copy.data + (parameter->data - head.data);
  }
  exchange->raw_head = (struct bytes){NULL, 0};
  return true;
}

bool exchange_keep_request(struct exchange *exchange)
{
  if (!exchange_keep_head(exchange)) return false;
  if (exchange->body.size == 0 || exchange->body.data == exchange->received.data) return true;
  struct bytes copy = arena_copy(&exchange->arena, exchange->body);
  if (copy.data == NULL) return false;
  exchange->body = copy;
  return true;
}

void exchange_clear_head(struct exchange *exchange)
{
  struct http_head *head = &exchange->head;
  memset(head->fields, 0, sizeof head->fields);
  head->method = HTTP_OTHER;
  head->path = head->query = head->authority = head->method_name = (struct bytes){NULL, 0};
  head->minor_version = 1;
  head->keep_alive = false;
  head->expect_continue = false;
  head->framing = HTTP_NO_BODY;
  head->header_count = 0;
  exchange->raw_head = (struct bytes){NULL, 0};
}

void exchange_reply(struct exchange *exchange, uint16_t status, struct bytes content_type,
                    struct bytes body)
{
  CHECK(status >= 200 && status <= 599);
  exchange->reply.status = status;
  exchange->reply.content_type = content_type;
  exchange->reply.body = body;
  exchange->reply.topic = NULL;
  exchange->reply.ask = NULL;
  exchange->reply.told = false;
  exchange->reply.last = false;
}

void exchange_reply_json(struct exchange *exchange, uint16_t status, struct bytes json)
{
  exchange_reply(exchange, status, CONTENT_TYPE_JSON, json);
}

void exchange_reply_empty(struct exchange *exchange, uint16_t status)
{
  exchange_reply(exchange, status, (struct bytes){NULL, 0}, (struct bytes){NULL, 0});
}

void exchange_reply_error(struct exchange *exchange, uint16_t status, const char *code,
                          struct bytes message, struct bytes details)
{
  struct buffer body;
  struct json_writer writer;
  buffer_init(&body, &exchange->memory);
  json_writer_init(&writer, &body);
  json_write_object_begin(&writer);
  json_write_key(&writer, BYTES("error"));
  json_write_object_begin(&writer);
  json_write_key(&writer, BYTES("code"));
  json_write_string(&writer, bytes_of_text(code));
  json_write_key(&writer, BYTES("message"));
  json_write_string(&writer, message);
  json_write_key(&writer, BYTES("trace_id"));
  json_write_string(&writer, exchange->trace_id);
  if (details.size > 0) {
    json_write_key(&writer, BYTES("details"));
    json_write_raw(&writer, details);
  }
  json_write_object_end(&writer);
  json_write_object_end(&writer);
  struct bytes copy = {NULL, 0};
  if (json_writer_finish(&writer)) copy = arena_copy(&exchange->arena, buffer_bytes(&body));
  buffer_free(&body);
  if (copy.data == NULL)
    exchange_reply_empty(exchange, 503);
  else
    exchange_reply_json(exchange, status, copy);
}

void exchange_refuse(struct exchange *exchange, enum refusal refusal)
{
  const struct refusal_row *row = refusal_row(refusal);
  CHECK_THAT(row->status, !=, 0);
  exchange_reply_error(exchange, row->status, row->code, bytes_of_text(row->message),
                       (struct bytes){NULL, 0});
  exchange->reply.refusal = refusal;
  if (row->close) exchange->reply.close = true;
  if (row->status == 503) exchange_add_header(exchange, BYTES("retry-after"), BYTES("1"));
}

void exchange_reply_stream(struct exchange *exchange, struct topic *topic, struct bytes first)
{
  exchange_reply(exchange, 200, CONTENT_TYPE_EVENTS, first);
  exchange->reply.topic = topic;
  exchange->reply.encoded = true;
}

void exchange_reply_asked_stream(struct exchange *exchange, route_handler *ask, uint32_t period_ms,
                                 struct bytes note, struct bytes first)
{
  CHECK(ask != NULL && period_ms > 0);
  CHECK_THAT(note.size, <=, STREAM_NOTE_BYTES);
  exchange_reply(exchange, 200, CONTENT_TYPE_EVENTS, first);
  exchange->reply.ask = ask;
  exchange->reply.period_ms = period_ms;
  exchange->reply.note = note;
  exchange->reply.encoded = true;
}

void exchange_reply_event(struct exchange *exchange, struct bytes note, struct bytes event)
{
  CHECK(exchange->ask != NULL);
  CHECK_THAT(note.size, <=, STREAM_NOTE_BYTES);
  exchange_reply(exchange, 200, CONTENT_TYPE_EVENTS, event);
  exchange->reply.note = note;
  exchange->reply.told = true;
}

void exchange_end_stream(struct exchange *exchange, struct bytes event)
{
  exchange_reply_event(exchange, exchange->note, event);
  exchange->reply.last = true;
}

/* Nothing that could end the header or begin another. */
static bool is_header_text(struct bytes text)
{
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] < 0x20 || text.data[i] == 0x7f) return false;
  return true;
}

void exchange_add_header(struct exchange *exchange, struct bytes name, struct bytes value)
{
  struct reply *reply = &exchange->reply;
  CHECK_THAT(reply->header_count, <, REPLY_HEADERS_MAX);
  CHECK(is_header_text(name) && is_header_text(value));
  reply->headers[reply->header_count++] = (struct http_header){name, value};
}

void exchange_wait_for(struct exchange *exchange, uint64_t sequence)
{
  if (sequence > exchange->reply.sequence) exchange->reply.sequence = sequence;
}

void exchange_send(struct exchange *exchange)
{
  CHECK(!exchange->sent);
  CHECK_THAT(exchange->reply.status, !=, 0);
  exchange->sent = true;
  server_complete(exchange->server, exchange);
}
