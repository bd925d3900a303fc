#include "base/check.h"
#include "load/scenario_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const double RATE_MAX = 10e6;
static const double SECONDS_MAX = 7 * 86400;
static const double PEOPLE_MAX = 1e6;

/* ---- where the reader is, and what is wrong there ---- */

size_t scenario_enter(struct scenario_reader *reader, struct bytes name)
{
  size_t mark = reader->field_size;
  int size = snprintf(reader->field + mark, sizeof reader->field - mark, "%s%.*s",
                      mark == 0 ? "" : ".", BYTES_FORMAT(name));
  reader->field_size += (size_t)size;
  if (reader->field_size >= sizeof reader->field) reader->field_size = sizeof reader->field - 1;
  return mark;
}

size_t scenario_enter_index(struct scenario_reader *reader, uint32_t index)
{
  size_t mark = reader->field_size;
  int size = snprintf(reader->field + mark, sizeof reader->field - mark, "[%u]", index);
  reader->field_size += (size_t)size;
  if (reader->field_size >= sizeof reader->field) reader->field_size = sizeof reader->field - 1;
  return mark;
}

void scenario_leave(struct scenario_reader *reader, size_t mark)
{
  CHECK_THAT(mark, <=, reader->field_size);
  reader->field_size = mark;
  reader->field[mark] = 0;
}

