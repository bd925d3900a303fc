#include "provider/schema.h"

#include "base/check.h"
#include "provider/text.h"

#include <stdlib.h>

enum { TYPE_DEPTH_MAX = 32 };

static const char *const KIND_NAMES[SCHEMA_KINDS] = {
    [SCHEMA_PROVIDER] = "provider",   [SCHEMA_RESOURCE] = "resource", [SCHEMA_DATA] = "data",
    [SCHEMA_EPHEMERAL] = "ephemeral", [SCHEMA_BLOCK] = "block",
};

/* --- lines --- */

static bool to_kind(struct bytes word, enum schema_kind *kind)
{
  for (unsigned i = 0; i < SCHEMA_KINDS; i++) {
    if (bytes_equal(word, bytes_of_text(KIND_NAMES[i]))) {
      *kind = (enum schema_kind)i;
      return true;
    }
  }
  return false;
}

static int compare(const void *left, const void *right)
{
  const struct schema *a = left;
  const struct schema *b = right;
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  return bytes_compare(a->name, b->name);
}

static size_t count_lines(struct bytes data)
{
  size_t count = 0;
  for (; data.size > 0; count++) (void)text_next_part(&data, '\n');
  return count;
}

bool schemas_open(struct schemas *schemas, struct arena *arena, struct bytes data,
                  struct error *error)
{
  *schemas = (struct schemas){.arena = arena};
  schemas->all = text_alloc(arena, count_lines(data), sizeof(*schemas->all));
  while (data.size > 0) {
    struct bytes line = text_next_part(&data, '\n');
    if (line.size == 0 || line.data[0] == '#') continue;
    struct bytes rest = line;
    struct bytes word = text_next_part(&rest, ' ');
    if (bytes_equal(word, BYTES("version"))) {
      schemas->version = rest;
      continue;
    }
    struct schema *schema = &schemas->all[schemas->count++];
    if (!to_kind(word, &schema->kind))
      return error_set(error, ERROR_CORRUPT, "schema line of an unknown kind: %.*s",
                       BYTES_FORMAT(word));
    schema->name = text_next_part(&rest, ' ');
    schema->items = rest;
  }
  qsort(schemas->all, schemas->count, sizeof(*schemas->all), compare);
  return true;
}

/* --- items --- */

struct parser {
  struct schemas *schemas;
  struct bytes rest;
  unsigned depth;
  bool failed;
};

/* Fields while the end of their object is not reached. */
struct fields {
  struct field *all;
  size_t count;
  size_t capacity;
};

static const struct type *parse_type(struct parser *parser);
static const struct type *parse_block(struct parser *parser, char end);

static char peek(const struct parser *parser)
{
  return parser->rest.size > 0 ? (char)parser->rest.data[0] : '\0';
}

static char take(struct parser *parser)
{
  char first = peek(parser);
  if (first == '\0') return first;
  parser->rest = bytes_of(parser->rest.data + 1, parser->rest.size - 1);
  return first;
}

static void expect(struct parser *parser, char wanted)
{
  if (peek(parser) != wanted) parser->failed = true;
  take(parser);
}

static struct bytes take_name(struct parser *parser)
{
  size_t size = 0;
  while (size < parser->rest.size && strchr(":=@,(){} ", parser->rest.data[size]) == NULL) size++;
  struct bytes name = bytes_of(parser->rest.data, size);
  parser->rest = bytes_of(parser->rest.data + size, parser->rest.size - size);
  if (size == 0) parser->failed = true;
  return name;
}

static struct field *add_field(struct parser *parser, struct fields *fields)
{
  if (fields->count == fields->capacity) {
    size_t capacity = fields->capacity == 0 ? 8 : 2 * fields->capacity;
    struct field *all = text_alloc(parser->schemas->arena, capacity, sizeof(*all));
    if (fields->count > 0) memcpy(all, fields->all, fields->count * sizeof(*all));
    fields->all = all;
    fields->capacity = capacity;
  }
  return &fields->all[fields->count++];
}

static int compare_fields(const void *left, const void *right)
{
  return bytes_compare(((const struct field *)left)->name, ((const struct field *)right)->name);
}

static struct type *new_type(struct parser *parser, enum type_kind kind)
{
  struct type *type = text_alloc(parser->schemas->arena, 1, sizeof(*type));
  type->kind = kind;
  return type;
}

