#include "provider/rules.h"

void rules_check_resource(struct arena *arena, struct bytes type, const struct value *config,
                          struct diagnostics *diagnostics)
{
  (void)arena;
  (void)type;
  (void)config;
  (void)diagnostics;
}

bool rules_is_region(struct bytes text)
{
  return text.size > 0;
}
