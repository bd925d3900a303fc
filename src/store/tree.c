#include "store/tree.h"

#include "base/check.h"

enum {
  LEAF_MAX = (TREE_NODE_BYTES - 32) / 16,  /* entries of a leaf */
  INNER_MAX = (TREE_NODE_BYTES - 16) / 24, /* children of an inner node */
  NODE_MIN = 10,                           /* of both, but see invariant 4 */
  HEIGHT_MAX = TREE_NODES_PER_INSERT,
  HEAD_BYTES = 8,
  HEAD_DULL_BITS = 32, /* bits that all heads of a node share before its prefix is taken anew */
};

/*
 * Invariants (tree_assert checks them):
 * 1. All entries of a node start with the same `prefix` bytes; heads[i] are the next 8 bytes of
 *    entries[i]'s key as a big-endian number, zeros after the key's end. So heads are in order, and
 *    only entries with equal heads need their keys compared. `prefix` may be less than it could be.
 * 2. entries[i] of an inner node is the first entry below children[i]: nodes own no key bytes, and
 *    whatever changes the first entry of a leaf changes it in the nodes above as well.
 * 3. The leaves are linked in order, and none is empty.
 * 4. A node has at least NODE_MIN entries, unless it is the root or on the right edge: a node with
 *    no node of its level behind it may have fewer. An inner root has at least 2 children.
 */
struct tree_node {
  uint64_t tail; /* the last 8 bytes of the prefix, big-endian, zeros before its start */
  uint32_t prefix;
  uint16_t count;
  uint16_t level; /* 0: a leaf */
  union {
    struct {
      uint64_t heads[LEAF_MAX];
      void *entries[LEAF_MAX];
      struct tree_node *previous;
      struct tree_node *next;
    } leaf;
    struct {
      uint64_t heads[INNER_MAX];
      void *entries[INNER_MAX];
      struct tree_node *children[INNER_MAX];
    } inner;
  };
};

_Static_assert(sizeof(struct tree_node) <= TREE_NODE_BYTES, "a node fits");
_Static_assert(INNER_MAX / 2 >= NODE_MIN, "both halves of a split and of a share are big enough");

/*
 * An insert adds at most one node to each level of the tree it leaves behind. The root's first
 * child is not on the right edge, so a tree of height h has at least NODE_MIN^(h - 1) entries;
 * they are counted in 32 bits.
 */
#define POWER_5(base) ((base) * (base) * (base) * (base) * (base))
_Static_assert(HEIGHT_MAX >= 10 &&
                   POWER_5((uint64_t)NODE_MIN) * POWER_5((uint64_t)NODE_MIN) > UINT32_MAX,
               "no tree is higher than HEIGHT_MAX");

/* What is looked for: a place between entries (probe), or where an entry is or belongs. */
struct target {
  struct bytes key;
  const struct tree_order *order;
  const struct tree_probe *probe; /* or NULL */
  const void *entry;              /* NULL with a probe, or when keys are unique */
  size_t known;  /* bytes that the key certainly shares with the first key of the node at hand */
  uint64_t head; /* of the key, in the node just ranked */
  bool shares;   /* whether the key has the prefix of the node just ranked */
};

/* The nodes from a leaf (level 0) to the root; positions: in the leaf, of the child above. */
struct path {
  struct tree_node *nodes[HEIGHT_MAX];
  uint32_t positions[HEIGHT_MAX];
};

static uint64_t *node_heads(struct tree_node *node)
{
  return node->level == 0 ? node->leaf.heads : node->inner.heads;
}

static void **node_entries(struct tree_node *node)
{
  return node->level == 0 ? node->leaf.entries : node->inner.entries;
}

static uint32_t node_max(const struct tree_node *node)
{
  return node->level == 0 ? LEAF_MAX : INNER_MAX;
}

static struct bytes entry_key(const struct tree_order *order, const void *entry, uint8_t *scratch)
{
  return order->key(order, entry, scratch);
}

/* The key's bytes from offset on as a big-endian number, zeros after its end. */
static uint64_t load_head(struct bytes key, size_t offset)
{
  uint64_t word;
  if (offset + HEAD_BYTES <= key.size) {
    memcpy(&word, key.data + offset, HEAD_BYTES);
    return __builtin_bswap64(word);
  }
  if (offset >= key.size) return 0;
  uint8_t padded[HEAD_BYTES] = {0};
  for (size_t i = 0; offset + i < key.size; i++) padded[i] = key.data[offset + i];
  memcpy(&word, padded, HEAD_BYTES);
  return __builtin_bswap64(word);
}

