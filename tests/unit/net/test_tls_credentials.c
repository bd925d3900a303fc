#include "unit/net/tls_fixture.h"

#include "net/tls_parts.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DAY_SECONDS = 86400 };

static bool read_pair(struct tls_files *files, struct error *error)
{
  struct tls_credentials credentials;
  bool read = tls_credentials_read(files->world, files->certificate, files->key, &credentials,
                                   error);
  assert_int_equal(files->world->memory.in_use, 0);
  if (read) tls_credentials_free(&credentials);
  return read;
}

/* The read fails with this code and these words; the file's name is among them. */
static void assert_refused(struct tls_files *files, enum error_code code, const char *path,
                           const char *words)
{
  struct error error;
  assert_false(read_pair(files, &error));
  assert_int_equal(error.code, code);
  if (strstr(error.message, path) == NULL || strstr(error.message, words) == NULL)
    fail_msg("\"%s\" lacks \"%s\"", error.message, words);
}

static void test_reads_a_pair(void **state)
{
  (void)state;
  struct tls_files files;
  struct error error;
  tls_files_begin(&files, true);
  struct tls_credentials credentials;
  assert_true(
      tls_credentials_read(files.world, files.certificate, files.key, &credentials, &error));
  assert_int_equal(sk_X509_num(credentials.chain), 0);
  struct tls_certificate certificate;
  int64_t now_ms = world_clock_ms(files.world);
  tls_credentials_describe(&credentials, now_ms, &certificate);
  assert_string_equal(certificate.subject, "localhost");
  assert_string_equal(certificate.warning, "");
  assert_in_range(certificate.not_after_ms, now_ms + 29 * DAY_SECONDS * INT64_C(1000),
                  now_ms + 31 * DAY_SECONDS * INT64_C(1000));
  tls_credentials_free(&credentials);
  tls_files_end(&files);
}

/* Both in one file, in either order. */
static void test_reads_one_file_with_both(void **state)
{
  (void)state;
  struct tls_files files;
  struct error error;
  tls_files_begin(&files, true);
  size_t key_size, certificate_size;
  char *key = tls_files_read(files.key, &key_size);
  char *certificate = tls_files_read(files.certificate, &certificate_size);
  char both[8192];
  for (int order = 0; order < 2; order++) {
    (void)snprintf(both, sizeof both, "words before\n%s%s", order == 0 ? key : certificate,
                   order == 0 ? certificate : key);
    tls_files_write(files.certificate, both, strlen(both));
    tls_files_write(files.key, both, strlen(both));
    if (!read_pair(&files, &error)) fail_msg("%s", error.message);
  }
  free(key);
  free(certificate);
  tls_files_end(&files);
}

static void test_chains(void **state)
{
  (void)state;
  struct tls_files files;
  struct error error;
  tls_files_begin(&files, true);
  EVP_PKEY *key = tls_files_make_key(0);
  EVP_PKEY *root_key = tls_files_make_key(0);
  long until = 30 * DAY_SECONDS;
  X509 *root = tls_files_make_certificate(root_key, "root", NULL, NULL, 0, until);
  X509 *other = tls_files_make_certificate(root_key, "other", NULL, NULL, 0, until);
  X509 *leaf = tls_files_make_certificate(key, "leaf", "root", root_key, 0, until);
  tls_files_write_pem(files.key, key, NULL, NULL);
  for (int ordered = 0; ordered < 2; ordered++) {
    tls_files_write_pem(files.certificate, NULL, leaf, ordered == 1 ? root : other);
    struct tls_credentials credentials;
    assert_true(
        tls_credentials_read(files.world, files.certificate, files.key, &credentials, &error));
    assert_int_equal(sk_X509_num(credentials.chain), 1);
    struct tls_certificate certificate;
    tls_credentials_describe(&credentials, world_clock_ms(files.world) + 1000, &certificate);
    assert_string_equal(certificate.subject, "leaf");
    assert_int_equal(strstr(certificate.warning, "out of order") == NULL, ordered);
    tls_credentials_free(&credentials);
  }
  /* The issuer first: then it is taken for the server's. */
  tls_files_write_pem(files.certificate, NULL, root, leaf);
  assert_refused(&files, ERROR_KEY, files.certificate, "does not belong to");
  X509_free(root);
  X509_free(other);
  X509_free(leaf);
  EVP_PKEY_free(key);
  EVP_PKEY_free(root_key);
  tls_files_end(&files);
}

static void test_warns_of_its_time(void **state)
{
  (void)state;
  struct tls_files files;
  struct error error;
  tls_files_begin(&files, true);
  struct tls_credentials credentials;
  assert_true(
      tls_credentials_read(files.world, files.certificate, files.key, &credentials, &error));
  struct tls_certificate certificate;
  int64_t day_ms = INT64_C(1000) * DAY_SECONDS, now_ms = world_clock_ms(files.world);
  tls_credentials_describe(&credentials, now_ms + 31 * day_ms, &certificate);
  assert_non_null(strstr(certificate.warning, "expired at 20"));
  tls_credentials_describe(&credentials, now_ms - 101 * day_ms, &certificate);
  assert_non_null(strstr(certificate.warning, "valid from 20"));
  tls_credentials_describe(&credentials, certificate.not_after_ms - 1, &certificate);
  assert_string_equal(certificate.warning, "");
  tls_credentials_free(&credentials);
  tls_files_end(&files);
}

