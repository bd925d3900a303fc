#include "sim/sale_run.h"

#include <stdlib.h>
#include <string.h>

enum {
  PATIENCE_MAX = 16,
  HEAR_WITHIN_MS = 4000, /* then a buyer asks again */
  AGAIN_MS = 1000,
};

static int64_t later(struct sale_run *run, uint64_t least_ms, uint64_t most_ms)
{
  return run->now_ms + (int64_t)random_between(&run->random, least_ms, most_ms);
}

/* ---- asking ---- */

static void *grow(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
  if (count < *capacity) return items;
  *capacity = *capacity == 0 ? 64 : 2 * *capacity;
  void *grown = realloc(items, *capacity * size);
  if (grown == NULL) abort();
  return grown;
}

static void add_word(struct sale_run *run, uint32_t payment, bool approved, int64_t due_ms)
{
  run->words = grow(run->words, run->word_count, &run->word_capacity, sizeof *run->words);
  run->words[run->word_count++] = (struct sale_word){due_ms, payment, approved};
}

static struct sale_reply *fly(struct sale_run *run, const struct sale_answer *answer,
                              uint32_t buyer)
{
  run->flights = grow(run->flights, run->flight_count, &run->flight_capacity, sizeof *run->flights);
  struct sale_reply *flight = &run->flights[run->flight_count++];
  *flight = (struct sale_reply){.answer = *answer, .buyer = buyer};
  return flight;
}

/* A request that nobody waits for: from a second click, or somebody who only tries. */
static void ask_aside(struct sale_run *run, const struct sale_request *request)
{
  struct sale_answer answer;
  sale_request(run, request, &answer);
}

static void ask(struct sale_run *run, struct sale_buyer *buyer)
{
  struct sale_answer answer;
  buyer->asking = true;
  buyer->due_ms = run->now_ms + HEAR_WITHIN_MS;
  sale_request(run, &buyer->request, &answer);
  if (answer.refusal == SALE_UNAVAILABLE)
    buyer->due_ms = run->now_ms + AGAIN_MS;
  else
    fly(run, &answer, (uint32_t)(buyer - run->buyers))->serial = buyer->serial;
  if (random_below(&run->random, 12) != 0) return;
  /* The same click twice, the same key with another body, or a click of its own. */
  struct sale_request twice = buyer->request;
  switch (random_below(&run->random, 3)) {
  case 0:
    break;
  case 1:
    if (twice.key != MODEL_NONE) twice.place++;
    if (run->model.keys[twice.key == MODEL_NONE ? 0 : twice.key].used == false) return;
    break;
  default:
    twice.key = sale_model_new_key(&run->model);
    break;
  }
  ask_aside(run, &twice);
}

static struct sale_request *begin(struct sale_run *run, struct sale_buyer *buyer,
                                  enum sale_verb verb)
{
  buyer->serial++;
  buyer->request = (struct sale_request){
      .verb = verb,
      .key = MODEL_NONE,
      .buyer = (uint32_t)(buyer - run->buyers),
      .section = MODEL_NONE,
      .reservation = buyer->reservation,
      .payment = MODEL_NONE,
  };
  bool optional = verb == VERB_CANCEL || verb == VERB_CONFIRM;
  if (!optional || random_coin(&run->random)) buyer->request.key = sale_model_new_key(&run->model);
  return &buyer->request;
}

/* ---- what buyers want ---- */

static void choose(struct sale_run *run, struct sale_buyer *buyer)
{
  struct random *random = &run->random;
  struct sale_request *request = begin(run, buyer, VERB_RESERVE);
  request->event = (uint32_t)random_below(random, run->model.event_count);
  const struct model_event *event = &run->model.events[request->event];
  uint32_t limit = event->setting.limit;
  uint32_t wanted = (uint32_t)random_between(random, 1,
                                             random_below(random, 8) == 0 ? limit + 1 : limit);
  if (wanted > SALE_SEATS_MAX) wanted = SALE_SEATS_MAX;
  request->reservation = 0;
  if (random_below(random, 5) < 2) {
    request->quantity = wanted;
    if (random_coin(random))
      request->section = (uint32_t)random_below(random, event->section_count);
  } else {
    /* Side by side, sometimes with gaps; often where everybody wants to be. */
    uint32_t step = random_below(random, 4) == 0 ? 2 : 1;
    uint32_t range = event->seat_count - (wanted - 1) * step;
    if (random_below(random, 3) == 0 && range > 20) range = 20;
    uint32_t first = (uint32_t)random_below(random, range);
    for (uint32_t i = 0; i < wanted; i++) request->seats[i] = first + i * step;
    request->seat_count = wanted;
  }
  ask(run, buyer);
}

