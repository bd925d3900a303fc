/*
 * The door of an event: each sold ticket admits once.
 *
 *     code (ticket_code.h) -> sale_checkin -> TICKET_INVALID      no code of ours
 *                                          -> TICKET_OTHER_EVENT  this door is of another event
 *                                          -> TICKET_NOT_FOUND    its order or seat is not there
 *                                          -> TICKET_REFUNDED     the seat was given back, and may
 *                                                                 be somebody else's by now
 *                                          -> ALREADY_ADMITTED    with time and gate of the first
 *                                          -> SALE_OK             the plan admits
 *
 * What is written, in one transaction:
 *
 *     ticket-tickets        pk CHECKIN#{ticketId}, sk {issue}; in GSI1 CHECKINS#{eventId} in the
 *                           order of admission. Under attribute_not_exists: of two doors that scan
 *                           the same code at the same time one is refused. A condition says that
 *                           the ticket is still sold in this issue.
 *     ticket-ticket-events  TicketCheckedIn, sk EVENT#{timestamp}#{issue}#CHECKIN. The issue is the
 *                           version of the sale, which admission does not change.
 *     outbox                TicketCheckedIn: ticketId, eventId, orderId, reservationId, userId,
 *                           issue, gate, checkedInAt
 *
 * When the commit says STORE_CANCELED another door was faster, or the order was refunded meanwhile:
 * asked again, sale_checkin tells which. A ticket that was refunded after it admitted is refused as
 * refunded.
 *
 * Memory: results point into the plan's arena, or to what lives as long as the event. Engine
 * thread.
 */
#ifndef TACOS_SALE_CHECKIN_H
#define TACOS_SALE_CHECKIN_H

#include "sale/sale.h"
#include "sale/ticket_code.h"

enum { CHECKIN_GATE_BYTES = 64 }; /* "North 3": what stands on a sign */

struct sale_checkin {
  struct bytes code;     /* as scanned */
  struct bytes event_id; /* that this door is of; empty: any */
  struct bytes gate;     /* empty, or UTF-8 without control characters */
};

struct sale_checkin_result {
  enum ticket_code_verdict verdict; /* with SALE_TICKET_INVALID: what is wrong with it */
  /* From here on with SALE_ALREADY_ADMITTED and SALE_OK. */
  struct bytes ticket_id, order_id, user_id;
  struct sale_event *event;
  struct sale_seat seat;
  int64_t issue;
  int64_t admitted_ms; /* the first time */
  struct bytes gate;   /* of the first time; empty: not told */
};

/*
 * Adds the admission to the plan. Also SALE_INVALID, with *error: the gate's name is too long or no
 * text; and SALE_UNAVAILABLE.
 */
enum sale_refusal sale_checkin(struct sale *sale, struct plan *plan, const struct ticket_keys *keys,
                               const struct sale_checkin *ask, int64_t now_ms,
                               struct sale_checkin_result *result, struct error *error);

/*
 * Writes the code of an order's ticket and returns its size: the same text whenever it is asked for
 * with the same signer. 0 when the order was written before it knew the issue of its tickets.
 */
size_t sale_ticket_code(const struct sale_order *order, uint32_t place,
                        const struct ticket_signer *signer, char text[TICKET_CODE_TEXT_MAX]);

#endif
