#include "net/security_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_blocks_are_the_table_as_lines(void **state)
{
  (void)state;
  static const enum security_when kinds[] = {SECURITY_API, SECURITY_PAGE};
  for (int i = 0; i < 4; i++) {
    enum security_when kind = kinds[i / 2];
    bool tls = i % 2 == 1;
    struct memory memory = {0};
    struct buffer lines;
    buffer_init(&lines, &memory);
    for (size_t row = 0; row < SECURITY_HEADER_COUNT; row++) {
      const struct security_header *header = &security_headers[row];
      if (!security_header_applies(header, kind, tls)) continue;
      assert_true(buffer_append_format(&lines, "%.*s: %.*s\r\n", BYTES_FORMAT(header->name),
                                       BYTES_FORMAT(header->value)));
    }
    assert_true(bytes_equal(buffer_bytes(&lines), security_headers_block(kind, tls)));
    buffer_free(&lines);
  }
}

static void test_rows_are_sendable(void **state)
{
  (void)state;
  for (size_t row = 0; row < SECURITY_HEADER_COUNT; row++) {
    const struct security_header *header = &security_headers[row];
    assert_true(header->name.size > 0 && header->value.size > 0);
    for (size_t i = 0; i < header->name.size; i++) {
      uint8_t byte = header->name.data[i];
      assert_true((byte >= 'a' && byte <= 'z') || byte == '-');
    }
    for (size_t i = 0; i < header->value.size; i++)
      assert_true(header->value.data[i] >= 0x20 && header->value.data[i] < 0x7f);
    assert_int_not_equal(header->when & (SECURITY_API | SECURITY_PAGE), 0);
  }
}

/* No reply has a name twice. */
static void test_names_are_unique_in_each_kind(void **state)
{
  (void)state;
  for (size_t i = 0; i < SECURITY_HEADER_COUNT; i++) {
    for (size_t j = 0; j < i; j++) {
      uint32_t shared = security_headers[i].when & security_headers[j].when;
      if (bytes_equal(security_headers[i].name, security_headers[j].name))
        assert_int_equal(shared & (SECURITY_API | SECURITY_PAGE), 0);
    }
  }
}

static void test_api_block_is_what_is_promised(void **state)
{
  (void)state;
  struct bytes expected = BYTES(
      "x-content-type-options: nosniff\r\n"
      "x-frame-options: DENY\r\n"
      "referrer-policy: no-referrer\r\n"
      "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n");
  assert_true(bytes_equal(security_headers_block(SECURITY_API, false), expected));
}

static void test_page_block_allows_self_only(void **state)
{
  (void)state;
  static const char *const parts[] = {
      "script-src 'self';", "style-src 'self';",        "img-src 'self' data:;",
      "connect-src 'self'", "object-src 'none';",       "base-uri 'none';",
      "form-action 'self'", "frame-ancestors 'none'\r", "strict-origin-when-cross-origin"};
  struct bytes block = security_headers_block(SECURITY_PAGE, false);
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    assert_true(bytes_find(block, bytes_of_text(parts[i])) != SIZE_MAX);
  assert_true(bytes_find(block, BYTES("unsafe")) == SIZE_MAX);
}

static void test_transport_security_is_for_tls_only(void **state)
{
  (void)state;
  struct bytes line = BYTES("strict-transport-security: max-age=31536000; includeSubDomains\r\n");
  static const enum security_when kinds[] = {SECURITY_API, SECURITY_PAGE};
  for (size_t i = 0; i < 2; i++) {
    struct bytes plain = security_headers_block(kinds[i], false);
    struct bytes tls = security_headers_block(kinds[i], true);
    assert_true(bytes_find(plain, line) == SIZE_MAX);
    assert_int_equal(bytes_find(tls, line), tls.size - line.size);
    assert_true(bytes_starts_with(tls, plain));
    assert_int_equal(tls.size, plain.size + line.size);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_are_the_table_as_lines),
      cmocka_unit_test(test_rows_are_sendable),
      cmocka_unit_test(test_names_are_unique_in_each_kind),
      cmocka_unit_test(test_api_block_is_what_is_promised),
      cmocka_unit_test(test_page_block_allows_self_only),
      cmocka_unit_test(test_transport_security_is_for_tls_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
