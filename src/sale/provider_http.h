/*
 * A payment provider over HTTP, generic: JSON, a bearer secret, idempotency keys.
 *
 *     AUTHORISE  POST {base}/authorizations           {intent_id, amount, currency, reference}
 *     QUERY      GET  {base}/authorizations/by-reference/{intent_id}
 *     CANCEL     POST {base}/authorizations/{payment_id}/cancel    {}
 *     CAPTURE    POST {base}/authorizations/{payment_id}/capture   {amount, currency}
 *     REFUND     POST {base}/refunds                  {payment_id, amount, currency, reference}
 *
 * Each POST has an Idempotency-Key: the provider does the same key once, and answers it alike. What
 * replies mean is in provider_reply.h; no reply (timeout, no connection) is PROVIDER_UNCLEAR, after
 * which provider.h asks. A provider's own notifications come by the webhook of the contract.
 *
 * The secret is read once, from a file of one line that only its owner can read; it is never
 * logged, nor are bodies. Over http (in clear) it is sent to this machine only.
 *
 * Memory: on the world's; some hundred bytes for each request under way. One thread, the client's.
 */
#ifndef TACOS_SALE_PROVIDER_HTTP_H
#define TACOS_SALE_PROVIDER_HTTP_H

#include "net/client.h"
#include "sale/provider.h"

enum {
  PROVIDER_HTTP_URL_BYTES = 1024,
  PROVIDER_HTTP_SECRET_BYTES = 512,
};

/* 0 takes the default in brackets. */
struct provider_http_options {
  const char *base_url;    /* https://..., or http://localhost, 127.0.0.1 or [::1] */
  const char *secret_file; /* mode 0600 */
  bool files_have_modes;   /* the world is Linux's, whose handles are descriptors */
  uint32_t timeout_ms;     /* of one attempt [8000] */
  uint32_t total_ms;       /* with attempts and backoff [20000]: below answer_ms of provider.h */
  uint32_t attempts;       /* of the client, before provider.h asks [2] */
};

struct provider_http;

/*
 * NULL with *error: ERROR_INVALID (the URL), ERROR_KEY (the secret's file or its mode), ERROR_IO,
 * ERROR_NO_MEMORY. The client outlives it.
 */
struct provider_http *provider_http_open(struct world *world, struct client *client,
                                         const struct provider_http_options *options,
                                         struct error *error);

/* Ends what is under way, and wipes the secret. After provider_close. NULL does nothing. */
void provider_http_close(struct provider_http *http);

struct provider_channel *provider_http_channel(struct provider_http *http);

#endif
