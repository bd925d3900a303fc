#include "unit/net/tls_fixture.h"

#include "net/tls_parts.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_MS (INT64_C(86400000))

struct fixture {
  struct tls_files files;
  char path[TLS_SELF_PATH_BYTES];
  struct error error;
};

static void begin(struct fixture *fixture)
{
  *fixture = (struct fixture){0};
  tls_files_begin(&fixture->files, false);
}

static bool prepare(struct fixture *fixture)
{
  return tls_self_prepare(fixture->files.world, fixture->files.directory, fixture->path,
                          &fixture->error);
}

/* Only the certificate is in the directory: nothing half written is left beside it. */
static void assert_alone(struct fixture *fixture)
{
  char path[TLS_FILES_PATH_BYTES];
  tls_files_path(&fixture->files, "tls-self.pem.new", path);
  assert_int_equal(access(path, F_OK), -1);
}

/* The world's clock, moved by the test. */
static int64_t later_ms;

static int64_t later_clock_ms(struct world *world)
{
  struct world_linux plain;
  (void)world;
  world_linux_init(&plain);
  return world_clock_ms(&plain.world) + later_ms;
}

static int fail_sync(struct world *world, int file)
{
  (void)world;
  (void)file;
  return -EIO;
}

static int fail_rename(struct world *world, const char *from, const char *to)
{
  (void)world;
  (void)from;
  (void)to;
  return -EACCES;
}

static void test_makes_what_it_promises(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  if (!prepare(&fixture)) fail_msg("%s", fixture.error.message);
  struct stat status;
  assert_int_equal(stat(fixture.path, &status), 0);
  assert_int_equal(status.st_mode & ALLPERMS, 0600);
  assert_alone(&fixture);
  struct tls_credentials credentials;
  assert_true(tls_credentials_read(fixture.files.world, fixture.path, fixture.path, &credentials,
                                   &fixture.error));
  struct tls_certificate about;
  int64_t now_ms = world_clock_ms(fixture.files.world);
  tls_credentials_describe(&credentials, now_ms, &about);
  assert_string_equal(about.subject, "Traffic Tacos local");
  assert_string_equal(about.warning, "");
  assert_int_equal(about.not_after_ms - about.not_before_ms, TLS_SELF_DAYS * DAY_MS);
  assert_true(about.not_before_ms < now_ms);
  X509 *certificate = credentials.certificate;
  assert_int_equal(EVP_PKEY_get_base_id(credentials.key), EVP_PKEY_EC);
  assert_int_equal(EVP_PKEY_get_bits(credentials.key), 256);
  assert_int_equal(X509_check_host(certificate, "localhost", 0, 0, NULL), 1);
  assert_int_equal(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
  assert_int_equal(X509_check_ip_asc(certificate, "::1", 0), 1);
  assert_int_equal(X509_check_host(certificate, "example.com", 0, 0, NULL), 0);
  assert_int_equal(X509_check_ca(certificate), 0);
  assert_int_equal(X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0), 1);
  tls_credentials_free(&credentials);
  tls_files_end(&fixture.files);
}

static void test_reuses_it_until_a_week_is_left(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  fixture.files.operations.clock_ms = later_clock_ms;
  later_ms = 0;
  assert_true(prepare(&fixture));
  size_t size, size_now;
  char *made = tls_files_read(fixture.path, &size);
  later_ms = (TLS_SELF_DAYS - TLS_SELF_DAYS_LEFT) * DAY_MS - 2 * 3600000;
  assert_true(prepare(&fixture));
  char *now = tls_files_read(fixture.path, &size_now);
  assert_string_equal(now, made);
  free(now);
  later_ms += 2 * 3600000;
  assert_true(prepare(&fixture));
  now = tls_files_read(fixture.path, &size_now);
  assert_string_not_equal(now, made);
  free(now);
  free(made);
  assert_alone(&fixture);
  later_ms = 0;
  tls_files_end(&fixture.files);
}

