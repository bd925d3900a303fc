/*
 * Signatures of what a payment provider sends us (the webhook of the contract):
 *
 *     X-Webhook-Signature: sha256=<HMAC-SHA-256 of the raw body, in lower-case hex>
 *
 * A pure function; any thread.
 */
#ifndef TACOS_SALE_PROVIDER_SIGNATURE_H
#define TACOS_SALE_PROVIDER_SIGNATURE_H

#include "base/bytes.h"

/*
 * Whether `header` (the field's value) signs `body` with `secret`, in a time that does not tell how
 * much of it was right. An empty secret signs nothing. Upper-case hex is refused: a signature has
 * one spelling.
 */
bool provider_signature_is_valid(struct bytes body, struct bytes header, struct bytes secret);

#endif
