/*
 * Data sources and ephemeral resources: what AWS would answer to a question.
 */
#ifndef TACOS_PROVIDER_DATA_H
#define TACOS_PROVIDER_DATA_H

#include "provider/provider.h"

/* *state is the whole object, null when a diagnostic says why there is none. Ephemeral resources
   are read the same way. */
void data_read(struct provider *provider, struct arena *arena, struct bytes type,
               const struct type *block, const struct value *config, struct value *state,
               struct diagnostics *diagnostics);

#endif
