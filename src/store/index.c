#include "store/index.h"

#include "base/check.h"

#include <string.h>

enum {
  PAGE_SLOTS = 255,
  PAGE_FULL = PAGE_SLOTS - 1, /* one slot stays free: it ends every probe */
  PAGE_PRESIZED = 128,        /* most entries a page is laid out for beforehand */
  PAGE_LOAD = 224,            /* a page with so many entries splits: probes stay short */
  PAGE_SPARSE = 54,           /* two halves with so few entries together become one page */
  DIRECTORY_ORDER_DEPTH = 26, /* ... while they come in order: enough for 5,000 million entries */
  DIRECTORY_FREE_DEPTH = 12,  /* a directory may have 2^12 places however few entries there are */
  WALK_PAGES = 64,            /* pages one index_walk looks at, so that it never pauses for long */
  HUGE_PAGE_BYTES = 2 << 20,
};

struct index_page {
  struct index_slot slots[PAGE_SLOTS];
  uint64_t first; /* lowest hash of its range */
  uint32_t depth; /* leading bits that all its hashes share */
  uint32_t count;
};

_Static_assert(sizeof(struct index_page) == INDEX_PAGE_BYTES, "a page has no padding");
_Static_assert((int)PAGE_SPARSE + 2 * (int)INDEX_PREPARE_MAX <= (int)PAGE_FULL,
               "a merge keeps the room that was prepared in both halves");
_Static_assert((int)PAGE_LOAD / 2 > (int)PAGE_SPARSE, "a split is not undone by the next remove");

/* The first `depth` bits of a hash; depth may be 0 and 64. */
static uint64_t top_bits(uint64_t hash, uint32_t depth)
{
  return depth == 0 ? 0 : hash >> (64 - depth);
}

static struct index_page *page_of(const struct index *index, uint64_t hash)
{
  return index->directory[top_bits(hash, index->depth)];
}

/* The last hash of a page's range. */
static uint64_t page_last(const struct index_page *page)
{
  return page->depth == 64 ? page->first : page->first + (UINT64_MAX >> page->depth);
}

/* Where probing starts: the low half of the hash, as the high bits are alike in a page. */
static uint32_t slot_home(uint64_t hash)
{
  return (uint32_t)(((hash & UINT32_MAX) * PAGE_SLOTS) >> 32);
}

static uint32_t slot_after(uint32_t position)
{
  return position + 1 == PAGE_SLOTS ? 0 : position + 1;
}

/* How many steps of probing lead from one position to another. */
static uint32_t slot_distance(uint32_t from, uint32_t to)
{
  return to >= from ? to - from : to + PAGE_SLOTS - from;
}

static void page_init(struct index_page *page, uint64_t first, uint32_t depth)
{
  memset(page, 0, sizeof *page);
  page->first = first;
  page->depth = depth;
}

static void page_put(struct index_page *page, uint64_t hash, void *entry)
{
  CHECK_THAT(page->count, <, PAGE_FULL);
  uint32_t position = slot_home(hash);
  while (page->slots[position].entry != NULL) position = slot_after(position);
  page->slots[position] = (struct index_slot){hash, entry};
  page->count++;
}

/* The first slot with this hash from a position on, or NULL. */
static struct index_slot *page_probe(struct index_page *page, uint64_t hash, uint32_t position)
{
  for (;; position = slot_after(position)) {
    struct index_slot *slot = &page->slots[position];
    if (slot->entry == NULL) return NULL;
    if (slot->hash == hash) return slot;
  }
}

/* Frees a slot and moves back those behind it whose probe would end at the hole. */
static void page_take(struct index_page *page, uint32_t hole)
{
  for (uint32_t position = slot_after(hole); page->slots[position].entry != NULL;
       position = slot_after(position)) {
    uint32_t home = slot_home(page->slots[position].hash);
    if (slot_distance(home, position) < slot_distance(hole, position)) continue;
    page->slots[hole] = page->slots[position];
    hole = position;
  }
  page->slots[hole] = (struct index_slot){0};
  page->count--;
}