static void intend(struct sale_run *run, struct sale_buyer *buyer, bool wrongly)
{
  struct sale_request *request = begin(run, buyer, VERB_INTEND);
  request->amount = run->model.reservations[buyer->reservation].amount + (wrongly ? 1 : 0);
  ask(run, buyer);
}

/* Somebody else's reservation is as if it were not there. */
static void meddle(struct sale_run *run, struct sale_buyer *buyer)
{
  enum sale_verb verbs[] = {VERB_CANCEL, VERB_CONFIRM, VERB_INTEND};
  struct sale_request *request = begin(run, buyer, verbs[random_below(&run->random, 3)]);
  request->reservation = (uint32_t)random_below(&run->random, run->model.reservation_count);
  request->amount = run->model.reservations[request->reservation].amount;
  if (run->model.reservations[request->reservation].buyer == request->buyer)
    request->reservation = buyer->reservation;
  ask(run, buyer);
}

static void leave_hold(struct sale_run *run, struct sale_buyer *buyer)
{
  buyer->mood = random_coin(&run->random) ? MOOD_CHOOSING : MOOD_GONE;
  buyer->due_ms = later(run, 100, random_coin(&run->random) ? 5000 : 60000);
}

static void hold(struct sale_run *run, struct sale_buyer *buyer)
{
  uint64_t chance = random_below(&run->random, 100);
  if (chance < 10) {
    begin(run, buyer, VERB_CANCEL);
    ask(run, buyer);
  } else if (chance < 22) {
    leave_hold(run, buyer);
  } else if (chance < 26) {
    begin(run, buyer, VERB_CONFIRM);
    ask(run, buyer);
  } else if (chance < 29) {
    meddle(run, buyer);
  } else {
    intend(run, buyer, chance < 33);
  }
}

/* ---- the provider ---- */

static void pay(struct sale_run *run, struct sale_buyer *buyer)
{
  uint32_t payment = buyer->payment;
  uint64_t chance = random_below(&run->random, 100);
  bool first = chance % 2 == 0;
  int64_t soon_ms = later(run, 100, 5000);
  buyer->mood = MOOD_WAITING;
  buyer->due_ms = later(run, 1000, 20000);
  /* Some go on buying before the money is there. */
  if (random_below(&run->random, 4) == 0) buyer->mood = MOOD_CHOOSING;
  if (chance < 45) { /* as it should be */
    add_word(run, payment, true, soon_ms);
  } else if (chance < 53) { /* twice */
    add_word(run, payment, true, soon_ms);
    add_word(run, payment, true, later(run, 100, 10000));
  } else if (chance < 60) {
    add_word(run, payment, false, soon_ms);
  } else if (chance < 72) { /* two words in any order */
    add_word(run, payment, first, soon_ms);
    add_word(run, payment, !first, later(run, 100, 60000));
  } else if (chance < 90) { /* about when the hold ends, or after it */
    int64_t late_ms = run->model.reservations[buyer->reservation].until_ms;
    add_word(run, payment, true, late_ms + (int64_t)random_below(&run->random, 4000) - 1000);
    if (first) run->words[run->word_count - 1].due_ms += 30000;
  } else if (chance < 96) { /* lost, and found when books are compared */
    add_word(run, payment, true, later(run, 60000, 400000));
  } else { /* the buyer went away, nobody pays */
    buyer->mood = MOOD_GONE;
  }
}

