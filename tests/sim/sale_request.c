#include "sim/sale_run.h"

#include "base/check.h"
#include "sale/checkin.h"
#include "sale/idempotency.h"
#include "sale/seat_map.h"

#include <stdio.h>
#include <string.h>

enum {
  STATUS = 200,
  NAME_BYTES = 16,
  BODY_BYTES = 256,
  TEXT_BYTES = 256,
  FAULT_IN = 60,
  FAULT_CALLS = 12
};

/* One request on its way through the platform. */
struct attempt {
  struct sale_run *run;
  const struct sale_request *request;
  struct sale_answer *answer;
  struct plan *plan;
  char user[NAME_BYTES];
  char text[TEXT_BYTES]; /* of an answer that is kept under a key */
  enum sale_refusal expected;
  bool commits; /* the plan is to be committed though the request was refused */
  /* What the model shall be told once it is in the log. */
  struct model_reservation hold;
  char id[MODEL_ID_BYTES];
  enum model_verdict verdict;
  uint32_t paid_by;
  bool changes;
};

static struct model_reservation *reservation_of(const struct attempt *attempt)
{
  return &attempt->run->model.reservations[attempt->request->reservation];
}

static struct bytes reservation_id(const struct attempt *attempt)
{
  return bytes_of_text(reservation_of(attempt)->id);
}

static const char *refusal_name(enum sale_refusal refusal)
{
  return refusal == SALE_OK ? "OK" : sale_refusal_row(refusal)->code;
}

static void keep_id(struct sale_run *run, char to[MODEL_ID_BYTES], struct bytes id)
{
  RUN_CHECK(run, id.size > 0 && id.size < MODEL_ID_BYTES);
  memcpy(to, id.data, id.size);
  to[id.size] = 0;
}

/* ---- reserve ---- */

static bool is_taken(const struct attempt *attempt, uint32_t seat)
{
  const struct sale_run *run = attempt->run;
  return sale_model_taken(&run->model, attempt->request->event, seat, run->now_ms);
}

static enum sale_refusal expect_reserve(const struct attempt *attempt)
{
  const struct sale_run *run = attempt->run;
  const struct sale_request *request = attempt->request;
  const struct model_setting *setting = &run->model.events[request->event].setting;
  uint32_t quantity = request->seat_count > 0 ? request->seat_count : request->quantity;
  if (setting->paused) return SALE_CLOSED;
  uint32_t has = sale_model_seats_of(&run->model, request->event, request->buyer, run->now_ms);
  if (has + quantity > setting->limit) return SALE_BUYER_LIMIT;
  for (uint32_t i = 0; i < request->seat_count; i++)
    if (is_taken(attempt, request->seats[i])) return SALE_CONFLICT;
  /* The best available are of one section. */
  if (request->seat_count == 0 &&
      sale_model_most_free(&run->model, request->event, run->now_ms) < quantity)
    return SALE_SOLD_OUT;
  return SALE_OK;
}

/* A conflict names the seats that are taken, all of them, and offers others that are free. */
static void check_conflict(const struct attempt *attempt, const struct sale_reserve_result *result)
{
  struct sale_run *run = attempt->run;
  const struct sale_request *request = attempt->request;
  const struct seat_map *map = sale_process_event(run, request->event)->map;
  uint32_t taken = 0;
  for (uint32_t i = 0; i < request->seat_count; i++) {
    char id[SEAT_ID_BYTES];
    size_t size = seat_map_format_id(map, request->seats[i], id);
    bool named = false;
    for (uint32_t j = 0; j < result->unavailable_count; j++)
      if (bytes_equal(result->unavailable[j], bytes_of(id, size))) named = true;
    RUN_CHECK(run, named == is_taken(attempt, request->seats[i]));
    if (named) taken++;
  }
  RUN_CHECK(run, taken > 0 && result->unavailable_count == taken);
  uint32_t count = result->alternative_count;
  uint32_t most = sale_model_most_free(&run->model, request->event, run->now_ms);
  RUN_CHECK(run, count == (most < request->seat_count ? 0 : request->seat_count));
  for (uint32_t i = 0; i < count; i++)
    RUN_CHECK(run, !is_taken(attempt, seat_map_find(map, result->alternative[i])));
}

