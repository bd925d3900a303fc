#include "net/compress.h"

#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include <cmocka.h>

enum { BODY_BYTES = 40000 };

/* Repeats itself enough to be compressed, and differs by seed. */
static void fill_text(uint8_t *to, size_t size, uint64_t seed)
{
  struct random random;
  random_init(&random, seed);
  for (size_t i = 0; i < size; i++) to[i] = (uint8_t)('a' + random_below(&random, 8));
}

static void fill_noise(uint8_t *to, size_t size)
{
  struct random random;
  random_init(&random, 7);
  for (size_t i = 0; i < size; i++) to[i] = (uint8_t)random_u64(&random);
}

static void assert_inflates_to(struct bytes gzip, struct bytes body)
{
  static uint8_t back[BODY_BYTES + 1];
  z_stream stream = {.next_in = (uint8_t *)gzip.data,
                     .avail_in = (unsigned int)gzip.size,
                     .next_out = back,
                     .avail_out = sizeof(back)};
  assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
  assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
  assert_int_equal(stream.avail_in, 0);
  assert_int_equal(stream.total_out, body.size);
  assert_memory_equal(back, body.data, body.size);
  assert_int_equal(inflateEnd(&stream), Z_OK);
}

struct fixture {
  struct memory memory;
  struct compressor compressor;
  struct buffer to;
};

static void fixture_open(struct fixture *fixture)
{
  *fixture = (struct fixture){0};
  compressor_init(&fixture->compressor, &fixture->memory);
  buffer_init(&fixture->to, &fixture->memory);
}

static void fixture_close(struct fixture *fixture)
{
  compressor_free(&fixture->compressor);
  buffer_free(&fixture->to);
  assert_int_equal(fixture->memory.in_use, 0);
}

static void test_bodies_come_back(void **state)
{
  (void)state;
  static uint8_t body[BODY_BYTES];
  struct fixture fixture;
  fixture_open(&fixture);
  static const size_t sizes[] = {200, 1023, 1024, 5000, 32768, 32769, BODY_BYTES};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    for (int level = 1; level <= 9; level++) {
      fill_text(body, sizes[i], i * 16 + (uint64_t)level);
      struct bytes slice = bytes_of(body, sizes[i]);
      buffer_clear(&fixture.to);
      assert_true(buffer_append(&fixture.to, BYTES("before")));
      assert_true(compress_gzip(&fixture.compressor, slice, level, &fixture.to));
      struct bytes got = buffer_bytes(&fixture.to);
      assert_true(bytes_starts_with(got, BYTES("before\x1f\x8b\x08")));
      assert_true(got.size - 6 < slice.size);
      assert_inflates_to(bytes_of(got.data + 6, got.size - 6), slice);
    }
  }
  fixture_close(&fixture);
}

/* The same body gives the same bytes, whatever was compressed before it. */
static void test_nothing_of_the_last_body_is_left(void **state)
{
  (void)state;
  static uint8_t text[BODY_BYTES], noise[BODY_BYTES];
  fill_text(text, sizeof(text), 1);
  fill_noise(noise, sizeof(noise));
  struct fixture first, second;
  fixture_open(&first);
  fixture_open(&second);
  assert_true(compress_gzip(&first.compressor, bytes_of(text, sizeof(text)), 6, &first.to));
  for (int level = 1; level <= 9; level += 4) {
    assert_true(compress_gzip(&second.compressor, bytes_of(text + 100, 9000), level, &second.to));
    assert_false(
        compress_gzip(&second.compressor, bytes_of(noise, sizeof(noise)), level, &second.to));
    buffer_clear(&second.to);
    assert_true(compress_gzip(&second.compressor, bytes_of(text, sizeof(text)), 6, &second.to));
    assert_true(bytes_equal(buffer_bytes(&first.to), buffer_bytes(&second.to)));
  }
  fixture_close(&first);
  fixture_close(&second);
}

