#include "load/scenario_parts.h"
#include "net/http_text.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static bool read_method(struct scenario_reader *reader, void *target)
{
  struct bytes text;
  if (!scenario_read_text(reader, &text)) return false;
  *(enum http_method *)target = http_method_of(text);
  return *(enum http_method *)target != HTTP_OTHER ||
         scenario_refuse(reader, "a method is expected: GET, POST, PUT, PATCH, DELETE, HEAD");
}

static bool read_path(struct scenario_reader *reader, void *target)
{
  struct bytes text;
  if (!scenario_read_text(reader, &text)) return false;
  if (text.data[0] != '/') return scenario_refuse(reader, "a path begins with '/'");
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] < 0x20 || text.data[i] >= 0x7F)
      return scenario_refuse(reader, "a path is plain ASCII: write %%20 for a space");
  return scenario_template(reader, TEMPLATE_PATH, text, target);
}

/* Headers that the generator writes itself. */
static bool is_reserved(struct bytes name)
{
  return http_text_same(name, BYTES("host")) || http_text_same(name, BYTES("content-length")) ||
         http_text_same(name, BYTES("transfer-encoding")) ||
         http_text_same(name, BYTES("connection")) || http_text_same(name, BYTES("expect"));
}

static bool is_token(struct bytes name)
{
  for (size_t i = 0; i < name.size; i++)
    if (!http_byte_is(name.data[i], HTTP_CLASS_TOKEN)) return false;
  return name.size > 0;
}

static bool read_header(struct scenario_reader *reader, struct load_step *step, struct bytes name)
{
  struct bytes value;
  if (!json_read_string(&reader->json, &value)) return false;
  if (!is_token(name) || is_reserved(name))
    return scenario_refuse(reader, "is no header that may be set here");
  for (size_t i = 0; i < value.size; i++)
    if (!http_byte_is(value.data[i], HTTP_CLASS_VALUE))
      return scenario_refuse(reader, "a header may not have control bytes");
  if (step->header_count == LOAD_HEADERS_MAX)
    return scenario_refuse(reader, "more than %d headers", (int)LOAD_HEADERS_MAX);
  if (http_text_same(name, BYTES("content-type"))) step->has_type = true;
  size_t size = name.size + 2 + value.size;
  uint8_t *line = arena_alloc(reader->arena, size);
  if (line == NULL) return scenario_refuse(reader, "there is no memory for it");
  memcpy(line, name.data, name.size);
  memcpy(line + name.size, ": ", 2);
  if (value.size > 0) memcpy(line + name.size + 2, value.data, value.size);
  return scenario_template(reader, TEMPLATE_HEADER, bytes_of(line, size),
                           &step->headers[step->header_count++]);
}

static bool read_headers(struct scenario_reader *reader, void *target)
{
  struct bytes name;
  if (!json_read_object(&reader->json)) return false;
  while (json_read_key(&reader->json, &name)) {
    size_t mark = scenario_enter(reader, name);
    if (!read_header(reader, target, name)) return false;
    scenario_leave(reader, mark);
  }
  return true;
}

/* A string is the body's text; anything else is the body itself. */
static bool read_body(struct scenario_reader *reader, void *target)
{
  struct load_step *step = target;
  struct bytes raw, text;
  if (!json_read_raw(&reader->json, &raw)) return false;
  step->has_body = true;
  text = raw;
  if (raw.size > 0 && raw.data[0] == '"') {
    struct json_reader string;
    json_reader_init(&string, raw, reader->arena);
    if (!json_read_string(&string, &text)) return scenario_refuse(reader, "is no text");
  }
  return scenario_template(reader, TEMPLATE_BODY, text, &step->body);
}

/* [409, "SOLD_OUT"] */
static bool read_conditions(struct scenario_reader *reader, void *target)
{
  struct load_conditions *conditions = target;
  if (!json_read_array(&reader->json)) return false;
  while (json_read_element(&reader->json)) {
    enum json_token token = json_next(&reader->json);
    if (token == JSON_ERROR) return false;
    if (conditions->count == LOAD_LIST_MAX)
      return scenario_refuse(reader, "more than %d in one list", (int)LOAD_LIST_MAX);
    struct load_condition *condition = &conditions->items[conditions->count++];
    *condition = (struct load_condition){0};
    bool is_status = token == JSON_INTEGER && reader->json.integer >= 200 &&
                     reader->json.integer <= 599;
    bool is_code = token == JSON_STRING && reader->json.text.size > 0;
    if (!is_status && !is_code)
      return scenario_refuse(reader, "a status like 409 or a code like \"SOLD_OUT\" is expected");
    if (is_status) condition->status = (uint16_t)reader->json.integer;
    if (is_code) condition->code = reader->json.text;
  }
  return reader->json.error.code == ERROR_NONE;
}

