#include "sale/seat_map.h"

#include "base/hash.h"

enum {
  HOLDER_FREE = 0,
  PAGE_BYTES = 4096,
  /* Lengths of free runs as bits: those of 1 to SEAT_CHOICE_MAX. */
  QUANTITIES = (1 << (SEAT_CHOICE_MAX + 1)) - 2,
};
#define HOLDER_SOLD UINT32_MAX

_Static_assert(SEAT_SEATS_MAX < UINT32_MAX >> 2, "a change is a seat and two bits");
_Static_assert((SEAT_CHANGES & (SEAT_CHANGES - 1)) == 0, "the ring's size is a power of two");
_Static_assert(QUANTITIES <= UINT16_MAX, "quantities are bits of struct seat_fit");
_Static_assert(sizeof(struct seat_claim) == 32, "the header quotes it");
_Static_assert(sizeof(struct seat_row) == 32, "two rows to a cache line");

/* ---- What fits into a row ---- */

struct runs {
  uint32_t lengths; /* bit n: there is a free run of exactly n <= SEAT_CHOICE_MAX seats */
  uint32_t longest;
  uint32_t current;
  uint64_t gaps; /* as in struct seat_fit */
};

static void end_run(struct runs *runs)
{
  if (runs->current > runs->longest) runs->longest = runs->current;
  if (runs->current <= SEAT_CHOICE_MAX) runs->lengths |= 1u << runs->current;
  if (runs->current > 0 && runs->current < SEAT_CHOICE_MAX) {
    uint32_t at = (runs->current - 1) * SEAT_GAP_BITS;
    uint64_t count = runs->gaps >> at & ((1 << SEAT_GAP_BITS) - 1);
    if (count < SEAT_GAPS_COUNTED) runs->gaps += UINT64_C(1) << at;
  }
  runs->current = 0;
}

static void count_runs(struct runs *runs, uint64_t word)
{
  if (word == UINT64_MAX) {
    runs->current += 64;
    return;
  }
  uint32_t at = 0;
  while (at < 64) {
    uint32_t ones = (uint32_t)__builtin_ctzll(~(word >> at));
    runs->current += ones;
    at += ones;
    if (at == 64) return;
    end_run(runs);
    uint64_t rest = word >> at;
    if (rest == 0) return;
    at += (uint32_t)__builtin_ctzll(rest);
  }
}

/* Bits 1 to the smaller of length and SEAT_CHOICE_MAX. */
static uint32_t quantities_up_to(uint32_t length)
{
  return length >= SEAT_CHOICE_MAX ? QUANTITIES : ((2u << length) - 2);
}

/*
 * In a free run of L seats, q <= L fit; no single seat is left when L == q, or at one end of it
 * when L >= q + 2.
 */
static struct seat_fit row_fit(const uint64_t *words, uint32_t word_count)
{
  struct runs runs = {0};
  for (uint32_t i = 0; i < word_count; i++) count_runs(&runs, words[i]);
  end_run(&runs);
  uint32_t clean = runs.lengths | (runs.longest < 3 ? 0 : quantities_up_to(runs.longest - 2));
  return (struct seat_fit){.fit = (uint16_t)quantities_up_to(runs.longest),
                           .clean = (uint16_t)(clean & QUANTITIES),
                           .gaps = runs.gaps};
}

/* Adds or takes away one row for each quantity that came or went. */
static void move_counts(uint32_t *rows, uint32_t before, uint32_t after)
{
  for (uint32_t changed = before ^ after; changed != 0; changed &= changed - 1) {
    uint32_t quantity = (uint32_t)__builtin_ctz(changed);
    if (after >> quantity & 1)
      rows[quantity]++;
    else
      rows[quantity]--;
  }
}

static void refresh_row(struct seat_map *map, uint32_t index)
{
  const struct seat_row *row = &map->rows[index];
  struct seat_section *section = &map->sections[row->section];
  if (section->general) return;
  struct seat_fit before = map->fits[index];
  struct seat_fit after = row_fit(map->words + row->first_word, seat_row_words(row));
  move_counts(section->fit_rows, before.fit, after.fit);
  move_counts(section->clean_rows, before.clean, after.clean);
  map->fits[index] = after;
}

