#include "sim/net_app.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

#define GET  HTTP_BIT(HTTP_GET)
#define POST HTTP_BIT(HTTP_POST)

static struct net_app *note_who(struct exchange *exchange)
{
  struct net_app *app = exchange->context;
  memcpy(app->client, exchange->client, sizeof app->client);
  memcpy(app->trace_id, exchange->trace_id.data, exchange->trace_id.size);
  app->trace_id_size = exchange->trace_id.size;
  return app;
}

static struct net_app *app_of(struct exchange *exchange)
{
  struct net_app *app = note_who(exchange);
  app->handled++;
  return app;
}

/* Replies with a copy, which outlives the request. */
static void reply_copy(struct exchange *exchange, struct bytes content_type, struct bytes body)
{
  struct bytes copy = arena_copy(&exchange->arena, body);
  if (copy.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply(exchange, 200, content_type, copy);
}

static void get_plain(struct exchange *exchange)
{
  app_of(exchange);
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, BYTES("hello"));
  exchange_send(exchange);
}

static void reply_bytes(struct exchange *exchange, struct bytes content_type)
{
  struct bytes digits = exchange_parameter(exchange, 0);
  size_t size = 0;
  for (size_t i = 0; i < digits.size && size <= NET_APP_SIZE_MAX; i++)
    size = size * 10 + (size_t)(digits.data[i] - '0') % 10;
  if (size > NET_APP_SIZE_MAX) size = NET_APP_SIZE_MAX;
  uint8_t *body = arena_alloc(&exchange->arena, size);
  if (body == NULL) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    return;
  }
  for (size_t i = 0; i < size; i++) body[i] = net_app_byte(i);
  exchange_reply(exchange, 200, content_type, bytes_of(body, size));
}

static void get_bytes(struct exchange *exchange)
{
  app_of(exchange);
  reply_bytes(exchange, BYTES("application/octet-stream"));
  exchange_send(exchange);
}

static void get_text(struct exchange *exchange)
{
  app_of(exchange);
  reply_bytes(exchange, CONTENT_TYPE_TEXT);
  exchange_send(exchange);
}

static void get_tagged(struct exchange *exchange)
{
  app_of(exchange);
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, BYTES("tagged"));
  exchange->reply.etag = BYTES("\"v1\"");
  exchange_send(exchange);
}

static void post_echo(struct exchange *exchange)
{
  app_of(exchange);
  reply_copy(exchange, BYTES("application/octet-stream"), exchange->body);
  exchange_send(exchange);
}

static void get_hold(struct exchange *exchange)
{
  struct net_app *app = app_of(exchange);
  reply_copy(exchange, CONTENT_TYPE_TEXT, exchange_parameter(exchange, 0));
  CHECK_THAT(app->held_count, <, NET_APP_HELD_MAX);
  app->held[app->held_count++] = exchange;
}

static void get_wait(struct exchange *exchange)
{
  struct net_app *app = app_of(exchange);
  reply_copy(exchange, CONTENT_TYPE_TEXT, exchange_parameter(exchange, 0));
  exchange_wait_for(exchange, ++app->sequence);
  exchange_send(exchange);
}

static void get_release(struct exchange *exchange)
{
  struct net_app *app = app_of(exchange);
  bool first = exchange->head.query.data != NULL;
  exchange_reply(exchange, 200, CONTENT_TYPE_TEXT, BYTES("released"));
  if (first) exchange_send(exchange);
  net_app_release_all(app);
  if (!first) exchange_send(exchange);
}

static void get_events(struct exchange *exchange)
{
  struct net_app *app = app_of(exchange);
  if (app->topic == NULL)
    exchange_refuse(exchange, REFUSAL_NOT_FOUND);
  else
    exchange_reply_stream(exchange, app->topic, BYTES(NET_APP_FIRST_EVENT));
  exchange_send(exchange);
}

/* ---- a stream that is asked ---- */

/* "<n> <name>", which is both the note and what is told. */
static struct bytes asked_text(struct exchange *exchange, uint64_t n, struct bytes name)
{
  char text[STREAM_NOTE_BYTES];
  int size = snprintf(text, sizeof text, "%llu %.*s", (unsigned long long)n, BYTES_FORMAT(name));
  CHECK_THAT(size, <, (int)sizeof text);
  return arena_copy(&exchange->arena, bytes_of(text, (size_t)size));
}

