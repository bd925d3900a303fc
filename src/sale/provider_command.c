/*
 * Commands to the payment provider, as rows beside the orders:
 *
 *     pk PROVIDER#PENDING   sk cmd_{ULID}     to be carried out, oldest first
 *     pk PROVIDER#DONE      sk cmd_{ULID}     refunds that were made
 *     pk PROVIDER#FAILED    sk cmd_{ULID}     given up: for an operator
 *
 * A command ends by leaving its partition in the transaction of what follows from its answer.
 * Authorisations and captures leave no trace of their own, the payment has it. A payment knows the
 * last command about it, and a command the one before it, so that they can be kept in order.
 */
#include "sale/sale_parts.h"

#include "base/check.h"

static const struct bytes VERB_NAMES[PROVIDER_VERBS] = {
    [PROVIDER_AUTHORISE] = {(const uint8_t *)"AUTHORISE", 9},
    [PROVIDER_QUERY] = {(const uint8_t *)"QUERY", 5},
    [PROVIDER_CANCEL] = {(const uint8_t *)"CANCEL", 6},
    [PROVIDER_CAPTURE] = {(const uint8_t *)"CAPTURE", 7},
    [PROVIDER_REFUND] = {(const uint8_t *)"REFUND", 6},
};

#define PENDING_KEY BYTES("PROVIDER#PENDING")

struct bytes provider_verb_name(enum provider_verb verb)
{
  CHECK(verb < PROVIDER_VERBS);
  return VERB_NAMES[verb];
}

static struct value item_of(struct sale *sale, struct arena *arena, struct bytes partition,
                            const struct provider_command *command, int64_t now_ms)
{
  struct record_writer *writer = &sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), partition);
  record_text(writer, BYTES("sk"), command->id);
  record_text(writer, BYTES("verb"), provider_verb_name(command->verb));
  record_text(writer, BYTES("paymentIntentId"), command->intent_id);
  record_text(writer, BYTES("reservationId"), command->reservation_id);
  record_text(writer, BYTES("currency"), command->currency);
  record_integer(writer, BYTES("amount"), command->amount);
  if (command->payment_id.size > 0) record_text(writer, BYTES("paymentId"), command->payment_id);
  if (command->scenario.size > 0) record_text(writer, BYTES("scenario"), command->scenario);
  if (command->after.size > 0) record_text(writer, BYTES("after"), command->after);
  record_instant(writer, BYTES("createdAt"), command->created_ms);
  record_instant(writer, BYTES("updatedAt"), now_ms);
  return record_end(writer, arena);
}

static bool command_read(struct arena *arena, struct value item, struct provider_command *command)
{
  struct bytes verb = record_get_text(item, BYTES("verb"));
  *command = (struct provider_command){
      .verb = PROVIDER_VERBS,
      .id = arena_copy(arena, record_get_text(item, BYTES("sk"))),
      .after = arena_copy(arena, record_get_text(item, BYTES("after"))),
      .intent_id = arena_copy(arena, record_get_text(item, BYTES("paymentIntentId"))),
      .reservation_id = arena_copy(arena, record_get_text(item, BYTES("reservationId"))),
      .payment_id = arena_copy(arena, record_get_text(item, BYTES("paymentId"))),
      .currency = arena_copy(arena, record_get_text(item, BYTES("currency"))),
      .scenario = arena_copy(arena, record_get_text(item, BYTES("scenario"))),
      .amount = record_get_integer(item, BYTES("amount"), 0),
      .created_ms = record_get_instant(item, BYTES("createdAt"), 0),
  };
  for (enum provider_verb i = 0; i < PROVIDER_VERBS; i++)
    if (bytes_equal(verb, VERB_NAMES[i])) command->verb = i;
  /* A copy that there was no memory for has no address. */
  bool whole = command->id.data != NULL && command->after.data != NULL &&
               command->intent_id.data != NULL && command->reservation_id.data != NULL &&
               command->payment_id.data != NULL && command->currency.data != NULL &&
               command->scenario.data != NULL;
  return whole && command->verb < PROVIDER_VERBS && command->intent_id.size > 0;
}

/* ---- writing ---- */

struct fresh {
  struct sale *sale;
  struct bytes id;
};

