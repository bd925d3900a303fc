#include "sim/sale_model.h"

#include "base/check.h"

#include <stdlib.h>

enum undo_kind { UNDO_RESERVATION, UNDO_PAYMENT, UNDO_SEAT, UNDO_SETTING, UNDO_KEY, UNDO_MADE };

/* How one thing was before a change. */
struct model_undo {
  uint64_t sequence;
  enum undo_kind kind;
  uint32_t index; /* of the reservation, payment, event or key */
  uint32_t seat;
  union {
    struct model_reservation reservation;
    struct model_payment payment;
    struct model_setting setting;
    uint32_t owner;
    struct {
      uint32_t reservations, payments; /* how many there were */
    } made;
  } was;
};

/* Room for one more. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
  if (count < *capacity) return items;
  *capacity = *capacity == 0 ? 64 : 2 * *capacity;
  void *grown = realloc(items, *capacity * size);
  if (grown == NULL) abort();
  return grown;
}

static void *grow_small(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
  size_t wide = *capacity;
  void *grown = grow(items, count, &wide, size);
  *capacity = (uint32_t)wide;
  return grown;
}

void sale_model_init(struct sale_model *model, uint32_t buyers)
{
  *model = (struct sale_model){.buyer_count = buyers};
  model->newest = malloc(buyers * sizeof *model->newest);
  if (model->newest == NULL) abort();
  for (uint32_t i = 0; i < buyers; i++) model->newest[i] = MODEL_NONE;
}

void sale_model_seat(struct model_event *event)
{
  event->owner = malloc(event->seat_count * sizeof *event->owner);
  if (event->owner == NULL) abort();
  for (uint32_t i = 0; i < event->seat_count; i++) event->owner[i] = MODEL_NONE;
}

void sale_model_free(struct sale_model *model)
{
  for (uint32_t i = 0; i < MODEL_EVENTS; i++) free(model->events[i].owner);
  free(model->reservations);
  free(model->payments);
  free(model->keys);
  free(model->newest);
  free(model->undo);
}

/* ---- what is ---- */

enum reservation_status sale_model_status(const struct model_reservation *reservation,
                                          int64_t now_ms)
{
  switch (reservation->state) {
  case MODEL_BOUGHT:
    return RESERVATION_CONFIRMED;
  case MODEL_CANCELLED:
    return RESERVATION_CANCELLED;
  case MODEL_HELD:
    break;
  }
  return now_ms >= reservation->until_ms ? RESERVATION_EXPIRED : RESERVATION_PENDING;
}

/* Whether its seats are its own: held in time, or bought and not given back. */
static bool has_seats(const struct model_reservation *reservation, int64_t now_ms)
{
  enum reservation_status status = sale_model_status(reservation, now_ms);
  if (status == RESERVATION_CONFIRMED) return !reservation->given_back;
  return status == RESERVATION_PENDING;
}

bool sale_model_taken(const struct sale_model *model, uint32_t event, uint32_t seat, int64_t now_ms)
{
  uint32_t owner = model->events[event].owner[seat];
  return owner != MODEL_NONE && has_seats(&model->reservations[owner], now_ms);
}

uint32_t sale_model_seats_of(const struct sale_model *model, uint32_t event, uint32_t buyer,
                             int64_t now_ms)
{
  uint32_t seats = 0;
  for (uint32_t i = model->newest[buyer]; i != MODEL_NONE; i = model->reservations[i].before)
    if (model->reservations[i].event == event && has_seats(&model->reservations[i], now_ms))
      seats += model->reservations[i].quantity;
  return seats;
}

uint32_t sale_model_most_free(const struct sale_model *model, uint32_t event, int64_t now_ms)
{
  uint32_t most = 0;
  for (uint32_t i = 0; i < model->events[event].section_count; i++) {
    const struct model_section *section = &model->events[event].sections[i];
    uint32_t count = 0;
    for (uint32_t seat = section->first; seat < section->first + section->count; seat++)
      if (!sale_model_taken(model, event, seat, now_ms)) count++;
    if (count > most) most = count;
  }
  return most;
}

int64_t sale_model_price(const struct model_event *event, uint32_t seat)
{
  uint32_t section = 0;
  while (seat >= event->sections[section].first + event->sections[section].count) section++;
  return event->sections[section].price;
}

