#include "unit/sale/audit_fixture.h"

#include "sale/idempotency.h"
#include "sale/sale_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- names ---- */

static struct bytes keep(struct audit_fixture *fixture, struct bytes text)
{
  return arena_copy(&fixture->sale->store.arena, text);
}

static void name_it(struct audit_fixture *fixture, const char *prefix, const char *what,
                    struct bytes text)
{
  char name[64];
  int size = snprintf(name, sizeof name, "{%s_%s}", prefix, what);
  assert_true(fixture->name_count < sizeof fixture->names / sizeof fixture->names[0]);
  fixture->names[fixture->name_count++] = (struct audit_fixture_names){
      keep(fixture, bytes_of(name, (size_t)size)), keep(fixture, text)};
}

const char *audit_fixture_text(struct audit_fixture *fixture, const char *text)
{
  struct buffer buffer;
  buffer_init(&buffer, &fixture->sale->store.memory);
  while (*text != 0) {
    size_t i = 0;
    struct bytes rest = bytes_of_text(text);
    while (i < fixture->name_count && !bytes_starts_with(rest, fixture->names[i].name)) i++;
    if (i < fixture->name_count) {
      buffer_append(&buffer, fixture->names[i].text);
      text += fixture->names[i].name.size;
    } else {
      buffer_append_byte(&buffer, (uint8_t)*text);
      text++;
    }
  }
  buffer_append_byte(&buffer, 0);
  const char *copy = (const char *)keep(fixture, buffer_bytes(&buffer)).data;
  buffer_free(&buffer);
  return copy;
}

/* ---- the life ---- */

static struct bytes hold(struct audit_fixture *fixture, const char *what, const char *seats)
{
  struct bytes id = sale_fixture_hold(fixture->sale, what, seats);
  name_it(fixture, "rsv", what, id);
  return id;
}

static void pay(struct audit_fixture *fixture, const char *what, struct bytes reservation)
{
  struct bytes intent = sale_fixture_intend(fixture->sale, reservation);
  name_it(fixture, "pi", what, intent);
  sale_fixture_approve(fixture->sale, intent);
}

static void confirm(struct audit_fixture *fixture, const char *what, struct bytes reservation)
{
  struct sale_order order;
  bool refunded;
  assert_int_equal(sale_fixture_confirm(fixture->sale, reservation, &order, &refunded), SALE_OK);
  name_it(fixture, "ord", what, order.id);
}

static void buy(struct audit_fixture *fixture, const char *what, const char *seats)
{
  struct bytes reservation = hold(fixture, what, seats);
  pay(fixture, what, reservation);
  confirm(fixture, what, reservation);
}

static void refund(struct audit_fixture *fixture, const char *order, int64_t amount)
{
  struct sale_order done;
  struct plan *plan = sale_fixture_plan(fixture->sale);
  struct bytes id = bytes_of_text(audit_fixture_text(fixture, order));
  assert_int_equal(sale_refund(fixture->sale->sale, plan, id, amount, BYTES("rain"),
                               fixture->sale->now_ms, &done),
                   SALE_OK);
  sale_fixture_commit(fixture->sale);
}

static void expire(struct audit_fixture *fixture, struct bytes reservation)
{
  int64_t wait_ms;
  struct plan *plan = sale_fixture_plan(fixture->sale);
  assert_int_equal(
      sale_expire(fixture->sale->sale, plan, reservation, fixture->sale->now_ms, &wait_ms),
      SALE_OK);
  assert_int_equal(wait_ms, 0);
  sale_fixture_commit(fixture->sale);
}

static void fail_payment(struct audit_fixture *fixture, struct bytes reservation)
{
  struct sale_payment payment;
  struct bytes intent = sale_fixture_intend(fixture->sale, reservation);
  name_it(fixture, "pi", "failed", intent);
  struct plan *plan = sale_fixture_plan(fixture->sale);
  assert_int_equal(sale_payment_settle(fixture->sale->sale, plan, intent, false,
                                       (struct bytes){NULL, 0}, fixture->sale->now_ms, &payment),
                   SALE_OK);
  sale_fixture_commit(fixture->sale);
}

