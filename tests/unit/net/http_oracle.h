/*
 * What must hold of the HTTP/1.1 parsers for any bytes, said a second time and in another way than
 * they are written: for unit tests and fuzz targets. CHECKs; memory is the caller's or freed here.
 */
#ifndef TACOS_UNIT_NET_HTTP_ORACLE_H
#define TACOS_UNIT_NET_HTTP_ORACLE_H

#include "base/check.h"
#include "net/http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct oracle_outcome {
  enum http_parse parse;
  enum refusal refusal;
  size_t head_size;
  struct http_head head;
};

static inline void oracle_parse(struct bytes input, size_t *scanned, struct oracle_outcome *outcome)
{
  /* What a head had before must not matter. */
  memset(&outcome->head, 0xee, sizeof(outcome->head));
  outcome->refusal = REFUSAL_NONE;
  outcome->head_size = 0;
  outcome->parse = http_head_parse(input, scanned, &outcome->head, &outcome->head_size,
                                   &outcome->refusal);
  if (outcome->parse == HTTP_PARSE_REFUSED) CHECK(refusal_row(outcome->refusal)->close);
}

/* The same bytes at the same offset of two inputs, or absent in both. */
static inline void oracle_same_slice(struct bytes left, const uint8_t *left_base,
                                     struct bytes right, const uint8_t *right_base)
{
  CHECK((left.data == NULL) == (right.data == NULL));
  CHECK_THAT(left.size, ==, right.size);
  if (left.data != NULL) CHECK_THAT(left.data - left_base, ==, right.data - right_base);
}

static inline void oracle_same_head(const struct http_head *left, const uint8_t *left_base,
                                    const struct http_head *right, const uint8_t *right_base)
{
  CHECK(left->method == right->method && left->minor_version == right->minor_version);
  CHECK(left->keep_alive == right->keep_alive && left->expect_continue == right->expect_continue);
  CHECK(left->framing == right->framing && left->content_length == right->content_length);
  CHECK_THAT(left->header_count, ==, right->header_count);
  oracle_same_slice(left->method_name, left_base, right->method_name, right_base);
  oracle_same_slice(left->path, left_base, right->path, right_base);
  oracle_same_slice(left->query, left_base, right->query, right_base);
  oracle_same_slice(left->authority, left_base, right->authority, right_base);
  for (size_t i = 0; i < HTTP_FIELD_COUNT; i++)
    oracle_same_slice(left->fields[i], left_base, right->fields[i], right_base);
  for (uint32_t i = 0; i < left->header_count; i++) {
    oracle_same_slice(left->headers[i].name, left_base, right->headers[i].name, right_base);
    oracle_same_slice(left->headers[i].value, left_base, right->headers[i].value, right_base);
  }
}

static inline void oracle_same(const struct oracle_outcome *left, const uint8_t *left_base,
                               const struct oracle_outcome *right, const uint8_t *right_base)
{
  CHECK_THAT(left->parse, ==, right->parse);
  CHECK_THAT(left->refusal, ==, right->refusal);
  CHECK_THAT(left->head_size, ==, right->head_size);
  if (left->parse == HTTP_PARSE_DONE)
    oracle_same_head(&left->head, left_base, &right->head, right_base);
}

/*
 * Feeds the input in steps of 1 to `step` bytes, each time in a block of its exact size: the
 * outcome of every prefix is what it gives in one piece, and once it is not MORE it stays.
 */
static inline void oracle_check_cuts(struct bytes input, size_t step)
{
  static struct oracle_outcome grown, whole, final;
  oracle_parse(input, &(size_t){0}, &final);
  size_t scanned = 0;
  for (size_t size = 0;;) {
    uint8_t *copy = malloc(size + 1);
    CHECK(copy != NULL);
    /* At the end of the block, so that a sanitizer sees what is read behind it. */
    uint8_t *at = copy + 1;
    if (size > 0) memcpy(at, input.data, size);
    oracle_parse(bytes_of(at, size), &scanned, &grown);
    oracle_parse(bytes_of(at, size), &(size_t){0}, &whole);
    oracle_same(&grown, at, &whole, at);
    if (grown.parse != HTTP_PARSE_MORE || size == input.size)
      oracle_same(&grown, at, &final, input.data);
    free(copy);
    if (grown.parse != HTTP_PARSE_MORE || size == input.size) return;
    size_t next = 1 + (size * 7 + input.size) % step;
    size = next < input.size - size ? size + next : input.size;
  }
}

static inline bool oracle_is_token(struct bytes text)
{
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    bool good = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                (byte >= 'A' && byte <= 'Z') || memchr("!#$%&'*+-.^_`|~", byte, 15) != NULL;
    if (!good) return false;
  }
  return text.size > 0;
}

static inline bool oracle_is(struct bytes text, const char *wanted)
{
  return text.size == strlen(wanted) &&
         strncasecmp((const char *)text.data, wanted, text.size) == 0;
}

