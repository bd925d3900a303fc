#include "net/static_files.h"

#include "base/world_linux.h"
#include "net/compress.h"
#include "sim/world_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

enum { PAGE_BYTES = 3000 };

struct fixture {
  struct world_sim *sim;
  struct world *world;
  struct memory memory;
  struct static_files_options options;
  struct error error;
  char page[PAGE_BYTES + 1]; /* compresses well */
};

static void put(struct fixture *fixture, const char *path, const void *content, size_t size)
{
  const struct world_operations *operations = fixture->world->operations;
  int file = operations->file_open(fixture->world, path, WORLD_OPEN_CREATE);
  assert_true(file >= 0);
  assert_int_equal(operations->file_write(fixture->world, file, content, size, 0), 0);
  assert_int_equal(operations->file_close(fixture->world, file), 0);
}

static void put_text(struct fixture *fixture, const char *path, const char *content)
{
  put(fixture, path, content, strlen(content));
}

static void make_directory(struct fixture *fixture, const char *path)
{
  assert_int_equal(fixture->world->operations->dir_make(fixture->world, path), 0);
}

static void fixture_open(struct fixture *fixture)
{
  *fixture = (struct fixture){.sim = world_sim_new(1)};
  fixture->world = world_sim_world(fixture->sim);
  fixture->options = static_files_options_default();
  make_directory(fixture, "/web");
  for (size_t i = 0; i < PAGE_BYTES; i++) fixture->page[i] = "<p>tickets</p>\n"[i % 15];
}

static void fixture_close(struct fixture *fixture)
{
  assert_int_equal(fixture->memory.in_use, 0);
  world_sim_free(fixture->sim);
}

static struct static_files *try_load(struct fixture *fixture)
{
  return static_files_load(fixture->world, "/web", &fixture->options, &fixture->memory,
                           &fixture->error);
}

static struct static_files *load(struct fixture *fixture)
{
  struct static_files *files = try_load(fixture);
  if (files == NULL) fail_msg("%s", fixture->error.message);
  return files;
}

static void assert_refused(struct fixture *fixture, enum error_code code, const char *message)
{
  assert_null(try_load(fixture));
  assert_int_equal(fixture->error.code, code);
  assert_string_equal(fixture->error.message, message);
  assert_int_equal(fixture->memory.in_use, 0);
}

static const struct static_file *find(const struct static_files *files, const char *path)
{
  return static_files_find(files, bytes_of_text(path));
}

static void assert_text(struct bytes slice, const char *expected)
{
  if (!bytes_equal(slice, bytes_of_text(expected)))
    fail_msg("\"%.*s\" is not \"%s\"", BYTES_FORMAT(slice), expected);
}

/* A small site: every kind of content. */
static void put_site(struct fixture *fixture)
{
  make_directory(fixture, "/web/docs");
  make_directory(fixture, "/web/docs/deep");
  make_directory(fixture, "/web/empty");
  put(fixture, "/web/index.html", fixture->page, PAGE_BYTES);
  put_text(fixture, "/web/app.0123abcd.js", "go()");
  put_text(fixture, "/web/docs/index.html", "docs");
  put_text(fixture, "/web/docs/deep/note~1_a-b.txt", "note");
  put(fixture, "/web/logo.png", fixture->page, PAGE_BYTES);
  put_text(fixture, "/web/nothing.css", "");
  put_text(fixture, "/web/.hidden", "secret");
}

/* ---- loading ---- */

static void test_a_tree_is_found_by_its_paths(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  put_site(&fixture);
  struct static_files *files = load(&fixture);
  static const char *const paths[] = {"/app.0123abcd.js", "/docs/deep/note~1_a-b.txt",
                                      "/docs/index.html", "/index.html",
                                      "/logo.png",        "/nothing.css"};
  assert_int_equal(static_files_count(files), 6);
  for (size_t i = 0; i < 6; i++) {
    assert_text(static_files_at(files, i)->path, paths[i]);
    assert_ptr_equal(find(files, paths[i]), static_files_at(files, i));
  }
  assert_ptr_equal(find(files, "/"), find(files, "/index.html"));
  assert_ptr_equal(find(files, "/docs/"), find(files, "/docs/index.html"));
  assert_text(find(files, "/docs/")->plain, "docs");
  assert_int_equal(find(files, "/nothing.css")->plain.size, 0);
  static const char *const absent[] = {"",       "/docs",           "/docs/deep/", "/.hidden",
                                       "/index", "index.html",      "//",          "/docs/../",
                                       "/empty", "/docs/deep/note", "/empty/",     "/INDEX.html"};
  for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
    assert_null(find(files, absent[i]));
  assert_null(static_files_find(files, (struct bytes){0}));
  static_files_free(files);
  static_files_free(NULL);
  fixture_close(&fixture);
}

