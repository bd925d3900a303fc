/*
 * What AWS refuses and a plan can know.
 *
 * rules_check_resource looks at one resource's arguments (at validate, and again at plan with what
 * is known by then). A walk remembers what one run of Terraform has planned, for rules about
 * several resources: subnets in their VPC, rules of one security group.
 */
#ifndef TACOS_PROVIDER_RULES_H
#define TACOS_PROVIDER_RULES_H

#include "provider/plan.h"

/* --- one resource (rules.c and rules_*.c) --- */

void rules_check_resource(struct arena *arena, struct bytes type, const struct value *config,
                          struct diagnostics *diagnostics);

bool rules_is_region(struct bytes text);

/* --- one walk (walk.c) --- */

struct walk;

struct walk *walk_new(struct memory *memory);
void walk_free(struct walk *walk);

/* Forgets everything: a new run of Terraform begins. */
void walk_clear(struct walk *walk);

/*
 * Checks a planned resource against those planned before it, then remembers it. Not to be called
 * for a plan that will be made again with no prior state because something forces a new resource.
 */
void walk_check(struct provider *provider, struct arena *arena, struct bytes type,
                const struct value *planned, struct diagnostics *diagnostics);

#endif
