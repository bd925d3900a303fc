/*
 * The structured log: one JSON object per line, for people with jq and for log collectors.
 *
 *     {"time":"2026-11-23T05:12:00.000Z","level":"info","room":"store","event":"recovered",
 *      "message":"recovered in 812 ms","records":1048576,"torn_bytes":37}      (in one line)
 *
 * Secrets: no function here takes a key, password, token or card number, and a caller never passes
 * one as text; what must be recognisable in a log gets an id or the first bytes of its hash.
 *
 * Bounded: a line has at most LOGGER_LINE_BYTES; texts are cut after LOGGER_TEXT_BYTES, fields that
 * do not fit are left out, and "truncated":true is added in both cases. Nothing is allocated.
 *
 * Never waits: a sink that cannot take a line at once refuses it. Refused lines are lost, and the
 * next line that is taken says how many ("dropped":n). See logger_to_descriptor for what may wait.
 *
 * One struct per thread; several may share a descriptor, since a line is one write.
 */
#ifndef TACOS_BASE_LOGGER_H
#define TACOS_BASE_LOGGER_H

#include "base/bytes.h"
#include "base/world.h"

enum {
  LOGGER_LINE_BYTES = 4096, /* PIPE_BUF: a write to a pipe up to this size is not torn */
  LOGGER_TEXT_BYTES = 1024, /* of one text, before escaping */
};

enum logger_level {
  LOGGER_DEBUG,
  LOGGER_INFO,
  LOGGER_WARNING, /* somebody should look at it in office hours */
  LOGGER_ERROR,   /* somebody should look at it now */
};

/* Takes a whole line with its line break, or returns false at once. */
typedef bool logger_sink(void *context, struct bytes line);

struct logger {
  struct world *world; /* for the time */
  enum logger_level threshold;
  logger_sink *sink;
  void *sink_context;
  uint64_t dropped; /* lines refused since the last one taken */
};

enum logger_field_type {
  LOGGER_FIELD_TEXT,
  LOGGER_FIELD_INTEGER,
  LOGGER_FIELD_UNSIGNED,
  LOGGER_FIELD_BOOLEAN,
};

/* Use the constructors below. Keys are names in lower case with their unit last. */
struct logger_field {
  const char *key;
  enum logger_field_type type;
  union {
    struct bytes text;
    int64_t integer;
    uint64_t unsigned_integer;
    bool boolean;
  };
};

static inline struct logger_field logger_text(const char *key, struct bytes value)
{
  return (struct logger_field){.key = key, .type = LOGGER_FIELD_TEXT, .text = value};
}
static inline struct logger_field logger_integer(const char *key, int64_t value)
{
  return (struct logger_field){.key = key, .type = LOGGER_FIELD_INTEGER, .integer = value};
}
static inline struct logger_field logger_unsigned(const char *key, uint64_t value)
{
  return (struct logger_field){
      .key = key, .type = LOGGER_FIELD_UNSIGNED, .unsigned_integer = value};
}
static inline struct logger_field logger_boolean(const char *key, bool value)
{
  return (struct logger_field){.key = key, .type = LOGGER_FIELD_BOOLEAN, .boolean = value};
}

/*
 * Writes one line when level reaches the threshold. `room` is the room or component, `event` a
 * fixed name to search for, `message` a sentence. Bytes that are not UTF-8 become U+FFFD.
 */
void logger_write(struct logger *logger, enum logger_level level, const char *room,
                  const char *event, const char *message, const struct logger_field *fields,
                  size_t field_count);

/*
 * logger_write with the fields in the call; they are not evaluated below the threshold.
 *   LOGGER_WRITE(logger, LOGGER_INFO, "store", "recovered", "...", logger_integer("records", n));
 */
#define LOGGER_WRITE(logger, level, room, event, message, ...)            \
  do {                                                                    \
    if ((level) >= (logger)->threshold) {                                 \
      const struct logger_field logger_fields_[] = {__VA_ARGS__};         \
      logger_write(logger, level, room, event, message, logger_fields_,   \
                   sizeof(logger_fields_) / sizeof(struct logger_field)); \
    }                                                                     \
  } while (0)

/*
 * A sink over a file descriptor; `context` points to it (an int). Refuses when a pipe, socket or
 * terminal has no room (poll(2) says so before the write), and when the write fails. A regular
 * file always takes the line: the write goes to the page cache and waits only when the kernel makes
 * writers wait for a full cache. (logger_linux.c)
 */
bool logger_to_descriptor(void *context, struct bytes line);

#endif
