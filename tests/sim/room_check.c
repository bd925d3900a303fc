#include "sim/room_run.h"

#include "base/check.h"
#include "room/waiters.h"
#include "sale/audit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * What is in the table tacos-rooms is read as src/room/room_item.h documents it, not by the code
 * of the room.
 */

enum { KEY_BYTES = 40, CHUNK = 1024 };

static struct value item_of(struct room_run *run, const char *format, uint32_t number)
{
  char sort[KEY_BYTES];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(sort, sizeof sort, format, number);
#pragma GCC diagnostic pop
  arena_reset(&run->arena);
  const struct table *table = store_table(run->store, BYTES("tacos-rooms"));
  return store_find(table, value_make_string(&run->arena, BYTES("ROOM#ev0")),
                    value_make_string(&run->arena, bytes_of_text(sort)));
}

static struct value shopper_item(struct room_run *run, uint32_t number)
{
  return item_of(run, "SHOPPER#%08u", number);
}

/* ---- admissions ---- */

void room_check_add_shopper(struct room_run *run, uint32_t number)
{
  run->shoppers = room_run_grow(run->shoppers, run->shopper_count, &run->shopper_capacity,
                                sizeof *run->shoppers);
  run->shoppers[run->shopper_count++] = number;
}

static const double NEW_RATE_S = 0.2;

/* Whether a number that waits by the model was admitted in this tick. */
static bool is_admitted(struct room_run *run, uint32_t number)
{
  return value_present(shopper_item(run, number));
}

static void admit(struct room_run *run, struct room_span span, uint32_t number)
{
  struct value item = shopper_item(run, number);
  int64_t expires_ms = run->now_ms + run->model.settings.entry_s * INT64_C(1000);
  ROOM_CHECK(run, record_get_integer(item, BYTES("admittedAt"), 0) == run->now_ms);
  ROOM_CHECK(run, record_get_integer(item, BYTES("expiresAt"), 0) == expires_ms);
  room_measure_admission(run, number);
  struct room_fate *fate = room_model_change(&run->model, span, number);
  ROOM_CHECK(run, fate->state == FATE_WAITS);
  fate->state = FATE_ADMITTED;
  fate->admitted_ms = run->now_ms;
  fate->expires_ms = expires_ms;
  room_model_settle(&run->model, number);
  room_check_add_shopper(run, number);
}

/*
 * So many were admitted: in the order of places, and nobody passed over but who was silent.
 */
static void check_order(struct room_run *run, struct room_span span, uint64_t admitted)
{
  uint32_t place = 0;
  while (admitted > 0) {
    place = room_model_next(&run->model, place);
    if (place == MODEL_NONE)
      room_run_fail(run,
                    "%llu were admitted who are not in the line, or silent (%u joins "
                    "are not in the log yet)",
                    (unsigned long long)admitted, run->arrivals_open);
    uint32_t number = room_model_number(&run->model, place++);
    enum room_turn turn = room_model_turn(&run->model, number);
    if (turn == TURN_QUIET || (turn == TURN_UNSURE && !is_admitted(run, number))) continue;
    if (!is_admitted(run, number))
      room_run_fail(run,
                    "number %u at place %u was passed over: silent for %lld ms, %llu more "
                    "were admitted",
                    number, place - 1,
                    (long long)(run->mono_ms - run->model.places[number].seen_ms),
                    (unsigned long long)admitted);
    admit(run, span, number);
    admitted--;
  }
}

/*
 * A bucket that holds a tenth of a second, and one. A rate that is new may count for the time since
 * the tick before it was set.
 */
static void check_rate(struct room_run *run, uint64_t admitted)
{
  double rate = run->model.settings.admit_per_second;
  double passed_s = (double)(run->mono_ms - run->permits_ms) / 1000;
  if (rate > run->rate) passed_s += NEW_RATE_S;
  run->rate = rate;
  run->permits = fmin(run->permits + rate * passed_s, 1 + rate / 10);
  run->permits_ms = run->mono_ms;
  run->permits -= (double)admitted;
  run->admitted += admitted;
  if (run->permits > -1e-6) return;
  room_run_fail(run, "%llu admissions at once, at %.0f a second", (unsigned long long)admitted,
                rate);
}

static void check_opening(struct room_run *run, struct room_span span)
{
  struct room_fairness fairness;
  uint8_t digest[HASH_SHA256_BYTES];
  room_fairness(run->room, &fairness);
  ROOM_CHECK(run, memcmp(fairness.commitment, run->commitment, sizeof digest) == 0);
  if (!fairness.opened || run->model.opened) {
    ROOM_CHECK(run, fairness.opened == run->model.opened);
    return;
  }
  hash_sha256(bytes_of(fairness.seed, sizeof fairness.seed), digest);
  ROOM_CHECK(run, memcmp(fairness.commitment, digest, sizeof digest) == 0);
  ROOM_CHECK(run, run->now_ms >= run->opens_ms && fairness.opened_ms == run->now_ms);
  ROOM_CHECK(run, fairness.count == run->model.count);
  if (!room_model_open(&run->model, span, fairness.seed, fairness.count))
    room_run_fail(run, "the lot gives a place twice");
  run->opened_at = span.low + 1;
  room_run_tell(run, "opened: %u are drawn", fairness.count);
}

