#include "api/answer.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/render.h"

enum { ORDERS_DEFAULT = 20, ORDERS_MAX = 50 };

void api_order_list(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  struct bytes cursor;
  uint32_t limit;
  uint32_t count;
  if (!query_page(exchange, ORDERS_MAX, ORDERS_DEFAULT, &cursor, &limit)) return;
  struct sale_order *list = arena_alloc_array(&exchange->arena, limit, sizeof *list);
  enum sale_refusal refusal = SALE_UNAVAILABLE;
  if (list != NULL)
    refusal = sale_order_list(api->sale, &exchange->arena, api_user_id(exchange), &cursor, limit,
                              world_clock_ms(api->world), list, &count);
  if (refusal == SALE_INVALID) {
    query_refuse_cursor(exchange);
    return;
  }
  if (refusal != SALE_OK) {
    answer_refusal(exchange, refusal);
    return;
  }
  struct render render;
  render_begin(&render, exchange);
  json_write_key(&render.json, BYTES("orders"));
  json_write_array_begin(&render.json);
  for (uint32_t i = 0; i < count; i++) {
    json_write_object_begin(&render.json);
    render_order(&render.json, &list[i], api->ticket_signer);
    json_write_object_end(&render.json);
  }
  json_write_array_end(&render.json);
  render_cursor(&render.json, cursor);
  answer_json(exchange, render_end(&render));
}

void api_order_get(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  struct sale_order order;
  enum sale_refusal refusal = sale_order_find(
      api->sale, &exchange->arena, exchange_parameter(exchange, 0), api_user_id(exchange), &order);
  if (refusal != SALE_OK) {
    answer_refusal(exchange, refusal);
    return;
  }
  struct render render;
  render_begin(&render, exchange);
  render_order(&render.json, &order, api->ticket_signer);
  answer_json(exchange, render_end(&render));
}
