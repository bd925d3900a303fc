#include "unit/ops/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LINES_MAX = 4096, TEXT_MAX = 512 };

struct reader {
  struct bytes seen[LINES_MAX]; /* samples up to their value, HELP up to its text */
  size_t seen_count;
  char family[TEXT_MAX];
  char kind[TEXT_MAX];
  bool typed;                 /* TYPE came after HELP */
  char series[TEXT_MAX];      /* labels without le of the histogram under way */
  double last_le, last_count; /* of it */
};

static bool is_name_byte(char byte, bool first)
{
  bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
  return letter || (!first && byte >= '0' && byte <= '9');
}

/* Copies the name that line starts with; returns what follows it. */
static const char *read_name(const char *line, char name[TEXT_MAX])
{
  size_t size = 0;
  while (is_name_byte(line[size], size == 0)) size++;
  if (size == 0 || size >= TEXT_MAX) fail_msg("no name at: %s", line);
  memcpy(name, line, size);
  name[size] = 0;
  return line + size;
}

static void see(struct reader *reader, const char *from, size_t size)
{
  struct bytes text = bytes_of(from, size);
  for (size_t i = 0; i < reader->seen_count; i++)
    if (bytes_equal(reader->seen[i], text)) fail_msg("twice: %.*s", BYTES_FORMAT(text));
  assert_true(reader->seen_count < LINES_MAX);
  reader->seen[reader->seen_count++] = text;
}

static double read_value(const char *text)
{
  char *end;
  assert_true(text[0] != 0 && text[0] != ' ');
  double value = strtod(text, &end);
  if (*end != 0) fail_msg("not a number: %s", text);
  return value;
}

/* A quoted value; returns what follows its closing quote. */
static const char *read_quoted(const char *text, char value[TEXT_MAX])
{
  size_t size = 0;
  if (*text++ != '"') fail_msg("no quote before: %s", text);
  for (; *text != '"'; text++) {
    if (*text == 0) fail_msg("a label value has no end");
    char byte = *text;
    if (byte == '\\') {
      byte = *++text;
      if (byte != '\\' && byte != '"' && byte != 'n') fail_msg("unknown escape at: %s", text);
      if (byte == 'n') byte = '\n';
    }
    assert_true(size < TEXT_MAX - 1);
    value[size++] = byte;
  }
  value[size] = 0;
  return text + 1;
}

/* The labels behind a name; those but le go to `series`, le to `le` ("" when there is none). */
static const char *read_labels(const char *text, char series[TEXT_MAX], char le[TEXT_MAX])
{
  char names[16][TEXT_MAX];
  size_t count = 0, used = 0;
  series[0] = le[0] = 0;
  if (*text != '{') return text;
  do {
    char value[TEXT_MAX];
    assert_true(count < 16);
    text = read_name(text + 1, names[count]);
    for (size_t i = 0; i < count; i++) assert_string_not_equal(names[i], names[count]);
    if (*text != '=') fail_msg("no = at: %s", text);
    text = read_quoted(text + 1, value);
    if (strcmp(names[count], "le") == 0)
      snprintf(le, TEXT_MAX, "%s", value);
    else
      used += (size_t)snprintf(series + used, TEXT_MAX - used, "%s=%s\x01", names[count], value);
    assert_true(used < TEXT_MAX);
    count++;
  } while (*text == ',');
  if (*text != '}') fail_msg("no } at: %s", text);
  return text + 1;
}

static void check_histogram(struct reader *reader, const char *suffix, const char *series,
                            const char *le, double value)
{
  if (strcmp(suffix, "_bucket") == 0) {
    assert_true(le[0] != 0);
    double bound = read_value(le);
    if (reader->last_le < 0)
      snprintf(reader->series, TEXT_MAX, "%s", series);
    else
      assert_true(bound > reader->last_le && value >= reader->last_count);
    reader->last_le = bound;
    reader->last_count = value;
  } else {
    assert_string_equal(le, "");
    assert_true(strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0);
    assert_true(reader->last_le > 1e300); /* +Inf was there */
    if (strcmp(suffix, "_count") == 0) {
      assert_true(value == reader->last_count);
      reader->last_le = -1;
    }
  }
  assert_string_equal(reader->series, series);
}

static void check_sample(struct reader *reader, const char *line, const char *origin)
{
  char name[TEXT_MAX], series[TEXT_MAX], le[TEXT_MAX];
  assert_true(reader->typed);
  const char *rest = read_labels(read_name(line, name), series, le);
  if (*rest != ' ') fail_msg("no value: %s", line);
  see(reader, origin, (size_t)(rest - line));
  double value = read_value(rest + 1);
  size_t family_size = strlen(reader->family);
  if (strncmp(name, reader->family, family_size) != 0)
    fail_msg("%s is not of family %s", name, reader->family);
  if (strcmp(reader->kind, "histogram") == 0) {
    check_histogram(reader, name + family_size, series, le, value);
  } else {
    assert_string_equal(name + family_size, "");
    assert_string_equal(le, "");
  }
}

static void check_comment(struct reader *reader, const char *line, const char *origin)
{
  char name[TEXT_MAX];
  if (strncmp(line, "# HELP ", 7) == 0) {
    const char *rest = read_name(line + 7, name);
    assert_int_equal(*rest, ' ');
    see(reader, origin, 7 + strlen(name));
    snprintf(reader->family, TEXT_MAX, "%s", name);
    reader->typed = false;
    reader->last_le = -1;
    for (rest++; *rest != 0; rest++)
      if (*rest == '\\' && *++rest != '\\' && *rest != 'n') fail_msg("unknown escape: %s", line);
  } else if (strncmp(line, "# TYPE ", 7) == 0) {
    const char *rest = read_name(line + 7, name);
    assert_string_equal(name, reader->family);
    assert_false(reader->typed);
    snprintf(reader->kind, TEXT_MAX, "%s", rest + 1);
    if (strcmp(rest, " counter") != 0 && strcmp(rest, " gauge") != 0 &&
        strcmp(rest, " histogram") != 0)
      fail_msg("unknown type: %s", line);
    reader->typed = true;
  } else {
    fail_msg("neither HELP nor TYPE: %s", line);
  }
}

/* The next line of the text without its line break; false at the end. */
static bool next_line(struct bytes *text, char line[TEXT_MAX], const char **origin)
{
  if (text->size == 0) return false;
  size_t size = bytes_find(*text, BYTES("\n"));
  if (size == SIZE_MAX) fail_msg("the last line has no line break");
  assert_true(size > 0 && size < TEXT_MAX);
  *origin = (const char *)text->data;
  memcpy(line, text->data, size);
  line[size] = 0;
  assert_int_equal(strlen(line), size);
  *text = bytes_of(text->data + size + 1, text->size - size - 1);
  return true;
}

void exposition_check(struct bytes text)
{
  struct reader *reader = calloc(1, sizeof(*reader));
  assert_non_null(reader);
  reader->last_le = -1;
  assert_true(bytes_is_utf8(text));
  char line[TEXT_MAX];
  const char *origin;
  while (next_line(&text, line, &origin)) {
    if (line[0] == '#')
      check_comment(reader, line, origin);
    else
      check_sample(reader, line, origin);
  }
  free(reader);
}

bool exposition_find(struct bytes text, const char *sample, char value[64])
{
  char line[TEXT_MAX];
  const char *origin;
  size_t size = strlen(sample);
  while (next_line(&text, line, &origin)) {
    if (strncmp(line, sample, size) != 0 || line[size] != ' ') continue;
    assert_true(strlen(line + size + 1) < 64);
    strcpy(value, line + size + 1);
    return true;
  }
  return false;
}
