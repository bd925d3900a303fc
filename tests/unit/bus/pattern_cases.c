#include "unit/bus/pattern_cases.h"

#include "base/check.h"
#include "base/json.h"

#include <stdio.h>

enum { CASES_MAX = 1000, FILE_BYTES_MAX = 1 << 20 };

static struct bytes read_file(const char *path, struct arena *arena)
{
  FILE *file = fopen(path, "r");
  if (file == NULL) fprintf(stderr, "%s is missing: run from the root of the tree\n", path);
  CHECK(file != NULL);
  uint8_t *data = arena_alloc(arena, FILE_BYTES_MAX);
  CHECK(data != NULL);
  size_t size = fread(data, 1, FILE_BYTES_MAX, file);
  CHECK(size > 0 && size < FILE_BYTES_MAX);
  fclose(file);
  return bytes_of(data, size);
}

static void add_case(struct pattern_cases *cases, const struct pattern_case *one)
{
  CHECK_THAT(cases->count, <, CASES_MAX);
  cases->cases[cases->count++] = *one;
}

static void read_entry(struct json_reader *reader, struct pattern_cases *cases)
{
  struct pattern_case one = {0};
  struct bytes key;
  CHECK(json_read_object(reader));
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("about"))) {
      CHECK(json_read_string(reader, &one.about));
    } else if (bytes_equal(key, BYTES("pattern"))) {
      CHECK(json_read_raw(reader, &one.pattern));
    } else if (bytes_equal(key, BYTES("invalid"))) {
      CHECK(json_read_string(reader, &one.message));
      add_case(cases, &one);
    } else {
      one.matches = bytes_equal(key, BYTES("match"));
      CHECK(one.matches || bytes_equal(key, BYTES("no match")));
      CHECK(json_read_array(reader));
      while (json_read_element(reader)) {
        CHECK(json_read_raw(reader, &one.event));
        add_case(cases, &one);
      }
    }
  }
}

struct pattern_cases pattern_cases_read(struct arena *arena)
{
  struct pattern_cases cases = {arena_alloc_array(arena, CASES_MAX, sizeof(struct pattern_case)),
                                0};
  CHECK(cases.cases != NULL);
  struct json_reader reader;
  json_reader_init(&reader, read_file("tests/unit/bus/pattern_cases.json", arena), arena);
  CHECK(json_read_array(&reader));
  while (json_read_element(&reader)) read_entry(&reader, &cases);
  if (!json_read_end(&reader)) fprintf(stderr, "%s\n", reader.error.message);
  CHECK(reader.error.code == ERROR_NONE);
  return cases;
}
