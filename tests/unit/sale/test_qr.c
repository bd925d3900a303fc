#include "sale/qr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * A reader of its own, after ISO/IEC 18004: from the SVG to the matrix, from there to the text. It
 * corrects nothing: every check has to come out.
 */
struct reader {
  uint32_t version;
  uint32_t size;
  bool dark[QR_SIZE_MAX][QR_SIZE_MAX]; /* [y][x] */
  enum qr_level level;
  uint32_t mask;
  uint8_t raw[QR_SIZE_MAX * QR_SIZE_MAX / 8];
  uint32_t raw_size;
  uint8_t data[QR_SIZE_MAX * QR_SIZE_MAX / 8]; /* codewords without those of correction */
  uint32_t data_size;
  char text[QR_TEXT_BYTES_MAX + 1];
  uint32_t text_size;
};

/* Table 9: codewords of correction in each block, and blocks, by version. */
static const uint8_t CORRECTION[2][QR_VERSION_MAX + 1] = {
    [QR_LEVEL_M] = {0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24},
    [QR_LEVEL_Q] = {0, 13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30},
};
static const uint8_t BLOCKS[2][QR_VERSION_MAX + 1] = {
    [QR_LEVEL_M] = {0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10},
    [QR_LEVEL_Q] = {0, 1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12},
};
/* Annex E: the middle and last coordinates of alignment patterns; the first is 6. */
static const uint8_t ALIGNMENT[QR_VERSION_MAX + 1][3] = {
    [2] = {18},      [3] = {22},      [4] = {26},          [5] = {30},          [6] = {34},
    [7] = {22, 38},  [8] = {24, 42},  [9] = {26, 46},      [10] = {28, 50},     [11] = {30, 54},
    [12] = {32, 58}, [13] = {34, 62}, [14] = {26, 46, 66}, [15] = {26, 48, 70},
};

/* ---- SVG ---- */

static void read_svg(struct reader *reader, const char *svg)
{
  unsigned width, height, rect_width, rect_height;
  int at = 0;
  int found = sscanf(svg,
                     "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" "
                     "shape-rendering=\"crispEdges\"><rect width=\"%u\" height=\"%u\" "
                     "fill=\"#fff\"/><path stroke=\"#000\" d=\"%n",
                     &width, &height, &rect_width, &rect_height, &at);
  assert_int_equal(found, 4);
  assert_int_equal(width, height);
  assert_int_equal(width, rect_width);
  assert_int_equal(width, rect_height);
  reader->size = width - 8;
  reader->version = (reader->size - 17) / 4;
  assert_int_equal(reader->size, 17 + 4 * reader->version);
  assert_true(reader->size <= QR_SIZE_MAX);
  unsigned x = 0, y = 0, number;
  for (const char *next = svg + at; *next != '"'; next += at) {
    if (sscanf(next, "M%u %u.5%n", &x, &y, &at) == 2) continue;
    if (sscanf(next, "m%u 0%n", &number, &at) == 1) {
      x += number;
      continue;
    }
    assert_int_equal(sscanf(next, "h%u%n", &number, &at), 1);
    assert_true(number > 0);
    for (unsigned end = x + number; x < end; x++) {
      assert_true(x >= 4 && x - 4 < reader->size && y >= 4 && y - 4 < reader->size);
      reader->dark[y - 4][x - 4] = true;
    }
  }
  assert_string_equal(strchr(svg + at, '>') == NULL ? "" : svg + strlen(svg) - 9, "\"/></svg>");
}

/* ---- patterns ---- */

static void expect_finder(const struct reader *reader, uint32_t left, uint32_t top)
{
  for (uint32_t y = 0; y < 7; y++) {
    for (uint32_t x = 0; x < 7; x++) {
      bool ring = x == 0 || x == 6 || y == 0 || y == 6;
      bool core = x >= 2 && x <= 4 && y >= 2 && y <= 4;
      assert_int_equal(reader->dark[top + y][left + x], ring || core);
    }
  }
}

static bool in_alignment(const struct reader *reader, uint32_t x, uint32_t y)
{
  uint32_t at[4] = {6};
  uint32_t count = 1;
  while (count < 4 && ALIGNMENT[reader->version][count - 1] != 0) {
    at[count] = ALIGNMENT[reader->version][count - 1];
    count++;
  }
  if (count == 1) return false;
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t j = 0; j < count; j++) {
      bool finder = (i == 0 && j == 0) || (i == 0 && j == count - 1) || (i == count - 1 && j == 0);
      if (!finder && x + 2 >= at[i] && x <= at[i] + 2 && y + 2 >= at[j] && y <= at[j] + 2)
        return true;
    }
  }
  return false;
}

