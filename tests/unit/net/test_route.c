#include "net/route.h"

#include "sim/random.h"
#include "unit/net/route_naive.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define GET     HTTP_BIT(HTTP_GET)
#define HEAD    HTTP_BIT(HTTP_HEAD)
#define POST    HTTP_BIT(HTTP_POST)
#define DELETE  HTTP_BIT(HTTP_DELETE)
#define OPTIONS HTTP_BIT(HTTP_OPTIONS)

static void answer(struct exchange *exchange)
{
  (void)exchange;
}

#define ROW(of_methods, of_pattern)                                     \
  {                                                                     \
    .methods = (of_methods), .pattern = (of_pattern), .handler = answer \
  }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct route_index *index_of(const struct route *routes, size_t count, struct memory *memory)
{
  struct error error;
  struct route_index *index = route_index_new(routes, count, memory, &error);
  if (index == NULL) fail_msg("%s", error.message);
  return index;
}

/* The row that answers; parameters in expected are joined by commas. */
static void assert_match(const struct route_index *index, enum http_method method, const char *path,
                         const struct route *route, const char *expected)
{
  struct route_match match;
  struct buffer joined;
  struct memory memory = {0};
  buffer_init(&joined, &memory);
  route_match(index, method, bytes_of_text(path), &match);
  if (match.route != route)
    fail_msg("%s is answered by %s", path, match.route == NULL ? "none" : match.route->pattern);
  for (uint32_t i = 0; i < match.parameter_count; i++) {
    if (i > 0) assert_true(buffer_append_byte(&joined, ','));
    assert_true(buffer_append(&joined, match.parameters[i]));
  }
  assert_int_equal(joined.size, strlen(expected));
  if (joined.size > 0) assert_memory_equal(joined.data, expected, joined.size);
  buffer_free(&joined);
}

static uint32_t allowed(const struct route_index *index, const char *path)
{
  struct route_match match;
  route_match(index, HTTP_OTHER, bytes_of_text(path), &match);
  assert_null(match.route);
  return match.allowed;
}

static void test_finds_literals_and_parameters(void **state)
{
  (void)state;
  static const struct route routes[] = {
      ROW(GET, "/"),
      ROW(GET, "/healthz"),
      ROW(GET | POST, "/api/v1/events"),
      ROW(GET, "/api/v1/events/{id}"),
      ROW(POST, "/api/v1/reservations/{id}/confirm"),
      ROW(GET, "/api/v1/events/{event}/seats/{seat}"),
      ROW(GET, "/.well-known/@x!$&'()*+,;=:~"),
      ROW(DELETE, "/{a}/{b}/{c}/{d}"),
  };
  struct memory memory = {0};
  struct route_index *index = index_of(routes, COUNT(routes), &memory);
  assert_match(index, HTTP_GET, "/", &routes[0], "");
  assert_match(index, HTTP_GET, "/healthz", &routes[1], "");
  assert_match(index, HTTP_POST, "/api/v1/events", &routes[2], "");
  assert_match(index, HTTP_GET, "/api/v1/events/e-1", &routes[3], "e-1");
  assert_match(index, HTTP_POST, "/api/v1/reservations/a.b_c~d:E-9/confirm", &routes[4],
               "a.b_c~d:E-9");
  assert_match(index, HTTP_GET, "/api/v1/events/7/seats/A1", &routes[5], "7,A1");
  assert_match(index, HTTP_GET, "/.well-known/@x!$&'()*+,;=:~", &routes[6], "");
  assert_match(index, HTTP_DELETE, "/1/2/3/4", &routes[7], "1,2,3,4");
  static const char *const unknown[] = {
      "",
      "*",
      "healthz",
      "//",
      "/healthz/",
      "//healthz",
      "/Healthz",
      "/health",
      "/healthzz",
      "/api",
      "/api/v1/events/",
      "/api/v1/events/a/",
      "/api//v1",
      "/./healthz",
      "/api/v1/events/%31",
      "/h%65althz",
      "/api/v1/events/a b",
      "/healthz?",
  };
  for (size_t i = 0; i < COUNT(unknown); i++) {
    assert_match(index, HTTP_GET, unknown[i], NULL, "");
    assert_int_equal(allowed(index, unknown[i]), 0);
  }
  route_index_free(index);
  assert_int_equal(memory.in_use, 0);
}