static bool page_has_room(uint32_t used, uint32_t wanted)
{
  return used < PAGE_LOAD && used + wanted <= PAGE_FULL;
}

/* ---- the directory ---- */

static void *directory_alloc(struct memory *memory, uint32_t depth)
{
  size_t size = sizeof(struct index_page *) << depth;
  if (size % HUGE_PAGE_BYTES == 0) return memory_map(memory, size);
  return memory_alloc(memory, size);
}

static void directory_free(struct memory *memory, struct index_page **directory, uint32_t depth)
{
  size_t size = sizeof(struct index_page *) << depth;
  if (size % HUGE_PAGE_BYTES == 0)
    memory_unmap(memory, directory, size);
  else
    memory_free(memory, directory, size);
}

/* Lets all places of a page's range point to it. */
static void directory_point(struct index *index, struct index_page *page)
{
  CHECK_THAT(page->depth, <=, index->depth);
  struct index_page **place = index->directory + top_bits(page->first, index->depth);
  size_t places = (size_t)1 << (index->depth - page->depth);
  for (size_t i = 0; i < places; i++) place[i] = page;
}

/* False when there is no memory. */
static bool directory_grow(struct index *index, uint32_t depth)
{
  struct index_page **directory = directory_alloc(index->memory, depth);
  if (directory == NULL) return false;
  size_t copies = (size_t)1 << (depth - index->depth);
  struct index_page **to = directory;
  for (size_t place = 0; place < (size_t)1 << index->depth; place++)
    for (size_t i = 0; i < copies; i++) *to++ = index->directory[place];
  directory_free(index->memory, index->directory, index->depth);
  index->directory = directory;
  index->depth = depth;
  return true;
}

/*
 * How deep the directory may become. Keyed hashes need about one place for a hundred entries; one
 * place per entry is beyond all chance and bounds the memory that crowded hashes can cost.
 */
static uint32_t directory_depth_limit(const struct index *index)
{
  uint32_t limit = index->in_order ? DIRECTORY_ORDER_DEPTH : DIRECTORY_FREE_DEPTH;
  if (index->count >> limit > 0) limit = 63 - (uint32_t)__builtin_clzll(index->count);
  return limit > index->depth ? limit : index->depth;
}

bool index_init(struct index *index, struct memory *memory, struct heap *heap)
{
  *index = (struct index){.memory = memory, .heap = heap};
  index->directory = directory_alloc(memory, 0);
  if (index->directory == NULL) return false;
  index->directory[0] = heap_alloc(heap, INDEX_PAGE_BYTES);
  if (index->directory[0] == NULL) {
    directory_free(memory, index->directory, 0);
    index->directory = NULL;
    return false;
  }
  page_init(index->directory[0], 0, 0);
  return true;
}

void index_free(struct index *index)
{
  if (index->directory == NULL) return;
  size_t places = (size_t)1 << index->depth;
  for (size_t place = 0; place < places;) {
    struct index_page *page = index->directory[place];
    place += (size_t)1 << (index->depth - page->depth);
    heap_free(index->heap, page, INDEX_PAGE_BYTES);
  }
  directory_free(index->memory, index->directory, index->depth);
  *index = (struct index){0};
}

void index_expect_order(struct index *index, bool in_order)
{
  index->in_order = in_order;
}

bool index_presize(struct index *index, size_t count)
{
  CHECK(index->count == 0 && index->depth == 0);
  uint32_t depth = 0;
  while (count >> depth > PAGE_PRESIZED) depth++;
  size_t places = (size_t)1 << depth;
  if (depth == 0) return true;
  if (places > UINT32_MAX || !heap_reserve(index->heap, INDEX_PAGE_BYTES, (uint32_t)places - 1) ||
      !directory_grow(index, depth))
    return false;
  for (size_t place = 0; place < places; place++) {
    if (place > 0) index->directory[place] = heap_alloc(index->heap, INDEX_PAGE_BYTES);
    CHECK(index->directory[place] != NULL); /* reserved */
    page_init(index->directory[place], (uint64_t)place << (64 - depth), depth);
  }
  return true;
}