static void test_an_empty_directory_has_no_files(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct static_files *files = load(&fixture);
  assert_int_equal(static_files_count(files), 0);
  assert_null(find(files, "/"));
  static_files_free(files);
  fixture_close(&fixture);
}

static void test_many_files_are_all_found(void **state)
{
  (void)state;
  enum { FILES = 700 };
  struct fixture fixture;
  fixture_open(&fixture);
  char path[64];
  for (int i = 0; i < FILES; i++) {
    snprintf(path, sizeof(path), "/web/%d.txt", i);
    put_text(&fixture, path, path);
  }
  struct static_files *files = load(&fixture);
  uint64_t calls = fixture.memory.calls;
  for (int i = 0; i < FILES; i++) {
    snprintf(path, sizeof(path), "/web/%d.txt", i);
    const struct static_file *file = find(files, path + 4);
    assert_non_null(file);
    assert_text(file->plain, path);
    snprintf(path, sizeof(path), "/%d.txt", i + FILES);
    assert_null(find(files, path));
  }
  assert_int_equal(fixture.memory.calls, calls);
  static_files_free(files);
  fixture_close(&fixture);
}

static void test_types_by_extension(void **state)
{
  (void)state;
  static const struct {
    const char *path, *type;
  } rows[] = {{"/web/a.html", "text/html; charset=utf-8"},
              {"/web/a.css", "text/css; charset=utf-8"},
              {"/web/a.js", "text/javascript; charset=utf-8"},
              {"/web/a.mjs", "text/javascript; charset=utf-8"},
              {"/web/a.txt", "text/plain; charset=utf-8"},
              {"/web/a.json", "application/json"},
              {"/web/a.js.map", "application/json"},
              {"/web/a.webmanifest", "application/manifest+json"},
              {"/web/a.svg", "image/svg+xml"},
              {"/web/a.png", "image/png"},
              {"/web/a.jpg", "image/jpeg"},
              {"/web/a.JPEG", "image/jpeg"},
              {"/web/a.webp", "image/webp"},
              {"/web/a.ico", "image/x-icon"},
              {"/web/a.woff2", "font/woff2"},
              {"/web/a.htm", "application/octet-stream"},
              {"/web/a.htmlx", "application/octet-stream"},
              {"/web/a.", "application/octet-stream"},
              {"/web/html", "application/octet-stream"}};
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) put_text(&fixture, rows[i].path, "x");
  struct static_files *files = load(&fixture);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    assert_text(find(files, rows[i].path + 4)->content_type, rows[i].type);
  static_files_free(files);
  fixture_close(&fixture);
}

static void test_only_fingerprints_are_kept_for_ever(void **state)
{
  (void)state;
  static const struct {
    const char *path;
    bool immutable;
  } rows[] = {{"/web/app.0123abcd.js", true},
              {"/web/app.0123abcdef0123456789.css", true},
              {"/web/app.0123abcd.js.map", true},
              {"/web/app.min.deadbeef.js", true},
              {"/web/app.js", false},
              {"/web/app.0123abc.js", false},
              {"/web/app.0123ABCD.js", false},
              {"/web/app.0123abcg.js", false},
              {"/web/app.g0123abcd.js", false},
              {"/web/app-0123abcd.js", false},
              {"/web/app.0123abcd", false},
              {"/web/app.0123abcd.", false},
              {"/web/0123abcd.js", false},
              {"/web/dir.0123abcd.d/app.js", false}};
  struct fixture fixture;
  fixture_open(&fixture);
  make_directory(&fixture, "/web/dir.0123abcd.d");
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) put_text(&fixture, rows[i].path, "x");
  struct static_files *files = load(&fixture);
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    assert_text(find(files, rows[i].path + 4)->cache_control,
                rows[i].immutable ? "public, max-age=31536000, immutable" : "no-cache");
  static_files_free(files);
  fixture_close(&fixture);
}

