#include "net/compress.h"

#include "base/check.h"

#define ZLIB_CONST
#include <zlib.h>

enum {
  GZIP_WINDOW_BITS = 15 + 16, /* the largest window; 16 asks for gzip instead of zlib framing */
  GZIP_MEMORY_LEVEL = 8,      /* zlib's default */
  BLOCK_HEADER_BYTES = 16,    /* keeps zlib's block aligned for any type */
  WEIGHT_MAX = 1000,          /* q=1, in thousandths */
  WEIGHT_ABSENT = -1,
};

/* ---- zlib ---- */

/* zlib frees without a size, so each block begins with its own. */
static void *allocate(void *context, unsigned int count, unsigned int size)
{
  size_t total;
  if (__builtin_mul_overflow((size_t)count, (size_t)size, &total)) return NULL;
  if (__builtin_add_overflow(total, BLOCK_HEADER_BYTES, &total)) return NULL;
  uint8_t *block = memory_alloc(context, total);
  if (block == NULL) return NULL;
  memcpy(block, &total, sizeof(total));
  return block + BLOCK_HEADER_BYTES;
}

static void release(void *context, void *address)
{
  uint8_t *block = (uint8_t *)address - BLOCK_HEADER_BYTES;
  size_t total;
  memcpy(&total, block, sizeof(total));
  memory_free(context, block, total);
}

void compressor_init(struct compressor *compressor, struct memory *memory)
{
  *compressor = (struct compressor){.memory = memory};
}

void compressor_free(struct compressor *compressor)
{
  if (compressor->stream == NULL) return;
  /* Z_DATA_ERROR: the last body was given up half-way, all is freed nevertheless. */
  CHECK(deflateEnd(compressor->stream) != Z_STREAM_ERROR);
  memory_free(compressor->memory, compressor->stream, sizeof(*compressor->stream));
  compressor->stream = NULL;
}

bool compressor_prepare(struct compressor *compressor)
{
  if (compressor->stream != NULL) return true;
  z_stream *stream = memory_alloc_zeroed(compressor->memory, sizeof(*stream));
  if (stream == NULL) return false;
  stream->zalloc = allocate;
  stream->zfree = release;
  stream->opaque = compressor->memory;
  int result = deflateInit2(stream, COMPRESS_LEVEL_REPLY, Z_DEFLATED, GZIP_WINDOW_BITS,
                            GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
  if (result != Z_OK) {
    CHECK_THAT(result, ==, Z_MEM_ERROR);
    memory_free(compressor->memory, stream, sizeof(*stream));
    return false;
  }
  compressor->stream = stream;
  compressor->level = COMPRESS_LEVEL_REPLY;
  return true;
}

bool compress_gzip(struct compressor *compressor, struct bytes body, int level, struct buffer *to)
{
  CHECK(level >= 1 && level <= 9);
  if (body.size == 0 || body.size > UINT32_MAX) return false;
  if (!compressor_prepare(compressor) || !buffer_reserve(to, body.size)) return false;
  z_stream *stream = compressor->stream;
  CHECK_THAT(deflateReset(stream), ==, Z_OK);
  stream->next_in = body.data;
  stream->avail_in = 0;
  stream->next_out = to->data + to->size;
  /* One byte less than the body: a stream that does not end in it is not smaller. */
  stream->avail_out = (unsigned int)(body.size - 1);
  if (level != compressor->level) {
    CHECK_THAT(deflateParams(stream, level, Z_DEFAULT_STRATEGY), ==, Z_OK);
    compressor->level = level;
  }
  stream->avail_in = (unsigned int)body.size;
  int result = deflate(stream, Z_FINISH);
  CHECK(result == Z_STREAM_END || result == Z_OK || result == Z_BUF_ERROR);
  if (result != Z_STREAM_END) return false;
  CHECK_THAT(stream->total_out, <, body.size);
  to->size += stream->total_out;
  return true;
}

/* ---- content types ---- */

static uint8_t lower(uint8_t byte)
{
  return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static bool equal_in_any_case(struct bytes slice, struct bytes lower_text)
{
  if (slice.size != lower_text.size) return false;
  for (size_t i = 0; i < slice.size; i++)
    if (lower(slice.data[i]) != lower_text.data[i]) return false;
  return true;
}

static bool starts_in_any_case(struct bytes slice, struct bytes lower_text)
{
  return slice.size >= lower_text.size &&
         equal_in_any_case(bytes_of(slice.data, lower_text.size), lower_text);
}

static bool ends_in_any_case(struct bytes slice, struct bytes lower_text)
{
  if (slice.size < lower_text.size) return false;
  const uint8_t *end = slice.data + (slice.size - lower_text.size);
  return equal_in_any_case(bytes_of(end, lower_text.size), lower_text);
}

bool compress_type_allowed(struct bytes content_type)
{
  struct bytes type = {content_type.data, 0};
  while (type.size < content_type.size && content_type.data[type.size] != ';') type.size++;
  while (type.size > 0 && (type.data[type.size - 1] == ' ' || type.data[type.size - 1] == '\t'))
    type.size--;
  return starts_in_any_case(type, BYTES("text/")) ||
         equal_in_any_case(type, BYTES("application/json")) ||
         equal_in_any_case(type, BYTES("application/javascript")) ||
         ends_in_any_case(type, BYTES("+json")) || ends_in_any_case(type, BYTES("+xml"));
}

/* ---- Accept-Encoding ---- */

struct cursor {
  const uint8_t *at;
  const uint8_t *end;
};

static bool peek(const struct cursor *cursor, uint8_t byte)
{
  return cursor->at < cursor->end && *cursor->at == byte;
}

static bool take(struct cursor *cursor, uint8_t byte)
{
  if (!peek(cursor, byte)) return false;
  cursor->at++;
  return true;
}

static bool take_digit(struct cursor *cursor, uint8_t highest, int *digit)
{
  if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > highest) return false;
  *digit = *cursor->at++ - '0';
  return true;
}

static void skip_space(struct cursor *cursor)
{
  while (take(cursor, ' ') || take(cursor, '\t')) {
  }
}

/* tchar of RFC 9110 5.6.2. */
static bool is_token_byte(uint8_t byte)
{
  uint8_t letter = lower(byte);
  if ((letter >= 'a' && letter <= 'z') || (byte >= '0' && byte <= '9')) return true;
  return byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL;
}

static struct bytes take_token(struct cursor *cursor)
{
  const uint8_t *start = cursor->at;
  while (cursor->at < cursor->end && is_token_byte(*cursor->at)) cursor->at++;
  return bytes_of(start, (size_t)(cursor->at - start));
}

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ), RFC 9110 12.4.2. */
static bool take_qvalue(struct cursor *cursor, int *weight)
{
  int whole, digit;
  if (!take_digit(cursor, '1', &whole)) return false;
  *weight = whole * WEIGHT_MAX;
  if (!take(cursor, '.')) return true;
  uint8_t highest = whole == 1 ? '0' : '9';
  for (int unit = WEIGHT_MAX / 10; unit > 0 && take_digit(cursor, highest, &digit); unit /= 10)
    *weight += digit * unit;
  return true;
}

