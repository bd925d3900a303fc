#include "sale/platform_tables.h"

#include "base/check.h"

/* Key attributes are strings everywhere; indexes project all attributes. NULL: has none. */
struct platform_table {
  const char *name;
  const char *partition;
  const char *sort;
  struct {
    const char *name;
    const char *partition;
    const char *sort;
  } index;
  const char *ttl;
  enum table_stream stream;
};

static const struct platform_table TABLES[] = {
    {.name = "ticket-tickets",
     .partition = "pk",
     .sort = "sk",
     .index = {"GSI1", "gsi1pk", "gsi1sk"}},
    {.name = "ticket-ticket-events", .partition = "pk", .sort = "sk"},
    {.name = "ticket-reservation-reservations",
     .partition = "pk",
     .sort = "sk",
     .index = {"GSI1", "gsi1pk", "gsi1sk"}},
    {.name = "ticket-reservation-orders",
     .partition = "pk",
     .sort = "sk",
     .index = {"GSI1", "gsi1pk", "gsi1sk"}},
    {.name = "ticket-reservation-idempotency", .partition = "pk", .ttl = "ttl"},
    {.name = "ticket-reservation-outbox",
     .partition = "pk",
     .sort = "sk",
     .ttl = "ttl",
     .stream = STREAM_NEW_IMAGE},
    {.name = "ticket-users", .partition = "user_id", .index = {"username-index", "username", NULL}},
};

static struct bytes text_of(const char *text)
{
  return text == NULL ? (struct bytes){NULL, 0} : bytes_of_text(text);
}

static struct table_key key_of(const char *name)
{
  return (struct table_key){text_of(name), VALUE_STRING};
}

static enum store_status create(struct store *store, const struct platform_table *wanted,
                                struct error *error)
{
  struct table_index_definition index = {
      .name = text_of(wanted->index.name),
      .partition = key_of(wanted->index.partition),
      .sort = key_of(wanted->index.sort),
      .projection = PROJECTION_ALL,
  };
  struct table_definition definition = {
      .name = text_of(wanted->name),
      .partition = key_of(wanted->partition),
      .sort = key_of(wanted->sort),
      .indexes = &index,
      .index_count = wanted->index.name != NULL,
      .ttl_attribute = text_of(wanted->ttl),
      .stream = wanted->stream,
  };
  struct table *table;
  enum store_status status = store_table_create(store, &definition, &table, error);
  /* The table is data of this file: only memory and disk may refuse it. */
  CHECK(status == STORE_OK || status == STORE_UNAVAILABLE || status == STORE_LIMIT);
  return status;
}

/* A table of a version that had no TTL for it gets it; all else stays. */
static bool upgrade(struct store *store, struct table *table, const struct platform_table *wanted,
                    bool *changed, struct error *error)
{
  struct table_description description;
  store_table_describe(table, &description);
  if (wanted->ttl == NULL || description.definition.ttl_attribute.size > 0) return true;
  const struct table_settings settings = {
      .ttl_attribute = text_of(wanted->ttl),
      .stream = description.definition.stream,
      .deletion_protection = description.definition.deletion_protection,
  };
  *changed = true;
  return store_table_update(store, table, &settings, error) == STORE_OK;
}

bool platform_tables_create(struct store *store, uint32_t *made, struct error *error)
{
  bool changed = false;
  *made = 0;
  for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++) {
    struct table *table = store_table(store, text_of(TABLES[i].name));
    if (table != NULL) {
      if (!upgrade(store, table, &TABLES[i], &changed, error)) return false;
      continue;
    }
    if (create(store, &TABLES[i], error) != STORE_OK) return false;
    (*made)++;
  }
  return (*made == 0 && !changed) || store_sync(store, error);
}
