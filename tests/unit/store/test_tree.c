#include "store/tree.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
  REGION_BYTES = 64 << 10,
  KEY_MAX = 60,
  MODEL_ENTRIES = 12000,
  MODEL_STEPS = 250000,
};

#define TICKET "TICKET#2026-11-23T"

/* splitmix64 */
static uint64_t mix(uint64_t value)
{
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

static uint64_t environment_number(const char *name, uint64_t otherwise)
{
  const char *text = getenv(name);
  return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

struct entry {
  uint32_t id; /* breaks ties */
  bool in_scratch;
  uint8_t size;
  uint8_t key[KEY_MAX];
};

static struct bytes entry_key(const struct tree_order *order, const void *item,
                              uint8_t scratch[TREE_KEY_SCRATCH_BYTES])
{
  (void)order;
  const struct entry *entry = item;
  if (!entry->in_scratch) return bytes_of(entry->key, entry->size);
  assert_true(entry->size <= TREE_KEY_SCRATCH_BYTES);
  memcpy(scratch, entry->key, entry->size);
  return bytes_of(scratch, entry->size);
}

static int compare_ids(const struct entry *left, const struct entry *right)
{
  return (left->id > right->id) - (left->id < right->id);
}

static int entry_tie(const struct tree_order *order, const void *left, const void *right)
{
  (void)order;
  return compare_ids(left, right);
}

static const struct tree_order unique_order = {.key = entry_key};
static const struct tree_order tied_order = {.key = entry_key, .tie = entry_tie};

struct fixture {
  struct memory memory;
  struct heap heap;
  struct tree tree;
  const struct tree_order *order;
};

static void fixture_open(struct fixture *fixture, const struct tree_order *order)
{
  *fixture = (struct fixture){.order = order};
  heap_init(&fixture->heap, &fixture->memory, REGION_BYTES);
}

static void fixture_close(struct fixture *fixture)
{
  tree_assert(&fixture->tree, fixture->order);
  tree_clear(&fixture->tree, &fixture->heap);
  assert_null(fixture->tree.root);
  assert_int_equal(fixture->heap.in_use, 0);
  heap_free_all(&fixture->heap);
  assert_int_equal(fixture->memory.in_use, 0);
}

static void put(struct fixture *fixture, struct entry *entry)
{
  assert_true(heap_reserve(&fixture->heap, TREE_NODE_BYTES, TREE_NODES_PER_INSERT));
  tree_insert(&fixture->tree, fixture->order, &fixture->heap, entry);
}

static void cut(struct fixture *fixture, const struct entry *entry)
{
  tree_remove(&fixture->tree, fixture->order, &fixture->heap, entry);
}

static struct entry entry_of(struct bytes key, uint32_t id)
{
  struct entry entry = {.id = id, .size = (uint8_t)key.size};
  assert_true(key.size <= KEY_MAX);
  if (key.size > 0) memcpy(entry.key, key.data, key.size);
  return entry;
}

/* Entries with the keys "TICKET#2026-11-23T00000000", ...: in order. */
static struct entry *tickets_new(uint32_t count)
{
  struct entry *entries = calloc(count, sizeof *entries);
  assert_non_null(entries);
  for (uint32_t i = 0; i < count; i++) {
    char key[KEY_MAX];
    snprintf(key, sizeof key, TICKET "%08u", i);
    entries[i] = entry_of(bytes_of_text(key), i);
  }
  return entries;
}

static void test_empty_tree(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, &unique_order);
  struct tree_probe probe = {.key = BYTES("a")};
  assert_null(tree_entry(tree_first(&fixture.tree)));
  assert_null(tree_entry(tree_last(&fixture.tree)));
  assert_null(tree_entry(tree_seek(&fixture.tree, fixture.order, &probe)));
  assert_null(tree_entry(tree_seek_before(&fixture.tree, fixture.order, &probe)));
  assert_null(tree_find(&fixture.tree, fixture.order, BYTES("")));
  fixture_close(&fixture);
}

/* Keys whose heads are padded with zeros to the same number, and keys that start other keys. */
static void test_zeros_and_prefixes_are_ordered(void **state)
{
  (void)state;
  struct entry entries[] = {
      entry_of(BYTES(""), 0),
      entry_of(BYTES("\0"), 0),
      entry_of(BYTES("\0\0\0\0\0\0\0\0\0"), 0),
      entry_of(BYTES("a"), 0),
      entry_of(BYTES("a\0"), 0),
      entry_of(BYTES("a\0\0\0\0\0\0\0"), 0),
      entry_of(BYTES("a\0\0\0\0\0\0\0\0"), 0),
      entry_of(BYTES("a\0\0\0\0\0\0\0\0b"), 0),
      entry_of(BYTES("aa"), 0),
      entry_of(BYTES("aaaaaaaa"), 0),
      entry_of(BYTES("aaaaaaaaa"), 0),
      entry_of(BYTES("\xff"), 0),
      entry_of(BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0),
  };
  enum { COUNT = sizeof entries / sizeof entries[0] };
  struct fixture fixture;
  fixture_open(&fixture, &unique_order);
  for (int i = 0; i < COUNT; i++) put(&fixture, &entries[i * 5 % COUNT]);
  tree_assert(&fixture.tree, fixture.order);
  struct tree_cursor cursor = tree_first(&fixture.tree);
  for (int i = 0; i < COUNT; i++, cursor = tree_next(cursor)) {
    assert_ptr_equal(tree_entry(cursor), &entries[i]);
    struct bytes key = bytes_of(entries[i].key, entries[i].size);
    assert_ptr_equal(tree_find(&fixture.tree, fixture.order, key), &entries[i]);
  }
  assert_null(tree_entry(cursor));
  assert_null(tree_find(&fixture.tree, fixture.order, BYTES("a\0\0")));
  assert_null(tree_find(&fixture.tree, fixture.order, BYTES("aaa")));
  fixture_close(&fixture);
}

/* Probes that end inside, or leave, a long prefix that a node's entries share. */
static void test_probes_beside_a_long_prefix(void **state)
{
  (void)state;
  struct entry entry = entry_of(BYTES(TICKET), 0);
  struct entry longer = entry_of(BYTES(TICKET "20:00"), 0);
  struct bytes before[] = {BYTES(""), BYTES("TICKET"), BYTES("TICKET#2026-11-23"),
                           BYTES("TICKET#2025-11-23T20:00"), BYTES("A")};
  struct bytes behind[] = {BYTES("U"), BYTES("TICKET#2026-12"), BYTES("TICKET#2027-11-23T20:00"),
                           BYTES(TICKET "20:000")};
  struct fixture fixture;
  fixture_open(&fixture, &unique_order);
  for (int round = 0; round < 2; round++) {
    put(&fixture, round == 0 ? &entry : &longer);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
      struct tree_probe probe = {.key = before[i]};
      assert_ptr_equal(tree_entry(tree_seek(&fixture.tree, fixture.order, &probe)), &entry);
      assert_null(tree_entry(tree_seek_before(&fixture.tree, fixture.order, &probe)));
      assert_null(tree_find(&fixture.tree, fixture.order, before[i]));
    }
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
      struct tree_probe probe = {.key = behind[i]};
      assert_null(tree_entry(tree_seek(&fixture.tree, fixture.order, &probe)));
      assert_null(tree_find(&fixture.tree, fixture.order, behind[i]));
    }
  }
  fixture_close(&fixture);
}

