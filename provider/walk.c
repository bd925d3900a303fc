#include "provider/rules.h"

#include "base/check.h"

struct walk {
  struct memory *memory;
  struct arena arena;
};

struct walk *walk_new(struct memory *memory)
{
  struct walk *walk = memory_alloc_zeroed(memory, sizeof(*walk));
  CHECK(walk != NULL);
  walk->memory = memory;
  arena_init(&walk->arena, memory);
  return walk;
}

void walk_free(struct walk *walk)
{
  if (walk == NULL) return;
  arena_free(&walk->arena);
  memory_free(walk->memory, walk, sizeof(*walk));
}

void walk_clear(struct walk *walk)
{
  arena_reset(&walk->arena);
}

void walk_check(struct provider *provider, struct arena *arena, struct bytes type,
                const struct value *planned, struct diagnostics *diagnostics)
{
  (void)provider;
  (void)arena;
  (void)type;
  (void)planned;
  (void)diagnostics;
}
