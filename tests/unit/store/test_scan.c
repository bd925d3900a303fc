#include "sim/random.h"
#include "unit/store/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))

enum { ITEMS = 600 };

/* Items named 0 to ITEMS - 1: alone in their partitions, in threes, and all in one. */
static struct table *filled(struct store_fixture *fixture)
{
  struct table *table = store_fixture_table(fixture,
                                            "items p:S s:N | by_q q:S n:N | by_r r:N | few x:S");
  for (int n = 0; n < ITEMS; n++) {
    char partition[32];
    snprintf(partition, sizeof partition, "%s%d",
             n % 3 == 0   ? "alone"
             : n % 3 == 1 ? "three"
                          : "",
             n % 3 == 0   ? n
             : n % 3 == 1 ? n / 9
                          : 1);
    store_fixture_put(fixture, table,
                      "{'p':{'S':'%s'},'s':{'N':'%d'},'n':{'N':'%d'},'q':{'S':'%d'},'r':{'N':'%d'}"
                      "%s}",
                      partition, n, n, n % 7, n % 100, n % 50 == 0 ? ",'x':{'S':'x'}" : "");
  }
  return table;
}

/* Reads a whole scan in pages and counts how often each item was seen. */
static uint32_t scan_whole(struct store_fixture *fixture, struct store_query query,
                           struct random *random, uint32_t most, uint8_t seen[ITEMS])
{
  uint32_t count = 0;
  do {
    struct store_page page;
    query.limit = most == 0 ? 0 : (uint32_t)random_between(random, 1, most);
    enum store_status status = store_scan(fixture->store, &query, &fixture->answers, &page,
                                          &fixture->error);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
    for (uint32_t i = 0; i < page.count; i++) {
      int64_t n = -1;
      assert_true(value_integer(value_attribute(page.items[i], BYTES("n")), &n));
      assert_in_range(n, 0, ITEMS - 1);
      seen[n]++;
    }
    count += page.count;
    assert_int_equal(value_present(page.last_key), query.limit > 0 && page.scanned == query.limit);
    query.start_key = page.last_key;
  } while (value_present(query.start_key));
  return count;
}

static void test_segments(void **state)
{
  struct store_fixture *fixture = *state;
  struct random random;
  random_init(&random, random_seed(2));
  struct table *table = filled(fixture);
  static const char *const indexes[] = {NULL, "by_q", "by_r"};
  static const uint32_t counts[] = {0, 1, 2, 3, 7, 64};
  for (size_t i = 0; i < LENGTH_OF(indexes); i++) {
    for (size_t k = 0; k < LENGTH_OF(counts); k++) {
      for (uint32_t most = 0; most < 50; most += 17) {
        uint8_t seen[ITEMS] = {0};
        struct store_query query = store_fixture_query(
            fixture, &(struct store_fixture_query){.table = table, .index = indexes[i]});
        query.segment_count = counts[k];
        uint32_t full = 0;
        do {
          full += scan_whole(fixture, query, &random, most, seen) > 0;
        } while (++query.segment < counts[k]);
        for (int n = 0; n < ITEMS; n++) assert_int_equal(seen[n], 1);
        if (indexes[i] == NULL && counts[k] > 0) assert_true(full >= (counts[k] + 1) / 2);
      }
    }
  }
}

