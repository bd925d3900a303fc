#include "base/check.h"
#include "sim/disk_tree.h"
#include "sim/world_sim_parts.h"

#include <errno.h>

enum {
  OPEN_FILES = 1024, /* at a time; -EMFILE beyond */
  SERIALS = 1 << 20, /* of handles, so that a closed one is not soon met again */
  PATH_BYTES = 256,  /* of the paths that visits tell */
};

/* handle = serial * OPEN_FILES + slot, and the serial is never 0. */
struct open_file {
  struct node *node; /* NULL: free slot */
  int handle;
  bool writable;
};

struct disk {
  struct node *root;
  struct open_file open[OPEN_FILES];
  int serial;
};

/* ---- faults and crash points ---- */

struct verdict {
  int error;    /* 0: go on; else the negative errno to give */
  bool partial; /* with an error: some of the effect may be there */
};

static bool changes_disk(enum world_sim_operation operation)
{
  return operation != WORLD_SIM_READ && operation != WORLD_SIM_OPEN &&
         operation != WORLD_SIM_DIR_LIST;
}

/* Every operation passes here once its arguments are known to be good. */
static struct verdict judge(struct world_sim *sim, enum world_sim_operation operation)
{
  if (sim->dead) return (struct verdict){-EIO, false};
  if (changes_disk(operation) && ++sim->disk_operations == sim->dies_at) {
    sim->dead = true;
    return (struct verdict){-EIO, true};
  }
  struct fault *fault = &sim->faults[operation];
  if (fault->nth == 0 || --fault->nth > 0) return (struct verdict){0, false};
  if (fault->forever) fault->nth = 1;
  return (struct verdict){-fault->os_errno, operation == WORLD_SIM_WRITE};
}

/* Whether an operation that cannot happen in part happens. */
static bool takes_effect(struct world_sim *sim, struct verdict verdict)
{
  return verdict.error == 0 || (verdict.partial && random_coin(&sim->random));
}

static void take_sync_time(struct world_sim *sim)
{
  const struct world_sim_settings *settings = &sim->settings;
  sim_advance_ns(sim, sim_duration_ns(&sim->random, settings->sync_us,
                                      settings->slow_sync_per_million, settings->slow_sync_us));
}

static int locate(struct world_sim *sim, const char *path, struct node **directory,
                  char name[NAME_BYTES])
{
  return sim->dead ? -EIO : disk_tree_find_parent(sim->disk->root, path, directory, name);
}

static int locate_directory(struct world_sim *sim, const char *path, struct node **directory)
{
  if (sim->dead) return -EIO;
  int result = disk_tree_find(sim->disk->root, path, directory);
  if (result < 0) return result;
  return (*directory)->is_directory ? 0 : -ENOTDIR;
}

/* ---- handles ---- */

static struct open_file *find_open(struct world_sim *sim, int handle)
{
  sim_trace(sim, (uint64_t)handle);
  if (handle < OPEN_FILES) return NULL;
  struct open_file *open = &sim->disk->open[handle % OPEN_FILES];
  return open->node != NULL && open->handle == handle ? open : NULL;
}

static int make_open(struct disk *disk, struct node *node, bool writable)
{
  for (int slot = 0; slot < OPEN_FILES; slot++) {
    struct open_file *open = &disk->open[slot];
    if (open->node != NULL) continue;
    disk->serial = disk->serial % (SERIALS - 1) + 1;
    *open = (struct open_file){node, disk->serial * OPEN_FILES + slot, writable};
    node->references++;
    return open->handle;
  }
  return -EMFILE;
}

static void drop_open(struct open_file *open)
{
  if (open->node->locked_by == open->handle) open->node->locked_by = 0;
  node_release(open->node);
  open->node = NULL;
}

/* ---- space ---- */

static uint64_t used_bytes(const struct node *node)
{
  uint64_t used = node->file.allocated;
  for (size_t i = 0; i < node->now.count; i++) used += used_bytes(node->now.list[i].node);
  return used;
}

/* Puts blocks behind the first `size` bytes. A removed file that is still open counts as gone. */
static int take_space(struct world_sim *sim, struct disk_file *file, uint64_t size)
{
  uint64_t needed = (size + DISK_BLOCK_BYTES - 1) / DISK_BLOCK_BYTES * DISK_BLOCK_BYTES;
  if (needed <= file->allocated) return 0;
  uint64_t limit = sim->settings.disk_bytes;
  if (limit != 0 && used_bytes(sim->disk->root) + needed - file->allocated > limit) return -ENOSPC;
  file->allocated = needed;
  return 0;
}

/* ---- file operations ---- */

static int traced(struct world_sim *sim, enum world_sim_operation operation, int64_t result)
{
  sim_trace(sim, (uint64_t)operation);
  sim_trace(sim, (uint64_t)result);
  sim_trace(sim, (uint64_t)sim->monotonic_ns);
  return (int)result;
}