/* What lapses. */
static void live_late(struct audit_fixture *fixture)
{
  struct sale_order order;
  bool refunded;
  struct bytes expired = hold(fixture, "expired", "B-1-1");
  struct bytes late = hold(fixture, "late", "B-1-2");
  struct bytes lost = hold(fixture, "lost", "B-1-3");
  pay(fixture, "late", late);
  pay(fixture, "lost", lost);
  fixture->sale->now_ms += 61000 + SALE_EXTENSION_MS;
  expire(fixture, expired);
  buy(fixture, "taker", "B-1-3");
  confirm(fixture, "late", late);
  assert_int_equal(sale_fixture_confirm(fixture->sale, lost, &order, &refunded), SALE_EXPIRED);
  assert_true(refunded);
  hold(fixture, "lapsed", "A-2-1");
  fixture->sale->now_ms += 61000;
}

static void live(struct audit_fixture *fixture)
{
  struct sale_reservation reservation;
  struct bytes cancelled = hold(fixture, "cancelled", "A-1-6");
  struct plan *plan = sale_fixture_plan(fixture->sale);
  assert_int_equal(sale_cancel(fixture->sale->sale, plan, cancelled, (struct bytes){NULL, 0},
                               fixture->sale->now_ms, &reservation),
                   SALE_OK);
  sale_fixture_commit(fixture->sale);
  buy(fixture, "refunded", "A-1-4");
  refund(fixture, "{ord_refunded}", 0);
  buy(fixture, "partly", "A-1-5");
  refund(fixture, "{ord_partly}", 300);
  struct bytes paid = hold(fixture, "paid", "A-1-3 A-1-7");
  fail_payment(fixture, paid);
  pay(fixture, "paid", paid);
  confirm(fixture, "paid", paid);
  pay(fixture, "waiting", hold(fixture, "waiting", "A-2-2"));
  hold(fixture, "pending", "A-1-1 A-1-2");
}

static void answer(struct audit_fixture *fixture)
{
  struct idempotency idempotency;
  const struct idempotency_request request = {
      BYTES("anna"), BYTES("POST"), BYTES("/api/v1/reservations"),
      BYTES("01234567-89ab-cdef-0123-456789abcdef"), BYTES("{}")};
  idempotency_init(&idempotency, &request);
  struct plan *plan = sale_fixture_plan(fixture->sale);
  assert_true(idempotency_add(fixture->sale->sale, plan, &idempotency, 201,
                              BYTES("{\"status\":\"PENDING\"}"), fixture->sale->now_ms));
  sale_fixture_commit(fixture->sale);
  name_it(fixture, "answer", "first", bytes_of(idempotency.id, sizeof idempotency.id));
}

int audit_fixture_setup(void **state)
{
  void *sale;
  assert_int_equal(sale_fixture_setup(&sale), 0);
  struct audit_fixture *fixture = calloc(1, sizeof *fixture);
  assert_non_null(fixture);
  fixture->sale = sale;
  live_late(fixture);
  live(fixture);
  answer(fixture);
  sale_fixture_check(fixture->sale);
  sale_fixture_settle(fixture->sale);
  *state = fixture;
  return 0;
}

int audit_fixture_teardown(void **state)
{
  struct audit_fixture *fixture = *state;
  /* Not sale_fixture_teardown: what was broken on purpose is no healthy sale. */
  sale_close(fixture->sale->sale);
  arena_free(&fixture->sale->arena);
  store_fixture_close(&fixture->sale->store);
  free(fixture->sale);
  free(fixture);
  return 0;
}

/* ---- auditing ---- */

static void on_finding(void *context, enum audit_law law, const char *message)
{
  struct audit_fixture *fixture = context;
  assert_true(fixture->finding_count < AUDIT_FIXTURE_TOLD);
  snprintf(fixture->findings[fixture->finding_count++], sizeof fixture->findings[0], "%s: %s",
           audit_law_row(law)->name, message);
}

static void on_note(void *context, enum audit_law law, const char *message)
{
  struct audit_fixture *fixture = context;
  assert_true(fixture->note_count < AUDIT_FIXTURE_TOLD);
  snprintf(fixture->notes[fixture->note_count++], sizeof fixture->notes[0], "%s: %s",
           audit_law_row(law)->name, message);
}

