/*
 * A trie over segments. Literal edges of all nodes lie in one hash table, so that a step costs one
 * probe whatever the number of children; a parameter and a rest are at most one child each.
 *
 *     root --api--> . --v1--> . --events--> o --{}--> o            o: rows end here
 *                                             \--{...}--> o
 *
 * Matching walks depth first, literal before parameter before rest, so the first node that has the
 * method is the one that wins. A node has one way to it: none is visited twice, and a path costs no
 * more than the nodes of the trie.
 */
#include "net/route.h"

#include "base/check.h"

#include <stdio.h>

enum {
  NONE = UINT16_MAX, /* no node, no row */
  ROOT = 0,
  /* No pattern fits a longer path: its literals and slashes, and parameters at their longest. */
  PATH_BYTES_MAX = ROUTE_PATTERN_BYTES + ROUTE_PARAMETERS_MAX * ROUTE_PARAMETER_BYTES,
  STACK_NODES = 2 * ROUTE_SEGMENTS_MAX, /* beside the way of literals, two from each depth */
  PROBE_SPARSITY = 4,                   /* slots of the edge table per edge, at least */
};

/* The first and last eight bytes and the size: all there is of a segment up to 16 bytes. */
struct segment_key {
  uint64_t first;
  uint64_t last;
};

struct edge {
  struct segment_key key;
  const uint8_t *literal; /* in its pattern; NULL: an empty slot */
  uint16_t size;
  uint16_t parent;
  uint16_t child;
};

struct node {
  uint16_t rows[HTTP_METHOD_COUNT]; /* NONE: not answered */
  uint16_t parameter;               /* children; NONE */
  uint16_t rest;
  uint16_t parameter_depths; /* bits: which segments on the way here are parameters or a rest */
  uint8_t depth;             /* segments on the way here */
  uint8_t methods;           /* HTTP_BITs of rows, without the HEAD that a GET gives */
  bool is_rest;
  bool has_edges;
};

_Static_assert(ROUTES_MAX *ROUTE_SEGMENTS_MAX + 1 < NONE, "nodes have numbers of 16 bits");
_Static_assert(PATH_BYTES_MAX < UINT16_MAX, "offsets in a path are 16 bits");
_Static_assert(HTTP_METHOD_COUNT <= 8, "methods of a node are a byte");
_Static_assert(ROUTE_SEGMENTS_MAX <= 16, "depths are bits of 16");

struct route_index {
  const struct route *routes;
  struct memory *memory;
  struct node *nodes;
  uint32_t node_count;
  uint32_t node_capacity;
  struct edge *edges;
  uint32_t edge_slots; /* a power of two */
};

enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAMETER, SEGMENT_REST };

struct pattern_segment {
  enum segment_kind kind;
  struct bytes text; /* the literal, or the name between the braces */
};

struct pattern {
  struct pattern_segment segments[ROUTE_SEGMENTS_MAX];
  uint32_t count;
  uint32_t parameter_count;
};

/* A path cut behind its slashes. */
struct cut {
  struct bytes path;
  uint16_t starts[ROUTE_SEGMENTS_MAX + 1]; /* of segments; the last is one beyond the path's end */
  uint32_t count;                          /* of segments */
  bool more;                               /* than fit: only a rest can take them */
  bool all_values;                         /* every byte of the path is of class IN_VALUE */
};

/* --- bytes --- */

enum { IN_VALUE = 1, IN_LITERAL = 2, IN_NAME = 4 };

/*
 * What a value is made of: a parameter's segment has no slash, so that the class of a rest is good
 * for both. A literal may have every pchar of RFC 3986 3.3 but '%', since paths are compared as
 * sent.
 */
static const uint8_t classes[256] = {
    ['A' ... 'Z'] = IN_VALUE | IN_LITERAL | IN_NAME,
    ['a' ... 'z'] = IN_VALUE | IN_LITERAL | IN_NAME,
    ['0' ... '9'] = IN_VALUE | IN_LITERAL | IN_NAME,
    ['_'] = IN_VALUE | IN_LITERAL | IN_NAME,
    ['-'] = IN_VALUE | IN_LITERAL,
    ['.'] = IN_VALUE | IN_LITERAL,
    ['~'] = IN_VALUE | IN_LITERAL,
    [':'] = IN_VALUE | IN_LITERAL,
    ['/'] = IN_VALUE,
    ['!'] = IN_LITERAL,
    ['$'] = IN_LITERAL,
    ['&'] = IN_LITERAL,
    ['\''] = IN_LITERAL,
    ['('] = IN_LITERAL,
    [')'] = IN_LITERAL,
    ['*'] = IN_LITERAL,
    ['+'] = IN_LITERAL,
    [','] = IN_LITERAL,
    [';'] = IN_LITERAL,
    ['='] = IN_LITERAL,
    ['@'] = IN_LITERAL,
};

