#include "sim/room_run.h"

#include "base/check.h"
#include "sale/seat_map.h"

#include <stdio.h>
#include <string.h>

enum { USER_BYTES = 16, MEMORY_CALLS = 30 };

static const char *refusal_name(enum sale_refusal refusal)
{
  return refusal == SALE_OK ? "OK" : sale_refusal_row(refusal)->code;
}

static void keep_id(struct room_run *run, char to[MODEL_ID_BYTES], struct bytes id)
{
  ROOM_CHECK(run, id.size > 0 && id.size < MODEL_ID_BYTES);
  memcpy(to, id.data, id.size);
  to[id.size] = 0;
}

bool room_shop_holds(const struct room_run *run, uint32_t number)
{
  const struct room_fate *fate = &run->model.places[number].fate;
  const struct sale_model *sales = &run->sales;
  if (fate->reservation == MODEL_NONE) return false;
  for (uint32_t i = sales->newest[fate->bound]; i != MODEL_NONE; i = sales->reservations[i].before)
    if (run->shopper_of[i] == number &&
        sale_model_status(&sales->reservations[i], run->now_ms) == RESERVATION_PENDING)
      return true;
  return false;
}

/* ---- reserving ---- */

/* What is asked, and on whose admission. */
struct wish {
  uint32_t user;
  const char *pass;     /* NULL: none */
  uint32_t pass_number; /* MODEL_NONE: forged */
  uint32_t seats[SALE_SEATS_MAX];
  uint32_t count;
  bool named;
};

/* What the room must say to it. */
static enum sale_refusal expect_admission(const struct room_run *run, const struct wish *wish)
{
  bool open = run->model.settings.mode == ROOM_OPEN;
  if (wish->pass == NULL) return open ? SALE_OK : SALE_ADMISSION_REQUIRED;
  if (open) return SALE_OK;
  if (wish->pass_number == MODEL_NONE) return SALE_ADMISSION_INVALID;
  const struct room_fate *fate = &run->model.places[wish->pass_number].fate;
  bool valid = fate->state == FATE_ENTERED && !room_fate_is_over(fate, run->now_ms) &&
               (fate->bound == MODEL_NONE || fate->bound == wish->user);
  return valid ? SALE_OK : SALE_ADMISSION_INVALID;
}

static bool is_taken(const struct room_run *run, uint32_t seat)
{
  return sale_model_taken(&run->sales, 0, seat, run->now_ms);
}

static void check_refusal(struct room_run *run, const struct wish *wish, enum sale_refusal refusal)
{
  enum sale_refusal admission = expect_admission(run, wish);
  enum sale_refusal expected = SALE_OK;
  const struct model_event *event = &run->sales.events[0];
  uint32_t has = sale_model_seats_of(&run->sales, 0, wish->user, run->now_ms);
  bool taken = false;
  for (uint32_t i = 0; wish->named && i < wish->count; i++)
    if (is_taken(run, wish->seats[i])) taken = true;
  if (run->now_ms < run->opens_ms)
    expected = SALE_CLOSED;
  else if (admission != SALE_OK)
    expected = admission;
  else if (has + wish->count > event->setting.limit)
    expected = SALE_BUYER_LIMIT;
  else if (taken)
    expected = SALE_CONFLICT;
  else if (!wish->named && refusal != SALE_OK &&
           sale_model_most_free(&run->sales, 0, run->now_ms) < wish->count)
    expected = SALE_SOLD_OUT;
  if (refusal != expected)
    room_run_fail(run, "user %u reserves with the pass of number %u: %s, not %s", wish->user,
                  wish->pass_number, refusal_name(refusal), refusal_name(expected));
}

/* Takes a hold over into the model. */
static void check_hold(struct room_run *run, const struct wish *wish,
                       const struct sale_reservation *hold, struct model_reservation *held)
{
  *held = (struct model_reservation){
      .buyer = wish->user, .quantity = wish->count, .until_ms = hold->hold_expires_ms};
  keep_id(run, held->id, hold->id);
  ROOM_CHECK(run, hold->quantity == wish->count);
  for (uint32_t i = 0; i < wish->count; i++) {
    uint32_t seat = hold->seats[i].place;
    if (is_taken(run, seat))
      room_run_fail(run, "seat %u is given to user %u, and somebody has it", seat, wish->user);
    if (wish->named) ROOM_CHECK(run, seat == wish->seats[i]);
    held->seats[i] = seat;
    held->amount += sale_model_price(&run->sales.events[0], seat);
  }
  ROOM_CHECK(run, held->amount == hold->amount);
}

