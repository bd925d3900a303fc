#include "store/log_format.h"

#include "base/check.h"
#include "base/hash.h"

enum {
  FRAME_MAGIC = 'T' | 'F' << 8 | 'R' << 16 | 'M' << 24,
  OFFSET_TAG = 32,
  OFFSET_RECORDS_CHECKSUM = 48,
  OFFSET_HEADER_CHECKSUM = 56,
};

_Static_assert(OFFSET_TAG + SEAL_TAG_BYTES == OFFSET_RECORDS_CHECKSUM, "the tag fits");
_Static_assert(OFFSET_HEADER_CHECKSUM + 8 == LOG_FRAME_HEADER_BYTES, "the header is full");
_Static_assert((int)SEAL_KEY_BYTES == (int)LOG_KEY_BYTES, "one key size");

const struct store_file_kind log_segment_kind = {
    .magic = "TACOSLOG",
    .version = 1,
    .prefix = "log-",
    .suffix = ".seg",
    .what = "log segment",
};

static uint64_t header_checksum(const uint8_t *at, uint64_t seed)
{
  return hash_bytes(bytes_of(at, OFFSET_HEADER_CHECKSUM), seed);
}

static uint64_t records_checksum(const uint8_t *at, uint32_t size, uint64_t seed)
{
  return hash_bytes(bytes_of(at + LOG_FRAME_HEADER_BYTES, size), seed);
}

/* L5: the number is used once in a segment and the key belongs to the segment. */
static void make_nonce(uint32_t number, uint8_t nonce[SEAL_NONCE_BYTES])
{
  memset(nonce, 0, SEAL_NONCE_BYTES);
  bytes_put_u32(nonce, number);
}

void log_frame_encode(const struct log_frame *frame, struct log_cipher *cipher, uint8_t *at)
{
  CHECK((frame->records == 0) == (frame->size == 0));
  bytes_put_u32(at, (uint32_t)FRAME_MAGIC);
  bytes_put_u32(at + 4, frame->number);
  bytes_put_u32(at + 8, frame->size);
  bytes_put_u32(at + 12, frame->records);
  bytes_put_u64(at + 16, frame->first_sequence);
  bytes_put_u64(at + 24, (uint64_t)frame->time_ms);
  uint8_t *records = at + LOG_FRAME_HEADER_BYTES;
  size_t fill = (size_t)log_frame_extent(frame->size) - LOG_FRAME_HEADER_BYTES - frame->size;
  memset(records + frame->size, 0, fill);
  memset(at + OFFSET_TAG, 0, SEAL_TAG_BYTES);
  if (cipher->sealed) {
    uint8_t nonce[SEAL_NONCE_BYTES];
    make_nonce(frame->number, nonce);
    seal_encrypt(&cipher->sealer, nonce, bytes_of(at, OFFSET_TAG), records, frame->size,
                 at + OFFSET_TAG);
  }
  bytes_put_u64(at + OFFSET_RECORDS_CHECKSUM, records_checksum(at, frame->size, cipher->seed));
  bytes_put_u64(at + OFFSET_HEADER_CHECKSUM, header_checksum(at, cipher->seed));
}

bool log_frame_decode_header(const uint8_t *at, uint64_t seed, struct log_frame *frame)
{
  if (bytes_get_u32(at) != (uint32_t)FRAME_MAGIC) return false;
  if (bytes_get_u64(at + OFFSET_HEADER_CHECKSUM) != header_checksum(at, seed)) return false;
  frame->number = bytes_get_u32(at + 4);
  frame->size = bytes_get_u32(at + 8);
  frame->records = bytes_get_u32(at + 12);
  frame->first_sequence = bytes_get_u64(at + 16);
  frame->time_ms = (int64_t)bytes_get_u64(at + 24);
  return true;
}

enum log_frame_state log_frame_open(const struct log_frame *frame, struct log_cipher *cipher,
                                    uint8_t *at)
{
  if (bytes_get_u64(at + OFFSET_RECORDS_CHECKSUM) !=
      records_checksum(at, frame->size, cipher->seed))
    return LOG_FRAME_TORN;
  if (!cipher->sealed) return LOG_FRAME_VALID;
  if (frame->size > INT32_MAX) return LOG_FRAME_FORGED;
  uint8_t nonce[SEAL_NONCE_BYTES];
  make_nonce(frame->number, nonce);
  bool genuine = seal_decrypt(&cipher->sealer, nonce, bytes_of(at, OFFSET_TAG),
                              at + LOG_FRAME_HEADER_BYTES, frame->size, at + OFFSET_TAG);
  return genuine ? LOG_FRAME_VALID : LOG_FRAME_FORGED;
}

void log_record_encode(uint8_t *at, uint16_t type, int64_t time_ms, uint32_t size)
{
  bytes_put_u32(at, size);
  bytes_put_u16(at + 4, type);
  bytes_put_u16(at + 6, 0);
  bytes_put_u64(at + 8, (uint64_t)time_ms);
}

bool log_record_decode(struct bytes records, size_t *offset, struct log_record *record)
{
  CHECK_THAT(*offset, <=, records.size);
  size_t left = records.size - *offset;
  if (left < LOG_RECORD_HEADER_BYTES) return false;
  const uint8_t *at = records.data + *offset;
  uint32_t size = bytes_get_u32(at);
  if (size > left - LOG_RECORD_HEADER_BYTES || bytes_get_u16(at + 6) != 0) return false;
  record->type = bytes_get_u16(at + 4);
  record->time_ms = (int64_t)bytes_get_u64(at + 8);
  record->payload = bytes_of(at + LOG_RECORD_HEADER_BYTES, size);
  *offset += LOG_RECORD_HEADER_BYTES + size;
  return true;
}
