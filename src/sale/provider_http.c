#include "sale/provider_http.h"

#include "base/check.h"
#include "sale/provider_reply.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
  TIMEOUT_MS = 8000,
  TOTAL_MS = 20000,
  ATTEMPTS = 2,
  SECRET_BYTES_MIN = 8,
  REPLY_BYTES_MAX = 65536,
  BEARER_BYTES = 7, /* "Bearer " */
};

/* One request under way. */
struct flight {
  struct flight *next;
  struct provider_http *http;
  struct client_handle handle;
  enum provider_verb verb;
  int64_t amount;
  size_t command_bytes, intent_bytes, currency_bytes;
  char command[SALE_ID_BYTES];
  char intent[SALE_ID_BYTES];
  char currency[8];
};

struct provider_http {
  struct provider_channel channel; /* first: it is the channel */
  struct world *world;
  struct client *client;
  struct provider_http_options options;
  struct flight *flights;
  size_t base_bytes;
  char base[PROVIDER_HTTP_URL_BYTES];
  size_t authorization_bytes;
  char authorization[BEARER_BYTES + PROVIDER_HTTP_SECRET_BYTES]; /* the field's value */
};

/* ---- answers ---- */

static void free_flight(struct flight *flight)
{
  struct provider_http *http = flight->http;
  struct flight **link = &http->flights;
  while (*link != flight) link = &(*link)->next;
  *link = flight->next;
  memory_free(&http->world->memory, flight, sizeof *flight);
}

static void on_reply(void *context, const struct client_response *response)
{
  struct flight *flight = context;
  struct provider_http *http = flight->http;
  struct arena arena;
  const struct provider_reply_asked asked = {
      .verb = flight->verb,
      .intent_id = bytes_of(flight->intent, flight->intent_bytes),
      .currency = bytes_of(flight->currency, flight->currency_bytes),
      .amount = flight->amount,
  };
  struct provider_answer answer = {
      .verb = flight->verb,
      .outcome = PROVIDER_UNCLEAR,
      .command_id = bytes_of(flight->command, flight->command_bytes),
      .intent_id = asked.intent_id,
  };
  arena_init(&arena, &http->world->memory);
  if (response->outcome == CLIENT_OK)
    answer.outcome = provider_reply_read(&asked, response->status, response->body, &arena,
                                         &answer.payment_id);
  if (http->channel.provider != NULL && response->outcome != CLIENT_CANCELLED)
    provider_told(http->channel.provider, &answer);
  arena_free(&arena);
  free_flight(flight);
}

/* ---- requests ---- */

static void write_text(struct json_writer *json, struct bytes name, struct bytes text)
{
  json_write_key(json, name);
  json_write_string(json, text);
}

static void write_money(struct json_writer *json, const struct provider_request *request)
{
  json_write_key(json, BYTES("amount"));
  json_write_integer(json, request->amount);
  write_text(json, BYTES("currency"), request->currency);
}

static void write_body(struct json_writer *json, const struct provider_request *request)
{
  json_write_object_begin(json);
  switch (request->verb) {
  case PROVIDER_AUTHORISE:
    write_text(json, BYTES("intent_id"), request->intent_id);
    write_money(json, request);
    write_text(json, BYTES("reference"), request->reservation_id);
    break;
  case PROVIDER_CAPTURE:
    write_money(json, request);
    break;
  case PROVIDER_REFUND:
    write_text(json, BYTES("payment_id"), request->payment_id);
    write_money(json, request);
    write_text(json, BYTES("reference"), request->intent_id);
    break;
  case PROVIDER_CANCEL:
  case PROVIDER_QUERY:
  case PROVIDER_VERBS:
    break;
  }
  json_write_object_end(json);
}

static void write_path(struct buffer *url, const struct provider_request *request)
{
  switch (request->verb) {
  case PROVIDER_AUTHORISE:
    buffer_append(url, BYTES("/authorizations"));
    return;
  case PROVIDER_QUERY:
    buffer_append(url, BYTES("/authorizations/by-reference/"));
    buffer_append(url, request->intent_id);
    return;
  case PROVIDER_CANCEL:
  case PROVIDER_CAPTURE:
    buffer_append(url, BYTES("/authorizations/"));
    buffer_append(url, request->payment_id);
    buffer_append(url, request->verb == PROVIDER_CANCEL ? BYTES("/cancel") : BYTES("/capture"));
    return;
  case PROVIDER_REFUND:
  case PROVIDER_VERBS:
    buffer_append(url, BYTES("/refunds"));
    return;
  }
}