/* The hold that was granted: as asked, of free seats, at their prices, for its time. */
static void check_hold(struct attempt *attempt, const struct sale_reservation *hold)
{
  struct sale_run *run = attempt->run;
  const struct sale_request *request = attempt->request;
  const struct model_event *event = &run->model.events[request->event];
  uint32_t quantity = request->seat_count > 0 ? request->seat_count : request->quantity;
  RUN_CHECK(run, hold->quantity == quantity && hold->status == RESERVATION_PENDING);
  RUN_CHECK(run, hold->hold_expires_ms == run->now_ms + event->setting.hold_s * INT64_C(1000));
  struct model_reservation *held = &attempt->hold;
  *held = (struct model_reservation){.buyer = request->buyer,
                                     .event = request->event,
                                     .quantity = quantity,
                                     .until_ms = hold->hold_expires_ms};
  keep_id(run, held->id, hold->id);
  int size = snprintf(attempt->text, sizeof attempt->text, "%s:%lld", held->id,
                      (long long)held->until_ms);
  for (uint32_t i = 0; i < quantity; i++) {
    uint32_t seat = hold->seats[i].place;
    if (is_taken(attempt, seat))
      sale_run_fail(run, "seat %u of %s is given to buyer %u, and somebody has it", seat, event->id,
                    request->buyer);
    if (request->seat_count > 0) RUN_CHECK(run, seat == request->seats[i]);
    for (uint32_t j = 0; j < i; j++) RUN_CHECK(run, held->seats[j] != seat);
    held->seats[i] = seat;
    held->amount += sale_model_price(event, seat);
    size += snprintf(attempt->text + size, sizeof attempt->text - (size_t)size, " %u", seat);
  }
  RUN_CHECK(run, held->amount == hold->amount);
}

static enum sale_refusal reserve(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  const struct sale_request *request = attempt->request;
  struct sale_event *event = sale_process_event(run, request->event);
  char ids[SALE_SEATS_MAX][SEAT_ID_BYTES];
  struct bytes seats[SALE_SEATS_MAX];
  struct sale_reserve_result result = {0};
  struct sale_reserve ask = {.event_id = event->id,
                             .user_id = bytes_of_text(attempt->user),
                             .seat_ids = seats,
                             .seat_count = request->seat_count,
                             .quantity = request->quantity};
  char section = (char)('A' + (int)request->section);
  if (request->section != MODEL_NONE) ask.section = bytes_of(&section, 1);
  for (uint32_t i = 0; i < request->seat_count; i++)
    seats[i] = bytes_of(ids[i], seat_map_format_id(event->map, request->seats[i], ids[i]));
  attempt->expected = expect_reserve(attempt);
  enum sale_refusal refusal = sale_reserve(run->sale, attempt->plan, &ask, run->now_ms, &result,
                                           &run->error);
  if (refusal != attempt->expected) return refusal;
  if (refusal == SALE_CONFLICT) check_conflict(attempt, &result);
  if (refusal == SALE_OK) check_hold(attempt, &result.reservation);
  attempt->changes = true;
  return refusal;
}

/* ---- cancel ---- */

static enum sale_refusal cancel(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  struct sale_reservation reservation;
  static const enum sale_refusal expected[RESERVATION_STATUSES] = {
      [RESERVATION_PENDING] = SALE_OK,
      [RESERVATION_CONFIRMED] = SALE_ALREADY_CONFIRMED,
      [RESERVATION_EXPIRED] = SALE_EXPIRED,
      [RESERVATION_CANCELLED] = SALE_OK,
  };
  const struct model_reservation *held = reservation_of(attempt);
  attempt->expected = expected[sale_model_status(held, run->now_ms)];
  attempt->changes = held->state != MODEL_CANCELLED;
  if (held->buyer != attempt->request->buyer) attempt->expected = SALE_RESERVATION_NOT_FOUND;
  enum sale_refusal refusal = sale_cancel(run->sale, attempt->plan, reservation_id(attempt),
                                          bytes_of_text(attempt->user), run->now_ms, &reservation);
  if (refusal == SALE_OK) RUN_CHECK(run, reservation.status == RESERVATION_CANCELLED);
  snprintf(attempt->text, sizeof attempt->text, "cancelled %s", held->id);
  return refusal;
}

/* ---- payments ---- */

