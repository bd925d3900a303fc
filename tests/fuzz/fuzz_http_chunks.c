/*
 * Any bytes as a chunked body: cut in any way it has the same content, end and refusal; and what
 * was accepted is what a naive reader finds in it.
 */
#include "unit/net/http_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Follows the sizes of a body that is known to be good; returns where its trailer begins. */
static size_t find_trailer(struct bytes text, struct bytes content)
{
  size_t at = 0;
  for (size_t taken = 0;;) {
    size_t line = bytes_find(bytes_of(text.data + at, text.size - at), BYTES("\r\n"));
    CHECK(line != SIZE_MAX && line <= NET_CHUNK_LINE_BYTES);
    char digits[16] = "";
    memcpy(digits, text.data + at, line < 8 ? line : 8);
    char *end;
    size_t size = strtoul(digits, &end, 16);
    CHECK(isxdigit((unsigned char)digits[0]) && digits[1] != 'x' && digits[1] != 'X');
    CHECK((size_t)(end - digits) == line || text.data[at + (size_t)(end - digits)] == ';');
    at += line + 2;
    if (size == 0) {
      CHECK_THAT(taken, ==, content.size);
      return at;
    }
    CHECK(memcmp(content.data + taken, text.data + at, size) == 0);
    CHECK(memcmp(text.data + at + size, "\r\n", 2) == 0);
    taken += size;
    at += size + 2;
  }
}

static void check_trailer(struct bytes trailer)
{
  CHECK_THAT(trailer.size, <=, NET_TRAILER_BYTES);
  for (;;) {
    struct bytes value = oracle_take(&trailer, "\r\n");
    if (value.size == 0) break;
    CHECK(oracle_is_token(oracle_take(&value, ":")));
    for (size_t i = 0; i < value.size; i++)
      CHECK((value.data[i] >= 0x20 && value.data[i] != 0x7f) || value.data[i] == '\t');
  }
  CHECK_THAT(trailer.size, ==, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct bytes input = bytes_of(data, size);
  oracle_check_body(input);
  struct oracle_body body = {.content = malloc(size + 1)};
  CHECK(body.content != NULL);
  oracle_read_body(input, SIZE_MAX, &body);
  if (body.parse == HTTP_PARSE_DONE) {
    size_t at = find_trailer(bytes_of(data, body.used), bytes_of(body.content, body.size));
    check_trailer(bytes_of(data + at, body.used - at));
  }
  free(body.content);
  return 0;
}
