/*
 * Random items, expressions and values: the compiled expressions and the naive model must agree.
 *
 * TACOS_SEED sets the seed, TACOS_STEPS the number of items (one expression of every kind each).
 */
#include "unit/store/expression_fixture.h"
#include "unit/store/expression_model.h"
#include "unit/store/value_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STEPS_DEFAULT = 60000, TEXT_BYTES = EXPRESSION_SIZE_MAX };

struct run {
  struct expression_fixture *fixture;
  struct fixture_random random;
  uint64_t step;
  struct arena arena;   /* of the model */
  struct arena scratch; /* of the code under test */
  struct naive *item;
  struct value encoded;
  size_t value_count;
  char text[TEXT_BYTES];
  size_t size;
};

static uint32_t below(struct run *run, uint32_t end)
{
  return (uint32_t)fixture_random_below(&run->random, end);
}

/* ---- random values and paths ---- */

static const char *const names[] = {"a", "b", "c", "d", "e"};
static const char *const texts[] = {"", "a", "b", "ab", "abc", "B", "SS", "N", "M"};

static struct naive *random_scalar(struct run *run, enum value_type type)
{
  struct naive *value = naive_new(&run->arena, type);
  if (type == VALUE_NUMBER) value->hundredths = (int64_t)below(run, 9) * 50 - 200;
  if (type == VALUE_BOOL) value->boolean = below(run, 2) == 0;
  if (type == VALUE_STRING || type == VALUE_BINARY) strcpy(value->text, texts[below(run, 9)]);
  return value;
}

static struct naive *random_value(struct run *run, enum value_type type, uint32_t depth);

static struct naive *random_any(struct run *run, uint32_t depth)
{
  enum value_type type = VALUE_STRING + below(run, 10);
  if (below(run, 3) == 0) type = below(run, 2) ? VALUE_MAP : VALUE_LIST;
  if (depth == 0 && (type == VALUE_MAP || type == VALUE_LIST)) type = VALUE_NUMBER;
  return random_value(run, type, depth);
}

static void add_set_element(struct run *run, struct naive *set)
{
  static const enum value_type elements[] = {VALUE_STRING, VALUE_NUMBER, VALUE_BINARY};
  struct naive *element = random_scalar(run, elements[set->type - VALUE_STRING_SET]);
  for (uint32_t i = 0; i < set->count; i++) {
    if (naive_equal(set->children[i], element)) return;
  }
  naive_add(set, NULL, element);
}

static struct naive *random_value(struct run *run, enum value_type type, uint32_t depth)
{
  if (type < VALUE_LIST) return random_scalar(run, type);
  struct naive *value = naive_new(&run->arena, type);
  bool set = type >= VALUE_STRING_SET;
  uint32_t count = below(run, 4) + (set || depth == 3);
  for (uint32_t i = 0; i < count; i++) {
    if (set)
      add_set_element(run, value);
    else if (type == VALUE_LIST)
      naive_add(value, NULL, random_any(run, depth - 1));
    else
      naive_add(value, names[i], random_any(run, depth - 1));
  }
  return value;
}

/* Mostly a path that exists, sometimes one step beside it. */
static struct naive_path random_path(struct run *run)
{
  struct naive_path path = {.count = 0};
  const struct naive *at = run->item;
  uint32_t length = 1 + below(run, NAIVE_STEPS_MAX);
  while (path.count < length) {
    struct naive_step *step = &path.steps[path.count];
    bool container = at != NULL && (at->type == VALUE_MAP || at->type == VALUE_LIST);
    if (!container && below(run, 4) != 0) break;
    step->index = path.count > 0 && (at != NULL && at->type == VALUE_LIST) == (below(run, 12) != 0);
    if (step->index)
      step->number = below(run, 4);
    else
      strcpy(step->name, names[below(run, 5)]);
    path.count++;
    struct naive_path one = {1, {*step}};
    at = container ? naive_at(&one, (struct naive *)(uintptr_t)at) : NULL;
  }
  if (path.count > 0) return path;
  return (struct naive_path){1, {{.name = "a"}}};
}