static bool transmit(struct provider_http *http, struct flight *flight,
                     const struct provider_request *request, struct bytes url, struct bytes body)
{
  struct error error;
  bool asks = request->verb == PROVIDER_QUERY;
  const struct http_header headers[] = {
      {BYTES("Authorization"), bytes_of(http->authorization, http->authorization_bytes)},
      {BYTES("Accept"), BYTES("application/json")},
      {BYTES("Content-Type"), BYTES("application/json")},
      {BYTES("Idempotency-Key"), request->key},
  };
  const struct client_request sent = {
      .method = asks ? BYTES("GET") : BYTES("POST"),
      .url = url,
      .headers = headers,
      .header_count = asks ? 2 : 4,
      .body = asks ? (struct bytes){NULL, 0} : body,
      .timeout_ms = http->options.timeout_ms,
      .total_ms = http->options.total_ms,
      .attempts = http->options.attempts,
      .response_bytes_max = REPLY_BYTES_MAX,
      .has_idempotency_key = true,
  };
  return client_send(http->client, &sent, on_reply, flight, &flight->handle, &error);
}

static struct flight *new_flight(struct provider_http *http, const struct provider_request *request)
{
  if (request->command_id.size > SALE_ID_BYTES || request->intent_id.size > SALE_ID_BYTES ||
      request->currency.size > sizeof((struct flight *)NULL)->currency)
    return NULL;
  struct flight *flight = memory_alloc_zeroed(&http->world->memory, sizeof *flight);
  if (flight == NULL) return NULL;
  flight->http = http;
  flight->verb = request->verb;
  flight->amount = request->amount;
  flight->command_bytes = request->command_id.size;
  memcpy(flight->command, request->command_id.data, request->command_id.size);
  flight->intent_bytes = request->intent_id.size;
  memcpy(flight->intent, request->intent_id.data, request->intent_id.size);
  flight->currency_bytes = request->currency.size;
  memcpy(flight->currency, request->currency.data, request->currency.size);
  flight->next = http->flights;
  http->flights = flight;
  return flight;
}

static bool http_send(struct provider_channel *channel, const struct provider_request *request,
                      int64_t now_ms)
{
  struct provider_http *http = (struct provider_http *)channel;
  struct buffer url;
  struct buffer body;
  struct json_writer json;
  (void)now_ms;
  struct flight *flight = new_flight(http, request);
  if (flight == NULL) return false;
  buffer_init(&url, &http->world->memory);
  buffer_init(&body, &http->world->memory);
  buffer_append(&url, bytes_of(http->base, http->base_bytes));
  write_path(&url, request);
  json_writer_init(&json, &body);
  write_body(&json, request);
  bool sent = json_writer_finish(&json) && !url.failed &&
              transmit(http, flight, request, buffer_bytes(&url), buffer_bytes(&body));
  buffer_free(&url);
  buffer_free(&body);
  if (!sent) free_flight(flight);
  return sent;
}

/* ---- opening ---- */

static bool host_is(struct bytes rest, struct bytes host)
{
  if (!bytes_starts_with(rest, host)) return false;
  return rest.size == host.size || rest.data[host.size] == ':' || rest.data[host.size] == '/';
}

static bool take_url(struct provider_http *http, struct bytes url, struct error *error)
{
  static const struct bytes LOCAL[] = {{(const uint8_t *)"localhost", 9},
                                       {(const uint8_t *)"127.0.0.1", 9},
                                       {(const uint8_t *)"[::1]", 5}};
  while (url.size > 0 && url.data[url.size - 1] == '/') url.size--;
  bool clear = bytes_starts_with(url, BYTES("http://"));
  bool valid = (clear || bytes_starts_with(url, BYTES("https://"))) &&
               url.size <= sizeof http->base;
  /* A user and password of the URL would end up in logs; a query would end up before the path. */
  for (size_t i = 0; i < url.size; i++)
    valid = valid && url.data[i] > ' ' && url.data[i] < 0x7f &&
            strchr("@?#\\", url.data[i]) == NULL;
  if (!valid)
    return error_set(error, ERROR_INVALID,
                     "the payment provider's URL is https://host/path, without user, password and "
                     "query, of at most %d characters",
                     PROVIDER_HTTP_URL_BYTES);
  if (clear) {
    struct bytes rest = bytes_of(url.data + 7, url.size - 7);
    if (!host_is(rest, LOCAL[0]) && !host_is(rest, LOCAL[1]) && !host_is(rest, LOCAL[2]))
      return error_set(error, ERROR_INVALID,
                       "the payment provider's URL must be https: over http the secret is sent in "
                       "clear, which is done on this machine only");
  }
  memcpy(http->base, url.data, url.size);
  http->base_bytes = url.size;
  return true;
}

