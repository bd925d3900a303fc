/*
 * Makes a data directory in which tickets were sold, so that the tests beside this file can check
 * it, also after they broke something.
 *
 *     sale_writer fill DIR EVENTS SEATS    events e1, e2, ... with so many seats each, of two in
 *                                          three of which something happened: sold, refunded, held
 *     sale_writer break DIR TABLE KEY NAME VALUE
 *                                          sets an attribute of the item with this partition key
 *                                          (and sort key METADATA) to a string
 */
#include "base/world_linux.h"
#include "sale/platform_tables.h"
#include "sale/sale.h"
#include "sale/seat_import.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOLD = 2, TURN = 64 };

struct writer {
  struct store *store;
  struct sale *sale;
  struct arena arena;
  struct plan plan;
  struct error error;
  int64_t now_ms;
  uint64_t done;
};

_Noreturn static void die(const char *what, const struct error *error)
{
  fprintf(stderr, "sale_writer: %s: %s\n", what, error->message);
  exit(1);
}

static struct plan *begin(struct writer *writer)
{
  arena_reset(&writer->arena);
  plan_init(&writer->plan, writer->store, &writer->arena);
  return &writer->plan;
}

static void commit(struct writer *writer)
{
  struct store_transact_result result;
  if (plan_commit(&writer->plan, &result, &writer->error) != STORE_OK)
    die("commit", &writer->error);
  if (++writer->done % TURN != 0) return;
  if (!store_sync(writer->store, &writer->error)) die("sync", &writer->error);
}

static void must(struct writer *writer, const char *what, enum sale_refusal refusal)
{
  if (refusal == SALE_OK) return;
  error_set(&writer->error, ERROR_INVALID, "%s", sale_refusal_row(refusal)->code);
  die(what, &writer->error);
}

static void on_created(void *context, enum sale_refusal refusal, uint64_t sequence)
{
  struct writer *writer = context;
  (void)sequence;
  must(writer, "create", refusal);
}

static void create(struct writer *writer, const char *event, unsigned seats)
{
  char json[1024];
  struct seat_plan plan;
  struct arena arena;
  unsigned tail = seats % 2;
  snprintf(json, sizeof json,
           "{\"event_id\":\"%s\",\"name\":\"Night\",\"venue\":\"Hall\",\"starts_at\":"
           "\"2040-03-01T19:00:00Z\",\"sale_opens_at\":\"2001-01-01T00:00:00Z\",\"currency\":"
           "\"KRW\",\"max_per_buyer\":4,\"hold_seconds\":600,\"sections\":["
           "{\"id\":\"A\",\"name\":\"A\",\"price\":1000,\"capacity\":%u},"
           "{\"id\":\"B\",\"name\":\"B\",\"price\":500,\"capacity\":%u}]}",
           event, seats / 2, seats / 2 + tail);
  struct memory memory = {0};
  arena_init(&arena, &memory);
  if (!seat_import_json(bytes_of_text(json), 1, &arena, &plan, &writer->error))
    die("plan", &writer->error);
  must(writer, "create",
       sale_event_create(writer->sale, &plan, on_created, writer, writer->now_ms));
  arena_free(&arena);
  for (uint64_t i = 0; sale_tick(writer->sale, writer->now_ms); i++)
    if (i % TURN == 0 && !store_sync(writer->store, &writer->error)) die("sync", &writer->error);
}

/* What happens to the seats of one hold. */
enum fate { HELD, CANCELLED, WAITING, SOLD, REFUNDED, FATES };

static void settle(struct writer *writer, struct bytes reservation, int64_t amount, enum fate fate)
{
  struct bytes none = {NULL, 0};
  struct sale_payment payment;
  struct sale_order order;
  bool refunded;
  struct plan *plan = begin(writer);
  must(writer, "intend",
       sale_payment_intend(writer->sale, plan, reservation, none, amount, none, none,
                           writer->now_ms, &payment));
  char intent[SALE_ID_BYTES];
  size_t intent_size = payment.intent_id.size;
  memcpy(intent, payment.intent_id.data, intent_size);
  commit(writer);
  plan = begin(writer);
  must(writer, "settle",
       sale_payment_settle(writer->sale, plan, bytes_of(intent, intent_size), true, none,
                           writer->now_ms, &payment));
  commit(writer);
  if (fate == WAITING) return;
  plan = begin(writer);
  must(
      writer, "confirm",
      sale_confirm(writer->sale, plan, reservation, none, none, writer->now_ms, &order, &refunded));
  char id[SALE_ID_BYTES];
  size_t id_size = order.id.size;
  memcpy(id, order.id.data, id_size);
  commit(writer);
  if (fate == SOLD) return;
  plan = begin(writer);
  must(writer, "refund",
       sale_refund(writer->sale, plan, bytes_of(id, id_size), 0, BYTES("rain"), writer->now_ms,
                   &order));
  commit(writer);
}