uint32_t sale_model_find(const struct sale_model *model, struct bytes id)
{
  for (uint32_t i = model->reservation_count; i > 0; i--)
    if (bytes_equal(bytes_of_text(model->reservations[i - 1].id), id)) return i - 1;
  return MODEL_NONE;
}

enum model_verdict sale_model_verdict(const struct sale_model *model, uint32_t payment,
                                      int64_t now_ms)
{
  const struct model_reservation *reservation =
      &model->reservations[model->payments[payment].reservation];
  switch (sale_model_status(reservation, now_ms)) {
  case RESERVATION_PENDING:
    return MODEL_BUYS;
  case RESERVATION_EXPIRED:
    break;
  default: /* cancelled, or paid by another payment before */
    return MODEL_GIVES_BACK;
  }
  uint32_t has = sale_model_seats_of(model, reservation->event, reservation->buyer, now_ms);
  if (has + reservation->quantity > model->events[reservation->event].setting.limit)
    return MODEL_GIVES_BACK;
  for (uint32_t i = 0; i < reservation->quantity; i++)
    if (sale_model_taken(model, reservation->event, reservation->seats[i], now_ms))
      return MODEL_GIVES_BACK;
  return MODEL_BUYS_LATE;
}

/* ---- what happens ---- */

static struct model_undo *note(struct sale_model *model, uint64_t sequence, enum undo_kind kind,
                               uint32_t index)
{
  model->undo = grow(model->undo, model->undo_count, &model->undo_capacity, sizeof *model->undo);
  struct model_undo *undo = &model->undo[model->undo_count++];
  undo->sequence = sequence;
  undo->kind = kind;
  undo->index = index;
  return undo;
}

static struct model_reservation *change_reservation(struct sale_model *model, uint64_t sequence,
                                                    uint32_t index)
{
  note(model, sequence, UNDO_RESERVATION, index)->was.reservation = model->reservations[index];
  return &model->reservations[index];
}

static struct model_payment *change_payment(struct sale_model *model, uint64_t sequence,
                                            uint32_t index)
{
  note(model, sequence, UNDO_PAYMENT, index)->was.payment = model->payments[index];
  return &model->payments[index];
}

static void own(struct sale_model *model, uint64_t sequence, uint32_t reservation)
{
  const struct model_reservation *holder = &model->reservations[reservation];
  for (uint32_t i = 0; i < holder->quantity; i++) {
    struct model_undo *undo = note(model, sequence, UNDO_SEAT, holder->event);
    undo->seat = holder->seats[i];
    undo->was.owner = model->events[holder->event].owner[holder->seats[i]];
    model->events[holder->event].owner[holder->seats[i]] = reservation;
  }
}

static void note_made(struct sale_model *model, uint64_t sequence)
{
  struct model_undo *undo = note(model, sequence, UNDO_MADE, 0);
  undo->was.made.reservations = model->reservation_count;
  undo->was.made.payments = model->payment_count;
}

uint32_t sale_model_reserve(struct sale_model *model, uint64_t sequence,
                            const struct model_reservation *reservation)
{
  note_made(model, sequence);
  model->reservations = grow_small(model->reservations, model->reservation_count,
                                   &model->reservation_capacity, sizeof *model->reservations);
  uint32_t number = model->reservation_count++;
  struct model_reservation *made = &model->reservations[number];
  *made = *reservation;
  made->state = MODEL_HELD;
  made->payment = made->paid_by = MODEL_NONE;
  made->before = model->newest[made->buyer];
  model->newest[made->buyer] = number;
  own(model, sequence, number);
  return number;
}

void sale_model_cancel(struct sale_model *model, uint64_t sequence, uint32_t reservation)
{
  change_reservation(model, sequence, reservation)->state = MODEL_CANCELLED;
}

uint32_t sale_model_intend(struct sale_model *model, uint64_t sequence, uint32_t reservation,
                           struct bytes id)
{
  note_made(model, sequence);
  model->payments = grow_small(model->payments, model->payment_count, &model->payment_capacity,
                               sizeof *model->payments);
  uint32_t number = model->payment_count++;
  struct model_reservation *paid = change_reservation(model, sequence, reservation);
  struct model_payment *payment = &model->payments[number];
  *payment = (struct model_payment){
      .status = PAYMENT_PENDING, .reservation = reservation, .amount = paid->amount};
  CHECK_THAT(id.size, <, sizeof payment->id);
  memcpy(payment->id, id.data, id.size);
  paid->payment = number;
  if (!paid->extended) paid->until_ms += SALE_EXTENSION_MS;
  paid->extended = true;
  return number;
}

