/*
 * An organiser's numbers of an event, as JSON or as a table of its orders: made a slice at a time,
 * since it looks at all orders there are, one report after the other.
 *
 * Engine thread.
 */
#ifndef TACOS_API_REPORT_H
#define TACOS_API_REPORT_H

#include "api/api.h"

/* One slice of the first report. True while there is more to do. */
bool report_tick(struct api *api);

#endif
