/*
 * Every limit of queues: name, unit, reason. Those of the service are SQS's ("Amazon SQS message
 * quotas", "Amazon SQS queue quotas", API reference of CreateQueue), so that what fits here fits
 * there.
 */
#ifndef TACOS_QUEUE_LIMITS_H
#define TACOS_QUEUE_LIMITS_H

#include "store/limits.h"

enum {
  QUEUES_MAX = 10000,        /* queues; bounds the sorted array of names */
  QUEUE_NAME_MAX = 80,       /* characters, ".fifo" included */
  QUEUE_TAGS_MAX = 50,       /* of a queue */
  QUEUE_TAG_KEY_MAX = 128,   /* characters */
  QUEUE_TAG_VALUE_MAX = 256, /* characters */
  QUEUE_ALLOWED_MAX = 10,    /* source queues that a redrive allow policy names */
  QUEUE_VISIBILITY_S = 30,   /* VisibilityTimeout's default, seconds */
  QUEUE_VISIBILITY_S_MAX = 43200,
  QUEUE_DELAY_S_MAX = 900,    /* DelaySeconds; its default is 0 */
  QUEUE_RETENTION_S = 345600, /* MessageRetentionPeriod's default: 4 days */
  QUEUE_RETENTION_S_MIN = 60,
  QUEUE_RETENTION_S_MAX = 1209600,
  QUEUE_WAIT_S_MAX = 20,             /* ReceiveMessageWaitTimeSeconds; its default is 0 */
  QUEUE_MESSAGE_BYTES_MIN = 1024,    /* MaximumMessageSize */
  QUEUE_MESSAGE_BYTES_MAX = 1 << 20, /* and its default */
  QUEUE_RECEIVES_MAX = 1000,         /* maxReceiveCount of a redrive policy, at least 1 */
  QUEUE_ATTRIBUTES_MAX = 10,         /* of a message */
  QUEUE_ATTRIBUTE_NAME_MAX = 256,    /* bytes; also of its type */
  QUEUE_GROUP_MAX = 128,             /* bytes of a group id, and of a deduplication id */
  QUEUE_TRACE_MAX = 1024,            /* bytes of a trace header */
  QUEUE_BATCH_MAX = 10,              /* messages of one receive */
  QUEUE_DEDUPLICATION_MS = 300000,   /* how long a deduplication id is remembered: 5 minutes */
  QUEUE_MOVE_RATE_MAX = 500,         /* messages per second of a move task */
  QUEUE_MOVE_TASKS_KEPT = 10,        /* of one source queue, the newest */
  QUEUE_RECEIPT_BYTES = 40,          /* id, receive number, keyed hash */
  QUEUE_RECEIPT_TEXT = 54,           /* the same in base64url */

  /*
   * A message up to this many bytes of body and attributes is one item. A larger one is an item of
   * its state and further ones of its contents, so that a receive writes no more than this.
   */
  QUEUE_INLINE_BYTES = 2048,
  QUEUE_PART_BYTES = 384 << 10, /* of such an item */
  QUEUE_PARTS_MAX = 3,

  QUEUE_ADVANCE_STEPS = 4096, /* timers that one call looks at: at most about 200 us */
  QUEUE_SLICE_ACTIONS = 64,   /* of one transaction in the background: about 50 us */
};

_Static_assert((size_t)QUEUE_PARTS_MAX *QUEUE_PART_BYTES >= QUEUE_MESSAGE_BYTES_MAX + 16384,
               "the parts hold the greatest message, its names and its encoding");
_Static_assert(QUEUE_PART_BYTES + 64 <= ITEM_SIZE_MAX, "a part is an item");
_Static_assert(1 + QUEUE_PARTS_MAX + 2 <= TRANSACTION_ACTIONS_MAX, "a message is a transaction");

#endif
