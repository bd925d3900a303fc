#include "store/store_file.h"
#include "unit/store/log_fixture.h"

static const struct store_file_kind kind = {
    .magic = "TESTFILE", .version = 3, .prefix = "test-", .suffix = ".dat", .what = "test file"};

static void make_file(struct world *world, const char *path)
{
  int file = world->operations->file_open(world, path, WORLD_OPEN_CREATE);
  assert_true(file >= 0);
  world->operations->file_close(world, file);
}

static void test_only_exact_names_are_listed(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  static const char *names[] = {
      "/data/test-00000000000000ff.dat",  "/data/test-ffffffffffffffff.dat",
      "/data/test-0000000000000001.dat",  "/data/test-0000000000000002.tmp",
      "/data/test-00000000000000FF.dat",  "/data/test-000000000000001.dat",
      "/data/test-0000000000000001.datx", "/data/tess-0000000000000001.dat",
      "/data/test-000000000000000g.dat",  "/data/test-"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) make_file(fixture.world, names[i]);
  struct store_file_list list = {0};
  assert_true(store_file_list_read(&list, fixture.world, &kind, "/data", &fixture.error));
  assert_int_equal(list.count, 3);
  assert_int_equal(list.sequences[0], 1);
  assert_int_equal(list.sequences[1], 255);
  assert_true(list.sequences[2] == UINT64_MAX);
  assert_false(store_file_list_read(&list, fixture.world, &kind, "/none", &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_IO);
  assert_int_equal(list.count, 0);
  store_file_list_free(&list);

  char path[STORE_FILE_PATH_BYTES];
  for (uint64_t i = 100; i < 140; i++) {
    store_file_numbered_path(path, &kind, "/data", i);
    make_file(fixture.world, path);
  }
  struct memory *memory = &fixture.world->memory;
  uint64_t nth = 1;
  for (bool failed = true; failed; nth++) {
    memory->fail_at = memory->calls + nth;
    failed = !store_file_list_read(&list, fixture.world, &kind, "/data", &fixture.error);
    if (failed) assert_int_equal(fixture.error.code, ERROR_NO_MEMORY);
    assert_int_equal(list.count, failed ? 0 : 43);
    store_file_list_free(&list);
    assert_int_equal(memory->in_use, 0);
  }
  assert_int_equal(nth, 5); /* 16, 32, 64 */
  log_fixture_close(&fixture);
}

static void test_a_path_that_is_too_long_is_refused(void **state)
{
  (void)state;
  struct error error;
  char directory[STORE_FILE_PATH_BYTES];
  memset(directory, 'd', sizeof directory);
  directory[960] = '\0';
  assert_true(store_file_check_directory(directory, &error));
  char path[STORE_FILE_PATH_BYTES];
  store_file_numbered_path(path, &kind, directory, 1);
  assert_string_equal(path + 960, "/test-0000000000000001.dat");
  directory[960] = 'd';
  directory[961] = '\0';
  assert_false(store_file_check_directory(directory, &error));
  assert_int_equal(error.code, ERROR_INVALID);
}

static struct store_file_header example(void)
{
  struct store_file_header header = {.sequence = 0x0123456789abcdef, .created_ms = -5};
  memcpy(header.store_id, "store-id-16bytes", STORE_ID_BYTES);
  memcpy(header.salt, "salt-of-16-bytes", STORE_FILE_SALT_BYTES);
  return header;
}

static void test_the_header_lies_as_documented(void **state)
{
  (void)state;
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  struct store_file_header header = example();
  store_file_header_encode(&kind, &header, block);
  static const uint8_t expected[88] =
      "TESTFILE\3\0\0\0\0\0\0\0"
      "store-id-16bytes\xef\xcd\xab\x89\x67\x45\x23\x01\xfb\xff\xff\xff\xff\xff\xff\xff"
      "salt-of-16-bytes";
  assert_memory_equal(block, expected, sizeof expected);
  for (size_t i = 96; i < sizeof block; i++) assert_int_equal(block[i], 0);

  struct store_file_header decoded;
  struct error error;
  assert_true(store_file_header_decode(&kind, block, "file", &decoded, &error));
  assert_true(decoded.sequence == header.sequence && decoded.created_ms == -5 && !decoded.sealed);
  assert_memory_equal(decoded.store_id, header.store_id, STORE_ID_BYTES);
  assert_memory_equal(decoded.salt, header.salt, STORE_FILE_SALT_BYTES);
  for (size_t i = 0; i < 96; i++) {
    block[i] ^= 0x10;
    assert_false(store_file_header_decode(&kind, block, "file", &decoded, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_string_equal(error.message, "file at offset 0: the header of the test file is damaged");
    block[i] ^= 0x10;
  }
  struct store_file_kind newer = kind;
  newer.version = 4;
  store_file_header_encode(&newer, &header, block);
  assert_false(store_file_header_decode(&kind, block, "file", &decoded, &error));
  assert_int_equal(error.code, ERROR_UNSUPPORTED);
  assert_string_equal(error.message,
                      "file: test file format version 4, flags 0; this build knows version 3");
}

static void test_each_file_has_its_own_key(void **state)
{
  (void)state;
  struct error error;
  struct store_file_header header = example();
  struct store_file_header other = example();
  struct sealer sealer, other_sealer, reader;
  other.salt[15]++;
  assert_true(store_file_seed(header.salt) != store_file_seed(other.salt));
  assert_true(store_file_seal(&kind, &header, fixture_key, &sealer, &error));
  assert_true(store_file_seal(&kind, &other, fixture_key, &other_sealer, &error));
  assert_true(header.sealed);
  assert_memory_not_equal(header.key_check, other.key_check, STORE_FILE_KEY_CHECK_BYTES);
  uint8_t nonce[SEAL_NONCE_BYTES] = {0};
  uint8_t tag[SEAL_TAG_BYTES];
  uint8_t text[] = "some text";
  seal_encrypt(&sealer, nonce, BYTES(""), text, sizeof text, tag);
  uint8_t copy[sizeof text];
  memcpy(copy, text, sizeof text);
  assert_false(seal_decrypt(&other_sealer, nonce, BYTES(""), copy, sizeof copy, tag));
  assert_true(
      store_file_unseal(&kind, &header, header.store_id, fixture_key, "file", &reader, &error));
  assert_true(seal_decrypt(&reader, nonce, BYTES(""), text, sizeof text, tag));
  assert_string_equal((const char *)text, "some text");
  seal_free(&sealer);
  seal_free(&other_sealer);
  seal_free(&reader);

  uint8_t wrong[SEAL_KEY_BYTES] = {0};
  assert_false(store_file_unseal(&kind, &header, header.store_id, wrong, "file", &reader, &error));
  assert_int_equal(error.code, ERROR_KEY);
  assert_false(store_file_unseal(&kind, &header, header.store_id, NULL, "file", &reader, &error));
  assert_int_equal(error.code, ERROR_KEY);
  assert_false(store_file_unseal(&kind, &header, wrong, fixture_key, "file", &reader, &error));
  assert_int_equal(error.code, ERROR_CORRUPT);
  assert_true(store_file_seal(&kind, &header, NULL, &sealer, &error));
  assert_false(header.sealed);
  assert_null(sealer.context);
}

static void test_the_name_must_agree(void **state)
{
  (void)state;
  struct log_fixture fixture;
  log_fixture_open(&fixture, 1);
  const struct world_operations *operations = fixture.world->operations;
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  struct store_file_header header = example();
  store_file_header_encode(&kind, &header, block);
  int file = operations->file_open(fixture.world, "/data/f", WORLD_OPEN_CREATE);
  operations->file_write(fixture.world, file, block, 100, 0);
  assert_false(store_file_header_read(fixture.world, file, &kind, header.sequence, "f", &header,
                                      &fixture.error));
  assert_string_equal(fixture.error.message, "f at offset 100: the file ends inside its header");
  operations->file_write(fixture.world, file, block, sizeof block, 0);
  assert_true(store_file_header_read(fixture.world, file, &kind, header.sequence, "f", &header,
                                     &fixture.error));
  assert_false(store_file_header_read(fixture.world, file, &kind, 7, "f", &header, &fixture.error));
  assert_int_equal(fixture.error.code, ERROR_CORRUPT);
  assert_string_equal(fixture.error.message, "f at offset 32: the header says sequence "
                                             "81985529216486895, the name 7");
  operations->file_close(fixture.world, file);
  log_fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_only_exact_names_are_listed),
      cmocka_unit_test(test_a_path_that_is_too_long_is_refused),
      cmocka_unit_test(test_the_header_lies_as_documented),
      cmocka_unit_test(test_each_file_has_its_own_key),
      cmocka_unit_test(test_the_name_must_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