/* ---- writing text ---- */

static void put(struct run *run, const char *text)
{
  size_t size = strlen(text);
  assert_true(run->size + size < TEXT_BYTES);
  memcpy(run->text + run->size, text, size + 1);
  run->size += size;
}

/* A keyword in any case. */
static void put_keyword(struct run *run, const char *keyword)
{
  char text[16] = "";
  bool lower = below(run, 4) == 0;
  for (size_t i = 0; keyword[i] != '\0'; i++)
    text[i] = (char)(lower && keyword[i] >= 'A' ? keyword[i] | 0x20 : keyword[i]);
  put(run, " ");
  put(run, text);
  put(run, " ");
}

static void put_path(struct run *run, const struct naive_path *path)
{
  for (uint32_t i = 0; i < path->count; i++) {
    const struct naive_step *step = &path->steps[i];
    char text[24];
    if (step->index)
      snprintf(text, sizeof(text), "[%u]", step->number);
    else
      snprintf(text, sizeof(text), "%s%s%s", i == 0 ? "" : ".", below(run, 4) == 0 ? "#" : "",
               step->name);
    put(run, text);
  }
}

static void put_operand(struct run *run, const struct naive_operand *operand)
{
  bool group = below(run, 8) == 0;
  char text[16];
  if (group) put(run, "(");
  if (operand->size) put(run, "size(");
  if (operand->value != NULL) {
    snprintf(text, sizeof(text), ":v%u", operand->slot);
    put(run, text);
  } else {
    put_path(run, &operand->path);
  }
  if (operand->size) put(run, ")");
  if (group) put(run, ")");
}

/* ---- random operands ---- */

static struct naive_operand use_value(struct run *run, const struct naive *value)
{
  static const char *const placeholders[FIXTURE_PLACEHOLDERS_MAX] = {
      ":v0", ":v1", ":v2",  ":v3",  ":v4",  ":v5",  ":v6",  ":v7",
      ":v8", ":v9", ":v10", ":v11", ":v12", ":v13", ":v14", ":v15"};
  uint32_t slot = (uint32_t)run->value_count;
  if (slot == FIXTURE_PLACEHOLDERS_MAX) return (struct naive_operand){.path = random_path(run)};
  run->fixture->value_names[slot] = bytes_of_text(placeholders[slot]);
  run->fixture->values[slot] = naive_encode(&run->arena, &run->fixture->buffer, value);
  run->value_count++;
  return (struct naive_operand){.value = value, .slot = slot};
}

static struct naive_operand use_path(struct run *run)
{
  return (struct naive_operand){.path = random_path(run)};
}

/* Any operand; values are often copies of what the item has, or of a type that can be ordered. */
static struct naive_operand random_operand(struct run *run, bool ordered)
{
  static const enum value_type orderable[] = {VALUE_STRING, VALUE_NUMBER, VALUE_BINARY};
  uint32_t choice = below(run, 6);
  struct naive_operand operand = use_path(run);
  if (choice < 2) return operand;
  if (choice == 2) {
    operand.size = true;
    return operand;
  }
  const struct naive *value = naive_at(&operand.path, run->item);
  bool fits = value != NULL && (!ordered || value->type <= VALUE_BINARY);
  if (!fits || choice == 3)
    value = ordered ? random_scalar(run, orderable[below(run, 3)]) : random_any(run, 2);
  return use_value(run, value);
}

/* DynamoDB refuses operators whose two operands are the same path. */
static struct naive_operand random_second(struct run *run, const struct naive_operand *first,
                                          bool ordered)
{
  struct naive_operand second = random_operand(run, ordered);
  while (first->value == NULL && second.value == NULL && naive_clash(&first->path, &second.path))
    second = use_path(run);
  return second;
}

/* ---- conditions ---- */

