#include "provider/cloud.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "provider/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  HEADER_BYTES = 48, /* of the first line, its line break included */
  FILE_BYTES_MAX = 256 << 20,
};

static const char HEADER[] = "{\"rehearsal\":1,\"generation\":\"%016llx\"}\n";

_Static_assert(sizeof(HEADER) - 1 - sizeof("%016llx") + 1 + 16 == HEADER_BYTES,
               "the header has a fixed size");

/* A line of the file that counts. Key and state point into `text`, which the entry owns. */
struct entry {
  uint64_t hash; /* of the key */
  struct cloud_resource resource;
  uint8_t *text;
  size_t text_size;
};

struct cloud {
  struct memory *memory;
  char *path;
  size_t path_size;
  int fd; /* -1: not open yet */
  struct entry *entries;
  size_t count;
  size_t capacity;
  size_t offset; /* of the first byte of the file not read yet */
  char header[HEADER_BYTES];
};

struct cloud *cloud_new(const char *path, struct memory *memory)
{
  struct cloud *cloud = memory_alloc_zeroed(memory, sizeof(*cloud));
  CHECK(cloud != NULL);
  cloud->memory = memory;
  cloud->fd = -1;
  cloud->path_size = strlen(path) + 1;
  cloud->path = memory_alloc(memory, cloud->path_size);
  CHECK(cloud->path != NULL);
  memcpy(cloud->path, path, cloud->path_size);
  return cloud;
}

static void forget_all(struct cloud *cloud)
{
  for (size_t i = 0; i < cloud->count; i++)
    memory_free(cloud->memory, cloud->entries[i].text, cloud->entries[i].text_size);
  cloud->count = 0;
  cloud->offset = 0;
}

void cloud_free(struct cloud *cloud)
{
  if (cloud == NULL) return;
  forget_all(cloud);
  memory_free(cloud->memory, cloud->entries, cloud->capacity * sizeof(*cloud->entries));
  memory_free(cloud->memory, cloud->path, cloud->path_size);
  if (cloud->fd >= 0) close(cloud->fd);
  memory_free(cloud->memory, cloud, sizeof(*cloud));
}

const char *cloud_path(const struct cloud *cloud)
{
  return cloud->path;
}

/* --- entries --- */

static uint64_t hash_key(const struct cloud_key *key)
{
  return hash_bytes(key->id, hash_bytes(key->region, hash_bytes(key->type, 0)));
}

static bool keys_equal(const struct cloud_key *left, const struct cloud_key *right)
{
  return bytes_equal(left->id, right->id) && bytes_equal(left->type, right->type) &&
         bytes_equal(left->region, right->region);
}

static struct entry *find(struct cloud *cloud, const struct cloud_key *key)
{
  uint64_t hash = hash_key(key);
  for (size_t i = 0; i < cloud->count; i++) {
    struct entry *entry = &cloud->entries[i];
    if (entry->hash == hash && keys_equal(&entry->resource.key, key)) return entry;
  }
  return NULL;
}

static void remove_entry(struct cloud *cloud, struct entry *entry)
{
  memory_free(cloud->memory, entry->text, entry->text_size);
  size_t after = (size_t)(cloud->entries + cloud->count - (entry + 1));
  memmove(entry, entry + 1, after * sizeof(*entry));
  cloud->count--;
}

static void add_entry(struct cloud *cloud, const struct entry *entry)
{
  if (cloud->count == cloud->capacity) {
    size_t capacity = cloud->capacity == 0 ? 64 : 2 * cloud->capacity;
    struct entry *entries = memory_resize(cloud->memory, cloud->entries,
                                          cloud->capacity * sizeof(*entries),
                                          capacity * sizeof(*entries));
    CHECK(entries != NULL);
    cloud->entries = entries;
    cloud->capacity = capacity;
  }
  cloud->entries[cloud->count++] = *entry;
}

static bool parse_line(struct bytes line, struct arena *arena, struct cloud_resource *resource)
{
  struct json_reader *reader = text_alloc(arena, 1, sizeof(*reader));
  struct bytes key;
  json_reader_init(reader, line, arena);
  *resource = (struct cloud_resource){0};
  if (!json_read_object(reader)) return false;
  while (json_read_key(reader, &key)) {
    if (bytes_equal(key, BYTES("type"))) {
      json_read_string(reader, &resource->key.type);
    } else if (bytes_equal(key, BYTES("region"))) {
      json_read_string(reader, &resource->key.region);
    } else if (bytes_equal(key, BYTES("id"))) {
      json_read_string(reader, &resource->key.id);
    } else if (bytes_equal(key, BYTES("state"))) {
      json_read_raw(reader, &resource->state);
    } else {
      json_skip(reader);
    }
  }
  if (!json_read_end(reader) || resource->key.type.size == 0) return false;
  if (bytes_equal(resource->state, BYTES("null"))) resource->state = bytes_of(NULL, 0);
  return true;
}

