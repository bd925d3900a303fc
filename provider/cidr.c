#include "provider/cidr.h"

#include "provider/text.h"

enum { BITS_MAX = 32, BYTE_MAX = 255, PARTS = 4 };

static bool parse_number(struct bytes text, int64_t most, int64_t *number)
{
  bool has_leading_zero = text.size > 1 && text.data[0] == '0';
  return !has_leading_zero && text_to_integer(text, number) && *number >= 0 && *number <= most;
}

static uint32_t mask_of(uint8_t bits)
{
  return bits == 0 ? 0 : UINT32_MAX << (BITS_MAX - bits);
}

bool cidr_parse(struct bytes text, struct cidr *cidr)
{
  struct bytes rest = text;
  struct bytes address = text_next_part(&rest, '/');
  int64_t number;
  if (address.size == text.size || !parse_number(rest, BITS_MAX, &number)) return false;
  cidr->bits = (uint8_t)number;
  cidr->address = 0;
  for (int i = 0; i < PARTS; i++) {
    if (address.size == 0 || !parse_number(text_next_part(&address, '.'), BYTE_MAX, &number))
      return false;
    cidr->address = cidr->address << 8 | (uint32_t)number;
  }
  return address.size == 0 && (cidr->address & ~mask_of(cidr->bits)) == 0;
}

bool cidr_contains(struct cidr outer, struct cidr inner)
{
  return inner.bits >= outer.bits && (inner.address & mask_of(outer.bits)) == outer.address;
}

bool cidr_overlaps(struct cidr left, struct cidr right)
{
  return cidr_contains(left, right) || cidr_contains(right, left);
}