static bool all_in(struct bytes text, uint8_t class)
{
  uint8_t common = class;
  for (size_t i = 0; i < text.size; i++) common &= classes[text.data[i]];
  return common != 0;
}

#define EVERY_BYTE(byte) (0x0101010101010101 * (uint64_t)(byte))

/* The top bit of each byte that is zero. */
static uint64_t zero_bytes(uint64_t word)
{
  uint64_t low = EVERY_BYTE(0x7f);
  return ~(((word & low) + low) | word | low);
}

enum { LANES = 16 };
typedef uint8_t lanes __attribute__((vector_size(LANES))); /* the compiler's vectors, for any CPU */

/* 0xff for each byte of class IN_VALUE at `from`; "-./0-9:" are neighbours in ASCII. */
static lanes value_lanes(const uint8_t *from)
{
  lanes bytes;
  memcpy(&bytes, from, LANES);
  lanes lower = bytes | 0x20;
  return (lanes)(bytes - '-' <= ':' - '-') | (lanes)(lower - 'a' <= 'z' - 'a') |
         (lanes)(bytes == '_') | (lanes)(bytes == '~');
}

static bool all_value_bytes(struct bytes text)
{
  if (text.size < LANES) return all_in(text, IN_VALUE);
  lanes good = value_lanes(text.data + text.size - LANES);
  for (size_t i = 0; i + LANES < text.size; i += LANES) good &= value_lanes(text.data + i);
  uint64_t halves[2];
  memcpy(halves, &good, LANES);
  return (halves[0] & halves[1]) == UINT64_MAX;
}

static struct segment_key key_of(struct bytes text)
{
  const uint8_t *data = text.data;
  size_t size = text.size;
  if (size >= 8) return (struct segment_key){bytes_get_u64(data), bytes_get_u64(data + size - 8)};
  /* Pieces that overlap where the size is between: with it, they say every byte. */
  if (size >= 4) return (struct segment_key){bytes_get_u32(data), bytes_get_u32(data + size - 4)};
  if (size == 0) return (struct segment_key){0, 0};
  return (struct segment_key){(uint64_t)data[0] << 8 | data[size / 2], data[size - 1]};
}

/* The parent comes in last: all else of it can be computed before the parent is known. */
static uint32_t edge_home(const struct route_index *index, uint16_t parent, struct segment_key key,
                          size_t size)
{
  uint64_t mixed = key.first * 0x9e3779b97f4a7c15 ^ (key.last + size) * 0xd6e8feb86659fd93;
  return ((uint32_t)(mixed >> 32) ^ parent * 0x9e3779b1U) & (index->edge_slots - 1);
}

/* The slot of an edge, or the empty one where it belongs. */
static struct edge *edge_find(const struct route_index *index, uint16_t parent, struct bytes text)
{
  struct segment_key key = key_of(text);
  uint32_t slot = edge_home(index, parent, key, text.size);
  for (;;) {
    struct edge *edge = &index->edges[slot];
    if (edge->literal == NULL) return edge;
    if (edge->key.first == key.first && edge->key.last == key.last && edge->parent == parent &&
        edge->size == text.size &&
        (text.size <= 16 || memcmp(edge->literal, text.data, text.size) == 0))
      return edge;
    slot = (slot + 1) & (index->edge_slots - 1);
  }
}

/* --- patterns --- */

static bool malformed(struct error *error, const struct route *route, const char *why)
{
  return error_set(error, ERROR_INVALID, "route \"%.*s\" %s", ROUTE_PATTERN_BYTES, route->pattern,
                   why);
}

static bool name_is_taken(const struct pattern *pattern, struct bytes name)
{
  for (uint32_t i = 0; i < pattern->count; i++) {
    const struct pattern_segment *segment = &pattern->segments[i];
    if (segment->kind != SEGMENT_LITERAL && bytes_equal(segment->text, name)) return true;
  }
  return false;
}

