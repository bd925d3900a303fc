#include "api/answer.h"

#include "api/api.h"
#include "api/render.h"

void answer_send(struct exchange *exchange)
{
  const struct api *api = exchange->context;
  exchange_wait_for(exchange, store_appended(api->store));
  exchange_send(exchange);
}

void answer_json(struct exchange *exchange, struct bytes body)
{
  if (body.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply_json(exchange, 200, body);
  answer_send(exchange);
}

void answer_refusal(struct exchange *exchange, enum sale_refusal refusal)
{
  render_refusal(exchange, refusal, NULL, (struct bytes){NULL, 0});
  answer_send(exchange);
}
