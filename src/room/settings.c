#include "room/room_parts.h"

static const struct bytes MODE_NAMES[ROOM_MODES] = {
    [ROOM_OPEN] = {(const uint8_t *)"open", 4},
    [ROOM_WAITING] = {(const uint8_t *)"waiting", 7},
    [ROOM_PAUSED] = {(const uint8_t *)"paused", 6},
};

struct bytes room_mode_name(enum room_mode mode)
{
  CHECK(mode < ROOM_MODES);
  return MODE_NAMES[mode];
}

enum room_mode room_mode_of(struct bytes name)
{
  enum room_mode mode = 0;
  while (mode < ROOM_MODES && !bytes_equal(name, MODE_NAMES[mode])) mode++;
  return mode;
}

#define OFFSET(member) offsetof(struct room_settings, member)

const struct room_setting room_setting_rows[ROOM_SETTINGS] = {
    {"admit_per_second", "admitPerSecond", "admitPerSecond", OFFSET(admit_per_second), 1,
     ROOM_RATE_MAX, 100},
    {"max_shoppers", "maxShoppers", "maxShoppers", OFFSET(max_shoppers), 1, ROOM_SHOPPERS_MAX,
     5000},
    {"token_ttl_sec", "tokenTtlSec", "tokenTtl", OFFSET(token_ttl_s), ROOM_TOKEN_TTL_S_MIN,
     ROOM_TOKEN_TTL_S_MAX, ROOM_TOKEN_TTL_S},
    {"grace_sec", "graceSec", "grace", OFFSET(grace_s), ROOM_GRACE_S_MIN, ROOM_GRACE_S_MAX,
     ROOM_GRACE_S},
    {"entry_sec", "entrySec", "entry", OFFSET(entry_s), ROOM_ENTRY_S_MIN, ROOM_ENTRY_S_MAX,
     ROOM_ENTRY_S},
    {"latency_target_ms", "latencyTargetMs", "targetMs", OFFSET(target_ms), 1, ROOM_TARGET_MS_MAX,
     ROOM_TARGET_MS},
};

uint32_t room_setting_get(const struct room_settings *settings, const struct room_setting *row)
{
  uint32_t value;
  memcpy(&value, (const uint8_t *)settings + row->offset, sizeof value);
  return value;
}

void room_setting_put(struct room_settings *settings, const struct room_setting *row,
                      uint32_t value)
{
  memcpy((uint8_t *)settings + row->offset, &value, sizeof value);
}

void room_settings_init(struct room_settings *settings)
{
  settings->mode = ROOM_OPEN;
  for (size_t i = 0; i < ROOM_SETTINGS; i++)
    room_setting_put(settings, &room_setting_rows[i], room_setting_rows[i].usual);
}

bool room_settings_check(const struct room_settings *settings, struct error *error)
{
  if ((unsigned)settings->mode >= ROOM_MODES)
    return error_set(error, ERROR_INVALID, "mode: must be open, waiting or paused");
  for (size_t i = 0; i < ROOM_SETTINGS; i++) {
    const struct room_setting *row = &room_setting_rows[i];
    uint32_t value = room_setting_get(settings, row);
    if (value >= row->least && value <= row->most) continue;
    return error_set(error, ERROR_INVALID, "%s: must be a whole number from %u to %u", row->name,
                     row->least, row->most);
  }
  return true;
}

const struct room_settings *room_settings(const struct room *room)
{
  return &room->record.settings;
}

struct bytes room_event_id(const struct room *room)
{
  return room->record.event_id;
}

bool room_needs_admission(const struct room *room)
{
  return room != NULL && room->record.settings.mode != ROOM_OPEN;
}

struct settings_hook {
  struct room *room;
  struct room_settings settings;
};

static void after_set(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct settings_hook *hook = context;
  struct room *room = hook->room;
  room->record.settings = hook->settings;
  pace_set(&room->pace, hook->settings.admit_per_second, hook->settings.target_ms);
}

enum room_status room_set(struct room *room, struct plan *plan,
                          const struct room_settings *settings, struct error *error)
{
  if (!room_settings_check(settings, error)) return ROOM_INVALID;
  struct settings_hook *hook = arena_alloc(plan->arena, sizeof *hook);
  struct room_record record = room->record;
  if (hook == NULL) return ROOM_UNAVAILABLE;
  record.settings = *settings;
  struct value item = room_settings_item(&room->lobby->writer, plan->arena, &record);
  if (!room_plan_put(room, plan, item)) return ROOM_UNAVAILABLE;
  *hook = (struct settings_hook){room, *settings};
  plan_after(plan, after_set, hook);
  return ROOM_OK;
}

void room_supply(struct room *room, const struct room_supply *supply)
{
  room->supply = *supply;
}

void room_note_latency(struct room *room, int64_t latency_us)
{
  pace_note_latency(&room->pace, (double)latency_us / 1000);
}

void room_fairness(const struct room *room, struct room_fairness *fairness)
{
  *fairness = (struct room_fairness){.opened = room->record.opened};
  memcpy(fairness->commitment, room->commitment, sizeof fairness->commitment);
  if (!room->record.opened) return;
  memcpy(fairness->seed, room->record.seed, sizeof fairness->seed);
  fairness->count = room->record.drawn;
  fairness->opened_ms = room->record.opened_ms;
}
