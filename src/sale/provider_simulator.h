/*
 * A payment provider that is none: it approves, fails, delays and tosses coins as the intents'
 * scenarios say, on the time that it is given. For development, for the simulator of on-sales and
 * for tests, which can have it be late, tell things twice, in another order, or not at all.
 *
 *     scenario    attended (the default)              unattended
 *     approve     approved when somebody decides      approved after answer_ms
 *     fail        failed when somebody decides        failed after answer_ms
 *     random      a coin when somebody decides        a coin after answer_ms
 *     delay       approved after delay_ms             approved after delay_ms
 *     (none)      approved when somebody decides      approved when somebody decides
 *
 * Deciding is provider_simulator_decide: the payment page of a real provider. It counts money, so
 * that a test can compare its books with ours.
 *
 * Memory: on the world's, bounded by intents_max. What it forgets (the oldest, and everything with
 * the process) it answers as a provider that never heard of an intent, except that captures and
 * refunds of such are done. Engine thread.
 */
#ifndef TACOS_SALE_PROVIDER_SIMULATOR_H
#define TACOS_SALE_PROVIDER_SIMULATOR_H

#include "sale/provider.h"

struct provider_simulator_settings {
  bool unattended;
  uint32_t intents_max;   /* 0: 131,072 */
  uint32_t answer_ms;     /* of every answer */
  uint32_t delay_ms;      /* 0: 2,000 */
  uint32_t jitter_ms;     /* by chance up to this is added to every answer: they change places */
  uint8_t lose_percent;   /* of answers that are never told; what they tell is done */
  uint8_t twice_percent;  /* of answers that are told twice */
  uint8_t refuse_percent; /* of captures and refunds that are refused */
};

struct provider_simulator;

/* NULL with *error. Chance is seeded by the world's entropy. */
struct provider_simulator *provider_simulator_open(
    struct world *world, const struct provider_simulator_settings *settings, struct error *error);
/* After provider_close. NULL does nothing. */
void provider_simulator_close(struct provider_simulator *simulator);

/* For provider_open. */
struct provider_channel *provider_simulator_channel(struct provider_simulator *simulator);

/* Changes them, from now on. */
void provider_simulator_set(struct provider_simulator *simulator,
                            const struct provider_simulator_settings *settings);

/*
 * Ends an open intent as asked: approve, fail or random (a scenario's word; anything else
 * approves). The outcome is PROVIDER_APPROVED or PROVIDER_FAILED, that of before when it had ended;
 * PROVIDER_UNCLEAR: no memory, nothing happened. *payment_id is in the arena. The caller settles;
 * the simulator tells it only who asks. An intent that has not arrived yet is taken as the provider
 * would.
 */
enum provider_outcome provider_simulator_decide(struct provider_simulator *simulator,
                                                struct arena *arena,
                                                const struct sale_payment *payment,
                                                struct bytes word, struct bytes *payment_id);

/* The books on one intent. */
struct provider_simulator_account {
  enum provider_outcome outcome; /* APPROVED, FAILED or PENDING */
  bool captured;
  int64_t amount;
  int64_t refunded;
  uint32_t refunds;
};

bool provider_simulator_account(const struct provider_simulator *simulator, struct bytes intent_id,
                                struct provider_simulator_account *account);

#endif
