/*
 * Lanes: the deliveries to one URL, so that a receiver that is down or slow holds up only its own.
 *
 *     lane due --- row of the index by_lane, oldest first ---> request --- answer ---> row settled
 *
 * Requests under way are known in memory alone: after a crash their rows are still pending and due,
 * and they are made again. A receiver that failed LANE_FAILURES times in a row is asked by one
 * request at a time, with pauses, until it answers again.
 */
#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"
#include "bus/bus_state.h"

#include <stdio.h>

enum {
  LANE_FAILURES = 3,
  LANE_PAUSE_MS = 1000, /* the first; each further one doubles */
  LANE_PAUSE_MAX_MS = 30000,
  LANE_DOUBLINGS = 5,
  SIGNATURE_BYTES = 7 + 2 * HASH_SHA256_BYTES, /* "sha256=" and hex */
};

/* ---- life ---- */

struct lane *lane_by_key(struct buses *buses, struct bytes key)
{
  for (struct lane *lane = buses->lanes; lane != NULL; lane = lane->next)
    if (bytes_equal(lane_key(lane), key)) return lane;
  CHECK_THAT(key.size, ==, BUS_LANE_BYTES);
  struct lane *lane = memory_alloc_zeroed(buses->memory, sizeof *lane);
  if (lane == NULL) return NULL;
  memcpy(lane->key, key.data, BUS_LANE_BYTES);
  lane->next_ms = INT64_MAX;
  lane->next = buses->lanes;
  buses->lanes = lane;
  return lane;
}

struct lane *lane_of(struct buses *buses, struct bytes url)
{
  uint8_t digest[HASH_SHA256_BYTES];
  char key[BUS_LANE_BYTES];
  hash_sha256(url, digest);
  encode_to_hex(bytes_of(digest, BUS_LANE_BYTES / 2), key);
  return lane_by_key(buses, bytes_of(key, sizeof key));
}

static void free_unused(struct buses *buses)
{
  struct lane **link = &buses->lanes;
  while (*link != NULL) {
    struct lane *lane = *link;
    if (lane->uses > 0 || lane->in_flight > 0 || lane->next_ms != INT64_MAX) {
      link = &lane->next;
      continue;
    }
    *link = lane->next;
    memory_free(buses->memory, lane, sizeof *lane);
  }
}

void lanes_free(struct buses *buses)
{
  for (uint32_t i = 0; i < BUS_IN_FLIGHT_MAX; i++) {
    struct flight *flight = &buses->flights[i];
    if (flight->lane == NULL || flight->answered) continue;
    buses->sender.cancel(buses->sender.context, flight->handle);
    CHECK(flight->answered);
  }
  while (buses->lanes != NULL) {
    struct lane *lane = buses->lanes;
    buses->lanes = lane->next;
    memory_free(buses->memory, lane, sizeof *lane);
  }
}

/* All lanes that have something pending are due: what for is looked up when they are run. */
bool lanes_load(struct buses *buses, struct error *error)
{
  struct store_page page = {.last_key = VALUE_NONE};
  struct arena *arena = &buses->arena;
  struct value start = VALUE_NONE;
  do {
    struct value values[] = {value_make_string(arena, bus_delivery_state_name(BUS_PENDING)),
                             VALUE_NONE};
    const struct store_query query = {.table = buses->deliveries,
                                      .index = BYTES("by_state"),
                                      .key_condition = buses->of_state,
                                      .values = values,
                                      .start_key = start};
    if (!value_present(values[0]))
      return error_set(error, ERROR_NO_MEMORY, "no memory for the buses");
    if (store_query(buses->store, &query, arena, &page, error) != STORE_OK) return false;
    for (uint32_t i = 0; i < page.count; i++) {
      struct bytes key = bus_item_get_text(page.items[i], BYTES("lane"));
      struct lane *lane = key.size == BUS_LANE_BYTES ? lane_by_key(buses, key) : NULL;
      if (lane == NULL) return error_set(error, ERROR_NO_MEMORY, "no memory for the buses");
      lane_due(lane, 0);
    }
    start = page.last_key;
  } while (value_present(start));
  arena_reset(arena);
  return true;
}

/* ---- answers ---- */

