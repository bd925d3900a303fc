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

/* What an exclusive start key is refused with; a macro, for the tables of cases. */
#define OUTSIDE                                 \
  "The provided starting key is outside query " \
  "boundaries based on provided conditions"

enum { SAMPLES_MAX = 16, LIST_BYTES = 4096 };

/*
 * Sort keys of one type in ascending order. Those at even places are stored, with `ties` items
 * each; all serve as operands.
 */
struct samples {
  const char *type;
  const char *json[SAMPLES_MAX];
};

static const struct samples all_samples[] = {
    {"S",
     {"{'S':' '}", "{'S':'A'}", "{'S':'Z'}", "{'S':'a'}", "{'S':'aa'}", "{'S':'aaz'}", "{'S':'ab'}",
      "{'S':'b'}", "{'S':'ba'}", "{'S':'\\u00e4'}", "{'S':'\\u20ac'}", "{'S':'\\uffff'}",
      "{'S':'\\ud83d\\ude00'}"}},
    {"N",
     {"{'N':'-1E125'}", "{'N':'-1000'}", "{'N':'-999.5'}", "{'N':'-1'}", "{'N':'-0.001'}",
      "{'N':'0'}", "{'N':'1E-130'}", "{'N':'0.5'}", "{'N':'1'}", "{'N':'1.0000001'}", "{'N':'9'}",
      "{'N':'10'}", "{'N':'9223372036854775808'}", "{'N':'1E20'}"}},
    {"B",
     {"{'B':'AA=='}", "{'B':'AAA='}", "{'B':'AAE='}", "{'B':'AQ=='}", "{'B':'fw=='}",
      "{'B':'gA=='}", "{'B':'/g=='}", "{'B':'/v8='}", "{'B':'/w=='}", "{'B':'/wA='}",
      "{'B':'//8='}", "{'B':'////'}"}},
};

static size_t sample_count(const struct samples *samples)
{
  size_t count = 0;
  while (count < SAMPLES_MAX && samples->json[count] != NULL) count++;
  return count;
}

/* What a query over samples is made of, and what it must answer. */
struct range {
  const char *condition; /* on the sort key; NULL: none */
  bool two;              /* operands */
  bool prefix;
};

static const struct range ranges[] = {
    {NULL, false, false},
    {"s = :a", false, false},
    {"s < :a", false, false},
    {"s <= :a", false, false},
    {"s > :a", false, false},
    {"s >= :a", false, false},
    {"s BETWEEN :a AND :b", true, false},
    {"begins_with(s, :a)", false, true},
};

struct world_of_samples {
  struct store_fixture *fixture;
  struct table *table;
  const struct samples *samples;
  const char *index;
  int ties;
  int only; /* place of the only sample stored, or -1 */
  struct value values[SAMPLES_MAX];
};

static bool is_stored(const struct world_of_samples *samples, size_t place)
{
  return samples->only < 0 ? place % 2 == 0 : place == (size_t)samples->only;
}

/* Whether the sample at `place` is in a range, by places and, for prefixes, by bytes. */
static bool is_in(const struct world_of_samples *samples, const struct range *range, size_t place,
                  size_t a, size_t b)
{
  if (range->condition == NULL) return true;
  if (range->prefix)
    return bytes_starts_with(value_bytes(samples->values[place]), value_bytes(samples->values[a]));
  if (range->two) return place >= a && place <= b;
  char first = range->condition[2];
  bool or_equal = range->condition[3] == '=';
  if (first == '=') return place == a;
  if (place == a) return or_equal;
  return first == '<' ? place < a : place > a;
}

