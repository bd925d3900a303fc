/*
 * What the files of the auditor share; audit.h is for everybody else.
 *
 *     audit.c         runs it: tables, laws, what is told
 *     audit_names.c   ids to rows                  audit_item.c     attributes of items
 *     audit_seats.c   events, seats, tickets       audit_history.c  versions of tickets
 *     audit_holds.c   holders, reservations,       audit_outbox.c   what was told
 *                     buyers
 *     audit_orders.c  orders, payments, money      audit_idempotency.c
 *
 * First every table is read into rows, one for each id that anything names (`present` says whether
 * its item is there); then each law walks its rows. References are numbers of the names (0: none).
 */
#ifndef TACOS_SALE_AUDIT_PARTS_H
#define TACOS_SALE_AUDIT_PARTS_H

#include "sale/audit.h"
#include "sale/audit_names.h"

/* A published row of the outbox stays for a day (CONTRACT 4); one hour of it is for whatever passes
   between the newest record that the caller knows of and the state that is looked at. */
#define AUDIT_KEPT_MS ((int64_t)23 * 3600 * 1000)

/*
 * After that long a payment's worker has had its three attempts (visibility 30 s each) several
 * times over: what is still open is left lying.
 */
#define AUDIT_WORKER_MS ((int64_t)10 * 60 * 1000)

enum audit_table {
  AUDIT_TABLE_TICKETS,
  AUDIT_TABLE_HISTORY,
  AUDIT_TABLE_RESERVATIONS,
  AUDIT_TABLE_ORDERS,
  AUDIT_TABLE_OUTBOX,
  AUDIT_TABLE_IDEMPOTENCY,
  AUDIT_TABLES,
};

/* States as the contract names them; the last of each is "none of these". */
enum audit_ticket_status { TICKET_IS_AVAILABLE, TICKET_IS_RESERVED, TICKET_IS_SOLD, TICKET_IS_ODD };
enum audit_hold_status { HOLD_PENDING, HOLD_CONFIRMED, HOLD_EXPIRED, HOLD_CANCELLED, HOLD_ODD };
enum audit_order_status { ORDER_IS_PAID, ORDER_IS_REFUNDED, ORDER_IS_ODD };
enum audit_payment_status { PAID_PENDING, PAID_COMPLETED, PAID_FAILED, PAID_REFUNDED, PAID_ODD };

extern const struct bytes audit_ticket_statuses[TICKET_IS_ODD + 1];
extern const struct bytes audit_hold_statuses[HOLD_ODD + 1];
extern const struct bytes audit_order_statuses[ORDER_IS_ODD + 1];
extern const struct bytes audit_payment_statuses[PAID_ODD + 1];

struct audit_event {
  bool present;
  bool has_plan;
  uint32_t seats; /* of the plan */
  int64_t buyer_max;
  int64_t plan_pieces;
  struct bytes currency;
  /* Money. Sums wrap around rather than overflow: they are only compared. */
  bool has_orders;
  uint64_t sold_seats; /* prices of sold tickets */
  uint64_t paid;       /* orders that are PAID */
  uint64_t completed;  /* payments that are COMPLETED and have an order */
  uint64_t refunded;   /* orders that are REFUNDED */
  uint64_t returned;   /* payments that are REFUNDED and have an order */
};

struct audit_ticket {
  bool present;
  bool planned; /* its event's plan has the seat */
  uint8_t status;
  uint8_t last_status; /* of the newest row of its history */
  uint32_t event;
  uint32_t reservation; /* that has it */
  uint32_t named_by;    /* the live reservation that names it */
  uint32_t sold_by;     /* the paid order that names it */
  uint32_t version;
  int64_t price;
  int64_t hold_expires_ms;
  /*
   * History: versions above 1 by number and by sum of a hash of each, so that a hole and a double
   * show without a list; the same for the states that rows lead to and come from.
   */
  uint32_t created_rows; /* of version 1: several when its event was made again after a crash */
  uint32_t changes;
  uint32_t last_version;
  uint64_t version_sum;
  uint64_t to_sum;
  uint64_t from_sum;
  /* Outbox: changes of the time for which rows are kept, and events about them. */
  uint32_t to_tell;
  uint32_t told;
  uint64_t to_tell_sum;
  uint64_t told_sum;
};

/* Tickets that a reservation or order names: numbers in audit->pool. */
struct audit_list {
  uint32_t first;
  uint32_t count;
};

/* Events of a reservation in the outbox. */
enum { TOLD_CREATED, TOLD_CONFIRMED, TOLD_EXPIRED, TOLD_CANCELLED, TOLD_HOLD };

struct audit_hold {
  bool present;
  uint8_t status;
  uint8_t told[TOLD_HOLD]; /* how often, up to 255 */
  uint32_t event;
  uint32_t buyer;
  uint32_t intent; /* its payment's number */
  uint32_t order;  /* that it says it has */
  uint32_t orders; /* that say they are its */
  uint32_t order_found;
  struct audit_list tickets;
  struct bytes user_id;
  struct bytes currency;
  int64_t amount;
  int64_t expires_ms;
  int64_t created_ms;
  int64_t updated_ms;
};

struct audit_order {
  bool present;
  uint8_t status;
  uint32_t event;
  uint32_t reservation;
  uint32_t intent;
  uint32_t payments; /* that say they are its */
  struct audit_list tickets;
  struct bytes user_id;
  struct bytes payment_id;
  struct bytes currency;
  int64_t amount;
  int64_t refunded;
};

