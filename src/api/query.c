#include "api/query.h"

#include "api/body.h"

#include <stdio.h>

bool query_text(struct exchange *exchange, const char *name, struct bytes *text)
{
  bool present;
  *text = (struct bytes){NULL, 0};
  struct bytes query = exchange->head.query;
  if (query.size == 0) return true;
  size_t capacity = query.size < QUERY_TEXT_BYTES ? query.size : QUERY_TEXT_BYTES;
  uint8_t *to = arena_alloc(&exchange->arena, capacity);
  if (to == NULL) {
    exchange_refuse(exchange, REFUSAL_MEMORY);
    exchange_send(exchange);
    return false;
  }
  if (http_query_get(query, bytes_of_text(name), to, capacity, text, &present) &&
      bytes_is_utf8(*text))
    return true;
  if (!present) return true;
  body_refuse(exchange, name, "must stand once in the query, percent-encoded");
  return false;
}

static bool number_of(struct bytes text, uint32_t *number)
{
  uint32_t value = 0;
  if (text.size == 0 || text.size > 9) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    value = value * 10 + (uint32_t)(text.data[i] - '0');
  }
  *number = value;
  return true;
}

bool query_number(struct exchange *exchange, const char *name, uint32_t least, uint32_t most,
                  uint32_t fallback, uint32_t *number)
{
  struct bytes text;
  char reason[64];
  if (!query_text(exchange, name, &text)) return false;
  *number = fallback;
  if (text.size == 0) return true;
  if (number_of(text, number) && *number >= least && *number <= most) return true;
  snprintf(reason, sizeof reason, "must be a whole number from %u to %u", least, most);
  body_refuse(exchange, name, reason);
  return false;
}

bool query_page(struct exchange *exchange, uint32_t most, uint32_t fallback, struct bytes *cursor,
                uint32_t *limit)
{
  return query_text(exchange, "cursor", cursor) &&
         query_number(exchange, "limit", 1, most, fallback, limit);
}

void query_refuse_cursor(struct exchange *exchange)
{
  body_refuse(exchange, "cursor", "must be the next_cursor of an earlier answer");
}

bool query_list(struct exchange *exchange, const char *name, struct bytes *list, uint32_t capacity,
                uint32_t *count)
{
  struct bytes text;
  char reason[64];
  *count = 0;
  if (!query_text(exchange, name, &text)) return false;
  if (text.size == 0) return true;
  size_t from = 0;
  for (size_t i = 0; i <= text.size; i++) {
    if (i < text.size && text.data[i] != ',') continue;
    if (i == from || *count == capacity) {
      snprintf(reason, sizeof reason, "must be 1 to %u texts between commas", capacity);
      body_refuse(exchange, name, reason);
      return false;
    }
    list[(*count)++] = bytes_of(text.data + from, i - from);
    from = i + 1;
  }
  return true;
}
