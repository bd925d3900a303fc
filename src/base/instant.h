/*
 * Instants: UTC milliseconds since 1970 as text and back (RFC 3339, the profile of ISO 8601).
 *
 * Days are those of the proleptic Gregorian calendar, years 0000 to 9999, without leap seconds, as
 * POSIX time counts. Pure functions, no libc, any thread.
 */
#ifndef TACOS_BASE_INSTANT_H
#define TACOS_BASE_INSTANT_H

#include "base/bytes.h"
#include "base/error.h"

enum { INSTANT_TEXT_BYTES = 24 }; /* "2026-11-23T05:12:00.000Z" */

/* The range that has a text: 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z. */
#define INSTANT_MIN_MS INT64_C(-62167219200000)
#define INSTANT_MAX_MS INT64_C(253402300799999)

struct instant_fields {
  int year;   /* 0..9999 */
  int month;  /* 1..12 */
  int day;    /* 1..31 */
  int hour;   /* 0..23 */
  int minute; /* 0..59 */
  int second; /* 0..59 */
  int millisecond;
};

/* Writes exactly INSTANT_TEXT_BYTES characters, no zero. time_ms must be in the range above. */
void instant_format(int64_t time_ms, char text[INSTANT_TEXT_BYTES]);

/* The UTC calendar fields of a time in the range above. */
struct instant_fields instant_split(int64_t time_ms);

/*
 * Parses "YYYY-MM-DDThh:mm:ss[.f]Z" or with an offset "+hh:mm", "-hh:mm" instead of Z; f has one to
 * nine digits, those after the third are dropped. "T" and "Z" in upper case. Refuses what no
 * calendar has (30 February, 24:00, second 60) and what the offset pushes out of the range above,
 * with ERROR_INVALID and a message that says which part.
 */
bool instant_parse(struct bytes text, int64_t *time_ms, struct error *error);

#endif
