#include "provider/rules.h"

#include "provider/facts.h"
#include "provider/rules_check.h"
#include "provider/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { DETAIL_BYTES = 1024 };

void check_refuse(struct check *check, const struct path *path, const char *rule,
                  const char *format, ...)
{
  char detail[DETAIL_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(detail, sizeof(detail), format, arguments);
  va_end(arguments);
  struct bytes where = path_to_text(check->arena, path);
  diagnostics_add(check->diagnostics, DIAGNOSTIC_ERROR, path, rule, "%.*s%s%.*s: %s",
                  BYTES_FORMAT(check->type), where.size > 0 ? "." : "", BYTES_FORMAT(where),
                  detail);
}

static void visit_all(struct check *check, const struct value *value, const struct path *path,
                      struct bytes names, check_visit *visit, const void *context)
{
  if (value->kind == VALUE_NULL || value->kind == VALUE_UNKNOWN) return;
  if (value->kind == VALUE_LIST) {
    for (size_t i = 0; i < value->count; i++) {
      struct path element = path_element(path, i);
      visit_all(check, &value->items[i], &element, names, visit, context);
    }
    return;
  }
  if (names.size == 0) {
    visit(check, value, path, context);
    return;
  }
  struct bytes rest = names;
  struct bytes name = text_next_part(&rest, '.');
  struct path step = {.parent = path, .name = name};
  visit_all(check, value_get_bytes(value, name), &step, rest, visit, context);
}

void check_each(struct check *check, const char *names, check_visit *visit, const void *context)
{
  visit_all(check, check->config, NULL, bytes_of_text(names), visit, context);
}

bool check_integer(const struct value *object, const char *name, int64_t *number)
{
  return value_to_integer(value_get(object, name), number);
}

bool check_is_given(const struct value *object, const char *name)
{
  const struct value *value = value_get(object, name);
  return value->kind != VALUE_NULL && !(value->kind == VALUE_LIST && value->count == 0);
}

bool rules_is_region(struct bytes text)
{
  return fact_find("region", text) != NULL;
}

void rules_check_resource(struct arena *arena, struct bytes type, const struct value *config,
                          struct diagnostics *diagnostics)
{
  if (config->kind != VALUE_MAP) return;
  struct check check = {arena, type, config, diagnostics};
  rules_check_limits(&check);
  rules_check_policies(&check);
  rules_check_network(&check);
  rules_check_table(&check);
  rules_check_queue(&check);
  rules_check_web_acl(&check);
}