static void expected_list(const struct world_of_samples *samples, const struct range *range,
                          size_t a, size_t b, bool backward, char list[LIST_BYTES])
{
  size_t count = sample_count(samples->samples);
  size_t length = 0;
  list[0] = '\0';
  for (size_t i = 0; i < count; i++) {
    size_t place = backward ? count - 1 - i : i;
    if (!is_stored(samples, place) || !is_in(samples, range, place, a, b)) continue;
    for (int k = 0; k < samples->ties; k++) {
      int tie = backward ? samples->ties - 1 - k : k;
      length += (size_t)snprintf(list + length, LIST_BYTES - length, "%s%zu.%d",
                                 length > 0 ? " " : "", place, tie);
    }
  }
}

/* The whole answer, read in pages of at most `most` items (0: in one), as a list of names. */
static void read_list(struct world_of_samples *samples, struct store_query *query,
                      struct random *random, uint32_t most, char list[LIST_BYTES])
{
  struct store_fixture *fixture = samples->fixture;
  size_t length = 0;
  list[0] = '\0';
  query->start_key = VALUE_NONE;
  do {
    struct store_page page;
    query->limit = most == 0 ? 0 : (uint32_t)random_between(random, 1, most);
    enum store_status status = store_query(fixture->store, query, &fixture->answers, &page,
                                           &fixture->error);
    store_fixture_expect(fixture, status, STORE_OK, NULL);
    assert_int_equal(page.count, page.scanned);
    assert_int_equal(value_present(page.last_key), query->limit > 0 && page.count == query->limit);
    if (page.count > 0)
      length += (size_t)snprintf(list + length, LIST_BYTES - length, "%s%s", length > 0 ? " " : "",
                                 store_fixture_list(fixture, &page, "name"));
    query->start_key = page.last_key;
  } while (value_present(query->start_key));
}

static void check_range(struct world_of_samples *samples, struct random *random,
                        const struct range *range, size_t a, size_t b)
{
  char condition[64];
  char values[256];
  snprintf(condition, sizeof condition, "p = :p%s%s", range->condition == NULL ? "" : " AND ",
           range->condition == NULL ? "" : range->condition);
  snprintf(values, sizeof values, "{':p':{'S':'p'},':a':%s,':b':%s}", samples->samples->json[a],
           samples->samples->json[b]);
  struct store_query query = store_fixture_query(
      samples->fixture, &(struct store_fixture_query){.table = samples->table,
                                                      .index = samples->index,
                                                      .key_condition = condition,
                                                      .values = values});
  for (int backward = 0; backward < 2; backward++) {
    char expected[LIST_BYTES];
    char list[LIST_BYTES];
    query.backward = backward;
    expected_list(samples, range, a, b, backward, expected);
    read_list(samples, &query, random, 0, list);
    assert_string_equal(list, expected);
    read_list(samples, &query, random, 4, list);
    assert_string_equal(list, expected);
  }
}

static void check_ranges(struct world_of_samples *samples, struct random *random)
{
  size_t count = sample_count(samples->samples);
  for (size_t i = 0; i < LENGTH_OF(ranges); i++) {
    const struct range *range = &ranges[i];
    if (range->prefix && samples->samples->type[0] == 'N') continue;
    for (size_t a = 0; a < (range->condition == NULL ? 1 : count); a++) {
      for (size_t b = a; b < (range->two ? count : a + 1); b++)
        check_range(samples, random, range, a, b);
    }
    store_fixture_clear(samples->fixture);
    /* Clearing took the values too. */
    for (size_t place = 0; place < count; place++)
      samples->values[place] = value_attribute(
          store_fixture_item(samples->fixture, "{'s':%s}", samples->samples->json[place]),
          BYTES("s"));
  }
}

/* Stores the samples in no order: in a table of its own, or in an index with ties. */
static void store_samples(struct world_of_samples *samples)
{
  struct store_fixture *fixture = samples->fixture;
  size_t count = sample_count(samples->samples);
  for (size_t i = 0; i < count; i++) {
    size_t place = i * 5 % count; /* no count is a multiple of 5 */
    samples->values[place] = value_attribute(
        store_fixture_item(fixture, "{'s':%s}", samples->samples->json[place]), BYTES("s"));
    for (int tie = samples->ties - 1; tie >= 0 && is_stored(samples, place); tie--)
      /* Ids that are ordered as numbers only: 2, 10, 100 and so on. */
      store_fixture_put(
          fixture, samples->table, "{'id':{'N':'%d'},'p':{'S':'p'},'s':%s,'name':{'S':'%zu.%d'}}",
          (int)place * 1000 + (tie == 0 ? 2 : tie * 10), samples->samples->json[place], place, tie);
  }
}

