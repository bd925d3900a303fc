#include "net/address.h"

#include "base/check.h"

#include <arpa/inet.h>

enum { V4_OFFSET = ADDRESS_V4_PREFIX_BITS / 8 };

static const uint8_t V4_PREFIX[V4_OFFSET] = {[10] = 0xff, [11] = 0xff};

_Static_assert(WORLD_HOST_BYTES >= INET6_ADDRSTRLEN, "every address fits");

bool address_parse(struct bytes text, struct address *address)
{
  char copy[WORLD_HOST_BYTES];
  if (text.size == 0 || text.size >= sizeof(copy)) return false;
  memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  if (memchr(copy, 0, text.size) != NULL) return false;
  if (memchr(copy, ':', text.size) != NULL) return inet_pton(AF_INET6, copy, address->bytes) == 1;
  memcpy(address->bytes, V4_PREFIX, V4_OFFSET);
  return inet_pton(AF_INET, copy, address->bytes + V4_OFFSET) == 1;
}

bool address_is_v4(const struct address *address)
{
  return memcmp(address->bytes, V4_PREFIX, V4_OFFSET) == 0;
}

/* By hand, since inet_ntop goes through sprintf for it: this is done for every request. */
static void format_v4(const uint8_t bytes[ADDRESS_BYTES - V4_OFFSET], char *text)
{
  for (size_t i = 0; i < ADDRESS_BYTES - V4_OFFSET; i++) {
    uint8_t byte = bytes[i];
    if (byte >= 100) *text++ = (char)('0' + byte / 100);
    if (byte >= 10) *text++ = (char)('0' + byte / 10 % 10);
    *text++ = (char)('0' + byte % 10);
    *text++ = '.';
  }
  text[-1] = 0;
}

void address_format(const struct address *address, char text[WORLD_HOST_BYTES])
{
  if (address_is_v4(address))
    format_v4(address->bytes + V4_OFFSET, text);
  else
    CHECK(inet_ntop(AF_INET6, address->bytes, text, WORLD_HOST_BYTES) != NULL);
}

struct address address_prefix(const struct address *address, unsigned int bits)
{
  CHECK_THAT(bits, <=, 8 * ADDRESS_BYTES);
  struct address prefix = {{0}};
  memcpy(prefix.bytes, address->bytes, bits / 8);
  if (bits % 8 != 0)
    prefix.bytes[bits / 8] = (uint8_t)(address->bytes[bits / 8] & (0xff00U >> (bits % 8)));
  return prefix;
}