static enum sale_refusal expect_intend(const struct attempt *attempt)
{
  const struct sale_run *run = attempt->run;
  const struct model_reservation *held = reservation_of(attempt);
  if (held->buyer != attempt->request->buyer) return SALE_RESERVATION_NOT_FOUND;
  switch (sale_model_status(held, run->now_ms)) {
  case RESERVATION_EXPIRED:
    return SALE_EXPIRED;
  case RESERVATION_CANCELLED:
    return SALE_CANCELLED;
  default:
    break;
  }
  if (attempt->request->amount != held->amount) return SALE_AMOUNT_MISMATCH;
  return held->state == MODEL_BOUGHT ? SALE_ALREADY_CONFIRMED : SALE_OK;
}

static enum sale_refusal intend(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  struct sale_payment payment;
  const struct bytes none = {NULL, 0};
  const struct model_reservation *held = reservation_of(attempt);
  attempt->expected = expect_intend(attempt);
  enum sale_refusal refusal = sale_payment_intend(
      run->sale, attempt->plan, reservation_id(attempt), bytes_of_text(attempt->user),
      attempt->request->amount, none, none, run->now_ms, &payment);
  if (refusal != SALE_OK) return refusal;
  keep_id(run, attempt->id, payment.intent_id);
  RUN_CHECK(run, payment.amount == held->amount);
  /* One open intent for a reservation; after one that failed there is another. */
  bool open = held->payment != MODEL_NONE &&
              run->model.payments[held->payment].status != PAYMENT_FAILED;
  bool same = held->payment != MODEL_NONE &&
              strcmp(run->model.payments[held->payment].id, attempt->id) == 0;
  RUN_CHECK(run, open == same);
  attempt->changes = !open;
  snprintf(attempt->text, sizeof attempt->text, "intent %s", attempt->id);
  return refusal;
}

/* The first word counts, but that money came is true whenever it is said. */
static enum sale_refusal hear_provider(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  const struct sale_request *request = attempt->request;
  const struct model_payment *known = &run->model.payments[request->payment];
  struct sale_payment payment;
  char id[MODEL_ID_BYTES];
  int size = snprintf(id, sizeof id, "ext_%u", request->payment);
  enum sale_refusal refusal = sale_payment_settle(
      run->sale, attempt->plan, bytes_of_text(known->id), request->approved,
      bytes_of(id, (size_t)size), run->now_ms, &payment);
  if (refusal != SALE_OK) return refusal;
  enum payment_status after = known->status;
  attempt->changes = known->status == PAYMENT_PENDING ||
                     (known->status == PAYMENT_FAILED && request->approved);
  if (attempt->changes) after = request->approved ? PAYMENT_COMPLETED : PAYMENT_FAILED;
  RUN_CHECK(run, payment.status == after && payment.amount == known->amount);
  return refusal;
}

/* ---- confirm ---- */

/* The payment that counts for a request, or MODEL_NONE: none is approved. */
static uint32_t approved_payment(const struct attempt *attempt)
{
  uint32_t payment = attempt->request->payment;
  if (payment == MODEL_NONE) payment = reservation_of(attempt)->payment;
  if (payment == MODEL_NONE) return MODEL_NONE;
  return attempt->run->model.payments[payment].status == PAYMENT_COMPLETED ? payment : MODEL_NONE;
}

static void check_order(const struct attempt *attempt, const struct sale_order *order)
{
  struct sale_run *run = attempt->run;
  const struct model_reservation *bought = reservation_of(attempt);
  uint32_t paid_by = bought->state == MODEL_BOUGHT ? bought->paid_by : attempt->paid_by;
  char id[MODEL_ID_BYTES];
  /* A reservation has one order for ever; its id shows that. */
  snprintf(id, sizeof id, "ord_%s", bought->id + 4);
  RUN_CHECK(run, bytes_equal(order->id, bytes_of_text(id)));
  RUN_CHECK(run, bytes_equal(order->reservation_id, bytes_of_text(bought->id)));
  RUN_CHECK(run, bytes_equal(order->intent_id, bytes_of_text(run->model.payments[paid_by].id)));
  RUN_CHECK(run, order->amount == bought->amount && order->quantity == bought->quantity);
  RUN_CHECK(run, order->refunded == bought->refunded);
  RUN_CHECK(run, (order->status == ORDER_REFUNDED) == bought->given_back);
  for (uint32_t i = 0; i < order->quantity; i++)
    RUN_CHECK(run, order->seats[i].place == bought->seats[i]);
}

