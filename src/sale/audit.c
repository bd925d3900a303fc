#include "sale/audit_parts.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const TABLE_NAMES[AUDIT_TABLES] = {
    [AUDIT_TABLE_TICKETS] = "ticket-tickets",
    [AUDIT_TABLE_HISTORY] = "ticket-ticket-events",
    [AUDIT_TABLE_RESERVATIONS] = "ticket-reservation-reservations",
    [AUDIT_TABLE_ORDERS] = "ticket-reservation-orders",
    [AUDIT_TABLE_OUTBOX] = "ticket-reservation-outbox",
    [AUDIT_TABLE_IDEMPOTENCY] = "ticket-reservation-idempotency",
};

/* False when memory failed. */
typedef bool audit_read(struct audit *audit, struct value item);

static audit_read *const READERS[AUDIT_TABLES] = {
    [AUDIT_TABLE_TICKETS] = audit_read_ticket,
    [AUDIT_TABLE_HISTORY] = audit_read_history,
    [AUDIT_TABLE_RESERVATIONS] = audit_read_reservation,
    [AUDIT_TABLE_ORDERS] = audit_read_order,
    [AUDIT_TABLE_OUTBOX] = audit_read_outbox,
    [AUDIT_TABLE_IDEMPOTENCY] = audit_read_idempotency,
};

/* Tables a law needs, one bit each. */
enum {
  T = 1 << AUDIT_TABLE_TICKETS,
  H = 1 << AUDIT_TABLE_HISTORY,
  R = 1 << AUDIT_TABLE_RESERVATIONS,
  O = 1 << AUDIT_TABLE_ORDERS,
  X = 1 << AUDIT_TABLE_OUTBOX,
  I = 1 << AUDIT_TABLE_IDEMPOTENCY,
};

static const struct {
  struct audit_law_row row;
  unsigned tables;
  bool (*check)(struct audit *audit); /* NULL: looked at while it is read, or with the one before */
} LAWS[AUDIT_LAWS] = {
    [AUDIT_EVENTS] = {{"events", "each with its whole plan", "never finished"},
                      T,
                      audit_check_seats},
    [AUDIT_SEATS] = {{"seats", "each with one ticket at its price", NULL}, T, NULL},
    [AUDIT_TICKETS] = {{"tickets", "each in one state", NULL}, T, NULL},
    [AUDIT_HOLDERS] = {{"holders", "no seat held or sold twice", "lapsed, to be tidied"},
                       T | R | O,
                       audit_check_holders},
    [AUDIT_RESERVATIONS] = {{"reservations", "each with its tickets and its one end", NULL},
                            T | R | O,
                            audit_check_reservations},
    [AUDIT_BUYERS] = {{"buyers", "each with as many seats as counted", "above the limit of today"},
                      T | R | O,
                      audit_check_buyers},
    [AUDIT_ORDERS] = {{"orders", "each of one reservation and paid once", NULL},
                      T | R | O,
                      audit_check_orders},
    [AUDIT_PAYMENTS] = {{"payments", "each for one order or given back", "waiting for a worker"},
                        T | R | O,
                        audit_check_payments},
    [AUDIT_MONEY] = {{"money", "each event sold what it was paid for", NULL},
                     T | R | O,
                     audit_check_money},
    [AUDIT_HISTORY] = {{"history", "each version of each ticket once", NULL},
                       T | H,
                       audit_check_history},
    [AUDIT_OUTBOX] = {{"outbox", "each change told", "waiting to be published"},
                      T | H | R | O | X,
                      audit_check_outbox},
    [AUDIT_IDEMPOTENCY] = {{"idempotency", "each answer readable", "over, to be removed"}, I, NULL},
};

const struct audit_law_row *audit_law_row(enum audit_law law)
{
  CHECK(law < AUDIT_LAWS);
  return &LAWS[law].row;
}

/* ---- telling ---- */

/* What is stored may be anything; a terminal gets text. */
static void tell(struct audit *audit, audit_tell *to, enum audit_law law, const char *format,
                 va_list arguments)
{
  char message[ERROR_MESSAGE_BYTES];
  vsnprintf(message, sizeof message, format, arguments);
  for (char *at = message; *at != 0; at++)
    if ((unsigned char)*at < 0x20 || *at == 0x7F) *at = '?';
  message[bytes_utf8_prefix(bytes_of_text(message))] = 0;
  if (to != NULL) to(audit->options->context, law, message);
}

