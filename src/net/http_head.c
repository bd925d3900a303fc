/*
 * The hot path: every request passes here. One pass over the bytes, in words where that is simple.
 *
 * What makes the outcome independent of how bytes were cut into reads, and the loops short:
 *
 *  1. Only whole lines are parsed: [data, lines_end) ends with the last LF of the input that lies
 *     within NET_HEAD_BYTES. So LF ends every loop over a line, and no loop asks where input ends.
 *  2. A refusal depends on whole lines and on limits by position; more input cannot change it.
 *  3. While no further LF has come there is no further line, and nothing is parsed again. So a head
 *     that comes byte by byte is parsed at most NET_HEADERS_MAX + 2 times.
 */
#include "base/check.h"
#include "net/http.h"
#include "net/http_text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
  /* A request line with its CR LF. */
  LINE_BYTES_MAX = NET_REQUEST_LINE_BYTES + 2,
  VERSION_BYTES = 8, /* "HTTP/1.1" */
  LENGTH_DIGITS_MAX = 19,
};

struct parse {
  const uint8_t *at;
  const uint8_t *lines_end; /* behind the LF of the last whole line */
  const uint8_t *input_end; /* at or behind lines_end */
  struct http_head *head;
  struct bytes absolute; /* the authority of an absolute target */
  uint32_t twice;        /* bits of the fields that stand more than once */
};

_Static_assert(HTTP_FIELD_COUNT <= 32, "fields fit into the bits of twice");

static bool is_twice(const struct parse *parse, enum http_field field)
{
  return (parse->twice >> field & 1) != 0;
}

static inline bool is_space(uint8_t byte)
{
  return byte == ' ' || byte == '\t';
}

/* The first control character or space from `at` on: at most the LF of the line. */
static inline const uint8_t *skip_visible(const uint8_t *at, const uint8_t *input_end)
{
#ifdef __SSE2__
  const __m128i space = _mm_set1_epi8(' ');
  for (; input_end - at >= 16; at += 16) {
    __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
    int found = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(block, space), block));
    if (found != 0) return at + __builtin_ctz((unsigned int)found);
  }
#else
  (void)input_end;
#endif
  while (*at > ' ') at++;
  return at;
}

/* The first byte that no field value has, from `at` on: at most the LF of the line. */
static inline const uint8_t *skip_value(const uint8_t *at, const uint8_t *input_end)
{
#ifdef __SSE2__
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i delete = _mm_set1_epi8(0x7f);
  for (; input_end - at >= 16; at += 16) {
    __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, last_control), block);
    control = _mm_andnot_si128(_mm_cmpeq_epi8(block, tab), control);
    int found = _mm_movemask_epi8(_mm_or_si128(control, _mm_cmpeq_epi8(block, delete)));
    if (found != 0) return at + __builtin_ctz((unsigned int)found);
  }
#else
  (void)input_end;
#endif
  while (http_byte_is(*at, HTTP_CLASS_VALUE)) at++;
  return at;
}

/* Why the byte at `at` may not be there: `line_end` for CR LF, `other` for any but CR and LF. */
static enum refusal refuse_byte(const uint8_t *at, enum refusal line_end, enum refusal other)
{
  if (*at == '\r') return at[1] == '\n' ? line_end : REFUSAL_BARE_CR;
  return *at == '\n' ? REFUSAL_BARE_CR : other;
}

/* Any version but HTTP/1.1, or one at the very end of the input. */
static enum refusal read_other_version(struct parse *parse)
{
  const uint8_t *at = parse->at;
  const uint8_t *line_feed = memchr(at, '\n', (size_t)(parse->lines_end - at));
  size_t size = (size_t)(line_feed - at);
  if (size == 0 || memchr(at, '\r', size) != line_feed - 1) return REFUSAL_BARE_CR;
  if (size - 1 != VERSION_BYTES || memcmp(at, "HTTP/", 5) != 0 || at[6] != '.' ||
      !http_byte_is(at[5], HTTP_CLASS_DIGIT) || !http_byte_is(at[7], HTTP_CLASS_DIGIT))
    return REFUSAL_REQUEST_LINE;
  if (at[5] != '1' || at[7] > '1') return REFUSAL_VERSION;
  parse->head->minor_version = (uint8_t)(at[7] - '0');
  parse->at = line_feed + 1;
  return REFUSAL_NONE;
}