static void sell(struct writer *writer, const char *event, unsigned number, enum fate fate)
{
  char user[32];
  struct bytes none = {NULL, 0};
  struct sale_reserve_result result;
  struct sale_reservation reservation;
  int size = snprintf(user, sizeof user, "user-%u", number);
  const struct sale_reserve ask = {
      .event_id = bytes_of_text(event), .user_id = bytes_of(user, (size_t)size), .quantity = HOLD};
  struct plan *plan = begin(writer);
  must(writer, "reserve",
       sale_reserve(writer->sale, plan, &ask, writer->now_ms, &result, &writer->error));
  char id[SALE_ID_BYTES];
  size_t id_size = result.reservation.id.size;
  int64_t amount = result.reservation.amount;
  memcpy(id, result.reservation.id.data, id_size);
  commit(writer);
  if (fate == CANCELLED) {
    plan = begin(writer);
    must(
        writer, "cancel",
        sale_cancel(writer->sale, plan, bytes_of(id, id_size), none, writer->now_ms, &reservation));
    commit(writer);
  } else if (fate != HELD) {
    settle(writer, bytes_of(id, id_size), amount, fate);
  }
}

static void fill(struct writer *writer, unsigned events, unsigned seats)
{
  for (unsigned i = 1; i <= events; i++) {
    char event[16];
    snprintf(event, sizeof event, "e%u", i);
    create(writer, event, seats);
    for (unsigned j = 0; j < seats / 3; j++) {
      /* Most of what is held is bought. */
      enum fate fate = j % 8 < FATES ? (enum fate)(j % 8) : SOLD;
      sell(writer, event, i * seats + j, fate);
    }
  }
}

static void spoil(struct writer *writer, char **words)
{
  struct table *table = store_table(writer->store, bytes_of_text(words[0]));
  struct value partition = value_make_string(&writer->arena, bytes_of_text(words[1]));
  struct value sort = value_make_string(&writer->arena, BYTES("METADATA"));
  struct value item = table == NULL ? VALUE_NONE : store_find(table, partition, sort);
  error_set(&writer->error, ERROR_NOT_FOUND, "no such item");
  if (!value_present(item)) die("break", &writer->error);
  struct record_writer record;
  record_writer_init(&record, writer->arena.memory);
  record_begin(&record);
  struct value_iterator iterator = value_iterate(item);
  struct bytes name;
  struct value value;
  while (value_next(&iterator, &name, &value)) {
    if (bytes_equal(name, bytes_of_text(words[2]))) continue;
    value_write_name(&record.writer, name);
    value_write_value(&record.writer, value);
  }
  record_text(&record, bytes_of_text(words[2]), bytes_of_text(words[3]));
  struct store_write_result result;
  const struct store_action action = {
      .kind = ACTION_PUT, .table = table, .item = record_end(&record, &writer->arena)};
  if (store_write(writer->store, &action, RETURN_NONE, &writer->arena, &result, &writer->error) !=
      STORE_OK)
    die("break", &writer->error);
  record_writer_free(&record);
}

int main(int argc, char **argv)
{
  struct world_linux world;
  struct writer writer = {0};
  uint32_t made;
  bool filling = argc == 5 && strcmp(argv[1], "fill") == 0;
  if (!filling && (argc != 7 || strcmp(argv[1], "break") != 0)) {
    fprintf(stderr, "usage: sale_writer fill DIR EVENTS SEATS | break DIR TABLE KEY NAME VALUE\n");
    return 2;
  }
  world_linux_init(&world);
  const struct store_options options = {.directory = argv[2], .threads = true};
  writer.store = store_open(&world.world, &options, &writer.error);
  if (writer.store == NULL) die(argv[2], &writer.error);
  if (!platform_tables_create(writer.store, &made, &writer.error)) die(argv[2], &writer.error);
  arena_init(&writer.arena, &world.world.memory);
  writer.now_ms = world_clock_ms(&world.world);
  const struct sale_options sale_options = {.world = &world.world, .store = writer.store};
  if (filling) {
    writer.sale = sale_open(&sale_options, &writer.error);
    if (writer.sale == NULL) die(argv[2], &writer.error);
    fill(&writer, (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
    sale_close(writer.sale);
  } else {
    spoil(&writer, argv + 3);
  }
  arena_free(&writer.arena);
  if (!store_close(writer.store, &writer.error)) die(argv[2], &writer.error);
  return 0;
}
