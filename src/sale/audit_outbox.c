#include "sale/audit_parts.h"

/* ---- reading: pk OUTBOX#{eventId}, sk CREATED#{timestamp} ---- */

enum { AGGREGATE_ID, CREATED_AT, DATA, EVENT_ID, TYPE, PK, PUBLISHED, FIELDS };

static const struct bytes NAMES[FIELDS] = {
    [AGGREGATE_ID] = {(const uint8_t *)"aggregateId", 11},
    [CREATED_AT] = {(const uint8_t *)"createdAt", 9},
    [DATA] = {(const uint8_t *)"eventData", 9},
    [EVENT_ID] = {(const uint8_t *)"eventId", 7},
    [TYPE] = {(const uint8_t *)"eventType", 9},
    [PK] = {(const uint8_t *)"pk", 2},
    [PUBLISHED] = {(const uint8_t *)"published", 9},
};

/* What a type of event is about, and which of its events it is. */
enum about { ABOUT_TICKET, ABOUT_HOLD, ABOUT_PAYMENT };

static const struct told_type {
  struct bytes name;
  enum about about;
  uint8_t which;
} TYPES[] = {
    {{(const uint8_t *)"TicketStatusChanged", 19}, ABOUT_TICKET, 0},
    {{(const uint8_t *)"TicketCreated", 13}, ABOUT_TICKET, 1},
    {{(const uint8_t *)"ReservationCreated", 18}, ABOUT_HOLD, TOLD_CREATED},
    {{(const uint8_t *)"ReservationConfirmed", 20}, ABOUT_HOLD, TOLD_CONFIRMED},
    {{(const uint8_t *)"ReservationExpired", 18}, ABOUT_HOLD, TOLD_EXPIRED},
    {{(const uint8_t *)"ReservationCancelled", 20}, ABOUT_HOLD, TOLD_CANCELLED},
    {{(const uint8_t *)"PaymentApproved", 15}, ABOUT_PAYMENT, TOLD_APPROVED},
    {{(const uint8_t *)"PaymentFailed", 13}, ABOUT_PAYMENT, TOLD_FAILED},
    {{(const uint8_t *)"PaymentRefunded", 15}, ABOUT_PAYMENT, TOLD_REFUNDED},
};

static const struct told_type *find_type(struct bytes name)
{
  for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
    if (bytes_equal(TYPES[i].name, name)) return &TYPES[i];
  return NULL;
}

static bool is_kept(const struct audit *audit, int64_t time_ms)
{
  return time_ms > audit->options->now_ms - AUDIT_KEPT_MS;
}

static void add_ticket(struct audit *audit, struct audit_ticket *ticket,
                       const struct told_type *type, int64_t version, int64_t time_ms)
{
  if (!is_kept(audit, time_ms)) return;
  ticket->told++;
  ticket->told_sum += audit_mix(type->which != 0 ? type->which : (uint64_t)version, 0);
}

/* Notes an event with what it is about; false when that is not there. */
static bool add_event(struct audit *audit, const struct told_type *type, struct bytes id,
                      int64_t version, int64_t time_ms)
{
  uint32_t number;
  switch (type->about) {
  case ABOUT_TICKET:
    number = audit_names_find(&audit->tickets, id);
    if (number == 0 || !audit_ticket(audit, number)->present) return false;
    add_ticket(audit, audit_ticket(audit, number), type, version, time_ms);
    break;
  case ABOUT_HOLD:
    number = audit_names_find(&audit->holds, id);
    if (number == 0 || !audit_hold(audit, number)->present) return false;
    uint8_t *told = &audit_hold(audit, number)->told[type->which];
    if (*told < UINT8_MAX) (*told)++;
    break;
  case ABOUT_PAYMENT:
    number = audit_names_find(&audit->payments, id);
    if (number == 0 || !audit_payment(audit, number)->present) return false;
    audit_payment(audit, number)->told |= type->which;
    break;
  }
  return true;
}

