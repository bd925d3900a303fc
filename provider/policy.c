#include "provider/policy.h"

#include "base/check.h"
#include "base/hash.h"
#include "provider/text.h"

#include <inttypes.h>
#include <stdlib.h>

enum { STATEMENTS_MAX = 512, INDENT = 2 };

static const char VERSION_DEFAULT[] = "2012-10-17";

/* The document while statements are added to it. */
struct document {
  struct arena *arena;
  struct diagnostics *diagnostics;
  struct bytes version;
  struct bytes id;
  struct value statements[STATEMENTS_MAX];
  size_t count;
};

/* --- building maps whose size is not known before --- */

enum { MEMBERS_MAX = 16 };

struct members {
  struct value items[MEMBERS_MAX];
  struct bytes keys[MEMBERS_MAX];
  size_t count;
};

static void add_member(struct members *members, const char *key, struct value item)
{
  CHECK_THAT(members->count, <, MEMBERS_MAX);
  members->keys[members->count] = bytes_of_text(key);
  members->items[members->count++] = item;
}

static struct value to_map(struct arena *arena, const struct members *members)
{
  struct value map = value_map(arena, members->count);
  memcpy(map.items, members->items, members->count * sizeof(*map.items));
  memcpy(map.keys, members->keys, members->count * sizeof(*map.keys));
  return map;
}

/* --- lists --- */

/* IAM's variables clash with Terraform's templates, so arguments write &{...} for ${...}. */
static struct bytes with_variables(struct arena *arena, struct bytes text)
{
  if (bytes_find(text, BYTES("&{")) == SIZE_MAX) return text;
  struct bytes copy = arena_copy(arena, text);
  uint8_t *bytes = (uint8_t *)copy.data;
  for (size_t i = 0; i + 1 < copy.size; i++) {
    if (bytes[i] == '&' && bytes[i + 1] == '{') bytes[i] = '$';
  }
  return copy;
}

static int compare_reversed(const void *left, const void *right)
{
  return bytes_compare(((const struct value *)right)->text, ((const struct value *)left)->text);
}

/* One element stands alone; more are a list in falling order, as hashicorp/aws has them. */
static struct value one_or_list(struct arena *arena, const struct value *list)
{
  struct value sorted = value_copy(arena, list);
  for (size_t i = 0; i < sorted.count; i++)
    sorted.items[i].text = with_variables(arena, sorted.items[i].text);
  if (sorted.count == 1) return sorted.items[0];
  qsort(sorted.items, sorted.count, sizeof(*sorted.items), compare_reversed);
  return sorted;
}

static bool is_given(const struct value *list)
{
  return list->kind == VALUE_LIST && list->count > 0;
}

static void add_list(struct document *document, struct members *members, const char *key,
                     const struct value *list)
{
  if (is_given(list)) add_member(members, key, one_or_list(document->arena, list));
}

/* --- principals and conditions --- */

static bool is_anyone(const struct value *principals)
{
  const struct value *only = &principals->items[0];
  const struct value *identifiers = value_get(only, "identifiers");
  return principals->count == 1 && bytes_equal(value_text(value_get(only, "type")), BYTES("*")) &&
         identifiers->count == 1 && bytes_equal(identifiers->items[0].text, BYTES("*"));
}

static size_t find_key(const struct value *map, struct bytes key)
{
  size_t i = 0;
  while (i < map->count && !bytes_equal(map->keys[i], key)) i++;
  return i;
}

/* Appends a member, or to the list that a member of this name has already. */
static void gather(struct arena *arena, struct value *map, struct bytes key,
                   const struct value *list)
{
  size_t at = find_key(map, key);
  struct value all = value_list(arena, list->count + (at < map->count ? map->items[at].count : 0));
  size_t next = 0;
  for (size_t i = 0; at < map->count && i < map->items[at].count; i++)
    all.items[next++] = map->items[at].items[i];
  for (size_t i = 0; i < list->count; i++) all.items[next++] = list->items[i];
  map->keys[at] = key;
  map->items[at] = all;
  if (at == map->count) map->count++;
}

static int compare_keys(const void *left, const void *right)
{
  return bytes_compare(*(const struct bytes *)left, *(const struct bytes *)right);
}

/* Go writes maps in the order of their keys. */
static struct value in_key_order(struct arena *arena, const struct value *map)
{
  struct value sorted = value_map(arena, map->count);
  if (map->count > 0) memcpy(sorted.keys, map->keys, map->count * sizeof(*map->keys));
  qsort(sorted.keys, sorted.count, sizeof(*sorted.keys), compare_keys);
  for (size_t i = 0; i < map->count; i++) sorted.items[i] = *value_get_bytes(map, sorted.keys[i]);
  return sorted;
}