static enum sale_refusal expect_confirm(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  const struct model_reservation *held = reservation_of(attempt);
  enum reservation_status status = sale_model_status(held, run->now_ms);
  attempt->paid_by = approved_payment(attempt);
  if (held->buyer != attempt->request->buyer) return SALE_RESERVATION_NOT_FOUND;
  if (status == RESERVATION_CONFIRMED) {
    /* Another payment of it that was approved goes back. */
    attempt->verdict = MODEL_GIVES_BACK;
    attempt->changes = attempt->paid_by != MODEL_NONE && attempt->paid_by != held->paid_by;
    return SALE_OK;
  }
  attempt->changes = attempt->paid_by != MODEL_NONE;
  if (attempt->changes) {
    attempt->verdict = sale_model_verdict(&run->model, attempt->paid_by, run->now_ms);
    if (attempt->verdict == MODEL_GIVES_BACK) attempt->commits = true;
    if (!attempt->commits) return SALE_OK;
    return status == RESERVATION_CANCELLED ? SALE_CANCELLED : SALE_EXPIRED;
  }
  if (status == RESERVATION_PENDING) return SALE_PAYMENT_NOT_APPROVED;
  return status == RESERVATION_CANCELLED ? SALE_CANCELLED : SALE_EXPIRED;
}

static enum sale_refusal confirm(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  const struct sale_request *request = attempt->request;
  struct bytes intent = {NULL, 0};
  struct sale_order order;
  bool refunded;
  if (request->payment != MODEL_NONE)
    intent = bytes_of_text(run->model.payments[request->payment].id);
  attempt->expected = expect_confirm(attempt);
  enum sale_refusal refusal = sale_confirm(run->sale, attempt->plan, reservation_id(attempt),
                                           bytes_of_text(attempt->user), intent, run->now_ms,
                                           &order, &refunded);
  if (refusal != attempt->expected) return refusal;
  RUN_CHECK(run, refunded == (attempt->changes && attempt->verdict == MODEL_GIVES_BACK));
  if (refusal == SALE_OK) check_order(attempt, &order);
  snprintf(attempt->text, sizeof attempt->text, "order of %s", reservation_of(attempt)->id);
  return refusal;
}

/* ---- the operator and the door ---- */

static struct bytes order_id(const struct attempt *attempt, char id[MODEL_ID_BYTES])
{
  snprintf(id, MODEL_ID_BYTES, "ord_%s", reservation_of(attempt)->id + 4);
  return bytes_of_text(id);
}

static enum sale_refusal refund(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  const struct model_reservation *bought = reservation_of(attempt);
  int64_t left = bought->amount - bought->refunded;
  struct sale_order order;
  char id[MODEL_ID_BYTES];
  attempt->expected = SALE_OK;
  attempt->changes = true;
  if (bought->state != MODEL_BOUGHT)
    attempt->expected = SALE_ORDER_NOT_FOUND;
  else if (left == 0 || attempt->request->amount > left)
    attempt->expected = SALE_NOT_REFUNDABLE;
  enum sale_refusal refusal = sale_refund(run->sale, attempt->plan, order_id(attempt, id),
                                          attempt->request->amount, BYTES("asked"), run->now_ms,
                                          &order);
  if (refusal != SALE_OK || refusal != attempt->expected) return refusal;
  int64_t amount = attempt->request->amount == 0 ? left : attempt->request->amount;
  RUN_CHECK(run, order.refunded == bought->refunded + amount);
  RUN_CHECK(run, (order.status == ORDER_REFUNDED) == (amount == left));
  snprintf(attempt->text, sizeof attempt->text, "refunded %lld", (long long)amount);
  return refusal;
}

