#include "load/on_sale.h"

#include "unit/load/stub_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static bool answer(void *context, struct bytes request, struct buffer *reply)
{
  (void)context;
  if (bytes_find(request, BYTES("GET /api/v1/events?")) == 0)
    return stub_reply(reply, 200,
                      "{\"events\":[{\"event_id\":\"e1\",\"status\":\"CLOSED\"},"
                      "{\"event_id\":\"e2\",\"name\":\"Two\",\"status\":\"ON_SALE\","
                      "\"max_per_buyer\":4},{\"event_id\":\"e3\",\"status\":\"ON_SALE\"}]}");
  if (bytes_find(request, BYTES("GET /api/v1/events/e2/seats ")) == 0)
    return stub_reply(reply, 200,
                      "{\"sections\":[{\"id\":\"A\",\"rows\":[{\"row\":\"1\",\"first\":5,"
                      "\"count\":2,\"states\":\"aa\"},{\"row\":\"2\",\"numbers\":[\"7\",\"7A\"],"
                      "\"states\":\"ar\"}]},{\"id\":\"ST\",\"total\":10,\"remain\":3}]}");
  if (bytes_find(request, BYTES("GET /api/v1/events/e3 ")) == 0)
    return stub_reply(reply, 200, "{\"event_id\":\"e3\",\"max_per_buyer\":2}");
  return stub_reply(reply, 404, "{\"error\":{\"code\":\"EVENT_NOT_FOUND\"}}");
}

static void test_find(void **state)
{
  (void)state;
  const struct stub_options options = {.answer = answer};
  struct stub *stub = stub_start(&options);
  const struct target target = {.address = {"127.0.0.1", stub_port(stub)}, .host = "x:1"};
  struct memory memory = {0};
  struct arena arena;
  struct on_sale on_sale;
  struct error error;
  arena_init(&arena, &memory);
  assert_true(on_sale_find(&target, NULL, &arena, &on_sale, &error));
  assert_true(bytes_equal(on_sale.event_id, BYTES("e2")));
  assert_int_equal(on_sale.max_per_buyer, 4);
  assert_string_equal(on_sale.probe, "/api/v1/events/e2/availability");
  assert_true(on_sale_seats(&target, &arena, &on_sale, &error));
  static const char *const ids[] = {"A-1-5", "A-1-6", "A-2-7", "A-2-7A"};
  assert_int_equal(on_sale.seats.count, 4);
  assert_int_equal(on_sale.seats.row_count, 2);
  for (int i = 0; i < 4; i++) assert_true(bytes_equal(on_sale.seats.ids[i], bytes_of_text(ids[i])));
  assert_int_equal(on_sale.seats.rows[1].first, 2);
  assert_true(on_sale_find(&target, "e3", &arena, &on_sale, &error));
  assert_int_equal(on_sale.max_per_buyer, 2);
  assert_false(on_sale_find(&target, "e9", &arena, &on_sale, &error));
  assert_string_equal(error.message, "GET http://x:1/api/v1/events/e9 answers 404: "
                                     "{\"error\":{\"code\":\"EVENT_NOT_FOUND\"}}");
  arena_free(&arena);
  assert_int_equal(memory.in_use, 0);
  stub_stop(stub);
}

static void test_seat_maps_that_are_none(void **state)
{
  (void)state;
  static const char *const texts[] = {"",
                                      "[]",
                                      "{\"sections\":5}",
                                      "{\"sections\":[{\"rows\":[{\"count\":-1}]}]}",
                                      "{\"sections\":[{\"rows\":[{\"count\":999999999}]}]}",
                                      "{\"sections\":[{}]"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct memory memory = {0};
    struct arena arena;
    struct seat_list list;
    struct error error = {0};
    arena_init(&arena, &memory);
    assert_false(on_sale_read_seats(bytes_of_text(texts[i]), &arena, &list, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    arena_free(&arena);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_find),
      cmocka_unit_test(test_seat_maps_that_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