/* Puts key and state into one block of the entry's own. */
static struct entry own(struct cloud *cloud, const struct cloud_resource *from)
{
  struct bytes parts[] = {from->key.type, from->key.region, from->key.id, from->state};
  struct bytes owned[4];
  struct entry entry = {.hash = hash_key(&from->key)};
  for (size_t i = 0; i < 4; i++) entry.text_size += parts[i].size;
  entry.text = memory_alloc(cloud->memory, entry.text_size);
  CHECK(entry.text != NULL);
  uint8_t *to = entry.text;
  for (size_t i = 0; i < 4; i++) {
    owned[i] = bytes_of(to, parts[i].size);
    if (parts[i].size > 0) memcpy(to, parts[i].data, parts[i].size);
    to += parts[i].size;
  }
  entry.resource = (struct cloud_resource){{owned[0], owned[1], owned[2]}, owned[3]};
  return entry;
}

static void remember(struct cloud *cloud, const struct cloud_resource *resource)
{
  struct entry *old = find(cloud, &resource->key);
  if (old != NULL) remove_entry(cloud, old);
  if (resource->state.size == 0) return;
  struct entry entry = own(cloud, resource);
  add_entry(cloud, &entry);
}

/* --- the file --- */

static bool fail(struct cloud *cloud, const char *what, struct error *error)
{
  return error_set_errno(error, errno, "rehearsal state %s: %s", cloud->path, what);
}

