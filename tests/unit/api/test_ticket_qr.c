#include "sale/qr.h"
#include "sale/sale_parts.h"

#include "unit/api/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { TEST_PATH_BYTES = 256 };

static void write_path(char path[TEST_PATH_BYTES], const char *order, const char *ticket)
{
  snprintf(path, TEST_PATH_BYTES, "/api/v1/orders/%s/tickets/%s/qr", order, ticket);
}

/* An order of alice for A-1-1 and A-1-2, shown last. */
static const char *buy_two(struct api_fixture *fixture)
{
  api_fixture_as(fixture, "alice", ROLE_USER);
  const char *id = api_fixture_reserve(fixture, "'A-1-1','A-1-2'");
  api_fixture_pay(fixture, id, 2000);
  return api_fixture_confirm(fixture, id);
}

/* The last reply is the image of this code. */
static void expect_image(struct api_fixture *fixture, const char *code)
{
  struct qr qr;
  struct error error;
  struct memory memory = {0};
  struct buffer svg;
  buffer_init(&svg, &memory);
  assert_true(qr_encode(bytes_of_text(code), QR_LEVEL_M, &qr, &error));
  assert_true(qr_write_svg(&qr, &svg));
  assert_true(bytes_equal(fixture->reply.body, buffer_bytes(&svg)));
  buffer_free(&svg);
  api_fixture_expect_header(fixture, "content-type", "image/svg+xml");
  api_fixture_expect_header(fixture, "cache-control", "no-store");
}

static void test_images(void **state)
{
  struct api_fixture *fixture = *state;
  char path[TEST_PATH_BYTES];
  const char *order = buy_two(fixture);
  const char *code = api_fixture_text(fixture, "qr");
  assert_string_equal(api_fixture_text(fixture, "ticket_id"), "evt:A-1-1");
  write_path(path, order, "evt:A-1-1");
  api_fixture_get(fixture, 200, path);
  expect_image(fixture, code);
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  api_fixture_get(fixture, 200, path);
  expect_image(fixture, code);
  api_fixture_as(fixture, "alice", ROLE_USER);
  write_path(path, order, "evt:A-1-2");
  api_fixture_get(fixture, 200, path);
  struct bytes image = arena_copy(&fixture->sale->store.arena, fixture->reply.body);
  write_path(path, order, "evt:A-1-1");
  api_fixture_get(fixture, 200, path);
  assert_false(bytes_equal(image, fixture->reply.body));
}

static void test_not_found(void **state)
{
  struct api_fixture *fixture = *state;
  char path[TEST_PATH_BYTES];
  const char *order = buy_two(fixture);
  static const char *const others[] = {"evt:A-1-3", "evt:A-1-1x", "evt:A-1-", "A-1-1", "none"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    write_path(path, order, others[i]);
    api_fixture_refused(fixture, 404, "TICKET_NOT_FOUND", "GET", path, NULL);
    assert_true(api_fixture_has(fixture, "the order has no such ticket"));
  }
  write_path(path, "ord_none", "evt:A-1-1");
  api_fixture_refused(fixture, 404, "ORDER_NOT_FOUND", "GET", path, NULL);
  /* Nobody learns of others' orders, whichever ticket they ask for. */
  api_fixture_as(fixture, "bob", ROLE_USER);
  write_path(path, order, "evt:A-1-1");
  api_fixture_refused(fixture, 404, "ORDER_NOT_FOUND", "GET", path, NULL);
  write_path(path, order, "none");
  api_fixture_refused(fixture, 404, "ORDER_NOT_FOUND", "GET", path, NULL);
  api_fixture_as(fixture, NULL, ROLE_USER);
  api_fixture_refused(fixture, 401, "UNAUTHORIZED", "GET", path, NULL);
}

static void test_refunded(void **state)
{
  struct api_fixture *fixture = *state;
  char path[TEST_PATH_BYTES];
  char refund[TEST_PATH_BYTES];
  const char *order = buy_two(fixture);
  write_path(path, order, "evt:A-1-1");
  snprintf(refund, sizeof refund, "/api/v1/admin/orders/%s/refund", order);
  api_fixture_as(fixture, "boss", ROLE_ADMIN);
  /* A part of the money: the seats stay theirs. */
  api_fixture_post(fixture, 200, refund, "{'reason':'rain','amount':400}");
  api_fixture_get(fixture, 200, path);
  api_fixture_post(fixture, 200, refund, "{'reason':'rain'}");
  api_fixture_refused(fixture, 409, "TICKET_REFUNDED", "GET", path, NULL);
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_refused(fixture, 409, "TICKET_REFUNDED", "GET", path, NULL);
  write_path(path, order, "evt:A-1-3");
  api_fixture_refused(fixture, 404, "TICKET_NOT_FOUND", "GET", path, NULL);
}

/* An order without issues has no codes. */
static void test_before_codes(void **state)
{
  struct api_fixture *fixture = *state;
  struct store_fixture *store = &fixture->sale->store;
  struct table *orders = fixture->sale->sale->orders;
  store_fixture_put(store, orders,
                    "{'pk':{'S':'ORDER#old'},'sk':{'S':'METADATA'},'orderId':{'S':'old'},"
                    "'eventId':{'S':'evt'},'userId':{'S':'alice'},'status':{'S':'PAID'},"
                    "'seatIds':{'L':[{'S':'A-1-1'}]}}");
  api_fixture_as(fixture, "alice", ROLE_USER);
  api_fixture_refused(fixture, 404, "TICKET_NOT_FOUND", "GET",
                      "/api/v1/orders/old/tickets/evt:A-1-1/qr", NULL);
  assert_true(api_fixture_has(fixture, "from before tickets had codes"));
  store_fixture_delete(store, orders, "{'pk':{'S':'ORDER#old'},'sk':{'S':'METADATA'}}");
}

/* Whatever allocation fails: the image, or a refusal to try again. */
static void test_no_memory(void **state)
{
  struct api_fixture *fixture = *state;
  char path[TEST_PATH_BYTES];
  int refused = 0;
  const char *order = buy_two(fixture);
  const char *code = api_fixture_text(fixture, "qr");
  write_path(path, order, "evt:A-1-1");
  for (uint64_t n = 1; n <= 16; n++) {
    fixture->exchange_fail_at = n;
    api_fixture_send(fixture, &fixture->client, "GET", path, NULL);
    api_fixture_run(fixture, 20);
    fixture->exchange_fail_at = 0;
    assert_true(api_fixture_receive(fixture, &fixture->client));
    if (fixture->reply.status == 503)
      refused++;
    else
      expect_image(fixture, code);
    api_fixture_get(fixture, 200, path);
    expect_image(fixture, code);
  }
  assert_true(refused > 1);
  assert_true(refused < 16);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_API(test_images),       WITH_API(test_not_found), WITH_API(test_refunded),
      WITH_API(test_before_codes), WITH_API(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