/* The code that the order has now, as its buyer shows it. */
static enum sale_refusal check_in(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  const struct model_reservation *bought = reservation_of(attempt);
  uint32_t place = attempt->request->place;
  struct sale_order order;
  struct sale_checkin_result result;
  char id[MODEL_ID_BYTES];
  char code[TICKET_CODE_TEXT_MAX];
  const struct bytes none = {NULL, 0};
  attempt->expected = bought->state == MODEL_BOUGHT ? SALE_OK : SALE_ORDER_NOT_FOUND;
  enum sale_refusal refusal = sale_order_find(run->sale, attempt->plan->arena,
                                              order_id(attempt, id), none, &order);
  if (refusal != SALE_OK || refusal != attempt->expected) return refusal;
  size_t size = sale_ticket_code(&order, place, &run->signer, code);
  const struct sale_checkin ask = {.code = bytes_of(code, size), .gate = BYTES("North")};
  if (bought->given_back)
    attempt->expected = SALE_TICKET_REFUNDED;
  else if ((bought->admitted & 1u << place) != 0)
    attempt->expected = SALE_ALREADY_ADMITTED;
  attempt->changes = true;
  return sale_checkin(run->sale, attempt->plan, &run->ticket_keys, &ask, run->now_ms, &result,
                      &run->error);
}

static enum sale_refusal change(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  const struct model_setting *setting = &attempt->request->setting;
  const struct sale_event_change wanted = {
      .has_status = true,
      .has_max_per_buyer = true,
      .has_hold_seconds = true,
      .status = setting->paused ? SALE_PAUSED : SALE_ON_SALE,
      .max_per_buyer = setting->limit,
      .hold_seconds = setting->hold_s,
  };
  attempt->changes = true;
  return sale_event_update(run->sale, attempt->plan,
                           sale_process_event(run, attempt->request->event), &wanted, run->now_ms,
                           &run->error);
}

/* ---- payments that the platform decided about by itself ---- */

/* Whether the platform has decided about a payment that the model knows to be approved. */
static bool observe(struct sale_run *run, uint32_t number, bool gives_back)
{
  struct sale_model *model = &run->model;
  const struct model_payment *known = &model->payments[number];
  struct sale_payment payment;
  if (known->status != PAYMENT_COMPLETED) return false;
  if (model->reservations[known->reservation].paid_by == number) return false;
  if (sale_payment_find(run->sale, &run->arena, bytes_of_text(known->id), &payment) != SALE_OK)
    sale_run_fail(run, "payment %s is not there", known->id);
  bool bought = payment.order_id.size > 0;
  if (!bought && payment.status == PAYMENT_COMPLETED) return false;
  RUN_CHECK(run, bought == (payment.status == PAYMENT_COMPLETED));
  if (bought == gives_back) return false;
  enum model_verdict verdict = sale_model_verdict(model, number, payment.updated_ms);
  if (bought != (verdict != MODEL_GIVES_BACK))
    sale_run_fail(run, "payment %s of reservation %s, decided at %lld: %s, though it should be %s",
                  known->id, model->reservations[known->reservation].id,
                  (long long)payment.updated_ms, bought ? "has an order" : "was given back",
                  bought ? "given back" : "an order");
  if (bought)
    sale_model_buy(model, store_appended(run->store), number, verdict == MODEL_BUYS_LATE);
  else
    sale_model_give_back(model, store_appended(run->store), number);
  return true;
}

/* ---- what became of it ---- */

static void observe_cancelled(const struct attempt *attempt)
{
  struct memory *memory = &attempt->run->world->memory;
  uint64_t fail_at = memory->fail_at;
  uint32_t payment = reservation_of(attempt)->payment;
  memory->fail_at = 0;
  if (payment != MODEL_NONE) (void)observe(attempt->run, payment, true);
  memory->fail_at = fail_at;
}

static void tell_model(struct attempt *attempt, uint64_t sequence)
{
  struct sale_model *model = &attempt->run->model;
  const struct sale_request *request = attempt->request;
  struct sale_answer *answer = attempt->answer;
  answer->result = request->reservation;
  if (request->verb == VERB_INTEND) answer->result = reservation_of(attempt)->payment;
  if (!attempt->changes) return;
  switch (request->verb) {
  case VERB_RESERVE:
    answer->result = sale_model_reserve(model, sequence, &attempt->hold);
    break;
  case VERB_CANCEL:
    sale_model_cancel(model, sequence, request->reservation);
    /* What was paid went back in the same record, or a worker will see to it. */
    observe_cancelled(attempt);
    break;
  case VERB_INTEND:
    answer->result = sale_model_intend(model, sequence, request->reservation,
                                       bytes_of_text(attempt->id));
    break;
  case VERB_CONFIRM:
    if (attempt->verdict == MODEL_GIVES_BACK)
      sale_model_give_back(model, sequence, attempt->paid_by);
    else
      sale_model_buy(model, sequence, attempt->paid_by, attempt->verdict == MODEL_BUYS_LATE);
    break;
  case VERB_WEBHOOK:
    sale_model_settle(model, sequence, request->payment, request->approved);
    break;
  case VERB_REFUND: {
    const struct model_reservation *bought = reservation_of(attempt);
    int64_t left = bought->amount - bought->refunded;
    sale_model_refund(model, sequence, request->reservation,
                      request->amount == 0 ? left : request->amount);
    break;
  }
  case VERB_CHECKIN:
    sale_model_admit(model, sequence, request->reservation, request->place);
    break;
  case VERB_CHANGE:
    sale_model_set(model, sequence, request->event, &request->setting);
    break;
  case VERBS:
    break;
  }
}