void audit_fixture_run(struct audit_fixture *fixture)
{
  struct error error;
  const struct audit_options options = {
      .world = fixture->sale->store.world,
      .store = fixture->sale->store.store,
      .now_ms = fixture->sale->now_ms,
      .finding = on_finding,
      .note = on_note,
      .context = fixture,
  };
  fixture->finding_count = fixture->note_count = 0;
  size_t in_use = options.world->memory.in_use;
  if (!audit_run(&options, &fixture->result, &error)) fail_msg("%s", error.message);
  assert_int_equal(options.world->memory.in_use, in_use);
}

bool audit_fixture_found(struct audit_fixture *fixture, const char *law, const char *text)
{
  text = audit_fixture_text(fixture, text);
  size_t size = strlen(law);
  for (size_t i = 0; i < fixture->finding_count; i++) {
    const char *told = fixture->findings[i];
    if (strncmp(told, law, size) == 0 && told[size] == ':' && strstr(told, text) != NULL)
      return true;
  }
  return false;
}

static void print_findings(const struct audit_fixture *fixture)
{
  for (size_t i = 0; i < fixture->finding_count; i++) print_error("%s\n", fixture->findings[i]);
}

void audit_fixture_expect_healthy(struct audit_fixture *fixture)
{
  audit_fixture_run(fixture);
  print_findings(fixture);
  assert_int_equal(fixture->result.findings, 0);
  for (enum audit_law i = 0; i < AUDIT_LAWS; i++) assert_true(fixture->result.laws[i].looked);
}

/* ---- breaking ---- */

static struct table *table_of(struct audit_fixture *fixture, const char *name)
{
  static const char *const prefixes[] = {"ticket-reservation-", "ticket-"};
  char full[64];
  for (size_t i = 0; i < 2; i++) {
    snprintf(full, sizeof full, "%s%s", prefixes[i], name);
    struct table *table = store_table(fixture->sale->store.store, bytes_of_text(full));
    if (table != NULL) return table;
  }
  fail_msg("no table %s", name);
  return NULL;
}

static bool has(struct value item, const char *name, const char *text)
{
  if (name == NULL) return true;
  struct value value = value_attribute(item, bytes_of_text(name));
  int64_t integer;
  if (value_integer(value, &integer)) return integer == atoll(text);
  return bytes_equal(record_get_text(item, bytes_of_text(name)), bytes_of_text(text));
}

/* A copy of the first item that a mutation is about. */
static struct value find_item(struct audit_fixture *fixture, struct table *table,
                              const struct audit_mutation *mutation)
{
  struct store_page page;
  struct arena *arena = &fixture->sale->store.arena;
  struct store_query query = {.table = table, .start_key = VALUE_NONE};
  const char *is = audit_fixture_text(fixture, mutation->is);
  const char *is2 = mutation->is2 == NULL ? NULL : audit_fixture_text(fixture, mutation->is2);
  assert_int_equal(
      store_scan(fixture->sale->store.store, &query, arena, &page, &fixture->sale->error),
      STORE_OK);
  assert_false(value_present(page.last_key));
  for (uint32_t i = 0; i < page.count; i++) {
    struct value item = page.items[i];
    if (!has(item, mutation->where, is) || !has(item, mutation->where2, is2)) continue;
    struct bytes copy = arena_copy(arena, bytes_of(item.data, item.size));
    return (struct value){copy.data, copy.size};
  }
  fail_msg("no item in %s where %s is %s", mutation->table, mutation->where, is);
  return VALUE_NONE;
}