static void test_makes_the_directory(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  char directory[TLS_FILES_PATH_BYTES];
  tls_files_path(&fixture.files, "below", directory);
  assert_true(tls_self_prepare(fixture.files.world, directory, fixture.path, &fixture.error));
  assert_int_equal(remove(fixture.path), 0);
  tls_files_path(&fixture.files, "absent/below", directory);
  assert_false(tls_self_prepare(fixture.files.world, directory, fixture.path, &fixture.error));
  assert_non_null(strstr(fixture.error.message, "cannot make the directory"));
  tls_files_end(&fixture.files);
}

static void assert_kept(struct fixture *fixture, const char *words)
{
  size_t size, size_after;
  char *before = tls_files_read(fixture->path, &size);
  assert_false(prepare(fixture));
  if (strstr(fixture->error.message, words) == NULL)
    fail_msg("\"%s\" lacks \"%s\"", fixture->error.message, words);
  char *after = tls_files_read(fixture->path, &size_after);
  assert_string_equal(before, after);
  free(before);
  free(after);
  assert_alone(fixture);
}

/* Another's certificate, also one with our name that its own key did not sign, and rubbish. */
static void test_never_overwrites_what_is_not_ours(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  assert_true(prepare(&fixture));
  EVP_PKEY *key = tls_files_make_key(0), *other = tls_files_make_key(0);
  X509 *foreign = tls_files_make_certificate(key, "example.com", NULL, NULL, 0, 1000);
  X509 *signed_by_other = tls_files_make_certificate(key, "Traffic Tacos local", NULL, other, 0,
                                                     1000);
  tls_files_write_pem(fixture.path, key, foreign, NULL);
  assert_kept(&fixture, "not made by this server");
  tls_files_write_pem(fixture.path, key, signed_by_other, NULL);
  assert_kept(&fixture, "not made by this server");
  tls_files_write_pem(fixture.path, NULL, foreign, NULL);
  assert_kept(&fixture, "It is kept");
  tls_files_write(fixture.path, "my notes\n", 9);
  assert_kept(&fixture, "It is kept");
  X509_free(foreign);
  X509_free(signed_by_other);
  EVP_PKEY_free(key);
  EVP_PKEY_free(other);
  tls_files_end(&fixture.files);
}

static void test_refuses_one_that_others_can_read(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  assert_true(prepare(&fixture));
  assert_int_equal(chmod(fixture.path, 0644), 0);
  assert_kept(&fixture, "run chmod 600");
  tls_files_end(&fixture.files);
}

/* One that ends soon stays in place whatever fails while its successor is written. */
static void test_survives_failures_of_the_disk(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  struct world_operations *operations = &fixture.files.operations;
  const struct world_operations whole = *operations;
  assert_true(prepare(&fixture));
  later_ms = (TLS_SELF_DAYS - 1) * DAY_MS;
  operations->clock_ms = later_clock_ms;
  operations->file_sync = fail_sync;
  assert_kept(&fixture, "cannot write");
  operations->file_sync = whole.file_sync;
  operations->file_rename = fail_rename;
  assert_kept(&fixture, "cannot write");
  operations->file_rename = whole.file_rename;
  /* What an interrupted attempt left is no obstacle. */
  char path[TLS_FILES_PATH_BYTES];
  tls_files_path(&fixture.files, "tls-self.pem.new", path);
  tls_files_write(path, "half", 4);
  assert_true(prepare(&fixture));
  assert_alone(&fixture);
  later_ms = 0;
  tls_files_end(&fixture.files);
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  struct fixture fixture;
  begin(&fixture);
  assert_true(prepare(&fixture));
  struct memory *memory = &fixture.files.world->memory;
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    memory->fail_at = memory->calls + n;
    done = prepare(&fixture);
    if (!done) assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_true(n < 10);
  }
  tls_files_end(&fixture.files);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_makes_what_it_promises),
      cmocka_unit_test(test_reuses_it_until_a_week_is_left),
      cmocka_unit_test(test_makes_the_directory),
      cmocka_unit_test(test_never_overwrites_what_is_not_ours),
      cmocka_unit_test(test_refuses_one_that_others_can_read),
      cmocka_unit_test(test_survives_failures_of_the_disk),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
