/*
 * The alphabets of HTTP as bits of one table, and comparison without case; for the parsers of this
 * room. Pure functions on memory of the caller, any thread.
 */
#ifndef TACOS_NET_HTTP_TEXT_H
#define TACOS_NET_HTTP_TEXT_H

#include "base/bytes.h"

enum http_class {
  HTTP_CLASS_TOKEN = 1,   /* tchar, RFC 9110 5.6.2 */
  HTTP_CLASS_TARGET = 2,  /* of a path or query as they are; '%' and '?' are not among them */
  HTTP_CLASS_HOST = 4,    /* of a host name: unreserved, RFC 3986 2.3 */
  HTTP_CLASS_DIGIT = 8,   /* 0-9 */
  HTTP_CLASS_HEX = 16,    /* 0-9 A-F a-f */
  HTTP_CLASS_VALUE = 32,  /* of a field value: HTAB, SP, VCHAR, obs-text, RFC 9110 5.5 */
  HTTP_CLASS_LETTER = 64, /* A-Z a-z */
};

/* The classes of each byte. */
extern const uint8_t http_classes[256];

static inline bool http_byte_is(uint8_t byte, enum http_class class)
{
  return (http_classes[byte] & (unsigned int)class) != 0;
}

/* The value of a byte of HTTP_CLASS_HEX. */
static inline uint8_t http_hex_value(uint8_t digit)
{
  return (uint8_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

/* Equal but for the case of ASCII letters. */
bool http_text_same(struct bytes left, struct bytes right);

#endif
