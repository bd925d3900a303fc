/*
 * What many look at: an event's seats as a stream of changes, and its seat map as one document.
 *
 * A feed is made when somebody first looks at the event, and lives as long as the event:
 * sale_event's `topic` points to it.
 *
 *     commit -> the map's version grows -> feed_tick -> event: seats         every change
 *                                                    -> event: availability  once a second at most
 *
 * A stream of text/event-stream begins with an availability, whose version says from which map the
 * changes go on; each change's id is the version it made. Who has fallen behind more changes than
 * the map keeps is told `event: reload`.
 *
 * Memory: the world's. Engine thread.
 */
#ifndef TACOS_API_FEED_H
#define TACOS_API_FEED_H

#include "api/api.h"

enum {
  FEED_TICK_MS = 50,           /* changes are gathered for so long */
  FEED_AVAILABILITY_MS = 1000, /* between two availabilities of an event */
};

struct feed {
  struct feed *next;
  struct sale_event *event;
  struct topic *topic; /* NULL: nobody has asked for the stream yet */
  uint64_t told_version;
  bool availability_changed;
  int64_t availability_ms; /* monotonic: when it was told last */
  struct buffer seats;     /* the document of seats_version */
  struct buffer packed;    /* the same as gzip; empty: nobody has asked for it yet */
  uint64_t seats_version;
  struct buffer line; /* what everybody in line sees of the seats (line.h), of line_version */
  uint64_t line_version;
  int64_t line_ms; /* monotonic: when it was made */
};

/* The event's feed; NULL when there is no memory. */
struct feed *feed_of(struct api *api, struct sale_event *event);

/* Its stream, made at the first call; NULL when there is no memory. */
struct topic *feed_topic(struct api *api, struct feed *feed);

/* The whole seat map as JSON, as of the map's version now; data NULL when there is no memory. */
struct bytes feed_seats(struct feed *feed);

/* The same as gzip, made once for each version; empty when that is not smaller, or no memory. */
struct bytes feed_seats_packed(struct api *api, struct feed *feed);

/* "event: availability\ndata: {...}\n\n" appended to the buffer. */
void feed_write_availability(const struct feed *feed, struct buffer *buffer);

/* Publishes what has changed. wall_ms ends holds, mono_ms paces. */
void feed_tick(struct api *api, int64_t wall_ms, int64_t mono_ms);

void feed_close_all(struct api *api);

#endif
