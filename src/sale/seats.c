#include "sale/sale_parts.h"

#include "base/check.h"

enum { RESERVATION_PREFIX_BYTES = 4 }; /* "rsv_" */

bool seats_number(struct bytes reservation_id, struct id *id)
{
  return reservation_id.size == RESERVATION_PREFIX_BYTES + ID_TEXT_BYTES &&
         id_parse(bytes_of(reservation_id.data + RESERVATION_PREFIX_BYTES, ID_TEXT_BYTES), id);
}

bool seats_describe(struct arena *arena, const struct sale_event *event, uint32_t place,
                    struct sale_seat *seat)
{
  const struct seat_map *map = event->map;
  const struct seat_section *section = seat_map_section(map, place);
  char id[SEAT_ID_BYTES];
  char number[SEAT_NUMBER_BYTES];
  size_t id_size = seat_map_format_id(map, place, id);
  size_t number_size = seat_map_format_number(map, place, number);
  *seat = (struct sale_seat){
      .place = place,
      .id = arena_copy(arena, bytes_of(id, id_size)),
      .section = section->id,
      .row = seat_map_row_label(map, seat_map_row(map, place)),
      .number = arena_copy(arena, bytes_of(number, number_size)),
      .price = section->price,
  };
  return seat->id.data != NULL && seat->number.data != NULL;
}

bool seats_read(struct arena *arena, const struct sale_event *event, struct bytes seat_id,
                struct sale_seat *seat)
{
  uint32_t place = seat_map_find(event->map, seat_id);
  return place != SEAT_NONE && seats_describe(arena, event, place, seat);
}

struct seats_hook {
  struct sale *sale;
  struct sale_event *event;
  enum seats_change change;
  struct id reservation;
  int64_t until_ms;
  int64_t now_ms;
  uint32_t count;
  uint32_t places[SALE_SEATS_MAX];
};

/* Leaves the places that the reservation still holds in the map: a lapsed hold is gone from it. */
static uint32_t still_held(const struct seats_hook *hook, uint32_t places[SALE_SEATS_MAX])
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < hook->count; i++) {
    struct id holder;
    int64_t until_ms;
    if (seat_map_hold_of(hook->event->map, hook->places[i], &holder, &until_ms) &&
        id_compare(&holder, &hook->reservation) == 0)
      places[count++] = hook->places[i];
  }
  return count;
}

static void after(void *context, uint64_t sequence)
{
  (void)sequence;
  const struct seats_hook *hook = context;
  struct seat_map *map = hook->event->map;
  uint32_t held[SALE_SEATS_MAX];
  uint32_t held_count = still_held(hook, held);
  seat_map_advance(map, hook->now_ms);
  switch (hook->change) {
  case SEATS_HELD:
    seat_map_hold(map, hook->places, hook->count, &hook->reservation, hook->until_ms);
    break;
  case SEATS_EXTENDED:
    if (held_count > 0) seat_map_extend(map, held, held_count, &hook->reservation, hook->until_ms);
    break;
  case SEATS_RELEASED:
    held_count = still_held(hook, held);
    if (held_count > 0) seat_map_release(map, held, held_count, &hook->reservation);
    break;
  case SEATS_SOLD:
    seat_map_sell(map, hook->places, hook->count, &hook->reservation);
    break;
  case SEATS_REFUNDED:
    seat_map_refund(map, hook->places, hook->count);
    break;
  }
  if (hook->sale->options.seats_changed != NULL)
    hook->sale->options.seats_changed(hook->sale->options.context, hook->event);
}

void seats_after(struct sale_step *step, struct sale_event *event, enum seats_change change,
                 struct bytes reservation_id, const struct sale_seat *seats, uint32_t count,
                 int64_t until_ms)
{
  struct seats_hook *hook = arena_alloc(step->plan->arena, sizeof *hook);
  if (hook == NULL) {
    step->failed = true;
    return;
  }
  CHECK_THAT(count, <=, SALE_SEATS_MAX);
  hook->sale = step->sale;
  hook->event = event;
  hook->change = change;
  CHECK(seats_number(reservation_id, &hook->reservation));
  hook->until_ms = until_ms;
  hook->now_ms = step->now_ms;
  hook->count = count;
  for (uint32_t i = 0; i < count; i++) hook->places[i] = seats[i].place;
  plan_after(step->plan, after, hook);
}