/* And in a steady state nothing is allocated. */
static void test_the_stream_is_made_once(void **state)
{
  (void)state;
  static uint8_t body[5000];
  fill_text(body, sizeof(body), 1);
  struct fixture fixture;
  fixture_open(&fixture);
  assert_int_equal(fixture.memory.calls, 0);
  assert_true(compress_gzip(&fixture.compressor, bytes_of(body, sizeof(body)), 1, &fixture.to));
  uint64_t calls = fixture.memory.calls;
  assert_in_range(fixture.memory.in_use, 200 << 10, 320 << 10);
  for (int i = 0; i < 100; i++) {
    buffer_clear(&fixture.to);
    assert_true(compressor_prepare(&fixture.compressor));
    assert_true(
        compress_gzip(&fixture.compressor, bytes_of(body, sizeof(body)), 1 + i % 9, &fixture.to));
  }
  assert_int_equal(fixture.memory.calls, calls);
  fixture_close(&fixture);
}

static void test_what_would_not_be_smaller_is_left(void **state)
{
  (void)state;
  static uint8_t noise[BODY_BYTES];
  fill_noise(noise, sizeof(noise));
  struct fixture fixture;
  fixture_open(&fixture);
  assert_true(buffer_append(&fixture.to, BYTES("kept")));
  static const size_t sizes[] = {0, 1, 2, 17, 18, 19, 20, 1024, BODY_BYTES};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    assert_false(compress_gzip(&fixture.compressor, bytes_of(noise, sizes[i]), 9, &fixture.to));
    assert_true(bytes_equal(buffer_bytes(&fixture.to), BYTES("kept")));
    assert_false(fixture.to.failed);
  }
  assert_false(compress_gzip(&fixture.compressor, BYTES(""), 9, &fixture.to));
  fixture_close(&fixture);
}

/* One byte less decides: a run of n zeros is compressed from the first n at which it is smaller. */
static void test_smaller_means_by_one_byte(void **state)
{
  (void)state;
  static const uint8_t zeros[64];
  struct fixture fixture;
  fixture_open(&fixture);
  size_t compressed = 0;
  for (size_t size = 1; size <= sizeof(zeros); size++) {
    buffer_clear(&fixture.to);
    bool smaller = compress_gzip(&fixture.compressor, bytes_of(zeros, size), 9, &fixture.to);
    if (smaller && compressed == 0) {
      compressed = fixture.to.size;
      assert_int_equal(compressed, size - 1);
    }
    assert_int_equal(smaller, compressed > 0);
  }
  assert_true(compressed > 0);
  fixture_close(&fixture);
}

static void test_every_failed_allocation_is_survived(void **state)
{
  (void)state;
  static uint8_t body[5000];
  fill_text(body, sizeof(body), 3);
  struct bytes slice = bytes_of(body, sizeof(body));
  uint64_t nth = 1;
  for (bool failed = true; failed; nth++) {
    struct fixture fixture;
    fixture_open(&fixture);
    fixture.memory.fail_at = nth;
    failed = !compress_gzip(&fixture.compressor, slice, 6, &fixture.to);
    if (failed) {
      assert_int_equal(fixture.to.size, 0);
      assert_true(compress_gzip(&fixture.compressor, slice, 6, &fixture.to));
    }
    assert_inflates_to(buffer_bytes(&fixture.to), slice);
    fixture_close(&fixture);
  }
  assert_in_range(nth, 5, 20);
}