static void answered(void *context, const struct bus_answer *answer)
{
  struct flight *flight = context;
  CHECK(flight->lane != NULL && !flight->answered);
  flight->answered = true;
  flight->status = answer->status;
  flight->retry_after_ms = answer->retry_after_ms;
  snprintf(flight->text, sizeof flight->text, "%s", answer->text == NULL ? "" : answer->text);
  flight->buses->answered++;
}

static void note_health(struct lane *lane, uint16_t status, int64_t now_ms)
{
  if (status != 0 && status != 429 && status < 500) {
    lane->failures = 0;
    lane->pause_ms = 0;
    return;
  }
  lane->failures++;
  if (lane->failures < LANE_FAILURES) return;
  uint32_t doublings = lane->failures - LANE_FAILURES;
  if (doublings > LANE_DOUBLINGS) doublings = LANE_DOUBLINGS;
  int64_t pause_ms = (int64_t)LANE_PAUSE_MS << doublings;
  lane->pause_ms = now_ms + (pause_ms < LANE_PAUSE_MAX_MS ? pause_ms : LANE_PAUSE_MAX_MS);
}

static bool settle(struct buses *buses, struct flight *flight, struct error *error)
{
  struct lane *lane = flight->lane;
  const struct delivery_outcome outcome = {
      .status = flight->status,
      .retry_after_ms = flight->retry_after_ms,
      .text = flight->text,
  };
  arena_reset(&buses->arena);
  if (!delivery_settle(buses, lane, bytes_of(flight->delivery, ID_TEXT_BYTES), &outcome, error))
    return false;
  note_health(lane, flight->status, buses->now_ms);
  flight->lane = NULL;
  lane->in_flight--;
  buses->in_flight--;
  buses->answered--;
  return true;
}

static bool settle_all(struct buses *buses, struct error *error)
{
  for (uint32_t i = 0; i < BUS_IN_FLIGHT_MAX && buses->answered > 0; i++) {
    struct flight *flight = &buses->flights[i];
    if (flight->lane != NULL && flight->answered && !settle(buses, flight, error)) return false;
  }
  return true;
}

/* ---- sending ---- */

static uint32_t most_in_flight(const struct lane *lane)
{
  return lane->failures >= LANE_FAILURES ? 1 : BUS_LANE_IN_FLIGHT_MAX;
}

static bool has_room(const struct buses *buses, const struct lane *lane)
{
  return buses->has_sender && lane->in_flight < most_in_flight(lane) &&
         buses->in_flight < BUS_IN_FLIGHT_MAX;
}

static bool is_in_flight(const struct buses *buses, struct bytes id)
{
  for (uint32_t i = 0; i < BUS_IN_FLIGHT_MAX; i++) {
    const struct flight *flight = &buses->flights[i];
    if (flight->lane != NULL && bytes_equal(bytes_of(flight->delivery, ID_TEXT_BYTES), id))
      return true;
  }
  return false;
}

static struct flight *free_flight(struct buses *buses)
{
  for (uint32_t i = 0; i < BUS_IN_FLIGHT_MAX; i++)
    if (buses->flights[i].lane == NULL) return &buses->flights[i];
  CHECK(false); /* has_room */
}

static void sign(struct bytes key, struct bytes body, char signature[SIGNATURE_BYTES])
{
  uint8_t mac[HASH_SHA256_BYTES];
  hash_hmac_sha256(key, body, mac);
  memcpy(signature, "sha256=", sizeof "sha256=" - 1);
  encode_to_hex(bytes_of(mac, sizeof mac), signature + sizeof "sha256=" - 1);
}

