#include "shield/rate.h"

#include "base/check.h"
#include "base/hash.h"

enum {
  WAYS = 8,
  US_PER_MS = 1000,
  US_PER_S = 1000000,
};

struct entry {
  uint64_t tag;   /* of the key; 0: never used */
  int64_t tat_us; /* when all it took is paid back */
};

struct bucket {
  _Alignas(64) struct entry entries[WAYS];
};

_Static_assert(sizeof(struct entry) == 16, "16 bytes a key");
_Static_assert(sizeof(struct bucket) == 128, "two cache lines, which are fetched together");
_Static_assert((int)WAYS == (int)RATE_KEYS_MIN, "a table has at least one bucket");
_Static_assert((int64_t)RATE_BURST_MAX *RATE_SECONDS_MAX *US_PER_S < INT64_MAX / 2, "a TAT fits");

struct rate_table {
  struct rate_row row;
  int64_t cost_us;        /* T */
  int64_t window_us;      /* burst * T */
  uint64_t seed;          /* of the hash */
  uint64_t mask;          /* of bucket numbers */
  struct bucket *buckets; /* NULL: no limit */
};

struct rate_limits {
  struct memory *memory;
  struct rate_table tables[RATE_KINDS];
};

/*
 * Generous where an address may be a campus or a mobile carrier's, close where a password is
 * guessed. Room: everybody of an on-sale at once for the API, a tenth of them for the rest.
 */
const struct rate_row rate_rows_default[RATE_KINDS] = {
    [RATE_API_ADDRESS] = {"api_address", 1000, 1, 3000, 1 << 18},
    [RATE_API_USER] = {"api_user", 20, 1, 60, 1 << 18},
    [RATE_LOGIN_USER] = {"login_user", 10, 60, 10, 1 << 15},
    [RATE_LOGIN_ADDRESS] = {"login_address", 300, 60, 150, 1 << 15},
    [RATE_REGISTER_ADDRESS] = {"register_address", 120, 60, 60, 1 << 15},
    [RATE_JOIN_ADDRESS] = {"join_address", 600, 60, 600, 1 << 15},
};

static bool open_table(struct rate_table *table, struct world *world, const struct rate_row *row)
{
  table->row = *row;
  if (row->requests == 0) return true;
  CHECK_THAT(row->requests, <=, RATE_REQUESTS_MAX);
  CHECK(row->seconds > 0 && row->seconds <= RATE_SECONDS_MAX);
  CHECK(row->burst > 0 && row->burst <= RATE_BURST_MAX);
  CHECK(row->keys >= RATE_KEYS_MIN && (row->keys & (row->keys - 1)) == 0);
  table->cost_us = (int64_t)row->seconds * US_PER_S / row->requests;
  table->window_us = table->cost_us * row->burst;
  CHECK_THAT(table->window_us / US_PER_S, <, UINT32_MAX);
  table->mask = row->keys / WAYS - 1;
  world_entropy(world, &table->seed, sizeof table->seed);
  /* Resident once touched: what nobody uses costs nothing. */
  table->buckets = memory_map(&world->memory, row->keys * sizeof(struct entry));
  return table->buckets != NULL;
}

struct rate_limits *rate_limits_new(struct world *world, const struct rate_row rows[RATE_KINDS])
{
  struct rate_limits *limits = memory_alloc_zeroed(&world->memory, sizeof *limits);
  if (limits == NULL) return NULL;
  limits->memory = &world->memory;
  for (enum rate_kind i = 0; i < RATE_KINDS; i++) {
    if (open_table(&limits->tables[i], world, &rows[i])) continue;
    rate_limits_free(limits);
    return NULL;
  }
  return limits;
}

void rate_limits_free(struct rate_limits *limits)
{
  if (limits == NULL) return;
  for (enum rate_kind i = 0; i < RATE_KINDS; i++) {
    struct rate_table *table = &limits->tables[i];
    if (table->buckets != NULL)
      memory_unmap(limits->memory, table->buckets, table->row.keys * sizeof(struct entry));
  }
  memory_free(limits->memory, limits, sizeof *limits);
}

const struct rate_row *rate_row(const struct rate_limits *limits, enum rate_kind kind)
{
  CHECK(kind >= 0 && kind < RATE_KINDS);
  return &limits->tables[kind].row;
}

/* The key's entry, or the one that says least, made the key's own with nothing taken. */
static struct entry *find_entry(struct rate_table *table, uint64_t tag, int64_t now_us)
{
  struct bucket *bucket = &table->buckets[(tag >> 32) & table->mask];
  struct entry *oldest = &bucket->entries[0];
  for (uint32_t i = 0; i < WAYS; i++) {
    struct entry *entry = &bucket->entries[i];
    if (entry->tag == tag) return entry;
    if (entry->tat_us < oldest->tat_us) oldest = entry;
  }
  oldest->tag = tag;
  oldest->tat_us = now_us;
  return oldest;
}

static uint32_t seconds_of(int64_t us)
{
  return (uint32_t)((us + US_PER_S - 1) / US_PER_S);
}

bool rate_take(struct rate_limits *limits, enum rate_kind kind, struct bytes key, int64_t now_ms,
               struct rate_decision *decision)
{
  CHECK(kind >= 0 && kind < RATE_KINDS);
  CHECK(now_ms >= 0 && now_ms < INT64_MAX / 2 / US_PER_MS);
  struct rate_table *table = &limits->tables[kind];
  *decision = (struct rate_decision){.allowed = true};
  if (table->buckets == NULL) return true;
  int64_t now_us = now_ms * US_PER_MS;
  uint64_t tag = hash_bytes(key, table->seed);
  struct entry *entry = find_entry(table, tag == 0 ? 1 : tag, now_us);
  int64_t tat_us = entry->tat_us > now_us ? entry->tat_us : now_us;
  int64_t used_us = tat_us - now_us; /* not yet paid back */
  decision->limited = true;
  decision->limit = table->row.burst;
  decision->allowed = used_us + table->cost_us <= table->window_us;
  if (decision->allowed) {
    used_us += table->cost_us;
    entry->tat_us = now_us + used_us;
  } else {
    decision->retry_after_s = seconds_of(used_us + table->cost_us - table->window_us);
  }
  decision->remaining = (uint32_t)((table->window_us - used_us) / table->cost_us);
  decision->reset_s = seconds_of(used_us);
  return decision->allowed;
}
