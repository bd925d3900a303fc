/*
 * Payment providers: what they are told, and what they say.
 *
 *     sale.h                 provider.c                      a channel
 *     ------                 ----------                      ---------
 *     intent   -> row -----> provider_tick: AUTHORISE -----> provider_simulator.h
 *     confirm  -> row (CAPTURE, if the provider wants it)    provider_http.h
 *     refund   -> row                      REFUND                  |
 *     settle  <------------- provider_told <----- outcomes --------'
 *
 * Everything a provider is told is a row of the log first (provider_command.c), in the transaction
 * of the change that causes it: a payment that is refunded and the command to refund it are one
 * record. provider_tick sends what is durable and due, a slice at a time, and again with growing
 * pauses until there is an answer; the answer and the end of the row are one transaction again.
 * Every repetition carries the same idempotency key, which is derived from the row, so whatever a
 * crash makes us repeat happens once at the provider.
 *
 * An intent's row lives until its payment is settled:
 *
 *     AUTHORISE --approved--> settled       --declined--> settled
 *         |  \--pending--> QUERY, with growing pauses --> as above
 *         |                  `- CANCEL once the reservation was cancelled, or nobody can wait
 *         |                     longer for the buyer (patience_ms): failed, or approved after all
 *         `--no clear answer--> QUERY --unknown--> AUTHORISE again
 *
 * What is not known is asked for, never guessed. After a start everything open is asked about
 * first. Only what the provider does not know grace_ms after the intent was made is failed;
 * AUTHORISE is not sent any more in the second half of that time, so that none is still under way.
 * An approval that comes after all is settled, and from there confirmed or refunded, as any.
 *
 * A REFUND waits for the CAPTURE before it. One that is refused refund_attempts times is given up:
 * logged, counted, and left for an operator with state FAILED. One that is not answered is
 * repeated without end.
 *
 * Memory: a hundred bytes for each open row. Engine thread.
 */
#ifndef TACOS_SALE_PROVIDER_H
#define TACOS_SALE_PROVIDER_H

#include "base/logger.h"
#include "ops/metrics.h"
#include "sale/sale.h"

enum provider_verb {
  PROVIDER_AUTHORISE, /* begin a payment of an intent */
  PROVIDER_QUERY,     /* what became of it? */
  PROVIDER_CANCEL,    /* end it, unless it is approved already */
  PROVIDER_CAPTURE,   /* take the money that was approved */
  PROVIDER_REFUND,    /* give money back */
  PROVIDER_VERBS,
};

/* "AUTHORISE", ... */
struct bytes provider_verb_name(enum provider_verb verb);

enum provider_outcome {
  PROVIDER_APPROVED, /* done: authorised, captured, refunded */
  PROVIDER_FAILED,   /* declined, cancelled, refused: no money moves, and none will */
  PROVIDER_PENDING,  /* taken on: how it ends is told or asked for later */
  PROVIDER_UNKNOWN,  /* of a QUERY or CANCEL: the provider has no such intent */
  PROVIDER_UNCLEAR,  /* no answer, or one that says nothing */
  PROVIDER_OUTCOMES,
};

enum {
  PROVIDER_PAYMENT_ID_BYTES = 128, /* of a provider's own ids */
  PROVIDER_KEY_BYTES = 64,         /* of an idempotency key */
};

struct provider_request {
  enum provider_verb verb;
  struct bytes command_id; /* to be told with the answer */
  struct bytes key;        /* idempotency key: the same for every repetition */
  struct bytes intent_id, reservation_id, currency, scenario;
  struct bytes payment_id; /* the provider's; empty while unknown, never with CAPTURE and REFUND */
  int64_t amount;          /* minor units */
};

struct provider_answer {
  enum provider_verb verb;
  enum provider_outcome outcome;
  struct bytes command_id; /* of the request; empty: nobody asked */
  struct bytes intent_id;
  struct bytes payment_id; /* the provider's, if it said it */
};

struct provider;
struct provider_channel;

struct provider_channel_operations {
  const char *name; /* for logs */
  /*
   * Takes a request: provider_told is called later, from tick or from the loop, never from within.
   * False when it cannot be taken now. What is lost on the way is repeated.
   */
  bool (*send)(struct provider_channel *channel, const struct provider_request *request,
               int64_t now_ms);
  /* A slice of its own work; true while there is more to do now. May be NULL. */
  bool (*tick)(struct provider_channel *channel, int64_t now_ms);
};

/* How a provider is reached: the first member of an implementation's struct. */
struct provider_channel {
  const struct provider_channel_operations *operations;
  struct provider *provider; /* whom to tell; set by provider_open */
};

/* Written by the engine thread (ops/metrics.h). */
struct provider_metrics {
  uint64_t sent, answered, unclear;
  uint64_t approved, failed, unknown; /* of payments */
  uint64_t captured, refunded, refused;
  uint64_t given_up;   /* commands for an operator to look at */
  uint64_t reconciled; /* open intents without a row, found at the start */
  uint64_t open;       /* rows in hand */
};

enum { PROVIDER_METRICS = 12 };

extern const struct metric_definition provider_metric_definitions[PROVIDER_METRICS];

/* 0 takes the default in brackets. */
struct provider_options {
  struct sale *sale;
  struct world *world;
  struct provider_channel *channel;
  struct logger *logger;    /* may be NULL */
  uint32_t in_flight;       /* requests at a time [64] */
  uint32_t refund_attempts; /* refusals after which a command is given up [8] */
  int64_t answer_ms;        /* without an answer for so long it is lost [30 s] */
  int64_t retry_ms;         /* pause before the first repetition; doubles [1 s] */
  int64_t retry_max_ms;     /* [5 min] */
  int64_t poll_ms;          /* before the first QUERY of what is pending; doubles as well [5 s] */
  int64_t grace_ms;         /* what the provider does not know then is failed [10 min] */
  int64_t patience_ms;      /* what is pending then is cancelled [15 min] */
};

/* NULL with *error. The channel, sale and world outlive it. */
struct provider *provider_open(const struct provider_options *options, struct error *error);

/* The channel tells nobody after this: it is closed before. NULL does nothing. */
void provider_close(struct provider *provider);

/*
 * Once per turn of the loop: reads new rows, sends what is due, in slices. now_ms is the engine's
 * wall clock; a clock that is set back moves what is planned along. True while there is more to do
 * now.
 */
bool provider_tick(struct provider *provider, int64_t now_ms);

/*
 * A channel's word: an answer, or how an intent ended without being asked. Answers that come late,
 * twice or in another order change nothing.
 */
void provider_told(struct provider *provider, const struct provider_answer *answer);

const struct provider_metrics *provider_get_metrics(const struct provider *provider);

#endif
