/*
 * Replies to requests that change nothing. What was read may not be on disk yet, so they wait for
 * all that was appended when they were built. Both send. Engine thread.
 */
#ifndef TACOS_API_ANSWER_H
#define TACOS_API_ANSWER_H

#include "net/exchange.h"
#include "sale/sale.h"

/* 200 with a JSON body; 503 when it is data NULL: there was no memory to render it. */
void answer_json(struct exchange *exchange, struct bytes body);

void answer_refusal(struct exchange *exchange, enum sale_refusal refusal);

/* The reply that was built. */
void answer_send(struct exchange *exchange);

#endif
