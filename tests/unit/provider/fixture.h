/*
 * A provider for tests: the schemas that are linked in, and a state file that is removed again.
 *
 * Arguments are written as JSON with ' for ". The text "?" is an unknown, "?abc" one that will
 * start with abc.
 */
#ifndef TACOS_UNIT_PROVIDER_FIXTURE_H
#define TACOS_UNIT_PROVIDER_FIXTURE_H

#include "provider/diagnostic.h"
#include "provider/plan.h"
#include "provider/provider.h"

struct fixture {
  struct memory memory;
  struct arena arena;
  struct provider provider;
  struct diagnostics diagnostics;
  char directory[64];
  char path[96]; /* of the state */
};

/* In ap-northeast-2, account 123456789012. */
void fixture_open(struct fixture *fixture);

/* Also CHECKs that nothing leaked. */
void fixture_close(struct fixture *fixture);

/* Forgets the findings and the walk, not the cloud. */
void fixture_clear(struct fixture *fixture);

struct value fixture_value(struct fixture *fixture, const char *json);

/* The block of a type, and arguments in its shape. */
const struct type *fixture_block(struct fixture *fixture, enum schema_kind kind, const char *type);
struct value fixture_config(struct fixture *fixture, enum schema_kind kind, const char *type,
                            const char *json);

/* Plans a new resource; then also makes it. */
struct plan fixture_plan(struct fixture *fixture, const char *type, const char *json);
struct value fixture_apply(struct fixture *fixture, const char *type, const char *json);

/* The first error's "summary|path", "" when there is none. */
const char *fixture_error(struct fixture *fixture);

/* The text under a name, as a C string in the arena; "" when it has none. */
const char *fixture_text(struct fixture *fixture, const struct value *object, const char *name);

#endif