static void put_list(struct run *run, const struct naive_condition *condition, uint32_t first)
{
  put(run, "(");
  for (uint32_t i = first; i < condition->count; i++) {
    if (i > first) put(run, below(run, 2) ? "," : " , ");
    put_operand(run, &condition->operands[i]);
  }
  put(run, ")");
}

static void random_bounds(struct run *run, struct naive_condition *leaf)
{
  struct naive *low = random_scalar(run, VALUE_NUMBER);
  struct naive *high = random_scalar(run, VALUE_NUMBER);
  high->hundredths = low->hundredths + 50 * below(run, 4);
  leaf->count = 3;
  leaf->operands[1] = below(run, 3) ? use_value(run, low) : use_path(run);
  leaf->operands[2] = below(run, 3) ? use_value(run, high) : use_path(run);
}

static void random_comparison(struct run *run, struct naive_condition *leaf)
{
  static const char *const operators[] = {" = ", "<>", " < ", "<=", ">", " >= "};
  enum naive_operator operator= leaf->operator;
  bool ordered = operator!= NAIVE_EQUAL && operator!= NAIVE_NOT_EQUAL && operator!= NAIVE_IN;
  leaf->operands[0] = random_operand(run, ordered);
  leaf->count = 2;
  if (operator== NAIVE_IN) {
    leaf->count = 2 + below(run, 3);
    for (uint32_t i = 1; i < leaf->count; i++) leaf->operands[i] = random_operand(run, false);
  } else if (operator== NAIVE_BETWEEN) {
    random_bounds(run, leaf);
  } else {
    leaf->operands[1] = random_second(run, &leaf->operands[0], ordered);
  }
  put_operand(run, &leaf->operands[0]);
  if (operator== NAIVE_IN) {
    put_keyword(run, "IN");
    put_list(run, leaf, 1);
    return;
  }
  if (operator== NAIVE_BETWEEN)
    put_keyword(run, "BETWEEN");
  else
    put(run, operators[operator - NAIVE_EQUAL]);
  put_operand(run, &leaf->operands[1]);
  if (operator!= NAIVE_BETWEEN) return;
  put_keyword(run, "AND");
  put_operand(run, &leaf->operands[2]);
}

static void random_function(struct run *run, struct naive_condition *leaf)
{
  static const char *const functions[] = {"attribute_exists", "attribute_not_exists",
                                          "attribute_type", "begins_with", "contains"};
  struct naive_operand *operands = leaf->operands;
  leaf->count = leaf->operator<= NAIVE_NOT_EXISTS ? 1 : 2;
  operands[0] = use_path(run);
  if (leaf->operator== NAIVE_TYPE) {
    struct naive *type = random_scalar(run, VALUE_STRING);
    strcpy(type->text, value_type_name(VALUE_STRING + below(run, 3)));
    operands[1] = use_value(run, type);
    if (operands[1].value == NULL) leaf->operator= NAIVE_CONTAINS;
  } else if (leaf->operator== NAIVE_BEGINS) {
    operands[1] = use_value(run, random_scalar(run, below(run, 4) ? VALUE_STRING : VALUE_BINARY));
  } else if (leaf->operator== NAIVE_CONTAINS) {
    operands[1] = random_second(run, &operands[0], false);
  }
  if (leaf->count == 2 && operands[1].value == NULL &&
      naive_clash(&operands[0].path, &operands[1].path)) {
    leaf->operator= NAIVE_EXISTS;
    leaf->count = 1;
  }
  put(run, functions[leaf->operator - NAIVE_EXISTS]);
  put_list(run, leaf, 0);
}

static struct naive_condition *random_condition(struct run *run, uint32_t depth);

/* Parts in parentheses, so that the text means this tree; a part that needs none may have none. */
static void random_parts(struct run *run, struct naive_condition *node, uint32_t depth)
{
  static const char *const keywords[] = {"AND", "OR", "NOT"};
  node->count = node->operator== NAIVE_NOT ? 1 : 2 + below(run, 2);
  for (uint32_t i = 0; i < node->count; i++) {
    if (i > 0 || node->operator== NAIVE_NOT) put_keyword(run, keywords[node->operator]);
    bool bare = below(run, 2) == 0;
    size_t start = run->size;
    if (!bare) put(run, "(");
    node->parts[i] = random_condition(run, bare ? 0 : depth - 1);
    /* AND binds its leaves first, so inside OR it needs no parentheses. */
    if (!bare) put(run, ")");
    assert_true(run->size > start);
  }
}

