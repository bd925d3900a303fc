#include "api/answer.h"
#include "api/handlers.h"
#include "api/render.h"
#include "sale/qr.h"

_Static_assert((size_t)TICKET_CODE_TEXT_MAX <= QR_TEXT_BYTES_MAX,
               "every ticket's code can be drawn");
_Static_assert((int)SEAT_EVENT_ID_BYTES + 1 + (int)SEAT_ID_BYTES <= ROUTE_PARAMETER_BYTES,
               "every ticket's id can stand in a path");

/* The caller's order; an administrator sees any. */
static enum sale_refusal find_order(struct exchange *exchange, struct sale_order *order)
{
  const struct api *api = exchange->context;
  const struct identity *identity = exchange->identity;
  bool any = identity->role == ROLE_ADMIN;
  return sale_order_find(api->sale, &exchange->arena, exchange_parameter(exchange, 0),
                         any ? (struct bytes){NULL, 0} : identity->user_id, order);
}

static enum sale_refusal find_code(struct exchange *exchange, const struct sale_order *order,
                                   char text[TICKET_CODE_TEXT_MAX], struct bytes *code,
                                   struct error *error)
{
  const struct api *api = exchange->context;
  struct bytes ticket_id = exchange_parameter(exchange, 1);
  uint32_t place = 0;
  while (place < order->quantity && !bytes_equal(order->ticket_ids[place], ticket_id)) place++;
  if (place == order->quantity) {
    error_set(error, ERROR_NOT_FOUND, "the order has no such ticket");
    return SALE_TICKET_NOT_FOUND;
  }
  if (order->status != ORDER_PAID) return SALE_TICKET_REFUNDED;
  *code = bytes_of(text, sale_ticket_code(order, place, api->ticket_signer, text));
  if (code->size > 0) return SALE_OK;
  error_set(error, ERROR_NOT_FOUND, "the ticket is from before tickets had codes");
  return SALE_TICKET_NOT_FOUND;
}

/* In the exchange's arena; data NULL: there is no memory. */
static struct bytes draw(struct exchange *exchange, struct bytes code)
{
  struct qr qr;
  struct error error;
  struct buffer text;
  struct bytes image = {NULL, 0};
  if (!qr_encode(code, QR_LEVEL_M, &qr, &error)) return image;
  buffer_init(&text, &exchange->memory);
  if (qr_write_svg(&qr, &text)) image = arena_copy(&exchange->arena, buffer_bytes(&text));
  buffer_free(&text);
  return image;
}

void api_ticket_qr(struct exchange *exchange)
{
  char text[TICKET_CODE_TEXT_MAX];
  struct sale_order order;
  struct error error = {0};
  struct bytes code = {NULL, 0};
  struct bytes image = {NULL, 0};
  enum sale_refusal refusal = find_order(exchange, &order);
  if (refusal == SALE_OK) refusal = find_code(exchange, &order, text, &code, &error);
  if (refusal == SALE_OK) image = draw(exchange, code);
  if (refusal != SALE_OK)
    render_refusal(exchange, refusal, &error, (struct bytes){NULL, 0});
  else if (image.data == NULL)
    exchange_refuse(exchange, REFUSAL_MEMORY);
  else
    exchange_reply(exchange, 200, BYTES("image/svg+xml"), image);
  answer_send(exchange);
}
