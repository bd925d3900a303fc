#include "queue/state.h"

#include "base/check.h"
#include "base/hash.h"

#include <string.h>

enum { FIRST_SLOTS = 16 };

static const size_t NODE_LINK = offsetof(struct message_node, link);
static const size_t GROUP_LINK = offsetof(struct group_node, link);

/* ---- contents as such ---- */

static bool grow_slots(struct queues *queues)
{
  uint32_t capacity = queues->slot_capacity == 0 ? FIRST_SLOTS : 2 * queues->slot_capacity;
  size_t old_size = queues->slot_capacity * sizeof(struct contents *);
  struct contents **slots = memory_resize(queues->memory, queues->slots, old_size,
                                          capacity * sizeof *slots);
  if (slots == NULL) return false;
  memset((uint8_t *)slots + old_size, 0, capacity * sizeof *slots - old_size);
  queues->slots = slots;
  queues->slot_capacity = capacity;
  return true;
}

struct contents *contents_make(struct queues *queues, uint32_t number, bool fifo)
{
  uint32_t slot = 1; /* few queues are made: a search is good enough */
  while (slot < queues->slot_capacity && queues->slots[slot] != NULL) slot++;
  if (slot >= queues->slot_capacity && !grow_slots(queues)) return NULL;
  struct contents *contents = memory_alloc_zeroed(queues->memory, sizeof *contents);
  if (contents == NULL) return NULL;
  contents->slot = slot;
  contents->number = number;
  contents->fifo = fifo;
  queue_wheel_init(&contents->visibility, &queues->nodes, NODE_LINK,
                   offsetof(struct message_node, visible_ms), queues->now_ms);
  queue_wheel_init(&contents->ages, &queues->nodes, offsetof(struct message_node, age),
                   offsetof(struct message_node, sent_ms),
                   queues->now_ms - (int64_t)QUEUE_RETENTION_S_MAX * 1000);
  queues->slots[slot] = contents;
  return contents;
}

void contents_free(struct queues *queues, struct contents *contents)
{
  queues->slots[contents->slot] = NULL;
  memory_free(queues->memory, contents, sizeof *contents);
}

void contents_doom(struct queues *queues, struct contents *contents)
{
  contents->queue = NULL;
  contents->next_doomed = queues->doomed;
  queues->doomed = contents;
}

/* ---- groups ---- */

struct group_key group_key_of(const struct queues *queues, const struct contents *contents,
                              struct bytes name)
{
  struct group_key key;
  for (size_t i = 0; i < 2; i++) {
    uint64_t seed = queues->hash_seed[i] ^ contents->number * UINT64_C(0x9e3779b97f4a7c15);
    bytes_put_u64(key.bytes + i * sizeof seed, hash_bytes(name, seed));
  }
  return key;
}

bool contents_reserve_group(struct queues *queues, const struct contents *contents)
{
  return !contents->fifo || queue_pool_reserve(&queues->groups);
}

static uint32_t join_group(struct queues *queues, uint32_t slot, const struct group_key *key)
{
  uint32_t number = queue_index_find(&queues->group_index, key->bytes);
  if (number == 0) {
    number = queue_pool_take(&queues->groups);
    struct group_node *group = group_at(queues, number);
    memcpy(group->entry.key, key->bytes, QUEUE_KEY_BYTES);
    group->contents = slot;
    queue_index_insert(&queues->group_index, number);
  }
  group_at(queues, number)->count++;
  return number;
}

static void leave_group(struct queues *queues, uint32_t number)
{
  struct group_node *group = group_at(queues, number);
  if (--group->count > 0) return;
  CHECK(group->first == 0 && group->in_flight == 0 && group->link.next == 0);
  queue_index_remove(&queues->group_index, number);
  queue_pool_release(&queues->groups, number);
}

/* Puts the group into the ring of those that can be served, or takes it out (Q3). */
static void update_group(struct queues *queues, struct contents *contents, uint32_t number)
{
  const struct group_node *group = group_at(queues, number);
  bool listed = group->link.next != 0;
  bool servable = group->first != 0 && group->in_flight == 0;
  if (listed == servable) return;
  if (servable)
    queue_ring_append(&queues->groups, GROUP_LINK, &contents->ready, number);
  else
    queue_ring_remove(&queues->groups, GROUP_LINK, &contents->ready, number);
}

/*
 * Into a ring that is in order of sequences. What comes back from flight belongs to the front,
 * behind the few that came back before it; what was sent belongs to the end, unless plans were made
 * crosswise: either way it is found in a few steps.
 */
