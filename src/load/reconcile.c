#include "load/reconcile.h"

#include "base/check.h"
#include "load/field.h"
#include "load/run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PATH_BYTES = 200, COLUMNS = 9, SETTLE_STEP_MS = 250, MS_PER_S = 1000, NS_PER_MS = 1000000 };

enum column { ORDER_ID, RESERVATION_ID, USER_ID, STATUS, SEATS, AMOUNT, REFUNDED };

__attribute__((format(printf, 4, 5))) static void add(struct reconciliation *result,
                                                      const char *what, bool good,
                                                      const char *format, ...)
{
  CHECK_THAT(result->count, <, RECONCILE_CHECKS_MAX);
  struct reconcile_check *check = &result->checks[result->count++];
  check->what = what;
  check->good = good;
  result->good = result->good && good;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(check->detail, sizeof check->detail, format, arguments);
  va_end(arguments);
}

/* ---- the report ---- */

static bool number_at(struct bytes json, const char *path, struct arena *arena, int64_t *number)
{
  struct load_value value;
  char text[24];
  if (!field_find(json, bytes_of_text(path), arena, &value) || value.text.size >= sizeof text)
    return false;
  memcpy(text, value.text.data, value.text.size);
  text[value.text.size] = 0;
  char *end;
  *number = strtoll(text, &end, 10);
  return end != text && *end == 0;
}

static bool read_report(struct bytes report, struct arena *arena, struct reconciliation *result,
                        struct error *error)
{
  struct load_value currency;
  bool good = number_at(report, "total", arena, &result->total) &&
              number_at(report, "seats.sold", arena, &result->sold) &&
              number_at(report, "seats.reserved", arena, &result->held) &&
              number_at(report, "seats.available", arena, &result->available) &&
              number_at(report, "orders.paid", arena, &result->paid_orders) &&
              number_at(report, "orders.tickets", arena, &result->tickets) &&
              number_at(report, "revenue.amount", arena, &result->revenue);
  if (!good)
    return error_set(error, ERROR_CORRUPT,
                     "the server's report lacks a figure: does it have another version than this "
                     "program?");
  if (field_find(report, BYTES("revenue.currency"), arena, &currency))
    snprintf(result->currency, sizeof result->currency, "%.*s", BYTES_FORMAT(currency.text));
  return true;
}

static int64_t sum_sections(struct bytes report, struct arena *arena, const char *field)
{
  int64_t sum = 0;
  for (uint32_t i = 0;; i++) {
    char path[64];
    int64_t number;
    snprintf(path, sizeof path, "sections.%u.%s", i, field);
    if (!number_at(report, path, arena, &number)) return sum;
    sum += number;
  }
}

/* ---- the list of orders (RFC 4180) ---- */

/* The fields of the next line, without their quotes; false at the end. */
static bool take_line(struct bytes *csv, struct bytes fields[COLUMNS], uint32_t *count)
{
  const uint8_t *at = csv->data;
  const uint8_t *end = csv->data + csv->size;
  *count = 0;
  if (at == end) return false;
  for (;;) {
    bool quoted = at < end && *at == '"';
    if (quoted) at++;
    const uint8_t *begin = at;
    while (at < end && (quoted ? *at != '"' : *at != ',' && *at != '\r' && *at != '\n')) at++;
    if (*count < COLUMNS) fields[(*count)++] = bytes_of(begin, (size_t)(at - begin));
    if (quoted && at < end) at++;
    if (at < end && *at == ',') {
      at++;
      continue;
    }
    while (at < end && (*at == '\r' || *at == '\n')) at++;
    *csv = bytes_of(at, (size_t)(end - at));
    return true;
  }
}