static bool is_function(const struct reader *reader, uint32_t x, uint32_t y)
{
  uint32_t size = reader->size;
  if ((x < 9 && y < 9) || (x >= size - 8 && y < 9) || (x < 9 && y >= size - 8)) return true;
  if (x == 6 || y == 6) return true;
  if (reader->version >= 7 && ((x >= size - 11 && y < 6) || (y >= size - 11 && x < 6))) return true;
  return in_alignment(reader, x, y);
}

/* Section 7.9: five bits and their BCH code, twice. */
static void read_format(struct reader *reader)
{
  uint32_t size = reader->size;
  uint32_t bits = 0, copy = 0;
  for (uint32_t i = 0; i < 15; i++) {
    uint32_t x = i < 8 ? 8 : i == 8 ? 7 : 14 - i;
    uint32_t y = i < 6 ? i : i < 8 ? i + 1 : 8;
    bits |= (uint32_t)reader->dark[y][x] << i;
    copy |= (uint32_t)(i < 8 ? reader->dark[8][size - 1 - i] : reader->dark[size - 15 + i][8]) << i;
  }
  assert_int_equal(bits, copy);
  assert_true(reader->dark[size - 8][8]);
  bits ^= 0x5412;
  uint32_t rest = bits;
  for (int i = 14; i >= 10; i--)
    if (rest >> i & 1) rest ^= 0x537U << (i - 10);
  assert_int_equal(rest, 0);
  uint32_t level = bits >> 13;
  assert_true(level == 0 || level == 3);
  reader->level = level == 0 ? QR_LEVEL_M : QR_LEVEL_Q;
  reader->mask = bits >> 10 & 7;
}

static void expect_patterns(const struct reader *reader)
{
  uint32_t size = reader->size;
  expect_finder(reader, 0, 0);
  expect_finder(reader, size - 7, 0);
  expect_finder(reader, 0, size - 7);
  for (uint32_t i = 8; i < size - 8; i++) {
    assert_int_equal(reader->dark[6][i], i % 2 == 0);
    assert_int_equal(reader->dark[i][6], i % 2 == 0);
  }
  if (reader->version < 7) return;
  /* Section 7.10: the version and its BCH code. */
  uint32_t bits = 0;
  for (uint32_t i = 0; i < 18; i++) {
    bits |= (uint32_t)reader->dark[i / 3][size - 11 + i % 3] << i;
    assert_int_equal(reader->dark[i / 3][size - 11 + i % 3],
                     reader->dark[size - 11 + i % 3][i / 3]);
  }
  assert_int_equal(bits >> 12, reader->version);
  for (int i = 17; i >= 12; i--)
    if (bits >> i & 1) bits ^= 0x1F25U << (i - 12);
  assert_int_equal(bits, 0);
}

/* ---- codewords ---- */

static bool is_masked(uint32_t mask, uint32_t x, uint32_t y)
{
  switch (mask) {
  case 0:
    return (x + y) % 2 == 0;
  case 1:
    return y % 2 == 0;
  case 2:
    return x % 3 == 0;
  case 3:
    return (x + y) % 3 == 0;
  case 4:
    return (x / 3 + y / 2) % 2 == 0;
  case 5:
    return x * y % 2 + x * y % 3 == 0;
  case 6:
    return (x * y % 2 + x * y % 3) % 2 == 0;
  default:
    return ((x + y) % 2 + x * y % 3) % 2 == 0;
  }
}

/* Section 7.7.3: two columns at a time, upwards and downwards, from the right. */
static void read_codewords(struct reader *reader)
{
  uint32_t bits = 0;
  bool up = true;
  for (uint32_t right = reader->size - 1; right >= 1 && right < reader->size; right -= 2) {
    if (right == 6) right = 5;
    for (uint32_t i = 0; i < reader->size; i++) {
      uint32_t y = up ? reader->size - 1 - i : i;
      for (uint32_t x = right; x + 1 >= right && x <= right; x--) {
        if (is_function(reader, x, y)) continue;
        bool one = reader->dark[y][x] != is_masked(reader->mask, x, y);
        reader->raw[bits / 8] |= (uint8_t)(one << (7 - bits % 8));
        bits++;
      }
    }
    up = !up;
  }
  reader->raw_size = bits / 8;
}

