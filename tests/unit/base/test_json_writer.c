#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
  struct memory memory;
  struct buffer buffer;
  struct json_writer writer;
};

static void begin(struct fixture *fixture)
{
  fixture->memory = (struct memory){0};
  buffer_init(&fixture->buffer, &fixture->memory);
  json_writer_init(&fixture->writer, &fixture->buffer);
}

static void assert_written(struct fixture *fixture, struct bytes expected)
{
  assert_true(json_writer_finish(&fixture->writer));
  if (!bytes_equal(buffer_bytes(&fixture->buffer), expected))
    fail_msg("wrote %.*s", BYTES_FORMAT(buffer_bytes(&fixture->buffer)));
  buffer_free(&fixture->buffer);
  assert_int_equal(fixture->memory.in_use, 0);
}

/* Every kind of call. */
static void write_sample(struct json_writer *writer)
{
  json_write_object_begin(writer);
  json_write_key(writer, BYTES("seats"));
  json_write_array_begin(writer);
  json_write_integer(writer, -7);
  json_write_unsigned(writer, UINT64_MAX);
  json_write_object_begin(writer);
  json_write_object_end(writer);
  json_write_array_begin(writer);
  json_write_array_end(writer);
  json_write_array_end(writer);
  json_write_key(writer, BYTES("name \"x\""));
  json_write_string(writer, BYTES("Caf\xC3\xA9\n"));
  json_write_key(writer, BYTES("price"));
  json_write_number(writer, BYTES("12.50"));
  json_write_key(writer, BYTES("open"));
  json_write_bool(writer, true);
  json_write_key(writer, BYTES("sold"));
  json_write_bool(writer, false);
  json_write_key(writer, BYTES("map"));
  json_write_null(writer);
  json_write_key(writer, BYTES("raw"));
  json_write_raw(writer, BYTES("{\"a\":1}"));
  json_write_object_end(writer);
}

#define SAMPLE                                                                                  \
  "{\"seats\":[-7,18446744073709551615,{},[]],\"name \\\"x\\\"\":\"Caf\xC3\xA9\\n\",\"price\":" \
  "12.50,\"open\":true,\"sold\":false,\"map\":null,\"raw\":{\"a\":1}}"

static void test_sample(void **unused)
{
  (void)unused;
  struct fixture fixture;
  begin(&fixture);
  write_sample(&fixture.writer);
  assert_written(&fixture, BYTES(SAMPLE));
}

static void test_appends_to_what_is_there(void **unused)
{
  (void)unused;
  struct fixture fixture;
  begin(&fixture);
  for (int i = 0; i < 3; i++) {
    json_writer_init(&fixture.writer, &fixture.buffer);
    json_write_integer(&fixture.writer, i);
    assert_true(json_writer_finish(&fixture.writer));
    buffer_append_byte(&fixture.buffer, '\n');
  }
  assert_written(&fixture, BYTES("0\n1\n2\n"));
}

static void test_integers(void **unused)
{
  (void)unused;
  static const int64_t CASES[] = {0, 1, -1, 9, 10, -10, 99, 100, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
    char expected[32];
    struct fixture fixture;
    begin(&fixture);
    json_write_integer(&fixture.writer, CASES[i]);
    sprintf(expected, "%lld", (long long)CASES[i]);
    assert_written(&fixture, bytes_of_text(expected));
  }
}

static void assert_string(struct bytes text, struct bytes expected)
{
  struct fixture fixture;
  begin(&fixture);
  json_write_string(&fixture.writer, text);
  assert_written(&fixture, expected);
  /* As a key it is the same. */
  begin(&fixture);
  json_write_object_begin(&fixture.writer);
  json_write_key(&fixture.writer, text);
  json_write_null(&fixture.writer);
  json_write_object_end(&fixture.writer);
  char object[200];
  sprintf(object, "{%.*s:null}", BYTES_FORMAT(expected));
  assert_written(&fixture, bytes_of_text(object));
}

static void test_escapes(void **unused)
{
  (void)unused;
  assert_string(bytes_of(NULL, 0), BYTES("\"\""));
  assert_string(BYTES("\"\\/"), BYTES("\"\\\"\\\\/\""));
  assert_string(BYTES("\b\t\n\f\r"), BYTES("\"\\b\\t\\n\\f\\r\""));
  assert_string(BYTES("\x7F\xF0\x9F\x8C\xAE"), BYTES("\"\x7F\xF0\x9F\x8C\xAE\""));
  assert_string(BYTES("a\0b"), BYTES("\"a\\u0000b\""));
  for (uint8_t byte = 1; byte < ' '; byte++) {
    if (strchr("\b\t\n\f\r", byte) != NULL) continue;
    char expected[12];
    sprintf(expected, "\"\\u%04x\"", byte);
    assert_string(bytes_of(&byte, 1), bytes_of_text(expected));
  }
}