/* {"status": "ready", "order_id": true} */
static bool read_matches(struct scenario_reader *reader, void *target)
{
  struct load_matches *matches = target;
  struct bytes path;
  if (!json_read_object(&reader->json)) return false;
  while (json_read_key(&reader->json, &path)) {
    size_t mark = scenario_enter(reader, path);
    if (!field_path_is_valid(path) || matches->count == LOAD_LIST_MAX)
      return scenario_refuse(reader, "is no path of a field, or there are more than %d",
                             (int)LOAD_LIST_MAX);
    struct load_match *match = &matches->items[matches->count++];
    match->path = path;
    enum json_token token = json_next(&reader->json);
    if (token == JSON_ERROR) return false;
    match->any = token == JSON_TRUE;
    struct bytes text = reader->json.text;
    if (!match->any && token != JSON_STRING && token != JSON_INTEGER && token != JSON_NUMBER)
      return scenario_refuse(reader, "a string, a number, or true for any value is expected");
    if (!match->any && !scenario_template(reader, TEMPLATE_HEADER, text, &match->is)) return false;
    scenario_leave(reader, mark);
  }
  return true;
}

/* {"order": "order_id"} */
static bool read_takes(struct scenario_reader *reader, void *target)
{
  struct load_takes *takes = target;
  struct bytes name;
  if (!json_read_object(&reader->json)) return false;
  while (json_read_key(&reader->json, &name)) {
    size_t mark = scenario_enter(reader, name);
    int variable = template_name_is_valid(name) ? template_name(&reader->file->names, name) : -1;
    if (variable < 0 || takes->count == LOAD_LIST_MAX)
      return scenario_refuse(reader, "is no name for a variable, or there are too many");
    struct load_take *take = &takes->items[takes->count++];
    take->variable = (uint32_t)variable;
    if (!json_read_string(&reader->json, &take->path)) return false;
    if (!field_path_is_valid(take->path))
      return scenario_refuse(reader, "the path of a field is expected, like \"error.code\"");
    reader->file->names.set |= (uint32_t)1 << variable;
    scenario_leave(reader, mark);
  }
  return true;
}

static bool read_else(struct scenario_reader *reader, void *target)
{
  return scenario_read_choice(reader, "fail", "leave", target);
}

static bool read_every(struct scenario_reader *reader, void *target)
{
  struct load_span span;
  if (!scenario_read_span(reader, &span)) return false;
  *(int64_t *)target = span.low_ns;
  return span.low_ns == span.high_ns || scenario_refuse(reader, "one time is expected, no range");
}

static bool read_repeat(struct scenario_reader *reader, void *target)
{
  static const struct scenario_field fields[] = {
      {"every", read_every, offsetof(struct load_repeat, every_ns)},
      {"until", read_matches, offsetof(struct load_repeat, until)},
      {"at_most", scenario_read_count, offsetof(struct load_repeat, at_most)},
      {"else", read_else, offsetof(struct load_repeat, leave)},
  };
  uint32_t seen;
  if (!scenario_object(reader, fields, COUNT(fields), target, &seen)) return false;
  return (seen & 7) == 7 ||
         scenario_refuse(reader, "\"every\", \"until\" and \"at_most\" are needed here");
}

static bool read_retry(struct scenario_reader *reader, void *target)
{
  static const struct scenario_field fields[] = {
      {"on", read_conditions, offsetof(struct load_retry, on)},
      {"at_most", scenario_read_count, offsetof(struct load_retry, at_most)},
      {"after", scenario_read_span, offsetof(struct load_retry, after)},
      {"take", read_takes, offsetof(struct load_retry, take)},
  };
  uint32_t seen;
  if (!scenario_object(reader, fields, COUNT(fields), target, &seen)) return false;
  return (seen & 3) == 3 || scenario_refuse(reader, "\"on\" and \"at_most\" are needed here");
}

static bool has_code(const struct load_conditions *conditions)
{
  for (uint32_t i = 0; i < conditions->count; i++)
    if (conditions->items[i].status == 0) return true;
  return false;
}

bool scenario_read_step(struct scenario_reader *reader, struct load_step *step)
{
  static const struct scenario_field fields[] = {
      {"name", scenario_read_text, offsetof(struct load_step, name)},
      {"path", read_path, offsetof(struct load_step, path)},
      {"method", read_method, offsetof(struct load_step, method)},
      {"headers", read_headers, 0},
      {"body", read_body, 0},
      {"set", scenario_read_sets, offsetof(struct load_step, set)},
      {"think", scenario_read_span, offsetof(struct load_step, think)},
      {"chance", scenario_read_chance, offsetof(struct load_step, chance)},
      {"leave", scenario_read_chance, offsetof(struct load_step, leave)},
      {"again", scenario_read_chance, offsetof(struct load_step, again)},
      {"twice", scenario_read_chance, offsetof(struct load_step, twice)},
      {"expect", read_conditions, offsetof(struct load_step, expect)},
      {"end_on", read_conditions, offsetof(struct load_step, end_on)},
      {"check", read_matches, offsetof(struct load_step, check)},
      {"take", read_takes, offsetof(struct load_step, take)},
      {"repeat", read_repeat, offsetof(struct load_step, repeat)},
      {"retry", read_retry, offsetof(struct load_step, retry)},
  };
  uint32_t seen;
  if (!scenario_object(reader, fields, COUNT(fields), step, &seen)) return false;
  if ((seen & 3) != 3) return scenario_refuse(reader, "\"name\" and \"path\" are needed here");
  step->wants_code = has_code(&step->expect) || has_code(&step->end_on) ||
                     has_code(&step->retry.on);
  step->wants_body = step->wants_code || step->check.count > 0 || step->take.count > 0 ||
                     step->repeat.at_most > 0 || step->retry.take.count > 0;
  return true;
}
