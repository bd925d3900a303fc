/*
 * Writes maps, lists and sets in the form of item.h into memory that the caller sized before, so
 * that an update of an item is one allocation and one pass.
 */
#include "store/expression_tree.h"

/* Steps over `size` bytes to be written: the bound of whoever sized the memory must hold them. */
static uint8_t *claim(struct container *container, size_t size)
{
  uint8_t *at = container->next;
  CHECK_THAT((size_t)(container->limit - at), >=, size);
  container->next = at + size;
  return at;
}

void container_begin(struct container *container, uint8_t *start, uint8_t *limit,
                     enum value_tag tag)
{
  CHECK_THAT(tag, >=, VALUE_TAG_LIST);
  CHECK(start <= limit);
  *container = (struct container){.start = start, .limit = limit, .next = start};
  *claim(container, VALUE_HEADER_BYTES) = (uint8_t)tag;
}

uint8_t *container_add_name(struct container *container, struct bytes name)
{
  size_t rest = name.size;
  while (rest >= 0x80) {
    *claim(container, 1) = (uint8_t)(rest | 0x80);
    rest >>= 7;
  }
  *claim(container, 1) = (uint8_t)rest;
  uint8_t *to = claim(container, name.size);
  if (name.size > 0) memcpy(to, name.data, name.size);
  return container->next;
}

void container_add(struct container *container, const struct bytes *name, struct value element)
{
  CHECK(value_present(element));
  if (name != NULL) container_add_name(container, *name);
  memcpy(claim(container, element.size), element.data, element.size);
  container->count++;
}

void container_add_run(struct container *container, const uint8_t *from, const uint8_t *end,
                       uint32_t count)
{
  CHECK(from <= end && (from == end) == (count == 0));
  if (from == end) return;
  memcpy(claim(container, (size_t)(end - from)), from, (size_t)(end - from));
  container->count += count;
}

void container_add_inner(struct container *container, struct container *inner)
{
  CHECK(inner->start == container->next);
  claim(container, container_end(inner).size);
  container->count++;
}

struct value container_end(struct container *container)
{
  size_t size = (size_t)(container->next - container->start);
  CHECK_THAT(size, >=, VALUE_HEADER_BYTES);
  CHECK_THAT(size, <=, UINT32_MAX);
  bytes_put_u32(container->start + 1, (uint32_t)(size - VALUE_HEADER_BYTES));
  bytes_put_u32(container->start + 5, container->count);
  return (struct value){container->start, size};
}

/* ---- walking ---- */

static void entry_load(struct entry *entry)
{
  entry->start = entry->iterator.next;
  entry->present = value_next(&entry->iterator, &entry->name, &entry->value);
}

struct entry entry_first(struct value container)
{
  struct entry entry = {.iterator = value_iterate(container)};
  entry_load(&entry);
  return entry;
}

void entry_advance(struct entry *entry)
{
  CHECK(entry->present);
  entry->index++;
  entry_load(entry);
}

static int entry_order(const struct entry *entry, const struct path_step *step)
{
  if (path_step_is_index(step)) return (entry->index > step->index) - (entry->index < step->index);
  return bytes_compare(entry->name, step->name);
}

bool entry_seek(struct entry *entry, const struct path_step *step)
{
  while (entry->present) {
    int order = entry_order(entry, step);
    if (order >= 0) return order == 0;
    entry_advance(entry);
  }
  return false;
}