/* Changes of one call mostly lie in one row: it is counted once, when the next one is touched. */
static void touch_row(struct seat_map *map, uint32_t row)
{
  if (map->stale_row == row) return;
  if (map->stale_row != SEAT_NONE) refresh_row(map, map->stale_row);
  map->stale_row = row;
}

static void finish_rows(struct seat_map *map)
{
  touch_row(map, SEAT_NONE);
}

/* ---- One seat ---- */

/* The visible side of a change; `holder` is the caller's. */
static void change_state(struct seat_map *map, uint32_t seat, enum seat_state from,
                         enum seat_state to)
{
  if (from == to) return;
  uint32_t row_index = map->row_of[seat];
  struct seat_row *row = &map->rows[row_index];
  struct seat_section *section = &map->sections[row->section];
  map->counts.of[from]--;
  map->counts.of[to]++;
  section->counts.of[from]--;
  section->counts.of[to]++;
  map->version++;
  map->changes[map->version & map->changes_mask] = seat << 2 | (uint32_t)to;
  if (from != SEAT_FREE && to != SEAT_FREE) return;
  uint32_t at = seat - row->first_seat;
  uint64_t *word = &map->words[row->first_word + at / 64];
  uint64_t bit = UINT64_C(1) << at % 64;
  CHECK(((*word & bit) != 0) == (from == SEAT_FREE));
  *word ^= bit;
  row->free = from == SEAT_FREE ? row->free - 1 : row->free + 1;
  touch_row(map, row_index);
}

/* ---- The heap of holds: no child ends before its parent ---- */

static bool ends_before(const struct seat_map *map, uint32_t left, uint32_t right)
{
  return map->claims[left].until_ms < map->claims[right].until_ms;
}

static void heap_put(struct seat_map *map, uint32_t at, uint32_t claim)
{
  map->heap[at] = claim;
  map->claims[claim].heap_at = at;
}

