#include "api/answer.h"
#include "api/body.h"
#include "api/effect.h"
#include "api/handlers.h"
#include "api/line.h"
#include "api/query.h"
#include "api/render.h"
#include "base/check.h"
#include "room/pace.h"
#include "sale/seat_plan.h"

enum {
  TOKEN_BYTES_MAX = 256, /* of any text that may be taken for a token */
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* ---- refusals ---- */

static const struct room_row {
  uint16_t status;
  const char *code;
  const char *message;
  const char *retry_after; /* seconds; NULL: not by itself */
} REFUSALS[ROOM_STATUSES] = {
    [ROOM_UNAVAILABLE] = {503, "SERVER_BUSY", "nothing was changed: try again in a moment", "1"},
    [ROOM_INVALID] = {400, "INVALID_REQUEST", "the request is not valid"},
    [ROOM_TOKEN_NOT_FOUND] = {404, "TOKEN_NOT_FOUND",
                              "this is no waiting_token of ours: join the queue to get one"},
    [ROOM_TOKEN_EXPIRED] = {410, "TOKEN_EXPIRED",
                            "the place is given up: join the queue again for a new one"},
    [ROOM_NOT_READY] = {403, "NOT_READY",
                        "it is not your turn yet: ask for the status until ready_for_entry"},
    [ROOM_IS_FULL] = {503, "ROOM_FULL", "the queue has no place left: come back later",
                      /* Places come free as fast as people are forgotten. */
                      "30"},
};

static void render_room_refusal(struct exchange *exchange, enum room_status status,
                                struct bytes details)
{
  const struct room_row *row = &REFUSALS[status];
  exchange_reply_error(exchange, row->status, row->code, bytes_of_text(row->message), details);
  if (row->retry_after != NULL)
    exchange_add_header(exchange, BYTES("retry-after"), bytes_of_text(row->retry_after));
}

static void refuse(struct exchange *exchange, enum room_status status)
{
  render_room_refusal(exchange, status, (struct bytes){NULL, 0});
  exchange_send(exchange);
}

static void refuse_missing(struct exchange *exchange)
{
  exchange_reply_error(exchange, 400, "MISSING_TOKEN", BYTES("say which place: token"),
                       (struct bytes){NULL, 0});
  exchange_send(exchange);
}

/* ---- join ---- */

struct join_body {
  struct bytes event_id;
};

/* user_id of who is not known says nothing, and of who is, nothing new. */
static const struct body_field JOIN_FIELDS[] = {
    {"event_id", BODY_TEXT, offsetof(struct join_body, event_id), 0, SEAT_EVENT_ID_BYTES,
     BODY_OPTIONAL},
};

static struct bytes render_joined(struct exchange *exchange, const struct room_joined *joined)
{
  struct render render;
  render_begin(&render, exchange);
  struct json_writer *json = &render.json;
  render_text(json, BYTES("waiting_token"), bytes_of(joined->token, sizeof joined->token));
  render_integer(json, BYTES("position_hint"), joined->position);
  render_text(json, BYTES("status"), BYTES("waiting"));
  render_integer(json, BYTES("number"), joined->number);
  return render_end(&render);
}

static void joined(void *context, enum room_status status, const struct room_joined *joined,
                   uint64_t sequence)
{
  struct exchange *exchange = context;
  struct bytes body = {NULL, 0};
  if (status == ROOM_OK) body = render_joined(exchange, joined);
  if (body.data == NULL) {
    refuse(exchange, ROOM_UNAVAILABLE);
    return;
  }
  exchange_reply_json(exchange, 202, body);
  if (joined->again) exchange_add_header(exchange, BYTES("x-idempotency-cached"), BYTES("true"));
  exchange_wait_for(exchange, sequence);
  exchange_send(exchange);
}

/* The event of a join, refused unless its sale is still to come or going on. */
static struct sale_event *find_event(struct exchange *exchange, struct bytes id, int64_t now_ms)
{
  const struct api *api = exchange->context;
  enum sale_refusal refusal = SALE_OK;
  struct sale_event *event = NULL;
  if (id.size == 0)
    refusal = SALE_MISSING_EVENT_ID;
  else if ((event = sale_event_find(api->sale, id)) == NULL)
    refusal = SALE_EVENT_NOT_FOUND;
  else if (sale_event_status(event, now_ms) == SALE_ENDED)
    refusal = SALE_CLOSED;
  if (refusal == SALE_OK) return event;
  answer_refusal(exchange, refusal);
  return NULL;
}

/*
 * The key and who sends it are one place in each event's line, kept with the place and not for a
 * day: the answer tells the position of now.
 */
void api_queue_join(struct exchange *exchange)
{
  struct join_body body;
  struct api *api = exchange->context;
  int64_t now_ms = world_clock_ms(api->world);
  if (!body_read(exchange, JOIN_FIELDS, COUNT(JOIN_FIELDS), &body)) return;
  if (!shield_limit(api->shield, exchange, RATE_JOIN_ADDRESS, (struct bytes){NULL, 0})) {
    exchange_send(exchange);
    return;
  }
  struct sale_event *event = find_event(exchange, body.event_id, now_ms);
  if (event == NULL) return;
  struct room *room = sale_event_room(api->sale, event, now_ms);
  struct room_joining *joining = arena_alloc(&exchange->arena, sizeof *joining);
  if (room == NULL || joining == NULL || !exchange_keep_head(exchange)) {
    refuse(exchange, ROOM_UNAVAILABLE);
    return;
  }
  const struct room_joiner joiner = {
      .user_id = api_user_id(exchange),
      .client = bytes_of_text(exchange->client),
      .key = exchange->head.fields[HTTP_IDEMPOTENCY_KEY],
  };
  joining->joined = joined;
  joining->context = exchange;
  enum room_status status = room_join(room, &joiner, now_ms, joining);
  if (status != ROOM_OK) refuse(exchange, status);
}

/* ---- status ---- */

/* The token of the query; false when it refused. */
static bool read_token(struct exchange *exchange, struct bytes *token)
{
  if (!query_text(exchange, "token", token)) return false;
  if (token->size > 0) return true;
  refuse_missing(exchange);
  return false;
}

/* How it stands; false when it refused. */
static bool look(struct exchange *exchange, struct bytes *token, struct room_view *view)
{
  const struct api *api = exchange->context;
  if (!read_token(exchange, token)) return false;
  enum room_status status = room_look(api->lobby, *token, world_clock_ms(api->world), view);
  if (status == ROOM_OK) return true;
  refuse(exchange, status);
  return false;
}

void api_queue_status(struct exchange *exchange)
{
  struct room_view view;
  struct bytes token;
  if (!look(exchange, &token, &view)) return;
  struct bytes body = line_render(exchange, &view);
  if (body.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply_json(exchange, 200, body);
  exchange_wait_for(exchange, view.sequence);
  exchange_send(exchange);
}

/* ---- stream ---- */

/* What a stream keeps: the token, and a hash of what it told last. */
struct stream_note {
  uint64_t told;
  uint8_t token_bytes;
  uint8_t token[TOKEN_TEXT_BYTES];
};

_Static_assert(sizeof(struct stream_note) <= STREAM_NOTE_BYTES, "fits");

enum { STREAM_PERIOD_MS = 1000 };

/* "event: status\ndata: {...}\n\n"; data NULL without memory. */
static struct bytes event_of(struct exchange *exchange, struct bytes body)
{
  static const char HEAD[] = "event: status\ndata: ";
  size_t size = sizeof HEAD - 1 + body.size + 2;
  uint8_t *event = body.data == NULL ? NULL : arena_alloc(&exchange->arena, size);
  if (event == NULL) return (struct bytes){NULL, 0};
  memcpy(event, HEAD, sizeof HEAD - 1);
  memcpy(event + sizeof HEAD - 1, body.data, body.size);
  memcpy(event + size - 2, "\n\n", 2);
  return bytes_of(event, size);
}

/*
 * What the waiter is told, with the time left out of what counts as a change: the seconds of
 * waiting alone say nothing new.
 */
static uint64_t change_of(const struct room_view *view, uint64_t version)
{
  const uint32_t numbers[] = {view->standing,      view->position, view->eta_s,
                              view->total_waiting, view->opened,   view->ready_for_entry,
                              view->paused};
  return hash_bytes(bytes_of(numbers, sizeof numbers), version);
}

static void stream_ask(struct exchange *exchange)
{
  struct room_view view;
  struct stream_note note;
  struct api *api = exchange->context;
  CHECK_THAT(exchange->note.size, ==, sizeof note);
  memcpy(&note, exchange->note.data, sizeof note);
  enum room_status status = room_look(api->lobby, bytes_of(note.token, note.token_bytes),
                                      world_clock_ms(api->world), &view);
  if (status != ROOM_OK) {
    exchange_end_stream(exchange, (struct bytes){NULL, 0});
    exchange_send(exchange);
    return;
  }
  uint64_t change = change_of(&view, line_version(api, view.room));
  struct bytes event = {NULL, 0};
  if (change != note.told) event = event_of(exchange, line_render(exchange, &view));
  if (event.size > 0) note.told = change;
  exchange_wait_for(exchange, view.sequence);
  struct bytes kept = arena_copy(&exchange->arena, bytes_of(&note, sizeof note));
  if (view.standing == STANDING_EXPIRED)
    exchange_end_stream(exchange, event);
  else if (kept.data != NULL)
    exchange_reply_event(exchange, kept, event);
  exchange_send(exchange);
}

void api_queue_stream(struct exchange *exchange)
{
  struct room_view view;
  struct bytes token;
  struct stream_note note = {0};
  struct api *api = exchange->context;
  if (!look(exchange, &token, &view)) return;
  note.told = change_of(&view, line_version(api, view.room));
  note.token_bytes = (uint8_t)token.size;
  memcpy(note.token, token.data, token.size);
  struct bytes first = event_of(exchange, line_render(exchange, &view));
  struct bytes kept = arena_copy(&exchange->arena, bytes_of(&note, sizeof note));
  if (first.data == NULL || kept.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply_asked_stream(exchange, stream_ask, STREAM_PERIOD_MS, kept, first);
  exchange_wait_for(exchange, view.sequence);
  exchange_send(exchange);
}

/* ---- enter ---- */

struct enter_body {
  struct bytes waiting_token;
};

static const struct body_field ENTER_FIELDS[] = {
    {"waiting_token", BODY_TEXT, offsetof(struct enter_body, waiting_token), 0, TOKEN_BYTES_MAX,
     BODY_OPTIONAL},
};

static struct bytes render_entered(struct exchange *exchange, const struct room_entry *entry,
                                   int64_t now_ms)
{
  struct render render;
  render_begin(&render, exchange);
  struct json_writer *json = &render.json;
  render_text(json, BYTES("admission"), BYTES("granted"));
  render_text(json, BYTES("reservation_token"), bytes_of(entry->token, sizeof entry->token));
  render_integer(json, BYTES("ttl_sec"), render_seconds_left(entry->expires_ms, now_ms));
  render_time(json, BYTES("expires_at"), entry->expires_ms);
  render_text(json, BYTES("event_id"), room_event_id(entry->room));
  return render_end(&render);
}

/* {"eta_sec":n} */
static struct bytes eta_details(struct exchange *exchange, uint32_t eta_s)
{
  struct render render;
  render_begin(&render, exchange);
  line_write_eta(&render.json, eta_s);
  return render_end(&render);
}

void api_queue_enter(struct exchange *exchange)
{
  struct enter_body body;
  struct room_entry entry = {.eta_s = PACE_UNKNOWN};
  struct effect *effect = effect_begin(exchange, (struct bytes){NULL, 0});
  if (effect == NULL || !body_read(exchange, ENTER_FIELDS, COUNT(ENTER_FIELDS), &body)) return;
  if (body.waiting_token.size == 0) {
    refuse_missing(exchange);
    return;
  }
  enum room_status status = room_enter(effect->api->lobby, &effect->plan, body.waiting_token,
                                       effect->now_ms, &entry);
  if (status == ROOM_OK) {
    effect_reply(effect, 200, render_entered(exchange, &entry, effect->now_ms));
    return;
  }
  struct bytes details = {NULL, 0};
  if (status == ROOM_NOT_READY) details = eta_details(exchange, entry.eta_s);
  render_room_refusal(exchange, status, details);
  effect_abandon(effect);
}

/* ---- leave ---- */

/* A page that is being closed sends this and hears no answer; there is nothing to refuse. */
void api_queue_leave(struct exchange *exchange)
{
  struct bytes token;
  if (!read_token(exchange, &token)) return;
  struct effect *effect = effect_begin_unkeyed(exchange);
  if (effect == NULL) return;
  enum room_status status = room_leave(effect->api->lobby, &effect->plan, token);
  if (status == ROOM_UNAVAILABLE) {
    render_room_refusal(exchange, status, (struct bytes){NULL, 0});
    effect_abandon(effect);
    return;
  }
  effect_reply(effect, 200, BYTES("{\"status\":\"left\"}"));
}
