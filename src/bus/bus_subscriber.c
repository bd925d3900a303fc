#include "base/check.h"
#include "bus/bus_state.h"

enum { FIRST_NUMBERS = 16 };

/* A free number, with a place in by_number. */
static bool find_number(struct bus *bus, uint32_t *number)
{
  for (*number = 0; *number < bus->number_capacity; (*number)++)
    if (bus->by_number[*number] == NULL) return true;
  uint32_t capacity = bus->number_capacity == 0 ? FIRST_NUMBERS : 2 * bus->number_capacity;
  struct subscriber **grown = memory_resize(bus->buses->memory, bus->by_number,
                                            bus->number_capacity * sizeof *grown,
                                            capacity * sizeof *grown);
  if (grown == NULL) return false;
  memset(grown + bus->number_capacity, 0, (capacity - bus->number_capacity) * sizeof *grown);
  bus->by_number = grown;
  bus->number_capacity = capacity;
  return true;
}

bool subscriber_enlist(struct subscriber *subscriber, struct bytes pattern, struct error *error)
{
  struct bus *bus = subscriber->bus;
  uint32_t number;
  if (pattern.size == 0) return true;
  if (!find_number(bus, &number)) return error_set(error, ERROR_NO_MEMORY, "no memory for a rule");
  if (!pattern_set_add(bus->patterns, number, pattern, error)) return false;
  bus->by_number[number] = subscriber;
  subscriber->number = number;
  return true;
}

static void leave_patterns(struct subscriber *subscriber)
{
  struct bus *bus = subscriber->bus;
  if (subscriber->number == BUS_NO_NUMBER) return;
  CHECK(bus->by_number[subscriber->number] == subscriber);
  CHECK(pattern_set_remove(bus->patterns, subscriber->number));
  bus->by_number[subscriber->number] = NULL;
  subscriber->number = BUS_NO_NUMBER;
}

static struct subscriber **list_of(struct subscriber *subscriber, uint32_t **count)
{
  struct bus *bus = subscriber->bus;
  bool is_rule = subscriber->kind == SUBSCRIBER_RULE;
  *count = is_rule ? &bus->rule_count : &bus->archive_count;
  return is_rule ? &bus->rules : &bus->archives;
}

static void unlink_from(struct subscriber **link, const struct subscriber *subscriber)
{
  while (*link != subscriber) {
    CHECK(*link != NULL);
    link = &(*link)->next;
  }
  *link = subscriber->next;
}

void subscriber_remove(struct subscriber *subscriber)
{
  struct buses *buses = subscriber->bus->buses;
  uint32_t *count;
  unlink_from(list_of(subscriber, &count), subscriber);
  (*count)--;
  leave_patterns(subscriber);
  subscriber->live = false;
  subscriber->bus = NULL;
  subscriber->next = buses->retired_subscribers;
  buses->retired_subscribers = subscriber;
}

void subscriber_insert(struct subscriber *subscriber)
{
  uint32_t *count;
  struct subscriber **link = list_of(subscriber, &count);
  struct subscriber *old = subscriber_find(*link, subscriber->name);
  if (old != NULL) subscriber_remove(old);
  while (*link != NULL && bytes_compare((*link)->name, subscriber->name) < 0) link = &(*link)->next;
  subscriber->next = *link;
  *link = subscriber;
  (*count)++;
  subscriber->live = true;
}

void subscriber_free(struct buses *buses, struct subscriber *subscriber)
{
  if (subscriber->bus != NULL) leave_patterns(subscriber);
  if (subscriber->kind == SUBSCRIBER_RULE) rule_forget(rule_of(subscriber));
  arena_free(&subscriber->arena);
  memory_free(buses->memory, subscriber,
              subscriber->kind == SUBSCRIBER_RULE ? sizeof(struct rule) : sizeof(struct archive));
}

void subscriber_made(struct subscriber *subscriber)
{
  struct buses *buses = subscriber->bus->buses;
  subscriber->next = buses->made_subscribers;
  buses->made_subscribers = subscriber;
}

void subscriber_commit(struct subscriber *subscriber)
{
  struct buses *buses = subscriber->bus->buses;
  CHECK_THAT(subscriber->turn, ==, buses->turn); /* B2 */
  unlink_from(&buses->made_subscribers, subscriber);
  subscriber_insert(subscriber);
}

struct subscriber *subscriber_find(struct subscriber *list, struct bytes name)
{
  while (list != NULL && !bytes_equal(list->name, name)) list = list->next;
  return list;
}

struct subscriber *subscriber_next(struct subscriber *list, struct bytes after)
{
  while (list != NULL && bytes_compare(list->name, after) <= 0) list = list->next;
  return list;
}

void buses_free_subscribers(struct buses *buses)
{
  struct subscriber **lists[] = {&buses->made_subscribers, &buses->retired_subscribers};
  for (size_t i = 0; i < 2; i++) {
    while (*lists[i] != NULL) {
      struct subscriber *subscriber = *lists[i];
      *lists[i] = subscriber->next;
      subscriber_free(buses, subscriber);
    }
  }
}
