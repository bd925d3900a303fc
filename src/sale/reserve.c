#include "sale/sale_parts.h"
#include "sale/seat_choose.h"

/* What is asked, before any seat is looked at. */
static enum sale_refusal check_ask(const struct sale_reserve *ask, struct error *error)
{
  if (ask->event_id.size == 0) return SALE_MISSING_EVENT_ID;
  if (ask->seat_count == 0 && ask->quantity == 0) return SALE_MISSING_SEATS;
  if (ask->seat_count > 0 && ask->quantity > 0 && ask->quantity != ask->seat_count) {
    error_set(error, ERROR_INVALID, "quantity: is not the number of seat_ids; send one of them");
    return SALE_INVALID;
  }
  if (ask->seat_count > SALE_SEATS_MAX || ask->quantity > SALE_SEATS_MAX) {
    error_set(error, ERROR_INVALID, "%s: at most %d at a time",
              ask->seat_count > 0 ? "seat_ids" : "quantity", SALE_SEATS_MAX);
    return SALE_INVALID;
  }
  for (uint32_t i = 0; i < ask->seat_count; i++) {
    for (uint32_t j = 0; j < i; j++) {
      if (!bytes_equal(ask->seat_ids[i], ask->seat_ids[j])) continue;
      error_set(error, ERROR_INVALID, "seat_ids: '%.*s' is there twice",
                BYTES_FORMAT(ask->seat_ids[i]));
      return SALE_INVALID;
    }
  }
  return SALE_OK;
}

/* The seats that were named. */
static enum sale_refusal find_seats(const struct sale_event *event, const struct sale_reserve *ask,
                                    uint32_t places[SALE_SEATS_MAX], struct error *error)
{
  for (uint32_t i = 0; i < ask->seat_count; i++) {
    places[i] = seat_map_find(event->map, ask->seat_ids[i]);
    if (places[i] != SEAT_NONE) continue;
    error_set(error, ERROR_NOT_FOUND, "the event has no seat '%.*s'",
              BYTES_FORMAT(ask->seat_ids[i]));
    return SALE_SEAT_NOT_FOUND;
  }
  return SALE_OK;
}

/* Lapsed holds of the buyer are resolved before they count against the limit. */
static enum sale_refusal check_limit(struct sale *sale, struct arena *arena,
                                     const struct sale_event *event, struct bytes user_id,
                                     uint32_t quantity, int64_t now_ms)
{
  if (quantity > event->max_per_buyer) return SALE_BUYER_LIMIT;
  int64_t limit = event->max_per_buyer;
  if (buyer_seats(sale, arena, event, user_id) + quantity <= limit) return SALE_OK;
  enum sale_refusal refusal = sale_tidy_buyer(sale, user_id, now_ms);
  if (refusal != SALE_OK) return refusal;
  return buyer_seats(sale, arena, event, user_id) + quantity <= limit ? SALE_OK : SALE_BUYER_LIMIT;
}

static enum sale_refusal refuse_taken(struct arena *arena, const struct sale_event *event,
                                      const uint32_t *places, uint32_t count,
                                      struct sale_reserve_result *result)
{
  struct sale_seat seat;
  struct seat_choice nearest;
  result->unavailable_count = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (seat_map_state(event->map, places[i]) == SEAT_FREE) continue;
    if (!seats_describe(arena, event, places[i], &seat)) return SALE_UNAVAILABLE;
    result->unavailable[result->unavailable_count++] = seat.id;
  }
  result->alternative_count = 0;
  if (!seat_choose_alternative(event->map, places, count, &nearest)) return SALE_CONFLICT;
  for (uint32_t i = 0; i < nearest.count; i++) {
    if (!seats_describe(arena, event, nearest.seats[i], &seat)) return SALE_UNAVAILABLE;
    result->alternative[result->alternative_count++] = seat.id;
  }
  return SALE_CONFLICT;
}

/* Which seats it will be: those named, or the best there are. */
static enum sale_refusal choose(struct arena *arena, struct sale_event *event,
                                const struct sale_reserve *ask, int64_t now_ms,
                                uint32_t places[SALE_SEATS_MAX], struct sale_reserve_result *result)
{
  seat_map_advance(event->map, now_ms);
  if (ask->seat_count == 0) {
    struct seat_choice best;
    uint32_t section = ask->section.size == 0 ? SEAT_NONE
                                              : seat_map_find_section(event->map, ask->section);
    if (!seat_choose_best(event->map, ask->quantity, section, false, &best)) return SALE_SOLD_OUT;
    for (uint32_t i = 0; i < best.count; i++) places[i] = best.seats[i];
    return SALE_OK;
  }
  for (uint32_t i = 0; i < ask->seat_count; i++)
    if (seat_map_state(event->map, places[i]) != SEAT_FREE)
      return refuse_taken(arena, event, places, ask->seat_count, result);
  return SALE_OK;
}