static void test_seek_before_and_after_ties(void **state)
{
  (void)state;
  enum { SAME = 100 };
  struct entry same[SAME];
  struct entry low = entry_of(BYTES("k"), 0);
  struct entry high = entry_of(BYTES("key0"), 0);
  struct fixture fixture;
  fixture_open(&fixture, &tied_order);
  put(&fixture, &high);
  put(&fixture, &low);
  for (uint32_t i = 0; i < SAME; i++) {
    same[i * 37 % SAME] = entry_of(BYTES("key"), i * 37 % SAME);
    put(&fixture, &same[i * 37 % SAME]);
  }
  const struct tree *tree = &fixture.tree;
  struct tree_probe before = {.key = BYTES("key")};
  assert_ptr_equal(tree_entry(tree_seek(tree, fixture.order, &before)), &same[0]);
  assert_ptr_equal(tree_entry(tree_seek_before(tree, fixture.order, &before)), &low);
  struct tree_probe after = {.key = BYTES("key"), .tie = tree_probe_after};
  assert_ptr_equal(tree_entry(tree_seek(tree, fixture.order, &after)), &high);
  assert_ptr_equal(tree_entry(tree_seek_before(tree, fixture.order, &after)), &same[SAME - 1]);
  struct tree_probe first = {.key = BYTES("")};
  assert_ptr_equal(tree_entry(tree_seek(tree, fixture.order, &first)), &low);
  assert_null(tree_entry(tree_seek_before(tree, fixture.order, &first)));
  struct tree_probe last = {.key = BYTES("l")};
  assert_null(tree_entry(tree_seek(tree, fixture.order, &last)));
  assert_ptr_equal(tree_entry(tree_seek_before(tree, fixture.order, &last)), &high);
  fixture_close(&fixture);
}

