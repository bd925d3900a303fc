/*
 * Any reply of a payment provider: the first byte chooses what was asked, the next two are the HTTP
 * status, the rest is the body. What is approved names a payment that fits into a URL's path; a
 * failing or unknown payment is never read from a reply that is no answer.
 */
#include "base/check.h"
#include "sale/provider_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  enum { HEAD_BYTES = 3 };
  struct memory memory = {0};
  struct arena arena;
  struct bytes payment_id;
  if (size < HEAD_BYTES) return 0;
  const struct provider_reply_asked asked = {
      .verb = (enum provider_verb)(data[0] % PROVIDER_VERBS),
      .intent_id = BYTES("pi_1"),
      .currency = BYTES("KRW"),
      .amount = 1000,
  };
  uint16_t status = bytes_get_u16(data + 1);
  bool moves_money = asked.verb == PROVIDER_CAPTURE || asked.verb == PROVIDER_REFUND;
  arena_init(&arena, &memory);
  enum provider_outcome outcome = provider_reply_read(
      &asked, status, bytes_of(data + HEAD_BYTES, size - HEAD_BYTES), &arena, &payment_id);
  CHECK(outcome < PROVIDER_OUTCOMES);
  bool answered = (status >= 200 && status < 300) || status == 409;
  if (outcome == PROVIDER_APPROVED || outcome == PROVIDER_PENDING) CHECK(answered);
  if (outcome == PROVIDER_FAILED && !moves_money) CHECK(answered || status == 402);
  if (outcome == PROVIDER_UNKNOWN) CHECK(status == 404 && !moves_money);
  if (outcome == PROVIDER_APPROVED && !moves_money) CHECK(payment_id.size > 0);
  if (outcome == PROVIDER_UNCLEAR || outcome == PROVIDER_UNKNOWN) CHECK(payment_id.size == 0);
  CHECK(payment_id.size <= PROVIDER_PAYMENT_ID_BYTES);
  for (size_t i = 0; i < payment_id.size; i++)
    CHECK(payment_id.data[i] > '+' && payment_id.data[i] != '/' && payment_id.data[i] < 0x7f);
  arena_free(&arena);
  CHECK_THAT(memory.in_use, ==, 0);
  return 0;
}
