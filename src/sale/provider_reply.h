/*
 * What an HTTP reply of a payment provider means (provider_http.h). It is somebody else's text:
 * read strictly, and where it does not say how the payment stands, it is PROVIDER_UNCLEAR, never a
 * guess.
 *
 *     HTTP status                          AUTHORISE QUERY CANCEL CAPTURE REFUND
 *     2xx, 409 (the same again)            what the body's "status" says, see below
 *     402                                  FAILED                  FAILED  FAILED
 *     404 with error.code NOT_FOUND        UNCLEAR UNKNOWN UNKNOWN FAILED  FAILED
 *     400, 403, 404, 410, 422              UNCLEAR                 FAILED  FAILED
 *     anything else, 401, 429 and 5xx too  UNCLEAR
 *
 *     "status"                       AUTHORISE, QUERY, CANCEL   CAPTURE    REFUND
 *     approved                       APPROVED                   PENDING    UNCLEAR
 *     captured                       APPROVED                   APPROVED   UNCLEAR
 *     pending                        PENDING                    PENDING    PENDING
 *     declined, failed               FAILED                     FAILED     FAILED
 *     cancelled, expired             FAILED                     FAILED     UNCLEAR
 *     refunded                       FAILED                     FAILED     APPROVED
 *
 * 403 of a capture is a refusal as 400 is: after some of them an operator looks. An authorisation
 * that was refunded at the provider holds no money, so it is failed.
 *
 * Pure; memory of the caller's arena. Any thread.
 */
#ifndef TACOS_SALE_PROVIDER_REPLY_H
#define TACOS_SALE_PROVIDER_REPLY_H

#include "sale/provider.h"

/* What was asked: a reply that names another intent or amount is UNCLEAR. */
struct provider_reply_asked {
  enum provider_verb verb;
  struct bytes intent_id, currency;
  int64_t amount;
};

/*
 * {"payment_id":"...","status":"...","intent_id"?,"amount"?,"currency"?}, unknown members ignored.
 * payment_id is the provider's, of letters, digits, '.', '_', '-' and '~', and needed with an
 * APPROVED intent. *payment_id points into body or arena; empty when there is none.
 */
enum provider_outcome provider_reply_read(const struct provider_reply_asked *asked, uint16_t status,
                                          struct bytes body, struct arena *arena,
                                          struct bytes *payment_id);

#endif