static void test_ascending_keys_fill_nodes(void **state)
{
  (void)state;
  enum { COUNT = 30000 };
  struct entry *entries = tickets_new(COUNT);
  struct fixture fixture;
  fixture_open(&fixture, &unique_order);
  for (uint32_t i = 0; i < COUNT; i++) {
    put(&fixture, &entries[i]);
    if (i % 1000 == 0) tree_assert(&fixture.tree, fixture.order);
  }
  /* 16 bytes per entry in a leaf; headers and inner nodes are the rest. */
  assert_in_range(fixture.heap.in_use, COUNT * 16, COUNT * 19);
  for (uint32_t i = 0; i < COUNT; i++) {
    struct bytes key = bytes_of(entries[i].key, entries[i].size);
    assert_ptr_equal(tree_find(&fixture.tree, fixture.order, key), &entries[i]);
  }
  fixture_close(&fixture);
  free(entries);
}

/* Emptying from the left, from the right, and in no order: nothing leaks, nothing stays sparse. */
static void test_removal_gives_nodes_back(void **state)
{
  (void)state;
  enum { COUNT = 10000 };
  struct entry *entries = tickets_new(COUNT);
  struct fixture fixture;
  fixture_open(&fixture, &unique_order);
  for (uint32_t way = 0; way < 3; way++) {
    for (uint32_t i = 0; i < COUNT; i++) put(&fixture, &entries[i]);
    for (uint32_t i = 0; i < COUNT; i++) {
      uint32_t which = way == 0 ? i : way == 1 ? COUNT - 1 - i : i * 7919 % COUNT;
      cut(&fixture, &entries[which]);
      if (i % 500 != 0) continue;
      tree_assert(&fixture.tree, fixture.order);
      assert_true(fixture.heap.in_use <= fixture.tree.count * 60u + 5u * TREE_NODE_BYTES);
    }
    assert_int_equal(fixture.tree.count, 0);
    assert_int_equal(fixture.tree.height, 0);
    assert_int_equal(fixture.heap.in_use, 0);
  }
  fixture_close(&fixture);
  free(entries);
}

/* At the right edge a node may be an only child with one entry, on every level up to the root. */
static void test_newest_entry_comes_and_goes(void **state)
{
  (void)state;
  enum { COUNT = 12100 };
  struct entry *entries = tickets_new(COUNT);
  struct fixture fixture;
  fixture_open(&fixture, &unique_order);
  for (uint32_t i = 0; i < COUNT; i++) {
    put(&fixture, &entries[i]);
    uint32_t height = fixture.tree.height;
    cut(&fixture, &entries[i]);
    if (i % 30 == 0) tree_assert(&fixture.tree, fixture.order);
    if (i > 0) assert_ptr_equal(tree_entry(tree_last(&fixture.tree)), &entries[i - 1]);
    put(&fixture, &entries[i]);
    assert_int_equal(fixture.tree.height, height);
    assert_ptr_equal(tree_entry(tree_last(&fixture.tree)), &entries[i]);
  }
  assert_int_equal(fixture.tree.height, 4);
  fixture_close(&fixture);
  free(entries);
}

