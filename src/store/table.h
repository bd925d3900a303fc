/*
 * One table: its definition, its items and their keyspaces.
 *
 * A table owns its items. A change of one item is prepared (may fail, changes nothing), then
 * applied (cannot fail); log replay goes through the same two halves. Engine thread only.
 */
#ifndef TACOS_STORE_TABLE_H
#define TACOS_STORE_TABLE_H

#include "store/keyspace.h"
#include "store/store.h"

/* A secondary index. Its address is stable: the keyspace's order points into it. */
struct table_index {
  struct arena arena; /* owns what `definition` points to */
  struct table_index_definition definition;
  struct keyspace keyspace;
  bool active;               /* false while it is being filled */
  struct keyspace_walk fill; /* over the primary keyspace, while not active */
  struct table_index *next;  /* in the list of dropped ones */
  uint64_t drain_from;
};

struct table {
  struct table *next_dropped; /* in the store's list of tables being freed */
  uint64_t drain_from;
  struct arena arena; /* owns name and key names */
  struct memory *memory;
  struct heap *heap;
  uint64_t hash_seed;
  uint32_t id;
  enum table_state state;
  bool recovering; /* secondary indexes stand still and empty until table_build_indexes */
  bool restoring;  /* a restore fills it: dropped if the process stops before the end */
  bool deletion_protection;
  enum table_stream stream;
  int64_t created_ms;
  uint64_t stream_since; /* first sequence of the stream */
  uint64_t item_count;
  struct bytes name;
  uint8_t ttl_name[ATTRIBUTE_KEY_NAME_MAX];
  size_t ttl_name_size; /* 0: no TTL */
  struct keyspace primary;
  uint32_t index_count;
  struct table_index *indexes[TABLE_INDEXES_MAX];
  struct table_index_definition index_definitions[TABLE_INDEXES_MAX]; /* for describing */
  struct keyspace_walk sweep;                                         /* of the TTL sweeper */
  int64_t sweep_again_ns; /* monotonic time of the next sweep */
};

/* Refuses names, keys, indexes and projections as DynamoDB's CreateTable does. */
bool table_check_definition(const struct table_definition *definition, struct error *error);
bool table_check_index(const struct table_definition *definition,
                       const struct table_index_definition *index, struct error *error);

/* The name of a TTL attribute, which may be empty: no TTL. */
bool table_check_ttl(struct bytes name, struct error *error);

struct table_origin {
  struct memory *memory;
  struct heap *heap;
  uint64_t hash_seed;
};

/* A new empty table with copies of all names; indexes are active. NULL: no memory. */
struct table *table_make(const struct table_origin *origin, uint32_t id,
                         const struct table_definition *definition);

/* Frees an empty table (drained) and its indexes. */
void table_free(struct table *table);

/* Adds an empty index; `active` false starts a fill. False: no memory. */
bool table_add_index(struct table *table, const struct table_index_definition *definition,
                     bool active);

/* Puts an index (back) at a position. */
void table_put_index(struct table *table, struct table_index *index, uint32_t position);

/* Takes an index out; the caller drains and frees it with table_index_free. */
struct table_index *table_take_index(struct table *table, uint32_t position);
void table_index_free(struct table_index *index, struct memory *memory);

/* The position of an index, or -1. */
int table_find_index(const struct table *table, struct bytes name);

void table_set(struct table *table, const struct table_settings *settings);

/* The table's definition as a MAP value (log and snapshot), and back. */
bool table_encode(const struct table *table, struct buffer *buffer, struct value *encoded);
struct table *table_decode(const struct table_origin *origin, struct value encoded,
                           struct error *error);

static inline struct bytes table_ttl(const struct table *table)
{
  return bytes_of(table->ttl_name, table->ttl_name_size);
}

/* STORE_NOT_FOUND while a table is still being created: nobody reads or writes it. */
enum store_status table_check_active(const struct table *table, struct error *error);

/* ---- items ---- */

/* Where in a map the key values are; sort is VALUE_NONE in a table that has none. */
struct item_key {
  struct value partition;
  struct value sort;
};

struct item_key table_key(const struct table *table, struct value map);

/*
 * A key map must hold exactly the key attributes, of their types, not empty, not too long. *key is
 * set when it does.
 */
bool table_check_key(const struct table *table, struct value map, struct item_key *key,
                     struct error *error);

/*
 * Only that no key attribute is an empty string or binary: what a transaction refuses as a whole.
 */
bool table_check_key_filled(const struct table *table, struct value map, struct error *error);

/* Whether two maps with key attributes name the same item. */
bool table_same_key(const struct table *table, struct value left, struct value right);

/* An item to be written: its key, the types of index keys, its size. *key is set when all holds. */
bool table_check_item(const struct table *table, struct value item, struct item_key *key,
                      struct error *error);

uint64_t table_hash(const struct table *table, struct item_key key);
struct item *table_find(const struct table *table, uint64_t hash, struct item_key key);

/* A heap block with this value, whose keys (inside the value) were checked; NULL: no memory. */
struct item *table_make_item(const struct table *table, struct value value, struct item_key key);
void table_free_item(const struct table *table, struct item *item);

struct table_change {
  struct table *table;
  uint64_t hash;         /* of the primary partition key */
  struct item *old_item; /* NULL: insert */
  struct item *new_item; /* NULL: delete */
};

/*
 * Room in the indexes for a change that is one of `count` of a transaction; after this and
 * keyspace_reserve(heap, table_inserts(change)) table_apply cannot fail.
 */
bool table_prepare(const struct table_change *change, uint32_t count);
uint32_t table_inserts(const struct table_change *change);

/* Swaps the item in all keyspaces and frees the old one. */
void table_apply(const struct table_change *change);

/* Ends recovery: builds every secondary index from the items. False: no memory. */
bool table_build_indexes(struct table *table);

/* Inserts an item into one index unless it is there; false: no memory, nothing changed. */
bool table_fill_index(struct table *table, struct table_index *index, struct item *item);

#endif
