#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

static void test_methods_are_found_by_name(void **state)
{
  (void)state;
  for (int method = 0; method < HTTP_METHOD_COUNT; method++)
    assert_int_equal(http_method_of(http_method_name((enum http_method)method)), method);
  assert_memory_equal(http_method_name(HTTP_OPTIONS).data, "OPTIONS", 7);
  static const char *const others[] = {"",     "G",     "get",     "Get",     "GET ",    "GETS",
                                       "PUTT", "TRACE", "DELETED", "CONNECT", "OPTIONs", "PURGE"};
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    assert_int_equal(http_method_of(bytes_of_text(others[i])), HTTP_OTHER);
  assert_int_equal(http_method_of((struct bytes){0}), HTTP_OTHER);
}

/* Names as they were written in the header: the table, the switch and the order of the enum. */
static void test_fields_have_their_names(void **state)
{
  (void)state;
  static const struct {
    enum http_field field;
    const char *name;
  } known[] = {
      {HTTP_HOST, "Host"},
      {HTTP_CONTENT_LENGTH, "Content-Length"},
      {HTTP_TRANSFER_ENCODING, "Transfer-Encoding"},
      {HTTP_CONNECTION, "Connection"},
      {HTTP_EXPECT, "Expect"},
      {HTTP_CONTENT_TYPE, "Content-Type"},
      {HTTP_ACCEPT, "Accept"},
      {HTTP_ACCEPT_ENCODING, "Accept-Encoding"},
      {HTTP_AUTHORIZATION, "Authorization"},
      {HTTP_IDEMPOTENCY_KEY, "Idempotency-Key"},
      {HTTP_IF_NONE_MATCH, "If-None-Match"},
      {HTTP_IF_RANGE, "If-Range"},
      {HTTP_RANGE, "Range"},
      {HTTP_ORIGIN, "Origin"},
      {HTTP_REQUEST_METHOD, "Access-Control-Request-Method"},
      {HTTP_REQUEST_ID, "X-Request-ID"},
      {HTTP_TRACE_ID, "X-Trace-Id"},
      {HTTP_TRACEPARENT, "traceparent"},
      {HTTP_FORWARDED_FOR, "X-Forwarded-For"},
      {HTTP_DEBUG, "X-Tacos-Debug"},
      {HTTP_LAST_EVENT_ID, "Last-Event-ID"},
  };
  assert_int_equal(sizeof(known) / sizeof(known[0]), HTTP_FIELD_COUNT);
  for (size_t i = 0; i < HTTP_FIELD_COUNT; i++) {
    assert_int_equal(http_field_of(bytes_of_text(known[i].name)), known[i].field);
    struct bytes name = http_field_name(known[i].field);
    assert_int_equal(name.size, strlen(known[i].name));
    assert_int_equal(strncasecmp((const char *)name.data, known[i].name, name.size), 0);
    for (size_t at = 0; at < name.size; at++)
      assert_false(name.data[at] >= 'A' && name.data[at] <= 'Z');
  }
}

/* Every byte at every place of every name: only the other case of a letter is the same name. */
static void test_no_other_name_is_a_field(void **state)
{
  (void)state;
  for (int field = 0; field < HTTP_FIELD_COUNT; field++) {
    struct bytes name = http_field_name((enum http_field)field);
    uint8_t *copy = malloc(name.size);
    assert_non_null(copy);
    for (size_t at = 0; at < name.size; at++) {
      for (unsigned int byte = 0; byte < 256; byte++) {
        memcpy(copy, name.data, name.size);
        copy[at] = (uint8_t)byte;
        bool letter = name.data[at] >= 'a' && name.data[at] <= 'z';
        bool same = byte == name.data[at] || (letter && byte == (name.data[at] ^ 0x20u));
        enum http_field found = http_field_of(bytes_of(copy, name.size));
        assert_int_equal(found, same ? field : (int)HTTP_FIELD_UNKNOWN);
      }
    }
    free(copy);
    for (size_t size = 0; size < name.size; size++)
      assert_int_not_equal(http_field_of(bytes_of(name.data, size)), field);
  }
}

static void test_unknown_names_of_any_size(void **state)
{
  (void)state;
  uint8_t name[300];
  memset(name, 'a', sizeof(name));
  for (size_t size = 0; size <= sizeof(name); size++)
    assert_int_equal(http_field_of(bytes_of(name, size)), HTTP_FIELD_UNKNOWN);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_methods_are_found_by_name),
      cmocka_unit_test(test_fields_have_their_names),
      cmocka_unit_test(test_no_other_name_is_a_field),
      cmocka_unit_test(test_unknown_names_of_any_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
