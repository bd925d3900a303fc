/*
 * A naive model of queues, written from SQS's rules: a list of messages with what is known of each,
 * looked through from end to end. It decides what an answer may be; where the rules leave a choice
 * (which of the visible messages a standard queue gives) the real answer is taken when it is one of
 * those allowed.
 */
#ifndef TACOS_TESTS_UNIT_QUEUE_QUEUE_MODEL_H
#define TACOS_TESTS_UNIT_QUEUE_QUEUE_MODEL_H

#include "queue/queue.h"

enum {
  MODEL_QUEUES = 6,
  MODEL_MESSAGES = 512,
  MODEL_RECEIPTS = 3, /* the newest of a message */
  MODEL_SEEN = 512,
  MODEL_NONE = -1,
};

struct model_queue {
  const char *name;
  int dead_letter; /* MODEL_NONE: none */
  int32_t receives_max;
  int32_t visibility_s;
  int32_t delay_s;
  int32_t retention_s;
  bool fifo;
  bool by_group; /* deduplication */
};

extern const struct model_queue model_queues[MODEL_QUEUES];

struct model_receipt {
  char text[QUEUE_RECEIPT_TEXT];
  int queue;
};

struct model_message {
  bool alive;
  int queue;
  int source; /* dead-lettered from */
  struct id id;
  uint64_t order; /* in a FIFO queue */
  int group;
  size_t body_size;
  int64_t sent_ms;
  int64_t visible_ms;
  uint32_t receives;   /* in this queue */
  bool delayed_or_new; /* not received since it came to this queue */
  uint32_t receipt_count;
  struct model_receipt receipts[MODEL_RECEIPTS]; /* newest first, of this stay */
};

struct model_seen {
  int queue;
  int group; /* MODEL_NONE: of the whole queue */
  int deduplication;
  int64_t until_ms;
  struct id id;
};

struct model {
  int64_t now_ms;
  uint64_t next_order;
  int message_count;
  struct model_message messages[MODEL_MESSAGES];
  int seen_count;
  struct model_seen seen[MODEL_SEEN];
};

/* Forgets what is gone, for room. */
void model_compact(struct model *model);

enum model_place { MODEL_VISIBLE, MODEL_DELAYED, MODEL_IN_FLIGHT };
enum model_place model_place(const struct model *model, const struct model_message *message);

/* Whether retention lets it live; those that are over are not alive. */
void model_expire(struct model *model);

struct model_message *model_find(struct model *model, const struct id *id);

/* The first send with this id that still counts, or NULL. */
const struct model_seen *model_find_seen(const struct model *model, int queue, int group,
                                         int deduplication);

void model_send(struct model *model, int queue, const struct id *id, int group, int deduplication,
                int32_t delay_s, size_t body_size);

/* Whether a message of a FIFO queue may be given now: first of its group, which is not blocked. */
bool model_is_first(const struct model *model, const struct model_message *message);

bool model_may_receive(const struct model *model, const struct model_message *message);
void model_receive(struct model *model, struct model_message *message,
                   const struct queue_message *received, int32_t visibility_s);

/* To another queue: received anew, in the order of the calls. */
void model_move(struct model *model, struct model_message *message, int queue, bool dead_letter);

void model_purge(struct model *model, int queue);
uint64_t model_count(const struct model *model, int queue, enum model_place place);

#endif
