#include "provider/schema.h"
#include "unit/provider/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Every line that is linked in can be read. */
static void test_all_lines(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  struct schemas *schemas = &fixture.provider.schemas;
  assert_in_range(schemas->count, 200, 2000);
  assert_true(bytes_starts_with(schemas->version, BYTES("6.")));
  for (size_t i = 0; i < schemas->count; i++) {
    struct error error = {0};
    if (schemas_find(schemas, schemas->all[i].kind, schemas->all[i].name, &error) == NULL)
      fail_msg("%s", error.message);
  }
  fixture_close(&fixture);
}

/* A name twice would be a second schema that nobody finds. */
static void test_names_are_unique(void **state)
{
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture);
  const struct schema *all = fixture.provider.schemas.all;
  for (size_t i = 1; i < fixture.provider.schemas.count; i++)
    assert_false(all[i].kind == all[i - 1].kind && bytes_equal(all[i].name, all[i - 1].name));
  fixture_close(&fixture);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_lines),
      cmocka_unit_test(test_names_are_unique),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
