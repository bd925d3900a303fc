/*
 * Making a plan true in the rehearsed cloud, and reading it back.
 */
#ifndef TACOS_PROVIDER_APPLY_H
#define TACOS_PROVIDER_APPLY_H

#include "provider/plan.h"

/* Creates, updates or (planned null) removes; *state is what is there afterwards. */
void apply_change(struct provider *provider, struct arena *arena, struct bytes type,
                  const struct type *block, const struct value *prior, const struct value *planned,
                  struct value *state, struct diagnostics *diagnostics);

/* What the cloud has under the key of `current`: null when it is gone. */
void apply_read(struct provider *provider, struct arena *arena, struct bytes type,
                const struct type *block, const struct value *current, struct value *state,
                struct diagnostics *diagnostics);

/* A resource by its id, in the provider's region; null with a diagnostic when there is none. */
void apply_import(struct provider *provider, struct arena *arena, struct bytes type,
                  const struct type *block, struct bytes id, struct value *state,
                  struct diagnostics *diagnostics);

/* State as Terraform stored it, maybe written by an older provider, in today's shape. */
bool apply_upgrade(struct arena *arena, const struct type *block, struct bytes json,
                   struct value *state, struct error *error);

#endif
