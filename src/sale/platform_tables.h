/*
 * The tables of the platform: names, keys, indexes, TTL and streams, as data.
 */
#ifndef TACOS_SALE_PLATFORM_TABLES_H
#define TACOS_SALE_PLATFORM_TABLES_H

#include "store/store.h"

/*
 * Makes those that do not exist and waits until they are durable; what exists is left as it is, but
 * for a TTL that it lacks. *made is their number. False with *error.
 */
bool platform_tables_create(struct store *store, uint32_t *made, struct error *error);

#endif
