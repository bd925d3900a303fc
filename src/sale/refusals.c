#include "sale/sale.h"

#include "base/check.h"

static const struct sale_refusal_row ROWS[SALE_REFUSALS] = {
    [SALE_UNAVAILABLE] = {503, "SERVER_BUSY", "nothing was changed: try again in a moment"},
    [SALE_INVALID] = {400, "INVALID_REQUEST", "the request is not valid"},
    [SALE_MISSING_EVENT_ID] = {400, "MISSING_EVENT_ID", "say which event: event_id"},
    [SALE_MISSING_SEATS] = {400, "MISSING_SEATS",
                            "say which seats (seat_ids) or how many (quantity)"},
    [SALE_MISSING_RESERVATION_ID] = {400, "MISSING_RESERVATION_ID",
                                     "say which reservation: reservation_id"},
    [SALE_INVALID_AMOUNT] = {400, "INVALID_AMOUNT", "amount is a positive number of minor units"},
    [SALE_EVENT_NOT_FOUND] = {404, "EVENT_NOT_FOUND", "there is no such event"},
    [SALE_RESERVATION_NOT_FOUND] = {404, "RESERVATION_NOT_FOUND", "you have no such reservation"},
    [SALE_PAYMENT_NOT_FOUND] = {404, "PAYMENT_NOT_FOUND", "there is no such payment"},
    [SALE_ORDER_NOT_FOUND] = {404, "ORDER_NOT_FOUND", "you have no such order"},
    [SALE_TICKET_INVALID] = {400, "TICKET_INVALID",
                             "this is no ticket of ours: scan it again, or send for somebody"},
    [SALE_TICKET_NOT_FOUND] = {404, "TICKET_NOT_FOUND",
                               "the ticket is signed, but its order is not known here"},
    [SALE_TICKET_OTHER_EVENT] = {409, "TICKET_OTHER_EVENT", "the ticket is for another event"},
    [SALE_TICKET_REFUNDED] = {409, "TICKET_REFUNDED",
                              "the ticket was refunded: it admits nobody any more"},
    [SALE_ALREADY_ADMITTED] = {409, "ALREADY_ADMITTED",
                               "somebody came in with this ticket before: see admitted_at"},
    [SALE_EVENT_EXISTS] = {409, "EVENT_EXISTS", "an event with this id is there already"},
    [SALE_CLOSED] = {409, "SALE_CLOSED", "the event is not on sale now"},
    [SALE_ADMISSION_REQUIRED] = {403, "ADMISSION_REQUIRED",
                                 "wait in the queue, and send the reservation_token it gives"},
    [SALE_ADMISSION_INVALID] = {403, "ADMISSION_INVALID",
                                "the reservation_token is not valid for this event and buyer, or "
                                "over: enter the queue again"},
    [SALE_SEAT_NOT_FOUND] = {404, "SEAT_NOT_FOUND", "the event has no such seat"},
    [SALE_EXPIRED] = {409, "RESERVATION_EXPIRED", "the hold is over: choose seats again"},
    [SALE_CANCELLED] = {409, "RESERVATION_CANCELLED",
                        "the reservation was cancelled: choose seats again"},
    [SALE_ALREADY_CONFIRMED] = {409, "ALREADY_CONFIRMED",
                                "the reservation is paid: ask for a refund of its order"},
    [SALE_AMOUNT_MISMATCH] = {409, "AMOUNT_MISMATCH",
                              "amount and currency are not those of the reservation"},
    [SALE_PAYMENT_NOT_APPROVED] = {412, "PAYMENT_NOT_APPROVED",
                                   "the payment is not approved: pay first, then confirm"},
    [SALE_NOT_REFUNDABLE] = {409, "NOT_REFUNDABLE",
                             "the order was refunded, or the amount is more than what is left"},
    [SALE_BUYER_LIMIT] = {409, "BUYER_LIMIT", "one buyer may not have more seats of this event"},
    [SALE_CONFLICT] = {409, "INVENTORY_CONFLICT",
                       "some seats are taken: choose others, or take the alternative"},
    [SALE_SOLD_OUT] = {409, "SOLD_OUT", "there are not so many seats left"},
};

const struct sale_refusal_row *sale_refusal_row(enum sale_refusal refusal)
{
  CHECK(refusal > SALE_OK && refusal < SALE_REFUSALS);
  return &ROWS[refusal];
}
