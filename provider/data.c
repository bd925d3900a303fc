#include "provider/data.h"

#include "provider/computed.h"

void data_read(struct provider *provider, struct arena *arena, struct bytes type,
               const struct type *block, const struct value *config, struct value *state,
               struct diagnostics *diagnostics)
{
  (void)diagnostics;
  *state = value_copy(arena, config);
  computed_fill_data(provider, arena, type, block, state);
}

void data_open_ephemeral(struct provider *provider, struct arena *arena, struct bytes type,
                         const struct type *block, const struct value *config, struct value *state,
                         struct diagnostics *diagnostics)
{
  data_read(provider, arena, type, block, config, state, diagnostics);
}
