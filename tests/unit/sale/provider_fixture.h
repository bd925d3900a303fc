/*
 * For tests of payment providers: a sale whose payments go through a channel, the worker that
 * confirms what was approved, and the books of both sides.
 *
 * The sale fixture is the test's; the provider is opened over it, and again after a crash.
 */
#ifndef TACOS_TESTS_UNIT_SALE_PROVIDER_FIXTURE_H
#define TACOS_TESTS_UNIT_SALE_PROVIDER_FIXTURE_H

#include "sale/provider.h"
#include "unit/sale/sale_fixture.h"

struct provider_fixture {
  struct sale_fixture *sale;
  struct provider *provider;
  struct provider_channel *channel;
  struct provider_options options; /* sale, world and channel are filled in */
  bool captures;
};

void provider_fixture_open(struct provider_fixture *fixture);
void provider_fixture_close(struct provider_fixture *fixture);

/* What was not durable is gone; the channel lives on, as a provider does. */
void provider_fixture_crash(struct provider_fixture *fixture);

/* An intent of a reservation with a scenario; its id lives as long as the sale fixture. */
struct bytes provider_fixture_intend(struct provider_fixture *fixture, struct bytes reservation,
                                     const char *scenario);

/* A payment as it is now; in the sale fixture's arena of plans. */
struct sale_payment provider_fixture_payment(struct provider_fixture *fixture, struct bytes intent);

/* The worker: confirms each approved payment that bought nothing yet. */
void provider_fixture_work(struct provider_fixture *fixture);

/* One turn: a tick, everything durable, the worker, everything durable; then time passes. */
void provider_fixture_turn(struct provider_fixture *fixture, int64_t pass_ms);

/* Turns of pass_ms until so much time has passed. */
void provider_fixture_run(struct provider_fixture *fixture, int64_t time_ms, int64_t pass_ms);

/* Rows of a partition: "PENDING", "DONE", "FAILED". */
uint32_t provider_fixture_rows(struct provider_fixture *fixture, const char *partition);

/* What the provider's books have of an intent. */
struct provider_fixture_account {
  bool approved;
  int64_t refunded;
  uint32_t refunds;
};

/*
 * Money is conserved: approved by the provider means one paid order and no refund, or one refund of
 * everything, and a payment that is not approved bought nothing.
 */
void provider_fixture_check(struct provider_fixture *fixture, struct bytes intent,
                            const struct provider_fixture_account *account);

#endif