static int create_file(struct world_sim *sim, struct node *directory, const char *name)
{
  struct verdict verdict = judge(sim, WORLD_SIM_CREATE);
  if (!takes_effect(sim, verdict)) return verdict.error;
  struct node *node = node_new(false);
  directory_change(directory, NULL, name, node);
  return verdict.error < 0 ? verdict.error : make_open(sim->disk, node, true);
}

static int open_existing(struct world_sim *sim, struct node *node, int flags)
{
  if (node->is_directory) return -EISDIR;
  if ((flags & WORLD_OPEN_CREATE) != 0 && (flags & WORLD_OPEN_EXCLUSIVE) != 0) return -EEXIST;
  struct verdict verdict = judge(sim, WORLD_SIM_OPEN);
  if (verdict.error < 0) return verdict.error;
  return make_open(sim->disk, node, (flags & (WORLD_OPEN_WRITE | WORLD_OPEN_CREATE)) != 0);
}

static int sim_file_open(struct world *world, const char *path, int flags)
{
  struct world_sim *sim = sim_of(world);
  struct node *directory;
  char name[NAME_BYTES];
  int result = locate(sim, path, &directory, name);
  if (result == 0 && name[0] == 0) result = -EISDIR;
  if (result < 0) return traced(sim, WORLD_SIM_OPEN, result);
  struct entry *entry = entries_find(&directory->now, name);
  if (entry != NULL)
    result = open_existing(sim, entry->node, flags);
  else if ((flags & WORLD_OPEN_CREATE) != 0)
    result = create_file(sim, directory, name);
  else
    result = -ENOENT;
  return traced(sim, WORLD_SIM_OPEN, result);
}

static int sim_file_close(struct world *world, int handle)
{
  struct open_file *open = find_open(sim_of(world), handle);
  if (open == NULL) return -EBADF;
  drop_open(open);
  return 0;
}

static int64_t sim_file_read(struct world *world, int handle, void *to, size_t size,
                             uint64_t offset)
{
  struct world_sim *sim = sim_of(world);
  struct open_file *open = find_open(sim, handle);
  if (open == NULL) return -EBADF;
  struct verdict verdict = judge(sim, WORLD_SIM_READ);
  if (verdict.error < 0) return traced(sim, WORLD_SIM_READ, verdict.error);
  size_t count = disk_file_read(&open->node->file, to, size, offset);
  traced(sim, WORLD_SIM_READ, (int64_t)count);
  return (int64_t)count;
}

static int sim_file_write(struct world *world, int handle, const void *from, size_t size,
                          uint64_t offset)
{
  struct world_sim *sim = sim_of(world);
  struct open_file *open = find_open(sim, handle);
  if (open == NULL || !open->writable) return -EBADF;
  if (size == 0) return 0;
  struct disk_file *file = &open->node->file;
  struct verdict verdict = judge(sim, WORLD_SIM_WRITE);
  size_t part = size;
  if (verdict.error < 0) part = verdict.partial ? (size_t)random_between(&sim->random, 0, size) : 0;
  if (part > 0 && take_space(sim, file, offset + part) < 0) {
    uint64_t left = offset < file->allocated ? file->allocated - offset : 0;
    part = left < part ? (size_t)left : part;
    if (verdict.error == 0) verdict.error = -ENOSPC;
  }
  disk_file_write(file, from, part, offset, &sim->random, sim->settings.write_back_per_million);
  sim_trace(sim, offset);
  sim_trace(sim, size);
  return traced(sim, WORLD_SIM_WRITE, verdict.error);
}

static int sim_file_sync(struct world *world, int handle)
{
  struct world_sim *sim = sim_of(world);
  struct open_file *open = find_open(sim, handle);
  if (open == NULL) return -EBADF;
  struct verdict verdict = judge(sim, WORLD_SIM_SYNC);
  if (!sim->dead) take_sync_time(sim);
  if (takes_effect(sim, verdict))
    disk_file_sync(&open->node->file);
  else if (!sim->dead)
    disk_file_fail_sync(&open->node->file, &sim->random);
  return traced(sim, WORLD_SIM_SYNC, verdict.error);
}

static int sim_file_allocate(struct world *world, int handle, uint64_t size)
{
  struct world_sim *sim = sim_of(world);
  struct open_file *open = find_open(sim, handle);
  if (open == NULL || !open->writable) return -EBADF;
  struct verdict verdict = judge(sim, WORLD_SIM_ALLOCATE);
  struct disk_file *file = &open->node->file;
  if (takes_effect(sim, verdict)) {
    int result = take_space(sim, file, size);
    if (result == 0 && size > file->size) disk_file_resize(file, size);
    if (verdict.error == 0) verdict.error = result;
  }
  sim_trace(sim, size);
  return traced(sim, WORLD_SIM_ALLOCATE, verdict.error);
}

