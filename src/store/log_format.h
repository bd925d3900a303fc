/*
 * The bytes of the write-ahead log, and what makes them true.
 *
 * LAYOUT. Segment files log-<first sequence>.seg, each opened by the block of store_file.h, then
 * frames at multiples of 64 bytes, then zeros or whatever the allocation left. Integers are
 * little-endian.
 *
 *     frame header (64 bytes)                          record
 *      0  u32 magic "TFRM"                              0  u32 size of the payload
 *      4  u32 number          0, 1, 2 ... in a segment  4  u16 type
 *      8  u32 size of the records, headers included     6  u16 zero
 *     12  u32 number of records                         8  i64 time_ms at append, UTC
 *     16  u64 sequence of the first record             16  payload
 *     24  i64 time_ms of the write, UTC
 *     32  tag[16]             GCM, zero when plain
 *     48  u64 checksum of the records as they lie in the file
 *     56  u64 checksum of the 56 bytes before
 *
 * Records follow the header back to back; zeros fill up to the next multiple of 64. A frame without
 * records says only "all before me was synced": it CONFIRMS. In a sealed segment the records are
 * encrypted, the first 32 bytes of the header are associated data and the number is the nonce.
 *
 * VALIDITY. A frame is valid when its magic and both checksums hold: xxh3-64 seeded with the salt
 * of the segment (store_file_seed), so that no payload and no old content of the disk can pose as
 * one.
 *
 * INVARIANTS. The writer keeps them, recovery relies on them.
 *   L1  Frame n+1 is written only after the sync that made frame n durable has returned.
 *   L2  A segment has its name only after its first block is durable.
 *   L3  No record of a segment is acknowledged before the segment's name is durable.
 *   L4  The first sequence of a segment follows the last one of the segment before.
 *   L5  A segment is written by one process run only, under a salt of its own: recovery never
 *       appends to an old segment, so no nonce is used twice.
 *   L6  When recovery has said "end", the last frame was written again if it holds records, the
 *       last segment cut behind it and synced: what was read is durable, what was cut stays away.
 *   L7  A confirming frame is written and synced when the log was idle for LOG_CONFIRM_IDLE_MS and
 *       at close. The last 64 bytes of a segment are kept for it.
 *   L8  log_reserve succeeded => the bytes have a place in allocated space: behind what the current
 *       segment already holds, or in the prepared next one.
 *   L9  Nothing is written behind the last frame of a segment that has a successor.
 *
 * RECOVERY reads frames from the segment that holds the wanted sequence. Where a frame is not
 * valid:
 *   - a valid frame HEADER at any later multiple of 64 in the segment means, by L1, that the frame
 *     here was acknowledged: ERROR_CORRUPT with file and offset;
 *   - a later segment that begins with the expected sequence: the segment ended here (L4, L9);
 *   - a later segment that begins with another one: records are missing, ERROR_CORRUPT;
 *   - a snapshot that needs records from here on: they were durable, ERROR_CORRUPT;
 *   - none of these: a torn tail. It was never acknowledged and is cut (L6).
 * The only loss this cannot see is damage to the last acknowledged frame before it is confirmed
 * (L7); it looks like a torn one.
 */
#ifndef TACOS_STORE_LOG_FORMAT_H
#define TACOS_STORE_LOG_FORMAT_H

#include "base/seal.h"
#include "store/log.h"
#include "store/store_file.h"

enum {
  LOG_FRAME_ALIGN = 64,
  LOG_FRAME_HEADER_BYTES = 64,
  LOG_RECORD_HEADER_BYTES = 16,
};

_Static_assert(STORE_FILE_BLOCK_BYTES % LOG_FRAME_ALIGN == 0, "the first frame is aligned");

extern const struct store_file_kind log_segment_kind;

struct log_frame {
  uint32_t number;
  uint32_t size; /* of the records, without header and fill */
  uint32_t records;
  uint64_t first_sequence;
  int64_t time_ms;
};

/* What checksums and seals the frames of one segment. */
struct log_cipher {
  uint64_t seed;
  bool sealed;
  struct sealer sealer;
};

/* The bytes a frame takes in the file; overflows to 0 never, for sizes below 2^63. */
static inline uint64_t log_frame_extent(uint64_t size)
{
  uint64_t align = LOG_FRAME_ALIGN;
  return (LOG_FRAME_HEADER_BYTES + size + align - 1) / align * align;
}

/*
 * Makes the frame ready to be written: `at` holds room for the header, then frame->size bytes of
 * records, which are encrypted in place, then room for the fill, which is zeroed.
 */
void log_frame_encode(const struct log_frame *frame, struct log_cipher *cipher, uint8_t *at);

/* Whether a valid header is at `at` (LOG_FRAME_HEADER_BYTES); fills *frame. */
bool log_frame_decode_header(const uint8_t *at, uint64_t seed, struct log_frame *frame);

enum log_frame_state {
  LOG_FRAME_VALID,
  LOG_FRAME_TORN,   /* the records are not those that the header was made for */
  LOG_FRAME_FORGED, /* checksums hold, but it was not sealed with the key of the segment */
};

/* Checks the records behind a valid header and decrypts them in place. */
enum log_frame_state log_frame_open(const struct log_frame *frame, struct log_cipher *cipher,
                                    uint8_t *at);

/* The header of a record that is `size` bytes of payload, at `at`. */
void log_record_encode(uint8_t *at, uint16_t type, int64_t time_ms, uint32_t size);

/*
 * Takes the record at *offset of a frame's records and moves on; false when it would reach outside.
 */
bool log_record_decode(struct bytes records, size_t *offset, struct log_record *record);

#endif
