#include "sale/audit_names.h"

#include "base/check.h"
#include "base/hash.h"

enum { CAPACITY_MIN = 16, SLOTS_MIN = 2 * CAPACITY_MIN, CAPACITY_MAX = 1 << 30 };

/* From this size on an array is of whole huge pages: its places are met in no order. */
#define HUGE_BYTES ((size_t)2 << 20)

static size_t mapped_bytes(size_t size)
{
  return (size + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
}

/* Zeroed. */
static void *block_alloc(struct memory *memory, size_t size)
{
  return size < HUGE_BYTES ? memory_alloc_zeroed(memory, size)
                           : memory_map(memory, mapped_bytes(size));
}

static void block_free(struct memory *memory, void *block, size_t size)
{
  if (block == NULL) return;
  if (size < HUGE_BYTES)
    memory_free(memory, block, size);
  else
    memory_unmap(memory, block, mapped_bytes(size));
}

/* A block of another size with the old contents; NULL: no memory, and the old one stands. */
static void *block_resize(struct memory *memory, void *old, size_t old_size, size_t size)
{
  void *block = block_alloc(memory, size);
  if (block == NULL) return NULL;
  if (old_size > 0) memcpy(block, old, old_size);
  block_free(memory, old, old_size);
  return block;
}

void audit_names_init(struct audit_names *names, struct memory *memory, uint64_t hash_seed,
                      size_t row_bytes)
{
  *names = (struct audit_names){
      .memory = memory, .hash_seed = hash_seed, .row_bytes = row_bytes, .count = 1};
}

void audit_names_free(struct audit_names *names)
{
  block_free(names->memory, names->texts, names->text_capacity * sizeof *names->texts);
  block_free(names->memory, names->rows, names->capacity * names->row_bytes);
  block_free(names->memory, names->slots, names->slot_count * sizeof *names->slots);
  *names = (struct audit_names){0};
}

/* The place of a name, or the empty one where it would be. */
static struct audit_slot *find_slot(const struct audit_names *names, uint64_t hash,
                                    uint32_t hash_more)
{
  uint64_t mask = names->slot_count - 1;
  uint64_t at = hash & mask;
  for (;; at = (at + 1) & mask) {
    struct audit_slot *slot = &names->slots[at];
    if (slot->number == 0 || (slot->hash == hash && slot->hash_more == hash_more)) return slot;
  }
}

/* Twice as many slots as there can be names. */
static bool grow_slots(struct audit_names *names, uint32_t capacity)
{
  uint64_t slot_count = names->slot_count == 0 ? SLOTS_MIN : names->slot_count;
  while (slot_count < 2 * (uint64_t)capacity) slot_count *= 2;
  if (slot_count == names->slot_count) return true;
  struct audit_names grown = *names;
  grown.slot_count = slot_count;
  grown.slots = block_alloc(names->memory, slot_count * sizeof *grown.slots);
  if (grown.slots == NULL) return false;
  for (uint64_t i = 0; i < names->slot_count; i++) {
    const struct audit_slot *slot = &names->slots[i];
    if (slot->number != 0) *find_slot(&grown, slot->hash, slot->hash_more) = *slot;
  }
  block_free(names->memory, names->slots, names->slot_count * sizeof *names->slots);
  *names = grown;
  return true;
}

static bool grow_texts(struct audit_names *names, uint32_t capacity)
{
  if (capacity <= names->text_capacity) return true;
  struct bytes *texts = block_resize(
      names->memory, names->texts, names->text_capacity * sizeof *texts, capacity * sizeof *texts);
  if (texts == NULL) return false;
  names->texts = texts;
  names->text_capacity = capacity;
  return true;
}

static bool grow_rows(struct audit_names *names, uint32_t capacity)
{
  uint8_t *rows = block_resize(names->memory, names->rows, names->capacity * names->row_bytes,
                               capacity * names->row_bytes);
  if (rows == NULL) return false;
  names->rows = rows;
  names->capacity = capacity;
  return true;
}

bool audit_names_reserve(struct audit_names *names, uint64_t count)
{
  if (count > CAPACITY_MAX - names->count) return false;
  uint64_t wanted = names->count + count;
  if (wanted < CAPACITY_MIN) wanted = CAPACITY_MIN;
  if (wanted <= names->capacity) return true;
  return grow_slots(names, (uint32_t)wanted) && grow_texts(names, (uint32_t)wanted) &&
         grow_rows(names, (uint32_t)wanted);
}

static uint64_t hash_of(const struct audit_names *names, struct bytes text, uint32_t *more)
{
  *more = (uint32_t)hash_bytes(text, ~names->hash_seed);
  return hash_bytes(text, names->hash_seed);
}

uint32_t audit_names_add(struct audit_names *names, struct bytes text)
{
  uint32_t hash_more;
  uint64_t hash = hash_of(names, text, &hash_more);
  if (names->slot_count > 0) {
    const struct audit_slot *found = find_slot(names, hash, hash_more);
    if (found->number != 0) return found->number;
  }
  if (names->count >= names->capacity && !audit_names_reserve(names, names->capacity / 2 + 1))
    return 0;
  uint32_t number = names->count++;
  names->texts[number] = text;
  *find_slot(names, hash, hash_more) = (struct audit_slot){hash, hash_more, number};
  return number;
}

uint32_t audit_names_find(const struct audit_names *names, struct bytes text)
{
  uint32_t hash_more;
  uint64_t hash = hash_of(names, text, &hash_more);
  return names->slot_count == 0 ? 0 : find_slot(names, hash, hash_more)->number;
}

struct bytes audit_names_text(const struct audit_names *names, uint32_t number)
{
  if (number == 0) return BYTES("(none)");
  CHECK_THAT(number, <, names->count);
  return names->texts[number];
}
