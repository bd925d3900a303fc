#include "net/client_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct trusted_proxies trust(const char *text)
{
  struct trusted_proxies proxies;
  struct error error;
  if (!trusted_proxies_parse(&proxies, bytes_of_text(text), &error)) fail_msg("%s", error.message);
  return proxies;
}

static bool is_trusted(const char *proxies_text, const char *text)
{
  struct trusted_proxies proxies = trust(proxies_text);
  struct address address;
  assert_true(address_parse(bytes_of_text(text), &address));
  return trusted_proxies_have(&proxies, &address);
}

static void test_blocks_have_their_addresses(void **state)
{
  (void)state;
  assert_false(is_trusted("", "127.0.0.1"));
  assert_false(is_trusted("  ", "127.0.0.1"));
  assert_true(is_trusted("127.0.0.1", "127.0.0.1"));
  assert_true(is_trusted("127.0.0.1", "::ffff:127.0.0.1"));
  assert_true(is_trusted("::ffff:127.0.0.1", "127.0.0.1"));
  assert_false(is_trusted("127.0.0.1", "127.0.0.2"));
  assert_true(is_trusted(" ::1 ,\t10.0.0.0/8 ", "10.255.255.255"));
  assert_false(is_trusted("::1,10.0.0.0/8", "11.0.0.0"));
  assert_true(is_trusted("::1,10.0.0.0/8", "::1"));
  assert_true(is_trusted("192.168.4.0/22", "192.168.7.255"));
  assert_false(is_trusted("192.168.4.0/22", "192.168.8.0"));
  assert_true(is_trusted("10.0.0.1/32", "10.0.0.1"));
  assert_true(is_trusted("2001:db8::/33", "2001:db8:7fff::1"));
  assert_false(is_trusted("2001:db8::/33", "2001:db8:8000::1"));
  assert_true(is_trusted("2001:db8::1/128", "2001:db8::1"));
  assert_true(is_trusted("::ffff:10.0.0.0/104", "10.9.9.9"));
}

static void test_all_of_one_kind_is_not_all(void **state)
{
  (void)state;
  assert_true(is_trusted("0.0.0.0/0", "8.8.8.8"));
  assert_false(is_trusted("0.0.0.0/0", "2001:db8::1"));
  assert_true(is_trusted("::/0", "2001:db8::1"));
  assert_false(is_trusted("::/0", "8.8.8.8"));
}

static void test_bad_lists_name_the_part(void **state)
{
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"10.0.0.0/8,proxy.local,::1", "'proxy.local' is not an IP address or a block"},
      {"10.0.0.0/8,", "'' is not an IP address"},
      {",10.0.0.0/8", "'' is not an IP address"},
      {"10.0.0.0/8 ::1", "'10.0.0.0/8 ::1' needs a number from 0 to 32"},
      {"10.0.0.0/33", "'10.0.0.0/33' needs a number from 0 to 32"},
      {"::/129", "'::/129' needs a number from 0 to 128"},
      {"10.0.0.0/", "'10.0.0.0/' needs a number"},
      {"10.0.0.0/08", "'10.0.0.0/08' needs a number"},
      {"10.0.0.0/-1", "'10.0.0.0/-1' needs a number"},
      {"10.0.0.0/100000", "'10.0.0.0/100000' needs a number"},
      {"10.0.0.1/8", "'10.0.0.1/8' has bits set behind its prefix"},
      {"::ffff:10.0.0.0/8", "'::ffff:10.0.0.0/8' has bits set behind its prefix"},
      {"/8", "'/8' is not an IP address"},
      {"[::1]", "'[::1]' is not an IP address"},
      {"10.0.0.1:80", "'10.0.0.1:80' is not an IP address"},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct trusted_proxies proxies;
    struct error error = {0};
    if (trusted_proxies_parse(&proxies, bytes_of_text(rows[i].text), &error))
      fail_msg("accepted %s", rows[i].text);
    assert_int_equal(error.code, ERROR_INVALID);
    if (strstr(error.message, rows[i].message) == NULL) fail_msg("%s", error.message);
  }
}

static void test_too_many_blocks_are_refused(void **state)
{
  (void)state;
  char text[1024] = "10.0.0.0";
  struct trusted_proxies proxies;
  struct error error;
  for (int i = 1; i < TRUSTED_PROXIES_MAX; i++) strcat(text, ",10.0.0.0");
  assert_true(trusted_proxies_parse(&proxies, bytes_of_text(text), &error));
  assert_int_equal(proxies.count, TRUSTED_PROXIES_MAX);
  strcat(text, ",10.0.0.0");
  assert_false(trusted_proxies_parse(&proxies, bytes_of_text(text), &error));
  assert_int_equal(error.code, ERROR_LIMIT);
}

static void assert_client_of(const char *proxies_text, const char *peer, const struct bytes *fields,
                             size_t count, const char *expected)
{
  struct trusted_proxies proxies = trust(proxies_text);
  char out[WORLD_HOST_BYTES];
  client_address(&proxies, peer, fields, count, out);
  assert_string_equal(out, expected);
}