static void heap_rise(struct seat_map *map, uint32_t at)
{
  uint32_t claim = map->heap[at];
  while (at > 0 && ends_before(map, claim, map->heap[(at - 1) / 2])) {
    heap_put(map, at, map->heap[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  heap_put(map, at, claim);
}

static void heap_sink(struct seat_map *map, uint32_t at)
{
  uint32_t claim = map->heap[at];
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= map->heap_count) break;
    if (child + 1 < map->heap_count && ends_before(map, map->heap[child + 1], map->heap[child]))
      child++;
    if (!ends_before(map, map->heap[child], claim)) break;
    heap_put(map, at, map->heap[child]);
    at = child;
  }
  heap_put(map, at, claim);
}

static void heap_remove(struct seat_map *map, uint32_t at)
{
  CHECK_THAT(at, <, map->heap_count);
  uint32_t last = map->heap[--map->heap_count];
  if (at == map->heap_count) return;
  heap_put(map, at, last);
  heap_rise(map, at);
  heap_sink(map, map->claims[last].heap_at);
}

/* ---- Holds ---- */

/* There are at most as many as seats, and one more while seats move to a new one. */
static uint32_t claim_open(struct seat_map *map, const struct id *reservation, int64_t until_ms)
{
  uint32_t index;
  if (map->claims_free > 0) {
    index = map->claims_free - 1;
    map->claims_free = map->claims[index].first;
  } else {
    CHECK_THAT(map->claims_used, <=, map->seat_count);
    index = map->claims_used++;
  }
  map->claims[index] = (struct seat_claim){
      .reservation = *reservation, .until_ms = until_ms, .first = SEAT_NONE};
  map->heap[map->heap_count++] = index;
  heap_rise(map, map->heap_count - 1);
  return index;
}

static void claim_close(struct seat_map *map, uint32_t index)
{
  struct seat_claim *claim = &map->claims[index];
  CHECK(claim->first == SEAT_NONE);
  heap_remove(map, claim->heap_at);
  claim->first = map->claims_free;
  map->claims_free = index + 1;
}

/* Takes a held seat out of its hold, which must be of the reservation. */
static void claim_drop_seat(struct seat_map *map, uint32_t seat, const struct id *reservation)
{
  uint32_t index = map->holder[seat] - 1;
  struct seat_claim *claim = &map->claims[index];
  CHECK(id_compare(&claim->reservation, reservation) == 0);
  uint32_t *link = &claim->first;
  while (*link != seat) {
    CHECK(*link != SEAT_NONE);
    link = &map->next[*link];
  }
  *link = map->next[seat];
  if (claim->first == SEAT_NONE) claim_close(map, index);
}

/* Takes the seat from its hold, if there is one; returns what it was. */
static enum seat_state take_seat(struct seat_map *map, uint32_t seat, const struct id *reservation)
{
  enum seat_state state = seat_map_state(map, seat);
  if (state == SEAT_HELD) claim_drop_seat(map, seat, reservation);
  return state;
}

void seat_map_advance(struct seat_map *map, int64_t now_ms)
{
  if (now_ms <= map->now_ms) return;
  map->now_ms = now_ms;
  while (map->heap_count > 0 && map->claims[map->heap[0]].until_ms <= now_ms) {
    uint32_t index = map->heap[0];
    struct seat_claim *claim = &map->claims[index];
    while (claim->first != SEAT_NONE) {
      uint32_t seat = claim->first;
      claim->first = map->next[seat];
      map->holder[seat] = HOLDER_FREE;
      change_state(map, seat, SEAT_HELD, SEAT_FREE);
    }
    claim_close(map, index);
  }
  finish_rows(map);
}

int64_t seat_map_next_lapse_ms(const struct seat_map *map)
{
  return map->heap_count == 0 ? INT64_MAX : map->claims[map->heap[0]].until_ms;
}

uint32_t seat_map_lapsing(const struct seat_map *map, int64_t until_ms, uint32_t most)
{
  /* Down the heap as far as holds end in time, the left child first. */
  uint32_t count = 0;
  uint32_t at = 0;
  while (count < most) {
    if (at < map->heap_count && map->claims[map->heap[at]].until_ms <= until_ms) {
      uint32_t seat = map->claims[map->heap[at]].first;
      for (; seat != SEAT_NONE && count < most; seat = map->next[seat]) count++;
      at = 2 * at + 1;
      continue;
    }
    /* Back up from right children, then over to the right. */
    while (at > 0 && at % 2 == 0) at = (at - 1) / 2;
    if (at == 0) break;
    at++;
  }
  return count;
}

/* ---- What a commit did ---- */

static void check_count(uint32_t count)
{
  CHECK_THAT(count, >, 0);
  CHECK_THAT(count, <=, SEAT_HOLD_MAX);
}

void seat_map_hold(struct seat_map *map, const uint32_t *seats, uint32_t count,
                   const struct id *reservation, int64_t until_ms)
{
  check_count(count);
  CHECK_THAT(until_ms, >, map->now_ms);
  uint32_t index = claim_open(map, reservation, until_ms);
  struct seat_claim *claim = &map->claims[index];
  for (uint32_t i = 0; i < count; i++) {
    uint32_t seat = seats[i];
    CHECK_THAT(seat, <, map->seat_count);
    if (map->holder[seat] == index + 1) continue;
    enum seat_state was = take_seat(map, seat, reservation);
    CHECK_THAT(was, !=, SEAT_SOLD);
    map->next[seat] = claim->first;
    claim->first = seat;
    map->holder[seat] = index + 1;
    change_state(map, seat, was, SEAT_HELD);
  }
  finish_rows(map);
}

void seat_map_extend(struct seat_map *map, const uint32_t *seats, uint32_t count,
                     const struct id *reservation, int64_t until_ms)
{
  for (uint32_t i = 0; i < count; i++) CHECK(seat_map_state(map, seats[i]) == SEAT_HELD);
  seat_map_hold(map, seats, count, reservation, until_ms);
}

void seat_map_sell(struct seat_map *map, const uint32_t *seats, uint32_t count,
                   const struct id *reservation)
{
  check_count(count);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t seat = seats[i];
    /* Named twice: sold a moment ago, by this call. */
    bool again = false;
    for (uint32_t j = 0; j < i && !again; j++) again = seats[j] == seat;
    if (again) continue;
    enum seat_state was = take_seat(map, seat, reservation);
    CHECK_THAT(was, !=, SEAT_SOLD);
    map->holder[seat] = HOLDER_SOLD;
    change_state(map, seat, was, SEAT_SOLD);
  }
  finish_rows(map);
}