/* [ OWS ";" OWS "q=" qvalue ] and the white space behind it; without it the weight is 1. */
static bool take_weight(struct cursor *cursor, int *weight)
{
  *weight = WEIGHT_MAX;
  skip_space(cursor);
  if (!take(cursor, ';')) return true;
  skip_space(cursor);
  if (!take(cursor, 'q') && !take(cursor, 'Q')) return false;
  if (!take(cursor, '=') || !take_qvalue(cursor, weight)) return false;
  skip_space(cursor);
  return true;
}

struct coding_weights {
  int gzip;
  int any;
  int identity;
};

static void note_weight(struct coding_weights *weights, struct bytes coding, int weight)
{
  int *noted = NULL;
  if (equal_in_any_case(coding, BYTES("gzip")) || equal_in_any_case(coding, BYTES("x-gzip")))
    noted = &weights->gzip;
  else if (bytes_equal(coding, BYTES("*")))
    noted = &weights->any;
  else if (equal_in_any_case(coding, BYTES("identity")))
    noted = &weights->identity;
  if (noted != NULL && (*noted == WEIGHT_ABSENT || weight < *noted)) *noted = weight;
}

bool accepts_gzip(struct bytes accept_encoding)
{
  if (accept_encoding.size == 0) return false;
  struct cursor cursor = {accept_encoding.data, accept_encoding.data + accept_encoding.size};
  struct coding_weights weights = {WEIGHT_ABSENT, WEIGHT_ABSENT, WEIGHT_ABSENT};
  do {
    skip_space(&cursor);
    if (cursor.at == cursor.end || peek(&cursor, ',')) continue; /* empty ones count as nothing */
    struct bytes coding = take_token(&cursor);
    int weight;
    if (coding.size == 0 || !take_weight(&cursor, &weight)) return false;
    note_weight(&weights, coding, weight);
  } while (take(&cursor, ','));
  if (cursor.at != cursor.end) return false;
  int gzip = weights.gzip != WEIGHT_ABSENT ? weights.gzip : weights.any;
  return gzip > 0 && gzip >= weights.identity;
}
