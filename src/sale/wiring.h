/*
 * The platform's buses, queues and rules as data (REST contract, section 5), made where they are
 * not there yet. What an operator changed in them stays.
 *
 * Notifications, the rules ticket-status-changed and reservation-confirmed, go to the log until
 * wiring_notify points them at a webhook.
 */
#ifndef TACOS_SALE_WIRING_H
#define TACOS_SALE_WIRING_H

#include "bus/bus.h"

#define WIRING_TICKET_BUS      "ticket-ticket-events"
#define WIRING_RESERVATION_BUS "ticket-reservation-events"

#define WIRING_INVENTORY          "traffic-tacos-inventory"
#define WIRING_EXPIRY             "traffic-tacos-reservation-expiry"
#define WIRING_RESERVATION_EVENTS "traffic-tacos-reservation-events"
#define WIRING_PAYMENTS           "traffic-tacos-payment-webhooks"
/* What no webhook took. */
#define WIRING_NOTIFICATIONS_DLQ "traffic-tacos-notifications-dlq"

/* Where events of a type go, and who they are from. */
struct wiring_route {
  const char *type;
  const char *bus;
  const char *source;
};

/* NULL: no bus is for it. */
const struct wiring_route *wiring_route_of(struct bytes type);

/* Makes what is missing. False with *error. */
bool wiring_make(struct queues *queues, struct buses *buses, int64_t now_ms, struct error *error);

/*
 * After wiring_make: notifications are sent to this http or https URL from now on, tried for three
 * days. Other targets of their rules stay, and so does what this one is given of an event. Appends
 * nothing when that is so already. False with *error.
 */
bool wiring_notify(struct buses *buses, struct bytes url, int64_t now_ms, struct error *error);

#endif
