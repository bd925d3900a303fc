/*
 * What an on-sale must be, after the contract and DESIGN 8, by other means than the platform's: a
 * hold is over by the clock and nothing else, so nobody has to expire it here.
 *
 * Every change is noted with the sequence of its log record. After a crash the model goes back to
 * what was recovered (sale_model_rewind); what is durable cannot be taken back any more.
 *
 * Memory: malloc; running out stops the test. One thread.
 */
#ifndef TACOS_SIM_SALE_MODEL_H
#define TACOS_SIM_SALE_MODEL_H

#include "sale/sale.h"

enum {
  MODEL_EVENTS = 2,
  MODEL_SECTIONS = 4,
  MODEL_SEATS = 200, /* of an event of sim_sale */
  MODEL_ID_BYTES = 40,
  MODEL_ANSWER_BYTES = 288,
};

#define MODEL_NONE UINT32_MAX

struct model_section {
  uint32_t first, count; /* places of the map */
  int64_t price;
};

/* What an operator can change. */
struct model_setting {
  uint32_t limit;
  uint32_t hold_s;
  bool paused;
};

struct model_event {
  char id[8];
  struct model_section sections[MODEL_SECTIONS];
  uint32_t section_count;
  uint32_t seat_count;
  struct model_setting setting;
  uint32_t *owner; /* of each seat: the last reservation that had it; MODEL_NONE: nobody */
};

/* A hold stays MODEL_HELD when its time is over: sale_model_status tells. */
enum model_state { MODEL_HELD, MODEL_BOUGHT, MODEL_CANCELLED };

struct model_reservation {
  char id[MODEL_ID_BYTES];
  enum model_state state;
  uint32_t buyer, event;
  uint32_t quantity;
  uint32_t seats[SALE_SEATS_MAX];
  int64_t amount;
  int64_t until_ms;
  bool extended;
  bool late;         /* bought after its hold was over */
  bool given_back;   /* all of its order was refunded */
  int64_t refunded;  /* of its order */
  uint32_t payment;  /* the newest intent */
  uint32_t paid_by;  /* the payment of its order */
  uint32_t refunds;  /* of its order, told to the bus */
  uint32_t admitted; /* bits of its seats */
  uint32_t before;   /* the buyer's reservation before this one */
};

struct model_payment {
  char id[MODEL_ID_BYTES];
  enum payment_status status;
  uint32_t reservation;
  int64_t amount;
  bool failed_before; /* was told to have failed, once */
  bool approved;      /* was told to be approved */
};

/* An answer under an idempotency key. */
struct model_key {
  bool used;
  uint64_t body;
  uint32_t result;
  int64_t used_ms;
  char answer[MODEL_ANSWER_BYTES];
};

struct model_undo;

struct sale_model {
  struct model_event events[MODEL_EVENTS];
  uint32_t event_count;
  struct model_reservation *reservations;
  uint32_t reservation_count, reservation_capacity;
  struct model_payment *payments;
  uint32_t payment_count, payment_capacity;
  struct model_key *keys;
  uint32_t key_count, key_capacity;
  uint32_t *newest; /* of each buyer: the last reservation */
  uint32_t buyer_count;
  struct model_undo *undo; /* oldest first */
  size_t undo_count, undo_capacity;
};

void sale_model_init(struct sale_model *model, uint32_t buyers);
void sale_model_free(struct sale_model *model);

/* Nobody has a seat of the event, whose sections and seats are set. */
void sale_model_seat(struct model_event *event);

/* ---- what is ---- */

/* EXPIRED by the clock. */
enum reservation_status sale_model_status(const struct model_reservation *reservation,
                                          int64_t now_ms);
bool sale_model_taken(const struct sale_model *model, uint32_t event, uint32_t seat,
                      int64_t now_ms);
/* Seats that count against the buyer's limit. */
uint32_t sale_model_seats_of(const struct sale_model *model, uint32_t event, uint32_t buyer,
                             int64_t now_ms);
/* Free seats of the section that has most of them. */
uint32_t sale_model_most_free(const struct sale_model *model, uint32_t event, int64_t now_ms);
int64_t sale_model_price(const struct model_event *event, uint32_t seat);

/* The reservation with this id, or MODEL_NONE. */
uint32_t sale_model_find(const struct sale_model *model, struct bytes id);

/* What a payment that was approved leads to. */
enum model_verdict {
  MODEL_BUYS,
  MODEL_BUYS_LATE,
  MODEL_GIVES_BACK,
};
enum model_verdict sale_model_verdict(const struct sale_model *model, uint32_t payment,
                                      int64_t now_ms);

/* ---- what happens, as of a record of the log ---- */

/* Takes over all but what is the model's own; returns its number. */
uint32_t sale_model_reserve(struct sale_model *model, uint64_t sequence,
                            const struct model_reservation *reservation);
void sale_model_cancel(struct sale_model *model, uint64_t sequence, uint32_t reservation);
uint32_t sale_model_intend(struct sale_model *model, uint64_t sequence, uint32_t reservation,
                           struct bytes id);
void sale_model_settle(struct sale_model *model, uint64_t sequence, uint32_t payment,
                       bool approved);
void sale_model_buy(struct sale_model *model, uint64_t sequence, uint32_t payment, bool late);
void sale_model_give_back(struct sale_model *model, uint64_t sequence, uint32_t payment);
void sale_model_refund(struct sale_model *model, uint64_t sequence, uint32_t reservation,
                       int64_t amount);
void sale_model_admit(struct sale_model *model, uint64_t sequence, uint32_t reservation,
                      uint32_t place);
void sale_model_set(struct sale_model *model, uint64_t sequence, uint32_t event,
                    const struct model_setting *setting);

/* A key that was not used yet. */
uint32_t sale_model_new_key(struct sale_model *model);
void sale_model_use_key(struct sale_model *model, uint64_t sequence, uint32_t key,
                        const struct model_key *used);

/* Takes back what came after the sequence. */
void sale_model_rewind(struct sale_model *model, uint64_t sequence);

/* Forgets how to take back what came up to the sequence. */
void sale_model_settle_log(struct sale_model *model, uint64_t sequence);

#endif
