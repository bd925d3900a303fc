#include "net/http.h"
#include "net/http_text.h"

#include <arpa/inet.h>

enum { PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };

static bool port_is_valid(const uint8_t *at, const uint8_t *end)
{
  if (at == end || end - at > PORT_DIGITS_MAX) return false;
  uint32_t port = 0;
  for (; at < end; at++) {
    if (!http_byte_is(*at, HTTP_CLASS_DIGIT)) return false;
    port = port * 10 + (uint32_t)(*at - '0');
  }
  return port <= PORT_MAX;
}

/* The ']' of an address that starts behind `at`, which is its '['; NULL when it is not one. */
static const uint8_t *skip_address(const uint8_t *at, const uint8_t *end)
{
  const uint8_t *bracket = memchr(at, ']', (size_t)(end - at));
  if (bracket == NULL) return NULL;
  char text[INET6_ADDRSTRLEN];
  size_t size = (size_t)(bracket - at - 1);
  if (size >= sizeof(text) || memchr(at + 1, 0, size) != NULL) return NULL;
  memcpy(text, at + 1, size);
  text[size] = 0;
  struct in6_addr address;
  return inet_pton(AF_INET6, text, &address) == 1 ? bracket : NULL;
}

bool http_host_is_valid(struct bytes host)
{
  if (host.size == 0) return false;
  const uint8_t *at = host.data;
  const uint8_t *end = host.data + host.size;
  if (*at == '[') {
    at = skip_address(at, end);
    if (at == NULL) return false;
    at++;
  } else {
    while (at < end && http_byte_is(*at, HTTP_CLASS_HOST)) at++;
    if (at == host.data) return false;
  }
  if (at == end) return true;
  return *at == ':' && port_is_valid(at + 1, end);
}

/* Whether an escape of a byte other than zero begins at `at`, which is its '%'. */
static bool escape_is_valid(const uint8_t *at, const uint8_t *end)
{
  return end - at >= 3 && http_byte_is(at[1], HTTP_CLASS_HEX) &&
         http_byte_is(at[2], HTTP_CLASS_HEX) && (at[1] != '0' || at[2] != '0');
}

/* Splits at the first '?'; false when there is a byte that may not be in a path or query. */
static bool split(const uint8_t *at, const uint8_t *end, struct http_target *target)
{
  const uint8_t *start = at;
  const uint8_t *mark = NULL;
  for (;;) {
    while (at < end && http_byte_is(*at, HTTP_CLASS_TARGET)) at++;
    if (at == end) break;
    if (*at == '?') {
      if (mark == NULL) mark = at;
      at++;
    } else if (*at == '%' && escape_is_valid(at, end)) {
      at += 3;
    } else {
      return false;
    }
  }
  if (mark == NULL) {
    target->path = bytes_of(start, (size_t)(end - start));
    target->query = (struct bytes){0};
  } else {
    target->path = bytes_of(start, (size_t)(mark - start));
    target->query = bytes_of(mark + 1, (size_t)(end - mark - 1));
  }
  return true;
}

/* The size of "http://" or "https://" in any case (RFC 3986 3.1), or 0. */
static size_t scheme_size(struct bytes text)
{
  if (text.size >= 7 && http_text_same(bytes_of(text.data, 7), BYTES("http://"))) return 7;
  if (text.size >= 8 && http_text_same(bytes_of(text.data, 8), BYTES("https://"))) return 8;
  return 0;
}

static bool read_absolute(struct bytes text, struct http_target *target)
{
  size_t scheme = scheme_size(text);
  if (scheme == 0) return false;
  const uint8_t *end = text.data + text.size;
  const uint8_t *at = text.data + scheme;
  while (at < end && *at != '/' && *at != '?') at++;
  target->authority = bytes_of(text.data + scheme, (size_t)(at - text.data) - scheme);
  if (!http_host_is_valid(target->authority) || !split(at, end, target)) return false;
  /* A slash of the scheme stands for the missing path, so that every slice lies in the text. */
  if (target->path.size == 0) target->path = bytes_of(text.data + scheme - 1, 1);
  return true;
}

bool http_target_read(struct bytes text, enum http_method method, struct http_target *target)
{
  target->authority = (struct bytes){0};
  if (text.size == 0) return false;
  if (text.data[0] == '/') return split(text.data, text.data + text.size, target);
  if (text.size == 1 && text.data[0] == '*') {
    target->path = text;
    target->query = (struct bytes){0};
    return method == HTTP_OPTIONS;
  }
  return read_absolute(text, target);
}