static uint64_t load_tail(struct bytes key, size_t prefix)
{
  if (prefix >= HEAD_BYTES) return load_head(key, prefix - HEAD_BYTES);
  return prefix == 0 ? 0 : load_head(key, 0) >> (8 * (HEAD_BYTES - prefix));
}

/* How many leading bytes two keys share, at most `limit`. */
static size_t shared_size(struct bytes left, struct bytes right, size_t limit)
{
  if (limit > left.size) limit = left.size;
  if (limit > right.size) limit = right.size;
  size_t size = 0;
  while (size < limit && left.data[size] == right.data[size]) size++;
  return size;
}

/* How many leading bytes two heads share. */
static size_t heads_shared(uint64_t left, uint64_t right)
{
  return left == right ? HEAD_BYTES : (size_t)__builtin_clzll(left ^ right) / 8;
}

static size_t smaller(size_t left, size_t right)
{
  return left < right ? left : right;
}

/* ---- searching ---- */

/* Order of the target against an entry. Both keys have the first `skip` bytes in common. */
static int target_compare(const struct target *target, const void *entry, size_t skip)
{
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct bytes key = entry_key(target->order, entry, scratch);
  int order = bytes_compare(bytes_of(target->key.data + skip, target->key.size - skip),
                            bytes_of(key.data + skip, key.size - skip));
  if (order != 0) return order;
  if (target->probe != NULL)
    return target->probe->tie == NULL ? -1 : target->probe->tie(target->probe, entry);
  return target->order->tie == NULL ? 0 : target->order->tie(target->order, target->entry, entry);
}

/*
 * Whether the target's key has the node's prefix (0), or is before (-1) or after (1) all keys that
 * have it. The tail answers unless the prefix has grown by more than 8 bytes since the node above.
 */
static int prefix_side(struct tree_node *node, const struct target *target)
{
  if (node->prefix <= target->known) return 0;
  if (node->prefix <= target->known + HEAD_BYTES) {
    uint64_t tail = load_tail(target->key, node->prefix);
    if (tail != node->tail) return tail < node->tail ? -1 : 1;
    return target->key.size < node->prefix ? -1 : 0;
  }
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct bytes key = entry_key(target->order, node_entries(node)[0], scratch);
  size_t size = smaller(target->key.size, node->prefix);
  int order = size == 0 ? 0 : memcmp(target->key.data, key.data, size);
  if (order != 0) return order < 0 ? -1 : 1;
  return size < node->prefix ? -1 : 0;
}

/* How many heads are less: a binary search without branches that depend on them. */
static uint32_t heads_below(const uint64_t *heads, uint32_t count, uint64_t head)
{
  if (count == 0) return 0;
  const uint64_t *base = heads;
  for (uint32_t left = count; left > 1;) {
    uint32_t half = left / 2;
    base += base[half - 1] < head ? half : 0;
    left -= half;
  }
  return (uint32_t)(base - heads) + (*base < head);
}

