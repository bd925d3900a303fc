/*
 * Queues and move tasks as items of the table "tacos-queues", whose key "name" is text:
 *
 *     the queue's name    id, number, created, changed (ms); settings and tags, maps
 *     "#numbers"          next: the next id or number; none is used twice
 *     "#secret"           key: of receipts
 *     "#task/" id         source, destination (ids of queues; 0: to the sources), rate, status,
 *                         to_move, moved, started (ms)
 *
 * No queue's name has a '#'. Memory: what is read points into the item; what is made lies in the
 * arena. Pure; any thread.
 */
#ifndef TACOS_QUEUE_RECORD_H
#define TACOS_QUEUE_RECORD_H

#include "queue/queue.h"
#include "queue/receipt.h"

#define QUEUE_QUEUES_TABLE "tacos-queues"

struct queue_record {
  struct bytes name;
  uint32_t id;     /* of the queue */
  uint32_t number; /* of its contents: another one after a purge */
  int64_t created_ms;
  int64_t changed_ms;
  struct queue_settings settings;
  struct value encoded_settings; /* settings as they are in the item */
  struct value tags;             /* a map of strings */
};

struct task_record {
  struct id id;
  uint32_t source;
  uint32_t destination;
  int32_t rate;
  enum queue_task_status status;
  uint64_t to_move;
  uint64_t moved;
  int64_t started_ms;
};

enum record_name { RECORD_QUEUE, RECORD_NUMBERS, RECORD_SECRET, RECORD_TASK, RECORD_UNKNOWN };
enum record_name record_name_of(struct value item);

/* The item; VALUE_NONE without memory. record->settings is taken, not encoded_settings. */
struct value queue_record_make(const struct queue_record *record, struct buffer *scratch,
                               struct arena *arena);
bool queue_record_read(struct value item, struct queue_record *record);

struct value queue_settings_encode(const struct queue_settings *settings, struct buffer *scratch,
                                   struct arena *arena);

/* QUEUE_INVALID_TAG, QUEUE_UNAVAILABLE. */
enum queue_status queue_tags_encode(const struct queue_tag *tags, uint32_t count,
                                    struct buffer *scratch, struct arena *arena,
                                    struct value *encoded);

/* Ranges and the rules between them, with a message that names the setting. */
bool queue_settings_check(const struct queue_settings *settings, struct bytes name,
                          struct error *error);

struct value numbers_record_make(uint32_t next, struct buffer *scratch, struct arena *arena);
bool numbers_record_read(struct value item, uint32_t *next);

struct value secret_record_make(const uint8_t key[RECEIPT_KEY_BYTES], struct buffer *scratch,
                                struct arena *arena);
bool secret_record_read(struct value item, uint8_t key[RECEIPT_KEY_BYTES]);

struct value task_record_make(const struct task_record *task, struct buffer *scratch,
                              struct arena *arena);
bool task_record_read(struct value item, struct task_record *task);

/* The key map of a queue or a task, for a delete. */
struct value queue_record_key(struct bytes name, struct buffer *scratch, struct arena *arena);
struct value task_record_key(const struct id *id, struct buffer *scratch, struct arena *arena);

#endif
