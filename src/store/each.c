#include "store/engine.h"

/* The page of a query, or of a scan when it has no key condition. */
static enum store_status next_page(struct store *store, const struct store_query *query,
                                   struct arena *arena, struct store_page *page,
                                   struct error *error)
{
  if (query->key_condition != NULL) return store_query(store, query, arena, page, error);
  return store_scan(store, query, arena, page, error);
}

bool store_each(struct store *store, const struct store_query *query, store_visit *visit,
                void *context, struct error *error)
{
  struct arena arena;
  struct buffer key; /* outlives the arena of the page that it ends */
  struct store_page page;
  struct store_query next = *query;
  bool going = true;
  arena_init(&arena, store->memory);
  buffer_init(&key, store->memory);
  do {
    arena_reset(&arena);
    going = next_page(store, &next, &arena, &page, error) == STORE_OK;
    for (uint32_t i = 0; going && i < page.count; i++) going = visit(context, page.items[i], error);
    if (!going || !value_present(page.last_key)) break;
    buffer_clear(&key);
    going = buffer_append(&key, bytes_of(page.last_key.data, page.last_key.size)) ||
            error_set(error, ERROR_NO_MEMORY, "no memory to go on reading a table");
    next.start_key = (struct value){key.data, key.size};
  } while (going);
  buffer_free(&key);
  arena_free(&arena);
  return going;
}