static void test_gzip_where_it_helps(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  uint8_t noise[2048];
  world_entropy(fixture.world, noise, sizeof(noise));
  put(&fixture, "/web/page.html", fixture.page, PAGE_BYTES);
  put(&fixture, "/web/small.html", fixture.page, NET_COMPRESS_BYTES - 1);
  put(&fixture, "/web/enough.html", fixture.page, NET_COMPRESS_BYTES);
  put(&fixture, "/web/image.png", fixture.page, PAGE_BYTES);
  put(&fixture, "/web/noise.txt", noise, sizeof(noise));
  struct static_files *files = load(&fixture);
  assert_null(find(files, "/small.html")->gzip.data);
  assert_null(find(files, "/image.png")->gzip.data);
  assert_null(find(files, "/noise.txt")->gzip.data);
  assert_non_null(find(files, "/enough.html")->gzip.data);
  const struct static_file *page = find(files, "/page.html");
  assert_in_range(page->gzip.size, 20, 200);
  uint8_t back[PAGE_BYTES];
  z_stream stream = {.next_in = (uint8_t *)page->gzip.data,
                     .avail_in = (unsigned int)page->gzip.size,
                     .next_out = back,
                     .avail_out = sizeof(back)};
  assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
  assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
  assert_int_equal(inflateEnd(&stream), Z_OK);
  assert_memory_equal(back, fixture.page, PAGE_BYTES);
  static_files_free(files);
  fixture_close(&fixture);
}

static void test_tags_are_of_the_content(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  put_text(&fixture, "/web/a.txt", "same");
  put_text(&fixture, "/web/b.css", "same");
  put_text(&fixture, "/web/c.txt", "other");
  struct static_files *files = load(&fixture);
  const struct static_file *a = find(files, "/a.txt");
  assert_memory_equal(a->etag, find(files, "/b.css")->etag, ETAG_PLAIN_BYTES);
  assert_memory_not_equal(a->etag, find(files, "/c.txt")->etag, ETAG_PLAIN_BYTES);
  assert_memory_equal(a->etag, a->etag_gzip, ETAG_PLAIN_BYTES - 1);
  assert_memory_equal(a->etag_gzip + ETAG_PLAIN_BYTES - 1, "-gz\"", 4);
  /* The value itself: another one would empty every cache at the next release. */
  assert_memory_equal(a->etag, "\"ac877f7fa0c436a3\"", ETAG_PLAIN_BYTES);
  static_files_free(files);
  fixture_close(&fixture);
}

static void test_names_that_no_url_has_are_refused(void **state)
{
  (void)state;
  static const struct {
    const char *path, *shown;
  } rows[] = {{"/web/sub/a b.txt", "a%20b.txt"}, {"/web/sub/a%20b.txt", "a%2520b.txt"},
              {"/web/sub/\xc3\xbc", "%C3%BC"},   {"/web/sub/a\nb", "a%0Ab"},
              {"/web/sub/a?b", "a%3Fb"},         {"/web/sub/a+b", "a%2Bb"},
              {"/web/sub/a:b", "a%3Ab"},         {"/web/sub/a\\b", "a%5Cb"}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct fixture fixture;
    fixture_open(&fixture);
    make_directory(&fixture, "/web/sub");
    put_text(&fixture, "/web/sub/good.txt", "x");
    put_text(&fixture, rows[i].path, "x");
    char message[256];
    snprintf(message, sizeof(message),
             "the name '%s' (percent-encoded) in '/web/sub/' cannot be served: rename it to "
             "letters, digits, '-', '.', '_' and '~'",
             rows[i].shown);
    assert_refused(&fixture, ERROR_INVALID, message);
    fixture_close(&fixture);
  }
}

static void test_limits(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  make_directory(&fixture, "/web/sub");
  put_text(&fixture, "/web/sub/a.txt", "12345");
  put_text(&fixture, "/web/sub/b.txt", "12345");
  fixture.options = (struct static_files_options){.files_max = 3, .bytes_max = 10};
  static_files_free(load(&fixture));
  fixture.options.files_max = 2;
  assert_refused(&fixture, ERROR_LIMIT,
                 "'/web' has more than 2 files and directories: name another directory, or raise "
                 "the limit");
  fixture.options = (struct static_files_options){.files_max = 3, .bytes_max = 9};
  assert_null(try_load(&fixture));
  assert_int_equal(fixture.error.code, ERROR_LIMIT);
  assert_non_null(strstr(fixture.error.message, "'/web' have more than 9 bytes together, with "));
  fixture_close(&fixture);
}