/* A segment that begins with a brace. */
static bool parse_parameter(const struct route *route, struct bytes text, struct pattern *pattern,
                            struct pattern_segment *segment, struct error *error)
{
  if (text.data[text.size - 1] != '}')
    return malformed(error, route, "has a parameter that is not closed at the segment's end");
  struct bytes name = bytes_of(text.data + 1, text.size - 2);
  segment->kind = SEGMENT_PARAMETER;
  if (name.size >= 3 && memcmp(name.data + name.size - 3, "...", 3) == 0) {
    segment->kind = SEGMENT_REST;
    name.size -= 3;
  }
  if (name.size == 0 || !all_in(name, IN_NAME))
    return malformed(error, route, "has a parameter whose name is not of A-Z a-z 0-9 _");
  if (name_is_taken(pattern, name)) return malformed(error, route, "has two parameters of a name");
  if (++pattern->parameter_count > ROUTE_PARAMETERS_MAX)
    return malformed(error, route, "has too many parameters");
  segment->text = name;
  return true;
}

static bool parse_segment(const struct route *route, struct bytes text, struct pattern *pattern,
                          struct error *error)
{
  struct pattern_segment segment = {SEGMENT_LITERAL, text};
  if (pattern->count > 0 && pattern->segments[pattern->count - 1].kind == SEGMENT_REST)
    return malformed(error, route, "has a rest that is not last");
  if (pattern->count == ROUTE_SEGMENTS_MAX) return malformed(error, route, "has too many segments");
  if (text.size > 0 && text.data[0] == '{') {
    if (!parse_parameter(route, text, pattern, &segment, error)) return false;
  } else {
    if (!all_in(text, IN_LITERAL))
      return malformed(error, route, "has a byte that no path has there");
    /* Clients take these out before they send a path (RFC 3986 5.2.4). */
    if (bytes_equal(text, BYTES(".")) || bytes_equal(text, BYTES("..")))
      return malformed(error, route, "has a segment of dots");
  }
  pattern->segments[pattern->count++] = segment;
  return true;
}

static struct bytes next_segment(struct bytes *rest)
{
  const uint8_t *slash = rest->size > 0 ? memchr(rest->data, '/', rest->size) : NULL;
  size_t size = slash == NULL ? rest->size : (size_t)(slash - rest->data);
  struct bytes segment = bytes_of(rest->data, size);
  size_t taken = slash == NULL ? size : size + 1;
  *rest = bytes_of(rest->data + taken, rest->size - taken);
  return segment;
}

static bool parse(const struct route *route, struct pattern *pattern, struct error *error)
{
  struct bytes rest = bytes_of_text(route->pattern);
  *pattern = (struct pattern){0};
  if (rest.size > ROUTE_PATTERN_BYTES) return malformed(error, route, "is too long");
  if (rest.size == 0 || rest.data[0] != '/')
    return malformed(error, route, "does not begin with a slash");
  bool is_root = rest.size == 1; /* the one path whose segment is empty */
  if (!is_root && rest.data[rest.size - 1] == '/')
    return malformed(error, route, "ends with a slash");
  rest = bytes_of(rest.data + 1, rest.size - 1);
  do {
    struct bytes text = next_segment(&rest);
    if (text.size == 0 && !is_root) return malformed(error, route, "has an empty segment");
    if (!parse_segment(route, text, pattern, error)) return false;
  } while (rest.size > 0);
  return true;
}

/* --- building --- */

static uint16_t node_new(struct route_index *index)
{
  CHECK_THAT(index->node_count, <, index->node_capacity);
  struct node *node = &index->nodes[index->node_count];
  *node = (struct node){.parameter = NONE, .rest = NONE};
  for (int method = 0; method < HTTP_METHOD_COUNT; method++) node->rows[method] = NONE;
  return (uint16_t)index->node_count++;
}

static uint16_t node_child(struct route_index *index, uint16_t parent,
                           const struct pattern_segment *segment)
{
  uint16_t *child = NULL;
  if (segment->kind == SEGMENT_LITERAL) {
    struct edge *edge = edge_find(index, parent, segment->text);
    if (edge->literal == NULL)
      *edge = (struct edge){key_of(segment->text), segment->text.data, (uint16_t)segment->text.size,
                            parent, NONE};
    index->nodes[parent].has_edges = true;
    child = &edge->child;
  } else {
    struct node *node = &index->nodes[parent];
    child = segment->kind == SEGMENT_REST ? &node->rest : &node->parameter;
  }
  if (*child != NONE) return *child;
  *child = node_new(index);
  struct node *made = &index->nodes[*child];
  made->depth = (uint8_t)(index->nodes[parent].depth + 1);
  made->parameter_depths = index->nodes[parent].parameter_depths;
  if (segment->kind != SEGMENT_LITERAL)
    made->parameter_depths |= (uint16_t)(1U << index->nodes[parent].depth);
  made->is_rest = segment->kind == SEGMENT_REST;
  return *child;
}

