#include "unit/provider/fixture.h"

#include "base/check.h"
#include "provider/apply.h"
#include "provider/rules.h"
#include "provider/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void fixture_open(struct fixture *fixture)
{
  struct error error;
  *fixture = (struct fixture){0};
  strcpy(fixture->directory, "/tmp/tacos-provider-test-XXXXXX");
  CHECK(mkdtemp(fixture->directory) != NULL);
  snprintf(fixture->path, sizeof(fixture->path), "%s/state", fixture->directory);
  struct provider_environment environment = {.state_path = fixture->path,
                                             .region = "ap-northeast-2"};
  arena_init(&fixture->arena, &fixture->memory);
  CHECK(provider_init(&fixture->provider, &environment, &fixture->memory, &error));
  fixture->diagnostics.arena = &fixture->arena;
}

void fixture_close(struct fixture *fixture)
{
  provider_free(&fixture->provider);
  arena_free(&fixture->arena);
  unlink(fixture->path);
  rmdir(fixture->directory);
  CHECK_THAT(fixture->memory.in_use, ==, 0);
}

void fixture_clear(struct fixture *fixture)
{
  fixture->diagnostics = (struct diagnostics){.arena = &fixture->arena};
  walk_clear(fixture->provider.walk);
}

static void mark_unknowns(struct value *value)
{
  if (value->kind == VALUE_STRING && bytes_starts_with(value->text, BYTES("?"))) {
    struct bytes prefix = bytes_of(value->text.data + 1, value->text.size - 1);
    *value = value_unknown(prefix);
  }
  for (size_t i = 0; i < value->count; i++) mark_unknowns(&value->items[i]);
}

struct value fixture_value(struct fixture *fixture, const char *json)
{
  struct error error = {0};
  struct value value;
  char *copy = text_zero_ended(&fixture->arena, bytes_of_text(json));
  for (char *at = copy; *at != '\0'; at++) {
    if (*at == '\'') *at = '"';
  }
  bool good = value_from_json(&fixture->arena, bytes_of_text(copy), &value, &error);
  if (!good) fprintf(stderr, "%s: %s\n", json, error.message);
  CHECK(good);
  mark_unknowns(&value);
  return value;
}

const struct type *fixture_block(struct fixture *fixture, enum schema_kind kind, const char *type)
{
  struct error error;
  const struct type *block = schemas_find(&fixture->provider.schemas, kind, bytes_of_text(type),
                                          &error);
  CHECK(block != NULL);
  return block;
}

struct value fixture_config(struct fixture *fixture, enum schema_kind kind, const char *type,
                            const char *json)
{
  struct error error = {0};
  struct value config;
  struct value value = fixture_value(fixture, json);
  const struct type *block = fixture_block(fixture, kind, type);
  bool good = schema_conform(&fixture->arena, block, &value, &config, &error);
  if (!good) fprintf(stderr, "%s: %s\n", json, error.message);
  CHECK(good);
  return config;
}

struct plan fixture_plan(struct fixture *fixture, const char *type, const char *json)
{
  struct plan plan;
  struct value config = fixture_config(fixture, SCHEMA_RESOURCE, type, json);
  struct plan_request request = {.type = bytes_of_text(type),
                                 .block = fixture_block(fixture, SCHEMA_RESOURCE, type),
                                 .prior = VALUE_NOTHING,
                                 .proposed = config,
                                 .config = config};
  plan_change(&fixture->provider, &fixture->arena, &request, &plan, &fixture->diagnostics);
  return plan;
}

struct value fixture_apply(struct fixture *fixture, const char *type, const char *json)
{
  struct plan plan = fixture_plan(fixture, type, json);
  struct value state;
  apply_change(&fixture->provider, &fixture->arena, bytes_of_text(type),
               fixture_block(fixture, SCHEMA_RESOURCE, type), &VALUE_NOTHING, &plan.planned, &state,
               &fixture->diagnostics);
  return state;
}

const char *fixture_error(struct fixture *fixture)
{
  for (const struct diagnostic *at = fixture->diagnostics.first; at != NULL; at = at->next) {
    if (at->severity != DIAGNOSTIC_ERROR) continue;
    struct bytes path = path_to_text(&fixture->arena, at->path);
    struct bytes text = text_format(&fixture->arena, "%.*s|%.*s", BYTES_FORMAT(at->summary),
                                    BYTES_FORMAT(path));
    return text_zero_ended(&fixture->arena, text);
  }
  return "";
}

const char *fixture_text(struct fixture *fixture, const struct value *object, const char *name)
{
  return text_zero_ended(&fixture->arena, value_text(value_get(object, name)));
}
