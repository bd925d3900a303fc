/*
 * Bytes as text: hex, base64, base64url and base32 (RFC 4648, sections 8, 4, 5 and 6).
 *
 * Pure functions on memory of the caller; no terminating zero is written. Decoding is strict: one
 * byte string has exactly one accepted text (hex also in upper case), so a token cannot be
 * respelled. White space, line breaks, missing or wrong padding and set bits after the last byte
 * are refused.
 */
#ifndef TACOS_BASE_ENCODE_H
#define TACOS_BASE_ENCODE_H

#include "base/bytes.h"

/* Characters that encoding `size` bytes gives. */
static inline size_t encode_hex_size(size_t size)
{
  return 2 * size;
}
static inline size_t encode_base64_size(size_t size)
{
  return (size + 2) / 3 * 4;
}
static inline size_t encode_base64url_size(size_t size)
{
  return size / 3 * 4 + (size % 3 > 0 ? size % 3 + 1 : 0);
}
static inline size_t encode_base32_size(size_t size)
{
  return size / 5 * 8 + (size % 5 * 8 + 4) / 5;
}

/* Write exactly encode_..._size(slice.size) characters (hex: lower case); return their number. */
size_t encode_to_hex(struct bytes slice, char *text);
size_t encode_to_base64(struct bytes slice, char *text);    /* with '=' padding */
size_t encode_to_base64url(struct bytes slice, char *text); /* '-' and '_', no padding */
size_t encode_to_base32(struct bytes slice, char *text);    /* upper case, no padding */

/*
 * Decode to `to`, which has room for text.size / 2 bytes (hex), text.size / 4 * 3 + 2 (base64) or
 * text.size * 5 / 8 (base32) and may be the memory of the text itself. False when the text is not
 * strictly well-formed; what `to` holds is undefined then and *size untouched.
 */
bool encode_from_hex(struct bytes text, uint8_t *to, size_t *size);
bool encode_from_base64(struct bytes text, uint8_t *to, size_t *size);
bool encode_from_base64url(struct bytes text, uint8_t *to, size_t *size);
bool encode_from_base32(struct bytes text, uint8_t *to, size_t *size); /* upper case only */

#endif