enum { TOLD_APPROVED = 1, TOLD_FAILED = 2, TOLD_REFUNDED = 4 };

struct audit_payment {
  bool present;
  uint8_t status;
  uint8_t told; /* TOLD_* */
  uint32_t reservation;
  uint32_t order;
  struct bytes payment_id;
  struct bytes currency;
  int64_t amount;
  int64_t created_ms;
  int64_t updated_ms;
};

/* Named "{eventId}#{userId}". */
struct audit_buyer {
  bool counted; /* there is a counter */
  int64_t counter;
  int64_t seats; /* of live reservations */
};

struct audit {
  const struct audit_options *options;
  struct audit_result *result;
  struct error *error;
  struct memory *memory;
  uint64_t hash_seed;
  const struct table *tables[AUDIT_TABLES]; /* NULL: not there */
  struct audit_names events, tickets, holds, orders, payments, buyers;
  struct arena texts; /* that the store does not have */
  uint32_t *pool;
  uint32_t pool_count, pool_capacity;
};

/* ---- audit.c ---- */

/* Something is wrong. */
void audit_find(struct audit *audit, enum audit_law law, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Something is pending; counted by the caller. */
void audit_note(struct audit *audit, enum audit_law law, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets ERROR_NO_MEMORY; false. */
bool audit_no_memory(struct audit *audit);

static inline struct audit_law_result *audit_law(struct audit *audit, enum audit_law law)
{
  return &audit->result->laws[law];
}

/* ---- audit_item.c ---- */

/*
 * The attributes with these names, which stand in ascending order, in one walk: values[i] is that
 * of names[i], or VALUE_NONE.
 */
void audit_pick(struct value item, const struct bytes *names, size_t count, struct value *values);

/* Empty when it is no string; `fallback` when it is no integer or no time. */
struct bytes audit_text(struct value value);
int64_t audit_integer(struct value value, int64_t fallback);
int64_t audit_instant(struct value value, int64_t fallback);

/* The text behind a prefix; false when it has another. */
bool audit_after(struct bytes text, struct bytes prefix, struct bytes *rest);

/* Which of `count` names it is; `count` when it is none of them. */
uint8_t audit_status(struct value value, const struct bytes *names, uint8_t count);

/* Adds the number of a text that may be empty (0 then); false when there is no memory. */
bool audit_refer(struct audit *audit, struct audit_names *names, struct bytes text,
                 uint32_t *number);

/*
 * The tickets of a list of ticket ids, or with an event's id of its seat ids, into the pool.
 * *whole: it was a list of 1 to 10 different texts.
 */
bool audit_read_list(struct audit *audit, struct value list, struct bytes event_id,
                     struct audit_list *tickets, bool *whole);

/* The event a row of history or outbox tells of: what of it is known here. */
struct audit_detail {
  bool whole; /* it is a JSON object */
  int64_t version;
  uint8_t status;   /* TICKET_IS_* */
  uint8_t previous; /* the same */
};

bool audit_read_detail(struct audit *audit, struct bytes json, struct audit_detail *detail);

/* Whether it is a JSON object at all. */
bool audit_read_json(struct audit *audit, struct bytes json, bool *whole);

/* A hash of a version and what is said of it, for sums. */
uint64_t audit_mix(uint64_t version, uint64_t what);

/* ---- the rows of each kind ---- */

static inline struct audit_event *audit_event(const struct audit *audit, uint32_t number)
{
  return audit_names_row(&audit->events, number);
}
static inline struct audit_ticket *audit_ticket(const struct audit *audit, uint32_t number)
{
  return audit_names_row(&audit->tickets, number);
}
static inline struct audit_hold *audit_hold(const struct audit *audit, uint32_t number)
{
  return audit_names_row(&audit->holds, number);
}
static inline struct audit_order *audit_order(const struct audit *audit, uint32_t number)
{
  return audit_names_row(&audit->orders, number);
}
static inline struct audit_payment *audit_payment(const struct audit *audit, uint32_t number)
{
  return audit_names_row(&audit->payments, number);
}
static inline struct audit_buyer *audit_buyer(const struct audit *audit, uint32_t number)
{
  return audit_names_row(&audit->buyers, number);
}

/* For "%.*s". */
#define AUDIT_NAME(names, number) BYTES_FORMAT(audit_names_text(&(names), number))

/* A reservation whose seats are its buyer's: open, or paid and not given back. */
bool audit_hold_is_live(const struct audit *audit, const struct audit_hold *hold);

/* ---- reading, one visit for each table ---- */

bool audit_read_ticket(struct audit *audit, struct value item);
bool audit_read_reservation(struct audit *audit, struct value item);
bool audit_read_order(struct audit *audit, struct value item);
bool audit_read_history(struct audit *audit, struct value item);
bool audit_read_outbox(struct audit *audit, struct value item);
bool audit_read_idempotency(struct audit *audit, struct value item);

/* ---- laws; false only when there is no memory ---- */

bool audit_check_seats(struct audit *audit);        /* events and seats */
bool audit_check_holders(struct audit *audit);      /* holders */
bool audit_check_reservations(struct audit *audit); /* reservations */
bool audit_check_buyers(struct audit *audit);       /* buyers */
bool audit_check_orders(struct audit *audit);       /* orders */
bool audit_check_payments(struct audit *audit);     /* payments */
bool audit_check_money(struct audit *audit);        /* money */
bool audit_check_history(struct audit *audit);      /* history */
bool audit_check_outbox(struct audit *audit);       /* outbox */

#endif
