/*
 * The simulated payment provider: how an intent with a scenario ends.
 *
 *     approve, fail   by POST payments/process, or a webhook
 *     random          the same; one of two, by the world's entropy
 *     delay           approved by itself, payment_delay_ms after the intent, if not before
 *
 * A delayed payment is a timer in memory: after a restart it waits for process or a webhook.
 *
 * Memory: the world's. Engine thread.
 */
#ifndef TACOS_API_PAYMENTS_H
#define TACOS_API_PAYMENTS_H

#include "api/api.h"

/* Ends a payment by itself after a while; nothing when there is no memory. */
void payment_delay_begin(struct api *api, struct bytes intent_id);

void payment_delay_clear_all(struct api *api);

#endif
