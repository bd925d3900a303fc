/*
 * Any bytes, as a reply (first byte even) or as a request (odd).
 *
 * A reply: lines, then a body. It is refused, or its headers are what one reader alone could see:
 * no control characters, lower-case names, within the bounds. A request: method, URL, a header. It
 * is refused, or nothing of it could end a line.
 */
#include "base/check.h"
#include "net/client_parts.h"

enum { BODY_BYTES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_control(struct bytes text)
{
  for (size_t i = 0; i < text.size; i++) {
    if ((text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] == 0x7f) return true;
  }
  return false;
}

static void check_headers(const struct client_reply *reply)
{
  struct http_header headers[CLIENT_REPLY_HEADERS_MAX];
  client_reply_headers(reply, headers);
  CHECK_THAT(reply->field_count, <=, CLIENT_REPLY_HEADERS_MAX);
  for (uint32_t i = 0; i < reply->field_count; i++) {
    CHECK(headers[i].name.size > 0 && !has_control(headers[i].name));
    CHECK(!has_control(headers[i].value));
    for (size_t at = 0; at < headers[i].name.size; at++) {
      uint8_t byte = headers[i].name.data[at];
      CHECK(byte != ':' && byte != ' ' && (byte < 'A' || byte > 'Z'));
    }
    CHECK_THAT(client_retry_after_ms(headers[i].value), <=, CLIENT_RETRY_AFTER_MS_MAX);
  }
}

static void read_reply(struct bytes input)
{
  struct memory memory = {0};
  uint64_t progress = 0;
  struct client_reply reply;
  client_reply_init(&reply, &memory, BODY_BYTES_MAX, &progress);
  bool going = true;
  while (going && input.size > 0 && !reply.head_done) {
    size_t end = bytes_find(input, BYTES("\n"));
    size_t size = end == SIZE_MAX ? input.size : end + 1;
    going = client_reply_take_header((char *)input.data, 1, size, &reply) == size;
    input = bytes_of(input.data + size, input.size - size);
  }
  if (going)
    going = client_reply_take_body((char *)input.data, 1, input.size, &reply) == input.size;
  CHECK(going == (reply.refused == CLIENT_OK));
  CHECK_THAT(reply.body.size, <=, BODY_BYTES_MAX);
  CHECK(client_outcome_of(CURLE_OK, &reply, true) != CLIENT_OK || reply.status >= 200);
  check_headers(&reply);
  client_reply_free(&reply);
  CHECK_THAT(memory.in_use, ==, 0);
}

/* A piece behind its size. */
static struct bytes take_piece(struct bytes *input)
{
  if (input->size == 0) return *input;
  size_t size = input->data[0];
  if (size > input->size - 1) size = input->size - 1;
  struct bytes piece = bytes_of(input->data + 1, size);
  *input = bytes_of(input->data + 1 + size, input->size - 1 - size);
  return piece;
}

static void make_request(struct bytes input)
{
  struct memory memory = {0};
  uint64_t progress = 0;
  struct client_options options = {0};
  struct client_call call = {0};
  struct error error = {0};
  struct http_header header;
  struct client_request request = {.headers = &header, .header_count = 1};
  request.method = take_piece(&input);
  request.url = take_piece(&input);
  header.name = take_piece(&input);
  header.value = take_piece(&input);
  request.body = input;
  request = client_request_complete(&request);
  if (client_call_init(&call, &memory, &request, &options, &progress, &error)) {
    CHECK(!has_control(request.method) && !has_control(request.url));
    CHECK(!has_control(header.name) && !has_control(header.value));
    CHECK(strchr(call.origin, '@') == NULL && strchr(call.origin, '?') == NULL);
    CHECK(strncmp(call.origin, "http", 4) == 0);
  } else {
    CHECK(error.code != ERROR_NONE && error.message[0] != '\0');
  }
  client_call_free(&call);
  CHECK_THAT(memory.in_use, ==, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0) return 0;
  struct bytes input = bytes_of(data + 1, size - 1);
  if (data[0] % 2 == 0)
    read_reply(input);
  else
    make_request(input);
  return 0;
}