static struct naive_condition *random_condition(struct run *run, uint32_t depth)
{
  struct naive_condition *condition = arena_alloc(&run->arena, sizeof(*condition));
  assert_non_null(condition);
  memset(condition, 0, sizeof(*condition));
  bool inner = depth > 0 && below(run, 3) != 0;
  condition->operator= inner ? below(run, 3)
                             : NAIVE_EQUAL + below(run, NAIVE_OPERATORS - NAIVE_EQUAL);
  if (inner)
    random_parts(run, condition, depth);
  else if (condition->operator>= NAIVE_EXISTS)
    random_function(run, condition);
  else
    random_comparison(run, condition);
  return condition;
}

/* a OR b AND NOT c, without any parentheses. */
static struct naive_condition *random_flat_condition(struct run *run)
{
  struct naive_condition *nodes = arena_alloc_array(&run->arena, 3, sizeof(*nodes));
  assert_non_null(nodes);
  memset(nodes, 0, 3 * sizeof(*nodes));
  nodes[0] = (struct naive_condition){.operator= NAIVE_OR, .count = 2};
  nodes[1] = (struct naive_condition){.operator= NAIVE_AND, .count = 2};
  nodes[2] = (struct naive_condition){.operator= NAIVE_NOT, .count = 1};
  nodes[0].parts[0] = random_condition(run, 0);
  put_keyword(run, "OR");
  nodes[1].parts[0] = random_condition(run, 0);
  put_keyword(run, "AND");
  put_keyword(run, "NOT");
  nodes[2].parts[0] = random_condition(run, 0);
  nodes[0].parts[1] = &nodes[1];
  nodes[1].parts[1] = &nodes[2];
  return &nodes[0];
}

/* ---- updates ---- */

static struct naive_source *new_source(struct run *run, enum naive_source_kind kind)
{
  struct naive_source *source = arena_alloc(&run->arena, sizeof(*source));
  assert_non_null(source);
  memset(source, 0, sizeof(*source));
  source->kind = kind;
  return source;
}

/* A right-hand side; values in it have the wanted type (VALUE_ABSENT: any). */
static struct naive_source *random_source(struct run *run, enum value_type wanted, bool append)
{
  uint32_t choice = below(run, append ? 6 : 5);
  enum naive_source_kind kind = choice == 4   ? NAIVE_IF_NOT_EXISTS
                                : choice == 5 ? NAIVE_APPEND
                                              : NAIVE_OPERAND;
  struct naive_source *source = new_source(run, kind);
  if (kind == NAIVE_APPEND) {
    put(run, "list_append(");
    source->left = random_source(run, VALUE_LIST, false);
    put(run, ", ");
    source->right = random_source(run, VALUE_LIST, false);
  } else if (kind == NAIVE_IF_NOT_EXISTS) {
    source->operand = use_path(run);
    put(run, "if_not_exists(");
    put_path(run, &source->operand.path);
    put(run, ",");
    source->right = random_source(run, wanted, false);
  } else {
    source->operand = use_path(run);
    if (below(run, 2) == 0)
      source->operand = use_value(run, wanted == VALUE_ABSENT ? random_any(run, 2)
                                                              : random_value(run, wanted, 1));
    put_operand(run, &source->operand);
  }
  if (kind != NAIVE_OPERAND) put(run, ")");
  return source;
}