static bool add_row(struct route_index *index, uint16_t row, struct node *node, struct error *error)
{
  const struct route *route = &index->routes[row];
  for (int method = 0; method < HTTP_METHOD_COUNT; method++) {
    if ((route->methods & HTTP_BIT(method)) == 0) continue;
    if (node->rows[method] != NONE) {
      struct bytes name = http_method_name((enum http_method)method);
      return error_set(error, ERROR_INVALID,
                       "routes \"%.200s\" and \"%.200s\" both answer %.*s at the same paths",
                       index->routes[node->rows[method]].pattern, route->pattern,
                       BYTES_FORMAT(name));
    }
    node->rows[method] = row;
  }
  node->methods |= (uint8_t)route->methods;
  return true;
}

static bool add_route(struct route_index *index, uint16_t row, struct error *error)
{
  const struct route *route = &index->routes[row];
  struct pattern pattern;
  if (!parse(route, &pattern, error)) return false;
  if (route->methods == 0 || route->methods >= HTTP_BIT(HTTP_METHOD_COUNT))
    return malformed(error, route, "has no method, or one without a name");
  if (route->handler == NULL) return malformed(error, route, "has no handler");
  uint16_t at = ROOT;
  for (uint32_t i = 0; i < pattern.count; i++) at = node_child(index, at, &pattern.segments[i]);
  return add_row(index, row, &index->nodes[at], error);
}

/* No more nodes and edges than slashes, and the root. */
static bool allocate(struct route_index *index, size_t count, struct error *error)
{
  size_t segments = 0;
  for (size_t row = 0; row < count; row++) {
    struct bytes rest = bytes_of_text(index->routes[row].pattern);
    while (rest.size > 0) {
      (void)next_segment(&rest);
      segments++;
    }
  }
  uint32_t most = ROUTES_MAX * ROUTE_SEGMENTS_MAX;
  /* A pattern of too many segments is refused when it is its turn, before it makes a node. */
  uint32_t edges = segments < most ? (uint32_t)segments : most;
  index->node_capacity = edges + 1;
  index->edge_slots = 1;
  while (index->edge_slots < PROBE_SPARSITY * (edges + 1)) index->edge_slots *= 2;
  index->nodes = memory_alloc(index->memory, index->node_capacity * sizeof index->nodes[0]);
  index->edges = memory_alloc_zeroed(index->memory, index->edge_slots * sizeof index->edges[0]);
  if (index->nodes != NULL && index->edges != NULL) return true;
  return error_set(error, ERROR_NO_MEMORY, "no memory for the index of %zu routes", count);
}

struct route_index *route_index_new(const struct route *routes, size_t count, struct memory *memory,
                                    struct error *error)
{
  if (count > ROUTES_MAX) {
    (void)error_set(error, ERROR_LIMIT, "%zu routes, the limit is %d", count, ROUTES_MAX);
    return NULL;
  }
  struct route_index *index = memory_alloc_zeroed(memory, sizeof *index);
  if (index == NULL) {
    (void)error_set(error, ERROR_NO_MEMORY, "no memory for the index of %zu routes", count);
    return NULL;
  }
  index->routes = routes;
  index->memory = memory;
  bool ok = allocate(index, count, error);
  if (ok) CHECK(node_new(index) == ROOT);
  for (size_t row = 0; ok && row < count; row++) ok = add_route(index, (uint16_t)row, error);
  if (!ok) {
    route_index_free(index);
    return NULL;
  }
  for (uint32_t i = 0; i < index->node_count; i++) {
    struct node *node = &index->nodes[i];
    if (node->rows[HTTP_HEAD] == NONE) node->rows[HTTP_HEAD] = node->rows[HTTP_GET];
  }
  return index;
}

void route_index_free(struct route_index *index)
{
  if (index == NULL) return;
  struct memory *memory = index->memory;
  memory_free(memory, index->nodes, index->node_capacity * sizeof index->nodes[0]);
  memory_free(memory, index->edges, index->edge_slots * sizeof index->edges[0]);
  memory_free(memory, index, sizeof *index);
}

/* --- matching --- */

/* Begins a segment; false when there are too many. */
static bool cut_at(struct cut *cut, size_t start)
{
  cut->starts[cut->count] = (uint16_t)start;
  if (cut->count == ROUTE_SEGMENTS_MAX) {
    cut->more = true;
    return false;
  }
  cut->count++;
  return true;
}

