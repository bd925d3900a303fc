/*
 * A request's JSON body, read by a table of the fields that a route takes.
 *
 *     static const struct body_field FIELDS[] = {
 *         {"event_id", BODY_TEXT, offsetof(struct ask, event_id), 0, 64, BODY_OPTIONAL}, ...};
 *     if (!body_read(exchange, FIELDS, COUNT, &ask)) return;
 *
 * Strict about what is there: another type, a number written as a text, a text too long, a list
 * with too many are refused with 400 INVALID_REQUEST and details {"field","reason","fields":{...}},
 * which name every field that is wrong and not only the first. Tolerant about what is not asked
 * for: unknown fields are passed over, null is as good as absent, no body at all as good as {}.
 *
 * Memory: texts are slices of the body, or in the exchange's arena. Engine thread.
 */
#ifndef TACOS_API_BODY_H
#define TACOS_API_BODY_H

#include "net/exchange.h"

enum {
  BODY_TEXTS_MAX = 16,  /* of one list */
  BODY_FIELDS_MAX = 16, /* of one table */
};

/* An integer or a time that was not sent. */
#define BODY_ABSENT INT64_MIN

enum body_kind {
  BODY_TEXT,    /* struct bytes; data NULL: absent. limits: bytes */
  BODY_TEXTS,   /* struct body_texts. limits: how many */
  BODY_INTEGER, /* int64_t; BODY_ABSENT. limits: its value */
  BODY_TIME,    /* int64_t, UTC milliseconds, written as ISO 8601; BODY_ABSENT. No limits */
};

enum body_need { BODY_OPTIONAL, BODY_REQUIRED };

struct body_texts {
  uint32_t count;
  struct bytes items[BODY_TEXTS_MAX];
};

struct body_field {
  const char *name;
  enum body_kind kind;
  size_t offset; /* of the target in what body_read fills */
  int64_t least;
  int64_t most;
  enum body_need need;
};

/* Fills *to. False when it refused: the reply is on its way then. */
bool body_read(struct exchange *exchange, const struct body_field *fields, size_t count, void *to);

/* The same refusal for what a handler found wrong itself. Sends the reply. */
void body_refuse(struct exchange *exchange, const char *field, const char *reason);

/* details of one field: {"field","reason"}, in the arena; empty without memory. */
struct bytes body_details(struct exchange *exchange, struct bytes field, struct bytes reason);

#endif
