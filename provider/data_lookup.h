/*
 * Data sources that look for something that exists: answered from the rehearsed cloud.
 */
#ifndef TACOS_PROVIDER_DATA_LOOKUP_H
#define TACOS_PROVIDER_DATA_LOOKUP_H

#include "provider/provider.h"

/*
 * The one resource of `resource_type` that has what `config` asks for: equal attributes, tags, and
 * filters, whose names are attributes with '-' or "tag:Key". Null when there is none. More than one
 * is an error, with a diagnostic.
 */
void lookup_one(struct provider *provider, struct arena *arena, struct bytes resource_type,
                const struct value *config, struct value *found, struct diagnostics *diagnostics);

/* The ids of all that match, as a list. */
void lookup_ids(struct provider *provider, struct arena *arena, struct bytes resource_type,
                const struct value *config, struct value *ids, struct diagnostics *diagnostics);

#endif