static enum refusal read_version(struct parse *parse)
{
  if (parse->lines_end - parse->at < VERSION_BYTES + 2 ||
      memcmp(parse->at, "HTTP/1.1\r\n", VERSION_BYTES + 2) != 0)
    return read_other_version(parse);
  parse->head->minor_version = 1;
  parse->at += VERSION_BYTES + 2;
  return REFUSAL_NONE;
}

static enum refusal read_request_line(struct parse *parse)
{
  struct http_head *head = parse->head;
  const uint8_t *start = parse->at;
  const uint8_t *at = start;
  while (http_byte_is(*at, HTTP_CLASS_TOKEN)) at++;
  if (at == start || *at != ' ') return refuse_byte(at, REFUSAL_REQUEST_LINE, REFUSAL_REQUEST_LINE);
  head->method_name = bytes_of(start, (size_t)(at - start));
  head->method = http_method_of(head->method_name);

  start = ++at;
  at = skip_visible(at, parse->input_end);
  if (at == start) return refuse_byte(at, REFUSAL_REQUEST_LINE, REFUSAL_REQUEST_LINE);
  struct http_target target;
  if (!http_target_read(bytes_of(start, (size_t)(at - start)), head->method, &target))
    return REFUSAL_TARGET;
  if (*at != ' ') return refuse_byte(at, REFUSAL_REQUEST_LINE, REFUSAL_TARGET);
  head->path = target.path;
  head->query = target.query;
  parse->absolute = target.authority;

  parse->at = at + 1;
  return read_version(parse);
}

/* Why a line with `at` behind the token it begins with is no field. */
static enum refusal refuse_name(const uint8_t *start, const uint8_t *at)
{
  if (at > start && is_space(*at)) {
    while (is_space(*at)) at++;
    if (*at == ':') return REFUSAL_FIELD_SPACE;
  }
  return refuse_byte(at, REFUSAL_FIELD_NAME, REFUSAL_FIELD_NAME);
}

/* Reads the line at parse->at, which is not the empty one. */
static inline enum refusal read_field(struct parse *parse)
{
  struct http_head *head = parse->head;
  const uint8_t *start = parse->at;
  const uint8_t *at = start;
  if (is_space(*at)) return REFUSAL_FIELD_FOLDED;
  if (head->header_count == NET_HEADERS_MAX) return REFUSAL_HEADERS_MANY;
  while (http_byte_is(*at, HTTP_CLASS_TOKEN)) at++;
  if (at == start || *at != ':') return refuse_name(start, at);
  struct bytes name = bytes_of(start, (size_t)(at - start));

  at++;
  while (is_space(*at)) at++;
  const uint8_t *value_end = skip_value(at, parse->input_end);
  if (value_end[0] != '\r' || value_end[1] != '\n')
    return refuse_byte(value_end, REFUSAL_FIELD_VALUE, REFUSAL_FIELD_VALUE);
  parse->at = value_end + 2;
  while (value_end > at && is_space(value_end[-1])) value_end--;
  struct bytes value = bytes_of(at, (size_t)(value_end - at));

  head->headers[head->header_count++] = (struct http_header){name, value};
  enum http_field field = http_field_of(name);
  if (field == HTTP_FIELD_UNKNOWN) return REFUSAL_NONE;
  if (head->fields[field].data == NULL)
    head->fields[field] = value;
  else
    parse->twice |= (uint32_t)1 << field;
  return REFUSAL_NONE;
}

/* Reads lines up to the empty one; NONE with *whole false when they end before. */
static enum refusal read_fields(struct parse *parse, bool *whole)
{
  *whole = false;
  while (parse->at < parse->lines_end) {
    if (parse->at[0] == '\r' && parse->at[1] == '\n') {
      parse->at += 2;
      *whole = true;
      return REFUSAL_NONE;
    }
    enum refusal refusal = read_field(parse);
    if (refusal != REFUSAL_NONE) return refusal;
  }
  return REFUSAL_NONE;
}

