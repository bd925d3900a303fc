#include "bus/bus.h"

enum {
  TIMEOUT_MS = 15000,
  TOTAL_MS = 30000,              /* with the wait for a place */
  RESPONSE_BYTES_MAX = 64 << 10, /* nobody reads it */
  MS_PER_S = 1000,
};

/* "Retry-After: 120" (RFC 9110, 10.2.3); a date, which is rare, is not looked at. */
static int64_t retry_after_ms(const struct client_response *response)
{
  struct bytes text = client_response_header(response, BYTES("retry-after"));
  int64_t seconds = 0;
  if (text.size == 0 || text.size > 6) return 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return 0;
    seconds = 10 * seconds + (text.data[i] - '0');
  }
  return seconds * MS_PER_S;
}

static void responded(void *context, const struct client_response *response)
{
  const struct bus_reply *reply = context;
  const struct bus_answer answer = {
      .status = response->outcome == CLIENT_OK ? response->status : 0,
      .retry_after_ms = retry_after_ms(response),
      .text = response->outcome == CLIENT_OK ? "" : response->text,
  };
  reply->answered(reply->context, &answer);
}

static bool send_request(void *context, const struct bus_request *request,
                         const struct bus_reply *reply, struct client_handle *handle,
                         struct error *error)
{
  const struct http_header headers[] = {
      {BYTES("Content-Type"), BYTES("application/json; charset=utf-8")},
      {BYTES("X-Webhook-Id"), request->event_id},
      {BYTES("X-Webhook-Signature"), request->signature},
  };
  const struct client_request post = {
      .method = BYTES("POST"),
      .url = request->url,
      .headers = headers,
      .header_count = sizeof headers / sizeof headers[0],
      .body = request->body,
      .timeout_ms = TIMEOUT_MS,
      .total_ms = TOTAL_MS,
      .attempts = 1, /* the deliveries' own retries are longer, and durable */
      .response_bytes_max = RESPONSE_BYTES_MAX,
      .has_idempotency_key = true, /* the event's id */
  };
  return client_send(context, &post, responded, (void *)(uintptr_t)reply, handle, error);
}

static void cancel_request(void *context, struct client_handle handle)
{
  (void)client_cancel(context, handle);
}

struct bus_sender bus_client_sender(struct client *client)
{
  return (struct bus_sender){.context = client, .send = send_request, .cancel = cancel_request};
}