static void test_types_worth_compressing(void **state)
{
  (void)state;
  static const char *const yes[] = {"text/html",
                                    "text/plain; charset=utf-8",
                                    "TEXT/CSS",
                                    "text/javascript;charset=utf-8",
                                    "application/json",
                                    "Application/JSON ; charset=utf-8",
                                    "application/javascript",
                                    "image/svg+xml",
                                    "application/problem+json",
                                    "application/manifest+json",
                                    "application/atom+xml;type=entry",
                                    "application/json\t;x"};
  static const char *const no[] = {"",
                                   "text",
                                   "image/png",
                                   "image/webp",
                                   "font/woff2",
                                   "application/octet-stream",
                                   "application/jsonp",
                                   "application/json5",
                                   "xapplication/json",
                                   "application/json-seq",
                                   "application/zip; name=\"a+json\"",
                                   "; text/html",
                                   " text/html",
                                   "application/xml2",
                                   "image/svg+xmlx",
                                   "json",
                                   "+jso"};
  for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
    if (!compress_type_allowed(bytes_of_text(yes[i]))) fail_msg("refused \"%s\"", yes[i]);
  for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
    if (compress_type_allowed(bytes_of_text(no[i]))) fail_msg("allowed \"%s\"", no[i]);
  assert_false(compress_type_allowed((struct bytes){0}));
}

static void test_accept_encoding(void **state)
{
  (void)state;
  static const char *const yes[] = {"gzip",
                                    "GZIP",
                                    "x-gzip",
                                    "X-GZip",
                                    "gzip, deflate, br, zstd",
                                    "deflate,gzip",
                                    "br , gzip",
                                    "*",
                                    "*;q=0.1",
                                    "identity, gzip",
                                    "gzip;q=1.0, identity; q=0.5, *;q=0",
                                    "gzip;q=0.001",
                                    "gzip ; q=0.5",
                                    "gzip\t;\tQ=1.000\t",
                                    "gzip;q=1.",
                                    "gzip;q=0.5,identity;q=0",
                                    ",,gzip,,",
                                    " , gzip",
                                    "br;q=0, *",
                                    "*;q=0, gzip",
                                    "gzip;q=0.5, identity;q=0.5",
                                    "*, identity;q=0.5",
                                    "compress, gzip",
                                    "!#$%&'*+-.^_`|~09, gzip",
                                    "gzip;q=1,br;q=0."};
  static const char *const no[] = {
      "", " ", ",", "identity", "br", "gzip;q=0", "gzip;q=0.000", "gzip;q=0.", "*;q=0",
      "gzip;q=0, *", "*, x-gzip;q=0", "gzip, gzip;q=0", "x-gzip;q=0, gzip", "gzi", "gzipp",
      "x-gzip-2", "gzip;q=0.5, identity", "*;q=0.5, identity;q=1",
      /* not well-formed */
      "gzip;", "gzip;q", "gzip;q=", "gzip;q=2", "gzip;q=1.1", "gzip;q=1.001", "gzip;q=0.1234",
      "gzip;q=1.0000", "gzip;q =1", "gzip;q= 1", "gzip;q=.5", "gzip;q=-1", "gzip;q=1;q=1",
      "gzip;level=9", "gzip br", "gzip;;q=1", "\"gzip\"", "gzip;q=\"1\"", "gzip, br;q=x",
      "gzip, ;q=1", "gzip;q=01", "gzip/1.0", "gzip\r", "gzip,\x80", "gzip\x01", "gzip;q=1 br"};
  for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
    if (!accepts_gzip(bytes_of_text(yes[i]))) fail_msg("refused \"%s\"", yes[i]);
  for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
    if (accepts_gzip(bytes_of_text(no[i]))) fail_msg("accepted \"%s\"", no[i]);
  assert_false(accepts_gzip((struct bytes){0}));
  assert_false(accepts_gzip(bytes_of("gzip\0", 5)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bodies_come_back),
      cmocka_unit_test(test_nothing_of_the_last_body_is_left),
      cmocka_unit_test(test_the_stream_is_made_once),
      cmocka_unit_test(test_what_would_not_be_smaller_is_left),
      cmocka_unit_test(test_smaller_means_by_one_byte),
      cmocka_unit_test(test_every_failed_allocation_is_survived),
      cmocka_unit_test(test_types_worth_compressing),
      cmocka_unit_test(test_accept_encoding),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
