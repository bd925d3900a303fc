#include "net/http_text.h"

#include "net/http.h"

#define TOKEN  HTTP_CLASS_TOKEN
#define TARGET HTTP_CLASS_TARGET
#define HOST   HTTP_CLASS_HOST
#define VALUE  HTTP_CLASS_VALUE
#define LETTER (TOKEN | TARGET | HOST | VALUE | HTTP_CLASS_LETTER)
#define HEX    HTTP_CLASS_HEX
#define DIGIT  (TOKEN | TARGET | HOST | VALUE | HEX | HTTP_CLASS_DIGIT)

const uint8_t http_classes[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = TOKEN | TARGET | VALUE,
    ['"'] = VALUE,
    ['#'] = TOKEN | VALUE,
    ['$'] = TOKEN | TARGET | VALUE,
    ['%'] = TOKEN | VALUE,
    ['&' ... '\''] = TOKEN | TARGET | VALUE,
    ['(' ... ')'] = TARGET | VALUE,
    ['*' ... '+'] = TOKEN | TARGET | VALUE,
    [','] = TARGET | VALUE,
    ['-' ... '.'] = TOKEN | TARGET | HOST | VALUE,
    ['/'] = TARGET | VALUE,
    ['0' ... '9'] = DIGIT,
    [':' ... ';'] = TARGET | VALUE,
    ['<'] = VALUE,
    ['='] = TARGET | VALUE,
    ['>' ... '?'] = VALUE,
    ['@'] = TARGET | VALUE,
    ['A' ... 'F'] = LETTER | HEX,
    ['G' ... 'Z'] = LETTER,
    ['['] = TARGET | VALUE,
    ['\\'] = VALUE,
    [']'] = TARGET | VALUE,
    ['^'] = TOKEN | TARGET | VALUE,
    ['_'] = TOKEN | TARGET | HOST | VALUE,
    ['`'] = TOKEN | TARGET | VALUE,
    ['a' ... 'f'] = LETTER | HEX,
    ['g' ... 'z'] = LETTER,
    ['{'] = TARGET | VALUE,
    ['|'] = TOKEN | TARGET | VALUE,
    ['}'] = TARGET | VALUE,
    ['~'] = TOKEN | TARGET | HOST | VALUE,
    [0x80 ... 0xff] = VALUE,
};

bool http_text_same(struct bytes left, struct bytes right)
{
  if (left.size != right.size) return false;
  for (size_t i = 0; i < left.size; i++) {
    uint8_t difference = left.data[i] ^ right.data[i];
    if (difference == 0) continue;
    if (difference != 0x20 || !http_byte_is(left.data[i], HTTP_CLASS_LETTER)) return false;
  }
  return true;
}

static bool is_space(uint8_t byte)
{
  return byte == ' ' || byte == '\t';
}

bool http_list_has(struct bytes list, struct bytes lower_token)
{
  for (size_t at = 0; at < list.size;) {
    const uint8_t *start = list.data + at;
    const uint8_t *comma = memchr(start, ',', list.size - at);
    size_t size = comma == NULL ? list.size - at : (size_t)(comma - start);
    at += size + 1;
    while (size > 0 && is_space(*start)) {
      start++;
      size--;
    }
    while (size > 0 && is_space(start[size - 1])) size--;
    if (size > 0 && http_text_same(bytes_of(start, size), lower_token)) return true;
  }
  return false;
}
