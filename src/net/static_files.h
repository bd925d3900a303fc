/*
 * Files for browsers: a directory that is loaded whole when the server starts, so that serving
 * never waits for a disk and never opens a name that a stranger sent.
 *
 *     directory/index.html          /index.html and /
 *     directory/docs/index.html     /docs/index.html and /docs/
 *     directory/app.0123abcd.js     /app.0123abcd.js, for ever: another content has another name
 *
 * Names that begin with a dot are skipped. All others are made of A-Z a-z 0-9 - . _ ~, which are
 * the same bytes in a URL (RFC 3986 2.3): a name with anything else makes loading fail, because no
 * request could find it. Paths are compared as sent, byte for byte.
 *
 * Memory: all from the struct memory given to static_files_load; answers point into it and hold as
 * long as the files. Loaded by one thread, then read by any.
 */
#ifndef TACOS_NET_STATIC_FILES_H
#define TACOS_NET_STATIC_FILES_H

#include "base/error.h"
#include "base/world.h"
#include "net/conditional.h"
#include "net/http.h"

enum {
  /* Of a directory's or a file's path on disk, with its zero. */
  STATIC_PATH_BYTES = 1024,
};

struct static_files_options {
  uint32_t files_max; /* files and directories below the one that is loaded */
  uint64_t bytes_max; /* contents together, without gzip variants, which are smaller */
};

static inline struct static_files_options static_files_options_default(void)
{
  return (struct static_files_options){.files_max = 10000, .bytes_max = (uint64_t)256 << 20};
}

struct static_file {
  struct bytes path; /* in URLs: begins with '/' */
  struct bytes content_type;
  struct bytes cache_control;
  struct bytes plain;
  struct bytes gzip;          /* data NULL: there is none, it would not be smaller */
  char etag[ETAG_BYTES];      /* of plain: ETAG_PLAIN_BYTES of it */
  char etag_gzip[ETAG_BYTES]; /* of gzip: ETAG_GZIP_BYTES */
};

struct static_files;

/*
 * Reads the directory and all below it, in `world`. NULL with *error, which names the path:
 * ERROR_NOT_FOUND (no such directory), ERROR_INVALID (a name that cannot be in a URL, a path too
 * long), ERROR_LIMIT (options), ERROR_IO (also when a file changes while it is read),
 * ERROR_NO_MEMORY.
 */
struct static_files *static_files_load(struct world *world, const char *directory,
                                       const struct static_files_options *options,
                                       struct memory *memory, struct error *error);

/* files may be NULL. */
void static_files_free(struct static_files *files);

/* How many there are, and the one at a place below that, in order of their paths. */
size_t static_files_count(const struct static_files *files);
const struct static_file *static_files_at(const struct static_files *files, size_t place);

/* The file that a path names, or NULL; one hash and mostly one comparison. */
const struct static_file *static_files_find(const struct static_files *files, struct bytes path);

enum { STATIC_ANSWER_HEADERS = 8 };

/* Header values point into the file and into this struct: it stays where it is. */
struct static_answer {
  uint16_t status; /* 200, 206, 304 or 416 */
  /* For Content-Length; 304 sends none (RFC 9110 8.6). */
  uint64_t content_length;
  struct bytes body; /* empty for HEAD, 304 and 416 */
  uint32_t header_count;
  struct http_header headers[STATIC_ANSWER_HEADERS]; /* names in lower case */
  char content_range[CONTENT_RANGE_BYTES];
};

/*
 * Decides how a file is answered. Method is HTTP_GET or HTTP_HEAD; the others are values of the
 * request's fields, data NULL where one was not sent. Preconditions come before ranges (RFC 9110
 * 13.2.2). A Range is one of the plain content, whatever Accept-Encoding says, and counts for GET
 * only (RFC 9110 14.2).
 */
void static_files_answer(const struct static_file *file, enum http_method method,
                         struct bytes accept_encoding, struct bytes if_none_match,
                         struct bytes if_range, struct bytes range, struct static_answer *out);

#endif