static bool write_whole(int fd, struct bytes bytes, size_t offset)
{
  while (bytes.size > 0) {
    ssize_t written = pwrite(fd, bytes.data, bytes.size, (off_t)offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes_of(bytes.data + written, bytes.size - (size_t)written);
    offset += (size_t)written;
  }
  return true;
}

/* Makes the file one that has nothing in it. */
static bool start_again(struct cloud *cloud, struct error *error)
{
  unsigned long long generation = 0;
  char header[HEADER_BYTES + 1];
  (void)!getrandom(&generation, sizeof(generation), 0);
  snprintf(header, sizeof(header), HEADER, generation);
  if (ftruncate(cloud->fd, 0) != 0 || !write_whole(cloud->fd, bytes_of(header, HEADER_BYTES), 0))
    return fail(cloud, "cannot write", error);
  forget_all(cloud);
  memcpy(cloud->header, header, HEADER_BYTES);
  cloud->offset = HEADER_BYTES;
  return true;
}

/* Reads the lines that are whole and moves the offset behind them. */
static bool read_lines(struct cloud *cloud, struct bytes bytes, struct error *error)
{
  struct arena arena;
  arena_init(&arena, cloud->memory);
  bool good = true;
  while (good) {
    size_t end = bytes_find(bytes, BYTES("\n"));
    if (end == SIZE_MAX) break;
    struct cloud_resource resource;
    good = parse_line(bytes_of(bytes.data, end), &arena, &resource);
    if (good) {
      remember(cloud, &resource);
      cloud->offset += end + 1;
      bytes = bytes_of(bytes.data + end + 1, bytes.size - end - 1);
    }
    arena_reset(&arena);
  }
  arena_free(&arena);
  if (good) return true;
  return error_set(error, ERROR_CORRUPT,
                   "rehearsal state %s: the line at offset %zu is not one "
                   "that the provider wrote; remove the file to start again",
                   cloud->path, cloud->offset);
}

static bool read_news(struct cloud *cloud, size_t size, struct error *error)
{
  if (size > FILE_BYTES_MAX)
    return error_set(error, ERROR_LIMIT, "rehearsal state %s: larger than %d bytes", cloud->path,
                     FILE_BYTES_MAX);
  size_t wanted = size - cloud->offset;
  uint8_t *bytes = memory_alloc(cloud->memory, wanted);
  CHECK(bytes != NULL);
  ssize_t got = pread(cloud->fd, bytes, wanted, (off_t)cloud->offset);
  bool good = got >= 0 ? read_lines(cloud, bytes_of(bytes, (size_t)got), error)
                       : fail(cloud, "cannot read", error);
  memory_free(cloud->memory, bytes, wanted);
  return good;
}

static bool refresh(struct cloud *cloud, struct error *error)
{
  struct stat status;
  char header[HEADER_BYTES];
  if (fstat(cloud->fd, &status) != 0) return fail(cloud, "cannot look", error);
  size_t size = (size_t)status.st_size;
  if (size < HEADER_BYTES) return start_again(cloud, error);
  if (pread(cloud->fd, header, HEADER_BYTES, 0) != HEADER_BYTES)
    return fail(cloud, "cannot read", error);
  if (memcmp(header, HEADER, strcspn(HEADER, "%")) != 0)
    return error_set(error, ERROR_CORRUPT, "%s is not a rehearsal state; nothing was changed",
                     cloud->path);
  if (memcmp(header, cloud->header, HEADER_BYTES) != 0) {
    forget_all(cloud);
    memcpy(cloud->header, header, HEADER_BYTES);
    cloud->offset = HEADER_BYTES;
  }
  return size <= cloud->offset || read_news(cloud, size, error);
}

/* Opens, locks and reads what is new. A file that was removed is a cloud with nothing in it. */
static bool enter(struct cloud *cloud, struct error *error)
{
  struct stat named;
  struct stat opened;
  if (cloud->fd >= 0 && (stat(cloud->path, &named) != 0 || fstat(cloud->fd, &opened) != 0 ||
                         named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)) {
    close(cloud->fd);
    cloud->fd = -1;
  }
  if (cloud->fd < 0) {
    cloud->fd = open(cloud->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (cloud->fd < 0) return fail(cloud, "cannot open", error);
  }
  while (flock(cloud->fd, LOCK_EX) != 0) {
    if (errno != EINTR) return fail(cloud, "cannot lock", error);
  }
  if (refresh(cloud, error)) return true;
  flock(cloud->fd, LOCK_UN);
  return false;
}

static void leave(struct cloud *cloud)
{
  flock(cloud->fd, LOCK_UN);
}

/* --- the calls --- */

bool cloud_find(struct cloud *cloud, const struct cloud_key *key, struct arena *arena,
                struct bytes *state, struct error *error)
{
  if (!enter(cloud, error)) return false;
  const struct entry *entry = find(cloud, key);
  *state = entry == NULL ? bytes_of(NULL, 0) : arena_copy(arena, entry->resource.state);
  leave(cloud);
  return true;
}

static void write_line(struct buffer *line, const struct cloud_key *key, struct bytes state)
{
  struct json_writer writer;
  json_writer_init(&writer, line);
  json_write_object_begin(&writer);
  json_write_key(&writer, BYTES("type"));
  json_write_string(&writer, key->type);
  json_write_key(&writer, BYTES("region"));
  json_write_string(&writer, key->region);
  json_write_key(&writer, BYTES("id"));
  json_write_string(&writer, key->id);
  json_write_key(&writer, BYTES("state"));
  if (state.size > 0) {
    json_write_raw(&writer, state);
  } else {
    json_write_null(&writer);
  }
  json_write_object_end(&writer);
  buffer_append_byte(line, '\n');
  CHECK(!line->failed);
}

bool cloud_put(struct cloud *cloud, const struct cloud_key *key, struct bytes state,
               struct error *error)
{
  if (!enter(cloud, error)) return false;
  struct buffer line;
  buffer_init(&line, cloud->memory);
  write_line(&line, key, state);
  bool good = write_whole(cloud->fd, buffer_bytes(&line), cloud->offset) ||
              fail(cloud, "cannot write", error);
  if (good) {
    /* What a crashed writer left behind the offset is shorter than a line; it must not follow. */
    cloud->offset += line.size;
    good = ftruncate(cloud->fd, (off_t)cloud->offset) == 0 || fail(cloud, "cannot write", error);
    struct cloud_resource resource = {*key, state};
    remember(cloud, &resource);
  }
  buffer_free(&line);
  if (good && cloud->count == 0) good = start_again(cloud, error);
  leave(cloud);
  return good;
}

bool cloud_list(struct cloud *cloud, struct bytes type, struct arena *arena,
                struct cloud_resource **resources, size_t *count, struct error *error)
{
  if (!enter(cloud, error)) return false;
  *resources = text_alloc(arena, cloud->count, sizeof(**resources));
  *count = 0;
  for (size_t i = 0; i < cloud->count; i++) {
    const struct cloud_resource *from = &cloud->entries[i].resource;
    if (!bytes_equal(from->key.type, type)) continue;
    (*resources)[(*count)++] = (struct cloud_resource){{arena_copy(arena, from->key.type),
                                                        arena_copy(arena, from->key.region),
                                                        arena_copy(arena, from->key.id)},
                                                       arena_copy(arena, from->state)};
  }
  leave(cloud);
  return true;
}