/* RFC 9112 3.2; an absolute target repeats what Host says, or is read by someone else otherwise. */
static enum refusal judge_host(struct parse *parse)
{
  struct http_head *head = parse->head;
  struct bytes host = head->fields[HTTP_HOST];
  head->authority = parse->absolute;
  if (host.data == NULL) return head->minor_version == 0 ? REFUSAL_NONE : REFUSAL_HOST_MISSING;
  if (is_twice(parse, HTTP_HOST)) return REFUSAL_HOST_MISSING;
  if (!http_host_is_valid(host)) return REFUSAL_HOST_INVALID;
  if (parse->absolute.data != NULL && !http_text_same(host, parse->absolute))
    return REFUSAL_HOST_MISMATCH;
  head->authority = host;
  return REFUSAL_NONE;
}

static enum refusal read_length(struct http_head *head, struct bytes text)
{
  uint64_t length = 0;
  if (text.size == 0 || text.size > LENGTH_DIGITS_MAX) return REFUSAL_LENGTH_INVALID;
  for (size_t i = 0; i < text.size; i++) {
    if (!http_byte_is(text.data[i], HTTP_CLASS_DIGIT)) return REFUSAL_LENGTH_INVALID;
    length = length * 10 + (uint64_t)(text.data[i] - '0');
  }
  if (length > INT64_MAX) return REFUSAL_LENGTH_INVALID;
  head->framing = HTTP_BODY_LENGTH;
  head->content_length = length;
  return REFUSAL_NONE;
}

static bool names_chunked(struct bytes text)
{
  struct bytes chunked = BYTES("chunked");
  for (size_t at = 0; at + chunked.size <= text.size; at++) {
    if (http_text_same(bytes_of(text.data + at, chunked.size), chunked)) return true;
  }
  return false;
}

static enum refusal read_coding(const struct parse *parse, struct bytes text)
{
  if (parse->head->minor_version == 0 || is_twice(parse, HTTP_TRANSFER_ENCODING))
    return REFUSAL_TRANSFER_ENCODING;
  if (http_text_same(text, BYTES("chunked"))) {
    parse->head->framing = HTTP_BODY_CHUNKED;
    return REFUSAL_NONE;
  }
  if (text.size == 0 || !http_byte_is(text.data[0], HTTP_CLASS_TOKEN) || names_chunked(text))
    return REFUSAL_TRANSFER_ENCODING;
  return REFUSAL_TRANSFER_UNKNOWN;
}

/* RFC 9112 6.3, without the cases in which a reader would have to choose. */
static enum refusal judge_framing(const struct parse *parse)
{
  struct http_head *head = parse->head;
  struct bytes length = head->fields[HTTP_CONTENT_LENGTH];
  struct bytes coding = head->fields[HTTP_TRANSFER_ENCODING];
  head->framing = HTTP_NO_BODY;
  head->content_length = 0;
  if (length.data == NULL && coding.data == NULL) return REFUSAL_NONE;
  if (length.data == NULL) return read_coding(parse, coding);
  if (coding.data != NULL || is_twice(parse, HTTP_CONTENT_LENGTH)) return REFUSAL_LENGTH_CONFLICT;
  return read_length(head, length);
}

/* RFC 9110 10.1.1: HTTP/1.0 knows no expectations. */
static enum refusal judge_expectation(const struct parse *parse)
{
  struct http_head *head = parse->head;
  struct bytes expect = head->fields[HTTP_EXPECT];
  head->expect_continue = false;
  if (expect.data == NULL || head->minor_version == 0) return REFUSAL_NONE;
  if (is_twice(parse, HTTP_EXPECT) || !http_text_same(expect, BYTES("100-continue")))
    return REFUSAL_EXPECTATION;
  head->expect_continue = head->framing == HTTP_BODY_CHUNKED || head->content_length > 0;
  return REFUSAL_NONE;
}

/* Whether any Connection field has the option. */
static bool connection_has(const struct parse *parse, struct bytes option)
{
  const struct http_head *head = parse->head;
  if (!is_twice(parse, HTTP_CONNECTION))
    return http_list_has(head->fields[HTTP_CONNECTION], option);
  for (uint32_t i = 0; i < head->header_count; i++) {
    if (http_field_of(head->headers[i].name) == HTTP_CONNECTION &&
        http_list_has(head->headers[i].value, option))
      return true;
  }
  return false;
}

static bool is_kept_alive(const struct parse *parse)
{
  bool is_11 = parse->head->minor_version == 1;
  if (parse->head->fields[HTTP_CONNECTION].data == NULL) return is_11;
  if (connection_has(parse, BYTES("close"))) return false;
  return is_11 || connection_has(parse, BYTES("keep-alive"));
}

