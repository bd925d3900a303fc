/*
 * Facts about AWS that no configuration creates: regions, zones, managed policies' ids, accounts of
 * its services. From the public documentation of each service.
 */
#ifndef TACOS_PROVIDER_FACTS_H
#define TACOS_PROVIDER_FACTS_H

#include "base/bytes.h"

struct fact {
  const char *topic;
  const char *key;
  const char *value;
};

enum { FACTS_ZONES_MAX = 6 };

/* A fact of a topic by its key; NULL when it is not known. */
const char *fact_find(const char *topic, struct bytes key);

/* The letters of a region's zones, "abcd"; NULL when there is no such region. */
const char *fact_zone_letters(struct bytes region);

#endif
