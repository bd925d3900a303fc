#include "sale/audit_parts.h"

#include "base/instant.h"
#include "base/json.h"

enum { SEATS_MAX = 10 }; /* of one reservation (CONTRACT 2) */

#define NAME(text)                               \
  {                                              \
    (const uint8_t *)("" text), sizeof(text) - 1 \
  }

const struct bytes audit_ticket_statuses[] = {NAME("AVAILABLE"), NAME("RESERVED"), NAME("SOLD"),
                                              NAME("in no known state")};
const struct bytes audit_hold_statuses[] = {NAME("PENDING"), NAME("CONFIRMED"), NAME("EXPIRED"),
                                            NAME("CANCELLED"), NAME("in no known state")};
const struct bytes audit_order_statuses[] = {NAME("PAID"), NAME("REFUNDED"),
                                             NAME("in no known state")};
const struct bytes audit_payment_statuses[] = {NAME("PENDING"), NAME("COMPLETED"), NAME("FAILED"),
                                               NAME("REFUNDED"), NAME("in no known state")};

void audit_pick(struct value item, const struct bytes *names, size_t count, struct value *values)
{
  struct value_iterator iterator = value_iterate(item);
  struct bytes name;
  struct value value;
  size_t next = 0;
  for (size_t i = 0; i < count; i++) values[i] = VALUE_NONE;
  /* Both are in ascending order. */
  while (next < count && value_next(&iterator, &name, &value)) {
    int order = -1;
    while (next < count && (order = bytes_compare(names[next], name)) < 0) next++;
    if (next < count && order == 0) values[next++] = value;
  }
}

struct bytes audit_text(struct value value)
{
  if (value_type(value) != VALUE_STRING) return (struct bytes){NULL, 0};
  return value_bytes(value);
}

int64_t audit_integer(struct value value, int64_t fallback)
{
  int64_t integer;
  return value_integer(value, &integer) ? integer : fallback;
}

int64_t audit_instant(struct value value, int64_t fallback)
{
  int64_t time_ms;
  struct error error;
  return instant_parse(audit_text(value), &time_ms, &error) ? time_ms : fallback;
}

bool audit_after(struct bytes text, struct bytes prefix, struct bytes *rest)
{
  if (!bytes_starts_with(text, prefix)) return false;
  *rest = bytes_of(text.data + prefix.size, text.size - prefix.size);
  return true;
}

static uint8_t name_place(struct bytes text, const struct bytes *names, uint8_t count)
{
  uint8_t i = 0;
  while (i < count && !bytes_equal(text, names[i])) i++;
  return i;
}

uint8_t audit_status(struct value value, const struct bytes *names, uint8_t count)
{
  return name_place(audit_text(value), names, count);
}

bool audit_refer(struct audit *audit, struct audit_names *names, struct bytes text,
                 uint32_t *number)
{
  *number = 0;
  if (text.size == 0) return true;
  *number = audit_names_add(names, text);
  return *number != 0 || audit_no_memory(audit);
}

static bool pool_add(struct audit *audit, uint32_t ticket)
{
  if (audit->pool_count == audit->pool_capacity) {
    uint32_t capacity = audit->pool_capacity == 0 ? 64 : audit->pool_capacity * 2;
    uint32_t *pool = capacity <= audit->pool_capacity
                         ? NULL
                         : memory_resize(audit->memory, audit->pool,
                                         audit->pool_capacity * sizeof *pool,
                                         capacity * sizeof *pool);
    if (pool == NULL) return audit_no_memory(audit);
    audit->pool = pool;
    audit->pool_capacity = capacity;
  }
  audit->pool[audit->pool_count++] = ticket;
  return true;
}