/* Makes seats free, each of which must be `from`. */
static void free_seats(struct seat_map *map, const uint32_t *seats, uint32_t count,
                       enum seat_state from, const struct id *reservation)
{
  check_count(count);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t seat = seats[i];
    bool again = false;
    for (uint32_t j = 0; j < i && !again; j++) again = seats[j] == seat;
    if (again) continue;
    CHECK_THAT(seat_map_state(map, seat), ==, from);
    if (from == SEAT_HELD) claim_drop_seat(map, seat, reservation);
    map->holder[seat] = HOLDER_FREE;
    change_state(map, seat, from, SEAT_FREE);
  }
  finish_rows(map);
}

void seat_map_release(struct seat_map *map, const uint32_t *seats, uint32_t count,
                      const struct id *reservation)
{
  free_seats(map, seats, count, SEAT_HELD, reservation);
}

void seat_map_refund(struct seat_map *map, const uint32_t *seats, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) CHECK(seat_map_state(map, seats[i]) == SEAT_SOLD);
  free_seats(map, seats, count, SEAT_SOLD, NULL);
}

/* ---- Queries ---- */

uint32_t seat_map_test(const struct seat_map *map, const uint32_t *seats, uint32_t count,
                       const struct id *reservation, uint32_t *taken)
{
  uint32_t taken_count = 0;
  for (uint32_t i = 0; i < count; i++) {
    CHECK_THAT(seats[i], <, map->seat_count);
    uint32_t holder = map->holder[seats[i]];
    if (holder == HOLDER_FREE) continue;
    if (holder != HOLDER_SOLD && id_compare(&map->claims[holder - 1].reservation, reservation) == 0)
      continue;
    if (taken != NULL) taken[taken_count] = i;
    taken_count++;
  }
  return taken_count;
}

bool seat_map_hold_of(const struct seat_map *map, uint32_t seat, struct id *reservation,
                      int64_t *until_ms)
{
  if (seat_map_state(map, seat) != SEAT_HELD) return false;
  const struct seat_claim *claim = &map->claims[map->holder[seat] - 1];
  *reservation = claim->reservation;
  *until_ms = claim->until_ms;
  return true;
}

uint64_t seat_map_oldest_version(const struct seat_map *map)
{
  uint64_t kept = (uint64_t)map->changes_mask + 1;
  return map->version - map->first_version <= kept ? map->first_version : map->version - kept;
}

struct seat_change seat_map_change(const struct seat_map *map, uint64_t version)
{
  CHECK(version > seat_map_oldest_version(map) && version <= map->version);
  uint32_t change = map->changes[version & map->changes_mask];
  return (struct seat_change){.seat = change >> 2, .state = (enum seat_state)(change & 3)};
}

uint32_t seat_map_find_section(const struct seat_map *map, struct bytes id)
{
  for (uint32_t i = 0; i < map->section_count; i++)
    if (bytes_equal(map->sections[i].id, id)) return i;
  return SEAT_NONE;
}

/* ---- Ids ---- */

static size_t format_decimal(uint32_t value, char *text)
{
  char digits[10];
  size_t count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  for (size_t i = 0; i < count; i++) text[i] = digits[count - 1 - i];
  return count;
}