/* A literal that leads nowhere gives way to the parameter beside it, at every depth. */
static void test_literal_wins_and_falls_back(void **state)
{
  (void)state;
  static const struct route routes[] = {
      ROW(GET, "/a/{x}/c"),  ROW(GET, "/a/b/d"),       ROW(GET, "/{w}/{x}/c/{y}"),
      ROW(GET, "/a/{x}"),    ROW(GET, "/a/b"),         ROW(POST, "/a/{x}/d"),
      ROW(GET, "/f/{x...}"), ROW(GET, "/f/{x}/{y}/z"), ROW(GET, "/f/b/{y...}"),
  };
  struct memory memory = {0};
  struct route_index *index = index_of(routes, COUNT(routes), &memory);
  assert_match(index, HTTP_GET, "/a/b/c", &routes[0], "b");
  assert_match(index, HTTP_GET, "/a/b/d", &routes[1], "");
  assert_match(index, HTTP_GET, "/a/b/c/d", &routes[2], "a,b,d");
  assert_match(index, HTTP_GET, "/a/bb", &routes[3], "bb");
  assert_match(index, HTTP_GET, "/a/b", &routes[4], "");
  /* Also when it is the method that the literal lacks. */
  assert_match(index, HTTP_POST, "/a/b/d", &routes[5], "b");
  assert_match(index, HTTP_GET, "/f/1/2/z", &routes[7], "1,2");
  assert_match(index, HTTP_GET, "/f/1/2/y", &routes[6], "1/2/y");
  assert_match(index, HTTP_GET, "/f/b/2/z", &routes[8], "2/z");
  assert_match(index, HTTP_GET, "/f/b", &routes[6], "b");
  route_index_free(index);
}

static void test_allowed_is_of_all_patterns_that_fit(void **state)
{
  (void)state;
  static const struct route routes[] = {
      ROW(GET, "/a/b"),
      ROW(DELETE, "/a/b"),
      ROW(POST, "/a/{x}"),
      ROW(OPTIONS, "/{rest...}"),
  };
  struct memory memory = {0};
  struct route_index *index = index_of(routes, COUNT(routes), &memory);
  assert_int_equal(allowed(index, "/a/b"), GET | DELETE | POST | OPTIONS);
  assert_int_equal(allowed(index, "/a/c"), POST | OPTIONS);
  assert_int_equal(allowed(index, "/a"), OPTIONS);
  assert_int_equal(allowed(index, "/"), 0);
  assert_match(index, HTTP_PUT, "/a/b", NULL, "");
  struct route_match match;
  route_match(index, HTTP_GET, BYTES("/a/b"), &match);
  assert_int_equal(match.allowed, GET | DELETE | POST | OPTIONS);
  route_index_free(index);
}

static void test_head_is_answered_by_get(void **state)
{
  (void)state;
  static const struct route routes[] = {
      ROW(GET, "/a"),   ROW(POST, "/b"),     ROW(GET, "/c"),    ROW(HEAD, "/c"),
      ROW(GET, "/d/e"), ROW(HEAD, "/d/{x}"), ROW(POST, "/f/e"), ROW(GET, "/f/{x}"),
  };
  struct memory memory = {0};
  struct route_index *index = index_of(routes, COUNT(routes), &memory);
  assert_match(index, HTTP_HEAD, "/a", &routes[0], "");
  assert_match(index, HTTP_HEAD, "/b", NULL, "");
  assert_match(index, HTTP_HEAD, "/c", &routes[3], "");
  assert_match(index, HTTP_GET, "/c", &routes[2], "");
  assert_match(index, HTTP_HEAD, "/d/e", &routes[4], "");
  assert_match(index, HTTP_HEAD, "/f/e", &routes[7], "e");
  assert_int_equal(allowed(index, "/a"), GET);
  route_index_free(index);
}

