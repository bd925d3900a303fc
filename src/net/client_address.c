#include "net/client_address.h"

#include "base/check.h"

enum {
  ADDRESS_BITS = 8 * ADDRESS_BYTES,
  V4_BITS = ADDRESS_BITS - ADDRESS_V4_PREFIX_BITS,
  PORT_MAX = 65535,
};

static struct bytes slice(struct bytes text, size_t from, size_t to)
{
  return bytes_of(text.data + from, to - from);
}

/* Without optional white space around it (RFC 9110 5.6.3). */
static struct bytes trim(struct bytes text)
{
  size_t from = 0, to = text.size;
  while (from < to && (text.data[from] == ' ' || text.data[from] == '\t')) from++;
  while (to > from && (text.data[to - 1] == ' ' || text.data[to - 1] == '\t')) to--;
  return from == to ? (struct bytes){NULL, 0} : slice(text, from, to);
}

/* The offset of a byte, or the size when it is not there. */
static size_t find_byte(struct bytes text, uint8_t byte)
{
  const uint8_t *at = text.size == 0 ? NULL : memchr(text.data, byte, text.size);
  return at == NULL ? text.size : (size_t)(at - text.data);
}

/* A decimal number without leading zeros, up to `limit`. */
static bool parse_number(struct bytes text, unsigned int limit, unsigned int *number)
{
  if (text.size == 0 || text.size > 5 || (text.size > 1 && text.data[0] == '0')) return false;
  *number = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    *number = *number * 10 + (text.data[i] - '0');
  }
  return *number <= limit;
}

static bool parse_range(struct trusted_range *range, struct bytes text, struct error *error)
{
  size_t slash = find_byte(text, '/');
  struct bytes host = text.size == 0 ? text : slice(text, 0, slash);
  struct address address;
  if (!address_parse(host, &address))
    return error_set(error, ERROR_INVALID,
                     "trusted proxy '%.*s' is not an IP address or a block like 10.0.0.0/8",
                     BYTES_FORMAT(text));
  /* As it is written: of a mapped address all 128 bits can be meant. */
  unsigned int width = find_byte(host, ':') < host.size ? ADDRESS_BITS : V4_BITS;
  unsigned int bits = width;
  if (slash < text.size && !parse_number(slice(text, slash + 1, text.size), width, &bits))
    return error_set(error, ERROR_INVALID,
                     "trusted proxy '%.*s' needs a number from 0 to %u behind the slash",
                     BYTES_FORMAT(text), width);
  bits += ADDRESS_BITS - width;
  range->prefix = address_prefix(&address, bits);
  range->bits = (uint8_t)bits;
  if (!address_equal(&range->prefix, &address))
    return error_set(error, ERROR_INVALID,
                     "trusted proxy '%.*s' has bits set behind its prefix: write the first "
                     "address of the block, or a longer prefix",
                     BYTES_FORMAT(text));
  return true;
}

bool trusted_proxies_parse(struct trusted_proxies *proxies, struct bytes text, struct error *error)
{
  proxies->count = 0;
  if (trim(text).size == 0) return true;
  for (;;) {
    size_t comma = find_byte(text, ',');
    if (proxies->count == TRUSTED_PROXIES_MAX)
      return error_set(error, ERROR_LIMIT, "more than %d trusted proxies: use larger blocks",
                       TRUSTED_PROXIES_MAX);
    struct bytes part = text.size == 0 ? text : trim(slice(text, 0, comma));
    if (!parse_range(&proxies->ranges[proxies->count], part, error)) return false;
    proxies->count++;
    if (comma == text.size) return true;
    text = slice(text, comma + 1, text.size);
  }
}

bool trusted_proxies_have(const struct trusted_proxies *proxies, const struct address *address)
{
  CHECK_THAT(proxies->count, <=, TRUSTED_PROXIES_MAX);
  bool is_v4 = address_is_v4(address);
  for (size_t i = 0; i < proxies->count; i++) {
    const struct trusted_range *range = &proxies->ranges[i];
    /* A prefix of fewer bits than the mapped one is a block of IPv6. */
    if (is_v4 && range->bits < ADDRESS_V4_PREFIX_BITS) continue;
    struct address prefix = address_prefix(address, range->bits);
    if (address_equal(&prefix, &range->prefix)) return true;
  }
  return false;
}

static bool is_port(struct bytes text)
{
  unsigned int port;
  return parse_number(text, PORT_MAX, &port);
}

static bool parse_hop(struct bytes hop, struct address *address)
{
  if (hop.size == 0) return false;
  if (hop.data[0] == '[') {
    size_t end = find_byte(hop, ']');
    if (end == hop.size) return false;
    struct bytes host = slice(hop, 1, end), rest = slice(hop, end + 1, hop.size);
    if (rest.size > 0 && (rest.data[0] != ':' || !is_port(slice(rest, 1, rest.size)))) return false;
    return find_byte(host, ':') < host.size && address_parse(host, address);
  }
  size_t colon = find_byte(hop, ':');
  if (colon == hop.size) return address_parse(hop, address);
  struct bytes rest = slice(hop, colon + 1, hop.size);
  if (find_byte(rest, ':') < rest.size) return address_parse(hop, address);
  /* One colon: no IPv6 address has just one. */
  return is_port(rest) && address_parse(slice(hop, 0, colon), address);
}

/* Goes on with one field from its end; false when the walk is over. */
static bool walk_list(const struct trusted_proxies *proxies, struct bytes list,
                      struct address *client)
{
  for (;;) {
    const uint8_t *comma = list.size == 0 ? NULL : memrchr(list.data, ',', list.size);
    size_t from = comma == NULL ? 0 : (size_t)(comma - list.data) + 1;
    struct address hop;
    if (list.size == 0 || !parse_hop(trim(slice(list, from, list.size)), &hop)) return false;
    *client = hop;
    if (!trusted_proxies_have(proxies, &hop)) return false;
    if (comma == NULL) return true;
    list.size = from - 1;
  }
}

void client_address(const struct trusted_proxies *proxies, const char *peer_host,
                    const struct bytes *forwarded_for, size_t forwarded_for_count,
                    char out[WORLD_HOST_BYTES])
{
  struct address client;
  struct bytes peer = bytes_of_text(peer_host);
  if (!address_parse(peer, &client)) {
    /* A host with a zone: nothing to compare, nothing to shorten. */
    CHECK_THAT(peer.size, <, WORLD_HOST_BYTES);
    memcpy(out, peer_host, peer.size + 1);
    return;
  }
  bool walking = trusted_proxies_have(proxies, &client);
  for (size_t field = forwarded_for_count; walking && field > 0; field--)
    walking = walk_list(proxies, forwarded_for[field - 1], &client);
  address_format(&client, out);
}