/* Cuts a path that begins with a slash. */
static void cut_path(struct bytes path, struct cut *cut)
{
  cut->path = path;
  cut->count = 0;
  cut->more = false;
  cut->all_values = all_value_bytes(path);
  size_t at = 0;
  for (; at + 8 <= path.size; at += 8) {
    uint64_t slashes = zero_bytes(bytes_get_u64(path.data + at) ^ EVERY_BYTE('/'));
    for (; slashes != 0; slashes &= slashes - 1)
      if (!cut_at(cut, at + (size_t)__builtin_ctzll(slashes) / 8 + 1)) return;
  }
  for (; at < path.size; at++)
    if (path.data[at] == '/' && !cut_at(cut, at + 1)) return;
  cut->starts[cut->count] = (uint16_t)(path.size + 1);
}

static struct bytes cut_segment(const struct cut *cut, uint32_t depth)
{
  size_t start = cut->starts[depth];
  return bytes_of(cut->path.data + start, cut->starts[depth + 1] - start - 1);
}

/* From a segment to the end of the path. */
static struct bytes cut_rest(const struct cut *cut, uint32_t depth)
{
  size_t start = cut->starts[depth];
  return bytes_of(cut->path.data + start, cut->path.size - start);
}

/* Whether a parameter or rest may have this value, a part of the path. */
static bool is_value(const struct cut *cut, struct bytes text)
{
  return text.size > 0 && text.size <= ROUTE_PARAMETER_BYTES &&
         (cut->all_values || all_in(text, IN_VALUE));
}

/* Notes a node whose pattern fits; the first that answers the method gives the route. */
static void take(const struct route_index *index, const struct node *node, enum http_method method,
                 const struct cut *cut, struct route_match *match)
{
  match->allowed |= node->methods;
  if (match->route != NULL || method >= HTTP_METHOD_COUNT || node->rows[method] == NONE) return;
  match->route = &index->routes[node->rows[method]];
  uint32_t count = 0;
  for (uint32_t left = node->parameter_depths; left != 0; left &= left - 1)
    match->parameters[count++] = cut_segment(cut, (uint32_t)__builtin_ctz(left));
  if (node->is_rest) match->parameters[count - 1] = cut_rest(cut, node->depth - 1U);
  match->parameter_count = count;
}

/* The literal child for the next segment, or NONE; the others go on the stack, the rest below. */
static uint16_t descend(const struct route_index *index, uint16_t at, const struct cut *cut,
                        uint16_t *stack, uint32_t *stacked)
{
  const struct node *node = &index->nodes[at];
  struct bytes segment = cut_segment(cut, node->depth);
  if (node->rest != NONE && is_value(cut, cut_rest(cut, node->depth)))
    stack[(*stacked)++] = node->rest;
  if (node->parameter != NONE && is_value(cut, segment)) stack[(*stacked)++] = node->parameter;
  if (!node->has_edges) return NONE;
  const struct edge *edge = edge_find(index, at, segment);
  return edge->literal == NULL ? NONE : edge->child;
}

void route_match(const struct route_index *index, enum http_method method, struct bytes path,
                 struct route_match *match)
{
  match->route = NULL;
  match->parameter_count = 0;
  match->allowed = 0;
  if (path.size == 0 || path.size > PATH_BYTES_MAX || path.data[0] != '/') return;
  struct cut cut;
  cut_path(path, &cut);
  uint16_t stack[STACK_NODES];
  uint32_t stacked = 0;
  uint16_t at = ROOT;
  for (;;) {
    const struct node *node = &index->nodes[at];
    uint16_t next = NONE;
    if (node->is_rest || (node->depth == cut.count && !cut.more))
      take(index, node, method, &cut, match);
    else if (node->depth < cut.count)
      next = descend(index, at, &cut, stack, &stacked);
    if (next == NONE) {
      if (stacked == 0) return;
      next = stack[--stacked];
    }
    at = next;
  }
}

size_t route_allow(uint32_t methods, char text[ROUTE_ALLOW_BYTES])
{
  if ((methods & HTTP_BIT(HTTP_GET)) != 0) methods |= HTTP_BIT(HTTP_HEAD);
  methods |= HTTP_BIT(HTTP_OPTIONS);
  size_t size = 0;
  for (int method = 0; method < HTTP_METHOD_COUNT; method++) {
    if ((methods & HTTP_BIT(method)) == 0) continue;
    struct bytes name = http_method_name((enum http_method)method);
    CHECK_THAT(size + 2 + name.size, <=, ROUTE_ALLOW_BYTES);
    if (size > 0) {
      memcpy(text + size, ", ", 2);
      size += 2;
    }
    memcpy(text + size, name.data, name.size);
    size += name.size;
  }
  return size;
}