static void deliver(struct sale_run *run, struct sale_word word)
{
  struct sale_answer answer;
  const struct sale_request request = {
      .verb = VERB_WEBHOOK, .key = MODEL_NONE, .payment = word.payment, .approved = word.approved};
  sale_request(run, &request, &answer);
  if (answer.refusal == SALE_UNAVAILABLE)
    add_word(run, word.payment, word.approved, run->now_ms + AGAIN_MS);
  else
    fly(run, &answer, MODEL_NONE)->word = word;
}

/* ---- after the payment ---- */

static void wait(struct sale_run *run, struct sale_buyer *buyer)
{
  struct sale_request *request;
  uint64_t chance = random_below(&run->random, 100);
  if (chance < 50) {
    request = begin(run, buyer, VERB_CONFIRM);
    if (random_coin(&run->random)) request->payment = buyer->payment;
  } else if (chance < 60) {
    intend(run, buyer, false);
    return;
  } else if (chance < 66) {
    begin(run, buyer, VERB_CANCEL);
  } else if (chance < 76) {
    request = begin(run, buyer, VERB_CHECKIN);
    uint32_t quantity = run->model.reservations[buyer->reservation].quantity;
    request->place = (uint32_t)random_below(&run->random, quantity);
  } else if (chance < 86) {
    request = begin(run, buyer, VERB_REFUND);
    if (random_below(&run->random, 3) == 0)
      request->amount = run->model.reservations[buyer->reservation].amount / 2;
  } else {
    sale_check_buyer(run, (uint32_t)(buyer - run->buyers));
    buyer->mood = chance < 94 ? MOOD_CHOOSING : MOOD_GONE;
    buyer->due_ms = later(run, 100, 10000);
    return;
  }
  ask(run, buyer);
}

static void act(struct sale_run *run, struct sale_buyer *buyer)
{
  if (buyer->asking) {
    ask(run, buyer);
    return;
  }
  switch (buyer->mood) {
  case MOOD_CHOOSING:
    choose(run, buyer);
    break;
  case MOOD_HOLDING:
    hold(run, buyer);
    break;
  case MOOD_PAYING:
    pay(run, buyer);
    break;
  case MOOD_WAITING:
    wait(run, buyer);
    break;
  case MOOD_GONE:
    break;
  }
}

/* ---- hearing ---- */

/* One attempt less; in another mood, or gone. */
static void go_on(struct sale_run *run, struct sale_buyer *buyer, enum sale_mood mood)
{
  buyer->mood = buyer->tries == 0 ? MOOD_GONE : mood;
  if (buyer->tries > 0) buyer->tries--;
  buyer->due_ms = later(run, 50, 8000);
}

static void hear(struct sale_run *run, struct sale_buyer *buyer, const struct sale_answer *answer)
{
  buyer->asking = false;
  bool granted = answer->refusal == SALE_OK && !answer->mismatch;
  switch (buyer->request.verb) {
  case VERB_RESERVE:
    go_on(run, buyer, granted ? MOOD_HOLDING : MOOD_CHOOSING);
    if (!granted) { /* there are few who stay for long without a seat */
      buyer->tries -= buyer->tries > 1 ? 2 : buyer->tries;
      break;
    }
    buyer->reservation = answer->result;
    buyer->mood = MOOD_HOLDING;
    /* Some think for too long. */
    buyer->due_ms = later(run, 200, random_below(&run->random, 6) == 0 ? 70000 : 9000);
    break;
  case VERB_INTEND:
    go_on(run, buyer, granted ? MOOD_PAYING : MOOD_CHOOSING);
    if (!granted) break;
    buyer->payment = answer->result;
    buyer->mood = MOOD_PAYING;
    break;
  case VERB_CANCEL: {
    /* Some want to know what becomes of their money. */
    bool asks = buyer->mood == MOOD_WAITING && random_coin(&run->random);
    go_on(run, buyer, asks ? MOOD_WAITING : MOOD_CHOOSING);
    break;
  }
  default:
    go_on(run, buyer, buyer->mood);
    break;
  }
}