/* The ticket of an event's seat: "{eventId}:{seatId}". An id that no ticket has is kept. */
static bool ticket_of_seat(struct audit *audit, struct bytes event_id, struct bytes seat_id,
                           uint32_t *ticket)
{
  char id[256];
  size_t size = event_id.size + 1 + seat_id.size;
  *ticket = 0;
  if (size > sizeof id) return true; /* no ticket has a seat like that */
  memcpy(id, event_id.data, event_id.size);
  id[event_id.size] = ':';
  memcpy(id + event_id.size + 1, seat_id.data, seat_id.size);
  *ticket = audit_names_find(&audit->tickets, bytes_of(id, size));
  if (*ticket != 0) return true;
  struct bytes copy = arena_copy(&audit->texts, bytes_of(id, size));
  if (copy.data == NULL) return audit_no_memory(audit);
  return audit_refer(audit, &audit->tickets, copy, ticket);
}

bool audit_read_list(struct audit *audit, struct value list, struct bytes event_id,
                     struct audit_list *tickets, bool *whole)
{
  *tickets = (struct audit_list){.first = audit->pool_count};
  *whole = value_type(list) == VALUE_LIST && value_count(list) >= 1 &&
           value_count(list) <= SEATS_MAX;
  if (value_type(list) != VALUE_LIST) return true;
  struct value_iterator iterator = value_iterate(list);
  struct value element;
  while (tickets->count < SEATS_MAX && value_next(&iterator, NULL, &element)) {
    uint32_t ticket = 0;
    struct bytes text = audit_text(element);
    bool read = text.size == 0 || event_id.size == 0
                    ? audit_refer(audit, &audit->tickets, text, &ticket)
                    : ticket_of_seat(audit, event_id, text, &ticket);
    if (!read) return false;
    bool twice = ticket == 0;
    for (uint32_t i = 0; i < tickets->count; i++)
      if (audit->pool[tickets->first + i] == ticket) twice = true;
    if (twice)
      *whole = false;
    else if (pool_add(audit, ticket))
      tickets->count++;
    else
      return false;
  }
  return true;
}

bool audit_read_detail(struct audit *audit, struct bytes json, struct audit_detail *detail)
{
  struct arena arena;
  struct json_reader reader;
  struct bytes key;
  struct bytes text;
  *detail = (struct audit_detail){.status = TICKET_IS_ODD, .previous = TICKET_IS_ODD};
  arena_init(&arena, audit->memory);
  json_reader_init(&reader, json, &arena);
  json_read_object(&reader);
  while (json_read_key(&reader, &key)) {
    bool status = bytes_equal(key, BYTES("status"));
    if (status || bytes_equal(key, BYTES("previousStatus"))) {
      text = (struct bytes){NULL, 0};
      json_read_string(&reader, &text);
      *(status ? &detail->status : &detail->previous) = name_place(text, audit_ticket_statuses,
                                                                   TICKET_IS_ODD);
    } else if (bytes_equal(key, BYTES("version"))) {
      json_read_integer(&reader, &detail->version);
    } else {
      json_skip(&reader);
    }
  }
  detail->whole = json_read_end(&reader);
  bool no_memory = !detail->whole && reader.error.code == ERROR_NO_MEMORY;
  arena_free(&arena);
  return !no_memory || audit_no_memory(audit);
}

bool audit_read_json(struct audit *audit, struct bytes json, bool *whole)
{
  struct arena arena;
  struct json_reader reader;
  struct bytes key;
  arena_init(&arena, audit->memory);
  json_reader_init(&reader, json, &arena);
  json_read_object(&reader);
  while (json_read_key(&reader, &key)) json_skip(&reader);
  *whole = json_read_end(&reader);
  bool no_memory = !*whole && reader.error.code == ERROR_NO_MEMORY;
  arena_free(&arena);
  return !no_memory || audit_no_memory(audit);
}

/* Source: the finalizer of SplitMix64. */
uint64_t audit_mix(uint64_t version, uint64_t what)
{
  uint64_t mixed = (version << 2 | what) + 0x9E3779B97F4A7C15;
  mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
  return mixed ^ mixed >> 31;
}