void sale_model_settle(struct sale_model *model, uint64_t sequence, uint32_t payment, bool approved)
{
  struct model_payment *settled = change_payment(model, sequence, payment);
  settled->status = approved ? PAYMENT_COMPLETED : PAYMENT_FAILED;
  settled->approved = approved;
  if (!approved) settled->failed_before = true;
}

void sale_model_buy(struct sale_model *model, uint64_t sequence, uint32_t payment, bool late)
{
  uint32_t number = model->payments[payment].reservation;
  struct model_reservation *reservation = change_reservation(model, sequence, number);
  reservation->state = MODEL_BOUGHT;
  reservation->late = late;
  reservation->paid_by = payment;
  own(model, sequence, number);
}

void sale_model_give_back(struct sale_model *model, uint64_t sequence, uint32_t payment)
{
  change_payment(model, sequence, payment)->status = PAYMENT_REFUNDED;
}

void sale_model_refund(struct sale_model *model, uint64_t sequence, uint32_t reservation,
                       int64_t amount)
{
  struct model_reservation *refunded = change_reservation(model, sequence, reservation);
  refunded->refunded += amount;
  refunded->refunds++;
  if (refunded->refunded < refunded->amount) return;
  refunded->given_back = true;
  change_payment(model, sequence, refunded->paid_by)->status = PAYMENT_REFUNDED;
}

void sale_model_admit(struct sale_model *model, uint64_t sequence, uint32_t reservation,
                      uint32_t place)
{
  change_reservation(model, sequence, reservation)->admitted |= 1u << place;
}

void sale_model_set(struct sale_model *model, uint64_t sequence, uint32_t event,
                    const struct model_setting *setting)
{
  note(model, sequence, UNDO_SETTING, event)->was.setting = model->events[event].setting;
  model->events[event].setting = *setting;
}

uint32_t sale_model_new_key(struct sale_model *model)
{
  model->keys = grow_small(model->keys, model->key_count, &model->key_capacity,
                           sizeof *model->keys);
  model->keys[model->key_count] = (struct model_key){.result = MODEL_NONE};
  return model->key_count++;
}

void sale_model_use_key(struct sale_model *model, uint64_t sequence, uint32_t key,
                        const struct model_key *used)
{
  CHECK(!model->keys[key].used);
  note(model, sequence, UNDO_KEY, key);
  model->keys[key] = *used;
  model->keys[key].used = true;
}

/* ---- the log ---- */

static void take_back(struct sale_model *model, const struct model_undo *undo)
{
  switch (undo->kind) {
  case UNDO_RESERVATION:
    model->reservations[undo->index] = undo->was.reservation;
    break;
  case UNDO_PAYMENT:
    model->payments[undo->index] = undo->was.payment;
    break;
  case UNDO_SEAT:
    model->events[undo->index].owner[undo->seat] = undo->was.owner;
    break;
  case UNDO_SETTING:
    model->events[undo->index].setting = undo->was.setting;
    break;
  case UNDO_KEY:
    model->keys[undo->index] = (struct model_key){.result = MODEL_NONE};
    break;
  case UNDO_MADE:
    while (model->reservation_count > undo->was.made.reservations) {
      const struct model_reservation *last = &model->reservations[--model->reservation_count];
      model->newest[last->buyer] = last->before;
    }
    model->payment_count = undo->was.made.payments;
    break;
  }
}

void sale_model_rewind(struct sale_model *model, uint64_t sequence)
{
  while (model->undo_count > 0 && model->undo[model->undo_count - 1].sequence > sequence)
    take_back(model, &model->undo[--model->undo_count]);
}

void sale_model_settle_log(struct sale_model *model, uint64_t sequence)
{
  size_t settled = 0;
  while (settled < model->undo_count && model->undo[settled].sequence <= sequence) settled++;
  if (settled == 0) return;
  memmove(model->undo, model->undo + settled, (model->undo_count - settled) * sizeof *model->undo);
  model->undo_count -= settled;
}
