/*
 * Parameters of a request's query, decoded and within limits; what is not is refused with 400.
 *
 * Memory: the exchange's arena. Engine thread.
 */
#ifndef TACOS_API_QUERY_H
#define TACOS_API_QUERY_H

#include "net/exchange.h"

enum { QUERY_TEXT_BYTES = 2048 };

/* *text is empty when it was not sent. False when it refused: the reply is on its way. */
bool query_text(struct exchange *exchange, const char *name, struct bytes *text);

/* A whole number from `least` to `most`; `fallback` when it was not sent. */
bool query_number(struct exchange *exchange, const char *name, uint32_t least, uint32_t most,
                  uint32_t fallback, uint32_t *number);

/* "cursor" and "limit" of a list that is read in pages; `limit` is 1 to `most`. */
bool query_page(struct exchange *exchange, uint32_t most, uint32_t fallback, struct bytes *cursor,
                uint32_t *limit);

/* 400 for a cursor that no page ended with. */
void query_refuse_cursor(struct exchange *exchange);

/* Texts between commas, none of them empty; at most `capacity`. */
bool query_list(struct exchange *exchange, const char *name, struct bytes *list, uint32_t capacity,
                uint32_t *count);

#endif