static void test_a_path_too_long_is_refused(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  char path[STATIC_PATH_BYTES + 100] = "/web";
  for (size_t size = 4; size < STATIC_PATH_BYTES; size += 91) {
    memset(path + size, 'd', 91);
    path[size] = '/';
    path[size + 91] = 0;
    make_directory(&fixture, path);
  }
  assert_null(try_load(&fixture));
  assert_int_equal(fixture.error.code, ERROR_INVALID);
  assert_non_null(strstr(fixture.error.message, "is longer than 1023 bytes"));
  fixture_close(&fixture);
}

static void test_what_is_no_directory_is_not_found(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  put_text(&fixture, "/file", "x");
  static const char *const paths[] = {"/none", "/none/web", "/file", "/file/web"};
  for (size_t i = 0; i < 4; i++) {
    assert_null(static_files_load(fixture.world, paths[i], &fixture.options, &fixture.memory,
                                  &fixture.error));
    assert_int_equal(fixture.error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(fixture.error.message, paths[i]));
  }
  fixture_close(&fixture);
}

static void test_every_failed_operation_is_told(void **state)
{
  (void)state;
  static const enum world_sim_operation operations[] = {WORLD_SIM_OPEN, WORLD_SIM_READ,
                                                        WORLD_SIM_DIR_LIST};
  /* 4 directories; of 6 files each opened once and read twice. */
  static const uint64_t calls[] = {6, 12, 4};
  for (size_t i = 0; i < 3; i++) {
    struct fixture fixture;
    fixture_open(&fixture);
    put_site(&fixture);
    uint64_t nth = 1;
    for (;; nth++) {
      world_sim_fail(fixture.sim, operations[i], nth, EIO, false);
      struct static_files *files = try_load(&fixture);
      if (files != NULL) {
        static_files_free(files);
        break;
      }
      assert_int_equal(fixture.error.code, ERROR_IO);
      assert_int_equal(fixture.error.os_errno, EIO);
      assert_non_null(strstr(fixture.error.message, "'/web"));
      assert_int_equal(fixture.memory.in_use, 0);
    }
    assert_int_equal(nth - 1, calls[i]);
    fixture_close(&fixture);
  }
}

static void test_every_failed_allocation_is_told(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  put_site(&fixture);
  struct static_files *files = NULL;
  uint64_t nth = 0;
  while (files == NULL) {
    fixture.memory = (struct memory){.fail_at = ++nth};
    files = try_load(&fixture);
    if (files != NULL) continue;
    assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_int_equal(fixture.memory.in_use, 0);
  }
  assert_in_range(nth, 15, 40);
  assert_int_equal(static_files_count(files), 6);
  assert_non_null(find(files, "/")->gzip.data);
  static_files_free(files);
  fixture_close(&fixture);
}

static int64_t size_plus_one(struct world *world, int file)
{
  (void)world;
  (void)file;
  return 5;
}

static int64_t size_minus_one(struct world *world, int file)
{
  (void)world;
  (void)file;
  return 3;
}

static int64_t size_fails(struct world *world, int file)
{
  (void)world;
  (void)file;
  return -EIO;
}

static void test_a_file_that_changes_is_refused(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  put_text(&fixture, "/web/a.txt", "1234");
  const struct world_operations *operations = fixture.world->operations;
  struct world_operations other = *operations;
  fixture.world->operations = &other;
  other.file_size = size_plus_one;
  assert_refused(&fixture, ERROR_IO,
                 "'/web/a.txt' changed while it was read: start again when it is complete");
  other.file_size = size_minus_one;
  assert_refused(&fixture, ERROR_IO,
                 "'/web/a.txt' changed while it was read: start again when it is complete");
  other.file_size = size_fails;
  assert_refused(&fixture, ERROR_IO, "cannot read '/web/a.txt': Input/output error");
  fixture.world->operations = operations;
  fixture_close(&fixture);
}

/* On a real disk; a link to the directory it is in ends where the kernel gives up. */
static void test_links_are_followed(void **state)
{
  (void)state;
  char root[] = "/tmp/static_files_XXXXXX";
  assert_non_null(mkdtemp(root));
  char path[256], target[256];
  snprintf(target, sizeof(target), "%s/page.html", root);
  FILE *file = fopen(target, "w");
  assert_non_null(file);
  fputs("page", file);
  fclose(file);
  snprintf(path, sizeof(path), "%s/link.html", root);
  assert_int_equal(symlink(target, path), 0);

  struct world_linux linux_world;
  world_linux_init(&linux_world);
  struct memory memory = {0};
  struct error error;
  struct static_files_options options = static_files_options_default();
  struct static_files *files = static_files_load(&linux_world.world, root, &options, &memory,
                                                 &error);
  assert_non_null(files);
  assert_int_equal(static_files_count(files), 2);
  assert_text(find(files, "/link.html")->plain, "page");
  static_files_free(files);

  char loop[256];
  snprintf(loop, sizeof(loop), "%s/loop", root);
  assert_int_equal(symlink(root, loop), 0);
  assert_null(static_files_load(&linux_world.world, root, &options, &memory, &error));
  assert_int_equal(error.code, ERROR_IO);
  assert_int_equal(error.os_errno, ELOOP);
  assert_int_equal(memory.in_use, 0);
  unlink(loop);
  unlink(path);
  unlink(target);
  rmdir(root);
}

