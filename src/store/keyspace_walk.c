#include "base/check.h"
#include "store/keyspace.h"

#include <stdlib.h>

enum {
  WALK_SLOTS = INDEX_PAGE_BYTES / sizeof(struct index_slot),
};

void keyspace_walk_init(struct keyspace_walk *walk, struct memory *memory, uint64_t first_hash,
                        uint64_t last_hash)
{
  *walk = (struct keyspace_walk){.hash = first_hash, .last_hash = last_hash};
  buffer_init(&walk->place, memory);
}

void keyspace_walk_free(struct keyspace_walk *walk)
{
  buffer_free(&walk->place);
}

static void write_key(struct value_writer *writer, struct value item, struct table_key key)
{
  if (key.name.size == 0) return;
  value_write_name(writer, key.name);
  value_write_value(writer, value_attribute(item, key.name));
}

static bool same_name(struct table_key left, struct table_key right)
{
  return bytes_equal(left.name, right.name);
}

bool keyspace_write_place(const struct keyspace *keyspace, struct value item, struct buffer *buffer,
                          struct value *place)
{
  const struct keyspace *primary = keyspace->primary;
  const struct table_key own[] = {keyspace->partition, keyspace->sort};
  struct value_writer writer;
  value_writer_init(&writer, buffer);
  value_write_begin(&writer, VALUE_MAP);
  for (int i = 0; i < 2; i++) {
    /* An index may be keyed by an attribute of the primary key: it stands in the map once. */
    if (primary != NULL &&
        (same_name(own[i], primary->partition) || same_name(own[i], primary->sort)))
      continue;
    write_key(&writer, item, own[i]);
  }
  if (primary != NULL) {
    write_key(&writer, item, primary->partition);
    write_key(&writer, item, primary->sort);
  }
  value_write_end(&writer);
  struct error error;
  return value_writer_finish(&writer, place, &error);
}

bool keyspace_walk_after(struct keyspace_walk *walk, const struct keyspace *keyspace,
                         struct value place)
{
  struct value written;
  struct buffer *buffer = &walk->place;
  /* Behind the old place, which stands until the new one is whole. */
  if (!keyspace_write_place(keyspace, place, buffer, &written)) return false;
  memmove(buffer->data, written.data, written.size);
  buffer->size = written.size;
  written.data = buffer->data;
  walk->inside = true;
  walk->hash = keyspace_hash(keyspace, value_attribute(written, keyspace->partition.name));
  return true;
}

static struct value walk_place(const struct keyspace_walk *walk)
{
  return (struct value){walk->place.data, walk->place.size};
}

/* One partition, with its key when it must be told from others. */
struct group {
  const void *entry;
  struct value partition;
};

/* Slots of one hash are in no order of their own: the partition keys' bytes give one. */
static int compare_groups(const void *left, const void *right)
{
  const struct group *a = left;
  const struct group *b = right;
  return bytes_compare(bytes_of(a->partition.data, a->partition.size),
                       bytes_of(b->partition.data, b->partition.size));
}

/* Emits one partition; `resume` when the walk's place is inside it. False when items[] is full. */
static bool emit_group(const struct keyspace_walk *walk, const struct keyspace *keyspace,
                       const struct group *group, bool resume, struct item **items, size_t capacity,
                       size_t *count)
{
  struct keyspace_partition content = keyspace_content(group->entry);
  if (content.single != NULL) {
    if (resume && keyspace_compare(keyspace, walk_place(walk), content.single) >= 0) return true;
    if (*count == capacity) return false;
    items[(*count)++] = content.single;
    return true;
  }
  const struct tree *tree = content.tree;
  struct tree_cursor cursor = resume ? keyspace_seek_past(keyspace, tree, walk_place(walk), true)
                                     : tree_first(tree);
  for (; tree_entry(cursor) != NULL; cursor = tree_next(cursor)) {
    if (*count == capacity) return false;
    items[(*count)++] = tree_entry(cursor);
  }
  return true;
}

/* The partitions of one hash, in order: nearly always one. False when items[] is full. */
static bool emit_hash(const struct keyspace_walk *walk, const struct keyspace *keyspace,
                      const struct index_slot *slots, size_t slot_count, struct item **items,
                      size_t capacity, size_t *count)
{
  struct group groups[WALK_SLOTS];
  bool inside = walk->inside && walk->hash == slots[0].hash;
  bool keyed = inside || slot_count > 1; /* else not even the item is looked at */
  for (size_t i = 0; i < slot_count; i++) {
    groups[i] = (struct group){.entry = slots[i].entry};
    if (keyed) groups[i].partition = keyspace_entry_partition(keyspace, slots[i].entry);
  }
  if (slot_count > 1) qsort(groups, slot_count, sizeof groups[0], compare_groups);
  struct group place = {0};
  if (inside) place.partition = value_attribute(walk_place(walk), keyspace->partition.name);
  for (size_t i = 0; i < slot_count; i++) {
    int order = inside ? compare_groups(&groups[i], &place) : 1;
    if (order < 0) continue;
    if (!emit_group(walk, keyspace, &groups[i], order == 0, items, capacity, count)) return false;
  }
  return true;
}

bool keyspace_walk_next(struct keyspace_walk *walk, const struct keyspace *keyspace,
                        struct item **items, size_t capacity, size_t *count, bool *done)
{
  CHECK(capacity > 0);
  struct index_slot slots[WALK_SLOTS];
  uint64_t from = walk->hash;
  bool full = false;
  *count = 0;
  *done = false;
  while (!full && !*done) {
    uint64_t next = from;
    size_t slot_count = index_walk(&keyspace->index, from, slots, WALK_SLOTS, &next, done);
    for (size_t i = 0, group = 0; i < slot_count && !full; i += group) {
      if (slots[i].hash > walk->last_hash) {
        *done = true;
        break;
      }
      for (group = 1; i + group < slot_count && slots[i + group].hash == slots[i].hash;) group++;
      full = !emit_hash(walk, keyspace, &slots[i], group, items, capacity, count);
    }
    from = next;
  }
  *done = *done && !full;
  if (*count == 0 || *done) return true;
  return keyspace_walk_after(walk, keyspace, item_value(items[*count - 1]));
}