/* ---- idempotency ---- */

/* All that was asked, as the body of the request. */
static struct bytes body_of(const struct sale_request *request, char body[BODY_BYTES])
{
  int size = snprintf(body, BODY_BYTES, "%d %u %u %u %u %u %u %lld %d:", (int)request->verb,
                      request->event, request->quantity, request->section, request->reservation,
                      request->payment, request->place, (long long)request->amount,
                      (int)request->approved);
  for (uint32_t i = 0; i < request->seat_count; i++)
    size += snprintf(body + size, BODY_BYTES - (size_t)size, " %u", request->seats[i]);
  return bytes_of(body, (size_t)size);
}

static void make_idempotency(const struct attempt *attempt, struct idempotency *idempotency,
                             char body[BODY_BYTES], uint64_t *number)
{
  char key[NAME_BYTES];
  snprintf(key, sizeof key, "key-%u", attempt->request->key);
  const struct idempotency_request request = {.who = bytes_of_text(attempt->user),
                                              .method = BYTES("POST"),
                                              .path = BYTES("/"),
                                              .key = bytes_of_text(key),
                                              .body = body_of(attempt->request, body)};
  *number = hash_bytes(request.body, 0);
  idempotency_init(idempotency, &request);
}

/* Whether the request is new to the platform; the same answer as before otherwise. */
static bool is_new(struct attempt *attempt, const struct idempotency *idempotency, uint64_t body)
{
  struct sale_run *run = attempt->run;
  struct sale_answer *answer = attempt->answer;
  const struct model_key *key = &run->model.keys[attempt->request->key];
  struct idempotency_answer kept;
  enum idempotency_outcome expected = IDEMPOTENCY_NEW;
  if (key->used) expected = key->body == body ? IDEMPOTENCY_REPLAY : IDEMPOTENCY_MISMATCH;
  enum idempotency_outcome outcome = idempotency_find(run->sale, attempt->plan->arena, idempotency,
                                                      run->now_ms, &kept);
  bool spoiled = run->faulty && run->world->memory.calls >= run->world->memory.fail_at;
  if (spoiled && (outcome == IDEMPOTENCY_IN_FLIGHT || kept.body.data == NULL)) {
    answer->refusal = SALE_UNAVAILABLE;
    return false;
  }
  if (outcome != expected)
    sale_run_fail(run, "key %u: idempotency gives %d, not %d", attempt->request->key, (int)outcome,
                  (int)expected);
  if (outcome == IDEMPOTENCY_NEW) return true;
  run->totals->replays++;
  answer->mismatch = outcome == IDEMPOTENCY_MISMATCH;
  answer->result = key->result;
  if (answer->mismatch) return false;
  RUN_CHECK(run, kept.status == STATUS && bytes_equal(kept.body, bytes_of_text(key->answer)));
  return false;
}

/* ---- one request ---- */

typedef enum sale_refusal verb(struct attempt *attempt);

static verb *const VERB_FUNCTIONS[VERBS] = {
    [VERB_RESERVE] = reserve,  [VERB_CANCEL] = cancel,         [VERB_INTEND] = intend,
    [VERB_CONFIRM] = confirm,  [VERB_WEBHOOK] = hear_provider, [VERB_REFUND] = refund,
    [VERB_CHECKIN] = check_in, [VERB_CHANGE] = change,
};

static bool was_spoiled(const struct sale_run *run)
{
  return run->faulty && run->world->memory.calls >= run->world->memory.fail_at;
}

