#include "api/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct route_index *index_of(enum api_endpoint endpoint, struct memory *memory)
{
  struct error error;
  struct route_index *index = route_index_new(api_routes[endpoint].routes,
                                              api_routes[endpoint].count, memory, &error);
  if (index == NULL) fail_msg("%s: %s", api_routes[endpoint].endpoint, error.message);
  return index;
}

static const struct route *find(const struct route_index *index, enum http_method method,
                                const char *path)
{
  struct route_match match;
  route_match(index, method, bytes_of_text(path), &match);
  return match.route;
}

static void test_tables_are_valid(void **state)
{
  (void)state;
  for (enum api_endpoint i = 0; i < API_ENDPOINTS; i++) {
    struct memory memory = {0};
    assert_non_null(api_routes[i].endpoint);
    route_index_free(index_of(i, &memory));
    assert_int_equal(memory.in_use, 0);
    for (size_t j = 0; j < api_routes[i].count; j++) {
      const struct route *route = &api_routes[i].routes[j];
      assert_non_null(route->handler);
      assert_int_not_equal(route->methods, 0);
      /* What changes nothing needs no key and takes no body. */
      if (route->methods == HTTP_BIT(HTTP_GET)) {
        assert_int_equal(route->key, KEY_NONE);
        assert_int_equal(route->body_bytes, 0);
      }
    }
  }
}

/* Metrics are for operators: not where clients connect. */
static void test_what_is_where(void **state)
{
  (void)state;
  static const char *const everywhere[] = {"/healthz", "/readyz", "/version"};
  for (enum api_endpoint i = 0; i < API_ENDPOINTS; i++) {
    struct memory memory = {0};
    struct route_index *index = index_of(i, &memory);
    for (size_t j = 0; j < sizeof everywhere / sizeof everywhere[0]; j++) {
      assert_non_null(find(index, HTTP_GET, everywhere[j]));
      assert_non_null(find(index, HTTP_HEAD, everywhere[j]));
      assert_null(find(index, HTTP_POST, everywhere[j]));
    }
    assert_int_equal(find(index, HTTP_GET, "/metrics") != NULL, i == API_OPERATIONS);
    route_index_free(index);
  }
  assert_string_equal(api_routes[API_HTTP].endpoint, "http");
  assert_string_equal(api_routes[API_OPERATIONS].endpoint, "operations");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tables_are_valid),
      cmocka_unit_test(test_what_is_where),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