static struct value changed(struct audit_fixture *fixture, struct value item,
                            const struct audit_mutation *mutation)
{
  struct arena *arena = &fixture->sale->store.arena;
  struct record_writer writer;
  record_writer_init(&writer, &fixture->sale->store.memory);
  record_begin(&writer);
  struct value_iterator iterator = value_iterate(item);
  struct bytes name;
  struct value value;
  while (value_next(&iterator, &name, &value)) {
    bool replaced = false;
    for (size_t i = 0; i < AUDIT_FIXTURE_CHANGES && mutation->set[i].name != NULL; i++)
      if (bytes_equal(name, bytes_of_text(mutation->set[i].name))) replaced = true;
    if (replaced) continue;
    value_write_name(&writer.writer, name);
    value_write_value(&writer.writer, value);
  }
  for (size_t i = 0; i < AUDIT_FIXTURE_CHANGES && mutation->set[i].name != NULL; i++) {
    if (mutation->set[i].json == NULL) continue;
    struct bytes copy = bytes_of_text(audit_fixture_text(fixture, mutation->set[i].json));
    copy = keep(fixture, copy);
    char *json = (char *)(uintptr_t)copy.data;
    for (size_t j = 0; j < copy.size; j++)
      if (json[j] == '\'') json[j] = '"';
    if (!value_from_json(arena, copy, &value, &fixture->sale->error))
      fail_msg("%.*s: %s", BYTES_FORMAT(copy), fixture->sale->error.message);
    value_write_name(&writer.writer, bytes_of_text(mutation->set[i].name));
    value_write_value(&writer.writer, value);
  }
  struct value made = record_end(&writer, arena);
  record_writer_free(&writer);
  assert_true(value_present(made));
  return made;
}

static void write(struct audit_fixture *fixture, struct table *table, struct value item,
                  enum store_action_kind kind)
{
  struct store_write_result result;
  struct table_description description;
  struct arena *arena = &fixture->sale->store.arena;
  if (kind == ACTION_DELETE) {
    struct record_writer writer;
    store_table_describe(table, &description);
    const struct table_key keys[] = {description.definition.partition, description.definition.sort};
    record_writer_init(&writer, &fixture->sale->store.memory);
    record_begin(&writer);
    for (size_t i = 0; i < 2; i++)
      if (keys[i].name.size > 0)
        record_text(&writer, keys[i].name, record_get_text(item, keys[i].name));
    item = record_end(&writer, arena);
    record_writer_free(&writer);
  }
  const struct store_action action = {.kind = kind, .table = table, .item = item};
  enum store_status status = store_write(fixture->sale->store.store, &action, RETURN_NONE, arena,
                                         &result, &fixture->sale->error);
  if (status != STORE_OK) fail_msg("%s", fixture->sale->error.message);
}

static bool is_copy(const struct audit_mutation *mutation)
{
  for (size_t i = 0; i < AUDIT_FIXTURE_CHANGES && mutation->set[i].name != NULL; i++)
    if (strcmp(mutation->set[i].name, "pk") == 0 || strcmp(mutation->set[i].name, "sk") == 0)
      return true;
  return false;
}

/* *before is what was there; returns what is there now. */
static struct value apply(struct audit_fixture *fixture, const struct audit_mutation *mutation,
                          struct value *before)
{
  struct table *table = table_of(fixture, mutation->table);
  *before = find_item(fixture, table, mutation);
  if (mutation->set[0].name == NULL) {
    write(fixture, table, *before, ACTION_DELETE);
    return VALUE_NONE;
  }
  struct value after = changed(fixture, *before, mutation);
  write(fixture, table, after, ACTION_PUT);
  return after;
}

void audit_fixture_apply(struct audit_fixture *fixture, const struct audit_mutation *mutation)
{
  struct value before;
  apply(fixture, mutation, &before);
}

void audit_fixture_mutate(struct audit_fixture *fixture, const struct audit_mutation *mutations,
                          size_t count)
{
  audit_fixture_expect_healthy(fixture);
  for (size_t i = 0; i < count; i++) {
    const struct audit_mutation *mutation = &mutations[i];
    struct table *table = table_of(fixture, mutation->table);
    struct value before;
    struct value after = apply(fixture, mutation, &before);
    audit_fixture_run(fixture);
    if (!audit_fixture_found(fixture, mutation->law, mutation->text)) {
      print_findings(fixture);
      fail_msg("mutation %zu: no finding of %s that says '%s'", i, mutation->law,
               audit_fixture_text(fixture, mutation->text));
    }
    if (is_copy(mutation)) write(fixture, table, after, ACTION_DELETE);
    write(fixture, table, before, ACTION_PUT);
  }
  audit_fixture_expect_healthy(fixture);
}