void room_check_tick(struct room_run *run, struct room_span span)
{
  struct room_counts counts;
  check_opening(run, span);
  room_counts(run->room, &counts);
  uint64_t admitted = counts.admissions - run->admissions;
  run->admissions = counts.admissions;
  check_rate(run, admitted);
  if (admitted == 0) return;
  ROOM_CHECK(run, run->model.settings.mode == ROOM_WAITING && run->model.opened);
  ROOM_CHECK(run, counts.shoppers <= run->model.settings.max_shoppers);
  check_order(run, span, admitted);
  run->totals->admissions += admitted;
}

/* Also takes those out of the list who are done. */
uint32_t room_check_shoppers(struct room_run *run)
{
  uint32_t count = 0;
  uint32_t left = 0;
  for (uint32_t i = 0; i < run->shopper_count; i++) {
    uint32_t number = run->shoppers[i];
    const struct room_fate *fate = &run->model.places[number].fate;
    bool counts = !room_fate_is_over(fate, run->now_ms) || room_shop_holds(run, number);
    if (counts) count++;
    bool forgets = fate->state == FATE_LEFT || fate->state == FATE_FORGOTTEN ||
                   run->now_ms - fate->expires_ms > 600000;
    if (counts || !forgets) run->shoppers[left++] = number;
  }
  run->shopper_count = left;
  return count;
}

/* ---- what was recovered ---- */

/* 2 bits: waits, admitted or entered, expired, left. */
struct image {
  bool forgotten; /* the chunk is gone, and all of it with it */
  uint8_t bits[CHUNK / 4];
};

static void read_image(struct room_run *run, uint32_t chunk, struct image *image)
{
  struct value item = item_of(run, "STATES#%05u", chunk);
  *image = (struct image){0};
  if (value_present(item)) {
    struct bytes states = record_get_binary(item, BYTES("states"));
    ROOM_CHECK(run, states.size == sizeof image->bits);
    memcpy(image->bits, states.data, states.size);
    return;
  }
  bool full = (chunk + 1) * CHUNK <= run->model.count;
  image->forgotten = full && !value_present(item_of(run, "WAITERS#%05u", chunk));
}

static unsigned image_of(const struct image *image, uint32_t number)
{
  if (image->forgotten) return 2;
  return image->bits[number % CHUNK / 4] >> (number % 4 * 2) & 3;
}

bool room_check_happened(void *context, uint32_t number)
{
  struct room_run *run = context;
  struct room_fairness fairness;
  struct image image;
  if (number == MODEL_NONE) {
    room_fairness(run->room, &fairness);
    return fairness.opened;
  }
  read_image(run, number / CHUNK, &image);
  enum fate_state state = run->model.places[number].fate.state;
  return image_of(&image, number) == (state == FATE_ADMITTED ? 1 : 2);
}

static void check_shopper(struct room_run *run, uint32_t number)
{
  char user[16];
  struct value item = shopper_item(run, number);
  const struct room_fate *fate = &run->model.places[number].fate;
  struct bytes bound = record_get_text(item, BYTES("userId"));
  struct value finished = value_attribute(item, BYTES("finished"));
  ROOM_CHECK(run, value_present(item));
  ROOM_CHECK(run, record_get_integer(item, BYTES("admittedAt"), -1) == fate->admitted_ms);
  ROOM_CHECK(run, record_get_integer(item, BYTES("enteredAt"), -1) == fate->entered_ms);
  ROOM_CHECK(run, record_get_integer(item, BYTES("expiresAt"), -1) == fate->expires_ms);
  ROOM_CHECK(run, value_bool(finished) == fate->finished);
  if (fate->bound == MODEL_NONE)
    ROOM_CHECK(run, bound.size == 0);
  else
    ROOM_CHECK(run, bytes_equal(bound, room_ask_user(fate->bound, user)));
}

