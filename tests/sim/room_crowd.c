#include "sim/room_run.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/*
 * Who is due when is in a wheel: a slot for 50 ms, of 8,192; who is due in a later round stays.
 */
enum { SLOT_MS = 50, SLOTS = 8192, BOT_MS = 10, TRIES = 4, AGAIN_MAX = 3, NIGHT_MS = 7200000 };

static uint32_t slot_of(int64_t ms)
{
  return (uint32_t)(ms / SLOT_MS % SLOTS);
}

void room_crowd_at(struct room_run *run, struct room_buyer *buyer, int64_t due_ms)
{
  buyer->due_ms = due_ms > run->now_ms ? due_ms : run->now_ms + 1;
}

static void put(struct room_run *run, uint32_t number)
{
  uint32_t *slot = &run->slots[slot_of(run->buyers[number].due_ms)];
  run->buyers[number].next = *slot;
  *slot = number;
}

/* ---- who there is ---- */

static enum room_kind draw_kind(struct random *random)
{
  static const struct {
    enum room_kind kind;
    uint32_t percent;
  } kinds[] = {
      {KIND_BACKGROUND, 4}, {KIND_GONE, 8},   {KIND_AWAY_SHORT, 6}, {KIND_AWAY_LONG, 5},
      {KIND_AWAY_NIGHT, 2}, {KIND_LEAVER, 4}, {KIND_LATE, 2},       {KIND_NEVER, 2},
      {KIND_TWICE, 3},      {KIND_SHARER, 3}, {KIND_CHEAT, 1},      {KIND_MANY, 1},
  };
  uint64_t chance = random_below(random, 100);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (chance < kinds[i].percent) return kinds[i].kind;
    chance -= kinds[i].percent;
  }
  return KIND_ORDINARY;
}

/* Before the opening most come in the last minute; at it there is a crowd; then fewer and fewer. */
static int64_t draw_arrival(struct room_run *run)
{
  struct random *random = &run->random;
  int64_t before_ms = run->opens_ms - run->now_ms;
  uint64_t chance = random_below(random, 100);
  if (chance < 15) return run->now_ms + (int64_t)random_below(random, (uint64_t)before_ms);
  if (chance < 45)
    return run->opens_ms - (int64_t)random_below(random, (uint64_t)before_ms / 3 + 1);
  if (chance < 75) return run->opens_ms + (int64_t)random_below(random, 15000);
  return run->opens_ms + (int64_t)random_below(random, (uint64_t)run->rush_ms / 2);
}

static void make_buyer(struct room_run *run, uint32_t number, enum room_kind kind)
{
  struct random *random = &run->random;
  struct room_buyer *buyer = &run->buyers[number];
  bool large = run->buyer_count > 100000;
  *buyer = (struct room_buyer){
      .number = MODEL_NONE,
      .truth = MODEL_NONE,
      .user = number,
      .kind = kind,
      .mood = MOOD_OUTSIDE,
      .known = random_coin(random),
      .period_ds = (uint16_t)(large ? random_between(random, 50, 150)
                                    : random_between(random, 15, 80)),
      .due_ms = draw_arrival(run),
  };
  if (kind == KIND_BACKGROUND) buyer->period_ds = 600;
  buyer->away_ms = buyer->due_ms + (int64_t)random_between(random, 1000, (uint64_t)run->rush_ms);
}

/* A bot and its twin knock in the same moment, either of them first. */
static void make_twins(struct room_run *run, uint32_t number)
{
  bool bot_first = random_coin(&run->random);
  make_buyer(run, number, bot_first ? KIND_BOT : KIND_TWIN);
  make_buyer(run, number + 1, bot_first ? KIND_TWIN : KIND_BOT);
  run->buyers[number + 1].due_ms = run->buyers[number].due_ms;
}

/* One buyer behind several keys. */
static uint32_t make_many(struct room_run *run, uint32_t number)
{
  uint32_t count = (uint32_t)random_between(&run->random, 2, 6);
  if (count > run->buyer_count - number) count = run->buyer_count - number;
  for (uint32_t i = 0; i < count; i++) {
    make_buyer(run, number + i, KIND_MANY);
    run->buyers[number + i].user = number;
    run->buyers[number + i].known = false;
  }
  return count;
}