/* No operation of the disk: nothing can go wrong and nobody sees a difference. */
static int sim_file_uncache(struct world *world, int handle, uint64_t offset, uint64_t size)
{
  (void)offset;
  (void)size;
  return find_open(sim_of(world), handle) == NULL ? -EBADF : 0;
}

static int sim_file_truncate(struct world *world, int handle, uint64_t size)
{
  struct world_sim *sim = sim_of(world);
  struct open_file *open = find_open(sim, handle);
  if (open == NULL || !open->writable) return -EBADF;
  struct verdict verdict = judge(sim, WORLD_SIM_TRUNCATE);
  struct disk_file *file = &open->node->file;
  if (takes_effect(sim, verdict)) {
    disk_file_resize(file, size);
    uint64_t blocks = (size + DISK_BLOCK_BYTES - 1) / DISK_BLOCK_BYTES;
    if (blocks * DISK_BLOCK_BYTES < file->allocated) file->allocated = blocks * DISK_BLOCK_BYTES;
  }
  sim_trace(sim, size);
  return traced(sim, WORLD_SIM_TRUNCATE, verdict.error);
}

static int64_t sim_file_size(struct world *world, int handle)
{
  struct world_sim *sim = sim_of(world);
  struct open_file *open = find_open(sim, handle);
  if (open == NULL) return -EBADF;
  return sim->dead ? -EIO : (int64_t)open->node->file.size;
}

static int sim_file_lock(struct world *world, int handle)
{
  struct world_sim *sim = sim_of(world);
  struct open_file *open = find_open(sim, handle);
  if (open == NULL) return -EBADF;
  if (sim->dead) return -EIO;
  struct node *node = open->node;
  if (node->locked_by != 0 && node->locked_by != handle) return -EWOULDBLOCK;
  node->locked_by = handle;
  return 0;
}

/* ---- names ---- */

static int sim_file_rename(struct world *world, const char *from, const char *to)
{
  struct world_sim *sim = sim_of(world);
  struct node *directory, *target_directory;
  char name[NAME_BYTES], target[NAME_BYTES];
  int result = locate(sim, from, &directory, name);
  if (result == 0) result = locate(sim, to, &target_directory, target);
  if (result < 0) return result;
  struct entry *entry = entries_find(&directory->now, name);
  if (entry == NULL) return -ENOENT;
  if (directory != target_directory) return -EXDEV;
  struct entry *replaced = entries_find(&directory->now, target);
  if (entry->node->is_directory || (replaced != NULL && replaced->node->is_directory))
    return -EISDIR;
  if (strcmp(name, target) == 0) return 0;
  struct verdict verdict = judge(sim, WORLD_SIM_RENAME);
  if (takes_effect(sim, verdict)) directory_change(directory, name, target, entry->node);
  return traced(sim, WORLD_SIM_RENAME, verdict.error);
}

static int sim_file_remove(struct world *world, const char *path)
{
  struct world_sim *sim = sim_of(world);
  struct node *directory;
  char name[NAME_BYTES];
  int result = locate(sim, path, &directory, name);
  if (result < 0) return result;
  struct entry *entry = entries_find(&directory->now, name);
  if (entry == NULL) return -ENOENT;
  if (entry->node->is_directory) return -EISDIR;
  struct verdict verdict = judge(sim, WORLD_SIM_REMOVE);
  if (takes_effect(sim, verdict)) directory_change(directory, name, NULL, NULL);
  return traced(sim, WORLD_SIM_REMOVE, verdict.error);
}

static int sim_dir_make(struct world *world, const char *path)
{
  struct world_sim *sim = sim_of(world);
  struct node *directory;
  char name[NAME_BYTES];
  int result = locate(sim, path, &directory, name);
  if (result < 0) return result;
  if (name[0] == 0 || entries_find(&directory->now, name) != NULL) return -EEXIST;
  struct verdict verdict = judge(sim, WORLD_SIM_DIR_MAKE);
  if (takes_effect(sim, verdict)) directory_change(directory, NULL, name, node_new(true));
  return traced(sim, WORLD_SIM_DIR_MAKE, verdict.error);
}

/* The order is as arbitrary as on a real disk: it starts anywhere. */
static int sim_dir_list(struct world *world, const char *path, world_visit_name *visit,
                        void *context)
{
  struct world_sim *sim = sim_of(world);
  struct node *directory;
  int result = locate_directory(sim, path, &directory);
  if (result < 0) return result;
  struct verdict verdict = judge(sim, WORLD_SIM_DIR_LIST);
  if (verdict.error < 0) return traced(sim, WORLD_SIM_DIR_LIST, verdict.error);
  size_t count = directory->now.count;
  size_t start = count == 0 ? 0 : (size_t)random_below(&sim->random, count);
  for (size_t i = 0; i < count; i++) {
    visit(context, directory->now.list[(start + i) % count].name);
    CHECK_THAT(directory->now.count, ==, count);
  }
  return traced(sim, WORLD_SIM_DIR_LIST, 0);
}