/* The first entries of leaves are also known to inner nodes: none may keep a replaced one. */
static void test_replaced_entries_are_forgotten(void **state)
{
  (void)state;
  enum { COUNT = 2000 };
  struct entry *old_entries = tickets_new(COUNT);
  struct entry *new_entries = tickets_new(COUNT);
  struct fixture fixture;
  fixture_open(&fixture, &unique_order);
  for (uint32_t i = 0; i < COUNT; i++) put(&fixture, &old_entries[i]);
  for (uint32_t i = 0; i < COUNT; i++)
    tree_replace(&fixture.tree, fixture.order, &old_entries[i], &new_entries[i]);
  free(old_entries);
  tree_assert(&fixture.tree, fixture.order);
  for (uint32_t i = 0; i < COUNT; i += 3) cut(&fixture, &new_entries[i]);
  tree_assert(&fixture.tree, fixture.order);
  assert_int_equal(fixture.tree.count, COUNT - (COUNT + 2) / 3);
  fixture_close(&fixture);
  free(new_entries);
}

/* ---- the model: a sorted array ---- */

struct model {
  struct fixture fixture;
  const struct tree_order *order;
  struct entry (*pool)[2]; /* twins: equal entries at different addresses */
  struct entry **sorted;
  uint32_t count;
  uint64_t random;
};

static uint32_t draw(struct model *model, uint32_t below)
{
  return (uint32_t)(mix(model->random++) % below);
}

static void append(struct entry *entry, const char *text)
{
  size_t size = strlen(text);
  assert_true(entry->size + size <= KEY_MAX);
  memcpy(entry->key + entry->size, text, size);
  entry->size = (uint8_t)(entry->size + size);
}

static void append_bytes(struct model *model, struct entry *entry, const char *alphabet,
                         uint32_t letters, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    entry->key[entry->size++] = (uint8_t)alphabet[draw(model, letters)];
}

/* Keys of many kinds, several of them equal. */
static struct entry model_key(struct model *model)
{
  struct entry entry = {.id = draw(model, 1000000)};
  char text[KEY_MAX];
  switch (draw(model, 6)) {
  case 0:
    snprintf(text, sizeof text, TICKET "%02u:%02u:%02u.%03u", draw(model, 3), draw(model, 60),
             draw(model, 60), draw(model, 1000));
    append(&entry, text);
    break;
  case 1:
    append(&entry, TICKET "19:59:5");
    append_bytes(model, &entry, "\0a", 2, draw(model, 20));
    break;
  case 2:
    append_bytes(model, &entry, "\0\1\377", 3, draw(model, 10));
    break;
  case 3:
    append_bytes(model, &entry, "x", 1, draw(model, KEY_MAX));
    append_bytes(model, &entry, "\0xy", 3, entry.size < KEY_MAX);
    break;
  case 4:
    append(&entry, TICKET "20:00:00.000#");
    append_bytes(model, &entry, "01", 2, 12);
    break;
  default:
    snprintf(text, sizeof text, "%06u", draw(model, 1000000));
    append(&entry, text);
  }
  entry.in_scratch = entry.size <= TREE_KEY_SCRATCH_BYTES && draw(model, 3) == 0;
  return entry;
}

/* Order of a place against an entry; tie as in struct tree_probe, with the context an entry. */
static int place_compare(const struct tree_probe *probe, const struct entry *entry)
{
  int order = bytes_compare(probe->key, bytes_of(entry->key, entry->size));
  if (order != 0) return order;
  return probe->tie == NULL ? -1 : probe->tie(probe, entry);
}