static uint8_t multiply(uint8_t left, uint8_t right)
{
  uint32_t product = 0;
  for (int i = 7; i >= 0; i--) {
    product = product << 1 ^ (product >> 7) * 0x11D;
    if (right >> i & 1) product ^= left;
  }
  return (uint8_t)product;
}

/* Every power of 2 below the number of codewords of correction is a zero of the block. */
static void expect_block(const uint8_t *block, uint32_t size, uint32_t correction)
{
  uint8_t power = 1;
  for (uint32_t i = 0; i < correction; i++) {
    uint8_t sum = 0;
    for (uint32_t j = 0; j < size; j++) sum = multiply(sum, power) ^ block[j];
    assert_int_equal(sum, 0);
    power = multiply(power, 2);
  }
}

/* Section 7.6: blocks are interleaved; the last ones have one codeword of data more. */
static void read_blocks(struct reader *reader)
{
  uint32_t blocks = BLOCKS[reader->level][reader->version];
  uint32_t correction = CORRECTION[reader->level][reader->version];
  uint32_t shorts = blocks - reader->raw_size % blocks;
  uint32_t short_data = reader->raw_size / blocks - correction;
  uint32_t data_total = short_data * blocks + (blocks - shorts);
  for (uint32_t b = 0; b < blocks; b++) {
    uint8_t block[256];
    uint32_t size = 0;
    for (uint32_t i = 0; i < short_data; i++) block[size++] = reader->raw[i * blocks + b];
    if (b >= shorts) block[size++] = reader->raw[short_data * blocks + b - shorts];
    memcpy(reader->data + reader->data_size, block, size);
    reader->data_size += size;
    for (uint32_t i = 0; i < correction; i++)
      block[size++] = reader->raw[data_total + i * blocks + b];
    expect_block(block, size, correction);
  }
}

/* ---- text ---- */

static uint32_t take(const struct reader *reader, uint32_t *at, uint32_t count)
{
  uint32_t bits = 0;
  for (; count > 0; count--, (*at)++) {
    assert_true(*at < 8 * reader->data_size);
    bits = bits << 1 | ((uint32_t)reader->data[*at / 8] >> (7 - *at % 8) & 1);
  }
  return bits;
}

static void read_text(struct reader *reader)
{
  static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
  uint32_t at = 0;
  uint32_t mode = take(reader, &at, 4);
  assert_true(mode == 2 || mode == 4);
  bool small = reader->version <= 9;
  uint32_t count = take(reader, &at, mode == 2 ? (small ? 9 : 11) : (small ? 8 : 16));
  assert_true(count <= QR_TEXT_BYTES_MAX);
  while (reader->text_size < count) {
    if (mode == 4) {
      reader->text[reader->text_size++] = (char)take(reader, &at, 8);
    } else if (count - reader->text_size == 1) {
      reader->text[reader->text_size++] = digits[take(reader, &at, 6)];
    } else {
      uint32_t pair = take(reader, &at, 11);
      reader->text[reader->text_size++] = digits[pair / 45];
      reader->text[reader->text_size++] = digits[pair % 45];
    }
  }
  if (8 * reader->data_size - at >= 4) assert_int_equal(take(reader, &at, 4), 0);
}

static void expect_read(const struct qr *qr, enum qr_level level, struct bytes text)
{
  struct memory memory = {0};
  struct buffer svg;
  struct reader *reader = calloc(1, sizeof *reader);
  assert_non_null(reader);
  buffer_init(&svg, &memory);
  assert_true(qr_write_svg(qr, &svg));
  assert_true(buffer_append_byte(&svg, 0));
  read_svg(reader, (const char *)svg.data);
  assert_int_equal(reader->version, qr->version);
  for (uint32_t y = 0; y < qr->size; y++)
    for (uint32_t x = 0; x < qr->size; x++)
      assert_int_equal(qr_is_dark(qr, x, y), reader->dark[y][x]);
  expect_patterns(reader);
  read_format(reader);
  assert_int_equal(reader->level, level);
  read_codewords(reader);
  read_blocks(reader);
  read_text(reader);
  assert_int_equal(reader->text_size, text.size);
  assert_memory_equal(reader->text, text.data, text.size);
  buffer_free(&svg);
  free(reader);
}

/* ---- tests ---- */