bool audit_read_outbox(struct audit *audit, struct value item)
{
  struct value values[FIELDS];
  struct audit_detail detail;
  struct bytes id;
  struct audit_law_result *law = audit_law(audit, AUDIT_OUTBOX);
  audit_pick(item, NAMES, FIELDS, values);
  if (!audit_after(audit_text(values[PK]), BYTES("OUTBOX#"), &id)) return true;
  law->count++;
  int64_t time_ms = audit_instant(values[CREATED_AT], INT64_MIN);
  if (!audit_read_detail(audit, audit_text(values[DATA]), &detail)) return false;
  if (!detail.whole || time_ms == INT64_MIN || value_type(values[PUBLISHED]) != VALUE_BOOL ||
      !bytes_equal(audit_text(values[EVENT_ID]), id)) {
    audit_find(audit, AUDIT_OUTBOX, "event %.*s is not whole", BYTES_FORMAT(id));
    return true;
  }
  if (!value_bool(values[PUBLISHED])) law->pending++;
  const struct told_type *type = find_type(audit_text(values[TYPE]));
  struct bytes about = audit_text(values[AGGREGATE_ID]);
  if (law->looked && type != NULL && !add_event(audit, type, about, detail.version, time_ms))
    audit_find(audit, AUDIT_OUTBOX, "event %.*s (%.*s) is about %.*s, which is not there",
               BYTES_FORMAT(id), BYTES_FORMAT(type->name), BYTES_FORMAT(about));
  return true;
}

/* ---- each change has its event, as far as rows are kept ---- */

static void check_ticket(struct audit *audit, uint32_t number)
{
  const struct audit_ticket *ticket = audit_ticket(audit, number);
  if (!ticket->present ||
      (ticket->to_tell == ticket->told && ticket->to_tell_sum == ticket->told_sum))
    return;
  audit_find(audit, AUDIT_OUTBOX, "ticket %.*s: its %u newest versions have %u events%s",
             AUDIT_NAME(audit->tickets, number), (unsigned)ticket->to_tell, (unsigned)ticket->told,
             ticket->to_tell == ticket->told ? ", of other versions" : "");
}

static void check_hold(struct audit *audit, uint32_t number)
{
  static const uint8_t ends[HOLD_ODD] = {[HOLD_CONFIRMED] = TOLD_CONFIRMED,
                                         [HOLD_EXPIRED] = TOLD_EXPIRED,
                                         [HOLD_CANCELLED] = TOLD_CANCELLED};
  const struct audit_hold *hold = audit_hold(audit, number);
  if (!hold->present || hold->status == HOLD_ODD) return;
  const uint8_t *told = hold->told;
  bool twice = false;
  for (int i = 0; i < TOLD_HOLD; i++) twice |= told[i] > 1;
  const char *wrong = NULL;
  if (twice) wrong = "one of its events is there twice";
  /* A hold that lapsed may be confirmed after all; it was told once then that it had expired. */
  if (told[TOLD_CONFIRMED] > 0 && hold->status != HOLD_CONFIRMED) wrong = "was told as confirmed";
  if (told[TOLD_CANCELLED] > 0 && hold->status == HOLD_PENDING) wrong = "was told as cancelled";
  if (told[TOLD_EXPIRED] > 0 && hold->status == HOLD_PENDING) wrong = "was told as expired";
  if (is_kept(audit, hold->created_ms) && told[TOLD_CREATED] == 0)
    wrong = "has no event ReservationCreated";
  if (hold->status != HOLD_PENDING && is_kept(audit, hold->updated_ms) &&
      told[ends[hold->status]] == 0)
    wrong = "has no event of its end";
  if (wrong != NULL)
    audit_find(audit, AUDIT_OUTBOX, "reservation %.*s (%.*s): %s", AUDIT_NAME(audit->holds, number),
               BYTES_FORMAT(audit_hold_statuses[hold->status]), wrong);
}

/* Every event of a payment is younger than its intent. */
static void check_payment(struct audit *audit, uint32_t number)
{
  static const uint8_t needed[PAID_ODD] = {[PAID_COMPLETED] = TOLD_APPROVED,
                                           [PAID_FAILED] = TOLD_FAILED,
                                           [PAID_REFUNDED] = TOLD_APPROVED | TOLD_REFUNDED};
  const struct audit_payment *payment = audit_payment(audit, number);
  if (!payment->present || payment->status == PAID_ODD || !is_kept(audit, payment->created_ms))
    return;
  uint8_t missing = needed[payment->status] & (uint8_t)~payment->told;
  if (missing != 0)
    audit_find(audit, AUDIT_OUTBOX, "payment %.*s (%.*s) has no event %s",
               AUDIT_NAME(audit->payments, number),
               BYTES_FORMAT(audit_payment_statuses[payment->status]),
               (missing & TOLD_REFUNDED) != 0   ? "PaymentRefunded"
               : (missing & TOLD_APPROVED) != 0 ? "PaymentApproved"
                                                : "PaymentFailed");
}

bool audit_check_outbox(struct audit *audit)
{
  for (uint32_t i = 1; i < audit->tickets.count; i++) check_ticket(audit, i);
  for (uint32_t i = 1; i < audit->holds.count; i++) check_hold(audit, i);
  for (uint32_t i = 1; i < audit->payments.count; i++) check_payment(audit, i);
  return true;
}
