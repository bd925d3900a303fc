#include "sim/disk_tree.h"

#include "base/check.h"

#include <errno.h>

/* ---- nodes and entries ---- */

struct node *node_new(bool is_directory)
{
  struct node *node = disk_alloc(sizeof(*node));
  node->is_directory = is_directory;
  return node;
}

static void entries_clear(struct entries *entries)
{
  for (size_t i = 0; i < entries->count; i++) node_release(entries->list[i].node);
  entries->count = 0;
}

static void changes_clear(struct node *directory)
{
  for (size_t i = 0; i < directory->change_count; i++)
    if (directory->changes[i].node != NULL) node_release(directory->changes[i].node);
  directory->change_count = 0;
}

void node_release(struct node *node)
{
  CHECK_THAT(node->references, >, 0);
  if (--node->references > 0) return;
  entries_clear(&node->now);
  entries_clear(&node->durable);
  changes_clear(node);
  free(node->now.list);
  free(node->durable.list);
  free(node->changes);
  disk_file_free(&node->file);
  free(node);
}

struct entry *entries_find(const struct entries *entries, const char *name)
{
  for (size_t i = 0; i < entries->count; i++)
    if (strcmp(entries->list[i].name, name) == 0) return &entries->list[i];
  return NULL;
}

static void entries_set(struct entries *entries, const char *name, struct node *node)
{
  node->references++;
  struct entry *entry = entries_find(entries, name);
  if (entry != NULL) {
    node_release(entry->node);
    entry->node = node;
    return;
  }
  if (entries->count == entries->capacity) {
    entries->capacity = entries->capacity == 0 ? 8 : entries->capacity * 2;
    entries->list = disk_resize(entries->list, entries->capacity * sizeof(*entries->list));
  }
  entry = &entries->list[entries->count++];
  memcpy(entry->name, name, strlen(name) + 1);
  entry->node = node;
}

static void entries_remove(struct entries *entries, const char *name)
{
  struct entry *entry = entries_find(entries, name);
  CHECK(entry != NULL);
  node_release(entry->node);
  *entry = entries->list[--entries->count];
}

static void entries_apply(struct entries *entries, const struct change *change)
{
  if (change->node != NULL) entries_set(entries, change->to, change->node);
  if (change->from[0] != 0) entries_remove(entries, change->from);
}

void directory_change(struct node *directory, const char *from, const char *to, struct node *node)
{
  if (directory->change_count == directory->change_capacity) {
    size_t capacity = directory->change_capacity == 0 ? 8 : directory->change_capacity * 2;
    directory->changes = disk_resize(directory->changes, capacity * sizeof(struct change));
    directory->change_capacity = capacity;
  }
  struct change *change = &directory->changes[directory->change_count++];
  *change = (struct change){.node = node};
  if (from != NULL) memcpy(change->from, from, strlen(from) + 1);
  if (to != NULL) memcpy(change->to, to, strlen(to) + 1);
  if (node != NULL) node->references++;
  entries_apply(&directory->now, change);
}

/* Makes the oldest `count` changes durable and forgets all of them. */
void directory_settle(struct node *directory, size_t count)
{
  CHECK_THAT(count, <=, directory->change_count);
  for (size_t i = 0; i < count; i++) entries_apply(&directory->durable, &directory->changes[i]);
  changes_clear(directory);
}

/* ---- paths ---- */

int disk_tree_find_parent(struct node *root, const char *path, struct node **directory,
                          char name[NAME_BYTES])
{
  *directory = root;
  name[0] = 0;
  for (const char *at = path; *at != 0;) {
    size_t size = strcspn(at, "/");
    if (size >= NAME_BYTES) return -ENAMETOOLONG;
    if (size > 0 && !(size == 1 && at[0] == '.')) {
      if (name[0] != 0) {
        struct entry *entry = entries_find(&(*directory)->now, name);
        if (entry == NULL) return -ENOENT;
        if (!entry->node->is_directory) return -ENOTDIR;
        *directory = entry->node;
      }
      memcpy(name, at, size);
      name[size] = 0;
    }
    at += size + (at[size] == '/');
  }
  return 0;
}

int disk_tree_find(struct node *root, const char *path, struct node **node)
{
  char name[NAME_BYTES];
  int result = disk_tree_find_parent(root, path, node, name);
  if (result < 0 || name[0] == 0) return result;
  struct entry *entry = entries_find(&(*node)->now, name);
  if (entry == NULL) return -ENOENT;
  *node = entry->node;
  return 0;
}

/* ---- crash ---- */

static size_t names_kept(enum world_sim_crash mode, size_t count, struct random *random)
{
  if (mode == WORLD_SIM_CRASH_DROP) return 0;
  if (mode == WORLD_SIM_CRASH_KEEP) return count;
  return (size_t)random_between(random, 0, count);
}

void disk_tree_crash(struct node *node, enum world_sim_crash mode, struct random *random)
{
  CHECK_THAT(node->locked_by, ==, 0);
  if (!node->is_directory) {
    disk_file_crash(&node->file, mode, random);
    return;
  }
  directory_settle(node, names_kept(mode, node->change_count, random));
  struct entries old = node->now;
  node->now = (struct entries){0};
  for (size_t i = 0; i < node->durable.count; i++)
    entries_set(&node->now, node->durable.list[i].name, node->durable.list[i].node);
  entries_clear(&old);
  free(old.list);
  for (size_t i = 0; i < node->now.count; i++)
    disk_tree_crash(node->now.list[i].node, mode, random);
}
