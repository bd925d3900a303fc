/*
 * The domain: events and their seats, reservations, payments, orders, and what each change tells
 * the world. Every operation is one transaction.
 *
 *     caller: plan_init -> sale_reserve(sale, plan, ...) -> render the answer -> idempotency record
 *             -> plan_commit                                (src/store/plan.h)
 *
 * An operation decides by what is in memory and in the store now, adds its writes and hooks to the
 * caller's plan, and fills a result; nothing has changed when it refuses. The caller may add to the
 * same plan: the answer under its idempotency key, the deletion of a queue's message. The engine
 * thread runs one operation at a time, so what was decided still holds at the commit; the
 * conditions in the plan say it again for engines where it may not (DESIGN 3).
 *
 *     ticket        AVAILABLE --reserve--> RESERVED --confirm--> SOLD
 *                       ^--expire, cancel----'  ^-----refund-----'   (back to AVAILABLE)
 *     reservation   PENDING --confirm--> CONFIRMED;  --expire--> EXPIRED;  --cancel--> CANCELLED
 *     payment       PENDING --settle--> COMPLETED or FAILED;  COMPLETED --refund--> REFUNDED
 *     order         PAID --refund--> REFUNDED
 *
 * Time is given: now_ms is the engine's wall clock. A hold is over when now_ms >= its end, whoever
 * looks (the expiry worker only tidies); an operation that meets a lapsed hold expires it first, in
 * a transaction of its own, so that every hold is resolved once, in the order of the log.
 *
 * Memory: results point into the plan's arena, or to what lives as long as the event. Engine
 * thread.
 */
#ifndef TACOS_SALE_SALE_H
#define TACOS_SALE_SALE_H

#include "base/id.h"
#include "base/json.h"
#include "room/room.h"
#include "store/item_record.h"
#include "store/plan.h"

enum {
  SALE_SEATS_MAX = 10,            /* of one reservation */
  SALE_EXTENSION_MS = 120000,     /* of a hold, once, when its payment begins (DESIGN 8) */
  SALE_IDEMPOTENCY_MS = 86400000, /* an answer is kept for 24 hours */
  SALE_OUTBOX_MS = 86400000,      /* a published row is kept for a day, for whoever looks */
  SALE_ID_BYTES = 26 + 8,         /* of our ids: a prefix and a ULID */
};

/*
 * Refusals, in the order in which they are looked for: what is wrong with the request, what it
 * names, who may, when, how many, which.
 */
enum sale_refusal {
  SALE_OK,
  SALE_UNAVAILABLE, /* no memory or disk now: nothing changed, retry later */
  SALE_INVALID,     /* error->message names the field */
  SALE_MISSING_EVENT_ID,
  SALE_MISSING_SEATS,
  SALE_MISSING_RESERVATION_ID,
  SALE_INVALID_AMOUNT,
  SALE_EVENT_NOT_FOUND,
  SALE_RESERVATION_NOT_FOUND,
  SALE_PAYMENT_NOT_FOUND,
  SALE_ORDER_NOT_FOUND,
  SALE_TICKET_INVALID, /* no code, or signed by somebody else */
  SALE_TICKET_OTHER_EVENT,
  SALE_TICKET_NOT_FOUND,
  SALE_TICKET_REFUNDED,
  SALE_ALREADY_ADMITTED, /* since when and where: see the result */
  SALE_EVENT_EXISTS,
  SALE_CLOSED,
  SALE_ADMISSION_REQUIRED,
  SALE_ADMISSION_INVALID,
  SALE_SEAT_NOT_FOUND,
  SALE_EXPIRED,
  SALE_CANCELLED,
  SALE_ALREADY_CONFIRMED,
  SALE_AMOUNT_MISMATCH,
  SALE_PAYMENT_NOT_APPROVED,
  SALE_NOT_REFUNDABLE,
  SALE_BUYER_LIMIT,
  SALE_CONFLICT, /* some seats are taken: see the result */
  SALE_SOLD_OUT,
  SALE_REFUSALS,
};

struct sale_refusal_row {
  uint16_t status;  /* of HTTP */
  const char *code; /* of the contract */
  const char *message;
};

/* Not for SALE_OK. */
const struct sale_refusal_row *sale_refusal_row(enum sale_refusal refusal);

struct sale;
struct sale_event;
struct seat_map;

struct sale_options {
  struct world *world; /* clock of ids, entropy, memory */
  struct store *store; /* with the tables of the platform */
  /*
   * Told of every change of an event's seats once it is in the log, to spread it. May be NULL.
   */
  void (*seats_changed)(void *context, struct sale_event *event);
  void *context;
  struct lobby *lobby; /* the waiting rooms; NULL: events have none */
  /* The payment provider only reserves the money: it is told to take it when the seats are sold. */
  bool captures;
};

/* Reads events and seats from the store. NULL with *error. */
struct sale *sale_open(const struct sale_options *options, struct error *error);
void sale_close(struct sale *sale);

/* ---- events ---- */

enum sale_status { SALE_SCHEDULED, SALE_ON_SALE, SALE_PAUSED, SALE_ENDED, SALE_STATUSES };

