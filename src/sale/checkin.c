#include "sale/checkin.h"

#include "sale/sale_parts.h"

#include "base/check.h"

#include <stdio.h>

enum {
  ISSUE_TEXT_BYTES = 10, /* of UINT32_MAX */
  ORDER_PREFIX_BYTES = 4 /* "ord_" */
};

/* Of one ticket: everything that its rows are made of. */
struct admission {
  struct sale_order order;
  uint32_t place; /* of the seat in the order */
  uint32_t issue;
  char issue_text[ISSUE_TEXT_BYTES + 1];
  struct bytes issue_key;
  struct bytes gate;
};

size_t sale_ticket_code(const struct sale_order *order, uint32_t place,
                        const struct ticket_signer *signer, char text[TICKET_CODE_TEXT_MAX])
{
  CHECK_THAT(place, <, order->quantity);
  if (order->issues[place] == 0) return 0;
  CHECK(order->issues[place] > 0 && order->issues[place] <= UINT32_MAX);
  CHECK(order->created_ms >= 0 && order->created_ms / 1000 <= UINT32_MAX);
  struct ticket_code code = {
      .issue = (uint32_t)order->issues[place],
      .issued_at_s = (uint32_t)(order->created_ms / 1000),
      .event_id = order->event->id,
      .seat_id = order->seats[place].id,
  };
  CHECK(order->id.size == ORDER_PREFIX_BYTES + ID_TEXT_BYTES &&
        id_parse(bytes_of(order->id.data + ORDER_PREFIX_BYTES, ID_TEXT_BYTES), &code.order));
  return ticket_code_sign(signer, &code, text);
}

static enum sale_refusal check_gate(struct bytes gate, struct error *error)
{
  bool good = gate.size <= CHECKIN_GATE_BYTES && bytes_is_utf8(gate);
  for (size_t i = 0; good && i < gate.size; i++) good = gate.data[i] >= ' ' && gate.data[i] != 0x7F;
  if (good) return SALE_OK;
  error_set(error, ERROR_INVALID, "gate: at most %d bytes, without control characters",
            CHECKIN_GATE_BYTES);
  return SALE_INVALID;
}

static enum sale_refusal look_up(const struct table *table, struct arena *arena, struct bytes pk,
                                 struct bytes sk, struct value *item)
{
  return sale_look_up(table, arena, pk, sk, item) ? SALE_OK : SALE_UNAVAILABLE;
}

static enum sale_refusal load_order(struct sale *sale, struct arena *arena,
                                    const struct ticket_code *code, struct sale_order *order)
{
  char text[ID_TEXT_BYTES];
  struct value item;
  id_format(&code->order, text);
  struct bytes id = record_key(arena, BYTES("ord_"), bytes_of(text, sizeof text));
  if (id.data == NULL) return SALE_UNAVAILABLE;
  struct bytes key = record_key(arena, BYTES("ORDER#"), id);
  enum sale_refusal refusal = look_up(sale->orders, arena, key, BYTES("METADATA"), &item);
  if (refusal != SALE_OK) return refusal;
  if (!value_present(item) || sale_event_find(sale, code->event_id) == NULL)
    return SALE_TICKET_NOT_FOUND;
  if (!bytes_equal(record_get_text(item, BYTES("eventId")), code->event_id))
    return SALE_TICKET_NOT_FOUND;
  /* It is there: only memory can be missing, also for one of its texts. */
  if (sale_order_find(sale, arena, id, (struct bytes){NULL, 0}, order) != SALE_OK)
    return SALE_UNAVAILABLE;
  bool whole = order->id.size > 0 && order->reservation_id.size > 0 && order->user_id.size > 0;
  return whole ? SALE_OK : SALE_UNAVAILABLE;
}

/* The order that a code names, and which of its seats. */
static enum sale_refusal find_order(struct sale *sale, struct arena *arena,
                                    const struct ticket_code *code, struct admission *admission)
{
  struct sale_order *order = &admission->order;
  enum sale_refusal refusal = load_order(sale, arena, code, order);
  if (refusal != SALE_OK) return refusal;
  uint32_t place = 0;
  while (place < order->quantity && !bytes_equal(order->seats[place].id, code->seat_id)) place++;
  if (place == order->quantity || order->issues[place] != code->issue) return SALE_TICKET_NOT_FOUND;
  if (order->ticket_ids[place].data == NULL) return SALE_UNAVAILABLE;
  int size = snprintf(admission->issue_text, sizeof admission->issue_text, "%u",
                      (unsigned)code->issue);
  admission->issue_key = bytes_of(admission->issue_text, (size_t)size);
  admission->issue = code->issue;
  admission->place = place;
  return order->status == ORDER_PAID ? SALE_OK : SALE_TICKET_REFUNDED;
}

