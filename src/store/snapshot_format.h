/* Inside the snapshot file: what its writer and reader share. The layout is in snapshot.h. */
#ifndef TACOS_STORE_SNAPSHOT_FORMAT_H
#define TACOS_STORE_SNAPSHOT_FORMAT_H

#include "store/log_format.h"
#include "store/snapshot.h"

enum {
  SNAPSHOT_TRAILER_PAYLOAD_BYTES = 32,
  SNAPSHOT_TRAILER_BYTES = 128, /* extent of the trailer's frame */
};

_Static_assert(LOG_FRAME_HEADER_BYTES + LOG_RECORD_HEADER_BYTES + SNAPSHOT_TRAILER_PAYLOAD_BYTES <=
                   SNAPSHOT_TRAILER_BYTES,
               "the trailer fits");
_Static_assert((uint32_t)SNAPSHOT_RECORD_MAX + LOG_RECORD_HEADER_BYTES + SNAPSHOT_FRAME_BYTES <
                   INT32_MAX,
               "a frame is sealed in one piece");

extern const struct store_file_kind snapshot_kind;            /* .snap */
extern const struct store_file_kind snapshot_unfinished_kind; /* .tmp */

struct snapshot_trailer {
  uint64_t end_sequence;
  int64_t end_ms;
  uint64_t records;
  uint64_t frames;
};

void snapshot_trailer_encode(const struct snapshot_trailer *trailer,
                             uint8_t payload[SNAPSHOT_TRAILER_PAYLOAD_BYTES]);
struct snapshot_trailer snapshot_trailer_decode(
    const uint8_t payload[SNAPSHOT_TRAILER_PAYLOAD_BYTES]);

#endif
