/*
 * What the provider tells a person: each finding has a place (the path of an attribute, which
 * Terraform turns into file and line) and says which rule of AWS is broken.
 */
#ifndef TACOS_PROVIDER_DIAGNOSTIC_H
#define TACOS_PROVIDER_DIAGNOSTIC_H

#include "base/arena.h"
#include "base/bytes.h"

enum diagnostic_severity {
  DIAGNOSTIC_ERROR = 1, /* the numbers of the protocol */
  DIAGNOSTIC_WARNING = 2,
};

/* One step down from a value: to an attribute, or to an element of a list. */
struct path {
  const struct path *parent; /* NULL: the resource itself */
  struct bytes name;         /* an attribute; data is NULL for an element */
  size_t index;
};

struct diagnostic {
  struct diagnostic *next;
  enum diagnostic_severity severity;
  struct bytes summary;
  struct bytes detail;
  const struct path *path; /* copied into the arena; NULL: the resource as a whole */
};

struct diagnostics {
  struct arena *arena;
  struct diagnostic *first;
  struct diagnostic *last;
  size_t count;
  size_t errors;
};

static inline struct path path_attribute(const struct path *parent, const char *name)
{
  return (struct path){.parent = parent, .name = bytes_of_text(name)};
}

static inline struct path path_element(const struct path *parent, size_t index)
{
  return (struct path){.parent = parent, .index = index};
}

void diagnostics_add(struct diagnostics *diagnostics, enum diagnostic_severity severity,
                     const struct path *path, const char *summary, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A path as text: "rule[2].priority". */
struct bytes path_to_text(struct arena *arena, const struct path *path);

#endif