/* Takes what stands before `mark`, which must be there; the rest follows behind it. */
static inline struct bytes oracle_take(struct bytes *rest, const char *mark)
{
  size_t at = bytes_find(*rest, bytes_of_text(mark));
  CHECK(at != SIZE_MAX);
  struct bytes taken = bytes_of(rest->data, at);
  size_t behind = at + strlen(mark);
  *rest = bytes_of(rest->data + behind, rest->size - behind);
  return taken;
}

static inline void oracle_check_target(struct bytes target, const struct http_head *head)
{
  for (size_t i = 0; i < target.size; i++) {
    uint8_t byte = target.data[i];
    CHECK(byte > 0x20 && byte < 0x7f && memchr("\"<>\\#", byte, 5) == NULL);
    if (byte != '%') continue;
    CHECK(i + 2 < target.size && isxdigit(target.data[i + 1]) && isxdigit(target.data[i + 2]));
    CHECK(memcmp(target.data + i, "%00", 3) != 0);
  }
  CHECK(head->path.size > 0);
  if (head->path.data[0] == '*')
    CHECK(target.size == 1 && head->method == HTTP_OPTIONS);
  else
    CHECK(head->path.data[0] == '/');
  CHECK(memchr(head->path.data, '?', head->path.size) == NULL);
  CHECK((head->query.data != NULL) == (memchr(target.data, '?', target.size) != NULL));
}

static inline void oracle_check_line(struct bytes line, const struct http_head *head)
{
  CHECK_THAT(line.size, <=, NET_REQUEST_LINE_BYTES);
  struct bytes method = oracle_take(&line, " ");
  struct bytes target = oracle_take(&line, " ");
  CHECK(oracle_is_token(method) && bytes_equal(method, head->method_name));
  CHECK(bytes_equal(line, head->minor_version == 1 ? BYTES("HTTP/1.1") : BYTES("HTTP/1.0")));
  oracle_check_target(target, head);
}

/* How many fields have this name; the value of the first is what head->fields has. */
static inline uint32_t oracle_count(const struct http_head *head, enum http_field field,
                                    const char *name)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < head->header_count; i++) {
    if (!oracle_is(head->headers[i].name, name)) continue;
    if (count++ == 0) CHECK(head->fields[field].data == head->headers[i].value.data);
  }
  CHECK((count > 0) == (head->fields[field].data != NULL));
  return count;
}

static inline void oracle_check_framing(const struct http_head *head)
{
  uint32_t lengths = oracle_count(head, HTTP_CONTENT_LENGTH, "content-length");
  uint32_t codings = oracle_count(head, HTTP_TRANSFER_ENCODING, "transfer-encoding");
  CHECK_THAT(lengths + codings, <=, 1);
  CHECK_THAT(head->framing, ==,
             lengths > 0   ? HTTP_BODY_LENGTH
             : codings > 0 ? HTTP_BODY_CHUNKED
                           : HTTP_NO_BODY);
  if (codings > 0)
    CHECK(head->minor_version == 1 && oracle_is(head->fields[HTTP_TRANSFER_ENCODING], "chunked"));
  if (lengths > 0) {
    char text[32] = "";
    struct bytes value = head->fields[HTTP_CONTENT_LENGTH];
    CHECK(value.size > 0 && value.size < 20);
    memcpy(text, value.data, value.size);
    CHECK(strspn(text, "0123456789") == value.size);
    CHECK(strtoull(text, NULL, 10) == head->content_length && head->content_length <= INT64_MAX);
  }
}

static inline bool oracle_is_space(uint8_t byte)
{
  return byte == ' ' || byte == '\t';
}

/* An accepted head, against the grammar and the rules of http.h. */
static inline void oracle_check_head(struct bytes text, const struct http_head *head)
{
  CHECK_THAT(text.size, <=, NET_HEAD_BYTES);
  if (text.data[0] == '\r') text = bytes_of(text.data + 2, text.size - 2);
  oracle_check_line(oracle_take(&text, "\r\n"), head);
  for (uint32_t i = 0; i < head->header_count; i++) {
    struct bytes value = oracle_take(&text, "\r\n");
    struct bytes name = oracle_take(&value, ":");
    CHECK(oracle_is_token(name) && bytes_equal(name, head->headers[i].name));
    while (value.size > 0 && oracle_is_space(value.data[0]))
      value = bytes_of(value.data + 1, value.size - 1);
    while (value.size > 0 && oracle_is_space(value.data[value.size - 1])) value.size--;
    CHECK(bytes_equal(value, head->headers[i].value));
    for (size_t at = 0; at < value.size; at++)
      CHECK((value.data[at] >= 0x20 && value.data[at] != 0x7f) || value.data[at] == '\t');
  }
  CHECK(bytes_equal(text, BYTES("\r\n")));
  uint32_t hosts = oracle_count(head, HTTP_HOST, "host");
  CHECK(hosts == 1 || (hosts == 0 && head->minor_version == 0));
  CHECK_THAT(oracle_count(head, HTTP_AUTHORIZATION, "authorization"), <=, 1);
  CHECK_THAT(oracle_count(head, HTTP_IDEMPOTENCY_KEY, "idempotency-key"), <=, 1);
  if (oracle_count(head, HTTP_EXPECT, "expect") > 0 && head->minor_version == 1)
    CHECK(oracle_is(head->fields[HTTP_EXPECT], "100-continue"));
  oracle_check_framing(head);
}

