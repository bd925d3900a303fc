#include "net/client_parts.h"

#include "base/check.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>

const char *client_outcome_name(enum client_outcome outcome)
{
  static const char *const names[] = {
      [CLIENT_OK] = "ok",
      [CLIENT_CONNECT] = "connect",
      [CLIENT_TLS] = "tls",
      [CLIENT_TIMEOUT] = "timeout",
      [CLIENT_TOO_LARGE] = "too_large",
      [CLIENT_PROTOCOL] = "protocol",
      [CLIENT_MEMORY] = "memory",
      [CLIENT_CANCELLED] = "cancelled",
  };
  CHECK_THAT(outcome, <=, CLIENT_CANCELLED);
  return names[outcome];
}

struct bytes client_response_header(const struct client_response *response, struct bytes lower_name)
{
  for (uint32_t i = 0; i < response->header_count; i++) {
    if (bytes_equal(response->headers[i].name, lower_name)) return response->headers[i].value;
  }
  return (struct bytes){0};
}

void client_reply_init(struct client_reply *reply, struct memory *memory, size_t body_bytes_max,
                       uint64_t *progress)
{
  *reply = (struct client_reply){.body_bytes_max = body_bytes_max, .progress = progress};
  buffer_init(&reply->head, memory);
  buffer_init(&reply->body, memory);
}

void client_reply_free(struct client_reply *reply)
{
  buffer_free(&reply->head);
  buffer_free(&reply->body);
}

static void clear_head(struct client_reply *reply)
{
  buffer_clear(&reply->head);
  reply->field_count = 0;
  reply->status = 0;
  reply->head_done = false;
}

void client_reply_clear(struct client_reply *reply)
{
  clear_head(reply);
  buffer_clear(&reply->body);
  reply->head_bytes = 0;
  reply->refused = CLIENT_OK;
}

/* What a callback returns to stop the transfer: any number that is not the size it was given. */
static size_t refuse(struct client_reply *reply, enum client_outcome why)
{
  reply->refused = why;
  return 0;
}

static bool is_digit(uint8_t byte)
{
  return byte >= '0' && byte <= '9';
}