static void tell_models(struct room_run *run, const struct wish *wish, struct room_span span,
                        const struct model_reservation *held, uint32_t shopper,
                        uint32_t *reservation)
{
  *reservation = sale_model_reserve(&run->sales, span.high, held);
  run->totals->reservations++;
  run->shopper_of = room_run_grow(run->shopper_of, *reservation, &run->shopper_of_capacity,
                                  sizeof *run->shopper_of);
  run->shopper_of[*reservation] = shopper == ROOM_NOBODY ? MODEL_NONE : shopper;
  /* Without a need for an admission one that is valid counts all the same. */
  if (shopper == ROOM_NOBODY) return;
  ROOM_CHECK(run, shopper == wish->pass_number);
  struct room_fate *fate = room_model_change(&run->model, span, shopper);
  ROOM_CHECK(run, fate->bound == MODEL_NONE || fate->bound == wish->user);
  fate->bound = wish->user;
  fate->reservation = *reservation;
}

static enum sale_refusal reserve(struct room_run *run, const struct wish *wish,
                                 struct room_span *span, uint32_t *reservation)
{
  char user[USER_BYTES];
  char ids[SALE_SEATS_MAX][SEAT_ID_BYTES];
  struct bytes seats[SALE_SEATS_MAX];
  struct sale_reserve_result result = {0};
  struct model_reservation held;
  struct plan *plan = room_ask_plan(run);
  struct sale_reserve ask = {.event_id = BYTES("ev0"),
                             .user_id = room_ask_user(wish->user, user),
                             .seat_ids = seats,
                             .seat_count = wish->named ? wish->count : 0,
                             .quantity = wish->named ? 0 : wish->count};
  if (wish->pass != NULL) ask.reservation_token = bytes_of(wish->pass, TOKEN_TEXT_BYTES);
  for (uint32_t i = 0; i < ask.seat_count; i++)
    seats[i] = bytes_of(ids[i], seat_map_format_id(run->event->map, wish->seats[i], ids[i]));
  if (random_chance(&run->random, run->fault_per_million))
    room_process_break_memory(run, MEMORY_CALLS);
  enum sale_refusal refusal = sale_reserve(run->sale, plan, &ask, run->now_ms, &result,
                                           &run->error);
  bool committed = refusal == SALE_OK && room_ask_commit(run, span);
  bool spoiled = room_process_was_spoiled(run);
  room_process_heal_memory(run);
  if (spoiled && !committed) return SALE_UNAVAILABLE;
  check_refusal(run, wish, refusal);
  if (refusal != SALE_OK) return refusal;
  check_hold(run, wish, &result.reservation, &held);
  tell_models(run, wish, *span, &held, result.reservation.shopper, reservation);
  return SALE_OK;
}

static void draw_seats(struct room_run *run, struct wish *wish)
{
  struct random *random = &run->random;
  uint32_t seats = run->sales.events[0].seat_count;
  wish->count = (uint32_t)random_between(random, 1, 4);
  if (random_below(random, 50) == 0) wish->count = 5; /* above the limit */
  wish->named = random_below(random, 5) < 2;
  /* Often where everybody wants to be. */
  uint32_t range = random_below(random, 4) == 0 ? 40 : seats - wish->count;
  uint32_t first = (uint32_t)random_below(random, range);
  for (uint32_t i = 0; i < wish->count; i++) wish->seats[i] = first + i;
}

void room_shop_choose(struct room_run *run, struct room_buyer *buyer)
{
  struct room_span span;
  uint32_t reservation;
  struct wish wish = {.user = buyer->user, .pass = buyer->pass, .pass_number = buyer->number};
  draw_seats(run, &wish);
  enum sale_refusal refusal = reserve(run, &wish, &span, &reservation);
  run->totals->conflicts += refusal == SALE_CONFLICT;
  room_crowd_at(run, buyer, room_run_later(run, 500, 4000));
  if (refusal == SALE_OK) {
    room_crowd_reply(run, buyer, NEWS_SEATS, reservation, span.high, NULL);
    return;
  }
  if (refusal == SALE_UNAVAILABLE) return;
  if (refusal == SALE_ADMISSION_INVALID || refusal == SALE_SOLD_OUT || buyer->tries == 0)
    buyer->mood = MOOD_DONE;
  else
    buyer->tries--;
}

void room_shop_cheat(struct room_run *run, const struct room_buyer *buyer, const char *pass,
                     uint32_t number)
{
  struct room_span span;
  uint32_t reservation;
  struct wish wish = {.user = buyer->user, .pass = pass, .pass_number = number};
  draw_seats(run, &wish);
  enum sale_refusal refusal = reserve(run, &wish, &span, &reservation);
  bool refused = refusal == SALE_ADMISSION_INVALID || refusal == SALE_ADMISSION_REQUIRED;
  run->totals->refused_passes += refused;
  run->totals->shared += pass != NULL && number != MODEL_NONE;
}

