/*
 * What a message, and the names around it, may look like: SQS's rules (API reference of
 * SendMessage, developer guide "Amazon SQS message metadata"). Pure; any thread.
 */
#ifndef TACOS_QUEUE_MESSAGE_CHECK_H
#define TACOS_QUEUE_MESSAGE_CHECK_H

#include "queue/queue.h"

/* Whether it is UTF-8 of characters that SQS allows (those of XML 1.0). */
bool queue_text_is_allowed(struct bytes text);

/* 1 to QUEUE_GROUP_MAX letters, digits and punctuation of ASCII: a group or deduplication id. */
bool queue_id_text_is_allowed(struct bytes text);

/* Letters, digits, - and _; up to QUEUE_NAME_MAX characters; ".fifo" at the end and only there. */
bool queue_name_is_valid(struct bytes name, bool fifo);

/* "Number.int" is "Number". */
bool queue_type_is(struct bytes type, struct bytes base);

/* The first thing that is wrong with a draft for a queue with these settings. */
enum queue_status queue_draft_check(const struct queue_settings *settings,
                                    const struct queue_draft *draft);

/* Bytes of body, attribute names, types and values, as the maximum size counts them. */
size_t queue_draft_size(const struct queue_draft *draft);

#endif