void room_crowd_begin(struct room_run *run)
{
  uint32_t number = 0;
  uint32_t twins = run->buyer_count / 40 < 400 ? run->buyer_count / 40 : 400;
  run->buyers = calloc(run->buyer_count, sizeof *run->buyers);
  run->slots = malloc(SLOTS * sizeof *run->slots);
  if (run->buyers == NULL || run->slots == NULL) abort();
  for (uint32_t i = 0; i < SLOTS; i++) run->slots[i] = MODEL_NONE;
  for (; twins > 0 && number + 2 <= run->buyer_count; twins--, number += 2) make_twins(run, number);
  while (number < run->buyer_count) {
    enum room_kind kind = draw_kind(&run->random);
    if (kind == KIND_MANY)
      number += make_many(run, number);
    else
      make_buyer(run, number++, kind);
  }
  for (uint32_t i = 0; i < run->buyer_count; i++) put(run, i);
  run->slot_ms = run->now_ms;
}

bool room_crowd_is_there(const struct room_run *run)
{
  for (uint32_t i = 0; i < run->buyer_count; i++)
    if (run->buyers[i].mood != MOOD_DONE) return true;
  return false;
}

/* ---- in line ---- */

/* The place or the admission is gone: some come again. */
static void come_again(struct room_run *run, struct room_buyer *buyer)
{
  bool again = buyer->kind != KIND_BOT && buyer->kind != KIND_TWIN && buyer->key < AGAIN_MAX &&
               random_coin(&run->random);
  if (!again) {
    buyer->mood = MOOD_DONE;
    return;
  }
  buyer->key++;
  buyer->mood = MOOD_JOINING;
  buyer->told_ms = 0;
  buyer->pass[0] = 0;
  if (!buyer->known) buyer->truth = MODEL_NONE;
  room_crowd_at(run, buyer, room_run_later(run, 100, 5000));
}

/* Goes away for a while; true when nothing is asked now. */
static bool goes_away(struct room_run *run, struct room_buyer *buyer)
{
  struct random *random = &run->random;
  int64_t grace_ms = run->settings.grace_s * INT64_C(1000);
  int64_t for_ms;
  if (buyer->away_ms == 0 || run->now_ms < buyer->away_ms) return false;
  buyer->away_ms = 0;
  switch (buyer->kind) {
  case KIND_LEAVER:
    room_ask_leave(run, buyer);
    buyer->mood = MOOD_DONE;
    return true;
  case KIND_GONE:
    buyer->mood = MOOD_DONE;
    return true;
  case KIND_AWAY_SHORT:
    for_ms = (int64_t)random_between(random, 5000, (uint64_t)grace_ms);
    buyer->away_ms = run->now_ms + for_ms + (int64_t)random_between(random, 10000, 60000);
    break;
  case KIND_AWAY_LONG:
    for_ms = grace_ms + (int64_t)random_between(random, 0, 200000);
    break;
  case KIND_AWAY_NIGHT:
    for_ms = NIGHT_MS + (int64_t)random_between(random, 0, 2000000) - 500000;
    break;
  default:
    return false;
  }
  room_crowd_at(run, buyer, run->now_ms + for_ms);
  return true;
}

static void cheat(struct room_run *run, const struct room_buyer *buyer)
{
  char pass[TOKEN_TEXT_BYTES];
  uint64_t chance = random_below(&run->random, 4);
  if (chance < 2) {
    room_ask_forged(run, buyer);
    return;
  }
  memcpy(pass, buyer->token, sizeof pass);
  pass[0] = 'r';
  room_shop_cheat(run, buyer, chance == 2 ? NULL : pass, MODEL_NONE);
}

static void may_enter(struct room_run *run, struct room_buyer *buyer)
{
  buyer->mood = MOOD_ENTERING;
  int64_t entry_ms = run->settings.entry_s * INT64_C(1000);
  if (buyer->kind == KIND_NEVER)
    buyer->mood = MOOD_DONE;
  else if (buyer->kind == KIND_LATE)
    room_crowd_at(run, buyer, room_run_later(run, entry_ms - 3000, entry_ms + 10000));
  else
    room_crowd_at(run, buyer, room_run_later(run, 200, 3000));
}