/* Once it is in the log: provider_tick reads from here on. */
static void note_fresh(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct fresh *fresh = context;
  struct sale *sale = fresh->sale;
  struct bytes noted = bytes_of(sale->fresh_command, sale->fresh_command_bytes);
  if (noted.size > 0 && bytes_compare(noted, fresh->id) <= 0) return;
  CHECK_THAT(fresh->id.size, <=, sizeof sale->fresh_command);
  memcpy(sale->fresh_command, fresh->id.data, fresh->id.size);
  sale->fresh_command_bytes = fresh->id.size;
}

void provider_command_add(struct sale_step *step, enum provider_verb verb,
                          struct sale_payment *payment, int64_t amount)
{
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  struct provider_command command = {
      .id = sale_new_id(sale, arena, BYTES("cmd_")),
      .after = payment->command_id,
      .verb = verb,
      .intent_id = payment->intent_id,
      .reservation_id = payment->reservation_id,
      .payment_id = payment->payment_id,
      .currency = payment->currency,
      .scenario = payment->scenario,
      .amount = amount,
      .created_ms = step->now_ms,
  };
  struct fresh *fresh = arena_alloc(arena, sizeof *fresh);
  if (fresh == NULL || command.id.data == NULL) {
    step->failed = true;
    return;
  }
  *fresh = (struct fresh){sale, command.id};
  sale_step_put(step, sale->orders, item_of(sale, arena, PENDING_KEY, &command, step->now_ms), NULL,
                NULL);
  plan_after(step->plan, note_fresh, fresh);
  payment->command_id = command.id;
}

void provider_command_remove(struct sale_step *step, struct bytes id)
{
  const struct store_action action = {
      .kind = ACTION_DELETE,
      .table = step->sale->orders,
      .item = sale_key(step->sale, step->plan->arena, PENDING_KEY, id),
  };
  if (!value_present(action.item)) step->failed = true;
  plan_add(step->plan, &action);
}

void provider_command_keep(struct sale_step *step, const struct provider_command *command,
                           bool done)
{
  struct bytes partition = done ? BYTES("PROVIDER#DONE") : BYTES("PROVIDER#FAILED");
  struct sale *sale = step->sale;
  provider_command_remove(step, command->id);
  sale_step_put(step, sale->orders,
                item_of(sale, step->plan->arena, partition, command, step->now_ms), NULL, NULL);
}

/* ---- reading ---- */

/* VALUE_NONE with *known when there is none; without when there is no memory to look. */
static struct value look(const struct sale *sale, struct arena *arena, struct bytes id, bool *known)
{
  struct value partition = value_make_string(arena, PENDING_KEY);
  struct value sort = value_make_string(arena, id);
  *known = value_present(partition) && value_present(sort);
  return *known ? store_find(sale->orders, partition, sort) : VALUE_NONE;
}

bool provider_command_is_over(const struct sale *sale, struct arena *arena, struct bytes id)
{
  bool known;
  struct value item = look(sale, arena, id, &known);
  return known && !value_present(item);
}

bool provider_command_find(const struct sale *sale, struct arena *arena, struct bytes id,
                           struct provider_command *command)
{
  bool known;
  struct value item = look(sale, arena, id, &known);
  return value_present(item) && command_read(arena, item, command);
}

bool provider_command_list(struct sale *sale, struct arena *arena, struct bytes from,
                           uint32_t limit, struct bytes *ids, uint32_t *count, bool *more)
{
  struct error error;
  struct store_page page;
  const struct value values[] = {value_make_string(arena, PENDING_KEY),
                                 value_make_string(arena, from)};
  const struct store_query query = {
      .table = sale->orders,
      .key_condition = sale->expressions.commands_from,
      .values = values,
      .limit = limit,
  };
  if (!value_present(values[0]) || !value_present(values[1])) return false;
  if (store_query(sale->store, &query, arena, &page, &error) != STORE_OK) return false;
  *count = 0;
  for (uint32_t i = 0; i < page.count && *count < limit; i++) {
    ids[*count] = arena_copy(arena, record_get_text(page.items[i], BYTES("sk")));
    if (ids[*count].data == NULL) return false;
    (*count)++;
  }
  *more = value_present(page.last_key);
  return true;
}
