/* Answers under idempotency keys: each way to be wrong is found. */
#include "unit/sale/audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct audit_mutation IDEMPOTENCY[] = {
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"requestId", "{'S':'x'}"}},
     "idempotency",
     "answer {answer_first}: requestId"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"requestHash", "{'S':'XYZ'}"}},
     "idempotency",
     "answer {answer_first}: requestId or requestHash"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"pk", "{'S':'IDEMPOTENCY#short'}"}, {"requestId", "{'S':'short'}"}},
     "idempotency",
     "answer short: requestId"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"status", "{'N':'99'}"}},
     "idempotency",
     "answer {answer_first}: its status"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"status", "{'S':'200'}"}},
     "idempotency",
     "answer {answer_first}: its status"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"responseData", "{'S':'{'}"}},
     "idempotency",
     "answer {answer_first}: its answer"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"responseData", NULL}},
     "idempotency",
     "answer {answer_first}: its answer"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"ttl", "{'N':'5'}"}},
     "idempotency",
     "answer {answer_first}: it is not kept"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"ttl", NULL}},
     "idempotency",
     "answer {answer_first}: it is not kept"},
    {"idempotency",
     "pk",
     "IDEMPOTENCY#{answer_first}",
     NULL,
     NULL,
     {{"createdAt", "{'S':'x'}"}},
     "idempotency",
     "answer {answer_first}: it is not kept"},
};

static void test_idempotency(void **state)
{
  MUTATE(*state, IDEMPOTENCY);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_AUDIT(test_idempotency),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