/* Every byte, alone and among others that are good, and every size up to beyond the limit. */
static void test_bytes_and_sizes_of_parameters(void **state)
{
  (void)state;
  static const struct route routes[] = {ROW(GET, "/p/{id}/x"), ROW(GET, "/r/{rest...}")};
  struct memory memory = {0};
  struct route_index *index = index_of(routes, COUNT(routes), &memory);
  for (int byte = 0; byte < 256; byte++) {
    for (size_t size = 1; size <= 40; size += 13) {
      char path[64] = "/p/";
      for (size_t i = 0; i < size; i++) path[3 + i] = 'a';
      path[3 + size / 2] = (char)byte;
      memcpy(path + 3 + size, "/x", 3);
      assert_true(route_naive_agrees(index, routes, 2, HTTP_GET, bytes_of(path, size + 5)));
      path[1] = 'r';
      assert_true(route_naive_agrees(index, routes, 2, HTTP_GET, bytes_of(path, size + 5)));
    }
  }
  for (size_t size = 0; size < 1000; size++) {
    char path[1024] = "/p/";
    memset(path + 3, '7', size);
    memcpy(path + 3 + size, "/x", 3);
    struct route_match match;
    route_match(index, HTTP_GET, bytes_of(path, size + 5), &match);
    assert_int_equal(match.route != NULL, size >= 1 && size <= ROUTE_PARAMETER_BYTES);
    path[1] = 'r';
    route_match(index, HTTP_GET, bytes_of(path, size + 5), &match);
    assert_int_equal(match.route != NULL, size + 2 <= ROUTE_PARAMETER_BYTES);
  }
  route_index_free(index);
}

/* Literals of every size that differ in one byte: no two are taken for each other. */
static void test_literals_that_differ_in_one_byte(void **state)
{
  (void)state;
  for (size_t size = 1; size <= 40; size++) {
    for (size_t at = 0; at < size; at++) {
      char left[48] = "/", right[48] = "/";
      memset(left + 1, 'a', size);
      memset(right + 1, 'a', size);
      right[1 + at] = 'b';
      struct route routes[] = {ROW(GET, left), ROW(GET, right)};
      struct memory memory = {0};
      struct route_index *index = index_of(routes, 2, &memory);
      assert_match(index, HTTP_GET, left, &routes[0], "");
      assert_match(index, HTTP_GET, right, &routes[1], "");
      char neither[48];
      memcpy(neither, left, sizeof neither);
      neither[1 + at] = 'c';
      assert_match(index, HTTP_GET, neither, NULL, "");
      route_index_free(index);
    }
  }
}

