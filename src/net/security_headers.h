/*
 * The security header fields that every reply carries, as data.
 *
 * Two kinds of replies have different needs. API: JSON and anything else that is not a page; it
 * may load and do nothing at all. PAGE: what a browser is to show or run, that is everything out of
 * static_files.h (an SVG image or a worker's script has a policy of its own, too). Both get
 * Strict-Transport-Security, but over TLS only (RFC 6797 7.2).
 *
 * Names are in lower case, as HTTP/2 sends them (RFC 9113 8.2.1) and HTTP/1.1 allows. Constant
 * data, any thread.
 */
#ifndef TACOS_NET_SECURITY_HEADERS_H
#define TACOS_NET_SECURITY_HEADERS_H

#include "base/bytes.h"

enum security_when {
  SECURITY_API = 1,
  SECURITY_PAGE = 2,
  SECURITY_TLS = 4, /* of a row: only over TLS */
};

struct security_header {
  struct bytes name;
  struct bytes value;
  uint32_t when; /* the kinds of replies that carry it, and SECURITY_TLS */
};

enum { SECURITY_HEADER_COUNT = 7 };

/* In the order of the blocks below. */
extern const struct security_header security_headers[SECURITY_HEADER_COUNT];

/* Whether a row belongs to a reply; kind is SECURITY_API or SECURITY_PAGE. */
static inline bool security_header_applies(const struct security_header *header,
                                           enum security_when kind, bool tls)
{
  return (header->when & (uint32_t)kind) != 0 && (tls || (header->when & SECURITY_TLS) == 0);
}

/*
 * The rows of a reply as HTTP/1.1 sends them, "name: value\r\n" for each: one memcpy on the hot
 * path.
 */
struct bytes security_headers_block(enum security_when kind, bool tls);

#endif
