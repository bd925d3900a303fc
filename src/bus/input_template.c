#include "bus/input.h"

#include "base/instant.h"
#include "base/json.h"

#include <string.h>

enum { SECOND_BYTES = 20 }; /* "2026-11-23T05:12:00Z" */

/* Where a variable's value comes from. */
enum source {
  SOURCE_PATH,
  SOURCE_RULE_ARN,
  SOURCE_RULE_NAME,
  SOURCE_INGESTION_TIME,
  SOURCE_EVENT,
  SOURCE_EVENT_JSON,
};

static const struct {
  const char *name;
  enum source source;
} RESERVED[] = {
    {"aws.events.rule-arn", SOURCE_RULE_ARN},
    {"aws.events.rule-name", SOURCE_RULE_NAME},
    {"aws.events.event.ingestion-time", SOURCE_INGESTION_TIME},
    {"aws.events.event", SOURCE_EVENT},
    {"aws.events.event.json", SOURCE_EVENT_JSON},
};

/* Text as it is, and then, unless it is the last piece, a variable. */
struct piece {
  struct bytes literal;
  bool is_last;
  bool quoted; /* the variable stands within a string */
  enum source source;
  uint32_t variable; /* SOURCE_PATH: which */
};

struct input_template {
  const struct input_path **paths; /* of variables */
  uint32_t path_count;
  struct piece *pieces;
  size_t piece_count;
};

/* ---- compiling ---- */

struct compiler {
  struct bytes text;
  const struct bus_variable *variables;
  uint32_t variable_count;
  struct arena *arena;
  struct error *error;
  struct input_template *template;
  uint8_t *literal; /* room for the whole text: what was written of the current literal */
  size_t size;
  size_t start; /* of the current literal */
};

static bool is_name_byte(uint8_t byte)
{
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == '-';
}

/* The name of "<name>" at an offset; size 0: there is none, '<' is a letter like others. */
static struct bytes name_at(struct bytes text, size_t at)
{
  size_t i = at + 1;
  while (i < text.size && (is_name_byte(text.data[i]) || text.data[i] == '.')) i++;
  if (i == text.size || text.data[i] != '>') return (struct bytes){NULL, 0};
  return bytes_of(text.data + at + 1, i - at - 1);
}

static bool resolve(const struct compiler *compiler, struct bytes name, struct piece *piece)
{
  for (size_t i = 0; i < sizeof RESERVED / sizeof RESERVED[0]; i++) {
    if (!bytes_equal(name, bytes_of_text(RESERVED[i].name))) continue;
    piece->source = RESERVED[i].source;
    return true;
  }
  piece->source = SOURCE_PATH;
  for (uint32_t i = 0; i < compiler->variable_count; i++) {
    if (!bytes_equal(name, compiler->variables[i].name)) continue;
    piece->variable = i;
    return true;
  }
  return error_set(compiler->error, ERROR_INVALID, "<%.*s> is no variable of this template",
                   BYTES_FORMAT(name));
}

static void end_literal(struct compiler *compiler, struct piece *piece)
{
  piece->literal = bytes_of(compiler->literal + compiler->start, compiler->size - compiler->start);
  compiler->start = compiler->size;
}

static bool is_space(uint8_t byte)
{
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Splits into pieces; `keep_lines`: line breaks between strings stay. */
static bool split(struct compiler *compiler, bool keep_lines)
{
  struct bytes text = compiler->text;
  struct input_template *template = compiler->template;
  bool quoted = false;
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    struct bytes name = byte == '<' ? name_at(text, i) : (struct bytes){NULL, 0};
    if (name.size > 0) {
      struct piece *piece = &template->pieces[template->piece_count++];
      *piece = (struct piece){.quoted = quoted};
      end_literal(compiler, piece);
      if (!resolve(compiler, name, piece)) return false;
      i += name.size + 1;
      continue;
    }
    if (byte == '"') quoted = !quoted;
    if (!quoted && is_space(byte) && !(keep_lines && byte == '\n')) continue;
    compiler->literal[compiler->size++] = byte;
    if (quoted && byte == '\\' && i + 1 < text.size)
      compiler->literal[compiler->size++] = text.data[++i];
  }
  struct piece *last = &template->pieces[template->piece_count++];
  *last = (struct piece){.is_last = true};
  end_literal(compiler, last);
  return true;
}