static struct value principals_of(struct arena *arena, const struct value *principals)
{
  if (is_anyone(principals)) return value_string(BYTES("*"));
  struct value map = value_map(arena, principals->count);
  map.count = 0;
  for (size_t i = 0; i < principals->count; i++)
    gather(arena, &map, value_text(value_get(&principals->items[i], "type")),
           value_get(&principals->items[i], "identifiers"));
  for (size_t i = 0; i < map.count; i++) map.items[i] = one_or_list(arena, &map.items[i]);
  return in_key_order(arena, &map);
}

/* Test -> variable -> values. */
static struct value conditions_of(struct arena *arena, const struct value *conditions)
{
  struct value tests = value_map(arena, conditions->count);
  tests.count = 0;
  for (size_t i = 0; i < conditions->count; i++) {
    struct bytes test = value_text(value_get(&conditions->items[i], "test"));
    size_t at = find_key(&tests, test);
    if (at == tests.count) {
      tests.keys[at] = test;
      tests.items[at] = value_map(arena, conditions->count);
      tests.items[at].count = 0;
      tests.count++;
    }
    gather(arena, &tests.items[at], value_text(value_get(&conditions->items[i], "variable")),
           value_get(&conditions->items[i], "values"));
  }
  for (size_t i = 0; i < tests.count; i++) {
    struct value *variables = &tests.items[i];
    for (size_t j = 0; j < variables->count; j++)
      variables->items[j] = one_or_list(arena, &variables->items[j]);
    *variables = in_key_order(arena, variables);
  }
  return in_key_order(arena, &tests);
}

/* --- statements --- */

static struct value statement_of(struct document *document, const struct value *from)
{
  struct members members = {0};
  struct bytes sid = value_text(value_get(from, "sid"));
  struct bytes effect = value_text(value_get(from, "effect"));
  if (sid.size > 0) add_member(&members, "Sid", value_string(sid));
  add_member(&members, "Effect", value_string(effect.size > 0 ? effect : BYTES("Allow")));
  add_list(document, &members, "Action", value_get(from, "actions"));
  add_list(document, &members, "NotAction", value_get(from, "not_actions"));
  add_list(document, &members, "Resource", value_get(from, "resources"));
  add_list(document, &members, "NotResource", value_get(from, "not_resources"));
  const struct value *principals = value_get(from, "principals");
  const struct value *not_principals = value_get(from, "not_principals");
  const struct value *conditions = value_get(from, "condition");
  if (is_given(principals))
    add_member(&members, "Principal", principals_of(document->arena, principals));
  if (is_given(not_principals))
    add_member(&members, "NotPrincipal", principals_of(document->arena, not_principals));
  if (is_given(conditions))
    add_member(&members, "Condition", conditions_of(document->arena, conditions));
  return to_map(document->arena, &members);
}

/* `merged`: so many statements came from other documents, which this one may replace. */
static void check_statement(struct document *document, const struct value *from, size_t index,
                            size_t merged)
{
  struct path list = path_attribute(NULL, "statement");
  struct path element = path_element(&list, index);
  struct path path = path_attribute(&element, "effect");
  struct bytes effect = value_text(value_get(from, "effect"));
  if (effect.size > 0 && !text_is_word_of(effect, "Allow Deny"))
    diagnostics_add(document->diagnostics, DIAGNOSTIC_ERROR, &path, "Effect of a statement",
                    "effect must be \"Allow\" or \"Deny\", not \"%.*s\".", BYTES_FORMAT(effect));
  struct bytes sid = value_text(value_get(from, "sid"));
  for (size_t i = merged; sid.size > 0 && i < document->count; i++) {
    path = path_attribute(&element, "sid");
    if (bytes_equal(value_text(value_get(&document->statements[i], "Sid")), sid))
      diagnostics_add(document->diagnostics, DIAGNOSTIC_ERROR, &path, "Duplicate Sid",
                      "Two statements have the sid \"%.*s\"; it must be unique in a policy.",
                      BYTES_FORMAT(sid));
  }
}

/* Adds a statement; `replaces`: in the place of the one with the same Sid. */
static void add_statement(struct document *document, struct value statement, bool replaces)
{
  struct bytes sid = value_text(value_get(&statement, "Sid"));
  for (size_t i = 0; replaces && sid.size > 0 && i < document->count; i++) {
    if (bytes_equal(value_text(value_get(&document->statements[i], "Sid")), sid)) {
      document->statements[i] = statement;
      return;
    }
  }
  if (document->count == STATEMENTS_MAX) {
    diagnostics_add(document->diagnostics, DIAGNOSTIC_ERROR, NULL, "Policy is too long",
                    "A policy document has %d statements at most here.", STATEMENTS_MAX);
    return;
  }
  document->statements[document->count++] = statement;
}

