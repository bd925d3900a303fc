#include "base/world_linux.h"

#include "base/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  FILE_MODE = 0600,
  DIRECTORY_MODE = 0700,
  ZEROS_BYTES = 64 << 10, /* one write of the fall-back of file_allocate */
  DIRENT_BYTES = 8 << 10, /* entries of a directory fetched by one getdents64(2) */
};

/* Repeats an interrupted call; the value of the expression is the call's. */
#define RETRY(call)                          \
  ({                                         \
    __typeof__(call) outcome;                \
    do outcome = (call);                     \
    while (outcome == -1 && errno == EINTR); \
    outcome;                                 \
  })

static int result_of(int outcome)
{
  return outcome == -1 ? -errno : 0;
}

static int64_t linux_clock_ms(struct world *world)
{
  (void)world;
  struct timespec now;
  CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t linux_monotonic_ns(struct world *world)
{
  (void)world;
  struct timespec now;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Without entropy there are no unguessable tokens, so there is no going on. */
static void fetch_entropy(uint8_t *to, size_t size)
{
  while (size > 0) {
    ssize_t got = RETRY(getrandom(to, size, 0));
    CHECK_THAT(got, >, 0);
    to += got;
    size -= (size_t)got;
  }
}

static void linux_entropy(struct world *world, void *to, size_t size)
{
  struct world_linux *self = (struct world_linux *)world;
  if (size > WORLD_LINUX_POOL_BYTES / 4) {
    fetch_entropy(to, size);
    return;
  }
  if (size > self->pool_left) {
    fetch_entropy(self->pool, WORLD_LINUX_POOL_BYTES);
    self->pool_left = WORLD_LINUX_POOL_BYTES;
  }
  uint8_t *from = self->pool + WORLD_LINUX_POOL_BYTES - self->pool_left;
  memcpy(to, from, size);
  explicit_bzero(from, size);
  self->pool_left -= size;
}

static int linux_file_open(struct world *world, const char *path, int flags)
{
  (void)world;
  int mode = O_CLOEXEC | O_NOCTTY;
  mode |= (flags & (WORLD_OPEN_WRITE | WORLD_OPEN_CREATE)) != 0 ? O_RDWR : O_RDONLY;
  if ((flags & WORLD_OPEN_CREATE) != 0) mode |= O_CREAT;
  if ((flags & WORLD_OPEN_EXCLUSIVE) != 0) mode |= O_EXCL;
  int file = RETRY(open(path, mode, FILE_MODE));
  if (file == -1) return -errno;
  if ((flags & WORLD_OPEN_EXACT) != 0) (void)posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
  return file;
}

static int linux_file_close(struct world *world, int file)
{
  (void)world;
  /* Linux has released the descriptor also when close(2) was interrupted: never repeated. */
  return close(file) == -1 && errno != EINTR ? -errno : 0;
}

static int64_t linux_file_read(struct world *world, int file, void *to, size_t size,
                               uint64_t offset)
{
  (void)world;
  size_t done = 0;
  while (done < size) {
    ssize_t got = RETRY(pread(file, (uint8_t *)to + done, size - done, (off_t)(offset + done)));
    if (got == -1) return -errno;
    if (got == 0) break;
    done += (size_t)got;
  }
  return (int64_t)done;
}

static int linux_file_write(struct world *world, int file, const void *from, size_t size,
                            uint64_t offset)
{
  (void)world;
  size_t done = 0;
  while (done < size) {
    const uint8_t *rest = (const uint8_t *)from + done;
    ssize_t wrote = RETRY(pwrite(file, rest, size - done, (off_t)(offset + done)));
    if (wrote == -1) return -errno;
    if (wrote == 0) return -EIO; /* no progress and no reason: repeating could go on for ever */
    done += (size_t)wrote;
  }
  return 0;
}

static int linux_file_sync(struct world *world, int file)
{
  (void)world;
  return result_of(RETRY(fdatasync(file)));
}

static int64_t linux_file_size(struct world *world, int file)
{
  (void)world;
  struct stat status;
  return fstat(file, &status) == -1 ? -errno : (int64_t)status.st_size;
}

static int write_zeros(struct world *world, int file, uint64_t from, uint64_t to)
{
  static const uint8_t zeros[ZEROS_BYTES];
  while (from < to) {
    size_t size = to - from < ZEROS_BYTES ? (size_t)(to - from) : ZEROS_BYTES;
    int result = linux_file_write(world, file, zeros, size, from);
    if (result < 0) return result;
    from += size;
  }
  return 0;
}

/* fallocate(2), not posix_fallocate(3): glibc's own fall-back writes one byte per block. */
static int linux_file_allocate(struct world *world, int file, uint64_t size)
{
  int64_t old_size = linux_file_size(world, file);
  if (old_size < 0) return (int)old_size;
  if (size == 0) return 0;
  if (RETRY(fallocate(file, 0, 0, (off_t)size)) == 0) return 0;
  if (errno != EOPNOTSUPP) return -errno;
  return write_zeros(world, file, (uint64_t)old_size, size);
}

static int linux_file_truncate(struct world *world, int file, uint64_t size)
{
  (void)world;
  return result_of(RETRY(ftruncate(file, (off_t)size)));
}

static int linux_file_uncache(struct world *world, int file, uint64_t offset, uint64_t size)
{
  (void)world;
  return -posix_fadvise(file, (off_t)offset, (off_t)size, POSIX_FADV_DONTNEED);
}

/* flock(2) belongs to the open file, so unlike fcntl(2) it excludes this process too. */
static int linux_file_lock(struct world *world, int file)
{
  (void)world;
  return result_of(RETRY(flock(file, LOCK_EX | LOCK_NB)));
}

static int linux_file_rename(struct world *world, const char *from, const char *to)
{
  (void)world;
  return result_of(rename(from, to));
}

static int linux_file_remove(struct world *world, const char *path)
{
  (void)world;
  return result_of(unlink(path));
}

static int linux_dir_make(struct world *world, const char *path)
{
  (void)world;
  return result_of(mkdir(path, DIRECTORY_MODE));
}

static int open_directory(const char *path)
{
  return RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void visit_entries(const uint8_t *entries, size_t size, world_visit_name *visit,
                          void *context)
{
  for (size_t at = 0; at < size;) {
    const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
    CHECK_THAT(entry->d_reclen, >, 0);
    at += entry->d_reclen;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    visit(context, entry->d_name);
  }
}

/* getdents64(2) into the stack, because opendir(3) allocates behind our back. */
static int linux_dir_list(struct world *world, const char *path, world_visit_name *visit,
                          void *context)
{
  (void)world;
  int directory = open_directory(path);
  if (directory == -1) return -errno;
  _Alignas(struct dirent64) uint8_t entries[DIRENT_BYTES];
  int result = 0;
  for (;;) {
    ssize_t size = getdents64(directory, entries, sizeof(entries));
    if (size == -1) result = -errno;
    if (size <= 0) break;
    visit_entries(entries, (size_t)size, visit, context);
  }
  close(directory);
  return result;
}

static int linux_dir_sync(struct world *world, const char *path)
{
  (void)world;
  int directory = open_directory(path);
  if (directory == -1) return -errno;
  int result = result_of(RETRY(fsync(directory)));
  close(directory);
  return result;
}

static const struct world_operations linux_operations = {
    .clock_ms = linux_clock_ms,
    .monotonic_ns = linux_monotonic_ns,
    .entropy = linux_entropy,
    .file_open = linux_file_open,
    .file_close = linux_file_close,
    .file_read = linux_file_read,
    .file_write = linux_file_write,
    .file_sync = linux_file_sync,
    .file_allocate = linux_file_allocate,
    .file_truncate = linux_file_truncate,
    .file_uncache = linux_file_uncache,
    .file_size = linux_file_size,
    .file_lock = linux_file_lock,
    .file_rename = linux_file_rename,
    .file_remove = linux_file_remove,
    .dir_make = linux_dir_make,
    .dir_list = linux_dir_list,
    .dir_sync = linux_dir_sync,
};

void world_linux_init(struct world_linux *self)
{
  *self = (struct world_linux){
      .world = {.operations = &linux_operations},
      .poller = -1,
      .waker = -1,
  };
}
