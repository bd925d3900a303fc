/*
 * Event patterns by their definition: every choice of a value for each field is tried. Slow, and
 * shares with src/bus nothing but text_fold; the oracle of unit tests and fuzz targets. Patterns
 * must be valid, events JSON objects.
 */
#ifndef TACOS_TESTS_UNIT_BUS_PATTERN_NAIVE_H
#define TACOS_TESTS_UNIT_BUS_PATTERN_NAIVE_H

#include "base/check.h"
#include "base/decimal.h"
#include "base/json.h"
#include "bus/pattern_parts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  NAIVE_DIGITS_MAX = 36,
  NAIVE_MAGNITUDE_MAX = 120,
};

/* A JSON document as a tree. */
struct naive_node {
  enum json_token kind; /* the first token */
  struct bytes key;     /* of a member */
  struct bytes text;
  struct naive_node *child;
  struct naive_node *next;
};

struct naive_path {
  struct bytes key;
  const struct naive_path *parent;
};

/* One of the elements of arrays that a value is in: objects and arrays, not the value itself. */
struct naive_element {
  const struct naive_node *array;
  int index;
  const struct naive_element *parent;
};

struct naive_value {
  const struct naive_path *path;
  const struct naive_element *element;
  const struct naive_node *node;
  struct naive_value *next;
};

/* A field of the pattern, and what was chosen for it: a value, or to be absent (NULL). */
struct naive_leaf {
  const struct naive_path *path;
  const struct naive_node *tests;
  const struct naive_value *chosen;
  struct naive_leaf *next;
};

/* Members of a pattern's objects that are still to be looked at. */
struct naive_task {
  const struct naive_node *member;
  const struct naive_path *path;
  const struct naive_task *next;
};

struct naive {
  struct arena *arena;
  struct naive_value *values;
  int values_count;
  struct naive_leaf *leaves;
};

/* --- Trees --- */

static inline struct naive_node *naive_read_value(struct json_reader *reader, enum json_token token,
                                                  struct arena *arena)
{
  struct naive_node *node = arena_alloc(arena, sizeof(*node));
  CHECK(node != NULL);
  *node = (struct naive_node){.kind = token};
  if (token == JSON_STRING || token == JSON_INTEGER || token == JSON_NUMBER)
    node->text = reader->text;
  if (token != JSON_OBJECT_BEGIN && token != JSON_ARRAY_BEGIN) return node;
  struct naive_node **last = &node->child;
  for (;;) {
    token = json_next(reader);
    CHECK(token != JSON_ERROR);
    if (token == JSON_OBJECT_END || token == JSON_ARRAY_END) return node;
    struct bytes key = {0};
    if (token == JSON_KEY) {
      key = reader->text;
      token = json_next(reader);
    }
    *last = naive_read_value(reader, token, arena);
    (*last)->key = key;
    last = &(*last)->next;
  }
}

static inline struct naive_node *naive_read(struct bytes text, struct arena *arena)
{
  struct json_reader reader;
  json_reader_init(&reader, text, arena);
  struct naive_node *node = naive_read_value(&reader, json_next(&reader), arena);
  CHECK(json_read_end(&reader));
  return node;
}

static inline void naive_gather(struct naive *naive, const struct naive_node *node,
                                const struct naive_path *path, const struct naive_element *element)
{
  if (node->kind == JSON_OBJECT_BEGIN) {
    for (const struct naive_node *child = node->child; child != NULL; child = child->next) {
      struct naive_path *below = arena_alloc(naive->arena, sizeof(*below));
      CHECK(below != NULL);
      *below = (struct naive_path){child->key, path};
      naive_gather(naive, child, below, element);
    }
    return;
  }
  if (node->kind == JSON_ARRAY_BEGIN) {
    int index = 0;
    for (const struct naive_node *child = node->child; child != NULL; child = child->next) {
      struct naive_element *inner = arena_alloc(naive->arena, sizeof(*inner));
      CHECK(inner != NULL);
      *inner = (struct naive_element){node, index++, element};
      bool is_whole = child->kind == JSON_OBJECT_BEGIN || child->kind == JSON_ARRAY_BEGIN;
      naive_gather(naive, child, path, is_whole ? inner : element);
    }
    return;
  }
  struct naive_value *value = arena_alloc(naive->arena, sizeof(*value));
  CHECK(value != NULL);
  *value = (struct naive_value){path, element, node, naive->values};
  naive->values = value;
  naive->values_count++;
}