static void check_fate(struct room_run *run, uint32_t number, unsigned image)
{
  struct room_place *place = &run->model.places[number];
  struct room_fate *fate = &place->fate;
  bool over = room_fate_is_over(fate, run->now_ms) && !room_shop_holds(run, number);
  bool right = false;
  switch (fate->state) {
  case FATE_WAITS:
    right = image == 0 || (image == 2 && place->maybe_forgotten);
    break;
  case FATE_ADMITTED:
  case FATE_ENTERED:
    right = image == 1 || (image == 2 && over);
    break;
  case FATE_LEFT:
    right = image == 3 || (image == 2 && over);
    break;
  case FATE_FORGOTTEN:
    right = image == 2;
    break;
  }
  if (!right)
    room_run_fail(run, "number %u of %u is recovered as %u, and was %d (over: %d)", number,
                  run->model.count, image, (int)fate->state, (int)over);
  if (image == 1) check_shopper(run, number);
  place->maybe_forgotten = false;
  if (image != 2 || fate->state == FATE_FORGOTTEN) return;
  /* It is durable: there is no way back. */
  const struct room_span span = {0, run->durable};
  room_model_change(&run->model, span, number)->state = FATE_FORGOTTEN;
  room_model_settle(&run->model, number);
}

/* Some admissions may be undone. */
static void find_shoppers(struct room_run *run)
{
  run->shopper_count = 0;
  for (uint32_t number = 0; number < run->model.count; number++) {
    const struct room_fate *fate = &run->model.places[number].fate;
    if (fate->state != FATE_WAITS && fate->state != FATE_FORGOTTEN)
      room_check_add_shopper(run, number);
  }
}

/* Whose number is whose now; those that are lost were never told. */
static void find_truths(struct room_run *run)
{
  for (uint32_t i = 0; i < run->buyer_count; i++) run->buyers[i].truth = MODEL_NONE;
  for (uint32_t number = 0; number < run->model.count; number++) {
    const struct room_place *place = &run->model.places[number];
    struct room_buyer *buyer = &run->buyers[place->buyer];
    if (buyer->known || place->key == buyer->key) buyer->truth = number;
  }
  for (uint32_t i = 0; i < run->buyer_count; i++) {
    const struct room_buyer *buyer = &run->buyers[i];
    if (buyer->number != MODEL_NONE && buyer->number >= run->model.count)
      room_run_fail(run, "buyer %u was told of number %u, and %u were recovered", i, buyer->number,
                    run->model.count);
  }
}

/* Some ask for their place at once: it is the same, with the same token. */
static void ask_again(struct room_run *run)
{
  enum { ASKERS = 64 };
  for (uint32_t i = 0; i < ASKERS; i++) {
    struct room_buyer *buyer = &run->buyers[random_below(&run->random, run->buyer_count)];
    if (buyer->mood != MOOD_LINE || buyer->number != buyer->truth) continue;
    room_ask_join(run, buyer);
    run->totals->restored++;
  }
}

void room_check_recovered(struct room_run *run)
{
  struct image image;
  uint64_t recovered = store_appended(run->store);
  room_model_advance(&run->model, run->mono_ms);
  sale_model_rewind(&run->sales, recovered);
  room_model_rewind(&run->model, recovered, room_check_happened, run);
  run->durable = recovered;
  room_shop_recover(run);
  struct room_fairness fairness;
  room_fairness(run->room, &fairness);
  ROOM_CHECK(run, fairness.opened == run->model.opened);
  ROOM_CHECK(
      run, memcmp(room_settings(run->room), &run->model.settings, sizeof run->model.settings) == 0);
  for (uint32_t number = 0; number < run->model.count; number++) {
    if (number % CHUNK == 0) read_image(run, number / CHUNK, &image);
    check_fate(run, number, image_of(&image, number));
  }
  find_shoppers(run);
  find_truths(run);
  room_check_audit(run);
  ask_again(run);
}

/* ---- the auditor, who knows neither the domain's code nor the models ---- */

static void hear_finding(void *context, enum audit_law law, const char *message)
{
  room_run_fail(context, "the auditor, on %s: %s", audit_law_row(law)->name, message);
}

static void hear_note(void *context, enum audit_law law, const char *message)
{
  room_run_tell(context, "the auditor notes, on %s: %s", audit_law_row(law)->name, message);
}

void room_check_audit(struct room_run *run)
{
  const struct audit_options options = {.world = run->world,
                                        .store = run->store,
                                        .now_ms = run->now_ms,
                                        .finding = hear_finding,
                                        .note = hear_note,
                                        .context = run};
  struct audit_result result;
  if (!audit_run(&options, &result, &run->error))
    room_run_fail(run, "the auditor: %s", run->error.message);
  ROOM_CHECK(run, result.findings == 0);
  if (!run->closing) return;
  /* Nothing is under way any more. */
  ROOM_CHECK(run, result.laws[AUDIT_HOLDERS].pending == 0);
  ROOM_CHECK(run, result.laws[AUDIT_PAYMENTS].pending == 0);
  ROOM_CHECK(run, result.laws[AUDIT_OUTBOX].pending == 0);
}
