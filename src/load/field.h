/*
 * One field of a JSON reply by its path: "error.details.alternative_seats", "tickets.0.ticket_id".
 * A part of a path is a key of an object, or the number of an array's element.
 *
 * Texts are slices of the reply, or lie in the arena when they have escapes. One thread.
 */
#ifndef TACOS_LOAD_FIELD_H
#define TACOS_LOAD_FIELD_H

#include "base/json.h"

/* What a field or a variable holds. */
struct load_value {
  struct bytes text; /* a string's characters; anything else as it is written in JSON */
  bool is_json;      /* it is no string */
};

/* False when it is absent, or the reply is no JSON up to there. */
bool field_find(struct bytes json, struct bytes path, struct arena *arena,
                struct load_value *value);

/* Whether the path has the form of one: parts that are not empty, between dots. */
bool field_path_is_valid(struct bytes path);

#endif
