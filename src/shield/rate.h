/*
 * Rate limits: how often somebody may do something.
 *
 * Each kind of limit is a row of data: `requests` in `seconds`, of which `burst` may come at once.
 * Counted is with the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): one number
 * for each key, the time TAT at which all it took is paid back. With T = seconds / requests
 *
 *     request at `now`:  new = max(TAT, now) + T
 *     allowed if new - now <= burst * T, and then TAT = new
 *     remaining = burst - (new - now) / T           what may come at once after this one
 *     full again at TAT; the next one is allowed at TAT + T - burst * T
 *
 * A refused request costs nothing: who keeps asking is let in as soon as who waits.
 *
 * Memory is fixed, 16 bytes a key: a table for each kind, of buckets of 8 entries.
 *
 *     key --keyed hash--> bucket: | tag, TAT | tag, TAT | ... 8
 *
 * A new key takes the entry whose TAT is the oldest: one that is paid back and thus says nothing,
 * where there is one. So a flood of addresses makes neither the table larger nor the limits of who
 * used up much go away: it drives out its own kind, those who came once. Where an attacker would
 * aim is hidden by the hash's secret seed. That one of two keys with the same 64-bit hash is
 * counted for the other is accepted.
 *
 * Engine thread; memory of the struct memory given.
 */
#ifndef TACOS_SHIELD_RATE_H
#define TACOS_SHIELD_RATE_H

#include "base/world.h"

enum rate_kind {
  RATE_API_ADDRESS,      /* any request under /api */
  RATE_API_USER,         /* the same with a token */
  RATE_LOGIN_USER,       /* user name and address: guessing one password */
  RATE_LOGIN_ADDRESS,    /* guessing many */
  RATE_REGISTER_ADDRESS, /* each costs a password hash */
  RATE_JOIN_ADDRESS,     /* each takes a place in the line */
  RATE_KINDS,
};

enum {
  RATE_REQUESTS_MAX = 1000000, /* T is then one microsecond, when in one second */
  RATE_SECONDS_MAX = 86400,
  RATE_BURST_MAX = 1000000,
};

struct rate_row {
  const char *name;
  uint32_t requests; /* 0: there is no such limit */
  uint32_t seconds;
  uint32_t burst;
  uint32_t keys; /* that the table has room for, a power of two, at least RATE_KEYS_MIN */
};

enum { RATE_KEYS_MIN = 8 };

/* The rows in force unless an operator has others. */
extern const struct rate_row rate_rows_default[RATE_KINDS];

struct rate_limits;

/* NULL when there is no memory. The rows are copied; their numbers are CHECKed. */
struct rate_limits *rate_limits_new(struct world *world, const struct rate_row rows[RATE_KINDS]);
void rate_limits_free(struct rate_limits *limits);

const struct rate_row *rate_row(const struct rate_limits *limits, enum rate_kind kind);

struct rate_decision {
  bool allowed;
  bool limited;           /* false: there is no such limit, and the numbers below are 0 */
  uint32_t limit;         /* that may come at once, at most */
  uint32_t remaining;     /* that may come at once now */
  uint32_t reset_s;       /* until as many as the limit may come at once, rounded up */
  uint32_t retry_after_s; /* until the next one is allowed, rounded up; 0 when this one was */
};

/*
 * Takes one. now_ms is of a clock that never goes back. Returns decision->allowed.
 */
bool rate_take(struct rate_limits *limits, enum rate_kind kind, struct bytes key, int64_t now_ms,
               struct rate_decision *decision);

#endif