/* Whether the seat is still that of the order. */
static enum sale_refusal check_ticket(struct sale *sale, struct arena *arena,
                                      const struct admission *admission)
{
  const struct sale_order *order = &admission->order;
  struct value ticket;
  struct bytes key = record_key(arena, BYTES("TICKET#"), order->ticket_ids[admission->place]);
  enum sale_refusal refusal = look_up(sale->tickets, arena, key, BYTES("METADATA"), &ticket);
  if (refusal != SALE_OK) return refusal;
  if (!value_present(ticket)) return SALE_TICKET_NOT_FOUND;
  bool own = bytes_equal(record_get_text(ticket, BYTES("status")),
                         ticket_status_names[TICKET_SOLD]) &&
             bytes_equal(record_get_text(ticket, BYTES("reservationId")), order->reservation_id) &&
             record_get_integer(ticket, BYTES("version"), 0) == admission->issue;
  return own ? SALE_OK : SALE_TICKET_REFUNDED;
}

static struct value checkin_item(struct sale_step *step, const struct admission *admission)
{
  struct arena *arena = step->plan->arena;
  const struct sale_order *order = &admission->order;
  struct bytes ticket = order->ticket_ids[admission->place];
  char time[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, time);
  struct bytes pk = record_key(arena, BYTES("CHECKIN#"), ticket);
  struct bytes of_event = record_key(arena, BYTES("CHECKINS#"), order->event->id);
  struct bytes in_order = record_key(arena, BYTES("CHECKIN#"), bytes_of(time, sizeof time));
  if (pk.data == NULL || of_event.data == NULL || in_order.data == NULL) return VALUE_NONE;
  struct record_writer *writer = &step->sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), pk);
  record_text(writer, BYTES("sk"), admission->issue_key);
  record_text(writer, BYTES("gsi1pk"), of_event);
  record_text(writer, BYTES("gsi1sk"), in_order);
  record_text(writer, BYTES("ticketId"), ticket);
  record_text(writer, BYTES("eventId"), order->event->id);
  record_text(writer, BYTES("seatNumber"), order->seats[admission->place].id);
  record_text(writer, BYTES("orderId"), order->id);
  record_integer(writer, BYTES("issue"), admission->issue);
  record_text(writer, BYTES("gate"), admission->gate);
  record_text(writer, BYTES("checkedInAt"), bytes_of(time, sizeof time));
  return record_end(writer, arena);
}

/* {"ticketId","eventId","orderId","reservationId","userId","issue","gate","checkedInAt"} */
static struct bytes detail_of(struct sale_step *step, const struct admission *admission)
{
  const struct sale_order *order = &admission->order;
  struct sale_detail detail;
  char time[INSTANT_TEXT_BYTES];
  instant_format(step->now_ms, time);
  sale_detail_begin(step, &detail);
  json_write_key(&detail.json, BYTES("ticketId"));
  json_write_string(&detail.json, order->ticket_ids[admission->place]);
  json_write_key(&detail.json, BYTES("eventId"));
  json_write_string(&detail.json, order->event->id);
  json_write_key(&detail.json, BYTES("orderId"));
  json_write_string(&detail.json, order->id);
  json_write_key(&detail.json, BYTES("reservationId"));
  json_write_string(&detail.json, order->reservation_id);
  json_write_key(&detail.json, BYTES("userId"));
  json_write_string(&detail.json, order->user_id);
  json_write_key(&detail.json, BYTES("issue"));
  json_write_integer(&detail.json, admission->issue);
  json_write_key(&detail.json, BYTES("gate"));
  json_write_string(&detail.json, admission->gate);
  json_write_key(&detail.json, BYTES("checkedInAt"));
  json_write_string(&detail.json, bytes_of(time, sizeof time));
  return sale_detail_end(step, &detail);
}

/*
 * As ticket_add_history, under a key that the sale's own row of the same millisecond cannot have.
 */
static void add_history(struct sale_step *step, const struct admission *admission,
                        struct bytes detail)
{
  struct arena *arena = step->plan->arena;
  const struct sale_order *order = &admission->order;
  char time[INSTANT_TEXT_BYTES];
  char sort[INSTANT_TEXT_BYTES + ISSUE_TEXT_BYTES + 16];
  instant_format(step->now_ms, time);
  int size = snprintf(sort, sizeof sort, "EVENT#%.*s#%u#CHECKIN", INSTANT_TEXT_BYTES, time,
                      (unsigned)admission->issue);
  struct bytes pk = record_key(arena, BYTES("TICKET#"), order->ticket_ids[admission->place]);
  if (pk.data == NULL) {
    step->failed = true;
    return;
  }
  struct record_writer *writer = &step->sale->writer;
  record_begin(writer);
  record_text(writer, BYTES("pk"), pk);
  record_text(writer, BYTES("sk"), bytes_of(sort, (size_t)size));
  record_text(writer, BYTES("eventType"), BYTES("TicketCheckedIn"));
  record_text(writer, BYTES("eventData"), detail);
  record_text(writer, BYTES("userId"), order->user_id);
  record_integer(writer, BYTES("aggregateVersion"), admission->issue);
  sale_step_put(step, step->sale->ticket_events, record_end(writer, arena), NULL, NULL);
}

