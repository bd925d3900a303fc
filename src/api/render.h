/*
 * What clients see of the domain, as JSON: one spelling of a reservation, an order, an event, money
 * and times, wherever they stand.
 *
 *     struct render render;
 *     render_begin(&render, exchange);               {
 *     render_text(&render.json, BYTES("a"), text);     "a": "..."
 *     body = render_end(&render);                    }
 *
 * Times are UTC, ISO 8601 with milliseconds; where one is an end, the seconds that are left stand
 * beside it, since a client's clock may be wrong.
 *
 * Memory: the finished document is in the exchange's arena; data NULL when there is no memory.
 * Engine thread.
 */
#ifndef TACOS_API_RENDER_H
#define TACOS_API_RENDER_H

#include "net/exchange.h"
#include "sale/checkin.h"
#include "sale/sale.h"

struct render {
  struct exchange *exchange;
  struct buffer buffer;
  struct json_writer json;
};

void render_begin(struct render *render, struct exchange *exchange);
struct bytes render_end(struct render *render);

/* ---- members of the open object ---- */

void render_text(struct json_writer *json, struct bytes key, struct bytes text);
/* Left out when the text is empty. */
void render_text_if(struct json_writer *json, struct bytes key, struct bytes text);
void render_integer(struct json_writer *json, struct bytes key, int64_t integer);
void render_bool(struct json_writer *json, struct bytes key, bool boolean);
void render_time(struct json_writer *json, struct bytes key, int64_t time_ms);
void render_money(struct json_writer *json, struct bytes key, int64_t amount,
                  struct bytes currency);
/* null when there is no more. */
void render_cursor(struct json_writer *json, struct bytes cursor);
/* [{"id","section","row","number"}] */
void render_seats(struct json_writer *json, struct bytes key, const struct sale_seat *seats,
                  uint32_t count);
/* The members of one: "id","section","row","number". */
void render_seat(struct json_writer *json, const struct sale_seat *seat);
void render_seat_ids(struct json_writer *json, struct bytes key, const struct sale_seat *seats,
                     uint32_t count);
void render_ids(struct json_writer *json, struct bytes key, const struct bytes *ids,
                uint32_t count);
/* [{"ticket_id","seat_id","qr"}]; qr is left out of orders from before tickets had codes. */
void render_tickets(struct json_writer *json, struct bytes key, const struct sale_order *order,
                    const struct ticket_signer *signer);

/* All of it, as GET shows it. */
void render_reservation(struct json_writer *json, const struct sale_reservation *reservation,
                        int64_t now_ms);
void render_order(struct json_writer *json, const struct sale_order *order,
                  const struct ticket_signer *signer);
void render_event(struct json_writer *json, const struct sale_event *event, bool sections,
                  int64_t now_ms);
/* "price_min","price_max","total","remaining" and "sections" of an event. */
void render_seats_left(struct json_writer *json, const struct seat_map *map);
void render_payment(struct json_writer *json, const struct sale_payment *payment);

/* Whole seconds until then, 0 when it is over. */
int64_t render_seconds_left(int64_t until_ms, int64_t now_ms);

/* ---- refusals ---- */

/*
 * The reply to a refusal of the domain, with the words of `error` when it has some; details is JSON
 * or empty. Not sent yet.
 */
void render_refusal(struct exchange *exchange, enum sale_refusal refusal, const struct error *error,
                    struct bytes details);

#endif
