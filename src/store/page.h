/*
 * Pages: what query and scan have in common. Items in order are added until the page is full: the
 * limit of items is reached or PAGE_SIZE_MAX bytes were read, whichever is first. Filter and
 * projection are applied on the way.
 */
#ifndef TACOS_STORE_PAGE_H
#define TACOS_STORE_PAGE_H

#include "store/keyspace.h"
#include "store/store.h"

struct page_builder {
  const struct store_query *query;
  const struct keyspace *keyspace;
  const struct table_index_definition *index; /* NULL: the table itself */
  struct arena *arena;
  struct store_page *page;
  struct error *error; /* code ERROR_NONE while all is well */
  uint32_t capacity;   /* of page->items */
  struct item *last;   /* newest one evaluated */
  bool full;
};

/*
 * The keyspace a query names: STORE_VALIDATION for an unknown or unfinished index, STORE_NOT_FOUND.
 */
enum store_status page_keyspace(const struct store_query *query, const struct keyspace **keyspace,
                                struct error *error);

/* A filter of a query may not use key attributes. */
bool page_check_filter(const struct store_query *query, const struct keyspace *keyspace,
                       struct error *error);

/* An exclusive start key must hold exactly the key attributes of the keyspace and of the table. */
bool page_check_start_key(const struct keyspace *keyspace, struct value start_key,
                          struct error *error);

void page_builder_init(struct page_builder *builder, const struct store_query *query,
                       const struct keyspace *keyspace, struct arena *arena,
                       struct store_page *page, struct error *error);

/* Evaluates one item. False when the page takes no more: it is full, or memory ran out. */
bool page_add(struct page_builder *builder, struct item *item);

/* Sets page->last_key when the page was full; `read` false: an error was met. */
enum store_status page_finish(struct page_builder *builder, bool read);

#endif