/* ---- holding ---- */

/* False: the store was too busy, and it is tried again. */
static bool commit(struct room_run *run, struct room_span *span)
{
  bool done = room_ask_commit(run, span);
  room_process_heal_memory(run);
  return done;
}

static void cancel(struct room_run *run, struct room_buyer *buyer)
{
  struct sale_reservation reservation;
  struct room_span span;
  char user[USER_BYTES];
  struct plan *plan = room_ask_plan(run);
  const struct model_reservation *held = &run->sales.reservations[buyer->reservation];
  enum sale_refusal expected = SALE_OK;
  if (sale_model_status(held, run->now_ms) == RESERVATION_EXPIRED) expected = SALE_EXPIRED;
  enum sale_refusal refusal = sale_cancel(run->sale, plan, bytes_of_text(held->id),
                                          room_ask_user(buyer->user, user), run->now_ms,
                                          &reservation);
  if (refusal != expected) room_run_fail(run, "a cancel gives %s", refusal_name(refusal));
  if (refusal != SALE_OK) return;
  if (!commit(run, &span)) return;
  if (span.high > span.low) sale_model_cancel(&run->sales, span.high, buyer->reservation);
}

static void intend(struct room_run *run, struct room_buyer *buyer)
{
  struct sale_payment payment;
  struct room_span span;
  char user[USER_BYTES];
  const struct bytes none = {NULL, 0};
  struct plan *plan = room_ask_plan(run);
  const struct model_reservation *held = &run->sales.reservations[buyer->reservation];
  enum reservation_status status = sale_model_status(held, run->now_ms);
  enum sale_refusal refusal = sale_payment_intend(run->sale, plan, bytes_of_text(held->id),
                                                  room_ask_user(buyer->user, user), held->amount,
                                                  none, none, run->now_ms, &payment);
  ROOM_CHECK(run, (refusal == SALE_OK) == (status == RESERVATION_PENDING));
  if (refusal != SALE_OK) {
    buyer->mood = MOOD_CHOOSING; /* too slow */
    return;
  }
  if (!commit(run, &span)) return;
  uint32_t number = held->payment;
  if (span.high > span.low)
    number = sale_model_intend(&run->sales, span.high, buyer->reservation, payment.intent_id);
  room_crowd_reply(run, buyer, NEWS_INTENT, number, span.high, NULL);
}

void room_shop_hold(struct room_run *run, struct room_buyer *buyer)
{
  uint64_t chance = random_below(&run->random, 100);
  int64_t until_ms = run->sales.reservations[buyer->reservation].until_ms;
  room_crowd_at(run, buyer, room_run_later(run, 1000, 4000));
  if (chance < 10) {
    cancel(run, buyer);
    buyer->mood = MOOD_CHOOSING;
  } else if (chance < 16) {
    /* Forgets the time, and may choose again as long as the admission lasts. */
    buyer->mood = MOOD_CHOOSING;
    room_crowd_at(run, buyer, until_ms + (int64_t)random_below(&run->random, 3000));
  } else if (chance < 20) {
    buyer->mood = MOOD_DONE;
  } else if (chance < 22) {
    room_ask_leave(run, buyer);
    buyer->mood = MOOD_DONE;
  } else {
    intend(run, buyer);
  }
}

/* ---- paying ---- */

static bool settle(struct room_run *run, uint32_t number, bool approved, struct room_span *span)
{
  struct sale_payment payment;
  char id[2 * USER_BYTES];
  struct plan *plan = room_ask_plan(run);
  const struct model_payment *known = &run->sales.payments[number];
  int size = snprintf(id, sizeof id, "ext_%u", number);
  enum sale_refusal refusal = sale_payment_settle(run->sale, plan, bytes_of_text(known->id),
                                                  approved, bytes_of(id, (size_t)size), run->now_ms,
                                                  &payment);
  ROOM_CHECK(run, refusal == SALE_OK);
  if (!commit(run, span)) return false;
  bool changes = known->status == PAYMENT_PENDING || (known->status == PAYMENT_FAILED && approved);
  ROOM_CHECK(run, changes == (span->high > span->low));
  if (!changes) return true;
  sale_model_settle(&run->sales, span->high, number, approved);
  if (!approved) return true;
  run->undecided = room_run_grow(run->undecided, run->undecided_count, &run->undecided_capacity,
                                 sizeof *run->undecided);
  run->undecided[run->undecided_count++] = number;
  return true;
}

