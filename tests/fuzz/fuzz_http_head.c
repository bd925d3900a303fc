/*
 * Any bytes: the same outcome however they are cut into reads; an accepted head keeps the grammar
 * and the rules of http.h as the oracle says them, and written anew it is the same request.
 */
#include "unit/net/http_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads per input, so that long ones do not take long. */
enum { READS_MAX = 400 };

/* The lists and the moving, for what was accepted. */
static void use_head(struct bytes input)
{
  static struct oracle_outcome outcome;
  static struct http_head moved;
  oracle_parse(input, &(size_t){0}, &outcome);
  if (outcome.parse != HTTP_PARSE_DONE) return;
  uint8_t *copy = malloc(outcome.head_size);
  CHECK(copy != NULL);
  memcpy(copy, input.data, outcome.head_size);
  moved = outcome.head;
  http_head_move(&moved, input.data, copy);
  oracle_same_head(&outcome.head, input.data, &moved, copy);
  for (uint32_t i = 0; i < moved.header_count; i++) {
    CHECK(http_head_find(&moved, moved.headers[i].name).data != NULL);
    struct bytes value = moved.headers[i].value;
    bool plain = oracle_is_token(value);
    if (plain) CHECK(http_list_has(value, value));
  }
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct bytes input = bytes_of(data, size);
  oracle_check_input(input, 1 + 2 * size / READS_MAX);
  use_head(input);
  return 0;
}