static const struct type *new_object(struct parser *parser, struct fields *fields)
{
  struct type *type = new_type(parser, TYPE_OBJECT);
  if (fields->count > 0) qsort(fields->all, fields->count, sizeof(*fields->all), compare_fields);
  type->fields = fields->all;
  type->count = fields->count;
  return type;
}

static const struct type *parse_object(struct parser *parser)
{
  struct fields fields = {0};
  expect(parser, '(');
  while (!parser->failed && peek(parser) != ')') {
    struct bytes name = take_name(parser);
    expect(parser, '=');
    const struct type *type = parse_type(parser);
    *add_field(parser, &fields) = (struct field){.name = name, .type = type};
    if (peek(parser) == ',') take(parser);
  }
  expect(parser, ')');
  return new_object(parser, &fields);
}

static const struct type *parse_collection(struct parser *parser, enum type_kind kind)
{
  struct type *type = new_type(parser, kind);
  expect(parser, '(');
  type->element = parse_type(parser);
  expect(parser, ')');
  return type;
}

static const struct type *parse_type(struct parser *parser)
{
  const struct type *type = NULL;
  if (++parser->depth > TYPE_DEPTH_MAX) parser->failed = true;
  char letter = parser->failed ? '\0' : take(parser);
  switch (letter) {
  case 's':
    type = new_type(parser, TYPE_STRING);
    break;
  case 'n':
    type = new_type(parser, TYPE_NUMBER);
    break;
  case 'b':
    type = new_type(parser, TYPE_BOOL);
    break;
  case 'L':
    type = parse_collection(parser, TYPE_LIST);
    break;
  case 'S':
    type = parse_collection(parser, TYPE_SET);
    break;
  case 'M':
    type = parse_collection(parser, TYPE_MAP);
    break;
  case 'O':
    type = parse_object(parser);
    break;
  default:
    parser->failed = true;
  }
  parser->depth--;
  return type;
}

static uint8_t parse_flags(struct parser *parser)
{
  static const char LETTERS[] = "rocsw"; /* in the order of enum field_flag */
  unsigned flags = 0;
  while (!parser->failed && peek(parser) != '=') {
    const char *letter = strchr(LETTERS, take(parser));
    if (letter == NULL || *letter == '\0') {
      parser->failed = true;
    } else {
      flags |= 1U << (letter - LETTERS);
    }
  }
  return (uint8_t)flags;
}

static uint8_t parse_digit(struct parser *parser)
{
  char digit = take(parser);
  if (digit < '0' || digit > '9') parser->failed = true;
  return (uint8_t)(digit - '0');
}

static void parse_nested(struct parser *parser, struct field *field)
{
  char nesting = take(parser);
  field->is_block = true;
  field->least = parse_digit(parser);
  field->most = parse_digit(parser);
  expect(parser, '{');
  const struct type *block = parse_block(parser, '}');
  expect(parser, '}');
  if (nesting == 'G') {
    field->type = block;
    return;
  }
  if (nesting != 'L' && nesting != 'S') parser->failed = true;
  struct type *type = new_type(parser, nesting == 'S' ? TYPE_SET : TYPE_LIST);
  type->element = block;
  field->type = type;
}

static void parse_item(struct parser *parser, struct fields *fields)
{
  struct field *field = add_field(parser, fields);
  field->name = take_name(parser);
  char mark = take(parser);
  if (mark == ':') {
    field->flags = parse_flags(parser);
    expect(parser, '=');
    field->type = parse_type(parser);
  } else if (mark == '@') {
    parse_nested(parser, field);
  } else {
    parser->failed = true;
  }
}

static const struct type *parse_reference(struct parser *parser)
{
  struct error error;
  take(parser);
  const struct type *block = schemas_find(parser->schemas, SCHEMA_BLOCK, take_name(parser), &error);
  if (block == NULL) parser->failed = true;
  return block;
}

/* Items up to `end`, which is not taken. */
static const struct type *parse_block(struct parser *parser, char end)
{
  struct fields fields = {0};
  if (++parser->depth > TYPE_DEPTH_MAX) parser->failed = true;
  if (peek(parser) == '&') {
    parser->depth--;
    return parse_reference(parser);
  }
  while (!parser->failed && peek(parser) != end) {
    parse_item(parser, &fields);
    if (peek(parser) == ' ') take(parser);
  }
  parser->depth--;
  return parser->failed ? NULL : new_object(parser, &fields);
}