static void test_what_is_not_utf8_is_replaced(void **unused)
{
  (void)unused;
#define REPLACED "\xEF\xBF\xBD"
  assert_string(BYTES("\xFF"), BYTES("\"" REPLACED "\""));
  assert_string(BYTES("ok\xC0\x80\n\xC3\xA9"), BYTES("\"ok" REPLACED REPLACED "\\n\xC3\xA9\""));
  assert_string(BYTES("\xE2\x82"), BYTES("\"" REPLACED REPLACED "\""));
  assert_string(BYTES("\xED\xA0\x80x"), BYTES("\"" REPLACED REPLACED REPLACED "x\""));
}

static uint64_t random_next(uint64_t *state)
{
  *state += 0x9E3779B97F4A7C15u;
  uint64_t mixed = (*state ^ (*state >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  return mixed ^ (mixed >> 31);
}

/* A random string of pieces that need every way of escaping. */
static struct bytes random_text(uint64_t *state, uint8_t text[64])
{
  static const char *const PIECES[] = {
      "a",    "seat", "\"", "\\", "\n", "\x01", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8C\xAE",
      "\x7F", "/",    " "};
  size_t size = 0;
  for (uint64_t count = random_next(state) % 12; count > 0; count--) {
    const char *piece = PIECES[random_next(state) % 12];
    memcpy(text + size, piece, strlen(piece));
    size += strlen(piece);
  }
  return bytes_of(text, size);
}

static void write_random_value(uint64_t *state, struct json_writer *writer, int depth)
{
  uint8_t text[64];
  char key[16];
  uint64_t kind = random_next(state) % (depth > 0 ? 8 : 6);
  uint64_t count = random_next(state) % 6;
  switch (kind) {
  case 0:
    json_write_null(writer);
    break;
  case 1:
    json_write_bool(writer, count & 1);
    break;
  case 2:
    json_write_integer(writer, (int64_t)(random_next(state) >> random_next(state) % 64));
    break;
  case 3:
    json_write_unsigned(writer, random_next(state));
    break;
  case 4:
    json_write_number(writer, count & 1 ? BYTES("-0.125e+10") : BYTES("1E400"));
    break;
  case 5:
    json_write_string(writer, random_text(state, text));
    break;
  case 6:
    json_write_array_begin(writer);
    for (; count > 0; count--) write_random_value(state, writer, depth - 1);
    json_write_array_end(writer);
    break;
  default:
    json_write_object_begin(writer);
    for (; count > 0; count--) {
      sprintf(key, "key\t%d", (int)count);
      json_write_key(writer, bytes_of_text(key));
      write_random_value(state, writer, depth - 1);
    }
    json_write_object_end(writer);
    break;
  }
}

/* Writes each token of `text` again: nothing else than the same bytes may come of it. */
static void copy_tokens(struct bytes text, struct arena *arena, struct json_writer *writer)
{
  struct json_reader reader;
  json_reader_init(&reader, text, arena);
  for (;;) {
    switch (json_next(&reader)) {
    case JSON_ERROR:
      fail_msg("%s", reader.error.message);
      return;
    case JSON_OBJECT_BEGIN:
      json_write_object_begin(writer);
      break;
    case JSON_OBJECT_END:
      json_write_object_end(writer);
      break;
    case JSON_ARRAY_BEGIN:
      json_write_array_begin(writer);
      break;
    case JSON_ARRAY_END:
      json_write_array_end(writer);
      break;
    case JSON_KEY:
      json_write_key(writer, reader.text);
      break;
    case JSON_STRING:
      json_write_string(writer, reader.text);
      break;
    case JSON_INTEGER:
      json_write_integer(writer, reader.integer);
      break;
    case JSON_NUMBER:
      json_write_number(writer, reader.text);
      break;
    case JSON_TRUE:
      json_write_bool(writer, true);
      break;
    case JSON_FALSE:
      json_write_bool(writer, false);
      break;
    case JSON_NULL:
      json_write_null(writer);
      break;
    case JSON_END:
      return;
    }
  }
}

static void test_round_trips(void **unused)
{
  (void)unused;
  const char *seed_text = getenv("TACOS_SEED");
  uint64_t seed = seed_text == NULL ? 20240 : strtoull(seed_text, NULL, 0);
  print_message("TACOS_SEED=%llu build/asan/tests/unit/base/test_json_writer\n",
                (unsigned long long)seed);
  struct fixture first;
  struct fixture second;
  struct memory memory = {0};
  struct arena arena;
  arena_init(&arena, &memory);
  begin(&first);
  begin(&second);
  for (int i = 0; i < 20000; i++) {
    write_random_value(&seed, &first.writer, 6);
    assert_true(json_writer_finish(&first.writer));
    copy_tokens(buffer_bytes(&first.buffer), &arena, &second.writer);
    assert_true(json_writer_finish(&second.writer));
    assert_true(bytes_equal(buffer_bytes(&first.buffer), buffer_bytes(&second.buffer)));
    buffer_clear(&first.buffer);
    buffer_clear(&second.buffer);
    json_writer_init(&first.writer, &first.buffer);
    json_writer_init(&second.writer, &second.buffer);
    arena_reset(&arena);
  }
  buffer_free(&first.buffer);
  buffer_free(&second.buffer);
  arena_free(&arena);
}

static void misuse_value_without_key(struct json_writer *writer)
{
  json_write_object_begin(writer);
  json_write_null(writer);
}

static void misuse_key_in_array(struct json_writer *writer)
{
  json_write_array_begin(writer);
  json_write_key(writer, BYTES("k"));
}

static void misuse_key_at_top(struct json_writer *writer)
{
  json_write_key(writer, BYTES("k"));
}

static void misuse_key_twice(struct json_writer *writer)
{
  json_write_object_begin(writer);
  json_write_key(writer, BYTES("k"));
  json_write_key(writer, BYTES("l"));
}

static void misuse_end_after_key(struct json_writer *writer)
{
  json_write_object_begin(writer);
  json_write_key(writer, BYTES("k"));
  json_write_object_end(writer);
}

static void misuse_other_end(struct json_writer *writer)
{
  json_write_array_begin(writer);
  json_write_object_end(writer);
}

static void misuse_end_of_nothing(struct json_writer *writer)
{
  json_write_array_end(writer);
}

static void misuse_two_documents(struct json_writer *writer)
{
  json_write_null(writer);
  json_write_null(writer);
}

static void misuse_finish_open(struct json_writer *writer)
{
  json_write_array_begin(writer);
  json_writer_finish(writer);
}

static void misuse_finish_empty(struct json_writer *writer)
{
  json_writer_finish(writer);
}

static void misuse_no_number(struct json_writer *writer)
{
  json_write_number(writer, BYTES("1.5x"));
}

static void misuse_too_deep(struct json_writer *writer)
{
  for (int i = 0; i <= JSON_DEPTH_MAX; i++) json_write_array_begin(writer);
}

static void test_misuse_stops_the_process(void **unused)
{
  (void)unused;
  static void (*const MISUSES[])(struct json_writer *) = {
      misuse_value_without_key, misuse_key_in_array, misuse_key_at_top,     misuse_key_twice,
      misuse_end_after_key,     misuse_other_end,    misuse_end_of_nothing, misuse_two_documents,
      misuse_finish_open,       misuse_finish_empty, misuse_no_number,      misuse_too_deep,
  };
  for (size_t i = 0; i < sizeof(MISUSES) / sizeof(MISUSES[0]); i++) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      signal(SIGABRT, SIG_DFL);
      close(STDERR_FILENO); /* what CHECK prints is test_check's affair */
      struct fixture fixture;
      begin(&fixture);
      MISUSES[i](&fixture.writer);
      _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
  }
}

static void test_failures(void **unused)
{
  (void)unused;
  for (uint64_t n = 1;; n++) {
    struct fixture fixture;
    begin(&fixture);
    fixture.memory.fail_at = n;
    json_write_array_begin(&fixture.writer);
    for (int i = 0; i < 20; i++) write_sample(&fixture.writer);
    json_write_array_end(&fixture.writer);
    bool done = json_writer_finish(&fixture.writer);
    assert_int_equal(done, fixture.memory.calls < n);
    buffer_free(&fixture.buffer);
    assert_int_equal(fixture.memory.in_use, 0);
    if (!done) continue;
    assert_true(n > 2);
    break;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sample),
      cmocka_unit_test(test_appends_to_what_is_there),
      cmocka_unit_test(test_integers),
      cmocka_unit_test(test_escapes),
      cmocka_unit_test(test_what_is_not_utf8_is_replaced),
      cmocka_unit_test(test_round_trips),
      cmocka_unit_test(test_misuse_stops_the_process),
      cmocka_unit_test(test_failures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