/* --- Values --- */

/* As a decimal; what has too many digits becomes a neighbour that no bound of 16 digits equals. */
static inline struct decimal naive_number(struct bytes text)
{
  char digits[NAIVE_DIGITS_MAX + 2] = "";
  int count = 0;
  long magnitude = 0;
  bool point = false, rest = false;
  size_t at = text.data[0] == '-';
  for (; at < text.size && text.data[at] != 'e' && text.data[at] != 'E'; at++) {
    if (text.data[at] == '.') {
      point = true;
      continue;
    }
    if (count > 0 || text.data[at] != '0') {
      if (!point) magnitude++;
      if (count < NAIVE_DIGITS_MAX)
        digits[count++] = (char)text.data[at];
      else
        rest |= text.data[at] != '0';
    } else if (point) {
      magnitude--;
    }
  }
  if (rest) digits[count++] = '1';
  if (at < text.size) {
    char exponent[16] = "";
    snprintf(exponent, sizeof(exponent), "%.*s", (int)(text.size - at - 1), text.data + at + 1);
    bool is_long = text.size - at - 1 > 8;
    magnitude += is_long ? (exponent[0] == '-' ? -1000000 : 1000000) : strtol(exponent, NULL, 10);
  }
  if (magnitude > NAIVE_MAGNITUDE_MAX) magnitude = NAIVE_MAGNITUDE_MAX;
  if (magnitude < -NAIVE_MAGNITUDE_MAX) magnitude = -NAIVE_MAGNITUDE_MAX;
  char whole[80];
  int size = snprintf(whole, sizeof(whole), "%s0.%se%ld", text.data[0] == '-' ? "-" : "",
                      count == 0 ? "0" : digits, count == 0 ? 0 : magnitude);
  struct decimal number;
  struct error error;
  CHECK(decimal_parse(bytes_of(whole, (size_t)size), &number, &error));
  return number;
}

static inline bool naive_is_number(const struct naive_node *node)
{
  return node->kind == JSON_INTEGER || node->kind == JSON_NUMBER;
}

static inline int naive_compare(struct bytes left, struct bytes right)
{
  struct decimal a = naive_number(left), b = naive_number(right);
  return decimal_compare(&a, &b);
}

static inline bool naive_wildcard(struct bytes pattern, struct bytes text)
{
  if (pattern.size == 0) return text.size == 0;
  struct bytes behind = bytes_of(pattern.data + 1, pattern.size - 1);
  if (pattern.data[0] == '*') {
    for (size_t i = 0; i <= text.size; i++)
      if (naive_wildcard(behind, bytes_of(text.data + i, text.size - i))) return true;
    return false;
  }
  if (pattern.data[0] == '\\') {
    pattern = behind;
    behind = bytes_of(pattern.data + 1, pattern.size - 1);
  }
  return text.size > 0 && text.data[0] == pattern.data[0] &&
         naive_wildcard(behind, bytes_of(text.data + 1, text.size - 1));
}

static inline struct bytes naive_fold(struct bytes text, struct arena *arena)
{
  uint8_t *folded = arena_alloc(arena, text.size);
  CHECK(folded != NULL);
  text_fold(text, folded);
  return bytes_of(folded, text.size);
}

static inline bool naive_equal(const struct naive_node *test, const struct naive_node *value)
{
  if (naive_is_number(test))
    return naive_is_number(value) && naive_compare(test->text, value->text) == 0;
  if (test->kind == JSON_STRING)
    return value->kind == JSON_STRING && bytes_equal(test->text, value->text);
  return test->kind == value->kind;
}

static inline bool naive_key_is(const struct naive_node *node, const char *key)
{
  return bytes_equal(node->key, bytes_of_text(key));
}

/* The n bytes at an end. */
static inline struct bytes naive_end(struct bytes text, size_t n, bool is_suffix)
{
  return bytes_of(text.data + (is_suffix ? text.size - n : 0), n);
}

