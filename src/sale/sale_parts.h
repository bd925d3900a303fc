/*
 * What the files of the domain share; sale.h is for everybody else.
 *
 *     catalogue.c   events            reserve.c      holds             payment.c   intents
 *     ticket.c      rows of tickets   reservation.c  their reading   order.c     confirm and refund
 *     outbox.c      what is told      resolve.c      expire, cancel    checkin.c   the door
 *     provider_command.c   what the payment provider is told          admission.c   the waiting room
 */
#ifndef TACOS_SALE_SALE_PARTS_H
#define TACOS_SALE_SALE_PARTS_H

#include "sale/idempotency.h"
#include "sale/provider.h"
#include "sale/sale.h"
#include "sale/seat_map.h"

enum ticket_status { TICKET_AVAILABLE, TICKET_RESERVED, TICKET_SOLD, TICKET_STATUSES };

extern const struct bytes ticket_status_names[TICKET_STATUSES];

/* Expressions that are compiled once, with the places of their values. */
struct sale_expressions {
  const struct expression *ticket_is;     /* condition: state and reservation are as expected */
  const struct expression *ticket_held;   /* the same for a held one */
  const struct expression *ticket_set;    /* update of a ticket's state */
  const struct expression *ticket_extend; /* update of a hold's end */
  const struct expression *buyer_below;   /* condition: the counter leaves room */
  const struct expression *buyer_add;     /* update: ADD seats */
  const struct expression *absent;        /* condition: attribute_not_exists(pk) */
  const struct expression *ticket_sold;   /* condition: sold, in the sale that is expected */
  const struct expression *of_user;       /* key condition: the reservations of a user */
  const struct expression *commands_from; /* key condition: a partition from a sort key on */
};

struct sale {
  struct sale_options options;
  struct store *store;
  struct memory *memory;
  uint64_t hash_seed; /* of names in plans */
  struct table *tickets, *ticket_events, *reservations, *orders, *outbox, *idempotency;
  struct id_generator ids;
  struct record_writer writer;
  struct arena compiled;
  struct sale_expressions expressions;
  struct sale_event **events; /* in order of id */
  size_t event_count, event_capacity;
  struct sale_creation *creations; /* under way, oldest first */
  struct sale_flight *flights;     /* requests that are answered later */
  /* The first command that was added since the provider last looked. */
  char fresh_command[SALE_ID_BYTES];
  size_t fresh_command_bytes; /* 0: none */
};

/* A request that is answered later: few at a time, those of the password pool. */
struct sale_flight {
  struct sale_flight *next;
  char id[IDEMPOTENCY_ID_BYTES];
};

/* Whether a step of building a plan still has memory; the first failure is remembered. */
struct sale_step {
  struct sale *sale;
  struct plan *plan;
  int64_t now_ms;
  bool failed;
};

bool sale_compile(struct sale *sale, struct error *error);

/* Puts an item, with an optional condition; VALUE_NONE fails the step. */
void sale_step_put(struct sale_step *step, struct table *table, struct value item,
                   const struct expression *condition, const struct value *values);

/* A key of the two attributes pk and sk. */
struct value sale_key(struct sale *sale, struct arena *arena, struct bytes pk, struct bytes sk);
/*
 * The item that has a key now, VALUE_NONE when there is none; false when there is no memory to
 * look, which must not be taken for an item that is not there.
 */
bool sale_look_up(const struct table *table, struct arena *arena, struct bytes pk, struct bytes sk,
                  struct value *item);
/* The same where a condition of the plan finds out; VALUE_NONE also without memory. */
struct value sale_find(const struct table *table, struct arena *arena, struct bytes pk,
                       struct bytes sk);

/* A new id: prefix and ULID, in the arena. */
struct bytes sale_new_id(struct sale *sale, struct arena *arena, struct bytes prefix);

/* ---- catalogue.c ---- */

bool catalogue_load(struct sale *sale, struct error *error);
void catalogue_free(struct sale *sale);

/* ---- ticket.c ---- */

struct bytes ticket_id(struct arena *arena, struct bytes event_id, struct bytes seat_id);

struct ticket_change {
  struct bytes ticket_id;
  struct bytes event_id;
  struct bytes reservation_id; /* that has it, or had it */
  struct bytes user_id;
  enum ticket_status from, to;
  int64_t hold_expires_ms; /* with TICKET_RESERVED */
  int64_t price;
};

/* The ticket's state, its row of history and its event: three actions. Returns its new version. */
int64_t ticket_add_change(struct sale_step *step, const struct ticket_change *change);

/* One row of a ticket's history. */
void ticket_add_history(struct sale_step *step, struct bytes id, struct bytes type,
                        struct bytes user_id, int64_t version, struct bytes detail);

/* A hold that goes on until later: the ticket alone. */
void ticket_add_extension(struct sale_step *step, const struct sale_reservation *reservation,
                          struct bytes seat_id);

/* ---- outbox.c ---- */

/* An event's detail on its way to be JSON: members are written between begin and end. */
struct sale_detail {
  struct buffer text;
  struct json_writer json;
};

