#include "net/cors.h"

#include "base/check.h"

#include <arpa/inet.h>

enum { PORT_MAX = 65535 };

#define HEADER(name, value)                       \
  {                                               \
    {(const uint8_t *)(name), sizeof(name) - 1},  \
    {                                             \
      (const uint8_t *)(value), sizeof(value) - 1 \
    }                                             \
  }

static const struct http_header VARY = HEADER("Vary", "Origin");
static const struct http_header CREDENTIALS = HEADER("Access-Control-Allow-Credentials", "true");

/* Names one by one: with credentials, browsers take a '*' as a name. */
static const struct http_header EXPOSED = HEADER(
    "Access-Control-Expose-Headers", "X-Request-ID,X-Idempotency-Cached,Retry-After,"
                                     "X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset");

static const struct http_header PREFLIGHT[] = {
    HEADER("Access-Control-Allow-Methods", "GET,POST,HEAD,PUT,DELETE,PATCH,OPTIONS"),
    HEADER("Access-Control-Allow-Headers",
           "Origin,Content-Type,Accept,Authorization,X-Requested-With,Idempotency-Key,X-Trace-Id,"
           "X-Request-ID"),
    HEADER("Access-Control-Max-Age", "86400"),
};

enum { PREFLIGHT_COUNT = sizeof(PREFLIGHT) / sizeof(PREFLIGHT[0]) };
_Static_assert(3 + PREFLIGHT_COUNT <= CORS_HEADERS_MAX, "the fields of a preflight fit");

/* An origin taken apart; slices of its text. */
struct origin {
  struct bytes scheme;
  struct bytes host; /* with the brackets of an IPv6 address */
  struct bytes port; /* empty: the default one of the scheme */
};

static struct bytes slice(struct bytes text, size_t from, size_t to)
{
  return bytes_of(text.data + from, to - from);
}

static size_t find_byte(struct bytes text, uint8_t byte)
{
  const uint8_t *at = text.size == 0 ? NULL : memchr(text.data, byte, text.size);
  return at == NULL ? text.size : (size_t)(at - text.data);
}

static bool is_default_port(struct bytes scheme, struct bytes port)
{
  return bytes_equal(scheme, BYTES("https")) ? bytes_equal(port, BYTES("443"))
                                             : bytes_equal(port, BYTES("80"));
}

static bool is_port(struct bytes port)
{
  if (port.size == 0 || port.size > 5 || port.data[0] == '0') return false;
  unsigned int number = 0;
  for (size_t i = 0; i < port.size; i++) {
    if (port.data[i] < '0' || port.data[i] > '9') return false;
    number = number * 10 + (port.data[i] - '0');
  }
  return number <= PORT_MAX;
}

/* "[...]" of an IPv6 address in the spelling that browsers use, which is inet_ntop's but for
   embedded IPv4 addresses. */
static bool is_v6_host(struct bytes host)
{
  char copy[INET6_ADDRSTRLEN], canonical[INET6_ADDRSTRLEN];
  struct in6_addr address;
  if (host.size < 4 || host.size - 2 >= sizeof(copy) || host.data[host.size - 1] != ']')
    return false;
  memcpy(copy, host.data + 1, host.size - 2);
  copy[host.size - 2] = 0;
  return strlen(copy) == host.size - 2 && inet_pton(AF_INET6, copy, &address) == 1 &&
         inet_ntop(AF_INET6, &address, canonical, sizeof(canonical)) != NULL &&
         strcmp(copy, canonical) == 0;
}

/* A host name in lower case (international ones as xn--...), or an IPv4 address. */
static bool is_host(struct bytes host)
{
  if (host.size == 0 || host.size > CORS_HOST_BYTES) return false;
  if (host.data[0] == '[') return is_v6_host(host);
  uint8_t before = '.';
  for (size_t i = 0; i < host.size; i++) {
    uint8_t byte = host.data[i];
    bool known = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
                 byte == '_' || byte == '.';
    if (!known || (byte == '.' && before == '.')) return false;
    before = byte;
  }
  return true;
}

static bool take_scheme(struct bytes text, struct origin *origin, struct bytes *rest)
{
  size_t colon = find_byte(text, ':');
  if (!bytes_starts_with(slice(text, colon, text.size), BYTES("://"))) return false;
  origin->scheme = slice(text, 0, colon);
  *rest = slice(text, colon + 3, text.size);
  return bytes_equal(origin->scheme, BYTES("http")) || bytes_equal(origin->scheme, BYTES("https"));
}

