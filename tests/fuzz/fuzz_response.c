/*
 * Any bytes as a reply: cut in any way it has the same end, status, content and size; memory is
 * given back.
 */
#include "base/check.h"
#include "load/response.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
  enum http_parse parse;
  uint16_t status;
  bool keep_alive;
  size_t used;
  struct bytes body; /* a copy */
};

static struct outcome read_in_pieces(struct bytes input, size_t step, bool to_head)
{
  struct memory memory = {0};
  struct response response;
  struct outcome outcome = {.parse = HTTP_PARSE_MORE};
  response_init(&response, &memory);
  response_begin(&response, true, to_head);
  while (outcome.parse == HTTP_PARSE_MORE && outcome.used < input.size) {
    size_t rest = input.size - outcome.used;
    size_t piece = rest < step ? rest : step;
    size_t used;
    const char *why = NULL;
    outcome.parse = response_read(&response, bytes_of(input.data + outcome.used, piece), &used,
                                  &why);
    CHECK_THAT(used, <=, piece);
    CHECK((outcome.parse == HTTP_PARSE_REFUSED) == (why != NULL));
    if (outcome.parse == HTTP_PARSE_MORE) CHECK_THAT(used, ==, piece);
    outcome.used += used;
  }
  if (outcome.parse == HTTP_PARSE_MORE && response_end(&response)) outcome.parse = HTTP_PARSE_DONE;
  if (outcome.parse == HTTP_PARSE_DONE) {
    CHECK_THAT(response.bytes, ==, outcome.used);
    CHECK(response.status >= 200);
    outcome.status = response.status;
    outcome.keep_alive = response.keep_alive;
    uint8_t *copy = malloc(response.body.size + 1);
    CHECK(copy != NULL);
    if (response.body.size > 0) memcpy(copy, response.body.data, response.body.size);
    outcome.body = bytes_of(copy, response.body.size);
  }
  response_free(&response);
  CHECK_THAT(memory.in_use, ==, 0);
  return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 1) return 0;
  bool to_head = (data[0] & 1) != 0;
  size_t step = 1 + (data[0] >> 1) % 50;
  struct bytes input = bytes_of(data + 1, size - 1);
  struct outcome whole = read_in_pieces(input, SIZE_MAX, to_head);
  struct outcome pieces = read_in_pieces(input, step, to_head);
  CHECK(whole.parse == pieces.parse);
  if (whole.parse == HTTP_PARSE_DONE) {
    CHECK_THAT(whole.status, ==, pieces.status);
    CHECK_THAT(whole.used, ==, pieces.used);
    CHECK(whole.keep_alive == pieces.keep_alive && bytes_equal(whole.body, pieces.body));
  }
  free((void *)(uintptr_t)whole.body.data);
  free((void *)(uintptr_t)pieces.body.data);
  return 0;
}
