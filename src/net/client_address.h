/*
 * Which client a request is from, when proxies stand between.
 *
 *     client ---> proxy 1 ---> proxy 2 ---> us
 *                 X-Forwarded-For: what the client sent, client, proxy 1      peer: proxy 2
 *                                                         <------ walked ------
 *
 * Each proxy appends the address it got the request from, and a client can send any beginning. So
 * the list is walked from its end, beginning with the socket's peer, as long as the address is that
 * of a proxy we trust; the first that is not is the client. What stands before it is hearsay.
 *
 * Memory: nothing is allocated; no text is kept. Any thread.
 */
#ifndef TACOS_NET_CLIENT_ADDRESS_H
#define TACOS_NET_CLIENT_ADDRESS_H

#include "base/error.h"
#include "net/address.h"

enum { TRUSTED_PROXIES_MAX = 64 };

struct trusted_proxies {
  size_t count; /* 0: nobody is trusted */
  struct trusted_range {
    struct address prefix; /* zeros behind its bits */
    uint8_t bits;          /* of the 128, also for IPv4 */
  } ranges[TRUSTED_PROXIES_MAX];
};

/*
 * Reads "10.0.0.0/8,::1,127.0.0.1": addresses and CIDR blocks, separated by commas and spaces
 * around them; an empty text has none. False with ERROR_INVALID (naming the part that is wrong) or
 * ERROR_LIMIT.
 */
bool trusted_proxies_parse(struct trusted_proxies *proxies, struct bytes text, struct error *error);

/* A block of IPv6 never has an IPv4 address, not even ::/0. */
bool trusted_proxies_have(const struct trusted_proxies *proxies, const struct address *address);

/*
 * Writes the client's address in canonical text, with its zero. `peer_host` is the socket's peer;
 * `forwarded_for` are the values of all X-Forwarded-For fields in the order of the request, which
 * are one list.
 *
 * A hop is an IPv4 address, with or without ":port", or an IPv6 address, bare, in brackets or in
 * brackets with ":port". Anything else, also an empty hop, ends the walk: the proxy that wrote it
 * did not know whom it was talking to, so what stands before is not vouched for, and the hop behind
 * it is the client. When all are trusted it is the first of the list.
 */
void client_address(const struct trusted_proxies *proxies, const char *peer_host,
                    const struct bytes *forwarded_for, size_t forwarded_for_count,
                    char out[WORLD_HOST_BYTES]);

#endif
