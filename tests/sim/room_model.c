#include "sim/room_model.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum {
  QUIET_S = 75, /* the contract: who is silent for longer is not admitted */
  FORGET_S = 7200,
  /* The room's silences are differences of whole seconds; it looks at everybody in five. */
  SECOND_MS = 1000,
  SWEEP_MS = 5000 + 6000, /* and a disk may stand still for as long */
};

enum undo_kind { UNDO_JOIN, UNDO_FATE, UNDO_OPEN, UNDO_SETTINGS };

struct room_undo {
  struct room_span span;
  enum undo_kind kind;
  uint32_t number;
  union {
    struct room_fate fate;
    struct room_settings settings;
  } was;
};

static void *allocate(size_t count, size_t size)
{
  void *items = calloc(count + 1, size);
  if (items == NULL) abort();
  return items;
}

void room_model_init(struct room_model *model, uint32_t capacity)
{
  *model = (struct room_model){.capacity = capacity};
  model->places = allocate(capacity, sizeof *model->places);
  model->place_of = allocate(capacity, sizeof *model->place_of);
  model->number_at = allocate(capacity, sizeof *model->number_at);
  model->sure.nodes = allocate(capacity, sizeof *model->sure.nodes);
  model->maybe.nodes = allocate(capacity, sizeof *model->maybe.nodes);
  model->line = allocate(capacity / 64 + 1, sizeof *model->line);
  for (int i = 0; i < 2; i++) model->chains[i] = (struct room_chain){MODEL_NONE, MODEL_NONE};
  room_settings_init(&model->settings);
}

void room_model_free(struct room_model *model)
{
  free(model->places);
  free(model->place_of);
  free(model->number_at);
  free(model->sure.nodes);
  free(model->maybe.nodes);
  free(model->line);
  free(model->undo);
}

/* ---- sums ---- */

static void sums_add(struct room_sums *sums, uint32_t capacity, uint32_t place, bool more)
{
  sums->total += more ? 1 : UINT32_MAX;
  for (uint32_t i = place + 1; i <= capacity; i += i & -i) sums->nodes[i] += more ? 1 : UINT32_MAX;
}

static uint32_t sums_before(const struct room_sums *sums, uint32_t place)
{
  uint32_t before = 0;
  for (uint32_t i = place; i > 0; i -= i & -i) before += sums->nodes[i];
  return before;
}

/* ---- order ---- */

