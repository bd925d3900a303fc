/*
 * Names on the simulated disk: directories whose entries are changed at once for readers and later
 * for good.
 *
 *     durable --- changes, oldest first ---> now
 *
 * A dir_sync applies all changes to durable; a crash applies a prefix of them and makes `now` equal
 * to durable. A node lives as long as an entry, a pending change or an open handle refers to it.
 */
#ifndef TACOS_SIM_DISK_TREE_H
#define TACOS_SIM_DISK_TREE_H

#include "sim/disk_file.h"

enum {
  NAME_BYTES = 96, /* of one name with its zero; longer ones are -ENAMETOOLONG */
};

struct node;

struct entry {
  char name[NAME_BYTES];
  struct node *node;
};

struct entries {
  struct entry *list;
  size_t count;
  size_t capacity;
};

/* create: only `to`; remove: only `from`; rename: both, and both happen or neither. */
struct change {
  char from[NAME_BYTES];
  char to[NAME_BYTES];
  struct node *node; /* what `to` names afterwards; NULL without `to` */
};

/* A directory or a file. */
struct node {
  size_t references;
  bool is_directory;
  struct entries now;
  struct entries durable;
  struct change *changes; /* what leads from durable to now, oldest first */
  size_t change_count;
  size_t change_capacity;
  struct disk_file file;
  int locked_by; /* handle, or 0 */
};

struct node *node_new(bool is_directory);
void node_release(struct node *node);

struct entry *entries_find(const struct entries *entries, const char *name);

/* Adds a pending change (see struct change); `from`, `to` and `node` may be NULL. */
void directory_change(struct node *directory, const char *from, const char *to, struct node *node);

/* Makes the oldest `count` changes durable and forgets all of them; `now` is left as it is. */
void directory_settle(struct node *directory, size_t count);

/*
 * The directory that holds the last name of `path`, and that name; "" and the root itself when the
 * path is the root. Relative paths start at the root, "." is skipped. -ENOENT, -ENOTDIR.
 */
int disk_tree_find_parent(struct node *root, const char *path, struct node **directory,
                          char name[NAME_BYTES]);

/* The node that `path` names. */
int disk_tree_find(struct node *root, const char *path, struct node **node);

/* What a power loss leaves of everything below `node`. No handle may be open. */
void disk_tree_crash(struct node *node, enum world_sim_crash mode, struct random *random);

#endif
