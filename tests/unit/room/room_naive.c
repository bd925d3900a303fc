#include "unit/room/room_naive.h"

#include <string.h>

void room_naive_init(struct room_naive *model)
{
  memset(model, 0, sizeof *model);
}

/* Who has finished, or whose time is over, may wait again though a hold is pending. */
static bool has_place(const struct model_person *person, int64_t now_ms)
{
  if (person->state == MODEL_WAITING) return true;
  bool shops = person->state == MODEL_ADMITTED || person->state == MODEL_ENTERED;
  return shops && !person->finished && now_ms < person->expires_ms;
}

int room_naive_find(const struct room_naive *model, int who, int64_t now_ms)
{
  for (int number = model->count - 1; number >= 0; number--) {
    const struct model_person *person = &model->people[number];
    if (person->who == who && has_place(person, now_ms)) return number;
  }
  return MODEL_NOBODY;
}

int room_naive_join(struct room_naive *model, int who, int64_t now_ms)
{
  int number = model->count++;
  model->people[number] = (struct model_person){
      .who = who,
      .seen_ms = now_ms,
      .place = (uint32_t)number,
      .buyer = MODEL_NOBODY,
  };
  return number;
}

void room_naive_open(struct room_naive *model, const uint8_t seed[SHUFFLE_SEED_BYTES])
{
  struct shuffle shuffle;
  model->open = true;
  shuffle_init(&shuffle, seed, (uint32_t)model->count);
  for (int number = 0; number < model->count; number++)
    model->people[number].place = shuffle_place(&shuffle, (uint32_t)number);
}

void room_naive_touch(struct room_naive *model, int number, int64_t now_ms)
{
  model->people[number].seen_ms = now_ms;
  model->people[number].ghost = false;
}

static bool in_line(const struct model_person *person)
{
  return person->state == MODEL_WAITING && !person->ghost;
}

uint32_t room_naive_waiting(const struct room_naive *model)
{
  uint32_t count = 0;
  for (int number = 0; number < model->count; number++) count += in_line(&model->people[number]);
  return count;
}

uint32_t room_naive_position(const struct room_naive *model, int number)
{
  uint32_t before = 0;
  if (!model->open) return room_naive_waiting(model);
  for (int other = 0; other < model->count; other++)
    before += in_line(&model->people[other]) &&
              model->people[other].place < model->people[number].place;
  return before + 1;
}

int room_naive_next(const struct room_naive *model, int64_t quiet_ms, int64_t now_ms)
{
  int first = MODEL_NOBODY;
  for (int number = 0; number < model->count; number++) {
    const struct model_person *person = &model->people[number];
    /* The room counts silences in whole seconds. */
    if (!in_line(person) || now_ms / 1000 - person->seen_ms / 1000 > quiet_ms / 1000) continue;
    if (first == MODEL_NOBODY || person->place < model->people[first].place) first = number;
  }
  return first;
}

bool room_naive_shops(const struct model_person *person, int64_t now_ms)
{
  if (person->holds > 0) return true;
  bool came = person->state == MODEL_ADMITTED || person->state == MODEL_ENTERED;
  return came && !person->finished && now_ms < person->expires_ms;
}