/* "SCHEDULED", "ON_SALE", "PAUSED", "CLOSED". */
struct bytes sale_status_name(enum sale_status status);

struct sale_event {
  struct bytes id, name, venue, currency;
  int64_t starts_ms, sale_opens_ms,
      sale_closes_ms; /* 0: not set; closes: at the start of the event */
  int64_t created_ms, updated_ms;
  enum sale_status status; /* as set by an operator */
  uint32_t max_per_buyer;
  uint32_t hold_seconds;
  struct seat_map *map;
  void *topic;       /* of its stream, for whoever serves it */
  struct room *room; /* NULL: nobody has asked for one yet, and nobody needs to wait */
};

/* What the event is now: SCHEDULED before its sale opens, CLOSED after it ended. */
enum sale_status sale_event_status(const struct sale_event *event, int64_t now_ms);

/* NULL when there is none. */
struct sale_event *sale_event_find(struct sale *sale, struct bytes id);

/* In order of id: the first behind `after` (empty: the first of all), or NULL. */
struct sale_event *sale_event_next(struct sale *sale, struct bytes after);

struct seat_plan;

/* How a creation ended. The event is durable at `sequence`. */
typedef void sale_created(void *context, enum sale_refusal refusal, uint64_t sequence);

/*
 * Makes an event and its tickets, in transactions of some tens of tickets that sale_tick carries
 * on; it is there for others with the last of them. One that was cut short by a crash is not there,
 * and can be made again. The plan is copied. `created` is called once, unless this refuses at once.
 */
enum sale_refusal sale_event_create(struct sale *sale, const struct seat_plan *plan,
                                    sale_created *created, void *context, int64_t now_ms);

/* Work in slices: once per turn of the loop. True while there is more to do now. */
bool sale_tick(struct sale *sale, int64_t now_ms);

/* Absent members are left as they are. */
struct sale_event_change {
  bool has_status, has_sale_opens, has_max_per_buyer, has_hold_seconds;
  enum sale_status status;
  int64_t sale_opens_ms;
  uint32_t max_per_buyer;
  uint32_t hold_seconds;
};

/* The change is in the event once the plan is committed. error names what is wrong with it. */
enum sale_refusal sale_event_update(struct sale *sale, struct plan *plan, struct sale_event *event,
                                    const struct sale_event_change *change, int64_t now_ms,
                                    struct error *error);

/* ---- its waiting room ---- */

/* The event's room, made open to everybody when there is none; NULL: not now, or no rooms here. */
struct room *sale_event_room(struct sale *sale, struct sale_event *event, int64_t now_ms);

/*
 * Changes the room's settings and tells the bus of it (RoomChanged). `user_id` is who did it.
 * SALE_INVALID: error names the setting.
 */
enum sale_refusal sale_room_set(struct sale *sale, struct plan *plan, struct sale_event *event,
                                const struct room_settings *settings, struct bytes user_id,
                                int64_t now_ms, struct error *error);

/* Tells all rooms what there is to sell: before lobby_tick. */
void sale_supply_rooms(struct sale *sale, int64_t now_ms);

/* ---- reservations ---- */

struct sale_seat {
  uint32_t place; /* in the event's map */
  struct bytes id, section, row, number;
  int64_t price;
};

enum reservation_status {
  RESERVATION_PENDING,
  RESERVATION_CONFIRMED,
  RESERVATION_EXPIRED,
  RESERVATION_CANCELLED,
  RESERVATION_STATUSES,
};

struct bytes reservation_status_name(enum reservation_status status);

struct sale_reservation {
  struct bytes id, user_id, payment_intent_id, order_id; /* empty: none */
  struct sale_event *event;
  enum reservation_status status;
  uint32_t quantity;
  struct sale_seat seats[SALE_SEATS_MAX];
  int64_t amount;
  int64_t created_ms, updated_ms, hold_expires_ms;
  bool extended;    /* its one extension was taken */
  uint32_t shopper; /* of the waiting room; ROOM_NOBODY: came without */
};

struct sale_reserve {
  struct bytes event_id;
  struct bytes user_id;
  const struct bytes *seat_ids; /* either these ... */
  uint32_t seat_count;
  uint32_t quantity;              /* ... or so many, the best there are */
  struct bytes section;           /* with quantity: preferred; empty: any */
  struct bytes reservation_token; /* of the waiting room; empty: none */
};

struct sale_reserve_result {
  struct sale_reservation reservation;
  /* With SALE_CONFLICT: which of the asked are taken, and what is free near them. */
  struct bytes unavailable[SALE_SEATS_MAX];
  uint32_t unavailable_count;
  struct bytes alternative[SALE_SEATS_MAX];
  uint32_t alternative_count;
};

enum sale_refusal sale_reserve(struct sale *sale, struct plan *plan, const struct sale_reserve *ask,
                               int64_t now_ms, struct sale_reserve_result *result,
                               struct error *error);

/* user_id empty: whoever's it is. A lapsed one is shown as EXPIRED. */
enum sale_refusal sale_reservation_find(struct sale *sale, struct arena *arena, struct bytes id,
                                        struct bytes user_id, int64_t now_ms,
                                        struct sale_reservation *reservation);