/* "HTTP/1.1 200 OK" or "HTTP/2 200": the code, or 0. libcurl has checked the form already. */
static uint16_t status_of(struct bytes line)
{
  size_t at = bytes_find(line, BYTES(" "));
  if (at == SIZE_MAX || line.size - at < 4) return 0;
  const uint8_t *digits = line.data + at + 1;
  if (!is_digit(digits[0]) || !is_digit(digits[1]) || !is_digit(digits[2])) return 0;
  return (uint16_t)((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
}

static struct bytes trim(struct bytes text)
{
  while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
    text.data++;
    text.size--;
  }
  while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
    text.size--;
  return text;
}

static bool has_control(struct bytes text)
{
  for (size_t i = 0; i < text.size; i++) {
    if ((text.data[i] < 0x20 && text.data[i] != '\t') || text.data[i] == 0x7f) return true;
  }
  return false;
}

/*
 * "name: value", strictly: a folded line or a space before the colon is refused, for two readers
 * could take it differently (RFC 9112 5.1, 5.2).
 */
static enum client_outcome add_field(struct client_reply *reply, struct bytes line)
{
  size_t colon = bytes_find(line, BYTES(":"));
  if (colon == SIZE_MAX || colon == 0 || has_control(line)) return CLIENT_PROTOCOL;
  for (size_t i = 0; i < colon; i++) {
    if (line.data[i] == ' ' || line.data[i] == '\t') return CLIENT_PROTOCOL;
  }
  if (reply->field_count == CLIENT_REPLY_HEADERS_MAX) return CLIENT_TOO_LARGE;
  struct bytes value = trim(bytes_of(line.data + colon + 1, line.size - colon - 1));
  struct client_field *field = &reply->fields[reply->field_count];
  *field = (struct client_field){.name_at = (uint32_t)reply->head.size,
                                 .name_bytes = (uint16_t)colon,
                                 .value_bytes = (uint16_t)value.size};
  if (!buffer_append(&reply->head, bytes_of(line.data, colon)) ||
      !buffer_append(&reply->head, value))
    return CLIENT_MEMORY;
  uint8_t *name = reply->head.data + field->name_at;
  for (size_t i = 0; i < colon; i++) {
    if (name[i] >= 'A' && name[i] <= 'Z') name[i] = (uint8_t)(name[i] | 0x20);
  }
  reply->field_count++;
  return CLIENT_OK;
}

/* Called with one line at a time, trailers (RFC 9112 7.1.2) and those of 1xx replies too. */
size_t client_reply_take_header(char *data, size_t one, size_t size, void *context)
{
  struct client_reply *reply = context;
  CHECK_THAT(one, ==, 1);
  ++*reply->progress;
  if (size > CLIENT_REPLY_HEADER_BYTES - reply->head_bytes) return refuse(reply, CLIENT_TOO_LARGE);
  reply->head_bytes += (uint32_t)size;
  struct bytes line = bytes_of(data, size);
  if (line.size > 0 && line.data[line.size - 1] == '\n') line.size--;
  if (line.size > 0 && line.data[line.size - 1] == '\r') line.size--;
  if (reply->head_done && reply->status >= 200) return size;
  if (line.size == 0) {
    reply->head_done = true;
    return size;
  }
  if (reply->status == 0 || reply->head_done) {
    clear_head(reply);
    reply->status = status_of(line);
    return reply->status < 100 ? refuse(reply, CLIENT_PROTOCOL) : size;
  }
  enum client_outcome added = add_field(reply, line);
  return added == CLIENT_OK ? size : refuse(reply, added);
}

size_t client_reply_take_body(char *data, size_t one, size_t size, void *context)
{
  struct client_reply *reply = context;
  CHECK_THAT(one, ==, 1);
  ++*reply->progress;
  CHECK_THAT(reply->body.size, <=, reply->body_bytes_max);
  if (size > reply->body_bytes_max - reply->body.size) return refuse(reply, CLIENT_TOO_LARGE);
  if (!buffer_append(&reply->body, bytes_of(data, size))) return refuse(reply, CLIENT_MEMORY);
  return size;
}

void client_reply_headers(const struct client_reply *reply,
                          struct http_header headers[CLIENT_REPLY_HEADERS_MAX])
{
  for (uint32_t i = 0; i < reply->field_count; i++) {
    const struct client_field *field = &reply->fields[i];
    const uint8_t *name = reply->head.data + field->name_at;
    headers[i] = (struct http_header){bytes_of(name, field->name_bytes),
                                      bytes_of(name + field->name_bytes, field->value_bytes)};
  }
}

enum client_outcome client_outcome_of(CURLcode code, const struct client_reply *reply, bool began)
{
  if (reply->refused != CLIENT_OK) return reply->refused;
  switch (code) {
  case CURLE_OK:
    return reply->head_done && reply->status >= 200 ? CLIENT_OK : CLIENT_PROTOCOL;
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT:
  case CURLE_GOT_NOTHING: /* no line of a reply, whatever was read */
    return CLIENT_CONNECT;
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
    return began ? CLIENT_PROTOCOL : CLIENT_CONNECT;
  case CURLE_OPERATION_TIMEDOUT:
    return CLIENT_TIMEOUT;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_ENGINE_INITFAILED:
    return CLIENT_TLS;
  case CURLE_FILESIZE_EXCEEDED:
    return CLIENT_TOO_LARGE;
  case CURLE_OUT_OF_MEMORY:
    return CLIENT_MEMORY;
  default:
    return CLIENT_PROTOCOL;
  }
}

/* libcurl's own words for an error number only: its detailed messages quote what was received. */
static const char *reason_of(enum client_outcome outcome, CURL *easy, CURLcode code)
{
  long number = 0;
  switch (outcome) {
  case CLIENT_OK:
    return "";
  case CLIENT_TOO_LARGE:
    return "the reply is larger than allowed";
  case CLIENT_MEMORY:
    return "no memory for the request or its reply";
  case CLIENT_CANCELLED:
    return "cancelled";
  case CLIENT_TLS:
    /* UNSPECIFIED is what libcurl begins with: the chain was not what failed. */
    if (curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &number) == CURLE_OK &&
        number != X509_V_OK && number != X509_V_ERR_UNSPECIFIED)
      return X509_verify_cert_error_string(number);
    if (code == CURLE_PEER_FAILED_VERIFICATION) return "the certificate is of another host";
    break;
  case CLIENT_CONNECT:
    if (code == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK && number > 0)
      return strerrordesc_np((int)number);
    break;
  case CLIENT_TIMEOUT:
    if (code == CURLE_OK) return "no attempt could be finished in the time for all";
    break;
  case CLIENT_PROTOCOL:
    /* Of a callback that stopped it, libcurl only knows that. */
    if (code == CURLE_OK || code == CURLE_WRITE_ERROR) return "the reply is malformed";
    break;
  }
  return NULL;
}

void client_describe(char text[CLIENT_TEXT_BYTES], const char *origin, enum client_outcome outcome,
                     CURL *easy, CURLcode code)
{
  text[0] = '\0';
  if (outcome == CLIENT_OK) return;
  const char *reason = reason_of(outcome, easy, code);
  if (reason == NULL) reason = curl_easy_strerror(code);
  snprintf(text, CLIENT_TEXT_BYTES, "%s: %s", origin, reason);
}