/* docs of src/room/shuffle.h, once more. */
static uint64_t mix(uint64_t x)
{
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

struct lot {
  uint64_t keys[10];
  unsigned half;
};

static void lot_init(struct lot *lot, const uint8_t seed[SHUFFLE_SEED_BYTES], uint32_t count)
{
  uint8_t text[64];
  uint8_t digest[HASH_SHA256_BYTES];
  static const char label[] = "tacos-shuffle-1";
  memcpy(text, seed, SHUFFLE_SEED_BYTES);
  memcpy(text + SHUFFLE_SEED_BYTES, label, sizeof label - 1);
  for (uint8_t round = 0; round < 10; round++) {
    size_t size = SHUFFLE_SEED_BYTES + sizeof label - 1;
    text[size++] = round;
    hash_sha256(bytes_of(text, size), digest);
    lot->keys[round] = 0;
    for (int i = 0; i < 8; i++) lot->keys[round] = lot->keys[round] << 8 | digest[i];
  }
  double values = 256;
  for (lot->half = 4; values < count + 2.0; lot->half++) values *= 4;
}

static uint32_t lot_place(const struct lot *lot, uint32_t count, uint32_t number)
{
  uint64_t value = number;
  uint64_t size = UINT64_C(1) << lot->half;
  do {
    uint64_t left = value / size;
    uint64_t right = value % size;
    for (int round = 0; round < 10; round++) {
      uint64_t was = right;
      right = left ^ mix(lot->keys[round] ^ right) % size;
      left = was;
    }
    value = left * size + right;
  } while (value >= count);
  return (uint32_t)value;
}

uint32_t room_model_place(const struct room_model *model, uint32_t number)
{
  return model->opened && number < model->drawn ? model->place_of[number] : number;
}

uint32_t room_model_number(const struct room_model *model, uint32_t place)
{
  return model->opened && place < model->drawn ? model->number_at[place] : place;
}

/* ---- lives ---- */

static void unchain(struct room_model *model, uint32_t number)
{
  const struct room_place *place = &model->places[number];
  struct room_chain *chain = &model->chains[place->life];
  if (place->before == MODEL_NONE)
    chain->first = place->after;
  else
    model->places[place->before].after = place->after;
  if (place->after == MODEL_NONE)
    chain->last = place->before;
  else
    model->places[place->after].before = place->before;
}

static void chain_last(struct room_model *model, uint32_t number)
{
  struct room_place *place = &model->places[number];
  struct room_chain *chain = &model->chains[place->life];
  place->after = MODEL_NONE;
  place->before = chain->last;
  if (chain->last == MODEL_NONE)
    chain->first = number;
  else
    model->places[chain->last].after = number;
  chain->last = number;
}

/* Chains, sums and bits as of a life; GHOST: out of all of them. */
static void live(struct room_model *model, uint32_t number, enum room_life life)
{
  struct room_place *place = &model->places[number];
  enum room_life was = place->life;
  uint32_t at = room_model_place(model, number);
  if (was != LIFE_GHOST) unchain(model, number);
  place->life = life;
  if (life != LIFE_GHOST) chain_last(model, number);
  if ((was == LIFE_SURE) != (life == LIFE_SURE))
    sums_add(&model->sure, model->capacity, at, life == LIFE_SURE);
  if ((was == LIFE_GHOST) == (life == LIFE_GHOST)) return;
  sums_add(&model->maybe, model->capacity, at, life != LIFE_GHOST);
  model->line[at / 64] ^= UINT64_C(1) << (at % 64);
  if (at < model->front) model->front = at;
}

/* All of them anew, each in the order of its silence. */
static void rebuild(struct room_model *model)
{
  memset(model->sure.nodes, 0, (model->capacity + 1) * sizeof *model->sure.nodes);
  memset(model->maybe.nodes, 0, (model->capacity + 1) * sizeof *model->maybe.nodes);
  memset(model->line, 0, (model->capacity / 64 + 1) * sizeof *model->line);
  model->sure.total = model->maybe.total = 0;
  model->front = 0;
  struct room_chain chains[2] = {model->chains[0], model->chains[1]};
  for (int i = 0; i < 2; i++) model->chains[i] = (struct room_chain){MODEL_NONE, MODEL_NONE};
  for (int i = 0; i < 2; i++)
    for (uint32_t number = chains[i].first; number != MODEL_NONE;) {
      uint32_t after = model->places[number].after;
      model->places[number].life = LIFE_GHOST;
      live(model, number, (enum room_life)i);
      number = after;
    }
}

void room_model_advance(struct room_model *model, int64_t mono_ms)
{
  uint32_t first;
  int64_t grace_ms = model->settings.grace_s * INT64_C(1000);
  model->now_ms = mono_ms;
  while ((first = model->chains[LIFE_SURE].first) != MODEL_NONE &&
         mono_ms - model->places[first].seen_ms >= grace_ms)
    live(model, first, LIFE_MAYBE);
  while ((first = model->chains[LIFE_MAYBE].first) != MODEL_NONE &&
         mono_ms - model->places[first].seen_ms >= grace_ms + SECOND_MS + SWEEP_MS)
    live(model, first, LIFE_GHOST);
}

/* ---- what is ---- */

void room_model_before(const struct room_model *model, uint32_t number, uint32_t *least,
                       uint32_t *most)
{
  uint32_t place = room_model_place(model, number);
  *least = sums_before(&model->sure, place);
  *most = sums_before(&model->maybe, place);
}

enum room_turn room_model_turn(const struct room_model *model, uint32_t number)
{
  int64_t quiet_s = model->settings.grace_s < QUIET_S ? model->settings.grace_s : QUIET_S;
  int64_t silence_ms = model->now_ms - model->places[number].seen_ms;
  if (silence_ms < quiet_s * 1000) return TURN_AWAKE;
  return silence_ms < quiet_s * 1000 + SECOND_MS ? TURN_UNSURE : TURN_QUIET;
}

uint32_t room_model_next(struct room_model *model, uint32_t place)
{
  bool from_front = place <= model->front;
  if (from_front) place = model->front;
  uint32_t word = place / 64;
  uint64_t bits = model->line[word] & ~UINT64_C(0) << (place % 64);
  while (bits == 0) {
    if (++word > model->capacity / 64) return MODEL_NONE;
    bits = model->line[word];
  }
  place = word * 64 + (uint32_t)__builtin_ctzll(bits);
  if (from_front) model->front = place;
  return place;
}

bool room_fate_is_over(const struct room_fate *fate, int64_t wall_ms)
{
  switch (fate->state) {
  case FATE_WAITS:
    return false;
  case FATE_ADMITTED:
  case FATE_ENTERED:
    return fate->finished || wall_ms >= fate->expires_ms;
  default:
    return true;
  }
}

/* ---- what happens ---- */

static struct room_undo *note(struct room_model *model, struct room_span span, enum undo_kind kind,
                              uint32_t number)
{
  if (model->undo_count == model->undo_capacity) {
    model->undo_capacity = model->undo_capacity == 0 ? 64 : 2 * model->undo_capacity;
    model->undo = realloc(model->undo, model->undo_capacity * sizeof *model->undo);
    if (model->undo == NULL) abort();
  }
  struct room_undo *undo = &model->undo[model->undo_count++];
  *undo = (struct room_undo){.span = span, .kind = kind, .number = number};
  return undo;
}

void room_model_join(struct room_model *model, struct room_span span, uint32_t buyer, uint16_t key,
                     int64_t mono_ms)
{
  CHECK_THAT(model->count, <, model->capacity);
  note(model, span, UNDO_JOIN, model->count);
  uint32_t number = model->count++;
  model->places[number] = (struct room_place){
      .fate = {.state = FATE_WAITS, .bound = MODEL_NONE, .reservation = MODEL_NONE},
      .buyer = buyer,
      .key = key,
      .seen_ms = mono_ms,
      .life = LIFE_GHOST,
  };
  live(model, number, LIFE_SURE);
}

void room_model_touch(struct room_model *model, uint32_t number)
{
  struct room_place *place = &model->places[number];
  place->seen_ms = model->now_ms;
  if (place->fate.state == FATE_WAITS) live(model, number, LIFE_SURE);
}

struct room_fate *room_model_change(struct room_model *model, struct room_span span,
                                    uint32_t number)
{
  note(model, span, UNDO_FATE, number)->was.fate = model->places[number].fate;
  return &model->places[number].fate;
}

void room_model_settle(struct room_model *model, uint32_t number)
{
  const struct room_place *place = &model->places[number];
  bool waits = place->fate.state == FATE_WAITS;
  if (!waits && place->life != LIFE_GHOST) live(model, number, LIFE_GHOST);
}

bool room_model_open(struct room_model *model, struct room_span span,
                     const uint8_t seed[SHUFFLE_SEED_BYTES], uint32_t drawn)
{
  struct lot lot;
  note(model, span, UNDO_OPEN, 0);
  memcpy(model->seed, seed, SHUFFLE_SEED_BYTES);
  lot_init(&lot, seed, drawn);
  for (uint32_t place = 0; place < drawn; place++) model->number_at[place] = MODEL_NONE;
  for (uint32_t number = 0; number < drawn; number++) {
    uint32_t place = lot_place(&lot, drawn, number);
    if (model->number_at[place] != MODEL_NONE) return false;
    model->place_of[number] = place;
    model->number_at[place] = number;
  }
  model->opened = true;
  model->drawn = drawn;
  rebuild(model);
  return true;
}

void room_model_set(struct room_model *model, struct room_span span,
                    const struct room_settings *settings)
{
  note(model, span, UNDO_SETTINGS, 0)->was.settings = model->settings;
  model->settings = *settings;
}

/* ---- the log ---- */

static void take_back(struct room_model *model, const struct room_undo *undo)
{
  switch (undo->kind) {
  case UNDO_JOIN:
    model->count = undo->number;
    break;
  case UNDO_FATE:
    model->places[undo->number].fate = undo->was.fate;
    break;
  case UNDO_OPEN:
    model->opened = false;
    break;
  case UNDO_SETTINGS:
    model->settings = undo->was.settings;
    break;
  }
}

/* Everybody who waits has been seen just now. */
static void wake(struct room_model *model)
{
  for (int i = 0; i < 2; i++) model->chains[i] = (struct room_chain){MODEL_NONE, MODEL_NONE};
  for (uint32_t number = 0; number < model->count; number++) {
    struct room_place *place = &model->places[number];
    place->life = LIFE_GHOST;
    if (place->fate.state != FATE_WAITS) continue;
    place->maybe_forgotten = place->maybe_forgotten ||
                             model->now_ms - place->seen_ms >= FORGET_S * INT64_C(1000);
    place->seen_ms = model->now_ms;
    place->life = LIFE_SURE;
    chain_last(model, number);
  }
  rebuild(model);
}

void room_model_rewind(struct room_model *model, uint64_t sequence, room_model_happened *happened,
                       void *context)
{
  while (model->undo_count > 0) {
    const struct room_undo *undo = &model->undo[model->undo_count - 1];
    if (undo->span.high <= sequence) break;
    bool known = undo->span.low >= sequence;
    uint32_t number = undo->kind == UNDO_FATE ? undo->number : MODEL_NONE;
    CHECK(known || undo->kind == UNDO_FATE || undo->kind == UNDO_OPEN);
    if (known || !happened(context, number)) take_back(model, undo);
    model->undo_count--;
  }
  wake(model);
}

void room_model_settle_log(struct room_model *model, uint64_t sequence)
{
  size_t settled = 0;
  while (settled < model->undo_count && model->undo[settled].span.high <= sequence) settled++;
  if (settled == 0) return;
  memmove(model->undo, model->undo + settled, (model->undo_count - settled) * sizeof *model->undo);
  model->undo_count -= settled;
}