static void test_refuses_files_that_are_none(void **state)
{
  (void)state;
  struct tls_files files;
  tls_files_begin(&files, true);
  size_t size;
  char *pem = tls_files_read(files.certificate, &size);
  assert_int_equal(remove(files.certificate), 0);
  assert_refused(&files, ERROR_IO, files.certificate, "No such file");
  tls_files_write(files.certificate, "", 0);
  assert_refused(&files, ERROR_INVALID, files.certificate, "is empty");
  tls_files_write(files.certificate, "hello\n", 6);
  assert_refused(&files, ERROR_INVALID, files.certificate, "BEGIN CERTIFICATE");
  char *large = calloc(1, TLS_FILE_BYTES + 1);
  assert_non_null(large);
  tls_files_write(files.certificate, large, TLS_FILE_BYTES + 1);
  assert_refused(&files, ERROR_LIMIT, files.certificate, "larger than");
  free(large);
  /* Damaged in the first certificate, and in the second. */
  char text[8192];
  (void)snprintf(text, sizeof text, "%s%s", pem, pem);
  char *second = text + size;
  second[60] = second[60] == 'A' ? 'B' : 'A';
  memcpy(second + 100, "!!!!", 4);
  tls_files_write(files.certificate, text, 2 * size);
  assert_refused(&files, ERROR_INVALID, files.certificate, "certificate 2 of");
  tls_files_write(files.certificate, second, size);
  assert_refused(&files, ERROR_INVALID, files.certificate, "certificate 1 of");
  tls_files_write(files.certificate, pem, size);
  tls_files_write(files.key, pem, size);
  assert_refused(&files, ERROR_KEY, files.key, "no private key");
  assert_int_equal(remove(files.key), 0);
  assert_refused(&files, ERROR_IO, files.key, "cannot open the key file");
  free(pem);
  tls_files_end(&files);
}

static void test_refuses_keys_that_others_see(void **state)
{
  (void)state;
  static const struct {
    mode_t mode;
    bool good;
  } cases[] = {{0600, true},  {0400, true},  {0640, true},  {0440, true},
               {0644, false}, {0604, false}, {0660, false}, {0602, false}};
  struct tls_files files;
  struct error error;
  tls_files_begin(&files, true);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(chmod(files.key, cases[i].mode), 0);
    assert_int_equal(read_pair(&files, &error), cases[i].good);
    if (cases[i].good) continue;
    assert_int_equal(error.code, ERROR_KEY);
    assert_non_null(strstr(error.message, "run chmod 600 /tmp"));
  }
  tls_files_end(&files);
}

static void test_refuses_a_passphrase(void **state)
{
  (void)state;
  struct tls_files files;
  tls_files_begin(&files, true);
  EVP_PKEY *key = tls_files_make_key(0);
  BIO *text = BIO_new(BIO_s_mem());
  unsigned char word[] = "word";
  assert_int_equal(
      PEM_write_bio_PrivateKey(text, key, EVP_aes_128_cbc(), word, sizeof word, NULL, NULL), 1);
  char *data = NULL;
  long size = BIO_get_mem_data(text, &data);
  tls_files_write(files.key, data, (size_t)size);
  BIO_free(text);
  EVP_PKEY_free(key);
  assert_refused(&files, ERROR_KEY, files.key, "has a passphrase");
  tls_files_end(&files);
}

static void test_refuses_what_does_not_match(void **state)
{
  (void)state;
  struct tls_files files;
  tls_files_begin(&files, true);
  EVP_PKEY *keys[] = {tls_files_make_key(0), tls_files_make_key(2048)};
  for (int i = 0; i < 2; i++) {
    tls_files_write_pem(files.key, keys[i], NULL, NULL);
    assert_refused(&files, ERROR_KEY, files.key, "does not belong to the certificate");
    EVP_PKEY_free(keys[i]);
  }
  tls_files_end(&files);
}

static void test_every_allocation_may_fail(void **state)
{
  (void)state;
  struct tls_files files;
  struct error error;
  tls_files_begin(&files, true);
  struct memory *memory = &files.world->memory;
  bool read = false;
  for (uint64_t n = 1; !read; n++) {
    memory->fail_at = memory->calls + n;
    read = read_pair(&files, &error);
    if (!read) assert_int_equal(error.code, ERROR_NO_MEMORY);
    assert_true(n < 10);
  }
  tls_files_end(&files);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_a_pair),
      cmocka_unit_test(test_reads_one_file_with_both),
      cmocka_unit_test(test_chains),
      cmocka_unit_test(test_warns_of_its_time),
      cmocka_unit_test(test_refuses_files_that_are_none),
      cmocka_unit_test(test_refuses_keys_that_others_see),
      cmocka_unit_test(test_refuses_a_passphrase),
      cmocka_unit_test(test_refuses_what_does_not_match),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
