#include "net/static_files.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/hash.h"
#include "net/compress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  FINGERPRINT_DIGITS_MIN = 8, /* what bundlers put into a name: 32 bits or more, in hex */
  SHOWN_BYTES = 200,          /* of a name in a message, percent-encoded */
};

/* Fixed, so that every server and every start give the same tags. "tacostag" */
static const uint64_t ETAG_SEED = 0x7461636f73746167;
static const uint64_t TABLE_SEED = 0;

/* Where a path is found: the file answers to the first `size` bytes of its own path. */
struct place {
  const struct static_file *file; /* NULL: free */
  size_t size;
};

struct static_files {
  struct memory *memory;
  struct arena arena; /* structs and paths */
  struct static_file **list;
  size_t count;
  size_t list_capacity;
  struct place *table; /* open addressing, linear probing, at most half full */
  size_t table_mask;
};

/* ---- what a name says ---- */

static bool is_digit(uint8_t byte)
{
  return byte >= '0' && byte <= '9';
}

static uint8_t lower(uint8_t byte)
{
  return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static bool is_path_byte(uint8_t byte)
{
  uint8_t letter = lower(byte);
  return (letter >= 'a' && letter <= 'z') || is_digit(byte) || byte == '-' || byte == '.' ||
         byte == '_' || byte == '~';
}

/* Behind the last slash. */
static struct bytes name_of(struct bytes path)
{
  size_t start = path.size;
  while (start > 0 && path.data[start - 1] != '/') start--;
  return bytes_of(path.data + start, path.size - start);
}

/* The type of an unknown extension is the last row's. */
static const struct {
  const char *extension;
  const char *type;
} TYPES[] = {
    {"html", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"}, /* RFC 9239 */
    {"mjs", "text/javascript; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},
    {"json", "application/json"}, /* UTF-8 by RFC 8259 8.1, without a parameter */
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"webp", "image/webp"},
    {"ico", "image/x-icon"},
    {"woff2", "font/woff2"},
    {NULL, "application/octet-stream"},
};

static bool is_extension(struct bytes extension, const char *lower_text)
{
  if (extension.size != strlen(lower_text)) return false;
  for (size_t i = 0; i < extension.size; i++)
    if (lower(extension.data[i]) != (uint8_t)lower_text[i]) return false;
  return true;
}

static struct bytes content_type_of(struct bytes name)
{
  size_t start = name.size;
  while (start > 0 && name.data[start - 1] != '.') start--;
  /* A name without a dot has no extension. */
  struct bytes extension = bytes_of(name.data + start, start == 0 ? 0 : name.size - start);
  size_t row = 0;
  while (TYPES[row].extension != NULL && !is_extension(extension, TYPES[row].extension)) row++;
  return bytes_of_text(TYPES[row].type);
}

/* Whether a part between two dots is a fingerprint: app.0123abcd.js, app.0123abcd.js.map. */
static bool has_fingerprint(struct bytes name)
{
  size_t digits = 0;
  bool inner = false; /* behind the first dot, and all hex digits since the last one */
  for (size_t i = 0; i < name.size; i++) {
    uint8_t byte = name.data[i];
    if (byte == '.') {
      if (inner && digits >= FINGERPRINT_DIGITS_MIN && i + 1 < name.size) return true;
      inner = true;
      digits = 0;
    } else if (is_digit(byte) || (byte >= 'a' && byte <= 'f')) {
      digits++;
    } else {
      digits = 0;
      inner = false;
    }
  }
  return false;
}

/* ---- loading ---- */

/* A name that was listed and is not looked at yet: a file or a directory. */
struct waiting {
  struct waiting *next;
  struct bytes path; /* in URLs, and with a zero behind it; "" is the directory itself */
};

struct loader {
  struct world *world;
  const char *directory;
  struct static_files_options options;
  struct static_files *files;
  struct compressor compressor;
  struct buffer compressed;
  struct arena names; /* of struct waiting */
  struct waiting *waiting;
  struct waiting *parent; /* whose names are being listed */
  uint32_t seen;
  uint64_t bytes;
  struct error *error; /* code is ERROR_NONE until something failed */
};

static bool fail_memory(struct loader *loader, struct bytes path)
{
  return error_set(loader->error, ERROR_NO_MEMORY,
                   "no memory for the static files of '%s', at '%.*s': load fewer, or give the "
                   "server more",
                   loader->directory, BYTES_FORMAT(path));
}

/* Writes a name with what cannot be shown percent-encoded. */
static void show_name(const char *name, char text[SHOWN_BYTES])
{
  size_t size = 0;
  for (; *name != 0 && size + 4 <= SHOWN_BYTES; name++) {
    uint8_t byte = (uint8_t)*name;
    if (is_path_byte(byte)) {
      text[size++] = *name;
    } else {
      size += (size_t)snprintf(text + size, 4, "%%%02X", byte);
    }
  }
  text[size] = 0;
}

static bool check_name(struct loader *loader, const char *name)
{
  const char *at = name;
  while (is_path_byte((uint8_t)*at)) at++;
  if (*at == 0) return true;
  char shown[SHOWN_BYTES];
  show_name(name, shown);
  return error_set(loader->error, ERROR_INVALID,
                   "the name '%s' (percent-encoded) in '%s%.*s/' cannot be served: rename it to "
                   "letters, digits, '-', '.', '_' and '~'",
                   shown, loader->directory, BYTES_FORMAT(loader->parent->path));
}

static void take_name(void *context, const char *name)
{
  struct loader *loader = context;
  if (loader->error->code != ERROR_NONE || name[0] == '.') return;
  if (!check_name(loader, name)) return;
  if (loader->seen++ == loader->options.files_max) {
    error_set(loader->error, ERROR_LIMIT,
              "'%s' has more than %u files and directories: name another directory, or raise the "
              "limit",
              loader->directory, loader->options.files_max);
    return;
  }
  struct bytes parent = loader->parent->path;
  size_t size = parent.size + 1 + strlen(name);
  struct waiting *waiting = arena_alloc(&loader->names, sizeof(*waiting));
  char *path = arena_alloc(&loader->names, size + 1);
  if (waiting == NULL || path == NULL) {
    fail_memory(loader, parent);
    return;
  }
  memcpy(path, parent.data, parent.size);
  path[parent.size] = '/';
  memcpy(path + parent.size + 1, name, strlen(name) + 1);
  *waiting = (struct waiting){.next = loader->waiting, .path = bytes_of(path, size)};
  loader->waiting = waiting;
}

static bool read_content(struct loader *loader, int handle, const char *disk_path,
                         struct static_file *file)
{
  const struct world_operations *operations = loader->world->operations;
  int64_t size = operations->file_size(loader->world, handle);
  if (size < 0) return error_set_errno(loader->error, (int)-size, "cannot read '%s'", disk_path);
  if ((uint64_t)size > loader->options.bytes_max - loader->bytes)
    return error_set(loader->error, ERROR_LIMIT,
                     "the files in '%s' have more than %llu bytes together, with '%s': name "
                     "another directory, or raise the limit",
                     loader->directory, (unsigned long long)loader->options.bytes_max, disk_path);
  uint8_t *data = memory_alloc(loader->files->memory, (size_t)size);
  if (data == NULL) return fail_memory(loader, file->path);
  file->plain = bytes_of(data, (size_t)size);
  loader->bytes += (uint64_t)size;
  int64_t got = operations->file_read(loader->world, handle, data, (size_t)size, 0);
  uint8_t beyond;
  int64_t more = got < 0 ? got
                         : operations->file_read(loader->world, handle, &beyond, 1, (uint64_t)size);
  if (more < 0) return error_set_errno(loader->error, (int)-more, "cannot read '%s'", disk_path);
  if (got != size || more != 0)
    return error_set(loader->error, ERROR_IO,
                     "'%s' changed while it was read: start again when it is complete", disk_path);
  return true;
}

/* Where memory could run out is asked first: no gzip means that it would not be smaller. */
static bool add_gzip(struct loader *loader, struct static_file *file)
{
  if (!compress_type_allowed(file->content_type) || file->plain.size < NET_COMPRESS_BYTES)
    return true;
  buffer_clear(&loader->compressed);
  if (!compressor_prepare(&loader->compressor) ||
      !buffer_reserve(&loader->compressed, file->plain.size))
    return fail_memory(loader, file->path);
  if (!compress_gzip(&loader->compressor, file->plain, COMPRESS_LEVEL_BEST, &loader->compressed))
    return true;
  struct bytes compressed = buffer_bytes(&loader->compressed);
  uint8_t *data = memory_alloc(loader->files->memory, compressed.size);
  if (data == NULL) return fail_memory(loader, file->path);
  memcpy(data, compressed.data, compressed.size);
  file->gzip = bytes_of(data, compressed.size);
  return true;
}

static bool grow_list(struct static_files *files)
{
  if (files->count < files->list_capacity) return true;
  size_t capacity = files->list_capacity == 0 ? 64 : files->list_capacity * 2;
  struct static_file **list = memory_resize(files->memory, files->list,
                                            files->list_capacity * sizeof(struct static_file *),
                                            capacity * sizeof(struct static_file *));
  if (list == NULL) return false;
  files->list = list;
  files->list_capacity = capacity;
  return true;
}

/* From its place in the list on, the file's memory is freed with the others. */
static struct static_file *add_file(struct loader *loader, struct bytes path)
{
  struct static_files *files = loader->files;
  struct static_file *file = arena_alloc(&files->arena, sizeof(*file));
  struct bytes copy = arena_copy(&files->arena, path);
  if (file == NULL || copy.data == NULL || !grow_list(files)) {
    fail_memory(loader, path);
    return NULL;
  }
  struct bytes name = name_of(copy);
  *file = (struct static_file){
      .path = copy,
      .content_type = content_type_of(name),
      .cache_control = has_fingerprint(name) ? BYTES("public, max-age=31536000, immutable")
                                             : BYTES("no-cache"),
  };
  files->list[files->count++] = file;
  return file;
}

static bool load_file(struct loader *loader, struct bytes path, const char *disk_path)
{
  const struct world_operations *operations = loader->world->operations;
  int handle = operations->file_open(loader->world, disk_path, WORLD_OPEN_READ);
  if (handle < 0) return error_set_errno(loader->error, -handle, "cannot open '%s'", disk_path);
  struct static_file *file = add_file(loader, path);
  bool read = file != NULL && read_content(loader, handle, disk_path, file);
  operations->file_close(loader->world, handle);
  if (!read || !add_gzip(loader, file)) return false;
  uint64_t hash = hash_bytes(file->plain, ETAG_SEED);
  etag_format(hash, false, file->etag);
  etag_format(hash, true, file->etag_gzip);
  return true;
}

/* Lists what is a directory, loads what is not. */
static bool load_waiting(struct loader *loader, struct waiting *waiting)
{
  char disk_path[STATIC_PATH_BYTES];
  int size = snprintf(disk_path, sizeof(disk_path), "%s%.*s", loader->directory,
                      BYTES_FORMAT(waiting->path));
  if (size < 0 || size >= STATIC_PATH_BYTES)
    return error_set(loader->error, ERROR_INVALID,
                     "the path of '%.*s' is longer than %d bytes: does a link lead to the "
                     "directory it is in?",
                     STATIC_PATH_BYTES / 4, disk_path, STATIC_PATH_BYTES - 1);
  loader->parent = waiting;
  int result = loader->world->operations->dir_list(loader->world, disk_path, take_name, loader);
  bool is_root = waiting->path.size == 0;
  if (result == -ENOTDIR && !is_root) return load_file(loader, waiting->path, disk_path);
  if (loader->error->code != ERROR_NONE) return false;
  if (result == 0) return true;
  error_set_errno(loader->error, -result, "cannot list the static files in '%s'", disk_path);
  if (is_root && (result == -ENOENT || result == -ENOTDIR)) loader->error->code = ERROR_NOT_FOUND;
  return false;
}

static int compare_paths(const void *left, const void *right)
{
  const struct static_file *const *files[] = {left, right};
  return bytes_compare((*files[0])->path, (*files[1])->path);
}

static void add_place(struct static_files *files, const struct static_file *file, size_t size)
{
  size_t slot = hash_bytes(bytes_of(file->path.data, size), TABLE_SEED) & files->table_mask;
  while (files->table[slot].file != NULL) slot = (slot + 1) & files->table_mask;
  files->table[slot] = (struct place){.file = file, .size = size};
}

/* Two paths for each file at most, and half of the table stays free. */
static bool build_table(struct static_files *files)
{
  size_t capacity = 4;
  while (capacity < files->count * 4) capacity *= 2;
  files->table = memory_alloc_zeroed(files->memory, capacity * sizeof(*files->table));
  if (files->table == NULL) return false;
  files->table_mask = capacity - 1;
  for (size_t i = 0; i < files->count; i++) {
    const struct static_file *file = files->list[i];
    struct bytes name = name_of(file->path);
    add_place(files, file, file->path.size);
    if (bytes_equal(name, BYTES("index.html"))) add_place(files, file, file->path.size - name.size);
  }
  return true;
}

void static_files_free(struct static_files *files)
{
  if (files == NULL) return;
  struct memory *memory = files->memory;
  for (size_t i = 0; i < files->count; i++) {
    struct static_file *file = files->list[i];
    memory_free(memory, (void *)file->plain.data, file->plain.size);
    memory_free(memory, (void *)file->gzip.data, file->gzip.size);
  }
  memory_free(memory, files->list, files->list_capacity * sizeof(struct static_file *));
  if (files->table != NULL)
    memory_free(memory, files->table, (files->table_mask + 1) * sizeof(*files->table));
  arena_free(&files->arena);
  memory_free(memory, files, sizeof(*files));
}

static bool load_all(struct loader *loader)
{
  while (loader->waiting != NULL) {
    struct waiting *waiting = loader->waiting;
    loader->waiting = waiting->next;
    if (!load_waiting(loader, waiting)) return false;
  }
  struct static_files *files = loader->files;
  if (files->count > 0)
    qsort(files->list, files->count, sizeof(struct static_file *), compare_paths);
  return build_table(files) || fail_memory(loader, BYTES("/"));
}

struct static_files *static_files_load(struct world *world, const char *directory,
                                       const struct static_files_options *options,
                                       struct memory *memory, struct error *error)
{
  struct static_files *files = memory_alloc_zeroed(memory, sizeof(*files));
  struct waiting root = {.path = BYTES("")};
  struct loader loader = {.world = world,
                          .directory = directory,
                          .options = *options,
                          .files = files,
                          .waiting = &root,
                          .error = error};
  *error = (struct error){.code = ERROR_NONE};
  if (files == NULL) {
    fail_memory(&loader, BYTES("/"));
    return NULL;
  }
  files->memory = memory;
  arena_init(&files->arena, memory);
  arena_init(&loader.names, memory);
  compressor_init(&loader.compressor, memory);
  buffer_init(&loader.compressed, memory);
  bool loaded = load_all(&loader);
  buffer_free(&loader.compressed);
  compressor_free(&loader.compressor);
  arena_free(&loader.names);
  if (loaded) return files;
  CHECK(error->code != ERROR_NONE);
  static_files_free(files);
  return NULL;
}

/* ---- serving ---- */

size_t static_files_count(const struct static_files *files)
{
  return files->count;
}

const struct static_file *static_files_at(const struct static_files *files, size_t place)
{
  CHECK_THAT(place, <, files->count);
  return files->list[place];
}

const struct static_file *static_files_find(const struct static_files *files, struct bytes path)
{
  size_t slot = hash_bytes(path, TABLE_SEED) & files->table_mask;
  for (;; slot = (slot + 1) & files->table_mask) {
    const struct place *place = &files->table[slot];
    if (place->file == NULL) return NULL;
    if (bytes_equal(bytes_of(place->file->path.data, place->size), path)) return place->file;
  }
}

static void add_header(struct static_answer *out, struct bytes name, struct bytes value)
{
  CHECK_THAT(out->header_count, <, STATIC_ANSWER_HEADERS);
  out->headers[out->header_count++] = (struct http_header){.name = name, .value = value};
}

static void add_content_range(struct static_answer *out, const struct range *range, uint64_t size)
{
  size_t length = content_range_format(range, size, out->content_range);
  add_header(out, BYTES("content-range"), bytes_of(out->content_range, length));
}

static void set_body(struct static_answer *out, enum http_method method, struct bytes body)
{
  out->content_length = body.size;
  out->body = method == HTTP_HEAD ? BYTES("") : body;
}

void static_files_answer(const struct static_file *file, enum http_method method,
                         struct bytes accept_encoding, struct bytes if_none_match,
                         struct bytes if_range, struct bytes range, struct static_answer *out)
{
  CHECK(method == HTTP_GET || method == HTTP_HEAD);
  struct bytes etag_plain = bytes_of(file->etag, ETAG_PLAIN_BYTES);
  struct range part;
  enum range_result wanted = RANGE_NONE;
  if (method == HTTP_GET && range.data != NULL && etag_allows_range(if_range, etag_plain))
    wanted = range_parse(range, file->plain.size, &part);
  bool gzip = wanted == RANGE_NONE && file->gzip.data != NULL && accepts_gzip(accept_encoding);
  struct bytes etag = gzip ? bytes_of(file->etag_gzip, ETAG_GZIP_BYTES) : etag_plain;

  out->header_count = 0;
  out->content_length = 0;
  out->body = BYTES("");
  /* What a cache needs to know comes with 200, 206 and 304 alike (RFC 9110 15.4.5). */
  bool fresh = if_none_match.data != NULL && etag_matches(if_none_match, etag);
  if (fresh || wanted != RANGE_UNSATISFIABLE) {
    add_header(out, BYTES("etag"), etag);
    add_header(out, BYTES("cache-control"), file->cache_control);
    if (file->gzip.data != NULL) add_header(out, BYTES("vary"), BYTES("Accept-Encoding"));
  }
  if (fresh) {
    out->status = 304;
    return;
  }
  /* Not with gzip, which has no ranges here. */
  if (!gzip) add_header(out, BYTES("accept-ranges"), BYTES("bytes"));
  if (wanted == RANGE_UNSATISFIABLE) {
    out->status = 416;
    add_content_range(out, NULL, file->plain.size);
    return;
  }
  add_header(out, BYTES("content-type"), file->content_type);
  if (gzip) add_header(out, BYTES("content-encoding"), BYTES("gzip"));
  if (wanted == RANGE_OK) {
    out->status = 206;
    add_content_range(out, &part, file->plain.size);
    set_body(out, method,
             bytes_of(file->plain.data + part.first, (size_t)(part.last - part.first + 1)));
    return;
  }
  out->status = 200;
  set_body(out, method, gzip ? file->gzip : file->plain);
}