static void insert_by_sequence(struct queues *queues, uint32_t *head, uint32_t number,
                               bool from_front)
{
  uint64_t sequence = node_at(queues, number)->sequence;
  uint32_t first = *head;
  uint32_t at = 0; /* the first one behind it; 0: none */
  if (first == 0) {
    queue_ring_append(&queues->nodes, NODE_LINK, head, number);
    return;
  }
  uint32_t before = node_at(queues, first)->link.previous;
  if (node_at(queues, before)->sequence > sequence && from_front) {
    at = first;
    while (at != 0 && node_at(queues, at)->sequence < sequence)
      at = queue_ring_next(&queues->nodes, NODE_LINK, first, at);
  } else {
    while (at != first && node_at(queues, before)->sequence > sequence) {
      at = before;
      before = node_at(queues, before)->link.previous;
    }
  }
  queue_ring_insert(&queues->nodes, NODE_LINK, at == 0 ? first : at, number);
  if (at == first) *head = number;
}

/* ---- places of messages ---- */

static int64_t fifo_delay_ms(const struct contents *contents)
{
  return contents->queue == NULL ? 0 : (int64_t)contents->queue->record.settings.delay_s * 1000;
}

static void make_ready(struct queues *queues, struct contents *contents, uint32_t number,
                       bool from_flight)
{
  struct message_node *node = node_at(queues, number);
  node->place = PLACE_READY;
  if (contents->fifo)
    insert_by_sequence(queues, &group_at(queues, node->group)->first, number, from_flight);
  else
    queue_ring_append(&queues->nodes, NODE_LINK, &contents->ready, number);
}

void contents_place(struct queues *queues, uint32_t number)
{
  struct message_node *node = node_at(queues, number);
  struct contents *contents = queues->slots[node->contents];
  bool received = node->receives > node->receives_before;
  if (contents->fifo && !received && node->sent_ms + fifo_delay_ms(contents) > queues->now_ms) {
    node->place = PLACE_DELAYED;
    insert_by_sequence(queues, &contents->delayed, number, false);
  } else if (node->visible_ms > queues->now_ms && (received || !contents->fifo)) {
    node->place = received ? PLACE_IN_FLIGHT : PLACE_DELAYED;
    queue_wheel_add(&contents->visibility, number);
    if (contents->fifo) group_at(queues, node->group)->in_flight++;
  } else {
    make_ready(queues, contents, number, received);
  }
  contents->counts[node->place]++;
  if (contents->fifo) update_group(queues, contents, node->group);
  if (contents->queue == NULL) return;
  if (contents_available(contents)) queue_note_ready(contents->queue);
  contents_schedule(queues, contents);
}

void contents_unplace(struct queues *queues, uint32_t number)
{
  struct message_node *node = node_at(queues, number);
  struct contents *contents = queues->slots[node->contents];
  contents->counts[node->place]--;
  if (node->place == PLACE_IN_FLIGHT || (node->place == PLACE_DELAYED && !contents->fifo)) {
    queue_wheel_remove(&contents->visibility, number);
    if (contents->fifo) group_at(queues, node->group)->in_flight--;
  } else if (node->place == PLACE_DELAYED) {
    queue_ring_remove(&queues->nodes, NODE_LINK, &contents->delayed, number);
  } else {
    uint32_t *ring = contents->fifo ? &group_at(queues, node->group)->first : &contents->ready;
    queue_ring_remove(&queues->nodes, NODE_LINK, ring, number);
  }
  if (contents->fifo) update_group(queues, contents, node->group);
}

void contents_attach(struct queues *queues, uint32_t number, const struct group_key *key)
{
  struct message_node *node = node_at(queues, number);
  struct contents *contents = queues->slots[node->contents];
  CHECK(!contents->fifo || key != NULL);
  node->group = contents->fifo ? join_group(queues, node->contents, key) : 0;
  queue_wheel_add(&contents->ages, number);
  contents_place(queues, number);
}

void contents_detach(struct queues *queues, uint32_t number)
{
  struct message_node *node = node_at(queues, number);
  struct contents *contents = queues->slots[node->contents];
  contents_unplace(queues, number);
  queue_wheel_remove(&contents->ages, number);
  if (node->group != 0) leave_group(queues, node->group);
  node->group = 0;
  /* A delete may have freed a group that others wait for. */
  if (contents->queue != NULL && contents_available(contents)) queue_note_ready(contents->queue);
}

/* ---- time ---- */

static uint64_t available_count(const struct contents *contents)
{
  /* Of FIFO groups only that there is one is known; each serves one message at least. */
  return contents->fifo ? contents->ready != 0 : contents->counts[PLACE_READY];
}

/* What was delayed in a FIFO queue, in its order. */
static bool advance_delayed(struct queues *queues, struct contents *contents, uint32_t *steps)
{
  int64_t sent_by_ms = queues->now_ms - fifo_delay_ms(contents);
  while (contents->delayed != 0 && node_at(queues, contents->delayed)->sent_ms <= sent_by_ms) {
    if (*steps == 0) return false;
    (*steps)--;
    uint32_t number = contents->delayed;
    contents_unplace(queues, number);
    contents_place(queues, number);
  }
  return true;
}