static bool check_mode(int file, const char *path, struct error *error)
{
  struct stat status;
  if (fstat(file, &status) != 0) return error_set_errno(error, errno, "cannot look at %s", path);
  if (!S_ISREG(status.st_mode)) return error_set(error, ERROR_KEY, "%s is not a file", path);
  if ((status.st_mode & (ALLPERMS & ~(mode_t)0600)) == 0) return true;
  return error_set(error, ERROR_KEY,
                   "the secret %s has mode %04o, others may be able to read it: run chmod 600 %s",
                   path, status.st_mode & ALLPERMS, path);
}

/* One line of printable characters without spaces; its line break may be missing. */
static bool take_secret(struct provider_http *http, const char *path, char *text, size_t size,
                        struct error *error)
{
  if (size > 0 && text[size - 1] == '\n') size--;
  bool valid = size >= SECRET_BYTES_MIN && size <= PROVIDER_HTTP_SECRET_BYTES;
  for (size_t i = 0; i < size; i++) valid = valid && text[i] > ' ' && text[i] < 0x7f;
  if (!valid)
    return error_set(error, ERROR_KEY,
                     "%s is not the secret of a payment provider: one line of %d to %d printable "
                     "characters without spaces",
                     path, SECRET_BYTES_MIN, PROVIDER_HTTP_SECRET_BYTES);
  memcpy(http->authorization, "Bearer ", BEARER_BYTES);
  memcpy(http->authorization + BEARER_BYTES, text, size);
  http->authorization_bytes = BEARER_BYTES + size;
  return true;
}

static bool read_secret(struct provider_http *http, const char *path, struct error *error)
{
  const struct world_operations *operations = http->world->operations;
  char text[PROVIDER_HTTP_SECRET_BYTES + 2]; /* with the line break, and one too many */
  int file = operations->file_open(http->world, path, WORLD_OPEN_READ);
  if (file < 0) return error_set_errno(error, -file, "cannot open the secret %s", path);
  bool good = !http->options.files_have_modes || check_mode(file, path, error);
  if (good) {
    int64_t size = operations->file_read(http->world, file, text, sizeof text, 0);
    if (size < 0)
      good = error_set_errno(error, (int)-size, "cannot read the secret %s", path);
    else
      good = take_secret(http, path, text, (size_t)size, error);
  }
  explicit_bzero(text, sizeof text);
  operations->file_close(http->world, file);
  return good;
}

struct provider_http *provider_http_open(struct world *world, struct client *client,
                                         const struct provider_http_options *options,
                                         struct error *error)
{
  static const struct provider_channel_operations OPERATIONS = {"http", http_send, NULL};
  struct provider_http *http = memory_alloc_zeroed(&world->memory, sizeof *http);
  if (http == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the payment provider");
    return NULL;
  }
  http->channel.operations = &OPERATIONS;
  http->world = world;
  http->client = client;
  http->options = *options;
  if (http->options.timeout_ms == 0) http->options.timeout_ms = TIMEOUT_MS;
  if (http->options.total_ms == 0) http->options.total_ms = TOTAL_MS;
  if (http->options.attempts == 0) http->options.attempts = ATTEMPTS;
  if (take_url(http, bytes_of_text(options->base_url), error) &&
      read_secret(http, options->secret_file, error))
    return http;
  provider_http_close(http);
  return NULL;
}

void provider_http_close(struct provider_http *http)
{
  if (http == NULL) return;
  while (http->flights != NULL) CHECK(client_cancel(http->client, http->flights->handle));
  struct memory *memory = &http->world->memory;
  explicit_bzero(http, sizeof *http);
  memory_free(memory, http, sizeof *http);
}

struct provider_channel *provider_http_channel(struct provider_http *http)
{
  return &http->channel;
}
