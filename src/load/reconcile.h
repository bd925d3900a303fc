/*
 * After an on-sale: what the server's report says, held against itself and against what people were
 * told.
 *
 *     report (JSON)   seats sold = tickets of paid orders; sections add up
 *     orders (CSV)    no seat in two paid orders, nobody over the limit, as many as the report
 *                     counts, amounts add up to the revenue
 *     told            every order id that somebody was answered is a paid order there
 *
 * Memory: all in the arena given. One thread.
 */
#ifndef TACOS_LOAD_RECONCILE_H
#define TACOS_LOAD_RECONCILE_H

#include "load/control.h"

enum { RECONCILE_CHECKS_MAX = 8 };

struct reconcile_check {
  const char *what; /* "seats sold are tickets of paid orders" */
  bool good;
  char detail[160];
};

struct reconciliation {
  int64_t total, sold, held, available; /* seats */
  int64_t paid_orders, tickets, revenue;
  char currency[8];
  bool good; /* all of the checks */
  uint32_t count;
  struct reconcile_check checks[RECONCILE_CHECKS_MAX];
};

struct reconcile_ask {
  const struct target *target;
  struct bytes event_id;
  struct bytes token;    /* an administrator's */
  int64_t max_per_buyer; /* 0: no limit */
  const uint64_t *told;  /* hashes of order ids (run.h); may be in any order */
  uint32_t told_count;
  int64_t settle_ms; /* that payments under way may take until they are orders */
};

/* False with *error when the report cannot be had; what it says is in *result. */
bool reconcile(const struct reconcile_ask *ask, struct arena *arena, struct reconciliation *result,
               struct error *error);

/* The checks themselves, of documents that are there already. */
bool reconcile_documents(const struct reconcile_ask *ask, struct bytes report, struct bytes orders,
                         struct arena *arena, struct reconciliation *result, struct error *error);

#endif
