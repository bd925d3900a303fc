/*
 * The first line is a list of trusted proxies, the second the socket's peer, each further one an
 * X-Forwarded-For field. The client must be the peer or a hop of the list, and the one that the
 * definition gives: all hops are read from the front here, and the rule applied to them.
 */
#include "base/check.h"
#include "net/client_address.h"

#include <arpa/inet.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 8, HOPS_MAX = 4096 };

struct hop {
  bool valid;
  struct address address;
};

static struct bytes take_until(struct bytes *rest, uint8_t byte, bool *found)
{
  const uint8_t *at = rest->size == 0 ? NULL : memchr(rest->data, byte, rest->size);
  struct bytes taken = *rest;
  *found = at != NULL;
  if (at == NULL) {
    rest->size = 0;
    return taken;
  }
  taken.size = (size_t)(at - rest->data);
  *rest = bytes_of(at + 1, rest->size - taken.size - 1);
  return taken;
}

/* ":0" to ":65535", or nothing. */
static bool is_port_or_empty(const char *text)
{
  if (*text == 0) return true;
  if (*text++ != ':') return false;
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 5 || text[digits] != 0) return false;
  return (digits == 1 || text[0] != '0') && strtoul(text, NULL, 10) <= 65535;
}

/* A hop by trying each of its spellings with the C library. */
static struct hop read_hop(struct bytes text)
{
  char copy[128];
  struct hop hop = {0};
  while (text.size > 0 && strchr(" \t", text.data[0]) != NULL && text.data[0] != 0)
    text = bytes_of(text.data + 1, text.size - 1);
  while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
    text.size--;
  if (text.size == 0 || text.size >= sizeof(copy) || memchr(text.data, 0, text.size) != NULL)
    return hop;
  memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  uint8_t *bytes = hop.address.bytes;
  hop.valid = inet_pton(AF_INET6, copy, bytes) == 1;
  if (hop.valid) return hop;
  char *end = strchr(copy, ']');
  if (copy[0] == '[' && end != NULL) {
    hop.valid = is_port_or_empty(end + 1);
    *end = 0;
    hop.valid = hop.valid && inet_pton(AF_INET6, copy + 1, bytes) == 1;
    return hop;
  }
  memcpy(bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  end = copy + strcspn(copy, ":");
  hop.valid = is_port_or_empty(end);
  *end = 0;
  hop.valid = hop.valid && inet_pton(AF_INET, copy, bytes + 12) == 1;
  return hop;
}

/* All hops of all fields, in order. */
static size_t read_hops(const struct bytes *fields, size_t field_count, struct hop *hops)
{
  size_t count = 0;
  for (size_t i = 0; i < field_count; i++) {
    struct bytes rest = fields[i];
    bool more = true;
    while (more) {
      CHECK_THAT(count, <, HOPS_MAX);
      hops[count++] = read_hop(take_until(&rest, ',', &more));
    }
  }
  return count;
}

/* The definition: of the hops behind the last malformed one, the last that is not trusted. */
static struct address expect(const struct trusted_proxies *proxies, struct address peer,
                             const struct hop *hops, size_t count)
{
  if (!trusted_proxies_have(proxies, &peer)) return peer;
  size_t first = count;
  while (first > 0 && hops[first - 1].valid) first--;
  struct address client = first < count ? hops[first].address : peer;
  for (size_t i = first; i < count; i++)
    if (!trusted_proxies_have(proxies, &hops[i].address)) client = hops[i].address;
  return client;
}

static void check_proxies(struct bytes text, struct trusted_proxies *proxies)
{
  struct error error = {0};
  if (trusted_proxies_parse(proxies, text, &error)) {
    CHECK_THAT(proxies->count, <=, TRUSTED_PROXIES_MAX);
    /* The first address of each block is in it. */
    for (size_t i = 0; i < proxies->count; i++)
      CHECK(trusted_proxies_have(proxies, &proxies->ranges[i].prefix));
  } else {
    CHECK(error.code != ERROR_NONE && error.message[0] != 0);
    CHECK(trusted_proxies_parse(proxies, BYTES("10.0.0.0/8,::1,2001:db8::/32"), &error));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct hop hops[HOPS_MAX];
  struct bytes rest = bytes_of(data, size < HOPS_MAX - FIELDS_MAX ? size : HOPS_MAX - FIELDS_MAX);
  struct trusted_proxies proxies;
  bool more;
  check_proxies(take_until(&rest, '\n', &more), &proxies);
  struct address peer;
  char peer_host[WORLD_HOST_BYTES] = "10.0.0.1", out[WORLD_HOST_BYTES];
  struct bytes peer_text = take_until(&rest, '\n', &more);
  if (address_parse(peer_text, &peer)) {
    memcpy(peer_host, peer_text.data, peer_text.size);
    peer_host[peer_text.size] = 0;
  }
  CHECK(address_parse(bytes_of_text(peer_host), &peer));
  struct bytes fields[FIELDS_MAX];
  size_t field_count = 0;
  while (more && field_count < FIELDS_MAX) fields[field_count++] = take_until(&rest, '\n', &more);
  memset(out, 'x', sizeof(out));
  client_address(&proxies, peer_host, fields, field_count, out);

  struct address client;
  char again[WORLD_HOST_BYTES];
  CHECK(memchr(out, 0, sizeof(out)) != NULL);
  CHECK(address_parse(bytes_of_text(out), &client));
  address_format(&client, again);
  CHECK(strcmp(out, again) == 0);
  size_t count = read_hops(fields, field_count, hops);
  bool found = address_equal(&client, &peer);
  for (size_t i = 0; i < count; i++)
    found = found || (hops[i].valid && address_equal(&hops[i].address, &client));
  CHECK(found);
  struct address expected = expect(&proxies, peer, hops, count);
  CHECK(address_equal(&expected, &client));
  return 0;
}