/* What stands for a variable within a string: no template has it, a key with it is noticed. */
static const struct bytes MARK = {(const uint8_t *)"\xEF\xBF\xBF", 3};

/* The template with this for each variable that stands alone. */
static struct bytes sample(const struct compiler *compiler, struct bytes alone)
{
  const struct input_template *template = compiler->template;
  uint8_t *text = arena_alloc(compiler->arena, compiler->text.size + 1);
  size_t size = 0;
  if (text == NULL) return (struct bytes){NULL, 0};
  for (size_t i = 0; i < template->piece_count; i++) {
    const struct piece *piece = &template->pieces[i];
    memcpy(text + size, piece->literal.data, piece->literal.size);
    size += piece->literal.size;
    if (piece->is_last) break;
    /* Three bytes or less, as many as "<x>" has. */
    struct bytes value = piece->quoted ? MARK : alone;
    memcpy(text + size, value.data, value.size);
    size += value.size;
  }
  return bytes_of(text, size);
}

static bool is_document(struct json_reader *reader, struct bytes text, struct arena *arena)
{
  json_reader_init(reader, text, arena);
  enum json_token token = json_next(reader);
  for (; token != JSON_END && token != JSON_ERROR; token = json_next(reader))
    if (token == JSON_KEY && bytes_find(reader->text, MARK) != SIZE_MAX)
      return json_refuse(reader, "a variable cannot be part of a name");
  return token == JSON_END;
}

/* Lines that are each a string. */
static bool are_strings(struct json_reader *reader, struct bytes text, struct arena *arena)
{
  bool any = false;
  while (text.size > 0) {
    size_t end = bytes_find(text, BYTES("\n"));
    size_t size = end == SIZE_MAX ? text.size : end;
    if (size > 0) {
      if (text.data[0] != '"' || !is_document(reader, bytes_of(text.data, size), arena))
        return false;
      any = true;
    }
    size_t used = size + (end != SIZE_MAX);
    text = bytes_of(text.data + used, text.size - used);
  }
  return any;
}

/* A number and a string in place of each variable: what one hides the other shows. */
static bool is_valid(const struct compiler *compiler, struct json_reader *reader, bool lines)
{
  const struct bytes alone[] = {BYTES("0"), BYTES("\"\"")};
  for (size_t i = 0; i < 2; i++) {
    struct bytes text = sample(compiler, alone[i]);
    if (text.data == NULL) {
      reader->error.code = ERROR_NO_MEMORY;
      return false;
    }
    if (lines ? !are_strings(reader, text, compiler->arena)
              : !is_document(reader, text, compiler->arena))
      return false;
  }
  return true;
}

static bool compile_pieces(struct compiler *compiler)
{
  struct json_reader *reader = arena_alloc(compiler->arena, sizeof *reader);
  if (reader == NULL)
    return error_set(compiler->error, ERROR_NO_MEMORY, "no memory for a template");
  for (int lines = 1; lines >= 0; lines--) {
    compiler->size = compiler->start = 0;
    compiler->template->piece_count = 0;
    reader->error.code = ERROR_NONE;
    if (!split(compiler, lines == 1)) return false;
    if (is_valid(compiler, reader, lines == 1)) return true;
    if (reader->error.code == ERROR_NO_MEMORY) break;
  }
  if (reader->error.code == ERROR_NO_MEMORY)
    return error_set(compiler->error, ERROR_NO_MEMORY, "no memory for a template");
  return error_set(compiler->error, ERROR_INVALID, "the template is not JSON: %s",
                   reader->error.message);
}