struct index_slot *index_find(const struct index *index, uint64_t hash)
{
  return page_probe(page_of(index, hash), hash, slot_home(hash));
}

void index_prefetch(const struct index *index, uint64_t hash)
{
  __builtin_prefetch(&page_of(index, hash)->slots[slot_home(hash)]);
}

struct index_slot *index_find_next(const struct index *index, const struct index_slot *slot)
{
  struct index_page *page = page_of(index, slot->hash);
  CHECK(slot >= page->slots && slot < page->slots + PAGE_SLOTS);
  return page_probe(page, slot->hash, slot_after((uint32_t)(slot - page->slots)));
}

/* The smallest depth at which the page of `hash` has room; 65: it has none at any depth. */
static uint32_t page_depth_with_room(const struct index_page *page, uint64_t hash, uint32_t wanted)
{
  uint32_t sharing[65] = {0}; /* entries by how many leading bits they share with the hash */
  for (uint32_t position = 0; position < PAGE_SLOTS; position++) {
    if (page->slots[position].entry == NULL) continue;
    uint64_t difference = page->slots[position].hash ^ hash;
    sharing[difference == 0 ? 64 : __builtin_clzll(difference)]++;
  }
  uint32_t depth = page->depth;
  for (uint32_t used = page->count; !page_has_room(used, wanted); depth++) {
    if (depth == 64) return 65;
    used -= sharing[depth];
  }
  return depth;
}

/* Moves the upper half of a page's range to a new page. Memory for it was reserved. */
static void page_split(struct index *index, struct index_page *page)
{
  struct index_slot slots[PAGE_SLOTS];
  memcpy(slots, page->slots, sizeof slots);
  uint32_t count = page->count;
  uint32_t depth = page->depth + 1;
  struct index_page *upper = heap_alloc(index->heap, INDEX_PAGE_BYTES);
  CHECK(upper != NULL);
  page_init(upper, page->first | (uint64_t)1 << (64 - depth), depth);
  page_init(page, page->first, depth);
  for (uint32_t position = 0; position < PAGE_SLOTS; position++) {
    const struct index_slot *slot = &slots[position];
    if (slot->entry == NULL) continue;
    page_put(slot->hash >= upper->first ? upper : page, slot->hash, slot->entry);
  }
  directory_point(index, upper);
  CHECK_THAT(page->count + upper->count, ==, count);
}

bool index_prepare(struct index *index, uint64_t hash, uint32_t count)
{
  CHECK_THAT(count, <=, INDEX_PREPARE_MAX);
  struct index_page *page = page_of(index, hash);
  if (page_has_room(page->count, count)) return true;

  uint32_t depth = page_depth_with_room(page, hash, count);
  if (depth > directory_depth_limit(index)) return false;
  if (!heap_reserve(index->heap, INDEX_PAGE_BYTES, depth - page->depth)) return false;
  if (depth > index->depth && !directory_grow(index, depth)) return false;

  for (; page->depth < depth; page = page_of(index, hash)) page_split(index, page);
  CHECK(page_has_room(page->count, count));
  return true;
}

void index_insert(struct index *index, uint64_t hash, void *entry)
{
  CHECK(entry != NULL);
  page_put(page_of(index, hash), hash, entry);
  index->count++;
}