static struct naive_source *random_sum(struct run *run)
{
  if (below(run, 3) != 0) return random_source(run, VALUE_ABSENT, true);
  struct naive_source *sum = new_source(run, below(run, 2) ? NAIVE_PLUS : NAIVE_MINUS);
  bool group = below(run, 4) == 0;
  if (group) put(run, "(");
  sum->left = random_source(run, VALUE_NUMBER, false);
  put(run, sum->kind == NAIVE_PLUS ? "+" : " - ");
  sum->right = random_source(run, VALUE_NUMBER, false);
  if (group) put(run, ")");
  return sum;
}

static void random_action(struct run *run, struct naive_action *action)
{
  put_path(run, &action->path);
  if (action->verb == NAIVE_SET) {
    put(run, " = ");
    action->source = random_sum(run);
  } else if (action->verb != NAIVE_REMOVE) {
    enum value_type type = VALUE_STRING_SET + below(run, 3);
    const struct naive *old = naive_at(&action->path, run->item);
    if (old != NULL && old->type >= VALUE_STRING_SET && below(run, 4) != 0) type = old->type;
    if (action->verb == NAIVE_ADD &&
        (below(run, 3) == 0 || (old != NULL && old->type == VALUE_NUMBER)))
      type = VALUE_NUMBER;
    action->operand = use_value(run, random_value(run, type, 1));
    char text[16];
    snprintf(text, sizeof(text), " :v%u", action->operand.slot);
    put(run, text);
  }
}

/* Paths that may stand together, grouped by verb. */
static uint32_t random_actions(struct run *run, struct naive_action *actions)
{
  static const char *const keywords[] = {"SET", "REMOVE", "ADD", "DELETE"};
  uint32_t count = 0;
  for (enum naive_verb verb = NAIVE_SET; verb <= NAIVE_DELETE; verb++) {
    uint32_t first = count;
    for (uint32_t wanted = below(run, verb == NAIVE_SET ? 4 : 3); wanted > 0; wanted--) {
      struct naive_path path = random_path(run);
      bool clashes = count == NAIVE_ACTIONS_MAX;
      for (uint32_t i = 0; i < count; i++) clashes |= naive_clash(&actions[i].path, &path);
      /* ADD and DELETE need a value: no more of them when the placeholders are used up. */
      if (clashes || (verb >= NAIVE_ADD && run->value_count == FIXTURE_PLACEHOLDERS_MAX)) continue;
      actions[count] = (struct naive_action){.verb = verb, .path = path};
      if (count == first)
        put_keyword(run, keywords[verb]);
      else
        put(run, ", ");
      random_action(run, &actions[count++]);
    }
  }
  return count;
}

/* ---- comparing ---- */

static void complain(struct run *run, const char *got, const char *expected)
{
  print_error("item     %s\n", fixture_print(run->fixture, run->encoded));
  for (size_t i = 0; i < run->value_count; i++)
    print_error(":v%zu = %s\n", i, fixture_print(run->fixture, run->fixture->values[i]));
  fail_msg("step %llu: %s\n  gives    %s\n  not      %s\n"
           "replay: TACOS_SEED=%llu TACOS_STEPS=%llu build/asan/tests/unit/store/"
           "test_expression_model",
           (unsigned long long)run->step, run->text, got, expected,
           (unsigned long long)run->random.seed, (unsigned long long)run->step + 1);
}

static const struct expression *compile(struct run *run, enum expression_kind kind)
{
  struct expression_fixture *fixture = run->fixture;
  fixture->placeholders.value_count = run->value_count;
  const struct expression *expression = expression_compile(
      &run->scratch, kind, bytes_of_text(run->text), &fixture->placeholders, &fixture->error);
  if (expression == NULL || !expression_check_values(expression, fixture->values, &fixture->error))
    complain(run, fixture->error.message, "accepted");
  return expression;
}

static void begin(struct run *run)
{
  run->size = 0;
  run->text[0] = '\0';
  run->value_count = 0;
}

