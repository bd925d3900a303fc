/*
 * Paths and templates: "template \0 path \0 path \0 event". What a template that was taken makes of
 * any event is JSON, or lines of strings, and token by token what a plain substitution gives.
 */
#include "base/check.h"
#include "base/json.h"
#include "bus/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes take_part(struct bytes *rest)
{
  size_t size = 0;
  while (size < rest->size && rest->data[size] != 0) size++;
  struct bytes part = bytes_of(rest->data, size);
  if (size < rest->size) size++;
  *rest = bytes_of(rest->data + size, rest->size - size);
  return part;
}

/* Whether it is JSON; *limited: it may be, and is too deep or has too many names to tell. */
static bool is_json(struct bytes text, struct arena *arena, bool *limited)
{
  struct json_reader *reader = arena_alloc(arena, sizeof *reader);
  CHECK(reader != NULL);
  json_reader_init(reader, text, arena);
  enum json_token token = json_next(reader);
  while (token != JSON_END && token != JSON_ERROR) token = json_next(reader);
  *limited = token == JSON_ERROR && reader->error.code == ERROR_LIMIT;
  return token == JSON_END;
}

static bool are_strings(struct bytes text, struct arena *arena)
{
  bool limited;
  while (text.size > 0) {
    size_t end = bytes_find(text, BYTES("\n"));
    size_t size = end == SIZE_MAX ? text.size : end;
    if (size > 0 && (text.data[0] != '"' || !is_json(bytes_of(text.data, size), arena, &limited)))
      return false;
    size_t used = size + (end != SIZE_MAX);
    text = bytes_of(text.data + used, text.size - used);
  }
  return true;
}

static bool is_object(struct bytes text, struct arena *arena)
{
  bool limited;
  return text.size > 0 && text.data[0] == '{' && text.data[text.size - 1] == '}' &&
         is_json(text, arena, &limited);
}

/* The plain substitution, for the two variables alone. */
static void substitute(struct bytes template, const struct bytes values[2], struct buffer *out)
{
  bool quoted = false;
  for (size_t i = 0; i < template.size; i++) {
    struct bytes rest = bytes_of(template.data + i, template.size - i);
    if (bytes_starts_with(rest, BYTES("<a>")) || bytes_starts_with(rest, BYTES("<b>"))) {
      struct bytes value = values[rest.data[1] - 'a'];
      if (value.data == NULL) value = BYTES("\"\"");
      if (!quoted) {
        buffer_append(out, value);
      } else if (value.data[0] == '"') {
        buffer_append(out, bytes_of(value.data + 1, value.size - 2));
      } else {
        for (size_t k = 0; k < value.size; k++) {
          if (value.data[k] == '\n' || value.data[k] == '\t' || value.data[k] == '\r') {
            buffer_append_format(out, "\\u%04x", value.data[k]);
            continue;
          }
          if (value.data[k] == '"' || value.data[k] == '\\') buffer_append_byte(out, '\\');
          buffer_append_byte(out, value.data[k]);
        }
      }
      i += 2;
      continue;
    }
    if (rest.data[0] == '"') quoted = !quoted;
    buffer_append_byte(out, rest.data[0]);
    if (quoted && rest.data[0] == '\\' && rest.size > 1)
      buffer_append_byte(out, template.data[++i]);
  }
}

static void compare(struct bytes left, struct bytes right, struct arena *arena)
{
  struct json_reader *readers = arena_alloc_array(arena, 2, sizeof *readers);
  CHECK(readers != NULL);
  json_reader_init(&readers[0], left, arena);
  json_reader_init(&readers[1], right, arena);
  enum json_token token;
  do {
    token = json_next(&readers[0]);
    CHECK(token == json_next(&readers[1]));
    if (token == JSON_KEY || token == JSON_STRING || token == JSON_NUMBER || token == JSON_INTEGER)
      CHECK(bytes_equal(readers[0].text, readers[1].text));
  } while (token != JSON_END && token != JSON_ERROR);
}

static void run(struct bytes template, const struct bus_variable variables[2], struct bytes event,
                struct arena *arena)
{
  struct error error;
  bool limited;
  const struct input_template *compiled = input_template_compile(template, variables, 2, arena,
                                                                 &error);
  if (compiled == NULL) {
    CHECK(error.code == ERROR_INVALID);
    return;
  }
  if (!is_object(event, arena)) return;
  const struct input_event given = {
      .envelope = event, .rule_name = BYTES("r"), .rule_arn = BYTES("arn:r"), .ingested_ms = 1};
  struct bytes filled = input_template_fill(compiled, &given, arena);
  CHECK(filled.data != NULL);
  bool whole = is_json(filled, arena, &limited);
  CHECK(whole || limited || are_strings(filled, arena));
  if (!whole || bytes_find(template, BYTES("<aws.")) != SIZE_MAX) return;
  struct bytes values[2];
  for (size_t i = 0; i < 2; i++) {
    const struct input_path *path = input_path_compile(variables[i].path, arena, &error);
    CHECK(path != NULL);
    values[i] = input_path_find(path, event, arena);
    CHECK(!input_failed(values[i]));
    if (input_found(values[i])) CHECK(is_json(values[i], arena, &limited) || limited);
  }
  struct buffer plain;
  buffer_init(&plain, arena->memory);
  substitute(template, values, &plain);
  compare(filled, buffer_bytes(&plain), arena);
  buffer_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct memory memory = {0};
  struct arena arena;
  struct bytes rest = bytes_of(data, size);
  if (size > 4096) return 0;
  arena_init(&arena, &memory);
  struct bytes template = take_part(&rest);
  struct bus_variable variables[] = {{.name = BYTES("a")}, {.name = BYTES("b")}};
  variables[0].path = take_part(&rest);
  variables[1].path = take_part(&rest);
  run(template, variables, rest, &arena);
  arena_free(&arena);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