/* ---- serving ---- */

struct request {
  enum http_method method;
  const char *accept_encoding, *if_none_match, *if_range, *range;
};

static struct bytes field(const char *text)
{
  return text == NULL ? (struct bytes){0} : bytes_of_text(text);
}

static void answer(const struct static_file *file, struct request request,
                   struct static_answer *out)
{
  memset(out, 0xee, sizeof(*out));
  static_files_answer(file, request.method, field(request.accept_encoding),
                      field(request.if_none_match), field(request.if_range), field(request.range),
                      out);
}

/* Status, headers in order as "name: value|", size of the content and of the body. */
static void assert_answer(const struct static_file *file, struct request request,
                          const char *expected)
{
  struct static_answer out;
  answer(file, request, &out);
  struct memory memory = {0};
  struct buffer text;
  buffer_init(&text, &memory);
  buffer_append_format(&text, "%u|", out.status);
  for (uint32_t i = 0; i < out.header_count; i++)
    buffer_append_format(&text, "%.*s: %.*s|", BYTES_FORMAT(out.headers[i].name),
                         BYTES_FORMAT(out.headers[i].value));
  buffer_append_format(&text, "%llu %zu", (unsigned long long)out.content_length, out.body.size);
  assert_text(buffer_bytes(&text), expected);
  buffer_free(&text);
}

/* A file of a known tag: 10 bytes and a gzip variant of 3. */
static struct static_file example(void)
{
  struct static_file file = {.path = BYTES("/a.css"),
                             .content_type = BYTES("text/css; charset=utf-8"),
                             .cache_control = BYTES("no-cache"),
                             .plain = BYTES("0123456789"),
                             .gzip = BYTES("gzp")};
  etag_format(1, false, file.etag);
  etag_format(1, true, file.etag_gzip);
  return file;
}

#define ETAG      "\"0000000000000001\""
#define ETAG_GZ   "\"0000000000000001-gz\""
#define CACHE     "cache-control: no-cache|vary: Accept-Encoding|"
#define RANGES    "accept-ranges: bytes|"
#define TYPE      "content-type: text/css; charset=utf-8|"
#define PLAIN     "etag: " ETAG "|" CACHE RANGES TYPE
#define PLAIN_200 "200|" PLAIN "10 10"
#define GZIP      "200|etag: " ETAG_GZ "|" CACHE TYPE "content-encoding: gzip|"
#define GZIP_200  GZIP "3 3"

static void test_whole_answers(void **state)
{
  (void)state;
  struct static_file file = example();
  assert_answer(&file, (struct request){.method = HTTP_GET}, PLAIN_200);
  assert_answer(&file, (struct request){.accept_encoding = "gzip, br"}, GZIP_200);
  assert_answer(&file, (struct request){.accept_encoding = "gzip;q=0"}, PLAIN_200);
  assert_answer(&file, (struct request){.method = HTTP_HEAD}, "200|" PLAIN "10 0");
  assert_answer(&file, (struct request){.method = HTTP_HEAD, .accept_encoding = "gzip"},
                GZIP "3 0");
  file.gzip = (struct bytes){0};
  assert_answer(&file, (struct request){.accept_encoding = "gzip"},
                "200|etag: " ETAG "|cache-control: no-cache|" RANGES TYPE "10 10");
}