void sale_detail_begin(struct sale_step *step, struct sale_detail *detail);
/* In the arena; without memory the step has failed. */
struct bytes sale_detail_end(struct sale_step *step, struct sale_detail *detail);

/* An event for the bus: detail is a JSON object. */
void outbox_add(struct sale_step *step, struct bytes type, struct bytes aggregate_type,
                struct bytes aggregate_id, struct bytes detail);

/* ---- reservation.c ---- */

/* False when the item is none of ours, or there is no memory for its texts. */
bool reservation_read(struct sale *sale, struct arena *arena, struct value item,
                      struct sale_reservation *reservation);
struct value reservation_item(struct sale *sale, struct arena *arena,
                              const struct sale_reservation *reservation);
struct value reservation_load(struct sale *sale, struct arena *arena, struct bytes id);

/* Changes the buyer's counter of an event by so many seats; limit 0: no condition. */
void buyer_add_seats(struct sale_step *step, const struct sale_event *event, struct bytes user_id,
                     int64_t seats, int64_t limit);
int64_t buyer_seats(struct sale *sale, struct arena *arena, const struct sale_event *event,
                    struct bytes user_id);

/* {"reservationId","userId","eventId","ticketIds"} as members of the open object. */
void reservation_write_ids(struct json_writer *writer, struct arena *arena,
                           const struct sale_reservation *reservation);

/* ---- payment.c ---- */

bool payment_read(struct arena *arena, struct value item, struct sale_payment *payment);
void payment_put(struct sale_step *step, struct sale_payment *payment);
/* Tells the bus of it. */
void payment_tell(struct sale_step *step, const struct sale_payment *payment, struct bytes type);
/* Refunds all of a completed one: the provider's command to do so is in the same plan. */
void payment_give_back(struct sale_step *step, struct sale_payment *payment);

/* ---- provider_command.c ---- */

struct provider_command {
  struct bytes id;
  struct bytes after; /* the command before it about the same payment; empty: none */
  enum provider_verb verb;
  struct bytes intent_id, reservation_id, payment_id, currency, scenario;
  int64_t amount;
  int64_t created_ms;
};

/*
 * Adds a command about a payment to the plan of what causes it, and names it in the payment, which
 * is put after this. `verb` QUERY: an intent that is watched, and never authorised again.
 */
void provider_command_add(struct sale_step *step, enum provider_verb verb,
                          struct sale_payment *payment, int64_t amount);

/* Ends a pending one: without a trace, or kept as done or given up. */
void provider_command_remove(struct sale_step *step, struct bytes id);
void provider_command_keep(struct sale_step *step, const struct provider_command *command,
                           bool done);

/* Whether it has ended; false also when there is no memory to look. */
bool provider_command_is_over(const struct sale *sale, struct arena *arena, struct bytes id);
/* False when it has ended, or cannot be read now. */
bool provider_command_find(const struct sale *sale, struct arena *arena, struct bytes id,
                           struct provider_command *command);

/* Ids of pending ones from `from` on, in order; *more: there are further ones. False: not now. */
bool provider_command_list(struct sale *sale, struct arena *arena, struct bytes from,
                           uint32_t limit, struct bytes *ids, uint32_t *count, bool *more);

/* ---- seats.c ---- */

/* What the map knows of a seat; false when the event has none with this id. */
bool seats_read(struct arena *arena, const struct sale_event *event, struct bytes seat_id,
                struct sale_seat *seat);
bool seats_describe(struct arena *arena, const struct sale_event *event, uint32_t place,
                    struct sale_seat *seat);

/* The number that stands for a reservation in the map: its id without prefix. */
bool seats_number(struct bytes reservation_id, struct id *id);

enum seats_change { SEATS_HELD, SEATS_EXTENDED, SEATS_RELEASED, SEATS_SOLD, SEATS_REFUNDED };

/* Brings the map up to date once the plan is in the log. */
void seats_after(struct sale_step *step, struct sale_event *event, enum seats_change change,
                 struct bytes reservation_id, const struct sale_seat *seats, uint32_t count,
                 int64_t until_ms);

/* ---- admission.c ---- */

/* Whether the buyer may choose seats now, and as which shopper of the room. */
enum sale_refusal admission_check(struct sale_event *event, const struct sale_reserve *ask,
                                  int64_t now_ms, uint32_t *shopper);

/* A hold of the reservation's shopper begins; ends in one of three ways. */
void admission_hold_begins(struct sale_step *step, const struct sale_reservation *reservation);
void admission_hold_ends(struct sale_step *step, const struct sale_reservation *reservation,
                         enum room_hold_end end);

/* ---- resolve.c ---- */

/* Expires a lapsed reservation in a transaction of its own; nothing when it was resolved before. */
enum sale_refusal sale_tidy(struct sale *sale, struct bytes reservation_id, int64_t now_ms);

/* The same for whoever's lapsed holds are on these seats. */
enum sale_refusal sale_tidy_seats(struct sale *sale, const struct sale_event *event,
                                  const struct sale_seat *seats, uint32_t count, int64_t now_ms);

/* The same for a buyer's, whose seats count against the limit until then. */
enum sale_refusal sale_tidy_buyer(struct sale *sale, struct bytes user_id, int64_t now_ms);

#endif