static void look(struct room_run *run, struct room_buyer *buyer)
{
  int64_t period_ms = buyer->kind == KIND_BOT ? BOT_MS : buyer->period_ds * INT64_C(100);
  do {
    switch (room_ask_look(run, buyer)) {
    case SEEN_NOTHING:
      room_crowd_at(run, buyer, run->now_ms + 100);
      return;
    case SEEN_WAITING:
      break;
    case SEEN_READY:
      may_enter(run, buyer);
      return;
    case SEEN_OVER:
      come_again(run, buyer);
      return;
    }
    buyer->due_ms += period_ms;
  } while (buyer->kind == KIND_BOT && buyer->due_ms <= run->now_ms);
  if (buyer->kind != KIND_BOT)
    room_crowd_at(run, buyer, room_run_later(run, period_ms * 4 / 5, period_ms * 6 / 5));
}

static void wait_in_line(struct room_run *run, struct room_buyer *buyer)
{
  if (goes_away(run, buyer)) return;
  if (buyer->kind == KIND_CHEAT && random_coin(&run->random)) cheat(run, buyer);
  /* The page is loaded again, sometimes twice at once. */
  if (buyer->kind != KIND_BOT && random_below(&run->random, 50) == 0) {
    room_ask_join(run, buyer);
    if (random_coin(&run->random)) room_ask_join(run, buyer);
  }
  look(run, buyer);
}

static void enter(struct room_run *run, struct room_buyer *buyer)
{
  switch (room_ask_enter(run, buyer)) {
  case ROOM_NOT_READY: /* the mode was another one */
    buyer->mood = MOOD_LINE;
    room_crowd_at(run, buyer, run->now_ms + 1000);
    break;
  case ROOM_TOKEN_EXPIRED:
    come_again(run, buyer);
    break;
  default:
    room_crowd_at(run, buyer, room_run_later(run, 1000, 3000));
    break;
  }
}

/* ---- as a shopper ---- */

static void browse(struct room_run *run, struct room_buyer *buyer)
{
  if (random_below(&run->random, 10) < 6) room_ask_leave(run, buyer);
  buyer->mood = MOOD_DONE;
}

static void choose(struct room_run *run, struct room_buyer *buyer)
{
  if (buyer->kind == KIND_TWICE && random_coin(&run->random)) {
    (void)room_ask_enter(run, buyer);
    room_crowd_at(run, buyer, run->now_ms + 500);
    return;
  }
  if (buyer->kind == KIND_SHARER && random_coin(&run->random)) {
    const struct room_buyer *other = &run->buyers[random_below(&run->random, run->buyer_count)];
    room_shop_cheat(run, other, buyer->pass, buyer->number);
  }
  room_shop_choose(run, buyer);
}

static void act(struct room_run *run, struct room_buyer *buyer)
{
  switch ((enum room_mood)buyer->mood) {
  case MOOD_OUTSIDE:
  case MOOD_JOINING:
    buyer->mood = MOOD_JOINING;
    room_crowd_at(run, buyer, room_run_later(run, 1500, 4000));
    room_ask_join(run, buyer);
    if (random_below(&run->random, 50) == 0) room_ask_join(run, buyer);
    break;
  case MOOD_LINE:
    wait_in_line(run, buyer);
    break;
  case MOOD_ENTERING:
    enter(run, buyer);
    break;
  case MOOD_BROWSING:
    browse(run, buyer);
    break;
  case MOOD_CHOOSING:
    choose(run, buyer);
    break;
  case MOOD_HOLDING:
    room_shop_hold(run, buyer);
    break;
  case MOOD_PAYING:
    room_shop_pay(run, buyer);
    break;
  case MOOD_BUYING:
    room_shop_wait(run, buyer);
    break;
  case MOOD_DONE:
    break;
  }
}

/* Those of a slot who are due, in no order that anybody could choose. */
static void turn_slot(struct room_run *run, uint32_t slot)
{
  uint32_t next = run->slots[slot];
  run->slots[slot] = MODEL_NONE;
  while (next != MODEL_NONE) {
    uint32_t number = next;
    struct room_buyer *buyer = &run->buyers[number];
    next = buyer->next;
    if (buyer->due_ms <= run->now_ms) act(run, buyer);
    if (buyer->mood != MOOD_DONE) put(run, number);
  }
}