static int compare(const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

/* Hashes of texts, of which equal ones are to be found. */
struct hashes {
  struct arena *arena;
  uint64_t *items;
  uint32_t count, capacity;
};

static bool hashes_add(struct hashes *hashes, struct bytes text)
{
  if (hashes->count == hashes->capacity) {
    uint32_t capacity = hashes->capacity == 0 ? 4096 : 2 * hashes->capacity;
    uint64_t *items = arena_alloc_array(hashes->arena, capacity, sizeof items[0]);
    if (items == NULL) return false;
    if (hashes->count > 0) memcpy(items, hashes->items, hashes->count * sizeof items[0]);
    hashes->items = items;
    hashes->capacity = capacity;
  }
  hashes->items[hashes->count++] = load_order_hash(text);
  return true;
}

static void hashes_sort(struct hashes *hashes)
{
  if (hashes->count > 0) qsort(hashes->items, hashes->count, sizeof hashes->items[0], compare);
}

/* The longest run of equal ones, and how many stand more than once; sorted. */
static uint32_t longest_run(const struct hashes *hashes, uint32_t *repeated)
{
  uint32_t longest = 0, length = 0;
  *repeated = 0;
  for (uint32_t i = 0; i < hashes->count; i++) {
    length = i > 0 && hashes->items[i] == hashes->items[i - 1] ? length + 1 : 1;
    if (length == 2) ++*repeated;
    if (length > longest) longest = length;
  }
  return longest;
}

struct orders {
  struct hashes seats, seat_buyers, paid;
  int64_t count, charged, refunded;
};

static int64_t amount_of(struct bytes text)
{
  int64_t amount = 0;
  for (size_t i = 0; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
    amount = amount * 10 + (text.data[i] - '0');
  return amount;
}

/* One paid order's seats: each counts once for itself and once for its buyer. */
static bool add_seats(struct orders *orders, struct bytes seats, struct bytes user)
{
  while (seats.size > 0) {
    const uint8_t *space = memchr(seats.data, ' ', seats.size);
    size_t size = space == NULL ? seats.size : (size_t)(space - seats.data);
    if (!hashes_add(&orders->seats, bytes_of(seats.data, size)) ||
        !hashes_add(&orders->seat_buyers, user))
      return false;
    size_t skip = space == NULL ? size : size + 1;
    seats = bytes_of(seats.data + skip, seats.size - skip);
  }
  return true;
}

static bool read_orders(struct bytes csv, struct orders *orders, struct error *error)
{
  struct bytes fields[COLUMNS];
  uint32_t count;
  if (!take_line(&csv, fields, &count) || count != COLUMNS ||
      !bytes_equal(fields[SEATS], BYTES("seats")))
    return error_set(error, ERROR_CORRUPT,
                     "the server's list of orders has other columns than this program knows");
  while (take_line(&csv, fields, &count)) {
    if (count != COLUMNS)
      return error_set(error, ERROR_CORRUPT, "a line of the server's list of orders is broken");
    orders->charged += amount_of(fields[AMOUNT]);
    orders->refunded += amount_of(fields[REFUNDED]);
    if (!bytes_equal(fields[STATUS], BYTES("PAID"))) continue;
    orders->count++;
    if (!hashes_add(&orders->paid, fields[ORDER_ID]) ||
        !add_seats(orders, fields[SEATS], fields[USER_ID]))
      return error_set(error, ERROR_NO_MEMORY, "no memory for the server's list of orders");
  }
  hashes_sort(&orders->seats);
  hashes_sort(&orders->seat_buyers);
  hashes_sort(&orders->paid);
  return true;
}

static uint32_t count_missing(const struct reconcile_ask *ask, const struct hashes *paid)
{
  uint32_t missing = 0;
  for (uint32_t i = 0; i < ask->told_count; i++)
    missing += paid->count == 0 || bsearch(&ask->told[i], paid->items, paid->count,
                                           sizeof paid->items[0], compare) == NULL;
  return missing;
}

bool reconcile_documents(const struct reconcile_ask *ask, struct bytes report, struct bytes csv,
                         struct arena *arena, struct reconciliation *result, struct error *error)
{
  struct orders orders = {
      .seats = {.arena = arena}, .seat_buyers = {.arena = arena}, .paid = {.arena = arena}};
  *result = (struct reconciliation){.good = true};
  if (!read_report(report, arena, result, error) || !read_orders(csv, &orders, error)) return false;
  add(result, "seats sold = tickets of paid orders", result->sold == result->tickets,
      "%" PRId64 " sold, %" PRId64 " tickets", result->sold, result->tickets);
  int64_t sections = sum_sections(report, arena, "sold");
  int64_t all = result->sold + result->held + result->available;
  add(result, "seats add up", sections == result->sold && all == result->total,
      "%" PRId64 " sold in sections, %" PRId64 " of %" PRId64 " in all", sections, all,
      result->total);
  add(result, "orders listed = orders counted",
      orders.count == result->paid_orders && orders.seats.count == result->tickets,
      "%" PRId64 " and %" PRId64 " orders, %u seats in them", orders.count, result->paid_orders,
      orders.seats.count);
  uint32_t twice;
  longest_run(&orders.seats, &twice);
  add(result, "nothing sold twice", twice == 0, "%u seats in more than one paid order", twice);
  uint32_t ignored;
  uint32_t most = longest_run(&orders.seat_buyers, &ignored);
  add(result, "nobody over the limit", ask->max_per_buyer == 0 || most <= ask->max_per_buyer,
      "the most of one buyer is %u, the limit %" PRId64, most, ask->max_per_buyer);
  add(result, "paid = revenue", orders.charged - orders.refunded == result->revenue,
      "%" PRId64 " in orders, %" PRId64 " reported", orders.charged - orders.refunded,
      result->revenue);
  uint32_t missing = count_missing(ask, &orders.paid);
  add(result, "every order that a buyer was told is there", missing == 0, "%u told, %u missing",
      ask->told_count, missing);
  return true;
}

/* ---- asking ---- */

static bool get(const struct reconcile_ask *ask, const char *accept, struct arena *arena,
                struct bytes *body, struct error *error)
{
  char path[PATH_BYTES];
  struct control_reply reply;
  snprintf(path, sizeof path, "/api/v1/admin/events/%.*s/report", BYTES_FORMAT(ask->event_id));
  if (!control_get(ask->target, path, accept, ask->token, arena, &reply, error)) return false;
  *body = reply.body;
  return reply.status == 200 ||
         error_set(error, ERROR_NOT_FOUND, "the server's report: GET %s answers %u: %.*s", path,
                   reply.status, (int)(reply.body.size < 200 ? reply.body.size : 200),
                   (const char *)reply.body.data);
}

static void rest(void)
{
  const struct timespec span = {.tv_nsec = (long)SETTLE_STEP_MS * NS_PER_MS};
  (void)nanosleep(&span, NULL);
}

bool reconcile(const struct reconcile_ask *ask, struct arena *arena, struct reconciliation *result,
               struct error *error)
{
  struct bytes report, orders;
  int64_t before = -1;
  /* A payment that was answered becomes an order a moment later: until nothing changes any more. */
  for (int64_t waited_ms = 0;; waited_ms += SETTLE_STEP_MS) {
    *result = (struct reconciliation){0};
    if (!get(ask, "application/json", arena, &report, error) ||
        !read_report(report, arena, result, error))
      return false;
    if (result->tickets == before || waited_ms >= ask->settle_ms) break;
    before = result->tickets;
    rest();
  }
  return get(ask, "text/csv", arena, &orders, error) &&
         reconcile_documents(ask, report, orders, arena, result, error);
}