bool contents_advance(struct queues *queues, struct contents *contents, uint64_t wanted,
                      uint32_t steps)
{
  bool done = !contents->fifo || advance_delayed(queues, contents, &steps);
  for (;;) {
    bool current = queue_wheel_advance(&contents->visibility, queues->now_ms, &steps);
    while (contents->visibility.due != 0) {
      if (steps == 0 || available_count(contents) >= wanted) return false;
      steps--;
      uint32_t number = contents->visibility.due;
      contents_unplace(queues, number);
      contents_place(queues, number);
    }
    if (current || steps == 0) return current && done;
  }
}

/* When the retention of the oldest ends, or its wheel has to be turned for that. */
static int64_t next_expiry_ms(const struct queues *queues, const struct contents *contents)
{
  int64_t oldest_ms = queue_wheel_next_ms(&contents->ages);
  if (oldest_ms == INT64_MAX) return oldest_ms;
  /* What is due in the wheel is not over when the retention was made longer since. */
  if (contents->ages.due != 0) oldest_ms = node_at(queues, contents->ages.due)->sent_ms;
  int64_t expiry_ms = oldest_ms == INT64_MIN ? oldest_ms : contents_expiry_ms(contents, oldest_ms);
  return expiry_ms > queues->retry_ms ? expiry_ms : queues->retry_ms;
}

void contents_schedule(struct queues *queues, struct contents *contents)
{
  int64_t next_ms = queue_wheel_next_ms(&contents->visibility);
  if (contents->delayed != 0) {
    int64_t delayed_ms = node_at(queues, contents->delayed)->sent_ms + fifo_delay_ms(contents);
    if (delayed_ms < next_ms) next_ms = delayed_ms;
  }
  int64_t expiry_ms = next_expiry_ms(queues, contents);
  if (expiry_ms < next_ms) next_ms = expiry_ms;
  if (next_ms == INT64_MAX) return;
  if (next_ms < queues->now_ms) next_ms = queues->now_ms;
  struct queue_alarm *alarm = &contents->queue->alarm;
  if (!timer_is_set(&alarm->timer) || next_ms < alarm->timer.deadline_ms)
    queues_set_alarm(queues, alarm, next_ms);
}

/* ---- walks ---- */

static uint32_t enter_group(struct ready_walk *walk, uint32_t group)
{
  walk->group = group;
  walk->message = group == 0 ? 0 : group_at(walk->queues, group)->first;
  return walk->message;
}

uint32_t ready_walk_first(struct ready_walk *walk, const struct queues *queues,
                          const struct contents *contents)
{
  *walk = (struct ready_walk){.queues = queues, .contents = contents, .message = contents->ready};
  return contents->fifo ? enter_group(walk, contents->ready) : walk->message;
}

uint32_t ready_walk_next(struct ready_walk *walk)
{
  const struct contents *contents = walk->contents;
  uint32_t first = contents->fifo ? group_at(walk->queues, walk->group)->first : contents->ready;
  walk->message = queue_ring_next(&walk->queues->nodes, NODE_LINK, first, walk->message);
  if (walk->message != 0 || !contents->fifo) return walk->message;
  return ready_walk_next_group(walk);
}

uint32_t ready_walk_next_group(struct ready_walk *walk)
{
  if (!walk->contents->fifo) return ready_walk_next(walk);
  return enter_group(
      walk, queue_ring_next(&walk->queues->groups, GROUP_LINK, walk->contents->ready, walk->group));
}

/* ---- checks ---- */

static void assert_group(const struct queues *queues, uint32_t number)
{
  const struct group_node *group = group_at(queues, number);
  uint64_t last = 0;
  uint32_t ready = 0;
  for (uint32_t at = group->first; at != 0;
       at = queue_ring_next(&queues->nodes, NODE_LINK, group->first, at)) {
    CHECK_THAT(node_at(queues, at)->sequence, >, last);
    CHECK_THAT(node_at(queues, at)->group, ==, number);
    last = node_at(queues, at)->sequence;
    ready++;
  }
  CHECK_THAT(ready + group->in_flight, <=, group->count);
  CHECK((group->link.next != 0) == (ready > 0 && group->in_flight == 0));
}

void contents_assert(const struct queues *queues)
{
  uint64_t total = 0;
  for (uint32_t slot = 1; slot < queues->slot_capacity; slot++) {
    const struct contents *contents = queues->slots[slot];
    if (contents == NULL) continue;
    struct ready_walk walk;
    uint64_t ready = 0;
    for (uint32_t at = ready_walk_first(&walk, queues, contents); at != 0;
         at = ready_walk_next(&walk)) {
      CHECK_THAT(node_at(queues, at)->place, ==, PLACE_READY);
      CHECK_THAT(node_at(queues, at)->contents, ==, slot);
      if (contents->fifo) assert_group(queues, walk.group);
      ready++;
    }
    /* In a FIFO queue also those of blocked groups are counted. */
    CHECK(contents->fifo ? ready <= contents->counts[PLACE_READY]
                         : ready == contents->counts[PLACE_READY]);
    total += contents_total(contents);
  }
  CHECK_THAT(total, ==, queues->node_index.count);
}
