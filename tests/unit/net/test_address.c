#include "net/address.h"

#include "sim/random.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_gives_the_canonical_text(void **state)
{
  (void)state;
  static const struct {
    const char *text, *canonical;
    bool is_v4;
  } rows[] = {
      {"127.0.0.1", "127.0.0.1", true},
      {"0.0.0.0", "0.0.0.0", true},
      {"255.255.255.255", "255.255.255.255", true},
      {"::ffff:10.1.2.3", "10.1.2.3", true},
      {"::FFFF:0a01:0203", "10.1.2.3", true},
      {"0:0:0:0:0:ffff:10.1.2.3", "10.1.2.3", true},
      {"::", "::", false},
      {"::1", "::1", false},
      {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1", false},
      {"2001:0db8::0001", "2001:db8::1", false},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", false},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
       false},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct address address;
    char text[WORLD_HOST_BYTES];
    if (!address_parse(bytes_of_text(rows[i].text), &address)) fail_msg("%s", rows[i].text);
    assert_int_equal(address_is_v4(&address), rows[i].is_v4);
    address_format(&address, text);
    assert_string_equal(text, rows[i].canonical);
  }
}

static void test_refuses_what_is_no_address(void **state)
{
  (void)state;
  static const char *const bad[] = {"",
                                    "1",
                                    "1.2.3",
                                    "1.2.3.4.5",
                                    "01.2.3.4",
                                    "1.2.3.256",
                                    "1.2.3.4:80",
                                    " 1.2.3.4",
                                    "1.2.3.4 ",
                                    "0x1.2.3.4",
                                    "1.2.3.-4",
                                    ":",
                                    ":::",
                                    "1::2::3",
                                    "12345::",
                                    "[::1]",
                                    "fe80::1%lo",
                                    "::1/128",
                                    "g::",
                                    "::1.2.3.400",
                                    "localhost",
                                    "1:2:3:4:5:6:7",
                                    "1:2:3:4:5:6:7:8:9",
                                    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
  struct address address;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (address_parse(bytes_of_text(bad[i]), &address)) fail_msg("accepted \"%s\"", bad[i]);
  assert_false(address_parse(bytes_of("1.2.3.4\0", 8), &address));
  assert_false(address_parse(bytes_of("::1\0x", 5), &address));
  assert_false(address_parse((struct bytes){NULL, 0}, &address));
}

static void test_text_is_read_back(void **state)
{
  (void)state;
  struct random random;
  random_init(&random, random_seed(2));
  for (int i = 0; i < 20000; i++) {
    struct address address, back;
    char text[WORLD_HOST_BYTES];
    random_fill(&random, address.bytes, ADDRESS_BYTES);
    /* Runs of zeros, and IPv4. */
    if (random_coin(&random)) memset(address.bytes, 0, random_below(&random, ADDRESS_BYTES + 1));
    if (random_chance(&random, 300000)) memcpy(address.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    address_format(&address, text);
    assert_true(address_parse(bytes_of_text(text), &back));
    assert_true(address_equal(&address, &back));
  }
}

/* Every byte in every place, against the C library. */
static void test_ipv4_text_is_that_of_the_library(void **state)
{
  (void)state;
  for (unsigned int byte = 0; byte < 256; byte++) {
    for (size_t at = 0; at < 4; at++) {
      struct address address;
      char text[WORLD_HOST_BYTES], expected[WORLD_HOST_BYTES];
      assert_true(address_parse(BYTES("9.99.100.255"), &address));
      address.bytes[12 + at] = (uint8_t)byte;
      address_format(&address, text);
      assert_non_null(inet_ntop(AF_INET, address.bytes + 12, expected, sizeof(expected)));
      assert_string_equal(text, expected);
    }
  }
}

static void test_prefix_keeps_its_bits(void **state)
{
  (void)state;
  struct random random;
  random_init(&random, random_seed(3));
  for (int i = 0; i < 200; i++) {
    struct address address;
    random_fill(&random, address.bytes, ADDRESS_BYTES);
    for (unsigned int bits = 0; bits <= 128; bits++) {
      struct address prefix = address_prefix(&address, bits);
      for (unsigned int bit = 0; bit < 128; bit++) {
        int before = address.bytes[bit / 8] >> (7 - bit % 8) & 1;
        int after = prefix.bytes[bit / 8] >> (7 - bit % 8) & 1;
        assert_int_equal(after, bit < bits ? before : 0);
      }
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gives_the_canonical_text),
      cmocka_unit_test(test_refuses_what_is_no_address),
      cmocka_unit_test(test_text_is_read_back),
      cmocka_unit_test(test_ipv4_text_is_that_of_the_library),
      cmocka_unit_test(test_prefix_keeps_its_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
