#include "load/shipped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* What is compiled in is what lies in examples/load, byte for byte. */
static void test_the_same_as_the_files(void **state)
{
  (void)state;
  for (uint32_t i = 0; i < SHIPPED_COUNT; i++) {
    struct shipped shipped = shipped_at(i), found;
    static char text[1 << 20];
    FILE *file = fopen(shipped.path, "re");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_true(bytes_equal(shipped.text, bytes_of(text, size)));
    assert_true(shipped.summary[0] != 0);
    assert_true(shipped_find(shipped.name, &found));
    assert_true(found.text.data == shipped.text.data);
  }
  struct shipped none;
  assert_false(shipped_find("none", &none));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_same_as_the_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
