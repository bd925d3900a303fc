#include "sale/sale_parts.h"

#include "base/check.h"

/* Values of an expression, in the order in which the caller lays them out. */
struct source {
  const struct expression **to;
  enum expression_kind kind;
  const char *text;
  const char *values[8];
};

static bool compile(struct sale *sale, const struct source *source, struct error *error)
{
  static const struct expression_name names[] = {
      {{(const uint8_t *)"#s", 2}, {(const uint8_t *)"status", 6}}};
  struct bytes values[8];
  size_t count = 0;
  while (count < 8 && source->values[count] != NULL) {
    values[count] = bytes_of_text(source->values[count]);
    count++;
  }
  const struct expression_placeholders placeholders = {names, 1, values, count, NULL, NULL};
  *source->to = expression_compile(&sale->compiled, source->kind, bytes_of_text(source->text),
                                   &placeholders, error);
  return *source->to != NULL;
}

bool sale_compile(struct sale *sale, struct error *error)
{
  struct sale_expressions *to = &sale->expressions;
  const struct source sources[] = {
      {&to->ticket_is,
       EXPRESSION_CONDITION,
       "#s = :from AND reservationId = :owner AND version = :was",
       {":from", ":to", ":expires", ":reservation", ":owner", ":version", ":updated", ":was"}},
      {&to->ticket_set,
       EXPRESSION_UPDATE,
       "SET #s = :to, holdExpiresAt = :expires, reservationId = :reservation, version = :version, "
       "updatedAt = :updated",
       {":from", ":to", ":expires", ":reservation", ":owner", ":version", ":updated", ":was"}},
      {&to->ticket_held,
       EXPRESSION_CONDITION,
       "#s = :reserved AND reservationId = :holder",
       {":reserved", ":until", ":holder", ":updated"}},
      {&to->ticket_extend,
       EXPRESSION_UPDATE,
       "SET holdExpiresAt = :until, updatedAt = :updated",
       {":reserved", ":until", ":holder", ":updated"}},
      {&to->ticket_sold,
       EXPRESSION_CONDITION,
       "#s = :sold AND reservationId = :owner AND version = :issue",
       {":sold", ":owner", ":issue"}},
      {&to->buyer_below,
       EXPRESSION_CONDITION,
       "attribute_not_exists(pk) OR seats <= :most",
       {":seats", ":most"}},
      {&to->buyer_add, EXPRESSION_UPDATE, "ADD seats :seats", {":seats", ":most"}},
      {&to->of_user, EXPRESSION_KEY_CONDITION, "gsi1pk = :user", {":user"}},
      {&to->commands_from, EXPRESSION_KEY_CONDITION, "pk = :pk AND sk >= :from", {":pk", ":from"}},
      {&to->absent, EXPRESSION_CONDITION, "attribute_not_exists(pk)", {NULL}},
  };
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
    if (!compile(sale, &sources[i], error)) return false;
  return true;
}

static bool find_table(struct sale *sale, const char *name, struct table **table,
                       struct error *error)
{
  *table = store_table(sale->store, bytes_of_text(name));
  if (*table != NULL) return true;
  return error_set(error, ERROR_NOT_FOUND, "the store has no table %s", name);
}

static bool find_tables(struct sale *sale, struct error *error)
{
  return find_table(sale, "ticket-tickets", &sale->tickets, error) &&
         find_table(sale, "ticket-ticket-events", &sale->ticket_events, error) &&
         find_table(sale, "ticket-reservation-reservations", &sale->reservations, error) &&
         find_table(sale, "ticket-reservation-orders", &sale->orders, error) &&
         find_table(sale, "ticket-reservation-outbox", &sale->outbox, error) &&
         find_table(sale, "ticket-reservation-idempotency", &sale->idempotency, error);
}

struct sale *sale_open(const struct sale_options *options, struct error *error)
{
  struct memory *memory = &options->world->memory;
  struct sale *sale = memory_alloc_zeroed(memory, sizeof *sale);
  if (sale == NULL) {
    error_set(error, ERROR_NO_MEMORY, "no memory for the sale");
    return NULL;
  }
  sale->options = *options;
  sale->store = options->store;
  sale->memory = memory;
  world_entropy(options->world, &sale->hash_seed, sizeof sale->hash_seed);
  id_generator_init(&sale->ids, options->world);
  record_writer_init(&sale->writer, memory);
  arena_init(&sale->compiled, memory);
  if (sale_compile(sale, error) && find_tables(sale, error) && catalogue_load(sale, error))
    return sale;
  sale_close(sale);
  return NULL;
}

void sale_close(struct sale *sale)
{
  catalogue_free(sale);
  while (sale->flights != NULL) {
    struct sale_flight *flight = sale->flights;
    sale->flights = flight->next;
    memory_free(sale->memory, flight, sizeof *flight);
  }
  record_writer_free(&sale->writer);
  arena_free(&sale->compiled);
  memory_free(sale->memory, sale, sizeof *sale);
}

void sale_step_put(struct sale_step *step, struct table *table, struct value item,
                   const struct expression *condition, const struct value *values)
{
  if (!value_present(item)) {
    step->failed = true;
    return;
  }
  const struct store_action action = {
      .kind = ACTION_PUT, .table = table, .item = item, .condition = condition, .values = values};
  plan_add(step->plan, &action);
}

struct value sale_key(struct sale *sale, struct arena *arena, struct bytes pk, struct bytes sk)
{
  record_begin(&sale->writer);
  record_text(&sale->writer, BYTES("pk"), pk);
  record_text(&sale->writer, BYTES("sk"), sk);
  return record_end(&sale->writer, arena);
}

bool sale_look_up(const struct table *table, struct arena *arena, struct bytes pk, struct bytes sk,
                  struct value *item)
{
  struct value partition = value_make_string(arena, pk);
  struct value sort = value_make_string(arena, sk);
  if (pk.data == NULL || !value_present(partition) || !value_present(sort)) return false;
  *item = store_find(table, partition, sort);
  return true;
}

struct value sale_find(const struct table *table, struct arena *arena, struct bytes pk,
                       struct bytes sk)
{
  struct value item;
  return sale_look_up(table, arena, pk, sk, &item) ? item : VALUE_NONE;
}

struct bytes sale_new_id(struct sale *sale, struct arena *arena, struct bytes prefix)
{
  char text[ID_TEXT_BYTES];
  struct id id = id_generate(&sale->ids);
  id_format(&id, text);
  return record_key(arena, prefix, bytes_of(text, sizeof text));
}