static size_t format_number(const struct seat_map *map, const struct seat_row *row, uint32_t at,
                            char *text)
{
  if (row->numbers == SEAT_NONE) return format_decimal(row->first + at, text);
  const uint32_t *ends = &map->number_at[row->numbers + at];
  size_t size = ends[1] - ends[0];
  memcpy(text, map->text + ends[0], size);
  return size;
}

size_t seat_map_format_number(const struct seat_map *map, uint32_t seat,
                              char text[SEAT_NUMBER_BYTES])
{
  const struct seat_row *row = seat_map_row(map, seat);
  return format_number(map, row, seat - row->first_seat, text);
}

size_t seat_map_format_id(const struct seat_map *map, uint32_t seat, char text[SEAT_ID_BYTES])
{
  const struct seat_row *row = seat_map_row(map, seat);
  memcpy(text, map->text + row->text, row->text_size);
  return row->text_size + format_number(map, row, seat - row->first_seat, text + row->text_size);
}

static bool id_equals(const struct seat_map *map, uint32_t seat, struct bytes id)
{
  char text[SEAT_ID_BYTES];
  return bytes_equal(bytes_of(text, seat_map_format_id(map, seat, text)), id);
}

uint32_t seat_map_find(const struct seat_map *map, struct bytes id)
{
  if (id.size > SEAT_ID_BYTES) return SEAT_NONE;
  uint64_t hash = hash_bytes(id, map->hash_seed);
  uint32_t tag = (uint32_t)(hash >> 32);
  for (uint32_t at = (uint32_t)hash & map->slot_mask;; at = (at + 1) & map->slot_mask) {
    struct seat_slot slot = map->slots[at];
    if (slot.seat == 0) return SEAT_NONE;
    if (slot.tag == tag && id_equals(map, slot.seat - 1, id)) return slot.seat - 1;
  }
}

static void index_seat(struct seat_map *map, uint32_t seat, struct bytes id)
{
  uint64_t hash = hash_bytes(id, map->hash_seed);
  uint32_t tag = (uint32_t)(hash >> 32);
  uint32_t at = (uint32_t)hash & map->slot_mask;
  while (map->slots[at].seat != 0) {
    CHECK(map->slots[at].tag != tag || !id_equals(map, map->slots[at].seat - 1, id));
    at = (at + 1) & map->slot_mask;
  }
  map->slots[at] = (struct seat_slot){.tag = tag, .seat = seat + 1};
}

/* ---- Building ---- */

/* What the arrays of a map have to hold. */
struct sizes {
  size_t rows;
  size_t seats;
  size_t words;
  size_t numbers; /* of explicitly numbered rows, and one end for each of those */
  size_t text;
};

static void add_row_sizes(struct sizes *sizes, const struct seat_plan_section *section,
                          const struct seat_plan_row *row)
{
  CHECK_THAT(row->seats, >, 0);
  sizes->rows++;
  sizes->seats += row->seats;
  sizes->words += (row->seats + 63) / 64;
  sizes->text += section->id.size + row->label.size + 2;
  if (row->numbers == NULL) return;
  sizes->numbers += row->seats + 1;
  for (uint32_t i = 0; i < row->seats; i++) {
    CHECK_THAT(row->numbers[i].size, <=, SEAT_NUMBER_BYTES);
    sizes->text += row->numbers[i].size;
  }
}

static struct seat_plan_row general_row(const struct seat_plan_section *section)
{
  return (struct seat_plan_row){
      .label = BYTES(SEAT_GENERAL_ROW), .first = 1, .seats = section->capacity};
}

