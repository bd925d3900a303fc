#include "api/handlers.h"
#include "net/static_reply.h"
#include "sale/seat_plan.h"

#define GET    HTTP_BIT(HTTP_GET)
#define POST   HTTP_BIT(HTTP_POST)
#define PUT    HTTP_BIT(HTTP_PUT)
#define PATCH  HTTP_BIT(HTTP_PATCH)
#define DELETE HTTP_BIT(HTTP_DELETE)

#define V1 "/api/v1"

/* What bodies take at most: requests are some hundred bytes, providers add fields of their own. */
enum { REQUEST_BYTES = 16384, WEBHOOK_BYTES = NET_BODY_BYTES };

static const struct route HTTP_ROUTES[] = {
    {GET, "/healthz", AUTH_NONE, KEY_NONE, 0, api_healthz},
    {GET, "/readyz", AUTH_NONE, KEY_NONE, 0, api_readyz},
    {GET, "/version", AUTH_NONE, KEY_NONE, 0, api_version},

    {POST, V1 "/auth/register", AUTH_NONE, KEY_REQUIRED, REQUEST_BYTES, api_register},
    {POST, V1 "/auth/login", AUTH_NONE, KEY_REQUIRED, REQUEST_BYTES, api_login},

    {GET, V1 "/events", AUTH_NONE, KEY_NONE, 0, api_event_list},
    {GET, V1 "/events/{id}", AUTH_NONE, KEY_NONE, 0, api_event_get},
    {GET, V1 "/events/{id}/availability", AUTH_NONE, KEY_NONE, 0, api_event_availability},
    {GET, V1 "/events/{id}/seats", AUTH_NONE, KEY_NONE, 0, api_event_seats},
    {GET, V1 "/events/{id}/stream", AUTH_NONE, KEY_NONE, 0, api_event_stream},

    {GET, V1 "/events/{id}/room/fairness", AUTH_NONE, KEY_NONE, 0, api_room_fairness},

    {POST, V1 "/queue/join", AUTH_OPTIONAL, KEY_REQUIRED, REQUEST_BYTES, api_queue_join},
    {GET, V1 "/queue/status", AUTH_NONE, KEY_NONE, 0, api_queue_status},
    {GET, V1 "/queue/stream", AUTH_NONE, KEY_NONE, 0, api_queue_stream},
    {POST, V1 "/queue/enter", AUTH_OPTIONAL, KEY_REQUIRED, REQUEST_BYTES, api_queue_enter},
    {DELETE | POST, V1 "/queue/leave", AUTH_NONE, KEY_NONE, REQUEST_BYTES, api_queue_leave},

    {POST, V1 "/reservations", AUTH_USER, KEY_REQUIRED, REQUEST_BYTES, api_reservation_create},
    {GET, V1 "/reservations", AUTH_USER, KEY_NONE, 0, api_reservation_list},
    {GET, V1 "/reservations/{id}", AUTH_USER, KEY_NONE, 0, api_reservation_get},
    {POST, V1 "/reservations/{id}/confirm", AUTH_USER, KEY_OPTIONAL, REQUEST_BYTES,
     api_reservation_confirm},
    {POST, V1 "/reservations/{id}/cancel", AUTH_USER, KEY_OPTIONAL, REQUEST_BYTES,
     api_reservation_cancel},
    {DELETE, V1 "/reservations/{id}", AUTH_USER, KEY_NONE, 0, api_reservation_cancel},

    {POST, V1 "/payments/intent", AUTH_USER, KEY_REQUIRED, REQUEST_BYTES, api_payment_intent},
    {POST, V1 "/payments/process", AUTH_USER, KEY_REQUIRED, REQUEST_BYTES, api_payment_process},
    {GET, V1 "/payments/{id}/status", AUTH_OPTIONAL, KEY_NONE, 0, api_payment_status},
    {POST, V1 "/payments/webhook", AUTH_SIGNATURE, KEY_NONE, WEBHOOK_BYTES, api_payment_webhook},
    /* The older spelling, which clients still use. */
    {POST, V1 "/payment/intent", AUTH_USER, KEY_REQUIRED, REQUEST_BYTES, api_payment_intent},
    {POST, V1 "/payment/process", AUTH_USER, KEY_REQUIRED, REQUEST_BYTES, api_payment_process},
    {GET, V1 "/payment/{id}/status", AUTH_OPTIONAL, KEY_NONE, 0, api_payment_status},
    {POST, V1 "/payment/webhook", AUTH_SIGNATURE, KEY_NONE, WEBHOOK_BYTES, api_payment_webhook},

    {GET, V1 "/orders", AUTH_USER, KEY_NONE, 0, api_order_list},
    {GET, V1 "/orders/{id}", AUTH_USER, KEY_NONE, 0, api_order_get},
    {GET, V1 "/orders/{id}/tickets/{ticket_id}/qr", AUTH_USER, KEY_NONE, 0, api_ticket_qr},

    {GET, V1 "/tickets/keys", AUTH_NONE, KEY_NONE, 0, api_ticket_keys},

    {POST, V1 "/admin/events", AUTH_ADMIN, KEY_REQUIRED, SEAT_IMPORT_BYTES, api_admin_event_create},
    {PATCH, V1 "/admin/events/{id}", AUTH_ADMIN, KEY_REQUIRED, REQUEST_BYTES,
     api_admin_event_update},
    {PUT, V1 "/admin/events/{id}/room", AUTH_ADMIN, KEY_REQUIRED, REQUEST_BYTES,
     api_admin_room_set},
    {POST, V1 "/admin/orders/{id}/refund", AUTH_ADMIN, KEY_REQUIRED, REQUEST_BYTES,
     api_admin_refund},
    {POST, V1 "/admin/checkin", AUTH_ADMIN, KEY_REQUIRED, REQUEST_BYTES, api_admin_checkin},
    {GET, V1 "/admin/events/{id}/report", AUTH_ADMIN, KEY_NONE, 0, api_admin_report},
    {GET, V1 "/admin/deliveries", AUTH_ADMIN, KEY_NONE, 0, api_admin_delivery_list},
    {POST, V1 "/admin/deliveries/{id}/replay", AUTH_ADMIN, KEY_REQUIRED, REQUEST_BYTES,
     api_admin_delivery_replay},
};

static const struct route OPERATIONS_ROUTES[] = {
    {GET, "/healthz", AUTH_NONE, KEY_NONE, 0, api_healthz},
    {GET, "/readyz", AUTH_NONE, KEY_NONE, 0, api_readyz},
    {GET, "/version", AUTH_NONE, KEY_NONE, 0, api_version},
    {GET, "/metrics", AUTH_NONE, KEY_NONE, 0, api_metrics},
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

const struct api_routes api_routes[API_ENDPOINTS] = {
    [API_HTTP] = {"http", HTTP_ROUTES, COUNT(HTTP_ROUTES)},
    [API_OPERATIONS] = {"operations", OPERATIONS_ROUTES, COUNT(OPERATIONS_ROUTES)},
};

void api_web(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  static_reply(exchange, api->web, exchange->head.path);
  exchange_send(exchange);
}
