#include "provider/computed.h"
#include "provider/text.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_order(void **state)
{
  (void)state;
  for (size_t i = 1; i < COMPUTED_PATTERN_COUNT; i++) {
    const struct computed_pattern *before = &COMPUTED_PATTERNS[i - 1];
    const struct computed_pattern *here = &COMPUTED_PATTERNS[i];
    int order = strcmp(before->type, here->type);
    if (order > 0 || (order == 0 && strcmp(before->path, here->path) >= 0))
      fail_msg("%s %s stands behind %s %s", here->type, here->path, before->type, before->path);
  }
}

/* A pattern for an attribute that its type does not have is a mistake of the name. */
static void test_paths_exist(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  for (size_t i = 0; i < COMPUTED_PATTERN_COUNT; i++) {
    const struct computed_pattern *pattern = &COMPUTED_PATTERNS[i];
    struct error error;
    struct bytes type = bytes_of_text(pattern->type);
    struct bytes rest = bytes_of_text(pattern->path);
    struct bytes name = text_next_part(&rest, '.');
    bool is_known = false;
    bool is_there = false;
    for (int kind = SCHEMA_RESOURCE; kind <= SCHEMA_EPHEMERAL; kind++) {
      const struct type *block = schemas_find(&fixture.provider.schemas, (enum schema_kind)kind,
                                              type, &error);
      is_known = is_known || block != NULL;
      is_there = is_there || (block != NULL && schema_field(block, name) != NULL);
    }
    if (is_known && !is_there) fail_msg("%s has no %s", pattern->type, pattern->path);
  }
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_paths_exist),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