/* Commits what was decided, with its answer; false when there was no memory for it. */
static bool commit(struct attempt *attempt, const struct idempotency *idempotency, uint64_t body)
{
  struct sale_run *run = attempt->run;
  const struct sale_request *request = attempt->request;
  struct store_transact_result result;
  struct model_key key = {.body = body, .used_ms = run->now_ms};
  bool keyed = request->key != MODEL_NONE && attempt->answer->refusal == SALE_OK;
  snprintf(key.answer, sizeof key.answer, "{\"answer\":\"%s\"}", attempt->text);
  bool added = !keyed || idempotency_add(run->sale, attempt->plan, idempotency, STATUS,
                                         bytes_of_text(key.answer), run->now_ms);
  enum store_status status = STORE_UNAVAILABLE;
  if (added) status = plan_commit(attempt->plan, &result, &run->error);
  if (status != STORE_OK) {
    /* A counter that there was no memory to read lets a condition fail. */
    if ((status == STORE_UNAVAILABLE || status == STORE_CANCELED) && was_spoiled(run)) return false;
    sale_run_fail(run, "verb %d: the commit gives %s: %s", (int)request->verb,
                  store_status_name(status), run->error.message);
  }
  attempt->answer->sequence = result.sequence;
  tell_model(attempt, result.sequence);
  if (!keyed) return true;
  key.result = attempt->answer->result;
  sale_model_use_key(&run->model, result.sequence, request->key, &key);
  return true;
}

static void try_it(struct attempt *attempt)
{
  struct sale_run *run = attempt->run;
  const struct sale_request *request = attempt->request;
  struct sale_answer *answer = attempt->answer;
  struct idempotency idempotency;
  char body[BODY_BYTES];
  uint64_t body_number = 0;
  if (request->key != MODEL_NONE) {
    make_idempotency(attempt, &idempotency, body, &body_number);
    if (!is_new(attempt, &idempotency, body_number)) return;
  }
  answer->refusal = VERB_FUNCTIONS[request->verb](attempt);
  if (answer->refusal == SALE_UNAVAILABLE && was_spoiled(run)) return;
  if (answer->refusal != attempt->expected)
    sale_run_fail(run, "verb %d of buyer %u at %lld: %s, not %s", (int)request->verb,
                  request->buyer, (long long)run->now_ms, refusal_name(answer->refusal),
                  refusal_name(attempt->expected));
  if (answer->refusal != SALE_OK && !attempt->commits) return;
  if (!commit(attempt, &idempotency, body_number)) answer->refusal = SALE_UNAVAILABLE;
}

void sale_request(struct sale_run *run, const struct sale_request *request,
                  struct sale_answer *answer)
{
  struct attempt attempt = {.run = run, .request = request, .answer = answer};
  struct memory *memory = &run->world->memory;
  *answer = (struct sale_answer){.result = MODEL_NONE};
  snprintf(attempt.user, sizeof attempt.user, "user-%u", request->buyer);
  attempt.plan = &run->plan;
  bool again = request->key != MODEL_NONE && run->model.keys[request->key].used;
  run->faulty = !run->closing && random_below(&run->random, again ? FAULT_IN / 20 : FAULT_IN) == 0;
  if (run->faulty) {
    /* An arena without a chunk asks for one at its first allocation. */
    if (random_coin(&run->random)) arena_free(&run->arena);
    memory->fail_at = memory->calls + random_between(&run->random, 1, FAULT_CALLS);
  }
  arena_reset(&run->arena);
  plan_init(attempt.plan, run->store, &run->arena);
  try_it(&attempt);
  if (was_spoiled(run)) run->totals->faults++;
  memory->fail_at = 0;
  run->faulty = false;
  run->totals->requests++;
  run->totals->refusals[answer->refusal]++;
  /* A refusal rests on what was there; so does the same answer again. */
  if (answer->sequence == 0) answer->sequence = store_appended(run->store);
}

/* ---- what workers did ---- */

void sale_request_observe(struct sale_run *run)
{
  arena_reset(&run->arena);
  /* Purchases first: what was given back may have been so because of one. */
  for (int gives_back = 0; gives_back < 2; gives_back++)
    for (uint32_t i = 0; i < run->model.payment_count; i++) (void)observe(run, i, gives_back == 1);
}