/* What the head says as a whole, in the order of http.h. */
static enum refusal judge_head(struct parse *parse)
{
  enum refusal refusal = judge_host(parse);
  if (refusal != REFUSAL_NONE) return refusal;
  if (is_twice(parse, HTTP_AUTHORIZATION) || is_twice(parse, HTTP_IDEMPOTENCY_KEY))
    return REFUSAL_FIELD_TWICE;
  refusal = judge_framing(parse);
  if (refusal != REFUSAL_NONE) return refusal;
  refusal = judge_expectation(parse);
  if (refusal != REFUSAL_NONE) return refusal;
  parse->head->keep_alive = is_kept_alive(parse);
  return REFUSAL_NONE;
}

static enum http_parse refuse(enum refusal why, enum refusal *refusal)
{
  *refusal = why;
  return HTTP_PARSE_REFUSED;
}

static bool line_is_long(struct bytes input, size_t start)
{
  return input.size - start >= LINE_BYTES_MAX &&
         memchr(input.data + start, '\n', LINE_BYTES_MAX) == NULL;
}

/* No whole line is wrong, and none is the empty one. */
static enum http_parse wait_for_more(struct bytes input, size_t start, enum refusal *refusal)
{
  if (line_is_long(input, start)) return refuse(REFUSAL_REQUEST_LINE_LONG, refusal);
  if (input.size >= NET_HEAD_BYTES) return refuse(REFUSAL_HEAD_LARGE, refusal);
  return HTTP_PARSE_MORE;
}

enum http_parse http_head_parse(struct bytes input, size_t *scanned, struct http_head *head,
                                size_t *head_size, enum refusal *refusal)
{
  CHECK_THAT(*scanned, <=, input.size);
  if (input.size == 0) return HTTP_PARSE_MORE;
  size_t seen_size = input.size < NET_HEAD_BYTES ? input.size : NET_HEAD_BYTES;
  size_t start = input.size >= 2 && memcmp(input.data, "\r\n", 2) == 0 ? 2 : 0;
  if (start < input.size) {
    uint8_t first = input.data[start];
    if (!http_byte_is(first, HTTP_CLASS_TOKEN) && first != '\r' && first != '\n')
      return refuse(REFUSAL_REQUEST_LINE, refusal);
  }
  size_t from = *scanned < seen_size ? *scanned : seen_size;
  const uint8_t *last = memrchr(input.data + from, '\n', seen_size - from);
  *scanned = input.size;
  if (last == NULL || last < input.data + start) return wait_for_more(input, start, refusal);

  struct parse parse = {.at = input.data + start,
                        .lines_end = last + 1,
                        .input_end = input.data + input.size,
                        .head = head};
  head->header_count = 0;
  memset(head->fields, 0, sizeof(head->fields));
  enum refusal why = read_request_line(&parse);
  if (line_is_long(input, start)) why = REFUSAL_REQUEST_LINE_LONG;
  bool whole;
  if (why == REFUSAL_NONE) why = read_fields(&parse, &whole);
  if (why == REFUSAL_NONE && !whole) return wait_for_more(input, start, refusal);
  if (why == REFUSAL_NONE) why = judge_head(&parse);
  if (why != REFUSAL_NONE) return refuse(why, refusal);
  *head_size = (size_t)(parse.at - input.data);
  return HTTP_PARSE_DONE;
}

static void move(struct bytes *slice, const uint8_t *from, const uint8_t *to)
{
  if (slice->data != NULL) slice->data = to + (slice->data - from);
}

void http_head_move(struct http_head *head, const uint8_t *from, const uint8_t *to)
{
  move(&head->method_name, from, to);
  move(&head->path, from, to);
  move(&head->query, from, to);
  move(&head->authority, from, to);
  for (size_t i = 0; i < HTTP_FIELD_COUNT; i++) move(&head->fields[i], from, to);
  for (uint32_t i = 0; i < head->header_count; i++) {
    move(&head->headers[i].name, from, to);
    move(&head->headers[i].value, from, to);
  }
}

struct bytes http_head_find(const struct http_head *head, struct bytes lower_name)
{
  for (uint32_t i = 0; i < head->header_count; i++) {
    if (http_text_same(head->headers[i].name, lower_name)) return head->headers[i].value;
  }
  return (struct bytes){0};
}