static void test_segment_numbers(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = filled(fixture);
  struct store_query query = {.table = table, .segment_count = SCAN_SEGMENTS_MAX};
  struct store_page page;
  query.segment = SCAN_SEGMENTS_MAX - 1;
  enum store_status status = store_scan(fixture->store, &query, &fixture->answers, &page,
                                        &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  query.segment = SCAN_SEGMENTS_MAX;
  status = store_scan(fixture->store, &query, &fixture->answers, &page, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "The Segment parameter is zero-based and must be less than parameter "
                       "TotalSegments: Segment: 1000000 is not less than TotalSegments: 1000000");
  query.segment_count++;
  status = store_scan(fixture->store, &query, &fixture->answers, &page, &fixture->error);
  store_fixture_expect(fixture, status, STORE_VALIDATION,
                       "1 validation error detected: Value '1000001' at 'totalSegments' failed to "
                       "satisfy constraint: Member must have value less than or equal to 1000000");
}

static void test_start_key_of_another_segment(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = filled(fixture);
  uint32_t accepted = 0;
  for (uint32_t segment = 0; segment < 8; segment++) {
    struct store_query query = {.table = table, .segment = segment, .segment_count = 8};
    query.start_key = store_fixture_item(fixture, "{'p':{'S':'alone3'},'s':{'N':'3'}}");
    struct store_page page;
    enum store_status status = store_scan(fixture->store, &query, &fixture->answers, &page,
                                          &fixture->error);
    accepted += status == STORE_OK;
    char message[200];
    snprintf(message, sizeof message,
             "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use "
             "ExclusiveStartKey with correct Segment. TotalSegments: 8 Segment: %u",
             segment);
    if (status != STORE_OK) store_fixture_expect(fixture, status, STORE_VALIDATION, message);
  }
  assert_int_equal(accepted, 1);
}

/* A filter of a scan may name key attributes. */
static void test_filter(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = filled(fixture);
  struct store_query query = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table,
                                             .filter = "s < :n AND begins_with(p, :a)",
                                             .projection = "s",
                                             .values = "{':n':{'N':'9'},':a':{'S':'alone'}}"});
  struct store_page page;
  enum store_status status = store_scan(fixture->store, &query, &fixture->answers, &page,
                                        &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(page.scanned, ITEMS);
  assert_int_equal(page.count, 3);
  assert_false(value_present(page.last_key));
  query.limit = ITEMS - 1;
  status = store_scan(fixture->store, &query, &fixture->answers, &page, &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(page.scanned, ITEMS - 1);
  assert_true(value_present(page.last_key));
}

static void test_sparse_index(void **state)
{
  struct store_fixture *fixture = *state;
  struct random random;
  random_init(&random, 1);
  struct table *table = filled(fixture);
  uint8_t seen[ITEMS] = {0};
  struct store_query query = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table, .index = "few"});
  assert_int_equal(scan_whole(fixture, query, &random, 3, seen), ITEMS / 50);
  for (int n = 0; n < ITEMS; n++) assert_int_equal(seen[n], n % 50 == 0);
}

/* Deletes, brings back, moves in the indexes: items with odd numbers only. */
static void disturb(struct store_fixture *fixture, struct table *table, struct random *random)
{
  for (int i = 0; i < 20; i++) {
    int n = (int)random_below(random, ITEMS / 2) * 2 + 1;
    const char *partition = n % 3 == 0 ? "alone" : n % 3 == 1 ? "three" : "";
    int number = n % 3 == 0 ? n : n % 3 == 1 ? n / 9 : 1;
    if (random_coin(random))
      store_fixture_delete(fixture, table, "{'p':{'S':'%s%d'},'s':{'N':'%d'}}", partition, number,
                           n);
    else
      store_fixture_put(
          fixture, table,
          "{'p':{'S':'%s%d'},'s':{'N':'%d'},'n':{'N':'%d'},'q':{'S':'%d'},'r':{'N':'%d'}}",
          partition, number, n, n, (int)random_below(random, 9), (int)random_below(random, 99));
  }
}

/* What is there all the time is met exactly once. */
static void test_writes_between_pages(void **state)
{
  struct store_fixture *fixture = *state;
  struct random random;
  random_init(&random, random_seed(3));
  struct table *table = filled(fixture);
  static const char *const indexes[] = {"", "by_q", "by_r"};
  for (int round = 0; round < 12; round++) {
    uint8_t seen[ITEMS] = {0};
    struct store_query query = {.table = table, .index = bytes_of_text(indexes[round % 3])};
    do {
      struct store_page page;
      query.limit = (uint32_t)random_between(&random, 1, 60);
      enum store_status status = store_scan(fixture->store, &query, &fixture->answers, &page,
                                            &fixture->error);
      store_fixture_expect(fixture, status, STORE_OK, NULL);
      for (uint32_t i = 0; i < page.count; i++) {
        int64_t n = -1;
        assert_true(value_integer(value_attribute(page.items[i], BYTES("n")), &n));
        seen[n]++;
      }
      query.start_key = page.last_key;
      disturb(fixture, table, &random);
    } while (value_present(query.start_key));
    for (int n = 0; n < ITEMS; n++) {
      if (n % 2 == 0) assert_int_equal(seen[n], 1);
      /* In the table's own order an item never moves. */
      if (n % 2 == 1 && round % 3 == 0) assert_in_range(seen[n], 0, 1);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_segments), TEST(test_segment_numbers), TEST(test_start_key_of_another_segment),
      TEST(test_filter),   TEST(test_sparse_index),    TEST(test_writes_between_pages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