/* Newest first; *cursor is empty at first and at the end. */
enum sale_refusal sale_reservation_list(struct sale *sale, struct arena *arena,
                                        struct bytes user_id, struct bytes *cursor, uint32_t limit,
                                        int64_t now_ms, struct sale_reservation *list,
                                        uint32_t *count);

enum sale_refusal sale_cancel(struct sale *sale, struct plan *plan, struct bytes id,
                              struct bytes user_id, int64_t now_ms,
                              struct sale_reservation *reservation);

/*
 * Ends a hold that is over. SALE_OK also when it was resolved before; *wait_ms > 0: it is not over
 * yet, come back then.
 */
enum sale_refusal sale_expire(struct sale *sale, struct plan *plan, struct bytes id, int64_t now_ms,
                              int64_t *wait_ms);

/* ---- payments and orders ---- */

enum payment_status {
  PAYMENT_PENDING,
  PAYMENT_COMPLETED,
  PAYMENT_FAILED,
  PAYMENT_REFUNDED,
  PAYMENT_STATUSES,
};

struct bytes payment_status_name(enum payment_status status);

struct sale_payment {
  struct bytes intent_id, payment_id, reservation_id, order_id, user_id, currency, scenario;
  struct bytes command_id; /* the last one to the provider (provider.h); empty: none is open */
  enum payment_status status;
  int64_t amount;
  int64_t created_ms, updated_ms;
};

/*
 * An intent to pay a reservation; extends its hold once, and has the provider begin (provider.h).
 * `scenario` is the simulator's (approve, fail, delay, random) and empty otherwise. The same
 * reservation has one open intent: asked again with the same amount it is the same.
 */
enum sale_refusal sale_payment_intend(struct sale *sale, struct plan *plan,
                                      struct bytes reservation_id, struct bytes user_id,
                                      int64_t amount, struct bytes currency, struct bytes scenario,
                                      int64_t now_ms, struct sale_payment *payment);

enum sale_refusal sale_payment_find(struct sale *sale, struct arena *arena, struct bytes intent_id,
                                    struct sale_payment *payment);

/*
 * The provider said how it ended: writes it and tells the bus (PaymentApproved, PaymentFailed),
 * from where a worker confirms. Once: a second word about the same payment changes nothing.
 */
enum sale_refusal sale_payment_settle(struct sale *sale, struct plan *plan, struct bytes intent_id,
                                      bool approved, struct bytes payment_id, int64_t now_ms,
                                      struct sale_payment *payment);

enum order_status { ORDER_PAID, ORDER_REFUNDED };

struct bytes order_status_name(enum order_status status);

struct sale_order {
  struct bytes id, reservation_id, user_id, payment_id, intent_id, currency;
  struct sale_event *event;
  enum order_status status;
  uint32_t quantity;
  struct sale_seat seats[SALE_SEATS_MAX];
  struct bytes ticket_ids[SALE_SEATS_MAX];
  int64_t issues[SALE_SEATS_MAX]; /* version of each ticket once it was sold; 0: not known */
  int64_t amount, refunded;
  int64_t created_ms, updated_ms;
};

/*
 * Makes the order of an approved payment. The same order again when there is one. A payment that
 * was approved after its hold lapsed takes the seats again if they are free and the buyer's limit
 * holds; otherwise it is refunded in the same transaction: SALE_EXPIRED or SALE_CANCELLED with
 * *refunded, and the plan is to be committed all the same. A second payment that was approved for
 * what another one bought is refunded too: the order with SALE_OK and *refunded. intent_id empty:
 * the reservation's. user_id empty: the platform itself.
 */
enum sale_refusal sale_confirm(struct sale *sale, struct plan *plan, struct bytes reservation_id,
                               struct bytes user_id, struct bytes intent_id, int64_t now_ms,
                               struct sale_order *order, bool *refunded);

enum sale_refusal sale_order_find(struct sale *sale, struct arena *arena, struct bytes id,
                                  struct bytes user_id, struct sale_order *order);

enum sale_refusal sale_order_list(struct sale *sale, struct arena *arena, struct bytes user_id,
                                  struct bytes *cursor, uint32_t limit, int64_t now_ms,
                                  struct sale_order *list, uint32_t *count);

typedef void sale_order_visit(void *context, const struct sale_order *order);

/*
 * Shows the orders of an event, for an operator's report: looks at a slice of all orders at each
 * call, so that nobody waits. `position` is empty at first, and again when *done; what is bought
 * meanwhile may be shown or not. `order` is valid during the call only.
 */
enum sale_refusal sale_order_scan(struct sale *sale, const struct sale_event *event,
                                  struct buffer *position, sale_order_visit *visit, void *context,
                                  bool *done);

/* Gives the money back and the seats free. amount 0: all of it. */
enum sale_refusal sale_refund(struct sale *sale, struct plan *plan, struct bytes order_id,
                              int64_t amount, struct bytes reason, int64_t now_ms,
                              struct sale_order *order);

#endif
