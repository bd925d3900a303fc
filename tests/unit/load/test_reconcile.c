#include "load/reconcile.h"

#include "load/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define REPORT(sold, paid, tickets, revenue)                                    \
  "{\"total\":10,\"seats\":{\"available\":5,\"reserved\":1,\"sold\":" sold      \
  "},\"sections\":[{\"sold\":3},{\"sold\":1}],\"revenue\":{\"amount\":" revenue \
  ",\"currency\":\"KRW\"},\"orders\":{\"paid\":" paid ",\"refunded\":1,\"tickets\":" tickets "}}"

#define HEAD_LINE \
  "order_id,reservation_id,user_id,status,seats,amount,refunded,currency,created_at\r\n"
#define LINE(order, user, status, seats, refunded) \
  "\"" order "\",\"r\",\"" user "\",\"" status "\",\"" seats "\",100," refunded ",KRW,2026\r\n"

#define ORDERS                                                                                \
  HEAD_LINE LINE("o1", "u1", "PAID", "A-1 A-2", "0") LINE("o2", "u2", "PAID", "A-3 B-1", "0") \
      LINE("o3", "u3", "REFUNDED", "A-1", "100")

/* The name of the first check that is wrong, or "". */
static const char *verdict(const char *report, const char *orders, int64_t limit, const char *told)
{
  static struct reconciliation result;
  struct memory memory = {0};
  struct arena arena;
  struct error error;
  arena_init(&arena, &memory);
  uint64_t hash = load_order_hash(bytes_of_text(told));
  const struct reconcile_ask ask = {.max_per_buyer = limit, .told = &hash, .told_count = 1};
  bool read = reconcile_documents(&ask, bytes_of_text(report), bytes_of_text(orders), &arena,
                                  &result, &error);
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
  if (!read) return "unreadable";
  const char *wrong = "";
  for (uint32_t i = result.count; i-- > 0;)
    if (!result.checks[i].good) wrong = result.checks[i].what;
  assert_true(result.good == (wrong[0] == 0));
  return wrong;
}

static void test_verdicts(void **state)
{
  (void)state;
  const char *good = REPORT("4", "2", "4", "200");
  assert_string_equal(verdict(good, ORDERS, 2, "o1"), "");
  assert_string_equal(verdict(good, ORDERS, 0, "o2"), "");
  assert_string_equal(verdict(good, ORDERS, 1, "o1"), "nobody over the limit");
  assert_string_equal(verdict(good, ORDERS, 2, "o3"), "every order that a buyer was told is there");
  assert_string_equal(verdict(REPORT("5", "2", "4", "200"), ORDERS, 2, "o1"),
                      "seats sold = tickets of paid orders");
  assert_string_equal(verdict(REPORT("4", "3", "4", "200"), ORDERS, 2, "o1"),
                      "orders listed = orders counted");
  assert_string_equal(verdict(REPORT("4", "2", "4", "201"), ORDERS, 2, "o1"), "paid = revenue");
  assert_string_equal(verdict(good,
                              HEAD_LINE LINE("o1", "u1", "PAID", "A-1 A-2", "0")
                                  LINE("o2", "u2", "PAID", "A-2 B-1", "0"),
                              2, "o1"),
                      "nothing sold twice");
}

static void test_unreadable(void **state)
{
  (void)state;
  const char *good = REPORT("4", "2", "4", "200");
  assert_string_equal(verdict("{}", ORDERS, 2, "o1"), "unreadable");
  assert_string_equal(verdict(good, "", 2, "o1"), "unreadable");
  assert_string_equal(verdict(good, "a,b\r\n", 2, "o1"), "unreadable");
  assert_string_equal(verdict(good, HEAD_LINE "x,y\r\n", 2, "o1"), "unreadable");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_verdicts),
      cmocka_unit_test(test_unreadable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