/* Unites a page with the other half of the range it was split from, when both are nearly empty. */
static void page_merge(struct index *index, struct index_page *page)
{
  while (page->depth > 0) {
    uint64_t half = (uint64_t)1 << (64 - page->depth);
    struct index_page *other = page_of(index, page->first ^ half);
    if (other->depth != page->depth || other->count + page->count > PAGE_SPARSE) return;
    for (uint32_t position = 0; position < PAGE_SLOTS; position++) {
      const struct index_slot *slot = &other->slots[position];
      if (slot->entry != NULL) page_put(page, slot->hash, slot->entry);
    }
    heap_free(index->heap, other, INDEX_PAGE_BYTES);
    page->first &= ~half;
    page->depth--;
    directory_point(index, page);
  }
}

void index_remove(struct index *index, uint64_t hash, const void *entry)
{
  struct index_page *page = page_of(index, hash);
  struct index_slot *slot = page_probe(page, hash, slot_home(hash));
  while (slot != NULL && slot->entry != entry) slot = index_find_next(index, slot);
  CHECK(slot != NULL);
  page_take(page, (uint32_t)(slot - page->slots));
  index->count--;
  if (page->count <= PAGE_SPARSE) page_merge(index, page);
}

/* ---- walking ---- */

/* Shell sort by hash: a page has too few slots for anything cleverer to pay. */
static void sort_slots(struct index_slot *slots, size_t count)
{
  static const size_t gaps[] = {132, 57, 23, 10, 4, 1}; /* Ciura, 2001 */
  for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
    for (size_t i = gaps[g]; i < count; i++) {
      struct index_slot slot = slots[i];
      size_t hole = i;
      for (; hole >= gaps[g] && slots[hole - gaps[g]].hash > slot.hash; hole -= gaps[g])
        slots[hole] = slots[hole - gaps[g]];
      slots[hole] = slot;
    }
  }
}

/* Collects the slots of a page with hash >= from, sorted. */
static size_t page_collect(const struct index_page *page, uint64_t from, struct index_slot *slots)
{
  size_t count = 0;
  for (uint32_t position = 0; position < PAGE_SLOTS; position++) {
    const struct index_slot *slot = &page->slots[position];
    if (slot->entry != NULL && slot->hash >= from) slots[count++] = *slot;
  }
  sort_slots(slots, count);
  return count;
}

size_t index_walk(const struct index *index, uint64_t from, struct index_slot *slots,
                  size_t capacity, uint64_t *next, bool *done)
{
  CHECK_THAT(capacity, >=, PAGE_SLOTS);
  size_t count = 0;
  *done = false;
  for (uint32_t pages = 0; pages < WALK_PAGES; pages++) {
    const struct index_page *page = page_of(index, from);
    if (page->count > capacity - count) break;
    count += page_collect(page, from, slots + count);
    uint64_t last = page_last(page);
    *done = last == UINT64_MAX;
    if (*done) break;
    from = last + 1;
  }
  *next = from;
  return count;
}

/* CHECKs that all slots of a page are in its range and are found by probing. */
static void page_assert(struct index_page *page)
{
  uint32_t count = 0;
  for (uint32_t position = 0; position < PAGE_SLOTS; position++) {
    const struct index_slot *slot = &page->slots[position];
    if (slot->entry == NULL) continue;
    count++;
    CHECK(slot->hash >= page->first && slot->hash <= page_last(page));
    for (uint32_t probe = slot_home(slot->hash); probe != position; probe = slot_after(probe))
      CHECK(page->slots[probe].entry != NULL);
  }
  CHECK_THAT(page->count, ==, count);
  CHECK_THAT(page->count, <=, PAGE_FULL);
}

void index_assert(const struct index *index)
{
  size_t count = 0;
  size_t places = (size_t)1 << index->depth;
  for (size_t place = 0; place < places;) {
    struct index_page *page = index->directory[place];
    CHECK_THAT(page->depth, <=, index->depth);
    CHECK_THAT(top_bits(page->first, index->depth), ==, place);
    page_assert(page);
    count += page->count;
    for (size_t end = place + ((size_t)1 << (index->depth - page->depth)); place < end; place++)
      CHECK(index->directory[place] == page);
  }
  CHECK_THAT(index->count, ==, count);
}