static int sim_dir_sync(struct world *world, const char *path)
{
  struct world_sim *sim = sim_of(world);
  struct node *directory;
  int result = locate_directory(sim, path, &directory);
  if (result < 0) return result;
  struct verdict verdict = judge(sim, WORLD_SIM_DIR_SYNC);
  if (!sim->dead) take_sync_time(sim);
  if (takes_effect(sim, verdict)) directory_settle(directory, directory->change_count);
  return traced(sim, WORLD_SIM_DIR_SYNC, verdict.error);
}

void disk_fill_operations(struct world_operations *operations)
{
  operations->file_open = sim_file_open;
  operations->file_close = sim_file_close;
  operations->file_read = sim_file_read;
  operations->file_write = sim_file_write;
  operations->file_sync = sim_file_sync;
  operations->file_allocate = sim_file_allocate;
  operations->file_truncate = sim_file_truncate;
  operations->file_uncache = sim_file_uncache;
  operations->file_size = sim_file_size;
  operations->file_lock = sim_file_lock;
  operations->file_rename = sim_file_rename;
  operations->file_remove = sim_file_remove;
  operations->dir_make = sim_dir_make;
  operations->dir_list = sim_dir_list;
  operations->dir_sync = sim_dir_sync;
}

/* ---- the whole disk ---- */

struct disk *disk_new(void)
{
  struct disk *disk = disk_alloc(sizeof(*disk));
  disk->root = node_new(true);
  disk->root->references = 1;
  return disk;
}

static void close_all(struct disk *disk)
{
  for (int slot = 0; slot < OPEN_FILES; slot++)
    if (disk->open[slot].node != NULL) drop_open(&disk->open[slot]);
}

void disk_free(struct disk *disk)
{
  close_all(disk);
  node_release(disk->root);
  free(disk);
}

void disk_crash(struct world_sim *sim, enum world_sim_crash mode)
{
  close_all(sim->disk);
  disk_tree_crash(sim->disk->root, mode, &sim->random);
}

static void visit_below(const struct node *node, char *path, size_t size,
                        world_sim_visit_file *visit, void *context)
{
  if (!node->is_directory) visit(context, path, node->file.size);
  for (size_t i = 0; i < node->now.count; i++) {
    int added = snprintf(path + size, PATH_BYTES - size, "/%s", node->now.list[i].name);
    CHECK_THAT(added, <, PATH_BYTES - (int)size);
    visit_below(node->now.list[i].node, path, size + (size_t)added, visit, context);
  }
}

void world_sim_visit_files(struct world_sim *sim, world_sim_visit_file *visit, void *context)
{
  char path[PATH_BYTES] = "";
  visit_below(sim->disk->root, path, 0, visit, context);
}

int world_sim_flip(struct world_sim *sim, const char *path, uint64_t offset, unsigned bit)
{
  struct node *node;
  int result = disk_tree_find(sim->disk->root, path, &node);
  if (result < 0) return result;
  if (offset >= node->file.size || bit > 7) return -EINVAL;
  disk_file_flip(&node->file, offset, bit);
  return 0;
}

struct flip_choice {
  const char *path; /* NULL: any */
  uint64_t left;    /* bytes before the chosen one; only counted when place is NULL */
  struct world_sim_place *place;
  bool found;
};

static void choose_byte(void *context, const char *path, uint64_t size)
{
  struct flip_choice *choice = context;
  if (choice->path != NULL && strcmp(choice->path, path) != 0) return;
  if (choice->place == NULL) {
    choice->left += size;
  } else if (!choice->found && choice->left < size) {
    choice->found = true;
    choice->place->offset = choice->left;
    memcpy(choice->place->path, path, strlen(path) + 1);
  } else {
    choice->left -= choice->found ? 0 : size;
  }
}

bool world_sim_flip_random(struct world_sim *sim, const char *path, struct world_sim_place *place)
{
  struct flip_choice choice = {.path = path};
  world_sim_visit_files(sim, choose_byte, &choice);
  if (choice.left == 0) return false;
  choice.left = random_below(&sim->random, choice.left);
  choice.place = place;
  world_sim_visit_files(sim, choose_byte, &choice);
  CHECK(choice.found);
  place->bit = (unsigned)random_below(&sim->random, 8);
  return world_sim_flip(sim, place->path, place->offset, place->bit) == 0;
}