bool scenario_refuse(struct scenario_reader *reader, const char *format, ...)
{
  char text[ERROR_MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return json_refuse(&reader->json, "%s", text);
}

static uint32_t line_of(struct bytes text, size_t offset)
{
  uint32_t line = 1;
  for (size_t i = 0; i < offset && i < text.size; i++) line += text.data[i] == '\n';
  return line;
}

/* ---- plain values ---- */

bool scenario_read_text(struct scenario_reader *reader, void *target)
{
  struct bytes *text = target;
  if (!json_read_string(&reader->json, text)) return false;
  return text->size > 0 || scenario_refuse(reader, "may not be empty");
}

bool scenario_read_choice(struct scenario_reader *reader, const char *first, const char *second,
                          bool *is_second)
{
  struct bytes text;
  if (!scenario_read_text(reader, &text)) return false;
  *is_second = bytes_equal(text, bytes_of_text(second));
  return *is_second || bytes_equal(text, bytes_of_text(first)) ||
         scenario_refuse(reader, "\"%s\" or \"%s\" is expected", first, second);
}

bool scenario_read_flag(struct scenario_reader *reader, void *target)
{
  return json_read_bool(&reader->json, target);
}

bool scenario_read_number(struct scenario_reader *reader, double *value)
{
  enum json_token token = json_next(&reader->json);
  char text[32];
  struct bytes number = reader->json.text;
  if (token == JSON_ERROR) return false;
  if ((token != JSON_INTEGER && token != JSON_NUMBER) || number.size >= sizeof text)
    return scenario_refuse(reader, "a number is expected");
  memcpy(text, number.data, number.size);
  text[number.size] = 0;
  *value = strtod(text, NULL);
  return (isfinite(*value) && *value >= 0) || scenario_refuse(reader, "may not be below 0");
}

bool scenario_read_chance(struct scenario_reader *reader, void *target)
{
  double *chance = target;
  if (!scenario_read_number(reader, chance)) return false;
  return *chance <= 1 || scenario_refuse(reader, "a chance is a number from 0 to 1");
}

bool scenario_read_count(struct scenario_reader *reader, void *target)
{
  enum { COUNT_MAX = 1000000 };
  int64_t number;
  if (!json_read_integer(&reader->json, &number)) return false;
  if (number < 1 || number > COUNT_MAX)
    return scenario_refuse(reader, "a number from 1 to %d is expected", (int)COUNT_MAX);
  *(uint32_t *)target = (uint32_t)number;
  return true;
}

/* "1.5s" at the begin of the text, taken off it. */
static bool take_time(struct bytes *text, int64_t *ns)
{
  static const struct {
    const char *name;
    double ns;
  } units[] = {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  char number[24];
  size_t size = 0;
  while (size < text->size && (memchr("0123456789.", text->data[size], 11) != NULL)) size++;
  if (size == 0 || size >= sizeof number) return false;
  memcpy(number, text->data, size);
  number[size] = 0;
  char *end;
  double value = strtod(number, &end);
  struct bytes rest = bytes_of(text->data + size, text->size - size);
  for (size_t i = 0; *end == 0 && i < COUNT(units); i++) {
    struct bytes unit = bytes_of_text(units[i].name);
    if (!bytes_starts_with(rest, unit)) continue;
    *ns = (int64_t)(value * units[i].ns);
    *text = bytes_of(rest.data + unit.size, rest.size - unit.size);
    return value * units[i].ns <= SECONDS_MAX * 1e9;
  }
  return false;
}

bool scenario_span(struct bytes text, struct load_span *span)
{
  if (!take_time(&text, &span->low_ns)) return false;
  span->high_ns = span->low_ns;
  if (text.size == 0) return true;
  if (text.data[0] != '-') return false;
  text = bytes_of(text.data + 1, text.size - 1);
  return take_time(&text, &span->high_ns) && text.size == 0 && span->high_ns >= span->low_ns;
}

bool scenario_read_span(struct scenario_reader *reader, void *target)
{
  struct bytes text;
  if (!json_read_string(&reader->json, &text)) return false;
  if (scenario_span(text, target)) return true;
  return scenario_refuse(reader, "a time is expected, like \"500ms\", \"2s\" or \"1s-3s\"");
}

bool scenario_template(struct scenario_reader *reader, enum template_use use, struct bytes text,
                       struct template *template)
{
  struct error error;
  struct load_file *file = reader->file;
  if (!template_compile(template, use, text, &file->names, reader->arena, &error))
    return scenario_refuse(reader, "%s", error.message);
  for (uint32_t i = 0; i < template->count; i++)
    if (template->parts[i].kind == PART_VARIABLE)
      reader->used |= (uint32_t)1 << template->parts[i].variable;
  return true;
}

bool scenario_read_sets(struct scenario_reader *reader, void *target)
{
  struct load_sets *sets = target;
  struct bytes name, text;
  if (!json_read_object(&reader->json)) return false;
  while (json_read_key(&reader->json, &name)) {
    size_t mark = scenario_enter(reader, name);
    int variable = template_name_is_valid(name) ? template_name(&reader->file->names, name) : -1;
    if (variable < 0)
      return scenario_refuse(reader, "is no name for a variable, or there are too many");
    if (sets->count == LOAD_LIST_MAX)
      return scenario_refuse(reader, "more than %d in one list", LOAD_LIST_MAX);
    struct load_set *set = &sets->items[sets->count++];
    if (!json_read_string(&reader->json, &text)) return false;
    set->variable = (uint32_t)variable;
    set->is_json = bytes_starts_with(text, BYTES("${some_seats ")) ||
                   bytes_equal(text, BYTES("${hot_seat}")) ||
                   bytes_starts_with(text, BYTES("${random "));
    if (!scenario_template(reader, TEMPLATE_HEADER, text, &set->value)) return false;
    reader->file->names.set |= (uint32_t)1 << variable;
    scenario_leave(reader, mark);
  }
  return true;
}

/* ---- objects ---- */

bool scenario_object(struct scenario_reader *reader, const struct scenario_field *fields,
                     size_t count, void *target, uint32_t *seen)
{
  struct bytes name;
  *seen = 0;
  if (!json_read_object(&reader->json)) return false;
  while (json_read_key(&reader->json, &name)) {
    size_t mark = scenario_enter(reader, name);
    size_t i = 0;
    while (i < count && !bytes_equal(name, bytes_of_text(fields[i].name))) i++;
    if (i == count) {
      char known[ERROR_MESSAGE_BYTES / 2] = "";
      size_t size = 0;
      for (size_t k = 0; k < count && size < sizeof known - 24; k++)
        size += (size_t)snprintf(known + size, sizeof known - size, "%s%.20s", k == 0 ? "" : ", ",
                                 fields[k].name);
      return scenario_refuse(reader, "is no field here; there are %s", known);
    }
    *seen |= (uint32_t)1 << i;
    if (!fields[i].read(reader, (char *)target + fields[i].offset)) return false;
    scenario_leave(reader, mark);
  }
  return reader->json.error.code == ERROR_NONE;
}

/* ---- stages ---- */

struct stage_object {
  struct stage stage;
  bool people;
};

/* 300, or [0, 30000]. */
static bool read_values(struct scenario_reader *reader, struct stage *stage, double most)
{
  struct bytes raw;
  if (!json_read_raw(&reader->json, &raw)) return false;
  char text[80];
  if (raw.size >= sizeof text) return scenario_refuse(reader, "a number or [from, to] is expected");
  memcpy(text, raw.data, raw.size);
  text[raw.size] = 0;
  char *end = text;
  bool pair = text[0] == '[';
  stage->from = strtod(pair ? text + 1 : text, &end);
  stage->to = stage->from;
  bool good = end != text && (pair || *end == 0);
  if (pair) {
    const char *comma = strchr(end, ',');
    char *to_end = end;
    if (comma != NULL) stage->to = strtod(comma + 1, &to_end);
    good = good && comma != NULL && to_end != comma + 1 && to_end[strspn(to_end, " \t\r\n")] == ']';
  }
  if (!good || !(stage->from >= 0) || !(stage->to >= 0) || stage->from > most || stage->to > most)
    return scenario_refuse(reader, "a number or [from, to] is expected, from 0 to %.0f", most);
  return true;
}

static bool read_rate(struct scenario_reader *reader, void *target)
{
  struct stage_object *object = target;
  return read_values(reader, &object->stage, RATE_MAX);
}

static bool read_people(struct scenario_reader *reader, void *target)
{
  struct stage_object *object = target;
  object->people = true;
  return read_values(reader, &object->stage, PEOPLE_MAX);
}

static bool read_seconds(struct scenario_reader *reader, void *target)
{
  struct stage_object *object = target;
  if (!scenario_read_number(reader, &object->stage.seconds)) return false;
  return (object->stage.seconds > 0 && object->stage.seconds <= SECONDS_MAX) ||
         scenario_refuse(reader, "a number of seconds up to %.0f is expected", SECONDS_MAX);
}

static bool read_stage(struct scenario_reader *reader, struct load_file *file)
{
  static const struct scenario_field fields[] = {
      {"seconds", read_seconds, 0}, {"rate", read_rate, 0}, {"virtual_users", read_people, 0}};
  struct stage_object object = {0};
  uint32_t seen;
  if (!scenario_object(reader, fields, COUNT(fields), &object, &seen)) return false;
  if (seen != 3 && seen != 5)
    return scenario_refuse(reader, "\"seconds\" and either \"rate\" or \"virtual_users\" belong "
                                   "here");
  if (file->stage_count > 0 && object.people != file->has_people)
    return scenario_refuse(reader, "all stages have a rate, or all have virtual users");
  file->has_people = object.people;
  file->stages[file->stage_count++] = object.stage;
  return true;
}

static bool read_stages(struct scenario_reader *reader, void *target)
{
  struct load_file *file = target;
  if (!json_read_array(&reader->json)) return false;
  while (json_read_element(&reader->json)) {
    if (file->stage_count == SCHEDULE_STAGES_MAX)
      return scenario_refuse(reader, "more than %d stages", (int)SCHEDULE_STAGES_MAX);
    size_t mark = scenario_enter_index(reader, file->stage_count);
    if (!read_stage(reader, file)) return false;
    scenario_leave(reader, mark);
  }
  if (file->stage_count > 0) return true;
  return scenario_refuse(reader, "at least one stage is needed");
}

/* ---- scenarios ---- */

static bool read_weight(struct scenario_reader *reader, void *target)
{
  double *weight = target;
  if (!scenario_read_number(reader, weight)) return false;
  return (*weight > 0 && *weight <= 1e6) ||
         scenario_refuse(reader, "a weight is a number above 0, up to 1000000");
}

static bool read_order(struct scenario_reader *reader, void *target)
{
  struct bytes name;
  if (!scenario_read_text(reader, &name)) return false;
  *(int *)target = template_name(&reader->file->names, name);
  reader->used |= *(int *)target < 0 ? 0 : (uint32_t)1 << *(int *)target;
  return *(int *)target >= 0 || scenario_refuse(reader, "too many variables");
}

static bool read_steps(struct scenario_reader *reader, void *target)
{
  struct load_scenario *scenario = target;
  struct load_file *file = reader->file;
  scenario->first_step = file->step_count;
  if (!json_read_array(&reader->json)) return false;
  while (json_read_element(&reader->json)) {
    size_t mark = scenario_enter_index(reader, scenario->step_count);
    if (file->step_count == LOAD_STEPS_MAX)
      return scenario_refuse(reader, "more than %d steps in one file", (int)LOAD_STEPS_MAX);
    struct load_step *step = &file->steps[file->step_count];
    *step = (struct load_step){.index = file->step_count, .chance = 1};
    if (!scenario_read_step(reader, step)) return false;
    file->step_count++;
    scenario->step_count++;
    scenario_leave(reader, mark);
  }
  return scenario->step_count > 0 || scenario_refuse(reader, "at least one step is needed");
}

static bool read_scenario(struct scenario_reader *reader, struct load_scenario *scenario)
{
  static const struct scenario_field fields[] = {
      {"name", scenario_read_text, offsetof(struct load_scenario, name)},
      {"steps", read_steps, 0},
      {"weight", read_weight, offsetof(struct load_scenario, weight)},
      {"set", scenario_read_sets, offsetof(struct load_scenario, set)},
      {"order", read_order, offsetof(struct load_scenario, order_variable)},
  };
  uint32_t seen;
  *scenario = (struct load_scenario){.weight = 1, .order_variable = -1};
  if (!scenario_object(reader, fields, COUNT(fields), scenario, &seen)) return false;
  return (seen & 3) == 3 || scenario_refuse(reader, "\"name\" and \"steps\" are needed here");
}

static bool read_scenarios(struct scenario_reader *reader, void *target)
{
  struct load_file *file = target;
  if (!json_read_array(&reader->json)) return false;
  while (json_read_element(&reader->json)) {
    size_t mark = scenario_enter_index(reader, file->scenario_count);
    if (file->scenario_count == LOAD_SCENARIOS_MAX)
      return scenario_refuse(reader, "more than %d scenarios", (int)LOAD_SCENARIOS_MAX);
    if (!read_scenario(reader, &file->scenarios[file->scenario_count])) return false;
    file->scenario_count++;
    scenario_leave(reader, mark);
  }
  return file->scenario_count > 0 || scenario_refuse(reader, "at least one scenario is needed");
}

static bool read_rate_of(struct scenario_reader *reader, void *target)
{
  return scenario_read_choice(reader, "journeys", "requests", target);
}

static bool read_fail_if(struct scenario_reader *reader, void *target)
{
  struct load_file *file = target;
  struct bytes text;
  if (!json_read_array(&reader->json)) return false;
  while (json_read_element(&reader->json)) {
    if (!scenario_read_text(reader, &text)) return false;
    char *copy = arena_alloc(reader->arena, text.size + 1);
    if (file->fail_if_count == LOAD_LIST_MAX || copy == NULL)
      return scenario_refuse(reader, "more than %d in one list", LOAD_LIST_MAX);
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    file->fail_if[file->fail_if_count++] = copy;
  }
  return true;
}

static bool read_file(struct scenario_reader *reader)
{
  static const struct scenario_field fields[] = {
      {"stages", read_stages, 0},
      {"scenarios", read_scenarios, 0},
      {"about", scenario_read_text, offsetof(struct load_file, about)},
      {"rate_of", read_rate_of, offsetof(struct load_file, counts_requests)},
      {"reconcile", scenario_read_flag, offsetof(struct load_file, reconcile)},
      {"fail_if", read_fail_if, 0},
  };
  uint32_t seen;
  struct load_file *file = reader->file;
  if (!scenario_object(reader, fields, COUNT(fields), file, &seen)) return false;
  if ((seen & 3) != 3) return scenario_refuse(reader, "\"stages\" and \"scenarios\" are needed");
  uint32_t missing = reader->used & ~file->names.set;
  if (missing != 0)
    return scenario_refuse(reader, "the variable '%.*s' is used, but no step takes or sets it",
                           BYTES_FORMAT(file->names.names[__builtin_ctz(missing)]));
  return json_read_end(&reader->json);
}

/* The words of the JSON reader without its own place. */
static const char *reason_of(const struct json_reader *json)
{
  const char *colon = strstr(json->error.message, "): ");
  return colon == NULL ? json->error.message : colon + 3;
}

bool scenario_read(struct load_file *file, const char *path, struct bytes text, struct arena *arena,
                   struct error *error)
{
  *file = (struct load_file){.arena = arena, .path = path};
  struct scenario_reader reader = {.file = file, .arena = arena};
  json_reader_init(&reader.json, text, arena);
  if (read_file(&reader)) return true;
  struct json_reader *json = &reader.json;
  CHECK(json->error.code != ERROR_NONE);
  /* The reader tells the byte in front of everything else. */
  static const char place[] = "invalid JSON at byte ";
  CHECK(strncmp(json->error.message, place, sizeof place - 1) == 0);
  unsigned long long offset = strtoull(json->error.message + sizeof place - 1, NULL, 10);
  const char *field = reader.field_size == 0 ? "the file" : reader.field;
  return error_set(error, ERROR_INVALID, "%s line %u: %s: %s", path, line_of(text, (size_t)offset),
                   field, reason_of(json));
}

/* ---- questions ---- */

static bool step_has(const struct load_step *step, enum part_kind kind)
{
  if (template_has(&step->path, kind) || (step->has_body && template_has(&step->body, kind)))
    return true;
  for (uint32_t i = 0; i < step->header_count; i++)
    if (template_has(&step->headers[i], kind)) return true;
  for (uint32_t i = 0; i < step->set.count; i++)
    if (template_has(&step->set.items[i].value, kind)) return true;
  return false;
}

bool scenario_has(const struct load_file *file, enum part_kind kind)
{
  for (uint32_t i = 0; i < file->step_count; i++)
    if (step_has(&file->steps[i], kind)) return true;
  for (uint32_t i = 0; i < file->scenario_count; i++)
    for (uint32_t k = 0; k < file->scenarios[i].set.count; k++)
      if (template_has(&file->scenarios[i].set.items[k].value, kind)) return true;
  return false;
}

int scenario_variable(const struct load_file *file, struct bytes name)
{
  for (uint32_t i = 0; i < file->names.count; i++)
    if (bytes_equal(file->names.names[i], name)) return (int)i;
  return -1;
}
