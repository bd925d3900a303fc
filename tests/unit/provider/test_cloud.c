#include "provider/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct clouds {
  struct memory memory;
  struct arena arena;
  char path[64];
  struct cloud *one;
  struct cloud *other; /* as another process would have it */
};

static void open_clouds(struct clouds *clouds)
{
  *clouds = (struct clouds){.path = "/tmp/tacos-cloud-XXXXXX"};
  int fd = mkstemp(clouds->path);
  assert_true(fd >= 0);
  close(fd);
  arena_init(&clouds->arena, &clouds->memory);
  clouds->one = cloud_new(clouds->path, &clouds->memory);
  clouds->other = cloud_new(clouds->path, &clouds->memory);
}

static void close_clouds(struct clouds *clouds)
{
  cloud_free(clouds->one);
  cloud_free(clouds->other);
  arena_free(&clouds->arena);
  unlink(clouds->path);
  assert_int_equal(clouds->memory.in_use, 0);
}

static struct cloud_key key(const char *id)
{
  return (struct cloud_key){BYTES("aws_vpc"), BYTES("r"), bytes_of_text(id)};
}

static void put(struct cloud *cloud, const char *id, const char *state)
{
  struct error error = {0};
  struct cloud_key at = key(id);
  if (!cloud_put(cloud, &at, bytes_of_text(state), &error)) fail_msg("%s", error.message);
}

static void assert_state(struct clouds *clouds, struct cloud *cloud, const char *id,
                         const char *state)
{
  struct error error = {0};
  struct bytes found;
  struct cloud_key at = key(id);
  if (!cloud_find(cloud, &at, &clouds->arena, &found, &error)) fail_msg("%s", error.message);
  assert_true(bytes_equal(found, bytes_of_text(state)));
}

static void test_two_processes_see_each_other(void **state)
{
  (void)state;
  struct clouds clouds;
  struct error error;
  struct cloud_resource *all;
  size_t count;
  open_clouds(&clouds);
  put(clouds.one, "a", "{\"n\":1}");
  assert_state(&clouds, clouds.other, "a", "{\"n\":1}");
  put(clouds.other, "a", "{\"n\":2}");
  put(clouds.other, "b", "{}");
  assert_state(&clouds, clouds.one, "a", "{\"n\":2}");
  assert_true(cloud_list(clouds.one, BYTES("aws_vpc"), &clouds.arena, &all, &count, &error));
  assert_int_equal(count, 2);
  put(clouds.one, "a", "");
  assert_state(&clouds, clouds.other, "a", "");
  put(clouds.one, "b", "");
  put(clouds.one, "c", "{}");
  assert_state(&clouds, clouds.other, "b", "");
  assert_state(&clouds, clouds.other, "c", "{}");
  close_clouds(&clouds);
}

static void append_to(const char *path, const char *text)
{
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void test_a_line_cut_off_is_not_there(void **state)
{
  (void)state;
  struct clouds clouds;
  open_clouds(&clouds);
  put(clouds.one, "a", "{}");
  append_to(clouds.path, "{\"type\":\"aws_vpc\",\"region\":\"r\",\"id\":\"b\",\"sta");
  assert_state(&clouds, clouds.other, "b", "");
  put(clouds.other, "c", "{}");
  assert_state(&clouds, clouds.one, "c", "{}");
  assert_state(&clouds, clouds.one, "a", "{}");
  close_clouds(&clouds);
}

static void test_other_files_are_not_touched(void **state)
{
  (void)state;
  struct clouds clouds;
  struct error error = {0};
  struct bytes found;
  struct cloud_key at = key("a");
  open_clouds(&clouds);
  append_to(clouds.path, "a diary that has nothing to do with this and is longer than a header\n");
  assert_false(cloud_find(clouds.one, &at, &clouds.arena, &found, &error));
  assert_int_equal(error.code, ERROR_CORRUPT);
  assert_false(cloud_put(clouds.one, &at, BYTES("{}"), &error));
  close_clouds(&clouds);
}

static void test_a_wrong_line_says_where(void **state)
{
  (void)state;
  struct clouds clouds;
  struct error error = {0};
  struct bytes found;
  struct cloud_key at = key("a");
  open_clouds(&clouds);
  put(clouds.one, "a", "{}");
  append_to(clouds.path, "not JSON\n");
  assert_false(cloud_find(clouds.other, &at, &clouds.arena, &found, &error));
  assert_non_null(strstr(error.message, "offset"));
  close_clouds(&clouds);
}

static void test_a_file_that_went_away(void **state)
{
  (void)state;
  struct clouds clouds;
  open_clouds(&clouds);
  put(clouds.one, "a", "{}");
  unlink(clouds.path);
  assert_state(&clouds, clouds.one, "a", "");
  close_clouds(&clouds);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_two_processes_see_each_other),
      cmocka_unit_test(test_a_line_cut_off_is_not_there),
      cmocka_unit_test(test_other_files_are_not_touched),
      cmocka_unit_test(test_a_wrong_line_says_where),
      cmocka_unit_test(test_a_file_that_went_away),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
