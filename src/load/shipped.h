/*
 * The scenarios that are part of the binary: the files of examples/load, as they are.
 *
 * Read-only data; any thread.
 */
#ifndef TACOS_LOAD_SHIPPED_H
#define TACOS_LOAD_SHIPPED_H

#include "base/bytes.h"

struct shipped {
  const char *name;    /* "onsale" */
  const char *path;    /* for messages: "examples/load/onsale.json" */
  const char *summary; /* one line */
  struct bytes text;
};

enum { SHIPPED_COUNT = 6 };

/* The one with this place, 0 to SHIPPED_COUNT - 1. */
struct shipped shipped_at(uint32_t index);

/* False when there is none with the name. */
bool shipped_find(const char *name, struct shipped *shipped);

#endif
