/*
 * Ranges of IPv4 addresses in CIDR notation (RFC 4632).
 */
#ifndef TACOS_PROVIDER_CIDR_H
#define TACOS_PROVIDER_CIDR_H

#include "base/bytes.h"

struct cidr {
  uint32_t address; /* the first of the range */
  uint8_t bits;     /* of the mask, 0 to 32 */
};

/* "10.180.0.0/20": four decimal numbers without leading zeros, and no bit set behind the mask. */
bool cidr_parse(struct bytes text, struct cidr *cidr);

bool cidr_contains(struct cidr outer, struct cidr inner);
bool cidr_overlaps(struct cidr left, struct cidr right);

#endif