static struct sizes plan_sizes(const struct seat_plan *plan)
{
  struct sizes sizes = {.text = plan->event.event_id.size};
  CHECK_THAT(plan->section_count, <=, SEAT_SECTIONS_MAX);
  for (uint32_t i = 0; i < plan->section_count; i++) {
    const struct seat_plan_section *section = &plan->sections[i];
    CHECK_THAT(section->id.size, <=, SEAT_SECTION_BYTES);
    sizes.text += section->id.size + section->name.size;
    struct seat_plan_row general = general_row(section);
    if (section->row_count == 0) add_row_sizes(&sizes, section, &general);
    for (uint32_t j = 0; j < section->row_count; j++) {
      CHECK_THAT(section->rows[j].label.size, <=, SEAT_ROW_BYTES);
      CHECK_THAT(section->rows[j].seats, <=, SEAT_ROW_SEATS_MAX);
      add_row_sizes(&sizes, section, &section->rows[j]);
    }
  }
  CHECK_THAT(sizes.seats, >, 0);
  CHECK_THAT(sizes.seats, <=, SEAT_SEATS_MAX);
  CHECK_THAT(sizes.seats, ==, plan->seat_count);
  return sizes;
}

static size_t power_of_two(size_t least)
{
  size_t power = 1;
  while (power < least) power *= 2;
  return power;
}

/* Hands out an array of the block; with block NULL it only counts. */
static void *carve(uint8_t *block, size_t *used, size_t count, size_t size)
{
  void *array = block == NULL ? NULL : block + *used;
  *used += (count * size + 7) / 8 * 8;
  return array;
}

