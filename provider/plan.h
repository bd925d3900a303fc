/*
 * Planning: from what is and what is wanted to what will be.
 *
 *   proposed (core's merge of configuration and prior state)
 *     + unknown for what AWS will compute, except what is known now (region, tags_all)
 *     + which changes cannot be made in place
 */
#ifndef TACOS_PROVIDER_PLAN_H
#define TACOS_PROVIDER_PLAN_H

#include "provider/provider.h"

struct plan_request {
  struct bytes type;
  const struct type *block;
  struct value prior;    /* null: to be created */
  struct value proposed; /* null: to be destroyed */
  struct value config;
};

struct plan {
  struct value planned;
  struct bytes *replace; /* names of top-level attributes that force a new resource */
  size_t replace_count;
};

/* Refusals go to the diagnostics. */
void plan_change(struct provider *provider, struct arena *arena, const struct plan_request *request,
                 struct plan *plan, struct diagnostics *diagnostics);

/* default_tags of the provider under the resource's own; unknown when those are. */
struct value plan_tags_all(const struct provider *provider, struct arena *arena,
                           const struct value *tags);

/* Whether a change of the attribute means another resource (plan_table.c). */
bool plan_forces_new(struct bytes type, struct bytes attribute);

/* Whether AWS gives the attribute a new value with every change of the resource (plan_table.c). */
bool plan_is_volatile(struct bytes type, struct bytes attribute);

#endif