const struct type *schemas_find(struct schemas *schemas, enum schema_kind kind, struct bytes name,
                                struct error *error)
{
  struct schema key = {.kind = kind, .name = name};
  struct schema *schema = schemas->count == 0 ? NULL
                                              : bsearch(&key, schemas->all, schemas->count,
                                                        sizeof(*schemas->all), compare);
  if (schema == NULL) {
    error_set(error, ERROR_NOT_FOUND,
              "the rehearsal provider has no schema of %s %.*s: add it to "
              "tools/provider_schema_extra.py and run tools/provider-schema",
              KIND_NAMES[kind], BYTES_FORMAT(name));
    return NULL;
  }
  if (schema->block != NULL) return schema->block;
  struct parser parser = {.schemas = schemas, .rest = schema->items, .failed = schema->is_open};
  schema->is_open = true;
  const struct type *block = parse_block(&parser, '\0');
  schema->is_open = false;
  if (parser.failed || parser.rest.size > 0) {
    error_set(error, ERROR_CORRUPT, "schema of %.*s: not understood before \"%.*s\"",
              BYTES_FORMAT(name), (int)(parser.rest.size > 40 ? 40 : parser.rest.size),
              (const char *)parser.rest.data);
    return NULL;
  }
  schema->block = block;
  return block;
}

const struct field *schema_field(const struct type *object, struct bytes name)
{
  for (size_t i = 0; i < object->count; i++) {
    if (bytes_equal(object->fields[i].name, name)) return &object->fields[i];
  }
  return NULL;
}

/* --- values of a type --- */

static bool conform_object(struct arena *arena, const struct type *type, const struct value *value,
                           struct value *conformed, struct error *error)
{
  *conformed = value_map(arena, type->count);
  for (size_t i = 0; i < type->count; i++) {
    const struct field *field = &type->fields[i];
    const struct value *item = value_get_bytes(value, field->name);
    conformed->keys[i] = field->name;
    bool is_absent_list = field->is_block && item->kind == VALUE_NULL &&
                          field->type->kind != TYPE_OBJECT;
    if (is_absent_list) {
      conformed->items[i] = value_list(arena, 0);
    } else if (!schema_conform(arena, field->type, item, &conformed->items[i], error)) {
      return false;
    }
  }
  return true;
}

static bool conform_parts(struct arena *arena, const struct type *type, const struct value *value,
                          struct value *conformed, struct error *error)
{
  *conformed = *value;
  conformed->items = text_alloc(arena, value->count, sizeof(*conformed->items));
  for (size_t i = 0; i < value->count; i++) {
    if (!schema_conform(arena, type->element, &value->items[i], &conformed->items[i], error))
      return false;
  }
  return true;
}

bool schema_conform(struct arena *arena, const struct type *type, const struct value *value,
                    struct value *conformed, struct error *error)
{
  static const enum value_kind KINDS[] = {
      [TYPE_STRING] = VALUE_STRING, [TYPE_NUMBER] = VALUE_NUMBER, [TYPE_BOOL] = VALUE_BOOL,
      [TYPE_LIST] = VALUE_LIST,     [TYPE_SET] = VALUE_LIST,      [TYPE_MAP] = VALUE_MAP,
      [TYPE_OBJECT] = VALUE_MAP,
  };
  *conformed = *value;
  if (value->kind == VALUE_NULL || value->kind == VALUE_UNKNOWN) return true;
  if (value->kind != KINDS[type->kind])
    return error_set(error, ERROR_INVALID, "a value is of another type than its schema says");
  if (type->kind == TYPE_OBJECT) return conform_object(arena, type, value, conformed, error);
  if (type->element != NULL) return conform_parts(arena, type, value, conformed, error);
  return true;
}

void schema_write_type(struct json_writer *writer, const struct type *type)
{
  static const char *const NAMES[] = {
      [TYPE_STRING] = "string", [TYPE_NUMBER] = "number", [TYPE_BOOL] = "bool",
      [TYPE_LIST] = "list",     [TYPE_SET] = "set",       [TYPE_MAP] = "map",
      [TYPE_OBJECT] = "object",
  };
  struct bytes name = bytes_of_text(NAMES[type->kind]);
  if (type->kind < TYPE_LIST) {
    json_write_string(writer, name);
    return;
  }
  json_write_array_begin(writer);
  json_write_string(writer, name);
  if (type->kind == TYPE_OBJECT) {
    json_write_object_begin(writer);
    for (size_t i = 0; i < type->count; i++) {
      json_write_key(writer, type->fields[i].name);
      schema_write_type(writer, type->fields[i].type);
    }
    json_write_object_end(writer);
  } else {
    schema_write_type(writer, type->element);
  }
  json_write_array_end(writer);
}