/* Cuts "host:port"; the colons of an IPv6 address stand in brackets. */
static void cut_authority(struct bytes authority, struct bytes *host, struct bytes *port)
{
  size_t from = authority.size > 0 && authority.data[0] == '[' ? find_byte(authority, ']') : 0;
  size_t colon = from + find_byte(slice(authority, from, authority.size), ':');
  *host = slice(authority, 0, colon);
  *port = colon == authority.size ? (struct bytes){NULL, 0}
                                  : slice(authority, colon + 1, authority.size);
}

/* Whether the text is an origin as browsers write it. */
static bool parse_origin(struct bytes text, struct origin *origin)
{
  struct bytes authority;
  if (text.size == 0 || !take_scheme(text, origin, &authority)) return false;
  cut_authority(authority, &origin->host, &origin->port);
  if (!is_host(origin->host)) return false;
  if (origin->host.size == authority.size) return true;
  return is_port(origin->port) && !is_default_port(origin->scheme, origin->port);
}

static struct bytes trim(struct bytes text)
{
  size_t from = 0, to = text.size;
  while (from < to && (text.data[from] == ' ' || text.data[from] == '\t')) from++;
  while (to > from && (text.data[to - 1] == ' ' || text.data[to - 1] == '\t')) to--;
  return from == to ? (struct bytes){NULL, 0} : slice(text, from, to);
}

bool cors_parse(struct cors *cors, struct bytes text, struct error *error)
{
  cors->count = 0;
  if (trim(text).size == 0) return true;
  for (;;) {
    size_t comma = find_byte(text, ',');
    struct bytes part = text.size == 0 ? text : trim(slice(text, 0, comma));
    struct origin origin;
    if (!parse_origin(part, &origin))
      return error_set(error, ERROR_INVALID,
                       "allowed origin '%.*s' is not written as browsers do: http:// or https://, "
                       "a host in lower case, a port unless it is the default one, no slash at "
                       "the end, no wildcard",
                       BYTES_FORMAT(part));
    if (cors->count == CORS_ORIGINS_MAX)
      return error_set(error, ERROR_LIMIT, "more than %d allowed origins", CORS_ORIGINS_MAX);
    cors->origins[cors->count++] = part;
    if (comma == text.size) return true;
    text = slice(text, comma + 1, text.size);
  }
}

/* Equal but for case, which a Host may have and an origin has not. */
static bool equal_lower(struct bytes any_case, struct bytes lower)
{
  if (any_case.size != lower.size) return false;
  for (size_t i = 0; i < lower.size; i++) {
    uint8_t byte = any_case.data[i];
    if (byte >= 'A' && byte <= 'Z') byte |= 0x20;
    if (byte != lower.data[i]) return false;
  }
  return true;
}

static bool is_own(const struct origin *origin, struct bytes scheme, struct bytes authority)
{
  struct bytes host, port;
  if (authority.size == 0 || !bytes_equal(origin->scheme, scheme)) return false;
  cut_authority(authority, &host, &port);
  if (is_default_port(scheme, port)) port.size = 0;
  return equal_lower(host, origin->host) && bytes_equal(port, origin->port);
}

bool cors_allows(const struct cors *cors, struct bytes origin, struct bytes scheme,
                 struct bytes authority)
{
  CHECK_THAT(cors->count, <=, CORS_ORIGINS_MAX);
  for (size_t i = 0; i < cors->count; i++)
    if (bytes_equal(cors->origins[i], origin)) return true;
  struct origin parsed;
  return parse_origin(origin, &parsed) && is_own(&parsed, scheme, authority);
}

size_t cors_headers(enum cors_reply reply, struct bytes origin,
                    struct http_header headers[CORS_HEADERS_MAX])
{
  size_t count = 0;
  if (origin.size > 0) {
    headers[count++] = (struct http_header){BYTES("Access-Control-Allow-Origin"), origin};
    headers[count++] = CREDENTIALS;
    if (reply == CORS_PREFLIGHT) {
      memcpy(headers + count, PREFLIGHT, sizeof(PREFLIGHT));
      count += PREFLIGHT_COUNT;
    } else {
      headers[count++] = EXPOSED;
    }
  }
  headers[count++] = VARY;
  CHECK_THAT(count, <=, CORS_HEADERS_MAX);
  return count;
}
