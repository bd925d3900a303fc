#include "bus/pattern_parts.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  PATH_TEXT_BYTES = 200, /* of a path in a message; a longer one is cut */
};

struct alternatives;

/* What must hold together: fields, and of each $or one alternative. */
struct conjunction {
  struct field **fields;
  uint32_t fields_count;
  struct alternatives *ors;
  uint32_t ors_count;
  uint32_t combinations; /* how many branches it makes; PATTERN_BRANCHES_MAX + 1: too many */
};

struct alternatives {
  struct conjunction *conjunctions;
  uint32_t count;
  uint32_t combinations;
};

/* --- Errors --- */

/* "detail.state"; a long one is cut at a character. */
static void path_text(const struct pattern_parser *parser, char text[PATH_TEXT_BYTES])
{
  size_t size = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < parser->depth && size < PATH_TEXT_BYTES; i++) {
    int added = snprintf(text + size, PATH_TEXT_BYTES - size, "%s%.*s", i == 0 ? "" : ".",
                         BYTES_FORMAT(parser->names[i]));
    size += (size_t)added;
  }
  if (size >= PATH_TEXT_BYTES) text[bytes_utf8_prefix(bytes_of(text, PATH_TEXT_BYTES - 1))] = 0;
}

bool parser_refuse(struct pattern_parser *parser, enum error_code code, const char *format, ...)
{
  if (parser->error->code != ERROR_NONE) return false;
  char path[PATH_TEXT_BYTES];
  char what[ERROR_MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(what, sizeof(what), format, arguments);
  va_end(arguments);
  path_text(parser, path);
  return error_set(parser->error, code, "%s%s%s", path, parser->depth == 0 ? "" : ": ", what);
}

bool parser_refuse_memory(struct pattern_parser *parser)
{
  return parser_refuse(parser, ERROR_NO_MEMORY, "out of memory");
}

enum json_token parser_next(struct pattern_parser *parser)
{
  enum json_token token = json_next(parser->reader);
  if (token == JSON_ERROR)
    parser_refuse(parser, parser->reader->error.code, "%s", parser->reader->error.message);
  return token;
}

bool parser_grow(struct pattern_parser *parser, void **elements, uint32_t count, size_t size)
{
  if (count != 0 && (count & (count - 1)) != 0) return true;
  if (count == 0 && *elements != NULL) return true;
  void *larger = arena_alloc_array(parser->arena, count == 0 ? 1 : 2 * (size_t)count, size);
  if (larger == NULL) {
    parser_refuse_memory(parser);
    return false;
  }
  if (count > 0) memcpy(larger, *elements, count * size);
  *elements = larger;
  return true;
}

/* --- Objects --- */

/* Names that mean something in a field's array: in an object of $or they are a mistake of level. */
static bool is_reserved(struct bytes name)
{
  static const char *const names[] = {"prefix",   "suffix",       "equals-ignore-case",
                                      "wildcard", "anything-but", "numeric",
                                      "exists",   "cidr"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (bytes_equal(name, bytes_of_text(names[i]))) return true;
  return false;
}

static bool read_object(struct pattern_parser *parser, struct conjunction *conjunction,
                        bool inside_or);

static bool read_field(struct pattern_parser *parser, struct conjunction *conjunction)
{
  struct field *field = arena_alloc(parser->arena, sizeof(*field));
  size_t names_bytes = parser->depth * sizeof(parser->names[0]);
  struct bytes *names = arena_alloc(parser->arena, names_bytes);
  if (field == NULL || names == NULL) return parser_refuse_memory(parser);
  memcpy(names, parser->names, names_bytes);
  *field = (struct field){.names = names, .depth = parser->depth};
  if (!parser_read_tests(parser, field)) return false;
  if (!parser_grow(parser, (void **)&conjunction->fields, conjunction->fields_count,
                   sizeof(struct field *)))
    return false;
  conjunction->fields[conjunction->fields_count++] = field;
  return true;
}

/* The array of $or, whose key was read. */
static bool read_or(struct pattern_parser *parser, struct conjunction *conjunction)
{
  struct alternatives alternatives = {0};
  if (parser_next(parser) != JSON_ARRAY_BEGIN)
    return parser_refuse(parser, ERROR_INVALID, "$or needs an array of objects");
  enum json_token token;
  while ((token = parser_next(parser)) != JSON_ARRAY_END) {
    if (token != JSON_OBJECT_BEGIN)
      return parser_refuse(parser, ERROR_INVALID, "$or needs an array of objects");
    struct conjunction alternative = {.combinations = 1};
    if (!read_object(parser, &alternative, true)) return false;
    if (!parser_grow(parser, (void **)&alternatives.conjunctions, alternatives.count,
                     sizeof(alternative)))
      return false;
    alternatives.conjunctions[alternatives.count++] = alternative;
    alternatives.combinations += alternative.combinations;
  }
  if (alternatives.count < 2)
    return parser_refuse(parser, ERROR_INVALID, "$or needs at least two objects");
  uint64_t combinations = (uint64_t)conjunction->combinations * alternatives.combinations;
  if (combinations > PATTERN_BRANCHES_MAX)
    return parser_refuse(parser, ERROR_LIMIT, "$or makes more than %d combinations",
                         PATTERN_BRANCHES_MAX);
  conjunction->combinations = (uint32_t)combinations;
  if (!parser_grow(parser, (void **)&conjunction->ors, conjunction->ors_count,
                   sizeof(alternatives)))
    return false;
  conjunction->ors[conjunction->ors_count++] = alternatives;
  return true;
}

/* What stands below a name: an object or an array. */
static bool read_member(struct pattern_parser *parser, struct conjunction *conjunction,
                        bool inside_or)
{
  struct bytes name = parser->reader->text;
  if (parser->depth == PATTERN_DEPTH_MAX)
    return parser_refuse(parser, ERROR_LIMIT, "nested deeper than %d names", PATTERN_DEPTH_MAX);
  parser->names[parser->depth++] = name;
  if (inside_or && is_reserved(name))
    return parser_refuse(parser, ERROR_INVALID, "an operator is not a name inside of $or");
  enum json_token token = parser_next(parser);
  bool good = false;
  if (token == JSON_OBJECT_BEGIN)
    good = read_object(parser, conjunction, inside_or);
  else if (token == JSON_ARRAY_BEGIN)
    good = read_field(parser, conjunction);
  else
    parser_refuse(parser, ERROR_INVALID, "must be an object or an array");
  parser->depth--;
  return good;
}

/* An object whose '{' was read; its fields become part of the conjunction. */
static bool read_object(struct pattern_parser *parser, struct conjunction *conjunction,
                        bool inside_or)
{
  enum json_token token = parser_next(parser);
  if (token == JSON_OBJECT_END)
    return parser_refuse(parser, ERROR_INVALID, "empty objects are not allowed");
  for (; token == JSON_KEY; token = parser_next(parser)) {
    bool good = bytes_equal(parser->reader->text, BYTES("$or"))
                    ? read_or(parser, conjunction)
                    : read_member(parser, conjunction, inside_or);
    if (!good) return false;
  }
  return token == JSON_OBJECT_END;
}

/* --- Branches --- */

static int compare_fields(const void *left, const void *right)
{
  const struct field *a = *(struct field *const *)left;
  const struct field *b = *(struct field *const *)right;
  for (uint32_t i = 0; i < a->depth && i < b->depth; i++) {
    int order = bytes_compare(a->names[i], b->names[i]);
    if (order != 0) return order;
  }
  return (a->depth > b->depth) - (a->depth < b->depth);
}

static int compare_ranks(const void *left, const void *right)
{
  uint32_t a = (*(struct field *const *)left)->rank;
  uint32_t b = (*(struct field *const *)right)->rank;
  return (a > b) - (a < b);
}

static uint32_t count_fields(const struct conjunction *conjunction)
{
  uint32_t count = conjunction->fields_count;
  for (uint32_t i = 0; i < conjunction->ors_count; i++)
    for (uint32_t j = 0; j < conjunction->ors[i].count; j++)
      count += count_fields(&conjunction->ors[i].conjunctions[j]);
  return count;
}

/* Writes all fields, in any order; returns where the next goes. */
static struct field **gather_fields(const struct conjunction *conjunction, struct field **to)
{
  for (uint32_t i = 0; i < conjunction->fields_count; i++) *to++ = conjunction->fields[i];
  for (uint32_t i = 0; i < conjunction->ors_count; i++)
    for (uint32_t j = 0; j < conjunction->ors[i].count; j++)
      to = gather_fields(&conjunction->ors[i].conjunctions[j], to);
  return to;
}

/*
 * Adds the fields of combination `number` to branch->fields, or only counts them when that is NULL.
 * The number's digits, in the base of each $or's combinations, say which alternative is taken.
 */
static void choose_fields(const struct conjunction *conjunction, uint32_t number,
                          struct branch *branch)
{
  CHECK_THAT(number, <, conjunction->combinations);
  for (uint32_t i = 0; i < conjunction->fields_count; i++) {
    if (branch->fields != NULL) branch->fields[branch->count] = conjunction->fields[i];
    branch->count++;
  }
  for (uint32_t i = 0; i < conjunction->ors_count; i++) {
    const struct alternatives *alternatives = &conjunction->ors[i];
    uint32_t digit = number % alternatives->combinations;
    number /= alternatives->combinations;
    const struct conjunction *chosen = alternatives->conjunctions;
    for (; digit >= chosen->combinations; chosen++) digit -= chosen->combinations;
    choose_fields(chosen, digit, branch);
  }
}

/* Whether the path of `left` is that of `right` or the start of it. */
static bool is_start(const struct field *left, const struct field *right)
{
  if (left->depth > right->depth) return false;
  for (uint32_t i = 0; i < left->depth; i++)
    if (!bytes_equal(left->names[i], right->names[i])) return false;
  return true;
}

/* Orders a branch, and refuses a path that is in it twice, or as a field and as an object. */
static bool finish_branch(struct pattern_parser *parser, struct branch *branch)
{
  qsort(branch->fields, branch->count, sizeof(struct field *), compare_ranks);
  for (uint32_t i = 0; i + 1 < branch->count; i++) {
    const struct field *field = branch->fields[i];
    const struct field *next = branch->fields[i + 1];
    if (!is_start(field, next)) continue;
    memcpy(parser->names, field->names, field->depth * sizeof(field->names[0]));
    parser->depth = field->depth;
    return parser_refuse(parser, ERROR_INVALID,
                         field->depth == next->depth
                             ? "the field is in one combination twice"
                             : "both an object and an array in one combination");
  }
  return true;
}

static bool make_branches(struct pattern_parser *parser, const struct conjunction *conjunction,
                          struct pattern *pattern)
{
  uint32_t count = conjunction->combinations;
  uint32_t uses = 0;
  pattern->branches = arena_alloc_array(parser->arena, count, sizeof(struct branch));
  if (pattern->branches == NULL) return parser_refuse_memory(parser);
  pattern->branches_count = count;
  for (uint32_t i = 0; i < count; i++) {
    struct branch *branch = &pattern->branches[i];
    *branch = (struct branch){0};
    choose_fields(conjunction, i, branch);
    uses += branch->count;
    if (uses > PATTERN_FIELDS_MAX)
      return parser_refuse(parser, ERROR_LIMIT,
                           "the combinations of $or have more than %d fields together",
                           PATTERN_FIELDS_MAX);
    branch->fields = arena_alloc_array(parser->arena, branch->count, sizeof(struct field *));
    if (branch->fields == NULL) return parser_refuse_memory(parser);
    branch->count = 0;
    choose_fields(conjunction, i, branch);
    if (!finish_branch(parser, branch)) return false;
  }
  return true;
}

static struct pattern *make_pattern(struct pattern_parser *parser,
                                    const struct conjunction *conjunction)
{
  struct pattern *pattern = arena_alloc(parser->arena, sizeof(*pattern));
  uint32_t count = count_fields(conjunction);
  struct field **fields = arena_alloc_array(parser->arena, count, sizeof(*fields));
  if (pattern == NULL || fields == NULL) {
    parser_refuse_memory(parser);
    return NULL;
  }
  CHECK(gather_fields(conjunction, fields) == fields + count);
  qsort(fields, count, sizeof(*fields), compare_fields);
  for (uint32_t i = 0; i < count; i++) {
    bool is_new = i == 0 || compare_fields(&fields[i - 1], &fields[i]) != 0;
    fields[i]->rank = is_new ? i : fields[i - 1]->rank;
  }
  *pattern = (struct pattern){.fields = fields, .fields_count = count};
  return make_branches(parser, conjunction, pattern) ? pattern : NULL;
}

struct pattern *pattern_parse(struct bytes text, struct arena *arena, struct error *error)
{
  struct json_reader reader;
  struct pattern_parser parser = {.reader = &reader, .arena = arena, .error = error};
  error->code = ERROR_NONE;
  if (text.size > PATTERN_BYTES_MAX) {
    parser_refuse(&parser, ERROR_LIMIT, "the pattern has %zu bytes, more than %d", text.size,
                  PATTERN_BYTES_MAX);
    return NULL;
  }
  struct bytes copy = arena_copy(arena, text); /* tests point into it */
  if (copy.data == NULL) {
    parser_refuse_memory(&parser);
    return NULL;
  }
  json_reader_init(&reader, copy, arena);
  struct conjunction conjunction = {.combinations = 1};
  if (parser_next(&parser) != JSON_OBJECT_BEGIN) {
    parser_refuse(&parser, ERROR_INVALID, "the pattern is not an object");
    return NULL;
  }
  if (!read_object(&parser, &conjunction, false)) return NULL;
  if (parser_next(&parser) != JSON_END) {
    parser_refuse(&parser, ERROR_INVALID, "something follows the pattern");
    return NULL;
  }
  return make_pattern(&parser, &conjunction);
}