/* Texts of every size up to the longest that fits, in both modes and levels: all versions. */
static void test_what_is_drawn_can_be_read(void **state)
{
  (void)state;
  static const char alphanumeric[] = "TT1:ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 $%*+-./";
  for (int level = QR_LEVEL_M; level <= QR_LEVEL_Q; level++) {
    for (int bytes = 0; bytes < 2; bytes++) {
      uint32_t versions = 0;
      for (size_t size = 1; size <= QR_TEXT_BYTES_MAX; size += size < 40 ? 1 : 7) {
        uint8_t text[QR_TEXT_BYTES_MAX];
        struct qr qr;
        struct error error;
        for (size_t i = 0; i < size; i++)
          text[i] = bytes ? (uint8_t)(i * 151 + 200)
                          : (uint8_t)alphanumeric[i * 7 % (sizeof alphanumeric - 1)];
        if (!qr_encode(bytes_of(text, size), (enum qr_level)level, &qr, &error)) {
          assert_int_equal(error.code, ERROR_LIMIT);
          break;
        }
        versions |= 1U << qr.version;
        expect_read(&qr, (enum qr_level)level, bytes_of(text, size));
      }
      assert_int_equal(versions, (1U << (QR_VERSION_MAX + 1)) - 2);
    }
  }
}

/* Capacities of table 7, and one more than them. */
static void test_versions_are_the_smallest(void **state)
{
  (void)state;
  static const struct {
    enum qr_level level;
    uint32_t version;
    uint32_t alphanumeric;
    uint32_t bytes;
  } rows[] = {
      {QR_LEVEL_M, 1, 20, 14},    {QR_LEVEL_M, 7, 178, 122},  {QR_LEVEL_M, 8, 221, 152},
      {QR_LEVEL_M, 9, 262, 180},  {QR_LEVEL_M, 10, 311, 213}, {QR_LEVEL_M, 11, 366, 251},
      {QR_LEVEL_M, 15, 600, 412}, {QR_LEVEL_Q, 1, 16, 11},    {QR_LEVEL_Q, 14, 376, 258},
      {QR_LEVEL_Q, 15, 426, 292},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (int bytes = 0; bytes < 2; bytes++) {
      uint8_t text[QR_TEXT_BYTES_MAX + 1];
      struct qr qr;
      struct error error;
      memset(text, bytes ? 'a' : 'A', sizeof text);
      size_t most = bytes ? rows[i].bytes : rows[i].alphanumeric;
      assert_true(qr_encode(bytes_of(text, most), rows[i].level, &qr, &error));
      assert_int_equal(qr.version, rows[i].version);
      assert_int_equal(qr.size, 17 + 4 * rows[i].version);
      bool more = qr_encode(bytes_of(text, most + 1), rows[i].level, &qr, &error);
      assert_int_equal(more, rows[i].version < QR_VERSION_MAX);
      assert_int_equal(more ? qr.version : ERROR_LIMIT, more ? rows[i].version + 1 : error.code);
    }
  }
}

static void test_refuses_nothing_and_too_much(void **state)
{
  (void)state;
  static uint8_t text[100000];
  struct qr qr;
  struct error error;
  assert_false(qr_encode(BYTES(""), QR_LEVEL_M, &qr, &error));
  assert_int_equal(error.code, ERROR_INVALID);
  memset(text, 'A', sizeof text);
  assert_false(qr_encode(bytes_of(text, sizeof text), QR_LEVEL_M, &qr, &error));
  assert_int_equal(error.code, ERROR_LIMIT);
}

/* A text may contain zeros, and what is next to alphanumeric characters. */
static void test_any_byte(void **state)
{
  (void)state;
  for (int value = 0; value < 256; value++) {
    uint8_t text[3] = {'A', (uint8_t)value, 'Z'};
    struct qr qr;
    struct error error;
    assert_true(qr_encode(bytes_of(text, 3), QR_LEVEL_Q, &qr, &error));
    expect_read(&qr, QR_LEVEL_Q, bytes_of(text, 3));
  }
}

static void test_svg_without_memory(void **state)
{
  (void)state;
  struct memory memory = {0};
  struct buffer svg;
  struct qr qr;
  struct error error;
  assert_true(qr_encode(BYTES("TT1:ABC"), QR_LEVEL_M, &qr, &error));
  bool done = false;
  uint64_t nth = 1;
  for (; !done; nth++) {
    buffer_init(&svg, &memory);
    memory.calls = 0;
    memory.fail_at = nth;
    done = qr_write_svg(&qr, &svg);
    buffer_free(&svg);
    assert_int_equal(memory.in_use, 0);
  }
  assert_true(nth > 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_drawn_can_be_read),
      cmocka_unit_test(test_versions_are_the_smallest),
      cmocka_unit_test(test_refuses_nothing_and_too_much),
      cmocka_unit_test(test_any_byte),
      cmocka_unit_test(test_svg_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