/* --- documents that are merged in --- */

static void merge_json(struct document *document, struct bytes json, const char *argument)
{
  struct error error;
  struct value other;
  struct path path = path_attribute(NULL, argument);
  if (json.size == 0) return;
  bool is_json = value_from_json(document->arena, json, &other, &error);
  if (!is_json || other.kind != VALUE_MAP) {
    diagnostics_add(document->diagnostics, DIAGNOSTIC_ERROR, &path, "Policy does not parse",
                    "%s holds a document that is no policy: %s", argument,
                    is_json ? "it is no object" : error.message);
    return;
  }
  struct bytes version = value_text(value_get(&other, "Version"));
  struct bytes id = value_text(value_get(&other, "Id"));
  if (version.size > 0) document->version = version;
  if (id.size > 0) document->id = id;
  const struct value *statements = value_get(&other, "Statement");
  if (statements->kind == VALUE_MAP) add_statement(document, *statements, true);
  for (size_t i = 0; statements->kind == VALUE_LIST && i < statements->count; i++)
    add_statement(document, statements->items[i], true);
}

static void merge_all(struct document *document, const struct value *state, const char *argument)
{
  const struct value *list = value_get(state, argument);
  for (size_t i = 0; list->kind == VALUE_LIST && i < list->count; i++)
    merge_json(document, value_text(&list->items[i]), argument);
}

/* --- JSON with line breaks --- */

static void write_indented(struct buffer *to, const struct value *value, unsigned depth)
{
  static const char *const BRACKETS[2] = {"[]", "{}"};
  bool is_map = value->kind == VALUE_MAP;
  if ((!is_map && value->kind != VALUE_LIST) || value->count == 0) {
    struct json_writer writer;
    json_writer_init(&writer, to);
    value_write_json(&writer, value);
    return;
  }
  const char *brackets = BRACKETS[is_map];
  buffer_append_byte(to, (uint8_t)brackets[0]);
  for (size_t i = 0; i < value->count; i++) {
    buffer_append_format(to, "%s\n%*s", i > 0 ? "," : "", (int)(INDENT * (depth + 1)), "");
    if (is_map) {
      struct value key = value_string(value->keys[i]);
      write_indented(to, &key, depth);
      buffer_append(to, BYTES(": "));
    }
    write_indented(to, &value->items[i], depth + 1);
  }
  buffer_append_format(to, "\n%*s%c", (int)(INDENT * depth), "", brackets[1]);
}

static void finish(struct document *document, struct value *state)
{
  struct members members = {0};
  struct value statements = {
      .kind = VALUE_LIST, .count = document->count, .items = document->statements};
  add_member(&members, "Version", value_string(document->version));
  if (document->id.size > 0) add_member(&members, "Id", value_string(document->id));
  if (document->count > 0) add_member(&members, "Statement", statements);
  struct value map = to_map(document->arena, &members);
  struct buffer buffer;
  buffer_init(&buffer, document->arena->memory);
  write_indented(&buffer, &map, 0);
  CHECK(!buffer.failed);
  struct bytes json = arena_copy(document->arena, buffer_bytes(&buffer));
  buffer_free(&buffer);
  value_set(state, BYTES("json"), value_string(json));
  value_set(state, BYTES("minified_json"), value_string(value_to_json(document->arena, &map)));
  value_set(state, BYTES("id"),
            value_string(text_format(document->arena, "%" PRIu32, (uint32_t)hash_bytes(json, 0))));
}

void policy_render(struct arena *arena, struct value *state, struct diagnostics *diagnostics)
{
  struct document *document = text_alloc(arena, 1, sizeof(*document));
  document->arena = arena;
  document->diagnostics = diagnostics;
  document->version = bytes_of_text(VERSION_DEFAULT);
  merge_json(document, value_text(value_get(state, "source_json")), "source_json");
  merge_all(document, state, "source_policy_documents");
  struct bytes version = value_text(value_get(state, "version"));
  struct bytes id = value_text(value_get(state, "policy_id"));
  if (version.size > 0) document->version = version;
  if (id.size > 0) document->id = id;
  const struct value *statements = value_get(state, "statement");
  size_t merged = document->count;
  for (size_t i = 0; statements->kind == VALUE_LIST && i < statements->count; i++) {
    check_statement(document, &statements->items[i], i, merged);
    add_statement(document, statement_of(document, &statements->items[i]), true);
  }
  merge_json(document, value_text(value_get(state, "override_json")), "override_json");
  merge_all(document, state, "override_policy_documents");
  if (diagnostics->errors == 0) finish(document, state);
}