static void run_samples(const char *line, const char *index, int ties)
{
  struct random random;
  random_init(&random, random_seed(1));
  for (size_t i = 0; i < LENGTH_OF(all_samples); i++) {
    size_t count = sample_count(&all_samples[i]);
    assert_int_not_equal(count % 5, 0);
    for (int only = -1; only < (int)count; only += only < 0 ? 1 : 3) {
      struct store_fixture fixture;
      store_fixture_open(&fixture, 1);
      char text[128];
      snprintf(text, sizeof text, line, all_samples[i].type);
      struct world_of_samples samples = {
          .fixture = &fixture,
          .table = store_fixture_table(&fixture, text),
          .samples = &all_samples[i],
          .index = index,
          .ties = ties,
          .only = only,
      };
      /* Neighbours of the partition, which no query may show. */
      store_fixture_put(&fixture, samples.table, "{'id':{'N':'-1'},'p':{'S':'o'},'s':%s}",
                        all_samples[i].json[0]);
      store_fixture_put(&fixture, samples.table, "{'id':{'N':'-2'},'p':{'S':'pp'},'s':%s}",
                        all_samples[i].json[0]);
      store_samples(&samples);
      check_ranges(&samples, &random);
      store_fixture_close(&fixture);
    }
  }
}

static void test_ranges_of_a_table(void **state)
{
  (void)state;
  run_samples("tab p:S s:%s", NULL, 1);
}

static void test_ranges_of_an_index(void **state)
{
  (void)state;
  run_samples("tab id:N | by_p p:S s:%s", "by_p", 3);
}

/* An index without sort key: all items of a partition are ties, ordered by the primary key. */
static void test_index_without_sort_key(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = store_fixture_table(fixture, "tab id:N s:S | by_p p:S");
  static const int ids[] = {100, -7, 9, 10, 2};
  for (size_t i = 0; i < LENGTH_OF(ids); i++) {
    for (int k = 2; k > 0; k--)
      store_fixture_put(fixture, table,
                        "{'id':{'N':'%d'},'s':{'S':'s%d'},'p':{'S':'p'},'name':{'S':'%d%c'}}",
                        ids[i], k, ids[i], ".ab"[k]);
  }
  store_fixture_put(fixture, table, "{'id':{'N':'5'},'s':{'S':'not there'}}");
  for (int backward = 0; backward < 2; backward++) {
    for (uint32_t limit = 0; limit < 12; limit++) {
      struct store_query query = store_fixture_query(
          fixture, &(struct store_fixture_query){.table = table,
                                                 .index = "by_p",
                                                 .key_condition = "p = :p",
                                                 .values = "{':p':{'S':'p'}}"});
      query.backward = backward;
      query.limit = limit;
      char list[LIST_BYTES] = "";
      do {
        struct store_page page;
        enum store_status status = store_query(fixture->store, &query, &fixture->answers, &page,
                                               &fixture->error);
        store_fixture_expect(fixture, status, STORE_OK, NULL);
        for (uint32_t i = 0; i < page.count; i++) {
          struct bytes name = value_bytes(value_attribute(page.items[i], BYTES("name")));
          strcat(strncat(list, (const char *)name.data, name.size), " ");
        }
        query.start_key = page.last_key;
      } while (value_present(query.start_key));
      assert_string_equal(list, backward ? "100b 100a 10b 10a 9b 9a 2b 2a -7b -7a "
                                         : "-7a -7b 2a 2b 9a 9b 10a 10b 100a 100b ");
    }
  }
}