static inline bool naive_address(struct bytes text, uint8_t address[16], int *family)
{
  char copy[64];
  if (text.size >= sizeof(copy) || memchr(text.data, 0, text.size) != NULL) return false;
  memcpy(copy, text.data, text.size);
  copy[text.size] = 0;
  *family = strchr(copy, ':') == NULL ? AF_INET : AF_INET6;
  return inet_pton(*family, copy, address) == 1;
}

static inline bool naive_cidr(struct bytes network, struct bytes text)
{
  const uint8_t *slash = memchr(network.data, '/', network.size);
  uint8_t left[16], right[16];
  int left_family, right_family;
  if (!naive_address(bytes_of(network.data, (size_t)(slash - network.data)), left, &left_family))
    return false;
  if (!naive_address(text, right, &right_family) || left_family != right_family) return false;
  int bits = 0;
  for (const uint8_t *digit = slash + 1; digit < network.data + network.size; digit++)
    bits = bits * 10 + (*digit - '0');
  for (int i = 0; i < bits; i++)
    if (((left[i / 8] ^ right[i / 8]) >> (7 - i % 8) & 1) != 0) return false;
  return true;
}

static inline bool naive_numeric(const struct naive_node *item, struct bytes number)
{
  if (naive_compare(number, BYTES("-5e9")) < 0 || naive_compare(number, BYTES("5e9")) > 0)
    return false;
  for (; item != NULL; item = item->next->next) {
    int order = naive_compare(number, item->next->text);
    bool holds = (order < 0 && item->text.data[0] == '<') ||
                 (order > 0 && item->text.data[0] == '>') ||
                 (order == 0 && item->text.data[item->text.size - 1] == '=');
    if (!holds) return false;
  }
  return true;
}

/* Whether a text passes an operator of texts whose value is `test`. */
static inline bool naive_text_passes(const struct naive_node *test, struct bytes text,
                                     struct arena *arena)
{
  struct bytes wanted = test->text;
  if (test->kind == JSON_OBJECT_BEGIN) { /* equals-ignore-case inside of prefix or suffix */
    wanted = naive_fold(test->child->text, arena);
    text = naive_fold(text, arena);
  }
  if (naive_key_is(test, "equals-ignore-case"))
    return bytes_equal(naive_fold(wanted, arena), naive_fold(text, arena));
  if (naive_key_is(test, "wildcard")) return naive_wildcard(wanted, text);
  if (naive_key_is(test, "cidr")) return naive_cidr(wanted, text);
  bool is_suffix = naive_key_is(test, "suffix");
  return text.size >= wanted.size && bytes_equal(naive_end(text, wanted.size, is_suffix), wanted);
}

/* Whether the value is what anything-but excludes. */
static inline bool naive_is_excluded(const struct naive_node *test, const struct naive_node *value,
                                     struct arena *arena)
{
  const struct naive_node *inner = test;
  if (test->kind == JSON_OBJECT_BEGIN) {
    inner = test->child;
    if (value->kind != JSON_STRING) return false;
  }
  const struct naive_node *item = inner->kind == JSON_ARRAY_BEGIN ? inner->child : inner;
  for (; item != NULL; item = inner->kind == JSON_ARRAY_BEGIN ? item->next : NULL) {
    if (inner == test) {
      if (naive_equal(item, value)) return true;
      continue;
    }
    struct naive_node single = *item;
    single.key = inner->key;
    if (naive_text_passes(&single, value->text, arena)) return true;
  }
  return false;
}

static inline bool naive_passes(const struct naive_node *test, const struct naive_node *value,
                                struct arena *arena)
{
  if (test->kind != JSON_OBJECT_BEGIN) return naive_equal(test, value);
  test = test->child;
  if (naive_key_is(test, "exists")) return test->kind == JSON_TRUE;
  if (naive_key_is(test, "anything-but")) return !naive_is_excluded(test, value, arena);
  if (naive_key_is(test, "numeric"))
    return naive_is_number(value) && naive_numeric(test->child, value->text);
  return value->kind == JSON_STRING && naive_text_passes(test, value->text, arena);
}

