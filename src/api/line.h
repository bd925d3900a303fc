/*
 * What somebody in line sees, as JSON: the place, and what there is to be had for it.
 *
 *     {"status","position","eta_sec","waiting_time","ready_for_entry","total_waiting",...,
 *      "price_min","price_max","remaining","sections":[{"id","name","price","total","remain"}]}
 *
 * The second line is the same for all in it: it is made once for each version of the seat map, at
 * most every LINE_SEATS_MS, and copied.
 *
 * Engine thread.
 */
#ifndef TACOS_API_LINE_H
#define TACOS_API_LINE_H

#include "api/api.h"
#include "room/room.h"

enum { LINE_SEATS_MS = 500 };

/* In the exchange's arena; data NULL without memory. */
struct bytes line_render(struct exchange *exchange, const struct room_view *view);

/* "eta_sec": a number, or null when nobody can say. */
void line_write_eta(struct json_writer *json, uint32_t eta_s);

/* Of what is the same for all; another one when that has changed. */
uint64_t line_version(struct api *api, const struct room *room);

#endif
