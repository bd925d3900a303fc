/*
 * Four lines: a size, If-None-Match, If-Range, Range. Each outcome is that of an oracle that works
 * another way, and a static file's answer to them keeps its promises.
 */
#include "base/check.h"
#include "net/conditional.h"
#include "net/static_files.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 4, LINE_BYTES_MAX = 512, DIGITS_MAX = 18, FILE_BYTES = 100 };

#define TAG   "(W/)?\"[!#-~\x80-\xff]*\""
#define SPACE "[ \t]*"

static const char *const TAG_LIST = "^" SPACE "(\\*|(" TAG ")?(" SPACE "," SPACE "(" TAG
                                    ")?)*)" SPACE "$";
static const char *const ONE_RANGE = "^[bB][yY][tT][eE][sS]=" SPACE "([0-9]*)-([0-9]*)" SPACE "$";
static const char *const EXAMPLE_TAG = "\"0123456789abcdef\"";

/* A line as text for regexec; false when it is too long or has a zero byte. */
static bool to_text(struct bytes line, char text[LINE_BYTES_MAX + 1])
{
  if (line.size > LINE_BYTES_MAX) return false;
  memset(text, 0, LINE_BYTES_MAX + 1);
  if (line.size > 0) memcpy(text, line.data, line.size);
  return strlen(text) == line.size;
}

static bool match(const char *expression, const char *text, regmatch_t groups[3])
{
  regex_t pattern;
  CHECK(regcomp(&pattern, expression, REG_EXTENDED) == 0);
  int result = regexec(&pattern, text, 3, groups, 0);
  regfree(&pattern);
  return result == 0;
}

/* In a well-formed list no tag has a quote in it, so every second piece between quotes is a tag. */
static bool expect_match(char *text)
{
  regmatch_t groups[3];
  if (!match(TAG_LIST, text, groups)) return false;
  if (strchr(text, '"') == NULL) return strchr(text, '*') != NULL;
  bool inside = false;
  for (char *next = text; next != NULL; inside = !inside) {
    const char *piece = strsep(&next, "\"");
    if (inside && strcmp(piece, "0123456789abcdef") == 0) return true;
  }
  return false;
}

static void check_tags(struct bytes if_none_match, struct bytes if_range)
{
  struct bytes etag = bytes_of_text(EXAMPLE_TAG);
  CHECK_THAT(etag_allows_range(if_range, etag), ==,
             if_range.data == NULL || bytes_equal(if_range, etag));
  bool matches = etag_matches(if_none_match, etag);
  char text[LINE_BYTES_MAX + 1];
  if (to_text(if_none_match, text)) CHECK_THAT(matches, ==, expect_match(text));
}

/* By the set of positions that the RFC describes, tried out one by one; size is small. */
static enum range_result expect_range(const char *first, size_t first_digits, const char *last,
                                      size_t last_digits, uint64_t size, struct range *out)
{
  if (first_digits + last_digits == 0) return RANGE_NONE;
  uint64_t low = strtoull(first, NULL, 10), high = strtoull(last, NULL, 10);
  if (first_digits > 0 && last_digits > 0 && high < low) return RANGE_NONE;
  if (first_digits == 0 && size == 0 && high > 0) return RANGE_NONE;
  bool found = false;
  for (uint64_t at = 0; at < size; at++) {
    bool in = first_digits == 0 ? size - at <= high : at >= low && (last_digits == 0 || at <= high);
    if (in && !found) out->first = at;
    if (in) out->last = at;
    found = found || in;
  }
  return found ? RANGE_OK : RANGE_UNSATISFIABLE;
}

static void check_range(struct bytes field, uint64_t size)
{
  struct range range, expected;
  enum range_result result = range_parse(field, size, &range);
  if (result == RANGE_OK) CHECK(range.first <= range.last && range.last < size);
  char text[LINE_BYTES_MAX + 1];
  regmatch_t groups[3];
  if (!to_text(field, text)) return;
  if (!match(ONE_RANGE, text, groups)) {
    CHECK_THAT(result, ==, RANGE_NONE);
    return;
  }
  size_t first_digits = (size_t)(groups[1].rm_eo - groups[1].rm_so);
  size_t last_digits = (size_t)(groups[2].rm_eo - groups[2].rm_so);
  if (first_digits > DIGITS_MAX || last_digits > DIGITS_MAX) return;
  CHECK_THAT(result, ==,
             expect_range(text + groups[1].rm_so, first_digits, text + groups[2].rm_so, last_digits,
                          size, &expected));
  if (result == RANGE_OK) CHECK(range.first == expected.first && range.last == expected.last);
}

static struct bytes header_of(const struct static_answer *answer, struct bytes name)
{
  for (uint32_t i = 0; i < answer->header_count; i++)
    if (bytes_equal(answer->headers[i].name, name)) return answer->headers[i].value;
  return (struct bytes){0};
}

static void check_answer(const struct static_file *file, const struct bytes *lines, bool gzip,
                         enum http_method method)
{
  struct static_answer answer;
  static_files_answer(file, method, gzip ? BYTES("gzip") : BYTES("br"), lines[1], lines[2],
                      lines[3], &answer);
  bool encoded = header_of(&answer, BYTES("content-encoding")).data != NULL;
  struct bytes body = method == HTTP_HEAD ? BYTES("") : encoded ? file->gzip : file->plain;
  CHECK(!encoded || (gzip && answer.status == 200));
  CHECK_THAT((answer.status == 206 || answer.status == 416), ==,
             header_of(&answer, BYTES("content-range")).data != NULL);
  switch (answer.status) {
  case 200:
    CHECK(answer.body.data == body.data || body.size == 0);
    CHECK_THAT(answer.body.size, ==, body.size);
    break;
  case 206:
    CHECK(method == HTTP_GET && answer.body.size > 0 && answer.body.data >= body.data);
    CHECK(answer.body.data + answer.body.size <= body.data + body.size);
    CHECK_THAT(answer.content_length, ==, answer.body.size);
    break;
  case 304:
    CHECK(etag_matches(lines[1], header_of(&answer, BYTES("etag"))));
    CHECK_THAT(answer.body.size, ==, 0);
    break;
  default:
    CHECK(answer.status == 416 && method == HTTP_GET && answer.body.size == 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct bytes lines[LINES] = {{0}};
  size_t line = 0;
  for (size_t start = 0, at = 0; at <= size && line < LINES; at++) {
    if (at < size && data[at] != '\n') continue;
    lines[line++] = bytes_of(data + start, at - start);
    start = at + 1;
  }
  uint64_t content_size = lines[0].size > 0 ? lines[0].data[0] % (FILE_BYTES + 1) : 0;
  check_tags(lines[1], lines[2]);
  check_range(lines[3], content_size);

  static const uint8_t content[FILE_BYTES];
  struct static_file file = {.content_type = BYTES("text/css"),
                             .cache_control = BYTES("no-cache"),
                             .plain = bytes_of(content, (size_t)content_size),
                             .gzip = BYTES("gzip")};
  etag_format(0x0123456789abcdef, false, file.etag);
  etag_format(0x0123456789abcdef, true, file.etag_gzip);
  for (int i = 0; i < 4; i++)
    check_answer(&file, lines, i % 2 == 0, i / 2 == 0 ? HTTP_GET : HTTP_HEAD);
  return 0;
}