/* ---- start keys ---- */

static struct table *numbered(struct store_fixture *fixture, const char *line, int count)
{
  struct table *table = store_fixture_table(fixture, line);
  for (int i = 1; i <= count; i++)
    store_fixture_put(fixture, table, "{'p':{'S':'p'},'s':{'N':'%d'},'q':{'S':'q'},'r':{'N':'%d'}}",
                      i * 10, i % 3);
  return table;
}

static const char *start_at(struct store_fixture *fixture, struct store_query query,
                            const char *start_key, bool backward)
{
  struct store_page page;
  query.start_key = store_fixture_item(fixture, "%s", start_key);
  query.backward = backward;
  enum store_status status = store_query(fixture->store, &query, &fixture->answers, &page,
                                         &fixture->error);
  if (status == STORE_VALIDATION) return fixture->error.message;
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  return store_fixture_list(fixture, &page, "s");
}

/* A start key needs no item of its own: it is a place. */
static void test_start_key(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = numbered(fixture, "tab p:S s:N | by_q q:S r:N", 6);
  struct store_query query = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table,
                                             .key_condition = "p = :p AND s BETWEEN :a AND :b",
                                             .values = "{':p':{'S':'p'},':a':{'N':'15'},"
                                                       "':b':{'N':'55'}}"});
  const struct {
    const char *start_key;
    const char *forward, *backward;
  } cases[] = {
      {"{'p':{'S':'p'},'s':{'N':'30'}}", "40 50", "20"},
      {"{'p':{'S':'p'},'s':{'N':'35'}}", "40 50", "30 20"},
      {"{'p':{'S':'p'},'s':{'N':'15'}}", "20 30 40 50", ""},
      {"{'p':{'S':'p'},'s':{'N':'55'}}", "", "50 40 30 20"},
      {"{'p':{'S':'p'},'s':{'N':'10'}}", OUTSIDE, OUTSIDE},
      {"{'p':{'S':'p'},'s':{'N':'60'}}", OUTSIDE, OUTSIDE},
      {"{'p':{'S':'o'},'s':{'N':'30'}}", OUTSIDE, OUTSIDE},
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    assert_string_equal(start_at(fixture, query, cases[i].start_key, false), cases[i].forward);
    assert_string_equal(start_at(fixture, query, cases[i].start_key, true), cases[i].backward);
  }
  store_fixture_delete(fixture, table, "{'p':{'S':'p'},'s':{'N':'30'}}");
  assert_string_equal(start_at(fixture, query, cases[0].start_key, false), "40 50");
  assert_string_equal(start_at(fixture, query, cases[0].start_key, true), "20");

  query = store_fixture_query(fixture, &(struct store_fixture_query){.table = table,
                                                                     .index = "by_q",
                                                                     .key_condition = "q = :q",
                                                                     .values = "{':q':{'S':'q'}}"});
  const struct {
    const char *start_key;
    const char *forward, *backward;
  } index_cases[] = {
      /* in order: 60/0, 10/1 40/1, 20/2 50/2 */
      {"{'q':{'S':'q'},'r':{'N':'1'},'p':{'S':'p'},'s':{'N':'10'}}", "40 20 50", "60"},
      {"{'q':{'S':'q'},'r':{'N':'1'},'p':{'S':'p'},'s':{'N':'30'}}", "40 20 50", "10 60"},
      {"{'q':{'S':'q'},'r':{'N':'1'},'p':{'S':'a'},'s':{'N':'99'}}", "10 40 20 50", "60"},
      {"{'q':{'S':'q'},'r':{'N':'1'},'p':{'S':'z'},'s':{'N':'1'}}", "20 50", "40 10 60"},
      {"{'q':{'S':'Q'},'r':{'N':'1'},'p':{'S':'p'},'s':{'N':'10'}}", OUTSIDE, OUTSIDE},
  };
  for (size_t i = 0; i < LENGTH_OF(index_cases); i++) {
    assert_string_equal(start_at(fixture, query, index_cases[i].start_key, false),
                        index_cases[i].forward);
    assert_string_equal(start_at(fixture, query, index_cases[i].start_key, true),
                        index_cases[i].backward);
  }
}

