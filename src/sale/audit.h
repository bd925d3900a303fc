/*
 * The auditor: holds everything the platform's tables say against everything else they say.
 *
 *     tickets <-> seats of the events     tickets <-> reservations <-> orders <-> payments
 *     tickets <-> their history           buyers' counters, money      changes <-> the outbox
 *
 * It is written from the contract (states, tables, events), not from the operations of the domain,
 * and reads items only: what one of those does wrong is found here. Each law has a name, counts
 * what it looked at and what is wrong, and tells the first AUDIT_SHOWN_MAX of its findings.
 *
 * What is under way is not wrong: a hold that has lapsed and that nobody has tidied yet, a payment
 * whose worker has not come to it, an event that waits to be published. It is counted as pending.
 *
 * Memory: about 200 bytes for each ticket, reservation, order and payment, from the world, given
 * back at the end. The store may not change meanwhile: identifiers point into it. One thread.
 */
#ifndef TACOS_SALE_AUDIT_H
#define TACOS_SALE_AUDIT_H

#include "store/store.h"

enum audit_law {
  AUDIT_EVENTS,       /* has its plan; pending: was never finished */
  AUDIT_SEATS,        /* of an event's plan: one ticket, at the price of its section */
  AUDIT_TICKETS,      /* one state, and the members that belong to it */
  AUDIT_HOLDERS,      /* tickets held or sold: by one who has them; pending: hold has lapsed */
  AUDIT_RESERVATIONS, /* names its tickets; confirmed with one order, otherwise without */
  AUDIT_BUYERS,       /* counter is what the buyer has; pending: more than the limit of today */
  AUDIT_ORDERS,       /* is of its reservation and of its payment */
  AUDIT_PAYMENTS,     /* has one order, or none and was given back; pending: for its worker */
  AUDIT_MONEY,        /* events whose orders, payments and sold seats make the same sums */
  AUDIT_HISTORY,      /* each version of a ticket once, from one state to the next */
  AUDIT_OUTBOX,       /* each change was told, as far as rows are kept; pending: to be published */
  AUDIT_IDEMPOTENCY,  /* an answer that can be given again; pending: over, to be removed */
  AUDIT_LAWS,
};

enum { AUDIT_SHOWN_MAX = 20, AUDIT_NOTES_MAX = 5 }; /* of each law */

struct audit_law_row {
  const char *name;    /* "tickets" */
  const char *holds;   /* what is true of all: "each in one state" */
  const char *pending; /* "lapsed, to be tidied"; NULL: it has none */
};

const struct audit_law_row *audit_law_row(enum audit_law law);

/* Told of one thing; the message has ids and no control characters. */
typedef void audit_tell(void *context, enum audit_law law, const char *message);

struct audit_options {
  struct world *world; /* memory, entropy */
  struct store *store;
  /* UTC, of the newest record in the store: what has lapsed, and which rows must still be there. */
  int64_t now_ms;
  audit_tell *finding; /* something is wrong */
  audit_tell *note;    /* something is pending and deserves a look */
  void *context;
};

struct audit_law_result {
  bool looked; /* false: the tables it is about are not there */
  uint64_t count;
  uint64_t findings;
  uint64_t pending;
};

struct audit_result {
  struct audit_law_result laws[AUDIT_LAWS];
  uint64_t findings; /* of all laws */
};

/* True when everything was looked at, whatever was found. False with *error: ERROR_NO_MEMORY. */
bool audit_run(const struct audit_options *options, struct audit_result *result,
               struct error *error);

#endif
