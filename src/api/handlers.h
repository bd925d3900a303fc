/*
 * The handlers of the table in routes.c: one file for each kind of resource. A handler answers, or
 * keeps the exchange and answers later. Engine thread.
 */
#ifndef TACOS_API_HANDLERS_H
#define TACOS_API_HANDLERS_H

#include "api/api.h"

/* status.c */
void api_healthz(struct exchange *exchange);
void api_readyz(struct exchange *exchange);
void api_version(struct exchange *exchange);
void api_metrics(struct exchange *exchange);

/* auth.c */
void api_register(struct exchange *exchange);
void api_login(struct exchange *exchange);

/* events.c */
void api_event_list(struct exchange *exchange);
void api_event_get(struct exchange *exchange);
void api_event_availability(struct exchange *exchange);
void api_event_seats(struct exchange *exchange);
void api_event_stream(struct exchange *exchange);

/* reservations.c */
void api_reservation_create(struct exchange *exchange);
void api_reservation_list(struct exchange *exchange);
void api_reservation_get(struct exchange *exchange);
void api_reservation_confirm(struct exchange *exchange);
void api_reservation_cancel(struct exchange *exchange);

/* payments.c */
void api_payment_intent(struct exchange *exchange);
void api_payment_process(struct exchange *exchange);
void api_payment_status(struct exchange *exchange);

/* webhook.c */
void api_payment_webhook(struct exchange *exchange);

/* queue.c */
void api_queue_join(struct exchange *exchange);
void api_queue_status(struct exchange *exchange);
void api_queue_stream(struct exchange *exchange);
void api_queue_enter(struct exchange *exchange);
void api_queue_leave(struct exchange *exchange);

/* room.c */
void api_admin_room_set(struct exchange *exchange);
void api_room_fairness(struct exchange *exchange);

/* orders.c */
void api_order_list(struct exchange *exchange);
void api_order_get(struct exchange *exchange);

/* ticket_qr.c */
void api_ticket_qr(struct exchange *exchange);

/* admin.c */
void api_admin_event_create(struct exchange *exchange);
void api_admin_event_update(struct exchange *exchange);
void api_admin_refund(struct exchange *exchange);

/* checkin.c */
void api_ticket_keys(struct exchange *exchange);
void api_admin_checkin(struct exchange *exchange);

/* deliveries.c */
void api_admin_delivery_list(struct exchange *exchange);
void api_admin_delivery_replay(struct exchange *exchange);

/* report.c */
void api_admin_report(struct exchange *exchange);

#endif