/* How many entries of a node are before the target; inclusive: or equal to it. */
static uint32_t node_rank(struct tree_node *node, struct target *target, bool inclusive)
{
  int side = prefix_side(node, target);
  target->shares = side == 0;
  if (side != 0) return side < 0 ? 0 : node->count;
  const uint64_t *heads = node_heads(node);
  target->head = load_head(target->key, node->prefix);
  uint32_t low = heads_below(heads, node->count, target->head);
  uint32_t high = low;
  while (high < node->count && heads[high] == target->head) high++;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    int order = target_compare(target, node_entries(node)[middle], node->prefix);
    if (order > 0 || (order == 0 && inclusive))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/*
 * The child of an inner node in which the target is or belongs. Updates `known` for it: equal
 * zeros beyond the end of the child's first key may be counted, but a prefix never reaches that
 * far. A key without the node's prefix shares with every child's first key what it shares with the
 * node's.
 */
static uint32_t node_child(struct tree_node *node, struct target *target)
{
  uint32_t rank = node_rank(node, target, true);
  uint32_t child = rank > 0 ? rank - 1 : 0;
  if (target->shares) {
    size_t shared = node->prefix + heads_shared(target->head, node->inner.heads[child]);
    target->known = smaller(shared, target->key.size);
  }
  return child;
}

/* The number of entries before the target in its leaf; position may be the leaf's count. */
static struct tree_cursor target_find(const struct tree *tree, struct target *target)
{
  struct tree_node *node = tree->root;
  if (node == NULL) return (struct tree_cursor){0};
  while (node->level > 0) node = node->inner.children[node_child(node, target)];
  return (struct tree_cursor){node, node_rank(node, target, false)};
}

/* The same, remembering the way. The tree is not empty. */
static void target_find_path(const struct tree *tree, struct target *target, struct path *path)
{
  CHECK_THAT(tree->height, <=, HEIGHT_MAX);
  struct tree_node *node = tree->root;
  for (; node->level > 0; node = node->inner.children[path->positions[node->level]]) {
    path->nodes[node->level] = node;
    path->positions[node->level] = node_child(node, target);
  }
  path->nodes[0] = node;
  path->positions[0] = node_rank(node, target, false);
}

/* ---- nodes ---- */

static struct tree_node *node_new(struct heap *heap, uint16_t level)
{
  struct tree_node *node = heap_alloc(heap, TREE_NODE_BYTES);
  CHECK(node != NULL); /* reserved by the caller of tree_insert */
  node->tail = 0;
  node->prefix = 0;
  node->count = 0;
  node->level = level;
  if (level == 0) node->leaf.previous = node->leaf.next = NULL;
  return node;
}

/* Shortens the prefix to one that `key` has too: entries share the bytes that move to the heads. */
static void node_shrink_prefix(const struct tree_order *order, struct tree_node *node,
                               struct bytes key)
{
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct bytes first = entry_key(order, node_entries(node)[0], scratch);
  size_t shared = shared_size(first, key, node->prefix);
  size_t moved = node->prefix - shared;
  if (moved == 0) return;
  uint64_t common = load_head(first, shared);
  uint64_t *heads = node_heads(node);
  for (uint32_t i = 0; i < node->count; i++) {
    uint64_t rest = moved >= HEAD_BYTES ? 0 : heads[i] >> (8 * moved);
    uint64_t kept = moved >= HEAD_BYTES ? 0 : UINT64_MAX >> (8 * moved);
    heads[i] = (common & ~kept) | rest;
  }
  node->prefix = (uint32_t)shared;
  node->tail = load_tail(first, shared);
}

/* Takes the longest prefix, and all heads anew. */
static void node_refresh(const struct tree_order *order, struct tree_node *node)
{
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  uint8_t last_scratch[TREE_KEY_SCRATCH_BYTES];
  void **entries = node_entries(node);
  struct bytes first = entry_key(order, entries[0], scratch);
  struct bytes last = entry_key(order, entries[node->count - 1], last_scratch);
  size_t prefix = shared_size(first, last, UINT32_MAX);
  node->prefix = (uint32_t)prefix;
  node->tail = load_tail(first, prefix);
  uint64_t *heads = node_heads(node);
  for (uint32_t i = 0; i < node->count; i++)
    heads[i] = load_head(entry_key(order, entries[i], scratch), prefix);
}

/* Refreshes a node whose heads tell little, because its entries became more alike by a split. */
static void node_refresh_dull(const struct tree_order *order, struct tree_node *node)
{
  const uint64_t *heads = node_heads(node);
  if ((heads[0] ^ heads[node->count - 1]) >> (64 - HEAD_DULL_BITS) == 0) node_refresh(order, node);
}

/* Moves entries to another node of the level; their heads are right if the prefixes are equal. */
static void node_move(struct tree_node *from, uint32_t at, struct tree_node *to, uint32_t position,
                      uint32_t count)
{
  CHECK_THAT(at + count, <=, from->count);
  CHECK_THAT(to->count + count, <=, node_max(to));
  uint32_t behind = to->count - position;
  uint32_t left = from->count - at - count;
  struct array {
    void *from;
    void *to;
  } arrays[3] = {
      {node_heads(from), node_heads(to)},
      {node_entries(from), node_entries(to)},
      {from->inner.children, to->inner.children},
  };
  for (int i = 0; i < (from->level == 0 ? 2 : 3); i++) {
    uint64_t *source = (uint64_t *)arrays[i].from + at;
    uint64_t *room = (uint64_t *)arrays[i].to + position;
    memmove(room + count, room, behind * sizeof *room);
    memcpy(room, source, count * sizeof *room);
    memmove(source, source + count, left * sizeof *source);
  }
  from->count = (uint16_t)(from->count - count);
  to->count = (uint16_t)(to->count + count);
}

/* Makes room for one entry, or closes the gap of one. */
static void node_shift(struct tree_node *node, uint32_t from, uint32_t to)
{
  size_t size = (node->count - from) * sizeof(uint64_t);
  uint64_t *heads = node_heads(node);
  void **entries = node_entries(node);
  memmove(heads + to, heads + from, size);
  memmove(entries + to, entries + from, size);
  if (node->level > 0) memmove(node->inner.children + to, node->inner.children + from, size);
  node->count = (uint16_t)(node->count + to - from);
}

/* Puts an entry (of an inner node: and the child it is the first of) into a node with room. */
static void node_put(const struct tree_order *order, struct tree_node *node, uint32_t position,
                     void *entry, struct tree_node *child, bool shares)
{
  CHECK_THAT(node->count, <, node_max(node));
  CHECK_THAT(position, <=, node->count);
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct bytes key = entry_key(order, entry, scratch);
  if (node->count == 0) {
    node->prefix = (uint32_t)key.size;
    node->tail = load_tail(key, key.size);
  } else if (!shares) {
    node_shrink_prefix(order, node, key);
  }
  node_shift(node, position, position + 1);
  node_heads(node)[position] = load_head(key, node->prefix);
  node_entries(node)[position] = entry;
  if (node->level > 0) node->inner.children[position] = child;
}

static void node_cut(struct tree_node *node, uint32_t position)
{
  CHECK_THAT(position, <, node->count);
  node_shift(node, position + 1, position);
}

/* The first entry below a child of an inner node is another one now. */
static void node_set(const struct tree_order *order, struct tree_node *node, uint32_t position,
                     void *entry)
{
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct bytes key = entry_key(order, entry, scratch);
  node_shrink_prefix(order, node, key);
  node->inner.entries[position] = entry;
  node->inner.heads[position] = load_head(key, node->prefix);
}

/* Tells the nodes above a leaf that its first entry is another one now. */
static void path_set_first(const struct tree_order *order, const struct path *path, uint32_t height,
                           void *entry)
{
  for (uint32_t level = 1; level < height && path->positions[level - 1] == 0; level++) {
    struct tree_node *node = path->nodes[level];
    CHECK(node != NULL && node->level == level);
    node_set(order, node, path->positions[level], entry);
  }
}

/* ---- insert ---- */

/*
 * Splits a full node and puts the entry into one of the halves. On the right edge of the tree the
 * left part stays full: keys that come in ascending order fill their nodes. Returns the right
 * part.
 */
static struct tree_node *node_split(const struct tree_order *order, struct heap *heap,
                                    struct tree_node *node, uint32_t position, void *entry,
                                    struct tree_node *child, bool at_edge)
{
  struct tree_node *right = node_new(heap, node->level);
  uint32_t half = node->count / 2;
  uint32_t keep = at_edge ? node->count : half;
  right->prefix = node->prefix;
  right->tail = node->tail;
  node_move(node, keep, right, 0, node->count - keep);
  if (node->level == 0) {
    right->leaf.previous = node;
    right->leaf.next = node->leaf.next;
    if (right->leaf.next != NULL) right->leaf.next->leaf.previous = right;
    node->leaf.next = right;
  }
  if (position <= half)
    node_put(order, node, position, entry, child, false);
  else
    node_put(order, right, position - keep, entry, child, false);
  node_refresh_dull(order, node);
  node_refresh_dull(order, right);
  return right;
}

static void tree_add_root(struct tree *tree, const struct tree_order *order, struct heap *heap,
                          struct tree_node *right)
{
  struct tree_node *left = tree->root;
  struct tree_node *root = node_new(heap, (uint16_t)(left->level + 1));
  node_put(order, root, 0, node_entries(left)[0], left, false);
  node_put(order, root, 1, node_entries(right)[0], right, false);
  tree->root = root;
  tree->height++;
}

void tree_insert(struct tree *tree, const struct tree_order *order, struct heap *heap, void *entry)
{
  CHECK_THAT(tree->count, <, UINT32_MAX);
  if (tree->root == NULL) {
    tree->root = node_new(heap, 0);
    tree->height = 1;
  }
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct target target = {entry_key(order, entry, scratch), order, NULL, entry, 0, 0, false};
  struct path path = {0};
  target_find_path(tree, &target, &path);
  tree->count++;

  struct tree_node *node = path.nodes[0];
  uint32_t position = path.positions[0];
  bool may_be_equal = target.shares && position < node->count &&
                      node->leaf.heads[position] == target.head;
  CHECK(!may_be_equal || target_compare(&target, node->leaf.entries[position], 0) != 0);
  bool at_edge = node->leaf.next == NULL && position == node->count;
  if (position == 0) path_set_first(order, &path, tree->height, entry);

  struct tree_node *child = NULL;
  bool shares = target.shares;
  while (node->count == node_max(node)) {
    child = node_split(order, heap, node, position, entry, child, at_edge);
    entry = node_entries(child)[0];
    shares = false;
    if (node == tree->root) {
      tree_add_root(tree, order, heap, child);
      return;
    }
    uint32_t above = node->level + 1u;
    node = path.nodes[above];
    position = path.positions[above] + 1;
  }
  node_put(order, node, position, entry, child, shares);
}

/* ---- remove and replace ---- */

/* Appends the right one of two neighbours, which may be empty, to the left one and frees it. */
static void node_merge(const struct tree_order *order, struct heap *heap, struct tree_node *left,
                       struct tree_node *right)
{
  CHECK_THAT(left->count, >, 0);
  if (right->count > 0) {
    node_move(right, 0, left, left->count, right->count);
    node_refresh(order, left);
  }
  if (left->level == 0) {
    left->leaf.next = right->leaf.next;
    if (left->leaf.next != NULL) left->leaf.next->leaf.previous = left;
  }
  heap_free(heap, right, TREE_NODE_BYTES);
}

/* Gives two neighbours the same number of entries. */
static void node_share(const struct tree_order *order, struct tree_node *left,
                       struct tree_node *right)
{
  uint32_t half = (left->count + right->count) / 2u;
  if (left->count > half)
    node_move(left, half, right, 0, left->count - half);
  else
    node_move(right, 0, left, left->count, half - left->count);
  node_refresh(order, left);
  node_refresh(order, right);
}

/*
 * Mends a node with too few entries with the help of a neighbour below the same parent. A node on
 * the right edge may be an only child: then it may be small, and is freed when it is empty.
 */
static void node_mend(const struct tree_order *order, struct heap *heap, struct tree_node *parent,
                      uint32_t position)
{
  struct tree_node *node = parent->inner.children[position];
  if (parent->count == 1) {
    if (node->count > 0) return;
    if (node->level == 0 && node->leaf.previous != NULL) node->leaf.previous->leaf.next = NULL;
    heap_free(heap, node, TREE_NODE_BYTES);
    node_cut(parent, 0);
    return;
  }
  uint32_t second = position > 0 ? position : 1;
  struct tree_node *left = parent->inner.children[second - 1];
  struct tree_node *right = parent->inner.children[second];
  if (left->count + right->count <= (int)node_max(left)) {
    node_merge(order, heap, left, right);
    node_cut(parent, second);
  } else {
    node_share(order, left, right);
    node_set(order, parent, second, node_entries(right)[0]);
  }
}

/* Frees a root that became needless: an empty leaf, an inner node with one child. */
static void tree_drop_root(struct tree *tree, struct heap *heap)
{
  while (tree->height > 0) {
    struct tree_node *root = tree->root;
    CHECK(root != NULL);
    if (root->count > (root->level == 0 ? 0 : 1)) return;
    tree->root = root->level == 0 ? NULL : root->inner.children[0];
    tree->height--;
    heap_free(heap, root, TREE_NODE_BYTES);
  }
}

/* Finds an entry that must be there. */
static void entry_find_path(const struct tree *tree, const struct tree_order *order,
                            const void *entry, struct path *path)
{
  CHECK(tree->root != NULL);
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  struct target target = {entry_key(order, entry, scratch), order, NULL, entry, 0, 0, false};
  target_find_path(tree, &target, path);
  CHECK_THAT(path->positions[0], <, path->nodes[0]->count);
  CHECK(path->nodes[0]->leaf.entries[path->positions[0]] == entry);
}

void tree_remove(struct tree *tree, const struct tree_order *order, struct heap *heap,
                 const void *entry)
{
  struct path path = {0};
  entry_find_path(tree, order, entry, &path);
  struct tree_node *leaf = path.nodes[0];
  node_cut(leaf, path.positions[0]);
  tree->count--;
  if (leaf->count > 0) path_set_first(order, &path, tree->height, leaf->leaf.entries[0]);
  for (uint32_t level = 1; level < tree->height; level++) {
    if (path.nodes[level - 1]->count >= NODE_MIN) break;
    node_mend(order, heap, path.nodes[level], path.positions[level]);
  }
  tree_drop_root(tree, heap);
}

void tree_replace(struct tree *tree, const struct tree_order *order, const void *old_entry,
                  void *new_entry)
{
  struct path path = {0};
  entry_find_path(tree, order, old_entry, &path);
  path.nodes[0]->leaf.entries[path.positions[0]] = new_entry;
  path_set_first(order, &path, tree->height, new_entry);
}

static void node_free(struct tree_node *node, struct heap *heap)
{
  if (node->level > 0)
    for (uint32_t i = 0; i < node->count; i++) node_free(node->inner.children[i], heap);
  heap_free(heap, node, TREE_NODE_BYTES);
}

void tree_clear(struct tree *tree, struct heap *heap)
{
  if (tree->root != NULL) node_free(tree->root, heap);
  *tree = (struct tree){0};
}

bool tree_clear_some(struct tree *tree, struct heap *heap, size_t *budget)
{
  while (tree->root != NULL && *budget > 0) {
    struct tree_node *parent = NULL;
    struct tree_node *node = tree->root;
    while (node->level > 0 && node->count > 0) {
      parent = node;
      node = node->inner.children[node->count - 1];
    }
    *budget -= node->count < *budget ? node->count : *budget;
    heap_free(heap, node, TREE_NODE_BYTES);
    if (parent != NULL)
      parent->count--;
    else
      *tree = (struct tree){0};
  }
  return tree->root == NULL;
}

/* ---- reading ---- */

void *tree_first_entry(const struct tree *tree)
{
  const struct tree_node *root = tree->root;
  CHECK(root != NULL && root->count > 0);
  return root->level == 0 ? root->leaf.entries[0] : root->inner.entries[0];
}

int tree_probe_after(const struct tree_probe *probe, const void *entry)
{
  (void)probe;
  (void)entry;
  return 1;
}

/* The same place as the start of the next leaf when it is behind the last entry of its own. */
static struct tree_cursor cursor_normal(struct tree_cursor cursor)
{
  if (cursor.leaf == NULL || cursor.position < cursor.leaf->count) return cursor;
  return (struct tree_cursor){cursor.leaf->leaf.next, 0};
}

struct tree_cursor tree_seek(const struct tree *tree, const struct tree_order *order,
                             const struct tree_probe *probe)
{
  struct target target = {probe->key, order, probe, NULL, 0, 0, false};
  return cursor_normal(target_find(tree, &target));
}

struct tree_cursor tree_seek_before(const struct tree *tree, const struct tree_order *order,
                                    const struct tree_probe *probe)
{
  struct target target = {probe->key, order, probe, NULL, 0, 0, false};
  struct tree_cursor cursor = target_find(tree, &target);
  return cursor.leaf == NULL ? cursor : tree_previous(cursor);
}

struct tree_cursor tree_first(const struct tree *tree)
{
  const struct tree_node *node = tree->root;
  while (node != NULL && node->level > 0) node = node->inner.children[0];
  return (struct tree_cursor){node, 0};
}

struct tree_cursor tree_last(const struct tree *tree)
{
  const struct tree_node *node = tree->root;
  while (node != NULL && node->level > 0) node = node->inner.children[node->count - 1];
  return (struct tree_cursor){node, node == NULL ? 0 : node->count - 1u};
}

void *tree_entry(struct tree_cursor cursor)
{
  if (cursor.leaf == NULL) return NULL;
  CHECK_THAT(cursor.position, <, cursor.leaf->count);
  return cursor.leaf->leaf.entries[cursor.position];
}

struct tree_cursor tree_next(struct tree_cursor cursor)
{
  CHECK(cursor.leaf != NULL);
  cursor.position++;
  return cursor_normal(cursor);
}

struct tree_cursor tree_previous(struct tree_cursor cursor)
{
  CHECK(cursor.leaf != NULL);
  if (cursor.position > 0) return (struct tree_cursor){cursor.leaf, cursor.position - 1};
  const struct tree_node *leaf = cursor.leaf->leaf.previous;
  return (struct tree_cursor){leaf, leaf == NULL ? 0 : leaf->count - 1u};
}

void *tree_find(const struct tree *tree, const struct tree_order *order, struct bytes key)
{
  CHECK(order->tie == NULL);
  struct target target = {key, order, NULL, NULL, 0, 0, false};
  struct tree_cursor cursor = target_find(tree, &target);
  if (cursor.leaf == NULL || cursor.position == cursor.leaf->count) return NULL;
  if (!target.shares || cursor.leaf->leaf.heads[cursor.position] != target.head) return NULL;
  void *entry = cursor.leaf->leaf.entries[cursor.position];
  return target_compare(&target, entry, cursor.leaf->prefix) == 0 ? entry : NULL;
}

/* ---- checking ---- */

/* Where a walk over all nodes, in order, stands. */
struct assert_state {
  const struct tree_order *order;
  struct tree_node *leaf; /* the one before */
  const void *entry;      /* the one before, over all leaves */
  uint32_t count;
};

/* Invariant 1. */
static void assert_heads(const struct tree_order *order, struct tree_node *node)
{
  uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
  uint8_t first_scratch[TREE_KEY_SCRATCH_BYTES];
  struct bytes first = entry_key(order, node_entries(node)[0], first_scratch);
  CHECK_THAT(first.size, >=, node->prefix);
  CHECK_THAT(node->tail, ==, load_tail(first, node->prefix));
  for (uint32_t i = 0; i < node->count; i++) {
    struct bytes key = entry_key(order, node_entries(node)[i], scratch);
    CHECK_THAT(shared_size(first, key, node->prefix), ==, node->prefix);
    CHECK_THAT(node_heads(node)[i], ==, load_head(key, node->prefix));
  }
}

static void assert_leaf(struct assert_state *state, struct tree_node *leaf)
{
  CHECK(leaf->leaf.previous == state->leaf);
  CHECK(state->leaf == NULL || state->leaf->leaf.next == leaf);
  for (uint32_t i = 0; i < leaf->count; i++) {
    const void *entry = leaf->leaf.entries[i];
    uint8_t scratch[TREE_KEY_SCRATCH_BYTES];
    struct target target = {entry_key(state->order, entry, scratch), .order = state->order,
                            .entry = entry};
    CHECK(state->entry == NULL || target_compare(&target, state->entry, 0) > 0);
    state->entry = entry;
  }
  state->leaf = leaf;
  state->count += leaf->count;
}

static void assert_node(struct assert_state *state, struct tree_node *node, uint32_t least,
                        bool at_edge)
{
  CHECK_THAT(node->count, >=, least);
  CHECK_THAT(node->count, <=, node_max(node));
  assert_heads(state->order, node);
  if (node->level == 0) {
    assert_leaf(state, node);
    return;
  }
  for (uint32_t i = 0; i < node->count; i++) {
    struct tree_node *child = node->inner.children[i];
    bool child_at_edge = at_edge && i + 1u == node->count;
    CHECK_THAT(child->level + 1, ==, node->level);
    CHECK(node->inner.entries[i] == node_entries(child)[0]);
    assert_node(state, child, child_at_edge ? 1 : NODE_MIN, child_at_edge);
  }
}

void tree_assert(const struct tree *tree, const struct tree_order *order)
{
  struct assert_state state = {.order = order};
  if (tree->root != NULL) {
    CHECK_THAT(tree->root->level + 1u, ==, tree->height);
    assert_node(&state, tree->root, tree->height == 1 ? 1 : 2, true);
    CHECK(state.leaf != NULL && state.leaf->leaf.next == NULL);
  } else {
    CHECK_THAT(tree->height, ==, 0);
  }
  CHECK_THAT(tree->count, ==, state.count);
}
