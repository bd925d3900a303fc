/*
 * Conditional and range requests: entity tags (RFC 9110 8.8.3, 13.1.2, 13.1.5) and byte ranges
 * (RFC 9110 14).
 *
 * Our tags are strong and made of a hash of the content, so they are the same on every server and
 * after every start:
 *
 *     "0123456789abcdef"        the content as it is
 *     "0123456789abcdef-gz"     its gzip variant, which is another sequence of bytes
 *
 * A field's value is a slice as it was sent; data NULL means it was not sent. What is not
 * well-formed is as good as not sent: the worst outcome is a whole reply. Pure functions, nothing
 * is allocated, any thread.
 */
#ifndef TACOS_NET_CONDITIONAL_H
#define TACOS_NET_CONDITIONAL_H

#include "base/bytes.h"

enum {
  ETAG_PLAIN_BYTES = 18,                  /* 16 hex digits in quotes */
  ETAG_GZIP_BYTES = ETAG_PLAIN_BYTES + 3, /* and -gz */
  ETAG_BYTES = ETAG_GZIP_BYTES,           /* room for either */
  CONTENT_RANGE_BYTES = 6 + 3 * 20 + 2,   /* "bytes first-last/size" with 64-bit numbers */
};

/* Writes the tag of a content hash, quotes included; returns its size. */
size_t etag_format(uint64_t hash, bool gzip, char text[ETAG_BYTES]);

/*
 * Whether If-None-Match names this tag (weak comparison: W/ is ignored), or is "*". Then GET and
 * HEAD are answered with 304. `etag` is a strong tag with its quotes. A list that is not
 * well-formed names nothing.
 */
bool etag_matches(struct bytes if_none_match, struct bytes etag);

/*
 * Whether If-Range lets a Range count: it was not sent, or it is exactly this tag (strong
 * comparison: a weak tag never is). A date never is either, since we send no Last-Modified.
 */
bool etag_allows_range(struct bytes if_range, struct bytes etag);

enum range_result {
  RANGE_NONE,          /* not sent, or to be ignored (RFC 9110 14.2): serve the whole */
  RANGE_OK,            /* 206 with these bytes */
  RANGE_UNSATISFIABLE, /* 416 with content_range_format(NULL, ...) */
};

/* Positions of the first and the last byte, both included. */
struct range {
  uint64_t first;
  uint64_t last;
};

/*
 * Reads a Range of a representation of `size` bytes: one range of the unit bytes, "first-last",
 * "first-" or "-count of the end". Other units, several ranges and malformed ones give RANGE_NONE,
 * as does "-count" of nothing. *out is set with RANGE_OK only: first <= last < size.
 */
enum range_result range_parse(struct bytes field, uint64_t size, struct range *out);

/*
 * Writes the Content-Range of 206, "bytes 0-99/1234", or with range NULL that of 416,
 * "bytes * /1234" without the space; returns its size.
 */
size_t content_range_format(const struct range *range, uint64_t size,
                            char text[CONTENT_RANGE_BYTES]);

#endif
