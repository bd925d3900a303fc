#include "api/api.h"

#include "net/static_reply.h"

#define GET HTTP_BIT(HTTP_GET)

static const struct route HTTP_ROUTES[] = {
    {GET, "/healthz", AUTH_NONE, KEY_NONE, 0, api_healthz},
    {GET, "/readyz", AUTH_NONE, KEY_NONE, 0, api_readyz},
    {GET, "/version", AUTH_NONE, KEY_NONE, 0, api_version},
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