void room_shop_pay(struct room_run *run, struct room_buyer *buyer)
{
  struct room_span span;
  uint64_t chance = random_below(&run->random, 100);
  int64_t until_ms = run->sales.reservations[buyer->reservation].until_ms;
  if (chance < 4 && buyer->tries > 0 && until_ms > run->now_ms) {
    /* The provider's word comes when the hold is over, or about then. */
    buyer->tries--;
    room_crowd_at(run, buyer, until_ms + (int64_t)random_below(&run->random, 3000) - 1000);
    return;
  }
  room_crowd_at(run, buyer, room_run_later(run, 1000, 3000));
  if (!settle(run, buyer->payment, chance < 92, &span)) return;
  room_crowd_reply(run, buyer, NEWS_PAID, buyer->payment, span.high, NULL);
}

/* For the order, or the money. */
void room_shop_wait(struct room_run *run, struct room_buyer *buyer)
{
  const struct model_payment *payment = &run->sales.payments[buyer->payment];
  const struct model_reservation *held = &run->sales.reservations[buyer->reservation];
  room_crowd_at(run, buyer, room_run_later(run, 500, 3000));
  if (held->state == MODEL_BOUGHT) {
    buyer->mood = MOOD_DONE;
  } else if (payment->status != PAYMENT_COMPLETED) {
    buyer->mood = buyer->tries > 0 ? MOOD_CHOOSING : MOOD_DONE;
    if (buyer->tries > 0) buyer->tries--;
  }
}

/* ---- what workers do ---- */

static bool observe(struct room_run *run, uint32_t number, bool gives_back)
{
  struct sale_model *model = &run->sales;
  const struct model_payment *known = &model->payments[number];
  uint32_t index = known->reservation;
  struct sale_payment payment;
  if (known->status != PAYMENT_COMPLETED || model->reservations[index].paid_by == number)
    return true;
  arena_reset(&run->arena);
  ROOM_CHECK(run, sale_payment_find(run->sale, &run->arena, bytes_of_text(known->id), &payment) ==
                      SALE_OK);
  bool bought = payment.order_id.size > 0;
  if (!bought && payment.status == PAYMENT_COMPLETED) return false;
  if (bought == gives_back) return false;
  enum model_verdict verdict = sale_model_verdict(model, number, payment.updated_ms);
  if (bought != (verdict != MODEL_GIVES_BACK))
    room_run_fail(run, "payment %s of reservation %s: %s, though it should be %s", known->id,
                  model->reservations[index].id, bought ? "has an order" : "was given back",
                  bought ? "given back" : "an order");
  uint64_t sequence = store_appended(run->store);
  if (!bought) {
    sale_model_give_back(model, sequence, number);
    return true;
  }
  sale_model_buy(model, sequence, number, verdict == MODEL_BUYS_LATE);
  run->totals->orders++;
  run->totals->late += verdict == MODEL_BUYS_LATE;
  return true;
}

/* Whose reservation it was is done with shopping. */
static void finish_shopper(struct room_run *run, uint32_t reservation)
{
  const struct model_reservation *held = &run->sales.reservations[reservation];
  if (held->state != MODEL_BOUGHT) return;
  uint32_t number = run->shopper_of[reservation];
  if (number == MODEL_NONE || run->model.places[number].fate.finished) return;
  const struct room_span span = {store_appended(run->store) - 1, store_appended(run->store)};
  room_model_change(&run->model, span, number)->finished = true;
}

void room_shop_observe(struct room_run *run)
{
  /* Purchases first: what was given back may have been so because of one. */
  for (int gives_back = 0; gives_back < 2; gives_back++) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < run->undecided_count; i++) {
      uint32_t number = run->undecided[i];
      if (observe(run, number, gives_back == 1))
        finish_shopper(run, run->sales.payments[number].reservation);
      else
        run->undecided[left++] = number;
    }
    run->undecided_count = left;
  }
}

void room_shop_recover(struct room_run *run)
{
  run->undecided_count = 0;
  for (uint32_t i = 0; i < run->sales.payment_count; i++) {
    const struct model_payment *payment = &run->sales.payments[i];
    if (payment->status != PAYMENT_COMPLETED ||
        run->sales.reservations[payment->reservation].paid_by == i)
      continue;
    run->undecided = room_run_grow(run->undecided, run->undecided_count, &run->undecided_capacity,
                                   sizeof *run->undecided);
    run->undecided[run->undecided_count++] = i;
  }
  room_shop_observe(run);
}
