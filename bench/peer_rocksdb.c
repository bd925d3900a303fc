#include "peer_rocksdb.h"

#include "base/check.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>

struct peer_rocksdb {
  rocksdb_t *db;
  rocksdb_options_t *options;
  rocksdb_writeoptions_t *write_options;
  rocksdb_readoptions_t *read_options;
  rocksdb_writebatch_t *batch;
  pthread_t syncer;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool syncing; /* asked for, or under way */
  bool stop;
};

static void check_rocksdb(const char *error)
{
  if (error == NULL) return;
  fprintf(stderr, "rocksdb: %s\n", error);
  CHECK(error == NULL);
}

static void *run_syncer(void *context)
{
  struct peer_rocksdb *peer = context;
  pthread_mutex_lock(&peer->lock);
  while (!peer->stop) {
    if (!peer->syncing) {
      pthread_cond_wait(&peer->changed, &peer->lock);
      continue;
    }
    pthread_mutex_unlock(&peer->lock);
    char *error = NULL;
    rocksdb_flush_wal(peer->db, 1, &error);
    check_rocksdb(error);
    pthread_mutex_lock(&peer->lock);
    peer->syncing = false;
    pthread_cond_broadcast(&peer->changed);
  }
  pthread_mutex_unlock(&peer->lock);
  return NULL;
}

void peer_rocksdb_sync_begin(struct peer_rocksdb *peer)
{
  pthread_mutex_lock(&peer->lock);
  CHECK(!peer->syncing);
  peer->syncing = true;
  pthread_cond_broadcast(&peer->changed);
  pthread_mutex_unlock(&peer->lock);
}

void peer_rocksdb_wait(struct peer_rocksdb *peer)
{
  pthread_mutex_lock(&peer->lock);
  while (peer->syncing) pthread_cond_wait(&peer->changed, &peer->lock);
  pthread_mutex_unlock(&peer->lock);
}

struct peer_rocksdb *peer_rocksdb_open(const char *directory)
{
  char *error = NULL;
  struct peer_rocksdb *peer = calloc(1, sizeof *peer);
  CHECK(peer != NULL);
  peer->options = rocksdb_options_create();
  rocksdb_options_set_create_if_missing(peer->options, 1);
  rocksdb_options_increase_parallelism(peer->options, 2);
  rocksdb_options_set_write_buffer_size(peer->options, (size_t)256 << 20);
  rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
  rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
  rocksdb_block_based_options_set_block_cache(table, rocksdb_cache_create_lru((size_t)4 << 30));
  rocksdb_options_set_block_based_table_factory(peer->options, table);
  peer->db = rocksdb_open(peer->options, directory, &error);
  check_rocksdb(error);
  peer->write_options = rocksdb_writeoptions_create();
  peer->read_options = rocksdb_readoptions_create();
  peer->batch = rocksdb_writebatch_create();
  rocksdb_block_based_options_destroy(table);
  pthread_mutex_init(&peer->lock, NULL);
  pthread_cond_init(&peer->changed, NULL);
  CHECK(pthread_create(&peer->syncer, NULL, run_syncer, peer) == 0);
  return peer;
}

void peer_rocksdb_close(struct peer_rocksdb *peer)
{
  peer_rocksdb_wait(peer);
  pthread_mutex_lock(&peer->lock);
  peer->stop = true;
  pthread_cond_broadcast(&peer->changed);
  pthread_mutex_unlock(&peer->lock);
  pthread_join(peer->syncer, NULL);
  rocksdb_writebatch_destroy(peer->batch);
  rocksdb_readoptions_destroy(peer->read_options);
  rocksdb_writeoptions_destroy(peer->write_options);
  rocksdb_close(peer->db);
  rocksdb_options_destroy(peer->options);
  free(peer);
}

/* table letter | partition key | 0 | sort key */
static size_t make_key(char table, struct value item, const char *partition, const char *sort,
                       char key[256])
{
  struct bytes pk = value_bytes(value_attribute(item, bytes_of_text(partition)));
  struct bytes sk = value_bytes(value_attribute(item, bytes_of_text(sort)));
  CHECK_THAT(pk.size + sk.size + 2, <=, 256);
  key[0] = table;
  memcpy(key + 1, pk.data, pk.size);
  key[1 + pk.size] = 0;
  memcpy(key + 2 + pk.size, sk.data, sk.size);
  return 2 + pk.size + sk.size;
}

static void put(struct peer_rocksdb *peer, char table, struct value item)
{
  char key[256];
  size_t size = make_key(table, item, "pk", "sk", key);
  rocksdb_writebatch_put(peer->batch, key, size, (const char *)item.data, item.size);
}

/* An index entry: the index key, and the primary key as its value. */
static void put_index(struct peer_rocksdb *peer, char table, struct value item)
{
  char key[256];
  char primary[256];
  size_t size = make_key(table, item, "gsi1pk", "gsi1sk", key);
  size_t primary_size = make_key(table, item, "pk", "sk", primary);
  rocksdb_writebatch_put(peer->batch, key, size, primary, primary_size);
}

static void write_batch(struct peer_rocksdb *peer)
{
  char *error = NULL;
  rocksdb_write(peer->db, peer->write_options, peer->batch, &error);
  check_rocksdb(error);
  rocksdb_writebatch_clear(peer->batch);
}

void peer_rocksdb_load_tickets(struct peer_rocksdb *peer, uint64_t first, uint64_t count)
{
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  for (uint64_t i = 0; i < count; i++) {
    struct value ticket = hold_ticket_image(&arena, first + i, false);
    put(peer, 't', ticket);
    put_index(peer, 'i', ticket);
    if (i % 100 != 99 && i + 1 < count) continue;
    write_batch(peer);
    arena_reset(&arena);
  }
  arena_free(&arena);
  peer_rocksdb_sync_begin(peer);
  peer_rocksdb_wait(peer);
}

void peer_rocksdb_get(struct peer_rocksdb *peer, uint64_t number, struct arena *arena)
{
  char key[256];
  char *error = NULL;
  struct value partition;
  struct value sort;
  hold_ticket_key(arena, number, &partition, &sort);
  struct bytes pk = value_bytes(partition);
  struct bytes sk = value_bytes(sort);
  key[0] = 't';
  memcpy(key + 1, pk.data, pk.size);
  key[1 + pk.size] = 0;
  memcpy(key + 2 + pk.size, sk.data, sk.size);
  rocksdb_pinnableslice_t *slice = rocksdb_get_pinned(peer->db, peer->read_options, key,
                                                      2 + pk.size + sk.size, &error);
  check_rocksdb(error);
  CHECK(slice != NULL);
  rocksdb_pinnableslice_destroy(slice);
}

void peer_rocksdb_hold(struct peer_rocksdb *peer, uint64_t number, struct arena *arena)
{
  static const char tables[HOLD_ITEMS] = {'t', 't', 'e', 'e', 'r', 'o'};
  struct value images[HOLD_ITEMS];
  for (unsigned i = 0; i < HOLD_SEATS; i++) peer_rocksdb_get(peer, HOLD_SEATS * number + i, arena);
  hold_images(arena, number, images);
  for (int i = 0; i < HOLD_ITEMS; i++) put(peer, tables[i], images[i]);
  put_index(peer, 'j', images[4]);
  write_batch(peer);
}