static void compare_condition(struct run *run)
{
  bool holds = false;
  begin(run);
  struct naive_condition *condition = below(run, 4) == 0 ? random_flat_condition(run)
                                                         : random_condition(run, 3);
  bool expected = naive_test(&run->arena, condition, run->item);
  const struct expression *expression = compile(run, EXPRESSION_CONDITION);
  struct expression_fixture *fixture = run->fixture;
  if (!expression_test(expression, run->encoded, fixture->values, &run->scratch, &holds,
                       &fixture->error))
    complain(run, fixture->error.message, "an answer");
  if (holds != expected) complain(run, holds ? "true" : "false", expected ? "true" : "false");
}

static unsigned fault_of(const char *message)
{
  if (strstr(message, "incorrect data type") != NULL) return NAIVE_FAULT_TYPE;
  if (strstr(message, "does not exist in the item") != NULL) return NAIVE_FAULT_MISSING;
  if (strstr(message, "is invalid for update") != NULL) return NAIVE_FAULT_PATH;
  return 0;
}

static void compare_result(struct run *run, struct value got, const struct naive *expected)
{
  char text[FIXTURE_TEXT_BYTES];
  struct value wanted = naive_encode(&run->arena, &run->fixture->buffer, expected);
  if (value_equal(got, wanted)) return;
  strcpy(text, fixture_print(run->fixture, got));
  char *wanted_text = strdup(fixture_print(run->fixture, wanted));
  complain(run, text, wanted_text);
}

static void compare_update(struct run *run)
{
  struct naive_action actions[NAIVE_ACTIONS_MAX];
  struct expression_fixture *fixture = run->fixture;
  struct value result;
  unsigned faults;
  begin(run);
  uint32_t count = random_actions(run, actions);
  if (count == 0) return;
  struct naive *expected = naive_update(&run->arena, actions, count, run->item, &faults);
  const struct expression *expression = compile(run, EXPRESSION_UPDATE);
  bool done = expression_update(expression, run->encoded, fixture->values, &run->scratch, &result,
                                &fixture->error);
  if (done && faults != 0) complain(run, fixture_print(fixture, result), "an error");
  if (!done && (fault_of(fixture->error.message) & faults) == 0)
    complain(run, fixture->error.message, faults == 0 ? "an item" : "another error");
  if (done) compare_result(run, result, expected);
}

static void compare_projection(struct run *run)
{
  struct naive_path paths[NAIVE_ACTIONS_MAX];
  struct value result;
  uint32_t count = 0;
  begin(run);
  for (uint32_t wanted = 1 + below(run, 5); wanted > 0; wanted--) {
    struct naive_path path = random_path(run);
    bool clashes = false;
    for (uint32_t i = 0; i < count; i++) clashes |= naive_clash(&paths[i], &path);
    if (clashes) continue;
    if (count > 0) put(run, ", ");
    put_path(run, &path);
    paths[count++] = path;
  }
  const struct expression *expression = compile(run, EXPRESSION_PROJECTION);
  if (!expression_project(expression, run->encoded, &run->scratch, &result, &run->fixture->error))
    complain(run, run->fixture->error.message, "an item");
  compare_result(run, result, naive_project(&run->arena, paths, count, run->item));
}

static void test_against_model(void **state)
{
  const char *steps_text = getenv("TACOS_STEPS");
  uint64_t steps = steps_text != NULL ? strtoull(steps_text, NULL, 10) : STEPS_DEFAULT;
  struct run run = {.fixture = *state, .random = fixture_random_init(20240607)};
  fixture_placeholders(run.fixture, "{#a='a', #b='b', #c='c', #d='d', #e='e'}", NULL);
  arena_init(&run.arena, &run.fixture->memory);
  arena_init(&run.scratch, &run.fixture->memory);
  for (run.step = 0; run.step < steps; run.step++) {
    run.item = random_value(&run, VALUE_MAP, 3);
    run.encoded = naive_encode(&run.arena, &run.fixture->buffer, run.item);
    compare_condition(&run);
    compare_update(&run);
    compare_projection(&run);
    arena_reset(&run.arena);
    arena_reset(&run.scratch);
  }
  arena_free(&run.arena);
  arena_free(&run.scratch);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_against_model, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
