#include "provider/apply.h"

#include "provider/computed.h"
#include "provider/text.h"

static void report(struct diagnostics *diagnostics, const struct error *error)
{
  diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, NULL, "Rehearsal state", "%s", error->message);
}

bool apply_upgrade(struct arena *arena, const struct type *block, struct bytes json,
                   struct value *state, struct error *error)
{
  struct value stored;
  return value_from_json(arena, json, &stored, error) &&
         schema_conform(arena, block, &stored, state, error);
}

static void find(struct provider *provider, struct arena *arena, const struct cloud_key *key,
                 const struct type *block, struct value *state, struct diagnostics *diagnostics)
{
  struct error error;
  struct bytes json;
  *state = VALUE_NOTHING;
  if (!cloud_find(provider->cloud, key, arena, &json, &error) ||
      (json.size > 0 && !apply_upgrade(arena, block, json, state, &error)))
    report(diagnostics, &error);
}

void apply_read(struct provider *provider, struct arena *arena, struct bytes type,
                const struct type *block, const struct value *current, struct value *state,
                struct diagnostics *diagnostics)
{
  struct cloud_key key = provider_key(provider, arena, type, block, current);
  find(provider, arena, &key, block, state, diagnostics);
}

void apply_import(struct provider *provider, struct arena *arena, struct bytes type,
                  const struct type *block, struct bytes id, struct value *state,
                  struct diagnostics *diagnostics)
{
  bool has_region = schema_field(block, BYTES("region")) != NULL;
  struct cloud_key key = {type, has_region ? provider->region : bytes_of(NULL, 0), id};
  find(provider, arena, &key, block, state, diagnostics);
  if (state->kind != VALUE_NULL || diagnostics->errors > 0) return;
  diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, NULL, "Cannot import what does not exist",
                  "There is no %.*s with the id \"%.*s\" in the rehearsed region %.*s (%s).",
                  BYTES_FORMAT(type), BYTES_FORMAT(id), BYTES_FORMAT(provider->region),
                  cloud_path(provider->cloud));
}

void apply_change(struct provider *provider, struct arena *arena, struct bytes type,
                  const struct type *block, const struct value *prior, const struct value *planned,
                  struct value *state, struct diagnostics *diagnostics)
{
  struct error error;
  *state = *planned;
  const struct value *identified = prior;
  struct bytes json = bytes_of(NULL, 0);
  if (planned->kind == VALUE_MAP) {
    if (!computed_fill(provider, arena, type, block, state, diagnostics)) {
      *state = *prior;
      return;
    }
    json = value_to_json(arena, state);
    identified = state;
  }
  struct cloud_key key = provider_key(provider, arena, type, block, identified);
  if (cloud_put(provider->cloud, &key, json, &error)) return;
  report(diagnostics, &error);
  *state = *prior;
}
