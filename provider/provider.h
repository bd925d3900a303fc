/*
 * The rehearsal provider: hashicorp/aws for `terraform`, with no AWS behind it.
 *
 *   main -> server (socket, TLS) -> grpc (HTTP/2) -> rpc (messages) -> plan | apply | data | ...
 *                                                        \-> schema, value, rules, cloud
 *
 * Terraform stays the engine; this answers what a provider is asked. Resources "exist" in a local
 * file (cloud.h). Everything runs in one thread. Memory of a request is in its arena; the structs
 * here live as long as the process.
 */
#ifndef TACOS_PROVIDER_PROVIDER_H
#define TACOS_PROVIDER_PROVIDER_H

#include "provider/cloud.h"
#include "provider/diagnostic.h"
#include "provider/schema.h"
#include "provider/value.h"

struct walk; /* rules_walk.h: what this process has planned so far */

struct provider {
  struct arena arena; /* lives as long as the process */
  struct schemas schemas;
  struct cloud *cloud;
  struct walk *walk;

  /* Of the provider's configuration, in `arena`; defaults before ConfigureProvider. */
  struct bytes region;
  struct bytes account;
  struct bytes partition;
  struct value default_tags; /* a map or null */
};

/* What the environment says, read once by main. NULL: not set. */
struct provider_environment {
  const char *state_path; /* TACOS_REHEARSAL_STATE, else .terraform/rehearsal.json or beside */
  const char *account;    /* TACOS_REHEARSAL_ACCOUNT */
  const char *region;     /* AWS_REGION, AWS_DEFAULT_REGION */
};

extern const char PROVIDER_ACCOUNT_DEFAULT[];

bool provider_init(struct provider *provider, const struct provider_environment *environment,
                   struct memory *memory, struct error *error);
void provider_free(struct provider *provider);

/* Says that this is a rehearsal: before whatever else a configuration is told. */
void provider_announce(const struct provider *provider, struct diagnostics *diagnostics);

/* ConfigureProvider: takes region, account and tags over, and announces. */
void provider_configure(struct provider *provider, const struct value *config,
                        struct diagnostics *diagnostics);

/* The region of a resource: its own argument, else the provider's. */
struct bytes provider_region(const struct provider *provider, const struct value *resource);

/* The key of a resource in the cloud; it needs an id. */
struct cloud_key provider_key(const struct provider *provider, struct arena *arena,
                              struct bytes type, const struct type *block,
                              const struct value *resource);

#endif
