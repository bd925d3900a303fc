/*
 * "Full jitter" of the AWS architecture blog ("Exponential Backoff And Jitter", M. Brooker, 2015):
 *
 *     sleep = random between 0 and min(cap, base * 2^attempt)      attempt counts from 0
 *
 * so that those who failed together do not come back together.
 */
#include "net/client_parts.h"

#include "base/check.h"

bool client_retry_is_worth(enum client_outcome outcome, uint16_t status, bool began)
{
  switch (outcome) {
  case CLIENT_CONNECT:
    return true;
  case CLIENT_TIMEOUT:
    return !began;
  case CLIENT_OK:
    return status == 429 || status == 502 || status == 503 || status == 504;
  default:
    return false;
  }
}

uint32_t client_retry_backoff_ms(struct world *world, uint32_t base_ms, uint32_t max_ms,
                                 uint32_t attempts)
{
  CHECK_THAT(attempts, >, 0);
  uint32_t doublings = attempts - 1 < 31 ? attempts - 1 : 31;
  uint64_t limit_ms = (uint64_t)base_ms << doublings;
  if (limit_ms > max_ms) limit_ms = max_ms;
  uint32_t random;
  world_entropy(world, &random, sizeof(random));
  /* The high half of a product is spread as evenly as the random number, without a division. */
  return (uint32_t)((random * (limit_ms + 1)) >> 32);
}

uint32_t client_retry_after_ms(struct bytes value)
{
  uint64_t seconds = 0;
  for (size_t i = 0; i < value.size; i++) {
    if (value.data[i] < '0' || value.data[i] > '9') return 0;
    seconds = seconds * 10 + (uint64_t)(value.data[i] - '0');
    if (seconds > CLIENT_RETRY_AFTER_MS_MAX) seconds = CLIENT_RETRY_AFTER_MS_MAX;
  }
  uint64_t wanted_ms = seconds * 1000;
  return wanted_ms < CLIENT_RETRY_AFTER_MS_MAX ? (uint32_t)wanted_ms : CLIENT_RETRY_AFTER_MS_MAX;
}