/* Writes an accepted head anew, in origin form; parsing that gives the same request. */
static inline void oracle_check_again(const struct http_head *head)
{
  static struct oracle_outcome again;
  static char text[2 * NET_HEAD_BYTES];
  bool with_query = head->query.data != NULL;
  int size = snprintf(text, sizeof(text), "%.*s %.*s", BYTES_FORMAT(head->method_name),
                      BYTES_FORMAT(head->path));
  if (with_query)
    size += snprintf(text + size, sizeof(text) - (size_t)size, "?%.*s", BYTES_FORMAT(head->query));
  size += snprintf(text + size, sizeof(text) - (size_t)size, " HTTP/1.%d\r\n", head->minor_version);
  for (uint32_t i = 0; i < head->header_count; i++)
    size += snprintf(text + size, sizeof(text) - (size_t)size, "%.*s: %.*s\r\n",
                     BYTES_FORMAT(head->headers[i].name), BYTES_FORMAT(head->headers[i].value));
  size += snprintf(text + size, sizeof(text) - (size_t)size, "\r\n");
  /* A missing space behind each colon was added, which can be too much. */
  if (size > NET_HEAD_BYTES) return;
  oracle_parse(bytes_of(text, (size_t)size), &(size_t){0}, &again);
  CHECK_THAT(again.parse, ==, HTTP_PARSE_DONE);
  CHECK_THAT(again.head_size, ==, (size_t)size);
  CHECK(again.head.method == head->method && bytes_equal(again.head.path, head->path));
  CHECK(bytes_equal(again.head.query, head->query));
  CHECK((again.head.query.data != NULL) == with_query);
  if (head->fields[HTTP_HOST].data != NULL)
    CHECK(bytes_equal(again.head.authority, head->authority));
  CHECK(again.head.framing == head->framing && again.head.content_length == head->content_length);
  CHECK(again.head.keep_alive == head->keep_alive);
  CHECK(again.head.expect_continue == head->expect_continue);
  CHECK_THAT(again.head.header_count, ==, head->header_count);
  for (uint32_t i = 0; i < head->header_count; i++) {
    CHECK(bytes_equal(again.head.headers[i].name, head->headers[i].name));
    CHECK(bytes_equal(again.head.headers[i].value, head->headers[i].value));
  }
}

/* All of the above for any bytes. */
static inline void oracle_check_input(struct bytes input, size_t step)
{
  static struct oracle_outcome outcome;
  oracle_check_cuts(input, step);
  oracle_parse(input, &(size_t){0}, &outcome);
  if (outcome.parse != HTTP_PARSE_DONE) return;
  CHECK_THAT(outcome.head_size, <=, input.size);
  oracle_check_head(bytes_of(input.data, outcome.head_size), &outcome.head);
  oracle_check_again(&outcome.head);
}

struct oracle_body {
  enum http_parse parse;
  enum refusal refusal;
  size_t used; /* of the input, up to the byte that was refused or the end of the body */
  size_t size; /* of the content, which a caller's buffer of the input's size holds */
  uint8_t *content;
};

/* Reads a chunked body in pieces of at most `step` bytes. */
static inline void oracle_read_body(struct bytes input, size_t step, struct oracle_body *body)
{
  struct http_chunks chunks = {0};
  body->used = 0;
  body->size = 0;
  body->refusal = REFUSAL_NONE;
  body->parse = HTTP_PARSE_MORE;
  while (body->parse == HTTP_PARSE_MORE && body->used < input.size) {
    size_t left = input.size - body->used;
    size_t used = 0;
    struct bytes data;
    struct bytes piece = bytes_of(input.data + body->used, left < step ? left : step);
    body->parse = http_chunks_read(&chunks, piece, &used, &data, &body->refusal);
    CHECK(used <= piece.size && (used > 0 || body->parse == HTTP_PARSE_REFUSED));
    CHECK(data.size <= used && (data.size == 0 || body->parse == HTTP_PARSE_MORE));
    if (data.size > 0) {
      CHECK(data.data >= piece.data && data.data + data.size == piece.data + used);
      memcpy(body->content + body->size, data.data, data.size);
    }
    body->size += data.size;
    body->used += used;
  }
}

/* One piece and single bytes give the same content, end and refusal. */
static inline void oracle_check_body(struct bytes input)
{
  struct oracle_body whole = {.content = malloc(input.size + 1)};
  struct oracle_body cut = {.content = malloc(input.size + 1)};
  CHECK(whole.content != NULL && cut.content != NULL);
  oracle_read_body(input, SIZE_MAX, &whole);
  for (size_t step = 1; step <= 4; step++) {
    oracle_read_body(input, step, &cut);
    CHECK(cut.parse == whole.parse && cut.refusal == whole.refusal);
    CHECK(cut.used == whole.used && cut.size == whole.size);
    CHECK(whole.size == 0 || memcmp(cut.content, whole.content, whole.size) == 0);
  }
  free(whole.content);
  free(cut.content);
}

#endif