/* With 10.0.0.0/8 and ::1 trusted. */
static void assert_client(const char *peer, const char *field, const char *expected)
{
  struct bytes list = bytes_of_text(field);
  assert_client_of("10.0.0.0/8,::1", peer, &list, 1, expected);
}

static void test_untrusted_peer_is_the_client(void **state)
{
  (void)state;
  assert_client("192.0.2.1", "198.51.100.1", "192.0.2.1");
  assert_client("::ffff:192.0.2.1", "", "192.0.2.1");
  assert_client("2001:DB8::0", "198.51.100.1", "2001:db8::");
  assert_client("fe80::1%eth0", "198.51.100.1", "fe80::1%eth0");
  assert_client_of("", "127.0.0.1", &BYTES("198.51.100.1"), 1, "127.0.0.1");
}

static void test_right_most_untrusted_hop_is_the_client(void **state)
{
  (void)state;
  assert_client("10.0.0.1", "198.51.100.1", "198.51.100.1");
  assert_client("10.0.0.1", "198.51.100.1, 198.51.100.2", "198.51.100.2");
  assert_client("10.0.0.1", "6.6.6.6,198.51.100.2 , 10.2.3.4,\t::1", "198.51.100.2");
  assert_client("::1", "6.6.6.6,::ffff:198.51.100.2,10.2.3.4", "198.51.100.2");
  assert_client("10.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9");
  assert_client("10.0.0.1", "", "10.0.0.1");
}

static void test_hops_may_have_ports(void **state)
{
  (void)state;
  assert_client("10.0.0.1", "198.51.100.1:4711", "198.51.100.1");
  assert_client("10.0.0.1", "6.6.6.6, 198.51.100.1:1, 10.0.0.2:65535", "198.51.100.1");
  assert_client("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1");
  assert_client("10.0.0.1", "[2001:DB8::1]", "2001:db8::1");
  assert_client("10.0.0.1", "2001:db8::1", "2001:db8::1");
  assert_client("10.0.0.1", "198.51.100.1, [::1]:9", "198.51.100.1");
}

static void test_malformed_hop_ends_the_walk(void **state)
{
  (void)state;
  static const char *const bad[] = {
      "unknown",    "_hidden",   "",        "198.51.100.1:", "198.51.100.1:65536",
      "1.2.3",      "[1.2.3.4]", "[::1",    "[::2]9",        "[::2]:",
      "[::2]:x",    "::2%eth0",  "\"::2\"", "for=1.2.3.4",   "1.2.3.4 5.6.7.8",
      "1.2.3.4:01", "[]",        "[]:80",   ":80",           "1.2.3.4\v",
      "[::2]:80 x", "::2]",      "[[::2]]"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    char list[128];
    snprintf(list, sizeof(list), "6.6.6.6,%s", bad[i]);
    assert_client("10.0.0.1", list, "10.0.0.1");
    snprintf(list, sizeof(list), "6.6.6.6, %s ,10.0.0.7", bad[i]);
    assert_client("10.0.0.1", list, "10.0.0.7");
    snprintf(list, sizeof(list), "%s,198.51.100.1,10.0.0.7", bad[i]);
    assert_client("10.0.0.1", list, "198.51.100.1");
  }
}

static void test_fields_are_one_list(void **state)
{
  (void)state;
  const struct bytes fields[] = {BYTES("6.6.6.6"), BYTES("198.51.100.1, 10.0.0.2"),
                                 BYTES("10.0.0.3")};
  assert_client_of("10.0.0.0/8", "10.0.0.1", fields, 3, "198.51.100.1");
  assert_client_of("10.0.0.0/8", "10.0.0.1", fields, 1, "6.6.6.6");
  assert_client_of("10.0.0.0/8", "10.0.0.1", NULL, 0, "10.0.0.1");
  const struct bytes gap[] = {BYTES("6.6.6.6"), {NULL, 0}, BYTES("10.0.0.3")};
  assert_client_of("10.0.0.0/8", "10.0.0.1", gap, 3, "10.0.0.3");
  const struct bytes trusted[] = {BYTES("10.0.0.4"), BYTES("10.0.0.3")};
  assert_client_of("10.0.0.0/8", "10.0.0.1", trusted, 2, "10.0.0.4");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_have_their_addresses),
      cmocka_unit_test(test_all_of_one_kind_is_not_all),
      cmocka_unit_test(test_bad_lists_name_the_part),
      cmocka_unit_test(test_too_many_blocks_are_refused),
      cmocka_unit_test(test_untrusted_peer_is_the_client),
      cmocka_unit_test(test_right_most_untrusted_hop_is_the_client),
      cmocka_unit_test(test_hops_may_have_ports),
      cmocka_unit_test(test_malformed_hop_ends_the_walk),
      cmocka_unit_test(test_fields_are_one_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