static void test_unknown_partition(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = numbered(fixture, "tab p:S s:N", 3);
  struct store_query query = store_fixture_query(
      fixture, &(struct store_fixture_query){.table = table,
                                             .key_condition = "p = :p AND s > :s",
                                             .values = "{':p':{'S':'no'},':s':{'N':'0'}}"});
  struct store_page page;
  query.limit = 1;
  enum store_status status = store_query(fixture->store, &query, &fixture->answers, &page,
                                         &fixture->error);
  store_fixture_expect(fixture, status, STORE_OK, NULL);
  assert_int_equal(page.count, 0);
  assert_int_equal(page.scanned, 0);
  assert_false(value_present(page.last_key));
  assert_int_equal(page.sequence, store_appended(fixture->store));
}

static void test_refusals(void **state)
{
  struct store_fixture *fixture = *state;
  struct table *table = numbered(fixture, "tab p:S s:N | by_q q:B r:S", 0);
  const char *types = "One or more parameter values were invalid: Condition parameter type does "
                      "not match schema type";
  const struct {
    const char *index, *condition, *filter;
    const char *message;
  } cases[] = {
      {NULL, "p = :n", NULL, types},
      {NULL, "p = :s AND s = :s", NULL, types},
      {NULL, "p = :s AND s BETWEEN :n AND :m", NULL, NULL},
      {"by_q", "q = :s", NULL, types},
      {"by_q", "q = :b AND r > :n", NULL, types},
      {NULL, "p = :empty", NULL,
       "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
       "contain an empty string value. Key: p"},
      {"by_q", "q = :nothing", NULL,
       "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
       "contain an empty binary value. Key: q"},
      {NULL, "s = :n", NULL, "Query condition missed key schema element: p"},
      {NULL, "p = :s AND r = :s", NULL, "Query condition missed key schema element: s"},
      {NULL, "p > :s", NULL, "Query key condition not supported"},
      {"by_q", "p = :s", NULL, "Query condition missed key schema element: q"},
      {"none", "p = :s", NULL, "The table does not have the specified index: none"},
      {NULL, "p = :s", "r = :n AND s = :n",
       "Filter Expression can only contain non-primary key attributes: Primary key attribute: s"},
      {NULL, "p = :s", "p = :n",
       "Filter Expression can only contain non-primary key attributes: Primary key attribute: p"},
      {"by_q", "q = :b", "r = :s",
       "Filter Expression can only contain non-primary key attributes: Primary key attribute: r"},
      {"by_q", "q = :b", "p = :s AND s = :n", NULL}, /* the table's keys are no keys of the index */
  };
  for (size_t i = 0; i < LENGTH_OF(cases); i++) {
    struct store_query query = store_fixture_query(
        fixture, &(struct store_fixture_query){
                     .table = table,
                     .index = cases[i].index,
                     .key_condition = cases[i].condition,
                     .filter = cases[i].filter,
                     .values = "{':s':{'S':'x'},':n':{'N':'1'},':m':{'N':'2'},':b':{'B':'eA=='},"
                               "':empty':{'S':''},':nothing':{'B':''}}"});
    struct store_page page;
    enum store_status status = store_query(fixture->store, &query, &fixture->answers, &page,
                                           &fixture->error);
    store_fixture_expect(fixture, status, cases[i].message == NULL ? STORE_OK : STORE_VALIDATION,
                         cases[i].message == NULL ? "" : cases[i].message);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ranges_of_a_table),
      cmocka_unit_test(test_ranges_of_an_index),
#define TEST(name) \
  cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
      TEST(test_index_without_sort_key),
      TEST(test_start_key),
      TEST(test_unknown_partition),
      TEST(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