static void assert_refused(const struct route *routes, size_t count, const char *in_message)
{
  struct memory memory = {0};
  struct error error = {0};
  assert_null(route_index_new(routes, count, &memory, &error));
  assert_int_equal(error.code, ERROR_INVALID);
  if (strstr(error.message, in_message) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", error.message, in_message);
  assert_int_equal(memory.in_use, 0);
}

static void test_refuses_malformed_patterns(void **state)
{
  (void)state;
  static const struct {
    const char *pattern, *why;
  } bad[] = {
      {"", "does not begin with a slash"},
      {"a/b", "does not begin with a slash"},
      {"{x}", "does not begin with a slash"},
      {"//", "ends with a slash"},
      {"/a/", "ends with a slash"},
      {"//a", "empty segment"},
      {"/a//b", "empty segment"},
      {"/a/{", "not closed"},
      {"/a/{x", "not closed"},
      {"/a/{x/b}", "not closed"},
      {"/a/{x}y", "not closed"},
      {"/a/x}", "a byte that no path has"},
      {"/a/x{y}", "a byte that no path has"},
      {"/a b", "a byte that no path has"},
      {"/a?b", "a byte that no path has"},
      {"/a%20b", "a byte that no path has"},
      {"/\xc3\xa9", "a byte that no path has"},
      {"/a/../b", "a segment of dots"},
      {"/.", "a segment of dots"},
      {"/{}", "a parameter whose name"},
      {"/{...}", "a parameter whose name"},
      {"/{a-b}", "a parameter whose name"},
      {"/{..}", "a parameter whose name"},
      {"/{{a}}", "a parameter whose name"},
      {"/{a}/{a}", "two parameters of a name"},
      {"/{a}/b/{a...}", "two parameters of a name"},
      {"/{a...}/b", "a rest that is not last"},
      {"/{a}/{b}/{c}/{d}/{e}", "too many parameters"},
      {"/1/2/3/4/5/6/7/8/9/10/11/12/13", "too many segments"},
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    /* A good row before it: what was built of it goes back. */
    struct route routes[] = {ROW(GET, "/good/{id}"), ROW(GET, bad[i].pattern)};
    assert_refused(routes, 2, bad[i].why);
    char name[80];
    snprintf(name, sizeof name, "route \"%s\" ", bad[i].pattern);
    assert_refused(routes, 2, name);
  }
  struct route no_method = ROW(0, "/a");
  assert_refused(&no_method, 1, "has no method");
  struct route odd_method = ROW(GET | HTTP_BIT(HTTP_OTHER), "/a");
  assert_refused(&odd_method, 1, "without a name");
  struct route no_handler = {.methods = GET, .pattern = "/a"};
  assert_refused(&no_handler, 1, "has no handler");
}

static void test_limits_of_size(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct error error;
  char text[400] = "/";
  memset(text + 1, 'x', sizeof text - 2);
  struct route routes[] = {ROW(GET, text)};
  assert_null(route_index_new(routes, 1, &memory, &error));
  assert_non_null(strstr(error.message, "is too long"));
  text[ROUTE_PATTERN_BYTES] = 0;
  struct route_index *index = index_of(routes, 1, &memory);
  assert_match(index, HTTP_GET, text, &routes[0], "");
  route_index_free(index);
  /* All at their limits: segments, parameters and sizes. */
  struct route deep[] = {ROW(GET, "/1/2/3/4/5/6/7/8/{a}/{b}/{c}/{d}"),
                         ROW(GET, "/1/2/3/4/5/6/7/9/{a}/{b}/{c}/{d...}")};
  index = index_of(deep, 2, &memory);
  char path[1024] = "/1/2/3/4/5/6/7/8";
  size_t size = strlen(path);
  for (int i = 0; i < 4; i++) {
    path[size] = '/';
    memset(path + size + 1, 'v', ROUTE_PARAMETER_BYTES);
    size += 1 + ROUTE_PARAMETER_BYTES;
  }
  struct route_match match;
  route_match(index, HTTP_GET, bytes_of(path, size), &match);
  assert_ptr_equal(match.route, &deep[0]);
  assert_int_equal(match.parameter_count, 4);
  assert_match(index, HTTP_GET, "/1/2/3/4/5/6/7/8/a/b/c/d/e", NULL, "");
  assert_match(index, HTTP_GET, "/1/2/3/4/5/6/7/9/a/b/c/d/e/f", &deep[1], "a,b,c,d/e/f");
  route_index_free(index);
  assert_int_equal(memory.in_use, 0);
}

static void test_limit_of_rows(void **state)
{
  (void)state;
  static struct route routes[ROUTES_MAX + 1];
  static char patterns[ROUTES_MAX + 1][80];
  for (int i = 0; i <= ROUTES_MAX; i++) {
    snprintf(patterns[i], sizeof patterns[i], "/%d/b/c/d/e/f/g/h/i/j/k/l", i);
    routes[i] = (struct route)ROW(GET, patterns[i]);
  }
  struct memory memory = {0};
  struct error error;
  assert_null(route_index_new(routes, ROUTES_MAX + 1, &memory, &error));
  assert_int_equal(error.code, ERROR_LIMIT);
  struct route_index *index = index_of(routes, ROUTES_MAX, &memory);
  for (int i = 0; i < ROUTES_MAX; i++) assert_match(index, HTTP_GET, patterns[i], &routes[i], "");
  route_index_free(index);
  index = index_of(routes, 0, &memory);
  assert_match(index, HTTP_GET, "/", NULL, "");
  route_index_free(index);
  assert_int_equal(memory.in_use, 0);
}

static void test_refuses_rows_in_conflict(void **state)
{
  (void)state;
  struct route same[] = {ROW(GET, "/a/{x}/b"), ROW(POST, "/a/{x}/b"), ROW(GET | POST, "/a/{y}/b")};
  assert_refused(same, 3, "routes \"/a/{x}/b\" and \"/a/{y}/b\" both answer GET");
  struct route rests[] = {ROW(DELETE, "/{x...}"), ROW(DELETE, "/{y...}")};
  assert_refused(rests, 2, "routes \"/{x...}\" and \"/{y...}\" both answer DELETE");
  struct route roots[] = {ROW(GET, "/"), ROW(GET, "/")};
  assert_refused(roots, 2, "both answer GET");
  char left[ROUTE_PATTERN_BYTES + 1] = "/{x}/", right[ROUTE_PATTERN_BYTES + 1] = "/{y}/";
  memset(left + 5, 'l', ROUTE_PATTERN_BYTES - 5);
  memset(right + 5, 'l', ROUTE_PATTERN_BYTES - 5);
  struct route long_ones[] = {ROW(OPTIONS, left), ROW(OPTIONS, right)};
  assert_refused(long_ones, 2, "lll\" both answer OPTIONS at the same paths");
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  static const struct route routes[] = {ROW(GET, "/a/{x}/b"), ROW(GET, "/a/c")};
  for (uint64_t n = 1;; n++) {
    struct memory memory = {.fail_at = n};
    struct error error = {0};
    struct route_index *index = route_index_new(routes, 2, &memory, &error);
    if (index != NULL) {
      assert_true(n > 1);
      assert_match(index, HTTP_GET, "/a/1/b", &routes[0], "1");
      route_index_free(index);
      assert_int_equal(memory.in_use, 0);
      return;
    }
    assert_int_equal(error.code, ERROR_NO_MEMORY);
    assert_int_equal(memory.in_use, 0);
  }
}

static void assert_allow(uint32_t methods, const char *expected)
{
  char text[ROUTE_ALLOW_BYTES];
  size_t size = route_allow(methods, text);
  assert_int_equal(size, strlen(expected));
  assert_memory_equal(text, expected, size);
}

static void test_allow_lists_methods(void **state)
{
  (void)state;
  assert_allow(0, "OPTIONS");
  assert_allow(GET, "GET, HEAD, OPTIONS");
  assert_allow(HEAD, "HEAD, OPTIONS");
  assert_allow(POST | DELETE | OPTIONS, "POST, DELETE, OPTIONS");
  assert_allow(UINT32_MAX, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

/* --- random tables and paths of few segments, so that they meet often --- */

enum { RANDOM_TABLES = 3000, RANDOM_PATHS = 60, RANDOM_ROWS = 12, PATTERN_BYTES = 128 };

struct random_table {
  struct route routes[RANDOM_ROWS];
  char patterns[RANDOM_ROWS][PATTERN_BYTES];
  size_t count;
};

static void make_pattern(struct random *random, char *text)
{
  static const char *const literals[] = {"a", "b", "ab", "confirm-confirm-confirm"};
  static const char *const names[] = {"{w}", "{x}", "{y}", "{z}"};
  size_t depth = random_between(random, 1, 4), size = 0;
  for (size_t i = 0; i < depth; i++) {
    const char *segment = literals[random_below(random, 4)];
    if (random_below(random, 3) == 0) segment = names[i];
    if (i + 1 == depth && random_below(random, 6) == 0) segment = "{rest...}";
    size += (size_t)sprintf(text + size, "/%s", segment);
  }
  if (random_below(random, 20) == 0) strcpy(text, "/");
}

/* The shape of a pattern: two of the same answer the same paths. */
static void make_shape(const char *pattern, char *shape)
{
  for (; *pattern != 0; pattern++) {
    *shape++ = *pattern;
    if (*pattern != '{') continue;
    while (*pattern != '}') pattern++;
    *shape++ = pattern[-1] == '.' ? '.' : '}';
  }
  *shape = 0;
}

static bool in_conflict(const struct random_table *table, const struct route *route)
{
  char shape[PATTERN_BYTES], other[PATTERN_BYTES];
  make_shape(route->pattern, shape);
  for (size_t i = 0; i < table->count; i++) {
    make_shape(table->routes[i].pattern, other);
    if (strcmp(shape, other) == 0 && (route->methods & table->routes[i].methods) != 0) return true;
  }
  return false;
}

static void assert_conflict_is_found(struct random_table *table)
{
  struct memory memory = {0};
  struct error error;
  assert_null(route_index_new(table->routes, table->count + 1, &memory, &error));
  assert_int_equal(error.code, ERROR_INVALID);
  assert_int_equal(memory.in_use, 0);
}

static void make_table(struct random *random, struct random_table *table)
{
  size_t wanted = random_between(random, 1, RANDOM_ROWS);
  table->count = 0;
  for (size_t tries = 0; tries < 3 * RANDOM_ROWS && table->count < wanted; tries++) {
    struct route *route = &table->routes[table->count];
    make_pattern(random, table->patterns[table->count]);
    *route = (struct route)ROW(0, table->patterns[table->count]);
    /* Few at a time, so that rows of one pattern are not all in conflict. */
    route->methods = HTTP_BIT(random_below(random, HTTP_METHOD_COUNT));
    if (random_below(random, 3) == 0)
      route->methods |= HTTP_BIT(random_below(random, HTTP_METHOD_COUNT));
    if (!in_conflict(table, route))
      table->count++;
    else if (random_below(random, 16) == 0)
      assert_conflict_is_found(table);
  }
}

static size_t make_path(struct random *random, char *text)
{
  static const char *const segments[] = {
      "a", "b",    "ab",    "confirm-confirm-confirm", "confirm-confirm_confirm", "c",
      "",  "x%20", "~7:_.-"};
  size_t depth = random_between(random, 0, 5), size = 0;
  for (size_t i = 0; i < depth; i++) {
    size_t most = random_below(random, 4) == 0 ? 9 : 4;
    size += (size_t)sprintf(text + size, "/%s", segments[random_below(random, most)]);
  }
  return size;
}

static void test_agrees_with_the_naive_matcher(void **state)
{
  (void)state;
  const char *text = getenv("TACOS_SEED");
  uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
  struct random random;
  random_init(&random, seed);
  for (int i = 0; i < RANDOM_TABLES; i++) {
    struct random_table table;
    struct memory memory = {0};
    make_table(&random, &table);
    struct route_index *index = index_of(table.routes, table.count, &memory);
    for (int j = 0; j < RANDOM_PATHS; j++) {
      char path[200];
      size_t size = make_path(&random, path);
      enum http_method method = (enum http_method)random_below(&random, HTTP_METHOD_COUNT + 1);
      if (!route_naive_agrees(index, table.routes, table.count, method, bytes_of(path, size)))
        fail_msg("table %d, %.*s: replay: TACOS_SEED=%" PRIu64
                 " build/asan/tests/unit/net/test_route",
                 i, (int)size, path, seed);
    }
    route_index_free(index);
    assert_int_equal(memory.in_use, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_finds_literals_and_parameters),
      cmocka_unit_test(test_literal_wins_and_falls_back),
      cmocka_unit_test(test_allowed_is_of_all_patterns_that_fit),
      cmocka_unit_test(test_head_is_answered_by_get),
      cmocka_unit_test(test_bytes_and_sizes_of_parameters),
      cmocka_unit_test(test_literals_that_differ_in_one_byte),
      cmocka_unit_test(test_refuses_malformed_patterns),
      cmocka_unit_test(test_limits_of_size),
      cmocka_unit_test(test_limit_of_rows),
      cmocka_unit_test(test_refuses_rows_in_conflict),
      cmocka_unit_test(test_every_allocation_may_fail),
      cmocka_unit_test(test_allow_lists_methods),
      cmocka_unit_test(test_agrees_with_the_naive_matcher),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