static inline bool naive_takes(const struct naive_leaf *leaf, const struct naive_value *value,
                               struct arena *arena)
{
  for (const struct naive_node *test = leaf->tests->child; test != NULL; test = test->next)
    if (naive_passes(test, value->node, arena)) return true;
  return false;
}

static inline bool naive_may_be_absent(const struct naive_leaf *leaf)
{
  for (const struct naive_node *test = leaf->tests->child; test != NULL; test = test->next)
    if (test->kind == JSON_OBJECT_BEGIN && naive_key_is(test->child, "exists") &&
        test->child->kind == JSON_FALSE)
      return true;
  return false;
}

/* --- Choices --- */

static inline bool naive_same_path(const struct naive_path *left, const struct naive_path *right)
{
  for (; left != NULL && right != NULL; left = left->parent, right = right->parent)
    if (!bytes_equal(left->key, right->key)) return false;
  return left == right;
}

static inline bool naive_consistent(const struct naive_element *left,
                                    const struct naive_element *right)
{
  for (; left != NULL; left = left->parent)
    for (const struct naive_element *other = right; other != NULL; other = other->parent)
      if (left->array == other->array && left->index != other->index) return false;
  return true;
}

static inline bool naive_fits(const struct naive_leaf *chosen, const struct naive_value *value)
{
  for (; chosen != NULL; chosen = chosen->next)
    if (chosen->chosen != NULL && !naive_consistent(chosen->chosen->element, value->element))
      return false;
  return true;
}

/* Whether those that are to be absent are, beside what was chosen. */
static inline bool naive_all_absent(const struct naive *naive, const struct naive_leaf *chosen)
{
  for (const struct naive_leaf *leaf = chosen; leaf != NULL; leaf = leaf->next) {
    if (leaf->chosen != NULL) continue;
    for (const struct naive_value *value = naive->values; value != NULL; value = value->next)
      if (naive_same_path(leaf->path, value->path) && naive_fits(chosen, value)) return false;
  }
  return true;
}

/* Chooses for the leaves from `left` on; `chosen` is the list of those that have a choice. */
static inline bool naive_choose(const struct naive *naive, const struct naive_leaf *left,
                                const struct naive_leaf *chosen)
{
  if (left == NULL) return naive_all_absent(naive, chosen);
  struct naive_leaf leaf = *left;
  leaf.next = (struct naive_leaf *)chosen;
  for (const struct naive_value *value = naive->values; value != NULL; value = value->next) {
    leaf.chosen = value;
    if (naive_same_path(leaf.path, value->path) && naive_fits(chosen, value) &&
        naive_takes(&leaf, value, naive->arena) && naive_choose(naive, left->next, &leaf))
      return true;
  }
  leaf.chosen = NULL;
  return naive_may_be_absent(&leaf) && naive_choose(naive, left->next, &leaf);
}

static inline bool naive_solve(struct naive *naive, const struct naive_task *task)
{
  while (task != NULL && task->member == NULL) task = task->next;
  if (task == NULL) return naive_choose(naive, naive->leaves, NULL);
  const struct naive_node *member = task->member;
  struct naive_task rest = {member->next, task->path, task->next};
  if (naive_key_is(member, "$or")) {
    for (const struct naive_node *object = member->child; object != NULL; object = object->next) {
      struct naive_task inner = {object->child, task->path, &rest};
      if (naive_solve(naive, &inner)) return true;
    }
    return false;
  }
  struct naive_path path = {member->key, task->path};
  if (member->kind == JSON_OBJECT_BEGIN) {
    struct naive_task inner = {member->child, &path, &rest};
    return naive_solve(naive, &inner);
  }
  struct naive_leaf leaf = {&path, member, NULL, naive->leaves};
  naive->leaves = &leaf;
  bool solved = naive_solve(naive, &rest);
  naive->leaves = leaf.next;
  return solved;
}

static inline void naive_event(struct naive *naive, struct bytes event, struct arena *arena)
{
  *naive = (struct naive){.arena = arena};
  naive_gather(naive, naive_read(event, arena), NULL, NULL);
}

static inline bool naive_matches(struct naive *naive, struct bytes pattern)
{
  struct naive_task task = {naive_read(pattern, naive->arena)->child, NULL, NULL};
  return naive_solve(naive, &task);
}

#endif