static uint32_t model_rank(const struct model *model, const struct tree_probe *probe)
{
  uint32_t low = 0;
  for (uint32_t high = model->count; low < high;) {
    uint32_t middle = (low + high) / 2;
    if (place_compare(probe, model->sorted[middle]) > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static int probe_tie_entry(const struct tree_probe *probe, const void *entry)
{
  return compare_ids(probe->context, entry);
}

static struct tree_probe probe_of(const struct model *model, const struct entry *entry)
{
  return (struct tree_probe){
      .key = bytes_of(entry->key, entry->size),
      .tie = model->order->tie == NULL ? NULL : probe_tie_entry,
      .context = entry,
  };
}

static struct entry *model_at(const struct model *model, uint32_t rank)
{
  return rank < model->count ? model->sorted[rank] : NULL;
}

/* Reads a few entries forwards and backwards from a place. */
static void model_seek(struct model *model, const struct tree_probe *probe)
{
  uint32_t rank = model_rank(model, probe);
  const struct tree *tree = &model->fixture.tree;
  struct tree_cursor cursor = tree_seek(tree, model->order, probe);
  uint32_t steps = draw(model, 70);
  for (uint32_t i = 0;; i++) {
    assert_ptr_equal(tree_entry(cursor), model_at(model, rank + i));
    if (i == steps || tree_entry(cursor) == NULL) break;
    cursor = tree_next(cursor);
  }
  cursor = tree_seek_before(tree, model->order, probe);
  for (uint32_t i = 1;; i++) {
    assert_ptr_equal(tree_entry(cursor), i > rank ? NULL : model->sorted[rank - i]);
    if (i >= steps || tree_entry(cursor) == NULL) break;
    cursor = tree_previous(cursor);
  }
}

static void model_read(struct model *model, const struct entry *entry)
{
  struct entry stranger = model_key(model);
  if (draw(model, 2) == 0) entry = &stranger;
  struct tree_probe probe = probe_of(model, entry);
  if (model->order->tie == NULL) {
    struct entry *found = model_at(model, model_rank(model, &probe));
    if (found != NULL && !bytes_equal(probe.key, bytes_of(found->key, found->size))) found = NULL;
    assert_ptr_equal(tree_find(&model->fixture.tree, model->order, probe.key), found);
  }
  uint32_t kind = draw(model, 3);
  if (kind == 0) probe.tie = NULL;
  if (kind == 1) probe.tie = tree_probe_after;
  model_seek(model, &probe);
}

/* Inserts the entry, or, if it is there already, removes it or puts its twin in its place. */
static void model_write(struct model *model, struct entry twins[2], uint32_t insert_percent)
{
  bool grow = draw(model, 100) < insert_percent;
  struct tree_probe probe = probe_of(model, &twins[0]);
  uint32_t rank = model_rank(model, &probe);
  struct entry *present = model_at(model, rank);
  struct entry **place = model->sorted + rank;
  bool equal = present != NULL && bytes_equal(probe.key, bytes_of(present->key, present->size)) &&
               (model->order->tie == NULL || present->id == twins[0].id);
  if (!equal && grow) {
    memmove(place + 1, place, (model->count++ - rank) * sizeof *place);
    *place = &twins[0];
    put(&model->fixture, &twins[0]);
  } else if (equal && !grow) {
    cut(&model->fixture, present);
    memmove(place, place + 1, (--model->count - rank) * sizeof *place);
  } else if (present == &twins[0] || present == &twins[1]) {
    *place = present == &twins[0] ? &twins[1] : &twins[0];
    tree_replace(&model->fixture.tree, model->order, present, *place);
  }
}

static void model_assert(struct model *model)
{
  tree_assert(&model->fixture.tree, model->order);
  assert_int_equal(model->fixture.tree.count, model->count);
  struct tree_cursor cursor = tree_first(&model->fixture.tree);
  for (uint32_t i = 0; i < model->count; i++, cursor = tree_next(cursor))
    assert_ptr_equal(tree_entry(cursor), model->sorted[i]);
  assert_null(tree_entry(cursor));
  assert_ptr_equal(tree_entry(tree_last(&model->fixture.tree)), model_at(model, model->count - 1));
}

static void model_run(const struct tree_order *order, uint64_t seed)
{
  uint64_t steps = environment_number("TACOS_STEPS", MODEL_STEPS);
  print_message("replay: TACOS_SEED=%" PRIu64 " TACOS_STEPS=%" PRIu64
                " build/asan/tests/unit/store/test_tree\n",
                seed, steps);
  struct model model = {.order = order, .random = mix(seed)};
  fixture_open(&model.fixture, order);
  model.pool = calloc(MODEL_ENTRIES, sizeof *model.pool);
  model.sorted = calloc(MODEL_ENTRIES + 1, sizeof(struct entry *));
  assert_true(model.pool != NULL && model.sorted != NULL);
  for (uint32_t i = 0; i < MODEL_ENTRIES; i++)
    model.pool[i][0] = model.pool[i][1] = model_key(&model);

  uint32_t insert_percent = 90;
  uint32_t limit = MODEL_ENTRIES;
  for (uint64_t step = 0; step < steps; step++) {
    if (step % 20000 == 0) {
      insert_percent = insert_percent == 90 ? 20 : 90;
      if (draw(&model, 3) == 0) limit = draw(&model, MODEL_ENTRIES) + 1;
      model_assert(&model);
    }
    if (step % 100000 == 70000) {
      tree_clear(&model.fixture.tree, &model.fixture.heap);
      model.count = 0;
    }
    struct entry *twins = model.pool[draw(&model, draw(&model, 2) == 0 ? limit : MODEL_ENTRIES)];
    if (draw(&model, 8) == 0)
      model_read(&model, twins);
    else
      model_write(&model, twins, insert_percent);
  }
  model_assert(&model);
  fixture_close(&model.fixture);
  free(model.pool);
  free(model.sorted);
}

static void test_random_operations_with_unique_keys(void **state)
{
  (void)state;
  model_run(&unique_order, environment_number("TACOS_SEED", 20260101));
}

static void test_random_operations_with_ties(void **state)
{
  (void)state;
  model_run(&tied_order, environment_number("TACOS_SEED", 20260102));
}

/* ---- memory that runs out, and misuse ---- */

/* Each insert after a reservation succeeds although every allocation would fail. */
static void test_reserved_insert_needs_no_memory(void **state)
{
  (void)state;
  enum { COUNT = 3000 };
  struct entry *entries = tickets_new(COUNT);
  struct fixture fixture;
  fixture_open(&fixture, &unique_order);
  uint32_t refused = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    fixture.memory.fail_at = fixture.memory.calls + 1;
    size_t in_use = fixture.heap.in_use;
    if (!heap_reserve(&fixture.heap, TREE_NODE_BYTES, TREE_NODES_PER_INSERT)) {
      refused++;
      assert_int_equal(fixture.heap.in_use, in_use);
      assert_int_equal(fixture.tree.count, i);
      assert_true(heap_reserve(&fixture.heap, TREE_NODE_BYTES, TREE_NODES_PER_INSERT));
    }
    fixture.memory.fail_at = fixture.memory.calls + 1;
    tree_insert(&fixture.tree, fixture.order, &fixture.heap, &entries[i * 1013 % COUNT]);
  }
  assert_true(refused > 0);
  fixture_close(&fixture);
  free(entries);
}

/* Whether a change of a tree with the entry "a" stops the process. */
static bool stops(void (*change)(struct fixture *fixture, struct entry *entry), struct entry *entry)
{
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    assert_non_null(freopen("/dev/null", "w", stderr));
    struct entry present = entry_of(BYTES("a"), 0);
    struct fixture fixture;
    fixture_open(&fixture, &unique_order);
    put(&fixture, &present);
    change(&fixture, entry);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void insert_entry(struct fixture *fixture, struct entry *entry)
{
  put(fixture, entry);
}

static void remove_entry(struct fixture *fixture, struct entry *entry)
{
  cut(fixture, entry);
}

static void test_misuse_stops(void **state)
{
  (void)state;
  struct entry equal = entry_of(BYTES("a"), 0);
  struct entry other = entry_of(BYTES("b"), 0);
  assert_true(stops(insert_entry, &equal));
  assert_false(stops(insert_entry, &other));
  assert_true(stops(remove_entry, &other));
  assert_true(stops(remove_entry, &equal));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_empty_tree),
      cmocka_unit_test(test_zeros_and_prefixes_are_ordered),
      cmocka_unit_test(test_probes_beside_a_long_prefix),
      cmocka_unit_test(test_seek_before_and_after_ties),
      cmocka_unit_test(test_ascending_keys_fill_nodes),
      cmocka_unit_test(test_removal_gives_nodes_back),
      cmocka_unit_test(test_newest_entry_comes_and_goes),
      cmocka_unit_test(test_replaced_entries_are_forgotten),
      cmocka_unit_test(test_random_operations_with_unique_keys),
      cmocka_unit_test(test_random_operations_with_ties),
      cmocka_unit_test(test_reserved_insert_needs_no_memory),
      cmocka_unit_test(test_misuse_stops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