/* Begins the request of a row; *busy: the sender does not take more now. */
static bool send_row(struct buses *buses, struct lane *lane, struct bytes id, bool *busy,
                     struct error *error)
{
  char signature[SIGNATURE_BYTES];
  struct value row = delivery_load(buses, &buses->arena, id);
  if (!value_present(row)) return error_set(error, ERROR_NO_MEMORY, "no memory for a delivery");
  const struct bus_request request = {
      .url = bus_item_get_text(row, BYTES("url")),
      .body = bus_item_get_text(row, BYTES("body")),
      .event_id = bus_item_get_text(row, BYTES("eventId")),
      .signature = bytes_of(signature, sizeof signature),
  };
  sign(buses->signing_key, request.body, signature);
  struct flight *flight = free_flight(buses);
  *flight = (struct flight){.buses = buses, .lane = lane, .reply = {answered, flight}};
  memcpy(flight->delivery, id.data, ID_TEXT_BYTES);
  if (buses->sender.send(buses->sender.context, &request, &flight->reply, &flight->handle, error)) {
    lane->in_flight++;
    buses->in_flight++;
    return true;
  }
  flight->lane = NULL;
  *busy = error->code != ERROR_INVALID;
  if (*busy) return true;
  const struct delivery_outcome outcome = {.text = error->message, .is_permanent = true};
  struct error failure;
  if (delivery_settle(buses, lane, id, &outcome, &failure)) return true;
  *error = failure;
  return false;
}

/* Rows of the lane by time, those that are under way included. */
static bool query_lane(struct buses *buses, const struct lane *lane, struct store_page *page,
                       struct error *error)
{
  struct value values[] = {value_make_string(&buses->arena, lane_key(lane)), VALUE_NONE};
  *page = (struct store_page){0};
  const struct store_query query = {.table = buses->deliveries,
                                    .index = BYTES("by_lane"),
                                    .key_condition = buses->of_lane,
                                    .values = values,
                                    .start_key = VALUE_NONE,
                                    .limit = BUS_LANE_IN_FLIGHT_MAX + lane->in_flight + 1};
  if (!value_present(values[0]))
    return error_set(error, ERROR_NO_MEMORY, "no memory for a delivery");
  return store_query(buses->store, &query, &buses->arena, page, error) == STORE_OK;
}

static bool run_lane(struct buses *buses, struct lane *lane, struct error *error)
{
  struct store_page page;
  bool busy = false;
  arena_reset(&buses->arena);
  if (!query_lane(buses, lane, &page, error)) return false;
  lane->next_ms = INT64_MAX;
  for (uint32_t i = 0; i < page.count; i++) {
    struct bytes id = bus_item_get_text(page.items[i], BYTES("id"));
    int64_t next_ms = bus_item_get_integer(page.items[i], BYTES("next"), 0);
    if (is_in_flight(buses, id)) continue;
    if (next_ms > buses->now_ms || !has_room(buses, lane) || busy) {
      lane_due(lane, next_ms); /* B4 */
      break;
    }
    if (!send_row(buses, lane, id, &busy, error)) {
      lane_due(lane, next_ms);
      return false;
    }
    if (busy) {
      lane_due(lane, next_ms);
      lane->pause_ms = buses->now_ms + BUS_RETRY_MS;
      break;
    }
  }
  return true;
}

static bool is_ready(const struct buses *buses, const struct lane *lane)
{
  return lane->next_ms <= buses->now_ms && lane->pause_ms <= buses->now_ms && has_room(buses, lane);
}

/* The lane that was served first goes behind all others: places are shared out in turn. */
static void rotate(struct buses *buses, struct lane *lane)
{
  struct lane **link = &buses->lanes;
  while (*link != lane) link = &(*link)->next;
  *link = lane->next;
  while (*link != NULL) link = &(*link)->next;
  *link = lane;
  lane->next = NULL;
}

bool lanes_run(struct buses *buses, struct error *error)
{
  struct lane *first = NULL;
  if (!settle_all(buses, error)) return false;
  free_unused(buses);
  for (struct lane *lane = buses->lanes; lane != NULL; lane = lane->next) {
    if (!is_ready(buses, lane)) continue;
    if (first == NULL) first = lane;
    if (!run_lane(buses, lane, error)) return false;
  }
  if (first != NULL) rotate(buses, first);
  return true;
}

int64_t lanes_next_ms(const struct buses *buses)
{
  int64_t next_ms = INT64_MAX;
  for (const struct lane *lane = buses->lanes; lane != NULL; lane = lane->next) {
    if (lane->next_ms == INT64_MAX || !has_room(buses, lane)) continue;
    int64_t due_ms = lane->next_ms > lane->pause_ms ? lane->next_ms : lane->pause_ms;
    if (due_ms < next_ms) next_ms = due_ms;
  }
  return next_ms;
}