static void test_fresh_answers(void **state)
{
  (void)state;
  struct static_file file = example();
  assert_answer(&file, (struct request){.if_none_match = ETAG}, "304|etag: " ETAG "|" CACHE "0 0");
  assert_answer(&file, (struct request){.if_none_match = "W/" ETAG, .method = HTTP_HEAD},
                "304|etag: " ETAG "|" CACHE "0 0");
  assert_answer(&file, (struct request){.if_none_match = "*", .accept_encoding = "gzip"},
                "304|etag: " ETAG_GZ "|" CACHE "0 0");
  assert_answer(&file, (struct request){.if_none_match = ETAG_GZ, .accept_encoding = "gzip"},
                "304|etag: " ETAG_GZ "|" CACHE "0 0");
  /* The other variant is not what would be sent now. */
  assert_answer(&file, (struct request){.if_none_match = ETAG, .accept_encoding = "gzip"},
                GZIP_200);
  assert_answer(&file, (struct request){.if_none_match = ETAG_GZ}, PLAIN_200);
  assert_answer(&file, (struct request){.if_none_match = "\"x\""}, PLAIN_200);
  assert_answer(&file, (struct request){.if_none_match = ""}, PLAIN_200);
  /* Before the range, RFC 9110 13.2.2. */
  assert_answer(&file, (struct request){.if_none_match = ETAG, .range = "bytes=1-2"},
                "304|etag: " ETAG "|" CACHE "0 0");
  assert_answer(&file, (struct request){.if_none_match = ETAG, .range = "bytes=10-"},
                "304|etag: " ETAG "|" CACHE "0 0");
}

static void test_partial_answers(void **state)
{
  (void)state;
  struct static_file file = example();
  assert_answer(&file, (struct request){.range = "bytes=2-4"},
                "206|" PLAIN "content-range: bytes 2-4/10|3 3");
  assert_answer(&file, (struct request){.range = "bytes=-1", .accept_encoding = "gzip"},
                "206|" PLAIN "content-range: bytes 9-9/10|1 1");
  assert_answer(&file, (struct request){.range = "bytes=0-", .if_range = ETAG},
                "206|" PLAIN "content-range: bytes 0-9/10|10 10");
  assert_answer(&file, (struct request){.range = "bytes=10-"},
                "416|" RANGES "content-range: bytes */10|0 0");
  assert_answer(&file, (struct request){.range = "bytes=10-", .if_none_match = "\"x\""},
                "416|" RANGES "content-range: bytes */10|0 0");
  struct static_answer out;
  answer(&file, (struct request){.range = "bytes=2-4"}, &out);
  assert_text(out.body, "234");
}

static void test_ranges_that_do_not_count(void **state)
{
  (void)state;
  struct static_file file = example();
  static const char *const others[] = {"W/" ETAG, ETAG_GZ, "\"x\"", "Sat, 29 Oct 1994 19:43:31 GMT",
                                       ""};
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    assert_answer(&file, (struct request){.range = "bytes=2-4", .if_range = others[i]}, PLAIN_200);
    assert_answer(&file, (struct request){.range = "bytes=10-", .if_range = others[i]}, PLAIN_200);
    assert_answer(
        &file,
        (struct request){.range = "bytes=2-4", .if_range = others[i], .accept_encoding = "gzip"},
        GZIP_200);
  }
  assert_answer(&file, (struct request){.range = "bytes=1-2,4-5"}, PLAIN_200);
  assert_answer(&file, (struct request){.range = "lines=1-2", .accept_encoding = "gzip"}, GZIP_200);
  assert_answer(&file, (struct request){.range = "bytes=1-2", .method = HTTP_HEAD},
                "200|" PLAIN "10 0");
  assert_answer(&file, (struct request){.if_range = ETAG}, PLAIN_200);
  file.plain = BYTES("");
  assert_answer(&file, (struct request){.range = "bytes=-1"}, "200|" PLAIN "0 0");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_tree_is_found_by_its_paths),
      cmocka_unit_test(test_an_empty_directory_has_no_files),
      cmocka_unit_test(test_many_files_are_all_found),
      cmocka_unit_test(test_types_by_extension),
      cmocka_unit_test(test_only_fingerprints_are_kept_for_ever),
      cmocka_unit_test(test_gzip_where_it_helps),
      cmocka_unit_test(test_tags_are_of_the_content),
      cmocka_unit_test(test_names_that_no_url_has_are_refused),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_a_path_too_long_is_refused),
      cmocka_unit_test(test_what_is_no_directory_is_not_found),
      cmocka_unit_test(test_every_failed_operation_is_told),
      cmocka_unit_test(test_every_failed_allocation_is_told),
      cmocka_unit_test(test_a_file_that_changes_is_refused),
      cmocka_unit_test(test_links_are_followed),
      cmocka_unit_test(test_whole_answers),
      cmocka_unit_test(test_fresh_answers),
      cmocka_unit_test(test_partial_answers),
      cmocka_unit_test(test_ranges_that_do_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
