/*
 * Any bytes as log segments: recovery reads records without gap, cuts or refuses with file and
 * offset; it never crashes, and after a cut the next recovery finds the same and cuts nothing.
 *
 * So that inputs get past the checksums, blocks of 64 bytes that begin with certain letters are
 * made into frames: 'T' a valid one of the bytes that follow, 'U' one whose fields are the input's
 * own and only the checksums are right, 'V' one with a valid header only. All other blocks stay as
 * they are.
 *
 *     byte 0: 1 LOG_TAIL_KEEP, 2 sealed, 4 two segments   byte 1: first sequence of the second
 *     byte 2: where to read from                          byte 3: where the second begins, in
 *     blocks
 */
#include "base/check.h"
#include "base/hash.h"
#include "sim/world_sim.h"
#include "store/log_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROL_BYTES = 4, BODY_BYTES_MAX = 60000, BLOCK = LOG_FRAME_ALIGN };

static const uint8_t key[LOG_KEY_BYTES] = "an AES-256 key of 32 bytes, fix";

struct body {
  uint8_t bytes[BODY_BYTES_MAX + 2 * BLOCK];
  size_t size;
};

static void write_checksums(uint8_t *at, size_t records_size, uint64_t seed)
{
  struct bytes records = bytes_of(at + LOG_FRAME_HEADER_BYTES, records_size);
  memcpy(at, "TFRM", 4);
  bytes_put_u64(at + 48, hash_bytes(records, seed));
  bytes_put_u64(at + 56, hash_bytes(bytes_of(at, 56), seed));
}

/* A valid frame: byte 1 says how many records follow, byte 2 and 3 their size. */
static size_t make_valid(uint8_t *at, size_t left, struct log_cipher *cipher,
                         struct log_frame *expected)
{
  struct log_frame frame = *expected;
  frame.records = at[1];
  frame.size = frame.records == 0 ? 0 : bytes_get_u16(at + 2);
  if (frame.size == 0) frame.records = 0;
  if (log_frame_extent(frame.size) > left) return BLOCK;
  log_frame_encode(&frame, cipher, at);
  expected->number++;
  expected->first_sequence += frame.records;
  return (size_t)log_frame_extent(frame.size);
}

static void make_frames(struct body *body, uint64_t first_sequence, struct log_cipher *cipher)
{
  struct log_frame expected = {.first_sequence = first_sequence};
  for (size_t at = 0; at < body->size;) {
    uint8_t *block = body->bytes + at;
    size_t left = body->size - at;
    uint32_t size = bytes_get_u32(block + 8);
    if (block[0] == 'T') {
      at += make_valid(block, left, cipher, &expected);
      continue;
    }
    if (block[0] == 'U' || block[0] == 'V')
      write_checksums(block, block[0] == 'U' && size <= left - BLOCK ? size : 0, cipher->seed);
    at += BLOCK;
  }
}

/* The file of a segment whose frames are made of `input`. */
static void write_segment(struct world *world, uint64_t sequence, bool sealed, struct bytes input)
{
  struct body body = {.size = (input.size + BLOCK - 1) / BLOCK * BLOCK};
  struct error error;
  struct log_cipher cipher = {.sealed = sealed};
  struct store_file_header header = {.sequence = sequence, .salt = "the fuzzer's own"};
  uint8_t block[STORE_FILE_BLOCK_BYTES];
  char path[STORE_FILE_PATH_BYTES];
  CHECK(store_file_seal(&log_segment_kind, &header, sealed ? key : NULL, &cipher.sealer, &error));
  cipher.seed = store_file_seed(header.salt);
  store_file_header_encode(&log_segment_kind, &header, block);
  if (input.size > 0) memcpy(body.bytes, input.data, input.size);
  make_frames(&body, sequence, &cipher);
  seal_free(&cipher.sealer);
  store_file_numbered_path(path, &log_segment_kind, "/data", sequence);
  int file = world->operations->file_open(world, path, WORLD_OPEN_CREATE);
  CHECK_THAT(file, >=, 0);
  CHECK(world->operations->file_write(world, file, block, sizeof block, 0) == 0);
  CHECK(body.size == 0 ||
        world->operations->file_write(world, file, body.bytes, body.size, sizeof block) == 0);
  world->operations->file_close(world, file);
}

/* The last sequence read, or UINT64_MAX when the log is refused. */
static uint64_t read_log(struct world *world, uint64_t from, enum log_tail tail)
{
  struct log_options options = {.directory = "/data", .key = key};
  struct log_record record;
  struct error error = {.code = ERROR_NONE};
  uint64_t last = from - 1;
  int more = -1;
  struct log_reader *reader = log_reader_open(world, &options, from, tail, &error);
  while (reader != NULL && (more = log_reader_next(reader, &record, &error)) == 1) {
    CHECK_THAT(record.sequence, ==, ++last);
    CHECK_THAT(record.payload.size, <=, BODY_BYTES_MAX);
    CHECK(record.payload.size == 0 || hash_bytes(record.payload, 0) != 1);
  }
  if (reader != NULL && more == 0) CHECK(log_reader_next(reader, &record, &error) == 0);
  log_reader_close(reader);
  CHECK_THAT(world->memory.in_use, ==, 0);
  if (more == 0) return last;
  CHECK(error.code == ERROR_CORRUPT || error.code == ERROR_NOT_FOUND);
  CHECK(error.code != ERROR_CORRUPT || strstr(error.message, ".seg at offset ") != NULL);
  return UINT64_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < CONTROL_BYTES || size > CONTROL_BYTES + BODY_BYTES_MAX) return 0;
  struct world_sim *sim = world_sim_new(1);
  struct world *world = world_sim_world(sim);
  enum log_tail tail = (data[0] & 1) != 0 ? LOG_TAIL_KEEP : LOG_TAIL_CUT;
  bool sealed = (data[0] & 2) != 0;
  struct bytes body = bytes_of(data + CONTROL_BYTES, size - CONTROL_BYTES);
  CHECK(world->operations->dir_make(world, "/data") == 0);
  if ((data[0] & 4) != 0 && data[1] > 1) {
    size_t cut = (size_t)data[3] * BLOCK < body.size ? (size_t)data[3] * BLOCK : body.size;
    write_segment(world, data[1], sealed, bytes_of(body.data + cut, body.size - cut));
    body.size = cut;
  }
  write_segment(world, 1, sealed, body);
  uint64_t from = 1 + data[2];
  uint64_t last = read_log(world, from, tail);
  uint64_t operations = world_sim_disk_operations(sim);
  CHECK(tail == LOG_TAIL_CUT || read_log(world, from, tail) == last);
  CHECK(tail == LOG_TAIL_CUT || world_sim_disk_operations(sim) == operations);
  if (tail == LOG_TAIL_CUT && last != UINT64_MAX)
    CHECK(read_log(world, from, LOG_TAIL_KEEP) == last && read_log(world, from, tail) == last);
  world_sim_free(sim);
  return 0;
}
