/*
 * What the store must hold, kept the naive way: arrays, and a journal of every change that can be
 * undone. Written from store.h, not from the store's code.
 *
 *     tables[]    the state after the newest record
 *     records[]   one per sequence: when it was appended
 *     changes[]   what it changed, in order, with both images
 *
 * The store itself appends records too (expired items, restores). What changed is seen, the order
 * within one tick is not: those records are one GROUP, whose changes get their places once a
 * recovery or a stream shows them.
 *
 * Items have a fixed set of attributes, and a key is a small number, so that an item is a struct
 * and its place in the table an index.
 */
#ifndef TACOS_SIM_STORE_MODEL_H
#define TACOS_SIM_STORE_MODEL_H

#include "store/store.h"

enum {
  MODEL_TABLES = 5,
  MODEL_ITEMS = 48,  /* keys of a table */
  MODEL_SORTS = 8,   /* of them in one partition, in a table with sort key */
  MODEL_INDEXES = 2, /* of a table */
  MODEL_GROUPS = 4,  /* values of the indexes' partition key */
};

enum model_attribute {
  MODEL_COUNT = 1, /* "cnt", a number */
  MODEL_TEXT = 2,  /* "txt", a string */
  MODEL_GROUP = 4, /* "grp", a string: partition key of the indexes */
  MODEL_RANK = 8,  /* "rnk", a number: sort key of some indexes */
  MODEL_DUE = 16,  /* "due", seconds since 1970: the TTL attribute */
  MODEL_ALL = 31,
};

/* Attributes that are absent are 0. */
struct model_item {
  bool present;
  uint8_t attributes;
  uint8_t group;
  int32_t count;
  uint32_t text; /* its size and its letters */
  int32_t rank;
  int64_t due_s;
};

struct model_index {
  uint32_t number; /* of its name */
  bool has_sort;
  enum table_projection projection;
};

struct model_table {
  bool exists;
  bool restoring;
  bool protection;
  bool ttl;
  enum table_stream stream;
  uint64_t stream_since;
  uint32_t id;
  int64_t created_ms;
  enum value_type partition_type;
  enum value_type sort_type; /* VALUE_ABSENT: no sort key */
  uint32_t index_count;
  struct model_index indexes[MODEL_INDEXES];
  struct model_item items[MODEL_ITEMS];
};

enum model_change_kind { CHANGE_ITEM, CHANGE_TABLE, CHANGE_TOKEN };

struct model_change {
  enum model_change_kind kind;
  uint64_t sequence;
  uint32_t table; /* position in tables[] */
  uint32_t key;
  bool by_ttl;
  bool streamed;                   /* a stream showed it: of a group, the sequence is known */
  struct model_item before, after; /* CHANGE_ITEM */
  struct model_table *table_before, *table_after;
  uint32_t token; /* number of its text */
  uint64_t request_hash;
};

struct model_record {
  int64_t time_ms;      /* when it was appended, */
  int64_t time_high_ms; /* at the latest: time passes in a tick */
  uint64_t group_first; /* sequences among which the order is not known; both its own: known */
  uint64_t group_last;
};

struct store_model {
  struct model_table tables[MODEL_TABLES];
  uint64_t appended;            /* newest sequence */
  struct model_record *records; /* of sequence 1, 2, ... */
  size_t record_capacity;
  struct model_change *changes;
  size_t change_count;
  size_t change_capacity;
  uint32_t table_id_max;
};

void store_model_free(struct store_model *model);

/* The record of a sequence from 1 to `appended`. */
struct model_record *store_model_record(const struct store_model *model, uint64_t sequence);

/* A new record; the changes that follow belong to it. Returns its sequence. */
uint64_t store_model_append(struct store_model *model, int64_t time_ms, int64_t time_high_ms);
void store_model_change_item(struct store_model *model, uint32_t table, uint32_t key,
                             const struct model_item *after, bool by_ttl);
void store_model_change_table(struct store_model *model, uint32_t table,
                              const struct model_table *after);
void store_model_add_token(struct store_model *model, uint32_t token, uint64_t request_hash);

/* Makes the records from first up to the newest a group. */
void store_model_group(struct store_model *model, uint64_t first);

/* The state after a prefix of the records, in tables[MODEL_TABLES]. */
void store_model_state_at(const struct store_model *model, uint64_t sequence,
                          struct model_table *tables);

/* Forgets what came after `sequence`. */
void store_model_rewind(struct store_model *model, uint64_t sequence);

/*
 * Gives the changes of the group around `sequence` their places: those that `seen` says happened
 * go up to it, the others behind. False when they do not fit.
 */
bool store_model_settle(struct store_model *model, uint64_t sequence,
                        bool (*seen)(void *context, const struct model_change *change),
                        void *context);

/* The newest record not after at_ms; false when that is not known exactly. */
bool store_model_sequence_at(const struct store_model *model, int64_t at_ms, uint64_t *sequence);

/* The newest change of a token within its 10 minutes, or NULL. */
const struct model_change *store_model_token(const struct store_model *model, uint32_t token,
                                             int64_t now_ms);

/* ---- items ---- */

bool store_model_same(const struct model_item *left, const struct model_item *right);
bool store_model_in_index(const struct model_item *item, const struct model_index *index);
uint32_t store_model_count(const struct model_table *table);

/* How far the partitions of a table reach, and the key of a partition and a sort number. */
uint32_t store_model_partitions(const struct model_table *table);
uint32_t store_model_sorts(const struct model_table *table);

/* The value of a key attribute with this number; ascending numbers give ascending values. */
struct value store_model_key_value(enum value_type type, uint32_t number, struct arena *arena);

/* The map of a key's attributes, or the whole item with the attributes of `mask`. */
struct value store_model_key(const struct model_table *table, uint32_t key, struct arena *arena);
struct value store_model_item(const struct model_table *table, uint32_t key,
                              const struct model_item *item, unsigned mask, struct arena *arena);

/* Single attribute values, as items have them. */
struct value store_model_text(uint32_t text, struct arena *arena);
struct value store_model_group_name(uint32_t group, struct arena *arena);

/* The key that a returned item has; MODEL_ITEMS when it has none of this table. */
uint32_t store_model_find_key(const struct model_table *table, struct value item);

#endif
