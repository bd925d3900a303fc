#include "net/security_headers.h"

#include "base/check.h"

/* X(field, text): one header; the table and the blocks are made of the same text. */
#define NOSNIFF(X)       X("x-content-type-options", "nosniff")
#define FRAME(X)         X("x-frame-options", "DENY")
#define API_REFERRER(X)  X("referrer-policy", "no-referrer")
#define PAGE_REFERRER(X) X("referrer-policy", "strict-origin-when-cross-origin")
#define API_POLICY(X)    X("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
#define PAGE_POLICY(X)                                                                \
  X("content-security-policy",                                                        \
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "    \
    "frame-ancestors 'none'")
/* One year, in seconds. */
#define TRANSPORT(X) X("strict-transport-security", "max-age=31536000; includeSubDomains")

/* BYTES for what is constant at compile time. */
#define SLICE(literal)                                 \
  {                                                    \
    (const uint8_t *)("" literal), sizeof(literal) - 1 \
  }
#define ROW(field, text)  .name = SLICE(field), .value = SLICE(text)
#define LINE(field, text) field ": " text "\r\n"

#define API_LINES  NOSNIFF(LINE) FRAME(LINE) API_REFERRER(LINE) API_POLICY(LINE)
#define PAGE_LINES NOSNIFF(LINE) FRAME(LINE) PAGE_REFERRER(LINE) PAGE_POLICY(LINE)

const struct security_header security_headers[SECURITY_HEADER_COUNT] = {
    {NOSNIFF(ROW), .when = SECURITY_API | SECURITY_PAGE},
    {FRAME(ROW), .when = SECURITY_API | SECURITY_PAGE},
    {API_REFERRER(ROW), .when = SECURITY_API},
    {PAGE_REFERRER(ROW), .when = SECURITY_PAGE},
    {API_POLICY(ROW), .when = SECURITY_API},
    {PAGE_POLICY(ROW), .when = SECURITY_PAGE},
    {TRANSPORT(ROW), .when = SECURITY_API | SECURITY_PAGE | SECURITY_TLS},
};

struct bytes security_headers_block(enum security_when kind, bool tls)
{
  CHECK(kind == SECURITY_API || kind == SECURITY_PAGE);
  if (kind == SECURITY_API) return tls ? BYTES(API_LINES TRANSPORT(LINE)) : BYTES(API_LINES);
  return tls ? BYTES(PAGE_LINES TRANSPORT(LINE)) : BYTES(PAGE_LINES);
}