void audit_find(struct audit *audit, enum audit_law law, const char *format, ...)
{
  audit->result->findings++;
  if (++audit_law(audit, law)->findings > AUDIT_SHOWN_MAX) return;
  va_list arguments;
  va_start(arguments, format);
  tell(audit, audit->options->finding, law, format, arguments);
  va_end(arguments);
}

void audit_note(struct audit *audit, enum audit_law law, const char *format, ...)
{
  if (audit_law(audit, law)->pending > AUDIT_NOTES_MAX) return;
  va_list arguments;
  va_start(arguments, format);
  tell(audit, audit->options->note, law, format, arguments);
  va_end(arguments);
}

bool audit_no_memory(struct audit *audit)
{
  return error_set(audit->error, ERROR_NO_MEMORY, "no memory to audit the tables");
}

/* ---- reading ---- */

struct reading {
  struct audit *audit;
  audit_read *read;
};

static bool read_item(void *context, struct value item, struct error *error)
{
  const struct reading *reading = context;
  (void)error; /* the audit's own */
  return reading->read(reading->audit, item);
}

static bool read_table(struct audit *audit, enum audit_table table)
{
  const struct store_query all = {.table = audit->tables[table]};
  struct reading reading = {.audit = audit, .read = READERS[table]};
  return store_each(audit->options->store, &all, read_item, &reading, audit->error);
}

static uint64_t items_of(const struct audit *audit, enum audit_table table)
{
  struct table_description description;
  if (audit->tables[table] == NULL) return 0;
  store_table_describe(audit->tables[table], &description);
  return description.item_count;
}

/* Room for what the tables have, so that nothing is copied on the way. */
static bool make_room(struct audit *audit)
{
  struct memory *memory = audit->memory;
  uint64_t seed = audit->hash_seed;
  audit_names_init(&audit->events, memory, seed, sizeof(struct audit_event));
  audit_names_init(&audit->tickets, memory, seed, sizeof(struct audit_ticket));
  audit_names_init(&audit->holds, memory, seed, sizeof(struct audit_hold));
  audit_names_init(&audit->orders, memory, seed, sizeof(struct audit_order));
  audit_names_init(&audit->payments, memory, seed, sizeof(struct audit_payment));
  audit_names_init(&audit->buyers, memory, seed, sizeof(struct audit_buyer));
  /* Half of the items beside the reservations are counters, of the orders payments. */
  uint64_t reservations = items_of(audit, AUDIT_TABLE_RESERVATIONS) / 2;
  uint64_t orders = items_of(audit, AUDIT_TABLE_ORDERS) / 2;
  return (audit_names_reserve(&audit->events, 0) &&
          audit_names_reserve(&audit->tickets, items_of(audit, AUDIT_TABLE_TICKETS)) &&
          audit_names_reserve(&audit->holds, reservations) &&
          audit_names_reserve(&audit->orders, orders) &&
          audit_names_reserve(&audit->payments, orders) &&
          audit_names_reserve(&audit->buyers, reservations)) ||
         audit_no_memory(audit);
}

static bool check_all(struct audit *audit)
{
  unsigned there = 0;
  for (unsigned i = 0; i < AUDIT_TABLES; i++) {
    audit->tables[i] = store_table(audit->options->store, bytes_of_text(TABLE_NAMES[i]));
    if (audit->tables[i] != NULL) there |= 1u << i;
  }
  if (!make_room(audit)) return false;
  for (enum audit_law i = 0; i < AUDIT_LAWS; i++)
    audit_law(audit, i)->looked = (LAWS[i].tables & ~there) == 0;
  for (enum audit_table i = 0; i < AUDIT_TABLES; i++)
    if (audit->tables[i] != NULL && !read_table(audit, i)) return false;
  for (enum audit_law i = 0; i < AUDIT_LAWS; i++)
    if (audit_law(audit, i)->looked && LAWS[i].check != NULL && !LAWS[i].check(audit)) return false;
  return true;
}

bool audit_run(const struct audit_options *options, struct audit_result *result,
               struct error *error)
{
  struct audit audit = {
      .options = options,
      .result = result,
      .error = error,
      .memory = &options->world->memory,
  };
  *result = (struct audit_result){0};
  world_entropy(options->world, &audit.hash_seed, sizeof audit.hash_seed);
  arena_init(&audit.texts, audit.memory);
  bool done = check_all(&audit);
  audit_names_free(&audit.events);
  audit_names_free(&audit.tickets);
  audit_names_free(&audit.holds);
  audit_names_free(&audit.orders);
  audit_names_free(&audit.payments);
  audit_names_free(&audit.buyers);
  memory_free(audit.memory, audit.pool, audit.pool_capacity * sizeof *audit.pool);
  arena_free(&audit.texts);
  return done;
}