static bool check_name(struct bytes name)
{
  if (name.size == 0 || name.size > BUS_VARIABLE_NAME_MAX) return false;
  for (size_t i = 0; i < name.size; i++)
    if (!is_name_byte(name.data[i])) return false;
  return !bytes_starts_with(name, BYTES("AWS.")) && !bytes_starts_with(name, BYTES("aws."));
}

static bool compile_paths(struct compiler *compiler)
{
  for (uint32_t i = 0; i < compiler->variable_count; i++) {
    const struct bus_variable *variable = &compiler->variables[i];
    if (!check_name(variable->name))
      return error_set(compiler->error, ERROR_INVALID,
                       "\"%.*s\" is no name of a variable: it has letters, digits, _ and -",
                       BYTES_FORMAT(variable->name));
    for (uint32_t k = 0; k < i; k++)
      if (bytes_equal(compiler->variables[k].name, variable->name))
        return error_set(compiler->error, ERROR_INVALID, "the variable <%.*s> stands twice",
                         BYTES_FORMAT(variable->name));
    const struct input_path *path = input_path_compile(variable->path, compiler->arena,
                                                       compiler->error);
    if (path == NULL) return false;
    compiler->template->paths[i] = path;
  }
  return true;
}

const struct input_template *input_template_compile(struct bytes text,
                                                    const struct bus_variable *variables,
                                                    uint32_t variable_count, struct arena *arena,
                                                    struct error *error)
{
  if (text.size == 0 || text.size > BUS_TEMPLATE_MAX || variable_count > BUS_VARIABLES_MAX) {
    error_set(error, ERROR_INVALID, "a template has 1 to %d bytes and at most %d variables",
              BUS_TEMPLATE_MAX, BUS_VARIABLES_MAX);
    return NULL;
  }
  struct compiler compiler = {.text = text,
                              .variables = variables,
                              .variable_count = variable_count,
                              .arena = arena,
                              .error = error,
                              .template = arena_alloc(arena, sizeof *compiler.template),
                              .literal = arena_alloc(arena, text.size)};
  /* A variable takes three bytes or more. */
  struct piece *pieces = arena_alloc_array(arena, text.size / 3 + 1, sizeof *pieces);
  const struct input_path **paths = arena_alloc_array(arena, variable_count, sizeof *paths);
  if (compiler.template == NULL || compiler.literal == NULL || pieces == NULL || paths == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for a template");
    return NULL;
  }
  *compiler.template = (struct input_template){
      .paths = paths, .path_count = variable_count, .pieces = pieces};
  return compile_paths(&compiler) && compile_pieces(&compiler) ? compiler.template : NULL;
}

/* ---- filling ---- */

struct filler {
  const struct input_event *event;
  struct arena *arena;
  struct bytes *values; /* JSON of each path's variable; data NULL: not found */
  bool *known;
  struct bytes without_detail; /* once it is needed */
};

/* A text that needs no escapes, in quotes. */
static struct bytes quote(struct arena *arena, struct bytes text)
{
  uint8_t *quoted = arena_alloc(arena, text.size + 2);
  if (quoted == NULL) return (struct bytes){NULL, 1};
  quoted[0] = '"';
  memcpy(quoted + 1, text.data, text.size);
  quoted[text.size + 1] = '"';
  return bytes_of(quoted, text.size + 2);
}

/* The envelope without its detail. */
static struct bytes drop_detail(struct bytes event, struct arena *arena)
{
  const struct bytes no_memory = {NULL, 1};
  struct json_reader *reader = arena_alloc(arena, sizeof *reader);
  uint8_t *text = arena_alloc(arena, event.size + 2);
  struct bytes key, raw;
  if (reader == NULL || text == NULL) return no_memory;
  size_t size = 0;
  text[size++] = '{';
  json_reader_init(reader, event, arena);
  json_read_object(reader);
  while (json_read_key(reader, &key)) {
    size_t start = reader->token_offset; /* of the key as it is written */
    if (!json_read_raw(reader, &raw)) break;
    if (bytes_equal(key, BYTES("detail"))) continue;
    size_t span = (size_t)(raw.data + raw.size - event.data) - start;
    if (size > 1) text[size++] = ',';
    memcpy(text + size, event.data + start, span);
    size += span;
  }
  if (reader->error.code == ERROR_NO_MEMORY) return no_memory;
  text[size++] = '}';
  return bytes_of(text, size);
}

