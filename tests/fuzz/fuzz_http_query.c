/*
 * A name, a line break, a query: what is found is what a naive reader finds; the same bytes as a
 * target and as a host are only read.
 */
#include "unit/net/http_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_BYTES = 32, DECODED_BYTES = 4096 };

/* Decodes all of `text`; -1 when it is not well-formed. */
static int decode(struct bytes text, char *to)
{
  int count = 0;
  for (size_t i = 0; i < text.size; i++) {
    char byte = (char)text.data[i];
    if (byte == '%') {
      if (text.size - i < 3 || !isxdigit(text.data[i + 1]) || !isxdigit(text.data[i + 2]))
        return -1;
      char digits[3] = {(char)text.data[i + 1], (char)text.data[i + 2], 0};
      byte = (char)strtoul(digits, NULL, 16);
      i += 2;
    } else if (byte == '+') {
      byte = ' ';
    }
    if (byte == 0) return -1;
    to[count++] = byte;
  }
  return count;
}

/* The size of the only good value of the name, or -1. */
static int find(struct bytes query, struct bytes name, char *to, bool *present)
{
  static char decoded[DECODED_BYTES];
  int found = -1;
  int times = 0;
  while (query.size > 0) {
    const uint8_t *mark = memchr(query.data, '&', query.size);
    size_t size = mark == NULL ? query.size : (size_t)(mark - query.data);
    struct bytes pair = bytes_of(query.data, size);
    size_t step = mark == NULL ? size : size + 1;
    query = bytes_of(query.data + step, query.size - step);
    const uint8_t *equals = size == 0 ? NULL : memchr(pair.data, '=', size);
    size_t left = equals == NULL ? size : (size_t)(equals - pair.data);
    if (size == 0 || decode(bytes_of(pair.data, left), decoded) != (int)name.size) continue;
    if (memcmp(decoded, name.data, name.size) != 0) continue;
    times++;
    if (equals != NULL) left++;
    found = decode(bytes_of(pair.data + left, size - left), to);
  }
  *present = times > 0;
  return times == 1 && found <= VALUE_BYTES ? found : -1;
}

static void read_target(struct bytes text)
{
  struct http_target target;
  bool good = http_target_read(text, HTTP_OPTIONS, &target);
  if (!good) return;
  CHECK(target.path.size > 0 && target.path.data >= text.data);
  CHECK(target.path.data + target.path.size <= text.data + text.size);
  if (target.authority.data != NULL) CHECK(http_host_is_valid(target.authority));
  if (target.query.data != NULL)
    CHECK(target.query.data + target.query.size == text.data + text.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static char expected[DECODED_BYTES];
  if (size > DECODED_BYTES || size == 0) return 0;
  read_target(bytes_of(data, size));
  if (http_host_is_valid(bytes_of(data, size))) CHECK(memchr(data, '@', size) == NULL);
  const uint8_t *line = memchr(data, '\n', size);
  if (line == NULL) return 0;
  struct bytes name = bytes_of(data, (size_t)(line - data));
  struct bytes query = bytes_of(line + 1, size - name.size - 1);
  uint8_t to[VALUE_BYTES];
  struct bytes value;
  bool present, expected_present;
  bool good = http_query_get(query, name, to, VALUE_BYTES, &value, &present);
  int expected_size = find(query, name, expected, &expected_present);
  CHECK(present == expected_present && good == (expected_size >= 0));
  CHECK_THAT(value.size, ==, good ? (size_t)expected_size : 0);
  if (value.size > 0) CHECK(memcmp(value.data, expected, value.size) == 0);
  return 0;
}