void room_crowd_act(struct room_run *run)
{
  int64_t to_ms = run->now_ms / SLOT_MS * SLOT_MS;
  int64_t from_ms = run->slot_ms / SLOT_MS * SLOT_MS;
  if (to_ms - from_ms >= (int64_t)SLOT_MS * SLOTS) from_ms = to_ms - SLOT_MS * (SLOTS - 1);
  for (int64_t ms = from_ms; ms <= to_ms; ms += SLOT_MS) turn_slot(run, slot_of(ms));
  run->slot_ms = run->now_ms;
}

void room_crowd_go_home(struct room_run *run)
{
  for (uint32_t i = 0; i < run->buyer_count; i++) {
    struct room_buyer *buyer = &run->buyers[i];
    if (buyer->mood > MOOD_LINE) continue;
    bool away = buyer->due_ms > run->now_ms + 600000;
    bool stays = random_below(&run->random, 20) == 0;
    if (!away && !stays) buyer->mood = MOOD_DONE;
    if (buyer->kind == KIND_BOT) buyer->kind = KIND_ORDINARY;
    buyer->period_ds = 500;
  }
}

/* ---- answers ---- */

void room_crowd_reply(struct room_run *run, const struct room_buyer *buyer, enum room_news news,
                      uint32_t result, uint64_t sequence, const char *token)
{
  run->replies = room_run_grow(run->replies, run->reply_count, &run->reply_capacity,
                               sizeof *run->replies);
  struct room_reply *reply = &run->replies[run->reply_count++];
  *reply = (struct room_reply){.sequence = sequence,
                               .buyer = (uint32_t)(buyer - run->buyers),
                               .news = news,
                               .result = result};
  if (token != NULL) memcpy(reply->token, token, TOKEN_TEXT_BYTES);
}

static void hear_place(struct room_buyer *buyer, const struct room_reply *reply)
{
  /* Of a key that it uses no more. */
  if (buyer->truth != reply->result) return;
  if (buyer->number != reply->result) buyer->pass[0] = 0;
  buyer->number = reply->result;
  memcpy(buyer->token, reply->token, TOKEN_TEXT_BYTES);
  if (buyer->mood == MOOD_JOINING) buyer->mood = MOOD_LINE;
}

static void hear_pass(struct room_run *run, struct room_buyer *buyer,
                      const struct room_reply *reply)
{
  if (buyer->number != reply->result) return;
  memcpy(buyer->pass, reply->token, TOKEN_TEXT_BYTES);
  if (buyer->mood != MOOD_ENTERING) return;
  bool buys = random_chance(&run->random, run->buys_per_million);
  buyer->mood = buys ? MOOD_CHOOSING : MOOD_BROWSING;
  buyer->tries = (uint8_t)random_between(&run->random, 1, TRIES);
}

static void hear(struct room_run *run, struct room_buyer *buyer, const struct room_reply *reply)
{
  switch (reply->news) {
  case NEWS_PLACE:
    hear_place(buyer, reply);
    break;
  case NEWS_PASS:
    hear_pass(run, buyer, reply);
    break;
  case NEWS_SEATS:
    buyer->reservation = reply->result;
    if (buyer->mood == MOOD_CHOOSING) buyer->mood = MOOD_HOLDING;
    break;
  case NEWS_INTENT:
    buyer->payment = reply->result;
    if (buyer->mood == MOOD_HOLDING) buyer->mood = MOOD_PAYING;
    break;
  case NEWS_PAID:
    if (buyer->mood == MOOD_PAYING) buyer->mood = MOOD_BUYING;
    break;
  }
}

void room_crowd_hear(struct room_run *run)
{
  uint32_t left = 0;
  for (uint32_t i = 0; i < run->reply_count; i++) {
    const struct room_reply *reply = &run->replies[i];
    if (reply->sequence <= run->durable)
      hear(run, &run->buyers[reply->buyer], reply);
    else
      run->replies[left++] = *reply;
  }
  run->reply_count = left;
}

void room_crowd_lose(struct room_run *run)
{
  run->totals->lost += run->reply_count;
  run->reply_count = 0;
}
