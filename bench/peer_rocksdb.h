/*
 * The peer of the store's benchmarks: RocksDB through its C API, given the same writes.
 *
 * One key for each item (table, partition key, sort key) and one for each index entry, values are
 * the very images our store writes. A hold reads its two tickets (the condition), then writes one
 * atomic batch; the write-ahead log is synced once per group, with rocksdb_flush_wal, which was the
 * faster of the two ways to share one sync (the other: one batch for the whole group). The sync
 * runs in a thread of its own while the next group is executed, as ours does.
 */
#ifndef TACOS_BENCH_PEER_ROCKSDB_H
#define TACOS_BENCH_PEER_ROCKSDB_H

#include "hold.h"

struct peer_rocksdb;

struct peer_rocksdb *peer_rocksdb_open(const char *directory);
void peer_rocksdb_close(struct peer_rocksdb *peer);

void peer_rocksdb_load_tickets(struct peer_rocksdb *peer, uint64_t first, uint64_t count);

/* One hold, not yet durable. */
void peer_rocksdb_hold(struct peer_rocksdb *peer, uint64_t number, struct arena *arena);

/* Begins to make durable what was written; waits for the sync that was begun last. */
void peer_rocksdb_sync_begin(struct peer_rocksdb *peer);
void peer_rocksdb_wait(struct peer_rocksdb *peer);

/* Reads one ticket; CHECKs that it is there. */
void peer_rocksdb_get(struct peer_rocksdb *peer, uint64_t number, struct arena *arena);

#endif
