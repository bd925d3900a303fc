/*
 * IP addresses as numbers, with one spelling each.
 *
 * An IPv4 address is kept as its IPv4-mapped form (RFC 4291 2.5.5.2), so that "::ffff:10.0.0.1",
 * which is what a dual-stack socket calls its IPv4 peers, is 10.0.0.1. Pure functions, any thread.
 */
#ifndef TACOS_NET_ADDRESS_H
#define TACOS_NET_ADDRESS_H

#include "base/bytes.h"
#include "base/world_net.h"

enum { ADDRESS_BYTES = 16, ADDRESS_V4_PREFIX_BITS = 96 };

struct address {
  uint8_t bytes[ADDRESS_BYTES]; /* in network order */
};

/*
 * Reads "192.0.2.1" or "2001:db8::1": four decimal numbers without leading zeros, or the text of
 * RFC 4291 2.2. False for anything else: a zone (%eth0), a port, brackets, white space.
 */
bool address_parse(struct bytes text, struct address *address);

/* Whether it is an IPv4 address. */
bool address_is_v4(const struct address *address);

/* Writes the canonical text (RFC 5952) with its zero. */
void address_format(const struct address *address, char text[WORLD_HOST_BYTES]);

/* The first `bits` bits, the others 0. */
struct address address_prefix(const struct address *address, unsigned int bits);

static inline bool address_equal(const struct address *left, const struct address *right)
{
  return memcmp(left->bytes, right->bytes, ADDRESS_BYTES) == 0;
}

#endif