void sale_crowd_hear(struct sale_run *run)
{
  uint32_t left = 0;
  for (uint32_t i = 0; i < run->flight_count; i++) {
    struct sale_reply *flight = &run->flights[i];
    if (flight->answer.sequence > run->durable) {
      run->flights[left++] = *flight;
      continue;
    }
    if (flight->buyer == MODEL_NONE) continue;
    struct sale_buyer *buyer = &run->buyers[flight->buyer];
    if (buyer->asking && buyer->serial == flight->serial) hear(run, buyer, &flight->answer);
  }
  run->flight_count = left;
}

void sale_crowd_lose(struct sale_run *run)
{
  for (uint32_t i = 0; i < run->flight_count; i++) {
    const struct sale_word *word = &run->flights[i].word;
    if (run->flights[i].buyer == MODEL_NONE)
      add_word(run, word->payment, word->approved, later(run, 500, 10000));
  }
  run->totals->lost += run->flight_count;
  run->flight_count = 0;
}

/* ---- the operator ---- */

static void change(struct sale_run *run)
{
  struct random *random = &run->random;
  struct sale_answer answer;
  struct sale_request request = {.verb = VERB_CHANGE, .key = MODEL_NONE};
  request.event = (uint32_t)random_below(random, run->model.event_count);
  request.setting = run->model.events[request.event].setting;
  run->next_change_ms = later(run, 1000, 40000);
  if (request.setting.paused) {
    request.setting.paused = false;
  } else if (random_coin(random)) {
    request.setting.paused = true;
    run->next_change_ms = later(run, 100, 5000);
  } else if (random_coin(random)) {
    request.setting.limit = (uint32_t)random_between(random, 2, 6);
  } else {
    request.setting.hold_s = (uint32_t)random_between(random, 10, 60);
  }
  sale_request(run, &request, &answer);
}

/* ---- all of them ---- */

void sale_crowd_begin(struct sale_run *run, uint32_t buyers, int64_t for_ms)
{
  run->buyers = calloc(buyers, sizeof *run->buyers);
  if (run->buyers == NULL) abort();
  for (uint32_t i = 0; i < buyers; i++) {
    struct sale_buyer *buyer = &run->buyers[i];
    buyer->mood = MOOD_CHOOSING;
    buyer->tries = (uint32_t)random_between(&run->random, 1, PATIENCE_MAX);
    /* Most want to be first. */
    bool early = random_below(&run->random, 3) > 0;
    buyer->due_ms = later(run, 0, (uint64_t)(early ? for_ms / 8 : for_ms));
  }
  run->next_change_ms = later(run, 1000, 60000);
}

void sale_crowd_act(struct sale_run *run)
{
  for (uint32_t i = 0; i < run->word_count && !run->died; i++) {
    if (run->words[i].due_ms > run->now_ms) continue;
    struct sale_word word = run->words[i];
    run->words[i] = run->words[--run->word_count];
    deliver(run, word);
  }
  if (run->closing) return;
  for (uint32_t i = 0; i < run->model.buyer_count; i++)
    if (run->buyers[i].mood != MOOD_GONE && run->buyers[i].due_ms <= run->now_ms)
      act(run, &run->buyers[i]);
  if (run->now_ms >= run->next_change_ms) change(run);
}

void sale_crowd_hurry(struct sale_run *run, int64_t until_ms)
{
  for (uint32_t i = 0; i < run->model.buyer_count; i++) {
    struct sale_buyer *buyer = &run->buyers[i];
    bool holds = buyer->mood == MOOD_HOLDING || buyer->mood == MOOD_WAITING;
    if (holds && run->model.reservations[buyer->reservation].until_ms == until_ms)
      buyer->due_ms = until_ms - 1;
  }
}

int64_t sale_crowd_next_ms(const struct sale_run *run)
{
  int64_t next_ms = INT64_MAX;
  for (uint32_t i = 0; i < run->model.buyer_count; i++)
    if (run->buyers[i].mood != MOOD_GONE && run->buyers[i].due_ms < next_ms)
      next_ms = run->buyers[i].due_ms;
  return next_ms;
}