/* The ticket is as check_ticket found it: said again for engines where it may not be. */
static void add_condition(struct sale_step *step, const struct admission *admission)
{
  enum { SOLD, OWNER, ISSUE, CONDITION_VALUES };
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  const struct sale_order *order = &admission->order;
  struct bytes key = record_key(arena, BYTES("TICKET#"), order->ticket_ids[admission->place]);
  struct value *values = arena_alloc_array(arena, CONDITION_VALUES, sizeof *values);
  if (key.data == NULL || values == NULL) {
    step->failed = true;
    return;
  }
  values[SOLD] = value_make_string(arena, ticket_status_names[TICKET_SOLD]);
  values[OWNER] = value_make_string(arena, order->reservation_id);
  values[ISSUE] = value_make_integer(arena, admission->issue);
  const struct store_action action = {
      .kind = ACTION_CHECK,
      .table = sale->tickets,
      .item = sale_key(sale, arena, key, BYTES("METADATA")),
      .condition = sale->expressions.ticket_sold,
      .values = values,
  };
  for (size_t i = 0; i < CONDITION_VALUES; i++)
    if (!value_present(values[i])) step->failed = true;
  if (!value_present(action.item)) step->failed = true;
  plan_add(step->plan, &action);
}

static enum sale_refusal admit(struct sale_step *step, const struct admission *admission)
{
  struct sale *sale = step->sale;
  add_condition(step, admission);
  sale_step_put(step, sale->tickets, checkin_item(step, admission), sale->expressions.absent, NULL);
  struct bytes detail = detail_of(step, admission);
  if (step->failed) return SALE_UNAVAILABLE;
  add_history(step, admission, detail);
  outbox_add(step, BYTES("TicketCheckedIn"), BYTES("ticket"),
             admission->order.ticket_ids[admission->place], detail);
  return step->failed ? SALE_UNAVAILABLE : SALE_OK;
}

/* SALE_ALREADY_ADMITTED, with when and where, if this ticket did. */
static enum sale_refusal check_first(struct sale *sale, struct arena *arena,
                                     const struct admission *admission,
                                     struct sale_checkin_result *result)
{
  struct value first;
  struct bytes key = record_key(arena, BYTES("CHECKIN#"),
                                admission->order.ticket_ids[admission->place]);
  enum sale_refusal refusal = look_up(sale->tickets, arena, key, admission->issue_key, &first);
  if (refusal != SALE_OK || !value_present(first)) return refusal;
  result->admitted_ms = record_get_instant(first, BYTES("checkedInAt"), 0);
  result->gate = arena_copy(arena, record_get_text(first, BYTES("gate")));
  return result->gate.data == NULL ? SALE_UNAVAILABLE : SALE_ALREADY_ADMITTED;
}

static void describe(const struct admission *admission, struct sale_checkin_result *result)
{
  const struct sale_order *order = &admission->order;
  result->ticket_id = order->ticket_ids[admission->place];
  result->order_id = order->id;
  result->user_id = order->user_id;
  result->event = order->event;
  result->seat = order->seats[admission->place];
  result->issue = admission->issue;
}

enum sale_refusal sale_checkin(struct sale *sale, struct plan *plan, const struct ticket_keys *keys,
                               const struct sale_checkin *ask, int64_t now_ms,
                               struct sale_checkin_result *result, struct error *error)
{
  struct arena *arena = plan->arena;
  uint8_t room[TICKET_CODE_BYTES_MAX];
  struct ticket_code code;
  struct admission admission = {.gate = ask->gate};
  *result = (struct sale_checkin_result){.verdict = TICKET_CODE_VALID};
  enum sale_refusal refusal = check_gate(ask->gate, error);
  if (refusal != SALE_OK) return refusal;
  result->verdict = ticket_code_verify(keys, ask->code, room, &code);
  if (result->verdict != TICKET_CODE_VALID) return SALE_TICKET_INVALID;
  /* Before anything is looked up: a door learns nothing of other events. */
  if (ask->event_id.size > 0 && !bytes_equal(ask->event_id, code.event_id))
    return SALE_TICKET_OTHER_EVENT;
  refusal = find_order(sale, arena, &code, &admission);
  if (refusal == SALE_OK) refusal = check_ticket(sale, arena, &admission);
  if (refusal != SALE_OK) return refusal;
  describe(&admission, result);
  refusal = check_first(sale, arena, &admission, result);
  if (refusal != SALE_OK) return refusal;
  struct sale_step step = {sale, plan, now_ms, false};
  result->admitted_ms = now_ms;
  result->gate = ask->gate;
  return admit(&step, &admission);
}
