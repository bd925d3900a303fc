#include "base/check.h"
#include "net/http.h"

#define NAME(text)                            \
  {                                           \
    (const uint8_t *)(text), sizeof(text) - 1 \
  }

static const struct bytes METHODS[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = NAME("GET"),         [HTTP_HEAD] = NAME("HEAD"),   [HTTP_POST] = NAME("POST"),
    [HTTP_PUT] = NAME("PUT"),         [HTTP_PATCH] = NAME("PATCH"), [HTTP_DELETE] = NAME("DELETE"),
    [HTTP_OPTIONS] = NAME("OPTIONS"),
};

static const struct bytes FIELDS[HTTP_FIELD_COUNT] = {
    [HTTP_HOST] = NAME("host"),
    [HTTP_CONTENT_LENGTH] = NAME("content-length"),
    [HTTP_TRANSFER_ENCODING] = NAME("transfer-encoding"),
    [HTTP_CONNECTION] = NAME("connection"),
    [HTTP_EXPECT] = NAME("expect"),
    [HTTP_CONTENT_TYPE] = NAME("content-type"),
    [HTTP_ACCEPT] = NAME("accept"),
    [HTTP_ACCEPT_ENCODING] = NAME("accept-encoding"),
    [HTTP_AUTHORIZATION] = NAME("authorization"),
    [HTTP_IDEMPOTENCY_KEY] = NAME("idempotency-key"),
    [HTTP_IF_NONE_MATCH] = NAME("if-none-match"),
    [HTTP_IF_RANGE] = NAME("if-range"),
    [HTTP_RANGE] = NAME("range"),
    [HTTP_ORIGIN] = NAME("origin"),
    [HTTP_REQUEST_METHOD] = NAME("access-control-request-method"),
    [HTTP_REQUEST_ID] = NAME("x-request-id"),
    [HTTP_TRACE_ID] = NAME("x-trace-id"),
    [HTTP_TRACEPARENT] = NAME("traceparent"),
    [HTTP_FORWARDED_FOR] = NAME("x-forwarded-for"),
    [HTTP_DEBUG] = NAME("x-tacos-debug"),
    [HTTP_LAST_EVENT_ID] = NAME("last-event-id"),
};

enum http_method http_method_of(struct bytes name)
{
#define IS(text) (memcmp(name.data, text, sizeof(text) - 1) == 0)
  switch (name.size) {
  case 3:
    if (IS("GET")) return HTTP_GET;
    return IS("PUT") ? HTTP_PUT : HTTP_OTHER;
  case 4:
    if (IS("POST")) return HTTP_POST;
    return IS("HEAD") ? HTTP_HEAD : HTTP_OTHER;
  case 5:
    return IS("PATCH") ? HTTP_PATCH : HTTP_OTHER;
  case 6:
    return IS("DELETE") ? HTTP_DELETE : HTTP_OTHER;
  case 7:
    return IS("OPTIONS") ? HTTP_OPTIONS : HTTP_OTHER;
  default:
    return HTTP_OTHER;
  }
#undef IS
}

struct bytes http_method_name(enum http_method method)
{
  CHECK_THAT(method, <, HTTP_METHOD_COUNT);
  return METHODS[method];
}

/*
 * Words of a name against those of a lower-case literal. A letter of the literal (bit 0x40 set) may
 * differ in bit 0x20, which is its case; '-' must be itself.
 */
static inline __attribute__((always_inline)) bool is_word64(const uint8_t *name, const char *lower)
{
  uint64_t left;
  uint64_t right;
  memcpy(&left, name, 8);
  memcpy(&right, lower, 8);
  uint64_t cases = (right & 0x4040404040404040) >> 1;
  return ((left ^ right) & ~cases) == 0;
}

static inline __attribute__((always_inline)) bool is_word32(const uint8_t *name, const char *lower)
{
  uint32_t left;
  uint32_t right;
  memcpy(&left, name, 4);
  memcpy(&right, lower, 4);
  uint32_t cases = (right & 0x40404040) >> 1;
  return ((left ^ right) & ~cases) == 0;
}

/* With literals all of this folds to a few comparisons; the last word overlaps the one before. */
static inline __attribute__((always_inline)) bool is_name(const uint8_t *name, const char *lower,
                                                          size_t size)
{
  if (size < 8) return is_word32(name, lower) && is_word32(name + size - 4, lower + size - 4);
  if (!is_word64(name, lower)) return false;
  if (size > 16 && !is_word64(name + 8, lower + 8)) return false;
  if (size > 24 && !is_word64(name + 16, lower + 16)) return false;
  return is_word64(name + size - 8, lower + size - 8);
}

enum http_field http_field_of(struct bytes name)
{
#define IS(lower) is_name(name.data, lower, sizeof(lower) - 1)
  switch (name.size) {
  case 4:
    return IS("host") ? HTTP_HOST : HTTP_FIELD_UNKNOWN;
  case 5:
    return IS("range") ? HTTP_RANGE : HTTP_FIELD_UNKNOWN;
  case 6:
    if (IS("accept")) return HTTP_ACCEPT;
    if (IS("origin")) return HTTP_ORIGIN;
    return IS("expect") ? HTTP_EXPECT : HTTP_FIELD_UNKNOWN;
  case 8:
    return IS("if-range") ? HTTP_IF_RANGE : HTTP_FIELD_UNKNOWN;
  case 10:
    if (IS("connection")) return HTTP_CONNECTION;
    return IS("x-trace-id") ? HTTP_TRACE_ID : HTTP_FIELD_UNKNOWN;
  case 11:
    return IS("traceparent") ? HTTP_TRACEPARENT : HTTP_FIELD_UNKNOWN;
  case 12:
    if (IS("content-type")) return HTTP_CONTENT_TYPE;
    return IS("x-request-id") ? HTTP_REQUEST_ID : HTTP_FIELD_UNKNOWN;
  case 13:
    if (IS("authorization")) return HTTP_AUTHORIZATION;
    if (IS("if-none-match")) return HTTP_IF_NONE_MATCH;
    if (IS("last-event-id")) return HTTP_LAST_EVENT_ID;
    return IS("x-tacos-debug") ? HTTP_DEBUG : HTTP_FIELD_UNKNOWN;
  case 14:
    return IS("content-length") ? HTTP_CONTENT_LENGTH : HTTP_FIELD_UNKNOWN;
  case 15:
    if (IS("accept-encoding")) return HTTP_ACCEPT_ENCODING;
    if (IS("idempotency-key")) return HTTP_IDEMPOTENCY_KEY;
    return IS("x-forwarded-for") ? HTTP_FORWARDED_FOR : HTTP_FIELD_UNKNOWN;
  case 17:
    return IS("transfer-encoding") ? HTTP_TRANSFER_ENCODING : HTTP_FIELD_UNKNOWN;
  case 29:
    return IS("access-control-request-method") ? HTTP_REQUEST_METHOD : HTTP_FIELD_UNKNOWN;
  default:
    return HTTP_FIELD_UNKNOWN;
  }
#undef IS
}

struct bytes http_field_name(enum http_field field)
{
  CHECK_THAT(field, <, HTTP_FIELD_COUNT);
  return FIELDS[field];
}
