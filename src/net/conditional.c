#include "net/conditional.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>

size_t etag_format(uint64_t hash, bool gzip, char text[ETAG_BYTES])
{
  char whole[ETAG_BYTES + 1];
  int size = snprintf(whole, sizeof(whole), "\"%016" PRIx64 "%s\"", hash, gzip ? "-gz" : "");
  CHECK_THAT(size, ==, gzip ? ETAG_GZIP_BYTES : ETAG_PLAIN_BYTES);
  memcpy(text, whole, (size_t)size);
  return (size_t)size;
}

/* ---- entity tags ---- */

static bool is_space(uint8_t byte)
{
  return byte == ' ' || byte == '\t';
}

static struct bytes trim(struct bytes slice)
{
  while (slice.size > 0 && is_space(slice.data[0]))
    slice = bytes_of(slice.data + 1, slice.size - 1);
  while (slice.size > 0 && is_space(slice.data[slice.size - 1])) slice.size--;
  return slice;
}

/* etagc of RFC 9110 8.8.3: visible ASCII but '"', and bytes above it. */
static bool is_tag_byte(uint8_t byte)
{
  return byte > 0x20 && byte != '"' && byte != 0x7f;
}

/* The size of the opaque-tag, with both quotes, that the slice begins with; 0 when it does not. */
static size_t opaque_tag_size(struct bytes slice)
{
  if (slice.size == 0 || slice.data[0] != '"') return 0;
  size_t at = 1;
  while (at < slice.size && is_tag_byte(slice.data[at])) at++;
  return at < slice.size && slice.data[at] == '"' ? at + 1 : 0;
}

static void assert_strong(struct bytes etag)
{
  CHECK(etag.size >= 2 && opaque_tag_size(etag) == etag.size);
}

bool etag_matches(struct bytes if_none_match, struct bytes etag)
{
  assert_strong(etag);
  struct bytes rest = trim(if_none_match);
  if (bytes_equal(rest, BYTES("*"))) return true;
  bool found = false;
  while (rest.size > 0) {
    if (bytes_starts_with(rest, BYTES("W/"))) {
      rest = bytes_of(rest.data + 2, rest.size - 2);
      if (rest.size == 0 || rest.data[0] != '"') return false;
    }
    if (rest.data[0] != ',') { /* between two commas there may be nothing, RFC 9110 5.6.1.2 */
      size_t size = opaque_tag_size(rest);
      if (size == 0) return false;
      found = found || bytes_equal(bytes_of(rest.data, size), etag);
      rest = trim(bytes_of(rest.data + size, rest.size - size));
    }
    if (rest.size == 0) break;
    if (rest.data[0] != ',') return false;
    rest = trim(bytes_of(rest.data + 1, rest.size - 1));
  }
  return found;
}

bool etag_allows_range(struct bytes if_range, struct bytes etag)
{
  assert_strong(etag);
  return if_range.data == NULL || bytes_equal(if_range, etag);
}

/* ---- ranges ---- */

static bool is_digit(uint8_t byte)
{
  return byte >= '0' && byte <= '9';
}

/*
 * Takes the digits that the slice begins with; false when there are none. A number beyond 64 bits
 * is UINT64_MAX: it is well-formed, and as far behind every end.
 */
static bool take_number(struct bytes *slice, uint64_t *number)
{
  if (slice->size == 0 || !is_digit(slice->data[0])) return false;
  *number = 0;
  while (slice->size > 0 && is_digit(slice->data[0])) {
    uint64_t digit = (uint64_t)(slice->data[0] - '0');
    if (__builtin_mul_overflow(*number, 10, number) ||
        __builtin_add_overflow(*number, digit, number))
      *number = UINT64_MAX;
    *slice = bytes_of(slice->data + 1, slice->size - 1);
  }
  return true;
}

/* Range units are the same in any case (RFC 9110 14.1). */
static bool take_unit(struct bytes *field)
{
  static const char unit[] = "bytes=";
  size_t size = sizeof(unit) - 1;
  if (field->size < size) return false;
  for (size_t i = 0; i < size; i++) {
    uint8_t byte = field->data[i];
    if (byte >= 'A' && byte <= 'Z') byte = (uint8_t)(byte + ('a' - 'A'));
    if (byte != (uint8_t)unit[i]) return false;
  }
  *field = bytes_of(field->data + size, field->size - size);
  return true;
}

static enum range_result find_suffix(uint64_t count, uint64_t size, struct range *out)
{
  if (count == 0) return RANGE_UNSATISFIABLE;
  /* Satisfiable by RFC 9110 14.1.2, but an empty range has no Content-Range. */
  if (size == 0) return RANGE_NONE;
  *out = (struct range){.first = count < size ? size - count : 0, .last = size - 1};
  return RANGE_OK;
}

enum range_result range_parse(struct bytes field, uint64_t size, struct range *out)
{
  if (!take_unit(&field)) return RANGE_NONE;
  struct bytes rest = trim(field);
  uint64_t first, last = UINT64_MAX;
  bool suffix = !take_number(&rest, &first);
  if (rest.size == 0 || rest.data[0] != '-') return RANGE_NONE;
  rest = bytes_of(rest.data + 1, rest.size - 1);
  bool open = !take_number(&rest, &last);
  if (rest.size > 0 || (suffix && open)) return RANGE_NONE;
  if (suffix) return find_suffix(last, size, out);
  if (last < first) return RANGE_NONE;
  if (first >= size) return RANGE_UNSATISFIABLE;
  *out = (struct range){.first = first, .last = last < size ? last : size - 1};
  return RANGE_OK;
}

size_t content_range_format(const struct range *range, uint64_t size,
                            char text[CONTENT_RANGE_BYTES])
{
  char whole[CONTENT_RANGE_BYTES + 1];
  int length;
  if (range == NULL) {
    length = snprintf(whole, sizeof(whole), "bytes */%" PRIu64, size);
  } else {
    CHECK(range->first <= range->last && range->last < size);
    length = snprintf(whole, sizeof(whole), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range->first,
                      range->last, size);
  }
  CHECK(length > 0 && length <= CONTENT_RANGE_BYTES);
  memcpy(text, whole, (size_t)length);
  return (size_t)length;
}