static struct bytes value_of(struct filler *filler, const struct input_template *template,
                             const struct piece *piece)
{
  const struct input_event *event = filler->event;
  char time[INSTANT_TEXT_BYTES];
  switch (piece->source) {
  case SOURCE_RULE_ARN:
    return quote(filler->arena, event->rule_arn);
  case SOURCE_RULE_NAME:
    return quote(filler->arena, event->rule_name);
  case SOURCE_INGESTION_TIME:
    instant_format(event->ingested_ms, time);
    time[SECOND_BYTES - 1] = 'Z';
    return quote(filler->arena, bytes_of(time, SECOND_BYTES));
  case SOURCE_EVENT:
    if (filler->without_detail.data == NULL)
      filler->without_detail = drop_detail(event->envelope, filler->arena);
    return filler->without_detail;
  case SOURCE_EVENT_JSON:
    return event->envelope;
  case SOURCE_PATH:
    break;
  }
  uint32_t i = piece->variable;
  if (!filler->known[i]) {
    filler->values[i] = input_path_find(template->paths[i], event->envelope, filler->arena);
    filler->known[i] = true;
  }
  return filler->values[i];
}

/* JSON as it stands within a string: quotes, backslashes and white space are escaped. */
static void append_escaped(struct buffer *buffer, struct bytes json)
{
  static const char letters[] = {['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
  for (size_t i = 0; i < json.size; i++) {
    uint8_t byte = json.data[i];
    if (byte == '"' || byte == '\\') {
      buffer_append_byte(buffer, '\\');
      buffer_append_byte(buffer, byte);
    } else if (byte == '\n' || byte == '\r' || byte == '\t') {
      buffer_append_byte(buffer, '\\');
      buffer_append_byte(buffer, (uint8_t)letters[byte]);
    } else {
      buffer_append_byte(buffer, byte);
    }
  }
}

static void append_value(struct buffer *buffer, struct bytes value, bool quoted)
{
  if (!input_found(value)) {
    if (!quoted) buffer_append(buffer, BYTES("\"\""));
  } else if (!quoted) {
    buffer_append(buffer, value);
  } else if (value.data[0] == '"') {
    /* What is between its quotes is escaped as the event had it. */
    buffer_append(buffer, bytes_of(value.data + 1, value.size - 2));
  } else {
    append_escaped(buffer, value);
  }
}

struct bytes input_template_fill(const struct input_template *template,
                                 const struct input_event *event, struct arena *arena)
{
  struct filler filler = {
      .event = event,
      .arena = arena,
      .values = arena_alloc_array(arena, template->path_count, sizeof *filler.values),
      .known = arena_alloc_array(arena, template->path_count, sizeof *filler.known),
  };
  struct bytes filled = {NULL, 0};
  struct buffer buffer;
  if (filler.values == NULL || filler.known == NULL) return filled;
  memset(filler.known, 0, template->path_count * sizeof *filler.known);
  buffer_init(&buffer, arena->memory);
  for (size_t i = 0; i < template->piece_count && !buffer.failed; i++) {
    const struct piece *piece = &template->pieces[i];
    buffer_append(&buffer, piece->literal);
    if (piece->is_last) break;
    struct bytes value = value_of(&filler, template, piece);
    if (input_failed(value)) buffer.failed = true;
    if (!buffer.failed) append_value(&buffer, value, piece->quoted);
  }
  if (!buffer.failed) filled = arena_copy(arena, buffer_bytes(&buffer));
  buffer_free(&buffer);
  return filled;
}