/* Lays the arrays out, hot ones first, those that are touched late last. Returns the bytes. */
static size_t lay_out(struct seat_map *map, const struct sizes *sizes, uint8_t *block)
{
  size_t used = 0;
  (void)carve(block, &used, 1, sizeof(struct seat_map));
  size_t slots = power_of_two(sizes->seats + sizes->seats / 4 + 1);
  size_t changes = power_of_two(sizes->seats < SEAT_CHANGES ? sizes->seats : SEAT_CHANGES);
  map->slot_mask = (uint32_t)(slots - 1);
  map->changes_mask = (uint32_t)(changes - 1);
  map->sections = carve(block, &used, map->section_count, sizeof(struct seat_section));
  map->rows = carve(block, &used, sizes->rows, sizeof(struct seat_row));
  map->fits = carve(block, &used, sizes->rows, sizeof(struct seat_fit));
  map->words = carve(block, &used, sizes->words, sizeof(uint64_t));
  map->holder = carve(block, &used, sizes->seats, sizeof(uint32_t));
  map->next = carve(block, &used, sizes->seats, sizeof(uint32_t));
  map->row_of = carve(block, &used, sizes->seats, sizeof(uint32_t));
  map->slots = carve(block, &used, slots, sizeof(struct seat_slot));
  map->changes = carve(block, &used, changes, sizeof(uint32_t));
  map->number_at = carve(block, &used, sizes->numbers, sizeof(uint32_t));
  map->text = carve(block, &used, sizes->text, 1);
  map->heap = carve(block, &used, sizes->seats + 1, sizeof(uint32_t));
  map->claims = carve(block, &used, sizes->seats + 1, sizeof(struct seat_claim));
  return (used + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* How far the arrays are filled. */
struct filling {
  struct seat_map *map;
  uint32_t words;
  uint32_t numbers;
  uint32_t text;
};

static struct bytes fill_text(struct filling *filling, struct bytes text)
{
  char *to = filling->map->text + filling->text;
  if (text.size > 0) memcpy(to, text.data, text.size);
  filling->text += (uint32_t)text.size;
  return bytes_of(to, text.size);
}

static void fill_numbers(struct filling *filling, const struct seat_plan_row *from,
                         struct seat_row *row)
{
  row->first = from->first;
  row->numbers = SEAT_NONE;
  if (from->numbers == NULL) return;
  row->numbers = filling->numbers;
  for (uint32_t i = 0; i < from->seats; i++) {
    filling->map->number_at[filling->numbers++] = filling->text;
    (void)fill_text(filling, from->numbers[i]);
  }
  filling->map->number_at[filling->numbers++] = filling->text;
}

/* All bits of the row's seats, none of the rest of its last word. */
static void fill_words(struct filling *filling, const struct seat_row *row)
{
  uint64_t *words = filling->map->words + filling->words;
  uint32_t count = seat_row_words(row);
  memset(words, 0xFF, count * sizeof(uint64_t));
  if (row->seat_count % 64 != 0) words[count - 1] = (UINT64_C(1) << row->seat_count % 64) - 1;
  filling->words += count;
}

static void fill_row(struct filling *filling, const struct seat_plan_row *from)
{
  struct seat_map *map = filling->map;
  struct seat_section *section = &map->sections[map->section_count];
  struct seat_row *row = &map->rows[map->row_count];
  *row = (struct seat_row){.first_seat = map->seat_count,
                           .seat_count = from->seats,
                           .first_word = filling->words,
                           .free = from->seats,
                           .text = filling->text,
                           .section = (uint16_t)map->section_count};
  (void)fill_text(filling, section->id);
  (void)fill_text(filling, BYTES("-"));
  row->label_at = (uint8_t)(section->id.size + 1);
  (void)fill_text(filling, from->label);
  (void)fill_text(filling, BYTES("-"));
  row->text_size = (uint8_t)(section->id.size + from->label.size + 2);
  fill_numbers(filling, from, row);
  fill_words(filling, row);
  map->seat_count += from->seats;
  section->seat_count += from->seats;
  section->counts.of[SEAT_FREE] += from->seats;
  map->counts.of[SEAT_FREE] += from->seats;
  char id[SEAT_ID_BYTES];
  memcpy(id, map->text + row->text, row->text_size);
  for (uint32_t i = 0; i < from->seats; i++) {
    map->row_of[row->first_seat + i] = map->row_count;
    size_t size = row->text_size + format_number(map, row, i, id + row->text_size);
    index_seat(map, row->first_seat + i, bytes_of(id, size));
  }
  section->row_count++;
  refresh_row(map, map->row_count++);
}

static void fill_section(struct filling *filling, const struct seat_plan_section *from)
{
  struct seat_map *map = filling->map;
  struct seat_section *section = &map->sections[map->section_count];
  *section = (struct seat_section){.id = fill_text(filling, from->id),
                                   .name = fill_text(filling, from->name),
                                   .price = from->price,
                                   .first_row = map->row_count,
                                   .first_seat = map->seat_count,
                                   .general = from->row_count == 0};
  struct seat_plan_row general = general_row(from);
  if (section->general) fill_row(filling, &general);
  for (uint32_t i = 0; i < from->row_count; i++) fill_row(filling, &from->rows[i]);
  if (map->section_count == 0 || from->price < map->price_min) map->price_min = from->price;
  if (map->section_count == 0 || from->price > map->price_max) map->price_max = from->price;
  map->section_count++;
}

struct seat_map *seat_map_create(struct memory *memory, const struct seat_plan *plan,
                                 uint64_t hash_seed, uint64_t first_version, struct error *error)
{
  struct sizes sizes = plan_sizes(plan);
  struct seat_map layout = {.section_count = plan->section_count};
  size_t block_bytes = lay_out(&layout, &sizes, NULL);
  uint8_t *block = memory_map(memory, block_bytes);
  if (block == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the seat map of %zu seats", sizes.seats);
    return NULL;
  }
  struct seat_map *map = (struct seat_map *)block;
  *map = (struct seat_map){.memory = memory,
                           .block_bytes = block_bytes,
                           .hash_seed = hash_seed,
                           .now_ms = INT64_MIN,
                           .version = first_version,
                           .first_version = first_version,
                           .section_count = plan->section_count,
                           .stale_row = SEAT_NONE};
  (void)lay_out(map, &sizes, block);
  map->section_count = 0; /* counts up while it is filled */
  struct filling filling = {.map = map};
  map->event_id = fill_text(&filling, plan->event.event_id);
  for (uint32_t i = 0; i < plan->section_count; i++) fill_section(&filling, &plan->sections[i]);
  CHECK_THAT(map->seat_count, ==, sizes.seats);
  CHECK_THAT(map->row_count, ==, sizes.rows);
  CHECK_THAT(filling.text, ==, sizes.text);
  return map;
}

void seat_map_destroy(struct seat_map *map)
{
  if (map != NULL) memory_unmap(map->memory, map, map->block_bytes);
}
