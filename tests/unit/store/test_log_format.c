#include "store/log_format.h"
#include "unit/store/log_fixture.h"

enum { SEED = 99, TEXT_BYTES = 21, ROOM = 128 };

static const struct log_frame frame = {
    .number = 3, .records = 1, .first_sequence = 0x1122334455667788, .time_ms = 1000};

/* A frame with one record of five bytes: 64 + 21, so 128 with the fill. */
static struct log_frame make_frame(struct log_cipher *cipher, uint8_t at[ROOM])
{
  struct log_frame made = frame;
  memset(at, 0xee, ROOM);
  log_record_encode(at + LOG_FRAME_HEADER_BYTES, 0x0203, -2, 5);
  memcpy(at + LOG_FRAME_HEADER_BYTES + LOG_RECORD_HEADER_BYTES, "hello", 5);
  made.size = TEXT_BYTES;
  log_frame_encode(&made, cipher, at);
  return made;
}

static void test_bytes_lie_as_documented(void **state)
{
  (void)state;
  uint8_t at[ROOM];
  struct log_cipher cipher = {.seed = SEED};
  make_frame(&cipher, at);
  assert_memory_equal(at,
                      "TFRM\3\0\0\0\x15\0\0\0\1\0\0\0"
                      "\x88\x77\x66\x55\x44\x33\x22\x11\xe8\3\0\0\0\0\0\0"
                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                      48);
  assert_memory_equal(at + 64, "\5\0\0\0\3\2\0\0\xfe\xff\xff\xff\xff\xff\xff\xffhello", 21);
  for (size_t i = 64 + TEXT_BYTES; i < ROOM; i++) assert_int_equal(at[i], 0);
  assert_int_equal(log_frame_extent(0), 64);
  assert_int_equal(log_frame_extent(1), 128);
  assert_int_equal(log_frame_extent(64), 128);
  assert_int_equal(log_frame_extent(65), 192);
}

static void test_every_changed_bit_is_found(void **state)
{
  (void)state;
  for (int sealed = 0; sealed < 2; sealed++) {
    struct log_cipher cipher = {.seed = SEED, .sealed = sealed != 0};
    struct error error;
    if (sealed) assert_true(seal_init(&cipher.sealer, fixture_key, &error));
    uint8_t original[ROOM];
    struct log_frame made = make_frame(&cipher, original);
    for (size_t bit = 0; bit <= (64 + TEXT_BYTES) * 8; bit++) {
      uint8_t at[ROOM];
      struct log_frame found;
      memcpy(at, original, ROOM);
      bool changed = bit < (64 + TEXT_BYTES) * 8;
      if (changed) at[bit / 8] ^= (uint8_t)(1 << bit % 8);
      bool header = log_frame_decode_header(at, SEED, &found);
      assert_int_equal(header, !changed || bit / 8 >= LOG_FRAME_HEADER_BYTES);
      if (!header) continue;
      assert_memory_equal(&found, &made, sizeof made);
      assert_int_equal(log_frame_open(&found, &cipher, at),
                       changed ? LOG_FRAME_TORN : LOG_FRAME_VALID);
      if (!changed) assert_memory_equal(at + 64 + 16, "hello", 5);
    }
    struct log_frame found;
    assert_false(log_frame_decode_header(original, SEED + 1, &found)); /* another segment's salt */
    seal_free(&cipher.sealer);
  }
}

static void test_a_frame_sealed_with_another_key_is_forged(void **state)
{
  (void)state;
  struct error error;
  struct log_cipher cipher = {.seed = SEED, .sealed = true};
  uint8_t other_key[SEAL_KEY_BYTES] = {0};
  uint8_t at[ROOM];
  assert_true(seal_init(&cipher.sealer, fixture_key, &error));
  struct log_frame made = make_frame(&cipher, at);
  assert_memory_not_equal(at + 80, "hello", 5);
  seal_free(&cipher.sealer);
  assert_true(seal_init(&cipher.sealer, other_key, &error));
  assert_int_equal(log_frame_open(&made, &cipher, at), LOG_FRAME_FORGED);
  seal_free(&cipher.sealer);
}

static void test_records_stay_inside(void **state)
{
  (void)state;
  uint8_t at[40] = {0};
  struct log_record record;
  log_record_encode(at, 1, 10, 4);
  log_record_encode(at + 20, 2, 20, 4);
  size_t offset = 0;
  assert_true(log_record_decode(bytes_of(at, 40), &offset, &record));
  assert_true(record.type == 1 && record.time_ms == 10 && record.payload.size == 4);
  assert_true(log_record_decode(bytes_of(at, 40), &offset, &record));
  assert_ptr_equal(record.payload.data, at + 36);
  assert_int_equal(offset, 40);
  assert_false(log_record_decode(bytes_of(at, 40), &offset, &record));
  for (size_t size = 0; size < 20; size++) {
    offset = 0;
    assert_false(log_record_decode(bytes_of(at, size), &offset, &record));
    assert_int_equal(offset, 0);
  }
  log_record_encode(at, 1, 10, UINT32_MAX);
  assert_false(log_record_decode(bytes_of(at, 40), &offset, &record));
  log_record_encode(at, 1, 10, 4);
  at[7] = 1; /* a flag of a format to come */
  offset = 0;
  assert_false(log_record_decode(bytes_of(at, 40), &offset, &record));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bytes_lie_as_documented),
      cmocka_unit_test(test_every_changed_bit_is_found),
      cmocka_unit_test(test_a_frame_sealed_with_another_key_is_forged),
      cmocka_unit_test(test_records_stay_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
