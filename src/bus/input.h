/*
 * What a target is given of an event: the value at a path, or a template with variables.
 *
 *   path        $.detail.seats[0].id     names after dots, indices, and "[*]" or ".*" for all of an
 *                                        array or object: the values found, as an array
 *   template    {"seat": <id>, "text": "seat <id> of <aws.events.rule-name>"}
 *
 * A template is JSON with variables where a value may be or within a string, or several lines that
 * are each a string. A variable that stands alone becomes the value as it is in the event, strings
 * with their quotes; within a string it becomes the string's content, or the JSON text of anything
 * else, escaped. What a path does not find is "" alone and nothing within a string. White space
 * between tokens is dropped. So what comes out is JSON whatever the event has; EventBridge, which
 * does not escape, differs in that alone.
 *
 * Reserved: <aws.events.rule-arn>, <aws.events.rule-name>, <aws.events.event.ingestion-time>,
 * <aws.events.event> (without its detail) and <aws.events.event.json>.
 *
 * Source: EventBridge user guide, "Amazon EventBridge input transformation"; API reference,
 * InputTransformer.
 *
 * Memory: compiled forms and values lie in the caller's arena. Pure; any thread.
 */
#ifndef TACOS_BUS_INPUT_H
#define TACOS_BUS_INPUT_H

#include "base/arena.h"
#include "base/error.h"
#include "bus/limits.h"

/* A variable of a template. */
struct bus_variable {
  struct bytes name; /* letters, digits, _ and -; not starting with "AWS." */
  struct bytes path;
};

struct input_path;     /* input_path.c */
struct input_template; /* input_template.c */

/* NULL with *error: ERROR_INVALID, ERROR_NO_MEMORY. `text` is borrowed by the result. */
const struct input_path *input_path_compile(struct bytes text, struct arena *arena,
                                            struct error *error);

/*
 * The JSON text of what the path leads to; data NULL and size 0 when it leads nowhere, or size 1
 * when there is no memory. `event` is JSON.
 */
struct bytes input_path_find(const struct input_path *path, struct bytes event,
                             struct arena *arena);

static inline bool input_found(struct bytes value)
{
  return value.data != NULL;
}
static inline bool input_failed(struct bytes value)
{
  return value.data == NULL && value.size == 1;
}

/* All is borrowed by the result. */
const struct input_template *input_template_compile(struct bytes text,
                                                    const struct bus_variable *variables,
                                                    uint32_t variable_count, struct arena *arena,
                                                    struct error *error);

struct input_event {
  struct bytes envelope;
  struct bytes rule_name;
  struct bytes rule_arn;
  int64_t ingested_ms;
};

/* data NULL without memory. */
struct bytes input_template_fill(const struct input_template *template,
                                 const struct input_event *event, struct arena *arena);

#endif