/* "data: <text>", padded when it is to be big. */
static struct bytes asked_event(struct exchange *exchange, struct bytes text, bool big)
{
  size_t padding = big ? NET_APP_BIG_BYTES : 0;
  uint8_t *event = arena_alloc(&exchange->arena, 6 + text.size + padding + 2);
  if (event == NULL) return (struct bytes){NULL, 0};
  memcpy(event, "data: ", 6);
  memcpy(event + 6, text.data, text.size);
  memset(event + 6 + text.size, '.', padding);
  memcpy(event + 6 + text.size + padding, "\n\n", 2);
  return bytes_of(event, 6 + text.size + padding + 2);
}

static void ask(struct exchange *exchange)
{
  struct net_app *app = note_who(exchange);
  size_t space = bytes_find(exchange->note, BYTES(" "));
  CHECK(space != SIZE_MAX);
  uint64_t n = strtoull((const char *)exchange->note.data, NULL, 10) + 1;
  struct bytes name = bytes_of(exchange->note.data + space + 1, exchange->note.size - space - 1);
  struct bytes note = asked_text(exchange, n, name);
  struct bytes event = asked_event(exchange, note, name.data[0] == 'b');
  app->asked++;
  if (note.data == NULL || event.data == NULL || (name.data[0] == 'r' && app->asked % 2 == 0))
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else if (n == NET_APP_LAST && name.data[0] == 'e')
    exchange_end_stream(exchange, event);
  else if (n == NET_APP_LAST && name.data[0] == 'f')
    exchange_end_stream(exchange, (struct bytes){NULL, 0});
  else if (name.data[0] == 'q')
    exchange_reply_event(exchange, note, (struct bytes){NULL, 0});
  else
    exchange_reply_event(exchange, note, event);
  if (name.data[0] == 'w') exchange_wait_for(exchange, ++app->sequence);
  if (name.data[0] != 'h') {
    exchange_send(exchange);
    return;
  }
  CHECK_THAT(app->held_count, <, NET_APP_HELD_MAX);
  app->held[app->held_count++] = exchange;
}

static void get_asked(struct exchange *exchange)
{
  app_of(exchange);
  struct bytes note = asked_text(exchange, 0, exchange_parameter(exchange, 0));
  struct bytes first = asked_event(exchange, note, false);
  if (note.data == NULL || first.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply_asked_stream(exchange, ask, NET_APP_ASK_MS, note, first);
  exchange_send(exchange);
}

const struct route net_app_routes[NET_APP_ROUTES] = {
    {GET, "/plain", AUTH_NONE, KEY_NONE, 0, get_plain},
    {GET, "/bytes/{size}", AUTH_NONE, KEY_NONE, 0, get_bytes},
    {GET, "/text/{size}", AUTH_NONE, KEY_NONE, 0, get_text},
    {GET, "/tagged", AUTH_OPTIONAL, KEY_NONE, 0, get_tagged},
    {POST, "/echo", AUTH_NONE, KEY_NONE, NET_BODY_BYTES, post_echo},
    {POST, "/small", AUTH_NONE, KEY_OPTIONAL, 16, post_echo},
    {GET, "/hold/{name}", AUTH_NONE, KEY_NONE, 0, get_hold},
    {GET, "/wait/{name}", AUTH_NONE, KEY_NONE, 0, get_wait},
    {GET, "/release", AUTH_NONE, KEY_NONE, 0, get_release},
    {GET, "/events", AUTH_NONE, KEY_NONE, 0, get_events},
    {GET, "/asked/{name}", AUTH_NONE, KEY_NONE, 0, get_asked},
    {GET, "/user", AUTH_USER, KEY_NONE, 0, get_plain},
    {GET, "/admin", AUTH_ADMIN, KEY_NONE, 0, get_plain},
    {POST, "/key", AUTH_NONE, KEY_REQUIRED, NET_BODY_BYTES, post_echo},
};

void net_app_release(struct net_app *app, uint32_t place)
{
  CHECK_THAT(place, <, app->held_count);
  struct exchange *exchange = app->held[place];
  app->held[place] = app->held[--app->held_count];
  exchange_send(exchange);
}

void net_app_release_all(struct net_app *app)
{
  while (app->held_count > 0) net_app_release(app, 0);
}