/* {"reservationId","userId","eventId","ticketIds","totalAmount","currency","holdExpiresAt"} */
static struct bytes detail_of(struct sale_step *step, const struct sale_reservation *reservation)
{
  struct sale_detail detail;
  char until[INSTANT_TEXT_BYTES];
  instant_format(reservation->hold_expires_ms, until);
  sale_detail_begin(step, &detail);
  reservation_write_ids(&detail.json, step->plan->arena, reservation);
  json_write_key(&detail.json, BYTES("totalAmount"));
  json_write_integer(&detail.json, reservation->amount);
  json_write_key(&detail.json, BYTES("currency"));
  json_write_string(&detail.json, reservation->event->currency);
  json_write_key(&detail.json, BYTES("holdExpiresAt"));
  json_write_string(&detail.json, bytes_of(until, sizeof until));
  return sale_detail_end(step, &detail);
}

/* The whole transaction of a hold. */
static enum sale_refusal hold(struct sale_step *step, struct sale_reservation *reservation)
{
  struct sale *sale = step->sale;
  struct arena *arena = step->plan->arena;
  for (uint32_t i = 0; i < reservation->quantity; i++) {
    const struct ticket_change change = {
        .ticket_id = ticket_id(arena, reservation->event->id, reservation->seats[i].id),
        .event_id = reservation->event->id,
        .reservation_id = reservation->id,
        .user_id = reservation->user_id,
        .from = TICKET_AVAILABLE,
        .to = TICKET_RESERVED,
        .hold_expires_ms = reservation->hold_expires_ms,
        .price = reservation->seats[i].price,
    };
    ticket_add_change(step, &change);
  }
  sale_step_put(step, sale->reservations, reservation_item(sale, arena, reservation),
                sale->expressions.absent, NULL);
  buyer_add_seats(step, reservation->event, reservation->user_id, reservation->quantity,
                  reservation->event->max_per_buyer);
  admission_hold_begins(step, reservation);
  struct bytes detail = detail_of(step, reservation);
  if (step->failed) return SALE_UNAVAILABLE;
  outbox_add(step, BYTES("ReservationCreated"), BYTES("reservation"), reservation->id, detail);
  seats_after(step, reservation->event, SEATS_HELD, reservation->id, reservation->seats,
              reservation->quantity, reservation->hold_expires_ms);
  return step->failed ? SALE_UNAVAILABLE : SALE_OK;
}

enum sale_refusal sale_reserve(struct sale *sale, struct plan *plan, const struct sale_reserve *ask,
                               int64_t now_ms, struct sale_reserve_result *result,
                               struct error *error)
{
  struct arena *arena = plan->arena;
  uint32_t places[SALE_SEATS_MAX] = {0};
  uint32_t quantity = ask->seat_count > 0 ? ask->seat_count : ask->quantity;
  enum sale_refusal refusal = check_ask(ask, error);
  if (refusal != SALE_OK) return refusal;
  struct sale_event *event = sale_event_find(sale, ask->event_id);
  if (event == NULL) return SALE_EVENT_NOT_FOUND;
  if (sale_event_status(event, now_ms) != SALE_ON_SALE) return SALE_CLOSED;
  uint32_t shopper;
  refusal = admission_check(event, ask, now_ms, &shopper);
  if (refusal != SALE_OK) return refusal;
  refusal = find_seats(event, ask, places, error);
  if (refusal != SALE_OK) return refusal;
  refusal = check_limit(sale, arena, event, ask->user_id, quantity, now_ms);
  if (refusal != SALE_OK) return refusal;
  refusal = choose(arena, event, ask, now_ms, places, result);
  if (refusal != SALE_OK) return refusal;
  struct sale_reservation *reservation = &result->reservation;
  *reservation = (struct sale_reservation){
      .id = sale_new_id(sale, arena, BYTES("rsv_")),
      .user_id = ask->user_id,
      .event = event,
      .status = RESERVATION_PENDING,
      .quantity = quantity,
      .created_ms = now_ms,
      .updated_ms = now_ms,
      .hold_expires_ms = now_ms + (int64_t)event->hold_seconds * 1000,
      .shopper = shopper,
  };
  for (uint32_t i = 0; i < quantity; i++) {
    if (!seats_describe(arena, event, places[i], &reservation->seats[i])) return SALE_UNAVAILABLE;
    reservation->amount += reservation->seats[i].price;
  }
  if (reservation->id.data == NULL) return SALE_UNAVAILABLE;
  refusal = sale_tidy_seats(sale, event, reservation->seats, quantity, now_ms);
  if (refusal != SALE_OK) return refusal;
  struct sale_step step = {sale, plan, now_ms, false};
  return hold(&step, reservation);
}
